//! Names of organisations, and the brands in them, as scans look for them.
//!
//! In: the store and its arrangement. Out: the tables of `index::patterns`, the same whatever the
//! threads. Only names and aliases that the subject of an entry bears: a holder is not listed.

use super::arrange::{Arrangement, UNUSED};
use super::inputs::BuildError;
use super::store::Store;
use crate::index::patterns::{Pattern, PatternTables, WindowHash};
use crate::model::subject::SubjectKind;
use crate::name::organisation;
use crate::snapshot::scan_sections;
use rayon::prelude::*;

/// The tables of all organisations.
///
/// Errors: more texts than format 1 holds.
pub fn tables(
    store: &Store,
    arrangement: &Arrangement,
    salt: &[u8; 32],
) -> Result<PatternTables, BuildError> {
    let too_many = || BuildError::TooMany {
        what: scan_sections::ROWS.name,
        max: u64::from(u32::MAX),
    };
    let mut text = String::new();
    let mut places = Vec::with_capacity(arrangement.names.len());
    for name in &arrangement.names {
        places.push(text.len());
        text.push_str(store.names.get(*name));
    }
    let is_borne = borne_by_organisations(store, arrangement);
    let borne: Vec<usize> = (0..places.len())
        .filter(|number| is_borne[*number])
        .collect();
    let patterns: Vec<Pattern> = borne
        .par_iter()
        .flat_map_iter(|number| {
            let name = store.names.get(arrangement.names[*number]);
            patterns(&text, places[*number], name, *number as u32)
        })
        .collect();
    if u32::try_from(patterns.len()).is_err() || u32::try_from(text.len()).is_err() {
        return Err(too_many());
    }
    PatternTables::build(&text, patterns, WindowHash::new(salt)).ok_or_else(too_many)
}

/// A name, and its brand where that is something else.
fn patterns(
    text: &str,
    first: usize,
    name: &str,
    number: u32,
) -> impl Iterator<Item = Pattern> + use<> {
    let whole = Pattern::new(text, first..first + name.len(), number, false);
    let brand = organisation::brand(name).filter(|brand| brand.len() < name.len());
    let brand = brand.and_then(|brand| {
        let place = first + brand.start..first + brand.end;
        Pattern::new(text, place, number, true)
    });
    [whole, brand].into_iter().flatten()
}

/// By number of the name: whether the subject of an entry bears it that is an organisation.
fn borne_by_organisations(store: &Store, arrangement: &Arrangement) -> Vec<bool> {
    let mut is_borne = vec![false; arrangement.names.len()];
    for arrival in &arrangement.order {
        let stored = &store.entries[*arrival as usize];
        let subject = store.parties_of(stored).first();
        let subject = subject.filter(|_| stored.kind == SubjectKind::Organisation);
        for name in subject.into_iter().flat_map(|party| store.names_of(party)) {
            let number = arrangement.name_numbers[*name as usize];
            if number != UNUSED {
                is_borne[number as usize] = true;
            }
        }
    }
    is_borne
}
