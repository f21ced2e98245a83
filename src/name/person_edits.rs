//! Two written names of persons, character by character.
//!
//! In: the characters of two names after folding, and how many people bear each. Out: the
//! likelihood that one is a slip for the other, with each difference. A slip seldom lands on a name
//! that many bear, so the rarer of two names that differ in a slip is what tells: 张伟 and 张炜 are two
//! people, 张伟 and 张围 are one and a slip (Fellegi and Sunter 1969: weight of evidence against
//! chance). HOT: no allocation for names of few characters; unrelated names end at the second
//! difference.

use super::alike::are_alike;
use super::frequency::{given_ppm, likely_bearers_per_million};
use super::likeness::{Likeness, is_lost, likeness};
use super::pinyin::{surname_chars, surname_per_million};
use super::similarity::{Difference, DifferenceKind};
use smallvec::SmallVec;

/// Bearers per million at which a slip and another person of that name are equally likely.
const EVEN_BEARERS: f32 = 0.4;
/// How much the rarity of a name weighs.
const RARITY_WEIGHT: f32 = 1.3;
/// Substituted characters at most.
const SUBSTITUTED_MAX: usize = 3;
/// Bearers per million of a surname that is as likely a slip for another.
const RARE_SURNAME: f32 = 10.0;
/// How much it weighs that many bear the rarer of two surnames of one sound.
const FAMILY_WEIGHT: f32 = 1.1;
/// Weight of a listed character that repeats the one before it, and is missing.
const DOUBLED_LISTED: f32 = 0.4;
/// Weight of a missing character that systems fail to store.
const RARE_LEFT_OUT: f32 = 0.5;
/// Below this share of given names a character is one that systems fail to store.
const RARE_PPM: f32 = 30.0;

/// Bearers per million of a pattern with one lost character that says nothing for or against.
const PATTERN_BEARERS: f32 = 20.0;
/// How much the rarity of such a pattern weighs.
const PATTERN_WEIGHT: f32 = 0.35;
/// Share of people with a given name of one character.
const SINGLE_GIVEN: f32 = 0.15;

/// A judgement on its way: log-odds and differences.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slip {
    /// Log-odds that the two are the same name.
    pub log_odds: f32,
    /// The differences.
    pub differences: SmallVec<[Difference; 2]>,
}

/// Judges two different names; `None` where no known slip leads from one to the other.
pub fn slip(asked: &[char], asked_bearers: f32, listed: &[char]) -> Option<Slip> {
    if asked.len() == listed.len() {
        substituted(asked, asked_bearers, listed)
    } else if asked.len().abs_diff(listed.len()) == 1 && asked.len().min(listed.len()) >= 2 {
        one_more(asked, listed)
    } else {
        None
    }
}

/// Whether a name that differs in this one character could be the same name at all.
pub fn may_match_substituted(asked: char, listed: char) -> bool {
    asked == listed || are_alike(asked, listed)
}

/// Whether a name that has the character `more` besides could be the same name as `asked`, which so
/// many bear.
pub fn may_match_added(asked: &[char], asked_bearers: f32, more: char) -> bool {
    let may_double = asked.len() > 2 && asked.contains(&more);
    may_double || rarity(asked_bearers) + DOUBLED_LISTED + RARE_LEFT_OUT >= -0.01
}

fn substituted(asked: &[char], asked_bearers: f32, listed: &[char]) -> Option<Slip> {
    let mut places: SmallVec<[usize; SUBSTITUTED_MAX]> = SmallVec::new();
    for (place, (a, b)) in asked.iter().zip(listed).enumerate() {
        if a != b {
            if places.len() == SUBSTITUTED_MAX {
                return None;
            }
            places.push(place);
        }
    }
    if let [one, two] = places[..]
        && two == one + 1
        && asked[one] == listed[two]
        && asked[two] == listed[one]
    {
        return Some(swapped(asked_bearers, listed, one));
    }
    let mut slip = Slip::default();
    let (mut lost, mut is_other_form, mut is_key_slip) = (0, true, false);
    let is_single = places.len() == 1;
    let is_known = |(a, b): (&char, &char)| a == b && !is_lost(*a);
    if !asked.iter().zip(listed).any(is_known) {
        return None;
    }
    for place in places {
        let (a, b) = (asked[place], listed[place]);
        let likeness = likeness(a, b)?;
        if !is_single && !likeness.bears_company() {
            return None;
        }
        is_key_slip |= likeness.kind == DifferenceKind::Keyboard;
        is_other_form &= likeness.kind == DifferenceKind::Variant;
        if asked.len() == 2 {
            // Half of the name differs.
            slip.log_odds -= 0.3;
        }
        slip.log_odds += if is_lost(a) || is_lost(b) {
            lost += 1;
            lost_weight(a, b)
        } else {
            likeness.weight + surname_weight(asked, listed, place, likeness)
        };
        slip.differences
            .push(at(likeness.kind, place..place + 1, place..place + 1));
    }
    if lost > 0 && !is_single {
        // A lost character beside another difference leaves too many names, and no key in common.
        return None;
    }
    if lost == 1 {
        slip.log_odds += rest_weight(asked, listed);
    }
    slip.log_odds -= 1.5 * (slip.differences.len() as f32 - 1.0);
    if lost == 0 {
        let mut rarity = rarity(asked_bearers.min(likely_bearers_per_million(listed)));
        if is_key_slip {
            // Many syllables lie one key apart: chance explains a rare name too.
            rarity = rarity.min(1.5);
        }
        slip.log_odds += if is_other_form { 0.25 * rarity } else { rarity };
    }
    Some(slip)
}

