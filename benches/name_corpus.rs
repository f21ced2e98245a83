//! Synthetic names, as common as people are, with edits planted; and tables of similar names made
//! of them without list records, so that ten million fit into memory.
//!
//! In: random numbers, and the frequency tables under `data/names` where they are. Out: names.

#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    reason = "shared by benches and tests; none uses all of it"
)]

use super::corpus::Random;
use hecha::index::candidates::NameTables;
use hecha::index::key_table::KeyTable;
use hecha::index::line_table;
use hecha::index::name_keys::{self, Bearers, NameSource, Table};
use hecha::name::edits::text_key;
use hecha::name::fold::fold;
use hecha::name::similarity::NameKind;
use hecha::snapshot::rows::{KeyEntry, Line, NameRow, PlaceEntry};
use rayon::prelude::*;
use std::collections::HashMap;

pub const SEED: u64 = 0x5eed;
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/names/");
/// One given name in so many has one character.
const SINGLE_IN: usize = 14;
const TRADES: &[&str] = &[
    "建筑工程",
    "贸易",
    "物流",
    "食品",
    "科技",
    "电梯",
    "环保",
    "置业",
    "餐饮",
    "服装",
    "机械",
    "广告",
    "酒店管理",
    "物业管理",
    "电子商务",
    "装饰工程",
    "汽车服务",
    "医疗器械",
];
const FORMS: &[&str] = &[
    "有限公司",
    "有限公司",
    "有限公司",
    "有限责任公司",
    "股份有限公司",
    "厂",
    "经营部",
    "合作社",
];

/// Texts, each as often as its weight says.
struct Weighted {
    texts: Vec<String>,
    ends: Vec<f64>,
}

impl Weighted {
    fn of(pairs: impl Iterator<Item = (String, f64)>) -> Self {
        let mut all = Self {
            texts: Vec::new(),
            ends: Vec::new(),
        };
        let mut end = 0.0;
        for (text, weight) in pairs.filter(|(_, weight)| *weight > 0.0) {
            end += weight;
            all.texts.push(text);
            all.ends.push(end);
        }
        all
    }

    fn draw(&self, random: &mut Random) -> &str {
        let end = self.ends.last().copied().unwrap_or(0.0);
        let at = (random.next() >> 11) as f64 / (1u64 << 53) as f64 * end;
        let place = self.ends.partition_point(|end| *end <= at);
        &self.texts[place.min(self.texts.len() - 1)]
    }
}

/// What names are made of.
pub struct Names {
    surnames: Weighted,
    first: Weighted,
    second: Weighted,
    single: Weighted,
    regions: Vec<String>,
    brands: Vec<String>,
    sounds: HashMap<char, Vec<char>>,
}

/// One change of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    Other,
    SameSound,
    Inserted,
    Deleted,
    Swapped,
}

impl Edit {
    pub const ALL: [Self; 5] = [
        Self::Other,
        Self::SameSound,
        Self::Inserted,
        Self::Deleted,
        Self::Swapped,
    ];
}

