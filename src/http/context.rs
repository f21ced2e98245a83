//! What every request of one runtime shares.

use super::limits::Limits;
use super::overload::{self, Asked, Load};
use super::reply::{self, Reply};
use super::shares::UnitSlot;
use crate::gateway::client::Client;
use crate::gateway::service::Gateway;
use crate::telemetry::Durations;
use crate::telemetry::shed::{ShedClass, ShedReason};
use hyper::{HeaderMap, Response};
use std::sync::Arc;
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
    /// Whether a request whose head is just read may go on, perhaps after it stood back; `client`
    /// is who asks, where known.
    pub async fn admit(
        &self,
        headers: &HeaderMap,
        class: ShedClass,
        client: Option<&Client>,
    ) -> Result<Admitted, ShedReason> {
        let asked = Asked {
            class,
            unit: client.map_or(UnitSlot::UNKNOWN, |client| {
                UnitSlot::of(&client.policy_hash)
            }),
            deadline: overload::deadline(headers),
        };
        let head_at = Instant::now();
        self.load.admit(asked, head_at).await?;
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
