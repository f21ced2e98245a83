//! A naive model of the decision, written from the decision rules alone: a linear scan over list
//! records in clear, every rule in the order of the page, slow and plain.
//!
//! In: records, acts, the ages of the lists, the tables as text, a client, a question, a moment.
//! Out: the answer. It shares no code with `check`, `index`, `overlay` or `catalogue`: only the
//! words of `model`, the normal form of numbers, `fold` for the equality of names and
//! the matcher's judgement on one pair of names, which it asks of all pairs.

/// Section 3: who is who.
pub mod identity;
/// The tables, read literally.
pub mod law;
/// Sections 4 to 6: matches, measures, effects.
pub mod matching;
/// What is asked and what is answered.
pub mod question;
/// Section 2: which entries count.
pub mod standing;
