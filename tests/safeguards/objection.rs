//! S13 to S16 and S18 to S21: objection, verification, and what operators may do at all.
//!
//! Each test acts on an entry of its own in the shared gateway; S16 stops one of its own.

use crate::cases::{Answered, Case, answers};
use crate::harness::{Installation, Server, hecha, now, run, until};
use crate::http::{Answer, Connection, Request};
use crate::people::{citizen, code, court, g_train, organisation, person, record, with};
use crate::world::{World, answered, ask_many, operate, world};
use hecha::model::term::Day;
use serde_json::{Value, json};

pub fn records() -> Vec<Value> {
    let firm = organisation("测试鼓山竹木制品有限公司", &code(14));
    let people = [
        ("s13-person", "微生无尘", 213),
        ("s15-person", "太史令仪", 215),
        ("s18-person", "公羊子墨", 218),
        ("s19-person", "漆雕玉树", 219),
        ("s20-person", "乐正清音", 220),
        ("s21-person", "壤驷天青", 221),
        ("s40-held", "公良守正", 240),
    ];
    let mut records: Vec<Value> = people
        .iter()
        .map(|(entry, name, n)| court(entry, person(name, &citizen(*n))))
        .collect();
    records.push(court("s14-firm", firm));
    records.push(court("t06-court", person("谷梁若水", &citizen(241))));
    let other = organisation("测试旗山陶瓷厂", &code(15));
    let until = json!({"in_force_until": crate::people::day(300)});
    records.push(record("t06-other", "fj-blacklist", other, until));
    records
}

/// An objection: `answer_by` so many seconds from now.
pub fn objection(seconds: i64) -> Value {
    json!({"reason": "says it was paid", "reference": "objection 1",
           "answer_by": now().plus_seconds(seconds).to_string()})
}

pub fn act(server: &Server, token: &str, entry: &str, deed: &str, body: Value) -> Answer {
    operate(server, token, &format!("/v1/entries/{entry}/{deed}"), body)
}

#[track_caller]
pub fn done(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn hold(world: &World, entry: &str, seconds: i64) {
    done(&act(
        &world.server,
        &world.steward,
        entry,
        "hold",
        objection(seconds),
    ));
}

fn end_hold(world: &World, entry: &str, outcome: &str) -> Answer {
    let body = json!({"outcome": outcome, "reference": "ruling 1"});
    act(&world.server, &world.steward, entry, "hold/outcome", body)
}

#[test]
fn s13_a_measure_on_an_entry_under_verification_is_not_applied() {
    let world = world();
    let asked = g_train(person("微生无尘", &citizen(213)));
    let request = Request::post("/v1/check", asked.to_string())
        .token(&world.checker)
        .bytes();
    let ask = |connection: &mut Connection| {
        connection.send(&request);
        answered(&connection.read().unwrap())
    };
    let mut open: Vec<Connection> = (0..4)
        .map(|_| Connection::to(world.server.checks))
        .collect();
    for connection in &mut open {
        assert_eq!(ask(connection).decision(), "block");
    }
    hold(&world, "s13-person", 3_600);
    // The very next check on each, and on a new one.
    open.push(Connection::to(world.server.checks));
    for connection in &mut open {
        ask(connection).is_clear(&["s13-person"]);
    }
    done(&end_hold(&world, "s13-person", "upheld"));
    for connection in &mut open {
        assert_eq!(ask(connection).decision(), "block", "the listing stands");
    }
}

#[test]
fn s14_a_disputed_record_is_not_shown_either() {
    let world = world();
    let firm = organisation("测试鼓山竹木制品有限公司", &code(14));
    let asked = crate::people::question("procurement.supplier", json!({"stage": "award"}), firm);
    let text = json!({"scenario": "procurement.supplier",
                      "text": "第一中标人为测试鼓山竹木制品有限公司。"});
    let scan = || {
        let scan = Request::post("/v1/scan", text.to_string()).token(&world.checker);
        scan.send(world.server.checks).json()
    };
    let many = || ask_many(&world.server, &world.checker, &vec![asked.clone(); 3]);
    assert!(many().iter().all(|answer| answer.decision() == "block"));
    assert_eq!(scan()["match_count"], 1);
    hold(&world, "s14-firm", 3_600);
    world.ask(&world.checker, &asked).is_clear(&["s14-firm"]);
    many()
        .iter()
        .for_each(|answer| answer.is_clear(&["s14-firm"]));
    assert_eq!(scan()["match_count"], 0);
    assert!(!scan().to_string().contains("s14-firm"));
    // Only steward and auditor see it.
    let read = |token: &str| {
        Request::get("/v1/entries/s14-firm")
            .token(token)
            .send(world.server.ops)
    };
    for token in [&world.steward, &world.auditor] {
        let answer = read(token);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains("objection 1"), "{}", answer.text());
    }
    assert_eq!(read(&world.checker).status, 403);
    let unknown = Request::get("/v1/entries/s14-firm").send(world.server.ops);
    assert_eq!(unknown.status, 401);
    done(&end_hold(&world, "s14-firm", "upheld"));
    assert_eq!(scan()["match_count"], 1);
}

