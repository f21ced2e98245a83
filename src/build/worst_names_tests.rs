//! The work of a search is bounded, counted and not timed, whatever the name: fault F21.

use super::name_corpus::Listed;
use super::worst_names::{CHARS_MAX, crowd, queries};
use crate::index::candidates::{Found, PROBES_MAX};
use crate::index::similar::{Budget, similar_in};
use crate::name::query::NameQuery;
use crate::name::similarity::NameKind;
use proptest::prelude::*;
use std::sync::LazyLock;

const KINDS: [NameKind; 2] = [NameKind::Person, NameKind::Organisation];
/// More than are compared at most.
const CROWD: usize = 4_600;

/// A crowd of one sound, and every query as a listed name too.
static LISTED: LazyLock<Listed> = LazyLock::new(|| {
    let worst = queries().into_iter().map(|(_, name)| name);
    let folded = worst.map(|name| crate::name::fold::fold(&name));
    let mut names: Vec<String> = crowd(CROWD).into_iter().chain(folded).collect();
    names.retain(|name| !name.is_empty());
    let of_both = |name: &String| KINDS.map(|kind| (name.as_str().into(), kind));
    Listed::new(names.iter().flat_map(of_both).collect(), usize::MAX)
});

/// Searches; fails where more was done than is allowed.
#[track_caller]
fn bounded(kind: NameKind, name: &str, budget: &Budget) -> Found {
    let query = NameQuery::parse(kind, name);
    let tables = LISTED.tables();
    let mut shown = 0;
    let found = similar_in(&tables, kind, &query, budget, &mut |_, _| shown += 1);
    let said = format!("{kind:?} `{}`: {found:?}", name.escape_unicode());
    assert!(found.probes <= PROBES_MAX, "{said}");
    assert!(found.entries <= budget.candidates_max, "{said}");
    assert!(found.compared <= budget.compared_max, "{said}");
    // Whole names stand in no table of keys: each is one probe.
    assert!(found.candidates <= found.entries + found.probes, "{said}");
    assert!(shown <= found.compared + 1, "{said}");
    let is_spent = found.entries == budget.candidates_max || found.compared == budget.compared_max;
    assert!(is_spent || !found.budget_reached, "{said}");
    found
}

const SMALL: Budget = Budget {
    candidates_max: 300,
    compared_max: 40,
};

#[test]
fn the_worst_names_stay_within_the_budget_and_the_answer_says_where_it_ended() {
    let mut ended = Vec::new();
    for (what, name) in queries() {
        assert!(name.chars().count() <= CHARS_MAX, "{what}");
        for kind in KINDS {
            let found = bounded(kind, &name, &Budget::DEFAULT);
            if found.budget_reached {
                ended.push(what);
            }
            let small = bounded(kind, &name, &SMALL);
            let saw_less = small.compared < found.compared || small.entries < found.entries;
            assert!(!saw_less || small.budget_reached, "{what}: {small:?}");
        }
    }
    assert!(ended.contains(&"one sound, four characters"), "{ended:?}");
    assert!(!ended.contains(&"common"), "{ended:?}");
}

#[test]
fn a_budget_of_nothing_does_nothing_and_says_so() {
    let none = Budget {
        candidates_max: 0,
        compared_max: 0,
    };
    for (what, name) in queries() {
        for kind in KINDS {
            let whole = bounded(kind, &name, &Budget::DEFAULT);
            let found = bounded(kind, &name, &none);
            assert!(found.budget_reached || whole.compared == 0, "{what}");
        }
    }
}

/// Characters of every sort that the matcher knows, and any others.
fn name() -> impl Strategy<Value = String> {
    let known: Vec<char> = queries()
        .iter()
        .flat_map(|(_, name)| name.chars())
        .collect();
    let character = prop_oneof![3 => proptest::sample::select(known), 1 => any::<char>()];
    let any_name = proptest::collection::vec(character, 0..=CHARS_MAX);
    let of_crowd = "张[伟卫炜玮蔚]{1,4}[?*·a-z]{0,3}";
    prop_oneof![
        any_name.prop_map(String::from_iter),
        of_crowd.prop_map(|name| name),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_name_stays_within_the_budget(name in name()) {
        for kind in KINDS {
            bounded(kind, &name, &Budget::DEFAULT);
            bounded(kind, &name, &SMALL);
        }
    }
}
