//! From a measure's disposition to its effect here, with every reason that held it back.
//!
//! In: the measure, what the unit adopted, how sure and how fresh we are, exemption, age. Out: an
//! effect and reasons. Decision rules 6.1 to 6.4. **A name alone never blocks** is one arm below.
//! Pure. Not here: whether the measure applies at all (`measures.rs`).

use super::outcome::Outcome;
use super::request::Policy;
use crate::catalogue::list::List;
use crate::catalogue::measure::{Measure, MeasureIndex};
use crate::model::decision::{
    Decision, Disposition, ExemptionKind, Force, Identity, Reason, ReasonSet,
};

/// What holds for one match, whatever the measure.
#[derive(Debug, Clone, Copy)]
pub struct Standpoint {
    /// How sure we are.
    pub identity: Identity,
    /// The list is older than its limit, or its age is unknown.
    pub is_stale: bool,
    /// The list owes an end date and the record gives none.
    pub lacks_end_date: bool,
    /// The party is a person under 18.
    pub is_minor: bool,
    /// Exemption of the request.
    pub exemption: Option<ExemptionKind>,
}

/// Effect of a measure that applies. `None`: an incentive, which has no effect.
pub fn effect(
    at: Standpoint,
    list: &List,
    index: MeasureIndex,
    measure: &Measure,
    policy: &Policy,
) -> Option<(Decision, ReasonSet)> {
    let mut reasons = ReasonSet::EMPTY;
    let base = match measure.disposition {
        Disposition::Incentive => return None,
        _ if list.reference_only => Decision::Advise,
        Disposition::Block => Decision::Block,
        Disposition::Limit => Decision::Limit,
        Disposition::StrictReview => Decision::Review,
        Disposition::Reference
        | Disposition::Supervise
        | Disposition::Revoke
        | Disposition::Assist
        | Disposition::Notify => Decision::Advise,
    };
    let adopted = policy.has_adopted(index.0);
    let base = match measure.force {
        Force::Unstated if base.restricts() && !adopted => {
            reasons.add(Reason::ForceUnstated);
            Decision::Review
        }
        Force::Recommended if !adopted => {
            reasons.add(Reason::NotAdopted);
            Decision::Advise
        }
        _ => base,
    };
    if !base.restricts() {
        return Some((base, reasons));
    }
    let held_back = holding_back(at, list, measure, policy);
    reasons.extend(held_back);
    let effect = if held_back.is_empty() {
        base
    } else {
        Decision::Review
    };
    Some((effect, reasons))
}

/// Every reason for which a block or limit becomes a review. Decision rules 6.3.
fn holding_back(at: Standpoint, list: &List, measure: &Measure, policy: &Policy) -> ReasonSet {
    let mut reasons = ReasonSet::EMPTY;
    if at.is_stale {
        reasons.add(Reason::StaleList);
    }
    if let Some(kind) = at.exemption {
        let permit = kind == ExemptionKind::CourtPermit && list.rules.court_permit;
        if measure.exemption == Some(kind) || permit {
            reasons.add(Reason::Exemption);
        }
    }
    if at.is_minor {
        reasons.add(Reason::Minor);
    }
    if at.lacks_end_date {
        reasons.add(Reason::NoEndDate);
    }
    match at.identity {
        Identity::Identified => {}
        Identity::Probable if policy.masked_id_blocks => {}
        Identity::Probable => reasons.add(Reason::IdentityProbable),
        Identity::Possible => reasons.add(Reason::IdentityPossible),
    }
    reasons
}

