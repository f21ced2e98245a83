//! Names as people and firms bear them, drawn from the tables in `data/names`.
//!
//! In: random numbers. Out: names as common as in life, so that ten million persons share some
//! five million names; and names with one change in them, as a clerk's slip leaves them.

use crate::random::Random;
use std::collections::HashMap;

const SURNAMES: &str = include_str!("../../data/names/surnames.tsv");
const GIVEN_CHARS: &str = include_str!("../../data/names/given_chars.tsv");
const GIVEN_NAMES: &str = include_str!("../../data/names/given_names.tsv");
const BRANDS: &str = include_str!("../../data/names/brands.tsv");
const REGIONS: &str = include_str!("../../data/names/regions.tsv");
const WORDS: &str = include_str!("../../data/names/organisation_words.tsv");
const PINYIN: &str = include_str!("../../data/names/pinyin.tsv");

/// Share of persons with a given name of one character.
const SINGLE_SHARE: f64 = 0.1;
/// Share of firms whose brand is made of two characters as given names are; the others bear one of
/// the table.
const MADE_BRAND_SHARE: f64 = 0.5;
/// Legal forms, each as often as it stands here.
const FORMS: [&str; 8] = [
    "有限公司",
    "有限公司",
    "有限公司",
    "有限公司",
    "有限责任公司",
    "股份有限公司",
    "厂",
    "经营部",
];

/// Texts, each as often as its weight says.
struct Weighted {
    texts: Vec<&'static str>,
    /// Sums of the weights up to and with each text.
    ends: Vec<f64>,
}

impl Weighted {
    /// The first column of a table, weighed by another.
    fn of(table: &'static str, column: usize) -> Self {
        let (mut texts, mut ends, mut end) = (Vec::new(), Vec::new(), 0.0);
        for row in rows(table) {
            let mut columns = row.split('\t');
            let text = columns.next();
            let weight: Option<f64> = columns.nth(column - 1).and_then(|text| text.parse().ok());
            if let (Some(text), Some(weight)) = (text, weight.filter(|weight| *weight > 0.0)) {
                end += weight;
                texts.push(text);
                ends.push(end);
            }
        }
        Self { texts, ends }
    }

    fn sum(&self) -> f64 {
        self.ends.last().copied().unwrap_or(0.0)
    }

    fn draw(&self, random: &mut Random) -> &'static str {
        let at = random.unit() * self.sum();
        let place = self.ends.partition_point(|end| *end <= at);
        self.texts[place.min(self.texts.len() - 1)]
    }
}

/// What names are made of.
pub struct Names {
    surnames: Weighted,
    first: Weighted,
    second: Weighted,
    single: Weighted,
    /// Given names more frequent than their characters suggest; their bearers per million.
    frequent: Weighted,
    brands: Vec<String>,
    regions: Vec<&'static str>,
    trades: Vec<&'static str>,
    /// Characters by their first reading, and the reading of each.
    sounds: HashMap<&'static str, Vec<char>>,
    readings: HashMap<char, &'static str>,
}

impl Names {
    /// From the tables, which are compiled in.
    pub fn new() -> Self {
        let (sounds, readings) = sounds();
        let kind = |row: &'static str| row.strip_prefix("trade\t");
        let short = |row: &'static str| {
            let mut columns = row.split('\t').skip(1);
            let is_recent = columns.next() == Some("1");
            let name = columns.next()?;
            let short = columns.next().and_then(|forms| forms.split(' ').next());
            is_recent.then(|| short.filter(|short| !short.is_empty()).unwrap_or(name))
        };
        Self {
            surnames: Weighted::of(SURNAMES, 1),
            first: Weighted::of(GIVEN_CHARS, 1),
            second: Weighted::of(GIVEN_CHARS, 2),
            single: Weighted::of(GIVEN_CHARS, 3),
            frequent: Weighted::of(GIVEN_NAMES, 1),
            brands: brands(),
            regions: rows(REGIONS).filter_map(short).collect(),
            trades: rows(WORDS).filter_map(kind).collect(),
            sounds,
            readings,
        }
    }

    /// The name of a person.
    pub fn person(&self, random: &mut Random) -> String {
        let mut name = String::with_capacity(16);
        name.push_str(self.surnames.draw(random));
        let share = random.unit();
        let frequent = self.frequent.sum() / 1e6;
        if share < SINGLE_SHARE {
            name.push_str(self.single.draw(random));
        } else if share < SINGLE_SHARE + frequent {
            name.push_str(self.frequent.draw(random));
        } else {
            self.push_pair(random, &mut name);
        }
        name
    }

    /// The name of an organisation: region, brand, trade, legal form.
    pub fn organisation(&self, random: &mut Random) -> String {
        let mut name = String::with_capacity(48);
        name.push_str(random.choose(&self.regions));
        if random.happens(MADE_BRAND_SHARE) {
            self.push_pair(random, &mut name);
        } else {
            name.push_str(&self.brands[random.below(self.brands.len() as u64) as usize]);
        }
        name.push_str(self.trades[random.skewed(self.trades.len())]);
        name.push_str(random.choose(&FORMS));
        name
    }

    /// `name` with one change, of five kinds in equal shares: another character, one of the same
    /// sound, one more, one less, two neighbours exchanged. At times nothing changes.
    pub fn edited(&self, name: &str, random: &mut Random) -> String {
        let mut chars: Vec<char> = name.chars().collect();
        let place = random.below(chars.len().max(1) as u64) as usize;
        let other = self.first.draw(random).chars().next().unwrap_or('明');
        match random.below(5) {
            0 => chars[place] = other,
            1 => chars[place] = self.same_sound(chars[place], random).unwrap_or(other),
            2 => chars.insert(place, other),
            3 if chars.len() > 2 => drop(chars.remove(place)),
            _ => chars.swap(place, (place + 1) % name.chars().count()),
        }
        chars.into_iter().collect()
    }

    fn same_sound(&self, c: char, random: &mut Random) -> Option<char> {
        let alike = self.sounds.get(self.readings.get(&c)?)?;
        Some(alike[random.below(alike.len() as u64) as usize])
    }

    fn push_pair(&self, random: &mut Random, name: &mut String) {
        name.push_str(self.first.draw(random));
        name.push_str(self.second.draw(random));
    }
}

