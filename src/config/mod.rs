//! The configuration file, as written and as used.
//!
//! Start at `load` in load.rs: a file and `HECHA__` variables in, one checked `Config` out. Each
//! value keeps its place until it is checked, so that a fault names file and line or variable.

/// As written: every key with its place.
pub mod file;

/// TLS of the listeners.
pub mod tls;

/// Witnesses of the decision log.
pub mod witness;
/// Limits of units; acts of two persons.
pub mod limits;

/// As used: every key checked, with its default.
pub mod resolved;

/// From file and environment to what is used.
pub mod load;
