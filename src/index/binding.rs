//! How a snapshot's own numbering of lists and grades meets the catalogue's.
//!
//! A snapshot names its lists and grades by words in its manifest, so that a changed catalogue
//! needs no rebuild. In: manifest words and a catalogue. Out: a table from one numbering to the
//! other. A list that the catalogue does not know refuses the pair.

use crate::catalogue::list::{ListIndex, ListRules};
use crate::catalogue::measure::Catalogue;
use crate::model::term::{Day, Moment};
use crate::snapshot::entries::Facts;
use crate::snapshot::manifest::Manifest;

/// Why a snapshot and a catalogue do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// The snapshot holds entries of a list that the catalogue lacks.
    #[error(
        "the snapshot holds list `{list}`, which the catalogue does not know; \
         add it to lists.tsv or build without it"
    )]
    UnknownList {
        /// Id of the list.
        list: String,
    },
}

/// Table from a snapshot's lists to the catalogue's.
#[derive(Debug)]
pub struct Binding {
    lists: Box<[BoundList]>,
}

/// One list of a snapshot, as the catalogue sees it.
#[derive(Debug)]
pub struct BoundList {
    /// Place in the catalogue.
    pub list: ListIndex,
    /// Catalogue's place of each grade of the snapshot; `None` where it has no such grade.
    grades: Box<[Option<u8>]>,
    /// Last good fetch.
    pub as_of: Moment,
    /// Last moment at which the list is fresh.
    pub fresh_until: Moment,
}

impl Binding {
    /// Binds the lists of a manifest to a catalogue.
    ///
    /// Errors: a list the catalogue lacks.
    pub fn new(manifest: &Manifest, catalogue: &Catalogue) -> Result<Self, BindingError> {
        let bound = manifest.lists.iter().map(|named| {
            let list = catalogue
                .find_list(&named.id)
                .ok_or_else(|| BindingError::UnknownList {
                    list: named.id.to_string(),
                })?;
            let law = catalogue.list(list);
            let place = |grade: &str| law.grades.iter().position(|known| **known == *grade);
            let hours = i64::from(law.max_staleness_hours);
            Ok(BoundList {
                list,
                grades: named
                    .grades
                    .iter()
                    .map(|g| place(g).map(|p| p as u8))
                    .collect(),
                as_of: named.as_of,
                fresh_until: named.as_of.plus_hours(hours),
            })
        });
        Ok(Self {
            lists: bound.collect::<Result<_, _>>()?,
        })
    }

    /// The list of an entry; `None` only for a damaged number.
    pub fn list_of(&self, facts: &Facts) -> Option<&BoundList> {
        self.lists.get(usize::from(facts.list()))
    }

    /// All lists of the snapshot, in its order.
    pub fn lists(&self) -> &[BoundList] {
        &self.lists
    }
}

impl BoundList {
    /// Whether the list is older at `now` than its law allows. Decision rules 6.3.
    pub fn is_stale(&self, now: Moment) -> bool {
        now > self.fresh_until
    }

    /// Catalogue's place of the entry's grade.
    pub fn grade_of(&self, facts: &Facts) -> Option<u8> {
        self.grades
            .get(usize::from(facts.grade()?))
            .copied()
            .flatten()
    }
}

/// Last day of an entry; `None` where neither the record nor the law sets one. Decision rules 2.2.
pub fn last_day(facts: &Facts, grade: Option<u8>, rules: &ListRules) -> Option<Day> {
    use crate::catalogue::list::TermFrom;
    let default = || {
        let years = i32::from(rules.default_term_years?);
        let from = match rules.default_term_from {
            TermFrom::InForceFrom => facts.in_force_from(),
            TermFrom::Published => facts.published().unwrap_or(facts.in_force_from()),
        };
        Some(from.plus_years(years))
    };
    let stated = facts.in_force_until().or_else(default);
    let spared = grade.is_some_and(|grade| rules.cap_spares_grades & (1 << grade) != 0);
    let cap = match (rules.conduct_cap_years, facts.conduct_ended()) {
        (Some(years), Some(ended)) if !spared => Some(ended.plus_years(i32::from(years))),
        _ => None,
    };
    match (stated, cap) {
        (Some(stated), Some(cap)) => Some(stated.min(cap)),
        (stated, cap) => stated.or(cap),
    }
}
