//! Which way of writing the log is the faster: inline under a lock, or a writer thread with group
//! commit?
//!
//! `cargo bench --bench append` prints one line a row: records a second, p50 and p99 of one append
//! until its level is reached. Beside them stand a bare write and a bare fdatasync of the same run,
//! which nothing can beat. `HECHA_BENCH_DIR` names a folder on the disk to measure; default the
//! target folder. Asserts that every record that was acknowledged is there.
//!
//! The writer thread is given an advantage: it neither interns nor indexes, and its records come
//! sealed. Both ways run on two current-thread runtimes, as the service does.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use anyhow::{Context as _, Result, ensure};
use hecha::decision_log::keys::LogKeys;
use hecha::decision_log::record::{CheckDraft, Context, Subject};
use hecha::decision_log::segment::LogOptions;
use hecha::decision_log::writer::DecisionLog;
use hecha::model::decision::{Decision, Level};
use hecha::model::language::Language;
use hecha::model::term::Moment;
use hecha::seal::entropy::{Entropy, OsEntropy};
use hecha::seal::keys::MasterKey;
use hecha::storage::append;
use hecha::storage::disk::{RealDisk, Storage, StoredFile};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const RUNTIMES: usize = 2;
const SEGMENT_BYTES: u64 = 256 << 20;
/// Size of a plain clear.
const RECORD_BYTES: usize = 192;

