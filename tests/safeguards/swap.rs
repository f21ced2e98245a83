//! S45: old, torn or tampered data never block anew.

use crate::harness::{Installation, now, ticket, until};
use crate::people::{citizen, court, g_train, person};
use crate::world::answered;
use hecha::build::inputs::AsOf;
use hecha::snapshot::open::Snapshot;
use hecha::snapshot::publish;
use hecha::storage::disk::RealDisk;
use serde_json::json;

#[test]
fn s45_a_list_older_than_its_limit_reviews_and_says_so() {
    let mut installation = Installation::new();
    // The gates would refuse a list that goes back in time before anybody could be hit by it.
    installation.more_config = "gates = false\n".to_owned();
    let listed = vec![court("s45-old", person("谷梁若水", &citizen(45)))];
    for (hours, decision) in [(71, "block"), (73, "review")] {
        let bytes = installation.snapshot(listed.clone(), |inputs| {
            inputs.as_of = vec![AsOf {
                list: None,
                moment: now().plus_hours(-hours),
            }];
        });
        let snapshot = Snapshot::from_bytes(bytes).unwrap();
        publish::publish(&RealDisk, &snapshot, &installation.path("snapshots")).unwrap();
        let server = installation.serve();
        let answer = server.ask(
            &installation.token,
            &g_train(person("谷梁若水", &citizen(45))),
        );
        let answer = answered(&answer);
        assert_eq!(
            answer.decision(),
            decision,
            "{hours} hours: {}",
            answer.body
        );
        assert_eq!(answer.has_reason("stale_list"), decision == "review");
    }
}

#[test]
fn s45_a_flipped_byte_is_refused_and_the_former_snapshot_serves_on() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let first = server.snapshot(token)["id"].clone();
    let listed = vec![court("s45-new", person("谷梁若水", &citizen(45)))];
    let id = installation.publish(listed.clone());
    until("the good one serves", || {
        server.snapshot(token)["id"] == json!(id)
    });
    let bytes = installation.snapshot(listed, |_| ());
    let mut seen = 0.0;
    for place in (0..bytes.len()).step_by(bytes.len() / 7) {
        let mut torn = bytes.clone();
        torn[place] ^= 1;
        std::fs::write(installation.path("snapshots/torn.hecha"), &torn).unwrap();
        let body = json!({"file": "torn.hecha"});
        let answer = crate::world::operate(&server, token, "/v1/snapshot", body);
        assert_eq!(answer.status, 422, "byte {place}: {}", answer.text());
        assert_eq!(server.snapshot(token)["id"], json!(id));
        seen += 1.0;
    }
    assert_eq!(
        server.metric("hecha_snapshot_swaps_total{result=\"refused\"}"),
        seen
    );
    let new = g_train(person("谷梁若水", &citizen(45)));
    assert_eq!(server.ask(token, &new).decision(), "block");
    assert_eq!(server.ask(token, &ticket()).decision(), "clear");
    assert_ne!(first, json!(id));
}
