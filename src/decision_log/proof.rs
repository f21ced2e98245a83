//! The proof that a log continues what somebody kept of it: nothing was changed or taken away.
//!
//! In: a log folder, a checkpoint that was kept, perhaps a later one. Out: the body of a submission
//! as witnesses take it (`old SIZE`, hashes, the later checkpoint), which verifies without the log.
//! A log that does not continue the checkpoint gives none. Reads the tree alone, beside the writer
//! too.

use super::error::LogError;
use super::witnessed;
use crate::storage::disk::Storage;
use crate::tree::merkle::{self, ProofFault};
use crate::tree::note::{Checkpoint, SignedNote};
use crate::tree::origin::{Origin, is_month};
use crate::tree::submission::Submission;
use std::path::Path;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ConsistencyError {
    /// Nothing of it is here.
    #[error(
        "the log here has no checkpoint of `{0}`: it is another log, a month that was expired, or \
         one that is gone"
    )]
    Absent(String),
    /// The later checkpoint is of another month, or the tree does not reach so far.
    #[error(
        "the later checkpoint is of `{origin}` at {size}, and the log here has signed {signed} \
         records of `{here}`"
    )]
    Later {
        /// Month of the later checkpoint.
        origin: String,
        /// Its size.
        size: u64,
        /// Month of the one that was kept.
        here: String,
        /// Records of it that are signed.
        signed: u64,
    },
    /// It was changed.
    #[error(
        "the log does not continue what was kept of `{origin}` at {size}: {fault}; both were \
         signed, so keep both: records were changed or taken away"
    )]
    NotContinued {
        /// The month.
        origin: String,
        /// Records that were kept for.
        size: u64,
        /// In what it differs.
        fault: ProofFault,
    },
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Makes the proof from `kept` to `later`, or to the newest checkpoint of that month: the one that
/// witnesses have cosigned, where it reaches as far as `kept`.
///
/// Errors: as `ConsistencyError` says.
pub fn make(
    storage: &dyn Storage,
    folder: &Path,
    kept: &Checkpoint,
    later: Option<(SignedNote, Checkpoint)>,
) -> Result<Submission, ConsistencyError> {
    let absent = || ConsistencyError::Absent(kept.origin.clone());
    let origin = Origin::parse(&kept.origin).ok_or_else(absent)?;
    let month = Some(origin.shard).filter(|month| is_month(month));
    let month = month.ok_or_else(absent)?;
    let signed = witnessed::signed(storage, folder, &month)?;
    let signed = signed.filter(|signed| signed.checkpoint.origin == kept.origin);
    let signed = signed.ok_or_else(absent)?;
    let (note, checkpoint) = match later {
        Some((_, later)) if later.origin != kept.origin || later.size > signed.checkpoint.size => {
            return Err(ConsistencyError::Later {
                origin: later.origin,
                size: later.size,
                here: kept.origin.clone(),
                signed: signed.checkpoint.size,
            });
        }
        Some(later) => later,
        None => witnessed::cosigned(storage, folder, &month)?
            .filter(|(_, cosigned)| cosigned.origin == kept.origin && cosigned.size >= kept.size)
            .unwrap_or((signed.note, signed.checkpoint)),
    };
    let (old, new) = ((kept.size, &kept.root), (checkpoint.size, &checkpoint.root));
    let proof = witnessed::consistency(storage, folder, &month, kept.size, checkpoint.size)?;
    merkle::verify_consistency(old, new, &proof).map_err(|fault| {
        ConsistencyError::NotContinued {
            origin: kept.origin.clone(),
            size: kept.size,
            fault,
        }
    })?;
    let old = kept.size;
    Ok(Submission { old, proof, note })
}
