//! Names of persons: the story of one comparison.
//!
//! In: a name as somebody wrote it, then listed names, folded. Out: block keys under which similar
//! listed names are found, and the judgement on each. A name in Latin letters is read by
//! `romanised`, one of another language by `person_foreign`, all others character by character by
//! `person_edits`; the best of all forms in which the two texts may be meant counts: a list holds
//! titles, notes and signs for lost characters as well as a question does. Names that score at
//! least the threshold share a block key, or differ in one edit from one of `forms`.

use super::frequency;
use super::latin_parts::{self, Reading};
use super::person_edits::{self, Slip};
use super::person_foreign::{self, CUT_CHARS_MIN};
use super::person_forms::{CHARS_MAX, Chars, Form, Forms, forms, other_forms};
use super::person_mixed::{self, Place, Places};
use super::pinyin::{Syllable, readings, sound_key, surname_chars, surname_readings};
use super::romanised::{self, KEY_SYLLABLES_MAX, Romanised};
use super::similarity::{
    Difference, DifferenceKind, LISTED_KEYS_MAX, QUERY_KEYS_MAX, Similarity, THRESHOLD,
};
use super::transliteration::{SILENT, coarse_initial, looks_foreign, skeleton};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;

#[cfg(test)]
mod tests;

/// Separates the keys of skeletons and of beginnings from others.
const SKELETON_SEED: u64 = 2;
const BEGINNING_SEED: u64 = 3;
const LETTERS_SEED: u64 = 4;
const INITIALS_SEED: u64 = 5;
const CUT_SEED: u64 = 6;

/// Parts of a skeleton under which names that were cut are found.
const BEGINNING_PARTS: usize = 4;
/// Sequences of readings of a listed name that have keys.
const LISTED_SOUNDS_MAX: usize = 6;
/// Sequences of readings of a form that is looked for.
const QUERY_SOUNDS_MAX: usize = 12;
/// Readings of one character that count.
const READINGS_MAX: usize = 3;
/// Likelihood of two names in Latin letters that differ in the order of their parts.
const OTHER_ORDER: f32 = 0.9;

/// The name of a person that is looked for.
pub struct PersonQuery {
    forms: SmallVec<[Form; 2]>,
    /// Texts of the forms behind the first.
    other_texts: SmallVec<[String; 1]>,
    /// Of each form, whether it looks like a name of another language.
    foreign: SmallVec<[bool; 2]>,
    /// Whether single differing characters rule names out: not so for names that are judged as
    /// wholes.
    is_selective: bool,
    romanised: Option<Romanised>,
    /// The ways of reading a name of which some characters are in pinyin; none for others.
    mixed: SmallVec<[Places; 2]>,
    /// What a name of another language in Latin letters may stand for.
    latin_parts: SmallVec<[Reading; 2]>,
    /// The letters of a name in Latin letters, sorted; empty for others.
    letters: Vec<u8>,
}

impl PersonQuery {
    /// Parses a name as somebody wrote it, and folded.
    pub fn parse(raw: &str, folded: &str) -> Self {
        let forms = forms(raw, folded);
        let has_latin = forms
            .iter()
            .any(|form| form.chars.iter().any(char::is_ascii_alphabetic));
        let foreign: SmallVec<[bool; 2]> = forms
            .iter()
            .map(|form| looks_foreign(&form.chars) && !has_latin)
            .collect();
        let is_selective = !has_latin && !foreign.contains(&true);
        Self {
            other_texts: forms
                .iter()
                .skip(1)
                .map(|form| form.chars.iter().collect())
                .collect(),
            foreign,
            is_selective,
            mixed: match forms.first() {
                Some(form) if has_latin => person_mixed::read(&form.chars),
                _ => SmallVec::new(),
            },
            romanised: has_latin.then(|| Romanised::parse(raw)).flatten(),
            latin_parts: if has_latin {
                latin_parts::read(raw)
            } else {
                SmallVec::new()
            },
            letters: if has_latin {
                sorted_letters(raw)
            } else {
                Vec::new()
            },
            forms,
        }
    }

