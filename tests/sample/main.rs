//! The sample list built and asked: every persona gets the decision that it promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test crate"
)]

use hecha::build;
use hecha::build::inputs::{AsOf, BuildInputs};
use hecha::catalogue::load;
use hecha::gateway::client::Client;
use hecha::gateway::client_record::ClientRecord;
use hecha::gateway::clients::Clients;
use hecha::gateway::question;
use hecha::gateway::view::{Law, Loaded, View};
use hecha::intake::sample;
use hecha::intake::validate;
use hecha::model::decision::Decision;
use hecha::model::language::Language;
use hecha::model::term::Moment;
use hecha::overlay::standing::Overlay;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::open::Snapshot;
use hecha::telemetry::Telemetry;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The sample as the gateway shows it at `now`, and a client with every scenario.
fn sample_view(now: Moment) -> (View, Client) {
    let catalogue = load::built_in().unwrap();
    let text = sample::records(now.day()).unwrap();
    let records = text
        .lines()
        .map(|line| validate::parse_record(line, &catalogue).unwrap())
        .collect();
    let master = || MasterKey::from_bytes([7; 32]);
    let mut inputs = BuildInputs::new("sample", master(), &catalogue, [9; 32], now);
    inputs.as_of = vec![AsOf {
        list: None,
        moment: now,
    }];
    let bytes = build::build_records(records, &inputs).unwrap();
    let snapshot = Snapshot::from_bytes(bytes).unwrap();
    assert_eq!(snapshot.entry_count() as usize, sample::RECORDS);
    let record = ClientRecord {
        unit: "sample".into(),
        kind: "enterprise".into(),
        scenarios: vec!["*".into()],
        roles: vec!["checker".into()],
        ..ClientRecord::default()
    };
    let client = Client::new(&record, &catalogue).unwrap();
    let law = Law::new(catalogue, Clients::default(), &Telemetry::new());
    let loaded = Loaded::new(snapshot, &master(), None);
    let overlay = Arc::new(Overlay::default());
    let view = View::new(Arc::new(loaded), Arc::new(law), overlay, now).unwrap();
    (view, client)
}

/// What the sample answers to `request` at `now`.
fn answer(view: &View, client: &Client, request: &str, now: Moment) -> Value {
    let answered = question::answer(view, client, request.as_bytes(), Language::En, now);
    let answered = answered.map_err(|problem| problem.to_body());
    let body = answered.unwrap_or_else(|problem| panic!("{problem:?}: {request}"));
    // The check_id is put in later.
    let text = String::from_utf8(body.body).unwrap().replace('\0', "0");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_persona_gets_the_decision_it_promises_on_any_day() {
    for now in [
        "2026-11-22T00:00:00+08:00",
        "2028-02-29T12:00:00+08:00",
        "2030-12-31T23:59:59+08:00",
    ] {
        let now = Moment::parse(now).unwrap();
        let (view, client) = sample_view(now);
        for persona in sample::personae(now.day()).unwrap() {
            let body = answer(&view, &client, &persona.request_json, now);
            let title = &persona.title;
            assert_eq!(body["decision"], persona.decision.name(), "{title}: {body}");
            let identity = &body["matches"][0]["identity"];
            match title.as_str() {
                "the list shows the number masked" => assert_eq!(identity, "probable"),
                "only the name is equal" => assert_eq!(identity, "possible"),
                "its legal representative buys a house" => {
                    assert_eq!(body["matches"][0]["roles"][0], "legal_representative");
                }
                "a company on the red list asks for a permit" => {
                    assert!(!body["incentives"].as_array().unwrap().is_empty(), "{body}");
                }
                "an association may refuse a blacklisted company" => {
                    assert!(
                        body["reasons"]
                            .as_array()
                            .unwrap()
                            .contains(&"not_adopted".into())
                    );
                }
                _ => {}
            }
            let none = persona.decision == Decision::Clear && !title.contains("red list");
            assert_eq!(none, body["match_count"] == 0, "{title}: {body}");
        }
    }
}

#[test]
fn the_personal_record_leaves_no_trace_without_consent() {
    let now = Moment::parse("2026-11-22T10:00:00+08:00").unwrap();
    let (view, client) = sample_view(now);
    let mut titles = BTreeMap::new();
    for persona in sample::personae(now.day()).unwrap() {
        titles.insert(persona.title, persona.request_json);
    }
    let with = &titles["a personal record, with the person's consent"];
    let mut request: Value = serde_json::from_str(with).unwrap();
    request["authorisation"] = Value::Null;
    let body = answer(&view, &client, &request.to_string(), now);
    assert_eq!(body["decision"], "clear");
    assert_eq!(body["match_count"], 0);
    assert!(!body.to_string().contains("linghu"));
}
