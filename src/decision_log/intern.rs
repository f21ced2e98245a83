//! Texts and contexts that stand once in a segment and are named by number from then on.
//!
//! In: texts, contexts. Out: numbers, and the frames that give new ones their meaning. Each segment
//! begins anew, so that it can be read alone. What is held in memory is bounded: when a table is
//! full it is forgotten and its texts get new numbers.

use super::codec::{Fields, put_number, put_text};
use super::record::{Context, KIND_CONTEXT, KIND_TEXT};
use crate::storage::append;
use std::collections::HashMap;
use std::io;

/// Texts of one table held in memory, at most.
const TEXTS_MAX: usize = 4_096;

/// What a text is: each table has numbers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// Units.
    Unit = 0,
    /// Scenarios.
    Scenario = 1,
    /// Purposes.
    Purpose = 2,
    /// Measures.
    Measure = 3,
}

const TABLES: usize = 4;

/// Frames of one append, one after the other, before they are written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub bytes: Vec<u8>,
    pub first_index: u64,
    pub next_index: u64,
    pub synced_through: u64,
}

impl Batch {
    /// Empties it, keeping its memory.
    pub fn begin(&mut self, next_index: u64, synced_through: u64) {
        self.bytes.clear();
        self.first_index = next_index;
        self.next_index = next_index;
        self.synced_through = synced_through;
    }

    /// Adds a frame. Errors: too large.
    pub fn push(&mut self, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let (index, through) = (self.next_index, self.synced_through);
        append::encode(&mut self.bytes, kind, index, through, fill)?;
        self.next_index += 1;
        Ok(())
    }
}

/// Numbers of one segment.
#[derive(Debug, Default)]
pub(super) struct Interner {
    texts: [HashMap<Box<str>, u32>; TABLES],
    contexts: HashMap<Context, u32>,
    next: [u32; TABLES],
    next_context: u32,
}

impl Interner {
    /// Goes on after numbers that stand in the segment already.
    pub fn after(names: &NextNumbers) -> Self {
        Self {
            next: names.texts,
            next_context: names.context,
            ..Self::default()
        }
    }

    /// Number of a text; a new one adds a frame to the batch.
    pub fn text(&mut self, table: Table, text: &str, batch: &mut Batch) -> io::Result<u32> {
        let known = &mut self.texts[table as usize];
        if let Some(number) = known.get(text) {
            return Ok(*number);
        }
        let next = &mut self.next[table as usize];
        batch.push(KIND_TEXT, |out| {
            out.push(table as u8);
            put_number(out, (*next).into());
            out.extend_from_slice(text.as_bytes());
        })?;
        if known.len() == TEXTS_MAX {
            known.clear();
        }
        known.insert(text.into(), *next);
        *next += 1;
        Ok(*next - 1)
    }

    /// Number of a context; a new one adds a frame to the batch.
    pub fn context(&mut self, context: &Context, batch: &mut Batch) -> io::Result<u32> {
        if let Some(number) = self.contexts.get(context) {
            return Ok(*number);
        }
        let next = self.next_context;
        batch.push(KIND_CONTEXT, |out| {
            put_number(out, next.into());
            for hash in [context.snapshot, context.catalogue, context.policy] {
                out.extend_from_slice(&hash);
            }
            put_number(out, context.overlay_sequence);
            put_text(out, context.engine);
        })?;
        if self.contexts.len() == TEXTS_MAX {
            self.contexts.clear();
        }
        self.contexts.insert(*context, next);
        self.next_context = next + 1;
        Ok(next)
    }

    /// Forgets everything but which numbers are taken: after an append that came to nothing.
    pub fn forget(&mut self) {
        self.texts.iter_mut().for_each(HashMap::clear);
        self.contexts.clear();
    }
}

/// Numbers that are free, learned from a segment's frames.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct NextNumbers {
    pub texts: [u32; TABLES],
    pub context: u32,
}

impl NextNumbers {
    /// Learns from a text's frame. Unknown tables are passed over.
    pub fn see_text(&mut self, text: &InternedText<'_>) {
        if let Some(next) = self.texts.get_mut(usize::from(text.table)) {
            *next = (*next).max(text.number.saturating_add(1));
        }
    }

