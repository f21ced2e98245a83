//! Request bodies, of three kinds of traffic.
//!
//! In: a list file. Out: bodies of `POST /v1/check`, one a line, the same for the same arguments
//! and day. `identifier`: rail.ticket with name and full number; most people are not listed (half
//! of them bear the name of a listed person: namesakes), a share is, with an entry that blocks.
//! `name`: a name without a number, half persons and half organisations: half of the names are
//! listed ones with a planted edit, a quarter listed ones as they stand, a quarter fresh, as common
//! as names are. `mixed`: 90 % numbers that miss, 5 % that hit, 5 % names alone.

use crate::block::person_number;
use crate::machine::today;
use crate::names::Names;
use crate::random::Random;
use crate::sample::{Listed, listed};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Places of the list that are looked at for somebody to ask for.
const PLACES: u64 = 100_000;
/// Shares of name queries: listed with an edit, and from there to here listed as it stands.
const EDITED_SHARE: f64 = 0.5;
const EQUAL_SHARE: f64 = 0.25;
/// Shares of mixed traffic.
const MISS_SHARE: f64 = 0.9;
const HIT_SHARE: f64 = 0.05;

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
    /// What is asked: by number, by name alone, or of everything something
    #[arg(long, default_value = "identifier")]
    kind: Kind,
    /// Of requests by number, the share for people nobody listed (not with `mixed`)
    #[arg(long, default_value_t = 0.99)]
    clear: f64,
    /// Another seed, other people
    #[arg(long, default_value_t = 2)]
    seed: u64,
}

/// A kind of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Name and full number
    Identifier,
    /// Name alone
    Name,
    /// 90 % numbers that miss, 5 % that hit, 5 % names alone
    Mixed,
}

/// Writes the requests.
pub fn write(arguments: &MixArguments) -> Result<()> {
    let listed = listed(&arguments.list, PLACES, &today()?.to_string())?;
    let blocked = listed.iter().filter(|one| one.number.is_some()).count();
    let needs_blocked = match arguments.kind {
        Kind::Identifier => arguments.clear < 1.0,
        Kind::Name => false,
        Kind::Mixed => true,
    };
    let list = arguments.list.display();
    if needs_blocked && blocked == 0 {
        bail!(
            "{list}: no person with a full number is in force on court-defaulter; ask with `--kind \
             identifier --clear 1`"
        );
    }
    if listed.is_empty() {
        bail!("{list}: nobody is listed there");
    }
    let save = || -> Result<()> {
        let mut out = BufWriter::new(File::create(&arguments.out)?);
        let mut requests = Requests::new(arguments.seed, arguments.kind, arguments.clear, &listed);
        for number in 0..arguments.count {
            writeln!(out, "{}", requests.body(number))?;
        }
        out.into_inner()?.sync_all()?;
        Ok(())
    };
    save().with_context(|| arguments.out.display().to_string())
}

/// Bodies in order.
struct Requests<'a> {
    random: Random,
    kind: Kind,
    clear: f64,
    /// Persons whose number blocks.
    blocked: Vec<&'a Listed>,
    persons: Vec<&'a Listed>,
    organisations: Vec<&'a Listed>,
    names: Names,
}

impl<'a> Requests<'a> {
    fn new(seed: u64, kind: Kind, clear: f64, listed: &'a [Listed]) -> Self {
        let those =
            |what: &dyn Fn(&Listed) -> bool| listed.iter().filter(|one| what(one)).collect();
        Self {
            random: Random::new(seed),
            kind,
            clear,
            blocked: those(&|one| one.number.is_some()),
            persons: those(&|one| one.is_person),
            organisations: those(&|one| !one.is_person),
            names: Names::new(),
        }
    }

    fn body(&mut self, order: u64) -> Value {
        let share = self.random.unit();
        let asked = match self.kind {
            Kind::Identifier if share < self.clear => self.miss(),
            Kind::Identifier => self.hit(),
            Kind::Name => self.name_alone(),
            Kind::Mixed if share < MISS_SHARE => self.miss(),
            Kind::Mixed if share < MISS_SHARE + HIT_SHARE => self.hit(),
            Kind::Mixed => self.name_alone(),
        };
        let (scenario, attributes, subject) = asked;
        json!({"scenario": scenario, "attributes": attributes, "subject": subject,
            "purpose": "load test", "reference": format!("order {order}")})
    }

    /// A number nobody listed, half of them with a listed name.
    fn miss(&mut self) -> (&'static str, Value, Value) {
        let random = &mut self.random;
        let male = random.happens(0.5);
        let number = person_number(random, male).1;
        let name = match any(random, &self.persons) {
            Some(listed) if random.happens(0.5) => listed.name.clone(),
            _ => self.names.person(random),
        };
        by_number(&name, &number)
    }

