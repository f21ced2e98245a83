//! The tree over the records of the log, and what is proved with it.
//!
//! In: hashes of records, public and signing keys. Out: roots, proofs that verify without the log,
//! signed checkpoints. Whoever holds a checkpoint can show later that a record stood in the log
//! (inclusion) and that nothing before it was changed or taken away (consistency). RFC 6962 and
//! RFC 9162; files and notes as C2SP writes them. Knows no record and no request.

/// Hashes, roots and proofs: made from stored hashes, verified from nothing but the proof.
pub mod merkle;
/// Signed notes: checkpoints of a log and the cosignatures of its witnesses.
pub mod note;
/// Which log and which month a checkpoint speaks of.
pub mod origin;
/// What a log sends to a witness.
pub mod submission;
/// A witness: what it remembers, what it signs.
pub mod witness;
/// The stored hashes of one tree: a file for each tile level.
pub mod levels;
