//! S22 to S24 and S26: exit and repair.

use crate::harness::{Installation, Server, now, until};
use crate::http::Request;
use crate::objection::{act, done};
use crate::people::{citizen, court, day, g_train, person, with};
use crate::world::{answered, ask_many, operate};
use hecha::build::inputs::AsOf;
use hecha::snapshot::open::Snapshot;
use hecha::snapshot::publish;
use hecha::storage::disk::RealDisk;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

fn order() -> Value {
    json!({"reason": "duty fulfilled", "reference": "ruling 22"})
}

/// Two people; the deeds that end an entry, one for each.
fn two() -> ([(&'static str, Value, &'static str); 2], Vec<Value>) {
    let (one, other) = (
        person("宗政无忌", &citizen(22)),
        person("濮阳采薇", &citizen(23)),
    );
    let list = vec![
        court("s22-one", one.clone()),
        court("s22-other", other.clone()),
    ];
    (
        [
            ("s22-one", g_train(one), "withdraw"),
            ("s22-other", g_train(other), "repair"),
        ],
        list,
    )
}

fn serves(server: &Server, token: &str, id: &str) {
    until("the list serves", || {
        server.snapshot(token)["id"] == json!(id)
    });
}

#[test]
fn s22_once_withdrawn_or_repaired_all_measures_end() {
    let installation = Installation::new();
    let token = &installation.token;
    let (people, list) = two();
    installation.publish(list);
    let server = installation.serve();
    for (entry, asked, deed) in people {
        let late = AtomicBool::new(false);
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // A bulk job that is running: what it asks after the act must not rest on the entry.
            let job = scope.spawn(|| {
                let many = vec![asked.clone(); 20];
                let mut hits = 0;
                loop {
                    let over = ended.load(Ordering::SeqCst);
                    let answers = ask_many(&server, token, &many);
                    hits += answers
                        .iter()
                        .filter(|one| one.decision() == "block")
                        .count();
                    if over {
                        let stale = answers.iter().any(|one| one.body["match_count"] != 0);
                        late.fetch_or(stale, Ordering::SeqCst);
                        return hits;
                    }
                }
            });
            until("the job has begun", || {
                server.metric("hecha_checks_total{scenario=\"rail.ticket\",decision=\"block\"}")
                    > 0.0
            });
            let answer = act(&server, token, entry, deed, order());
            ended.store(true, Ordering::SeqCst);
            done(&answer);
            let answer = answered(&server.ask(token, &asked));
            answer.is_clear(&[entry]);
            assert_eq!(
                answer.body["messages"].as_array().unwrap().len(),
                1,
                "no hint"
            );
            job.join().unwrap();
        });
        assert!(!late.load(Ordering::SeqCst), "a later row rests on {entry}");
    }
}

#[test]
fn s23_a_republisher_deletes_and_an_old_list_raises_an_alarm() {
    let mut installation = Installation::new();
    // The gates would refuse a list that goes back in time before anybody could be hit by it.
    installation.more_config = "gates = false\n".to_owned();
    let token = &installation.token;
    let (people, list) = two();
    installation.publish(list.clone());
    let server = installation.serve();
    let (entry, asked, _) = &people[0];
    assert_eq!(answered(&server.ask(token, asked)).decision(), "block");
    let age = || server.metric("hecha_snapshot_list_age_seconds");
    assert!(age() < 3_600.0);
    // The new list lacks the entry: clear with the swap itself.
    let id = installation.publish(vec![list[1].clone()]);
    serves(&server, token, &id);
    answered(&server.ask(token, asked)).is_clear(&[entry]);
    // A list fetched four days ago, still served.
    let bytes = installation.snapshot(list, |inputs| {
        inputs.as_of = vec![AsOf {
            list: None,
            moment: now().plus_hours(-5 * 24),
        }];
    });
    let old = Snapshot::from_bytes(bytes).unwrap();
    publish::publish(&RealDisk, &old, &installation.path("snapshots")).unwrap();
    serves(&server, token, &old.id().to_string());
    assert!(age() > 5.0 * 86_400.0 - 60.0, "{}", age());
    let stale = answered(&server.ask(token, asked));
    assert_eq!(stale.decision(), "review");
    assert!(stale.has_reason("stale_list"));
}

#[test]
fn s24_a_rollback_never_revives() {
    let installation = Installation::new();
    let token = &installation.token;
    let (people, list) = two();
    installation.publish(list.clone());
    let server = installation.serve();
    for (_, asked, _) in &people {
        assert_eq!(answered(&server.ask(token, asked)).decision(), "block");
    }
    let id = installation.publish(vec![court("s24-third", person("司空见素", &citizen(24)))]);
    serves(&server, token, &id);
    for (entry, _, deed) in &people {
        let answer = act(&server, token, entry, deed, order());
        // The entry is not on this list any more; the act must count all the same, or the
        // operator must be told that it does not.
        assert!([200, 404].contains(&answer.status), "{}", answer.text());
    }
    let id = installation.publish(list);
    serves(&server, token, &id);
    for (entry, asked, deed) in &people {
        let seen = answered(&server.ask(token, asked));
        if seen.decision() == "block" {
            done(&act(&server, token, entry, deed, order()));
        }
    }
    let id = installation.publish(vec![court("s24-third", person("司空见素", &citizen(24)))]);
    serves(&server, token, &id);
    done(&operate(&server, token, "/v1/snapshot/rollback", json!({})));
    for (entry, asked, _) in &people {
        answered(&server.ask(token, asked)).is_clear(&[entry]);
    }
    server.kill();
    let server = installation.serve();
    for (entry, asked, _) in &people {
        answered(&server.ask(token, asked)).is_clear(&[entry]);
    }
}

#[test]
fn s26_repairs_travel_as_fast_as_listings() {
    let installation = Installation::new();
    let token = &installation.token;
    let ([(_, repaired, _), (_, listed, _)], list) = two();
    installation.publish(vec![list[0].clone()]);
    let server = installation.serve();
    let both = [repaired, listed];
    let pair = || {
        let answers = ask_many(&server, token, &both);
        let seen: Vec<String> = answers
            .iter()
            .map(|answer| answer.decision().to_owned())
            .collect();
        (seen.join(" "), answers[0].body["snapshot"]["id"].clone())
    };
    assert_eq!(pair().0, "block clear");
    let repair = with(
        list[0].clone(),
        json!({"status": "repaired", "submitted_at":
        format!("{}T09:00:00+08:00", day(-1))}),
    );
    let id = installation.publish(vec![repair, list[1].clone()]);
    until("the swap is seen", || {
        let (seen, snapshot) = pair();
        // Never one without the other.
        let wanted = match snapshot == json!(id) {
            true => "clear block",
            false => "block clear",
        };
        assert_eq!(seen, wanted, "under {snapshot}");
        snapshot == json!(id)
    });
    let scan = Request::get("/v1/snapshot").token(token).send(server.ops);
    assert_eq!(scan.json()["id"], json!(id));
}
