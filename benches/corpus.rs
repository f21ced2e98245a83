//! Synthetic list records for benches and tests: names that repeat as in life, numbers that can
//! belong to nobody, full and masked, several listings of one subject, holders of firms.
//!
//! In: a seed and a place. Out: one line of JSON, always the same for the same seed and place.

#![allow(
    dead_code,
    missing_docs,
    reason = "shared by benches and tests; none uses all of it"
)]

use hecha::catalogue::measure::Catalogue;
use hecha::identifier::synthetic;
use hecha::intake::validate::parse_record;
use hecha::model::entry::ListRecord;
use std::fmt::Write;

const SURNAMES: &[&str] = &[
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭",
    "何", "林", "高", "罗", "郑", "梁", "谢", "宋", "唐", "许", "韩", "邓", "冯", "曹", "欧阳",
    "上官",
];
const GIVEN: &[&str] = &[
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明",
    "超", "秀", "霞", "平", "刚", "桂", "英", "华", "建", "国", "志", "海", "玉", "兰", "文", "斌",
    "宇", "浩", "凯", "雪", "琳", "佳", "欣", "怡", "晨", "梓", "涵", "轩", "博", "思", "雨", "嘉",
    "俊", "婷",
];
const TRADES: &[&str] = &[
    "建筑工程",
    "贸易",
    "物流",
    "食品",
    "科技",
    "电梯",
    "环保",
    "置业",
];
const PLACES: &[&str] = &[
    "福州", "厦门", "泉州", "漳州", "莆田", "三明", "南平", "龙岩",
];
const PERSON_LISTS: &[&str] = &["court-defaulter", "court-defaulter", "fj-blacklist"];
const FIRM_LISTS: &[(&str, &[&str])] = &[
    ("fj-blacklist", &[]),
    ("court-defaulter", &[]),
    ("env-credit-rating", &["green", "blue", "yellow", "red"]),
];
const PATTERNS: &[&str] = &[
    "vvvvvvvvvv****vvvv",
    "vvvvvv********vvvv",
    "vvv***********vvvv",
];

/// Small, fast, good enough: SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    pub fn one_of<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// The line of JSON at `place`, without its end. About one entry in five repeats the subject of
/// an earlier one.
pub fn line(seed: u64, place: u64) -> String {
    let mut random = Random::new(seed ^ place.wrapping_mul(0xd6e8_feb8_6659_fd93));
    let of = if random.chance(20) { place / 2 } else { place };
    let mut subject = Random::new(seed ^ of.wrapping_mul(0xa076_1d64_78bd_642f));
    let mut json = String::with_capacity(900);
    if subject.chance(80) {
        person_record(&mut json, &mut random, &mut subject, place, of);
    } else {
        firm_record(&mut json, &mut random, &mut subject, place, of);
    }
    json
}

/// The validated record at `place`.
pub fn record(seed: u64, place: u64, catalogue: &Catalogue) -> ListRecord {
    parse_record(&line(seed, place), catalogue).expect("the corpus is valid")
}

/// Validated records of the places below `count`.
pub fn records(seed: u64, count: u64, catalogue: &Catalogue) -> Vec<ListRecord> {
    (0..count)
        .map(|place| record(seed, place, catalogue))
        .collect()
}

/// The full citizen number of the person at `place`, listed or not; no two places below a thousand
/// million have the same. Neighbours lie far apart in every part of the number, so that a masked
/// one fits as few others as in life.
pub fn citizen_id(place: u64) -> String {
    const NUMBERS: u64 = 99 * 50 * 12 * 28 * 1_000;
    // A prime that does not divide the count, so that this is a permutation.
    let mut rest = place * 1_000_000_007 % NUMBERS;
    let mut part = |size: u64| {
        let part = rest % size;
        rest /= size;
        part
    };
    let division = 990_101 + part(99) as u32;
    let birth = (
        1950 + part(50) as i16,
        1 + part(12) as i8,
        1 + part(28) as i8,
    );
    synthetic::citizen_id(division, birth, part(1_000) as u16)
}

/// The credit code of the firm at `place`.
pub fn credit_code(place: u64) -> String {
    synthetic::credit_code("91", 990_102, &format!("MA{:06}", place % 1_000_000))
}

/// `number` with the characters hidden that `pattern` hides.
pub fn masked(number: &str, pattern: &str) -> String {
    let hide = |(shown, place): (char, char)| if place == 'v' { shown } else { '*' };
    number.chars().zip(pattern.chars()).map(hide).collect()
}

