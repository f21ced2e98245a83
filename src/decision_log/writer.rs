//! The open log: appends on the caller's thread, one thread that syncs, waiting for the disk.
//!
//! In: drafts. Out: an append returns when its record is in the kernel; who needs more waits for
//! `reached`. The thread syncs when somebody waits and else every few milliseconds when something
//! is new; all that has come meanwhile is on the disk with one sync. A write or sync that fails
//! ends the log for good: later appends and all waiters get an error, and nothing is retried.

use super::appender::{AppendFault, Appender, Fresh, Ground};
use super::counters::LogCounters;
use super::error::LogError;
use super::feedback::{FeedbackAnswer, FeedbackMap, FeedbackSeen};
use super::keys::{self, LogKeys};
use super::lookup::{self, FoundCheck};
use super::record::{Appended, CheckDraft, CheckId, EventDraft, FeedbackDraft, Position};
use super::recovery::{self, Recovered, Recovery};
use super::segment::{LogOptions, Syncing};
use crate::model::decision::Level;
use crate::model::term::Moment;
use crate::seal::entropy::Entropy;
use crate::storage::disk::{FolderLock, Storage};
use std::io;
use std::path::{Path, PathBuf};
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

/// The one writer of a log folder. Shared by reference; dropping it syncs and lets go.
#[derive(Debug)]
pub struct DecisionLog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    _lock: FolderLock,
}

/// Whether the log takes records, and what is about to stop it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What has ended it.
    pub ended: Option<Arc<str>>,
    /// Why the next segment cannot be prepared: the log ends when this one is full.
    pub next_segment: Option<Arc<str>>,
    /// Highest place that is on the disk.
    pub on_disk: Position,
    /// Highest place that is in the kernel.
    pub in_kernel: Position,
}

impl DecisionLog {
    /// Opens a log, or begins one where the folder is empty or absent.
    ///
    /// When it returns, every record that was found is on the disk. Errors: in use, damaged, a
    /// format not known, options out of bounds, the file system.
    pub fn open(
        storage: Arc<dyn Storage>,
        folder: &Path,
        options: LogOptions,
        keys: LogKeys,
        entropy: Arc<dyn Entropy>,
        now: Moment,
    ) -> Result<(Self, Recovery), LogError> {
        options.validate()?;
        let lock = recovery::take_folder(&*storage, folder)?;
        let recovered = recovery::recover(&*storage, folder, &keys)?;
        let (shared, recovery) =
            Shared::open(storage, folder, options, keys, entropy, recovered, now)?;
        let shared = Arc::new(shared);
        let thread = match shared.options.syncing {
            Syncing::ByHand => None,
            Syncing::Thread => Some(spawn(&shared)?),
        };
        let log = Self {
            shared,
            thread,
            _lock: lock,
        };
        Ok((log, recovery))
    }

    /// Records a check; in the kernel on return.
    ///
    /// Errors: the log has ended, now or before; a record over 1 MiB.
    pub fn append_check(&self, draft: &CheckDraft<'_>) -> Result<Appended, LogError> {
        let fresh = self.shared.fresh();
        let ground = &self.shared.ground;
        let appended = self
            .shared
            .append(|appender| appender.check(ground, draft, &fresh));
        if appended.is_ok() {
            ground.counters.owe_report(draft.decision);
        }
        appended
    }

    /// Records what was done after a check, once; in the kernel on return.
    ///
    /// Errors: as `append_check`; what was found of the check cannot be read.
    pub fn append_feedback(&self, draft: &FeedbackDraft<'_>) -> Result<FeedbackAnswer, LogError> {
        let shared = &*self.shared;
        let check = self.find_check(draft.check_id)?;
        let Some(check) = check.filter(|check| &*check.unit == draft.unit) else {
            return Ok(FeedbackAnswer::Unknown);
        };
        let fresh = shared.fresh();
        // Held until the record is in the kernel, so that of two equal ones one is recorded.
        let mut feedback = lock(&shared.feedback);
        if let Some(answer) = feedback.compare(draft) {
            return Ok(answer);
        }
        let content = feedback.content(draft, shared.feedback_key);
        let content = content.ok_or_else(|| shared.ended())?;
        let appended =
            shared.append(|appender| appender.feedback(&shared.ground, draft, content, &fresh));
        let (head, position) = appended?;
        feedback.add(&head, position, shared.feedback_key);
        shared.ground.counters.take_report(check.decision);
        Ok(FeedbackAnswer::Recorded(position))
    }

