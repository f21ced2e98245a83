//! All units: their limits by what their records state, over reloads of the clients file.
//!
//! In: a unit's name and terms. Out: its limits, with the bucket, the day's subjects and the
//! reaction that it had before, where the figures are the same. Locks stand off the way of checks.

use super::observed::Ring;
use super::rate::Bucket;
use super::score::Thresholds;
use super::subjects::DailySubjects;
use super::unit::{Mode, UnitLimits, UnitState};
use super::watch::{Said, Seen, Watch};
use crate::model::term::Moment;
use crate::seal::entropy::Entropy;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a client record says of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// Requests a second; none: no limit of its own.
    pub rate: Option<u32>,
    /// Requests at once; none: as many as a second.
    pub burst: Option<u32>,
    /// Distinct subjects a day; none: no limit.
    pub daily_subjects: Option<u32>,
    /// What is done about it; none: what the configuration says.
    pub enumeration: Option<Mode>,
}

/// How all units are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitOptions {
    /// Where a record says nothing else.
    pub mode: Mode,
    /// From which score on.
    pub thresholds: Thresholds,
}

#[derive(Default)]
struct Table {
    units: Vec<Arc<UnitState>>,
    by_name: HashMap<Box<str>, u32>,
    buckets: HashMap<u32, Arc<Bucket>>,
    daily: HashMap<u32, Arc<DailySubjects>>,
}

/// Limits of all units.
pub struct Limits {
    options: LimitOptions,
    seed: u64,
    ring: Arc<Ring>,
    table: Mutex<Table>,
    watch: Mutex<Watch>,
}

impl Limits {
    /// Without units.
    pub fn new(options: LimitOptions, entropy: &dyn Entropy) -> Self {
        let mut seed = [0; 8];
        entropy.fill(&mut seed);
        let seed = u64::from_le_bytes(seed);
        Self {
            options,
            seed,
            ring: Arc::default(),
            table: Mutex::default(),
            watch: Mutex::new(Watch::new(seed, options.thresholds)),
        }
    }

    /// The limits of a unit. One that had these before keeps what it has used of them.
    pub fn of_unit(&self, name: &str, terms: &Terms, now: Moment) -> Arc<UnitLimits> {
        let mut table = lock(&self.table);
        let number = match table.by_name.get(name) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(table.units.len()).unwrap_or(u32::MAX);
                table.units.push(Arc::new(UnitState::new(number, name)));
                table.by_name.insert(name.into(), number);
                number
            }
        };
        let unit = Arc::clone(&table.units[number as usize]);
        let mode = terms.enumeration.unwrap_or(self.options.mode);
        unit.mode.store(mode as u8, Ordering::Relaxed);
        if mode != Mode::React {
            unit.delay_ms.store(0, Ordering::Relaxed);
            unit.stopped_until_us.store(0, Ordering::Relaxed);
        }
        let bucket = terms.rate.map(|rate| {
            let burst = terms.burst.unwrap_or(rate);
            let known = table.buckets.get(&number);
            let known = known.filter(|bucket| bucket.is(rate, burst)).cloned();
            known.unwrap_or_else(|| Arc::new(Bucket::new(rate, burst)))
        });
        let daily = terms.daily_subjects.map(|budget| {
            let known = table.daily.get(&number).cloned();
            match known {
                Some(daily) if daily.budget() == budget => daily,
                before => {
                    let daily = DailySubjects::new(budget);
                    daily.add_before(before.map_or(0, |daily| daily.used(now)), now);
                    Arc::new(daily)
                }
            }
        });
        keep(&mut table.buckets, number, bucket.as_ref());
        keep(&mut table.daily, number, daily.as_ref());
        Arc::new(UnitLimits {
            unit,
            bucket,
            daily,
            mode,
            seed: self.seed,
            ring: Arc::clone(&self.ring),
        })
    }

    /// Reads what was observed since the last turn, and reacts; what is to be recorded and told.
    pub fn turn(&self, now: Moment) -> Vec<Said> {
        let (units, daily) = {
            let table = lock(&self.table);
            let daily: Vec<_> = table.daily.values().cloned().collect();
            (table.units.clone(), daily)
        };
        daily.iter().for_each(|daily| daily.prepare(now));
        lock(&self.watch).turn(&self.ring, &units, now)
    }

    /// Answers a unit as always again. `None`: there is no such unit.
    pub fn release(&self, name: &str) -> Option<Seen> {
        let unit = self.find(name)?;
        let mut watch = lock(&self.watch);
        let before = watch.seen(&unit);
        watch.release(&unit);
        Some(before)
    }

    /// What is known of a unit.
    pub fn seen(&self, unit: &UnitState) -> Seen {
        lock(&self.watch).seen(unit)
    }

    /// All units that ever were in the clients file of this process.
    pub fn units(&self) -> Vec<Arc<UnitState>> {
        lock(&self.table).units.clone()
    }

    /// Subjects of today that a unit asked about before this process began.
    pub fn add_subjects(&self, name: &str, count: u32, now: Moment) {
        let table = lock(&self.table);
        let number = table.by_name.get(name);
        if let Some(daily) = number.and_then(|number| table.daily.get(number)) {
            daily.add_before(count, now);
        }
    }

    /// Stops a unit again that was stopped before this process began.
    pub fn stop_again(&self, name: &str, until: Moment) {
        let is_reacting = |unit: &Arc<UnitState>| unit.mode() == Mode::React;
        if let Some(unit) = self.find(name).filter(is_reacting) {
            unit.stopped_until_us.store(until.0, Ordering::Relaxed);
        }
    }

    fn find(&self, name: &str) -> Option<Arc<UnitState>> {
        let table = lock(&self.table);
        let number = *table.by_name.get(name)?;
        table.units.get(number as usize).cloned()
    }
}

