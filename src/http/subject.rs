//! `POST /v1/log/subject`: who asked about a person, when, why, with what answer.
//!
//! The reading is recorded first: no record, no answer. The log is read on a bulk thread.

use super::context::Context;
use super::exchange::{Exchange, Outcome};
use crate::gateway::bulk::NotDone;
use crate::gateway::recorder::SubjectRead;
use crate::gateway::subjects;
use crate::wire::problem::{Problem, ProblemKind};
use crate::wire::subject::{self, SubjectBody};
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for a thread.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Answers an auditor.
pub async fn post(context: &Context, exchange: &Exchange<'_>) -> Outcome {
    let body = SubjectBody::parse(&exchange.body)?;
    let gateway = &*context.gateway;
    let read = SubjectRead {
        unit: &exchange.client.unit,
        operator: exchange.operator.of(exchange.client)?,
        body: &body,
        at: gateway.shared.clock.now(),
    };
    let recorded = gateway.shared.recorder.subject_read(&read);
    let position = recorded.map_err(|error| gateway.unrecorded(error))?;
    gateway.settle(exchange.client.level_min, position).await?;
    let shared = Arc::clone(&gateway.shared);
    let work = move || subjects::find(shared.recorder.log(), &body);
    let found = gateway
        .bulk
        .run(WAIT_MAX, work)
        .await
        .map_err(|not_done| match not_done {
            NotDone::Full | NotDone::Late => Problem::unavailable("too much is waiting to be read"),
            NotDone::Failed => Problem::new(ProblemKind::Internal, "the reading failed"),
        })?;
    let found = found.map_err(|error| {
        tracing::error!(%error, "who asked about a person cannot be read from the log");
        let detail = "the log cannot be read; the gateway's own log says where and what to do";
        Problem::new(ProblemKind::Internal, detail)
    })?;
    Ok((200, subject::found(&found).to_string().into_bytes()))
}
