//! List files in, records in order out: in blocks, parsed on all cores.
//!
//! In: NDJSON files of any size. Out: one `Block` after the other to the caller's sink, the same
//! whatever the number of threads or the size of blocks. An entry_id belongs to the first valid
//! record that has it, over all files. Contract, section 3. Holds at most `threads + 2` blocks,
//! and 16 bytes for each entry_id seen. Never stops at a faulty record, only at a file that cannot
//! be read or at the sink's own error.

use super::blocks::{Cutter, LINE_BYTES_MAX, RawBlock};
use super::fault::{Fault, FaultCode, Warning};
use super::validate::{Rejected, Validated, parse_line};
use crate::catalogue::measure::Catalogue;
use crate::model::entry::ListRecord;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How files are read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Threads that parse; 0 takes one a core.
    pub threads: usize,
    /// Bytes of a block, about. Default 4 MiB; at least 1.
    pub block_bytes: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            threads: 0,
            block_bytes: 4 << 20,
        }
    }
}

/// One file, or bytes in memory.
pub enum Source<'a> {
    /// A file by its path.
    File(&'a Path),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// A run of whole lines of one file, in order.
#[derive(Debug, Default)]
pub struct Block {
    /// Place of the file among the sources.
    pub source: usize,
    /// Bytes of the file read for this block.
    pub bytes_read: u64,
    /// Line numbers from 1, and valid records.
    pub records: Vec<(u64, ListRecord)>,
    /// What was left out, in line order.
    pub faults: Vec<LineFault>,
    /// What is odd about records that were kept, in line order.
    pub warnings: Vec<LineWarning>,
    /// Rows that are no records: the header again, totals, notes.
    pub skipped_rows: u64,
    /// What is to be said of the file as a whole.
    pub notes: Vec<String>,
}

/// A line that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFault {
    /// Line number from 1.
    pub line: u64,
    /// The publisher's key, where it can be shown.
    pub entry_id: Option<Box<str>>,
    /// What is wrong.
    pub fault: Fault,
}

/// A line that was kept although it is odd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineWarning {
    /// Line number from 1.
    pub line: u64,
    /// What is odd.
    pub warning: Warning,
}

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("{file}: cannot be read: {error}; check the path and the rights of the file")]
    Read {
        /// The file as named by the caller.
        file: String,
        /// What the system says.
        error: io::Error,
    },
    /// The file is no list that can be read.
    #[error("{file}: {what}")]
    Unreadable {
        /// The file, and the sheet, as named by the caller.
        file: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// No threads to parse with.
    #[error("cannot start threads that parse list files: {0}; give fewer threads")]
    Threads(rayon::ThreadPoolBuildError),
}

/// Reads the files at `paths`; see `read_sources`.
pub fn read<P: AsRef<Path>, E: From<ReadError>>(
    paths: &[P],
    catalogue: &Catalogue,
    options: &ReadOptions,
    sink: &mut dyn FnMut(Block) -> Result<(), E>,
) -> Result<(), E> {
    let sources: Vec<Source<'_>> = paths.iter().map(|p| Source::File(p.as_ref())).collect();
    read_sources(&sources, catalogue, options, sink)
}

/// Reads all sources in order and gives each block to `sink`, on the calling thread, in order.
///
/// Errors: a source that cannot be read, or what `sink` returns; nothing is read after it.
pub fn read_sources<E: From<ReadError>>(
    sources: &[Source<'_>],
    catalogue: &Catalogue,
    options: &ReadOptions,
    sink: &mut dyn FnMut(Block) -> Result<(), E>,
) -> Result<(), E> {
    in_order(options, sink, |lane| {
        for (source, from) in sources.iter().enumerate() {
            lane.start_source();
            let mut cutter = Cutter::new(open(from)?, options.block_bytes);
            loop {
                let raw = cutter.next_block(lane.spare_buffer());
                let Some(raw) = raw.map_err(|error| read_error(from, error))? else {
                    break;
                };
                lane.submit(move || parse(source, raw, catalogue))?;
            }
            lane.finish_source()?;
        }
        Ok(())
    })
}

/// Runs `feed` with a lane on which it puts work; what the work gives reaches `sink` in order.
pub(super) fn in_order<'scope, E: From<ReadError>>(
    options: &ReadOptions,
    sink: &mut dyn FnMut(Block) -> Result<(), E>,
    feed: impl FnOnce(&mut Lane<'_, 'scope, '_, E>) -> Result<(), E>,
) -> Result<(), E> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(ReadError::Threads)?;
    let in_flight_max = pool.current_num_threads() + 2;
    pool.in_place_scope(|scope| {
        let (sender, receiver) = sync_channel(in_flight_max);
        let mut lane = Lane {
            scope,
            sender,
            delivery: Delivery::new(receiver, sink),
            in_flight_max,
        };
        feed(&mut lane)
    })
}

