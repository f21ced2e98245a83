//! Names of other languages in characters: parts that are written in several ways.
//!
//! In: characters of a folded name. Out: which group of spellings begins at a place, and whether a
//! name looks like one of another language. Table `transliterations.tsv`, compiled in, parsed once.

use super::char_map::CharMap;
use super::fold::fold;
use super::pinyin::{readings, split_initial, surname_chars};
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// The table of spellings, as shipped.
pub const GROUPS: &str = include_str!("../../data/names/transliterations.tsv");

/// Characters of the longest spelling.
const SPELLING_CHARS_MAX: usize = 6;

/// Characters whose coarse initials are kept.
const USUAL: RangeInclusive<char> = '\u{4e00}'..='\u{9fa5}';

struct Tables {
    /// Whether a spelling begins with the character.
    begins: CharMap<bool>,
    /// Coarse initials of usual characters; 0 for others.
    initials: CharMap<u8>,
    /// Spellings with their group, sorted.
    spellings: Vec<(Vec<char>, u16)>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables = Tables {
        begins: CharMap::new(),
        initials: CharMap::new(),
        spellings: Vec::new(),
    };
    let lines = GROUPS.lines().filter(|line| !line.starts_with('#'));
    for (group, line) in lines.enumerate() {
        for spelling in line.split(' ') {
            let spelling: Vec<char> = fold(spelling).chars().collect();
            if let Some(first) = spelling.first() {
                tables.begins.insert(*first, true);
                tables.spellings.push((spelling, group as u16));
            }
        }
    }
    for c in USUAL {
        tables.initials.insert(c, initial_of(c));
    }
    tables.spellings.sort();
    tables.spellings.dedup_by(|one, other| one.0 == other.0);
    tables
});

/// The longest spelling with which `name` begins: its group and its characters.
pub fn spelling(name: &[char]) -> Option<(u16, usize)> {
    let tables = &*TABLES;
    if !name.first().is_some_and(|c| tables.begins.get(*c)) {
        return None;
    }
    (2..=name.len().min(SPELLING_CHARS_MAX))
        .rev()
        .find_map(|length| {
            let found = tables
                .spellings
                .binary_search_by(|(spelling, _)| spelling.as_slice().cmp(&name[..length]));
            found.ok().map(|place| (tables.spellings[place].1, length))
        })
}

/// Whether a name looks like one of another language: long, without a Han surname, or made of a
/// known part; a part of two characters may begin a Han name too.
pub fn looks_foreign(name: &[char]) -> bool {
    let is_part = |length| length == name.len() || length > 2;
    // Signs have no sound: such a name would have no keys.
    if name.iter().any(char::is_ascii) {
        return false;
    }
    match name.len() {
        0 | 1 => false,
        2 | 3 => {
            surname_chars(name) == 0 || spelling(name).is_some_and(|(_, length)| is_part(length))
        }
        4 => surname_chars(name) != 2,
        _ => true,
    }
}

/// Stands for a character that may be left out.
pub const SILENT: u8 = b'-';

/// The sound with which a character begins, coarse: sounds that transliterations exchange share
/// one. `b'0'` for a vowel, `SILENT` for a character that may be left out.
pub fn coarse_initial(c: char) -> u8 {
    match TABLES.initials.get(c) {
        0 => initial_of(c),
        initial => initial,
    }
}

fn initial_of(c: char) -> u8 {
    if matches!(c, '尔' | '儿' | '耳') {
        return SILENT;
    }
    let Some(reading) = readings(c).first() else {
        return b'?';
    };
    let (initial, _) = split_initial(reading.syllable.letters());
    match initial {
        "b" | "p" | "f" => b'b',
        "d" | "t" => b'd',
        "g" | "k" | "h" => b'g',
        "j" | "q" | "zh" | "ch" | "z" | "c" => b'j',
        "x" | "sh" | "s" => b's',
        "l" | "r" => b'l',
        "m" => b'm',
        "n" => b'n',
        _ => b'0',
    }
}

/// The consonants of a name, each part of the table by its group: equal for most spellings of one
/// name. At most 32 values.
pub fn skeleton(name: &[char]) -> smallvec::SmallVec<[u16; 32]> {
    let mut skeleton = smallvec::SmallVec::new();
    let mut place = 0;
    while place < name.len() && skeleton.len() < 32 {
        if let Some((group, length)) = spelling(&name[place..]) {
            skeleton.push(0x8000 | group);
            place += length;
            continue;
        }
        match coarse_initial(name[place]) {
            SILENT => {}
            initial => skeleton.push(u16::from(initial)),
        }
        place += 1;
    }
    skeleton
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(name: &str) -> Vec<char> {
        name.chars().collect()
    }

    #[test]
    fn spellings_of_one_part_share_a_group() {
        let group = |name: &str| spelling(&chars(name)).unwrap().0;
        assert_eq!(group("麦麦提"), group("买买提"));
        assert_eq!(group("才让卓玛"), group("次仁"));
        assert_ne!(group("扎西"), group("次仁"));
        assert_eq!(spelling(&chars("张伟")), None);
        assert_eq!(spelling(&[]), None);
    }

    #[test]
    fn names_of_other_languages_are_told_by_length_and_surname() {
        for name in ["阿卜杜拉买买提", "次仁旺姆", "其其格", "巴特尔"] {
            assert!(looks_foreign(&chars(name)), "{name}");
        }
        for name in ["张伟", "欧阳娜娜", "王小明"] {
            assert!(!looks_foreign(&chars(name)), "{name}");
        }
    }

    #[test]
    fn skeletons_of_two_spellings_are_equal() {
        for (one, other) in [
            ("吾布力塔伊尔", "吾不力塔依尔"),
            ("巴托尔高娃", "巴特尔高娃"),
            ("阿不都拉买买提", "阿卜杜拉麦麦提"),
        ] {
            assert_eq!(skeleton(&chars(one)), skeleton(&chars(other)), "{one}");
        }
        assert_ne!(skeleton(&chars("图尔迪")), skeleton(&chars("买买提")));
    }
}
