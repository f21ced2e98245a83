//! Whether an entry may be known to who asks.
//!
//! In: the entry, the identity of the match, who asks and with which authorisation. Out: yes, or
//! the entry is not there. Decision rules 2.6; safeguards S34 to S37. Pure.

use super::request::Policy;
use crate::model::decision::{AuthorisationKind, Identity};
use crate::model::entry::Disclosure;
use crate::model::subject::{ClientKind, SubjectKind};

/// What disclosure depends on.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Class of the entry.
    pub disclosure: Disclosure,
    /// Kind of the entry's subject.
    pub listed: SubjectKind,
    /// Whether the list shows natural persons to everybody.
    pub persons_open: bool,
    /// How sure we are.
    pub identity: Identity,
    /// Whether the request's own subject is matched directly with the entry's subject.
    pub own: bool,
    /// Authorisation of the request.
    pub authorisation: Option<AuthorisationKind>,
}

/// All conditions that apply must be met.
pub fn is_open(asked: Asked, policy: &Policy) -> bool {
    let to_authority = policy.kind == ClientKind::Authority;
    if asked.disclosure == Disclosure::Government && !to_authority {
        return false;
    }
    let closed_person = asked.listed == SubjectKind::Person && !asked.persons_open;
    if asked.disclosure != Disclosure::Authorised && !closed_person {
        return true;
    }
    // Nothing weaker than identified shows a trace.
    asked.identity == Identity::Identified
        && match asked.authorisation {
            None => false,
            // Consent is the subject's own and reaches no party or role.
            Some(AuthorisationKind::Consent) => asked.own,
            Some(AuthorisationKind::Approval) => {
                asked.listed == SubjectKind::Organisation && to_authority
            }
        }
}
