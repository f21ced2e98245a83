//! The moment of a request: the system's clock, but never before a moment that is on record.
//!
//! A clock that jumps back must not revive a term that ended, and a record must not lie before its
//! predecessor. The floor is recovered from log and journal at start and raised now and then, not
//! with every check.

use crate::model::term::Moment;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock of the service.
#[derive(Debug, Default)]
pub struct Clock {
    floor_us: AtomicI64,
}

impl Clock {
    /// A clock that never says a moment before `floor`.
    pub fn new(floor: Moment) -> Self {
        Self {
            floor_us: AtomicI64::new(floor.0),
        }
    }

    /// The moment it is.
    pub fn now(&self) -> Moment {
        system_now().max(Moment(self.floor_us.load(Ordering::Relaxed)))
    }

    /// The moment it is, below which the clock will not fall from now on.
    pub fn tick(&self) -> Moment {
        let now = system_now();
        Moment(self.floor_us.fetch_max(now.0, Ordering::Relaxed).max(now.0))
    }

    /// How far the system's clock stands behind the floor, in whole seconds; 0 where it does not.
    pub fn behind_seconds(&self) -> u64 {
        let behind_us = self.floor_us.load(Ordering::Relaxed) - system_now().0;
        u64::try_from(behind_us / 1_000_000).unwrap_or(0)
    }
}

fn system_now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let us = since.map_or(0, |since| since.as_micros());
    Moment(i64::try_from(us).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_never_falls_below_its_floor() {
        let clock = Clock::new(Moment(i64::MAX - 1));
        assert_eq!(clock.now(), Moment(i64::MAX - 1));
        assert_eq!(clock.tick(), Moment(i64::MAX - 1));
        assert!(clock.behind_seconds() > 0);
        let honest = Clock::default();
        assert!(honest.now() <= honest.tick());
        assert_eq!(honest.behind_seconds(), 0);
    }
}
