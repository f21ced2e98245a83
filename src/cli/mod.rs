//! Placeholder.

/// `hecha client`: who may ask.
pub mod client;

/// `hecha key`: master keys.
pub mod key;
/// `hecha eval`: labelled cases in, figures out.
pub mod eval;
