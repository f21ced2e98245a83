//! A witness: remembers how far each log has come and signs only what continues it.
//!
//! In: submissions of logs whose keys it knows. Out: cosignatures, or why not. The largest size
//! and root of each log are on the disk before a cosignature leaves, so that not even the log's own
//! key can take back what a witness has seen. Two checkpoints of one log that contradict each other
//! are kept: they prove that somebody with the log's key rewrote it. C2SP tlog-witness.

use super::merkle::{self, ProofFault};
use super::note::{Checkpoint, NoteFault, NoteSignature, SignedNote};
use super::origin::Origin;
use super::submission::{Submission, SubmissionFault};
use crate::seal::sign::{PublicKey, SigningKey};
use crate::storage::disk::{self, FolderLock, Storage};
use crate::storage::replace;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// File whose lock tells that a witness uses the folder.
const LOCK_FILE: &str = "witness.lock";
/// Ending of the file of a log: the last checkpoint that was cosigned, with its signatures.
const SEEN_SUFFIX: &str = ".checkpoint";
/// Ending of the file of a submission that contradicts what was cosigned: same size, other root.
const CONTRADICTION_SUFFIX: &str = ".contradiction";
/// Ending of the file of a submission whose proof does not hold. It is signed by the log, but the
/// proof may be anybody's: it proves nothing by itself.
const UNPROVEN_SUFFIX: &str = ".unproven";
/// Shards that are remembered: 36 months of more than a hundred gateways.
const SHARDS_MAX: usize = 4_096;

/// Why a witness cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The file system refused.
    #[error("cannot {deed} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        deed: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another witness has the folder.
    #[error(
        "`{}` is in use by another witness; end it first, or name another --state",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A file that this witness did not write so.
    #[error(
        "`{}` is not what this witness wrote ({what}); restore it from a copy: a witness that \
         forgets proves nothing",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// Why a checkpoint is not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not a submission.
    #[error(transparent)]
    Form(SubmissionFault),
    /// Larger before than after.
    #[error("the old size {old} is above that of the checkpoint, {new}")]
    Shrinks {
        /// As submitted.
        old: u64,
        /// Of the checkpoint.
        new: u64,
    },
    /// A log that is not looked after here.
    #[error("`{origin}` is no log that this witness looks after")]
    UnknownOrigin {
        /// As submitted.
        origin: String,
    },
    /// Not signed by a key that is known here.
    #[error(transparent)]
    Key(NoteFault),
    /// Not what was cosigned last.
    #[error("the last size cosigned is {size}")]
    Conflict {
        /// The last size cosigned.
        size: u64,
    },
    /// Same size, other records: somebody rewrote the log.
    #[error("at size {size} this log had another root: its records were changed")]
    OtherRoot {
        /// The last size cosigned.
        size: u64,
    },
    /// The checkpoint does not continue what was cosigned.
    #[error("the checkpoint does not continue the tree of {old} that was cosigned: {fault}")]
    Proof {
        /// The last size cosigned.
        old: u64,
        /// What is wrong.
        fault: ProofFault,
    },
    /// No room for another log.
    #[error("this witness remembers {SHARDS_MAX} shards and takes no further ones")]
    Full,
    /// The state could not be made durable: nothing was signed.
    #[error("the state of the witness cannot be written: {0}")]
    Storage(io::Error),
}

/// Who it is and whom it believes.
pub struct WitnessOptions {
    /// The name in its cosignatures.
    pub name: String,
    /// Its own key.
    pub key: SigningKey,
    /// Keys of the logs that it looks after.
    pub log_keys: Vec<PublicKey>,
}

/// One running witness.
pub struct Witness {
    options: WitnessOptions,
    storage: Arc<dyn Storage>,
    folder: PathBuf,
    /// The last note cosigned of each origin. One lock for compare, write and answer: two
    /// submissions at once must not undo each other.
    seen: Mutex<BTreeMap<String, Seen>>,
    _lock: FolderLock,
}

struct Seen {
    checkpoint: Checkpoint,
    note: SignedNote,
}

impl Witness {
    /// Opens the folder of a witness, or begins one.
    ///
    /// Errors: in use, a file that this witness did not write, the file system.
    pub fn open(
        options: WitnessOptions,
        storage: Arc<dyn Storage>,
        folder: &Path,
    ) -> Result<Self, WitnessError> {
        let io = |deed, path: &Path| {
            let path = path.to_owned();
            move |source| WitnessError::Io { deed, path, source }
        };
        storage
            .create_folder(folder)
            .map_err(io("create", folder))?;
        let lock = storage.lock(&folder.join(LOCK_FILE)).map_err(|source| {
            let path = folder.to_owned();
            match source.kind() {
                io::ErrorKind::WouldBlock => WitnessError::InUse { path },
                _ => io("lock", folder)(source),
            }
        })?;
        replace::clean(&*storage, folder).map_err(io("clean", folder))?;
        let names = storage.list(folder).map_err(io("list", folder))?;
        let mut seen = BTreeMap::new();
        for name in names.iter().filter(|name| name.ends_with(SEEN_SUFFIX)) {
            let path = folder.join(name);
            let file = storage.open_to_read(&path).map_err(io("open", &path))?;
            let bytes = disk::read_all(&*file).map_err(io("read", &path))?;
            let known = own(&bytes, &options, name).map_err(|what| WitnessError::Damaged {
                path: path.clone(),
                what,
            })?;
            seen.insert(known.checkpoint.origin.clone(), known);
        }
        Ok(Self {
            options,
            storage,
            folder: folder.to_owned(),
            seen: Mutex::new(seen),
            _lock: lock,
        })
    }

