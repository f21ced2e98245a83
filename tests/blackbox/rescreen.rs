//! Known subjects against what a new list changes.

use crate::harness::{Installation, court_record, hecha, number_of_zhang, other_number, run};
use hecha::identifier::synthetic;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

fn third_number() -> String {
    synthetic::citizen_id(990_104, (1975, 5, 6), 7)
}

/// 张三丰 leaves, 李明 comes, 王测试 gets another conduct, 赵旧 stays.
fn lists(installation: &Installation) -> [PathBuf; 2] {
    let wang = court_record("c-3", "王测试", &third_number());
    let mut other = wang.clone();
    other["conduct"] = json!("另一行为");
    let stays = court_record(
        "c-4",
        "赵旧",
        &synthetic::citizen_id(990_105, (1971, 1, 2), 9),
    );
    let old = vec![
        court_record("c-1", "张三丰", &number_of_zhang()),
        wang,
        stays.clone(),
    ];
    let new = vec![court_record("c-2", "李明", &other_number()), other, stays];
    [("old.hecha", old, [7; 32]), ("new.hecha", new, [8; 32])].map(|(name, records, salt)| {
        let path = installation.path(name);
        std::fs::write(
            &path,
            installation.snapshot(records, |inputs| inputs.salt = salt),
        )
        .unwrap();
        path
    })
}

fn rescreen(installation: &Installation, subjects: &str, name: &str) -> Command {
    let [old, new] = lists(installation);
    std::fs::write(installation.path(name), subjects).unwrap();
    let mut command = hecha();
    command.arg("rescreen").arg("--changes").arg(old).arg(new);
    command.arg("--in").arg(installation.path(name));
    command.arg("--out").arg(installation.path("out.ndjson"));
    command.arg("--key").arg(installation.path("snapshot.key"));
    command.args(["--scenario", "rail.ticket", "--attr", "train_class=G"]);
    command.args(["--attr", "seat_class=second"]);
    command
}

fn output_of(installation: &Installation) -> Vec<Value> {
    let text = std::fs::read_to_string(installation.path("out.ndjson")).unwrap();
    for number in [number_of_zhang(), other_number(), third_number()] {
        assert!(!text.contains(&number));
    }
    assert!(!text.contains("张三丰") && !text.contains("李明"));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn check_lines(lines: &[Value]) {
    let decisions: Vec<[&str; 3]> = lines
        .iter()
        .map(|line| {
            [
                line["reference"].as_str().unwrap(),
                line["was"]["decision"].as_str().unwrap(),
                line["is"]["decision"].as_str().unwrap(),
            ]
        })
        .collect();
    let expected = [
        ["zhang", "block", "clear"],
        ["li", "clear", "block"],
        ["wang", "block", "block"],
    ];
    assert_eq!(decisions, expected);
    let changes = lines.iter().map(|line| &line["entries"][0]["change"]);
    assert_eq!(changes.collect::<Vec<_>>(), ["removed", "added", "changed"]);
    assert_eq!(lines[1]["entries"][0]["entry_id"], "c-2");
    assert_eq!(lines[1]["entries"][0]["list"], "court-defaulter");
}

#[test]
fn only_subjects_whom_a_change_concerns_are_reported_from_csv() {
    let installation = Installation::new();
    let subjects = format!(
        "\u{feff}reference,kind,name,citizen_id\nzhang,person,张三丰,{}\nli,person,李明,{}\n\
         wang,person,王测试,{}\nold,person,赵旧,{}\nnobody,person,无名氏,\n",
        number_of_zhang(),
        other_number(),
        third_number(),
        synthetic::citizen_id(990_105, (1971, 1, 2), 9)
    );
    let (code, output) = run(&mut rescreen(&installation, &subjects, "base.csv"));
    assert_eq!(code, 0, "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("5 subjects, 3 concerned"), "{said}");
    check_lines(&output_of(&installation));
}

#[test]
fn a_subject_that_cannot_be_asked_is_said_and_the_others_are_done() {
    let installation = Installation::new();
    let row = |reference: &str, name: &str, number: &str| {
        json!({"reference": reference, "kind": "person", "name": name,
               "ids": [{"type": "citizen_id", "number": number}]})
        .to_string()
    };
    let subjects = [
        row("zhang", "张三丰", &number_of_zhang()),
        row("li", "李明", &other_number()),
        String::new(),
        row("wang", "王测试", &third_number()),
        row("bad", "王测试", "990102198003071230"),
        "no json".to_owned(),
    ];
    let text = subjects.join("\n");
    let (code, output) = run(&mut rescreen(&installation, &text, "base.ndjson"));
    assert_eq!(code, 3, "{output:?}");
    let lines = output_of(&installation);
    check_lines(&lines[..3]);
    assert_eq!(lines[3]["line"], 5);
    assert_eq!(lines[3]["problem"]["field"], "subject.ids[0].number");
    assert!(!lines[3].to_string().contains("990102198003071230"));
    assert_eq!(lines[4]["line"], 6);
}

#[test]
fn a_base_that_cannot_be_read_leaves_nothing_behind() {
    let installation = Installation::new();
    for (name, text, said) in [
        ("a.csv", "kind,name,colour\n", "no column `colour`"),
        ("b.csv", "kind,citizen_id\n", "`name` is missing"),
        ("c.csv", "kind,name\nperson,甲,乙\n", ":2: no row of CSV"),
    ] {
        let (code, output) = run(&mut rescreen(&installation, text, name));
        assert_eq!(code, 2, "{name}: {output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(said) && error.contains(name), "{error}");
        assert!(!installation.path("out.ndjson").exists());
        assert!(!installation.path("out.ndjson.aside").exists());
    }
    let mut command = rescreen(&installation, "kind,name\nperson,甲\n", "d.csv");
    let (code, output) = run(command.args(["--attr", "train_class=none"]));
    assert_eq!(code, 2, "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("`attributes.train_class`"), "{error}");
}
