//! Acts on entries over HTTP, and what operators read of entries and open holds.
//!
//! A handler answers when the act is on the disk and counts. Safeguards S13 to S26.

use super::context::Context;
use super::exchange::{Exchange, Outcome, stopped};
use crate::gateway::acts::{ActError, ActOrder};
use crate::gateway::relisted;
use crate::index::entry_ids;
use crate::model::entry::{ActKind, EntryId};
use crate::model::term::Moment;
use crate::overlay::holds;
use crate::wire::acts::{self, EntryAnswer, HoldAnswer, HoldBody, OutcomeBody, Version};
use crate::wire::ops::ActBody;
use crate::wire::problem::{Problem, ProblemKind};
use crate::wire::recalls::{self as wire_recalls, RecallAnswer};

/// Bytes of an entry_id at most.
const ENTRY_ID_BYTES_MAX: usize = 512;

/// `POST /v1/entries/{entry_id}/withdraw` and `.../repair`.
pub async fn end(
    context: &Context,
    exchange: &Exchange<'_>,
    entry_id: &str,
    kind: ActKind,
) -> Outcome {
    let body = ActBody::parse(&exchange.body)?;
    let order = order(exchange, entry_id, kind, body.reason, body.reference)?;
    act(context, order).await
}

/// `POST /v1/entries/{entry_id}/hold`.
pub async fn hold(context: &Context, exchange: &Exchange<'_>, entry_id: &str) -> Outcome {
    let body = HoldBody::parse(&exchange.body)?;
    let answer_by: Option<Moment> = body.answer_by;
    let order = order(
        exchange,
        entry_id,
        ActKind::Hold,
        body.reason,
        body.reference,
    )?;
    act(context, ActOrder { answer_by, ..order }).await
}

/// `POST /v1/entries/{entry_id}/hold/outcome`.
pub async fn outcome(context: &Context, exchange: &Exchange<'_>, entry_id: &str) -> Outcome {
    let body = OutcomeBody::parse(&exchange.body)?;
    let reason = body.reason.unwrap_or_default();
    let order = order(exchange, entry_id, body.outcome, reason, body.reference)?;
    act(context, order).await
}

/// `GET /v1/entries/{entry_id}`.
pub fn entry(context: &Context, entry_id: &str) -> Outcome {
    let entry_id = EntryId(percent_decoded(entry_id).ok_or_else(unknown)?.into());
    let shared = &context.gateway.shared;
    let (view, previous) = (shared.view.load_full(), shared.previous());
    let now = shared.clock.now();
    let place = entry_ids::find(&view.loaded.snapshot, entry_id.as_str());
    let before = previous
        .as_ref()
        .filter(|before| before.snapshot.id() != view.loaded.snapshot.id())
        .and_then(|before| {
            let entry = entry_ids::find(&before.snapshot, entry_id.as_str())?;
            Some((before, entry))
        });
    let records = view.overlay.records_on(&entry_id);
    if place.is_none() && before.is_none() && records.is_empty() {
        return Err(unknown());
    }
    let serving = place.map(|entry| (&view.loaded, entry));
    let versions = [(serving, true), (before, false)];
    let versions = versions.into_iter().filter_map(|(version, serves)| {
        let (loaded, entry) = version?;
        Some(Version {
            snapshot: &loaded.snapshot,
            file: loaded.file.as_deref(),
            entry,
            serves,
        })
    });
    let held = view.relisted_held().find(|one| Some(one.entry) == place);
    let answer = EntryAnswer {
        entry_id: entry_id.as_str(),
        absences: place.map(|entry| view.absences(entry, now)),
        held_as: held.map(|one| one.held.as_str()),
        state: holds::state(&view.overlay, &entry_id),
        acts: records,
        versions: versions.collect(),
        now,
    };
    Ok((200, acts::entry(&answer)))
}

/// `GET /v1/holds`, `GET /v1/holds?overdue=1`.
pub fn holds(context: &Context, query: Option<&str>) -> Outcome {
    let overdue = match query {
        None | Some("") | Some("overdue=0") => false,
        Some("overdue=1") => true,
        Some(_) => return Err(Problem::invalid("overdue", "write overdue=1, or nothing")),
    };
    let shared = &context.gateway.shared;
    let view = shared.view.load_full();
    let snapshot = &view.loaded.snapshot;
    let open = holds::open_holds(&view.overlay);
    let answers: Vec<HoldAnswer<'_>> = open
        .into_iter()
        .map(|(entry_id, open)| {
            let place = entry_ids::find(snapshot, entry_id.as_str());
            let again = view.relisted_held().filter(|one| one.held == *entry_id);
            HoldAnswer {
                entry_id: entry_id.as_str(),
                list: place.map(|entry| relisted::list_id(snapshot, entry)),
                open,
                relisted: again.map(|one| snapshot.entry_id(one.entry)).collect(),
            }
        })
        .collect();
    let (calendar, now) = (&context.gateway.calendar, shared.clock.now());
    Ok((200, acts::holds(&answers, calendar, now, overdue)))
}

/// `GET /v1/recalls`: those that wait for feedback; with `all=1` those that have it as well.
pub fn recalls(context: &Context, exchange: &Exchange<'_>, query: Option<&str>) -> Outcome {
    let all = match query {
        None | Some("") => false,
        Some("all=1") => true,
        Some(_) => return Err(Problem::invalid("all", "write all=1, or nothing")),
    };
    let shared = &context.gateway.shared;
    let now = shared.clock.now();
    shared
        .recorder
        .log_read(&exchange.client.unit, "recalls", now);
    let found = context.gateway.recalls.all(shared.recorder.log());
    let open = found.iter().filter(|(_, recall)| recall.is_open()).count();
    let shown: Vec<RecallAnswer<'_>> = found
        .iter()
        .filter(|(_, recall)| all || recall.is_open())
        .map(|(entry_id, recall)| RecallAnswer {
            entry_id,
            since: recall.since,
            kind: recall.kind,
            answers: recall.answers.as_deref(),
        })
        .collect();
    Ok((200, wire_recalls::recalls(open, &shown)))
}

fn order(
    exchange: &Exchange<'_>,
    entry_id: &str,
    kind: ActKind,
    reason: String,
    reference: String,
) -> Result<ActOrder, Problem> {
    let entry_id = percent_decoded(entry_id).ok_or_else(unknown)?;
    Ok(ActOrder {
        entry_id: EntryId(entry_id.into()),
        kind,
        unit: exchange.client.unit.clone(),
        reason: reason.into(),
        reference: reference.into(),
        answer_by: None,
        operator: exchange.operator.of(exchange.client)?.map(Into::into),
    })
}

async fn act(context: &Context, order: ActOrder) -> Outcome {
    let done = context.gateway.actor.act(order).await.map_err(stopped)?;
    let done = done.map_err(|error| match error {
        ActError::Unknown => unknown(),
        ActError::Refused(refusal) => Problem::new(ProblemKind::Conflict, refusal.to_string()),
        ActError::Journal(error) => {
            tracing::error!(%error, "an act was not done");
            Problem::unavailable("the journal of acts cannot be written; nothing was done")
        }
    })?;
    for year in &done.more.unknown_years {
        tracing::warn!(
            year,
            "working days are not in the table: weekends alone were counted"
        );
    }
    Ok((200, acts::acted(&done.entry, &done.more)))
}

fn unknown() -> Problem {
    Problem::new(ProblemKind::NotFound, "there is no such entry")
}

/// Text of a path segment; `None` where it is no text.
pub fn percent_decoded(segment: &str) -> Option<String> {
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
