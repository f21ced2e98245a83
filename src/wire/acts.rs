//! Bodies of holds and outcomes; what steward and auditor read of entries and acts.
//!
//! In: bodies; snapshot, acts and deadlines. Out: what was asked for, or the first fault with its
//! field; JSON. Numbers never stand in it: a snapshot holds none, so their type and their mask are
//! shown. Off the hot path.

use super::json::Node;
use super::ops::{optional_text, required_text};
use super::problem::Problem;
use super::request::no_unknown_field;
use crate::index::standing::Absence;
use crate::model::entry::{ActKind, EntryIndex};
use crate::model::term::{Day, Moment};
use crate::overlay::calendar::{Calendar, Trigger};
use crate::overlay::holds::{OpenHold, State};
use crate::overlay::record::{Deadline, JournalEntry};
use crate::snapshot::digits::ColdText;
use crate::snapshot::entries::PartyRow;
use crate::snapshot::open::Snapshot;
use serde_json::{Value, json};
use std::sync::Arc;

/// Body of an objection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldBody {
    /// Why.
    pub reason: String,
    /// The document of the objection.
    pub reference: String,
    /// The first moment that is too late for an answer.
    pub answer_by: Option<Moment>,
}

/// Body of the outcome of an objection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeBody {
    /// What came of it.
    pub outcome: ActKind,
    /// Why, where somebody says so.
    pub reason: Option<String>,
    /// The document that decides.
    pub reference: String,
}

impl HoldBody {
    /// From the bytes of a body.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let members = Node::parse_object(body)?;
        no_unknown_field(&members, &["reason", "reference", "answer_by"], &"")?;
        let answer_by = optional_text(&members, "answer_by")?.map(|text| {
            let day = Day::parse(&text).map(Day::end);
            day.or_else(|| Moment::parse(&text)).ok_or_else(|| {
                let detail = "must be a day such as 2026-12-25, which counts to its end, or a \
                              moment such as 2026-12-25T17:00:00+08:00";
                Problem::invalid("answer_by", detail)
            })
        });
        Ok(Self {
            reason: required_text(&members, "reason")?,
            reference: required_text(&members, "reference")?,
            answer_by: answer_by.transpose()?,
        })
    }
}

impl OutcomeBody {
    /// From the bytes of a body.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let members = Node::parse_object(body)?;
        no_unknown_field(&members, &["outcome", "reference", "reason"], &"")?;
        let outcome = match required_text(&members, "outcome")?.as_str() {
            "upheld" => ActKind::Upheld,
            "corrected" => ActKind::Corrected,
            "removed" => ActKind::Removed,
            _ => {
                let detail = "must be upheld (the listing stands), corrected (this version is \
                              out) or removed (out for good)";
                return Err(Problem::invalid("outcome", detail));
            }
        };
        Ok(Self {
            outcome,
            reason: optional_text(&members, "reason")?,
            reference: required_text(&members, "reference")?,
        })
    }
}

/// One version of an entry: the snapshot that has it.
#[derive(Clone, Copy)]
pub struct Version<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// Bare name of its file.
    pub file: Option<&'a str>,
    /// Its place there.
    pub entry: EntryIndex,
    /// Whether this snapshot serves.
    pub serves: bool,
}

/// What is known of an entry.
pub struct EntryAnswer<'a> {
    /// Its key.
    pub entry_id: &'a str,
    /// Why it does not count now; empty where it counts, `None` where it is not in the snapshot.
    pub absences: Option<Vec<Absence>>,
    /// The entry_id under which its case is held.
    pub held_as: Option<&'a str>,
    /// What acts have made of it.
    pub state: State,
    /// The acts.
    pub acts: &'a [Arc<JournalEntry>],
    /// What snapshots say of it.
    pub versions: Vec<Version<'a>>,
    /// The moment of the answer.
    pub now: Moment,
}

