//! One request in, at most one answer out: what can be read in two ways is refused and its
//! connection closed.
//!
//! The cases are `tests/data/smuggling.tsv`. The strict reader below is written apart from the
//! program: it sees all bytes at once and knows nothing but the grammar; the program may refuse
//! more than it does, never read more out of the same bytes.

use crate::harness::{Installation, Server, ticket};
use crate::http::{Answer, Connection};
use std::time::{SystemTime, UNIX_EPOCH};

const TABLE: &str = include_str!("../data/smuggling.tsv");
/// Callers at a time.
const CALLERS: usize = 16;
const LAST: &[u8] = b"GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/// What must come of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Refused,
    Answers(Vec<u16>),
}

struct Case {
    name: &'static str,
    wanted: Wanted,
    bytes: Vec<u8>,
}

fn cases() -> Vec<Case> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let case = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, wanted, bytes] = cells[..] else {
            panic!("not three cells: {line}");
        };
        let wanted = match wanted {
            "refused" => Wanted::Refused,
            all => Wanted::Answers(all.split(',').map(|one| one.parse().unwrap()).collect()),
        };
        let bytes = unescaped(bytes);
        Case {
            name,
            wanted,
            bytes,
        }
    };
    lines.map(case).collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let byte = match c {
            '\\' => match chars.next().unwrap() {
                'r' => b'\r',
                'n' => b'\n',
                't' => b'\t',
                '0' => 0,
                'x' => {
                    let digits: String = chars.by_ref().take(2).collect();
                    u8::from_str_radix(&digits, 16).unwrap()
                }
                other => panic!("no escape: {other}"),
            },
            plain => u8::try_from(plain).unwrap(),
        };
        out.push(byte);
    }
    out
}

fn replaced(bytes: &[u8], mark: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(by);
        rest = &rest[at + mark.len()..];
    }
    out.extend_from_slice(rest);
    out
}

fn filled(bytes: &[u8], token: &str) -> Vec<u8> {
    let body = ticket().to_string();
    let length = body.len().to_string();
    let chunk = format!("{:x}\r\n{body}\r\n", body.len());
    let headers = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
    let bytes = replaced(bytes, b"~A", headers.as_bytes());
    let bytes = replaced(&bytes, b"~L", length.as_bytes());
    let bytes = replaced(&bytes, b"~K", chunk.as_bytes());
    replaced(&bytes, b"~B", body.as_bytes())
}

fn impatient() -> (Installation, Server) {
    let mut installation = Installation::new();
    installation.more_config = "header_timeout_ms = 600\nbody_timeout_ms = 600\n\
                                idle_timeout_ms = 1200\n"
        .to_owned();
    let server = installation.serve();
    (installation, server)
}

/// Every final answer until the connection is closed.
fn answers(server: &Server, bytes: &[u8]) -> Vec<Answer> {
    let mut connection = Connection::to(server.checks);
    connection.send(bytes);
    rest(&mut connection)
}

fn rest(connection: &mut Connection) -> Vec<Answer> {
    let all = std::iter::from_fn(|| connection.read());
    all.filter(|answer| answer.status >= 200).collect()
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

#[test]
fn one_request_in_at_most_one_answer_out() {
    let (installation, server) = impatient();
    let cases = cases();
    assert!(cases.len() >= 90);
    // Some wait until the gateway gives up: many at a time.
    std::thread::scope(|scope| {
        for some in cases.chunks(cases.len().div_ceil(CALLERS)) {
            let (server, token) = (&server, &installation.token);
            scope.spawn(move || {
                for case in some {
                    is_read_as_meant(server, token, case);
                }
            });
        }
    });
}

#[track_caller]
fn is_read_as_meant(server: &Server, token: &str, case: &Case) {
    let name = case.name;
    let refused = |got: &[u16]| {
        // A peer that is cut off may see a reset before its answer.
        got.len() <= 1 && got.iter().all(|status| (400..500).contains(status))
    };
    let bytes = filled(&case.bytes, token);
    let got = statuses(&answers(server, &[&bytes, LAST].concat()));
    let Wanted::Answers(wanted) = &case.wanted else {
        assert!(refused(&got), "{name}: {got:?}");
        // In pieces it is read the same.
        let mut connection = Connection::to(server.checks);
        for piece in bytes.chunks(bytes.len().div_ceil(3)) {
            connection.send(piece);
            std::thread::yield_now();
        }
        let got = statuses(&rest(&mut connection));
        assert!(refused(&got), "{name} in pieces: {got:?}");
        return;
    };
    let mut wanted = wanted.clone();
    wanted.push(200);
    assert_eq!(got, wanted, "{name}");
}

#[test]
fn a_refusal_says_what_to_do() {
    let (_installation, server) = impatient();
    let text =
        b"POST /v1/check HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1";
    let got = answers(&server, text);
    if let [answer] = &got[..] {
        assert_eq!(answer.status, 400);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("Content-Length"), "{detail}");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert!(server.metric("hecha_problems_total{kind=\"malformed\"}") >= 1.0);
}

/// How a strict reader leaves a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Between two requests.
    Whole,
    /// Inside a request that may become a good one.
    Partial,
    /// It would not read on.
    Ambiguous,
}

