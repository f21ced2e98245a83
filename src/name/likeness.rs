//! In which way two characters are alike: variant, sound, key or shape.
//!
//! In: two characters after folding. Out: the strongest way in which one is written for the other,
//! with its weight as log-odds. Symmetric. Tables are compiled in and parsed once. No I/O.
//! HOT: asked for each substituted character of each candidate.

use super::char_map::CharMap;
use super::pinyin::{Reading, Syllable, readings, sound_alike_in_some_dialect};
use super::similarity::DifferenceKind;
use super::variants::VariantTable;
use std::sync::LazyLock;

const NAME_VARIANTS: &str = include_str!("../../data/names/name_variants.tsv");
const SHAPE_GROUPS: &str = include_str!("../../data/names/shape_groups.tsv");
const SHAPE_PAIRS: &str = include_str!("../../data/names/shape_pairs.tsv");

/// Readings of a character that count; later ones are too rare to explain a slip.
const READINGS_MAX: usize = 2;

/// Weight of a sound that only some dialects do not keep apart.
const WIDE_WEIGHT: f32 = -0.3;

/// One way in which a character is written for another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// The way.
    pub kind: DifferenceKind,
    /// Weight of the way, as log-odds against chance.
    pub weight: f32,
}

impl Likeness {
    /// Whether the way may come twice in one name: a writer by ear, or of another script, errs
    /// often. Two sounds of single dialects would leave two names without a key in common.
    pub fn bears_company(self) -> bool {
        match self.kind {
            DifferenceKind::NearHomophone => self.weight > WIDE_WEIGHT,
            DifferenceKind::Variant
            | DifferenceKind::Homophone
            | DifferenceKind::Placeholder
            | DifferenceKind::PrivateUse => true,
            _ => false,
        }
    }
}

/// Pairs of characters, each way round, sorted.
struct Pairs {
    /// Whether a character is in any pair: spares the search for most.
    known: CharMap<bool>,
    pairs: Vec<[char; 2]>,
}

struct Tables {
    variants: Pairs,
    groups: Pairs,
    shapes: Pairs,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    variants: Pairs::of(NAME_VARIANTS),
    groups: Pairs::of(SHAPE_GROUPS),
    shapes: Pairs::of(SHAPE_PAIRS),
});

/// The strongest likeness of two different characters; `None` where they are alike in nothing.
pub fn likeness(one: char, other: char) -> Option<Likeness> {
    let found = |kind, weight| Some(Likeness { kind, weight });
    if is_lost(one) != is_lost(other) {
        let kind = if is_private_use(one) || is_private_use(other) {
            DifferenceKind::PrivateUse
        } else {
            DifferenceKind::Placeholder
        };
        return found(kind, 0.0);
    }
    let tables = &*TABLES;
    if tables.variants.contains(one, other) {
        return found(DifferenceKind::Variant, 4.5);
    }
    let sound = sound(one, other);
    let in_group = tables.groups.contains(one, other);
    match sound {
        Some(Sound::SameTone) if in_group => found(DifferenceKind::Homophone, 0.4),
        Some(Sound::SameTone) => found(DifferenceKind::Homophone, 0.3),
        Some(Sound::Same) => found(DifferenceKind::Homophone, 0.2),
        _ if in_group => found(DifferenceKind::Shape, 0.1),
        Some(Sound::Near) => found(DifferenceKind::NearHomophone, 0.1),
        Some(Sound::Wide) => found(DifferenceKind::NearHomophone, WIDE_WEIGHT),
        _ if tables.shapes.contains(one, other) => found(DifferenceKind::Shape, -0.5),
        Some(Sound::Key) => found(DifferenceKind::Keyboard, -0.6),
        None => None,
    }
}

/// Whether a sign stands for a character that a system could not store.
pub fn is_lost(c: char) -> bool {
    match c {
        '?' | '*' | '#' | '_' | '~' | '^' | '¿' | '¤' | '×' | '〇' | '〓' | '囗' => true,
        '※' | '\u{303f}' | '\u{fffc}' | '\u{fffd}' => true,
        // Shapes, among them □ ■ ○ ● ◯ △ ▢, and pictures that fonts show in their place.
        '\u{25a0}'..='\u{25ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' => true,
        '\u{1f000}'..='\u{1faff}' => true,
        _ => is_private_use(c),
    }
}

/// Whether a code point has no meaning of its own.
pub fn is_private_use(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

/// How two characters sound alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sound {
    /// A slip in the typed pinyin leads from one to the other.
    Key,
    /// Some dialect does not keep them apart.
    Wide,
    /// Southern speech does not keep them apart.
    Near,
    /// The same syllable.
    Same,
    /// The same syllable and tone.
    SameTone,
}

