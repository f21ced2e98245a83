//! The activation matrix: what is not as it should be is refused, the old snapshot serves on, and
//! no request fails; what is as it should be serves.

use crate::harness::{Installation, Server, court_record, hecha, number_of_zhang, run, until};
use crate::http::{Answer, Request};
use crate::trusted::{ALL, Traffic, Trusted, pointer, refusals, with_version};
use hecha::snapshot::publish::Current;
use serde_json::{Value, json};

/// A running gateway that requires signatures, with traffic.
struct Stage {
    trusted: Trusted,
    server: Server,
    traffic: Traffic,
    first: Value,
}

impl Stage {
    fn new() -> Self {
        Self::of(Trusted::new())
    }

    fn of(trusted: Trusted) -> Self {
        let token = &trusted.installation.token;
        let server = trusted.installation.serve();
        let traffic = Traffic::start(&server, token);
        let first = server.snapshot(token);
        Self {
            server,
            traffic,
            first,
            trusted,
        }
    }

    fn snapshot(&self) -> Value {
        self.server.snapshot(&self.trusted.installation.token)
    }

    fn version(&self) -> u64 {
        self.first["version"].as_u64().unwrap()
    }

    /// Points to something and sees it refused for `reason` while the old one serves on.
    #[track_caller]
    fn refuses(&self, reason: &str, current: &Current) {
        let before = refusals(&self.server, reason);
        self.trusted.point(current);
        until(reason, || refusals(&self.server, reason) > before);
        let answered = self.traffic.answered();
        until("traffic goes on", || self.traffic.answered() > answered);
        assert_eq!(self.snapshot()["id"], self.first["id"], "{reason}");
    }

    #[track_caller]
    fn serves(&self, id: &str) {
        until("the snapshot serves", || self.snapshot()["id"] == json!(id));
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        Request::post(path, body.to_string())
            .token(&self.trusted.installation.token)
            .send(self.server.ops)
    }
}

#[test]
fn what_is_not_signed_as_required_does_not_serve() {
    let stage = Stage::new();
    let trusted = &stage.trusted;
    let cases = std::cell::Cell::new(0);
    let put = |signers: &[(&str, &str)]| {
        // Each in a file of its own: a changed one would be looked at before it is pointed to.
        let name = format!("case-{}.hecha", cases.replace(cases.get() + 1));
        pointer(&trusted.put(&name, signers, |_| ()), &name)
    };
    let (builder, anna) = (ALL[0], ALL[1]);
    stage.refuses("signature_missing", &put(&[]));
    stage.refuses("signature_missing", &put(&[builder]));
    stage.refuses("signature_missing", &put(&[anna, ALL[2]]));
    stage.refuses("too_few_activators", &put(&[builder, anna]));
    let foreign = ("mallory", "activator");
    stage.refuses("too_few_activators", &put(&[builder, anna, foreign]));
    stage.refuses(
        "signature_foreign",
        &put(&[("mallory", "builder"), anna, ALL[2]]),
    );
    // A builder is no activator.
    let as_activator = ("builder", "activator");
    stage.refuses("too_few_activators", &put(&[builder, anna, as_activator]));
    let current = put(&ALL);
    // Nothing points there yet: the signature of one key is changed, then all of it is nonsense.
    let path = trusted.file(&format!("{}.sig", current.file));
    let mut signed: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let signature = signed["signatures"][1]["signature"].as_str().unwrap();
    let other = if signature.starts_with('0') { "1" } else { "0" };
    signed["signatures"][1]["signature"] = json!(format!("{other}{}", &signature[1..]));
    std::fs::write(&path, signed.to_string()).unwrap();
    stage.refuses("signature_wrong", &current);
    let current = put(&[]);
    let path = trusted.file(&format!("{}.sig", current.file));
    std::fs::write(&path, "{\"format\":1}").unwrap();
    stage.refuses("signature_unreadable", &current);
    // Signatures of another good file (mix).
    let snapshot = trusted.put("other.hecha", &ALL, |_| ());
    let of_case = trusted.put("mixed.hecha", &[], |_| ());
    std::fs::copy(
        trusted.file("other.hecha.sig"),
        trusted.file("mixed.hecha.sig"),
    )
    .unwrap();
    stage.refuses("hash", &pointer(&of_case, "mixed.hecha"));
    assert_eq!(stage.server.metric("hecha_snapshot_signed"), 1.0);
    assert_eq!(stage.server.metric("hecha_signatures_required"), 1.0);
    // The good one of the two does.
    trusted.point(&pointer(&snapshot, "other.hecha"));
    stage.serves(&snapshot.id().to_string());
    stage.traffic.finish();
}