/// Lines of a table, without its head, cut into columns; none where it is not there.
fn rows(file: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(format!("{DATA}{file}")).unwrap_or_default();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

impl Names {
    /// From the tables of the project, or from few words where they are not there.
    pub fn new() -> Self {
        let weighted = |rows: &[Vec<String>], column: usize| {
            Weighted::of(
                rows.iter()
                    .filter_map(|row| Some((row.first()?.clone(), row.get(column)?.parse().ok()?))),
            )
        };
        let surnames = rows("surnames.tsv");
        let given = rows("given_chars.tsv");
        let few = |texts: &str| {
            let pairs = texts.chars().zip(1..);
            Weighted::of(pairs.map(|(c, place)| (c.to_string(), 1.0 / f64::from(place))))
        };
        let or_few = |table: Weighted, texts: &str| match table.texts.is_empty() {
            true => few(texts),
            false => table,
        };
        let characters = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建国志海玉兰文斌";
        Self {
            surnames: or_few(weighted(&surnames, 1), "王李张刘陈杨黄赵吴周徐孙马朱胡郭"),
            first: or_few(weighted(&given, 2), characters),
            second: or_few(weighted(&given, 3), characters),
            single: or_few(weighted(&given, 4), characters),
            regions: regions(),
            brands: brands(),
            sounds: sounds(),
        }
    }

    /// The name of a person, folded.
    pub fn person(&self, random: &mut Random) -> String {
        let mut name = self.surnames.draw(random).to_owned();
        if random.below(SINGLE_IN) == 0 {
            name.push_str(self.single.draw(random));
        } else {
            name.push_str(self.first.draw(random));
            name.push_str(self.second.draw(random));
        }
        fold(&name)
    }

    /// The name of an organisation, folded.
    pub fn organisation(&self, random: &mut Random) -> String {
        let mut name = self.regions[random.below(self.regions.len())].clone();
        if self.brands.is_empty() || random.chance(50) {
            name.push_str(self.first.draw(random));
            name.push_str(self.second.draw(random));
        } else {
            name.push_str(&self.brands[random.below(self.brands.len())]);
        }
        name.push_str(TRADES[random.below(TRADES.len())]);
        name.push_str(FORMS[random.below(FORMS.len())]);
        fold(&name)
    }

    pub fn of_kind(&self, kind: NameKind, random: &mut Random) -> String {
        match kind {
            NameKind::Person => self.person(random),
            NameKind::Organisation => self.organisation(random),
        }
    }

    /// `name` with one change; `None` where the change is not possible or changes nothing.
    pub fn edited(&self, name: &str, edit: Edit, random: &mut Random) -> Option<String> {
        let mut chars: Vec<char> = name.chars().collect();
        let place = random.below(chars.len());
        match edit {
            Edit::Other => chars[place] = self.character(random)?,
            Edit::SameSound => {
                let alike = self.sounds.get(&chars[place])?;
                chars[place] = alike[random.below(alike.len())];
            }
            Edit::Inserted => chars.insert(place, self.character(random)?),
            Edit::Deleted => drop(chars.remove(place)),
            Edit::Swapped => chars.swap(place, (place + 1).min(name.chars().count() - 1)),
        }
        let edited = fold(&String::from_iter(chars));
        (edited != name && !edited.is_empty()).then_some(edited)
    }

    fn character(&self, random: &mut Random) -> Option<char> {
        self.first.draw(random).chars().next()
    }
}

fn regions() -> Vec<String> {
    let rows = rows("regions.tsv");
    let short = rows.iter().filter_map(|row| row.last()?.split(' ').next());
    let mut regions: Vec<String> = short.map(str::to_owned).collect();
    if regions.is_empty() {
        let few = [
            "福州", "厦门", "泉州", "漳州", "莆田", "三明", "南平", "龙岩",
        ];
        regions.extend(few.map(str::to_owned));
    }
    regions
}

fn brands() -> Vec<String> {
    let of_row = |row: Vec<String>| -> Vec<String> {
        let [first, rest] = row.as_slice() else {
            return Vec::new();
        };
        rest.split(' ')
            .map(|rest| format!("{first}{rest}"))
            .collect()
    };
    rows("brands.tsv").into_iter().flat_map(of_row).collect()
}

/// Other characters of the same first reading, by character.
fn sounds() -> HashMap<char, Vec<char>> {
    let mut by_sound: HashMap<String, Vec<char>> = HashMap::new();
    for row in rows("pinyin.tsv") {
        if let [character, readings, ..] = row.as_slice()
            && let (Some(c), Some(first)) = (character.chars().next(), readings.split(' ').next())
            && ('\u{4e00}'..='\u{9fff}').contains(&c)
        {
            by_sound.entry(first.to_owned()).or_default().push(c);
        }
    }
    if by_sound.is_empty() {
        by_sound.insert(
            String::new(),
            "伟芳娜敏静丽强磊军洋勇艳杰娟涛明".chars().collect(),
        );
    }
    let mut sounds = HashMap::new();
    for alike in by_sound.values().filter(|alike| alike.len() > 1) {
        for c in alike {
            sounds.insert(
                *c,
                alike.iter().copied().filter(|other| other != c).collect(),
            );
        }
    }
    sounds
}

/// Listed names in memory, sorted, each once.
pub struct Listed {
    names: Vec<(Box<str>, Bearers)>,
    rows: Vec<NameRow>,
    text: Vec<u8>,
    lines: Vec<Line>,
    person_places: Table<PlaceEntry>,
    person_keys: Table<KeyEntry>,
    organisation_keys: Table<KeyEntry>,
    /// Seconds that the tables of similar names took.
    pub build_seconds: f64,
}

struct Texts<'a>(&'a [(Box<str>, Bearers)]);

