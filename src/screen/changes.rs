//! Known subjects against what a new snapshot changes: who is restricted now and was not, and the
//! reverse.
//!
//! In: subjects as CSV or NDJSON, views of the old and the new snapshot, what differs between the
//! two. Out: for each subject that a changed entry concerns what was answered and what is, with
//! entry_ids and reasons; no name, no number. A subject is asked on the new snapshot, and on the
//! old one where that can matter; an answer that rests on no changed entry is passed over.
//!
//! CSV has a head: `kind`, `name`, and any of `reference`, `birth_date` and the types of numbers
//! (`citizen_id`, `credit_code`, ...). NDJSON has the subject of a check a line, and `reference`.

use crate::changes::compare::Changes;
use crate::changes::facts::{self, Entry};
use crate::check::outcome::{Match, Outcome};
use crate::gateway::client::Client;
use crate::gateway::question;
use crate::gateway::view::View;
use crate::identifier::kind::IdType;
use crate::index::entry_ids;
use crate::model::entry::EntryIndex;
use crate::model::language::Language;
use crate::model::term::Moment;
use crate::snapshot::open::Snapshot;
use crate::wire::problem::Problem;
use crate::wire::request::shown_key;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Bytes of a line of NDJSON, or of a record of CSV, at most.
const ROW_BYTES_MAX: usize = 64 << 10;
const PLAIN_COLUMNS: [&str; 4] = ["reference", "kind", "name", "birth_date"];

