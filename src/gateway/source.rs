//! Where snapshots come from: the folder that holds `current.json`, and what this gateway takes.
//!
//! In: a file's bare name. Out: a verified snapshot with its key, or the reason why it is refused:
//! damaged, of another environment, of an unknown master key, of other name tables, expired, with
//! a list that the catalogue does not know. What is pinned, and which versions were seen, is kept
//! in a file of its own, so that a rollback holds over a restart. Used by the actor only.

use super::gates::GateFault;
use super::view::Loaded;
use crate::catalogue::measure::Catalogue;
use crate::index::binding::{Binding, BindingError};
use crate::model::term::Moment;
use crate::name::query;
use crate::seal::keys::{KeyId, MasterKey};
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::publish::{self, Current, PublishError, SUFFIX};
use crate::snapshot::tables::OpenError;
use crate::storage::disk::Storage;
use crate::storage::replace;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Versions remembered at most.
const REMEMBERED_MAX: usize = 1_000;
const PIN_FILE: &str = "serving.json";

/// What snapshots this gateway takes, and from where.
#[derive(Clone)]
pub struct SourceOptions {
    /// Holds `current.json` and the files it names.
    pub snapshot_dir: PathBuf,
    /// Where the pin is kept and, if need be, copies of files that others could change.
    pub state_dir: PathBuf,
    /// A snapshot of another environment is refused.
    pub environment: Box<str>,
    /// Master keys of builds.
    pub keys: Arc<Vec<MasterKey>>,
}

/// Why a snapshot does not serve.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The pointer, or the name of a file.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// Damaged or foreign.
    #[error("`{file}`: {fault}")]
    Open {
        /// The file.
        file: String,
        /// What is wrong with it.
        fault: OpenError,
    },
    /// Of another environment.
    #[error("`{file}` is of environment `{found}`, this gateway serves `{ours}`")]
    Environment {
        /// The file.
        file: String,
        /// Environment of the file.
        found: Box<str>,
        /// Environment of the gateway.
        ours: Box<str>,
    },
    /// Built with a key that is not loaded.
    #[error("`{file}` needs the master key {key_id}, which is not loaded")]
    Key {
        /// The file.
        file: String,
        /// Id of the key.
        key_id: KeyId,
    },
    /// Past its end of use.
    #[error("`{file}` expired at {expires}; build a new one")]
    Expired {
        /// The file.
        file: String,
        /// When.
        expires: Moment,
    },
    /// Does not fit the catalogue.
    #[error("`{file}`: {fault}")]
    Law {
        /// The file.
        file: String,
        /// What does not fit.
        fault: BindingError,
    },
    /// Outside the limits, and nobody has accepted it.
    #[error(
        "`{file}` is outside the limits: {exceeded}; if it is right, publish it with `hecha \
         publish --accept REASON`"
    )]
    Gates {
        /// The file.
        file: String,
        /// The limits exceeded.
        exceeded: String,
    },
    /// It could not be held against the one that serves.
    #[error("`{file}`: {fault}")]
    Gate {
        /// The file.
        file: String,
        /// Why not.
        fault: GateFault,
    },
    /// There is nothing to roll back to.
    #[error("there is no older snapshot")]
    NoneOlder,
    /// The pin cannot be kept: a rollback would not hold over a restart.
    #[error("`{path}`: {fault}")]
    Pin {
        /// The pin file.
        path: PathBuf,
        /// What the disk says.
        fault: io::Error,
    },
}

/// What is kept over a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// File that serves whatever `current.json` says, until it names a version not yet seen.
    pub file: Option<String>,
    /// Versions that `current.json` has named.
    #[serde(default)]
    pub seen: Vec<u64>,
    /// File that served last: what `current.json` names after a restart is held against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<String>,
}

impl Pin {
    /// Notes a version that `current.json` names; true where it was not yet seen.
    pub fn see(&mut self, version: u64) -> bool {
        if self.seen.contains(&version) {
            return false;
        }
        self.seen.push(version);
        let surplus = self.seen.len().saturating_sub(REMEMBERED_MAX);
        self.seen.drain(..surplus);
        true
    }
}

/// The folder, opened for this gateway.
pub struct Source {
    options: SourceOptions,
    storage: Arc<dyn Storage>,
}

/// What `current.json` names, and what the disk says of that file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The pointer.
    pub current: Current,
    /// Length and last change of the file: a refused one is tried again when they differ.
    stamp: Option<(u64, Option<SystemTime>)>,
}

impl Source {
    /// Reads and writes nothing yet.
    pub fn new(options: SourceOptions, storage: Arc<dyn Storage>) -> Self {
        Self { options, storage }
    }

