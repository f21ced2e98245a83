//! The question, after parsing: what a check needs to know and nothing else.
//!
//! Numbers are in clear here and live as long as the request. Decision rules 1.2 and 1.3 name the
//! faults; JSON shapes are `wire`'s.

use crate::catalogue::scenario::{AttributeValues, ScenarioIndex};
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::model::decision::{AuthorisationKind, ExemptionKind};
use crate::model::subject::{ClientKind, Role, SubjectKind};
use crate::model::term::Day;
use crate::name::query::NameQuery;
use smallvec::SmallVec;

/// Parties in `related` at most.
pub const RELATED_MAX: usize = 100;
/// Numbers of one party at most.
pub const NUMBERS_MAX: usize = 16;
/// Characters of a name at most.
pub const NAME_CHARS_MAX: usize = 200;

/// One question.
#[derive(Debug)]
pub struct Request {
    /// What the caller is about to do.
    pub scenario: ScenarioIndex,
    /// Facts of the transaction; required ones are there.
    pub attributes: AttributeValues,
    /// Who wants to do it.
    pub subject: Party,
    /// Others involved, in the order of the request.
    pub related: Vec<Party>,
    /// Kind of exemption claimed, with a reference.
    pub exemption: Option<ExemptionKind>,
    /// Kind of authorisation shown, with a reference.
    pub authorisation: Option<AuthorisationKind>,
}

/// One party of a question.
#[derive(Debug)]
pub struct Party {
    /// Person or organisation.
    pub kind: SubjectKind,
    /// The name, parsed for comparing it.
    pub name: NameQuery,
    /// Its numbers, in the order of the request; no two different ones of a decisive type.
    pub numbers: SmallVec<[FullNumber; 2]>,
    /// From the full citizen_id, else as stated.
    pub birth: Option<Day>,
    /// Role towards the subject, of a `related` party.
    pub role: Option<Role>,
}

/// Facts of one party that contradict each other, or are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartyFault {
    /// The second of two different numbers of a decisive type.
    #[error("two different numbers of a type of which a party has only one")]
    TwoNumbers {
        /// Place of the later number in the party's `ids`.
        later: usize,
    },
    /// An organisation's type on a person, or the reverse.
    #[error("this type of number does not belong to this kind of party")]
    TypeOfOtherKind {
        /// Place of the number in the party's `ids`.
        place: usize,
    },
    /// The birth date differs from the one inside the citizen_id.
    #[error("the birth date differs from the one inside the citizen_id")]
    BirthDate,
}

impl Party {
    /// Puts a party together. `birth_date` as stated in the request.
    ///
    /// Errors: what `PartyFault` names; the first that holds, numbers before the birth date.
    pub fn new(
        kind: SubjectKind,
        name: NameQuery,
        numbers: SmallVec<[FullNumber; 2]>,
        birth_date: Option<Day>,
        role: Option<Role>,
    ) -> Result<Self, PartyFault> {
        for (place, number) in numbers.iter().enumerate() {
            if number.id_type().of_person() != (kind == SubjectKind::Person) {
                return Err(PartyFault::TypeOfOtherKind { place });
            }
            let other = |n: &FullNumber| n.id_type() == number.id_type() && n != number;
            if number.id_type().is_decisive() && numbers[..place].iter().any(other) {
                return Err(PartyFault::TwoNumbers { later: place });
            }
        }
        let citizen = numbers
            .iter()
            .find(|number| number.id_type() == IdType::CitizenId);
        let inside = citizen
            .and_then(FullNumber::birth)
            .and_then(|(year, month, day)| Day::from_date(year, month, day));
        if inside.is_some() && birth_date.is_some() && inside != birth_date {
            return Err(PartyFault::BirthDate);
        }
        Ok(Self {
            kind,
            name,
            numbers,
            birth: inside.or(birth_date),
            role,
        })
    }
}

/// What the unit that asks may and has adopted, as far as a decision depends on it.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Enterprise or authority.
    pub kind: ClientKind,
    /// Measures the unit has adopted, one bit each, by `MeasureIndex`.
    pub adopts: Box<[u64]>,
    /// Whether a probable identity may block (`masked_id: block`).
    pub masked_id_blocks: bool,
}

impl Policy {
    /// Whether the unit has adopted the measure with this number.
    pub fn has_adopted(&self, measure: u16) -> bool {
        let word = self
            .adopts
            .get(usize::from(measure) / 64)
            .copied()
            .unwrap_or(0);
        word & (1 << (measure % 64)) != 0
    }
}
