//! A few records at a time, in their order, beside the writer: what is read over HTTP.
//!
//! In: a filter, the position behind which to go on, bounds. Out: records that pass, and where to
//! go on. Segments that lie wholly before what is asked for are not read, only their heads; one
//! call reads at most `SEGMENTS_MAX`, so that it ends soon however rare the wanted ones are. Whole
//! frames alone are believed; damage inside what is read is an error. Changes nothing.

use super::chain::nonsense;
use super::entry::{Names, Record};
use super::error::LogError;
use super::query::{Filter, take};
use super::record::KIND_SEGMENT;
use super::segment::{self, Header};
use crate::model::term::Moment;
use crate::storage::append::{self, Found, ScanEnd};
use crate::storage::disk::{self, Storage};
use std::path::Path;

/// Segments that one call reads at most.
pub const SEGMENTS_MAX: usize = 16;
/// Bytes in which the head of a segment stands.
const HEAD_BYTES: usize = 512;
/// Moments of records may stand this much out of order: they are taken before the append.
const DISORDER_SECONDS: i64 = 60;

/// What one call has read.
#[derive(Debug, Default)]
pub struct Page {
    /// Records that pass, oldest first.
    pub records: Vec<Record>,
    /// Go on behind this position; `None` at the end of the log as it is.
    pub next: Option<u64>,
}

/// The first `records_max` records behind the position `after`.
///
/// Errors: damage, a format not known, a missing segment, the file system.
pub fn read(
    storage: &dyn Storage,
    folder: &Path,
    filter: &Filter,
    after: u64,
    records_max: usize,
) -> Result<Page, LogError> {
    let heads = heads(storage, folder)?;
    let first = first_segment(&heads, filter, after);
    let mut page = Page::default();
    let mut bytes = Vec::new();
    for (place, head) in heads.iter().enumerate().skip(first) {
        if filter.until.is_some_and(|until| head.begun > later(until)) {
            return Ok(page);
        }
        if place - first == SEGMENTS_MAX {
            page.next = Some(head.index - 1);
            return Ok(page);
        }
        let name = segment::file_name(head.number);
        let file = storage.open_to_read(&folder.join(&name));
        let file = file.map_err(LogError::io("open", name.as_str()))?;
        disk::read_all_into(&*file, &mut bytes).map_err(LogError::io("read", name.as_str()))?;
        let is_last = place + 1 == heads.len();
        let reading = Reading {
            filter,
            after,
            records_max,
            page: &mut page,
        };
        if let Some(at) = reading.segment(head, &bytes, is_last)? {
            page.next = Some(at);
            return Ok(page);
        }
    }
    Ok(page)
}

/// What is known of a segment without reading it.
#[derive(Debug, Clone, Copy)]
struct Head {
    number: u64,
    /// Index of its first frame.
    index: u64,
    begun: Moment,
}

/// Heads of all segments that have begun.
fn heads(storage: &dyn Storage, folder: &Path) -> Result<Vec<Head>, LogError> {
    let mut heads = Vec::new();
    let mut bytes = [0; HEAD_BYTES];
    for number in segment::numbers(storage, folder)? {
        let name = segment::file_name(number);
        let file = storage.open_to_read(&folder.join(&name));
        let file = file.map_err(LogError::io("open", name.as_str()))?;
        let read = file.read_at(0, &mut bytes);
        let read = read.map_err(LogError::io("read", name.as_str()))?;
        let Found::Frame(frame, _) = append::decode(&bytes[..read], 0) else {
            // Prepared, or being written just now; damage is found where it is read.
            break;
        };
        let header = (frame.kind == KIND_SEGMENT).then(|| Header::read(frame.payload));
        let header = header.flatten().ok_or_else(|| nonsense(number, 0))?;
        heads.push(Head {
            number,
            index: frame.index,
            begun: header.begun,
        });
    }
    Ok(heads)
}

/// The first segment that may hold something wanted: what comes before the next one is older.
fn first_segment(heads: &[Head], filter: &Filter, after: u64) -> usize {
    let is_before = |next: &Head| {
        let is_read = next.index <= after.saturating_add(1);
        is_read || filter.from.is_some_and(|from| later(next.begun) < from)
    };
    let nexts = heads.get(1..).unwrap_or_default();
    nexts.iter().take_while(|next| is_before(next)).count()
}

fn later(moment: Moment) -> Moment {
    moment.plus_seconds(DISORDER_SECONDS)
}

struct Reading<'a> {
    filter: &'a Filter,
    after: u64,
    records_max: usize,
    page: &'a mut Page,
}

/// Why the frames of a segment are not read further.
enum Stop {
    Fault(LogError),
    /// The page is full with the record of this position.
    Full(u64),
}

impl Reading<'_> {
    /// Where the page is full, inside this segment.
    fn segment(self, head: &Head, bytes: &[u8], is_last: bool) -> Result<Option<u64>, LogError> {
        let mut names = Names::default();
        let mut scan = ScanEnd::start(Some(head.index));
        let read = scan.resume(bytes, |frame| {
            let (index, offset) = (frame.index, frame.offset);
            let taken = take(frame, &mut names, self.filter);
            let taken = taken.ok_or_else(|| Stop::Fault(nonsense(head.number, offset)))?;
            let Some(record) = taken.filter(|_| index > self.after) else {
                return Ok(());
            };
            self.page.records.push(record);
            match self.page.records.len() < self.records_max {
                true => Ok(()),
                false => Err(Stop::Full(index)),
            }
        });
        match read {
            Err(Stop::Fault(fault)) => return Err(fault),
            Err(Stop::Full(index)) => return Ok(Some(index)),
            Ok(()) => (),
        }
        // The last one may be written just now; others end where zeros begin.
        let ends_well = is_last || append::is_blank(bytes, scan.offset);
        match (scan.unknown_format, ends_well) {
            (Some(format), _) => Err(LogError::UnknownFormat {
                file: segment::file_name(head.number),
                offset: scan.offset,
                format,
            }),
            (None, true) => Ok(None),
            (None, false) => Err(LogError::Damaged {
                file: segment::file_name(head.number),
                offset: scan.offset,
                detail: "a record that was on the disk cannot be read",
            }),
        }
    }
}
