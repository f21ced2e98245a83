//! The tables of the law as the tests read them: straight from the files, by column.
//!
//! In: `data/catalogue`. Out: rows; attributes under which a measure's condition holds; copies of
//! the folder with a change in it. Written apart from the program's own reader.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A row, by the names of the columns.
pub type Row = BTreeMap<String, String>;

/// The rows of a table of the project.
pub fn table(name: &str) -> Vec<Row> {
    rows(&std::fs::read_to_string(folder().join(name)).unwrap())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/catalogue")
}

fn rows(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let row = |line: &str| {
        let cells = line.split('\t').map(str::to_owned);
        head.iter()
            .map(|name| (*name).to_owned())
            .zip(cells)
            .collect()
    };
    lines.map(row).collect()
}

/// A copy of the tables in which `change` has altered one.
pub fn changed(name: &str, change: impl FnOnce(String) -> String) -> TempDir {
    let copy = TempDir::new().unwrap();
    for file in std::fs::read_dir(folder()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let path = copy.path().join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change(text)).unwrap();
    copy
}

/// `text` with the cell of a column of one row replaced.
pub fn with_cell(text: &str, id: &str, column: &str, value: &str) -> String {
    let mut lines = text.lines();
    let head = lines.next().unwrap();
    let place = head.split('\t').position(|name| name == column).unwrap();
    let mut changed = vec![head.to_owned()];
    for line in lines {
        let mut cells: Vec<&str> = line.split('\t').collect();
        if id == "*" || cells[0] == id {
            cells[place] = value;
        }
        changed.push(cells.join("\t"));
    }
    changed.join("\n") + "\n"
}

/// What is asked so that a measure's condition holds: attributes, and the grade of the entry.
pub struct Fitting {
    pub attributes: Value,
    pub grade: Option<String>,
    /// The kind the applicant must have, where the condition names one.
    pub applicant: Option<String>,
}

/// Attributes under which the condition of `measure` holds; `None` where it cannot.
pub fn fitting(measure: &Row, scenarios: &[Row]) -> Option<Fitting> {
    let scenario = scenarios
        .iter()
        .find(|row| row["scenario"] == measure["scenario"])
        .unwrap();
    let mut fitting = Fitting {
        attributes: Value::Object(least(scenario)),
        grade: None,
        applicant: None,
    };
    let clauses = measure["condition"]
        .split(" & ")
        .filter(|clause| !clause.is_empty());
    for clause in clauses {
        let (name, value) = clause_value(clause);
        match name {
            "entry.grade" => fitting.grade = Some(value.as_str().unwrap().to_owned()),
            "entry.able_but_refuses" => assert_eq!(value, true, "all entries are able and refuse"),
            "applicant.kind" => fitting.applicant = Some(value.as_str().unwrap().to_owned()),
            "subject.clean_years" => return None, // Decision rules 5.3: nobody knows it.
            name => fitting.attributes[name] = value,
        }
    }
    Some(fitting)
}

/// Name and the first value that fulfils a clause.
fn clause_value(clause: &str) -> (&str, Value) {
    if let Some((name, words)) = clause.split_once(" in [") {
        let first = words.trim_end_matches(']').split(',').next().unwrap();
        return (name, json!(first));
    }
    if let Some((name, number)) = clause.split_once(" >= ") {
        return (name, json!(number.parse::<i64>().unwrap()));
    }
    let (name, truth) = clause.split_once(" = ").unwrap();
    (name, json!(truth == "true"))
}

/// The attributes a scenario requires, each with its first value.
fn least(scenario: &Row) -> Map<String, Value> {
    let required: Vec<&str> = scenario["required"].split(',').collect();
    let mut least = Map::new();
    for attribute in scenario["attributes"]
        .split("; ")
        .filter(|text| !text.is_empty())
    {
        let mut parts = attribute.splitn(3, ':');
        let (name, kind) = (parts.next().unwrap(), parts.next().unwrap());
        if !required.contains(&name) {
            continue;
        }
        let value = match kind {
            "enum" => json!(parts.next().unwrap().split('/').next().unwrap()),
            "int" => json!(0),
            "bool" => json!(false),
            _ => json!("as stated"),
        };
        least.insert(name.to_owned(), value);
    }
    least
}
