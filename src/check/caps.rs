//! From a measure's disposition to its effect here, with every reason that held it back.
//!
//! In: the measure, what the unit adopted, how sure and how fresh we are, exemption, age. Out: an
//! effect and reasons. Decision rules 6.1 to 6.4. **A name alone never blocks** is one arm below.
//! Pure. Not here: whether the measure applies at all (`measures.rs`).

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
