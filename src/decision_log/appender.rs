//! Appending under one lock: the order of records, their check_ids, the roll-over to new segments.
//!
//! In: drafts, fresh random bytes. Out: records in the kernel, in buffers and files that are there
//! already. Checks that come together are written together: they are put behind one another, and
//! `flush` writes them. Knows nothing of syncing but what is on the disk so far.
//!
//! HOT: every answer passes here with the lock held. Nothing is allocated but for new texts and
//! new segments, nothing is formatted, nothing waits but for the one write.

use super::check_ids::CheckIds;
use super::counters::LogCounters;
use super::entry::FeedbackHead;
use super::error::LogError;
use super::index::LogIndex;
use super::intern::{Batch, Interner, NextNumbers, Table};
use super::keys::{self, LogKeys, RANDOM_BYTES, ShardKeys};
use super::months;
use super::record::{
    self, Appended, CheckDigests, CheckDraft, CheckId, CheckNumbers, EventDraft, FeedbackDraft,
    KIND_CHECK, KIND_EVENT, KIND_FEEDBACK, KIND_SEGMENT, OTHERS_MAX, Others, Position, Subject,
};
use super::redact::mask_citizen_ids;
use super::segment::{self, Header, Preparation, SEGMENT_UNIT_BYTES};
use crate::identifier::digest::Digest;
use crate::model::term::Moment;
use crate::seal::entropy::Entropy;
use crate::storage::append::{KIND_MARK, PAYLOAD_BYTES_MAX};
use crate::storage::disk::{Storage, StoredFile};
use smallvec::SmallVec;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// So much waits to be written at most, in bytes.
const UNWRITTEN_BYTES_MAX: usize = 128 << 10;

/// Random bytes that one record takes: 16 for its sealed part, 16 for its check_id.
pub(super) type Fresh = [u8; 2 * RANDOM_BYTES];

/// What appending shares with the rest of the log.
#[derive(Debug)]
pub(super) struct Ground {
    pub storage: Arc<dyn Storage>,
    pub folder: PathBuf,
    pub segment_bytes: u64,
    pub keys: LogKeys,
    pub salt: [u8; 32],
    pub entropy: Arc<dyn Entropy>,
    /// Months whose keys were opened last, two at most.
    pub months: Mutex<SmallVec<[(String, ShardKeys); 2]>>,
    pub preparation: Mutex<Preparation>,
    pub index: Mutex<LogIndex>,
    pub counters: LogCounters,
    /// Index of the first frame of each month, rising.
    pub months_from: Mutex<Vec<(u64, Arc<str>)>>,
    /// Highest index that is on the disk.
    pub synced_through: AtomicU64,
    /// Highest moment of any record, in microseconds.
    pub highest_moment: AtomicI64,
}

/// Why an append has failed.
#[derive(Debug)]
pub(super) enum AppendFault {
    /// The record alone is refused; the log goes on.
    Refused(LogError),
    /// The file system has failed: the log ends.
    Fatal(LogError),
}

impl AppendFault {
    /// The error alone.
    pub fn into_error(self) -> LogError {
        match self {
            Self::Refused(error) | Self::Fatal(error) => error,
        }
    }
}

/// Guarded by the lock under which all appends happen.
#[derive(Debug)]
pub(super) struct Appender {
    segment: OpenSegment,
    ids: CheckIds,
    next_index: u64,
    /// Highest index that is not a mark.
    last_record: u64,
    /// The highest such index that is in the kernel.
    in_kernel: u64,
    /// Frames that end at the segment's offset and are not in the kernel yet.
    unwritten: Vec<u8>,
    batch: Batch,
    payload: Vec<u8>,
    /// Segments that are full and may not be on the disk.
    full: Vec<Arc<dyn StoredFile>>,
}

#[derive(Debug)]
struct OpenSegment {
    number: u64,
    begun: Moment,
    file: Arc<dyn StoredFile>,
    offset: u64,
    segment_bytes: u64,
    shard: ShardKeys,
    month_end: Moment,
    interner: Interner,
}

