//! How long does it take to say who asked about a person, and how does that grow with the log?
//!
//! `cargo bench --bench subject -- 10000000` writes a log of so many checks, eight of them about
//! one person and feedback on every thousandth, in three steps; after each it opens the log and
//! asks for the person, with the files out of the page cache and in it. Prints records, segments,
//! bytes read and milliseconds. Opening stands apart: `hecha log subject` opens the log each time,
//! a gateway has it open. Asserts that exactly the person's checks are found.
//!
//! The last line is extrapolated, not measured: a question costs the same for each full segment,
//! however large, and reads the last one, which is not full, whole. So segments are small here,
//! about a hundred; their share is taken from the growth of the log and put to as many as a
//! billion records fill at 64 MiB. A small log says little.
//! `HECHA_BENCH_DIR` names a folder on the disk to measure; default the target folder.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use anyhow::{Context as _, Result, ensure};
use hecha::decision_log::keys::LogKeys;
use hecha::decision_log::record::{CheckDraft, Context, FeedbackAction, FeedbackDraft, Subject};
use hecha::decision_log::segment::LogOptions;
use hecha::decision_log::subject::{SubjectFound, SubjectQuestion};
use hecha::decision_log::writer::DecisionLog;
use hecha::identifier::document::FullNumber;
use hecha::identifier::kind::IdType;
use hecha::identifier::synthetic;
use hecha::model::decision::{Decision, Level};
use hecha::model::language::Language;
use hecha::model::term::Moment;
use hecha::seal::entropy::OsEntropy;
use hecha::seal::keys::MasterKey;
use hecha::storage::disk::{FolderLock, RealDisk, Storage, StoredFile};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const RECORDS: u64 = 20_000;
const BILLION: f64 = 1e9;
/// Bytes of a segment of an installation.
const SEGMENT_BYTES: f64 = 67_108_864.0;
/// Checks about the person in the whole log.
const ABOUT: u64 = 8;
const FEEDBACK_EVERY: u64 = 1_000;
/// Times that the question is asked each way; the middle time counts.
const ASKED: usize = 9;
const NOW: Moment = Moment(1_795_353_600_000_000);

fn main() -> Result<()> {
    let records = std::env::args().find_map(|argument| argument.parse().ok());
    let records: u64 = records.unwrap_or(RECORDS).max(ABOUT * 4);
    let folder = std::env::var_os("HECHA_BENCH_DIR").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("subject"),
        PathBuf::from,
    );
    ensure!(!folder.exists(), "`{}` exists; remove it", folder.display());
    let measured = measure(&folder, records);
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn measure(folder: &Path, records: u64) -> Result<()> {
    let bench = Bench {
        disk: Counting::default(),
        folder: folder.to_owned(),
        segment_bytes: (records * 2)
            .next_multiple_of(4_096)
            .clamp(1 << 16, 64 << 20),
        records,
    };
    println!("{:>46} {:>38}", "asked, cold", "asked, in cache");
    println!(
        "{:>11} {:>8} {:>7} {:>13} {:>9} {:>13} {:>9} {:>10} {:>13}",
        "records", "segments", "found", "bytes", "ms", "bytes", "ms", "open ms", "open bytes"
    );
    let mut written = 0;
    let mut steps = Vec::new();
    for part in [4, 2, 1] {
        bench.write(written, records / part)?;
        written = records / part;
        steps.push((written, bench.ask(written)?));
    }
    let [first, .., last] = &*steps else {
        return Ok(());
    };
    extrapolate(first, last, bench.segment_bytes);
    Ok(())
}

