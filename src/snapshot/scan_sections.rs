//! The sections that a scan reads: optional ones behind those of `sections`.
//!
//! In: the section table of a file. Out: where they lie, or that they are not there: a file of an
//! earlier build, or of a later one with other rows. It serves all the same, but for scans.

use super::container::{Section, SectionKind};
use super::rows::{Line, ScanRow};
use std::ops::Range;
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Texts to be found: `ScanRow`.
pub const ROWS: SectionKind = kind("scan_rows", 16);
/// Line table over beginnings of eight characters, and over shorter texts.
pub const LINES: SectionKind = kind("scan_lines", 64);
/// One bit for each hash of the first two characters of a text.
pub const PAIRS: SectionKind = kind("scan_pairs", 8);
/// One bit for each hash of the first four characters of a text.
pub const STARTS: SectionKind = kind("scan_starts", 8);
/// One bit for each hash of a key of the line table.
pub const KEYS: SectionKind = kind("scan_keys", 8);

/// All of them, in the order of the file.
pub const SCAN_SECTIONS: [SectionKind; 5] = [ROWS, LINES, PAIRS, STARTS, KEYS];

/// Where they lie in a file.
#[derive(Debug, Clone)]
pub struct ScanPlaces([Range<usize>; SCAN_SECTIONS.len()]);

/// The sections, read in place.
#[derive(Debug, Clone, Copy)]
pub struct ScanTables<'a> {
    /// Texts to be found, sorted.
    pub rows: &'a [ScanRow],
    /// First row by the hash of its first eight characters, or of a shorter text.
    pub lines: &'a [Line],
    /// Beginnings of two characters that some row has.
    pub pairs: &'a [U64],
    /// Beginnings of four characters that some row has.
    pub starts: &'a [U64],
    /// Keys that `lines` has.
    pub keys: &'a [U64],
    /// Folded names: the texts of the rows lie in it.
    pub text: &'a [u8],
}

impl ScanPlaces {
    /// Finds the sections; `None` where one is missing or has rows of another version.
    pub fn find(sections: &[Section]) -> Option<Self> {
        let mut places = [const { 0..0 }; SCAN_SECTIONS.len()];
        for (place, kind) in places.iter_mut().zip(SCAN_SECTIONS) {
            let section = sections.iter().find(|section| section.name == kind.name)?;
            if section.version != kind.version || section.item_bytes != kind.item_bytes {
                return None;
            }
            *place = section.range.clone();
        }
        Some(Self(places))
    }

    /// The sections of a file, with the text of its names.
    pub fn tables<'a>(&self, file: &'a [u8], text: &'a [u8]) -> ScanTables<'a> {
        let [rows, lines, pairs, starts, keys] = &self.0;
        ScanTables {
            rows: items(file, rows),
            lines: items(file, lines),
            pairs: items(file, pairs),
            starts: items(file, starts),
            keys: items(file, keys),
            text,
        }
    }
}

impl<'a> ScanTables<'a> {
    /// All rows with their texts.
    pub fn texts(self) -> impl Iterator<Item = (&'a ScanRow, &'a str)> {
        self.rows.iter().map(move |row| {
            let first = row.text_first() as usize;
            let text = self.text.get(first..first + usize::from(row.text_bytes()));
            let text = text.and_then(|text| std::str::from_utf8(text).ok());
            (row, text.unwrap_or(""))
        })
    }
}

fn items<'a, T>(file: &'a [u8], place: &Range<usize>) -> &'a [T]
where
    T: FromBytes + Immutable + KnownLayout + Unaligned,
{
    let bytes = file.get(place.clone()).unwrap_or(&[]);
    <[T]>::ref_from_bytes(bytes).unwrap_or(&[])
}

const fn kind(name: &'static str, item_bytes: u32) -> SectionKind {
    SectionKind {
        name,
        version: 1,
        item_bytes,
    }
}
