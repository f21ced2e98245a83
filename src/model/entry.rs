//! A listing as its owner states it: facts, not law. What follows from them is derived elsewhere.
//!
//! Contract, section 3. `ListRecord` is a record after validation: identifiers parsed, dates real,
//! nothing contradictory. Identifiers in it are in clear; it lives only while a list is built.

use super::subject::{Role, SubjectKind};
use super::term::{Day, Moment};
use crate::identifier::mask::ListedNumber;

/// Place of an entry in one snapshot, from 0; meaningless in the next snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryIndex(pub u32);

/// The publisher's own key, equal in every snapshot; acts are keyed by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub Box<str>);

impl EntryId {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who may learn of an entry. Contract 2.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disclosure {
    /// Open to everybody.
    Public = 0,
    /// Only with an authorisation.
    Authorised = 1,
    /// Only to authorities.
    Government = 2,
}

impl Disclosure {
    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Authorised => "authorised",
            Self::Government => "government",
        }
    }

    /// From the word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "public" => Some(Self::Public),
            "authorised" => Some(Self::Authorised),
            "government" => Some(Self::Government),
            _ => None,
        }
    }
}

/// Status as the list owner states it; only `in_force` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Counts, within its term.
    InForce = 0,
    /// Suspended by the list owner.
    Held = 1,
    /// Taken back.
    Withdrawn = 2,
    /// Ended by repair.
    Repaired = 3,
}

impl Status {
    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::Held => "held",
            Self::Withdrawn => "withdrawn",
            Self::Repaired => "repaired",
        }
    }

    /// From the word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "in_force" => Some(Self::InForce),
            "held" => Some(Self::Held),
            "withdrawn" => Some(Self::Withdrawn),
            "repaired" => Some(Self::Repaired),
            _ => None,
        }
    }
}

/// Subject or holder of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedParty {
    /// Person or organisation.
    pub kind: SubjectKind,
    /// As written by the list owner, trimmed.
    pub name: Box<str>,
    /// Other names of the same subject.
    pub aliases: Vec<Box<str>>,
    /// Parsed numbers. Masked ones with fewer than 8 visible characters were dropped by intake.
    pub ids: Vec<ListedNumber>,
    /// From a full citizen_id, else as stated; persons only.
    pub birth_date: Option<Day>,
    /// Roles of a holder; empty for the subject of the record.
    pub role: Option<Role>,
}

/// One validated list record.
#[derive(Debug, Clone, PartialEq)]
pub struct ListRecord {
    /// Unique over all lists of a build.
    pub entry_id: EntryId,
    /// Id of the list in the catalogue.
    pub list: Box<str>,
    /// Who is listed.
    pub subject: ListedParty,
    /// Persons (or organisations) that stand in a role to the subject.
    pub related: Vec<ListedParty>,
    /// Grade or colour, where the list has them.
    pub grade: Option<Box<str>>,
    /// What was done; text.
    pub conduct: Option<Box<str>>,
    /// Day the conduct ended.
    pub conduct_ended: Option<Day>,
    /// Able to perform but refuses.
    pub able_but_refuses: Option<bool>,
    /// Number of the final legal document.
    pub case_no: Box<str>,
    /// Who listed.
    pub authority: Box<str>,
    /// Division code.
    pub region: Option<Box<str>>,
    /// Who supplied the record.
    pub supplier: Box<str>,
    /// When it was supplied.
    pub submitted_at: Moment,
    /// Day of publication.
    pub published: Option<Day>,
    /// First day of force.
    pub in_force_from: Day,
    /// Last day of force, as stated.
    pub in_force_until: Option<Day>,
    /// Law that keeps the measure after exit; changes no effect.
    pub retained_basis: Option<Box<str>>,
    /// Who may learn of it.
    pub disclosure: Disclosure,
    /// As the list owner states it.
    pub status: Status,
    /// Where to object; the list's default where absent.
    pub recourse: Option<Box<str>>,
}

/// What an operator or list owner did to an entry. Decision rules 2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActKind {
    /// An objection: out until an outcome, however late.
    Hold,
    /// The listing stands and counts again.
    Upheld,
    /// This version is out; a later `submitted_at` of the same entry_id counts.
    Corrected,
    /// Out for good, as the outcome of an objection.
    Removed,
    /// Out for good: withdrawn as wrong.
    Withdraw,
    /// Out for good: repaired.
    Repair,
}

/// One act on one entry, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The entry it concerns.
    pub entry_id: EntryId,
    /// What was done.
    pub kind: ActKind,
    /// When.
    pub at: Moment,
    /// `submitted_at` of the version it concerns, known for `Corrected`.
    pub version: Option<Moment>,
}
