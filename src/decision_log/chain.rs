//! Reading all segments of a log in order, to where whole frames end.
//!
//! In: a folder. Out: every frame, once, in order, or what is known of a full segment instead of
//! its frames, where the reader wants no more; and where and how they end: as they should, in a
//! tail that a crash has torn, or in damage. Damage is what a later frame states to have been on
//! the disk and what cannot be read; a file that is shorter than it was made; a gap. Changes
//! nothing. Also reads a log that is being written: what looks like damage is looked at again.

use super::entry;
use super::error::LogError;
use super::full::FullSegment;
use super::record::{KIND_CHECK, KIND_EVENT, KIND_FEEDBACK, KIND_SEGMENT};
use super::segment::{self, Header, SEGMENT_UNIT_BYTES};
use crate::model::term::Moment;
use crate::storage::append::{self, Frame, KIND_MARK, ScanEnd};
use crate::storage::disk::{self, Storage};
use std::path::Path;

/// Times that a place which looks damaged in a log that is being written is read again.
const LOOKS_MAX: u32 = 4;

/// Whether somebody may be writing while the log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// Nobody: the lock is held.
    No,
    /// Perhaps.
    Perhaps,
}

/// A segment that was read.
#[derive(Debug, Clone)]
pub(super) struct ReadSegment {
    pub header: Header,
    pub end: ScanEnd,
}

/// Where the frames of a log end.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// Segments with at least one frame, in order.
    pub segments: Vec<ReadSegment>,
    /// Highest index that a frame states to be on the disk.
    pub synced_through: u64,
    /// Bytes behind the last whole frame that are not zeros: a torn tail.
    pub torn: Option<Torn>,
    /// A prepared segment without a frame, the last one, and its size in bytes.
    pub prepared: Option<(u64, u64)>,
}

/// What has to go before the log can be written on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Torn {
    /// Offset in the last of `Chain::segments` from which on its bytes are to be zero; `None`
    /// where that segment ends as it should.
    pub offset: Option<u64>,
    /// Segments from this number on hold nothing that counts.
    pub remove_from: u64,
}

impl Chain {
    /// Index of the next frame, from 1.
    pub fn next_index(&self) -> u64 {
        self.segments.last().map_or(1, |last| last.end.next_index)
    }
}

/// What a reader sees.
pub(super) enum Seen<'a> {
    /// A frame, with the header of its segment.
    Frame(&'a Header, Frame<'a>),
    /// A full segment, instead of its frames.
    Full(&'a FullSegment),
}

