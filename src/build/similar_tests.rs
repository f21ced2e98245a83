//! The search for similar names against a naive model: every pair compared in full.

use super::corpus::Random;
use super::name_corpus::{Edit, Listed, Names};
use crate::index::candidates::{Glance, Scratch};
use crate::index::similar::{Budget, candidates_in, similar_in};
use crate::name::query::NameQuery;
use crate::name::similarity::{NameKind, THRESHOLD};
use crate::snapshot::entries::NameNumber;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use zerocopy::IntoBytes;

const KINDS: [NameKind; 2] = [NameKind::Person, NameKind::Organisation];
const ENTRIES: usize = 4_000;
/// Keys held at a time; so small that the tables are made in several ranges.
const KEYS_MAX: usize = 3_000;

static NAMES: LazyLock<Names> = LazyLock::new(Names::new);

static LISTED: LazyLock<Listed> = LazyLock::new(|| Listed::new(entries(), usize::MAX));

fn entries() -> Vec<(Box<str>, NameKind)> {
    let mut random = Random::new(1);
    let mut entries: Vec<(Box<str>, NameKind)> = (0..ENTRIES)
        .map(|place| {
            let kind = KINDS[usize::from(place % 3 == 0)];
            (NAMES.of_kind(kind, &mut random).into(), kind)
        })
        .collect();
    // Both kinds bear it; one place repeats; long; beyond the first plane; no letters at all.
    let long = "很长的名字".repeat(12);
    let longer = "很长的名字".repeat(16);
    for name in [
        "王王王",
        "华联",
        "王𠮷",
        &long,
        &longer,
        "??",
        "zhangwei",
        "买买提艾力",
    ] {
        entries.extend(KINDS.map(|kind| (name.into(), kind)));
    }
    entries
}

fn found(kind: NameKind, asked: &str) -> BTreeMap<u32, f32> {
    let mut found = BTreeMap::new();
    let query = NameQuery::parse(kind, asked);
    let tables = LISTED.tables();
    similar_in(
        &tables,
        kind,
        &query,
        &Budget::DEFAULT,
        &mut |name, similarity| {
            assert!(
                found.insert(name.0, similarity.score).is_none(),
                "{name:?} twice"
            );
        },
    );
    found
}

fn candidates(kind: NameKind, asked: &str) -> BTreeSet<u32> {
    let mut met = BTreeSet::new();
    let query = NameQuery::parse(kind, asked);
    candidates_in(
        &LISTED.tables(),
        kind,
        &query,
        &Budget::DEFAULT,
        &mut |name| {
            assert!(met.insert(name.0), "{name:?} twice");
        },
    );
    met
}

/// Listed names of a kind, with an edit of each.
fn each_edited(mut check: impl FnMut(NameKind, u32, &str, Edit)) {
    let mut random = Random::new(7);
    for place in (0..LISTED.count()).step_by(7) {
        let (text, bearers) = LISTED.name(place);
        for kind in KINDS.into_iter().filter(|kind| bearers.has(*kind)) {
            for edit in Edit::ALL {
                if let Some(edited) = NAMES.edited(text, edit, &mut random) {
                    check(kind, place as u32, &edited, edit);
                }
            }
        }
    }
}

#[test]
fn every_planted_edit_is_among_the_candidates() {
    let mut planted = BTreeMap::new();
    each_edited(|kind, name, edited, edit| {
        *planted.entry(format!("{kind:?} {edit:?}")).or_insert(0) += 1;
        assert!(
            candidates(kind, edited).contains(&name),
            "{kind:?} {edit:?} {edited}"
        );
    });
    assert!(
        planted.len() == 10 && planted.values().all(|count| *count > 20),
        "{planted:?}"
    );
}

#[test]
fn every_name_that_reaches_the_threshold_is_found() {
    let mut pairs = 0;
    let mut turn = 0;
    each_edited(|kind, _, edited, edit| {
        turn += 1;
        if turn % 40 != 0 {
            return;
        }
        let query = NameQuery::parse(kind, edited);
        let found = found(kind, edited);
        for place in 0..LISTED.count() {
            let (text, bearers) = LISTED.name(place);
            let score = query.compare(text).score;
            if bearers.has(kind) && score >= THRESHOLD {
                pairs += 1;
                let there = found.get(&(place as u32));
                assert_eq!(there, Some(&score), "{kind:?} {edit:?} {edited} {text}");
            }
        }
    });
    println!("{pairs} pairs reach the threshold");
}

