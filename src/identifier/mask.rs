//! Numbers as lists show them: full, or with `*` for hidden characters.
//!
//! A mask is a length and the places of its visible characters. A full number agrees with a masked
//! one when the lengths are equal and every visible character is. Decision rules 3.

use super::document::{FullNumber, NUMBER_CHARS_MAX, NumberFault, fold_characters};
use super::kind::IdType;
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
    /// 9, a registration number 15; visible characters must be of the type's alphabet.
    pub fn parse(id_type: IdType, text: &str) -> Result<Self, NumberFault> {
        let mut folded = fold_characters(text)?;
        let parsed = if folded.as_slice().contains(&b'*') {
            masked(id_type, folded.as_slice()).map(Self::Masked)
        } else {
            FullNumber::from_folded(id_type, folded.as_slice()).map(Self::Full)
        };
        folded.wipe();
        parsed
    }

    /// Type of the number.
    pub fn id_type(&self) -> IdType {
        match self {
            Self::Full(full) => full.id_type(),
            Self::Masked(masked) => masked.id_type(),
        }
    }
}

fn masked(id_type: IdType, text: &[u8]) -> Result<MaskedNumber, NumberFault> {
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
    let mut chars = [0; NUMBER_CHARS_MAX];
    let mut visible = 0u32;
    for (i, c) in text.iter().enumerate() {
        chars[i] = *c;
        if *c == b'*' {
            continue;
        }
        let last = i + 1 == text.len();
        let fits = match id_type {
            IdType::CitizenId => c.is_ascii_digit() || (last && i == 17 && *c == b'X'),
            IdType::RegistrationNo => c.is_ascii_digit(),
            _ => c.is_ascii_alphanumeric(),
        };
        if !fits {
            return Err(NumberFault::Character);
        }
        visible |= 1 << i;
    }
    let pattern = MaskPattern {
        len: text.len() as u8,
        visible,
    };
    Ok(MaskedNumber {
        id_type,
        pattern,
        chars,
    })
}
