//! `hecha log subject`: who asked about a person or organisation.
//!
//! In: a log that no gateway holds, its key, a number, who wants to know and why. Out: each answer
//! on standard output, for people or as the JSON of `POST /v1/log/subject`. The reading is recorded
//! in the log, and on the disk, before anything is printed.

use super::check::{self, CheckError};
use super::expire;
use super::log_open::{self, LogOpenError};
use crate::decision_log::error::LogError;
use crate::decision_log::record::CheckId;
use crate::decision_log::subject::{SubjectAnswer, SubjectFound};
use crate::gateway::clock::Clock;
use crate::gateway::recorder::SubjectRead;
use crate::gateway::subjects;
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::model::decision::Level;
use crate::model::term::{Day, Moment};
use crate::name::fold::fold;
use crate::wire::ops::TEXT_CHARS_MAX;
use crate::wire::subject::{self, LIMIT, LIMIT_MAX, SubjectBody};
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Shown behind the help.
pub const EXAMPLES: &str = "\
A person may ask who asked about him or her (personal information protection law, article 45).
  hecha log subject var/log --id citizen_id:- --key var/log.key \\
        --by 'Data protection desk' --reason 'application 2026-17'           < number.txt
  hecha log subject var/log --id credit_code:- --key log.key --by desk --reason r --json < code.txt
Answers that asked by the name alone are shown with --name; others may bear it too. The number is
found also as a further number or as a related party. Nobody reads this unseen: the reading is
recorded, with a keyed digest of the number. While a gateway runs, ask it:
POST /v1/log/subject on its ops listener, as an auditor.";

const INSTEAD: &str = "ask it with `POST /v1/log/subject` on its ops listener, or end it first";

