//! Which side file or segment answers for each segment, damage or not.
//!
//! In: a folder, beside the writer or without one. Out: every segment with records once, in order,
//! with a side file that answers: the stored one, or one gathered just now, in memory, where it is
//! missing, damaged, or the segment is still being written. So an answer never depends on a side
//! file being there or whole; only its speed does. Damage of a segment itself is an error.

use super::chain::nonsense;
use super::entry::{self, CheckRecord, NameKey, Names};
use super::error::LogError;
use super::frames::{self, LoneFrame};
use super::full;
use super::record::{CheckId, KIND_CHECK};
use super::segment;
use super::side_contents::{self, Fullness};
use super::side_file::{SideBytes, SideFault, SideFile, SideHead, SideKey};
use crate::storage::append::HEADER_BYTES;
use crate::storage::disk::{self, Storage, StoredFile};
use crate::storage::replace;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// What happens to a side file that is found damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mend {
    /// It is removed: this process holds the folder's lock, and its `SideMaker` makes it again.
    Remove,
    /// Nothing: the folder is another's.
    Leave,
}

/// Why the visit of a segment did not come to its end.
#[derive(Debug)]
pub(super) enum Fault {
    /// The side file; the visit is made again with another.
    Side,
    /// The segment, or the file system.
    Log(LogError),
}

impl From<SideFault> for Fault {
    fn from(_: SideFault) -> Self {
        Self::Side
    }
}

impl From<LogError> for Fault {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// A segment with a side file that answers.
pub(super) struct SideSegment<'a> {
    sides: Sides<'a>,
    side: SideFile,
    name: String,
    /// Opened when a frame is asked for: most segments hold nothing of what is looked for.
    file: OnceCell<Arc<dyn StoredFile>>,
    places: Option<HashMap<NameKey, u64>>,
    names: Names,
}

/// The segments of a log, looked at one by one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides<'a> {
    pub storage: &'a dyn Storage,
    pub folder: &'a Path,
    pub mend: Mend,
}

