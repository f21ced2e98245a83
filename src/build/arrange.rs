//! Which entries are built and in which order; which number each name gets.
//!
//! In: the store, in the order of arrival. Out: the store in the order of the file, and what is
//! known of patterns. Duplicates and rare mask patterns are left out here, because only now all
//! records are known. Order of entries: folded name, number class, entry_id; so entries of one name
//! lie side by side, those that a name alone can reach first.

use super::inputs::{LeftOut, LeftOutReason};
use super::store::{FULL, Store};
use crate::identifier::kind::IdType;
use crate::identifier::mask::MaskPattern;
use crate::snapshot::manifest::PATTERNS_MAX;
use rayon::prelude::*;
use std::cmp::Reverse;

/// Stored for what no built entry has: a name, a pattern, a group.
pub const UNUSED: u32 = u32::MAX;

/// What is known of the entries together.
#[derive(Debug)]
pub struct Arrangement {
    /// Place of the entry_id in byte order, by entry.
    pub ranks: Vec<u32>,
    /// Patterns of each type.
    pub patterns: [Vec<MaskPattern>; IdType::ALL.len()],
    /// Place of a pattern by arrival among those of its type, or `UNUSED`.
    pub pattern_places: Vec<u32>,
}

/// Puts the store in the order of the file; what is left out is added to `store.left_out`.
pub fn arrange(store: &mut Store) -> Arrangement {
    let by_id = sorted_by_entry_id(store);
    let mut kept = vec![true; store.entries.len()];
    drop_duplicates(store, &by_id, &mut kept);
    let (patterns, pattern_places) = choose_patterns(store, &kept);
    drop_rare_patterns(store, &pattern_places, &mut kept);

    let mut rank_of = vec![UNUSED; store.entries.len()];
    let kept_ids = by_id.iter().filter(|entry| kept[**entry as usize]);
    for (rank, entry) in kept_ids.enumerate() {
        rank_of[*entry as usize] = rank as u32;
    }
    let (names, name_numbers) = number_names(store, &kept);
    let (order, ranks) = in_order(store, &kept, &name_numbers, &rank_of);
    drop((by_id, kept, rank_of));
    store.put_in_order(&order, &names, &name_numbers);
    Arrangement {
        ranks,
        patterns,
        pattern_places,
    }
}

/// Built entries by arrival, in the order of the file, and the rank of each. What is sorted by is
/// gathered first: a comparison that followed the places from entry to name would wait for memory.
fn in_order(
    store: &Store,
    kept: &[bool],
    name_numbers: &[u32],
    rank_of: &[u32],
) -> (Vec<u32>, Vec<u32>) {
    let keyed = |entry: usize| {
        let own = store.own_name(&store.entries[entry]);
        let name = own.map_or(UNUSED, |name| name_numbers[name as usize]);
        let class = store.entries[entry].number_class;
        (name, class, rank_of[entry], entry as u32)
    };
    let entries = (0..store.entries.len()).into_par_iter();
    let mut keyed: Vec<_> = entries.filter(|entry| kept[*entry]).map(keyed).collect();
    keyed.par_sort_unstable();
    let order = keyed.par_iter().map(|(.., entry)| *entry).collect();
    (
        order,
        keyed.into_par_iter().map(|(_, _, rank, _)| rank).collect(),
    )
}

/// The numbers in the byte order of their texts, equal texts in the order of `ties`. The
/// first 16 bytes of each text are gathered first: most comparisons then read no text.
fn sorted_by_text<'a, T: Ord>(
    numbers: impl IndexedParallelIterator<Item = u32>,
    text: impl Fn(u32) -> &'a [u8] + Sync,
    ties: impl Fn(u32) -> T + Sync,
) -> Vec<u32> {
    let keyed = |number| {
        let mut head = [0; 16];
        let text = text(number);
        let length = text.len().min(head.len());
        head[..length].copy_from_slice(&text[..length]);
        (u128::from_be_bytes(head), number)
    };
    let mut keyed: Vec<(u128, u32)> = numbers.map(keyed).collect();
    keyed.par_sort_unstable_by(|a, b| {
        let rest = || text(a.1).cmp(text(b.1));
        let ties = || ties(a.1).cmp(&ties(b.1));
        a.0.cmp(&b.0).then_with(rest).then_with(ties)
    });
    keyed.into_par_iter().map(|(_, number)| number).collect()
}

