//! `/v1/checks` line by line: each line answered before the next one is sent, and what strangers
//! may not do with it.

use crate::harness::{Installation, Server, other_number, ticket, ticket_of, until};
use crate::http::Request;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A stream under way: a chunked body out, a chunked body in.
struct Stream {
    socket: TcpStream,
    unread: Vec<u8>,
    text: Vec<u8>,
    has_head: bool,
    is_over: bool,
}

impl Stream {
    fn open(server: &Server, token: &str) -> Self {
        let mut socket = TcpStream::connect(server.checks).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        socket.set_nodelay(true).unwrap();
        let head = format!(
            "POST /v1/checks HTTP/1.1\r\nHost: hecha\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        Self {
            socket,
            unread: Vec::new(),
            text: Vec::new(),
            has_head: false,
            is_over: false,
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        // A server that has closed already is seen when its answer is read.
        let _ = self.socket.write_all(&chunk);
    }

    fn end(&mut self) {
        let _ = self.socket.write_all(b"0\r\n\r\n");
    }

    /// The next line of the answer; `None` at its end.
    fn line(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            if self.is_over || !self.take_piece() {
                return None;
            }
        }
    }

    fn ask(&mut self, question: &Value) -> Value {
        self.send(format!("{question}\n").as_bytes());
        self.line().expect("an answer")
    }

    /// Takes the head or one chunk out of what has arrived; false where the peer has closed.
    fn take_piece(&mut self) -> bool {
        loop {
            let ending: &[u8] = if self.has_head { b"\r\n" } else { b"\r\n\r\n" };
            let found = self
                .unread
                .windows(ending.len())
                .position(|window| window == ending);
            if let Some(end) = found {
                let head = String::from_utf8(self.unread[..end].to_vec()).unwrap();
                let behind = end + ending.len();
                if !self.has_head {
                    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
                    assert!(head.contains("application/x-ndjson"), "{head}");
                    self.has_head = true;
                    self.unread.drain(..behind);
                    continue;
                }
                let length = usize::from_str_radix(&head, 16).unwrap();
                if self.unread.len() >= behind + length + 2 {
                    self.text
                        .extend_from_slice(&self.unread[behind..behind + length]);
                    self.unread.drain(..behind + length + 2);
                    self.is_over = length == 0;
                    return true;
                }
            }
            let mut piece = [0; 16 << 10];
            match self.socket.read(&mut piece) {
                Ok(0) | Err(_) => return false,
                Ok(read) => self.unread.extend_from_slice(&piece[..read]),
            }
        }
    }
}

#[test]
fn each_line_is_answered_before_the_next_one_is_sent() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut stream = Stream::open(&server, &installation.token);
    let first = stream.ask(&ticket());
    assert_eq!(
        (&first["decision"], &first["level"]),
        (&"block".into(), &"disk".into())
    );
    assert_eq!(
        stream.ask(&ticket_of("李四", &other_number()))["decision"],
        "clear"
    );
    // In pieces, with blank lines, several at once, the last one without an end.
    let text = ticket().to_string();
    let (head, tail) = text.as_bytes().split_at(20);
    stream.send(head);
    stream.send(tail);
    stream.send(b"\r\n\n  \n");
    assert_eq!(stream.line().unwrap()["decision"], "block");
    stream.send(format!("{text}\n{text}\n{text}").as_bytes());
    stream.end();
    for _ in 0..3 {
        assert_eq!(stream.line().unwrap()["decision"], "block");
    }
    assert_eq!(stream.line(), None);
    assert!(stream.is_over, "the answer has its end");
    let kept = installation.log(&["--check-id", first["check_id"].as_str().unwrap()]);
    assert_eq!(kept.len(), 1, "each line has its record");
}

#[test]
fn a_faulty_line_has_its_own_problem_and_ends_nothing() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut stream = Stream::open(&server, &installation.token);
    let mut faulty = |line: &[u8], status: u16, field: Option<&str>| {
        stream.send(&[line, b"\n"].concat());
        let problem = stream.line().unwrap();
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["field"].as_str(), field, "{problem}");
    };
    faulty(b"{", 400, None);
    faulty(b"[]", 400, None);
    faulty(b"{\"scenario\":\"\xff\"}", 400, None);
    faulty(b"{\"scenario\":\"x\"}", 422, Some("scenario"));
    let mut other = ticket();
    other["subject"]["ids"][0]["number"] = "1".into();
    faulty(
        other.to_string().as_bytes(),
        422,
        Some("subject.ids[0].number"),
    );
    faulty(&vec![b'x'; 65_537], 413, None);
    faulty(&vec![b'x'; 1 << 20], 413, None);
    assert_eq!(stream.ask(&ticket())["decision"], "block");
    assert_eq!(
        server.metric("hecha_overlay_acts"),
        0.0,
        "the gateway is well"
    );
}

