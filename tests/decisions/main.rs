//! Decisions: the naive model against the labelled cases, and `check` against the naive model on
//! random worlds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a test crate"
)]

mod again;
mod cases;
mod dice;
mod differential;
mod people;
mod questions;
mod real;
mod sweep;
mod worlds;
mod written;

#[path = "../naive/mod.rs"]
mod naive;

use hecha::model::decision::{Decision, Reason};
use naive::law::Law;
use naive::matching;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn the_naive_model_passes_every_answered_case() {
    let law = Law::of_project();
    let (cases, refused) = cases::answered();
    assert_eq!((cases.len(), refused), (163, 15));
    let mut failures = Vec::new();
    for case in cases {
        let answer = matching::answer(&case.world, &law, &case.question, case.now);
        let expect = &case.expect;
        let words = |key: &str| -> Vec<String> {
            let list = expect[key].as_array().into_iter().flatten();
            list.map(|word| word.as_str().unwrap().to_string())
                .collect()
        };
        let mut applied: BTreeMap<&str, Decision> = BTreeMap::new();
        for (id, effect) in answer.matches.iter().flat_map(|matched| &matched.applied) {
            let strongest = applied.entry(id).or_insert(*effect);
            *strongest = (*strongest).max(*effect);
        }
        let mut identity: Vec<_> = answer
            .matches
            .iter()
            .take(10)
            .map(|m| m.identity.name())
            .collect();
        identity.sort_unstable();
        let mut wanted_identity = words("identity");
        wanted_identity.sort_unstable();
        let wanted_applied: BTreeSet<String> = words("applied").into_iter().collect();
        let effects = expect["effects"].as_object().into_iter().flatten();
        let right = answer.decision.name() == expect["decision"]
            && answer.matches.len() as u64 == expect["match_count"].as_u64().unwrap()
            && identity == wanted_identity
            && applied
                .keys()
                .map(|id| id.to_string())
                .collect::<BTreeSet<_>>()
                == wanted_applied
            && words("reasons_include")
                .iter()
                .all(|code| answer.reasons.contains(code))
            && effects.into_iter().all(|(id, effect): (&String, &Value)| {
                applied
                    .get(id.as_str())
                    .is_some_and(|e| e.name() == *effect)
            });
        if !right {
            failures.push(format!("{}: {answer:#?}\nexpected {expect}", case.id));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_random_worlds_reach_every_decision_identity_and_reason() {
    let law = Law::of_project();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..4_000 {
        let trial = worlds::trial(&law, seed);
        let answer = matching::answer(&trial.world, &law, &trial.question, trial.now);
        let mut see = |what: &str| *seen.entry(what.to_string()).or_default() += 1;
        see(answer.decision.name());
        for reason in &answer.reasons {
            see(reason.split(':').next().unwrap());
        }
        for matched in &answer.matches {
            see(matched.identity.name());
            if matched.via.is_some() {
                see("via");
                if !matched.applied.is_empty() {
                    see("via with effect");
                }
            }
            if !matched.roles.is_empty() {
                see("by role");
            }
        }
        if !answer.incentives.is_empty() {
            see("incentive");
        }
        if answer.matches.len() > 10 {
            see("more than shown");
        }
    }
    let wanted = Decision::ALL.map(Decision::name).into_iter();
    // A small world has no crowd of names in which a search would stop.
    let reasons = Reason::ALL
        .into_iter()
        .filter(|reason| *reason != Reason::NameSearchLimit);
    let wanted = wanted.chain(reasons.map(Reason::code)).chain([
        "possible",
        "probable",
        "identified",
        "missing_attribute",
        "via",
        "via with effect",
        "by role",
        "incentive",
        "more than shown",
    ]);
    let rare: Vec<_> = wanted
        .filter(|what| seen.get(*what).copied().unwrap_or(0) < 10)
        .collect();
    println!("{seen:#?}");
    assert!(rare.is_empty(), "seen less than ten times: {rare:?}");
}
