//! Files of the log: their names, the header each begins with, and their making beforehand.
//!
//! In: a folder, a number, a size. Out: a file full of zeros that is on the disk with its name
//! before the first record goes into it, so that records change no length and need no journal of
//! the file system. Segments are numbered from 1 without gaps.

use super::codec::{Fields, put_number, put_text};
use super::error::LogError;
use crate::model::term::Moment;
use crate::seal::keys::KeyId;
use crate::storage::append::{self, Found};
use crate::storage::disk::{Storage, StoredFile};
use crate::storage::replace;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Zeros written at once while a segment is prepared, in bytes: what a sync may have to wait for.
const STEP_BYTES: u64 = 1 << 20;

/// Zeros of one write. The page cache keeps a file in the pieces in which it was first written, and
/// every later write into a piece walks all its blocks: records into pieces of 1 MiB cost 2.5 times
/// as much as into these (ext4, Linux 6).
const FILL_BYTES: u64 = 64 << 10;

/// Segments grow and shrink by this many bytes.
pub const SEGMENT_UNIT_BYTES: u64 = 4_096;

/// How the log writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// Size of a segment in bytes, a multiple of 4,096. Default 64 MiB; 8 KiB to 1 GiB.
    pub segment_bytes: u64,
    /// Longest time that a record stays in the kernel alone, in milliseconds, but for the sync
    /// itself. Default 5; 1 to 10,000.
    pub sync_interval_ms: u64,
    /// Who syncs. Default a thread of the log's own.
    pub syncing: Syncing,
}

/// Who syncs the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncing {
    /// A thread of the log's own.
    Thread,
    /// Nobody but callers of `sync_now`: for tests that must know the moment.
    ByHand,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            sync_interval_ms: 5,
            syncing: Syncing::Thread,
        }
    }
}

impl LogOptions {
    /// Refuses options that cannot work.
    pub fn validate(&self) -> Result<(), LogError> {
        let within = |name, value: u64, from, to| match (from..=to).contains(&value) {
            true => Ok(()),
            false => Err(LogError::Option {
                name,
                value,
                from,
                to,
            }),
        };
        within("segment_bytes", self.segment_bytes, 8 << 10, 1 << 30)?;
        let rest = self.segment_bytes % SEGMENT_UNIT_BYTES;
        within("segment_bytes modulo 4096", rest, 0, 0)?;
        within("sync_interval_ms", self.sync_interval_ms, 1, 10_000)
    }
}

/// What a segment says of itself in its first frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Number of the segment.
    pub number: u64,
    /// Its size in bytes.
    pub segment_bytes: u64,
    /// When it was begun.
    pub begun: Moment,
    /// Random bytes of the whole log, for the derivation of its keys.
    pub salt: [u8; 32],
    /// Master key from which its keys are derived.
    pub key_id: KeyId,
    /// Month of its keys, for example `2026-11`.
    pub month: String,
    /// Whether its keys come of the month's secret too; those of older versions do not.
    pub has_secret: bool,
}

/// Algorithms: AES-256-GCM-SIV, HMAC-SHA-256 cut to 128 bits, HKDF-SHA-256 of the master.
const WITHOUT_SECRET: [u8; 3] = [1, 1, 1];
/// The same, HKDF-SHA-256 of the master and the month's secret.
const WITH_SECRET: [u8; 3] = [1, 1, 2];

impl Header {
    /// Appends the payload.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.key_id.0);
        out.extend_from_slice(&self.begun.0.to_le_bytes());
        out.extend_from_slice(match self.has_secret {
            true => &WITH_SECRET,
            false => &WITHOUT_SECRET,
        });
        put_number(out, self.number);
        put_number(out, self.segment_bytes);
        put_text(out, &self.month);
    }

    /// Reads the payload; `None` where it makes no sense or names other algorithms.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(payload);
        let salt = fields.array()?;
        let key_id = KeyId(fields.array()?);
        let begun = Moment(i64::from_le_bytes(fields.array()?));
        let has_secret = match fields.array()? {
            WITHOUT_SECRET => false,
            WITH_SECRET => true,
            _ => return None,
        };
        Some(Self {
            has_secret,
            number: fields.number()?,
            segment_bytes: fields.number()?,
            begun,
            salt,
            key_id,
            month: fields.text()?.to_owned(),
        })
    }
}

