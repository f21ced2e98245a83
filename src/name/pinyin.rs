//! How characters sound: readings in pinyin, readings of surnames, and the classes of syllables
//! that southern speech does not keep apart.
//!
//! In: characters after folding. Out: syllables as small numbers. Tables `pinyin.tsv` and
//! `surnames.tsv`, compiled in and parsed once. A line that does not parse is left out at run time
//! and found by the tests. `ü` is written `v`. Knows no names but surnames.
//! HOT: a reading is two array reads away.

use super::char_map::CharMap;
use super::variants::VariantTable;
use foldhash::fast::FixedState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The table of readings, as shipped.
pub const READINGS: &str = include_str!("../../data/names/pinyin.tsv");
/// The table of surnames, as shipped.
pub const SURNAMES: &str = include_str!("../../data/names/surnames.tsv");

/// Separates sound keys from other block keys.
const SOUND_SEED: u64 = 1;

/// Characters of the longest surname in the table.
pub const SURNAME_CHARS_MAX: usize = 2;

/// A syllable of pinyin without its tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Syllable(pub u16);

/// One way of reading a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// The syllable.
    pub syllable: Syllable,
    /// 1 to 4, 5 for none.
    pub tone: u8,
}

struct Tables {
    /// Letters of each syllable, in their order.
    letters: Vec<String>,
    by_letters: HashMap<String, Syllable>,
    classes: Vec<u16>,
    wide_classes: Vec<u16>,
    readings: Vec<Reading>,
    /// First reading and count.
    of_char: CharMap<(u32, u8)>,
    /// Whoever asks chooses no key of it, so the hash need not withstand anybody.
    surnames: HashMap<[char; SURNAME_CHARS_MAX], Surname, FixedState>,
}

/// A surname: its frequency and its readings, the surname's own first.
struct Surname {
    per_million: f32,
    readings: Vec<Vec<Syllable>>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::parse);

impl Syllable {
    /// The syllable with these letters, lower case, `ü` as `v`.
    pub fn parse(letters: &str) -> Option<Self> {
        TABLES.by_letters.get(letters).copied()
    }

    /// Its letters.
    pub fn letters(self) -> &'static str {
        let letters = TABLES.letters.get(usize::from(self.0));
        letters.map_or("", String::as_str)
    }

    /// Equal for syllables that southern speech does not keep apart: n and l, f and h, zh and z, ch
    /// and c, sh and s, ing and in, eng and en, ang and an.
    pub fn dialect_class(self) -> u16 {
        let class = TABLES.classes.get(usize::from(self.0));
        class.copied().unwrap_or(u16::MAX)
    }
}

/// Whether some dialect does not keep two syllables apart that southern speech as a whole does: r
/// and l, hu and w, eng and ong, ian and iang, uan and uang, ü and i.
pub fn sound_alike_in_some_dialect(one: Syllable, other: Syllable) -> bool {
    let class = |syllable: Syllable| TABLES.wide_classes.get(usize::from(syllable.0));
    class(one).is_some() && class(one) == class(other)
}

/// Readings of a character, the most usual first; none for other signs.
pub fn readings(c: char) -> &'static [Reading] {
    let tables = &*TABLES;
    let (first, count) = tables.of_char.get(c);
    let first = first as usize;
    tables
        .readings
        .get(first..first + usize::from(count))
        .unwrap_or(&[])
}

/// Readings of a surname of one or two characters, that of the surname first, then the everyday one
/// where it differs; none where it is no known surname.
pub fn surname_readings(surname: &[char]) -> &'static [Vec<Syllable>] {
    entry(surname).map_or(&[], |surname| &surname.readings)
}

/// Bearers of a surname in a million people; `None` where it is no known surname.
pub fn surname_per_million(surname: &[char]) -> Option<f32> {
    entry(surname).map(|surname| surname.per_million)
}

/// Characters of the surname with which a name begins: 2 for a known compound one with a given name
/// behind it, 1 for another known one, 0 for none.
pub fn surname_chars(name: &[char]) -> usize {
    if name.len() > 2 && entry(&name[..2]).is_some() {
        2
    } else if !name.is_empty() && entry(&name[..1]).is_some() {
        1
    } else {
        0
    }
}

/// The block key of a sequence of dialect classes.
pub fn sound_key(classes: &[u16]) -> u64 {
    let mut bytes = [0u8; 64];
    let mut length = 0;
    for (place, class) in bytes.chunks_exact_mut(2).zip(classes) {
        place.copy_from_slice(&class.to_le_bytes());
        length += 2;
    }
    xxh3_64_with_seed(&bytes[..length], SOUND_SEED)
}

fn entry(surname: &[char]) -> Option<&'static Surname> {
    let key = match surname {
        [one] => [*one, '\0'],
        [one, two] => [*one, *two],
        _ => return None,
    };
    TABLES.surnames.get(&key)
}