impl NameSource for Texts<'_> {
    fn count(&self) -> u32 {
        self.0.len() as u32
    }

    fn text(&self, name: u32) -> &str {
        &self.0[name as usize].0
    }

    fn bearers(&self, name: u32) -> Bearers {
        self.0[name as usize].1
    }
}

impl Listed {
    /// Of one entry a name; `keys_max` as in a build.
    pub fn new(mut entries: Vec<(Box<str>, NameKind)>, keys_max: usize) -> Self {
        entries.par_sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut names: Vec<(Box<str>, Bearers)> = Vec::new();
        let mut firsts = Vec::new();
        for (place, (name, kind)) in entries.into_iter().enumerate() {
            match names.last_mut() {
                Some((last, bearers)) if *last == name => *bearers = bearers.and(kind),
                _ => {
                    names.push((name, Bearers::NONE.and(kind)));
                    firsts.push(place as u32);
                }
            }
        }
        let mut text = Vec::new();
        let mut rows = Vec::with_capacity(names.len() + 1);
        for ((name, _), first) in names.iter().zip(firsts) {
            rows.push(NameRow::new(text.len() as u32, first, 0));
            text.extend_from_slice(name.as_bytes());
        }
        rows.push(NameRow::new(text.len() as u32, u32::MAX, 0));
        let keys: Vec<u64> = names
            .par_iter()
            .map(|(name, _)| text_key(SEED, name))
            .collect();
        let lines = line_table::build(&keys).unwrap();
        drop(keys);
        let started = std::time::Instant::now();
        let source = Texts(&names);
        let person_places = name_keys::person_place_table(&source, SEED, keys_max);
        let person_keys = name_keys::person_key_table(&source, SEED, keys_max);
        let organisation_keys = name_keys::organisation_key_table(&source, SEED, keys_max);
        let build_seconds = started.elapsed().as_secs_f64();
        Self {
            names,
            rows,
            text,
            lines,
            person_places,
            person_keys,
            organisation_keys,
            build_seconds,
        }
    }

    pub fn count(&self) -> usize {
        self.names.len()
    }

    pub fn name(&self, name: usize) -> (&str, Bearers) {
        (&self.names[name].0, self.names[name].1)
    }

    /// The name of the entry at this place.
    pub fn name_of_entry(&self, entry: usize) -> usize {
        let names = &self.rows[..self.names.len()];
        names.partition_point(|row| row.entry_first() as usize <= entry) - 1
    }

    pub fn tables(&self) -> NameTables<'_> {
        NameTables {
            only: None,
            seed: SEED,
            lines: &self.lines,
            rows: &self.rows,
            text: &self.text,
            person_places: KeyTable::new(&self.person_places.0, &self.person_places.1),
            person_keys: KeyTable::new(&self.person_keys.0, &self.person_keys.1),
            organisation_keys: KeyTable::new(&self.organisation_keys.0, &self.organisation_keys.1),
        }
    }

    /// Bytes of the tables of similar names; of lines, rows and texts.
    pub fn bytes(&self) -> [(&'static str, usize); 6] {
        let table = |directory: usize, entries: usize, size: usize| directory * 4 + entries * size;
        let keys = |table_: &Table<KeyEntry>| table(table_.0.len(), table_.1.len(), 6);
        [
            (
                "person places",
                table(self.person_places.0.len(), self.person_places.1.len(), 8),
            ),
            ("person keys", keys(&self.person_keys)),
            ("organisation keys", keys(&self.organisation_keys)),
            ("name lines", self.lines.len() * 64),
            ("name rows", self.rows.len() * 12),
            ("name text", self.text.len()),
        ]
    }
}
