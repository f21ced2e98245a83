//! What is asked, of which world, and what is answered: plain structs.

use hecha::identifier::kind::IdType;
use hecha::model::decision::{AuthorisationKind, Decision, ExemptionKind, Identity};
use hecha::model::entry::{Act, ListRecord};
use hecha::model::subject::{ClientKind, Role, RoleSet, SubjectKind};
use hecha::model::term::{Day, Moment};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that stands when the question comes.
#[derive(Debug, Clone)]
pub struct World {
    pub records: Vec<ListRecord>,
    /// In the order in which they were done.
    pub acts: Vec<Act>,
    /// By list id; a list that is not here was never fetched.
    pub list_as_of: BTreeMap<String, Moment>,
    pub client: Client,
}

/// The unit that asks, as far as a decision depends on it.
#[derive(Debug, Clone)]
pub struct Client {
    pub kind: ClientKind,
    /// Ids of adopted measures.
    pub adopts: BTreeSet<String>,
    pub masked_id_blocks: bool,
}

/// One question, valid.
#[derive(Debug, Clone)]
pub struct Question {
    pub scenario: String,
    /// Words, integers and booleans as they are written.
    pub attributes: BTreeMap<String, String>,
    pub subject: Asked,
    pub related: Vec<Asked>,
    pub exemption: Option<ExemptionKind>,
    pub authorisation: Option<AuthorisationKind>,
}

/// One party of a question.
#[derive(Debug, Clone)]
pub struct Asked {
    pub kind: SubjectKind,
    pub name: String,
    /// Full numbers in their normal form.
    pub ids: Vec<(IdType, String)>,
    pub birth_date: Option<Day>,
    pub role: Option<Role>,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub decision: Decision,
    /// Codes, `missing_attribute:<name>` among them.
    pub reasons: BTreeSet<String>,
    /// All, strongest first.
    pub matches: Vec<Matched>,
    /// Entry and measure.
    pub incentives: BTreeSet<(String, String)>,
}

/// One match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    pub entry_id: String,
    /// `None` the subject of the request.
    pub via: Option<usize>,
    pub roles: RoleSet,
    pub identity: Identity,
    pub effect: Decision,
    /// Applied measures and what they do.
    pub applied: BTreeMap<String, Decision>,
    /// Measures that a missing attribute leaves open.
    pub undecided: BTreeSet<String>,
}