/// Why the subjects cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The file.
    #[error("`{file}`: {fault}")]
    Io {
        /// The file.
        file: String,
        /// What the system says.
        fault: io::Error,
    },
    /// Its head.
    #[error("`{file}`:1: {what}")]
    Head {
        /// The file.
        file: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// Not readable from here on.
    #[error("`{file}`:{line}: {what}; correct the file")]
    Broken {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// One subject of the base. Not printable: it holds numbers in clear.
pub struct Row {
    /// Its line in the file, from 1.
    pub line: u64,
    /// The caller's own reference.
    reference: Option<String>,
    /// `subject` of a check; `None` where the line is no JSON object.
    subject: Option<Map<String, Value>>,
}

/// The subjects of a file, one after the other.
pub struct Rows {
    file: String,
    form: Form,
}

enum Form {
    Csv {
        reader: csv::Reader<BufReader<File>>,
        columns: Vec<String>,
        record: csv::StringRecord,
    },
    Ndjson {
        reader: BufReader<File>,
        line: u64,
        bytes_read: u64,
    },
}

impl Rows {
    /// Opens a file: CSV by its ending `.csv`, else NDJSON.
    ///
    /// Errors: reading; a head without `kind` and `name`, or with other columns.
    pub fn open(path: &Path) -> Result<Self, RowsError> {
        let file = path.display().to_string();
        let failed = |fault| RowsError::Io {
            file: file.clone(),
            fault,
        };
        let mut reader = BufReader::new(File::open(path).map_err(failed)?);
        if reader
            .fill_buf()
            .map_err(failed)?
            .starts_with(b"\xef\xbb\xbf")
        {
            reader.consume(3);
        }
        let is_csv = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        if !is_csv {
            let form = Form::Ndjson {
                reader,
                line: 0,
                bytes_read: 0,
            };
            return Ok(Self { file, form });
        }
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(reader);
        let head = |what: String| RowsError::Head {
            file: file.clone(),
            what,
        };
        let columns: Vec<String> = match reader.headers() {
            Ok(names) => names.iter().map(str::to_owned).collect(),
            Err(_) => return Err(head("the head is no CSV in UTF-8".to_owned())),
        };
        let known =
            |name: &String| PLAIN_COLUMNS.contains(&name.as_str()) || IdType::parse(name).is_some();
        if let Some(other) = columns.iter().find(|name| !known(name)) {
            return Err(head(format!(
                "there is no column `{}`; write kind, name, reference, birth_date, or a type of \
                 number such as citizen_id",
                shown_key(other)
            )));
        }
        if let Some(missing) = ["kind", "name"]
            .iter()
            .find(|name| !columns.iter().any(|c| c == *name))
        {
            return Err(head(format!("the column `{missing}` is missing")));
        }
        let form = Form::Csv {
            reader,
            columns,
            record: csv::StringRecord::new(),
        };
        Ok(Self { file, form })
    }

    /// Bytes read so far, for a progress bar.
    pub fn bytes_read(&self) -> u64 {
        match &self.form {
            Form::Csv { reader, .. } => reader.position().byte(),
            Form::Ndjson { bytes_read, .. } => *bytes_read,
        }
    }

    /// Up to `rows_max` further subjects; none at the end of the file.
    ///
    /// Errors: reading; a row that is no UTF-8 or too long.
    pub fn take(&mut self, rows_max: usize) -> Result<Vec<Row>, RowsError> {
        let mut rows = Vec::with_capacity(rows_max);
        while rows.len() < rows_max {
            match self.next()? {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        Ok(rows)
    }

    fn next(&mut self) -> Result<Option<Row>, RowsError> {
        let file = &self.file;
        match &mut self.form {
            Form::Csv {
                reader,
                columns,
                record,
            } => {
                let line = reader.position().line();
                let broken = |what| RowsError::Broken {
                    file: file.clone(),
                    line,
                    what,
                };
                match reader.read_record(record) {
                    Ok(false) => Ok(None),
                    Ok(true) if record.as_slice().len() > ROW_BYTES_MAX => {
                        Err(broken("the row is longer than 64 KiB"))
                    }
                    Ok(true) => Ok(Some(csv_row(columns, record, line))),
                    Err(_) => Err(broken(
                        "no row of CSV in UTF-8 with as many cells as the head",
                    )),
                }
            }
            Form::Ndjson {
                reader,
                line,
                bytes_read,
            } => loop {
                let mut text = Vec::new();
                let limit = ROW_BYTES_MAX as u64 + 1;
                let read = reader.by_ref().take(limit).read_until(b'\n', &mut text);
                let read = read.map_err(|fault| RowsError::Io {
                    file: file.clone(),
                    fault,
                })?;
                *line += 1;
                *bytes_read += read as u64;
                if read == 0 {
                    return Ok(None);
                }
                if text.len() > ROW_BYTES_MAX {
                    return Err(RowsError::Broken {
                        file: file.clone(),
                        line: *line,
                        what: "the line is longer than 64 KiB",
                    });
                }
                if !text.trim_ascii().is_empty() {
                    return Ok(Some(json_row(&text, *line)));
                }
            },
        }
    }
}

fn csv_row(columns: &[String], record: &csv::StringRecord, line: u64) -> Row {
    let mut subject = Map::new();
    let mut reference = None;
    let mut ids = Vec::new();
    for (column, cell) in columns.iter().zip(record) {
        match column.as_str() {
            _ if cell.is_empty() => {}
            "reference" => reference = Some(cell.to_owned()),
            "kind" | "name" | "birth_date" => {
                subject.insert(column.clone(), json!(cell));
            }
            id_type => ids.push(json!({"type": id_type, "number": cell})),
        }
    }
    subject.insert("ids".to_owned(), Value::Array(ids));
    Row {
        line,
        reference,
        subject: Some(subject),
    }
}

fn json_row(text: &[u8], line: u64) -> Row {
    let mut subject = serde_json::from_slice::<Map<String, Value>>(text).ok();
    let reference = subject
        .as_mut()
        .and_then(|subject| subject.remove("reference"));
    Row {
        line,
        reference: reference.and_then(|value| value.as_str().map(str::to_owned)),
        subject,
    }
}

/// What every subject is asked in.
pub struct Run<'a> {
    old: &'a View,
    new: &'a View,
    client: &'a Client,
    now: Moment,
    /// Body of a check without its subject.
    frame: Map<String, Value>,
    /// Changed entries that the old snapshot has.
    gone: HashSet<EntryIndex>,
    /// Those that the old snapshot has not.
    added: HashSet<EntryIndex>,
    /// Changed entries that both have, by their places in the new one.
    changed: HashSet<EntryIndex>,
}

/// What is said of one subject.
pub enum Said {
    /// No changed entry concerns it.
    Nothing,
    /// A line of JSON.
    Line(String),
    /// It could not be asked: a line of JSON that says why.
    Problem(String),
}

impl<'a> Run<'a> {
    /// Both views must be ready for the day of `now`.
    pub fn new(
        [old, new]: [&'a View; 2],
        changes: &Changes,
        client: &'a Client,
        frame: Map<String, Value>,
        now: Moment,
    ) -> Self {
        let before = changes.changed.iter().map(|(before, _)| *before);
        Self {
            old,
            new,
            client,
            now,
            frame,
            gone: changes.removed.iter().copied().chain(before).collect(),
            added: changes.added.iter().copied().collect(),
            changed: changes.changed.iter().map(|(_, after)| *after).collect(),
        }
    }

    /// Asks for one subject.
    pub fn ask(&self, row: &Row) -> Said {
        let Some(subject) = &row.subject else {
            let problem = Problem::invalid("subject", "the line is no JSON object");
            return Said::Problem(self.problem(row, &problem));
        };
        let mut body = self.frame.clone();
        body.insert("subject".to_owned(), Value::Object(subject.clone()));
        let body = Value::Object(body).to_string().into_bytes();
        let ask = |view| question::answer(view, self.client, &body, Language::En, self.now);
        let is = match ask(self.new) {
            Ok(answered) => answered.outcome,
            Err(problem) => return Said::Problem(self.problem(row, &problem)),
        };
        let touches = |found: &Match| {
            self.added.contains(&found.entry) || self.changed.contains(&found.entry)
        };
        let is_touched = is.matches.iter().any(touches);
        // Nothing has gone, and nothing new concerns it: it was as it is.
        if !is_touched && self.gone.is_empty() && is.match_count as usize <= is.matches.len() {
            return Said::Nothing;
        }
        let was = match ask(self.old) {
            Ok(answered) => answered.outcome,
            Err(problem) => return Said::Problem(self.problem(row, &problem)),
        };
        let was_touched = was
            .matches
            .iter()
            .any(|found| self.gone.contains(&found.entry));
        let differs = was.decision != is.decision || was.match_count != is.match_count;
        match is_touched || was_touched || differs {
            true => Said::Line(self.line(row, &was, &is)),
            false => Said::Nothing,
        }
    }

    fn line(&self, row: &Row, was: &Outcome, is: &Outcome) -> String {
        let (old, new) = (&self.old.loaded.snapshot, &self.new.loaded.snapshot);
        let mut entries = Vec::new();
        let mut say = |snapshot: &Snapshot, found: &Match, change: &str| {
            let index = found.entry;
            entries.push(json!({
                "entry_id": snapshot.entry_id(index),
                "list": facts::list_of(Entry { snapshot, index }),
                "change": change,
                "identity": found.identity.name(),
                "effect": found.effect.name(),
            }));
        };
        for found in &is.matches {
            if self.added.contains(&found.entry) {
                say(new, found, "added");
            } else if self.changed.contains(&found.entry) {
                say(new, found, "changed");
            }
        }
        let said = is.matches.iter().map(|found| new.entry_id(found.entry));
        let said: HashSet<String> = said.map(|id| id.to_string()).collect();
        for found in was
            .matches
            .iter()
            .filter(|found| self.gone.contains(&found.entry))
        {
            let entry_id = old.entry_id(found.entry);
            if !said.contains(&*entry_id) {
                let still = entry_ids::find(new, &entry_id).is_some();
                say(old, found, if still { "changed" } else { "removed" });
            }
        }
        let value = json!({
            "line": row.line,
            "reference": row.reference,
            "was": answer(was),
            "is": answer(is),
            "entries": entries,
        });
        value.to_string()
    }

    fn problem(&self, row: &Row, problem: &Problem) -> String {
        let value = json!({
            "line": row.line,
            "reference": row.reference,
            "problem": {
                "status": problem.status(),
                "field": problem.field,
                "detail": problem.detail,
            },
        });
        value.to_string()
    }
}

fn answer(outcome: &Outcome) -> Value {
    let reasons: Vec<&str> = outcome.reasons.iter().map(|reason| reason.code()).collect();
    json!({
        "decision": outcome.decision.name(),
        "match_count": outcome.match_count,
        "reasons": reasons,
    })
}
