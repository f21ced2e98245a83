//! Who may do what: tokens, roles, scenarios, purposes; and that every refusal is on record.

use crate::harness::{Installation, Server, ticket};
use crate::http::Request;
use serde_json::json;

/// Each path of the contract, its listener and the roles that open it.
const PATHS: [(&str, &str, bool, &[&str]); 17] = [
    ("POST", "/v1/check", true, &["checker"]),
    ("POST", "/v1/checks", true, &["checker"]),
    ("POST", "/v1/feedback", true, &["checker"]),
    ("POST", "/v1/scan", true, &["checker"]),
    (
        "GET",
        "/v1/measures",
        false,
        &["checker", "steward", "auditor", "admin"],
    ),
    (
        "GET",
        "/v1/scenarios",
        false,
        &["checker", "steward", "auditor", "admin"],
    ),
    ("GET", "/v1/snapshot", false, &["steward"]),
    ("POST", "/v1/snapshot", false, &["steward"]),
    ("POST", "/v1/snapshot/rollback", false, &["steward"]),
    ("POST", "/v1/entries/a/withdraw", false, &["steward"]),
    ("POST", "/v1/entries/a/repair", false, &["steward"]),
    ("POST", "/v1/entries/a/hold", false, &["steward"]),
    ("POST", "/v1/entries/a/hold/outcome", false, &["steward"]),
    ("GET", "/v1/entries/a", false, &["steward", "auditor"]),
    ("POST", "/v1/clients/reload", false, &["admin"]),
    ("GET", "/v1/log", false, &["auditor"]),
    ("GET", "/healthz", true, &[]),
];
const ROLES: [&str; 4] = ["checker", "steward", "auditor", "admin"];

fn request(method: &'static str, path: &str) -> Request {
    match method {
        "GET" => Request::get(path),
        _ if path == "/v1/checks" => Request::post(path, "{\"checks\":[]}"),
        _ if path == "/v1/scan" => Request::post(path, scan().to_string()),
        _ if path == "/v1/check" => Request::post(path, ticket().to_string()),
        _ => Request::post(path, "{}"),
    }
}

fn scan() -> serde_json::Value {
    json!({"scenario": "procurement.supplier", "text": "标书"})
}

fn with_role(installation: &Installation, role: &str) -> String {
    installation.client(role, |record| record.roles = vec![role.to_owned()])
}

#[test]
fn each_path_opens_to_its_roles_only() {
    let installation = Installation::new();
    let tokens = ROLES.map(|role| with_role(&installation, role));
    let server = installation.serve();
    for (method, path, is_check, roles) in PATHS {
        let (address, other) = match is_check {
            true => (server.checks, server.ops),
            false => (server.ops, server.checks),
        };
        for (role, token) in ROLES.iter().zip(&tokens) {
            let status = request(method, path).token(token).send(address).status;
            // A batch itself is open to every token: each of its questions is refused.
            let is_open = roles.is_empty() || roles.contains(role) || path == "/v1/checks";
            assert_eq!(
                status != 403,
                is_open,
                "{method} {path} as {role}: {status}"
            );
            assert_ne!(status, 401, "{method} {path} as {role}");
            if path != "/healthz" {
                let status = request(method, path).token(token).send(other).status;
                assert_eq!(status, 404, "{path} on the other listener");
            }
        }
        if !roles.is_empty() {
            for authorization in ["", "Bearer", "Bearer wrong", "Basic abc", "bearer\u{20}x y"] {
                let answer = request(method, path)
                    .header("Authorization", authorization)
                    .send(address);
                assert_eq!(answer.status, 401, "{method} {path} with {authorization:?}");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            }
            assert_eq!(request(method, path).send(address).status, 401);
        }
    }
}

#[test]
fn paths_of_later_versions_say_so() {
    let installation = Installation::new();
    let server = installation.serve();
    for (method, path, on_checks) in [
        ("GET", "/openapi.json", false),
        ("GET", "/docs", false),
        ("GET", "/console", false),
    ] {
        let address = if on_checks { server.checks } else { server.ops };
        let answer = request(method, path)
            .token(&installation.token)
            .send(address);
        assert_eq!(answer.status, 501, "{path}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        let put = request(method, path)
            .token(&installation.token)
            .method("DELETE");
        assert_eq!(put.send(address).status, 405, "{path}");
    }
    for path in ["/", "/v1", "/v1/check/", "/v1/entries", "/v2/check"] {
        let answer = Request::get(path).token(&installation.token);
        assert_eq!(answer.send(server.checks).status, 404, "{path}");
        assert_eq!(answer.send(server.ops).status, 404, "{path}");
    }
}

#[test]
fn refusals_are_recorded_without_what_was_asked() {
    let installation = Installation::new();
    let auditor = with_role(&installation, "auditor");
    let server = installation.serve();
    let mut faulty = ticket();
    faulty["subject"]["kind"] = json!("robot");
    assert_eq!(server.ask("wrong", &ticket()).status, 401);
    assert_eq!(server.ask(&auditor, &ticket()).status, 403);
    assert_eq!(server.ask(&installation.token, &faulty).status, 422);
    let withdraw = Request::post("/v1/entries/a/withdraw", "{}").token(&auditor);
    assert_eq!(withdraw.send(server.ops).status, 403);
    assert!(server.stop().success());
    let denied: Vec<_> = installation
        .log(&[])
        .into_iter()
        .filter(|record| record["kind"] == "denied")
        .map(|record| {
            let unit = record["unit"].as_str().unwrap_or("-").to_owned();
            (
                record["status"].as_u64().unwrap(),
                unit,
                record["details"].clone(),
            )
        })
        .collect();
    let route = |route: &str| json!({"route": route});
    assert_eq!(
        denied,
        [
            (401, "-".to_owned(), route("/v1/check")),
            (403, "auditor".to_owned(), route("/v1/check")),
            (
                422,
                "everything".to_owned(),
                json!({"route": "/v1/check", "field": "subject.kind"})
            ),
            (
                403,
                "auditor".to_owned(),
                route("/v1/entries/{entry_id}/withdraw")
            ),
        ]
    );
}

#[test]
fn a_unit_that_asks_for_the_disk_gets_it() {
    let installation = Installation::new();
    let careful = installation.client("careful", |record| record.level = Some("disk".to_owned()));
    let server: Server = installation.serve();
    let mut question = ticket();
    question["attributes"]["train_class"] = json!("K");
    let plain = server.ask(&installation.token, &question).json();
    assert_eq!(
        (&plain["decision"], &plain["level"]),
        (&json!("clear"), &json!("kernel"))
    );
    assert_eq!(server.ask(&careful, &question).json()["level"], "disk");
    assert_eq!(
        server.ask(&installation.token, &ticket()).json()["level"],
        "disk"
    );
}