impl Tables {
    fn parse() -> Self {
        let lines: Vec<(char, Vec<(&str, u8)>)> = READINGS.lines().filter_map(read_line).collect();
        let distinct: BTreeSet<&str> = lines
            .iter()
            .flat_map(|(_, readings)| readings.iter().map(|(letters, _)| *letters))
            .collect();
        let letters: Vec<String> = distinct.into_iter().map(str::to_owned).collect();
        let by_letters: HashMap<String, Syllable> = letters
            .iter()
            .enumerate()
            .map(|(place, letters)| (letters.clone(), Syllable(place as u16)))
            .collect();
        let mut tables = Self {
            classes: classes(&letters, class_letters),
            wide_classes: classes(&letters, wide_class_letters),
            letters,
            by_letters,
            readings: Vec::new(),
            of_char: CharMap::new(),
            surnames: HashMap::default(),
        };
        for (c, readings) in lines {
            let first = tables.readings.len() as u32;
            for (letters, tone) in readings {
                let syllable = tables.by_letters.get(letters).copied().unwrap_or_default();
                let known = &tables.readings[first as usize..];
                if !known.iter().any(|reading| reading.syllable == syllable) {
                    tables.readings.push(Reading { syllable, tone });
                }
            }
            let count = tables.readings.len() as u32 - first;
            tables.of_char.insert(c, (first, count as u8));
        }
        tables.read_surnames();
        tables
    }

    fn read_surnames(&mut self) {
        let variants = VariantTable::get();
        for line in SURNAMES.lines().filter(|line| !line.starts_with('#')) {
            let mut fields = line.split('\t');
            let (Some(name), Some(per_million)) = (fields.next(), fields.next()) else {
                continue;
            };
            let Ok(per_million) = per_million.parse() else {
                continue;
            };
            let mut key = ['\0'; SURNAME_CHARS_MAX];
            let mut chars = name.chars().map(|c| variants.one_form(c));
            for (place, c) in key.iter_mut().zip(&mut chars) {
                *place = c;
            }
            let count = key.iter().filter(|c| **c != '\0').count();
            if count == 0 || chars.next().is_some() {
                continue;
            }
            let readings = fields
                .filter_map(|letters| self.split(letters, count))
                .collect();
            let surname = Surname {
                per_million,
                readings,
            };
            self.surnames.entry(key).or_insert(surname);
        }
    }

    /// Letters of a surname as one or two syllables.
    fn split(&self, letters: &str, count: usize) -> Option<Vec<Syllable>> {
        let parse = |letters: &str| self.by_letters.get(letters).copied();
        if count == 1 {
            return parse(letters).map(|syllable| vec![syllable]);
        }
        (1..letters.len()).find_map(|place| {
            let (one, two) = letters.split_at_checked(place)?;
            Some(vec![parse(one)?, parse(two)?])
        })
    }
}

/// A line of the table of readings: a character, then syllables with a tone digit each.
fn read_line(line: &str) -> Option<(char, Vec<(&str, u8)>)> {
    let (name, readings) = line.split_once('\t')?;
    let mut chars = name.chars();
    let (c, None) = (chars.next()?, chars.next()) else {
        return None;
    };
    let readings = readings.split(' ').filter_map(|reading| {
        let letters = reading.trim_end_matches(|c: char| c.is_ascii_digit());
        let tone = reading[letters.len()..].parse().unwrap_or(5);
        (!letters.is_empty()).then_some((letters, tone))
    });
    (c != '#').then(|| (c, readings.collect()))
}

/// The class of each syllable.
fn classes(letters: &[String], class_letters: fn(&str) -> String) -> Vec<u16> {
    let mut known: BTreeMap<String, u16> = BTreeMap::new();
    letters
        .iter()
        .map(|letters| {
            let next = known.len() as u16;
            *known.entry(class_letters(letters)).or_insert(next)
        })
        .collect()
}

/// A syllable as some dialect may say it.
fn wide_class_letters(letters: &str) -> String {
    let (initial, last) = split_initial(letters);
    let initial = match initial {
        "zh" => "z",
        "ch" => "c",
        "sh" => "s",
        "n" | "r" => "l",
        "f" => "h",
        _ => initial,
    };
    // Hu and wu, hua and wa, hui and wei, hun and wen.
    let begin_w = |rest| match rest {
        "i" => "wei".to_owned(),
        "n" => "wen".to_owned(),
        "" => "wu".to_owned(),
        _ => format!("w{rest}"),
    };
    let letters = match (initial, last) {
        ("h", last) if last.starts_with('u') => begin_w(&last[1..]),
        ("j" | "q" | "x", "u") | (_, "v") => format!("{initial}i"),
        ("", "yu") => "yi".to_owned(),
        _ => format!("{initial}{last}"),
    };
    letters.replace("ong", "en").replace("ng", "n")
}

