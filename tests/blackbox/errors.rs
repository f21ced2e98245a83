//! Every refusal of a check: status, field, order; and no value ever comes back.

use crate::harness::{Installation, Server, number_of_zhang, other_number, ticket, ticket_of};
use crate::http::{Answer, Connection, Request};
use hecha::identifier::synthetic;
use serde_json::{Value, json};

/// The ticket question with one part changed, by JSON pointer; `null` removes nothing.
fn with(pointer: &str, value: Value) -> Value {
    let mut question = ticket();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = question.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        parent => parent[key] = value,
    }
    question
}

#[track_caller]
fn is_problem(answer: &Answer, status: u16, field: Option<&str>) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{problem}");
    assert_eq!(problem["field"].as_str(), field, "{problem}");
    for key in ["type", "title", "detail"] {
        assert!(
            problem[key].as_str().is_some_and(|text| !text.is_empty()),
            "{problem}"
        );
    }
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

struct Asking {
    installation: Installation,
    server: Server,
}

impl Asking {
    fn new() -> Self {
        let installation = Installation::new();
        let server = installation.serve();
        Self {
            installation,
            server,
        }
    }

    #[track_caller]
    fn refuses(&self, question: &Value, field: &str) {
        let answer = self.server.ask(&self.installation.token, question);
        is_problem(&answer, 422, Some(field));
    }

    fn post(&self, body: impl Into<Vec<u8>>) -> Answer {
        Request::post("/v1/check", body)
            .token(&self.installation.token)
            .send(self.server.checks)
    }
}

#[test]
fn a_field_at_fault_is_named_by_its_path() {
    let asking = Asking::new();
    let number = "/subject/ids/0/number";
    let mut bad_check = number_of_zhang();
    bad_check.replace_range(17.., if bad_check.ends_with('1') { "2" } else { "1" });
    let long_name = "长".repeat(201);
    let company = synthetic::credit_code("91", 990_105, "MA7K3P2X");
    for (pointer, value, field) in [
        ("/scenario", json!("rail.tickets"), "scenario"),
        ("/scenario", json!(7), "scenario"),
        ("/scenario", Value::Null, "scenario"),
        ("/colour", json!("red"), "colour"),
        ("/attributes", json!([]), "attributes"),
        ("/attributes/colour", json!("red"), "attributes.colour"),
        (
            "/attributes/seat_class",
            json!("throne"),
            "attributes.seat_class",
        ),
        ("/attributes/seat_class", json!(2), "attributes.seat_class"),
        ("/attributes/seat_class", json!(""), "attributes.seat_class"),
        (
            "/attributes/seat_class",
            Value::Null,
            "attributes.seat_class",
        ),
        (
            "/attributes/necessity_ref",
            json!(3),
            "attributes.necessity_ref",
        ),
        ("/subject", Value::Null, "subject"),
        ("/subject", json!("张三丰"), "subject"),
        ("/subject/age", json!(40), "subject.age"),
        ("/subject/role", json!("director"), "subject.role"),
        ("/subject/kind", Value::Null, "subject.kind"),
        ("/subject/kind", json!("robot"), "subject.kind"),
        ("/subject/name", Value::Null, "subject.name"),
        ("/subject/name", json!(" · "), "subject.name"),
        ("/subject/name", json!(long_name), "subject.name"),
        ("/subject/name", json!(["张三丰"]), "subject.name"),
        ("/subject/ids", json!({}), "subject.ids"),
        ("/subject/ids/0", json!("x"), "subject.ids[0]"),
        ("/subject/ids/0/issuer", json!("x"), "subject.ids[0].issuer"),
        ("/subject/ids/0/type", Value::Null, "subject.ids[0].type"),
        (
            "/subject/ids/0/type",
            json!("library_card"),
            "subject.ids[0].type",
        ),
        (
            "/subject/ids/0/type",
            json!("credit_code"),
            "subject.ids[0].type",
        ),
        (number, Value::Null, "subject.ids[0].number"),
        (number, json!(""), "subject.ids[0].number"),
        (number, json!(990_102), "subject.ids[0].number"),
        (number, json!(bad_check), "subject.ids[0].number"),
        (number, json!("9901021980****1239"), "subject.ids[0].number"),
        (number, json!("99010219800230123X"), "subject.ids[0].number"),
        (
            "/subject/birth_date",
            json!("1980-02-30"),
            "subject.birth_date",
        ),
        (
            "/subject/birth_date",
            json!("1981-03-07"),
            "subject.birth_date",
        ),
        ("/related", json!({}), "related"),
        ("/related", json!([{"kind": "person"}]), "related[0].name"),
        (
            "/related",
            json!([{"kind": "person", "name": "李四"},
                   {"kind": "person", "name": "李四", "role": "shareholder"}]),
            "related[1].role",
        ),
        (
            "/related",
            json!([{"kind": "organisation", "name": "某某公司",
                    "ids": [{"type": "credit_code", "number": company},
                            {"type": "passport", "number": "E99999999"}]}]),
            "related[0].ids[1].type",
        ),
        ("/purpose", json!(7), "purpose"),
        ("/reference", json!({}), "reference"),
        ("/exemption", json!("court_permit"), "exemption"),
        ("/exemption", json!({"reference": "x"}), "exemption.kind"),
        (
            "/exemption",
            json!({"kind": "x", "reference": "x"}),
            "exemption.kind",
        ),
        (
            "/exemption",
            json!({"kind": "court_permit"}),
            "exemption.reference",
        ),
        (
            "/exemption",
            json!({"kind": "court_permit", "reference": " "}),
            "exemption.reference",
        ),
        (
            "/authorisation",
            json!({"kind": "consent"}),
            "authorisation.reference",
        ),
        (
            "/authorisation",
            json!({"kind": "x", "reference": "x"}),
            "authorisation.kind",
        ),
    ] {
        asking.refuses(&with(pointer, value), field);
    }
}

