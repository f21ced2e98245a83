//! What an answer says of its record, and what the record says of who asked.

use crate::harness::{
    Installation, Server, number_of_zhang, other_number, ticket, ticket_of, until,
};
use crate::http::{Answer, Request};
use serde_json::{Value, json};

const OPERATOR: &str = "hecha-operator";

fn ask_as(server: &Server, token: &str, operator: &str, body: &Value) -> Answer {
    Request::post("/v1/check", body.to_string())
        .token(token)
        .header(OPERATOR, operator)
        .send(server.checks)
}

/// Records of checks alone.
fn checks(installation: &Installation) -> Vec<Value> {
    let mut records = installation.log(&[]);
    records.retain(|record| record["kind"] == "check");
    records
}

#[test]
fn an_answer_names_its_place_in_the_log_its_catalogue_and_its_engine() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let scan = json!({"scenario": "rail.ticket", "text": "投标人：测试建材有限公司。"});
    let many = json!({"checks": [ticket(), ticket_of("李明", &other_number())]});
    let mut answers = vec![server.ask(token, &ticket()).json()];
    let post = |path, body: Value| {
        let answer = Request::post(path, body.to_string()).token(token);
        let answer = answer.send(server.checks);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    answers.push(post("/v1/scan", scan));
    answers.extend(
        post("/v1/checks", many)["answers"]
            .as_array()
            .unwrap()
            .clone(),
    );
    let records = checks(&installation);
    assert_eq!(records.len(), answers.len());
    for (answer, record) in answers.iter().zip(&records) {
        assert_eq!(answer["check_id"], record["check_id"]);
        assert_eq!(answer["log_index"], record["position"]);
        assert_eq!(answer["catalogue"], record["catalogue"]);
        assert_eq!(answer["engine"], record["engine"]);
        assert_eq!(answer["engine"], env!("CARGO_PKG_VERSION"));
        assert_eq!(answer["catalogue"].as_str().unwrap().len(), 32);
    }
}

#[test]
fn a_unit_that_must_name_its_operator_is_refused_without_one_after_all_else() {
    let installation = Installation::new();
    let strict = installation.client("strict", |record| {
        record.operator_required = true;
        record.scenarios = vec!["rail.ticket".to_owned()];
    });
    let server = installation.serve();
    assert_eq!(
        ask_as(&server, &strict, "window 3", &ticket()).decision(),
        "block"
    );
    let refused = |answer: Answer, status: u16, field: Option<&str>| {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.json()["field"].as_str(), field);
    };
    refused(server.ask(&strict, &ticket()), 422, Some(OPERATOR));
    let lax = &installation.token;
    let long = "x".repeat(101);
    for name in ["", " ", long.as_str()] {
        refused(ask_as(&server, lax, name, &ticket()), 422, Some(OPERATOR));
    }
    // What comes before it in the order of the contract comes before it.
    let broken = Request::post("/v1/check", "{".to_owned()).token(&strict);
    refused(broken.send(server.checks), 400, None);
    let mut other = ticket();
    other["scenario"] = json!("air.ticket");
    refused(server.ask(&strict, &other), 403, None);
    let scan = json!({"scenario": "rail.ticket", "text": "测试建材有限公司"}).to_string();
    let scan = Request::post("/v1/scan", scan).token(&strict);
    refused(scan.send(server.checks), 422, Some(OPERATOR));
    let many = json!({"checks": [ticket()]}).to_string();
    let many = Request::post("/v1/checks", many).token(&strict);
    let many = many.send(server.checks);
    assert_eq!(many.json()["answers"][0]["field"], OPERATOR);
    let refusals = || {
        let mut records = installation.log(&["--unit", "strict"]);
        records.retain(|record| record["details"]["field"] == OPERATOR);
        records.len()
    };
    let before = refusals();
    let lines = Request::post("/v1/checks", format!("{}\n", ticket()))
        .without("Content-Type")
        .header("Content-Type", "application/x-ndjson")
        .token(&strict);
    // Status and head come before the first line: that it is refused is seen in the log.
    assert_eq!(lines.send(server.checks).status, 200);
    until("the line is refused", || refusals() == before + 1);
}

#[test]
fn the_operator_of_a_check_is_sealed_and_that_of_an_act_is_a_masked_detail() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    assert_eq!(ask_as(&server, token, "窗口 wang-7", &ticket()).status, 200);
    let body = json!({"reason": "wrong person", "reference": "letter 7"}).to_string();
    let post = Request::post("/v1/entries/fz-court-1/withdraw", body)
        .header(OPERATOR, &format!("li {}", number_of_zhang()))
        .token(token);
    assert_eq!(post.send(server.ops).status, 200);
    let records = installation.log(&[]);
    let act = records
        .iter()
        .find(|record| record["kind"] == "act")
        .unwrap();
    let operator = act["details"]["operator"].as_str().unwrap();
    let number = number_of_zhang();
    assert_eq!(operator, format!("li **************{}", &number[14..]));
    assert!(server.stop().success());
    for file in crate::harness::files_below(&installation.path("state/log")) {
        let bytes = std::fs::read(file).unwrap();
        let holds = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        assert!(!holds("wang-7") && !holds(&number));
    }
}

