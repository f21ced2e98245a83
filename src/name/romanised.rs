//! Names of persons in Latin letters, beside listed names of Han characters.
//!
//! In: a name as airlines, passports and people write it: pinyin in every layout, Wade-Giles,
//! Tongyong, Cantonese, Hokkien; or Han characters and then pinyin. Out: block keys of what it may
//! stand for, and the likelihood that a listed name is written so. A name only fits when every
//! letter and every character is used. Never: a match beyond one slip of dialect, nor one with a
//! slip that reaches the threshold. Bounded on any text; comparing does not allocate. HOT.

use self::fit::Listed;
use self::reading::{Order, Ways};
use self::text::Parts;
use super::similarity::{LISTED_KEYS_MAX, QUERY_KEYS_MAX};
use smallvec::SmallVec;

mod cantonese;
mod fit;
mod hokkien;
mod mandarin;
mod reading;
mod segment;
mod spelling;
#[cfg(test)]
mod tests;
mod text;

/// Syllables of a name that its key holds, at most: a longer name has the key of its first ones.
pub const KEY_SYLLABLES_MAX: usize = 8;

/// Keys that are left for other than readings.
const OTHER_KEYS: usize = 2;
/// Block keys of one name.
const KEYS_MAX: usize = QUERY_KEYS_MAX - OTHER_KEYS;

/// Parts of a name with a forename, at most.
const PARTS_MAX: usize = 5;
/// Letters of a forename, at least.
const FORENAME_LETTERS_MIN: usize = 3;
/// Likelihood of a name beside which a forename stands.
const WITH_FORENAME: f32 = 0.9;

/// A name in Latin letters, parsed.
#[derive(Debug)]
pub struct Romanised {
    /// Han characters before the letters.
    han: SmallVec<[char; 8]>,
    ways: Ways,
    keys: Vec<u64>,
    /// How likely a name is meant that is written so.
    likelihood: f32,
    /// The name read without the part at its other end.
    other: Option<Box<Self>>,
}

/// The letters of a name without titles, as they stand; those of any other text where it is no name
/// in Latin letters.
pub fn letters(raw: &str) -> Vec<u8> {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic();
    match Parts::read_folded(raw) {
        Some(parts) => parts
            .parts
            .iter()
            .flat_map(|part| part.bytes())
            .filter(is_letter)
            .collect(),
        None => raw
            .bytes()
            .filter(is_letter)
            .map(|byte| byte.to_ascii_lowercase())
            .collect(),
    }
}

impl Romanised {
    /// Parses a name; `None` where it is not written in Latin letters, Han characters before them
    /// apart, or where they spell no Chinese name.
    pub fn parse(raw: &str) -> Option<Self> {
        Self::whole(raw, KEYS_MAX).or_else(|| Self::without_forename(raw))
    }

    /// Parses a listed name, folded: what its writer set apart stands together.
    pub fn parse_listed(folded: &str) -> Option<Self> {
        let parts = Parts::read_folded(folded)?;
        Self::of(parts, LISTED_KEYS_MAX - OTHER_KEYS)
    }

    fn whole(raw: &str, keys_max: usize) -> Option<Self> {
        Self::of(Parts::read(raw)?, keys_max)
    }

    fn of(parts: Parts, keys_max: usize) -> Option<Self> {
        let mut keys = Vec::new();
        let ways = Ways::of(&parts, keys_max, &mut keys);
        let han = parts.han;
        (!ways.orders.is_empty()).then_some(Self {
            han,
            ways,
            keys,
            likelihood: 1.0,
            other: None,
        })
    }

    /// A name with an English forename before or behind it, as in Hong Kong and Singapore.
    fn without_forename(raw: &str) -> Option<Self> {
        let parts: SmallVec<[&str; 8]> = raw.split_whitespace().take(PARTS_MAX + 1).collect();
        if !(3..=PARTS_MAX).contains(&parts.len()) {
            return None;
        }
        let is_forename = |part: &str| {
            part.len() >= FORENAME_LETTERS_MIN && part.chars().all(|c| c.is_ascii_alphabetic())
        };
        let (first, last) = (parts[0], parts[parts.len() - 1]);
        let behind = is_forename(last).then(|| parts[..parts.len() - 1].join(" "));
        let before = is_forename(first).then(|| parts[1..].join(" "));
        let named = [before, behind].into_iter().flatten();
        let mut read = named.filter_map(|rest| Self::whole(&rest, KEYS_MAX / 2));
        let mut one = read.next()?;
        one.likelihood = WITH_FORENAME;
        one.other = read.next().map(Box::new);
        Some(one)
    }

    /// Calls `visit` with the block key of every plausible sequence of syllables, surname first,
    /// the likeliest first; at most `QUERY_KEYS_MAX`.
    pub fn block_keys(&self, visit: &mut dyn FnMut(u64)) {
        let others = self.other.iter().flat_map(|other| &other.keys);
        self.keys.iter().chain(others).for_each(|key| visit(*key));
    }

    /// Likelihood that a listed Han name, folded, is written so; 0.0 where no reading fits.
    pub fn compare(&self, listed: &[char]) -> f32 {
        let Some(rest) = listed.strip_prefix(&self.han[..]) else {
            return 0.0;
        };
        let other = self
            .other
            .as_ref()
            .map_or(0.0, |other| other.compare(listed));
        let listed = Listed::new(rest, !self.han.is_empty());
        let mut best = 0.0_f32;
        for order in &self.ways.orders {
            if order.likelihood <= best {
                break; // They are sorted.
            }
            best = best.max(self.score(order, &listed));
        }
        best.max(other) * self.likelihood
    }

    fn score(&self, order: &Order, listed: &Listed<'_>) -> f32 {
        let sequence = self.ways.sequences.get(order.sequence);
        sequence.map_or(0.0, |sequence| listed.score(order, sequence))
    }
}
