//! A file of labelled cases, one JSON object a line.
//!
//! In: NDJSON text. Out: cases with the world they bring (entries, client, acts, ages of lists),
//! the request as it was written, and what is expected of the answer. Decision rules 7. Nothing is
//! checked here that the pipeline checks itself: entries and requests stay raw text.

use crate::model::decision::Level;
use crate::model::entry::{Act, ActKind, EntryId};
use crate::model::subject::ClientKind;
use crate::model::term::Moment;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// One case.
#[derive(Debug)]
pub struct Case {
    /// Its name in the file, unique.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// When the check happens.
    pub now: Moment,
    /// Line in the file, from 1.
    pub line: u64,
    /// List records, each as written.
    pub entries: Vec<Box<RawValue>>,
    /// Who asks.
    pub client: Client,
    /// What operators did, in order.
    pub acts: Vec<Act>,
    /// When each list was last fetched.
    pub list_as_of: BTreeMap<String, Moment>,
    /// The body of the request, as written.
    pub request: Box<RawValue>,
    /// What the answer must be.
    pub expect: Expectation,
}

/// The client record of a case. Roles and rate do not matter: it may check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Name of the unit.
    pub unit: String,
    /// Enterprise or authority.
    pub kind: ClientKind,
    /// Granted scenarios, `*` for all.
    pub scenarios: Vec<String>,
    /// Granted purposes; `None` for any.
    pub purposes: Option<Vec<String>>,
    /// Ids of adopted measures.
    pub adopts: Vec<String>,
    /// Whether a probable identity may block.
    pub masked_id_blocks: bool,
    /// Least level of its answers.
    pub level: Level,
}

/// What the answer must be; only what is stated is compared.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Expectation {
    /// HTTP status.
    pub status: u16,
    /// Field at fault, of a 422.
    #[serde(default)]
    pub field: Option<String>,
    /// The decision.
    #[serde(default)]
    pub decision: Option<String>,
    /// Ids of all applied measures.
    #[serde(default)]
    pub applied: Option<Vec<String>>,
    /// Number of matches.
    #[serde(default)]
    pub match_count: Option<u64>,
    /// Identities of the matches shown, as a multiset.
    #[serde(default)]
    pub identity: Option<Vec<String>>,
    /// Reasons that must be among the answer's.
    #[serde(default)]
    pub reasons_include: Vec<String>,
    /// Strongest effect of the measures it names.
    #[serde(default)]
    pub effects: BTreeMap<String, String>,
    /// Texts that stand nowhere in the body.
    #[serde(default)]
    pub absent: Vec<String>,
    /// Texts that stand somewhere in the body.
    #[serde(default)]
    pub present: Vec<String>,
    /// Expectations nobody here knows: such a case fails, it is not passed by oversight.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

/// What is wrong with a case file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseFault {
    /// Not the JSON of a case.
    #[error("{file}:{line}: not a case: {what}; write one JSON object a line")]
    Shape {
        /// The file, as the caller named it.
        file: String,
        /// Line, from 1.
        line: u64,
        /// What the parser says.
        what: String,
    },
    /// A value that the field cannot have.
    #[error("{file}:{line}: `{field}`: `{value}` is no {wanted}")]
    Value {
        /// The file.
        file: String,
        /// Line, from 1.
        line: u64,
        /// Path of the field.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What belongs there.
        wanted: &'static str,
    },
    /// Two cases of one name.
    #[error("{file}:{line}: the case `{id}` stands on line {first} already; give it another `id`")]
    Repeated {
        /// The file.
        file: String,
        /// Line of the second, from 1.
        line: u64,
        /// Line of the first.
        first: u64,
        /// The name.
        id: String,
    },
    /// No case at all.
    #[error("{file}: holds no case")]
    Empty {
        /// The file.
        file: String,
    },
}

