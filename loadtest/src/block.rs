//! One block of a synthetic list: records as lines of JSON.
//!
//! In: what the list is like, the number of the block. Out: lines. Persons and organisations 8 to
//! 2, common names common, most citizen numbers masked in one of four ways, a few persons without
//! any number, several listings of one person, one case from two suppliers, holders who are listed
//! themselves, and in each whole block one holder of some four hundred firms. JSON is put together
//! by hand: no text in it needs escaping, and ten million records are made in half a minute. Every
//! number begins its division with a prefix that was never assigned, so none can belong to anybody.

use crate::names::Names;
use crate::random::Random;
use hecha::identifier::synthetic::{UNASSIGNED, citizen_id, credit_code, org_code};
use hecha::model::term::Day;
use std::fmt::Write as _;

/// Lines of a block.
pub const BLOCK_LINES: u64 = 100_000;

/// Days from the oldest record to the newest.
const DAYS: u64 = 3_600;
/// Persons of a block who may be named as holders.
const RECENT_MAX: usize = 512;
/// Share of organisations that the great holder of their block holds.
const GREAT_HOLDER_SHARE: f64 = 0.02;
const PLACES: [&str; 12] = [
    "示例", "榕城", "鹭岛", "泉南", "漳滨", "莆阳", "三元", "延平", "新罗", "蕉城", "平潭", "石狮",
];
const ROLES: [&str; 7] = [
    "legal_representative",
    "principal",
    "actual_controller",
    "directly_responsible",
    "director",
    "supervisor",
    "senior_manager",
];
const CONDUCTS: [&str; 5] = [
    "有履行能力而拒不履行生效法律文书确定义务",
    "以虚假诉讼、隐匿、转移财产等方法规避执行",
    "违反财产报告制度",
    "违反限制消费令",
    "无正当理由拒不履行执行和解协议",
];

/// What a list is like.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Another seed, another list.
    pub seed: u64,
    /// Share of citizen numbers that are masked.
    pub masked: f64,
    /// Share of persons without a number.
    pub numberless: f64,
    /// Day of the newest record.
    pub until: Day,
}

/// Somebody listed: enough to be listed again or to hold a role.
#[derive(Clone, Default)]
struct Person {
    name: String,
    /// The members of `ids`.
    ids: String,
    /// `"kind"` to the end of the subject.
    subject: String,
}

/// `lines` lines of block `number`.
pub fn block(shape: &Shape, names: &Names, number: u64, lines: u64) -> String {
    let mut seeds = Random::new(shape.seed);
    let seed = seeds.bits() ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93);
    let mut block = Block {
        random: Random::new(seed),
        shape,
        names,
        days: Days::before(shape.until),
        next_entry: number * BLOCK_LINES,
        recent: Vec::with_capacity(RECENT_MAX),
        great_holder: None,
        text: String::with_capacity(usize::try_from(lines * 700).unwrap_or(0)),
        lines: 0,
        organisations: 0,
        lines_max: lines,
    };
    while block.lines < lines {
        if block.organisations * 5 < block.lines {
            block.organisation();
        } else {
            block.person();
        }
    }
    block.text
}

struct Block<'a> {
    random: Random,
    shape: &'a Shape,
    names: &'a Names,
    days: Days,
    next_entry: u64,
    /// The last persons listed, for roles.
    recent: Vec<Person>,
    /// The first person with a full number.
    great_holder: Option<Person>,
    text: String,
    lines: u64,
    organisations: u64,
    lines_max: u64,
}