/// Lowers every effect of an outcome to at most `ceiling`: for what points at somebody and is no
/// match of names.
pub fn weaken(outcome: &mut Outcome, ceiling: Decision) {
    outcome.decision = outcome.decision.min(ceiling);
    for found in &mut outcome.matches {
        found.effect = found.effect.min(ceiling);
        for matched in &mut found.measures {
            matched.effect = matched.effect.min(ceiling);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::load::built_in;
    use crate::catalogue::measure::Catalogue;
    use crate::model::subject::ClientKind;

    const SURE: Standpoint = Standpoint {
        identity: Identity::Identified,
        is_stale: false,
        lacks_end_date: false,
        is_minor: false,
        exemption: None,
    };

    fn of(law: &Catalogue, disposition: Disposition, force: Force) -> MeasureIndex {
        let fits = |m: &Measure| m.disposition == disposition && m.force == force;
        MeasureIndex(law.measures.iter().position(fits).unwrap() as u16)
    }

    #[track_caller]
    fn has_effect(
        law: &Catalogue,
        index: MeasureIndex,
        at: Standpoint,
        adopted: bool,
        expected: (Decision, &[Reason]),
    ) {
        let mut adopts = vec![0u64; 16].into_boxed_slice();
        if adopted {
            adopts[usize::from(index.0) / 64] |= 1 << (index.0 % 64);
        }
        let policy = Policy {
            kind: ClientKind::Enterprise,
            adopts,
            masked_id_blocks: false,
        };
        let measure = law.measure(index);
        let list = law.list(measure.list);
        let (effect, reasons) = effect(at, list, index, measure, &policy).unwrap();
        let reasons: Vec<Reason> = reasons.iter().collect();
        assert_eq!(
            (effect, reasons.as_slice()),
            expected,
            "{} {at:?} {adopted}",
            measure.id
        );
    }

    #[test]
    fn a_name_alone_never_blocks() {
        let law = built_in().unwrap();
        for disposition in [Disposition::Block, Disposition::Limit] {
            let index = of(&law, disposition, Force::Mandatory);
            let possible = Standpoint {
                identity: Identity::Possible,
                ..SURE
            };
            let reason: &[Reason] = &[Reason::IdentityPossible];
            has_effect(&law, index, possible, true, (Decision::Review, reason));
        }
    }

    #[test]
    fn what_is_not_mandatory_needs_adoption() {
        let law = built_in().unwrap();
        let unstated = of(&law, Disposition::Block, Force::Unstated);
        has_effect(
            &law,
            unstated,
            SURE,
            false,
            (Decision::Review, &[Reason::ForceUnstated]),
        );
        has_effect(&law, unstated, SURE, true, (Decision::Block, &[]));
        let recommended = law
            .measures
            .iter()
            .position(|m| m.force == Force::Recommended && m.disposition != Disposition::Incentive)
            .map(|place| MeasureIndex(place as u16));
        if let Some(index) = recommended {
            has_effect(
                &law,
                index,
                SURE,
                false,
                (Decision::Advise, &[Reason::NotAdopted]),
            );
        }
    }

    #[test]
    fn every_reason_that_holds_back_is_named() {
        let law = built_in().unwrap();
        let index = law.find_measure("rail-g-all-seats").unwrap();
        has_effect(&law, index, SURE, false, (Decision::Block, &[]));
        let held_back = Standpoint {
            identity: Identity::Probable,
            is_stale: true,
            lacks_end_date: true,
            is_minor: true,
            exemption: Some(ExemptionKind::NecessaryForLifeOrWork),
        };
        let reasons = [
            Reason::StaleList,
            Reason::Exemption,
            Reason::Minor,
            Reason::NoEndDate,
            Reason::IdentityProbable,
        ];
        has_effect(&law, index, held_back, false, (Decision::Review, &reasons));
    }

    #[test]
    fn an_exemption_serves_only_the_measures_that_allow_it() {
        let law = built_in().unwrap();
        let index = law.find_measure("rail-g-all-seats").unwrap();
        let with = |kind| Standpoint {
            exemption: Some(kind),
            ..SURE
        };
        let business = with(ExemptionKind::BusinessNecessary);
        has_effect(&law, index, business, false, (Decision::Block, &[]));
        let permit = with(ExemptionKind::CourtPermit);
        has_effect(
            &law,
            index,
            permit,
            false,
            (Decision::Review, &[Reason::Exemption]),
        );
        let other = law
            .measures
            .iter()
            .position(|m| {
                let list = law.list(m.list);
                !list.rules.court_permit
                    && m.disposition == Disposition::Block
                    && m.force == Force::Mandatory
            })
            .map(|place| MeasureIndex(place as u16));
        if let Some(index) = other {
            has_effect(&law, index, permit, false, (Decision::Block, &[]));
        }
    }

    #[test]
    fn a_list_for_reference_only_never_does_more_than_advise() {
        let law = built_in().unwrap();
        let index = of(&law, Disposition::Block, Force::Mandatory);
        let measure = law.measure(index);
        let list = List {
            reference_only: true,
            ..law.list(measure.list).clone()
        };
        let policy = Policy {
            kind: ClientKind::Authority,
            adopts: vec![u64::MAX; 16].into_boxed_slice(),
            masked_id_blocks: true,
        };
        let found = effect(SURE, &list, index, measure, &policy);
        assert_eq!(found, Some((Decision::Advise, ReasonSet::EMPTY)));
    }
}
