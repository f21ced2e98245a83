//! What a scan looks for, and the tables that find it in a long text.
//!
//! In: listed names and the brands in them. Out: rows sorted by text, a line table over beginnings,
//! and two sets of bits that say of most places of a text that nothing begins there. A build puts
//! them into the snapshot and a gateway reads them in place, so that a swap costs a scan nothing.

use super::line_table;
use crate::snapshot::rows::{Line, ScanRow};
use rayon::prelude::*;
use std::ops::Range;
use zerocopy::little_endian::U64;

/// Characters of the shortest text that is looked for: shorter ones stand in half of all texts by
/// chance.
pub const CHARS_MIN: usize = 4;
/// Characters by which the rows of longer texts are found.
pub const LONG_CHARS: usize = 8;
/// Names that one brand may stand in; a brand of more says nothing about any of them.
pub const BEARERS_MAX: usize = 1_000;
/// Bytes of the longest text that is looked for.
const TEXT_BYTES_MAX: usize = u16::MAX as usize;

/// Bits a beginning of two characters: few enough of them for the nearest cache.
const PAIR_BITS: usize = 16;
/// Bits a beginning of four characters.
const START_BITS: usize = 16;
/// Bits a key.
const KEY_BITS: usize = 12;

/// Hashes of windows of characters, other ones for each salt.
#[derive(Debug, Clone, Copy)]
pub struct WindowHash {
    /// Powers of one odd multiplier, from 1 to 4.
    powers: [u64; 4],
}

impl WindowHash {
    /// The hashes of the snapshot with this salt.
    pub fn new(salt: &[u8; 32]) -> Self {
        let mut seed = [0; 8];
        seed.copy_from_slice(&salt[8..16]);
        // Five modulo eight: no product of differences of its powers loses its low bits.
        let one = u64::from_le_bytes(seed) & !7 | 5;
        let two = one.wrapping_mul(one);
        let powers = [one, two, two.wrapping_mul(one), two.wrapping_mul(two)];
        Self { powers }
    }

    /// Sum of four characters: what `start` and `key` are made of.
    #[inline]
    pub fn four(&self, window: &[char; CHARS_MIN]) -> u64 {
        let [a, b, c, d] = window.map(|c| u64::from(c as u32));
        let [one, two, three, _] = self.powers;
        let upper = a.wrapping_mul(three).wrapping_add(b.wrapping_mul(two));
        upper.wrapping_add(c.wrapping_mul(one)).wrapping_add(d)
    }

    /// Sum of a window of eight, from those of its halves.
    #[inline]
    pub fn eight(&self, first: u64, second: u64) -> u64 {
        first.wrapping_mul(self.powers[3]).wrapping_add(second)
    }

    /// Sum of one character more.
    #[inline]
    pub fn more(&self, sum: u64, c: char) -> u64 {
        sum.wrapping_mul(self.powers[0])
            .wrapping_add(u64::from(c as u32))
    }

    /// Sum of the first `LONG_CHARS` characters of a text, or of all that it has.
    fn sum(&self, text: &str) -> u64 {
        let window = text.chars().take(LONG_CHARS);
        window.fold(0, |sum, c| self.more(sum, c))
    }
}

/// Place of a beginning of two characters among bits.
#[inline]
pub fn pair_hash(one: char, other: char) -> u64 {
    start_hash(u64::from(one as u32) << 32 | u64::from(other as u32))
}

