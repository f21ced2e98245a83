//! `check` against the naive model, on random worlds. A failing trial is made smaller before it is
//! printed; its seed brings it back.

use crate::naive::law::Law;
use crate::naive::matching;
use crate::naive::question::World;
use crate::naive::standing;
use crate::real;
use crate::worlds::{self, Trial};
use hecha::catalogue::load;
use hecha::catalogue::measure::Catalogue;
use hecha::model::entry::{Act, EntryId, EntryIndex};
use hecha::model::term::{Day, Moment};
use std::collections::{BTreeMap, BTreeSet};

/// Trials where `HECHA_DIFF_CASES` does not say otherwise.
const TRIALS_DEFAULT: u64 = 3_000;
/// First seed where `HECHA_DIFF_SEED` does not say otherwise.
const SEED_DEFAULT: u64 = 20_261_122;

#[test]
fn check_decides_as_the_naive_model_does() {
    let law = Law::of_project();
    let catalogue = load::built_in().unwrap();
    for seed in seeds() {
        let trial = worlds::trial(&law, seed);
        if differs(&law, &catalogue, &trial).is_some() {
            let small = smaller(&trial, |trial| differs(&law, &catalogue, trial).is_some());
            let what = differs(&law, &catalogue, &small).unwrap();
            panic!("HECHA_DIFF_SEED={seed} HECHA_DIFF_CASES=1\n{small:#?}\n{what}");
        }
    }
}

#[test]
fn standing_bits_agree_with_the_naive_model_around_every_boundary() {
    let law = Law::of_project();
    let catalogue = load::built_in().unwrap();
    // A dozen days each.
    for seed in seeds().step_by(4) {
        let trial = worlds::trial(&law, seed);
        if misplaced(&law, &catalogue, &trial).is_some() {
            let small = smaller(&trial, |trial| misplaced(&law, &catalogue, trial).is_some());
            let what = misplaced(&law, &catalogue, &small).unwrap();
            panic!("HECHA_DIFF_SEED={seed} HECHA_DIFF_CASES=1\n{small:#?}\n{what}");
        }
    }
}

fn seeds() -> impl Iterator<Item = u64> {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}: `{text}` is no number")),
        Err(_) => default,
    };
    let first = number("HECHA_DIFF_SEED", SEED_DEFAULT);
    first..first + number("HECHA_DIFF_CASES", TRIALS_DEFAULT)
}

/// What differs, in words; `None` where both say the same.
fn differs(law: &Law, catalogue: &Catalogue, trial: &Trial) -> Option<String> {
    let mut model = matching::answer(&trial.world, law, &trial.question, trial.now);
    let model_count = model.matches.len();
    model.matches.truncate(10);
    let said = real::answer(catalogue, trial);
    let (real, real_count) = (&said.answer, said.match_count);
    if model != *real || model_count != real_count {
        return Some(format!(
            "check: {real_count} {real:#?}\nmodel: {model_count} {model:#?}"
        ));
    }
    lasts_too_long(law, trial, &said)
}

/// Contract 5, `valid_until`: until then no shown match and no list's freshness changes the
/// answer. What is not shown may: a record that begins, a listing that another one hides.
fn lasts_too_long(law: &Law, trial: &Trial, said: &real::Said) -> Option<String> {
    if said.valid_until <= trial.now {
        return Some(format!("valid until {}, which is past", said.valid_until));
    }
    let last = Moment(said.valid_until.0 - 1);
    let begins = |day: Day| day.start() > trial.now && day.start() <= last;
    let mut records = trial.world.records.iter();
    if said.match_count == 0 || records.any(|record| begins(record.in_force_from)) {
        return None;
    }
    let mut model = matching::answer(&trial.world, law, &trial.question, last);
    model.matches.truncate(10);
    (model != said.answer).then(|| format!("not valid until {}: {model:#?}", said.valid_until))
}

