//! What a connection is doing, noted in two words, when that takes too long, and how it took being
//! refused.
//!
//! HOT: relaxed loads and stores only; two threads never move one connection.

use super::framing::Ambiguity;
use super::limits::Limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Who asks again within this time after a refusal did not heed its Retry-After.
const REFUSED_MS: u64 = 3_000;
/// Bytes that a peer must take for its connection to count as moving.
const MOVE_BYTES: u32 = 1_024;
/// Bytes by HTTP/2 that bring no request and belong to none.
const IDLE_BYTES_MAX: u64 = 64 << 10;
/// Requests that a peer may break off in any case; beyond, no more than it lets end.
const BROKEN_OFF_MAX: u32 = 100;
/// How long the first refusal of a connection that does not heed is held back; each further one
/// twice as long.
const HOLD_MS: u64 = 25;
const HOLD_MS_MAX: u64 = 1_000;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Waits for a request, or sends the end of an answer.
    Idle = 0,
    /// Part of a head has arrived.
    Head = 1,
    /// A head is read; its body may be on the way, or its answer in the making.
    Serving = 2,
}

/// Phase of one connection, and how often anything moved.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    moves: AtomicU32,
    /// Requests in service.
    open: AtomicU32,
    ended: AtomicU32,
    broken_off: AtomicU32,
    /// Bytes sent since the last move.
    sent: AtomicU32,
    /// Bytes received since a request began, went on or ended.
    received: AtomicU64,
    ambiguity: AtomicU8,
    refused_ms: AtomicU64,
    refused_again: AtomicU32,
}

impl Progress {
    /// Enters a phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
        self.moved();
    }

    /// A request is in service until what comes back is dropped.
    pub fn begin(self: &Arc<Self>) -> Serving {
        let open = self.open.load(Ordering::Relaxed);
        self.open.store(open.saturating_add(1), Ordering::Relaxed);
        self.received.store(0, Ordering::Relaxed);
        self.enter(Phase::Serving);
        Serving {
            progress: Arc::clone(self),
            is_answered: false,
        }
    }

    /// Notes that something went on.
    pub fn moved(&self) {
        // Two threads never move one connection: no need for an atomic addition.
        let moves = self.moves.load(Ordering::Relaxed);
        self.moves.store(moves.wrapping_add(1), Ordering::Relaxed);
    }

    /// Notes that bytes went out; a peer that takes them one by one does not move.
    pub fn has_sent(&self, bytes: usize) {
        let sent = self.sent.load(Ordering::Relaxed);
        let sent = sent.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        let is_move = sent >= MOVE_BYTES;
        self.sent
            .store(if is_move { 0 } else { sent }, Ordering::Relaxed);
        if is_move {
            self.moved();
        }
    }

    /// Notes bytes by HTTP/2; false where they are too many for what is asked: frames that ask
    /// for nothing, or requests that are broken off as soon as they are made.
    pub fn may_receive(&self, bytes: usize, body_bytes_max: u64) -> bool {
        let open = u64::from(self.open.load(Ordering::Relaxed));
        let received = self.received.load(Ordering::Relaxed) + bytes as u64;
        self.received.store(received, Ordering::Relaxed);
        let broken_off = self.broken_off.load(Ordering::Relaxed);
        let ended = self.ended.load(Ordering::Relaxed);
        let fits = received <= IDLE_BYTES_MAX + open.saturating_mul(body_bytes_max);
        fits && broken_off <= ended.max(BROKEN_OFF_MAX)
    }

    /// Notes that what came can be read in two ways.
    pub fn is_ambiguous(&self, what: Ambiguity) {
        self.ambiguity.store(what as u8, Ordering::Relaxed);
    }

    /// What can be read in two ways.
    pub fn ambiguity(&self) -> Option<Ambiguity> {
        Ambiguity::of(self.ambiguity.load(Ordering::Relaxed))
    }

    /// Notes that bytes came in: after an answer they begin a new head.
    pub fn has_read(&self) {
        if self.phase.load(Ordering::Relaxed) == Phase::Idle as u8 {
            self.enter(Phase::Head);
        }
    }

    /// Notes a refusal under load at `now_ms`; says how long to hold it back. Who heeds Retry-After
    /// is answered at once; who asks again and again on a connection costs less that way.
    pub fn refused(&self, now_ms: u64) -> Duration {
        let last_ms = self.refused_ms.swap(now_ms.max(1), Ordering::Relaxed);
        let heeds = last_ms == 0 || now_ms.saturating_sub(last_ms) > REFUSED_MS;
        let again = match heeds {
            true => 0,
            false => self.refused_again.load(Ordering::Relaxed).saturating_add(1),
        };
        self.refused_again.store(again, Ordering::Relaxed);
        match again {
            0 => Duration::ZERO,
            again => Duration::from_millis((HOLD_MS << (again - 1).min(8)).min(HOLD_MS_MAX)),
        }
    }

    /// The phase it is in.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Serving,
        }
    }

    /// Changes whenever anything moved.
    pub fn moves(&self) -> u32 {
        self.moves.load(Ordering::Relaxed)
    }
}

/// A request in service: from its head until its answer is handed over as a whole, or it is
/// broken off.
#[derive(Debug)]
pub struct Serving {
    progress: Arc<Progress>,
    is_answered: bool,
}

impl Serving {
    /// Of which connection.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// There is an answer: from now on the request is not broken off.
    pub fn is_answered(&mut self) {
        self.is_answered = true;
    }

