//! One segment, looked at for `hecha log verify`: hashes of its frames, and what makes no sense.
//!
//! In: the file of a segment. Out: the hash of each whole frame in order, where frames end, every
//! finding with its offset. Knows nothing of other segments: segments are looked at in parallel.

use super::entry::{self, Names};
use super::error::LogError;
use super::keys;
use super::record::{
    CheckId, KIND_CHECK, KIND_CONTEXT, KIND_EVENT, KIND_FEEDBACK, KIND_SEGMENT, KIND_TEXT, Position,
};
use super::segment::{self, Header};
use crate::model::term::Moment;
use crate::storage::append::{self, Frame, KIND_MARK, ScanEnd};
use crate::storage::disk::{self, Storage};
use crate::tree::merkle::{Hash, leaf_hash};
use std::convert::Infallible;
use std::path::Path;

/// Times that a tail which is not whole is read again: somebody may be writing it.
const LOOKS_MAX: u32 = 4;

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the log folder.
    pub file: String,
    /// Where in it.
    pub offset: u64,
    /// What.
    pub what: String,
}

/// A segment that was looked at.
#[derive(Debug, Default)]
pub(super) struct Inspected {
    pub header: Option<Header>,
    pub first_index: u64,
    pub next_index: u64,
    pub bytes: u64,
    /// Hash of each frame, and where it begins.
    pub leaves: Vec<(Hash, u64)>,
    pub checks: u64,
    pub first_check: Option<CheckId>,
    pub last_check: Option<CheckId>,
    pub findings: Vec<Finding>,
}

/// Looks at a segment. A prepared one, of zeros alone, has no header and no finding.
///
/// Errors: the file system.
pub(super) fn inspect(
    storage: &dyn Storage,
    folder: &Path,
    number: u64,
    is_last: bool,
) -> Result<Inspected, LogError> {
    let name = segment::file_name(number);
    let opened = storage.open_to_read(&folder.join(&name));
    let file = opened.map_err(LogError::io("open", name.as_str()))?;
    let mut bytes = Vec::new();
    let mut looker = Looker {
        name,
        month_end: None,
        names: Names::default(),
        seen: Inspected::default(),
    };
    let mut end = ScanEnd::start(None);
    for _ in 0..LOOKS_MAX {
        let read = disk::read_all_into(&*file, &mut bytes);
        read.map_err(LogError::io("read", looker.name.as_str()))?;
        let Ok(()) = end.resume(&bytes, |frame| {
            looker.see(&frame, &bytes);
            Ok::<(), Infallible>(())
        });
        if append::is_blank(&bytes, end.offset) {
            break;
        }
    }
    looker.end(&bytes, end, is_last);
    Ok(looker.seen)
}

struct Looker {
    name: String,
    month_end: Option<Moment>,
    names: Names,
    seen: Inspected,
}

impl Looker {
    fn see(&mut self, frame: &Frame<'_>, bytes: &[u8]) {
        let hash = leaf_hash(frame.whole(bytes));
        if self.seen.leaves.is_empty() {
            self.seen.first_index = frame.index;
        }
        self.seen.leaves.push((hash, frame.offset));
        if let Err(what) = self.sense(frame) {
            self.find(frame.offset, what);
        }
    }

    /// Whether a record makes sense beside those before it.
    fn sense(&mut self, frame: &Frame<'_>) -> Result<(), &'static str> {
        const UNREADABLE: &str = "a record is whole and makes no sense";
        let (payload, position) = (frame.payload, Position(frame.index));
        let moment = match frame.kind {
            KIND_SEGMENT if frame.offset == 0 => {
                let header = Header::read(payload).ok_or("the header makes no sense")?;
                let begun = header.begun;
                self.month_end = Some(keys::month_end(begun));
                self.seen.header = Some(header);
                Some(begun)
            }
            KIND_SEGMENT => return Err("a header stands amid a segment"),
            KIND_TEXT | KIND_CONTEXT => {
                self.names.learn(frame.kind, payload).ok_or(UNREADABLE)?;
                None
            }
            KIND_CHECK => {
                let check = entry::check(payload, position, &self.names).ok_or(UNREADABLE)?;
                let last = self.seen.last_check.replace(check.check_id);
                self.seen.first_check.get_or_insert(check.check_id);
                self.seen.checks += 1;
                if last.is_some_and(|last| last >= check.check_id) {
                    return Err("a check_id does not rise");
                }
                let said = entry::check_head(payload).and_then(|head| head.segment);
                if said.is_some_and(|said| segment::number_of(&self.name) != Some(said)) {
                    return Err("a check was written in another segment");
                }
                Some(check.moment)
            }
            KIND_FEEDBACK => {
                let said = entry::feedback(payload, position, &self.names);
                Some(said.ok_or(UNREADABLE)?.moment)
            }
            KIND_EVENT => {
                let event = entry::event(payload, position, &self.names);
                Some(event.ok_or(UNREADABLE)?.moment)
            }
            KIND_MARK if payload.len() != 8 => return Err(UNREADABLE),
            _ => None,
        };
        match moment.zip(self.month_end) {
            Some((moment, end)) if moment >= end => Err("a moment lies after the end of its month"),
            _ => Ok(()),
        }
    }

    fn end(&mut self, bytes: &[u8], end: ScanEnd, is_last: bool) {
        let len = bytes.len() as u64;
        self.seen.bytes = len;
        self.seen.next_index = end.next_index;
        if end.unknown_format.is_some() {
            return self.find(
                end.offset,
                "a record of a format that this version does not know",
            );
        }
        if self.seen.leaves.is_empty() {
            let is_prepared = is_last && append::is_blank(bytes, 0);
            if !is_prepared {
                self.find(0, "the file does not begin with the header of its segment");
            }
            return;
        }
        let number = segment::number_of(&self.name);
        match &self.seen.header {
            None => self.find(0, "the file does not begin with the header of its segment"),
            Some(header) if Some(header.number) != number => {
                self.find(0, "the header is that of another segment");
            }
            Some(header) if header.segment_bytes != len => {
                self.find(
                    len,
                    "the file does not have the length with which it was made",
                );
            }
            Some(_) => {}
        }
        if !append::is_blank(bytes, end.offset) {
            self.find(
                end.offset,
                "not whole from here on: damaged, or, where a crash has just torn it, cut off by \
                 the next start",
            );
        }
    }

    fn find(&mut self, offset: u64, what: &str) {
        self.seen.findings.push(Finding {
            file: self.name.clone(),
            offset,
            what: what.to_owned(),
        });
    }
}
