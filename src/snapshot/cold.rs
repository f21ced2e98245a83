//! What an answer shows of an entry and a decision never reads: values, never JSON.
//!
//! A record is six references into the dictionary (0 absent, else 1 + place) and the texts that
//! are its own, each with its length before it; numbers are LEB128. In: the bytes of one record.
//! Out: borrowed text; what cannot be read is empty, never a panic.

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cold<'a> {
    /// The publisher's own key.
    pub entry_id: &'a str,
    /// The name as the list owner writes it.
    pub listed_name: &'a str,
    /// Number of the final legal document.
    pub case_no: &'a str,
    /// Who listed.
    pub authority: &'a str,
    /// Who supplied the record.
    pub supplier: &'a str,
    /// Where to object; absent where the list's default serves.
    pub recourse: Option<&'a str>,
    /// What was done.
    pub conduct: Option<&'a str>,
    /// Division code.
    pub region: Option<&'a str>,
    /// Law that keeps the measure after exit.
    pub retained_basis: Option<&'a str>,
}

/// A record before its references are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColdRecord<'a> {
    /// Into the dictionary.
    pub references: ColdReferences,
    /// The publisher's own key.
    pub entry_id: &'a str,
    /// Number of the final legal document.
    pub case_no: &'a str,
    /// The name as written; empty where it is the folded name.
    pub listed_name: &'a str,
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
        entry_id: "",
        case_no: "",
        listed_name: "",
    };

    /// Appends the bytes of the record.
    pub fn write(&self, out: &mut Vec<u8>) {
        for reference in self.references.all() {
            write_number(reference, out);
        }
        for text in [self.entry_id, self.case_no, self.listed_name] {
            write_number(text.len() as u32, out);
            out.extend_from_slice(text.as_bytes());
        }
    }

    /// The bytes of the entry_id alone; empty where they cannot be read.
    pub fn entry_id_bytes(bytes: &'a [u8]) -> &'a [u8] {
        let mut rest = bytes;
        let read = |rest: &mut &'a [u8]| {
            for _ in 0..ColdReferences::default().all().len() {
                read_number(rest)?;
            }
            let length = read_number(rest)?;
            rest.get(..length as usize)
        };
        read(&mut rest).unwrap_or_default()
    }

    /// The reference of the authority alone.
    pub fn authority(bytes: &[u8]) -> Option<u32> {
        read_number(&mut { bytes })
    }

    /// Reads a record that fills `bytes` exactly; `None` where it does not.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let references = ColdReferences {
            authority: read_number(&mut rest)?,
            supplier: read_number(&mut rest)?,
            recourse: read_number(&mut rest)?,
            conduct: read_number(&mut rest)?,
            region: read_number(&mut rest)?,
            retained_basis: read_number(&mut rest)?,
        };
        let record = Self {
            references,
            entry_id: read_text(&mut rest)?,
            case_no: read_text(&mut rest)?,
            listed_name: read_text(&mut rest)?,
        };
        rest.is_empty().then_some(record)
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

fn read_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = read_number(rest)? as usize;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_never_in_part() {
        let record = ColdRecord {
            references: ColdReferences {
                authority: 1,
                supplier: 127,
                recourse: 0,
                conduct: 300_000,
                region: u32::MAX,
                retained_basis: 128,
            },
            entry_id: "fz-court-000001",
            case_no: "（2016）闽0102执1234号",
            listed_name: "",
        };
        let mut bytes = Vec::new();
        record.write(&mut bytes);
        assert_eq!(ColdRecord::read(&bytes), Some(record));
        for cut in 0..bytes.len() {
            assert_eq!(ColdRecord::read(&bytes[..cut]), None, "cut at {cut}");
        }
        bytes.push(0);
        assert_eq!(ColdRecord::read(&bytes), None);
    }
}
