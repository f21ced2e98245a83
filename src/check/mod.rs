//! The story of one check: request, candidates, identity, disclosure, measures, caps, outcome.
//!
//! In: a view (snapshot, catalogue, standing, the unit's policy), a request, a moment. Out: what
//! follows and why. Pure: no I/O, no clock, no async. Decision rules 2 to 6.

/// The answer, before it becomes JSON.
pub mod outcome;
/// The question, after parsing and validation.
pub mod request;
