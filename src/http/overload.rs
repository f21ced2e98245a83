//! How long requests wait on one runtime, and who is turned away when that is too long.
//!
//! In: each request as soon as its head is read. Out: go on, or a reason to refuse. A check takes
//! microseconds and is done where it is read, so no queue of ours can be counted: requests wait in
//! the kernel and among the tasks that are ready. That wait is measured by a probe: a task put
//! behind all that are ready, at most one under way, one a millisecond, none while nobody asks.
//! When even the least wait of an interval is above the limit, the queue stands (CoDel): batch is
//! refused at half of the limit, interactive requests at the limit, and of these first the units
//! that had more than a fair share of the last second. A beat tells a runtime that stood still
//! (stopped, starved): what it finds waiting then may have waited as long, and is refused unread.
//! Absent: the moment a request reached this machine; the system does not say it for free, so a
//! wait is known from above (stood still) or as that of another request (probe), never its own.
//!
//! HOT: a clock call and some relaxed loads and stores a request; each of these words is written
//! by one thread alone.

use crate::telemetry::Durations;
use crate::telemetry::shed::{ShedClass, ShedCounters, ShedReason};
use hyper::HeaderMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A wait must stay above its limit for so long before anything is refused.
const INTERVAL: Duration = Duration::from_millis(100);
/// And so many probes must say so: one may have met a pause of the machine.
const SAMPLES_MIN: u32 = 3;
/// For so long after a refusal one probe is enough to refuse again.
const ALERT: Duration = Duration::from_secs(1);
/// Least time between two probes.
const PROBE_EVERY_NS: u64 = 1_000_000;
/// A wait without a probe since is of the past.
const STALE_NS: u64 = 20_000_000;
/// How often a runtime shows that it moves.
const BEAT_EVERY: Duration = Duration::from_millis(100);
/// After a pause, how long what comes in counts as having waited.
const AFTER_STALL: Duration = Duration::from_millis(20);
/// Places for the shares of units; two units seldom meet in one.
const UNITS: usize = 4_096;
/// One request in a share, so that decay leaves fractions.
const REQUEST: u32 = 256;
/// A wait above the limit by this factor refuses units within their fair share too.
const HARD_FACTOR: u32 = 4;
/// Header in which a caller says how long it waits for an answer, in milliseconds.
const DEADLINE_HEADER: &str = "request-timeout-ms";

/// Who asks, as far as shares go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitSlot(usize);

impl UnitSlot {
    /// All that are not known by their token: together they are one unit.
    pub const UNKNOWN: Self = Self(0);

    /// The place of a unit, from the hash of its record.
    pub fn of(policy_hash: &[u8; 32]) -> Self {
        let number = usize::from(u16::from_le_bytes([policy_hash[0], policy_hash[1]]));
        Self(1 + number % (UNITS - 1))
    }
}

/// A request as it is weighed.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Before or after others.
    pub class: ShedClass,
    /// Who asks.
    pub unit: UnitSlot,
    /// How long the caller waits for an answer, where it says so.
    pub deadline: Option<Duration>,
}

/// The load of one runtime.
pub struct Load {
    origin: Instant,
    /// `None`: nothing is refused here (operators).
    wait_max: Option<Duration>,
    stall_max: Duration,
    counters: ShedCounters,
    waits: Arc<Durations>,
    observed: Mutex<Observed>,
    /// Least wait of the last interval, in nanoseconds.
    standing_ns: AtomicU64,
    /// When the probe under way was sent, or 0.
    probe_sent_ns: AtomicU64,
    probe_next_ns: AtomicU64,
    beats: AtomicBool,
    beat_ns: AtomicU64,
    shares: Box<[AtomicU32]>,
    fair_share: AtomicU32,
}

