//! One check and what concerns it, without reading the whole log.
//!
//! In: a check_id. Out: its record, feedback on it, events that concern it, as `query::read` would
//! show them. Segments are halved by the check_ids of their side files, for check_ids rise; then
//! at most 256 checks are read, and behind them one filter block of each later segment. A segment
//! without a side file, such as the last one, is read: what concerns a check may stand anywhere
//! behind it, and that a prepared one is blank is known only when all of it was seen.

use super::entry::{self, Names, Record};
use super::error::LogError;
use super::frames::{self, LoneFrame};
use super::lookup::FoundCheck;
use super::record::{
    CheckId, KIND_CHECK, KIND_CONTEXT, KIND_EVENT, KIND_FEEDBACK, KIND_SEGMENT, KIND_TEXT, Position,
};
use super::segment::{self, Header};
use super::side::{Fault, Mend, SideSegment, Sides};
use super::side_contents;
use super::side_file::SideKey;
use crate::storage::append::{self, Frame, ScanEnd};
use crate::storage::disk::Storage;
use std::convert::Infallible;
use std::path::Path;

/// Bytes in which the first check of a segment stands, nearly always.
const BEGINNING_BYTES: usize = 64 << 10;

/// What was found, and how much was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByCheck {
    /// Records in their order.
    pub records: Vec<Record>,
    /// Segments of which at least the side file was looked at.
    pub segments: u64,
}

/// Reads beside the writer; changes nothing.
///
/// Errors: damage where something was read, a missing segment, the file system.
pub fn read(storage: &dyn Storage, folder: &Path, wanted: CheckId) -> Result<ByCheck, LogError> {
    let sides = Sides {
        storage,
        folder,
        mend: Mend::Leave,
    };
    let numbers = segment::numbers(storage, folder)?;
    let mut found = ByCheck::default();
    let Some(first) = segment_of(sides, &numbers, wanted, &mut found.segments)? else {
        return Ok(found);
    };
    for (place, number) in numbers.iter().enumerate().skip(first) {
        let next = numbers.get(place + 1).copied();
        let stored = sides.stored(*number)?;
        let by_side = stored.map(|mut segment| in_segment(&mut segment, wanted));
        let records = match by_side {
            Some(Ok(records)) => Some(records),
            Some(Err(Fault::Log(error))) => return Err(error),
            Some(Err(Fault::Side)) | None => in_frames(sides, *number, next, wanted)?,
        };
        let Some(records) = records else {
            break;
        };
        found.segments += 1;
        found.records.extend(records);
    }
    Ok(found)
}

/// The frames without which a check cannot be read, in their order.
pub(super) struct CheckFrames {
    /// Month of the keys of its segment.
    pub month: String,
    /// The header of its segment first, then the texts it names, the check last.
    pub frames: Vec<LoneFrame>,
}

/// Reads a side file, at most 256 checks and the texts of one; beside the writer too.
///
/// Errors: as `read`.
pub(super) fn frames(
    storage: &dyn Storage,
    folder: &Path,
    wanted: CheckId,
) -> Result<Option<CheckFrames>, LogError> {
    let sides = Sides {
        storage,
        folder,
        mend: Mend::Leave,
    };
    let numbers = segment::numbers(storage, folder)?;
    let Some(place) = segment_of(sides, &numbers, wanted, &mut 0)? else {
        return Ok(None);
    };
    let next = numbers.get(place + 1).copied();
    let found = sides.look(numbers[place], next, |segment| {
        let Some(check) = check_frame(segment, wanted)? else {
            return Ok(None);
        };
        let mut frames = segment.names_of(&check)?;
        frames.push(segment.frame(0)?);
        frames.push(check);
        frames.sort_unstable_by_key(|frame| frame.position);
        let month = segment.head().header.month.clone();
        Ok(Some(CheckFrames { month, frames }))
    })?;
    Ok(found.flatten())
}

