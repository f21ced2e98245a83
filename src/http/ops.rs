//! What operators ask: law, acts, metrics, health.

use super::context::Context;
use super::exchange::{Exchange, Outcome, stopped};
use super::reply::{self, Reply};
use super::snapshot;
use crate::decision_log::counters::BOUNDS_US;
use crate::gateway::actor::{ActError, ActOrder, act_name};
use crate::model::entry::{ActKind, EntryId};
use crate::telemetry::{Figure, LOG_SYNC_SECONDS, Times, major_faults};
use crate::wire::ops::{self, ActBody};
use crate::wire::problem::{Problem, ProblemKind};
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};

/// Bytes of an entry_id at most.
const ENTRY_ID_BYTES_MAX: usize = 512;

/// `GET /v1/measures`.
pub fn measures(context: &Context) -> Outcome {
    Ok((200, ops::measures(&context.gateway.law().catalogue)))
}

/// `GET /v1/scenarios`.
pub fn scenarios(context: &Context) -> Outcome {
    Ok((200, ops::scenarios(&context.gateway.law().catalogue)))
}

/// `POST /v1/entries/{entry_id}/withdraw`.
pub async fn withdraw(context: &Context, exchange: &Exchange<'_>, entry_id: &str) -> Outcome {
    let body = ActBody::parse(&exchange.body)?;
    let unknown = || Problem::new(ProblemKind::NotFound, "there is no such entry");
    let entry_id = percent_decoded(entry_id).ok_or_else(unknown)?;
    let order = ActOrder {
        entry_id: EntryId(entry_id.as_str().into()),
        kind: ActKind::Withdraw,
        unit: exchange.client.unit.clone(),
        reason: body.reason.into(),
        reference: body.reference.into(),
    };
    let done = context.gateway.actor.act(order).await.map_err(stopped)?;
    let done = done.map_err(|error| match error {
        ActError::Unknown => unknown(),
        ActError::Journal(error) => {
            tracing::error!(%error, "an act was not done");
            Problem::unavailable("the journal of acts cannot be written; nothing was done")
        }
    })?;
    let act = act_name(ActKind::Withdraw);
    Ok((200, ops::acted(&entry_id, act, done.at, done.sequence)))
}

/// `GET /metrics`.
pub fn metrics(context: &Context) -> Response<Reply> {
    let shared = &context.gateway.shared;
    let syncs = shared.recorder.log().counters();
    let counts = syncs.sync_time.buckets();
    let sync_times = Times {
        name: LOG_SYNC_SECONDS,
        help: "Time of the syncs of the decision log",
        bounds_us: &BOUNDS_US,
        counts: &counts,
        sum_ns: syncs.sync_time.sum_ns(),
    };
    let mut text = shared.telemetry.render(&figures(context), &[sync_times]);
    snapshot::write_list_figures(context, &mut text);
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    reply::with_type(StatusCode::OK, text.into_bytes(), media_type)
}

/// `GET /healthz`, `/livez`: the process answers.
pub fn alive() -> Response<Reply> {
    reply::json(StatusCode::OK, b"{\"status\":\"alive\"}".to_vec())
}

/// `GET /readyz`: a snapshot is loaded and the log can be written. Warnings say what is wrong with
/// a snapshot that serves all the same.
pub fn ready(context: &Context) -> Response<Reply> {
    match context.gateway.readiness() {
        Ok(()) => reply::json(StatusCode::OK, ops::ready(&snapshot::warnings(context))),
        Err(detail) => reply::problem(&Problem::unavailable(detail)),
    }
}

/// A path of the contract that this version does not have.
pub fn not_built() -> Problem {
    let detail = "the path is part of the contract, but not of this version";
    Problem::new(ProblemKind::NotBuilt, detail)
}

/// Text of a path segment; `None` where it is no text.
fn percent_decoded(segment: &str) -> Option<String> {
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(byte) = bytes.get(place) {
        if *byte == b'%' {
            let digits = std::str::from_utf8(bytes.get(place + 1..place + 3)?).ok()?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
            place += 3;
        } else {
            decoded.push(*byte);
            place += 1;
        }
    }
    let fits = !decoded.is_empty() && decoded.len() <= ENTRY_ID_BYTES_MAX;
    String::from_utf8(decoded).ok().filter(|_| fits)
}

/// Figures that are read when somebody looks.
fn figures(context: &Context) -> Vec<Figure> {
    let shared = &context.gateway.shared;
    let ready = context.gateway.readiness().is_ok();
    let mut figures = vec![
        Figure::gauge(
            "hecha_ready",
            "Whether requests can be answered",
            f64::from(u8::from(ready)),
        ),
        Figure::gauge(
            "hecha_clock_behind_seconds",
            "How far the system's clock stands behind what is on record",
            shared.clock.behind_seconds() as f64,
        ),
    ];
    figures.extend(major_faults().map(|faults| Figure {
        name: "hecha_major_faults_total",
        help: "Pages of this process that had to be read from disk",
        kind: "counter",
        value: faults as f64,
    }));
    figures.extend(snapshot::figures(context));
    figures.extend(shared.recorder.figures());
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_ids_in_paths_are_percent_decoded() {
        for (segment, wanted) in [
            ("a-1", Some("a-1")),
            ("%E7%A6%8F%2F1", Some("福/1")),
            ("a%2", None),
            ("a%zz", None),
            ("%ff", None),
            ("", None),
        ] {
            assert_eq!(percent_decoded(segment).as_deref(), wanted, "{segment}");
        }
    }
}
