//! Parquet: rows of an input table, and an output table made of finished rows.
//!
//! In: a file; or the objects of a finished output. Out: the values of a row as texts; or a table
//! whose columns are all texts but `row`, `line` and `match_count`. Only flat columns are read.
//! Snappy and no compression; a file that the reader chokes on is a fault, never a panic.

use super::output::{BETWEEN, COLUMNS};
use crate::model::term::Day;
use crate::storage::flat_table::{Cell, Column, Kind, TableWriteFault, TableWriter};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use serde_json::{Map, Value};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use zeroize::Zeroizing;

const NUMBERS: [&str; 3] = ["row", "line", "match_count"];

/// Why a table cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TableFault {
    /// Not a table that can be read.
    #[error(
        "cannot be read as Parquet{at}: {what}; write it with flat columns of text, Snappy or no \
         compression"
    )]
    Unreadable {
        /// In which row, where it is known.
        at: String,
        /// What the reader says.
        what: String,
    },
    /// Cannot be written.
    #[error(transparent)]
    Unwritable(#[from] TableWriteFault),
    /// The file system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The rows of a table.
pub struct TableRows {
    rows: RowIter<'static>,
    header: Vec<Box<str>>,
    total: u64,
    read: u64,
}

impl TableRows {
    /// Reads what the table says of itself.
    pub fn open(file: File) -> Result<Self, TableFault> {
        guarded(0, || {
            let reader = SerializedFileReader::new(file)?;
            let about = reader.metadata().file_metadata();
            let header = about.schema().get_fields().iter();
            let header = header.map(|field| field.name().into()).collect();
            let total = u64::try_from(about.num_rows()).unwrap_or(0);
            Ok(Self {
                rows: reader.into_iter(),
                header,
                total,
                read: 0,
            })
        })
    }

    /// Names of the columns.
    pub fn header(&self) -> &[Box<str>] {
        &self.header
    }

    /// Rows in all, as the table says.
    pub fn rows(&self) -> u64 {
        self.total
    }

    /// The values of the next row as texts, null as the empty one.
    pub fn read(&mut self) -> Result<Option<Vec<Zeroizing<String>>>, TableFault> {
        self.read += 1;
        let rows = &mut self.rows;
        let row = guarded(self.read, || rows.next().transpose())?;
        Ok(row.map(|row| {
            let values = row.into_columns().into_iter();
            values
                .map(|(_, value)| Zeroizing::new(text(value)))
                .collect()
        }))
    }
}

/// A value as a cell of CSV would have it. A group or list has no meaning here: it becomes a
/// text that no field takes.
fn text(value: Field) -> String {
    match value {
        Field::Null => String::new(),
        Field::Str(text) => text,
        Field::Bytes(bytes) => bytes.as_utf8().unwrap_or("\u{fffd}").to_owned(),
        Field::Date(days) => Day(days).to_string(),
        Field::Bool(value) => value.to_string(),
        other => other.to_string(),
    }
}

/// The reader panics on some damaged files.
fn guarded<T>(row: u64, read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, TableFault> {
    let at = match row {
        0 => String::new(),
        row => format!(" at row {row}"),
    };
    let what = match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(read)) => return Ok(read),
        Ok(Err(fault)) => fault.to_string(),
        Err(_) => "it is damaged".to_owned(),
    };
    Err(TableFault::Unreadable { at, what })
}

/// Makes a table at `to` of finished rows, one object a line; readable by its owner only.
pub fn write(lines: impl BufRead, to: &Path) -> Result<(), TableFault> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(to)?;
    let columns = COLUMNS.map(|name| Column::optional(name, kind(name)));
    let mut table = TableWriter::begin("screened", &columns, &file)?;
    for line in lines.lines() {
        let mut row: Map<String, Value> = serde_json::from_str(&line?).map_err(io::Error::other)?;
        table.push(COLUMNS.map(|name| cell(name, row.remove(name))))?;
    }
    table.finish()?;
    Ok(file.sync_all()?)
}

fn kind(name: &str) -> Kind {
    match NUMBERS.contains(&name) {
        true => Kind::Number,
        false => Kind::Text,
    }
}

fn cell(name: &str, value: Option<Value>) -> Cell {
    match value {
        None => Cell::Null,
        Some(value) if NUMBERS.contains(&name) => Cell::Number(value.as_i64().unwrap_or(0)),
        Some(Value::String(text)) => Cell::Text(text),
        Some(Value::Array(parts)) => {
            let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            Cell::Text(parts.join(BETWEEN))
        }
        Some(other) => Cell::Text(other.to_string()),
    }
}