/// A sign stands for a character that systems fail to store: seldom for a usual one.
fn lost_weight(a: char, b: char) -> f32 {
    let known = if is_lost(a) { b } else { a };
    let ppm = given_ppm(known);
    if ppm < RARE_PPM {
        2.2
    } else if ppm < 10.0 * RARE_PPM {
        0.7
    } else {
        -0.8
    }
}

/// How much it says that the rest of a name with a lost character is equal: the fewer people bear a
/// name of that pattern, the more.
fn rest_weight(asked: &[char], listed: &[char]) -> f32 {
    let known = if asked.iter().any(|c| is_lost(*c)) {
        listed
    } else {
        asked
    };
    let pairs = asked.iter().zip(listed);
    let is_kept: SmallVec<[bool; 8]> = pairs.map(|(a, b)| !is_lost(*a) && !is_lost(*b)).collect();
    let surname = surname_chars(known).max(1);
    let surname_bearers = if is_kept[..surname].iter().all(|kept| *kept) {
        surname_per_million(&known[..surname]).unwrap_or(RARE_SURNAME)
    } else {
        1e6
    };
    let mut kept = is_kept
        .iter()
        .zip(known)
        .skip(surname)
        .filter(|(kept, _)| **kept);
    let given = kept
        .next()
        .map_or(SINGLE_GIVEN, |(_, c)| given_ppm(*c).max(1.0) * 1e-6);
    (PATTERN_WEIGHT * (PATTERN_BEARERS / (surname_bearers * given)).ln()).clamp(-0.2, 1.5)
}

/// Two known surnames are two families, the more surely the more people bear the rarer of them,
/// unless one is another form of the other.
fn surname_weight(asked: &[char], listed: &[char], place: usize, likeness: Likeness) -> f32 {
    if place > 0 || likeness.kind == DifferenceKind::Variant {
        return 0.0;
    }
    let bearers = |c: &char| surname_per_million(std::slice::from_ref(c)).unwrap_or(0.0);
    let rarer = bearers(&asked[0]).min(bearers(&listed[0]));
    let in_compound = surname_chars(asked) == 2 || surname_chars(listed) == 2;
    // A character that is hardly ever a surname is a slip for one, not a family.
    if in_compound || rarer <= RARE_SURNAME {
        return 0.2;
    }
    match likeness.kind {
        DifferenceKind::Homophone | DifferenceKind::NearHomophone => {
            -FAMILY_WEIGHT * (rarer / RARE_SURNAME).ln()
        }
        _ => -5.0,
    }
}

fn swapped(asked_bearers: f32, listed: &[char], place: usize) -> Slip {
    let mut slip = Slip {
        log_odds: if place >= surname_chars(listed).max(1) {
            0.1
        } else {
            -0.8
        },
        ..Slip::default()
    };
    slip.log_odds += rarity(asked_bearers.min(likely_bearers_per_million(listed)));
    let both = place..place + 2;
    slip.differences
        .push(at(DifferenceKind::Swapped, both.clone(), both));
    slip
}

/// One of the names has one character more.
fn one_more(asked: &[char], listed: &[char]) -> Option<Slip> {
    let (short, long) = if asked.len() < listed.len() {
        (asked, listed)
    } else {
        (listed, asked)
    };
    let place = short
        .iter()
        .zip(long)
        .position(|(a, b)| a != b)
        .unwrap_or(short.len());
    if short[place..] != long[place + 1..] {
        return None;
    }
    let more = long[place];
    let is_doubled = place > 0 && long[place - 1] == more;
    let is_missing = short.len() == asked.len();
    // A doubled character makes the longer name, a dropped one the shorter; a given name of three
    // characters is always made.
    let is_made = is_doubled && long.len() > surname_chars(long).max(1) + 2;
    let changed = if is_made || is_doubled && !is_missing {
        long
    } else {
        short
    };
    let mut log_odds = rarity(likely_bearers_per_million(changed));
    log_odds += match (is_doubled, is_missing) {
        (true, missing) if is_made || !missing => 1.2,
        (true, _) => DOUBLED_LISTED,
        (false, _) => 0.3,
    };
    // A compound surname and its first character alone are two families.
    if place < surname_chars(long) {
        log_odds -= 8.0;
    }
    if given_ppm(more) < RARE_PPM {
        // A system that cannot store a character may leave it out.
        log_odds += RARE_LEFT_OUT;
    }
    let (kind, one) = if is_missing {
        (
            DifferenceKind::Missing,
            at(DifferenceKind::Missing, place..place, place..place + 1),
        )
    } else {
        (
            DifferenceKind::Extra,
            at(DifferenceKind::Extra, place..place + 1, place..place),
        )
    };
    debug_assert_eq!(kind, one.kind);
    Some(Slip {
        log_odds,
        differences: smallvec::smallvec![one],
    })
}

/// Weight of the rarity of the name that the slip would have made.
fn rarity(bearers: f32) -> f32 {
    let odds = EVEN_BEARERS / bearers.max(1e-3);
    (RARITY_WEIGHT * odds.ln()).clamp(-7.0, 3.5)
}

fn at(
    kind: DifferenceKind,
    query: std::ops::Range<usize>,
    listed: std::ops::Range<usize>,
) -> Difference {
    Difference {
        kind,
        query: query.start as u16..query.end as u16,
        listed: listed.start as u16..listed.end as u16,
    }
}
