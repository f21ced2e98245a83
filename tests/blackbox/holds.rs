//! Objections from receipt to outcome, and what operators see of them. Safeguards S13 to S24.

use crate::harness::{
    Installation, Server, court_record, files_below, first_list, number_of_zhang, other_number,
    ticket, ticket_of, until,
};
use crate::http::{Answer, Connection, Request};
use serde_json::{Value, json};

/// Acts on one entry as one unit.
struct Steward<'a> {
    server: &'a Server,
    token: &'a str,
}

impl Steward<'_> {
    fn post(&self, entry: &str, act: &str, body: &Value) -> Answer {
        Request::post(&format!("/v1/entries/{entry}/{act}"), body.to_string())
            .token(self.token)
            .send(self.server.ops)
    }

    #[track_caller]
    fn hold(&self, entry: &str, more: &Value) -> Value {
        let mut body = json!({"reason": "not me", "reference": "objection 1"});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let answer = self.post(entry, "hold", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    fn outcome(&self, entry: &str, outcome: &str) -> Answer {
        let body = json!({"outcome": outcome, "reference": "letter 2"});
        self.post(entry, "hold/outcome", &body)
    }

    fn get(&self, path: &str) -> Value {
        let answer = Request::get(path).token(self.token).send(self.server.ops);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    fn decision(&self) -> String {
        self.server.ask(self.token, &ticket()).decision()
    }
}

#[test]
fn s13_s14_a_hold_counts_on_the_very_next_check_of_any_connection() {
    let installation = Installation::new();
    let (token, server) = (&installation.token, installation.serve());
    let steward = Steward {
        server: &server,
        token,
    };
    let request = Request::post("/v1/check", ticket().to_string()).token(token);
    let mut open = Connection::to(server.checks);
    open.send(&request.bytes());
    assert_eq!(open.read().unwrap().decision(), "block");
    let held = steward.hold("fz-court-1", &json!({}));
    assert_eq!(
        (&held["act"], &held["sequence"]),
        (&json!("hold"), &json!(1))
    );
    // Three days of the court, the day of receipt not counted.
    assert_eq!(held["answer_by"]["clock"], "court-review");
    open.send(&request.bytes());
    let cleared = open.read().unwrap();
    assert_eq!(cleared.decision(), "clear");
    assert_eq!(cleared.json()["match_count"], 0);
    assert!(!cleared.text().contains("fz-court-1"), "no trace of it");
    assert_eq!(server.metric("hecha_holds_open"), 1.0);
    assert_eq!(server.metric("hecha_holds_overdue"), 0.0);
    assert_eq!(server.metric("hecha_acts_total{kind=\"hold\"}"), 1.0);
}

#[test]
fn s15_s18_silence_never_puts_it_back_and_lateness_shows() {
    let installation = Installation::new();
    let (token, server) = (&installation.token, installation.serve());
    let steward = Steward {
        server: &server,
        token,
    };
    let late = json!({"answer_by": "2026-01-05T10:00:00+08:00"});
    let held = steward.hold("fz-court-1", &late);
    assert_eq!(held["answer_by"]["clock"], "stated");
    assert_eq!(held["answer_by"]["last_day"], "2026-01-05");
    let organisation = "%E7%A6%8F%2F%E5%B7%9E%201";
    steward.hold(organisation, &json!({"answer_by": "2099-12-31"}));
    assert_eq!(server.metric("hecha_holds_open"), 2.0);
    assert_eq!(server.metric("hecha_holds_overdue"), 1.0);
    assert_eq!(steward.decision(), "clear", "late, and still not applied");
    let all = steward.get("/v1/holds");
    assert_eq!((&all["open"], &all["overdue"]), (&json!(2), &json!(1)));
    assert_eq!(all["holds"].as_array().unwrap().len(), 2);
    let late = steward.get("/v1/holds?overdue=1");
    assert_eq!(late["holds"].as_array().unwrap().len(), 1);
    let hold = &late["holds"][0];
    assert_eq!(
        (&hold["entry_id"], &hold["overdue"]),
        (&json!("fz-court-1"), &json!(true))
    );
    assert_eq!(hold["acts"][0]["reference"], "objection 1");
    let clocks: Vec<&str> = hold["clocks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|clock| clock["clock"].as_str().unwrap())
        .collect();
    for clock in [
        "court-review",
        "joint-verify",
        "objection-check",
        "source-reply",
    ] {
        assert!(clocks.contains(&clock), "{clocks:?}");
    }
    // Only an outcome ends it; the person is told within two working days.
    let upheld = steward.outcome("fz-court-1", "upheld");
    assert_eq!(upheld.status, 200, "{}", upheld.text());
    assert!(upheld.json()["tell_by"].is_string());
    assert_eq!(steward.decision(), "block");
    assert_eq!(server.metric("hecha_holds_overdue"), 0.0);
    let wrong = Request::get("/v1/holds?late=1")
        .token(token)
        .send(server.ops);
    assert_eq!(wrong.status, 422);
}

#[test]
fn a_deadline_in_a_year_without_a_table_says_so() {
    let mut installation = Installation::new();
    let folder = installation.path("law");
    std::fs::create_dir(&folder).unwrap();
    let built_in = concat!(env!("CARGO_MANIFEST_DIR"), "/data/catalogue");
    for file in std::fs::read_dir(built_in).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    let days = "kind\tfrom\tto\tname_zh\tsource\nyear\t1999-01-01\t1999-12-31\t\ta notice\n";
    std::fs::write(folder.join("working_days.tsv"), days).unwrap();
    installation.more_config = "catalogue_dir = \"law\"\n".to_owned();
    let (token, server) = (&installation.token, installation.serve());
    let steward = Steward {
        server: &server,
        token,
    };
    steward.hold("fz-court-1", &json!({}));
    let upheld = steward.outcome("fz-court-1", "upheld").json();
    let warning = upheld["warnings"][0].as_str().unwrap();
    assert!(warning.contains("weekends alone"), "{warning}");
    // A table that makes no sense stops the start, with file and line.
    drop(server);
    std::fs::write(
        folder.join("working_days.tsv"),
        format!("{days}off\tx\ty\t\t\n"),
    )
    .unwrap();
    let mut command = crate::harness::hecha();
    command
        .arg("serve")
        .arg("--config")
        .arg(installation.config());
    let (code, output) = crate::harness::run(&mut command);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("working_days.tsv:3:"), "{said}");
}

#[test]
fn s16_s24_a_hold_survives_restart_swap_and_rollback() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let steward = Steward {
        server: &server,
        token,
    };
    steward.hold("fz-court-1", &json!({}));
    let mut list = first_list();
    list[0]["submitted_at"] = json!("2025-04-11T09:00:00+08:00");
    let id = installation.publish(list);
    until("the new list serves", || {
        server.snapshot(token)["id"] == json!(id)
    });
    assert_eq!(steward.decision(), "clear");
    let entry = steward.get("/v1/entries/fz-court-1");
    let submitted = |version: &Value| version["submitted_at"].as_str().unwrap().to_owned();
    let versions = entry["versions"].as_array().unwrap();
    assert_eq!(submitted(&versions[0]), "2025-04-11T09:00:00+08:00");
    assert_eq!(submitted(&versions[1]), "2025-03-11T09:00:00+08:00");
    let rolled_back = Request::post("/v1/snapshot/rollback", "").token(token);
    assert_eq!(rolled_back.send(server.ops).status, 200);
    assert_eq!(steward.decision(), "clear");
    server.kill();
    let server = installation.serve();
    let steward = Steward {
        server: &server,
        token,
    };
    assert_eq!(steward.decision(), "clear");
    assert_eq!(server.metric("hecha_holds_open"), 1.0);
    assert_eq!(steward.outcome("fz-court-1", "upheld").status, 200);
    assert_eq!(steward.decision(), "block");
}

#[test]
fn s16_the_same_case_under_a_new_entry_id_is_reported_and_stays_out() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let steward = Steward {
        server: &server,
        token,
    };
    steward.hold("fz-court-1", &json!({}));
    let mut list = first_list();
    list[0]["entry_id"] = json!("fz-court-1-again");
    let id = installation.publish(list);
    until("the new list serves", || {
        server.snapshot(token)["id"] == json!(id)
    });
    assert_eq!(steward.decision(), "clear", "the case is under objection");
    assert_eq!(server.metric("hecha_holds_listed_again"), 1.0);
    let holds = steward.get("/v1/holds");
    assert_eq!(
        holds["holds"][0]["listed_again_as"],
        json!(["fz-court-1-again"])
    );
    let entry = steward.get("/v1/entries/fz-court-1-again");
    assert_eq!(
        (&entry["counts"], &entry["state"]),
        (&json!(false), &json!("untouched"))
    );
    assert_eq!(entry["why_not"][0]["code"], "held");
    server.kill();
    let server = installation.serve();
    let steward = Steward {
        server: &server,
        token,
    };
    assert_eq!(steward.decision(), "clear", "after a restart too");
    // The outcome lets the case count again, under whatever entry_id it stands.
    assert_eq!(steward.outcome("fz-court-1", "upheld").status, 200);
    assert_eq!(steward.decision(), "block");
    assert_eq!(server.metric("hecha_holds_listed_again"), 0.0);
    // A hold on the gone entry_id, which acts still know, reaches the case as well.
    steward.hold("fz-court-1", &json!({"reference": "objection 2"}));
    assert_eq!(steward.decision(), "clear");
}

