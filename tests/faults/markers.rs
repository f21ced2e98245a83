//! Markers go in through every input: list files, checks good and bad, headers, references,
//! purposes, notes, acts, paths, standard input, keys and tokens. Then every byte that was left
//! anywhere is searched, in clear and in the forms in which a program might write it.
//!
//! Where a marker may stand: numbers in the input files and in the output of `hecha screen`, which
//! repeats the rows it was given, and in the memory of the live process; names in the same places,
//! and those of listed people in snapshots and answers; keys in their own files; tokens nowhere.

use crate::installation::{Installation, Server, UNIT};
use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hecha::identifier::synthetic;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Files that hold what was put in, and may: inputs, keys, rows repeated by `hecha screen`.
const MAY_HOLD: [&str; 8] = [
    "list.ndjson",
    "list.csv",
    "rows.csv",
    "decided.csv",
    "clients.toml",
    "snapshot.key",
    "log.key",
    "signing.key",
];

/// Names of nobody listed: they stand nowhere.
const ASKED: [&str; 2] = ["钟离寻踪", "澹台问迹"];

/// What is looked for, and what it is.
struct Marker {
    what: String,
    bytes: Vec<u8>,
}

/// Numbers, each used in one way or another.
fn number(n: u16) -> String {
    synthetic::citizen_id(990_108, (1984, 5, 6), 100 + n)
}

fn record(n: u16, change: impl FnOnce(&mut Value)) -> String {
    let mut record = json!({
        "entry_id": format!("m-{n}"), "list": "court-defaulter",
        "subject": {"kind": "person", "name": "公冶名册",
                    "ids": [{"type": "citizen_id", "number": number(n)}]},
        "conduct": format!("与{}有关", number(n + 40)),
        "case_no": format!("(2025)测9901执{n}号"), "authority": "测试区人民法院",
        "supplier": "测试省高级人民法院", "submitted_at": "2025-03-11T09:00:00+08:00",
        "in_force_from": "2025-03-10", "disclosure": "public", "status": "in_force",
    });
    change(&mut record);
    record.to_string() + "\n"
}

/// The list: good records, and one for each way to be left out.
fn list() -> String {
    let wrong_end = |n: u16| {
        format!(
            "{}{}",
            &number(n)[..17],
            if number(n).ends_with('1') { 2 } else { 1 }
        )
    };
    let mut text: String = (0..4).map(|n| record(n, |_| ())).collect();
    text += &record(4, |r| {
        r["subject"]["ids"][0]["number"] = json!(wrong_end(4))
    });
    text += &record(5, |r| r["entry_id"] = json!(number(5)));
    text += &record(6, |r| r["case_no"] = json!(format!("案{}", number(6))));
    text += &record(7, |r| r["blood_type"] = json!(number(7)));
    text += &record(8, |r| r[number(8)] = json!(number(8)));
    text += &record(9, |r| r["list"] = json!(number(9)));
    text += &record(10, |r| r["submitted_at"] = json!(number(10)));
    text += &record(11, |r| r["subject"]["birth_date"] = json!(number(11)));
    text += &record(12, |r| r["subject"] = json!(number(12)));
    text += &format!("{{\"entry_id\": \"{}\n", number(13));
    text
}

fn csv() -> String {
    let head = "entry_id,list,kind,name,citizen_id,case_no,authority,supplier,submitted_at,\
                in_force_from,disclosure,status\n";
    let row = |n: u16, number: &str| {
        format!(
            "c-{n},court-defaulter,person,公冶名册,{number},(2025)测9901执9{n}号,测试区人民法院,\
             测试省高级人民法院,2025-03-11T09:00:00+08:00,2025-03-10,public,in_force\n"
        )
    };
    let broken = format!("{}X", &number(15)[..17]);
    [
        head,
        &row(14, &number(14)),
        &row(15, &broken),
        &row(16, &number(16)[..15]),
    ]
    .concat()
}

struct Place {
    installation: Installation,
    left: PathBuf,
}

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.installation.path(name)
    }

    /// A command; what it says on both streams is kept to be searched.
    fn run(&self, name: &str, arguments: &[&OsStr], input: &str) -> i32 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hecha"))
            .args(arguments)
            .current_dir(self.path(""))
            .stdin(Stdio::piped())
            .stdout(File::create(self.left.join(format!("{name}.out"))).unwrap())
            .stderr(File::create(self.left.join(format!("{name}.err"))).unwrap())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait().unwrap().code().unwrap()
    }

    fn text(&self, name: &str, arguments: &[&str], input: &str) -> i32 {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        self.run(name, &arguments, input)
    }

    fn keep(&self, name: &str, bytes: &[u8]) {
        fs::write(self.left.join(name), bytes).unwrap();
    }
}