    /// The texts besides the folded name in which it may be meant: listed names are looked for one
    /// edit around them too.
    pub fn other_texts(&self) -> &[String] {
        &self.other_texts
    }

    /// Calls `visit` with each block key, at most `QUERY_KEYS_MAX`.
    pub fn block_keys(&self, visit: &mut dyn FnMut(u64)) {
        let mut left = QUERY_KEYS_MAX;
        let mut visit = |key| {
            if left > 0 {
                left -= 1;
                visit(key);
            }
        };
        for form in &self.forms {
            sound_keys(&form.chars, QUERY_SOUNDS_MAX, &mut visit);
            foreign_keys(&form.chars, &mut visit);
        }
        for places in &self.mixed {
            mixed_keys(places, &mut visit);
        }
        if let Some(key) = letters_key(&self.letters) {
            visit(key);
        }
        for reading in &self.latin_parts {
            visit(skeleton_key(&reading.skeleton));
        }
        if let Some(romanised) = &self.romanised {
            romanised.block_keys(&mut visit);
        }
    }

    /// The judgement on a listed name, folded.
    pub fn compare(&self, listed: &str) -> Similarity {
        let listed: Chars = listed.chars().take(CHARS_MAX + 1).collect();
        if listed.is_empty() || listed.len() > CHARS_MAX {
            return Similarity::NONE;
        }
        let mut best = Similarity::NONE;
        let mut take = |judged: Similarity| {
            if judged.score > best.score {
                best = judged;
            }
        };
        let forms = || self.forms.iter().zip(&self.foreign);
        for (form, foreign) in forms() {
            take(judge_form(form, &listed, *foreign));
        }
        for other in &other_forms(&listed) {
            for (form, foreign) in forms() {
                take(judge_other(form, other, *foreign));
            }
        }
        if let Some(judged) = self.judge_latin(&listed) {
            take(judged);
        }
        best
    }

    /// Whether a listed name that differs from a form in the character at `place` alone can reach
    /// the threshold.
    pub fn may_match_substituted(&self, form: usize, place: usize, listed: char) -> bool {
        let asked = self.forms.get(form).and_then(|form| form.chars.get(place));
        match asked {
            Some(asked) if self.is_selective && is_letter(listed) => {
                person_edits::may_match_substituted(*asked, listed)
            }
            _ => true,
        }
    }

    /// Whether a listed name that has the character `listed` more than a form can reach the
    /// threshold.
    pub fn may_match_added(&self, form: usize, listed: char) -> bool {
        match self.forms.get(form) {
            Some(form) if self.is_selective && is_letter(listed) => {
                person_edits::may_match_added(&form.chars, form.bearers(), listed)
            }
            _ => true,
        }
    }

    /// Names of which one is written in Latin letters.
    fn judge_latin(&self, listed: &[char]) -> Option<Similarity> {
        let is_latin = listed.iter().any(char::is_ascii_alphabetic);
        let score = match (&self.romanised, is_latin) {
            (_, false) if !self.mixed.is_empty() => mixed_likelihood(&self.mixed, listed),
            (romanised, false) => {
                let read = romanised.as_ref().map_or(0.0, |r| r.compare(listed));
                read.max(parts_likelihood(&self.latin_parts, listed))
            }
            (_, true) if !self.letters.is_empty() => {
                let text: String = listed.iter().collect();
                let is_same = sorted_letters(&text) == self.letters && self.letters.len() > 3;
                if is_same { OTHER_ORDER } else { 0.0 }
            }
            (_, true) => {
                let text: String = listed.iter().collect();
                let romanised = Romanised::parse_listed(&text);
                let mixed = person_mixed::read(listed);
                let parts = latin_parts::read(&text);
                let of_form = |form: &Form| {
                    let read = romanised.as_ref().map_or(0.0, |r| r.compare(&form.chars));
                    let read = read.max(parts_likelihood(&parts, &form.chars));
                    form.likelihood * mixed_likelihood(&mixed, &form.chars).max(read)
                };
                self.forms.iter().map(of_form).fold(0.0, f32::max)
            }
        };
        (score > 0.0).then(|| self.whole(DifferenceKind::Romanised, listed, score))
    }

