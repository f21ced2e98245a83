//! `POST /v1/feedback`: what was done after an answer.
//!
//! 201 kept now; 200 the same was there already; 409 another one is there; 404 no such answer, or
//! another unit's.

use super::context::Context;
use super::exchange::{Exchange, Outcome};
use crate::decision_log::feedback::FeedbackAnswer;
use crate::wire::ops::{FeedbackBody, feedback_kept};
use crate::wire::problem::{Problem, ProblemKind};

/// Keeps one feedback.
pub async fn post(context: &Context, exchange: &Exchange<'_>) -> Outcome {
    let feedback = FeedbackBody::parse(&exchange.body)?;
    let gateway = &*context.gateway;
    let at = gateway.shared.clock.now();
    let answer = gateway
        .shared
        .recorder
        .feedback(&exchange.client.unit, &feedback, at)
        .map_err(|error| gateway.unrecorded(error))?;
    let (status, position) = match answer {
        FeedbackAnswer::Recorded(position) => {
            if let Some(limits) = &exchange.client.limits {
                limits.feedback(at);
            }
            (201, position)
        }
        FeedbackAnswer::Same(position) => (200, position),
        FeedbackAnswer::Conflict => {
            let detail = "another feedback was given on this answer";
            return Err(Problem::new(ProblemKind::Conflict, detail));
        }
        FeedbackAnswer::Unknown => {
            let detail = "the unit has no answer with this check_id";
            return Err(Problem::new(ProblemKind::NotFound, detail));
        }
    };
    gateway.settle(exchange.client.level_min, position).await?;
    Ok((status, feedback_kept(&feedback)))
}
