//! Names of persons and organisations: one form for comparing them.
//!
//! In: a name as people and systems write it. Out: its folded form; two names are equal when their
//! folded forms are. Decision rules 3. Knows no list and no law; judges nothing: whether names are
//! similar is not decided here.

/// The table of variant characters, compiled in.
pub mod variants;

/// The folded form of a name.
pub mod fold;
