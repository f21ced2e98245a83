//! Does the time of a refusal tell whether the person asked about is listed?
//!
//! Starts the real program, asks over loopback on one connection, each question about a listed and
//! about an unlisted person by turns, which of the two first by lot. Prints for each kind of
//! refusal both medians, their difference, Welch's t over all but the slowest hundredth, and the z
//! of Mann and Whitney; the last row is the control: there the answer may tell the two apart, and
//! does. Beyond |3| a figure is no longer chance. `cargo bench --bench denial -- 100000` sets the
//! questions about each.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "a bench prints; it shares its installation with the tests and does not use all of it"
)]

#[path = "../tests/blackbox/harness.rs"]
mod harness;
#[path = "../tests/blackbox/http.rs"]
mod http;

use harness::{Installation, number_of_zhang, other_number, ticket_of};
use hecha::seal::token;
use http::{Connection, Request};
use std::time::Instant;

const QUESTIONS: usize = 20_000;
const WARM_UP: usize = 500;
const EXPIRED: &str = "hecha_expired";

fn main() {
    let questions = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let questions = questions.unwrap_or(QUESTIONS);
    let installation = Installation::new();
    let scenario = installation.client("no scenario", |record| {
        record.scenarios = vec!["hotel.stay".to_owned()];
    });
    let purpose = installation.client("no purpose", |record| {
        record.purposes = Some(vec!["nothing of this kind".to_owned()]);
    });
    let role = installation.client("no role", |record| {
        record.roles = vec!["auditor".to_owned()]
    });
    let file = installation.path("clients.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str(&format!(
        "\n[[client]]\nunit = \"expired\"\nkind = \"enterprise\"\nscenarios = [\"*\"]\ntokens = \
         [{{ sha256 = \"{}\", expires = \"2026-01-01\" }}]\n",
        token::hash(EXPIRED).to_hex()
    ));
    std::fs::write(&file, text).unwrap();
    let server = installation.serve();
    println!("{questions} questions about each; times in microseconds");
    println!(
        "{:20} {:>6} {:>8} {:>8} {:>10} {:>8} {:>8}",
        "refusal", "status", "listed", "unlisted", "difference", "t", "z"
    );
    for (what, token) in [
        ("no token", None),
        ("unknown token", Some("hecha_unknown")),
        ("expired token", Some(EXPIRED)),
        ("scenario not granted", Some(&*scenario)),
        ("purpose not granted", Some(&*purpose)),
        ("role missing", Some(&*role)),
        ("none (control)", Some(&*installation.token)),
    ] {
        let row = ask(&mut Connection::to(server.checks), token, questions);
        println!("{what:20} {row}");
    }
}

/// Asks about both by turns and says how the times differ.
fn ask(connection: &mut Connection, token: Option<&str>, questions: usize) -> String {
    // Of one length: only what is in them differs.
    let bodies = [
        ticket_of("张三丰", &number_of_zhang()),
        ticket_of("李四海", &other_number()),
    ];
    let requests = bodies.map(|body| {
        let request = Request::post("/v1/check", body.to_string());
        token
            .map_or_else(|| request.clone(), |token| request.clone().token(token))
            .bytes()
    });
    assert_eq!(requests[0].len(), requests[1].len());
    let mut times = [(); 2].map(|()| Vec::with_capacity(questions));
    let mut lot = 0x9e37_79b9_7f4a_7c15_u64;
    let mut status = 0;
    for round in 0..questions + WARM_UP {
        lot ^= lot << 13;
        lot ^= lot >> 7;
        lot ^= lot << 17;
        let first = usize::from(lot & 1 == 1);
        for which in [first, 1 - first] {
            let started = Instant::now();
            connection.send(&requests[which]);
            let answer = connection.read().expect("an answer");
            let elapsed = started.elapsed().as_nanos() as f64 / 1_000.0;
            status = answer.status;
            if round >= WARM_UP {
                times[which].push(elapsed);
            }
        }
    }
    let [mut listed, mut unlisted] = times;
    let z = mann_whitney(&listed, &unlisted);
    listed.sort_by(f64::total_cmp);
    unlisted.sort_by(f64::total_cmp);
    let (one, other) = (listed[questions / 2], unlisted[questions / 2]);
    let kept = (questions * 99 / 100).max(2);
    let t = welch(&listed[..kept], &unlisted[..kept]);
    let difference = one - other;
    format!("{status:>6} {one:8.2} {other:8.2} {difference:10.3} {t:8.2} {z:8.2}")
}

/// Welch's t of two samples.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let moments = |sample: &[f64]| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let squares = sample
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>();
        (mean, squares / (count - 1.0) / count)
    };
    let ((mean, share), (other_mean, other_share)) = (moments(one), moments(other));
    (mean - other_mean) / (share + other_share).sqrt()
}

/// z of the rank sum of the first sample; equal values share their ranks.
fn mann_whitney(one: &[f64], other: &[f64]) -> f64 {
    let of_one = one.iter().map(|value| (*value, true));
    let mut all: Vec<(f64, bool)> = of_one
        .chain(other.iter().map(|value| (*value, false)))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut ties, mut start) = (0.0, 0.0, 0);
    while start < all.len() {
        let equal = all[start..]
            .iter()
            .take_while(|one| one.0 == all[start].0)
            .count();
        let rank = start as f64 + (equal as f64 + 1.0) / 2.0;
        let of_one = all[start..start + equal].iter().filter(|one| one.1).count();
        ranks += rank * of_one as f64;
        ties += (equal as f64).powi(3) - equal as f64;
        start += equal;
    }
    let (n, m) = (one.len() as f64, other.len() as f64);
    let mean = n * (n + m + 1.0) / 2.0;
    let variance = n * m / 12.0 * ((n + m + 1.0) - ties / ((n + m) * (n + m - 1.0)));
    (ranks - mean) / variance.sqrt()
}
