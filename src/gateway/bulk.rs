//! Threads for work that takes too long for a listener's: scans.
//!
//! In: work, at most `WAITING_MAX` waiting, none for longer than its caller says. Out: its result,
//! or that there is too much of it. The
//! threads stand below all others in priority: the kernel takes the processor from them as soon as
//! a check comes in, so that slices of our own would only cost.

use crate::threads;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Pieces of work that wait for a thread, at most; each may hold a body of some MiB.
const WAITING_MAX: usize = 32;
/// Threads at most.
const THREADS_MAX: usize = 4;

type Work = Box<dyn FnOnce() + Send>;

/// Gives work to the threads; they end with it.
pub struct Bulk {
    waiting: SyncSender<Work>,
}

/// Why work was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDone {
    /// Too much is waiting.
    Full,
    /// It waited too long and was not begun.
    Late,
    /// It panicked.
    Failed,
}

impl Bulk {
    /// Starts one thread for two cores.
    ///
    /// Errors: a thread cannot be started.
    pub fn start() -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (waiting, work) = sync_channel(WAITING_MAX);
        let work = Arc::new(Mutex::new(work));
        for place in 0..(cores / 2).clamp(1, THREADS_MAX) {
            let work = Arc::clone(&work);
            let thread = std::thread::Builder::new().name(format!("bulk-{place}"));
            thread.spawn(move || do_all(&work))?;
        }
        Ok(Self { waiting })
    }

    /// Has `work` done and waits for it; work that waited `wait_max` for a thread is dropped.
    pub async fn run<T: Send + 'static>(
        &self,
        wait_max: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let (done, result) = oneshot::channel();
        let since = Instant::now();
        let whole: Work = Box::new(move || {
            // Nobody may be waiting any more: the work is for nothing then.
            if done.is_closed() {
                return;
            }
            let is_late = since.elapsed() >= wait_max;
            let _ = done.send((!is_late).then(work));
        });
        match self.waiting.try_send(whole) {
            Ok(()) => match result.await {
                Ok(done) => done.ok_or(NotDone::Late),
                Err(_) => Err(NotDone::Failed),
            },
            Err(TrySendError::Full(_)) => Err(NotDone::Full),
            Err(TrySendError::Disconnected(_)) => Err(NotDone::Failed),
        }
    }
}

fn do_all(work: &Mutex<Receiver<Work>>) {
    threads::stand_below_answers();
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(next) = next else { return };
        // The work's own guard has failed; the thread goes on.
        let _ = catch_unwind(AssertUnwindSafe(next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    const LONG: Duration = Duration::from_secs(600);

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(future)
    }

    #[test]
    fn work_is_done_and_a_panic_ends_no_thread() {
        let bulk = Bulk::start().unwrap();
        for round in 0..10 {
            let panics = bulk.run(LONG, || -> u32 { panic!("as wanted") });
            assert_eq!(block_on(panics), Err(NotDone::Failed));
            assert_eq!(block_on(bulk.run(LONG, move || round + 1)), Ok(round + 1));
        }
    }

    #[test]
    fn work_that_waited_too_long_is_not_begun() {
        let bulk = Bulk::start().unwrap();
        let begun = Arc::new(Mutex::new(false));
        let seen = Arc::clone(&begun);
        let work = move || *seen.lock().unwrap() = true;
        assert_eq!(block_on(bulk.run(Duration::ZERO, work)), Err(NotDone::Late));
        assert!(!*begun.lock().unwrap());
    }

    #[test]
    fn too_much_work_is_refused() {
        let bulk = Bulk::start().unwrap();
        let (go, wait) = channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        // Each thread has one in hand, the rest waits.
        for _ in 0..WAITING_MAX + THREADS_MAX {
            let wait = Arc::clone(&wait);
            let work: Work = Box::new(move || {
                let _ = wait.lock().unwrap().recv();
            });
            let _ = bulk.waiting.try_send(work);
        }
        let refused = std::iter::repeat_with(|| {
            let (done, _result) = channel::<()>();
            let work: Work = Box::new(move || drop(done));
            bulk.waiting.try_send(work).is_err()
        });
        assert!(refused.take(WAITING_MAX + 1).any(|is_refused| is_refused));
        assert_eq!(block_on(bulk.run(LONG, || ())), Err(NotDone::Full));
        drop(go);
    }
}
