//! Private-use code points in which GBK and GB 18030 systems kept characters that had no other.
//!
//! In: a character. Out: the standard character that it stands for, itself for all others. Table
//! `private_use.tsv`, compiled in and parsed once; a line that does not parse is left out at run
//! time and found by the tests. Only code points with one settled meaning: what a bank or an office
//! put into its own area stays what it is. No I/O.

use std::sync::LazyLock;

/// The table as shipped: `#` lines, then `U+E863`, character, its code point, separated by tabs.
const TABLE: &str = include_str!("../../data/names/private_use.tsv");

const FIRST: u32 = 0xe700;
const LAST: u32 = 0xe8ff;

/// The standard character of each code point from `FIRST` on; `'\0'` for one that stays itself.
static STANDARD: LazyLock<Box<[char]>> = LazyLock::new(|| {
    let mut standard = vec!['\0'; (LAST - FIRST + 1) as usize];
    for (from, to) in TABLE.lines().filter_map(row) {
        if let Some(place) = place(from).and_then(|place| standard.get_mut(place)) {
            *place = to;
        }
    }
    standard.into()
});

/// The standard character for which a private-use code point stands; any other as it is.
pub fn standard(c: char) -> char {
    match place(c).and_then(|place| STANDARD.get(place)) {
        Some('\0') | None => c,
        Some(standard) => *standard,
    }
}

fn place(c: char) -> Option<usize> {
    let place = (FIRST..=LAST).contains(&u32::from(c));
    place.then(|| (u32::from(c) - FIRST) as usize)
}

/// The two characters of a line; `None` for a comment.
fn row(line: &str) -> Option<(char, char)> {
    let mut columns = line.strip_prefix("U+")?.split('\t');
    let from = char::from_u32(u32::from_str_radix(columns.next()?, 16).ok()?)?;
    let mut to = columns.next()?.chars();
    Some((from, to.next().filter(|_| to.next().is_none())?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_names_a_private_code_point_and_the_character_of_the_last_column() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        let mut before = '\0';
        for line in lines {
            let (from, to) = row(line).unwrap_or_else(|| panic!("does not parse: `{line}`"));
            assert!(before < from, "in rising order: {line}");
            assert!(place(from).is_some(), "{line}");
            assert_eq!(place(to), None, "never to another private one: {line}");
            assert!(
                line.ends_with(&format!("U+{:04X}", u32::from(to))),
                "{line}"
            );
            assert_eq!(standard(from), to);
            before = from;
        }
    }

    #[test]
    fn private_characters_of_the_standards_are_known_and_others_stay() {
        for (from, to) in [
            ('\u{e863}', '䶮'),
            ('\u{e81e}', '\u{9fb4}'),
            ('\u{e816}', '𠂇'),
            ('\u{e000}', '\u{e000}'),
            ('\u{e8ff}', '\u{e8ff}'),
            ('\u{f0000}', '\u{f0000}'),
            ('伟', '伟'),
        ] {
            assert_eq!(standard(from), to);
        }
    }
}
