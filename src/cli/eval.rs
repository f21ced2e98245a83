//! `hecha eval`: how well decisions agree with labelled cases.
//!
//! In: a file of cases. Out: a table of those that fail and a line of figures, or both as JSON; the
//! answers in a file of their own where asked for. Contract, section 4. Reads and writes files,
//! decides nothing.

use crate::catalogue::fault::CatalogueError;
use crate::catalogue::load;
use crate::eval::cases::{self, CaseFault};
use crate::eval::decisions::{self, CaseResult};
use crate::telemetry::Telemetry;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::value::RawValue;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Arguments of `hecha eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(subcommand)]
    command: EvalCommand,
}

#[derive(Debug, Subcommand)]
enum EvalCommand {
    /// Run labelled cases through the whole pipeline and compare decisions
    #[command(
        after_help = "Each line of FILE is one case: `given` holds list entries, the client, acts \
                      and the age of the lists; `request` is the body of a check at `now`; \
                      `expect` is compared with the answer.\n\n\
                      Exit code: 0 all pass, 1 a case fails, 2 FILE cannot be read.\n\n\
                      Example: hecha eval decisions cases.ndjson --answers answers.ndjson"
    )]
    Decisions(DecisionsArgs),
    /// Measure how well names are told apart (not in this version)
    Names(NamesArgs),
}

#[derive(Debug, Args)]
struct DecisionsArgs {
    /// Cases, one JSON object a line
    file: PathBuf,
    /// Print figures and failures as one JSON object
    #[arg(long)]
    json: bool,
    /// Write every answer here, one line a case: {"id", "status", "body"}
    #[arg(long, value_name = "OUT.ndjson")]
    answers: Option<PathBuf>,
    /// Folder with the tables of the catalogue; the built-in ones where absent
    #[arg(long, value_name = "DIR")]
    catalogue: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct NamesArgs {
    /// Pairs of names, tab-separated
    file: PathBuf,
    /// Print figures as JSON
    #[arg(long)]
    json: bool,
    /// Write the score of every pair here
    #[arg(long, value_name = "OUT.tsv")]
    scores: Option<PathBuf>,
}

/// How an evaluation ended, where it ended at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every case passes: exit code 0.
    Passed,
    /// A case fails: exit code 1.
    Failed,
}

/// Why there is no verdict: bad input or usage, exit code 2; `Output` is exit code 1.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The file of cases cannot be read.
    #[error("{}: cannot be read as UTF-8 text ({source}); give a file of cases", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no case.
    #[error(transparent)]
    Case(#[from] CaseFault),
    /// The tables.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The answers cannot be written.
    #[error("{}: the answers cannot be written ({source})", path.display())]
    Answers {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A later version has it.
    #[error(
        "`eval names` belongs to a later version: this one compares names for equality only; \
         `hecha eval decisions` works"
    )]
    NamesLater,
    /// Standard output.
    #[error("cannot write the result ({0})")]
    Output(#[from] io::Error),
}

/// Runs the command and prints to standard output.
pub fn run(args: EvalArgs) -> Result<Verdict, EvalError> {
    run_into(args, &mut io::stdout().lock())
}

fn run_into(args: EvalArgs, out: &mut dyn Write) -> Result<Verdict, EvalError> {
    match args.command {
        EvalCommand::Decisions(args) => decisions(&args, out),
        EvalCommand::Names(_) => Err(EvalError::NamesLater),
    }
}

fn decisions(args: &DecisionsArgs, out: &mut dyn Write) -> Result<Verdict, EvalError> {
    let text = fs::read_to_string(&args.file).map_err(|source| EvalError::Read {
        path: args.file.clone(),
        source,
    })?;
    let cases = cases::parse(&args.file.display().to_string(), &text)?;
    let catalogue = match &args.catalogue {
        Some(dir) => load::load(dir)?,
        None => load::built_in()?,
    };
    let results = decisions::run(&cases, catalogue, &Telemetry::new());
    if let Some(path) = &args.answers {
        write_answers(path, &results).map_err(|source| EvalError::Answers {
            path: path.clone(),
            source,
        })?;
    }
    if args.json {
        print_json(&results, out)?;
    } else {
        print_table(&results, out)?;
    }
    out.flush()?;
    Ok(if results.iter().all(CaseResult::passes) {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

#[derive(Serialize)]
struct AnswerLine<'a> {
    id: &'a str,
    status: u16,
    body: Option<Box<RawValue>>,
}

fn write_answers(path: &Path, results: &[CaseResult]) -> io::Result<()> {
    let mut lines = Vec::new();
    for result in results {
        let body = String::from_utf8_lossy(&result.body).into_owned();
        let line = AnswerLine {
            id: &result.id,
            status: result.status,
            body: RawValue::from_string(body).ok(),
        };
        serde_json::to_writer(&mut lines, &line)?;
        lines.push(b'\n');
    }
    fs::write(path, lines)
}

#[derive(Serialize)]
struct Report<'a> {
    cases: usize,
    passed: usize,
    failed: Vec<Failure<'a>>,
}

#[derive(Serialize)]
struct Failure<'a> {
    id: &'a str,
    title: &'a str,
    differences: &'a [String],
    left_out: &'a [String],
}

fn print_json(results: &[CaseResult], out: &mut dyn Write) -> io::Result<()> {
    let failed: Vec<Failure<'_>> = failures(results)
        .map(|result| Failure {
            id: &result.id,
            title: &result.title,
            differences: &result.differences,
            left_out: &result.left_out,
        })
        .collect();
    let report = Report {
        cases: results.len(),
        passed: results.len() - failed.len(),
        failed,
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

fn print_table(results: &[CaseResult], out: &mut dyn Write) -> io::Result<()> {
    let wide = failures(results).map(|result| result.id.chars().count());
    let wide = wide.max().unwrap_or(0);
    for result in failures(results) {
        writeln!(out, "{:wide$}  {}", result.id, result.title)?;
        let left_out = result
            .left_out
            .iter()
            .map(|what| format!("left out: {what}"));
        for line in result.differences.iter().cloned().chain(left_out) {
            writeln!(out, "{:wide$}    {line}", "")?;
        }
    }
    let failed = failures(results).count();
    let passed = results.len() - failed;
    writeln!(out, "{} cases: {passed} pass, {failed} fail", results.len())
}

fn failures(results: &[CaseResult]) -> impl Iterator<Item = &CaseResult> {
    results.iter().filter(|result| !result.passes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const CASES: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/decision-cases.ndjson"
    );

    fn args(file: &Path) -> DecisionsArgs {
        DecisionsArgs {
            file: file.to_path_buf(),
            json: false,
            answers: None,
            catalogue: None,
        }
    }

    fn printed(args: DecisionsArgs) -> (Result<Verdict, EvalError>, String) {
        let mut out = Vec::new();
        let command = EvalCommand::Decisions(args);
        let verdict = run_into(EvalArgs { command }, &mut out);
        (verdict, String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_case_of_the_project_passes_and_its_answer_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let answers = dir.path().join("answers.ndjson");
        let (verdict, out) = printed(DecisionsArgs {
            answers: Some(answers.clone()),
            ..args(Path::new(CASES))
        });
        assert_eq!(out, "178 cases: 178 pass, 0 fail\n");
        assert_eq!(verdict.unwrap(), Verdict::Passed);
        let text = fs::read_to_string(answers).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 178);
        assert_eq!(lines[0]["id"], "dc-001");
        assert_eq!(lines[0]["status"], 200);
        assert_eq!(lines[0]["body"]["decision"], "block");
        let refused = lines.iter().find(|line| line["id"] == "dc-149").unwrap();
        assert_eq!(refused["status"], 422);
        assert_eq!(refused["body"]["field"], "scenario");
    }

    #[test]
    fn a_case_that_fails_is_shown_with_every_difference() {
        let text = fs::read_to_string(CASES).unwrap();
        let first = text.lines().next().unwrap();
        let wrong = first.replace(r#""decision": "block""#, r#""decision": "clear""#);
        assert_ne!(wrong, first);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("wrong.ndjson");
        fs::write(&file, wrong).unwrap();
        let (verdict, out) = printed(args(&file));
        assert_eq!(
            out,
            "dc-001  G train, second class\n          decision: block instead of clear\n\
             1 cases: 0 pass, 1 fail\n"
        );
        assert_eq!(verdict.unwrap(), Verdict::Failed);
        let (_, out) = printed(DecisionsArgs {
            json: true,
            ..args(&file)
        });
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["cases"], 1);
        assert_eq!(report["passed"], 0);
        assert_eq!(report["failed"][0]["id"], "dc-001");
        assert_eq!(
            report["failed"][0]["differences"][0],
            "decision: block instead of clear"
        );
    }

    #[test]
    fn a_file_that_is_no_case_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let absent = dir.path().join("absent.ndjson");
        let error = printed(args(&absent)).0.unwrap_err().to_string();
        assert!(error.contains("absent.ndjson: cannot be read"), "{error}");
        let file = dir.path().join("bad.ndjson");
        fs::write(&file, "{}\n").unwrap();
        let error = printed(args(&file)).0.unwrap_err().to_string();
        assert!(
            error.contains("bad.ndjson:1: not a case: missing field `id`"),
            "{error}"
        );
    }

    #[test]
    fn names_are_measured_in_a_later_version() {
        let command = EvalCommand::Names(NamesArgs {
            file: "pairs.tsv".into(),
            json: false,
            scores: None,
        });
        let error = run_into(EvalArgs { command }, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("a later version"), "{error}");
    }
}
