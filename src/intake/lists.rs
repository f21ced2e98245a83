//! List files of every kind: which kind each is, and its records, in order.
//!
//! In: paths, each with a profile perhaps. Out: blocks of validated records and faults to the
//! caller's sink, the same whatever the threads. A file is what its first bytes are: a workbook, a
//! line of JSON, else CSV. A workbook has a part for each sheet. Contract, section 3.

use super::blocks::Cutter;
use super::cell::Row;
use super::charset::{Charset, as_utf_8};
use super::csv_rows::{CsvBlock, CsvCutter, RowFault};
use super::entities::{Satellites, entity};
use super::fault::{Fault, FaultCode};
use super::header::{self, HEADER_ROWS_MAX};
use super::ndjson::{
    self, Block, Lane, Parsed, ReadError, ReadOptions, Source, in_order, parse_with,
};
use super::profile::{BUILT_IN, DEFAULT, Profile, Shape};
use super::table::Table;
use super::validate::{Rejected, parse_line};
use super::workbook::{SheetFault, Workbook, is_workbook};
use crate::catalogue::measure::Catalogue;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of a batch of a workbook.
const BATCH_ROWS: usize = 2_000;
/// Rows that a proposal looks at.
const HEAD_ROWS: usize = 200;
/// Bytes of the first block of CSV, in which the header is looked for, at least.
const FIRST_BLOCK_BYTES_MIN: usize = 1 << 20;

/// A list file and how it is read.
#[derive(Debug, Clone)]
pub struct ListFile {
    /// The file.
    pub path: PathBuf,
    /// Its profile; where absent, tables are read by the general one and NDJSON by none.
    pub profile: Option<Arc<Profile>>,
}

/// A part of a list file that is read by itself.
#[derive(Debug, Clone)]
pub struct Part {
    /// The file.
    pub path: PathBuf,
    /// The sheet, in a workbook.
    pub sheet: Option<String>,
    kind: PartKind,
    profile: Option<Arc<Profile>>,
    /// Whether the part may have no header: another sheet has one.
    others: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartKind {
    Lines,
    Entities,
    Csv,
    Sheet,
}

impl Part {
    /// File and sheet, for people.
    pub fn name(&self) -> String {
        let file = self.path.display();
        match &self.sheet {
            Some(sheet) => format!("{file} [{sheet}]"),
            None => file.to_string(),
        }
    }

    fn unreadable(&self, what: impl Into<String>) -> ReadError {
        ReadError::Unreadable {
            file: self.name(),
            what: what.into(),
        }
    }

    fn io(&self, error: io::Error) -> ReadError {
        ndjson::read_error(&Source::File(&self.path), error)
    }
}

/// The parts of all files, in order.
///
/// Errors: a file that cannot be read, or is of a kind its profile does not read.
pub fn parts(lists: &[ListFile]) -> Result<Vec<Part>, ReadError> {
    let mut parts = Vec::new();
    for list in lists {
        let part = |kind, sheet, others| Part {
            path: list.path.clone(),
            sheet,
            kind,
            profile: list.profile.clone(),
            others,
        };
        match kind_of(list)? {
            PartKind::Sheet => {
                let whole = part(PartKind::Sheet, None, false);
                let book = Workbook::open(&list.path).map_err(|what| whole.unreadable(what))?;
                let mut sheets = book.sheets();
                if let Some(wanted) = list.profile.as_ref().and_then(|p| p.sheet.as_ref()) {
                    if !sheets.contains(wanted) {
                        let what =
                            format!("has no visible sheet `{wanted}`, which its profile names");
                        return Err(whole.unreadable(what));
                    }
                    sheets.retain(|sheet| sheet == wanted);
                }
                let others = sheets.len() > 1;
                let sheets = sheets.into_iter();
                parts.extend(sheets.map(|sheet| part(PartKind::Sheet, Some(sheet), others)));
            }
            kind => parts.push(part(kind, None, false)),
        }
    }
    Ok(parts)
}

fn kind_of(list: &ListFile) -> Result<PartKind, ReadError> {
    let source = Source::File(&list.path);
    let is_entities = list
        .profile
        .as_ref()
        .is_some_and(|profile| profile.shape == Shape::FollowTheMoney);
    let extension = list.path.extension().and_then(|e| e.to_str());
    let extension = extension.unwrap_or_default().to_ascii_lowercase();
    let about = list.path.metadata();
    let about = about.map_err(|error| ndjson::read_error(&source, error))?;
    // What cannot be read twice is taken by its name: looking would swallow its beginning.
    let head = if about.is_file() {
        head_of(&list.path).map_err(|error| ndjson::read_error(&source, error))?
    } else {
        Vec::new()
    };
    let kind = if is_workbook(&head) {
        PartKind::Sheet
    } else if is_entities {
        PartKind::Entities
    } else if is_json(&head)
        || matches!(extension.as_str(), "ndjson" | "jsonl" | "json")
        || head.is_empty() && !matches!(extension.as_str(), "csv" | "tsv" | "txt")
    {
        PartKind::Lines
    } else {
        PartKind::Csv
    };
    Ok(kind)
}

fn head_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(4_096).read_to_end(&mut head)?;
    Ok(head)
}

