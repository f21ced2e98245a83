//! Every JSON shape the outside sees: bodies in, answers and problems out.
//!
//! Carries decisions, makes none. A body becomes a tree (`json`), the tree a request (`request`),
//! the outcome an answer (`answer`); whatever goes wrong is a `problem`.

/// Strict JSON into a small tree.
pub mod json;
/// Pieces of JSON written into a buffer.
pub mod text;
/// RFC 9457 problems.
pub mod problem;
/// The body of a check.
pub mod request;
/// The body of many checks.
pub mod checks;
/// What decisions and reasons are called.
pub mod sayings;
/// Why a match is thought to be one.
pub mod explanation;
/// Which fields of a match a unit may see.
pub mod fields;
/// The answer of a check.
pub mod answer;
/// Body and answer of a scan.
pub mod scan;
/// The request as its record keeps it.
pub mod normalised;
/// The request back from its record.
pub mod replayed;
/// Bodies of acts and feedback; what operators read of law and snapshot.
pub mod ops;
/// Choosing a snapshot, going back, what serves.
pub mod snapshot;
/// Bodies of holds and outcomes; what operators read of entries.
pub mod acts;
/// Units and their limits; acts of two persons.
pub mod units;
/// Recalls as operators read them.
pub mod recalls;
/// Who asked about a person.
pub mod subject;
/// Records of the log as auditors read them.
pub mod records;
/// Records of the log as rows of a table.
pub mod exported;

/// The file of a receipt.
pub mod receipt;