/// A syllable as southern speech may say it.
fn class_letters(letters: &str) -> String {
    let (initial, last) = split_initial(letters);
    let last = match last.strip_suffix('g') {
        Some(rest) if rest.ends_with("in") || rest.ends_with("en") || rest.ends_with("an") => rest,
        _ => last,
    };
    let (initial, last) = match initial {
        "zh" => ("z", last),
        "ch" => ("c", last),
        "sh" => ("s", last),
        "n" => ("l", last),
        // Hui and fei, huang and fang, hun and fen.
        "f" | "h" => match last {
            "ui" => ("h", "ei"),
            "un" => ("h", "en"),
            "u" => ("h", "u"),
            _ => ("h", last.strip_prefix('u').unwrap_or(last)),
        },
        _ => (initial, last),
    };
    format!("{initial}{last}")
}

/// Initial and final of a syllable; syllables that begin with a vowel, y or w have no initial.
pub fn split_initial(letters: &str) -> (&str, &str) {
    let length = if letters.starts_with("zh")
        || letters.starts_with("ch")
        || letters.starts_with("sh")
    {
        2
    } else if letters.starts_with(|c: char| "bpmfdtnlgkhjqxrzcs".contains(c)) && letters.len() > 1 {
        1
    } else {
        0
    };
    letters.split_at(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters_of(c: char) -> Vec<&'static str> {
        readings(c).iter().map(|r| r.syllable.letters()).collect()
    }

    #[test]
    fn every_line_of_the_tables_is_read() {
        let lines = READINGS.lines().filter(|line| !line.starts_with('#'));
        let unread: Vec<&str> = lines.filter(|line| read_line(line).is_none()).collect();
        assert!(unread.is_empty(), "{unread:?}");
        let lines = SURNAMES.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let name: Vec<char> = line.split('\t').next().unwrap().chars().collect();
            let folded: Vec<char> = name
                .iter()
                .map(|c| VariantTable::get().one_form(*c))
                .collect();
            assert!(!surname_readings(&folded).is_empty(), "{line}");
        }
    }

    #[test]
    fn characters_have_readings_with_the_most_usual_first() {
        assert_eq!(letters_of('张'), ["zhang"]);
        assert_eq!(letters_of('乐')[..2], ["le", "yue"]);
        assert_eq!(letters_of('女')[0], "nv");
        assert!(letters_of('a').is_empty());
    }

    #[test]
    fn surnames_have_readings_of_their_own() {
        let read = |name: &str| -> Vec<String> {
            let chars: Vec<char> = name.chars().collect();
            let readings = surname_readings(&chars).iter();
            readings
                .map(|r| r.iter().map(|s| s.letters()).collect())
                .collect()
        };
        assert_eq!(read("单"), ["shan", "dan"]);
        assert_eq!(read("仇"), ["qiu", "chou"]);
        assert_eq!(read("尉迟"), ["yuchi", "weichi"]);
        assert_eq!(read("㐁"), [""; 0]);
    }

    #[track_caller]
    fn alike_in_some_dialect(one: &str, other: &str, expected: bool) {
        let parse = |letters| Syllable::parse(letters).unwrap();
        let alike = sound_alike_in_some_dialect(parse(one), parse(other));
        assert_eq!(alike, expected, "{one} {other}");
    }

    #[test]
    fn some_dialects_keep_fewer_syllables_apart() {
        for (one, other) in [
            ("ri", "li"),
            ("ru", "lu"),
            ("rong", "long"),
            ("hui", "wei"),
            ("huan", "wan"),
            ("huang", "wang"),
            ("hu", "wu"),
            ("zheng", "zhong"),
            ("tong", "teng"),
            ("jian", "jiang"),
            ("chuan", "chuang"),
            ("yu", "yi"),
            ("xu", "xi"),
            ("lv", "li"),
        ] {
            alike_in_some_dialect(one, other, true);
        }
        for (one, other) in [("li", "ti"), ("ma", "wa"), ("zhang", "li"), ("he", "we")] {
            if Syllable::parse(other).is_some() {
                alike_in_some_dialect(one, other, false);
            }
        }
    }

    #[track_caller]
    fn one_class(one: &str, other: &str, expected: bool) {
        let class = |letters| Syllable::parse(letters).unwrap().dialect_class();
        assert_eq!(class(one) == class(other), expected, "{one} {other}");
    }

    #[test]
    fn southern_speech_joins_some_syllables_and_not_others() {
        for (one, other) in [
            ("nan", "lan"),
            ("zhang", "zan"),
            ("cheng", "cen"),
            ("shi", "si"),
            ("ling", "lin"),
            ("fei", "hui"),
            ("fang", "huang"),
            ("fu", "hu"),
        ] {
            one_class(one, other, true);
        }
        for (one, other) in [("ma", "na"), ("hong", "hen"), ("ji", "qi"), ("lv", "lu")] {
            one_class(one, other, false);
        }
    }
}
