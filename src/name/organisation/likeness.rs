//! How characters of an organisation's name sound and resemble each other.
//!
//! In: folded characters. Out: a class of sound in the most usual reading, and in which way two
//! characters resemble each other, by the tables of `pinyin` and `likeness`. No table of its own.
//!
//! HOT: every character of every key passes `sound`.

use super::super::likeness;
use super::super::pinyin::{Syllable, readings};
use super::super::similarity::DifferenceKind;

/// Classes of sound stand above all characters.
const SOUND_BASE: u32 = 0x20_0000;
/// Letters of the longest syllable.
pub const LETTERS_MAX: usize = 6;

/// The class of sound of a character in its most usual reading; the character itself where none is
/// known.
#[inline]
pub fn sound(c: char) -> u32 {
    match readings(c) {
        [usual, ..] => SOUND_BASE + u32::from(usual.syllable.dialect_class()),
        [] => u32::from(c),
    }
}

/// The class of sound of a syllable in pinyin, without tone.
pub fn class_of(syllable: &str) -> Option<u32> {
    let class = Syllable::parse(syllable)?.dialect_class();
    Some(SOUND_BASE + u32::from(class))
}

/// In which way two different characters resemble each other.
pub fn resemblance(one: char, other: char) -> Option<DifferenceKind> {
    likeness::likeness(one, other).map(|likeness| likeness.kind)
}
