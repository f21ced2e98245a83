//! What `current.json` names, opened and held against what serves, beside the actor.
//!
//! In: a pointer, how files are opened, the gates, the view that serves. Out: a view that could
//! serve, and the judgement on it. All of it happens on threads of its own, below the priority of
//! checks, while the old snapshot serves and acts are done; the actor concludes
//! (`actor/judged.rs`).

use super::gates::{GateFault, Gates, Judged};
use super::source::{Named, Refused, SourceOptions};
use super::view::{Loaded, View};
use crate::catalogue::measure::Catalogue;
use crate::model::term::Moment;
use crate::threads;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest wait for checks that still read a replaced view, before a further snapshot is opened.
pub const OLD_VIEW_WAIT_MAX: Duration = Duration::from_secs(10);
/// Between two looks whether they have done.
const OLD_VIEW_LOOK: Duration = Duration::from_millis(1);

/// What is tried, and beside what.
pub struct Candidate {
    /// What `current.json` names.
    pub named: Named,
    /// How files are opened.
    pub options: Arc<SourceOptions>,
    /// What it must keep to; `None` where nothing is asked of it.
    pub gates: Option<Arc<Gates>>,
    /// What serves: a copy, so that nobody waits for the trial as for one who reads it.
    pub serving: View,
    /// Served before: released before a third one is opened.
    pub previous: Option<Arc<Loaded>>,
    /// Replaced, perhaps still read by a check: waited for, so that no fourth one comes alive.
    pub retired: Vec<Weak<View>>,
    /// The moment it is.
    pub now: Moment,
}

/// It is open, and fits the law.
pub struct Tried {
    /// Could serve: with the law and the acts as they were when the trial began.
    pub view: View,
    /// Of the gates, where there are any.
    pub judged: Option<Judged>,
}

/// A trial that goes on.
pub struct Trial {
    named: Named,
    catalogue: Arc<Catalogue>,
    is_abandoned: Arc<AtomicBool>,
    thread: JoinHandle<Result<Tried, Refused>>,
}

impl Trial {
    /// Begins on a thread of its own.
    ///
    /// Errors: there is no thread.
    pub fn start(candidate: Candidate) -> Result<Self, Refused> {
        let named = candidate.named.clone();
        let catalogue = Arc::clone(&candidate.serving.law.catalogue);
        let is_abandoned = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_abandoned);
        let thread = std::thread::Builder::new().name("trial".to_owned());
        let thread = thread
            .spawn(move || {
                threads::stand_below_answers();
                threads::shared_below_answers(|| candidate.tried(&told))
            })
            .map_err(|fault| failed(&named, fault.into()))?;
        Ok(Self {
            named,
            catalogue,
            is_abandoned,
            thread,
        })
    }

    /// Whether it was tried by this law.
    pub fn is_by(&self, catalogue: &Arc<Catalogue>) -> bool {
        Arc::ptr_eq(&self.catalogue, catalogue)
    }

    /// Lets it end early: nobody asks for what comes of it any more.
    pub fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    /// Whether `finish` returns at once.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// What was tried and what came of it; waits for it.
    pub fn finish(self) -> (Named, Result<Tried, Refused>) {
        let failed = |_| Err(failed(&self.named, GateFault::Failed));
        let tried = self.thread.join().unwrap_or_else(failed);
        (self.named, tried)
    }
}

impl Candidate {
    fn tried(self, is_abandoned: &AtomicBool) -> Result<Tried, Refused> {
        let Self {
            named,
            serving,
            now,
            ..
        } = self;
        let goes_on = || match is_abandoned.load(Ordering::Relaxed) {
            true => Err(failed(&named, GateFault::Abandoned)),
            false => Ok(()),
        };
        drop(self.previous);
        wait_for_readers(&self.retired, is_abandoned);
        goes_on()?;
        let current = &named.current;
        let law = Arc::clone(&serving.law);
        let loaded = self
            .options
            .open(&current.file, Some(current), &law.catalogue)?;
        loaded.unexpired(now)?;
        goes_on()?;
        let overlay = Arc::clone(&serving.overlay);
        let view = View::new(Arc::new(loaded), law, overlay, now).map_err(|fault| {
            let file = current.file.clone();
            Refused::Law { file, fault }
        })?;
        goes_on()?;
        let judged = self.gates.map(|gates| gates.judge(&serving, &view, now));
        let judged = judged.transpose().map_err(|fault| failed(&named, fault))?;
        Ok(Tried { view, judged })
    }
}

fn failed(named: &Named, fault: GateFault) -> Refused {
    let file = named.current.file.clone();
    Refused::Gate { file, fault }
}

fn wait_for_readers(retired: &[Weak<View>], is_abandoned: &AtomicBool) {
    let until = Instant::now() + OLD_VIEW_WAIT_MAX;
    let is_read = |view: &Weak<View>| view.strong_count() > 0;
    let is_over = || is_abandoned.load(Ordering::Relaxed) || Instant::now() >= until;
    while retired.iter().any(is_read) && !is_over() {
        std::thread::sleep(OLD_VIEW_LOOK);
    }
}
