//! What the snapshot knows of a party's numbers and name, looked up once per party.
//!
//! In: a party and a snapshot. Out: for each number the rows of its digest, in full and under each
//! mask pattern in use, and the names it could be. A listed number is stored as a row too, so
//! from here on "equal" means "the same row".
// HOT: no allocation beyond the inline room below.

use super::names::NamesFound;
use super::request::Party;
use crate::identifier::digest::{Digest, DigestKey};
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::index::identifiers;
use crate::snapshot::entries::RowNumber;
use crate::snapshot::open::Snapshot;
use smallvec::SmallVec;

/// Rows of one party's numbers.
#[derive(Debug)]
pub struct PartyKeys {
    /// Types of which the party has a number, one bit each; a credit code also gives an org code.
    types: u16,
    full: SmallVec<[(IdType, RowNumber); 4]>,
    masked: SmallVec<[(IdType, RowNumber); 4]>,
    /// Listed names that the party's could be.
    pub names: NamesFound,
}

/// How much of a number a digest stands for.
#[derive(Clone, Copy)]
enum Shown {
    Full,
    Masked,
}

impl PartyKeys {
    /// Looks the party up: one digest per number and per mask pattern of its type.
    pub fn look_up(snapshot: &Snapshot, key: &DigestKey, party: &Party) -> Self {
        let mut keys = Self {
            types: 0,
            full: SmallVec::new(),
            masked: SmallVec::new(),
            names: NamesFound::default(),
        };
        let mut digests: SmallVec<[Digest; 8]> = SmallVec::new();
        let mut kinds: SmallVec<[(IdType, Shown); 8]> = SmallVec::new();
        let mut add = |number: &FullNumber| {
            let id_type = number.id_type();
            keys.types |= 1 << id_type as u16;
            digests.push(key.full(number));
            kinds.push((id_type, Shown::Full));
            for pattern in snapshot.manifest().patterns_of(id_type) {
                if let Some(digest) = key.under_pattern(*pattern, number) {
                    digests.push(digest);
                    kinds.push((id_type, Shown::Masked));
                }
            }
        };
        for number in &party.numbers {
            add(number);
            if let Some(org_code) = number.org_code() {
                add(&org_code);
            }
        }
        identifiers::find_all(snapshot, &digests, |place, row| match kinds[place] {
            (id_type, Shown::Full) => push_once(&mut keys.full, (id_type, row)),
            (id_type, Shown::Masked) => push_once(&mut keys.masked, (id_type, row)),
        });
        keys.names = NamesFound::look_up(snapshot, party, keys.has_decisive());
        keys
    }

    /// Whether the party has a number of this type.
    pub fn has(&self, id_type: IdType) -> bool {
        self.types & (1 << id_type as u16) != 0
    }

    /// Whether the party has any number.
    pub fn has_any(&self) -> bool {
        self.types != 0
    }

    /// Whether the party has a number that decides first who it is.
    pub fn has_decisive(&self) -> bool {
        self.has(IdType::CitizenId) || self.has(IdType::CreditCode)
    }

    /// Whether this row is an equal full number of the party.
    pub fn equals(&self, row: RowNumber) -> bool {
        self.full.iter().any(|(_, own)| *own == row)
    }

    /// Whether this row is a masked number that agrees with one of the party's.
    pub fn agrees(&self, row: RowNumber) -> bool {
        self.masked.iter().any(|(_, own)| *own == row)
    }

    /// All rows under which listed parties may be found.
    pub fn rows(&self) -> impl Iterator<Item = RowNumber> {
        self.full.iter().chain(&self.masked).map(|(_, row)| *row)
    }
}

fn push_once<T: PartialEq>(rows: &mut SmallVec<[T; 4]>, row: T) {
    if !rows.contains(&row) {
        rows.push(row);
    }
}
