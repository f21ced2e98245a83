//! What an answer shows of an entry and a decision never reads: values, never JSON.
//!
//! A record is six references into the dictionary (0 absent, else 1 + place), the most frequent
//! texts first, and the texts that are its own; numbers are LEB128. Before a text stands twice its
//! length, or, where only its digits are its own, twice the place of its template in the
//! dictionary and one more; in a section of version 1 its length. In: the bytes of one record.
//! Out: texts; what cannot be read is empty, never a panic.

use super::digits::{self, ColdText};
use std::collections::HashMap;

/// References of a record into the dictionary, in the order in which they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColdReferences {
    /// Who listed.
    pub authority: u32,
    /// Who supplied the record.
    pub supplier: u32,
    /// Where to object.
    pub recourse: u32,
    /// What was done.
    pub conduct: u32,
    /// Division code.
    pub region: u32,
    /// Law that keeps the measure after exit.
    pub retained_basis: u32,
}

impl ColdReferences {
    /// All, in the order in which they are stored.
    pub fn all(self) -> [u32; 6] {
        [
            self.authority,
            self.supplier,
            self.recourse,
            self.conduct,
            self.region,
            self.retained_basis,
        ]
    }

    /// Each changed by `change`.
    #[must_use]
    pub fn map(self, change: impl Fn(u32) -> u32) -> Self {
        Self {
            authority: change(self.authority),
            supplier: change(self.supplier),
            recourse: change(self.recourse),
            conduct: change(self.conduct),
            region: change(self.region),
            retained_basis: change(self.retained_basis),
        }
    }
}

/// What an answer shows of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cold<'a> {
    /// The publisher's own key.
    pub entry_id: ColdText<'a>,
    /// The name as the list owner writes it.
    pub listed_name: ColdText<'a>,
    /// Number of the final legal document.
    pub case_no: ColdText<'a>,
    /// Who listed.
    pub authority: &'a str,
    /// Where to object; absent where the list's default serves.
    pub recourse: Option<&'a str>,
}

/// What the file says of one entry beside that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Further<'a> {
    /// Who supplied the record.
    pub supplier: &'a str,
    /// What was done.
    pub conduct: Option<&'a str>,
    /// Division code.
    pub region: Option<&'a str>,
    /// Law that keeps the measure after exit.
    pub retained_basis: Option<&'a str>,
}

/// Finds a template by its place in the dictionary.
pub trait Templates<'a>: Fn(u32) -> Option<&'a str> {}

impl<'a, F: Fn(u32) -> Option<&'a str>> Templates<'a> for F {}

/// A record before its references are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColdRecord<'a> {
    /// Into the dictionary.
    pub references: ColdReferences,
    /// The publisher's own key.
    pub entry_id: ColdText<'a>,
    /// Number of the final legal document.
    pub case_no: ColdText<'a>,
    /// The name as written; empty where it is the folded name.
    pub listed_name: ColdText<'a>,
}

impl<'a> ColdRecord<'a> {
    /// Nothing is known.
    pub const EMPTY: Self = Self {
        references: ColdReferences {
            authority: 0,
            supplier: 0,
            recourse: 0,
            conduct: 0,
            region: 0,
            retained_basis: 0,
        },
        entry_id: ColdText::EMPTY,
        case_no: ColdText::EMPTY,
        listed_name: ColdText::EMPTY,
    };

    /// Reads a record that fills `bytes` exactly, with templates by their place in the dictionary,
    /// or without where its section has none; `None` where it does not.
    pub fn read<T: Templates<'a>>(bytes: &'a [u8], templates: Option<T>) -> Option<Self> {
        let mut rest = bytes;
        let record = Self {
            references: read_references(&mut rest)?,
            entry_id: read_text(&mut rest, &templates)?,
            case_no: read_text(&mut rest, &templates)?,
            listed_name: read_text(&mut rest, &templates)?,
        };
        rest.is_empty().then_some(record)
    }

    /// The entry_id alone.
    pub fn read_entry_id<T: Templates<'a>>(
        bytes: &'a [u8],
        templates: Option<T>,
    ) -> Option<ColdText<'a>> {
        let mut rest = bytes;
        read_references(&mut rest)?;
        read_text(&mut rest, &templates)
    }

    /// The reference of the authority alone.
    pub fn authority(bytes: &[u8]) -> Option<u32> {
        read_number(&mut { bytes })
    }
}

/// The texts of a record that are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnTexts<'a> {
    /// The publisher's own key.
    pub entry_id: &'a str,
    /// Number of the final legal document.
    pub case_no: &'a str,
    /// The name as written; empty where it is the folded name.
    pub listed_name: &'a str,
}

impl<'a> OwnTexts<'a> {
    /// All, in the order in which they are stored.
    pub fn all(self) -> [&'a str; 3] {
        [self.entry_id, self.case_no, self.listed_name]
    }

    /// Appends them as they are, each with its length before it.
    pub fn write(self, out: &mut Vec<u8>) {
        for text in self.all() {
            write_number(text.len() as u32, out);
            out.extend_from_slice(text.as_bytes());
        }
    }

