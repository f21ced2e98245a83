//! Identifiers of all parties: one row each, with all places where it occurs.
//!
//! In: store and arrangement. Out: rows sorted by digest, postings by entry and party, and the row
//! of every number of every party.

use super::arrange::{Arrangement, UNUSED};
use super::inputs::BuildError;
use super::store::{FULL, Store, StoredNumber};
use crate::identifier::digest::Digest;
use crate::index::identifiers::split;
use crate::snapshot::entries::{NumberRow, Posting, RowNumber};
use crate::snapshot::rows::IdentifierRow;
use rayon::prelude::*;

/// Rows and what leads to them.
#[derive(Debug, Default)]
pub struct Identifiers {
    /// Keys of the line table, by row.
    pub keys: Vec<u64>,
    /// Rows, and one more that ends the last.
    pub rows: Vec<IdentifierRow>,
    /// Postings, by row.
    pub postings: Vec<Posting>,
    /// Numbers of parties, in the order of entries and parties.
    pub numbers: Vec<NumberRow>,
}

/// One number of one party.
#[derive(Clone, Copy)]
struct Occurrence {
    key: u64,
    further: u64,
    entry: u32,
    /// Place in `numbers`.
    number: u32,
    party: u16,
    id_type: u8,
    /// 0 full, else 1 + place among the patterns of the type.
    pattern: u8,
    implied: bool,
}

/// Collects and sorts the numbers of all entries that are built.
///
/// Errors: more of them than a file holds.
pub fn collect(store: &Store, arrangement: &Arrangement) -> Result<Identifiers, BuildError> {
    let mut occurrences = occurrences(store, arrangement)?;
    occurrences.par_sort_unstable_by_key(|o| (o.key, o.further, o.entry, o.party));
    let mut found = Identifiers {
        postings: Vec::with_capacity(occurrences.len()),
        numbers: vec![NumberRow::NONE; occurrences.len()],
        keys: Vec::with_capacity(occurrences.len()),
        rows: Vec::with_capacity(occurrences.len() + 1),
    };
    let same = |a: &Occurrence, b: &Occurrence| a.key == b.key && a.further == b.further;
    for of_row in occurrences.chunk_by(same) {
        let first = &of_row[0];
        let row = RowNumber(found.rows.len() as u32);
        let posting_first = found.postings.len() as u32;
        found.keys.push(first.key);
        found.rows.push(IdentifierRow::new(
            first.further,
            posting_first,
            first.id_type,
            first.pattern,
        ));
        for o in of_row {
            found
                .postings
                .push(Posting::new(o.entry, o.party, o.implied));
            found.numbers[o.number as usize] = o.number_row(row);
        }
    }
    let end = found.postings.len() as u32;
    found.rows.push(IdentifierRow::new(0, end, 0, 0));
    Ok(found)
}

fn occurrences(store: &Store, arrangement: &Arrangement) -> Result<Vec<Occurrence>, BuildError> {
    let mut occurrences = Vec::with_capacity(store.numbers.len());
    for (entry, stored) in store.entries.iter().enumerate() {
        for (party, stored_party) in store.parties_of(stored).iter().enumerate() {
            for number in store.numbers_of(stored_party) {
                let (key, further) = split(&Digest(number.digest));
                occurrences.push(Occurrence {
                    key,
                    further,
                    entry: entry as u32,
                    number: occurrences.len() as u32,
                    party: party as u16,
                    id_type: number.id_type as u8,
                    pattern: stored_pattern(number, arrangement),
                    implied: number.implied,
                });
            }
        }
    }
    if occurrences.len() >= UNUSED as usize {
        return Err(BuildError::TooMany {
            what: "numbers",
            max: u64::from(UNUSED) - 1,
        });
    }
    Ok(occurrences)
}

fn stored_pattern(number: &StoredNumber, arrangement: &Arrangement) -> u8 {
    if number.pattern == FULL {
        return 0;
    }
    // INVARIANT: entries with a pattern that is not built were left out; places are below 16.
    let place = arrangement.pattern_places[usize::from(number.pattern)];
    debug_assert!(place != UNUSED);
    place as u8 + 1
}

impl Occurrence {
    fn number_row(&self, row: RowNumber) -> NumberRow {
        NumberRow::stored(row, self.id_type, self.pattern, self.implied)
    }
}
