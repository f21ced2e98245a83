//! `docs/systems.md` against the tests: every test that it names exists, every row is there.
//!
//! In: the page, all files under `tests/` and the tests beside the code. Out: nothing, or what is
//! named and was never written, and which safeguard, system or clock has no row.

use std::collections::BTreeSet;
use std::path::Path;

const SAFEGUARDS: u32 = 45;
const SYSTEMS: u32 = 42;
const CLOCKS: u32 = 23;
/// Systems at which a gateway has no part.
const NO_PART: [u32; 2] = [15, 31];

fn page() -> String {
    std::fs::read_to_string(root().join("docs/systems.md")).unwrap()
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Names of all functions that are tests, `room::test` unqualified.
pub fn tests_written() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![root().join("tests"), root().join("src")];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(tests_of(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    names
}

fn tests_of(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut announced = false;
    for line in text.lines().map(str::trim) {
        let function = line
            .strip_prefix("fn ")
            .or_else(|| line.strip_prefix("async fn "));
        if line == "#[test]" {
            announced = true;
        } else if let Some(rest) = function.filter(|_| announced) {
            let name = rest.split(['(', '<']).next();
            names.extend(name.map(str::to_owned));
            announced = false;
        }
    }
    names
}

/// Words in backticks that are names of tests: lower case with underscores, and no metrics.
pub fn tests_named(line: &str) -> Vec<&str> {
    let words = line.split('`').skip(1).step_by(2);
    let is_name = |word: &&str| {
        let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        !word.starts_with("hecha_") && word.matches('_').count() >= 3 && word.chars().all(of_name)
    };
    words.filter(is_name).collect()
}

#[test]
fn every_test_that_the_page_names_exists() {
    let written = tests_written();
    let page = page();
    let named: Vec<&str> = page.lines().flat_map(tests_named).collect();
    let missing: Vec<_> = named
        .iter()
        .filter(|name| !written.contains(**name))
        .collect();
    assert!(
        missing.is_empty(),
        "named in docs/systems.md and nowhere written: {missing:#?}"
    );
    assert!(named.len() > 100, "{} tests are named", named.len());
}

#[test]
fn every_safeguard_system_and_clock_has_a_row_with_a_test() {
    let page = page();
    let ids = (1..=SAFEGUARDS)
        .map(|n| format!("S{n:02}"))
        .chain(
            (1..=SYSTEMS)
                .filter(|n| !NO_PART.contains(n))
                .map(|n| format!("Y{n}")),
        )
        .chain((1..=CLOCKS).map(|n| format!("T{n}")));
    let faults: Vec<String> = ids.filter_map(|id| fault_of(&page, &id)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

fn fault_of(page: &str, id: &str) -> Option<String> {
    let opening = format!("| {id} |");
    let mut rows = page.lines().filter(|line| line.starts_with(&opening));
    let Some(row) = rows.next() else {
        return Some(format!("{id}: has no row"));
    };
    if rows.next().is_some() {
        return Some(format!("{id}: has two rows"));
    }
    // A clock that runs at somebody else's office says so.
    let elsewhere = id.starts_with('T') && row.contains("not the gateway's");
    (tests_named(row).is_empty() && !elsewhere).then(|| format!("{id}: names no test"))
}

#[test]
fn every_test_of_a_safeguard_or_system_stands_on_the_page() {
    let page = page();
    let named: BTreeSet<&str> = page.lines().flat_map(tests_named).collect();
    let numbered = |name: &&String| {
        let (letter, rest) = name.split_at(1);
        ["s", "t", "y"].contains(&letter) && rest.starts_with(|c: char| c.is_ascii_digit())
    };
    let written = tests_written();
    let unnamed: Vec<_> = written
        .iter()
        .filter(numbered)
        .filter(|name| !named.contains(name.as_str()))
        .collect();
    assert!(unnamed.is_empty(), "not on docs/systems.md: {unnamed:#?}");
}
