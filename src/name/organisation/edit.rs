//! One character wrong, missing, added or exchanged anywhere in the written name.
//!
//! In: two names in parts whose folded forms are one edit apart. Out: the judgement that follows
//! from the part in which the edit lies. A typing slip in region, trade or legal form makes a word
//! that is none; where both sides are words, the parts have been compared and differ. Pure.

use super::super::similarity::{Difference, DifferenceKind, Similarity};
use super::parse::Parsed;
use super::slip::{self, Slip};
use super::words::Letter;
use smallvec::smallvec;
use std::ops::Range;

/// The slip between two folded names, where one edit tells them apart.
pub fn between(query: &str, listed: &str) -> Option<Slip> {
    if query.len().abs_diff(listed.len()) > 4 {
        return None;
    }
    let mut place = 0;
    let mut letters = |text: &str| {
        place = 0;
        let numbered = text.chars().map(|c| {
            place += 1;
            (c, place - 1)
        });
        numbered.collect::<smallvec::SmallVec<[Letter; 40]>>()
    };
    let (a, b) = (letters(query), letters(listed));
    slip::between(&a, &b).filter(|slip| slip.is_one_edit())
}

/// The part of a name in which a slip lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Region,
    Trade,
    Form,
    Other,
}

/// The judgement on two names one edit apart that are not the same by their parts.
pub fn judge(slip: &Slip, query: &Parsed, listed: &Parsed) -> Option<Similarity> {
    // 建行 and 交行 are written out, and differ in more than a character.
    if slip.kind == DifferenceKind::Serial || query.alias || listed.alias {
        return None;
    }
    let a = part_at(query, &slip.query);
    let b = part_at(listed, &slip.listed);
    let (likelihood, kind) = match (a, b) {
        // What a slip hits is no word any more, so only the other side knows the part.
        (Part::Form, Part::Form) => return None,
        (Part::Form, _) | (_, Part::Form) => (0.93, DifferenceKind::LegalForm),
        (Part::Region, Part::Region) => return None,
        (Part::Region, _) if !reaches(listed, &slip.listed) => (region(slip.kind), slip.kind),
        (_, Part::Region) if !reaches(query, &slip.query) => (region(slip.kind), slip.kind),
        (Part::Trade, Part::Other) => (trade(slip.kind, query), slip.kind),
        (Part::Other, Part::Trade) => (trade(slip.kind, listed), slip.kind),
        _ => return None,
    };
    Some(Similarity {
        score: likelihood,
        differences: smallvec![Difference {
            kind,
            query: narrow(&slip.query),
            listed: narrow(&slip.listed),
        }],
    })
}

fn narrow(range: &Range<usize>) -> Range<u16> {
    range.start as u16..range.end as u16
}

fn part_at(parsed: &Parsed, range: &Range<usize>) -> Part {
    let holds = |letters: &[Letter]| match (letters.first(), letters.last()) {
        (Some(first), Some(last)) => {
            let (first, last) = (usize::from(first.1), usize::from(last.1));
            match range.is_empty() {
                // Between two letters of the part: at its edge, nobody knows whose letter it was.
                true => first < range.start && range.end <= last,
                false => first <= range.start && range.end <= last + 1,
            }
        }
        _ => false,
    };
    let bracket = parsed.bracket.as_ref();
    if holds(&parsed.letters[parsed.form_range.clone()]) {
        Part::Form
    } else if holds(&parsed.letters[..parsed.brand_start()])
        || bracket.is_some_and(|(_, text, _)| holds(text))
    {
        Part::Region
    } else if holds(&parsed.letters[parsed.table_trade..parsed.body_end]) {
        Part::Trade
    } else {
        Part::Other
    }
}

/// Whether the region of a name reaches the slip: then it is a region, and another one.
fn reaches(parsed: &Parsed, range: &Range<usize>) -> bool {
    let end = parsed.brand_start();
    end > 0 && usize::from(parsed.letters[end - 1].1) >= range.start
}

fn trade(kind: DifferenceKind, with: &Parsed) -> f32 {
    let chars = with.body_end - with.table_trade;
    slip::slip_in_trade(kind, chars >= slip::TRADE_CHARS_LONG)
}

fn region(kind: DifferenceKind) -> f32 {
    match kind {
        DifferenceKind::Homophone | DifferenceKind::Variant => 0.88,
        DifferenceKind::Placeholder | DifferenceKind::PrivateUse => 0.88,
        DifferenceKind::NearHomophone | DifferenceKind::Shape => 0.85,
        DifferenceKind::Missing | DifferenceKind::Extra | DifferenceKind::Swapped => 0.8,
        _ => 0.6,
    }
}
