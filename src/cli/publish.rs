//! `hecha publish`: puts a snapshot into the folder that gateways watch, and makes it current.
//!
//! In: a snapshot file with its signatures, a folder. Out: the file under `<version>-<id>.hecha`,
//! its signatures beside it, and the pointer `current.json`; whoever looks in between sees the old
//! pointer or the new one. A snapshot that differs from the current one beyond the limits is
//! refused unless somebody accepts it by name and reason, which then stand in the pointer. Exit
//! codes: 0 published, 2 no sound snapshot, no such folder, outside the limits, or a signature
//! that is asked for and does not verify.

use super::differences::{self, Differences};
use crate::catalogue::load;
use crate::changes::gates::{Exceeded, Limits};
use crate::config::load as config;
use crate::config::resolved::Config;
use crate::identifier::free_text::mask_citizen_ids;
use crate::index::deep;
use crate::model::term::Moment;
use crate::overlay::delta;
use crate::seal::sign::PublicKey;
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::publish::{self, Accepted, Current, POINTER, PublishError};
use crate::snapshot::signature::{SignatureFile, signature_path};
use crate::snapshot::statement::Statement;
use crate::storage::disk::{RealDisk, Storage};
use crate::storage::replace;
use anyhow::bail;
use std::io::{self, Write};
use std::path::PathBuf;

/// Characters of a reason or a name at most.
const ACCEPT_CHARS_MAX: usize = 500;

/// Put a snapshot into the folder that gateways watch, and make it current.
///
/// Signatures in FILE.sig go along. Run it as the user of the gateway or as root: the files are
/// readable by their owner alone.
/// The snapshot is held against the one that is current: a list that is missing, empty, much
/// shorter or longer, older than before, or validated with another catalogue, and too many records
/// left out, are refused. Gateways hold it against the one they serve in the same way, ask their
/// canaries, and decide logged checks again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hecha publish court.hecha --to snapshots
  hecha diff snapshots/7-1f..e.hecha court.hecha          look before you accept
  hecha publish court.hecha --to snapshots --accept 'yearly clearing, letter 12 of the court'

A file of canaries (`canaries_file` in hecha.toml) is asked by the gateway before it swaps:
  [[must_hit]]
  name = \"an old case of the court\"
  entry_id = \"fz-court-000001\"              # must be there and count today
  list = \"court-defaulter\"
  [[must_hit]]
  name = \"the test person\"
  decision = \"block\"                        # this decision or a stronger one
  request = '''{\"scenario\":\"rail.ticket\",\"attributes\":{...},\"subject\":{...}}'''
  [[must_not_hit]]
  name = \"the other test person\"
  request = '''{...}'''                     # must be clear
Numbers in a request must be synthetic: division codes 19 29 39 49 59 69 79 99.")]
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
    /// Let it serve although it is outside the limits, for this reason; kept in current.json and
    /// in the decision log of each gateway.
    #[arg(long, value_name = "REASON")]
    pub accept: Option<String>,
    /// Who accepts; the number of the system's user where absent.
    #[arg(long, value_name = "NAME", requires = "accept")]
    pub by: Option<String>,
    /// Configuration file with the limits; their defaults where absent.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Publish only what the owner of this key has signed; several times: all of them. A FILE.pub
    /// of `hecha key new --signing`.
    #[arg(long, value_name = "KEY.pub")]
    pub trust: Vec<PathBuf>,
}

