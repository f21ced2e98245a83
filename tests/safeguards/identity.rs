//! S01 to S05: who is meant.

use crate::cases::{Answered, Case, answers};
use crate::catalogue::{fitting, table};
use crate::http::Request;
use crate::people::{citizen, code, court, day, g_train, in_role, organisation, person, question};
use crate::people::{record, with};
use crate::world::world;
use hecha::identifier::synthetic;
use serde_json::{Value, json};

pub fn records() -> Vec<Value> {
    let directors = json!([
        in_role(person("闻人千城", &citizen(12)), "legal_representative"),
        in_role(person("公冶长青", &citizen(13)), "supervisor"),
    ]);
    let firm = organisation("测试榕江船舶工程有限公司", &code(12));
    vec![
        court("s01-wang", person("王伟", &citizen(1))),
        court("s02-firm", organisation("测试海峡石材有限公司", &code(2))),
        with(court("s03-firm", firm), json!({"related": directors})),
        court("s04-parent", person("濮阳守业", &citizen(4))),
    ]
}

/// A question of each scenario, such that a measure of the court's list is due where it has one.
fn every_scenario(subject: &Value) -> Vec<Value> {
    let (measures, scenarios) = (table("measures.tsv"), table("scenarios.tsv"));
    let of_court = measures
        .iter()
        .filter(|row| row["list"] == "court-defaulter");
    let due = of_court.filter_map(|row| {
        let fitting = fitting(row, &scenarios)?;
        Some(question(
            &row["scenario"],
            fitting.attributes,
            subject.clone(),
        ))
    });
    let any = table("measures.tsv").into_iter().filter_map(|row| {
        let fitting = fitting(&row, &scenarios)?;
        Some(question(
            &row["scenario"],
            fitting.attributes,
            subject.clone(),
        ))
    });
    let questions: Vec<Value> = due.chain(any).collect();
    let asked = |scenario: &String| questions.iter().any(|one| one["scenario"] == *scenario);
    let missing: Vec<_> = scenarios
        .iter()
        .map(|row| &row["scenario"])
        .filter(|id| !asked(id))
        .collect();
    assert_eq!(missing.len(), 0, "scenarios without a measure: {missing:?}");
    questions
}

#[track_caller]
fn at_most_review(answers: &[Answered]) {
    for answer in answers {
        let decision = answer.decision();
        assert!(!["block", "limit"].contains(&decision), "{}", answer.body);
        assert!(
            answer
                .matches()
                .iter()
                .all(|one| one["identity"] == "possible")
        );
    }
}

#[test]
fn s01_a_name_alone_never_blocks_or_limits() {
    let world = world();
    let ask = |subject: Value| world.ask_all(&world.adopter, &every_scenario(&subject));
    let named = ask(json!({"kind": "person", "name": "王伟"}));
    at_most_review(&named);
    assert!(named.iter().any(|answer| answer.decision() == "review"));
    let namesake = ask(person("王伟", &citizen(501)));
    namesake
        .iter()
        .for_each(|answer| answer.is_clear(&["s01-wang"]));
    // With his own number the very same questions block and limit.
    let himself = ask(person("王伟", &citizen(1)));
    for strong in ["block", "limit"] {
        assert!(
            himself.iter().any(|answer| answer.decision() == strong),
            "{strong}"
        );
    }
}

#[test]
fn s02_an_organisation_is_known_by_its_credit_code_first() {
    let world = world();
    let ask = |name: &str, code: &str| {
        world.ask_all(&world.adopter, &every_scenario(&organisation(name, code)))
    };
    let listed = "测试海峡石材有限公司";
    for answer in ask(listed, &code(502)) {
        answer.is_clear(&["s02-firm"]);
    }
    let contradicting = ask("示例山城茶业合作社", &code(2));
    at_most_review(&contradicting);
    assert!(
        contradicting
            .iter()
            .any(|answer| answer.decision() == "review")
    );
    assert!(
        ask(listed, &code(2))
            .iter()
            .any(|answer| answer.decision() == "block")
    );
}

