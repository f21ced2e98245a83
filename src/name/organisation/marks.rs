//! Signs in the name of an organisation that are no letters of it: brackets, stops, signs for lost
//! characters.
//!
//! In: characters of a folded name. Out: what they are. Pure.
//!
//! HOT: every character passes `is_mark`.

use super::super::likeness::is_lost;
use super::words::Letter;

/// How many letters stand before the closing bracket, all where there is none.
pub fn close(letters: &[Letter]) -> usize {
    let mut depth = 0;
    for (at, letter) in letters.iter().enumerate() {
        match letter.0 {
            c if is_open(c) => depth += 1,
            c if is_close(c) && depth == 0 => return at,
            c if is_close(c) => depth -= 1,
            _ => {}
        }
    }
    letters.len()
}

/// An opening bracket.
pub fn is_open(c: char) -> bool {
    matches!(
        c,
        '(' | '[' | '{' | '<' | '【' | '「' | '『' | '〔' | '〈' | '《' | '〖' | '﹙'
    )
}

/// A closing bracket.
pub fn is_close(c: char) -> bool {
    matches!(
        c,
        ')' | ']' | '}' | '>' | '】' | '」' | '』' | '〕' | '〉' | '》' | '〗' | '﹚'
    )
}

/// A sign between names.
pub fn is_separator(c: char) -> bool {
    matches!(c, ',' | ';' | '、' | '/' | '|' | '。')
}

/// Whether `c` is none of the letters of a name.
#[inline]
pub fn is_mark(c: char) -> bool {
    // Most characters are these.
    if ('\u{4e00}'..='\u{9fff}').contains(&c) {
        return false;
    }
    !(c.is_alphanumeric() || is_placeholder(c))
}

/// A sign for a character that could not be stored. Marks that people also put between letters
/// are none.
pub fn is_placeholder(c: char) -> bool {
    is_lost(c) && !matches!(c, '#' | '_' | '~' | '^' | '〇')
}
