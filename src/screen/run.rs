//! One run from its beginning to its end: reading, deciding and writing at the same time.
//!
//! In: a job. Out: the output under its name and what came of its rows. Blocks keep their order:
//! one thread reads them, one writes them, and between them one at a time is decided on all cores.

use super::acts::{ActsFault, Watched};
use super::checkpoint::{Identity, Tally};
use super::columns::{Given, Naming};
use super::decide::{Decided, Deciding};
use super::rows::{Format, InputFault, Reading, Row, Rows};
use super::sink::{Begun, Sink, SinkFault};
use crate::decision_log::error::LogError;
use crate::gateway::client::Client;
use crate::gateway::clock::Clock;
use crate::gateway::recorder::{RecordError, Recorder};
use crate::gateway::view::View;
use crate::model::decision::Level;
use crate::storage::disk::Storage;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::ScopedJoinHandle;

/// Rows of a block: what is written, synced and checkpointed at once.
pub const BLOCK_ROWS: usize = 16_384;

/// All that a run is of.
pub struct Job<'a> {
    /// Subjects.
    pub input: PathBuf,
    /// Decisions.
    pub out: PathBuf,
    /// Form of the subjects.
    pub format_in: Format,
    /// Form of the decisions.
    pub format_out: Format,
    /// What holds for all rows.
    pub given: Given,
    /// What columns are called.
    pub naming: Naming,
    /// Who asks, by the law of the view.
    pub client: &'a Client,
    /// Journal of the gateway whose acts count.
    pub journal: Option<PathBuf>,
    /// The log, where one is kept.
    pub recorder: Option<&'a Recorder>,
    /// The moment of each block.
    pub clock: &'a Clock,
    /// The disk.
    pub storage: Arc<dyn Storage>,
    /// Rows of a block.
    pub block_rows: usize,
}