#[test]
fn s03_a_related_person_is_reached_only_in_a_role_that_the_measure_names() {
    let world = world();
    let ask =
        |name: &str, number: &str| world.ask(&world.everybody, &g_train(person(name, number)));
    ask("公冶长青", &citizen(13)).is_clear(&["s03-firm"]);
    let representative = ask("闻人千城", &citizen(12));
    assert_eq!(representative.decision(), "block");
    assert_eq!(
        representative.matches()[0]["roles"],
        json!(["legal_representative"])
    );
    // By number only: a namesake of the representative is nobody.
    ask("闻人千城", &citizen(512)).is_clear(&["s03-firm"]);
    let named = json!({"kind": "person", "name": "闻人千城"});
    world
        .ask(&world.everybody, &g_train(named))
        .is_clear(&["s03-firm"]);
}

#[test]
fn s04_a_child_is_not_the_subject_of_the_school_fee_limit() {
    let world = world();
    let child = synthetic::citizen_id(990_102, (2015, 9, 1), 4);
    let fees = json!({"high_fee": true, "funds": "own_property"});
    let of_child = with(
        question("school.private", fees.clone(), person("濮阳小满", &child)),
        json!({"related": [person("濮阳守业", &citizen(4))]}),
    );
    let answer = world.ask(&world.adopter, &of_child);
    assert_eq!(answer.decision(), "clear", "{}", answer.body);
    assert_eq!(answer.matches()[0]["entry_id"], "s04-parent");
    assert_eq!(answer.matches()[0]["via"], "related[0]");
    assert!(answer.applied().is_empty());
    // The parent's own payment is what the text limits.
    let of_parent = question("school.private", fees, person("濮阳守业", &citizen(4)));
    assert_eq!(world.ask(&world.adopter, &of_parent).decision(), "block");
}

#[test]
fn s05_a_minor_is_never_more_than_reviewed_and_never_in_public_view() {
    let number = synthetic::citizen_id(990_102, (2008, 11, 23), 5);
    let minor = person("夏侯知秋", &number);
    let listed = court("s05-minor", minor.clone());
    let at =
        |moment: &str| Case::new(std::slice::from_ref(&listed), g_train(minor.clone())).at(moment);
    let ages = answers(&[
        at("2026-11-22T23:59:59+08:00"), // Seventeen.
        at("2026-11-23T00:00:00+08:00"), // Eighteen.
    ]);
    assert_eq!(ages[0].decision(), "review");
    assert!(ages[0].has_reason("minor"), "{}", ages[0].body);
    assert_eq!(ages[1].decision(), "block");
    // Nothing shows persons without being asked about one: no page, no list, no scan.
    let world = world();
    let text = json!({"scenario": "rail.ticket", "text": "乘客王伟、濮阳守业与同行者"});
    let scan = Request::post("/v1/scan", text.to_string()).token(&world.checker);
    let scan = scan.send(world.server.checks);
    assert_eq!(scan.status, 200, "{}", scan.text());
    assert_eq!(scan.json()["match_count"], 0, "{}", scan.text());
    let birth_date_only = record(
        "s05-born",
        "court-defaulter",
        json!({"kind": "person", "name": "夏侯知秋", "birth_date": day(-17 * 365)}),
        json!({}),
    );
    let asked = json!({"kind": "person", "name": "夏侯知秋"});
    let by_entry = Case::new(&[birth_date_only], g_train(asked)).at(&noon_today());
    let by_entry = crate::cases::answer(by_entry);
    assert_eq!(by_entry.decision(), "review");
    assert!(by_entry.has_reason("minor"), "{}", by_entry.body);
}

fn noon_today() -> String {
    format!("{}T12:00:00+08:00", day(0))
}
