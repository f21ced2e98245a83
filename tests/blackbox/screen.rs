//! `hecha screen`: each format in and out, rows that cannot be asked about, traces, acts, usage.

use crate::harness::{
    Installation, files_below, first_list, hecha, number_of_zhang, other_number, run,
};
use crate::http::Request;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// An installation with its list in a file, and a base of subjects.
struct Screening {
    installation: Installation,
}

impl Screening {
    fn new() -> Self {
        let installation = Installation::new();
        let bytes = installation.snapshot(first_list(), |_| ());
        std::fs::write(installation.path("list.hecha"), bytes).unwrap();
        Self { installation }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.installation.path(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.at(name), text).unwrap();
    }

    /// The command without a snapshot.
    fn bare(&self, input: &str, out: &str) -> Command {
        let mut command = hecha();
        command.args(["screen", "--scenario", "rail.ticket", "--kind", "person"]);
        command.args(["--attr", "train_class=G", "--attr", "seat_class=second"]);
        command
            .arg("--in")
            .arg(self.at(input))
            .arg("--out")
            .arg(self.at(out));
        command.current_dir(self.at(""));
        command
    }

    fn command(&self, input: &str, out: &str) -> Command {
        let mut command = self.bare(input, out);
        command.arg("--snapshot").arg(self.at("list.hecha"));
        command.arg("--key").arg(self.at("snapshot.key"));
        command
    }

