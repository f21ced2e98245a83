//! `hecha diff`: what a new snapshot changes.
//!
//! In: two snapshot files. Out: entries added, changed and removed, in all, by list and by
//! authority; people newly and no longer restricted; limits that the gates would hold against it.
//! Exit codes: 0 compared, whatever the result; 2 no sound snapshot.

use super::differences::{self, Differences};
use crate::catalogue::load;
use crate::changes::gates::Limits;
use crate::config::load as config;
use crate::model::term::Moment;
use crate::snapshot::open::Snapshot;
use anyhow::bail;
use serde_json::json;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Show what differs between two snapshots.
///
/// Records are compared by MACs of all that they say, the same in every build under one master
/// key; no key is needed. Shown are figures, lists, authorities and (on demand) entry_ids, never a
/// name or number. Figures of people say who is restricted on the day of --at by an entry that
/// counts; they are told apart by name and birth date.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hecha diff old.hecha new.hecha\n  \
    hecha diff old.hecha new.hecha --json --entries | jq '.entries[]'\n\n\
    Lines `outside the limits` name what `hecha publish` and the gateway refuse without --accept.")]
pub struct DiffArgs {
    /// The older snapshot file.
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The newer snapshot file.
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// List the entry_ids of what differs, with the list and what happened.
    #[arg(long)]
    pub entries: bool,
    /// Moment at which restrictions are counted, RFC 3339 with offset; now where absent.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Configuration file with the limits of the gates; their defaults where absent.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the catalogue; that of the configuration, or the built-in one, where absent.
    #[arg(long, value_name = "DIR")]
    pub catalogue: Option<PathBuf>,
}

/// Runs the command; returns the exit code.
///
/// Errors: writing to standard output.
pub fn run(args: &DiffArgs) -> anyhow::Result<u8> {
    match compare(args) {
        Ok(()) => Ok(0),
        Err(fault) if fault.downcast_ref::<io::Error>().is_some() => Err(fault),
        Err(fault) => {
            writeln!(io::stderr(), "hecha: {fault:#}")?;
            Ok(2)
        }
    }
}

fn compare(args: &DiffArgs) -> anyhow::Result<()> {
    let config = config::load(args.config.as_deref(), std::env::vars_os())?;
    let catalogue = match args.catalogue.as_ref().or(config.catalogue_dir.as_ref()) {
        Some(folder) => load::load(folder)?,
        None => load::built_in()?,
    };
    let now = match &args.at {
        None => Moment(jiff::Timestamp::now().as_microsecond()),
        Some(text) => match Moment::parse(text) {
            Some(moment) => moment,
            None => bail!("`--at`: write a moment such as 2026-11-22T10:00:00+08:00"),
        },
    };
    let (old, new) = (opened(&args.old)?, opened(&args.new)?);
    let limits: &Limits = &config.gates.limits;
    let differences = Differences::find(&old, &new, &catalogue, limits, now);
    let mut out = io::stdout().lock();
    if args.json {
        let mut value = differences.as_json();
        if args.entries {
            let entries = differences.entries();
            let rows = entries.iter().map(|(entry_id, (change, list))| {
                json!({"entry_id": entry_id, "change": change, "list": list})
            });
            value["entries"] = rows.collect();
        }
        writeln!(out, "{value:#}")?;
        return Ok(());
    }
    differences.write_table(&mut out)?;
    if args.entries {
        writeln!(out)?;
        for (entry_id, (change, list)) in differences.entries() {
            writeln!(out, "{change:<8} {list}  {entry_id}")?;
        }
    }
    Ok(())
}

fn opened(path: &Path) -> anyhow::Result<Snapshot> {
    match differences::open(path) {
        Ok(snapshot) => Ok(snapshot),
        Err(fault) => bail!("{}: {fault}", path.display()),
    }
}