#[test]
fn two_different_numbers_of_one_decisive_type_name_the_later() {
    let asking = Asking::new();
    let mut question = ticket();
    let ids = question["subject"]["ids"].as_array_mut().unwrap();
    ids.push(json!({"type": "passport", "number": "E99999999"}));
    ids.push(json!({"type": "citizen_id", "number": other_number()}));
    asking.refuses(&question, "subject.ids[2].number");
}

#[test]
fn numbers_outside_the_range_of_an_attribute_are_refused() {
    let asking = Asking::new();
    let hotel = |stars: Value| {
        let mut question = ticket();
        question["scenario"] = json!("hotel.stay");
        question["attributes"] = json!({"star_rating": stars});
        question
    };
    for stars in [json!(-1), json!(6), json!(1.5), json!("5"), json!(true)] {
        asking.refuses(&hotel(stars), "attributes.star_rating");
    }
    let answer = asking
        .server
        .ask(&asking.installation.token, &hotel(json!(5)));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn the_value_at_fault_never_comes_back() {
    let asking = Asking::new();
    let marker = "990102198003071230";
    for pointer in [
        "/scenario",
        "/attributes/seat_class",
        "/subject/kind",
        "/subject/ids/0/type",
        "/subject/ids/0/number",
        "/subject/birth_date",
        "/exemption",
        &format!("/{marker}"),
        &format!("/attributes/{marker}"),
        &format!("/subject/{marker}"),
    ] {
        let answer = asking
            .server
            .ask(&asking.installation.token, &with(pointer, json!(marker)));
        assert_eq!(answer.status, 422, "{pointer}: {}", answer.text());
        assert!(
            !answer.text().contains(marker),
            "{pointer}: {}",
            answer.text()
        );
    }
}

#[test]
fn errors_come_in_the_order_of_the_contract() {
    let asking = Asking::new();
    let limited = asking.installation.client("hotels", |record| {
        record.scenarios = vec!["hotel.stay".to_owned()];
        record.purposes = Some(vec!["check-in".to_owned()]);
    });
    asking.server.signal("HUP");
    let token = &asking.installation.token;
    crate::harness::until("the new client is known", || {
        let known = Request::post("/v1/check", "x").token(&limited);
        known.send(asking.server.checks).status != 401
    });
    let checks = asking.server.checks;
    let huge = Request::post("/v1/check", vec![b'x'; 65_537]).without("Content-Type");
    is_problem(&huge.clone().method("PUT").send(checks), 413, None);
    let put = Request::post("/v1/check", "x")
        .method("PUT")
        .without("Content-Type");
    is_problem(&put.send(checks), 401, None);
    let put = put.token(token).send(checks);
    is_problem(&put, 405, None);
    assert_eq!(put.header("allow"), Some("POST"));
    let no_type = Request::post("/v1/check", "x").without("Content-Type");
    is_problem(&no_type.token(token).send(checks), 415, None);
    is_problem(&asking.post("x"), 400, None);
    let mut question = with("/scenario", json!("no.such"));
    question["colour"] = json!("red");
    is_problem(
        &asking.server.ask(&limited, &question),
        422,
        Some("scenario"),
    );
    question["scenario"] = json!("rail.ticket");
    is_problem(&asking.server.ask(&limited, &question), 403, None);
    question["scenario"] = json!("hotel.stay");
    is_problem(&asking.server.ask(&limited, &question), 403, None);
    question["purpose"] = json!("check-in");
    is_problem(&asking.server.ask(&limited, &question), 422, Some("colour"));
}

#[test]
fn a_body_that_is_no_strict_json_is_refused() {
    let asking = Asking::new();
    let good = ticket().to_string();
    let repeated = good.replacen('{', "{\"scenario\":\"rail.ticket\",", 1);
    let deep = format!("{{\"scenario\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    for body in [
        "",
        "null",
        "[]",
        &good[1..],
        &format!("{good}x"),
        &repeated,
        &deep,
        "{\"a\":\"\\ud800\"}",
    ] {
        is_problem(&asking.post(body), 400, None);
    }
    assert_eq!(asking.post(format!(" {good}\n")).decision(), "block");
}

#[test]
fn hostile_bodies_are_refused_with_a_place() {
    let asking = Asking::new();
    let good = ticket().to_string();
    let in_object = |more: &str| good.replacen('{', &format!("{{{more},"), 1);
    // Keys that collide where the seed of a hash is known; here it is not.
    let flood: String = (0..4_000).map(|n| format!("\"Aa{n:04}BB\":0,")).collect();
    for body in [
        "[".repeat(10_000),
        format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)),
        "{\"a\":".repeat(10_000),
        in_object("\"x\":1e99999"),
        in_object("\"x\":-0"),
        in_object("\"x\":\"\\ud800\""),
        in_object("\"x\":\"\\udc00\\ud800\""),
        in_object("\"x\":\"\u{0}\""),
        in_object("\"x\":\"\\u0000\""),
        in_object("\"scenario\":\"rail.ticket\""),
        in_object(flood.trim_end_matches(',')),
        good.replace("张三丰", &"张".repeat(20_000)),
        good.replace("张三丰", "\\u0000"),
        format!("\u{FEFF}{good}"),
        good.replace("rail.ticket", "rail.ticket\\u0000"),
    ] {
        let answer = asking.post(body.clone());
        let shown: String = body.chars().take(80).collect();
        assert!(
            [400, 422].contains(&answer.status),
            "{shown} {}",
            answer.text()
        );
        let problem = answer.json();
        // A path, or where in the text.
        let detail = problem["detail"].as_str().unwrap();
        let is_placed = problem["field"].is_string() || detail.chars().any(|c| c.is_ascii_digit());
        assert!(is_placed, "{shown} {problem}");
    }
    assert_eq!(asking.post(good).decision(), "block");
    assert_eq!(asking.server.metric("hecha_panics_total"), 0.0);
}