    /// A judgement on the names as wholes.
    fn whole(&self, kind: DifferenceKind, listed: &[char], score: f32) -> Similarity {
        let asked = self.forms.first().map_or(0, |form| form.chars.len());
        Similarity {
            score,
            differences: smallvec::smallvec![Difference {
                kind,
                query: 0..asked as u16,
                listed: 0..listed.len() as u16,
            }],
        }
    }
}

/// Calls `visit` with each block key of a listed name, folded; at most `LISTED_KEYS_MAX`.
pub fn block_keys(listed: &str, visit: &mut dyn FnMut(u64)) {
    let mut left = LISTED_KEYS_MAX;
    let mut visit = |key| {
        if left > 0 {
            left -= 1;
            visit(key);
        }
    };
    let chars: Chars = listed.chars().take(CHARS_MAX + 1).collect();
    if chars.len() > CHARS_MAX {
        return;
    }
    for form in &other_forms(&chars) {
        sound_keys(&form.chars, LISTED_SOUNDS_MAX, &mut visit);
        foreign_keys(&form.chars, &mut visit);
    }
    sound_keys(&chars, LISTED_SOUNDS_MAX, &mut visit);
    foreign_keys(&chars, &mut visit);
    if chars.iter().any(char::is_ascii_alphabetic) {
        if let Some(key) = letters_key(&sorted_letters(listed)) {
            visit(key);
        }
        for places in &person_mixed::read(&chars) {
            mixed_keys(places, &mut visit);
        }
        for reading in &latin_parts::read(listed) {
            visit(skeleton_key(&reading.skeleton));
        }
        if let Some(romanised) = Romanised::parse_listed(listed) {
            romanised.block_keys(&mut visit);
        }
    }
}

/// The other forms of a listed name, folded: none for nearly all names. They are looked for like
/// the name itself where one character differs.
pub fn other_texts(listed: &str) -> SmallVec<[String; 1]> {
    let chars: Chars = listed.chars().take(CHARS_MAX + 1).collect();
    let forms: Forms = other_forms(&chars);
    forms
        .iter()
        .map(|form| form.chars.iter().collect())
        .collect()
}

/// Expected bearers of the folded name in a million people; `None` where it is no Han name.
pub fn bearers_per_million(listed: &str) -> Option<f32> {
    let chars: Chars = listed.chars().take(CHARS_MAX).collect();
    frequency::bearers_per_million(&chars)
}

/// Whether a character is part of a name in characters: signs are left out, Latin letters read.
fn is_letter(c: char) -> bool {
    is_usual(c) || !c.is_ascii() && c.is_alphanumeric()
}

