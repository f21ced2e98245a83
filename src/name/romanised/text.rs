//! The letters of a name in Latin script, cleaned and cut where its writer cut it.
//!
//! In: a name as written: `ZHANG/WEI MR`, `Zhāng, Wěi`, `lü4 ying2`, `李caixiao`. Out: the Han
//! characters before the letters, and the letters as parts, in lower case, `ü` as `v`, without
//! titles and tones. Never: any knowledge of syllables. Bounded: longer texts are refused.

use super::super::variants::VariantTable;
use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization;

/// Letters of a name that are looked at, at most.
const LETTERS_MAX: usize = 120;
/// Parts of a name, at most.
const PARTS_MAX: usize = 12;
/// Bytes of a text beyond which it is no name.
const BYTES_MAX: usize = 600;

/// The sign in a part where a syllable must end.
pub const BREAK: char = '-';
/// The sign in a part that may be an aspiration, else ends a syllable.
pub const APOSTROPHE: char = '\'';

/// Forms of address, longest first where one ends in another.
const TITLES: &[&str] = &[
    "mstr", "miss", "mrs", "mdm", "chd", "inf", "mr", "ms", "dr", "prof", "adt", "phd",
];
/// Titles glued to the beginning, longest first where one begins like another.
const GLUED: &[&str] = &["mstr", "mrs", "mr", "ms", "mdm", "miss", "dr"];
/// What stands for a part that is missing.
const MISSING: &[&str] = &["fnu", "lnu", "nmn"];

/// A cleaned name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Han characters before the letters, each in its one form.
    pub han: SmallVec<[char; 8]>,
    /// Letters, with `BREAK` and `APOSTROPHE`; never empty.
    pub parts: SmallVec<[String; 4]>,
    /// How many parts stand before a slash or comma, which only follows a surname; 0 without.
    pub before_slash: usize,
    /// Whether an apostrophe follows an initial: its writer marks aspiration.
    pub is_marked: bool,
    /// Whether the text was folded, which joins what its writer set apart.
    pub is_folded: bool,
}

impl Parts {
    /// Cleans a text; `None` where it is not made of letters, or of Han characters and then
    /// letters.
    pub fn read(raw: &str) -> Option<Self> {
        if raw.len() > BYTES_MAX {
            return None;
        }
        let mut reader = Reader::default();
        // An acute accent alone would decompose into a blank and a mark.
        let apostrophes = raw.chars().map(|c| if c == '\u{b4}' { '\'' } else { c });
        for c in apostrophes.nfkd() {
            reader.take(c)?;
        }
        reader.end_part();
        let mut parts = reader.parts;
        parts.drop_titles();
        let letters: usize = parts.parts.iter().map(String::len).sum();
        if parts.parts.is_empty() || letters > LETTERS_MAX || parts.parts.len() > PARTS_MAX {
            return None;
        }
        parts.is_marked = parts.parts.iter().any(|part| has_aspiration(part));
        Some(parts)
    }

    /// Cleans a folded text, in which titles stand before the name without a blank.
    pub fn read_folded(folded: &str) -> Option<Self> {
        let mut parts = Self::read(folded)?;
        parts.is_folded = true;
        // No syllable of any system begins like these.
        if let Some(first) = parts.parts.first_mut()
            && let Some(name) = GLUED.iter().find_map(|title| first.strip_prefix(title))
            && !name.is_empty()
        {
            *first = name.to_owned();
        }
        Some(parts)
    }

    fn drop_titles(&mut self) {
        let is_title = |part: &str| TITLES.contains(&part);
        while self.parts.last().is_some_and(|part| is_title(part)) {
            self.parts.pop();
        }
        while self.parts.first().is_some_and(|part| is_title(part)) {
            self.remove(0);
        }
        while let Some(place) = self
            .parts
            .iter()
            .position(|p| MISSING.contains(&p.as_str()))
        {
            self.remove(place);
        }
        // No syllable of any system ends like a title, so one that is glued on can only be one.
        if let Some(last) = self.parts.last_mut()
            && let Some(name) = TITLES.iter().find_map(|title| last.strip_suffix(title))
            && !name.is_empty()
        {
            *last = name.trim_end_matches([BREAK, APOSTROPHE]).to_owned();
        }
        if self.before_slash >= self.parts.len() {
            self.before_slash = 0;
        }
    }

    fn remove(&mut self, place: usize) {
        self.parts.remove(place);
        if place < self.before_slash {
            self.before_slash -= 1;
        }
    }
}

/// Reads one character after the other.
#[derive(Default)]
struct Reader {
    parts: Parts,
    part: String,
}

