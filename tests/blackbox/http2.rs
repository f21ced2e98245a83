//! HTTP/2: the same answers, and peers that flood are cut off or cost little.

use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Http2, PING, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, block, frame,
};
use crate::harness::{Installation, Server, ticket, until};
use crate::http::{Connection, Request};
use serde_json::json;

/// What one wicked connection may add to the memory of the gateway; generous.
const MORE_BYTES_MAX: u64 = 50 << 20;

fn serve(more: &str) -> (Installation, Server) {
    let mut installation = Installation::new();
    installation.more_config = format!("http2 = true\n{more}");
    let server = installation.serve();
    (installation, server)
}

fn get(path: &str) -> [(&str, &str); 4] {
    [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "hecha"),
    ]
}

#[test]
fn answers_are_those_of_http_1() {
    let (installation, server) = serve("");
    let token = &installation.token;
    let mut http2 = Http2::to(server.checks, b"");
    let ticket = ticket().to_string();
    let many = json!({"checks": [{"scenario": "none"}, {}, 7]}).to_string();
    let scan = json!({"scenario": "none", "text": "x"}).to_string();
    for (path, body) in [
        ("/livez", None),
        ("/readyz", None),
        ("/nowhere", None),
        ("/v1/check", None),
        ("/v1/check", Some("{}")),
        ("/v1/check", Some("{")),
        (
            "/v1/check",
            Some("{\"scenario\":\"rail.ticket\",\"colour\":1}"),
        ),
        ("/v1/checks", Some(&*many)),
        ("/v1/scan", Some(&*scan)),
        ("/v1/feedback", Some("{}")),
    ] {
        let request = match body {
            Some(body) => Request::post(path, body),
            None => Request::get(path).header("Content-Type", "application/json"),
        };
        let by_http1 = request.token(token).send(server.checks);
        let (status, body) = http2.ask(path, token, body);
        assert_eq!(status, by_http1.status, "{path}");
        assert_eq!(body, by_http1.body, "{path}");
    }
    let by_http1 = Request::post("/v1/check", ticket.clone())
        .token(token)
        .send(server.checks);
    let (status, body) = http2.ask("/v1/check", token, Some(&ticket));
    assert_eq!(status, 200);
    // Only check_id and place in the log are its own; they have a fixed length and place.
    let without_id = |body: &[u8]| {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let (own, rest) = text.split_once(",\"decision\"").unwrap();
        assert!(own.starts_with("{\"check_id\":\""), "{own}");
        (own.len(), rest.to_owned())
    };
    assert_eq!(without_id(&body), without_id(&by_http1.body));
    assert_eq!(http2.ask("/v1/check", "nobody", Some(&ticket)).0, 401);
    // By its length, before a byte of the body.
    let mut fields = get("/v1/check").to_vec();
    fields[0].1 = "POST";
    fields.push(("content-length", "65537"));
    let stream = http2.begin(&fields, 0);
    assert_eq!(http2.answer(stream).unwrap().0, 413);
    assert_eq!(http2.ask("/livez", token, None).0, 200);
}

#[test]
fn http_1_is_spoken_on_the_same_port_and_http_2_only_where_it_is_on() {
    let (installation, server) = serve("");
    for request in [
        Request::get("/livez"),
        Request::get("/livez").method("POST"),
    ] {
        let mut bytes = request.bytes();
        bytes.extend_from_slice(&Request::get("/livez").bytes());
        let mut connection = Connection::to(server.checks);
        // Byte by byte: the first ones decide.
        for byte in &bytes {
            connection.send(&[*byte]);
        }
        assert!(matches!(connection.read().unwrap().status, 200 | 405));
        assert_eq!(connection.read().unwrap().status, 200);
    }
    drop(server);
    let mut off = installation;
    off.more_config = String::new();
    let server = off.serve();
    let mut http2 = Http2::to(server.checks, b"");
    assert!(http2.answer(1).is_none());
}

fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() << 10
}

