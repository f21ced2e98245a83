//! The pointer `current.json`: which file of a folder a gateway should serve.
//!
//! In: the bytes of a verified snapshot, a folder. Out: the file beside the pointer, then the
//! pointer, each complete and synced before it gets its name: whoever stops in between leaves the
//! old pointer or the new one, and never a pointer to half a file. Reading trusts nothing: the
//! pointer names a bare file, which must be a plain file of that folder.

use super::manifest::{from_hex, to_hex};
use super::open::{Snapshot, SnapshotId};
use super::signature::{SIGNATURE_SUFFIX, SignatureError, SignatureFile};
use crate::model::term::Moment;
use crate::storage::disk::{Storage, file_name};
use crate::storage::replace;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the pointer.
pub const POINTER: &str = "current.json";
/// Ending of the files it names.
pub const SUFFIX: &str = ".hecha";

const POINTER_FORMAT: u32 = 1;
const POINTER_BYTES_MAX: u64 = 64 << 10;
const NAME_BYTES_MAX: usize = 200;
/// A multiple of 2 MiB: the page cache keeps a file in pages as large as the pieces in which it was
/// written, and large ones are found faster by whoever maps it.
const CHUNK_BYTES: usize = 4 << 20;
/// So much of a file is written before it is synced: what waits for the disk as a whole would hold
/// up every other write there, such as those of a decision log.
const SYNC_BYTES: usize = 16 << 20;

/// What the pointer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// Bare name of the snapshot file beside the pointer.
    pub file: String,
    /// BLAKE3 of that file.
    pub blake3: [u8; 32],
    /// Version in its manifest.
    pub version: u64,
    /// Environment in its manifest.
    pub environment: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Who lets it serve although it is outside the limits; `None` where nobody had to.
    pub accepted: Option<Accepted>,
    /// Bare name of its signature file; absent where nobody has signed it.
    pub signatures: Option<String>,
}

/// Somebody's word that a snapshot outside the limits shall serve. It stands in the pointer beside
/// the hash of the file, for the file itself never changes once it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Who accepts.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Moment,
    /// The limits that were exceeded when it was accepted, in words.
    pub exceeded: Vec<String>,
}

/// Why a pointer or a published file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The system refused.
    #[error("`{path}`: {fault}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// The pointer is not what `hecha publish` writes.
    #[error("`{path}`: {what}; publish again with `hecha publish`")]
    Pointer {
        /// The pointer.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A name that could lead out of the folder.
    #[error(
        "`{name}` is no bare file name: letters, digits, `.`, `-` and `_`, not starting with `.`"
    )]
    Name {
        /// The name as given.
        name: String,
    },
    /// Not a plain file of the folder.
    #[error("`{path}` is no plain file; links are not followed: publish the file itself")]
    NotPlain {
        /// The path.
        path: PathBuf,
    },
    /// The file is not the one that the pointer names.
    #[error("`{file}` has the hash {found}, the pointer says {stated}; publish it again")]
    Hash {
        /// Name of the file.
        file: String,
        /// First half of its BLAKE3.
        found: SnapshotId,
        /// First half of what is stated.
        stated: SnapshotId,
    },
    /// The pointer says something else of the file.
    #[error("`{file}`: its `{field}` is not that of the pointer; publish it again")]
    Field {
        /// Name of the file.
        file: String,
        /// The field.
        field: &'static str,
    },
    /// The signature file.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Another file has this name already.
    #[error("`{path}` exists with other content; published files are never changed")]
    Exists {
        /// The path.
        path: PathBuf,
    },
}

impl Current {
    /// The pointer to a snapshot under a bare name.
    ///
    /// Errors: a name that is not bare.
    pub fn to(snapshot: &Snapshot, file: &str) -> Result<Self, PublishError> {
        check_bare_name(file)?;
        Ok(Self {
            file: file.to_owned(),
            blake3: *snapshot.hash(),
            version: snapshot.manifest().version,
            environment: snapshot.manifest().environment.to_string(),
            bytes: snapshot.bytes().len() as u64,
            accepted: None,
            signatures: None,
        })
    }

    /// Identity of the snapshot it names.
    pub fn id(&self) -> SnapshotId {
        first_half(&self.blake3)
    }

