//! The log as a table: what `log query` says, row by row, and nobody's number, name or text.

use crate::harness::{
    Installation, files_below, hecha, number_of_zhang, other_number, run, ticket, ticket_of,
};
use crate::http::Request;
use hecha::model::term::Moment;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

fn export(installation: &Installation, out: &str) -> Command {
    let mut command = hecha();
    command.args(["log", "export", "--to", "parquet"]);
    command.arg(installation.path("state/log"));
    command.arg("--out").arg(installation.path(out));
    command
}

#[track_caller]
fn says(command: &mut Command, code: i32, words: &str) {
    let (found, output) = run(command);
    let (said, error) = (&output.stdout, &output.stderr);
    let text = String::from_utf8_lossy(if code == 0 { said } else { error }).into_owned();
    assert_eq!(found, code, "{output:?}");
    assert!(text.contains(words), "{text}");
}

/// The rows of a table, moments as microseconds.
fn rows(path: &Path) -> Vec<Map<String, Value>> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| {
        let cells = row.unwrap().into_columns().into_iter();
        cells.map(|(name, field)| (name, value(field))).collect()
    })
    .collect()
}

fn value(field: Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Str(text) => text.into(),
        Field::Long(number) | Field::TimestampMicros(number) => number.into(),
        Field::ListInternal(list) => list.elements().iter().cloned().map(value).collect(),
        other => panic!("{other:?}"),
    }
}

/// What a table should say of a record that `log query --json` shows.
fn wanted(record: &Value) -> Option<Map<String, Value>> {
    let is_check = record["kind"] == "check";
    if !is_check && record["kind"] != "feedback" {
        return None;
    }
    let moment = Moment::parse(record["moment"].as_str().unwrap()).unwrap();
    let relied = record["relied_on"].as_array().cloned().unwrap_or_default();
    let identities: Vec<&Value> = relied.iter().map(|one| &one["identity"]).collect();
    let measures = relied.iter().flat_map(|one| one["measures"].as_array());
    let mut measures: Vec<&str> = measures.flatten().filter_map(Value::as_str).collect();
    measures.sort_unstable();
    measures.dedup();
    let mut row = Map::new();
    for name in [
        "kind",
        "position",
        "check_id",
        "unit",
        "scenario",
        "decision",
        "level",
        "language",
        "snapshot",
        "catalogue",
        "policy",
        "overlay_sequence",
        "engine",
        "subject_digest",
        "action",
    ] {
        row.insert(name.to_owned(), record[name].clone());
    }
    row.insert("moment".to_owned(), moment.0.into());
    row.insert("identities".to_owned(), json!(identities));
    row.insert("measures".to_owned(), json!(measures));
    Some(row)
}

