//! What must not restrict anyone is stopped before it serves, while the old list answers on.

use crate::harness::{
    Installation, Server, court_record, first_list, hecha, number_of_zhang, other_number, run,
    ticket, ticket_of, until,
};
use crate::http::Request;
use hecha::build::inputs::BuildInputs;
use hecha::identifier::{citizen_id, synthetic};
use hecha::snapshot::open::Snapshot;
use hecha::snapshot::publish;
use hecha::storage::disk::RealDisk;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const REFUSED: &str = "hecha_snapshot_swaps_total{result=\"refused\"}";

/// So many people of the court's list; the first is 张三丰.
fn court(count: usize) -> Vec<Value> {
    people("fz-court", count)
}

fn people(prefix: &str, count: usize) -> Vec<Value> {
    let record = |place: usize| match place {
        0 => court_record(&format!("{prefix}-1"), "张三丰", &number_of_zhang()),
        _ => court_record(&format!("{prefix}-{}", place + 1), "李明", &number(place)),
    };
    (0..count).map(record).collect()
}

fn number(place: usize) -> String {
    let (division, born) = (990_101 + (place / 999) as u32, (1970, 1, 2));
    synthetic::citizen_id(division, born, (place % 999) as u16)
}

/// One blacklisted organisation, so that there is a second list.
fn firm() -> Value {
    let mut record = first_list().remove(1);
    record["entry_id"] = json!("fj-1");
    record["list"] = json!("fj-blacklist");
    record
}

/// An installation whose court list has a hundred people, and a second list.
fn hundred() -> Installation {
    let installation = Installation::new();
    std::fs::remove_dir_all(installation.path("snapshots")).unwrap();
    let mut records = court(100);
    records.push(firm());
    installation.publish(records);
    installation
}

fn file_of(
    installation: &Installation,
    name: &str,
    records: Vec<Value>,
    change: impl FnOnce(&mut BuildInputs),
) -> PathBuf {
    let path = installation.path(name);
    std::fs::write(&path, installation.snapshot(records, change)).unwrap();
    path
}

fn publish_command(installation: &Installation, file: &PathBuf, more: &[&str]) -> (i32, Output) {
    let mut command = hecha();
    command
        .arg("publish")
        .arg(file)
        .arg("--to")
        .arg(installation.path("snapshots"));
    run(command.args(more))
}

/// Publishes as somebody who does not ask `hecha publish`; its id.
fn force(installation: &Installation, file: &PathBuf) -> String {
    let snapshot = Snapshot::from_bytes(std::fs::read(file).unwrap()).unwrap();
    publish::publish(&RealDisk, &snapshot, &installation.path("snapshots")).unwrap();
    snapshot.id().to_string()
}

fn exceeded(server: &Server, limit: &str) -> bool {
    let text = Request::get("/metrics").send(server.ops).text();
    text.contains(&format!("hecha_gates_exceeded_total{{limit=\"{limit}\"}}"))
}

/// Asks as long as `work` runs; every answer must be a block by the list that served before.
fn under_traffic<T>(server: &Server, token: &str, work: impl FnOnce() -> T) -> T {
    let (ends, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    let answer = server.ask(token, &ticket());
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    assert_eq!(answer.decision(), "block");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        until("traffic runs", || asked.load(Ordering::Relaxed) > 2);
        let result = work();
        ends.store(true, Ordering::Relaxed);
        result
    })
}

