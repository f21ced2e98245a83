//! Who may learn what: safeguards S34 to S37, and the least answer of a unit's record.

use crate::harness::{Installation, Server, court_record, number_of_zhang, ticket};
use serde_json::{Value, json};

/// A person on a list that is open only with consent, and one on the defaulter list that only
/// authorities may see.
fn list() -> Vec<Value> {
    let mut authorised = court_record("fj-1", "张三丰", &number_of_zhang());
    authorised["list"] = json!("fj-blacklist");
    authorised["disclosure"] = json!("authorised");
    authorised["in_force_until"] = json!("2099-12-31");
    vec![authorised]
}

/// A question of a scenario in which the list has measures, about 张三丰.
fn question(change: impl FnOnce(&mut Value)) -> Value {
    let mut question = ticket();
    change(&mut question);
    question
}

/// The body without what differs from one check to the next.
fn body_of(server: &Server, token: &str, question: &Value) -> Value {
    let answer = server.ask(token, question);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut body = answer.json();
    body["check_id"] = Value::Null;
    body["valid_until"] = Value::Null;
    body
}

fn authority(installation: &Installation) -> String {
    installation.client("authority", |record| record.kind = "authority".to_owned())
}

#[test]
fn s34_a_persons_entry_is_not_shown_without_consent_whatever_it_says_of_itself() {
    let mut listed = list();
    listed[0]["disclosure"] = json!("public");
    let installation = Installation::new();
    installation.publish(listed);
    let server = installation.serve();
    let token = &installation.token;
    let asked = body_of(&server, token, &question(|_| ()));
    let unlisted = body_of(
        &server,
        token,
        &question(|q| q["subject"]["name"] = json!("赵无名")),
    );
    assert_eq!(asked["match_count"], 0);
    assert_eq!(asked["decision"], "clear");
    assert_eq!(unlisted["match_count"], 0);
    // A record that does not say is never public: it is not even built.
    let folder = installation.path("silent.ndjson");
    let mut silent = list().remove(0);
    silent.as_object_mut().unwrap().remove("disclosure");
    std::fs::write(&folder, format!("{silent}\n")).unwrap();
    let (code, output) = crate::harness::run(
        crate::harness::hecha()
            .arg("build")
            .arg(&folder)
            .arg("--out")
            .arg(installation.path("silent.hecha"))
            .arg("--key")
            .arg(installation.path("snapshot.key")),
    );
    assert_eq!(code, 3, "{output:?}");
}

#[test]
fn s35_authorised_data_need_the_subjects_own_consent_and_number() {
    let installation = Installation::new();
    installation.publish(list());
    let server = installation.serve();
    let token = &installation.token;
    let consent = json!({"kind": "consent", "reference": "C 2026-1"});
    let nobody = {
        let installation = Installation::new();
        installation.publish(Vec::new());
        let server = installation.serve();
        let token = &installation.token;
        let mut body = body_of(&server, token, &question(|_| ()));
        body["snapshot"] = Value::Null;
        body["log_index"] = Value::Null;
        body
    };
    let same_as_unlisted = |question: &Value| {
        let mut body = body_of(&server, token, question);
        body["snapshot"] = Value::Null;
        body["log_index"] = Value::Null;
        assert_eq!(body, nobody, "{question}");
    };
    same_as_unlisted(&question(|_| ()));
    // Consent, but the name alone.
    same_as_unlisted(&question(|q| {
        q["authorisation"] = consent.clone();
        q["subject"]["ids"] = json!([]);
    }));
    // Consent of the subject reaches no other party.
    same_as_unlisted(&question(|q| {
        q["authorisation"] = consent.clone();
        q["related"] = json!([{"role": "legal_representative", "kind": "person",
            "name": "张三丰", "ids": q["subject"]["ids"].clone()}]);
        q["subject"]["name"] = json!("李四");
        q["subject"]["ids"] = json!([]);
    }));
    // Approval opens no person's entry, to no enterprise.
    same_as_unlisted(&question(|q| {
        q["authorisation"] = json!({"kind": "approval", "reference": "A 1"});
    }));
    let opened = body_of(
        &server,
        token,
        &question(|q| q["authorisation"] = consent.clone()),
    );
    assert_eq!(opened["match_count"], 1, "{opened}");
    assert_eq!(opened["matches"][0]["identity"], "identified");
}

