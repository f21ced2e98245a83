//! The sample installation: what `hecha` starts with where nobody has configured anything.
//!
//! In: a state folder, the moment. Out: keys, a client with all roles and its token, the sample
//! list built as of now and published. Everything invented, everything readable by its owner only.

use crate::build::build_records;
use crate::build::inputs::{AsOf, BuildError, BuildInputs};
use crate::catalogue::measure::Catalogue;
use crate::config::resolved::Config;
use crate::gateway::client::ClientRole;
use crate::gateway::client_record::{self, ClientRecord, ClientsFileError};
use crate::intake::fault::Fault;
use crate::intake::sample::{self, SampleError};
use crate::intake::validate::parse_record;
use crate::model::term::Moment;
use crate::seal::entropy::{Entropy, OsEntropy};
use crate::seal::keys::{KeyError, MasterKey};
use crate::seal::sign::SigningKey;
use crate::snapshot::open::Snapshot;
use crate::snapshot::publish::{self, POINTER, PublishError, SUFFIX};
use crate::snapshot::tables::OpenError;
use crate::storage::disk::Storage;
use crate::storage::replace;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Environment of the sample.
pub const ENVIRONMENT: &str = "sample";
/// The unit that the sample's token belongs to.
pub const UNIT: &str = "sample";
const TOKEN_FILE: &str = "token";

/// Why the sample cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SampleSetupError {
    /// Its tables.
    #[error(transparent)]
    Tables(#[from] SampleError),
    /// One of its records.
    #[error("record {line} of the sample: {fault}")]
    Record {
        /// Its line.
        line: usize,
        /// What is wrong.
        fault: Fault,
    },
    /// Building it.
    #[error("the sample: {0}")]
    Build(#[from] BuildError),
    /// Opening what was just built.
    #[error("the sample: {0}")]
    Open(#[from] OpenError),
    /// Publishing it.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The clients file.
    #[error(transparent)]
    Clients(#[from] ClientsFileError),
    /// Anything else on disk.
    #[error("`{path}`: {fault}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
}

/// Sets everything up that is not there yet, and builds and publishes the list anew.
///
/// Returns the token.
pub fn set_up(
    config: &Config,
    catalogue: &Catalogue,
    storage: &dyn Storage,
    now: Moment,
) -> Result<String, SampleSetupError> {
    for folder in [&config.state_dir, &config.snapshot_dir] {
        let failed = |fault| SampleSetupError::Io {
            path: folder.clone(),
            fault,
        };
        storage.create_folder(folder).map_err(failed)?;
    }
    let master = key(&config.snapshot_key_file)?;
    key(&config.log_key_file)?;
    if !config.log_sign_key_file.exists() {
        SigningKey::create(&config.log_sign_key_file, &OsEntropy)?;
    }
    let token = token(config, storage)?;
    // Higher than the one before also where the clock was set back in between.
    let previous = publish::read_current(&config.snapshot_dir);
    let previous = previous.ok().flatten().map(|current| current.version);
    let bytes = snapshot_bytes(catalogue, master, now, previous)?;
    let snapshot = Snapshot::from_bytes(bytes)?;
    let current = publish::publish(storage, &snapshot, &config.snapshot_dir)?;
    remove_older(&config.snapshot_dir, &current.file);
    Ok(token)
}

/// The sample list as of `now`, built into memory; its version is higher than the one before.
pub fn snapshot_bytes(
    catalogue: &Catalogue,
    master: MasterKey,
    now: Moment,
    previous_version: Option<u64>,
) -> Result<Vec<u8>, SampleSetupError> {
    let lines = sample::records(now.day())?;
    let records = lines
        .lines()
        .enumerate()
        .map(|(place, line)| {
            let fault = |fault| SampleSetupError::Record {
                line: place + 1,
                fault,
            };
            parse_record(line, catalogue).map_err(fault)
        })
        .collect::<Result<_, _>>()?;
    let mut salt = [0; 32];
    OsEntropy.fill(&mut salt);
    let mut inputs = BuildInputs::new(ENVIRONMENT, master, catalogue, salt, now);
    inputs.previous_version = previous_version;
    inputs.as_of = vec![AsOf {
        list: None,
        moment: now,
    }];
    Ok(build_records(records, &inputs)?)
}

/// The record of the sample's client: every scenario, every role.
pub fn client_record() -> ClientRecord {
    ClientRecord {
        unit: UNIT.to_owned(),
        kind: "enterprise".to_owned(),
        scenarios: vec!["*".to_owned()],
        roles: ClientRole::ALL
            .iter()
            .map(|role| role.name().to_owned())
            .collect(),
        ..ClientRecord::default()
    }
}

fn key(path: &Path) -> Result<MasterKey, KeyError> {
    match path.exists() {
        true => MasterKey::load(path),
        false => MasterKey::create(path, &OsEntropy),
    }
}

/// The token of the last start, or a new one where it is gone.
fn token(config: &Config, storage: &dyn Storage) -> Result<String, SampleSetupError> {
    let path = config.state_dir.join(TOKEN_FILE);
    let kept = fs::read_to_string(&path).map(|text| text.trim().to_owned());
    if let (Ok(token), true) = (kept, config.clients_file.exists()) {
        return Ok(token);
    }
    // A clients file without its token is of no use: both are made anew.
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |fault| SampleSetupError::Io { path, fault }
    };
    if config.clients_file.exists() {
        fs::remove_file(&config.clients_file).map_err(failed(&config.clients_file))?;
    }
    let token = client_record::add(&config.clients_file, client_record(), &OsEntropy)?;
    replace::write(storage, &path, format!("{token}\n").as_bytes()).map_err(failed(&path))?;
    Ok(token)
}

/// The list is built at every start: the one before is of no use, and a failure to remove it of no
/// harm.
fn remove_older(folder: &Path, current: &str) {
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(SUFFIX) && name != current && name != POINTER {
            let _ = fs::remove_file(file.path());
        }
    }
}
