//! CSV cut into blocks of whole rows, and a row into cells.
//!
//! In: a reader of UTF-8. Out: blocks whose rows are numbered as a spreadsheet counts them: a line
//! break inside quotes makes no row, a blank line does. A quote that is never closed spoils the
//! line it stands in and no other. Rows are bounded, so memory is. What a cell means is for others.

use super::blocks::LINE_BYTES_MAX;
use super::cell::{Cell, Row};
use super::header::COLUMNS_MAX;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::io::{self, Read};
use std::ops::Range;

/// Signs that separate cells, the usual one first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];
/// Bytes and lines that tell the separator.
const DELIMITER_BYTES_MAX: usize = 1 << 16;
const DELIMITER_LINES_MAX: usize = 40;

/// What is wrong with a row before it has cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFault {
    /// Longer than 1 MiB.
    TooLong,
    /// A quote is opened and never closed.
    OpenQuote,
    /// More cells than a table may have columns.
    TooManyCells,
}

/// A run of whole rows.
pub struct CsvBlock {
    /// Text of the rows.
    pub bytes: Vec<u8>,
    /// Where each row stands in it, and what is wrong with it.
    pub rows: Vec<(Range<usize>, Option<RowFault>)>,
    /// Number of the first row.
    pub first_row: u64,
    /// Bytes taken from the reader for it.
    pub bytes_read: u64,
    /// The separator.
    pub delimiter: u8,
}

impl CsvBlock {
    /// The rows with their cells, in order.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row, (u64, RowFault)>> {
        let mut reader = ReaderBuilder::new().delimiter(self.delimiter).build();
        let mut space = (vec![0; 4_096], vec![0; COLUMNS_MAX + 1]);
        let numbered = (self.first_row..).zip(&self.rows);
        numbered.map(move |(number, (range, fault))| match fault {
            Some(fault) => Err((number, *fault)),
            None => match cells(&mut reader, &self.bytes[range.clone()], &mut space) {
                Some(cells) => Ok(Row { number, cells }),
                None => Err((number, RowFault::TooManyCells)),
            },
        })
    }
}

/// The cells of one row; `None` where there are more than a table may have.
fn cells(
    reader: &mut Reader,
    row: &[u8],
    (text, ends): &mut (Vec<u8>, Vec<usize>),
) -> Option<Vec<Cell>> {
    reader.reset();
    let (mut read, mut written, mut ended) = (0, 0, 0);
    loop {
        let (result, r, w, e) =
            reader.read_record(&row[read..], &mut text[written..], &mut ends[ended..]);
        read += r;
        written += w;
        ended += e;
        match result {
            // An empty input is the end of the row to the reader.
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull => text.resize(text.len() * 2, 0),
            ReadRecordResult::OutputEndsFull => return None,
            ReadRecordResult::Record | ReadRecordResult::End => break,
        }
    }
    let starts = std::iter::once(0).chain(ends[..ended].iter().copied());
    let cells = starts.zip(&ends[..ended]).map(|(start, end)| {
        let cell = text.get(start..*end).unwrap_or_default();
        Cell::text(&String::from_utf8_lossy(cell))
    });
    let mut cells: Vec<Cell> = cells.collect();
    while cells.last().is_some_and(Cell::is_blank) {
        cells.pop();
    }
    Some(cells)
}

/// Cuts a source into blocks of whole rows.
pub struct CsvCutter<'a> {
    reader: Box<dyn Read + 'a>,
    delimiter: Option<u8>,
    carry: Vec<u8>,
    ended: bool,
    next_row: u64,
}

impl<'a> CsvCutter<'a> {
    /// `delimiter`: what a profile says; told from the first lines where absent.
    pub fn new(reader: Box<dyn Read + 'a>, delimiter: Option<u8>) -> Self {
        Self {
            reader,
            delimiter,
            carry: Vec::new(),
            ended: false,
            next_row: 1,
        }
    }

