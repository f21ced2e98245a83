//! Acts that need two persons. Fault F30.

use crate::harness::{Installation, Server, ticket};
use crate::http::{Answer, Request};
use hecha::gateway::approvals::sha256;
use serde_json::{Value, json};

/// `two_person` as configured, and two stewards, `first` and `second`.
fn installation(acts: &str) -> (Installation, String, String) {
    let mut installation = Installation::new();
    installation.more_config = format!("two_person = [{acts}]\n");
    let steward =
        |unit: &str| installation.client(unit, |record| record.roles = vec!["steward".into()]);
    let (first, second) = (steward("first"), steward("second"));
    (installation, first, second)
}

const PATH: &str = "/v1/entries/fz-court-1/withdraw";

fn body() -> String {
    json!({"reason": "wrong person", "reference": "letter 7"}).to_string()
}

fn send(server: &Server, token: &str, operator: Option<&str>, path: &str, body: &str) -> Answer {
    let mut request = Request::post(path, body.to_owned()).token(token);
    if let Some(operator) = operator {
        request = request.header("hecha-operator", operator);
    }
    request.send(server.ops)
}

fn approve(server: &Server, token: &str, operator: Option<&str>, id: &str, of: &str) -> Answer {
    let body = json!({"sha256": sha256(of.as_bytes())}).to_string();
    send(
        server,
        token,
        operator,
        &format!("/v1/approvals/{id}"),
        &body,
    )
}

#[track_caller]
fn proposed(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["needs"], "another person");
    answer.json()["approval_id"].as_str().unwrap().to_owned()
}

#[test]
fn an_act_waits_for_another_person_and_is_done_once() {
    let (installation, first, second) = installation("\"withdraw\"");
    let everybody = &installation.token;
    let server = installation.serve();
    let id = proposed(&send(&server, &first, None, PATH, &body()));
    assert_eq!(
        server.ask(everybody, &ticket()).decision(),
        "block",
        "not done yet"
    );
    let again = proposed(&send(&server, &first, None, PATH, &body()));
    assert_eq!(again, id, "the same act waits once");
    assert_eq!(
        approve(&server, &first, None, &id, &body()).status,
        409,
        "the same unit"
    );
    let other = approve(&server, &second, None, &id, "{}");
    assert_eq!(other.status, 409, "other bytes");
    assert_eq!(approve(&server, &second, None, "0", &body()).status, 404);
    assert_eq!(server.ask(everybody, &ticket()).decision(), "block");
    let listed = Request::get("/v1/approvals")
        .token(&second)
        .send(server.ops)
        .json();
    assert_eq!(listed["approvals"][0]["state"], "waiting");
    assert_eq!(
        listed["approvals"][0]["sha256"],
        json!(sha256(body().as_bytes()))
    );
    let done = approve(&server, &second, None, &id, &body());
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(server.ask(everybody, &ticket()).decision(), "clear");
    assert_eq!(
        approve(&server, &second, None, &id, &body()).status,
        409,
        "twice"
    );
    let mut steps = Vec::new();
    for record in installation.log(&[]) {
        if record["kind"] == "approval" {
            steps.push(record["details"]["step"].clone());
        }
    }
    let wanted = [
        "proposed", "proposed", "refused", "refused", "refused", "approved", "ended",
    ];
    assert_eq!(steps[..7], wanted.map(Value::from), "{steps:?}");
}

#[test]
fn one_operator_with_two_tokens_is_one_person() {
    let (installation, first, second) = installation("\"withdraw\"");
    let server = installation.serve();
    let id = proposed(&send(&server, &first, Some("Li"), PATH, &body()));
    for operator in [Some("Li"), Some("li"), None] {
        let refused = approve(&server, &second, operator, &id, &body());
        assert_eq!(refused.status, 409, "{operator:?} {}", refused.text());
    }
    let done = approve(&server, &second, Some("Wang"), &id, &body());
    assert_eq!(done.status, 200, "{}", done.text());
}

#[test]
fn what_waits_outlives_a_restart_and_is_in_no_file_in_clear() {
    let (installation, first, second) = installation("\"withdraw\", \"rollback\"");
    let server = installation.serve();
    let text = json!({"reason": "990102198003071239 is wrong", "reference": "r"}).to_string();
    let id = proposed(&send(&server, &first, None, PATH, &text));
    server.kill();
    let kept = std::fs::read(installation.path("state/approvals.sealed")).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("990102"));
    let server = installation.serve();
    let done = approve(&server, &second, None, &id, &text);
    assert_eq!(done.status, 200, "{}", done.text());
    server.kill();
    let server = installation.serve();
    assert_eq!(approve(&server, &second, None, &id, &text).status, 409);
}

#[test]
fn faults_are_said_to_the_first_and_an_objection_never_waits() {
    let (installation, first, _) = installation("\"withdraw\", \"repair\", \"snapshot\"");
    let server = installation.serve();
    assert_eq!(
        send(&server, &first, None, PATH, "{\"reason\":\"x\"}").status,
        422
    );
    let hold = send(
        &server,
        &first,
        None,
        "/v1/entries/fz-court-1/hold",
        &body(),
    );
    assert_eq!(hold.status, 200, "{}", hold.text());
    assert_eq!(
        server.ask(&installation.token, &ticket()).decision(),
        "clear"
    );
    let (refusing, _, _) = self::installation("\"hold\"");
    let mut command = crate::harness::hecha();
    let command = command.arg("serve").arg("--config").arg(refusing.config());
    let (code, output) = crate::harness::run(command);
    assert_eq!(code, 2);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("`two_person`") && said.contains("objection"),
        "{said}"
    );
}
