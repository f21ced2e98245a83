//! One slip between two texts, and how likely it is one.
//!
//! In: brand and trade of two names. Out: where they differ if one slip tells them apart, and the
//! likelihood that it is a slip and not another firm. A brand that companies are known to bear is
//! no slip of another one; a text that nobody bears and that sounds or looks like a known brand
//! is. Rule 1 and 2 of how close names are told apart. Pure.

use super::super::likeness::is_private_use;
use super::super::similarity::DifferenceKind;
use super::likeness::{resemblance, sound};
use super::marks::is_placeholder;
use super::wording::is_numeral;
use super::words::{BRAND_CHARS_MAX, Letter, is_known_brand, step};
use std::ops::Range;

/// Different characters of the same sound in one pair of names.
const HOMOPHONES_MAX: usize = 3;
/// Characters of a trade that has hardly a neighbour by chance.
pub const TRADE_CHARS_LONG: usize = 4;
/// Letters of an acronym, each of which counts.
const ACRONYM_CHARS_MAX: usize = 4;
/// Letters of a Latin brand from which one other letter may be a slip.
const LATIN_CHARS_MIN: usize = 8;

/// Where two texts differ by one slip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slip {
    /// In which way.
    pub kind: DifferenceKind,
    /// Which characters of the one.
    pub query: Range<usize>,
    /// Which characters of the other.
    pub listed: Range<usize>,
}

impl Slip {
    /// Whether it is one character other, missing or added, or two neighbours exchanged.
    pub fn is_one_edit(&self) -> bool {
        let chars = self.query.len().max(self.listed.len());
        chars <= 1 || self.kind == DifferenceKind::Swapped
    }
}

/// The slip that tells `a` and `b` apart; `None` where more does, or nothing.
pub fn between(a: &[Letter], b: &[Letter]) -> Option<Slip> {
    if a.len().abs_diff(b.len()) > 1 {
        return None;
    }
    let start = a.iter().zip(b).take_while(|(a, b)| a.0 == b.0).count();
    let (rest_a, rest_b) = (&a[start..], &b[start..]);
    let same = |(a, b): &(&Letter, &Letter)| a.0 == b.0;
    let end = (rest_a.iter().rev().zip(rest_b.iter().rev()))
        .take_while(same)
        .count();
    let (one, other) = (&rest_a[..rest_a.len() - end], &rest_b[..rest_b.len() - end]);
    let kind = match (one, other) {
        ([a], [b]) if is_private_use(a.0) || is_private_use(b.0) => DifferenceKind::PrivateUse,
        ([a], [b]) if is_placeholder(a.0) || is_placeholder(b.0) => DifferenceKind::Placeholder,
        ([a], [b]) if is_numeral(a.0) && is_numeral(b.0) => DifferenceKind::Serial,
        ([a], [b]) => resemblance(a.0, b.0).unwrap_or(DifferenceKind::OtherCharacter),
        ([], [_]) => DifferenceKind::Missing,
        ([_], []) => DifferenceKind::Extra,
        ([a, b], [c, d]) if a.0 == d.0 && b.0 == c.0 => DifferenceKind::Swapped,
        _ if one.len() == other.len() => homophones(one, other)?,
        _ => return None,
    };
    let mut slip = Slip {
        kind,
        query: start..start + one.len(),
        listed: start..start + other.len(),
    };
    if number_changes(&slip, a, b) {
        slip.kind = DifferenceKind::Serial;
    }
    Some(slip)
}

/// The weakest likeness of texts whose characters all sound alike.
fn homophones(one: &[Letter], other: &[Letter]) -> Option<DifferenceKind> {
    let mut kind = DifferenceKind::Homophone;
    let mut different = 0;
    for (a, b) in one.iter().zip(other).filter(|(a, b)| a.0 != b.0) {
        different += 1;
        match resemblance(a.0, b.0)? {
            DifferenceKind::Homophone | DifferenceKind::Variant => {}
            DifferenceKind::NearHomophone => kind = DifferenceKind::NearHomophone,
            _ => return None,
        }
    }
    (different <= HOMOPHONES_MAX).then_some(kind)
}

/// A text with the places where its parts begin.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// Brand and trade.
    pub letters: &'a [Letter],
    /// Characters of the trade.
    pub trade: usize,
    /// Characters of the trade as far as a table knows it.
    pub table_trade: usize,
}

