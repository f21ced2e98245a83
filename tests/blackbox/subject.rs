//! The person's right: who asked about somebody, when, why, with what answer; itself recorded.

use crate::harness::{
    Installation, Server, hecha, number_of_zhang, other_number, run, ticket, ticket_of,
};
use crate::http::Request;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

fn ask_who(server: &Server, token: &str, body: &Value) -> (u16, Value) {
    let post = Request::post("/v1/log/subject", body.to_string()).token(token);
    let answer = post.send(server.ops);
    (answer.status, answer.json())
}

fn by(id_type: &str, number: &str) -> Value {
    json!({"id": {"type": id_type, "number": number}, "reason": "application 7"})
}

fn ids(found: &Value) -> Vec<&str> {
    let answers = found["answers"].as_array().unwrap();
    answers
        .iter()
        .map(|one| one["check_id"].as_str().unwrap())
        .collect()
}

/// Runs a command that reads a number from standard input.
fn run_with(command: &mut Command, input: &str) -> (i32, String, String) {
    let spawned = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    (code, text(output.stdout), text(output.stderr))
}

fn command(installation: &Installation, id: &str) -> Command {
    let mut command = hecha();
    command
        .args(["log", "subject"])
        .arg(installation.path("state/log"));
    command.arg("--key").arg(installation.path("log.key"));
    command.args(["--id", id, "--by", "data desk", "--reason", "application 8"]);
    command
}

#[test]
fn a_person_learns_who_asked_by_number_as_party_by_passport_and_by_name() {
    let installation = Installation::new();
    let tokens = ["rail", "air", "bank"].map(|unit| installation.client(unit, |_| ()));
    let server = installation.serve();
    let zhang = number_of_zhang();
    let mut expected = Vec::new();
    for token in &tokens {
        expected.push(server.ask(token, &ticket()).check_id());
    }
    // As a related party of somebody else.
    let mut question = ticket_of("李明", &other_number());
    question["related"] = json!([{
        "role": "legal_representative", "kind": "person", "name": "张三丰",
        "ids": [{"type": "citizen_id", "number": zhang}]}]);
    let as_party = server.ask(&tokens[0], &question).check_id();
    // With a passport beside the number, then by the passport alone.
    let mut question = ticket();
    let passport = json!({"type": "passport", "number": "E12345678"});
    question["subject"]["ids"]
        .as_array_mut()
        .unwrap()
        .push(passport.clone());
    let with_both = server.ask(&tokens[1], &question).check_id();
    question["subject"]["ids"] = json!([passport]);
    let by_passport = server.ask(&tokens[1], &question).check_id();
    // By the name alone, and another person of the same name.
    question["subject"]["ids"] = json!([]);
    let by_name = server.ask(&tokens[2], &question).check_id();
    let namesake = server
        .ask(&tokens[2], &ticket_of("张三丰", &other_number()))
        .check_id();
    let feedback = json!({"check_id": expected[0], "action": "enforced"}).to_string();
    let post = Request::post("/v1/feedback", feedback).token(&tokens[0]);
    assert_eq!(post.send(server.checks).status, 201);

    let token = &installation.token;
    let (status, found) = ask_who(&server, token, &by("citizen_id", &zhang));
    assert_eq!(status, 200, "{found}");
    expected.extend([as_party.clone(), with_both.clone()]);
    assert_eq!(ids(&found), expected);
    let answers = found["answers"].as_array().unwrap();
    let units: Vec<&str> = answers
        .iter()
        .map(|one| one["unit"].as_str().unwrap())
        .collect();
    assert_eq!(units, ["rail", "air", "bank", "rail", "air"]);
    assert_eq!(answers[0]["feedback"]["action"], "enforced");
    assert_eq!(answers[1]["feedback"], Value::Null);
    assert_eq!(answers[0]["decision"], "block");
    assert_eq!(answers[0]["purpose"], "ticket sale");
    assert_eq!(answers[0]["scenario"], "rail.ticket");
    assert_eq!(answers[0]["relied_on"][0]["entry_id"], "fz-court-1");
    let roles: Vec<&str> = answers
        .iter()
        .map(|one| one["as"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["subject", "subject", "subject", "party", "subject"]);
    assert_eq!(found["months_searched"], 1);
    assert_eq!(found["months_unreadable"], json!([]));
    assert!(!found.to_string().contains(&zhang[..14]));

    let (_, found) = ask_who(&server, token, &by("passport", "e 1234 5678"));
    assert_eq!(ids(&found), [with_both, by_passport.clone()]);
    assert_eq!(found["answers"][0]["as"], "subject");
    let mut named = by("citizen_id", &zhang);
    named["name"] = json!("張三丰");
    let (_, found) = ask_who(&server, token, &named);
    assert!(ids(&found).contains(&by_name.as_str()) && !ids(&found).contains(&namesake.as_str()));
    let last = found["answers"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["found_by"], &last["check_id"]),
        (&json!("name"), &json!(by_name))
    );
    // Page by page.
    let mut page = by("citizen_id", &zhang);
    page["limit"] = json!(3);
    let (_, first) = ask_who(&server, token, &page);
    page["after"] = first["next"].clone();
    let (_, second) = ask_who(&server, token, &page);
    let both: Vec<&str> = ids(&first).into_iter().chain(ids(&second)).collect();
    assert_eq!(
        (both, &second["next"]),
        (expected.iter().map(|id| &**id).collect(), &Value::Null)
    );
}

