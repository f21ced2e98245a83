//! Y1 to Y42: what the systems of the documents need of a gateway, where no safeguard says it.
//!
//! The rest of `docs/systems.md` names tests of safeguards. Y21, Y22 and Y40 are asked at moments.

use crate::cases::{Answered, Case, NOON, answers};
use crate::http::Request;
use crate::people::{citizen, code, court, day, g_train, in_role, organisation, person, question};
use crate::people::{record, with, with_consent};
use crate::workshop::Workshop;
use crate::world::world;
use serde_json::{Value, json};

pub fn records() -> Vec<Value> {
    let until = json!({ "in_force_until": day(300) });
    let led = json!([in_role(
        person("巫马期远", &citizen(329)),
        "legal_representative"
    ),]);
    let both = organisation("测试螺洲柑橘专业合作社", &code(313));
    vec![
        court("y02-person", person("东郭履霜", &citizen(302))),
        court(
            "y12-firm",
            organisation("测试三山照明工程有限公司", &code(312)),
        ),
        record("y13-red", "fj-redlist", both.clone(), until.clone()),
        court("y13-black", both),
        record(
            "y20-red",
            "env-credit-rating",
            organisation("测试白马河印染厂", &code(320)),
            json!({"grade": "red"}),
        ),
        record(
            "y20-green",
            "env-credit-rating",
            organisation("测试金鸡山苗圃", &code(321)),
            json!({"grade": "green"}),
        ),
        record(
            "y24-firm",
            "nd-transport-blacklist",
            organisation("测试宁川货运公司", &code(324)),
            until.clone(),
        ),
        court("y25-person", person("西门问竹", &citizen(325))),
        court("y26-firm", organisation("测试仓山家具厂", &code(326))),
        court("y28-firm", organisation("测试台江水产行", &code(328))),
        court("y28-director", person("子车临渊", &citizen(328))),
        with(
            court("y29-firm", organisation("测试马尾航运有限公司", &code(329))),
            json!({ "related": led }),
        ),
        record(
            "y35-firm",
            "registry-abnormal",
            organisation("测试长乐纺织厂", &code(335)),
            until.clone(),
        ),
        record(
            "y36-firm",
            "bribery-record",
            organisation("测试福清建材行", &code(336)),
            until.clone(),
        ),
        record(
            "y39-lawyer",
            "professional-file",
            person("亓官若愚", &citizen(339)),
            with(until, json!({"disclosure": "authorised"})),
        ),
    ]
}

fn feedback(token: &str, check_id: &str, action: &str) -> u16 {
    let said = json!({"check_id": check_id, "action": action}).to_string();
    let said = Request::post("/v1/feedback", said).token(token);
    said.send(world().server.checks).status
}

#[test]
fn y01_a_unit_without_an_account_is_refused_and_each_speaks_for_itself_only() {
    let world = world();
    let asked = g_train(person("东郭履霜", &citizen(302)));
    for token in ["", "hecha_x", &world.everybody[1..]] {
        assert_eq!(world.server.ask(token, &asked).status, 401);
    }
    let bare = Request::post("/v1/check", asked.to_string()).send(world.server.checks);
    assert_eq!(bare.status, 401);
    let answer = world.ask(&world.checker, &asked);
    let check_id = answer.body["check_id"].as_str().unwrap();
    assert_eq!(
        feedback(&world.everybody, check_id, "enforced"),
        404,
        "another unit's"
    );
    assert_eq!(feedback(&world.checker, check_id, "enforced"), 201);
}

#[test]
fn y02_one_transaction_through_match_stop_remind_measure_report() {
    let world = world();
    let asked = g_train(person("东郭履霜", &citizen(302)));
    let answer = world.ask(&world.checker, &asked);
    assert_eq!(answer.matches()[0]["entry_id"], "y02-person"); // Match.
    assert_eq!(answer.decision(), "block"); // Stop.
    let said = answer.body["messages"][0].as_str().unwrap();
    assert!(said.contains("测试区人民法院"), "{said}"); // Remind.
    let measure = answer.applied()[0];
    assert_eq!(measure["id"], "rail-g-all-seats"); // Measure, with its ground.
    assert_eq!(measure["legal_basis"], "FJ-2016-DEFAULTER 二(七)1");
    let check_id = answer.body["check_id"].as_str().unwrap();
    assert_eq!(feedback(&world.checker, check_id, "enforced"), 201); // Report.
    let records = world.installation.log(&["--check-id", check_id]);
    assert_eq!(records[1]["kind"], "feedback");
    assert_eq!(
        records[1]["check_id"], check_id,
        "it names the check that it answers"
    );
}

