//! The divisions of China by name, from `data/names/regions.tsv`: what region a name begins with,
//! and whether two regions can be one.
//!
//! In: characters of a folded name. Out: the region they begin with, as the divisions it may be,
//! and the relation of two regions. A name such as 鼓楼区 is several divisions; a parent before it
//! leaves fewer. Old divisions count: a firm keeps the name under which it was registered. No I/O.
//!
//! HOT: each step of a chain of parents is one pass over at most `REGION_CHARS_MAX` characters.

use super::words::{HashTable, Letter, first_word, hash_of, role, step, word_of};
use smallvec::SmallVec;
use std::sync::LazyLock;

/// The table of divisions, as shipped.
pub const TABLE: &str = include_str!("../../../data/names/regions.tsv");

/// Characters of the longest name in the table that is looked for.
const REGION_CHARS_MAX: usize = 20;
/// Characters by which words are told from texts that begin with none; no word is shorter.
const BEGIN_CHARS: usize = 2;
/// Bits for the beginnings of words, of which there are some 5,000.
const BEGIN_BITS: usize = 1 << 17;
/// Provinces that are cities: 北京, 天津, 上海, 重庆.
const MUNICIPALITIES: [u32; 4] = [11, 12, 31, 50];
/// Regions named one after the other: province, prefecture, county, zone.
const CHAIN_MAX: usize = 4;

static REGIONS: LazyLock<Regions> = LazyLock::new(|| Regions::parse(TABLE));

/// A division under one of its names.
#[derive(Debug, Clone, Copy)]
struct Division {
    code: u32,
    current: bool,
    /// Hash of the shortest form of its name.
    short: u64,
    /// The kind of development zone that it is; empty for none.
    zone: &'static str,
    /// It has ended under this code and goes on under another one.
    moved: bool,
    /// It goes on in no prefecture that held it: only a parent before it tells that it is meant.
    left: bool,
}

/// What a word names, as a run of `named`.
#[derive(Debug, Clone, Copy, Default)]
struct Naming {
    start: u32,
    len: u16,
    /// Characters of the word without 省, 市, 县, ...: the shortest form that begins it.
    short_chars: u8,
    /// The word is a name in full.
    full: bool,
}

struct Regions {
    words: HashTable<Naming>,
    /// A bit for each beginning of a word: most texts begin with none, and end here.
    begins: Box<[u64; BEGIN_BITS / 64]>,
    /// Characters of the longest word with a beginning.
    reach: HashTable<u8>,
    divisions: Vec<Division>,
    /// Numbers of divisions, a run for each word.
    named: Vec<u16>,
}

impl Regions {
    fn parse(table: &str) -> Self {
        let mut divisions = Vec::new();
        let mut rows: Vec<(u64, u16, u8, bool)> = Vec::new();
        let mut begins = Box::new([0; BEGIN_BITS / 64]);
        let mut reach = HashTable::with_room(table.lines().count());
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            let [code, current, name, others] = columns[..] else {
                continue;
            };
            let Ok(code) = code.parse() else { continue };
            let number = divisions.len() as u16;
            let forms = || others.split(' ').filter(|form| !form.is_empty());
            let starts = |word: &str| {
                let begins = forms().filter(|form| word.starts_with(form));
                let chars = begins.map(|form| form.chars().count()).min();
                chars.unwrap_or_else(|| word.chars().count()) as u8
            };
            for word in forms().chain([name]) {
                let begin = hash_of(word.chars().take(BEGIN_CHARS));
                let chars = word.chars().count().min(REGION_CHARS_MAX) as u8;
                let longest: &mut u8 = reach.entry(begin);
                *longest = chars.max(*longest);
                let (word, bit) = begin_bit(begin);
                begins[word] |= bit;
            }
            rows.push((hash_of(name.chars()), number, starts(name), true));
            rows.extend(forms().map(|form| (hash_of(form.chars()), number, starts(form), false)));
            let short: String = name.chars().take(usize::from(starts(name))).collect();
            divisions.push(Division {
                code,
                current: current == "1",
                // 郊区 and 城区 are many places of one province.
                short: match short.ends_with('区') {
                    true => u64::from(code),
                    false => hash_of(short.chars()),
                },
                zone: zone_of(name),
                moved: false,
                left: false,
            });
        }
        mark_moved(&mut divisions);
        rows.sort_unstable();
        let distinct = rows.chunk_by(|a, b| a.0 == b.0).count();
        let mut words = HashTable::with_room(distinct);
        for (at, (hash, _, short_chars, full)) in rows.iter().enumerate() {
            let naming: &mut Naming = words.entry(*hash);
            if naming.len == 0 {
                naming.start = at as u32;
                naming.short_chars = *short_chars;
            }
            naming.len += 1;
            naming.full |= *full;
        }
        let named = rows.into_iter().map(|row| row.1).collect();
        Self {
            words,
            begins,
            reach,
            divisions,
            named,
        }
    }

    fn named(&self, naming: Naming) -> &[u16] {
        let start = naming.start as usize;
        self.named
            .get(start..start + usize::from(naming.len))
            .unwrap_or_default()
    }

    fn division(&self, number: u16) -> Division {
        self.divisions[usize::from(number)]
    }
}