/// Whether the first sign of a text is that of an object; marks and UTF-16 passed over.
fn is_json(head: &[u8]) -> bool {
    let (mut text, _) = match as_utf_8(Box::new(head), None) {
        Ok(read) => read,
        Err(_) => return false,
    };
    let mut start = Vec::new();
    if text.read_to_end(&mut start).is_err() {
        return false;
    }
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start);
    start.trim_ascii_start().starts_with(b"{")
}

/// The first rows of each table in a file, or of one sheet of it.
///
/// Errors: a file that is no table, or cannot be read.
pub fn heads(list: &ListFile, sheet: Option<&str>) -> Result<Vec<Vec<Row>>, ReadError> {
    let mut heads = Vec::new();
    for part in parts(std::slice::from_ref(list))? {
        match part.kind {
            PartKind::Csv => {
                let file = File::open(&part.path).map_err(|error| part.io(error))?;
                let text = as_utf_8(Box::new(file), None).map_err(|error| part.io(error))?;
                let mut cutter = CsvCutter::new(text.0, None);
                let first = cutter.next_block(FIRST_BLOCK_BYTES_MIN);
                if let Some(block) = first.map_err(|error| part.io(error))? {
                    heads.push(block.rows().flatten().take(HEAD_ROWS).collect());
                }
            }
            PartKind::Sheet => {
                let name = part.sheet.as_deref().unwrap_or_default();
                if sheet.is_some_and(|wanted| wanted != name) {
                    continue;
                }
                let opened = Workbook::open(&part.path);
                let mut book = opened.map_err(|what| part.unreadable(what))?;
                let mut take = |rows: Vec<Row>, _| -> Result<bool, SheetFault> {
                    heads.push(rows);
                    Ok(false)
                };
                book.read(name, HEAD_ROWS, &mut take)
                    .map_err(|fault| part.unreadable(fault.0))?;
            }
            PartKind::Lines | PartKind::Entities => {
                let what = "no table: JSON lines need no column profile (FollowTheMoney data is \
                            read with `--profile follow-the-money`)";
                return Err(part.unreadable(what));
            }
        }
    }
    Ok(heads)
}

/// Reads all parts in order and gives each block to `sink`; see `ndjson::read_sources`.
pub fn read<E: From<ReadError>>(
    parts: &[Part],
    catalogue: &Catalogue,
    options: &ReadOptions,
    sink: &mut dyn FnMut(Block) -> Result<(), E>,
) -> Result<(), E> {
    in_order(options, sink, |lane| {
        let mut any_header = false;
        for (source, part) in parts.iter().enumerate() {
            lane.start_source();
            let feed = Feed {
                source,
                part,
                catalogue,
                options,
            };
            match part.kind {
                PartKind::Lines => feed.lines(lane)?,
                PartKind::Entities => feed.entities(lane)?,
                PartKind::Csv => feed.csv(lane)?,
                PartKind::Sheet => {
                    // A workbook without any header is as wrong as a CSV file without one.
                    let of_book =
                        |other: Option<&Part>| other.is_some_and(|other| other.path == part.path);
                    let begun = source > 0 && of_book(parts.get(source - 1));
                    any_header = feed.sheet(lane)? || begun && any_header;
                    if !any_header && !of_book(parts.get(source + 1)) {
                        let profile = feed.profile()?;
                        return Err(part.unreadable(no_sheet(&profile)).into());
                    }
                }
            }
            lane.finish_source()?;
        }
        Ok(())
    })
}