/// Name of a segment's file.
pub fn file_name(number: u64) -> String {
    format!("log-{number:08}.hlog")
}

/// Number of the segment whose file has this name.
pub fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("log-")?.strip_suffix(".hlog")?;
    let number = digits.parse().ok()?;
    (file_name(number) == name && number > 0).then_some(number)
}

/// What the last segment with records says of itself; `None` where there is none.
///
/// Errors: a segment between others is missing, a header makes no sense, the file system.
pub fn last_header(storage: &dyn Storage, folder: &Path) -> Result<Option<Header>, LogError> {
    for number in numbers(storage, folder)?.into_iter().rev() {
        let name = file_name(number);
        let opened = storage.open_to_read(&folder.join(&name));
        let file = opened.map_err(LogError::io("open", name.as_str()))?;
        let mut bytes = vec![0; SEGMENT_UNIT_BYTES as usize];
        let read = file.read_at(0, &mut bytes);
        bytes.truncate(read.map_err(LogError::io("read", name.as_str()))?);
        if append::is_blank(&bytes, 0) {
            continue;
        }
        let header = match append::decode(&bytes, 0) {
            Found::Frame(frame, _) => Header::read(frame.payload),
            Found::UnknownFormat(_) | Found::Nothing => None,
        };
        return header.map(Some).ok_or(LogError::Damaged {
            file: name,
            offset: 0,
            detail: "the file does not begin with the header of its segment",
        });
    }
    Ok(None)
}

/// Name of the side file of a segment.
pub fn side_name(number: u64) -> String {
    format!("log-{number:08}.subjects")
}

/// Number of the segment whose side file has this name.
pub fn side_number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("log-")?.strip_suffix(".subjects")?;
    let number = digits.parse().ok()?;
    (side_name(number) == name).then_some(number)
}

/// Numbers of the segments in a folder, rising. Errors: one between others is missing.
pub fn numbers(storage: &dyn Storage, folder: &Path) -> Result<Vec<u64>, LogError> {
    let listed = storage.list(folder);
    let names = listed.map_err(LogError::io("list", folder.display().to_string()))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| number_of(name)).collect();
    numbers.sort_unstable();
    for pair in numbers.windows(2) {
        if pair[1] != pair[0] + 1 {
            let file = file_name(pair[0] + 1);
            return Err(LogError::Missing { file });
        }
    }
    Ok(numbers)
}

/// The making of the next segment, in steps between which syncs find their turn.
#[derive(Debug)]
pub(super) struct Preparation {
    number: u64,
    segment_bytes: u64,
    folder: PathBuf,
    file: Option<Arc<dyn StoredFile>>,
    filled_bytes: u64,
    named: bool,
}

impl Preparation {
    /// Of the segment with this number.
    pub fn new(folder: &Path, number: u64, segment_bytes: u64) -> Self {
        Self {
            number,
            segment_bytes,
            folder: folder.to_owned(),
            file: None,
            filled_bytes: 0,
            named: false,
        }
    }

    /// Of a segment that a former run has prepared.
    pub fn ready(folder: &Path, number: u64, file: Arc<dyn StoredFile>, bytes: u64) -> Self {
        Self {
            file: Some(file),
            filled_bytes: bytes,
            named: true,
            ..Self::new(folder, number, bytes)
        }
    }

    /// Whether the segment can be used.
    pub fn is_ready(&self) -> bool {
        self.named
    }

    /// Goes one step on; does nothing where the segment is ready.
    ///
    /// Errors: those of the file system; the next step begins anew.
    pub fn step(&mut self, storage: &dyn Storage) -> Result<(), LogError> {
        if self.named {
            return Ok(());
        }
        let path = self.path();
        let stepped = self.step_on(storage, &path);
        stepped.map_err(|source| {
            self.file = None;
            self.filled_bytes = 0;
            LogError::io("prepare", file_name(self.number))(source)
        })
    }

