//! S34 to S37, S39 to S41: who may see, what never gets in, and no harvesting.

use crate::cases::{Answered, Case, NOON, answers};
use crate::harness::hecha;
use crate::http::Request;
use crate::people::{citizen, code, court, day, g_train, organisation, person, question, record};
use crate::people::{with, with_consent};
use crate::workshop::Workshop;
use crate::world::{World, world};
use serde_json::{Value, json};

pub fn records() -> Vec<Value> {
    let authorised = json!({"disclosure": "authorised", "in_force_until": day(300)});
    let government = json!({"disclosure": "government"});
    let rating = json!({"grade": "seriously_dishonest"});
    let mut records = vec![
        record(
            "s34-person",
            "fj-blacklist",
            person("段干木石", &citizen(34)),
            json!({"in_force_until": day(300), "able_but_refuses": true}),
        ),
        record(
            "s35-person",
            "fj-blacklist",
            person("呼延灼华", &citizen(35)),
            with(authorised.clone(), json!({"able_but_refuses": true})),
        ),
        record(
            "s35-firm",
            "fj-blacklist",
            organisation("测试连江渔业有限公司", &code(35)),
            authorised,
        ),
        with(
            court("s36-person", person("宇文清和", &citizen(36))),
            government,
        ),
        record(
            "s37-person",
            "fj-comprehensive-rating",
            person("百里未央", &citizen(37)),
            rating,
        ),
    ];
    records.extend((0..12).map(|n| {
        let subject = person("南宫一鸣", &citizen(410 + n));
        court(&format!("s41-{n:02}"), subject)
    }));
    records
}

/// The answer but for what differs between any two: its number, its moments.
fn shape(answer: &Answered) -> Value {
    let mut body = answer.body.clone();
    for field in ["check_id", "log_index", "valid_until"] {
        body.as_object_mut().unwrap().remove(field).unwrap();
    }
    body
}

#[test]
fn s34_records_of_persons_are_by_default_neither_public_nor_shared() {
    let entry =
        |entry: &str, more: Value| with(court(entry, person("段干木石", &citizen(34))), more);
    let list = Workshop::build(&[entry("s34-unsaid", json!({"disclosure": null}))], NOON);
    assert_eq!(list.exit, 3, "{}", list.said);
    assert!(
        list.quarantine()
            .contains("s34-unsaid,missing_field,disclosure,"),
        "{}",
        list.quarantine()
    );
    list.check(&g_train(person("段干木石", &citizen(34))), NOON, "UTC")
        .is_clear(&["s34-unsaid"]);
    // Marked public on a list that no article opens: clear without consent, for an authority too.
    let world = world();
    let asked = g_train(person("段干木石", &citizen(34)));
    for token in [&world.everybody, &world.authority, &world.adopter] {
        world.ask(token, &asked).is_clear(&["s34-person"]);
    }
    let consented = world.ask(&world.adopter, &with_consent(asked));
    assert_eq!(
        consented.matches()[0]["entry_id"],
        "s34-person",
        "{}",
        consented.body
    );
}

#[test]
fn s35_authorised_data_need_the_consent_of_the_subject() {
    let world = world();
    let ask = |question: &Value| world.ask(&world.adopter, question);
    let unlisted = g_train(person("呼延灼华", &citizen(535)));
    let nothing = shape(&ask(&with_consent(unlisted.clone())));
    let himself = person("呼延灼华", &citizen(35));
    let named = json!({"kind": "person", "name": "呼延灼华"});
    let born = with(named.clone(), json!({"birth_date": "1980-03-07"}));
    let other_name = person("仲孙无忌", &citizen(35));
    let companion = with(unlisted.clone(), json!({"related": [himself.clone()]}));
    let approval = json!({"authorisation": {"kind": "approval", "reference": "order 9"}});
    for asked in [
        g_train(himself.clone()),
        with_consent(g_train(named)),
        with_consent(g_train(born)),
        with_consent(g_train(other_name)),
        with_consent(companion),
        with(g_train(himself.clone()), approval.clone()),
        unlisted,
    ] {
        assert_eq!(shape(&ask(&asked)), nothing, "{asked}");
    }
    let consented = ask(&with_consent(g_train(himself.clone())));
    assert_eq!(consented.decision(), "block", "{}", consented.body);
    assert_eq!(consented.matches()[0]["entry_id"], "s35-person");
    let check_id = consented.body["check_id"].as_str().unwrap();
    let records = world.installation.log(&["--check-id", check_id]);
    assert_eq!(records[0]["relied_on"][0]["entry_id"], "s35-person");
    // A mask on the list is not identified enough to show a trace.
    let number = citizen(135);
    let masked = format!("{}****{}", &number[..10], &number[14..]);
    let entry = record(
        "s35-masked",
        "fj-blacklist",
        person("呼延灼华", &masked),
        json!({"disclosure": "authorised", "in_force_until": day(300)}),
    );
    let asked = with_consent(g_train(person("呼延灼华", &number)));
    let today = format!("{}T12:00:00+08:00", day(0));
    crate::cases::answer(Case::new(&[entry], asked).at(&today)).is_clear(&["s35-masked"]);
    // An order opens only an organisation's record, and only to an authority.
    let firm = question(
        "association.membership",
        json!({"step": "admission"}),
        organisation("测试连江渔业有限公司", &code(35)),
    );
    let ordered = with(firm.clone(), approval);
    world.ask(&world.adopter, &ordered).is_clear(&["s35-firm"]);
    world.ask(&world.authority, &firm).is_clear(&["s35-firm"]);
    assert_eq!(world.ask(&world.authority, &ordered).decision(), "advise");
}

