//! Reading back at start: what the log holds, what a crash has torn, what has to be repaired.
//!
//! In: a folder whose lock is held. Out: everything that appending needs to go on after the last
//! whole frame, which is then on the disk. Of full segments the side files say it (`full.rs`); the
//! last segment, and each whose side file is not to be believed, is read whole. Damage that is seen
//! stops before anything is changed. What had only
//! reached the kernel is written again before it is synced: a sync that failed in a former run may
//! have left pages that are in memory, count as clean, and are not on the disk.

use super::chain::{self, Chain, Seen, nonsense};
use super::counters::owes_report;
use super::entry;
use super::error::LogError;
use super::feedback::FeedbackMap;
use super::full::{self, FullSegment};
use super::index::LogIndex;
use super::intern::{self, NextNumbers, Table};
use super::keys::LogKeys;
use super::months;
use super::record::{
    CheckId, KIND_CHECK, KIND_CONTEXT, KIND_FEEDBACK, KIND_SEGMENT, KIND_TEXT, Position,
};
use super::segment::{self, Header, Preparation};
use super::shards::SegmentSpan;
use crate::model::term::Moment;
use crate::seal::entropy::Entropy;
use crate::storage::append::{self, Frame};
use crate::storage::disk::{self, FolderLock, Storage, StoredFile};
use crate::storage::replace;
use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// File whose lock tells that a log is open.
pub const LOCK_FILE: &str = "log.lock";

/// What was found when a log was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Whole frames.
    pub frames: u64,
    /// Checks among them.
    pub checks: u64,
    /// Feedback among them.
    pub feedback: u64,
    /// Blocks and limits among the checks on which nobody has reported.
    pub unreported: u64,
    /// Highest moment of any record: a clock that shows less has gone back.
    pub highest_moment: Option<Moment>,
    /// A torn tail that was cut off.
    pub cut: Option<Cut>,
}

/// A tail that a crash had torn. No record that was acknowledged at level `disk` was in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub file: String,
    /// Where it was cut.
    pub offset: u64,
}

/// What appending needs to go on.
pub(super) struct Recovered {
    pub recovery: Recovery,
    pub index: LogIndex,
    pub feedback: FeedbackMap,
    /// The segment to go on in, the offset in it, its free numbers.
    pub last: Option<(Header, u64, NextNumbers)>,
    pub prepared: Option<(u64, u64)>,
    pub next_index: u64,
    pub last_check: Option<CheckId>,
    /// Segments with frames, and their months.
    pub spans: Vec<SegmentSpan>,
}

impl Recovered {
    /// Number of the last segment with records; 0 where there is none.
    pub fn last_number(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.0.number)
    }

    /// The log's salt; a new one where the log begins.
    pub fn salt(&self, entropy: &dyn Entropy) -> [u8; 32] {
        let mut salt = [0; 32];
        match &self.last {
            Some((header, ..)) => salt = header.salt,
            None => entropy.fill(&mut salt),
        }
        salt
    }
}

/// Reads a log and repairs its tail.
pub(super) fn recover(
    storage: &dyn Storage,
    folder: &Path,
    keys: &LogKeys,
) -> Result<Recovered, LogError> {
    let name = || folder.display().to_string();
    replace::clean(storage, folder).map_err(LogError::io("clean", name()))?;
    months::clean(storage, folder).map_err(LogError::io("clean", name()))?;
    let (memory, chain) = read(storage, folder, keys)?;
    remove_sides(storage, folder, &chain)?;
    let recovery = Recovery {
        cut: repair(storage, folder, &chain)?,
        unreported: memory.unreported.len() as u64,
        ..memory.recovery
    };
    let last = chain.segments.last();
    Ok(Recovered {
        recovery,
        index: memory.index,
        feedback: memory.feedback,
        next_index: chain.next_index(),
        last: last.map(|last| (last.header.clone(), last.end.offset, memory.numbers)),
        prepared: chain.prepared,
        last_check: memory.last_check,
        spans: memory.spans,
    })
}

/// So many of the newest segments are read at every start, whatever their side files say: damage
/// to what was written last stops a start. Some 0.1 s each at 64 MiB.
const READ_SEGMENTS: u64 = 6;

/// Reads what has to be read. A second time where the segment to go on in is one whose side file
/// was believed, because nothing behind it counts: its texts and numbers are needed.
fn read<'k>(
    storage: &dyn Storage,
    folder: &Path,
    keys: &'k LogKeys,
) -> Result<(Memory<'k>, Chain), LogError> {
    let newest = segment::numbers(storage, folder)?.last().copied();
    let mut below = match cfg!(test) {
        // Unit tests hold what is believed to what is read, in logs of a few segments.
        true => u64::MAX,
        false => newest.unwrap_or(0).saturating_sub(READ_SEGMENTS),
    };
    loop {
        let mut memory = Memory::new(keys);
        let known = |number| match number < below {
            true => full::known(storage, folder, number),
            false => None,
        };
        let chain = chain::read_unknown(storage, folder, known, |seen| match seen {
            Seen::Frame(header, frame) => memory.see(header, frame),
            Seen::Full(segment) => {
                memory.pass(segment);
                Ok(())
            }
        })?;
        let last = chain.segments.last().map_or(0, |last| last.header.number);
        if memory.passed != Some(last) {
            return Ok((memory, chain));
        }
        below = last;
    }
}

