//! The sample list: about 2,000 invented records over several lists, as of a given day.
//!
//! In: a day. Out: NDJSON as a list owner would send it, and the questions (`personae`) that show a
//! newcomer each decision. The same day gives the same text. Numbers carry division codes that were
//! never assigned: nobody can be meant. Tables and questions: `data/sample`.

use crate::identifier::synthetic;
use crate::model::decision::Decision;
use crate::model::term::Day;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Records of the sample, those of the personae included.
pub const RECORDS: usize = 2_000;

const PERSONAE: &str = include_str!("../../data/sample/personae.json");
const WORDS: &str = include_str!("../../data/sample/words.tsv");

/// How many of every hundred generated records a list has.
const SHARES: [(&str, usize); 8] = [
    ("court-defaulter", 58),
    ("fj-public-credit-record", 13),
    ("env-credit-rating", 8),
    ("fj-redlist", 7),
    ("fj-blacklist", 6),
    ("fj-comprehensive-rating", 4),
    ("elevator-bad-record", 2),
    ("work-safety-blacklist", 2),
];

/// A question of the sample and the decision it brings.
#[derive(Debug, Clone, PartialEq)]
pub struct Persona {
    /// Who asks what, in a few words.
    pub title: String,
    /// What the answer says.
    pub decision: Decision,
    /// Why, in a sentence.
    pub why: String,
    /// Body of `POST /v1/check`.
    pub request_json: String,
}

/// Why the sample cannot be made: its tables were changed.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// Not JSON.
    #[error("data/sample/personae.json is not JSON ({0}); restore it")]
    Json(#[from] serde_json::Error),
    /// A field that is missing, or holds something else.
    #[error("data/sample/personae.json: `{title}`: `{field}` is missing or wrong; restore it")]
    Field {
        /// The persona.
        title: String,
        /// The field.
        field: &'static str,
    },
}

/// The questions that show every decision, in the order of `personae.json`.
pub fn personae(today: Day) -> Result<Vec<Persona>, SampleError> {
    templates()?
        .into_iter()
        .map(|mut template| {
            let title = text(&template, "title");
            let wrong = |field| SampleError::Field {
                title: title.clone(),
                field,
            };
            let decision = Decision::parse(&text(&template, "decision"));
            let mut request = template.remove("request").ok_or_else(|| wrong("request"))?;
            put_dates(&mut request, today);
            Ok(Persona {
                decision: decision.ok_or_else(|| wrong("decision"))?,
                why: text(&template, "why"),
                request_json: request.to_string(),
                title,
            })
        })
        .collect()
}

/// The records, one JSON object a line: those of the personae first.
pub fn records(today: Day) -> Result<String, SampleError> {
    let mut records = Vec::with_capacity(RECORDS);
    for mut template in templates()? {
        if let Some(mut entry) = template.remove("entry") {
            put_dates(&mut entry, today);
            records.push(entry);
        }
    }
    let mut maker = Maker::new(today);
    for number in 1..=RECORDS - records.len() {
        records.push(maker.record(list_of(number), number));
    }
    let mut lines = String::new();
    for record in records {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{record}");
    }
    Ok(lines)
}

fn templates() -> Result<Vec<Map<String, Value>>, SampleError> {
    Ok(serde_json::from_str(PERSONAE)?)
}

fn text(template: &Map<String, Value>, field: &str) -> String {
    let value = template.get(field).and_then(Value::as_str);
    value.unwrap_or_default().to_owned()
}

/// The list of the n-th generated record: lists alternate, so that any part shows all of them.
fn list_of(number: usize) -> &'static str {
    // 37 and 100 have no common divisor: every hundred records meet each remainder once.
    let mut place = number * 37 % 100;
    for (list, share) in SHARES {
        if place < share {
            return list;
        }
        place -= share;
    }
    SHARES[0].0
}

