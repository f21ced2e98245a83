//! Names of organisations: 福建宏达建筑工程有限公司厦门分公司 is region, brand, trade, form, branch.
//!
//! In: a name as somebody wrote it, and listed names in their folded form. Out: keys under which
//! similar listed names are found, and the judgement on each: a calibrated likelihood that both are
//! the same name, with the ways in which they differ. Decision rules 3. The brand decides and
//! is compared strictly; what is worded in many ways (region, legal form, brackets) is not.
//! A name never says more than "look at it": what follows is decided elsewhere. HOT.

use super::fold::fold;
use super::similarity::{DifferenceKind, LISTED_KEYS_MAX, Similarity, THRESHOLD};
use compare::{
    BARE_CHARS_MAX, BARE_CHARS_MIN, Evidence, PLACED_CHARS, View, compare, places, views,
};
use parse::{Parsed, parse};
use romanised::{Sound, sounds, sounds_run_together};
use slip::sound_hash;
use smallvec::SmallVec;
use std::ops::Range;
use words::hash_of;

/// Words of names, and known brands.
mod words;

/// The divisions of China by name.
mod regions;

/// The parts of a name.
mod parse;

/// Characters that sound or look alike.
mod likeness;

/// One slip between two texts.
mod slip;

/// A Chinese name in Latin letters.
mod romanised;

/// Two names in parts.
mod compare;

/// One edit of the written name.
mod edit;

#[cfg(test)]
mod tests;

/// Kinds of block keys; a key is a hash that begins with its kind.
const KEY_TEXT: u64 = 0x6f72_6761_0001;
const KEY_BRAND: u64 = 0x6f72_6761_0002;
const KEY_BARE: u64 = 0x6f72_6761_0003;

/// Score from which no better explanation is looked for.
const CERTAIN: f32 = 0.9;
/// Score of a Chinese name and one in Latin letters that reads like it: many names do.
const ROMANISED: f32 = 0.6;
/// Score of names that are similar but in nothing that an index would find.
const BELOW_THRESHOLD: f32 = 0.49;
/// Characters of a brand that a text may be searched for.
const BRAND_CHARS_MIN: usize = 2;

/// The tables of this file's parts, as shipped.
pub const TABLES: [&str; 3] = [words::WORDS, words::BRANDS, regions::TABLE];

/// The name of an organisation that is looked for.
pub struct OrganisationQuery {
    folded: String,
    names: SmallVec<[Parsed; 1]>,
    /// How Chinese names sound that a name in Latin letters may stand for.
    romanised: SmallVec<[Sound; 4]>,
}

impl OrganisationQuery {
    /// Parses a name as somebody wrote it.
    pub fn parse(raw: &str) -> Self {
        let folded = fold(raw);
        let names = parse(&folded);
        let romanised = sounds(raw);
        Self {
            folded,
            names,
            romanised,
        }
    }

    /// Calls `visit` with each block key, at most `QUERY_KEYS_MAX`.
    pub fn block_keys(&self, visit: &mut dyn FnMut(u64)) {
        for name in &self.names {
            name_keys(name, visit);
            bare_keys(name, KEY_BRAND, visit);
            brand_keys(name, KEY_BARE, visit);
        }
        for sound in &self.romanised {
            visit(mix(KEY_TEXT, sound.text));
        }
    }

    /// The judgement on a listed name, folded.
    pub fn compare(&self, listed: &str) -> Similarity {
        if self.folded == listed {
            return Similarity::EQUAL;
        }
        let names = parse(listed);
        let mut best = Evidence::new(0.0);
        for (one, query) in self.names.iter().enumerate() {
            for (other, listed) in names.iter().enumerate() {
                let mut found = compare(query, listed);
                if one > 0 || other > 0 {
                    let (query, listed) = (places(&query.letters), places(&listed.letters));
                    found
                        .differences
                        .retain(|found| found.kind != DifferenceKind::Noise);
                    found.weigh(0.94, DifferenceKind::FormerName, query, listed);
                }
                if found.score > best.score {
                    best = found;
                }
            }
        }
        if best.score < THRESHOLD && self.compare_romanised(&names, &mut best) {
            return best.into();
        }
        if best.score < CERTAIN || !best.keyed {
            return self.compare_edit(listed, &names, best);
        }
        best.into()
    }

    /// Whether the one is a Chinese name that sounds as the other, in Latin letters, reads.
    fn compare_romanised(&self, names: &[Parsed], best: &mut Evidence) -> bool {
        for (query, listed) in self.names.iter().zip(names) {
            let reads = reads_as(&self.romanised, listed)
                || self.romanised.is_empty()
                    && reads_as(&sounds_run_together(listed.body()), query);
            if reads {
                let (query, listed) = (places(&query.letters), places(&listed.letters));
                *best = Evidence::new(ROMANISED);
                best.weigh(1.0, DifferenceKind::Romanised, query, listed);
                return true;
            }
        }
        false
    }

