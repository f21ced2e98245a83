//! Keys under which names one edit apart meet: one character other, missing, added, or two
//! neighbours exchanged.
//!
//! In: a folded name, and a seed. Out: 64-bit keys. Two layouts. *Places*: one key for each place
//! of the name, of the text without that place, the place and the length; a pair with another
//! character at one place shares it, and the key tells all but that character. *Deletions*: the
//! text, and the text without each character; every pair one edit apart shares one of them, which
//! proves nothing yet. Long names have keys of both ends instead, because one edit leaves one end
//! as it is. Bounded work on any text.

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Characters of the longest name with a key for each of its places.
pub const EDIT_CHARS_MAX: usize = 64;
/// Characters of the shortest name with keys of its ends.
pub const ENDS_CHARS_MIN: usize = 60;
/// Characters of an end.
const END_CHARS: usize = 24;

const _: () = assert!(
    ENDS_CHARS_MIN < EDIT_CHARS_MAX && 2 * END_CHARS + 3 < ENDS_CHARS_MIN,
    "names one edit apart have one kind of keys in common, and one edit meets one end only"
);

/// Rules of these keys; goes up when they change.
pub const EDIT_KEYS_VERSION: u32 = 1;

const FRONT: u64 = 0x66_72_6f_6e_74;
const BACK: u64 = 0x6261_636b;
const BLOCK: u64 = 0x62_6c_6f_63_6b;

/// A text and where its characters lie.
#[derive(Debug, Clone)]
pub struct Characters<'a> {
    text: &'a str,
    /// Start of each character, and the end of the last.
    starts: SmallVec<[u16; 40]>,
}

impl<'a> Characters<'a> {
    /// `None` for a text of no or more than `EDIT_CHARS_MAX` characters.
    pub fn of(text: &'a str) -> Option<Self> {
        if text.is_empty() || text.len() > 4 * EDIT_CHARS_MAX {
            return None;
        }
        let mut starts: SmallVec<[u16; 40]> =
            text.char_indices().map(|(start, _)| start as u16).collect();
        if starts.len() > EDIT_CHARS_MAX {
            return None;
        }
        starts.push(text.len() as u16);
        Some(Self { text, starts })
    }

    /// The text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Characters.
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// The character at `place`.
    pub fn at(&self, place: usize) -> Option<char> {
        self.slice(place, place + 1).chars().next()
    }

    /// Whether `other` is this text without the character at `place`.
    pub fn is_without(&self, place: usize, other: &str) -> bool {
        let (front, back) = (self.slice(0, place), self.slice(place + 1, self.count()));
        joined_is([front, "", back], other)
    }

    /// Whether `other` is this text with the characters at `place` and behind it exchanged.
    pub fn is_swapped(&self, place: usize, other: &str) -> bool {
        let front = self.slice(0, place);
        let swapped = [
            self.slice(place + 1, place + 2),
            self.slice(place, place + 1),
        ];
        let Some(rest) = other.strip_prefix(front) else {
            return false;
        };
        joined_is(
            [swapped[0], swapped[1], self.slice(place + 2, self.count())],
            rest,
        )
    }

    fn slice(&self, first: usize, last: usize) -> &'a str {
        let place = |place: usize| {
            self.starts
                .get(place)
                .map_or(self.text.len(), |s| (*s).into())
        };
        self.text.get(place(first)..place(last)).unwrap_or("")
    }
}

fn joined_is(parts: [&str; 3], other: &str) -> bool {
    let rest = parts
        .iter()
        .try_fold(other, |rest, part| rest.strip_prefix(part));
    rest == Some("")
}

/// Key of a whole text, and of a text with a part left out.
pub fn text_key(seed: u64, text: &str) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), seed)
}

/// Key of a block key.
pub fn block_key(seed: u64, key: u64) -> u64 {
    xxh3_64_with_seed(&key.to_le_bytes(), seed ^ BLOCK)
}

/// Calls `visit` with each place, the character there and the key of the name but for it: names
/// with another character at that place alone have the same key.
pub fn place_keys(seed: u64, name: &Characters<'_>, mut visit: impl FnMut(u8, char, u64)) {
    let mut buffer = Buffer::new();
    let count = name.count();
    for place in 0..count {
        let parts = [name.slice(0, place), name.slice(place + 1, count)];
        let character = name.at(place).unwrap_or('\0');
        let key = buffer.tagged(seed, parts, place, count);
        visit(place as u8, character, key);
    }
}

/// Calls `visit` with each place and the place key of all names that have one character more there.
pub fn added_keys(seed: u64, name: &Characters<'_>, mut visit: impl FnMut(u8, u64)) {
    let mut buffer = Buffer::new();
    let count = name.count();
    for place in 0..=count {
        visit(
            place as u8,
            buffer.tagged(seed, [name.text, ""], place, count + 1),
        );
    }
}

