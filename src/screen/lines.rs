//! A text cut into its lines, within a bound: a line that never ends takes no memory.
//!
//! In: a reader. Out: one line after another without its end, or that it was too long; what is too
//! long is passed over up to its end, and the next line is read as usual. Says nothing about what
//! a line holds.

use std::io::{self, BufRead};

/// Bytes of one line at most, its end included: those of one check.
pub const LINE_BYTES_MAX: usize = 65_536;

/// What was found at the place where a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// A line; it stands in the buffer.
    Line,
    /// A line over `LINE_BYTES_MAX`; the buffer is empty.
    TooLong,
    /// Nothing more.
    End,
}

/// Cuts a reader into lines.
pub struct Lines<R> {
    reader: R,
    line: u64,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    /// Begins at the first byte; a byte order mark there is no part of the first line.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            line: 0,
            bytes: 0,
        }
    }

    /// Lines cut so far: the number of the last one, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts the next line into `out`, without its end. Errors: those of the reader.
    pub fn next(&mut self, out: &mut Vec<u8>) -> io::Result<Cut> {
        out.clear();
        let mut found = Cut::End;
        loop {
            let piece = match self.reader.fill_buf() {
                Ok(piece) => piece,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if piece.is_empty() {
                break;
            }
            if found == Cut::End {
                found = Cut::Line;
                self.line += 1;
            }
            let end = piece.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(piece.len(), |end| end + 1);
            if found == Cut::Line && out.len() + taken > LINE_BYTES_MAX {
                found = Cut::TooLong;
                out.clear();
            }
            if found == Cut::Line {
                out.extend_from_slice(&piece[..taken]);
            }
            self.reader.consume(taken);
            self.bytes += taken as u64;
            if end.is_some() {
                break;
            }
        }
        if out.last() == Some(&b'\n') {
            out.pop();
        }
        if out.last() == Some(&b'\r') {
            out.pop();
        }
        if self.line == 1 && out.starts_with("\u{feff}".as_bytes()) {
            out.drain(..3);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    fn cut(bytes: &[u8], buffer: usize) -> Vec<(Cut, Vec<u8>)> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, bytes));
        let (mut all, mut out) = (Vec::new(), Vec::new());
        loop {
            match lines.next(&mut out).unwrap() {
                Cut::End => break,
                found => all.push((found, out.clone())),
            }
        }
        assert_eq!(lines.bytes(), bytes.len() as u64);
        assert_eq!(lines.line(), all.len() as u64);
        all
    }

    #[test]
    fn lines_end_as_on_any_system_and_a_mark_of_order_is_dropped() {
        let line = |text: &str| (Cut::Line, text.as_bytes().to_vec());
        let text = "\u{feff}a\r\n\nb\n \u{feff}c".as_bytes();
        let wanted = [line("a"), line(""), line("b"), line(" \u{feff}c")];
        assert_eq!(cut(text, 2), wanted);
        assert_eq!(cut(b"", 8), []);
        assert_eq!(cut(b"a\n", 8), [line("a")]);
    }

    #[test]
    fn a_giant_line_is_passed_over_and_the_next_one_is_read() {
        let mut text = b"a\n".to_vec();
        text.extend(vec![b'x'; 3 * LINE_BYTES_MAX]);
        text.extend(b"\nb");
        let all = cut(&text, 4_096);
        let found: Vec<Cut> = all.iter().map(|(found, _)| *found).collect();
        assert_eq!(found, [Cut::Line, Cut::TooLong, Cut::Line]);
        assert_eq!(all[2].1, b"b");
    }

    proptest! {
        #[test]
        fn the_lines_are_those_of_the_text_whatever_the_buffer(
            bytes in prop::collection::vec(prop::sample::select(b"ab\r\n,\"".to_vec()), 0..200),
            buffer in 1usize..9,
        ) {
            let mut wanted: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
            if wanted.last().is_some_and(|last| last.is_empty()) {
                wanted.pop();
            }
            let found: Vec<Vec<u8>> = cut(&bytes, buffer).into_iter().map(|(_, l)| l).collect();
            let wanted: Vec<Vec<u8>> =
                wanted.iter().map(|l| l.strip_suffix(b"\r").unwrap_or(l).to_vec()).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
