//! The judgement on two names: a likelihood and its reasons.
//!
//! In: nothing; these are the words in which `person` and `organisation` answer. Pure data.

use smallvec::SmallVec;
use std::ops::Range;

/// The score from which two names count as similar.
pub const THRESHOLD: f32 = 0.5;

/// Most block keys of one listed name.
pub const LISTED_KEYS_MAX: usize = 32;
/// Most block keys of one name that is looked for.
pub const QUERY_KEYS_MAX: usize = 96;

/// What bears the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// A natural person.
    Person,
    /// An organisation.
    Organisation,
}

/// How likely two strings denote the same name, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Similarity {
    /// Calibrated likelihood that the two are the same name, 0.0 to 1.0; 1.0 only for names
    /// that are equal after folding.
    pub score: f32,
    /// In which ways they differ, from the left; empty for equal names.
    pub differences: SmallVec<[Difference; 2]>,
}

impl Similarity {
    /// Of names that are equal after folding.
    pub const EQUAL: Self = Self {
        score: 1.0,
        differences: SmallVec::new_const(),
    };
    /// Of names that are worth no further word.
    pub const NONE: Self = Self {
        score: 0.0,
        differences: SmallVec::new_const(),
    };
}

/// One difference between the name that is looked for and the listed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// In which way.
    pub kind: DifferenceKind,
    /// Which characters of the folded name that is looked for.
    pub query: Range<u16>,
    /// Which characters of the folded listed name.
    pub listed: Range<u16>,
}

impl Difference {
    /// Of the names as wholes.
    pub fn of_all(kind: DifferenceKind) -> Self {
        Self {
            kind,
            query: 0..0,
            listed: 0..0,
        }
    }
}

/// In which way names differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DifferenceKind {
    /// Another form of the same character.
    Variant,
    /// The same sound and tone, or the same sound.
    Homophone,
    /// Sounds that southern speech does not keep apart.
    NearHomophone,
    /// A similar shape.
    Shape,
    /// A neighbouring key or a letter more or less in the pinyin.
    Keyboard,
    /// Another character, alike in nothing.
    OtherCharacter,
    /// A character that is missing.
    Missing,
    /// A character too many.
    Extra,
    /// Neighbours exchanged.
    Swapped,
    /// The parts of the name in another order.
    Order,
    /// A sign that stands for a character which a system could not store.
    Placeholder,
    /// A code point of a private area for a character.
    PrivateUse,
    /// Written in Latin letters.
    Romanised,
    /// Another transliteration of a name of another language.
    Transliteration,
    /// Cut at the end.
    Truncated,
    /// A title or form of address.
    Title,
    /// Another region, or one that is left out or added.
    Region,
    /// Another wording of the legal form.
    LegalForm,
    /// Another wording of the trade, or another trade.
    Trade,
    /// Another brand (字号).
    Brand,
    /// A branch of the other.
    Branch,
    /// A member of a group, or the group itself.
    Group,
    /// A short form.
    Abbreviation,
    /// A former name that one of them mentions.
    FormerName,
    /// A number or serial character.
    Serial,
    /// Stray signs.
    Noise,
    /// Nothing in common that would be worth saying.
    Unrelated,
}
