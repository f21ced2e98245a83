//! Y25 to Y30, Y33, Y34: what those need who sell, award, lend, register, inspect and enforce; and
//! S41: how much they may ask.
//!
//! Asked of the shared gateway about the records of `systems`.

use crate::harness::{Installation, ticket, ticket_of, until};
use crate::http::Answer;
use crate::people::{citizen, code, in_role, organisation, person, question, with};
use crate::world::world;
use hecha::identifier::synthetic;
use serde_json::{Value, json};

#[test]
fn y25_the_ticket_window_knows_train_seat_and_exemption() {
    let world = world();
    for (train, seat, decision) in [
        ("D", "second", "clear"),
        ("D", "first", "block"),
        ("G", "second", "block"),
        ("K", "hard_sleeper", "clear"),
        ("K", "soft_sleeper", "block"),
    ] {
        let attributes = json!({"train_class": train, "seat_class": seat});
        let asked = question("rail.ticket", attributes, person("西门问竹", &citizen(325)));
        let answer = world.ask(&world.everybody, &asked);
        assert_eq!(answer.decision(), decision, "{train} {seat}");
        for measure in answer.applied() {
            assert_eq!(measure["exemption"], "necessary_for_life_or_work");
        }
    }
    for (stars, decision) in [(0, "clear"), (1, "block")] {
        let stay = question(
            "hotel.stay",
            json!({"star_rating": stars}),
            person("西门问竹", &citizen(325)),
        );
        assert_eq!(
            world.ask(&world.everybody, &stay).decision(),
            decision,
            "{stars} stars"
        );
    }
}

#[test]
fn y26_bidders_are_checked_in_one_call_and_each_answer_stands_alone() {
    let world = world();
    let supplier = |name: &str, code: &str| {
        question(
            "procurement.supplier",
            json!({"stage": "award"}),
            organisation(name, code),
        )
    };
    let answers = world.ask_all(
        &world.everybody,
        &[
            supplier("测试仓山家具厂", &code(326)),
            supplier("测试仓山家具厂", "not a code"),
            supplier("测试无名家具厂", &code(327)),
        ],
    );
    assert_eq!(answers[0].decision(), "block");
    assert_eq!(
        (answers[1].status, &answers[1].body["field"]),
        (422, &json!("subject.ids[0].number"))
    );
    answers[2].is_clear(&["y26-firm"]);
    let numbers: Vec<&Value> = [0, 2]
        .iter()
        .map(|n| &answers[*n].body["check_id"])
        .collect();
    assert_ne!(numbers[0], numbers[1]);
}

#[test]
fn y27_construction_projects_bar_and_others_do_not() {
    let world = world();
    let ask = |project: &str| {
        let attributes = json!({"project_kind": project});
        let firm = organisation("测试仓山家具厂", &code(326));
        world.ask(
            &world.everybody,
            &question("bidding.bidder", attributes, firm),
        )
    };
    assert_eq!(ask("engineering_construction").decision(), "block");
    let other = ask("other");
    assert_eq!(other.decision(), "clear", "{}", other.body);
    assert_eq!(other.body["match_count"], 1, "the match is shown");
    let expert = question(
        "bidding.evaluator",
        json!({"project_kind": "engineering_construction"}),
        person("西门问竹", &citizen(325)),
    );
    assert_eq!(world.ask(&world.everybody, &expert).decision(), "block");
}

#[test]
fn y28_a_bank_asks_for_the_applicant_and_its_people_with_different_effect() {
    let world = world();
    let director = in_role(person("子车临渊", &citizen(328)), "director");
    let ask = |name: &str, n: u32| {
        let asked = question(
            "credit.grant",
            json!({"product": "loan"}),
            organisation(name, &code(n)),
        );
        world.ask(
            &world.everybody,
            &with(asked, json!({"related": [director]})),
        )
    };
    let applicant = ask("测试台江水产行", 328);
    assert_eq!(applicant.decision(), "limit", "{}", applicant.body);
    assert_eq!(applicant.effect("credit-strict"), Some("review"));
    let unlisted = ask("测试无名水产行", 3_280);
    assert_eq!(unlisted.decision(), "advise", "{}", unlisted.body);
    assert_eq!(unlisted.matches()[0]["via"], "related[0]");
    assert_eq!(unlisted.effect("credit-query"), Some("advise"));
}