/// Reads all cases of a file; empty lines are skipped. `file` is for error texts.
///
/// Errors: the first line that is no case, a repeated id, a file without cases.
pub fn parse(file: &str, text: &str) -> Result<Vec<Case>, CaseFault> {
    let mut cases: Vec<Case> = Vec::new();
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let place = Place { file, line };
        let written: Written = serde_json::from_str(text).map_err(|error| CaseFault::Shape {
            file: file.to_string(),
            line,
            what: without_line(&error),
        })?;
        let case = place.case(written)?;
        if let Some(first) = lines.insert(case.id.clone(), line) {
            let (file, id) = (file.to_string(), case.id);
            return Err(CaseFault::Repeated {
                file,
                line,
                first,
                id,
            });
        }
        cases.push(case);
    }
    if cases.is_empty() {
        let file = file.to_string();
        return Err(CaseFault::Empty { file });
    }
    Ok(cases)
}

/// The parser counts lines within the one line it saw; only the column says something.
fn without_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} at column {}", error.column()),
        None => text,
    }
}

#[derive(Deserialize)]
struct Written {
    id: String,
    #[serde(default)]
    title: String,
    now: String,
    given: WrittenGiven,
    request: Box<RawValue>,
    expect: Expectation,
}

#[derive(Deserialize)]
struct WrittenGiven {
    #[serde(default)]
    entries: Vec<Box<RawValue>>,
    client: WrittenClient,
    #[serde(default)]
    acts: Vec<WrittenAct>,
    #[serde(default)]
    list_as_of: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct WrittenClient {
    unit: String,
    kind: String,
    scenarios: Option<Vec<String>>,
    purposes: Option<Vec<String>>,
    #[serde(default)]
    adopts: Vec<String>,
    masked_id: Option<String>,
    level: Option<String>,
}

#[derive(Deserialize)]
struct WrittenAct {
    at: String,
    act: String,
    entry_id: String,
    outcome: Option<String>,
}

/// Where a case stands.
struct Place<'a> {
    file: &'a str,
    line: u64,
}