#[test]
fn s15_silence_never_puts_a_held_entry_back() {
    let world = world();
    let asked = g_train(person("太史令仪", &citizen(215)));
    let overdue = || world.server.metric("hecha_holds_overdue");
    hold(&world, "s15-person", 1);
    until("the answer is overdue", || {
        world.ask(&world.checker, &asked).is_clear(&["s15-person"]);
        overdue() >= 1.0
    });
    world.ask(&world.checker, &asked).is_clear(&["s15-person"]);
    // Only an outcome with reference ends it.
    for body in [
        json!({"outcome": "upheld"}),
        json!({"reference": "x"}),
        json!({}),
        json!({"outcome": "forgotten", "reference": "x"}),
    ] {
        let answer = act(
            &world.server,
            &world.steward,
            "s15-person",
            "hold/outcome",
            body,
        );
        assert_eq!(answer.status, 422, "{}", answer.text());
        world.ask(&world.checker, &asked).is_clear(&["s15-person"]);
    }
    done(&end_hold(&world, "s15-person", "upheld"));
    assert_eq!(world.ask(&world.checker, &asked).decision(), "block");
}

#[test]
fn s16_a_hold_survives_restart_swap_rollback_and_a_new_snapshot() {
    let installation = Installation::new();
    let token = &installation.token;
    let listed = |entry: &str| {
        let case = json!({"case_no": "(2025)测9901执16号"});
        with(court(entry, person("太史令仪", &citizen(16))), case)
    };
    let other = court("s16-other", person("司空见素", &citizen(17)));
    let asked = g_train(person("太史令仪", &citizen(16)));
    installation.publish(vec![listed("s16-a"), other.clone()]);
    let server = installation.serve();
    let ask = |server: &Server| answered(&server.ask(token, &asked));
    assert_eq!(ask(&server).decision(), "block");
    done(&act(&server, token, "s16-a", "hold", objection(3_600)));
    ask(&server).is_clear(&["s16-a"]);
    // A hot swap, to a list that names the entry as in force, submitted later.
    let later = json!({"submitted_at": now().to_string()});
    let swap = |server: &Server, list: Vec<Value>| {
        let id = installation.publish(list);
        until("the new list serves", || {
            server.snapshot(token)["id"] == json!(id)
        });
    };
    swap(
        &server,
        vec![with(listed("s16-a"), later.clone()), other.clone()],
    );
    ask(&server).is_clear(&["s16-a"]);
    // A rollback.
    done(&operate(&server, token, "/v1/snapshot/rollback", json!({})));
    ask(&server).is_clear(&["s16-a"]);
    // A restart without warning.
    server.kill();
    let server = installation.serve();
    ask(&server).is_clear(&["s16-a"]);
    // The same case under another number, alone and beside the held one.
    swap(
        &server,
        vec![
            with(listed("s16-b"), later.clone()),
            listed("s16-a"),
            other.clone(),
        ],
    );
    ask(&server).is_clear(&["s16-a", "s16-b"]);
    swap(&server, vec![with(listed("s16-b"), later), other]);
    // Neither does it block nor is it silent.
    ask(&server).is_clear(&["s16-a", "s16-b"]);
    assert_eq!(server.metric("hecha_holds_listed_again"), 1.0);
}

