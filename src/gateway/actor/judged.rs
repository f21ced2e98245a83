//! How the actor takes what `current.json` names through the gates.
//!
//! In: a snapshot that is open. Out: it serves, or it is refused and the old one serves on. The
//! judgement is reached on a thread of its own, so that acts are done meanwhile; it is concluded
//! here, on the actor's thread, with the acts that have come.

use super::{Actor, Wanted};
use crate::gateway::activated::Claim;
use crate::gateway::gates::{Gates, Judged, Trial};
use crate::gateway::source::{Named, Refused};
use crate::gateway::view::Loaded;
use crate::telemetry::SwapResult;
use std::sync::Arc;

impl Actor {
    /// Opened before the view is loaded again: acts may come while it is held against what serves.
    pub(super) fn open_named(&mut self, named: &Named) -> Result<Arc<Loaded>, Refused> {
        let now = self.shared.clock.tick();
        self.wait_for_readers();
        // Released before the third one is opened.
        self.previous = None;
        let law = Arc::clone(&self.shared.view.load().law);
        let loaded = self.source.open_current(named, &law.catalogue)?;
        self.source.admit(&loaded, Claim::Pointer, now)?;
        Ok(Arc::new(loaded))
    }

    pub(super) fn try_named(&mut self, named: Named, gates: Arc<Gates>, loaded: Arc<Loaded>) {
        let serving = self.shared.view.load_full();
        let now = self.shared.clock.tick();
        match Trial::start(gates, serving, loaded, now) {
            Ok(trial) => self.trial = Some((named, trial)),
            Err(fault) => {
                let file = named.current.file.clone();
                let fault = fault.into();
                self.refuse_named(named, &Refused::Gate { file, fault });
            }
        }
    }

    pub(super) fn conclude_trial(&mut self) {
        let is_finished = |(_, trial): &(Named, Trial)| trial.is_finished();
        if !self.trial.as_ref().is_some_and(is_finished) {
            return;
        }
        let Some((named, trial)) = self.trial.take() else {
            return;
        };
        let (loaded, judged) = trial.finish();
        if self.source.current().ok().flatten().as_ref() != Some(&named) {
            // The pointer has moved on meanwhile: what it names now is what counts.
            drop(loaded);
            return self.look();
        }
        let file = named.current.file.clone();
        match judged {
            Err(fault) => self.refuse_named(named, &Refused::Gate { file, fault }),
            Ok(judged) => {
                self.count_exceeded(&judged);
                let accepted = named.current.accepted.as_ref();
                judged.log(&file, accepted);
                if judged.passes(accepted) {
                    self.serve_named(named, &loaded);
                } else {
                    let exceeded = judged.reasons();
                    self.refuse_named(named, &Refused::Gates { file, exceeded });
                }
            }
        }
    }

    /// An operator has chosen otherwise: what was being tried is looked at again later.
    pub(super) fn abandon_trial(&mut self) {
        if let Some((_, trial)) = self.trial.take() {
            // Waited for, so that no fourth snapshot comes alive.
            drop(trial.finish());
        }
    }

    pub(super) fn count_exceeded(&self, judged: &Judged) {
        for exceeded in &judged.exceeded {
            self.shared.telemetry.count_exceeded(exceeded.code());
        }
    }

    pub(super) fn serve_named(&mut self, named: Named, loaded: &Arc<Loaded>) {
        let swapped = self
            .swap_to(Wanted::Opened(loaded), Claim::Pointer)
            .and_then(|()| {
                self.pin.see(named.current.version);
                self.pin.file = None;
                self.keep_pin()
            });
        match swapped {
            Ok(()) => {
                self.refused = None;
                let accepted = named.current.accepted.as_ref();
                self.swapped(
                    "gateway",
                    &named.current.file,
                    SwapResult::Done,
                    None,
                    accepted,
                );
            }
            Err(refused) => self.refuse_named(named, &refused),
        }
    }

    pub(super) fn refuse_named(&mut self, named: Named, refused: &Refused) {
        self.refuse(refused);
        self.refused = Some(named);
    }
}
