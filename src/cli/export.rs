//! `hecha log export`: checks and feedback of a log as a table for analysts.
//!
//! In: the folder of a stopped or running log. Out: a Parquet file, named only when it is whole and
//! on the disk; which columns it has says `wire/exported.rs`. Opens nothing sealed, needs no key,
//! takes no lock of the log and changes nothing in it. A damaged or missing segment ends it with
//! file and offset and leaves no table; a tail that is not whole is said.

use super::log_bar;
use crate::decision_log::entry::Record;
use crate::decision_log::error::LogError;
use crate::decision_log::query::{self, Filter, Summary};
use crate::decision_log::segment::Header;
use crate::storage::disk::{self, RealDisk, Storage};
use crate::storage::flat_table::{TableWriteFault, TableWriter};
use crate::storage::replace::aside_of;
use crate::wire::exported::{COLUMNS, row};
use crate::wire::records::{Wanted, WantedFault};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Shown behind the help.
pub const EXAMPLES: &str = "\
Works on the folder of a running gateway too. Examples:
  hecha log export var/log --to parquet --out november.parquet --from 2026-11-01 --until 2026-11-30
  duckdb -c \"SELECT scenario, decision, count(*) FROM 'november.parquet' WHERE kind = 'check'
             GROUP BY ALL\"
A row for each check and each feedback, with fields of `hecha log query --json`; no number, name,
purpose, note or entry_id. subject_digest is keyed: nobody without the key of the log and the secret
of the month can try numbers against it, and a person has another one each month. It is no
anonymity: rows of one person in one month can be joined, and who asked about somebody knows the
check_id. Keep the table as you keep the log.";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Parquet,
}

/// Arguments of `hecha log export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Folder of the log: `log` in the state folder
    dir: PathBuf,
    /// Form of the table
    #[arg(long)]
    to: Form,
    /// The table; must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Records of one unit
    #[arg(long)]
    unit: Option<String>,
    /// Not before this moment or day
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this moment, or to the end of this day
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// One JSON object about what was written
    #[arg(long)]
    json: bool,
}

/// Why there is no table; all but `Output` are bad input.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A flag.
    #[error("`--{}`: {}", .0.field, .0.what)]
    Flag(WantedFault),
    /// No log there.
    #[error("`{}` is no folder with a log; name the folder `log` of a state folder", dir.display())]
    Folder {
        /// As given.
        dir: PathBuf,
    },
    /// Something stands there.
    #[error("{}: exists; remove it, or name another file with `--out`", path.display())]
    Exists {
        /// The table.
        path: PathBuf,
    },
    /// Another export.
    #[error(
        "{}: another export writes it; wait for it, or name another file with `--out`",
        path.display()
    )]
    InUse {
        /// The table.
        path: PathBuf,
    },
    /// Reading.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Writing the table.
    #[error("{}: {fault}", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// Why.
        fault: TableWriteFault,
    },
    /// The file system.
    #[error("{}: {fault}", path.display())]
    Io {
        /// The table, or the folder of the log.
        path: PathBuf,
        /// What the system said.
        fault: io::Error,
    },
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

impl ExportError {
    /// Whether the caller cannot mend it.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Output(_))
    }
}

/// Writes the table and says what is in it.
pub fn run(args: &ExportArgs, out: &mut dyn Write) -> Result<(), ExportError> {
    let filter = filter(args)?;
    if !args.dir.is_dir() {
        let dir = args.dir.clone();
        return Err(ExportError::Folder { dir });
    }
    let aside = Aside::begin(&args.out)?;
    let exported = aside.fill(args, &filter)?;
    aside.finish()?;
    say(args, &exported, out)
}

fn filter(args: &ExportArgs) -> Result<Filter, ExportError> {
    let wanted = Wanted {
        unit: args.unit.as_deref(),
        from: args.from.as_deref(),
        to: args.until.as_deref(),
        ..Wanted::default()
    };
    wanted.filter().map_err(|mut fault| {
        // `--to` is the form of the table here.
        if fault.field == "to" {
            fault.field = "until";
        }
        ExportError::Flag(fault)
    })
}

