//! What a process holds: memory, handles, threads; and what a folder holds.
//!
//! In: a process number, from `/proc`. Out: figures of that moment. Pages of mapped files are
//! counted apart from the process's own: the former are the snapshot, the latter could leak.

use crate::machine::field;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Memory in bytes, counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Largest resident memory since the start.
    pub peak_bytes: u64,
    /// Resident memory.
    pub resident_bytes: u64,
    /// Of it pages of no file.
    pub anonymous_bytes: u64,
    /// Of it pages of files.
    pub file_bytes: u64,
    /// Threads.
    pub threads: u64,
}

/// Of a process that runs.
pub fn footprint(pid: u32) -> Result<Footprint> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    parse(&text).with_context(|| format!("{path}: not of the known shape"))
}

fn parse(status: &str) -> Option<Footprint> {
    let number = |name| {
        let value = field(status, name)?;
        value.split(' ').next()?.parse::<u64>().ok()
    };
    let bytes = |name| Some(number(name)? << 10);
    Some(Footprint {
        peak_bytes: bytes("VmHWM")?,
        resident_bytes: bytes("VmRSS")?,
        anonymous_bytes: bytes("RssAnon")?,
        file_bytes: bytes("RssFile")?,
        threads: number("Threads")?,
    })
}

/// Files, sockets and the like that a process has open.
pub fn handles(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/fd");
    Ok(fs::read_dir(&path).with_context(|| path.clone())?.count() as u64)
}

/// Bytes of all files below a folder; those that go meanwhile are left out.
pub fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let of_entry = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => folder_bytes(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of_entry).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes_and_this_process_has_some() {
        let status = "VmHWM:\t  20 kB\nVmRSS:\t  12 kB\nRssAnon:\t 8 kB\nRssFile:\t 4 kB\n\
                      Threads:\t3\n";
        let expected = Footprint {
            peak_bytes: 20 << 10,
            resident_bytes: 12 << 10,
            anonymous_bytes: 8 << 10,
            file_bytes: 4 << 10,
            threads: 3,
        };
        assert_eq!(parse(status), Some(expected));
        assert_eq!(parse("VmHWM: 1 kB"), None);
        let pid = std::process::id();
        assert!(footprint(pid).unwrap().resident_bytes > 1 << 20);
        assert!(handles(pid).unwrap() > 2);
        assert_eq!(folder_bytes(Path::new("/no/such/folder")), 0);
    }
}
