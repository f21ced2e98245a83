//! Placeholder of `catalogue/measure.rs`.

use super::condition::Condition;
use super::list::{List, ListIndex, Subjects};
use super::scenario::{Scenario, ScenarioIndex};
use crate::model::decision::{Disposition, ExemptionKind, Force};
use crate::model::subject::RoleSet;

/// Place of a measure in the catalogue, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeasureIndex(pub u16);

/// One measure.
#[derive(Debug, Clone)]
pub struct Measure {
    /// Id, for example `rail-g-all-seats`.
    pub id: Box<str>,
    /// English title.
    pub title_en: Box<str>,
    /// Chinese title.
    pub title_zh: Box<str>,
    /// Document and article, as answers show them.
    pub legal_basis: Box<str>,
    /// Quotation of the article.
    pub quote_zh: Box<str>,
    /// List it hangs on.
    pub list: ListIndex,
    /// Scenario it speaks of.
    pub scenario: ScenarioIndex,
    /// Whom it reaches.
    pub subject: Subjects,
    /// Roles of a listed organisation that it reaches.
    pub extends_to: RoleSet,
    /// Roles of the applicant's people that it reaches.
    pub applicant_roles: RoleSet,
    /// Facts that must hold.
    pub condition: Condition,
    /// What it asks for.
    pub disposition: Disposition,
    /// How binding it is.
    pub force: Force,
    /// Exemption it allows.
    pub exemption: Option<ExemptionKind>,
    /// Years after `in_force_from` at which it ends.
    pub term_years: Option<u8>,
    /// Decision rules 5.1.
    pub switched_on: bool,
}

/// The whole catalogue. Immutable after loading.
#[derive(Debug)]
pub struct Catalogue {
    /// Lists.
    pub lists: Vec<List>,
    /// Scenarios.
    pub scenarios: Vec<Scenario>,
    /// Measures.
    pub measures: Vec<Measure>,
    /// BLAKE3 of the table files.
    pub hash: [u8; 32],
}

impl Catalogue {
    /// Measures of one list in one scenario that are switched on.
    pub fn measures_for(&self, list: ListIndex, scenario: ScenarioIndex) -> &[MeasureIndex] {
        let _ = (list, scenario);
        &[]
    }
}
