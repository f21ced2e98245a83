//! Master keys and their files.
//!
//! In: a path, or random bytes. Out: a master key with its public number. A key file is one line of
//! text, `hecha-key-1` and 64 hex digits, readable by its owner only. Keys come from files, never
//! from arguments or the environment; a path `credential:NAME` is a file that systemd hands to the
//! service (`place.rs`). Contract, section 7.

use super::entropy::Entropy;
use super::hex;
use super::place::{self, PlaceError};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

/// First word of a key file; its number is the format.
const HEAD: &[u8] = b"hecha-key-1 ";

/// Longest key file that is read, in bytes: more cannot be a key.
pub(super) const FILE_BYTES_MAX: u64 = 256;

/// Longest file of any secret (a TLS key is one too) that is compared with others, in bytes.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Permission bits of the group and of others.
const MODE_OTHERS: u32 = 0o077;

/// Why a key file cannot be used or made. Never holds a part of a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be opened or read.
    #[error("cannot read the key file `{}`: {source}", path.display())]
    Read {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A credential of systemd that cannot be, or a key in place of its path.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Others than the owner may read or write the file.
    #[error(
        "the key file `{}` has mode {mode:04o}, so others than its owner can reach it; \
         run `chmod 600` on it",
        path.display()
    )]
    TooOpen {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The text is not that of a key.
    #[error(
        "`{}` is no key file: it must hold `hecha-key-1` and 64 hex digits on one line; \
         make one with `hecha key new FILE`",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The text is not that of a signing key, or of the public part of one.
    #[error(
        "`{}` is no {wanted}: it must hold `{head}` and 64 hex digits on one line; make one with \
         `hecha key new --signing FILE`, which writes the public part to FILE.pub",
        path.display()
    )]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
        /// First word of such a file.
        head: &'static str,
    },
    /// Others than the owner could put their own key into a file that says whom to trust.
    #[error(
        "the key file `{}` has mode {mode:04o}, so others than its owner can change whom it \
         trusts; run `chmod go-w` on it",
        path.display()
    )]
    Changeable {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is a file already.
    #[error(
        "`{}` exists already and is not overwritten: what was sealed with a lost key stays sealed; \
         name another file",
        path.display()
    )]
    Exists {
        /// The file that is there.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write the key file `{}`: {source}", path.display())]
    Write {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Public number of a master key: tells keys apart and gives nothing away. Stands in manifests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// 256 bits from which all keys of snapshots, or of the log, are derived. Wiped when dropped; on
/// the heap, so that a move leaves no copy behind.
#[derive(Clone)]
pub struct MasterKey {
    bytes: Box<[u8; 32]>,
    id: KeyId,
}

impl MasterKey {
    /// Reads a key file.
    ///
    /// Errors: unreadable, reachable by others than its owner, or not a key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let text = read_private(path)?;
        Self::parse(&text).ok_or_else(|| KeyError::Format {
            path: path.to_owned(),
        })
    }

    /// Makes a new key and its file, readable by the owner only.
    ///
    /// Written aside, synced, then given its name, which fails if the name is taken: there is never
    /// half a key and never a key lost. Errors: the file exists, or cannot be written.
    pub fn create(path: &Path, entropy: &dyn Entropy) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut());
        let key = Self::from_bytes(*bytes);
        write_new(path, 0o600, HEAD, &key.bytes, entropy)?;
        Ok(key)
    }

    /// A key from 32 bytes, for samples and tests.
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let kept = Box::new(bytes);
        bytes.zeroize();
        let mut hash = Sha256::new_with_prefix(b"hecha key id 1");
        hash.update(kept.as_slice());
        let mut id = [0; 8];
        id.copy_from_slice(&hash.finalize()[..8]);
        Self {
            bytes: kept,
            id: KeyId(id),
        }
    }

    /// The public number of this key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The secret, for derivation only.
    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.bytes
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let digits = text.strip_prefix(HEAD)?;
        let digits = digits.strip_suffix(b"\n").unwrap_or(digits);
        hex::decode(digits).map(|bytes| Self::from_bytes(*bytes))
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// Only the public number: a key printed by accident is a leak.
impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

/// Text of a key file that only its owner may reach.
pub(super) fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    read(path, FILE_BYTES_MAX, |mode| {
        let path = path.to_owned();
        (mode & MODE_OTHERS != 0).then_some(KeyError::TooOpen { path, mode })
    })
}