/// Everything that must be on the disk for what has been appended to be there.
pub(super) struct Unsynced {
    /// The last one is being written.
    pub files: SmallVec<[Arc<dyn StoredFile>; 2]>,
    /// Number of the last one.
    pub number: u64,
    pub through: u64,
    /// Where the last file's frames end.
    pub end: u64,
}

impl Appender {
    /// Goes on in a segment, or begins a new one where there is none or its key is another.
    pub fn open(
        ground: &Ground,
        last: Option<(Header, u64, NextNumbers)>,
        next_index: u64,
        last_check: Option<CheckId>,
        file: Option<Arc<dyn StoredFile>>,
        now: Moment,
    ) -> Result<Self, LogError> {
        let begun = last.as_ref().map(|(header, ..)| header.begun);
        let goes_on = |header: &Header| header.key_id == ground.keys.id() && header.has_secret;
        let segment = match (last, file) {
            (Some((header, offset, numbers)), Some(file)) if goes_on(&header) => {
                let (storage, folder) = (&*ground.storage, &ground.folder);
                let shard = months::open_shard(storage, folder, &ground.keys, &header)?;
                ground.keep(&header.month, &shard);
                Some(OpenSegment {
                    number: header.number,
                    begun: header.begun,
                    file,
                    offset,
                    segment_bytes: header.segment_bytes,
                    shard,
                    month_end: keys::month_end(header.begun),
                    interner: Interner::after(&numbers),
                })
            }
            _ => None,
        };
        let mut batch = Batch::default();
        batch.begin(next_index, 0);
        let (segment, next_index) = match segment {
            Some(segment) => (segment, next_index),
            None => {
                let begun = begun.map_or(now, |begun| begun.max(now));
                (begin(ground, begun, &mut batch)?, batch.next_index)
            }
        };
        Ok(Self {
            segment,
            ids: CheckIds::after(last_check),
            next_index,
            last_record: next_index - 1,
            in_kernel: next_index - 1,
            unwritten: Vec::new(),
            batch,
            payload: Vec::with_capacity(1_024),
            full: Vec::new(),
        })
    }

    /// Highest index of a record that is in the kernel; marks do not count.
    pub fn in_kernel(&self) -> u64 {
        self.in_kernel
    }

    /// Where the frames of a segment end, if it is the one being written.
    pub fn end_of(&self, segment: u64) -> Option<u64> {
        (self.segment.number == segment).then_some(self.segment.offset)
    }

    /// How somebody is written down in the segment being written.
    pub fn digest_of(&self, subject: Subject<'_>) -> Digest {
        subject_digest(&self.segment.shard, subject)
    }

    /// What a sync has to do now; all of it is in the kernel.
    pub fn unsynced(&mut self, ground: &Ground) -> Result<Unsynced, AppendFault> {
        self.flush(ground)?;
        let mut files: SmallVec<[_; 2]> = self.full.drain(..).collect();
        files.push(Arc::clone(&self.segment.file));
        Ok(Unsynced {
            files,
            number: self.segment.number,
            through: self.next_index - 1,
            end: self.segment.offset,
        })
    }

    /// Appends a check, which is in the kernel after the next `flush`.
    pub fn check(
        &mut self,
        ground: &Ground,
        draft: &CheckDraft<'_>,
        fresh: &Fresh,
    ) -> Result<Appended, AppendFault> {
        let (seal_random, id_random) = halves(fresh);
        self.ready(ground, draft.moment)?;
        let check_id = self.ids.next(draft.moment, id_random);
        let purpose = draft.purpose.map(mask_citizen_ids);
        self.commit(ground, draft.moment, |segment, payload, batch| {
            let names = &mut segment.interner;
            let mut measures: SmallVec<[u32; 16]> = SmallVec::new();
            for id in draft.relied.iter().flat_map(|relied| relied.measures) {
                measures.push(names.text(Table::Measure, id, batch)?);
            }
            let purpose = purpose.as_deref();
            let purpose = purpose.map(|text| names.text(Table::Purpose, text, batch));
            let numbers = CheckNumbers {
                segment: segment.number,
                unit: names.text(Table::Unit, draft.unit, batch)?,
                scenario: names.text(Table::Scenario, draft.scenario, batch)?,
                purpose: purpose.transpose()?,
                context: names.context(&draft.context, batch)?,
                measures: &measures,
            };
            let digests = digests(&segment.shard, draft);
            record::put_check(payload, draft, check_id, &digests, &numbers);
            let shard = &segment.shard;
            shard.seal(seal_random, &check_id.0, draft.request, payload);
            batch.push(KIND_CHECK, |out| out.extend_from_slice(payload))?;
            Ok(Some((
                Indexed::Unit(numbers.unit, draft.unit),
                Some(check_id),
            )))
        })?;
        if self.unwritten.len() >= UNWRITTEN_BYTES_MAX {
            self.flush(ground)?;
        }
        Ok(Appended {
            check_id,
            position: Position(self.last_record),
        })
    }

