//! `hecha log verify`: whether a log is whole, stopped or running.
//!
//! In: the folder of a log, public keys, checkpoints kept elsewhere. Out: what each month holds,
//! every finding with file and offset; exit code 0 whole, 1 not. Changes nothing.

use super::kept::{self, FileFault};
use super::log_bar;
use crate::decision_log::error::LogError;
use crate::decision_log::verify::{self, Kept, Verified};
use crate::seal::keys::KeyError;
use crate::seal::sign::PublicKey;
use crate::storage::disk::RealDisk;
use crate::tree::note::Checkpoint;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

/// Arguments of `hecha log verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Folder of the log: `log` in the state folder
    dir: PathBuf,
    /// Public key that checkpoints may be of (log-sign.key.pub); without one signatures are not
    /// looked at
    #[arg(long = "log-key", value_name = "PUB")]
    log_keys: Vec<PathBuf>,
    /// A checkpoint that was kept elsewhere, or a receipt, which the records must agree with
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Why nothing could be said.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// No such folder.
    #[error("`{}` is no folder; name the folder `log` of a state folder", dir.display())]
    Folder {
        /// As given.
        dir: PathBuf,
    },
    /// A public key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A checkpoint.
    #[error(transparent)]
    File(#[from] FileFault),
    /// The file system.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

/// Runs the command; returns the exit code.
pub fn run(args: &VerifyArgs) -> Result<u8, VerifyError> {
    let dir = &args.dir;
    if !dir.is_dir() {
        return Err(VerifyError::Folder { dir: dir.clone() });
    }
    let keys = args.log_keys.iter().map(|path| PublicKey::load(path));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let kept = args.checkpoints.iter().map(|path| {
        let (note, checkpoint) = kept::checkpoint(path)?;
        let file = path.display().to_string();
        Ok(Kept {
            file,
            note,
            checkpoint,
        })
    });
    let kept = kept.collect::<Result<Vec<_>, FileFault>>()?;
    let bar = log_bar::begin(dir)?;
    let found = verify::verify(&RealDisk, dir, &keys, &kept, &|bytes| bar.inc(bytes))?;
    bar.finish_and_clear();
    let text = match args.json {
        true => format!("{}\n", as_json(&found, !keys.is_empty())),
        false => as_text(&found, !keys.is_empty()),
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(fault) if fault.kind() != io::ErrorKind::BrokenPipe => return Err(fault.into()),
        _ => {}
    }
    Ok(u8::from(!found.findings.is_empty()))
}

fn as_text(found: &Verified, has_keys: bool) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for expired in &found.expired {
        let _ = writeln!(
            text,
            "{}: expired by order, {}",
            expired.origin,
            said(expired)
        );
    }
    for month in &found.months {
        let signed = month.checkpoint.as_ref();
        let signed = signed.map_or("no checkpoint".to_owned(), said);
        let _ = writeln!(text, "{}: {} records, {signed}", month.month, month.frames);
    }
    for finding in &found.findings {
        let (file, offset, what) = (&finding.file, finding.offset, &finding.what);
        let _ = writeln!(text, "{file} at {offset}: {what}");
    }
    let signatures = match has_keys {
        true => "",
        false => "; signatures were not looked at: name the key with --log-key",
    };
    let verdict = match found.findings.len() {
        0 => "whole".to_owned(),
        count => format!("NOT WHOLE: {count} findings"),
    };
    let (frames, checks, segments) = (found.frames, found.checks, found.segments);
    let _ = writeln!(
        text,
        "{verdict}: {frames} records, {checks} checks, {segments} segments read{signatures}"
    );
    text
}

fn said(checkpoint: &Checkpoint) -> String {
    format!(
        "signed over {} with root {}",
        checkpoint.size,
        hex(&checkpoint.root)
    )
}

fn as_json(found: &Verified, has_keys: bool) -> Value {
    let checkpoint =
        |one: &Checkpoint| json!({"origin": one.origin, "size": one.size, "root": hex(&one.root)});
    let months: Vec<Value> = found
        .months
        .iter()
        .map(|month| {
            json!({
                "month": month.month,
                "records": month.frames,
                "checkpoint": month.checkpoint.as_ref().map(checkpoint),
                "root_of_records": month.root.as_ref().map(hex),
            })
        })
        .collect();
    let findings: Vec<Value> = found
        .findings
        .iter()
        .map(|one| json!({"file": one.file, "offset": one.offset, "what": one.what}))
        .collect();
    json!({
        "whole": found.findings.is_empty(),
        "signatures_verified": has_keys,
        "segments": found.segments,
        "records": found.frames,
        "checks": found.checks,
        "expired": found.expired.iter().map(checkpoint).collect::<Vec<_>>(),
        "months": months,
        "findings": findings,
    })
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
