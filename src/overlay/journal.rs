//! The durable journal of acts: what freed somebody once frees him after every restart.
//!
//! In: one act with who did it and why. Out: its number, once it is on the disk. On opening: all
//! acts in order. One file of frames (`storage/append.rs`), kind 1 an act; a mark after each act
//! states that it is on the disk, so that later damage to it stops the start instead of passing
//! for a torn tail. A failed write or sync ends the journal until the next start. Not here: what
//! acts mean (`standing.rs`).

use super::record::{CaseMark, Deadline, JournalEntry, Origin};
use crate::identifier::free_text::mask_citizen_ids;
use crate::model::entry::{Act, ActKind, EntryId};
use crate::model::term::Moment;
use crate::storage::append::{Found, Frame};
use crate::storage::append::{KIND_MARK, decode, encode, scan, stated_behind};
use crate::storage::disk::{FolderLock, Storage, StoredFile, folder_of, read_all};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Kind of a frame that holds an act.
pub const KIND_ACT: u8 = 1;

/// Bytes of one text (entry_id, unit, reason, reference) at most; more is refused.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;

/// What may follow the texts of an act.
const TAG_DEADLINE: u8 = 1;
const TAG_ORIGIN: u8 = 2;
const TAG_CASE: u8 = 3;

/// Stored where an act concerns no version.
const NO_VERSION: i64 = i64::MIN;

/// Why the journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("{file}: {source}; acts cannot be kept until the gateway is started again")]
    Io {
        /// The journal.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A record that was on the disk cannot be read.
    #[error(
        "{file}: damaged at byte {offset}, before the end of what was stored; \
         restore the file from a copy: a start without it could restrict people who were released"
    )]
    Damaged {
        /// The journal.
        file: String,
        /// Where the first unreadable record begins.
        offset: u64,
    },
    /// Written by a later version.
    #[error("{file}: byte {offset} is of format {format}; start the version that wrote it")]
    Format {
        /// The journal.
        file: String,
        /// Where the record begins.
        offset: u64,
        /// Its format, or the kind of act that is not known.
        format: u8,
    },
    /// Another process has it open.
    #[error("{file}: another process keeps this journal; one gateway has one state folder")]
    InUse {
        /// The journal.
        file: String,
    },
    /// A text that is too long.
    #[error("`{field}` is longer than {TEXT_BYTES_MAX} bytes; shorten it")]
    TooLong {
        /// Which text.
        field: &'static str,
    },
    /// An earlier write failed.
    #[error("the journal ended with an earlier fault; start the gateway again")]
    Ended,
}

/// An open journal. One owner: the actor.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Arc<dyn StoredFile>,
    offset: u64,
    next_index: u64,
    synced_through: u64,
    sequence: u64,
    has_ended: bool,
    buffer: Vec<u8>,
    _lock: FolderLock,
}

