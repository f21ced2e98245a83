//! Requests a second of one unit: a bucket that fills evenly (GCRA).
//!
//! In: how many items are asked for. Out: yes, or how long to wait. One atomic word, no lock. HOT.

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::time::Duration;

/// The bucket of one unit.
#[derive(Debug)]
pub struct Bucket<C: Clock = DefaultClock> {
    per_second: NonZeroU32,
    burst: NonZeroU32,
    limiter: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
}

/// The items do not fit now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// They fit after this time, if nobody else asks.
    Wait(Duration),
    /// More at once than the bucket ever holds.
    Never,
}

impl Bucket {
    /// A full bucket: `burst` items at once, then `per_second`. Zero counts as one.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self::with_clock(per_second, burst, DefaultClock::default())
    }
}

impl<C: Clock> Bucket<C> {
    fn with_clock(per_second: u32, burst: u32, clock: C) -> Self {
        let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self {
            per_second,
            burst,
            limiter: RateLimiter::direct_with_clock(quota, clock),
        }
    }

    /// Whether the bucket is one of these figures.
    pub fn is(&self, per_second: u32, burst: u32) -> bool {
        self.per_second.get() == per_second && self.burst.get() == burst
    }

    /// Items a second.
    pub fn per_second(&self) -> u32 {
        self.per_second.get()
    }

    /// Items at once.
    pub fn burst(&self) -> u32 {
        self.burst.get()
    }

    /// Takes `items`, all or none.
    pub fn take(&self, items: u32) -> Result<(), Full> {
        let Some(items) = NonZeroU32::new(items) else {
            return Ok(());
        };
        match self.limiter.check_n(items) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_yet)) => {
                let now = self.limiter.clock().now();
                Err(Full::Wait(not_yet.wait_time_from(now)))
            }
            Err(_) => Err(Full::Never),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let clock = FakeRelativeClock::default();
        let bucket = Bucket::with_clock(10, 5, clock.clone());
        for _ in 0..5 {
            assert_eq!(bucket.take(1), Ok(()));
        }
        assert_eq!(bucket.take(1), Err(Full::Wait(Duration::from_millis(100))));
        clock.advance(Duration::from_millis(100));
        assert_eq!(bucket.take(1), Ok(()));
        assert!(bucket.take(1).is_err());
    }

    #[test]
    fn a_batch_is_taken_whole_or_not_at_all() {
        let clock = FakeRelativeClock::default();
        let bucket = Bucket::with_clock(10, 5, clock.clone());
        assert_eq!(bucket.take(6), Err(Full::Never));
        assert_eq!(bucket.take(3), Ok(()));
        assert_eq!(bucket.take(3), Err(Full::Wait(Duration::from_millis(100))));
        assert_eq!(bucket.take(2), Ok(()), "what was refused has taken nothing");
        assert_eq!(bucket.take(0), Ok(()));
    }
}
