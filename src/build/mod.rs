//! The story of `hecha build`.

/// Inputs and errors.
pub mod inputs;
mod interner;
mod prepare;
mod store;
mod arrange;
mod identifiers;
mod groups;
