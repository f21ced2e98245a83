//! S08 to S12: what may be done to somebody who is listed. S06, S07 and S17 stand in `everything`.

use crate::cases::{Case, answers_under};
use crate::catalogue::{changed, table, with_cell};
use crate::everything::due;
use crate::people::with;
use crate::people::{citizen, code, court, day, g_train, organisation, person, question, record};
use crate::world::world;
use serde_json::{Value, json};

pub fn records() -> Vec<Value> {
    let until = json!({ "in_force_until": day(300) });
    vec![
        record(
            "s08-firm",
            "fj-blacklist",
            organisation("测试乌山贸易商行", &code(8)),
            until,
        ),
        court("s10-person", person("淳于守拙", &citizen(10))),
        court("s11-person", person("太叔怀瑾", &citizen(11))),
        court(
            "s12-firm",
            organisation("测试闽都纸业有限公司", &code(12_012)),
        ),
        court("s12-person", person("申屠若谷", &citizen(112))),
    ]
}

fn admission(name: &str, code: &str) -> Value {
    question(
        "association.membership",
        json!({"step": "admission"}),
        organisation(name, code),
    )
}

#[test]
fn s08_a_recommended_measure_binds_only_who_adopted_it() {
    let world = world();
    let asked = admission("测试乌山贸易商行", &code(8));
    let plain = world.ask(&world.everybody, &asked);
    assert_eq!(plain.decision(), "advise", "{}", plain.body);
    assert!(plain.has_reason("not_adopted"));
    let adopted = world.ask(&world.adopter, &asked);
    assert_eq!(adopted.decision(), "block", "{}", adopted.body);
    assert!(!adopted.has_reason("not_adopted"));
    assert_eq!(adopted.effect("association-refuse"), Some("block"));
}

#[test]
fn s09_a_list_made_by_associations_or_banks_is_for_reference() {
    let firm = organisation("测试乌山贸易商行", &code(8));
    let until = json!({"in_force_until": "2027-06-30", "in_force_from": "2026-01-01"});
    let entry = record("s09-firm", "fj-blacklist", firm, until);
    let asked = admission("测试乌山贸易商行", &code(8));
    let measures: Vec<String> = table("measures.tsv")
        .iter()
        .map(|row| row["id"].clone())
        .collect();
    let measures: Vec<&str> = measures.iter().map(String::as_str).collect();
    let plain = Case::new(&[entry], asked);
    let cases = [plain.clone(), plain.adopting(&measures)];
    let official = crate::cases::answers(&cases);
    assert_eq!(official[1].decision(), "block");
    let law = changed("lists.tsv", |text| {
        with_cell(&text, "fj-blacklist", "reference_only", "yes")
    });
    for answer in answers_under(law.path(), &cases) {
        assert_eq!(answer.decision(), "advise", "{}", answer.body);
    }
}

#[test]
fn s10_only_consumption_not_necessary_for_life_and_work_is_limited() {
    let world = world();
    let himself = person("淳于守拙", &citizen(10));
    let hard_seat = question(
        "rail.ticket",
        json!({"train_class": "T", "seat_class": "hard_seat"}),
        himself.clone(),
    );
    let answer = world.ask(&world.everybody, &hard_seat);
    assert_eq!(answer.decision(), "clear");
    assert_eq!(answer.body["match_count"], 1, "the match is shown");
    assert!(answer.applied().is_empty());
    let fast = world.ask(&world.everybody, &g_train(himself.clone()));
    assert_eq!(fast.decision(), "block");
    let claim = json!({"kind": "necessary_for_life_or_work", "reference": "ward notice 7"});
    let exempted = with(g_train(himself.clone()), json!({ "exemption": claim }));
    let exempted = world.ask(&world.everybody, &exempted);
    assert_eq!(exempted.decision(), "review");
    assert!(exempted.has_reason("exemption"));
    let check_id = exempted.body["check_id"].as_str().unwrap();
    let records = world.installation.log(&["--check-id", check_id]);
    assert_eq!(records[0]["decision"], "review");
    assert_eq!(
        records[0]["relied_on"][0]["measures"],
        json!(["rail-g-all-seats"])
    );
    // An exemption of another kind, and a mere attribute, are none.
    let other = json!({"kind": "basic_livelihood", "reference": "x"});
    let attribute = with(
        g_train(himself.clone()),
        json!({"attributes": {"train_class": "G", "seat_class": "second", "necessity_ref": "x"}}),
    );
    for asked in [
        with(g_train(himself), json!({ "exemption": other })),
        attribute,
    ] {
        assert_eq!(world.ask(&world.everybody, &asked).decision(), "block");
    }
}

#[test]
fn s11_honours_from_before_the_listing_stay() {
    let world = world();
    let listed_since = day(-100);
    for (awarded, decision) in [(day(-101), "clear"), (day(-99), "advise")] {
        let attributes = json!({
            "award_kind": "moral_model", "stage": "hold",
            "awarded_after_listing": awarded > listed_since
        });
        let asked = question("honour.award", attributes, person("太叔怀瑾", &citizen(11)));
        let answer = world.ask(&world.adopter, &asked);
        assert_eq!(
            answer.decision(),
            decision,
            "awarded {awarded}: {}",
            answer.body
        );
    }
    // When it is not said, nothing is revoked and what is missing is named.
    let unsaid = json!({"award_kind": "moral_model", "stage": "hold"});
    let asked = question("honour.award", unsaid, person("太叔怀瑾", &citizen(11)));
    let answer = world.ask(&world.adopter, &asked);
    assert_eq!(answer.decision(), "clear");
    assert!(
        answer.has_reason("missing_attribute:awarded_after_listing"),
        "{}",
        answer.body
    );
}

#[test]
fn s12_measures_for_persons_never_hit_organisations_and_the_reverse() {
    let world = world();
    let firm = organisation("测试闽都纸业有限公司", &code(12_012));
    let himself = person("申屠若谷", &citizen(112));
    let mut tried = 0;
    for (measure, asked) in due() {
        let other = match measure["subject"].as_str() {
            "person" => &firm,
            "organisation" => &himself,
            _ => continue,
        };
        if measure["list"] != "court-defaulter" {
            continue;
        }
        let asked = with(asked, json!({ "subject": other }));
        let answer = world.ask(&world.adopter, &asked);
        assert_eq!(answer.body["match_count"], 1, "{}", answer.body);
        assert_eq!(answer.effect(&measure["id"]), None, "{}", answer.body);
        tried += 1;
    }
    assert!(tried > 30, "{tried}");
}