/// The kind of development zone that a division is, by the end of its name.
fn zone_of(name: &str) -> &'static str {
    let mut starts = name.char_indices().skip(2).map(|(start, _)| start);
    let zone = starts.find_map(|start| {
        let word = word_of(name[start..].chars())?;
        word.is(role::ZONE).then_some(word.means)
    });
    zone.unwrap_or_default()
}

/// Marks ended divisions whose name is borne by a present one of the same province: their old code
/// may name another place today.
fn mark_moved(divisions: &mut [Division]) {
    let key = |division: &Division| (division.short, division.code / 10_000);
    let mut present: Vec<_> = divisions.iter().filter(|d| d.current).map(key).collect();
    present.sort_unstable();
    let mut near: Vec<_> = (divisions.iter().filter(|d| d.current))
        .map(|division| (division.short, division.code / 100))
        .collect();
    near.sort_unstable();
    for division in divisions.iter_mut().filter(|division| !division.current) {
        division.moved = present.binary_search(&key(division)).is_ok();
        let beside = (division.short, division.code / 100);
        division.left = division.moved && near.binary_search(&beside).is_err();
    }
}

/// Where the bit of a beginning stands, by its hash.
fn begin_bit(hash: u64) -> (usize, u64) {
    let bit = (hash >> 32) as usize % BEGIN_BITS;
    (bit / 64, 1 << (bit % 64))
}

/// Whether the division `upper` holds `lower`, or is it.
fn holds(upper: u32, lower: u32) -> bool {
    match upper {
        _ if upper == lower => true,
        _ if upper.is_multiple_of(10_000) => upper / 10_000 == lower / 10_000,
        _ if upper.is_multiple_of(100) => upper / 100 == lower / 100,
        _ => false,
    }
}

/// A region as a name states it.
#[derive(Debug, Clone, Default)]
pub struct Region {
    /// Characters it takes, with its parents.
    pub chars: usize,
    /// Where its last word begins, and where the shortest form of that word ends.
    pub last: (usize, usize),
    /// Its last word is a name in full, or a parent stands before it.
    pub certain: bool,
    /// Numbers of the divisions it may be.
    divisions: SmallVec<[u16; 8]>,
    /// The kind of development zone in it; empty for none.
    zone: &'static str,
}

impl Region {
    /// Whether every division that `other` may be lies in one that this may be.
    fn holds(&self, other: &Self) -> bool {
        let mut lower = other.divisions.iter();
        lower.all(|number| is_within(*number, &self.divisions))
    }

    /// Whether it is a prefecture, and the `chars` characters of `rest` are its name in short.
    fn is_called(&self, letters: &[Letter], rest: &[Letter], chars: u8) -> bool {
        let short = &letters[self.last.0..self.last.1];
        let same = |(one, other): (&Letter, &Letter)| one.0 == other.0;
        let code = |number: &u16| REGIONS.division(*number).code;
        short.len() == usize::from(chars)
            && short.iter().zip(rest).all(same)
            && self
                .divisions
                .iter()
                .any(|number| code(number) % 10_000 > 0 && code(number) % 100 == 0)
    }

    /// Whether the name means a place, not a brand that is called like a small town: its name is in
    /// full, or it is a prefecture or province.
    pub fn is_plain(&self) -> bool {
        let mut divisions = self.divisions.iter();
        self.certain || divisions.any(|number| REGIONS.division(*number).code.is_multiple_of(100))
    }

    /// Whether it is a city, a county or a zone, and no province.
    pub fn is_local(&self) -> bool {
        let local = |division: Division| {
            !division.code.is_multiple_of(10_000)
                || MUNICIPALITIES.contains(&(division.code / 10_000))
        };
        let mut divisions = self.divisions.iter();
        divisions.any(|number| local(REGIONS.division(*number)))
    }
}

/// The longest region at the beginning of `letters`.
pub fn region_at(letters: &[Letter]) -> Option<Region> {
    let mut best = None;
    extend(letters, &Region::default(), 0, &mut best);
    let mut best: Region = best?;
    if let Some((chars, word)) = first_word(&letters[best.chars..], role::ZONE) {
        best.last = (best.chars, best.chars + chars);
        best.chars += chars;
        best.zone = word.means;
        best.certain = true;
    }
    while let Some(again) = again_at(letters, &best) {
        best = again;
    }
    Some(best)
}

