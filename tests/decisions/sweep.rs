//! The clock swept over every boundary of a world: starts and ends of entries, default terms,
//! five-year caps, terms of measures, ratings replaced, acts, majority, freshness.
//!
//! At each boundary and one microsecond before it `check` says what the naive model says, and
//! between two boundaries its answer does not change: so it changes exactly there.

use crate::naive::law::Law;
use crate::naive::matching;
use crate::naive::question::{Answer, World};
use crate::naive::standing;
use crate::real::{self, Built};
use crate::worlds::{self, Trial};
use hecha::catalogue::load;
use hecha::catalogue::measure::Catalogue;
use hecha::model::term::{Day, Moment};
use std::collections::{BTreeMap, BTreeSet};

const TRIALS_DEFAULT: u64 = 100;
const SEED: u64 = 20_261_127;
/// Terms of measures in years, and some more.
const TERM_YEARS: std::ops::RangeInclusive<i32> = 1..=6;
const HOUR_US: i64 = 3_600_000_000;

#[test]
fn the_answer_changes_at_boundaries_and_nowhere_else() {
    let law = Law::of_project();
    let catalogue = load::built_in().unwrap();
    let trials = std::env::var("HECHA_SWEEP_CASES").ok();
    let trials = trials.map_or(TRIALS_DEFAULT, |text| text.parse().unwrap());
    let mut changes: BTreeMap<&'static str, u32> = BTreeMap::new();
    for seed in SEED..SEED + trials {
        let trial = worlds::trial(&law, seed);
        sweep(&law, &catalogue, &trial, seed, &mut changes);
    }
    // The sweep is worth something only where each kind of boundary did change an answer.
    for kind in ["start", "end", "measure term", "act", "freshness"] {
        let seen = changes.get(kind).copied().unwrap_or(0);
        assert!(seen > 0, "no answer changed by {kind}: {changes:?}");
    }
}

fn sweep(
    law: &Law,
    catalogue: &Catalogue,
    trial: &Trial,
    seed: u64,
    changes: &mut BTreeMap<&'static str, u32>,
) {
    let boundaries = boundaries(law, trial);
    let built = Built::new(catalogue, &trial.world);
    let request = real::request(catalogue, &trial.question);
    let policy = real::policy(catalogue, &trial.world.client);
    let scenario = catalogue.scenario(request.scenario);
    let check = |now: Moment| -> (Answer, u32) {
        let outcome = built.check(&request, &policy, now);
        let answer = real::translate(&built, scenario, &outcome);
        (answer, outcome.match_count)
    };
    let agrees = |now: Moment| -> (Answer, u32) {
        let said = check(now);
        let mut model = matching::answer(&trial.world, law, &trial.question, now);
        let count = model.matches.len() as u32;
        model.matches.truncate(10);
        assert_eq!(said, (model, count), "seed {seed} at {now}\n{trial:#?}");
        said
    };
    let mut before: Option<Answer> = None;
    for (moment, kind) in &boundaries {
        let last = agrees(Moment(moment.0 - 1));
        if let Some(before) = &before {
            let what = "changed between two boundaries";
            assert_eq!(
                *before, last.0,
                "seed {seed} {what}, before {moment}\n{trial:#?}"
            );
        }
        let (at, _) = agrees(*moment);
        if at != last.0 {
            *changes.entry(kind).or_default() += 1;
        }
        before = Some(at);
    }
}

/// Every moment at which something may change, and what.
fn boundaries(law: &Law, trial: &Trial) -> BTreeMap<Moment, &'static str> {
    let world = &trial.world;
    let mut found = BTreeMap::new();
    let mut add = |moment: Moment, kind: &'static str| {
        found.entry(moment).or_insert(kind);
    };
    for act in &world.acts {
        add(act.at, "act");
    }
    for record in &world.records {
        add(record.in_force_from.start(), "start");
        if let Some(last) = standing::last_day(record) {
            add(last.end(), "end");
        }
        for years in TERM_YEARS {
            add(record.in_force_from.plus_years(years).end(), "measure term");
        }
    }
    for day in births(trial) {
        // Adult from 00:00 of the 18th birthday; the 29th of February may count either way.
        let adult = day.plus_years(18);
        add(adult.start(), "majority");
        add(adult.end(), "majority");
    }
    for (list, as_of) in &world.list_as_of {
        let hours = &law.lists[list.as_str()]["max_staleness_hours"];
        let Ok(hours) = hours.parse::<i64>() else {
            continue;
        };
        // "More than": the first moment that is too old.
        add(Moment(as_of.0 + hours * HOUR_US + 1), "freshness");
    }
    found
}

/// Birth dates of everybody in the world and in the question.
fn births(trial: &Trial) -> BTreeSet<Day> {
    let World { records, .. } = &trial.world;
    let listed = records.iter().flat_map(|record| {
        let parties = std::iter::once(&record.subject).chain(&record.related);
        parties.filter_map(|party| party.birth_date)
    });
    let question = &trial.question;
    let asked = std::iter::once(&question.subject).chain(&question.related);
    let stated = asked.clone().filter_map(|party| party.birth_date);
    let in_numbers = asked
        .flat_map(|party| &party.ids)
        .filter_map(|(_, number)| {
            let digits = number.get(6..14)?;
            let (year, rest) = digits.split_at_checked(4)?;
            let (month, day) = rest.split_at_checked(2)?;
            Day::parse(&format!("{year}-{month}-{day}"))
        });
    listed.chain(stated).chain(in_numbers).collect()
}
