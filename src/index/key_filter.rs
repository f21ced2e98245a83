//! A set of 64-bit keys that may say yes for a key that is not in it: one in some hundred.
//!
//! In: a key and the group that it belongs to. Out: whether it is worth looking up. Some 24 bits a
//! key, four of them set in one word; the words of a group are four cache lines side by side, so
//! that all questions about one group wait for memory once. A group of far more keys than others
//! says yes more often: that costs time, never an answer. An empty set says no to all. Never
//! panics, whatever the words hold.

// HOT: some ten questions a check; nearly all are answered with no.

use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use zerocopy::little_endian::U64;

/// Words of a group.
const GROUP_WORDS: usize = 32;
/// Keys for which a group has room.
const GROUP_KEYS: usize = 85;

/// A set of keys, read in place.
#[derive(Debug, Clone, Copy)]
pub struct KeyFilter<'a> {
    words: &'a [U64],
}

impl<'a> KeyFilter<'a> {
    /// Words as `FilterBuilder::finish` made them.
    pub fn new(words: &'a [U64]) -> Self {
        Self { words }
    }

    /// Whether no key is in the set: told of small ones alone.
    pub fn is_empty(&self) -> bool {
        self.words.len() <= GROUP_WORDS && self.words.iter().all(|word| word.get() == 0)
    }

    /// `false` where the group has no such key in the set.
    pub fn may_hold(&self, group: u64, key: u64) -> bool {
        let (place, bits) = split(self.words.len(), group, key);
        self.words
            .get(place)
            .is_some_and(|word| word.get() & bits == bits)
    }
}

/// A set while it is built: equal keys give equal words, whatever the order and the threads.
pub struct FilterBuilder {
    words: Vec<AtomicU64>,
}

impl FilterBuilder {
    /// Of a set that will have `keys` keys.
    pub fn new(keys: usize) -> Self {
        let words = (keys / GROUP_KEYS + 1) * GROUP_WORDS;
        Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Takes in a key of a group.
    pub fn add(&self, group: u64, key: u64) {
        let (place, bits) = split(self.words.len(), group, key);
        if let Some(word) = self.words.get(place) {
            word.fetch_or(bits, Ordering::Relaxed);
        }
    }

    /// The words.
    pub fn finish(self) -> Vec<U64> {
        let words = self.words.into_par_iter();
        words.map(|word| U64::new(word.into_inner())).collect()
    }
}

/// Place of the word, by the group and the upper bits of the key, and the bits set in it, by the
/// lower ones.
fn split(words: usize, group: u64, key: u64) -> (usize, u64) {
    let groups = (words / GROUP_WORDS) as u128;
    let first = ((u128::from(group) * groups) >> 64) as usize * GROUP_WORDS;
    let word = (key >> 40) as usize % GROUP_WORDS;
    let bit = |shift: u32| 1 << (key >> shift & 63);
    (first + word, bit(0) | bit(6) | bit(12) | bit(18))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn words(keys: &[(u64, u64)]) -> Vec<U64> {
        let builder = FilterBuilder::new(keys.len());
        keys.iter()
            .for_each(|(group, key)| builder.add(*group, *key));
        builder.finish()
    }

    proptest! {
        #[test]
        fn every_key_of_a_set_is_held(keys in prop::collection::vec(any::<(u64, u64)>(), 0..400)) {
            let forth = words(&keys);
            let filter = KeyFilter::new(&forth);
            prop_assert!(keys.iter().all(|(group, key)| filter.may_hold(*group, *key)));
            prop_assert_eq!(filter.is_empty(), keys.is_empty());
            let back: Vec<(u64, u64)> = keys.into_iter().rev().collect();
            prop_assert_eq!(words(&back), forth);
        }

        #[test]
        fn any_words_answer_any_key(
            words in prop::collection::vec(any::<u64>(), 0..99),
            keys in prop::collection::vec(any::<(u64, u64)>(), 20),
        ) {
            let words: Vec<U64> = words.into_iter().map(U64::new).collect();
            let filter = KeyFilter::new(&words);
            let held = keys.iter().filter(|(group, key)| filter.may_hold(*group, *key));
            prop_assert!(!words.is_empty() || held.count() == 0);
        }
    }

    #[test]
    fn few_keys_are_held_that_are_not_in_the_set() {
        let hash = |number: u64| xxh3_64(&number.to_le_bytes());
        // Groups of one key each, and of sixty.
        for of_group in [1, 60] {
            let key = |number: u64| (hash(number / of_group), hash(number ^ 1 << 40));
            let keys: Vec<(u64, u64)> = (0..60_000).map(key).collect();
            let words = words(&keys);
            assert!(words.len() * 8 < keys.len() * 4);
            let filter = KeyFilter::new(&words);
            // Other keys of groups that are there.
            let others = (0..60_000).map(|number| (key(number).0, hash(number ^ 1 << 50)));
            let held = others.filter(|(group, key)| filter.may_hold(*group, *key));
            let held = held.count();
            assert!(held < 900, "{held} of 60,000, groups of {of_group}");
        }
    }

    #[test]
    fn an_empty_set_holds_nothing() {
        let built = words(&[]);
        assert_eq!(built.len(), GROUP_WORDS);
        for words in [&built[..], &[]] {
            assert!(!KeyFilter::new(words).may_hold(7, 7));
            assert!(KeyFilter::new(words).is_empty());
        }
    }
}
