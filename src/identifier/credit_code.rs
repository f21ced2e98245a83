//! Unified social credit codes (GB 32100-2015, 18 characters) and the organisation codes inside
//! them (GB 11714-1997, characters 9 to 17, with a check character of their own).
//!
//! In: upper-case ASCII without separators. Pure.

use super::document::NumberFault;

const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const ORG_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

/// The 18 characters of a credit code.
///
/// Errors: wrong length or character, a wrong check character of the code or of the organisation
/// code inside it.
pub fn parse(text: &[u8]) -> Result<[u8; 18], NumberFault> {
    let full: [u8; 18] = text.try_into().map_err(|_| NumberFault::Length)?;
    let expected = check_character(&full[..17]).ok_or(NumberFault::Character)?;
    if !ALPHABET.contains(&full[17]) {
        return Err(NumberFault::Character);
    }
    if !full[2..8].iter().all(u8::is_ascii_digit) {
        return Err(NumberFault::Character);
    }
    if full[17] != expected {
        return Err(NumberFault::Check);
    }
    parse_org_code(&full[8..17])?;
    Ok(full)
}

/// The check character of the first 17 characters; `None` outside the alphabet.
pub fn check_character(body: &[u8]) -> Option<u8> {
    let mut weight = 1usize;
    let mut sum = 0usize;
    for c in body {
        let value = ALPHABET.iter().position(|a| a == c)?;
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    Some(ALPHABET[(31 - sum % 31) % 31])
}

/// The 9 characters of an organisation code.
///
/// Errors: wrong length or character, a wrong check character.
pub fn parse_org_code(text: &[u8]) -> Result<[u8; 9], NumberFault> {
    let full: [u8; 9] = text.try_into().map_err(|_| NumberFault::Length)?;
    let expected = org_check_character(&full[..8]).ok_or(NumberFault::Character)?;
    if !(full[8].is_ascii_digit() || full[8] == b'X') {
        return Err(NumberFault::Character);
    }
    if full[8] != expected {
        return Err(NumberFault::Check);
    }
    Ok(full)
}

/// The check character of the first 8 characters (GB 11714, MOD 11); `None` outside 0-9, A-Z.
pub fn org_check_character(body: &[u8]) -> Option<u8> {
    let mut sum = 0u32;
    for (c, weight) in body.iter().zip(ORG_WEIGHTS) {
        let value = match c {
            b'0'..=b'9' => u32::from(c - b'0'),
            b'A'..=b'Z' => u32::from(c - b'A') + 10,
            _ => return None,
        };
        sum += value * weight;
    }
    Some(match 11 - sum % 11 {
        10 => b'X',
        11 => b'0',
        value => b'0' + value as u8,
    })
}
