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
use moved::moved;
use parse::{Origin, Parsed, parse};
use romanised::{Sound, sounds, sounds_run_together};
use slip::{sound_hash, sound_hash_from};
use smallvec::SmallVec;
use std::ops::Range;
use words::{Letter, hash_of};

/// Words of names, and known brands.
mod words;

/// The divisions of China by name.
mod regions;

/// Signs that are no letters.
mod marks;

/// Other wordings of a name.
mod wording;

/// What stands beside a name.
mod stray;

/// The parts of a name.
mod parse;

/// The parts of a name in their usual order.
mod moved;

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
const KEY_SHOP: u64 = 0x6f72_6761_0004;
const KEY_SHOPLESS: u64 = 0x6f72_6761_0005;

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
        let names = names(&folded);
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
            for sound in views(name).iter().filter_map(sound_with_region) {
                visit(mix(KEY_TEXT, sound));
            }
            bare_keys(name, KEY_BRAND, visit);
            brand_keys(name, KEY_BARE, visit);
            shop_keys(name, [KEY_SHOPLESS, KEY_SHOP], visit);
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
        let names = names(listed);
        let mut best = Evidence::new(0.0);
        for query in &self.names {
            for listed in &names {
                let found = compare_names(query, listed);
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
        let single = |names: &[Parsed]| names.iter().all(|name| name.origin != Origin::Former);
        match (&self.names[..], names) {
            ([query, ..], [listed, ..]) if single(&self.names) && single(names) => {
                let edited = edit::judge(&slip, query, listed);
                edited
                    .filter(|edited| edited.score > best.score)
                    .unwrap_or_else(|| best.into())
            }
            _ => best.into(),
        }
    }
}

/// The names that a text is read as, with what they are where parts stand in another order.
fn names(folded: &str) -> SmallVec<[Parsed; 1]> {
    let mut names = parse(folded);
    if let [name] = &names[..]
        && let Some(name) = moved(name)
    {
        names.push(name);
    }
    names
}

/// The judgement on two names, by where they come from.
fn compare_names(query: &Parsed, listed: &Parsed) -> Evidence {
    let (likelihood, kind) = match (query.origin, listed.origin) {
        (Origin::Text, Origin::Text) => return compare(query, listed),
        (Origin::Former, _) | (_, Origin::Former) => (0.94, DifferenceKind::FormerName),
        // Another order leaves no part out.
        _ if query.has_region() != listed.has_region() => return Evidence::new(0.0),
        _ => (0.92, DifferenceKind::Order),
    };
    let mut found = compare(query, listed);
    found
        .differences
        .retain(|found| found.kind != DifferenceKind::Noise);
    let (query, listed) = (places(&query.letters), places(&listed.letters));
    found.weigh(likelihood, kind, query, listed);
    found
}

/// Whether one of `sounds` is that of a Chinese name.
fn reads_as(sounds: &[Sound], name: &Parsed) -> bool {
    !sounds.is_empty()
        && views(name).iter().any(|view| {
            let (text, region) = (sound_hash(view.chars()), view.region_sound());
            let placed = |sound: &Sound| sound.region == 0 || Some(sound.region) == region;
            let with_region = sound_with_region(view);
            let mut sounds = sounds.iter();
            sounds.any(|sound| {
                sound.text == text && placed(sound)
                    || sound.region == 0 && Some(sound.text) == with_region
            })
        })
}

/// The sound of a name whose region is run together with the rest, as in a folded Latin name.
fn sound_with_region(view: &View<'_>) -> Option<u64> {
    Some(sound_hash_from(view.region_sound()?, view.chars()))
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
    for name in &names(listed) {
        name_keys(name, &mut visit);
        brand_keys(name, KEY_BRAND, &mut visit);
        bare_keys(name, KEY_BARE, &mut visit);
        shop_keys(name, [KEY_SHOP, KEY_SHOPLESS], &mut visit);
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

/// The keys of a shop or workshop without its last word, and of a name that may be one.
fn shop_keys(name: &Parsed, kinds: [u64; 2], visit: &mut dyn FnMut(u64)) {
    if !name.is_bare() {
        return;
    }
    for view in views(name).iter().filter(|view| !view.brandless) {
        let Some(rest) = view.start.map(|start| name.rest(start)) else {
            continue;
        };
        let key = |kind, text: &[Letter]| mix(kind, hash_of(text.iter().map(|letter| letter.0)));
        if let Some(shop) = name.without_shop(rest) {
            visit(key(kinds[0], shop));
        } else if name.is_shopless() {
            visit(key(kinds[1], rest));
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
