//! The parts of a name in the usual order, where they stand in another one: 宏图贸易有限公司福州,
//! 宏图福州贸易有限公司 and 福州贸易宏图有限公司 say the words of 福州宏图贸易有限公司.
//!
//! In: a name in parts. Out: the name with the region first, or with the trade behind the brand;
//! none where the order is the usual one, or nothing sure can be said. 工商企注字〔2017〕133号 takes
//! the same words in another order for the same name. Pure.

use super::parse::{Form, Parsed};
use super::regions::{region_at, region_of};
use super::words::{BRAND_CHARS_MAX, Letter, Letters, is_known_brand, last_word, role};
use std::ops::Range;

/// Characters of the shortest brand.
const BRAND_CHARS_MIN: usize = 2;
/// Characters of the longest region behind the legal form.
const TAIL_CHARS_MAX: usize = 16;
/// Characters of the longest trade before a brand.
const TRADE_CHARS_MAX: usize = 8;

/// The name in the usual order, if it stands in another one.
pub fn moved(name: &Parsed) -> Option<Parsed> {
    let reordered = |first: Range<usize>, to: usize| {
        let letters = &name.letters;
        let before = letters[to..first.start].iter();
        let order: Letters = (letters[..to].iter())
            .chain(&letters[first.clone()])
            .chain(before)
            .chain(&letters[first.end..])
            .copied()
            .collect();
        Some(name.reordered(order))
    };
    if name.bracket.is_some() {
        return None;
    }
    if let Some(region) = region_behind(name) {
        return reordered(region, 0);
    }
    if name.region.is_none() {
        let region = region_inside(name)?;
        return reordered(region, 0);
    }
    let start = name.brand_start();
    let trade = trade_first(name)?;
    // The brand before the trade.
    reordered(start + trade..name.body_end, start)
}

/// The region behind the legal form.
fn region_behind(name: &Parsed) -> Option<Range<usize>> {
    let letters = &name.letters[..];
    if name.form != Form::None || !name.branch.is_empty() || letters.len() < BRAND_CHARS_MIN + 4 {
        return None;
    }
    let from = letters
        .len()
        .saturating_sub(TAIL_CHARS_MAX)
        .max(BRAND_CHARS_MIN + 2);
    let form = letters.windows(2).enumerate().skip(from - 2);
    let mut form = form.rev();
    let start = form
        .find(|(_, pair)| pair[0].0 == '公' && pair[1].0 == '司')
        .map(|(at, _)| at + 2)?;
    let tail = &letters[start..];
    (!tail.is_empty() && region_of(tail).is_some()).then_some(start..letters.len())
}

/// The region between brand and trade, or behind the trade.
fn region_inside(name: &Parsed) -> Option<Range<usize>> {
    let body = name.body();
    (BRAND_CHARS_MIN..body.len()).find_map(|start| {
        let region = region_at(&body[start..])?;
        let end = start + region.chars;
        let rest = &body[end..];
        let brand = &body[..start];
        let bounded = rest.is_empty() || is_trade(rest);
        let known = start <= BRAND_CHARS_MAX && is_known_brand(brand);
        let sure = region.certain || bounded || known;
        (sure && region.is_local()).then_some(start..end)
    })
}

/// Characters of the trade that stands before the brand, where none stands behind it.
fn trade_first(name: &Parsed) -> Option<usize> {
    if name.table_trade < name.body_end {
        return None;
    }
    let rest = name.rest(name.brand_start());
    let longest = rest
        .len()
        .checked_sub(BRAND_CHARS_MIN)?
        .min(TRADE_CHARS_MAX);
    let mut trades = (BRAND_CHARS_MIN..=longest).rev();
    trades.find(|chars| is_trade(&rest[..*chars]))
}

/// Whether `letters` are nothing but words of a trade.
fn is_trade(letters: &[Letter]) -> bool {
    let Some((chars, _)) = last_word(letters, role::TRADE) else {
        return false;
    };
    let mut end = letters.len() - chars;
    while end > 0 {
        let Some((chars, _)) = last_word(&letters[..end], role::DOMAIN | role::TRADE) else {
            return false;
        };
        end -= chars;
    }
    true
}
