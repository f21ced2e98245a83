//! `hecha publish`: puts a snapshot into the folder that gateways watch, and makes it current.
//!
//! In: a snapshot file with its signatures, a folder. Out: the file under `<version>-<id>.hecha`,
//! its signatures beside it, and the pointer `current.json`; whoever looks in between sees the old
//! pointer or the new one. Exit codes: 0 published, 2 no sound snapshot, no such folder, or a
//! signature that is asked for and does not verify.

use crate::index::deep;
use crate::overlay::delta;
use crate::seal::sign::PublicKey;
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::publish::{self, POINTER, PublishError};
use crate::snapshot::signature::{SignatureFile, signature_path};
use crate::snapshot::statement::Statement;
use crate::storage::disk::{RealDisk, Storage};
use crate::storage::replace;
use anyhow::bail;
use std::io::{self, Write};
use std::path::PathBuf;

/// Put a snapshot into the folder that gateways watch, and make it current.
///
/// Signatures in FILE.sig go along. Run it as the user of the gateway or as root: the files are
/// readable by their owner alone.
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
    let (snapshot, signatures) = match verified(&args) {
        Ok(verified) => verified,
        Err(fault) => {
            writeln!(io::stderr(), "hecha: {fault:#}")?;
            return Ok(2);
        }
    };
    // After the file is known to be good: a wrong one leaves no empty folder behind.
    RealDisk.create_folder(&args.to)?;
    warn_if_older(&args, &snapshot)?;
    match publish::publish_signed(&RealDisk, &snapshot, &args.to, signatures.as_ref()) {
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
