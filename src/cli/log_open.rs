//! A log opened offline, so that reading it is itself recorded.
//!
//! In: a folder, its master key. Out: the open log, alone in its folder, under the very key that
//! writes it. A gateway that holds the folder is named, with the way that goes through it.

use crate::decision_log::error::LogError;
use crate::decision_log::keys::LogKeys;
use crate::decision_log::segment::{self, LogOptions};
use crate::decision_log::writer::DecisionLog;
use crate::model::term::Moment;
use crate::seal::entropy::OsEntropy;
use crate::seal::keys::{KeyError, MasterKey};
use crate::storage::disk::RealDisk;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a log cannot be opened to record that it is read.
#[derive(Debug, thiserror::Error)]
pub enum LogOpenError {
    /// No such folder, or nothing in it.
    #[error("`{}` is no folder with a log; name the folder `log` of a state folder", dir.display())]
    Folder {
        /// As given.
        dir: PathBuf,
    },
    /// Another key than the log's.
    #[error("the log `{}` is written under the key {wanted}, not {given}", dir.display())]
    OtherKey {
        /// The folder.
        dir: PathBuf,
        /// Key of the log.
        wanted: String,
        /// Key that was given.
        given: String,
    },
    /// A gateway holds it.
    #[error(
        "a gateway holds the log `{}`, and this reading must stand in it: {instead}",
        dir.display()
    )]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// What to do.
        instead: &'static str,
    },
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The log.
    #[error(transparent)]
    Log(LogError),
}

/// Opens a log that nobody else has open. `instead` says what to do where somebody has.
pub fn open(
    dir: &Path,
    key: &Path,
    now: Moment,
    instead: &'static str,
) -> Result<DecisionLog, LogOpenError> {
    let dir_text = || dir.to_owned();
    if !dir.is_dir() {
        return Err(LogOpenError::Folder { dir: dir_text() });
    }
    let master = MasterKey::load(key)?;
    let last = segment::last_header(&RealDisk, dir).map_err(LogOpenError::Log)?;
    let last = last.ok_or_else(|| LogOpenError::Folder { dir: dir_text() })?;
    // Under another key the log would go on in a new segment.
    if last.key_id != master.id() {
        return Err(LogOpenError::OtherKey {
            dir: dir_text(),
            wanted: last.key_id.to_string(),
            given: master.id().to_string(),
        });
    }
    let options = LogOptions {
        segment_bytes: last.segment_bytes,
        ..LogOptions::default()
    };
    let opened = DecisionLog::open(
        Arc::new(RealDisk),
        dir,
        options,
        LogKeys::new(master),
        Arc::new(OsEntropy),
        now,
    );
    match opened {
        Ok((log, _)) => Ok(log),
        Err(LogError::InUse { .. }) => Err(LogOpenError::InUse {
            dir: dir_text(),
            instead,
        }),
        Err(error) => Err(LogOpenError::Log(error)),
    }
}