/// What the log itself needs of a check in a full segment.
///
/// Errors: as `read`.
pub(super) fn found(
    storage: &dyn Storage,
    folder: &Path,
    number: u64,
    wanted: CheckId,
) -> Result<Option<FoundCheck>, LogError> {
    let sides = Sides {
        storage,
        folder,
        mend: Mend::Leave,
    };
    let found = sides.look(number, Some(number + 1), |segment| {
        let Some(frame) = check_frame(segment, wanted)? else {
            return Ok(None);
        };
        let unit = segment.check(&frame)?.unit;
        let head = entry::check_head(frame.payload()).ok_or(Fault::Side)?;
        Ok(Some(FoundCheck::new(&head, frame.position, unit)))
    })?;
    Ok(found.flatten())
}

/// Place of the last segment whose first check is not behind the wanted one.
fn segment_of(
    sides: Sides<'_>,
    numbers: &[u64],
    wanted: CheckId,
    looked: &mut u64,
) -> Result<Option<usize>, LogError> {
    let (mut low, mut high) = (0, numbers.len());
    let mut found = None;
    while low < high {
        // A segment without checks says nothing: the one before it is asked.
        let middle = low + (high - low) / 2;
        let mut place = middle;
        let first = loop {
            let next = numbers.get(place + 1).copied();
            *looked += 1;
            match first_check(sides, numbers[place], next)? {
                Some(first) => break Some(first),
                None if place == low => break None,
                None => place -= 1,
            }
        };
        match first {
            Some(first) if first > wanted => high = place,
            Some(_) => {
                found = Some(place);
                low = middle + 1;
            }
            None => low = middle + 1,
        }
    }
    Ok(found)
}

/// The first check of a segment, if it has any. It stands near the beginning.
fn first_check(
    sides: Sides<'_>,
    number: u64,
    next: Option<u64>,
) -> Result<Option<CheckId>, LogError> {
    let of_side = |segment: SideSegment<'_>| {
        let head = segment.head();
        (head.check_count > 0).then_some(head.checks.0)
    };
    if let Some(segment) = sides.stored(number)? {
        return Ok(of_side(segment));
    }
    let bytes = sides.beginning(number, BEGINNING_BYTES)?;
    if next.is_none() && append::is_blank(&bytes, 0) {
        return Ok(None);
    }
    let mut first = None;
    let scanned = append::scan(&bytes, None, |frame| {
        if first.is_none() && frame.kind == KIND_CHECK {
            first = entry::check_head(frame.payload).map(|head| head.check_id);
        }
        Ok::<(), Infallible>(())
    });
    let Ok(_end) = scanned;
    match first {
        Some(first) => Ok(Some(first)),
        None => Ok(sides.gathered(number, next)?.and_then(of_side)),
    }
}

/// What concerns a check in a segment without a side file, by reading it; nothing where it has no
/// frame.
fn in_frames(
    sides: Sides<'_>,
    number: u64,
    next: Option<u64>,
    wanted: CheckId,
) -> Result<Option<Vec<Record>>, LogError> {
    let name = segment::file_name(number);
    let (mut seen, mut has_header) = (Concerning::new(wanted), false);
    let sound = frames::read_sound(&*sides.open(number)?, |frame| {
        if frame.kind == KIND_SEGMENT {
            has_header = Header::read(frame.payload)?.number == number;
        }
        seen.see(frame)
    });
    match sound.map_err(LogError::io("read", name))? {
        Some(0) if next.is_none() => return Ok(None),
        Some(_) if has_header => return Ok(Some(seen.records)),
        // It is not as it should be, or not the last one and without records.
        _ => {}
    }
    let (bytes, fullness) = sides.load(number, next)?;
    let mut seen = Concerning::new(wanted);
    let end = side_contents::scan(number, &bytes, fullness, |frame| seen.see(frame))?;
    Ok((end.next_index > 0).then_some(seen.records))
}

/// What concerns a check, of frames that are shown in order.
struct Concerning {
    wanted: CheckId,
    names: Names,
    records: Vec<Record>,
}

