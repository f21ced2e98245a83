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

/// Where the brand stands in a listed name, folded, in bytes; `None` where it has none.
///
/// Stands in for the parsing of names: what is left without a legal form.
pub fn brand(listed: &str) -> Option<std::ops::Range<usize>> {
    const FORMS: [&str; 4] = ["股份有限公司", "有限责任公司", "有限公司", "公司"];
    let form = FORMS.iter().find(|form| listed.ends_with(**form))?;
    Some(0..listed.len() - form.len())
}
