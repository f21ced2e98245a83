//! Rows of an input file in their order: CSV, NDJSON, Parquet.
//!
//! In: a file and what its columns are called. Out: blocks of rows, each with its number and line,
//! not yet understood, so that all cores can understand them. A row that cannot be read is a row
//! with a fault. Errors: only the file itself.

use super::cells::{Record, Records};
use super::columns::{Asking, Columns, Given, HeaderFault, Naming, ask_line};
use super::lines::{Cut, LINE_BYTES_MAX, Lines};
use super::table::{TableFault, TableRows};
use crate::catalogue::scenario::Scenario;
use crate::wire::problem::{Problem, ProblemKind};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const READ_BYTES: usize = 1 << 20;

/// What a file is, by the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Cells separated by commas, with a header.
    Csv,
    /// The same with tabs.
    Tsv,
    /// An object a line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// From the end of a file's name.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match &*ending {
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            "ndjson" | "jsonl" => Self::Ndjson,
            "parquet" => Self::Parquet,
            _ => return None,
        })
    }

    /// What separates cells.
    pub fn separator(self) -> u8 {
        match self {
            Self::Tsv => b'\t',
            _ => b',',
        }
    }
}

/// Why an input cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum InputFault {
    /// The file.
    #[error("{}: cannot be read ({fault})", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// No row.
    #[error("{}: is empty; its first row must be a header", path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// The header cannot be read.
    #[error(
        "{}:{line}: the header {what}; it must be UTF-8 (`iconv -f GB18030 -t UTF-8 FILE`) with \
         closed quotes, at most {LINE_BYTES_MAX} bytes", path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Its line.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The header has names that will not do.
    #[error("{}: {fault}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: HeaderFault,
    },
    /// A Parquet file.
    #[error("{}: {fault}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: TableFault,
    },
}

/// One row before it is understood.
pub struct Row {
    /// Place among the rows of data, from 1.
    pub number: u64,
    /// Line in which it begins, from 1; of a Parquet file its number.
    pub line: u64,
    content: Content,
}

enum Content {
    Cells(Zeroizing<Vec<u8>>),
    Values(Vec<Zeroizing<String>>),
    Object(Zeroizing<Vec<u8>>),
    Fault(&'static str),
}

enum Source {
    Cells(Records<BufReader<File>>),
    Lines(Lines<BufReader<File>>),
    Table(Box<TableRows>),
}

/// The rows of one file.
pub struct Rows {
    path: PathBuf,
    source: Source,
    number: u64,
}

/// What is needed to understand a row.
pub struct Reading<'a> {
    /// What holds for all rows.
    pub given: &'a Given,
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The columns; `None` for NDJSON.
    pub columns: Option<Columns>,
    /// What separates cells.
    pub separator: u8,
}

impl Rows {
    /// Opens a file and reads its header, where its format has one.
    pub fn open(
        path: &Path,
        format: Format,
        naming: &Naming,
        scenario: &Scenario,
        given: &Given,
    ) -> Result<(Self, Option<Columns>), InputFault> {
        let read = |fault| InputFault::Read {
            path: path.to_owned(),
            fault,
        };
        let understand = |header: &[Box<str>]| {
            let columns = Columns::understand(header, naming, scenario, given);
            columns.map_err(|fault| InputFault::Header {
                path: path.to_owned(),
                fault,
            })
        };
        let file = File::open(path).map_err(read)?;
        let (source, columns) = match format {
            Format::Ndjson => {
                let lines = Lines::new(BufReader::with_capacity(READ_BYTES, file));
                (Source::Lines(lines), None)
            }
            Format::Csv | Format::Tsv => {
                let lines = Lines::new(BufReader::with_capacity(READ_BYTES, file));
                let mut records = Records::new(lines, format.separator());
                let header = header(path, &mut records, format.separator())?;
                (Source::Cells(records), Some(understand(&header)?))
            }
            Format::Parquet => {
                let table = TableRows::open(file).map_err(|fault| InputFault::Table {
                    path: path.to_owned(),
                    fault,
                })?;
                let columns = understand(table.header())?;
                (Source::Table(Box::new(table)), Some(columns))
            }
        };
        let rows = Self {
            path: path.to_owned(),
            source,
            number: 0,
        };
        Ok((rows, columns))
    }

    /// How far the file is read: bytes, of a Parquet file rows.
    pub fn done(&self) -> u64 {
        match &self.source {
            Source::Cells(records) => records.bytes(),
            Source::Lines(lines) => lines.bytes(),
            Source::Table(_) => self.number,
        }
    }

    /// Rows of the file, where it says so beforehand.
    pub fn total(&self) -> Option<u64> {
        match &self.source {
            Source::Table(table) => Some(table.rows()),
            _ => None,
        }
    }

