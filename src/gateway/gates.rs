//! The gates as the gateway runs them, before it serves what `current.json` names.
//!
//! In: the view that serves and the one that would. Out: figures of what differs, what canaries and
//! logged checks say on both, and the limits that are exceeded. Figures only: no name, number or
//! unit leaves this file.

use super::canaries::{Canaries, CanariesError};
use super::view::View;
use crate::changes::compare::{self, Tally};
use crate::changes::gates::{self, CanaryFault, Evidence, Exceeded, Limits, Replay};
use crate::check;
use crate::decision_log::error::LogError;
use crate::decision_log::keys::LogKeys;
use crate::decision_log::replay::{self, ReplayCheck};
use crate::model::term::Moment;
use crate::snapshot::publish::Accepted;
use crate::storage::disk::Storage;
use crate::wire::replayed;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Where logged checks come from.
pub struct Replaying {
    /// The disk.
    pub storage: Arc<dyn Storage>,
    /// Folder of the decision log.
    pub folder: PathBuf,
    /// Keys that open requests.
    pub keys: LogKeys,
    /// Checks of so many hours.
    pub hours: u64,
    /// So many of them at most.
    pub checks_max: usize,
}

/// What the gates are made of.
pub struct Gates {
    /// The limits.
    pub limits: Limits,
    /// Canaries, read at each judgement.
    pub canaries_file: Option<PathBuf>,
    /// Logged checks; `None` where they are not decided again.
    pub replaying: Option<Replaying>,
}

/// Why no judgement was reached; the snapshot does not serve.
#[derive(Debug, thiserror::Error)]
pub enum GateFault {
    /// The canaries.
    #[error(transparent)]
    Canaries(#[from] CanariesError),
    /// The log.
    #[error("logged checks cannot be read: {0}")]
    Log(#[from] LogError),
    /// A bug.
    #[error("opening it, or comparing it with the snapshot that serves, failed")]
    Failed,
    /// Somebody has chosen another one.
    #[error("another snapshot was chosen while it was opened")]
    Abandoned,
    /// No thread.
    #[error("no thread to open it on: {0}")]
    Thread(#[from] io::Error),
}

/// A judgement.
#[derive(Debug)]
pub struct Judged {
    /// Entries added, changed and removed.
    pub total: Tally,
    /// What logged checks would have said.
    pub replay: Option<Replay>,
    /// Limits exceeded; none means that the snapshot passes.
    pub exceeded: Vec<Exceeded>,
}

impl Judged {
    /// Whether the snapshot may serve, by itself or by somebody's word.
    pub fn passes(&self, accepted: Option<&Accepted>) -> bool {
        self.exceeded.is_empty() || accepted.is_some()
    }

    /// The limits exceeded, in words.
    pub fn reasons(&self) -> String {
        let reasons: Vec<String> = self.exceeded.iter().map(ToString::to_string).collect();
        reasons.join("; ")
    }

    /// A line of the program's own log.
    pub fn log(&self, file: &str, accepted: Option<&Accepted>) {
        let replay = self.replay.unwrap_or_default();
        let Tally {
            added,
            changed,
            removed,
            ..
        } = self.total;
        tracing::info!(
            file,
            added,
            changed,
            removed,
            replayed_checks = replay.checks,
            replayed_people = replay.people,
            more_restricted = replay.more,
            fewer_restricted = replay.fewer,
            exceeded = %self.reasons(),
            accepted_by = accepted.map_or("", |accepted| &accepted.by),
            accepted_reason = accepted.map_or("", |accepted| &accepted.reason),
            "a snapshot was held against the one that serves"
        );
    }
}

impl Gates {
    /// Holds `next` against what serves; both are of the same law and acts.
    ///
    /// Errors: what `GateFault` names.
    pub fn judge(&self, serving: &View, next: &View, now: Moment) -> Result<Judged, GateFault> {
        let (old, new) = (&serving.loaded.snapshot, &next.loaded.snapshot);
        let comparison = compare::tally(old, new, &compare::changes(old, new));
        let canaries = self.canary_faults(next, now)?;
        let replay = self.replay(serving, next, now)?;
        let exceeded = gates::judge(
            Evidence {
                previous: old.manifest(),
                next: new.manifest(),
                comparison: &comparison,
                canaries: &canaries,
                replay: replay.as_ref(),
                now,
            },
            &self.limits,
        );
        Ok(Judged {
            total: comparison.total,
            replay,
            exceeded,
        })
    }

    fn canary_faults(&self, view: &View, now: Moment) -> Result<Vec<CanaryFault>, CanariesError> {
        let Some(file) = &self.canaries_file else {
            return Ok(Vec::new());
        };
        Ok(Canaries::load(file, &view.law.catalogue)?.faults(view, now))
    }

    fn replay(&self, serving: &View, next: &View, now: Moment) -> Result<Option<Replay>, LogError> {
        let Some(replaying) = &self.replaying else {
            return Ok(None);
        };
        let hours = i64::try_from(replaying.hours).unwrap_or(i64::MAX);
        let found = replay::latest(
            &*replaying.storage,
            &replaying.folder,
            &replaying.keys,
            now.plus_hours(-hours),
            replaying.checks_max,
        )?;
        let mut replay = Replay {
            skipped: found.sealed,
            ..Replay::default()
        };
        let mut people: HashMap<[u8; 16], (bool, bool)> = HashMap::new();
        for check in &found.checks {
            match decide_twice(serving, next, check, now) {
                None => replay.skipped += 1,
                Some((before, after)) => {
                    replay.checks += 1;
                    let subject = people.entry(check.record.subject.0).or_default();
                    subject.0 |= before;
                    subject.1 |= after;
                }
            }
        }
        let count = |wanted| people.values().filter(|one| **one == wanted).count() as u64;
        replay.people = people.len() as u64;
        replay.more = count((false, true));
        replay.fewer = count((true, false));
        Ok(Some(replay))
    }
}

/// Whether the check restricts on the old and on the new snapshot, both at `now`, so that only the
/// lists differ. `None` for a scan, another catalogue, a unit that is gone.
fn decide_twice(
    serving: &View,
    next: &View,
    check: &ReplayCheck,
    now: Moment,
) -> Option<(bool, bool)> {
    let law = &serving.law;
    let record = &check.record;
    if law.catalogue.hash.get(..16) != Some(&record.context.catalogue) {
        return None;
    }
    let client = law.clients.find_unit(&record.unit)?;
    let scenario = law.catalogue.find_scenario(&record.scenario)?;
    let request = replayed::read(&check.request, &law.catalogue, scenario)?;
    let restricts = |view: &View| {
        let read = view.for_check(&client.policy, now)?;
        Some(check::run(&read, &request, now).decision.restricts())
    };
    Some((restricts(serving)?, restricts(next)?))
}