/// Lines of a table without its head.
fn rows(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

/// Two columns: the first character, and the rests of all brands that begin with it.
fn brands() -> Vec<String> {
    let of_row = |row: &'static str| {
        let (first, rests) = row.split_once('\t').unwrap_or((row, ""));
        rests.split(' ').map(move |rest| format!("{first}{rest}"))
    };
    let brands = rows(BRANDS).flat_map(of_row);
    brands.filter(|brand| brand.chars().count() >= 2).collect()
}

type Sounds = HashMap<&'static str, Vec<char>>;

/// Usual characters (those of given names) by first reading, and the reading of each.
fn sounds() -> (Sounds, HashMap<char, &'static str>) {
    let usual: Vec<char> = rows(GIVEN_CHARS)
        .filter_map(|row| row.chars().next())
        .collect();
    let mut readings = HashMap::new();
    for row in rows(PINYIN) {
        if let Some((text, all)) = row.split_once('\t')
            && let (Some(c), Some(first)) = (text.chars().next(), all.split(' ').next())
        {
            readings.insert(c, first);
        }
    }
    let mut sounds = Sounds::new();
    for c in usual {
        if let Some(first) = readings.get(&c) {
            sounds.entry(*first).or_default().push(c);
        }
    }
    (sounds, readings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn common_names_are_common_and_rare_ones_many() {
        let names = Names::new();
        let mut random = Random::new(1);
        let drawn: Vec<String> = (0..100_000).map(|_| names.person(&mut random)).collect();
        let mut counts: HashMap<&str, u32> = HashMap::new();
        for name in &drawn {
            *counts.entry(name).or_default() += 1;
        }
        // Some forty thousand bear a name nobody else of a hundred thousand bears.
        assert!((60_000..97_000).contains(&counts.len()), "{}", counts.len());
        assert!(counts.values().max() > Some(&10));
        let wangs = drawn.iter().filter(|name| name.starts_with('王')).count();
        assert!((6_000..9_000).contains(&wangs), "{wangs}");
        let lengths: HashSet<usize> = drawn.iter().map(|name| name.chars().count()).collect();
        assert!(lengths.contains(&2) && lengths.contains(&3) && lengths.contains(&4));
    }

    #[test]
    fn firms_have_a_region_a_brand_a_trade_and_a_form() {
        let names = Names::new();
        let mut random = Random::new(1);
        let drawn: HashSet<String> = (0..10_000)
            .map(|_| names.organisation(&mut random))
            .collect();
        assert!(drawn.len() > 9_990, "{}", drawn.len());
        assert!(drawn.iter().all(|name| name.chars().count() >= 6));
        assert!(names.brands.len() > 10_000 && names.regions.len() > 2_000);
        assert!(names.trades.len() > 400);
    }

    #[test]
    fn an_edit_changes_one_place() {
        let names = Names::new();
        let mut random = Random::new(3);
        let edited: Vec<String> = (0..1_000)
            .map(|_| names.edited("王建国", &mut random))
            .collect();
        let changed = edited.iter().filter(|name| *name != "王建国").count();
        assert!(changed > 900, "{changed}");
        assert!(edited.iter().any(|name| name.chars().count() == 2));
        assert!(edited.iter().any(|name| name.chars().count() == 4));
    }
}