/// Whether it is a usual Han character: asked first, because the tables of Unicode are slow.
fn is_usual(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// The judgement on another form of a listed name.
fn judge_other(form: &Form, other: &Form, is_foreign: bool) -> Similarity {
    let mut judged = judge_form(form, &other.chars, is_foreign);
    judged.score *= other.likelihood;
    let is_guess = other.kind == Some(DifferenceKind::Missing) && form.chars != other.chars;
    if judged.score < THRESHOLD || is_guess || !is_met(form, &other.chars) {
        return Similarity::NONE;
    }
    for difference in &mut judged.differences {
        let length = difference
            .listed
            .end
            .saturating_sub(difference.listed.start);
        let start = other.place(difference.listed.start);
        difference.listed = start..start + length;
    }
    judged
        .differences
        .extend(other.kind.map(Difference::of_all));
    judged
}

/// Whether a search meets another form of a listed name: its texts have keys for the places of
/// their characters, but none for a character that is missing or exchanged.
fn is_met(form: &Form, other: &[char]) -> bool {
    let asked = &form.chars[..];
    let same_start = asked.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (rest, other_rest) = (&asked[same_start..], &other[same_start..]);
    if rest.get(1..) == other_rest.get(1..) && rest.len() == other_rest.len() {
        return true;
    }
    if Some(rest) == other_rest.get(1..) {
        return true;
    }
    let mut keys: SmallVec<[u64; 16]> = SmallVec::new();
    sound_keys(asked, QUERY_SOUNDS_MAX, &mut |key| keys.push(key));
    foreign_keys(asked, &mut |key| keys.push(key));
    let mut is_shared = false;
    let mut meet = |key: u64| is_shared |= keys.contains(&key);
    sound_keys(other, LISTED_SOUNDS_MAX, &mut meet);
    foreign_keys(other, &mut meet);
    is_shared
}

fn judge_form(form: &Form, listed: &[char], is_foreign: bool) -> Similarity {
    let mut judged = if form.chars[..] == *listed {
        Similarity {
            score: 1.0,
            differences: SmallVec::new(),
        }
    } else if form.kind == Some(DifferenceKind::Missing) {
        // Half of the name is a guess already.
        Similarity::NONE
    } else {
        let slip = person_edits::slip(&form.chars, form.bearers(), listed);
        let score = slip.as_ref().map_or(0.0, |slip| logistic(slip.log_odds));
        let foreign = if is_foreign && looks_foreign(listed) {
            person_foreign::likelihood(&form.chars, listed)
        } else {
            0.0
        };
        if foreign > score {
            Similarity {
                score: foreign,
                differences: person_foreign::differences(&form.chars, listed),
            }
        } else {
            let Slip { differences, .. } = slip.unwrap_or_default();
            Similarity { score, differences }
        }
    };
    let Some(kind) = form.kind else {
        return judged;
    };
    judged.score *= form.likelihood;
    if judged.score > 0.0 {
        for difference in &mut judged.differences {
            let length = difference.query.end.saturating_sub(difference.query.start);
            let start = form.place(difference.query.start);
            difference.query = start..start + length;
        }
        judged.differences.push(Difference::of_all(kind));
    }
    judged
}

fn logistic(log_odds: f32) -> f32 {
    // Below 1.0: only equal names are the same for certain.
    (1.0 / (1.0 + (-log_odds).exp())).min(0.99)
}

/// Keys of the sequences of dialect classes in which a name may be read; long names by their
/// beginning.
fn sound_keys(name: &[char], sounds_max: usize, visit: &mut dyn FnMut(u64)) {
    let name = &name[..name.len().min(KEY_SYLLABLES_MAX)];
    if name.len() < 2 {
        return;
    }
    let mut choices = Choices::new();
    let surname = surname_chars(name);
    for (place, c) in name.iter().enumerate() {
        let mut classes = Classes::new();
        if place < surname {
            let of_place = surname_readings(&name[..surname])
                .iter()
                .filter_map(|reading| reading.get(place));
            for syllable in of_place {
                add_class(&mut classes, *syllable);
            }
        }
        for reading in readings(*c).iter().take(READINGS_MAX) {
            add_class(&mut classes, reading.syllable);
        }
        choices.push(classes);
    }
    sequence_keys(&choices, sounds_max, visit);
}

/// Classes of the readings of a character, and of each character of a name.
type Classes = SmallVec<[u16; 4]>;
type Choices = SmallVec<[Classes; 8]>;

fn classes_of(c: char) -> Classes {
    let mut classes = Classes::new();
    for reading in readings(c).iter().take(READINGS_MAX) {
        add_class(&mut classes, reading.syllable);
    }
    classes
}

fn add_class(classes: &mut Classes, syllable: Syllable) {
    let class = syllable.dialect_class();
    if !classes.contains(&class) {
        classes.push(class);
    }
}

/// Keys of sequences of one class a character, at most `sounds_max`: every character in its first
/// way, then one after the other in another way, then two.
fn sequence_keys(choices: &Choices, sounds_max: usize, visit: &mut dyn FnMut(u64)) {
    if choices.iter().any(|classes| classes.is_empty()) {
        return;
    }
    let mut left = sounds_max;
    let mut classes: SmallVec<[u16; 8]> = choices.iter().map(|choice| choice[0]).collect();
    let mut add = |classes: &[u16]| {
        left = left.saturating_sub(1);
        visit(sound_key(classes));
        left > 0
    };
    if !add(&classes) {
        return;
    }
    for (one, choice) in choices.iter().enumerate() {
        for class in &choice[1..] {
            classes[one] = *class;
            if !add(&classes) {
                return;
            }
        }
        classes[one] = choice[0];
    }
    for (one, choice) in choices.iter().enumerate() {
        for class in &choice[1..] {
            classes[one] = *class;
            for (two, other) in choices.iter().enumerate().skip(one + 1) {
                for class in &other[1..] {
                    classes[two] = *class;
                    if !add(&classes) {
                        return;
                    }
                }
                classes[two] = other[0];
            }
        }
        classes[one] = choice[0];
    }
}

/// Keys of a name of another language: its consonants, and its beginning.
fn foreign_keys(name: &[char], visit: &mut dyn FnMut(u64)) {
    if name.iter().any(char::is_ascii) || name.len() > CHARS_MAX {
        return;
    }
    if !looks_foreign(name) {
        return;
    }
    let skeleton = skeleton(name);
    let mut key = |parts: &[u16], seed| {
        let bytes: SmallVec<[u8; 64]> = parts.iter().flat_map(|p| p.to_le_bytes()).collect();
        visit(xxh3_64_with_seed(&bytes, seed));
    };
    key(&skeleton, SKELETON_SEED);
    // For spellings that the table does not know.
    let initials = name.iter().map(|c| u16::from(coarse_initial(*c)));
    let is_sounded = |initial: &u16| *initial != u16::from(SILENT);
    let initials: SmallVec<[u16; 32]> = initials.filter(is_sounded).collect();
    key(&initials, INITIALS_SEED);
    if let Some(beginning) = skeleton.get(..BEGINNING_PARTS) {
        key(beginning, BEGINNING_SEED);
    }
    // A name that was cut inside a part has another skeleton, but the same characters so far.
    if let Some(beginning) = name.get(..CUT_CHARS_MIN) {
        let text: SmallVec<[u8; 32]> = beginning
            .iter()
            .flat_map(|c| (*c as u32).to_le_bytes())
            .collect();
        visit(xxh3_64_with_seed(&text, CUT_SEED));
    }
}

/// The letters of a name without titles, sorted.
fn sorted_letters(raw: &str) -> Vec<u8> {
    let mut letters = romanised::letters(raw);
    letters.truncate(CHARS_MAX);
    letters.sort_unstable();
    letters
}

/// Names in characters have keys of their skeletons only where they look like other languages.
fn parts_likelihood(readings: &[Reading], name: &[char]) -> f32 {
    if readings.is_empty() || !looks_foreign(name) {
        return 0.0;
    }
    latin_parts::likelihood(readings, name)
}

fn skeleton_key(skeleton: &[u16]) -> u64 {
    let bytes: SmallVec<[u8; 64]> = skeleton.iter().flat_map(|p| p.to_le_bytes()).collect();
    xxh3_64_with_seed(&bytes, SKELETON_SEED)
}

/// Keys of a name of which some characters are in pinyin.
fn mixed_keys(places: &Places, visit: &mut dyn FnMut(u64)) {
    let choices = places.iter().map(|place| match place {
        Place::Han(c) => classes_of(*c),
        Place::Sound(syllable) => SmallVec::from_slice(&[syllable.dialect_class()]),
    });
    sequence_keys(&choices.collect(), QUERY_SOUNDS_MAX, visit);
}

fn mixed_likelihood(ways: &[Places], name: &[char]) -> f32 {
    let scores = ways
        .iter()
        .map(|places| person_mixed::likelihood(places, name));
    scores.fold(0.0, f32::max)
}

fn letters_key(letters: &[u8]) -> Option<u64> {
    (letters.len() > 3).then(|| xxh3_64_with_seed(letters, LETTERS_SEED))
}
