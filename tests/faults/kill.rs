//! `kill -9` of the real server under load, at random moments: whatever was acknowledged is in the
//! log or the journal, once, who was withdrawn stays withdrawn, and the log verifies.
//!
//! A dozen rounds here; the full length is `HECHA_KILL_ROUNDS=100 cargo test --release --test
//! faults a_killed_server -- --nocapture` (`make kill-100`). `HECHA_KILL_SEED` brings back a run's
//! moments, as far as a scheduler can be brought back.

use crate::caller::Caller;
use crate::dice::Dice;
use crate::installation::{Installation, Server, UNIT, check_of, defaulter};
use hecha::decision_log::entry::Record;
use hecha::decision_log::query::{self, Filter};
use hecha::decision_log::record::EventKind;
use hecha::decision_log::verify as log_verify;
use hecha::overlay::journal;
use hecha::seal::sign::SigningKey;
use hecha::storage::disk::RealDisk;
use hecha::wire::answer::HASHED_FROM;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const ROUNDS_DEFAULT: usize = 12;
const SEED_DEFAULT: u64 = 20_261_122;
/// People on the list; as many again are not.
pub const LISTED: usize = 2_000;

/// What callers were told, complete.
#[derive(Default)]
pub struct Acknowledged {
    pub answers: Vec<Answer>,
    /// Check and action.
    pub feedback: Vec<(String, String)>,
    /// Entry_id and reference.
    pub acts: Vec<(String, String)>,
}

pub struct Answer {
    pub check_id: String,
    pub decision: String,
    /// Of its bytes, where they are known.
    pub hash: Option<[u8; 16]>,
}

/// How often the log and the journal hold each.
pub struct Kept {
    checks: BTreeMap<String, (usize, String, [u8; 16])>,
    feedback: BTreeMap<(String, String), usize>,
    act_events: BTreeMap<String, usize>,
    acts: BTreeMap<(String, String), usize>,
}

#[test]
fn a_killed_server_keeps_every_acknowledged_answer_feedback_and_act_once() {
    let rounds = number("HECHA_KILL_ROUNDS", ROUNDS_DEFAULT as u64) as usize;
    let seed = number("HECHA_KILL_SEED", SEED_DEFAULT);
    println!("{rounds} rounds, HECHA_KILL_SEED={seed}");
    let mut dice = Dice::new(seed);
    let installation = Installation::new();
    let records = (0..LISTED).map(|n| defaulter(n, format!("court-{n:05}")));
    installation.publish(&installation.build(records.collect(), 1));
    let withdrawn_next = AtomicUsize::new(0);
    let mut all = Acknowledged::default();
    for round in 0..rounds {
        let server = installation.start();
        let back = back_again(&installation, &server, &all.acts, &mut dice);
        assert!(back.is_none(), "round {round}: {back:?} is back");
        feedback_after_restart(&installation, &server, &mut all);
        // Every fifth lives long enough to sign a checkpoint.
        let least_us = if round % 5 == 4 { 1_100_000 } else { 20_000 };
        let pause = Duration::from_micros(least_us + dice.below(400_000) as u64);
        let seeds: Vec<u64> = (0..6).map(|_| dice.below(usize::MAX) as u64).collect();
        let heard = thread::scope(|scope| {
            let spawn = |seed: &u64| {
                let (seed, installation) = (*seed, &installation);
                let (listen, next) = (server.addresses(), &withdrawn_next);
                scope.spawn(move || load(installation, listen, seed, next))
            };
            let threads: Vec<_> = seeds.iter().map(spawn).collect();
            thread::sleep(pause);
            server.kill();
            let heard = threads.into_iter().map(|thread| thread.join().unwrap());
            heard.collect::<Vec<_>>()
        });
        for heard in heard {
            all.answers.extend(heard.answers);
            all.feedback.extend(heard.feedback);
            all.acts.extend(heard.acts);
        }
        verify(&installation, &all, round);
        verify_tree(&installation, all.answers.len() as u64, round);
    }
    println!(
        "acknowledged: {} answers, {} feedback, {} acts; all kept once",
        all.answers.len(),
        all.feedback.len(),
        all.acts.len()
    );
    assert!(!all.answers.is_empty() && !all.feedback.is_empty() && !all.acts.is_empty());
}