/// One part on its way to the threads.
struct Feed<'c> {
    source: usize,
    part: &'c Part,
    catalogue: &'c Catalogue,
    options: &'c ReadOptions,
}

impl<'c> Feed<'c> {
    fn profile(&self) -> Result<Arc<Profile>, ReadError> {
        match &self.part.profile {
            Some(profile) => Ok(Arc::clone(profile)),
            None => Profile::find(DEFAULT).map_err(|error| self.part.unreadable(error.to_string())),
        }
    }

    fn text(&self) -> Result<(Box<dyn Read>, Charset), ReadError> {
        let file = File::open(&self.part.path).map_err(|error| self.part.io(error))?;
        let stated = self
            .part
            .profile
            .as_ref()
            .and_then(|profile| profile.charset);
        as_utf_8(Box::new(file), stated).map_err(|error| self.part.io(error))
    }

    fn lines<'s, E: From<ReadError>>(&self, lane: &mut Lane<'_, 's, '_, E>) -> Result<(), E>
    where
        'c: 's,
    {
        let (text, charset) = self.text()?;
        let mut cutter = Cutter::new(text, self.options.block_bytes);
        let (source, catalogue) = (self.source, self.catalogue);
        while let Some(raw) = cutter
            .next_block(lane.spare_buffer())
            .map_err(|error| self.part.io(error))?
        {
            if charset == Charset::Utf8 {
                lane.submit(move || ndjson::parse(source, raw, catalogue))?;
            } else {
                lane.submit(move || {
                    parse_with(source, raw, &mut |line| {
                        Some(undamaged(line).and_then(|()| parse_line(line, catalogue)))
                    })
                })?;
            }
        }
        Ok(())
    }

    fn entities<'s, E: From<ReadError>>(&self, lane: &mut Lane<'_, 's, '_, E>) -> Result<(), E>
    where
        'c: 's,
    {
        let profile = self.profile()?;
        let satellites = Satellites::read(self.text()?.0);
        let satellites = Arc::new(satellites.map_err(|error| self.part.io(error))?);
        let mut cutter = Cutter::new(self.text()?.0, self.options.block_bytes);
        let (source, catalogue) = (self.source, self.catalogue);
        while let Some(raw) = cutter
            .next_block(lane.spare_buffer())
            .map_err(|error| self.part.io(error))?
        {
            let (profile, satellites) = (Arc::clone(&profile), Arc::clone(&satellites));
            lane.submit(move || {
                parse_with(source, raw, &mut |line| {
                    entity(line, &profile, &satellites, catalogue)
                })
            })?;
        }
        Ok(())
    }

    fn csv<'s, E: From<ReadError>>(&self, lane: &mut Lane<'_, 's, '_, E>) -> Result<(), E>
    where
        'c: 's,
    {
        let profile = self.profile()?;
        let (text, charset) = self.text()?;
        let mut cutter = CsvCutter::new(text, profile.delimiter);
        let first_bytes = self.options.block_bytes.max(FIRST_BLOCK_BYTES_MIN);
        let io = |error| self.part.io(error);
        let Some(first) = cutter.next_block(first_bytes).map_err(io)? else {
            return Ok(());
        };
        let head: Vec<Row> = first.rows().flatten().take(HEADER_ROWS_MAX).collect();
        let Some((table, header_row)) = self.header(&head, profile, true)? else {
            return Ok(());
        };
        let (table, source, catalogue) = (Arc::new(table), self.source, self.catalogue);
        let mut notes = self.notes(&table, header_row);
        if charset != Charset::Utf8 {
            notes.push(format!("{}: read as {}", self.part.name(), charset.name()));
        }
        let mut next = Some(first);
        while let Some(block) = next {
            let (table, notes) = (Arc::clone(&table), std::mem::take(&mut notes));
            lane.submit(move || {
                let mut parsed = Parsed::new(source, block.bytes_read);
                parsed.block.notes = notes;
                csv_rows(&mut parsed, &block, &table, header_row, catalogue);
                parsed
            })?;
            next = cutter.next_block(self.options.block_bytes).map_err(io)?;
        }
        Ok(())
    }

    /// Whether the sheet has a header, and so was read.
    fn sheet<'s, E: From<ReadError>>(&self, lane: &mut Lane<'_, 's, '_, E>) -> Result<bool, E>
    where
        'c: 's,
    {
        let profile = self.profile()?;
        let part = self.part;
        let file_bytes = part.path.metadata().map_or(0, |about| about.len());
        let opened = Workbook::open(&part.path);
        let mut book = opened.map_err(|what| part.unreadable(what))?;
        let (source, catalogue) = (self.source, self.catalogue);
        let mut found: Option<(Arc<Table>, u64)> = None;
        let mut told = 0;
        let sheet = part.sheet.clone().unwrap_or_default();
        let mut take = |rows: Vec<Row>, total: u64| -> Result<bool, SheetStop<E>> {
            let mut notes = Vec::new();
            if found.is_none() {
                let head = &rows[..rows.len().min(HEADER_ROWS_MAX)];
                let profile = Arc::clone(&profile);
                let header = self
                    .header(head, profile, false)
                    .map_err(|e| SheetStop::Other(e.into()))?;
                let Some((table, header_row)) = header else {
                    let mut parsed = Parsed::new(source, 0);
                    let what = "no row has the headers of the profile; the sheet was not read";
                    parsed.block.notes = vec![format!("{}: {what}", part.name())];
                    lane.submit(move || parsed).map_err(SheetStop::Other)?;
                    return Ok(false);
                };
                notes = self.notes(&table, header_row);
                found = Some((Arc::new(table), header_row));
            }
            let Some((table, header_row)) = &found else {
                return Ok(false);
            };
            let (table, header_row) = (Arc::clone(table), *header_row);
            // The bar counts bytes of files; a sheet moves it by its rows.
            let last = rows.last().map_or(0, |row| row.number);
            let bytes = (file_bytes * last)
                .checked_div(total)
                .unwrap_or(0)
                .min(file_bytes);
            let read = bytes.saturating_sub(told);
            told += read;
            lane.submit(move || {
                let mut parsed = Parsed::new(source, read);
                parsed.block.notes = notes;
                for row in rows.iter().filter(|row| row.number > header_row) {
                    take_row(&mut parsed, row, &table, catalogue);
                }
                parsed
            })
            .map_err(SheetStop::Other)?;
            Ok(true)
        };
        match book.read(&sheet, BATCH_ROWS, &mut take) {
            Ok(()) => Ok(found.is_some()),
            Err(SheetStop::Sheet(what)) => Err(part.unreadable(what).into()),
            Err(SheetStop::Other(error)) => Err(error),
        }
    }

    /// The table below the header, and the number of the header's last row. `None` where there is
    /// none and need not be.
    fn header(
        &self,
        head: &[Row],
        profile: Arc<Profile>,
        strict_width: bool,
    ) -> Result<Option<(Table, u64)>, ReadError> {
        let Some(header) = header::find(head, &profile) else {
            if self.part.others || head.is_empty() {
                return Ok(None);
            }
            return Err(self.part.unreadable(no_header(head, &profile)));
        };
        let row = head.get(header.rows_end - 1).map_or(0, |row| row.number);
        let table = Table {
            profile,
            columns: header.columns,
            strict_width,
        };
        Ok(Some((table, row)))
    }

    fn notes(&self, table: &Table, header_row: u64) -> Vec<String> {
        let name = self.part.name();
        let profile = &table.profile;
        let mut notes = vec![format!(
            "{name}: read by the profile `{}`, header in row {header_row}",
            profile.name
        )];
        let unread: Vec<String> = table
            .columns
            .unknown
            .iter()
            .map(|(column, _)| super::table::column_letters(*column))
            .collect();
        if !unread.is_empty() {
            let columns = unread.join(", ");
            notes.push(format!(
                "{name}: columns that the profile does not know: {columns}"
            ));
        }
        for word in table.columns.absent(profile) {
            notes.push(format!(
                "{name}: no column and no constant of the profile is `{word}`, so every record \
                 lacks it; add either to the profile"
            ));
        }
        notes
    }
}