/// Creates the folder where absent and takes its lock.
pub(super) fn take_folder(storage: &dyn Storage, folder: &Path) -> Result<FolderLock, LogError> {
    let name = || folder.display().to_string();
    let created = storage.create_folder(folder);
    created.map_err(LogError::io("create", name()))?;
    // A process that was killed may have made a file whose name is not yet on the disk.
    let synced = storage.sync_folder(folder);
    synced.map_err(LogError::io("sync the folder", name()))?;
    storage.lock(&folder.join(LOCK_FILE)).map_err(|source| {
        if source.kind() == io::ErrorKind::WouldBlock {
            return LogError::InUse { folder: name() };
        }
        LogError::io("lock", name())(source)
    })
}

/// The making of the next segment, where a former run has left it.
pub(super) fn preparation(
    storage: &dyn Storage,
    folder: &Path,
    segment_bytes: u64,
    recovered: &Recovered,
) -> Result<Preparation, LogError> {
    Ok(match recovered.prepared {
        None => Preparation::new(folder, recovered.last_number() + 1, segment_bytes),
        Some((number, bytes)) => {
            let file = open_segment(storage, folder, number)?;
            Preparation::ready(folder, number, file, bytes)
        }
    })
}

/// A segment, to be written on.
pub(super) fn open_segment(
    storage: &dyn Storage,
    folder: &Path,
    number: u64,
) -> Result<Arc<dyn StoredFile>, LogError> {
    let name = segment::file_name(number);
    let opened = storage.open(&folder.join(&name));
    opened.map_err(LogError::io("open", name))
}

/// What the frames have said so far.
struct Memory<'k> {
    keys: &'k LogKeys,
    index: LogIndex,
    feedback: FeedbackMap,
    key: Option<u8>,
    numbers: NextNumbers,
    last_check: Option<CheckId>,
    spans: Vec<SegmentSpan>,
    /// Blocks and limits without feedback so far.
    unreported: HashSet<CheckId>,
    /// The last segment of which the side file was believed.
    passed: Option<u64>,
    recovery: Recovery,
}

impl<'k> Memory<'k> {
    fn new(keys: &'k LogKeys) -> Self {
        Self {
            keys,
            index: LogIndex::default(),
            feedback: FeedbackMap::default(),
            key: None,
            numbers: NextNumbers::default(),
            last_check: None,
            spans: Vec::new(),
            unreported: HashSet::new(),
            passed: None,
            recovery: Recovery::default(),
        }
    }

    /// A full segment, as its side file gives it: what `see` would have gathered of its frames.
    fn pass(&mut self, segment: &FullSegment) {
        let (head, start) = (&segment.head, &segment.start);
        let key = self.begin(&head.header, head.first_index);
        let has_checks = head.check_count > 0;
        self.index.pass(has_checks.then_some(head.checks.0));
        if has_checks {
            self.last_check = self.last_check.max(Some(head.checks.1));
        }
        self.unreported.extend(&start.owing);
        for (said, position) in &start.feedback {
            self.feedback.add(said, *position, key);
            self.unreported.remove(&said.check_id);
        }
        let recovery = &mut self.recovery;
        recovery.frames += head.next_index - head.first_index;
        recovery.checks += head.check_count;
        recovery.feedback += start.feedback.len() as u64;
        recovery.highest_moment = recovery.highest_moment.max(Some(start.highest_moment));
        self.passed = Some(head.header.number);
    }

    /// A segment begins; the number of its key for feedback.
    fn begin(&mut self, header: &Header, first_index: u64) -> u8 {
        self.index.begin(header.number);
        self.spans.push(SegmentSpan {
            number: header.number,
            month: header.month.clone(),
            first_index,
        });
        self.numbers = NextNumbers::default();
        let key = || self.keys.feedback(header.key_id, &header.salt);
        let key = self.feedback.add_key(header.key_id, key);
        self.key = Some(key);
        key
    }

    fn see(&mut self, header: &Header, frame: Frame<'_>) -> Result<(), LogError> {
        self.recovery.frames += 1;
        let moment = chain::moment_of(&frame).filter(|_| self.take(header, frame).is_some());
        let moment = moment.ok_or_else(|| nonsense(header.number, frame.offset))?;
        self.recovery.highest_moment = self.recovery.highest_moment.max(moment);
        Ok(())
    }