/// Asks until the connection breaks; returns what was acknowledged.
fn load(
    installation: &Installation,
    (listen, ops_listen): (std::net::SocketAddr, std::net::SocketAddr),
    seed: u64,
    withdrawn_next: &AtomicUsize,
) -> Acknowledged {
    let mut heard = Acknowledged::default();
    let mut dice = Dice::new(seed);
    let connect = |address| Caller::connect(address, &installation.token);
    let (Ok(mut caller), Ok(mut operator)) = (connect(listen), connect(ops_listen)) else {
        return heard;
    };
    loop {
        let step = match dice.below(20) {
            0 => withdraw(&mut operator, withdrawn_next, &mut heard),
            1..=3 => feedback(&mut caller, &mut dice, &mut heard),
            _ => check(&mut caller, &mut dice, &mut heard),
        };
        if step.is_err() {
            return heard;
        }
    }
}

pub type Step = std::io::Result<()>;

pub fn check(caller: &mut Caller, dice: &mut Dice, heard: &mut Acknowledged) -> Step {
    let reply = caller.post("/v1/check", &check_of(dice.below(2 * LISTED)))?;
    if reply.status == 200 {
        let answer = reply.json();
        let hash = blake3::hash(&reply.body[HASHED_FROM..]);
        heard.answers.push(Answer {
            check_id: answer["check_id"].as_str().unwrap().to_string(),
            decision: answer["decision"].as_str().unwrap().to_string(),
            hash: hash.as_bytes()[..16].try_into().ok(),
        });
    }
    Ok(())
}

fn feedback(caller: &mut Caller, dice: &mut Dice, heard: &mut Acknowledged) -> Step {
    // The last answers, of which some got feedback already: again with the same content is 200.
    let answers = heard.answers.len();
    if let Some(place) = answers.checked_sub(1 + dice.below(3)) {
        let check_id = heard.answers[place].check_id.clone();
        let sent = send_feedback(caller, &check_id)?;
        heard.feedback.extend(sent);
    }
    Ok(())
}

/// Feedback on answers of before the kill, found by their check_id.
fn feedback_after_restart(installation: &Installation, server: &Server, all: &mut Acknowledged) {
    let mut caller = installation.caller(server).unwrap();
    for answer in all.answers.iter().rev().take(5) {
        let sent = send_feedback(&mut caller, &answer.check_id).unwrap();
        all.feedback.extend(sent);
    }
}

/// The feedback, where it was acknowledged; always the same one for the same check.
fn send_feedback(caller: &mut Caller, check_id: &str) -> std::io::Result<Option<(String, String)>> {
    const ACTIONS: [&str; 4] = ["enforced", "released", "overridden", "abandoned"];
    let action = ACTIONS[usize::from(check_id.as_bytes()[35]) % 4];
    let body = json!({"check_id": check_id, "action": action, "note": "counter 3"});
    let reply = caller.post("/v1/feedback", &body)?;
    match reply.status {
        200 | 201 => Ok(Some((check_id.to_string(), action.to_string()))),
        503 => Ok(None),
        other => panic!("feedback: {other} {}", String::from_utf8_lossy(&reply.body)),
    }
}

fn withdraw(operator: &mut Caller, withdrawn_next: &AtomicUsize, heard: &mut Acknowledged) -> Step {
    let n = withdrawn_next.fetch_add(1, Ordering::Relaxed);
    if n >= LISTED {
        return Ok(());
    }
    let (entry_id, reference) = (format!("court-{n:05}"), format!("letter {n}"));
    let body = json!({"reason": "listed by mistake", "reference": reference});
    let path = format!("/v1/entries/{entry_id}/withdraw");
    let reply = operator.post(&path, &body)?;
    match reply.status {
        200 | 201 => heard.acts.push((entry_id, reference)),
        503 => {}
        other => panic!("withdraw: {other} {}", String::from_utf8_lossy(&reply.body)),
    }
    Ok(())
}

/// The first of some withdrawn people who is found again.
fn back_again(
    installation: &Installation,
    server: &Server,
    acts: &[(String, String)],
    dice: &mut Dice,
) -> Option<String> {
    let mut caller = installation.caller(server).unwrap();
    let latest = acts.iter().rev().take(50);
    let any = (0..acts.len().min(50)).map(|_| &acts[dice.below(acts.len())]);
    for (entry_id, _) in latest.chain(any) {
        let n: usize = entry_id.trim_start_matches("court-").parse().unwrap();
        let reply = caller.post("/v1/check", &check_of(n)).unwrap();
        assert_eq!(reply.status, 200);
        if reply.json()["match_count"] != 0 {
            return Some(entry_id.clone());
        }
    }
    None
}

