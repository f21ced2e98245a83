//! The durable journal of acts: what freed somebody once frees him after every restart.
//!
//! In: one act with who did it and why. Out: its number, once it is on the disk. On opening: all
//! acts in order. One file of frames (`storage/append.rs`), kind 1 an act; a mark after each act
//! states that it is on the disk, so that later damage to it stops the start instead of passing
//! for a torn tail. A failed write or sync ends the journal until the next start. Not here: what
//! acts mean (`standing.rs`).

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

/// One act as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its number, from 1, as `Overlay::sequence` counts.
    pub sequence: u64,
    /// What was done.
    pub act: Act,
    /// Unit that did it.
    pub unit: Box<str>,
    /// Why.
    pub reason: Box<str>,
    /// Document it rests on.
    pub reference: Box<str>,
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
        if self.has_ended {
            return Err(JournalError::Ended);
        }
        let (reason, reference) = (mask_citizen_ids(reason), mask_citizen_ids(reference));
        let entry_id = act.entry_id.as_str();
        let texts = [
            ("entry_id", entry_id),
            ("unit", unit),
            ("reason", &reason),
            ("reference", &reference),
        ];
        if let Some((field, _)) = texts.iter().find(|(_, text)| text.len() > TEXT_BYTES_MAX) {
            return Err(JournalError::TooLong { field });
        }
        // Whatever fails from here on, the file may hold half of it: nothing is written after it.
        self.has_ended = true;
        self.write(KIND_ACT, |out| {
            out.push(code_of(act.kind));
            out.extend_from_slice(&act.at.0.to_le_bytes());
            out.extend_from_slice(&act.version.map_or(NO_VERSION, |at| at.0).to_le_bytes());
            for (_, text) in texts {
                out.extend_from_slice(&(text.len() as u16).to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        })
        .and_then(|()| self.sync())
        .and_then(|()| self.write(KIND_MARK, |_| {}))
        .map_err(|source| JournalError::Io {
            file: self.path.display().to_string(),
            source,
        })?;
        self.has_ended = false;
        self.sequence += 1;
        Ok(self.sequence)
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
    match storage.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = storage.create(path)?;
            file.sync()?;
            storage.sync_folder(folder_of(path))?;
            Ok(file)
        }
        opened => opened,
    }
}

