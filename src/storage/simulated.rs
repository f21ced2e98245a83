//! A disk in memory that forgets what was not synced, for seeded schedules of faults in tests.
//!
//! In: a seed, faults to come. Out: the same behaviour for the same seed and operations. A crash
//! loses, keeps, tears (at a sector of 512 bytes or at any byte) and reorders the writes since the
//! last sync of each file, and loses names since the last sync of their folder. A sync that fails
//! forgets what it should have kept, while reads still show it, and the next sync succeeds: so do
//! real disks. Never used in service.

use super::disk::{FolderLock, Storage, StoredFile, folder_of};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECTOR_BYTES: usize = 512;

/// An operation that fails once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A write; a part of its bytes may be written.
    Write,
    /// A sync of a file; its writes since the last sync are forgotten in part.
    Sync,
    /// A rename; nothing is changed.
    Rename,
    /// The creation of a file; nothing is changed.
    Create,
}

/// A disk in memory. Clones share it.
#[derive(Debug, Clone)]
pub struct SimulatedDisk {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug)]
struct Disk {
    random: Random,
    files: Vec<Content>,
    /// Names as every process sees them now.
    names: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
    locks: BTreeSet<PathBuf>,
    /// Names as a crash would leave them, but for the changes.
    durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of names since the last sync of their folder, oldest first.
    name_changes: Vec<NameChange>,
    faults: Vec<Fault>,
    capacity_bytes: u64,
    /// Changing operations until the power is cut.
    power_left: Option<u64>,
    syncs: u64,
    read_bytes: u64,
}

#[derive(Debug, Clone, Default)]
struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since the last sync, oldest first.
    pending: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Put(PathBuf, usize),
    Move(PathBuf, PathBuf, usize),
    Remove(PathBuf),
}

impl SimulatedDisk {
    /// An empty disk without bound; `seed` decides what a crash or a fault leaves.
    pub fn new(seed: u64) -> Self {
        Self::with_disk(Disk {
            random: Random(seed ^ 0x9e37_79b9_7f4a_7c15),
            files: Vec::new(),
            names: BTreeMap::new(),
            folders: BTreeSet::new(),
            locks: BTreeSet::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            faults: Vec::new(),
            capacity_bytes: u64::MAX,
            power_left: None,
            syncs: 0,
            read_bytes: 0,
        })
    }

    /// Lets the files together hold at most this many bytes; more is `StorageFull`.
    pub fn set_capacity(&self, bytes: u64) {
        self.lock_disk().capacity_bytes = bytes;
    }

    /// The next operation of this kind fails, once; several add up.
    pub fn fail_next(&self, fault: Fault) {
        self.lock_disk().faults.push(fault);
    }

    /// Every changing operation after the next `operations` fails, as if the process were gone.
    pub fn cut_power_after(&self, operations: u64) {
        self.lock_disk().power_left = Some(operations);
    }

    /// Syncs of files that have succeeded.
    pub fn syncs(&self) -> u64 {
        self.lock_disk().syncs
    }

    /// Bytes that were read from files.
    pub fn read_bytes(&self) -> u64 {
        self.lock_disk().read_bytes
    }

    /// Bytes that all files hold now.
    pub fn used_bytes(&self) -> u64 {
        self.lock_disk().used_bytes()
    }

    /// The disk as a power cut leaves it, without faults to come. This one stays as it is.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut disk = self.lock_disk();
        let files = disk.files.clone();
        let survivors = files
            .into_iter()
            .map(|content| Content::settled(content.after_crash(&mut disk.random)))
            .collect();
        let names = disk.names_after_crash();
        Self::with_disk(Disk {
            random: Random(disk.random.next()),
            files: survivors,
            durable_names: names.clone(),
            names,
            folders: disk.folders.clone(),
            locks: BTreeSet::new(),
            name_changes: Vec::new(),
            faults: Vec::new(),
            capacity_bytes: disk.capacity_bytes,
            power_left: None,
            syncs: 0,
            read_bytes: 0,
        })
    }

    /// The disk as a killed process leaves it: everything written is there, locks are free.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut disk = self.lock_disk();
        Self::with_disk(Disk {
            random: Random(disk.random.next()),
            files: disk.files.clone(),
            names: disk.names.clone(),
            folders: disk.folders.clone(),
            locks: BTreeSet::new(),
            durable_names: disk.durable_names.clone(),
            name_changes: disk.name_changes.clone(),
            faults: Vec::new(),
            capacity_bytes: disk.capacity_bytes,
            power_left: None,
            syncs: 0,
            read_bytes: 0,
        })
    }

    /// Whether these bytes stand anywhere on the disk, in a file or in what a removed one has left.
    pub fn holds_anywhere(&self, bytes: &[u8]) -> bool {
        let disk = self.lock_disk();
        let contents = disk.files.iter();
        let mut stored = contents.flat_map(|content| [&content.seen, &content.durable]);
        stored.any(|stored| stored.windows(bytes.len()).any(|window| window == bytes))
    }

    fn with_disk(disk: Disk) -> Self {
        Self {
            disk: Arc::new(Mutex::new(disk)),
        }
    }

    fn lock_disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, file: usize, writable: bool) -> Arc<dyn StoredFile> {
        let disk = self.clone();
        Arc::new(SimulatedFile {
            disk,
            file,
            writable,
        })
    }

    fn find(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn StoredFile>> {
        let file = self.lock_disk().names.get(path).copied();
        let file = file.ok_or(io::ErrorKind::NotFound)?;
        Ok(self.handle(file, writable))
    }
}

