//! Placeholder of the journal.
