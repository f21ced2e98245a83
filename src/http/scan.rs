//! `POST /v1/scan`: listed names inside a text.
//!
//! Errors in the order of the contract: 413 by length, 401, 405, 415, then what the body says. The
//! text is read on a thread for bulk work, never on this one.

use super::auth;
use super::body;
use super::check::language;
use super::context::Context;
use super::overload;
use super::reply::{self, Reply};
use crate::gateway::service::Caller;
use crate::telemetry::shed::ShedClass;
use crate::wire::problem::Problem;
use crate::wire::scan::SCAN_BYTES_MAX;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use std::time::Instant;

/// Answers one scan.
pub async fn post(context: &Context, head: &Parts, body: Incoming) -> Response<Reply> {
    let gateway = &context.gateway;
    let refuse = |problem: Problem| {
        gateway.refused(&problem, None, "/v1/scan");
        reply::problem(&problem)
    };
    if let Err(problem) = body::fits(&head.headers, SCAN_BYTES_MAX) {
        return reply::closing(refuse(problem));
    }
    let law = gateway.law();
    let known = auth::recognise(gateway, &law, head);
    let client = known.as_ref().ok().map(|(_, client)| *client);
    let admitted = match context
        .admit(overload::times(&head.headers), ShedClass::Batch, client)
        .await
    {
        Ok(admitted) => admitted,
        Err(reason) => return context.shed(reason),
    };
    let (brought, client) = match known {
        Ok(known) => known,
        Err(problem) => return refuse(problem),
    };
    if let Err(problem) = gateway.admit(client, 1).await {
        return reply::problem(&problem);
    }
    if head.method != Method::POST {
        return reply::method_not_allowed("POST");
    }
    if let Err(problem) = body::is_json(&head.headers) {
        return refuse(problem);
    }
    let bytes = match body::read(body, SCAN_BYTES_MAX, context.limits.body_timeout()).await {
        Ok(bytes) => bytes,
        Err(problem) => return reply::closing(refuse(problem)),
    };
    if let Err(reason) = context.is_in_time(admitted, Instant::now()) {
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
    let wait_max = context.wait_max(admitted);
    let scanned = gateway.scan(caller, bytes, language, wait_max, &context.waits);
    match scanned.await {
        Ok(body) => reply::json(StatusCode::OK, body),
        // Refusals inside are counted where they arise.
        Err(problem) => reply::problem(&problem),
    }
}