    /// The judgement where the parts are not equal, or would not have led to the listed name: one
    /// edit of the whole name may explain it.
    fn compare_edit(&self, listed: &str, names: &[Parsed], mut best: Evidence) -> Similarity {
        let Some(slip) = edit::between(&self.folded, listed) else {
            if !best.keyed {
                best.score = best.score.min(BELOW_THRESHOLD);
            }
            return best.into();
        };
        match (&self.names[..], names) {
            ([query], [listed]) => {
                let edited = edit::judge(&slip, query, listed);
                edited
                    .filter(|edited| edited.score > best.score)
                    .unwrap_or_else(|| best.into())
            }
            _ => best.into(),
        }
    }
}

/// Whether one of `sounds` is that of a Chinese name.
fn reads_as(sounds: &[Sound], name: &Parsed) -> bool {
    !sounds.is_empty()
        && views(name).iter().any(|view| {
            let (text, region) = (sound_hash(view.chars()), view.region_sound());
            let placed = |sound: &Sound| sound.region == 0 || Some(sound.region) == region;
            let mut sounds = sounds.iter();
            sounds.any(|sound| sound.text == text && placed(sound))
        })
}

impl From<Evidence> for Similarity {
    fn from(evidence: Evidence) -> Self {
        Self {
            score: evidence.score.clamp(0.0, 0.99),
            differences: evidence.differences,
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
    for name in &parse(listed) {
        name_keys(name, &mut visit);
        brand_keys(name, KEY_BRAND, &mut visit);
        bare_keys(name, KEY_BARE, &mut visit);
        for sound in sounds_run_together(name.body()) {
            visit(mix(KEY_TEXT, sound.text));
        }
    }
}

/// The key of a brand that has a trade: a long one alone, a short one with its place.
fn brand_keys(name: &Parsed, kind: u64, visit: &mut dyn FnMut(u64)) {
    let brand = name.brand();
    if name.trade == name.body_end {
        return;
    }
    if brand.len() >= BARE_CHARS_MIN {
        visit(mix(kind, hash_of(brand.iter().map(|letter| letter.0))));
    } else if let Some(place) = name.place_word().filter(|_| brand.len() == PLACED_CHARS) {
        let text = place.iter().chain(brand).map(|letter| letter.0);
        visit(mix(kind, hash_of(text)));
    }
}

/// The keys of a name that may be a brand and no more.
fn bare_keys(name: &Parsed, kind: u64, visit: &mut dyn FnMut(u64)) {
    if !name.is_bare() {
        return;
    }
    for view in views(name).iter().filter(|view| !view.brandless) {
        let rest = view.start.map_or(&[][..], |start| name.rest(start));
        if (BARE_CHARS_MIN..=BARE_CHARS_MAX).contains(&rest.len()) {
            visit(mix(kind, hash_of(rest.iter().map(|letter| letter.0))));
        } else if let Some(place) = name.place_word().filter(|_| rest.len() == PLACED_CHARS) {
            let text = place.iter().chain(rest).map(|letter| letter.0);
            visit(mix(kind, hash_of(text)));
        }
    }
}

/// The keys that both sides have: how brand and trade sound, in each way to read the name.
fn name_keys(name: &Parsed, visit: &mut dyn FnMut(u64)) {
    for view in &views(name) {
        visit(text_key(view));
    }
}

fn text_key(view: &View<'_>) -> u64 {
    mix(KEY_TEXT, sound_hash(view.chars()))
}

fn mix(kind: u64, hash: u64) -> u64 {
    (kind ^ hash.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The bytes of the brand in a listed name, folded; `None` where no trade or form sets it apart.
pub fn brand(listed: &str) -> Option<Range<usize>> {
    let names = parse(listed);
    let name = names.first()?;
    let brand = name.brand();
    let bounded = name.trade < name.letters.len();
    if !bounded || brand.len() < BRAND_CHARS_MIN || name.is_brandless() {
        return None;
    }
    let places = places(brand);
    let mut bytes = listed
        .char_indices()
        .map(|(byte, _)| byte)
        .skip(usize::from(places.start));
    let start = bytes.next()?;
    let chars = usize::from(places.end - places.start);
    let end = listed[start..]
        .char_indices()
        .nth(chars)
        .map_or(listed.len(), |(byte, _)| start + byte);
    Some(start..end)
}
