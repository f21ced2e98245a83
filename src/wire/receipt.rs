//! The file of a receipt: frames and proofs in base64, and beside them in clear what they say.
//!
//! In: a receipt, or the text of such a file. Out: JSON, or the receipt. What stands in clear is
//! for people; nothing is believed that the frames do not say too.

use super::records;
use crate::decision_log::entry::{CheckRecord, Record};
use crate::decision_log::receipt::{FRAMES_MAX, ProvedFrame, Receipt};
use crate::tree::merkle::PROOF_HASHES_MAX;
use crate::tree::note::{SignedNote, proof_hash};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Form of the file.
const FORMAT: &str = "hecha-receipt-1";
/// Bytes of the longest file that is read.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    shown: Value,
    checkpoint: String,
    frames: Vec<Frame>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    leaf: u64,
    bytes: String,
    proof: Vec<String>,
}

/// A receipt as a file; `check` is what it proves.
///
/// Errors: none that a receipt can cause.
pub fn write(receipt: &Receipt, check: &CheckRecord) -> serde_json::Result<String> {
    let frames = receipt.frames.iter().map(|frame| Frame {
        leaf: frame.leaf,
        bytes: STANDARD.encode(&frame.bytes),
        proof: frame
            .proof
            .iter()
            .map(|hash| STANDARD.encode(hash))
            .collect(),
    });
    let file = File {
        format: FORMAT.to_owned(),
        shown: shown(check),
        checkpoint: receipt.note.to_string(),
        frames: frames.collect(),
    };
    serde_json::to_string_pretty(&file).map(|text| text + "\n")
}

/// What stands in clear.
pub fn shown(check: &CheckRecord) -> Value {
    records::record(&Record::Check(Box::new(check.clone())))
}

/// Reads a file: the receipt, and what stands in clear. The error says what is wrong.
pub fn read(text: &[u8]) -> Result<(Receipt, Value), String> {
    let file: File = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if file.format != FORMAT {
        return Err(format!("`format` must be `{FORMAT}`"));
    }
    if file.frames.len() > FRAMES_MAX {
        return Err("it has too many frames".to_owned());
    }
    let note = SignedNote::parse(file.checkpoint.as_bytes()).map_err(|fault| fault.to_string())?;
    let frame = |frame: Frame| {
        let proof = frame.proof.iter().take(PROOF_HASHES_MAX + 1);
        Some(ProvedFrame {
            leaf: frame.leaf,
            bytes: STANDARD.decode(frame.bytes).ok()?,
            proof: proof.map(|line| proof_hash(line)).collect::<Option<_>>()?,
        })
    };
    let frames = file.frames.into_iter().map(frame).collect::<Option<_>>();
    let frames = frames.ok_or("a frame or proof is not base64")?;
    Ok((Receipt { note, frames }, file.shown))
}