/// Every command that reads what is private.
fn commands(place: &Place) {
    fs::write(place.path("list.ndjson"), list()).unwrap();
    fs::write(place.path("list.csv"), csv()).unwrap();
    let build = [
        "build",
        "list.ndjson",
        "list.csv",
        "--out",
        "list.hecha",
        "--key",
        "snapshot.key",
    ];
    let built = place.text(
        "build",
        &[&build[..], &["--environment", "test"]].concat(),
        "",
    );
    assert_eq!(
        built,
        3,
        "{}",
        fs::read_to_string(place.left.join("build.err")).unwrap()
    );
    assert_eq!(
        place.text("inspect", &["inspect", "list.hecha", "--deep"], ""),
        0
    );
    assert_eq!(
        place.text("new", &["key", "new", "--signing", "signing.key"], ""),
        0
    );
    let sign = [
        "sign",
        "list.hecha",
        "--key",
        "signing.key",
        "--as",
        "builder",
    ];
    place.text("sign", &sign, "");
    let publish = [
        "publish",
        "list.hecha",
        "--to",
        "snapshots",
        "--accept",
        "marker",
    ];
    assert_eq!(place.text("publish", &publish, ""), 0);
    let check = [
        "check",
        "--scenario",
        "rail.ticket",
        "--kind",
        "person",
        "--name",
        ASKED[0],
    ];
    let more = [
        "--attr",
        "train_class=G",
        "--attr",
        "seat_class=second",
        "--id",
        "citizen_id:-",
    ];
    let config = ["--config", "hecha.toml"];
    let check = [&check[..], &more, &config].concat();
    assert_eq!(place.text("check", &check, &number(20)), 0);
    place.text("check-bad", &check, &number(21)[..17]);
    let request = ["check", "--request", "-", "--config", "hecha.toml"];
    place.text("request", &request, &asked(22).to_string());
    place.text(
        "request-bad",
        &request,
        &format!("{{\"subject\": {}", number(23)),
    );
    let rows = format!(
        "name,citizen_id,reference\n{},{},{}\n{},{},x\n",
        ASKED[1],
        number(24),
        number(25),
        ASKED[1],
        &number(26)[..16],
    );
    fs::write(place.path("rows.csv"), rows).unwrap();
    let screen = [
        "screen",
        "--scenario",
        "rail.ticket",
        "--kind",
        "person",
        "--in",
        "rows.csv",
    ];
    let out = [
        "--attr",
        "train_class=G",
        "--attr",
        "seat_class=second",
        "--out",
        "decided.csv",
    ];
    let code = place.text("screen", &[&screen[..], &out, &config].concat(), "");
    assert_eq!(
        code,
        3,
        "{}",
        fs::read_to_string(place.left.join("screen.err")).unwrap()
    );
    let key = fs::read_to_string(place.path("log.key")).unwrap();
    place.text(
        "key-as-text",
        &["log", "recall", "m-0", "--key", key.trim()],
        "",
    );
    fs::write(
        place.path("bad.toml"),
        format!("log_key_file = \"{}\"\n", key.trim()),
    )
    .unwrap();
    assert_eq!(
        place.text("bad-config", &["serve", "--config", "bad.toml"], ""),
        2
    );
    fs::remove_file(place.path("bad.toml")).unwrap();
}

fn asked(n: u16) -> Value {
    json!({
        "scenario": "rail.ticket",
        "attributes": {"train_class": "G", "seat_class": "second"},
        "subject": {"kind": "person", "name": ASKED[0],
                    "ids": [{"type": "citizen_id", "number": number(n)}]},
        "related": [{"kind": "person", "name": ASKED[1],
                     "ids": [{"type": "citizen_id", "number": number(n + 1)}]}],
        "purpose": format!("为{}购票", number(n)),
        "reference": number(n),
    })
}