/// A snapshot of these records is refused by the command and by the gateway for this limit, while
/// every request is answered by the old one; accepted, it serves.
fn refuses(records: Vec<Value>, limit: &str, change: impl FnOnce(&mut BuildInputs)) {
    let installation = hundred();
    let token = &installation.token;
    let server = installation.serve();
    let first = server.snapshot(token)["id"].clone();
    let file = file_of(&installation, "next.hecha", records, change);
    let (code, output) = publish_command(&installation, &file, &[]);
    assert_eq!(code, 2, "{limit}: {output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("outside the limits"), "{said}");
    let id = under_traffic(&server, token, || {
        let id = force(&installation, &file);
        until("it is refused", || server.metric(REFUSED) >= 1.0);
        id
    });
    assert!(exceeded(&server, limit), "{limit}");
    assert_eq!(server.snapshot(token)["id"], first, "{limit}");
    // A restart is no way around.
    assert!(server.stop().success());
    let server = installation.serve();
    assert_eq!(server.snapshot(token)["id"], first, "{limit}");
    let more = [
        "--accept",
        "confirmed by letter 12",
        "--by",
        "head of lists",
    ];
    let (code, output) = publish_command(&installation, &file, &more);
    assert_eq!(code, 0, "{limit}: {output:?}");
    until("it serves", || server.snapshot(token)["id"] == json!(id));
    assert!(server.stop().success());
    let swaps = installation.log(&[]);
    let swap = swaps.iter().rfind(|one| one["kind"] == "swap").unwrap();
    let text = swap.to_string();
    assert!(
        text.contains("letter 12") && text.contains("head of lists"),
        "{text}"
    );
}

fn with_firm(mut records: Vec<Value>) -> Vec<Value> {
    records.push(firm());
    records
}

#[test]
fn a_list_that_has_lost_thirty_percent_is_refused_until_accepted() {
    refuses(with_firm(court(70)), "lost", |_| ());
}

#[test]
fn a_list_that_has_grown_by_thirty_percent_is_refused_until_accepted() {
    refuses(with_firm(court(130)), "gained", |_| ());
}

#[test]
fn a_list_of_other_people_is_refused_though_there_are_as_many() {
    refuses(with_firm(people("other", 100)), "lost", |_| ());
}

#[test]
fn a_list_that_is_missing_is_refused_until_accepted() {
    refuses(court(100), "list_missing", |_| ());
}

#[test]
fn a_list_without_rows_is_refused_until_accepted() {
    refuses(court(100), "list_empty", |inputs| {
        let mut named = inputs.as_of[0].clone();
        named.list = Some("fj-blacklist".into());
        inputs.as_of.push(named);
    });
}

#[test]
fn another_catalogue_is_refused_until_accepted() {
    refuses(with_firm(court(100)), "catalogue_changed", |inputs| {
        inputs.provenance.catalogue_hash = [9; 32];
    });
}

#[test]
fn a_list_that_goes_back_in_time_is_refused_until_accepted() {
    refuses(with_firm(court(100)), "list_older", |inputs| {
        inputs.as_of[0].moment = inputs.created.plus_hours(-100);
    });
}

#[test]
fn too_many_records_left_out_are_refused() {
    let installation = hundred();
    let server = installation.serve();
    let mut lines: Vec<String> = court(100).iter().map(Value::to_string).collect();
    lines.push(firm().to_string());
    let faulty = |place: usize| {
        let mut record = court_record(&format!("bad-{place}"), "李明", &number(500 + place));
        record["in_force_from"] = json!("2025-02-30");
        record.to_string()
    };
    lines.extend((0..10).map(faulty));
    std::fs::write(installation.path("list.ndjson"), lines.join("\n")).unwrap();
    let file = installation.path("next.hecha");
    let mut build = hecha();
    build
        .args(["build", "--environment", "test", "--out"])
        .arg(&file);
    build.arg("--key").arg(installation.path("snapshot.key"));
    build.args(["--as-of", &crate::harness::now().to_string()]);
    let (code, output) = run(build.arg(installation.path("list.ndjson")));
    assert_eq!(code, 3, "{output:?}");
    let (code, output) = publish_command(&installation, &file, &[]);
    assert_eq!(code, 2, "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("10 of 111 records were left out"), "{said}");
    force(&installation, &file);
    until("it is refused", || server.metric(REFUSED) >= 1.0);
    assert!(exceeded(&server, "quarantined"));
}

#[test]
fn ten_thousand_wrong_rows_imported_by_mistake_restrict_nobody() {
    let installation = hundred();
    let token = &installation.token;
    let server = installation.serve();
    let wrong = (0..10_000)
        .map(|place| court_record(&format!("wrong-{place}"), "无辜", &number(1_000 + place)));
    let records = with_firm(court(100).into_iter().chain(wrong).collect());
    let file = file_of(&installation, "wrong.hecha", records, |_| ());
    let (code, output) = publish_command(&installation, &file, &[]);
    assert_eq!(code, 2, "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("10000 entries more on top of 100"), "{said}");
    let innocent = ticket_of("无辜", &number(1_007));
    under_traffic(&server, token, || {
        force(&installation, &file);
        until("it is refused", || {
            assert_eq!(server.ask(token, &innocent).decision(), "clear");
            server.metric(REFUSED) >= 1.0
        });
    });
    assert_eq!(server.ask(token, &innocent).decision(), "clear");
}

/// A gateway with these canaries, and what it does with a list that has `records`.
fn canaries(text: &str, records: Vec<Value>) -> (Installation, Server, String) {
    let mut installation = hundred();
    installation.more_config = "canaries_file = \"canaries.toml\"\n".to_owned();
    std::fs::write(installation.path("canaries.toml"), text).unwrap();
    let server = installation.serve();
    let id = installation.publish(records);
    (installation, server, id)
}

#[test]
fn a_missing_canary_stops_a_list_and_one_that_is_there_lets_it_pass() {
    let text = "[[must_hit]]\nname = \"an old case\"\nentry_id = \"fz-court-2\"\n\
                list = \"court-defaulter\"\n";
    let mut without = with_firm(court(100));
    without.remove(1);
    let (installation, server, _) = canaries(text, without);
    until("it is refused", || server.metric(REFUSED) >= 1.0);
    assert!(exceeded(&server, "canary"));
    let mut other = with_firm(court(100));
    other.remove(2);
    let id = installation.publish(other);
    until("it serves", || {
        server.snapshot(&installation.token)["id"] == json!(id)
    });
}

#[test]
fn a_canary_that_must_stay_free_stops_a_list_that_hits_it() {
    let question = ticket_of("王测试", &other_number()).to_string();
    let text = format!(
        "[[must_not_hit]]\nname = \"the test person\"\nrequest = '''{question}'''\n\
         [[must_hit]]\nname = \"zhang\"\ndecision = \"block\"\nlist = \"court-defaulter\"\n\
         request = '''{}'''\n",
        ticket()
    );
    let mut hit = with_firm(court(100));
    hit.push(court_record("new-1", "王测试", &other_number()));
    let (installation, server, _) = canaries(&text, hit);
    until("it is refused", || server.metric(REFUSED) >= 1.0);
    assert!(exceeded(&server, "canary"));
    let mut free = with_firm(court(100));
    free.push(court_record("new-1", "王测试", &number(700)));
    let id = installation.publish(free);
    until("it serves", || {
        server.snapshot(&installation.token)["id"] == json!(id)
    });
}

#[test]
fn a_canary_that_could_be_somebody_is_refused_at_the_start() {
    let mut installation = hundred();
    installation.more_config = "canaries_file = \"canaries.toml\"\n".to_owned();
    // A division that is not assigned either, but not kept free for tests.
    let mut number = "88010119491231002".to_owned();
    number.push(char::from(citizen_id::check_character(number.as_bytes())));
    let real = ticket().to_string().replace(&number_of_zhang(), &number);
    let text = format!("[[must_hit]]\nname = \"somebody\"\nrequest = '''{real}'''\n");
    std::fs::write(installation.path("canaries.toml"), text).unwrap();
    let (code, output) = run(hecha()
        .arg("serve")
        .arg("--config")
        .arg(installation.config()));
    assert_eq!(code, 2, "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("canary `somebody`") && said.contains("could be somebody's"),
        "{said}"
    );
    assert!(!said.contains(&number));
}

#[test]
fn a_replay_of_logged_checks_stops_a_list_that_would_restrict_many_more() {
    let mut installation = hundred();
    installation.more_config = "gate_replay_people_min = 10\n".to_owned();
    let token = &installation.token;
    let server = installation.serve();
    // Fewer entries than any limit on counts, but all of them people who travel today.
    let travellers = |place: usize| ticket_of("赵旅客", &number(600 + place));
    for place in 0..15 {
        assert_eq!(server.ask(token, &travellers(place)).decision(), "clear");
    }
    let mut records = with_firm(court(100));
    records.extend(
        (0..12).map(|place| court_record(&format!("new-{place}"), "赵旅客", &number(600 + place))),
    );
    installation.publish(records.clone());
    until("it is refused", || server.metric(REFUSED) >= 1.0);
    assert!(exceeded(&server, "replay"));
    assert!(!exceeded(&server, "gained"));
    assert_eq!(server.ask(token, &travellers(3)).decision(), "clear");
    let file = file_of(&installation, "next.hecha", records, |_| ());
    let more = ["--accept", "listed today by the court"];
    let (code, output) = publish_command(&installation, &file, &more);
    assert_eq!(code, 0, "{output:?}");
    until("it serves", || {
        server.ask(token, &travellers(3)).decision() == "block"
    });
}

#[test]
fn gates_can_be_switched_off() {
    let mut installation = hundred();
    installation.more_config = "gates = false\n".to_owned();
    let server = installation.serve();
    let id = installation.publish(court(1));
    until("it serves", || {
        server.snapshot(&installation.token)["id"] == json!(id)
    });
}

#[test]
fn diff_says_what_a_new_list_changes_and_names_nobody() {
    let installation = hundred();
    let old = file_of(&installation, "old.hecha", with_firm(court(100)), |_| ());
    let mut records = with_firm(court(100));
    records.remove(5);
    records[1]["conduct"] = json!("另一行为");
    records.push(court_record("new-1", "赵新", &number(700)));
    let new = file_of(&installation, "new.hecha", records, |inputs| {
        inputs.salt = [9; 32]
    });
    let diff = |more: &[&str]| {
        let (code, output) = run(hecha().arg("diff").arg(&old).arg(&new).args(more));
        assert_eq!(code, 0, "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let value: Value = serde_json::from_str(&diff(&["--json", "--entries"])).unwrap();
    let total = json!({"of": "all", "before": 101, "after": 101,
                       "added": 1, "changed": 1, "removed": 1});
    assert_eq!(value["total"], total);
    assert_eq!(value["compared"], "content");
    assert_eq!(
        value["subjects"],
        json!({"newly_restricted": 1, "no_longer_restricted": 0})
    );
    assert_eq!(value["exceeded"], json!([]));
    let change =
        |id: &str, what: &str| json!({"entry_id": id, "change": what, "list": "court-defaulter"});
    let entries = json!([
        change("fz-court-2", "changed"),
        change("fz-court-6", "removed"),
        change("new-1", "added"),
    ]);
    assert_eq!(value["entries"], entries);
    let table = diff(&["--entries"]);
    assert!(table.contains("court-defaulter") && table.contains("changed  court-defaulter"));
    assert!(table.contains("1 newly restricted, 0 no longer"), "{table}");
    for text in [table, value.to_string()] {
        assert!(!text.contains("赵新") && !text.contains(&number(700)));
    }
    let (code, output) = run(hecha()
        .arg("diff")
        .arg(&old)
        .arg(installation.path("no.hecha")));
    assert_eq!(code, 2, "{output:?}");
}