impl Load {
    /// Of a runtime that refuses beyond `wait_max`; `None`: never.
    pub fn new(
        wait_max: Option<Duration>,
        stall_max: Duration,
        counters: ShedCounters,
        waits: Arc<Durations>,
    ) -> Arc<Self> {
        Arc::new(Self {
            // A little back: 0 stands for never.
            origin: Instant::now()
                .checked_sub(Duration::from_millis(1))
                .unwrap_or_else(Instant::now),
            wait_max,
            stall_max,
            counters,
            waits,
            observed: Mutex::new(Observed::new(wait_max.unwrap_or(Duration::MAX))),
            standing_ns: AtomicU64::new(0),
            probe_sent_ns: AtomicU64::new(0),
            probe_next_ns: AtomicU64::new(0),
            beats: AtomicBool::new(false),
            beat_ns: AtomicU64::new(0),
            shares: (0..UNITS).map(|_| AtomicU32::new(0)).collect(),
            fair_share: AtomicU32::new(0),
        })
    }

    /// Whether a request whose head is read at `now` may go on. Counts it as its unit's.
    pub fn admit(self: &Arc<Self>, asked: Asked, now: Instant) -> Result<(), ShedReason> {
        let Some(wait_max) = self.wait_max else {
            return Ok(());
        };
        let now_ns = self.since_origin(now);
        self.use_share(asked.unit, 1);
        let verdict = self.verdict(asked, now_ns, wait_max);
        self.begin_beats(now_ns);
        self.probe(now_ns);
        verdict.inspect_err(|reason| self.counters.count(asked.class, *reason))
    }

    /// Whether a request that was read as a whole at `now`, its head at `head_at`, can still be
    /// answered in time.
    pub fn is_in_time(
        &self,
        asked: Asked,
        head_at: Instant,
        now: Instant,
    ) -> Result<(), ShedReason> {
        if self.wait_max.is_none() {
            return Ok(());
        }
        let waited = now.saturating_duration_since(head_at);
        let verdict = if self.stood_still(self.since_origin(now)) > self.stall_max {
            Err(ShedReason::Expired)
        } else if asked.deadline.is_some_and(|deadline| waited >= deadline) {
            Err(ShedReason::Deadline)
        } else {
            Ok(())
        };
        verdict.inspect_err(|reason| self.counters.count(asked.class, *reason))
    }

    /// Counts further work of a unit, in checks.
    pub fn use_share(&self, unit: UnitSlot, checks: usize) {
        let Some(share) = self.shares.get(unit.0) else {
            return;
        };
        let more = u32::try_from(checks).unwrap_or(u32::MAX);
        let used = share.load(Ordering::Relaxed);
        let used = used.saturating_add(more.saturating_mul(REQUEST));
        share.store(used, Ordering::Relaxed);
    }