/// `GET /v1/entries/{entry_id}`.
pub fn entry(answer: &EntryAnswer<'_>) -> Vec<u8> {
    let serving = answer.versions.iter().find(|version| version.serves);
    let why_not: Vec<Value> = match (&answer.absences, serving) {
        (Some(absences), Some(version)) => absences
            .iter()
            .map(|absence| why_not(version.snapshot, *absence, answer))
            .collect(),
        _ => vec![json!({"code": "not_listed", "detail": "the list that serves does not have it"})],
    };
    let versions: Vec<Value> = answer.versions.iter().map(version).collect();
    let acts: Vec<Value> = answer.acts.iter().map(|act| act_text(act)).collect();
    let hold = match &answer.state {
        State::Held(open) => hold_text(open, answer.now),
        _ => Value::Null,
    };
    to_json(&json!({
        "entry_id": answer.entry_id,
        "counts": why_not.is_empty(),
        "why_not": why_not,
        "state": state_name(&answer.state),
        "hold": hold,
        "acts": acts,
        "versions": versions,
        "at": answer.now.to_string(),
    }))
}

fn state_name(state: &State) -> &'static str {
    match state {
        State::Untouched => "untouched",
        State::Held(_) => "held",
        State::Stands => "upheld",
        State::Corrected => "corrected",
        State::Out(_) => "out_for_good",
    }
}

fn why_not(snapshot: &Snapshot, absence: Absence, answer: &EntryAnswer<'_>) -> Value {
    let id_of = |entry: EntryIndex| snapshot.entry_id(entry).to_string();
    let (code, detail) = match absence {
        Absence::Act => match (&answer.state, answer.held_as) {
            (State::Held(_), _) => ("held", "an objection waits for its outcome".to_owned()),
            (State::Corrected, _) => {
                let detail = "corrected: only a record with a later submitted_at counts";
                ("corrected", detail.to_owned())
            }
            (_, Some(held)) => {
                let detail = format!("the same case is held as {held}");
                ("held", detail)
            }
            _ => ("out_for_good", "removed, withdrawn or repaired".to_owned()),
        },
        Absence::Status(status) => ("status", status.name().to_owned()),
        Absence::NotStarted(day) => ("not_started", format!("in force from {day}")),
        Absence::Ended(day) => ("ended", format!("its last day was {day}")),
        Absence::Replaced => ("replaced", "a newer rating has started".to_owned()),
        Absence::CaseOut(other) => {
            let detail = format!("{} of the same case is out", id_of(other));
            ("case_out", detail)
        }
        Absence::CaseOther(other) => {
            let detail = format!("{} stands for the case", id_of(other));
            ("case_other", detail)
        }
        Absence::NoList => ("no_list", "its list is not in the catalogue".to_owned()),
    };
    json!({"code": code, "detail": detail})
}

fn version(version: &Version<'_>) -> Value {
    let snapshot = version.snapshot;
    let facts = snapshot.facts(version.entry);
    let (cold, further) = (
        snapshot.cold(version.entry),
        snapshot.further(version.entry),
    );
    let day = |day: Option<Day>| day.map(|day| day.to_string());
    let list = snapshot.manifest().lists.get(usize::from(facts.list()));
    let grade = list
        .zip(facts.grade())
        .and_then(|(list, grade)| list.grades.get(usize::from(grade)));
    let parties = snapshot.parties(version.entry);
    let subject = parties.first().map(|row| party(snapshot, row));
    let related = parties.iter().skip(1).map(|row| party(snapshot, row));
    json!({
        "snapshot": snapshot.id().to_string(),
        "file": version.file,
        "serves": version.serves,
        "list": list.map(|list| &*list.id),
        "subject": subject,
        "listed_name": cold.listed_name,
        "related": related.collect::<Vec<Value>>(),
        "grade": grade.map(|grade| &**grade),
        "status": facts.status().name(),
        "disclosure": facts.disclosure().name(),
        "case_no": cold.case_no,
        "authority": cold.authority,
        "supplier": further.supplier,
        "region": further.region,
        "conduct": further.conduct,
        "conduct_ended": day(facts.conduct_ended()),
        "submitted_at": facts.submitted_at().to_string(),
        "published": day(facts.published()),
        "in_force_from": facts.in_force_from().to_string(),
        "in_force_until": day(facts.in_force_until()),
        "retained_basis": further.retained_basis,
        "recourse": cold.recourse,
    })
}