    fn screens(&self, command: &mut Command, out: &str, code: i32) -> Vec<Value> {
        let (found, output) = run(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(found, code, "{said}");
        assert_eq!(said, "", "no progress where nobody looks");
        assert!(!self.at(&format!("{out}.part")).exists());
        assert!(!self.at(&format!("{out}.checkpoint")).exists());
        match out.ends_with(".ndjson") {
            true => self.lines(out),
            false => Vec::new(),
        }
    }

    fn lines(&self, out: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.at(out)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn base() -> String {
    format!(
        "name,citizen_id,reference,seat_class\n张三丰,{},order 1,\n李四,{},\"order \"\"2\"\"\",first\n\
         坏人,123,order 3,\n张三丰,,order 4,\n",
        number_of_zhang(),
        other_number()
    )
}

#[track_caller]
fn is_base(rows: &[Value]) {
    let decisions: Vec<&str> = rows
        .iter()
        .map(|r| r["decision"].as_str().unwrap_or(""))
        .collect();
    assert_eq!(decisions, ["block", "clear", "", "review"]);
    assert_eq!(rows[0]["entry_ids"], json!(["fz-court-1"]));
    assert_eq!(rows[0]["authority"], json!(["测试区人民法院"]));
    for field in ["measures", "legal_basis", "case_no", "recourse", "snapshot"] {
        assert!(!rows[0][field].is_null(), "{field} of an adverse row");
    }
    let references: Vec<&str> = rows
        .iter()
        .map(|r| r["reference"].as_str().unwrap())
        .collect();
    assert_eq!(references, ["order 1", "order \"2\"", "order 3", "order 4"]);
    let numbers: Vec<u64> = rows
        .iter()
        .map(|row| row["row"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    let error = rows[2]["error"].as_str().unwrap();
    assert!(
        error.starts_with("422 `") && error.contains("number"),
        "{error}"
    );
    let masked = rows[0]["ids"][0].as_str().unwrap();
    let end = &number_of_zhang()[14..];
    assert_eq!(masked, format!("citizen_id:**************{end}"));
}

#[test]
fn every_format_gives_the_same_decisions() {
    let screening = Screening::new();
    screening.write("base.csv", &base());
    is_base(&screening.screens(
        &mut screening.command("base.csv", "a.ndjson"),
        "a.ndjson",
        3,
    ));
    screening.write("base.tsv", &base().replace(',', "\t"));
    is_base(&screening.screens(
        &mut screening.command("base.tsv", "b.ndjson"),
        "b.ndjson",
        3,
    ));
    // With a mark of order, ends of lines as on other systems, names of their own, a column more.
    let foreign = base()
        .replace('\n', "\r\n")
        .replace("name,citizen_id", "姓名,身份证号");
    let foreign = foreign
        .replace("reference,", "备注,")
        .replacen("姓名", "\u{feff}姓名", 1);
    screening.write("foreign.csv", &foreign);
    let mut named = screening.command("foreign.csv", "c.ndjson");
    named.args(["--columns", "name=姓名", "--columns", "citizen_id=身份证号"]);
    named.args(["--columns", "reference=备注"]);
    is_base(&screening.screens(&mut named, "c.ndjson", 3));
    let line = |name: &str, number: Option<&str>, reference: &str| {
        let ids = number.map(|number| json!({"type": "citizen_id", "number": number}));
        let ids: Vec<Value> = ids.into_iter().collect();
        json!({"name": name, "ids": ids, "reference": reference}).to_string()
    };
    let whole = json!({"scenario": "rail.ticket", "reference": "order \"2\"",
        "attributes": {"train_class": "G", "seat_class": "first"},
        "subject": {"kind": "person", "name": "李四",
                    "ids": [{"type": "citizen_id", "number": other_number()}]}});
    let (zhang, bad) = (number_of_zhang(), line("坏人", Some("123"), "order 3"));
    let first = line("张三丰", Some(&zhang), "order 1");
    let last = line("张三丰", None, "order 4");
    screening.write("base.ndjson", &format!("{first}\n\n{whole}\n{bad}\n{last}"));
    is_base(&screening.screens(
        &mut screening.command("base.ndjson", "d.ndjson"),
        "d.ndjson",
        3,
    ));
}

#[test]
fn a_table_is_written_and_read() {
    let screening = Screening::new();
    screening.write("base.csv", &base());
    screening.screens(
        &mut screening.command("base.csv", "out.parquet"),
        "out.parquet",
        3,
    );
    let bytes = std::fs::read(screening.at("out.parquet")).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    // What was written is an input too: its references are names that nobody bears.
    let mut again = screening.command("out.parquet", "again.ndjson");
    again.args([
        "--columns",
        "name=entry_ids",
        "--columns",
        "reference=reference",
    ]);
    again.args(["--ignore", "*"]);
    let rows = screening.screens(&mut again, "again.ndjson", 3);
    let references: Vec<&str> = rows
        .iter()
        .map(|r| r["reference"].as_str().unwrap())
        .collect();
    assert_eq!(references, ["order 1", "order \"2\"", "order 3", "order 4"]);
    assert_eq!(rows[0]["decision"], "clear");
    assert_eq!(rows[1]["error"], "422 `entry_ids`: the name is empty");
    // Damaged: refused, nothing begun.
    let mut damaged = bytes.clone();
    let half = bytes.len() / 2;
    damaged[4..half].fill(0x55);
    std::fs::write(screening.at("damaged.parquet"), &damaged).unwrap();
    std::fs::write(screening.at("short.parquet"), &bytes[..half]).unwrap();
    for name in ["damaged.parquet", "short.parquet"] {
        let mut command = screening.command(name, "none.csv");
        command.args(["--columns", "name=entry_ids", "--ignore", "*"]);
        let (code, output) = run(&mut command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("cannot be read as Parquet"), "{said}");
        assert!(!screening.at("none.csv").exists());
    }
}

#[test]
fn a_faulty_row_stops_nothing_and_names_its_column() {
    let screening = Screening::new();
    let giant = "x".repeat(70_000);
    let text = format!(
        "name,citizen_id,kind,birth_date\n张三丰,{},,\n{giant},,,\n,,,\n李四,,dog,\n李四,,,31.12.1999\n\
         \"open,,,\n李四,,,,,\n李四,,organisation,\n李四,,person,\n",
        number_of_zhang()
    );
    let mut bytes = text.into_bytes();
    bytes.extend(b"\xff\xfe,,,\n");
    std::fs::write(screening.at("base.csv"), &bytes).unwrap();
    let rows = screening.screens(
        &mut screening.command("base.csv", "out.ndjson"),
        "out.ndjson",
        3,
    );
    let said: Vec<&str> = rows
        .iter()
        .map(|row| row["error"].as_str().or(row["decision"].as_str()).unwrap())
        .collect();
    let wanted = [
        "block",
        "400 the row is longer than",
        "422 `name`: the name is empty",
        "422 `kind`: must be `person` or `organisation`",
        "422 `birth_date`: must be a date",
        "400 a quote in the row is never closed",
        "400 the row has 6 cells, the header 4",
        "clear",
        "clear",
        "400 the row is not UTF-8",
    ];
    assert_eq!(said.len(), wanted.len(), "{said:?}");
    for (said, wanted) in said.iter().zip(wanted) {
        assert!(said.starts_with(wanted), "{said:?} {wanted:?}");
    }
    assert_eq!(rows[9]["line"], 11);
    // A spreadsheet must not take a cell for a formula.
    screening.write("formula.csv", "name,reference\n李四,=1+1\n");
    screening.screens(&mut screening.command("formula.csv", "f.csv"), "f.csv", 0);
    let text = std::fs::read_to_string(screening.at("f.csv")).unwrap();
    assert!(
        text.lines()
            .nth(1)
            .unwrap()
            .starts_with("1,2,'=1+1,,clear,"),
        "{text}"
    );
}

#[test]
fn each_answered_row_leaves_a_record_and_no_number_in_clear() {
    let screening = Screening::new();
    screening.write("base.csv", &base());
    screening.installation.client("Rail", |record| {
        record.roles = vec!["checker".to_owned()];
        record.scenarios = vec!["rail.ticket".to_owned()];
    });
    let mut command = screening.bare("base.csv", "out.ndjson");
    command.arg("--config").arg(screening.installation.config());
    command.args(["--client", "Rail"]);
    let (code, output) = run(&mut command);
    assert_eq!(code, 3, "{output:?}");
    let rows = screening.lines("out.ndjson");
    is_base(&rows);
    let said = String::from_utf8(output.stdout).unwrap();
    let folder = said
        .lines()
        .last()
        .unwrap()
        .strip_prefix("records in ")
        .unwrap();
    let (code, output) = run(hecha().args(["log", "query", "--json", folder]));
    assert_eq!(code, 0, "{output:?}");
    let log = String::from_utf8(output.stdout).unwrap();
    for row in [&rows[0], &rows[1], &rows[3]] {
        let check_id = row["check_id"].as_str().unwrap();
        let record = log
            .lines()
            .find(|line| line.contains(check_id))
            .expect("a record");
        assert!(record.contains("Rail"), "{record}");
    }
    assert!(
        log.contains("\"screen\"") && log.contains("422"),
        "the refusal too: {log}"
    );
    let mut looked_at = 0;
    for file in files_below(&screening.at("")) {
        if file == screening.at("base.csv") {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        for number in [number_of_zhang(), other_number()] {
            let stands = bytes.windows(18).any(|window| window == number.as_bytes());
            assert!(!stands, "a number in clear in {}", file.display());
        }
        looked_at += 1;
    }
    assert!(looked_at > 5);
    // A unit that may not ask about it, and one that does not exist.
    for (unit, said) in [
        ("Rail", "`Rail` may not ask about"),
        ("Nobody", "no unit `Nobody`"),
    ] {
        let mut command = hecha();
        command.args([
            "screen",
            "--scenario",
            "hotel.stay",
            "--client",
            unit,
            "--config",
        ]);
        command.arg(screening.installation.config());
        command
            .arg("--in")
            .arg(screening.at("base.csv"))
            .arg("--out")
            .arg(screening.at("b.csv"));
        let (code, output) = run(&mut command);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn s14_s22_acts_of_the_gateway_count() {
    let screening = Screening::new();
    screening.write("base.csv", &base());
    let installation = &screening.installation;
    let screen = |out: &str| {
        let mut command = screening.bare("base.csv", out);
        command.arg("--config").arg(installation.config());
        assert_eq!(run(&mut command).0, 3);
        screening.lines(out)
    };
    let server = installation.serve();
    let before = screen("before.ndjson").remove(0);
    assert_eq!(before["decision"], "block");
    let body = json!({"reason": "wrong person", "reference": "letter 7"});
    let act = Request::post("/v1/entries/fz-court-1/withdraw", body.to_string())
        .token(&installation.token)
        .send(server.ops);
    assert_eq!(act.status, 200, "{}", act.text());
    // Beside the running gateway.
    let after = screen("after.ndjson");
    assert_eq!(
        (&after[0]["decision"], &after[0]["match_count"]),
        (&json!("clear"), &json!(0))
    );
    assert_eq!(after[3]["match_count"], 0, "no hint of a former listing");
    let text = after[0].to_string();
    assert!(!text.contains("fz-court-1"), "{text}");
    // The recall finds what the first run said of the wrong person.
    let log = installation.path("state/log");
    let mut recall = hecha();
    recall
        .args(["log", "recall", "fz-court-1", "--log"])
        .arg(log);
    let (code, output) = run(&mut recall);
    let found = String::from_utf8(output.stdout).unwrap();
    assert_eq!(code, 0, "{found}");
    assert!(
        found.contains(before["check_id"].as_str().unwrap()),
        "{found}"
    );
}

#[test]
fn a_least_answer_holds_for_a_run_too() {
    let screening = Screening::new();
    screening.write("base.csv", &base());
    screening
        .installation
        .client("Least", |record| record.fields = Some(Vec::new()));
    let mut command = screening.bare("base.csv", "out.ndjson");
    command.arg("--config").arg(screening.installation.config());
    command.args(["--client", "Least"]);
    assert_eq!(run(&mut command).0, 3);
    let row = &screening.lines("out.ndjson")[0];
    assert_eq!(row["decision"], "block");
    for hidden in [
        "entry_ids",
        "lists",
        "identities",
        "measures",
        "legal_basis",
    ] {
        assert!(row[hidden].is_null(), "{hidden}");
    }
    for shown in ["authority", "case_no", "recourse"] {
        assert!(!row[shown].is_null(), "{shown}");
    }
}

#[test]
fn usage_is_said_before_anything_is_written() {
    let screening = Screening::new();
    screening.write("base.csv", &base());
    screening.write("typo.csv", "name,citzen_id\n李四,1\n");
    screening.write("empty.csv", "");
    screening.write("taken.csv", "mine\n");
    std::fs::write(screening.at("latin.csv"), b"name,\xff\na,b\n").unwrap();
    let fails = |command: &mut Command, said: &str| {
        let (code, output) = run(command);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(said), "{said:?} in {error:?}");
    };
    fails(
        &mut screening.command("none.csv", "out.csv"),
        "none.csv: cannot be read",
    );
    fails(
        &mut screening.command("base.csv", "out.doc"),
        "name a file that ends in",
    );
    fails(
        &mut screening.command("typo.csv", "out.csv"),
        "no meaning for the column `citzen_id`",
    );
    fails(&mut screening.command("empty.csv", "out.csv"), "is empty");
    fails(
        &mut screening.command("latin.csv", "out.csv"),
        "latin.csv:1: the header is not UTF-8",
    );
    fails(
        &mut screening.command("base.csv", "taken.csv"),
        "taken.csv: exists",
    );
    fails(
        screening
            .command("base.csv", "out.csv")
            .args(["--columns", "name"]),
        "FIELD=COLUMN",
    );
    fails(
        hecha().args([
            "screen",
            "--scenario",
            "no.such",
            "--in",
            "a.csv",
            "--out",
            "b.csv",
        ]),
        "there is no scenario `no.such`",
    );
    fails(
        hecha()
            .args([
                "screen",
                "--scenario",
                "rail.ticket",
                "--kind",
                "person",
                "--in",
            ])
            .arg(screening.at("base.csv"))
            .arg("--out")
            .arg(screening.at("out.csv")),
        "the scenario needs `train_class` and no column holds it",
    );
    assert_eq!(
        std::fs::read_to_string(screening.at("taken.csv")).unwrap(),
        "mine\n"
    );
    assert!(!screening.at("out.csv").exists() && !screening.at("out.csv.part").exists());
    screening.write("out.csv.checkpoint", "{}");
    fails(
        &mut screening.command("base.csv", "out.csv"),
        "is no checkpoint of this version",
    );
}