    /// The next block, of about `block_bytes`; `None` at the end.
    pub fn next_block(&mut self, block_bytes: usize) -> io::Result<Option<CsvBlock>> {
        let mut bytes = std::mem::take(&mut self.carry);
        let mut bytes_read = 0;
        let mut target = block_bytes.max(1);
        let mut rows = Vec::new();
        let mut at = 0;
        while rows.is_empty() {
            bytes_read += self.fill(&mut bytes, target)?;
            if self.next_row == 1 && at == 0 && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            let delimiter = *self
                .delimiter
                .get_or_insert_with(|| likely_delimiter(&bytes));
            while at < bytes.len() {
                let Some((end, fault)) = self.row_end(&bytes[at..], delimiter) else {
                    break;
                };
                rows.push((at..at + end, fault));
                at += end;
            }
            if self.ended {
                break;
            }
            target = block_bytes.max(bytes.len() * 2);
        }
        if rows.is_empty() {
            return Ok(None);
        }
        self.carry = bytes.split_off(at);
        let first_row = self.next_row;
        self.next_row += rows.len() as u64;
        Ok(Some(CsvBlock {
            bytes,
            rows,
            first_row,
            bytes_read,
            delimiter: self.delimiter.unwrap_or(b','),
        }))
    }

    fn fill(&mut self, buffer: &mut Vec<u8>, target: usize) -> io::Result<u64> {
        let wanted = target.saturating_sub(buffer.len()) as u64;
        let read = (&mut self.reader).take(wanted).read_to_end(buffer)? as u64;
        self.ended |= read < wanted;
        Ok(read)
    }

    /// Where the first row ends, its line break within; `None` where more must be read.
    fn row_end(&self, bytes: &[u8], delimiter: u8) -> Option<(usize, Option<RowFault>)> {
        match scan(bytes, delimiter, self.ended) {
            Scan::End(end) if end > LINE_BYTES_MAX => Some((end, Some(RowFault::TooLong))),
            Scan::End(end) => Some((end, None)),
            Scan::More if self.ended => Some((bytes.len(), None)),
            Scan::More => None,
            Scan::Quoted if self.ended || bytes.len() > LINE_BYTES_MAX => {
                let line = line_end(bytes);
                Some((line, Some(RowFault::OpenQuote)))
            }
            Scan::Quoted => None,
        }
    }
}

enum Scan {
    /// Bytes of the row with its line break.
    End(usize),
    /// The bytes end inside the row.
    More,
    /// The bytes end inside quotes.
    Quoted,
}

fn scan(bytes: &[u8], delimiter: u8, ended: bool) -> Scan {
    let mut at = 0;
    let mut at_start = true;
    while at < bytes.len() {
        let byte = bytes[at];
        if byte == b'"' && at_start {
            let Some(end) = quoted_end(&bytes[at + 1..]) else {
                return Scan::Quoted;
            };
            at += end + 1;
            at_start = false;
            continue;
        }
        at += 1;
        match byte {
            b'\n' => return Scan::End(at),
            b'\r' => match bytes.get(at) {
                Some(b'\n') => return Scan::End(at + 1),
                None if !ended => return Scan::More,
                _ => return Scan::End(at),
            },
            _ => at_start = byte == delimiter,
        }
    }
    Scan::More
}

/// Where quoted text ends, its closing quote within; a doubled quote is one of the text.
fn quoted_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += bytes[at..].iter().position(|byte| *byte == b'"')? + 1;
        if bytes.get(at) != Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

fn line_end(bytes: &[u8]) -> usize {
    let end = bytes.iter().position(|b| *b == b'\n' || *b == b'\r');
    match end {
        Some(end) if bytes[end..].starts_with(b"\r\n") => end + 2,
        Some(end) => end + 1,
        None => bytes.len(),
    }
}

