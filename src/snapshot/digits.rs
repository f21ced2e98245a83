//! Texts that differ in their digits alone, such as case numbers: what they share is kept once.
//!
//! In: a text. Out: its template, where each digit is a `0`, and the digits as one number of as
//! many bytes as such numbers take. In: template and number. Out: the text again; a number that is
//! too large for its template is no text, never another one.

use serde::{Serialize, Serializer};
use smallvec::SmallVec;
use std::ops::Deref;

/// Most digits of a text with a template: as many as a `u128` holds whatever they are.
pub const DIGITS_MAX: usize = 38;
/// Where fewer are, the reference to a template takes what it saves.
const DIGITS_MIN: usize = 4;
/// Stands for a digit in a template.
const PLACE: u8 = b'0';
/// Digits that a `u64` holds whatever they are.
const HALF: usize = 19;

/// A text of a record: borrowed, or made of its template. Reads as `str`.
#[derive(Debug, Clone)]
pub enum ColdText<'a> {
    /// Stands there as it is.
    Whole(&'a str),
    /// Made of a template; UTF-8.
    Made(SmallVec<[u8; 40]>),
}

impl ColdText<'_> {
    /// No text.
    pub const EMPTY: Self = Self::Whole("");
}

impl Deref for ColdText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Whole(text) => text,
            // INVARIANT: a template whose bytes `0` became other digits is UTF-8 as before.
            Self::Made(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
        }
    }
}

impl PartialEq for ColdText<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for ColdText<'_> {}

impl Serialize for ColdText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// The digits of a text, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits {
    count: usize,
    value: u128,
}

impl Digits {
    /// Takes a text apart: writes its template. `None` where its digits are too few or too many.
    pub fn of(text: &str, template: &mut String) -> Option<Self> {
        template.clear();
        let mut digits = Self { count: 0, value: 0 };
        for byte in text.bytes().filter(u8::is_ascii_digit) {
            digits.count += 1;
            if digits.count > DIGITS_MAX {
                return None;
            }
            digits.value = digits.value * 10 + u128::from(byte - b'0');
        }
        if digits.count < DIGITS_MIN {
            return None;
        }
        let place = |c: char| {
            if c.is_ascii_digit() {
                char::from(PLACE)
            } else {
                c
            }
        };
        template.extend(text.chars().map(place));
        Some(digits)
    }

    /// Appends the number; its length follows from the template.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.value.to_le_bytes()[..BYTES[self.count]]);
    }
}

/// The text of a template, with its number at the front of `rest`, which is moved behind it.
/// `None` where there is no such text.
pub fn fill<'a>(template: &str, rest: &mut &'a [u8]) -> Option<ColdText<'a>> {
    let mut bytes: SmallVec<[u8; 40]> = SmallVec::from_slice(template.as_bytes());
    let count = bytes.iter().filter(|byte| **byte == PLACE).count();
    let (number, after) = rest.split_at_checked(*BYTES.get(count)?)?;
    *rest = after;
    let mut value = [0; 16];
    value.get_mut(..number.len())?.copy_from_slice(number);
    let value = u128::from_le_bytes(value);
    // Divisions of 64 bits: those of 128 take ten times as long.
    let split = 10u128.pow(HALF as u32);
    let (mut half, mut upper) = match count <= HALF {
        true => (u64::try_from(value).ok()?, 0),
        false => ((value % split) as u64, u64::try_from(value / split).ok()?),
    };
    let places = bytes.iter_mut().rev().filter(|byte| **byte == PLACE);
    for (number, byte) in places.enumerate() {
        if number == HALF {
            (half, upper) = (upper, 0);
        }
        *byte = b'0' + (half % 10) as u8;
        half /= 10;
    }
    (half == 0 && upper == 0).then_some(ColdText::Made(bytes))
}

/// Bytes of a number of so many digits.
const BYTES: [usize; DIGITS_MAX + 1] = {
    let mut bytes = [0; DIGITS_MAX + 1];
    let (mut count, mut largest) = (0, 0u128);
    while count <= DIGITS_MAX {
        bytes[count] = (u128::BITS - largest.leading_zeros()).div_ceil(8) as usize;
        largest = if count < DIGITS_MAX {
            largest * 10 + 9
        } else {
            0
        };
        count += 1;
    }
    bytes
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round(text: &str) -> Option<(String, usize)> {
        let (mut template, mut bytes) = (String::new(), Vec::new());
        Digits::of(text, &mut template)?.write(&mut bytes);
        bytes.push(7);
        let mut rest = &bytes[..];
        let made = fill(&template, &mut rest).unwrap();
        assert_eq!(&*made, text);
        assert_eq!(rest, [7]);
        Some((template, bytes.len() - 1))
    }

    #[test]
    fn what_case_numbers_share_is_left_and_their_digits_take_five_bytes() {
        let (template, bytes) = round("（2016）闽0102执1234号").unwrap();
        assert_eq!((template.as_str(), bytes), ("（0000）闽0000执0000号", 5));
        assert_eq!(round("P000000007").unwrap(), ("P000000000".into(), 4));
        let largest = "9".repeat(DIGITS_MAX);
        assert_eq!(round(&largest).unwrap().1, 16);
        for none in ["", "判决", "第123号", &format!("{largest}9")] {
            assert_eq!(round(none), None, "{none}");
        }
    }

    #[test]
    fn a_number_beyond_its_template_or_cut_short_is_no_text() {
        let largest = [0xf, 0x27];
        assert_eq!(fill("0000", &mut &largest[..]).as_deref(), Some("9999"));
        assert!(fill("0000", &mut &[0x10, 0x27][..]).is_none());
        assert!(fill("0000", &mut &[0xf][..]).is_none());
        assert!(fill(&"0".repeat(20), &mut &[0xff; 9][..]).is_none());
        assert!(fill(&"0".repeat(DIGITS_MAX), &mut &[0xff; 16][..]).is_none());
        assert!(fill(&"0".repeat(DIGITS_MAX + 1), &mut &[0; 40][..]).is_none());
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "[0-9a号（）\u{1f600}]{0,60}") {
            round(&text);
        }

        #[test]
        fn any_bytes_are_a_text_of_the_template_or_none(
            template in "[0x号]{0,50}",
            bytes in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            if let Some(made) = fill(&template, &mut &bytes[..]) {
                let mut again = String::new();
                let places = made.chars().filter(char::is_ascii_digit).count();
                if places >= DIGITS_MIN {
                    Digits::of(&made, &mut again).unwrap();
                    prop_assert_eq!(again, template);
                }
            }
        }
    }
}
