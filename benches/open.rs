//! How long until a snapshot that lies in the page cache can be served?
//!
//! Beside the parts: mapping and touching alone, checksums alone, BLAKE3 alone, a deep inspection.
//! `cargo bench --bench open -- 1000000` sets the entries. Figures are the best of five.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench prints"
)]

mod corpus;

use hecha::build::assemble::Assembly;
use hecha::build::inputs::{BuildInputs, Origin};
use hecha::catalogue::load::built_in;
use hecha::index::deep;
use hecha::model::term::Moment;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::container;
use hecha::snapshot::mapping::Mapping;
use hecha::snapshot::open::{OpenOptions, Snapshot};
use rayon::prelude::*;
use std::fs::File;
use std::io::BufWriter;
use std::time::Instant;

const BLOCK: u64 = 50_000;
const ROUNDS: usize = 5;

fn main() {
    let entries = std::env::args()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(1_000_000u64);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.hecha");
    build(entries, File::create(&path).unwrap());
    let options = OpenOptions::default();
    let snapshot = Snapshot::open_file(&path, &options).unwrap();
    assert_eq!(u64::from(snapshot.entry_count()), entries);
    println!("{entries} entries, {} bytes", snapshot.bytes().len());

    say("read into memory (baseline)", || {
        drop(std::fs::read(&path).unwrap())
    });
    say("map and populate", || {
        drop(Mapping::of_file(&path, None).unwrap())
    });
    say("checksums", || {
        drop(container::check(snapshot.bytes()).unwrap())
    });
    say("BLAKE3, all threads", || {
        let hash = blake3::Hasher::new()
            .update_rayon(snapshot.bytes())
            .finalize();
        assert_eq!(hash.as_bytes(), snapshot.hash());
    });
    say("open, all of it", || {
        drop(Snapshot::open_file(&path, &options).unwrap())
    });
    let started = Instant::now();
    assert_eq!(deep::inspect(&snapshot), []);
    println!(
        "{:<28} {:>9.2} ms",
        "deep inspection, once",
        started.elapsed().as_secs_f64() * 1e3
    );
}

fn build(entries: u64, file: File) {
    let catalogue = built_in().unwrap();
    let created = Moment::parse("2026-11-22T00:00:00+08:00").unwrap();
    let master = MasterKey::from_bytes([5; 32]);
    let mut inputs = BuildInputs::new("bench", master, &catalogue, [9; 32], created);
    inputs.memory_bytes_max = u64::MAX;
    let mut assembly = Assembly::new(&inputs);
    for first in (0..entries).step_by(BLOCK as usize) {
        let records = (first..entries.min(first + BLOCK))
            .into_par_iter()
            .map(|line| {
                (
                    Origin { file: 0, line },
                    corpus::record(1, line, &catalogue),
                )
            });
        assembly.add(records.collect(), 0).unwrap();
    }
    let arranged = assembly.arrange(0).unwrap();
    let (buffered, _) = arranged.write(BufWriter::new(file)).unwrap();
    buffered.into_inner().unwrap().sync_all().unwrap();
}

fn say(what: &str, mut round: impl FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        round();
        best = best.min(started.elapsed().as_secs_f64());
    }
    println!("{what:<28} {:>9.2} ms", best * 1e3);
}
