//! Names that are similar to one that is looked for: candidates by keys, verified and scored.
//!
//! In: a name, parsed once. Out: listed names whose score reaches the threshold, each once, and how
//! many were looked at. A file without the tables of similar names answers with the equal name
//! alone. Bounded work, said in `Found` where the bound was reached. Never panics, whatever the
//! file holds. Whether a name has entries that count is decided elsewhere.

// HOT: once a check of a name.

use super::names;
use crate::name::query::NameQuery;
use crate::name::similarity::{NameKind, Similarity};
use crate::snapshot::entries::NameNumber;
use crate::snapshot::open::Snapshot;

/// Most work of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Candidates read at most, those that are put aside at a glance too.
    pub candidates_max: u32,
    /// Candidates compared character by character at most.
    pub compared_max: u32,
}

impl Budget {
    /// Enough for every common name among ten million persons.
    pub const DEFAULT: Self = Self {
        candidates_max: 20_000,
        compared_max: 4_000,
    };
}

/// What a query looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Distinct names looked at.
    pub candidates: u32,
    /// Those whose score was computed.
    pub compared: u32,
    /// Whether the budget ended the search: there may be more.
    pub budget_reached: bool,
}

/// Whether the snapshot has the tables of similar names, made by the keys of this program; without
/// them only equal names are found, which a gateway says in a warning.
pub fn is_indexed(_snapshot: &Snapshot) -> bool {
    false
}

/// Calls `visit` with each name whose score reaches `THRESHOLD`, once, in no order; the equal name
/// too, with `Similarity::EQUAL`.
///
/// `kind` is that of the listed subjects; a name that persons and organisations bear is found under
/// either, so entries of the other kind are the caller's to leave out.
pub fn similar(
    snapshot: &Snapshot,
    _kind: NameKind,
    query: &NameQuery,
    _budget: &Budget,
    visit: &mut dyn FnMut(NameNumber, Similarity),
) -> Found {
    let mut found = Found::default();
    if let Some(name) = names::find(snapshot, query.folded()) {
        found.candidates += 1;
        visit(name, Similarity::EQUAL);
    }
    found
}
