//! List files in; validated records, faults and warnings out; the faulty ones in a quarantine file.
//!
//! A line becomes a tree (`node`), the tree a record as written (`record`), that a record of the
//! model (`party`, `validate`). `ndjson` does this for files of any size on all cores, in order.
//! Contract, section 3; decision rules 2.7. Numbers are in clear here and leave only inside
//! `model::entry::ListRecord`; no fault, warning or quarantine row carries a value of a record.

/// What can be wrong with a record: codes, places, texts.
pub mod fault;
/// One line of JSON as a tree that remembers repeated keys.
pub mod node;
/// A record as written: known fields, their JSON types.
pub mod record;
/// Numbers of one party, and what they tell of birth and gender.
pub mod numbers;
/// Subject or holder: names, numbers, facts that contradict each other.
pub mod party;
/// A whole record against the contract and the catalogue.
pub mod validate;
/// A stream of bytes cut into blocks of whole lines.
pub mod blocks;
/// Files of records, in blocks, in parallel, in order.
pub mod ndjson;
/// The file of what was left out.
pub mod quarantine;
/// The sample list: invented records and questions, as of a day.
pub mod sample;

#[cfg(test)]
mod tests;
