//! A gateway's way of a check with simulated time, attackers and honest units.

use hecha::build::build_records;
use hecha::build::inputs::{AsOf, BuildInputs};
use hecha::catalogue::load::built_in;
use hecha::gateway::client_record::{ClientRecord, PlacedRecord};
use hecha::gateway::clients::Clients;
use hecha::gateway::question;
use hecha::gateway::view::{Law, Loaded, View};
use hecha::identifier::synthetic;
use hecha::intake::validate::parse_record;
use hecha::limits::table::{LimitOptions, Limits};
use hecha::limits::watch::{Reaction, Said};
use hecha::model::language::Language;
use hecha::model::term::{Day, Moment};
use hecha::overlay::standing::Overlay;
use hecha::seal::entropy::SeededEntropy;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::open::Snapshot;
use hecha::telemetry::Telemetry;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Reproducible chance: SplitMix64.
pub struct Dice(u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// So many names of people.
pub fn names(dice: &mut Dice, count: usize) -> Vec<String> {
    const SURNAMES: [&str; 20] = [
        "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高",
        "林", "何", "郭", "马", "罗",
    ];
    let mut given = || char::from_u32('\u{4e00}' as u32 + dice.below(3_000) as u32).unwrap();
    (0..count)
        .map(|_| {
            let (one, two) = (given(), given());
            format!("{}{one}{two}", SURNAMES[(one as usize + two as usize) % 20])
        })
        .collect()
}

/// The day so many days after new year of `year`.
pub fn dated(year: i16, days: usize) -> (i16, i8, i8) {
    let first = Day::from_date(year, 1, 1).unwrap();
    Day(first.0 + days as i32).date()
}

/// Somebody who is asked about.
#[derive(Clone)]
pub struct Person {
    subject: Value,
}

impl Person {
    pub fn new(name: &str, region: u32, born: (i16, i8, i8), sequence: u16) -> Self {
        let number = synthetic::citizen_id(region, born, sequence);
        Self::numbered(name, &number)
    }

    pub fn numbered(name: &str, number: &str) -> Self {
        let ids = json!([{"type": "citizen_id", "number": number}]);
        Self {
            subject: json!({"kind": "person", "name": name, "ids": ids}),
        }
    }

    pub fn named(name: &str, (year, month, day): (i16, i8, i8)) -> Self {
        let born = format!("{year:04}-{month:02}-{day:02}");
        Self {
            subject: json!({"kind": "person", "name": name, "birth_date": born}),
        }
    }
}

/// People learned about before each reaction, by all units together.
#[derive(Default)]
pub struct Learned {
    pub slow: Option<usize>,
    pub alarm: Option<usize>,
    /// Before the last unit was stopped.
    pub stop: Option<usize>,
    pub learned: usize,
    pub seconds: f64,
    why: String,
}

impl Learned {
    pub fn print(&self, title: &str) {
        let shown = |count: Option<usize>| count.map_or("-".into(), |count| count.to_string());
        println!(
            "{title}: slow after {}, alarm after {}, stopped after {}; {} learned in {:.0} s; {}",
            shown(self.slow),
            shown(self.alarm),
            shown(self.stop),
            self.learned,
            self.seconds,
            self.why
        );
    }

    fn hear(&mut self, said: Vec<Said>) {
        for one in said {
            let Said::Reaction {
                reaction, reasons, ..
            } = one
            else {
                continue;
            };
            let place = match reaction {
                Reaction::None => continue,
                Reaction::Slow => &mut self.slow,
                Reaction::Alarm => &mut self.alarm,
                Reaction::Stop => &mut self.stop,
            };
            if reaction == Reaction::Stop {
                *place = Some(self.learned);
            } else {
                place.get_or_insert(self.learned);
            }
            let words = reasons
                .iter()
                .map(|one| format!("{} {}", one.code, one.points));
            self.why = words.collect::<Vec<_>>().join(", ");
        }
    }
}

pub struct World {
    pub dice: Dice,
    pub regions: Vec<u32>,
    view: View,
    clients: Clients,
    limits: Limits,
    listed: Vec<(String, String)>,
}

const LISTED: usize = 200;

impl World {
    /// With so many units, and a list of 200 people.
    pub fn new(units: usize) -> Self {
        let mut dice = Dice(units as u64);
        let now = morning();
        let catalogue = built_in().unwrap();
        let listed: Vec<(String, String)> = names(&mut dice, LISTED)
            .into_iter()
            .enumerate()
            .map(|(place, name)| {
                let born = dated(1960, place * 71);
                (
                    name,
                    synthetic::citizen_id(290_100 + place as u32, born, 77),
                )
            })
            .collect();
        let records = listed.iter().enumerate().map(|(place, (name, number))| {
            let record = json!({
                "entry_id": format!("e-{place}"), "list": "court-defaulter",
                "subject": {"kind": "person", "name": name,
                            "ids": [{"type": "citizen_id", "number": number}]},
                "case_no": format!("(2025)测9901执{place}号"), "authority": "测试区人民法院",
                "supplier": "测试省高级人民法院", "submitted_at": "2025-03-11T09:00:00+08:00",
                "published": "2025-03-10", "in_force_from": "2025-03-10",
                "disclosure": "public", "status": "in_force"
            });
            parse_record(&record.to_string(), &catalogue).unwrap()
        });
        let master = MasterKey::from_bytes([5; 32]);
        let mut inputs = BuildInputs::new("test", master.clone(), &catalogue, [9; 32], now);
        inputs.as_of = vec![AsOf {
            list: None,
            moment: now,
        }];
        let bytes = build_records(records.collect(), &inputs).unwrap();
        let snapshot = Snapshot::from_bytes(bytes).unwrap();
        let limits = Limits::new(LimitOptions::default(), &SeededEntropy::new(3));
        let records = (0..units).map(|unit| PlacedRecord {
            line: 1,
            record: ClientRecord {
                unit: format!("unit {unit}"),
                kind: "enterprise".into(),
                scenarios: vec!["*".into()],
                roles: vec!["checker".into()],
                ..ClientRecord::default()
            },
        });
        let path = Path::new("clients.toml");
        let mut clients = Clients::from_records(path, records.collect(), &catalogue).unwrap();
        clients.limit(&limits, now);
        let law = Law::new(catalogue, Clients::default(), &Telemetry::new());
        let loaded = Loaded::new(snapshot, &master, None);
        let overlay = Arc::new(Overlay::default());
        let view = View::new(Arc::new(loaded), Arc::new(law), overlay, now).unwrap();
        // Counties of numbers that nobody has.
        let regions = (0..2_800).map(|place| {
            let division = synthetic::UNASSIGNED[place as usize % 8];
            division * 10_000 + 100 + place * 7 % 9_000
        });
        Self {
            dice,
            regions: regions.collect(),
            view,
            clients,
            limits,
            listed,
        }
    }

    /// Asks; whether it was answered, and whether the answer restricts. Time goes on by a delay.
    fn ask(&self, unit: usize, body: &str, now: &mut Moment) -> Option<bool> {
        let client = self.clients.find_unit(&format!("unit {unit}")).unwrap();
        let delay = client.limits.as_ref().unwrap().admit(1, *now).ok()?;
        now.0 += delay.as_micros() as i64;
        match question::answer(&self.view, client, body.as_bytes(), Language::Zh, *now) {
            Ok(answered) => Some(answered.outcome.decision.restricts()),
            Err(problem) => {
                assert_eq!(problem.status(), 422);
                let limits = client.limits.as_ref().unwrap();
                limits.bad_number(*now);
                None
            }
        }
    }

    /// Units take turns, one question each `interval` seconds, until all are stopped.
    pub fn attack(
        &self,
        _title: &str,
        units: usize,
        people: impl Iterator<Item = Person>,
        interval_seconds: f64,
    ) -> Learned {
        let bodies = people.map(|person| ticket(&person.subject, None));
        self.attack_by(units, bodies, interval_seconds)
    }

    /// One firm's name with many cities before it.
    pub fn attack_firms(&self, interval_seconds: f64) -> Learned {
        const CITIES: &str = "福州 厦门 泉州 漳州 莆田 宁德 三明 南平 龙岩 广州 深圳 珠海 汕头 佛山 东莞 \
                              杭州 宁波 温州 嘉兴 绍兴 金华 南京 苏州 无锡 常州 徐州 扬州 合肥 芜湖 南昌 \
                              济南 青岛 烟台 郑州 洛阳 武汉 宜昌 长沙 株洲 成都 绵阳 昆明 贵阳 西安 兰州";
        let bodies = CITIES.split_whitespace().map(|city| {
            let name = format!("{city}市宏远贸易有限公司");
            let subject = json!({"kind": "organisation", "name": name});
            let mut body = json!({"scenario": "procurement.supplier", "subject": subject});
            body["attributes"] = json!({"stage": "award"});
            body.to_string()
        });
        self.attack_by(1, bodies, interval_seconds)
    }

    /// Numbers of which nine of ten are none.
    pub fn attack_guessing(&self, count: usize, interval_seconds: f64) -> Learned {
        let bodies = (0..count).map(|place| {
            let born = dated(1960, place / 11 * 37);
            let number = synthetic::citizen_id(990_100 + place as u32 / 11, born, 123);
            let digit = char::from(b"0123456789X"[place % 11]);
            let subject = Person::numbered("某某", &format!("{}{digit}", &number[..17])).subject;
            ticket(&subject, None)
        });
        self.attack_by(1, bodies, interval_seconds)
    }

    fn attack_by(
        &self,
        units: usize,
        bodies: impl Iterator<Item = String>,
        interval_seconds: f64,
    ) -> Learned {
        let mut learned = Learned::default();
        let (start, mut now) = (morning(), morning());
        let mut refused = 0;
        for (place, body) in bodies.enumerate() {
            match self.ask(place % units, &body, &mut now) {
                Some(_) => {
                    learned.learned += 1;
                    refused = 0;
                }
                None => refused += 1,
            }
            now.0 += (interval_seconds * 1e6) as i64;
            learned.hear(self.limits.turn(now));
            let stopped = self.limits.units();
            if refused >= units && stopped.iter().all(|unit| unit.stopped_until(now).is_some()) {
                break;
            }
        }
        let all = self.limits.units();
        if !all.iter().all(|unit| unit.stopped_until(now).is_some()) {
            learned.stop = None;
        }
        learned.seconds = (now.0 - start.0) as f64 / 1e6;
        learned
    }

    /// A day of `people` different people and a group of 300 of one school year; so many of them
    /// are listed. The highest score, and how often anything was said.
    pub fn honest_day(
        &mut self,
        _title: &str,
        people: usize,
        listed_share: f64,
        gives_feedback: bool,
    ) -> (u32, usize) {
        let start = morning();
        let unit = self.limits.units()[0].clone();
        let (mut highest, mut said) = (0, 0);
        let step_us = 16 * 3_600_000_000 / people as i64;
        let group_at = people / 2;
        for place in 0..people {
            let mut now = Moment(start.0 + place as i64 * step_us);
            let is_listed = (place as f64 * listed_share).fract() < listed_share;
            let person = match is_listed {
                true => {
                    let (name, number) = &self.listed[self.dice.below(LISTED)];
                    Person::numbered(name, number)
                }
                false => self.somebody(),
            };
            self.ask_honestly(&person, place, &mut now, gives_feedback);
            if place == group_at {
                for _ in 0..300 {
                    let (born, sequence) = (dated(2010, self.dice.below(365)), self.sequence());
                    let name = names(&mut self.dice, 1).remove(0);
                    let region = self.regions[0];
                    let pupil = Person::new(&name, region, born, sequence);
                    // One booking: one reference.
                    self.ask_honestly(&pupil, people, &mut now, gives_feedback);
                }
            }
            if place % 8 == 0 || place == group_at {
                let heard = self.limits.turn(now);
                said += heard
                    .iter()
                    .filter(|one| matches!(one, Said::Reaction { .. }))
                    .count();
                highest = highest.max(self.limits.seen(&unit).score);
            }
        }
        (highest, said)
    }

    fn ask_honestly(&self, person: &Person, order: usize, now: &mut Moment, tells: bool) {
        let body = ticket(&person.subject, Some(order));
        let restricts = self.ask(0, &body, now).unwrap();
        if restricts && tells {
            let client = self.clients.find_unit("unit 0").unwrap();
            client.limits.as_ref().unwrap().feedback(*now);
        }
    }

    fn somebody(&mut self) -> Person {
        // Some counties send ten times as many as others.
        let place = self.dice.below(self.regions.len()) * self.dice.below(self.regions.len());
        let region = self.regions[place / self.regions.len()];
        let born = dated(1950, self.dice.below(22_000));
        let name = names(&mut self.dice, 1).remove(0);
        let sequence = self.sequence();
        Person::new(&name, region, born, sequence)
    }

    fn sequence(&mut self) -> u16 {
        self.dice.below(999) as u16 + 1
    }
}

fn ticket(subject: &Value, order: Option<usize>) -> String {
    let mut body = json!({
        "scenario": "rail.ticket", "subject": subject,
        "attributes": {"train_class": "G", "seat_class": "second"},
    });
    if let Some(order) = order {
        body["reference"] = json!(format!("order {order}"));
    }
    body.to_string()
}

fn morning() -> Moment {
    Moment::parse("2026-11-28T06:00:00+08:00").unwrap()
}