#[test]
fn y29_responsible_people_are_reached_while_the_record_names_them() {
    let world = world();
    let first = json!({"train_class": "D", "seat_class": "first"});
    let ask = |name: &str, n: u16| {
        world.ask(
            &world.everybody,
            &question("rail.ticket", first.clone(), person(name, &citizen(n))),
        )
    };
    let holder = ask("巫马期远", 329);
    assert_eq!(holder.decision(), "block", "{}", holder.body);
    assert_eq!(
        holder.matches()[0]["roles"],
        json!(["legal_representative"])
    );
    // Who held the office before is in no record any more.
    ask("巫马期近", 330).is_clear(&["y29-firm"]);
}

#[test]
fn y30_courts_are_assisted_only_against_the_number_of_their_request() {
    let world = world();
    let ask = |token: &str, attributes: Value| {
        let asked = question(
            "assist.query",
            attributes,
            person("西门问竹", &citizen(325)),
        );
        world.ask(token, &with(asked, json!({"purpose": "check-in"})))
    };
    let without = ask(&world.authority, json!({"record_kind": "vehicle"}));
    assert_eq!(without.status, 422);
    assert_eq!(without.body["field"], "attributes.court_request_ref");
    let full = json!({"record_kind": "vehicle", "court_request_ref": "(2026)测9901执协1号"});
    let answer = ask(&world.authority, full.clone());
    assert_eq!(answer.decision(), "advise", "{}", answer.body);
    let check_id = answer.body["check_id"].as_str().unwrap();
    assert_eq!(world.installation.log(&["--check-id", check_id]).len(), 1);
    assert_eq!(ask(&world.hotel, full).status, 403, "not its scenario");
}

#[test]
fn y33_founders_are_barred_and_their_review_only_takes_it_into_account() {
    let world = world();
    for (stage, decision) in [("found", "block"), ("review", "advise")] {
        let asked = question(
            "licence.social_organisation",
            json!({ "stage": stage }),
            person("西门问竹", &citizen(325)),
        );
        assert_eq!(
            world.ask(&world.everybody, &asked).decision(),
            decision,
            "{stage}"
        );
    }
}

#[test]
fn y34_key_supervision_marks_firms_that_listed_people_lead() {
    let world = world();
    let led = |name: &str, n: u32, leader: Value| {
        let asked = question(
            "supervision.inspection",
            json!({"kind": "random"}),
            organisation(name, &code(n)),
        );
        with(asked, json!({"related": [in_role(leader, "principal")]}))
    };
    let answers = world.ask_all(
        &world.authority,
        &[
            led("测试无名甲公司", 341, person("西门问竹", &citizen(325))),
            led("测试无名乙公司", 342, person("司空见素", &citizen(342))),
        ],
    );
    assert_eq!(
        answers[0].effect("supervision-key"),
        Some("advise"),
        "{}",
        answers[0].body
    );
    assert_eq!(
        answers[0].decision(),
        "advise",
        "no transaction is slowed down"
    );
    answers[1].is_clear(&["y25-person"]);
}

#[test]
fn s41_bursts_are_429_and_who_gathers_is_stopped() {
    let installation = Installation::new();
    let bursting = installation.client("bursting", |record| record.rate = Some(2));
    let gathering = installation.client("gathering", |record| {
        record.enumeration = Some("react".into());
    });
    let server = installation.serve();
    let asked = (0..20).map(|_| server.ask(&bursting, &ticket()));
    let refused: Vec<Answer> = asked.filter(|answer| answer.status == 429).collect();
    assert!(refused.len() > 5, "{}", refused.len());
    assert!(refused[0].header("retry-after").is_some());
    // Numbers in order, until the door is shut; then for everything, listed or not.
    let mut sequence = 0;
    until("who gathers is stopped", || {
        sequence += 1;
        let number = synthetic::citizen_id(990_141, (1970, 1, 1), sequence % 999 + 1);
        server.ask(&gathering, &ticket_of("某某", &number)).status == 429
    });
    assert_eq!(server.ask(&gathering, &ticket()).status, 429);
    assert_eq!(
        server.ask(&installation.token, &ticket()).decision(),
        "block"
    );
}
