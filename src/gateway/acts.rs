//! Acts on entries: from an order to its line in the journal.
//!
//! In: an order, the view that serves. Out: the act once it is on the disk, with the view in which
//! it counts; or why nothing was done. What was done before is said again and not done twice. Used
//! by the actor only, so that two acts never pass each other.

use super::relisted;
use super::view::View;
use crate::index::entry_ids;
use crate::model::entry::{Act, ActKind, EntryId, EntryIndex};
use crate::model::term::Moment;
use crate::overlay::calendar::{Calendar, STATED, Trigger};
use crate::overlay::holds::{self, Asked, Judgement, Refusal};
use crate::overlay::journal::{Journal, JournalError};
use crate::overlay::record::{Deadline, JournalEntry};
use crate::wire::acts::ActedMore;
use std::sync::Arc;

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// Neither in the snapshot nor ever acted upon.
    #[error("there is no such entry")]
    Unknown,
    /// What was done before does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Not durable, so not done.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// An act that was asked for.
#[derive(Debug, Clone)]
pub struct ActOrder {
    /// Which entry.
    pub entry_id: EntryId,
    /// What to do.
    pub kind: ActKind,
    /// Who orders it.
    pub unit: Box<str>,
    /// Why.
    pub reason: Box<str>,
    /// The document that orders it.
    pub reference: Box<str>,
    /// Until when a hold is to be answered; the procedure's clock where absent.
    pub answer_by: Option<Moment>,
    /// Who at the unit sends it.
    pub operator: Option<Box<str>>,
}

/// An act that is done and counts from the next check on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActDone {
    /// The act as it was kept.
    pub entry: Arc<JournalEntry>,
    /// Until when the applicant is to be told, and other things to know.
    pub more: ActedMore,
}

/// What has become of an order.
pub enum Kept {
    /// It is on the disk, and this view has it.
    New(Box<View>, ActDone),
    /// It was done before.
    Again(ActDone),
}

/// Keeps acts.
pub struct Keeper {
    journal: Journal,
    calendar: Arc<Calendar>,
}

impl Keeper {
    /// With an open journal.
    pub fn new(journal: Journal, calendar: Arc<Calendar>) -> Self {
        Self { journal, calendar }
    }

    /// Keeps one act that is asked for at `at`.
    pub fn keep(&mut self, view: &View, order: &ActOrder, at: Moment) -> Result<Kept, ActError> {
        let snapshot = &view.loaded.snapshot;
        let known = entry_ids::find(snapshot, order.entry_id.as_str());
        if known.is_none() && view.overlay.acts_on(&order.entry_id).is_empty() {
            return Err(ActError::Unknown);
        }
        let asked = Asked {
            entry_id: &order.entry_id,
            kind: order.kind,
            unit: &order.unit,
            reason: &order.reason,
            reference: &order.reference,
        };
        match holds::judge(&view.overlay, &asked) {
            Judgement::New => (),
            Judgement::Again(entry) => {
                let more = self.more(view, &entry);
                return Ok(Kept::Again(ActDone { entry, more }));
            }
            Judgement::Refused(refusal) => return Err(refusal.into()),
        }
        let mut entries = [self.draft(view, order, known, at)];
        self.journal.append_all(&mut entries)?;
        let (next, mut kept) = with_records(view, entries, at);
        let entry = kept.pop().ok_or(ActError::Unknown)?;
        let more = self.more(view, &entry);
        Ok(Kept::New(Box::new(next), ActDone { entry, more }))
    }

    /// Keeps acts that another gateway did; the view in which they count.
    pub fn keep_foreign(
        &mut self,
        view: &View,
        mut entries: Vec<JournalEntry>,
        now: Moment,
    ) -> Result<(View, Vec<Arc<JournalEntry>>), JournalError> {
        self.journal.append_all(&mut entries)?;
        Ok(with_records(view, entries, now))
    }

    /// What procedures say of an act that is done.
    fn more(&self, view: &View, entry: &JournalEntry) -> ActedMore {
        let snapshot = &view.loaded.snapshot;
        let known = entry_ids::find(snapshot, entry.act.entry_id.as_str());
        let list = known.map_or("", |entry| relisted::list_id(snapshot, entry));
        let trigger = match entry.act.kind {
            ActKind::Hold => Trigger::Hold,
            ActKind::Upheld | ActKind::Corrected | ActKind::Removed => Trigger::Outcome,
            ActKind::Withdraw | ActKind::Repair => return ActedMore::default(),
        };
        let Some(clock) = self.calendar.default_clock(trigger, list) else {
            return ActedMore::default();
        };
        let last = self.calendar.last_day(clock, entry.act.at.day());
        let is_stated = entry.deadline.as_ref().is_some_and(|d| *d.clock == *STATED);
        let is_outcome = trigger == Trigger::Outcome;
        ActedMore {
            tell_by: is_outcome.then_some(last.day),
            unknown_years: if is_stated {
                Vec::new()
            } else {
                last.unknown_years
            },
        }
    }

    fn draft(
        &self,
        view: &View,
        order: &ActOrder,
        known: Option<EntryIndex>,
        at: Moment,
    ) -> JournalEntry {
        let snapshot = &view.loaded.snapshot;
        let serving = known.map(|entry| snapshot.facts(entry).submitted_at());
        // After a rollback the version that serves may be older than one that was acted upon.
        let before = view.overlay.acts_on(&order.entry_id);
        let latest = before.iter().filter_map(|act| act.version).max();
        let act = Act {
            entry_id: order.entry_id.clone(),
            kind: order.kind,
            at,
            version: serving.max(latest),
        };
        let mut entry = JournalEntry::new(act, &order.unit, &order.reason, &order.reference);
        if order.kind != ActKind::Hold {
            return entry;
        }
        let records = view.overlay.records_on(&order.entry_id);
        let case_before = records.iter().rev().find_map(|record| record.case);
        entry.case = known
            .map(|entry| relisted::case_mark(snapshot, entry))
            .or(case_before);
        if let Some(due) = order.answer_by {
            let clock = STATED.into();
            entry.deadline = Some(Deadline { due, clock });
            return entry;
        }
        let list = known.map_or("", |entry| relisted::list_id(snapshot, entry));
        entry.deadline = self.calendar.answer_by(list, at);
        entry
    }
}

/// The view in which these acts count, and the acts as shared.
fn with_records(
    view: &View,
    entries: impl IntoIterator<Item = JournalEntry>,
    now: Moment,
) -> (View, Vec<Arc<JournalEntry>>) {
    let mut overlay = (*view.overlay).clone();
    let kept: Vec<_> = entries.into_iter().map(Arc::new).collect();
    for entry in &kept {
        overlay.add_record(Arc::clone(entry));
    }
    let touched: Vec<EntryId> = kept.iter().map(|e| e.act.entry_id.clone()).collect();
    (view.with_acts(Arc::new(overlay), &touched, now), kept)
}
