//! S42 to S44: no answer without a record, records that live, gaps that are counted.

use crate::harness::{Installation, Server, hecha, run, ticket};
use crate::http::{Connection, Request};
use crate::people::{citizen, court, g_train, person};
use crate::workshop::refuses_to_serve;
use crate::world::{ask_many, world};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

pub fn records() -> Vec<Value> {
    vec![court("s44-person", person("第五长卿", &citizen(44)))]
}

/// A gateway whose writes beyond a limit fail rather than kill it.
fn with_limits(installation: &Installation) -> Server {
    let script = "trap '' XFSZ; exec \"$0\" serve --config \"$1\"";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script, env!("CARGO_BIN_EXE_hecha")])
        .arg(installation.config());
    Server::start(&mut shell)
}

#[test]
fn s42_a_full_disk_ends_every_answer_and_none_is_clear() {
    let installation = Installation::new();
    let server = with_limits(&installation);
    let token = &installation.token;
    let mut received = vec![server.ask(token, &ticket()).check_id()];
    let nobody = g_train(person("司空见素", &citizen(42)));
    received.push(server.ask(token, &nobody).check_id());
    server.limit_files_to(Some(0));
    for asked in [&nobody, &ticket()] {
        let answer = server.ask(token, asked);
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(!answer.text().contains("clear"), "{}", answer.text());
    }
    let many = json!({ "checks": [nobody] }).to_string();
    let many = Request::post("/v1/checks", many)
        .token(token)
        .send(server.checks);
    assert_eq!(many.status, 503, "{}", many.text());
    server.kill();
    let kept = check_ids(&installation);
    assert_eq!(kept, received.into_iter().collect::<BTreeSet<_>>());
}

#[test]
fn s42_every_answer_received_before_a_kill_is_in_the_log() {
    let installation = Installation::new();
    let server = installation.serve();
    let token = &installation.token;
    let address = server.checks;
    let request = Request::post("/v1/check", ticket().to_string())
        .token(token)
        .bytes();
    let received: BTreeSet<String> = std::thread::scope(|scope| {
        let ask = || {
            let mut connection = Connection::to(address);
            let mut heard = Vec::new();
            loop {
                connection.send(&request);
                // Until the connection breaks off.
                match connection.read() {
                    Some(answer) => heard.push(answer.check_id()),
                    None => return heard,
                }
            }
        };
        let threads = [0, 1].map(|_| scope.spawn(ask));
        crate::harness::until("answers flow", || {
            server.metric("hecha_log_appends_total") > 200.0
        });
        server.kill();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(received.len() > 50, "{}", received.len());
    let kept = check_ids(&installation);
    let lost: Vec<_> = received.difference(&kept).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

fn check_ids(installation: &Installation) -> BTreeSet<String> {
    let records = installation.log(&[]);
    let checks = records.iter().filter(|one| one["kind"] == "check");
    checks
        .map(|one| one["check_id"].as_str().unwrap().to_owned())
        .collect()
}

/// Segments of a log, in order.
fn segments(installation: &Installation) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(installation.path("state/log")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.is_file() && std::fs::metadata(path).unwrap().len() >= 1 << 20);
    files.sort();
    files
}

#[test]
fn s43_records_live_and_one_that_is_gone_or_changed_is_found() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let first = server.ask(token, &ticket()).check_id();
    // Enough for a third segment of one mebibyte; the first is never taken away again.
    let many = vec![ticket(); 1_000];
    let mut asked = 1;
    crate::harness::until("the log has three segments", || {
        ask_many(&server, token, &many);
        asked += many.len();
        segments(&installation).len() >= 4
    });
    assert!(server.stop().success());
    let server = installation.serve();
    assert!(server.stop().success());
    assert_eq!(check_ids(&installation).len(), asked);
    assert_eq!(installation.log(&["--check-id", &first]).len(), 1);
    // No command and no path takes a record away.
    let (exit, output) = run(hecha().args(["log", "--help"]));
    let help = String::from_utf8(output.stdout).unwrap();
    assert_eq!(exit, 0);
    for word in ["delete", "prune", "rotate", "purge", "trim"] {
        assert!(!help.contains(word), "{word} in {help}");
    }
    // A segment that was taken away, and one with a byte changed, are found by whoever reads.
    let all = segments(&installation);
    let (taken, aside) = (all[1].clone(), installation.path("aside"));
    std::fs::rename(&taken, &aside).unwrap();
    refuses_to_read(&installation);
    std::fs::rename(&aside, &taken).unwrap();
    assert_eq!(check_ids(&installation).len(), asked);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&all[0])
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 20_000).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 20_000).unwrap();
    refuses_to_read(&installation);
}

#[track_caller]
fn refuses_to_read(installation: &Installation) {
    let log = installation.path("state/log");
    let (exit, output) = run(hecha().args(["log", "query"]).arg(log));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_ne!(exit, 0, "{said}");
    assert!(said.contains(".hlog"), "{said}");
    // It does not go on as if nothing were missing.
    let (exit, said) = refuses_to_serve(&installation.config());
    assert!(exit != 0 && said.contains(".hlog"), "{said}");
}

#[test]
fn s44_every_decision_can_be_answered_and_gaps_are_counted() {
    let world = world();
    let asked = g_train(person("第五长卿", &citizen(44)));
    let reported = |check_id: &str| {
        let log = world.installation.path("state/log");
        let (exit, output) = run(hecha()
            .args([
                "log",
                "query",
                "--without-feedback",
                "--json",
                "--unit",
                "核查单位",
            ])
            .arg(log));
        assert_eq!(exit, 0, "{output:?}");
        String::from_utf8(output.stdout).unwrap().contains(check_id)
    };
    for action in ["enforced", "released", "overridden", "abandoned"] {
        let answer = world.ask(&world.checker, &asked);
        assert_eq!(answer.decision(), "block");
        let check_id = answer.body["check_id"].as_str().unwrap();
        assert!(reported(check_id), "the gap is shown");
        let said = json!({"check_id": check_id, "action": action}).to_string();
        let said = Request::post("/v1/feedback", said).token(&world.checker);
        assert_eq!(said.send(world.server.checks).status, 201);
        assert!(!reported(check_id), "{action}");
    }
    // What hinders nobody owes nothing.
    let clear = world.ask(&world.checker, &g_train(person("司空见素", &citizen(144))));
    assert_eq!(clear.decision(), "clear");
    assert!(!reported(clear.body["check_id"].as_str().unwrap()));
}

#[test]
fn s44_blocks_and_limits_without_feedback_are_a_metric() {
    const OPEN: &str = "hecha_blocks_without_feedback";
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    assert_eq!(server.metric(OPEN), 0.0);
    let check_id = server.ask(token, &ticket()).check_id();
    server.ask(token, &ticket());
    server.ask(token, &g_train(person("司空见素", &citizen(144))));
    assert_eq!(server.metric(OPEN), 2.0);
    let said = json!({"check_id": check_id, "action": "enforced"}).to_string();
    for status in [201, 200] {
        let said = Request::post("/v1/feedback", said.clone()).token(token);
        assert_eq!(said.send(server.checks).status, status);
        assert_eq!(server.metric(OPEN), 1.0);
    }
    server.kill();
    let server = installation.serve();
    assert_eq!(server.metric(OPEN), 1.0, "also after a restart");
    server.ask(token, &ticket());
    assert_eq!(server.metric(OPEN), 2.0);
}
