//! What stands in a name for a character that a system could not store.
//!
//! In: the characters of a folded name. Out: what the writing at its beginning stands for, and its
//! length: a numeric entity or an escape is the character itself, a run of signs, a description in
//! brackets or by Unicode's operators is one lost character. Bounded: looks at a few characters.

use super::fold::fold;
use super::likeness::is_lost;
use smallvec::SmallVec;

/// The sign that stands for a lost character once it is recognised.
pub const LOST: char = '?';

/// Characters of a description in brackets, at most, the brackets apart.
const NOTE_CHARS_MAX: usize = 8;
/// Digits of an escape, at most.
const DIGITS_MAX: usize = 8;
/// Operators of one description by components, at most.
const OPERATORS_MAX: usize = 6;

/// What a piece of a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// The character, written by its number.
    Known(char),
    /// A character that is not known.
    Lost,
    /// Nothing.
    Nothing,
}

/// What the beginning of `chars` stands for and how many characters it takes; `None` where it is a
/// character like any other. `before` are the characters in front of it.
pub fn piece(before: &[char], chars: &[char]) -> Option<(Piece, usize)> {
    escape(chars)
        .or_else(|| note(chars).map(|length| (Piece::Lost, length)))
        .or_else(|| description(chars).map(|length| (Piece::Lost, length)))
        .or_else(|| crosses(before, chars).map(|length| (Piece::Lost, length)))
        .or_else(|| repeated(before, chars))
        .or_else(|| run(chars).map(|length| (Piece::Lost, length)))
}

/// A run of signs, or of at least two full stops.
fn run(chars: &[char]) -> Option<usize> {
    let signs = chars.iter().take_while(|c| is_lost(**c)).count();
    let stops = chars.iter().take_while(|c| **c == '.').count();
    match (signs, stops) {
        (0, 0 | 1) => None,
        (0, stops) => Some(stops),
        (signs, _) => Some(signs),
    }
}

/// The sign of repetition.
fn repeated(before: &[char], chars: &[char]) -> Option<(Piece, usize)> {
    let last = before.last()?;
    (chars.first() == Some(&'々')).then_some((Piece::Known(*last), 1))
}

/// One or two x among characters, which clerks type for a character that they cannot.
fn crosses(before: &[char], chars: &[char]) -> Option<usize> {
    let length = chars.iter().take_while(|c| **c == 'x').count();
    let is_free = |c: Option<&char>| c.is_none_or(|c| is_han(*c) || !c.is_alphanumeric());
    let is_between = before.last().is_some_and(|c| is_han(*c)) && is_free(chars.get(length));
    ((1..=2).contains(&length) && is_between).then_some(length)
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// A character by its number: `&#19886;`, `&#x4dae;`, `\u4dae`, `%u4dae`, `u+4dae`, in brackets or
/// not; or the entity of a dot or blank.
fn escape(chars: &[char]) -> Option<(Piece, usize)> {
    for name in ["&middot;", "&nbsp;", "&bull;", "&ensp;", "&emsp;"] {
        if name.chars().eq(chars.iter().copied().take(name.len())) {
            return Some((Piece::Nothing, name.len()));
        }
    }
    if let Some(close) = chars.first().and_then(|c| closing(*c)) {
        let (number, length) = number(&chars[1..])?;
        let is_closed = chars.get(1 + length) == Some(&close);
        return is_closed.then_some((Piece::Known(character(number)?), length + 2));
    }
    // An entity of an entity.
    if "&amp;#".chars().eq(chars.iter().copied().take(6)) {
        let mut inner: SmallVec<[char; 16]> = SmallVec::new();
        inner.push('&');
        inner.extend(chars.iter().skip(5).take(DIGITS_MAX + 4).copied());
        let (number, length) = number(&inner)?;
        return Some((Piece::Known(character(number)?), length + 4));
    }
    let (high, length) = number(chars)?;
    if (0xd800..0xdc00).contains(&high) {
        let (low, more) = number(&chars[length..])?;
        let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        let joined = 0x10000 + ((high - 0xd800) << 10) + low;
        return Some((Piece::Known(character(joined)?), length + more));
    }
    Some((Piece::Known(character(high)?), length))
}

/// A number with the signs around it, and the length of both.
fn number(chars: &[char]) -> Option<(u32, usize)> {
    let starts = |text: &str| text.chars().eq(chars.iter().copied().take(text.len()));
    let (start, end, radix) = [
        ("&#x", Some(';'), 16),
        ("&#", Some(';'), 10),
        ("\\u{", Some('}'), 16),
        ("\\u", None, 16),
        ("%u", None, 16),
        ("u+", None, 16),
    ]
    .into_iter()
    .find(|(start, ..)| starts(start))?;
    let digits: String = chars
        .iter()
        .skip(start.len())
        .take_while(|c| c.is_digit(radix))
        .take(DIGITS_MAX)
        .collect();
    let length = start.len() + digits.len();
    let number = u32::from_str_radix(&digits, radix).ok()?;
    match end {
        Some(end) => (chars.get(length) == Some(&end)).then_some((number, length + 1)),
        None => (digits.len() >= 4).then_some((number, length)),
    }
}

/// The folded character of a number.
fn character(number: u32) -> Option<char> {
    let c = char::from_u32(number)?;
    let folded = fold(c.encode_utf8(&mut [0; 4]));
    let mut folded = folded.chars();
    folded.next().filter(|_| folded.next().is_none())
}

fn closing(open: char) -> Option<char> {
    Some(match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        '【' => '】',
        '〔' => '〕',
        '《' => '》',
        _ => return None,
    })
}

