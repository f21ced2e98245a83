//! What the disk itself takes: small writes, each synced.
//!
//! In: a folder. Out: latencies of a write and `fdatasync` of one log record's size in a file of
//! its own, allocated beforehand as the log is. The file is removed afterwards.

use crate::pace::Latencies;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

const RECORD_BYTES: usize = 256;
const FILE_BYTES: u64 = 4 << 20;

/// Writes and syncs records in `folder`, at most `count_max` and for at most `span_max`.
pub fn fdatasync_latencies(folder: &Path, count_max: u64, span_max: Duration) -> Result<Latencies> {
    let path = folder.join("fdatasync.probe");
    let measured = measure(&path, count_max, span_max);
    let removed = fs::remove_file(&path);
    let latencies = measured.with_context(|| path.display().to_string())?;
    removed.with_context(|| path.display().to_string())?;
    Ok(latencies)
}

fn measure(path: &Path, count_max: u64, span_max: Duration) -> Result<Latencies> {
    let file = File::create(path)?;
    file.write_all_at(&vec![0; FILE_BYTES as usize], 0)?;
    file.sync_all()?;
    let mut latencies = Latencies::new()?;
    let start = Instant::now();
    let record = [7; RECORD_BYTES];
    for number in 0..count_max {
        if start.elapsed() > span_max {
            break;
        }
        let offset = number * RECORD_BYTES as u64 % FILE_BYTES;
        let before = Instant::now();
        file.write_all_at(&record, offset)?;
        file.sync_data()?;
        latencies.record(before.elapsed());
    }
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_is_bounded_and_leaves_nothing() {
        let folder = std::env::temp_dir().join(format!("loadtest-disk-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let latencies = fdatasync_latencies(&folder, 3, Duration::from_secs(60)).unwrap();
        assert_eq!(latencies.count(), 3);
        fs::remove_dir(&folder).unwrap();
    }
}
