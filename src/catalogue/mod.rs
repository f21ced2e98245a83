//! Law as data: lists, scenarios, conditions, measures. Decides nothing.
//!
//! Start at `load` in load.rs: four tables in, one immutable `Catalogue` out, or every fault with
//! its file, line and column. Decision rules 2.2, 2.6, 5 and 6 are read from here by `check`.
//! The order below is the import order.

/// Scenarios and their attributes.
pub mod scenario;

/// Lists and how their terms are counted.
pub mod list;

/// Conditions of measures, parsed once.
pub mod condition;

/// Measures, and the catalogue that holds everything.
pub mod measure;

/// What can be wrong in a table, with its place.
pub mod fault;

/// Tab separated text in, rows with their places out.
pub mod table;

/// One row in, one list, scenario or measure out.
pub mod rows;

/// The story of loading.
pub mod load;
