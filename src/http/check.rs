//! `POST /v1/check` and `POST /v1/checks`.
//!
//! Errors in the order of the contract: 413 by length, 401, 429 of the unit's rate, 405, 415, then
//! what the body says.
//!
//! HOT.

use super::auth;
use super::body;
use super::context::{Admitted, Context};
use super::overload;
use super::reply::{self, Reply};
use super::usual::Usual;
use crate::gateway::clients::Brought;
use crate::gateway::operator::Operator;
use crate::gateway::service::Caller;
use crate::model::language::Language;
use crate::seal::certificate::CertificateHash;
use crate::telemetry::shed::ShedClass;
use crate::wire::checks;
use crate::wire::problem::Problem;
use hyper::body::Incoming;
use hyper::header::ACCEPT_LANGUAGE;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use std::future::ready;
use std::time::{Duration, Instant};

/// What the head of a check says, however it was read.
pub struct Head<'h> {
    /// 413 where it states a body that is too long.
    pub fits: Result<(), Problem>,
    /// Who asks; 401.
    pub brought: Result<Brought<'h>, Problem>,
    /// When it was read, if not just now, and how long the caller waits.
    pub times: (Option<Instant>, Option<Duration>),
    /// Whether the method is POST.
    pub is_post: bool,
    /// 415 where the body is no JSON.
    pub media_type: Result<(), Problem>,
    /// The person at the unit.
    pub operator: Operator<'h>,
    /// Of the answer.
    pub language: Language,
}

impl<'h> Head<'h> {
    fn of(parts: &'h Parts, bytes_max: usize) -> Self {
        let headers = &parts.headers;
        Self {
            fits: body::fits(headers, bytes_max),
            brought: auth::brought(parts),
            times: overload::times(headers),
            is_post: parts.method == Method::POST,
            media_type: body::is_json(headers),
            operator: auth::operator(headers),
            language: language(headers),
        }
    }

    /// Of a request that was read by hand.
    fn of_usual(
        usual: &Usual<'h>,
        head_at: Option<Instant>,
        certificate: Option<CertificateHash>,
    ) -> Self {
        Self {
            // Its length was looked at before.
            fits: Ok(()),
            brought: auth::brought_by(usual.authorization, certificate),
            times: (head_at, usual.timeout.and_then(overload::deadline_of)),
            is_post: true,
            media_type: body::states(usual.content_type, body::JSON),
            operator: Operator::read(usual.operator),
            language: usual
                .accept_language
                .map_or(Language::default(), Language::preferred),
        }
    }
}

/// Answers one question.
pub async fn one(context: &Context, head: &Parts, body: Incoming) -> Response<Reply> {
    by_hyper(context, head, body, checks::CHECK_BYTES_MAX, Kind::One).await
}

/// Answers many questions on one snapshot. Lines have a way of their own.
pub async fn many(context: &Context, head: &Parts, body: Incoming) -> Response<Reply> {
    let bytes_max = context.limits.checks_bytes_max;
    by_hyper(context, head, body, bytes_max, Kind::Many).await
}

/// Answers a question that was read by hand: the body of an answer, or what is not one.
pub async fn usual(
    context: &Context,
    usual: Usual<'_>,
    head_at: Option<Instant>,
    certificate: Option<CertificateHash>,
) -> Result<Vec<u8>, Box<Response<Reply>>> {
    let head = Head::of_usual(&usual, head_at, certificate);
    answer(context, head, ready(Ok(usual.body)), Kind::One).await
}

#[derive(Clone, Copy)]
enum Kind {
    One,
    Many,
}

impl Kind {
    fn class(self) -> ShedClass {
        match self {
            Self::One => ShedClass::Interactive,
            Self::Many => ShedClass::Batch,
        }
    }

    fn route(self) -> &'static str {
        match self {
            Self::One => "/v1/check",
            Self::Many => "/v1/checks",
        }
    }
}

async fn by_hyper(
    context: &Context,
    head: &Parts,
    body: Incoming,
    bytes_max: usize,
    kind: Kind,
) -> Response<Reply> {
    let bytes = body::read(body, bytes_max, context.limits.body_timeout());
    let head = Head::of(head, bytes_max);
    match answer(context, head, bytes, kind).await {
        Ok(body) => reply::json(StatusCode::OK, body),
        Err(response) => *response,
    }
}

async fn answer<B: AsRef<[u8]>>(
    context: &Context,
    head: Head<'_>,
    body: impl Future<Output = Result<B, Problem>>,
    kind: Kind,
) -> Result<Vec<u8>, Box<Response<Reply>>> {
    let gateway = &*context.gateway;
    let refuse = |problem: Problem, client| {
        gateway.refused(&problem, client, kind.route());
        Box::new(reply::problem(&problem))
    };
    let closing = |problem| Box::new(reply::closing(*refuse(problem, None)));
    head.fits.map_err(closing)?;
    let law = gateway.law();
    let known = head.brought.and_then(|brought| {
        let client = auth::known(gateway, &law, brought)?;
        Ok((brought, client))
    });
    // Before the body is read: what is turned away costs as little as can be.
    let client = known.as_ref().ok().map(|(_, client)| *client);
    let shed = |reason| Box::new(context.shed(reason));
    let admitted = context.admit(head.times, kind.class(), client).await;
    let admitted = admitted.map_err(shed)?;
    let (brought, client) = known.map_err(|problem| refuse(problem, None))?;
    // Refused inside: counted there, and recorded once a minute.
    let of_unit = gateway.admit(client, 1).await;
    of_unit.map_err(|problem| Box::new(reply::problem(&problem)))?;
    if !head.is_post {
        return Err(Box::new(reply::method_not_allowed("POST")));
    }
    let of_type = head.media_type;
    of_type.map_err(|problem| refuse(problem, None))?;
    let bytes = body.await.map_err(closing)?;
    // From the whole request to its answer: how long a peer takes to send is its own affair.
    let started = Instant::now();
    context.is_in_time(admitted, started).map_err(shed)?;
    let caller = Caller {
        law: &law,
        client,
        brought,
        operator: &head.operator,
    };
    let (bytes, language) = (bytes.as_ref(), head.language);
    let answered = match kind {
        Kind::One => gateway.check(caller, bytes, language, &context.waits).await,
        Kind::Many => Box::pin(all(context, caller, admitted, bytes, language)).await,
    };
    context.durations.record(started.elapsed());
    // Refusals inside are counted where they arise.
    answered.map_err(|problem| Box::new(reply::problem(&problem)))
}

/// Many checks: all of them fit the unit's rate, or none is answered.
async fn all(
    context: &Context,
    caller: Caller<'_>,
    admitted: Admitted,
    bytes: &[u8],
    language: Language,
) -> Result<Vec<u8>, Problem> {
    let gateway = &context.gateway;
    let items = checks::parse(bytes).inspect_err(|problem| {
        gateway.refused(problem, Some(caller.client), Kind::Many.route());
    })?;
    context.is_many(admitted, items.len());
    // One was admitted with the head.
    gateway
        .admit(caller.client, items.len().saturating_sub(1))
        .await?;
    gateway
        .checks(caller, &items, language, &context.waits)
        .await
}

/// The language that a request asks for.
pub fn language(headers: &HeaderMap) -> Language {
    let header = headers.get(ACCEPT_LANGUAGE);
    let header = header.and_then(|value| value.to_str().ok());
    header.map_or(Language::default(), Language::preferred)
}
