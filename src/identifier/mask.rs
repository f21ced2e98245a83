//! Numbers as lists show them: full, or with `*` for hidden characters.
//!
//! A mask is a length and the places of its visible characters. A full number agrees with a masked
//! one when the lengths are equal and every visible character is. Decision rules 3.

use super::characters::FoldedCharacters;
use super::document::{FullNumber, NUMBER_CHARS_MAX};
use super::fault::NumberFault;
use super::kind::IdType;
use super::{citizen_id, credit_code};
use std::fmt;
use zeroize::Zeroize;

/// A mask with fewer visible characters counts as absent. Contract, section 1.
pub const VISIBLE_CHARS_MIN: u32 = 8;

/// Length of a masked number and the places of its visible characters (bit 0 is the first).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaskPattern {
    /// Characters in all, at most 32.
    pub len: u8,
    /// One bit per visible character.
    pub visible: u32,
}

impl MaskPattern {
    /// Number of visible characters.
    pub fn visible_chars(self) -> u32 {
        self.visible.count_ones()
    }

    /// Whether enough is visible for the number to count.
    pub fn is_usable(self) -> bool {
        self.visible_chars() >= VISIBLE_CHARS_MIN
    }

    /// `v` for visible, `*` for hidden: how the pattern is written in a manifest.
    pub fn text(self) -> String {
        (0..self.len)
            .map(|i| {
                if self.visible & (1 << i) != 0 {
                    'v'
                } else {
                    '*'
                }
            })
            .collect()
    }

    /// From `text`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=NUMBER_CHARS_MAX).contains(&text.len());
        if !fits || !text.bytes().all(|b| b == b'v' || b == b'*') {
            return None;
        }
        let visible = text
            .bytes()
            .enumerate()
            .filter(|(_, b)| *b == b'v')
            .map(|(i, _)| 1u32 << i);
        Some(Self {
            len: text.len() as u8,
            visible: visible.fold(0, |all, bit| all | bit),
        })
    }
}

/// A masked number. `Debug` shows the pattern only.
#[derive(Clone, PartialEq, Eq)]
pub struct MaskedNumber {
    id_type: IdType,
    pattern: MaskPattern,
    /// Hidden characters are `*`.
    chars: [u8; NUMBER_CHARS_MAX],
}

impl MaskedNumber {
    /// From folded characters with at least one `*`.
    fn from_folded(id_type: IdType, text: &[u8]) -> Result<Self, NumberFault> {
        let length_fits = match id_type {
            IdType::CitizenId => text.len() == 18 || text.len() == 15,
            IdType::CreditCode => text.len() == 18,
            IdType::OrgCode => text.len() == 9,
            IdType::RegistrationNo => text.len() == 15,
            _ => true,
        };
        if !length_fits {
            return Err(NumberFault::Length);
        }
        let mut number = Self::of_characters(id_type, text);
        let all_fit = (0..text.len()).all(|place| number.fits(place));
        if !all_fit {
            return Err(NumberFault::Character);
        }
        if id_type == IdType::CitizenId && text.len() == 15 && number.pattern.is_usable() {
            number = number.lengthened();
        }
        if number.shows_impossible_date() {
            return Err(NumberFault::Date);
        }
        Ok(number)
    }

    fn of_characters(id_type: IdType, text: &[u8]) -> Self {
        let mut number = Self {
            id_type,
            pattern: MaskPattern {
                len: text.len() as u8,
                visible: 0,
            },
            chars: [0; NUMBER_CHARS_MAX],
        };
        number.chars[..text.len()].copy_from_slice(text);
        for (place, c) in text.iter().enumerate() {
            number.pattern.visible |= u32::from(*c != b'*') << place;
        }
        number
    }

    /// Whether the character at `place` is hidden or one that the type can have there.
    fn fits(&self, place: usize) -> bool {
        let c = self.chars[place];
        let last_of_citizen_id = place == 17 && c == b'X';
        match self.id_type {
            _ if c == b'*' => true,
            IdType::CitizenId => c.is_ascii_digit() || last_of_citizen_id,
            IdType::CreditCode => credit_code::fits(place, c),
            IdType::OrgCode => credit_code::org_code_fits(place, c),
            IdType::RegistrationNo => c.is_ascii_digit(),
            _ => c.is_ascii_alphanumeric(),
        }
    }

