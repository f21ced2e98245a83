//! What does it cost to read a large log: to open it, to find one check, to say who asked about a
//! person?
//!
//! `cargo bench --bench subject -- 100000000` writes a log of so many checks, eight of them about
//! one person and feedback on every 62nd, in three steps; after each it opens the log, asks
//! for the person and for the first check, with the files out of the page cache and in it. Prints
//! the middle time of each, the bytes that were read cold, and the bytes of one record. Opening
//! stands apart: `hecha log subject` opens the log each time, a gateway has it open. Asserts that
//! exactly the person's checks are found, and the first check with what concerns it.
//!
//! The last lines are extrapolated, not measured: a full segment costs the same however large, but
//! for the feedback in it, and the last one, which is not full, is read whole. So segments are of
//! 4 MiB here with as much feedback as one of 64 MiB has where every thousandth check has some;
//! what the last one costs is measured in a log of one nearly full segment of 64 MiB. 100 million
//! checks take 20 GB.
//! `HECHA_BENCH_DIR` names a folder on the disk to measure; default the target folder.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use anyhow::{Context as _, Result, ensure};
use hecha::decision_log::by_check;
use hecha::decision_log::keys::LogKeys;
use hecha::decision_log::record::{
    CheckDraft, CheckId, Context, FeedbackAction, FeedbackDraft, Subject,
};
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
use std::cell::Cell;
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
const FEEDBACK_EVERY: u64 = 62;
/// Bytes of a segment here.
const SMALL_SEGMENT_BYTES: u64 = 4 << 20;
/// Checks that nearly fill one of 64 MiB.
const LAST_RECORDS: u64 = 350_000;
/// Times that each is asked each way; the middle time counts.
const ASKED: usize = 9;
/// Checks a second of a busy installation.
const CHECKS_A_SECOND: u64 = 10_000;
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
            .clamp(1 << 16, SMALL_SEGMENT_BYTES),
        records,
        first: Cell::new(None),
    };
    bench.record()?;
    println!(
        "{:>11} {:>8} {:>8} {:<8} {:>10} {:>10} {:>13}",
        "records", "MB", "segments", "asked", "cold ms", "cached ms", "bytes, cold"
    );
    let mut written = 0;
    let mut steps = Vec::new();
    for part in [4, 2, 1] {
        bench.write(written, records / part)?;
        written = records / part;
        steps.push(bench.ask(written)?);
    }
    let [first, .., last] = &*steps else {
        return Ok(());
    };
    std::fs::remove_dir_all(folder)?;
    let single = Bench {
        segment_bytes: SEGMENT_BYTES as u64,
        records: LAST_RECORDS.min(records),
        ..bench
    };
    single.write(0, single.records)?;
    let single = single.ask(single.records)?;
    let billion = BILLION * last.bytes as f64 / written as f64 / SEGMENT_BYTES;
    let grown = (last.segments - first.segments).max(1) as f64;
    for (name, of) in ROWS {
        let at_a_billion = |ms: fn(&Cost) -> f64| {
            let each = ((ms(of(last)) - ms(of(first))) / grown).max(0.0);
            (
                each * 1e3,
                ms(of(&single)),
                billion * each + ms(of(&single)),
            )
        };
        let (cold_each, cold_last, cold) = at_a_billion(|cost| cost.cold_ms);
        let (cached_each, cached_last, cached) = at_a_billion(|cost| cost.cached_ms);
        println!(
            "{name}: a full segment {cold_each:.0} us cold, {cached_each:.0} us cached, the last \
             one {cold_last:.0} and {cached_last:.0} ms; extrapolated to a billion records, \
             {billion:.0} segments of 64 MiB: {cold:.0} ms cold, {cached:.0} ms cached"
        );
    }
    Ok(())
}

/// One cost of a step.
type Of = fn(&Step) -> &Cost;

/// What is asked of the log.
const ROWS: [(&str, Of); 3] = [
    ("open", |step| &step.open),
    ("check", |step| &step.check),
    ("person", |step| &step.person),
];

