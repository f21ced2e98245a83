//! Where the sections of format 1 lie in a file, and why a file cannot be served.
//!
//! In: the sections of a checked file. Out: a place for each of format 1. One that must be there
//! and is not, or has other rows, refuses the file; so does an unknown one that must be known.

use super::container::{ContainerError, Section, SectionKind};
use super::manifest::{ManifestError, to_hex};
use super::sections::{REQUIRED_COUNT, SECTION_COUNT, SECTIONS, SectionId, is_read};
use std::io;
use std::path::PathBuf;

/// Why a file cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Reading or mapping failed.
    #[error("`{path}`: {fault}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// Not the bytes that were signed or pointed to; nothing of the file was parsed.
    #[error(
        "the BLAKE3 of its {bytes} bytes is {}, not {} as stated; publish the file again",
        to_hex(found),
        to_hex(stated)
    )]
    Hash {
        /// Bytes of the file.
        bytes: usize,
        /// Hash of the file.
        found: [u8; 32],
        /// Hash that was stated.
        stated: [u8; 32],
    },
    /// The frame is broken or foreign.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The manifest is broken.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A section of format 1 is not there.
    #[error("the section `{name}` is missing; build the file again")]
    Missing {
        /// Name of the section.
        name: &'static str,
    },
    /// A section that must be known is not.
    #[error("the section `{name}` must be known to read this file; use a newer hecha")]
    Unknown {
        /// Name of the section.
        name: String,
    },
    /// Rows of another version or size.
    #[error("the section `{name}` has rows of another version; build the file again")]
    Version {
        /// Name of the section.
        name: &'static str,
    },
    /// Sections contradict each other or the manifest.
    #[error("the section `{name}` does not fit the others; build the file again")]
    Inconsistent {
        /// Name of the section.
        name: &'static str,
    },
    /// Names were folded by other tables.
    #[error(
        "names in the file were folded by tables `{found}`, this build folds by `{ours}`; \
         build the file again"
    )]
    Fold {
        /// Version of the file.
        found: Box<str>,
        /// Version of this build.
        ours: Box<str>,
    },
}

/// Place and number of items of one section.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// First byte in the file.
    pub first: usize,
    /// Items.
    pub count: u32,
    /// Version of its items.
    pub version: u16,
}

impl Table {
    /// Of a section that is not there.
    pub const ABSENT: Self = Self {
        first: 0,
        count: 0,
        version: 0,
    };
}

/// Finds the sections of format 1 among those of the file.
pub fn find_tables(sections: &[Section]) -> Result<[Table; SECTION_COUNT], OpenError> {
    let unknown = sections
        .iter()
        .find(|section| section.required && SECTIONS.iter().all(|kind| kind.name != section.name));
    if let Some(section) = unknown {
        return Err(OpenError::Unknown {
            name: section.name.clone(),
        });
    }
    let mut tables = [Table::ABSENT; SECTION_COUNT];
    for (place, kind) in SECTIONS.iter().enumerate() {
        match find_table(sections, kind) {
            Ok(table) => tables[place] = table,
            Err(fault) if place < REQUIRED_COUNT => return Err(fault),
            Err(_) => {
                tables[SectionId::group_first(place)..].fill(Table::ABSENT);
                break;
            }
        }
    }
    Ok(tables)
}

fn find_table(sections: &[Section], kind: &SectionKind) -> Result<Table, OpenError> {
    let name = kind.name;
    let section = sections
        .iter()
        .find(|section| section.name == name)
        .ok_or(OpenError::Missing { name })?;
    if !is_read(kind, section.version) || section.item_bytes != kind.item_bytes {
        return Err(OpenError::Version { name });
    }
    let items = section.range.len() / kind.item_bytes as usize;
    Ok(Table {
        first: section.range.start,
        count: u32::try_from(items).map_err(|_| OpenError::Inconsistent { name })?,
        version: section.version,
    })
}
