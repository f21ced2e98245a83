//! A full, valid, normalised number of any type.
//!
//! In: text as written. Out: upper-case ASCII, 15-digit citizen numbers lengthened to 18. Decision
//! rules 1.3. The number is in clear here and lives as long as one request or one record; it is
//! wiped when dropped and never printed.

use super::citizen_id;
use super::credit_code;
use super::kind::IdType;
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroize;

/// Longest number of any type, in characters.
pub const NUMBER_CHARS_MAX: usize = 32;

/// What is wrong with a number. Never carries the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberFault {
    /// Nothing but separators.
    #[error("the number is empty")]
    Empty,
    /// Not the length of this type.
    #[error("the number does not have the length of its type")]
    Length,
    /// A character that this type cannot have.
    #[error("the number has a character that its type cannot have")]
    Character,
    /// The birth date inside does not exist.
    #[error("the birth date inside the number does not exist")]
    Date,
    /// The check character does not fit.
    #[error("the check character of the number does not fit")]
    Check,
    /// `*` where only full numbers are taken.
    #[error("the number is masked; only lists may mask characters")]
    Masked,
}

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
        let mut folded = fold_characters(text)?;
        let parsed = Self::from_folded(id_type, folded.as_slice());
        folded.wipe();
        parsed
    }

    pub(super) fn from_folded(id_type: IdType, text: &[u8]) -> Result<Self, NumberFault> {
        if text.is_empty() {
            return Err(NumberFault::Empty);
        }
        if text.contains(&b'*') {
            return Err(NumberFault::Masked);
        }
        match id_type {
            IdType::CitizenId => citizen_id::parse(text).map(|full| Self::new(id_type, &full)),
            IdType::CreditCode => credit_code::parse(text).map(|full| Self::new(id_type, &full)),
            IdType::OrgCode => {
                credit_code::parse_org_code(text).map(|full| Self::new(id_type, &full))
            }
            IdType::RegistrationNo if text.len() != 15 => Err(NumberFault::Length),
            IdType::RegistrationNo if !text.iter().all(u8::is_ascii_digit) => {
                Err(NumberFault::Character)
            }
            _ if !text.iter().all(u8::is_ascii_alphanumeric) => Err(NumberFault::Character),
            _ => Ok(Self::new(id_type, text)),
        }
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

/// Characters of a number after folding, on the stack.
pub(super) struct FoldedCharacters {
    len: usize,
    chars: [u8; NUMBER_CHARS_MAX],
}

impl FoldedCharacters {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.chars[..self.len]
    }

    pub(super) fn wipe(&mut self) {
        self.chars.zeroize();
    }
}

/// NFKC, upper case, no spaces and hyphens; `*` stays. Decision rules 1.3.
pub(super) fn fold_characters(text: &str) -> Result<FoldedCharacters, NumberFault> {
    let mut folded = FoldedCharacters {
        len: 0,
        chars: [0; NUMBER_CHARS_MAX],
    };
    for c in text.nfkc() {
        if c.is_whitespace() || is_dropped(c) {
            continue;
        }
        let c = c.to_ascii_uppercase();
        if !(c.is_ascii_alphanumeric() || c == '*') {
            return Err(NumberFault::Character);
        }
        if folded.len == NUMBER_CHARS_MAX {
            return Err(NumberFault::Length);
        }
        folded.chars[folded.len] = c as u8;
        folded.len += 1;
    }
    Ok(folded)
}

/// Hyphens of all kinds, minus sign, and characters without width.
pub(super) fn is_dropped(c: char) -> bool {
    matches!(c, '-' | '\u{00ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{200b}'..='\u{200d}'
        | '\u{2060}' | '\u{feff}')
}
