//! Frames: how the log and the journal put records into files that only grow.
//!
//! In: kinds, indexes and payloads. Out: bytes that tell, when read back, whole records from a torn
//! tail and a torn tail from damage. Files are written with zeros first, so that a record needs no
//! change of the file's length. Format 1 of a frame, little endian, at offsets that 8 divides:
//!
//! ```text
//! 0 magic FA CE | 2 format 1 | 3 kind | 4 payload length u32 | 8 index u64
//! 16 synced through u64 | 24 crc32c u32 of bytes 0..24 and the payload | 28 payload | zeros
//! ```
//!
//! Indexes rise by one from frame to frame. `synced through` is the highest index known to be on
//! the disk when the frame was written: if a later whole frame says that a frame was on the disk,
//! and it cannot be read, that is damage, and nothing is cut off; else it is a tail that a cut of
//! power left, and goes. A `mark` says so where no record follows. Every format keeps these 28
//! bytes and their checksum, so that a reader knows what it does not know.

use std::io;

/// Bytes before the payload of a frame.
pub const HEADER_BYTES: usize = 28;

/// Payload of one frame, in bytes, at most.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// The format written.
pub const FORMAT: u8 = 1;

/// Kind of a frame that only says what is on the disk.
pub const KIND_MARK: u8 = 0;

/// Bytes that are looked at as one, where they should be zeros.
const BLANK_BYTES: usize = 1_024;

/// No byte of UTF-8 text is 0xFA, so that no text can pass for a frame.
const MAGIC: [u8; 2] = [0xfa, 0xce];

/// A whole frame, inside the bytes it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the payload is; readers skip the kinds that they do not know.
    pub kind: u8,
    /// Place in the order of all frames, from 1.
    pub index: u64,
    /// Highest index known to be on the disk when this was written.
    pub synced_through: u64,
    /// The record.
    pub payload: &'a [u8],
    /// Where the frame begins in its file.
    pub offset: u64,
}

impl Frame<'_> {
    /// Its bytes without the zeros at its end, in the `bytes` that it was read from.
    pub fn whole<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let from = self.offset as usize;
        &bytes[from..from + HEADER_BYTES + self.payload.len()]
    }
}

/// Appends one frame to `out`, which must hold a number of bytes that 8 divides.
///
/// Errors: a payload over `PAYLOAD_BYTES_MAX`; `out` is then as before. The payload is what `fill`
/// appends.
pub fn encode(
    out: &mut Vec<u8>,
    kind: u8,
    index: u64,
    synced_through: u64,
    fill: impl FnOnce(&mut Vec<u8>),
) -> io::Result<()> {
    let start = out.len();
    debug_assert!(start.is_multiple_of(8), "frames begin at multiples of 8");
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[FORMAT, kind]);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&index.to_le_bytes());
    out.extend_from_slice(&synced_through.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    fill(out);
    let payload_bytes = out.len() - start - HEADER_BYTES;
    if payload_bytes > PAYLOAD_BYTES_MAX {
        out.truncate(start);
        let problem = format!("a record of {payload_bytes} bytes, more than {PAYLOAD_BYTES_MAX}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    out[start + 4..start + 8].copy_from_slice(&(payload_bytes as u32).to_le_bytes());
    let check = checksum(&out[start..]);
    out[start + 24..start + HEADER_BYTES].copy_from_slice(&check.to_le_bytes());
    out.resize(out.len().next_multiple_of(8), 0);
    Ok(())
}

/// What stands at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// A whole frame and the offset after it.
    Frame(Frame<'a>, u64),
    /// A frame of a format that this program does not know, whole by its checksum.
    UnknownFormat(u8),
    /// No whole frame.
    Nothing,
}

/// Reads what stands at `offset` of a file's bytes.
pub fn decode(bytes: &[u8], offset: u64) -> Found<'_> {
    let start = offset as usize;
    let Some(rest) = bytes.get(start..) else {
        return Found::Nothing;
    };
    let Some((header, after)) = rest.split_first_chunk::<HEADER_BYTES>() else {
        return Found::Nothing;
    };
    if header[..2] != MAGIC {
        return Found::Nothing;
    }
    let payload_bytes = u32_at(header, 4) as usize;
    if payload_bytes > PAYLOAD_BYTES_MAX || payload_bytes > after.len() {
        return Found::Nothing;
    }
    let (content, padding) = rest.split_at(HEADER_BYTES + payload_bytes);
    let whole_bytes = content.len().next_multiple_of(8);
    let padding = &padding[..padding.len().min(whole_bytes - content.len())];
    if checksum(content) != u32_at(header, 24) || padding.iter().any(|byte| *byte != 0) {
        return Found::Nothing;
    }
    if header[2] != FORMAT {
        return Found::UnknownFormat(header[2]);
    }
    let frame = Frame {
        kind: header[3],
        index: u64_at(header, 8),
        synced_through: u64_at(header, 16),
        payload: &after[..payload_bytes],
        offset,
    };
    Found::Frame(frame, offset + whole_bytes as u64)
}

/// Where reading a file has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanEnd {
    /// Offset after the last whole frame in order.
    pub offset: u64,
    /// Index that the next frame has; 0 where nothing was read and any will do.
    pub next_index: u64,
    /// Highest `synced_through` of the frames read; 0 where there is none.
    pub synced_through: u64,
    /// A whole frame of an unknown format stands at `offset`.
    pub unknown_format: Option<u8>,
}

