//! `hecha publish`: puts a snapshot into the folder that gateways watch, and makes it current.
//!
//! In: a snapshot file, a folder. Out: the file under `<version>-<id>.hecha` and the pointer
//! `current.json`; whoever looks in between sees the old pointer or the new one. Exit codes: 0
//! published, 2 no sound snapshot or no such folder.

use crate::index::deep;
use crate::overlay::delta;
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::publish::{self, POINTER, PublishError};
use crate::storage::disk::{RealDisk, Storage};
use crate::storage::replace;
use anyhow::bail;
use std::io::{self, Write};
use std::path::PathBuf;

/// Put a snapshot into the folder that gateways watch, and make it current.
///
/// Run it as the user of the gateway or as root: the files are readable by their owner alone.
#[derive(Debug, clap::Args)]
pub struct PublishArgs {
    /// The snapshot file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// FILE is one of `hecha acts export`; it is put beside the snapshots as
    /// `acts-<n>.hecha-acts`, and gateways whose `act_keys` knows its signer take it.
    #[arg(long)]
    pub acts: bool,
    /// The folder with `current.json`; it must exist.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

/// Runs the command; returns the exit code.
///
/// Errors: the system refuses to write.
pub fn run(args: PublishArgs) -> anyhow::Result<u8> {
    if args.acts {
        return publish_acts(&args);
    }
    let snapshot = match verified(&args) {
        Ok(snapshot) => snapshot,
        Err(fault) => {
            writeln!(io::stderr(), "hecha: {fault:#}")?;
            return Ok(2);
        }
    };
    // After the file is known to be good: a wrong one leaves no empty folder behind.
    RealDisk.create_folder(&args.to)?;
    warn_if_older(&args, &snapshot)?;
    match publish::publish(&RealDisk, &snapshot, &args.to) {
        Ok(current) => {
            let pointer = args.to.join(POINTER);
            writeln!(
                io::stdout(),
                "published {} (version {}, {} bytes); {} names it",
                current.file,
                current.version,
                current.bytes,
                pointer.display()
            )?;
            Ok(0)
        }
        Err(fault @ PublishError::Exists { .. }) => {
            writeln!(io::stderr(), "hecha: {fault}")?;
            Ok(2)
        }
        Err(fault) => Err(fault.into()),
    }
}

/// The file under the next free number, whole or not at all; the same file again is not put twice.
fn publish_acts(args: &PublishArgs) -> anyhow::Result<u8> {
    let refuse = |what: String| -> anyhow::Result<u8> {
        writeln!(io::stderr(), "hecha: {}: {what}", args.file.display())?;
        Ok(2)
    };
    let bytes = match std::fs::read(&args.file) {
        Ok(bytes) => bytes,
        Err(fault) => return refuse(fault.to_string()),
    };
    let acts = match delta::look(&bytes) {
        Ok(acts) => acts,
        Err(fault) => return refuse(fault.to_string()),
    };
    if args.to.exists() && !args.to.is_dir() {
        return refuse(format!("`{}` is no folder", args.to.display()));
    }
    RealDisk.create_folder(&args.to)?;
    let mut last = 0;
    for name in RealDisk.list(&args.to)? {
        let number = name
            .strip_prefix("acts-")
            .and_then(|rest| rest.strip_suffix(delta::SUFFIX))
            .and_then(|number| number.parse::<u64>().ok());
        let Some(number) = number else { continue };
        if std::fs::read(args.to.join(&name))? == bytes {
            writeln!(io::stdout(), "{name} is this file already")?;
            return Ok(0);
        }
        last = last.max(number);
    }
    let name = format!("acts-{}{}", last + 1, delta::SUFFIX);
    replace::write(&RealDisk, &args.to.join(&name), &bytes)?;
    let (from, through, issuer) = (acts.since + 1, acts.through(), acts.issuer);
    writeln!(
        io::stdout(),
        "published {name}: acts {from} to {through} of the key {issuer}"
    )?;
    Ok(0)
}

fn verified(args: &PublishArgs) -> anyhow::Result<Snapshot> {
    let file = args.file.display();
    if args.to.exists() && !args.to.is_dir() {
        bail!(
            "`{}` is no folder; name the folder that gateways watch",
            args.to.display()
        );
    }
    let snapshot = match Snapshot::open_file(&args.file, &OpenOptions::default()) {
        Ok(snapshot) => snapshot,
        Err(fault) => bail!("{file}: {fault}"),
    };
    if let Some(finding) = deep::inspect(&snapshot).first() {
        bail!("{file}: {finding}; build the file again");
    }
    Ok(snapshot)
}

/// Going back is allowed, but seldom meant.
fn warn_if_older(args: &PublishArgs, snapshot: &Snapshot) -> io::Result<()> {
    let version = snapshot.manifest().version;
    match publish::read_current(&args.to) {
        Ok(Some(current)) if current.version > version => writeln!(
            io::stderr(),
            "hecha: warning: version {version} replaces version {}, which is newer",
            current.version
        ),
        Err(fault) => writeln!(
            io::stderr(),
            "hecha: warning: the old pointer is replaced: {fault}"
        ),
        _ => Ok(()),
    }
}
