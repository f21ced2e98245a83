//! A long text in folded form that remembers where each of its characters stood.
//!
//! In: a text as sent. Out: the characters of `fold::fold` of it, and for each the places, counted
//! in characters, that it came from. Blanks and dots are left out, so that a name which is broken
//! by a line feed is one; a character that folds to several, and several that fold to one, stand
//! for the whole of what was written. Pure.
//!
//! HOT: every character of a scanned text passes here. The text is cut into parts whose folds are
//! the parts of its fold: before each character that cannot compose with one before it. Han, ASCII
//! and full-width forms are such parts by themselves and take two array reads.

use super::fold::{fold_composed, is_dropped, simple_form};
use super::variants::VariantTable;
use std::ops::Range;
use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_normalization::{IsNormalized, is_nfc_quick};

/// First code point of the scripts that are written without blanks between words.
const HAN_FROM: char = '\u{2e80}';

/// A folded text with the places of its characters.
#[derive(Debug, Default)]
pub struct Passage {
    chars: Vec<char>,
    /// Where the part of each character begins in the text, in characters.
    starts: Vec<u32>,
    /// Characters whose part is longer than one: place in `chars`, and the end of the part.
    wide: Vec<(u32, u32)>,
}

/// A part of the text whose fold may still grow.
#[derive(Clone, Copy)]
struct Part {
    /// Bytes of the text from its beginning on.
    bytes_left: usize,
    /// Where it begins, in characters.
    place: u32,
    /// Folded characters before it.
    folded: usize,
}

impl Passage {
    /// Folds a text of less than 4 GiB.
    pub fn new(text: &str) -> Self {
        let mut passage = Self::default();
        passage.fold(text);
        passage
    }

    /// Folds another text into the same memory.
    pub fn fold(&mut self, text: &str) {
        self.chars.clear();
        self.starts.clear();
        self.wide.clear();
        self.chars.reserve(text.len() / 3);
        self.starts.reserve(text.len() / 3);
        let variants = VariantTable::get();
        let mut rest = text.chars();
        let mut place = 0;
        let mut part = Part {
            bytes_left: text.len(),
            place: 0,
            folded: 0,
        };
        loop {
            let bytes_left = rest.as_str().len();
            let Some(c) = rest.next() else { return };
            let here = Part {
                bytes_left,
                place,
                folded: self.chars.len(),
            };
            place += 1;
            if let Some(form) = simple_form(variants, c).or_else(|| inert(c)) {
                part = here;
                self.chars.push(form);
                self.starts.push(here.place);
            } else if !is_dropped(c) {
                if begins_part(c) {
                    part = here;
                }
                // Behind the last character of the part that is not left out.
                let mut end = (rest.as_str().len(), place);
                loop {
                    let mut ahead = rest.clone();
                    let Some(next) = ahead.next() else { break };
                    if !is_dropped(next) {
                        if is_part(variants, next) {
                            break;
                        }
                        end = (ahead.as_str().len(), place + 1);
                    }
                    rest = ahead;
                    place += 1;
                }
                let bytes = text.len() - part.bytes_left..text.len() - end.0;
                self.fold_part(part, text.get(bytes).unwrap_or(""), end.1);
            }
        }
    }

    /// The folded characters.
    pub fn chars(&self) -> &[char] {
        &self.chars
    }

    /// Where these folded characters stand in the text, in characters.
    pub fn places(&self, folded: Range<usize>) -> Range<u32> {
        let start = self.starts.get(folded.start).copied().unwrap_or(0);
        let last = folded.end.checked_sub(1);
        start..last.map_or(start, |last| self.end_of(last)).max(start)
    }

    /// Whether a word of an alphabet, or a number, goes on from the folded character before
    /// `place` to the one at it: then no name begins or ends there.
    pub fn is_inside_word(&self, place: usize) -> bool {
        let Some(before) = place.checked_sub(1) else {
            return false;
        };
        let is_word = |place: usize| {
            let c = self.chars.get(place).copied();
            c.is_some_and(|c| c < HAN_FROM && c.is_alphanumeric())
        };
        let touches = || {
            let start = self.starts.get(place).copied();
            start.is_some_and(|start| start <= self.end_of(before))
        };
        is_word(before) && is_word(place) && touches()
    }

    /// End in the text of the part of one folded character.
    fn end_of(&self, folded: usize) -> u32 {
        let wide = self
            .wide
            .binary_search_by_key(&(folded as u32), |(place, _)| *place);
        match wide {
            Ok(found) => self.wide[found].1,
            Err(_) => self.starts.get(folded).map_or(0, |start| start + 1),
        }
    }

