//! Law as data: lists, scenarios, conditions, measures. Decides nothing.

/// Conditions of measures, parsed once.
pub mod condition;
/// Lists and how their terms are counted.
pub mod list;
/// Measures.
pub mod measure;
/// Scenarios and their attributes.
pub mod scenario;
