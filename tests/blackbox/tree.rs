//! The log's tree from outside: verified while it grows and after, a changed byte is named.

use crate::harness::{Installation, hecha, run, ticket, until};
use serde_json::Value;

fn verify(installation: &Installation) -> (i32, Value) {
    let (exit, output) = run(hecha()
        .args(["log", "verify", "--json"])
        .arg(installation.path("state/log"))
        .arg("--log-key")
        .arg(installation.path("log-sign.key.pub")));
    (exit, serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn a_log_verifies_while_it_is_written_and_after_and_a_changed_byte_is_named() {
    let installation = Installation::new();
    let server = installation.serve();
    for _ in 0..20 {
        assert_eq!(server.ask(&installation.token, &ticket()).status, 200);
    }
    until("a checkpoint covers the answers", || {
        server.metric("hecha_log_tree_size") > 20.0
    });
    let (exit, found) = verify(&installation);
    assert_eq!((exit, &found["whole"]), (0, &Value::Bool(true)), "{found}");
    assert!(server.stop().success());
    let (exit, found) = verify(&installation);
    assert_eq!((exit, &found["checks"]), (0, &20.into()), "{found}");
    let covered = found["months"][0]["checkpoint"]["size"].as_u64().unwrap();
    let records = found["months"][0]["records"].as_u64().unwrap();
    // But for the mark behind the last sync.
    assert!(records - covered <= 1, "{found}");
    let segment = installation.path("state/log/log-00000001.hlog");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[2_000] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let (exit, found) = verify(&installation);
    assert_eq!(exit, 1);
    assert_eq!(found["findings"][0]["file"], "log-00000001.hlog");
}

#[test]
fn without_the_key_of_checkpoints_nothing_starts_and_the_error_says_how_to_make_it() {
    let installation = Installation::new();
    std::fs::remove_file(installation.path("log-sign.key")).unwrap();
    let config = installation.config();
    let (exit, output) = run(hecha().arg("serve").arg("--config").arg(&config));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(exit, 2, "{said}");
    assert!(said.contains("hecha key new --signing"), "{said}");
}