impl Parts<'_> {
    /// Whether a slip lies in the last `chars` characters.
    fn reaches(&self, slip: &Range<usize>, chars: usize) -> bool {
        chars > 0 && slip.start + chars >= self.letters.len() + usize::from(slip.is_empty())
    }
}

/// How likely the slip is one, and the word for it.
pub fn judge(slip: &Slip, one: Parts<'_>, other: Parts<'_>) -> (f32, DifferenceKind) {
    let (a, b) = (one.letters, other.letters);
    if slip.kind == DifferenceKind::Serial {
        return (0.06, DifferenceKind::Serial);
    }
    if is_doubled(slip, a, b) {
        let (known_a, known_b, brand) = known(slip, one, other);
        return match (known_a && known_b, brand) {
            (true, _) => (0.08, DifferenceKind::Brand),
            (false, 0..=2) => (0.6, slip.kind),
            _ => (0.85, slip.kind),
        };
    }
    let hits_both = |one_chars, other_chars| {
        one.reaches(&slip.query, one_chars) && other.reaches(&slip.listed, other_chars)
    };
    let lost = matches!(
        slip.kind,
        DifferenceKind::Placeholder | DifferenceKind::PrivateUse
    );
    if hits_both(one.table_trade, other.table_trade) && !lost {
        return (0.1, DifferenceKind::Trade);
    }
    let in_table =
        one.reaches(&slip.query, one.table_trade) || other.reaches(&slip.listed, other.table_trade);
    if in_table || hits_both(one.trade, other.trade) {
        let long = one.trade.max(other.trade) >= TRADE_CHARS_LONG;
        return (slip_in_trade(slip.kind, long), slip.kind);
    }
    let latin = |letters: &[Letter]| letters.iter().all(|letter| letter.0.is_ascii());
    let changed = (&a[slip.query.clone()], &b[slip.listed.clone()]);
    if latin(changed.0) && latin(changed.1) {
        let long = a.len().min(b.len()) >= LATIN_CHARS_MIN
            && slip.query.start >= ACRONYM_CHARS_MAX
            && latin(a)
            && latin(b);
        return (if long { 0.7 } else { 0.1 }, slip.kind);
    }
    let (known_a, known_b, brand) = known(slip, one, other);
    let likelihood = match (known_a, known_b) {
        (true, true) => return (0.08, DifferenceKind::Brand),
        (false, false) => one_of_unknown(slip.kind, brand),
        _ => slip_of_known(slip.kind, brand),
    };
    (likelihood, slip.kind)
}

/// Whether one of the texts has a character twice that the other has once.
fn is_doubled(slip: &Slip, a: &[Letter], b: &[Letter]) -> bool {
    let twice = |letters: &[Letter], range: &Range<usize>| {
        let at = range.start;
        at > 0 && !range.is_empty() && letters[at].0 == letters[at - 1].0
    };
    match slip.kind {
        DifferenceKind::Missing => twice(b, &slip.listed),
        DifferenceKind::Extra => twice(a, &slip.query),
        _ => false,
    }
}

/// Whether digits stand on both or one side of the slip.
fn number_changes(slip: &Slip, a: &[Letter], b: &[Letter]) -> bool {
    let digits = |letters: &[Letter]| letters.iter().any(|letter| letter.0.is_ascii_digit());
    // 第三, 三号: a numeral in a row of numerals that counts.
    let serial = |letters: &[Letter], range: &Range<usize>| {
        let (before, rest) = letters.split_at(range.start);
        let last = before.iter().rev().find(|letter| !is_numeral(letter.0));
        let next = rest.iter().find(|letter| !is_numeral(letter.0));
        let counts = last.is_some_and(|last| last.0 == '第')
            || next.is_some_and(|next| matches!(next.0, '号' | '期'));
        counts
            && letters[range.clone()]
                .iter()
                .any(|letter| is_numeral(letter.0))
    };
    digits(&a[slip.query.clone()])
        || digits(&b[slip.listed.clone()])
        || serial(a, &slip.query)
        || serial(b, &slip.listed)
}

