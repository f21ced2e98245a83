//! Names of persons and organisations: one form for comparing them, and how likely two of them are
//! the same name.
//!
//! In: a name as people and systems write it. Out: its folded form, keys under which similar names
//! are found, and a judgement with its reasons. Decision rules 3. Knows no list and no law: what
//! follows from a similar name is decided elsewhere, and it is never more than a review.

/// A value for each of many characters.
pub mod char_map;

/// The table of variant characters, compiled in.
pub mod variants;

/// Private-use code points and their standard characters.
pub mod private_use;

/// The folded form of a name.
pub mod fold;

/// How characters sound.
pub mod pinyin;

/// Keys under which names one edit apart meet.
pub mod edits;

/// A long text, folded, that remembers where its characters stood.
pub mod passage;

/// How two names differ, and how likely they are the same.
pub mod similarity;

/// In which way two characters are alike.
pub mod likeness;

/// Whether two characters are alike, from memory.
pub mod alike;

/// How common a name of a person is.
pub mod frequency;

/// Parts of names of other languages.
pub mod transliteration;

/// Names of other languages in Latin letters.
pub mod latin_parts;

/// Signs and descriptions for lost characters.
pub mod person_lost;

/// Forms of address and labels around a name.
pub mod person_titles;

/// The forms in which a written name may be meant.
pub mod person_forms;

/// Two written names, character by character.
pub mod person_edits;

/// Two names of other languages.
pub mod person_foreign;

/// Names with some characters in pinyin.
pub mod person_mixed;

/// Names in Latin letters.
pub mod romanised;

/// Names of persons.
pub mod person;

/// Names of organisations.
pub mod organisation;

/// A name that is looked for, parsed once and compared with many.
pub mod query;
