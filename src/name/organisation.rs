//! Names of organisations.

use super::similarity::Similarity;

/// The name of an organisation that is looked for.
pub struct OrganisationQuery;

impl OrganisationQuery {
    /// Parses a name as somebody wrote it.
    pub fn parse(_raw: &str) -> Self {
        Self
    }

    /// Calls `visit` with each block key, at most `QUERY_KEYS_MAX`.
    pub fn block_keys(&self, _visit: &mut dyn FnMut(u64)) {}

    /// The judgement on a listed name, folded.
    pub fn compare(&self, _listed: &str) -> Similarity {
        Similarity {
            score: 0.0,
            differences: smallvec::SmallVec::new(),
        }
    }
}

/// Calls `visit` with each block key of a listed name, folded; at most `LISTED_KEYS_MAX`.
pub fn block_keys(_listed: &str, _visit: &mut dyn FnMut(u64)) {}
