//! Tables of names under 64-bit keys: many names a key, many keys a name.
//!
//! In: a key. Out: the entries whose key is equal in about 40 bits; the caller verifies. The
//! directory cuts the range of keys into equal parts of about six entries; entries lie in the order
//! of their keys, so inside a part the tag rises: the 16 bits of the key behind those that chose
//! the part. A look-up reads two cache lines; the first of several keys can be fetched together,
//! then the second. Never panics, whatever the table holds.

// HOT: some ten probes a check of a name.

use crate::snapshot::rows::TaggedName;
use rayon::prelude::*;
use std::ops::Range;
use zerocopy::little_endian::U32;

/// Entries of one part of the directory, on average.
const PART_ENTRIES: usize = 6;

/// Entries of a part that are searched one by one.
const SCANNED_MAX: usize = 32;

/// A table, read in place.
#[derive(Debug)]
pub struct KeyTable<'a, E> {
    /// Where each part starts; one place more ends the last.
    directory: &'a [U32],
    entries: &'a [E],
}

/// Where the entries of a key lie, as the directory says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part {
    first: u32,
    last: u32,
    tag: u16,
}

impl<E> Clone for KeyTable<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for KeyTable<'_, E> {}

impl<'a, E: TaggedName> KeyTable<'a, E> {
    /// A table without entries has no directory either.
    pub fn new(directory: &'a [U32], entries: &'a [E]) -> Self {
        Self { directory, entries }
    }

    /// Entries of all keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All of its entries, in order of their keys.
    pub fn all(&self) -> &'a [E] {
        self.entries
    }

    /// Parts of the directory.
    pub fn part_count(&self) -> usize {
        self.directory.len().saturating_sub(1)
    }

    /// Entries of the part with this number.
    pub fn part_range(&self, part: usize) -> Range<u32> {
        match self.directory.get(part..).unwrap_or(&[]) {
            [first, last, ..] => first.get()..last.get(),
            _ => 0..0,
        }
    }

    /// Reads the directory for a key. Done for all keys first, their lines arrive together.
    pub fn part(&self, key: u64) -> Part {
        let (part, tag) = split(self.part_count(), key);
        let range = self.part_range(part);
        Part {
            first: range.start,
            last: range.end,
            tag,
        }
    }

    /// Reads the first entry of a part. Done for all parts first, their lines arrive together.
    pub fn touch(&self, part: &Part) -> u32 {
        self.entries.get(part.first as usize).map_or(0, E::name)
    }

    /// The entries of the key of this part.
    pub fn entries(&self, part: &Part) -> &'a [E] {
        let range = part.first as usize..part.last as usize;
        let entries = self.entries.get(range).unwrap_or(&[]);
        let (first, last) = if entries.len() <= SCANNED_MAX {
            let first = entries.iter().take_while(|e| e.tag() < part.tag).count();
            let equal = entries
                .iter()
                .skip(first)
                .take_while(|e| e.tag() == part.tag);
            (first, first + equal.count())
        } else {
            (
                entries.partition_point(|e| e.tag() < part.tag),
                entries.partition_point(|e| e.tag() <= part.tag),
            )
        };
        entries.get(first..last).unwrap_or(&[])
    }
}

/// Part of the directory, and tag. Both rise with the key.
fn split(parts: usize, key: u64) -> (usize, u16) {
    let place = u128::from(key) * parts as u128;
    ((place >> 64) as usize, (place >> 48) as u16)
}

/// A name under a key, before it has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keyed {
    /// The key.
    pub key: u64,
    /// The name.
    pub name: u32,
    /// The character at the place, in a table of places.
    pub character: char,
}

/// A table while it is built: keys arrive in rising ranges, whatever their order inside.
pub struct TableBuilder<E> {
    total: usize,
    directory: Vec<U32>,
    entries: Vec<E>,
    entry: fn(u16, &Keyed) -> E,
}

impl<E: TaggedName> TableBuilder<E> {
    /// Of a table that will have `total` entries, made by `entry` of tag and key.
    pub fn new(total: usize, entry: fn(u16, &Keyed) -> E) -> Self {
        let parts = total / PART_ENTRIES + 1;
        Self {
            total,
            directory: Vec::with_capacity(parts + 1),
            entries: Vec::with_capacity(total),
            entry,
        }
    }

