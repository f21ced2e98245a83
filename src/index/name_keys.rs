//! The keys of a listed name, and the tables of all of them.
//!
//! In: folded names with what bears them. Out: three tables, and sets of the keys of some names.
//! *Places of persons*: short names have thousands of neighbours, so the key holds all but one
//! character and the entry holds that one; an entry tells of a substitution without a look at the
//! text. *Keys of persons*: block keys. *Keys of organisations*: long names are nearly alone under
//! each deletion key; with block keys beside. Equal names and seed give equal tables, whatever the
//! threads and the memory.

use super::key_filter::FilterBuilder;
use super::key_table::{Keyed, TableBuilder};
use crate::name::edits::{self, Characters};
use crate::name::query::{block_keys, other_texts};
use crate::name::similarity::NameKind;
use crate::snapshot::entries::BirthDigits;
use crate::snapshot::rows::{KeyEntry, PlaceEntry, TaggedName};
use rayon::prelude::*;
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;
use zerocopy::little_endian::{U32, U64};

/// Names that are made keys of at a time by one thread.
const BLOCK_NAMES: u32 = 4_096;

/// What bears a name: kinds of the subjects whose own or other name it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bearers(u8);

impl Bearers {
    /// No subject; perhaps a holder.
    pub const NONE: Self = Self(0);

