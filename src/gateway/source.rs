//! Where snapshots come from: the folder that holds `current.json`, and what this gateway takes.
//!
//! In: what `current.json` names, or a file's bare name. Out: what serves next (`opening.rs`), or
//! the reason why it is refused: not signed as configured, damaged, of another environment, of an
//! unknown master key, of other name tables, expired, older than what was activated, with a list
//! that the catalogue does not know. What is pinned, which versions were seen and which was the
//! highest is kept in files of the state folder, so that a rollback holds over a restart. Used by
//! the actor only.

use super::activated::{AcceptedOrder, Activated, ActivatedError, Claim, Version, VersionFault};
use super::gates::GateFault;
use super::room::NoRoom;
use super::view::Loaded;
use crate::catalogue::measure::Catalogue;
use crate::index::binding::BindingError;
use crate::model::term::Moment;
use crate::seal::keys::{KeyId, MasterKey};
use crate::snapshot::publish::{self, Current, PublishError, SUFFIX};
use crate::snapshot::signature::{OrderFile, SIGNATURE_SUFFIX};
use crate::snapshot::tables::OpenError;
use crate::snapshot::trust::{Distrust, OrderRefused, Trust};
use crate::storage::disk::Storage;
use crate::storage::replace;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// Versions remembered at most.
const REMEMBERED_MAX: usize = 1_000;
const PIN_FILE: &str = "serving.json";

/// What snapshots this gateway takes, and from where.
pub struct SourceOptions {
    /// Holds `current.json` and the files it names.
    pub snapshot_dir: PathBuf,
    /// Where the pin is kept and, if need be, copies of files that others could change.
    pub state_dir: PathBuf,
    /// A snapshot of another environment is refused.
    pub environment: Box<str>,
    /// Master keys of builds.
    pub keys: Arc<Vec<MasterKey>>,
    /// Whose signatures a snapshot needs.
    pub trust: Arc<Trust>,
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
    /// Too large for the memory that is left.
    #[error(transparent)]
    Room(#[from] NoRoom),
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
    /// Not signed as configured.
    #[error("`{file}`: {fault}")]
    Trust {
        /// The file.
        file: String,
        /// What is missing or wrong.
        fault: Distrust,
    },
    /// Signed, but as something else than it is.
    #[error("`{file}`: its `{field}` is not what was signed; sign the file again")]
    Statement {
        /// The file.
        file: String,
        /// The field.
        field: &'static str,
    },
    /// A version that may not be activated.
    #[error("`{file}`: {fault}")]
    Version {
        /// The file.
        file: String,
        /// Why not.
        fault: VersionFault,
    },
    /// A rollback order that is missing or does not hold.
    #[error(transparent)]
    Order(#[from] OrderRefused),
    /// The highest version cannot be read or kept.
    #[error(transparent)]
    Activated(#[from] ActivatedError),
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

impl Refused {
    /// The reason in one word: a label of the metric.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Publish(PublishError::Signature(_)) => "signature_unreadable",
            Self::Publish(PublishError::Hash { .. }) => "hash",
            Self::Publish(_) => "pointer",
            Self::Open { fault, .. } => match fault {
                OpenError::Hash { .. } => "hash",
                _ => "damaged",
            },
            Self::Room(_) => "memory",
            Self::Environment { .. } => "environment",
            Self::Trust { fault, .. } => match fault {
                Distrust::Missing { .. } => "signature_missing",
                Distrust::Wrong { .. } => "signature_wrong",
                Distrust::Foreign { .. } => "signature_foreign",
                Distrust::TooFew { .. } => "too_few_activators",
            },
            Self::Statement { .. } => "statement",
            Self::Version { fault, .. } => match fault {
                VersionFault::Reused { .. } => "version_reused",
                _ => "version_older",
            },
            Self::Order(_) => "rollback_order",
            Self::Key { .. } => "master_key",
            Self::Expired { .. } => "expired",
            Self::Law { .. } => "catalogue",
            Self::Gates { .. } => "gates",
            Self::Gate { .. } => "gates_failed",
            Self::NoneOlder => "none_older",
            Self::Activated(_) | Self::Pin { .. } => "state",
        }
    }
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
    options: Arc<SourceOptions>,
    storage: Arc<dyn Storage>,
    activated: Activated,
}

/// What `current.json` names, and what the disk says of that file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The pointer.
    pub current: Current,
    /// Length and last change of the file and of its signatures: a refused one is tried again when
    /// they differ, for example when an activator has signed.
    stamps: [Option<(u64, Option<SystemTime>)>; 2],
}

impl Named {
    fn version(&self) -> Version {
        Version {
            number: self.current.version,
            blake3: self.current.blake3,
        }
    }
}

impl Source {
    /// Reads which version was the highest. Errors: it cannot be read.
    pub fn new(options: SourceOptions, storage: Arc<dyn Storage>) -> Result<Self, Refused> {
        Ok(Self {
            activated: Activated::read(&options.state_dir)?,
            options: Arc::new(options),
            storage,
        })
    }