/// Runs the command; returns the exit code.
///
/// Errors: the system refuses to write.
pub fn run(args: PublishArgs) -> anyhow::Result<u8> {
    if args.acts {
        return publish_acts(&args);
    }
    let prepared = verified(&args).and_then(|(snapshot, signatures)| {
        let accepted = passed(&args, &snapshot)?;
        Ok((snapshot, signatures, accepted))
    });
    let (snapshot, signatures, accepted) = match prepared {
        Ok(prepared) => prepared,
        Err(fault) => {
            writeln!(io::stderr(), "hecha: {fault:#}")?;
            return Ok(2);
        }
    };
    // After the file is known to be good: a wrong one leaves no empty folder behind.
    RealDisk.create_folder(&args.to)?;
    warn_if_older(&args, &snapshot)?;
    let signed = signatures.as_ref();
    match publish::publish_signed(&RealDisk, &snapshot, &args.to, signed, accepted) {
        Ok(current) => {
            let pointer = args.to.join(POINTER);
            writeln!(
                io::stdout(),
                "published {} (version {}, {} bytes, {} signatures); {} names it",
                current.file,
                current.version,
                current.bytes,
                signatures.map_or(0, |signed| signed.signatures.len()),
                pointer.display()
            )?;
            Ok(0)
        }
        Err(fault @ (PublishError::Exists { .. } | PublishError::Signature(_))) => {
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

fn verified(args: &PublishArgs) -> anyhow::Result<(Snapshot, Option<SignatureFile>)> {
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
    let signatures = signatures(args, &snapshot)?;
    Ok((snapshot, signatures))
}

/// Signatures beside the file, with every key of `--trust` among them.
fn signatures(args: &PublishArgs, snapshot: &Snapshot) -> anyhow::Result<Option<SignatureFile>> {
    let path = signature_path(&args.file);
    let signatures = SignatureFile::read(&path)?;
    if let Some(signed) = &signatures
        && Statement::of(snapshot).as_ref() != Some(&signed.what)
    {
        bail!(
            "`{}` signs something else than `{}`; remove it if it is of an earlier build",
            path.display(),
            args.file.display()
        );
    }
    for key in &args.trust {
        let key = PublicKey::load(key)?;
        let verdicts = signatures.iter().flat_map(|signed| signed.verdicts(&key));
        let verdicts: Vec<bool> = verdicts.map(|(_, verifies)| verifies).collect();
        if verdicts.is_empty() {
            bail!(
                "{} has not signed `{}`; run `hecha sign` with that key first",
                key.id(),
                args.file.display()
            );
        }
        if verdicts.contains(&false) {
            bail!(
                "the signature of {} in `{}` does not verify; sign again",
                key.id(),
                path.display()
            );
        }
    }
    Ok(signatures)
}

/// Holds the snapshot against the current one; the word of whoever accepts it, where one is given.
fn passed(args: &PublishArgs, snapshot: &Snapshot) -> anyhow::Result<Option<Accepted>> {
    let config = config::load(args.config.as_deref(), std::env::vars_os())?;
    let now = Moment(jiff::Timestamp::now().as_microsecond());
    let reason = args.accept.as_deref().map(accept_text).transpose()?;
    let exceeded = exceeded(args, snapshot, &config, now)?;
    let Some(reason) = reason else {
        if exceeded.is_empty() {
            return Ok(None);
        }
        let list: Vec<String> = exceeded.iter().map(|one| format!("\n  {one}")).collect();
        bail!(
            "`{}` is outside the limits and was not published:{}\nlook at it with `hecha diff`; \
             if it is right, publish it with --accept REASON",
            args.file.display(),
            list.concat()
        );
    };
    let by = match &args.by {
        Some(by) => accept_text(by)?,
        None => format!("uid {}", rustix::process::getuid().as_raw()),
    };
    Ok(Some(Accepted {
        by,
        reason,
        at: now,
        exceeded: exceeded.iter().map(ToString::to_string).collect(),
    }))
}

/// A text that will be kept: not empty, not long, without a citizen number.
fn accept_text(text: &str) -> anyhow::Result<String> {
    let text = text.trim();
    let fits = !text.is_empty()
        && text.chars().count() <= ACCEPT_CHARS_MAX
        && !text.chars().any(char::is_control);
    if !fits {
        bail!(
            "`--accept` and `--by` take 1 to {ACCEPT_CHARS_MAX} characters on one line: say who \
             accepts, and why the snapshot is right"
        );
    }
    Ok(mask_citizen_ids(text).into_owned())
}

fn exceeded(
    args: &PublishArgs,
    snapshot: &Snapshot,
    config: &Config,
    now: Moment,
) -> anyhow::Result<Vec<Exceeded>> {
    let limits: &Limits = &config.gates.limits;
    let Some(current) = publish::read_current(&args.to).ok().flatten() else {
        // Nothing to compare with: a first one, or a pointer that is replaced with a warning.
        return Ok(Vec::new());
    };
    if *current.environment != *snapshot.manifest().environment {
        // A folder that served another environment before: no gateway serves both.
        return Ok(Vec::new());
    }
    let Some(previous) = current_snapshot(args, &current) else {
        return Ok(vec![Exceeded::NotComparable]);
    };
    let catalogue = match &config.catalogue_dir {
        Some(folder) => load::load(folder)?,
        None => load::built_in()?,
    };
    Ok(Differences::find(&previous, snapshot, &catalogue, limits, now).exceeded)
}

fn current_snapshot(args: &PublishArgs, current: &Current) -> Option<Snapshot> {
    let path = publish::file_in(&args.to, &current.file).ok()?;
    differences::open(&path).ok()
}

/// Going back is allowed, but seldom meant.
fn warn_if_older(args: &PublishArgs, snapshot: &Snapshot) -> io::Result<()> {
    let version = snapshot.manifest().version;
    match publish::read_current(&args.to) {
        Ok(Some(current)) if current.version > version => writeln!(
            io::stderr(),
            "hecha: warning: version {version} is older than version {}, which is current; \
             gateways that have activated that one refuse this one: build it again with \
             `--previous`, or go back with POST /v1/snapshot/rollback",
            current.version
        ),
        Ok(Some(current)) if current.version == version && current.id() != snapshot.id() => {
            writeln!(
                io::stderr(),
                "hecha: warning: version {version} is current with other bytes; gateways that \
                 have activated it refuse this one: build it again with `--previous`"
            )
        }
        Err(fault) => writeln!(
            io::stderr(),
            "hecha: warning: the old pointer is replaced: {fault}"
        ),
        _ => Ok(()),
    }
}
