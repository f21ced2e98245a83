//! `hecha log`: reading the decision log of a stopped or running gateway.
//!
//! In: a folder, a filter. Out: the open part of each record that passes, for people or as JSON,
//! one line each. The sealed part stays sealed. Takes no lock and changes nothing.

use super::epoch::{self, EpochArgs, EpochError};
use super::expire::{self, ExpireArgs, HoldArgs, OrderArgs};
use super::export::{self, ExportArgs, ExportError};
use super::log_filter::{FilterArgs, FlagError};
use super::proof::{self, ProofArgs, ProofError, VerifyProofArgs};
use super::receipt::{self, ReceiptArgs, ReceiptCommandError, VerifyReceiptArgs};
use super::replay::{self, ReplayArgs, ReplayError};
use super::subject::{self, SubjectArgs, SubjectError};
use super::verify::{self, VerifyArgs, VerifyError};
use crate::decision_log::by_check;
use crate::decision_log::counters::owes_report;
use crate::decision_log::entry::{CheckRecord, Record};
use crate::decision_log::error::LogError;
use crate::decision_log::keys::LogKeys;
use crate::decision_log::months;
use crate::decision_log::query::{self, Filter, Summary};
use crate::decision_log::recall::{self, ReliedAnswer};
use crate::decision_log::record::CheckId;
use crate::decision_log::segment::Header;
use crate::gateway::subjects::runs_beside;
use crate::seal::keys::{KeyError, MasterKey};
use crate::storage::disk::RealDisk;
use crate::wire::normalised;
use crate::wire::recalls;
use crate::wire::records;
use clap::{Args, Subcommand};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Arguments of `hecha log`.
#[derive(Debug, Args)]
pub struct LogArgs {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    /// Show records: checks, feedback, acts, refusals
    #[command(after_help = "\
All that is given must hold. Examples:
  hecha log query var/log --entry fz-court-000001        who was answered by this entry
  hecha log query var/log --unit 'Rail ticketing' --from 2026-11-22 --json
  hecha log query var/log --without-feedback --to 2026-11-21      of which nobody reported
Requests themselves are sealed: neither names nor numbers are shown.")]
    Query(QueryArgs),
    /// List every answer that relied on an entry, and what was done after each
    #[command(after_help = "\
When a listing was wrong, everybody it hit is to be found (joint punishment, (二十四)). Examples:
  hecha log recall fz-court-000001
  hecha log recall fz-court-000001 --log state/log --json
  hecha log recall fz-court-000001 --log state/log --key log.key     with each reference
The unit finds its own business by check_id or reference; names and numbers stay sealed.
GET /v1/recalls shows the same for entries withdrawn or removed, until each answer has feedback.")]
    Recall(RecallArgs),
    /// Decide logged checks again and hold them against what was answered
    #[command(after_help = "\
Needs the key of the sealed parts, the snapshots that served, the law kept in the state folder and
the journal of acts. Examples:
  hecha log replay state/log --config hecha.toml --check-id 0192f0c1-...
  hecha log replay state/log --config hecha.toml --from 2026-11-01 --to 2026-11-30 --faults-only
Each answer must come out byte for byte: equal, differs, or cannot with what is missing. Exit code 1
where one differs, 3 where one cannot be decided.")]
    Replay(ReplayArgs),
    /// Begin a new log where the old one cannot be continued
    Epoch(EpochArgs),
    /// Destroy a month of three years ago and more, by order of two persons
    #[command(after_help = expire::EXAMPLES)]
    Expire(ExpireArgs),
    /// Make an order to destroy a month, or sign one
    ExpireOrder(OrderArgs),
    /// Keep a month whatever is ordered, or end that
    HoldMonth(HoldArgs),
    /// Read every record, hash and checkpoint, and say what is not as it must be
    #[command(after_help = "\
Works on the folder of a running gateway too. Examples:
  hecha log verify var/log --log-key log-sign.key.pub
  hecha log verify var/log --log-key log-sign.key.pub --checkpoint kept --json
Exit code 0 where the log is whole, 1 where anything differs; each finding names file and offset.
A log that its operator wrote anew and signed is found by witnesses, and by whoever kept a
checkpoint or a receipt: name it with --checkpoint.")]
    Verify(VerifyArgs),
    /// Write a proof of one answer, also of a clear, that verifies without the log
    Receipt(ReceiptArgs),
    /// Say what a receipt proves, from the file and public keys alone
    VerifyReceipt(VerifyReceiptArgs),
    /// Write a proof that the log continues a checkpoint or receipt that was kept
    #[command(after_help = "\
Examples:
  hecha log proof var/log --from kept --out proof
  hecha log verify-proof proof --checkpoint kept --log-key log-sign.key.pub
`kept` is what GET /v1/log/checkpoint gave, what a witness holds, or a receipt. Exit code 1 where
the log does not continue it. The file is the body that witnesses take (C2SP tlog-witness).")]
    Proof(ProofArgs),
    /// Say what a proof proves, from the file, the kept checkpoint and public keys alone
    VerifyProof(VerifyProofArgs),
    /// List who asked about a person or organisation, when, why and with what answer
    #[command(after_help = subject::EXAMPLES)]
    Subject(SubjectArgs),
    /// Write checks and feedback as a table for analysts
    #[command(after_help = export::EXAMPLES)]
    Export(ExportArgs),
}

