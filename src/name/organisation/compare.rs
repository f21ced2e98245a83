//! How likely two names of organisations, both in parts, are the same name.
//!
//! In: the name that is looked for and a listed one, parsed. Out: a score and the differences.
//! The brand decides, and is compared strictly: two firms that differ in one character of the brand
//! are two firms, unless the change makes a brand that nobody is known to bear and sounds or looks
//! like a slip. Regions must be compatible, trades equal, legal persons of one kind; a branch is
//! related to its parent. Each likelihood is a factor, given with its reason.
//!
//! HOT: runs for each candidate; no allocation.

use super::super::similarity::{Difference, DifferenceKind, THRESHOLD};
use super::parse::{Form, Parsed};
use super::regions::{Region, Relation, region_at, relation};
use super::slip::{self, Parts, Slip};
use super::words::{Letter, role};
use smallvec::SmallVec;
use std::ops::Range;

/// Characters of a brand that stands for the whole name where its city is named.
pub const PLACED_CHARS: usize = 2;
/// Characters of a brand that may stand for the whole name.
pub const BARE_CHARS_MIN: usize = 3;
/// Characters of the longest text that is taken for a brand alone.
pub const BARE_CHARS_MAX: usize = 8;

/// Score of names of which nothing says that they are one.
const UNRELATED: f32 = 0.01;

/// A way to read a name: what is compared, and the region beside it.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Where brand and trade begin in the letters, if they are one piece.
    pub start: Option<usize>,
    /// Brand and trade, in pieces that follow each other.
    pub pieces: [&'a [Letter]; 3],
    /// The trade in its usual wording, in place of the last characters of the pieces.
    pub usual: &'static str,
    /// The region that is not in the pieces.
    pub region: Option<&'a Region>,
    /// The region's text.
    region_text: &'a [Letter],
    /// The pieces hold no brand: the region is who it is.
    pub brandless: bool,
}

/// The ways to read a name, most likely first: at most three.
pub fn views(parsed: &Parsed) -> SmallVec<[View<'_>; 3]> {
    let letters = &parsed.letters[..];
    let mut views = SmallVec::new();
    let usual = parsed.trade_word.means;
    let cut = if usual.is_empty() {
        parsed.body_end
    } else {
        parsed.last_trade
    };
    let start = parsed.brand_start();
    let bracket = parsed.bracket.as_ref();
    let plain = View {
        start: None,
        pieces: [&[], &[], &[]],
        usual,
        region: bracket.map(|(region, _, _)| region),
        region_text: bracket.map_or(&[], |(_, text, _)| &text[..]),
        brandless: false,
    };
    match &parsed.region {
        Some(region) if parsed.is_brandless() => {
            let (from, to) = region.last;
            views.push(View {
                start: Some(start),
                pieces: [&letters[from..to], &letters[start.min(cut)..cut], &[]],
                region: Some(region),
                region_text: &letters[..start],
                brandless: true,
                ..plain
            });
        }
        Some(region) if bracket.is_none() && parsed.rest(start).len() >= 2 => {
            views.push(View {
                start: Some(start),
                pieces: [&letters[start.min(cut)..cut], &[], &[]],
                region: Some(region),
                region_text: &letters[..start],
                ..plain
            });
        }
        _ => {}
    }
    if views.is_empty() || parsed.region.as_ref().is_some_and(|region| !region.certain) {
        let brandless = parsed.region.is_none() && parsed.is_brandless();
        views.push(View {
            start: Some(0),
            pieces: [&letters[..cut], &[], &[]],
            brandless: brandless && bracket.is_none(),
            ..plain
        });
    }
    if let Some((_, text, at)) = bracket.filter(|(_, _, at)| *at < cut) {
        views.push(View {
            pieces: [&letters[..*at], text, &letters[*at..cut]],
            region: None,
            region_text: &[],
            ..plain
        });
    }
    views
}

impl<'a> View<'a> {
    /// The characters that are compared.
    pub fn chars(&self) -> impl Iterator<Item = char> + use<'a> {
        let pieces = self.pieces.into_iter().flatten().map(|letter| letter.0);
        pieces.chain(self.usual.chars())
    }

    /// The hash of how the last word of the region sounds, in its shortest form.
    pub fn region_sound(&self) -> Option<u64> {
        let (from, to) = self.region?.last;
        let short = self.region_text.get(from..to)?;
        Some(slip::sound_hash(short.iter().map(|letter| letter.0)))
    }

    fn len(&self) -> usize {
        let pieces: usize = self.pieces.iter().map(|piece| piece.len()).sum();
        pieces + self.usual.len() / 3
    }
}

