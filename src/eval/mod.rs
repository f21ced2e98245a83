//! Labelled cases in, figures out.
//!
//! `hecha eval decisions`: each case brings its own entries, client, acts and moment, goes through
//! the whole pipeline in process, and is compared with what it expects. `hecha eval names`: each
//! pair of names is scored, and the scores are compared with the labels.

/// Files of cases.
pub mod cases;
/// Whether an answer is what a case expects.
pub mod judgement;
/// Cases through the whole pipeline.
pub mod decisions;
/// Pairs of names through the matcher.
pub mod names;