#[derive(Debug, Args)]
struct QueryArgs {
    /// Folder of the log: `log` in the state folder
    dir: PathBuf,
    #[command(flatten)]
    filter: FilterArgs,
    /// Only blocks and limits of which no unit has said what it did
    #[arg(long)]
    without_feedback: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RecallArgs {
    /// The entry that was wrong
    #[arg(value_name = "ENTRY_ID")]
    entry_id: String,
    /// Folder of the log: `log` in the state folder
    #[arg(long = "log", value_name = "DIR", default_value = "var/log")]
    dir: PathBuf,
    /// Master key of the log; with it each answer shows the reference of its request
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Why the command failed; each is bad input, but `Output`.
#[derive(Debug, thiserror::Error)]
pub enum LogCommandError {
    /// A flag.
    #[error(transparent)]
    Flag(#[from] FlagError),
    /// No such folder.
    #[error("`{}` is no folder; name the folder `log` of a state folder", dir.display())]
    Folder {
        /// As given.
        dir: PathBuf,
    },
    /// Who asked about a person.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// The table.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// `hecha log replay`.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A receipt.
    #[error(transparent)]
    Receipt(#[from] ReceiptCommandError),
    /// A proof.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A new log.
    #[error(transparent)]
    Epoch(#[from] EpochError),
    /// The end of a month.
    #[error("{0:#}")]
    Expire(anyhow::Error),
    /// Verification.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

impl LogCommandError {
    /// Whether the exit code is 1: the caller cannot mend it.
    pub fn is_internal(&self) -> bool {
        match self {
            Self::Output(_) | Self::Replay(ReplayError::Output(_)) => true,
            Self::Subject(error) => error.is_internal(),
            Self::Export(error) => error.is_internal(),
            Self::Proof(error) => error.is_failure(),
            _ => false,
        }
    }
}

/// Runs the command and prints to standard output; its exit code.
pub fn run(args: &LogArgs) -> Result<u8, LogCommandError> {
    match &args.command {
        LogCommand::Query(args) => query_into(args, &mut io::stdout().lock()).map(|()| 0),
        LogCommand::Recall(args) => recall_into(args, &mut io::stdout().lock()).map(|()| 0),
        LogCommand::Replay(args) => Ok(replay::run(args)?),
        LogCommand::Epoch(args) => match epoch::run_into(args, &mut io::stdout().lock()) {
            Err(EpochError::Output(error)) => Err(error.into()),
            ended => Ok(ended.map(|()| 0)?),
        },
        LogCommand::Expire(args) => done(expire::expire(args)),
        LogCommand::ExpireOrder(args) => done(expire::order(args)),
        LogCommand::HoldMonth(args) => done(expire::hold(args)),
        LogCommand::Verify(args) => Ok(verify::run(args)?),
        LogCommand::Receipt(args) => {
            Ok(receipt::make_into(args, &mut io::stdout().lock()).map(|()| 0)?)
        }
        LogCommand::VerifyReceipt(args) => {
            Ok(receipt::verify_into(args, &mut io::stdout().lock()).map(|()| 0)?)
        }
        LogCommand::Proof(args) => {
            Ok(proof::make_into(args, &mut io::stdout().lock()).map(|()| 0)?)
        }
        LogCommand::VerifyProof(args) => {
            Ok(proof::verify_into(args, &mut io::stdout().lock()).map(|()| 0)?)
        }
        LogCommand::Subject(args) => {
            subject::run(args, &mut io::stdout().lock())?;
            Ok(0)
        }
        LogCommand::Export(args) => {
            export::run(args, &mut io::stdout().lock())?;
            Ok(0)
        }
    }
}

fn done(expired: anyhow::Result<()>) -> Result<u8, LogCommandError> {
    expired.map(|()| 0).map_err(LogCommandError::Expire)
}

fn query_into(args: &QueryArgs, out: &mut dyn Write) -> Result<(), LogCommandError> {
    if !args.dir.is_dir() {
        return Err(LogCommandError::Folder {
            dir: args.dir.clone(),
        });
    }
    let filter = args.filter.filter()?;
    let reported = match args.without_feedback {
        true => Some(reported(args)?),
        false => None,
    };
    let mut written = Ok(());
    let mut left_out = 0;
    let summary = read(&args.dir, &filter, |record| {
        if reported
            .as_ref()
            .is_some_and(|reported| !lacks_report(&record, reported))
        {
            left_out += 1;
            return ControlFlow::Continue(());
        }
        let line = match args.json {
            true => records::record(&record).to_string(),
            false => as_text(&record),
        };
        written = writeln!(out, "{line}");
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    match written.and_then(|()| out.flush()) {
        // Whoever reads a pipe may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        written => written?,
    }
    let torn = match &summary.tail {
        Some(tail) => format!("; {} is not whole from {} on", tail.file, tail.offset),
        None => String::new(),
    };
    let (records, segments) = (summary.records - left_out, summary.segments);
    writeln!(
        io::stderr().lock(),
        "{records} records, {segments} segments read{torn}{}",
        expire::note(&args.dir)
    )?;
    Ok(())
}

/// One check by the index, everything else by reading the whole log.
fn read(
    dir: &Path,
    filter: &Filter,
    mut visit: impl FnMut(Record) -> ControlFlow<()>,
) -> Result<Summary, LogError> {
    let Some(check_id) = filter.check_id else {
        return query::read(&RealDisk, dir, filter, visit);
    };
    let found = by_check::read(&RealDisk, dir, check_id)?;
    let mut summary = Summary {
        segments: found.segments,
        ..Summary::default()
    };
    for record in found.records {
        if !filter.passes(&record) {
            continue;
        }
        summary.records += 1;
        if visit(record).is_break() {
            break;
        }
    }
    Ok(summary)
}

/// Checks of which somebody has said what was done, whenever that was.
fn reported(args: &QueryArgs) -> Result<HashSet<CheckId>, LogError> {
    let mut reported = HashSet::new();
    query::read(&RealDisk, &args.dir, &Filter::default(), |record| {
        if let Record::Feedback(said) = record {
            reported.insert(said.check_id);
        }
        ControlFlow::Continue(())
    })?;
    Ok(reported)
}

fn lacks_report(record: &Record, reported: &HashSet<CheckId>) -> bool {
    match record {
        Record::Check(check) => owes_report(check.decision) && !reported.contains(&check.check_id),
        Record::Feedback(_) | Record::Event(_) => false,
    }
}

fn recall_into(args: &RecallArgs, out: &mut dyn Write) -> Result<(), LogCommandError> {
    if !args.dir.is_dir() {
        return Err(LogCommandError::Folder {
            dir: args.dir.clone(),
        });
    }
    let wanted = BTreeSet::from([args.entry_id.as_str().into()]);
    let keys = args.key.as_deref().map(MasterKey::load).transpose()?;
    let keys = keys.map(LogKeys::new);
    let reference_of = |folder: &Path, header: &Header, check: &CheckRecord| {
        let shard = months::open_shard(&RealDisk, folder, keys.as_ref()?, header).ok()?;
        let plain = Zeroizing::new(shard.unseal(&check.check_id.0, &check.sealed).ok()?);
        normalised::reference(&plain)
    };
    let mut answers: Vec<ReliedAnswer> = Vec::new();
    let mut segments = 0;
    for folder in std::iter::once(args.dir.clone()).chain(runs_beside(&args.dir)) {
        let reference_of =
            |header: &Header, check: &CheckRecord| reference_of(&folder, header, check);
        let (found, summary) = recall::collect(&RealDisk, &folder, &wanted, &reference_of)?;
        answers.extend(found.into_values().flatten());
        segments += summary.segments;
    }
    let mut write = || -> io::Result<()> {
        for answer in &answers {
            match args.json {
                true => writeln!(out, "{}", recalls::relied(answer))?,
                false => writeln!(out, "{}", relied_text(answer))?,
            }
        }
        out.flush()
    };
    match pipe_may_close(&mut write) {
        Ok(true) => (),
        Ok(false) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let waiting = answers.iter().filter(|answer| answer.feedback.is_none());
    let (count, waiting) = (answers.len(), waiting.count());
    writeln!(
        io::stderr().lock(),
        "{count} answers relied on it, {waiting} without feedback; {segments} segments read{}",
        expire::note(&args.dir)
    )?;
    Ok(())
}

/// False where whoever reads has seen enough.
fn pipe_may_close(write: impl FnOnce() -> io::Result<()>) -> io::Result<bool> {
    match write() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

fn relied_text(answer: &ReliedAnswer) -> String {
    let feedback = match answer.feedback {
        Some((action, at)) => format!("{} at {at}", action.name()),
        None => "no feedback yet".to_owned(),
    };
    let reference = answer.reference.as_deref();
    let reference = reference.map_or_else(String::new, |text| format!(" ({text})"));
    format!(
        "{} {} {:<6} {} by {}{reference}: {feedback}",
        answer.moment,
        answer.check_id,
        answer.decision.name(),
        answer.scenario,
        answer.unit,
    )
}

fn as_text(record: &Record) -> String {
    let mut line = String::new();
    // Writing to a string cannot fail.
    let _ = match record {
        Record::Check(check) => {
            let entries: Vec<&str> = check.relied.iter().map(|one| &*one.entry_id).collect();
            write!(
                line,
                "{} check    {} {:<6} {} by {} on [{}] ({})",
                check.moment,
                check.check_id,
                check.decision.name(),
                check.scenario,
                check.unit,
                entries.join(", "),
                check.level.name(),
            )
        }
        Record::Feedback(said) => write!(
            line,
            "{} feedback {} {} by {}",
            said.moment,
            said.check_id,
            said.action.name(),
            said.unit
        ),
        Record::Event(event) => {
            let details: Vec<String> = event
                .details
                .iter()
                .map(|(name, text)| format!("{name}={text}"))
                .collect();
            let status = event.status.map_or_else(String::new, |s| format!(" {s}"));
            let check_id = event
                .check_id
                .map_or_else(String::new, |id| format!(" {id}"));
            write!(
                line,
                "{} {:<8}{check_id}{status} by {} {}",
                event.moment,
                event.kind.map_or("unknown", |kind| kind.name()),
                event.unit.as_deref().unwrap_or("-"),
                details.join(" "),
            )
        }
    };
    line
}