#[test]
fn a_table_says_what_the_query_says_and_nobody_is_in_it() {
    let installation = Installation::new();
    let tokens = ["rail", "air"].map(|unit| installation.client(unit, |_| ()));
    let server = installation.serve();
    let blocked = server.ask(&tokens[0], &ticket()).check_id();
    server.ask(&tokens[1], &ticket());
    let mut by_name = ticket();
    by_name["subject"]["ids"] = json!([]);
    server.ask(&tokens[1], &by_name);
    for place in 0..40 {
        let mut question = ticket_of("李明", &other_number());
        question["reference"] = json!(format!("order {place}"));
        server.ask(&tokens[place % 2], &question);
    }
    let feedback = json!({"check_id": blocked, "action": "enforced", "note": "sent away"});
    let post = Request::post("/v1/feedback", feedback.to_string()).token(&tokens[0]);
    assert_eq!(post.send(server.checks).status, 201);
    let refused = Request::post("/v1/check", "{}").token(&tokens[0]);
    assert_eq!(refused.send(server.checks).status, 422);
    // Beside the gateway, and once it has ended.
    says(
        &mut export(&installation, "beside.parquet"),
        0,
        "43 checks, 1 feedback; 1 segments read\n",
    );
    assert!(server.stop().success());
    let (code, output) = run(export(&installation, "whole.parquet").arg("--json"));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code, &said["checks"]), (0, &json!(43)), "{said}");
    assert_eq!(
        (&said["feedback"], &said["torn"]),
        (&json!(1), &Value::Null)
    );
    let found = rows(&installation.path("whole.parquet"));
    let logged = installation.log(&[]);
    let expected: Vec<_> = logged.iter().filter_map(wanted).collect();
    assert_eq!(found, expected);
    assert_eq!(rows(&installation.path("beside.parquet")), expected);
    let decided = |decision: &str| {
        let of = found.iter().filter(|row| row["decision"] == decision);
        of.count()
    };
    assert_eq!((decided("block"), decided("clear")), (2, 40));
    assert!(!found[0]["measures"].as_array().unwrap().is_empty());
    // One person of one month is one digest; the number, the name, their texts are nowhere.
    assert_eq!(found[0]["subject_digest"], found[1]["subject_digest"]);
    let text = json!(found).to_string();
    for private in [
        &number_of_zhang()[..10],
        &other_number()[..10],
        "张三丰",
        "ticket sale",
        "order",
        "sent away",
        "fz-court-1",
    ] {
        assert!(!text.contains(private), "{private} in {text}");
    }
    // The page says of each column what it is.
    let page = include_str!("../../docs/export.md");
    for (column, _) in &found[0] {
        assert!(page.contains(&format!("`{column}`")), "{column}");
    }
    let of_unit = ["--unit", "air", "--until", "2100-01-01"];
    says(
        export(&installation, "air.parquet").args(of_unit),
        0,
        "22 checks, 0 feedback",
    );
    says(
        export(&installation, "none.parquet").args(["--from", "2100-01-01"]),
        0,
        "0 checks, 0 feedback",
    );
    assert_eq!(rows(&installation.path("none.parquet")).len(), 0);
    if let Some(kept) = std::env::var_os("HECHA_EXPORT_KEPT") {
        fs::copy(installation.path("whole.parquet"), kept).unwrap();
    }
}

#[test]
fn what_cannot_be_exported_is_said_and_leaves_nothing() {
    let installation = Installation::new();
    let server = installation.serve();
    for _ in 0..50 {
        server.ask(&installation.token, &ticket());
    }
    assert!(server.stop().success());
    let command = || export(&installation, "x.parquet");
    let (code, output) = run(hecha()
        .args(["log", "export", "--to", "csv", "--out", "x.csv"])
        .arg(installation.path("state/log")));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(code == 2 && said.contains("parquet"), "{said}");
    says(command().args(["--from", "yesterday"]), 2, "`--from`: ");
    says(command().args(["--until", "yesterday"]), 2, "`--until`: ");
    let words = "no folder with a log";
    for folder in ["nowhere", "snapshots"] {
        let mut command = hecha();
        command.args(["log", "export", "--to", "parquet"]);
        command.arg(installation.path(folder));
        command.arg("--out").arg(installation.path("x.parquet"));
        says(&mut command, 2, words);
    }
    says(
        &mut export(&installation, "nowhere/x.parquet"),
        2,
        "x.parquet: ",
    );
    fs::write(installation.path("full.parquet"), "mine").unwrap();
    says(&mut export(&installation, "full.parquet"), 2, "exists");
    let mine = fs::read(installation.path("full.parquet")).unwrap();
    assert_eq!(mine, b"mine");
    // Another export is at it.
    let aside = installation.path("x.parquet.aside");
    let held = File::create(&aside).unwrap();
    held.lock().unwrap();
    says(&mut command(), 2, "another export writes it");
    assert!(aside.exists());
    drop(held);
    // What a kill has left is written over, also where it is longer.
    fs::write(&aside, vec![0x55; 1 << 20]).unwrap();
    says(&mut command(), 0, "50 checks");
    assert_eq!(rows(&installation.path("x.parquet")).len(), 50);
    fs::remove_file(installation.path("x.parquet")).unwrap();
    // A record that was on the disk cannot be read.
    let segments = files_below(&installation.path("state/log"));
    let segment = segments.iter().find(|path| {
        path.extension().is_some_and(|end| end == "hlog") && fs::read(path).unwrap()[0] != 0
    });
    let mut bytes = fs::read(segment.unwrap()).unwrap();
    bytes[1_000] ^= 4;
    fs::write(segment.unwrap(), &bytes).unwrap();
    says(&mut command(), 2, "is damaged at offset");
    let left = files_below(&installation.path(""));
    let is_left = |path: &&std::path::PathBuf| path.to_string_lossy().contains("x.parquet");
    assert_eq!(left.iter().find(is_left), None);
}