#[test]
fn a_record_finds_every_number_of_every_party_and_says_the_language() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let mut asked = ticket();
    asked["subject"]["ids"] = json!([
        {"type": "citizen_id", "number": number_of_zhang()},
        {"type": "passport", "number": "E59900011"},
    ]);
    asked["related"] = json!([
        {"kind": "person", "name": "李四", "ids": []},
        {"kind": "person", "name": "王五",
         "ids": [{"type": "citizen_id", "number": other_number()}]},
    ]);
    let english = Request::post("/v1/check", asked.to_string())
        .header("accept-language", "en")
        .token(token);
    assert_eq!(english.send(server.checks).status, 200);
    let alone = ticket_of("王五", &other_number());
    assert_eq!(server.ask(token, &alone).status, 200);
    let records = checks(&installation);
    assert_eq!(records[0]["language"], "en");
    assert_eq!(records[1]["language"], "zh");
    let others = records[0]["other_digests"].as_array().unwrap();
    assert_eq!(others.len(), 3, "passport, 李四 by name, 王五 by number");
    assert_eq!(others[2], records[1]["subject_digest"]);
    assert_eq!(records[1]["other_digests"], json!([]));
}

fn read_log(server: &Server, token: &str, path: &str) -> Answer {
    Request::get(path).token(token).send(server.ops)
}

#[test]
fn an_auditor_reads_the_log_in_pages_and_that_he_read_is_on_record() {
    let installation = Installation::new();
    let token = &installation.token;
    let auditor = installation.client("audit office", |record| {
        record.roles = vec!["auditor".to_owned()];
    });
    let server = installation.serve();
    for place in 0..7 {
        let other = ticket_of("李明", &other_number());
        let asked = if place % 2 == 0 { ticket() } else { other };
        assert_eq!(server.ask(token, &asked).status, 200);
    }
    let all = read_log(&server, &auditor, "/v1/log");
    assert_eq!(all.status, 200, "{}", all.text());
    assert_eq!(all.header("link"), None);
    let offline = installation.log(&[]);
    let listed: Vec<Value> = all.json().as_array().unwrap().clone();
    assert_eq!(listed, offline[..listed.len()]);
    assert!(!all.text().contains(&number_of_zhang()));

    // In pages, by the link to the next one, as lines.
    let (mut path, mut paged) = ("/v1/log?unit=everything&limit=3".to_owned(), Vec::new());
    loop {
        let page = Request::get(&path)
            .header("accept", "application/x-ndjson")
            .token(&auditor)
            .send(server.ops);
        assert_eq!(page.header("content-type"), Some("application/x-ndjson"));
        let text = page.text();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(lines.len() <= 3);
        paged.extend(lines);
        let Some(link) = page.header("link") else {
            break;
        };
        let next = link.strip_prefix('<').unwrap();
        path = next.split_once('>').unwrap().0.to_owned();
    }
    assert_eq!(paged, installation.log(&["--unit", "everything"]));

    let check_id = listed.iter().find(|one| one["kind"] == "check").unwrap()["check_id"].clone();
    let one = format!("/v1/log?check_id={}", check_id.as_str().unwrap());
    assert_eq!(
        read_log(&server, &auditor, &one)
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let entry = read_log(
        &server,
        &auditor,
        "/v1/log?entry=fz-court-1&from=2026-01-01",
    );
    assert_eq!(entry.json().as_array().unwrap().len(), 4);

    let reads = installation.log(&["--unit", "audit office"]);
    assert!(reads.iter().all(|record| record["kind"] == "log_read"));
    let what = |text: &str| {
        let is = |record: &&Value| record["details"]["what"].as_str().unwrap().contains(text);
        reads.iter().filter(is).count()
    };
    assert_eq!(
        what("unit=everything"),
        3 + usize::from(paged.len() % 3 == 0)
    );
    assert_eq!(what(&format!("check_id={}", check_id.as_str().unwrap())), 1);
}

#[test]
fn who_may_not_read_the_log_or_asks_for_nonsense_is_told_so() {
    let installation = Installation::new();
    let checker = installation.client("checker", |record| {
        record.roles = vec!["checker".to_owned(), "steward".to_owned()];
    });
    let server = installation.serve();
    let token = &installation.token;
    for path in ["/v1/log", "/v1/log/checkpoint"] {
        assert_eq!(Request::get(path).send(server.ops).status, 401);
        assert_eq!(read_log(&server, &checker, path).status, 403);
        let post = Request::post(path, "{}").token(token);
        assert_eq!(post.send(server.ops).status, 405);
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("after=-1", "after"),
        ("check_id=1", "check_id"),
        ("from=yesterday", "from"),
        ("colour=red", "colour"),
        ("unit=a&unit=b", "unit"),
    ] {
        let answer = read_log(&server, token, &format!("/v1/log?{query}"));
        assert_eq!(answer.status, 422, "{query}");
        assert_eq!(answer.json()["field"], field, "{query}");
    }
}