pub fn person_name(random: &mut Random) -> String {
    // Frequent characters are more frequent still: the lower of two draws.
    let mut name = SURNAMES[random
        .below(SURNAMES.len())
        .min(random.below(SURNAMES.len()))]
    .to_owned();
    name.push_str(GIVEN[random.below(GIVEN.len()).min(random.below(GIVEN.len()))]);
    if random.chance(75) {
        name.push_str(random.one_of(GIVEN));
    }
    name
}

fn person_record(
    json: &mut String,
    random: &mut Random,
    subject: &mut Random,
    place: u64,
    of: u64,
) {
    let name = person_name(subject);
    let list = *random.one_of(&PERSON_LISTS.iter().collect::<Vec<_>>());
    let number = citizen_id(of);
    let shown = match subject.below(10) {
        0..4 => number,
        4..9 => masked(&number, PATTERNS[subject.below(2)]),
        _ => masked(&number, PATTERNS[0]),
    };
    let alias = if subject.chance(5) {
        format!("\"{}\"", person_name(subject))
    } else {
        String::new()
    };
    let passport = if subject.chance(5) {
        format!(",{}", id("passport", &format!("E{:08}", of % 100_000_000)))
    } else {
        String::new()
    };
    head(json, place, list);
    let _ = write!(json, r#""subject":{{"kind":"person","name":"{name}","#);
    let _ = write!(
        json,
        r#""aliases":[{alias}],"ids":[{}{passport}]}},"#,
        id("citizen_id", &shown)
    );
    json.push_str(r#""related":[],"#);
    tail(json, random, place, of);
}

fn firm_record(json: &mut String, random: &mut Random, subject: &mut Random, place: u64, of: u64) {
    let name = format!(
        "{}{}{}{}有限公司",
        subject.one_of(PLACES),
        subject.one_of(GIVEN),
        subject.one_of(GIVEN),
        subject.one_of(TRADES)
    );
    let (list, grades) = FIRM_LISTS[random.below(FIRM_LISTS.len())];
    let ids = if subject.chance(85) {
        id("credit_code", &credit_code(of))
    } else {
        id(
            "org_code",
            &synthetic::org_code(&format!("MA{:06}", of % 1_000_000)),
        )
    };
    head(json, place, list);
    if let Some(grade) = grades.get(random.below(grades.len().max(1))) {
        let _ = write!(json, r#""grade":"{grade}","#);
    }
    let holder = random.below(5_000) as u64;
    let number = id("citizen_id", &masked(&citizen_id(holder), PATTERNS[0]));
    let holder_name = person_name(&mut Random::new(holder));
    let _ = write!(
        json,
        r#""subject":{{"kind":"organisation","name":"{name}","ids":[{ids}]}},"#
    );
    json.push_str(r#""related":[{"role":"legal_representative","kind":"person","#);
    let _ = write!(json, r#""name":"{holder_name}","ids":[{number}]}}],"#);
    tail(json, random, place, of);
}

fn head(json: &mut String, place: u64, list: &str) {
    let _ = write!(json, r#"{{"entry_id":"{list}-{place:09}","list":"{list}","#);
}

fn tail(json: &mut String, random: &mut Random, place: u64, of: u64) {
    let case = if random.chance(60) { of } else { place };
    let (year, month, day) = (
        2018 + random.below(8),
        1 + random.below(12),
        1 + random.below(28),
    );
    let court = random.one_of(PLACES);
    let day = format!("{year}-{month:02}-{day:02}");
    json.push_str(r#""conduct":"有履行能力而拒不履行生效法律文书确定义务","#);
    let _ = write!(
        json,
        r#""case_no":"（20{:02}）闽01执{case}号","#,
        10 + case % 9
    );
    let _ = write!(
        json,
        r#""authority":"{court}市中级人民法院","region":"990102","#
    );
    json.push_str(r#""supplier":"福建省高级人民法院","#);
    let _ = write!(
        json,
        r#""submitted_at":"{day}T09:00:00+08:00","published":"{day}","#
    );
    let _ = write!(
        json,
        r#""in_force_from":"{day}","disclosure":"public","status":"in_force"}}"#
    );
}

fn id(id_type: &str, number: &str) -> String {
    format!(r#"{{"type":"{id_type}","number":"{number}"}}"#)
}