impl Concerning {
    fn new(wanted: CheckId) -> Self {
        Self {
            wanted,
            names: Names::default(),
            records: Vec::new(),
        }
    }

    /// Nothing where the frame makes no sense.
    fn see(&mut self, frame: Frame<'_>) -> Option<()> {
        let (payload, position) = (frame.payload, Position(frame.index));
        let (wanted, names) = (self.wanted, &mut self.names);
        match frame.kind {
            KIND_TEXT | KIND_CONTEXT => {
                names.learn(frame.kind, payload)?;
            }
            KIND_CHECK if entry::check_head(payload)?.check_id == wanted => {
                let check = entry::check(payload, position, names)?;
                self.records.push(Record::Check(Box::new(check)));
            }
            KIND_FEEDBACK if entry::feedback_head(payload)?.0.check_id == wanted => {
                let said = entry::feedback(payload, position, names)?;
                self.records.push(Record::Feedback(said));
            }
            KIND_EVENT if entry::event_check_id(payload)? == Some(wanted) => {
                let event = entry::event(payload, position, names)?;
                self.records.push(Record::Event(event));
            }
            _ => {}
        }
        Some(())
    }
}

fn in_segment(segment: &mut SideSegment<'_>, wanted: CheckId) -> Result<Vec<Record>, Fault> {
    let mut records = Vec::new();
    let (first, last) = segment.head().checks;
    if segment.head().check_count > 0
        && first <= wanted
        && wanted <= last
        && let Some(frame) = check_frame(segment, wanted)?
    {
        records.push(Record::Check(Box::new(segment.check(&frame)?)));
    }
    if segment.head().concerning > 0 {
        for offset in segment.offsets(SideKey::of_check(wanted))? {
            let frame = segment.frame(offset)?;
            records.extend(concerning(segment, &frame, wanted)?);
        }
    }
    Ok(records)
}

/// Feedback or an event, where it concerns this check indeed.
pub(super) fn concerning(
    segment: &mut SideSegment<'_>,
    frame: &LoneFrame,
    wanted: CheckId,
) -> Result<Option<Record>, Fault> {
    let (payload, position) = (frame.payload(), frame.position);
    let of = match frame.kind {
        KIND_FEEDBACK => entry::feedback_head(payload).map(|(head, _)| head.check_id),
        KIND_EVENT => entry::event_check_id(payload).flatten(),
        _ => return Err(Fault::Side),
    };
    if of != Some(wanted) {
        return Ok(None);
    }
    let record = match frame.kind {
        KIND_FEEDBACK => {
            Record::Feedback(segment.with_names(|names| entry::feedback(payload, position, names))?)
        }
        _ => Record::Event(segment.with_names(|names| entry::event(payload, position, names))?),
    };
    Ok(Some(record))
}

fn check_frame(segment: &SideSegment<'_>, wanted: CheckId) -> Result<Option<LoneFrame>, Fault> {
    let Some((from, to)) = segment.stretch(wanted)? else {
        return Ok(None);
    };
    let len = usize::try_from(to.saturating_sub(from)).map_err(|_| Fault::Side)?;
    let mut bytes = vec![0; len];
    let read = segment.file()?.read_at(from, &mut bytes);
    let name = segment::file_name(segment.head().header.number);
    let read = read.map_err(LogError::io("read", name))?;
    let mut found = None;
    let mut scan = ScanEnd::start(None);
    let scanned = scan.resume(&bytes[..read], |frame| {
        let head = (frame.kind == KIND_CHECK).then(|| entry::check_head(frame.payload));
        if head.flatten().is_some_and(|head| head.check_id == wanted) {
            found = Some(LoneFrame::new(&frame, &bytes));
        }
        Ok::<(), Infallible>(())
    });
    let Ok(()) = scanned;
    match scan.offset as usize == len {
        true => Ok(found),
        // Damage before the end, or places of another segment: the segment is gathered anew.
        false => Err(Fault::Side),
    }
}