    /// What `current.json` names; `None` where there is none.
    pub fn current(&self) -> Result<Option<Named>, Refused> {
        let folder = &self.options.snapshot_dir;
        let Some(current) = publish::read_current(folder)? else {
            return Ok(None);
        };
        let about = std::fs::metadata(folder.join(&current.file)).ok();
        Ok(Some(Named {
            current,
            stamp: about.map(|about| (about.len(), about.modified().ok())),
        }))
    }

    /// Opens the file that `current.json` names, and no other one under its name.
    pub fn open_current(
        &self,
        named: &Named,
        catalogue: &Catalogue,
        now: Moment,
    ) -> Result<Loaded, Refused> {
        let loaded = self.open(&named.current.file, catalogue, now)?;
        named.current.check(&loaded.snapshot)?;
        Ok(loaded)
    }

    /// Opens and verifies a file, and looks whether this gateway may serve it at `now`.
    pub fn open(&self, file: &str, catalogue: &Catalogue, now: Moment) -> Result<Loaded, Refused> {
        let path = publish::file_in(&self.options.snapshot_dir, file)?;
        let snapshot = self.verified(&path)?;
        let master = self.admitted(file, &snapshot, catalogue, now)?;
        let locked = snapshot.lock_memory();
        if let Err(error) = &locked {
            tracing::warn!(file, %error, "the snapshot serves without being locked into memory");
        }
        query::warm();
        if !snapshot.has_similar_names() {
            tracing::warn!(
                file,
                "the snapshot has no usable tables of similar names; only equal \
                names are found until it is built again with this version"
            );
        }
        Ok(Loaded {
            locked: locked.is_ok(),
            ..Loaded::new(snapshot, master, Some(file))
        })
    }

    fn verified(&self, path: &Path) -> Result<Snapshot, Refused> {
        let options = OpenOptions {
            state_dir: Some(self.options.state_dir.clone()),
            ..OpenOptions::default()
        };
        Snapshot::open_file(path, &options).map_err(|fault| Refused::Open {
            file: path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            fault,
        })
    }

    /// The key of a snapshot that may serve.
    fn admitted(
        &self,
        file: &str,
        snapshot: &Snapshot,
        catalogue: &Catalogue,
        now: Moment,
    ) -> Result<&MasterKey, Refused> {
        let manifest = snapshot.manifest();
        let file = file.to_owned();
        if manifest.environment != self.options.environment {
            return Err(Refused::Environment {
                file,
                found: manifest.environment.clone(),
                ours: self.options.environment.clone(),
            });
        }
        if let Some(expires) = manifest.expires.filter(|expires| *expires <= now) {
            return Err(Refused::Expired { file, expires });
        }
        if let Err(fault) = Binding::new(manifest, catalogue) {
            return Err(Refused::Law { file, fault });
        }
        let mut keys = self.options.keys.iter();
        let master = keys.find(|key| key.id() == manifest.key_id);
        master.ok_or(Refused::Key {
            file,
            key_id: manifest.key_id,
        })
    }

    /// What was kept over the restart; nothing where the file is missing or cannot be read.
    pub fn pin(&self) -> Pin {
        let text = std::fs::read(self.pin_path()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Keeps it over the next restart.
    pub fn keep(&self, pin: &Pin) -> Result<(), Refused> {
        let path = self.pin_path();
        let text = serde_json::to_vec(pin).unwrap_or_default();
        replace::write(&*self.storage, &path, &text).map_err(|fault| Refused::Pin { path, fault })
    }

    /// Files of the folder that a rollback from `version` could go to: lower versions, highest
    /// first. Whether they may serve shows when they are opened.
    pub fn older(&self, version: u64) -> Vec<String> {
        let files = std::fs::read_dir(&self.options.snapshot_dir);
        let names = files.into_iter().flatten().flatten();
        let mut older: Vec<(u64, String)> = names
            .filter_map(|file| {
                let name = file.file_name().into_string().ok()?;
                let of_file = self.version_of(&name)?;
                (of_file < version).then_some((of_file, name))
            })
            .collect();
        older.sort_unstable_by(|one, other| other.cmp(one));
        older.into_iter().map(|(_, file)| file).collect()
    }

    /// Version of a published file by its name; of another file by its manifest.
    fn version_of(&self, name: &str) -> Option<u64> {
        let stem = name.strip_suffix(SUFFIX)?;
        let stated = stem
            .split_once('-')
            .and_then(|(version, id)| (id.len() == 32).then(|| version.parse().ok()).flatten());
        stated.or_else(|| {
            let path = publish::file_in(&self.options.snapshot_dir, name).ok()?;
            Some(self.verified(&path).ok()?.manifest().version)
        })
    }

    fn pin_path(&self) -> PathBuf {
        self.options.state_dir.join(PIN_FILE)
    }
}
