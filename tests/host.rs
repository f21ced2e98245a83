//! What the program stands on and where it runs: licences and sources of every dependency, the
//! units of systemd, the container file.
//!
//! In: `cargo metadata`, deny.toml, the files of `deploy/`. Out: nothing, or what breaks a rule;
//! the exposure that systemd's own analyser computes is printed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Exposure of a unit at most: 0 is locked up, 10 is open.
const EXPOSURE_MAX: f64 = 2.0;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

fn allowed_licences() -> Vec<String> {
    let deny: toml::Table = read("deny.toml").parse().unwrap();
    let allowed = deny["licenses"]["allow"].as_array().unwrap();
    let words = allowed.iter().map(|word| word.as_str().unwrap().to_owned());
    words.collect()
}

/// Whether an SPDX expression is met by allowed licences alone. Old ones part choices by `/`.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ");
    let spaced = spaced.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut place = 0;
    let met = any(&words, &mut place, allowed);
    met && place == words.len()
}

fn any(words: &[&str], place: &mut usize, allowed: &[String]) -> bool {
    let mut met = all(words, place, allowed);
    while words.get(*place) == Some(&"OR") {
        *place += 1;
        met |= all(words, place, allowed);
    }
    met
}

fn all(words: &[&str], place: &mut usize, allowed: &[String]) -> bool {
    let mut met = one(words, place, allowed);
    while words.get(*place) == Some(&"AND") {
        *place += 1;
        met &= one(words, place, allowed);
    }
    met
}

fn one(words: &[&str], place: &mut usize, allowed: &[String]) -> bool {
    let word = words.get(*place).copied().unwrap_or("");
    *place += 1;
    if word == "(" {
        let met = any(words, place, allowed);
        *place += 1;
        return met;
    }
    let mut licence = word.to_owned();
    if words.get(*place) == Some(&"WITH") {
        licence = format!("{word} WITH {}", words.get(*place + 1).unwrap_or(&""));
        *place += 2;
    }
    allowed.contains(&licence)
}

#[test]
fn an_expression_is_met_by_allowed_licences_alone() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("ISC AND (GPL-3.0 OR MPL-2.0)", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
        ("", false),
        ("MIT ISC", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}

#[test]
fn every_dependency_has_an_allowed_licence_and_comes_from_the_registry() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["metadata", "--locked"]);
    cargo.args(["--format-version", "1", "--all-features"]);
    cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]);
    let said = cargo.output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let metadata: Value = serde_json::from_slice(&said.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "the graph is not read whole");
    let allowed = allowed_licences();
    for package in packages {
        let name = &package["name"];
        let licence = package["license"].as_str().unwrap_or("none");
        assert!(is_met(licence, &allowed), "{name}: licence `{licence}`");
        let source = package["source"].as_str();
        let is_ours = source.is_none();
        let from_registry = source.is_some_and(|source| source.starts_with("registry+"));
        assert!(is_ours || from_registry, "{name}: source {source:?}");
    }
}

#[test]
fn every_dependency_is_named_in_architecture_with_what_it_does() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let map = read("ARCHITECTURE.md");
    let (_, table) = map.split_once("## Dependencies").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let named: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.split_whitespace().next().unwrap_or(""))
        .collect();
    for section in ["dependencies", "dev-dependencies"] {
        for name in manifest[section].as_table().unwrap().keys() {
            assert!(named.contains(&name.as_str()), "`{name}` is not named");
        }
    }
}

/// The figure that `systemd-analyze security` ends with.
fn exposure(unit: &str) -> f64 {
    let mut analyser = Command::new("systemd-analyze");
    analyser.args(["security", "--offline=true", "--no-pager"]);
    let said = analyser.arg(root().join(unit)).output();
    let said = said.unwrap_or_else(|error| {
        panic!("systemd-analyze cannot be started ({error}); `make tools` installs it")
    });
    let text = String::from_utf8_lossy(&said.stdout);
    let last = text.lines().rev().find(|line| line.contains("exposure"));
    let figure = last.and_then(|line| line.split(": ").nth(1)?.split(' ').next());
    let figure = figure.and_then(|figure| figure.parse().ok());
    figure.unwrap_or_else(|| panic!("no figure for {unit}: {said:?}"))
}

#[test]
fn the_units_are_locked_up() {
    for unit in ["deploy/hecha.service", "deploy/hecha-witness.service"] {
        let exposure = exposure(unit);
        println!("{unit}: exposure {exposure} of 10");
        assert!(exposure <= EXPOSURE_MAX, "{unit}: {exposure}");
        let text = read(unit);
        assert!(text.contains("\nLimitCORE=0\n"), "{unit}: core dumps");
        let variable = text.lines().find(|line| line.starts_with("Environment"));
        assert_eq!(variable, None, "{unit}: keys and settings come from files");
    }
}

#[test]
fn the_container_runs_without_root_and_without_secrets() {
    let file = read("deploy/Containerfile");
    let user = file
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("USER "));
    let uid = user.and_then(|user| user.split(':').next()?.parse::<u32>().ok());
    assert!(uid.is_some_and(|uid| uid > 0), "{user:?}");
    assert!(!file.contains("ENV ") && !file.contains("ARG "));
    assert!(file.contains("--locked"));
    let ignored = read(".dockerignore");
    assert!(ignored.lines().any(|line| line == "*.key"));
    let compose = read("deploy/compose.yaml");
    for line in [
        "    read_only: true",
        "    cap_drop: [ALL]",
        "    security_opt: [\"no-new-privileges:true\"]",
        "      core: 0",
    ] {
        assert!(compose.lines().any(|known| known == line), "{line}");
    }
    assert!(!compose.contains("environment:"));
}
