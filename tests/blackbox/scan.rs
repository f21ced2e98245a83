//! Scans: which listed organisations a text names, where, for whom, and what is refused.

use crate::harness::{Installation, Server, first_list, ticket, until};
use crate::http::{Answer, Request};
use hecha::snapshot::container::{self, ContainerWriter, SectionKind};
use hecha::snapshot::open::Snapshot;
use hecha::snapshot::publish;
use hecha::storage::disk::RealDisk;
use serde_json::{Value, json};
use std::io::Cursor;

const FIRM: &str = "测试建材有限公司";

fn firm(entry_id: &str, name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut record = json!({
        "entry_id": entry_id, "list": "court-defaulter",
        "subject": {"kind": "organisation", "name": name, "ids": []},
        "case_no": format!("(2025)测9901执{entry_id}号"), "authority": "测试区人民法院",
        "supplier": "测试省高级人民法院", "submitted_at": "2025-03-11T09:00:00+08:00",
        "published": "2025-03-10", "in_force_from": "2025-03-10",
        "disclosure": "public", "status": "in_force"
    });
    change(&mut record);
    record
}

fn question(text: &str) -> Value {
    json!({"scenario": "procurement.supplier", "text": text})
}

fn post(server: &Server, token: &str, body: impl Into<Vec<u8>>) -> Answer {
    let request = Request::post("/v1/scan", body).token(token);
    request.send(server.checks)
}

