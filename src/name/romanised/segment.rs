//! Letters cut into syllables of one system, in every way that uses up all letters.
//!
//! In: the parts of a name and the spellings of a system. Out: sequences of spellings, the longest
//! syllables first. Never: a letter left over. Bounded: at most so many sequences as asked for, and
//! work in proportion to them, because places from which the end cannot be reached are left out.

use super::spelling::{Spelling, Spellings, System};
use super::text::{APOSTROPHE, BREAK};
use smallvec::SmallVec;

/// Spellings of the syllables of a name, in the order of the text.
pub type Slots = SmallVec<[&'static Spelling; 4]>;

/// A name cut into syllables.
#[derive(Debug, Clone, Default)]
pub struct Sequence {
    /// Its syllables.
    pub slots: Slots,
    /// For each part, how many syllables end with it, those before included.
    pub bounds: SmallVec<[usize; 4]>,
    /// Whether the last syllable is a beginning only.
    pub is_cut: bool,
}

/// Ways to cut a name, at most `sequences_max`.
pub fn sequences(parts: &[String], system: System, sequences_max: usize) -> Vec<Sequence> {
    let spellings = system.spellings();
    let mut all = vec![Sequence::default()];
    for part in parts {
        let cuts = segment(part, spellings, system.syllables_max(), sequences_max);
        all = combine(&all, &cuts, system.syllables_max(), sequences_max);
        if all.is_empty() {
            break;
        }
    }
    all
}

/// Ways to cut a name whose last syllable lost letters at its end, at most `sequences_max`.
pub fn cut_sequences(parts: &[String], system: System, sequences_max: usize) -> Vec<Sequence> {
    let Some((last, before)) = parts.split_last() else {
        return Vec::new();
    };
    let spellings = system.spellings();
    let mut found = Vec::new();
    for rest in 1..=spellings.letters_max.min(last.len()) {
        let Some((begin, rest)) = last.split_at_checked(last.len() - rest) else {
            continue;
        };
        let Some(beginning) = spellings.beginning(rest) else {
            continue;
        };
        let mut parts: Vec<String> = before.to_vec();
        if !begin.is_empty() {
            parts.push(begin.to_owned());
        }
        for mut sequence in sequences(&parts, system, sequences_max - found.len()) {
            sequence.slots.push(beginning);
            if begin.is_empty() {
                sequence.bounds.push(sequence.slots.len());
            } else if let Some(bound) = sequence.bounds.last_mut() {
                *bound += 1;
            }
            sequence.is_cut = true;
            found.push(sequence);
        }
        if found.len() >= sequences_max {
            break;
        }
    }
    found
}

/// Each sequence with each cut of the next part behind it.
fn combine(
    sequences: &[Sequence],
    cuts: &[Slots],
    syllables_max: usize,
    sequences_max: usize,
) -> Vec<Sequence> {
    let mut combined = Vec::new();
    for sequence in sequences {
        for cut in cuts {
            if combined.len() == sequences_max {
                return combined;
            }
            if sequence.slots.len() + cut.len() <= syllables_max {
                let mut longer = sequence.clone();
                longer.slots.extend(cut.iter().copied());
                longer.bounds.push(longer.slots.len());
                combined.push(longer);
            }
        }
    }
    combined
}

/// The ways to cut one part.
fn segment(
    part: &str,
    spellings: &'static Spellings,
    syllables_max: usize,
    cuts_max: usize,
) -> Vec<Slots> {
    let mut search = Search {
        part,
        spellings,
        least: vec![usize::MAX; part.len() + 1],
        cuts_max,
        cuts: Vec::new(),
    };
    search.measure();
    search.go(0, &mut Slots::new(), syllables_max);
    search.cuts
}

struct Search<'a> {
    part: &'a str,
    spellings: &'static Spellings,
    /// Fewest syllables from each place to the end; `usize::MAX` where it cannot be reached.
    least: Vec<usize>,
    cuts_max: usize,
    cuts: Vec<Slots>,
}

impl Search<'_> {
    /// Syllables that begin at `place`, the longest first, each with the place behind it.
    fn syllables(&self, place: usize) -> impl Iterator<Item = (usize, &'static Spelling)> {
        let spellings = self.spellings;
        let rest = self.part.get(place..).unwrap_or_default();
        (1..=spellings.letters_max.min(rest.len()))
            .rev()
            .filter_map(move |length| {
                let spelling = spellings.get(rest.get(..length)?)?;
                let behind = rest.get(length..)?;
                let signs = behind.len() - behind.trim_start_matches([BREAK, APOSTROPHE]).len();
                Some((place + length + signs, spelling))
            })
    }

    fn measure(&mut self) {
        let end = self.part.len();
        self.least[end] = 0;
        for place in (0..end).rev() {
            let least = self
                .syllables(place)
                .map(|(next, _)| self.least[next])
                .min();
            self.least[place] = least.map_or(usize::MAX, |least| least.saturating_add(1));
        }
    }

    fn go(&mut self, place: usize, begun: &mut Slots, left: usize) {
        if self.cuts.len() == self.cuts_max || self.least[place] > left {
            return;
        }
        if place == self.part.len() {
            self.cuts.push(begun.clone());
            return;
        }
        let syllables: SmallVec<[(usize, &'static Spelling); 6]> = self.syllables(place).collect();
        for (next, spelling) in syllables {
            begun.push(spelling);
            self.go(next, begun, left - 1);
            begun.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::spelling::Meaning;
    use super::*;

    fn letters(slots: &Slots) -> String {
        let first = slots.iter().map(|slot| match slot.sounds[0].meaning {
            Meaning::Mandarin(syllable) => syllable.letters(),
            _ => "?",
        });
        first.collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn cuts(part: &str, system: System, expected: &[&str]) {
        let found = sequences(&[part.to_owned()], system, 32);
        let found: Vec<String> = found.iter().map(|s| letters(&s.slots)).collect();
        assert_eq!(found, expected, "{part}");
    }

    #[test]
    fn every_letter_is_used_in_every_way() {
        cuts("zhangwei", System::Pinyin, &["zhang wei"]);
        cuts("xian", System::Pinyin, &["xian", "xi an"]);
        cuts("xi'an", System::Pinyin, &["xi an"]);
        cuts("fang-an", System::Pinyin, &["fang an"]);
        cuts("fangan", System::Pinyin, &["fang an", "fan gan"]);
        cuts("zhangx", System::Pinyin, &[]);
        cuts(
            "hai-ch'un",
            System::WadeGilesMarked,
            &["hai chun", "ha yi chun"],
        );
    }

    #[test]
    fn a_cut_name_ends_in_a_beginning() {
        let parts = ["abu".to_owned(), "rehem".to_owned()];
        let found = cut_sequences(&parts, System::Pinyin, 32);
        assert!(found.iter().all(|sequence| sequence.is_cut));
        let bounds: Vec<&[usize]> = found.iter().map(|s| s.bounds.as_slice()).collect();
        assert!(bounds.contains(&[2, 5].as_slice()), "{bounds:?}");
    }

    #[test]
    fn work_is_bounded() {
        let long = "angengan".repeat(15);
        assert!(sequences(&[long], System::Pinyin, 32).len() <= 32);
        let hopeless = "xianxian".repeat(14) + "q";
        assert!(sequences(&[hopeless], System::Pinyin, 32).is_empty());
    }
}