    /// The highest version ever activated, 0 where there was none.
    pub fn highest_version(&self) -> u64 {
        self.activated.highest()
    }

    /// Whose signatures a snapshot needs.
    pub fn trust(&self) -> &Trust {
        &self.options.trust
    }

    /// What `current.json` names; `None` where there is none.
    pub fn current(&self) -> Result<Option<Named>, Refused> {
        let folder = &self.options.snapshot_dir;
        let Some(current) = publish::read_current(folder)? else {
            return Ok(None);
        };
        let signatures = signature_name(&current.file, Some(&current));
        let stamps = [&current.file, &signatures].map(|name| {
            let about = std::fs::metadata(folder.join(name)).ok()?;
            Some((about.len(), about.modified().ok()))
        });
        Ok(Some(Named { current, stamps }))
    }

    /// On whose word the file that `current.json` names is opened at a start: where it served
    /// before, it goes on.
    pub fn claim_at_start(&self, named: &Named) -> Claim<'static> {
        match self.activated.has_served(named.version()) {
            true => Claim::Restart,
            false => Claim::Pointer,
        }
    }

    /// Opens the file that `current.json` names, and no other one under its name.
    pub fn open_current(&self, named: &Named, catalogue: &Catalogue) -> Result<Loaded, Refused> {
        let current = &named.current;
        self.admit_named(named)?;
        self.options.open(&current.file, Some(current), catalogue)
    }

    /// Whether the version that `current.json` names may be activated: asked before anything of
    /// the file is read.
    pub fn admit_named(&self, named: &Named) -> Result<(), Refused> {
        self.admit_version(&named.current.file, named.version(), Claim::Pointer)
    }

    /// How files of the folder are opened, wherever that is done.
    pub fn options(&self) -> &Arc<SourceOptions> {
        &self.options
    }

    /// Opens and verifies a file, and looks whether this gateway may serve it at all. Whether it
    /// may be activated now is another question: `admit`.
    pub fn open(&self, file: &str, catalogue: &Catalogue) -> Result<Loaded, Refused> {
        self.options.open(file, None, catalogue)
    }

    /// Whether what is open may be activated at `now` on this claim. What served before a restart
    /// goes on though it has expired, as it would have without the restart.
    pub fn admit(&self, loaded: &Loaded, claim: Claim<'_>, now: Moment) -> Result<(), Refused> {
        let version = version_of(loaded);
        let goes_on = matches!(claim, Claim::Restart) && self.activated.has_served(version);
        if !goes_on {
            loaded.unexpired(now)?;
        }
        self.admit_version(loaded.file.as_deref().unwrap_or(""), version, claim)
    }

    fn admit_version(&self, file: &str, version: Version, claim: Claim<'_>) -> Result<(), Refused> {
        let is_required = self.options.trust.is_required;
        let admitted = self.activated.admits(version, claim, is_required);
        admitted.map_err(|fault| match fault {
            VersionFault::NeedsOrder { version, highest } => OrderRefused::Needed {
                version,
                highest,
                environment: self.options.environment.clone(),
            }
            .into(),
            fault => Refused::Version {
                file: file.to_owned(),
                fault,
            },
        })
    }

