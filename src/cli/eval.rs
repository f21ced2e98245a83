//! `hecha eval`: how well decisions agree with labelled cases, and how well names are told apart.
//!
//! In: a file of cases or pairs. Out: a table, or the same as JSON; the answers or scores in a file
//! of their own where asked for. Contract, sections 4 and 6. Reads and writes files, decides
//! nothing.

use crate::catalogue::fault::CatalogueError;
use crate::catalogue::load;
use crate::eval::cases::{self, CaseFault};
use crate::eval::decisions::{self, CaseResult};
use crate::eval::names::{self, ClassReport, Figures, KindReport, PairFault};
use crate::name::similarity::{NameKind, THRESHOLD};
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
    /// Score labelled pairs of names and show how well they are told apart
    #[command(
        after_help = "FILE has a head line and the columns id, query, listed, kind (person or \
                      org), class and label (match or non-match), separated by tabs; more \
                      columns are ignored. For persons and organisations apart the table shows \
                      precision, recall and F1 at the default threshold, the best F1, and the \
                      recall at 99 % precision; then, class by class, the share accepted at both \
                      thresholds (recall of a class that matches, error of one that does not) and, \
                      for a class that matches, precision and F1 against all non-matches of its \
                      kind at equal weight.\n\n\
                      Exit code: 0 done, 2 FILE cannot be read.\n\n\
                      Example: hecha eval names pairs.tsv --scores scores.tsv"
    )]
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
    /// Write the score of every pair here: id, score 0..1, matched 0 or 1 at the default threshold
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
    #[error(
        "{}: cannot be read as UTF-8 text ({source}); give a file of cases or pairs",
        path.display()
    )]
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
    /// The answers or scores cannot be written.
    #[error("{}: cannot be written ({source})", path.display())]
    Answers {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no pair.
    #[error(transparent)]
    Pair(#[from] PairFault),
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
        EvalCommand::Names(args) => measure_names(&args, out),
    }
}

fn decisions(args: &DecisionsArgs, out: &mut dyn Write) -> Result<Verdict, EvalError> {
    let text = read(&args.file)?;
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

fn read(file: &Path) -> Result<String, EvalError> {
    fs::read_to_string(file).map_err(|source| EvalError::Read {
        path: file.to_path_buf(),
        source,
    })
}

fn measure_names(args: &NamesArgs, out: &mut dyn Write) -> Result<Verdict, EvalError> {
    let text = read(&args.file)?;
    let pairs = names::parse(&args.file.display().to_string(), &text)?;
    let scores = names::scores(&pairs);
    if let Some(path) = &args.scores {
        let mut lines = "id\tscore\tmatched\n".to_owned();
        for (pair, score) in pairs.iter().zip(&scores) {
            let matched = u8::from(*score >= THRESHOLD);
            lines.push_str(&format!("{}\t{score:.4}\t{matched}\n", pair.id));
        }
        fs::write(path, lines).map_err(|source| EvalError::Answers {
            path: path.clone(),
            source,
        })?;
    }
    let reports = names::report(&pairs, &scores);
    if args.json {
        let reports: Vec<KindJson<'_>> = reports.iter().map(KindJson::of).collect();
        serde_json::to_writer_pretty(&mut *out, &reports).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        for report in &reports {
            print_kind(report, out)?;
        }
    }
    out.flush()?;
    Ok(Verdict::Passed)
}

#[derive(Serialize)]
struct KindJson<'a> {
    kind: &'static str,
    pairs: usize,
    threshold: f32,
    at_threshold: FiguresJson,
    best_threshold: f32,
    at_best: FiguresJson,
    precision_99_threshold: Option<f32>,
    recall_at_precision_99: f64,
    classes: Vec<ClassJson<'a>>,
}

#[derive(Serialize)]
struct FiguresJson {
    precision: f64,
    recall: f64,
    f1: f64,
}

#[derive(Serialize)]
struct ClassJson<'a> {
    class: &'a str,
    label: &'static str,
    pairs: usize,
    accepted: f64,
    accepted_at_precision_99: f64,
    balanced: Option<FiguresJson>,
    balanced_best_f1: Option<f64>,
}

impl From<Figures> for FiguresJson {
    fn from(figures: Figures) -> Self {
        Self {
            precision: figures.precision,
            recall: figures.recall,
            f1: figures.f1,
        }
    }
}

