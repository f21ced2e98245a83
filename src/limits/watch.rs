//! Reads what was observed and decides how units are answered from now on.
//!
//! In: observations, a moment. Out: each unit's delay and stop, and what is to be said of it. Runs
//! beside the requests, a few times a second; what it needs of memory is bounded: `Groups` for all
//! (12 MiB), some 18 KiB for each unit that asked within a day.
//! Reactions come in this order: answers of the unit come late, people are told, the unit is not
//! answered until an admin has looked or the day ends. A decision is never changed.

use super::observed::{CONTRADICTED, HIT, Kind, NAME_ONLY, Observation, RESTRICTS, Ring};
use super::prefixes::Groups;
use super::score::{Crowds, Reason, Thresholds, score};
use super::unit::{Limit, Mode, UnitState};
use super::windows::{Counts, Windows};
use crate::model::term::{Day, Moment};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Least delay, in milliseconds: that of a unit that just reached the first threshold.
const DELAY_MS_MIN: u32 = 50;
/// Subjects asked about just before are not counted again; remembered are so many, about.
const RECENT: usize = 256;
/// Numbers next to one of the last so many are neighbours.
const WALKED: usize = 8;
/// Most frequent names of late.
const NAMES: usize = 8;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// How a unit is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Reaction {
    /// As always.
    #[default]
    None,
    /// Late.
    Slow,
    /// Late, and people are told.
    Alarm,
    /// Not at all.
    Stop,
}

impl Reaction {
    /// Its word in logs and answers to operators.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Slow => "slow",
            Self::Alarm => "alarm",
            Self::Stop => "stop",
        }
    }
}

/// What is to be recorded and told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A unit is answered otherwise from now on.
    Reaction {
        /// The unit.
        unit: Box<str>,
        /// How.
        reaction: Reaction,
        /// Its score.
        score: u32,
        /// Why.
        reasons: Vec<Reason>,
        /// Whether anything but telling is done.
        reacts: bool,
    },
    /// Requests of a unit were refused by a limit, within about a minute.
    Refused {
        /// The unit.
        unit: Box<str>,
        /// The limit.
        limit: Limit,
        /// How many.
        count: u64,
    },
    /// Observations that nobody read in time.
    Lost {
        /// How many.
        count: u64,
    },
}

/// What operators see of a unit.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Score.
    pub score: u32,
    /// Reaction.
    pub reaction: Reaction,
    /// Reasons, the weightiest first.
    pub reasons: Vec<Reason>,
}

struct Watched {
    windows: Windows,
    recent: Box<[u64; RECENT]>,
    walked: [(u32, u32); WALKED],
    walked_next: usize,
    names: [(u32, u32); NAMES],
    names_all: u32,
    names_since_ms: i64,
    crowds: Crowds,
    /// Parts the groups of before a release from those after it.
    generation: u32,
    last_ms: i64,
    touched: bool,
    seen: Seen,
    /// The highest reaction that was said since the last release or midnight.
    said: Reaction,
}

impl Watched {
    fn new(generation: u32) -> Self {
        Self {
            windows: Windows::default(),
            recent: Box::new([0; RECENT]),
            walked: Default::default(),
            walked_next: 0,
            names: Default::default(),
            names_all: 0,
            names_since_ms: 0,
            crowds: Crowds::default(),
            generation,
            last_ms: 0,
            touched: false,
            seen: Seen::default(),
            said: Reaction::None,
        }
    }

    fn is_novel(&mut self, subject: u64) -> bool {
        let slot = &mut self.recent[(subject >> 7) as usize % RECENT];
        std::mem::replace(slot, subject) != subject
    }

    /// Next to one of the last: a day or two on with the same sequence number, or just after it.
    fn is_neighbour(&mut self, region: u32, ordinal: u32) -> bool {
        let is_near = |(of, before): &(u32, u32)| {
            let apart = ordinal.wrapping_sub(*before).cast_signed().unsigned_abs();
            *of == region && matches!(apart, 1..=2 | 999..=1_001 | 1_999..=2_001)
        };
        let found = self.walked.iter().any(is_near);
        self.walked[self.walked_next % WALKED] = (region, ordinal);
        self.walked_next += 1;
        found
    }

    /// Frequent names of late, by eight counters that others wear down.
    fn count_name(&mut self, name: u32, at_ms: i64) {
        if at_ms - self.names_since_ms > HOUR_MS {
            self.names.iter_mut().for_each(|(_, count)| *count /= 2);
            self.names_all /= 2;
            self.names_since_ms = at_ms;
        }
        self.names_all += 1;
        let is_it = |(known, count): &&mut (u32, u32)| *known == name && *count > 0;
        if let Some((_, count)) = self.names.iter_mut().find(is_it) {
            *count += 1;
        } else if let Some(free) = self.names.iter_mut().find(|(_, count)| *count == 0) {
            *free = (name, 1);
        } else {
            self.names.iter_mut().for_each(|(_, count)| *count -= 1);
        }
        let most = self.names.iter().map(|(_, count)| *count).max();
        self.crowds.name = (most.unwrap_or(0), self.names_all);
    }
}

