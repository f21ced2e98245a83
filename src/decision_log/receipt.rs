//! Receipts: one check with all that is needed to read it, proved from a signed checkpoint alone.
//!
//! In: a log folder and a check_id; or a receipt and the key of the log. Out: frames with their
//! places in the tree and proofs; or the check as the frames themselves say it. Verifying reads
//! nothing but the receipt. A check names its segment, so that its unit, scenario, purpose and
//! measures have the meaning which that segment gives them and no other; a check of an older
//! version does not, and the receipt says so.

use super::by_check::{self, CheckFrames};
use super::entry::{self, CheckRecord, Names};
use super::error::LogError;
use super::expired;
use super::frames::LoneFrame;
use super::record::{CheckId, KIND_CHECK, KIND_CONTEXT, KIND_SEGMENT, KIND_TEXT, Position};
use super::segment::Header;
use super::shards;
use super::witnessed;
use crate::seal::sign::PublicKey;
use crate::storage::append::{self, Found};
use crate::storage::disk::Storage;
use crate::tree::levels::Levels;
use crate::tree::merkle::{self, Hash, Hashes, ProofFault, leaf_hash};
use crate::tree::note::{Checkpoint, NoteFault, SignedNote};
use crate::tree::origin::{LogId, Origin};
use std::path::Path;

/// Frames in a receipt, at most: header, context, check, and texts that it names.
pub const FRAMES_MAX: usize = 4_096;

/// One frame, its place in the tree of its month, and the proof of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedFrame {
    /// Number of its leaf.
    pub leaf: u64,
    /// Its bytes, without the zeros at its end.
    pub bytes: Vec<u8>,
    /// From its leaf up to the root.
    pub proof: Vec<Hash>,
}