impl Block<'_> {
    fn person(&mut self) {
        let random = &mut self.random;
        let male = random.happens(0.7);
        let (birth, number) = person_number(random, male);
        let name = self.names.person(random);
        let shown = match random.unit() {
            share if share < self.shape.numberless => String::new(),
            _ if random.happens(self.shape.masked) => mask_person(random, &number),
            _ => number,
        };
        let visible = shown.bytes().filter(|byte| *byte != b'*').count();
        let is_full = visible == 18;
        let shows_birth = is_full || visible < 8;
        let ids = ids_of("citizen_id", &shown);
        let gender = if male { "male" } else { "female" };
        let birth = match shows_birth {
            true => format!("\"{birth}\""),
            false => "null".to_owned(),
        };
        let subject = format!(
            "\"kind\":\"person\",\"name\":\"{name}\",\"ids\":[{ids}],\"birth_date\":{birth},\
             \"gender\":\"{gender}\""
        );
        let person = Person { name, ids, subject };
        if is_full && self.great_holder.is_none() {
            self.great_holder = Some(person.clone());
        }
        let list = match self.random.below(100) {
            0..90 => "court-defaulter",
            90..94 => "fj-blacklist",
            94..97 => "tax-blacklist",
            _ => "fj-redlist",
        };
        self.listings_of(&person, list);
        self.remember(person);
    }

    /// One listing; of some persons several, or the same case from a second supplier.
    fn listings_of(&mut self, person: &Person, list: &str) {
        let entry_id = format!("P{:09}", self.next_entry);
        self.next_entry += 1;
        let start = self.text.len();
        self.listing(&entry_id, list, &person.subject, "", "");
        let line = start..self.text.len();
        if self.random.happens(0.12) {
            for further in 2..3 + self.random.below(4) {
                let entry_id = format!("{entry_id}-{further}");
                self.listing(&entry_id, list, &person.subject, "", "");
            }
        } else if self.random.happens(0.02) && self.lines < self.lines_max {
            let line = self.text[line].to_owned();
            let again = line.replacen(&entry_id, &format!("{entry_id}-b"), 1);
            let again = again.replacen("示例省公共信用信息平台", "榕城公共信用信息平台", 1);
            self.text.push_str(&again);
            self.lines += 1;
        }
    }

    fn organisation(&mut self) {
        let random = &mut self.random;
        let name = self.names.organisation(random);
        let (id_type, number) = organisation_number(random);
        let shown = match random.happens(self.shape.masked * 0.3) {
            true => format!("{}****{}", &number[..5], &number[9..]),
            false => number,
        };
        let ids = ids_of(id_type, &shown);
        let subject = format!("\"kind\":\"organisation\",\"name\":\"{name}\",\"ids\":[{ids}]");
        let (list, grades): (&str, &[&str]) = match random.below(10) {
            0..6 => ("court-defaulter", &[]),
            6 => (
                "env-credit-rating",
                &["\"green\"", "\"blue\"", "\"yellow\"", "\"red\""],
            ),
            7 => ("bad-supplier", &[]),
            8 => ("registry-serious-illegal", &[]),
            _ => ("fj-blacklist", &[]),
        };
        let grade = match grades.is_empty() {
            true => "null",
            false => random.choose(grades),
        };
        let mut holders: Vec<String> = Vec::new();
        for _ in 0..self.random.below(3) {
            holders.push(self.holder());
        }
        if let Some(great) = &self.great_holder
            && self.random.happens(GREAT_HOLDER_SHARE)
        {
            holders.push(holder(ROLES[0], &great.name, &great.ids));
        }
        let entry_id = format!("O{:09}", self.next_entry);
        self.next_entry += 1;
        self.organisations += 1;
        self.listing(&entry_id, list, &subject, &holders.join(","), grade);
    }

    fn holder(&mut self) -> String {
        let random = &mut self.random;
        let role = random.choose(&ROLES);
        if !self.recent.is_empty() && random.happens(0.5) {
            let known = &self.recent[random.below(self.recent.len() as u64) as usize];
            return holder(role, &known.name, &known.ids);
        }
        let (_, number) = person_number(random, true);
        let ids = ids_of("citizen_id", &number);
        holder(role, &self.names.person(random), &ids)
    }

    fn remember(&mut self, person: Person) {
        if self.recent.len() < RECENT_MAX {
            self.recent.push(person);
        } else {
            let place = self.random.below(RECENT_MAX as u64) as usize;
            self.recent[place] = person;
        }
    }

    /// Writes a record, unless the block is full. `related` and `grade` are JSON, or empty.
    fn listing(&mut self, entry_id: &str, list: &str, subject: &str, related: &str, grade: &str) {
        if self.lines == self.lines_max {
            return;
        }
        self.lines += 1;
        let random = &mut self.random;
        let (published, term_end) = self.days.draw(random);
        let place = random.choose(&PLACES);
        let division = division(random);
        let status = match random.below(100) {
            0..93 => "in_force",
            93..97 => "withdrawn",
            97..99 => "repaired",
            _ => "held",
        };
        let year = &published[..4];
        let case = 1 + random.below(9_999);
        let conduct = random.choose(&CONDUCTS);
        let disclosure = match random.happens(0.95) {
            true => "public",
            false => "authorised",
        };
        // Writing to a String does not fail.
        let _ = write!(
            self.text,
            "{{\"entry_id\":\"{entry_id}\",\"list\":\"{list}\",\"subject\":{{{subject}}},\
             \"conduct\":\"{conduct}\",\"case_no\":\"({year})闽{:04}执{case}号\",\
             \"authority\":\"{place}区人民法院\",\"region\":\"{division:06}\",\
             \"supplier\":\"示例省公共信用信息平台\",\
             \"submitted_at\":\"{published}T00:00:00+08:00\",\"published\":\"{published}\",\
             \"in_force_from\":\"{published}\"",
            division % 10_000,
        );
        if random.happens(0.45) {
            let _ = write!(self.text, ",\"in_force_until\":\"{term_end}\"");
        }
        if !related.is_empty() {
            let _ = write!(self.text, ",\"related\":[{related}]");
        }
        if !grade.is_empty() {
            let _ = write!(self.text, ",\"grade\":{grade}");
        }
        let _ = writeln!(
            self.text,
            ",\"disclosure\":\"{disclosure}\",\"status\":\"{status}\",\
             \"recourse\":\"向作出决定的机关申请纠正\"}}"
        );
    }
}

