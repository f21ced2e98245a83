//! What does it cost to find the names similar to one that is looked for, and is none missed?
//!
//! Beside a comparison with every name, on a sample. `cargo bench --bench names -- 10000000` sets
//! the entries: 85 % persons as common as people are, 15 % organisations. Figures are microseconds
//! a query on one core. *Candidates*: keys, look-ups, every name met. *Whole*: the name as written
//! to scored names: folding, parsing, keys, candidates, comparing. `-- --pairs FILE` takes labelled
//! pairs (columns id, query, listed, kind, ...) instead: every query is compared with every listed
//! name, and what reaches the threshold must be found. `-- --worst` asks only the queries that make
//! most work, with a crowd of one sound among the names. `-- --peers FOLDER` also writes names and
//! queries there, and this program's figures on them, for `loadtest/peers`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench prints"
)]

mod corpus;
mod name_corpus;
mod worst_names;

use corpus::Random;
use hecha::index::candidates::{Found, under_key};
use hecha::index::similar::{Budget, candidates_in, similar_in};
use hecha::name::fold::fold;
use hecha::name::query::{NameQuery, block_keys};
use hecha::name::similarity::{NameKind, THRESHOLD};
use name_corpus::{Edit, Listed, Names};
use rayon::prelude::*;
use std::collections::HashSet;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

const QUERIES: usize = 50_000;
/// Queries that other tools are asked too.
const PEER_QUERIES: usize = 5_000;
const BLOCK: usize = 1 << 16;
/// Keys that the build holds at a time: what a build of as many records would.
const KEYS_MAX: usize = 50_000_000;
/// Times that each of the worst queries is asked.
const WORST_GOES: usize = 50;
/// Names of one sound: more than are compared at most.
const WORST_CROWD: usize = 4_900;
/// Comparisons with every name, all together.
const SAMPLE_COMPARISONS: usize = 60_000_000;

fn main() {
    if let Some(file) = argument("--pairs") {
        return pairs(&file);
    }
    let entries = std::env::args()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(1_000_000usize);
    let names = Names::new();
    if std::env::args().any(|arg| arg == "--worst") {
        return worst_alone(&names, entries);
    }
    let listed = listed(&names, entries, Vec::new());
    sizes(&listed, entries);
    println!(
        "\n{:<44} {:>8} {:>8} {:>8} {:>10} {:>9} {:>8} {:>8}",
        "µs a query", "p50", "p99", "p99.9", "candidates", "compared", "similar", "budget"
    );
    for (kind, of) in [
        (NameKind::Person, "person"),
        (NameKind::Organisation, "organisation"),
    ] {
        let planted = planted(&names, &listed, entries, kind);
        let asked: Vec<String> = planted.iter().map(|(asked, ..)| asked.clone()).collect();
        measure(&listed, kind, &format!("{of}, planted edit"), &asked);
        let mut random = Random::new(11);
        let fresh: Vec<String> = (0..QUERIES)
            .map(|_| names.of_kind(kind, &mut random))
            .collect();
        measure(
            &listed,
            kind,
            &format!("{of}, fresh, as common as they are"),
            &fresh,
        );
        one_probe(&listed, kind, of, &fresh);
        recall(&listed, kind, of, &planted);
        if let Some(folder) = argument("--peers") {
            for_peers(&listed, kind, of, &planted, Path::new(&folder));
        }
        against_all(&listed, kind, of, &asked);
    }
    worst(&listed);
}

/// The worst queries alone, a crowd of one sound among the names.
fn worst_alone(names: &Names, entries: usize) {
    let crowd = worst_names::crowd(WORST_CROWD);
    let more = crowd
        .into_iter()
        .map(|name| (name.into(), NameKind::Person));
    worst(&listed(names, entries, more.collect()));
}

/// What stands behind a flag.
fn argument(flag: &str) -> Option<String> {
    std::env::args().skip_while(|arg| arg != flag).nth(1)
}

