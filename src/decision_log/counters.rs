//! Figures of the log as plain atomics: the writer counts, telemetry reads when it is asked.

use crate::model::decision::Decision;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the histogram's buckets, in microseconds; a last bucket holds what is above.
pub const BOUNDS_US: [u64; 12] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
];

/// What the log has done since it was opened.
#[derive(Debug, Default)]
pub struct LogCounters {
    /// Frames appended.
    pub appends: AtomicU64,
    /// Bytes appended.
    pub bytes: AtomicU64,
    /// Writes of frames; one may hold many.
    pub writes: AtomicU64,
    /// Syncs that have succeeded.
    pub syncs: AtomicU64,
    /// Nanoseconds of the last sync.
    pub last_sync_ns: AtomicU64,
    /// Times of syncs.
    pub sync_time: Histogram,
    /// Callers that have waited for the disk.
    pub waits: AtomicU64,
    /// Segments begun.
    pub segments: AtomicU64,
    /// Blocks and limits on which nobody has reported, of former runs too.
    pub unreported: AtomicU64,
}

impl LogCounters {
    pub(super) fn count(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    /// A check of this decision was recorded.
    pub(super) fn owe_report(&self, decision: Decision) {
        if owes_report(decision) {
            Self::count(&self.unreported, 1);
        }
    }

    /// A first feedback on a check of this decision was recorded.
    pub(super) fn take_report(&self, decision: Decision) {
        if owes_report(decision) {
            self.unreported.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_sync(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.last_sync_ns.store(nanoseconds, Ordering::Relaxed);
        self.sync_time.add(nanoseconds);
        Self::count(&self.syncs, 1);
    }
}

/// Whether the unit has to say what it did (safeguard S44): somebody was stopped or limited.
pub fn owes_report(decision: Decision) -> bool {
    decision >= Decision::Limit
}

/// Times in buckets, the sum beside them.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_ns: AtomicU64,
}

impl Histogram {
    fn add(&self, nanoseconds: u64) {
        let place = BOUNDS_US.partition_point(|bound| bound * 1_000 < nanoseconds);
        LogCounters::count(&self.buckets[place], 1);
        LogCounters::count(&self.sum_ns, nanoseconds);
    }

    /// Times in each bucket, not cumulative, in the order of `BOUNDS_US`; the last has no bound.
    pub fn buckets(&self) -> [u64; BOUNDS_US.len() + 1] {
        std::array::from_fn(|place| self.buckets[place].load(Ordering::Relaxed))
    }

    /// Sum of all times, in nanoseconds.
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_the_bucket_whose_bound_it_does_not_pass() {
        let counters = LogCounters::default();
        for microseconds in [100, 101, 2_000_000] {
            counters.count_sync(Duration::from_micros(microseconds));
        }
        let buckets = counters.sync_time.buckets();
        assert_eq!((buckets[0], buckets[1], buckets[12]), (1, 1, 1));
        assert_eq!(counters.sync_time.sum_ns(), 2_000_201_000);
        assert_eq!(counters.syncs.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn who_was_stopped_or_limited_is_owed_a_report_until_the_first_one() {
        let counters = LogCounters::default();
        for decision in Decision::ALL {
            counters.owe_report(decision);
        }
        assert_eq!(counters.unreported.load(Ordering::Relaxed), 2);
        for decision in [Decision::Clear, Decision::Review, Decision::Block] {
            counters.take_report(decision);
        }
        assert_eq!(counters.unreported.load(Ordering::Relaxed), 1);
    }
}
