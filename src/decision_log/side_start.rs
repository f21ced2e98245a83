//! What a start needs of a full segment, so that the segment itself is not read.
//!
//! In: what `side_contents.rs` has gathered. Out: a part of the side file, with a format and a
//! checksum of its own; later the same again, or nothing where it is not whole. Derived from the
//! segment alone. Format 1, little endian:
//!
//! ```text
//! format u32 | crc32c u32 of the rest | synced through u64 | highest moment i64
//! last frame: offset u64, its crc32c | feedback u32 | owing u32 | 4 zeros
//! feedback  check_id 16, content 16, moment i64, index u64, unit u32, action u8, 3 zeros
//! owing     check_id 16
//! ```

use super::entry::FeedbackHead;
use super::record::{CheckId, FeedbackAction, Position};
use crate::identifier::digest::Digest;
use crate::model::term::Moment;

const FORMAT: u32 = 1;
const HEAD_BYTES: usize = 48;
const FEEDBACK_BYTES: usize = 56;

/// What a start needs beside the head of the side file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SideStart {
    /// Highest index that a frame of the segment states to be on the disk.
    pub synced_through: u64,
    /// Highest moment of any of its records.
    pub highest_moment: Moment,
    /// Where its last frame stands, and that frame's checksum: whose side file this is.
    pub last_frame: (u64, [u8; 4]),
    /// All feedback in it, in order.
    pub feedback: Vec<(FeedbackHead, Position)>,
    /// Its blocks and limits without feedback in it, in order.
    pub owing: Vec<CheckId>,
}

impl SideStart {
    pub fn put(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.synced_through.to_le_bytes());
        out.extend_from_slice(&self.highest_moment.0.to_le_bytes());
        out.extend_from_slice(&self.last_frame.0.to_le_bytes());
        out.extend_from_slice(&self.last_frame.1);
        for count in [self.feedback.len(), self.owing.len(), 0] {
            out.extend_from_slice(&(count as u32).to_le_bytes());
        }
        for (head, position) in &self.feedback {
            out.extend_from_slice(&head.check_id.0);
            out.extend_from_slice(&head.content.0);
            out.extend_from_slice(&head.moment.0.to_le_bytes());
            out.extend_from_slice(&position.0.to_le_bytes());
            out.extend_from_slice(&head.unit.to_le_bytes());
            out.extend_from_slice(&[head.action as u8, 0, 0, 0]);
        }
        for check_id in &self.owing {
            out.extend_from_slice(&check_id.0);
        }
        let check = crc32c::crc32c(&out[start + 8..]);
        out[start + 4..start + 8].copy_from_slice(&check.to_le_bytes());
    }

    /// `None` where it is not whole, or of another format.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let small = |from| small_at(head, from);
        if small(0)? != FORMAT || small(4)? != crc32c::crc32c(&bytes[8..]) {
            return None;
        }
        let (feedback, owing) = (small(36)? as usize, small(40)? as usize);
        let (feedback, owing) = (
            feedback.checked_mul(FEEDBACK_BYTES)?,
            owing.checked_mul(16)?,
        );
        if rest.len() != feedback.checked_add(owing)? {
            return None;
        }
        let (feedback, owing) = rest.split_at(feedback);
        let feedback = feedback.as_chunks::<FEEDBACK_BYTES>().0.iter();
        Some(Self {
            synced_through: large_at(head, 8)?,
            highest_moment: Moment(large_at(head, 16)? as i64),
            last_frame: (large_at(head, 24)?, *head[32..].first_chunk()?),
            feedback: feedback.map(read_feedback).collect::<Option<_>>()?,
            owing: owing.as_chunks().0.iter().copied().map(CheckId).collect(),
        })
    }
}

fn read_feedback(bytes: &[u8; FEEDBACK_BYTES]) -> Option<(FeedbackHead, Position)> {
    let head = FeedbackHead {
        check_id: CheckId(*bytes.first_chunk()?),
        content: Digest(*bytes[16..].first_chunk()?),
        moment: Moment(large_at(bytes, 32)? as i64),
        unit: small_at(bytes, 48)?,
        action: *FeedbackAction::ALL.get(usize::from(bytes[52]))?,
    };
    Some((head, Position(large_at(bytes, 40)?)))
}

fn small_at(bytes: &[u8], from: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(from..)?.first_chunk()?))
}

fn large_at(bytes: &[u8], from: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(from..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn start() -> SideStart {
        let head = |number: u8| FeedbackHead {
            check_id: CheckId([number; 16]),
            content: Digest([number ^ 0xff; 16]),
            moment: Moment(-5),
            unit: 70_000 + u32::from(number),
            action: FeedbackAction::ALL[usize::from(number % 4)],
        };
        SideStart {
            synced_through: 1 << 40,
            highest_moment: Moment(i64::MIN),
            last_frame: (67_000_000, [1, 2, 3, 4]),
            feedback: (0..9)
                .map(|n| (head(n), Position(u64::from(n) << 33)))
                .collect(),
            owing: vec![CheckId([3; 16]), CheckId([4; 16])],
        }
    }

    #[test]
    fn it_is_read_back_and_no_flipped_bit_nor_cut_is_believed() {
        let mut bytes = Vec::new();
        start().put(&mut bytes);
        assert_eq!(SideStart::read(&bytes), Some(start()));
        for place in 0..bytes.len() {
            assert_eq!(SideStart::read(&bytes[..place]), None, "{place}");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[place] ^= 1 << bit;
                assert_eq!(SideStart::read(&flipped), None, "{place} {bit}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            SideStart::read(&bytes);
            let mut sound = FORMAT.to_le_bytes().to_vec();
            sound.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
            sound.extend_from_slice(&bytes);
            SideStart::read(&sound);
        }
    }
}
