//! What every request of one runtime shares.

use super::limits::Limits;
use crate::gateway::service::Gateway;
use crate::telemetry::Durations;
use std::sync::Arc;

/// Shared by the requests of one runtime.
pub struct Context {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Bounds.
    pub limits: Arc<Limits>,
    /// Durations of the checks of this runtime.
    pub durations: Arc<Durations>,
    /// Log waits of this runtime.
    pub waits: Arc<Durations>,
}
