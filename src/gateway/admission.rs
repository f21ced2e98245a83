//! Admission of requests by the limits of their unit.
//!
//! In: a client, items. Out: admitted, perhaps late, or 429. Waiting takes no thread.

use super::client::Client;
use super::clients::Brought;
use super::limited;
use super::service::Gateway;
use super::view::Law;
use crate::limits::unit::Refusal;
use crate::model::term::Moment;
use crate::wire::problem::Problem;
use std::sync::Arc;
use std::time::Duration;

/// Longest time that a line of a stream waits for room within the rate of its unit.
const ROOM_WAIT_MAX: Duration = Duration::from_secs(10);

impl Gateway {
    /// Whether a unit may ask so many items now. One whose asking looks like gathering waits here
    /// first, on no thread.
    ///
    /// Errors: 429.
    pub async fn admit(&self, client: &Client, items: usize) -> Result<(), Problem> {
        let Some(limits) = &client.limits else {
            return Ok(());
        };
        let now = self.shared.clock.now();
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        match limits.admit(items, now) {
            Ok(delay) if delay.is_zero() => Ok(()),
            Ok(delay) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Err(refusal) => Err(self.limited(refusal, now)),
        }
    }

    /// The same for one line of a stream, which waits until there is room, `ROOM_WAIT_MAX` at most.
    pub(super) async fn admit_line(&self, brought: Brought<'_>) -> Result<(), Problem> {
        let law: Arc<Law> = self.law();
        // Who is no longer recognised is refused where the line is asked.
        let client = law.clients.authenticate(brought, self.shared.clock.now());
        let Some(limits) = client.and_then(|client| client.limits.clone()) else {
            return Ok(());
        };
        drop(law);
        let mut left = ROOM_WAIT_MAX;
        loop {
            let now = self.shared.clock.now();
            let (wait, is_admitted) = match limits.admit_waiting(1, now) {
                Ok(delay) => (delay, true),
                Err(Refusal::Rate { wait }) if wait <= left => (wait, false),
                Err(refusal) => return Err(self.limited(limits.give_up(refusal), now)),
            };
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            if is_admitted {
                return Ok(());
            }
            left -= wait;
        }
    }

    fn limited(&self, refusal: Refusal, now: Moment) -> Problem {
        let problem = limited::problem(refusal, now);
        self.shared.telemetry.count_problem(problem.kind.slug());
        problem
    }
}
