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

#[cfg(test)]
mod tests {
    use super::*;
    use AuthorisationKind::{Approval, Consent};
    use ClientKind::{Authority, Enterprise};
    use Disclosure::{Authorised, Government, Public};
    use Identity::{Identified, Probable};
    use SubjectKind::{Organisation, Person};

    const ASKED: Asked = Asked {
        disclosure: Public,
        listed: Person,
        persons_open: true,
        identity: Identified,
        own: true,
        authorisation: None,
    };

    #[track_caller]
    fn opens(asked: Asked, kind: ClientKind, expected: bool) {
        let policy = Policy {
            kind,
            adopts: Box::default(),
            masked_id_blocks: false,
        };
        assert_eq!(is_open(asked, &policy), expected, "{asked:?} {kind:?}");
    }

    #[test]
    fn public_entries_of_open_lists_need_nothing() {
        opens(ASKED, Enterprise, true);
        opens(
            Asked {
                identity: Probable,
                own: false,
                ..ASKED
            },
            Enterprise,
            true,
        );
    }

    #[test]
    fn government_entries_open_only_to_authorities() {
        opens(
            Asked {
                disclosure: Government,
                ..ASKED
            },
            Enterprise,
            false,
        );
        opens(
            Asked {
                disclosure: Government,
                ..ASKED
            },
            Authority,
            true,
        );
    }

    #[test]
    fn consent_is_the_subjects_own_and_needs_certainty() {
        let closed = Asked {
            persons_open: false,
            ..ASKED
        };
        opens(closed, Authority, false);
        let consented = Asked {
            authorisation: Some(Consent),
            ..closed
        };
        opens(consented, Enterprise, true);
        opens(
            Asked {
                identity: Probable,
                ..consented
            },
            Enterprise,
            false,
        );
        opens(
            Asked {
                own: false,
                ..consented
            },
            Enterprise,
            false,
        );
        opens(
            Asked {
                disclosure: Government,
                ..consented
            },
            Enterprise,
            false,
        );
    }

    #[test]
    fn approval_opens_organisations_entries_to_authorities() {
        let firm = Asked {
            disclosure: Authorised,
            listed: Organisation,
            own: false,
            authorisation: Some(Approval),
            ..ASKED
        };
        opens(firm, Authority, true);
        opens(firm, Enterprise, false);
        opens(
            Asked {
                listed: Person,
                ..firm
            },
            Authority,
            false,
        );
        opens(
            Asked {
                identity: Probable,
                ..firm
            },
            Authority,
            false,
        );
    }
}
