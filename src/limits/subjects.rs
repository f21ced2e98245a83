//! Distinct subjects of one unit and Shanghai day, counted exactly up to a budget.
//!
//! In: a keyed hash of the subject, a moment. Out: whether the unit may ask about it today. Asking
//! again about the same subject is free. A set of atomics in parts of a page each that come into
//! being when they are needed: no request pays for the room of a whole day. Two days of them, so
//! that midnight clears nothing that is in use. HOT.
//!
//! Exact while the process runs. After a restart the subjects of before are known by their number
//! alone: who is asked about again counts again.

use crate::model::term::{Day, Moment};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Distinct subjects a day that a record may state at most. 16 bytes each, twice.
pub const DAILY_MAX: u32 = 5_000_000;

/// Slots of a part: 4 KiB.
const SLOTS: usize = 512;

type Part = Box<[AtomicU64; SLOTS]>;

/// The budget of one unit.
#[derive(Debug)]
pub struct DailySubjects {
    budget: u32,
    days: [Set; 2],
    /// Held while a day is begun.
    beginning: Mutex<()>,
}

#[derive(Debug)]
struct Set {
    day: AtomicI32,
    /// Distinct subjects so far.
    count: AtomicU32,
    /// A power of two of them.
    parts: Box<[OnceLock<Part>]>,
}

impl DailySubjects {
    /// An empty one; `budget` distinct subjects a day.
    pub fn new(budget: u32) -> Self {
        let budget = budget.clamp(1, DAILY_MAX);
        // Twice as many slots as subjects: no part is ever near full.
        let parts = (budget as usize * 2).div_ceil(SLOTS).next_power_of_two();
        let set = || Set {
            day: AtomicI32::new(i32::MIN),
            count: AtomicU32::new(0),
            parts: std::iter::repeat_with(OnceLock::new).take(parts).collect(),
        };
        Self {
            budget,
            days: [set(), set()],
            beginning: Mutex::default(),
        }
    }

    /// Distinct subjects a day.
    pub fn budget(&self) -> u32 {
        self.budget
    }

    /// Distinct subjects of the day of `now` so far.
    pub fn used(&self, now: Moment) -> u32 {
        let set = &self.days[place(now.day())];
        match set.day.load(Ordering::Acquire) == now.day().0 {
            true => set.count.load(Ordering::Relaxed).min(self.budget),
            false => 0,
        }
    }

    /// Counts subjects that were asked about today before this process began.
    pub fn add_before(&self, count: u32, now: Moment) {
        self.set(now.day())
            .count
            .fetch_add(count, Ordering::Relaxed);
    }

    /// Whether the subject is within the budget of today; a new one is counted.
    pub fn admit(&self, subject: u64, now: Moment) -> bool {
        let set = self.set(now.day());
        // Zero is an empty slot.
        let subject = subject.max(1);
        let part = set.parts[subject as usize & (set.parts.len() - 1)]
            .get_or_init(|| Box::new([const { AtomicU64::new(0) }; SLOTS]));
        let first = (subject >> 32) as usize;
        for step in 0..SLOTS {
            let slot = &part[(first + step) % SLOTS];
            let found = slot.load(Ordering::Relaxed);
            if found == subject {
                return true;
            }
            if found != 0 {
                continue;
            }
            if !set.count_one(self.budget) {
                return false;
            }
            let put = slot.compare_exchange(0, subject, Ordering::Relaxed, Ordering::Relaxed);
            match put {
                Ok(_) => return true,
                Err(other) => {
                    set.count.fetch_sub(1, Ordering::Relaxed);
                    if other == subject {
                        return true;
                    }
                }
            }
        }
        // A part that is full: the subject counts and is not remembered.
        set.count_one(self.budget)
    }

    /// Makes the set of tomorrow ready: beside the requests.
    pub fn prepare(&self, now: Moment) {
        self.set(now.day().next());
    }

    fn set(&self, day: Day) -> &Set {
        let set = &self.days[place(day)];
        if set.day.load(Ordering::Acquire) == day.0 {
            return set;
        }
        let _held = self
            .beginning
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if set.day.load(Ordering::Acquire) != day.0 {
            for part in set.parts.iter().filter_map(OnceLock::get) {
                part.iter()
                    .for_each(|slot| slot.store(0, Ordering::Relaxed));
            }
            set.count.store(0, Ordering::Relaxed);
            set.day.store(day.0, Ordering::Release);
        }
        set
    }
}

impl Set {
    fn count_one(&self, budget: u32) -> bool {
        let within = |count| (count < budget).then_some(count + 1);
        let counted = self
            .count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within);
        counted.is_ok()
    }
}

fn place(day: Day) -> usize {
    day.0.rem_euclid(2) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    fn noon() -> Moment {
        Moment::parse("2026-11-28T12:00:00+08:00").unwrap()
    }

    fn hash(of: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&of.to_le_bytes())
    }

    #[test]
    fn a_subject_counts_once_a_day_and_the_budget_is_exact() {
        let daily = DailySubjects::new(1_000);
        for round in 0..2 {
            for subject in 0..1_000 {
                assert!(daily.admit(hash(subject), noon()), "{round} {subject}");
            }
        }
        assert_eq!(daily.used(noon()), 1_000);
        assert!(!daily.admit(hash(1_000), noon()));
        assert!(daily.admit(hash(999), noon()), "known ones are free");
        assert_eq!(daily.used(noon()), 1_000);
    }

    #[test]
    fn midnight_in_shanghai_begins_a_new_budget() {
        let daily = DailySubjects::new(1);
        let last = Moment(noon().day().end().0 - 1);
        assert!(daily.admit(1, last) && !daily.admit(2, last));
        daily.prepare(last);
        let first = noon().day().end();
        assert!(daily.admit(2, first) && !daily.admit(1, first));
        assert_eq!(daily.used(first), 1);
    }

    #[test]
    fn what_was_asked_before_a_restart_counts() {
        let daily = DailySubjects::new(10);
        daily.add_before(9, noon());
        assert!(daily.admit(1, noon()));
        assert!(!daily.admit(2, noon()));
    }

    #[test]
    fn threads_together_use_no_more_than_the_budget() {
        let daily = DailySubjects::new(500);
        let admitted = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (daily, admitted) = (&daily, &admitted);
                scope.spawn(move || {
                    for subject in 0..400 {
                        if daily.admit(hash(subject * 4 + thread), noon()) {
                            admitted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 500);
        assert_eq!(daily.used(noon()), 500);
    }
}
