//! Signed notes: checkpoints of a log and the cosignatures of its witnesses.
//!
//! In: text from outside, or a checkpoint and a key. Out: a note whose signatures may be asked for,
//! or what is wrong with it. C2SP signed-note, tlog-checkpoint and tlog-cosignature: text, an empty
//! line, then a line `— name base64` for each signature, which begins with four bytes that tell the
//! key. A checkpoint is three lines: origin of the log, its size, its root. Pure.

use super::merkle::{HASH_BYTES, Hash};
use crate::seal::sign::{PublicKey, SIGNATURE_BYTES, SigningKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt;

/// Bytes of the longest note that is read: more is no checkpoint.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// Signatures in a note, at most.
pub const SIGNATURES_MAX: usize = 64;
/// Characters of an origin or of the name of a key, at most.
pub const NAME_BYTES_MAX: usize = 255;

/// Number of ed25519 over the text.
const KIND_SIGNATURE: u8 = 1;
/// Number of ed25519 over a head with a time and the text.
const KIND_COSIGNATURE: u8 = 4;
const KEY_HASH_BYTES: usize = 4;
const TIME_BYTES: usize = 8;
const DASH: &str = "— ";

/// Why a note cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// The bytes are no signed note at all.
    #[error("this is no signed note: {what}")]
    Form {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A signature line is not as it must be.
    #[error("signature line {line} of the note is wrong: {what}")]
    SignatureLine {
        /// Number of the line among the signatures, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The text is that of no checkpoint.
    #[error("the note is no checkpoint: {what}")]
    Checkpoint {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A signature that claims to be of a known key is not.
    #[error("the signature in the name of `{name}` is not of that key, or the text was changed")]
    BadSignature {
        /// The name it claims.
        name: String,
    },
    /// None of the keys signed this note.
    #[error("none of the known keys signed the checkpoint of `{origin}`; give the key of this log")]
    UnknownKey {
        /// The log that the note speaks of.
        origin: String,
    },
}

/// What a log was at one moment: which one, how long, and the hash over all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log; also the name of its key in signatures.
    pub origin: String,
    /// Leaves in its tree.
    pub size: u64,
    /// Root of its tree.
    pub root: Hash,
}

impl Checkpoint {
    /// Its three lines, the text that is signed.
    pub fn text(&self) -> String {
        let root = STANDARD.encode(self.root);
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// Reads the text of a note; further lines are not taken.
    pub fn parse(text: &str) -> Result<Self, NoteFault> {
        let fault = |what| NoteFault::Checkpoint { what };
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let mut next = |what| lines.next().ok_or(fault(what));
        let origin = next("it has no origin")?;
        let size = next("it has no size")?;
        let root = next("it has no root")?;
        if lines.next().is_some() {
            return Err(fault("it has more than origin, size and root"));
        }
        if !is_name(origin) {
            return Err(fault("its first line is no origin"));
        }
        let size = decimal(size).ok_or(fault("its second line is no size"))?;
        let wrong_root = fault("its third line is no SHA-256 in base64");
        let root = STANDARD.decode(root).map_err(|_| wrong_root.clone())?;
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root: root.try_into().map_err(|_| wrong_root)?,
        })
    }

    /// A note of this checkpoint, signed by the key of the log.
    pub fn sign(&self, key: &SigningKey) -> SignedNote {
        let text = self.text();
        let signature = NoteSignature {
            key_hash: key_hash(&self.origin, KIND_SIGNATURE, &key.public()),
            bytes: key.sign(text.as_bytes()).to_vec(),
            name: self.origin.clone(),
        };
        SignedNote {
            text,
            signatures: vec![signature],
        }
    }
}

/// One signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    key_hash: [u8; KEY_HASH_BYTES],
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// A witness says at `time_s` (seconds since 1970) that the log of this checkpoint had never
    /// been longer or other than this, as far as it saw.
    pub fn cosign(text: &str, name: &str, key: &SigningKey, time_s: u64) -> Self {
        let mut bytes = time_s.to_be_bytes().to_vec();
        bytes.extend(key.sign(cosigned(text, time_s).as_bytes()));
        Self {
            key_hash: key_hash(name, KIND_COSIGNATURE, &key.public()),
            bytes,
            name: name.to_owned(),
        }
    }

    /// Reads one signature line, without its line feed. The error says what is wrong.
    pub fn parse(line: &str) -> Result<Self, &'static str> {
        let rest = line
            .strip_prefix(DASH)
            .ok_or("it does not begin with `— `")?;
        let (name, encoded) = rest.split_once(' ').ok_or("it has no signature")?;
        if !is_name(name) {
            return Err("its name is empty, too long, or has spaces or `+`");
        }
        let bytes = STANDARD.decode(encoded).map_err(|_| "it is not base64")?;
        let (key_hash, bytes) = bytes.split_first_chunk().ok_or("it is too short")?;
        if bytes.is_empty() {
            return Err("it is too short");
        }
        Ok(Self {
            name: name.to_owned(),
            key_hash: *key_hash,
            bytes: bytes.to_vec(),
        })
    }

    /// The name in which it signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The time in seconds since 1970 at which `key` cosigned `text` by this line; `None` where it
    /// is of another key or kind.
    ///
    /// Errors: it claims to be of this key and is not.
    pub fn cosigned_at(&self, text: &str, key: &PublicKey) -> Result<Option<u64>, NoteFault> {
        if self.key_hash != key_hash(&self.name, KIND_COSIGNATURE, key) {
            return Ok(None);
        }
        let time = self.bytes.split_first_chunk::<TIME_BYTES>();
        let parts = time.and_then(|(time, rest)| {
            let signature: &[u8; SIGNATURE_BYTES] = rest.try_into().ok()?;
            Some((u64::from_be_bytes(*time), signature))
        });
        parts
            .filter(|(time, signature)| key.verifies(cosigned(text, *time).as_bytes(), signature))
            .map(|(time, _)| Some(time))
            .ok_or_else(|| self.bad())
    }

    /// Whether `key` signed `text` by this line; `Err` as for [`Self::cosigned_at`].
    fn signs(&self, text: &str, key: &PublicKey) -> Result<bool, NoteFault> {
        if self.key_hash != key_hash(&self.name, KIND_SIGNATURE, key) {
            return Ok(false);
        }
        let signature: Option<&[u8; SIGNATURE_BYTES]> = self.bytes.as_slice().try_into().ok();
        signature
            .filter(|signature| key.verifies(text.as_bytes(), signature))
            .map(|_| true)
            .ok_or_else(|| self.bad())
    }

    fn bad(&self) -> NoteFault {
        NoteFault::BadSignature {
            name: self.name.clone(),
        }
    }
}