#[test]
fn s36_data_for_the_government_stay_with_authorities() {
    let world = world();
    let stay = question(
        "hotel.stay",
        json!({"star_rating": 5}),
        person("宇文清和", &citizen(36)),
    );
    let stay = with(stay, json!({"purpose": "check-in"}));
    world.ask(&world.hotel, &stay).is_clear(&["s36-person"]);
    world
        .ask(&world.hotel, &with_consent(stay.clone()))
        .is_clear(&["s36-person"]);
    assert_eq!(world.ask(&world.authority, &stay).decision(), "block");
    // A case unfit for publication reaches nobody.
    let unfit = with(
        court("s36-unfit", person("宇文清和", &citizen(36))),
        json!({"publishable": false}),
    );
    let list = Workshop::build(&[unfit], NOON);
    assert_eq!(list.exit, 3, "{}", list.said);
    assert!(
        list.quarantine().contains("s36-unfit,not_publishable,"),
        "{}",
        list.quarantine()
    );
}

#[test]
fn s37_serious_ratings_of_persons_are_never_public() {
    let world = world();
    let attributes = json!({"award_kind": "general", "authority_level": "county_plus",
                            "stage": "evaluate"});
    let asked = question("honour.award", attributes, person("百里未央", &citizen(37)));
    for token in [&world.everybody, &world.authority] {
        world.ask(token, &asked).is_clear(&["s37-person"]);
        let consented = world.ask(token, &with_consent(asked.clone()));
        assert_eq!(consented.decision(), "block", "{}", consented.body);
    }
}

#[test]
fn s39_forbidden_data_are_refused_and_their_values_are_nowhere() {
    const FORBIDDEN: [&str; 12] = [
        "religion",
        "genes",
        "fingerprint",
        "blood_type",
        "disease",
        "medical_history",
        "income",
        "deposits",
        "securities",
        "insurance",
        "real_estate",
        "tax_amount",
    ];
    const VALUE: &str = "无人可见之值7391";
    let mut records = vec![court("s39-good", person("司空见素", &citizen(39)))];
    for (place, field) in (0..).zip(FORBIDDEN) {
        let mut on_record = court(
            &format!("s39-{field}"),
            person("司空见素", &citizen(600 + place)),
        );
        on_record[field] = json!(VALUE);
        let mut on_subject = court(
            &format!("s39-of-{field}"),
            person("司空见素", &citizen(700)),
        );
        on_subject["subject"][field] = json!({"as": [VALUE]});
        records.extend([on_record, on_subject]);
    }
    let list = Workshop::build(&records, NOON);
    assert_eq!(list.exit, 3, "{}", list.said);
    let quarantine = list.quarantine();
    for field in FORBIDDEN {
        for entry in [format!("s39-{field}"), format!("s39-of-{field}")] {
            let line = quarantine
                .lines()
                .find(|line| line.contains(&format!(",{entry},")));
            let line = line.unwrap_or_else(|| panic!("{entry} in {quarantine}"));
            assert!(
                line.contains("forbidden_field") && line.contains(field),
                "{line}"
            );
        }
    }
    assert!(!list.said.contains(VALUE) && !quarantine.contains(VALUE));
    let built = std::fs::read(list.path("list.hecha")).unwrap();
    assert!(
        !built
            .windows(VALUE.len())
            .any(|part| part == VALUE.as_bytes())
    );
    let asked = g_train(person("司空见素", &citizen(39)));
    assert_eq!(
        list.check(&asked, "2026-11-22T12:00:00+08:00", "UTC").body["match_count"],
        1
    );
}