fn party(snapshot: &Snapshot, row: &PartyRow) -> Value {
    let names: Vec<&str> = snapshot
        .party_names(row)
        .map(|name| snapshot.name_text(name))
        .collect();
    let roles: Vec<&str> = row.roles().iter().map(|role| role.name()).collect();
    let numbers = snapshot.numbers(row).iter().filter(|n| !n.implied());
    let ids: Vec<Value> = numbers
        .filter_map(|number| {
            let id_type = number.id_type()?;
            let patterns = snapshot.manifest().patterns_of(id_type);
            let pattern = number.pattern().and_then(|p| patterns.get(usize::from(p)));
            // The mask by its places: the snapshot does not have the characters themselves.
            Some(json!({
                "type": id_type.name(),
                "form": if number.pattern().is_none() { "full" } else { "masked" },
                "mask": pattern.map(|pattern| pattern.text()),
            }))
        })
        .collect();
    json!({"kind": row.kind().name(), "names": names, "roles": roles, "ids": ids})
}

fn act_text(entry: &JournalEntry) -> Value {
    json!({
        "sequence": entry.sequence,
        "act": act_word(entry.act.kind),
        "at": entry.act.at.to_string(),
        "unit": &*entry.unit,
        "reason": &*entry.reason,
        "reference": &*entry.reference,
        "version": entry.act.version.map(|version| version.to_string()),
        "answer_by": entry.deadline.as_ref().map(deadline_text),
        "origin": entry.origin.as_ref().map(|origin| json!({
            "issuer": &*origin.issuer,
            "sequence": origin.sequence,
        })),
    })
}

/// The word of an act, as paths and metrics have it.
pub fn act_word(kind: ActKind) -> &'static str {
    match kind {
        ActKind::Hold => "hold",
        ActKind::Upheld => "upheld",
        ActKind::Corrected => "corrected",
        ActKind::Removed => "removed",
        ActKind::Withdraw => "withdraw",
        ActKind::Repair => "repair",
    }
}

fn deadline_text(deadline: &Deadline) -> Value {
    json!({
        "before": deadline.due.to_string(),
        "last_day": last_day(deadline).to_string(),
        "clock": &*deadline.clock,
    })
}

/// The day in which the last moment of a deadline lies.
fn last_day(deadline: &Deadline) -> Day {
    Moment(deadline.due.0.saturating_sub(1)).day()
}

fn hold_text(open: &OpenHold, now: Moment) -> Value {
    json!({
        "since": open.since().to_string(),
        "answer_by": open.deadline().map(deadline_text),
        "overdue": open.is_overdue(now),
    })
}

/// An open hold as operators read it.
pub struct HoldAnswer<'a> {
    /// The entry.
    pub entry_id: &'a str,
    /// Its list, where the snapshot has it.
    pub list: Option<&'a str>,
    /// The hold.
    pub open: OpenHold,
    /// Other entry_ids under which the case stands now.
    pub relisted: Vec<ColdText<'a>>,
}