/// Why a sheet ended early.
enum SheetStop<E> {
    Sheet(String),
    Other(E),
}

impl<E> From<SheetFault> for SheetStop<E> {
    fn from(fault: SheetFault) -> Self {
        Self::Sheet(fault.0)
    }
}

fn csv_rows(
    parsed: &mut Parsed,
    block: &CsvBlock,
    table: &Table,
    header_row: u64,
    catalogue: &Catalogue,
) {
    for row in block.rows() {
        match row {
            Ok(row) if row.number > header_row => take_row(parsed, &row, table, catalogue),
            Err((number, fault)) if number > header_row => {
                let fault = row_fault(fault);
                parsed.add(
                    number,
                    Err(Rejected {
                        entry_id: None,
                        fault,
                    }),
                );
            }
            _ => {}
        }
    }
}

fn take_row(parsed: &mut Parsed, row: &Row, table: &Table, catalogue: &Catalogue) {
    match table.record(row, catalogue) {
        Some(result) => parsed.add(row.number, result),
        None if row.cells.iter().all(|cell| cell.is_blank()) => {}
        None => parsed.block.skipped_rows += 1,
    }
}

fn row_fault(fault: RowFault) -> Fault {
    match fault {
        RowFault::TooLong => Fault::new(
            FaultCode::LineTooLong,
            "",
            "the row is longer than 1 MiB; write one record a row",
        ),
        RowFault::OpenQuote => Fault::new(
            FaultCode::LineTooLong,
            "",
            "a quote is opened and never closed; double the quotes inside a quoted cell",
        ),
        RowFault::TooManyCells => Fault::new(
            FaultCode::TooMany,
            "",
            format!("more than {} cells; split the table", header::COLUMNS_MAX),
        ),
    }
}

