//! Free text on its way into a record: a valid citizen number in it is masked. Contract, section 7.

use crate::identifier::free_text;
use std::borrow::Cow;

/// Bytes of the shortest citizen number: 15 digits.
const NUMBER_BYTES_MIN: usize = 15;

/// `text` with all but the last four characters of each citizen number masked.
///
/// Copies nothing, and takes no memory, where the text has too few digits for a number.
pub fn mask_citizen_ids(text: &str) -> Cow<'_, str> {
    if text.len() < NUMBER_BYTES_MIN || digits_at_most(text) < NUMBER_BYTES_MIN {
        return Cow::Borrowed(text);
    }
    free_text::mask_citizen_ids(text)
}

/// ASCII digits, and whatever is not ASCII: an upper bound of the digits in any form.
fn digits_at_most(text: &str) -> usize {
    let counts = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'x' | b'X' | 0x80..);
    text.as_bytes().iter().filter(|byte| counts(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citizen_numbers_in_any_width_are_masked_and_other_text_stays() {
        for (text, expected) in [
            ("order 123", "order 123"),
            ("order 2026-11-22/000123", "order 2026-11-22/000123"),
            ("id 990102198003071239", "id **************1239"),
            (
                "９９０１０２１９８００３０７１２３９",
                "**************１２３９",
            ),
            ("证99010219800307005x", "证**************005x"),
            ("990102800307123", "***********7123"),
        ] {
            assert_eq!(mask_citizen_ids(text), expected);
        }
    }
}
