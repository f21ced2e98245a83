//! What outlives snapshots: what operators did to entries, and the journal that keeps it.
//!
//! Acts are keyed by entry_id, cumulative over snapshots, rollbacks and restarts. Nobody who was
//! released comes back by an older list.

/// Acts, and which entries they take out.
pub mod standing;
/// The durable journal of acts.
pub mod journal;