#[test]
fn s36_s37_government_data_stay_with_authorities() {
    let installation = Installation::new();
    let authority = authority(&installation);
    let mut listed = court_record("gov-1", "张三丰", &number_of_zhang());
    listed["disclosure"] = json!("government");
    installation.publish(vec![listed]);
    let server = installation.serve();
    let mut hotel = body_of(&server, &installation.token, &question(|_| ()));
    assert_eq!(
        (&hotel["decision"], &hotel["match_count"]),
        (&json!("clear"), &json!(0))
    );
    assert!(!hotel.to_string().contains("gov-1"), "no trace: {hotel}");
    let mut unlisted = body_of(
        &server,
        &installation.token,
        &question(|q| {
            q["subject"]["name"] = json!("赵无名");
        }),
    );
    for answer in [&mut hotel, &mut unlisted] {
        answer["log_index"] = Value::Null;
    }
    assert_eq!(hotel, unlisted, "the same body as for a person not listed");
    let seen = body_of(&server, &authority, &question(|_| ()));
    assert_eq!(
        (&seen["decision"], &seen["match_count"]),
        (&json!("block"), &json!(1))
    );
}

#[test]
fn a_unit_sees_the_fields_of_its_record_and_always_the_way_to_object() {
    let installation = Installation::new();
    let least = installation.client("least", |record| record.fields = Some(Vec::new()));
    let some = installation.client("some", |record| {
        record.fields = Some(vec!["identity".to_owned(), "measures".to_owned()]);
    });
    let server = installation.serve();
    let keys = |token: &str, question: &Value| -> Vec<String> {
        let body = body_of(&server, token, question);
        let found = body["matches"][0].as_object().unwrap();
        found.keys().cloned().collect()
    };
    let answer = body_of(&server, &least, &ticket());
    assert_eq!(answer["decision"], "block");
    assert!(
        answer["messages"][0]
            .as_str()
            .unwrap()
            .contains("测试区人民法院")
    );
    assert_eq!(
        keys(&least, &ticket()),
        ["authority", "case_no", "recourse"]
    );
    let few = ["authority", "case_no", "identity", "measures", "recourse"];
    assert_eq!(keys(&some, &ticket()), few);
    assert_eq!(keys(&installation.token, &ticket()).len(), 16);
    // By the command, which knows the words.
    let add = |fields: &[&str]| {
        let mut command = crate::harness::hecha();
        command.args(["client", "add", "--unit", "by command", "--scenario", "*"]);
        command
            .arg("--clients-file")
            .arg(installation.path("other.toml"));
        for field in fields {
            command.args(["--field", field]);
        }
        crate::harness::run(&mut command)
    };
    let (code, output) = add(&["colour"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code, 2, "{error}");
    assert!(
        error.contains("`fields`: unknown word `colour`; write one of: entry_id"),
        "{error}"
    );
    assert_eq!(add(&["entry_id", "list"]).0, 0);
    let text = std::fs::read_to_string(installation.path("other.toml")).unwrap();
    assert!(text.contains("fields = [\"entry_id\", \"list\"]"), "{text}");
}

#[test]
fn no_answer_shows_more_of_a_number_than_its_last_four_characters() {
    let installation = Installation::new();
    let server = installation.serve();
    let number = number_of_zhang();
    let mut asked = ticket();
    asked["reference"] = json!(format!("passenger {number}"));
    let whole = server.ask(&installation.token, &asked).text();
    let mut bad = ticket();
    bad["subject"]["ids"][0]["number"] = json!(format!("{}0", &number[..17]));
    let refused = server.ask(&installation.token, &bad).text();
    for text in [&whole, &refused] {
        let shown = number
            .as_bytes()
            .windows(8)
            .any(|part| text.as_bytes().windows(8).any(|window| window == part));
        assert!(!shown, "{text}");
    }
    let log = installation.log(&[]);
    let text = format!("{log:?}");
    assert!(!text.contains(&number[..14]), "{text}");
}