    fn hit(&mut self) -> (&'static str, Value, Value) {
        match any(&mut self.random, &self.blocked) {
            Some(Listed {
                name,
                number: Some(number),
                ..
            }) => by_number(name, number),
            _ => self.miss(),
        }
    }

    fn name_alone(&mut self) -> (&'static str, Value, Value) {
        let random = &mut self.random;
        let is_person = random.happens(0.5);
        let listed = match is_person {
            true => any(random, &self.persons),
            false => any(random, &self.organisations),
        };
        let share = random.unit();
        let name = match listed {
            Some(listed) if share < EDITED_SHARE => self.names.edited(&listed.name, random),
            Some(listed) if share < EDITED_SHARE + EQUAL_SHARE => listed.name.clone(),
            _ if is_person => self.names.person(random),
            _ => self.names.organisation(random),
        };
        let (scenario, attributes) = match (is_person, random.happens(0.5)) {
            (true, true) => train(),
            (true, false) => ("hotel.stay", json!({"star_rating": 4})),
            (false, true) => ("procurement.supplier", json!({"stage": "register"})),
            (false, false) => (
                "bidding.bidder",
                json!({"project_kind": "engineering_construction"}),
            ),
        };
        let kind = if is_person { "person" } else { "organisation" };
        (scenario, attributes, json!({"kind": kind, "name": name}))
    }
}

fn any<'a>(random: &mut Random, listed: &[&'a Listed]) -> Option<&'a Listed> {
    let place = random.below(listed.len().max(1) as u64) as usize;
    listed.get(place).copied()
}

fn train() -> (&'static str, Value) {
    let attributes = json!({"train_class": "G", "seat_class": "second"});
    ("rail.ticket", attributes)
}

fn by_number(name: &str, number: &str) -> (&'static str, Value, Value) {
    let (scenario, attributes) = train();
    let ids = json!([{"type": "citizen_id", "number": number}]);
    let subject = json!({"kind": "person", "name": name, "ids": ids});
    (scenario, attributes, subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn list() -> Vec<Listed> {
        let names = Names::new();
        let mut random = Random::new(9);
        let mut listed = Vec::new();
        for place in 0..2_000 {
            let is_person = place % 5 != 4;
            listed.push(Listed {
                name: match is_person {
                    true => names.person(&mut random),
                    false => names.organisation(&mut random),
                },
                is_person,
                number: (place % 5 == 0).then(|| person_number(&mut random, true).1),
            });
        }
        listed
    }

    fn bodies(kind: Kind, seed: u64, listed: &[Listed]) -> Vec<Value> {
        let mut requests = Requests::new(seed, kind, 0.9, listed);
        (0..5_000).map(|order| requests.body(order)).collect()
    }

    #[test]
    fn the_share_of_listed_people_is_as_asked_and_bodies_repeat_with_the_seed() {
        let found = list();
        let numbers: HashSet<&str> = found
            .iter()
            .filter_map(|one| one.number.as_deref())
            .collect();
        let names: HashSet<&str> = found.iter().map(|one| &*one.name).collect();
        let asked = bodies(Kind::Identifier, 1, &found);
        assert_eq!(asked, bodies(Kind::Identifier, 1, &found));
        assert_ne!(asked, bodies(Kind::Identifier, 2, &found));
        let number = |body: &Value| {
            body["subject"]["ids"][0]["number"]
                .as_str()
                .map(str::to_owned)
        };
        let hits = |asked: &[Value]| {
            let all = asked.iter().filter_map(number);
            all.filter(|number| numbers.contains(&**number)).count()
        };
        assert!((400..600).contains(&hits(&asked)), "{}", hits(&asked));
        let namesakes = asked
            .iter()
            .filter(|b| names.contains(b["subject"]["name"].as_str().unwrap()));
        assert!(namesakes.count() > 2_500);
        let mixed = bodies(Kind::Mixed, 1, &found);
        assert!((200..300).contains(&hits(&mixed)), "{}", hits(&mixed));
        let alone = mixed.iter().filter(|body| number(body).is_none()).count();
        assert!((200..300).contains(&alone), "{alone}");
    }

    #[test]
    fn a_name_alone_has_no_number_and_half_are_firms() {
        let found = list();
        let names: HashSet<&str> = found.iter().map(|one| &*one.name).collect();
        let asked = bodies(Kind::Name, 1, &found);
        assert!(asked.iter().all(|body| body["subject"]["ids"].is_null()));
        let firms = asked
            .iter()
            .filter(|body| body["subject"]["kind"] == "organisation");
        assert!((2_400..2_600).contains(&firms.count()));
        let equal = asked
            .iter()
            .filter(|body| names.contains(body["subject"]["name"].as_str().unwrap()));
        let equal = equal.count();
        assert!((1_100..2_000).contains(&equal), "{equal}");
    }
}
