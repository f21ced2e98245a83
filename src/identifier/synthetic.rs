//! Numbers for the sample list, benches and tests that can belong to nobody.
//!
//! In: a division prefix that GB/T 2260 has never assigned (19 29 39 49 59 69 79 99), a birth date,
//! a sequence, the body of an organisation code. Out: numbers with right check characters. Real
//! division codes never stand in samples or tests; these functions assert it.

use super::{citizen_id, credit_code};

/// First two digits of divisions that were never assigned.
pub const UNASSIGNED: [u32; 8] = [19, 29, 39, 49, 59, 69, 79, 99];

/// An 18-character citizen number: `division` of six digits, birth date (year, month, day),
/// sequence below 1,000 (odd for men).
///
/// # Panics
/// If the division could be real, or a part is too large. The date is not checked.
pub fn citizen_id(division: u32, birth: (i16, i8, i8), sequence: u16) -> String {
    assert_unassigned(division);
    assert!(sequence < 1000, "a sequence has three digits");
    let (year, month, day) = birth;
    let mut number = format!("{division:06}{year:04}{month:02}{day:02}{sequence:03}");
    assert!(number.len() == 17, "a part of the number is too long");
    number.push(char::from(citizen_id::check_character(number.as_bytes())));
    number
}

/// An 18-character credit code: two characters of department and category (`91` for companies),
/// `division` of six digits, eight characters of the organisation code.
///
/// # Panics
/// If the division could be real, or a character is outside the alphabet of GB 32100.
pub fn credit_code(department: &str, division: u32, org_body: &str) -> String {
    assert_unassigned(division);
    assert!(
        department.len() == 2,
        "department and category are two characters"
    );
    let mut code = format!("{department}{division:06}{}", org_code(org_body));
    let check = credit_code::check_character(code.as_bytes());
    assert!(check.is_some(), "a character is outside the alphabet");
    code.push(check.map_or('0', char::from));
    code
}

/// A 9-character organisation code with the eight characters `body`, for example `MA000001`.
///
/// # Panics
/// If `body` is not eight digits or upper-case letters.
pub fn org_code(body: &str) -> String {
    assert!(
        body.len() == 8,
        "the body of an organisation code is eight characters"
    );
    let check = credit_code::org_check_character(body.as_bytes());
    assert!(check.is_some(), "a character is outside the alphabet");
    let check = check.map_or('0', char::from);
    format!("{body}{check}")
}

fn assert_unassigned(division: u32) {
    let prefix = division / 10_000;
    assert!(
        UNASSIGNED.contains(&prefix),
        "division {division} may be real; it must begin with one of {UNASSIGNED:?}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_built_as_the_standards_say() {
        assert_eq!(citizen_id(990_102, (1980, 3, 7), 123), "990102198003071239");
        assert_eq!(citizen_id(990_102, (1980, 3, 7), 5), "99010219800307005X");
        assert_eq!(org_code("D2143569"), "D2143569X");
        let code = credit_code("91", 990_102, "D2143569");
        assert_eq!(&code[..17], "91990102D2143569X");
        assert_eq!(code.len(), 18);
    }

    #[test]
    #[should_panic(expected = "may be real")]
    fn real_divisions_are_refused() {
        citizen_id(350_102, (1980, 3, 7), 123);
    }
}
