//! Acts on entries, and which versions of which entries they take out.
//!
//! In: acts in the order in which they were done. Out: whether a version of an entry is out at a
//! moment. Decision rules 2.3; safeguards S13 to S16, S22, S24. Not here: durability
//! (`journal.rs`), and what the list itself says (`index/standing.rs`).

use super::record::JournalEntry;
use crate::model::entry::{Act, ActKind, EntryId};
use crate::model::term::Moment;
use std::collections::HashMap;
use std::sync::Arc;

/// All acts so far. Cloned for each new act by the one actor that owns it; readers share it.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    sequence: u64,
    entries: HashMap<EntryId, Arc<OfEntry>>,
}

/// What was done to one entry, in time order.
#[derive(Debug, Clone, Default)]
struct OfEntry {
    acts: Vec<Act>,
    /// The same with who and why, where a journal keeps it.
    records: Vec<Arc<JournalEntry>>,
}

impl Overlay {
    /// Puts acts together, in this order.
    pub fn from_acts(acts: impl IntoIterator<Item = Act>) -> Self {
        let mut overlay = Self::default();
        for act in acts {
            overlay.add(act);
        }
        overlay
    }

    /// Puts the acts of a journal together, in its order.
    pub fn from_journal(entries: impl IntoIterator<Item = JournalEntry>) -> Self {
        let mut overlay = Self::default();
        for entry in entries {
            overlay.add_record(Arc::new(entry));
        }
        overlay
    }

    /// Adds one act and counts it in the sequence.
    pub fn add(&mut self, act: Act) {
        self.sequence += 1;
        let of_entry = self.entries.entry(act.entry_id.clone()).or_default();
        let acts = &mut Arc::make_mut(of_entry).acts;
        acts.push(act);
        // Stable: acts of one moment keep the order in which they were done.
        acts.sort_by_key(|act| act.at);
    }

    /// Adds one act with who did it and why.
    pub fn add_record(&mut self, entry: Arc<JournalEntry>) {
        self.add(entry.act.clone());
        let of_entry = self.entries.entry(entry.act.entry_id.clone()).or_default();
        let records = &mut Arc::make_mut(of_entry).records;
        records.push(entry);
        records.sort_by_key(|entry| entry.act.at);
    }

    /// Number of acts so far; rises with each.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Entries that any act concerns.
    pub fn entry_ids(&self) -> impl Iterator<Item = &EntryId> {
        self.entries.keys()
    }

    /// Acts on one entry, in time order.
    pub fn acts_on(&self, entry_id: &EntryId) -> &[Act] {
        self.entries.get(entry_id).map_or(&[], |of| &of.acts)
    }

    /// The same with who and why.
    pub fn records_on(&self, entry_id: &EntryId) -> &[Arc<JournalEntry>] {
        self.entries.get(entry_id).map_or(&[], |of| &of.records)
    }

    /// All acts with who and why, in no order.
    pub fn records(&self) -> impl Iterator<Item = &Arc<JournalEntry>> {
        self.entries.values().flat_map(|of| &of.records)
    }

    /// Whether the version of the entry that was submitted at `submitted_at` is out at `now`.
    pub fn is_out(&self, entry_id: &EntryId, submitted_at: Moment, now: Moment) -> bool {
        let mut held = false;
        let mut corrected_through = None;
        for act in self
            .acts_on(entry_id)
            .iter()
            .take_while(|act| act.at <= now)
        {
            match act.kind {
                ActKind::Hold => held = true,
                ActKind::Upheld => held = false,
                ActKind::Corrected => {
                    held = false;
                    corrected_through = corrected_through.max(Some(act.version.unwrap_or(act.at)));
                }
                ActKind::Removed | ActKind::Withdraw | ActKind::Repair => return true,
            }
        }
        held || corrected_through.is_some_and(|through| submitted_at <= through)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(kind: ActKind, at: i64) -> Act {
        let entry_id = EntryId("a".into());
        Act {
            entry_id,
            kind,
            at: Moment(at),
            version: Some(Moment(1)),
        }
    }

    #[track_caller]
    fn out(acts: &[(ActKind, i64)], submitted_at: i64, now: i64, expected: bool) {
        let overlay = Overlay::from_acts(acts.iter().map(|(kind, at)| act(*kind, *at)));
        let found = overlay.is_out(&EntryId("a".into()), Moment(submitted_at), Moment(now));
        assert_eq!(
            found, expected,
            "{acts:?} submitted {submitted_at} now {now}"
        );
    }

    #[test]
    fn an_objection_suspends_until_an_outcome_however_late() {
        out(&[(ActKind::Hold, 10)], 1, 9, false);
        out(&[(ActKind::Hold, 10)], 1, 10, true);
        out(&[(ActKind::Hold, 10)], 1, i64::MAX, true);
        out(&[(ActKind::Hold, 10), (ActKind::Upheld, 20)], 1, 19, true);
        out(&[(ActKind::Hold, 10), (ActKind::Upheld, 20)], 1, 20, false);
        out(
            &[
                (ActKind::Hold, 10),
                (ActKind::Upheld, 20),
                (ActKind::Hold, 30),
            ],
            1,
            30,
            true,
        );
    }

    #[test]
    fn who_was_released_for_good_never_comes_back() {
        for kind in [ActKind::Removed, ActKind::Withdraw, ActKind::Repair] {
            out(&[(kind, 10)], 1, 9, false);
            out(&[(kind, 10)], 1, 10, true);
            out(&[(kind, 10)], 99, 10, true);
            out(&[(kind, 10), (ActKind::Upheld, 20)], 1, 30, true);
        }
    }

    #[test]
    fn only_a_later_version_counts_after_a_correction() {
        let acts = [(ActKind::Hold, 10), (ActKind::Corrected, 20)];
        out(&acts, 1, 20, true);
        out(&acts, 2, 20, false);
        out(&acts, 2, 15, true);
    }

    #[test]
    fn acts_count_in_time_order_whatever_the_order_of_arrival() {
        out(&[(ActKind::Upheld, 20), (ActKind::Hold, 10)], 1, 30, false);
    }

    #[test]
    fn entries_without_acts_are_not_out() {
        let overlay = Overlay::from_acts([act(ActKind::Withdraw, 1)]);
        assert!(!overlay.is_out(&EntryId("b".into()), Moment(0), Moment(5)));
        assert_eq!(overlay.sequence(), 1);
    }
}
