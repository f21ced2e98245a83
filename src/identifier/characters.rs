//! The characters of a number after folding. Decision rules 1.3.
//!
//! In: a number as written. Out: at most 32 characters of `0-9`, `A-Z` and `*`: NFKC, upper case,
//! without white space, hyphens of any kind and characters without width. On the stack, wiped when
//! dropped.
//!
//! HOT: a plain ASCII number is folded without NFKC and without allocation.

use super::fault::NumberFault;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroize;

/// Longest number of any type, in characters.
pub(super) const NUMBER_CHARS_MAX: usize = 32;

/// Characters of a number after folding.
#[derive(Default)]
pub(super) struct FoldedCharacters {
    len: usize,
    chars: [u8; NUMBER_CHARS_MAX],
}

impl FoldedCharacters {
    /// Folds a number as written.
    ///
    /// Errors: a character that no number has, or more than 32.
    pub(super) fn fold(text: &str) -> Result<Self, NumberFault> {
        let mut folded = Self::default();
        if text.is_ascii() {
            text.chars().try_for_each(|c| folded.push(c))?;
        } else {
            text.nfkc().try_for_each(|c| folded.push(c))?;
        }
        Ok(folded)
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.chars[..self.len]
    }

    fn push(&mut self, c: char) -> Result<(), NumberFault> {
        if is_separator(c) {
            return Ok(());
        }
        if !(c.is_ascii_alphanumeric() || c == '*') {
            return Err(NumberFault::Character);
        }
        let place = self.chars.get_mut(self.len).ok_or(NumberFault::Length)?;
        *place = c.to_ascii_uppercase() as u8;
        self.len += 1;
        Ok(())
    }
}

impl Drop for FoldedCharacters {
    fn drop(&mut self) {
        self.chars.zeroize();
    }
}

/// White space, hyphens and dashes of all kinds, minus sign, and characters without width.
pub(super) fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '\u{00ad}'
                | '\u{2010}'..='\u{2015}'
                | '\u{2212}'
                | '\u{fe58}'
                | '\u{fe63}'
                | '\u{ff0d}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2060}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn folds(text: &str, expected: Result<&str, NumberFault>) {
        let folded = FoldedCharacters::fold(text);
        let folded = folded.map(|folded| String::from_utf8(folded.as_slice().to_vec()).unwrap());
        assert_eq!(folded, expected.map(str::to_owned));
    }

    #[test]
    fn width_case_blanks_and_hyphens_do_not_matter() {
        for text in [
            "AB12*",
            "ab12*",
            " a b\t1\u{3000}2 * ",
            "A-B\u{2010}1\u{2011}2\u{2014}*",
            "ＡＢ１２＊",
            "ａｂ－１２\u{feff}＊",
            "A\u{200b}B\u{2212}12\u{00ad}*",
            "Ⓐb①²﹡",
        ] {
            folds(text, Ok("AB12*"));
        }
    }

    #[test]
    fn other_characters_are_refused() {
        for text in [
            "12号",
            "12.3",
            "12_3",
            "1/2",
            "é",
            "१२",
            "\u{1F600}",
            "A+B",
            "x\0",
        ] {
            folds(text, Err(NumberFault::Character));
        }
    }

    #[test]
    fn more_than_32_characters_are_refused_and_blanks_do_not_count() {
        folds(&"7".repeat(32), Ok(&"7".repeat(32)));
        folds(&"7 ".repeat(32), Ok(&"7".repeat(32)));
        folds(&"7".repeat(33), Err(NumberFault::Length));
        folds(" - ", Ok(""));
    }
}