/// Tells whether two files hold the same secret: the digest of the key's bytes, whatever its kind,
/// of any other file that of its text. Errors: unreadable.
pub fn secret_digest(path: &Path) -> Result<[u8; 32], KeyError> {
    // Of any mode: who may reach it is asked where it is loaded.
    let text = read(path, SECRET_BYTES_MAX, |_| None)?;
    let line = text.trim_ascii();
    let digits = line.rsplit(|byte| *byte == b' ').next();
    let key = digits.and_then(hex::decode);
    let mut hash = Sha256::new_with_prefix(b"hecha same secret 1");
    match &key {
        Some(bytes) => hash.update(bytes.as_slice()),
        None => hash.update(line),
    }
    Ok(hash.finalize().into())
}

/// Text of a key file, unless `refuse` says that its mode will not do.
pub(super) fn read(
    path: &Path,
    bytes_max: u64,
    refuse: impl FnOnce(u32) -> Option<KeyError>,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let found = place::find(path)?;
    let unreadable = |source| KeyError::Read {
        path: found.to_path_buf(),
        source,
    };
    let file = File::open(&found).map_err(unreadable)?;
    // The mode of the open file, so that nobody can exchange it in between.
    let metadata = file.metadata().map_err(unreadable)?;
    if let Some(refused) = refuse(place::mode_of(path, &metadata)) {
        return Err(refused);
    }
    let mut text = Zeroizing::new(Vec::with_capacity(bytes_max as usize));
    file.take(bytes_max)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

/// Writes one key file with `mode`: aside, synced, then named; never over a file that is there.
pub(super) fn write_new(
    path: &Path,
    mode: u32,
    head: &[u8],
    bytes: &[u8; 32],
    entropy: &dyn Entropy,
) -> Result<(), KeyError> {
    place::can_be_made(path)?;
    let mut tail = [0; 4];
    entropy.fill(&mut tail);
    let aside = aside_of(path, u32::from_le_bytes(tail));
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&aside)?;
        file.write_all(head)?;
        file.write_all(hex::encode(bytes).as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    };
    let written = write().and_then(|()| give_name(&aside, path));
    // Also after a failure: nothing half made is left behind.
    let removed = fs::remove_file(&aside);
    match written.and(removed).and_then(|()| sync_folder_of(path)) {
        Ok(()) => Ok(()),
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Err(KeyError::Exists {
            path: path.to_owned(),
        }),
        Err(source) => Err(KeyError::Write {
            path: path.to_owned(),
            source,
        }),
    }
}

fn aside_of(path: &Path, tail: u32) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".new-{tail:08x}"));
    path.with_file_name(name)
}