#[test]
fn s18_lateness_is_visible_and_never_a_reason_to_resume() {
    let world = world();
    let asked = g_train(person("公羊子墨", &citizen(218)));
    hold(&world, "s18-person", 1);
    let list = || {
        Request::get("/v1/holds?overdue=1")
            .token(&world.steward)
            .send(world.server.ops)
    };
    until("the hold is listed as overdue", || {
        let answer = list();
        done(&answer);
        answer.text().contains("s18-person")
    });
    world.ask(&world.checker, &asked).is_clear(&["s18-person"]);
    done(&end_hold(&world, "s18-person", "removed"));
    assert!(!list().text().contains("s18-person"));
    world.ask(&world.checker, &asked).is_clear(&["s18-person"]);
    // However far the clock moves: 2, 3 and 20 working days and 3 days are over on each of these.
    let entry = court("s18-late", person("公羊子墨", &citizen(219)));
    let held = json!({"at": "2026-11-22T10:00:00+08:00", "act": "hold", "entry_id": "s18-late"});
    let asked = g_train(person("公羊子墨", &citizen(219)));
    let at = |moment: &str| {
        Case::new(
            &[with(
                entry.clone(),
                json!({"in_force_from": "2026-01-01",
            "published": "2026-01-01", "submitted_at": "2026-01-01T09:00:00+08:00"}),
            )],
            asked.clone(),
        )
        .at(moment)
    };
    let moments = [
        "2026-11-25",
        "2026-11-26",
        "2026-12-21",
        "2027-11-22",
        "2036-11-22",
    ];
    let cases: Vec<Case> = moments
        .iter()
        .map(|day| at(&format!("{day}T12:00:00+08:00")).act(held.clone()))
        .chain([at("2036-11-22T12:00:00+08:00")])
        .collect();
    let seen: Vec<Answered> = answers(&cases);
    let (unheld, late) = seen.split_last().unwrap();
    late.iter()
        .for_each(|answer| answer.is_clear(&["s18-late"]));
    assert_eq!(unheld.decision(), "block", "without the hold");
}

#[test]
fn t06_an_objection_gets_the_clock_of_its_list_and_shows_the_others() {
    let world = world();
    let bare = json!({"reason": "not me", "reference": "objection 6"});
    let today = now().day();
    for (entry, clock, days_min) in [
        ("t06-court", "court-review", 3),
        ("t06-other", "joint-verify", 26),
    ] {
        let answer = act(&world.server, &world.steward, entry, "hold", bare.clone());
        done(&answer);
        let by = &answer.json()["answer_by"];
        assert_eq!(by["clock"], clock, "{by}");
        let last = Day::parse(by["last_day"].as_str().unwrap()).unwrap();
        // Twenty working days are four weeks at least, of which the first day is not counted.
        assert!(
            last.0 - today.0 >= days_min && last.0 - today.0 < 60,
            "{by}"
        );
    }
    let holds = Request::get("/v1/holds")
        .token(&world.auditor)
        .send(world.server.ops);
    let holds = holds.json()["holds"].as_array().unwrap().clone();
    let hold = holds
        .iter()
        .find(|hold| hold["entry_id"] == "t06-court")
        .unwrap();
    let shown = |clock: &str| {
        let clocks = hold["clocks"].as_array().unwrap();
        let found = clocks.iter().find(|one| one["clock"] == clock);
        Day::parse(found.unwrap()["last_day"].as_str().unwrap()).unwrap()
    };
    assert!(shown("objection-check") > today && shown("objection-check") < shown("source-reply"));
    assert_eq!(shown("court-review").0, today.0 + 3, "calendar days");
    for entry in ["t06-court", "t06-other"] {
        let told = end_hold(&world, entry, "removed");
        done(&told);
        assert!(told.json()["tell_by"].is_string(), "{}", told.text());
    }
}

#[test]
fn s19_after_a_wrong_listing_all_who_were_hit_are_found() {
    let world = world();
    let asked = g_train(person("漆雕玉树", &citizen(219)));
    let tokens = [
        &world.everybody,
        &world.checker,
        &world.authority,
        &world.adopter,
    ];
    let mut hit: Vec<String> = tokens
        .iter()
        .map(|token| world.ask(token, &asked))
        .map(|answer| answer.body["check_id"].as_str().unwrap().to_owned())
        .collect();
    let many = vec![asked.clone(), g_train(person("漆雕玉树", &citizen(519)))];
    let answers = ask_many(&world.server, &world.checker, &many);
    hit.push(answers[0].body["check_id"].as_str().unwrap().to_owned());
    let order = json!({"reason": "another person", "reference": "ruling 19"});
    done(&act(
        &world.server,
        &world.steward,
        "s19-person",
        "withdraw",
        order,
    ));
    world.ask(&world.checker, &asked).is_clear(&["s19-person"]);
    let records = world.installation.log(&["--entry", "s19-person"]);
    let checks = records.iter().filter(|one| one["kind"] == "check");
    let found: Vec<&str> = checks
        .map(|one| one["check_id"].as_str().unwrap())
        .collect();
    assert_eq!(found, hit, "exactly these five, with unit and time");
    assert!(
        records
            .iter()
            .all(|one| one["unit"].is_string() && one["moment"].is_string())
    );
    // Whoever undoes the harm finds the same by one command, and what is still to be undone.
    let mut recall = hecha();
    recall.args(["log", "recall", "s19-person", "--json", "--log"]);
    let (exit, output) = run(recall.arg(world.installation.path("state/log")));
    assert_eq!(exit, 0, "{output:?}");
    let listed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(listed.lines().count(), 5, "{listed}");
    assert!(
        hit.iter()
            .all(|check_id| listed.contains(check_id.as_str())),
        "{listed}"
    );
    until("the recall is open", || {
        world.server.metric("hecha_recalls_open") >= 1.0
    });
}