    /// Waits while batch work is to stand back, at most `wait_max`: a stream under way goes on
    /// slowly instead of being broken off.
    pub async fn stand_back(&self, wait_max: Duration) {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        let until = Instant::now() + wait_max;
        while self.is_above(ShedClass::Batch) && Instant::now() < until {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Milliseconds since this load began: for what a connection remembers.
    pub fn now_ms(&self) -> u64 {
        self.since_origin(Instant::now()) / 1_000_000
    }

    /// A number that is never the same for long: spreads those that are told to come again.
    pub fn dice(&self) -> u32 {
        let ns = self.since_origin(Instant::now());
        (ns.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as u32
    }

    fn verdict(&self, asked: Asked, now_ns: u64, wait_max: Duration) -> Result<(), ShedReason> {
        let stood_still = self.stood_still(now_ns);
        if stood_still > self.stall_max {
            return Err(ShedReason::Expired);
        }
        let standing_ns = self.standing(now_ns);
        if let Some(deadline) = asked.deadline {
            let waited = Duration::from_nanos(standing_ns).max(stood_still);
            if waited >= deadline {
                return Err(ShedReason::Deadline);
            }
        }
        if standing_ns <= nanos(limit(asked.class, wait_max)) {
            return Ok(());
        }
        if asked.class == ShedClass::Batch || standing_ns > nanos(wait_max * HARD_FACTOR) {
            return Err(ShedReason::Wait);
        }
        let share = &self.shares[asked.unit.0];
        match share.load(Ordering::Relaxed) >= self.fair_share.load(Ordering::Relaxed) {
            true => Err(ShedReason::Wait),
            false => Ok(()),
        }
    }

    fn is_above(&self, class: ShedClass) -> bool {
        let standing_ns = self.standing(self.since_origin(Instant::now()));
        self.wait_max
            .is_some_and(|wait_max| standing_ns > nanos(limit(class, wait_max)))
    }

    /// The wait that stands, in nanoseconds; what was seen long ago stands no more.
    fn standing(&self, now_ns: u64) -> u64 {
        let last_ns = self.probe_next_ns.load(Ordering::Relaxed);
        let is_old = now_ns > last_ns + STALE_NS;
        match is_old && self.probe_sent_ns.load(Ordering::Relaxed) == 0 {
            true => 0,
            false => self.standing_ns.load(Ordering::Relaxed),
        }
    }

    /// How long this runtime has not moved, beyond what is usual.
    fn stood_still(&self, now_ns: u64) -> Duration {
        match self.beat_ns.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            beat_ns => {
                Duration::from_nanos(now_ns.saturating_sub(beat_ns)).saturating_sub(BEAT_EVERY)
            }
        }
    }

    /// Sends a probe where none is under way and the last is old enough; one that is long under
    /// way says as much as one that has come back.
    fn probe(self: &Arc<Self>, now_ns: u64) {
        let sent_ns = self.probe_sent_ns.load(Ordering::Relaxed);
        if sent_ns != 0 {
            let waited_ns = now_ns.saturating_sub(sent_ns);
            if waited_ns > self.standing_ns.load(Ordering::Relaxed) && self.is_alert(now_ns) {
                self.standing_ns.store(waited_ns, Ordering::Relaxed);
            }
            return;
        }
        if now_ns < self.probe_next_ns.load(Ordering::Relaxed) {
            return;
        }
        self.probe_sent_ns.store(now_ns, Ordering::Relaxed);
        let load = Arc::clone(self);
        tokio::spawn(async move { load.probe_is_back(Instant::now()) });
    }

    fn probe_is_back(&self, now: Instant) {
        let now_ns = self.since_origin(now);
        let sent_ns = self.probe_sent_ns.swap(0, Ordering::Relaxed);
        let wait = Duration::from_nanos(now_ns.saturating_sub(sent_ns));
        self.probe_next_ns
            .store(now_ns + PROBE_EVERY_NS, Ordering::Relaxed);
        self.waits.record(wait);
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = observed.observe(wait, Duration::from_nanos(now_ns));
        let is_due = observed.decay_is_due(Duration::from_nanos(now_ns));
        drop(observed);
        self.standing_ns.store(nanos(standing), Ordering::Relaxed);
        if is_due {
            self.decay();
        }
    }

    fn is_alert(&self, now_ns: u64) -> bool {
        let observed = self.observed.try_lock();
        observed.is_ok_and(|observed| observed.is_alert(Duration::from_nanos(now_ns)))
    }

    /// What was asked long ago counts less; what is left says what a fair share is.
    fn decay(&self) {
        let (mut sum, mut active) = (0u64, 0u64);
        for share in &self.shares {
            let used = share.load(Ordering::Relaxed);
            if used == 0 {
                continue;
            }
            let left = used - used.div_ceil(8);
            share.store(left, Ordering::Relaxed);
            if left >= REQUEST {
                sum += u64::from(left);
                active += 1;
            }
        }
        let fair = u32::try_from(sum / active.max(1)).unwrap_or(u32::MAX);
        self.fair_share.store(fair, Ordering::Relaxed);
    }

    /// Starts the beat with the first request; it ends with its runtime.
    fn begin_beats(self: &Arc<Self>, now_ns: u64) {
        if self.beats.load(Ordering::Relaxed) || self.beats.swap(true, Ordering::Relaxed) {
            return;
        }
        self.beat_ns.store(now_ns, Ordering::Relaxed);
        let load = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(load) = load.upgrade() {
                if load.stood_still(load.since_origin(Instant::now())) > load.stall_max {
                    // Timers may be looked at before sockets: what waits is found first.
                    tokio::time::sleep(AFTER_STALL).await;
                }
                let now_ns = load.since_origin(Instant::now());
                load.beat_ns.store(now_ns, Ordering::Relaxed);
                drop(load);
                tokio::time::sleep(BEAT_EVERY).await;
            }
        });
    }

    fn since_origin(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.origin))
    }
}

/// What the probes said.
#[derive(Debug)]
struct Observed {
    /// Above it, at half of the limit, the first class is refused.
    alert_above: Duration,
    standing: Duration,
    least: Duration,
    samples: u32,
    since: Duration,
    alert_until: Duration,
    decayed_at: Duration,
}

