//! What every request of one runtime shares.

use super::limits::Limits;
use super::overload::{Asked, Load};
use super::reply::{self, Reply};
use super::shares::UnitSlot;
use crate::gateway::client::Client;
use crate::gateway::service::Gateway;
use crate::telemetry::Durations;
use crate::telemetry::shed::{ShedClass, ShedReason};
use crate::wire::problem::{Problem, ProblemKind};
use hyper::Response;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Shared by the requests of one runtime.
pub struct Context {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Bounds.
    pub limits: Arc<Limits>,
    /// How long requests wait here.
    pub load: Arc<Load>,
    /// Durations of the checks of this runtime.
    pub durations: Arc<Durations>,
    /// Log waits of this runtime.
    pub waits: Arc<Durations>,
}

/// A request that may go on.
#[derive(Debug, Clone, Copy)]
pub struct Admitted {
    asked: Asked,
    head_at: Instant,
}

impl Context {
    /// Whether a request may go on, perhaps after it stood back; `head_at` is when its head was
    /// read if not just now, `deadline` how long its caller waits, `client` who asks, where known.
    pub async fn admit(
        &self,
        (head_at, deadline): (Option<Instant>, Option<Duration>),
        class: ShedClass,
        client: Option<&Client>,
    ) -> Result<Admitted, ShedReason> {
        let asked = Asked {
            class,
            unit: client.map_or(UnitSlot::UNKNOWN, |client| {
                UnitSlot::of(&client.policy_hash)
            }),
            deadline,
        };
        let now = Instant::now();
        self.load.admit(asked, now).await?;
        let head_at = head_at.unwrap_or(now);
        Ok(Admitted { asked, head_at })
    }

    /// Whether a request that is read as a whole at `now` can still be answered in time.
    pub fn is_in_time(&self, admitted: Admitted, now: Instant) -> Result<(), ShedReason> {
        self.load.is_in_time(admitted.asked, admitted.head_at, now)
    }

    /// Turns a request away.
    pub fn shed(&self, reason: ShedReason) -> Response<Reply> {
        reply::shed(reason, self.load.dice())
    }

    /// 500, counted and recorded: nothing was decided, or nothing that anybody was told.
    pub fn failed(&self) -> Response<Reply> {
        let detail = "the gateway failed on this request; nothing was decided";
        let problem = Problem::new(ProblemKind::Internal, detail);
        self.gateway.refused(&problem, None, "");
        reply::closing(reply::problem(&problem))
    }

    /// Counts further work of a request, in checks.
    pub fn is_many(&self, admitted: Admitted, checks: usize) {
        self.load.use_share(admitted.asked.unit, checks);
    }

    /// How long work of a request may wait for a thread.
    pub fn wait_max(&self, admitted: Admitted) -> Duration {
        let stall_max = Duration::from_millis(self.limits.stall_ms_max);
        admitted.asked.deadline.unwrap_or(stall_max).min(stall_max)
    }
}

/// Does `work`; where it panics the answer is `failed`, and the connection's thread goes on. What
/// was recorded and not sent says so itself, while it is dropped.
pub async fn unharmed<T>(mut work: Pin<&mut impl Future<Output = T>>, failed: impl Fn() -> T) -> T {
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| Poll::Ready(failed()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    #[test]
    fn a_panic_becomes_an_answer() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let work = async {
            tokio::task::yield_now().await;
            assert_eq!(1 + 1, 3, "as wanted");
            1
        };
        assert_eq!(runtime.block_on(unharmed(pin!(work), || 2)), 2);
        assert_eq!(runtime.block_on(unharmed(pin!(async { 1 }), || 2)), 1);
    }
}
