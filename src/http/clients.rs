//! `POST /v1/clients/reload`: the clients file is read now, not within the next second.

use super::context::Context;
use super::exchange::{self, Outcome};
use crate::wire::ops;
use crate::wire::problem::{Problem, ProblemKind};

/// Answers when the new clients count. 409: the file cannot be used, the old ones count.
pub async fn reload(context: &Context) -> Outcome {
    let reloaded = context.gateway.actor.reload_clients().await;
    match reloaded.map_err(exchange::stopped)? {
        Ok(units) => Ok((200, ops::clients_reloaded(units))),
        Err(error) => Err(Problem::new(ProblemKind::Conflict, error)),
    }
}
