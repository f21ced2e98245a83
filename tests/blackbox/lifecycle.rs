//! Start, reload, stop: what operators see.

use crate::harness::{Installation, Server, hecha, number_of_zhang, ticket, until};
use crate::http::{Connection, Request};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

#[test]
fn health_says_whether_requests_can_be_answered() {
    let installation = Installation::new();
    let server = installation.serve();
    for address in [server.checks, server.ops] {
        for path in ["/healthz", "/livez", "/readyz"] {
            let answer = Request::get(path).send(address);
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(Request::get(path).method("HEAD").send_head(address), 200);
        }
    }
}

#[test]
fn a_stopping_gateway_is_not_ready_but_answers_what_it_has_begun() {
    let mut installation = Installation::new();
    installation.more_config = "hard_stop_ms = 5000\n".to_owned();
    let config = installation.config();
    let mut server = Server::start(
        hecha()
            .args(["serve", "--config"])
            .arg(config)
            .env("HECHA__DRAIN_DELAY_MS", "1500"),
    );
    let request = Request::post("/v1/check", ticket().to_string()).token(&installation.token);
    let mut open = Connection::to(server.checks);
    let bytes = request.bytes();
    open.send(&bytes);
    assert_eq!(open.read().unwrap().decision(), "block");
    server.signal("TERM");
    until("it is not ready", || {
        Request::get("/readyz").send(server.checks).status == 503
    });
    // Still accepting, and answering, for the time of the delay.
    assert_eq!(request.send(server.checks).decision(), "block");
    // A request half sent when the listener closes is answered, and its connection closed.
    open.send(&bytes[..bytes.len() - 3]);
    until("it accepts no more", || {
        std::net::TcpStream::connect(server.checks).is_err()
    });
    open.send(&bytes[bytes.len() - 3..]);
    let last = open.read().expect("the answer in hand");
    assert_eq!(last.decision(), "block");
    assert_eq!(last.header("connection"), Some("close"));
    assert!(open.is_closed());
    assert!(server.wait().success());
    let records = installation.log(&[]);
    assert_eq!(
        records.iter().filter(|one| one["kind"] == "check").count(),
        3
    );
    assert_eq!(records.first().unwrap()["kind"], "started");
    assert_eq!(records.last().unwrap()["kind"], "stopped");
}

#[test]
fn the_service_manager_hears_of_ready_and_stop() {
    let installation = Installation::new();
    let path = installation.path("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let hear = || {
        let mut said = [0; 256];
        let bytes = manager.recv(&mut said).unwrap();
        String::from_utf8_lossy(&said[..bytes]).trim().to_owned()
    };
    let mut server = Server::start(
        hecha()
            .args(["serve", "--config"])
            .arg(installation.config())
            .env("NOTIFY_SOCKET", &path),
    );
    assert_eq!(hear(), "READY=1");
    assert_eq!(Request::get("/readyz").send(server.checks).status, 200);
    server.signal("TERM");
    assert_eq!(hear(), "STOPPING=1");
    assert!(server.wait().success());
}

