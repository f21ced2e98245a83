//! The folded form of a name: two names are equal when their folded forms are.
//!
//! In: a name as written. Out: NFKC, lower case, without white space, invisible characters and
//! middle dots, with traditional and variant characters in one form. Decision rules 3; the issue's
//! table of variants is `variants.rs`. Pure and idempotent. A name of nothing but blanks and dots
//! folds to the empty text: the caller refuses it. Full stops, hyphens and placeholders such as
//! `?` or `□` stay: they are evidence, not dots.
//!
//! HOT: names of Han characters, ASCII and full-width forms take one pass without normalisation,
//! because none of these characters composes with a neighbour (340 ns for a name of 12
//! characters through NFKC, 60 ns without).

use super::variants::{VariantTable, table_version};
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// Number of the rules in this file; goes up when they change an answer.
const RULES_VERSION: u32 = 1;

/// Passes after which folding stops; two suffice for every text seen.
const PASSES_MAX: usize = 8;

/// Names the rules, the table and the Unicode data by which a text was folded: a snapshot that was
/// built under another version does not fit this program.
pub static FOLD_VERSION: LazyLock<String> = LazyLock::new(|| {
    let (major, minor, update) = unicode_normalization::UNICODE_VERSION;
    let table = table_version();
    format!("{RULES_VERSION}-{table}-unicode-{major}.{minor}.{update}")
});

/// The folded form of `name`.
pub fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    fold_into(name, &mut folded);
    folded
}

/// Like `fold`, into a text that is cleared first: no allocation once it is large enough.
pub fn fold_into(name: &str, folded: &mut String) {
    folded.clear();
    if !fold_simple(name, folded) {
        *folded = fold_composed(name);
    }
}

/// Whether two names are equal after folding.
pub fn equal(a: &str, b: &str) -> bool {
    a == b || fold(a) == fold(b)
}

/// One pass for texts of simple characters only; `false` at the first other character.
fn fold_simple(name: &str, folded: &mut String) -> bool {
    let variants = VariantTable::get();
    for c in name.chars() {
        match c {
            'a'..='z' | '0'..='9' => folded.push(c),
            'A'..='Z' => folded.push(c.to_ascii_lowercase()),
            '!'..='~' => folded.push(c),
            '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2ebe0}' => {
                folded.push(variants.one_form(c));
            }
            // Full-width forms of ASCII.
            '\u{ff01}'..='\u{ff5e}' => {
                let narrow = char::from((c as u32 - 0xfee0) as u8);
                folded.push(narrow.to_ascii_lowercase());
            }
            _ if is_dropped(c) => {}
            _ => return false,
        }
    }
    true
}

/// Any text: drop, normalise, lower, map, and again until nothing changes, because a dropped
/// character may have kept two others from composing.
fn fold_composed(name: &str) -> String {
    let mut folded = name.to_owned();
    for _ in 0..PASSES_MAX {
        let again = pass(&folded);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

fn pass(text: &str) -> String {
    let variants = VariantTable::get();
    text.chars()
        .filter(|c| !is_dropped(*c))
        .nfkc()
        .flat_map(char::to_lowercase)
        .filter(|c| !is_dropped(*c))
        .map(|c| variants.one_form(c))
        .collect()
}

/// White space, characters nobody sees, and middle dots.
fn is_dropped(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_invisible(c) || is_middle_dot(c)
}

/// Characters without width: Unicode's Default_Ignorable_Code_Point, and the blank Braille cell.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}'
            | '\u{034f}'
            | '\u{061c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The dot inside names of minorities and foreigners, in every code point in which it is typed.
/// 民委发〔2016〕33号 fixes U+00B7. A black circle is not among them: it stands for a character that
/// could not be written.
fn is_middle_dot(c: char) -> bool {
    matches!(
        c,
        '\u{00b7}' // Middle dot, GB 18030 A1A4.
            | '\u{02d9}' // Dot above, GBK A842.
            | '\u{0387}' // Greek ano teleia.
            | '\u{119e}' // Korean araea, as a dot.
            | '\u{318d}' // The same, compatibility form.
            | '\u{1427}' // Canadian syllabics final middle dot.
            | '\u{16eb}' // Runic single punctuation.
            | '\u{2022}' // Bullet.
            | '\u{2027}' // Hyphenation point, Big5 A145.
            | '\u{2219}' // Bullet operator.
            | '\u{22c5}' // Dot operator.
            | '\u{2981}' // Z notation spot.
            | '\u{2e31}' // Word separator middle dot.
            | '\u{2e33}' // Raised dot.
            | '\u{30fb}' // Katakana middle dot.
            | '\u{ff65}' // The same, half width.
            | '\u{a78f}' // Latin letter sinological dot.
            | '\u{10101}' // Aegean word separator dot.
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_follows_the_table() {
        assert_eq!(fold("张 伟"), "张伟");
    }
}