fn scan(server: &Server, token: &str, text: &str) -> Value {
    let answer = post(server, token, question(text).to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Start, end, kind and entry_id of each hit.
fn hits(answer: &Value) -> Vec<(u64, u64, String, String)> {
    let text = |hit: &Value, key: &str| hit[key].as_str().unwrap().to_owned();
    let hit = |hit: &Value| {
        let places = (hit["start"].as_u64().unwrap(), hit["end"].as_u64().unwrap());
        (places.0, places.1, text(hit, "kind"), text(hit, "entry_id"))
    };
    answer["matches"]
        .as_array()
        .unwrap()
        .iter()
        .map(hit)
        .collect()
}

fn hit(start: u64, end: u64, kind: &str, entry_id: &str) -> (u64, u64, String, String) {
    (start, end, kind.to_owned(), entry_id.to_owned())
}

fn published(records: Vec<Value>) -> (Installation, Server) {
    let installation = Installation::new();
    let mut list = first_list();
    list.extend(records);
    installation.publish(list);
    let server = installation.serve();
    (installation, server)
}

#[test]
fn a_listed_name_is_found_with_its_places_and_what_follows() {
    let (installation, server) = published(vec![]);
    let token = &installation.token;
    let answer = scan(&server, token, "投标人：测试建材有限公司（盖章）");
    assert_eq!(hits(&answer), [hit(4, 12, "name", "福/州 1")]);
    assert_eq!(answer["match_count"], 1);
    assert_eq!(answer["name_count"], 1);
    // A name alone is never more than a review.
    assert_eq!(answer["decision"], "review");
    assert_eq!(answer["scenario"], "procurement.supplier");
    let found = &answer["matches"][0];
    assert_eq!(found["text"], FIRM);
    assert_eq!(found["listed_name"], FIRM);
    assert_eq!(found["list"], "court-defaulter");
    assert_eq!(found["entry_count"], 1);
    assert_eq!(found["decision"], "review");
    let entry = &found["entries"][0];
    assert_eq!(entry["entry_id"], "福/州 1");
    assert_eq!(entry["identity"], "possible");
    assert_eq!(entry["basis"], json!(["name"]));
    assert_eq!(entry["case_no"], "(2025)测9901执2号");
    assert_eq!(entry["measures"][0]["effect"], "review");
    assert!(
        answer["reasons"]
            .as_array()
            .unwrap()
            .contains(&json!("identity_possible"))
    );
    assert!(
        answer["messages"][0]
            .as_str()
            .unwrap()
            .contains("测试区人民法院")
    );
    assert!(answer["check_id"].as_str().unwrap().starts_with("01"));
    assert!(answer["snapshot"]["id"].is_string() && answer["snapshot"]["as_of"].is_string());
    let nothing = scan(&server, token, "某某公司与张三丰的合同");
    assert_eq!(nothing["decision"], "clear");
    assert_eq!(nothing["matches"], json!([]));
    assert_eq!(nothing["match_count"], 0);
}

#[test]
fn the_way_in_which_a_name_is_written_does_not_hide_it() {
    let (installation, server) = published(vec![
        firm("a-1", "福州ABC贸易（集团）公司", |_| ()),
        firm("a-2", "万青房地產公司", |_| ()),
        firm("a-3", "厦门某某电梯有限公司", |record| {
            record["subject"]["aliases"] = json!(["厦门老字号电梯厂"]);
        }),
    ]);
    let token = &installation.token;
    let text = "１ 测 试\n建材有限\u{3000}公司；福州ＡＢＣ貿易(集團)公司；万青房地产公司；厦门老字号电梯厂";
    let answer = scan(&server, token, text);
    let expected = [
        hit(2, 13, "name", "福/州 1"),
        hit(14, 27, "name", "a-1"),
        hit(28, 35, "name", "a-2"),
        hit(36, 44, "alias", "a-3"),
    ];
    assert_eq!(hits(&answer), expected);
    for found in answer["matches"].as_array().unwrap() {
        let place = |key: &str| found[key].as_u64().unwrap() as usize;
        let chars = text.chars().skip(place("start"));
        let written: String = chars.take(place("end") - place("start")).collect();
        assert_eq!(found["text"], json!(written));
    }
    assert_eq!(answer["matches"][3]["listed_name"], "厦门某某电梯有限公司");
}

#[test]
fn the_longest_name_wins_and_its_entries_are_shown_once() {
    let (installation, server) = published(vec![
        firm("a-1", "测试建材有限公司福州分公司", |_| ()),
        firm("a-2", "测试建材有限公司", |_| ()),
    ]);
    let token = &installation.token;
    let answer = scan(
        &server,
        token,
        "测试建材有限公司福州分公司、测试建材有限公司、测试建材有限公司",
    );
    let expected = [
        hit(0, 13, "name", "a-1"),
        hit(14, 22, "name", "a-2"),
        hit(23, 31, "name", "a-2"),
    ];
    assert_eq!(hits(&answer), expected);
    assert_eq!(answer["name_count"], 2);
    // Entries in full once; a later place says where.
    let repeated = &answer["matches"][2];
    assert_eq!(repeated["same_as"], 1);
    assert_eq!(repeated["entries"], json!([]));
    assert_eq!(repeated["entry_count"], 2);
    assert_eq!(answer["matches"][1]["entries"].as_array().unwrap().len(), 2);
}

#[test]
fn a_brand_is_the_weaker_hit() {
    let elevators = "福建万里长城电梯有限公司";
    let (installation, server) = published(vec![
        firm("a-1", elevators, |_| ()),
        firm("a-2", "万里长城物流", |_| ()),
    ]);
    let token = &installation.token;
    let answer = scan(&server, token, "拟由福建万里长城电梯中标");
    let found = &answer["matches"][0];
    assert_eq!(answer["match_count"], 1, "{answer}");
    assert_eq!(
        (&found["kind"], &found["entry_id"]),
        (&json!("brand"), &json!("a-1"))
    );
    assert!(found["text"].as_str().unwrap().contains("万里长城"));
    assert_eq!(found["entries"][0]["listed_name"], elevators);
    // Less than a name: advice at most, whatever the measure.
    assert_eq!(answer["decision"], "advise");
    assert_eq!(found["decision"], "advise");
    assert_eq!(found["entries"][0]["measures"][0]["effect"], "advise");
    // Where a name stands there is no brand.
    let answer = scan(&server, token, "拟由福建万里长城物流中标");
    assert_eq!(hits(&answer), [hit(4, 10, "name", "a-2")]);
    assert_eq!(answer["decision"], "review");
}

#[test]
fn a_snapshot_without_what_a_scan_reads_says_so() {
    let installation = Installation::new();
    let whole = installation.snapshot(first_list(), |_| ());
    let layout = container::check(&whole).unwrap();
    let older = layout.sections.iter().filter(|section| section.required);
    let older: Vec<_> = older.collect();
    assert!(
        older.len() < layout.sections.len(),
        "scans read optional sections"
    );
    let manifest = whole[layout.manifest.clone()].to_vec();
    let out = Cursor::new(Vec::new());
    let mut writer = ContainerWriter::start(out, manifest, older.len()).unwrap();
    for section in older {
        let kind = SectionKind {
            name: section.name.clone().leak(),
            version: section.version,
            item_bytes: section.item_bytes,
        };
        let bytes = &whole[section.range.clone()];
        writer.raw_section(kind, true, bytes).unwrap();
    }
    let older = writer.finish().unwrap().0.into_inner();
    let older = Snapshot::from_bytes(older).unwrap();
    publish::publish(&RealDisk, &older, &installation.path("snapshots")).unwrap();
    let server = installation.serve();
    let token = &installation.token;
    assert_eq!(server.ask(token, &ticket()).decision(), "block");
    let answer = post(&server, token, question(FIRM).to_string());
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("scan index"), "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn what_is_not_in_force_is_nowhere() {
    let long = "测试建材有限公司福州分公司";
    let (installation, server) = published(vec![
        firm("a-1", long, |_| ()),
        firm("a-2", "某已届满贸易公司", |record| {
            record["in_force_until"] = json!("2025-04-01")
        }),
        firm("a-3", "某已撤回贸易公司", |record| {
            record["status"] = json!("withdrawn")
        }),
        firm("a-4", "某有争议贸易公司", |record| {
            record["status"] = json!("held")
        }),
        firm("a-5", "某须授权贸易公司", |record| {
            record["disclosure"] = json!("authorised")
        }),
        firm("a-6", "某限政府贸易公司", |record| {
            record["disclosure"] = json!("government")
        }),
    ]);
    let token = &installation.token;
    let hidden =
        "某已届满贸易公司、某已撤回贸易公司、某有争议贸易公司、某须授权贸易公司、某限政府贸易公司";
    let answer = scan(&server, token, hidden);
    assert_eq!(
        (&answer["match_count"], &answer["decision"]),
        (&json!(0), &json!("clear"))
    );
    assert!(!answer.to_string().contains("贸易"), "no trace of them");
    let authority = installation.client("authority", |record| record.kind = "authority".to_owned());
    until("the client is known", || {
        server.signal("HUP");
        post(&server, &authority, question("无").to_string()).status == 200
    });
    assert_eq!(
        hits(&scan(&server, &authority, hidden)),
        [hit(36, 44, "name", "a-6")]
    );
    // An act counts on the very next scan, and the shorter name comes out from under the longer.
    let branch = format!("见{long}");
    assert_eq!(
        hits(&scan(&server, token, &branch)),
        [hit(1, 14, "name", "a-1")]
    );
    let act = json!({"reason": "wrong firm", "reference": "letter 7"}).to_string();
    let withdrawn = Request::post("/v1/entries/a-1/withdraw", act).token(token);
    assert_eq!(withdrawn.send(server.ops).status, 200);
    assert_eq!(
        hits(&scan(&server, token, &branch)),
        [hit(1, 9, "name", "福/州 1")]
    );
}

#[test]
fn what_an_attribute_leaves_open_is_for_a_person_to_look_at() {
    let (installation, server) = published(vec![]);
    let token = &installation.token;
    let mut bid = json!({"scenario": "bidding.bidder", "text": FIRM});
    let ask = |bid: &Value| post(&server, token, bid.to_string()).json();
    let open = ask(&bid);
    assert_eq!(open["decision"], "review");
    assert!(
        open["reasons"]
            .to_string()
            .contains("missing_attribute:project_kind"),
        "{open}"
    );
    bid["attributes"] = json!({"project_kind": "engineering_construction"});
    let stated = ask(&bid);
    assert_eq!(stated["decision"], "review");
    assert!(
        !stated["reasons"].to_string().contains("missing"),
        "{stated}"
    );
}

#[test]
fn each_refusal_of_a_scan_has_its_status_and_field() {
    let (installation, server) = published(vec![]);
    let token = &installation.token;
    let tickets = installation.client("tickets", |record| {
        record.scenarios = vec!["rail.ticket".to_owned()];
    });
    let purposes = installation.client("purposes", |record| {
        record.purposes = Some(vec!["tender".to_owned()]);
    });
    until("the clients are known", || {
        server.signal("HUP");
        post(&server, &purposes, question("无").to_string()).status == 403
    });
    let refused = |token: &str, body: String, status: u16, field: Option<&str>| {
        let answer = post(&server, token, body);
        assert_eq!(answer.status, status, "{}", answer.text());
        let problem = answer.json();
        assert_eq!(problem["field"].as_str(), field, "{problem}");
        assert!(!answer.text().contains("建材"), "no value comes back");
    };
    refused("wrong", question(FIRM).to_string(), 401, None);
    refused(token, "{\"scenario\":".to_owned(), 400, None);
    refused(
        token,
        "{\"text\":\"建材\",\"text\":\"建材\"}".to_owned(),
        400,
        None,
    );
    refused(
        token,
        json!({"text": FIRM}).to_string(),
        422,
        Some("scenario"),
    );
    refused(&tickets, question(FIRM).to_string(), 403, None);
    refused(&purposes, question(FIRM).to_string(), 403, None);
    let with = |key: &str, value: Value| {
        let mut body = question(FIRM);
        body[key] = value;
        body.to_string()
    };
    assert_eq!(
        post(&server, &purposes, with("purpose", json!("tender"))).status,
        200
    );
    refused(
        token,
        with("scenario", json!("建材")),
        422,
        Some("scenario"),
    );
    refused(token, with("text", json!(null)), 422, Some("text"));
    refused(token, with("text", json!(7)), 422, Some("text"));
    refused(token, with("text", json!(" \n\u{3000}")), 422, Some("text"));
    refused(token, with("colour", json!("建材")), 422, Some("colour"));
    refused(
        token,
        with("attributes", json!({"colour": 1})),
        422,
        Some("attributes.colour"),
    );
    let chars = (1 << 20) / 3;
    let longest = "标".repeat(chars) + "a";
    assert_eq!(longest.len(), 1 << 20);
    assert_eq!(scan(&server, token, &longest)["match_count"], 0);
    refused(token, with("text", json!(longest + "a")), 422, Some("text"));
    refused(token, with("text", json!("标".repeat(2 << 20))), 413, None);
    let get = Request::get("/v1/scan").token(token).send(server.checks);
    assert_eq!(get.status, 405);
    let plain = Request::post("/v1/scan", question(FIRM).to_string())
        .without("Content-Type")
        .token(token);
    assert_eq!(plain.send(server.checks).status, 415);
}

#[test]
fn a_scan_leaves_a_trace_without_its_text() {
    let (installation, server) = published(vec![]);
    let token = &installation.token;
    let answer = scan(&server, token, &format!("甲方{FIRM}乙方丙公司"));
    let many = FIRM.repeat(2_000);
    let full = scan(&server, token, &many);
    assert_eq!(full["match_count"], 2_000);
    assert_eq!(full["matches"].as_array().unwrap().len(), 1_000);
    assert_eq!(server.metric("hecha_scans_total{decision=\"review\"}"), 2.0);
    assert_eq!(server.metric("hecha_scan_hits_total"), 2_001.0);
    assert_eq!(server.metric("hecha_scan_duration_seconds_count"), 2.0);
    let feedback = json!({"check_id": answer["check_id"], "action": "released", "note": "别家"});
    let feedback = Request::post("/v1/feedback", feedback.to_string()).token(token);
    assert_eq!(feedback.send(server.checks).status, 201);
    assert!(server.stop().success());
    let log = installation.log(&[]);
    let records: Vec<&Value> = log
        .iter()
        .filter(|record| record["kind"] == "check")
        .collect();
    assert_eq!(records.len(), 2);
    for (record, of) in records.iter().zip([&answer, &full]) {
        assert_eq!(record["check_id"], of["check_id"]);
        assert_eq!(record["scenario"], "procurement.supplier");
        assert_eq!(record["decision"], "review");
        assert!(record.to_string().contains("福/州 1"), "{record}");
        assert!(!record.to_string().contains("建材"), "{record}");
    }
    for file in crate::harness::files_below(&installation.path("state/log")) {
        let bytes = std::fs::read(file).unwrap();
        let text = "乙方丙公司".as_bytes();
        assert!(!bytes.windows(text.len()).any(|window| window == text));
    }
}

#[test]
fn a_new_list_is_scanned_for_as_soon_as_it_serves() {
    let (installation, server) = published(vec![]);
    let token = &installation.token;
    let text = "新进名单贸易公司";
    assert_eq!(scan(&server, token, text)["match_count"], 0);
    let mut list = first_list();
    list.push(firm("n-1", text, |_| ()));
    installation.publish(list);
    until("the new list serves", || {
        scan(&server, token, text)["match_count"] == 1
    });
}
