//! Sheets of workbooks (xlsx, xlsb, xls, ods) as rows.
//!
//! In: a file. Out: names of its sheets, and their rows in batches; xlsx is streamed. A file that
//! would unpack to more than the bound is refused before it is parsed, and what a damaged file does
//! to the parser is an error here, never a crash. Merged cells count for each row they cover.

use super::cell::{Cell, Row};
use super::header::COLUMNS_MAX;
use calamine::{
    Data, DataRef, Dimensions, Ods, Reader, SheetVisible, Xls, Xlsb, Xlsx, open_workbook_from_rs,
};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Bytes of all parts of a workbook, unpacked, at most: 1 GiB.
pub const UNPACKED_BYTES_MAX: u64 = 1 << 30;
/// Parts of a workbook at most.
const PARTS_MAX: usize = 10_000;
/// Bytes of a workbook of the old form, which is read whole, at most.
const OLD_BYTES_MAX: u64 = 256 << 20;
/// Rows of a sheet at most; Excel has no more.
pub const ROWS_MAX: u32 = 1_048_576;

const PACKED: &[u8] = b"PK\x03\x04";
const OLD: &[u8] = b"\xd0\xcf\x11\xe0";

type Source = BufReader<File>;

/// A workbook, open.
pub struct Workbook {
    book: Book,
}

enum Book {
    Xlsx(Box<Xlsx<Source>>),
    Xlsb(Box<Xlsb<Source>>),
    Xls(Box<Xls<Source>>),
    Ods(Box<Ods<Source>>),
}

/// Whether the first bytes of a file are those of a workbook.
pub fn is_workbook(head: &[u8]) -> bool {
    head.starts_with(PACKED) || head.starts_with(OLD)
}

/// Why a workbook cannot be read, in words.
pub type WorkbookFault = String;

impl Workbook {
    /// Opens a file; errors say what is wrong and what to do.
    pub fn open(path: &Path) -> Result<Self, WorkbookFault> {
        let book = match kind(path)? {
            Kind::Xlsx => guarded(|| open_as(path).map(|b| Book::Xlsx(Box::new(b))))?,
            Kind::Xlsb => guarded(|| open_as(path).map(|b| Book::Xlsb(Box::new(b))))?,
            Kind::Xls => guarded(|| open_as(path).map(|b| Book::Xls(Box::new(b))))?,
            Kind::Ods => guarded(|| open_as(path).map(|b| Book::Ods(Box::new(b))))?,
        };
        Ok(Self { book })
    }

    /// Names of the sheets that a person sees, in order.
    pub fn sheets(&self) -> Vec<String> {
        let all = match &self.book {
            Book::Xlsx(book) => book.sheets_metadata(),
            Book::Xlsb(book) => book.sheets_metadata(),
            Book::Xls(book) => book.sheets_metadata(),
            Book::Ods(book) => book.sheets_metadata(),
        };
        let seen = all
            .iter()
            .filter(|sheet| sheet.visible == SheetVisible::Visible);
        seen.map(|sheet| sheet.name.clone()).collect()
    }

    /// Gives the rows of a sheet to `take`, `batch` at a time, with the number of rows the sheet
    /// says it has. `take` returns whether it wants more.
    pub fn read<E: From<SheetFault>>(
        &mut self,
        sheet: &str,
        batch: usize,
        take: &mut dyn FnMut(Vec<Row>, u64) -> Result<bool, E>,
    ) -> Result<(), E> {
        match &mut self.book {
            Book::Xlsx(book) => read_streamed(book, sheet, batch, take),
            Book::Xlsb(book) => read_whole(book.as_mut(), sheet, batch, take),
            Book::Xls(book) => read_whole(book.as_mut(), sheet, batch, take),
            Book::Ods(book) => read_whole(book.as_mut(), sheet, batch, take),
        }
    }
}

/// Why a sheet cannot be read, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetFault(pub String);