/// A description of two characters or more in brackets, as `(加王旁)` or `[王韦]`, or a sign in
/// brackets: its length.
fn note(chars: &[char]) -> Option<usize> {
    let close = closing(*chars.first()?)?;
    let mut inside = chars.iter().take(NOTE_CHARS_MAX + 2);
    let end = inside.position(|c| *c == close)?;
    let is_sign = end == 2 && chars.get(1).is_some_and(|c| is_lost(*c));
    let is_latin = chars[1..end].iter().all(char::is_ascii_alphabetic);
    (is_sign || end > 2 && !is_latin).then_some(end + 1)
}

/// Whether a description in brackets says how the character before it is to be changed, as
/// `(加王旁)`.
pub fn changes_the_one_before(chars: &[char]) -> bool {
    note(chars).is_some() && matches!(chars.get(1), Some('加' | '去' | '换' | '改' | '减'))
}

/// A description by Unicode's operators, as `⿰王韦`: its length.
fn description(chars: &[char]) -> Option<usize> {
    let operands = |c: char| match c {
        '\u{2ff2}' | '\u{2ff3}' => 3,
        '\u{2ffe}' | '\u{2fff}' => 1,
        '\u{2ff0}'..='\u{2ffd}' | '\u{31ef}' => 2,
        _ => 0,
    };
    let mut wanted = operands(*chars.first()?);
    if wanted == 0 {
        return None;
    }
    let mut length = 1;
    for c in chars.iter().skip(1).take(3 * OPERATORS_MAX) {
        length += 1;
        wanted = wanted + operands(*c) - 1;
        if wanted == 0 {
            break;
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_read(text: &str, expected: Option<(Piece, usize)>) {
        let chars: Vec<char> = fold(text).chars().collect();
        assert_eq!(piece(&['李'], &chars), expected, "{text}");
    }

    #[test]
    fn characters_by_number_are_known() {
        for (text, length) in [
            ("&#19886;", 8),
            ("&#x4DAE;", 8),
            ("&amp;#19886;", 12),
            ("\\u4dae", 6),
            ("\\u{4DAE}明", 8),
            ("%u4DAE", 6),
            ("U+4DAE", 6),
            ("{U+4DAE}", 8),
            ("（U+4DAE）", 8),
        ] {
            is_read(text, Some((Piece::Known('䶮'), length)));
        }
        is_read("\\ud840\\udc07", Some((Piece::Known('𠀇'), 12)));
        is_read("&#131079;", Some((Piece::Known('𠀇'), 9)));
        is_read("々", Some((Piece::Known('李'), 1)));
        is_read("&middot;艾力", Some((Piece::Nothing, 8)));
    }

    #[test]
    fn signs_and_descriptions_are_one_lost_character() {
        for (text, length) in [
            ("??明", 2),
            ("[?]", 3),
            ("...", 3),
            ("（加王旁）", 5),
            ("[王韦]", 4),
            ("⿰王韦明", 3),
            ("⿰⿱一二三明", 5),
            ("X明", 1),
            ("xx", 2),
            ("☐", 1),
            ("😀", 1),
        ] {
            is_read(text, Some((Piece::Lost, length)));
        }
    }

    #[test]
    fn other_writing_is_none_of_this() {
        for text in [
            "", "明", "xiao", "(男)", "(zi)宁", "&#;", "u+4d", ".", "\\", "(", "xxx",
        ] {
            is_read(text, None);
        }
        assert_eq!(piece(&[], &['x']), None);
        assert_eq!(piece(&[], &['々']), None);
        is_read("\\ud840", None);
    }
}
