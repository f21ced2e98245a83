//! Which measures reach a matched party, and what they do.
//!
//! In: one match (entry, how it was reached, identity). Out: applied and undecided measures with
//! their effects, reasons, incentives. Decision rules 5 and 6. Pure.
// HOT: runs once for each match, also for those not shown; writes into a reused buffer.

use super::caps::{self, Standpoint};
use super::outcome::MatchedMeasure;
use super::request::{Policy, Request};
use crate::catalogue::condition::{EntryFacts, Truth};
use crate::catalogue::list::ListIndex;
use crate::catalogue::measure::{Catalogue, Measure, MeasureIndex};
use crate::model::decision::{Decision, Disposition, ReasonSet};
use crate::model::subject::{RoleSet, SubjectKind};
use crate::model::term::Day;
use smallvec::SmallVec;

/// How an entry was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// The request's subject is the entry's subject.
    Direct,
    /// The request's subject holds these roles in the listed organisation.
    ByRole(RoleSet),
    /// The n-th `related` party is the entry's subject.
    Via(u8),
}

/// A match before its measures.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    /// How it was reached.
    pub reached: Reached,
    /// The entry's list.
    pub list: ListIndex,
    /// First day of force of the entry.
    pub in_force_from: Day,
    /// Facts that conditions read.
    pub facts: EntryFacts,
    /// What holds for the match.
    pub at: Standpoint,
}

/// What the measures of one match come to. Reused from match to match.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Strongest effect.
    pub effect: Option<Decision>,
    /// Reasons of all of them.
    pub reasons: ReasonSet,
    /// Missing attributes that left a measure undecided.
    pub missing_attributes: u64,
    /// Strongest effect of the undecided measures, if they applied.
    pub undecided_effect: Option<Decision>,
    /// Applied and undecided measures, in the order of the catalogue.
    pub measures: SmallVec<[MatchedMeasure; 8]>,
    /// Incentives whose condition holds.
    pub incentives: SmallVec<[MeasureIndex; 4]>,
}

impl Verdict {
    /// Fills the verdict for one match.
    pub fn weigh(
        &mut self,
        catalogue: &Catalogue,
        policy: &Policy,
        request: &Request,
        reach: Reach,
        today: Day,
    ) {
        self.clear();
        let list = catalogue.list(reach.list);
        for index in catalogue.measures_for(reach.list, request.scenario) {
            let measure = catalogue.measure(*index);
            if !reaches(measure, reach.reached, request) || is_over(measure, reach, today) {
                continue;
            }
            let truth =
                measure
                    .condition
                    .evaluate(&request.attributes, request.subject.kind, reach.facts);
            match truth {
                Truth::False => {}
                // 5.3: a person reached through a role is not told what a firm's entry lacks.
                Truth::Undecided(_) if matches!(reach.reached, Reached::ByRole(_)) => {}
                Truth::Undecided(missing) => {
                    self.add_undecided(*index, measure, missing);
                    let possible = caps::effect(reach.at, list, *index, measure, policy);
                    let possible = possible.map(|(effect, _)| effect);
                    self.undecided_effect = self.undecided_effect.max(possible);
                }
                Truth::True => match caps::effect(reach.at, list, *index, measure, policy) {
                    None => self.incentives.push(*index),
                    Some((effect, reasons)) => self.add_applied(*index, effect, reasons),
                },
            }
        }
    }

    /// Strongest effect, `Clear` where no measure applies.
    pub fn decision(&self) -> Decision {
        self.effect.unwrap_or(Decision::Clear)
    }

    /// Whether some measure applies, be it an incentive. Decision rules 4.2.
    pub fn applies(&self) -> bool {
        self.effect.is_some() || !self.incentives.is_empty()
    }

    fn clear(&mut self) {
        self.effect = None;
        self.reasons = ReasonSet::EMPTY;
        self.missing_attributes = 0;
        self.undecided_effect = None;
        self.measures.clear();
        self.incentives.clear();
    }

    fn add_undecided(&mut self, measure: MeasureIndex, law: &Measure, missing: u64) {
        self.missing_attributes |= missing;
        if law.disposition != Disposition::Incentive {
            let effect = Decision::Clear;
            self.measures.push(MatchedMeasure {
                measure,
                effect,
                applied: false,
            });
        }
    }

    fn add_applied(&mut self, measure: MeasureIndex, effect: Decision, reasons: ReasonSet) {
        self.measures.push(MatchedMeasure {
            measure,
            effect,
            applied: true,
        });
        self.reasons.extend(reasons);
        self.effect = self.effect.max(Some(effect));
    }
}

/// Decision rules 5.2.
fn reaches(measure: &Measure, reached: Reached, request: &Request) -> bool {
    match reached {
        Reached::Direct => measure.subject.include(request.subject.kind),
        Reached::ByRole(roles) => {
            measure.subject.include(SubjectKind::Organisation)
                && roles.intersects(measure.extends_to)
        }
        Reached::Via(place) => {
            let Some(party) = request.related.get(usize::from(place)) else {
                return false;
            };
            request.subject.kind == SubjectKind::Organisation
                && party
                    .role
                    .is_some_and(|role| measure.applicant_roles.contains(role))
                && measure.subject.include(party.kind)
        }
    }
}

/// Decision rules 5.4.
fn is_over(measure: &Measure, reach: Reach, today: Day) -> bool {
    measure
        .term_years
        .is_some_and(|years| today > reach.in_force_from.plus_years(i32::from(years)))
}
