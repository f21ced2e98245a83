//! Files that must not be lost.
//!
//! In: bytes and paths. Out: files whose loss, tearing and damage is found. `disk` is the seam to
//! the file system, `simulated` its double that forgets; `append` frames records with checksums and
//! tells a torn tail from damage; `replace` swaps a whole file; `flat_table` writes rows as
//! Parquet. Knows nothing of what it stores.

/// The seam to the file system, and the real one.
pub mod disk;
/// A disk in memory that loses, tears and reorders what was not synced.
pub mod simulated;
/// Framed, checksummed files that only grow.
pub mod append;
/// Replacing a whole file by a new one: write aside, sync, rename.
pub mod replace;
/// A table of flat columns as a Parquet file.
pub mod flat_table;
/// Whether a file was changed, without reading it.
pub mod stamp;
/// Seeded schedules of faults, for tests.
#[cfg(test)]
pub mod schedule;