/// Every record, hash and checkpoint, as `hecha log verify` reads them.
fn verify_tree(installation: &Installation, answers: u64, round: usize) {
    let key = SigningKey::load(&installation.path("log-sign.key")).unwrap();
    let log = installation.state_dir().join("log");
    let found = log_verify::verify(&RealDisk, &log, &[key.public()], &[], &|_| ()).unwrap();
    assert!(found.checks >= answers, "round {round}");
    let is_signed = found.months.iter().all(|month| month.checkpoint.is_some());
    match is_signed {
        true => assert_eq!(found.findings, [], "round {round}"),
        false => assert!(
            round < 5 && found.findings.len() == 1,
            "{:?}",
            found.findings
        ),
    }
}

pub fn verify(installation: &Installation, all: &Acknowledged, round: usize) {
    let kept = kept(installation);
    for answer in &all.answers {
        let found = kept.checks.get(&answer.check_id);
        let check_id = &answer.check_id;
        let (times, decision, hash) =
            found.unwrap_or_else(|| panic!("round {round}: no record of answer {check_id}"));
        assert_eq!(*times, 1, "round {round}: {check_id}");
        assert_eq!(*decision, answer.decision, "round {round}: {check_id}");
        assert!(
            answer.hash.is_none_or(|known| known == *hash),
            "round {round}: {check_id}"
        );
    }
    for feedback in all.feedback.iter().collect::<BTreeSet<_>>() {
        let times = kept.feedback.get(feedback).copied().unwrap_or(0);
        assert_eq!(times, 1, "round {round}: feedback {feedback:?}");
    }
    for act in &all.acts {
        let times = kept.acts.get(act).copied().unwrap_or(0);
        assert_eq!(times, 1, "round {round}: act {act:?} in the journal");
        let events = kept.act_events.get(&act.0).copied().unwrap_or(0);
        assert!(
            events <= 1,
            "round {round}: act {act:?} {events} times in the log"
        );
    }
    // Nothing twice, acknowledged or not.
    let twice = kept.checks.iter().find(|(_, (times, _, _))| *times > 1);
    assert!(twice.is_none(), "round {round}: {twice:?}");
    let twice = kept.acts.iter().find(|(_, times)| **times > 1);
    assert!(twice.is_none(), "round {round}: {twice:?}");
}

/// Everything in log and journal, read while no server runs.
pub fn kept(installation: &Installation) -> Kept {
    let mut kept = Kept {
        checks: BTreeMap::new(),
        feedback: BTreeMap::new(),
        act_events: BTreeMap::new(),
        acts: BTreeMap::new(),
    };
    let state = installation.state_dir();
    let visit = |record: Record| {
        match record {
            Record::Check(check) => {
                let text = uuid_text(check.check_id.0);
                let decision = check.decision.name().to_string();
                let found = kept.checks.entry(text);
                found.or_insert((0, decision, check.answer_hash)).0 += 1;
            }
            Record::Feedback(feedback) => {
                let action = feedback.action.name().to_string();
                let found = (uuid_text(feedback.check_id.0), action);
                *kept.feedback.entry(found).or_default() += 1;
            }
            Record::Event(event) if event.kind == Some(EventKind::Act) => {
                for (key, value) in &event.details {
                    if &**key == "entry_id" {
                        *kept.act_events.entry(value.to_string()).or_default() += 1;
                    }
                }
            }
            Record::Event(_) => {}
        }
        ControlFlow::Continue(())
    };
    query::read(&RealDisk, &state.join("log"), &Filter::default(), visit).unwrap();
    for entry in journal::read_only(&RealDisk, &state.join("acts.journal")).unwrap() {
        assert_eq!(&*entry.unit, UNIT);
        let act = (
            entry.act.entry_id.as_str().to_string(),
            entry.reference.to_string(),
        );
        *kept.acts.entry(act).or_default() += 1;
    }
    kept
}

fn uuid_text(bytes: [u8; 16]) -> String {
    uuid::Uuid::from_bytes(bytes).hyphenated().to_string()
}

pub fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}: `{text}` is no number")),
        Err(_) => default,
    }
}
