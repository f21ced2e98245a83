//! The frame of the file: header, manifest bytes, section table, sections.
//!
//! In: bytes of a file. Out: the manifest's bytes and the place of each section, after every byte
//! was accounted for: header, manifest and table, each section by its checksum, and all padding as
//! zero. So a flipped bit or a cut anywhere is refused. The layout is rigid: manifest at 128,
//! table and sections each at the next multiple of 64, in the order of the table, the file ending
//! with the last section; whatever lies elsewhere is no format 1. Not here: what a section means.

use rayon::prelude::*;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// First bytes of the file.
pub const MAGIC: [u8; 8] = *b"hechaSNP";
/// The only format this build reads and writes.
pub const FORMAT: u32 = 1;
/// Sections, and the table, start at multiples of this.
pub const ALIGNMENT: usize = 64;
/// Sections of one file at most.
pub const SECTIONS_MAX: usize = 256;
/// Bytes of a manifest at most.
pub const MANIFEST_BYTES_MAX: usize = 4 << 20;

const HEADER_BYTES: usize = 128;
const HEADER_HASHED_BYTES: usize = 120;
const REQUIRED: u16 = 1;

/// Why a file is no snapshot that this build may read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// Shorter than a header.
    #[error("the file has {bytes} bytes, less than a header; it is empty or was cut")]
    TooShort {
        /// Bytes of the file.
        bytes: usize,
    },
    /// Other first bytes.
    #[error("the file does not begin like a snapshot; name a file made by `hecha build`")]
    Magic,
    /// A format of another time.
    #[error("the file has format {found}, this build reads format {FORMAT}; build it again")]
    Format {
        /// Format of the file.
        found: u32,
    },
    /// The header's checksum does not fit.
    #[error("the header is damaged; fetch or build the file again")]
    Header,
    /// The file is longer or shorter than its header says.
    #[error("the file has {found} bytes, its header says {stated}; fetch or build it again")]
    Length {
        /// Bytes of the file.
        found: u64,
        /// Bytes the header states.
        stated: u64,
    },
    /// Manifest or table lie where format 1 does not put them, or are too large.
    #[error("manifest or section table lie outside their place; fetch or build the file again")]
    Place,
    /// The checksum of manifest and table does not fit.
    #[error("manifest or section table are damaged; fetch or build the file again")]
    Table,
    /// A row of the section table breaks the format.
    #[error("section {number} (`{name}`) {what}; fetch or build the file again")]
    Section {
        /// Place in the table, from 0.
        number: usize,
        /// Its name, as far as it can be read.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A byte between the parts is not zero.
    #[error("the padding before byte {offset} is not zero; fetch or build the file again")]
    Padding {
        /// First byte after the padding.
        offset: usize,
    },
}

/// Name, item size and whether a reader must know it, of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionKind {
    /// At most 24 bytes of ASCII.
    pub name: &'static str,
    /// Version of its rows.
    pub version: u16,
    /// Bytes of one item.
    pub item_bytes: u32,
}

/// A section that was found, with its checksum verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Version of its rows.
    pub version: u16,
    /// Whether a reader that does not know it must refuse the file.
    pub required: bool,
    /// Bytes of one item.
    pub item_bytes: u32,
    /// Its bytes in the file.
    pub range: Range<usize>,
    /// xxh3 of its bytes.
    pub xxh3: u64,
}

/// Where everything lies in a checked file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of the manifest.
    pub manifest: Range<usize>,
    /// Sections in the order of the file.
    pub sections: Vec<Section>,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    format: U32,
    section_count: U32,
    manifest_offset: U64,
    manifest_bytes: U64,
    table_offset: U64,
    total_bytes: U64,
    body_xxh3: U64,
    zero: [u8; 64],
    header_xxh3: U64,
}

const _: () = assert!(
    size_of::<Header>() == HEADER_BYTES,
    "format 1 fixes the header"
);

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct TableRow {
    name: [u8; 24],
    version: U16,
    flags: U16,
    item_bytes: U32,
    offset: U64,
    length: U64,
    xxh3: U64,
    zero: [u8; 8],
}

