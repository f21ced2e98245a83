//! Answers as hyper sends them: a status, a body that is there as a whole or made while it is
//! sent, a few headers.
//!
//! In: bytes or a problem. Out: a response. The body tells its connection when it is sent.

use super::progress::Serving;
use crate::telemetry::shed::ShedReason;
use crate::wire::problem::{PROBLEM_TYPE, Problem, ProblemKind};
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

const JSON_TYPE: HeaderValue = HeaderValue::from_static("application/json");
const NDJSON_TYPE: HeaderValue = HeaderValue::from_static("application/x-ndjson");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A body that is there as a whole, or is made while it is sent. When it is taken or dropped, its
/// connection is idle again.
pub struct Reply {
    content: Content,
    serving: Option<Serving>,
    is_shed: bool,
}

impl Reply {
    /// Whether it turns somebody away because others wait.
    pub fn is_shed(&self) -> bool {
        self.is_shed
    }

    /// Its bytes, where it is there as a whole.
    pub fn into_whole(self) -> Option<Bytes> {
        match self.content {
            Content::Whole(bytes) => Some(bytes.unwrap_or_default()),
            Content::Pieces(_) => None,
        }
    }
}

enum Content {
    Whole(Option<Bytes>),
    Pieces(Pieces),
}

/// A body made piece by piece, each only when the one before is on its way.
pub struct Pieces(NextPiece);

type NextPiece = Pin<Box<dyn Future<Output = Option<(Bytes, Pieces)>> + Send>>;

impl Pieces {
    /// From the work that makes the next piece and says how to go on; `None` is the end.
    pub fn new(next: impl Future<Output = Option<(Bytes, Self)>> + Send + 'static) -> Self {
        Self(Box::pin(next))
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut self.content {
            Content::Whole(bytes) => bytes.take(),
            Content::Pieces(pieces) => match ready!(pieces.0.as_mut().poll(cx)) {
                Some((bytes, rest)) => {
                    *pieces = rest;
                    if let Some(serving) = &self.serving {
                        serving.goes_on();
                    }
                    Some(bytes)
                }
                None => {
                    self.content = Content::Whole(None);
                    None
                }
            },
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Pieces(_) => SizeHint::default(),
        }
    }
}

/// Marks the response as the answer of this connection's request, which ends with it.
pub fn of_connection(mut response: Response<Reply>, mut serving: Serving) -> Response<Reply> {
    serving.is_answered();
    response.body_mut().serving = Some(serving);
    response
}

/// JSON that nobody may keep.
pub fn json(status: StatusCode, body: Vec<u8>) -> Response<Reply> {
    with_type(status, body, JSON_TYPE)
}

/// Lines of JSON that are made while they are sent.
pub fn lines(pieces: Pieces) -> Response<Reply> {
    let mut response = with_type(StatusCode::OK, Vec::new(), NDJSON_TYPE);
    response.body_mut().content = Content::Pieces(pieces);
    response
}

/// Any text.
pub fn with_type(status: StatusCode, body: Vec<u8>, media_type: HeaderValue) -> Response<Reply> {
    let mut response = Response::new(Reply {
        content: Content::Whole((!body.is_empty()).then(|| Bytes::from(body))),
        serving: None,
        is_shed: false,
    });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CACHE_CONTROL, NO_STORE);
    response
}

/// A problem.
pub fn problem(problem: &Problem) -> Response<Reply> {
    let status = StatusCode::from_u16(problem.status());
    let mut response = with_type(
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        problem.to_body(),
        HeaderValue::from_static(PROBLEM_TYPE),
    );
    let headers = response.headers_mut();
    if problem.kind == ProblemKind::Unauthorised {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = problem.retry_after_seconds {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// 503 for a request that is turned away because others wait. `dice` spreads those that come back
/// over 1 to 3 seconds.
pub fn shed(reason: ShedReason, dice: u32) -> Response<Reply> {
    let mut response = problem(&shed_problem(reason, dice));
    response.body_mut().is_shed = true;
    response
}

/// What `shed` says.
pub fn shed_problem(reason: ShedReason, dice: u32) -> Problem {
    let detail = match reason {
        ShedReason::Wait => "too many requests wait; ask again after Retry-After",
        ShedReason::Deadline => "the answer would come later than request-timeout-ms",
        ShedReason::Expired => "the gateway stood still while the request waited; ask again",
    };
    Problem {
        retry_after_seconds: Some(1 + dice % 3),
        ..Problem::unavailable(detail)
    }
}

/// 405 with the methods the path takes.
pub fn method_not_allowed(allowed: &'static str) -> Response<Reply> {
    let detail = format!("the path takes {allowed}");
    let mut response = problem(&Problem::new(ProblemKind::Method, detail));
    let value = HeaderValue::from_static(allowed);
    response.headers_mut().insert(ALLOW, value);
    response
}

/// The connection is closed after this answer.
pub fn closing(mut response: Response<Reply>) -> Response<Reply> {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

/// Returns the caller's trace context, where it has the form of one (W3C, version 00).
pub fn with_trace(mut response: Response<Reply>, trace: Option<HeaderValue>) -> Response<Reply> {
    if let Some(trace) = trace.filter(|trace| is_trace(trace.as_bytes())) {
        response.headers_mut().insert(TRACEPARENT, trace);
    }
    response
}

/// Whether a trace context has its form.
pub fn is_trace(trace: &[u8]) -> bool {
    let dash = |place: &usize| [2, 35, 52].contains(place);
    let fits = |(place, byte): (usize, &u8)| match byte {
        b'-' => dash(&place),
        b'0'..=b'9' | b'a'..=b'f' => !dash(&place),
        _ => false,
    };
    trace.len() == 55 && trace.iter().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::super::progress::{Phase, Progress};
    use super::*;
    use std::sync::Arc;

    #[test]
    fn only_a_well_formed_trace_context_comes_back() {
        for (text, wanted) in [
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                true,
            ),
            (
                "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
                false,
            ),
        ] {
            assert_eq!(is_trace(text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn a_reply_sets_its_connection_idle_when_it_is_sent() {
        let progress = Arc::new(Progress::default());
        let response = of_connection(json(StatusCode::OK, b"{}".to_vec()), progress.begin());
        assert_eq!(progress.phase(), Phase::Serving);
        drop(response);
        assert_eq!(progress.phase(), Phase::Idle);
    }
}
