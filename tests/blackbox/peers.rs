//! Slow peers: each is closed in the time that is stated, and the others notice nothing.
//!
//! Small by default; `HECHA_TEST_PEERS=9990` has as many idle connections (raise the limit of open
//! files first).

use crate::harness::{Installation, Server, hecha, ticket, until};
use crate::http::{Connection, Request};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Far more than any limit set here, far less than the limits by default.
const SOON: Duration = Duration::from_secs(9);

fn impatient(more: &str) -> Installation {
    let mut installation = Installation::new();
    installation.more_config =
        format!("header_timeout_ms = 200\nbody_timeout_ms = 300\nidle_timeout_ms = 400\n{more}");
    installation
}

/// Sends a byte every now and then until the peer closes; how long that took.
fn trickle(server: &Server, first: &[u8], more: u8) -> Duration {
    let mut stream = TcpStream::connect(server.checks).unwrap();
    stream.write_all(first).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let start = Instant::now();
    loop {
        assert!(
            start.elapsed() < SOON,
            "a peer that trickles is not cut off"
        );
        if stream.write_all(&[more]).is_err() {
            return start.elapsed();
        }
        match stream.read(&mut [0; 4_096]) {
            Ok(0) => return start.elapsed(),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                return start.elapsed();
            }
            _ => (),
        }
    }
}

#[test]
fn heads_and_bodies_that_trickle_in_are_cut_off_although_bytes_move() {
    let installation = impatient("");
    let server = installation.serve();
    trickle(&server, b"GET /livez HTTP/1.1\r\nHost: h\r\nX: ", b'a');
    trickle(&server, b"G", b'E');
    let token = &installation.token;
    let check = Request::post("/v1/check", vec![b' '; 60_000]).token(token);
    trickle(&server, &check.bytes()[..500], b' ');
    let many = Request::post("/v1/checks", vec![b' '; 60_000]).token(token);
    trickle(&server, &many.bytes()[..500], b' ');
    let scan = Request::post("/v1/scan", vec![b' '; 60_000]).token(token);
    trickle(&server, &scan.bytes()[..500], b' ');
    let line = format!(
        "POST /v1/checks HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: 60000\r\n\r\n{{"
    );
    trickle(&server, line.as_bytes(), b' ');
    assert_eq!(server.ask(token, &ticket()).decision(), "block");
}

/// Many answers asked for and none read.
fn greedy(token: &str) -> Vec<u8> {
    let checks: Vec<_> = (0..1_000).map(|_| ticket()).collect();
    let body = json!({ "checks": checks }).to_string();
    Request::post("/v1/checks", body).token(token).bytes()
}

#[test]
fn who_does_not_read_is_cut_off() {
    let installation = impatient("");
    let server = installation.serve();
    let request = greedy(&installation.token);
    let mut stream = TcpStream::connect(server.checks).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    // As many as fit into the buffers between us; answers are longer than questions.
    while stream.write_all(&request).is_ok() {}
    until("the connection is gone", || {
        server.metric("hecha_connections{listener=\"check\"}") < 1.0
    });
}

#[test]
fn who_reads_byte_by_byte_is_cut_off() {
    let installation = impatient("");
    let server = installation.serve();
    let request = greedy(&installation.token);
    let mut stream = TcpStream::connect(server.checks).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    while stream.write_all(&request).is_ok() {}
    let start = Instant::now();
    until("the connection is gone", || {
        assert!(start.elapsed() < SOON, "it is still served");
        // Some of what was sent is still to be read here, whatever the gateway does.
        let _ = stream.read(&mut [0; 1]);
        server.metric("hecha_connections{listener=\"check\"}") < 1.0
    });
}

#[test]
fn idle_connections_stand_in_nobodys_way_and_are_closed() {
    let wanted = std::env::var("HECHA_TEST_PEERS").ok();
    let count: usize = wanted.map_or(200, |count| count.parse().unwrap());
    let mut installation = impatient("");
    // Long enough that all are there before the first is closed.
    let idle_ms = 400 + count as u64;
    installation.more_config = format!("idle_timeout_ms = {idle_ms}\n");
    let server = installation.serve();
    let token = &installation.token;
    let idle: Vec<TcpStream> = (0..count)
        .map(|_| TcpStream::connect(server.checks).unwrap())
        .collect();
    let mut good = Connection::to(server.checks);
    let request = Request::post("/v1/check", ticket().to_string()).token(token);
    let open = || server.metric("hecha_connections{listener=\"check\"}");
    loop {
        good.send(&request.bytes());
        assert_eq!(good.read().unwrap().decision(), "block");
        if open() <= 1.0 {
            break;
        }
    }
    for mut stream in idle {
        assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    }
}

#[test]
fn few_file_descriptors_turn_some_away_and_the_rest_is_served() {
    // Fewer than fit into the descriptors and the backlog together, so that connecting never waits.
    let installation = Installation::new();
    let config = installation.config();
    let program = hecha().get_program().to_owned();
    let mut limited = std::process::Command::new("/bin/sh");
    limited.env_clear().env("PATH", "/usr/bin:/bin");
    limited.args(["-c", "ulimit -n 256; exec \"$0\" serve --config \"$1\""]);
    let server = Server::start(limited.arg(program).arg(config));
    let token = &installation.token;
    let mut good = Connection::to(server.checks);
    let request = Request::post("/v1/check", ticket().to_string()).token(token);
    let mut ask = || {
        good.send(&request.bytes());
        assert_eq!(good.read().unwrap().decision(), "block");
    };
    ask();
    let mut idle: Vec<TcpStream> = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(server.checks).unwrap());
        ask();
    }
    drop(idle);
    until("there are descriptors again", || {
        let mut connection = Connection::to(server.checks);
        connection.send(&request.bytes());
        connection.read().is_some_and(|answer| answer.status == 200)
    });
}

#[test]
fn who_goes_away_while_its_record_is_on_the_way_leaves_a_note() {
    let installation = Installation::new();
    let server = installation.serve();
    let request = Request::post("/v1/check", ticket().to_string()).token(&installation.token);
    let is_done = AtomicBool::new(false);
    // A block waits for the disk; somewhere on the way there this peer has gone.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let mut stream = TcpStream::connect(server.checks).unwrap();
                let _ = stream.write_all(&request.bytes());
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        until("an answer found nobody", || {
            server.metric("hecha_unanswered_total") >= 1.0
        });
        is_done.store(true, Ordering::Relaxed);
    });
    server.stop();
    let log = installation.log(&[]);
    let notes = log.iter().filter(|record| record["kind"] == "unanswered");
    for note in notes {
        let check_id = &note["check_id"];
        let of_check = |record: &&serde_json::Value| {
            record["kind"] == "check" && record["check_id"] == *check_id
        };
        assert!(log.iter().any(|record| of_check(&record)), "{note}");
    }
}
