//! The open log: appends on the caller's thread, one thread that syncs, waiting for the disk.
//!
//! In: drafts. Out: an append returns when its record is in the kernel; who needs more waits for
//! `reached`. The thread syncs when somebody waits and else every few milliseconds when something
//! is new; all that has come meanwhile is on the disk with one sync. A write or sync that fails
//! ends the log for good: later appends and all waiters get an error, and nothing is retried.

use super::by_check;
use super::counters::LogCounters;
use super::error::LogError;
use super::expired;
use super::feedback::{FeedbackAnswer, FeedbackSeen};
use super::index::Where;
use super::keys::LogKeys;
use super::lookup::{self, FoundCheck};
use super::record::{Appended, CheckDraft, CheckId, EventDraft, FeedbackDraft, Position};
use super::recovery::{self, Recovery};
use super::segment::{LogOptions, Syncing};
use super::side_maker::SideMaker;
use super::syncing::{self, Shared, lock, wait};
use super::trees::{self, TreeState};
use crate::model::decision::Level;
use crate::model::term::Moment;
use crate::seal::entropy::Entropy;
use crate::storage::disk::{FolderLock, Storage};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

/// The one writer of a log folder. Shared by reference; dropping it syncs and lets go.
#[derive(Debug)]
pub struct DecisionLog {
    pub(super) shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    tree_thread: Option<JoinHandle<()>>,
    /// Before the lock: it ends first.
    _sides: Option<SideMaker>,
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
        // Before anything reads: what a cut expiry has left is no part of the log any more.
        expired::finish(&*storage, folder)?;
        let recovered = recovery::recover(&*storage, folder, &keys)?;
        let (shared, recovery) =
            Shared::open(storage, folder, options, keys, entropy, recovered, now)?;
        let shared = Arc::new(shared);
        let (thread, tree_thread, sides) = match shared.options.syncing {
            Syncing::ByHand => (None, None, None),
            Syncing::Thread => (
                Some(syncing::spawn_sync(&shared)?),
                syncing::spawn_tree(&shared)?,
                Some(syncing::spawn_sides(&shared)?),
            ),
        };
        let log = Self {
            shared,
            thread,
            tree_thread,
            _sides: sides,
            _lock: lock,
        };
        Ok((log, recovery))
    }

    /// Records a check; in the kernel on return.
    ///
    /// Errors: the log has ended, now or before; a record over 1 MiB.
    pub fn append_check(&self, draft: &CheckDraft<'_>) -> Result<Appended, LogError> {
        let appended = self.put_check(draft)?;
        self.flush(appended.position)?;
        Ok(appended)
    }

    /// Records a check that is in the kernel after `flush`, with all others that came meanwhile.
    /// No answer may leave before.
    ///
    /// Errors: as `append_check`.
    // HOT: checks of one turn of a runtime are one write.
    pub fn put_check(&self, draft: &CheckDraft<'_>) -> Result<Appended, LogError> {
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

    /// Whether a record is in the kernel already.
    pub fn is_in_kernel(&self, position: Position) -> bool {
        self.shared.is_in_kernel(position)
    }

    /// Puts a record into the kernel, and whatever else waits; at once where it is there.
    ///
    /// Errors: the log has ended.
    pub fn flush(&self, position: Position) -> Result<(), LogError> {
        self.shared.flush(position)
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
    /// Errors: the file cannot be read; damage where it must stand.
    pub fn find_check(&self, check_id: CheckId) -> Result<Option<FoundCheck>, LogError> {
        let (shared, ground) = (&*self.shared, &self.shared.ground);
        let storage = &*ground.storage;
        let stretch = match lock(&ground.index).find(check_id) {
            None => return Ok(None),
            Some(Where::Full(number)) => {
                return by_check::found(storage, &ground.folder, number, check_id);
            }
            Some(Where::Stretch(stretch)) => stretch,
        };
        let written = shared.appender.lock();
        let written = written.map_or(None, |appender| appender.end_of(stretch.number));
        let end = stretch.to.or(written).unwrap_or(u64::MAX);
        let found = lookup::find(storage, &ground.folder, stretch, end, check_id)?;
        let Some((head, position)) = found else {
            return Ok(None);
        };
        let (unit, now) = {
            let index = lock(&ground.index);
            (index.unit(stretch.number, head.unit), index.find(check_id))
        };
        match (unit, now) {
            (Some(unit), _) => Ok(Some(FoundCheck::new(&head, position, unit))),
            // Others have begun meanwhile, and the segment is none of the last any more.
            (None, Some(Where::Full(number))) => {
                by_check::found(storage, &ground.folder, number, check_id)
            }
            (None, _) => Ok(None),
        }
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
            on_disk: Position(shared.on_disk()),
            in_kernel: Position(shared.last_record.load(Ordering::Acquire)),
        }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.shared.ground.folder
    }

    /// The disk it lies on.
    pub fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.shared.ground.storage)
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

    /// Signs a checkpoint over everything that is on the disk, on this thread, where there is a
    /// tree.
    ///
    /// Errors: the tree does not agree with the records, which ends the log; the file system.
    pub fn checkpoint_now(&self) -> Result<(), LogError> {
        let shared = &*self.shared;
        shared.live()?;
        let Some(trees) = &shared.trees else {
            return Ok(());
        };
        let done = trees.round(shared.on_disk());
        if let Err(fault) = done.as_ref()
            && trees::is_fatal(fault)
        {
            shared.end(&fault.to_string());
        }
        done
    }

    /// What is known of the tree; `None` where there is none.
    pub fn tree(&self) -> Option<TreeState> {
        let on_disk = self.shared.on_disk();
        self.shared.trees.as_ref().map(|trees| trees.state(on_disk))
    }

    /// The trees themselves.
    #[cfg(test)]
    pub(super) fn shared_trees(&self) -> &trees::Trees {
        self.shared.trees.as_ref().unwrap()
    }

    /// In which month's tree a record is, and as which leaf.
    pub fn leaf(&self, position: Position) -> Option<(Arc<str>, u64)> {
        let months = lock(&self.shared.ground.months_from);
        let mut months = months.iter().rev();
        let (first, month) = months.find(|(first, _)| *first <= position.0)?;
        Some((Arc::clone(month), position.0 - first))
    }

    /// Ends the thread, syncs what is left and lets go of the folder.
    ///
    /// Errors: the log has ended before, or its last sync fails.
    pub fn close(mut self) -> Result<(), LogError> {
        self.end_thread();
        let synced = self.shared.sync();
        self.end_tree();
        synced
    }

    /// Its last round covers what the last sync has put on the disk.
    fn end_tree(&mut self) {
        if let (Some(thread), Some(trees)) = (self.tree_thread.take(), &self.shared.trees) {
            trees.stop();
            let _ = thread.join();
        }
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
            self.end_tree();
        }
    }
}