/// Requests that a strict reader finds in `bytes`, and how it ends.
fn strict(mut bytes: &[u8]) -> (usize, Tail) {
    let mut requests = 0;
    loop {
        if requests > 0 || bytes.starts_with(b"\r\n") {
            bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
        }
        if bytes.is_empty() {
            return (requests, Tail::Whole);
        }
        match strict_one(bytes) {
            Ok(Some((length, closes))) => {
                requests += 1;
                if closes {
                    return (requests, Tail::Whole);
                }
                bytes = &bytes[length..];
            }
            Ok(None) => return (requests, Tail::Partial),
            Err(()) => return (requests, Tail::Ambiguous),
        }
    }
}

/// Length of the first request and whether it is the last; `None`: more must come.
fn strict_one(bytes: &[u8]) -> Result<Option<(usize, bool)>, ()> {
    let mut lines: Vec<&[u8]> = Vec::new();
    let mut at = 0;
    loop {
        let Some(end) = bytes[at..].iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let line = bytes[at..at + end].strip_suffix(b"\r").ok_or(())?;
        at += end + 1;
        if line
            .iter()
            .any(|byte| byte.is_ascii_control() && *byte != b'\t')
        {
            return Err(());
        }
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let first = std::str::from_utf8(lines.first().ok_or(())?).map_err(|_| ())?;
    let words: Vec<&str> = first.split(' ').collect();
    let [method, target, version] = words[..] else {
        return Err(());
    };
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_target = target.bytes().all(|byte| (0x21..0x7F).contains(&byte));
    if !is_method || !is_target || !["HTTP/1.1", "HTTP/1.0"].contains(&version) {
        return Err(());
    }
    let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
    for line in &lines[1..] {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(())?;
        let name = String::from_utf8(line[..colon].to_vec()).map_err(|_| ())?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(());
        }
        fields.push((
            name.to_ascii_lowercase(),
            line[colon + 1..].trim_ascii().to_vec(),
        ));
    }
    let all = |name: &str| -> Vec<&[u8]> {
        let found = fields.iter().filter(|(field, _)| field == name);
        found.map(|(_, value)| &value[..]).collect()
    };
    let hosts = all("host");
    let is_host = |value: &&[u8]| {
        let fits = |b: &u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(b);
        !value.is_empty() && value.iter().all(fits)
    };
    let is_named = hosts.iter().all(is_host);
    if !is_named || hosts.len() > 1 || (hosts.is_empty() && version == "HTTP/1.1") {
        return Err(());
    }
    let is_whole = target == "*" && method == "OPTIONS";
    if !(target.starts_with('/') || is_whole) {
        let host = std::str::from_utf8(hosts.first().ok_or(())?).map_err(|_| ())?;
        let rest = target.strip_prefix("http://");
        let rest = rest.or(target.strip_prefix("https://")).ok_or(())?;
        let named = rest.split(['/', '?', '#']).next().unwrap();
        if !named.eq_ignore_ascii_case(host) {
            return Err(());
        }
    }
    let says = |word: &str| {
        let mut words = all("connection")
            .into_iter()
            .flat_map(|v| v.split(|b| *b == b','));
        words.any(|found| found.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    };
    let closes = says("close") || (version == "HTTP/1.0" && !says("keep-alive"));
    let (lengths, encodings) = (all("content-length"), all("transfer-encoding"));
    let is_read = ["GET", "HEAD"].contains(&method);
    let length = match (&lengths[..], &encodings[..]) {
        ([], []) => 0,
        ([length], []) => {
            let is_plain = (1..=15).contains(&length.len());
            let is_plain = is_plain && length.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(length).ok().filter(|_| is_plain);
            text.and_then(|text| text.parse::<usize>().ok()).ok_or(())?
        }
        ([], [b"chunked"]) if version == "HTTP/1.1" && !is_read => {
            let length = strict_chunks(&bytes[at..])?;
            return Ok(length.map(|length| (at + length, closes)));
        }
        _ => return Err(()),
    };
    if is_read && length > 0 {
        return Err(());
    }
    let end = at.checked_add(length).ok_or(())?;
    Ok((bytes.len() >= end).then_some((end, closes)))
}

fn strict_chunks(bytes: &[u8]) -> Result<Option<usize>, ()> {
    let mut at = 0;
    loop {
        let Some(end) = bytes[at..].iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let line = bytes[at..at + end].strip_suffix(b"\r").ok_or(())?;
        let text = std::str::from_utf8(line).map_err(|_| ())?;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(());
        }
        let size = usize::from_str_radix(text, 16).map_err(|_| ())?;
        at += end + 1;
        let behind = at.checked_add(size).ok_or(())?;
        match bytes.get(behind..) {
            None | Some([] | [b'\r']) => return Ok(None),
            Some([b'\r', b'\n', ..]) => at = behind + 2,
            Some(_) => return Err(()),
        }
        if size == 0 {
            return Ok(Some(at));
        }
    }
}

