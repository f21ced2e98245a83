//! Names of organisations: 福建宏达建筑工程有限公司厦门分公司 is region, brand, trade, form, branch.
//!
//! In: a name as somebody wrote it, and listed names in their folded form. Out: keys under which
//! similar listed names are found, and the judgement on each: a calibrated likelihood that both are
//! the same name, with the ways in which they differ. Decision rules 3. The brand decides and
//! is compared strictly; what is worded in many ways (region, legal form, brackets) is not.
//! A name never says more than "look at it": what follows is decided elsewhere. HOT.

use super::fold::fold;
use super::similarity::{Difference, DifferenceKind, Similarity};
use compare::{View, compare, places, views};
use parse::{Parsed, parse};
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

/// Two names in parts.
mod compare;

/// Kinds of block keys; a key is a hash that begins with its kind.
const KEY_TEXT: u64 = 0x6f72_6761_0001;
const KEY_BRAND: u64 = 0x6f72_6761_0002;

/// Characters of a brand that is searched for without its trade.
const BRAND_KEY_CHARS_MIN: usize = 3;
/// Characters of a brand that a text may be searched for.
const BRAND_CHARS_MIN: usize = 2;

/// The name of an organisation that is looked for.
pub struct OrganisationQuery {
    folded: String,
    names: SmallVec<[Parsed; 1]>,
}

impl OrganisationQuery {
    /// Parses a name as somebody wrote it.
    pub fn parse(raw: &str) -> Self {
        let folded = fold(raw);
        let names = parse(&folded);
        Self { folded, names }
    }

    /// Calls `visit` with each block key, at most `QUERY_KEYS_MAX`.
    pub fn block_keys(&self, visit: &mut dyn FnMut(u64)) {
        for name in &self.names {
            name_keys(name, visit);
            if name.form == parse::Form::None && !name.group {
                for view in views(name).iter().filter(|view| !view.brandless) {
                    let chars = view.chars().count();
                    if (BRAND_KEY_CHARS_MIN..=BRAND_KEY_CHARS_MAX).contains(&chars) {
                        visit(brand_key(view.chars()));
                    }
                }
            }
        }
    }

    /// The judgement on a listed name, folded.
    pub fn compare(&self, listed: &str) -> Similarity {
        if self.folded == listed {
            return Similarity {
                score: 1.0,
                differences: SmallVec::new(),
            };
        }
        let names = parse(listed);
        let mut best = Similarity {
            score: 0.0,
            differences: SmallVec::new(),
        };
        for (one, query) in self.names.iter().enumerate() {
            for (other, listed) in names.iter().enumerate() {
                let mut found = compare(query, listed);
                if one > 0 || other > 0 {
                    found.score *= 0.94;
                    found.differences.push(Difference {
                        kind: DifferenceKind::FormerName,
                        query: places(&query.letters),
                        listed: places(&listed.letters),
                    });
                }
                if found.score > best.score {
                    best = found;
                }
            }
        }
        best
    }
}

/// Characters of the longest text that is looked up as a brand alone.
const BRAND_KEY_CHARS_MAX: usize = 8;

/// Calls `visit` with each block key of a listed name, folded; at most `LISTED_KEYS_MAX`.
pub fn block_keys(listed: &str, visit: &mut dyn FnMut(u64)) {
    for name in &parse(listed) {
        name_keys(name, visit);
        let brand = &name.letters[name.brand_start().min(name.trade)..name.trade];
        if name.trade < name.body_end && brand.len() >= BRAND_KEY_CHARS_MIN {
            visit(brand_key(brand.iter().map(|letter| letter.0)));
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

fn brand_key(brand: impl Iterator<Item = char>) -> u64 {
    mix(KEY_BRAND, hash_of(brand))
}

fn mix(kind: u64, hash: u64) -> u64 {
    (kind ^ hash.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The bytes of the brand in a listed name, folded; `None` where no trade or form sets it apart.
pub fn brand(listed: &str) -> Option<Range<usize>> {
    let names = parse(listed);
    let name = names.first()?;
    let brand = &name.letters[name.brand_start().min(name.trade)..name.trade];
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
