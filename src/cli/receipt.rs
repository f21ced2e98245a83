//! `hecha log receipt` and `hecha log verify-receipt`: one check, provable without the log.
//!
//! In: a log folder and a check_id; or a receipt, public keys and perhaps the answer. Out: the
//! file; or in words what it proves. Verifying opens nothing but the files named.

use super::kept::{self, FileFault};
use crate::decision_log::receipt::{self, Proved, ReceiptError, ReceiptFault};
use crate::decision_log::record::CheckId;
use crate::model::term::Moment;
use crate::seal::keys::KeyError;
use crate::seal::sign::PublicKey;
use crate::storage::disk::RealDisk;
use crate::storage::replace;
use crate::wire::answer::HASHED_FROM;
use crate::wire::receipt as file;
use clap::Args;
use serde_json::Value;
use std::io::{self, Write};
use std::path::PathBuf;

/// Arguments of `hecha log receipt`.
#[derive(Debug, Args)]
pub struct ReceiptArgs {
    /// The check_id of an answer, also of a clear
    #[arg(value_name = "CHECK_ID")]
    check_id: String,
    /// Folder of the log: `log` in the state folder
    #[arg(long = "log", value_name = "DIR", default_value = "var/log")]
    dir: PathBuf,
    /// Where to write it; standard output by default
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `hecha log verify-receipt`.
#[derive(Debug, Args)]
pub struct VerifyReceiptArgs {
    /// The receipt
    file: PathBuf,
    /// Public key (.pub) that signs the log
    #[arg(long, value_name = "FILE")]
    log_key: PathBuf,
    /// Public key (.pub) of a witness, whose signature must be there then
    #[arg(long, value_name = "FILE")]
    witness_key: Option<PathBuf>,
    /// The body of the answer, byte for byte as it was received
    #[arg(long, value_name = "FILE")]
    answer: Option<PathBuf>,
}

/// Why there is no receipt, or why it proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptCommandError {
    /// No check_id.
    #[error("`{0}` is no check_id; write that of an answer")]
    CheckId(String),
    /// No receipt.
    #[error(transparent)]
    Make(#[from] ReceiptError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileFault),
    /// It proves nothing.
    #[error("this receipt proves nothing: {0}")]
    Refused(#[from] ReceiptFault),
    /// It was changed, or is not what it is held for.
    #[error("this receipt proves nothing: {0}")]
    Differs(&'static str),
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

/// Makes a receipt.
pub fn make_into(args: &ReceiptArgs, out: &mut dyn Write) -> Result<(), ReceiptCommandError> {
    let unknown = || ReceiptCommandError::CheckId(args.check_id.clone());
    let check_id = CheckId::parse(&args.check_id).ok_or_else(unknown)?;
    let receipt = receipt::make(&RealDisk, &args.dir, check_id)?;
    let text = file::write(&receipt, &receipt::read(&receipt)?).map_err(io::Error::other)?;
    match &args.out {
        None => out.write_all(text.as_bytes())?,
        Some(path) => {
            let written = replace::write(&RealDisk, path, text.as_bytes());
            written.map_err(|fault| kept::unusable(path, fault.to_string()))?;
        }
    }
    Ok(out.flush()?)
}

/// Says in words what a receipt proves.
pub fn verify_into(
    args: &VerifyReceiptArgs,
    out: &mut dyn Write,
) -> Result<(), ReceiptCommandError> {
    let text = kept::read_file(&args.file)?;
    let (receipt, shown) = file::read(&text).map_err(|what| kept::unusable(&args.file, what))?;
    let proved = receipt::verify(&receipt, &[PublicKey::load(&args.log_key)?])?;
    if shown != file::shown(&proved.check) {
        let what = "what it shows in clear is not what its frames say";
        return Err(ReceiptCommandError::Differs(what));
    }
    let mut witnessed = None;
    if let Some(path) = &args.witness_key {
        let at = receipt.note.cosigned_at(&PublicKey::load(path)?);
        witnessed = at.map_err(ReceiptFault::from)?;
        if witnessed.is_none() {
            let what = "this witness has not signed its checkpoint";
            return Err(ReceiptCommandError::Differs(what));
        }
    }
    if let Some(path) = &args.answer {
        compare_answer(&kept::read_file(path)?, &proved)?;
    }
    say(&proved, witnessed, args.answer.is_some(), out)
}

fn compare_answer(answer: &[u8], proved: &Proved) -> Result<(), ReceiptCommandError> {
    let hash = blake3::hash(answer.get(HASHED_FROM..).unwrap_or_default());
    let parsed: Value = serde_json::from_slice(answer).unwrap_or_default();
    let check_id = proved.check.check_id.to_string();
    let is_same = parsed["check_id"] == check_id.as_str();
    if !is_same || hash.as_bytes()[..16] != proved.check.answer_hash {
        let what = "the answer is not the one that was recorded, or not byte for byte";
        return Err(ReceiptCommandError::Differs(what));
    }
    Ok(())
}

fn say(
    proved: &Proved,
    witnessed: Option<u64>,
    has_answer: bool,
    out: &mut dyn Write,
) -> Result<(), ReceiptCommandError> {
    let (check, checkpoint) = (&proved.check, &proved.checkpoint);
    writeln!(
        out,
        "proved: check {} of {} was answered {}, for {} asked by {}",
        check.check_id,
        check.moment,
        check.decision.name(),
        check.scenario,
        check.unit
    )?;
    writeln!(
        out,
        "it is record {} of {}; the key of the log signed it among {}",
        proved.leaf, checkpoint.origin, checkpoint.size
    )?;
    if !proved.is_bound {
        writeln!(
            out,
            "written by an older version, which does not name its segment: unit, scenario, purpose \
             and measures are as sure as whoever made this file"
        )?;
    }
    match witnessed.and_then(|time| i64::try_from(time).ok()) {
        Some(time_s) => writeln!(
            out,
            "a witness signed that at {}: not even the key of the log can take it back",
            Moment(time_s.saturating_mul(1_000_000))
        )?,
        None => writeln!(
            out,
            "no witness was asked for: whoever has the key of the log could have made another"
        )?,
    }
    if has_answer {
        writeln!(out, "the answer given is the one recorded, byte for byte")?;
    }
    writeln!(
        out,
        "not proved: who the person was, and that the answer was right"
    )?;
    Ok(out.flush()?)
}