    /// Appends feedback; `content` is the digest of its content.
    pub fn feedback(
        &mut self,
        ground: &Ground,
        draft: &FeedbackDraft<'_>,
        content: Digest,
        fresh: &Fresh,
    ) -> Result<(FeedbackHead, Position), AppendFault> {
        let (seal_random, _) = halves(fresh);
        self.ready(ground, draft.moment)?;
        let note = draft.note.map(mask_citizen_ids);
        let mut unit = 0;
        self.commit(ground, draft.moment, |segment, payload, batch| {
            unit = segment.interner.text(Table::Unit, draft.unit, batch)?;
            record::put_feedback(payload, draft, content, unit);
            if let Some(note) = &note {
                let bound = &draft.check_id.0;
                segment
                    .shard
                    .seal(seal_random, bound, note.as_bytes(), payload);
            }
            batch.push(KIND_FEEDBACK, |out| out.extend_from_slice(payload))?;
            Ok(Some((Indexed::Unit(unit, draft.unit), None)))
        })?;
        self.flush(ground)?;
        let head = FeedbackHead {
            check_id: draft.check_id,
            content,
            moment: draft.moment,
            unit,
            action: draft.action,
        };
        Ok((head, Position(self.last_record)))
    }

    /// Appends an event.
    pub fn event(
        &mut self,
        ground: &Ground,
        draft: &EventDraft<'_>,
    ) -> Result<Position, AppendFault> {
        self.ready(ground, draft.moment)?;
        let name = draft.unit.map(mask_citizen_ids);
        self.commit(ground, draft.moment, |segment, payload, batch| {
            let names = &mut segment.interner;
            let unit = name.as_deref();
            let unit = unit
                .map(|unit| names.text(Table::Unit, unit, batch))
                .transpose()?;
            record::put_event(payload, draft, unit);
            batch.push(KIND_EVENT, |out| out.extend_from_slice(payload))?;
            let unit = unit.zip(name.as_deref());
            Ok(unit.map(|(number, text)| (Indexed::Unit(number, text), None)))
        })?;
        self.flush(ground)?;
        Ok(Position(self.last_record))
    }

    /// Says what is on the disk, where nothing follows that would; needs no sync itself.
    pub fn mark(&mut self, ground: &Ground) -> Result<(), AppendFault> {
        let moment = ground.highest_moment.load(Ordering::Relaxed);
        let through = ground.synced_through.load(Ordering::Acquire);
        self.batch.begin(self.next_index, through);
        let pushed = self.batch.push(KIND_MARK, |out| {
            out.extend_from_slice(&moment.to_le_bytes());
        });
        pushed.map_err(fatal("mark", self.segment.number))?;
        if self.segment.fits(&self.batch) {
            self.put(ground);
            return self.flush(ground);
        }
        // The header of the next segment says the same: without it, damage to the last records of
        // a full segment would pass for a torn tail.
        match moment {
            i64::MIN => Ok(()),
            moment => self.roll_over(ground, Moment(moment)),
        }
    }

    /// Begins a new segment where the month of the old one is over.
    fn ready(&mut self, ground: &Ground, moment: Moment) -> Result<(), AppendFault> {
        match moment >= self.segment.month_end {
            true => self.roll_over(ground, moment),
            false => Ok(()),
        }
    }

