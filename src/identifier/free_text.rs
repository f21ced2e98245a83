//! Citizen numbers in free text, found and masked.
//!
//! In: text that people wrote (a purpose, a note, a conduct, a case number). Out: whether a valid
//! citizen number stands in it; the text with all but the last four characters of each hidden.
//! Contract, sections 3 and 7. Digits may be of full width and parted by single spaces or hyphens.
//! Pure.

use super::characters::is_separator;
use super::citizen_id;
use std::borrow::Cow;
use std::ops::Range;
use zeroize::Zeroize;

/// Characters of the shortest run that is looked at.
const RUN_CHARS_MIN: usize = 15;

/// Characters of a number that stay visible, at its end.
const SHOWN_CHARS: usize = 4;

/// Whether a valid 18-character citizen number stands in `text`.
pub fn contains_citizen_id(text: &str) -> bool {
    runs(text).any(|mut run| {
        let found = run.windows().next().is_some();
        run.wipe();
        found
    })
}

/// `text` with `*` for all but the last four characters of each valid citizen number, of 18
/// characters or, where it stands alone, of 15 digits.
pub fn mask_citizen_ids(text: &str) -> Cow<'_, str> {
    let mut hidden: Vec<Range<usize>> = Vec::new();
    for mut run in runs(text) {
        hidden.extend(run.windows().flat_map(|window| run.hidden(window)));
        if run.is_old_number() {
            hidden.extend(run.hidden(0..15));
        }
        run.wipe();
    }
    if hidden.is_empty() {
        return Cow::Borrowed(text);
    }
    // Numbers that overlap in a longer run hide the same places twice.
    hidden.sort_unstable_by_key(|place| place.start);
    hidden.dedup();
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for place in hidden {
        masked.push_str(&text[done..place.start]);
        masked.push('*');
        done = place.end;
    }
    masked.push_str(&text[done..]);
    Cow::Owned(masked)
}

/// Digits and `X` that stand together, single separators between them left out.
#[derive(Default)]
struct Run {
    /// Upper-case ASCII.
    chars: Vec<u8>,
    /// Where each character stands in the text.
    places: Vec<Range<usize>>,
    /// Whether the run has separators inside.
    parted: bool,
}

impl Run {
    /// The places in the run at which a valid number of 18 characters begins and ends.
    fn windows(&self) -> impl Iterator<Item = Range<usize>> {
        let windows = self.chars.windows(18).enumerate();
        windows.filter_map(|(start, window)| {
            citizen_id::parse(window).ok()?;
            Some(start..start + 18)
        })
    }

    /// Whether the run is one number of 15 digits. Inside longer runs these are not looked for:
    /// without a check character every second account number would be one.
    fn is_old_number(&self) -> bool {
        self.chars.len() == 15 && !self.parted && citizen_id::parse(&self.chars).is_ok()
    }

    /// What of the number at `window` is hidden, as places in the text.
    fn hidden(&self, window: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let hidden = window.start..window.end - SHOWN_CHARS;
        self.places[hidden].iter().cloned()
    }

    /// Empty again, with the room that it has.
    fn restart(&mut self) {
        self.wipe();
        self.places.clear();
        self.parted = false;
    }

    fn wipe(&mut self) {
        if !self.chars.is_empty() {
            self.chars.zeroize();
        }
    }
}

/// The runs of at least `RUN_CHARS_MIN` characters in `text`, in order.
fn runs(text: &str) -> impl Iterator<Item = Run> {
    let text = if may_have_runs(text) { text } else { "" };
    let mut chars = text.char_indices();
    std::iter::from_fn(move || {
        let mut run = Run::default();
        let mut separators = 0;
        for (start, c) in chars.by_ref() {
            if let Some(folded) = number_character(c) {
                run.parted |= separators > 0 && !run.chars.is_empty();
                separators = 0;
                run.chars.push(folded);
                run.places.push(start..start + c.len_utf8());
            } else if is_separator(c) && separators == 0 {
                separators = 1;
            } else if run.chars.len() < RUN_CHARS_MIN {
                run.restart();
                separators = 0;
            } else {
                return Some(run);
            }
        }
        if run.chars.len() < RUN_CHARS_MIN {
            run.wipe();
            return None;
        }
        Some(run)
    })
}

/// Whether there are bytes enough: nearly all texts are settled here, without a look at characters.
/// Every character of a number is such a byte or begins with one (of full width).
fn may_have_runs(text: &str) -> bool {
    let of_numbers = |b: &u8| matches!(b, b'0'..=b'9' | b'X' | b'x' | 0xef);
    text.as_bytes().iter().filter(|b| of_numbers(b)).count() >= RUN_CHARS_MIN
}

fn number_character(c: char) -> Option<u8> {
    match c {
        '0'..='9' | 'X' => Some(c as u8),
        'x' => Some(b'X'),
        '０'..='９' => Some((c as u32 - '０' as u32) as u8 + b'0'),
        'Ｘ' | 'ｘ' => Some(b'X'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn masks(text: &str, expected: &str) {
        assert_eq!(mask_citizen_ids(text), expected);
        assert_eq!(mask_citizen_ids(expected), expected, "again");
    }

    #[test]
    fn valid_numbers_are_masked_but_for_their_last_four_characters() {
        masks("990102198003071239", "**************1239");
        masks(
            "身份证990102198003071239,已核",
            "身份证**************1239,已核",
        );
        masks("a 99010219800307005x b", "a **************005x b");
        masks("990102 19800307 1239", "****** ******** 1239");
        masks("990102-1980-0307-1239", "******-****-****-1239");
        masks(
            "９９０１０２１９８００３０７１２３９",
            "**************１２３９",
        );
        masks("7990102198003071239", "7**************1239");
        masks(
            "2016-12-28 990102198003071239",
            "2016-12-28 **************1239",
        );
        masks("990102800307123", "***********7123");
        let twice = "990102198003071239/990102198003071239";
        masks(twice, "**************1239/**************1239");
    }

    #[test]
    fn other_numbers_stay() {
        for text in [
            "",
            "order 123",
            "990102198003071230",
            "(2016)闽0102执1234号",
            "99010219801307123",
            "123456789012345678901234567890",
            "1990102800307123",
            "990102  198003071239",
            "99010219800307\u{00b7}1239",
        ] {
            masks(text, text);
            assert!(!contains_citizen_id(text), "{text}");
        }
    }

    #[test]
    fn a_number_is_found_inside_keys() {
        for text in [
            "fz-990102198003071239",
            "(2016)闽0102执990102198003071239号",
            "A99010219800307005x",
            "1990102198003071239",
        ] {
            assert!(contains_citizen_id(text), "{text}");
        }
        assert!(
            !contains_citizen_id("990102800307123"),
            "15 digits may be a registration number"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_masked_for_good(text in "([0-9xX０-９ -]|\\PC){0,60}") {
            let masked = mask_citizen_ids(&text).into_owned();
            prop_assert_eq!(masked.chars().count(), text.chars().count());
            prop_assert!(!contains_citizen_id(&masked));
        }
    }
}
