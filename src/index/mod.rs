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

/// Tables of names under keys: many names a key.
pub mod key_table;

/// Sets of keys that say which look-ups are worth making.
pub mod key_filter;

/// Keys of listed names, and the tables of all of them.
pub mod name_keys;

/// Names that share a key with one that is looked for.
pub mod candidates;

/// Names similar to one that is looked for.
pub mod similar;

/// Whether the tables of similar names make sense.
pub mod name_check;

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
