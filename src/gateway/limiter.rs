//! The thread that watches how units ask.
//!
//! In: limits. Out: what they say, told: in the decision log, the program's own log and the
//! metrics: units and reasons, never persons. It looks every 50 ms. Stops are kept in a small file,
//! so that a restart is no way out of them; one that came in the last 50 ms before a cut may be
//! lost.

use super::actor::Shared;
use crate::limits::score::Reason;
use crate::limits::table::Limits;
use crate::limits::watch::{Reaction, Said};
use crate::model::term::Moment;
use crate::storage::disk::{self, Storage};
use crate::storage::replace;
use crate::threads;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Where stops are kept, in the state folder.
pub const STOPS_FILE: &str = "stopped-units.json";
/// How often the thread looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
#[derive(Serialize, Deserialize, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Stops {
    stopped: Vec<Stopped>,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Stopped {
    unit: String,
    until: String,
}

impl Stops {
    fn now(limits: &Limits, now: Moment) -> Self {
        let units = limits.units();
        let stopped = units.iter().filter_map(|unit| {
            let until = unit.stopped_until(now)?;
            Some(Stopped {
                unit: (*unit.name).to_owned(),
                until: until.to_string(),
            })
        });
        Self {
            stopped: stopped.collect(),
        }
    }
}

/// Stops the units again that the file names. No file: none.
///
/// Errors: the file cannot be read, or is none of ours.
pub fn stop_again(limits: &Limits, storage: &dyn Storage, path: &Path) -> io::Result<()> {
    let bytes = match storage.open_to_read(path) {
        Ok(file) => disk::read_all(&*file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let stops: Stops = serde_json::from_slice(&bytes)?;
    for one in stops.stopped {
        let until = Moment::parse(&one.until);
        let until = until.ok_or_else(|| io::Error::other("`until` is no moment"))?;
        limits.stop_again(&one.unit, until);
    }
    Ok(())
}

/// The thread that watches.
pub struct Limiter {
    ends: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Limiter {
    /// Starts it; `path` is the file of stops.
    pub fn start(
        limits: Arc<Limits>,
        shared: Arc<Shared>,
        storage: Arc<dyn Storage>,
        path: PathBuf,
    ) -> io::Result<Self> {
        let ends = Arc::new(AtomicBool::new(false));
        let of_thread = Arc::clone(&ends);
        let thread = std::thread::Builder::new().name("limits".to_owned());
        let thread = thread.spawn(move || {
            threads::stand_below_answers();
            let mut kept = Stops::now(&limits, shared.clock.now());
            while !of_thread.load(Ordering::Relaxed) {
                std::thread::park_timeout(LOOK_EVERY);
                let now = shared.clock.now();
                for said in limits.turn(now) {
                    tell(&shared, &said, now);
                }
                let stops = Stops::now(&limits, now);
                if stops != kept && keep(&stops, &*storage, &path) {
                    kept = stops;
                }
            }
        })?;
        Ok(Self {
            ends,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends the thread; returns when it has ended.
    pub fn stop(&self) {
        self.ends.store(true, Ordering::Relaxed);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Whether the file holds the stops now; said where it does not, and tried again.
fn keep(stops: &Stops, storage: &dyn Storage, path: &Path) -> bool {
    let bytes = serde_json::to_vec(stops).map_err(io::Error::other);
    let kept = bytes.and_then(|bytes| replace::write(storage, path, &bytes));
    if let Err(error) = &kept {
        let path = path.display();
        tracing::error!(%error, %path, "stops of units are not kept: a restart would end them");
    }
    kept.is_ok()
}

fn tell(shared: &Shared, said: &Said, now: Moment) {
    match said {
        Said::Refused { unit, limit, count } => {
            let count = count.to_string();
            let details = [("limit", limit.name()), ("count", &count)];
            shared.recorder.limited(unit, &details, now);
        }
        Said::Lost { count } => tracing::warn!(
            count,
            "observations of how units ask came faster than they were read"
        ),
        Said::Reaction {
            unit,
            reaction,
            score,
            reasons,
            reacts,
        } => {
            let reasons = in_words(reasons);
            let (name, score) = (reaction.name(), score.to_string());
            match reaction {
                Reaction::Slow | Reaction::None => tracing::info!(
                    %unit, score, reasons, reaction = name, reacts,
                    "a unit asks as one gathers a list"
                ),
                Reaction::Alarm | Reaction::Stop => tracing::warn!(
                    %unit, score, reasons, reaction = name, reacts,
                    "a unit asks as one gathers a list; GET /v1/clients shows it, POST \
                     /v1/clients/{{unit}}/release lets it go on"
                ),
            }
            let reacts = if *reacts { "yes" } else { "no" };
            let details = [
                ("reaction", name),
                ("reacts", reacts),
                ("score", &score),
                ("reasons", &reasons),
            ];
            shared.recorder.limited(unit, &details, now);
        }
    }
}

fn in_words(reasons: &[Reason]) -> String {
    let words = reasons.iter().map(|reason| {
        let Reason {
            code,
            count,
            points,
        } = reason;
        format!("{code} ({count}): {points}")
    });
    words.collect::<Vec<_>>().join(", ")
}
