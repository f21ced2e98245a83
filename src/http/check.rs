//! `POST /v1/check` and `POST /v1/checks`.
//!
//! Errors in the order of the contract: 413 by length, 401, 429 of the unit's rate, 405, 415, then
//! what the body says.
//!
//! HOT.

use super::auth;
use super::body;
use super::context::{Admitted, Context};
use super::reply::{self, Reply};
use crate::gateway::service::Caller;
use crate::model::language::Language;
use crate::telemetry::shed::ShedClass;
use crate::wire::checks;
use crate::wire::problem::Problem;
use hyper::body::Incoming;
use hyper::header::ACCEPT_LANGUAGE;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use std::time::Instant;

/// Answers one question.
pub async fn one(context: &Context, head: &Parts, body: Incoming) -> Response<Reply> {
    let bytes_max = checks::CHECK_BYTES_MAX;
    answer(context, head, body, bytes_max, Kind::One).await
}

/// Answers many questions on one snapshot. Lines have a way of their own.
pub async fn many(context: &Context, head: &Parts, body: Incoming) -> Response<Reply> {
    let bytes_max = context.limits.checks_bytes_max;
    answer(context, head, body, bytes_max, Kind::Many).await
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

async fn answer(
    context: &Context,
    head: &Parts,
    body: Incoming,
    bytes_max: usize,
    kind: Kind,
) -> Response<Reply> {
    let gateway = &*context.gateway;
    let refuse = |problem: Problem, client| {
        gateway.refused(&problem, client, kind.route());
        reply::problem(&problem)
    };
    if let Err(problem) = body::fits(&head.headers, bytes_max) {
        return reply::closing(refuse(problem, None));
    }
    let law = gateway.law();
    let known = auth::recognise(gateway, &law, head);
    // Before the body is read: what is turned away costs as little as can be.
    let client = known.as_ref().ok().map(|(_, client)| *client);
    let admitted = match context.admit(&head.headers, kind.class(), client).await {
        Ok(admitted) => admitted,
        Err(reason) => return context.shed(reason),
    };
    let (brought, client) = match known {
        Ok(known) => known,
        Err(problem) => return refuse(problem, None),
    };
    // Refused inside: counted there, and recorded once a minute.
    if let Err(problem) = gateway.admit(client, 1).await {
        return reply::problem(&problem);
    }
    if head.method != Method::POST {
        return reply::method_not_allowed("POST");
    }
    if let Err(problem) = body::is_json(&head.headers) {
        return refuse(problem, None);
    }
    let bytes = match body::read(body, bytes_max, context.limits.body_timeout()).await {
        Ok(bytes) => bytes,
        Err(problem) => return reply::closing(refuse(problem, None)),
    };
    // From the whole request to its answer: how long a peer takes to send is its own affair.
    let started = Instant::now();
    if let Err(reason) = context.is_in_time(admitted, started) {
        return context.shed(reason);
    }
    let operator = auth::operator(&head.headers);
    let caller = Caller {
        law: &law,
        client,
        brought,
        operator: &operator,
    };
    let language = language(&head.headers);
    let answered = match kind {
        Kind::One => {
            gateway
                .check(caller, &bytes, language, &context.waits)
                .await
        }
        Kind::Many => Box::pin(all(context, caller, admitted, &bytes, language)).await,
    };
    let response = match answered {
        Ok(body) => reply::json(StatusCode::OK, body),
        // Refusals inside are counted where they arise.
        Err(problem) => reply::problem(&problem),
    };
    context.durations.record(started.elapsed());
    response
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