/// A likelihood in the making, with its reasons.
#[derive(Clone)]
pub struct Evidence {
    /// The likelihood.
    pub score: f32,
    /// Whether the two names share a block key.
    pub keyed: bool,
    /// The reasons.
    pub differences: SmallVec<[Difference; 2]>,
}

impl Evidence {
    /// Without a reason yet.
    pub fn new(score: f32) -> Self {
        Self {
            score,
            keyed: true,
            differences: SmallVec::new(),
        }
    }

    /// Takes a reason into account.
    pub fn weigh(
        &mut self,
        factor: f32,
        kind: DifferenceKind,
        query: Range<u16>,
        listed: Range<u16>,
    ) {
        self.score *= factor;
        self.differences.push(Difference {
            kind,
            query,
            listed,
        });
    }
}

/// The places in the folded text that `letters` take; of a name in another order, from the first
/// to the last.
pub fn places(letters: &[Letter]) -> Range<u16> {
    let places = || letters.iter().map(|letter| letter.1);
    match (places().min(), places().max()) {
        (Some(first), Some(last)) => first..last + 1,
        _ => 0..0,
    }
}

/// The judgement on two names in parts.
pub fn compare(query: &Parsed, listed: &Parsed) -> Evidence {
    let mut best = Evidence::new(0.0);
    for (rank, one) in views(query).iter().enumerate() {
        for (other_rank, other) in views(listed).iter().enumerate() {
            // A doubtful reading of both names finds equal texts, but judges no slips.
            let doubtful = rank > 0 && other_rank > 0;
            let evidence = compare_views((query, one), (listed, other), doubtful);
            if evidence.score > best.score {
                best = evidence;
            }
        }
    }
    let place = |difference: &Difference| (difference.query.start, difference.listed.start);
    best.differences.sort_by_key(place);
    best
}