    /// Takes in all names of a range of keys that lies behind those before; each once.
    pub fn add(&mut self, mut keyed: Vec<Keyed>) {
        keyed.par_sort_unstable();
        let parts = self.total / PART_ENTRIES + 1;
        for one in &keyed {
            let (part, tag) = split(parts, one.key);
            while self.directory.len() <= part {
                self.directory.push(U32::new(self.entries.len() as u32));
            }
            self.entries.push((self.entry)(tag, one));
        }
    }

    /// Directory and entries.
    pub fn finish(mut self) -> (Vec<U32>, Vec<E>) {
        let parts = self.total / PART_ENTRIES + 1;
        self.directory
            .resize(parts + 1, U32::new(self.entries.len() as u32));
        (self.directory, self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::rows::{KeyEntry, PlaceEntry};
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use zerocopy::IntoBytes;

    fn keyed(key: u64, name: u32) -> Keyed {
        Keyed {
            key,
            name,
            character: '\0',
        }
    }

    fn built(all: &BTreeSet<(u64, u32)>, ranges: u64) -> (Vec<U32>, Vec<KeyEntry>) {
        let mut builder = TableBuilder::new(all.len(), |tag, one| KeyEntry::new(tag, one.name));
        for range in 0..ranges {
            let of_range = all.iter().filter(|(key, _)| {
                (u128::from(*key) * u128::from(ranges)) >> 64 == u128::from(range)
            });
            builder.add(
                of_range
                    .rev()
                    .map(|(key, name)| keyed(*key, *name))
                    .collect(),
            );
        }
        builder.finish()
    }

    proptest! {
        #[test]
        fn every_name_is_found_under_its_keys_however_it_was_built(
            keys in prop::collection::vec(prop_oneof![any::<u64>(), 0u64..4], 1..20),
            pairs in prop::collection::btree_set((0usize..20, 0u32..50), 0..300),
        ) {
            let all: BTreeSet<(u64, u32)> =
                pairs.iter().map(|(key, name)| (keys[key % keys.len()], *name)).collect();
            let (directory, entries) = built(&all, 1);
            let (other_directory, other_entries) = built(&all, 3);
            prop_assert_eq!(&directory, &other_directory);
            prop_assert_eq!(entries.as_bytes(), other_entries.as_bytes());
            let table = KeyTable::new(&directory, &entries);
            for (key, name) in &all {
                let part = table.part(*key);
                let found = table.entries(&part);
                prop_assert!(found.iter().any(|entry| entry.name() == *name));
            }
            prop_assert!(table.entries(&table.part(u64::MAX / 3)).len() <= all.len());
        }

        #[test]
        fn a_hostile_table_never_panics(
            directory in prop::collection::vec(any::<u32>(), 0..20),
            tags in prop::collection::vec(any::<u16>(), 0..60),
            keys in prop::collection::vec(any::<u64>(), 10),
        ) {
            let near = |place: &u32| place.is_multiple_of(2);
            let small = |place: &u32| U32::new(if near(place) { *place % 64 } else { *place });
            let directory: Vec<U32> = directory.iter().map(small).collect();
            let entries: Vec<PlaceEntry> =
                tags.iter().map(|tag| PlaceEntry::new(*tag, '\u{1f600}', 9)).collect();
            let table = KeyTable::new(&directory, &entries);
            for key in keys {
                let part = table.part(key);
                table.touch(&part);
                prop_assert!(table.entries(&part).len() <= entries.len());
            }
        }
    }

    #[test]
    fn a_table_without_names_finds_nothing() {
        let (directory, entries) = built(&BTreeSet::new(), 1);
        assert_eq!((directory.len(), entries.len()), (2, 0));
        for (directory, entries) in [(&directory[..], &entries[..]), (&[], &[])] {
            let table = KeyTable::new(directory, entries);
            assert!(table.entries(&table.part(7)).is_empty());
            assert_eq!(table.touch(&table.part(7)), 0);
        }
    }
}
