//! Placeholder.

/// `hecha client`: who may ask.
pub mod client;

/// `hecha key`: master keys.
pub mod key;
/// `hecha eval`: labelled cases in, figures out.
pub mod eval;

/// `hecha build`: list files in, one snapshot file out.
pub mod build;

/// `hecha inspect`: what a snapshot file is.
pub mod inspect;

/// `hecha publish`: puts a snapshot where gateways find it.
pub mod publish;
