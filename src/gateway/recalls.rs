//! Recalls: entries withdrawn or removed as wrong, until each answer that relied on them has
//! feedback.
//!
//! In: entry_ids of such acts. Out: which answers relied on them, and which are not accounted for
//! yet. A thread of its own reads the log, below everybody's way: acts and checks never wait for
//! it. Kept in memory; what is open is worked out anew from journal and log at start.

use crate::decision_log::recall::{self, ReliedAnswer};
use crate::decision_log::record::FeedbackAction;
use crate::decision_log::writer::DecisionLog;
use crate::model::entry::ActKind;
use crate::model::term::Moment;
use crate::overlay::standing::Overlay;
use crate::storage::disk::Storage;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One recall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recall {
    /// When the entry was taken back.
    pub since: Moment,
    /// How.
    pub kind: ActKind,
    /// The answers that relied on it; `None` until the log is read.
    pub answers: Option<Vec<ReliedAnswer>>,
}

/// All recalls. Shared by reference.
#[derive(Debug)]
pub struct Recalls {
    recalls: Mutex<BTreeMap<Box<str>, Recall>>,
    wanted: Sender<()>,
}

impl Recalls {
    /// Starts the thread that reads the log in `folder`.
    pub fn start(storage: Arc<dyn Storage>, folder: PathBuf) -> io::Result<Arc<Self>> {
        let (wanted, received) = channel();
        let recalls = Arc::new(Self {
            recalls: Mutex::default(),
            wanted,
        });
        let of_thread = Arc::downgrade(&recalls);
        let read = move || read_when_wanted(&received, &of_thread, &*storage, &folder);
        std::thread::Builder::new()
            .name("recalls".to_owned())
            .spawn(read)?;
        Ok(recalls)
    }

    /// Opens the recalls of all acts so far.
    pub fn open_all(&self, overlay: &Overlay) {
        for record in overlay.records() {
            let act = &record.act;
            self.note(act.entry_id.as_str(), act.kind, act.at);
        }
        self.read();
    }

    /// Notes an act; a recall where it says that the listing was wrong. True where it is one.
    /// `read` follows once nobody answers by the old standing any more.
    pub fn note(&self, entry_id: &str, kind: ActKind, at: Moment) -> bool {
        if !matches!(kind, ActKind::Withdraw | ActKind::Removed) {
            return false;
        }
        let recall = Recall {
            since: at,
            kind,
            answers: None,
        };
        let mut recalls = self.lock();
        let kept = recalls.entry(entry_id.into()).or_insert(recall);
        kept.answers = None;
        true
    }

    /// Has the answers of all recalls without them read from the log.
    pub fn read(&self) {
        let _ = self.wanted.send(());
    }

    /// All recalls, with feedback as it is known now.
    pub fn all(&self, log: &DecisionLog) -> Vec<(Box<str>, Recall)> {
        let mut all: Vec<_> = {
            let recalls = self.lock();
            recalls
                .iter()
                .map(|(id, r)| (id.clone(), r.clone()))
                .collect()
        };
        for (_, recall) in &mut all {
            for answer in recall.answers.iter_mut().flatten() {
                answer.feedback = answer.feedback.or_else(|| feedback_of(log, answer));
            }
        }
        all
    }

    /// Recalls that wait for feedback, or for the log to be read.
    pub fn open_count(&self, log: &DecisionLog) -> usize {
        let waits =
            |answer: &ReliedAnswer| answer.feedback.is_none() && feedback_of(log, answer).is_none();
        let recalls = self.lock();
        let is_open = |recall: &&Recall| match &recall.answers {
            None => true,
            Some(answers) => answers.iter().any(waits),
        };
        recalls.values().filter(is_open).count()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Recall>> {
        self.recalls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recall {
    /// Whether some answer is not accounted for.
    pub fn is_open(&self) -> bool {
        let waits = |answer: &ReliedAnswer| answer.feedback.is_none();
        self.answers
            .as_ref()
            .is_none_or(|answers| answers.iter().any(waits))
    }
}

fn feedback_of(log: &DecisionLog, answer: &ReliedAnswer) -> Option<(FeedbackAction, Moment)> {
    let seen = log.feedback_of(answer.check_id)?;
    Some((seen.action, seen.moment))
}

fn read_when_wanted(
    received: &Receiver<()>,
    recalls: &std::sync::Weak<Recalls>,
    storage: &dyn Storage,
    folder: &std::path::Path,
) {
    while received.recv().is_ok() {
        // What has come meanwhile is served by the same pass.
        while received.try_recv().is_ok() {}
        let Some(recalls) = recalls.upgrade() else {
            return;
        };
        let missing: BTreeSet<Box<str>> = {
            let known = recalls.lock();
            let missing = known.iter().filter(|(_, recall)| recall.answers.is_none());
            missing.map(|(entry_id, _)| entry_id.clone()).collect()
        };
        if missing.is_empty() {
            continue;
        }
        match recall::collect(storage, folder, &missing) {
            Ok((found, _)) => {
                let mut known = recalls.lock();
                for (entry_id, answers) in found {
                    if let Some(recall) = known.get_mut(&entry_id) {
                        recall.answers = Some(answers);
                    }
                }
            }
            Err(error) => tracing::error!(
                %error,
                "recalls stay open: which answers relied on withdrawn entries cannot be read"
            ),
        }
    }
}
