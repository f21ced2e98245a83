//! Placeholder.

/// Client records as written: their file and its shape.
pub mod client_record;

/// Clients as used: who asks, what they may.
pub mod client;
