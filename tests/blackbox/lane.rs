//! A check is answered alike whoever reads it: by hand, as nearly all are, or by hyper.

use crate::harness::{Installation, Server, ticket};
use crate::http::{Answer, Connection, Request};
use serde_json::Value;
use std::net::TcpStream;

/// Sends a request so that hyper reads it: its head says something that only hyper understands.
fn by_hyper(request: &Request) -> Request {
    request.clone().header("Connection", "keep-alive, x-other")
}

/// What of an answer does not depend on when and where it was recorded.
fn lasting(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let mut body = answer.json();
    for field in ["check_id", "log_index"] {
        if let Some(value) = body.get_mut(field) {
            *value = Value::Null;
        }
    }
    let mut headers = answer.headers.clone();
    // How long to stay away is drawn anew each time.
    let is_lasting = |name: &str| !["date", "content-length", "retry-after"].contains(&name);
    headers.retain(|(name, _)| is_lasting(name));
    (answer.status, headers, body)
}

fn resident_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let figure = line.and_then(|line| line.split_ascii_whitespace().nth(1));
    figure.unwrap().parse().unwrap()
}

fn both(server: &Server, request: &Request) -> [Answer; 2] {
    [request.clone(), by_hyper(request)].map(|request| request.send(server.checks))
}

#[test]
fn answers_and_refusals_are_the_same_by_hand_and_by_hyper() {
    let installation = Installation::new();
    let server = installation.serve();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let check = Request::post("/v1/check", ticket().to_string()).token(&installation.token);
    for (request, status) in [
        (check.clone(), 200),
        (check.clone().header("Accept-Language", "en"), 200),
        (check.clone().header("traceparent", trace), 200),
        (check.clone().header("traceparent", "00-1"), 200),
        (check.clone().header("hecha-operator", "吴"), 200),
        (check.clone().header("hecha-operator", ""), 422),
        (check.clone().header("request-timeout-ms", "0"), 503),
        (check.clone().without("Authorization"), 401),
        (check.clone().without("Content-Type"), 415),
        (
            Request::post("/v1/check", "{").token(&installation.token),
            400,
        ),
        (
            Request::post("/v1/check", "{}").token(&installation.token),
            422,
        ),
    ] {
        let [by_hand, by_hyper] = both(&server, &request);
        assert_eq!(by_hand.status, status, "{}", by_hand.text());
        let (by_hand, by_hyper) = (lasting(&by_hand), lasting(&by_hyper));
        assert_eq!(by_hand, by_hyper);
    }
}

#[test]
fn requests_in_a_row_are_answered_in_order_whoever_reads_them() {
    let installation = Installation::new();
    let server = installation.serve();
    let check = Request::post("/v1/check", ticket().to_string()).token(&installation.token);
    let faulty = Request::post("/v1/check", "{").token(&installation.token);
    let alive = Request::get("/livez");
    let mut bytes = Vec::new();
    for request in [&check, &faulty, &check, &alive, &check] {
        bytes.extend_from_slice(&request.bytes());
    }
    for piece in [1, 7, 64, bytes.len()] {
        let mut connection = Connection::to(server.checks);
        for piece in bytes.chunks(piece) {
            connection.send(piece);
        }
        let statuses: Vec<u16> = (0..5).map(|_| connection.read().unwrap().status).collect();
        assert_eq!(statuses, [200, 400, 200, 200, 200], "pieces of {piece}");
    }
}

#[test]
fn who_sends_many_at_once_and_reads_late_is_answered_each() {
    const REQUESTS: usize = 1_500;
    let installation = Installation::new();
    let server = installation.serve();
    let check = Request::post("/v1/check", ticket().to_string()).token(&installation.token);
    let bytes = check.bytes().repeat(REQUESTS);
    let stream = TcpStream::connect(server.checks).unwrap();
    let wait_max = Some(std::time::Duration::from_secs(20));
    stream.set_read_timeout(wait_max).unwrap();
    let mut sender = Connection::over(stream.try_clone().unwrap());
    let mut reader = Connection::over(stream);
    // Whatever is made once is there.
    assert_eq!(check.send(server.checks).status, 200);
    let before = resident_kib(&server);
    std::thread::scope(|scope| {
        scope.spawn(|| sender.send(&bytes));
        // Meanwhile both sides' buffers fill, and nothing else.
        std::thread::sleep(std::time::Duration::from_millis(500));
        let grown = resident_kib(&server).saturating_sub(before);
        assert!(grown < 32 << 10, "{grown} KiB more");
        for number in 0..REQUESTS {
            assert_eq!(reader.read().unwrap().status, 200, "request {number}");
        }
    });
}

#[test]
fn who_stops_sending_a_usual_request_is_cut_off_in_time() {
    let mut installation = Installation::new();
    installation.more_config =
        "header_timeout_ms = 200\nbody_timeout_ms = 200\nidle_timeout_ms = 400\n".to_owned();
    let server = installation.serve();
    let check = Request::post("/v1/check", ticket().to_string()).token(&installation.token);
    let bytes = check.bytes();
    let head = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let mut connection = Connection::to(server.checks);
    connection.send(&bytes[..head]);
    assert!(connection.is_closed(), "part of a head");
    let mut connection = Connection::to(server.checks);
    connection.send(&bytes[..bytes.len() - 1]);
    assert_eq!(connection.read().unwrap().status, 408, "part of a body");
    let mut connection = Connection::to(server.checks);
    connection.send(&bytes);
    assert_eq!(connection.read().unwrap().status, 200);
    assert!(connection.is_closed(), "idle");
}