/// Calls `visit` with each place and the text key of the name without it; of places that leave the
/// same text only the first.
pub fn missing_keys(seed: u64, name: &Characters<'_>, mut visit: impl FnMut(u8, u64)) {
    let mut buffer = Buffer::new();
    let count = name.count();
    for place in 0..count {
        if place > 0 && name.at(place) == name.at(place - 1) {
            continue;
        }
        let parts = [name.slice(0, place), name.slice(place + 1, count), ""];
        visit(place as u8, xxh3_64_with_seed(buffer.join(parts), seed));
    }
}

/// Calls `visit` with each place and the text key of the name with that character and the next
/// exchanged, where they differ.
pub fn swapped_keys(seed: u64, name: &Characters<'_>, mut visit: impl FnMut(u8, u64)) {
    let mut buffer = Buffer::new();
    let count = name.count();
    for place in 1..count {
        if name.at(place) == name.at(place - 1) {
            continue;
        }
        buffer.join([
            name.slice(0, place - 1),
            name.slice(place, place + 1),
            name.slice(place - 1, place),
        ]);
        let swapped = buffer.push(name.slice(place + 1, count));
        visit(place as u8 - 1, xxh3_64_with_seed(swapped, seed));
    }
}

/// Calls `visit` with the keys of the front and the back of a long text; nothing for a short one.
pub fn end_keys(seed: u64, text: &str, mut visit: impl FnMut(u64)) {
    if text.len() < ENDS_CHARS_MIN || text.chars().take(ENDS_CHARS_MIN).count() < ENDS_CHARS_MIN {
        return;
    }
    let front = text.char_indices().nth(END_CHARS).map(|(end, _)| end);
    let back = text
        .char_indices()
        .nth_back(END_CHARS - 1)
        .map(|(start, _)| start);
    let front = front.and_then(|end| text.get(..end)).unwrap_or("");
    let back = back.and_then(|start| text.get(start..)).unwrap_or("");
    visit(text_key(seed ^ FRONT, front));
    visit(text_key(seed ^ BACK, back));
}

/// Whether two texts that differ are one edit apart.
pub fn one_edit_apart(a: &str, b: &str) -> bool {
    let (a, b) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let (a, b) = without_equal_ends(a, b);
    let (mut a, mut b) = (a.chars(), b.chars());
    match (
        [a.next(), a.next(), a.next()],
        [b.next(), b.next(), b.next()],
    ) {
        ([None, ..], [Some(_), None, _]) => true,
        ([Some(_), None, _], [None, ..]) => true,
        ([Some(_), None, _], [Some(_), None, _]) => true,
        ([Some(a), Some(b), None], [Some(c), Some(d), None]) => a == d && b == c,
        _ => false,
    }
}

/// What is left of both without the characters with which both begin, then end.
fn without_equal_ends<'a>(a: &'a str, b: &'a str) -> (&'a str, &'a str) {
    let pairs = a.chars().zip(b.chars());
    let front: usize = pairs
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    let (a, b) = (a.get(front..).unwrap_or(""), b.get(front..).unwrap_or(""));
    let pairs = a.chars().rev().zip(b.chars().rev());
    let back: usize = pairs
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    (
        a.get(..a.len() - back).unwrap_or(""),
        b.get(..b.len() - back).unwrap_or(""),
    )
}

/// Texts put together without allocation.
struct Buffer {
    bytes: [u8; BUFFER_BYTES],
    filled: usize,
}

/// The longest text with places, and a tag.
const BUFFER_BYTES: usize = 4 * EDIT_CHARS_MAX + 8;

impl Buffer {
    fn new() -> Self {
        Self {
            bytes: [0; BUFFER_BYTES],
            filled: 0,
        }
    }

    fn join(&mut self, parts: [&str; 3]) -> &[u8] {
        self.filled = 0;
        parts.iter().for_each(|part| self.add(part.as_bytes()));
        &self.bytes[..self.filled]
    }

    fn push(&mut self, part: &str) -> &[u8] {
        self.add(part.as_bytes());
        &self.bytes[..self.filled]
    }

    fn tagged(&mut self, seed: u64, parts: [&str; 2], place: usize, count: usize) -> u64 {
        self.join([parts[0], parts[1], ""]);
        self.add(&[place as u8, count as u8]);
        xxh3_64_with_seed(&self.bytes[..self.filled], seed)
    }