/// What is handed over: the header of the segment first, the check last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The checkpoint, with the signatures of log and witnesses.
    pub note: SignedNote,
    /// The frames, in their order.
    pub frames: Vec<ProvedFrame>,
}

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// No such check.
    #[error("the log holds no check {0}; look at the folders `log-epoch-...` beside it too")]
    Unknown(CheckId),
    /// Its month is gone.
    #[error(
        "the log holds no check {check_id}: {month} was expired by order; a receipt that was made \
         before proves it still"
    )]
    Expired {
        /// The check.
        check_id: CheckId,
        /// Its month.
        month: String,
    },
    /// Not in a checkpoint.
    #[error("no checkpoint covers this check yet; the gateway signs one about once a second")]
    NotSigned,
    /// The tree gives no proof under the checkpoint.
    #[error("the tree of {month} does not agree with its records; see `hecha log verify`")]
    Tree {
        /// The month.
        month: String,
    },
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Why a receipt proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptFault {
    /// The checkpoint.
    #[error(transparent)]
    Note(#[from] NoteFault),
    /// A frame is not in the tree.
    #[error("frame {place} is not a record of this log: {fault}")]
    Proof {
        /// Number of the frame in the receipt, from 1.
        place: usize,
        /// What is wrong.
        fault: ProofFault,
    },
    /// The frames do not fit together.
    #[error("the frames do not fit together: {0}")]
    Frames(&'static str),
}

/// What a receipt proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The check, as its frames say it.
    pub check: CheckRecord,
    /// Its leaf.
    pub leaf: u64,
    /// Whether the check itself names the segment in which its texts stand. Where it does not,
    /// unit, scenario, purpose and measures are as sure as whoever made the receipt.
    pub is_bound: bool,
    /// The checkpoint above it.
    pub checkpoint: Checkpoint,
}

/// Makes the receipt of a check, also beside a running gateway. Of the log it reads a side file, at
/// most 256 checks and the texts of one, and of the tree what the proofs need.
///
/// Errors: no such check, no checkpoint above it, a tree that does not agree with the records, the
/// log cannot be read.
pub fn make(
    storage: &dyn Storage,
    folder: &Path,
    check_id: CheckId,
) -> Result<Receipt, ReceiptError> {
    let Some(CheckFrames { month, frames }) = by_check::frames(storage, folder, check_id)? else {
        return Err(match expired::month_of(storage, folder, check_id) {
            Some(month) => ReceiptError::Expired { check_id, month },
            None => ReceiptError::Unknown(check_id),
        });
    };
    let first = shards::first_index(storage, folder, &month)?.unwrap_or(1);
    let last = frames.last().map_or(0, |check| check.position.0);
    let covers = |note: &(SignedNote, Checkpoint)| first + note.1.size > last;
    let cosigned = witnessed::cosigned(storage, folder, &month)?.filter(covers);
    let path = shards::checkpoint_path(folder, &month);
    let note = match cosigned {
        Some(note) => Some(note),
        None => shards::read_checkpoint(storage, &path)?.filter(covers),
    };
    let (note, checkpoint) = note.ok_or(ReceiptError::NotSigned)?;
    let tree = shards::tree_folder(folder, &month);
    let io = LogError::io("read", tree.display().to_string());
    let proved = Levels::open_to_read(storage, &tree).and_then(|levels| {
        let read = |level, first, into: &mut [Hash]| levels.read(level, first, into);
        let hashes = Hashes::new(&read);
        let prove = |frame: LoneFrame| {
            let leaf = frame.position.0.saturating_sub(first);
            let (bytes, proof) = (frame.bytes, hashes.inclusion_proof(leaf, checkpoint.size)?);
            Ok(ProvedFrame { leaf, bytes, proof })
        };
        frames.into_iter().map(prove).collect()
    });
    let frames: Vec<ProvedFrame> = proved.map_err(io)?;
    let holds = |frame: &ProvedFrame| frame.verify(&checkpoint).is_ok();
    match frames.iter().all(holds) {
        true => Ok(Receipt { note, frames }),
        false => Err(ReceiptError::Tree { month }),
    }
}

impl ProvedFrame {
    fn verify(&self, checkpoint: &Checkpoint) -> Result<(), ProofFault> {
        let (hash, size) = (leaf_hash(&self.bytes), checkpoint.size);
        merkle::verify_inclusion(&hash, self.leaf, size, &self.proof, &checkpoint.root)
    }
}

/// What a receipt proves to whoever holds the public key of the log.
///
/// Errors: it proves nothing.
pub fn verify(receipt: &Receipt, log_keys: &[PublicKey]) -> Result<Proved, ReceiptFault> {
    let checkpoint = receipt.note.checkpoint(log_keys)?;
    let unfit = ReceiptFault::Frames;
    if receipt.frames.len() < 2 || receipt.frames.len() > FRAMES_MAX {
        return Err(unfit("there must be a header and a check"));
    }
    let mut names = Names::default();
    let (mut segment, mut check) = (None, None);
    let (mut before, mut offset) = (None, None);
    for (place, proved) in receipt.frames.iter().enumerate() {
        let leaf = proved.leaf;
        proved.verify(&checkpoint).map_err(|fault| {
            let place = place + 1;
            ReceiptFault::Proof { place, fault }
        })?;
        let whole = append::decode(&proved.bytes, 0);
        let Found::Frame(frame, _) = whole else {
            return Err(unfit("a frame is not whole"));
        };
        let is_all = append::HEADER_BYTES + frame.payload.len() == proved.bytes.len();
        let first = frame.index.checked_sub(leaf);
        if !is_all || first.is_none() || offset.is_some_and(|offset| Some(offset) != first) {
            return Err(unfit("a frame does not stand where it says"));
        }
        if before.is_some_and(|before| before >= leaf) {
            return Err(unfit("they are not in order"));
        }
        (before, offset) = (Some(leaf), first);
        match (frame.kind, place) {
            (KIND_SEGMENT, 0) => segment = Some(segment_of(frame.payload, &checkpoint)?),
            (KIND_TEXT | KIND_CONTEXT, 1..) if check.is_none() => {
                let learned = names.learn(frame.kind, frame.payload);
                learned.ok_or(unfit("a text cannot be read"))?;
            }
            (KIND_CHECK, 1..) if check.is_none() => {
                let is_bound = is_bound(frame.payload, segment)?;
                let record = entry::check(frame.payload, Position(frame.index), &names);
                check = Some((record.ok_or(unfit("a text is missing"))?, leaf, is_bound));
            }
            _ => return Err(unfit("a frame has no business here")),
        }
    }
    let (check, leaf, is_bound) = check.ok_or(unfit("there is no check"))?;
    Ok(Proved {
        check,
        leaf,
        is_bound,
        checkpoint,
    })
}

/// The check of a receipt that was just made, nothing verified.
///
/// Errors: its frames do not read.
pub fn read(receipt: &Receipt) -> Result<CheckRecord, ReceiptFault> {
    let mut names = Names::default();
    for proved in &receipt.frames {
        let Found::Frame(frame, _) = append::decode(&proved.bytes, 0) else {
            return Err(ReceiptFault::Frames("a frame is not whole"));
        };
        if frame.kind == KIND_CHECK {
            let record = entry::check(frame.payload, Position(frame.index), &names);
            return record.ok_or(ReceiptFault::Frames("a text is missing"));
        }
        names.learn(frame.kind, frame.payload);
    }
    Err(ReceiptFault::Frames("there is no check"))
}

/// Number of the segment with this header, which must be of the log that the checkpoint speaks of.
fn segment_of(payload: &[u8], checkpoint: &Checkpoint) -> Result<u64, ReceiptFault> {
    let header = Header::read(payload);
    let header = header.ok_or(ReceiptFault::Frames("the header cannot be read"))?;
    let origin = Origin::parse(&checkpoint.origin);
    let is_of_log = origin.is_some_and(|origin| origin.log == LogId::new(&header.salt));
    let other = ReceiptFault::Frames("the header is of another log");
    is_of_log.then_some(header.number).ok_or(other)
}

/// Whether a check names its segment, which must be the one whose header stands before it.
///
/// Between a header and a check of the same segment stand only frames of that segment: the leaves
/// rise, and a log has one header with each number.
fn is_bound(payload: &[u8], segment: Option<u64>) -> Result<bool, ReceiptFault> {
    let head = entry::check_head(payload);
    let head = head.ok_or(ReceiptFault::Frames("the check cannot be read"))?;
    match head.segment {
        None => Ok(false),
        named if named == segment => Ok(true),
        _ => Err(ReceiptFault::Frames(
            "the check was written in another segment than its texts",
        )),
    }
}
