//! Acts from one gateway to another: signed, each once, before anything is answered.

use crate::harness::{Installation, Server, hecha, run, ticket, until};
use crate::http::Request;
use serde_json::json;
use std::path::{Path, PathBuf};

fn act(server: &Server, token: &str, act: &str, reference: &str) {
    let mut body = json!({"reason": "not me", "reference": reference});
    if act == "hold/outcome" {
        body = json!({"outcome": "upheld", "reference": reference});
    }
    let path = format!("/v1/entries/fz-court-1/{act}");
    let answer = Request::post(&path, body.to_string())
        .token(token)
        .send(server.ops);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Exports what `installation` did after `since`, signed by the key in its folder.
fn export(installation: &Installation, since: &str, out: &Path) {
    let mut command = hecha();
    command.args(["acts", "export", "--since", since, "--state"]);
    command
        .arg(installation.path("state"))
        .arg("--key")
        .arg(installation.path("acts.key"));
    let (code, output) = run(command.arg("--out").arg(out));
    assert_eq!(code, 0, "{output:?}");
}

/// Publishes a file of acts to `installation`; exit code and output.
fn publish(installation: &Installation, file: &Path) -> (i32, String) {
    let mut command = hecha();
    command.args(["publish", "--acts"]).arg(file);
    let (code, output) = run(command.arg("--to").arg(installation.path("snapshots")));
    let texts = [output.stdout, output.stderr].concat();
    (code, String::from_utf8(texts).unwrap())
}

fn new_key(path: &Path) {
    let (code, output) = run(hecha().args(["key", "new", "--signing"]).arg(path));
    assert_eq!(code, 0, "{output:?}");
}

/// Two installations, the second of which believes the first.
fn pair() -> (Installation, Installation, PathBuf) {
    let (first, mut second) = (Installation::new(), Installation::new());
    let key = first.path("acts.key");
    new_key(&key);
    second.more_config = format!("act_keys = [\"{}.pub\"]\n", key.display());
    let file = first.path("new.hecha-acts");
    (first, second, file)
}

#[test]
fn acts_reach_another_gateway_once_and_before_it_answers() {
    let (first, second, file) = pair();
    let (one, two) = (first.serve(), second.serve());
    let decision = |server: &Server| server.ask(&second.token, &ticket()).decision();
    act(&one, &first.token, "hold", "objection 1");
    export(&first, "0", &file);
    assert_eq!(publish(&second, &file).0, 0);
    until("the hold counts there", || decision(&two) == "clear");
    assert_eq!(two.metric("hecha_overlay_acts"), 1.0);
    // The same file again is not put twice, and counts once over a restart.
    let (code, said) = publish(&second, &file);
    assert!(
        code == 0 && said.contains("acts-1.hecha-acts is this file already"),
        "{said}"
    );
    let copy = second.path("snapshots/acts-7.hecha-acts");
    std::fs::copy(&file, &copy).unwrap();
    two.kill();
    act(&one, &first.token, "hold/outcome", "letter 2");
    let next = first.path("next.hecha-acts");
    export(&first, "1", &next);
    let (code, said) = publish(&second, &next);
    assert!(
        code == 0 && said.contains("acts-8.hecha-acts: acts 2 to 2"),
        "{said}"
    );
    let two = second.serve();
    assert_eq!(decision(&two), "block", "before the first answer");
    assert_eq!(two.metric("hecha_overlay_acts"), 2.0);
    let get = Request::get("/v1/entries/fz-court-1").token(&second.token);
    let entry = get.send(two.ops).json();
    assert_eq!(entry["acts"][0]["origin"]["sequence"], 1);
    assert_eq!(entry["acts"][1]["act"], "upheld");
    // What came from elsewhere is not passed on as its own.
    let mut command = hecha();
    command
        .args(["acts", "export", "--since", "0", "--state"])
        .arg(second.path("state"));
    command
        .arg("--key")
        .arg(first.path("acts.key"))
        .arg("--out")
        .arg(second.path("x"));
    let (code, output) = run(&mut command);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(code == 2 && said.contains("the last one is 0"), "{said}");
}

#[test]
fn what_frees_counts_though_acts_before_it_are_missing_and_upheld_waits() {
    let (first, second, file) = pair();
    let one = first.serve();
    for (kind, reference) in [
        ("hold", "objection 1"),
        ("hold/outcome", "letter 1"),
        ("hold", "objection 2"),
        ("hold/outcome", "letter 2"),
    ] {
        act(&one, &first.token, kind, reference);
    }
    export(&first, "2", &file);
    publish(&second, &file);
    let two = second.serve();
    let decision = || two.ask(&second.token, &ticket()).decision();
    assert_eq!(
        decision(),
        "clear",
        "the hold is there, what upheld it waits"
    );
    assert_eq!(two.metric("hecha_acts_waiting"), 1.0);
    export(&first, "0", &file);
    publish(&second, &file);
    until("all acts are there", || decision() == "block");
    assert_eq!(two.metric("hecha_acts_waiting"), 0.0);
    assert_eq!(two.metric("hecha_overlay_acts"), 4.0);
}

#[test]
fn foreign_torn_and_changed_files_are_refused_and_free_nobody() {
    let (first, second, file) = pair();
    let one = first.serve();
    act(&one, &first.token, "withdraw", "letter 1");
    export(&first, "0", &file);
    let bytes = std::fs::read(&file).unwrap();
    let two = second.serve();
    let torn = first.path("torn.hecha-acts");
    std::fs::write(&torn, &bytes[..bytes.len() - 20]).unwrap();
    let (code, said) = publish(&second, &torn);
    assert!(code == 2 && said.contains("torn.hecha-acts"), "{said}");
    let folder = second.path("snapshots");
    std::fs::write(folder.join("acts-1.hecha-acts"), &bytes[..bytes.len() - 20]).unwrap();
    let changed = String::from_utf8(bytes.clone())
        .unwrap()
        .replace("letter 1", "letter 2");
    std::fs::write(folder.join("acts-2.hecha-acts"), changed).unwrap();
    let foreign = first.path("foreign");
    std::fs::create_dir(&foreign).unwrap();
    new_key(&foreign.join("other.key"));
    let mut command = hecha();
    command
        .args(["acts", "export", "--since", "0", "--state"])
        .arg(first.path("state"));
    command.arg("--key").arg(foreign.join("other.key"));
    command.arg("--out").arg(folder.join("acts-3.hecha-acts"));
    assert_eq!(run(&mut command).0, 0);
    until("all three are refused", || {
        two.metric("hecha_acts_files_refused") == 3.0
    });
    assert_eq!(two.ask(&second.token, &ticket()).decision(), "block");
    assert_eq!(two.metric("hecha_overlay_acts"), 0.0);
    // A file that was torn on its way is taken once it is whole.
    std::fs::write(folder.join("acts-1.hecha-acts"), &bytes).unwrap();
    until("the withdrawal counts", || {
        two.ask(&second.token, &ticket()).decision() == "clear"
    });
}
