//! What a unit is told that is not answered now: 429, which limit, and when to come again.
//!
//! In: a refusal, the moment. Out: a problem with Retry-After. It says nothing of the subject: the
//! refusal comes before anything is looked up.

use super::client::Client;
use crate::limits::unit::Refusal;
use crate::model::term::Moment;
use crate::wire::problem::{Problem, ProblemKind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// 429 for a refusal.
pub fn problem(refusal: Refusal, now: Moment) -> Problem {
    let (detail, wait) = match refusal {
        Refusal::Rate { wait } => (
            "the unit has asked more in a second than its record allows".to_owned(),
            jittered(wait),
        ),
        Refusal::Batch { burst } => (
            format!("the unit may ask {burst} items at once; send fewer in one request"),
            Duration::from_secs(1),
        ),
        Refusal::Daily { until } => (
            "the unit has asked about as many different subjects as it may in a day; those it has \
             asked about today it may ask about again"
                .to_owned(),
            between(now, until),
        ),
        Refusal::Stopped { until } => (
            "the unit is stopped because of how it asks; the operator of this gateway knows why \
             and can release it"
                .to_owned(),
            between(now, until),
        ),
    };
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Problem {
        retry_after_seconds: Some(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)),
        ..Problem::new(ProblemKind::TooMany, detail)
    }
}

/// A number that was no number is remembered: who guesses numbers is wrong most of the time.
pub fn note_bad_number(problem: &Problem, client: Option<&Client>, now: Moment) {
    let limits = client.and_then(|client| client.limits.as_ref());
    let field = problem.field.as_deref();
    let is_number = field.is_some_and(|field| field.ends_with(".number"));
    if let Some(limits) = limits.filter(|_| is_number) {
        limits.bad_number(now);
    }
}

/// Up to half as long again, so that those who were refused together do not come together.
fn jittered(wait: Duration) -> Duration {
    static TURN: AtomicU32 = AtomicU32::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    // Steps of the golden section spread whatever few or many there are.
    let spread = turn.wrapping_mul(0x9e37_79b9) >> 16;
    wait + wait.mul_f64(f64::from(spread) / f64::from(1 << 17))
}

fn between(now: Moment, until: Moment) -> Duration {
    Duration::from_micros(u64::try_from(until.0 - now.0).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_in_whole_seconds_rounded_up_and_spread() {
        let now = Moment::parse("2026-11-28T23:59:30.5+08:00").unwrap();
        let until = now.day().end();
        let daily = problem(Refusal::Daily { until }, now);
        assert_eq!((daily.status(), daily.retry_after_seconds), (429, Some(30)));
        let wait = Duration::from_secs(10);
        let waits: Vec<u32> = (0..100)
            .filter_map(|_| problem(Refusal::Rate { wait }, now).retry_after_seconds)
            .collect();
        assert!(waits.iter().all(|seconds| (10..=15).contains(seconds)));
        assert!(waits.iter().any(|seconds| *seconds != waits[0]));
        let soon = Duration::from_millis(1);
        let soon = problem(Refusal::Rate { wait: soon }, now);
        assert_eq!(soon.retry_after_seconds, Some(1));
    }
}
