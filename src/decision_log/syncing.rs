//! What the log and its threads share: the lock of appends, syncs, who waits for the disk.
//!
//! In: appends under one lock. Out: syncs when somebody waits and else every few milliseconds when
//! something is new, the next segment prepared between them. The first failed write or sync ends
//! the log for good.

use super::appender::{AppendFault, Appender, Fresh, Ground};
use super::counters::LogCounters;
use super::error::LogError;
use super::feedback::FeedbackMap;
use super::keys::{self, LogKeys};
use super::record::Position;
use super::recovery::{self, Recovered, Recovery};
use super::segment::LogOptions;
use super::shards;
use super::side_maker::{SideMaker, Wish};
use super::trees::Trees;
use crate::model::decision::Level;
use crate::model::term::Moment;
use crate::seal::entropy::Entropy;
use crate::storage::disk::Storage;
use crate::threads;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What is kept in memory ahead of the records, in bytes: far more than comes between two syncs.
/// A prepared segment may lie there for days, and what is not used is dropped from memory.
const AHEAD_BYTES: u64 = 512 << 10;

/// Rest after a preparation that has failed, before it is tried again.
const PREPARE_AGAIN: Duration = Duration::from_secs(1);

/// How long before a month ends the secret of the next one is made, in microseconds.
const MONTH_AHEAD_US: i64 = 60_000_000;

/// All that the log and its threads share.
pub(super) struct Shared {
    pub ground: Ground,
    pub trees: Option<Trees>,
    pub options: LogOptions,
    pub appender: Mutex<Appender>,
    pub feedback: Mutex<FeedbackMap>,
    pub feedback_key: u8,
    /// One sync at a time: what one takes to sync, another must not call done.
    pub syncing: Mutex<()>,
    pub state: Mutex<SyncState>,
    pub wake: Condvar,
    /// The thread waits for something to do.
    pub sleeping: AtomicBool,
    pub last_record: AtomicU64,
    pub ended: OnceLock<Arc<str>>,
    pub next_segment_fault: Mutex<Option<(Instant, Arc<str>)>>,
    pub sides: Arc<Wish>,
}

/// Who waits for what.
#[derive(Debug, Default)]
pub(super) struct SyncState {
    pub synced_through: u64,
    /// Highest place that somebody waits for.
    pub wanted: u64,
    pub waiters: Vec<(u64, oneshot::Sender<()>)>,
    pub stop: bool,
}

