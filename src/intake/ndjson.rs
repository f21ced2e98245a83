//! List files in, records in order out: in blocks, parsed on all cores.
//!
//! In: NDJSON files of any size. Out: one `Block` after the other to the caller's sink, the same
//! whatever the number of threads or the size of blocks. An entry_id belongs to the first valid
//! record that has it, over all files. Contract, section 3. Holds at most `threads + 2` blocks,
//! and 16 bytes for each entry_id seen. Never stops at a faulty record, only at a file that cannot
//! be read or at the sink's own error.

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

/// Bytes of a line at most, without its end: 1 MiB.
pub const LINE_BYTES_MAX: usize = 1 << 20;

const BOM: &[u8] = b"\xef\xbb\xbf";

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
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(ReadError::Threads)?;
    let in_flight_max = pool.current_num_threads() + 2;
    pool.in_place_scope(|scope| {
        let (sender, receiver) = sync_channel(in_flight_max);
        let mut delivery = Delivery::new(receiver, sink);
        for (source, from) in sources.iter().enumerate() {
            let mut cutter = Cutter::new(open(from)?, options.block_bytes);
            delivery.start_source();
            loop {
                let raw = cutter.next_block(delivery.spare_buffer());
                let Some(raw) = raw.map_err(|error| read_error(from, error))? else {
                    break;
                };
                if delivery.in_flight() >= in_flight_max {
                    delivery.deliver_one()?;
                }
                let sender: SyncSender<Answer> = sender.clone();
                let number = delivery.start_block();
                scope.spawn(move |_| {
                    let parsed = catch_unwind(AssertUnwindSafe(|| parse(source, raw, catalogue)));
                    // The receiver is gone only where reading has stopped already.
                    let _ = sender.send((number, parsed));
                });
            }
            delivery.deliver_all()?;
        }
        Ok(())
    })
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

fn read_error(source: &Source<'_>, error: io::Error) -> ReadError {
    let file = match source {
        Source::File(path) => path.display().to_string(),
        Source::Bytes(_) => "memory".to_owned(),
    };
    ReadError::Read { file, error }
}

/// Whole lines of one source.
struct RawBlock {
    bytes: Vec<u8>,
    bytes_read: u64,
}

/// Cuts a source into blocks of whole lines.
struct Cutter<'a> {
    reader: Box<dyn Read + 'a>,
    block_bytes: usize,
    carry: Vec<u8>,
    at_start: bool,
    ended: bool,
}

impl<'a> Cutter<'a> {
    fn new(reader: Box<dyn Read + 'a>, block_bytes: usize) -> Self {
        Self {
            reader,
            block_bytes: block_bytes.max(1),
            carry: Vec::new(),
            at_start: true,
            ended: false,
        }
    }

    /// The next block, in `buffer`; `None` at the end. Of a line beyond the bound it holds the
    /// beginning, enough to be seen as too long.
    fn next_block(&mut self, mut buffer: Vec<u8>) -> io::Result<Option<RawBlock>> {
        buffer.clear();
        std::mem::swap(&mut buffer, &mut self.carry);
        let mut bytes_read = 0;
        let mut target = self.block_bytes.max(BOM.len());
        loop {
            bytes_read += self.fill(&mut buffer, target)?;
            if std::mem::take(&mut self.at_start) && buffer.starts_with(BOM) {
                buffer.drain(..BOM.len());
            }
            if self.ended {
                break;
            }
            if let Some(end) = buffer.iter().rposition(|b| *b == b'\n') {
                self.carry.extend_from_slice(&buffer[end + 1..]);
                buffer.truncate(end + 1);
                break;
            }
            // Two beyond the bound: the last byte may be the `\r` of a line end cut in two.
            if buffer.len() >= LINE_BYTES_MAX + 2 {
                buffer.truncate(LINE_BYTES_MAX + 2);
                bytes_read += self.skip_line()?;
                break;
            }
            target = self.block_bytes.max(buffer.len() * 2);
        }
        let block = RawBlock {
            bytes: buffer,
            bytes_read,
        };
        Ok((!block.bytes.is_empty()).then_some(block))
    }

    fn fill(&mut self, buffer: &mut Vec<u8>, target: usize) -> io::Result<u64> {
        let wanted = target.saturating_sub(buffer.len()) as u64;
        let read = (&mut self.reader).take(wanted).read_to_end(buffer)? as u64;
        self.ended |= read < wanted;
        Ok(read)
    }

    /// Reads to the end of the line; what comes behind it is carried.
    fn skip_line(&mut self) -> io::Result<u64> {
        let mut bytes_read = 0;
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            bytes_read += self.fill(&mut chunk, self.block_bytes.max(1 << 16))?;
            if let Some(end) = chunk.iter().position(|b| *b == b'\n') {
                self.carry.extend_from_slice(&chunk[end + 1..]);
                return Ok(bytes_read);
            }
            if self.ended {
                return Ok(bytes_read);
            }
        }
    }
}

/// First half of the BLAKE3 of an entry_id: nobody can make two ids that share it.
type EntryKey = [u8; 16];

/// What a thread makes of a block: lines are counted from the start of the block.
struct Parsed {
    block: Block,
    /// One for each record, in order.
    keys: Vec<EntryKey>,
    lines: u64,
    buffer: Vec<u8>,
}

fn parse(source: usize, raw: RawBlock, catalogue: &Catalogue) -> Parsed {
    let mut parsed = Parsed {
        block: Block {
            source,
            bytes_read: raw.bytes_read,
            ..Block::default()
        },
        keys: Vec::new(),
        lines: 0,
        buffer: Vec::new(),
    };
    for line in raw.bytes.split_inclusive(|b| *b == b'\n') {
        parsed.lines += 1;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() <= LINE_BYTES_MAX && line.trim_ascii().is_empty() {
            continue;
        }
        parsed.add(parsed.lines, parse_bounded(line, catalogue));
    }
    parsed.buffer = raw.bytes;
    parsed
}

fn parse_bounded(line: &[u8], catalogue: &Catalogue) -> Result<Validated, Rejected> {
    if line.len() > LINE_BYTES_MAX {
        let reason = "the line is longer than 1 MiB; write one record a line";
        return Err(Rejected {
            entry_id: None,
            fault: Fault::new(FaultCode::LineTooLong, "", reason),
        });
    }
    parse_line(line, catalogue)
}

impl Parsed {
    fn add(&mut self, line: u64, result: Result<Validated, Rejected>) {
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