impl Reader {
    /// Takes the next character of a decomposed text; `None` at one that no such name has.
    fn take(&mut self, c: char) -> Option<()> {
        match c {
            'a'..='z' => self.part.push(c),
            'A'..='Z' => self.part.push(c.to_ascii_lowercase()),
            // Letters of phonetic script that stand in pinyin of some fonts.
            '\u{251}' => self.part.push('a'),
            '\u{261}' => self.part.push('g'),
            '\u{308}' if self.part.ends_with('u') => {
                self.part.pop();
                self.part.push('v');
            }
            ':' if self.part.ends_with('u') => {
                self.part.pop();
                self.part.push('v');
            }
            '\u{300}'..='\u{36f}' if !self.part.is_empty() => {}
            '1'..='6' if self.part.ends_with(|c: char| c.is_ascii_lowercase()) => {
                self.part.push(BREAK);
            }
            '\'' | '\u{2018}' | '\u{2019}' | '\u{2bb}' | '\u{2bc}' | '\u{2bd}' | '`'
            | '\u{2032}' => self.sign(APOSTROPHE),
            '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' => self.sign(BREAK),
            '/' | ',' | '\u{3001}' | '\u{2044}' | '\u{2215}' => {
                self.end_part();
                if self.parts.before_slash == 0 {
                    self.parts.before_slash = self.parts.parts.len();
                }
            }
            _ if is_between_parts(c) => self.end_part(),
            _ if is_han(c) && self.part.is_empty() && self.parts.parts.is_empty() => {
                self.parts.han.push(VariantTable::get().one_form(c));
            }
            _ => return None,
        }
        Some(())
    }

    /// A sign inside a part; before its first letter it says nothing.
    fn sign(&mut self, sign: char) {
        if self.part.ends_with(|c: char| c.is_ascii_lowercase()) {
            self.part.push(sign);
        }
    }

    fn end_part(&mut self) {
        let length = self.part.trim_end_matches([BREAK, APOSTROPHE]).len();
        self.part.truncate(length);
        if !self.part.is_empty() {
            self.parts.parts.push(std::mem::take(&mut self.part));
        }
    }
}

fn is_between_parts(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '.' | '_'
                | '('
                | ')'
                | '['
                | ']'
                | '\u{b7}'
                | '\u{2022}'
                | '\u{2027}'
                | '\u{30fb}'
                | '\u{200b}'
                | '\u{feff}'
        )
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3007}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// Whether an apostrophe follows p, t, k, ch or ts, in which no syllable of pinyin ends.
fn has_aspiration(part: &str) -> bool {
    part.match_indices(APOSTROPHE).any(|(place, _)| {
        let before = &part[..place];
        ["p", "t", "k", "ch", "ts", "tz"]
            .iter()
            .any(|initial| before.ends_with(initial))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Han characters and a bar, then parts between blanks, a slash where a surname ends.
    #[track_caller]
    fn reads(raw: &str, expected: &str) {
        let text = Parts::read(raw).map_or_else(String::new, |parts| {
            let mut text: String = parts.han.iter().collect();
            if !text.is_empty() {
                text.push('|');
            }
            for (place, part) in parts.parts.iter().enumerate() {
                if place > 0 {
                    let slash = place == parts.before_slash;
                    text.push(if slash { '/' } else { ' ' });
                }
                text.push_str(part);
            }
            text
        });
        assert_eq!(text, expected, "{raw}");
    }

    #[test]
    fn layouts_are_cut_where_the_writer_cut_them() {
        reads("ZHANG WEI", "zhang wei");
        reads("ZHANG/WEI", "zhang/wei");
        reads("Zhang, Li-Ling", "zhang/li-ling");
        reads("ＺＨＡＮＧ　ＷＥＩ", "zhang wei");
        reads("Xi'an Li", "xi'an li");
        reads("Ch’ên, Hai–ch‘un", "ch'en/hai-ch'un");
        reads("AYIGULI·KUERBAN", "ayiguli kuerban");
    }

    #[test]
    fn titles_and_missing_parts_are_left_out() {
        reads("ZHANG/WEI MR", "zhang/wei");
        reads("ZHANG/WEIMR", "zhang/wei");
        reads("LI/NAMISS", "li/na");
        reads("LI/NA MSTR CHD", "li/na");
        reads("Dr. Wei Zhang", "wei zhang");
        reads("FNU/AYIGULI", "ayiguli");
        reads("AYIGULI/FNU MS", "ayiguli");
        reads("MR", "");
    }

    #[test]
    fn tones_end_a_syllable_or_vanish() {
        reads("Zhāng Wěi", "zhang wei");
        reads("zhang1wei3", "zhang-wei");
        reads("lǚ yǐng", "lv ying");
        reads("Lü Ying", "lv ying");
        reads("Lu\u{308}", "lv");
    }

    #[test]
    fn han_characters_stand_before_the_letters_only() {
        reads("李caixiao", "李|caixiao");
        reads("歐陽/NANA", "欧阳|nana");
        reads("zhang伟", "");
        reads("张伟", "");
        reads("张伟 MR", "");
        reads("7 zhang", "");
        reads("", "");
        reads(&"a".repeat(121), "");
        reads(&"a ".repeat(13), "");
    }

    #[test]
    fn an_apostrophe_behind_an_initial_marks_aspiration() {
        for (raw, expected) in [
            ("P'an", true),
            ("Hai-ch'un", true),
            ("Wants'ai", true),
            ("Xi'an", false),
            ("Chang'e", false),
        ] {
            let parts = Parts::read(raw).unwrap();
            assert_eq!(parts.is_marked, expected, "{raw}");
        }
    }
}
