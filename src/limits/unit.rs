//! What a request of a unit meets: may it be answered now, how late, and what is remembered of it.
//!
//! In: items, a request with its outcome, a moment. Out: yes after a delay, or no, with the time to
//! come again. Atomics only; the reaction was decided by `watch.rs` beforehand. A refusal says
//! which limit was reached and never whether anybody is listed. HOT.

use super::observed::{self, Kind, Observation, Ring, reference_hash, subject_hash};
use super::rate::{Bucket, Full};
use super::subjects::DailySubjects;
use crate::check::outcome::Outcome;
use crate::check::request::Request;
use crate::model::term::Moment;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What is done about a unit whose asking looks like gathering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Mode {
    /// Nothing is observed.
    Off = 0,
    /// Score, warnings, metric.
    Watch = 1,
    /// Also: answers come late, then none.
    #[default]
    React = 2,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Watch, Self::React];

    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Watch => "watch",
            Self::React => "react",
        }
    }

    /// From the word of the configuration.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == word)
    }
}

/// Which limit refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Requests a second.
    Rate = 0,
    /// Distinct subjects a day.
    DailySubjects = 1,
    /// Stopped until somebody has looked.
    Stopped = 2,
}

impl Limit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Rate, Self::DailySubjects, Self::Stopped];

    /// Its word in records and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::DailySubjects => "daily_subjects",
            Self::Stopped => "stopped",
        }
    }
}

/// Why a request is not answered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Too many a second; they fit after this time.
    Rate {
        /// Until they fit.
        wait: Duration,
    },
    /// More in one request than the unit may ever ask at once.
    Batch {
        /// How many it may.
        burst: u32,
    },
    /// The distinct subjects of the day are used up.
    Daily {
        /// Midnight in Shanghai.
        until: Moment,
    },
    /// Stopped.
    Stopped {
        /// Until then at most.
        until: Moment,
    },
}

impl Refusal {
    /// The limit that was reached.
    pub fn limit(&self) -> Limit {
        match self {
            Self::Rate { .. } | Self::Batch { .. } => Limit::Rate,
            Self::Daily { .. } => Limit::DailySubjects,
            Self::Stopped { .. } => Limit::Stopped,
        }
    }
}

/// What outlives a reload of the clients file.
#[derive(Debug)]
pub struct UnitState {
    /// Its number in this process.
    pub number: u32,
    /// Its name.
    pub name: Box<str>,
    pub(super) mode: AtomicU8,
    pub(super) delay_ms: AtomicU32,
    /// Microseconds since the epoch; 0 not stopped.
    pub(super) stopped_until_us: AtomicI64,
    pub(super) refused: [AtomicU64; Limit::ALL.len()],
}

impl UnitState {
    pub(super) fn new(number: u32, name: &str) -> Self {
        Self {
            number,
            name: name.into(),
            mode: AtomicU8::new(Mode::Off as u8),
            delay_ms: AtomicU32::new(0),
            stopped_until_us: AtomicI64::new(0),
            refused: Default::default(),
        }
    }

    /// What is done about it.
    pub fn mode(&self) -> Mode {
        let mode = self.mode.load(Ordering::Relaxed);
        Mode::ALL
            .get(usize::from(mode))
            .copied()
            .unwrap_or_default()
    }

    /// Requests refused by a limit since the start.
    pub fn refused(&self, limit: Limit) -> u64 {
        self.refused[limit as usize].load(Ordering::Relaxed)
    }

    /// Until when it is stopped.
    pub fn stopped_until(&self, now: Moment) -> Option<Moment> {
        let until = Moment(self.stopped_until_us.load(Ordering::Relaxed));
        (until > now).then_some(until)
    }

    /// How late its answers come.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.load(Ordering::Relaxed).into())
    }

    fn refuse(&self, refusal: Refusal) -> Refusal {
        self.refused[refusal.limit() as usize].fetch_add(1, Ordering::Relaxed);
        refusal
    }
}

/// The limits of a unit as its record states them.
#[derive(Debug)]
pub struct UnitLimits {
    /// The unit.
    pub unit: Arc<UnitState>,
    /// Requests a second, where there is a limit.
    pub bucket: Option<Arc<Bucket>>,
    /// Distinct subjects a day, where there is a limit.
    pub daily: Option<Arc<DailySubjects>>,
    /// What is done about it.
    pub mode: Mode,
    pub(super) seed: u64,
    pub(super) ring: Arc<Ring>,
}

impl UnitLimits {
    /// Whether `items` may be asked now; after how long they are looked at.
    pub fn admit(&self, items: u32, now: Moment) -> Result<Duration, Refusal> {
        self.admit_waiting(items, now)
            .map_err(|refusal| self.unit.refuse(refusal))
    }

    /// The same for whoever waits where there is no room yet: such a refusal is not counted.
    pub fn admit_waiting(&self, items: u32, now: Moment) -> Result<Duration, Refusal> {
        if let Some(until) = self.unit.stopped_until(now) {
            return Err(Refusal::Stopped { until });
        }
        if let Some(bucket) = &self.bucket {
            bucket.take(items).map_err(|full| match full {
                Full::Wait(wait) => Refusal::Rate { wait },
                Full::Never => Refusal::Batch {
                    burst: bucket.burst(),
                },
            })?;
        }
        Ok(self.unit.delay())
    }

    /// Counts a refusal that `admit_waiting` gave, where nobody waits any longer.
    pub fn give_up(&self, refusal: Refusal) -> Refusal {
        self.unit.refuse(refusal)
    }

    /// Whether the unit may ask about this subject today.
    pub fn admit_subject(&self, request: &Request, now: Moment) -> Result<(), Refusal> {
        let Some(daily) = &self.daily else {
            return Ok(());
        };
        match daily.admit(subject_hash(self.seed, &request.subject), now) {
            true => Ok(()),
            false => Err(self.unit.refuse(Refusal::Daily {
                until: now.day().end(),
            })),
        }
    }

    /// Remembers an answered check.
    pub fn answered(
        &self,
        request: &Request,
        reference: Option<&str>,
        outcome: &Outcome,
        now: Moment,
    ) {
        if self.mode != Mode::Off {
            let reference = reference_hash(self.seed, reference);
            let number = self.unit.number;
            let seen = Observation::of_check(self.seed, number, request, reference, outcome, now);
            self.ring.push(&seen);
        }
    }

    /// Remembers a number that was refused.
    pub fn bad_number(&self, now: Moment) {
        self.note(Kind::BadNumber, now);
    }

    /// Remembers that feedback was given.
    pub fn feedback(&self, now: Moment) {
        self.note(Kind::Feedback, now);
    }

    fn note(&self, kind: observed::Kind, now: Moment) {
        if self.mode != Mode::Off {
            self.ring
                .push(&Observation::bare(self.unit.number, kind, now));
        }
    }
}