/// What stands in a table.
#[derive(Default)]
struct Exported {
    checks: u64,
    feedback: u64,
    summary: Summary,
}

/// The table while it grows: locked, beside its name, removed where it does not become whole.
struct Aside<'a> {
    out: &'a Path,
    path: PathBuf,
    file: File,
    is_named: bool,
}

impl<'a> Aside<'a> {
    fn begin(out: &'a Path) -> Result<Self, ExportError> {
        let exists = || match out.exists() {
            true => Err(ExportError::Exists {
                path: out.to_owned(),
            }),
            false => Ok(()),
        };
        exists()?;
        let path = aside_of(out);
        let file = disk::open_locked(&path).map_err(|fault| match fault.kind() {
            io::ErrorKind::WouldBlock => ExportError::InUse {
                path: out.to_owned(),
            },
            _ => failed(out, fault),
        })?;
        // Who had the lock before may have named this very file meanwhile.
        exists()?;
        // A kill may have left some of a table.
        file.set_len(0).map_err(|fault| failed(out, fault))?;
        Ok(Self {
            out,
            path,
            file,
            is_named: false,
        })
    }

    fn fill(&self, args: &ExportArgs, filter: &Filter) -> Result<Exported, ExportError> {
        let bar = log_bar::begin(&args.dir).map_err(|fault| failed(&args.dir, fault))?;
        let unwritable = |fault| ExportError::Table {
            path: self.out.to_owned(),
            fault,
        };
        let table = TableWriter::begin("decision_log", &COLUMNS, &self.file);
        let mut table = table.map_err(unwritable)?;
        let (mut exported, mut pushed, mut segment) = (Exported::default(), Ok(()), 0);
        let visit = |header: &Header, record: Record| {
            if segment != header.number {
                segment = header.number;
                bar.inc(header.segment_bytes);
            }
            let Some(row) = row(&record) else {
                return ControlFlow::Continue(());
            };
            match record {
                Record::Feedback(_) => exported.feedback += 1,
                _ => exported.checks += 1,
            }
            pushed = table.push(row);
            match pushed {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        let summary = query::read_by_segment(&RealDisk, &args.dir, filter, visit)?;
        if summary.segments == 0 {
            let dir = args.dir.clone();
            return Err(ExportError::Folder { dir });
        }
        pushed.map_err(unwritable)?;
        table.finish().map_err(unwritable)?;
        bar.finish_and_clear();
        exported.summary = summary;
        Ok(exported)
    }

    fn finish(mut self) -> Result<(), ExportError> {
        let synced = self.file.sync_all();
        let named = synced.and_then(|()| RealDisk.rename(&self.path, self.out));
        named.map_err(|fault| failed(self.out, fault))?;
        self.is_named = true;
        let synced = RealDisk.sync_folder(disk::folder_of(self.out));
        synced.map_err(|fault| failed(self.out, fault))
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        if !self.is_named {
            // The first error says what went wrong; a stale aside is harmless.
            let _ = RealDisk.remove(&self.path);
        }
    }
}

fn failed(path: &Path, fault: io::Error) -> ExportError {
    let path = path.to_owned();
    ExportError::Io { path, fault }
}

fn say(args: &ExportArgs, exported: &Exported, out: &mut dyn Write) -> Result<(), ExportError> {
    let (checks, feedback) = (exported.checks, exported.feedback);
    let (segments, tail) = (exported.summary.segments, exported.summary.tail.as_ref());
    let path = args.out.display();
    if args.json {
        let tail = tail.map(|tail| json!({"file": tail.file, "offset": tail.offset}));
        let said = json!({
            "out": args.out, "checks": checks, "feedback": feedback, "segments": segments,
            "torn": tail,
        });
        writeln!(out, "{said}")?;
    } else {
        let torn = tail.map_or_else(String::new, |tail| {
            format!("; {} is not whole from {} on", tail.file, tail.offset)
        });
        writeln!(
            out,
            "{path}: {checks} checks, {feedback} feedback; {segments} segments read{torn}"
        )?;
    }
    Ok(out.flush()?)
}