impl<'a> Sides<'a> {
    /// Shows each segment with records, in order. A visit must leave nothing behind when it fails
    /// with `Fault::Side`: it is made again.
    pub fn visit(
        self,
        mut visit: impl FnMut(&mut SideSegment<'a>) -> Result<ControlFlow<()>, Fault>,
    ) -> Result<(), LogError> {
        let numbers = segment::numbers(self.storage, self.folder)?;
        let mut next_index = None;
        for (place, number) in numbers.iter().enumerate() {
            let next = numbers.get(place + 1).copied();
            let mut stored = self.stored(*number)?;
            let (head, done) = loop {
                let was_stored = stored.is_some();
                let found = match stored.take() {
                    Some(side) => Some(side),
                    None => self.gathered(*number, next)?,
                };
                // Prepared, or everything behind was appended after this reading had begun.
                let Some(mut found) = found else {
                    return Ok(());
                };
                match visit(&mut found) {
                    Ok(done) => break (found.side.head, done),
                    Err(Fault::Log(error)) => return Err(error),
                    Err(Fault::Side) if was_stored => self.remove(*number),
                    Err(Fault::Side) => return Err(nonsense(*number, 0)),
                }
            };
            if next_index.is_some_and(|expected| expected != head.first_index) {
                return Err(LogError::Damaged {
                    file: segment::file_name(*number),
                    offset: 0,
                    detail: "records that were on the disk are missing before it",
                });
            }
            next_index = Some(head.next_index);
            if done.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One segment alone, where it has records.
    pub fn one(self, number: u64, next: Option<u64>) -> Result<Option<SideSegment<'a>>, LogError> {
        match self.stored(number)? {
            Some(side) => Ok(Some(side)),
            None => self.gathered(number, next),
        }
    }

    /// What `look` finds in one segment, where it has records. It is asked a second time where the
    /// side file does not hold.
    pub fn look<T>(
        self,
        number: u64,
        next: Option<u64>,
        look: impl Fn(&mut SideSegment<'a>) -> Result<T, Fault>,
    ) -> Result<Option<T>, LogError> {
        let Some(mut segment) = self.one(number, next)? else {
            return Ok(None);
        };
        let mut found = look(&mut segment);
        if matches!(found, Err(Fault::Side)) {
            let Some(mut again) = self.gathered(number, next)? else {
                return Ok(None);
            };
            found = look(&mut again);
        }
        match found {
            Ok(found) => Ok(Some(found)),
            Err(Fault::Log(error)) => Err(error),
            Err(Fault::Side) => Err(nonsense(number, 0)),
        }
    }

    /// Where the stored side file answers.
    pub fn stored(self, number: u64) -> Result<Option<SideSegment<'a>>, LogError> {
        let path = self.folder.join(segment::side_name(number));
        let opened = self.storage.open_to_read(&path);
        let side = opened.map(|file| SideFile::open(SideBytes::File(file), number));
        let Ok(Ok(side)) = side else {
            return Ok(None);
        };
        Ok(Some(SideSegment::new(self, side, number)))
    }

    /// From the segment itself; `None` where it has no records.
    pub fn gathered(
        self,
        number: u64,
        next: Option<u64>,
    ) -> Result<Option<SideSegment<'a>>, LogError> {
        let (bytes, fullness) = self.load(number, next)?;
        let Some(side) = side_contents::side_of(number, &bytes, fullness)? else {
            return Ok(None);
        };
        let side = SideFile::open(SideBytes::Memory(side), number);
        let side = side.map_err(|_| nonsense(number, 0))?;
        Ok(Some(SideSegment::new(self, side, number)))
    }

    /// The bytes of a segment, and whether more may come.
    pub fn load(self, number: u64, next: Option<u64>) -> Result<(Vec<u8>, Fullness), LogError> {
        // Looked at first: what is full now stays as it is.
        let fullness = match next.map(|next| self.is_begun(next)).transpose()? {
            Some(true) => Fullness::Full,
            _ => Fullness::Last,
        };
        let file = self.open(number)?;
        let bytes = disk::read_all(&*file);
        let bytes = bytes.map_err(LogError::io("read", segment::file_name(number)))?;
        Ok((bytes, fullness))
    }

    /// The first bytes of a segment.
    pub fn beginning(self, number: u64, bytes_max: usize) -> Result<Vec<u8>, LogError> {
        let mut bytes = vec![0; bytes_max];
        let read = self.open(number)?.read_at(0, &mut bytes);
        bytes.truncate(read.map_err(LogError::io("read", segment::file_name(number)))?);
        Ok(bytes)
    }

    fn remove(self, number: u64) {
        if self.mend == Mend::Remove {
            // What stays is found damaged again.
            let _ = self
                .storage
                .remove(&self.folder.join(segment::side_name(number)));
        }
    }

    fn is_begun(self, number: u64) -> Result<bool, LogError> {
        let first = self.beginning(number, HEADER_BYTES)?;
        Ok(first.iter().any(|byte| *byte != 0))
    }

    /// The file of a segment, to be read.
    pub fn open(self, number: u64) -> Result<Arc<dyn StoredFile>, LogError> {
        let name = segment::file_name(number);
        let opened = self.storage.open_to_read(&self.folder.join(&name));
        opened.map_err(LogError::io("open", name))
    }
}

impl<'a> SideSegment<'a> {
    fn new(sides: Sides<'a>, side: SideFile, number: u64) -> Self {
        Self {
            sides,
            side,
            name: segment::file_name(number),
            file: OnceCell::new(),
            places: None,
            names: Names::default(),
        }
    }

    /// What the side file says of the segment.
    pub fn head(&self) -> &SideHead {
        &self.side.head
    }

    /// The segment's file.
    ///
    /// Errors: it cannot be opened.
    pub fn file(&self) -> Result<&dyn StoredFile, LogError> {
        if let Some(file) = self.file.get() {
            return Ok(&**file);
        }
        let file = self.sides.open(self.side.head.header.number)?;
        Ok(&**self.file.get_or_init(|| file))
    }

    /// Offsets of frames under a key.
    pub fn offsets(&self, key: SideKey) -> Result<Vec<u64>, Fault> {
        Ok(self.side.offsets(key)?)
    }

    /// The stretch of the segment in which a check must stand: from, and to where known.
    pub fn stretch(&self, check_id: CheckId) -> Result<Option<(u64, u64)>, Fault> {
        let places = self.side.places()?;
        let after = places.partition_point(|(id, _)| *id <= check_id);
        let from = after.checked_sub(1).map(|place| places[place].1);
        let to = places
            .get(after)
            .map_or(self.side.head.end, |place| place.1);
        Ok(from.map(|from| (from, to)))
    }

    /// The frame at an offset. A side file that names a place without one is not of this segment.
    pub fn frame(&self, offset: u64) -> Result<LoneFrame, Fault> {
        let read = frames::read_one(self.file()?, offset);
        let read = read.map_err(LogError::io("read", self.name.as_str()))?;
        read.ok_or(Fault::Side)
    }