fn sorted_by_entry_id(store: &Store) -> Vec<u32> {
    sorted_by_text(
        (0..store.entries.len() as u32).into_par_iter(),
        |entry| store.entry_id(entry),
        |entry| store.entries[entry as usize].origin,
    )
}

/// Of records with one entry_id, the first that was read stays.
fn drop_duplicates(store: &mut Store, by_id: &[u32], kept: &mut [bool]) {
    for pair in by_id.windows(2) {
        let [before, after] = [pair[0], pair[1]];
        if store.entry_id(before) == store.entry_id(after) {
            leave_out(store, after, LeftOutReason::DuplicateEntryId, kept);
        }
    }
}

/// The most frequent patterns of each type; equal counts go by the pattern itself.
fn choose_patterns(
    store: &Store,
    kept: &[bool],
) -> ([Vec<MaskPattern>; IdType::ALL.len()], Vec<u32>) {
    let mut counts = vec![0u64; store.patterns.len()];
    for (entry, stored) in store.entries.iter().enumerate() {
        if kept[entry] {
            for pattern in patterns_of(store, stored) {
                counts[usize::from(pattern)] += 1;
            }
        }
    }
    let mut by_count: Vec<usize> = (0..counts.len()).filter(|p| counts[*p] > 0).collect();
    by_count.sort_unstable_by_key(|place| {
        let (id_type, pattern) = store.patterns[*place];
        (id_type, Reverse(counts[*place]), pattern)
    });
    let mut patterns: [Vec<MaskPattern>; IdType::ALL.len()] = Default::default();
    let mut places = vec![UNUSED; counts.len()];
    for place in by_count {
        let (id_type, pattern) = store.patterns[place];
        let of_type = &mut patterns[id_type as usize];
        if of_type.len() < PATTERNS_MAX {
            places[place] = of_type.len() as u32;
            of_type.push(pattern);
        }
    }
    (patterns, places)
}

fn drop_rare_patterns(store: &mut Store, places: &[u32], kept: &mut [bool]) {
    if !places.contains(&UNUSED) {
        return;
    }
    for entry in 0..store.entries.len() as u32 {
        let stored = &store.entries[entry as usize];
        let rare = patterns_of(store, stored).any(|p| places[usize::from(p)] == UNUSED);
        if kept[entry as usize] && rare {
            leave_out(store, entry, LeftOutReason::TooManyMaskPatterns, kept);
        }
    }
}

fn patterns_of<'a>(
    store: &'a Store,
    entry: &super::store::StoredEntry,
) -> impl Iterator<Item = u16> + 'a {
    store
        .parties_of(entry)
        .iter()
        .flat_map(|party| store.numbers_of(party))
        .map(|number| number.pattern)
        .filter(|pattern| *pattern != FULL)
}

fn leave_out(store: &mut Store, entry: u32, reason: LeftOutReason, kept: &mut [bool]) {
    kept[entry as usize] = false;
    let left_out = LeftOut {
        origin: store.entries[entry as usize].origin,
        entry_id: store.own_texts(entry).entry_id.into(),
        reason,
    };
    store.left_out.push(left_out);
}

/// Names by arrival that built entries bear, in byte order; and the number of each, or `UNUSED`.
fn number_names(store: &Store, kept: &[bool]) -> (Vec<u32>, Vec<u32>) {
    let mut used = vec![false; store.names.len() as usize];
    for (entry, stored) in store.entries.iter().enumerate() {
        if kept[entry] {
            for party in store.parties_of(stored) {
                for name in store.names_of(party) {
                    used[*name as usize] = true;
                }
            }
        }
    }
    let names: Vec<u32> = (0..store.names.len())
        .filter(|name| used[*name as usize])
        .collect();
    let text = |name| store.names.get(name).as_bytes();
    let names = sorted_by_text(names.into_par_iter(), text, |_| ());
    let mut numbers = vec![UNUSED; used.len()];
    for (number, name) in names.iter().enumerate() {
        numbers[*name as usize] = number as u32;
    }
    (names, numbers)
}
