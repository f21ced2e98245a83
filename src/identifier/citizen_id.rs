//! Citizen identity numbers, GB 11643-1999: 6 division, 8 birth date, 3 sequence, 1 check character.
//!
//! 15-digit numbers of before 1999 carry a two-digit year of the 20th century and no check
//! character; they become 18 characters. In: upper-case ASCII without separators. Pure.

use super::document::NumberFault;

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

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
    let mut full = [0u8; 18];
    match text.len() {
        18 => full.copy_from_slice(text),
        15 => {
            full[..6].copy_from_slice(&text[..6]);
            full[6..8].copy_from_slice(b"19");
            full[8..17].copy_from_slice(&text[6..]);
            if !full[..17].iter().all(u8::is_ascii_digit) {
                return Err(NumberFault::Character);
            }
            full[17] = check_character(&full[..17]);
        }
        _ => return Err(NumberFault::Length),
    }
    let last_fits = full[17].is_ascii_digit() || full[17] == b'X';
    if !full[..17].iter().all(u8::is_ascii_digit) || !last_fits {
        return Err(NumberFault::Character);
    }
    let (year, month, day) = birth_of(&full);
    if year < 1800 || jiff::civil::Date::new(year, month, day).is_err() {
        return Err(NumberFault::Date);
    }
    if check_character(&full[..17]) != full[17] {
        return Err(NumberFault::Check);
    }
    Ok(full)
}

/// Year, month and day inside a full number.
pub fn birth_of(full: &[u8; 18]) -> (i16, i8, i8) {
    let number = |range: std::ops::Range<usize>| {
        full[range]
            .iter()
            .fold(0i16, |n, c| n * 10 + i16::from(c.wrapping_sub(b'0')))
    };
    (number(6..10), number(10..12) as i8, number(12..14) as i8)
}

/// Whether the holder is male: the last digit of the sequence is odd.
pub fn is_male(full: &[u8; 18]) -> bool {
    full[16] % 2 == 1
}
