//! The stored hashes of one tree: a file for each tile level, hash behind hash.
//!
//! In: a folder; hashes and their numbers. Out: the hashes again. Hash `n` of level `l` stands at
//! byte 32 n of the file named `l`; tile N of a level is its bytes from 8,192 N on (C2SP tiles, one
//! file a level). How many hashes of a file count is said by the checkpoint, before which they are
//! synced; what lies behind is written over.

use super::merkle::{HASH_BYTES, Hash, Hashes, TILE_HEIGHT, TILE_LEVELS_MAX};
use crate::storage::disk::{Storage, StoredFile};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files of the levels of one tree.
#[derive(Debug)]
pub struct Levels {
    storage: Option<Arc<dyn Storage>>,
    folder: PathBuf,
    files: [Option<Arc<dyn StoredFile>>; TILE_LEVELS_MAX],
    /// Written since the last sync.
    is_written: [bool; TILE_LEVELS_MAX],
    /// Created since the last sync.
    is_new: bool,
}

/// Hashes that a tree of `size` leaves has in a level.
pub fn hashes_in(level: usize, size: u64) -> u64 {
    size.checked_shr(level as u32 * TILE_HEIGHT).unwrap_or(0)
}

impl Levels {
    /// The files that are there; others are created when they are written.
    ///
    /// Errors: those of the file system, but for files that are not there.
    pub fn open(storage: Arc<dyn Storage>, folder: &Path) -> io::Result<Self> {
        let open = |path: &Path| storage.open(path);
        let files = open_all(folder, &open)?;
        Ok(Self {
            storage: Some(storage),
            folder: folder.to_owned(),
            files,
            is_written: [false; TILE_LEVELS_MAX],
            is_new: false,
        })
    }

    /// The same for reading alone, beside the writer or offline.
    pub fn open_to_read(storage: &dyn Storage, folder: &Path) -> io::Result<Self> {
        let open = |path: &Path| storage.open_to_read(path);
        Ok(Self {
            storage: None,
            folder: folder.to_owned(),
            files: open_all(folder, &open)?,
            is_written: [false; TILE_LEVELS_MAX],
            is_new: false,
        })
    }

    /// Writes hashes from number `first` of a level on.
    pub fn write(&mut self, level: usize, first: u64, hashes: &[Hash]) -> io::Result<()> {
        if hashes.is_empty() {
            return Ok(());
        }
        let file = self.file(level)?;
        if let Some(is_written) = self.is_written.get_mut(level) {
            *is_written = true;
        }
        file.write_at(first * HASH_BYTES as u64, hashes.as_flattened())
    }

    /// Puts all that was written on the disk.
    ///
    /// Errors: those of the file system; what was written counts as lost then.
    pub fn sync(&mut self) -> io::Result<()> {
        for (file, is_written) in self.files.iter().zip(&mut self.is_written) {
            if let (Some(file), true) = (file, *is_written) {
                file.sync()?;
            }
            *is_written = false;
        }
        if let (Some(storage), true) = (&self.storage, self.is_new) {
            storage.sync_folder(&self.folder)?;
        }
        self.is_new = false;
        Ok(())
    }

    /// Fills `into` with the hashes of a level from number `first` on.
    ///
    /// Errors: `UnexpectedEof` where the file is shorter or absent; those of the file system.
    pub fn read(&self, level: usize, first: u64, into: &mut [Hash]) -> io::Result<()> {
        let file = self.files.get(level).and_then(Option::as_ref);
        let file = file.ok_or(io::ErrorKind::UnexpectedEof)?;
        let bytes = into.as_flattened_mut();
        match file.read_at(first * HASH_BYTES as u64, bytes)? {
            read if read == bytes.len() => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Whether the file of a level is there.
    pub fn has(&self, level: usize) -> bool {
        self.files.get(level).is_some_and(Option::is_some)
    }

    /// Root of the first `size` leaves, from the files alone.
    pub fn root(&self, size: u64) -> io::Result<Hash> {
        Hashes::new(&|level, first, into: &mut [Hash]| self.read(level, first, into)).root(size)
    }

    fn file(&mut self, level: usize) -> io::Result<Arc<dyn StoredFile>> {
        let place = self
            .files
            .get_mut(level)
            .ok_or(io::ErrorKind::InvalidInput)?;
        if let Some(file) = place {
            return Ok(Arc::clone(file));
        }
        let storage = self.storage.as_ref();
        let storage = storage.ok_or(io::ErrorKind::PermissionDenied)?;
        let file = storage.create(&self.folder.join(level.to_string()))?;
        *place = Some(Arc::clone(&file));
        self.is_new = true;
        Ok(file)
    }
}

fn open_all(
    folder: &Path,
    open: &dyn Fn(&Path) -> io::Result<Arc<dyn StoredFile>>,
) -> io::Result<[Option<Arc<dyn StoredFile>>; TILE_LEVELS_MAX]> {
    let mut files = [const { None }; TILE_LEVELS_MAX];
    for (level, file) in files.iter_mut().enumerate() {
        *file = match open(&folder.join(level.to_string())) {
            Ok(file) => Some(file),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => None,
            Err(fault) => return Err(fault),
        };
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::simulated::SimulatedDisk;
    use crate::tree::merkle::{Frontier, leaf_hash};

    #[test]
    fn the_root_of_any_size_is_that_of_the_leaves_and_what_is_missing_is_said() {
        let disk: Arc<dyn Storage> = Arc::new(SimulatedDisk::new(1));
        let folder = Path::new("/tree");
        disk.create_folder(folder).unwrap();
        let mut levels = Levels::open(Arc::clone(&disk), folder).unwrap();
        let mut frontier = Frontier::default();
        let mut roots = vec![frontier.root()];
        for leaf in 0..700u64 {
            let mut new = Vec::new();
            frontier.append(leaf_hash(&leaf.to_le_bytes()), |level, hash| {
                new.push((level, hash));
            });
            for (level, hash) in new {
                let first = hashes_in(level, frontier.size()) - 1;
                levels.write(level, first, &[hash]).unwrap();
            }
            roots.push(frontier.root());
        }
        let read = Levels::open_to_read(&*disk, folder).unwrap();
        for (size, root) in roots.iter().enumerate() {
            assert_eq!(read.root(size as u64).unwrap(), *root, "{size}");
        }
        assert!(read.has(1) && !read.has(2));
        let error = read.root(701).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
