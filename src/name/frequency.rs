//! How common a name of a person is: expected bearers in a million people.
//!
//! In: the characters of a folded Han name. Out: a model's figure: the surname's share times that
//! of the given name, from tables of surnames, given-name characters by place, and given names that
//! are more frequent than their characters suggest. Names are not independent of their surname in
//! life; the figure says the order of magnitude, not the count. Tables are compiled in and parsed
//! once. HOT: some array reads and one hash.

use super::char_map::CharMap;
use super::pinyin::{surname_chars, surname_per_million};
use super::variants::VariantTable;
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::sync::LazyLock;

const GIVEN_CHARS: &str = include_str!("../../data/names/given_chars.tsv");
const GIVEN_NAMES: &str = include_str!("../../data/names/given_names.tsv");

/// Share of people with a given name of one character.
const SINGLE_SHARE: f32 = 0.15;
/// Share of people with a given name of two characters of the tables.
const DOUBLE_SHARE: f32 = 0.706;
/// Parts per million of a character that no table knows.
const UNKNOWN_PPM: f32 = 0.5;
/// Bearers per million of a surname that no table knows.
const UNKNOWN_SURNAME: f32 = 0.2;

/// Shares of a character among given-name characters, in parts per million.
#[derive(Clone, Copy, Default)]
struct Shares {
    first_ppm: f32,
    second_ppm: f32,
    single_ppm: f32,
}

struct Tables {
    chars: CharMap<Shares>,
    names: HashMap<[char; 2], f32, FixedState>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let variants = VariantTable::get();
    let mut tables = Tables {
        chars: CharMap::new(),
        names: HashMap::default(),
    };
    for line in GIVEN_CHARS.lines() {
        if let Some((c, shares)) = char_line(line) {
            tables.chars.insert(variants.one_form(c), shares);
        }
    }
    for line in GIVEN_NAMES.lines() {
        if let Some((name, per_million)) = name_line(line) {
            let name = name.map(|c| variants.one_form(c));
            tables.names.insert(name, per_million);
        }
    }
    tables
});

/// Expected bearers of a name in a million people; `None` where it does not look like a Han name:
/// no known surname, or a given name of none or more than two characters.
pub fn bearers_per_million(name: &[char]) -> Option<f32> {
    let surname = surname_chars(name);
    let per_million = surname_per_million(&name[..surname])?;
    let given = &name[surname..];
    (1..=2)
        .contains(&given.len())
        .then(|| per_million * given_share(given))
}

/// Like `bearers_per_million`, with a small figure for any other text: how likely it is that
/// somebody else bears exactly this name.
pub fn likely_bearers_per_million(name: &[char]) -> f32 {
    let surname = surname_chars(name);
    let (per_million, given) = match surname_per_million(&name[..surname]) {
        Some(per_million) => (per_million, &name[surname..]),
        None => (UNKNOWN_SURNAME, name.get(1..).unwrap_or(&[])),
    };
    match given.len() {
        0 => 0.0,
        1 | 2 => per_million * given_share(given),
        more => per_million * 1e-4 * 0.1_f32.powi(more as i32 - 2),
    }
}

/// Share of a character among single given names or given names in both places, parts per million,
/// whichever is most; small for characters that are rare in names.
pub fn given_ppm(c: char) -> f32 {
    let shares = TABLES.chars.get(c);
    shares
        .first_ppm
        .max(shares.second_ppm)
        .max(shares.single_ppm)
}

fn given_share(given: &[char]) -> f32 {
    let ppm = |ppm: f32| ppm.max(UNKNOWN_PPM) * 1e-6;
    match given {
        [one] => SINGLE_SHARE * ppm(TABLES.chars.get(*one).single_ppm),
        [one, two] => {
            let first = TABLES.chars.get(*one).first_ppm;
            let second = TABLES.chars.get(*two).second_ppm;
            let product = DOUBLE_SHARE * ppm(first) * ppm(second);
            let known = TABLES.names.get(&[*one, *two]).copied().unwrap_or(0.0);
            product.max(known * 1e-6)
        }
        _ => 0.0,
    }
}

fn char_line(line: &str) -> Option<(char, Shares)> {
    let mut fields = line.split('\t');
    let mut chars = fields.next()?.chars();
    let c = chars.next().filter(|c| *c != '#')?;
    let mut ppm = || fields.next()?.parse().ok();
    let shares = Shares {
        first_ppm: ppm()?,
        second_ppm: ppm()?,
        single_ppm: ppm()?,
    };
    chars.next().is_none().then_some((c, shares))
}

fn name_line(line: &str) -> Option<([char; 2], f32)> {
    let (name, per_million) = line.split_once('\t')?;
    let mut chars = name.chars();
    let name = [chars.next()?, chars.next()?];
    let per_million = per_million.parse().ok()?;
    chars.next().is_none().then_some((name, per_million))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearers(name: &str) -> Option<f32> {
        bearers_per_million(&name.chars().collect::<Vec<_>>())
    }

    #[test]
    fn every_line_of_the_tables_is_read() {
        let lines = |table: &'static str| table.lines().filter(|line| !line.starts_with('#'));
        assert!(lines(GIVEN_CHARS).all(|line| char_line(line).is_some()));
        assert!(lines(GIVEN_NAMES).all(|line| name_line(line).is_some()));
    }

    /// Counts of the police register of 2007 for 1.3 thousand million people.
    #[test]
    fn frequent_names_are_as_frequent_as_the_register_says() {
        for (name, per_million) in [("张伟", 223.0), ("王伟", 217.0), ("王芳", 206.0)] {
            let model = bearers(name).unwrap();
            assert!((model / per_million - 1.0).abs() < 0.2, "{name} {model}");
        }
    }

    #[test]
    fn rare_names_are_rare_and_other_texts_unknown() {
        assert!(bearers("尉迟恭默").unwrap() < 0.01);
        assert!(bearers("张围").unwrap() < 0.5);
        assert_eq!(bearers("张"), None);
        assert_eq!(bearers("张三李四"), None);
        assert_eq!(bearers("zhangwei"), None);
        assert!(likely_bearers_per_million(&[]) < 1e-9);
    }
}
