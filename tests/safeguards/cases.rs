//! Questions at any moment: one run of `hecha eval decisions` for as many as a test has.
//!
//! Each case is a list of its own, so nothing meets. Lists count as fetched at the moment of the
//! check unless a case says otherwise.

use crate::harness::hecha;
use serde_json::{Map, Value, json};
use std::path::Path;
use tempfile::TempDir;

/// The moment at which nothing else is asked for.
pub const NOON: &str = "2026-11-22T12:00:00+08:00";

/// One question.
#[derive(Clone)]
pub struct Case {
    pub request: Value,
    pub now: String,
    entries: Vec<Value>,
    client: Value,
    acts: Vec<Value>,
}

impl Case {
    pub fn new(entries: &[Value], request: Value) -> Self {
        let client = json!({"unit": "示例单位", "kind": "enterprise", "scenarios": ["*"]});
        Self {
            request,
            now: NOON.to_owned(),
            entries: entries.to_vec(),
            client,
            acts: Vec::new(),
        }
    }

    pub fn at(mut self, moment: &str) -> Self {
        self.now = moment.to_owned();
        self
    }

    pub fn adopting(mut self, measures: &[&str]) -> Self {
        self.client["adopts"] = json!(measures);
        self
    }

    pub fn act(mut self, act: Value) -> Self {
        self.acts.push(act);
        self
    }

    fn line(&self, id: usize) -> String {
        let mut as_of = Map::new();
        for entry in &self.entries {
            let list = entry["list"].as_str().unwrap();
            as_of.insert(list.to_owned(), json!(self.now));
        }
        json!({
            "id": id.to_string(), "now": self.now, "request": self.request,
            "given": {"entries": self.entries, "client": self.client, "acts": self.acts,
                      "list_as_of": as_of},
            "expect": {"status": 200}
        })
        .to_string()
    }
}

/// An answer of the program, from wherever it came.
#[derive(Debug, Clone)]
pub struct Answered {
    pub status: u64,
    pub body: Value,
}

impl Answered {
    #[track_caller]
    pub fn decision(&self) -> &str {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body["decision"].as_str().unwrap()
    }

    pub fn matches(&self) -> &[Value] {
        self.body["matches"].as_array().unwrap()
    }

    /// Measures that apply, of all matches.
    pub fn applied(&self) -> Vec<&Value> {
        let measures = self
            .matches()
            .iter()
            .flat_map(|one| one["measures"].as_array());
        measures
            .flatten()
            .filter(|one| one["applied"] == true)
            .collect()
    }

    /// The effect of a measure, where it applies.
    pub fn effect(&self, measure: &str) -> Option<&str> {
        let applied = self.applied();
        let found = applied.iter().find(|one| one["id"] == measure)?;
        found["effect"].as_str()
    }

    pub fn has_reason(&self, code: &str) -> bool {
        let mut reasons = self.body["reasons"].as_array().unwrap().iter();
        reasons.any(|reason| reason == code)
    }

    /// As somebody who is on no list: decision rules 2, nothing left of an entry.
    #[track_caller]
    pub fn is_clear(&self, entries: &[&str]) {
        assert_eq!(self.decision(), "clear", "{}", self.body);
        assert_eq!(self.body["match_count"], 0, "{}", self.body);
        assert!(self.matches().is_empty(), "{}", self.body);
        let text = self.body.to_string();
        for entry in entries {
            assert!(!text.contains(entry), "a trace of {entry}: {text}");
        }
    }
}

/// The answers, in order.
pub fn answers(cases: &[Case]) -> Vec<Answered> {
    run(cases, None)
}

/// The answers under other tables of the law.
pub fn answers_under(law: &Path, cases: &[Case]) -> Vec<Answered> {
    run(cases, Some(law))
}

/// The one answer.
pub fn answer(case: Case) -> Answered {
    answers(&[case]).remove(0)
}

fn run(cases: &[Case], law: Option<&Path>) -> Vec<Answered> {
    let folder = TempDir::new().unwrap();
    let (questions, out) = (folder.path().join("cases"), folder.path().join("answers"));
    let lines: Vec<String> = cases
        .iter()
        .enumerate()
        .map(|(id, case)| case.line(id))
        .collect();
    std::fs::write(&questions, lines.join("\n")).unwrap();
    let mut command = hecha();
    // Wherever the machine stands: days are Shanghai's.
    command.env("TZ", "UTC").args(["eval", "decisions"]);
    command
        .arg(&questions)
        .arg("--json")
        .arg("--answers")
        .arg(&out);
    if let Some(law) = law {
        command.arg("--catalogue").arg(law);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains("cannot be set up"), "{said}");
    assert!(!said.contains("entries["), "an entry was left out: {said}");
    let text = std::fs::read_to_string(&out).unwrap_or_else(|_| panic!("{output:?}"));
    let answers: Vec<Answered> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| Answered {
            status: line["status"].as_u64().unwrap(),
            body: line["body"].clone(),
        })
        .collect();
    assert_eq!(answers.len(), cases.len());
    answers
}