/// Lets `flood` do its worst beside a good peer; it must end, or cost little.
#[track_caller]
fn survives(what: &str, more: &str, flood: impl FnOnce(&Server, &str)) {
    let (installation, server) = serve(more);
    let token = &installation.token;
    let ticket = ticket().to_string();
    let mut good = Http2::to(server.checks, b"");
    assert_eq!(good.ask("/v1/check", token, Some(&ticket)).0, 200);
    let before = memory(&server);
    flood(&server, token);
    let added = memory(&server).saturating_sub(before);
    println!("{what}: {} KiB more", added >> 10);
    assert!(added < MORE_BYTES_MAX, "{what}: {added} bytes more");
    assert_eq!(good.ask("/v1/check", token, Some(&ticket)).0, 200);
    let mut other = Http2::to(server.checks, b"");
    assert_eq!(other.ask("/v1/check", token, Some(&ticket)).0, 200);
    assert_eq!(server.metric("hecha_panics_total"), 0.0);
    drop((good, other));
    until("every connection is gone", || {
        server.metric("hecha_connections{listener=\"check\"}") < 1.0
    });
}

/// Sends the same bytes until the peer closes; fails where it takes `times` of them.
fn until_closed(http2: &mut Http2, bytes: &[u8], times: usize) {
    let piece = bytes.repeat(8);
    // Nobody reads what comes back: the other side has to notice by itself.
    let closed = (0..times / 8).any(|_| !http2.send(&piece));
    assert!(closed, "still open after {times} frames");
}

#[test]
fn requests_that_are_broken_off_at_once_end_the_connection() {
    survives("rapid reset", "", |server, _| {
        let mut http2 = Http2::to(server.checks, b"");
        let cancel = 8u32.to_be_bytes();
        let closed = (0..20_000u32).any(|place| {
            let stream = 2 * place + 1;
            let mut bytes = frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                stream,
                &block(&get("/livez")),
            );
            bytes.extend_from_slice(&frame(RST_STREAM, 0, stream, &cancel));
            !http2.send(&bytes)
        });
        assert!(closed || http2.ends(), "20,000 resets were taken");
    });
}

#[test]
fn requests_that_wait_for_bodies_and_are_broken_off_end_the_connection() {
    survives("reset while read", "", |server, token| {
        let mut http2 = Http2::to(server.checks, b"");
        let bearer = format!("Bearer {token}");
        let mut fields = get("/v1/check").to_vec();
        fields[0].1 = "POST";
        fields.extend([
            ("authorization", &*bearer),
            ("content-type", "application/json"),
        ]);
        let cancel = 8u32.to_be_bytes();
        let block = block(&fields);
        let closed = (0..20_000u32).any(|place| {
            let stream = 2 * place + 1;
            let mut bytes = frame(HEADERS, END_HEADERS, stream, &block);
            bytes.extend_from_slice(&frame(DATA, 0, stream, b"{"));
            let begun = http2.send(&bytes);
            !begun || !http2.send(&frame(RST_STREAM, 0, stream, &cancel))
        });
        assert!(closed, "20,000 resets were taken");
    });
}

#[test]
fn resets_that_a_peer_makes_us_send_end_the_connection() {
    survives("server-made resets", "", |server, _| {
        let mut http2 = Http2::to(server.checks, b"");
        let closed = (0..20_000u32).any(|place| {
            let stream = 2 * place + 1;
            let mut bytes = frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                stream,
                &block(&get("/livez")),
            );
            // A window of no bytes more is an error of the stream.
            bytes.extend_from_slice(&frame(WINDOW_UPDATE, 0, stream, &[0; 4]));
            !http2.send(&bytes)
        });
        assert!(closed, "20,000 faults were taken");
    });
}

#[test]
fn heads_without_end_end_the_connection() {
    survives("continuation flood", "", |server, _| {
        let mut http2 = Http2::to(server.checks, b"");
        http2.send(&frame(HEADERS, 0, 1, &block(&get("/livez"))));
        let more = frame(CONTINUATION, 0, 1, &block(&[("x", &"a".repeat(1_000))]));
        until_closed(&mut http2, &more, 200_000);
    });
    survives("empty continuations", "", |server, _| {
        let mut http2 = Http2::to(server.checks, b"");
        http2.send(&frame(HEADERS, 0, 1, &block(&get("/livez"))));
        until_closed(&mut http2, &frame(CONTINUATION, 0, 1, b""), 2_000_000);
    });
}

