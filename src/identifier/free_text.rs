//! Citizen numbers that stand inside free text: finding and hiding them.
//!
//! In: text as written (case numbers, conduct, notes). Out: whether it holds a run of characters
//! that is a valid citizen_id, or the text with each such run replaced by `***`. Contract, sections
//! 3 and 7. A run is read as a number would be: NFKC, upper case, separators dropped. Never says
//! where the run stands or what it is.

use super::citizen_id;
use super::document::is_dropped;
use std::borrow::Cow;
use std::ops::Range;
use unicode_normalization::UnicodeNormalization;

/// What stands in place of a number.
pub const MASK: &str = "***";

/// Birth years that make 18 digits a number: outside them they are a counter or a time stamp.
const YEARS: std::ops::RangeInclusive<i16> = 1850..=2100;
const SHORT_CHARS: usize = 15;
const FULL_CHARS: usize = 18;

/// Whether a run of the text is a valid citizen_id of 18 characters, or stands alone as one of 15.
pub fn has_citizen_id(text: &str) -> bool {
    !find(text).is_empty()
}

/// The text with every citizen_id replaced by `***`; borrowed where there is none.
pub fn mask_citizen_ids(text: &str) -> Cow<'_, str> {
    let found = find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for range in found {
        masked.push_str(&text[done..range.start]);
        masked.push_str(MASK);
        done = range.end;
    }
    masked.push_str(&text[done..]);
    Cow::Owned(masked)
}

/// Places of the numbers in bytes, in order, not overlapping.
fn find(text: &str) -> Vec<Range<usize>> {
    if !may_hold_number(text) {
        return Vec::new();
    }
    let folded = fold(text);
    let chars: Vec<u8> = folded.iter().map(|(c, _)| *c).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let Some(len) = number_at(&chars, at) else {
            at += 1;
            continue;
        };
        let range = folded[at].1.start..folded[at + len - 1].1.end;
        found.push(range);
        at += len;
    }
    found
}

/// Cheap and sure to let every number through: nearly all text ends here.
fn may_hold_number(text: &str) -> bool {
    let mut digits = 0;
    for c in text.chars() {
        match c {
            '0'..='9' => digits += 1,
            '\0'..='\x7f' | '\u{4e00}'..='\u{9fff}' => {}
            // Digits of other forms, some of which stand for two.
            _ if c.is_numeric() => return true,
            _ => {}
        }
    }
    digits >= SHORT_CHARS
}

/// Upper-case ASCII characters with their places; anything else is 0 and ends a run.
fn fold(text: &str) -> Vec<(u8, Range<usize>)> {
    let mut folded = Vec::with_capacity(text.len());
    for (start, c) in text.char_indices() {
        if c.is_whitespace() || is_dropped(c) {
            continue;
        }
        let range = start..start + c.len_utf8();
        for c in c.nfkc() {
            let c = c.to_ascii_uppercase();
            let kept = if c.is_ascii_alphanumeric() {
                c as u8
            } else {
                0
            };
            folded.push((kept, range.clone()));
        }
    }
    folded
}

/// Length of the number that starts here.
fn number_at(chars: &[u8], at: usize) -> Option<usize> {
    let rest = &chars[at..];
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    let last_fits =
        digits >= FULL_CHARS || (digits == FULL_CHARS - 1 && rest.get(digits) == Some(&b'X'));
    if last_fits && is_number(&rest[..FULL_CHARS]) {
        return Some(FULL_CHARS);
    }
    // Fifteen digits have no check character: only a run of exactly that length counts.
    let stands_alone =
        digits == SHORT_CHARS && (at == 0 || !chars[at - 1].is_ascii_digit()) && rest[0] != b'0';
    (stands_alone && is_number(&rest[..SHORT_CHARS])).then_some(SHORT_CHARS)
}

fn is_number(chars: &[u8]) -> bool {
    citizen_id::parse(chars).is_ok_and(|full| YEARS.contains(&citizen_id::birth_of(&full).0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn masks(text: &str, expected: &str) {
        assert_eq!(mask_citizen_ids(text), expected, "{text}");
        assert_eq!(has_citizen_id(text), text != expected, "{text}");
    }

    #[test]
    fn a_valid_number_is_hidden_wherever_it_stands() {
        masks("990102198003071239", "***");
        masks("被执行人990102198003071239未履行", "被执行人***未履行");
        masks("P990102198003071239b", "P***b");
        masks("00990102198003071239", "00***");
        masks("990102 19800307-1239", "***");
        masks("９９０１０２１９８００３０７１２３９。", "***。");
        masks("a 990102800307123 b", "a *** b");
        masks("990102198003071239 and 990102198003071239", "*** and ***");
    }

    #[test]
    fn other_runs_of_digits_stay() {
        for text in [
            "",
            "(2016)闽0102执1234号",
            "990102198003071238",
            "990102198013071239",
            "9901021980****1239",
            "20161228090000123",
            "1990102800307123",
            "000000000123456",
            "91350100M000100Y43",
        ] {
            masks(text, text);
        }
    }

    #[test]
    fn a_number_that_ends_in_x_is_hidden_in_either_case() {
        let body = b"99010219800307109";
        let numbers = (0..1000u32).filter_map(|n| {
            let mut full = *body;
            full[14..].copy_from_slice(format!("{n:03}").as_bytes());
            (citizen_id::check_character(&full) == b'X').then_some(full)
        });
        for full in numbers.take(3) {
            let text = String::from_utf8(full.to_vec()).unwrap();
            masks(&format!("{text}X"), "***");
            masks(&format!("no {text}x."), "no ***.");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_masked_text_holds_no_number(text in "[0-9xX１２ \\-①⑩案号]{0,60}") {
            let masked = mask_citizen_ids(&text);
            prop_assert!(!masked.contains("990102198003071239"));
            prop_assert_eq!(has_citizen_id(&text), matches!(masked, Cow::Owned(_)));
        }
    }
}