/// Work goes in, is done on all cores, and comes out in order.
pub(super) struct Lane<'l, 'scope, 's, E> {
    scope: &'l rayon::Scope<'scope>,
    sender: SyncSender<Answer>,
    delivery: Delivery<'s, E>,
    in_flight_max: usize,
}

impl<'scope, E> Lane<'_, 'scope, '_, E> {
    /// Lines are counted anew from here.
    pub(super) fn start_source(&mut self) {
        self.delivery.start_source();
    }

    /// A buffer that a block no longer needs.
    pub(super) fn spare_buffer(&mut self) -> Vec<u8> {
        self.delivery.spare_buffer()
    }

    /// Puts work on the lane; waits where too much is under way.
    pub(super) fn submit(
        &mut self,
        work: impl FnOnce() -> Parsed + Send + 'scope,
    ) -> Result<(), E> {
        if self.delivery.in_flight() >= self.in_flight_max {
            self.delivery.deliver_one()?;
        }
        let sender = self.sender.clone();
        let number = self.delivery.start_block();
        self.scope.spawn(move |_| {
            let parsed = catch_unwind(AssertUnwindSafe(work));
            // The receiver is gone only where reading has stopped already.
            let _ = sender.send((number, parsed));
        });
        Ok(())
    }

    /// Waits for all that is under way.
    pub(super) fn finish_source(&mut self) -> Result<(), E> {
        self.delivery.deliver_all()
    }
}

fn open<'a>(source: &Source<'a>) -> Result<Box<dyn Read + 'a>, ReadError> {
    match source {
        Source::Bytes(bytes) => Ok(Box::new(*bytes)),
        Source::File(path) => match File::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(read_error(source, error)),
        },
    }
}

pub(super) fn read_error(source: &Source<'_>, error: io::Error) -> ReadError {
    let file = match source {
        Source::File(path) => path.display().to_string(),
        Source::Bytes(_) => "memory".to_owned(),
    };
    ReadError::Read { file, error }
}

/// First half of the BLAKE3 of an entry_id: nobody can make two ids that share it.
type EntryKey = [u8; 16];

/// What a thread makes of a block: lines are counted from the start of the block.
pub(super) struct Parsed {
    /// Records and faults.
    pub(super) block: Block,
    /// One for each record, in order.
    keys: Vec<EntryKey>,
    lines: u64,
    buffer: Vec<u8>,
}

pub(super) fn parse(source: usize, raw: RawBlock, catalogue: &Catalogue) -> Parsed {
    parse_with(source, raw, &mut |line| Some(parse_line(line, catalogue)))
}

/// What a line is; `None` where it is no record by itself.
type LineResult = Option<Result<Validated, Rejected>>;

/// Each line that is not blank to `record`.
pub(super) fn parse_with(
    source: usize,
    raw: RawBlock,
    record: &mut dyn FnMut(&[u8]) -> LineResult,
) -> Parsed {
    let mut parsed = Parsed::new(source, raw.bytes_read);
    for line in raw.bytes.split_inclusive(|b| *b == b'\n') {
        parsed.lines += 1;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() <= LINE_BYTES_MAX && line.trim_ascii().is_empty() {
            continue;
        }
        if line.len() > LINE_BYTES_MAX {
            parsed.add(parsed.lines, Err(too_long()));
        } else if let Some(result) = record(line) {
            parsed.add(parsed.lines, result);
        }
    }
    parsed.buffer = raw.bytes;
    parsed
}

fn too_long() -> Rejected {
    let reason = "the line is longer than 1 MiB; write one record a line";
    Rejected {
        entry_id: None,
        fault: Fault::new(FaultCode::LineTooLong, "", reason),
    }
}

impl Parsed {
    /// Of no lines yet.
    pub(super) fn new(source: usize, bytes_read: u64) -> Self {
        Self {
            block: Block {
                source,
                bytes_read,
                ..Block::default()
            },
            keys: Vec::new(),
            lines: 0,
            buffer: Vec::new(),
        }
    }

