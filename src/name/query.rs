//! A name that is looked for, parsed once and compared with many.
//!
//! In: kind and name as written. Out: its folded form, keys under which similar listed names are
//! found, and the judgement on each. Every pair of names that differ and whose score reaches the
//! threshold shares a block key, or is one edit of the folded form apart (one character other,
//! missing, added, or two neighbours exchanged). HOT.

use super::fold::fold;
use super::organisation::{self, OrganisationQuery};
use super::person::{self, PersonQuery};
use super::similarity::{NameKind, Similarity};
use std::fmt;

/// A name that is looked for.
pub struct NameQuery {
    folded: String,
    parsed: Parsed,
}

impl fmt::Debug for NameQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NameQuery").field(&self.folded).finish()
    }
}

enum Parsed {
    Person(PersonQuery),
    Organisation(OrganisationQuery),
}

impl NameQuery {
    /// Parses a name as somebody wrote it; never fails, and does bounded work on any text.
    pub fn parse(kind: NameKind, raw: &str) -> Self {
        let parsed = match kind {
            NameKind::Person => Parsed::Person(PersonQuery::parse(raw)),
            NameKind::Organisation => Parsed::Organisation(OrganisationQuery::parse(raw)),
        };
        Self {
            folded: fold(raw),
            parsed,
        }
    }

    /// The folded form.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Calls `visit` with each block key, at most `QUERY_KEYS_MAX`.
    pub fn block_keys(&self, visit: &mut dyn FnMut(u64)) {
        match &self.parsed {
            Parsed::Person(query) => query.block_keys(visit),
            Parsed::Organisation(query) => query.block_keys(visit),
        }
    }

    /// The judgement on a listed name, given folded.
    pub fn compare(&self, listed: &str) -> Similarity {
        if self.folded == listed {
            return Similarity::EQUAL;
        }
        match &self.parsed {
            Parsed::Person(query) => query.compare(listed),
            Parsed::Organisation(query) => query.compare(listed),
        }
    }
}

/// Calls `visit` with each block key of a listed name, folded; at most `LISTED_KEYS_MAX`.
pub fn block_keys(kind: NameKind, listed: &str, visit: &mut dyn FnMut(u64)) {
    match kind {
        NameKind::Person => person::block_keys(listed, visit),
        NameKind::Organisation => organisation::block_keys(listed, visit),
    }
}