    /// A citizen number of 15 characters as one of 18: the century is known, the check character
    /// is not.
    fn lengthened(&self) -> Self {
        let mut text = [b'*'; 18];
        text[..6].copy_from_slice(&self.chars[..6]);
        text[6..8].copy_from_slice(b"19");
        text[8..17].copy_from_slice(&self.chars[6..15]);
        let number = Self::of_characters(self.id_type, &text);
        text.zeroize();
        number
    }

    /// Whether all eight digits of the birth date are visible and no such day exists.
    fn shows_impossible_date(&self) -> bool {
        let Some(
            [
                Some(y1),
                Some(y2),
                Some(y3),
                Some(y4),
                Some(m1),
                Some(m2),
                Some(d1),
                Some(d2),
            ],
        ) = self.birth_digits()
        else {
            return false;
        };
        let year = [y1, y2, y3, y4];
        let year = year
            .into_iter()
            .fold(0, |n, digit| n * 10 + i16::from(digit));
        let two = |tens: u8, ones: u8| (tens * 10 + ones) as i8;
        !citizen_id::is_date(year, two(m1, m2), two(d1, d2))
    }

    /// Type of the number.
    pub fn id_type(&self) -> IdType {
        self.id_type
    }

    /// Where it is visible.
    pub fn pattern(&self) -> MaskPattern {
        self.pattern
    }

    /// All characters, hidden ones as `*`: for digests only.
    pub fn as_bytes(&self) -> &[u8] {
        &self.chars[..usize::from(self.pattern.len)]
    }

    /// The eight places of the birth date in a masked 18-character citizen number, `None` a hidden
    /// digit.
    pub fn birth_digits(&self) -> Option<[Option<u8>; 8]> {
        if self.id_type != IdType::CitizenId || self.pattern.len != 18 {
            return None;
        }
        let mut digits = [None; 8];
        for (digit, c) in digits.iter_mut().zip(&self.chars[6..14]) {
            *digit = c.is_ascii_digit().then(|| c - b'0');
        }
        Some(digits)
    }

    /// Sex, where the 17th character of a citizen number is visible.
    pub fn is_male(&self) -> Option<bool> {
        let seen = self.id_type == IdType::CitizenId
            && self.pattern.len == 18
            && self.chars[16].is_ascii_digit();
        seen.then(|| self.chars[16] % 2 == 1)
    }

    /// Whether `full` is of this type and length and every visible character is equal.
    pub fn agrees_with(&self, full: &FullNumber) -> bool {
        full.id_type() == self.id_type
            && full.as_bytes().len() == usize::from(self.pattern.len)
            && self
                .as_bytes()
                .iter()
                .zip(full.as_bytes())
                .all(|(m, f)| *m == b'*' || m == f)
    }
}

impl Drop for MaskedNumber {
    fn drop(&mut self) {
        self.chars.zeroize();
    }
}

impl fmt::Debug for MaskedNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id_type.name(), self.pattern.text())
    }
}

/// A number as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListedNumber {
    /// All characters are there.
    Full(FullNumber),
    /// Some are hidden.
    Masked(MaskedNumber),
}

impl ListedNumber {
    /// Parses a number as written in a list; full-width `＊` masks too.
    ///
    /// A masked citizen number may have 18 or 15 characters, a masked credit code 18, an org code
    /// 9, a registration number 15; visible characters must be of the type's alphabet, and a birth
    /// date that is visible in full must exist. A masked citizen number of 15 characters becomes
    /// one of 18 if it is usable.
    pub fn parse(id_type: IdType, text: &str) -> Result<Self, NumberFault> {
        let folded = FoldedCharacters::fold(text)?;
        if folded.as_slice().contains(&b'*') {
            MaskedNumber::from_folded(id_type, folded.as_slice()).map(Self::Masked)
        } else {
            FullNumber::from_folded(id_type, folded.as_slice()).map(Self::Full)
        }
    }

