//! Why the gateway cannot start: each fault of what it is put together from.

use super::limiting::LimitingError;
use super::sample::SampleSetupError;
use crate::catalogue::fault::CatalogueError;
use crate::decision_log::error::LogError;
use crate::gateway::canaries::CanariesError;
use crate::gateway::clients_source::ClientsReadError;
use crate::gateway::source::Refused;
use crate::http::cosigning::WitnessRefusal;
use crate::http::tls::TlsError;
use crate::index::binding::BindingError;
use crate::overlay::calendar::CalendarError;
use crate::overlay::journal::JournalError;
use crate::seal::keys::{KeyError, KeyId};
use std::io;
use std::path::PathBuf;

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The clients.
    #[error(transparent)]
    Clients(#[from] ClientsReadError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The sample.
    #[error(transparent)]
    Sample(#[from] SampleSetupError),
    /// The tables of working days and clocks.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// The journal of acts.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The decision log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A witness has seen another log than the one here, or must be asked and is not there.
    #[error(transparent)]
    Witness(#[from] WitnessRefusal),
    /// Limits of units, acts of two persons.
    #[error(transparent)]
    Limiting(#[from] LimitingError),
    /// The canaries.
    #[error(transparent)]
    Canaries(#[from] CanariesError),
    /// Certificates and their keys.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No snapshot.
    #[error(
        "`{folder}` holds no current.json; build a snapshot with `hecha build` and publish it \
         there with `hecha publish`"
    )]
    NoSnapshot {
        /// The snapshot folder.
        folder: PathBuf,
    },
    /// The snapshot, and every older one.
    #[error("no snapshot can serve: {0}")]
    Refused(#[from] Refused),
    /// Snapshot and catalogue.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// One key in two places.
    #[error(
        "`{path}` holds the key {key}, which another file of `builder_keys` and `activator_keys` \
         holds too; whoever builds does not activate, and two activators are two people"
    )]
    SameKey {
        /// The second file.
        path: PathBuf,
        /// Number of the key.
        key: KeyId,
    },
    /// One secret in two places.
    #[error(
        "`{first}` and `{second}` hold the same secret; whoever learns one would know both: make \
         another with `hecha key new`, and keep the old one for what it has sealed"
    )]
    SameSecret {
        /// Key of the configuration.
        first: &'static str,
        /// The other one.
        second: &'static str,
    },
    /// No key for checkpoints.
    #[error(
        "`{path}` is missing: the checkpoints of the decision log are signed with it; make it with \
         `hecha key new --signing {path}` and give {path}.pub to those who shall verify the log"
    )]
    NoSignKey {
        /// `log_sign_key_file`.
        path: PathBuf,
    },
    /// A folder or thread.
    #[error("{what}: {fault}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        fault: io::Error,
    },
}