    /// Passes over rows that were screened before.
    pub fn skip(&mut self, rows: u64) -> Result<(), InputFault> {
        while self.number < rows {
            if self.next()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// At most `rows_max` rows; none at the end.
    pub fn block(&mut self, rows_max: usize) -> Result<Vec<Row>, InputFault> {
        let mut block = Vec::with_capacity(rows_max);
        while block.len() < rows_max {
            match self.next()? {
                Some(row) => block.push(row),
                None => break,
            }
        }
        Ok(block)
    }

    fn next(&mut self) -> Result<Option<Row>, InputFault> {
        let number = self.number + 1;
        let row = match &mut self.source {
            Source::Cells(records) => {
                let next = records
                    .read()
                    .map_err(|fault| read_fault(&self.path, fault))?;
                next.map(|(line, record)| (line, of_record(record)))
            }
            Source::Lines(lines) => {
                let next = next_line(lines).map_err(|fault| read_fault(&self.path, fault))?;
                next.map(|content| (lines.line(), content))
            }
            Source::Table(table) => {
                let next = table.read().map_err(|fault| InputFault::Table {
                    path: self.path.clone(),
                    fault,
                })?;
                next.map(|values| (number, Content::Values(values)))
            }
        };
        Ok(row.map(|(line, content)| {
            self.number = number;
            Row {
                number,
                line,
                content,
            }
        }))
    }
}

fn header(
    path: &Path,
    records: &mut Records<BufReader<File>>,
    separator: u8,
) -> Result<Vec<Box<str>>, InputFault> {
    let path = path.to_owned();
    let next = records.read().map_err(|fault| read_fault(&path, fault))?;
    let Some((line, record)) = next else {
        return Err(InputFault::NoHeader { path });
    };
    let unreadable = |what| InputFault::Unreadable {
        path: path.clone(),
        line,
        what,
    };
    let record = match record {
        Record::Whole(record) => record,
        Record::TooLong => return Err(unreadable("is too long")),
        Record::Unclosed => return Err(unreadable("has a quote that is never closed")),
    };
    if std::str::from_utf8(&record).is_err() {
        return Err(unreadable("is not UTF-8"));
    }
    let mut names = Vec::new();
    super::cells::split(&record, separator, |cell| {
        names.push(String::from_utf8_lossy(cell).trim().into());
    });
    Ok(names)
}

fn of_record(record: Record) -> Content {
    match record {
        Record::Whole(record) => Content::Cells(Zeroizing::new(record)),
        Record::TooLong => Content::Fault("the row is longer than 65536 bytes"),
        Record::Unclosed => Content::Fault("a quote in the row is never closed; close it"),
    }
}

/// The next line that is not blank.
fn next_line(lines: &mut Lines<BufReader<File>>) -> io::Result<Option<Content>> {
    let mut line = Vec::new();
    loop {
        return Ok(match lines.next(&mut line)? {
            Cut::End => None,
            Cut::TooLong => Some(Content::Fault("the line is longer than 65536 bytes")),
            Cut::Line if line.iter().all(u8::is_ascii_whitespace) => continue,
            Cut::Line => Some(Content::Object(Zeroizing::new(line))),
        });
    }
}

fn read_fault(path: &Path, fault: io::Error) -> InputFault {
    let path = path.to_owned();
    InputFault::Read { path, fault }
}

impl Row {
    /// The question that the row asks; faults name the column where there is one.
    pub fn ask(&self, reading: &Reading<'_>) -> Asking {
        match &self.content {
            Content::Fault(what) => faulty(ProblemKind::Malformed, what),
            Content::Object(line) => ask_line(reading.given, reading.scenario, line),
            Content::Cells(record) => {
                reading.with_cells(record, |columns, cells| columns.ask(reading.given, cells))
            }
            Content::Values(values) => {
                let cells: Vec<&str> = values.iter().map(|value| value.as_str()).collect();
                match &reading.columns {
                    Some(columns) => columns.ask(reading.given, &cells),
                    None => faulty(ProblemKind::Internal, "a table without columns"),
                }
            }
        }
    }

    /// The name of the column at fault; `field` itself where no column holds it.
    pub fn column_at_fault(&self, reading: &Reading<'_>, field: &str) -> String {
        let Some(columns) = &reading.columns else {
            return field.to_owned();
        };
        let named = |cells: &[&str]| columns.column_at_fault(field, cells).map(str::to_owned);
        let column = match &self.content {
            Content::Cells(record) => {
                let mut column = None;
                reading.with_cells(record, |_, cells| {
                    column = named(cells);
                    faulty(ProblemKind::Internal, "")
                });
                column
            }
            Content::Values(values) => {
                let cells: Vec<&str> = values.iter().map(|value| value.as_str()).collect();
                named(&cells)
            }
            _ => None,
        };
        column.unwrap_or_else(|| field.to_owned())
    }
}

impl Reading<'_> {
    fn with_cells(
        &self,
        record: &[u8],
        mut use_them: impl FnMut(&Columns, &[&str]) -> Asking,
    ) -> Asking {
        let Some(columns) = &self.columns else {
            return faulty(ProblemKind::Internal, "a table without columns");
        };
        if std::str::from_utf8(record).is_err() {
            let what = "the row is not UTF-8; convert the file, for example with iconv";
            return faulty(ProblemKind::Malformed, what);
        }
        // One buffer for all cells: a row of twenty would else be twenty allocations.
        let mut text = Zeroizing::new(String::with_capacity(record.len()));
        let mut ends = Vec::with_capacity(columns.count());
        super::cells::split(record, self.separator, |cell| {
            text.push_str(std::str::from_utf8(cell).unwrap_or(""));
            ends.push(text.len());
        });
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let cells: Vec<&str> = starts
            .zip(&ends)
            .map(|(start, end)| text.get(start..*end).unwrap_or(""))
            .collect();
        use_them(columns, &cells)
    }
}

fn faulty(kind: ProblemKind, what: &str) -> Asking {
    Asking {
        reference: None,
        body: Err(Problem::new(kind, what)),
    }
}
