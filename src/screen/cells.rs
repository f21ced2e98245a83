//! Rows of separated values: physical lines joined while a quote is open, then cut into cells.
//!
//! In: lines. Out: records with the line they begin in, as bytes; `split` cuts one into cells. A
//! quote that is never closed costs the line it stands in, not the rest of the file: after
//! `RECORD_BYTES_MAX` its line is given back as faulty, and reading goes on with the next line.

use super::lines::{Cut, LINE_BYTES_MAX, Lines};
use std::collections::VecDeque;
use std::io::{self, BufRead};

/// Bytes of one record at most, line ends included.
pub const RECORD_BYTES_MAX: usize = LINE_BYTES_MAX;
/// Physical lines of one record at most: an open quote costs that many lines read twice.
const RECORD_LINES_MAX: usize = 64;

/// One record before it is cut into cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Its bytes.
    Whole(Vec<u8>),
    /// Longer than `RECORD_BYTES_MAX`.
    TooLong,
    /// A quote in it is never closed.
    Unclosed,
}

/// Records of one reader.
pub struct Records<R> {
    lines: Lines<R>,
    separator: u8,
    /// Lines read ahead and given back, with their numbers.
    ahead: VecDeque<(u64, Cut, Vec<u8>)>,
}

impl<R: BufRead> Records<R> {
    /// Begins with the first line.
    pub fn new(lines: Lines<R>, separator: u8) -> Self {
        Self {
            lines,
            separator,
            ahead: VecDeque::new(),
        }
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.lines.bytes()
    }

    /// The next record that is not an empty line, and the line it begins in; `None` at the end.
    pub fn read(&mut self) -> io::Result<Option<(u64, Record)>> {
        loop {
            let Some((line, cut, first)) = self.line()? else {
                return Ok(None);
            };
            if cut == Cut::TooLong {
                return Ok(Some((line, Record::TooLong)));
            }
            if first.is_empty() {
                continue;
            }
            return self.joined(line, first).map(Some);
        }
    }

    /// Adds lines to `record` until its quotes are closed.
    fn joined(&mut self, line: u64, mut record: Vec<u8>) -> io::Result<(u64, Record)> {
        let mut open = is_open(false, &record, self.separator);
        let mut added: Vec<(u64, Cut, Vec<u8>)> = Vec::new();
        while open {
            let next = match added.len() + 1 < RECORD_LINES_MAX {
                true => self.line()?,
                false => None,
            };
            let fits = next.as_ref().is_some_and(|(_, cut, more)| {
                *cut == Cut::Line && record.len() + more.len() < RECORD_BYTES_MAX
            });
            added.extend(next);
            let Some((_, _, more)) = added.last().filter(|_| fits) else {
                for line in added.into_iter().rev() {
                    self.ahead.push_front(line);
                }
                return Ok((line, Record::Unclosed));
            };
            record.push(b'\n');
            record.extend_from_slice(more);
            open = is_open(true, more, self.separator);
        }
        Ok((line, Record::Whole(record)))
    }

    fn line(&mut self) -> io::Result<Option<(u64, Cut, Vec<u8>)>> {
        if let Some(ahead) = self.ahead.pop_front() {
            return Ok(Some(ahead));
        }
        let mut line = Vec::new();
        Ok(match self.lines.next(&mut line)? {
            Cut::End => None,
            cut => Some((self.lines.line(), cut, line)),
        })
    }
}

/// Whether a quote is open after these bytes. Only one at the beginning of a cell opens; a
/// doubled one inside opens what it has closed.
fn is_open(mut is_inside: bool, bytes: &[u8], separator: u8) -> bool {
    let mut at_start = !is_inside;
    for (place, byte) in bytes.iter().enumerate() {
        if is_inside {
            is_inside = *byte != b'"';
        } else if *byte == b'"' {
            // The second half of a doubled quote, or the first character of a cell.
            let is_doubled = place > 0 && bytes[place - 1] == b'"' && !at_start;
            is_inside = at_start || is_doubled;
            at_start = false;
        } else {
            at_start = *byte == separator;
        }
    }
    is_inside
}