    /// Records an event; in the kernel on return. Errors: as `append_check`.
    pub fn append_event(&self, draft: &EventDraft<'_>) -> Result<Position, LogError> {
        let ground = &self.shared.ground;
        self.shared.append(|appender| appender.event(ground, draft))
    }

    /// Waits until a record has reached a level; at once for `kernel`.
    ///
    /// Errors: the log has ended. Dropping the future is harmless: set a limit around it.
    pub async fn reached(&self, level: Level, position: Position) -> Result<(), LogError> {
        match self.shared.wait_for(level, position)? {
            None => Ok(()),
            Some(on_disk) => on_disk.await.map_err(|_| self.shared.ended()),
        }
    }

    /// As `reached`, for threads that may block.
    pub fn reached_blocking(&self, level: Level, position: Position) -> Result<(), LogError> {
        let shared = &*self.shared;
        if level == Level::Kernel {
            return shared.live();
        }
        LogCounters::count(&shared.ground.counters.waits, 1);
        let mut state = lock(&shared.state);
        while state.synced_through < position.0 {
            shared.live()?;
            state.want(position);
            shared.wake.notify_all();
            state = wait(&shared.wake, state);
        }
        Ok(())
    }

    /// A check by its number, in this run or a former one; reads at most 256 checks.
    ///
    /// Errors: the file cannot be read.
    pub fn find_check(&self, check_id: CheckId) -> Result<Option<FoundCheck>, LogError> {
        let (shared, ground) = (&*self.shared, &self.shared.ground);
        let Some(stretch) = lock(&ground.index).stretch(check_id) else {
            return Ok(None);
        };
        let written = shared.appender.lock();
        let written = written.map_or(None, |appender| appender.end_of(stretch.number));
        let end = stretch.to.or(written).unwrap_or(u64::MAX);
        let found = lookup::find(&*ground.storage, &shared.folder, stretch, end, check_id)?;
        let unit_of = |number| lock(&ground.index).unit(stretch.number, number);
        Ok(found.and_then(|(head, position)| FoundCheck::new(head, position, unit_of)))
    }

    /// What was done after a check, if anything was recorded.
    pub fn feedback_of(&self, check_id: CheckId) -> Option<FeedbackSeen> {
        lock(&self.shared.feedback).get(check_id)
    }

    /// Whether the log takes records. Cheap.
    pub fn health(&self) -> Health {
        let shared = &*self.shared;
        Health {
            ended: shared.ended.get().cloned(),
            next_segment: shared.next_segment_fault(),
            on_disk: Position(shared.ground.synced_through.load(Ordering::Acquire)),
            in_kernel: Position(shared.last_record.load(Ordering::Acquire)),
        }
    }

    /// Figures since the log was opened.
    pub fn counters(&self) -> &LogCounters {
        &self.shared.ground.counters
    }

    /// Highest moment of any record, of former runs too: a clock that shows less has gone back.
    pub fn highest_moment(&self) -> Moment {
        Moment(self.shared.ground.highest_moment.load(Ordering::Relaxed))
    }

    /// Puts everything appended so far on the disk, on this thread.
    pub fn sync_now(&self) -> Result<(), LogError> {
        self.shared.sync()
    }

    /// Ends the thread, syncs what is left and lets go of the folder.
    ///
    /// Errors: the log has ended before, or its last sync fails.
    pub fn close(mut self) -> Result<(), LogError> {
        self.end_thread();
        self.shared.sync()
    }

    fn end_thread(&mut self) {
        lock(&self.shared.state).stop = true;
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there has ended the log: `live` says so.
            let _ = thread.join();
        }
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end_thread();
            // Who needs to know calls `close`.
            let _ = self.shared.sync();
        }
    }
}

struct Shared {
    ground: Ground,
    folder: PathBuf,
    options: LogOptions,
    entropy: Arc<dyn Entropy>,
    appender: Mutex<Appender>,
    feedback: Mutex<FeedbackMap>,
    feedback_key: u8,
    /// One sync at a time: what one takes to sync, another must not call done.
    syncing: Mutex<()>,
    state: Mutex<SyncState>,
    wake: Condvar,
    /// The thread waits for something to do.
    sleeping: AtomicBool,
    last_record: AtomicU64,
    ended: OnceLock<Arc<str>>,
    next_segment_fault: Mutex<Option<(Instant, Arc<str>)>>,
}

