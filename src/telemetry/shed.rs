//! What is counted of requests that were turned away because others wait.
//!
//! Names, labels and handles; who is turned away is `http/overload.rs`.

use metrics::{Counter, Unit};

/// Requests turned away, by `class` and `reason`.
pub const SHED_TOTAL: &str = "hecha_shed_total";
/// How long requests wait for their turn, by probes.
pub const QUEUE_WAIT_SECONDS: &str = "hecha_queue_wait_seconds";

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShedClass {
    /// Somebody waits for the answer: a check, a feedback.
    Interactive,
    /// Arrays and streams of checks, scans.
    Batch,
}

/// Why a request was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShedReason {
    /// Requests wait too long.
    Wait,
    /// It cannot be answered within the time that its caller waits.
    Deadline,
    /// The gateway stood still, and it may have waited as long.
    Expired,
}

impl ShedClass {
    const ALL: [Self; 2] = [Self::Interactive, Self::Batch];

    /// Label of the metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Batch => "batch",
        }
    }
}

impl ShedReason {
    const ALL: [Self; 3] = [Self::Wait, Self::Deadline, Self::Expired];

    /// Label of the metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Deadline => "deadline",
            Self::Expired => "expired",
        }
    }
}

/// A counter for each class and reason, registered once.
#[derive(Clone)]
pub struct ShedCounters([[Counter; 3]; 2]);

impl ShedCounters {
    pub(super) fn register() -> Self {
        metrics::describe_counter!(
            SHED_TOTAL,
            Unit::Count,
            "Requests turned away because others wait"
        );
        Self(ShedClass::ALL.map(|class| {
            ShedReason::ALL.map(|reason| {
                metrics::counter!(
                    SHED_TOTAL, "class" => class.name(), "reason" => reason.name()
                )
            })
        }))
    }

    /// Counts one.
    pub fn count(&self, class: ShedClass, reason: ShedReason) {
        self.0[class as usize][reason as usize].increment(1);
    }
}
