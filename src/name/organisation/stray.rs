//! What stands beside the name of an organisation on paper and is no part of it: the label of the
//! field, its number in a list, seals and notes.
//!
//! In: letters of a folded name, with marks. Out: fewer of them. What could be the name itself
//! stays: a label or seal must be a word of the table, a bare number must stand before a region or
//! behind a whole name. Pure.

use super::marks::{is_mark, is_open, is_separator};
use super::regions::region_at;
use super::wording::is_numeral;
use super::words::{Letter, Letters, last_word, role, whole_word};

/// Letters of the longest label before a colon.
const LABEL_CHARS_MAX: usize = 10;
/// Digits of the longest number in a list.
const NUMBER_CHARS_MAX: usize = 6;
/// Letters of the shortest name behind a label or number, or before a seal.
const NAME_CHARS_MIN: usize = 4;
/// Letters of a seal that no name ends with.
const SEAL_CHARS_CERTAIN: usize = 3;
/// Digits that are a stray sign behind any whole name.
const STRAY_DIGITS_MAX: usize = 2;

/// Whether something may stand before a name without marks.
#[inline]
pub fn may_be_numbered(first: char) -> bool {
    first.is_ascii_digit() || matches!(first, '序' | '编')
}

/// The name without label and list number.
pub fn without_label(letters: &[Letter]) -> &[Letter] {
    let name = behind_number(behind_label(behind_number(letters)));
    before_number(name)
}

/// 投标人: and such, a word of the table before a colon.
fn behind_label(letters: &[Letter]) -> &[Letter] {
    let colon = letters
        .iter()
        .take(LABEL_CHARS_MAX + 1)
        .position(|letter| letter.0 == ':');
    match colon {
        Some(at) if is_label(&letters[..at]) && letters.len() > at + NAME_CHARS_MIN => {
            &letters[at + 1..]
        }
        _ => letters,
    }
}

fn is_label(letters: &[Letter]) -> bool {
    let end = letters.iter().position(|letter| is_open(letter.0));
    let label = &letters[..end.unwrap_or(letters.len())];
    last_word(label, role::LABEL).is_some()
}

fn digits_at(letters: &[Letter]) -> usize {
    let digits = letters
        .iter()
        .take_while(|letter| letter.0.is_ascii_digit());
    digits.count()
}

/// A number in a list before the name, with its mark, or bare before a region.
fn behind_number(letters: &[Letter]) -> &[Letter] {
    let marks = |letters: &[Letter]| letters.iter().take_while(|l| is_mark(l.0)).count();
    let open = marks(letters);
    let word = match &letters[open..] {
        [('序' | '编', _), ('号', _), ..] => 2,
        [('n', _), ('o', _), ('.', _), ..] => 3,
        _ => 0,
    };
    let start = open
        + word
        + if word > 0 {
            marks(&letters[open + word..])
        } else {
            0
        };
    let digits = digits_at(&letters[start..]);
    let counted = match digits {
        0 => numerals_at(&letters[start..]),
        digits => digits,
    };
    if counted == 0 || counted > NUMBER_CHARS_MAX {
        return letters;
    }
    let rest = &letters[start + counted..];
    let marks = marks(rest);
    let opens = rest.first().is_some_and(|letter| is_open(letter.0));
    let name = &rest[if opens { 0 } else { marks }..];
    let marked = marks > 0 && !opens;
    let set_apart = match digits {
        0 => marked,
        _ => word > 0 || marked || region_at(name).is_some(),
    };
    if set_apart && name.len() >= NAME_CHARS_MIN {
        name
    } else {
        letters
    }
}

/// Chinese numerals before a mark that ends a number: 一、 and （一）.
fn numerals_at(letters: &[Letter]) -> usize {
    let numerals = letters
        .iter()
        .take_while(|letter| is_numeral(letter.0))
        .count();
    match letters.get(numerals) {
        Some(('、' | '.' | ')', _)) => numerals,
        _ => 0,
    }
}

