//! Fault F27: who gathers the list is slowed and stopped, and a busy unit with honest business is
//! not. Time is simulated; every question goes the way of a check through `gateway::question`.
//!
//! `cargo test --test enumeration -- --nocapture` prints what each attack learned before each
//! reaction, and the scores of the honest.

#![expect(clippy::unwrap_used, reason = "a test ends at a fault")]
#![expect(clippy::print_stdout, reason = "the figures are what is asked for")]

mod world;

use world::{Learned, Person, World, dated, names};

/// What an attack may have learned at most when it is stopped.
#[track_caller]
fn is_cut(title: &str, learned: &Learned, stopped_by: usize) {
    learned.print(title);
    let stop = learned.stop.unwrap_or(usize::MAX);
    assert!(
        stop <= stopped_by,
        "{title}: {stop} learned before the stop"
    );
    let (slow, alarm) = (learned.slow.unwrap_or(stop), learned.alarm.unwrap_or(stop));
    assert!(slow <= alarm && alarm <= stop, "{title}: in this order");
}

#[test]
fn numbers_in_sequence_are_cut() {
    let world = World::new(1);
    let region = 990_102;
    let born = |place: usize| dated(1980, place / 500);
    let people = (0..5_000)
        .map(|place| Person::new("某某", region, born(place), (place % 500) as u16 * 2 + 1));
    let learned = world.attack("sequence", 1, people, 0.5);
    is_cut("numbers in sequence", &learned, 25);
}

#[test]
fn birth_dates_in_sequence_are_cut() {
    let world = World::new(1);
    let people = (0..5_000).map(|place| Person::new("某某", 990_102, dated(1970, place), 11));
    let learned = world.attack("dates", 1, people, 0.5);
    is_cut("one sequence number, birth dates in order", &learned, 25);
}

#[test]
fn one_prefix_in_any_order_is_cut() {
    let mut world = World::new(1);
    let sequences: Vec<u16> = (0..999).map(|_| world.dice.below(999) as u16 + 1).collect();
    let name = names(&mut world.dice, 999);
    let people = sequences
        .into_iter()
        .zip(name)
        .map(|(sequence, name)| Person::new(&name, 990_102, (1980, 3, 7), sequence));
    let learned = world.attack("prefix", 1, people, 60.0);
    is_cut(
        "one 14-digit prefix, other names, one a minute",
        &learned,
        25,
    );
}

#[test]
fn one_birth_date_and_sequence_over_regions_is_cut() {
    let mut world = World::new(1);
    let name = names(&mut world.dice, 3_000);
    let people = (0..3_000)
        .zip(name)
        .map(|(place, name)| Person::new(&name, 990_000 + place, (1980, 3, 7), 123));
    let learned = world.attack("regions", 1, people, 10.0);
    is_cut("one birth date and sequence over regions", &learned, 25);
}

#[test]
fn a_few_numbers_of_many_prefixes_are_cut() {
    let mut world = World::new(1);
    let name = names(&mut world.dice, 3_000);
    let people = (0..3_000).zip(name).map(|(place, name)| {
        let day = dated(1960, (place as usize / 3) * 7 % 18_000);
        Person::new(
            &name,
            990_100 + place / 300,
            day,
            (place % 3 * 317 + 5) as u16,
        )
    });
    let learned = world.attack("few", 1, people, 2.0);
    is_cut("three numbers of each prefix", &learned, 200);
}

#[test]
fn names_without_numbers_are_cut() {
    let mut world = World::new(1);
    let common = names(&mut world.dice, 40);
    // Each name with each birth date: what a gatherer without numbers can do.
    let people =
        (0..10_000).map(|place| Person::named(&common[place / 250], dated(1960, place % 250 * 60)));
    let learned = world.attack("names", 1, people, 1.0);
    is_cut("names x birth dates", &learned, 40);
    let world = World::new(1);
    let people = (0..10_000).map(|place| {
        let name = &common[place % 40];
        Person::named(name, dated(1960, place / 40 * 60))
    });
    let learned = world.attack("names turned", 1, people, 1.0);
    is_cut("birth dates x 40 names", &learned, 130);
}

#[test]
fn one_name_of_a_firm_over_cities_is_cut() {
    let world = World::new(1);
    let learned = world.attack_firms(1.0);
    is_cut("one firm's name x cities", &learned, 40);
}

#[test]
fn twenty_tokens_at_a_low_rate_are_cut_together() {
    let mut world = World::new(20);
    let name = names(&mut world.dice, 999);
    let people: Vec<Person> = (0..999_u16)
        .zip(name)
        .map(|(sequence, name)| Person::new(&name, 990_102, (1980, 3, 7), sequence + 1))
        .collect();
    // Each token once in an hour.
    let learned = world.attack("tokens", 20, people.into_iter(), 180.0);
    is_cut("20 tokens, each once an hour", &learned, 60);
}

#[test]
fn guessing_check_digits_is_slowed_and_told() {
    let world = World::new(1);
    let learned = world.attack_guessing(400, 1.0);
    learned.print("check digits guessed, other regions and dates");
    assert!(learned.alarm.is_some_and(|alarm| alarm <= 5));
}

#[test]
fn no_feedback_adds_to_the_score() {
    let mut world = World::new(1);
    let silent = world.honest_day("silent", 4_000, 0.02, false);
    let mut world = World::new(1);
    let telling = world.honest_day("telling", 4_000, 0.02, true);
    println!(
        "80 restricting answers: score {} without feedback, {} with",
        silent.0, telling.0
    );
    assert!(silent.0 >= 20 && telling.0 == 0);
}

/// A railway's day: people from everywhere, a group of 300 of one school year, a hit in a thousand,
/// feedback on each restricting answer.
#[test]
fn a_busy_honest_unit_is_not_flagged() {
    let mut world = World::new(1);
    let (highest, reactions) = world.honest_day("railway", 20_000, 0.001, true);
    println!("railway, 20,300 people in a day: highest score {highest}, {reactions} reactions");
    assert_eq!((highest < 30, reactions), (true, 0));
}

/// A county's hall: everybody from one region of half a million.
#[test]
fn an_honest_unit_of_one_county_is_not_flagged() {
    let mut world = World::new(1);
    world.regions = vec![990_102];
    let (highest, reactions) = world.honest_day("county", 8_000, 0.001, true);
    println!("county hall, 8,300 people in a day: highest score {highest}, {reactions} reactions");
    assert_eq!(reactions, 0, "highest score {highest}");
}