fn keep<T>(kept: &mut HashMap<u32, Arc<T>>, number: u32, now: Option<&Arc<T>>) {
    match now {
        Some(now) => kept.insert(number, Arc::clone(now)),
        None => kept.remove(&number),
    };
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::unit::{Limit, Refusal};
    use crate::seal::entropy::SeededEntropy;

    fn noon() -> Moment {
        Moment::parse("2026-11-28T12:00:00+08:00").unwrap()
    }

    fn limits() -> Limits {
        Limits::new(LimitOptions::default(), &SeededEntropy::new(1))
    }

    #[test]
    fn a_unit_keeps_its_bucket_over_a_reload_and_gets_another_for_other_figures() {
        let limits = limits();
        let terms = Terms {
            rate: Some(1),
            burst: Some(2),
            ..Terms::default()
        };
        let unit = limits.of_unit("rail", &terms, noon());
        assert!(unit.admit(2, noon()).is_ok());
        let again = limits.of_unit("rail", &terms, noon());
        assert!(matches!(again.admit(1, noon()), Err(Refusal::Rate { .. })));
        assert_eq!(again.unit.refused(Limit::Rate), 1);
        let other = limits.of_unit("air", &terms, noon());
        assert!(other.admit(2, noon()).is_ok(), "each has its own");
        let raised = Terms {
            burst: Some(3),
            ..terms
        };
        let raised = limits.of_unit("rail", &raised, noon());
        assert!(raised.admit(3, noon()).is_ok());
        assert_eq!(raised.admit(4, noon()), Err(Refusal::Batch { burst: 3 }));
        let free = limits.of_unit("rail", &Terms::default(), noon());
        assert!(free.admit(1_000_000, noon()).is_ok());
    }

    #[test]
    fn a_flood_of_refusals_is_said_once_a_minute() {
        let limits = limits();
        let terms = Terms {
            rate: Some(1),
            ..Terms::default()
        };
        let unit = limits.of_unit("rail", &terms, noon());
        assert_eq!(limits.turn(noon()), []);
        (0..1_000).for_each(|_| assert!(unit.admit(5, noon()).is_err()));
        assert_eq!(limits.turn(noon().plus_seconds(30)), []);
        let wanted = Said::Refused {
            unit: "rail".into(),
            limit: Limit::Rate,
            count: 1_000,
        };
        assert_eq!(limits.turn(noon().plus_seconds(60)), [wanted]);
        assert_eq!(limits.turn(noon().plus_seconds(120)), []);
    }

    #[test]
    fn a_stop_is_found_again_and_ends_at_midnight_or_by_release() {
        let limits = limits();
        let unit = limits.of_unit("rail", &Terms::default(), noon());
        let until = noon().day().end();
        limits.stop_again("rail", until);
        assert_eq!(unit.admit(1, noon()), Err(Refusal::Stopped { until }));
        assert!(unit.admit(1, until).is_ok());
        assert!(limits.release("rail").is_some() && limits.release("air").is_none());
        assert!(unit.admit(1, noon()).is_ok());
    }
}