#[test]
fn an_act_takes_effect_on_the_very_next_line() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut stream = Stream::open(&server, &installation.token);
    assert_eq!(stream.ask(&ticket())["decision"], "block");
    let body = serde_json::json!({"reason": "wrong person", "reference": "letter 7"});
    let act = Request::post("/v1/entries/fz-court-1/withdraw", body.to_string())
        .token(&installation.token)
        .send(server.ops);
    assert_eq!(act.status, 200, "{}", act.text());
    assert_eq!(stream.ask(&ticket())["decision"], "clear");
}

#[test]
fn a_stream_has_limits_of_lines_and_time() {
    let mut installation = Installation::new();
    installation.more_config = "stream_lines_max = 2\nbody_timeout_ms = 200\n\
                                idle_timeout_ms = 600\n"
        .to_owned();
    let server = installation.serve();
    let token = &installation.token;
    let mut many = Stream::open(&server, token);
    let line = ticket().to_string();
    many.send(format!("{line}\n{line}\n{line}\n{line}\n").as_bytes());
    let found: Vec<Value> = std::iter::from_fn(|| many.line()).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[1]["decision"], "block");
    assert_eq!(found[2]["status"], 413);
    // Half a line has the time of a body, the time between lines that of an idle connection.
    let mut slow = Stream::open(&server, token);
    slow.send(b"{\"scenario\":");
    assert_eq!(slow.line().unwrap()["status"], 408);
    assert_eq!(slow.line(), None);
    let mut idle = Stream::open(&server, token);
    assert_eq!(idle.ask(&ticket())["decision"], "block");
    assert_eq!(idle.line().unwrap()["status"], 408);
    assert_eq!(idle.line(), None);
}

#[test]
fn a_caller_who_goes_away_leaves_nothing_behind() {
    let installation = Installation::new();
    let server = installation.serve();
    let open = "hecha_connections{listener=\"check\"}";
    for _ in 0..3 {
        let mut stream = Stream::open(&server, &installation.token);
        assert_eq!(stream.ask(&ticket())["decision"], "block");
        // Cut inside a line, with answers not yet read.
        let line = ticket().to_string();
        stream.send(format!("{line}\n{line}\n{{\"scen").as_bytes());
    }
    until("the connections are gone", || server.metric(open) == 0.0);
    assert_eq!(
        server.ask(&installation.token, &ticket()).decision(),
        "block"
    );
}

#[test]
fn who_may_not_ask_gets_no_stream() {
    let installation = Installation::new();
    let server = installation.serve();
    let lines = |token: &str, media_type: &str| {
        Request::post("/v1/checks", "{}\n")
            .without("Content-Type")
            .header("Content-Type", media_type)
            .token(token)
    };
    let ndjson = "application/x-ndjson";
    assert_eq!(lines("x", ndjson).send(server.checks).status, 401);
    let token = &installation.token;
    assert_eq!(
        lines(token, ndjson)
            .method("PUT")
            .send(server.checks)
            .status,
        405
    );
    let foreign = format!("{ndjson}; charset=gb18030");
    assert_eq!(lines(token, &foreign).send(server.checks).status, 415);
    assert_eq!(
        lines(token, "application/x-ndjsonx")
            .send(server.checks)
            .status,
        415
    );
}

#[test]
fn a_stream_ends_when_the_gateway_stops() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut stream = Stream::open(&server, &installation.token);
    assert_eq!(stream.ask(&ticket())["decision"], "block");
    server.signal("TERM");
    assert_eq!(stream.line().unwrap()["status"], 503);
    assert_eq!(stream.line(), None);
    let mut server = server;
    assert!(server.wait().success());
}

#[test]
fn lines_beyond_the_rate_of_a_unit_wait_for_room() {
    let installation = Installation::new();
    let token = installation.client("lines", |record| {
        (record.rate, record.burst) = (Some(20), Some(1));
    });
    let server = installation.serve();
    let mut stream = Stream::open(&server, &token);
    stream.send(format!("{}\n", ticket()).repeat(6).as_bytes());
    stream.end();
    for _ in 0..6 {
        assert_eq!(stream.line().unwrap()["decision"], "block");
    }
    assert_eq!(stream.line(), None);
}
