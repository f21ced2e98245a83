//! `POST /v1/scan`: listed names inside a text.
//!
//! Errors in the order of the contract: 413 by length, 401, 405, 415, then what the body says. The
//! text is read on a thread for bulk work, never on this one.

use super::auth;
use super::body;
use super::check::language;
use super::context::Context;
use super::reply::{self, Reply};
use crate::gateway::service::Caller;
use crate::wire::problem::Problem;
use crate::wire::scan::SCAN_BYTES_MAX;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

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
    let (brought, client) = match auth::recognise(gateway, &law, head) {
        Ok(known) => known,
        Err(problem) => return refuse(problem),
    };
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
    let operator = auth::operator(&head.headers);
    let caller = Caller {
        law: &law,
        client,
        brought,
        operator: &operator,
    };
    let language = language(&head.headers);
    match gateway.scan(caller, bytes, language, &context.waits).await {
        Ok(body) => reply::json(StatusCode::OK, body),
        // Refusals inside are counted where they arise.
        Err(problem) => reply::problem(&problem),
    }
}