#[test]
fn after_a_correction_only_a_later_version_counts_and_nobody_removed_comes_back() {
    let installation = Installation::new();
    let token = &installation.token;
    let mut list = first_list();
    list.push(court_record("fz-court-2", "李明", &other_number()));
    installation.publish(list.clone());
    let server = installation.serve();
    let steward = Steward {
        server: &server,
        token,
    };
    let other = ticket_of("李明", &other_number());
    for (entry, outcome) in [("fz-court-1", "corrected"), ("fz-court-2", "removed")] {
        steward.hold(entry, &json!({}));
        assert_eq!(steward.outcome(entry, outcome).status, 200);
    }
    assert_eq!(steward.decision(), "clear");
    assert_eq!(server.ask(token, &other).decision(), "clear");
    let publish = |list: Vec<Value>| {
        let id = installation.publish(list);
        until("the new list serves", || {
            server.snapshot(token)["id"] == json!(id)
        });
    };
    // The same version again, in a new snapshot.
    list.push(court_record("fz-court-3", "王一", &other_number()));
    publish(list.clone());
    assert_eq!(steward.decision(), "clear");
    // A later one: counts after `corrected`, not after `removed`.
    for record in &mut list {
        record["submitted_at"] = json!("2025-06-01T09:00:00+08:00");
    }
    list.pop();
    publish(list);
    assert_eq!(steward.decision(), "block");
    assert_eq!(server.ask(token, &other).decision(), "clear");
    // Rolled back to the version that was corrected.
    let rolled_back = Request::post("/v1/snapshot/rollback", "").token(token);
    assert_eq!(rolled_back.send(server.ops).status, 200);
    assert_eq!(steward.decision(), "clear");
    let entry = steward.get("/v1/entries/fz-court-1");
    assert_eq!(entry["why_not"][0]["code"], "corrected");
}