#[test]
fn y08_the_log_shows_whether_a_check_ran_what_it_said_and_what_was_reported() {
    let world = world();
    let asked = g_train(person("东郭履霜", &citizen(302)));
    let answer = world.ask(&world.everybody, &asked);
    let check_id = answer.body["check_id"].as_str().unwrap();
    assert_eq!(feedback(&world.everybody, check_id, "released"), 201);
    let records = world.installation.log(&["--check-id", check_id]);
    let shown: Vec<&Value> = records.iter().map(|one| &one["kind"]).collect();
    assert_eq!(shown, ["check", "feedback"]);
    assert_eq!(records[0]["decision"], "block");
    assert_eq!(records[0]["unit"], "everything");
    assert_eq!(records[0]["scenario"], "rail.ticket");
    assert_eq!(records[1]["action"], "released");
}

#[test]
fn y12_a_code_finds_an_organisation_under_any_name_and_a_wrong_one_is_an_error() {
    let world = world();
    let ask = |name: &str, code: &str| {
        let firm = organisation(name, code);
        let asked = question("procurement.supplier", json!({"stage": "award"}), firm);
        world.ask(&world.everybody, &asked)
    };
    for name in ["测试三山照明工程有限公司", "测试三山照明工程有限责任公司"]
    {
        assert_eq!(ask(name, &code(312)).decision(), "block", "{name}");
    }
    let unlike = ask("另一家企业", &code(312));
    assert_eq!(unlike.matches()[0]["entry_id"], "y12-firm");
    assert_eq!(unlike.decision(), "review");
    let right = code(312);
    let last = if right.ends_with('0') { "1" } else { "0" };
    let wrong = ask(
        "测试三山照明工程有限公司",
        &format!("{}{last}", &right[..17]),
    );
    assert_eq!(wrong.status, 422);
    assert_eq!(wrong.body["field"], "subject.ids[0].number");
}