fn extrapolate(first: &(u64, Step), last: &(u64, Step), segment_bytes: u64) {
    let record_bytes = last.1.open_bytes as f64 / last.0 as f64;
    let segments = BILLION * record_bytes / SEGMENT_BYTES;
    let growth = (last.1.segments - first.1.segments).max(1) as f64;
    let each = |of: fn(&Step) -> f64| ((of(&last.1) - of(&first.1)) / growth).max(0.0);
    let tail = SEGMENT_BYTES / segment_bytes as f64;
    let at_a_billion = |of: fn(&Step) -> f64| {
        let rest = of(&last.1) - each(of) * last.1.segments as f64;
        segments * each(of) + rest.max(0.0) * tail
    };
    println!(
        "a full segment costs {:.0} us cold, {:.0} us in cache; extrapolated to a billion records, \
         {segments:.0} segments of 64 MiB: {:.0} ms cold, {:.0} ms in cache, {:.0} MB read; \
         opening before it {:.0} s",
        each(|step| step.cold_ms) * 1e3,
        each(|step| step.cached_ms) * 1e3,
        at_a_billion(|step| step.cold_ms),
        at_a_billion(|step| step.cached_ms),
        at_a_billion(|step| step.cold_bytes as f64) / 1e6,
        last.1.open_ms / 1e3 * BILLION / last.0 as f64,
    );
}

struct Bench {
    disk: Counting,
    folder: PathBuf,
    segment_bytes: u64,
    records: u64,
}

struct Step {
    segments: u64,
    open_ms: f64,
    open_bytes: u64,
    cold_ms: f64,
    cold_bytes: u64,
    cached_ms: f64,
}

impl Bench {
    fn open(&self) -> Result<DecisionLog> {
        let options = LogOptions {
            segment_bytes: self.segment_bytes,
            ..LogOptions::default()
        };
        let keys = LogKeys::new(MasterKey::from_bytes([7; 32]));
        let (disk, entropy) = (Arc::new(self.disk.clone()), Arc::new(OsEntropy));
        let opened = DecisionLog::open(disk, &self.folder, options, keys, entropy, NOW)?;
        Ok(opened.0)
    }

    /// Whether the record of this place is about the person.
    fn is_about(&self, place: u64) -> bool {
        let every = self.records / ABOUT;
        place % every == every / 2
    }

    fn write(&self, from: u64, to: u64) -> Result<()> {
        let log = self.open()?;
        for place in from..to {
            let number = match self.is_about(place) {
                true => person()?,
                false => other(place)?,
            };
            let appended = log.append_check(&draft(&number))?;
            if place % FEEDBACK_EVERY == 0 {
                log.append_feedback(&FeedbackDraft {
                    moment: NOW,
                    check_id: appended.check_id,
                    unit: UNIT,
                    action: FeedbackAction::Abandoned,
                    note: None,
                })?;
            }
        }
        log.wait_for_sides();
        Ok(log.close()?)
    }

    /// Opens, asks, prints.
    fn ask(&self, written: u64) -> Result<Step> {
        self.forget()?;
        let (log, open_ms, open_bytes) = self.timed(|| self.open())?;
        log.wait_for_sides();
        let (found, cold_ms, cold_bytes) = self.median(&log, || self.forget())?;
        let about = (0..written).filter(|place| self.is_about(*place)).count();
        ensure!(found.answers.len() == about, "every check is found, once");
        ensure!(found.months_unreadable.is_empty(), "its month is readable");
        let (_, cached_ms, cached_bytes) = self.median(&log, || Ok(()))?;
        log.close()?;
        println!(
            "{written:>11} {:>8} {about:>7} {cold_bytes:>13} {cold_ms:>9.1} {cached_bytes:>13} \
             {cached_ms:>9.2} {open_ms:>10.0} {open_bytes:>13}",
            found.segments,
        );
        Ok(Step {
            segments: found.segments,
            open_ms,
            open_bytes,
            cold_ms,
            cold_bytes,
            cached_ms,
        })
    }