#[test]
fn versions_ends_and_environments_are_held() {
    let stage = Stage::new();
    let trusted = &stage.trusted;
    let version = stage.version();
    let older = trusted.put("older.hecha", &ALL, |inputs| {
        with_version(inputs, version - 1);
    });
    assert_eq!(older.manifest().version, version - 1);
    stage.refuses("version_older", &pointer(&older, "older.hecha"));
    let same = trusted.put("same.hecha", &ALL, |inputs| with_version(inputs, version));
    stage.refuses("version_reused", &pointer(&same, "same.hecha"));
    let expired = trusted.put("expired.hecha", &ALL, |inputs| {
        inputs.expires = Some(inputs.created.plus_seconds(-1));
    });
    stage.refuses("expired", &pointer(&expired, "expired.hecha"));
    let other = trusted.put("other.hecha", &ALL, |inputs| {
        inputs.environment = "staging".into();
    });
    stage.refuses("environment", &pointer(&other, "other.hecha"));
    // Signed as newer than it is: the statement is not of this manifest, the hash is of no file.
    let path = trusted.file("older.hecha.sig");
    let text = std::fs::read_to_string(&path).unwrap();
    let (is, says) = ((version - 1).to_string(), (version + 9).to_string());
    std::fs::write(&path, text.replace(&is, &says)).unwrap();
    let mut current = pointer(&older, "older.hecha");
    current.version = version + 9;
    stage.refuses("signature_wrong", &current);
    assert_eq!(
        stage.snapshot()["highest_version"],
        stage.first["version"],
        "nothing refused counts"
    );
    stage.traffic.finish();
}

#[test]
fn damage_and_pointers_that_disagree_are_refused() {
    let stage = Stage::new();
    let trusted = &stage.trusted;
    let good = trusted.put("good.hecha", &ALL, |_| ());
    let bytes = good.bytes().to_vec();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    for (name, damaged) in [
        ("truncated.hecha", &bytes[..bytes.len() - 64]),
        ("empty.hecha", &bytes[..0]),
        ("flipped.hecha", &flipped[..]),
    ] {
        std::fs::write(trusted.file(name), damaged).unwrap();
        let sig = format!("{name}.sig");
        std::fs::copy(trusted.file("good.hecha.sig"), trusted.file(&sig)).unwrap();
        stage.refuses("hash", &pointer(&good, name));
    }
    let wrong = |change: fn(&mut Current)| {
        let mut current = pointer(&good, "good.hecha");
        change(&mut current);
        current
    };
    stage.refuses("pointer", &wrong(|current| current.version += 1));
    stage.refuses("pointer", &wrong(|current| current.bytes += 1));
    stage.refuses("pointer", &wrong(|current| current.environment.push('x')));
    stage.refuses("hash", &wrong(|current| current.blake3[0] ^= 1));
    stage.refuses(
        "pointer",
        &wrong(|current| current.file = "absent.hecha".into()),
    );
    stage.refuses(
        "signature_missing",
        &wrong(|current| current.signatures = Some("absent.sig".into())),
    );
    let outside = wrong(|current| current.file = "../good.hecha".into());
    stage.refuses("pointer", &outside);
    trusted.point(&pointer(&good, "good.hecha"));
    stage.serves(&good.id().to_string());
    stage.traffic.finish();
}

