//! A table of flat columns as a Parquet file, written in row groups.
//!
//! In: columns, then rows, a cell a column. Out: the bytes of the file, in order, to any writer;
//! nobody can read them before `finish`. Holds at most `GROUP_ROWS` rows in memory. Compressed by
//! Snappy, which every reader has. Neither syncs nor names the file, and knows nothing of what
//! stands in it.

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use std::io::Write;
use std::sync::Arc;

/// Rows of a row group, which are held in memory until it is written.
pub const GROUP_ROWS: usize = 65_536;

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number of 64 bits.
    Number,
    /// Microseconds since the epoch, UTC.
    Moment,
    /// A text.
    Text,
    /// Any number of texts; none is an empty list and never null.
    Texts,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What its cells are.
    pub kind: Kind,
    repetition: Repetition,
}

impl Column {
    /// Each row has a cell.
    pub const fn required(name: &'static str, kind: Kind) -> Self {
        let repetition = Repetition::REQUIRED;
        Self {
            name,
            kind,
            repetition,
        }
    }

    /// Rows may have none. Not for `Kind::Texts`.
    pub const fn optional(name: &'static str, kind: Kind) -> Self {
        assert!(!matches!(kind, Kind::Texts), "an empty list says the same");
        let repetition = Repetition::OPTIONAL;
        Self {
            name,
            kind,
            repetition,
        }
    }
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// None.
    Null,
    /// Of a column of numbers or moments.
    Number(i64),
    /// Of a column of texts.
    Text(String),
    /// Of a column of lists.
    Texts(Vec<String>),
}

/// Why a table cannot be written: the file system, or rows that do not fit their columns.
#[derive(Debug, thiserror::Error)]
#[error("cannot be written as Parquet ({0})")]
pub struct TableWriteFault(#[from] ParquetError);

/// A table that grows by rows.
pub struct TableWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    group: Vec<Values>,
    group_rows: usize,
}

impl<W: Write + Send> TableWriter<W> {
    /// An empty table called `name` inside its file.
    ///
    /// Errors: those of the writer; two columns of one name.
    pub fn begin(name: &str, columns: &[Column], out: W) -> Result<Self, TableWriteFault> {
        let fields = columns.iter().map(field).collect::<Result<_, _>>()?;
        let schema = Type::group_type_builder(name).with_fields(fields).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("hecha ", env!("CARGO_PKG_VERSION")).to_owned());
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties.build()))?;
        Ok(Self {
            file,
            group: columns.iter().map(|column| Values::new(*column)).collect(),
            group_rows: 0,
        })
    }

    /// Adds a row: a cell for each column, in their order.
    ///
    /// Errors: those of the writer; a row that does not fit.
    pub fn push(&mut self, row: impl IntoIterator<Item = Cell>) -> Result<(), TableWriteFault> {
        let mut cells = row.into_iter();
        for values in &mut self.group {
            let cell = cells.next().ok_or_else(|| values.misfit())?;
            values.push(cell)?;
        }
        self.group_rows += 1;
        match self.group_rows {
            GROUP_ROWS => self.write_group(),
            _ => Ok(()),
        }
    }

    /// Writes what is left and the foot of the file; the writer, flushed and not synced.
    ///
    /// Errors: those of the writer.
    pub fn finish(mut self) -> Result<W, TableWriteFault> {
        if self.group_rows > 0 {
            self.write_group()?;
        }
        Ok(self.file.into_inner()?)
    }

    fn write_group(&mut self) -> Result<(), TableWriteFault> {
        let mut group = self.file.next_row_group()?;
        for values in &mut self.group {
            let Some(mut writer) = group.next_column()? else {
                return Err(values.misfit());
            };
            let has_levels = values.column.kind == Kind::Texts
                || values.column.repetition == Repetition::OPTIONAL;
            let defined = has_levels.then_some(&*values.defined);
            let repeated = (values.column.kind == Kind::Texts).then_some(&*values.repeated);
            match values.column.kind {
                Kind::Number | Kind::Moment => {
                    let typed = writer.typed::<Int64Type>();
                    typed.write_batch(&values.numbers, defined, repeated)?
                }
                Kind::Text | Kind::Texts => {
                    let typed = writer.typed::<ByteArrayType>();
                    typed.write_batch(&values.texts, defined, repeated)?
                }
            };
            writer.close()?;
            values.clear();
        }
        group.close()?;
        self.group_rows = 0;
        Ok(())
    }
}

/// The cells of one column in the row group that grows, as the format wants them: values, and
/// levels that say which are there and which begin a row.
struct Values {
    column: Column,
    numbers: Vec<i64>,
    texts: Vec<ByteArray>,
    defined: Vec<i16>,
    repeated: Vec<i16>,
}

impl Values {
    fn new(column: Column) -> Self {
        Self {
            column,
            numbers: Vec::new(),
            texts: Vec::new(),
            defined: Vec::new(),
            repeated: Vec::new(),
        }
    }