impl Observed {
    fn new(wait_max: Duration) -> Self {
        Self {
            alert_above: limit(ShedClass::Batch, wait_max),
            standing: Duration::ZERO,
            least: Duration::MAX,
            samples: 0,
            since: Duration::ZERO,
            alert_until: Duration::ZERO,
            decayed_at: Duration::ZERO,
        }
    }

    /// Takes a wait seen at `now`; returns the wait that stands. It rises only when a whole
    /// interval was above it, falls at once, and rises at once for a while after a refusal.
    fn observe(&mut self, wait: Duration, now: Duration) -> Duration {
        self.least = self.least.min(wait);
        self.samples += 1;
        if wait <= self.alert_above || self.is_alert(now) {
            self.standing = wait;
        }
        if wait <= self.alert_above {
            self.begin(now);
        } else if now.saturating_sub(self.since) >= INTERVAL && self.samples >= SAMPLES_MIN {
            self.standing = self.least;
            self.begin(now);
        }
        if self.standing > self.alert_above {
            self.alert_until = now + ALERT;
        }
        self.standing
    }

    fn begin(&mut self, now: Duration) {
        (self.least, self.samples, self.since) = (Duration::MAX, 0, now);
    }

    fn is_alert(&self, now: Duration) -> bool {
        now < self.alert_until
    }

    fn decay_is_due(&mut self, now: Duration) -> bool {
        let is_due = now.saturating_sub(self.decayed_at) >= INTERVAL;
        if is_due {
            self.decayed_at = now;
        }
        is_due
    }
}

/// The wait above which a class is refused.
fn limit(class: ShedClass, wait_max: Duration) -> Duration {
    match class {
        ShedClass::Interactive => wait_max,
        ShedClass::Batch => wait_max / 2,
    }
}