    /// These and subjects of this kind.
    pub fn and(self, kind: NameKind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// Whether subjects of this kind bear it.
    pub fn has(self, kind: NameKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

/// Names of a build, by their numbers.
pub trait NameSource: Sync {
    /// Names.
    fn count(&self) -> u32;

    /// Text of a name.
    fn text(&self, name: u32) -> &str;

    /// What bears it.
    fn bearers(&self, name: u32) -> Bearers;

    /// `birth_group` of each person who bears it, each once; only the sets of keys tell births.
    fn birth_groups(&self, _name: u32) -> SmallVec<[u64; 2]> {
        SmallVec::new()
    }
}

/// The group of the keys of whoever was born on a day; 0 where not all digits of the day are known.
/// Another birth is another person (decision rules 3.2), so whoever knows the birth need not meet
/// them.
pub fn birth_group(birth: BirthDigits) -> u64 {
    match birth.is_full() {
        true => xxh3_64(&birth.0.to_le_bytes()) | 1,
        false => 0,
    }
}

/// Calls `visit` with the place keys of a person's name, and of the further texts in which it may
/// be meant, and the character at each place.
pub fn person_places(seed: u64, text: &str, visit: &mut dyn FnMut(u64, char)) {
    let others = other_texts(NameKind::Person, text);
    for text in std::iter::once(text).chain(others.iter().map(String::as_str)) {
        if let Some(name) = Characters::of(text) {
            edits::place_keys(seed, &name, |_, character, key| visit(key, character));
        }
    }
}

/// Calls `visit` with the further keys of a person's name, each once.
pub fn person_keys(seed: u64, text: &str, visit: &mut dyn FnMut(u64)) {
    let mut once = Once::default();
    once.block_keys(seed, NameKind::Person, text, visit);
}

/// Tells `near_keys` from the keys of whole names in one set.
const NEAR: u64 = 0x6e_65_61_72;

/// Calls `visit` with keys of a text and of each text that it is without one character: two texts
/// that are equal or one edit apart have one of them in common.
pub fn near_keys(seed: u64, text: &Characters<'_>, visit: &mut dyn FnMut(u64)) {
    deletion_keys(seed ^ NEAR, text, visit);
}

fn deletion_keys(seed: u64, text: &Characters<'_>, visit: &mut dyn FnMut(u64)) {
    visit(edits::text_key(seed, text.text()));
    edits::missing_keys(seed, text, |_, key| visit(key));
}

/// Calls `visit` with the keys of an organisation's name, each once.
pub fn organisation_keys(seed: u64, text: &str, visit: &mut dyn FnMut(u64)) {
    let mut once = Once::default();
    if let Some(name) = Characters::of(text) {
        deletion_keys(seed, &name, &mut |key| once.visit(key, visit));
    }
    once.block_keys(seed, NameKind::Organisation, text, visit);
}

/// Keys that a name has already.
#[derive(Default)]
struct Once {
    seen: SmallVec<[u64; 32]>,
}

impl Once {
    fn visit(&mut self, key: u64, visit: &mut dyn FnMut(u64)) {
        if !self.seen.contains(&key) {
            self.seen.push(key);
            visit(key);
        }
    }

    fn block_keys(&mut self, seed: u64, kind: NameKind, text: &str, visit: &mut dyn FnMut(u64)) {
        edits::end_keys(seed, text, |key| self.visit(key, visit));
        block_keys(kind, text, &mut |key| {
            self.visit(edits::block_key(seed, key), visit);
        });
    }
}

/// Directory and entries of a table.
pub type Table<E> = (Vec<U32>, Vec<E>);

/// The table of the places of persons. `keys_max` bounds the keys in memory at a time, not the
/// table itself.
pub fn person_place_table(names: &dyn NameSource, seed: u64, keys_max: usize) -> Table<PlaceEntry> {
    let entry = |tag, one: &Keyed| PlaceEntry::new(tag, one.character, one.name);
    table(names, NameKind::Person, keys_max, entry, &|text, visit| {
        person_places(seed, text, visit);
    })
}

/// The table of the further keys of persons.
pub fn person_key_table(names: &dyn NameSource, seed: u64, keys_max: usize) -> Table<KeyEntry> {
    let entry = |tag, one: &Keyed| KeyEntry::new(tag, one.name);
    table(names, NameKind::Person, keys_max, entry, &|text, visit| {
        person_keys(seed, text, &mut |key| visit(key, '\0'));
    })
}

/// The table of the keys of organisations.
pub fn organisation_key_table(
    names: &dyn NameSource,
    seed: u64,
    keys_max: usize,
) -> Table<KeyEntry> {
    let entry = |tag, one: &Keyed| KeyEntry::new(tag, one.name);
    table(
        names,
        NameKind::Organisation,
        keys_max,
        entry,
        &|text, visit| {
            organisation_keys(seed, text, &mut |key| visit(key, '\0'));
        },
    )
}

/// The sets of all keys of these names in the three tables and of the whole names, of persons also
/// `near_keys` of the texts in which a name may be meant; in the order of `SectionId::KEY_SETS`.
/// Persons of known birth: in the group of each birth. All others are groups of their own.
pub fn key_sets(names: &dyn NameSource, seed: u64) -> [Vec<U64>; 3] {
    let of_person = |name: u32, visit: &mut dyn FnMut(u64)| {
        let text = names.text(name);
        let others = other_texts(NameKind::Person, text);
        for text in std::iter::once(text).chain(others.iter().map(String::as_str)) {
            if let Some(text) = Characters::of(text) {
                near_keys(seed, &text, visit);
            }
        }
        person_places(seed, text, &mut |key, _| visit(key));
        person_keys(seed, text, visit);
        visit(edits::text_key(seed, text));
    };
    let unborn = |name: u32, visit: VisitOfGroup<'_>| {
        if names.birth_groups(name).contains(&0) {
            of_person(name, &mut |key| visit(key, key));
        }
    };
    let born = |name: u32, visit: VisitOfGroup<'_>| {
        for group in names
            .birth_groups(name)
            .into_iter()
            .filter(|group| *group != 0)
        {
            of_person(name, &mut |key| visit(group, key));
        }
    };
    let organisation = |name: u32, visit: VisitOfGroup<'_>| {
        let text = names.text(name);
        organisation_keys(seed, text, &mut |key| visit(key, key));
        let key = edits::text_key(seed, text);
        visit(key, key);
    };
    [
        key_set(names, NameKind::Person, &unborn),
        key_set(names, NameKind::Person, &born),
        key_set(names, NameKind::Organisation, &organisation),
    ]
}

