//! Names of organisations, and the brands in them, as scans look for them.
//!
//! In: the store, in order. Out: the tables of `index::patterns`, the same whatever the
//! threads. Only names and aliases that the subject of an entry bears: a holder is not listed.

use super::inputs::BuildError;
use super::store::Store;
use crate::index::patterns::{Pattern, PatternTables, WindowHash};
use crate::model::subject::SubjectKind;
use crate::name::organisation;
use crate::snapshot::scan_sections;
use rayon::prelude::*;
use std::ops::Range;

/// The tables of all organisations.
///
/// Errors: more texts than format 1 holds.
pub fn tables(store: &Store, salt: &[u8; 32]) -> Result<PatternTables, BuildError> {
    let too_many = || BuildError::TooMany {
        what: scan_sections::ROWS.name,
        max: u64::from(u32::MAX),
    };
    let text = store.names.text();
    let is_borne = borne_by_organisations(store);
    let borne: Vec<u32> = (0..store.names.len())
        .filter(|number| is_borne[*number as usize])
        .collect();
    let patterns: Vec<Pattern> = borne
        .par_iter()
        .flat_map_iter(|number| {
            let place = store.names.place(*number);
            patterns(text, place, *number)
        })
        .collect();
    if u32::try_from(patterns.len()).is_err() || u32::try_from(text.len()).is_err() {
        return Err(too_many());
    }
    PatternTables::build(text, patterns, WindowHash::new(salt)).ok_or_else(too_many)
}

/// A name, and its brand where that is something else.
fn patterns(text: &str, place: Range<usize>, number: u32) -> impl Iterator<Item = Pattern> + use<> {
    let (first, name) = (place.start, &text[place.clone()]);
    let whole = Pattern::new(text, place, number, false);
    let brand = organisation::brand(name).filter(|brand| brand.len() < name.len());
    let brand = brand.and_then(|brand| {
        let place = first + brand.start..first + brand.end;
        Pattern::new(text, place, number, true)
    });
    [whole, brand].into_iter().flatten()
}

/// By number of the name: whether the subject of an entry bears it that is an organisation.
fn borne_by_organisations(store: &Store) -> Vec<bool> {
    let mut is_borne = vec![false; store.names.len() as usize];
    for (entry, party) in store.subjects() {
        if entry.kind == SubjectKind::Organisation {
            for name in store.names_of(party) {
                is_borne[*name as usize] = true;
            }
        }
    }
    is_borne
}