/// What the caller says of its own patience; what is no number says nothing.
pub fn deadline(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(DEADLINE_HEADER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_millis)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;
    use hyper::header::HeaderValue;

    const MS: Duration = Duration::from_millis(1);
    const LIMIT: Duration = Duration::from_millis(10);

    #[test]
    fn a_burst_stands_for_nothing_and_a_queue_that_stays_does() {
        let mut observed = Observed::new(LIMIT);
        assert_eq!(observed.observe(MS, 500 * MS), MS);
        // A pause of the machine, or a burst: long, but over before the interval is.
        assert_eq!(observed.observe(90 * MS, 590 * MS), MS);
        assert_eq!(observed.observe(MS, 591 * MS), MS);
        for at in 600..691 {
            assert_eq!(observed.observe(20 * MS, at * MS), MS, "{at}");
        }
        assert_eq!(observed.observe(30 * MS, 692 * MS), 20 * MS, "the least");
    }

    #[test]
    fn few_probes_say_nothing_however_long_they_took() {
        let mut observed = Observed::new(LIMIT);
        assert_eq!(observed.observe(400 * MS, 400 * MS), Duration::ZERO);
        assert_eq!(observed.observe(400 * MS, 800 * MS), Duration::ZERO);
        assert_eq!(observed.observe(400 * MS, 1_200 * MS), 400 * MS);
    }

    #[test]
    fn a_wait_falls_at_once_and_rises_at_once_for_a_while_after() {
        let mut observed = Observed::new(LIMIT);
        for at in [0, 50, 101] {
            observed.observe(20 * MS, at * MS);
        }
        assert_eq!(observed.standing, 20 * MS);
        assert_eq!(observed.observe(2 * MS, 110 * MS), 2 * MS);
        assert_eq!(observed.observe(20 * MS, 112 * MS), 20 * MS);
        assert_eq!(observed.observe(2 * MS, 114 * MS), 2 * MS);
        assert_eq!(observed.observe(20 * MS, 1_200 * MS), 2 * MS, "long ago");
    }

    fn load() -> Arc<Load> {
        let telemetry = Telemetry::new();
        let (counters, waits) = (telemetry.shed.clone(), telemetry.new_queue_waits());
        let load = Load::new(Some(LIMIT), Duration::from_secs(2), counters, waits);
        load.probe_next_ns.store(u64::MAX / 2, Ordering::Relaxed);
        load
    }

    fn asked(class: ShedClass, unit: usize) -> Asked {
        Asked {
            class,
            unit: UnitSlot(unit),
            deadline: None,
        }
    }

    #[track_caller]
    fn says(load: &Load, asked: Asked, wait: Duration, wanted: Result<(), ShedReason>) {
        load.standing_ns.store(nanos(wait), Ordering::Relaxed);
        assert_eq!(load.verdict(asked, 1, LIMIT), wanted, "{asked:?} {wait:?}");
    }

    #[test]
    fn batch_is_refused_first_then_units_beyond_their_share_then_all() {
        let load = load();
        let (check, batch) = (ShedClass::Interactive, ShedClass::Batch);
        for _ in 0..60 {
            load.use_share(UnitSlot(7), 1);
        }
        load.use_share(UnitSlot(8), 4);
        load.decay();
        let no = Err(ShedReason::Wait);
        says(&load, asked(batch, 8), 5 * MS, Ok(()));
        says(&load, asked(batch, 8), 6 * MS, no);
        says(&load, asked(check, 7), 10 * MS, Ok(()));
        says(&load, asked(check, 7), 11 * MS, no);
        says(&load, asked(check, 8), 11 * MS, Ok(()));
        says(&load, asked(check, 8), 40 * MS, Ok(()));
        says(&load, asked(check, 8), 41 * MS, no);
        // One unit alone has all of it, and waits for itself.
        let alone = super::tests::load();
        alone.use_share(UnitSlot(7), 100);
        alone.decay();
        alone.use_share(UnitSlot(7), 50);
        says(&alone, asked(check, 7), 11 * MS, no);
    }

    #[test]
    fn shares_fade() {
        let load = load();
        load.use_share(UnitSlot(7), 1_000_000);
        for _ in 0..300 {
            load.decay();
        }
        assert_eq!(load.shares[7].load(Ordering::Relaxed), 0);
        assert_eq!(load.fair_share.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_a_caller_no_longer_waits_for_is_refused() {
        let load = load();
        let patient = |ms| Asked {
            deadline: Some(ms * MS),
            ..asked(ShedClass::Interactive, 1)
        };
        says(&load, patient(9), 8 * MS, Ok(()));
        says(&load, patient(8), 8 * MS, Err(ShedReason::Deadline));
        let now = Instant::now();
        let in_time = |ms, took| load.is_in_time(patient(ms), now, now + took * MS);
        assert_eq!(in_time(50, 49), Ok(()));
        assert_eq!(in_time(50, 50), Err(ShedReason::Deadline));
        let mut headers = HeaderMap::new();
        assert_eq!(deadline(&headers), None);
        headers.insert("request-timeout-ms", HeaderValue::from_static("250"));
        assert_eq!(deadline(&headers), Some(250 * MS));
        headers.insert("request-timeout-ms", HeaderValue::from_static("soon"));
        assert_eq!(deadline(&headers), None);
    }

    #[test]
    fn what_waited_while_the_runtime_stood_still_is_expired() {
        let load = load();
        let second = 1_000_000_000;
        load.beat_ns.store(second, Ordering::Relaxed);
        let check = asked(ShedClass::Interactive, 1);
        assert_eq!(load.verdict(check, 3 * second, LIMIT), Ok(()));
        let late = load.verdict(check, 4 * second, LIMIT);
        assert_eq!(late, Err(ShedReason::Expired));
    }

    #[test]
    fn probes_measure_the_turn_of_a_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let load = load();
        load.probe_next_ns.store(0, Ordering::Relaxed);
        runtime.block_on(async {
            let now = Instant::now();
            // Ready before the probe is sent: it waits for its turn behind this one.
            tokio::spawn(async { std::thread::sleep(5 * MS) });
            assert_eq!(load.admit(asked(ShedClass::Interactive, 1), now), Ok(()));
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        });
        let observed = load.observed.lock().unwrap();
        assert!(
            observed.least >= 5 * MS || observed.samples == 1,
            "{observed:?}"
        );
        assert_eq!(load.probe_sent_ns.load(Ordering::Relaxed), 0);
    }
}
