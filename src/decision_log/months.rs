//! The secret of each month, which is destroyed when the month is.
//!
//! In: the log folder, its keys, a month. Out: the keys of a segment, or why there are none. A file
//! `keys/<month>.key` has a line for each master that wrote in that month: its number, that of the
//! log, 16 random bytes and 32 secret ones, sealed under it and bound to the month. It is on the
//! disk, name and all, before the month's first record. Contract, section 7; a copy of it elsewhere
//! must be destroyed with it, or the month's requests stay readable to the holder of the master.
//!
//! ```text
//! hecha-month-key-1 2026-11
//! <16 hex digits> <16 hex digits> <128 hex digits>
//! ```

use super::error::{LogError, ShardClosed};
use super::keys::{LogKeys, MonthSecret, RANDOM_BYTES, ShardKeys};
use super::segment::Header;
use crate::seal::aead::TAG_BYTES;
use crate::seal::entropy::Entropy;
use crate::seal::keys::KeyId;
use crate::storage::disk::{self, Storage, StoredFile};
use crate::storage::replace::{self, ASIDE_SUFFIX};
use crate::tree::origin::LogId;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Folder of the secrets, inside the log folder.
pub const KEYS_FOLDER: &str = "keys";

const HEAD: &str = "hecha-month-key-1";
const SECRET_BYTES: usize = 32;
const SEALED_BYTES: usize = RANDOM_BYTES + SECRET_BYTES + TAG_BYTES;

/// Where the secret of a month stands.
pub fn secret_path(folder: &Path, month: &str) -> PathBuf {
    folder.join(KEYS_FOLDER).join(format!("{month}.key"))
}

/// Keys of the segment with this header, whose log lies in `folder`.
///
/// Errors: the master is not here; the month's secret is missing or damaged.
pub fn open_shard(
    storage: &dyn Storage,
    folder: &Path,
    keys: &LogKeys,
    header: &Header,
) -> Result<ShardKeys, ShardClosed> {
    let (id, salt, month) = (header.key_id, &header.salt, header.month.as_str());
    let secret = match header.has_secret && keys.has(id) {
        true => Some(read_secret(storage, folder, keys, id, salt, month)?),
        false => None,
    };
    let shard = keys.shard(id, salt, month, secret.as_ref());
    shard.ok_or_else(|| no_master(id, month))
}

/// The same of the month's secret under the writing master, which is made where there is none.
///
/// Errors: as `open_shard`; the file cannot be written.
pub(super) fn open_or_make(
    storage: &dyn Storage,
    folder: &Path,
    keys: &LogKeys,
    salt: &[u8; 32],
    month: &str,
    entropy: &dyn Entropy,
) -> Result<ShardKeys, LogError> {
    let id = keys.id();
    let found = read_secret(storage, folder, keys, id, salt, month);
    let secret = match found {
        Err(ShardClosed::Missing { .. }) => make(storage, folder, keys, salt, month, entropy)?,
        found => found?,
    };
    let shard = keys.shard(id, salt, month, Some(&secret));
    shard.ok_or_else(|| no_master(id, month).into())
}

/// Destroys what a cut has left aside: it may hold the secrets that the file itself holds.
pub(super) fn clean(storage: &dyn Storage, folder: &Path) -> io::Result<()> {
    let keys_folder = folder.join(KEYS_FOLDER);
    let names = storage.list(&keys_folder).unwrap_or_default();
    for name in names.iter().filter(|name| name.ends_with(ASIDE_SUFFIX)) {
        destroy_file(storage, &keys_folder.join(name))?;
    }
    Ok(())
}

/// Whether the secret of a month is here.
pub(super) fn is_here(storage: &dyn Storage, folder: &Path, month: &str) -> bool {
    storage.open_to_read(&secret_path(folder, month)).is_ok()
}

/// Destroys the secret of a month: overwritten, on the disk, then removed, on the disk.
///
/// Errors: the file system; where it cannot be overwritten it is not removed either.
pub(super) fn destroy(storage: &dyn Storage, folder: &Path, month: &str) -> Result<(), LogError> {
    let file = secret_path(folder, month);
    for path in [replace::aside_of(&file), file] {
        let destroyed = destroy_file(storage, &path);
        destroyed.map_err(LogError::io("destroy", path.display().to_string()))?;
    }
    Ok(())
}

/// Overwritten before it is removed: a removed file may stand on the disk for years.
fn destroy_file(storage: &dyn Storage, path: &Path) -> io::Result<()> {
    match storage.open(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => blank(&*opened?)?,
    }
    storage.remove(path)?;
    storage.sync_folder(disk::folder_of(path))
}

fn blank(file: &dyn StoredFile) -> io::Result<()> {
    let bytes = usize::try_from(file.len()?).map_err(io::Error::other)?;
    file.write_at(0, &vec![0; bytes])?;
    file.sync()
}

