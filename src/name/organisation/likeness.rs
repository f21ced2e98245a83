//! Whether two characters sound or look alike, from `data/names/likeness.tsv`.
//!
//! In: folded characters. Out: a class of sound, and in which way two characters resemble each
//! other. The table is compiled in and parsed once; its head says where it comes from. No I/O.
//!
//! HOT: every character of every key passes `sound`: one array read.

use super::super::similarity::DifferenceKind;
use std::sync::LazyLock;

const TABLE: &str = include_str!("../../../data/names/likeness.tsv");

/// First and last character of the table.
const FIRST: char = '\u{3400}';
const LAST: char = '\u{9fff}';
/// Readings of one character that count.
const READINGS_MAX: usize = 3;
/// Look-alike groups of one character that count.
const GROUPS_MAX: usize = 6;
/// Classes of sound stand above all characters.
const SOUND_BASE: u32 = 0x20_0000;

/// What is known of a character; 0 is no reading and no group.
#[derive(Clone, Copy, Default)]
struct Known {
    /// Numbers of its syllables, the most usual first.
    syllables: [u16; READINGS_MAX],
    /// Numbers of its look-alike groups.
    groups: [u16; GROUPS_MAX],
}

struct Likeness {
    known: Box<[Known]>,
    /// The class of sound of each syllable.
    classes: Vec<u16>,
}

static LIKENESS: LazyLock<Likeness> = LazyLock::new(|| {
    let chars = LAST as usize - FIRST as usize + 1;
    let mut known = vec![Known::default(); chars].into_boxed_slice();
    let mut classes = vec![0];
    let mut names: Vec<String> = vec![String::new()];
    let mut groups = 0;
    let rows = || {
        TABLE
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>())
    };
    for row in rows() {
        match row[..] {
            ["sound", syllable, usual, _] => {
                let class = class(syllable);
                let number = names.iter().position(|name| *name == class);
                let number = number.unwrap_or_else(|| {
                    names.push(class);
                    names.len() - 1
                });
                classes.push(number as u16);
                let syllable = classes.len() as u16 - 1;
                for c in usual.chars() {
                    add(&mut known, c, |known| &mut known.syllables, syllable);
                }
            }
            ["shape", chars] => {
                groups += 1;
                for c in chars.chars() {
                    add(&mut known, c, |known| &mut known.groups, groups);
                }
            }
            _ => {}
        }
    }
    // Other readings come after the usual ones.
    let sounds = rows().filter(|row| row.len() == 4 && row[0] == "sound");
    for (syllable, row) in sounds.enumerate() {
        for c in row[3].chars() {
            add(
                &mut known,
                c,
                |known| &mut known.syllables,
                syllable as u16 + 1,
            );
        }
    }
    Likeness { known, classes }
});

/// Puts `number` into the first free place that `of` names.
fn add<const N: usize>(
    known: &mut [Known],
    c: char,
    of: impl Fn(&mut Known) -> &mut [u16; N],
    number: u16,
) {
    let known = place(c).and_then(|place| known.get_mut(place));
    let free = known.and_then(|known| of(known).iter_mut().find(|slot| **slot == 0));
    if let Some(free) = free {
        *free = number;
    }
}

fn place(c: char) -> Option<usize> {
    (FIRST..=LAST)
        .contains(&c)
        .then(|| c as usize - FIRST as usize)
}

/// A syllable without what southern speech does not keep apart: zh z, ch c, sh s, n l r, hu f, and
/// the nasal at its end.
fn class(syllable: &str) -> String {
    let starts = [
        ("zh", "z"),
        ("ch", "c"),
        ("sh", "s"),
        ("n", "l"),
        ("r", "l"),
    ];
    let start = starts
        .iter()
        .find_map(|(from, to)| Some((*to, syllable.strip_prefix(from)?)));
    let (start, rest) = match (start, syllable.strip_prefix("hu")) {
        (Some(found), _) => found,
        (None, Some(rest)) if !rest.is_empty() => ("f", rest),
        _ => ("", syllable),
    };
    let nasal = ["ang", "eng", "ing"].iter().any(|end| rest.ends_with(end));
    let rest = if nasal { &rest[..rest.len() - 1] } else { rest };
    format!("{start}{rest}")
}

/// The class of sound of a character in its most usual reading; the character itself where none is
/// known.
#[inline]
pub fn sound(c: char) -> u32 {
    let likeness = &*LIKENESS;
    let syllable = place(c).map_or(0, |place| likeness.known[place].syllables[0]);
    match syllable {
        0 => u32::from(c),
        _ => SOUND_BASE + u32::from(likeness.classes[usize::from(syllable)]),
    }
}

/// In which way two different characters resemble each other.
pub fn likeness(one: char, other: char) -> Option<DifferenceKind> {
    let likeness = &*LIKENESS;
    let (one, other) = (likeness.known[place(one)?], likeness.known[place(other)?]);
    let class = |syllable: u16| likeness.classes[usize::from(syllable)];
    let near = |a: u16, b: u16| class(a) == class(b);
    if meets(&one.syllables, &other.syllables, |a, b| a == b) {
        Some(DifferenceKind::Homophone)
    } else if meets(&one.syllables, &other.syllables, near) {
        Some(DifferenceKind::NearHomophone)
    } else if meets(&one.groups, &other.groups, |a, b| a == b) {
        Some(DifferenceKind::Shape)
    } else {
        None
    }
}

fn meets(one: &[u16], other: &[u16], same: impl Fn(u16, u16) -> bool) -> bool {
    let mut pairs = one.iter().flat_map(|a| other.iter().map(|b| (*a, *b)));
    pairs.any(|(a, b)| a != 0 && b != 0 && same(a, b))
}