#[test]
fn heads_that_may_be_read_in_two_ways_close_the_connection() {
    let asking = Asking::new();
    let good = Request::post("/v1/check", ticket().to_string()).token(&asking.installation.token);
    let cases = [
        good.clone().without("Host"),
        good.clone().header("Host", "other"),
        good.clone().header("Content-Length", "5"),
        Request::get("/healthz").header("Content-Length", "5"),
        Request::get("/healthz").header("Transfer-Encoding", "chunked"),
    ];
    for request in cases {
        let mut connection = Connection::to(asking.server.checks);
        connection.send(&request.bytes());
        if let Some(answer) = connection.read() {
            assert_eq!(answer.status, 400, "{}", answer.text());
            assert!(connection.is_closed());
        }
    }
}

#[test]
fn a_chunked_body_is_read_and_its_connection_kept() {
    let asking = Asking::new();
    let body = ticket().to_string();
    let (one, other) = body.split_at(20);
    let chunks = format!(
        "{:x}\r\n{one}\r\n{:x}\r\n{other}\r\n0\r\n\r\n",
        one.len(),
        other.len()
    );
    let request = Request::post("/v1/check", chunks)
        .header("Transfer-Encoding", "chunked")
        .token(&asking.installation.token);
    let mut connection = Connection::to(asking.server.checks);
    connection.send(&request.bytes());
    for _ in 0..2 {
        assert_eq!(connection.read().unwrap().decision(), "block");
        connection.send(&request.bytes());
    }
}

#[test]
fn a_batch_answers_each_question_on_its_own_and_all_on_one_snapshot() {
    let asking = Asking::new();
    let faulty = with("/subject/kind", json!("robot"));
    let stranger = ticket_of("李明", &other_number());
    let post = |body: String| {
        Request::post("/v1/checks", body)
            .token(&asking.installation.token)
            .send(asking.server.checks)
    };
    let body = json!({"checks": [ticket(), faulty, stranger, 7]}).to_string();
    let answer = post(body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answers = answer.json()["answers"].as_array().unwrap().clone();
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0]["decision"], "block");
    assert_eq!(answers[1]["status"], 422);
    assert_eq!(answers[1]["field"], "subject.kind");
    assert_eq!(answers[2]["decision"], "clear");
    assert_eq!(answers[3]["status"], 400);
    assert_eq!(answers[0]["snapshot"], answers[2]["snapshot"]);
    assert_ne!(answers[0]["check_id"], answers[2]["check_id"]);
    let many = vec![json!({}); 1_001];
    is_problem(
        &post(json!({"checks": many}).to_string()),
        422,
        Some("checks"),
    );
    is_problem(&post("{\"checks\":{}}".to_owned()), 422, Some("checks"));
    is_problem(&post("{\"checks\":[1}".to_owned()), 400, None);
}

#[test]
fn messages_come_in_the_language_that_is_asked_for_and_traces_come_back() {
    let asking = Asking::new();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let ask = |language: &str| {
        Request::post("/v1/check", ticket().to_string())
            .token(&asking.installation.token)
            .header("Accept-Language", language)
            .header("traceparent", trace)
            .send(asking.server.checks)
    };
    let english = ask("en-GB");
    let said = english.json()["messages"][0].as_str().unwrap().to_owned();
    assert!(
        said.starts_with("Not allowed") && said.contains("测试区人民法院"),
        "{said}"
    );
    assert!(ask("zh-CN").text().contains("禁止"));
    assert_eq!(english.header("traceparent"), Some(trace));
    assert_eq!(english.header("cache-control"), Some("no-store"));
}
