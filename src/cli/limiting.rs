//! Limits of units and acts of two persons, put together at a start.
//!
//! In: a configuration, the law. Out: what goes on where the process before has ended: subjects
//! asked about today, units that are stopped, acts that wait.

use crate::config::resolved::Config;
use crate::decision_log::error::LogError;
use crate::decision_log::today;
use crate::gateway::actor::Shared;
use crate::gateway::approvals::{APPROVALS_FILE, Approvals};
use crate::gateway::limiter::{self, Limiter, STOPS_FILE};
use crate::limits::table::Limits;
use crate::seal::entropy::OsEntropy;
use crate::seal::keys::{KeyError, MasterKey};
use crate::storage::disk::Storage;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why limits cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LimitingError {
    /// What was asked today.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The file of stops.
    #[error("{}: {fault}; remove it to end all stops", path.display())]
    Stops {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: io::Error,
    },
    /// The file of acts that wait for a second person.
    #[error(
        "{}: {fault}; restore the log key, or remove the file to forget these acts",
        path.display()
    )]
    Approvals {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: io::Error,
    },
    /// The key of the log.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The thread.
    #[error("starting the thread of limits: {0}")]
    Thread(io::Error),
}

/// Goes on with the day (subjects that units with a budget asked about, units that were stopped)
/// and starts the thread that watches. Before anything is answered.
pub fn start(
    config: &Config,
    log_folder: &str,
    storage: Arc<dyn Storage>,
    limits: &Arc<Limits>,
    shared: &Arc<Shared>,
) -> Result<Limiter, LimitingError> {
    let now = shared.clock.now();
    let law = Arc::clone(&shared.view.load().law);
    let mut clients = law.clients.iter();
    if clients.any(|client| client.terms.daily_subjects.is_some()) {
        let log_folder = config.state_dir.join(log_folder);
        let asked = today::subjects_since(&*storage, &log_folder, now.day().start())?;
        for (unit, count) in asked {
            limits.add_subjects(&unit, count, now);
        }
    }
    let path = config.state_dir.join(STOPS_FILE);
    if let Err(fault) = limiter::stop_again(limits, &*storage, &path) {
        return Err(LimitingError::Stops { path, fault });
    }
    Limiter::start(Arc::clone(limits), Arc::clone(shared), storage, path)
        .map_err(LimitingError::Thread)
}

/// Acts that wait for a second person, as before the restart.
pub fn approvals(config: &Config, storage: &Arc<dyn Storage>) -> Result<Approvals, LimitingError> {
    let path = config.state_dir.join(APPROVALS_FILE);
    let opened = Approvals::open(
        config.approvals.clone(),
        Arc::clone(storage),
        &path,
        &MasterKey::load(&config.log_key_file)?,
        Arc::new(OsEntropy),
    );
    opened.map_err(|fault| LimitingError::Approvals { path, fault })
}
