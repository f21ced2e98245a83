//! Identifier numbers of persons and organisations.
//!
//! In: text as people and systems write it. Out: parsed numbers (full, or masked as lists show
//! them), and keyed digests of them. Nothing here prints a number: `Debug` is masked, there is no
//! `Display`. Decision rules 1.3; GB 11643, GB 32100, GB 11714.

/// Types of identifier.
pub mod kind;

/// What can be wrong with a number.
pub mod fault;

mod characters;

/// GB 11643 citizen identity numbers.
pub mod citizen_id;

/// GB 32100 unified social credit codes and GB 11714 organisation codes.
pub mod credit_code;

/// A full, valid, normalised number.
pub mod document;

/// Numbers as lists show them, with `*` for hidden characters.
pub mod mask;

/// Keyed digests: the only form in which a number is stored.
pub mod digest;

/// Citizen numbers in free text, found and masked.
pub mod free_text;

/// Numbers for samples, benches and tests that can belong to nobody.
pub mod synthetic;