/// A number behind a whole name, with a mark before it: _00240.
fn before_number(letters: &[Letter]) -> &[Letter] {
    let digits = letters.iter().rev();
    let digits = digits.take_while(|letter| letter.0.is_ascii_digit());
    let end = letters.len() - digits.count();
    let name = &letters[..end];
    let marks = name.iter().rev().take_while(|letter| is_mark(letter.0));
    let marks = marks.count();
    let name = &name[..end - marks];
    let whole = last_word(name, role::FORM | role::UNIT | role::SHOP).is_some()
        || letters[name.len()..end]
            .iter()
            .any(|letter| letter.0 == ')');
    let opens = letters[name.len()..end]
        .iter()
        .any(|letter| is_open(letter.0));
    match end < letters.len() && marks > 0 && whole && !opens {
        // A bracket that closes the name stays.
        true => &letters[..end - usize::from(letters[end - 1].0 != ')')],
        false => letters,
    }
}

/// Whether the content of brackets says something beside the name; a number only where it stands at
/// an end of it.
pub fn is_note(content: &[Letter], at_end: bool) -> bool {
    let written: Letters = (content.iter().copied())
        .filter(|letter| !is_mark(letter.0))
        .collect();
    let word = whole_word(&written);
    let latin = written.iter().all(|letter| letter.0.is_ascii_alphabetic());
    // Co., Ltd., alone or behind the name in English.
    let english = at_end && last_word(&written, role::FORM).is_some();
    if word.is(role::SEAL | role::ASIDE) || latin && (word.is(role::FORM) || english) {
        return true;
    }
    if last_word(&written, role::SEAL).is_some_and(|(chars, _)| chars >= SEAL_CHARS_CERTAIN) {
        return true;
    }
    let colon = content.iter().position(|letter| letter.0 == ':');
    let labelled = colon.is_some_and(|at| is_label(&content[..at]));
    let start = match &written[..] {
        [('编' | '序', _), ('号', _), ..] | [('n', _), ('o', _), ..] => 2,
        _ => 0,
    };
    let digits = digits_at(&written[start..]);
    let number = digits > 0 && start + digits == written.len() && digits <= NUMBER_CHARS_MAX;
    at_end && (labelled || number)
}

/// Where the name ends that seals and stray digits follow.
pub fn without_seal(letters: &[Letter]) -> usize {
    let mut end = letters.len();
    // 公章 and 复印件, one after the other.
    for _ in 0..2 {
        let seal = last_word(&letters[..end], role::SEAL).map_or(0, |(chars, _)| chars);
        if seal < SEAL_CHARS_CERTAIN || end < seal + NAME_CHARS_MIN {
            break;
        }
        end -= seal;
    }
    let written = &letters[..end];
    let digits = written.iter().rev();
    let digits = digits
        .take_while(|letter| letter.0.is_ascii_digit())
        .count();
    let seal = last_word(written, role::SEAL).map_or(0, |(chars, _)| chars);
    let company = |chars: usize| {
        let company = role::LIMITED | role::JOINT | role::COMPANY;
        last_word(&written[..end - chars], company).is_some()
    };
    let stray = match digits {
        0..=STRAY_DIGITS_MAX => seal.max(digits),
        _ if digits <= NUMBER_CHARS_MAX && company(digits) => digits,
        _ => seal,
    };
    let rest = &written[..end - stray];
    // 章 is also the end of a brand: only what follows a whole name is stray.
    let named = last_word(rest, role::FORM | role::UNIT | role::SHOP);
    match named {
        Some(_) if stray != 1 || digits == 1 => end - stray,
        _ => end,
    }
}

/// Whether nothing but marks and notes stands in `letters`.
pub fn is_end(letters: &[Letter]) -> bool {
    let mut letters = letters.iter();
    letters.all(|letter| is_mark(letter.0) || is_separator(letter.0))
}
