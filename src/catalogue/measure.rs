//! Measures: what a list means in a scenario, with its legal basis; and the catalogue itself.
//!
//! Immutable after loading; look-ups are one hash or one place in a table. Which measures are
//! switched on is decision rules 5.1, decided once when the catalogue is put together.

use super::condition::Condition;
use super::list::{List, ListIndex, Subjects};
use super::scenario::{Scenario, ScenarioIndex};
use crate::model::decision::{Disposition, ExemptionKind, Force};
use crate::model::subject::RoleSet;
use foldhash::fast::RandomState;
use std::collections::HashMap;

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
    /// Quotation of the article; empty switches the measure off.
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
    /// The condition as written, for people.
    pub condition_text: Box<str>,
    /// What it asks for.
    pub disposition: Disposition,
    /// How binding it is.
    pub force: Force,
    /// Exemption it allows.
    pub exemption: Option<ExemptionKind>,
    /// Years after `in_force_from` at which it ends.
    pub term_years: Option<u8>,
    /// How we read the article; no rule.
    pub note: Box<str>,
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
    /// The tables as they were read, in the order of `load::FILES`: whoever decides again years
    /// later needs them.
    pub texts: [Box<str>; 4],
    /// What the operator should know although the catalogue was loaded; sentences for the log.
    pub warnings: Vec<String>,
    list_places: HashMap<Box<str>, ListIndex, RandomState>,
    scenario_places: HashMap<Box<str>, ScenarioIndex, RandomState>,
    measure_places: HashMap<Box<str>, MeasureIndex, RandomState>,
    /// Measures that are switched on, by list and scenario, in the order of the table.
    switched_on: Vec<MeasureIndex>,
    /// Where those of `list * scenarios + scenario` start; one more at the end.
    starts: Vec<u32>,
}

impl Catalogue {
    /// Puts a catalogue together from validated parts.
    ///
    /// INVARIANT: ids are unique, places of lists and scenarios in `measures` exist; the loader
    /// sees to it. A measure that points outside is never found.
    pub fn new(
        lists: Vec<List>,
        scenarios: Vec<Scenario>,
        measures: Vec<Measure>,
        hash: [u8; 32],
        warnings: Vec<String>,
    ) -> Self {
        let places = lists.len() * scenarios.len();
        let mut cells: Vec<Vec<MeasureIndex>> = vec![Vec::new(); places];
        for (index, measure) in (0u16..).map(MeasureIndex).zip(&measures) {
            let place =
                usize::from(measure.list.0) * scenarios.len() + usize::from(measure.scenario.0);
            let known = usize::from(measure.scenario.0) < scenarios.len();
            if let Some(cell) = cells
                .get_mut(place)
                .filter(|_| known && measure.switched_on)
            {
                cell.push(index);
            }
        }
        let mut starts = vec![0u32];
        let mut switched_on = Vec::new();
        for cell in cells {
            switched_on.extend(cell);
            starts.push(switched_on.len() as u32);
        }
        Self {
            list_places: ids(lists.iter().map(|list| &list.id))
                .map(|(id, place)| (id, ListIndex(place as u8)))
                .collect(),
            scenario_places: ids(scenarios.iter().map(|scenario| &scenario.id))
                .map(|(id, place)| (id, ScenarioIndex(place)))
                .collect(),
            measure_places: ids(measures.iter().map(|measure| &measure.id))
                .map(|(id, place)| (id, MeasureIndex(place)))
                .collect(),
            lists,
            scenarios,
            measures,
            hash,
            texts: Default::default(),
            warnings,
            switched_on,
            starts,
        }
    }

    /// Measures of one list in one scenario that are switched on, in the order of the table.
    #[inline]
    pub fn measures_for(&self, list: ListIndex, scenario: ScenarioIndex) -> &[MeasureIndex] {
        if usize::from(scenario.0) >= self.scenarios.len() {
            return &[];
        }
        let place = usize::from(list.0) * self.scenarios.len() + usize::from(scenario.0);
        match (self.starts.get(place), self.starts.get(place + 1)) {
            (Some(start), Some(end)) => &self.switched_on[*start as usize..*end as usize],
            _ => &[],
        }
    }

    /// The list with this id.
    pub fn find_list(&self, id: &str) -> Option<ListIndex> {
        self.list_places.get(id).copied()
    }

    /// The scenario with this id.
    pub fn find_scenario(&self, id: &str) -> Option<ScenarioIndex> {
        self.scenario_places.get(id).copied()
    }

    /// The measure with this id, switched on or not.
    pub fn find_measure(&self, id: &str) -> Option<MeasureIndex> {
        self.measure_places.get(id).copied()
    }

    /// A list. Panics where `index` comes from another catalogue.
    #[inline]
    pub fn list(&self, index: ListIndex) -> &List {
        &self.lists[usize::from(index.0)]
    }

    /// A scenario. Panics where `index` comes from another catalogue.
    #[inline]
    pub fn scenario(&self, index: ScenarioIndex) -> &Scenario {
        &self.scenarios[usize::from(index.0)]
    }

    /// A measure. Panics where `index` comes from another catalogue.
    #[inline]
    pub fn measure(&self, index: MeasureIndex) -> &Measure {
        &self.measures[usize::from(index.0)]
    }
}

/// Ids with their places.
fn ids<'a>(ids: impl Iterator<Item = &'a Box<str>>) -> impl Iterator<Item = (Box<str>, u16)> {
    ids.cloned().zip(0u16..)
}