impl ScanEnd {
    /// The start of a file whose first frame has this index, or any where that is `None`.
    pub fn start(first_index: Option<u64>) -> Self {
        Self {
            offset: 0,
            next_index: first_index.unwrap_or(0),
            synced_through: 0,
            unknown_format: None,
        }
    }

    /// Reads on, as long as frames are whole and in order. An error of `visit` ends it.
    pub fn resume<'a, E>(
        &mut self,
        bytes: &'a [u8],
        mut visit: impl FnMut(Frame<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.unknown_format = None;
        loop {
            match decode(bytes, self.offset) {
                Found::Frame(frame, after) => {
                    let fits = self.next_index == 0 || frame.index == self.next_index;
                    // What states more than was written before it, this program did not write.
                    let sane = frame.synced_through < frame.index && frame.index < u64::MAX;
                    if !fits || !sane {
                        return Ok(());
                    }
                    visit(frame)?;
                    self.offset = after;
                    self.next_index = frame.index + 1;
                    self.synced_through = self.synced_through.max(frame.synced_through);
                }
                Found::UnknownFormat(format) => {
                    self.unknown_format = Some(format);
                    return Ok(());
                }
                Found::Nothing => return Ok(()),
            }
        }
    }
}

/// Reads frames in order from the start of a file: `ScanEnd::start`, then `resume`.
pub fn scan<'a, E>(
    bytes: &'a [u8],
    first_index: Option<u64>,
    visit: impl FnMut(Frame<'a>) -> Result<(), E>,
) -> Result<ScanEnd, E> {
    let mut end = ScanEnd::start(first_index);
    end.resume(bytes, visit)?;
    Ok(end)
}

/// Highest index that a whole frame behind `offset` states to be on the disk; 0 where none does.
///
/// Looks at every place where a frame can begin, so that damage of any length is passed.
pub fn stated_behind(bytes: &[u8], offset: u64) -> u64 {
    let mut stated = 0;
    let mut place = offset.next_multiple_of(8);
    while (place as usize) < bytes.len() {
        place = match decode(bytes, place) {
            Found::Frame(frame, after) => {
                if frame.synced_through < frame.index {
                    stated = stated.max(frame.synced_through);
                }
                after
            }
            Found::UnknownFormat(_) | Found::Nothing => place + 8,
        };
    }
    stated
}

/// Whether only zeros stand at and behind `offset`.
pub fn is_blank(bytes: &[u8], offset: u64) -> bool {
    let rest = bytes.get(offset as usize..).unwrap_or_default();
    // Stretches without a way out are looked at many bytes at a time: four times as fast.
    let mut stretches = rest.chunks(BLANK_BYTES);
    stretches.all(|stretch| stretch.iter().fold(0, |all, byte| all | byte) == 0)
}

/// crc32c of a frame's bytes without the checksum itself and the zeros at its end.
fn checksum(frame: &[u8]) -> u32 {
    let head = crc32c::crc32c(&frame[..24]);
    crc32c::crc32c_append(head, &frame[HEADER_BYTES..])
}

fn u32_at(bytes: &[u8; HEADER_BYTES], place: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[place..place + 4]);
    u32::from_le_bytes(number)
}

