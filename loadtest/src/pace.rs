//! When requests are due, and what their latencies come to.
//!
//! In: a rate, answers' times. Out: due times that do not depend on answers; quantiles. Latency is
//! kept in nanoseconds with three significant digits, up to a minute.

use anyhow::Result;
use hdrhistogram::Histogram;
use std::time::Duration;

const NANOS_A_SECOND: u128 = 1_000_000_000;
/// Longest latency that is told apart, in nanoseconds.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// Requests due at equal distances.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    rate_per_second: u64,
}

impl Schedule {
    /// `rate_per_second` is raised to 1.
    pub fn new(rate_per_second: u64) -> Self {
        Self {
            rate_per_second: rate_per_second.max(1),
        }
    }

    /// When request `number` (from 0) is due, counted from the start. No error adds up: the time
    /// is computed from the number, not from the last one.
    pub fn due(self, number: u64) -> Duration {
        let nanos = u128::from(number) * NANOS_A_SECOND / u128::from(self.rate_per_second);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Requests that fall due within `span`, the first at its start.
    pub fn count_within(self, span: Duration) -> u64 {
        let count = (span.as_nanos() * u128::from(self.rate_per_second)).div_ceil(NANOS_A_SECOND);
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

/// Latencies of many answers.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    pub fn new() -> Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)?))
    }

    /// Adds one; what is longer than a minute counts as a minute.
    pub fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(nanos.max(1));
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// How many a second, made one after another; `None` of none.
    pub fn a_second(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| 1e9 / self.0.mean())
    }

    /// The latency in microseconds that this share of answers keeps within; `None` of no answers.
    pub fn quantile_us(&self, share: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(share) as f64 / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_times_stand_at_equal_distances_and_never_drift() {
        let schedule = Schedule::new(3);
        assert_eq!(schedule.due(0), Duration::ZERO);
        assert_eq!(schedule.due(1), Duration::from_nanos(333_333_333));
        assert_eq!(schedule.due(3), Duration::from_secs(1));
        assert_eq!(
            schedule.due(3_000_000_000),
            Duration::from_secs(1_000_000_000)
        );
        assert_eq!(Schedule::new(0).due(2), Duration::from_secs(2));
    }

    #[test]
    fn as_many_requests_fall_due_as_have_a_due_time_in_the_span() {
        for rate in [1, 3, 7, 40_000] {
            let schedule = Schedule::new(rate);
            for span_ms in [0, 1, 10, 333, 1_000, 2_500] {
                let span = Duration::from_millis(span_ms);
                let count = schedule.count_within(span);
                assert!(count == 0 || schedule.due(count - 1) < span);
                assert!(
                    schedule.due(count) + Duration::from_nanos(1) >= span,
                    "{rate} {span_ms}"
                );
            }
        }
    }

    #[test]
    fn quantiles_are_those_of_the_latencies_recorded() {
        let mut latencies = Latencies::new().unwrap();
        assert_eq!(latencies.quantile_us(0.5), None);
        for us in 1..=1_000u64 {
            latencies.record(Duration::from_micros(us));
        }
        latencies.record(Duration::from_secs(3_600));
        assert_eq!(latencies.count(), 1_001);
        let near = |share, us: f64| {
            let found = latencies.quantile_us(share).unwrap();
            assert!((found / us - 1.0).abs() < 0.002, "{share}: {found}");
        };
        near(0.5, 501.0);
        near(0.99, 991.0);
        near(1.0, 60_000_000.0);
        let mut even = Latencies::new().unwrap();
        even.record(Duration::from_millis(10));
        let rate = even.a_second().unwrap();
        assert!((99.0..101.0).contains(&rate), "{rate}");
    }
}
