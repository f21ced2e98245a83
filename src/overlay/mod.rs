//! What outlives snapshots: what operators did to entries, and the journal that keeps it.
//!
//! Acts are keyed by entry_id, cumulative over snapshots, rollbacks and restarts. Nobody who was
//! released comes back by an older list. A hold ends by an outcome only: its clock (`calendar`)
//! makes lateness visible and changes nothing.

/// One act as it was kept.
pub mod record;
/// Acts, and which entries they take out.
pub mod standing;
/// Working days and the clocks of procedures.
pub mod calendar;
/// Objections that wait for an outcome, and which acts may follow which.
pub mod holds;
/// The durable journal of acts.
pub mod journal;
/// Acts on their way to other gateways.
pub mod delta;