const _: () = assert!(
    size_of::<TableRow>() == 64,
    "format 1 fixes the table's row"
);

/// Checks all of a file and says where its parts lie.
///
/// Errors: `ContainerError`; nothing of the file may be used then.
pub fn check(file: &[u8]) -> Result<Layout, ContainerError> {
    let header = check_header(file)?;
    let manifest_bytes = usize::try_from(header.manifest_bytes.get()).unwrap_or(usize::MAX);
    let count = header.section_count.get() as usize;
    if header.manifest_offset.get() != HEADER_BYTES as u64
        || manifest_bytes > MANIFEST_BYTES_MAX
        || count > SECTIONS_MAX
    {
        return Err(ContainerError::Place);
    }
    let manifest = HEADER_BYTES..HEADER_BYTES + manifest_bytes;
    let table_first = align(manifest.end);
    let table = table_first..table_first + count * size_of::<TableRow>();
    if header.table_offset.get() != table.start as u64 {
        return Err(ContainerError::Place);
    }
    let manifest_text = file.get(manifest.clone()).ok_or(ContainerError::Place)?;
    let table_bytes = file.get(table.clone()).ok_or(ContainerError::Place)?;
    if body_xxh3(manifest_text, table_bytes) != header.body_xxh3.get() {
        return Err(ContainerError::Table);
    }
    let rows = <[TableRow]>::ref_from_bytes(table_bytes).map_err(|_| ContainerError::Place)?;
    check_padding(file, manifest.end..table.start)?;
    let sections = place_sections(file, rows, table.end)?;
    verify_checksums(file, &sections)?;
    Ok(Layout { manifest, sections })
}

fn check_header(file: &[u8]) -> Result<Header, ContainerError> {
    let bytes = file
        .get(..HEADER_BYTES)
        .ok_or(ContainerError::TooShort { bytes: file.len() })?;
    let header = Header::read_from_bytes(bytes).map_err(|_| ContainerError::Header)?;
    if header.magic != MAGIC {
        return Err(ContainerError::Magic);
    }
    if header.format.get() != FORMAT {
        return Err(ContainerError::Format {
            found: header.format.get(),
        });
    }
    if xxh3_64(&bytes[..HEADER_HASHED_BYTES]) != header.header_xxh3.get() || header.zero != [0; 64]
    {
        return Err(ContainerError::Header);
    }
    if header.total_bytes.get() != file.len() as u64 {
        return Err(ContainerError::Length {
            found: file.len() as u64,
            stated: header.total_bytes.get(),
        });
    }
    Ok(header)
}

/// Reads the table: each section exactly behind the one before it, up to the end of the file.
fn place_sections(
    file: &[u8],
    rows: &[TableRow],
    table_end: usize,
) -> Result<Vec<Section>, ContainerError> {
    let mut sections: Vec<Section> = Vec::with_capacity(rows.len());
    let mut end = table_end;
    for (number, row) in rows.iter().enumerate() {
        let name = row_name(row);
        let fault = |what| ContainerError::Section {
            number,
            name: name.clone().unwrap_or_default(),
            what,
        };
        let Some(known_name) = name.clone() else {
            return Err(fault("has a name that is not plain text"));
        };
        if sections.iter().any(|section| section.name == known_name) {
            return Err(fault("stands there twice"));
        }
        if row.flags.get() & !REQUIRED != 0 || row.zero != [0; 8] {
            return Err(fault("has flags that format 1 does not know"));
        }
        let first = align(end);
        let length = usize::try_from(row.length.get()).unwrap_or(usize::MAX);
        if row.offset.get() != first as u64 {
            return Err(fault("does not lie behind the one before it"));
        }
        let last = first.checked_add(length).filter(|last| *last <= file.len());
        let Some(last) = last else {
            return Err(fault("reaches beyond the end of the file"));
        };
        let item_bytes = row.item_bytes.get();
        if item_bytes == 0 || !length.is_multiple_of(item_bytes as usize) {
            return Err(fault("is no whole number of items"));
        }
        check_padding(file, end..first)?;
        sections.push(Section {
            name: known_name,
            version: row.version.get(),
            required: row.flags.get() & REQUIRED != 0,
            item_bytes,
            range: first..last,
            xxh3: row.xxh3.get(),
        });
        end = last;
    }
    if end != file.len() {
        return Err(ContainerError::Length {
            found: file.len() as u64,
            stated: end as u64,
        });
    }
    Ok(sections)
}

