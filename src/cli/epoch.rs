//! `hecha log epoch`: begins a new log where the old one cannot be continued.
//!
//! In: the folder of a stopped gateway's log, a reason, a name. Out: the old folder renamed, a new
//! one whose first record says what was before it. Deletes nothing, needs no key.

use crate::decision_log::epoch::{self, Order};
use crate::decision_log::error::LogError;
use crate::http::witness_client::{WitnessUrl, get_blocking};
use crate::storage::disk::RealDisk;
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;

/// Arguments of `hecha log epoch`.
#[derive(Debug, Args)]
#[command(after_help = "\
A gateway does not continue a log that is smaller than its witness saw, or another: records were
lost or taken back. Restore the newest copy first. Where they are lost for good, this says so:

  hecha log epoch state/log --reason 'disk of gateway 3 died' --by 'Li Si' \\
        --witness http://127.0.0.1:8090

The gateway must be stopped. The old folder becomes `log-epoch-1` beside; its records are read there
(`hecha log query state/log-epoch-1`). The new log has a new origin, and its first record, of kind
`epoch`, names the old one, what was found of it, what the witness saw, the reason and who said so.
Feedback on checks of the old log is not taken any more. Two people should know of this: whoever
reads the log sees it for ever.")]
pub struct EpochArgs {
    /// Folder of the log
    dir: PathBuf,
    /// Why; it is recorded
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who; it is recorded
    #[arg(long, value_name = "NAME")]
    by: String,
    /// A witness to ask what it has seen; needed where the folder itself is lost
    #[arg(long, value_name = "URL")]
    witness: Option<String>,
}

/// Why no new log was begun.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// A flag.
    #[error("`{flag}`: {what}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// What to write.
        what: &'static str,
    },
    /// The witness.
    #[error("the witness {url} cannot be asked: {fault}; start it, or leave --witness out")]
    Witness {
        /// Which.
        url: String,
        /// What went wrong.
        fault: String,
    },
    /// The folder of a log, or above it.
    #[error("`{}` is no folder of a log; name the folder `log` of a state folder", dir.display())]
    Folder {
        /// As given.
        dir: PathBuf,
    },
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

/// Runs the command and prints to `out`.
pub fn run_into(args: &EpochArgs, out: &mut dyn Write) -> Result<(), EpochError> {
    let order = Order {
        reason: line("--reason", &args.reason)?,
        by: line("--by", &args.by)?,
        witnessed: match &args.witness {
            Some(url) => seen_by(url)?,
            None => Vec::new(),
        },
    };
    // With a witness the folder may be gone: that is what is recorded then.
    if !args.dir.is_dir() && args.witness.is_none() {
        let dir = args.dir.clone();
        return Err(EpochError::Folder { dir });
    }
    let begun = epoch::begin(&RealDisk, &args.dir, &order)?;
    if let Some(old) = &begun.old {
        writeln!(out, "the old log is kept in {}", old.display())?;
    }
    writeln!(
        out,
        "{} begins a new log; its first record will say:",
        args.dir.display()
    )?;
    for (key, text) in &begun.note {
        writeln!(out, "  {key:<11} {text}")?;
    }
    writeln!(
        out,
        "start the gateway now; give the new origin to whoever verifies the log"
    )?;
    Ok(out.flush()?)
}

/// A text that fits on a line of the note.
fn line(flag: &'static str, text: &str) -> Result<String, EpochError> {
    let text = text.trim();
    let what = "write 1 to 500 characters on one line";
    let fits = !text.is_empty() && text.chars().count() <= 500;
    match fits && !text.chars().any(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err(EpochError::Flag { flag, what }),
    }
}

/// Size and origin of every shard that a witness has cosigned, as it says.
fn seen_by(url: &str) -> Result<Vec<(u64, String)>, EpochError> {
    let parsed = WitnessUrl::parse(url).ok_or(EpochError::Flag {
        flag: "--witness",
        what: "write an address such as http://127.0.0.1:8090",
    })?;
    let fault = |fault| EpochError::Witness {
        url: url.to_owned(),
        fault,
    };
    let answer = get_blocking(&parsed, "/logs").map_err(|error| fault(error.to_string()))?;
    if answer.status != 200 {
        return Err(fault(format!("it answers {}", answer.status)));
    }
    let lines = answer.text().lines();
    let seen = lines.map(|line| {
        let (size, origin) = line.split_once(' ')?;
        Some((size.parse().ok()?, origin.to_owned()))
    });
    let seen: Option<Vec<_>> = seen.collect();
    seen.ok_or_else(|| fault("it answers something else".to_owned()))
}