fn u64_at(bytes: &[u8; HEADER_BYTES], place: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[place..place + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn framed(payloads: &[&[u8]], synced_through: u64, zeros: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (place, payload) in payloads.iter().enumerate() {
            let index = place as u64 + 1;
            let stated = synced_through.min(index - 1);
            encode(&mut bytes, 7, index, stated, |out| {
                out.extend_from_slice(payload);
            })
            .unwrap();
        }
        bytes.resize(bytes.len() + zeros, 0);
        bytes
    }

    fn read(bytes: &[u8]) -> (Vec<&[u8]>, ScanEnd) {
        let mut payloads = Vec::new();
        let end = scan(bytes, Some(1), |frame| {
            payloads.push(frame.payload);
            Ok::<(), Infallible>(())
        })
        .unwrap();
        (payloads, end)
    }

    #[test]
    fn frames_are_read_back_in_order() {
        let bytes = framed(&[b"one", b"", b"three and more"], 0, 64);
        let (payloads, end) = read(&bytes);
        assert_eq!(payloads, [&b"one"[..], b"", b"three and more"]);
        assert_eq!(end.next_index, 4);
        assert_eq!(end.offset as usize, bytes.len() - 64);
        assert!(is_blank(&bytes, end.offset));
        assert!(!is_blank(&bytes, end.offset - 8));
    }

    #[test]
    fn format_one_has_these_bytes() {
        let bytes = framed(&[b"abc"], 0, 0);
        let expected = [
            0xfa, 0xce, 1, 7, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(bytes[..24], expected);
        assert_eq!(bytes[28..], [b'a', b'b', b'c', 0]);
        let check = crc32c::crc32c(&[&bytes[..24], b"abc"].concat());
        assert_eq!(bytes[24..28], check.to_le_bytes());
    }

    #[test]
    fn a_flipped_bit_anywhere_ends_the_reading_at_its_frame() {
        let whole = framed(&[b"first", b"second", b"third"], 0, 32);
        let second = 40;
        for place in second..80 {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[place] ^= 1 << bit;
                let (payloads, end) = read(&bytes);
                assert_eq!(payloads.len(), 1, "{place} {bit}");
                assert_eq!(end.offset, second as u64);
            }
        }
    }

    #[test]
    fn a_format_not_known_is_told_from_a_torn_frame() {
        let mut bytes = framed(&[b"abc"], 0, 0);
        bytes[2] = 2;
        assert_eq!(read(&bytes).1.unknown_format, None);
        let check = checksum(&bytes[..31]);
        bytes[24..28].copy_from_slice(&check.to_le_bytes());
        assert_eq!(read(&bytes).1.unknown_format, Some(2));
    }

    #[test]
    fn what_later_frames_state_is_found_behind_damage() {
        let whole = framed(&[b"first", b"second", b"third"], 1, 32);
        assert_eq!(stated_behind(&whole, 0), 1);
        let mut bytes = whole.clone();
        bytes[..77].fill(0x55);
        assert_eq!(stated_behind(&bytes, 0), 1);
        assert_eq!(stated_behind(&whole, 120), 0);
    }

    #[test]
    fn one_byte_anywhere_is_not_blank() {
        let mut bytes = vec![0; 2 * BLANK_BYTES + 9];
        assert!(is_blank(&bytes, 0) && is_blank(&bytes, 9_999) && is_blank(&[], 0));
        for place in 0..bytes.len() {
            bytes[place] = 0x80;
            assert!(!is_blank(&bytes, 0), "{place}");
            assert!(!is_blank(&bytes, place as u64), "{place}");
            assert!(is_blank(&bytes, place as u64 + 1), "{place}");
            bytes[place] = 0;
        }
    }

    #[test]
    fn a_payload_over_the_bound_is_refused_and_leaves_nothing() {
        let mut bytes = vec![0; 8];
        let error = encode(&mut bytes, 1, 1, 0, |out| {
            out.resize(out.len() + PAYLOAD_BYTES_MAX + 1, 1);
        })
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "a record of 1048577 bytes, more than 1048576"
        );
        assert_eq!(bytes.len(), 8);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            place in 0usize..300,
        ) {
            let mut around = framed(&[b"first", &bytes], 0, 0);
            let end = place.min(around.len());
            around[..end].copy_from_slice(&vec![0xfa; end]);
            around.extend_from_slice(&bytes);
            for image in [&bytes, &around] {
                read(image);
                stated_behind(image, 0);
                is_blank(image, place as u64);
            }
        }
    }
}
