//! What strangers may not do: be slow, large, many.

use crate::harness::{Installation, ticket, until};
use crate::http::{Connection, Request};
use std::time::{Duration, Instant};

/// Far more than any limit set here, far less than the limits by default.
const SOON: Duration = Duration::from_secs(8);

fn impatient() -> Installation {
    let mut installation = Installation::new();
    installation.more_config = "header_timeout_ms = 200\nbody_timeout_ms = 200\n\
                                idle_timeout_ms = 400\nconnections_max = 3\n"
        .to_owned();
    installation
}

#[test]
fn a_head_that_trickles_in_is_cut_off() {
    let installation = impatient();
    let server = installation.serve();
    let mut connection = Connection::to(server.checks);
    let start = Instant::now();
    connection.send(b"POST /v1/check HTTP/1.1\r\nHo");
    assert!(connection.is_closed());
    assert!(start.elapsed() < SOON);
}

#[test]
fn a_body_that_does_not_come_is_answered_with_408() {
    let installation = impatient();
    let server = installation.serve();
    let request = Request::post("/v1/check", ticket().to_string()).token(&installation.token);
    let bytes = request.bytes();
    let mut connection = Connection::to(server.checks);
    let start = Instant::now();
    connection.send(&bytes[..bytes.len() - 5]);
    assert_eq!(connection.read().unwrap().status, 408);
    assert!(connection.is_closed());
    assert!(start.elapsed() < SOON);
}

#[test]
fn an_idle_connection_is_closed_and_a_used_one_is_kept() {
    let installation = impatient();
    let server = installation.serve();
    let request = Request::post("/v1/check", ticket().to_string()).token(&installation.token);
    let mut connection = Connection::to(server.checks);
    for _ in 0..3 {
        connection.send(&request.bytes());
        assert_eq!(connection.read().unwrap().decision(), "block");
    }
    let start = Instant::now();
    assert!(connection.is_closed());
    assert!(start.elapsed() < SOON);
}

#[test]
fn a_body_that_is_too_large_is_refused_by_its_length_and_while_it_is_read() {
    let installation = Installation::new();
    let server = installation.serve();
    let large = vec![b' '; 65_537];
    let stated = Request::post("/v1/check", large.clone()).token(&installation.token);
    let mut connection = Connection::to(server.checks);
    let head_end = stated.bytes().len() - large.len();
    connection.send(&stated.bytes()[..head_end]);
    assert_eq!(
        connection.read().unwrap().status,
        413,
        "before a byte of the body"
    );
    assert!(connection.is_closed());
    let mut chunk = format!("{:x}\r\n", large.len()).into_bytes();
    chunk.extend_from_slice(&large);
    chunk.extend_from_slice(b"\r\n0\r\n\r\n");
    let unstated = Request::post("/v1/check", chunk)
        .header("Transfer-Encoding", "chunked")
        .token(&installation.token);
    assert_eq!(unstated.send(server.checks).status, 413);
    let mut fits = ticket().to_string().into_bytes();
    fits.resize(65_536, b' ');
    let fits = Request::post("/v1/check", fits).token(&installation.token);
    assert_eq!(fits.send(server.checks).decision(), "block");
}

#[test]
fn heads_that_are_too_large_or_too_many_are_refused() {
    let installation = Installation::new();
    let server = installation.serve();
    // Where bytes are left unread the system may reset the connection before the answer is seen.
    let refused = |request: &Request| {
        let mut connection = Connection::to(server.checks);
        connection.send(&request.bytes());
        assert!(connection.read().is_none_or(|answer| answer.status == 431));
        assert!(connection.is_closed());
    };
    refused(&Request::get("/healthz").header("X-Long", &"a".repeat(20_000)));
    let mut many = Request::get("/healthz");
    for place in 0..80 {
        many = many.header(&format!("X-{place}"), "a");
    }
    refused(&many);
    assert_eq!(Request::get("/healthz").send(server.checks).status, 200);
}

#[test]
fn connections_beyond_the_cap_are_told_so() {
    let mut installation = Installation::new();
    installation.more_config = "connections_max = 3\n".to_owned();
    let server = installation.serve();
    let health = Request::get("/healthz").bytes();
    let mut open: Vec<Connection> = (0..3)
        .map(|_| {
            let mut connection = Connection::to(server.checks);
            connection.send(&health);
            assert_eq!(connection.read().unwrap().status, 200);
            connection
        })
        .collect();
    let mut surplus = Connection::to(server.checks);
    surplus.send(&health);
    let refused = surplus.read().unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    assert!(surplus.is_closed());
    assert!(server.metric("hecha_connections_refused_total") >= 1.0);
    open.pop();
    until("there is room again", || {
        let mut connection = Connection::to(server.checks);
        connection.send(&health);
        connection.read().is_some_and(|answer| answer.status == 200)
    });
}