/// Arguments of `hecha log subject`.
#[derive(Debug, Args)]
pub struct SubjectArgs {
    /// Folder of the log: `log` in the state folder
    dir: PathBuf,
    /// Number of the person or organisation; `TYPE:-` (or `-`, for a citizen_id) reads it from
    /// standard input
    #[arg(long, value_name = "TYPE:NUMBER")]
    id: String,
    /// Also answers that asked by this name alone
    #[arg(long)]
    name: Option<String>,
    /// Master key of the log
    #[arg(long, value_name = "LOGKEY")]
    key: PathBuf,
    /// Not before this moment or day
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this moment, or to the end of this day
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only answers behind this check_id
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Answers at most
    #[arg(long, default_value_t = LIMIT)]
    limit: usize,
    /// Who wants to know; recorded
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why; recorded
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The application that asks for it; recorded
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// One JSON object, as over HTTP
    #[arg(long)]
    json: bool,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// A flag.
    #[error("`{flag}`: {what}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// What is wrong, without the value.
        what: String,
    },
    /// Standard input.
    #[error(transparent)]
    Input(#[from] CheckError),
    /// Opening the log.
    #[error(transparent)]
    Open(#[from] LogOpenError),
    /// Reading or recording.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

/// Records the reading, reads, prints.
pub fn run(args: &SubjectArgs, out: &mut dyn Write) -> Result<(), SubjectError> {
    let body = body(args)?;
    let now = Clock::default().now();
    let log = log_open::open(&args.dir, &args.key, now, INSTEAD)?;
    let read = SubjectRead {
        unit: &args.by,
        operator: None,
        body: &body,
        at: now.max(log.highest_moment()),
    };
    let position = read.append(&log)?;
    log.reached_blocking(Level::Disk, position)?;
    // A log of an older version has none yet: made once, by the log's own thread.
    log.wait_for_sides();
    let found = subjects::find(&log, &body)?;
    log.close()?;
    let printed = match args.json {
        true => writeln!(out, "{}", subject::found(&found)),
        false => print(&found, &expire::note(&args.dir), out),
    };
    match printed.and_then(|()| out.flush()) {
        // Whoever reads a pipe may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => Ok(printed?),
    }
}

fn print(found: &SubjectFound, expired: &str, out: &mut dyn Write) -> io::Result<()> {
    for answer in &found.answers {
        writeln!(out, "{}", text(answer))?;
    }
    let mut said = format!(
        "{} answers, {} months searched",
        found.answers.len(),
        found.months_searched.len()
    );
    if let Some(last) = found.answers.last().filter(|_| found.more) {
        said += &format!("; there are more: --after {}", last.check.check_id);
    }
    let unreadable: Vec<&str> = found
        .months_unreadable
        .iter()
        .map(|month| &**month)
        .collect();
    if !unreadable.is_empty() {
        let months = unreadable.join(", ");
        said += &format!("; not readable, for their key is gone or another: {months}");
    }
    writeln!(io::stderr().lock(), "{said}{expired}")
}

fn text(answer: &SubjectAnswer) -> String {
    let check = &answer.check;
    let entries: Vec<&str> = check.relied.iter().map(|one| &*one.entry_id).collect();
    let feedback = match answer.feedback {
        Some((action, at)) => format!("{} at {at}", action.name()),
        None => "no feedback".to_owned(),
    };
    let by_name = match answer.by {
        crate::decision_log::subject::FoundBy::Name => " (by the name alone)",
        crate::decision_log::subject::FoundBy::Number => "",
    };
    format!(
        "{} {} {:<6} {} by {} for {:?} as {}{by_name} on [{}]: {feedback}",
        check.moment,
        check.check_id,
        check.decision.name(),
        check.scenario,
        check.unit,
        check.purpose.as_deref().unwrap_or("-"),
        subject::as_word(answer.role),
        entries.join(", "),
    )
}

fn body(args: &SubjectArgs) -> Result<SubjectBody, SubjectError> {
    let refuse = |flag, what: &str| SubjectError::Flag {
        flag,
        what: what.to_owned(),
    };
    for (flag, text) in [("--by", &args.by), ("--reason", &args.reason)] {
        if text.trim().is_empty() || text.chars().nth(TEXT_CHARS_MAX).is_some() {
            return Err(refuse(flag, "say who or why; it is recorded"));
        }
    }
    let after = args.after.as_deref().map(|text| {
        let what = "write the check_id after which the list goes on";
        CheckId::parse(text).ok_or_else(|| refuse("--after", what))
    });
    if !(1..=LIMIT_MAX).contains(&args.limit) {
        return Err(refuse("--limit", "write a number from 1 to 10000"));
    }
    let moment = |flag, text: Option<&str>, of_day: fn(Day) -> Moment| {
        let what = "write a day such as 2026-11-22, or a moment such as 2026-11-22T10:00:00+08:00";
        let read = |text: &str| Day::parse(text).map(of_day).or_else(|| Moment::parse(text));
        text.map(|text| read(text).ok_or_else(|| refuse(flag, what)))
            .transpose()
    };
    let name = args.name.as_deref().map(fold);
    Ok(SubjectBody {
        numbers: subject::numbers_of(number(args)?),
        name: name.filter(|name| !name.is_empty()),
        reason: args.reason.trim().to_owned(),
        reference: args.reference.clone(),
        from: moment("--from", args.from.as_deref(), Day::start)?,
        until: moment("--to", args.to.as_deref(), Day::end)?,
        after: after.transpose()?,
        limit: args.limit,
    })
}

fn number(args: &SubjectArgs) -> Result<FullNumber, SubjectError> {
    let stated = match args.id.as_str() {
        "-" => "citizen_id:-",
        stated => stated,
    };
    let refuse = |what: String| SubjectError::Flag { flag: "--id", what };
    let split = stated.split_once(':');
    let (id_type, number) = split.ok_or_else(|| {
        refuse("write TYPE:NUMBER, or TYPE:- and the number on standard input".to_owned())
    })?;
    let id_type = IdType::parse(id_type);
    let id_type = id_type.ok_or_else(|| refuse("there is no such type of number".to_owned()))?;
    let number = match number {
        "-" => Zeroizing::new(check::standard_input()?),
        number => {
            check::warn()?;
            Zeroizing::new(number.to_owned())
        }
    };
    FullNumber::parse(id_type, number.trim()).map_err(|fault| refuse(fault.to_string()))
}

impl SubjectError {
    /// Whether it is a fault of ours.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Output(_))
    }
}
