//! Parquet: rows of an input table, and an output table made of finished rows.
//!
//! In: a file; or the objects of a finished output. Out: the values of a row as texts; or a table
//! whose columns are all texts but `row`, `line` and `match_count`. Only flat columns are read.
//! Snappy and no compression; a file that the reader chokes on is a fault, never a panic. Without
//! the feature `parquet` both refuse.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

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
    #[error("cannot be written as Parquet ({0})")]
    Unwritable(String),
    /// The file system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Built without it.
    #[error("this build of hecha has no Parquet; build it with `--features parquet`, or use CSV")]
    NotBuilt,
}

/// The rows of a table.
#[cfg(feature = "parquet")]
pub type TableRows = with_parquet::TableRows;
/// The rows of a table: of none, without Parquet.
#[cfg(not(feature = "parquet"))]
pub type TableRows = without_parquet::TableRows;

/// Makes a table at `to` of finished rows, one object a line; readable by its owner only.
pub fn write(lines: impl BufRead, to: &Path) -> Result<(), TableFault> {
    #[cfg(feature = "parquet")]
    {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        with_parquet::write(lines, options.open(to)?)
    }
    #[cfg(not(feature = "parquet"))]
    {
        let _ = (lines, to);
        Err(TableFault::NotBuilt)
    }
}

#[cfg(feature = "parquet")]
mod with_parquet {
    use super::*;
    use crate::model::term::Day;
    use crate::screen::output::COLUMNS;
    use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
    use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
    use parquet::errors::ParquetError;
    use parquet::file::properties::WriterProperties;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::record::Field;
    use parquet::record::reader::RowIter;
    use parquet::schema::types::Type;
    use serde_json::{Map, Value};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;

    /// Rows of a row group that is written.
    const GROUP_ROWS: usize = 65_536;
    const NUMBERS: [&str; 3] = ["row", "line", "match_count"];

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
    fn guarded<T>(
        row: u64,
        read: impl FnOnce() -> Result<T, ParquetError>,
    ) -> Result<T, TableFault> {
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

    pub fn write(lines: impl BufRead, file: File) -> Result<(), TableFault> {
        let unwritable = |fault: ParquetError| TableFault::Unwritable(fault.to_string());
        let schema = schema().map_err(unwritable)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
        let writer = SerializedFileWriter::new(&file, schema, Arc::new(properties.build()));
        let mut writer = writer.map_err(unwritable)?;
        let mut group: Vec<Map<String, Value>> = Vec::with_capacity(GROUP_ROWS);
        for line in lines.lines() {
            let row = serde_json::from_str(&line?).map_err(io::Error::other)?;
            group.push(row);
            if group.len() == GROUP_ROWS {
                write_group(&mut writer, &group).map_err(unwritable)?;
                group.clear();
            }
        }
        if !group.is_empty() {
            write_group(&mut writer, &group).map_err(unwritable)?;
        }
        writer.close().map_err(unwritable)?;
        file.sync_all()?;
        Ok(())
    }

    fn schema() -> Result<Arc<Type>, ParquetError> {
        let columns = COLUMNS.iter().map(|column| {
            let kind = match NUMBERS.contains(column) {
                true => Type::primitive_type_builder(column, Physical::INT64),
                false => Type::primitive_type_builder(column, Physical::BYTE_ARRAY)
                    .with_logical_type(Some(LogicalType::String)),
            };
            let kind = kind.with_repetition(Repetition::OPTIONAL);
            kind.build().map(Arc::new)
        });
        let columns = columns.collect::<Result<_, _>>()?;
        let table = Type::group_type_builder("screened").with_fields(columns);
        table.build().map(Arc::new)
    }

    fn write_group(
        writer: &mut SerializedFileWriter<&File>,
        rows: &[Map<String, Value>],
    ) -> Result<(), ParquetError> {
        let mut group = writer.next_row_group()?;
        for name in COLUMNS {
            let Some(mut column) = group.next_column()? else {
                break;
            };
            let levels: Vec<i16> = rows
                .iter()
                .map(|row| row.contains_key(name).into())
                .collect();
            let values = rows.iter().filter_map(|row| row.get(name));
            if NUMBERS.contains(&name) {
                let values: Vec<i64> = values.map(|value| value.as_i64().unwrap_or(0)).collect();
                let column = column.typed::<Int64Type>();
                column.write_batch(&values, Some(&levels), None)?;
            } else {
                let values: Vec<ByteArray> = values.map(joined).collect();
                let column = column.typed::<ByteArrayType>();
                column.write_batch(&values, Some(&levels), None)?;
            }
            column.close()?;
        }
        group.close()?;
        Ok(())
    }

    fn joined(value: &Value) -> ByteArray {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
                parts.join(crate::screen::output::BETWEEN)
            }
            other => other.to_string(),
        };
        ByteArray::from(text.into_bytes())
    }
}

#[cfg(not(feature = "parquet"))]
mod without_parquet {
    use super::*;

    /// The rows of a table: of none, without Parquet.
    pub struct TableRows {
        never: std::convert::Infallible,
    }

    impl TableRows {
        /// Refuses.
        pub fn open(_: File) -> Result<Self, TableFault> {
            Err(TableFault::NotBuilt)
        }

        /// Names of the columns.
        pub fn header(&self) -> &[Box<str>] {
            match self.never {}
        }

        /// Rows in all.
        pub fn rows(&self) -> u64 {
            match self.never {}
        }

        /// The next row.
        pub fn read(&mut self) -> Result<Option<Vec<Zeroizing<String>>>, TableFault> {
            match self.never {}
        }
    }
}
