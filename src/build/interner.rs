//! Texts that occur often, kept once. In: text. Out: its number, by first occurrence.
//!
//! One arena and a table of numbers: about 13 bytes a text beyond the text itself.

use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// Distinct texts of one build, at most `u32::MAX - 1` of together 4 GiB.
#[derive(Debug, Default)]
pub struct Interner {
    text: String,
    /// End of each text in `text`.
    ends: Vec<u32>,
    /// Number + 1 of a text, by its hash; 0 is free. A power of two, at most three quarters full.
    slots: Vec<u32>,
}

impl Interner {
    /// The number of `text`; `None` once there are too many.
    pub fn intern(&mut self, text: &str) -> Option<u32> {
        if self.slots.len() * 3 <= (self.ends.len() + 1) * 4 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut place = xxh3_64(text.as_bytes()) as usize & mask;
        while let Some(number) = self.slots[place].checked_sub(1) {
            if self.get(number) == text {
                return Some(number);
            }
            place = (place + 1) & mask;
        }
        let number = u32::try_from(self.ends.len()).ok()?;
        let end = u32::try_from(self.text.len() + text.len()).ok()?;
        self.slots[place] = number.checked_add(1)?;
        self.text.push_str(text);
        self.ends.push(end);
        Some(number)
    }

    /// The text with this number; empty where there is none.
    pub fn get(&self, number: u32) -> &str {
        &self.text[self.place(number)]
    }

    /// Where in `text` the text with this number is; empty where there is none.
    pub fn place(&self, number: u32) -> Range<usize> {
        let number = number as usize;
        let Some(end) = self.ends.get(number) else {
            return 0..0;
        };
        let first = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        first as usize..*end as usize
    }

    /// The texts with these numbers, frozen: each has its place among them as its number.
    pub fn in_order(&self, numbers: &[u32]) -> Self {
        let mut ordered = Self {
            text: String::with_capacity(self.text.len()),
            ends: Vec::with_capacity(numbers.len()),
            slots: Vec::new(),
        };
        for number in numbers {
            ordered.text.push_str(self.get(*number));
            ordered.ends.push(ordered.text.len() as u32);
        }
        ordered
    }

    /// All texts, one after the other.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Distinct texts.
    pub fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    /// Bytes it holds.
    pub fn memory_bytes(&self) -> u64 {
        (self.text.capacity() + 4 * self.ends.capacity() + 4 * self.slots.capacity()) as u64
    }

    /// Lets go of the look-up table: texts stay, none can be added.
    pub fn freeze(&mut self) {
        self.slots = Vec::new();
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(64);
        self.slots = vec![0; slots];
        for number in 0..self.len() {
            let mut place = xxh3_64(self.get(number).as_bytes()) as usize & (slots - 1);
            while self.slots[place] != 0 {
                place = (place + 1) & (slots - 1);
            }
            self.slots[place] = number + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number_in_order_of_first_occurrence() {
        let mut interner = Interner::default();
        for round in 0..2 {
            for number in 0..5_000 {
                let text = format!("text {number}");
                assert_eq!(interner.intern(&text), Some(number), "round {round}");
            }
        }
        assert_eq!(interner.intern(""), Some(5_000));
        assert_eq!(interner.len(), 5_001);
        assert_eq!(interner.get(77), "text 77");
        assert_eq!(interner.get(5_000), "");
        assert_eq!(interner.get(9_999), "");
    }
}
