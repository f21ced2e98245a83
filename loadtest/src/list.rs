//! A synthetic list in the format of list records.
//!
//! In: how many entries, a seed. Out: NDJSON, the same bytes for the same arguments. Persons and
//! organisations 8 to 2, common names common, most citizen numbers masked, several listings of one
//! person, one case from two suppliers, holders who are listed themselves. Every number begins its
//! division with a prefix that was never assigned, so none can belong to anybody.

use crate::random::Random;
use anyhow::{Context, Result};
use clap::Args;
use hecha::identifier::synthetic::{UNASSIGNED, citizen_id, credit_code, org_code};
use hecha::model::term::Day;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Arguments of `loadtest gen`.
#[derive(Args)]
#[command(
    after_help = "The newest record is supplied on the day of --until. Build with \
                        `--as-of` a moment of today, else its lists count as stale and nothing \
                        blocks."
)]
pub struct GenArguments {
    /// Entries to write
    #[arg(long, default_value_t = 100_000)]
    entries: u64,
    /// Another seed, another list
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Share of citizen numbers that are masked
    #[arg(long, default_value_t = 0.7)]
    masked: f64,
    /// Last day on which a record was supplied
    #[arg(long, default_value = "2026-06-30")]
    until: String,
    /// File to write
    #[arg(long)]
    out: PathBuf,
}

const SURNAMES: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋\
                        杜苏魏程吕丁沈任姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史\
                        龙陶贺顾毛郝龚邵万钱严覃武欧阳";
const GIVEN: &str = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂英华文辉建国海燕玲波红梅志鹏玉斌宇浩凯秀\
                     健俊帆雪荣鑫龙飞婷慧莹颖博晨阳洁欣怡佳雨子涵梓轩思远嘉诚天佑一诺若溪景行云舒乐安";
const PLACES: [&str; 12] = [
    "示例", "榕城", "鹭岛", "泉南", "漳滨", "莆阳", "三元", "延平", "新罗", "蕉城", "平潭", "石狮",
];
const TRADES: [&str; 12] = [
    "贸易",
    "建筑工程",
    "物流",
    "电子科技",
    "食品",
    "机械设备",
    "置业",
    "纺织",
    "环保科技",
    "餐饮管理",
    "电梯",
    "矿业",
];
const FORMS: [&str; 4] = ["有限公司", "股份有限公司", "有限责任公司", "厂"];
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

/// Writes the list.
pub fn generate(arguments: &GenArguments) -> Result<()> {
    let until = Day::parse(&arguments.until).context("--until is no day such as 2026-06-30")?;
    let path = &arguments.out;
    let write = || -> Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        for record in Generator::new(arguments.seed, arguments.masked, until)
            .take(usize::try_from(arguments.entries)?)
        {
            serde_json::to_writer(&mut out, &record)?;
            out.write_all(b"\n")?;
        }
        out.into_inner()?.sync_all()?;
        Ok(())
    };
    write().with_context(|| path.display().to_string())
}

/// Somebody listed: enough to be listed again or to hold a role.
#[derive(Clone)]
struct Person {
    name: String,
    ids: Value,
    male: bool,
    birth_date: Option<String>,
}

/// Records without end.
pub struct Generator {
    random: Random,
    masked: f64,
    until: Day,
    written: u64,
    surnames: Vec<char>,
    given: Vec<char>,
    /// The last persons listed, for roles.
    recent: Vec<Person>,
    /// Records that belong to the one before.
    following: Vec<Value>,
}

impl Generator {
    /// The list of `seed`; `masked` is the share of masked citizen numbers.
    pub fn new(seed: u64, masked: f64, until: Day) -> Self {
        Self {
            random: Random::new(seed),
            masked,
            until,
            written: 0,
            surnames: SURNAMES.chars().collect(),
            given: GIVEN.chars().collect(),
            recent: Vec::new(),
            following: Vec::new(),
        }
    }