/// The separator that stands most often in the first lines.
fn likely_delimiter(bytes: &[u8]) -> u8 {
    let head = &bytes[..bytes.len().min(DELIMITER_BYTES_MAX)];
    let lines = head.split(|byte| *byte == b'\n').take(DELIMITER_LINES_MAX);
    let mut counts = [0usize; DELIMITERS.len()];
    for line in lines {
        let mut quoted = false;
        for byte in line {
            quoted ^= *byte == b'"';
            let sign = DELIMITERS.iter().position(|sign| sign == byte);
            if let (Some(sign), false) = (sign, quoted) {
                counts[sign] += 1;
            }
        }
    }
    let mut best = 0;
    for place in 1..counts.len() {
        if counts[place] > counts[best] {
            best = place;
        }
    }
    DELIMITERS[best]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Shown = Vec<(u64, Result<Vec<String>, RowFault>)>;

    fn read(text: &[u8], block_bytes: usize) -> Shown {
        let mut cutter = CsvCutter::new(Box::new(text), Some(b','));
        let mut all = Vec::new();
        while let Some(block) = cutter.next_block(block_bytes).unwrap() {
            all.extend(block.rows().map(|row| match row {
                Ok(row) => {
                    let cells = row.cells.iter();
                    let texts = cells.map(|c| c.shown().unwrap_or_default().into_owned());
                    (row.number, Ok(texts.collect()))
                }
                Err((number, fault)) => (number, Err(fault)),
            }));
        }
        all
    }

    fn ok(cells: &[&str]) -> Result<Vec<String>, RowFault> {
        Ok(cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn rows_are_counted_as_a_spreadsheet_does() {
        let text = b"a,b\r\n\r\n\"x\ny\",\"q\"\"q\"\r\nlast,\"1,5\"";
        let expected = vec![
            (1, ok(&["a", "b"])),
            (2, ok(&[])),
            (3, ok(&["x\ny", "q\"q"])),
            (4, ok(&["last", "1,5"])),
        ];
        for block_bytes in 1..40 {
            assert_eq!(read(text, block_bytes), expected, "{block_bytes}");
        }
    }

    #[test]
    fn an_open_quote_spoils_its_line_only() {
        let text = b"a,b\n\"open,1\nc,d\n5\" tv,e\n";
        // The quote in `5" tv` opens nothing, but closes the one before it.
        assert_eq!(read(text, 100).len(), 2);
        let text = b"a,b\n\"open,1\nc,d\ne,f\n";
        let expected = vec![
            (1, ok(&["a", "b"])),
            (2, Err(RowFault::OpenQuote)),
            (3, ok(&["c", "d"])),
            (4, ok(&["e", "f"])),
        ];
        assert_eq!(read(text, 5), expected);
    }

    #[test]
    fn old_line_ends_and_other_separators_are_known() {
        assert_eq!(read(b"a,b\rc,d\r", 3).len(), 2);
        assert_eq!(likely_delimiter("姓名\t案号\n1,2\t3\n".as_bytes()), b'\t');
        assert_eq!(likely_delimiter(b"a;b;c\n"), b';');
        assert_eq!(likely_delimiter(b"title\n"), b',');
    }

    #[test]
    fn rows_beyond_the_bounds_are_faults_of_their_own() {
        let long = "x".repeat(LINE_BYTES_MAX + 10);
        let wide = ",1".repeat(COLUMNS_MAX + 5);
        let text = format!("a\n{long}\n{wide}\nb\n");
        let shown = read(text.as_bytes(), 1_000);
        assert_eq!(shown[1], (2, Err(RowFault::TooLong)));
        assert_eq!(shown[2], (3, Err(RowFault::TooManyCells)));
        assert_eq!(shown[3], (4, ok(&["b"])));
    }

    proptest! {
        #[test]
        fn any_bytes_give_the_same_rows_whatever_the_blocks(
            text in "[a,\"\r\n;;;é]{0,80}",
            block_bytes in 1usize..90,
        ) {
            let expected = read(text.as_bytes(), 1 << 20);
            prop_assert_eq!(read(text.as_bytes(), block_bytes), expected);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            read(&bytes, 16);
        }
    }
}
