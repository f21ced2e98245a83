//! One slip between two texts, and how likely it is one.
//!
//! In: brand and trade of two names. Out: where they differ if one slip tells them apart, and the
//! likelihood that it is a slip and not another firm. A brand that companies are known to bear is
//! no slip of another one; a text that nobody bears and that sounds or looks like a known brand
//! is. Rule 1 and 2 of how close names are told apart. Pure.

use super::super::similarity::DifferenceKind;
use super::likeness::{likeness, sound};
use super::parse::{is_numeral, is_placeholder};
use super::words::{Letter, is_known_brand, last_word, role};
use std::ops::Range;

/// Different characters of the same sound in one pair of names.
const HOMOPHONES_MAX: usize = 3;
/// Characters of the longest brand that is looked up.
const BRAND_CHARS_MAX: usize = 4;
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
        ([a], [b]) if is_placeholder(a.0) || is_placeholder(b.0) => DifferenceKind::Placeholder,
        ([a], [b]) if is_numeral(a.0) && is_numeral(b.0) => DifferenceKind::Serial,
        ([a], [b]) => likeness(a.0, b.0).unwrap_or(DifferenceKind::OtherCharacter),
        ([], [_]) => DifferenceKind::Missing,
        ([_], []) => DifferenceKind::Extra,
        ([a, b], [c, d]) if a.0 == d.0 && b.0 == c.0 => DifferenceKind::Swapped,
        _ if one.len() == other.len() => homophones(one, other)?,
        _ => return None,
    };
    Some(Slip {
        kind,
        query: start..start + one.len(),
        listed: start..start + other.len(),
    })
}

/// The weakest likeness of texts whose characters all sound alike.
fn homophones(one: &[Letter], other: &[Letter]) -> Option<DifferenceKind> {
    let mut kind = DifferenceKind::Homophone;
    let mut different = 0;
    for (a, b) in one.iter().zip(other).filter(|(a, b)| a.0 != b.0) {
        different += 1;
        match likeness(a.0, b.0)? {
            DifferenceKind::Homophone => {}
            DifferenceKind::NearHomophone => kind = DifferenceKind::NearHomophone,
            _ => return None,
        }
    }
    (different <= HOMOPHONES_MAX).then_some(kind)
}

/// How likely the slip is one, and the word for it. `splits` are the places where the trades begin.
pub fn judge(
    slip: &Slip,
    a: &[Letter],
    b: &[Letter],
    splits: (usize, usize),
) -> (f32, DifferenceKind) {
    let in_trade = slip.query.start >= splits.0 && slip.listed.start >= splits.1;
    if slip.kind == DifferenceKind::Serial || number_changes(slip, a, b) {
        return (0.03, DifferenceKind::Serial);
    }
    if in_trade && is_trade(a) && is_trade(b) && slip.kind != DifferenceKind::Placeholder {
        return (0.1, DifferenceKind::Trade);
    }
    let latin = |letters: &[Letter]| letters.iter().all(|letter| letter.0.is_ascii());
    let changed = (&a[slip.query.clone()], &b[slip.listed.clone()]);
    if latin(changed.0) && latin(changed.1) {
        let long = a.len().min(b.len()) >= LATIN_CHARS_MIN && latin(a) && latin(b);
        return (if long { 0.7 } else { 0.1 }, slip.kind);
    }
    let (known_a, known_b, brand) = known(slip, a, b, splits);
    let likelihood = match (known_a, known_b) {
        (true, true) => return (0.08, DifferenceKind::Brand),
        (false, false) => one_of_unknown(slip.kind, brand),
        _ => slip_of_known(slip.kind, brand),
    };
    (likelihood, slip.kind)
}

/// Whether digits stand on both or one side of the slip.
fn number_changes(slip: &Slip, a: &[Letter], b: &[Letter]) -> bool {
    let digits = |letters: &[Letter]| letters.iter().any(|letter| letter.0.is_ascii_digit());
    let serial = |letters: &[Letter], range: &Range<usize>| {
        let numerals = letters[range.clone()]
            .iter()
            .any(|letter| is_numeral(letter.0));
        let before = range.start.checked_sub(1).map(|at| letters[at].0);
        numerals && before.is_some_and(|c| c == '第' || is_numeral(c))
    };
    digits(&a[slip.query.clone()])
        || digits(&b[slip.listed.clone()])
        || serial(a, &slip.query)
        || serial(b, &slip.listed)
}

/// Whether a text ends in a word that is a trade.
fn is_trade(letters: &[Letter]) -> bool {
    last_word(letters, role::TRADE | role::UNIT | role::SHOP).is_some()
}

/// Whether the brands on both sides are known, and the characters of the brand: by the trade where
/// it is known, else the longest beginning that is a brand on either side.
fn known(slip: &Slip, a: &[Letter], b: &[Letter], splits: (usize, usize)) -> (bool, bool, usize) {
    let brand_a = &a[..splits.0.max(slip.query.end).min(a.len())];
    let brand_b = &b[..splits.1.max(slip.listed.end).min(b.len())];
    let whole = (is_known_brand(brand_a), is_known_brand(brand_b));
    let chars = brand_a.len().max(brand_b.len());
    if whole.0 || whole.1 {
        return (whole.0, whole.1, chars);
    }
    let from = slip.query.end.max(slip.listed.end).max(2);
    for chars in (from..=BRAND_CHARS_MAX.min(chars)).rev() {
        let a = brand_a.get(..chars).is_some_and(is_known_brand);
        let b = brand_b.get(..chars).is_some_and(is_known_brand);
        if a || b {
            return (a, b, chars);
        }
    }
    (false, false, chars)
}

/// One of the brands is known, the other is nobody's.
fn slip_of_known(kind: DifferenceKind, brand: usize) -> f32 {
    let long = brand >= 4;
    match kind {
        DifferenceKind::Placeholder => 0.85,
        DifferenceKind::Homophone => 0.85,
        DifferenceKind::NearHomophone => 0.8,
        DifferenceKind::Shape => 0.8,
        DifferenceKind::Swapped if brand >= 3 => 0.75,
        DifferenceKind::Swapped => 0.55,
        DifferenceKind::Missing | DifferenceKind::Extra if long => 0.65,
        DifferenceKind::Missing | DifferenceKind::Extra => 0.4,
        _ if long => 0.55,
        _ => 0.4,
    }
}

/// Neither brand is known.
fn one_of_unknown(kind: DifferenceKind, brand: usize) -> f32 {
    let long = brand >= 4;
    match kind {
        DifferenceKind::Placeholder => 0.8,
        DifferenceKind::Homophone if long => 0.75,
        DifferenceKind::Homophone => 0.6,
        DifferenceKind::NearHomophone | DifferenceKind::Shape if long => 0.7,
        DifferenceKind::NearHomophone | DifferenceKind::Shape => 0.5,
        DifferenceKind::Swapped if long => 0.7,
        DifferenceKind::Missing | DifferenceKind::Extra if long => 0.55,
        _ if long => 0.5,
        _ => 0.25,
    }
}

/// The hash of how a text sounds.
pub fn sound_hash(chars: impl Iterator<Item = char>) -> u64 {
    let sounds = chars.filter_map(|c| char::from_u32(sound(c)));
    super::words::hash_of(sounds)
}