fn compare_views(
    (query, one): (&Parsed, &View<'_>),
    (listed, other): (&Parsed, &View<'_>),
    doubtful: bool,
) -> Evidence {
    let mut evidence = Evidence::new(0.99);
    let same = one.len() == other.len() && one.chars().eq(other.chars());
    if !same && (doubtful || !compare_rest(query, one, listed, other, &mut evidence)) {
        return if doubtful {
            Evidence::new(0.0)
        } else {
            evidence
        };
    }
    if same && (one.usual, other.usual) != ("", "") {
        let (a, b) = (query.rest(query.last_trade), listed.rest(listed.last_trade));
        if !same_letters(a, b) {
            evidence.weigh(0.75, DifferenceKind::Trade, places(a), places(b));
        }
    }
    weigh_region(query, one, listed, other, &mut evidence);
    weigh_form(query, listed, &mut evidence);
    weigh_branch(query, listed, &mut evidence);
    let (a, b) = (places(&query.letters), places(&listed.letters));
    if query.alias != listed.alias {
        evidence.weigh(0.92, DifferenceKind::Abbreviation, a.clone(), b.clone());
    }
    if query.regional != listed.regional {
        evidence.weigh(0.9, DifferenceKind::Trade, a, b);
    }
    if evidence.differences.is_empty() {
        weigh_marks(query, listed, &mut evidence);
    }
    evidence
}

/// Equal letters: the order of the parts differs, or nothing but marks and brackets.
fn weigh_marks(query: &Parsed, listed: &Parsed, evidence: &mut Evidence) {
    let kind = match query.bracket.is_some() == listed.bracket.is_some() {
        true => DifferenceKind::Noise,
        false => DifferenceKind::Order,
    };
    evidence.weigh(1.0, kind, places(&query.letters), places(&listed.letters));
}

fn same_letters(a: &[Letter], b: &[Letter]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0)
}

fn weigh_region(
    query: &Parsed,
    one: &View<'_>,
    listed: &Parsed,
    other: &View<'_>,
    evidence: &mut Evidence,
) {
    let weak = one.brandless || other.brandless;
    let public = query.public || listed.public;
    let factor = match (one.region, other.region) {
        (None, None) => 1.0,
        (Some(a), Some(b)) => match relation(a, b) {
            Relation::Same if same_letters(one.region_text, other.region_text) => 1.0,
            Relation::Same => 0.97,
            Relation::Within if weak || public => 0.3,
            Relation::Within => 0.8,
            Relation::Apart => 0.05,
        },
        _ if weak => 0.3,
        _ if public => 0.45,
        (None, Some(added)) if query.region.is_some() => beside(query, added),
        (Some(added), None) if listed.region.is_some() => beside(listed, added),
        _ => {
            let trade = (query.body_end - query.trade).max(listed.body_end - listed.trade);
            match one.len().min(other.len()).saturating_sub(trade) {
                0..=2 => 0.75,
                3 => 0.85,
                _ => 0.9,
            }
        }
    };
    if factor < 1.0 {
        let (a, b) = (places(one.region_text), places(other.region_text));
        evidence.weigh(factor, DifferenceKind::Region, a, b);
    }
}

/// The likelihood where one name has a region beside the one that both begin with: 陕西宏图（福州）
/// and 福州陕西宏图 are members of 陕西宏图.
fn beside(name: &Parsed, added: &Region) -> f32 {
    match name.region.as_ref() {
        Some(stated) if relation(stated, added) == Relation::Same => 0.97,
        Some(stated) if stated.is_plain() => 0.3,
        _ => 0.6,
    }
}

/// Legal form and group.
fn weigh_form(query: &Parsed, listed: &Parsed, evidence: &mut Evidence) {
    let (a, b) = (
        &query.letters[query.form_range.clone()],
        &listed.letters[listed.form_range.clone()],
    );
    if query.group != listed.group {
        let one = places(&query.letters[query.group_range.clone()]);
        let other = places(&listed.letters[listed.group_range.clone()]);
        // 恒大地产 for 恒大地产集团有限公司; but 恒大地产有限公司 is another legal person.
        let short =
            |parsed: &Parsed| parsed.is_bare() && parsed.body_end > parsed.brand_start() + 3;
        let likelihood = if short(query) || short(listed) {
            0.65
        } else {
            0.3
        };
        evidence.weigh(likelihood, DifferenceKind::Group, one, other);
    }
    let factor = match (query.form, listed.form) {
        (one, other) if one == other => match same_letters(a, b) {
            true => return,
            false => 0.98,
        },
        // （普通合伙） behind 律师事务所.
        (Form::None, Form::Partnership(_)) if b.is_empty() => 0.95,
        (Form::Partnership(_), Form::None) if a.is_empty() => 0.95,
        (Form::None, other) => left_out(query, other),
        (other, Form::None) => left_out(listed, other),
        (Form::Company, Form::Limited | Form::Joint) => 0.96,
        (Form::Limited | Form::Joint, Form::Company) => 0.96,
        (Form::Limited, Form::Joint) | (Form::Joint, Form::Limited) => 0.75,
        (Form::Partnership(one), Form::Partnership(other)) => match one == '\0' || other == '\0' {
            true => 0.95,
            false => 0.45,
        },
        _ => 0.2,
    };
    evidence.weigh(factor, DifferenceKind::LegalForm, places(a), places(b));
}

/// The likelihood where one of the names states no legal form.
fn left_out(without: &Parsed, form: Form) -> f32 {
    let word = without.trade_word;
    let person = word.is(role::SHOP | role::UNIT) && !word.is(role::TRADE);
    match form {
        _ if person => 0.3,
        Form::Company | Form::Limited | Form::Joint => 0.94,
        _ => 0.85,
    }
}

fn weigh_branch(query: &Parsed, listed: &Parsed, evidence: &mut Evidence) {
    let a = &query.letters[query.branch.clone()];
    let b = &listed.letters[listed.branch.clone()];
    let factor = match (a.is_empty(), b.is_empty()) {
        _ if same_letters(a, b) => return,
        (false, false) if same_branch(a, b) => 0.97,
        (false, false) => 0.35,
        _ => 0.75,
    };
    evidence.weigh(factor, DifferenceKind::Branch, places(a), places(b));
}

/// Whether two branches are called the same but for the wording of their place.
fn same_branch(a: &[Letter], b: &[Letter]) -> bool {
    match (region_at(a), region_at(b)) {
        (Some(one), Some(other)) => {
            relation(&one, &other) == Relation::Same
                && same_letters(&a[one.chars..], &b[other.chars..])
        }
        _ => false,
    }
}

/// Brand and trade that are not equal letter by letter; `false` where they part for good.
fn compare_rest(
    query: &Parsed,
    one: &View<'_>,
    listed: &Parsed,
    other: &View<'_>,
    evidence: &mut Evidence,
) -> bool {
    evidence.score = UNRELATED;
    let (Some(a), Some(b)) = (one.start, other.start) else {
        return false;
    };
    // Whole rests, with the trade as it is written.
    let (a, b) = (query.rest(a), listed.rest(b));
    if one.brandless || other.brandless {
        return compare_units((one, a), (other, b), evidence);
    }
    let short = |with: &Parsed, full: &[Letter], without: &Parsed, rest: &[Letter]| {
        let shop = with.without_shop(full).filter(|_| without.is_shopless());
        shop.is_some_and(|shop| same_letters(shop, rest))
    };
    if short(query, a, listed, b) || short(listed, b, query, a) {
        // 宏图印刷 for 宏图印刷厂.
        let both = a.len().min(b.len());
        evidence.score = 0.99;
        let (one, other) = (places(&a[both..]), places(&b[both..]));
        evidence.weigh(0.75, DifferenceKind::Abbreviation, one, other);
        return true;
    }
    if let Some(slip) = slip::between(a, b) {
        return weigh_slip(&slip, (query, a), (listed, b), evidence);
    }
    weigh_parts((query, a), (listed, b), evidence)
}

/// Names without a brand, which are not the same: why.
fn compare_units(
    (one, a): (&View<'_>, &[Letter]),
    (other, b): (&View<'_>, &[Letter]),
    evidence: &mut Evidence,
) -> bool {
    let slip = slip::between(a, b).filter(|slip| slip.kind == DifferenceKind::Serial);
    if same_letters(a, b) {
        let (a, b) = (places(one.region_text), places(other.region_text));
        evidence.weigh(1.0, DifferenceKind::Region, a, b);
    } else if let Some(slip) = slip {
        let (a, b) = (places(&a[slip.query]), places(&b[slip.listed]));
        evidence.weigh(2.0, DifferenceKind::Serial, a, b);
    } else {
        evidence.weigh(1.0, DifferenceKind::Trade, places(a), places(b));
    }
    false
}

/// One character (or more of the same sound) differs.
fn weigh_slip<'a>(
    slip: &Slip,
    (query, a): (&Parsed, &'a [Letter]),
    (listed, b): (&Parsed, &'a [Letter]),
    evidence: &mut Evidence,
) -> bool {
    let parts = |parsed: &Parsed, letters: &'a [Letter]| Parts {
        letters,
        trade: parsed.body_end - parsed.trade,
        table_trade: parsed.body_end - parsed.table_trade,
    };
    let (likelihood, kind) = slip::judge(slip, parts(query, a), parts(listed, b));
    evidence.score = 0.99;
    let sound = |letters: &[Letter]| slip::sound_hash(letters.iter().map(|letter| letter.0));
    evidence.keyed = sound(a) == sound(b);
    let (one, other) = (slip.query.clone(), slip.listed.clone());
    evidence.weigh(likelihood, kind, places(&a[one]), places(&b[other]));
    likelihood >= 0.5
}

/// Whether both names have their region's last word in common, a city or county.
fn same_place(query: &Parsed, listed: &Parsed) -> bool {
    match (query.place_word(), listed.place_word()) {
        (Some(one), Some(other)) => same_letters(one, other),
        _ => false,
    }
}

/// Which parts differ where more than a slip does.
fn weigh_parts(
    (query, a): (&Parsed, &[Letter]),
    (listed, b): (&Parsed, &[Letter]),
    evidence: &mut Evidence,
) -> bool {
    let (brand_a, trade_a) = a.split_at(a.len().saturating_sub(query.body_end - query.trade));
    let (brand_b, trade_b) = b.split_at(b.len().saturating_sub(listed.body_end - listed.trade));
    let bare = |parsed: &Parsed, rest: &[Letter], brand: &[Letter], trade: &[Letter]| {
        // A school is no short name of its trade union.
        let unit = parsed.trade_word.is(role::UNIT);
        parsed.is_bare() && !unit && !trade.is_empty() && same_letters(rest, brand)
    };
    if bare(query, a, brand_b, trade_b) || bare(listed, b, brand_a, trade_a) {
        // A long brand alone, or a short one with its city: how people call a firm.
        let likelihood = match a.len().min(b.len()) {
            PLACED_CHARS if same_place(query, listed) => 0.62,
            BARE_CHARS_MIN => 0.72,
            4..=BARE_CHARS_MAX => 0.8,
            _ => 0.12,
        };
        evidence.score = 0.99;
        evidence.weigh(
            likelihood,
            DifferenceKind::Abbreviation,
            places(a),
            places(b),
        );
        return likelihood >= THRESHOLD;
    }
    if same_letters(brand_a, brand_b) {
        let likelihood = if brand_a.is_empty() { 0.01 } else { 0.12 };
        evidence.score = likelihood;
        evidence.weigh(1.0, DifferenceKind::Trade, places(trade_a), places(trade_b));
    } else if same_letters(trade_a, trade_b) && !trade_a.is_empty() {
        evidence.score = 0.04;
        evidence.weigh(1.0, DifferenceKind::Brand, places(brand_a), places(brand_b));
    } else {
        evidence.weigh(1.0, DifferenceKind::Unrelated, places(a), places(b));
    }
    false
}