/// The region at the beginning of `letters` with a repetition of it: 深圳坪山深圳坪山, 新河县新河,
/// 金华市金华兰溪.
fn again_at(letters: &[Letter], region: &Region) -> Option<Region> {
    let rest = &letters[region.chars..];
    let mut again = None;
    extend(rest, &Region::default(), 0, &mut again);
    let mut again: Region = again?;
    let names_last = |chars: usize| {
        let (from, to) = region.last;
        let last = &letters[from..to];
        let same = |(one, other): (&Letter, &Letter)| one.0 == other.0;
        last.len() <= chars && last.iter().zip(rest).all(same)
    };
    again.last = (again.last.0 + region.chars, again.last.1 + region.chars);
    again.chars += region.chars;
    match relation(region, &again) {
        Relation::Same => {
            again.zone = region.zone;
            Some(again)
        }
        // Its own name, and what lies in it; or a parent in full.
        Relation::Within if region.zone.is_empty() && names_last(again.chars) => Some(again),
        Relation::Within if again.certain && again.holds(region) => Some(Region {
            chars: again.chars,
            ..region.clone()
        }),
        _ => None,
    }
}

/// The region that `letters` are from end to end.
pub fn region_of(letters: &[Letter]) -> Option<Region> {
    region_at(letters).filter(|region| region.chars == letters.len())
}

fn extend(letters: &[Letter], parent: &Region, depth: usize, best: &mut Option<Region>) {
    if depth == CHAIN_MAX {
        return;
    }
    let regions = &*REGIONS;
    let rest = &letters[parent.chars..];
    let mut hash = hash_of(rest.iter().take(BEGIN_CHARS - 1).map(|letter| letter.0));
    let begin = rest
        .get(BEGIN_CHARS - 1)
        .map_or(hash, |next| step(hash, u32::from(next.0)));
    let (word, bit) = begin_bit(begin);
    if regions.begins[word] & bit == 0 {
        return;
    }
    let limit = usize::from(regions.reach.get(begin).unwrap_or_default());
    let next = rest.iter().enumerate().take(limit).skip(BEGIN_CHARS - 1);
    for (index, letter) in next {
        hash = step(hash, u32::from(letter.0));
        let Some(naming) = regions.words.get(hash) else {
            continue;
        };
        let mut divisions: SmallVec<[u16; 8]> = (regions.named(naming).iter().copied())
            .filter(|number| depth == 0 || is_within(*number, &parent.divisions))
            .collect();
        // 广元市中创 begins with 广元市, not with 市中区 of 广元.
        let cut = depth > 0 && !naming.full && rest[0].0 == '市';
        let again = depth > 0 && parent.is_called(letters, rest, naming.short_chars);
        if divisions.is_empty() || cut || again && !naming.full {
            continue;
        }
        if again && letter.0 != '县' {
            // 潍坊潍坊市: a city in the prefecture of its name was the same place.
            divisions.extend(parent.divisions.iter().copied());
        }
        let region = Region {
            chars: parent.chars + index + 1,
            last: (parent.chars, parent.chars + usize::from(naming.short_chars)),
            certain: naming.full || depth > 0,
            divisions,
            zone: "",
        };
        extend(letters, &region, depth + 1, best);
        if best.as_ref().is_none_or(|best| best.chars < region.chars) {
            *best = Some(region);
        }
    }
}

fn is_within(number: u16, parents: &[u16]) -> bool {
    let code = REGIONS.division(number).code;
    parents.iter().any(|parent| {
        let parent = REGIONS.division(*parent);
        parent.code != code && holds(parent.code, code)
    })
}

/// How two regions stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// Nothing says that one is in the other.
    Apart,
    /// One may hold the other.
    Within,
    /// They may be the same.
    Same,
}

/// The nearest relation between the divisions that two regions may be.
pub fn relation(one: &Region, other: &Region) -> Relation {
    let mut nearest = Relation::Apart;
    for a in (one.divisions.iter()).map(|number| REGIONS.division(*number)) {
        for b in (other.divisions.iter()).map(|number| REGIONS.division(*number)) {
            let zones = (zone(one, a), zone(other, b));
            let inside = a.code != b.code
                && (holds(a.code, b.code) && !(b.left && other.last.0 == 0)
                    || holds(b.code, a.code) && !(a.left && one.last.0 == 0));
            nearest = nearest.max(match zones {
                _ if !is_same(a, b) && !inside => Relation::Apart,
                ("", "") if inside => Relation::Within,
                (a, b) if a == b => Relation::Same,
                ("", _) | (_, "") => Relation::Within,
                _ => Relation::Apart,
            });
        }
    }
    nearest
}

/// The kind of zone that a region is, read as `division`.
fn zone(region: &Region, division: Division) -> &'static str {
    match region.zone {
        "" => division.zone,
        zone => zone,
    }
}

/// The same code under the same or a new name, or the same name in the same province under a new
/// code. A code that was given to another place says nothing.
fn is_same(a: Division, b: Division) -> bool {
    let renamed = a.code == b.code && !a.moved && !b.moved;
    let province = a.code / 10_000 == b.code / 10_000;
    let ended = a.code == b.code || !(a.current && b.current);
    renamed || a.short == b.short && province && ended
}