    /// Keeps that `loaded` is activated now, before it serves.
    ///
    /// Errors: it cannot be kept, so it must not serve.
    pub fn activate(
        &mut self,
        loaded: &Loaded,
        claim: Claim<'_>,
        now: Moment,
    ) -> Result<(), Refused> {
        let next = self.activated.after(version_of(loaded), claim, now);
        if next != self.activated {
            next.write(&*self.storage, &self.options.state_dir)?;
            self.activated = next;
        }
        Ok(())
    }

    /// A rollback order that holds here at `now`, and was not yet taken.
    pub fn accept(&self, order: &OrderFile, now: Moment) -> Result<AcceptedOrder, Refused> {
        let trust = &self.options.trust;
        let signers = trust.verify_order(order, &self.options.environment, now)?;
        let (id, what) = (order.what.id(), &order.what);
        let highest = self.activated.highest();
        if self.activated.has_used(&id) {
            return Err(OrderRefused::Used.into());
        }
        if what.from != highest {
            let stated = what.from;
            return Err(OrderRefused::From { stated, highest }.into());
        }
        Ok(AcceptedOrder {
            id,
            to: what.to,
            expires: what.expires,
            reason: what.reason.clone(),
            signers: signers.into_iter().map(|signer| signer.key).collect(),
        })
    }

    /// Files of the folder with exactly this version; more than one where somebody put another
    /// under that number. Errors: there is none.
    pub fn files_of_version(&self, version: u64) -> Result<Vec<String>, Refused> {
        let mut files = self.older(version.saturating_add(1));
        files.retain(|name| self.version_of(name) == Some(version));
        match files.is_empty() {
            true => Err(OrderRefused::NoFile { version }.into()),
            false => Ok(files),
        }
    }

    /// What was kept over the restart; nothing where there is no file.
    ///
    /// Errors: a file that cannot be read; without it a rollback would be forgotten unseen.
    pub fn pin(&self) -> Result<Pin, Refused> {
        let path = self.pin_path();
        let read = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|fault| {
                io::Error::other(format!(
                    "{fault}; it says what a rollback keeps: restore it, or remove it to serve \
                     what `current.json` names"
                ))
            }),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(Pin::default()),
            Err(fault) => Err(fault),
        };
        read.map_err(|fault| Refused::Pin { path, fault })
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

    /// Version of a published file by its name; of another file by what was signed or, where
    /// nothing must be, by its manifest. What it really is shows when it is opened.
    fn version_of(&self, name: &str) -> Option<u64> {
        let stem = name.strip_suffix(SUFFIX)?;
        let stated = stem
            .split_once('-')
            .and_then(|(version, id)| (id.len() == 32).then(|| version.parse().ok()).flatten());
        if stated.is_some() {
            return stated;
        }
        if self.options.trust.is_required {
            let signed = self.options.signatures(name, None).ok()??;
            self.options.trust.verify(Some(&signed)).ok()?;
            return Some(signed.what.version);
        }
        Some(self.options.verified(name, None).ok()?.manifest().version)
    }

    fn pin_path(&self) -> PathBuf {
        self.options.state_dir.join(PIN_FILE)
    }
}

/// Name of a file's signatures: the one that the pointer says, else the file's with `.sig`.
pub(super) fn signature_name(file: &str, pointer: Option<&Current>) -> String {
    let stated = pointer.and_then(|pointer| pointer.signatures.clone());
    stated.unwrap_or_else(|| format!("{file}{SIGNATURE_SUFFIX}"))
}

fn version_of(loaded: &Loaded) -> Version {
    Version {
        number: loaded.snapshot.manifest().version,
        blake3: *loaded.snapshot.hash(),
    }
}

#[cfg(test)]
mod tests {
    use crate::telemetry::REFUSAL_REASONS;

    #[test]
    fn every_reason_of_a_refusal_is_a_label_of_the_metric() {
        let text = include_str!("source.rs");
        let (_, body) = text.split_once("pub fn reason(").unwrap();
        let body = &body[..body.find("\n    }\n").unwrap()];
        let known = |reason: &&str| REFUSAL_REASONS.contains(reason);
        let reasons = body.split('"').skip(1).step_by(2).filter(known).count();
        assert!(reasons > 15 && 2 * reasons == body.matches('"').count());
    }
}
