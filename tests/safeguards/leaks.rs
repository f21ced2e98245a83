//! S38: ten thousand checks with known numbers, and none of them anywhere in clear.

use crate::harness::{Installation, Server, files_below, hecha, now};
use crate::http::{Connection, Request};
use crate::people::{citizen, court, g_train, person, with};
use aho_corasick::AhoCorasick;
use hecha::identifier::synthetic;
use serde_json::{Value, json};
use std::fs::File;
use std::path::PathBuf;

const CHECKS: usize = 10_000;

pub fn records() -> Vec<Value> {
    Vec::new()
}

/// A number of its own for each check.
fn number(n: usize) -> String {
    let day = i8::try_from(n / 1_000 + 1).unwrap();
    synthetic::citizen_id(990_107, (1983, 4, day), u16::try_from(n % 1_000).unwrap())
}

/// A well-formed or malformed body that has number `n` somewhere, and its forms in it.
fn body(n: usize) -> String {
    let number = number(n);
    let good = g_train(person("左丘明镜", &number));
    let wrong_end = if number.ends_with('1') { '2' } else { '1' };
    let subject = |number: &str| g_train(person("左丘明镜", number));
    let changed = match n % 12 {
        0 => subject(&format!("{}{wrong_end}", &number[..17])),
        1 => subject(&format!(
            "{} {}-{}",
            &number[..6],
            &number[6..14],
            &number[14..]
        )),
        2 => subject(&number[..17]),
        3 => with(
            good,
            json!({"purpose": format!("为{number}购票"), "reference": number}),
        ),
        4 => with(good, json!({"subject": {"kind": "person", "name": number}})),
        5 => with(good, json!({ number.as_str(): number })),
        6 => with(good, json!({ "scenario": number })),
        7 => with(
            good,
            json!({"attributes": {"train_class": number, "seat_class": "second"}}),
        ),
        8 => with(
            good,
            json!({"exemption": {"kind": "court_permit", "reference": number}}),
        ),
        9 => return format!("{{\"subject\": {number}"),
        _ => good,
    };
    changed.to_string()
}

/// Asks number `first`, then every second.
fn ask_half(server: &Server, token: &str, first: usize) -> usize {
    let mut connection = Connection::to(server.checks);
    let mut refused = 0;
    for n in (first..CHECKS).step_by(2) {
        let request = Request::post("/v1/check", body(n)).token(token);
        connection.send(&request.bytes());
        let answer = match connection.read() {
            Some(answer) => answer,
            None => panic!("closed at {n}"),
        };
        refused += usize::from(answer.status != 200);
        if answer.header("connection") == Some("close") {
            connection = Connection::to(server.checks);
        }
        if n % 100 == first && answer.status == 200 {
            let note = json!({"check_id": answer.check_id(), "action": "enforced",
                              "note": format!("shown {}", number(n))});
            let said = Request::post("/v1/feedback", note.to_string()).token(token);
            assert_eq!(said.send(server.checks).status, 201);
        }
    }
    refused
}

#[test]
fn s38_nothing_private_leaks() {
    let mut installation = Installation::new();
    // Invented people of one region: the unit is watched and not stopped.
    installation.more_config = "enumeration = \"watch\"\n".to_owned();
    let listed: Vec<Value> = (0..CHECKS)
        .step_by(500)
        .map(|n| court(&format!("s38-{n}"), person("左丘明镜", &number(n + 11))))
        .collect();
    installation.publish(listed);
    let said = installation.path("said");
    let config = installation.config();
    let mut command = hecha();
    command.arg("serve").arg("--config").arg(config);
    let server = Server::start_saying(&mut command, File::create(&said).unwrap().into());
    let token = &installation.token;
    let refused: usize = std::thread::scope(|scope| {
        let halves = [0, 1].map(|first| {
            scope.spawn({
                let server = &server;
                move || ask_half(server, token, first)
            })
        });
        halves.into_iter().map(|half| half.join().unwrap()).sum()
    });
    assert!(
        refused > CHECKS / 4 && refused < CHECKS,
        "{refused} were refused"
    );
    let act = json!({"reason": format!("not {}", number(11)), "reference": "letter 1"});
    let path = format!("/v1/entries/{}/withdraw", "s38-0");
    assert_eq!(
        crate::world::operate(&server, token, &path, act).status,
        200
    );
    let asked = format!("/v1/entries/{}", number(11));
    Request::get(&asked).token(token).send(server.ops);
    let metrics = Request::get("/metrics").send(server.ops).text();
    std::fs::write(installation.path("metrics"), metrics).unwrap();
    assert!(server.stop().success());
    let printed = installation.log(&[]);
    assert!(printed.len() > CHECKS / 4 * 3, "{} records", printed.len());
    let printed = json!(printed).to_string();
    std::fs::write(installation.path("printed"), printed).unwrap();
    let found = found_in(&files_below(&installation.path("")));
    assert!(
        found.is_empty(),
        "{} places: {:?}",
        found.len(),
        &found[..found.len().min(20)]
    );
}

/// Numbers that stand in files, as UTF-8 or UTF-16 of either order, whole or but for the end.
fn found_in(files: &[PathBuf]) -> Vec<String> {
    let mut patterns: Vec<Vec<u8>> = Vec::new();
    for n in 0..CHECKS {
        // Its first seventeen characters: what is shown is at most the last four.
        let whole = number(n);
        let text = &whole[..17];
        let units = || text.encode_utf16();
        patterns.push(text.as_bytes().to_vec());
        patterns.push(units().flat_map(u16::to_le_bytes).collect());
        patterns.push(units().flat_map(u16::to_be_bytes).collect());
        patterns.push(format!("{} {}-{}", &text[..6], &text[6..14], &text[14..]).into_bytes());
    }
    let finder = AhoCorasick::new(&patterns).unwrap();
    let mut found = Vec::new();
    for file in files {
        let bytes = std::fs::read(file).unwrap();
        for hit in finder.find_iter(&bytes) {
            let form = hit.pattern().as_usize() % 4;
            let n = hit.pattern().as_usize() / 4;
            found.push(format!(
                "{} of check {n}, form {form}, kind {}",
                file.display(),
                n % 12
            ));
        }
    }
    found
}

#[test]
fn s38_the_search_for_leaks_finds_what_is_there() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("leak");
    let utf16: Vec<u8> = number(4_321)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(&path, [number(1_234).as_bytes(), &utf16].concat()).unwrap();
    assert_eq!(found_in(&[path]).len(), 2);
    assert!(citizen(1) != number(1) && now().0 > 0);
}