    fn step_on(&mut self, storage: &dyn Storage, path: &Path) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let file = replace::begin(storage, path)?;
                self.file = Some(Arc::clone(&file));
                file
            }
        };
        let step = STEP_BYTES.min(self.segment_bytes - self.filled_bytes);
        let zeros = vec![0; FILL_BYTES.min(step) as usize];
        let mut filled = 0;
        while filled < step {
            let rest = zeros.len().min((step - filled) as usize);
            file.write_at(self.filled_bytes + filled, &zeros[..rest])?;
            filled += rest as u64;
        }
        file.sync()?;
        self.filled_bytes += step;
        if self.filled_bytes == self.segment_bytes {
            replace::finish(storage, path, &file)?;
            self.named = true;
        }
        Ok(())
    }

    /// Finishes and hands over the segment: its number, file and size. The next one is begun by
    /// the next step.
    pub fn take(&mut self, storage: &dyn Storage, next_bytes: u64) -> Result<Prepared, LogError> {
        while !self.named {
            self.step(storage)?;
        }
        let next = Self::new(&self.folder, self.number + 1, next_bytes);
        let done = std::mem::replace(self, next);
        let file = done.file.ok_or_else(|| LogError::Missing {
            file: file_name(done.number),
        })?;
        Ok(Prepared {
            number: done.number,
            file,
            segment_bytes: done.segment_bytes,
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.join(file_name(self.number))
    }
}

/// A segment full of zeros.
#[derive(Debug)]
pub(super) struct Prepared {
    pub number: u64,
    pub file: Arc<dyn StoredFile>,
    pub segment_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::read_all;
    use crate::storage::simulated::SimulatedDisk;

    #[test]
    fn names_are_read_as_they_are_written() {
        assert_eq!(file_name(7), "log-00000007.hlog");
        for number in [1, 99_999_999, 100_000_000] {
            assert_eq!(number_of(&file_name(number)), Some(number));
        }
        for name in [
            "log-7.hlog",
            "log-00000000.hlog",
            "log-00000007.hlog.aside",
            "lock",
        ] {
            assert_eq!(number_of(name), None, "{name}");
        }
    }

    #[test]
    fn a_header_is_read_as_it_is_written() {
        let header = Header {
            number: 3,
            segment_bytes: 8_192,
            begun: Moment(1_234),
            salt: [9; 32],
            key_id: KeyId([4; 8]),
            month: "2026-11".into(),
            has_secret: true,
        };
        let mut payload = Vec::new();
        header.put(&mut payload);
        assert_eq!(Header::read(&payload), Some(header.clone()));
        payload[50] = 1;
        let older = Header::read(&payload).unwrap();
        assert_eq!((older.has_secret, older.month), (false, header.month));
        payload[48] = 2;
        assert_eq!(Header::read(&payload), None, "another algorithm");
        assert_eq!(Header::read(b""), None);
    }

    #[test]
    fn a_prepared_segment_is_whole_after_any_crash_or_not_there() {
        let folder = Path::new("/log");
        for seed in 0..60 {
            let disk = SimulatedDisk::new(seed);
            disk.create_folder(folder).unwrap();
            disk.cut_power_after(seed % 8);
            let mut preparation = Preparation::new(folder, 1, 3 << 20);
            let taken = preparation.take(&disk, 8_192);
            let disk = disk.crash();
            let file = disk.open(&folder.join(file_name(1)));
            assert!(file.is_ok() || taken.is_err(), "seed {seed}");
            if let Ok(file) = file {
                assert_eq!(read_all(&*file).unwrap(), vec![0; 3 << 20]);
            }
        }
    }

    #[test]
    fn options_out_of_bounds_are_refused() {
        LogOptions::default().validate().unwrap();
        for (segment_bytes, sync_interval_ms) in [(4_096, 5), (8_200, 5), (8_192, 0)] {
            let options = LogOptions {
                segment_bytes,
                sync_interval_ms,
                ..LogOptions::default()
            };
            assert!(options.validate().is_err(), "{options:?}");
        }
    }
}
