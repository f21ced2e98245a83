//! Unified social credit codes (GB 32100-2015, 18 characters) and the organisation codes inside
//! them (GB 11714-1997, characters 9 to 17, with a check character of their own).
//!
//! A credit code is 1 department, 1 category, 6 division, 9 organisation code, 1 check character.
//! In: upper-case ASCII without separators. Pure.

use super::fault::NumberFault;

/// Digits and letters without I, O, S, V, Z.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const ORG_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

/// Value of each byte in the alphabet; `NONE` outside it.
const VALUES: [u8; 256] = values();
const NONE: u8 = 0xff;

const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
}

/// Checks the 18 characters of a credit code.
///
/// Errors: wrong length or character, a wrong check character of the code or of the organisation
/// code inside it.
pub fn verify(text: &[u8]) -> Result<(), NumberFault> {
    if text.len() != 18 {
        return Err(NumberFault::Length);
    }
    if !(0..18).all(|place| fits(place, text[place])) {
        return Err(NumberFault::Character);
    }
    if check_character(&text[..17]) != Some(text[17]) {
        return Err(NumberFault::Check);
    }
    verify_org_code(&text[8..17])
}

/// Whether `c` can stand at `place` (from 0) of a credit code.
pub(super) fn fits(place: usize, c: u8) -> bool {
    match place {
        2..8 => c.is_ascii_digit(),
        16 => c.is_ascii_digit() || c == b'X',
        _ => VALUES[usize::from(c)] != NONE,
    }
}

/// The check character of the first 17 characters (MOD 31); `None` outside the alphabet.
pub fn check_character(body: &[u8]) -> Option<u8> {
    let mut weight = 1u32;
    let mut sum = 0u32;
    for c in body {
        let value = VALUES[usize::from(*c)];
        if value == NONE {
            return None;
        }
        sum += u32::from(value) * weight;
        weight = weight * 3 % 31;
    }
    Some(ALPHABET[((31 - sum % 31) % 31) as usize])
}

/// Checks the 9 characters of an organisation code.
///
/// Errors: wrong length or character, a wrong check character.
pub fn verify_org_code(text: &[u8]) -> Result<(), NumberFault> {
    let Some((check, body)) = text.split_last().filter(|_| text.len() == 9) else {
        return Err(NumberFault::Length);
    };
    let expected = org_check_character(body).ok_or(NumberFault::Character)?;
    if !org_code_fits(8, *check) {
        return Err(NumberFault::Character);
    }
    if *check != expected {
        return Err(NumberFault::Check);
    }
    Ok(())
}

/// Whether `c` can stand at `place` (from 0) of an organisation code.
pub(super) fn org_code_fits(place: usize, c: u8) -> bool {
    c.is_ascii_digit() || (place < 8 && c.is_ascii_uppercase()) || (place == 8 && c == b'X')
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::synthetic;
    use proptest::prelude::*;

    #[test]
    fn check_characters_follow_the_standards() {
        // GB 11714-1997, 4.3: the example D2143569-X.
        assert_eq!(org_check_character(b"D2143569"), Some(b'X'));
        assert_eq!(org_check_character(b"d2143569"), None);
        // 91 + a division that was never assigned + the organisation code above.
        let body = b"91990102D2143569X";
        let check = check_character(body).unwrap();
        let code = [body.as_slice(), &[check]].concat();
        assert_eq!(verify(&code), Ok(()));
        assert_eq!(check_character(b"91990102D214356SX"), None);
    }

    #[test]
    fn codes_of_authorities_begin_with_a_letter() {
        for department in ["11", "12", "51", "91", "93", "A1", "N1", "Y1"] {
            let code = synthetic::credit_code(department, 190_001, "00000001");
            assert_eq!(verify(code.as_bytes()), Ok(()), "{department}");
        }
    }

    #[test]
    fn faults_of_a_credit_code_are_told_apart() {
        let code = synthetic::credit_code("91", 990_102, "MA000001");
        let with = |place: usize, c: char| {
            let mut text: Vec<char> = code.chars().collect();
            text[place] = c;
            text.into_iter().collect::<String>()
        };
        let outside = |range: std::ops::Range<usize>| code[range].to_owned();
        let table = [
            (outside(0..17), NumberFault::Length),
            (format!("{code}0"), NumberFault::Length),
            (String::new(), NumberFault::Length),
            (with(0, 'I'), NumberFault::Character),
            (with(1, 'O'), NumberFault::Character),
            (with(2, 'A'), NumberFault::Character),
            (with(9, 'S'), NumberFault::Character),
            (with(10, 'v'), NumberFault::Character),
            (with(16, 'A'), NumberFault::Character),
            (with(17, 'Z'), NumberFault::Character),
            (with(17, '*'), NumberFault::Character),
        ];
        for (text, fault) in table {
            assert_eq!(verify(text.as_bytes()), Err(fault), "{text}");
        }
        let wrong = if code.ends_with('0') { '1' } else { '0' };
        assert_eq!(verify(with(17, wrong).as_bytes()), Err(NumberFault::Check));
    }

    #[test]
    fn the_organisation_code_inside_has_its_own_check() {
        let org_code = synthetic::org_code("MA000001");
        let wrong = if org_code.ends_with('1') { '2' } else { '1' };
        let mut code = format!("91990102{}{wrong}", &org_code[..8]);
        code.push(char::from(check_character(code.as_bytes()).unwrap()));
        assert_eq!(verify(code.as_bytes()), Err(NumberFault::Check));
    }

    #[test]
    fn organisation_codes_are_checked() {
        let table: [(&[u8], Result<(), NumberFault>); 7] = [
            (b"D2143569X", Ok(())),
            (b"D21435690", Err(NumberFault::Check)),
            (b"D2143569A", Err(NumberFault::Character)),
            (b"D214*569X", Err(NumberFault::Character)),
            (b"D2143569", Err(NumberFault::Length)),
            (b"D2143569XX", Err(NumberFault::Length)),
            (b"", Err(NumberFault::Length)),
        ];
        for (text, expected) in table {
            assert_eq!(verify_org_code(text), expected);
        }
    }

    proptest! {
        #[test]
        fn a_generated_code_is_right_and_one_change_wrong(
            body in "(MA[0-9A-HJ-NPQRTUWXY]{6}|[0-9]{8})",
            division in 190_000u32..200_000,
            place in 0usize..18,
            by in 1u8..31,
        ) {
            let mut code = synthetic::credit_code("91", division, &body).into_bytes();
            prop_assert_eq!(verify(&code), Ok(()));
            let value = (VALUES[usize::from(code[place])] + by) % 31;
            code[place] = ALPHABET[usize::from(value)];
            prop_assert!(verify(&code).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = verify(&bytes);
            let _ = verify_org_code(&bytes);
        }
    }
}
