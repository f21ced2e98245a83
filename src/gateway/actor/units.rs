//! Clients that change: a token given or revoked counts without a restart.
//!
//! In: the clients file, looked at about each second. Out: a view with the new clients and all
//! else as it was, so that revoking takes no time and depends on no other file. A file that cannot
//! be used changes nothing, is said once, and counted.

use super::Actor;
use crate::telemetry::SwapResult;

impl Actor {
    /// Takes up a changed clients file, and says once a day whose tokens end soon.
    pub(super) fn look_at_clients(&mut self) {
        if self.clients.is_changed() {
            // Said and counted there.
            let _ = self.reload_clients();
        }
        let now = self.shared.clock.tick();
        let view = self.shared.view.load();
        self.clients.warn(&view.law.clients, now);
    }

    /// Reads the clients again; how many there are.
    pub(super) fn reload_clients(&mut self) -> Result<usize, String> {
        let now = self.shared.clock.tick();
        let view = self.shared.view.load_full();
        match self.clients.read(&view.law.catalogue, now) {
            Ok(clients) => {
                let count = clients.iter().count();
                let next = view.with_clients(clients);
                drop(view);
                self.publish(next);
                self.shared.telemetry.count_reload(SwapResult::Done);
                self.shared.recorder.reloaded(now);
                tracing::info!(count, "clients are loaded again");
                Ok(count)
            }
            Err(error) => {
                self.shared.telemetry.count_reload(SwapResult::Refused);
                tracing::error!(%error, "clients stay as they were");
                Err(error.to_string())
            }
        }
    }
}