#[test]
fn each_reading_is_recorded_with_a_digest_and_only_auditors_may() {
    let installation = Installation::new();
    let steward = installation.client("steward", |record| record.roles = vec!["steward".into()]);
    let server = installation.serve();
    server.ask(&installation.token, &ticket());
    let zhang = number_of_zhang();
    assert_eq!(ask_who(&server, &steward, &by("citizen_id", &zhang)).0, 403);
    let masked = format!("{}****{}", &zhang[..10], &zhang[14..]);
    let (status, problem) = ask_who(&server, &installation.token, &by("citizen_id", &masked));
    assert_eq!((status, &problem["field"]), (422, &json!("id.number")));
    assert!(!problem.to_string().contains(&zhang[..10]));
    let mut body = by("citizen_id", &zhang);
    body["reference"] = json!(format!("letter of {zhang}"));
    assert_eq!(ask_who(&server, &installation.token, &body).0, 200);
    let reads: Vec<Value> = installation
        .log(&[])
        .into_iter()
        .filter(|record| record["kind"] == "log_read")
        .collect();
    assert_eq!(reads.len(), 1, "{reads:?}");
    let check = installation
        .log(&[])
        .into_iter()
        .find(|record| record["kind"] == "check");
    let details = &reads[0]["details"];
    assert_eq!(reads[0]["unit"], "everything");
    assert_eq!(details["subject_digest"], check.unwrap()["subject_digest"]);
    assert_eq!(details["reason"], "application 7");
    assert!(!reads[0].to_string().contains(&zhang[..14]), "{reads:?}");
}

#[test]
fn the_command_lists_the_same_and_leaves_its_record_but_not_beside_a_gateway() {
    let installation = Installation::new();
    let server = installation.serve();
    let zhang = number_of_zhang();
    let asked = server.ask(&installation.token, &ticket()).check_id();
    let (code, _, said) = run_with(&mut command(&installation, "-"), &zhang);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("POST /v1/log/subject"), "{said}");
    assert!(server.stop().success());
    let (code, shown, said) = run_with(command(&installation, "-").arg("--json"), &zhang);
    assert_eq!(code, 0, "{said}");
    let found: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(ids(&found), [asked.as_str()]);
    let (code, output) = run(&mut command(&installation, &format!("citizen_id:{zhang}")));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("can be read by others") && said.contains("1 answers"),
        "{said}"
    );
    assert!(String::from_utf8(output.stdout).unwrap().contains(&asked));
    let reads = installation.log(&["--unit", "data desk"]);
    assert_eq!(reads.len(), 2);
    assert_eq!(reads[0]["details"]["reason"], "application 8");
    // The gateway goes on in the same log.
    let server = installation.serve();
    let again = server.ask(&installation.token, &ticket()).check_id();
    let (_, found) = ask_who(&server, &installation.token, &by("citizen_id", &zhang));
    assert_eq!(ids(&found), [asked, again]);
    // With another key the log is not touched.
    assert!(server.stop().success());
    let mut other = command(&installation, "-");
    other.arg("--key").arg(installation.path("snapshot.key"));
    let mut wrong = hecha();
    wrong
        .args(["log", "subject"])
        .arg(installation.path("state/log"));
    wrong.arg("--key").arg(installation.path("snapshot.key"));
    wrong.args(["--id", "-", "--by", "x", "--reason", "y"]);
    let before = installation.log(&[]).len();
    let (code, _, said) = run_with(&mut wrong, &zhang);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("is written under the key"), "{said}");
    assert_eq!(installation.log(&[]).len(), before);
}

#[test]
fn over_many_segments_with_damaged_side_files_nobody_is_missed() {
    let installation = Installation::new();
    let server = installation.serve();
    let token = &installation.token;
    let zhang = number_of_zhang();
    let mut expected = Vec::new();
    // Some segments of 1 MiB: questions about many parties fill them.
    let party = json!({"kind": "person", "name": "某".repeat(190), "ids": []});
    for round in 0..120 {
        let mut question = match round % 30 {
            7 => ticket(),
            _ => ticket_of("李明", &other_number()),
        };
        question["related"] = json!(vec![party.clone(); 60]);
        let check_id = server.ask(token, &question).check_id();
        if round % 30 == 7 {
            expected.push(check_id);
        }
    }
    let sides = || {
        let names = crate::harness::files_below(&installation.path("state/log"));
        let is_side = |path: &std::path::PathBuf| path.extension().is_some_and(|e| e == "subjects");
        names.into_iter().filter(is_side).collect::<Vec<_>>()
    };
    crate::harness::until("side files are made", || sides().len() >= 2);
    let (_, found) = ask_who(&server, token, &by("citizen_id", &zhang));
    assert_eq!(ids(&found), expected);
    for (place, path) in sides().into_iter().enumerate() {
        let mut bytes = std::fs::read(&path).unwrap();
        match place % 2 {
            0 => bytes.truncate(100),
            _ => bytes[300] ^= 4,
        }
        std::fs::write(&path, bytes).unwrap();
    }
    let (_, found) = ask_who(&server, token, &by("citizen_id", &zhang));
    assert_eq!(ids(&found), expected);
    server.kill();
    let server = installation.serve();
    let (_, found) = ask_who(&server, token, &by("citizen_id", &zhang));
    assert_eq!(ids(&found), expected);
}
