//! A full, valid, normalised number of any type.
//!
//! In: text as written. Out: upper-case ASCII, 15-digit citizen numbers lengthened to 18. Decision
//! rules 1.3. The number is in clear here and lives as long as one request or one record; it is
//! wiped when dropped and never printed.

use super::characters::FoldedCharacters;
use super::citizen_id;
use super::credit_code;
use super::fault::NumberFault;
use super::kind::IdType;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// Longest number of any type, in characters.
pub const NUMBER_CHARS_MAX: usize = super::characters::NUMBER_CHARS_MAX;

/// A full number. `Debug` shows the type and at most the last four characters.
#[derive(Clone, PartialEq, Eq)]
pub struct FullNumber {
    id_type: IdType,
    len: u8,
    chars: [u8; NUMBER_CHARS_MAX],
}

impl FullNumber {
    /// Parses a number as written in a request or list.
    ///
    /// Errors: a `*`, or what `NumberFault` names for the type.
    pub fn parse(id_type: IdType, text: &str) -> Result<Self, NumberFault> {
        let folded = FoldedCharacters::fold(text)?;
        Self::from_folded(id_type, folded.as_slice())
    }

    pub(super) fn from_folded(id_type: IdType, text: &[u8]) -> Result<Self, NumberFault> {
        if text.is_empty() {
            return Err(NumberFault::Empty);
        }
        if text.contains(&b'*') {
            return Err(NumberFault::Masked);
        }
        match id_type {
            IdType::CitizenId => {
                let full = Zeroizing::new(citizen_id::parse(text)?);
                return Ok(Self::new(id_type, full.as_slice()));
            }
            IdType::CreditCode => credit_code::verify(text)?,
            IdType::OrgCode => credit_code::verify_org_code(text)?,
            IdType::RegistrationNo => registration_no(text)?,
            _ if text.iter().all(u8::is_ascii_alphanumeric) => {}
            _ => return Err(NumberFault::Character),
        }
        Ok(Self::new(id_type, text))
    }

    fn new(id_type: IdType, text: &[u8]) -> Self {
        let mut chars = [0; NUMBER_CHARS_MAX];
        chars[..text.len()].copy_from_slice(text);
        Self {
            id_type,
            len: text.len() as u8,
            chars,
        }
    }

    /// Type of the number.
    pub fn id_type(&self) -> IdType {
        self.id_type
    }

    /// The number in clear: for digests, masks and the sealed part of a log record only.
    pub fn as_bytes(&self) -> &[u8] {
        &self.chars[..usize::from(self.len)]
    }

    /// Year, month, day inside a citizen number.
    pub fn birth(&self) -> Option<(i16, i8, i8)> {
        self.citizen_characters()
            .map(|full| citizen_id::birth_of(&full))
    }

    /// Whether the holder of a citizen number is male.
    pub fn is_male(&self) -> Option<bool> {
        self.citizen_characters()
            .map(|full| citizen_id::is_male(&full))
    }

    /// The organisation code inside a credit code, characters 9 to 17.
    pub fn org_code(&self) -> Option<Self> {
        (self.id_type == IdType::CreditCode)
            .then(|| Self::new(IdType::OrgCode, &self.as_bytes()[8..17]))
    }

    fn citizen_characters(&self) -> Option<[u8; 18]> {
        if self.id_type != IdType::CitizenId {
            return None;
        }
        self.as_bytes().try_into().ok()
    }
}

/// A registration number of the old register: 15 digits. The last is a check digit in later ones
/// only, so none is tested.
fn registration_no(text: &[u8]) -> Result<(), NumberFault> {
    if text.len() != 15 {
        return Err(NumberFault::Length);
    }
    if !text.iter().all(u8::is_ascii_digit) {
        return Err(NumberFault::Character);
    }
    Ok(())
}

impl Drop for FullNumber {
    fn drop(&mut self) {
        self.chars.zeroize();
    }
}

