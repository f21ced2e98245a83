//! The moment of a request: the system's clock, but never before a moment that is on record.
//!
//! A clock that jumps back must not revive a term that ended, and a record must not lie before its
//! predecessor. The floor is recovered from log and journal at start and raised now and then, and
//! by the first request of each day: terms end at midnight, so that an ended one stays ended even
//! where the clock falls back a moment later. Other requests only read.

use crate::model::term::Moment;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock of the service.
#[derive(Debug, Default)]
pub struct Clock {
    floor_us: AtomicI64,
    /// End of the day of the floor: from here on a request raises it.
    day_end_us: AtomicI64,
}

impl Clock {
    /// A clock that never says a moment before `floor`.
    pub fn new(floor: Moment) -> Self {
        Self {
            floor_us: AtomicI64::new(floor.0),
            day_end_us: AtomicI64::new(floor.day().end().0),
        }
    }

    /// The moment it is.
    pub fn now(&self) -> Moment {
        self.at(system_now())
    }

    /// The moment it is, below which the clock will not fall from now on.
    pub fn tick(&self) -> Moment {
        self.raise(system_now())
    }

    /// How far the system's clock stands behind the floor, in whole seconds; 0 where it does not.
    pub fn behind_seconds(&self) -> u64 {
        let behind_us = self.floor_us.load(Ordering::Relaxed) - system_now().0;
        u64::try_from(behind_us / 1_000_000).unwrap_or(0)
    }

    /// The moment it is where the system's clock shows this.
    fn at(&self, system: Moment) -> Moment {
        if system.0 >= self.day_end_us.load(Ordering::Relaxed) {
            return self.raise(system);
        }
        system.max(Moment(self.floor_us.load(Ordering::Relaxed)))
    }

    fn raise(&self, system: Moment) -> Moment {
        let before = self.floor_us.fetch_max(system.0, Ordering::Relaxed);
        let now = Moment(before.max(system.0));
        self.day_end_us
            .fetch_max(now.day().end().0, Ordering::Relaxed);
        now
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
    use proptest::prelude::*;

    /// More than two days.
    const STEP_US: i64 = 200_000_000_000;

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

    proptest! {
        /// Whatever the system's clock does: a day that a request has seen end never comes back.
        #[test]
        fn no_day_comes_back(
            start in 0i64..4_000_000_000_000_000,
            steps in prop::collection::vec((-STEP_US..STEP_US, any::<bool>()), 1..60),
        ) {
            let clock = Clock::new(Moment(start));
            let (mut system, mut last_day, mut ticked) = (start, Moment(start).day(), start);
            for (step, is_tick) in steps {
                system += step;
                let now = match is_tick {
                    true => clock.raise(Moment(system)),
                    false => clock.at(Moment(system)),
                };
                prop_assert!(now.0 >= system && now.day() >= last_day && now.0 >= ticked);
                last_day = now.day();
                if is_tick {
                    ticked = now.0;
                }
            }
        }
    }
}
