//! Two names of other languages in characters: one name in two transliterations, or cut at the end.
//!
//! In: the characters of two names after folding. Out: the likelihood that they are spellings of
//! one name, with each difference. Parts known by the table of transliterations cost little,
//! characters of equal beginning sound more, all others much; the cheapest alignment counts.
//! Bounded: names of more than `ALIGNED_MAX` characters are not aligned. HOT: a table on the stack.

use super::likeness::{Likeness, likeness};
use super::similarity::{Difference, DifferenceKind};
use super::transliteration::{SILENT, coarse_initial, spelling};
use smallvec::SmallVec;

/// Characters of a name that is cut at the end, at least.
pub const CUT_CHARS_MIN: usize = 7;
/// Cost at which the likelihood is even.
const EVEN_COST: f32 = 1.25;
/// How steeply the likelihood falls with the cost.
const STEEPNESS: f32 = 4.0;
/// Cost of two known parts that are not spellings of one.
const OTHER_PART: f32 = 0.8;
/// Cost above the even one from which a likelihood is as good as none.
const HOPELESS_COST: f32 = 1.0;
/// Cost of another spelling of the same part.
const OTHER_SPELLING: f32 = 0.25;
/// Characters by which names differ in length, at most.
const LENGTHS_APART_MAX: usize = 3;
/// Characters by which an alignment may be ahead on one side.
const BAND: usize = LENGTHS_APART_MAX + 2;
/// Characters of each side that the alignment takes.
const ALIGNED_MAX: usize = 24;

/// The likelihood that two different names are spellings of one; 0.0 where they are not.
pub fn likelihood(asked: &[char], listed: &[char]) -> f32 {
    if is_cut(asked, listed) || is_cut(listed, asked) {
        return 0.93;
    }
    // A long name bears a little more.
    let even = EVEN_COST + 0.05 * (asked.len().min(listed.len()) as f32 - 4.0).clamp(-2.0, 8.0);
    let Some(cost) = cost(asked, listed, even + HOPELESS_COST) else {
        return 0.0;
    };
    let score = 1.0 / (1.0 + (STEEPNESS * (cost - even)).exp());
    score.min(0.97)
}

/// The differences of two names that are spellings of one: all between their equal ends.
pub fn differences(asked: &[char], listed: &[char]) -> SmallVec<[Difference; 2]> {
    let shorter = asked.len().min(listed.len());
    let head = asked.iter().zip(listed).take_while(|(a, b)| a == b).count();
    let tail = asked[head..]
        .iter()
        .rev()
        .zip(listed[head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count()
        .min(shorter - head);
    let kind = if is_cut(asked, listed) || is_cut(listed, asked) {
        DifferenceKind::Truncated
    } else {
        DifferenceKind::Transliteration
    };
    smallvec::smallvec![Difference {
        kind,
        query: head as u16..(asked.len() - tail) as u16,
        listed: head as u16..(listed.len() - tail) as u16,
    }]
}

/// Whether one name is the beginning of the other, as a field of a system cuts it.
fn is_cut(short: &[char], long: &[char]) -> bool {
    short.len() >= CUT_CHARS_MIN && short.len() < long.len() && long.starts_with(short)
}

/// The cost of the cheapest alignment; `None` where the names are too long, or none costs at most
/// `cost_max`.
fn cost(asked: &[char], listed: &[char], cost_max: f32) -> Option<f32> {
    let (rows, columns) = (asked.len(), listed.len());
    if rows > ALIGNED_MAX || columns > ALIGNED_MAX || rows.abs_diff(columns) > LENGTHS_APART_MAX {
        return None;
    }
    let mut costs = [[f32::INFINITY; ALIGNED_MAX + 1]; ALIGNED_MAX + 1];
    costs[0][0] = 0.0;
    // Most names are unlike from the first characters on: their parts are never looked up.
    let mut listed_spellings = [None; ALIGNED_MAX];
    for i in 0..=rows {
        let mut asked_spelling = None;
        for j in i.saturating_sub(BAND)..=columns.min(i + BAND) {
            let here = costs[i][j];
            if here > cost_max {
                continue;
            }
            let mut reach = |i: usize, j: usize, more: f32| {
                costs[i][j] = costs[i][j].min(here + more);
            };
            if i < rows && j < columns {
                let mut exchange = exchange(asked[i], listed[j]);
                let ours = *asked_spelling.get_or_insert_with(|| spelling(&asked[i..]));
                if let Some((one, a)) = ours {
                    let theirs = *listed_spellings[j].get_or_insert_with(|| spelling(&listed[j..]));
                    if let Some((other, b)) = theirs
                        && one == other
                    {
                        let is_equal = asked[i..i + a] == listed[j..j + b];
                        reach(i + a, j + b, if is_equal { 0.0 } else { OTHER_SPELLING });
                    } else if theirs.is_some() {
                        exchange += OTHER_PART;
                    }
                }
                reach(i + 1, j + 1, exchange);
            }
            if i < rows {
                reach(i + 1, j, omission(asked[i]));
            }
            if j < columns {
                reach(i, j + 1, omission(listed[j]));
            }
        }
    }
    let cost = costs[rows][columns];
    (cost <= cost_max).then_some(cost)
}

fn exchange(a: char, b: char) -> f32 {
    if a == b {
        return 0.0;
    }
    // A sound of a single dialect says less than an equal beginning, by which names are found.
    let likeness = likeness(a, b).filter(|likeness| likeness.bears_company() || is_shape(likeness));
    match likeness.map(|likeness| likeness.kind) {
        Some(DifferenceKind::Variant | DifferenceKind::Homophone) => return 0.3,
        Some(DifferenceKind::NearHomophone) => return 0.4,
        Some(DifferenceKind::Shape) => return 0.7,
        _ => {}
    }
    if coarse_initial(a) == coarse_initial(b) {
        0.6
    } else {
        2.5
    }
}

fn is_shape(likeness: &Likeness) -> bool {
    likeness.kind == DifferenceKind::Shape
}

fn omission(c: char) -> f32 {
    match coarse_initial(c) {
        SILENT => 0.4,
        b'0' | b'g' | b'l' => 1.0,
        _ => 1.6,
    }
}