/// Days on which records are published, and the ends of terms of two years, as text.
struct Days(Vec<(String, String)>);

impl Days {
    fn before(until: Day) -> Self {
        let day = |back: i32| {
            let published = Day(until.0 - back);
            (published.to_string(), published.plus_years(2).to_string())
        };
        Self((0..DAYS as i32).map(day).collect())
    }

    fn draw(&self, random: &mut Random) -> (&str, &str) {
        let (published, end) = &self.0[random.below(DAYS) as usize];
        (published, end)
    }
}

fn holder(role: &str, name: &str, ids: &str) -> String {
    format!("{{\"role\":\"{role}\",\"kind\":\"person\",\"name\":\"{name}\",\"ids\":[{ids}]}}")
}

fn ids_of(id_type: &str, number: &str) -> String {
    match number.is_empty() {
        true => String::new(),
        false => format!("{{\"type\":\"{id_type}\",\"number\":\"{number}\"}}"),
    }
}

fn division(random: &mut Random) -> u32 {
    let prefix = UNASSIGNED[random.below(UNASSIGNED.len() as u64) as usize];
    prefix * 10_000 + random.below(10_000) as u32
}

/// Birth date and number of a person who cannot be.
pub fn person_number(random: &mut Random, male: bool) -> (Day, String) {
    // 1940-01-01 to 2005-12-31.
    let born = Day(-10_957 + random.below(24_107) as i32);
    let sequence = random.below(499) as u16 * 2 + u16::from(male);
    let number = citizen_id(division(random), born.date(), sequence);
    (born, number)
}

fn organisation_number(random: &mut Random) -> (&'static str, String) {
    const BODY: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let mut body = String::from("MA");
    body.extend((0..6).map(|_| char::from(BODY[random.below(31) as usize])));
    if random.happens(0.85) {
        return ("credit_code", credit_code("91", division(random), &body));
    }
    ("org_code", org_code(&body))
}