    /// Takes what came of a line; its number counts from the start of the block, or, where the
    /// block says nothing of its lines, from the start of the file.
    pub(super) fn add(&mut self, line: u64, result: Result<Validated, Rejected>) {
        match result {
            Ok(Validated { record, warnings }) => {
                let hash = blake3::hash(record.entry_id.as_str().as_bytes());
                let mut key = EntryKey::default();
                key.copy_from_slice(&hash.as_bytes()[..16]);
                self.keys.push(key);
                self.block.records.push((line, record));
                let warnings = warnings.into_iter();
                let warnings = warnings.map(|warning| LineWarning { line, warning });
                self.block.warnings.extend(warnings);
            }
            Err(Rejected { entry_id, fault }) => self.block.faults.push(LineFault {
                line,
                entry_id,
                fault,
            }),
        }
    }

    /// Leaves out records whose entry_id was seen, and counts lines from the start of the file.
    fn finish(mut self, lines_before: u64, seen: &mut HashSet<EntryKey>) -> (Block, Vec<u8>) {
        let mut keys = self.keys.into_iter();
        let block = &mut self.block;
        let faults = &mut block.faults;
        let found = faults.len();
        block.records.retain(|(line, record)| {
            let first = keys.next().is_none_or(|key| seen.insert(key));
            if !first {
                faults.push(duplicate(*line, record));
            }
            first
        });
        if faults.len() > found {
            let duplicates: HashSet<u64> = faults[found..].iter().map(|f| f.line).collect();
            block.warnings.retain(|w| !duplicates.contains(&w.line));
            faults.sort_by_key(|fault| fault.line);
        }
        block
            .records
            .iter_mut()
            .for_each(|(line, _)| *line += lines_before);
        block
            .faults
            .iter_mut()
            .for_each(|fault| fault.line += lines_before);
        block
            .warnings
            .iter_mut()
            .for_each(|warning| warning.line += lines_before);
        (self.block, self.buffer)
    }
}

fn duplicate(line: u64, record: &ListRecord) -> LineFault {
    let reason = "an earlier valid record has this entry_id; give each record its own";
    LineFault {
        line,
        entry_id: Some(record.entry_id.0.clone()),
        fault: Fault::new(FaultCode::DuplicateEntryId, "entry_id", reason),
    }
}

/// Number of a block, and what a thread made of it or the panic that stopped it.
type Answer = (u64, std::thread::Result<Parsed>);

/// Takes what threads finish in any order and gives it to the sink in order.
struct Delivery<'s, E> {
    receiver: Receiver<Answer>,
    sink: &'s mut dyn FnMut(Block) -> Result<(), E>,
    waiting: BTreeMap<u64, std::thread::Result<Parsed>>,
    started: u64,
    delivered: u64,
    lines_before: u64,
    seen: HashSet<EntryKey>,
    spare: Vec<Vec<u8>>,
}

impl<'s, E> Delivery<'s, E> {
    fn new(receiver: Receiver<Answer>, sink: &'s mut dyn FnMut(Block) -> Result<(), E>) -> Self {
        Self {
            receiver,
            sink,
            waiting: BTreeMap::new(),
            started: 0,
            delivered: 0,
            lines_before: 0,
            seen: HashSet::new(),
            spare: Vec::new(),
        }
    }

    fn start_source(&mut self) {
        self.lines_before = 0;
    }

    fn start_block(&mut self) -> u64 {
        self.started += 1;
        self.started - 1
    }

    fn in_flight(&self) -> usize {
        (self.started - self.delivered) as usize
    }

    fn spare_buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    fn deliver_all(&mut self) -> Result<(), E> {
        while self.in_flight() > 0 {
            self.deliver_one()?;
        }
        Ok(())
    }

    /// Waits for the next block in order and gives it to the sink.
    fn deliver_one(&mut self) -> Result<(), E> {
        let parsed = loop {
            if let Some(parsed) = self.waiting.remove(&self.delivered) {
                break parsed;
            }
            // A thread sends for every block, also where it panics, and a sender is kept alive.
            if let Ok((number, parsed)) = self.receiver.recv() {
                self.waiting.insert(number, parsed);
            }
        };
        self.delivered += 1;
        let parsed = parsed.unwrap_or_else(|panic| resume_unwind(panic));
        let lines = parsed.lines;
        let (block, buffer) = parsed.finish(self.lines_before, &mut self.seen);
        self.lines_before += lines;
        self.spare.push(buffer);
        (self.sink)(block)
    }
}

#[cfg(test)]
mod tests;
