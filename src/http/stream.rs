//! `POST /v1/checks` with `application/x-ndjson`: a check a line in, an answer a line out, both
//! under way at the same time.
//!
//! In: the head and the body as it arrives. Out: a body that is made while it is sent. Held in
//! memory are at most one line, one piece of the body and the answers of `BATCH_LINES_MAX` lines:
//! where the peer does not read, nothing more is read from it; where it goes away, the work ends.
//! Line n of the answer is that of the n-th line that is not blank; a faulty line has its own
//! problem with `status` and ends nothing. A line has at most 64 KiB and must be whole within the
//! time of a body; between two lines the time of an idle connection holds.

use super::auth;
use super::body;
use super::check::language;
use super::context::Context;
use super::limits::Limits;
use super::overload::{self, Load};
use super::reply::{self, Pieces, Reply};
use crate::gateway::clients::Brought;
use crate::gateway::operator::Operator;
use crate::gateway::service::Gateway;
use crate::gateway::stream::Asking;
use crate::model::language::Language;
use crate::seal::certificate::CertificateHash;
use crate::telemetry::Durations;
use crate::telemetry::shed::ShedClass;
use crate::wire::checks::{self, CHECK_BYTES_MAX};
use crate::wire::problem::{Problem, ProblemKind};
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Lines that are answered together, at most.
const BATCH_LINES_MAX: usize = 16;
/// How long a batch stands back for interactive requests, at most.
const STAND_BACK_MAX: Duration = Duration::from_secs(1);
/// How long a stream waits for bytes before it looks whether the gateway is stopping.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const ROUTE: &str = "/v1/checks";

/// Whether the head announces lines.
pub fn is_ndjson(headers: &HeaderMap) -> bool {
    let stated = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = stated.and_then(|stated| stated.split(';').next());
    media_type.is_some_and(|word| word.trim().eq_ignore_ascii_case("application/x-ndjson"))
}

/// Begins to answer; the rest is done while the answer is sent.
pub async fn checks(context: &Context, head: &Parts, body: Incoming) -> Response<Reply> {
    let gateway = &context.gateway;
    let law = gateway.law();
    let known = auth::recognise(gateway, &law, head);
    let client = known.as_ref().ok().map(|(_, client)| *client);
    if let Err(reason) = context
        .admit(overload::times(&head.headers), ShedClass::Batch, client)
        .await
    {
        return context.shed(reason);
    }
    let brought = match known {
        Ok((brought, _)) => brought,
        Err(problem) => {
            gateway.refused(&problem, None, ROUTE);
            return reply::problem(&problem);
        }
    };
    if head.method != Method::POST {
        return reply::method_not_allowed("POST");
    }
    if let Err(problem) = body::is_ndjson(&head.headers) {
        gateway.refused(&problem, None, ROUTE);
        return reply::problem(&problem);
    }
    let stream = Stream {
        gateway: Arc::clone(gateway),
        limits: Arc::clone(&context.limits),
        waits: Arc::clone(&context.waits),
        load: Arc::clone(&context.load),
        language: language(&head.headers),
        operator: auth::operator(&head.headers).into_owned(),
        token: brought.token.map(str::to_owned),
        certificate: brought.certificate,
        body,
        unread: BytesMut::new(),
        is_skipping: false,
        ends: false,
        lines: 0,
        since: Instant::now(),
    };
    reply::lines(stream.into_pieces())
}

/// One stream under way.
struct Stream {
    gateway: Arc<Gateway>,
    limits: Arc<Limits>,
    waits: Arc<Durations>,
    load: Arc<Load>,
    language: Language,
    operator: Operator<'static>,
    token: Option<String>,
    certificate: Option<CertificateHash>,
    body: Incoming,
    unread: BytesMut,
    /// The rest of a line that was too long is still to come.
    is_skipping: bool,
    /// Nothing more is read.
    ends: bool,
    lines: u64,
    /// When the first byte of the line under way came, or the last line ended.
    since: Instant,
}

/// What stands at the beginning of what is not yet read.
enum Next {
    Line(Bytes),
    TooLong,
    Blank,
    Nothing,
}

impl Stream {
    fn into_pieces(mut self) -> Pieces {
        Pieces::new(async move {
            let piece = self.piece().await?;
            Some((piece, self.into_pieces()))
        })
    }

