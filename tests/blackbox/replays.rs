//! What was answered is decided again years later: byte for byte, or it is said what is missing.

use crate::harness::{
    Installation, Server, court_record, first_list, hecha, number_of_zhang, other_number, run,
    ticket, ticket_of, until,
};
use crate::http::{Answer, Request};
use serde_json::{Value, json};
use std::path::Path;

/// Exit code, lines and what is said on standard error.
fn replay(installation: &Installation, flags: &[&str]) -> (i32, Vec<Value>, String) {
    let mut command = hecha();
    command.args(["log", "replay", "--json"]).args(flags);
    command.arg("--config").arg(installation.path("hecha.toml"));
    command.arg(installation.path("state/log"));
    let (code, output) = run(&mut command);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (
        code,
        lines.collect(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn ask_in(server: &Server, token: &str, language: &str, path: &str, body: &Value) -> Answer {
    let answer = Request::post(path, body.to_string())
        .header("accept-language", language)
        .header("hecha-operator", "window 3")
        .token(token)
        .send(server.checks);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// Every kind of decision about people of the first list, in both languages, and a scan.
fn ask_everything(server: &Server, token: &str, answers: &mut Vec<Vec<u8>>) {
    let mut without_number = ticket();
    without_number["subject"]["ids"] = json!([]);
    let by_company = json!({
        "scenario": "procurement.supplier", "attributes": {"stage": "award"},
        "subject": {"kind": "organisation", "name": "测试建材有限公司", "ids": []},
        "related": [{"role": "legal_representative", "kind": "person", "name": "张三丰",
                     "ids": [{"type": "citizen_id", "number": number_of_zhang()}]},
                    {"kind": "person", "name": "王五", "birth_date": "1980-05-06"}]
    });
    let mut exempt = ticket();
    exempt["exemption"] = json!({"kind": "court_permit", "reference": "permit 9"});
    let clear = ticket_of(" 李明 ", &other_number());
    let scan = json!({"scenario": "rail.ticket",
                      "text": format!("投标人：测试建材有限公司。{}", number_of_zhang())});
    for language in ["zh", "en"] {
        for body in [&ticket(), &without_number, &by_company, &exempt, &clear] {
            answers.push(ask_in(server, token, language, "/v1/check", body).body);
        }
        answers.push(ask_in(server, token, language, "/v1/scan", &scan).body);
    }
}

fn act(server: &Server, token: &str, path: &str, body: &Value) {
    let post = Request::post(&format!("/v1/entries/{path}"), body.to_string()).token(token);
    let answer = post.send(server.ops);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().flatten() {
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// A gateway that has lived: acts, a swap, other law, another policy. Its answers, in their order.
fn a_life(installation: &mut Installation) -> Vec<Vec<u8>> {
    let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/catalogue");
    copy_folder(&tables, &installation.path("law"));
    installation.more_config = "catalogue_dir = \"law\"\n".to_owned();
    let token = installation.token.clone();
    let server = installation.serve();
    let mut answers = Vec::new();
    ask_everything(&server, &token, &mut answers);
    let why = json!({"reason": "it is not me", "reference": "letter 7"});
    act(&server, &token, "fz-court-1/hold", &why);
    ask_everything(&server, &token, &mut answers);
    let outcome = json!({"outcome": "upheld", "reference": "ruling 1"});
    act(&server, &token, "fz-court-1/hold/outcome", &outcome);
    ask_everything(&server, &token, &mut answers);

    let mut more = first_list();
    more.push(court_record("fz-court-9", "李明", &other_number()));
    let id = installation.publish(more);
    until("the new list serves", || {
        server.snapshot(&token)["id"] == *id
    });
    ask_everything(&server, &token, &mut answers);
    act(&server, &token, "fz-court-9/withdraw", &why);
    ask_everything(&server, &token, &mut answers);

    let file = installation.path("law/lists.tsv");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("失信被执行人", "失信被执行人名单")).unwrap();
    let clients = installation.path("clients.toml");
    let text = std::fs::read_to_string(&clients).unwrap();
    let stricter = text.replace(
        "kind = \"enterprise\"",
        "kind = \"enterprise\"\nlevel = \"disk\"",
    );
    std::fs::write(&clients, stricter).unwrap();
    server.signal("HUP");
    until("the law is loaded again", || {
        let metrics = Request::get("/metrics").send(server.ops).text();
        metrics.contains("hecha_reloads_total{result=\"done\"} 1")
    });
    ask_everything(&server, &token, &mut answers);
    assert!(server.stop().success());
    answers
}

#[test]
fn a_whole_life_is_decided_again_byte_for_byte_and_what_is_changed_or_gone_is_said() {
    let mut installation = Installation::new();
    let answers = a_life(&mut installation);
    let (code, lines, said) = replay(&installation, &["--answers"]);
    assert_eq!(code, 0, "{said} {lines:#?}");
    assert_eq!(lines.len(), answers.len());
    let mut verdicts: Vec<(u64, &Value)> = Vec::new();
    for line in &lines {
        assert_eq!(line["verdict"], "equal");
        assert_eq!(line["same_engine"], true);
        verdicts.push((line["position"].as_u64().unwrap(), &line["answer"]));
    }
    verdicts.sort_by_key(|(position, _)| *position);
    let mut decisions = std::collections::BTreeSet::new();
    for ((_, again), first) in verdicts.iter().zip(&answers) {
        let first: Value = serde_json::from_slice(first).unwrap();
        assert_eq!(**again, first);
        decisions.insert(first["decision"].as_str().unwrap().to_owned());
    }
    assert!(decisions.len() >= 3, "{decisions:?}");

    // One by its number.
    let first: Value = serde_json::from_slice(&answers[0]).unwrap();
    let check_id = first["check_id"].as_str().unwrap();
    let (code, lines, _) = replay(&installation, &["--check-id", check_id]);
    assert_eq!((code, lines.len()), (0, 1));
    let unknown = "0192f0c1-0000-7abc-8def-001122334455";
    assert_eq!(replay(&installation, &["--check-id", unknown]).0, 2);

    what_is_gone_is_said(&installation, answers.len());
}

/// Each thing that a replay needs, taken away or changed, one after the other.
fn what_is_gone_is_said(installation: &Installation, count: usize) {
    let verdicts = |flags: &[&str]| {
        let (code, lines, _) = replay(installation, flags);
        let of = |verdict: &str| {
            lines
                .iter()
                .filter(|line| line["verdict"] == verdict)
                .count()
        };
        let reasons: Vec<String> = lines
            .iter()
            .filter_map(|line| Some(line["reason"].as_str()?.split(':').next()?.to_owned()))
            .collect();
        (code, of("equal"), of("differs"), reasons)
    };
    let (state, per) = (installation.path("state"), count / 6);

    // The journal loses its last act: what rests on it cannot be decided.
    let journal = state.join("acts.journal");
    let kept = std::fs::read(&journal).unwrap();
    let other = installation.path("other.journal");
    let other = other.to_str().unwrap();
    let (code, equal, differs, reasons) = {
        let first_act = end_of_first_act(&kept);
        std::fs::write(other, &kept[..first_act]).unwrap();
        verdicts(&["--journal", other])
    };
    assert_eq!((code, equal, differs), (3, 2 * per, 0));
    assert_eq!(reasons, vec!["journal".to_owned(); count - 2 * per]);

    // A table of the kept catalogue is changed; one policy is gone.
    let kept = state.join("kept");
    let files = |prefix: &str| {
        let mut paths: Vec<_> = std::fs::read_dir(&kept)
            .unwrap()
            .map(|one| one.unwrap().path())
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with(prefix)
            })
            .collect();
        paths.sort();
        paths
    };
    assert_eq!(files("catalogue-").len(), 2);
    let policies = files("policy-");
    assert_eq!(policies.len(), 2);
    for policy in policies {
        let text = std::fs::read_to_string(&policy).unwrap();
        assert!(
            !text.contains("token") && text.contains("everything"),
            "{text}"
        );
        std::fs::rename(&policy, installation.path("policy.aside")).unwrap();
        let (code, equal, _, reasons) = verdicts(&[]);
        assert_eq!(code, 3);
        assert!(equal == per || equal == 5 * per, "{equal}");
        assert!(reasons.iter().all(|reason| reason == "policy"));
        std::fs::rename(installation.path("policy.aside"), policy).unwrap();
    }
    let table = files("catalogue-")[0].join("measures.tsv");
    let text = std::fs::read_to_string(&table).unwrap();
    std::fs::write(&table, text.replacen("block", "limit", 1)).unwrap();
    let (code, equal, _, reasons) = verdicts(&[]);
    assert_eq!(code, 3);
    assert!(equal == per || equal == 5 * per, "{equal}");
    assert!(reasons.iter().all(|reason| reason == "catalogue"));
    std::fs::write(&table, text).unwrap();

    // No snapshots; another key.
    let nowhere = installation.path("nowhere");
    let (code, equal, _, reasons) = verdicts(&["--snapshot-dir", nowhere.to_str().unwrap()]);
    assert_eq!((code, equal), (3, 0));
    assert_eq!(reasons, vec!["snapshot".to_owned(); count]);
    let foreign = installation.path("snapshot.key");
    let (code, equal, _, reasons) = verdicts(&["--key", foreign.to_str().unwrap()]);
    assert_eq!((code, equal), (3, 0));
    assert_eq!(reasons, vec!["key".to_owned(); count]);
    assert_eq!(verdicts(&[]), (0, count, 0, Vec::new()));
}

/// The bytes of the first act's frame end here.
fn end_of_first_act(journal: &[u8]) -> usize {
    let mut ends = Vec::new();
    hecha::storage::append::scan(journal, Some(1), |frame| {
        ends.push(frame.offset as usize);
        Ok::<(), ()>(())
    })
    .unwrap();
    // Frames: act, mark, act ...
    ends[2]
}

#[test]
fn acts_that_were_changed_make_answers_differ() {
    let mut installation = Installation::new();
    let answers = a_life(&mut installation);
    // As many acts on another entry: what rested on the true ones comes out otherwise.
    let other = installation.path("forged.journal");
    let (mut journal, _) =
        hecha::overlay::journal::Journal::open(&hecha::storage::disk::RealDisk, &other).unwrap();
    let acts = hecha::overlay::journal::read_only(
        &hecha::storage::disk::RealDisk,
        &installation.path("state/acts.journal"),
    )
    .unwrap();
    for entry in acts {
        let mut act = entry.act.clone();
        act.entry_id = hecha::model::entry::EntryId("somebody-else".into());
        journal.append(&act, "court", "forged", "letter 8").unwrap();
    }
    drop(journal);
    let (code, lines, said) = replay(&installation, &["--journal", other.to_str().unwrap()]);
    assert_eq!(code, 1, "{said}");
    assert_eq!(lines.len(), answers.len());
    let differs = lines.iter().filter(|line| line["verdict"] == "differs");
    let held = differs
        .clone()
        .find(|line| line["scenario"] == "rail.ticket");
    let held = held.expect("an answer under the hold");
    assert_ne!(held["recorded"], held["decided"]);
    assert!(lines.iter().all(|line| line["verdict"] != "cannot"));
    assert!(differs.count() >= 4);
    let journal = ["--journal", other.to_str().unwrap(), "--faults-only"];
    let (_, faults, _) = replay(&installation, &journal);
    assert!(faults.len() < answers.len() && !faults.is_empty());
}

#[test]
fn a_run_of_screening_is_decided_again_too() {
    let installation = Installation::new();
    let rows = format!(
        "name,citizen_id\n张三丰,{}\n李明,{}\n",
        number_of_zhang(),
        other_number()
    );
    std::fs::write(installation.path("in.csv"), rows).unwrap();
    let mut command = hecha();
    command.args(["screen", "--scenario", "rail.ticket", "--kind", "person"]);
    command.args(["--attr", "train_class=G", "--attr", "seat_class=second"]);
    command.args(["--client", "everything", "--config"]);
    command.arg(installation.config());
    command.arg("--in").arg(installation.path("in.csv"));
    command.arg("--out").arg(installation.path("out.csv"));
    command.arg("--log").arg(installation.path("run"));
    let (code, output) = run(&mut command);
    assert_eq!(code, 0, "{output:?}");
    let mut command = hecha();
    command.args(["log", "replay", "--json", "--config"]);
    command.arg(installation.path("hecha.toml"));
    let (code, output) = run(command.arg(installation.path("run")));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(code, 0, "{text}");
    assert_eq!(text.matches("\"verdict\":\"equal\"").count(), 2, "{text}");
}
