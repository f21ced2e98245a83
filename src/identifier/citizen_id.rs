//! Citizen identity numbers, GB 11643-1999: 6 division, 8 birth date, 3 sequence, 1 check.
//!
//! 15-digit numbers of before 1999 carry a two-digit year of the 20th century and no check
//! character; they become 18 characters. In: upper-case ASCII without separators. Pure. The
//! division is not looked up: old and unknown codes are a warning of intake, no fault.

use super::fault::NumberFault;
use std::ops::Range;

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

/// Nobody who was born earlier can hold a number.
const YEAR_MIN: i16 = 1800;

/// The check character of the first 17 digits (ISO 7064 MOD 11-2). The caller passes digits.
pub fn check_character(body: &[u8]) -> u8 {
    let sum: u32 = body
        .iter()
        .zip(WEIGHTS)
        .map(|(c, w)| u32::from(c.wrapping_sub(b'0')) * w)
        .sum();
    CHECKS[(sum % 11) as usize]
}

/// The 18 characters of a full number of 18 or 15 characters.
///
/// Errors: wrong length or character, a date that does not exist, a wrong check character.
pub fn parse(text: &[u8]) -> Result<[u8; 18], NumberFault> {
    let full: [u8; 18] = match text.len() {
        15 => lengthen(text)?,
        _ => text.try_into().map_err(|_| NumberFault::Length)?,
    };
    let last_fits = full[17].is_ascii_digit() || full[17] == b'X';
    if !last_fits || !full[..17].iter().all(u8::is_ascii_digit) {
        return Err(NumberFault::Character);
    }
    let (year, month, day) = birth_of(&full);
    if !is_date(year, month, day) {
        return Err(NumberFault::Date);
    }
    if check_character(&full[..17]) != full[17] {
        return Err(NumberFault::Check);
    }
    Ok(full)
}

/// 15 digits as 18: the century and the check character are added.
fn lengthen(text: &[u8]) -> Result<[u8; 18], NumberFault> {
    if !text.iter().all(u8::is_ascii_digit) {
        return Err(NumberFault::Character);
    }
    let mut full = [0; 18];
    full[..6].copy_from_slice(&text[..6]);
    full[6..8].copy_from_slice(b"19");
    full[8..17].copy_from_slice(&text[6..]);
    full[17] = check_character(&full[..17]);
    Ok(full)
}

/// Year, month and day inside a full number.
pub fn birth_of(full: &[u8; 18]) -> (i16, i8, i8) {
    let number = |range: Range<usize>| {
        full[range]
            .iter()
            .fold(0i16, |n, c| n * 10 + i16::from(c.wrapping_sub(b'0')))
    };
    (number(6..10), number(10..12) as i8, number(12..14) as i8)
}

/// Whether somebody can be born on that day; days to come are not refused, there is no clock here.
pub(super) fn is_date(year: i16, month: i8, day: i8) -> bool {
    year >= YEAR_MIN && jiff::civil::Date::new(year, month, day).is_ok()
}

/// Whether the holder is male: the last digit of the sequence is odd.
pub fn is_male(full: &[u8; 18]) -> bool {
    full[16] % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::synthetic;
    use proptest::prelude::*;

    #[track_caller]
    fn parses(text: &str, expected: Result<&str, NumberFault>) {
        let parsed = parse(text.as_bytes());
        let parsed = parsed.map(|full| String::from_utf8(full.to_vec()).unwrap());
        assert_eq!(parsed, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn check_characters_follow_the_example_of_the_standard() {
        // GB 11643-1999, annex: the two numbers printed there, without the check character.
        assert_eq!(check_character(b"11010519491231002"), b'X');
        assert_eq!(check_character(b"44052418800101001"), b'4');
    }

    #[test]
    fn only_whole_numbers_with_their_check_character_are_read() {
        let table = [
            ("990102198003071239", Ok("990102198003071239")),
            ("99010219800307005X", Ok("99010219800307005X")),
            ("990102198003071230", Err(NumberFault::Check)),
            ("99010219800307123X", Err(NumberFault::Check)),
            ("99010219800307123", Err(NumberFault::Length)),
            ("9901021980030712390", Err(NumberFault::Length)),
            ("", Err(NumberFault::Length)),
            ("99010219800307X239", Err(NumberFault::Character)),
            ("X90102198003071239", Err(NumberFault::Character)),
            ("99010219800307123x", Err(NumberFault::Character)),
            ("99010219800307123A", Err(NumberFault::Character)),
            ("9901021980030 1239", Err(NumberFault::Character)),
        ];
        for (text, expected) in table {
            parses(text, expected);
        }
    }

    #[test]
    fn the_birth_date_must_exist() {
        let table = [
            ("19800307", true),
            ("20000229", true),
            ("19000229", false),
            ("19810229", false),
            ("19801301", false),
            ("19800001", false),
            ("19800100", false),
            ("19800431", false),
            ("17991231", false),
            ("18000101", true),
            ("29991231", true),
            ("00000000", false),
        ];
        for (date, exists) in table {
            let mut text = format!("990102{date}123");
            text.push(char::from(check_character(text.as_bytes())));
            let expected = if exists {
                Ok(text.as_str())
            } else {
                Err(NumberFault::Date)
            };
            parses(&text, expected);
        }
    }

    #[test]
    fn fifteen_digits_get_century_and_check_character() {
        parses("990102800307123", Ok("990102198003071239"));
        parses("990102800307005", Ok("99010219800307005X"));
        parses("990102000229123", Err(NumberFault::Date));
        parses("99010280030712X", Err(NumberFault::Character));
    }

    fn any_number() -> impl Strategy<Value = String> {
        let division = prop::sample::select(vec![19u32, 29, 39, 49, 59, 69, 79, 99]);
        let birth = (1900i16..=2030, 1i8..=12, 1i8..=28);
        (division, 0u32..10_000, birth, 0u16..1000).prop_map(|(prefix, rest, birth, sequence)| {
            synthetic::citizen_id(prefix * 10_000 + rest, birth, sequence)
        })
    }

    proptest! {
        #[test]
        fn a_generated_number_reads_back(number in any_number()) {
            let full = parse(number.as_bytes()).unwrap();
            prop_assert_eq!(full.as_slice(), number.as_bytes());
        }

        #[test]
        fn one_wrong_digit_is_refused(number in any_number(), place in 0usize..17, by in 1u8..10) {
            let mut wrong = number.into_bytes();
            wrong[place] = b'0' + (wrong[place] - b'0' + by) % 10;
            prop_assert!(parse(&wrong).is_err());
        }

        #[test]
        fn two_neighbours_exchanged_are_refused(number in any_number(), place in 0usize..16) {
            let mut wrong = number.into_bytes();
            prop_assume!(wrong[place] != wrong[place + 1]);
            wrong.swap(place, place + 1);
            prop_assert!(parse(&wrong).is_err());
        }

        #[test]
        fn a_15_digit_number_reads_like_its_18_characters(number in any_number()) {
            prop_assume!(&number[6..8] == "19");
            let short = format!("{}{}", &number[..6], &number[8..17]);
            prop_assert_eq!(parse(short.as_bytes()), parse(number.as_bytes()));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = parse(&bytes);
        }
    }
}