fn verify_checksums(file: &[u8], sections: &[Section]) -> Result<(), ContainerError> {
    let damaged = sections
        .par_iter()
        .enumerate()
        .find_first(|(_, section)| xxh3_64(&file[section.range.clone()]) != section.xxh3);
    match damaged {
        None => Ok(()),
        Some((number, section)) => Err(ContainerError::Section {
            number,
            name: section.name.clone(),
            what: "is damaged",
        }),
    }
}

fn check_padding(file: &[u8], gap: Range<usize>) -> Result<(), ContainerError> {
    let offset = gap.end;
    let zero = file
        .get(gap)
        .is_some_and(|bytes| bytes.iter().all(|b| *b == 0));
    zero.then_some(()).ok_or(ContainerError::Padding { offset })
}

/// ASCII letters, digits and `_`, at least one, then zeros.
fn row_name(row: &TableRow) -> Option<String> {
    let length = row
        .name
        .iter()
        .position(|b| *b == 0)
        .unwrap_or(row.name.len());
    let (text, rest) = row.name.split_at(length);
    let plain = text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let zeros = rest.iter().all(|b| *b == 0);
    if text.is_empty() || !plain || !zeros {
        return None;
    }
    std::str::from_utf8(text).ok().map(str::to_owned)
}

fn body_xxh3(manifest: &[u8], table: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(manifest);
    hash.update(table);
    hash.digest()
}

fn align(offset: usize) -> usize {
    offset.next_multiple_of(ALIGNMENT)
}

/// Writes a file section by section; header and table follow at the end, at the front.
pub struct ContainerWriter<W: Write + Seek> {
    out: W,
    manifest: Vec<u8>,
    section_count: usize,
    rows: Vec<TableRow>,
    end: usize,
}