#[test]
fn y13_a_red_entry_never_hides_a_black_one() {
    let world = world();
    let firm = organisation("测试螺洲柑橘专业合作社", &code(313));
    let asked = question(
        "procurement.supplier",
        json!({"stage": "award"}),
        firm.clone(),
    );
    let answer = world.ask(&world.everybody, &asked);
    assert_eq!(answer.decision(), "block");
    let mut ids: Vec<&str> = answer
        .matches()
        .iter()
        .map(|one| one["entry_id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["y13-black", "y13-red"]);
    let attributes = json!({"matter": "permit", "green_channel": true});
    let permit = world.ask(
        &world.everybody,
        &question("licence.administrative", attributes, firm),
    );
    assert!(!permit.body["incentives"].as_array().unwrap().is_empty());
}

#[test]
fn y14_a_record_shows_its_source_and_the_lists_their_time() {
    let world = world();
    let answer = world.ask(
        &world.everybody,
        &g_train(person("东郭履霜", &citizen(302))),
    );
    let found = &answer.matches()[0];
    assert_eq!(found["authority"], "测试区人民法院");
    assert_eq!(found["published"], day(-100));
    let snapshot = world.server.snapshot(&world.steward);
    let lists = snapshot["lists"].as_array().unwrap();
    assert_eq!(lists.len(), 38, "every list of the catalogue is loaded");
    assert!(lists.iter().all(|list| list["as_of"].is_string()));
}

#[test]
fn y16_a_question_without_authorisation_is_answered_as_if_not_listed_and_logged() {
    let world = world();
    let asked = g_train(person("亓官若愚", &citizen(339)));
    let answer = world.ask(&world.checker, &asked);
    answer.is_clear(&["y39-lawyer"]);
    let check_id = answer.body["check_id"].as_str().unwrap();
    let records = world.installation.log(&["--check-id", check_id]);
    assert_eq!(records[0]["unit"], "核查单位");
    assert_eq!(records[0]["relied_on"], json!([]));
}

#[test]
fn y20_colours_bring_what_the_text_says_and_no_colour_is_no_bad_colour() {
    let world = world();
    let ask = |token: &str, name: &str, n: u32| {
        let funds = json!({"fund_kind": "environmental_special_fund"});
        world.ask(
            token,
            &question("subsidy.apply", funds, organisation(name, &code(n))),
        )
    };
    let red = ask(&world.everybody, "测试白马河印染厂", 320);
    assert_eq!(
        red.decision(),
        "review",
        "its force is unstated: {}",
        red.body
    );
    assert!(red.has_reason("force_unstated"));
    assert_eq!(
        ask(&world.adopter, "测试白马河印染厂", 320).decision(),
        "block"
    );
    let green = ask(&world.everybody, "测试金鸡山苗圃", 321);
    assert_eq!(green.decision(), "clear");
    assert_eq!(green.body["incentives"][0]["measure"], "env-green-funds");
    ask(&world.adopter, "测试无色企业", 322).is_clear(&["y20-red", "y20-green"]);
}

#[test]
fn y19_a_seriously_dishonest_person_travels_freely() {
    let rating = record(
        "y19",
        "fj-comprehensive-rating",
        person("赫连北辰", &citizen(319)),
        json!({"grade": "seriously_dishonest"}),
    );
    let asked = with_consent(g_train(person("赫连北辰", &citizen(319))));
    let today = format!("{}T12:00:00+08:00", day(0));
    let answer = crate::cases::answer(Case::new(&[rating], asked).at(&today));
    assert_eq!(answer.decision(), "clear", "{}", answer.body);
    assert!(answer.applied().is_empty());
}

#[test]
fn y21_an_upgrade_is_strictly_reviewed_inside_the_term_only() {
    let firm = organisation("测试电梯维保站", &code(321));
    let entry = record(
        "y21",
        "elevator-blacklist",
        firm.clone(),
        json!({
        "grade": "provincial", "published": "2025-11-22", "in_force_from": "2025-11-22",
        "submitted_at": "2025-11-23T09:00:00+08:00"}),
    );
    let upgrade = json!({"application_kind": "upgrade"});
    let asked = question("licence.elevator_maintenance", upgrade, firm);
    let at = |moment: &str| Case::new(std::slice::from_ref(&entry), asked.clone()).at(moment);
    let seen = answers(&[at(NOON), at("2026-11-23T00:00:00+08:00")]);
    assert_eq!(seen[0].effect("elevator-licence-strict"), Some("review"));
    seen[1].is_clear(&["y21"]);
}

#[test]
fn y22_a_national_entry_is_found_by_a_county_check() {
    let firm = organisation("测试危化品仓储站", &code(322));
    let asked = question(
        "market.entry",
        json!({"sector": "safety_production"}),
        firm.clone(),
    );
    let of_grade = |grade: &str| {
        let entry = record(
            "y22",
            "work-safety-blacklist",
            firm.clone(),
            json!({
            "grade": grade, "published": "2026-06-01", "in_force_from": "2026-06-01",
            "submitted_at": "2026-06-02T09:00:00+08:00"}),
        );
        Case::new(&[entry], asked.clone())
    };
    for answer in answers(&["national", "provincial", "city", "county"].map(of_grade)) {
        assert_eq!(answer.decision(), "review", "{}", answer.body);
        assert_eq!(answer.effect("outline-safety-entry"), Some("review"));
    }
}

#[test]
fn y23_a_repair_in_the_feed_clears_the_record() {
    let firm = organisation("测试闽江客运公司", &code(323));
    let entry = |status: &str| {
        record(
            "y23",
            "fz-road-dishonest-record",
            firm.clone(),
            json!({
            "status": status, "in_force_from": "2026-05-12", "published": "2026-05-12",
            "submitted_at": "2026-05-13T09:00:00+08:00"}),
        )
    };
    let asked = question(
        "licence.road_transport",
        json!({"matter": "administrative_approval"}),
        firm.clone(),
    );
    let seen = answers(&[
        Case::new(&[entry("in_force")], asked.clone()),
        Case::new(&[entry("repaired")], asked),
    ]);
    assert_eq!(seen[0].body["match_count"], 1, "{}", seen[0].body);
    seen[1].is_clear(&["y23"]);
}

#[test]
fn y24_a_list_without_entry_rule_term_and_way_out_restricts_nobody() {
    let world = world();
    let firm = organisation("测试宁川货运公司", &code(324));
    for asked in [
        question(
            "honour.award",
            json!({"award_kind": "transport", "stage": "evaluate"}),
            firm.clone(),
        ),
        question(
            "licence.transport",
            json!({"matter": "scope_expansion"}),
            firm,
        ),
    ] {
        let answer = world.ask(&world.adopter, &asked);
        assert_eq!(answer.decision(), "clear", "{}", answer.body);
        assert_eq!(
            answer.matches()[0]["entry_id"],
            "y24-firm",
            "the match is shown"
        );
        assert!(answer.applied().is_empty());
    }
}

/// A firm of a list whose measures are off: the record is found, nothing follows.
#[track_caller]
fn is_only_shown(answer: &Answered, entry: &str) {
    assert_eq!(answer.decision(), "clear", "{}", answer.body);
    assert_eq!(answer.matches()[0]["entry_id"], entry);
    assert_eq!(answer.matches()[0]["identity"], "identified");
    assert!(answer.applied().is_empty());
}

#[test]
fn y35_a_record_of_the_enterprise_register_is_found_by_code() {
    let world = world();
    let asked = question(
        "licence.administrative",
        json!({"matter": "permit"}),
        organisation("测试长乐纺织厂", &code(335)),
    );
    is_only_shown(&world.ask(&world.adopter, &asked), "y35-firm");
}

#[test]
fn y36_a_bribery_record_never_bars_from_procurement() {
    let world = world();
    let asked = question(
        "procurement.supplier",
        json!({"stage": "qualification_review"}),
        organisation("测试福清建材行", &code(336)),
    );
    is_only_shown(&world.ask(&world.adopter, &asked), "y36-firm");
}

#[test]
fn y38_a_role_that_the_asker_claims_alone_brings_nothing() {
    let world = world();
    // Somebody who says that he leads a listed firm, and one of whom somebody else says so.
    let claimed = with(
        g_train(person("司空见素", &citizen(338))),
        json!({"related": [
        in_role(organisation("测试马尾航运有限公司", &code(329)), "actual_controller")]}),
    );
    let answer = world.ask(&world.adopter, &claimed);
    if answer.status == 200 {
        assert_eq!(answer.decision(), "clear", "{}", answer.body);
        assert!(answer.applied().is_empty());
    } else {
        assert_eq!(answer.status, 422, "{}", answer.body);
    }
    let named = with(
        g_train(person("司空见素", &citizen(338))),
        json!({"related": [
        in_role(person("巫马期远", &citizen(329)), "legal_representative")]}),
    );
    let answer = world.ask(&world.adopter, &named);
    assert_eq!(answer.decision(), "clear", "{}", answer.body);
    assert!(answer.applied().is_empty());
}

#[test]
fn y39_files_of_key_professions_need_an_authorisation() {
    let world = world();
    let asked = question(
        "licence.professional",
        json!({"profession": "lawyer", "stage": "register"}),
        person("亓官若愚", &citizen(339)),
    );
    for token in [&world.everybody, &world.authority] {
        world.ask(token, &asked).is_clear(&["y39-lawyer"]);
        let consented = world.ask(token, &with_consent(asked.clone()));
        is_only_shown(&consented, "y39-lawyer");
    }
}

#[test]
fn y40_one_case_from_two_sources_is_one_hit_and_the_exit_in_either_ends_it() {
    let himself = person("颛孙明德", &citizen(340));
    let from = |entry: &str, supplier: &str, status: &str| {
        with(
            court(entry, himself.clone()),
            json!({
            "case_no": "(2025)测9901执340号", "supplier": supplier, "status": status,
            "in_force_from": "2025-03-10", "published": "2025-03-10",
            "submitted_at": "2025-03-11T09:00:00+08:00"}),
        )
    };
    let province = from("y40-a", "测试省高级人民法院", "in_force");
    let nation = |status: &str| from("y40-b", "测试全国平台", status);
    let asked = g_train(himself.clone());
    let case = |entries: &[Value]| Case::new(entries, asked.clone());
    let seen = answers(&[
        case(&[province.clone(), nation("in_force")]),
        case(&[province.clone(), nation("withdrawn")]),
        case(&[province.clone(), nation("repaired")]),
        case(&[province, nation("held")]),
    ]);
    assert_eq!(seen[0].decision(), "block");
    assert_eq!(seen[0].body["match_count"], 1, "{}", seen[0].body);
    seen[1..]
        .iter()
        .for_each(|answer| answer.is_clear(&["y40-a", "y40-b"]));
}

#[test]
fn y42_a_foreign_record_needs_the_same_proof_of_identity() {
    let entry = |entry: &str, subject: Value| court(entry, subject);
    let bare = json!({"kind": "person", "name": "王伟"});
    let masked = json!({"kind": "person", "name": "王伟",
        "ids": [{"type": "taiwan_permit", "number": "T1******"}]});
    let born = with(bare.clone(), json!({"birth_date": "1980-03-07"}));
    let list = Workshop::build(
        &[
            entry("y42-bare", bare),
            entry("y42-masked", masked),
            entry("y42-born", born),
        ],
        NOON,
    );
    assert_eq!(list.exit, 3, "{}", list.said);
    let quarantine = list.quarantine();
    for left_out in ["y42-bare,no_identity,", "y42-masked,no_identity,"] {
        assert!(quarantine.contains(left_out), "{quarantine}");
    }
    assert!(!quarantine.contains("y42-born"), "{quarantine}");
}
