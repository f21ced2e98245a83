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

    /// Says once that what serves has expired: somebody may be holding back newer lists. It serves
    /// on; how old each list may be is the matter of its own freshness.
    pub(super) fn watch_expiry(&mut self) {
        let view = self.shared.view.load();
        let expires = view.loaded.snapshot.manifest().expires;
        let has_expired = expires.is_some_and(|expires| expires <= self.shared.clock.now());
        if has_expired && self.expiry_said.as_ref() != Some(&view.loaded.id) {
            tracing::error!(
                snapshot = %view.loaded.id,
                expires = %expires.map_or_else(String::new, |moment| moment.to_string()),
                "the snapshot that serves has expired; publish a newer one, or find out who holds \
                 it back"
            );
            self.expiry_said = Some(view.loaded.id.clone());
        }
    }
}