#[test]
fn s40_reporters_stay_secret() {
    let mut records = Vec::new();
    for field in ["reporter", "reporter_name", "informant", "举报人"] {
        let mut record = court(&format!("s40-{field}"), person("司空见素", &citizen(40)));
        record[field] = json!("东方不语");
        records.push(record);
    }
    let list = Workshop::build(&records, NOON);
    assert_eq!(list.exit, 3, "{}", list.said);
    assert_eq!(
        list.quarantine().matches(",forbidden_field,").count(),
        4,
        "{}",
        list.quarantine()
    );
    let built = std::fs::read(list.path("list.hecha")).unwrap();
    let name = "东方不语".as_bytes();
    assert!(!list.said.contains("东方不语") && !list.quarantine().contains("东方不语"));
    assert!(!built.windows(name.len()).any(|part| part == name));
}

/// Refusals of a unit on record.
fn denials(world: &World, unit: &str) -> Vec<Value> {
    let records = world.installation.log(&["--unit", unit]);
    records
        .into_iter()
        .filter(|one| one["kind"] == "denied")
        .collect()
}

#[test]
fn s41_no_query_beyond_ones_rights_and_no_harvesting() {
    let world = world();
    let mut stay = question(
        "hotel.stay",
        json!({"star_rating": 5}),
        person("南宫一鸣", &citizen(410)),
    );
    let before = denials(&world, "酒店").len();
    // A foreign purpose, none at all, a foreign scenario.
    assert_eq!(world.ask(&world.hotel, &stay).status, 403);
    stay["purpose"] = Value::Null;
    assert_eq!(world.ask(&world.hotel, &stay).status, 403);
    let ticket = with(
        g_train(person("南宫一鸣", &citizen(410))),
        json!({"purpose": "check-in"}),
    );
    assert_eq!(world.ask(&world.hotel, &ticket).status, 403);
    let denied = denials(&world, "酒店");
    assert_eq!(denied.len(), before + 3);
    assert!(denied.iter().all(|one| one["status"] == 403));
    stay["purpose"] = json!("check-in");
    assert_eq!(world.ask(&world.hotel, &stay).decision(), "block");
    // At most ten of the twelve namesakes.
    let named = g_train(json!({"kind": "person", "name": "南宫一鸣"}));
    let answer = world.ask(&world.everybody, &named);
    assert_eq!(answer.body["match_count"], 12);
    assert_eq!(answer.matches().len(), 10);
    // Neither a part of a name nor a wildcard finds them, and no path lists entries.
    for name in ["南宫", "南", "南宫*", "南宫%", "%", "*", "南宫.*"] {
        let asked = g_train(json!({"kind": "person", "name": name}));
        let answer = world.ask(&world.everybody, &asked);
        assert!(
            answer.status == 422 || answer.body["match_count"] == 0,
            "{}",
            answer.body
        );
    }
    let masked = format!("{}****", &citizen(410)[..14]);
    let asked = g_train(person("南宫一鸣", &masked));
    assert_eq!(world.ask(&world.everybody, &asked).status, 422);
    let scans = [world.server.checks, world.server.ops];
    for (path, address) in [
        "/v1/entries",
        "/v1/entries/",
        "/v1/lists",
        "/v1/subjects",
        "/v1/search",
        "/v1/export",
    ]
    .iter()
    .flat_map(|path| scans.map(|address| (*path, address)))
    {
        let answer = Request::get(path).token(&world.everybody).send(address);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    // A check of many is bounded too.
    let many = json!({"checks": vec![json!({}); 1_001]}).to_string();
    let answer = Request::post("/v1/checks", many).token(&world.everybody);
    let answer = answer.send(world.server.checks);
    assert_eq!(
        (answer.status, &answer.json()["field"]),
        (422, &json!("checks"))
    );
}

#[test]
fn s41_the_command_line_has_no_listing_either() {
    // A snapshot tells its sections and counts, and nobody who is in it.
    let listed = court("s41-hidden", person("南宫一鸣", &citizen(410)));
    let list = Workshop::build(&[listed], NOON);
    for flags in [&[][..], &["--deep"], &["--json"]] {
        let mut inspect = hecha();
        inspect.arg("inspect").arg(list.path("list.hecha"));
        let (exit, output) = crate::harness::run(inspect.args(flags));
        assert_eq!(exit, 0, "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("court-defaulter"), "{said}");
        for hidden in ["南宫一鸣", "s41-hidden"] {
            assert!(!said.contains(hidden), "{hidden} in {said}");
        }
    }
    // Not even consent opens somebody else's record to a bulk question.
    let entry = record(
        "s41-p",
        "fj-blacklist",
        person("南宫一鸣", &citizen(410)),
        json!({"in_force_until": "2027-01-01"}),
    );
    let others = g_train(person("司空见素", &citizen(41)));
    let asked = with_consent(with(
        others,
        json!({"related": [person("南宫一鸣", &citizen(410))]}),
    ));
    for answer in answers(&[Case::new(&[entry], asked)]) {
        answer.is_clear(&["s41-p"]);
    }
}
