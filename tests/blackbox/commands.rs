//! Commands: what they print and how they end.

use crate::harness::{Installation, court_record, hecha, number_of_zhang, run, ticket};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

#[track_caller]
fn fails(command: &mut Command, code: i32, said: &str) {
    let (found, output) = run(command);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(found, code, "{error}");
    assert!(error.contains(said), "{said:?} in {error:?}");
}

#[test]
fn help_and_version_are_there_for_every_command() {
    let (code, output) = run(hecha().arg("--version"));
    assert_eq!(code, 0);
    let version = String::from_utf8(output.stdout).unwrap();
    assert_eq!(version, format!("hecha {}\n", env!("CARGO_PKG_VERSION")));
    for command in [
        "serve", "build", "profile", "inspect", "diff", "sign", "publish", "check", "screen",
        "rescreen", "eval", "client", "key", "acts", "log", "ca",
    ] {
        let (code, output) = run(hecha().args([command, "--help"]));
        assert_eq!(code, 0, "{command}");
        assert!(output.stdout.len() > 100, "{command}");
    }
    assert_eq!(run(hecha().arg("conjure")).0, 2);
    assert_eq!(run(hecha().args(["serve", "--conjure"])).0, 2);
}

#[test]
fn a_faulty_configuration_is_named_by_file_line_and_key() {
    let installation = Installation::new();
    let config = installation.config();
    let text = std::fs::read_to_string(&config).unwrap();
    let serve = |extra: &str, said: &str| {
        std::fs::write(&config, format!("{text}{extra}")).unwrap();
        fails(hecha().args(["serve", "--config"]).arg(&config), 2, said);
    };
    serve("colour = 1\n", "colour");
    serve("idle_timeout_ms = 1\n", "idle_timeout_ms");
    serve("catalogue_dir = \"nowhere\"\n", "nowhere");
    std::fs::write(&config, &text).unwrap();
    let serve = || {
        let mut command = hecha();
        command.args(["serve", "--config"]).arg(&config);
        command
    };
    fails(serve().env("HECHA__COLOUR", "red"), 2, "HECHA__COLOUR");
    fails(
        serve().env("HECHA__CLIENTS_FILE", "none.toml"),
        2,
        "none.toml",
    );
    fails(
        serve().env("HECHA__LOG_KEY_FILE", "none.key"),
        2,
        "none.key",
    );
    fails(
        serve().env("HECHA__SNAPSHOT_DIR", "none"),
        2,
        "current.json",
    );
    fails(serve().env("HECHA__ENVIRONMENT", "other"), 2, "environment");
    fails(
        hecha().args(["serve", "--config", "none.toml"]),
        2,
        "none.toml",
    );
    let taken = installation.serve();
    let second = serve()
        .env("HECHA__LISTEN", taken.checks.to_string())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(2), "{second:?}");
}

#[test]
fn the_whole_way_by_commands_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run_in = |args: &[&str]| run(hecha().current_dir(folder.path()).args(args));
    assert_eq!(run_in(&["key", "new", "snapshot.key"]).0, 0);
    assert_eq!(run_in(&["key", "new", "log.key"]).0, 0);
    assert_eq!(run_in(&["key", "new", "log.key"]).0, 2, "never overwritten");
    let good = court_record("fz-court-1", "张三丰", &number_of_zhang()).to_string();
    let mut bad = court_record("fz-court-2", "李明", "x");
    bad["religion"] = Value::from("secret");
    std::fs::write(at("list.ndjson"), format!("{good}\n{bad}\n")).unwrap();
    let build = |extra: &[&str]| {
        let mut args = vec![
            "build",
            "list.ndjson",
            "--out",
            "list.hecha",
            "--key",
            "snapshot.key",
        ];
        args.extend(["--as-of", "2099-01-01T00:00:00+08:00"]);
        args.extend(extra);
        run_in(&args).0
    };
    assert_eq!(build(&["--strict"]), 2);
    assert!(!at("list.hecha").exists());
    assert_eq!(build(&[]), 3, "one record left out");
    assert_eq!(run_in(&["inspect", "list.hecha"]).0, 0);
    assert_eq!(run_in(&["inspect", "list.hecha", "--deep"]).0, 0);
    assert_eq!(run_in(&["inspect", "list.ndjson"]).0, 2);
    std::fs::create_dir(at("snapshots")).unwrap();
    assert_eq!(run_in(&["publish", "list.hecha", "--to", "snapshots"]).0, 0);
    assert_eq!(
        run_in(&["publish", "list.ndjson", "--to", "snapshots"]).0,
        2
    );
    assert!(at("snapshots/current.json").exists());
}