    /// A part of the answer is made.
    pub fn goes_on(&self) {
        self.progress.received.store(0, Ordering::Relaxed);
        self.progress.moved();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let progress = &self.progress;
        let count = match self.is_answered {
            true => &progress.ended,
            false => &progress.broken_off,
        };
        count.store(
            count.load(Ordering::Relaxed).saturating_add(1),
            Ordering::Relaxed,
        );
        progress.received.store(0, Ordering::Relaxed);
        let open = progress.open.load(Ordering::Relaxed).saturating_sub(1);
        progress.open.store(open, Ordering::Relaxed);
        match open {
            0 => progress.enter(Phase::Idle),
            _ => progress.moved(),
        }
    }
}

/// How long a connection has stood in its phase without moving, in ticks.
pub struct Overdue {
    head_ticks_max: u32,
    idle_ticks_max: u32,
    phase: Phase,
    moves: u32,
    ticks: u32,
}

impl Overdue {
    /// By these limits.
    pub fn new(limits: &Limits) -> Self {
        let tick_ms = limits.watch_interval().as_millis().max(1);
        let ticks = |limit_ms: u64| {
            let limit = Duration::from_millis(limit_ms).as_millis();
            u32::try_from(limit.div_ceil(tick_ms)).unwrap_or(u32::MAX)
        };
        Self {
            head_ticks_max: ticks(limits.header_timeout_ms),
            idle_ticks_max: ticks(limits.idle_timeout_ms),
            phase: Phase::Idle,
            moves: 0,
            ticks: 0,
        }
    }

    /// A head that trickles in is over at its limit although bytes move; a request in service has
    /// limits of its own (body, log), so only the idle limit of a stalled peer bounds it here.
    pub fn is_over(&mut self, progress: &Progress) -> bool {
        let (phase, moves) = (progress.phase(), progress.moves());
        let ticks_max = match phase {
            Phase::Head => self.head_ticks_max,
            Phase::Idle | Phase::Serving => self.idle_ticks_max,
        };
        if phase == self.phase && moves == self.moves {
            self.ticks += 1;
        } else {
            (self.phase, self.moves, self.ticks) = (phase, moves, 0);
        }
        self.ticks > ticks_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_heed_a_refusal_is_answered_ever_later_up_to_a_second() {
        let progress = Progress::default();
        let holds = |now_ms| progress.refused(now_ms).as_millis();
        assert_eq!(holds(5), 0, "the first is told at once");
        assert_eq!([holds(6), holds(30), holds(80)], [25, 50, 100]);
        let last = (0..20).fold(0, |_, more| holds(100 + more));
        assert_eq!(last, 1_000);
        assert_eq!(holds(119 + REFUSED_MS + 1), 0, "who waited is told at once");
        assert_eq!(holds(119 + REFUSED_MS + 2), 25);
    }

    #[test]
    fn a_connection_is_idle_when_its_last_request_ends() {
        let progress = Arc::new(Progress::default());
        let (one, mut other) = (progress.begin(), progress.begin());
        drop(one);
        assert_eq!(progress.phase(), Phase::Serving);
        other.is_answered();
        drop(other);
        assert_eq!(progress.phase(), Phase::Idle);
    }

    #[test]
    fn bytes_taken_one_by_one_are_no_move() {
        let progress = Progress::default();
        (0..MOVE_BYTES - 1).for_each(|_| progress.has_sent(1));
        assert_eq!(progress.moves(), 0);
        progress.has_sent(1);
        assert_eq!(progress.moves(), 1);
    }

    #[test]
    fn frames_that_ask_for_nothing_are_bounded() {
        let progress = Arc::new(Progress::default());
        assert!(progress.may_receive(IDLE_BYTES_MAX as usize, 1_000));
        assert!(!progress.may_receive(1, 1_000));
        let _serving = progress.begin();
        assert!(progress.may_receive(IDLE_BYTES_MAX as usize + 1_000, 1_000));
        assert!(!progress.may_receive(1, 1_000));
    }

    #[test]
    fn who_breaks_off_more_than_it_lets_end_is_cut_off() {
        let progress = Arc::new(Progress::default());
        (0..BROKEN_OFF_MAX).for_each(|_| drop(progress.begin()));
        assert!(progress.may_receive(1, 0));
        drop(progress.begin());
        assert!(!progress.may_receive(1, 0));
        for _ in 0..=BROKEN_OFF_MAX {
            progress.begin().is_answered();
        }
        assert!(progress.may_receive(1, 0));
    }

    fn limits() -> Limits {
        Limits {
            header_timeout_ms: 40,
            idle_timeout_ms: 80,
            ..Limits::default()
        }
    }

    #[track_caller]
    fn ticks_until_over(overdue: &mut Overdue, progress: &Progress, wanted: u32) {
        let over = (1..100).find(|_| overdue.is_over(progress));
        assert_eq!(over, Some(wanted));
    }

    #[test]
    fn a_head_that_trickles_in_is_over_at_its_limit() {
        let (mut overdue, progress) = (Overdue::new(&limits()), Progress::default());
        assert!(!overdue.is_over(&progress));
        progress.has_read();
        for _ in 0..2 {
            assert!(!overdue.is_over(&progress));
            // Further bytes of the same head are no new phase and no move.
            progress.has_read();
        }
        ticks_until_over(&mut overdue, &progress, 4);
    }

    #[test]
    fn an_idle_connection_is_over_later_than_a_slow_head() {
        let (mut overdue, progress) = (Overdue::new(&limits()), Progress::default());
        ticks_until_over(&mut overdue, &progress, 9);
    }

    #[test]
    fn an_answer_that_moves_is_not_over() {
        let (mut overdue, progress) = (Overdue::new(&limits()), Progress::default());
        let progress = Arc::new(progress);
        let _serving = progress.begin();
        for _ in 0..50 {
            progress.moved();
            assert!(!overdue.is_over(&progress));
        }
    }
}