#[derive(Debug, Default)]
struct SyncState {
    synced_through: u64,
    /// Highest place that somebody waits for.
    wanted: u64,
    waiters: Vec<(u64, oneshot::Sender<()>)>,
    stop: bool,
}

impl SyncState {
    fn want(&mut self, position: Position) {
        self.wanted = self.wanted.max(position.0);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("folder", &self.folder)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn open(
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
        let highest = recovered
            .recovery
            .highest_moment
            .unwrap_or(Moment(i64::MIN));
        let on_disk = recovered.next_index - 1;
        let ground = Ground {
            folder: folder.to_owned(),
            entropy: Arc::clone(&entropy),
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
            highest_moment: AtomicI64::new(highest.0),
            storage,
        };
        let file = match last_number {
            0 => None,
            number => Some(recovery::open_segment(&*ground.storage, folder, number)?),
        };
        let (last, next) = (recovered.last, recovered.next_index);
        let mut appender = Appender::open(&ground, last, next, recovered.last_check, file, now)?;
        if on_disk > 0 {
            appender.mark(&ground).map_err(AppendFault::into_error)?;
        }
        let mut feedback = recovered.feedback;
        let id = ground.keys.id();
        let feedback_key = feedback.add_key(id, || ground.keys.feedback(id, &salt));
        let shared = Self {
            folder: folder.to_owned(),
            options,
            entropy,
            last_record: AtomicU64::new(appender.last_record()),
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
            ground,
        };
        Ok((shared, recovered.recovery))
    }

    fn fresh(&self) -> Fresh {
        let mut fresh = Fresh::default();
        self.entropy.fill(&mut fresh);
        fresh
    }

    // HOT: the one lock of the way of an answer.
    fn append<T>(
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
                self.last_record
                    .store(appender.last_record(), Ordering::SeqCst);
                drop(appender);
                let sleeping = self.sleeping.load(Ordering::SeqCst);
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

    fn live(&self) -> Result<(), LogError> {
        match self.ended.get() {
            None => Ok(()),
            Some(_) => Err(self.ended()),
        }
    }

    fn ended(&self) -> LogError {
        let reason = self.ended.get().cloned();
        LogError::Ended {
            reason: reason.unwrap_or_else(|| "it was closed".into()),
        }
    }

    /// Ends the log for good; the first reason stays.
    fn end(&self, reason: &str) {
        self.ended.get_or_init(|| reason.into());
        let mut state = lock(&self.state);
        // Dropping the senders tells the waiters.
        state.waiters.clear();
        self.wake.notify_all();
    }

    fn wait_for(
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
    fn sync(&self) -> Result<(), LogError> {
        let _one = lock(&self.syncing);
        self.live()?;
        let unsynced = {
            let Ok(mut appender) = self.appender.lock() else {
                return Err(self.ended());
            };
            if appender.last_record() <= self.ground.synced_through.load(Ordering::Acquire) {
                return Ok(());
            }
            appender.unsynced()
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
        if let Some(written) = unsynced.files.last() {
            written.expect_writes(unsynced.end, AHEAD_BYTES);
        }
        self.append(
            |appender| match appender.last_record() <= unsynced.through {
                true => appender.mark(&self.ground),
                false => Ok(()),
            },
        )
    }

    fn end_after_sync(&self, error: &io::Error) -> LogError {
        // Under the lock of appends: one that has returned was before, none comes after.
        let appender = self.appender.lock();
        self.end(&format!("cannot sync `{}`: {error}", self.folder.display()));
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

    fn next_segment_fault(&self) -> Option<Arc<str>> {
        let fault = lock(&self.next_segment_fault);
        fault.as_ref().map(|(_, fault)| Arc::clone(fault))
    }
}

fn spawn(shared: &Arc<Shared>) -> Result<JoinHandle<()>, LogError> {
    let shared = Arc::clone(shared);
    let name = shared.folder.display().to_string();
    let builder = std::thread::Builder::new().name("hecha-log-sync".into());
    let spawned = builder.spawn(move || {
        let run = std::panic::AssertUnwindSafe(|| shared.run());
        if std::panic::catch_unwind(run).is_err() {
            shared.end("the thread that syncs has panicked");
        }
    });
    spawned.map_err(LogError::io("start the thread of", name))
}

/// A panic under one of these locks leaves plain data behind it, in order.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}
