//! The immutable snapshot file: one build of all lists, read in place by every gateway.
//!
//! In: bytes of a file, or rows that a build has sorted. Out: checked sections, behind accessors
//! that never panic and never read out of bounds, whatever the file holds. Facts only: what follows
//! from law is derived elsewhere. No clock, no identifier number in clear.
//!
//! A file is opened in this order: `mapping` brings its bytes into memory safely, `container`
//! checks header, table, checksums and padding, `manifest` says what was built, `entries` gives
//! the rows their meaning, `open` puts them together. `publish` is the pointer `current.json`.

/// Bytes of a file in memory; the one place with `unsafe`.
pub mod mapping;

/// Header, section table, checksums.
pub mod container;

/// What was built, from what, with which tables.
pub mod manifest;

/// Keys derived for one build.
pub mod keys;

/// Rows of the sections.
pub mod entries;

/// Rows that only look-ups read.
pub mod rows;

/// Texts of which only the digits are their own.
pub mod digits;

/// What an answer shows of an entry.
pub mod cold;

/// Names and item sizes of the sections.
pub mod sections;

/// Where the sections lie.
pub mod tables;

/// Sections that only scans read.
pub mod scan_sections;

/// A snapshot, opened and verified.
pub mod open;

/// What a signature of a snapshot says.
pub mod statement;

/// A signed, dated act that lets a gateway serve an older version.
pub mod rollback_order;

/// Signature files.
pub mod signature;

/// Whose signatures count.
pub mod trust;

/// The pointer `current.json`.
pub mod publish;