/// The first day and entry where a standing bit is not what the model says.
fn misplaced(law: &Law, catalogue: &Catalogue, trial: &Trial) -> Option<String> {
    let built = real::Built::new(catalogue, &trial.world);
    let (touched, out) = built.touched(trial.now);
    let frozen = frozen(&trial.world, trial.now);
    let places: BTreeMap<String, usize> = (0..)
        .zip(&trial.world.records)
        .map(|(place, record)| (record.entry_id.as_str().to_string(), place))
        .collect();
    for day in days(&trial.world, trial.now) {
        let standing = built.standing(&out, day);
        let before = built.standing(&[], day);
        if before.after_acts(built.ground(&out), &touched) != standing {
            return Some(format!("{day}: after acts is not as computed anew"));
        }
        for entry in (0..built.snapshot.entry_count()).map(EntryIndex) {
            let id = built.entry_id(entry);
            let place = places[&id];
            let real = standing.counts(entry);
            for moment in [day.start(), Moment(day.end().0 - 1)] {
                let model = standing::counts(&frozen, law, place, moment);
                if model != real {
                    return Some(format!(
                        "{day} {id}: check {real}, model {model} at {moment}"
                    ));
                }
            }
        }
    }
    None
}

/// The world with the acts up to `now` done long ago, so that only days matter.
fn frozen(world: &World, now: Moment) -> World {
    let mut frozen = world.clone();
    let until_now = world.acts.iter().filter(|act| act.at <= now);
    frozen.acts = until_now
        .enumerate()
        .map(|(place, act)| Act {
            at: Moment(i64::MIN / 2 + place as i64),
            version: act.version.or(Some(act.at)),
            ..act.clone()
        })
        .collect();
    frozen
}

/// Days of the check and of every start and end, each with its neighbours.
fn days(world: &World, now: Moment) -> BTreeSet<Day> {
    let today = now.day();
    let around = |day: Day| [Day(day.0 - 1), day, day.next()];
    let mut days: BTreeSet<Day> = around(today).into_iter().collect();
    for record in &world.records {
        days.extend(around(record.in_force_from));
        days.extend(standing::last_day(record).into_iter().flat_map(around));
    }
    days
}

/// The smallest trial found that still fails: takes things away one at a time.
fn smaller(trial: &Trial, fails: impl Fn(&Trial) -> bool) -> Trial {
    let mut best = trial.clone();
    loop {
        let Some(next) = reductions(&best).into_iter().find(|trial| fails(trial)) else {
            return best;
        };
        best = next;
    }
}

/// Every trial with one thing less.
fn reductions(trial: &Trial) -> Vec<Trial> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Trial)| {
        let mut changed = trial.clone();
        change(&mut changed);
        all.push(changed);
    };
    for i in 0..trial.world.records.len() {
        with(&|trial| {
            let EntryId(id) = trial.world.records.remove(i).entry_id;
            trial.world.acts.retain(|act| act.entry_id.0 != id);
        });
    }
    for i in 0..trial.world.acts.len() {
        with(&|trial| drop(trial.world.acts.remove(i)));
    }
    for i in 0..trial.question.related.len() {
        with(&|trial| drop(trial.question.related.remove(i)));
    }
    for i in 0..trial.question.subject.ids.len() {
        with(&|trial| drop(trial.question.subject.ids.remove(i)));
    }
    for (i, record) in trial.world.records.iter().enumerate() {
        for j in 0..record.related.len() {
            with(&|trial| drop(trial.world.records[i].related.remove(j)));
        }
        for j in 0..record.subject.aliases.len() {
            with(&|trial| drop(trial.world.records[i].subject.aliases.remove(j)));
        }
        if record.subject.birth_date.is_some() {
            for j in 0..record.subject.ids.len() {
                with(&|trial| drop(trial.world.records[i].subject.ids.remove(j)));
            }
        }
    }
    for id in &trial.world.client.adopts {
        with(&|trial| trial.world.client.adopts.retain(|other| other != id));
    }
    if trial.question.exemption.is_some() {
        with(&|trial| trial.question.exemption = None);
    }
    if trial.question.authorisation.is_some() {
        with(&|trial| trial.question.authorisation = None);
    }
    all
}