/// Masked here too: a number printed by accident is a leak.
impl fmt::Debug for FullNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.as_bytes();
        let shown = if text.len() >= 12 { 4 } else { 0 };
        let tail = String::from_utf8_lossy(&text[text.len() - shown..]);
        write!(
            f,
            "{}:{}{}",
            self.id_type.name(),
            "*".repeat(text.len() - shown),
            tail
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::synthetic;
    use proptest::prelude::*;

    #[track_caller]
    fn parses(id_type: IdType, text: &str, expected: Result<&str, NumberFault>) {
        let parsed = FullNumber::parse(id_type, text);
        let parsed = parsed.map(|full| String::from_utf8(full.as_bytes().to_vec()).unwrap());
        assert_eq!(parsed, expected.map(str::to_owned), "{}", id_type.name());
    }

    #[test]
    fn citizen_numbers_are_read_in_every_writing() {
        for text in [
            "990102198003071239",
            " 990102 19800307 1239 ",
            "990102-19800307-1239",
            "９９０１０２１９８００３０７１２３９",
            "9９01021980030712３9",
            "99010219800307\u{2014}123\u{200b}9",
        ] {
            parses(IdType::CitizenId, text, Ok("990102198003071239"));
        }
        for text in [
            "99010219800307005X",
            "99010219800307005x",
            "９９０１０２１９８００３０７００５ｘ",
        ] {
            parses(IdType::CitizenId, text, Ok("99010219800307005X"));
        }
    }

    #[test]
    fn a_citizen_number_of_15_digits_is_lengthened() {
        parses(
            IdType::CitizenId,
            "990102800307123",
            Ok("990102198003071239"),
        );
        parses(
            IdType::CitizenId,
            "９９０１０２ 800307 123",
            Ok("990102198003071239"),
        );
        parses(IdType::CitizenId, "990102800230123", Err(NumberFault::Date));
        parses(
            IdType::CitizenId,
            "99010280030712X",
            Err(NumberFault::Character),
        );
    }

    #[test]
    fn masks_and_empty_numbers_are_no_full_numbers() {
        for id_type in IdType::ALL {
            parses(id_type, "9901021980****1239", Err(NumberFault::Masked));
            parses(
                id_type,
                "９９０１０２１９８０＊＊＊＊１２３９",
                Err(NumberFault::Masked),
            );
            parses(id_type, "", Err(NumberFault::Empty));
            parses(id_type, " - \u{3000}", Err(NumberFault::Empty));
            parses(id_type, "1234 5678.9", Err(NumberFault::Character));
            parses(id_type, &"1".repeat(33), Err(NumberFault::Length));
        }
    }

    #[test]
    fn other_numbers_are_letters_and_digits() {
        for id_type in [
            IdType::Passport,
            IdType::HkMacauPermit,
            IdType::TaiwanPermit,
            IdType::ForeignerPermit,
            IdType::MilitaryId,
        ] {
            parses(id_type, "e 1234-5678", Ok("E12345678"));
            parses(id_type, "军字第1234号", Err(NumberFault::Character));
        }
        parses(
            IdType::RegistrationNo,
            "3501 0010 0012 345",
            Ok("350100100012345"),
        );
        parses(
            IdType::RegistrationNo,
            "35010010001234",
            Err(NumberFault::Length),
        );
        parses(
            IdType::RegistrationNo,
            "35010010001234A",
            Err(NumberFault::Character),
        );
    }

    #[test]
    fn a_credit_code_gives_its_organisation_code() {
        let code = synthetic::credit_code("91", 990_102, "MA000001");
        let credit_code = FullNumber::parse(IdType::CreditCode, &code).unwrap();
        let org_code = FullNumber::parse(IdType::OrgCode, &code[8..17]).unwrap();
        assert_eq!(credit_code.org_code(), Some(org_code.clone()));
        assert_eq!(org_code.org_code(), None);
        assert_eq!(org_code.birth(), None);
        assert_eq!(org_code.is_male(), None);
    }

    #[test]
    fn a_citizen_number_tells_birth_date_and_sex() {
        let male = FullNumber::parse(IdType::CitizenId, "990102198003071239").unwrap();
        assert_eq!(male.birth(), Some((1980, 3, 7)));
        assert_eq!(male.is_male(), Some(true));
        let number = synthetic::citizen_id(190_001, (2004, 2, 29), 888);
        let female = FullNumber::parse(IdType::CitizenId, &number).unwrap();
        assert_eq!(female.birth(), Some((2004, 2, 29)));
        assert_eq!(female.is_male(), Some(false));
    }

    #[test]
    fn debug_shows_at_most_the_last_four_characters() {
        let citizen = FullNumber::parse(IdType::CitizenId, "990102198003071239").unwrap();
        assert_eq!(format!("{citizen:?}"), "citizen_id:**************1239");
        let passport = FullNumber::parse(IdType::Passport, "E12345678").unwrap();
        assert_eq!(format!("{passport:?}"), "passport:*********");
        let fault = FullNumber::parse(IdType::CitizenId, "990102198003071230").unwrap_err();
        assert!(!format!("{fault:?} {fault}").contains("99"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", id_type in 0u8..9) {
            let id_type = IdType::from_u8(id_type).unwrap();
            let _ = FullNumber::parse(id_type, &text);
        }

        #[test]
        fn a_parsed_number_parses_to_itself(text in "[0-9A-Za-z ０-９-]{1,24}", id_type in 0u8..9) {
            let id_type = IdType::from_u8(id_type).unwrap();
            if let Ok(full) = FullNumber::parse(id_type, &text) {
                let again = std::str::from_utf8(full.as_bytes()).unwrap();
                prop_assert_eq!(FullNumber::parse(id_type, again), Ok(full.clone()));
            }
        }
    }
}