    fn person(&mut self) -> Value {
        let random = &mut self.random;
        let male = random.happens(0.7);
        let (birth, number) = person_number(random, male);
        let shown = match random.happens(self.masked) {
            true => mask_person(random, &number),
            false => number,
        };
        let visible = shown.bytes().filter(|byte| *byte != b'*').count();
        let full = !shown.contains('*');
        let person = Person {
            name: person_name(random, &self.surnames, &self.given),
            ids: json!([{"type": "citizen_id", "number": shown}]),
            male,
            birth_date: (full || visible < 8).then_some(birth),
        };
        self.remember(person.clone());
        let list = match self.random.below(100) {
            0..90 => "court-defaulter",
            90..94 => "fj-blacklist",
            94..97 => "tax-blacklist",
            _ => "fj-redlist",
        };
        let subject = person_subject(&person);
        let entry_id = format!("P{:09}", self.written);
        let record = self.listing(&entry_id, list, subject);
        if self.random.happens(0.12) {
            for further in 2..3 + self.random.below(4) {
                let entry_id = format!("{entry_id}-{further}");
                let again = self.listing(&entry_id, list, person_subject(&person));
                self.following.push(again);
            }
        } else if self.random.happens(0.02) {
            let mut second = record.clone();
            second["entry_id"] = json!(format!("{entry_id}-b"));
            second["supplier"] = json!("榕城公共信用信息平台");
            self.following.push(second);
        }
        record
    }

    fn organisation(&mut self) -> Value {
        let random = &mut self.random;
        let name = organisation_name(random, &self.given);
        let (id_type, number) = organisation_number(random);
        let masked = random.happens(self.masked * 0.3);
        let shown = match masked {
            true => format!("{}****{}", &number[..5], &number[9..]),
            false => number,
        };
        let subject = json!({"kind": "organisation", "name": name,
            "ids": [{"type": id_type, "number": shown}]});
        let (list, grades): (&str, &[&str]) = match random.below(10) {
            0..6 => ("court-defaulter", &[]),
            6 => ("env-credit-rating", &["green", "blue", "yellow", "red"]),
            7 => ("bad-supplier", &[]),
            8 => ("registry-serious-illegal", &[]),
            _ => ("fj-blacklist", &[]),
        };
        let grade = (!grades.is_empty()).then(|| random.choose(grades));
        let holders: Vec<Value> = (0..self.random.below(3)).map(|_| self.holder()).collect();
        let entry_id = format!("O{:09}", self.written);
        let mut record = self.listing(&entry_id, list, subject);
        record["related"] = json!(holders);
        record["grade"] = json!(grade);
        record
    }

    fn holder(&mut self) -> Value {
        let random = &mut self.random;
        let role = random.choose(&ROLES);
        if !self.recent.is_empty() && random.happens(0.5) {
            let known = &self.recent[random.below(self.recent.len() as u64) as usize];
            return json!({"role": role, "kind": "person", "name": known.name, "ids": known.ids});
        }
        let (_, number) = person_number(random, true);
        let name = person_name(random, &self.surnames, &self.given);
        json!({"role": role, "kind": "person", "name": name,
            "ids": [{"type": "citizen_id", "number": number}]})
    }

    fn remember(&mut self, person: Person) {
        if self.recent.len() < 512 {
            self.recent.push(person);
        } else {
            let place = self.random.below(512) as usize;
            self.recent[place] = person;
        }
    }

    fn listing(&mut self, entry_id: &str, list: &str, subject: Value) -> Value {
        let random = &mut self.random;
        let published = Day(self.until.0 - random.below(3_600) as i32);
        let place = random.choose(&PLACES);
        let division = division(random);
        let status = match random.below(100) {
            0..93 => "in_force",
            93..97 => "withdrawn",
            97..99 => "repaired",
            _ => "held",
        };
        let until = random
            .happens(0.45)
            .then(|| published.plus_years(2).to_string());
        let year = published.date().0;
        json!({
            "entry_id": entry_id, "list": list, "subject": subject,
            "conduct": random.choose(&CONDUCTS),
            "case_no": format!("({year})闽{:04}执{}号", division % 10_000, 1 + random.below(9_999)),
            "authority": format!("{place}区人民法院"), "region": format!("{division:06}"),
            "supplier": "示例省公共信用信息平台",
            "submitted_at": format!("{published}T09:00:00+08:00"),
            "published": published.to_string(), "in_force_from": published.to_string(),
            "in_force_until": until,
            "disclosure": if random.happens(0.95) { "public" } else { "authorised" },
            "status": status, "recourse": "向作出决定的机关申请纠正",
        })
    }
}

impl Iterator for Generator {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let record = match self.following.pop() {
            Some(record) => record,
            None if self.written % 5 == 4 => self.organisation(),
            None => self.person(),
        };
        if self.following.is_empty() {
            self.written += 1;
        }
        Some(record)
    }
}

fn person_subject(person: &Person) -> Value {
    json!({"kind": "person", "name": person.name, "ids": person.ids,
        "birth_date": person.birth_date, "gender": if person.male { "male" } else { "female" }})
}