#[test]
fn a_list_that_the_catalogue_does_not_know_is_refused() {
    let stage = Stage::new();
    let trusted = &stage.trusted;
    let installation = &trusted.installation;
    // Built where the catalogue has one list more.
    let folder = installation.path("catalogue");
    std::fs::create_dir(&folder).unwrap();
    for table in ["lists", "list_rules", "measures", "scenarios"] {
        let name = format!("{table}.tsv");
        let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/catalogue");
        let mut text = std::fs::read_to_string(from.join(&name)).unwrap();
        if table == "lists" {
            let row = text
                .lines()
                .find(|row| row.starts_with("court-defaulter\t"));
            let row = row.unwrap().replacen("court-defaulter", "a-new-list", 1);
            text.push_str(&format!("{row}\n"));
        }
        std::fs::write(folder.join(name), text).unwrap();
    }
    let mut record = court_record("fz-court-9", "张三丰", &number_of_zhang());
    record["list"] = json!("a-new-list");
    std::fs::write(installation.path("new.ndjson"), format!("{record}\n")).unwrap();
    let mut command = hecha();
    command.arg("build").arg(installation.path("new.ndjson"));
    command.arg("--out").arg(trusted.file("new.hecha"));
    command.arg("--catalogue").arg(&folder);
    command.arg("--key").arg(installation.path("snapshot.key"));
    command.arg("--sign").arg(trusted.key("builder"));
    command.args(["--environment", "test"]);
    let (code, output) = run(&mut command);
    assert_eq!(code, 0, "{output:?}");
    trusted.sign("new.hecha", &ALL[1..]);
    let bytes = std::fs::read(trusted.file("new.hecha")).unwrap();
    let snapshot = hecha::snapshot::open::Snapshot::from_bytes(bytes).unwrap();
    stage.refuses("catalogue", &pointer(&snapshot, "new.hecha"));
    stage.traffic.finish();
}

#[test]
fn signed_snapshots_serve_also_when_the_last_signature_comes_late() {
    let stage = Stage::new();
    let trusted = &stage.trusted;
    let second = trusted.publish_signed();
    stage.serves(&second);
    let snapshot = stage.snapshot();
    assert_eq!(snapshot["signed"], json!(true));
    assert_eq!(snapshot["signers"].as_array().unwrap().len(), 3);
    assert_eq!(snapshot["highest_version"], snapshot["version"]);
    assert!(trusted.current()["signatures"].is_string());
    // The third is published with two signatures, and refused until Bert has signed.
    let third = trusted.put("third.hecha", &ALL[..2], |_| ());
    let before = refusals(&stage.server, "too_few_activators");
    trusted.point(&pointer(&third, "third.hecha"));
    until("it is refused", || {
        refusals(&stage.server, "too_few_activators") > before
    });
    trusted.sign("third.hecha", &ALL[2..]);
    stage.serves(&third.id().to_string());
    stage.traffic.finish();
}

#[test]
fn going_back_takes_an_order_of_the_activators_once() {
    let stage = Stage::new();
    let trusted = &stage.trusted;
    let first = stage.version();
    let second_id = trusted.publish_signed();
    stage.serves(&second_id);
    let second = stage.snapshot()["version"].as_u64().unwrap();
    let roll_back = |body: Value| stage.post("/v1/snapshot/rollback", &body);
    let refused = |answer: Answer, said: &str| {
        let text = answer.text();
        assert_eq!(answer.status, 422, "{text}");
        assert_eq!(answer.json()["field"], "order", "{text}");
        assert!(text.contains(said), "{text}");
        assert_eq!(stage.snapshot()["id"], json!(second_id));
    };
    refused(roll_back(json!({})), "needs a rollback order");
    let first_file = json!({"file": stage.first["file"]});
    let chosen = stage.post("/v1/snapshot", &first_file);
    refused(chosen, "needs a rollback order");
    let one = trusted.order(second, first, &["anna"]);
    refused(roll_back(json!({"order": one})), "1 of 2 activators");
    let foreign = trusted.order(second, first, &["anna", "mallory"]);
    refused(roll_back(json!({"order": foreign})), "1 of 2 activators");
    let stale = trusted.order(first, first - 1, &["anna", "bert"]);
    refused(
        roll_back(json!({"order": stale})),
        "the highest activated here is",
    );
    let nowhere = trusted.order(second, first - 1, &["anna", "bert"]);
    refused(roll_back(json!({"order": nowhere})), "no file of version");
    let order = trusted.order(second, first, &["anna", "bert"]);
    let mut longer = order.clone();
    longer["order"]["expires"] = json!("2999-01-01T00:00:00+08:00");
    refused(roll_back(json!({"order": longer})), "does not verify");
    let done = roll_back(json!({"order": order}));
    assert_eq!(done.status, 200, "{}", done.text());
    let serving = done.json();
    assert_eq!(serving["id"], stage.first["id"]);
    assert_eq!(serving["highest_version"], json!(second));
    let again = roll_back(json!({"order": order}));
    assert_eq!(again.status, 422, "{}", again.text());
    assert!(again.text().contains("has been used"), "{}", again.text());
    let Stage {
        trusted,
        server,
        traffic,
        first,
    } = stage;
    traffic.finish();
    assert!(server.stop().success());
    // It holds over a restart, until a newer version comes; then the order is void for good.
    let stage = Stage::of(trusted);
    assert_eq!(stage.first["id"], first["id"]);
    assert_eq!(stage.first["pinned"], json!(true));
    let third = stage.trusted.publish_signed();
    stage.serves(&third);
    let replayed = stage.post("/v1/snapshot/rollback", &json!({"order": order}));
    assert_eq!(replayed.status, 422, "{}", replayed.text());
    stage.traffic.finish();
    assert!(stage.server.stop().success());
    let log = stage.trusted.installation.log(&[]);
    let swap = log
        .iter()
        .find(|record| record.to_string().contains("a bad delivery"));
    assert!(swap.is_some(), "the order is on record");
}