#[test]
fn frames_that_ask_for_nothing_end_the_connection() {
    for (what, bytes) in [
        ("ping flood", frame(PING, 0, 0, &[7; 8])),
        ("settings flood", frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9])),
        ("empty settings flood", frame(SETTINGS, 0, 0, b"")),
        ("window flood", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("priority flood", frame(2, 0, 1, &[0, 0, 0, 3, 9])),
        ("unknown frames", frame(0xEE, 0, 0, &[1; 100])),
    ] {
        survives(what, "", |server, _| {
            let mut http2 = Http2::to(server.checks, b"");
            until_closed(&mut http2, &bytes, 2_000_000);
        });
    }
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    survives("header list", "", |server, token| {
        let mut http2 = Http2::to(server.checks, b"");
        let mut fields = get("/livez").to_vec();
        let long = "a".repeat(3_000);
        fields.extend([("x", &*long); 8]);
        let block = block(&fields);
        let (first, rest) = block.split_at(16_000);
        http2.send(&frame(HEADERS, END_STREAM, 1, first));
        http2.send(&frame(CONTINUATION, END_HEADERS, 1, rest));
        let answer = http2.answer(1);
        assert!(answer.is_none_or(|(status, _)| status == 431));
        drop(http2);
        // Half of a head, over and over: an index that is large when unpacked.
        let mut http2 = Http2::to(server.checks, b"");
        assert_eq!(http2.ask("/livez", token, None).0, 200);
    });
}

#[test]
fn a_peer_that_opens_no_window_is_cut_off() {
    let more = "idle_timeout_ms = 500\n";
    survives_slowly("tiny windows", more, |server, token| {
        // A window of one byte.
        let mut http2 = Http2::to(server.checks, &[0, 4, 0, 0, 0, 1]);
        let bearer = format!("Bearer {token}");
        let mut fields = get("/v1/check").to_vec();
        fields[0].1 = "POST";
        fields.extend([
            ("authorization", &*bearer),
            ("content-type", "application/json"),
        ]);
        let body = ticket().to_string();
        for _ in 0..90 {
            let stream = http2.begin(&fields, 0);
            http2.send(&frame(DATA, END_STREAM, stream, body.as_bytes()));
        }
        http2.ends();
    });
}

#[test]
fn requests_that_never_end_are_answered_as_too_slow() {
    let more = "body_timeout_ms = 300\nidle_timeout_ms = 1500\n";
    survives_slowly("half-open requests", more, |server, token| {
        let mut http2 = Http2::to(server.checks, b"");
        let bearer = format!("Bearer {token}");
        let mut fields = get("/v1/check").to_vec();
        fields[0].1 = "POST";
        fields.extend([
            ("authorization", &*bearer),
            ("content-type", "application/json"),
        ]);
        let streams: Vec<u32> = (0..90).map(|_| http2.begin(&fields, 0)).collect();
        let answer = http2.answer(streams[0]);
        assert!(answer.is_none_or(|(status, _)| status == 408));
        // And the connection, on which nothing is asked any more, is closed.
        http2.ends();
    });
}

/// As `survives`, where good connections are closed by the same small limits.
#[track_caller]
fn survives_slowly(what: &str, more: &str, flood: impl FnOnce(&Server, &str)) {
    let (installation, server) = serve(more);
    let token = &installation.token;
    let before = memory(&server);
    flood(&server, token);
    let added = memory(&server).saturating_sub(before);
    println!("{what}: {} KiB more", added >> 10);
    assert!(added < MORE_BYTES_MAX, "{what}: {added} bytes more");
    let mut good = Http2::to(server.checks, b"");
    assert_eq!(
        good.ask("/v1/check", token, Some(&ticket().to_string())).0,
        200
    );
}

#[test]
fn more_requests_at_once_than_are_allowed_are_refused_one_by_one() {
    survives("streams", "", |server, token| {
        let mut http2 = Http2::to(server.checks, b"");
        let bearer = format!("Bearer {token}");
        let mut fields = get("/v1/check").to_vec();
        fields[0].1 = "POST";
        fields.extend([
            ("authorization", &*bearer),
            ("content-type", "application/json"),
        ]);
        let streams: Vec<u32> = (0..101).map(|_| http2.begin(&fields, 0)).collect();
        assert!(http2.answer(streams[100]).is_none(), "beyond the limit");
        let body = ticket().to_string();
        http2.send(&frame(DATA, END_STREAM, streams[0], body.as_bytes()));
        assert_eq!(http2.answer(streams[0]).unwrap().0, 200);
    });
}
