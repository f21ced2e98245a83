//! What does it cost to find an identifier among those of a snapshot, there or not?
//!
//! Beside a hash map, a binary search and (on a small part) a linear scan over the same digests.
//! `cargo bench --bench lookup -- 1000000` sets the entries. Figures are nanoseconds a look-up;
//! "chain" makes each wait for the one before: the true latency.

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
use hecha::identifier::digest::{Digest, DigestKey};
use hecha::identifier::document::FullNumber;
use hecha::identifier::kind::IdType;
use hecha::index::{identifiers, names};
use hecha::model::term::Moment;
use hecha::name::fold::fold;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::open::Snapshot;
use rayon::prelude::*;
use std::collections::HashMap;
use std::hint::black_box;
use std::io::Cursor;
use std::time::Instant;

const SEED: u64 = 1;
const BLOCK: u64 = 50_000;
const QUERIES: usize = 1_000_000;
const SCANNED: usize = 2_000;
const ROUNDS: usize = 5;

fn main() {
    let entries = std::env::args()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(1_000_000u64);
    let snapshot = built(entries);
    let key = snapshot.digest_key(&MasterKey::from_bytes([5; 32]));
    println!(
        "{} entries, {} identifiers, {} names, {} bytes an entry",
        snapshot.entry_count(),
        snapshot.identifier_count(),
        snapshot.name_count(),
        snapshot.bytes().len() as u64 / entries.max(1)
    );
    let (hits, misses) = queries(&snapshot, &key, entries);
    identifiers_beside_baselines(&snapshot, &hits, &misses);
    digests(&key, entries);
    names_of(&snapshot, entries);
}

fn built(entries: u64) -> Snapshot {
    let catalogue = built_in().unwrap();
    let created = Moment::parse("2026-11-22T00:00:00+08:00").unwrap();
    let master = MasterKey::from_bytes([5; 32]);
    let mut inputs = BuildInputs::new("bench", master, &catalogue, [9; 32], created);
    inputs.memory_bytes_max = u64::MAX;
    let mut assembly = Assembly::new(&inputs);
    for first in (0..entries).step_by(BLOCK as usize) {
        let places = first..entries.min(first + BLOCK);
        let records = places.into_par_iter().map(|line| {
            (
                Origin { file: 0, line },
                corpus::record(SEED, line, &catalogue),
            )
        });
        assembly.add(records.collect(), 0).unwrap();
    }
    let arranged = assembly.arrange(0).unwrap();
    let (out, _) = arranged.write(Cursor::new(Vec::new())).unwrap();
    Snapshot::from_bytes(out.into_inner()).unwrap()
}

/// Digests of numbers that are there, each as often as another, and of numbers that are not.
fn queries(snapshot: &Snapshot, key: &DigestKey, entries: u64) -> (Vec<Digest>, Vec<Digest>) {
    let all: Vec<(Digest, bool)> = (0..entries * 2)
        .into_par_iter()
        .map(|place| {
            let number = FullNumber::parse(IdType::CitizenId, &corpus::citizen_id(place));
            let digest = key.full(&number.unwrap());
            (digest, identifiers::find(snapshot, &digest).is_some())
        })
        .collect();
    let mut random = corpus::Random::new(2);
    let mut drawn = |there: bool| {
        let pool: Vec<Digest> = all
            .iter()
            .filter(|(_, t)| *t == there)
            .map(|(d, _)| *d)
            .collect();
        assert!(!pool.is_empty(), "the corpus has hits and misses");
        (0..QUERIES)
            .map(|_| pool[random.below(pool.len())])
            .collect()
    };
    (drawn(true), drawn(false))
}

fn identifiers_beside_baselines(snapshot: &Snapshot, hits: &[Digest], misses: &[Digest]) {
    let mut sorted: Vec<Digest> = hits.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    // The baselines hold what the snapshot holds: fill up with other digests.
    let mut random = corpus::Random::new(3);
    while sorted.len() < snapshot.identifier_count() as usize {
        let bits = u128::from(random.next()) << 64 | u128::from(random.next());
        sorted.push(Digest(bits.to_le_bytes()));
    }
    sorted.sort_unstable();
    let map: HashMap<Digest, u32> = sorted.iter().copied().zip(0..).collect();
    let lines = |digest: &Digest| identifiers::find(snapshot, digest).map_or(0, |row| row.0 + 1);
    let hash_map = |digest: &Digest| map.get(digest).map_or(0, |row| row + 1);
    let binary = |digest: &Digest| sorted.binary_search(digest).map_or(0, |row| row as u32 + 1);
    let scan = |digest: &Digest| {
        let place = sorted[..SCANNED].iter().position(|other| other == digest);
        place.map_or(0, |row| row as u32 + 1)
    };
    println!(
        "\n{:<28} {:>8} {:>8} {:>8} {:>8}",
        "ns a look-up", "hit", "hit ch.", "miss", "miss ch."
    );
    row("line table (snapshot)", hits, misses, lines, true);
    row("HashMap", hits, misses, hash_map, true);
    row("binary search", hits, misses, binary, true);
    row(
        &format!("linear scan of {SCANNED}"),
        &hits[..SCANNED],
        &misses[..SCANNED],
        scan,
        false,
    );
}

fn row(name: &str, hits: &[Digest], misses: &[Digest], find: impl Fn(&Digest) -> u32, all: bool) {
    let found = |digests: &[Digest]| digests.iter().filter(|digest| find(digest) != 0).count();
    if all {
        assert_eq!((found(hits), found(misses)), (hits.len(), 0), "{name}");
    }
    print!("{name:<28}");
    for queries in [hits, misses] {
        let independent = best(queries.len(), || {
            queries
                .iter()
                .fold(0, |sum: u32, digest| sum.wrapping_add(find(digest)))
        });
        let chained = best(queries.len(), || {
            let mut place = 0usize;
            for _ in 0..queries.len() {
                // The next query depends on the answer to this one.
                let answer = find(&queries[place]) as usize;
                place = (place + 1 + (answer & 1)) % queries.len();
            }
            place as u32
        });
        print!(" {independent:>8.1} {chained:>8.1}");
    }
    println!();
}

fn digests(key: &DigestKey, entries: u64) {
    let numbers: Vec<FullNumber> = (0..10_000)
        .map(|place| {
            let number = corpus::citizen_id(place % entries.max(1));
            FullNumber::parse(IdType::CitizenId, &number).unwrap()
        })
        .collect();
    let cost = best(numbers.len(), || {
        numbers.iter().fold(0, |sum: u32, number| {
            sum.wrapping_add(u32::from(key.full(number).0[0]))
        })
    });
    println!("\ndigest of a number: {cost:.1} ns");
}

fn names_of(snapshot: &Snapshot, entries: u64) {
    let mut random = corpus::Random::new(4);
    let folded: Vec<String> = (0..100_000.min(entries * 2))
        .map(|_| fold(&corpus::person_name(&mut random)))
        .collect();
    let found = folded
        .iter()
        .filter(|name| names::find(snapshot, name).is_some())
        .count();
    let cost = best(folded.len(), || {
        let find = |name: &String| names::find(snapshot, name).map_or(0, |name| name.0);
        folded
            .iter()
            .fold(0, |sum: u32, name| sum.wrapping_add(find(name)))
    });
    println!("name: {cost:.1} ns ({found} of {} there)", folded.len());
}

/// Best of some rounds, in nanoseconds a query.
fn best(queries: usize, mut round: impl FnMut() -> u32) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        black_box(round());
        best = best.min(started.elapsed().as_secs_f64());
    }
    best * 1e9 / queries.max(1) as f64
}
