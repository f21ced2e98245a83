//! How long requests wait on one runtime, and who is turned away when that is too long.
//!
//! In: each request as soon as its head is read. Out: go on, or a reason to refuse. A check takes
//! microseconds and is done where it is read, so in good times there is no queue: requests wait in
//! the kernel and among the tasks that are ready. That wait is measured by a probe: a task put
//! behind all that are ready, at most one under way, one a millisecond, none while nobody asks.
//! Where it is long, and always for a unit that asks more than a fair share, a request stands back
//! (`turns.rs`): a unit that floods waits for itself, others for one of its requests at most. Who
//! stood back is judged by its own wait. A wait that falls again is a burst or a pause of the
//! machine; where all wait beyond the limit for an interval (CoDel) those are refused, batch at
//! half of it and unread, until one has waited less, so that no turn is left empty. A beat tells a
//! runtime that stood still (stopped, starved): what it finds waiting then may have waited as long,
//! and is refused unread beyond a limit. Below it what gathered meanwhile is no overload, and for a
//! while nobody is refused for it. Absent: the moment a request reached this machine; the system
//! does not say it for free.
//!
//! HOT: a clock call and some relaxed loads and stores a request; each of these words is written
//! by one thread alone.

use super::queue::{Queue, nanos};
use super::shares::{Share, Shares, UnitSlot};
use super::turns::Turns;
use crate::telemetry::Durations;
use crate::telemetry::shed::{ShedClass, ShedCounters, ShedReason};
use hyper::HeaderMap;
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Least time between two probes.
const PROBE_EVERY_NS: u64 = 1_000_000;
/// A wait without a probe since is of the past.
const STALE_NS: u64 = 20_000_000;
/// How often shares fade.
const FADE_EVERY_NS: u64 = 100_000_000;
/// How often a runtime shows that it moves.
const BEAT_EVERY: Duration = Duration::from_millis(100);
/// After a pause, how long what comes in counts as having waited.
const AFTER_STALL: Duration = Duration::from_millis(100);
/// A pause of the machine that is worth a pardon, in nanoseconds.
const PAUSE_NS: u64 = 20_000_000;
/// So many times as long as a pause lasted nobody is refused for the queue it left: at three
/// quarters of what can be answered it takes three times as long to be gone.
const PARDON_TIMES: u64 = 3;
/// The longest pardon, and the time between two, in nanoseconds: a disk that holds the thread up
/// again and again is no pause.
const PARDON_NS_MAX: u64 = 1_000_000_000;
/// Header in which a caller says how long it waits for an answer, in milliseconds.
const DEADLINE_HEADER: &str = "request-timeout-ms";

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
    shares: Shares,
    fade_next_ns: AtomicU64,
    turns: Arc<Turns>,
    queue: Queue,
    /// What the last probe said.
    probe_wait_ns: AtomicU64,
    /// When the probe under way was sent, or 0.
    probe_sent_ns: AtomicU64,
    probe_next_ns: AtomicU64,
    beats: AtomicBool,
    beat_ns: AtomicU64,
    /// What stood back too long is answered until then: the machine had paused.
    pardon_until_ns: AtomicU64,
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
            shares: Shares::default(),
            fade_next_ns: AtomicU64::new(0),
            turns: Arc::default(),
            queue: Queue::default(),
            probe_wait_ns: AtomicU64::new(0),
            probe_sent_ns: AtomicU64::new(0),
            probe_next_ns: AtomicU64::new(0),
            beats: AtomicBool::new(false),
            beat_ns: AtomicU64::new(0),
            pardon_until_ns: AtomicU64::new(0),
        })
    }

    /// Whether a request whose head is read at `now` may go on, perhaps after it stood back.
    /// Counts it as its unit's.
    pub async fn admit(self: &Arc<Self>, asked: Asked, now: Instant) -> Result<(), ShedReason> {
        let Some(wait_max) = self.wait_max else {
            return Ok(());
        };
        let now_ns = self.since_origin(now);
        self.shares.count(asked.unit, 1);
        let mut verdict = self.at_sight(asked, now_ns, wait_max);
        self.begin_beats(now_ns);
        self.fade(now_ns);
        self.probe(now_ns);
        if verdict.is_ok() && self.stands_back(asked.unit, now_ns, wait_max) {
            verdict = self.in_turn(now_ns, wait_max).await;
        }
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
        self.shares.count(unit, checks);
    }

    /// Waits while batch work is to stand back, at most `wait_max`: a stream under way goes on
    /// slowly instead of being broken off.
    pub async fn stand_back(&self, wait_max: Duration) {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        let Some(limit) = self.wait_max else { return };
        let until = Instant::now() + wait_max;
        let mut now = Instant::now();
        while now < until && self.is_too_much_for_batch(self.since_origin(now), limit) {
            tokio::time::sleep(LOOK_EVERY).await;
            now = Instant::now();
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

    /// What is known of a request before it waits.
    fn at_sight(&self, asked: Asked, now_ns: u64, wait_max: Duration) -> Result<(), ShedReason> {
        let stood_still = self.stood_still(now_ns);
        if stood_still > self.stall_max {
            return Err(ShedReason::Expired);
        }
        if let Some(deadline) = asked.deadline {
            let mut wait_ns = self.probe_wait(now_ns);
            if self.stands_back(asked.unit, now_ns, wait_max) {
                wait_ns = wait_ns.max(self.queue.wait_ns());
            }
            if Duration::from_nanos(wait_ns).max(stood_still) >= deadline {
                return Err(ShedReason::Deadline);
            }
        }
        match asked.class == ShedClass::Batch && self.is_too_much_for_batch(now_ns, wait_max) {
            true => Err(ShedReason::Wait),
            false => Ok(()),
        }
    }

    fn stands_back(&self, unit: UnitSlot, now_ns: u64, wait_max: Duration) -> bool {
        let probe_wait_ns = self.probe_wait(now_ns);
        match self.shares.of(unit) {
            Share::Above => true,
            Share::Alone => self.turns.waiting() > 0 || probe_wait_ns > nanos(wait_max / 2),
            Share::Modest => probe_wait_ns > nanos(wait_max),
        }
    }

    /// Stands back; says whether that took too long.
    async fn in_turn(&self, since_ns: u64, wait_max: Duration) -> Result<(), ShedReason> {
        self.turns.take().await;
        let now_ns = self.since_origin(Instant::now());
        if now_ns < self.pardon_until_ns.load(Ordering::Relaxed) {
            self.queue.end();
            return Ok(());
        }
        let waited_ns = now_ns.saturating_sub(since_ns);
        let is_too_long = self.queue.moved(waited_ns, wait_max, now_ns);
        if self.turns.waiting() == 0 {
            self.queue.end();
        }
        match is_too_long {
            true => Err(ShedReason::Wait),
            false => Ok(()),
        }
    }

    fn is_too_much_for_batch(&self, now_ns: u64, wait_max: Duration) -> bool {
        self.turns.waiting() > 0 && self.queue.is_too_much(ShedClass::Batch, wait_max, now_ns)
    }

    /// The wait among the tasks that are ready, in nanoseconds: what the last probe said, or how
    /// long one is under way; what was seen long ago stands no more.
    fn probe_wait(&self, now_ns: u64) -> u64 {
        let last_ns = self.probe_wait_ns.load(Ordering::Relaxed);
        match self.probe_sent_ns.load(Ordering::Relaxed) {
            0 if now_ns > self.probe_next_ns.load(Ordering::Relaxed) + STALE_NS => 0,
            0 => last_ns,
            sent_ns => last_ns.max(now_ns.saturating_sub(sent_ns)),
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

    /// Sends a probe where none is under way and the last is old enough.
    fn probe(self: &Arc<Self>, now_ns: u64) {
        let is_under_way = self.probe_sent_ns.load(Ordering::Relaxed) != 0;
        if is_under_way || now_ns < self.probe_next_ns.load(Ordering::Relaxed) {
            return;
        }
        self.probe_sent_ns.store(now_ns, Ordering::Relaxed);
        let load = Arc::clone(self);
        tokio::spawn(async move { load.probe_is_back(Instant::now()) });
    }

    fn probe_is_back(&self, now: Instant) {
        let now_ns = self.since_origin(now);
        let sent_ns = self.probe_sent_ns.swap(0, Ordering::Relaxed);
        let wait_ns = now_ns.saturating_sub(sent_ns);
        self.probe_next_ns
            .store(now_ns + PROBE_EVERY_NS, Ordering::Relaxed);
        self.waits.record(Duration::from_nanos(wait_ns));
        self.probe_wait_ns.store(wait_ns, Ordering::Relaxed);
    }

    fn fade(&self, now_ns: u64) {
        if now_ns >= self.fade_next_ns.load(Ordering::Relaxed) {
            self.fade_next_ns
                .store(now_ns + FADE_EVERY_NS, Ordering::Relaxed);
            self.shares.fade();
        }
    }

    /// Starts the beat with the first request; it ends with its runtime.
    fn begin_beats(self: &Arc<Self>, now_ns: u64) {
        if self.beats.load(Ordering::Relaxed) || self.beats.swap(true, Ordering::Relaxed) {
            return;
        }
        self.beat_ns.store(now_ns, Ordering::Relaxed);
        let load = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut before_ns = None;
            while let Some(load) = load.upgrade() {
                let now_ns = worked_ns();
                if let Some(before_ns) = before_ns.replace(now_ns) {
                    load.pardon(now_ns.saturating_sub(before_ns));
                }
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

    /// Pardons what a pause since the last beat has left; the thread worked for `worked_ns` since.
    fn pardon(&self, worked_ns: u64) {
        let now_ns = self.since_origin(Instant::now());
        let since_beat_ns = now_ns.saturating_sub(self.beat_ns.load(Ordering::Relaxed));
        let pause_ns = pause_ns(since_beat_ns, worked_ns);
        let last_until_ns = self.pardon_until_ns.load(Ordering::Relaxed);
        if let Some(until_ns) = pardon_until_ns(pause_ns, now_ns, last_until_ns) {
            self.pardon_until_ns.store(until_ns, Ordering::Relaxed);
        }
    }

    fn since_origin(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.origin))
    }
}

/// How long a runtime can have been kept from work since its last beat: by so much the beat is
/// late, and the thread did not work. One that is late because it has much to do has worked.
fn pause_ns(since_beat_ns: u64, worked_ns: u64) -> u64 {
    let late_ns = since_beat_ns.saturating_sub(nanos(BEAT_EVERY));
    late_ns.min(since_beat_ns.saturating_sub(worked_ns))
}

/// Until when the queue of a pause that just ended is pardoned, where it is; the last pardon was
/// until `last_until_ns`.
fn pardon_until_ns(pause_ns: u64, now_ns: u64, last_until_ns: u64) -> Option<u64> {
    let is_worth = pause_ns > PAUSE_NS && now_ns >= last_until_ns.saturating_add(PARDON_NS_MAX);
    is_worth.then(|| now_ns + PARDON_TIMES.saturating_mul(pause_ns).min(PARDON_NS_MAX))
}

/// Processor time of this thread.
fn worked_ns() -> u64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(spent).map_or(0, nanos)
}

/// What the caller says of its own patience; what is no number says nothing.
pub fn deadline(headers: &HeaderMap) -> Option<Duration> {
    deadline_of(headers.get(DEADLINE_HEADER)?.to_str().ok()?)
}

/// Of a head that is just read, and how long its caller waits.
pub fn times(headers: &HeaderMap) -> (Option<Instant>, Option<Duration>) {
    (None, deadline(headers))
}

/// How long a caller waits, from the header's value.
pub fn deadline_of(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;
    use hyper::header::HeaderValue;

    const MS: Duration = Duration::from_millis(1);
    const MS_NS: u64 = 1_000_000;
    const LIMIT: Duration = Duration::from_millis(10);
    const CHECK: ShedClass = ShedClass::Interactive;
    const BATCH: ShedClass = ShedClass::Batch;

    fn load() -> Arc<Load> {
        let telemetry = Telemetry::new();
        let (counters, waits) = (telemetry.shed.clone(), telemetry.new_queue_waits());
        let load = Load::new(Some(LIMIT), Duration::from_secs(2), counters, waits);
        load.probe_next_ns.store(u64::MAX / 2, Ordering::Relaxed);
        load.fade_next_ns.store(u64::MAX, Ordering::Relaxed);
        load
    }

    fn unit(number: u8) -> UnitSlot {
        let mut hash = [0; 32];
        hash[0] = number;
        UnitSlot::of(&hash)
    }

    fn asked(class: ShedClass, number: u8) -> Asked {
        Asked {
            class,
            unit: unit(number),
            deadline: None,
        }
    }

    #[test]
    fn who_asks_too_much_stands_back_and_others_only_where_all_wait() {
        let load = load();
        load.use_share(unit(7), 60);
        load.use_share(unit(8), 4);
        load.shares.fade();
        let stands_back = |number, probe: Duration| {
            load.probe_wait_ns.store(nanos(probe), Ordering::Relaxed);
            load.stands_back(unit(number), 1, LIMIT)
        };
        assert!(stands_back(7, Duration::ZERO));
        assert!(!stands_back(8, LIMIT));
        assert!(stands_back(8, LIMIT + MS));
        let load = super::tests::load();
        assert!(!load.stands_back(unit(7), 1, LIMIT), "alone");
        load.probe_wait_ns.store(nanos(6 * MS), Ordering::Relaxed);
        assert!(load.stands_back(unit(7), 1, LIMIT));
    }

    #[test]
    fn batch_is_refused_at_half_of_the_limit_and_unread() {
        let load = load();
        on_runtime(async {
            let says = |class| load.at_sight(asked(class, 7), 300 * MS_NS, LIMIT);
            load.queue.moved(6 * MS_NS, LIMIT, 200 * MS_NS);
            assert_eq!(says(BATCH), Ok(()), "nobody stands back");
            let turns = Arc::clone(&load.turns);
            let waiting = tokio::spawn(async move { turns.take().await });
            tokio::task::yield_now().await;
            assert_eq!(says(BATCH), Err(ShedReason::Wait));
            assert_eq!(says(CHECK), Ok(()), "judged by its own wait");
            load.queue.moved(5 * MS_NS, LIMIT, 250 * MS_NS);
            assert_eq!(says(BATCH), Ok(()));
            waiting.await.unwrap();
        });
    }

    #[test]
    fn what_a_caller_no_longer_waits_for_is_refused() {
        let load = load();
        let patient = |ms| Asked {
            deadline: Some(ms * MS),
            ..asked(CHECK, 1)
        };
        load.probe_wait_ns.store(nanos(4 * MS), Ordering::Relaxed);
        assert_eq!(load.at_sight(patient(5), 1, LIMIT), Ok(()));
        let late = Err(ShedReason::Deadline);
        assert_eq!(load.at_sight(patient(4), 1, LIMIT), late);
        // Who stands back waits as long as the last one did; who does not, does not.
        load.use_share(unit(1), 60);
        load.use_share(unit(2), 4);
        load.shares.fade();
        load.queue.moved(8 * MS_NS, LIMIT, 1);
        assert_eq!(load.at_sight(patient(8), 1, LIMIT), late);
        let modest = Asked {
            unit: unit(2),
            ..patient(8)
        };
        assert_eq!(load.at_sight(modest, 1, LIMIT), Ok(()));
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
        let says = |now_ns| load.at_sight(asked(CHECK, 1), now_ns, LIMIT);
        assert_eq!(says(3 * second), Ok(()));
        assert_eq!(says(4 * second), Err(ShedReason::Expired));
    }

    fn on_runtime(work: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work);
    }

    #[test]
    fn probes_measure_the_turn_of_a_runtime() {
        let load = load();
        load.probe_next_ns.store(0, Ordering::Relaxed);
        on_runtime(async {
            let now = Instant::now();
            // Ready before the probe is sent: it waits for its turn behind this one.
            tokio::spawn(async { std::thread::sleep(5 * MS) });
            assert_eq!(load.admit(asked(CHECK, 1), now).await, Ok(()));
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        });
        assert_eq!(load.probe_sent_ns.load(Ordering::Relaxed), 0);
        assert!(load.probe_wait_ns.load(Ordering::Relaxed) >= nanos(5 * MS));
    }

    #[test]
    fn a_pause_is_what_a_late_beat_did_not_work() {
        let pause = |since_beat, worked| pause_ns(since_beat * MS_NS, worked * MS_NS) / MS_NS;
        assert_eq!(pause(101, 3), 1, "in time");
        assert_eq!(pause(400, 60), 300, "stopped");
        assert_eq!(pause(400, 390), 10, "much to do");
        assert_eq!(pause(50, 60), 0);
    }

    #[test]
    fn a_pardon_lasts_a_second_at_most_and_the_next_begins_a_second_later() {
        let until = |pause, now, last| {
            let until_ns = pardon_until_ns(pause * MS_NS, now * MS_NS, last * MS_NS);
            until_ns.map(|until_ns| until_ns / MS_NS)
        };
        assert_eq!(until(20, 5_000, 0), None, "too short");
        assert_eq!(until(100, 5_000, 0), Some(5_300));
        assert_eq!(until(60_000, 5_000, 0), Some(6_000));
        // A disk that holds the thread up for 900 ms of every second.
        assert_eq!(until(900, 6_900, 6_000), None);
        assert_eq!(until(900, 7_000, 6_000), Some(8_000));
    }

    #[test]
    fn a_beat_notices_a_pause_and_pardons_what_it_left() {
        let mut load = load();
        Arc::get_mut(&mut load).unwrap().origin -= Duration::from_secs(1);
        load.use_share(unit(7), 600);
        load.use_share(unit(8), 4);
        load.shares.fade();
        let pardoned_until_ns = |load: &Load| load.pardon_until_ns.load(Ordering::Relaxed);
        on_runtime(async {
            let now = Instant::now();
            assert_eq!(load.admit(asked(CHECK, 8), now).await, Ok(()));
            tokio::time::sleep(MS).await;
            std::thread::sleep(4 * BEAT_EVERY);
            while pardoned_until_ns(&load) == 0 {
                tokio::time::sleep(MS).await;
            }
            let now = Instant::now();
            let began_ns = load.since_origin(now.checked_sub(150 * MS).unwrap());
            load.queue.moved(50 * MS_NS, LIMIT, began_ns);
            let long_ago = now.checked_sub(200 * MS).unwrap();
            assert_eq!(load.admit(asked(CHECK, 7), long_ago).await, Ok(()));
            assert_eq!(load.queue.wait_ns(), 0, "a new queue");
        });
    }

    #[test]
    fn what_stood_back_too_long_in_a_queue_that_stands_is_refused_and_the_next_is_answered() {
        let mut load = load();
        Arc::get_mut(&mut load).unwrap().origin -= Duration::from_secs(1);
        load.use_share(unit(7), 600);
        load.use_share(unit(8), 4);
        load.shares.fade();
        on_runtime(async {
            let now = Instant::now();
            let long_ago = now.checked_sub(200 * MS).unwrap();
            let began_ns = load.since_origin(now.checked_sub(150 * MS).unwrap());
            load.queue.moved(50 * MS_NS, LIMIT, began_ns);
            let refused = load.admit(asked(CHECK, 7), long_ago).await;
            assert_eq!(refused, Err(ShedReason::Wait));
            assert_eq!(load.admit(asked(CHECK, 7), now).await, Ok(()));
            assert_eq!(load.turns.waiting(), 0);
            assert_eq!(load.queue.wait_ns(), 0);
        });
    }
}
