//! The durable record of every answer and of what was then done.
//!
//! In: drafts of records. Out: check_ids that rise, and records that are in the kernel when an
//! append returns and on the disk when somebody has waited for it. A folder of segments written
//! with zeros beforehand, one order of all frames, one thread that syncs. A write or sync that
//! fails ends the log for good. Identifiers stand in no record: a keyed digest in the open part,
//! the request itself in the sealed part, encrypted under the key of its month.

/// Why the log cannot be opened, written or read.
pub mod error;
/// Figures that telemetry reads.
pub mod counters;
/// Numbers and texts inside payloads.
pub mod codec;
/// Citizen numbers in free text, masked before a record is made.
pub mod redact;
/// The log's keys: one set for each month, one for feedback.
pub mod keys;
/// Records as callers draft them, and their bytes.
pub mod record;
/// Texts and contexts that records of a segment name by number.
pub mod intern;
/// Records as readers see them.
pub mod entry;
/// Files of the log: names, headers, preparation beforehand.
pub mod segment;
/// The secret of each month, which is destroyed when the month is.
pub mod months;
/// Months as shards, where their trees stand.
pub mod shards;
/// Frames read back from the files.
pub mod frames;
/// The tree of one month while it grows.
pub mod grown;
/// Keeps the trees of all months.
pub mod keeper;
/// What a start needs of a full segment.
pub mod side_start;
/// A file beside each full segment: who stands in it, and where.
pub mod side_file;
/// A full segment that a start need not read.
pub mod full;
/// Reading all segments in order, to where whole frames end.
pub mod chain;
/// Where checks stand, without memory for each.
pub mod index;
/// One check in the stretch in which it must stand.
pub mod lookup;
/// What was done after which check.
pub mod feedback;
/// Reading back at start: the last whole frame, damage, what has to be repaired.
pub mod recovery;
/// Numbers of checks, rising.
pub mod check_ids;
/// What a segment's side file holds, gathered from its frames.
pub mod side_contents;
/// Which side file or segment answers, damage or not.
pub mod side;
/// One check and what concerns it, without reading the whole log.
pub mod by_check;
/// The thread that makes side files.
pub mod side_maker;
/// Appending under one lock: order, check_ids, roll-over.
pub mod appender;
/// Reading a log folder offline, or beside the writer.
pub mod query;
/// What two persons sign before a month is destroyed.
pub mod expiry_order;
/// What an expired month leaves behind.
pub mod expired;
/// One segment, looked at for `hecha log verify`.
pub mod inspected;
/// Whether a log is whole.
pub mod verify;
/// Rounds of the tree, and what is known of it.
pub mod trees;
/// What the log and its threads share.
pub mod syncing;
/// The open log: appends, waiting for the disk, the thread that syncs.
pub mod writer;
/// A few records at a time.
pub mod page;
/// Who asked about a person.
pub mod subject;
/// What readers ask of the open log.
pub mod reading;
/// Which answers relied on an entry.
pub mod recall;
/// How many subjects each unit has asked about today.
pub mod today;
/// The latest checks with their requests, to be decided again.
pub mod replay;
/// What witnesses have signed, and what is to be sent to them.
pub mod witnessed;
/// One check, provable without the log.
pub mod receipt;
/// The end of a month, by order of two persons.
pub mod expiry;
/// The log continues what somebody kept of it.
pub mod proof;
/// A new log where an older one cannot be continued.
pub mod epoch;

#[cfg(test)]
mod tests;