    /// Puts frames together, in a new segment where they do not fit in the old.
    fn commit<'t>(
        &mut self,
        ground: &Ground,
        moment: Moment,
        mut build: impl FnMut(
            &mut OpenSegment,
            &mut Vec<u8>,
            &mut Batch,
        ) -> io::Result<Option<(Indexed<'t>, Option<CheckId>)>>,
    ) -> Result<(), AppendFault> {
        for attempt in 0..2 {
            let through = ground.synced_through.load(Ordering::Acquire);
            self.batch.begin(self.next_index, through);
            self.payload.clear();
            let built = build(&mut self.segment, &mut self.payload, &mut self.batch);
            let Ok(indexed) = built else {
                let bytes = self.payload.len();
                return Err(self.refuse(bytes, PAYLOAD_BYTES_MAX));
            };
            if self.segment.fits(&self.batch) {
                let offset = self.segment.offset;
                self.put(ground);
                self.last_record = self.next_index - 1;
                ground.highest_moment.fetch_max(moment.0, Ordering::Relaxed);
                self.index(ground, indexed, offset);
                return Ok(());
            }
            let room = (ground.segment_bytes - SEGMENT_UNIT_BYTES) as usize;
            if attempt == 1 || self.batch.bytes.len() > room {
                let bytes = self.batch.bytes.len();
                return Err(self.refuse(bytes, room));
            }
            self.roll_over(ground, moment)?;
        }
        Ok(())
    }

    /// Puts the batch behind what waits to be written.
    fn put(&mut self, ground: &Ground) {
        let bytes = &self.batch.bytes;
        self.unwritten.extend_from_slice(bytes);
        let frames = self.batch.next_index - self.batch.first_index;
        LogCounters::count(&ground.counters.appends, frames);
        LogCounters::count(&ground.counters.bytes, bytes.len() as u64);
        self.segment.offset += bytes.len() as u64;
        self.next_index = self.batch.next_index;
    }

    /// One write of all that waits for it.
    pub fn flush(&mut self, ground: &Ground) -> Result<(), AppendFault> {
        if !self.unwritten.is_empty() {
            let first = self.segment.offset - self.unwritten.len() as u64;
            let written = self.segment.file.write_at(first, &self.unwritten);
            written.map_err(fatal("write", self.segment.number))?;
            LogCounters::count(&ground.counters.writes, 1);
            self.unwritten.clear();
        }
        self.in_kernel = self.last_record;
        Ok(())
    }

    /// Lets readers find what was written. `offset` is where the batch begins.
    fn index(&self, ground: &Ground, indexed: Option<(Indexed<'_>, Option<CheckId>)>, offset: u64) {
        let Some((Indexed::Unit(number, unit), check_id)) = indexed else {
            return;
        };
        let mut index = ground.index.lock().unwrap_or_else(PoisonError::into_inner);
        // Texts are few: only a batch of several frames can have brought a new one.
        if self.batch.next_index - self.batch.first_index > 1 {
            index.add_unit(number, unit);
        }
        if let Some(check_id) = check_id {
            index.add_check(check_id, offset);
        }
    }

    fn refuse(&mut self, bytes: usize, bytes_max: usize) -> AppendFault {
        // Numbers given in a batch that is not written must not be used again.
        self.segment.interner.forget();
        AppendFault::Refused(LogError::TooLarge { bytes, bytes_max })
    }

    fn roll_over(&mut self, ground: &Ground, moment: Moment) -> Result<(), AppendFault> {
        self.flush(ground)?;
        let through = ground.synced_through.load(Ordering::Acquire);
        self.batch.begin(self.next_index, through);
        // Months never go back, whatever the clock does: a shard is one stretch of the log.
        let begun = moment.max(self.segment.begun);
        let segment = begin(ground, begun, &mut self.batch).map_err(AppendFault::Fatal)?;
        let old = std::mem::replace(&mut self.segment, segment);
        self.full.push(old.file);
        self.next_index = self.batch.next_index;
        Ok(())
    }
}

/// What the index learns from a batch.
enum Indexed<'t> {
    Unit(u32, &'t str),
}

impl OpenSegment {
    fn fits(&self, batch: &Batch) -> bool {
        self.offset + batch.bytes.len() as u64 <= self.segment_bytes
    }
}

impl Ground {
    /// Keys of a month, which has a secret from now on. Slow where it is a new month.
    pub fn open_month(&self, month: &str) -> Result<ShardKeys, LogError> {
        // Held while one is made: of two threads one makes it.
        let mut known = self.months.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, shard)) = known.iter().find(|(label, _)| label == month) {
            return Ok(shard.clone());
        }
        let (storage, folder) = (&*self.storage, &self.folder);
        let (salt, entropy) = (&self.salt, &*self.entropy);
        let shard = months::open_or_make(storage, folder, &self.keys, salt, month, entropy)?;
        if known.len() == 2 {
            known.remove(0);
        }
        known.push((month.to_owned(), shard.clone()));
        Ok(shard)
    }

    /// A segment of this month begins with this index.
    fn enter(&self, first_index: u64, month: &str) {
        let mut months = self
            .months_from
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if months.last().is_none_or(|(_, last)| &**last < month) {
            months.push((first_index, month.into()));
        }
    }

    /// Remembers the keys of the month that is being written.
    fn keep(&self, month: &str, shard: &ShardKeys) {
        let mut known = self.months.lock().unwrap_or_else(PoisonError::into_inner);
        known.push((month.to_owned(), shard.clone()));
    }
}

