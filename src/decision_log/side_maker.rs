//! The thread that makes side files: of segments that are full, and at start of those that lack
//! one.
//!
//! In: the number of the segment that is being written. Out: a side file beside each one before
//! it. Below everybody's way in priority; a fault is said in the program's own log, and whoever
//! reads does without. Never touches a segment.

use super::error::LogError;
use super::segment;
use super::side;
use crate::storage::disk::Storage;
use crate::threads;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// What the thread is to do.
#[derive(Debug, Default)]
struct Wanted {
    /// Segments below this number are full and on the disk.
    below: u64,
    /// Below this number all has been tried.
    done: u64,
    stop: bool,
}

/// Tells the thread.
#[derive(Debug, Default)]
pub(super) struct Wish {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

impl Wish {
    /// All segments below this one are full and on the disk.
    pub fn full_below(&self, number: u64) {
        let mut wanted = self.lock();
        if number > wanted.below {
            wanted.below = number;
            self.changed.notify_all();
        }
    }

    /// Waits until everything wished for has been tried.
    pub fn wait_until_done(&self) {
        let mut wanted = self.lock();
        while wanted.done < wanted.below && !wanted.stop {
            wanted = self.wait(wanted);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, guard: MutexGuard<'g, Wanted>) -> MutexGuard<'g, Wanted> {
        let waited = self.changed.wait(guard);
        waited.unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread; ends when dropped, after the file it is at.
#[derive(Debug)]
pub(super) struct SideMaker {
    wish: Arc<Wish>,
    thread: Option<JoinHandle<()>>,
}

impl SideMaker {
    /// Starts the thread. Errors: it cannot be started.
    pub fn start(
        storage: Arc<dyn Storage>,
        folder: &Path,
        wish: Arc<Wish>,
    ) -> Result<Self, LogError> {
        let of_thread = Arc::clone(&wish);
        let of_folder: PathBuf = folder.to_owned();
        let builder = std::thread::Builder::new().name("hecha-log-sides".into());
        let spawned = builder.spawn(move || run(&of_thread, &*storage, &of_folder));
        let name = folder.display().to_string();
        let thread = spawned.map_err(LogError::io("start the thread of", name))?;
        Ok(Self {
            wish,
            thread: Some(thread),
        })
    }
}

impl Drop for SideMaker {
    fn drop(&mut self) {
        self.wish.lock().stop = true;
        self.wish.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It holds nothing that a panic could leave undone.
            let _ = thread.join();
        }
    }
}

fn run(wish: &Wish, storage: &dyn Storage, folder: &Path) {
    threads::stand_below_answers();
    let mut done = 0;
    loop {
        let below = {
            let mut wanted = wish.lock();
            while wanted.below <= done && !wanted.stop {
                wanted = wish.wait(wanted);
            }
            if wanted.stop {
                return;
            }
            wanted.below
        };
        let stopped = || wish.lock().stop;
        if let Err(error) = make_missing(storage, folder, below, done == 0, stopped) {
            tracing::warn!(%error, "a side file of the log was not written; reading goes without");
        }
        done = below;
        wish.lock().done = below;
        wish.changed.notify_all();
    }
}

/// Makes what is missing of segments below a number; goes on behind a fault and says the last one.
/// At first those are looked into that are there.
fn make_missing(
    storage: &dyn Storage,
    folder: &Path,
    below: u64,
    is_first: bool,
    stopped: impl Fn() -> bool,
) -> Result<(), LogError> {
    let listed = storage.list(folder);
    let listed = listed.map_err(LogError::io("list", folder.display().to_string()))?;
    let listed: HashSet<u64> = listed
        .iter()
        .filter_map(|name| segment::side_number_of(name))
        .collect();
    let mut last = Ok(());
    for number in segment::numbers(storage, folder)? {
        if stopped() || number >= below {
            break;
        }
        let is_there = || !is_first || side::is_there(storage, folder, number);
        if listed.contains(&number) && is_there() {
            continue;
        }
        if let Err(error) = side::make(storage, folder, number) {
            last = Err(error);
        }
    }
    last
}

/// What the thread would do now, on this one.
#[cfg(test)]
pub(super) fn make_now(wish: &Wish, storage: &dyn Storage, folder: &Path) {
    let below = wish.lock().below;
    let _ = make_missing(storage, folder, below, true, || false);
}
