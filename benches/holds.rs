//! How long from an objection to the first clear answer, under load, and is there any later hit?
//!
//! The real program over HTTP, checks asked without rest by other connections meanwhile. For each
//! hold: time from sending the objection, and from its answer, to the first clear answer for that
//! person; a check that was sent after the objection was answered and is not clear ends the bench.
//! `cargo bench --bench holds -- 200` sets the holds. Prints, and judges nothing by time.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "a bench prints"
)]

#[path = "../tests/blackbox/harness.rs"]
mod harness;
#[path = "../tests/blackbox/http.rs"]
mod http;

use harness::{Installation, court_record, ticket_of};
use hecha::identifier::synthetic;
use http::{Connection, Request};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const HOLDS: usize = 200;
/// Entries that are listed besides.
const OTHERS: usize = 5_000;
/// Connections that ask without rest.
const ASKERS: usize = 4;

fn main() {
    let holds = std::env::args().find_map(|arg| arg.parse().ok());
    let holds = holds.unwrap_or(HOLDS);
    let number = |place: usize| {
        let (day, order) = (1 + place % 28, (place / 28) % 999);
        synthetic::citizen_id(
            990_102,
            (1970 + (place / 28_000) as i16, 5, day as i8),
            order as u16,
        )
    };
    let name = |place: usize| format!("张测{}", char::from_u32(0x4e00 + place as u32).unwrap());
    let records = (0..holds + OTHERS)
        .map(|place| court_record(&format!("fz-{place}"), &name(place), &number(place)))
        .collect();
    let installation = Installation::new();
    installation.publish(records);
    let server = installation.serve();
    let token = &installation.token;
    let question = |place: usize| {
        let body = ticket_of(&name(place), &number(place)).to_string();
        Request::post("/v1/check", body).token(token).bytes()
    };
    let questions: Vec<Vec<u8>> = (0..holds + OTHERS).map(question).collect();
    // A person is in here once the answer of the objection has come.
    let held: Vec<AtomicBool> = (0..holds).map(|_| AtomicBool::new(false)).collect();
    let (asked, later_hits) = (AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let mut from_sent: Vec<Duration> = Vec::new();
    let mut from_answer: Vec<Duration> = Vec::new();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for asker in 0..ASKERS {
            let (questions, held, asked) = (&questions, &held, &asked);
            let (later_hits, stop, server) = (&later_hits, &stop, &server);
            scope.spawn(move || {
                let mut open = Connection::to(server.checks);
                let mut place = asker * 7_919;
                while !stop.load(Ordering::Relaxed) {
                    // Every second one about somebody who objects sooner or later.
                    place += 1;
                    let person = match place % 2 {
                        0 => place / 2 % held.len(),
                        _ => place % questions.len(),
                    };
                    let is_held = held.get(person).is_some_and(|h| h.load(Ordering::Acquire));
                    open.send(&questions[person]);
                    let decision = open.read().unwrap().decision();
                    asked.fetch_add(1, Ordering::Relaxed);
                    if is_held && decision != "clear" {
                        later_hits.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let (mut ops, mut checks) = (Connection::to(server.ops), Connection::to(server.checks));
        for place in 0..holds {
            let body = json!({"reason": "not me", "reference": format!("objection {place}")});
            let path = format!("/v1/entries/fz-{place}/hold");
            let objection = Request::post(&path, body.to_string()).token(token).bytes();
            let sent = Instant::now();
            ops.send(&objection);
            assert_eq!(ops.read().unwrap().status, 200);
            held[place].store(true, Ordering::Release);
            let answered = Instant::now();
            checks.send(&questions[place]);
            assert_eq!(
                checks.read().unwrap().decision(),
                "clear",
                "the very next check"
            );
            from_sent.push(sent.elapsed());
            from_answer.push(answered.elapsed());
        }
        stop.store(true, Ordering::Relaxed);
    });
    let rate = asked.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    println!("{holds} holds among {rate:.0} checks a second on {ASKERS} connections");
    say("objection sent to first clear answer", &mut from_sent);
    say("objection answered to first clear answer", &mut from_answer);
    let hits = later_hits.load(Ordering::Relaxed);
    println!("later hits: {hits}");
    assert_eq!(
        hits, 0,
        "somebody was restricted after his objection was accepted"
    );
}

fn say(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: f64| {
        let place = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len()) - 1;
        times[place].as_secs_f64() * 1e3
    };
    let (half, most, max) = (at(0.5), at(0.99), at(1.0));
    println!("{what}: p50 {half:.3} ms, p99 {most:.3} ms, max {max:.3} ms");
}