#[test]
fn an_order_also_serves_a_chosen_file() {
    let stage = Stage::new();
    let first = stage.version();
    let second = stage.trusted.publish_signed();
    stage.serves(&second);
    let from = stage.snapshot()["version"].as_u64().unwrap();
    let order = stage.trusted.order(from, first, &["anna", "bert"]);
    let body = json!({"file": stage.first["file"], "order": order});
    let chosen = stage.post("/v1/snapshot", &body);
    assert_eq!(chosen.status, 200, "{}", chosen.text());
    assert_eq!(chosen.json()["id"], stage.first["id"]);
    // The highest one may come back without an order.
    let file = stage.trusted.current()["file"].clone();
    let back = stage.post("/v1/snapshot", &json!({"file": file}));
    assert_eq!(back.status, 200, "{}", back.text());
    stage.traffic.finish();
}

#[test]
fn a_damaged_file_does_not_bring_an_older_one_back_at_a_restart() {
    let stage = Stage::new();
    let second = stage.trusted.publish_signed();
    stage.serves(&second);
    let Stage {
        trusted,
        server,
        traffic,
        ..
    } = stage;
    traffic.finish();
    assert!(server.stop().success());
    let file = trusted.file(trusted.current()["file"].as_str().unwrap());
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, &good[..good.len() - 1]).unwrap();
    let config = trusted.installation.config();
    let (code, output) = run(hecha().arg("serve").arg("--config").arg(&config));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("no snapshot can serve"), "{said}");
    std::fs::write(&file, &good).unwrap();
    // Nor an older pointer; the one that served goes on.
    let older = trusted.put("older.hecha", &ALL, |inputs| with_version(inputs, 7));
    trusted.point(&pointer(&older, "older.hecha"));
    let stage = Stage::of(trusted);
    assert_eq!(stage.first["id"], json!(second));
    assert!(refusals(&stage.server, "version_older") >= 1);
    stage.traffic.finish();
}

#[test]
fn without_keys_versions_rise_too_and_the_gateway_says_that_it_is_open() {
    let installation = Installation::new();
    let stage = Stage::of(Trusted { installation });
    assert_eq!(stage.first["signed"], json!(false));
    assert_eq!(stage.server.metric("hecha_snapshot_signed"), 0.0);
    assert_eq!(stage.server.metric("hecha_signatures_required"), 0.0);
    let version = stage.version();
    let older = stage.trusted.put("older.hecha", &[], |inputs| {
        with_version(inputs, version - 1);
    });
    stage.refuses("version_older", &pointer(&older, "older.hecha"));
    let same = stage.trusted.put("same.hecha", &[], |inputs| {
        with_version(inputs, version);
    });
    stage.refuses("version_reused", &pointer(&same, "same.hecha"));
    // A steward may choose it.
    let chosen = stage.post("/v1/snapshot", &json!({"file": "older.hecha"}));
    assert_eq!(chosen.status, 200, "{}", chosen.text());
    assert_eq!(chosen.json()["highest_version"], json!(version));
    stage.traffic.finish();
}

