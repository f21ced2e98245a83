//! The newest checkpoint of the log's tree, as it lies beside the log.
//!
//! In: the log folder. Out: the bytes of `tree/<month>/checkpoint` of the last month that has one.
//! It is signed: whoever reads it need not trust this program.

use std::path::Path;

/// Folder of the tree, inside the log folder.
const TREE_FOLDER: &str = "tree";
/// File of a month.
const CHECKPOINT_FILE: &str = "checkpoint";

/// `None` where there is none.
pub fn newest(log: &Path) -> Option<Vec<u8>> {
    let months = std::fs::read_dir(log.join(TREE_FOLDER)).ok()?;
    let mut months: Vec<_> = months.flatten().map(|month| month.path()).collect();
    // Named by year and month: the last name is the latest.
    months.sort_unstable();
    let mut months = months.iter().rev();
    months.find_map(|month| std::fs::read(month.join(CHECKPOINT_FILE)).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_month_that_has_one_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest(folder.path()), None);
        for (month, text) in [
            ("2026-10", Some("old")),
            ("2026-11", Some("new")),
            ("2026-12", None),
        ] {
            let month = folder.path().join(TREE_FOLDER).join(month);
            std::fs::create_dir_all(&month).unwrap();
            if let Some(text) = text {
                std::fs::write(month.join(CHECKPOINT_FILE), text).unwrap();
            }
        }
        assert_eq!(newest(folder.path()).as_deref(), Some(&b"new"[..]));
    }
}