fn main() -> Result<()> {
    // `cargo test --benches` runs this too, without the flag: only to see that it works.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let row_time = Duration::from_millis(if is_measured { 2_000 } else { 30 });
    let folder = std::env::var_os("HECHA_BENCH_DIR").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("append"),
        PathBuf::from,
    );
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    RealDisk.create_folder(&folder)?;
    println!(
        "{:<44} {:>12} {:>10} {:>10}",
        "row", "records/s", "p50 us", "p99 us"
    );
    bare(&folder, row_time)?;
    for (level, tasks) in [
        (Level::Kernel, 1),
        (Level::Kernel, 16),
        (Level::Disk, 1),
        (Level::Disk, 16),
    ] {
        inline(&folder, level, tasks, row_time)?;
        writer_thread(&folder, level, tasks, row_time)?;
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// What the disk itself does, one thread.
fn bare(folder: &Path, row_time: Duration) -> Result<()> {
    let file = prepared(&folder.join("bare"))?;
    for (name, is_synced) in [("bare pwrite", false), ("bare pwrite and fdatasync", true)] {
        let mut times = Times::default();
        let begun = Instant::now();
        let mut offset = 0;
        while begun.elapsed() < row_time && offset + (RECORD_BYTES as u64) < SEGMENT_BYTES {
            let started = Instant::now();
            file.write_at(offset, &[0x55; RECORD_BYTES])?;
            if is_synced {
                file.sync()?;
            }
            times.add(started);
            offset += RECORD_BYTES as u64;
        }
        times.print(name, begun.elapsed());
    }
    Ok(())
}

/// The way of the service: each runtime appends under the lock, one thread syncs.
fn inline(folder: &Path, level: Level, tasks: usize, row_time: Duration) -> Result<()> {
    let folder = folder.join(format!("inline-{}-{tasks}", level.name()));
    let open = || {
        let options = LogOptions {
            segment_bytes: SEGMENT_BYTES,
            ..LogOptions::default()
        };
        let keys = LogKeys::new(MasterKey::from_bytes([7; 32]));
        DecisionLog::open(
            Arc::new(RealDisk),
            &folder,
            options,
            keys,
            Arc::new(OsEntropy),
            NOW,
        )
    };
    let log = Arc::new(open()?.0);
    while prepared_segments(&folder)? < 2 {
        std::thread::yield_now();
    }
    let begun = Instant::now();
    let times = on_runtimes(tasks, || {
        let log = Arc::clone(&log);
        async move {
            let mut times = Times::default();
            while begun.elapsed() < row_time {
                let started = Instant::now();
                let appended = log.append_check(&draft())?;
                log.reached(level, appended.position).await?;
                times.add(started);
                tokio::task::yield_now().await;
            }
            Ok(times)
        }
    })?;
    let took = begun.elapsed();
    let segments = log.counters().segments.load(Ordering::Relaxed);
    let log = Arc::try_unwrap(log)
        .ok()
        .context("nobody else holds the log")?;
    log.close()?;
    let recovery = open()?.1;
    ensure!(
        recovery.checks == times.0.len() as u64,
        "every record is there"
    );
    let name = format!("inline, {}, {tasks} x {RUNTIMES} waiting", level.name());
    times.print(&format!("{name}, {segments} segments"), took);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// The other way: a channel to one thread, which writes all that has come with one write.
fn writer_thread(folder: &Path, level: Level, tasks: usize, row_time: Duration) -> Result<()> {
    let path = folder.join("writer");
    let file = prepared(&path)?;
    let (sender, receiver) = mpsc::sync_channel::<Frame>(65_536);
    let written = Arc::clone(&file);
    let writer = std::thread::spawn(move || write_groups(&*written, &receiver, level));
    let keys = LogKeys::new(MasterKey::from_bytes([7; 32]));
    let shard = keys
        .shard(keys.id(), &[1; 32], "2026-11", None)
        .context("the key is loaded")?;
    let begun = Instant::now();
    let times = on_runtimes(tasks, || {
        let (sender, shard) = (sender.clone(), shard.clone());
        async move {
            let mut times = Times::default();
            while begun.elapsed() < row_time {
                let started = Instant::now();
                let mut random = [0; 32];
                OsEntropy.fill(&mut random);
                let mut payload = Vec::with_capacity(RECORD_BYTES);
                payload.extend_from_slice(&[0x55; 57]);
                shard.seal(&[3; 16], &[4; 16], REQUEST, &mut payload);
                let (done, on_done) = oneshot::channel();
                sender.send(Frame { payload, done })?;
                on_done.await?;
                times.add(started);
                tokio::task::yield_now().await;
            }
            Ok(times)
        }
    })?;
    let took = begun.elapsed();
    drop(sender);
    writer.join().ok().context("the writer does not panic")??;
    let bytes = hecha::storage::disk::read_all(&*file)?;
    let mut frames = 0;
    let Ok(_end) = append::scan(&bytes, Some(1), |_| {
        frames += 1;
        Ok::<(), Infallible>(())
    });
    ensure!(frames == times.0.len(), "every record is there");
    times.print(
        &format!(
            "writer thread, {}, {tasks} x {RUNTIMES} waiting",
            level.name()
        ),
        took,
    );
    std::fs::remove_file(&path)?;
    Ok(())
}

struct Frame {
    payload: Vec<u8>,
    done: oneshot::Sender<()>,
}

fn write_groups(file: &dyn StoredFile, frames: &mpsc::Receiver<Frame>, level: Level) -> Result<()> {
    let (mut offset, mut index) = (0, 1);
    let (mut buffer, mut waiters) = (Vec::new(), Vec::new());
    while let Ok(first) = frames.recv() {
        buffer.clear();
        for frame in std::iter::once(first).chain(frames.try_iter().take(512)) {
            append::encode(&mut buffer, 4, index, 0, |out| {
                out.extend_from_slice(&frame.payload)
            })?;
            index += 1;
            waiters.push(frame.done);
        }
        file.write_at(offset, &buffer)?;
        offset += buffer.len() as u64;
        if level == Level::Disk {
            file.sync()?;
        }
        for done in waiters.drain(..) {
            // Whoever has gone does not matter here.
            let _ = done.send(());
        }
    }
    Ok(())
}

/// Runs `tasks` tasks on each of the runtimes; all their times.
fn on_runtimes<F>(tasks: usize, task: impl Fn() -> F) -> Result<Times>
where
    F: Future<Output = Result<Times>> + Send + 'static,
{
    let mut threads = Vec::new();
    for _ in 0..RUNTIMES {
        let futures: Vec<F> = (0..tasks).map(|_| task()).collect();
        threads.push(std::thread::spawn(move || -> Result<Times> {
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            let handles: Vec<_> = futures.into_iter().map(|f| runtime.spawn(f)).collect();
            let mut all = Times::default();
            for handle in handles {
                all.0.extend(runtime.block_on(handle)??.0);
            }
            Ok(all)
        }));
    }
    let mut all = Times::default();
    for thread in threads {
        all.0
            .extend(thread.join().ok().context("a task does not panic")??.0);
    }
    Ok(all)
}

fn prepared_segments(folder: &Path) -> Result<usize> {
    let names = RealDisk.list(folder)?;
    Ok(names.iter().filter(|name| name.ends_with(".hlog")).count())
}

fn prepared(path: &Path) -> Result<Arc<dyn StoredFile>> {
    let file = RealDisk.create(path)?;
    let zeros = vec![0; 1 << 20];
    for step in 0..SEGMENT_BYTES >> 20 {
        file.write_at(step << 20, &zeros)?;
    }
    file.sync()?;
    Ok(file)
}

const NOW: Moment = Moment(1_795_353_600_000_000);

/// As long as `wire` writes a plain ticket request.
const REQUEST: &[u8] = &[0x33; 68];

fn draft() -> CheckDraft<'static> {
    CheckDraft {
        moment: NOW,
        unit: "rail-12306",
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
        subject: Subject::Name("张三丰"),
        others: &[],
        language: Language::Zh,
        relied: &[],
        answer_hash: [4; 16],
        request: REQUEST,
    }
}

/// Nanoseconds of each append.
#[derive(Default)]
struct Times(Vec<u64>);

impl Times {
    fn add(&mut self, started: Instant) {
        let taken = started.elapsed().as_nanos();
        self.0.push(u64::try_from(taken).unwrap_or(u64::MAX));
    }

    fn print(mut self, name: &str, took: Duration) {
        self.0.sort_unstable();
        let at = |share: f64| {
            let place = (self.0.len() as f64 * share) as usize;
            self.0.get(place).map_or(0.0, |ns| *ns as f64 / 1_000.0)
        };
        let rate = self.0.len() as f64 / took.as_secs_f64();
        println!(
            "{name:<44} {rate:>12.0} {:>10.1} {:>10.1}",
            at(0.50),
            at(0.99)
        );
    }
}