/// The usual mask hides month and day of birth; others occur. The last one shows seven characters,
/// too few to count.
fn mask_person(random: &mut Random, number: &str) -> String {
    let hide = |from: usize, to: usize| {
        format!(
            "{}{}{}",
            &number[..from],
            "*".repeat(to - from),
            &number[to..]
        )
    };
    match random.below(100) {
        0..70 => hide(10, 14),
        70..85 => hide(6, 14),
        85..95 => hide(14, 18),
        _ => hide(3, 14),
    }
}

#[cfg(test)]
impl Shape {
    /// As `gen` makes lists, until a fixed day.
    pub fn of_tests(seed: u64) -> Self {
        Self {
            seed,
            masked: 0.7,
            numberless: 0.02,
            until: Day::from_date(2026, 6, 30).unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hecha::catalogue::load::built_in;
    use hecha::intake::validate::parse_line;
    use serde_json::Value;
    use std::collections::{HashMap, HashSet};

    fn records(seed: u64, count: u64) -> Vec<Value> {
        let text = block(&Shape::of_tests(seed), &Names::new(), 0, count);
        let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
        records.collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_list_and_entry_ids_are_unique() {
        assert_eq!(records(3, 500), records(3, 500));
        assert_ne!(records(3, 500), records(4, 500));
        let mut all = records(3, 20_000);
        assert_eq!(all.len(), 20_000);
        let next = block(&Shape::of_tests(3), &Names::new(), 1, 500);
        all.extend(
            next.lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()),
        );
        let ids: HashSet<&str> = all.iter().filter_map(|r| r["entry_id"].as_str()).collect();
        assert_eq!(ids.len(), all.len());
    }

    #[test]
    fn every_record_passes_intake_without_a_warning() {
        let catalogue = built_in().unwrap();
        let text = block(&Shape::of_tests(5), &Names::new(), 7, 10_000);
        for line in text.lines() {
            let validated = parse_line(line.as_bytes(), &catalogue);
            let validated = validated.unwrap_or_else(|e| panic!("{}: {line}", e.fault));
            assert!(validated.warnings.is_empty(), "{line}");
        }
    }

    #[test]
    fn the_list_has_the_shape_of_life() {
        let all = records(7, BLOCK_LINES);
        let share = |what: &dyn Fn(&Value) -> bool| {
            all.iter().filter(|r| what(r)).count() as f64 / all.len() as f64
        };
        let persons = share(&|r| r["subject"]["kind"] == "person");
        assert!((0.799..0.801).contains(&persons), "{persons}");
        let number = |r: &Value| Some(r["subject"]["ids"][0]["number"].as_str()?.to_owned());
        let is_person = |r: &Value| r["subject"]["kind"] == "person";
        let masked = share(&|r| is_person(r) && number(r).is_some_and(|n| n.contains('*')));
        assert!((0.64..0.76).contains(&(masked / persons)), "{masked}");
        let without = share(&|r| is_person(r) && number(r).is_none());
        assert!((0.01..0.03).contains(&(without / persons)), "{without}");
        let names: HashSet<&str> = all
            .iter()
            .filter_map(|r| r["subject"]["name"].as_str())
            .collect();
        assert!(names.len() > all.len() / 2, "{}", names.len());
        let again = share(&|r| r["entry_id"].as_str().unwrap().contains('-'));
        assert!(again > 0.1, "{again}");
        let mut firms: HashMap<&str, u32> = HashMap::new();
        for holder in all
            .iter()
            .filter_map(|r| r["related"].as_array())
            .flatten()
            .filter_map(|holder| holder["ids"][0]["number"].as_str())
        {
            *firms.entry(holder).or_default() += 1;
        }
        assert!(firms.values().max() > Some(&300), "{}", firms.len());
    }
}