#[test]
fn the_equal_name_comes_first_and_once() {
    for name in ["王王王", "华联", "??", &"很长的名字".repeat(16)] {
        for kind in KINDS {
            let scores: Vec<f32> = found(kind, name).into_values().collect();
            assert!(scores.contains(&1.0), "{name}");
            assert_eq!(
                scores.iter().filter(|score| **score == 1.0).count(),
                1,
                "{name}"
            );
        }
    }
}

#[test]
fn long_names_one_edit_apart_are_candidates() {
    for repeats in [12, 16] {
        let mut longer = "很长的名字".repeat(repeats);
        let listed = LISTED.tables().find(NameKind::Person, &longer).unwrap();
        longer.push('厂');
        for kind in KINDS {
            assert!(
                candidates(kind, &longer).contains(&listed),
                "{kind:?} {repeats}"
            );
        }
    }
}

#[test]
fn the_budget_bounds_the_work_and_says_so() {
    let worst = [
        "王伟",
        "王".repeat(200).as_str(),
        "?".repeat(200).as_str(),
        "有限公司",
        "",
    ]
    .map(str::to_owned);
    let small = Budget {
        candidates_max: 3,
        compared_max: 2,
    };
    for name in &worst {
        for kind in KINDS {
            let query = NameQuery::parse(kind, name);
            let tables = LISTED.tables();
            let mut seen = 0;
            let found = similar_in(&tables, kind, &query, &small, &mut |_, _| seen += 1);
            assert!(found.compared <= 2 && seen <= 3, "{name}: {found:?}");
            let whole = similar_in(&tables, kind, &query, &Budget::DEFAULT, &mut |_, _| {});
            assert!(!whole.budget_reached, "{name}: {whole:?}");
            assert!(
                found.budget_reached || found.candidates == whole.candidates,
                "{name}"
            );
        }
    }
}

#[test]
fn a_search_inside_the_visit_of_another_finds_the_same() {
    let query = NameQuery::parse(NameKind::Person, "华联");
    let tables = LISTED.tables();
    let search = |inner: &mut dyn FnMut()| {
        let mut names: Vec<NameNumber> = Vec::new();
        similar_in(
            &tables,
            NameKind::Person,
            &query,
            &Budget::DEFAULT,
            &mut |name, _| {
                names.push(name);
                inner();
            },
        );
        names
    };
    let alone = search(&mut || {});
    let mut inside = Vec::new();
    assert_eq!(search(&mut || inside = search(&mut || {})), alone);
    assert_eq!(inside, alone);
}

#[test]
fn tables_are_equal_whatever_the_threads_and_the_memory() {
    let built = |threads: usize, keys_max: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let listed = pool.install(|| Listed::new(entries(), keys_max));
        let tables = listed.tables();
        [
            tables.person_places.all().as_bytes().to_vec(),
            tables.person_keys.all().as_bytes().to_vec(),
            tables.organisation_keys.all().as_bytes().to_vec(),
        ]
    };
    let one = built(1, usize::MAX);
    assert!(one == built(4, usize::MAX));
    assert!(one == built(4, KEYS_MAX));
    assert!(one == built(1, 1_000));
}

#[test]
fn space_of_a_query_is_used_again_and_holds_nothing_of_the_last() {
    let tables = LISTED.tables();
    let mut scratch = Scratch::default();
    let mut gathered = |name: &str| {
        let query = NameQuery::parse(NameKind::Person, name);
        let equal = tables.find(NameKind::Person, query.folded());
        let glance = Glance::All;
        scratch.gather(&tables, NameKind::Person, &query, equal, glance, 1_000);
        scratch.candidates.clone()
    };
    let first = gathered("王王王");
    gathered("华联");
    assert_eq!(gathered("王王王"), first);
    assert_eq!(gathered(""), []);
}
