//! Rows that only look-ups read: identifiers, names, lines of hash tables.
//!
//! Like `entries`: read in place, little-endian, without alignment. A row's items end where those
//! of the next row start; one row more than there are ends the last.

// HOT: every look-up reads these rows.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// An identifier, full or masked: further digest bits and its postings.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct IdentifierRow {
    further: U64,
    posting_first: U32,
    id_type: u8,
    pattern: u8,
    zero: [u8; 2],
}

const _: () = assert!(
    size_of::<IdentifierRow>() == 16,
    "four rows fill one cache line"
);

impl IdentifierRow {
    /// A row; its postings end where those of the next row start.
    pub fn new(further: u64, posting_first: u32, id_type: u8, pattern: u8) -> Self {
        Self {
            further: U64::new(further),
            posting_first: U32::new(posting_first),
            id_type,
            pattern,
            zero: [0; 2],
        }
    }

    /// The second 64 bits of the digest.
    pub fn further(&self) -> u64 {
        self.further.get()
    }

    /// First posting.
    pub fn posting_first(&self) -> u32 {
        self.posting_first.get()
    }

    /// Stored number of the type.
    pub fn id_type(&self) -> u8 {
        self.id_type
    }

    /// 0 full, else 1 + place of the mask in the manifest.
    pub fn pattern(&self) -> u8 {
        self.pattern
    }
}

/// A distinct folded name: where its text, its entries and its alias entries start. Each ends where
/// that of the next name starts.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct NameRow {
    text_first: U32,
    entry_first: U32,
    alias_first: U32,
}

impl NameRow {
    /// A row.
    pub fn new(text_first: u32, entry_first: u32, alias_first: u32) -> Self {
        Self {
            text_first: U32::new(text_first),
            entry_first: U32::new(entry_first),
            alias_first: U32::new(alias_first),
        }
    }

    /// First byte of its text in `name_text`.
    pub fn text_first(&self) -> u32 {
        self.text_first.get()
    }

    /// First entry whose subject's own name it is.
    pub fn entry_first(&self) -> u32 {
        self.entry_first.get()
    }

    /// First place in `alias_entries`.
    pub fn alias_first(&self) -> u32 {
        self.alias_first.get()
    }
}

/// Slots of a line.
pub const LINE_SLOTS: usize = 8;

/// One cache line of a line table: eight tags, then eight values plus one (0 a free slot).
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Line {
    /// First 32 bits that tell keys of one line apart.
    pub tags: [U32; LINE_SLOTS],
    /// Value + 1; 0 is free.
    pub values: [U32; LINE_SLOTS],
}

const _: () = assert!(size_of::<Line>() == 64, "eight slots fill one cache line");

impl Line {
    /// A line without keys.
    pub const FREE: Self = Self {
        tags: [U32::ZERO; LINE_SLOTS],
        values: [U32::ZERO; LINE_SLOTS],
    };
}

/// A name under the key of one of its places, with the character that stands there.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct PlaceEntry {
    tag: U16,
    character: U16,
    name: U32,
}

const _: () = assert!(
    size_of::<PlaceEntry>() == 8,
    "eight entries fill one cache line"
);

impl PlaceEntry {
    /// An entry.
    pub fn new(tag: u16, character: char, name: u32) -> Self {
        // Beyond the first plane a reader looks into the text.
        let character = u16::try_from(character as u32).unwrap_or(0);
        Self {
            tag: U16::new(tag),
            character: U16::new(character),
            name: U32::new(name),
        }
    }

    /// The character at the place; `None` where only the text tells.
    pub fn character(&self) -> Option<char> {
        char::from_u32(self.character.get().into()).filter(|c| *c != '\0')
    }
}

/// A name under a key.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct KeyEntry {
    tag: U16,
    name: U32,
}

const _: () = assert!(
    size_of::<KeyEntry>() == 6,
    "format 1 fixes the entry at 6 bytes"
);

impl KeyEntry {
    /// An entry.
    pub fn new(tag: u16, name: u32) -> Self {
        Self {
            tag: U16::new(tag),
            name: U32::new(name),
        }
    }
}

/// What the entries of a table of keys have in common.
pub trait TaggedName: FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned {
    /// Bits of the key that its place in the directory does not tell.
    fn tag(&self) -> u16;

    /// The name; may be none of this snapshot in a file that no build of ours wrote.
    fn name(&self) -> u32;
}

impl TaggedName for PlaceEntry {
    fn tag(&self) -> u16 {
        self.tag.get()
    }

    fn name(&self) -> u32 {
        self.name.get()
    }
}

impl TaggedName for KeyEntry {
    fn tag(&self) -> u16 {
        self.tag.get()
    }

    fn name(&self) -> u32 {
        self.name.get()
    }
}

/// A text that a scan looks for: a listed name, or the brand in one. Sorted by text, names before
/// brands, then by the number of the name; a text that several bear has as many rows.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ScanRow {
    text_first: U32,
    shorter: U32,
    name: U32,
    text_bytes: U16,
    is_brand: u8,
    zero: u8,
}

const _: () = assert!(size_of::<ScanRow>() == 16, "four rows fill one cache line");

impl ScanRow {
    /// What a place outside the table reads as: no text, of no name.
    pub const NONE: Self = Self {
        text_first: U32::ZERO,
        shorter: U32::ZERO,
        name: U32::new(u32::MAX),
        text_bytes: U16::ZERO,
        is_brand: 0,
        zero: 0,
    };

    /// A row; `shorter` is the last row of the longest other text with which its own begins.
    pub fn new(
        text: std::ops::Range<u32>,
        shorter: Option<u32>,
        name: u32,
        is_brand: bool,
    ) -> Self {
        Self {
            text_first: U32::new(text.start),
            shorter: U32::new(shorter.map_or(0, |row| row + 1)),
            name: U32::new(name),
            text_bytes: U16::new((text.end - text.start) as u16),
            is_brand: u8::from(is_brand),
            zero: 0,
        }
    }

    /// First byte of its text in `name_text`.
    pub fn text_first(&self) -> u32 {
        self.text_first.get()
    }

    /// Bytes of its text.
    pub fn text_bytes(&self) -> u16 {
        self.text_bytes.get()
    }

    /// The last row of the longest other text with which its own begins.
    pub fn shorter(&self) -> Option<u32> {
        self.shorter.get().checked_sub(1)
    }

    /// The name, or the name in which the brand stands.
    pub fn name(&self) -> u32 {
        self.name.get()
    }

    /// Whether its text is a brand and no whole name.
    pub fn is_brand(&self) -> bool {
        self.is_brand != 0
    }
}