/// Why a run ended before its end. What is on the disk can be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The input.
    #[error(transparent)]
    Input(#[from] InputFault),
    /// The output.
    #[error(transparent)]
    Sink(#[from] SinkFault),
    /// The acts.
    #[error(transparent)]
    Acts(#[from] ActsFault),
    /// The log.
    #[error("{0}: nothing is answered without a record; run the command again to go on")]
    Record(#[from] RecordError),
    /// The log's disk.
    #[error("{0}; run the command again to go on")]
    Log(#[from] LogError),
    /// No such scenario.
    #[error("there is no scenario `{0}`; `GET /v1/scenarios` or scenarios.tsv lists them")]
    Scenario(Box<str>),
    /// The input changed under the run.
    #[error("{}: was changed while it was read; begin anew with a file at rest", .0.display())]
    Changed(PathBuf),
    /// A thread panicked.
    #[error("a thread of the run failed; run the command again to go on")]
    Thread,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Looking at the input; bytes of it, or rows of a table.
    Total(u64),
    /// Decided up to here, of the total.
    Done(u64),
}

/// What came of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// Of all rows.
    pub tally: Tally,
    /// Rows that a former, interrupted run had finished.
    pub resumed: u64,
}

/// A block on its way.
struct Block {
    rows: Vec<Row>,
    done: u64,
}

/// BLAKE3 of a file's bytes, in hex.
pub fn hash_of(path: &Path) -> Result<blake3::Hash, InputFault> {
    let mut hasher = blake3::Hasher::new();
    let hashed = File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ()));
    match hashed {
        Ok(()) => Ok(hasher.finalize()),
        Err(fault) => Err(InputFault::Read {
            path: path.to_owned(),
            fault,
        }),
    }
}

impl Job<'_> {
    /// What the run is of.
    pub fn identity(&self, input: blake3::Hash, view: &View) -> Identity {
        let given = (
            format!("{:?}{:?}{:?}", self.given, self.naming, self.format_in),
            format!("{:?}", self.format_out),
        );
        let hex = |bytes: &[u8; 32]| blake3::Hash::from_bytes(*bytes).to_hex().to_string();
        Identity {
            input: input.to_hex().to_string(),
            given: blake3::hash(format!("{given:?}").as_bytes())
                .to_hex()
                .to_string(),
            snapshot: view.loaded.id.to_string(),
            catalogue: hex(&view.law.catalogue.hash),
            client: hex(&self.client.policy_hash),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Runs to the end, from the checkpoint of an interrupted run where there is one.
    pub fn run(
        &self,
        view: View,
        identity: Identity,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, RunError> {
        let law = Arc::clone(&view.law);
        let place = law.catalogue.find_scenario(&self.given.scenario);
        let place = place.ok_or_else(|| RunError::Scenario(self.given.scenario.clone()))?;
        let scenario = law.catalogue.scenario(place);
        let stamp = stamp(&self.input);
        let (rows, columns) = Rows::open(
            &self.input,
            self.format_in,
            &self.naming,
            scenario,
            &self.given,
        )?;
        let storage = Arc::clone(&self.storage);
        let sink = match Sink::begin(storage, &self.out, self.format_out, identity)? {
            Begun::Open(sink) => sink,
            Begun::Whole(tally) => {
                let resumed = tally.rows;
                return Ok(Report { tally, resumed });
            }
        };
        let resumed = sink.tally().rows;
        let reading = Reading {
            given: &self.given,
            scenario,
            columns,
            separator: self.format_in.separator(),
        };
        progress(Progress::Total(rows.total().or(stamp).unwrap_or(0)));
        let sink = self.pipe(rows, resumed, view, &reading, *sink, progress)?;
        if stamp != self::stamp(&self.input) {
            return Err(RunError::Changed(self.input.clone()));
        }
        let tally = sink.finish()?;
        Ok(Report { tally, resumed })
    }

    /// Reads, decides and writes until the input ends.
    fn pipe(
        &self,
        rows: Rows,
        skipped: u64,
        mut view: View,
        reading: &Reading<'_>,
        sink: Sink,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Sink, RunError> {
        let block_rows = self.block_rows.max(1);
        std::thread::scope(|threads| {
            let (to_decide, read) = sync_channel(1);
            let reader = threads.spawn(move || read_all(rows, skipped, block_rows, &to_decide));
            let (to_write, decided) = sync_channel(1);
            let recorder = self.recorder;
            let writer = threads.spawn(move || write_all(sink, recorder, &decided));
            let mut acts = self.journal.as_deref().map(Watched::new);
            let ended = self.decide_all(&read, &to_write, &mut view, &mut acts, reading, progress);
            // Ends both threads, whatever has happened here.
            drop((read, to_write));
            let sink = joined(writer)?;
            joined(reader)?;
            ended?;
            Ok(sink)
        })
    }

    fn decide_all(
        &self,
        read: &Receiver<Block>,
        to_write: &SyncSender<Decided>,
        view: &mut View,
        acts: &mut Option<Watched>,
        reading: &Reading<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), RunError> {
        for block in read {
            let now = self.clock.tick();
            if view.standing(now.day()).is_none() {
                *view = view.on_day_of(now);
            }
            let looked = acts
                .as_mut()
                .map(|acts| acts.look(&*self.storage, view, now));
            if let Some(changed) = looked.transpose()?.flatten() {
                *view = changed;
            }
            let deciding = Deciding {
                view,
                client: self.client,
                reading,
                recorder: self.recorder,
                now,
                format: self.format_out,
            };
            let decided = deciding.block(&block.rows)?;
            if to_write.send(decided).is_err() {
                // The writer has ended and says why.
                return Ok(());
            }
            progress(Progress::Done(block.done));
        }
        Ok(())
    }
}

fn read_all(
    mut rows: Rows,
    skipped: u64,
    block_rows: usize,
    to_decide: &SyncSender<Block>,
) -> Result<(), RunError> {
    rows.skip(skipped)?;
    loop {
        let block = Block {
            rows: rows.block(block_rows)?,
            done: rows.done(),
        };
        if block.rows.is_empty() || to_decide.send(block).is_err() {
            return Ok(());
        }
    }
}

fn write_all(
    mut sink: Sink,
    recorder: Option<&Recorder>,
    decided: &Receiver<Decided>,
) -> Result<Sink, RunError> {
    for block in decided {
        if let (Some(recorder), Some(last)) = (recorder, block.last) {
            // No row without its record, after a cut of power either.
            recorder.log().reached_blocking(Level::Disk, last)?;
        }
        sink.append(&block.lines, &block.tally)?;
    }
    Ok(sink)
}

fn joined<T>(thread: ScopedJoinHandle<'_, Result<T, RunError>>) -> Result<T, RunError> {
    thread.join().unwrap_or(Err(RunError::Thread))
}

/// Length of a file: a run over a file that grows is no run of what was hashed.
fn stamp(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|about| about.len())
}