/// Text that was decoded holds U+FFFD where bytes were no character.
fn undamaged(line: &[u8]) -> Result<(), Rejected> {
    if !line.windows(3).any(|bytes| bytes == b"\xef\xbf\xbd") {
        return Ok(());
    }
    let reason = "a character that is none in the charset of the file; export the list again";
    Err(Rejected {
        entry_id: None,
        fault: Fault::new(FaultCode::NotUtf8, "", reason),
    })
}

/// What to say where no sheet of a workbook has a header.
fn no_sheet(profile: &Profile) -> String {
    format!(
        "no sheet has the headers of the profile `{}`, the name among them; `hecha profile guess \
         FILE` proposes one",
        profile.name
    )
}

/// What to say where no header is found: which built-in profiles would find one.
fn no_header(head: &[Row], profile: &Profile) -> String {
    let mut fitting: Vec<(usize, &str)> = Vec::new();
    for (name, _) in BUILT_IN {
        let Some(Ok(other)) = Profile::built_in(name) else {
            continue;
        };
        let rows = head.iter().map(header::headers_of);
        let best = rows.map(|texts| header::score(&texts, &other)).max();
        if let Some(best @ 1..) = best {
            fitting.push((best, name));
        }
    }
    fitting.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    let names: Vec<&str> = fitting.into_iter().take(3).map(|(_, name)| name).collect();
    let hint = if names.is_empty() {
        "`hecha profile guess FILE` proposes one".to_owned()
    } else {
        format!(
            "`--profile {}` may fit, and `hecha profile guess FILE` proposes one",
            names.join("` or `--profile ")
        )
    };
    format!(
        "none of the first {HEADER_ROWS_MAX} rows has the headers of the profile `{}`, the name \
         among them; {hint}",
        profile.name
    )
}