    /// The answers of the next lines; `None` at the end.
    async fn piece(&mut self) -> Option<Bytes> {
        loop {
            let (lines, problem) = self.whole_lines();
            if !lines.is_empty() {
                // Where others wait, a stream goes on slowly; it is not broken off.
                self.load.stand_back(STAND_BACK_MAX).await;
                let asking = Asking {
                    brought: Brought {
                        token: self.token.as_deref(),
                        certificate: self.certificate,
                    },
                    operator: &self.operator,
                    language: self.language,
                };
                let answering = self.gateway.lines(asking, &lines, &self.waits);
                let answered = answering.await;
                let mut out = answered.lines;
                if !answered.goes_on {
                    self.end();
                } else if let Some(problem) = problem {
                    self.say(&problem, &mut out);
                }
                // Others on this runtime have their turn between two batches.
                tokio::task::yield_now().await;
                return Some(out.into());
            }
            if let Some(problem) = problem {
                let mut out = Vec::new();
                self.say(&problem, &mut out);
                return Some(out.into());
            }
            if self.ends {
                return None;
            }
            if let Err(problem) = self.fill().await {
                self.end();
                let mut out = Vec::new();
                self.say(&problem, &mut out);
                return Some(out.into());
            }
        }
    }

    /// Lines that are there as a whole, at most a batch, and the problem of the one after them.
    fn whole_lines(&mut self) -> (Vec<Bytes>, Option<Problem>) {
        let mut lines = Vec::new();
        while lines.len() < BATCH_LINES_MAX {
            let next = self.next_line();
            let is_one = matches!(next, Next::Line(_) | Next::TooLong);
            if is_one && self.lines >= self.limits.stream_lines_max {
                self.end();
                let detail = format!(
                    "a stream may have at most {} lines; send the rest in another",
                    self.limits.stream_lines_max
                );
                return (lines, Some(Problem::new(ProblemKind::TooLarge, detail)));
            }
            self.lines += u64::from(is_one);
            match next {
                Next::Line(line) => lines.push(line),
                Next::TooLong => return (lines, Some(checks::too_long())),
                Next::Blank => (),
                Next::Nothing => break,
            }
        }
        (lines, None)
    }

    fn next_line(&mut self) -> Next {
        let end = self.unread.iter().position(|byte| *byte == b'\n');
        if self.is_skipping {
            self.unread
                .advance(end.map_or(self.unread.len(), |end| end + 1));
            self.is_skipping = end.is_none() && !self.ends;
            self.since = Instant::now();
            return if end.is_some() {
                Next::Blank
            } else {
                Next::Nothing
            };
        }
        let length = match end {
            Some(end) => end,
            None if self.unread.len() > CHECK_BYTES_MAX => {
                self.is_skipping = true;
                self.unread.clear();
                return Next::TooLong;
            }
            // The last line needs no end.
            None if self.ends && !self.unread.is_empty() => self.unread.len(),
            None => return Next::Nothing,
        };
        let line = self.unread.split_to(length);
        if end.is_some() {
            self.unread.advance(1);
        }
        self.since = Instant::now();
        if line.len() > CHECK_BYTES_MAX {
            return Next::TooLong;
        }
        match line.iter().all(u8::is_ascii_whitespace) {
            true => Next::Blank,
            false => Next::Line(line.freeze()),
        }
    }

    /// Waits for more of the body. Errors: 408 too slow, 400 broken off, 503 the gateway stops.
    async fn fill(&mut self) -> Result<(), Problem> {
        let is_between = self.unread.is_empty() && !self.is_skipping;
        let wait_max = match is_between {
            true => Duration::from_millis(self.limits.idle_timeout_ms),
            false => self.limits.body_timeout(),
        };
        loop {
            if self.gateway.stopping.load(Ordering::Relaxed) {
                return Err(Problem::unavailable("the gateway is stopping"));
            }
            let left = wait_max.saturating_sub(self.since.elapsed());
            if left.is_zero() {
                let detail = "the next line did not arrive in time";
                return Err(Problem::new(ProblemKind::Slow, detail));
            }
            match timeout(left.min(LOOK_EVERY), self.body.frame()).await {
                Err(_) => (),
                Ok(None) => {
                    self.ends = true;
                    return Ok(());
                }
                Ok(Some(Err(_))) => {
                    let detail = "the body breaks off";
                    return Err(Problem::new(ProblemKind::Malformed, detail));
                }
                Ok(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    if data.is_empty() {
                        continue;
                    }
                    if is_between {
                        self.since = Instant::now();
                    }
                    self.unread.extend_from_slice(&data);
                    return Ok(());
                }
            }
        }
    }

    fn end(&mut self) {
        self.ends = true;
        self.unread.clear();
    }

    fn say(&self, problem: &Problem, out: &mut Vec<u8>) {
        self.gateway.refused(problem, None, ROUTE);
        problem.write(out);
        out.push(b'\n');
    }
}