#[test]
fn a_request_that_never_ends_does_not_outlive_the_hard_stop() {
    let mut installation = Installation::new();
    installation.more_config = "hard_stop_ms = 200\n".to_owned();
    let mut server = installation.serve();
    let bytes = Request::post("/v1/check", ticket().to_string())
        .token(&installation.token)
        .bytes();
    let mut open = Connection::to(server.checks);
    open.send(&bytes[..bytes.len() - 3]);
    std::thread::sleep(Duration::from_millis(50));
    server.signal("TERM");
    assert!(server.wait().success());
    assert!(open.is_closed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let installation = Installation::new();
    let config = installation.config();
    let mut server = Server::start(
        hecha()
            .args(["serve", "--config"])
            .arg(config)
            .env("HECHA__DRAIN_DELAY_MS", "600000"),
    );
    let check_id = server.ask(&installation.token, &ticket()).check_id();
    server.signal("TERM");
    until("it is not ready", || {
        Request::get("/readyz").send(server.ops).status == 503
    });
    server.signal("TERM");
    assert!(server.wait().success());
    assert_eq!(installation.log(&["--check-id", &check_id]).len(), 1);
}

#[test]
fn every_answer_is_in_the_log_after_a_kill() {
    let installation = Installation::new();
    let server = installation.serve();
    let ids: Vec<String> = (0..20)
        .map(|_| server.ask(&installation.token, &ticket()).check_id())
        .collect();
    server.kill();
    let server = installation.serve();
    let after = server.ask(&installation.token, &ticket()).check_id();
    assert!(server.stop().success());
    let records = installation.log(&[]);
    let found: Vec<&Value> = records
        .iter()
        .filter(|one| one["kind"] == "check")
        .collect();
    let wanted: Vec<&String> = ids.iter().chain([&after]).collect();
    assert_eq!(found.len(), wanted.len());
    for (record, check_id) in found.iter().zip(&wanted) {
        assert_eq!(
            &record["check_id"], *check_id,
            "in the order of the answers"
        );
        assert_eq!(record["unit"], "everything");
        assert_eq!(record["scenario"], "rail.ticket");
        assert_eq!(record["purpose"], "ticket sale");
    }
    assert!(ids.is_sorted(), "check_ids rise");
}

#[test]
fn a_hang_up_reloads_clients_and_a_faulty_file_changes_nothing() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let added = installation.client("added", |_| ());
    assert_eq!(server.ask(&added, &ticket()).status, 401);
    server.signal("HUP");
    until("the added client is known", || {
        server.ask(&added, &ticket()).status == 200
    });
    let clients = installation.path("clients.toml");
    let good = std::fs::read_to_string(&clients).unwrap();
    std::fs::write(&clients, format!("{good}\n[[client]]\nunit = 7\n")).unwrap();
    server.signal("HUP");
    until("the faulty file is refused", || {
        let text = Request::get("/metrics").send(server.ops).text();
        text.contains("hecha_reloads_total{result=\"refused\"} 1")
    });
    assert_eq!(server.ask(&added, &ticket()).status, 200);
    std::fs::write(&clients, &good[..good.find("[[client]]").unwrap()]).unwrap();
    server.signal("HUP");
    until("nobody is known", || {
        server.ask(token, &ticket()).status == 401
    });
}

#[test]
fn a_hang_up_loads_a_changed_catalogue() {
    let mut installation = Installation::new();
    installation.more_config = "catalogue_dir = \"law\"\n".to_owned();
    let law = installation.path("law");
    std::fs::create_dir(&law).unwrap();
    let built_in = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/catalogue");
    for file in std::fs::read_dir(built_in).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), law.join(file.file_name())).unwrap();
    }
    let token = &installation.token;
    let server = installation.serve();
    assert_eq!(server.ask(token, &ticket()).decision(), "block");
    let measures = law.join("measures.tsv");
    let table = std::fs::read_to_string(&measures).unwrap();
    let without: Vec<&str> = table
        .lines()
        .filter(|line| !line.starts_with("rail-g-all-seats\t"))
        .collect();
    std::fs::write(&measures, without.join("\n") + "\n").unwrap();
    server.signal("HUP");
    until("the measure is gone", || {
        server.ask(token, &ticket()).decision() == "clear"
    });
    let answer = Request::get("/v1/measures").token(token).send(server.ops);
    assert!(!answer.text().contains("\"rail-g-all-seats\""));
    std::fs::write(&measures, table.replace("\tblock\t", "\tbanish\t")).unwrap();
    server.signal("HUP");
    until("the faulty table is refused", || {
        let text = Request::get("/metrics").send(server.ops).text();
        text.contains("hecha_reloads_total{result=\"refused\"} 1")
    });
    assert_eq!(server.ask(token, &ticket()).decision(), "clear");
}