/// Bodies that are answered and bodies that are refused, each in its own way.
fn bodies() -> Vec<String> {
    let good = asked(50);
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body.to_string()
    };
    let mut listed = good.clone();
    listed["subject"]["ids"][0]["number"] = json!(number(1));
    listed["subject"]["name"] = json!("公冶名册");
    let mut unknown = good.clone();
    unknown[number(52)] = json!(number(52));
    vec![
        good.to_string(),
        listed.to_string(),
        unknown.to_string(),
        with("/scenario", json!(number(53))),
        with("/attributes/train_class", json!(number(54))),
        with("/subject/kind", json!(number(55))),
        with("/subject/name", json!(number(56))),
        with("/subject/name", json!(57)),
        with("/subject/ids/0/type", json!(number(58))),
        with("/subject/ids/0/number", json!(&number(59)[..17])),
        with("/subject/ids/0/number", json!([number(60)])),
        with(
            "/related/0/ids/0/number",
            json!(format!("{}*", &number(61)[..17])),
        ),
        with("/purpose", json!({"a": number(62)})),
        format!("{} trailing {}", good, number(63)),
        format!("{{\"subject\": {}", number(64)),
        format!("{{\"{0}\":1,\"{0}\":2}}", number(65)),
    ]
}

/// What goes in over HTTP; error bodies and metrics are kept.
fn over_http(place: &Place, server: &Server) {
    let installation = &place.installation;
    let mut caller = installation.caller(server).unwrap();
    let mut operator = installation.operator(server).unwrap();
    let mut said = Vec::new();
    let mut answered = 0;
    for body in bodies() {
        let reply = raw(&installation.token, server.listen, "/v1/check", &body);
        answered += usize::from(reply.starts_with("HTTP/1.1 200"));
        // An answer names the listed person; what is refused names nobody.
        if !reply.starts_with("HTTP/1.1 200") {
            said.push(reply);
        }
    }
    assert!(
        answered >= 2,
        "{answered} of the bodies were answered: {said:#?}"
    );
    let reply = caller.post("/v1/check", &asked(66)).unwrap().json();
    let note = json!({"check_id": reply["check_id"], "action": "released",
                      "note": format!("shown {}", number(67))});
    assert_eq!(caller.post("/v1/feedback", &note).unwrap().status, 201);
    let text = format!("投标人 {} 及 {}", number(68), ASKED[0]);
    let text = json!({"scenario": "rail.ticket", "text": text});
    said.push(String::from_utf8(caller.post("/v1/scan", &text).unwrap().body).unwrap());
    let act = json!({"reason": format!("not {}", number(69)), "reference": number(70)});
    let reply = operator.post("/v1/entries/m-0/withdraw", &act).unwrap();
    assert_eq!(
        reply.status,
        200,
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    let path = format!("/v1/entries/{}/withdraw", number(71));
    said.push(String::from_utf8(operator.post(&path, &act).unwrap().body).unwrap());
    let path = format!("/v1/{}?{}", number(72), number(73));
    said.push(String::from_utf8(operator.get(&path).unwrap().body).unwrap());
    let stranger = format!("hecha_{}", "7e57".repeat(16));
    said.push(raw(
        &stranger,
        server.listen,
        "/v1/check",
        &asked(74).to_string(),
    ));
    place.keep("errors", said.join("\n").as_bytes());
    place.keep("metrics", &operator.get("/metrics").unwrap().body);
    for file in ["cmdline", "environ"] {
        let bytes = fs::read(format!("/proc/{}/{file}", server.pid())).unwrap();
        place.keep(file, &bytes);
    }
}

/// A request with markers in its headers; the whole reply.
fn raw(token: &str, address: std::net::SocketAddr, path: &str, body: &str) -> String {
    use std::io::Read as _;
    let mut stream = TcpStream::connect(address).unwrap();
    let (number, length) = (number(75), body.len());
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: hecha\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nUser-Agent: {number}\r\nX-Subject: {number}\r\n\
         traceparent: 00-{number}-1-01\r\nIdempotency-Key: {number}\r\n\
         Accept-Language: {number}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

/// The forms in which a number might be written.
fn forms(what: &str, text: &str, markers: &mut Vec<Marker>) {
    let units = || text.encode_utf16();
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let mut put = |form: &str, bytes: Vec<u8>| {
        let what = format!("{what}, {form}");
        markers.push(Marker { what, bytes });
    };
    put("clear", text.as_bytes().to_vec());
    put("UTF-16 LE", units().flat_map(u16::to_le_bytes).collect());
    put("UTF-16 BE", units().flat_map(u16::to_be_bytes).collect());
    put("HEX", hex.to_uppercase().into_bytes());
    put("percent", percent.into_bytes());
    put("hex", hex.into_bytes());
    // In base64 the same text looks different at each of three places.
    for shift in 0..3 {
        let padded = [&b"   "[..shift], text.as_bytes()].concat();
        let coded = STANDARD.encode(padded);
        let from = if shift == 0 { 0 } else { 4 };
        let to = coded.len() - 4;
        put("base64", coded.as_bytes()[from..to].to_vec());
    }
}

fn all_markers(place: &Place) -> Vec<Marker> {
    let mut markers = Vec::new();
    for n in 0..120 {
        // All but the last character: at most the last four are shown.
        let whole = number(n);
        let text = &whole[..17];
        forms(&format!("number {n}"), text, &mut markers);
        for grouped in [
            format!("{} {} {}", &text[..6], &text[6..14], &text[14..]),
            format!("{}-{}-{}", &text[..6], &text[6..14], &text[14..]),
            format!(
                "{} {} {} {}",
                &text[..4],
                &text[4..8],
                &text[8..12],
                &text[12..16]
            ),
        ] {
            let what = format!("number {n}, grouped");
            markers.push(Marker {
                what,
                bytes: grouped.into_bytes(),
            });
        }
    }
    for name in ASKED {
        forms(name, name, &mut markers);
    }
    forms("token", &place.installation.token, &mut markers);
    forms(
        "stranger's token",
        &format!("hecha_{}", "7e57".repeat(16)),
        &mut markers,
    );
    for key in ["snapshot.key", "log.key", "signing.key"] {
        let text = fs::read_to_string(place.path(key)).unwrap();
        let digits = text.trim().rsplit(' ').next().unwrap();
        let byte = |pair| u8::from_str_radix(&digits[pair..pair + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..64).step_by(2).map(byte).collect();
        markers.push(Marker {
            what: format!("{key}, bytes"),
            bytes,
        });
        forms(key, digits, &mut markers);
    }
    markers
}

/// Where a marker stands in files.
fn found_in(files: &[PathBuf], markers: &[Marker]) -> Vec<String> {
    let finder = AhoCorasick::new(markers.iter().map(|marker| &marker.bytes)).unwrap();
    let mut found = Vec::new();
    for file in files {
        let bytes = fs::read(file).unwrap();
        for hit in finder.find_overlapping_iter(&bytes) {
            found.push(format!(
                "{}: {}",
                file.display(),
                markers[hit.pattern()].what
            ));
        }
    }
    found.dedup();
    found
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}

#[test]
fn nothing_that_was_marked_is_left_anywhere_in_clear() {
    let installation = Installation::new();
    let left = installation.path("left");
    fs::create_dir(&left).unwrap();
    let place = Place { installation, left };
    commands(&place);
    let server = place.installation.start();
    over_http(&place, &server);
    // Records are read back before and after the end.
    let query = ["log", "query", "--json", "state/log"];
    assert_eq!(place.text("query", &query, ""), 0);
    server.kill();
    assert_eq!(place.text("query-after", &query, ""), 0);
    place.text(
        "recall",
        &[
            "log",
            "recall",
            "m-0",
            "--log",
            "state/log",
            "--key",
            "log.key",
        ],
        "",
    );
    let printed = fs::read_to_string(place.left.join("query-after.out")).unwrap();
    assert!(
        printed.lines().count() > 15 && printed.contains(UNIT),
        "{printed}"
    );
    let markers = all_markers(&place);
    let files: Vec<PathBuf> = files_below(&place.path(""))
        .into_iter()
        .filter(|file| !MAY_HOLD.iter().any(|name| file.ends_with(name)))
        .collect();
    assert!(files.len() > 25, "{files:#?}");
    let found = found_in(&files, &markers);
    assert!(
        found.is_empty(),
        "{} places: {:#?}",
        found.len(),
        &found[..found.len().min(30)]
    );
    let bytes: u64 = files
        .iter()
        .map(|file| file.metadata().unwrap().len())
        .sum();
    println!(
        "{} markers, {} files of {bytes} bytes: none",
        markers.len(),
        files.len()
    );
    // The search finds what is there.
    let inputs = [
        place.path("list.ndjson"),
        place.path("rows.csv"),
        place.path("log.key"),
    ];
    assert!(found_in(&inputs, &markers).len() > 20);
}
