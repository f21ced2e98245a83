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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::load::built_in;
    use proptest::prelude::*;

    const GOOD: &str = r#"{"entry_id":"ID","list":"court-defaulter","subject":{"kind":"person",
        "name":"张三丰","birth_date":"1980-03-07"},"case_no":"1","authority":"a","supplier":"s",
        "submitted_at":"2016-12-28T09:00:00+08:00","in_force_from":"2016-12-28",
        "disclosure":"public","region":"380000"}"#;

    fn good(entry_id: &str) -> String {
        GOOD.replace('\n', "").replace("ID", entry_id)
    }

    /// What a reader of all blocks sees; blocks themselves differ with their size.
    #[derive(Debug, Default, PartialEq)]
    struct Read {
        records: Vec<(usize, u64, String)>,
        faults: Vec<(usize, u64, &'static str, Option<String>)>,
        warnings: Vec<(usize, u64, String)>,
        bytes: u64,
    }

    fn read_all(sources: &[&[u8]], threads: usize, block_bytes: usize) -> Read {
        let catalogue = built_in().unwrap();
        let sources: Vec<Source<'_>> = sources.iter().map(|b| Source::Bytes(b)).collect();
        let options = ReadOptions {
            threads,
            block_bytes,
        };
        let mut all = Read::default();
        let mut sink = |block: Block| -> Result<(), ReadError> {
            let from = block.source;
            let records = block.records.into_iter();
            all.records
                .extend(records.map(|(line, r)| (from, line, r.entry_id.as_str().to_owned())));
            all.faults.extend(block.faults.into_iter().map(|left_out| {
                let entry_id = left_out.entry_id.map(String::from);
                (from, left_out.line, left_out.fault.code.name(), entry_id)
            }));
            let warnings = block.warnings.into_iter();
            all.warnings
                .extend(warnings.map(|odd| (from, odd.line, odd.warning.field)));
            all.bytes += block.bytes_read;
            Ok(())
        };
        read_sources(&sources, &catalogue, &options, &mut sink).unwrap();
        all
    }

    fn mixed() -> Vec<u8> {
        let mut text = b"\xef\xbb\xbf".to_vec();
        let lines = [
            good("a"),
            String::new(),
            good("b") + "\r",
            "  \t".to_owned(),
            "{".to_owned(),
            good("a"),
            good("").replace("\"\"", "\" \""),
            good("c"),
        ];
        for line in lines {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
        text.extend_from_slice(b"\xff\xfe\n");
        text.extend_from_slice(good("d").as_bytes());
        text
    }

    #[test]
    fn lines_are_numbered_and_faults_stand_in_their_place() {
        let text = mixed();
        let read = read_all(&[&text], 1, 4 << 20);
        let records = [(0, 1, "a"), (0, 3, "b"), (0, 8, "c"), (0, 10, "d")];
        assert_eq!(
            read.records,
            records.map(|(s, l, id)| (s, l, id.to_owned()))
        );
        let faults = [
            (0, 5, "not_json", None),
            (0, 6, "duplicate_entry_id", Some("a".to_owned())),
            (0, 7, "missing_field", None),
            (0, 9, "not_utf8", None),
        ];
        assert_eq!(read.faults, faults);
        assert_eq!(read.warnings.len(), 4, "none of the duplicate");
        assert_eq!(read.bytes, text.len() as u64);
    }

    #[test]
    fn every_block_size_and_number_of_threads_gives_the_same() {
        let text = mixed();
        let second = good("d") + "\n" + &good("e");
        let sources: [&[u8]; 3] = [&text, b"", second.as_bytes()];
        let expected = read_all(&sources, 1, 4 << 20);
        assert_eq!(
            expected.faults.last(),
            Some(&(2, 1, "duplicate_entry_id", Some("d".into())))
        );
        for block_bytes in (1..2_000).step_by(37).chain([1, 2, 3, 4]) {
            assert_eq!(
                read_all(&sources, 1, block_bytes),
                expected,
                "{block_bytes}"
            );
        }
        for threads in [2, 4] {
            for block_bytes in [1, 300, 1_000] {
                assert_eq!(
                    read_all(&sources, threads, block_bytes),
                    expected,
                    "{threads}"
                );
            }
        }
    }

    #[test]
    fn a_line_over_the_bound_is_one_fault_whatever_the_blocks() {
        let pad = |bytes: usize| {
            let record = good("p");
            let mut line = record.clone().into_bytes();
            line.resize(bytes, b' ');
            line
        };
        for end in ["\n", "\r\n"] {
            let mut text = pad(LINE_BYTES_MAX);
            text.extend_from_slice(end.as_bytes());
            text.extend_from_slice(&pad(LINE_BYTES_MAX + 1));
            text.extend_from_slice(end.as_bytes());
            text.extend_from_slice(&pad(3 * LINE_BYTES_MAX));
            text.extend_from_slice(end.as_bytes());
            text.extend_from_slice(good("q").as_bytes());
            for block_bytes in [
                1,
                100,
                LINE_BYTES_MAX,
                LINE_BYTES_MAX + 1,
                8 * LINE_BYTES_MAX,
            ] {
                let read = read_all(&[&text], 2, block_bytes);
                let records = [(0, 1, "p".to_owned()), (0, 4, "q".to_owned())];
                assert_eq!(read.records, records, "{block_bytes}");
                let faults = [(0, 2, "line_too_long", None), (0, 3, "line_too_long", None)];
                assert_eq!(read.faults, faults, "{block_bytes}");
                assert_eq!(read.bytes, text.len() as u64, "{block_bytes}");
            }
        }
    }

    #[test]
    fn a_missing_file_is_named_and_the_sink_can_stop_the_reading() {
        let catalogue = built_in().unwrap();
        let options = ReadOptions::default();
        let error = read(
            &["/nonexistent/list.ndjson"],
            &catalogue,
            &options,
            &mut |_| Ok::<(), ReadError>(()),
        );
        let text = error.unwrap_err().to_string();
        assert!(
            text.starts_with("/nonexistent/list.ndjson: cannot be read: "),
            "{text}"
        );
        #[derive(Debug)]
        struct Stopped;
        impl From<ReadError> for Stopped {
            fn from(_: ReadError) -> Self {
                Self
            }
        }
        let text = [good("a"), good("b"), good("c")].join("\n");
        let options = ReadOptions {
            threads: 2,
            block_bytes: 1,
        };
        let mut calls = 0;
        let stopped = read_sources(
            &[Source::Bytes(text.as_bytes())],
            &catalogue,
            &options,
            &mut |_| {
                calls += 1;
                Err(Stopped)
            },
        );
        assert!(stopped.is_err());
        assert_eq!(calls, 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn no_bytes_panic_and_blocks_do_not_matter(
            noise in proptest::collection::vec(any::<u8>(), 0..80),
            at in 0usize..4_000,
            block_bytes in 1usize..3_000,
        ) {
            let mut text = mixed();
            let at = at % text.len();
            let end = (at + noise.len()).min(text.len());
            text[at..end].copy_from_slice(&noise[..end - at]);
            let expected = read_all(&[&text], 1, 1 << 20);
            prop_assert_eq!(read_all(&[&text], 2, block_bytes), expected);
        }
    }
}
