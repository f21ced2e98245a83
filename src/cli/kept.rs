//! A checkpoint that somebody kept outside of the log.
//!
//! In: a file: a signed note (`GET /v1/log/checkpoint`, a witness), or a receipt, in which one
//! stands. Out: the note and what it says. Believes nothing: signatures are asked for later.

use crate::tree::note::{Checkpoint, SignedNote};
use crate::wire::receipt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use `{}`: {what}", path.display())]
pub struct FileFault {
    /// Which.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
}

/// Bytes of a file, as many as the longest receipt has.
///
/// Errors: the file system.
pub fn read_file(path: &Path) -> Result<Vec<u8>, FileFault> {
    let mut bytes = Vec::new();
    let file = File::open(path);
    let read = file.and_then(|file| file.take(receipt::FILE_BYTES_MAX).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(fault) => Err(unusable(path, fault.to_string())),
    }
}

/// The checkpoint in a file.
///
/// Errors: it cannot be read; it is neither a checkpoint nor a receipt.
pub fn checkpoint(path: &Path) -> Result<(SignedNote, Checkpoint), FileFault> {
    let bytes = read_file(path)?;
    // No origin begins so.
    let note = match bytes.first() {
        Some(b'{') => receipt::read(&bytes).map(|(receipt, _)| receipt.note),
        _ => SignedNote::parse(&bytes).map_err(|fault| fault.to_string()),
    };
    let note = note.map_err(|what| unusable(path, what))?;
    match Checkpoint::parse(note.text()) {
        Ok(checkpoint) => Ok((note, checkpoint)),
        Err(fault) => Err(unusable(path, fault.to_string())),
    }
}

/// The error of a file.
pub fn unusable(path: &Path, what: String) -> FileFault {
    FileFault {
        path: path.to_owned(),
        what,
    }
}