#[test]
fn the_metrics_of_the_contract_are_there() {
    let installation = Installation::new();
    let server = installation.serve();
    server.ask(&installation.token, &ticket());
    server.ask("wrong", &ticket());
    let answer = Request::get("/metrics").send(server.ops);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let text = answer.text();
    for name in [
        "hecha_build_info{version=\"",
        "hecha_checks_total{scenario=\"rail.ticket\",decision=\"block\"} 1",
        "hecha_check_duration_seconds_count 1",
        "hecha_matches_total 1",
        "hecha_log_wait_seconds_count 1",
        "hecha_log_sync_seconds_count ",
        "hecha_log_appends_total ",
        "hecha_problems_total{kind=\"unauthorised\"} 1",
        "hecha_snapshot_age_seconds ",
        "hecha_snapshot_bytes ",
        "hecha_snapshot_entries 2",
        "hecha_snapshot_swaps_total{result=\"done\"} 0",
        "hecha_connections{listener=\"check\"} ",
        "hecha_connections_refused_total 0",
        "hecha_major_faults_total ",
        "hecha_snapshot_locked ",
        "hecha_ready 1",
        "hecha_unanswered_total 0",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    // Units stand in labels, persons never.
    assert!(!text.contains("张三丰") && !text.contains(&*number_of_zhang()));
}

#[test]
fn law_is_readable() {
    let installation = Installation::new();
    let server = installation.serve();
    let read = |path: &str| {
        let answer = Request::get(path)
            .token(&installation.token)
            .send(server.ops);
        assert_eq!(answer.status, 200);
        answer.json()
    };
    let measures = read("/v1/measures");
    let measure = measures["measures"].as_array().unwrap().iter();
    let measure = measure
        .clone()
        .find(|one| one["id"] == "rail-g-all-seats")
        .unwrap();
    assert_eq!(measure["disposition"], "block");
    assert_eq!(measure["list"], "court-defaulter");
    assert!(
        measure["quote_zh"]
            .as_str()
            .is_some_and(|quote| !quote.is_empty())
    );
    let scenarios = read("/v1/scenarios");
    let scenarios = scenarios["scenarios"].as_array().unwrap();
    let rail = scenarios
        .iter()
        .find(|one| one["id"] == "rail.ticket")
        .unwrap();
    let seat = &rail["attributes"][1];
    assert_eq!(
        (&seat["name"], &seat["type"]),
        (&json!("seat_class"), &json!("enum"))
    );
    assert_eq!(seat["required"], json!(true));
}

#[test]
fn the_sample_shows_every_decision_and_keeps_its_token() {
    let folder = tempfile::TempDir::new().unwrap();
    let start = || {
        Server::start(
            hecha()
                .current_dir(folder.path())
                .env("HECHA__LISTEN", "127.0.0.1:0")
                .env("HECHA__OPS_LISTEN", "127.0.0.1:0")
                .env("HECHA__QUEUE_WAIT_MS_MAX", "10000")
                .env("HECHA__DRAIN_DELAY_MS", "0"),
        )
    };
    let server = start();
    let token = std::fs::read_to_string(folder.path().join("var/token")).unwrap();
    let token = token.trim();
    let today = crate::harness::now().day();
    let mut seen = Vec::new();
    for persona in hecha::intake::sample::personae(today).unwrap() {
        let answer = Request::post("/v1/check", persona.request_json)
            .token(token)
            .send(server.checks);
        assert_eq!(
            answer.decision(),
            persona.decision.name(),
            "{}",
            persona.title
        );
        seen.push(persona.decision);
    }
    for decision in hecha::model::decision::Decision::ALL {
        assert!(seen.contains(&decision), "{}", decision.name());
    }
    assert!(server.stop().success());
    let server = start();
    assert_eq!(server.snapshot(token)["environment"], "sample");
}

#[test]
fn a_log_that_cannot_be_written_ends_every_answer_and_keeps_the_old_ones() {
    let installation = Installation::new();
    let config = installation.config();
    // A write beyond the limit shall fail, not kill.
    let script = "trap '' XFSZ; exec \"$0\" serve --config \"$1\"";
    let mut shell = Command::new("sh");
    let mut server = Server::start(
        shell
            .args(["-c", script, env!("CARGO_BIN_EXE_hecha")])
            .arg(config),
    );
    let token = &installation.token;
    let before = server.ask(token, &ticket()).check_id();
    server.limit_files_to(Some(0));
    for _ in 0..3 {
        let answer = server.ask(token, &ticket());
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.text().contains("decision log"), "{}", answer.text());
    }
    assert_eq!(Request::get("/readyz").send(server.ops).status, 503);
    assert_eq!(Request::get("/livez").send(server.ops).status, 200);
    // What has failed once is not trusted again.
    server.limit_files_to(None);
    assert_eq!(server.ask(token, &ticket()).status, 503);
    let note = json!({"check_id": before, "action": "enforced"});
    let feedback = Request::post("/v1/feedback", note.to_string()).token(token);
    assert_eq!(feedback.send(server.checks).status, 503);
    server.signal("TERM");
    server.wait();
    let server = installation.serve();
    let after = server.ask(token, &ticket()).check_id();
    assert!(server.stop().success());
    for check_id in [before, after] {
        assert_eq!(installation.log(&["--check-id", &check_id]).len(), 1);
    }
}