/// All that is watched.
pub struct Watch {
    seed: u64,
    thresholds: Thresholds,
    next: u64,
    lost: u64,
    groups: Groups,
    units: Vec<Option<Box<Watched>>>,
    /// Refusals of each unit that have been said.
    refused_said: Vec<[u64; Limit::ALL.len()]>,
    generations: u32,
    day: Day,
    minute: i64,
}

impl Watch {
    /// Nothing observed yet.
    pub fn new(seed: u64, thresholds: Thresholds) -> Self {
        Self {
            seed,
            thresholds,
            next: 0,
            lost: 0,
            groups: Groups::default(),
            units: Vec::new(),
            refused_said: Vec::new(),
            generations: 0,
            day: Day(i32::MIN),
            minute: i64::MIN,
        }
    }

    /// Reads what came, reacts, and says what is new.
    pub fn turn(&mut self, ring: &Ring, units: &[Arc<UnitState>], now: Moment) -> Vec<Said> {
        let mut said = Vec::new();
        self.units.resize_with(units.len(), || None);
        self.refused_said.resize(units.len(), Default::default());
        let next = self.next;
        let (next, lost) = ring.read(next, |seen| self.take(seen));
        self.next = next;
        self.lost += lost;
        let minute = now.as_millis().div_euclid(MINUTE_MS);
        let is_new_minute = minute != self.minute;
        if now.day() != self.day {
            self.turn_day(now.day());
        }
        for (place, unit) in units.iter().enumerate() {
            let Some(watched) = &mut self.units[place] else {
                continue;
            };
            if watched.touched || is_new_minute {
                watched.touched = false;
                watched
                    .windows
                    .advance(now.as_millis().max(watched.last_ms));
                said.extend(react(unit, watched, &self.thresholds, now));
            }
            let is_idle = now.as_millis() - watched.last_ms > 25 * HOUR_MS;
            if is_new_minute && is_idle && watched.seen.reaction == Reaction::None {
                self.units[place] = None;
            }
        }
        if is_new_minute {
            self.minute = minute;
            self.say_refusals(units, &mut said);
        }
        said
    }

    /// Forgets what a unit has asked; it is answered as always again.
    pub fn release(&mut self, unit: &UnitState) {
        self.generations += 1;
        if let Some(place) = self.units.get_mut(unit.number as usize) {
            *place = Some(Box::new(Watched::new(self.generations)));
        }
        unit.stopped_until_us.store(0, Ordering::Relaxed);
        unit.delay_ms.store(0, Ordering::Relaxed);
    }

    /// What is known of a unit.
    pub fn seen(&self, unit: &UnitState) -> Seen {
        let watched = self
            .units
            .get(unit.number as usize)
            .and_then(Option::as_ref);
        watched.map_or_else(Seen::default, |watched| watched.seen.clone())
    }

    fn take(&mut self, seen: &Observation) {
        let generations = self.generations;
        let Some(place) = self.units.get_mut(seen.unit as usize) else {
            return;
        };
        let watched = place.get_or_insert_with(|| Box::new(Watched::new(generations)));
        watched.touched = true;
        // Threads pass each other: time goes on, and never back.
        watched.last_ms = watched.last_ms.max(seen.at_ms);
        watched.windows.advance(watched.last_ms);
        let mut counts = Counts::default();
        match seen.kind {
            Kind::BadNumber => counts.bad_numbers = 1,
            Kind::Feedback => counts.feedback = 1,
            Kind::Check => {
                counts.checks = 1;
                counts.restricting = u32::from(seen.flags & RESTRICTS != 0);
                if watched.is_novel(seen.subject) {
                    count_novel(watched, &mut self.groups, self.seed, seen, &mut counts);
                }
                watched.windows.meet(seen.subject, seen.reference);
            }
        }
        watched.windows.count(&counts);
    }

    /// A unit that was stopped begins anew; the crowds of all are those of today.
    fn turn_day(&mut self, day: Day) {
        self.day = day;
        for place in &mut self.units {
            match place {
                Some(watched) if watched.said == Reaction::Stop => {
                    self.generations += 1;
                    *place = Some(Box::new(Watched::new(self.generations)));
                }
                Some(watched) => {
                    watched.crowds = Crowds::default();
                    watched.said = Reaction::None;
                }
                None => (),
            }
        }
    }

    fn say_refusals(&mut self, units: &[Arc<UnitState>], said: &mut Vec<Said>) {
        for (unit, before) in units.iter().zip(&mut self.refused_said) {
            for limit in Limit::ALL {
                let count = unit.refused(limit);
                let fresh = count - before[limit as usize];
                before[limit as usize] = count;
                if fresh > 0 {
                    said.push(Said::Refused {
                        unit: unit.name.clone(),
                        limit,
                        count: fresh,
                    });
                }
            }
        }
        let count = std::mem::take(&mut self.lost);
        if count > 0 {
            said.push(Said::Lost { count });
        }
    }
}