#[test]
fn a_question_is_answered_without_a_server() {
    let installation = Installation::new();
    let snapshot = installation.path("list.hecha");
    let bytes = installation.snapshot(crate::harness::first_list(), |_| ());
    std::fs::write(&snapshot, bytes).unwrap();
    let check = || {
        let mut command = hecha();
        command.args(["check", "--snapshot"]).arg(&snapshot);
        command.arg("--key").arg(installation.path("snapshot.key"));
        command.args(["--config"]).arg(installation.config());
        command
    };
    let flags = |command: &mut Command| {
        command.args([
            "--scenario",
            "rail.ticket",
            "--kind",
            "person",
            "--name",
            "张三丰",
        ]);
        command.args(["--attr", "train_class=G", "--attr", "seat_class=second"]);
    };
    let mut by_flags = check();
    flags(&mut by_flags);
    by_flags.args(["--id", &format!("citizen_id:{}", number_of_zhang())]);
    let (code, output) = run(&mut by_flags);
    assert_eq!(code, 0, "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["decision"], "block");
    assert!(
        !output.stderr.is_empty(),
        "a number on the command line warns"
    );
    assert_eq!(
        by_input(check().args(["--request", "-"]), &ticket().to_string()),
        "block"
    );
    let mut by_number = check();
    flags(&mut by_number);
    by_number.args(["--id", "citizen_id:-"]);
    assert_eq!(by_input(&mut by_number, &number_of_zhang()), "block");
    let mut before = check();
    flags(&mut before);
    before.args(["--at", "2025-03-09T23:59:59+08:00"]);
    let (_, output) = run(&mut before);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["decision"], "clear", "not yet in force");
    let mut faulty = check();
    flags(&mut faulty);
    fails(
        faulty.args(["--attr", "colour=red"]),
        2,
        "attributes.colour",
    );
    fails(check().args(["--request", "none.json"]), 2, "none.json");
    let mut unknown = check();
    flags(&mut unknown);
    fails(unknown.args(["--client", "nobody"]), 2, "nobody");
}

fn by_input(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["decision"].as_str().unwrap().to_owned()
}

#[test]
fn the_sample_answers_where_no_snapshot_is_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let (code, output) = run(hecha().current_dir(folder.path()).args([
        "check",
        "--scenario",
        "rail.ticket",
        "--kind",
        "person",
        "--name",
        "司徒明远",
        "--attr",
        "train_class=G",
        "--attr",
        "seat_class=second",
    ]));
    assert_eq!(code, 0, "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["decision"], "review", "a name alone never blocks");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing is written"
    );
}

#[test]
fn the_labelled_cases_pass() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/decision-cases.ndjson");
    let folder = tempfile::TempDir::new().unwrap();
    let answers = folder.path().join("answers.ndjson");
    let (code, output) = run(hecha()
        .args(["eval", "decisions"])
        .arg(&cases)
        .arg("--answers")
        .arg(&answers));
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&output.stdout));
    let wanted = std::fs::read_to_string(&cases).unwrap().lines().count();
    let found = std::fs::read_to_string(&answers).unwrap().lines().count();
    assert_eq!(found, wanted);
    fails(
        hecha().args(["eval", "decisions", "none.ndjson"]),
        2,
        "none.ndjson",
    );
}

#[test]
fn pairs_of_names_are_scored_and_a_bad_file_is_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let pairs = folder.path().join("pairs.tsv");
    let head = "id\tquery\tlisted\tkind\tclass\tlabel\tnote";
    let lines = "a\t張偉\t张伟\tperson\ttrad\tmatch\t\nb\t张伟\t刘洋\tperson\tfar\tnon-match\t";
    std::fs::write(&pairs, format!("{head}\n{lines}\n")).unwrap();
    let scores = folder.path().join("scores.tsv");
    let mut command = hecha();
    command.args(["eval", "names"]).arg(&pairs);
    let (code, output) = run(command.arg("--scores").arg(&scores));
    assert_eq!(code, 0);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("person: 2 pairs"), "{table}");
    let written = std::fs::read_to_string(&scores).unwrap();
    assert_eq!(written, "id\tscore\tmatched\na\t1.0000\t1\nb\t0.0000\t0\n");
    std::fs::write(&pairs, format!("{head}\na\tx\ty\tfirm\tz\tmatch\t\n")).unwrap();
    fails(
        hecha().args(["eval", "names"]).arg(&pairs),
        2,
        "pairs.tsv:2: `kind` is `firm`",
    );
    fails(
        hecha().args(["eval", "names", "nowhere.tsv"]),
        2,
        "nowhere.tsv",
    );
}

#[test]
fn a_file_or_folder_that_is_not_there_is_named() {
    fails(
        hecha().args(["client", "revoke", "x", "--all"]),
        2,
        "clients",
    );
    fails(hecha().args(["log", "query", "nowhere"]), 2, "nowhere");
    let folder = tempfile::TempDir::new().unwrap();
    let query = |flag: &str, value: &str| {
        let mut command = hecha();
        command
            .args(["log", "query", flag, value])
            .arg(folder.path());
        command
    };
    fails(&mut query("--check-id", "7"), 2, "--check-id");
    fails(&mut query("--from", "yesterday"), 2, "--from");
}