/// `GET /v1/holds`: the open ones, oldest first; with `overdue` those alone that are late.
pub fn holds(holds: &[HoldAnswer<'_>], calendar: &Calendar, now: Moment, overdue: bool) -> Vec<u8> {
    let late = holds.iter().filter(|hold| hold.open.is_overdue(now));
    let overdue_count = late.count();
    let shown = holds
        .iter()
        .filter(|hold| !overdue || hold.open.is_overdue(now));
    let texts: Vec<Value> = shown
        .map(|hold| {
            let mut text = hold_text(&hold.open, now);
            let acts: Vec<Value> = hold.open.acts.iter().map(|act| act_text(act)).collect();
            text["entry_id"] = json!(hold.entry_id);
            text["list"] = json!(hold.list);
            text["acts"] = json!(acts);
            text["clocks"] = json!(clocks(hold, calendar, now));
            text["listed_again_as"] = json!(hold.relisted);
            text
        })
        .collect();
    to_json(&json!({
        "open": holds.len(),
        "overdue": overdue_count,
        "holds": texts,
        "at": now.to_string(),
    }))
}

/// All clocks that the objection has started.
fn clocks(hold: &HoldAnswer<'_>, calendar: &Calendar, now: Moment) -> Vec<Value> {
    let list = hold.list.unwrap_or("");
    let running = calendar
        .clocks()
        .iter()
        .filter(|clock| clock.trigger == Trigger::Hold && clock.concerns(list));
    running
        .map(|clock| {
            let last = calendar.last_day(clock, hold.open.since().day());
            json!({
                "clock": &*clock.id,
                "basis": &*clock.basis,
                "last_day": last.day.to_string(),
                "overdue": last.day.end() <= now,
                "years_by_weekends_alone": last.unknown_years,
            })
        })
        .collect()
}

/// What the answer of an act says besides the act.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActedMore {
    /// Until when the applicant is to be told.
    pub tell_by: Option<Day>,
    /// Years for which weekends alone were counted.
    pub unknown_years: Vec<i16>,
}

/// The answer of an act: the entry, what was done, its number in the journal, and its clock.
pub fn acted(entry: &JournalEntry, more: &ActedMore) -> Vec<u8> {
    let mut text = json!({
        "entry_id": entry.act.entry_id.as_str(),
        "act": act_word(entry.act.kind),
        "at": entry.act.at.to_string(),
        "sequence": entry.sequence,
    });
    if let Some(deadline) = &entry.deadline {
        text["answer_by"] = deadline_text(deadline);
    }
    if let Some(day) = more.tell_by {
        text["tell_by"] = json!(day.to_string());
    }
    if !more.unknown_years.is_empty() {
        let warnings: Vec<String> = more
            .unknown_years
            .iter()
            .map(|year| {
                format!(
                    "the working days of {year} are not in the table: weekends alone were \
                     counted, so the deadline may be some days too early"
                )
            })
            .collect();
        text["warnings"] = json!(warnings);
    }
    to_json(&text)
}

fn to_json(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objection_may_say_by_day_or_moment_when_it_is_to_be_answered() {
        let parse = |answer_by: &str| {
            let body = format!(r#"{{"reason":"a","reference":"b","answer_by":{answer_by}}}"#);
            HoldBody::parse(body.as_bytes()).map(|body| body.answer_by)
        };
        let end = Day::parse("2026-12-25").unwrap().end();
        assert_eq!(parse("\"2026-12-25\"").unwrap(), Some(end));
        assert_eq!(parse("\"2026-12-26T00:00:00+08:00\"").unwrap(), Some(end));
        assert_eq!(parse("null").unwrap(), None);
        for wrong in ["\"2026-02-30\"", "\"soon\"", "7", "\"2026-12-25 10:00\""] {
            let problem = parse(wrong).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some("answer_by"), "{wrong}");
        }
    }

    #[test]
    fn an_outcome_is_one_of_three_and_needs_a_reference() {
        let parse = |body: &str| OutcomeBody::parse(body.as_bytes());
        let upheld = parse(r#"{"outcome":"upheld","reference":"x"}"#).unwrap();
        assert_eq!((upheld.outcome, upheld.reason), (ActKind::Upheld, None));
        for (body, field) in [
            (r#"{"outcome":"withdrawn","reference":"x"}"#, "outcome"),
            (r#"{"reference":"x"}"#, "outcome"),
            (r#"{"outcome":"removed"}"#, "reference"),
            (r#"{"outcome":"removed","reference":"x","y":1}"#, "y"),
        ] {
            assert_eq!(
                parse(body).unwrap_err().field.as_deref(),
                Some(field),
                "{body}"
            );
        }
    }
}
