//! Variant characters to one form, from `data/names/variants.tsv`.
//!
//! In: a character. Out: the one form of its class, itself where it has no variants. The table is
//! compiled in and parsed once; its head says where it comes from and how it was made. A line that
//! does not parse is left out at run time and found by the tests. No I/O.
//!
//! HOT: every character of every name of a check passes `one_form`: two array reads.

use super::char_map::CharMap;
use std::sync::LazyLock;

/// The table as shipped: `#` lines, then character, one form, relation, separated by tabs.
const TABLE: &str = include_str!("../../data/names/variants.tsv");

static VARIANTS: LazyLock<CharMap<char>> = LazyLock::new(|| {
    let mut variants = CharMap::new();
    for (from, form) in TABLE.lines().filter_map(pair) {
        variants.insert(from, form);
    }
    variants
});

/// The table, loaded: for a loop over many characters take it once.
#[derive(Clone, Copy)]
pub struct VariantTable(&'static CharMap<char>);

impl VariantTable {
    /// The compiled-in table; the first call parses it, about 1 ms.
    pub fn get() -> Self {
        Self(&VARIANTS)
    }

    /// The one form of the class of `c`; `c` itself where it has no variants. Never changes twice:
    /// the one form of a one form is itself.
    #[inline]
    pub fn one_form(self, c: char) -> char {
        match self.0.get(c) {
            '\0' => c,
            form => form,
        }
    }
}

/// Version of the table: its number and the first 8 hex digits of the BLAKE3 of its text.
pub fn table_version() -> String {
    let number = TABLE
        .lines()
        .find_map(|line| line.strip_prefix("# version: "))
        .unwrap_or("0");
    let hash = blake3::hash(TABLE.as_bytes()).to_hex();
    format!("{number}-{}", &hash[..8])
}

/// The two characters of a line; `None` for a comment.
fn pair(line: &str) -> Option<(char, char)> {
    if line.starts_with('#') {
        return None;
    }
    let mut columns = line.split('\t').map(one_char);
    Some((columns.next()??, columns.next()??))
}

fn one_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use unicode_normalization::UnicodeNormalization;

    fn rows() -> Vec<(char, char)> {
        TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| pair(line).unwrap_or_else(|| panic!("a line does not parse: `{line}`")))
            .collect()
    }

    #[test]
    fn every_line_of_the_table_is_a_pair_of_characters_in_rising_order() {
        let rows = rows();
        assert!(rows.len() > 3000, "{} rows", rows.len());
        assert!(rows.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn chains_are_resolved() {
        let map: HashMap<char, char> = rows().into_iter().collect();
        for (from, form) in &map {
            assert!(!map.contains_key(form), "{from} -> {form} -> ...");
        }
    }

    #[test]
    fn both_columns_are_han_and_stable_under_nfkc() {
        for c in rows().into_iter().flat_map(|(from, form)| [from, form]) {
            assert!(c >= '\u{3400}', "{c} is no Han character");
            assert!(c.nfkc().eq([c]), "{c} is changed by NFKC");
        }
    }

    #[test]
    fn the_table_in_memory_answers_like_the_text() {
        let map: HashMap<char, char> = rows().into_iter().collect();
        let table = VariantTable::get();
        for c in ('\0'..=char::MAX).step_by(1) {
            assert_eq!(table.one_form(c), map.get(&c).copied().unwrap_or(c));
        }
    }

    #[test]
    fn the_head_names_source_licence_and_version() {
        for word in ["# version: ", "# source: ", "# licence: "] {
            assert!(TABLE.lines().any(|line| line.starts_with(word)), "{word}");
        }
        let version = table_version();
        assert_eq!(version.len(), "1-".len() + 8, "{version}");
    }
}
