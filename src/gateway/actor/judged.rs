//! How the actor takes what `current.json` names through a trial.
//!
//! In: what the pointer names. Out: it serves, or it is refused and the old one serves on. It is
//! opened and judged on a thread of its own (`trial.rs`), so that acts are done meanwhile; the
//! trial is concluded here, on the actor's thread, with the acts that have come.

use super::{Actor, Wanted};
use crate::gateway::activated::Claim;
use crate::gateway::gates::Judged;
use crate::gateway::source::{Named, Refused};
use crate::gateway::trial::{Candidate, Trial, Tried};
use crate::gateway::view::View;
use crate::telemetry::SwapResult;
use std::sync::Arc;
use std::time::Duration;

/// How often a trial that is to end early is looked at.
const ABANDONED_LOOK: Duration = Duration::from_millis(1);

impl Actor {
    pub(super) fn try_named(&mut self, named: Named) {
        if let Err(refused) = self.source.admit_named(&named) {
            return self.refuse_named(named, &refused);
        }
        self.release();
        let candidate = Candidate {
            named: named.clone(),
            options: Arc::clone(self.source.options()),
            gates: self.gates.clone(),
            serving: View::clone(&self.shared.view.load()),
            previous: self.previous.take(),
            retired: self.retired.iter().map(Arc::downgrade).collect(),
            now: self.shared.clock.tick(),
        };
        match Trial::start(candidate) {
            Ok(trial) => self.trial = Some(trial),
            Err(refused) => self.refuse_named(named, &refused),
        }
    }

    pub(super) fn conclude_trial(&mut self) {
        let Some(trial) = self.trial.take_if(|trial| trial.is_finished()) else {
            return;
        };
        let is_by_this_law = trial.is_by(&self.shared.view.load().law.catalogue);
        let (named, tried) = trial.finish();
        let is_named = self.source.current().ok().flatten().as_ref() == Some(&named);
        if !is_named || !is_by_this_law {
            // The pointer has moved on meanwhile, or the law is another one: what counts is what it
            // names now, by the law of now.
            drop(tried);
            return self.look();
        }
        match tried.and_then(|tried| self.passed(&named, tried)) {
            Ok(view) => self.serve_named(named, view),
            Err(refused) => self.refuse_named(named, &refused),
        }
    }

    /// What has passed the gates, or was accepted all the same.
    fn passed(&self, named: &Named, tried: Tried) -> Result<View, Refused> {
        let Some(judged) = tried.judged else {
            return Ok(tried.view);
        };
        self.count_exceeded(&judged);
        let (file, accepted) = (&named.current.file, named.current.accepted.as_ref());
        judged.log(file, accepted);
        match judged.passes(accepted) {
            true => Ok(tried.view),
            false => Err(Refused::Gates {
                file: file.clone(),
                exceeded: judged.reasons(),
            }),
        }
    }

    /// An operator has chosen otherwise: what was being tried is looked at again later.
    pub(super) fn abandon_trial(&mut self) {
        if let Some(trial) = self.trial.take() {
            // Waited for, so that no fourth snapshot comes alive; it may wait for views that are to
            // be released here.
            trial.abandon();
            while !trial.is_finished() {
                self.release();
                std::thread::sleep(ABANDONED_LOOK);
            }
            drop(trial.finish());
        }
    }

    fn count_exceeded(&self, judged: &Judged) {
        for exceeded in &judged.exceeded {
            self.shared.telemetry.count_exceeded(exceeded.code());
        }
    }

    fn serve_named(&mut self, named: Named, view: View) {
        let swapped = self
            .swap_to(Wanted::Tried(Box::new(view)), Claim::Pointer)
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