/// Turns texts such as `today-200` into dates, whatever follows the number.
fn put_dates(value: &mut Value, today: Day) {
    match value {
        Value::String(text) => {
            if let Some(dated) = dated(text, today) {
                *text = dated;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| put_dates(item, today)),
        Value::Object(members) => members.values_mut().for_each(|item| put_dates(item, today)),
        _ => {}
    }
}

fn dated(text: &str, today: Day) -> Option<String> {
    let rest = text.strip_prefix("today")?;
    let digits = rest.get(1..)?;
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let days: i32 = digits[..end].parse().ok()?;
    let days = match rest.as_bytes().first()? {
        b'+' => days,
        b'-' => -days,
        _ => return None,
    };
    Some(format!("{}{}", later(today, days), &digits[end..]))
}

/// Makes records, the same ones every time.
struct Maker {
    today: Day,
    state: u64,
    words: Words,
}

struct Words {
    surnames: Vec<&'static str>,
    given: Vec<&'static str>,
    places: Vec<&'static str>,
    trades: Vec<&'static str>,
    forms: Vec<&'static str>,
    conduct: Vec<&'static str>,
    offences: Vec<&'static str>,
}

impl Maker {
    fn new(today: Day) -> Self {
        Self {
            today,
            state: 0x6865_6368_6121,
            words: Words::read(),
        }
    }

    /// The n-th record, on `list`.
    fn record(&mut self, list: &str, number: usize) -> Value {
        let court = list == "court-defaulter";
        let person = court && self.below(3) != 0;
        let subject = if person {
            self.person()
        } else {
            self.organisation()
        };
        let started = 20 + self.below(700) as i32;
        let mut record = json!({
            "entry_id": format!("sample-{number:06}"),
            "list": list,
            "subject": subject,
            "case_no": format!("(示)99{:02}号第{number:06}", number % 20),
            "authority": if court { "示例市中级人民法院" } else { "示例市主管部门" },
            "supplier": if court { "示例省高级人民法院" } else { "示例省公共信用信息平台" },
            "region": format!("9901{:02}", 1 + number % 30),
            "submitted_at": format!("{}T09:00:00+08:00", self.ago(started - 1)),
            "published": self.ago(started),
            "in_force_from": self.ago(started),
            "disclosure": "public",
            "status": self.status(),
        });
        if !person && court {
            record["related"] = json!([self.holder()]);
        }
        if let Some(grade) = self.grade(list) {
            record["grade"] = grade.into();
        }
        match list {
            "court-defaulter" => record["conduct"] = self.any_conduct().into(),
            "fj-redlist" | "fj-comprehensive-rating" | "env-credit-rating" => {}
            _ => {
                record["conduct"] = self.any_offence().into();
                record["conduct_ended"] = self.ago(started + 30).into();
            }
        }
        // Two of the lists owe an end date; elsewhere some records carry one, and some are over.
        let owes = list == "fj-redlist" || list == "fj-blacklist";
        if owes || self.below(6) == 0 {
            let days = self.below(900) as i32 - if owes { 0 } else { 240 };
            record["in_force_until"] = self.ago(-days.max(1 - started)).into();
        }
        record
    }

    fn person(&mut self) -> Value {
        let name = self.person_name();
        let (number, birth) = self.citizen_id();
        let masked = format!("{}****{}", &number[..10], &number[14..]);
        let mut person = json!({ "kind": "person", "name": name });
        match self.below(10) {
            0 => person["birth_date"] = birth.into(),
            1..=4 => person["ids"] = ids("citizen_id", &masked),
            _ => person["ids"] = ids("citizen_id", &number),
        }
        person
    }

    fn organisation(&mut self) -> Value {
        let code = self.credit_code();
        let name = self.organisation_name();
        json!({ "kind": "organisation", "name": name, "ids": ids("credit_code", &code) })
    }

    fn holder(&mut self) -> Value {
        let mut holder = self.person();
        holder["role"] = "legal_representative".into();
        holder
    }

    fn person_name(&mut self) -> String {
        let mut name = self.word(|words| &words.surnames).to_owned();
        for _ in 0..=self.below(2) {
            let given = self.word(|words| &words.given);
            name.push_str(given);
        }
        name
    }

    fn organisation_name(&mut self) -> String {
        let place = self.word(|words| &words.places);
        let given = self.word(|words| &words.given);
        let second = self.word(|words| &words.given);
        let trade = self.word(|words| &words.trades);
        let form = self.word(|words| &words.forms);
        format!("{place}示例{given}{second}{trade}{form}")
    }

    /// A number, and the birth date in it.
    fn citizen_id(&mut self) -> (String, String) {
        let division = 990_101 + self.below(30) as u32;
        let birth = (
            1955 + self.below(45) as i16,
            1 + self.below(12) as i8,
            1 + self.below(28) as i8,
        );
        let number = synthetic::citizen_id(division, birth, self.below(1_000) as u16);
        let (year, month, day) = birth;
        (number, format!("{year:04}-{month:02}-{day:02}"))
    }

    fn credit_code(&mut self) -> String {
        let division = 990_101 + self.below(30) as u32;
        let body = format!("MA{:06}", self.below(1_000_000));
        synthetic::credit_code("91", division, &body)
    }

    fn grade(&mut self, list: &str) -> Option<&'static str> {
        let grades: &[&str] = match list {
            "fj-public-credit-record" => &["caution", "warning", "favourable", "basic"],
            "env-credit-rating" => &["green", "blue", "blue", "yellow", "red"],
            "fj-comprehensive-rating" => {
                &["trustworthy", "generally_dishonest", "seriously_dishonest"]
            }
            "elevator-bad-record" | "work-safety-blacklist" => &["city", "county", "provincial"],
            _ => return None,
        };
        let random = self.random();
        Some(pick(grades, random))
    }

    fn status(&mut self) -> &'static str {
        match self.below(40) {
            0 => "held",
            1 => "withdrawn",
            2 => "repaired",
            _ => "in_force",
        }
    }

    fn any_conduct(&mut self) -> &'static str {
        self.word(|words| &words.conduct)
    }

    fn any_offence(&mut self) -> &'static str {
        self.word(|words| &words.offences)
    }

    fn word(&mut self, of: fn(&Words) -> &Vec<&'static str>) -> &'static str {
        let random = self.random();
        pick(of(&self.words), random)
    }

    /// The day `days` before today, as text.
    fn ago(&self, days: i32) -> String {
        later(self.today, -days).to_string()
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random() % bound
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): enough for invented data, never for secrets.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Words {
    fn read() -> Self {
        let of = |kind: &str| -> Vec<&'static str> {
            let line = WORDS.lines().find_map(|line| line.strip_prefix(kind));
            let words = line.and_then(|line| line.strip_prefix('\t'));
            words.unwrap_or_default().split(' ').collect()
        };
        Self {
            surnames: of("surname"),
            given: of("given"),
            places: of("place"),
            trades: of("trade"),
            forms: of("form"),
            conduct: of("conduct"),
            offences: of("offence"),
        }
    }
}

