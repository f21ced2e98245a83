//! Bulk runs: many subjects against a list without a gateway.
//!
//! In: files of subjects, views. Out: a line for each subject. Decides nothing itself: every
//! subject goes through `gateway::question`, as over HTTP.

/// Known subjects against what a new snapshot changes.
pub mod changes;