    /// A check with its texts, which are fetched as it asks for them.
    pub fn check(&mut self, frame: &LoneFrame) -> Result<CheckRecord, Fault> {
        if frame.kind != KIND_CHECK {
            return Err(Fault::Side);
        }
        self.with_names(|names| entry::check(frame.payload(), frame.position, names))
    }

    /// Reads a record; each text it lacks is fetched, and it is read again.
    pub fn with_names<T>(&mut self, read: impl Fn(&Names) -> Option<T>) -> Result<T, Fault> {
        loop {
            if let Some(record) = read(&self.names) {
                return Ok(record);
            }
            let missed = self.names.take_missed().ok_or(Fault::Side)?;
            let frame = self.name(missed)?;
            self.names.learn(frame.kind, frame.payload());
        }
    }

    /// The frames that say what the numbers of a check mean, as it asks for them.
    pub fn names_of(&mut self, check: &LoneFrame) -> Result<Vec<LoneFrame>, Fault> {
        let mut names = Names::default();
        let mut frames = Vec::new();
        while entry::check(check.payload(), check.position, &names).is_none() {
            let frame = self.name(names.take_missed().ok_or(Fault::Side)?)?;
            names.learn(frame.kind, frame.payload());
            frames.push(frame);
        }
        Ok(frames)
    }

    fn name(&mut self, key: NameKey) -> Result<LoneFrame, Fault> {
        if self.places.is_none() {
            self.places = Some(self.side.names()?.into_iter().collect());
        }
        let place = self.places.as_ref().and_then(|places| places.get(&key));
        let frame = self.frame(*place.ok_or(Fault::Side)?)?;
        match Names::default().learn(frame.kind, frame.payload()) {
            Some(learned) if learned == key => Ok(frame),
            _ => Err(Fault::Side),
        }
    }
}

/// Makes the side file of a full segment, in place of one that is there. Says its size in bytes.
///
/// Errors: the segment is damaged; the file system.
pub(super) fn make(storage: &dyn Storage, folder: &Path, number: u64) -> Result<u64, LogError> {
    let name = segment::file_name(number);
    let opened = storage.open_to_read(&folder.join(&name));
    let file = opened.map_err(LogError::io("open", name.as_str()))?;
    let bytes = disk::read_all(&*file).map_err(LogError::io("read", name))?;
    let Some(side) = side_contents::side_of(number, &bytes, Fullness::Full)? else {
        return Ok(0);
    };
    let name = segment::side_name(number);
    let written = replace::write(storage, &folder.join(&name), &side);
    written.map_err(LogError::io("write", name))?;
    Ok(side.len() as u64)
}

/// Whether a segment has a side file that a start believes, of its whole length.
pub(super) fn is_there(storage: &dyn Storage, folder: &Path, number: u64) -> bool {
    let opened = storage.open_to_read(&folder.join(segment::side_name(number)));
    let len = opened.and_then(|file| file.len());
    let full = full::known(storage, folder, number);
    full.is_some_and(|full| len.is_ok_and(|len| len == full.head.whole_bytes()))
}

/// What `check` has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SideCheck {
    /// Side files that hold what their segment says, byte by byte.
    pub whole: u64,
    /// Full segments without one.
    pub missing: Vec<u64>,
    /// Full segments whose side file holds something else; it can be removed at any time.
    pub wrong: Vec<u64>,
}

/// Compares every side file with its segment. Reads the whole log.
///
/// Errors: a segment is damaged; the file system.
pub fn check(storage: &dyn Storage, folder: &Path) -> Result<SideCheck, LogError> {
    let sides = Sides {
        storage,
        folder,
        mend: Mend::Leave,
    };
    let mut found = SideCheck::default();
    let numbers = segment::numbers(storage, folder)?;
    for pair in numbers.windows(2) {
        let number = pair[0];
        if !sides.is_begun(pair[1])? {
            break;
        }
        let name = segment::file_name(number);
        let bytes = disk::read_all(&*sides.open(number)?).map_err(LogError::io("read", name))?;
        let expected = side_contents::side_of(number, &bytes, Fullness::Full)?;
        let stored = storage.open_to_read(&folder.join(segment::side_name(number)));
        match stored.and_then(|file| disk::read_all(&*file)) {
            Ok(stored) if Some(&stored) == expected.as_ref() => found.whole += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => found.missing.push(number),
            _ => found.wrong.push(number),
        }
    }
    Ok(found)
}