    fn push(&mut self, cell: Cell) -> Result<(), TableWriteFault> {
        match (self.column.kind, cell) {
            (_, Cell::Null) if self.column.repetition == Repetition::OPTIONAL => {
                self.defined.push(0);
                return Ok(());
            }
            (Kind::Number | Kind::Moment, Cell::Number(number)) => self.numbers.push(number),
            (Kind::Text, Cell::Text(text)) => self.texts.push(text.into_bytes().into()),
            (Kind::Texts, Cell::Texts(list)) => {
                if list.is_empty() {
                    self.defined.push(0);
                    self.repeated.push(0);
                }
                for (place, text) in list.into_iter().enumerate() {
                    self.texts.push(text.into_bytes().into());
                    self.defined.push(1);
                    self.repeated.push(i16::from(place > 0));
                }
                return Ok(());
            }
            _ => return Err(self.misfit()),
        }
        self.defined.push(1);
        Ok(())
    }

    fn misfit(&self) -> TableWriteFault {
        let column = self.column.name;
        ParquetError::General(format!("a row does not fit the column `{column}`")).into()
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.texts.clear();
        self.defined.clear();
        self.repeated.clear();
    }
}

fn field(column: &Column) -> Result<TypePtr, ParquetError> {
    let (name, text) = (column.name, Some(LogicalType::String));
    let (physical, logical) = match column.kind {
        Kind::Number => (Physical::INT64, None),
        Kind::Moment => {
            let micros = LogicalType::timestamp(true, TimeUnit::MICROS);
            (Physical::INT64, Some(micros))
        }
        Kind::Text => (Physical::BYTE_ARRAY, text),
        Kind::Texts => return list(name, text),
    };
    let field = Type::primitive_type_builder(name, physical)
        .with_logical_type(logical)
        .with_repetition(column.repetition);
    field.build().map(Arc::new)
}

/// A list in the three levels that the format's description asks for.
fn list(name: &str, logical: Option<LogicalType>) -> Result<TypePtr, ParquetError> {
    let element = Type::primitive_type_builder("element", Physical::BYTE_ARRAY)
        .with_logical_type(logical)
        .with_repetition(Repetition::REQUIRED)
        .build()?;
    let repeated = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![Arc::new(element)])
        .build()?;
    let list = Type::group_type_builder(name)
        .with_logical_type(Some(LogicalType::List))
        .with_repetition(Repetition::REQUIRED)
        .with_fields(vec![Arc::new(repeated)])
        .build()?;
    Ok(Arc::new(list))
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{ListAccessor, RowAccessor};

    const COLUMNS: [Column; 5] = [
        Column::required("number", Kind::Number),
        Column::required("moment", Kind::Moment),
        Column::required("text", Kind::Text),
        Column::optional("note", Kind::Text),
        Column::required("texts", Kind::Texts),
    ];

    fn row(number: usize) -> [Cell; 5] {
        let texts = (0..number % 3).map(|place| format!("t{place}")).collect();
        [
            Cell::Number(number as i64),
            Cell::Number(1_000_001),
            Cell::Text(format!("字{number}")),
            match number % 2 {
                0 => Cell::Null,
                _ => Cell::Text("odd".to_owned()),
            },
            Cell::Texts(texts),
        ]
    }

    #[test]
    fn rows_come_back_over_several_row_groups() {
        let rows = GROUP_ROWS + 7;
        let mut table = TableWriter::begin("t", &COLUMNS, Vec::new()).unwrap();
        for number in 0..rows {
            table.push(row(number)).unwrap();
        }
        let bytes = bytes::Bytes::from(table.finish().unwrap());
        let reader = SerializedFileReader::new(bytes).unwrap();
        assert_eq!(reader.num_row_groups(), 2);
        let mut read = 0;
        for (number, row) in reader.get_row_iter(None).unwrap().enumerate() {
            let found = row.unwrap();
            let texts: Vec<String> = (0..number % 3).map(|place| format!("t{place}")).collect();
            let list = found.get_list(4).unwrap();
            let list = (0..list.len()).map(|place| list.get_string(place).unwrap().clone());
            assert_eq!(found.get_long(0).unwrap(), number as i64);
            assert_eq!(*found.get_string(2).unwrap(), format!("字{number}"));
            assert_eq!(found.get_string(3).is_ok(), number % 2 == 1);
            assert_eq!(list.collect::<Vec<_>>(), texts);
            read += 1;
        }
        assert_eq!(read, rows);
        let about = reader.metadata().file_metadata();
        let moment = about.schema_descr().column(1);
        assert_eq!(
            moment.logical_type_ref(),
            Some(&LogicalType::timestamp(true, TimeUnit::MICROS))
        );
        assert!(!moment.self_type().is_optional());
    }

    #[test]
    fn a_row_that_does_not_fit_is_refused() {
        let table = || TableWriter::begin("t", &COLUMNS, Vec::new()).unwrap();
        let fault = table().push([]).unwrap_err().to_string();
        assert!(fault.contains("`number`"), "{fault}");
        let mut wrong = row(1);
        wrong[2] = Cell::Null;
        let fault = table().push(wrong).unwrap_err().to_string();
        assert!(fault.contains("`text`"), "{fault}");
    }
}
