//! The gateway's own decision log, as its configuration has it.
//!
//! In: a configuration. Out: the keys of the log; the log, open, with a recorder before it. A
//! gateway with a configuration refuses to start without a key that signs checkpoints.

use super::start_error::StartError;
use crate::config::resolved::Config;
use crate::decision_log::epoch;
use crate::decision_log::keys::LogKeys;
use crate::decision_log::segment::LogOptions;
use crate::decision_log::writer::DecisionLog;
use crate::gateway::recorder::Recorder;
use crate::gateway::space::Space;
use crate::model::term::Moment;
use crate::seal::entropy::OsEntropy;
use crate::seal::keys::{KeyError, MasterKey};
use crate::seal::sign::SigningKey;
use crate::storage::disk::Storage;
use std::io;
use std::sync::Arc;

/// Folder of the decision log, inside the state folder.
pub const LOG_FOLDER: &str = "log";
const BLOCK_BYTES: u64 = 4_096;

/// Keys of the log: its master, and the one that signs its checkpoints.
pub fn keys(config: &Config) -> Result<LogKeys, StartError> {
    let keys = LogKeys::new(MasterKey::load(&config.log_key_file)?);
    if !config.log_tree {
        tracing::warn!("log_tree = false: nobody can prove what this log holds");
        return Ok(keys);
    }
    let path = &config.log_sign_key_file;
    match SigningKey::load(path) {
        Ok(signer) => Ok(keys.with_signer(signer)),
        Err(KeyError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Err(StartError::NoSignKey { path: path.clone() })
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens the log, or begins it; says how it was found.
pub fn open(
    config: &Config,
    storage: &Arc<dyn Storage>,
    now: Moment,
) -> Result<(Recorder, Option<Moment>), StartError> {
    let options = LogOptions {
        segment_bytes: config.limits.log_segment_bytes / BLOCK_BYTES * BLOCK_BYTES,
        ..LogOptions::default()
    };
    let keys = keys(config)?;
    let folder = config.state_dir.join(LOG_FOLDER);
    let (log, recovery) = DecisionLog::open(
        Arc::clone(storage),
        &folder,
        options,
        keys,
        Arc::new(OsEntropy),
        now,
    )?;
    epoch::record_note(&log, &**storage, &folder, now)?;
    if let Some(cut) = &recovery.cut {
        let (file, offset) = (&cut.file, cut.offset);
        tracing::warn!(file, offset, "a torn tail of the decision log was cut off");
    }
    tracing::info!(
        frames = recovery.frames,
        checks = recovery.checks,
        "the decision log is open"
    );
    let space = Space::new(folder, config.limits.disk_free_warn_bytes);
    Ok((Recorder::new(log).watching(space), recovery.highest_moment))
}
