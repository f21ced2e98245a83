//! Checks in the process on the snapshots of the load test: `check.rs`, with `--load`.

use super::{Cost, ask, view_of};
use hecha::gateway::client::Client;
use hecha::gateway::question;
use hecha::gateway::view::View;
use hecha::model::language::Language;
use hecha::model::term::Moment;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::open::{OpenOptions, Snapshot};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Requests of one kind.
const ASKED: usize = 20_000;
/// Of these so many are asked for their cache misses, behind others that warm up.
const MISSES_ASKED: usize = 1_500;
const WARM_UP: usize = 500;
const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/record/check.tsv");
const KINDS: [&str; 4] = [
    "number not listed",
    "number listed",
    "name of a person",
    "name of an organisation",
];

/// Cache misses of a check: first level of data, last level.
type Misses = [f64; 2];

/// Measures each folder, then says what the last costs beside the first.
pub fn measure(folders: &[&Path]) {
    let mut record = String::from(
        "# A check in the process, by `cargo bench --bench check -- --load FOLDER...`.\n\
         # entries\tkind\tns\tallocations\tfirst level misses\tlast level misses\n",
    );
    let mut all = Vec::new();
    for folder in folders {
        let of_folder = Loaded::open(folder);
        println!("{} entries", of_folder.entries);
        let costs: Vec<Cost> = KINDS
            .iter()
            .zip(&of_folder.bodies)
            .map(|(kind, bodies)| {
                assert!(!bodies.is_empty(), "no request of the mix asks by {kind}");
                ask(
                    kind,
                    &of_folder.view,
                    &of_folder.client,
                    of_folder.now,
                    bodies,
                )
            })
            .collect();
        let entries = of_folder.entries;
        drop(of_folder);
        let misses = misses(folder);
        for ((kind, cost), misses) in KINDS.iter().zip(&costs).zip(&misses) {
            let [first, last] = misses.unwrap_or([f64::NAN; 2]);
            println!("{kind:24} cache misses: first level {first:.0}, last level {last:.1}");
            let (ns, allocations) = (cost.median_ns, cost.allocations);
            writeln!(
                record,
                "{entries}\t{kind}\t{ns:.0}\t{allocations:.1}\t{first:.0}\t{last:.1}"
            )
            .unwrap();
        }
        all.push((entries, costs));
    }
    if let [(fewer, first), .., (more, last)] = &*all {
        for ((kind, first), last) in KINDS.iter().zip(first).zip(last) {
            let ratio = last.median_ns / first.median_ns;
            println!("{kind:24} {fewer} to {more} entries: {ratio:.2} times");
        }
    }
    if std::env::var_os("HECHA_RECORD").is_some_and(|asked| !asked.is_empty()) {
        fs::write(RECORD, record).unwrap();
    }
}

/// A snapshot and what is asked of it, by kind.
struct Loaded {
    view: View,
    client: Client,
    now: Moment,
    entries: u32,
    bodies: [Vec<Vec<u8>>; 4],
}

impl Loaded {
    fn open(folder: &Path) -> Self {
        let master = MasterKey::load(&folder.join("snapshot.key")).unwrap();
        let snapshot =
            Snapshot::open_file(&folder.join("list.hecha"), &OpenOptions::default()).unwrap();
        let entries = snapshot.entry_count();
        let now = snapshot.manifest().created;
        let (view, client) = view_of(snapshot, &master, now);
        let mut bodies: [Vec<Vec<u8>>; 4] = Default::default();
        for mix in ["identifier", "name"] {
            let text = fs::read_to_string(folder.join(format!("mix-{mix}.ndjson"))).unwrap();
            for line in text.lines() {
                let answered = question::answer(&view, &client, line.as_bytes(), Language::Zh, now);
                let outcome = answered.expect("the mix fits the catalogue").outcome;
                let kind = match (
                    mix,
                    outcome.match_count,
                    line.contains(r#""kind":"person""#),
                ) {
                    ("identifier", 0, _) => 0,
                    ("identifier", _, _) => 1,
                    (_, _, true) => 2,
                    (_, _, false) => 3,
                };
                bodies[kind].push(line.as_bytes().to_vec());
            }
        }
        for bodies in &mut bodies {
            // Few numbers are listed: they are asked again and again.
            let count = bodies.len();
            bodies.extend_from_within(..count.min(ASKED.saturating_sub(count)));
            bodies.truncate(ASKED);
        }
        Self {
            view,
            client,
            now,
            entries,
            bodies,
        }
    }

    fn ask(&self, body: &[u8]) {
        let answered = question::answer(&self.view, &self.client, body, Language::Zh, self.now);
        black_box(answered).expect("answered before");
    }
}

/// What runs under callgrind: one kind, once the parent has heard that the snapshot is open.
pub fn ask_once(folder: &Path, kind: &str) {
    let loaded = Loaded::open(folder);
    let bodies = &loaded.bodies[kind.parse::<usize>().unwrap()];
    println!("open");
    io::stdin().read_line(&mut String::new()).unwrap();
    let asked = bodies.iter().cycle();
    asked
        .clone()
        .take(WARM_UP)
        .for_each(|body| loaded.ask(body));
    let behind = asked.skip(WARM_UP).take(MISSES_ASKED);
    counted(&mut || behind.clone().for_each(|body| loaded.ask(body)));
}

/// What is counted; nothing else is.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

/// Cache misses of each kind; `None` without valgrind.
fn misses(folder: &Path) -> [Option<Misses>; 4] {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: no cache misses");
        return [None; 4];
    }
    [0, 1, 2, 3].map(|kind| Some(misses_of(folder, kind)))
}

/// The snapshot is opened before anything is counted: that alone would take minutes.
fn misses_of(folder: &Path, kind: usize) -> Misses {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    let mut child = Command::new("valgrind")
        .args(["--tool=callgrind", "--cache-sim=yes", "--instr-atstart=no"])
        .args(["--collect-atstart=no", "--toggle-collect=*loaded::counted*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().unwrap())
        .arg("--misses-of")
        .arg(folder)
        .arg(kind.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "open");
    let on = Command::new("callgrind_control")
        .args(["-i", "on", &child.id().to_string()])
        .output()
        .unwrap();
    assert!(
        on.status.success(),
        "{}",
        String::from_utf8_lossy(&on.stdout)
    );
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let text = fs::read_to_string(&out).unwrap();
    let line = |start| {
        text.lines()
            .find_map(|line| line.strip_prefix(start))
            .unwrap()
    };
    let counts = line("totals: ").split_whitespace();
    let counts = counts.map(|count| count.parse::<f64>().unwrap());
    let of: BTreeMap<&str, f64> = line("events: ").split_whitespace().zip(counts).collect();
    let sum = |events: [&str; 2]| (of[events[0]] + of[events[1]]) / MISSES_ASKED as f64;
    [sum(["D1mr", "D1mw"]), sum(["DLmr", "DLmw"])]
}