    /// Its name in cosignatures.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// Cosigns a checkpoint at `time_s` (seconds since 1970) if it continues what was cosigned of
    /// its log; what is remembered then is on the disk.
    pub fn add_checkpoint(&self, body: &[u8], time_s: u64) -> Result<Cosigned, Refusal> {
        let submission = Submission::parse(body).map_err(Refusal::Form)?;
        let note = &submission.note;
        let checkpoint = Checkpoint::parse(note.text());
        let checkpoint = checkpoint.map_err(|fault| Refusal::Form(fault.into()))?;
        let origin = checkpoint.origin.clone();
        if Origin::parse(&origin).is_none() {
            return Err(Refusal::UnknownOrigin { origin });
        }
        let signed = note.checkpoint(&self.options.log_keys);
        signed.map_err(Refusal::Key)?;
        let (old, new) = (submission.old, checkpoint.size);
        if old > new {
            return Err(Refusal::Shrinks { old, new });
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.get(&origin).map(|seen| &seen.checkpoint);
        if let Err(refusal) = continues(known, &submission, &checkpoint) {
            drop(seen);
            self.keep_contradiction(&refusal, &origin, body);
            return Err(refusal);
        }
        let is_first = known.is_none();
        if is_first && seen.len() == SHARDS_MAX {
            return Err(Refusal::Full);
        }
        let (name, key) = (&self.options.name, &self.options.key);
        let cosignature = NoteSignature::cosign(note.text(), name, key, time_s);
        let mut note = note.clone();
        note.add(cosignature.clone());
        let path = self
            .folder
            .join(format!("{}{SEEN_SUFFIX}", file_stem(&origin)));
        let written = replace::write(&*self.storage, &path, note.to_string().as_bytes());
        written.map_err(Refusal::Storage)?;
        seen.insert(origin.clone(), Seen { checkpoint, note });
        Ok(Cosigned {
            cosignature,
            origin,
            size: new,
            is_first,
        })
    }

    /// The last checkpoint cosigned of each shard, in the order of their origins.
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.values().map(|seen| seen.checkpoint.clone()).collect()
    }

    /// The last note cosigned of one shard, as text.
    pub fn note(&self, origin: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(origin).map(|seen| seen.note.to_string())
    }

    /// Keeps a submission that the log signed and that does not fit what was cosigned: of
    /// contradictions the first, of what was not proved the last of each shard. Whoever has no
    /// checkpoint of a log cannot make the witness write.
    fn keep_contradiction(&self, refusal: &Refusal, origin: &str, body: &[u8]) {
        let suffix = match refusal {
            Refusal::OtherRoot { .. } => CONTRADICTION_SUFFIX,
            Refusal::Proof { .. } => UNPROVEN_SUFFIX,
            _ => return,
        };
        let path = self.folder.join(format!("{}{suffix}", file_stem(origin)));
        if suffix == CONTRADICTION_SUFFIX && self.storage.open_to_read(&path).is_ok() {
            return;
        }
        if let Err(error) = replace::write(&*self.storage, &path, body) {
            tracing::error!(%error, path = %path.display(), "a contradiction cannot be kept");
        }
    }
}

/// A checkpoint that was cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The line to answer with.
    pub cosignature: NoteSignature,
    /// The log.
    pub origin: String,
    /// Its size.
    pub size: u64,
    /// Never seen before.
    pub is_first: bool,
}

/// Whether a checkpoint continues what is known of its log.
fn continues(
    known: Option<&Checkpoint>,
    submission: &Submission,
    checkpoint: &Checkpoint,
) -> Result<(), Refusal> {
    let empty = merkle::empty_root();
    let (size, root) = known.map_or((0, &empty), |known| (known.size, &known.root));
    if submission.old != size {
        return Err(Refusal::Conflict { size });
    }
    let after = (checkpoint.size, &checkpoint.root);
    let proof = &submission.proof;
    match merkle::verify_consistency((size, root), after, proof) {
        Ok(()) => Ok(()),
        Err(ProofFault::EarlierRoot { .. }) if size == checkpoint.size && proof.is_empty() => {
            Err(Refusal::OtherRoot { size })
        }
        Err(fault) => Err(Refusal::Proof { old: size, fault }),
    }
}

/// What this witness wrote in a file with this name.
fn own(bytes: &[u8], options: &WitnessOptions, name: &str) -> Result<Seen, String> {
    let note = SignedNote::parse(bytes).map_err(|fault| fault.to_string())?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|fault| fault.to_string())?;
    let cosigned = note.cosigned_at(&options.key.public());
    if cosigned.map_err(|fault| fault.to_string())?.is_none() {
        return Err("its own signature is missing; was the key exchanged?".to_owned());
    }
    if name != format!("{}{SEEN_SUFFIX}", file_stem(&checkpoint.origin)) {
        return Err(format!("it is of `{}`", checkpoint.origin));
    }
    Ok(Seen { checkpoint, note })
}

/// Name of a log's files; origins hold digits, letters, `.`, `-` and `/` only.
fn file_stem(origin: &str) -> String {
    origin.replace('/', "_")
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness")
            .field("name", &self.options.name)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