/// A trade that is one on one side only. A trade that is merely missing in the table looks like
/// that too, so without likeness the word must be long.
pub fn slip_in_trade(kind: DifferenceKind, long: bool) -> f32 {
    match kind {
        DifferenceKind::Homophone | DifferenceKind::Variant => 0.88,
        DifferenceKind::Placeholder | DifferenceKind::PrivateUse => 0.88,
        DifferenceKind::NearHomophone | DifferenceKind::Shape => 0.85,
        DifferenceKind::Swapped => 0.8,
        DifferenceKind::Missing | DifferenceKind::Extra if long => 0.75,
        DifferenceKind::Missing | DifferenceKind::Extra => 0.55,
        DifferenceKind::Serial => 0.03,
        _ if long => 0.65,
        _ => 0.3,
    }
}

/// Whether the brands on both sides are known, and the characters of the brand: up to the trade of
/// either name, the longer brand first, else the longest beginning that is a brand on either side.
fn known(slip: &Slip, one: Parts<'_>, other: Parts<'_>) -> (bool, bool, usize) {
    let (a, b) = (one.letters, other.letters);
    let mut brands = (a.len(), b.len());
    for trade in [one.trade.min(other.trade), one.trade.max(other.trade)] {
        let ends = (a.len().saturating_sub(trade), b.len().saturating_sub(trade));
        if ends.0 < slip.query.end || ends.1 < slip.listed.end {
            continue;
        }
        brands = ends;
        let known = (is_known_brand(&a[..ends.0]), is_known_brand(&b[..ends.1]));
        if known.0 || known.1 {
            return (known.0, known.1, ends.0.max(ends.1));
        }
    }
    let longest = brands.0.max(brands.1);
    let from = slip.query.end.max(slip.listed.end).max(2);
    for chars in (from..=longest.min(BRAND_CHARS_MAX)).rev() {
        // The side that lacks a character has a brand shorter by it.
        let end_a = chars + slip.query.len() - slip.query.len().max(slip.listed.len());
        let end_b = chars + slip.listed.len() - slip.query.len().max(slip.listed.len());
        let known_a = a.get(..end_a).is_some_and(is_known_brand);
        let known_b = b.get(..end_b).is_some_and(is_known_brand);
        if known_a || known_b {
            return (known_a, known_b, chars);
        }
    }
    (false, false, longest)
}

/// One of the brands is known, the other is nobody's.
fn slip_of_known(kind: DifferenceKind, brand: usize) -> f32 {
    let long = brand >= 4;
    match kind {
        DifferenceKind::Variant => 0.9,
        DifferenceKind::Placeholder | DifferenceKind::PrivateUse => 0.85,
        DifferenceKind::Homophone => 0.85,
        DifferenceKind::NearHomophone | DifferenceKind::Shape => 0.8,
        DifferenceKind::Swapped if brand >= 3 => 0.75,
        DifferenceKind::Keyboard if long => 0.65,
        DifferenceKind::Missing | DifferenceKind::Extra if long => 0.65,
        DifferenceKind::Missing | DifferenceKind::Extra if brand >= 3 => 0.55,
        DifferenceKind::Swapped | DifferenceKind::Keyboard => 0.55,
        // Alike in nothing: another firm, as far as anybody knows.
        _ if long => 0.45,
        _ => 0.4,
    }
}

/// Neither brand is known.
fn one_of_unknown(kind: DifferenceKind, brand: usize) -> f32 {
    let long = brand >= 4;
    match kind {
        DifferenceKind::Variant => 0.85,
        DifferenceKind::Placeholder | DifferenceKind::PrivateUse => 0.8,
        DifferenceKind::Homophone if long => 0.75,
        DifferenceKind::Homophone => 0.6,
        DifferenceKind::NearHomophone | DifferenceKind::Shape if long => 0.7,
        DifferenceKind::NearHomophone | DifferenceKind::Shape => 0.5,
        DifferenceKind::Swapped if long => 0.7,
        DifferenceKind::Missing | DifferenceKind::Extra | DifferenceKind::Keyboard if long => 0.55,
        _ if long => 0.4,
        _ => 0.25,
    }
}

/// The hash of how a text sounds.
pub fn sound_hash(chars: impl Iterator<Item = char>) -> u64 {
    sound_hash_from(0, chars)
}

/// The hash of how a text sounds, after another one.
pub fn sound_hash_from(start: u64, chars: impl Iterator<Item = char>) -> u64 {
    chars.fold(start, |hash, c| step(hash, sound(c)))
}
