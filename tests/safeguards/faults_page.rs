//! `docs/faults.md` against the tests: every fault has its row, every test named there exists.

use crate::table::{root, tests_named, tests_written};

const FAULTS: u32 = 30;

fn page() -> String {
    std::fs::read_to_string(root().join("docs/faults.md")).unwrap()
}

/// Test names of the page: also shorter ones than those of safeguards.
#[test]
fn every_test_that_the_page_of_faults_names_exists() {
    let written = tests_written();
    let page = page();
    let named: Vec<&str> = page.lines().flat_map(tests_named).collect();
    let missing: Vec<_> = named
        .iter()
        .filter(|name| !written.contains(**name))
        .collect();
    assert!(
        missing.is_empty(),
        "named in docs/faults.md and nowhere written: {missing:#?}"
    );
    assert!(named.len() > 40, "{} tests are named", named.len());
}

#[test]
fn every_fault_has_one_row_with_a_test_or_a_command() {
    let page = page();
    let mut faults = Vec::new();
    for id in (1..=FAULTS).map(|n| format!("F{n}")) {
        let opening = format!("| {id} |");
        let rows: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with(&opening))
            .collect();
        let [row] = rows[..] else {
            faults.push(format!("{id}: {} rows", rows.len()));
            continue;
        };
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let has_command = row.contains("`make ") || row.contains("`cargo ");
        if tests_named(row).is_empty() && !has_command {
            faults.push(format!("{id}: names neither test nor command"));
        }
        if cells.len() != 4 {
            faults.push(format!("{id}: {} cells", cells.len()));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