fn no_master(key: KeyId, month: &str) -> ShardClosed {
    ShardClosed::NoMaster {
        month: month.to_owned(),
        key,
    }
}

fn read_secret(
    storage: &dyn Storage,
    folder: &Path,
    keys: &LogKeys,
    id: KeyId,
    salt: &[u8; 32],
    month: &str,
) -> Result<MonthSecret, ShardClosed> {
    let file = secret_path(folder, month);
    let missing = || ShardClosed::Missing {
        file: file.clone(),
        month: month.to_owned(),
    };
    let lines = read_lines(storage, &file, month)?.ok_or_else(missing)?;
    let log = LogId::new(salt);
    let line = lines.iter().find(|line| (line.key, line.log) == (id, log));
    let line = line.ok_or_else(missing)?;
    let seal = keys.secrets(id, salt).ok_or_else(|| no_master(id, month))?;
    let damaged = |what| ShardClosed::Damaged {
        file: file.clone(),
        what,
    };
    let Some((random, sealed)) = line.sealed.split_first_chunk() else {
        return Err(damaged("a line of another length"));
    };
    let opened = seal.open(random, bound(month, id).as_bytes(), sealed);
    let plain = Zeroizing::new(opened.map_err(|_| damaged("it does not open with its log key"))?);
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    match plain.len() {
        SECRET_BYTES => secret.copy_from_slice(&plain),
        _ => return Err(damaged("it opens to something else")),
    }
    Ok(MonthSecret(secret))
}

fn make(
    storage: &dyn Storage,
    folder: &Path,
    keys: &LogKeys,
    salt: &[u8; 32],
    month: &str,
    entropy: &dyn Entropy,
) -> Result<MonthSecret, LogError> {
    let (file, id) = (secret_path(folder, month), keys.id());
    let seal = keys.secrets(id, salt).ok_or_else(|| no_master(id, month))?;
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    entropy.fill(&mut secret[..]);
    let mut random = [0; RANDOM_BYTES];
    entropy.fill(&mut random);
    let mut sealed = random.to_vec();
    seal.seal(
        &random,
        bound(month, id).as_bytes(),
        &secret[..],
        &mut sealed,
    );
    let mut lines = read_lines(storage, &file, month)?.unwrap_or_default();
    let log = LogId::new(salt);
    // Of a log that a cut of power ended before its first record, a line stays: of no harm.
    lines.push(Line {
        key: id,
        log,
        sealed,
    });
    let mut text = format!("{HEAD} {month}\n");
    for line in &lines {
        // Writing to a string cannot fail.
        let _ = write!(text, "{} {} ", line.key, line.log);
        for byte in &line.sealed {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    let fault = || LogError::io("write", file.display().to_string());
    let keys_folder = disk::folder_of(&file);
    storage.create_folder(keys_folder).map_err(fault())?;
    // The name of the folder itself, where it is new.
    storage.sync_folder(folder).map_err(fault())?;
    // Of the file that this one replaces nothing is to stay in the free blocks of the disk.
    let before = storage.open(&file).ok();
    replace::write(storage, &file, text.as_bytes()).map_err(fault())?;
    if let Some(before) = before {
        blank(&*before).map_err(fault())?;
    }
    Ok(MonthSecret(secret))
}

/// What a sealed secret is bound to.
fn bound(month: &str, id: KeyId) -> String {
    format!("{month} {id}")
}

struct Line {
    key: KeyId,
    log: LogId,
    sealed: Vec<u8>,
}

fn read_lines(
    storage: &dyn Storage,
    file: &Path,
    month: &str,
) -> Result<Option<Vec<Line>>, ShardClosed> {
    let failed = |fault| ShardClosed::Io {
        file: file.to_owned(),
        fault,
    };
    let opened = match storage.open_to_read(file) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let bytes = disk::read_all(&*opened).map_err(failed)?;
    let damaged = |what| ShardClosed::Damaged {
        file: file.to_owned(),
        what,
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| damaged("it is no text"))?;
    let mut lines = text.lines();
    if lines.next() != Some(&*format!("{HEAD} {month}")) || !text.ends_with('\n') {
        return Err(damaged("it is not the secret of this month"));
    }
    let read: Option<Vec<Line>> = lines.map(read_line).collect();
    read.map(Some)
        .ok_or_else(|| damaged("a line makes no sense"))
}

fn read_line(text: &str) -> Option<Line> {
    let (key, sealed) = text.split_once(' ')?;
    let (log, sealed) = sealed.split_once(' ')?;
    let sealed = from_hex(sealed)?;
    let number = |text| Some(KeyId(from_hex(text)?.try_into().ok()?));
    (sealed.len() == SEALED_BYTES).then_some(Line {
        key: number(key)?,
        log: LogId::parse(log)?,
        sealed,
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|place| u8::from_str_radix(text.get(place..place + 2)?, 16).ok())
        .collect()
}