/// Takes the prepared segment and writes its header.
fn begin(ground: &Ground, moment: Moment, batch: &mut Batch) -> Result<OpenSegment, LogError> {
    let month = keys::month_label(moment);
    let shard = ground.open_month(&month)?;
    let preparation = ground.preparation.lock();
    let mut preparation = preparation.unwrap_or_else(PoisonError::into_inner);
    let prepared = preparation.take(&*ground.storage, ground.segment_bytes)?;
    drop(preparation);
    let first_index = batch.next_index;
    let header = Header {
        number: prepared.number,
        segment_bytes: prepared.segment_bytes,
        begun: moment,
        salt: ground.salt,
        key_id: ground.keys.id(),
        month,
        has_secret: true,
    };
    let fault = || LogError::io("begin", segment::file_name(prepared.number));
    batch
        .push(KIND_SEGMENT, |out| header.put(out))
        .map_err(fault())?;
    prepared.file.write_at(0, &batch.bytes).map_err(fault())?;
    ground.enter(first_index, &header.month);
    LogCounters::count(&ground.counters.segments, 1);
    LogCounters::count(&ground.counters.appends, 1);
    LogCounters::count(&ground.counters.bytes, batch.bytes.len() as u64);
    let mut index = ground.index.lock().unwrap_or_else(PoisonError::into_inner);
    index.begin(prepared.number);
    Ok(OpenSegment {
        number: prepared.number,
        begun: moment,
        file: prepared.file,
        offset: batch.bytes.len() as u64,
        segment_bytes: prepared.segment_bytes,
        shard,
        month_end: keys::month_end(moment),
        interner: Interner::default(),
    })
}

/// Each digest once, that of the subject first.
fn digests(shard: &ShardKeys, draft: &CheckDraft<'_>) -> CheckDigests {
    let subject = subject_digest(shard, draft.subject);
    let mut others = Others::new();
    // Whom the check is about is among the others too.
    for other in draft.others.iter().filter(|other| **other != draft.subject) {
        if others.len() == OTHERS_MAX {
            break;
        }
        let digest = subject_digest(shard, *other);
        if digest != subject && !others.contains(&digest) {
            others.push(digest);
        }
    }
    CheckDigests { subject, others }
}

fn subject_digest(shard: &ShardKeys, subject: Subject<'_>) -> Digest {
    match subject {
        Subject::Number(number) => shard.subject.full(number),
        Subject::Name(folded) => shard.name(folded),
    }
}

fn halves(fresh: &Fresh) -> (&[u8; RANDOM_BYTES], [u8; RANDOM_BYTES]) {
    let mut second = [0; RANDOM_BYTES];
    second.copy_from_slice(&fresh[RANDOM_BYTES..]);
    match fresh.first_chunk() {
        Some(first) => (first, second),
        None => (&[0; RANDOM_BYTES], second),
    }
}

fn fatal(deed: &'static str, number: u64) -> impl FnOnce(io::Error) -> AppendFault {
    move |source| AppendFault::Fatal(LogError::io(deed, segment::file_name(number))(source))
}