impl Place<'_> {
    fn case(&self, written: Written) -> Result<Case, CaseFault> {
        let given = written.given;
        let mut list_as_of = BTreeMap::new();
        for (list, at) in given.list_as_of {
            list_as_of.insert(list, self.moment("given.list_as_of", &at)?);
        }
        let acts: Result<Vec<Act>, CaseFault> =
            given.acts.into_iter().map(|act| self.act(act)).collect();
        Ok(Case {
            now: self.moment("now", &written.now)?,
            id: written.id,
            title: written.title,
            line: self.line,
            entries: given.entries,
            client: self.client(given.client)?,
            acts: acts?,
            list_as_of,
            request: written.request,
            expect: written.expect,
        })
    }

    fn client(&self, written: WrittenClient) -> Result<Client, CaseFault> {
        let kind = ClientKind::parse(&written.kind).ok_or_else(|| {
            self.fault(
                "given.client.kind",
                &written.kind,
                "`enterprise` or `authority`",
            )
        })?;
        let masked_id_blocks = match written.masked_id.as_deref() {
            None | Some("review") => false,
            Some("block") => true,
            Some(other) => {
                return Err(self.fault("given.client.masked_id", other, "`review` or `block`"));
            }
        };
        let level = match written.level.as_deref() {
            None => Level::Kernel,
            Some(word) => Level::parse(word)
                .ok_or_else(|| self.fault("given.client.level", word, "`kernel` or `disk`"))?,
        };
        Ok(Client {
            unit: written.unit,
            kind,
            scenarios: written.scenarios.unwrap_or_else(|| vec!["*".to_string()]),
            purposes: written.purposes,
            adopts: written.adopts,
            masked_id_blocks,
            level,
        })
    }

    fn act(&self, written: WrittenAct) -> Result<Act, CaseFault> {
        let kind = match (written.act.as_str(), written.outcome.as_deref()) {
            ("hold", _) => ActKind::Hold,
            ("withdraw", _) => ActKind::Withdraw,
            ("repair", _) => ActKind::Repair,
            ("hold_outcome", Some("upheld")) => ActKind::Upheld,
            ("hold_outcome", Some("corrected")) => ActKind::Corrected,
            ("hold_outcome", Some("removed")) => ActKind::Removed,
            ("hold_outcome", outcome) => {
                let wanted = "`upheld`, `corrected` or `removed`";
                return Err(self.fault("given.acts.outcome", outcome.unwrap_or(""), wanted));
            }
            (act, _) => {
                let wanted = "`hold`, `hold_outcome`, `withdraw` or `repair`";
                return Err(self.fault("given.acts.act", act, wanted));
            }
        };
        Ok(Act {
            entry_id: EntryId(written.entry_id.into()),
            kind,
            at: self.moment("given.acts.at", &written.at)?,
            version: None,
        })
    }

    fn moment(&self, field: &'static str, text: &str) -> Result<Moment, CaseFault> {
        let wanted = "moment such as `2026-11-22T10:00:00+08:00`";
        Moment::parse(text).ok_or_else(|| self.fault(field, text, wanted))
    }

    fn fault(&self, field: &'static str, value: &str, wanted: &'static str) -> CaseFault {
        CaseFault::Value {
            file: self.file.to_string(),
            line: self.line,
            field,
            value: value.to_string(),
            wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = concat!(
        r#"{"id":"a","now":"2026-11-22T10:00:00+08:00","#,
        r#""given":{"client":{"unit":"u","kind":"enterprise"}},"#,
        r#""request":{},"expect":{"status":200}}"#
    );

    #[track_caller]
    fn refused(text: &str, message: &str) {
        let fault = parse("cases.ndjson", text).unwrap_err();
        assert_eq!(fault.to_string(), message);
    }

    #[test]
    fn a_case_that_says_little_gets_the_usual_client() {
        let cases = parse("f", &format!("\u{feff}\n{GOOD}\n\n")).unwrap();
        assert_eq!(cases.len(), 1);
        assert_eq!(cases[0].line, 2);
        let client = &cases[0].client;
        assert_eq!(client.scenarios, ["*"]);
        assert_eq!(client.purposes, None);
        assert!(!client.masked_id_blocks);
        assert_eq!(client.level, Level::Kernel);
    }

    #[test]
    fn a_request_and_its_entries_stay_as_they_were_written() {
        let text = GOOD
            .replace(r#""request":{}"#, r#""request":{"b":1,"a":2,"b":3}"#)
            .replace(
                r#""given":{"#,
                r#""given":{"entries":[{"z":1.0,"entry_id":"e"}],"#,
            );
        let cases = parse("f", &text).unwrap();
        assert_eq!(cases[0].request.get(), r#"{"b":1,"a":2,"b":3}"#);
        assert_eq!(cases[0].entries[0].get(), r#"{"z":1.0,"entry_id":"e"}"#);
    }

    #[test]
    fn acts_are_read_with_their_outcomes() {
        let acts = r#""acts":[{"at":"2026-11-01T00:00:00+08:00","act":"hold","entry_id":"e"},
            {"at":"2026-11-02T00:00:00+08:00","act":"hold_outcome","outcome":"removed",
             "entry_id":"e","reference":"r"}],"#
            .replace('\n', " ");
        let text = GOOD.replace(r#""given":{"#, &format!(r#""given":{{{acts}"#));
        let kinds: Vec<_> = parse("f", &text).unwrap()[0]
            .acts
            .iter()
            .map(|act| act.kind)
            .collect();
        assert_eq!(kinds, [ActKind::Hold, ActKind::Removed]);
    }

    #[test]
    fn a_malformed_case_is_refused_with_file_and_line() {
        refused("\n", "cases.ndjson: holds no case");
        refused(
            &format!("{GOOD}\n{{\"id\":"),
            "cases.ndjson:2: not a case: EOF while parsing a value at column 6; write one JSON \
             object a line",
        );
        refused(
            &GOOD.replace("T10", " 10"),
            "cases.ndjson:1: `now`: `2026-11-22 10:00:00+08:00` is no moment such as \
             `2026-11-22T10:00:00+08:00`",
        );
        refused(
            &GOOD.replace("enterprise", "firm"),
            "cases.ndjson:1: `given.client.kind`: `firm` is no `enterprise` or `authority`",
        );
        refused(
            &format!("{GOOD}\n\n{GOOD}"),
            "cases.ndjson:3: the case `a` stands on line 1 already; give it another `id`",
        );
        let act = r#""given":{"acts":[{"at":"2026-11-01T00:00:00Z","act":"free","entry_id":"e"}],"#;
        refused(
            &GOOD.replace(r#""given":{"#, act),
            "cases.ndjson:1: `given.acts.act`: `free` is no `hold`, `hold_outcome`, `withdraw` or \
             `repair`",
        );
    }
}