#[test]
fn s20_s21_s22_only_acts_exist_each_with_reference_and_role() {
    let installation = Installation::new();
    let token = &installation.token;
    let auditor = installation.client("auditor", |client| {
        client.roles = vec!["auditor".to_owned()];
    });
    let checker = installation.client("checker", |client| {
        client.roles = vec!["checker".to_owned()];
    });
    let server = installation.serve();
    let steward = Steward {
        server: &server,
        token,
    };
    let full = json!({"reason": "paid", "reference": "ruling 3"});
    for (act, body) in [
        ("hold", full.clone()),
        ("repair", full.clone()),
        ("withdraw", full.clone()),
        (
            "hold/outcome",
            json!({"outcome": "removed", "reference": "x"}),
        ),
    ] {
        let path = format!("/v1/entries/fz-court-1/{act}");
        for token in [&auditor, &checker] {
            let post = Request::post(&path, body.to_string()).token(token);
            assert_eq!(post.send(server.ops).status, 403, "{act}");
        }
        let mut body = body;
        body["reference"] = json!("");
        assert_eq!(steward.post("fz-court-1", act, &body).status, 422, "{act}");
    }
    let get = |token: &str, path: &str| Request::get(path).token(token).send(server.ops).status;
    for path in ["/v1/entries/fz-court-1", "/v1/holds"] {
        assert_eq!(
            (get(&auditor, path), get(&checker, path)),
            (200, 403),
            "{path}"
        );
    }
    assert_eq!(get(token, "/v1/entries/nobody"), 404);
    let change = Request::post("/v1/entries/fz-court-1", full.to_string()).token(token);
    assert_eq!(
        change.send(server.ops).status,
        405,
        "no act changes a record"
    );
    assert_eq!(steward.outcome("fz-court-1", "upheld").status, 409);
    assert_eq!(steward.decision(), "block", "nothing was done");
    let repaired = steward.post("fz-court-1", "repair", &full);
    assert_eq!(repaired.status, 200, "{}", repaired.text());
    assert_eq!(steward.decision(), "clear");
    // Sent again it is one act; an objection to what is out for good has no object.
    let again = steward.post("fz-court-1", "repair", &full).json();
    assert_eq!(again["sequence"], repaired.json()["sequence"]);
    let refused = steward.post("fz-court-1", "hold", &full);
    assert_eq!(refused.status, 409);
    assert!(
        refused.text().contains("out for good"),
        "{}",
        refused.text()
    );
}

#[test]
fn an_entry_is_shown_with_its_acts_and_without_any_number() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let steward = Steward {
        server: &server,
        token,
    };
    let entry = steward.get("/v1/entries/fz-court-1");
    assert_eq!(
        (&entry["counts"], &entry["why_not"]),
        (&json!(true), &json!([]))
    );
    let reason = format!("{} is another", number_of_zhang());
    steward.hold("fz-court-1", &json!({"reason": reason}));
    let answer = Request::get("/v1/entries/fz-court-1")
        .token(token)
        .send(server.ops);
    let entry = answer.json();
    assert_eq!(
        (&entry["counts"], &entry["state"]),
        (&json!(false), &json!("held"))
    );
    let act = &entry["acts"][0];
    assert_eq!(
        (&act["act"], &act["unit"]),
        (&json!("hold"), &json!("everything"))
    );
    let version = &entry["versions"][0];
    assert_eq!(version["subject"]["ids"][0]["type"], "citizen_id");
    assert_eq!(version["authority"], "测试区人民法院");
    assert!(!answer.text().contains(&number_of_zhang()[..14]));
    let answer = Request::get("/v1/holds").token(token).send(server.ops);
    assert!(!answer.text().contains(&number_of_zhang()[..14]));
    for file in files_below(&installation.path("state")) {
        let bytes = std::fs::read(&file).unwrap();
        let number = number_of_zhang();
        let found = bytes
            .windows(14)
            .any(|part| part == &number.as_bytes()[..14]);
        assert!(!found, "a number in clear in {}", file.display());
    }
}