struct Bench {
    disk: Counting,
    folder: PathBuf,
    segment_bytes: u64,
    records: u64,
    /// The first check, which has feedback.
    first: Cell<Option<CheckId>>,
}

struct Step {
    segments: u64,
    bytes: u64,
    open: Cost,
    check: Cost,
    person: Cost,
}

/// Middle times.
struct Cost {
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
            if place == 0 {
                self.first.set(Some(appended.check_id));
            }
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
        let log = self.open()?;
        log.wait_for_sides();
        log.close()?;
        // Closing is no part of opening.
        let (opened, open) = self.cost(|| self.open())?;
        drop(opened);
        let log = self.open()?;
        let (found, person) = self.cost(|| find(&log))?;
        let about = (0..written).filter(|place| self.is_about(*place)).count();
        ensure!(found.answers.len() == about, "every check is found, once");
        ensure!(found.months_unreadable.is_empty(), "its month is readable");
        let first = self.first.get().context("the log has checks")?;
        let (records, check) = self.cost(|| {
            let found = by_check::read(&self.disk, &self.folder, first)?;
            Ok(found.records.len())
        })?;
        ensure!(records == 2, "the check and its feedback are found");
        log.close()?;
        let step = Step {
            segments: found.segments,
            bytes: found.segments * self.segment_bytes,
            open,
            check,
            person,
        };
        for (name, of) in ROWS {
            let cost = of(&step);
            println!(
                "{written:>11} {:>8.0} {:>8} {name:<8} {:>10.2} {:>10.2} {:>13}",
                step.bytes as f64 / 1e6,
                step.segments,
                cost.cold_ms,
                cost.cached_ms,
                cost.cold_bytes,
            );
        }
        Ok(step)
    }

    /// Bytes of one record and its frame, once its texts are known, and what a day of them takes.
    fn record(&self) -> Result<()> {
        let (number, log) = (other(1)?, self.open()?);
        // Behind a format byte that says so, the operator stands before the request.
        let with_operator = [REQUEST, b"\x0cteller 10293"].concat();
        for (name, request) in [
            ("number, name, two attributes, reference", REQUEST),
            ("and an operator of 12 bytes", &with_operator),
        ] {
            let draft = || CheckDraft {
                request,
                ..draft(&number)
            };
            log.append_check(&draft())?;
            let before = log.counters().bytes.load(Ordering::Relaxed);
            log.append_check(&draft())?;
            let bytes = log.counters().bytes.load(Ordering::Relaxed) - before;
            let day = (bytes * CHECKS_A_SECOND * 86_400) as f64 / 1e9;
            println!(
                "a plain clear, {name}: {bytes} bytes; {day:.0} GB a day at {CHECKS_A_SECOND} \
                 a second"
            );
            ensure!(bytes <= 200, "a plain clear takes at most 200 bytes");
        }
        log.close()?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    /// What `work` costs with the files out of the page cache, and in it.
    fn cost<T>(&self, work: impl Fn() -> Result<T>) -> Result<(T, Cost)> {
        let (_, cold_ms, cold_bytes) = self.median(&work, || self.forget())?;
        let (done, cached_ms, _) = self.median(&work, || Ok(()))?;
        let cost = Cost {
            cold_ms,
            cold_bytes,
            cached_ms,
        };
        Ok((done, cost))
    }

    /// The middle one, each after `before`. One is over before the next: a log has one writer.
    fn median<T>(
        &self,
        work: &impl Fn() -> Result<T>,
        before: impl Fn() -> Result<()>,
    ) -> Result<(T, f64, u64)> {
        let mut asked = Vec::new();
        for _ in 1..ASKED {
            before()?;
            let (done, ms, bytes) = self.timed(work)?;
            drop(done);
            asked.push((ms, bytes));
        }
        before()?;
        let (done, ms, bytes) = self.timed(work)?;
        asked.push((ms, bytes));
        asked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (ms, bytes) = asked[ASKED / 2];
        Ok((done, ms, bytes))
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

/// As long as `wire` writes a plain ticket request: two attributes, name, number, a reference.
const REQUEST: &[u8] = &[0x33; 68];

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
        request: REQUEST,
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
