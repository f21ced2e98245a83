//! Hash tables whose unit is a cache line: 64 bytes, eight slots of 32 tag bits and a 32-bit value.
//!
//! In: 64 well-mixed bits a key. The upper 32 choose the line, the lower 32 are the tag; a line
//! with a free slot ends the probe, else it goes on with the next line. Out: values whose tag is
//! equal; the caller verifies each against what the value stands for. One cache miss, rarely two.

// HOT: one probe a number of a request and one a name.

use crate::snapshot::rows::{LINE_SLOTS, Line};

/// Lines a probe may read; a table that needs more is built larger.
pub const PROBE_LINES_MAX: usize = 32;

/// Slots of eight that are filled on average.
const FILLED_SLOTS: usize = 6;

/// By which part a table grows when a probe would read too many lines: of ten million keys, some
/// salts ask for one such step.
const GROWTH_PARTS: usize = 32;

const _: () = assert!(
    FILLED_SLOTS < LINE_SLOTS,
    "a line with a free slot ends a probe"
);

/// First value with this key for which `is_it` holds.
pub fn find(lines: &[Line], key: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
    let tag = key as u32;
    let mut place = first_line(lines.len(), key);
    for _ in 0..lines.len().min(PROBE_LINES_MAX) {
        let line = lines.get(place)?;
        let mut free = false;
        for (slot_tag, value) in line.tags.iter().zip(&line.values) {
            match value.get().checked_sub(1) {
                Some(value) if slot_tag.get() == tag && is_it(value) => return Some(value),
                Some(_) => {}
                None => free = true,
            }
        }
        if free {
            return None;
        }
        place = if place + 1 == lines.len() {
            0
        } else {
            place + 1
        };
    }
    None
}

/// Reads one tag of the line where a probe for `key` begins. Reading these for all keys first lets
/// the processor fetch their lines at the same time.
pub fn touch(lines: &[Line], key: u64) -> u32 {
    let line = lines.get(first_line(lines.len(), key));
    line.map_or(0, |line| line.tags[0].get())
}

/// The table of `keys`: the value of a key is its place, below `u32::MAX`.
///
/// `None` where too many keys are alike for any table of up to a line a key.
pub fn build(keys: &[u64]) -> Option<Vec<Line>> {
    build_with(keys, |place| place)
}

/// The same with another value, below `u32::MAX`, for each key by its place.
pub fn build_with(keys: &[u64], value_of: impl Fn(u32) -> u32) -> Option<Vec<Line>> {
    let mut lines = keys.len() / FILLED_SLOTS + 1;
    while lines <= keys.len() + 1 {
        if let Some(table) = try_build(keys, &value_of, lines) {
            return Some(table);
        }
        lines += lines / GROWTH_PARTS + 1;
    }
    None
}

fn try_build(keys: &[u64], value_of: impl Fn(u32) -> u32, count: usize) -> Option<Vec<Line>> {
    let mut lines = vec![Line::FREE; count];
    for (key_place, key) in (0..).zip(keys) {
        let mut place = first_line(count, *key);
        let mut probes = 0;
        let slot = loop {
            let free = lines[place]
                .values
                .iter()
                .position(|value| value.get() == 0);
            match free {
                Some(slot) => break slot,
                None => place = if place + 1 == count { 0 } else { place + 1 },
            }
            probes += 1;
            if probes == PROBE_LINES_MAX.min(count) {
                return None;
            }
        };
        lines[place].tags[slot].set(*key as u32);
        lines[place].values[slot].set(value_of(key_place) + 1);
    }
    Some(lines)
}

fn first_line(count: usize, key: u64) -> usize {
    (((key >> 32) * count as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn every_key_is_found_and_no_other(
            keys in prop::collection::hash_set(any::<u64>(), 0..600),
            strangers in prop::collection::vec(any::<u64>(), 100),
        ) {
            let keys: Vec<u64> = keys.into_iter().collect();
            let model: HashMap<u64, u32> = keys.iter().copied().zip(0..).collect();
            let lines = build(&keys).unwrap();
            for key in keys.iter().chain(&strangers) {
                let is_it = |value: u32| keys[value as usize] == *key;
                prop_assert_eq!(find(&lines, *key, is_it), model.get(key).copied());
            }
        }

        #[test]
        fn keys_of_one_line_and_one_tag_are_told_apart(count in 1usize..200) {
            // All of them begin at the first line; tags repeat.
            let keys: Vec<u64> = (0..count as u64).map(|key| key % 3).collect();
            let lines = build(&keys).unwrap();
            for (place, key) in keys.iter().enumerate() {
                let found = find(&lines, *key, |value| value as usize == place);
                prop_assert_eq!(found, Some(place as u32));
            }
        }
    }

    #[test]
    fn too_many_equal_keys_have_no_table() {
        let limit = PROBE_LINES_MAX * LINE_SLOTS;
        assert!(build(&vec![7; limit]).is_some());
        assert!(build(&vec![7; limit + 1]).is_none());
    }

    #[test]
    fn a_table_without_lines_or_free_slots_ends() {
        let full = Line {
            values: [1.into(); LINE_SLOTS],
            ..Line::FREE
        };
        assert_eq!(find(&[], 7, |_| true), None);
        assert_eq!(find(&[full; 100], 7, |_| false), None);
    }
}