/// A name of two or three characters; common surnames are common.
pub fn person_name(random: &mut Random, surnames: &[char], given: &[char]) -> String {
    let mut name = String::from(surnames[random.skewed(surnames.len())]);
    name.push(given[random.skewed(given.len())]);
    if random.happens(0.8) {
        name.push(given[random.skewed(given.len())]);
    }
    name
}

/// Names for those who ask, drawn as those of the list are.
pub struct Names {
    surnames: Vec<char>,
    given: Vec<char>,
}

impl Names {
    /// The tables of this program.
    pub fn new() -> Self {
        Self {
            surnames: SURNAMES.chars().collect(),
            given: GIVEN.chars().collect(),
        }
    }

    /// A name.
    pub fn draw(&self, random: &mut Random) -> String {
        person_name(random, &self.surnames, &self.given)
    }
}

fn organisation_name(random: &mut Random, given: &[char]) -> String {
    let brand: String = (0..2 + random.below(2))
        .map(|_| given[random.below(given.len() as u64) as usize])
        .collect();
    let (place, trade, form) = (
        random.choose(&PLACES),
        random.choose(&TRADES),
        random.choose(&FORMS),
    );
    format!("{place}{brand}{trade}{form}")
}

fn division(random: &mut Random) -> u32 {
    let prefix = UNASSIGNED[random.below(UNASSIGNED.len() as u64) as usize];
    prefix * 10_000 + random.below(10_000) as u32
}

/// Birth date and number of a person who cannot be.
pub fn person_number(random: &mut Random, male: bool) -> (String, String) {
    // 1940-01-01 to 2005-12-31.
    let born = Day(-10_957 + random.below(24_107) as i32);
    let sequence = random.below(499) as u16 * 2 + u16::from(male);
    let number = citizen_id(division(random), born.date(), sequence);
    (born.to_string(), number)
}

fn organisation_number(random: &mut Random) -> (&'static str, String) {
    const BODY: [char; 31] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H',
        'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'T', 'U', 'W', 'X', 'Y',
    ];
    let mut body = String::from("MA");
    body.extend((0..6).map(|_| BODY[random.below(31) as usize]));
    if random.happens(0.85) {
        return ("credit_code", credit_code("91", division(random), &body));
    }
    ("org_code", org_code(&body))
}

/// The usual mask hides month and day of birth; others occur.
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
mod tests {
    use super::*;
    use hecha::catalogue::load::built_in;
    use hecha::intake::validate::parse_line;
    use std::collections::HashSet;

    fn records(seed: u64, count: usize) -> Vec<Value> {
        let until = Day::parse("2026-06-30").unwrap();
        Generator::new(seed, 0.7, until).take(count).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_list_and_entry_ids_are_unique() {
        assert_eq!(records(3, 500), records(3, 500));
        assert_ne!(records(3, 500), records(4, 500));
        let all = records(3, 20_000);
        let ids: HashSet<&str> = all.iter().filter_map(|r| r["entry_id"].as_str()).collect();
        assert_eq!(ids.len(), all.len());
    }

    #[test]
    fn every_record_passes_intake_without_a_warning() {
        let catalogue = built_in().unwrap();
        for record in records(5, 5_000) {
            let line = record.to_string();
            let validated = parse_line(line.as_bytes(), &catalogue);
            let validated = validated.unwrap_or_else(|e| panic!("{}: {line}", e.fault));
            assert!(validated.warnings.is_empty(), "{line}");
        }
    }

    #[test]
    fn the_list_has_the_shape_of_life() {
        let all = records(7, 20_000);
        let share = |what: &dyn Fn(&Value) -> bool| {
            all.iter().filter(|r| what(r)).count() as f64 / all.len() as f64
        };
        let persons = share(&|r| r["subject"]["kind"] == "person");
        assert!((0.78..0.90).contains(&persons), "{persons}");
        let masked = share(&|r| {
            r["subject"]["kind"] == "person"
                && r["subject"]["ids"][0]["number"]
                    .as_str()
                    .unwrap()
                    .contains('*')
        });
        assert!((0.64..0.76).contains(&(masked / persons)), "{masked}");
        let names: HashSet<&str> = all
            .iter()
            .filter_map(|r| r["subject"]["name"].as_str())
            .collect();
        assert!(
            names.len() < all.len() * 8 / 10,
            "names repeat: {}",
            names.len()
        );
        assert!(share(&|r| r["related"].as_array().is_some_and(|l| !l.is_empty())) > 0.05);
        let again = share(&|r| r["entry_id"].as_str().unwrap().contains('-'));
        assert!(again > 0.1, "{again}");
    }
}
