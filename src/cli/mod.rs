//! Placeholder.

/// `hecha client`: who may ask.
pub mod client;

/// `hecha key`: master keys.
pub mod key;
