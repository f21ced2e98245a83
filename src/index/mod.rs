//! Look-ups inside a snapshot. In: a snapshot and a digest, a folded name or an entry_id. Out: row
//! numbers, name numbers, entries. Pure; reads the snapshot in place and never writes.

/// Hash tables whose unit is a cache line.
pub mod line_table;

/// Identifier digests to parties of entries.
pub mod identifiers;

/// Folded names to entries.
pub mod names;

/// entry_ids to entries.
pub mod entry_ids;

/// Names similar to one that is looked for.
pub mod similar;

/// What scans look for.
pub mod patterns;

/// Listed names inside a long text.
pub mod scan;

/// Whether all rows of a snapshot make sense.
pub mod deep;

/// How a snapshot's lists and grades meet the catalogue's.
pub mod binding;

/// One bit an entry: whether it counts on a day.
pub mod standing;
