//! Objections that wait for an outcome, and which acts may follow which.
//!
//! In: the acts so far, an act that is asked for. Out: whether it is new, was done before, or
//! cannot be done; the holds that are open, with their deadlines. An open hold never ends by time.
//! Decision rules 2.3; safeguards S13 to S16, S18.

use super::record::{Deadline, JournalEntry};
use super::standing::Overlay;
use crate::identifier::free_text::mask_citizen_ids;
use crate::model::entry::{ActKind, EntryId};
use crate::model::term::Moment;
use std::sync::Arc;

/// What acts have made of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing was done.
    Untouched,
    /// An objection waits for its outcome.
    Held(OpenHold),
    /// The last objection is answered: the listing stands.
    Stands,
    /// The version objected to is out, a later one counts.
    Corrected,
    /// Out for good, by this act.
    Out(Arc<JournalEntry>),
}

/// An objection that waits for its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenHold {
    /// The acts that opened it, first to last.
    pub acts: Vec<Arc<JournalEntry>>,
}

impl OpenHold {
    /// Since when the entry is out.
    pub fn since(&self) -> Moment {
        let first = self.acts.first();
        first.map_or(Moment(i64::MIN), |act| act.act.at)
    }

    /// The earliest deadline.
    pub fn deadline(&self) -> Option<&Deadline> {
        let deadlines = self.acts.iter().filter_map(|act| act.deadline.as_ref());
        deadlines.min_by_key(|deadline| deadline.due)
    }

    /// Whether the answer is late.
    pub fn is_overdue(&self, now: Moment) -> bool {
        self.deadline().is_some_and(|deadline| deadline.due <= now)
    }
}

/// What is to be made of an act that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is to be done.
    New,
    /// The same was done before, and holds.
    Again(Arc<JournalEntry>),
    /// It cannot be done.
    Refused(Refusal),
}

/// Why an act cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An outcome without an objection.
    #[error("no hold is open on this entry: an outcome answers a hold; nothing was done")]
    NotHeld,
    /// There is nothing left to object to.
    #[error("the entry is out for good since {0}: it counts nowhere, and nothing can change that")]
    Out(Moment),
}

/// An act that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// On which entry.
    pub entry_id: &'a EntryId,
    /// What.
    pub kind: ActKind,
    /// By whom.
    pub unit: &'a str,
    /// Why.
    pub reason: &'a str,
    /// By which document.
    pub reference: &'a str,
}

/// What acts have made of an entry.
pub fn state(overlay: &Overlay, entry_id: &EntryId) -> State {
    let mut state = State::Untouched;
    for record in overlay.records_on(entry_id) {
        state = match (record.act.kind, state) {
            (_, State::Out(act)) => State::Out(act),
            (ActKind::Hold, State::Held(mut open)) => {
                open.acts.push(Arc::clone(record));
                State::Held(open)
            }
            (ActKind::Hold, _) => State::Held(OpenHold {
                acts: vec![Arc::clone(record)],
            }),
            (ActKind::Upheld, _) => State::Stands,
            (ActKind::Corrected, _) => State::Corrected,
            (ActKind::Removed | ActKind::Withdraw | ActKind::Repair, _) => {
                State::Out(Arc::clone(record))
            }
        };
    }
    state
}

/// What is to be made of an act that is asked for. A withdrawal or repair of what is out for good
/// is kept as well, for it may say more: that the listing was wrong.
pub fn judge(overlay: &Overlay, asked: &Asked<'_>) -> Judgement {
    let state = state(overlay, asked.entry_id);
    if let Some(same) = done_before(overlay, asked, &state) {
        return Judgement::Again(same);
    }
    match (asked.kind, state) {
        (ActKind::Withdraw | ActKind::Repair, _) => Judgement::New,
        (_, State::Out(act)) => Judgement::Refused(Refusal::Out(act.act.at)),
        (ActKind::Hold, _) | (_, State::Held(_)) => Judgement::New,
        _ => Judgement::Refused(Refusal::NotHeld),
    }
}

/// The open holds, oldest first.
pub fn open_holds(overlay: &Overlay) -> Vec<(&EntryId, OpenHold)> {
    let mut open: Vec<_> = overlay
        .entry_ids()
        .filter_map(|entry_id| match state(overlay, entry_id) {
            State::Held(open) => Some((entry_id, open)),
            _ => None,
        })
        .collect();
    open.sort_by_key(|(entry_id, open)| (open.since(), *entry_id));
    open
}