    /// What `write` has appended; empty where it cannot be read.
    pub fn read(bytes: &'a [u8]) -> Self {
        let mut rest = bytes;
        let mut text = || {
            let length = read_number(&mut rest)? as usize;
            take_text(&mut rest, length)
        };
        let [entry_id, case_no, listed_name] = [(); 3].map(|()| text().unwrap_or_default());
        Self {
            entry_id,
            case_no,
            listed_name,
        }
    }

    /// The bytes of the entry_id alone.
    pub fn entry_id_bytes(bytes: &'a [u8]) -> &'a [u8] {
        let mut rest = bytes;
        let length = read_number(&mut rest).unwrap_or(0);
        rest.get(..length as usize).unwrap_or_default()
    }
}

/// Writes the records of a file, with the places of templates in its dictionary.
#[derive(Debug, Default)]
pub struct ColdWriter<'a> {
    templates: HashMap<&'a str, u32>,
    template: String,
    digits: Vec<u8>,
}

impl<'a> ColdWriter<'a> {
    /// Texts of other templates stand there as they are.
    pub fn new(templates: HashMap<&'a str, u32>) -> Self {
        Self {
            templates,
            ..Self::default()
        }
    }

    /// Appends the bytes of a record.
    pub fn write(&mut self, references: ColdReferences, texts: OwnTexts<'_>, out: &mut Vec<u8>) {
        for reference in references.all() {
            write_number(reference, out);
        }
        for text in texts.all() {
            let is_made = digits::take_apart(text, &mut self.template, &mut self.digits);
            let place = self.templates.get(self.template.as_str());
            match place.filter(|_| is_made) {
                Some(place) => {
                    write_number(place << 1 | 1, out);
                    out.extend_from_slice(&self.digits);
                }
                None => {
                    write_number((text.len() as u32) << 1, out);
                    out.extend_from_slice(text.as_bytes());
                }
            }
        }
    }
}

fn write_number(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(rest: &mut &[u8]) -> Option<u32> {
    let mut number = 0u64;
    for place in 0..5 {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return u32::try_from(number).ok();
        }
    }
    None
}

fn read_references(rest: &mut &[u8]) -> Option<ColdReferences> {
    Some(ColdReferences {
        authority: read_number(rest)?,
        supplier: read_number(rest)?,
        recourse: read_number(rest)?,
        conduct: read_number(rest)?,
        region: read_number(rest)?,
        retained_basis: read_number(rest)?,
    })
}

fn read_text<'a, T: Templates<'a>>(
    rest: &mut &'a [u8],
    templates: &Option<T>,
) -> Option<ColdText<'a>> {
    let head = read_number(rest)?;
    let Some(templates) = templates else {
        return take_text(rest, head as usize).map(ColdText::Whole);
    };
    match head & 1 {
        0 => take_text(rest, (head >> 1) as usize).map(ColdText::Whole),
        _ => digits::fill(templates(head >> 1)?, rest),
    }
}

fn take_text<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a str> {
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "（0000）闽0000执0000号";

    fn dictionary<'a>(place: u32) -> Option<&'a str> {
        (place == 300).then_some(TEMPLATE)
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_never_in_part() {
        let references = ColdReferences {
            authority: 1,
            supplier: 127,
            recourse: 0,
            conduct: 300_000,
            region: u32::MAX,
            retained_basis: 128,
        };
        let texts = OwnTexts {
            entry_id: "fz-court-000001",
            case_no: "（2016）闽0102执1234号",
            listed_name: "",
        };
        let mut bytes = Vec::new();
        let templates = HashMap::from([(TEMPLATE, 300)]);
        ColdWriter::new(templates).write(references, texts, &mut bytes);
        let references_bytes = 1 + 1 + 1 + 3 + 5 + 2;
        assert_eq!(bytes.len(), references_bytes + 16 + 2 + 6 + 1);
        let read = ColdRecord::read(&bytes, Some(dictionary)).unwrap();
        assert_eq!(read.references, references);
        let own = [&*read.entry_id, &*read.case_no, &*read.listed_name];
        assert_eq!(own, texts.all());
        let entry_id = ColdRecord::read_entry_id(&bytes, Some(dictionary)).unwrap();
        assert_eq!(&*entry_id, texts.entry_id);
        assert_eq!(ColdRecord::authority(&bytes), Some(1));
        assert_eq!(
            ColdRecord::read(&bytes, Some(|_| None)),
            None,
            "no template"
        );
        for cut in 0..bytes.len() {
            let cut = ColdRecord::read(&bytes[..cut], Some(dictionary));
            assert_eq!(cut, None);
        }
        bytes.push(0);
        assert_eq!(ColdRecord::read(&bytes, Some(dictionary)), None);
    }

    #[test]
    fn own_texts_come_back() {
        let texts = OwnTexts {
            entry_id: "fz-1",
            case_no: "",
            listed_name: "张三",
        };
        let mut bytes = Vec::new();
        texts.write(&mut bytes);
        assert_eq!(OwnTexts::read(&bytes), texts);
        assert_eq!(OwnTexts::entry_id_bytes(&bytes), b"fz-1");
        assert_eq!(OwnTexts::read(&[]), OwnTexts::default());
        assert_eq!(OwnTexts::entry_id_bytes(&[9, 1]), b"");
    }
}
