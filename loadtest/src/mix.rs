//! Requests for rail.ticket: most ask for people nobody listed, a share for listed ones.
//!
//! In: a list file. Out: bodies of `POST /v1/check`, one a line, the same for the same arguments.
//! A listed one is a person with a full number whose entry of court-defaulter is in force: a block.
//! Of the others half bear the name of a listed person, with a number of their own: namesakes.

use crate::list::{Names, person_number};
use crate::random::Random;
use anyhow::{Context, Result, bail};
use clap::Args;
use hecha::model::term::Moment;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Listed persons that are kept to ask for.
const LISTED_MAX: usize = 100_000;

/// Arguments of `loadtest mix`.
#[derive(Args)]
pub struct MixArguments {
    /// List file, as `gen` writes it; synthetic only
    #[arg(long)]
    list: PathBuf,
    /// File to write
    #[arg(long)]
    out: PathBuf,
    /// Requests to write; `run` repeats them
    #[arg(long, default_value_t = 20_000)]
    count: u64,
    /// Share of requests for people nobody listed
    #[arg(long, default_value_t = 0.99)]
    clear: f64,
    /// Another seed, other people
    #[arg(long, default_value_t = 2)]
    seed: u64,
}

/// Writes the requests.
pub fn write(arguments: &MixArguments) -> Result<()> {
    let list = File::open(&arguments.list).with_context(|| arguments.list.display().to_string())?;
    let listed = listed(BufReader::with_capacity(1 << 20, list), &today()?)
        .with_context(|| arguments.list.display().to_string())?;
    if listed.is_empty() && arguments.clear < 1.0 {
        bail!(
            "{}: no person with a full number is in force on court-defaulter; ask with `--clear 1`",
            arguments.list.display()
        );
    }
    let save = || -> Result<()> {
        let mut out = BufWriter::new(File::create(&arguments.out)?);
        let mut requests = Requests::new(arguments.seed, arguments.clear, &listed);
        for number in 0..arguments.count {
            writeln!(out, "{}", requests.body(number))?;
        }
        out.into_inner()?.sync_all()?;
        Ok(())
    };
    save().with_context(|| arguments.out.display().to_string())
}

/// A listed person.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    name: String,
    number: String,
}

fn today() -> Result<String> {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    Ok(Moment(i64::try_from(micros)?).day().to_string())
}

/// Persons of a list whose number is full and whose entry blocks on `today`.
fn listed(lines: impl BufRead, today: &str) -> Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for line in lines.lines() {
        let line = line?;
        if listed.len() == LISTED_MAX {
            break;
        }
        // Most lines are spared the parser.
        if !line.contains("\"court-defaulter\"") || !line.contains("\"person\"") {
            continue;
        }
        let record: Value = serde_json::from_str(&line)?;
        if let Some(found) = listed_person(&record, today) {
            listed.push(found);
        }
    }
    Ok(listed)
}

fn listed_person(record: &Value, today: &str) -> Option<Listed> {
    let subject = record.get("subject")?;
    let is = |value: &Value, text: &str| value.as_str() == Some(text);
    let counts = is(record.get("list")?, "court-defaulter")
        && is(record.get("disclosure")?, "public")
        && record
            .get("status")
            .is_none_or(|status| is(status, "in_force"))
        && is(subject.get("kind")?, "person")
        && record.get("in_force_from")?.as_str()? <= today
        && record
            .get("in_force_until")
            .and_then(Value::as_str)
            .is_none_or(|until| until > today);
    let number = subject.get("ids")?.as_array()?.iter().find_map(|id| {
        let number = id.get("number")?.as_str()?;
        (is(id.get("type")?, "citizen_id") && !number.contains('*')).then_some(number)
    })?;
    counts.then(|| Listed {
        name: subject["name"].as_str().unwrap_or_default().to_owned(),
        number: number.to_owned(),
    })
}

/// Bodies in order.
struct Requests<'a> {
    random: Random,
    clear: f64,
    listed: &'a [Listed],
    names: Names,
}

impl<'a> Requests<'a> {
    fn new(seed: u64, clear: f64, listed: &'a [Listed]) -> Self {
        Self {
            random: Random::new(seed),
            clear,
            listed,
            names: Names::new(),
        }
    }

    fn body(&mut self, order: u64) -> Value {
        let random = &mut self.random;
        let any_listed = (!self.listed.is_empty())
            .then(|| &self.listed[random.below(self.listed.len().max(1) as u64) as usize]);
        let clear = random.happens(self.clear);
        let (name, number) = match any_listed {
            Some(listed) if !clear => (listed.name.clone(), listed.number.clone()),
            Some(listed) if random.happens(0.5) => {
                let male = random.happens(0.5);
                (listed.name.clone(), person_number(random, male).1)
            }
            _ => {
                let male = random.happens(0.5);
                (self.names.draw(random), person_number(random, male).1)
            }
        };
        json!({"scenario": "rail.ticket",
            "attributes": {"train_class": "G", "seat_class": "second"},
            "subject": {"kind": "person", "name": name,
                "ids": [{"type": "citizen_id", "number": number}]},
            "purpose": "ticket sale", "reference": format!("order {order}")})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Generator;
    use hecha::model::term::Day;
    use std::collections::HashSet;

    fn list() -> String {
        let until = Day::parse("2026-06-30").unwrap();
        let records = Generator::new(1, 0.7, until).take(5_000);
        records.map(|record| record.to_string() + "\n").collect()
    }

    #[test]
    fn only_entries_that_block_today_are_taken() {
        let text = list();
        let found = listed(text.as_bytes(), "2026-07-01").unwrap();
        assert!(found.len() > 500, "{}", found.len());
        assert!(
            found
                .iter()
                .all(|listed| listed.number.len() == 18 && !listed.name.is_empty())
        );
        assert!(listed(text.as_bytes(), "2010-01-01").unwrap().is_empty());
        assert!(listed(&b"{"[..], "2026-07-01").unwrap().is_empty());
        assert!(listed(&b"{\"court-defaulter\" \"person\""[..], "2026-07-01").is_err());
    }

    #[test]
    fn the_share_of_listed_people_is_as_asked_and_bodies_repeat_with_the_seed() {
        let found = listed(list().as_bytes(), "2026-07-01").unwrap();
        let numbers: HashSet<&str> = found.iter().map(|listed| &*listed.number).collect();
        let names: HashSet<&str> = found.iter().map(|listed| &*listed.name).collect();
        let bodies = |seed| {
            let mut requests = Requests::new(seed, 0.9, &found);
            (0..5_000)
                .map(|order| requests.body(order))
                .collect::<Vec<_>>()
        };
        let asked = bodies(1);
        assert_eq!(asked, bodies(1));
        assert_ne!(asked, bodies(2));
        let hits = asked
            .iter()
            .filter(|body| numbers.contains(body["subject"]["ids"][0]["number"].as_str().unwrap()));
        let hits = hits.count();
        assert!((400..600).contains(&hits), "{hits}");
        let namesakes = asked
            .iter()
            .filter(|b| names.contains(b["subject"]["name"].as_str().unwrap()));
        assert!(namesakes.count() > 2_500);
    }
}
