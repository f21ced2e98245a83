//! hecha answers one question for systems that cannot wait: may this person or organisation do
//! this, and on what legal ground not?
//!
//! The rooms stand in the order the data flow; a room imports only rooms that stand before it
//! (`tests/tidy.rs` holds this). ARCHITECTURE.md is the map in words.

// Tests share files with benches, which know this crate by its name.
#[cfg(test)]
extern crate self as hecha;

// Ground: knows no list, no law, no clock.
/// Names of people and organisations: folding to one form, equality.
pub mod name;
/// Identifier numbers: parsing, check characters, masks, keyed digests.
pub mod identifier;
/// Threads whose work may wait for that of others.
pub mod threads;
/// Files that must not be lost: real and simulated disk, framed append, replace by rename.
pub mod storage;
/// Keys: master keys, derivation, sealing, entropy.
pub mod seal;
/// The tree over the records of the log: hashes, proofs, signed checkpoints.
pub mod tree;

// Words and law.
/// The words everything else speaks: subject, entry, term, decision.
pub mod model;
/// Law as data: lists, scenarios, conditions, measures.
pub mod catalogue;

// Write path.
/// List files in, validated records and a quarantine file out.
pub mod intake;
/// The immutable snapshot file: container, manifest, entries, publishing.
pub mod snapshot;
/// Look-ups inside a snapshot: identifiers, postings, names, standing bits.
pub mod index;
/// What differs between two snapshots, and whether the later one may restrict anyone.
pub mod changes;
/// The story of `hecha build`.
pub mod build;

// Read path.
/// What outlives snapshots: acts on entries and their journal.
pub mod overlay;
/// The story of one check: candidates, identity, measures, caps, outcome.
pub mod check;
/// The durable record of every answer and of what was then done.
pub mod decision_log;

// Service.
/// Every JSON shape the outside sees.
pub mod wire;
/// Every metric and event name, once.
pub mod telemetry;
/// Who asks too much: rate, daily subjects, asking that looks like gathering the list.
pub mod limits;
/// The running service without HTTP: clients, views, acts.
pub mod gateway;
/// HTTP: listeners, routes, limits.
pub mod http;

// Tools and assembly.
/// Bulk runs: a file of subjects in, a file of decisions out.
pub mod screen;
/// Labelled cases in, figures out.
pub mod eval;
/// The configuration file, as written and as used.
pub mod config;
/// A file per command.
pub mod cli;