    /// Type of the number.
    pub fn id_type(&self) -> IdType {
        match self {
            Self::Full(full) => full.id_type(),
            Self::Masked(masked) => masked.id_type(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::synthetic;
    use proptest::prelude::*;

    fn listed(id_type: IdType, text: &str) -> Result<String, NumberFault> {
        ListedNumber::parse(id_type, text).map(|number| {
            let bytes = match &number {
                ListedNumber::Full(full) => full.as_bytes(),
                ListedNumber::Masked(masked) => masked.as_bytes(),
            };
            String::from_utf8(bytes.to_vec()).unwrap()
        })
    }

    fn masked(id_type: IdType, text: &str) -> MaskedNumber {
        match ListedNumber::parse(id_type, text) {
            Ok(ListedNumber::Masked(masked)) => masked,
            other => panic!("not masked: {other:?}"),
        }
    }

    #[track_caller]
    fn parses(id_type: IdType, text: &str, expected: Result<&str, NumberFault>) {
        assert_eq!(
            listed(id_type, text),
            expected.map(str::to_owned),
            "{}",
            id_type.name()
        );
    }

    #[test]
    fn masks_are_read_in_every_writing() {
        for text in [
            "9901021980****1239",
            "9901021980＊＊＊＊1239",
            "９９０１０２１９８０＊＊＊＊１２３９",
            "990102 1980**** 1239",
            "990102-1980****-1239",
        ] {
            parses(IdType::CitizenId, text, Ok("9901021980****1239"));
        }
        parses(
            IdType::CitizenId,
            "9901021980****001x",
            Ok("9901021980****001X"),
        );
        parses(
            IdType::CitizenId,
            "990102198003071239",
            Ok("990102198003071239"),
        );
        parses(IdType::Passport, "e12*****8", Ok("E12*****8"));
    }

    #[test]
    fn a_run_of_x_hides_nothing() {
        let fault = Err(NumberFault::Character);
        parses(IdType::CitizenId, "9901021980xxxx1239", fault);
        parses(IdType::CitizenId, "9901021980****X239", fault);
        parses(IdType::CitizenId, "9901021980×××1239", fault);
        parses(IdType::CitizenId, "99010280030**2X", fault);
    }

    #[test]
    fn visible_characters_must_fit_the_type() {
        let length = Err(NumberFault::Length);
        let character = Err(NumberFault::Character);
        parses(IdType::CitizenId, "9901021980***1239", length);
        parses(IdType::CreditCode, "91990****00001", length);
        parses(IdType::CreditCode, "91990****MA00000AX", character);
        parses(IdType::CreditCode, "91A90****MA00000XX", character);
        parses(IdType::CreditCode, "9199010**I*000001X", character);
        parses(
            IdType::CreditCode,
            "91990****A0000012X",
            Ok("91990****A0000012X"),
        );
        parses(IdType::OrgCode, "MA00****A", character);
        parses(IdType::OrgCode, "MA00****X", Ok("MA00****X"));
        parses(IdType::OrgCode, "MA00***X", length);
        parses(
            IdType::RegistrationNo,
            "3501001000****5",
            Ok("3501001000****5"),
        );
        parses(IdType::RegistrationNo, "35010010A0****5", character);
        parses(IdType::CitizenId, &"*".repeat(33), length);
    }

    #[test]
    fn a_visible_birth_date_must_exist() {
        parses(
            IdType::CitizenId,
            "99010219801307****",
            Err(NumberFault::Date),
        );
        parses(IdType::CitizenId, "990102801307***", Err(NumberFault::Date));
        parses(
            IdType::CitizenId,
            "9901021980130*1239",
            Ok("9901021980130*1239"),
        );
    }

    #[test]
    fn a_usable_mask_of_15_characters_becomes_one_of_18() {
        parses(
            IdType::CitizenId,
            "990102800307***",
            Ok("99010219800307****"),
        );
        parses(
            IdType::CitizenId,
            "990102****07123",
            Ok("99010219****07123*"),
        );
        parses(
            IdType::CitizenId,
            "99010******0712",
            Ok("99010*19*****0712*"),
        );
        let few = masked(IdType::CitizenId, "9901028********");
        assert_eq!(few.pattern().text(), "vvvvvvv********");
        assert!(!few.pattern().is_usable());
        assert_eq!(few.birth_digits(), None);
    }

    #[test]
    fn eight_visible_characters_make_a_mask_usable() {
        assert!(
            masked(IdType::CitizenId, "99010219**********")
                .pattern()
                .is_usable()
        );
        assert!(
            !masked(IdType::CitizenId, "9901021***********")
                .pattern()
                .is_usable()
        );
        assert!(!masked(IdType::Passport, "*****").pattern().is_usable());
        assert!(masked(IdType::Passport, "E1234567*").pattern().is_usable());
    }

    #[test]
    fn birth_digits_and_sex_are_read_where_visible() {
        let number = masked(IdType::CitizenId, "9901021980****1239");
        let shown = [Some(1), Some(9), Some(8), Some(0), None, None, None, None];
        assert_eq!(number.birth_digits(), Some(shown));
        assert_eq!(number.is_male(), Some(true));
        let number = masked(IdType::CitizenId, "99010219800307****");
        assert_eq!(number.is_male(), None);
        let number = masked(IdType::Passport, "990102198003071*3*");
        assert_eq!((number.birth_digits(), number.is_male()), (None, None));
    }

    #[test]
    fn every_visible_character_must_agree() {
        let full = FullNumber::parse(IdType::CitizenId, "990102198003071239").unwrap();
        let table = [
            (IdType::CitizenId, "9901021980****1239", true),
            (IdType::CitizenId, "990102800307***", true),
            (IdType::CitizenId, "9901021980****1238", false),
            (IdType::CitizenId, "9901021981****1239", false),
            (IdType::CitizenId, "990102810307***", false),
            (IdType::CitizenId, "******************", true),
            (IdType::Passport, "9901021980****1239", false),
            (IdType::Passport, "9901021980***239", false),
        ];
        for (id_type, text, agrees) in table {
            assert_eq!(masked(id_type, text).agrees_with(&full), agrees, "{text}");
        }
    }

    #[test]
    fn patterns_are_written_and_read() {
        let pattern = masked(IdType::CitizenId, "9901021980****1239").pattern();
        assert_eq!(pattern.text(), "vvvvvvvvvv****vvvv");
        assert_eq!(MaskPattern::parse(&pattern.text()), Some(pattern));
        assert_eq!(pattern.visible_chars(), 14);
        for text in ["", "vv*x", &"v".repeat(33)] {
            assert_eq!(MaskPattern::parse(text), None);
        }
        let widest = MaskPattern::parse(&"v".repeat(32)).unwrap();
        assert_eq!((widest.len, widest.visible), (32, u32::MAX));
    }

    #[test]
    fn debug_shows_no_character() {
        let number = ListedNumber::parse(IdType::CitizenId, "9901021980****1239").unwrap();
        assert_eq!(
            format!("{number:?}"),
            "Masked(citizen_id:vvvvvvvvvv****vvvv)"
        );
        let number = ListedNumber::parse(IdType::CitizenId, "990102198003071239").unwrap();
        assert_eq!(format!("{number:?}"), "Full(citizen_id:**************1239)");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([0-9*Xx＊]|\\PC){0,40}", id_type in 0u8..9) {
            let id_type = IdType::from_u8(id_type).unwrap();
            let _ = ListedNumber::parse(id_type, &text);
        }

        #[test]
        fn a_number_agrees_with_every_mask_of_it(hidden in 1u32..1 << 18, sequence in 0u16..1000) {
            let number = synthetic::citizen_id(990_102, (1980, 3, 7), sequence);
            let full = FullNumber::parse(IdType::CitizenId, &number).unwrap();
            let text: String = number
                .chars()
                .enumerate()
                .map(|(place, c)| if hidden & (1 << place) != 0 { '*' } else { c })
                .collect();
            let masked = masked(IdType::CitizenId, &text);
            prop_assert!(masked.agrees_with(&full));
            prop_assert_eq!(masked.pattern().visible, !hidden & ((1 << 18) - 1));
        }
    }
}