/// Reads a log. `visit` sees each frame with the header of its segment.
pub(super) fn read(
    storage: &dyn Storage,
    folder: &Path,
    writing: Writing,
    visit: impl FnMut(&Header, Frame<'_>) -> Result<(), LogError>,
) -> Result<Chain, LogError> {
    read_last(storage, folder, writing, usize::MAX, visit)
}

/// The same of the last `segments_max` segments; a prepared one is not counted. What stands before
/// them is not looked at.
pub(super) fn read_last(
    storage: &dyn Storage,
    folder: &Path,
    writing: Writing,
    segments_max: usize,
    mut visit: impl FnMut(&Header, Frame<'_>) -> Result<(), LogError>,
) -> Result<Chain, LogError> {
    let mut numbers = segment::numbers(storage, folder)?;
    // One more for the prepared one.
    let skipped = numbers.len().saturating_sub(segments_max.saturating_add(1));
    numbers.drain(..skipped);
    let visit = |seen: Seen<'_>| match seen {
        Seen::Frame(header, frame) => visit(header, frame),
        Seen::Full(_) => Ok(()),
    };
    read_numbers(storage, folder, writing, &numbers, |_| None, visit)
}

/// Reads a log that nobody writes, but for the full segments of which `known` says enough. Never of
/// the last one, which has to be read.
pub(super) fn read_unknown(
    storage: &dyn Storage,
    folder: &Path,
    known: impl Fn(u64) -> Option<FullSegment>,
    visit: impl FnMut(Seen<'_>) -> Result<(), LogError>,
) -> Result<Chain, LogError> {
    let numbers = segment::numbers(storage, folder)?;
    read_numbers(storage, folder, Writing::No, &numbers, known, visit)
}

fn read_numbers(
    storage: &dyn Storage,
    folder: &Path,
    writing: Writing,
    numbers: &[u64],
    known: impl Fn(u64) -> Option<FullSegment>,
    mut visit: impl FnMut(Seen<'_>) -> Result<(), LogError>,
) -> Result<Chain, LogError> {
    let mut reader = Reader {
        storage,
        folder,
        bytes: Vec::new(),
        chain: Chain::default(),
    };
    let mut place = 0;
    let mut looks = 0;
    while let Some(number) = numbers.get(place) {
        let later = &numbers[place + 1..];
        let full = (!later.is_empty()).then(|| known(*number)).flatten();
        let step = match full.filter(|full| reader.continues(full)) {
            Some(full) => reader.pass(&full, &mut visit)?,
            None => reader.segment(*number, later.is_empty(), &mut visit)?,
        };
        match step {
            Step::Whole => {
                place += 1;
                looks = 0;
            }
            Step::Prepared(bytes) => {
                reader.chain.prepared = Some((*number, bytes));
                break;
            }
            Step::Broken(broken) => {
                if reader.stated(&broken, later)? < broken.index {
                    let next = reader.chain.segments.last().map(|last| last.header.number);
                    reader.chain.torn = Some(Torn {
                        offset: (Some(broken.number) == next).then_some(broken.offset),
                        remove_from: next.map_or(*number, |last| last + 1),
                    });
                    break;
                }
                if writing == Writing::No || looks == LOOKS_MAX {
                    return Err(reader.damaged(&broken));
                }
                // The segment before may have been read before it was full.
                looks += 1;
                let read = reader.chain.segments.last();
                if read.is_some_and(|last| last.header.number < broken.number) {
                    place -= 1;
                }
            }
        }
    }
    for read in &reader.chain.segments {
        let through = reader.chain.synced_through.max(read.end.synced_through);
        reader.chain.synced_through = through;
    }
    Ok(reader.chain)
}

struct Reader<'a> {
    storage: &'a dyn Storage,
    folder: &'a Path,
    bytes: Vec<u8>,
    chain: Chain,
}

enum Step {
    /// Frames, then zeros to the end.
    Whole,
    /// Nothing but zeros, in the last segment.
    Prepared(u64),
    /// Frames end where other bytes stand.
    Broken(Broken),
}

struct Broken {
    number: u64,
    offset: u64,
    /// Index of the frame that should stand there.
    index: u64,
    /// A whole frame of a later index stands there: those between are gone.
    gap: bool,
}

impl Reader<'_> {
    fn continues(&self, full: &FullSegment) -> bool {
        let before = self.chain.segments.last();
        before.is_none_or(|last| last.end.next_index == full.head.first_index)
    }

    fn pass(
        &mut self,
        full: &FullSegment,
        visit: &mut impl FnMut(Seen<'_>) -> Result<(), LogError>,
    ) -> Result<Step, LogError> {
        visit(Seen::Full(full))?;
        self.chain.segments.push(ReadSegment {
            header: full.head.header.clone(),
            end: ScanEnd {
                offset: full.head.end,
                next_index: full.head.next_index,
                synced_through: full.start.synced_through,
                unknown_format: None,
            },
        });
        Ok(Step::Whole)
    }

    fn segment(
        &mut self,
        number: u64,
        is_last: bool,
        visit: &mut impl FnMut(Seen<'_>) -> Result<(), LogError>,
    ) -> Result<Step, LogError> {
        self.load(number)?;
        let name = segment::file_name(number);
        let known = self.chain.segments.last();
        let resumed = known.filter(|last| last.header.number == number).cloned();
        let (mut header, mut end) = match resumed {
            Some(read) => {
                self.chain.segments.pop();
                (Some(read.header), read.end)
            }
            None => (None, ScanEnd::start(known.map(|last| last.end.next_index))),
        };
        if header.is_none() && is_last && append::is_blank(&self.bytes, 0) {
            return prepared(&name, self.bytes.len() as u64);
        }
        end.resume(&self.bytes, |frame| {
            if frame.offset == 0 {
                header = Some(first_frame(&name, number, frame)?);
            }
            header
                .as_ref()
                .map_or(Ok(()), |header| visit(Seen::Frame(header, frame)))
        })?;
        if let Some(format) = end.unknown_format {
            return Err(LogError::UnknownFormat {
                file: name,
                offset: end.offset,
                format,
            });
        }
        let Some(header) = header else {
            return Ok(Step::Broken(self.broken(number, end)));
        };
        let (len, expected) = (self.bytes.len() as u64, header.segment_bytes);
        self.chain.segments.push(ReadSegment { header, end });
        if len != expected {
            return Err(LogError::Damaged {
                file: name,
                offset: len.min(expected),
                detail: "the file does not have the length with which it was made",
            });
        }
        match append::is_blank(&self.bytes, end.offset) {
            true => Ok(Step::Whole),
            false => Ok(Step::Broken(self.broken(number, end))),
        }
    }

    fn load(&mut self, number: u64) -> Result<(), LogError> {
        let name = segment::file_name(number);
        let opened = self.storage.open_to_read(&self.folder.join(&name));
        let file = opened.map_err(LogError::io("open", name.as_str()))?;
        disk::read_all_into(&*file, &mut self.bytes).map_err(LogError::io("read", name))
    }

    fn broken(&self, number: u64, end: ScanEnd) -> Broken {
        let index = end.next_index.max(1);
        let found = append::decode(&self.bytes, end.offset);
        let gap = matches!(found, append::Found::Frame(frame, _) if frame.index > index);
        Broken {
            number,
            offset: end.offset,
            index,
            gap,
        }
    }

    /// Highest index that frames at and behind a place state to have been on the disk.
    fn stated(&mut self, broken: &Broken, later: &[u64]) -> Result<u64, LogError> {
        let mut stated = append::stated_behind(&self.bytes, broken.offset);
        for number in later {
            self.load(*number)?;
            stated = stated.max(append::stated_behind(&self.bytes, 0));
        }
        Ok(stated)
    }

    fn damaged(&self, broken: &Broken) -> LogError {
        let before = self.chain.segments.last();
        match before.filter(|_| broken.gap && broken.offset == 0) {
            Some(before) => LogError::Damaged {
                file: segment::file_name(before.header.number),
                offset: before.end.offset,
                detail: "records that were on the disk are missing",
            },
            None => LogError::Damaged {
                file: segment::file_name(broken.number),
                offset: broken.offset,
                detail: "a record that was on the disk cannot be read",
            },
        }
    }
}

/// A segment without frames must have a size that segments have.
fn prepared(name: &str, bytes: u64) -> Result<Step, LogError> {
    if bytes == 0 || !bytes.is_multiple_of(SEGMENT_UNIT_BYTES) {
        return Err(LogError::Damaged {
            file: name.to_owned(),
            offset: bytes,
            detail: "the file does not have the length with which it was made",
        });
    }
    Ok(Step::Prepared(bytes))
}

fn first_frame(name: &str, number: u64, frame: Frame<'_>) -> Result<Header, LogError> {
    let header = match frame.kind {
        KIND_SEGMENT => Header::read(frame.payload),
        _ => None,
    };
    let fits = header.filter(|header| header.number == number);
    fits.ok_or_else(|| LogError::Damaged {
        file: name.to_owned(),
        offset: 0,
        detail: "the file does not begin with the header of its segment",
    })
}

/// A frame that is whole and whose record cannot be read.
pub(super) fn nonsense(number: u64, offset: u64) -> LogError {
    LogError::Damaged {
        file: segment::file_name(number),
        offset,
        detail: "a record is whole and makes no sense",
    }
}

/// The moment that a frame states, if it states one; nothing where it makes no sense.
pub(super) fn moment_of(frame: &Frame<'_>) -> Option<Option<Moment>> {
    let payload = frame.payload;
    Some(Some(match frame.kind {
        KIND_SEGMENT => Header::read(payload)?.begun,
        KIND_CHECK => entry::check_head(payload)?.moment,
        KIND_FEEDBACK => entry::feedback_head(payload)?.0.moment,
        KIND_EVENT => entry::event_moment(payload)?,
        KIND_MARK => Moment(i64::from_le_bytes(payload.try_into().ok()?)),
        _ => return Some(None),
    }))
}