#[test]
fn s20_the_gateway_never_rewrites_a_record() {
    let world = world();
    let entry = "/v1/entries/s20-person";
    let change = json!({"subject": {"name": "别人"}, "status": "repaired",
                        "reason": "r", "reference": "x"});
    for method in ["PUT", "PATCH", "DELETE", "POST"] {
        let answer = Request::post(entry, change.to_string()).method(method);
        let answer = answer.token(&world.steward).send(world.server.ops);
        assert_eq!(answer.status, 405, "{method}: {}", answer.text());
    }
    for path in [
        "/v1/entries",
        "/v1/entries/s20-person/edit",
        "/v1/entries/s20-person/restore",
        "/v1/entries/s20-person/name",
        "/v1/entries/s20-person/release",
    ] {
        let answer = operate(&world.server, &world.steward, path, change.clone());
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    // Each act needs reason, role and reference.
    let full = json!({"reason": "r", "reference": "x", "answer_by": now().to_string()});
    for deed in ["hold", "withdraw", "repair"] {
        let body = match deed {
            "hold" => full.clone(),
            _ => with(full.clone(), json!({"answer_by": null})),
        };
        for missing in ["reason", "reference"] {
            let body = with(body.clone(), json!({ missing: null }));
            let answer = act(&world.server, &world.steward, "s20-person", deed, body);
            assert_eq!(answer.status, 422, "{deed}: {}", answer.text());
            assert_eq!(answer.json()["field"], missing);
        }
        for token in [&world.checker, &world.auditor, &world.hotel] {
            let answer = act(&world.server, token, "s20-person", deed, body.clone());
            assert_eq!(answer.status, 403, "{deed}: {}", answer.text());
        }
    }
    let asked = g_train(person("乐正清音", &citizen(220)));
    let answer = world.ask(&world.checker, &asked);
    assert_eq!(answer.decision(), "block");
    assert_eq!(answer.matches()[0]["listed_name"], "乐正清音");
}

#[test]
fn s21_data_that_cannot_be_verified_are_deleted_with_a_reason() {
    let world = world();
    let asked = g_train(person("壤驷天青", &citizen(221)));
    let withdraw = |body: Value| {
        act(
            &world.server,
            &world.steward,
            "s21-person",
            "withdraw",
            body,
        )
    };
    let without = withdraw(json!({"reference": "audit 3"}));
    assert_eq!(
        (without.status, &without.json()["field"]),
        (422, &json!("reason"))
    );
    assert_eq!(world.ask(&world.checker, &asked).decision(), "block");
    done(&withdraw(
        json!({"reason": "the source cannot verify it", "reference": "audit 3"}),
    ));
    world.ask(&world.checker, &asked).is_clear(&["s21-person"]);
    let records = world.installation.log(&["--entry", "s21-person"]);
    let act = records.iter().find(|one| one["kind"] == "act").unwrap();
    assert_eq!(act["details"]["act"], "withdraw");
    assert_eq!(act["details"]["reason"], "the source cannot verify it");
    assert_eq!(act["details"]["reference"], "audit 3");
}

#[test]
fn s40_the_reason_of_a_hold_is_not_shown_to_checkers() {
    let world = world();
    let asked = g_train(person("公良守正", &citizen(240)));
    let body = with(
        objection(3_600),
        json!({"reason": "reported by neighbour Pei"}),
    );
    done(&act(
        &world.server,
        &world.steward,
        "s40-held",
        "hold",
        body,
    ));
    let answer = world.ask(&world.checker, &asked);
    answer.is_clear(&["s40-held"]);
    done(&end_hold(&world, "s40-held", "upheld"));
    let answer = world.ask(&world.checker, &asked);
    assert_eq!(answer.decision(), "block");
    assert!(!answer.body.to_string().contains("Pei"));
    let metrics = Request::get("/metrics").send(world.server.ops).text();
    assert!(!metrics.contains("Pei"));
    let entry = Request::get("/v1/entries/s40-held").token(&world.checker);
    assert_eq!(entry.send(world.server.ops).status, 403);
}
