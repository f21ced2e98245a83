//! What do the limits of a unit cost a request: rate, subjects of a day, watch for gathering?
//!
//! Prints nanoseconds (median and best of the rounds) and heap allocations a request, of each limit
//! alone, then of a whole check in the process with none and with all. Everybody asked about is
//! another one, which is what costs most; *again* asks about the same. What was observed is read
//! between the rounds, as another thread does in the service. `cargo bench --bench limits`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    unsafe_code,
    reason = "a bench prints, and counts what the allocator is asked"
)]

mod corpus;
mod counting;

use hecha::build::build_records;
use hecha::build::inputs::{AsOf, BuildInputs};
use hecha::catalogue::load::built_in;
use hecha::gateway::client::Client;
use hecha::gateway::client_record::ClientRecord;
use hecha::gateway::clients::Clients;
use hecha::gateway::question::{self, Answered};
use hecha::gateway::view::{Law, Loaded, View};
use hecha::limits::table::{LimitOptions, Limits, Terms};
use hecha::limits::unit::{Mode, UnitLimits};
use hecha::model::language::Language;
use hecha::model::term::Moment;
use hecha::overlay::standing::Overlay;
use hecha::seal::entropy::OsEntropy;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::open::Snapshot;
use hecha::telemetry::Telemetry;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Fewer than the ring of observations holds.
const REQUESTS: usize = 30_000;
const ROUNDS: usize = 9;
const ENTRIES: u64 = 20_000;
const PLENTY: u32 = 1_000_000;

fn main() {
    let now = Moment::parse("2026-11-22T12:00:00+08:00").unwrap();
    let (view, client) = view(now);
    let bodies: Vec<Vec<u8>> = (0..REQUESTS as u64).map(body).collect();
    let answered: Vec<Answered> = bodies
        .iter()
        .map(|body| question::answer(&view, &client, body, Language::Zh, now).unwrap())
        .collect();
    println!("ns a request (median, best of {ROUNDS} rounds), allocations a request");
    let off = Terms {
        enumeration: Some(Mode::Off),
        ..Terms::default()
    };
    let rate = Terms {
        rate: Some(PLENTY),
        ..off
    };
    let daily = Terms {
        daily_subjects: Some(PLENTY),
        ..off
    };
    let watch = Terms {
        enumeration: Some(Mode::Watch),
        ..off
    };
    let all = Terms {
        rate: rate.rate,
        daily_subjects: daily.daily_subjects,
        enumeration: Some(Mode::React),
        ..off
    };
    let each = |title: &str, terms: &Terms, is_again: bool| {
        measure(title, terms, is_again, now, |limits| {
            for one in &answered {
                limits.admit(1, now).unwrap();
                limits.admit_subject(&one.request, now).unwrap();
                limits.answered(&one.request, Some("order 1"), &one.outcome, now);
            }
        });
    };
    each("limits: none stated", &off, false);
    each("limits: rate", &rate, false);
    each("limits: subjects of a day", &daily, false);
    each("limits: subjects, again", &daily, true);
    each("limits: watch", &watch, false);
    each("limits: all, reacting", &all, false);
    let check = |client: &Client| {
        for body in &bodies {
            black_box(question::answer(&view, client, body, Language::Zh, now).unwrap());
        }
    };
    measure("whole check, no limits", &off, false, now, |_| {
        check(&client)
    });
    let mut limited = client.clone();
    measure("whole check, all limits", &all, false, now, |limits| {
        limited.limits = Some(Arc::clone(limits));
        for _ in 0..REQUESTS {
            limits.admit(1, now).unwrap();
        }
        check(&limited);
    });
}

/// Rounds of `REQUESTS` requests under limits; new ones each round, unless `is_again`.
fn measure(
    title: &str,
    terms: &Terms,
    is_again: bool,
    now: Moment,
    mut round: impl FnMut(&Arc<UnitLimits>),
) {
    let fresh = || {
        let limits = Limits::new(LimitOptions::default(), &OsEntropy);
        let unit = limits.of_unit("bench", terms, now);
        (limits, unit)
    };
    let mut used = fresh();
    let mut figures = Vec::new();
    for place in 0..=ROUNDS {
        if !is_again {
            used = fresh();
        }
        let (limits, unit) = &used;
        let before = counting::allocations();
        let started = Instant::now();
        round(unit);
        let nanoseconds = started.elapsed().as_nanos() as f64 / REQUESTS as f64;
        let allocations = (counting::allocations() - before) as f64 / REQUESTS as f64;
        limits.turn(now);
        // The first round warms up.
        if place > 0 {
            figures.push((nanoseconds, allocations));
        }
    }
    figures.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (median, allocations) = figures[figures.len() / 2];
    let best = figures[0].0;
    println!("{title:26} {median:8.1} ns {best:8.1} ns {allocations:8.3} allocations");
}

/// A question about somebody who is not listed, each about another one.
fn body(place: u64) -> Vec<u8> {
    let number = corpus::citizen_id(20_000_000 + place);
    format!(
        "{{\"scenario\":\"rail.ticket\",\"attributes\":{{\"train_class\":\"G\",\"seat_class\":\
         \"second\"}},\"subject\":{{\"kind\":\"person\",\"name\":\"欧阳无此人\",\"ids\":[{{\
         \"type\":\"citizen_id\",\"number\":\"{number}\"}}]}},\"purpose\":\"ticket sale\",\
         \"reference\":\"order 1\"}}"
    )
    .into_bytes()
}

fn view(now: Moment) -> (View, Client) {
    let catalogue = built_in().unwrap();
    let master = MasterKey::from_bytes([5; 32]);
    let mut inputs = BuildInputs::new("bench", master.clone(), &catalogue, [9; 32], now);
    inputs.as_of = vec![AsOf {
        list: None,
        moment: now,
    }];
    let records = corpus::records(1, ENTRIES, &catalogue);
    let snapshot = Snapshot::from_bytes(build_records(records, &inputs).unwrap()).unwrap();
    let record = ClientRecord {
        unit: "bench".into(),
        kind: "enterprise".into(),
        scenarios: vec!["*".into()],
        roles: vec!["checker".into()],
        ..ClientRecord::default()
    };
    let client = Client::new(&record, &catalogue).unwrap();
    let law = Law::new(catalogue, Clients::default(), &Telemetry::new());
    let loaded = Loaded::new(snapshot, &master, None);
    let overlay = Arc::new(Overlay::default());
    let view = View::new(Arc::new(loaded), Arc::new(law), overlay, now).unwrap();
    (view, client)
}