    /// Learns from a context's frame.
    pub fn see_context(&mut self, number: u32) {
        self.context = self.context.max(number.saturating_add(1));
    }
}

/// A text's frame as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InternedText<'a> {
    /// `Table` as a number; later versions may have more.
    pub table: u8,
    /// Number in the table.
    pub number: u32,
    /// The text.
    pub text: &'a str,
}

/// Reads a text's payload.
pub fn read_text(payload: &[u8]) -> Option<InternedText<'_>> {
    let mut fields = Fields::new(payload);
    let (table, number) = (fields.byte()?, fields.small_number()?);
    let text = std::str::from_utf8(fields.rest()).ok()?;
    Some(InternedText {
        table,
        number,
        text,
    })
}

/// A context as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadContext {
    /// Id of the snapshot.
    pub snapshot: [u8; 16],
    /// First half of the hash of the catalogue.
    pub catalogue: [u8; 16],
    /// First half of the hash of the unit's policy.
    pub policy: [u8; 16],
    /// Acts in the overlay.
    pub overlay_sequence: u64,
    /// Version of the program that answered.
    pub engine: Box<str>,
}

/// Reads a context's payload: its number and what it stands for.
pub fn read_context(payload: &[u8]) -> Option<(u32, ReadContext)> {
    let mut fields = Fields::new(payload);
    let number = fields.small_number()?;
    let context = ReadContext {
        snapshot: fields.array()?,
        catalogue: fields.array()?,
        policy: fields.array()?,
        overlay_sequence: fields.number()?,
        engine: fields.text()?.into(),
    };
    Some((number, context))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_gets_one_number_until_its_table_is_full() {
        let mut interner = Interner::default();
        let mut batch = Batch::default();
        batch.begin(1, 0);
        assert_eq!(interner.text(Table::Unit, "a", &mut batch).unwrap(), 0);
        assert_eq!(interner.text(Table::Unit, "b", &mut batch).unwrap(), 1);
        assert_eq!(interner.text(Table::Scenario, "a", &mut batch).unwrap(), 0);
        assert_eq!(interner.text(Table::Unit, "a", &mut batch).unwrap(), 0);
        assert_eq!(batch.next_index, 4, "three frames for three new texts");
        for n in 0..TEXTS_MAX as u32 {
            let number = interner
                .text(Table::Unit, &format!("u{n}"), &mut batch)
                .unwrap();
            assert_eq!(number, n + 2);
        }
        assert!(interner.texts[0].len() <= TEXTS_MAX);
        let again = interner.text(Table::Unit, "a", &mut batch).unwrap();
        assert_eq!(again, TEXTS_MAX as u32 + 2);
    }

    #[test]
    fn frames_are_read_back() {
        let context = Context {
            snapshot: [1; 16],
            catalogue: [2; 16],
            policy: [3; 16],
            overlay_sequence: 300,
            engine: "0.1.0",
        };
        let mut interner = Interner::default();
        let mut batch = Batch::default();
        batch.begin(1, 0);
        interner.text(Table::Purpose, "购票", &mut batch).unwrap();
        interner.context(&context, &mut batch).unwrap();
        let mut payloads = Vec::new();
        append::scan(&batch.bytes, Some(1), |frame| {
            payloads.push(frame.payload);
            Ok::<(), ()>(())
        })
        .unwrap();
        let text = read_text(payloads[0]).unwrap();
        assert_eq!((text.table, text.number, text.text), (2, 0, "购票"));
        let (number, read) = read_context(payloads[1]).unwrap();
        assert_eq!(
            (number, read.overlay_sequence, &*read.engine),
            (0, 300, "0.1.0")
        );
        assert_eq!((read.snapshot, read.policy), ([1; 16], [3; 16]));
        let mut next = NextNumbers::default();
        next.see_text(&text);
        next.see_context(number);
        assert_eq!((next.texts[2], next.context), (1, 1));
    }
}
