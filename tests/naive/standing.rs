//! Section 2, lines 1 to 5: which records count at a moment.

use super::identity::listed_numbers;
use super::law::Law;
use super::question::World;
use hecha::model::entry::{ActKind, ListRecord, Status};
use hecha::model::term::{Day, Moment};
use hecha::name::fold::fold;

/// Whether record number `i` of the world counts at `now`.
pub fn counts(world: &World, law: &Law, i: usize, now: Moment) -> bool {
    let listing = same_listing(world, i);
    // 2.5: if one is out by status or act, all are out.
    if listing.iter().any(|j| is_out(world, *j, now)) {
        return false;
    }
    // 2.5: of those that have started and are not replaced, the latest stands for the listing.
    let stands = listing
        .into_iter()
        .filter(|j| has_started(&world.records[*j], now) && !is_replaced(world, law, *j, now))
        .max_by(|a, b| {
            let (a, b) = (&world.records[*a], &world.records[*b]);
            a.submitted_at
                .cmp(&b.submitted_at)
                .then_with(|| b.entry_id.cmp(&a.entry_id))
        });
    if stands != Some(i) {
        return false;
    }
    // 2.2: now < 24:00 of the last day.
    match last_day(&world.records[i]) {
        Some(last) => now < last.end(),
        None => true,
    }
}

/// 2.1 and 2.3: out by status or act.
fn is_out(world: &World, i: usize, now: Moment) -> bool {
    let record = &world.records[i];
    if record.status != Status::InForce {
        return true;
    }
    let mut acts: Vec<_> = world
        .acts
        .iter()
        .filter(|act| act.entry_id == record.entry_id && act.at <= now)
        .collect();
    acts.sort_by_key(|act| act.at);
    let mut is_held = false;
    let mut is_gone = false;
    let mut is_corrected = false;
    for act in acts {
        match act.kind {
            ActKind::Hold => is_held = true,
            ActKind::Upheld => is_held = false,
            ActKind::Removed | ActKind::Withdraw | ActKind::Repair => is_gone = true,
            ActKind::Corrected => {
                is_held = false;
                // The version is the one submitted up to then, where the act does not say.
                if record.submitted_at <= act.version.unwrap_or(act.at) {
                    is_corrected = true;
                }
            }
        }
    }
    is_held || is_gone || is_corrected
}

/// 2.2: 00:00 of the day of `in_force_from` has come.
fn has_started(record: &ListRecord, now: Moment) -> bool {
    record.in_force_from.start() <= now
}

/// 2.2: the last day, `None` where there is none.
pub fn last_day(record: &ListRecord) -> Option<Day> {
    let last = match (record.in_force_until, &*record.list) {
        (Some(stated), _) => Some(stated),
        (None, "env-credit-rating" | "elevator-rating" | "elevator-bad-record") => {
            Some(record.in_force_from.plus_years(1))
        }
        (None, "elevator-blacklist" | "work-safety-blacklist") => Some(
            record
                .published
                .unwrap_or(record.in_force_from)
                .plus_years(1),
        ),
        (None, _) => None,
    };
    let spared = matches!(record.grade.as_deref(), Some("basic" | "favourable"));
    if &*record.list == "fj-public-credit-record"
        && !spared
        && let Some(ended) = record.conduct_ended
    {
        let cap = ended.plus_years(5);
        return Some(last.map_or(cap, |last| last.min(cap)));
    }
    last
}

/// 2.4: on a rating list, another record of the subject with a later `in_force_from` has started.
fn is_replaced(world: &World, law: &Law, i: usize, now: Moment) -> bool {
    let record = &world.records[i];
    law.lists[&*record.list]["kind"] == "rating"
        && same_subject(world, i).into_iter().any(|j| {
            let other = &world.records[j];
            other.in_force_from > record.in_force_from && has_started(other, now)
        })
}

/// 2.5: records of the list with the same case and the same subject, `i` among them.
fn same_listing(world: &World, i: usize) -> Vec<usize> {
    let case = fold(&world.records[i].case_no);
    same_subject(world, i)
        .into_iter()
        .filter(|j| fold(&world.records[*j].case_no) == case)
        .collect()
}

/// 2.4: records of the list with the same subject, `i` among them. Being the same is transitive.
fn same_subject(world: &World, i: usize) -> Vec<usize> {
    let mut found = vec![i];
    let mut next = 0;
    while next < found.len() {
        let known = &world.records[found[next]];
        for (j, other) in world.records.iter().enumerate() {
            if !found.contains(&j) && other.list == known.list && is_same(known, other) {
                found.push(j);
            }
        }
        next += 1;
    }
    found.sort_unstable();
    found
}

/// 2.4, first sentence, of two records.
fn is_same(one: &ListRecord, other: &ListRecord) -> bool {
    if one.subject.kind != other.subject.kind {
        return false;
    }
    let (full, masked) = listed_numbers(&one.subject);
    let (other_full, other_masked) = listed_numbers(&other.subject);
    full.iter().any(|number| other_full.contains(number))
        || (masked.iter().any(|mask| other_masked.contains(mask))
            && fold(&one.subject.name) == fold(&other.subject.name))
}