enum Kind {
    Xlsx,
    Xlsb,
    Xls,
    Ods,
}

fn kind(path: &Path) -> Result<Kind, WorkbookFault> {
    let file = File::open(path).map_err(|error| cannot_read(&error))?;
    let bytes = file.metadata().map_err(|error| cannot_read(&error))?.len();
    let mut head = Vec::new();
    let mut reader = BufReader::new(file);
    (&mut reader)
        .take(PACKED.len() as u64)
        .read_to_end(&mut head)
        .map_err(|error| cannot_read(&error))?;
    if head == OLD {
        if bytes > OLD_BYTES_MAX {
            return Err("larger than 256 MiB; save it as xlsx or CSV".to_owned());
        }
        return Ok(Kind::Xls);
    }
    guarded(|| check_parts(path, UNPACKED_BYTES_MAX))
}

fn cannot_read(error: &io::Error) -> WorkbookFault {
    format!("cannot be read: {error}; check the path and the rights of the file")
}

/// Unpacks all parts to nowhere, counted: what a part says of its size may be a lie.
fn check_parts(path: &Path, unpacked_bytes_max: u64) -> Result<Kind, String> {
    let file = File::open(path).map_err(|error| cannot_read(&error))?;
    let mut archive =
        zip::ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(&error.to_string()))?;
    if archive.len() > PARTS_MAX {
        return Err(format!("more than {PARTS_MAX} parts; this is no list"));
    }
    let mut rest = unpacked_bytes_max;
    for place in 0..archive.len() {
        let part = archive
            .by_index(place)
            .map_err(|error| damaged(&error.to_string()))?;
        let unpacked = io::copy(&mut part.take(rest + 1), &mut io::sink());
        let unpacked = unpacked.map_err(|error| damaged(&error.to_string()))?;
        rest = rest.checked_sub(unpacked).ok_or_else(|| {
            let mib = unpacked_bytes_max >> 20;
            format!("unpacks to more than {mib} MiB; split the list, or save it as CSV")
        })?;
    }
    let has = |name: &str| archive.index_for_name(name).is_some();
    if has("xl/workbook.bin") {
        Ok(Kind::Xlsb)
    } else if has("content.xml") {
        Ok(Kind::Ods)
    } else if has("[Content_Types].xml") {
        Ok(Kind::Xlsx)
    } else {
        Err("a zip file, but no workbook; unpack it and give the list files".to_owned())
    }
}

fn damaged(what: &str) -> String {
    format!("not a whole workbook ({what}); save it again, without a password")
}

fn open_as<B: Reader<Source>>(path: &Path) -> Result<B, String>
where
    B::Error: std::fmt::Display,
{
    let file = File::open(path).map_err(|error| cannot_read(&error))?;
    open_workbook_from_rs(BufReader::new(file))
        .map_err(|error: B::Error| damaged(&error.to_string()))
}

/// Runs the parser on a file from outside; where it panics, the file is damaged.
fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(_) => Err(damaged("its parts contradict each other")),
    }
}

fn read_streamed<E: From<SheetFault>>(
    book: &mut Xlsx<Source>,
    sheet: &str,
    batch: usize,
    take: &mut dyn FnMut(Vec<Row>, u64) -> Result<bool, E>,
) -> Result<(), E> {
    let fault = |what: String| E::from(SheetFault(what));
    let merged = guarded(|| {
        let merged = book.merge_cells_by_sheet_name(sheet);
        merged.map_err(|error| damaged(&error.to_string()))
    });
    let mut merged = Merged::new(merged.map_err(fault)?);
    let mut reader = guarded(|| {
        let reader = book.worksheet_cells_reader(sheet);
        reader.map_err(|error| damaged(&error.to_string()))
    })
    .map_err(fault)?;
    let dimensions = reader.dimensions();
    let total = u64::from(dimensions.end.0) + 1;
    let mut open: Option<Row> = None;
    let mut ended = false;
    while !ended {
        let mut rows = Vec::with_capacity(batch.min(4_096));
        let read = guarded(|| {
            while rows.len() < batch {
                let next = reader.next_cell();
                let Some(cell) = next.map_err(|error| damaged(&error.to_string()))? else {
                    ended = true;
                    rows.extend(open.take());
                    break;
                };
                let (row, column) = cell.get_position();
                add(
                    &mut open,
                    &mut rows,
                    (row, column),
                    cell_of(cell.get_value()),
                )?;
            }
            Ok(())
        });
        read.map_err(fault)?;
        for row in &mut rows {
            merged.fill(row);
        }
        if !take(rows, total)? {
            break;
        }
    }
    Ok(())
}

