//! Texts that differ in their digits alone, such as case numbers: what they share is kept once.
//!
//! In: a text. Out: its template, where each digit is a `0`, and the digits, two in a byte. In:
//! template and digits. Out: the text again; what is no digit makes no text, never another one.

use serde::{Serialize, Serializer};
use smallvec::SmallVec;
use std::ops::Deref;

/// Where fewer are, the reference to a template takes what it saves.
const DIGITS_MIN: usize = 4;
/// Stands for a digit in a template.
const PLACE: u8 = b'0';

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

/// Takes a text apart into its template and its digits. False where they are too few.
pub fn take_apart(text: &str, template: &mut String, digits: &mut Vec<u8>) -> bool {
    template.clear();
    digits.clear();
    let mut count = 0;
    for byte in text.bytes().filter(u8::is_ascii_digit) {
        let digit = byte - b'0';
        match digits.last_mut().filter(|_| count % 2 == 1) {
            Some(last) => *last |= digit,
            None => digits.push(digit << 4),
        }
        count += 1;
    }
    if count < DIGITS_MIN {
        return false;
    }
    let place = |c: char| match c.is_ascii_digit() {
        true => char::from(PLACE),
        false => c,
    };
    template.extend(text.chars().map(place));
    true
}

/// The text of a template, with its digits at the front of `rest`, which is moved behind them.
/// `None` where there is no such text.
pub fn fill<'a>(template: &str, rest: &mut &'a [u8]) -> Option<ColdText<'a>> {
    let mut bytes: SmallVec<[u8; 40]> = SmallVec::from_slice(template.as_bytes());
    let (mut digits, mut second) = (*rest, None);
    for byte in bytes.iter_mut().filter(|byte| **byte == PLACE) {
        let digit = match second.take() {
            Some(second) => second,
            None => {
                let (both, after) = digits.split_first()?;
                digits = after;
                second = Some(both & 0xf);
                both >> 4
            }
        };
        if digit > 9 {
            return None;
        }
        *byte = b'0' + digit;
    }
    *rest = digits;
    // Behind an odd number of digits stands none.
    (second.unwrap_or(0) == 0).then_some(ColdText::Made(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Template and bytes of the digits; they make the same text again.
    fn round(text: &str) -> Option<(String, usize)> {
        let (mut template, mut digits) = (String::new(), Vec::new());
        if !take_apart(text, &mut template, &mut digits) {
            return None;
        }
        let bytes = digits.len();
        digits.push(7);
        let mut rest = &digits[..];
        let made = fill(&template, &mut rest).unwrap();
        assert_eq!(&*made, text);
        assert_eq!(rest, [7]);
        Some((template, bytes))
    }

    #[test]
    fn what_case_numbers_share_is_left_and_their_digits_take_six_bytes() {
        let (template, bytes) = round("（2016）闽0102执1234号").unwrap();
        assert_eq!((template.as_str(), bytes), ("（0000）闽0000执0000号", 6));
        assert_eq!(round("P000000007").unwrap(), ("P000000000".into(), 5));
        for none in ["", "判决", "第123号"] {
            assert_eq!(round(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_no_digit_or_cut_short_is_no_text() {
        let text = |template, digits: &[u8]| fill(template, &mut { digits }).is_some();
        assert!(text("0000", &[0x99, 0x90]));
        assert!(!text("0000", &[0x9a, 0x90]));
        assert!(!text("0000", &[0xa9, 0x90]));
        assert!(!text("0000", &[0x99]));
        assert!(text("00000", &[0x99, 0x90, 0x10]));
        assert!(!text("00000", &[0x99, 0x90, 0x11]), "a sixth");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "[0-9a号（）\u{1f600}]{0,60}") {
            round(&text);
        }

        #[test]
        fn any_bytes_are_a_text_of_the_template_or_none(
            template in "[0x号]{0,50}",
            bytes in proptest::collection::vec(any::<u8>(), 0..30),
        ) {
            if let Some(made) = fill(&template, &mut &bytes[..]) {
                let (mut again, mut digits) = (String::new(), Vec::new());
                if take_apart(&made, &mut again, &mut digits) {
                    prop_assert_eq!(again, template);
                    prop_assert!(bytes.starts_with(&digits));
                }
            }
        }
    }
}
