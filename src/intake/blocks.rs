//! A stream of bytes cut into blocks of whole lines.
//!
//! In: a reader. Out: blocks of about the wanted size, a byte order mark at the start dropped. Of a
//! line beyond the bound only its beginning is kept, enough to be seen as too long, so that memory
//! stays bounded. Never looks into a line.

use std::io::{self, Read};

/// Bytes of a line at most, without its end: 1 MiB.
pub const LINE_BYTES_MAX: usize = 1 << 20;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Whole lines of one source.
pub struct RawBlock {
    /// Lines with their ends; the last of a source may have none.
    pub bytes: Vec<u8>,
    /// Bytes taken from the source for it.
    pub bytes_read: u64,
}

/// Cuts a source into blocks of whole lines.
pub struct Cutter<'a> {
    reader: Box<dyn Read + 'a>,
    block_bytes: usize,
    carry: Vec<u8>,
    at_start: bool,
    ended: bool,
}

impl<'a> Cutter<'a> {
    /// Blocks of about `block_bytes`, at least 1.
    pub fn new(reader: Box<dyn Read + 'a>, block_bytes: usize) -> Self {
        Self {
            reader,
            block_bytes: block_bytes.max(1),
            carry: Vec::new(),
            at_start: true,
            ended: false,
        }
    }

    /// The next block, in `buffer`; `None` at the end. Of a line beyond the bound it holds the
    /// beginning, enough to be seen as too long.
    pub fn next_block(&mut self, mut buffer: Vec<u8>) -> io::Result<Option<RawBlock>> {
        buffer.clear();
        std::mem::swap(&mut buffer, &mut self.carry);
        let mut bytes_read = 0;
        let mut target = self.block_bytes.max(BOM.len());
        loop {
            bytes_read += self.fill(&mut buffer, target)?;
            if std::mem::take(&mut self.at_start) && buffer.starts_with(BOM) {
                buffer.drain(..BOM.len());
            }
            if self.ended {
                break;
            }
            if let Some(end) = buffer.iter().rposition(|b| *b == b'\n') {
                self.carry.extend_from_slice(&buffer[end + 1..]);
                buffer.truncate(end + 1);
                break;
            }
            // Two beyond the bound: the last byte may be the `\r` of a line end cut in two.
            if buffer.len() >= LINE_BYTES_MAX + 2 {
                buffer.truncate(LINE_BYTES_MAX + 2);
                bytes_read += self.skip_line()?;
                break;
            }
            target = self.block_bytes.max(buffer.len() * 2);
        }
        let block = RawBlock {
            bytes: buffer,
            bytes_read,
        };
        Ok((!block.bytes.is_empty()).then_some(block))
    }

    fn fill(&mut self, buffer: &mut Vec<u8>, target: usize) -> io::Result<u64> {
        let wanted = target.saturating_sub(buffer.len()) as u64;
        let read = (&mut self.reader).take(wanted).read_to_end(buffer)? as u64;
        self.ended |= read < wanted;
        Ok(read)
    }

    /// Reads to the end of the line; what comes behind it is carried.
    fn skip_line(&mut self) -> io::Result<u64> {
        let mut bytes_read = 0;
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            bytes_read += self.fill(&mut chunk, self.block_bytes.max(1 << 16))?;
            if let Some(end) = chunk.iter().position(|b| *b == b'\n') {
                self.carry.extend_from_slice(&chunk[end + 1..]);
                return Ok(bytes_read);
            }
            if self.ended {
                return Ok(bytes_read);
            }
        }
    }
}