#[test]
fn a_snapshot_that_expires_while_it_serves_is_said_and_serves_on() {
    let mut stage = Stage::new();
    // On a slow machine it may have expired before it was looked at: then one that lasts longer.
    for seconds in [2, 4, 8, 16] {
        let file = format!("short-{seconds}.hecha");
        let end = crate::harness::now().plus_seconds(seconds);
        let snapshot = stage
            .trusted
            .put(&file, &ALL, |inputs| inputs.expires = Some(end));
        let id = json!(snapshot.id().to_string());
        let before = refusals(&stage.server, "expired");
        let was_refused = || refusals(&stage.server, "expired") > before;
        stage.trusted.point(&pointer(&snapshot, &file));
        until("it serves or is too late", || {
            stage.snapshot()["id"] == id || was_refused()
        });
        if stage.snapshot()["id"] == id {
            stage.first = stage.snapshot();
            break;
        }
    }
    until("it expires", || {
        stage.server.metric("hecha_snapshot_expired") == 1.0
    });
    let ready = Request::get("/readyz").send(stage.server.ops);
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["warnings"], json!(["snapshot_expired"]));
    let snapshot = stage.snapshot();
    assert_eq!(snapshot["expired"], json!(true));
    assert_eq!(snapshot["id"], stage.first["id"]);
    // What follows for people is the matter of each list's own age.
    let list = &snapshot["lists"][0];
    assert_eq!(list["stale"], json!(false));
    let labelled = |name: &str| {
        let name = format!("{name}{{list=\"court-defaulter\"}}");
        stage.server.metric(&name)
    };
    assert_eq!(labelled("hecha_list_stale"), 0.0);
    assert!(labelled("hecha_list_age_seconds") >= 0.0);
    assert_eq!(labelled("hecha_list_entries"), 1.0);
    // Nor does a restart change it: what served goes on.
    let Stage {
        trusted,
        server,
        traffic,
        first,
    } = stage;
    traffic.finish();
    assert!(server.stop().success());
    let stage = Stage::of(trusted);
    assert_eq!(stage.first["id"], first["id"]);
    assert_eq!(stage.first["expired"], json!(true));
    stage.traffic.finish();
}

#[test]
fn keys_without_the_requirement_are_the_way_there() {
    let mut trusted = Trusted::new();
    let more = &mut trusted.installation.more_config;
    more.push_str("require_signatures = false\n");
    let stage = Stage::of(trusted);
    let trusted = &stage.trusted;
    let signed = || stage.server.metric("hecha_snapshot_signed");
    assert_eq!(signed(), 1.0);
    let unsigned = trusted.put("unsigned.hecha", &ALL[..1], |_| ());
    trusted.point(&pointer(&unsigned, "unsigned.hecha"));
    stage.serves(&unsigned.id().to_string());
    assert_eq!(signed(), 0.0);
    assert_eq!(stage.snapshot()["signers"][0]["role"], json!("builder"));
    // What claims to be signed by somebody known and is not is never taken.
    let wrong = trusted.put("wrong.hecha", &ALL, |_| ());
    let path = trusted.file("wrong.hecha.sig");
    let text = std::fs::read_to_string(&path).unwrap();
    let bytes = format!("\"bytes\": {}", wrong.bytes().len());
    assert!(text.contains(&bytes));
    std::fs::write(&path, text.replace(&bytes, "\"bytes\": 1")).unwrap();
    let before = refusals(&stage.server, "signature_wrong");
    trusted.point(&pointer(&wrong, "wrong.hecha"));
    until("it is refused", || {
        refusals(&stage.server, "signature_wrong") > before
    });
    let good = trusted.publish_signed();
    stage.serves(&good);
    assert_eq!(signed(), 1.0);
    stage.traffic.finish();
}