/// Puts a cell into its row; a row is whole when the next begins.
fn add(
    open: &mut Option<Row>,
    rows: &mut Vec<Row>,
    (row, column): (u32, u32),
    cell: Cell,
) -> Result<(), String> {
    if cell.is_blank() {
        return Ok(());
    }
    if row >= ROWS_MAX {
        return Err(format!("more than {ROWS_MAX} rows; split the list"));
    }
    if column as usize >= COLUMNS_MAX {
        return Err(format!(
            "row {}: a value beyond column {COLUMNS_MAX}; delete what does not belong to the list",
            row + 1
        ));
    }
    let number = u64::from(row) + 1;
    match open {
        Some(current) if current.number == number => {}
        Some(current) if current.number > number => {
            return Err(damaged("its rows are not in order"));
        }
        _ => {
            rows.extend(open.take());
            *open = Some(Row {
                number,
                cells: Vec::new(),
            });
        }
    }
    if let Some(current) = open {
        let column = column as usize;
        if current.cells.len() <= column {
            current.cells.resize(column + 1, Cell::Blank);
        }
        current.cells[column] = cell;
    }
    Ok(())
}

fn read_whole<B: Reader<Source>, E: From<SheetFault>>(
    book: &mut B,
    sheet: &str,
    batch: usize,
    take: &mut dyn FnMut(Vec<Row>, u64) -> Result<bool, E>,
) -> Result<(), E>
where
    B::Error: std::fmt::Display,
{
    let fault = |what: String| E::from(SheetFault(what));
    let range = guarded(|| {
        let range = book.worksheet_range(sheet);
        range.map_err(|error| damaged(&error.to_string()))
    })
    .map_err(fault)?;
    let (first_row, first_column) = range.start().unwrap_or_default();
    let total = range.height() as u64;
    let mut all = range.rows().enumerate();
    let mut open = None;
    let mut ended = false;
    while !ended {
        let mut rows = Vec::new();
        while rows.len() < batch {
            let Some((place, cells)) = all.next() else {
                ended = true;
                rows.extend(open.take());
                break;
            };
            for (column, cell) in cells.iter().enumerate() {
                let at = (first_row + place as u32, first_column + column as u32);
                add(&mut open, &mut rows, at, whole_cell(cell)).map_err(fault)?;
            }
        }
        if !take(rows, total)? {
            break;
        }
    }
    Ok(())
}

fn cell_of(value: &DataRef<'_>) -> Cell {
    match value {
        DataRef::Empty => Cell::Blank,
        DataRef::SharedString(text) => Cell::text(text),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            Cell::text(text)
        }
        DataRef::Int(number) => Cell::Number(*number as f64),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::Bool(value) => Cell::Bool(*value),
        DataRef::DateTime(stamp) => serial(stamp),
        DataRef::Error(_) => Cell::Broken,
    }
}

fn whole_cell(value: &Data) -> Cell {
    match value {
        Data::Empty => Cell::Blank,
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => Cell::text(text),
        Data::Int(number) => Cell::Number(*number as f64),
        Data::Float(number) => Cell::Number(*number),
        Data::Bool(value) => Cell::Bool(*value),
        Data::DateTime(stamp) => serial(stamp),
        Data::Error(_) => Cell::Broken,
    }
}

