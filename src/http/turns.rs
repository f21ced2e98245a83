//! Requests that stand back until nothing else is to do on their runtime, and how long they stood.
//!
//! In: a request that is to wait. Out: its turn, in the order in which they came, one whenever the
//! runtime has nothing ready and has looked at its sockets; so who does not stand back waits for
//! one of these at most. How long each waited is known exactly.
//!
//! Each word is written by one thread alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// The queue of one runtime.
#[derive(Default)]
pub struct Turns {
    next: Notify,
    waiting: AtomicUsize,
    is_under_way: AtomicBool,
}

impl Turns {
    /// How many stand back.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits for its turn. A request that goes away meanwhile leaves no gap.
    pub async fn take(self: &Arc<Self>) {
        let _waiting = Waiting::begin(self);
        if !self.is_under_way.swap(true, Ordering::Relaxed) {
            tokio::spawn(Arc::clone(self).give());
        }
        self.next.notified().await;
    }

    async fn give(self: Arc<Self>) {
        while self.waiting() > 0 {
            // A task that yields is polled after all that are ready, sockets included.
            tokio::task::yield_now().await;
            // A turn that nobody takes would be kept, and the next to come would not stand back.
            if self.waiting() > 0 {
                self.next.notify_one();
            }
        }
        self.is_under_way.store(false, Ordering::Relaxed);
    }
}

struct Waiting<'a>(&'a Turns);

impl<'a> Waiting<'a> {
    fn begin(turns: &'a Turns) -> Self {
        turns.waiting.fetch_add(1, Ordering::Relaxed);
        Self(turns)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::Duration;

    fn on_runtime(work: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work);
    }

    #[test]
    fn turns_come_in_order_and_after_all_that_is_ready() {
        on_runtime(async {
            let (turns, said) = (Arc::new(Turns::default()), Arc::new(Mutex::new(Vec::new())));
            let mut tasks = Vec::new();
            for number in 0..4 {
                let (turns, said) = (Arc::clone(&turns), Arc::clone(&said));
                tasks.push(tokio::spawn(async move {
                    turns.take().await;
                    said.lock().unwrap().push(number);
                }));
            }
            let of_others = Arc::clone(&said);
            tasks.push(tokio::spawn(async move {
                of_others.lock().unwrap().push(100);
            }));
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*said.lock().unwrap(), [100, 0, 1, 2, 3]);
            assert_eq!(turns.waiting(), 0);
        });
    }

    #[test]
    fn no_turn_is_left_over_for_who_comes_later() {
        on_runtime(async {
            let turns = Arc::new(Turns::default());
            for _ in 0..3 {
                turns.take().await;
                // Until the last turn is given, and a while after.
                for _ in 0..4 {
                    tokio::task::yield_now().await;
                }
                let of_later = Arc::clone(&turns);
                let later = tokio::spawn(async move { of_later.take().await });
                let ready = tokio::spawn(async {});
                ready.await.unwrap();
                assert!(!later.is_finished(), "it stands back");
                later.await.unwrap();
            }
        });
    }

    #[test]
    fn who_goes_away_takes_nobody_elses_turn() {
        on_runtime(async {
            let turns = Arc::new(Turns::default());
            for _ in 0..3 {
                let of_gone = Arc::clone(&turns);
                let gone = tokio::spawn(async move { of_gone.take().await });
                let of_patient = Arc::clone(&turns);
                let patient = tokio::spawn(async move { of_patient.take().await });
                gone.abort();
                let wait_max = Duration::from_secs(10);
                let patient = tokio::time::timeout(wait_max, patient).await;
                assert!(patient.is_ok_and(|done| done.is_ok()));
                assert_eq!(turns.waiting(), 0);
            }
        });
    }
}