impl Journal {
    /// Opens the journal, creating it where absent, and returns the acts kept so far, in order.
    ///
    /// A tail that a cut of power tore is cut off: it was never acknowledged. Errors: damage before
    /// it, another format, another process, the file system.
    pub fn open(
        storage: &dyn Storage,
        path: &Path,
    ) -> Result<(Self, Vec<JournalEntry>), JournalError> {
        let at = |source: io::Error| JournalError::Io {
            file: path.display().to_string(),
            source,
        };
        storage.create_folder(folder_of(path)).map_err(at)?;
        let lock = storage
            .lock(&path.with_extension("lock"))
            .map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock => JournalError::InUse {
                    file: path.display().to_string(),
                },
                _ => at(error),
            })?;
        let file = open_or_create(storage, path).map_err(at)?;
        let bytes = read_all(file.as_ref()).map_err(at)?;
        let (entries, end) = read(&bytes, &path.display().to_string())?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            offset: end.offset,
            next_index: end.next_index,
            // What was read is known to be on the disk only once `settle` has synced it.
            synced_through: end.synced_through,
            sequence: entries.len() as u64,
            has_ended: false,
            buffer: Vec::new(),
            _lock: lock,
        };
        journal.settle(&bytes).map_err(at)?;
        Ok((journal, entries))
    }

    /// Keeps one act; returns its number once it is on the disk. A citizen number inside reason or
    /// reference is masked first.
    ///
    /// Errors: a text that is too long; the file system, after which the journal has ended.
    pub fn append(
        &mut self,
        act: &Act,
        unit: &str,
        reason: &str,
        reference: &str,
    ) -> Result<u64, JournalError> {
        let mut entries = [JournalEntry::new(act.clone(), unit, reason, reference)];
        self.append_all(&mut entries)?;
        Ok(self.sequence)
    }

    /// Keeps acts in their order with one sync, and gives each its number. As `append`; of many a
    /// cut of power may leave the first ones.
    pub fn append_all(&mut self, entries: &mut [JournalEntry]) -> Result<(), JournalError> {
        if self.has_ended {
            return Err(JournalError::Ended);
        }
        for entry in &mut *entries {
            entry.reason = mask_citizen_ids(&entry.reason).into();
            entry.reference = mask_citizen_ids(&entry.reference).into();
            let long = texts(entry)
                .into_iter()
                .find(|(_, text)| text.len() > TEXT_BYTES_MAX);
            if let Some((field, _)) = long {
                return Err(JournalError::TooLong { field });
            }
        }
        // Whatever fails from here on, the file may hold half of it: nothing is written after it.
        self.has_ended = true;
        entries
            .iter()
            .try_for_each(|entry| self.write(KIND_ACT, |out| write_entry(entry, out)))
            .and_then(|()| self.sync())
            .and_then(|()| self.write(KIND_MARK, |_| {}))
            .map_err(|source| JournalError::Io {
                file: self.path.display().to_string(),
                source,
            })?;
        self.has_ended = false;
        for entry in entries {
            self.sequence += 1;
            entry.sequence = self.sequence;
        }
        Ok(())
    }

    /// Whether acts can be kept.
    pub fn is_usable(&self) -> bool {
        !self.has_ended
    }

    fn write(&mut self, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.buffer.clear();
        encode(
            &mut self.buffer,
            kind,
            self.next_index,
            self.synced_through,
            fill,
        )?;
        self.file.write_at(self.offset, &self.buffer)?;
        self.offset += self.buffer.len() as u64;
        self.next_index += 1;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()?;
        self.synced_through = self.next_index - 1;
        Ok(())
    }

    /// Zeros what is torn, writes again what was read, and syncs: a sync that failed in a former
    /// run may have left in memory what the disk never got.
    fn settle(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut settled = bytes.to_vec();
        if let Some(torn) = settled.get_mut(self.offset as usize..) {
            torn.fill(0);
        }
        self.file.write_at(0, &settled)?;
        self.sync()
    }
}

/// Reads a journal without changing it, for those who only look.
///
/// Errors: as `Journal::open`.
pub fn read_only(storage: &dyn Storage, path: &Path) -> Result<Vec<JournalEntry>, JournalError> {
    let file = path.display().to_string();
    let at = |source: io::Error| JournalError::Io {
        file: file.clone(),
        source,
    };
    let stored = storage.open_to_read(path).map_err(at)?;
    let bytes = read_all(stored.as_ref()).map_err(at)?;
    read(&bytes, &file).map(|(entries, _)| entries)
}

/// Where the acts end.
struct End {
    offset: u64,
    next_index: u64,
    synced_through: u64,
}

fn read(bytes: &[u8], file: &str) -> Result<(Vec<JournalEntry>, End), JournalError> {
    let mut entries = Vec::new();
    let end = scan(bytes, Some(1), |frame| {
        if frame.kind == KIND_ACT {
            entries.push(parse(frame, entries.len() as u64 + 1, file)?);
        }
        Ok(())
    })?;
    let offset = end.offset;
    let file = file.to_owned();
    if let Some(format) = end.unknown_format {
        return Err(JournalError::Format {
            file,
            offset,
            format,
        });
    }
    // A whole frame of another place here means that frames before it are gone.
    let out_of_order = matches!(decode(bytes, offset), Found::Frame(..));
    if out_of_order || stated_behind(bytes, offset) >= end.next_index {
        return Err(JournalError::Damaged { file, offset });
    }
    let (next_index, synced_through) = (end.next_index, end.synced_through);
    Ok((
        entries,
        End {
            offset,
            next_index,
            synced_through,
        },
    ))
}

fn open_or_create(storage: &dyn Storage, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
    let file = match storage.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = storage.create(path)?;
            file.sync()?;
            file
        }
        opened => opened?,
    };
    // Also of a file that is there: who made it may have been killed before its name was durable.
    storage.sync_folder(folder_of(path))?;
    Ok(file)
}