/// Cuts a record into cells: quotes around a cell are taken off, doubled ones inside are one.
pub fn split(record: &[u8], separator: u8, mut cell: impl FnMut(&[u8])) {
    let mut rest = record;
    let mut unquoted = Vec::new();
    loop {
        let is_quoted = rest.first() == Some(&b'"');
        if is_quoted {
            unquoted.clear();
            rest = take_quoted(&rest[1..], &mut unquoted);
        }
        // After a closing quote only the separator belongs; what else stands there is kept.
        let end = rest.iter().position(|byte| *byte == separator);
        let tail = &rest[..end.unwrap_or(rest.len())];
        if is_quoted {
            unquoted.extend_from_slice(tail);
            cell(&unquoted);
        } else {
            cell(tail);
        }
        match end {
            Some(end) => rest = &rest[end + 1..],
            None => return,
        }
    }
}

/// Appends what stands before the closing quote; returns what follows it.
fn take_quoted<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    loop {
        let Some(quote) = rest.iter().position(|byte| *byte == b'"') else {
            out.extend_from_slice(rest);
            return &[];
        };
        out.extend_from_slice(&rest[..quote]);
        rest = &rest[quote + 1..];
        if rest.first() != Some(&b'"') {
            return rest;
        }
        out.push(b'"');
        rest = &rest[1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn records(text: &[u8]) -> Vec<(u64, Record)> {
        let mut records = Records::new(Lines::new(text), b',');
        std::iter::from_fn(|| records.read().unwrap()).collect()
    }

    fn cells(record: &str) -> Vec<String> {
        let mut cells = Vec::new();
        split(record.as_bytes(), b',', |cell| {
            cells.push(String::from_utf8(cell.to_vec()).unwrap());
        });
        cells
    }

    #[test]
    fn cells_are_cut_at_separators_outside_quotes() {
        for (record, wanted) in [
            ("a,b", vec!["a", "b"]),
            ("", vec![""]),
            (",", vec!["", ""]),
            ("\"a,b\",c", vec!["a,b", "c"]),
            ("\"a\"\"b\"", vec!["a\"b"]),
            ("\"\",x", vec!["", "x"]),
            ("\"a\" ,b", vec!["a ", "b"]),
            ("a\"b,c", vec!["a\"b", "c"]),
            ("\"a\nb\",c", vec!["a\nb", "c"]),
        ] {
            assert_eq!(cells(record), wanted, "{record:?}");
        }
    }

    #[test]
    fn a_record_may_have_several_lines_and_says_where_it_begins() {
        let found = records(b"a,b\n\n\"c\nd\",e\nf\n");
        let whole = |text: &str| Record::Whole(text.as_bytes().to_vec());
        let wanted = [(1, whole("a,b")), (3, whole("\"c\nd\",e")), (5, whole("f"))];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_quote_inside_a_cell_opens_nothing() {
        let found = records(b"a\"b,1\nc\"d,2\n\"x\"\"\",\"\",y\n\"z\"\"\n\",w\n");
        let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 3, 4]);
    }

    #[test]
    fn an_open_quote_costs_its_line_and_no_other() {
        let rows: String = (0..200).map(|n| format!("row {n}\n")).collect();
        let text = format!("a\n\"open\n{rows}");
        let found = records(text.as_bytes());
        assert_eq!(found.len(), 202);
        assert_eq!(found[1], (2, Record::Unclosed));
        assert_eq!(found[2].0, 3);
        assert_eq!(found[201], (202, Record::Whole(b"row 199".to_vec())));
    }

    #[test]
    fn a_giant_line_is_one_faulty_record() {
        let text = [b"a\n".to_vec(), vec![b'x'; 200_000], b"\nb\n".to_vec()].concat();
        let found = records(&text);
        assert_eq!(found[1], (2, Record::TooLong));
        assert_eq!(found[2], (3, Record::Whole(b"b".to_vec())));
    }

    proptest! {
        #[test]
        fn written_cells_are_read_as_they_were(
            rows in prop::collection::vec(prop::collection::vec("[a,\"\n ]{0,6}", 2..4), 0..6),
        ) {
            let mut text = String::new();
            for row in &rows {
                let cells: Vec<String> = row
                    .iter()
                    .map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")))
                    .collect();
                text.push_str(&cells.join(","));
                text.push('\n');
            }
            let found: Vec<Vec<String>> = records(text.as_bytes())
                .into_iter()
                .map(|(_, record)| match record {
                    Record::Whole(bytes) => cells(&String::from_utf8(bytes).unwrap()),
                    other => panic!("{other:?}"),
                })
                .collect();
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn any_bytes_are_read_to_their_end(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            for (_, record) in records(&bytes) {
                if let Record::Whole(bytes) = record {
                    split(&bytes, b',', |_| ());
                }
            }
        }
    }
}
