//! Whether those that stand back wait too long, taken together.
//!
//! In: how long each waited whose turn came. Out: whether that is too long. A wait that falls again
//! is a burst; where each waits beyond the limit of its class for an interval, the queue stands
//! (CoDel).

use crate::telemetry::shed::ShedClass;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Requests must wait beyond their limit for so long, each of them, before any is refused, in
/// nanoseconds.
const INTERVAL_NS: u64 = 100_000_000;
/// For so long after a refusal it is enough that they do so for as long as the limit itself, in
/// nanoseconds.
const ALERT_NS: u64 = 1_000_000_000;

/// Those that stand back, taken together: how long the last one waited whose turn came, and since
/// when each of them waited beyond the limit of a class.
#[derive(Debug, Default)]
pub struct Queue {
    wait_ns: AtomicU64,
    /// By class; 0: the last one did not.
    beyond_since_ns: [AtomicU64; 2],
    alert_until_ns: AtomicU64,
}

impl Queue {
    /// Nobody stands back any more.
    pub fn end(&self) {
        self.wait_ns.store(0, Ordering::Relaxed);
        for since_ns in &self.beyond_since_ns {
            since_ns.store(0, Ordering::Relaxed);
        }
    }

    /// How long the last one waited, in nanoseconds.
    pub fn wait_ns(&self) -> u64 {
        self.wait_ns.load(Ordering::Relaxed)
    }

    /// One of them had its turn after `waited_ns`; whether that is too long.
    pub fn moved(&self, waited_ns: u64, wait_max: Duration, now_ns: u64) -> bool {
        self.wait_ns.store(waited_ns, Ordering::Relaxed);
        for class in [ShedClass::Interactive, ShedClass::Batch] {
            let since_ns = &self.beyond_since_ns[class as usize];
            match waited_ns > nanos(limit(class, wait_max)) {
                false => since_ns.store(0, Ordering::Relaxed),
                true if since_ns.load(Ordering::Relaxed) == 0 => {
                    since_ns.store(now_ns, Ordering::Relaxed);
                }
                true => (),
            }
        }
        let is_too_long = self.is_too_much(ShedClass::Interactive, wait_max, now_ns);
        if is_too_long {
            self.alert_until_ns
                .store(now_ns + ALERT_NS, Ordering::Relaxed);
        }
        is_too_long
    }

    /// Whether waits have been beyond the limit of a class for long enough.
    pub fn is_too_much(&self, class: ShedClass, wait_max: Duration, now_ns: u64) -> bool {
        let since_ns = self.beyond_since_ns[class as usize].load(Ordering::Relaxed);
        let is_alert = now_ns < self.alert_until_ns.load(Ordering::Relaxed);
        let interval_ns = if is_alert {
            nanos(wait_max)
        } else {
            INTERVAL_NS
        };
        since_ns != 0 && now_ns.saturating_sub(since_ns) >= interval_ns
    }
}

/// The wait that is too long for a class.
fn limit(class: ShedClass, wait_max: Duration) -> Duration {
    match class {
        ShedClass::Interactive => wait_max,
        ShedClass::Batch => wait_max / 2,
    }
}

/// Nanoseconds of a duration, as many as fit.
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS_NS: u64 = 1_000_000;
    const LIMIT: Duration = Duration::from_millis(10);

    #[test]
    fn a_burst_stands_for_nothing_and_a_queue_that_stays_does() {
        let queue = Queue::default();
        let moved = |waited_ms, at_ms| queue.moved(waited_ms * MS_NS, LIMIT, at_ms * MS_NS);
        // A pause of the machine: long, but what came later waited less.
        assert!(!moved(300, 500));
        assert!(!moved(10, 599));
        assert!(!moved(300, 600));
        queue.end();
        assert!(!moved(11, 700));
        assert!(!moved(11, 799));
        assert!(moved(11, 800), "for an interval");
        assert!(moved(11, 801));
        // For a while it needs not last for long.
        assert!(!moved(10, 802));
        assert!(!moved(11, 900));
        assert!(!moved(11, 909));
        assert!(moved(11, 910));
        queue.end();
        assert!(!moved(11, 2_000));
        assert!(!moved(11, 2_099), "the last refusal is long ago");
    }
}