impl<W: Write + Seek> ContainerWriter<W> {
    /// Starts a file that will have `section_count` sections. `out` stands at its first byte.
    ///
    /// Errors: writing; a manifest beyond `MANIFEST_BYTES_MAX`.
    pub fn start(mut out: W, manifest: Vec<u8>, section_count: usize) -> io::Result<Self> {
        if manifest.len() > MANIFEST_BYTES_MAX || section_count > SECTIONS_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the manifest or the section table is too large for format 1",
            ));
        }
        let table_first = align(HEADER_BYTES + manifest.len());
        let end = table_first + section_count * size_of::<TableRow>();
        out.write_all(&vec![0; end])?;
        Ok(Self {
            out,
            manifest,
            section_count,
            rows: Vec::with_capacity(section_count),
            end,
        })
    }

    /// Appends a section that readers must know.
    ///
    /// Errors: writing.
    pub fn section<T: IntoBytes + Immutable>(
        &mut self,
        kind: SectionKind,
        items: &[T],
    ) -> io::Result<()> {
        self.raw_section(kind, true, items.as_bytes())
    }

    /// Appends a section from bytes.
    ///
    /// Errors: writing.
    pub fn raw_section(
        &mut self,
        kind: SectionKind,
        required: bool,
        bytes: &[u8],
    ) -> io::Result<()> {
        debug_assert!(
            kind.name.len() <= 24 && bytes.len().is_multiple_of(kind.item_bytes as usize)
        );
        let first = align(self.end);
        self.out.write_all(&[0; ALIGNMENT][..first - self.end])?;
        self.out.write_all(bytes)?;
        let mut name = [0; 24];
        name[..kind.name.len()].copy_from_slice(kind.name.as_bytes());
        self.rows.push(TableRow {
            name,
            version: U16::new(kind.version),
            flags: U16::new(if required { REQUIRED } else { 0 }),
            item_bytes: U32::new(kind.item_bytes),
            offset: U64::new(first as u64),
            length: U64::new(bytes.len() as u64),
            xxh3: U64::new(xxh3_64(bytes)),
            zero: [0; 8],
        });
        self.end = first + bytes.len();
        Ok(())
    }

    /// Writes manifest, table and header; returns the writer and the length of the file.
    ///
    /// Errors: writing; another number of sections than was said at the start.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        if self.rows.len() != self.section_count {
            return Err(io::Error::other("not every announced section was written"));
        }
        let table_first = align(HEADER_BYTES + self.manifest.len());
        let mut header = Header {
            magic: MAGIC,
            format: U32::new(FORMAT),
            section_count: U32::new(self.rows.len() as u32),
            manifest_offset: U64::new(HEADER_BYTES as u64),
            manifest_bytes: U64::new(self.manifest.len() as u64),
            table_offset: U64::new(table_first as u64),
            total_bytes: U64::new(self.end as u64),
            body_xxh3: U64::new(body_xxh3(&self.manifest, self.rows.as_bytes())),
            zero: [0; 64],
            header_xxh3: U64::ZERO,
        };
        let hash = xxh3_64(&header.as_bytes()[..HEADER_HASHED_BYTES]);
        header.header_xxh3 = U64::new(hash);
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(header.as_bytes())?;
        self.out.write_all(&self.manifest)?;
        self.out.seek(SeekFrom::Start(table_first as u64))?;
        self.out.write_all(self.rows.as_bytes())?;
        Ok((self.out, self.end as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn faults_say_what_was_found_and_what_to_do() {
        let section = ContainerError::Section {
            number: 3,
            name: "facts".to_owned(),
            what: "is damaged",
        };
        let length = ContainerError::Length {
            found: 10,
            stated: 20,
        };
        for (fault, text) in [
            (
                ContainerError::TooShort { bytes: 5 },
                "the file has 5 bytes, less than a header; it is empty or was cut",
            ),
            (
                ContainerError::Magic,
                "the file does not begin like a snapshot; name a file made by `hecha build`",
            ),
            (
                ContainerError::Format { found: 2 },
                "the file has format 2, this build reads format 1; build it again",
            ),
            (
                length,
                "the file has 10 bytes, its header says 20; fetch or build it again",
            ),
            (
                section,
                "section 3 (`facts`) is damaged; fetch or build the file again",
            ),
            (
                ContainerError::Padding { offset: 64 },
                "the padding before byte 64 is not zero; fetch or build the file again",
            ),
        ] {
            assert_eq!(fault.to_string(), text);
        }
    }

    #[test]
    fn sections_lie_at_multiples_of_64_and_read_back() {
        let kind = SectionKind {
            name: "numbers",
            version: 1,
            item_bytes: 1,
        };
        let other = SectionKind {
            name: "empty",
            ..kind
        };
        let mut writer = ContainerWriter::start(Cursor::new(Vec::new()), b"{}".into(), 2).unwrap();
        writer.section(kind, &[1u8, 2, 3]).unwrap();
        writer.raw_section(other, false, &[]).unwrap();
        let (out, bytes) = writer.finish().unwrap();
        let file = out.into_inner();
        assert_eq!(bytes, file.len() as u64);
        let layout = check(&file).unwrap();
        assert_eq!(&file[layout.manifest], b"{}");
        assert_eq!(&file[layout.sections[0].range.clone()], [1, 2, 3]);
        assert!(
            layout
                .sections
                .iter()
                .all(|s| s.range.start % ALIGNMENT == 0)
        );
        assert!(layout.sections[0].required && !layout.sections[1].required);
    }

    #[test]
    fn a_file_with_other_sections_than_announced_is_not_finished() {
        let writer = ContainerWriter::start(Cursor::new(Vec::new()), Vec::new(), 1).unwrap();
        assert!(writer.finish().is_err());
        let too_long = vec![b' '; MANIFEST_BYTES_MAX + 1];
        assert!(ContainerWriter::start(Cursor::new(Vec::new()), too_long, 1).is_err());
    }
}