/// `days` after `day`, before it where negative.
fn later(day: Day, days: i32) -> Day {
    Day(day.0.saturating_add(days))
}

fn ids(id_type: &str, number: &str) -> Value {
    json!([{ "type": id_type, "number": number }])
}

fn pick(words: &[&'static str], random: u64) -> &'static str {
    let place = (random >> 16) as usize % words.len().max(1);
    words.get(place).copied().unwrap_or("示")
}

#[cfg(test)]
mod tests {
    use super::super::validate;
    use super::*;
    use crate::catalogue::load;
    use crate::model::entry::{ListRecord, Status};
    use crate::model::term::Moment;
    use std::collections::{BTreeMap, BTreeSet};

    fn today() -> Day {
        Day::parse("2026-11-22").unwrap()
    }

    fn parsed(day: Day) -> Vec<ListRecord> {
        let catalogue = load::built_in().unwrap();
        let text = records(day).unwrap();
        text.lines()
            .map(|line| {
                let validated = validate::parse_line(line.as_bytes(), &catalogue);
                let validated = validated.unwrap_or_else(|e| panic!("{e:?}: {line}"));
                assert!(
                    validated.warnings.is_empty(),
                    "{:?}: {line}",
                    validated.warnings
                );
                validated.record
            })
            .collect()
    }

    #[test]
    fn every_record_is_valid_and_no_entry_id_stands_twice() {
        for day in ["2026-11-22", "2028-02-29", "2030-01-01"] {
            let records = parsed(Day::parse(day).unwrap());
            assert_eq!(records.len(), RECORDS);
            let ids: BTreeSet<_> = records.iter().map(|r| r.entry_id.as_str()).collect();
            assert_eq!(ids.len(), RECORDS);
        }
    }

    #[test]
    fn nothing_was_submitted_or_published_after_today() {
        let now = today().start();
        for record in parsed(today()) {
            let submitted: Moment = record.submitted_at;
            assert!(submitted < now && record.published.unwrap() < today());
            assert!(record.in_force_from < today());
        }
    }

    #[test]
    fn the_sample_is_mixed() {
        let records = parsed(today());
        let mut lists: BTreeMap<&str, usize> = BTreeMap::new();
        for record in &records {
            *lists.entry(&record.list).or_default() += 1;
        }
        assert_eq!(lists.len(), SHARES.len());
        for (list, share) in SHARES {
            assert!(lists[list].abs_diff(share * RECORDS / 100) < 30, "{list}");
        }
        let count = |test: &dyn Fn(&ListRecord) -> bool| records.iter().filter(|r| test(r)).count();
        assert!(count(&|r| r.status != Status::InForce) > 50);
        assert!(count(&|r| r.in_force_until.is_some_and(|until| until < today())) > 30);
        assert!(count(&|r| r.in_force_until.is_some_and(|until| until >= today())) > 100);
        assert!(count(&|r| !r.related.is_empty()) > 200);
    }

    #[test]
    fn the_same_day_gives_the_same_text_and_another_day_other_dates() {
        assert_eq!(records(today()).unwrap(), records(today()).unwrap());
        assert_ne!(records(today()).unwrap(), records(today().next()).unwrap());
    }

    #[test]
    fn nobody_else_bears_the_name_of_a_persona() {
        let personae = personae(today()).unwrap();
        let decisions: BTreeSet<Decision> = personae.iter().map(|p| p.decision).collect();
        assert_eq!(
            decisions.len(),
            Decision::ALL.len(),
            "every decision is shown"
        );
        let made: Vec<ListRecord> = parsed(today())
            .into_iter()
            .filter(|r| r.entry_id.as_str().starts_with("sample-00"))
            .collect();
        for persona in &personae {
            let request: Value = serde_json::from_str(&persona.request_json).unwrap();
            let name = request["subject"]["name"].as_str().unwrap();
            assert!(made.iter().all(|r| &*r.subject.name != name), "{name}");
            assert!(!persona.why.is_empty() && !persona.title.is_empty());
        }
    }

    #[test]
    fn dates_are_counted_from_today() {
        let dated = |text| dated(text, today());
        assert_eq!(dated("today-22").as_deref(), Some("2026-10-31"));
        assert_eq!(dated("today+1").as_deref(), Some("2026-11-23"));
        assert_eq!(
            dated("today-0T09:00:00+08:00").as_deref(),
            Some("2026-11-22T09:00:00+08:00")
        );
        for text in [
            "today",
            "today-",
            "today*3",
            "yesterday",
            "2026-11-22",
            "today√3",
        ] {
            assert_eq!(dated(text), None, "{text}");
        }
    }
}