fn parse(frame: Frame<'_>, sequence: u64, file: &str) -> Result<JournalEntry, JournalError> {
    let offset = frame.offset;
    let damaged = || JournalError::Damaged {
        file: file.to_owned(),
        offset,
    };
    let mut rest = frame.payload;
    let code = *rest.split_off_first().ok_or_else(damaged)?;
    let kind = kind_of(code).ok_or_else(|| JournalError::Format {
        file: file.to_owned(),
        offset,
        format: code,
    })?;
    let mut number = || rest.split_off(..8)?.try_into().ok().map(i64::from_le_bytes);
    let (at, version) = (number().ok_or_else(damaged)?, number().ok_or_else(damaged)?);
    let mut text = || {
        let length = rest
            .split_off(..2)?
            .try_into()
            .ok()
            .map(u16::from_le_bytes)?;
        let bytes = rest.split_off(..usize::from(length))?;
        std::str::from_utf8(bytes).ok().map(Box::<str>::from)
    };
    let entry_id = EntryId(text().ok_or_else(damaged)?);
    let version = (version != NO_VERSION).then_some(Moment(version));
    Ok(JournalEntry {
        sequence,
        act: Act {
            entry_id,
            kind,
            at: Moment(at),
            version,
        },
        unit: text().ok_or_else(damaged)?,
        reason: text().ok_or_else(damaged)?,
        reference: text().ok_or_else(damaged)?,
    })
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
mod tests {
    use super::*;
    use crate::storage::simulated::{Fault, SimulatedDisk};
    use proptest::prelude::*;

    const PATH: &str = "/state/acts.journal";

    fn act(entry_id: &str, kind: ActKind, at: i64) -> Act {
        let version = (at % 2 == 0).then_some(Moment(at - 1));
        Act {
            entry_id: EntryId(entry_id.into()),
            kind,
            at: Moment(at),
            version,
        }
    }

    fn open(disk: &SimulatedDisk) -> Result<(Journal, Vec<JournalEntry>), JournalError> {
        Journal::open(disk, Path::new(PATH))
    }

    /// The bytes of a journal with three acts, and where the last begins.
    fn three_acts() -> (Vec<u8>, usize) {
        let disk = SimulatedDisk::new(1);
        let (mut journal, _) = open(&disk).unwrap();
        let mut last = 0;
        for at in 1..=3 {
            last = journal.offset as usize;
            journal
                .append(&act("fz-1", ActKind::Withdraw, at), "court", "wrong", "r")
                .unwrap();
        }
        let file = disk.open_to_read(Path::new(PATH)).unwrap();
        (read_all(file.as_ref()).unwrap(), last)
    }

    fn disk_with(bytes: &[u8]) -> SimulatedDisk {
        let disk = SimulatedDisk::new(2);
        disk.create_folder(Path::new("/state")).unwrap();
        let file = disk.create(Path::new(PATH)).unwrap();
        file.write_at(0, bytes).unwrap();
        file.sync().unwrap();
        disk.sync_folder(Path::new("/state")).unwrap();
        disk
    }

    #[test]
    fn acts_are_read_back_in_order_with_who_and_why() {
        let disk = SimulatedDisk::new(3);
        let (mut journal, before) = open(&disk).unwrap();
        assert!(before.is_empty());
        let held = act("a", ActKind::Hold, 10);
        assert_eq!(
            journal
                .append(&held, "court", "objection", "no. 1")
                .unwrap(),
            1
        );
        assert_eq!(
            journal
                .append(&act("b", ActKind::Repair, 11), "u", "", "")
                .unwrap(),
            2
        );
        drop(journal);
        let (mut journal, entries) = open(&disk).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].act, held);
        assert_eq!(
            (&*entries[0].unit, &*entries[0].reason),
            ("court", "objection")
        );
        assert_eq!(entries[1].act, act("b", ActKind::Repair, 11));
        assert_eq!(journal.append(&held, "court", "", "").unwrap(), 3);
    }

    #[test]
    fn a_citizen_number_in_a_reason_is_never_stored() {
        let disk = SimulatedDisk::new(4);
        let (mut journal, _) = open(&disk).unwrap();
        let reason = "990102198003071239 was confused with another";
        journal
            .append(&act("a", ActKind::Withdraw, 1), "u", reason, reason)
            .unwrap();
        let file = disk.open_to_read(Path::new(PATH)).unwrap();
        let bytes = read_all(file.as_ref()).unwrap();
        assert!(!bytes.windows(14).any(|window| window == b"99010219800307"));
    }

    #[test]
    fn every_torn_or_flipped_byte_is_a_tail_or_named_damage() {
        let (whole, last) = three_acts();
        for place in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[place] ^= 0x10;
            match open(&disk_with(&flipped)) {
                // Only the last mark, and zeros behind it, are not vouched for.
                Ok((_, entries)) => assert_eq!(entries.len(), 3, "flipped at {place}"),
                Err(JournalError::Damaged { offset, .. }) => assert!(offset <= place as u64),
                Err(error) => panic!("flipped at {place}: {error}"),
            }
            let (_, entries) = open(&disk_with(&whole[..place])).unwrap();
            assert!(place < last || entries.len() >= 2, "cut at {place}");
        }
    }

    #[test]
    fn a_cut_journal_goes_on_where_it_was_cut() {
        let (whole, last) = three_acts();
        let disk = disk_with(&whole[..last + 20]);
        let (mut journal, entries) = open(&disk).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(
            journal
                .append(&act("c", ActKind::Hold, 9), "u", "", "")
                .unwrap(),
            3
        );
        drop(journal);
        assert_eq!(open(&disk).unwrap().1.len(), 3);
    }

    #[test]
    fn nothing_is_acknowledged_after_a_failed_sync() {
        let disk = SimulatedDisk::new(5);
        let (mut journal, _) = open(&disk).unwrap();
        journal
            .append(&act("a", ActKind::Hold, 1), "u", "", "")
            .unwrap();
        disk.fail_next(Fault::Sync);
        let failed = journal.append(&act("b", ActKind::Hold, 2), "u", "", "");
        assert!(matches!(failed, Err(JournalError::Io { .. })));
        let after = journal.append(&act("c", ActKind::Hold, 3), "u", "", "");
        assert!(matches!(after, Err(JournalError::Ended)));
        assert!(!journal.is_usable());
    }

    /// `HECHA_WRITE_GOLDEN=1` writes the file anew; only a new format may do that.
    #[test]
    fn a_journal_of_format_1_opens_and_is_still_written_byte_for_byte() {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/acts-1.journal");
        let (written, _) = three_acts();
        if std::env::var_os("HECHA_WRITE_GOLDEN").is_some() {
            std::fs::write(golden, &written).unwrap();
        }
        let kept = std::fs::read(golden).unwrap();
        assert_eq!(kept, written);
        let (_, entries) = open(&disk_with(&kept)).unwrap();
        let expected: Vec<Act> = (1..=3)
            .map(|at| act("fz-1", ActKind::Withdraw, at))
            .collect();
        let acts: Vec<Act> = entries.into_iter().map(|entry| entry.act).collect();
        assert_eq!(acts, expected);
    }

    #[test]
    fn one_process_keeps_a_journal() {
        let disk = SimulatedDisk::new(6);
        let first = open(&disk).unwrap();
        assert!(matches!(open(&disk), Err(JournalError::InUse { .. })));
        drop(first);
        assert!(open(&disk).is_ok());
    }

    #[test]
    fn texts_that_are_too_long_are_refused_and_cost_nothing() {
        let disk = SimulatedDisk::new(7);
        let (mut journal, _) = open(&disk).unwrap();
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        let refused = journal.append(&act("a", ActKind::Hold, 1), "u", &long, "");
        let text = refused.unwrap_err().to_string();
        assert_eq!(text, "`reason` is longer than 8192 bytes; shorten it");
        assert_eq!(
            journal
                .append(&act("a", ActKind::Hold, 1), "u", "", "")
                .unwrap(),
            1
        );
    }

    proptest! {
        #[test]
        fn what_was_kept_survives_any_power_cut(seed: u64, acts in 1u8..12, ops in 0u64..60) {
            let disk = SimulatedDisk::new(seed);
            let (mut journal, _) = open(&disk).unwrap();
            disk.cut_power_after(ops);
            let mut acknowledged = 0;
            for at in 1..=i64::from(acts) {
                match journal.append(&act("a", ActKind::Withdraw, at), "u", "why", "ref") {
                    Ok(sequence) => acknowledged = sequence,
                    Err(_) => break,
                }
            }
            let (mut journal, entries) = open(&disk.crash()).unwrap();
            prop_assert!(entries.len() as u64 >= acknowledged);
            prop_assert!(entries.len() as u64 <= acknowledged + 1);
            let moments: Vec<i64> = entries.iter().map(|entry| entry.act.at.0).collect();
            let expected: Vec<i64> = (1..=entries.len() as i64).collect();
            prop_assert_eq!(moments, expected);
            journal.append(&act("z", ActKind::Hold, 99), "u", "", "").unwrap();
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = open(&disk_with(&bytes));
        }
    }
}