    /// Nothing where the frame makes no sense.
    fn take(&mut self, header: &Header, frame: Frame<'_>) -> Option<()> {
        let payload = frame.payload;
        match frame.kind {
            KIND_SEGMENT => {
                self.begin(header, frame.index);
            }
            KIND_TEXT => {
                let text = intern::read_text(payload)?;
                self.numbers.see_text(&text);
                if text.table == Table::Unit as u8 {
                    self.index.add_unit(text.number, text.text);
                }
            }
            KIND_CONTEXT => self.numbers.see_context(intern::read_context(payload)?.0),
            KIND_CHECK => {
                let head = entry::check_head(payload)?;
                self.index.add_check(head.check_id, frame.offset);
                self.last_check = self.last_check.max(Some(head.check_id));
                self.recovery.checks += 1;
                if owes_report(head.decision) {
                    self.unreported.insert(head.check_id);
                }
            }
            KIND_FEEDBACK => {
                let (head, _) = entry::feedback_head(payload)?;
                self.feedback.add(&head, Position(frame.index), self.key?);
                self.recovery.feedback += 1;
                self.unreported.remove(&head.check_id);
            }
            _ => {}
        }
        Some(())
    }
}

/// Takes away the torn tail and makes durable what stays. Says where it cut.
fn repair(storage: &dyn Storage, folder: &Path, chain: &Chain) -> Result<Option<Cut>, LogError> {
    let mut cut = None;
    if let Some(torn) = chain.torn {
        let last = chain.segments.last();
        cut = Some(Cut {
            file: segment::file_name(last.map_or(torn.remove_from, |last| last.header.number)),
            offset: last.map_or(0, |last| last.end.offset),
        });
        remove_from(storage, folder, torn.remove_from)?;
    }
    let last = chain.segments.last().map(|last| last.header.number);
    for read in &chain.segments {
        let is_last = Some(read.header.number) == last;
        if is_last || read.end.next_index > chain.synced_through + 1 {
            let number = read.header.number;
            settle(storage, folder, number, chain.synced_through, is_last)?;
        }
    }
    Ok(cut)
}

/// Removes side files of the segment that is written on and of those behind it: what they say of it
/// will not be all. Before anything of a segment is cut.
fn remove_sides(storage: &dyn Storage, folder: &Path, chain: &Chain) -> Result<(), LogError> {
    let name = || folder.display().to_string();
    let last = chain.segments.last().map_or(0, |last| last.header.number);
    let listed = storage.list(folder).map_err(LogError::io("list", name()))?;
    let mut removed_any = false;
    for name in listed {
        if segment::side_number_of(&name).is_some_and(|number| number >= last) {
            let removed = storage.remove(&folder.join(&name));
            removed.map_err(LogError::io("remove", name))?;
            removed_any = true;
        }
    }
    if removed_any {
        // One that came back after a cut of power would speak for less than its segment holds.
        let synced = storage.sync_folder(folder);
        synced.map_err(LogError::io("sync the folder", name()))?;
    }
    Ok(())
}

/// Removes segments, the highest first, so that what is left has no gap at any moment.
fn remove_from(storage: &dyn Storage, folder: &Path, first: u64) -> Result<(), LogError> {
    let numbers = segment::numbers(storage, folder)?;
    let mut removed = false;
    for number in numbers
        .into_iter()
        .rev()
        .take_while(|number| *number >= first)
    {
        let name = segment::file_name(number);
        let gone = storage.remove(&folder.join(&name));
        gone.map_err(LogError::io("remove", name.as_str()))?;
        storage
            .sync_folder(folder)
            .map_err(LogError::io("sync the folder of", name))?;
        removed = true;
    }
    debug_assert!(removed || first > 0);
    Ok(())
}

/// Writes again what is not known to be on the disk, of the last segment the zeros behind its
/// frames too, and syncs. Zeros that are read prove nothing: where a former run cut a torn tail and
/// its sync failed, memory shows them and the disk has the old frames, which would come back.
fn settle(
    storage: &dyn Storage,
    folder: &Path,
    number: u64,
    synced_through: u64,
    is_last: bool,
) -> Result<(), LogError> {
    let name = segment::file_name(number);
    let fault = |deed| LogError::io(deed, name.as_str());
    let file = storage.open(&folder.join(&name)).map_err(fault("open"))?;
    let mut bytes = disk::read_all(&*file).map_err(fault("read"))?;
    let mut from = bytes.len() as u64;
    let scanned = append::scan(&bytes, None, |frame| {
        if frame.index > synced_through {
            from = from.min(frame.offset);
        }
        Ok::<(), Infallible>(())
    });
    let Ok(end) = scanned;
    let mut to = end.offset as usize;
    if is_last {
        from = from.min(end.offset);
        bytes[to..].fill(0);
        to = bytes.len();
    }
    let from_byte = (from as usize).min(to);
    file.write_at(from, &bytes[from_byte..to])
        .map_err(fault("repair"))?;
    file.sync().map_err(fault("sync"))
}
