//! Random worlds and questions, drawn from small pools so that names, numbers, masks, cases and
//! days at the edge collide. Every record is one that intake would let pass.

use crate::dice::Dice;
use crate::naive::law::{Law, words};
use crate::naive::question::{Question, World};
use crate::people::{Somebody, masks, organisations, persons, some_numbers, under_mask};
use hecha::identifier::kind::IdType;
use hecha::identifier::mask::ListedNumber;
use hecha::model::entry::{Act, ActKind, Disclosure, EntryId, ListRecord, ListedParty, Status};
use hecha::model::subject::{Role, SubjectKind};
use hecha::model::term::{Day, Moment};
use std::collections::BTreeMap;

/// A world, a question, a moment: one trial.
#[derive(Debug, Clone)]
pub struct Trial {
    pub world: World,
    pub question: Question,
    pub now: Moment,
}

const MOMENTS: &[&str] = &[
    "2026-11-22T10:00:00+08:00",
    "2026-11-22T00:00:00+08:00",
    "2026-11-21T23:59:59.999999+08:00",
    "2026-11-21T16:00:00Z",
    "2026-02-28T12:00:00+08:00",
    "2026-03-01T00:00:00+08:00",
    "2028-02-29T08:00:00+08:00",
    "2029-02-28T23:59:59+08:00",
];

const LISTS: &[&str] = &[
    "court-defaulter",
    "court-defaulter",
    "court-defaulter",
    "fj-comprehensive-rating",
    "fj-comprehensive-rating",
    "fj-public-credit-record",
    "fj-public-credit-record",
    "fj-redlist",
    "fj-blacklist",
    "fj-blacklist",
    "fj-trustworthy-public",
    "env-credit-rating",
    "env-credit-rating",
    "elevator-rating",
    "elevator-bad-record",
    "elevator-blacklist",
    "elevator-violation-decision",
    "work-safety-blacklist",
    "ecommerce-dishonest",
    "nd-transport-rating",
    "bad-supplier",
    "tax-blacklist",
];

const CASES: &[&str] = &[
    "(2025)闽9901执1号",
    "（2025）闽9901執1号",
    "(2025)闽9901执2号",
];

/// The trial of a seed.
pub fn trial(law: &Law, seed: u64) -> Trial {
    let mut dice = Dice::new(seed);
    let now = Moment::parse(dice.pick(MOMENTS)).unwrap();
    let mut maker = Maker {
        persons: few(&mut dice, persons(now.day())),
        organisations: few(&mut dice, organisations()),
        law,
        now,
        dice,
    };
    let records = maker.records();
    let acts = maker.acts(&records);
    let list_as_of = maker.ages(&records);
    let question = maker.question(&records);
    let client = maker.client(&question);
    Trial {
        world: World {
            records,
            acts,
            list_as_of,
            client,
        },
        question,
        now,
    }
}

/// One to four of them: the fewer, the more they meet.
fn few(dice: &mut Dice, mut of: Vec<Somebody>) -> Vec<Somebody> {
    let keep = 1 + dice.below(4);
    while of.len() > keep {
        let out = dice.below(of.len());
        of.remove(out);
    }
    of
}
/// What a world and its question are drawn from.
pub struct Maker<'a> {
    pub persons: Vec<Somebody>,
    pub organisations: Vec<Somebody>,
    pub law: &'a Law,
    pub now: Moment,
    pub dice: Dice,
}

