//! `hecha log proof` and `hecha log verify-proof`: the log continues what somebody kept of it.
//!
//! In: a log folder and a checkpoint or receipt that was kept; or a proof, that checkpoint and a
//! public key. Out: the file; or in words what it proves. Verifying opens nothing but the files
//! named. Exit code 1 where the log does not continue what was kept.

use super::kept::{self, FileFault};
use crate::decision_log::proof::{self, ConsistencyError};
use crate::seal::keys::KeyError;
use crate::seal::sign::PublicKey;
use crate::storage::disk::RealDisk;
use crate::storage::replace;
use crate::tree::note::NoteFault;
use crate::tree::submission::{ContinuesFault, Submission, SubmissionFault};
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;

/// Arguments of `hecha log proof`.
#[derive(Debug, Args)]
pub struct ProofArgs {
    /// Folder of the log: `log` in the state folder
    dir: PathBuf,
    /// A checkpoint that was kept, or a receipt
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// A later one of the same month; the newest of the log by default
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Where to write it; standard output by default
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `hecha log verify-proof`.
#[derive(Debug, Args)]
pub struct VerifyProofArgs {
    /// The proof
    file: PathBuf,
    /// The checkpoint that was kept, or a receipt
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Public key (.pub) that signs the log
    #[arg(long, value_name = "FILE")]
    log_key: PathBuf,
    /// Public key (.pub) of a witness, whose signature must stand under the later checkpoint then
    #[arg(long, value_name = "FILE")]
    witness_key: Option<PathBuf>,
}

/// Why there is no proof, or why it proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// No proof.
    #[error(transparent)]
    Make(#[from] ConsistencyError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileFault),
    /// The checkpoint that was kept is not of this key.
    #[error("the checkpoint that was kept proves nothing: {0}")]
    Kept(NoteFault),
    /// It is no proof.
    #[error("this proof proves nothing: {0}")]
    Form(#[from] SubmissionFault),
    /// It does not hold.
    #[error("this proof proves nothing: {0}")]
    Refused(#[from] ContinuesFault),
    /// The witness did not sign.
    #[error("this proof proves nothing: this witness has not signed its checkpoint")]
    NotWitnessed,
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

impl ProofError {
    /// Whether the log was found to be another than was kept, or the caller cannot mend it.
    pub fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::Output(_) | Self::Make(ConsistencyError::NotContinued { .. })
        )
    }
}

/// Makes a proof.
pub fn make_into(args: &ProofArgs, out: &mut dyn Write) -> Result<(), ProofError> {
    let (_, from) = kept::checkpoint(&args.from)?;
    let to = args.to.as_deref().map(kept::checkpoint).transpose()?;
    let made = proof::make(&RealDisk, &args.dir, &from, to)?;
    let text = made.to_string();
    match &args.out {
        None => out.write_all(text.as_bytes())?,
        Some(path) => {
            let written = replace::write(&RealDisk, path, text.as_bytes());
            written.map_err(|fault| kept::unusable(path, fault.to_string()))?;
        }
    }
    Ok(out.flush()?)
}

/// Says in words what a proof proves.
pub fn verify_into(args: &VerifyProofArgs, out: &mut dyn Write) -> Result<(), ProofError> {
    let made = Submission::parse(&kept::read_file(&args.file)?)?;
    let keys = [PublicKey::load(&args.log_key)?];
    let (note, _) = kept::checkpoint(&args.checkpoint)?;
    let old = note.checkpoint(&keys).map_err(ProofError::Kept)?;
    let new = made.verify(&old, &keys)?;
    writeln!(
        out,
        "proved: the first {} of the {} records of {} are those that were kept: none was changed, \
         taken away or put between",
        old.size, new.size, new.origin
    )?;
    if let Some(path) = &args.witness_key {
        let at = made.note.cosigned_at(&PublicKey::load(path)?);
        at.map_err(ContinuesFault::from)?
            .ok_or(ProofError::NotWitnessed)?;
        writeln!(out, "the witness signed the later checkpoint too")?;
    }
    Ok(out.flush()?)
}