impl SyncState {
    /// Somebody waits for this place.
    pub fn want(&mut self, position: Position) {
        self.wanted = self.wanted.max(position.0);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("folder", &self.ground.folder)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Puts together what was recovered.
    pub fn open(
        storage: Arc<dyn Storage>,
        folder: &Path,
        options: LogOptions,
        keys: LogKeys,
        entropy: Arc<dyn Entropy>,
        recovered: Recovered,
        now: Moment,
    ) -> Result<(Self, Recovery), LogError> {
        let last_number = recovered.last_number();
        let bytes = options.segment_bytes;
        let preparation = recovery::preparation(&*storage, folder, bytes, &recovered)?;
        let salt = recovered.salt(&*entropy);
        let highest = recovered.recovery.highest_moment;
        let on_disk = recovered.next_index - 1;
        let shards = shards::shards(&recovered.spans, recovered.next_index);
        let ground = Ground {
            months_from: Mutex::new(shards::beginnings(&shards)),
            folder: folder.to_owned(),
            entropy,
            months: Mutex::default(),
            segment_bytes: options.segment_bytes,
            keys,
            salt,
            preparation: Mutex::new(preparation),
            index: Mutex::new(recovered.index),
            counters: LogCounters {
                unreported: AtomicU64::new(recovered.recovery.unreported),
                ..LogCounters::default()
            },
            synced_through: AtomicU64::new(on_disk),
            highest_moment: AtomicI64::new(highest.map_or(i64::MIN, |at| at.0)),
            storage,
        };
        let file = match last_number {
            0 => None,
            number => Some(recovery::open_segment(&*ground.storage, folder, number)?),
        };
        // Before anything is appended: records that are gone must not be written over.
        let trees = Trees::open(&ground, &shards, now)?;
        let (last, next) = (recovered.last, recovered.next_index);
        let mut appender = Appender::open(&ground, last, next, recovered.last_check, file, now)?;
        if on_disk > 0 {
            appender.mark(&ground).map_err(AppendFault::into_error)?;
        }
        let mut feedback = recovered.feedback;
        let id = ground.keys.id();
        let feedback_key = feedback.add_key(id, || ground.keys.feedback(id, &salt));
        let shared = Self {
            options,
            last_record: AtomicU64::new(appender.in_kernel()),
            appender: Mutex::new(appender),
            feedback: Mutex::new(feedback),
            feedback_key,
            syncing: Mutex::new(()),
            state: Mutex::new(SyncState {
                synced_through: on_disk,
                ..SyncState::default()
            }),
            wake: Condvar::new(),
            sleeping: AtomicBool::new(false),
            ended: OnceLock::new(),
            next_segment_fault: Mutex::new(None),
            sides: Arc::default(),
            trees,
            ground,
        };
        shared.sides.full_below(last_number);
        Ok((shared, recovered.recovery))
    }

    /// Random bytes for one record.
    pub fn fresh(&self) -> Fresh {
        let mut fresh = Fresh::default();
        self.ground.entropy.fill(&mut fresh);
        fresh
    }

    /// Appends under the lock, and wakes the thread that syncs where something came into the
    /// kernel.
    // HOT: the one lock of the way of an answer.
    pub fn append<T>(
        &self,
        deed: impl FnOnce(&mut Appender) -> Result<T, AppendFault>,
    ) -> Result<T, LogError> {
        let Ok(mut appender) = self.appender.lock() else {
            self.end("a thread has panicked while it appended");
            return Err(self.ended());
        };
        self.live()?;
        match deed(&mut appender) {
            Ok(done) => {
                let in_kernel = appender.in_kernel();
                let before = self.last_record.swap(in_kernel, Ordering::SeqCst);
                drop(appender);
                let sleeping = in_kernel > before && self.sleeping.load(Ordering::SeqCst);
                if sleeping && self.sleeping.swap(false, Ordering::SeqCst) {
                    let _state = lock(&self.state);
                    self.wake.notify_all();
                }
                Ok(done)
            }
            Err(AppendFault::Refused(error)) => Err(error),
            Err(AppendFault::Fatal(error)) => {
                // Under the lock, so that no other append comes through.
                self.end(&error.to_string());
                Err(self.ended())
            }
        }
    }

    /// Writes what waits for it, unless this record is in the kernel already.
    pub fn flush(&self, position: Position) -> Result<(), LogError> {
        if self.is_in_kernel(position) {
            return Ok(());
        }
        self.append(|appender| appender.flush(&self.ground))
    }

    /// Whether a record was put into the kernel with those of others.
    pub fn is_in_kernel(&self, position: Position) -> bool {
        self.last_record.load(Ordering::SeqCst) >= position.0
    }

    /// Highest index that is on the disk.
    pub fn on_disk(&self) -> u64 {
        self.ground.synced_through.load(Ordering::Acquire)
    }

    /// Errors where the log has ended.
    pub fn live(&self) -> Result<(), LogError> {
        match self.ended.get() {
            None => Ok(()),
            Some(_) => Err(self.ended()),
        }
    }

    /// The error of an ended log.
    pub fn ended(&self) -> LogError {
        let reason = self.ended.get().cloned();
        LogError::Ended {
            reason: reason.unwrap_or_else(|| "it was closed".into()),
        }
    }

    /// Ends the log for good; the first reason stays.
    pub fn end(&self, reason: &str) {
        self.ended.get_or_init(|| reason.into());
        let mut state = lock(&self.state);
        // Dropping the senders tells the waiters.
        state.waiters.clear();
        self.wake.notify_all();
    }

    /// What to wait for until a record has reached a level; `None` where it has.
    pub fn wait_for(
        &self,
        level: Level,
        position: Position,
    ) -> Result<Option<oneshot::Receiver<()>>, LogError> {
        self.live()?;
        if level == Level::Kernel {
            return Ok(None);
        }
        LogCounters::count(&self.ground.counters.waits, 1);
        let mut state = lock(&self.state);
        if state.synced_through >= position.0 {
            return Ok(None);
        }
        // Again under the lock: `end` may have told the waiters just before.
        self.live()?;
        let (on_disk, receiver) = oneshot::channel();
        state.waiters.push((position.0, on_disk));
        state.want(position);
        self.wake.notify_all();
        Ok(Some(receiver))
    }

    /// Syncs what has been appended, tells the waiters, and marks what nothing follows.
    pub fn sync(&self) -> Result<(), LogError> {
        let _one = lock(&self.syncing);
        self.live()?;
        let unsynced = {
            let Ok(mut appender) = self.appender.lock() else {
                return Err(self.ended());
            };
            let unsynced = appender.unsynced(&self.ground).map_err(|fault| {
                self.end(&fault.into_error().to_string());
                self.ended()
            })?;
            if appender.in_kernel() <= self.ground.synced_through.load(Ordering::Acquire) {
                return Ok(());
            }
            unsynced
        };
        let begun = Instant::now();
        for file in &unsynced.files {
            if let Err(error) = file.sync() {
                return Err(self.end_after_sync(&error));
            }
        }
        self.ground.counters.count_sync(begun.elapsed());
        self.ground
            .synced_through
            .store(unsynced.through, Ordering::Release);
        self.tell(unsynced.through);
        self.sides.full_below(unsynced.number);
        if let Some(written) = unsynced.files.last() {
            written.expect_writes(unsynced.end, AHEAD_BYTES);
        }
        self.append(|appender| match appender.in_kernel() <= unsynced.through {
            true => appender.mark(&self.ground),
            false => Ok(()),
        })
    }

    fn end_after_sync(&self, error: &io::Error) -> LogError {
        // Under the lock of appends: one that has returned was before, none comes after.
        let appender = self.appender.lock();
        self.end(&format!(
            "cannot sync `{}`: {error}",
            self.ground.folder.display()
        ));
        drop(appender);
        self.ended()
    }

    fn tell(&self, through: u64) {
        let mut state = lock(&self.state);
        state.synced_through = through;
        let mut place = 0;
        while place < state.waiters.len() {
            if state.waiters[place].0 <= through {
                let (_, on_disk) = state.waiters.swap_remove(place);
                // Who has stopped waiting need not know.
                let _ = on_disk.send(());
            } else {
                place += 1;
            }
        }
        self.wake.notify_all();
    }

    /// The thread: syncs, and prepares the next segment in steps between syncs.
    fn run(&self) {
        let interval = Duration::from_millis(self.options.sync_interval_ms);
        let mut last = Instant::now();
        while self.wait_for_work(&mut last, interval) {
            if self.sync().is_err() {
                return;
            }
            last = Instant::now();
            self.prepare();
            self.prepare_month();
        }
    }

    /// Waits until there is something to sync or prepare; false when the log closes or has ended.
    fn wait_for_work(&self, last: &mut Instant, interval: Duration) -> bool {
        let mut state = lock(&self.state);
        loop {
            if state.stop || self.ended.get().is_some() {
                return false;
            }
            if state.wanted > state.synced_through || self.must_prepare() {
                return true;
            }
            let dirty = self.last_record.load(Ordering::SeqCst) > state.synced_through;
            if dirty {
                let Some(left) = interval
                    .checked_sub(last.elapsed())
                    .filter(|d| !d.is_zero())
                else {
                    return true;
                };
                let waited = self.wake.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            self.sleeping.store(true, Ordering::SeqCst);
            // Again after the flag: an append in between has not seen it.
            if self.last_record.load(Ordering::SeqCst) <= state.synced_through {
                state = wait(&self.wake, state);
                *last = Instant::now();
            }
            self.sleeping.store(false, Ordering::SeqCst);
        }
    }

    fn must_prepare(&self) -> bool {
        let fault = lock(&self.next_segment_fault);
        let rests = fault
            .as_ref()
            .is_some_and(|(at, _)| at.elapsed() < PREPARE_AGAIN);
        !rests && !lock(&self.ground.preparation).is_ready()
    }

    fn prepare(&self) {
        if !self.must_prepare() {
            return;
        }
        let stepped = lock(&self.ground.preparation).step(&*self.ground.storage);
        let fault = stepped.err().map(|error| error.to_string().into());
        *lock(&self.next_segment_fault) = fault.map(|fault| (Instant::now(), fault));
    }

    /// Makes the secret of the next month before its first record needs it: no answer waits for it.
    fn prepare_month(&self) {
        let highest = Moment(self.ground.highest_moment.load(Ordering::Relaxed));
        if highest.0 < 0 {
            return;
        }
        let end = keys::month_end(highest);
        if end.0.saturating_sub(highest.0) < MONTH_AHEAD_US {
            // Who needs it says why it cannot be made.
            let _ = self.ground.open_month(&keys::month_label(end));
        }
    }

    /// Why the next segment cannot be prepared.
    pub fn next_segment_fault(&self) -> Option<Arc<str>> {
        let fault = lock(&self.next_segment_fault);
        fault.as_ref().map(|(_, fault)| Arc::clone(fault))
    }
}

/// Starts the thread that syncs.
pub(super) fn spawn_sync(shared: &Arc<Shared>) -> Result<JoinHandle<()>, LogError> {
    spawn(shared, "hecha-log-sync", Shared::run)
}

/// Starts the thread of the tree, where there is one.
pub(super) fn spawn_tree(shared: &Arc<Shared>) -> Result<Option<JoinHandle<()>>, LogError> {
    if shared.trees.is_none() {
        return Ok(None);
    }
    let run = |shared: &Shared| {
        threads::stand_below_answers();
        let on_disk = || shared.live().ok().map(|()| shared.on_disk());
        if let Some(trees) = &shared.trees {
            trees.run(on_disk, |reason| shared.end(reason));
        }
    };
    spawn(shared, "hecha-log-tree", run).map(Some)
}

/// Starts the thread that makes side files.
pub(super) fn spawn_sides(shared: &Shared) -> Result<SideMaker, LogError> {
    let storage = Arc::clone(&shared.ground.storage);
    SideMaker::start(storage, &shared.ground.folder, Arc::clone(&shared.sides))
}

fn spawn(
    shared: &Arc<Shared>,
    name: &'static str,
    run: impl FnOnce(&Shared) + Send + 'static,
) -> Result<JoinHandle<()>, LogError> {
    let shared = Arc::clone(shared);
    let folder = shared.ground.folder.display().to_string();
    let spawned = std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            let run = std::panic::AssertUnwindSafe(|| run(&shared));
            if std::panic::catch_unwind(run).is_err() {
                shared.end(&format!("the thread {name} has panicked"));
            }
        });
    spawned.map_err(LogError::io("start the thread of", folder))
}

/// A panic under one of these locks leaves plain data behind it, in order.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits likewise.
pub(super) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}