impl Maker<'_> {
    fn records(&mut self) -> Vec<ListRecord> {
        let is_crowd = self.dice.chance(4);
        let count = if is_crowd {
            16
        } else {
            1 + self.dice.below(12)
        };
        // Few lists in one world, so that its records meet.
        let lists: Vec<&str> = (0..1 + self.dice.below(3))
            .map(|_| self.dice.pick(LISTS))
            .collect();
        let mut records: Vec<ListRecord> = Vec::new();
        for i in 0..count {
            let mut record = if !records.is_empty() && self.dice.chance(35) {
                let copied = self.dice.pick(&records);
                self.second_source(copied)
            } else {
                let list = self.dice.pick(&lists);
                self.record(list)
            };
            // Not in the order of the records.
            let id = format!("e-{:02}", (i * 7 + 3) % 17);
            record.entry_id = EntryId(id.into());
            if is_crowd {
                record.case_no = format!("(2025)闽9901执{i}号").into();
            }
            records.push(record);
        }
        records
    }

    fn record(&mut self, list: &str) -> ListRecord {
        let row = &self.law.lists[list];
        let kind = match &*row["subjects"] {
            "person" => SubjectKind::Person,
            "organisation" => SubjectKind::Organisation,
            _ if self.dice.chance(60) => SubjectKind::Person,
            _ => SubjectKind::Organisation,
        };
        let grades: Vec<&str> = words(&row["grades"]).collect();
        let grade = if grades.is_empty() || self.dice.chance(10) {
            None
        } else {
            Some(self.dice.pick(&grades).into())
        };
        let subject = self.listed(kind, None);
        let in_force_from = self.start();
        let keeps_conduct = list == "fj-public-credit-record" || self.dice.chance(30);
        ListRecord {
            entry_id: EntryId("".into()),
            list: list.into(),
            related: self.holders(kind),
            subject,
            grade,
            conduct: None,
            conduct_ended: self.conduct_ended().filter(|_| keeps_conduct),
            able_but_refuses: self.dice.pick(&[None, Some(true), Some(false)]),
            case_no: self.dice.pick(CASES).into(),
            authority: "示例区人民法院".into(),
            region: None,
            supplier: "示例省高级人民法院".into(),
            submitted_at: self.submitted(),
            published: self.published(in_force_from),
            in_force_from,
            in_force_until: self.end(in_force_from),
            retained_basis: None,
            disclosure: self.disclosure(),
            status: self.status(),
            recourse: None,
        }
    }

    /// The same listing, perhaps, from another source, or a newer rating.
    fn second_source(&mut self, mut record: ListRecord) -> ListRecord {
        if self.dice.chance(60) {
            record.submitted_at = self.submitted();
        }
        if self.dice.chance(50) {
            record.in_force_from = self.start();
            record.published = self.published(record.in_force_from);
        }
        record.in_force_until = self.end(record.in_force_from);
        if self.dice.chance(30) {
            record.case_no = self.dice.pick(CASES).into();
        }
        if self.dice.chance(40) {
            record.subject = self.listed(record.subject.kind, None);
        }
        if self.dice.chance(30) {
            record.status = self.status();
        }
        if self.dice.chance(30) && record.grade.is_some() {
            let grades = &self.law.lists[&*record.list]["grades"];
            let grades: Vec<&str> = words(grades).collect();
            record.grade = Some(self.dice.pick(&grades).into());
        }
        if self.dice.chance(30) {
            record.related = self.holders(record.subject.kind);
        }
        record
    }

    fn listed(&mut self, kind: SubjectKind, role: Option<Role>) -> ListedParty {
        let pool = match kind {
            SubjectKind::Person => &self.persons,
            SubjectKind::Organisation => &self.organisations,
        };
        let somebody = self.dice.pick(pool);
        let least = usize::from(self.dice.chance(85));
        let numbers = some_numbers(&mut self.dice, &somebody, least);
        let mut birth_date = self.dice.chance(50).then_some(somebody.birth).flatten();
        let mut ids = Vec::new();
        let mut has_citizen = false;
        for (id_type, number) in numbers {
            let mask_percent = if id_type == IdType::CitizenId { 45 } else { 25 };
            let text = if self.dice.chance(mask_percent) {
                under_mask(&number, self.dice.pick(masks(id_type)))
            } else {
                has_citizen |= id_type == IdType::CitizenId;
                number
            };
            let id = ListedNumber::parse(id_type, &text).unwrap();
            // Intake drops masks with too few visible characters.
            if !matches!(&id, ListedNumber::Masked(m) if !m.pattern().is_usable()) {
                ids.push(id);
            }
        }
        // 2.7: a person's record has a number or a birth date; a citizen number gives the date.
        if has_citizen || ids.is_empty() {
            birth_date = somebody.birth;
        }
        let name = self.name_of(&somebody);
        let aliases = if self.dice.chance(15) {
            vec![Box::from(self.name_of(&somebody)), Box::from("别名")]
        } else {
            Vec::new()
        };
        ListedParty {
            kind,
            name: name.into(),
            aliases,
            ids,
            birth_date,
            role,
        }
    }

    pub fn name_of(&mut self, somebody: &Somebody) -> &'static str {
        if self.dice.chance(8) {
            return self.dice.pick(&["陈静", "别名", "厦门远航公司"]);
        }
        self.dice.pick(&somebody.names)
    }

    fn holders(&mut self, kind: SubjectKind) -> Vec<ListedParty> {
        if kind == SubjectKind::Person {
            return Vec::new();
        }
        (0..self.dice.below(4))
            .map(|_| {
                let role = Some(self.dice.pick(&Role::ALL[..]));
                self.listed(SubjectKind::Person, role)
            })
            .collect()
    }

    /// Today, its neighbours and its anniversaries.
    fn start(&mut self) -> Day {
        let today = self.now.day();
        let years = self.dice.pick(&[0, 0, 0, -1, -1, -2, -3]);
        let days = self.dice.pick(&[-1, -1, 0, 0, 1, -3, -40, -40]);
        match self.dice.below(20) {
            0 => Day::parse("2024-02-29").unwrap(),
            1 => Day::parse("2025-02-28").unwrap(),
            _ => Day(today.plus_years(years).0 + days),
        }
    }

    fn end(&mut self, start: Day) -> Option<Day> {
        let today = self.now.day().0;
        let days = self.dice.pick(&[-1, 0, 0, 1, 30, 400, 400]);
        let end = Day(today + days);
        (self.dice.chance(55) && end >= start).then_some(end)
    }

    fn published(&mut self, start: Day) -> Option<Day> {
        match self.dice.below(4) {
            0 => None,
            1 => Some(Day(start.0 - 10)),
            2 => {
                let days = self.dice.pick(&[-1, 0, 1]);
                Some(Day(self.now.day().plus_years(-1).0 + days))
            }
            _ => Some(start),
        }
    }

    fn conduct_ended(&mut self) -> Option<Day> {
        let today = self.now.day();
        match self.dice.below(4) {
            0 => None,
            1 => Some(Day::parse("2020-02-29").unwrap()),
            _ => {
                let days = self.dice.pick(&[-1, 0, 1, 100]);
                Some(Day(today.plus_years(-5).0 + days))
            }
        }
    }

    fn submitted(&mut self) -> Moment {
        let days = self.dice.pick(&[-1, -1, -2, -3]);
        Moment(self.now.0 + days * 86_400_000_000)
    }

    fn disclosure(&mut self) -> Disclosure {
        match self.dice.below(10) {
            0 => Disclosure::Authorised,
            1 => Disclosure::Government,
            _ => Disclosure::Public,
        }
    }

    fn status(&mut self) -> Status {
        match self.dice.below(25) {
            0 => Status::Held,
            1 => Status::Withdrawn,
            2 => Status::Repaired,
            _ => Status::InForce,
        }
    }

    fn acts(&mut self, records: &[ListRecord]) -> Vec<Act> {
        const KINDS: &[ActKind] = &[
            ActKind::Hold,
            ActKind::Hold,
            ActKind::Upheld,
            ActKind::Upheld,
            ActKind::Corrected,
            ActKind::Removed,
            ActKind::Withdraw,
            ActKind::Repair,
        ];
        let count = self.dice.below(5).saturating_sub(1);
        let mut acts: Vec<Act> = (0..count)
            .map(|_| {
                let record = self.dice.pick(records);
                let kind = self.dice.pick(KINDS);
                let seconds = self.dice.pick(&[-3 * 86_400, -86_400, -86_399, -1, 0]);
                let stated = kind == ActKind::Corrected && self.dice.chance(50);
                Act {
                    entry_id: record.entry_id.clone(),
                    kind,
                    at: self.now.plus_seconds(seconds),
                    version: stated.then_some(record.submitted_at),
                }
            })
            .collect();
        acts.sort_by_key(|act| act.at);
        acts
    }

    /// At the limit of staleness, just beyond, or fresh.
    fn ages(&mut self, records: &[ListRecord]) -> BTreeMap<String, Moment> {
        let mut ages = BTreeMap::new();
        for record in records {
            let hours: i64 = self.law.lists[&*record.list]["max_staleness_hours"]
                .parse()
                .unwrap();
            let oldest = self.now.plus_hours(-hours).0;
            let now = self.now.0;
            let age = self
                .dice
                .pick(&[oldest, oldest - 1, now, now, now - 1, oldest + 1]);
            ages.entry(record.list.to_string()).or_insert(Moment(age));
        }
        ages
    }
}