fn listed(names: &Names, entries: usize, more: Vec<(Box<str>, NameKind)>) -> Listed {
    let started = Instant::now();
    let block = |block: usize| {
        let mut random = Random::new(block as u64);
        let count = BLOCK.min(entries - block * BLOCK);
        let draw = move |_| {
            let kind = match random.chance(85) {
                true => NameKind::Person,
                false => NameKind::Organisation,
            };
            (names.of_kind(kind, &mut random).into_boxed_str(), kind)
        };
        (0..count).map(draw).collect::<Vec<_>>()
    };
    let blocks = (0..entries.div_ceil(BLOCK)).into_par_iter();
    let mut entries: Vec<_> = blocks.flat_map_iter(block).collect();
    entries.extend(more);
    let listed = Listed::new(entries, KEYS_MAX);
    println!(
        "names and tables in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    listed
}

fn sizes(listed: &Listed, entries: usize) {
    let persons = (0..listed.count()).filter(|n| listed.name(*n).1.has(NameKind::Person));
    println!(
        "{entries} entries, {} names, {} of them of persons; tables of similar names in {:.2} s \
         ({} threads)",
        listed.count(),
        persons.count(),
        listed.build_seconds,
        rayon::current_num_threads()
    );
    let bytes = listed.bytes();
    for (name, bytes) in bytes {
        println!(
            "{name:<20} {:>6.2} bytes an entry",
            bytes as f64 / entries as f64
        );
    }
    let sum = |parts: &[(&str, usize)]| parts.iter().map(|(_, bytes)| bytes).sum::<usize>() as f64;
    println!(
        "similar names {:.2}, with lines, rows and texts {:.2} bytes an entry",
        sum(&bytes[..3]) / entries as f64,
        sum(&bytes) / entries as f64
    );
}

/// Listed names, each as often as it is listed, with one edit; and the name that was meant.
fn planted(
    names: &Names,
    listed: &Listed,
    entries: usize,
    kind: NameKind,
) -> Vec<(String, u32, Edit)> {
    let mut random = Random::new(7);
    let mut planted = Vec::with_capacity(QUERIES);
    while planted.len() < QUERIES {
        let edit = Edit::ALL[planted.len() % Edit::ALL.len()];
        let number = listed.name_of_entry(random.below(entries));
        let (text, bearers) = listed.name(number);
        if bearers.has(kind)
            && let Some(edited) = names.edited(text, edit, &mut random)
        {
            planted.push((edited, number as u32, edit));
        }
    }
    planted
}

/// Writes the names of a kind and some queries for other tools, and adds this program's figures on
/// them: the whole query, and how often the name that was meant is among the ten of highest score.
fn for_peers(
    listed: &Listed,
    kind: NameKind,
    of: &str,
    planted: &[(String, u32, Edit)],
    folder: &Path,
) {
    let tables = listed.tables();
    let mut names = String::new();
    for (name, bearers) in (0..listed.count()).map(|name| listed.name(name)) {
        if bearers.has(kind) {
            names.push_str(name);
            names.push('\n');
        }
    }
    std::fs::write(folder.join(format!("{of}.names")), names).unwrap();
    let mut queries = String::new();
    let mut nanoseconds = Vec::new();
    let mut met = 0;
    let asked = &planted[..PEER_QUERIES.min(planted.len())];
    for (asked, meant, edit) in asked {
        let text = listed.name(*meant as usize).0;
        queries.push_str(&format!("{edit:?}\t{asked}\t{text}\n"));
        let mut found = Vec::new();
        let started = Instant::now();
        let query = NameQuery::parse(kind, asked);
        similar_in(&tables, kind, &query, &Budget::DEFAULT, &mut |name, how| {
            found.push((how.score, name.0));
        });
        nanoseconds.push(started.elapsed().as_nanos() as u64);
        found.sort_by(|one, other| other.0.total_cmp(&one.0));
        met += usize::from(found.iter().take(10).any(|(_, name)| name == meant));
    }
    std::fs::write(folder.join(format!("{of}.queries")), queries).unwrap();
    nanoseconds.sort_unstable();
    let at = |share: usize| nanoseconds[nanoseconds.len() * share / 100] as f64 / 1e3;
    let recall = met as f64 / asked.len() as f64;
    let line = format!("{of}\t{:.3}\t{:.3}\t{recall:.4}\n", at(50), at(99));
    let file = folder.join("hecha.tsv");
    let before = match kind {
        NameKind::Person => String::new(),
        NameKind::Organisation => std::fs::read_to_string(&file).unwrap(),
    };
    std::fs::write(file, before + &line).unwrap();
}

#[derive(Default)]
struct Tally {
    nanoseconds: Vec<u64>,
    candidates: u64,
    compared: u64,
    similar: u64,
    budget: u64,
}

impl Tally {
    fn print(mut self, name: &str) {
        self.nanoseconds.sort_unstable();
        let count = self.nanoseconds.len();
        let at = |share: f64| {
            self.nanoseconds[((count as f64 * share) as usize).min(count - 1)] as f64 / 1e3
        };
        let each = |sum: u64| sum as f64 / count as f64;
        println!(
            "{name:<44} {:>8.2} {:>8.2} {:>8.2} {:>10.1} {:>9.1} {:>8.2} {:>8.4}",
            at(0.5),
            at(0.99),
            at(0.999),
            each(self.candidates),
            each(self.compared),
            each(self.similar),
            each(self.budget)
        );
    }
}

fn measure(listed: &Listed, kind: NameKind, name: &str, asked: &[String]) {
    let tables = listed.tables();
    let mut tally = Tally::default();
    for asked in asked {
        let started = Instant::now();
        black_box(NameQuery::parse(kind, asked));
        tally.nanoseconds.push(started.elapsed().as_nanos() as u64);
    }
    tally.print(&format!("{name}: parsing alone"));
    let mut tally = Tally::default();
    for asked in asked {
        let query = NameQuery::parse(kind, asked);
        let started = Instant::now();
        let mut met = 0u32;
        let found = candidates_in(&tables, kind, &query, &Budget::DEFAULT, &mut |name| {
            met ^= name.0;
        });
        tally.nanoseconds.push(started.elapsed().as_nanos() as u64);
        black_box(met);
        tally.candidates += u64::from(found.candidates);
        tally.budget += u64::from(found.budget_reached);
    }
    tally.print(&format!("{name}: candidates"));
    let mut tally = Tally::default();
    for asked in asked {
        let started = Instant::now();
        let query = NameQuery::parse(kind, asked);
        let mut similar = 0;
        let found = similar_in(
            &tables,
            kind,
            &query,
            &Budget::DEFAULT,
            &mut |name, similarity| {
                black_box((name, similarity.score));
                similar += 1;
            },
        );
        tally.nanoseconds.push(started.elapsed().as_nanos() as u64);
        tally.candidates += u64::from(found.candidates);
        tally.compared += u64::from(found.compared);
        tally.budget += u64::from(found.budget_reached);
        tally.similar += similar;
    }
    tally.print(&format!("{name}: whole"));
}

/// Names under the first block key of the name: one look-up.
fn one_probe(listed: &Listed, kind: NameKind, of: &str, asked: &[String]) {
    let tables = listed.tables();
    let mut tally = Tally::default();
    for asked in asked {
        let mut first = None;
        block_keys(kind, asked, &mut |key| first = first.or(Some(key)));
        let Some(key) = first else { continue };
        let started = Instant::now();
        let mut met = 0u32;
        under_key(&tables, kind, key, 20_000, |name| {
            met ^= name.0;
            tally.candidates += 1;
        });
        tally.nanoseconds.push(started.elapsed().as_nanos() as u64);
        black_box(met);
    }
    if !tally.nanoseconds.is_empty() {
        tally.print(&format!("{of}, one probe of a block key"));
    }
}

/// Share of planted names among the candidates.
fn recall(listed: &Listed, kind: NameKind, of: &str, planted: &[(String, u32, Edit)]) {
    let tables = listed.tables();
    for edit in Edit::ALL {
        let of_edit: Vec<_> = planted.iter().filter(|(.., e)| *e == edit).collect();
        let met = |(asked, number, _): &&&(String, u32, Edit)| {
            let query = NameQuery::parse(kind, asked);
            let mut met = false;
            candidates_in(&tables, kind, &query, &Budget::DEFAULT, &mut |name| {
                met |= name.0 == *number;
            });
            met
        };
        let met = of_edit.iter().filter(met).count();
        let share = met as f64 / of_edit.len().max(1) as f64;
        println!("{of}, recall of {edit:?}: {share:.4} of {}", of_edit.len());
        assert_eq!(met, of_edit.len(), "no planted edit is missed");
    }
}

/// Every name compared in full, for a sample of queries.
fn against_all(listed: &Listed, kind: NameKind, of: &str, asked: &[String]) {
    let sample = (SAMPLE_COMPARISONS / listed.count().max(1)).clamp(6, 200);
    let step = asked.len().div_ceil(sample);
    let mut total = Compared::default();
    for asked in asked.iter().step_by(step) {
        total.add(listed, kind, asked);
    }
    total.print(of);
}

/// Names that reach the threshold in full comparisons, and those of them that are found.
#[derive(Default)]
struct Compared {
    queries: usize,
    expected: usize,
    found: usize,
    seconds: f64,
}

impl Compared {
    fn add(&mut self, listed: &Listed, kind: NameKind, asked: &str) {
        let started = Instant::now();
        let reaches = |query: &mut NameQuery, place: usize| {
            let (text, bearers) = listed.name(place);
            let reaches = bearers.has(kind) && query.compare(text).score >= THRESHOLD;
            reaches.then_some(place as u32)
        };
        let all: Vec<u32> = (0..listed.count())
            .into_par_iter()
            .map_init(|| NameQuery::parse(kind, asked), reaches)
            .flatten()
            .collect();
        self.seconds += started.elapsed().as_secs_f64();
        let mut similar = HashSet::new();
        let query = NameQuery::parse(kind, asked);
        let budget = Budget::DEFAULT;
        similar_in(&listed.tables(), kind, &query, &budget, &mut |name, _| {
            similar.insert(name.0);
        });
        let missed: Vec<u32> = all
            .iter()
            .copied()
            .filter(|name| !similar.contains(name))
            .collect();
        self.queries += 1;
        self.expected += all.len();
        self.found += all.len() - missed.len();
        for name in missed.iter().take(3) {
            let text = listed.name(*name as usize).0;
            let score = query.compare(text).score;
            println!("missed: {asked} ({}) {text} {score:.2}", query.folded());
        }
    }

    fn print(&self, of: &str) {
        println!(
            "{of}, of {} names that reach the threshold in {} full comparisons {} are found; \
             a full comparison takes {:.1} ms ({} threads)\n",
            self.expected,
            self.queries,
            self.found,
            self.seconds * 1e3 / self.queries.max(1) as f64,
            rayon::current_num_threads()
        );
    }
}

fn pairs(file: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    let rows = text.lines().skip(1).filter_map(|line| {
        let mut columns = line.split('\t').skip(1);
        let (query, listed) = (columns.next()?, columns.next()?);
        let kind = match columns.next()? {
            "person" => NameKind::Person,
            _ => NameKind::Organisation,
        };
        Some((query, fold(listed), kind))
    });
    let rows: Vec<_> = rows.collect();
    let names = rows
        .iter()
        .map(|(_, listed, kind)| (listed.as_str().into(), *kind));
    let listed = Listed::new(names.collect(), KEYS_MAX);
    for (kind, of) in [
        (NameKind::Person, "person"),
        (NameKind::Organisation, "organisation"),
    ] {
        let mut total = Compared::default();
        for (query, ..) in rows.iter().filter(|row| row.2 == kind) {
            total.add(&listed, kind, query);
        }
        total.print(of);
    }
}

/// Queries that make as much work as they can: the slowest of several goes of each, so that what is
/// measured is the name and not the machine, and the work that was counted.
fn worst(listed: &Listed) {
    println!(
        "\n{:<40} {:>6} {:>9} {:>8} {:>8} {:>9} {:>8}",
        "worst names", "kind", "µs, max", "probes", "entries", "compared", "budget"
    );
    let tables = listed.tables();
    let mut slowest = (0.0, "");
    for (what, asked) in worst_names::queries() {
        for (kind, of) in [
            (NameKind::Person, "person"),
            (NameKind::Organisation, "firm"),
        ] {
            let mut microseconds = Vec::new();
            let mut found = Found::default();
            for _ in 0..WORST_GOES {
                let started = Instant::now();
                let query = NameQuery::parse(kind, &asked);
                found = similar_in(&tables, kind, &query, &Budget::DEFAULT, &mut |_, _| {});
                microseconds.push(started.elapsed().as_nanos() as f64 / 1e3);
            }
            microseconds.sort_by(f64::total_cmp);
            // A pause of the machine falls on few of them.
            let max = microseconds[WORST_GOES * 9 / 10];
            let budget = if found.budget_reached { "reached" } else { "" };
            println!(
                "{what:<40} {of:>6} {max:>9.1} {:>8} {:>8} {:>9} {budget:>8}",
                found.probes, found.entries, found.compared
            );
            if max > slowest.0 {
                slowest = (max, what);
            }
        }
    }
    let (max, what) = slowest;
    println!("the slowest query takes {max:.1} µs: {what}");
}