    /// Whether `snapshot` is the file it names.
    ///
    /// Errors: another hash, or a field that says something else than the manifest.
    pub fn check(&self, snapshot: &Snapshot) -> Result<(), PublishError> {
        if *snapshot.hash() != self.blake3 {
            return Err(PublishError::Hash {
                file: self.file.clone(),
                found: snapshot.id(),
                stated: self.id(),
            });
        }
        let manifest = snapshot.manifest();
        let fields = [
            ("version", manifest.version == self.version),
            ("environment", *manifest.environment == *self.environment),
            ("bytes", snapshot.bytes().len() as u64 == self.bytes),
        ];
        match fields.into_iter().find(|(_, fits)| !fits) {
            None => Ok(()),
            Some((field, _)) => Err(PublishError::Field {
                file: self.file.clone(),
                field,
            }),
        }
    }

    /// JSON of the pointer.
    pub fn to_json(&self) -> Vec<u8> {
        let text = CurrentText {
            format: POINTER_FORMAT,
            file: self.file.clone(),
            blake3: to_hex(&self.blake3),
            version: self.version,
            environment: self.environment.clone(),
            bytes: self.bytes,
            accepted: self.accepted.as_ref().map(AcceptedText::of),
            signatures: self.signatures.clone(),
        };
        let mut json = serde_json::to_vec(&text).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// From the JSON of a pointer.
    ///
    /// Errors: a short text of what is wrong.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let text: CurrentText =
            serde_json::from_slice(json).map_err(|fault| format!("no pointer: {fault}"))?;
        if text.format != POINTER_FORMAT {
            return Err(format!(
                "its format is {}, not {POINTER_FORMAT}",
                text.format
            ));
        }
        if check_bare_name(&text.file).is_err() {
            return Err("`file` is no bare file name".to_owned());
        }
        let is_bare = |name: &String| check_bare_name(name).is_ok();
        if !text.signatures.as_ref().is_none_or(is_bare) {
            return Err("`signatures` is no bare file name".to_owned());
        }
        let blake3 = from_hex(&text.blake3).ok_or("`blake3` is no hash of 64 hex digits")?;
        Ok(Self {
            file: text.file,
            blake3,
            version: text.version,
            environment: text.environment,
            bytes: text.bytes,
            accepted: text.accepted.map(AcceptedText::read).transpose()?,
            signatures: text.signatures,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct AcceptedText {
    by: String,
    reason: String,
    at: String,
    exceeded: Vec<String>,
}

impl AcceptedText {
    fn of(accepted: &Accepted) -> Self {
        Self {
            by: accepted.by.clone(),
            reason: accepted.reason.clone(),
            at: accepted.at.to_string(),
            exceeded: accepted.exceeded.clone(),
        }
    }

    fn read(self) -> Result<Accepted, String> {
        if self.reason.trim().is_empty() || self.by.trim().is_empty() {
            return Err("`accepted` names nobody or gives no reason".to_owned());
        }
        let at = Moment::parse(&self.at).ok_or("`accepted.at` is no moment")?;
        Ok(Accepted {
            by: self.by,
            reason: self.reason,
            at,
            exceeded: self.exceeded,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct CurrentText {
    format: u32,
    file: String,
    blake3: String,
    version: u64,
    environment: String,
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<AcceptedText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signatures: Option<String>,
}

/// Reads the pointer of a folder; `None` where there is none.
///
/// Errors: reading; a pointer that nothing of ours wrote.
pub fn read_current(folder: &Path) -> Result<Option<Current>, PublishError> {
    let path = folder.join(POINTER);
    let failed = |fault| PublishError::Io {
        path: path.clone(),
        fault,
    };
    let wrong = |what: String| PublishError::Pointer {
        path: path.clone(),
        what,
    };
    match fs::metadata(&path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(failed(fault)),
        Ok(about) if about.len() > POINTER_BYTES_MAX => {
            return Err(wrong("it is longer than a pointer".to_owned()));
        }
        Ok(_) => {}
    }
    let json = fs::read(&path).map_err(failed)?;
    Current::from_json(&json).map(Some).map_err(wrong)
}

/// Path of a file of a folder by its bare name.
///
/// Errors: a name that could lead out of the folder, a link, or no file.
pub fn file_in(folder: &Path, name: &str) -> Result<PathBuf, PublishError> {
    check_bare_name(name)?;
    let path = folder.join(name);
    let about = fs::symlink_metadata(&path).map_err(|fault| PublishError::Io {
        path: path.clone(),
        fault,
    })?;
    if about.is_file() {
        Ok(path)
    } else {
        Err(PublishError::NotPlain { path })
    }
}

/// Puts a verified snapshot into `folder` under `<version>-<id>.hecha` and makes it the current
/// one. Returns the pointer.
///
/// Errors: the system; another file under that name.
pub fn publish(
    storage: &dyn Storage,
    snapshot: &Snapshot,
    folder: &Path,
) -> Result<Current, PublishError> {
    publish_signed(storage, snapshot, folder, None, None)
}

/// The same with signatures, which stand beside the file as `<version>-<id>.hecha.sig` (those that
/// stand there already stay), and the word of whoever accepts it, where it is outside the limits.
///
/// Errors: as `publish`; signatures there of something else.
pub fn publish_signed(
    storage: &dyn Storage,
    snapshot: &Snapshot,
    folder: &Path,
    signatures: Option<&SignatureFile>,
    accepted: Option<Accepted>,
) -> Result<Current, PublishError> {
    let name = format!("{}-{}{SUFFIX}", snapshot.manifest().version, snapshot.id());
    let mut current = Current::to(snapshot, &name)?;
    current.accepted = accepted;
    put_file(storage, snapshot.bytes(), &folder.join(&name))?;
    current.signatures = put_signatures(storage, signatures, folder, &name)?;
    let pointer = folder.join(POINTER);
    replace::write(storage, &pointer, &current.to_json()).map_err(|fault| PublishError::Io {
        path: pointer,
        fault,
    })?;
    Ok(current)
}

/// Adds signatures to those beside the file; the name of their file where there is one.
fn put_signatures(
    storage: &dyn Storage,
    signatures: Option<&SignatureFile>,
    folder: &Path,
    name: &str,
) -> Result<Option<String>, PublishError> {
    let name = format!("{name}{SIGNATURE_SUFFIX}");
    let path = folder.join(&name);
    let Some(signatures) = signatures else {
        return Ok(path.exists().then_some(name));
    };
    let mut all = SignatureFile::read_about(&path, signatures.what.clone())?;
    for signature in &signatures.signatures {
        if !all.add(signature.clone()) {
            return Err(SignatureError::Full { path }.into());
        }
    }
    all.write(storage, &path)?;
    Ok(Some(name))
}

/// Writes the file unless it stands there already.
fn put_file(storage: &dyn Storage, bytes: &[u8], path: &Path) -> Result<(), PublishError> {
    let failed = |fault| PublishError::Io {
        path: path.to_owned(),
        fault,
    };
    match hash_of(storage, path) {
        Ok(hash) if hash == blake3::hash(bytes) => return Ok(()),
        Ok(_) => {
            return Err(PublishError::Exists {
                path: path.to_owned(),
            });
        }
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {}
        Err(fault) => return Err(failed(fault)),
    }
    let written = write_new(storage, bytes, path);
    if written.is_err() {
        // The first error says what went wrong; a stale aside is harmless.
        let _ = storage.remove(&replace::aside_of(path));
    }
    written.map_err(failed)
}

fn hash_of(storage: &dyn Storage, path: &Path) -> io::Result<blake3::Hash> {
    let file = storage.open_to_read(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    loop {
        let read = file.read_at(offset, &mut chunk)?;
        if read == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update(&chunk[..read]);
        offset += read as u64;
    }
}

fn write_new(storage: &dyn Storage, bytes: &[u8], path: &Path) -> io::Result<()> {
    let aside = replace::begin(storage, path)?;
    let mut offset = 0;
    for stretch in bytes.chunks(SYNC_BYTES) {
        for chunk in stretch.chunks(CHUNK_BYTES) {
            aside.write_at(offset, chunk)?;
            offset += chunk.len() as u64;
        }
        aside.sync()?;
    }
    replace::finish(storage, path, &aside)
}

fn check_bare_name(name: &str) -> Result<(), PublishError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let bare = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name.starts_with('.')
        && name.bytes().all(plain)
        && file_name(Path::new(name)) == name;
    if bare {
        Ok(())
    } else {
        Err(PublishError::Name {
            name: name.to_owned(),
        })
    }
}

fn first_half(hash: &[u8; 32]) -> SnapshotId {
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    SnapshotId(id)
}
