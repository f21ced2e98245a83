//! Whether a file was changed, without reading it.
//!
//! In: a path. Out: a stamp that differs once the file was replaced or written. Never says what is
//! in the file; a file that cannot be looked at has a stamp of its own.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the system says of a file: which one it is, how long, when written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(Option<[i64; 8]>);

impl Stamp {
    /// Of the file at `path` as it is now. Take it before the file is read: what is written
    /// meanwhile is then seen at the next look.
    pub fn of(path: &Path) -> Self {
        let looked = std::fs::metadata(path).ok();
        Self(looked.map(|file| {
            [
                file.dev().cast_signed(),
                file.ino().cast_signed(),
                file.size().cast_signed(),
                i64::from(file.mode()),
                file.mtime(),
                file.mtime_nsec(),
                file.ctime(),
                file.ctime_nsec(),
            ]
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_replaced_or_taken_away_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let missing = Stamp::of(&path);
        std::fs::write(&path, "one").unwrap();
        let first = Stamp::of(&path);
        assert_ne!(first, missing);
        assert_eq!(first, Stamp::of(&path));
        std::fs::write(&path, "more").unwrap();
        let second = Stamp::of(&path);
        assert_ne!(second, first);
        let aside = folder.path().join("aside");
        std::fs::write(&aside, "more").unwrap();
        std::fs::rename(&aside, &path).unwrap();
        assert_ne!(Stamp::of(&path), second);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Stamp::of(&path), missing);
    }
}