/// The same act by the same unit for the same reason, where its effect still holds: a request that
/// was sent twice.
fn done_before(overlay: &Overlay, asked: &Asked<'_>, state: &State) -> Option<Arc<JournalEntry>> {
    let (reason, reference) = (
        mask_citizen_ids(asked.reason),
        mask_citizen_ids(asked.reference),
    );
    let records = overlay.records_on(asked.entry_id);
    let holding = match (asked.kind, state) {
        (ActKind::Hold, State::Held(open)) => open.acts.as_slice(),
        (ActKind::Hold, _) => &[],
        (ActKind::Withdraw | ActKind::Repair | ActKind::Removed, _) => records,
        (ActKind::Upheld | ActKind::Corrected, _) => {
            let last = records.len().saturating_sub(1);
            records.get(last..).unwrap_or(&[])
        }
    };
    let same = holding.iter().find(|record| {
        record.act.kind == asked.kind
            && *record.unit == *asked.unit
            && *record.reason == *reason
            && *record.reference == *reference
    });
    same.map(Arc::clone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::Act;

    fn entry(kind: ActKind, at: i64, due: Option<i64>) -> JournalEntry {
        let act = Act {
            entry_id: EntryId("a".into()),
            kind,
            at: Moment(at),
            version: None,
        };
        let mut entry = JournalEntry::new(act, "unit", "why", "ref");
        entry.deadline = due.map(|due| Deadline {
            due: Moment(due),
            clock: "stated".into(),
        });
        entry
    }

    #[track_caller]
    fn judged(done: &[ActKind], kind: ActKind, reference: &str) -> Judgement {
        let entries = (1..).zip(done).map(|(at, kind)| entry(*kind, at, None));
        let overlay = Overlay::from_journal(entries);
        let entry_id = EntryId("a".into());
        let asked = Asked {
            entry_id: &entry_id,
            kind,
            unit: "unit",
            reason: "why",
            reference,
        };
        judge(&overlay, &asked)
    }

    #[test]
    fn an_outcome_needs_an_open_hold() {
        use ActKind::{Corrected, Hold, Removed, Upheld, Withdraw};
        for outcome in [Upheld, Corrected, Removed] {
            let refused = Judgement::Refused(Refusal::NotHeld);
            assert_eq!(judged(&[], outcome, "x"), refused);
            assert_eq!(judged(&[Hold, Upheld], outcome, "x"), refused);
            assert_eq!(judged(&[Hold], outcome, "x"), Judgement::New);
            let out = Judgement::Refused(Refusal::Out(Moment(2)));
            assert_eq!(judged(&[Hold, Withdraw], outcome, "x"), out);
        }
        let out = Judgement::Refused(Refusal::Out(Moment(1)));
        assert_eq!(judged(&[Withdraw], Hold, "x"), out);
        assert_eq!(judged(&[Hold, Corrected], Hold, "x"), Judgement::New);
    }

    #[test]
    fn a_request_sent_twice_is_one_act() {
        use ActKind::{Hold, Repair, Upheld, Withdraw};
        for done in [&[Hold][..], &[Hold, Upheld], &[Withdraw], &[Hold, Repair]] {
            let last = *done.last().unwrap();
            assert!(matches!(judged(done, last, "ref"), Judgement::Again(_)));
        }
        // Another objection of the same unit after the first was answered is a new one.
        assert_eq!(judged(&[Hold, Upheld], Hold, "ref"), Judgement::New);
        assert_eq!(judged(&[Hold], Hold, "other"), Judgement::New);
        assert_eq!(judged(&[Repair], Withdraw, "ref"), Judgement::New);
    }

    #[test]
    fn an_open_hold_has_its_earliest_deadline_and_never_ends_by_time() {
        let entries = [
            entry(ActKind::Hold, 1, Some(50)),
            entry(ActKind::Hold, 2, Some(40)),
        ];
        let overlay = Overlay::from_journal(entries);
        let open = open_holds(&overlay);
        assert_eq!(open.len(), 1);
        let hold = &open[0].1;
        assert_eq!(hold.since(), Moment(1));
        assert!(!hold.is_overdue(Moment(39)) && hold.is_overdue(Moment(40)));
        assert!(overlay.is_out(&EntryId("a".into()), Moment(0), Moment(i64::MAX)));
    }
}