impl<'a> KindJson<'a> {
    fn of(report: &'a KindReport) -> Self {
        let high = report.at_high_precision;
        let class = |class: &'a ClassReport| ClassJson {
            class: &class.class,
            label: label(class),
            pairs: class.pairs,
            accepted: class.accepted_default,
            accepted_at_precision_99: class.accepted_high_precision,
            balanced: class.balanced.map(FiguresJson::from),
            balanced_best_f1: class.balanced_best_f1,
        };
        Self {
            kind: kind_name(report.kind),
            pairs: report.pairs,
            threshold: THRESHOLD,
            at_threshold: report.at_default.into(),
            best_threshold: report.best.0,
            at_best: report.best.1.into(),
            precision_99_threshold: high.map(|(threshold, _)| threshold),
            recall_at_precision_99: high.map_or(0.0, |(_, figures)| figures.recall),
            classes: report.classes.iter().map(class).collect(),
        }
    }
}

fn print_kind(report: &KindReport, out: &mut dyn Write) -> io::Result<()> {
    let (best_threshold, best) = report.best;
    let kind = kind_name(report.kind);
    writeln!(out, "{kind}: {} pairs", report.pairs)?;
    print_figures(out, "default threshold", THRESHOLD, report.at_default)?;
    print_figures(out, "best F1", best_threshold, best)?;
    match report.at_high_precision {
        Some((threshold, figures)) => print_figures(out, "99 % precision", threshold, figures)?,
        None => writeln!(out, "  99 % precision     no threshold reaches it")?,
    }
    writeln!(
        out,
        "\n  {:<22} {:<9} {:>5} {:>9} {:>9} {:>9} {:>6} {:>8}",
        "class", "label", "pairs", "accepted", "at 99 %", "precision", "F1", "best F1"
    )?;
    for class in &report.classes {
        write!(
            out,
            "  {:<22} {:<9} {:>5} {:>9.3} {:>9.3}",
            class.class,
            label(class),
            class.pairs,
            class.accepted_default,
            class.accepted_high_precision
        )?;
        match (class.balanced, class.balanced_best_f1) {
            (Some(figures), Some(best)) => writeln!(
                out,
                " {:>9.3} {:>6.3} {:>8.3}",
                figures.precision, figures.f1, best
            )?,
            _ => writeln!(out)?,
        }
    }
    writeln!(out)
}

fn print_figures(
    out: &mut dyn Write,
    what: &str,
    threshold: f32,
    figures: Figures,
) -> io::Result<()> {
    let Figures {
        precision,
        recall,
        f1,
    } = figures;
    writeln!(
        out,
        "  {what:<18} score >= {threshold:.3}: precision {precision:.3}, recall {recall:.3}, \
         F1 {f1:.3}"
    )
}

fn kind_name(kind: NameKind) -> &'static str {
    match kind {
        NameKind::Person => "person",
        NameKind::Organisation => "organisation",
    }
}

fn label(class: &ClassReport) -> &'static str {
    if class.is_match { "match" } else { "non-match" }
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
    fn names_are_scored_and_the_scores_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pairs.tsv");
        let head = "id\tquery\tlisted\tkind\tclass\tlabel\tnote";
        let pairs =
            "a\t張偉\t张伟\tperson\ttrad\tmatch\t\nb\t王芳\t刘洋\tperson\tother\tnon-match\t\n";
        fs::write(&file, format!("{head}\n{pairs}")).unwrap();
        let scores = dir.path().join("scores.tsv");
        let run = |json| {
            let command = EvalCommand::Names(NamesArgs {
                file: file.clone(),
                json,
                scores: Some(scores.clone()),
            });
            let mut out = Vec::new();
            let verdict = run_into(EvalArgs { command }, &mut out).unwrap();
            assert_eq!(verdict, Verdict::Passed);
            String::from_utf8(out).unwrap()
        };
        let table = run(false);
        assert!(table.starts_with("person: 2 pairs\n"), "{table}");
        assert!(
            table.contains("precision 1.000, recall 1.000, F1 1.000"),
            "{table}"
        );
        let json: Value = serde_json::from_str(&run(true)).unwrap();
        assert_eq!(json[0]["kind"], "person");
        assert_eq!(json[0]["at_threshold"]["f1"], 1.0);
        assert_eq!(json[0]["classes"][1]["label"], "non-match");
        let written = fs::read_to_string(scores).unwrap();
        assert_eq!(written, "id\tscore\tmatched\na\t1.0000\t1\nb\t0.0000\t0\n");
    }
}
