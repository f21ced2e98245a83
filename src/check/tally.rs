//! Gathers matches: counts all, keeps the strongest few, and finds when the answer may change.
//!
//! Decision rules 4.3 and 6.5: order by effect, then identity, then entry_id. Pure.
// HOT: a match that is not among the strongest costs a comparison and no allocation.

use super::measures::Verdict;
use super::outcome::{Incentive, MATCHES_SHOWN_MAX, Match, Outcome};
use crate::model::decision::{Decision, Identity, Reason, ReasonSet};
use crate::model::entry::EntryIndex;
use crate::model::term::Moment;
use crate::snapshot::entries::NameNumber;
use smallvec::SmallVec;
use std::cmp::Reverse;

/// How long an answer without a nearer moment holds.
const VALID_SECONDS: i64 = 300;

/// Place in the order: effect, identity, then entry_id (by rank), then the party.
type Order = (Reverse<Decision>, Reverse<Identity>, u32, u8);

/// Matches so far.
#[derive(Debug, Default)]
pub struct Tally {
    decision: Option<Decision>,
    reasons: ReasonSet,
    missing_attributes: u64,
    match_count: u32,
    names: SmallVec<[NameNumber; 4]>,
    shown: SmallVec<[(Order, Moment, Match); 1]>,
    incentives: SmallVec<[Incentive; 0]>,
}

/// A match on its way into the tally.
#[derive(Debug)]
pub struct Found {
    /// The match, its measures still empty.
    pub found: Match,
    /// Rank of its entry_id.
    pub rank: u32,
    /// Next moment at which it could change the answer; `Moment(i64::MAX)` where there is none.
    pub changes_at: Moment,
}

impl Tally {
    /// Counts a match and keeps it if it is among the strongest.
    pub fn add(&mut self, mut found: Found, verdict: &Verdict) {
        let effect = verdict.decision();
        self.match_count = self.match_count.saturating_add(1);
        if let Some((name, _)) = found.found.name {
            // Entries of one name come side by side.
            if self.names.last() != Some(&name) && !self.names.contains(&name) {
                self.names.push(name);
            }
        }
        self.decision = self.decision.max(Some(effect));
        self.reasons.extend(verdict.reasons);
        self.missing_attributes |= verdict.missing_attributes;
        let via = found.found.via.map_or(0, |place| place.saturating_add(1));
        let order = (
            Reverse(effect),
            Reverse(found.found.identity),
            found.rank,
            via,
        );
        let place = self.shown.partition_point(|(other, _, _)| *other < order);
        if place >= MATCHES_SHOWN_MAX {
            return;
        }
        self.shown.truncate(MATCHES_SHOWN_MAX - 1);
        found.found.effect = effect;
        found.found.measures = verdict.measures.iter().copied().collect();
        self.shown
            .insert(place, (order, found.changes_at, found.found));
    }

    /// Adds a reason that rests on no match.
    pub fn add_reason(&mut self, reason: Reason) {
        self.reasons.add(reason);
    }

    /// Adds benefits of an identified subject.
    pub fn add_incentives(&mut self, entry: EntryIndex, verdict: &Verdict) {
        let granted = verdict.incentives.iter().map(|measure| Incentive {
            entry,
            measure: *measure,
        });
        self.incentives.extend(granted);
    }

    /// What follows from all of it.
    pub fn finish(self, now: Moment) -> Outcome {
        let next = self
            .shown
            .iter()
            .map(|(_, changes_at, _)| *changes_at)
            .min();
        let valid_until = next
            .filter(|at| *at != Moment(i64::MAX))
            .unwrap_or_else(|| now.plus_seconds(VALID_SECONDS));
        Outcome {
            decision: self.decision.unwrap_or(Decision::Clear),
            reasons: self.reasons,
            missing_attributes: self.missing_attributes,
            match_count: self.match_count,
            name_count: self.names.len() as u32,
            matches: self.shown.into_iter().map(|(_, _, found)| found).collect(),
            incentives: self.incentives,
            valid_until,
        }
    }
}
