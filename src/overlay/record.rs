//! One act as it was kept: what was done, by whom, why, and what hangs on it.
//!
//! Values only. How they stand in the file is `journal.rs`, what they mean is `standing.rs` and
//! `holds.rs`.

use crate::model::entry::Act;
use crate::model::term::Moment;

/// Until when an objection is to be answered. Being late changes nothing but a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// The first moment that is too late.
    pub due: Moment,
    /// Which clock says so: an id of `deadlines.tsv`, or `stated`.
    pub clock: Box<str>,
}

/// Where an act came from, if from another gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Id of the key that signed it.
    pub issuer: Box<str>,
    /// Its number there.
    pub sequence: u64,
}

/// Hash of list, case and name: the same case under another entry_id is known by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CaseMark(pub [u8; 16]);

/// One act as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its number, from 1, as `Overlay::sequence` counts.
    pub sequence: u64,
    /// What was done.
    pub act: Act,
    /// Unit that did it.
    pub unit: Box<str>,
    /// Why.
    pub reason: Box<str>,
    /// Document it rests on.
    pub reference: Box<str>,
    /// Until when a hold is to be answered.
    pub deadline: Option<Deadline>,
    /// Another gateway's act.
    pub origin: Option<Origin>,
    /// The case that a hold concerns.
    pub case: Option<CaseMark>,
}

impl JournalEntry {
    /// An act without anything that hangs on it; the journal gives the number.
    pub fn new(act: Act, unit: &str, reason: &str, reference: &str) -> Self {
        Self {
            sequence: 0,
            act,
            unit: unit.into(),
            reason: reason.into(),
            reference: reference.into(),
            deadline: None,
            origin: None,
            case: None,
        }
    }
}
