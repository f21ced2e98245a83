//! Names of persons and organisations: one form for comparing them, and how likely two of them are
//! the same name.
//!
//! In: a name as people and systems write it. Out: its folded form, keys under which similar names
//! are found, and a judgement with its reasons. Decision rules 3. Knows no list and no law: what
//! follows from a similar name is decided elsewhere, and it is never more than a review.

/// The table of variant characters, compiled in.
pub mod variants;

/// The folded form of a name.
pub mod fold;

/// A long text, folded, that remembers where its characters stood.
pub mod passage;

/// How two names differ, and how likely they are the same.
pub mod similarity;

/// Names of persons.
pub mod person;

/// Names of organisations.
pub mod organisation;

/// A name that is looked for, parsed once and compared with many.
pub mod query;
