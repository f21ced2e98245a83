//! How many entries a second does `hecha build` take in, and with how much memory?
//!
//! Beside the bare parsing and validation of the same file. `cargo bench --bench build -- 1000000`
//! sets the entries. The peak is that of the whole process (VmHWM), read from the system.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench prints"
)]

mod corpus;

use hecha::build::files::{FileOptions, FilesError, build_files};
use hecha::build::inputs::BuildInputs;
use hecha::catalogue::load::built_in;
use hecha::intake::ndjson::{self, ReadOptions};
use hecha::model::term::Moment;
use hecha::seal::keys::MasterKey;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Instant;

fn main() {
    let entries = std::env::args()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(1_000_000u64);
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.ndjson");
    let mut file = BufWriter::new(File::create(&list).unwrap());
    for place in 0..entries {
        writeln!(file, "{}", corpus::line(1, place)).unwrap();
    }
    file.flush().unwrap();
    let bytes = list.metadata().unwrap().len();
    println!(
        "{entries} records, {} bytes a record",
        bytes / entries.max(1)
    );

    let catalogue = built_in().unwrap();
    let lists = [list];
    let started = Instant::now();
    let mut records = 0;
    let read: Result<(), FilesError> =
        ndjson::read(&lists, &catalogue, &ReadOptions::default(), &mut |block| {
            records += block.records.len() as u64;
            Ok(())
        });
    read.unwrap();
    assert_eq!(records, entries, "the corpus is valid");
    say("parse and validate alone", entries, started);

    let created = Moment::parse("2026-11-22T00:00:00+08:00").unwrap();
    let master = MasterKey::from_bytes([5; 32]);
    let mut inputs = BuildInputs::new("bench", master, &catalogue, [9; 32], created);
    inputs.memory_bytes_max = u64::MAX;
    let out = folder.path().join("out.hecha");
    let options = FileOptions::default();
    let started = Instant::now();
    let report = build_files(&lists, &out, &catalogue, &inputs, &options, &mut |_| {}).unwrap();
    assert_eq!(u64::from(report.manifest.entries), entries);
    say("whole build", entries, started);
    println!("snapshot: {} bytes an entry", report.bytes / entries.max(1));
    println!("peak memory: {} MiB", peak_mib().unwrap_or(0));
}

fn say(what: &str, entries: u64, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{what}: {seconds:.2} s, {:.0} entries/s",
        entries as f64 / seconds
    );
}

fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