fn texts(entry: &JournalEntry) -> [(&'static str, &str); 4] {
    [
        ("entry_id", entry.act.entry_id.as_str()),
        ("unit", &entry.unit),
        ("reason", &entry.reason),
        ("reference", &entry.reference),
    ]
}

fn write_entry(entry: &JournalEntry, out: &mut Vec<u8>) {
    let act = &entry.act;
    out.push(code_of(act.kind));
    out.extend_from_slice(&act.at.0.to_le_bytes());
    out.extend_from_slice(&act.version.map_or(NO_VERSION, |at| at.0).to_le_bytes());
    for (_, text) in texts(entry) {
        out.extend_from_slice(&(text.len() as u16).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    // What not every act has follows as tag, length, bytes; a reader skips tags it does not know.
    let mut more = |tag: u8, number: &[u8], text: &str| {
        out.push(tag);
        out.extend_from_slice(&((number.len() + text.len()) as u16).to_le_bytes());
        out.extend_from_slice(number);
        out.extend_from_slice(text.as_bytes());
    };
    if let Some(deadline) = &entry.deadline {
        more(TAG_DEADLINE, &deadline.due.0.to_le_bytes(), &deadline.clock);
    }
    if let Some(origin) = &entry.origin {
        more(TAG_ORIGIN, &origin.sequence.to_le_bytes(), &origin.issuer);
    }
    if let Some(case) = &entry.case {
        more(TAG_CASE, &case.0, "");
    }
}

fn parse(frame: Frame<'_>, sequence: u64, file: &str) -> Result<JournalEntry, JournalError> {
    let offset = frame.offset;
    let damaged = || JournalError::Damaged {
        file: file.to_owned(),
        offset,
    };
    let code = *frame.payload.first().ok_or_else(damaged)?;
    let kind = kind_of(code).ok_or_else(|| JournalError::Format {
        file: file.to_owned(),
        offset,
        format: code,
    })?;
    read_entry(kind, frame.payload.get(1..).unwrap_or(&[]), sequence).ok_or_else(damaged)
}

fn read_entry(kind: ActKind, mut rest: &[u8], sequence: u64) -> Option<JournalEntry> {
    let at = Moment(i64::from_le_bytes(take(&mut rest)?));
    let version = i64::from_le_bytes(take(&mut rest)?);
    let mut text = || {
        let length = u16::from_le_bytes(take(&mut rest)?);
        let bytes = rest.split_off(..usize::from(length))?;
        std::str::from_utf8(bytes).ok().map(Box::<str>::from)
    };
    let act = Act {
        entry_id: EntryId(text()?),
        kind,
        at,
        version: (version != NO_VERSION).then_some(Moment(version)),
    };
    let (unit, reason, reference) = (text()?, text()?, text()?);
    let mut entry = JournalEntry::new(act, &unit, &reason, &reference);
    entry.sequence = sequence;
    while !rest.is_empty() {
        let [tag] = take(&mut rest)?;
        let length = u16::from_le_bytes(take(&mut rest)?);
        let bytes = rest.split_off(..usize::from(length))?;
        read_more(&mut entry, tag, bytes)?;
    }
    Some(entry)
}

fn read_more(entry: &mut JournalEntry, tag: u8, mut bytes: &[u8]) -> Option<()> {
    match tag {
        TAG_DEADLINE => {
            let due = Moment(i64::from_le_bytes(take(&mut bytes)?));
            let clock = std::str::from_utf8(bytes).ok()?.into();
            entry.deadline = Some(Deadline { due, clock });
        }
        TAG_ORIGIN => {
            let sequence = u64::from_le_bytes(take(&mut bytes)?);
            let issuer = std::str::from_utf8(bytes).ok()?.into();
            entry.origin = Some(Origin { issuer, sequence });
        }
        TAG_CASE => entry.case = Some(CaseMark(take(&mut bytes)?)),
        _ => (),
    }
    Some(())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    rest.split_off(..N)?.try_into().ok()
}

fn code_of(kind: ActKind) -> u8 {
    match kind {
        ActKind::Hold => 1,
        ActKind::Upheld => 2,
        ActKind::Corrected => 3,
        ActKind::Removed => 4,
        ActKind::Withdraw => 5,
        ActKind::Repair => 6,
    }
}

fn kind_of(code: u8) -> Option<ActKind> {
    Some(match code {
        1 => ActKind::Hold,
        2 => ActKind::Upheld,
        3 => ActKind::Corrected,
        4 => ActKind::Removed,
        5 => ActKind::Withdraw,
        6 => ActKind::Repair,
        _ => return None,
    })
}

#[cfg(test)]
mod schedules;
#[cfg(test)]
mod tests;
