//! One request off the hot path, from its head to its answer: who asks, may it, what does it say.
//!
//! Errors in the order of the contract: 413 by length, 401, 405 (by the route), 415, 400, 403,
//! 422, then what the handler says. The same `Idempotency-Key` with the same body gets the answer
//! of the first time.

use super::auth;
use super::body;
use super::context::Context;
use super::overload;
use super::reply::{self, Reply};
use crate::gateway::actor::Stopped;
use crate::gateway::client::{Client, ClientRole};
use crate::gateway::idempotency::{KEY_CHARS_MAX, KeptAnswer, RequestKey, Seen};
use crate::gateway::operator::Operator;
use crate::gateway::view::Law;
use crate::telemetry::shed::ShedClass;
use crate::wire::json::Node;
use crate::wire::problem::{Problem, ProblemKind};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};

/// Body of such a request at most, in bytes.
pub const BYTES_MAX: usize = 65_536;

/// Status and body of an answer, or a problem.
pub type Outcome = Result<(u16, Vec<u8>), Problem>;

/// A request that is known to be allowed.
pub struct Exchange<'a> {
    /// The unit it comes from.
    pub client: &'a Client,
    /// Who at the unit sends it.
    pub operator: Operator<'a>,
    /// What it says; empty for a GET.
    pub body: Bytes,
}

/// The actor is gone.
pub fn stopped(_: Stopped) -> Problem {
    Problem::unavailable("the gateway is stopping")
}

/// What a path asks of a request.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The path as it stands in the routes: for the log.
    pub route: &'static str,
    /// One of these roles is needed.
    pub roles: &'static [ClientRole],
    /// Whether an empty body is fine, and no media type needed.
    pub body_may_be_absent: bool,
}

/// Reads a request and says who asks.
pub async fn open<'l>(
    context: &Context,
    law: &'l Law,
    head: &'l Parts,
    body: Incoming,
    terms: Terms,
) -> Result<Exchange<'l>, Problem> {
    body::fits(&head.headers, BYTES_MAX)?;
    let known = auth::recognise(&context.gateway, law, head);
    // No body is read of what is turned away.
    let client = known.as_ref().ok().map(|(_, client)| *client);
    context
        .admit(
            overload::times(&head.headers),
            ShedClass::Interactive,
            client,
        )
        .await
        .map_err(|reason| reply::shed_problem(reason, context.load.dice()))?;
    let (_, client) = known?;
    let operator = auth::operator(&head.headers);
    if head.method != Method::POST {
        auth::has_role(client, terms.roles)?;
        let body = Bytes::new();
        return Ok(Exchange {
            client,
            operator,
            body,
        });
    }
    let is_absent = terms.body_may_be_absent && body::is_absent(&head.headers);
    if !is_absent {
        body::is_json(&head.headers)?;
    }
    let bytes = body::read(body, BYTES_MAX, context.limits.body_timeout()).await?;
    if !is_absent {
        // 400 comes before 403.
        Node::parse_object(&bytes)?;
    }
    auth::has_role(client, terms.roles)?;
    Ok(Exchange {
        client,
        operator,
        body: bytes,
    })
}

/// Turns an outcome into a response, counting and recording what was refused.
pub fn close(
    context: &Context,
    client: Option<&Client>,
    route: &'static str,
    outcome: Outcome,
) -> Response<Reply> {
    match outcome {
        Ok((status, body)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            reply::json(status, body)
        }
        Err(problem) => {
            context.gateway.refused(&problem, client, route);
            let response = reply::problem(&problem);
            match problem.kind {
                ProblemKind::TooLarge | ProblemKind::Slow => reply::closing(response),
                _ => response,
            }
        }
    }
}

/// Does `work` at most once for each `Idempotency-Key` of a unit.
pub async fn once<W: Future<Output = Outcome>>(
    context: &Context,
    head: &Parts,
    exchange: &Exchange<'_>,
    work: W,
) -> Outcome {
    let Some(key) = key(&head.headers)? else {
        return work.await;
    };
    let unit = &exchange.client.unit;
    let request = RequestKey::new(unit, key, head.uri.path(), &exchange.body);
    let keys = &context.gateway.idempotency;
    match keys.claim(request) {
        Seen::Again(answer) => return Ok((answer.status, answer.body)),
        Seen::OtherBody => {
            let detail = "the key was used for another request";
            return Err(Problem::invalid("Idempotency-Key", detail));
        }
        Seen::UnderWay => {
            let detail = "the first request with this key is not answered yet";
            return Err(Problem::new(ProblemKind::Conflict, detail));
        }
        Seen::New => (),
    }
    // A request that is dropped half-way leaves its key free again.
    let claim = Claim { keys, request };
    let outcome = work.await;
    if let Ok((status, body)) = &outcome {
        let (status, body) = (*status, body.clone());
        keys.keep(request, KeptAnswer { status, body });
        std::mem::forget(claim);
    }
    outcome
}

struct Claim<'a> {
    keys: &'a crate::gateway::idempotency::Idempotency,
    request: RequestKey,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.keys.forget(self.request);
    }
}

fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().ok().map(str::trim);
    match key.filter(|key| !key.is_empty() && key.len() <= KEY_CHARS_MAX) {
        Some(key) => Ok(Some(key)),
        None => {
            let detail = format!("1 to {KEY_CHARS_MAX} printable characters");
            Err(Problem::invalid("Idempotency-Key", detail))
        }
    }
}