fn count_novel(
    watched: &mut Watched,
    groups: &mut Groups,
    seed: u64,
    seen: &Observation,
    counts: &mut Counts,
) {
    let has = |flag: u8| u32::from(seen.flags & flag != 0);
    counts.novel = 1;
    counts.hits = has(HIT);
    counts.contradicted = has(CONTRADICTED);
    counts.name_only = has(NAME_ONLY);
    watched.count_name(seen.name, seen.at_ms);
    if seen.prefix == 0 {
        return;
    }
    counts.neighbours = u32::from(watched.is_neighbour(seen.region, seen.ordinal));
    let (subject, unit, at_ms) = (seen.subject, seen.unit, seen.at_ms);
    let own = u64::from(unit) << 32 | u64::from(watched.generation);
    let own = (own ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let prefix = groups.add(mix(seen.prefix ^ own), subject, unit, at_ms);
    let tail = groups.add(mix(seen.tail ^ own), subject, unit, at_ms);
    let shared = groups.add(mix(seen.prefix), subject, unit, at_ms);
    counts.crowded = u32::from(prefix.subjects > 1);
    let crowds = &mut watched.crowds;
    crowds.prefix = crowds.prefix.max(prefix.subjects);
    crowds.tail = crowds.tail.max(tail.subjects);
    if shared.units > 2 {
        crowds.shared = crowds.shared.max(shared.subjects);
    }
}

fn mix(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ hash >> 32
}

/// Judges a unit anew and sets how it is answered.
fn react(
    unit: &UnitState,
    watched: &mut Watched,
    thresholds: &Thresholds,
    now: Moment,
) -> Option<Said> {
    let sums = watched.windows.sums(thresholds.feedback_hours);
    let (score, reasons) = score(&sums, &watched.crowds, thresholds);
    let reaction = match score {
        score if score >= thresholds.stop => Reaction::Stop,
        score if score >= thresholds.alarm => Reaction::Alarm,
        score if score >= thresholds.slow => Reaction::Slow,
        _ => Reaction::None,
    };
    // A stop holds, whatever the score does, until the day ends or somebody releases the unit.
    let reaction = match watched.said {
        Reaction::Stop => Reaction::Stop,
        _ => reaction,
    };
    let mode = unit.mode();
    let reacts = mode == Mode::React;
    let delay_ms = if reacts {
        delay_ms(score, thresholds)
    } else {
        0
    };
    unit.delay_ms.store(delay_ms, Ordering::Relaxed);
    if reacts && reaction == Reaction::Stop && watched.said != Reaction::Stop {
        let until = now.day().end();
        unit.stopped_until_us.store(until.0, Ordering::Relaxed);
    }
    watched.seen = Seen {
        score,
        reaction,
        reasons,
    };
    if reaction <= watched.said || mode == Mode::Off {
        return None;
    }
    watched.said = reaction;
    Some(Said::Reaction {
        unit: unit.name.clone(),
        reaction,
        score,
        reasons: watched.seen.reasons.clone(),
        reacts,
    })
}

/// Grows from the first threshold to the last.
fn delay_ms(score: u32, thresholds: &Thresholds) -> u32 {
    if score < thresholds.slow {
        return 0;
    }
    let most = thresholds.delay_ms_max.max(DELAY_MS_MIN);
    let steps = u64::from(thresholds.stop.saturating_sub(thresholds.slow)).max(1);
    let step = u64::from(score - thresholds.slow).min(steps);
    let grown = u64::from(most - DELAY_MS_MIN) * step / steps;
    DELAY_MS_MIN + u32::try_from(grown).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_and_is_bounded() {
        let thresholds = Thresholds::default();
        let delays = [29, 30, 65, 100, 1_000].map(|score| delay_ms(score, &thresholds));
        assert_eq!(delays, [0, 50, 525, 1_000, 1_000]);
    }

    #[test]
    fn a_frequent_name_is_known_among_others() {
        let mut watched = Watched::new(0);
        for other in 0..100 {
            watched.count_name(1, 0);
            watched.count_name(100 + other, 0);
        }
        let (count, all) = watched.crowds.name;
        assert!(count > 80 && all == 200, "{count} of {all}");
        watched.count_name(1, 2 * HOUR_MS);
        assert_eq!(watched.crowds.name.1, 101, "worn down with time");
    }

    #[test]
    fn numbers_next_to_each_other_are_neighbours() {
        let mut watched = Watched::new(0);
        for (region, ordinal, wanted) in [
            (1, 5_001, false),
            (1, 5_002, true),
            (2, 5_003, false),
            (1, 6_002, true),
            (1, 9_500, false),
            (1, 9_400, false),
        ] {
            let found = watched.is_neighbour(region, ordinal);
            assert_eq!(found, wanted, "{region} {ordinal}");
        }
    }
}
