//! Reading a log folder offline, or beside the writer: records that pass a filter, in their order.
//!
//! In: a folder, a filter. Out: open parts as plain data; sealed parts stay sealed. Takes no lock
//! and changes nothing. Damage is an error with file and offset; a tail that a crash has torn, or
//! that is being written just now, is only said.

use super::chain::{self, Writing, nonsense};
use super::entry::{self, Names, Record};
use super::error::LogError;
use super::record::{
    CheckId, KIND_CHECK, KIND_CONTEXT, KIND_EVENT, KIND_FEEDBACK, KIND_SEGMENT, KIND_TEXT, Position,
};
use super::recovery::Cut;
use super::segment::{self, Header};
use crate::model::term::Moment;
use crate::storage::append::Frame;
use crate::storage::disk::Storage;
use std::ops::ControlFlow;
use std::path::Path;

/// Which records are wanted; all that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The check itself, feedback on it, events that concern it.
    pub check_id: Option<CheckId>,
    /// Records of this unit.
    pub unit: Option<String>,
    /// Not before this moment.
    pub from: Option<Moment>,
    /// Before this moment.
    pub until: Option<Moment>,
    /// Checks that relied on this entry, acts on it.
    pub entry_id: Option<String>,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Segments with records.
    pub segments: u64,
    /// Whole frames.
    pub frames: u64,
    /// Records that passed the filter.
    pub records: u64,
    /// A tail that is not whole.
    pub tail: Option<Cut>,
}

/// Reads a log. `visit` sees each record that passes, and may end it.
///
/// Errors: damage, a format not known, a missing segment, the file system.
pub fn read(
    storage: &dyn Storage,
    folder: &Path,
    filter: &Filter,
    mut visit: impl FnMut(Record) -> ControlFlow<()>,
) -> Result<Summary, LogError> {
    read_by_segment(storage, folder, filter, |_, record| visit(record))
}

/// As `read`; `visit` also sees the head of the segment, by which a sealed part is opened.
pub fn read_by_segment(
    storage: &dyn Storage,
    folder: &Path,
    filter: &Filter,
    mut visit: impl FnMut(&Header, Record) -> ControlFlow<()>,
) -> Result<Summary, LogError> {
    let mut summary = Summary::default();
    let mut names = Names::default();
    let mut ended = false;
    let chain = chain::read(storage, folder, Writing::Perhaps, |header, frame| {
        summary.frames += 1;
        if frame.kind == KIND_SEGMENT {
            names = Names::default();
            summary.segments += 1;
        }
        if ended {
            return Ok(());
        }
        let taken = take(frame, &mut names, filter);
        let Some(record) = taken.ok_or_else(|| nonsense(header.number, frame.offset))? else {
            return Ok(());
        };
        summary.records += 1;
        ended = visit(header, record).is_break();
        Ok(())
    })?;
    summary.tail = chain.torn.map(|torn| match chain.segments.last() {
        None => Cut {
            file: segment::file_name(torn.remove_from),
            offset: 0,
        },
        Some(last) => Cut {
            file: segment::file_name(last.header.number),
            offset: last.end.offset,
        },
    });
    Ok(summary)
}

/// The frame's record where it passes the filter; nothing where it makes no sense.
pub(super) fn take(frame: Frame<'_>, names: &mut Names, filter: &Filter) -> Option<Option<Record>> {
    let (payload, position) = (frame.payload, Position(frame.index));
    let record = match frame.kind {
        KIND_TEXT | KIND_CONTEXT => {
            names.learn(frame.kind, payload)?;
            return Some(None);
        }
        KIND_CHECK => {
            let head = entry::check_head(payload)?;
            if !filter.takes(Some(head.check_id), head.moment) {
                return Some(None);
            }
            Record::Check(Box::new(entry::check(payload, position, names)?))
        }
        KIND_FEEDBACK => Record::Feedback(entry::feedback(payload, position, names)?),
        KIND_EVENT => Record::Event(entry::event(payload, position, names)?),
        _ => return Some(None),
    };
    Some(filter.passes(&record).then_some(record))
}

impl Filter {
    /// Whether a record passes.
    pub fn passes(&self, record: &Record) -> bool {
        let (check_id, moment, unit) = match record {
            Record::Check(check) => (Some(check.check_id), check.moment, Some(&check.unit)),
            Record::Feedback(said) => (Some(said.check_id), said.moment, Some(&said.unit)),
            Record::Event(event) => (event.check_id, event.moment, event.unit.as_ref()),
        };
        let of_unit = |wanted: &String| unit.is_some_and(|unit| **unit == **wanted);
        self.takes(check_id, moment)
            && self.unit.as_ref().is_none_or(of_unit)
            && self
                .entry_id
                .as_ref()
                .is_none_or(|wanted| concerns(record, wanted))
    }

    fn takes(&self, check_id: Option<CheckId>, moment: Moment) -> bool {
        self.check_id.is_none_or(|wanted| check_id == Some(wanted))
            && self.from.is_none_or(|from| moment >= from)
            && self.until.is_none_or(|until| moment < until)
    }
}

fn concerns(record: &Record, entry_id: &str) -> bool {
    match record {
        Record::Check(check) => check
            .relied
            .iter()
            .any(|relied| &*relied.entry_id == entry_id),
        Record::Feedback(_) => false,
        Record::Event(event) => {
            let mut details = event.details.iter();
            details.any(|(name, text)| &**name == "entry_id" && &**text == entry_id)
        }
    }
}