/// Whether the epoch of a stamp is 1904 shows in what it gives for day 0.
fn serial(stamp: &calamine::ExcelDateTime) -> Cell {
    let days = stamp.as_f64();
    if !(0.0..1e6).contains(&days) {
        return Cell::Number(days);
    }
    let (year, ..) = stamp.to_ymd_hms_milli();
    let since_1904 = f64::from(year) - days / 365.25 > 1_902.0;
    Cell::Serial { days, since_1904 }
}

/// Cells that cover several rows: the value stands in the first and counts for all.
struct Merged {
    /// In the order of their first rows.
    regions: Vec<Dimensions>,
    next: usize,
    active: Vec<(Dimensions, Cell)>,
}

impl Merged {
    fn new(regions: Vec<Dimensions>) -> Self {
        let tall = regions
            .into_iter()
            .filter(|region| region.end.0 > region.start.0);
        let mut regions: Vec<_> = tall.collect();
        regions.sort_by_key(|region| region.start);
        Self {
            regions,
            next: 0,
            active: Vec::new(),
        }
    }

    fn fill(&mut self, row: &mut Row) {
        let at = (row.number - 1) as u32;
        self.active.retain(|(region, _)| region.end.0 >= at);
        for (region, value) in &self.active {
            let column = region.start.1 as usize;
            if column < COLUMNS_MAX {
                if row.cells.len() <= column {
                    row.cells.resize(column + 1, Cell::Blank);
                }
                if row.cells[column].is_blank() {
                    row.cells[column] = value.clone();
                }
            }
        }
        while let Some(region) = self.regions.get(self.next) {
            if region.start.0 > at {
                break;
            }
            let value = row.cells.get(region.start.1 as usize);
            if let (Some(value), true) = (value, region.start.0 == at) {
                self.active.push((*region, value.clone()));
            }
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::path::PathBuf;

    fn archive(folder: &Path, name: &str, bytes: usize) -> PathBuf {
        let path = folder.join("book.xlsx");
        let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(name, options).unwrap();
        archive.write_all(&vec![b' '; bytes]).unwrap();
        archive.finish().unwrap();
        path
    }

    #[test]
    fn a_file_that_unpacks_to_more_than_the_bound_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(folder.path(), "[Content_Types].xml", 3 << 20);
        assert!(path.metadata().unwrap().len() < 1 << 16);
        assert!(check_parts(&path, 4 << 20).is_ok());
        let refused = check_parts(&path, 2 << 20).err().unwrap();
        assert!(
            refused.starts_with("unpacks to more than 2 MiB"),
            "{refused}"
        );
    }

    #[test]
    fn other_files_are_told_from_workbooks() {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(folder.path(), "list.csv", 10);
        let refused = Workbook::open(&path).err().unwrap();
        assert!(
            refused.starts_with("a zip file, but no workbook"),
            "{refused}"
        );
        let path = archive(folder.path(), "[Content_Types].xml", 10);
        let refused = Workbook::open(&path).err().unwrap();
        assert!(refused.starts_with("not a whole workbook"), "{refused}");
    }

    #[test]
    fn merged_cells_count_for_every_row_they_cover() {
        let mut merged = Merged::new(vec![
            Dimensions::new((2, 1), (4, 1)),
            Dimensions::new((0, 0), (0, 5)),
        ]);
        let mut seen = Vec::new();
        for at in 0..6u64 {
            let value = if at == 2 {
                Cell::text("x")
            } else {
                Cell::Blank
            };
            let cells = vec![Cell::text("a"), value];
            let mut row = Row {
                number: at + 1,
                cells,
            };
            merged.fill(&mut row);
            seen.push(row.cells[1].is_blank());
        }
        assert_eq!(seen, [true, true, false, false, false, true]);
    }
}