    fn add(&mut self, part: &[u8]) {
        let end = self.filled + part.len();
        self.bytes[self.filled..end].copy_from_slice(part);
        self.filled = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const SEED: u64 = 7;

    /// Names of few characters, so that edits repeat and meet.
    fn name() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!['a', 'é', '王', '𠮷']), 1..7)
            .prop_map(String::from_iter)
    }

    /// All texts one edit from `text`, by the definition.
    fn edited(text: &str) -> BTreeSet<String> {
        let chars: Vec<char> = text.chars().collect();
        let mut all = BTreeSet::new();
        for place in 0..=chars.len() {
            for c in ['a', 'é', '王', '𠮷'] {
                let mut added = chars.clone();
                added.insert(place, c);
                all.insert(String::from_iter(added));
                if place < chars.len() {
                    let mut other = chars.clone();
                    other[place] = c;
                    all.insert(String::from_iter(other));
                }
            }
            if place < chars.len() {
                let mut missing = chars.clone();
                missing.remove(place);
                all.insert(String::from_iter(missing));
            }
            if place + 1 < chars.len() {
                let mut swapped = chars.clone();
                swapped.swap(place, place + 1);
                all.insert(String::from_iter(swapped));
            }
        }
        all.remove(text);
        all
    }

    fn deletions(text: &str) -> BTreeSet<u64> {
        let mut keys = BTreeSet::from([text_key(SEED, text)]);
        if let Some(name) = Characters::of(text) {
            missing_keys(SEED, &name, |_, key| {
                keys.insert(key);
            });
        }
        keys
    }

    /// Whether the keys of `asked` lead to `listed` in the layout of places.
    fn meet_by_places(asked: &str, listed: &str) -> bool {
        let (Some(name), Some(other)) = (Characters::of(asked), Characters::of(listed)) else {
            return false;
        };
        let mut stored = BTreeSet::new();
        place_keys(SEED, &other, |_, _, key| {
            stored.insert(key);
        });
        let whole = text_key(SEED, listed);
        let mut met = false;
        place_keys(SEED, &name, |_, _, key| met |= stored.contains(&key));
        added_keys(SEED, &name, |_, key| met |= stored.contains(&key));
        missing_keys(SEED, &name, |place, key| {
            met |= key == whole && name.is_without(place.into(), listed);
        });
        swapped_keys(SEED, &name, |place, key| {
            met |= key == whole && name.is_swapped(place.into(), listed);
        });
        met
    }

    proptest! {
        #[test]
        fn names_one_edit_apart_meet_in_both_layouts(asked in name(), listed in name()) {
            let apart = edited(&asked).contains(&listed);
            prop_assert_eq!(one_edit_apart(&asked, &listed), apart);
            if asked != listed {
                prop_assert_eq!(meet_by_places(&asked, &listed), apart);
            }
            let met = !deletions(&asked).is_disjoint(&deletions(&listed));
            prop_assert!(met || !apart);
        }

        #[test]
        fn every_edit_of_a_name_is_met(asked in name()) {
            for listed in edited(&asked).iter().filter(|listed| !listed.is_empty()) {
                prop_assert!(meet_by_places(&asked, listed), "{listed}");
                prop_assert!(one_edit_apart(listed, &asked), "{listed}");
                prop_assert!(!deletions(&asked).is_disjoint(&deletions(listed)), "{listed}");
            }
        }

        #[test]
        fn long_names_one_edit_apart_have_keys_in_common(
            chars in prop::collection::vec(prop::char::any(), 58..70),
            place in 0usize..70,
            c: char,
        ) {
            let asked = String::from_iter(&chars);
            let place = place % (chars.len() - 1);
            let mut other = chars.clone();
            other[place] = c;
            let mut added = chars.clone();
            added.insert(place, c);
            let mut swapped = chars;
            swapped.swap(place, place + 1);
            for listed in [other, added, swapped] {
                let listed = String::from_iter(listed);
                prop_assert!(!all_keys(&asked).is_disjoint(&all_keys(&listed)), "{listed}");
            }
        }
    }

    /// Keys of a name of any length.
    fn all_keys(text: &str) -> BTreeSet<u64> {
        let mut keys = Characters::of(text).map_or_else(BTreeSet::new, |_| deletions(text));
        end_keys(SEED, text, |key| {
            keys.insert(key);
        });
        keys
    }

    #[test]
    fn names_without_characters_or_beyond_the_bound_have_no_places() {
        assert!(Characters::of("").is_none());
        let longest = "王".repeat(EDIT_CHARS_MAX);
        assert_eq!(
            Characters::of(&longest).map(|c| c.count()),
            Some(EDIT_CHARS_MAX)
        );
        assert!(Characters::of(&format!("{longest}王")).is_none());
        let mut keys = 0;
        end_keys(SEED, &"a".repeat(ENDS_CHARS_MIN - 1), |_| keys += 1);
        end_keys(SEED, &"王".repeat(1_000_000), |_| keys += 1);
        assert_eq!(keys, 2);
    }

    #[test]
    fn a_key_tells_place_and_length_apart() {
        let mut keys = BTreeSet::new();
        let name = Characters::of("王王王").unwrap();
        place_keys(SEED, &name, |_, _, key| {
            keys.insert(key);
        });
        let shorter = Characters::of("王王").unwrap();
        place_keys(SEED, &shorter, |_, _, key| {
            keys.insert(key);
        });
        assert_eq!(keys.len(), 5);
    }
}