    /// Puts the fold of a whole part in the place of what is there of it.
    fn fold_part(&mut self, part: Part, text: &str, end: u32) {
        self.chars.truncate(part.folded);
        self.starts.truncate(part.folded);
        for c in fold_composed(text).chars() {
            if end - part.place != 1 {
                self.wide.push((self.chars.len() as u32, end));
            }
            self.chars.push(c);
            self.starts.push(part.place);
        }
    }
}

/// Whether a character surely begins a part.
fn is_part(variants: VariantTable, c: char) -> bool {
    simple_form(variants, c).or_else(|| inert(c)).is_some() || begins_part(c)
}

/// Marks of Chinese text that fold to themselves and compose with nothing before them.
#[inline]
fn inert(c: char) -> Option<char> {
    let is_inert = matches!(
        c,
        '、' | '。' | '〇' | '\u{3008}'..='\u{3011}' | '“' | '”' | '‘' | '’' | '—' | '×'
    );
    is_inert.then_some(c)
}

/// Whether no character before `c` can compose with it or be moved behind it.
fn begins_part(c: char) -> bool {
    let mut first = None;
    decompose_compatible(c, |d| {
        first.get_or_insert(d);
    });
    first.is_some_and(|d| {
        canonical_combining_class(d) == 0
            && !is_dropped(d)
            && is_nfc_quick(std::iter::once(d)) == IsNormalized::Yes
    })
}

#[cfg(test)]
mod tests {
    use super::super::fold::fold;
    use super::*;
    use proptest::prelude::*;

    /// The text of the characters from which those at `folded` came.
    fn source(text: &str, passage: &Passage, folded: Range<usize>) -> String {
        let places = passage.places(folded);
        let count = (places.end - places.start) as usize;
        text.chars()
            .skip(places.start as usize)
            .take(count)
            .collect()
    }

    #[track_caller]
    fn stands(text: &str, name: &str, expected: &str) {
        let passage = Passage::new(text);
        let name: Vec<char> = name.chars().collect();
        let mut windows = passage.chars().windows(name.len());
        let first = windows.position(|window| window == name).expect("found");
        assert_eq!(source(text, &passage, first..first + name.len()), expected);
    }

    #[test]
    fn a_name_is_found_where_it_was_written() {
        stands("见福州红光酒业。", "福州红光", "福州红光");
        stands("见 福 州\n红光 酒业", "福州红光", "福 州\n红光");
        stands("見臺灣紅光", "台湾红光", "臺灣紅光");
        stands("（ＡＢＣ）公司", "abc)公司", "ＡＢＣ）公司");
        stands("致：㈱三和", "株)三和", "㈱三和");
        stands(
            "Zu\u{200b}\u{308}rich公司",
            "zürich公司",
            "Zu\u{200b}\u{308}rich公司",
        );
        stands("か\u{3099}公司 ", "が公司", "か\u{3099}公司");
    }

    #[test]
    fn a_word_goes_on_only_where_nothing_parts_it() {
        let passage = Passage::new("aTCL集团 TCL\nX");
        let inside: Vec<bool> = (0..=passage.chars().len())
            .map(|place| passage.is_inside_word(place))
            .collect();
        let expected = [0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0].map(|inside| inside == 1);
        assert_eq!(inside, expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn it_folds_as_names_are_folded(text in any::<String>()) {
            folds_alike(&text)?;
        }

        #[test]
        fn mixed_scripts_fold_as_names_do(
            text in concat!(
                "([張伟ÄäİßŒ가-힣か-ゟᄀ-ᇿ]|[\u{300}-\u{36f}]|[\u{2f00}-\u{2fd5}]|[a-cA-C　-〿，。“”…]",
                "|[\u{f900}-\u{fad9}]|[·˙¨\u{200b}\u{fe0f} ]|[\u{2100}-\u{33ff}]|[㈱㎏]){0,24}"
            )
        ) {
            folds_alike(&text)?;
        }
    }

    fn folds_alike(text: &str) -> Result<(), TestCaseError> {
        let passage = Passage::new(text);
        let folded: String = passage.chars().iter().collect();
        prop_assert_eq!(folded, fold(text), "{}", text.escape_unicode());
        let count = text.chars().count() as u32;
        let mut before = 0;
        for place in 0..passage.chars().len() {
            let places = passage.places(place..place + 1);
            prop_assert!(before <= places.start && places.start < places.end);
            prop_assert!(places.end <= count);
            before = places.start;
        }
        Ok(())
    }
}