fn sound(one: char, other: char) -> Option<Sound> {
    let (ours, theirs) = (readings(one), readings(other));
    let mut best = None;
    for (i, a) in ours.iter().take(READINGS_MAX).enumerate() {
        for (j, b) in theirs.iter().take(READINGS_MAX).enumerate() {
            // Rare readings are no reason to write one for the other: one of them may be, where
            // the syllable is the same.
            let is_usual = i == 0 && j == 0;
            if i == 0 || j == 0 {
                let sound = sound_of(*a, *b);
                best = best.max(sound.filter(|sound| is_usual || *sound >= Sound::Same));
            }
        }
    }
    best
}

fn sound_of(a: Reading, b: Reading) -> Option<Sound> {
    if a.syllable == b.syllable {
        let same = a.tone == b.tone;
        return Some(if same { Sound::SameTone } else { Sound::Same });
    }
    if a.syllable.dialect_class() == b.syllable.dialect_class() {
        return Some(Sound::Near);
    }
    if sound_alike_in_some_dialect(a.syllable, b.syllable) {
        return Some(Sound::Wide);
    }
    is_typing_slip(a.syllable, b.syllable).then_some(Sound::Key)
}

/// Rows of the keyboard; keys beside each other in a row, and below each other, are neighbours.
const KEYS: [&[u8]; 3] = [b"qwertyuiop", b"asdfghjkl", b"zxcvbnm"];

/// Whether one neighbouring key, one letter more or less, or two letters exchanged lead from the
/// letters of one syllable to those of the other.
fn is_typing_slip(one: Syllable, other: Syllable) -> bool {
    let (a, b) = (one.letters().as_bytes(), other.letters().as_bytes());
    let same_start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (rest_a, rest_b) = (&a[same_start..], &b[same_start..]);
    match (rest_a, rest_b) {
        ([x, tail_a @ ..], [y, tail_b @ ..]) if tail_a == tail_b => are_neighbours(*x, *y),
        ([x, y, tail_a @ ..], [v, w, tail_b @ ..]) if tail_a == tail_b && x == w && y == v => true,
        ([_, tail_a @ ..], _) if tail_a == rest_b => true,
        (_, [_, tail_b @ ..]) if rest_a == tail_b => true,
        _ => false,
    }
}

fn are_neighbours(one: u8, other: u8) -> bool {
    let place = |key: u8| {
        KEYS.iter().enumerate().find_map(|(row, keys)| {
            let column = keys.iter().position(|k| *k == key)?;
            Some((row as i32, column as i32))
        })
    };
    let (Some((row, column)), Some((other_row, other_column))) = (place(one), place(other)) else {
        return false;
    };
    match other_row - row {
        0 => (other_column - column).abs() == 1,
        // Rows are shifted by about half a key to the right.
        1 => matches!(other_column - column, -1 | 0),
        -1 => matches!(other_column - column, 0 | 1),
        _ => false,
    }
}

impl Pairs {
    /// Of lines of two characters or more, separated by tabs or spaces.
    fn of(table: &str) -> Self {
        let variants = VariantTable::get();
        let mut known = CharMap::new();
        let mut pairs = Vec::new();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let group: Vec<char> = line
                .chars()
                .filter(|c| !c.is_whitespace())
                .map(|c| variants.one_form(c))
                .collect();
            for (place, one) in group.iter().enumerate() {
                for other in &group[..place] {
                    if one != other {
                        pairs.extend([[*one, *other], [*other, *one]]);
                    }
                }
                known.insert(*one, true);
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        Self { known, pairs }
    }

    fn contains(&self, one: char, other: char) -> bool {
        self.known.get(one)
            && self.known.get(other)
            && self.pairs.binary_search(&[one, other]).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn alike(one: char, other: char, expected: Option<DifferenceKind>) {
        assert_eq!(
            likeness(one, other).map(|l| l.kind),
            expected,
            "{one} {other}"
        );
        assert_eq!(
            likeness(other, one).map(|l| l.kind),
            expected,
            "{other} {one}"
        );
    }

    #[test]
    fn characters_are_alike_in_one_way_or_in_none() {
        alike('哲', '喆', Some(DifferenceKind::Variant));
        alike('肖', '萧', Some(DifferenceKind::Variant));
        alike('伟', '围', Some(DifferenceKind::Homophone));
        alike('伟', '维', Some(DifferenceKind::Homophone));
        alike('宁', '林', Some(DifferenceKind::NearHomophone));
        alike('墨', '黯', Some(DifferenceKind::Shape));
        alike('䶮', '?', Some(DifferenceKind::Placeholder));
        alike('䶮', '\u{e863}', Some(DifferenceKind::PrivateUse));
        alike('䶮', '▢', Some(DifferenceKind::Placeholder));
        alike('延', '佳', None);
        alike('伟', '芳', None);
    }

    #[test]
    fn slips_in_typed_pinyin_are_seen() {
        let slip = |one, other| {
            is_typing_slip(
                Syllable::parse(one).unwrap(),
                Syllable::parse(other).unwrap(),
            )
        };
        assert!(slip("li", "lu") && slip("rong", "tong"));
        assert!(slip("lan", "lian"));
        assert!(!slip("li", "la"));
        assert!(!slip("zhang", "li"));
    }
}