/// The line, without a line feed.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_hash[..], &self.bytes].concat();
        write!(f, "{DASH}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A text and the signatures under it. Nothing is believed by being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Reads a note, strictly: each byte of it is accounted for.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteFault> {
        let fault = |what| NoteFault::Form { what };
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(fault("it is longer than 64 KiB"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| fault("it is not UTF-8"))?;
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(fault("it has control characters"));
        }
        // The last empty line parts text and signatures: a text may have empty lines too.
        let cut = note.rfind("\n\n").ok_or(fault("it has no empty line"))?;
        let (text, lines) = (&note[..cut + 1], &note[cut + 2..]);
        let lines = lines.strip_suffix('\n');
        let lines = lines.ok_or(fault("it does not end with a line feed"))?;
        let mut signatures = Vec::new();
        for (place, line) in lines.split('\n').enumerate() {
            let line_number = place + 1;
            if line_number > SIGNATURES_MAX {
                return Err(fault("it has more than 64 signatures"));
            }
            let signature = NoteSignature::parse(line);
            signatures.push(signature.map_err(|what| NoteFault::SignatureLine {
                line: line_number,
                what,
            })?);
        }
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The text that is signed, with its last line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its signatures, in order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature below.
    pub fn add(&mut self, signature: NoteSignature) {
        self.signatures.push(signature);
    }

    /// The checkpoint in it, signed by one of `keys` in the name of its origin.
    ///
    /// Errors: no checkpoint, a false signature, or none of these keys.
    pub fn checkpoint(&self, keys: &[PublicKey]) -> Result<Checkpoint, NoteFault> {
        let checkpoint = Checkpoint::parse(&self.text)?;
        let mut signed = false;
        for signature in &self.signatures {
            for key in keys.iter().filter(|_| signature.name == checkpoint.origin) {
                signed |= signature.signs(&self.text, key)?;
            }
        }
        match signed {
            true => Ok(checkpoint),
            false => Err(NoteFault::UnknownKey {
                origin: checkpoint.origin,
            }),
        }
    }

    /// The latest time, in seconds since 1970, at which `key` cosigned it; `None` where it did not.
    ///
    /// Errors: a signature that claims to be of this key and is not.
    pub fn cosigned_at(&self, key: &PublicKey) -> Result<Option<u64>, NoteFault> {
        let mut latest = None;
        for signature in &self.signatures {
            latest = latest.max(signature.cosigned_at(&self.text, key)?);
        }
        Ok(latest)
    }
}

/// The whole note, as it is stored and sent.
impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        let mut signatures = self.signatures.iter();
        signatures.try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// The hashes of a proof as lines of base64, each with a line feed.
pub fn proof_lines(proof: &[Hash]) -> String {
    proof.iter().fold(String::new(), |mut lines, hash| {
        STANDARD.encode_string(hash, &mut lines);
        lines.push('\n');
        lines
    })
}

/// One hash of a proof from its line of base64.
pub fn proof_hash(line: &str) -> Option<Hash> {
    // Decoded in place: a long line is refused by its length and never copied.
    (line.len() == HASH_BYTES.div_ceil(3) * 4)
        .then(|| STANDARD.decode(line).ok()?.try_into().ok())
        .flatten()
}

/// A decimal number as C2SP writes it: digits only, none in front that is not needed.
pub fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let shortest = text == "0" || !text.starts_with('0');
    (plain && shortest).then(|| text.parse().ok()).flatten()
}

/// Whether `text` may be an origin or the name of a key.
pub fn is_name(text: &str) -> bool {
    let printable = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.chars().all(printable)
}

fn cosigned(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

fn key_hash(name: &str, kind: u8, key: &PublicKey) -> [u8; KEY_HASH_BYTES] {
    let mut hash = Sha256::new_with_prefix(name);
    hash.update([b'\n', kind]);
    hash.update(key.bytes());
    let mut first = [0; KEY_HASH_BYTES];
    first.copy_from_slice(&hash.finalize()[..KEY_HASH_BYTES]);
    first
}

#[cfg(test)]
mod tests;