#[test]
fn the_strict_reader_reads_the_cases_as_they_are_meant() {
    for case in cases() {
        let (name, (requests, tail)) = (case.name, strict(&filled(&case.bytes, "t")));
        match case.wanted {
            Wanted::Answers(all) => {
                assert_eq!((requests, tail), (all.len(), Tail::Whole), "{name}")
            }
            Wanted::Refused => assert_ne!(tail, Tail::Whole, "{name} {requests}"),
        }
    }
}

/// A small generator; the seed is in the message of a failure.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    fn mutated(&mut self, cases: &[Case], token: &str) -> Vec<u8> {
        const TASTY: &[&[u8]] = &[
            b"\r",
            b"\n",
            b"\r\n",
            b" ",
            b"\t",
            b"\0",
            b":",
            b",",
            b";",
            b"0",
            b"1",
            b"+",
            b"-",
            b"\r\n ",
            b"\n\n",
            b"\x7F",
            b"\xFF",
            b"Host: x\r\n",
            b"Content-Length: 5\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Expect: 100-continue\r\n",
            b"0\r\n\r\n",
            b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n",
        ];
        let pick = |dice: &mut Self| filled(&cases[dice.below(cases.len())].bytes, token);
        let mut bytes = pick(self);
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] = self.below(256) as u8,
                1 => drop(bytes.remove(at)),
                2 => {
                    let piece = TASTY[self.below(TASTY.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
                3 => {
                    // Before a header, where it may tell.
                    let line = bytes[at..].windows(2).position(|two| two == b"\r\n");
                    let at = line.map_or(at, |line| at + line + 2);
                    let piece = TASTY[self.below(TASTY.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
                _ => {
                    let other = pick(self);
                    let from = self.below(other.len());
                    let until = (from + self.below(30)).min(other.len());
                    bytes.splice(at..at, other[from..until].iter().copied());
                }
            }
        }
        bytes.extend_from_slice(LAST);
        bytes
    }
}

#[test]
fn nothing_is_read_out_of_any_bytes_that_a_strict_reader_would_not_read() {
    let (installation, server) = impatient();
    let wanted = std::env::var("HECHA_TEST_SMUGGLING").ok();
    let rounds: usize = wanted.map_or(60, |rounds| rounds.parse().unwrap());
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = seed.as_nanos() as u64 | 1;
    let cases = &cases();
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let (server, token) = (&server, &installation.token);
            scope.spawn(move || {
                let mut dice = Dice(seed.wrapping_mul(2 * thread + 1) | 1);
                for _ in 0..rounds {
                    let bytes = dice.mutated(cases, token);
                    let text = bytes.escape_ascii().to_string();
                    let (requests, tail) = strict(&bytes);
                    let got = statuses(&answers(server, &bytes));
                    let shown = format!("seed {seed} {requests} {tail:?} {got:?} {text}");
                    assert!(got.len() <= requests + 1, "{shown}");
                    let beyond = got.get(requests).is_none_or(|s| (400..500).contains(s));
                    assert!(beyond, "{shown}");
                    assert!(got.iter().all(|status| *status < 500), "{shown}");
                    // It may refuse more than the reader does; then that is its last answer.
                    let is_short = got.len() < requests;
                    let ends = got.last().is_none_or(|status| (400..500).contains(status));
                    assert!(!is_short || ends, "{shown}");
                }
            });
        }
    });
    let alive = answers(&server, LAST);
    assert_eq!(statuses(&alive), [200]);
}
