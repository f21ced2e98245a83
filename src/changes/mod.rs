//! What differs between two snapshots, and whether the later one may restrict anyone.
//!
//! In: two snapshots, the law, limits. Out: entries added, changed, removed; figures by list and
//! authority; people newly and no longer restricted; the limits that the figures exceed. Pure: no
//! clock, no disk. Nothing here names a person: figures, lists, authorities, entry_ids.
//!
//! Records are compared by the MACs of section `content`. Its key is derived from the master key
//! by a label and a salt of its own, the same for every build, so equal records have equal MACs in
//! every build of one master. A MAC covers all that a record says, `submitted_at` too: that moment
//! decides which record of a case sets the last day, and whether a corrected one counts again.

/// Records of files that have no MAC in common.
pub mod facts;
/// Entries added, changed, removed; figures by list and authority.
pub mod compare;
/// People newly restricted and no longer restricted.
pub mod subjects;
/// The limits, and which of them are exceeded.
pub mod gates;