impl Storage for SimulatedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        self.find(path, true)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        self.find(path, false)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        let mut disk = self.lock_disk();
        disk.spend()?;
        disk.fault(Fault::Create)?;
        if !disk.folders.contains(folder_of(path)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if disk.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = disk.files.len();
        disk.files.push(Content::default());
        disk.names.insert(path.to_owned(), file);
        disk.name_changes
            .push(NameChange::Put(path.to_owned(), file));
        drop(disk);
        Ok(self.handle(file, true))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.lock_disk();
        disk.spend()?;
        disk.fault(Fault::Rename)?;
        let file = disk.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        disk.names.insert(to.to_owned(), file);
        let change = NameChange::Move(from.to_owned(), to.to_owned(), file);
        disk.name_changes.push(change);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.lock_disk();
        if !disk.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        disk.spend()?;
        disk.names.remove(path);
        disk.name_changes.push(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let disk = self.lock_disk();
        if !disk.folders.contains(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = disk.names.keys().filter(|path| folder_of(path) == folder);
        Ok(inside.map(|path| super::disk::file_name(path)).collect())
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut disk = self.lock_disk();
        for above in folder.ancestors() {
            disk.folders.insert(above.to_owned());
        }
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut disk = self.lock_disk();
        disk.spend()?;
        let changes = std::mem::take(&mut disk.name_changes);
        for change in changes {
            if change.folder() == folder {
                change.apply(&mut disk.durable_names);
            } else {
                disk.name_changes.push(change);
            }
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<FolderLock> {
        if !self.lock_disk().locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(FolderLock::new(Box::new(HeldLock {
            disk: self.clone(),
            path: path.to_owned(),
        })))
    }
}

#[derive(Debug)]
struct HeldLock {
    disk: SimulatedDisk,
    path: PathBuf,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.disk.lock_disk().locks.remove(&self.path);
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    file: usize,
    writable: bool,
}

impl StoredFile for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock_disk().files[self.file].seen.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut disk = self.disk.lock_disk();
        let seen = &disk.files[self.file].seen;
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(seen.len());
        let read = buffer.len().min(seen.len() - start);
        buffer[..read].copy_from_slice(&seen[start..start + read]);
        disk.read_bytes += read as u64;
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut disk = self.disk.lock_disk();
        disk.spend()?;
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let grown = (offset + bytes.len()).saturating_sub(disk.files[self.file].seen.len());
        if disk.used_bytes() + grown as u64 > disk.capacity_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if let Err(error) = disk.fault(Fault::Write) {
            let part = disk.random.below(bytes.len() + 1);
            disk.files[self.file].write(offset, &bytes[..part]);
            return Err(error);
        }
        disk.files[self.file].write(offset, bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.disk.lock_disk();
        disk.spend()?;
        if let Err(error) = disk.fault(Fault::Sync) {
            // The pages count as clean from now on, and some never reached the disk.
            let content = disk.files[self.file].clone();
            let durable = content.after_crash(&mut disk.random);
            let content = &mut disk.files[self.file];
            content.durable = durable;
            content.pending.clear();
            return Err(error);
        }
        disk.syncs += 1;
        disk.files[self.file].settle();
        Ok(())
    }
}

impl Disk {
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.power_left {
            Some(0) => Err(io::Error::other("the power is cut")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn fault(&mut self, kind: Fault) -> io::Result<()> {
        match self.faults.iter().position(|fault| *fault == kind) {
            None => Ok(()),
            Some(place) => {
                self.faults.remove(place);
                Err(io::Error::other("simulated input/output error"))
            }
        }
    }

    fn used_bytes(&self) -> u64 {
        let held = self.names.values();
        held.map(|file| self.files[*file].seen.len() as u64).sum()
    }

    /// A folder's journal keeps the order: what survives is a prefix of its changes.
    fn names_after_crash(&mut self) -> BTreeMap<PathBuf, usize> {
        let mut names = self.durable_names.clone();
        let kept = self.random.below(self.name_changes.len() + 1);
        for change in &self.name_changes[..kept] {
            change.apply(&mut names);
        }
        names
    }
}

impl NameChange {
    fn folder(&self) -> &Path {
        match self {
            Self::Put(path, _) | Self::Move(_, path, _) | Self::Remove(path) => folder_of(path),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Put(path, file) => {
                names.insert(path.clone(), *file);
            }
            Self::Move(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            Self::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

impl Content {
    fn settled(bytes: Vec<u8>) -> Self {
        Self {
            seen: bytes.clone(),
            durable: bytes,
            pending: Vec::new(),
        }
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        put(&mut self.seen, offset, bytes);
        self.pending.push((offset, bytes.to_vec()));
    }

    fn settle(&mut self) {
        for (offset, bytes) in self.pending.drain(..) {
            put(&mut self.durable, offset, &bytes);
        }
    }

    /// What is on the disk after a cut: each pending write is lost, kept or torn, in any order.
    fn after_crash(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let mut order: Vec<usize> = (0..self.pending.len()).collect();
        if random.below(2) == 0 {
            for place in (1..order.len()).rev() {
                order.swap(place, random.below(place + 1));
            }
        }
        let mood = random.below(4);
        for place in order {
            let (offset, written) = &self.pending[place];
            match (mood, random.below(3)) {
                (0, _) | (_, 0) => {}
                (1, _) | (_, 1) => put(&mut bytes, *offset, written),
                (2, _) => tear_at_sectors(&mut bytes, *offset, written, random),
                _ => {
                    let cut = random.below(written.len() + 1);
                    put(&mut bytes, *offset, &written[..cut]);
                }
            }
        }
        bytes
    }
}

/// Keeps each sector of a write, or not.
fn tear_at_sectors(bytes: &mut Vec<u8>, offset: usize, written: &[u8], random: &mut Random) {
    let mut from = 0;
    while from < written.len() {
        let sector_end = (offset + from) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES;
        let to = (sector_end - offset).min(written.len());
        if random.below(2) == 0 {
            put(bytes, offset + from, &written[from..to]);
        }
        from = to;
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    if bytes.len() < offset + written.len() {
        bytes.resize(offset + written.len(), 0);
    }
    bytes[offset..offset + written.len()].copy_from_slice(written);
}

/// splitmix64: small, even, and the same everywhere.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `bound` - 1; 0 where `bound` is 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::read_all;

    fn disk_with_file(seed: u64) -> (SimulatedDisk, Arc<dyn StoredFile>) {
        let disk = SimulatedDisk::new(seed);
        disk.create_folder(Path::new("/d")).unwrap();
        let file = disk.create(Path::new("/d/f")).unwrap();
        disk.sync_folder(Path::new("/d")).unwrap();
        (disk, file)
    }

    #[test]
    fn what_is_synced_survives_every_crash() {
        for seed in 0..200 {
            let (disk, file) = disk_with_file(seed);
            file.write_at(0, &[7; 1500]).unwrap();
            file.sync().unwrap();
            file.write_at(1500, &[8; 1500]).unwrap();
            let file = disk.crash().open(Path::new("/d/f")).unwrap();
            assert_eq!(read_all(&*file).unwrap()[..1500], [7; 1500], "seed {seed}");
        }
    }

    #[test]
    fn crashes_lose_keep_and_tear_what_is_not_synced() {
        let mut lengths = BTreeSet::new();
        let mut holes = 0;
        for seed in 0..300 {
            let (disk, file) = disk_with_file(seed);
            for place in 0..4 {
                file.write_at(place * 700, &[1; 700]).unwrap();
            }
            let file = disk.crash().open(Path::new("/d/f")).unwrap();
            let bytes = read_all(&*file).unwrap();
            lengths.insert(bytes.len());
            holes += usize::from(bytes.contains(&0));
        }
        assert!(
            lengths.contains(&0) && lengths.contains(&2800),
            "all or nothing"
        );
        assert!(
            lengths.len() > 20 && holes > 20,
            "{} {holes}",
            lengths.len()
        );
    }

    #[test]
    fn a_failed_sync_forgets_what_reads_still_show() {
        let mut forgotten = 0;
        for seed in 0..50 {
            let (disk, file) = disk_with_file(seed);
            file.write_at(0, b"acknowledged?").unwrap();
            disk.fail_next(Fault::Sync);
            assert!(file.sync().is_err());
            file.sync().unwrap();
            assert_eq!(read_all(&*file).unwrap(), b"acknowledged?");
            let file = disk.crash().open(Path::new("/d/f")).unwrap();
            forgotten += usize::from(read_all(&*file).unwrap() != b"acknowledged?");
        }
        assert!(forgotten > 10, "{forgotten}");
    }

    #[test]
    fn a_full_disk_says_so_and_names_need_a_sync_of_their_folder() {
        let (disk, file) = disk_with_file(3);
        disk.set_capacity(100);
        file.write_at(0, &[1; 100]).unwrap();
        let error = file.write_at(60, &[1; 60]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        file.write_at(50, &[2; 50]).unwrap();

        let lost = (0..40).filter(|seed| {
            let (disk, _) = disk_with_file(*seed);
            disk.create(Path::new("/d/g")).unwrap();
            disk.crash().open(Path::new("/d/g")).is_err()
        });
        assert!((5..35).contains(&lost.count()));
    }
}
