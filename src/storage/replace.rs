//! Replacing a whole file: write aside, sync, rename, sync the folder.
//!
//! In: a path and all its bytes. Out: after `Ok`, the new file for good; after an error or a cut,
//! the old file or the new one, never a mixture. What a cut leaves aside is removed by `clean`.

use super::disk::{Storage, StoredFile, file_name, folder_of};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Ending of files that are being written.
pub const ASIDE_SUFFIX: &str = ".aside";

/// Makes `path` hold exactly `bytes`, for good.
///
/// Errors: those of the file system; the old file is then still there, unless the last step, the
/// sync of the folder, failed: then it is old or new.
pub fn write(storage: &dyn Storage, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = begin(storage, path)?;
    let filled = aside.write_at(0, bytes);
    match filled.and_then(|()| finish(storage, path, &aside)) {
        Ok(()) => Ok(()),
        Err(error) => {
            // The first error says what went wrong; a stale aside is harmless.
            let _ = storage.remove(&aside_of(path));
            Err(error)
        }
    }
}

/// An empty file aside of `path`, in place of what a cut may have left there.
pub fn begin(storage: &dyn Storage, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
    let aside = aside_of(path);
    match storage.remove(&aside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    storage.create(&aside)
}

/// Syncs the file aside, gives it its name and syncs the folder.
pub fn finish(storage: &dyn Storage, path: &Path, aside: &Arc<dyn StoredFile>) -> io::Result<()> {
    aside.sync()?;
    storage.rename(&aside_of(path), path)?;
    storage.sync_folder(folder_of(path))
}

/// Removes what cuts have left aside in a folder; returns the names removed.
pub fn clean(storage: &dyn Storage, folder: &Path) -> io::Result<Vec<String>> {
    let mut names = storage.list(folder)?;
    names.retain(|name| name.ends_with(ASIDE_SUFFIX));
    for name in &names {
        storage.remove(&folder.join(name))?;
    }
    if !names.is_empty() {
        storage.sync_folder(folder)?;
    }
    Ok(names)
}

/// Where `path` is written before it gets its name.
pub fn aside_of(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}{ASIDE_SUFFIX}", file_name(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::{RealDisk, read_all};
    use crate::storage::simulated::{Fault, SimulatedDisk};

    #[test]
    fn a_replaced_file_is_whole_and_nothing_stays_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("current.json");
        for bytes in [&b"one"[..], b"a longer second", b""] {
            write(&RealDisk, &path, bytes).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(RealDisk.list(folder.path()).unwrap(), ["current.json"]);
    }

    #[test]
    fn after_a_cut_at_any_moment_the_file_is_old_or_new() {
        let path = Path::new("/state/current.json");
        for seed in 0..200 {
            let disk = SimulatedDisk::new(seed);
            disk.create_folder(Path::new("/state")).unwrap();
            write(&disk, path, &[b'o'; 2000]).unwrap();
            disk.cut_power_after(seed % 7);
            let written = write(&disk, path, &[b'n'; 3000]);
            let disk = disk.crash();
            clean(&disk, Path::new("/state")).unwrap();
            let now = read_all(&*disk.open(path).unwrap()).unwrap();
            let new = now == [b'n'; 3000];
            assert!(new || now == [b'o'; 2000], "seed {seed}");
            assert!(new || written.is_err(), "seed {seed}");
            assert_eq!(disk.list(Path::new("/state")).unwrap().len(), 1);
        }
    }

    #[test]
    fn a_failed_write_or_sync_leaves_the_old_file() {
        let path = Path::new("/state/current.json");
        for fault in [Fault::Write, Fault::Sync, Fault::Rename] {
            let disk = SimulatedDisk::new(1);
            disk.create_folder(Path::new("/state")).unwrap();
            write(&disk, path, b"old").unwrap();
            disk.fail_next(fault);
            assert!(write(&disk, path, b"new").is_err(), "{fault:?}");
            assert_eq!(read_all(&*disk.open(path).unwrap()).unwrap(), b"old");
            write(&disk, path, b"new").unwrap();
            assert_eq!(read_all(&*disk.open(path).unwrap()).unwrap(), b"new");
        }
    }
}