/// Gives `aside` its name; unlike a rename a link never replaces a file.
fn give_name(aside: &Path, path: &Path) -> io::Result<()> {
    fs::hard_link(aside, path)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::entropy::{OsEntropy, SeededEntropy};
    use std::os::unix::fs::PermissionsExt;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    /// A file with `text` and `mode`.
    fn file(folder: &Path, text: &str, mode: u32) -> PathBuf {
        let path = folder.join("key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_new_key_is_read_back_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.key");
        let made = MasterKey::create(&path, &OsEntropy).unwrap();
        let read = MasterKey::load(&path).unwrap();
        assert_eq!(made.secret(), read.secret());
        assert_eq!(made.id(), read.id());
        assert_eq!(mode_of(&path), 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.len(), "hecha-key-1 ".len() + 64 + 1);
        assert!(text.starts_with("hecha-key-1 ") && text.ends_with('\n'));
        let files = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "nothing is left beside the key");
    }

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "kept", 0o600);
        let error = MasterKey::create(&path, &SeededEntropy::new(1)).unwrap_err();
        assert!(matches!(error, KeyError::Exists { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_in_a_folder_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent/key");
        let error = MasterKey::create(&path, &SeededEntropy::new(1)).unwrap_err();
        assert!(matches!(error, KeyError::Write { .. }), "{error}");
    }

    #[test]
    fn a_key_that_others_can_reach_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("hecha-key-1 {}\n", "0b".repeat(32));
        for mode in [0o644, 0o640, 0o604, 0o620, 0o601, 0o666] {
            let path = file(folder.path(), &text, mode);
            match MasterKey::load(&path) {
                Err(KeyError::TooOpen { mode: seen, .. }) => assert_eq!(seen, mode),
                other => panic!("{mode:o}: {other:?}"),
            }
        }
        for mode in [0o600, 0o400, 0o700] {
            MasterKey::load(&file(folder.path(), &text, mode)).unwrap();
        }
    }

    #[test]
    fn only_key_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let digits = "0b".repeat(32);
        let read = |text: &str| MasterKey::load(&file(folder.path(), text, 0o600));
        for text in [
            format!("hecha-key-1 {digits}\n"),
            format!("hecha-key-1 {digits}"),
            format!("hecha-key-1 {}\n", digits.to_uppercase()),
        ] {
            assert_eq!(read(&text).unwrap().secret(), &[0x0b; 32]);
        }
        for text in [
            String::new(),
            digits.clone(),
            format!("hecha-key-2 {digits}\n"),
            format!("hecha-key-1 {}\n", &digits[1..]),
            format!("hecha-key-1 {digits}0\n"),
            format!("hecha-key-1 {digits}\n\n"),
            format!("hecha-key-1  {digits}\n"),
            format!("hecha-key-1 {}\n", digits.replace('b', "g")),
            format!("hecha-key-1 {digits}{}", "\n".repeat(300)),
        ] {
            let error = read(&text).unwrap_err();
            assert!(matches!(error, KeyError::Format { .. }), "{error}");
            assert!(!error.to_string().contains("0b0b"));
        }
    }

    #[test]
    fn the_public_number_depends_on_the_key_and_is_all_that_is_printed() {
        let key = MasterKey::from_bytes([0x0b; 32]);
        assert_ne!(key.id(), MasterKey::from_bytes([0x0c; 32]).id());
        assert_eq!(key.id().to_string(), "1c0defc3a23a2624");
        assert_eq!(format!("{key:?}"), format!("MasterKey({})", key.id()));
    }

    #[test]
    fn errors_say_where_what_and_what_to_do() {
        let path = PathBuf::from("/etc/hecha/log.key");
        let absent = || io::Error::from(io::ErrorKind::NotFound);
        let table = [
            (
                KeyError::Read {
                    path: path.clone(),
                    source: absent(),
                },
                "cannot read the key file `/etc/hecha/log.key`: entity not found",
            ),
            (
                KeyError::TooOpen {
                    path: path.clone(),
                    mode: 0o644,
                },
                "the key file `/etc/hecha/log.key` has mode 0644, so others than its owner can \
                 reach it; run `chmod 600` on it",
            ),
            (
                KeyError::Format { path: path.clone() },
                "`/etc/hecha/log.key` is no key file: it must hold `hecha-key-1` and 64 hex digits \
                 on one line; make one with `hecha key new FILE`",
            ),
            (
                KeyError::Exists { path: path.clone() },
                "`/etc/hecha/log.key` exists already and is not overwritten: what was sealed with \
                 a lost key stays sealed; name another file",
            ),
            (
                KeyError::Write {
                    path: path.clone(),
                    source: absent(),
                },
                "cannot write the key file `/etc/hecha/log.key`: entity not found",
            ),
        ];
        for (error, text) in table {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn one_secret_in_two_files_is_known_whatever_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let digest = |text: &str| secret_digest(&file(folder.path(), text, 0o600)).unwrap();
        let digits = "0b".repeat(32);
        let master = digest(&format!("hecha-key-1 {digits}\n"));
        assert_eq!(master, digest(&format!("hecha-signing-key-1 {digits}")));
        assert_eq!(
            master,
            digest(&format!("hecha-key-1 {}", digits.to_uppercase()))
        );
        assert_ne!(master, digest(&format!("hecha-key-1 {}", "0c".repeat(32))));
        let pem = digest("-----BEGIN PRIVATE KEY-----\nAAAA\n");
        assert_eq!(pem, digest("-----BEGIN PRIVATE KEY-----\nAAAA"));
        assert_ne!(pem, digest("-----BEGIN PRIVATE KEY-----\nAAAB\n"));
    }

    #[test]
    fn a_key_file_that_is_absent_or_a_folder_is_unreadable() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        for path in [folder.path().join("absent"), folder.path().to_owned()] {
            let error = MasterKey::load(&path).unwrap_err();
            assert!(matches!(error, KeyError::Read { .. }), "{error}");
        }
    }
}
