//! Room on the disk of the log: seen and said before it is needed.
//!
//! In: the folder of the log, a threshold. Out: free bytes for the metrics, one warning when they
//! fall below it and one word when they are back. Decides nothing: records go on into the prepared
//! segment, and what ends the log is a write or sync that fails.

use rustix::fs::statvfs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What was last seen.
#[derive(Debug)]
pub struct Space {
    folder: PathBuf,
    warn_below_bytes: u64,
    free_bytes: AtomicU64,
    is_low: AtomicBool,
    next_segment_fails: AtomicBool,
}

impl Space {
    /// Of the file system of a folder; 0 bytes never warns.
    pub fn new(folder: PathBuf, warn_below_bytes: u64) -> Self {
        let space = Self {
            folder,
            warn_below_bytes,
            free_bytes: AtomicU64::new(u64::MAX),
            is_low: AtomicBool::new(false),
            next_segment_fails: AtomicBool::new(false),
        };
        space.look();
        space
    }

    /// Looks once; one system call.
    pub fn look(&self) {
        // What cannot be looked at is not low: the log itself says what it cannot do.
        let Ok(about) = statvfs(&self.folder) else {
            return;
        };
        self.see(about.f_bavail.saturating_mul(about.f_frsize));
    }

    fn see(&self, free_bytes: u64) {
        self.free_bytes.store(free_bytes, Ordering::Relaxed);
        let is_low = free_bytes < self.warn_below_bytes;
        if self.is_low.swap(is_low, Ordering::Relaxed) == is_low {
            return;
        }
        let (folder, warn_below_bytes) = (self.folder.display(), self.warn_below_bytes);
        match is_low {
            true => tracing::warn!(
                %folder,
                free_bytes,
                warn_below_bytes,
                "the disk of the decision log is filling up: when it is full, the gateway stops \
                 answering at the end of the prepared segment; make room now"
            ),
            false => tracing::info!(%folder, free_bytes, "the disk of the log has room again"),
        }
    }

    /// Notes whether the next segment can be prepared, and says a change once.
    pub fn note_next_segment(&self, fault: Option<&str>) {
        let fails = fault.is_some();
        if self.next_segment_fails.swap(fails, Ordering::Relaxed) == fails {
            return;
        }
        match fault {
            Some(fault) => tracing::error!(
                fault,
                "the next segment of the decision log cannot be prepared: answers end when this \
                 one is full"
            ),
            None => tracing::info!("the next segment of the decision log is prepared"),
        }
    }

    /// Free bytes as last seen.
    pub fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    /// Whether they are below the threshold.
    pub fn is_low(&self) -> bool {
        self.is_low.load(Ordering::Relaxed)
    }

    /// Whether the log will end with the segment that is being written.
    pub fn next_segment_fails(&self) -> bool {
        self.next_segment_fails.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_low_below_the_threshold_and_not_at_it() {
        let space = Space::new(std::env::temp_dir(), 1_000);
        for (free_bytes, is_low) in [(1_000, false), (999, true), (0, true), (1_000, false)] {
            space.see(free_bytes);
            assert_eq!((space.free_bytes(), space.is_low()), (free_bytes, is_low));
        }
        let never = Space::new(PathBuf::from("/nowhere/at/all"), 0);
        assert!(!never.is_low());
        never.see(0);
        assert!(!never.is_low());
    }
}