    /// The question of the middle time, each asked after `before`.
    fn median(
        &self,
        log: &DecisionLog,
        before: impl Fn() -> Result<()>,
    ) -> Result<(SubjectFound, f64, u64)> {
        let mut asked = Vec::new();
        for _ in 0..ASKED {
            before()?;
            asked.push(self.timed(|| find(log))?);
        }
        asked.sort_by(|a, b| a.1.total_cmp(&b.1));
        Ok(asked.swap_remove(ASKED / 2))
    }

    /// What `work` gives, its milliseconds, and the bytes that were read meanwhile.
    fn timed<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, f64, u64)> {
        self.disk.read.store(0, Ordering::Relaxed);
        let begun = Instant::now();
        let done = work()?;
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        Ok((done, ms, self.disk.read.load(Ordering::Relaxed)))
    }

    /// Takes the log's files out of the page cache, as far as the kernel heeds it.
    fn forget(&self) -> Result<()> {
        for name in RealDisk.list(&self.folder)? {
            let file = File::open(self.folder.join(name))?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
        Ok(())
    }
}

fn find(log: &DecisionLog) -> Result<SubjectFound> {
    let question = SubjectQuestion {
        numbers: &[person()?],
        name: None,
        from: None,
        until: None,
        after: None,
        limit: 1_000,
    };
    Ok(log.find_subject(&|_, _| None, &question)?)
}

fn person() -> Result<FullNumber> {
    parse(&synthetic::citizen_id(990_102, (1980, 3, 7), 123))
}

/// Another number for each place, in other divisions than the person's.
fn other(place: u64) -> Result<FullNumber> {
    let (day, rest) = (place % 28, place / 28);
    let (month, rest) = (rest % 12, rest / 12);
    let (order, rest) = (rest % 999, rest / 999);
    let (year, rest) = (rest % 70, rest / 70);
    let birth = (1_940 + year as i16, 1 + month as i8, 1 + day as i8);
    let division = u32::try_from(990_300 + rest).context("too many records for other numbers")?;
    parse(&synthetic::citizen_id(division, birth, order as u16))
}

fn parse(number: &str) -> Result<FullNumber> {
    FullNumber::parse(IdType::CitizenId, number).context("a synthetic number is valid")
}

const UNIT: &str = "rail-12306";

/// A plain clear.
fn draft(number: &FullNumber) -> CheckDraft<'_> {
    CheckDraft {
        moment: NOW,
        unit: UNIT,
        scenario: "rail.ticket",
        purpose: Some("ticket sale"),
        decision: Decision::Clear,
        level: Level::Kernel,
        context: Context {
            snapshot: [1; 16],
            catalogue: [2; 16],
            policy: [3; 16],
            overlay_sequence: 1,
            engine: "0.1.0",
        },
        subject: Subject::Number(number),
        others: &[],
        language: Language::Zh,
        relied: &[],
        answer_hash: [4; 16],
        request: &[0x33; 68],
    }
}

/// The real disk, with a count of the bytes that are read.
#[derive(Debug, Clone, Default)]
struct Counting {
    read: Arc<AtomicU64>,
}

#[derive(Debug)]
struct CountedFile {
    file: Arc<dyn StoredFile>,
    read: Arc<AtomicU64>,
}

impl Counting {
    fn counted(&self, file: io::Result<Arc<dyn StoredFile>>) -> io::Result<Arc<dyn StoredFile>> {
        let read = Arc::clone(&self.read);
        Ok(Arc::new(CountedFile { file: file?, read }))
    }
}

impl Storage for Counting {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        self.counted(RealDisk.open(path))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        self.counted(RealDisk.open_to_read(path))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        self.counted(RealDisk.create(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(folder)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.create_folder(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.sync_folder(folder)
    }

    fn lock(&self, path: &Path) -> io::Result<FolderLock> {
        RealDisk.lock(path)
    }
}

impl StoredFile for CountedFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(offset, buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn expect_writes(&self, offset: u64, bytes: u64) {
        self.file.expect_writes(offset, bytes);
    }
}
