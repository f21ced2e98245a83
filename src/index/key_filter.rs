//! A set of 64-bit keys that may say yes for a key that is not in it: one in two hundred.
//!
//! In: a key. Out: whether it is worth looking up. Sixteen bits a key, four of them set in one word
//! that the key chooses, so that a question reads one cache line. An empty set says no to all.
//! Never panics, whatever the words hold.

// HOT: some thirty questions a check; nearly all are answered with no.

use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use zerocopy::little_endian::U64;

/// Keys of one word, on average.
const WORD_KEYS: usize = 4;

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

    /// `false` where the key is not in the set.
    pub fn may_hold(&self, key: u64) -> bool {
        let (place, bits) = split(self.words.len(), key);
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
        let words = keys / WORD_KEYS + 1;
        Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Takes in a key.
    pub fn add(&self, key: u64) {
        let (place, bits) = split(self.words.len(), key);
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

/// Place of the word, by the upper bits of a key, and the bits set in it, by the lower ones.
fn split(words: usize, key: u64) -> (usize, u64) {
    let place = (u128::from(key) * words as u128) >> 64;
    let bit = |shift: u32| 1 << (key >> shift & 63);
    (place as usize, bit(0) | bit(6) | bit(12) | bit(18))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn words(keys: &[u64]) -> Vec<U64> {
        let builder = FilterBuilder::new(keys.len());
        keys.iter().for_each(|key| builder.add(*key));
        builder.finish()
    }

    proptest! {
        #[test]
        fn every_key_of_a_set_is_held(keys in prop::collection::vec(any::<u64>(), 0..200)) {
            let forth = words(&keys);
            let filter = KeyFilter::new(&forth);
            prop_assert!(keys.iter().all(|key| filter.may_hold(*key)));
            let back: Vec<u64> = keys.into_iter().rev().collect();
            prop_assert_eq!(words(&back), forth);
        }

        #[test]
        fn any_words_answer_any_key(
            words in prop::collection::vec(any::<u64>(), 0..9),
            keys in prop::collection::vec(any::<u64>(), 20),
        ) {
            let words: Vec<U64> = words.into_iter().map(U64::new).collect();
            let held = keys.iter().filter(|key| KeyFilter::new(&words).may_hold(**key));
            prop_assert!(!words.is_empty() || held.count() == 0);
        }
    }

    #[test]
    fn few_keys_are_held_that_are_not_in_the_set() {
        let key = |number: u64| xxh3_64(&number.to_le_bytes());
        let keys: Vec<u64> = (0..50_000).map(key).collect();
        let words = words(&keys);
        let filter = KeyFilter::new(&words);
        let others = (50_000..150_000).filter(|number| filter.may_hold(key(*number)));
        let held = others.count();
        assert!(held < 1_000, "{held} of 100,000");
    }

    #[test]
    fn an_empty_set_holds_nothing() {
        let built = words(&[]);
        assert_eq!(built.len(), 1);
        for words in [&built[..], &[]] {
            assert!(!KeyFilter::new(words).may_hold(7));
        }
    }
}
