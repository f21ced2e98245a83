//! What a log sends to a witness: its checkpoint, and the proof that it continues an earlier one.
//!
//! In: a size, a proof, a note; or the body of a request. Out: the body, or its parts. C2SP
//! tlog-witness: `old SIZE`, hashes of the proof in base64, an empty line, the checkpoint. Strict;
//! reading verifies nothing. Whoever kept the earlier checkpoint takes the same body as a proof.

use super::merkle::{self, Hash, ProofFault};
use super::note::{self, Checkpoint, NOTE_BYTES_MAX, NoteFault, SignedNote};
use crate::seal::sign::PublicKey;
use std::fmt;

/// Hashes of a proof that a witness takes.
pub const PROOF_LINES_MAX: usize = 63;
/// Bytes of the longest submission: a note, and proof and sizes in front of it.
pub const SUBMISSION_BYTES_MAX: usize = NOTE_BYTES_MAX + 4 * 1024;

/// A checkpoint on its way to a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Size that the witness is thought to know; 0 none.
    pub old: u64,
    /// Proof that the checkpoint continues the tree of that size.
    pub proof: Vec<Hash>,
    /// The checkpoint as the log signed it.
    pub note: SignedNote,
}

/// Why a body is no submission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionFault {
    /// The part in front of the checkpoint.
    #[error("the body is no submission: {what}")]
    Form {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The checkpoint.
    #[error(transparent)]
    Note(#[from] NoteFault),
}

/// Why a submission does not show that a log continues what was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContinuesFault {
    /// The later checkpoint.
    #[error(transparent)]
    Note(#[from] NoteFault),
    /// Of another log or month.
    #[error("it is of `{here}`, and what was kept is of `{kept}`")]
    OtherLog {
        /// What was kept.
        kept: String,
        /// What the proof speaks of.
        here: String,
    },
    /// From another size.
    #[error("it begins at {here} records, and what was kept is of {kept}")]
    OtherSize {
        /// Records that were kept for.
        kept: u64,
        /// Where the proof begins.
        here: u64,
    },
    /// It does not hold.
    #[error(transparent)]
    Proof(#[from] ProofFault),
}

impl Submission {
    /// The later checkpoint, where one of `keys` signed it and the proof shows that it continues
    /// `kept`, whose own signature the caller has verified.
    pub fn verify(
        &self,
        kept: &Checkpoint,
        keys: &[PublicKey],
    ) -> Result<Checkpoint, ContinuesFault> {
        let later = self.note.checkpoint(keys)?;
        if later.origin != kept.origin {
            return Err(ContinuesFault::OtherLog {
                kept: kept.origin.clone(),
                here: later.origin,
            });
        }
        if self.old != kept.size {
            return Err(ContinuesFault::OtherSize {
                kept: kept.size,
                here: self.old,
            });
        }
        let (old, new) = ((kept.size, &kept.root), (later.size, &later.root));
        merkle::verify_consistency(old, new, &self.proof)?;
        Ok(later)
    }

    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, SubmissionFault> {
        let fault = |what| SubmissionFault::Form { what };
        if body.len() > SUBMISSION_BYTES_MAX {
            return Err(fault("it is longer than 68 KiB"));
        }
        let text = std::str::from_utf8(body).map_err(|_| fault("it is not UTF-8"))?;
        let (head, note) = text
            .split_once("\n\n")
            .ok_or(fault("it has no empty line"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.ok_or(fault("it does not begin with `old ` and a size"))?;
        let old = note::decimal(old).ok_or(fault("its old size is no number"))?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == PROOF_LINES_MAX {
                return Err(fault("its proof has more than 63 hashes"));
            }
            let hash = note::proof_hash(line);
            proof.push(hash.ok_or(fault("a line of its proof is no SHA-256 in base64"))?);
        }
        Ok(Self {
            old,
            proof,
            note: SignedNote::parse(note.as_bytes())?,
        })
    }
}

/// The body.
impl fmt::Display for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proof = note::proof_lines(&self.proof);
        write!(f, "old {}\n{proof}\n{}", self.old, self.note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::sign::SigningKey;

    fn submission() -> Submission {
        let checkpoint = Checkpoint {
            origin: "a/b".to_owned(),
            size: 9,
            root: [1; 32],
        };
        Submission {
            old: 7,
            proof: vec![[2; 32], [3; 32]],
            note: checkpoint.sign(&SigningKey::from_bytes(&[7; 32])),
        }
    }

    #[test]
    fn a_submission_reads_back() {
        let text = submission().to_string();
        assert!(text.starts_with("old 7\nAgIC"));
        assert_eq!(Submission::parse(text.as_bytes()), Ok(submission()));
        let first = Submission {
            old: 0,
            proof: Vec::new(),
            ..submission()
        };
        let text = first.to_string();
        assert!(text.starts_with("old 0\n\na/b\n9\n"), "{text}");
        assert_eq!(Submission::parse(text.as_bytes()), Ok(first));
    }

    #[test]
    fn faults_say_what_is_wrong() {
        let text = submission().to_string();
        let line = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n";
        let many = text.replacen(line, &line.repeat(63), 1);
        for (body, words) in [
            (String::new(), "no empty line"),
            (text.replace("old 7", "old  7"), "no number"),
            (text.replace("old 7", "old 07"), "no number"),
            (text.replace("old 7", "new 7"), "does not begin with `old `"),
            (text.replace("AgIC", "AgI"), "no SHA-256"),
            (many, "more than 63"),
            (text.replace("\n9\n", "\r\n9\n"), "control characters"),
            (
                format!("{text}{}", "x".repeat(SUBMISSION_BYTES_MAX)),
                "68 KiB",
            ),
        ] {
            let fault = Submission::parse(body.as_bytes()).unwrap_err().to_string();
            assert!(fault.contains(words), "{fault}");
        }
    }
}
