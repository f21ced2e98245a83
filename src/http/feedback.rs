//! `POST /v1/feedback`: what was done after an answer.
//!
//! 201 kept now; 200 the same was there already; 409 another one is there; 404 no such answer, or
//! another unit's.

use super::context::Context;
use super::exchange::{Exchange, Outcome};
use crate::gateway::recorder::FeedbackKept;
use crate::identifier::free_text::mask_citizen_ids;
use crate::wire::ops::{FeedbackBody, feedback_kept};
use crate::wire::problem::{Problem, ProblemKind};

/// Keeps one feedback.
pub async fn post(context: &Context, exchange: &Exchange<'_>) -> Outcome {
    let mut feedback = FeedbackBody::parse(&exchange.body)?;
    feedback.note = feedback
        .note
        .map(|note| mask_citizen_ids(&note).into_owned());
    let gateway = &*context.gateway;
    let unit = &exchange.client.unit;
    let at = gateway.shared.clock.now();
    let (kept, recorded) = gateway
        .shared
        .recorder
        .feedback(unit, &feedback, at)
        .map_err(|error| gateway.unrecorded(error))?;
    if let Some(recorded) = recorded {
        gateway.settle(exchange.client.level_min, recorded).await?;
    }
    match kept {
        FeedbackKept::New => Ok((201, feedback_kept(&feedback))),
        FeedbackKept::Same => Ok((200, feedback_kept(&feedback))),
        FeedbackKept::Other => Err(Problem::new(
            ProblemKind::Conflict,
            "another feedback was given on this answer",
        )),
        FeedbackKept::Unknown => Err(Problem::new(
            ProblemKind::NotFound,
            "the unit has no answer with this check_id",
        )),
    }
}
