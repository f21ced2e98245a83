//! What of the actor has to do with trust: orders of stewards and activators, the highest version,
//! snapshots that expire while they serve.
//!
//! In: what a steward wants, what is to be activated. Out: whether it serves; what is kept before
//! it does. The swap itself is in `actor.rs`.

use super::activated::{AcceptedOrder, Claim};
use super::actor::{Actor, SwapOrder};
use super::source::Refused;
use super::view::Loaded;
use crate::model::term::Moment;
use crate::telemetry::SwapResult;
use std::sync::atomic::Ordering;

impl Actor {
    /// A choice or a rollback; with an order where activators have signed one.
    pub(super) fn swap_by_steward(&mut self, order: &SwapOrder) -> Result<(), Refused> {
        let now = self.shared.clock.tick();
        let accepted = order.order.as_ref();
        let accepted = accepted.map(|order| self.source.accept(order, now));
        let accepted = accepted
            .transpose()
            .inspect_err(|fault| self.refuse(fault))?;
        let (unit, ordered) = (&*order.unit, accepted.as_ref());
        match (&order.file, ordered) {
            (Some(file), _) => self.choose(file, unit, SwapResult::Done, ordered),
            (None, Some(to)) => {
                let files = self.source.files_of_version(to.to);
                let files = files.inspect_err(|fault| self.refuse(fault))?;
                self.first_that_serves(files, unit, ordered)
            }
            (None, None) => self.roll_back(unit),
        }
    }

    /// The first of these files that may serve; else why the last one may not.
    pub(super) fn first_that_serves(
        &mut self,
        files: Vec<String>,
        unit: &str,
        order: Option<&AcceptedOrder>,
    ) -> Result<(), Refused> {
        let mut last = Refused::NoneOlder;
        for file in files {
            match self.choose(&file, unit, SwapResult::RolledBack, order) {
                Ok(()) => return Ok(()),
                // An older one yet needs an order too.
                Err(refused @ Refused::Order(_)) => return Err(refused),
                Err(refused) => last = refused,
            }
        }
        Err(last)
    }

    /// Durable before it serves: after a restart nothing older comes back.
    pub(super) fn activate(
        &mut self,
        loaded: &Loaded,
        claim: Claim<'_>,
        now: Moment,
    ) -> Result<(), Refused> {
        self.source.activate(loaded, claim, now)?;
        let highest = self.source.highest_version();
        self.shared
            .highest_version
            .store(highest, Ordering::Relaxed);
        Ok(())
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
