//! The answer before it becomes JSON: what was decided, by which measure of which entry, and why.
//!
//! Nothing is explained after the fact: identity, basis, effect and reasons are kept where they
//! arise.

use crate::catalogue::measure::MeasureIndex;
use crate::identifier::kind::IdType;
use crate::model::decision::{Decision, Identity, ReasonSet};
use crate::model::entry::EntryIndex;
use crate::model::subject::RoleSet;
use crate::model::term::Moment;
use crate::name::similarity::DifferenceKind;
use crate::snapshot::entries::NameNumber;
use smallvec::SmallVec;

/// Matches shown at most. Contract, section 5.
pub const MATCHES_SHOWN_MAX: usize = 10;

/// What follows from a request.
#[derive(Debug)]
pub struct Outcome {
    /// Strongest effect of all matches.
    pub decision: Decision,
    /// Every reason that held for a measure of a match.
    pub reasons: ReasonSet,
    /// Attributes whose absence left a measure undecided: one bit each, by place in the scenario.
    pub missing_attributes: u64,
    /// All matches, shown or not.
    pub match_count: u32,
    /// Distinct listed names among all matches by name.
    pub name_count: u32,
    /// The strongest, at most `MATCHES_SHOWN_MAX`: by effect, then identity, then entry_id.
    pub matches: SmallVec<[Match; 1]>,
    /// Benefits of red lists for an identified subject.
    pub incentives: SmallVec<[Incentive; 0]>,
    /// Next moment at which a shown match or the freshness of its list could change the answer.
    pub valid_until: Moment,
}

/// One party of the request matched with one entry.
#[derive(Debug, Clone)]
pub struct Match {
    /// The entry.
    pub entry: EntryIndex,
    /// `None` the subject of the request, else the place in `related`.
    pub via: Option<u8>,
    /// Roles of a holder through which the subject was reached; empty for a direct match.
    pub roles: RoleSet,
    /// Place of the matched party in the entry: 0 the subject, else the n-th holder.
    pub listed_party: u16,
    /// How sure we are.
    pub identity: Identity,
    /// What the identity rests on.
    pub basis: Basis,
    /// The listed name that agrees best, and the likelihood that it and the party's are the same
    /// name, 0.0 to 1.0; `None` where the names contradict.
    pub name: Option<(NameNumber, f32)>,
    /// In which ways the two names differ; empty for equal ones. Filled for matches that are shown.
    pub differences: SmallVec<[NameDifference; 1]>,
    /// Expected bearers of the listed name in a million people, where a model knows it.
    pub bearers_per_million: Option<f32>,
    /// Strongest effect of the measures below.
    pub effect: Decision,
    /// Measures that reach the party, applied or undecided.
    pub measures: SmallVec<[MatchedMeasure; 2]>,
}

impl Match {
    /// Likelihood that the two names are the same name; 0.0 where they contradict.
    pub fn score(&self) -> f32 {
        self.name.map_or(0.0, |(_, score)| score)
    }
}

/// One way in which the name that was asked about differs from the listed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameDifference {
    /// In which way.
    pub kind: DifferenceKind,
    /// The characters in question of the name asked about, folded.
    pub asked: Box<str>,
    /// Those of the listed name, folded.
    pub listed: Box<str>,
}

/// What an identity rests on: the answer's `basis`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Basis {
    /// Equal full numbers, one bit a type.
    full: u16,
    /// Agreeing masked numbers, one bit a type.
    masked: u16,
    /// Birth dates known and equal.
    pub birth_date: bool,
    /// Which of the entry's names matched.
    pub name: NameBasis,
}

/// Which of the listed names matched the request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NameBasis {
    /// None: the names contradict.
    #[default]
    None,
    /// The name itself.
    Name,
    /// Another name of the same subject.
    Alias,
}

impl Basis {
    /// Rests on nothing.
    pub const EMPTY: Self = Self {
        full: 0,
        masked: 0,
        birth_date: false,
        name: NameBasis::None,
    };

    /// Adds an equal full number of this type.
    pub fn add_full(&mut self, id_type: IdType) {
        self.full |= 1 << id_type as u16;
    }

    /// Adds an agreeing masked number of this type.
    pub fn add_masked(&mut self, id_type: IdType) {
        self.masked |= 1 << id_type as u16;
    }

    /// Types of equal full numbers.
    pub fn full(self) -> impl Iterator<Item = IdType> {
        IdType::ALL
            .into_iter()
            .filter(move |id_type| self.full & (1 << *id_type as u16) != 0)
    }

    /// Types of agreeing masked numbers.
    pub fn masked(self) -> impl Iterator<Item = IdType> {
        IdType::ALL
            .into_iter()
            .filter(move |id_type| self.masked & (1 << *id_type as u16) != 0)
    }
}

/// A measure that reaches the party of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchedMeasure {
    /// The measure.
    pub measure: MeasureIndex,
    /// What it does here, after force, freshness, exemption and identity.
    pub effect: Decision,
    /// False where a missing attribute leaves it undecided.
    pub applied: bool,
}

/// A benefit of a red list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incentive {
    /// The entry it rests on.
    pub entry: EntryIndex,
    /// The measure that grants it.
    pub measure: MeasureIndex,
}
