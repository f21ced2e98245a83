//! What the actor says of the snapshot that serves: in the program's log, metrics and records.

use super::Actor;
use crate::gateway::activated::AcceptedOrder;
use crate::gateway::recorder::SwapRecord;
use crate::snapshot::publish::Accepted;
use crate::telemetry::SwapResult;

impl Actor {
    /// On an order of the activators, or by somebody's word though it is outside the limits.
    pub(super) fn swapped(
        &self,
        unit: &str,
        file: &str,
        result: SwapResult,
        order: Option<&AcceptedOrder>,
        accepted: Option<&Accepted>,
    ) {
        let order = order.map(AcceptedOrder::summary);
        let view = self.shared.view.load();
        let at = self.shared.clock.now();
        let shown = order.as_deref().unwrap_or("");
        let id = &view.loaded.id;
        tracing::info!(file, snapshot = %id, ?result, order = shown, "a snapshot serves");
        self.shared.telemetry.count_swap(result);
        self.shared.recorder.swapped(SwapRecord {
            unit,
            file,
            snapshot: &view.loaded.id,
            accepted,
            order: order.as_deref(),
            at,
        });
    }
}