/// Place of a beginning among bits: only its upper bits are good.
#[inline]
pub fn start_hash(four: u64) -> u64 {
    four.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Key of a sum in the line table, all bits mixed; `chars` tells texts of other lengths apart.
#[inline]
pub fn key(sum: u64, chars: usize) -> u64 {
    let mut key = sum ^ (chars as u64) << 58;
    key = (key ^ key >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    key = (key ^ key >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    key ^ key >> 32
}

/// A set of hashes: one bit each, chosen by the upper bits. Its length is a power of two.
#[derive(Debug, Clone, Copy)]
pub struct Bits<'a> {
    words: &'a [U64],
    shift: u32,
}

impl<'a> Bits<'a> {
    /// Reads a set in place; `None` where its length is no power of two.
    pub fn new(words: &'a [U64]) -> Option<Self> {
        let is_fit = words.len().is_power_of_two() && words.len() <= 1 << 32;
        is_fit.then(|| Self {
            words,
            shift: 58 - words.len().trailing_zeros(),
        })
    }

    /// Whether a hash may be in the set.
    #[inline]
    pub fn may_have(&self, hash: u64) -> bool {
        let bit = hash >> self.shift;
        let word = self.words.get((bit >> 6) as usize);
        word.is_some_and(|word| word.get() >> (bit & 63) & 1 != 0)
    }

    fn of(hashes: impl Iterator<Item = u64>, wanted_bits: usize) -> Vec<U64> {
        let mut words = vec![0u64; wanted_bits.div_ceil(64).next_power_of_two()];
        let shift = 58 - words.len().trailing_zeros();
        for bit in hashes.map(|hash| hash >> shift) {
            words[(bit >> 6) as usize] |= 1 << (bit & 63);
        }
        words.into_iter().map(U64::new).collect()
    }
}

/// A text to be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    /// First byte in the text of all names.
    pub first: u32,
    /// Bytes; at most `TEXT_BYTES_MAX`.
    pub bytes: u16,
    /// Whether it is a brand and no whole name.
    pub is_brand: bool,
    /// The name, or the name in which the brand stands.
    pub name: u32,
}

impl Pattern {
    /// A text at `place` of all names; `None` where it is too short or too long to be looked for.
    pub fn new(text: &str, place: Range<usize>, name: u32, is_brand: bool) -> Option<Self> {
        let word = text.get(place.clone())?;
        word.chars().nth(CHARS_MIN - 1)?;
        (word.len() <= TEXT_BYTES_MAX).then_some(())?;
        Some(Self {
            first: u32::try_from(place.start).ok()?,
            bytes: word.len() as u16,
            is_brand,
            name,
        })
    }

    fn text(self, all: &str) -> &str {
        let first = self.first as usize;
        all.get(first..first + usize::from(self.bytes))
            .unwrap_or("")
    }
}

/// The tables as a build writes them.
#[derive(Debug)]
pub struct PatternTables {
    /// Texts, sorted.
    pub rows: Vec<ScanRow>,
    /// First row of each key.
    pub lines: Vec<Line>,
    /// Beginnings of two characters.
    pub pairs: Vec<U64>,
    /// Beginnings of four.
    pub starts: Vec<U64>,
    /// Keys.
    pub keys: Vec<U64>,
}

impl PatternTables {
    /// Tables of these patterns, whose places lie in `text`; equal ones give equal tables,
    /// whatever their order and the threads.
    ///
    /// `None` where too many keys are alike for a line table.
    pub fn build(text: &str, mut patterns: Vec<Pattern>, hash: WindowHash) -> Option<Self> {
        patterns.par_sort_unstable_by(|a, b| {
            let order = |p: &Pattern| (p.is_brand, p.name, p.first);
            (a.text(text).cmp(b.text(text))).then_with(|| order(a).cmp(&order(b)))
        });
        drop_common_brands(text, &mut patterns);
        let mut rows = Vec::with_capacity(patterns.len());
        let mut keys = Vec::new();
        let mut firsts: Vec<u32> = Vec::new();
        let (mut pairs, mut starts) = (Vec::new(), Vec::new());
        // Texts with which the present one begins, each with its last row.
        let mut begun: Vec<(&str, u32)> = Vec::new();
        for group in patterns.chunk_by(|a, b| a.text(text) == b.text(text)) {
            let (first, word) = (rows.len() as u32, group[0].text(text));
            while begun
                .last()
                .is_some_and(|(other, _)| !word.starts_with(other))
            {
                begun.pop();
            }
            let shorter = begun.last().map(|(_, row)| *row);
            // One place for all rows of a text: that tells where its rows begin.
            let place = group[0].first..group[0].first + u32::from(group[0].bytes);
            let row = |p: &Pattern| ScanRow::new(place.clone(), shorter, p.name, p.is_brand);
            rows.extend(group.iter().map(row));
            begun.push((word, rows.len() as u32 - 1));
            let mut chars = ['\0'; CHARS_MIN];
            (chars.iter_mut().zip(word.chars())).for_each(|(place, c)| *place = c);
            push_new(&mut pairs, pair_hash(chars[0], chars[1]));
            push_new(&mut starts, start_hash(hash.four(&chars)));
            let count = word.chars().take(LONG_CHARS).count();
            if push_new(&mut keys, key(hash.sum(word), count)) {
                firsts.push(first);
            }
        }
        let lines = line_table::build_with(&keys, |place| firsts[place as usize])?;
        Some(Self {
            rows,
            lines,
            pairs: Bits::of(pairs.iter().copied(), pairs.len() * PAIR_BITS),
            starts: Bits::of(starts.iter().copied(), starts.len() * START_BITS),
            keys: Bits::of(keys.iter().copied(), keys.len() * KEY_BITS),
        })
    }
}

/// Appends what is not the last already: equal beginnings lie side by side.
fn push_new(all: &mut Vec<u64>, new: u64) -> bool {
    let is_new = all.last() != Some(&new);
    if is_new {
        all.push(new);
    }
    is_new
}

/// Leaves brands out that stand in too many names.
fn drop_common_brands(text: &str, patterns: &mut Vec<Pattern>) {
    let mut kept = Vec::with_capacity(patterns.len());
    for group in patterns.chunk_by(|a, b| a.text(text) == b.text(text)) {
        let brands = group.iter().filter(|pattern| pattern.is_brand).count();
        let is_kept = |pattern: &&Pattern| !pattern.is_brand || brands <= BEARERS_MAX;
        kept.extend(group.iter().filter(is_kept));
    }
    *patterns = kept;
}
