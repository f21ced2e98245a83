//! The trees of an open log: rounds, about one a second, and what others may know of them.
//!
//! In: the highest index that is on the disk. Out: checkpoints, their age, how far the tree is
//! behind. A file that cannot be written is tried again with the next round and said until then; a
//! tree that does not agree with the records is told to the log, which ends.

use super::appender::Ground;
use super::error::LogError;
use super::grown::{SignedCheckpoint, TreeGround};
use super::keeper::TreeKeeper;
use super::keys;
use super::shards::{self, Shard};
use crate::model::term::Moment;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time between two checkpoints.
const ROUND_TIME: Duration = Duration::from_secs(1);

/// What is known of the tree of the present month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeState {
    /// The newest checkpoint, where there is one.
    pub checkpoint: Option<Arc<SignedCheckpoint>>,
    /// Time since it was signed, or taken over at start.
    pub age: Duration,
    /// Frames on the disk that no checkpoint covers.
    pub behind: u64,
    /// Why the last round has failed; it is tried again.
    pub fault: Option<Arc<str>>,
}

/// Trees of an open log.
#[derive(Debug)]
pub(super) struct Trees {
    keeper: Mutex<TreeKeeper>,
    through: AtomicU64,
    latest: Mutex<Latest>,
    stop: Mutex<bool>,
    wake: Condvar,
}

#[derive(Debug)]
struct Latest {
    checkpoint: Option<Arc<SignedCheckpoint>>,
    at: Instant,
    fault: Option<Arc<str>>,
}

impl Trees {
    /// Takes the trees of a log up again, before anything is appended.
    ///
    /// Errors: a checkpoint that speaks for more records than there are, or for others.
    pub fn open(ground: &Ground, shards: &[Shard], now: Moment) -> Result<Option<Self>, LogError> {
        let Some(signer) = ground.keys.signer() else {
            return Ok(None);
        };
        let month = keys::month_label(now);
        if shards.is_empty() {
            let path = shards::checkpoint_path(&ground.folder, &month);
            if let Some((_, checkpoint)) = shards::read_checkpoint(&*ground.storage, &path)? {
                return Err(LogError::TreeAhead {
                    month,
                    signed: checkpoint.size,
                    found: 0,
                });
            }
        }
        let ground = TreeGround {
            storage: Arc::clone(&ground.storage),
            folder: ground.folder.clone(),
            signer: Arc::clone(signer),
            salt: ground.salt,
        };
        let keeper = TreeKeeper::open(ground, shards, &month)?;
        let checkpoint = keeper.latest().cloned().map(Arc::new);
        Ok(Some(Self {
            through: AtomicU64::new(keeper.through()),
            keeper: Mutex::new(keeper),
            latest: Mutex::new(Latest {
                checkpoint,
                at: Instant::now(),
                fault: None,
            }),
            stop: Mutex::new(false),
            wake: Condvar::new(),
        }))
    }

    /// Covers all frames up to index `through`.
    ///
    /// Errors: the tree does not agree with the records, or the file system.
    pub fn round(&self, through: u64) -> Result<(), LogError> {
        let mut keeper = lock(&self.keeper);
        let done = keeper.round(through);
        self.through.store(keeper.through(), Ordering::Release);
        let signed = keeper.latest().cloned();
        drop(keeper);
        let mut latest = lock(&self.latest);
        if latest.checkpoint.as_deref() != signed.as_ref() {
            latest.checkpoint = signed.map(Arc::new);
            latest.at = Instant::now();
        }
        latest.fault = done.as_ref().err().map(|fault| fault.to_string().into());
        done
    }

    /// What is known now, where frames up to `on_disk` are on the disk.
    pub fn state(&self, on_disk: u64) -> TreeState {
        let latest = lock(&self.latest);
        TreeState {
            checkpoint: latest.checkpoint.clone(),
            age: latest.at.elapsed(),
            behind: on_disk.saturating_sub(self.through.load(Ordering::Acquire)),
            fault: latest.fault.clone(),
        }
    }

    /// The thread: a round each second, a last one when it is to stop. `through` is `None` where
    /// the log has ended; `end` ends it.
    pub fn run(&self, through: impl Fn() -> Option<u64>, end: impl Fn(&str)) {
        let mut is_last = false;
        while let Some(on_disk) = through() {
            match self.round(on_disk) {
                Err(fault) if is_fatal(&fault) => return end(&fault.to_string()),
                // Said by `state`, and tried again.
                Err(_) | Ok(()) => {}
            }
            if is_last {
                return;
            }
            is_last = self.rest();
        }
    }

    /// True where the thread is to stop.
    fn rest(&self) -> bool {
        let stop = lock(&self.stop);
        let rested = self
            .wake
            .wait_timeout_while(stop, ROUND_TIME, |stop| !*stop);
        let (stop, _) = rested.unwrap_or_else(PoisonError::into_inner);
        *stop
    }

    /// Lets the thread make its last round.
    pub fn stop(&self) {
        *lock(&self.stop) = true;
        self.wake.notify_all();
    }

    /// Whether older months are still being built.
    #[cfg(test)]
    pub fn is_building(&self) -> bool {
        lock(&self.keeper).is_building()
    }

    /// Tests change hashes through this.
    #[cfg(test)]
    pub fn set_fault(&self, fault: fn(u64, &mut crate::tree::merkle::Hash)) {
        lock(&self.keeper).set_fault(fault);
    }
}

/// Whether nothing may be appended any more: what was on the disk or in memory has changed.
pub(super) fn is_fatal(fault: &LogError) -> bool {
    !matches!(fault, LogError::Io { .. })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
