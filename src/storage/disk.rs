//! The seam to the file system, so that tests can stand a disk beside it that forgets.
//!
//! In: paths, offsets, bytes. Out: bytes and `std::io` errors, without a word of prose: callers
//! know the file and say what to do. Nothing here retries: a failed sync stays failed.

use rustix::fs::{Advice, fadvise};
use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// A folder of files. Paths are as the caller's process sees them.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Opens a file that is there, for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>>;

    /// Opens a file that is there, for reading only.
    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>>;

    /// Creates an empty file that was not there, readable by its owner alone.
    ///
    /// The name is durable only after `sync_folder`. Errors: `AlreadyExists`.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>>;

    /// Gives a file another name, in place of the file that has it; one step for every reader.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Names of the files (not folders) in a folder, sorted. Names that are not UTF-8 are left out.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Creates a folder and those above it, where absent, open to its owner alone.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// Makes creations, renames and removals in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Takes the exclusive lock of a file, creating it where absent; held until dropped.
    ///
    /// Errors: `WouldBlock` where another holder, in this process or another, has it.
    fn lock(&self, path: &Path) -> io::Result<FolderLock>;
}

/// An open file, read and written at offsets.
pub trait StoredFile: fmt::Debug + Send + Sync {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether it holds no byte.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads from `offset` until `buffer` is full or the file ends; returns the bytes read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, lengthening the file where it ends before.
    ///
    /// Errors: whatever part of `bytes` was written stays written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes the bytes written so far, and the length, durable.
    ///
    /// Errors: what was not durable before may be lost, and a later success proves nothing.
    fn sync(&self) -> io::Result<()>;

    /// Says that a stretch is about to be written in part: a block that is no longer in memory is
    /// fetched in the background, not by the write that needs its rest. A hint; no error, no wait.
    fn expect_writes(&self, _offset: u64, _bytes: u64) {}
}

/// Held lock of a folder's lock file; dropping it lets go.
#[derive(Debug)]
pub struct FolderLock {
    _held: Box<dyn fmt::Debug + Send + Sync>,
}

impl FolderLock {
    /// From whatever lets go of the lock when it is dropped.
    pub fn new(held: Box<dyn fmt::Debug + Send + Sync>) -> Self {
        Self { _held: held }
    }
}

/// All bytes of a file.
pub fn read_all(file: &dyn StoredFile) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_all_into(file, &mut bytes)?;
    Ok(bytes)
}

/// All bytes of a file, into a buffer that is used again.
pub fn read_all_into(file: &dyn StoredFile, bytes: &mut Vec<u8>) -> io::Result<()> {
    let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
    bytes.resize(len, 0);
    let read = file.read_at(0, bytes)?;
    bytes.truncate(read);
    Ok(())
}

/// The folder of a path: its parent, or the working folder.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Storage for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Arc::new(RealFile { file }))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        let file = File::open(path)?;
        Ok(Arc::new(RealFile { file }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(path)?;
        Ok(Arc::new(RealFile { file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                continue;
            }
            names.extend(entry.file_name().to_str().map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<FolderLock> {
        Ok(FolderLock::new(Box::new(open_locked(path)?)))
    }
}

/// A real file, created where absent and readable by its owner alone, that nobody else can lock
/// until it is dropped. Its bytes stay as they are.
///
/// Errors: `WouldBlock` where another holder, in this process or another, has it.
pub fn open_locked(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[derive(Debug)]
struct RealFile {
    file: File,
}

impl StoredFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let place = offset + filled as u64;
            match self.file.read_at(&mut buffer[filled..], place) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn expect_writes(&self, offset: u64, bytes: u64) {
        // Who cannot take the hint loses speed only.
        let _ = fadvise(&self.file, offset, NonZeroU64::new(bytes), Advice::WillNeed);
    }
}

/// The name of a file as text, for messages; `?` where it has none.
pub fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(OsStr::new("?"))
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_file_keeps_what_was_written_at_offsets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let file = RealDisk.create(&path).unwrap();
        file.write_at(4, b"efgh").unwrap();
        file.write_at(0, b"abcd").unwrap();
        file.sync().unwrap();
        let again = RealDisk.open_to_read(&path).unwrap();
        assert_eq!(read_all(&*again).unwrap(), b"abcdefgh");
        let mut tail = [0; 8];
        assert_eq!(again.read_at(6, &mut tail).unwrap(), 2);
        assert!(again.write_at(0, b"x").is_err());
        let error = RealDisk.create(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_lock_has_one_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = RealDisk.lock(&path).unwrap();
        let error = RealDisk.lock(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(held);
        RealDisk.lock(&path).unwrap();
    }

    #[test]
    fn a_listing_has_sorted_files_and_no_folders() {
        let folder = tempfile::tempdir().unwrap();
        RealDisk.create_folder(&folder.path().join("x/y")).unwrap();
        for name in ["b", "a"] {
            RealDisk.create(&folder.path().join(name)).unwrap();
        }
        RealDisk.sync_folder(folder.path()).unwrap();
        assert_eq!(RealDisk.list(folder.path()).unwrap(), ["a", "b"]);
    }
}