type VisitOfGroup<'a> = &'a mut dyn FnMut(u64, u64);

fn key_set(
    names: &dyn NameSource,
    kind: NameKind,
    keys_of: &(dyn Fn(u32, VisitOfGroup<'_>) + Sync),
) -> Vec<U64> {
    let of_block = |block, visit: VisitOfGroup<'_>| {
        block_names(names, kind, block).for_each(|name| keys_of(name, visit));
    };
    let count = |block| {
        let mut keys = 0;
        of_block(block, &mut |_, _| keys += 1);
        keys
    };
    let builder = FilterBuilder::new(blocks(names).into_par_iter().map(count).sum());
    let add = |block| of_block(block, &mut |group, key| builder.add(group, key));
    blocks(names).into_par_iter().for_each(add);
    builder.finish()
}

type Visit<'a> = &'a mut dyn FnMut(u64, char);
type KeysOf<'a> = &'a (dyn Fn(&str, Visit<'_>) + Sync);

/// Keys are counted, then gathered and sorted in as many ranges as the bound asks for.
fn table<E: TaggedName + Send>(
    names: &dyn NameSource,
    kind: NameKind,
    keys_max: usize,
    entry: fn(u16, &Keyed) -> E,
    keys_of: KeysOf<'_>,
) -> Table<E> {
    // What is gathered in one go needs no count before.
    let bound = sum(names, kind, &|text| text.len() / 3 + 4);
    if bound <= keys_max {
        let keyed = gather(names, kind, 0..=u64::MAX, keys_of);
        let mut builder = TableBuilder::new(keyed.len(), entry);
        builder.add(keyed);
        return builder.finish();
    }
    let total = sum(names, kind, &|text| {
        let mut keys = 0;
        keys_of(text, &mut |_, _| keys += 1);
        keys
    });
    let ranges = (total / keys_max.max(1) + 1) as u64;
    let width = u64::MAX / ranges;
    let mut builder = TableBuilder::new(total, entry);
    for range in 0..ranges {
        let first = range * width;
        let last = if range + 1 == ranges {
            u64::MAX
        } else {
            first + (width - 1)
        };
        builder.add(gather(names, kind, first..=last, keys_of));
    }
    builder.finish()
}

fn sum(names: &dyn NameSource, kind: NameKind, of: &(dyn Fn(&str) -> usize + Sync)) -> usize {
    let of_block = |block| -> usize {
        block_names(names, kind, block)
            .map(|name| of(names.text(name)))
            .sum()
    };
    blocks(names).into_par_iter().map(of_block).sum()
}

fn gather(
    names: &dyn NameSource,
    kind: NameKind,
    range: std::ops::RangeInclusive<u64>,
    keys_of: KeysOf<'_>,
) -> Vec<Keyed> {
    let of_block = |mut keyed: Vec<Keyed>, block: u32| {
        for name in block_names(names, kind, block) {
            keys_of(names.text(name), &mut |key, character| {
                if range.contains(&key) {
                    keyed.push(Keyed {
                        key,
                        name,
                        character,
                    });
                }
            });
        }
        keyed
    };
    // Whatever the order here: the keys are sorted afterwards.
    let parts: Vec<Vec<Keyed>> = blocks(names)
        .into_par_iter()
        .fold(Vec::new, of_block)
        .collect();
    let mut all = Vec::new();
    all.try_reserve_exact(parts.iter().map(Vec::len).sum()).ok();
    for mut part in parts {
        all.append(&mut part);
    }
    all
}

fn blocks(names: &dyn NameSource) -> std::ops::Range<u32> {
    0..names.count().div_ceil(BLOCK_NAMES)
}

fn block_names(
    names: &dyn NameSource,
    kind: NameKind,
    block: u32,
) -> impl Iterator<Item = u32> + '_ {
    let first = block * BLOCK_NAMES;
    let last = names.count().min(first.saturating_add(BLOCK_NAMES));
    (first..last).filter(move |name| names.bearers(*name).has(kind))
}
