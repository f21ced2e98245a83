//! Placeholder.

/// `hecha build`.
pub mod build;

/// `hecha inspect`.
pub mod inspect;

/// `hecha publish`.
pub mod publish;
