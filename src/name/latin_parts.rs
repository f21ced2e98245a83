//! Names of other languages in Latin letters: Memet Eli for 买买提·艾力, Tashi Dolma for 扎西卓玛.
//!
//! In: a name in Latin letters as somebody wrote it, or folded. Out: the consonants and known parts
//! of the names in characters that it may stand for, as `transliteration::skeleton` has them. A
//! name is read only where known parts use up all its letters, so nothing is guessed. Table
//! `transliterations_latin.tsv`, compiled in, parsed once. Bounded: `READINGS_MAX` readings.

use super::fold::fold;
use super::transliteration::skeleton;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// The table of spellings, as shipped.
pub const SPELLINGS: &str = include_str!("../../data/names/transliterations_latin.tsv");

/// Readings of one name, in every order of its parts.
const READINGS_MAX: usize = 12;
/// Ways to cut the letters into known parts.
const CUTS_MAX: usize = 4;
/// Known parts of one name.
const PARTS_MAX: usize = 5;
/// Letters of the longest known part, and of a name.
const PART_LETTERS_MAX: usize = 12;
const LETTERS_MAX: usize = 48;
/// Forms of address, left out where they stand as words.
const TITLES: &[&str] = &[
    "mr", "mrs", "ms", "miss", "mstr", "mdm", "chd", "inf", "dr", "prof", "fnu", "lnu",
];

/// Likelihood of a name that reads so, as it stands and with its parts in another order.
const AS_IT_STANDS: f32 = 0.85;
const TURNED: f32 = 0.8;

/// What a name reads as.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Its consonants and known parts.
    pub skeleton: SmallVec<[u16; 8]>,
    /// How likely a name is written so.
    pub likelihood: f32,
}

type Elements = SmallVec<[u16; 2]>;

static TABLE: LazyLock<HashMap<&'static str, Elements>> = LazyLock::new(|| {
    let lines = SPELLINGS.lines().filter(|line| !line.starts_with('#'));
    let mut table = HashMap::new();
    for (chars, spellings) in lines.filter_map(|line| line.split_once('\t')) {
        let chars: SmallVec<[char; 8]> = fold(chars).chars().collect();
        let elements: Elements = skeleton(&chars).into_iter().collect();
        for spelling in spellings.split(' ') {
            table.entry(spelling).or_insert_with(|| elements.clone());
        }
    }
    table
});

/// What a name may stand for; nothing where its letters are not all used up by known parts.
pub fn read(raw: &str) -> SmallVec<[Reading; 2]> {
    let mut readings: SmallVec<[Reading; 2]> = SmallVec::new();
    let Some(letters) = letters(raw) else {
        return readings;
    };
    let mut cuts = Vec::new();
    cut(&letters, &mut SmallVec::new(), &mut cuts);
    for parts in cuts {
        for first in 0..parts.len() {
            let turned = (0..parts.len()).map(|place| &parts[(first + place) % parts.len()]);
            let skeleton: SmallVec<[u16; 8]> =
                turned.flat_map(|part| part.iter().copied()).collect();
            let is_known = readings.iter().any(|reading| reading.skeleton == skeleton);
            if !is_known && readings.len() < READINGS_MAX {
                let likelihood = if first == 0 { AS_IT_STANDS } else { TURNED };
                readings.push(Reading {
                    skeleton,
                    likelihood,
                });
            }
        }
    }
    readings
}

/// The likelihood that a name in characters, folded, is one of `readings`.
pub fn likelihood(readings: &[Reading], name: &[char]) -> f32 {
    if readings.is_empty() {
        return 0.0;
    }
    let skeleton = skeleton(name);
    let same = readings
        .iter()
        .filter(|reading| reading.skeleton[..] == skeleton[..]);
    same.map(|reading| reading.likelihood).fold(0.0, f32::max)
}

/// The letters of all words but titles, without marks; `None` for a text of other signs.
fn letters(raw: &str) -> Option<String> {
    if raw.len() > 4 * LETTERS_MAX {
        return None;
    }
    let mut words: SmallVec<[String; 4]> = SmallVec::new();
    let mut word = String::new();
    for c in raw.nfkd() {
        match c {
            'a'..='z' | 'A'..='Z' => word.push(c.to_ascii_lowercase()),
            '\u{300}'..='\u{36f}' | '\'' | '\u{2019}' => {}
            c if c.is_alphanumeric() => return None,
            _ => words.push(std::mem::take(&mut word)),
        }
    }
    words.push(word);
    let kept = words.iter().filter(|word| !TITLES.contains(&word.as_str()));
    let all: String = kept.map(String::as_str).collect();
    (all.len() > 3 && all.len() <= LETTERS_MAX).then_some(all)
}

/// Every way to cut the letters into known parts, the longest first.
fn cut(
    letters: &str,
    before: &mut SmallVec<[&'static Elements; PARTS_MAX]>,
    found: &mut Vec<SmallVec<[&'static Elements; PARTS_MAX]>>,
) {
    if letters.is_empty() {
        found.push(before.clone());
        return;
    }
    if before.len() == PARTS_MAX {
        return;
    }
    for length in (2..=letters.len().min(PART_LETTERS_MAX)).rev() {
        if found.len() >= CUTS_MAX {
            return;
        }
        if let Some(elements) = letters.get(..length).and_then(|part| TABLE.get(part)) {
            before.push(elements);
            cut(&letters[length..], before, found);
            before.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(raw: &str, name: &str, expected: f32) {
        let name: Vec<char> = fold(name).chars().collect();
        assert_eq!(likelihood(&read(raw), &name), expected, "{raw} {name:?}");
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        for line in SPELLINGS.lines().filter(|line| !line.starts_with('#')) {
            let (chars, spellings) = line.split_once('\t').unwrap();
            let chars: Vec<char> = fold(chars).chars().collect();
            assert!(!skeleton(&chars).is_empty(), "{line}");
            let is_word = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase());
            assert!(
                spellings.split(' ').all(|s| s.len() > 1 && is_word(s)),
                "{line}"
            );
        }
    }

    #[test]
    fn parts_are_read_in_every_order_and_spelling() {
        reads("Memet Eli", "买买提·艾力", AS_IT_STANDS);
        reads("ELI/MEMET MR", "麦麦提艾力", TURNED);
        reads("Aygül", "阿依古丽", AS_IT_STANDS);
        reads("Tashi Drolma", "扎西卓玛", AS_IT_STANDS);
        reads("tsering wangmo", "才让旺姆", AS_IT_STANDS);
        reads("abdurehim", "阿卜杜热依木", AS_IT_STANDS);
        reads("Gerel Saran", "格日勒萨仁", AS_IT_STANDS);
    }

    #[test]
    fn other_names_are_not_read() {
        for (raw, name) in [
            ("Memet Eli", "买买提·吐尔逊"),
            ("Tashi Unknownname", "扎西卓玛"),
            ("Zhang Wei", "张伟"),
            ("买买提 Eli", "买买提艾力"),
            ("", "艾力"),
        ] {
            reads(raw, name, 0.0);
        }
    }
}
