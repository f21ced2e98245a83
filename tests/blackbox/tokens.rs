//! Tokens and certificates of units: given, running out, taken away, all without a restart.

use crate::authority::{Authority, Identity};
use crate::harness::{Installation, Server, hecha, now, run, ticket, until};
use crate::http::{Connection, Request};
use hecha::seal::token;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// `hecha client` on the installation's file; what it prints.
pub fn hecha_client(installation: &Installation, arguments: &[&str]) -> String {
    let config = installation.config();
    let mut command = hecha();
    command.arg("client").args(arguments);
    let (code, output) = run(command.arg("--config").arg(config));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code, 0, "{arguments:?}: {said}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

fn status(server: &Server, token: &str) -> u16 {
    server.ask(token, &ticket()).status
}

fn question(token: &str) -> Request {
    Request::post("/v1/check", ticket().to_string()).token(token)
}

/// An installation whose callers may show certificates of this authority.
fn with_certificates() -> (Installation, Authority) {
    let mut installation = Installation::new();
    let authority = Authority::new();
    authority.server().write(&installation.path(""), "server");
    std::fs::write(installation.path("ca.pem"), authority.pem()).unwrap();
    installation.more_config = "tls_cert_file = \"server.pem\"\ntls_key_file = \"server.key\"\n\
                                tls_client_ca_file = \"ca.pem\"\n\
                                tls_client_auth = \"optional\"\n"
        .to_owned();
    (installation, authority)
}

#[test]
fn both_tokens_count_while_one_replaces_the_other() {
    let installation = Installation::new();
    let server = installation.serve();
    let add = ["add", "--unit", "rail", "--scenario", "*"];
    let first = hecha_client(&installation, &add);
    until("the new unit is known", || status(&server, &first) == 200);
    let second = hecha_client(&installation, &["rotate", "rail"]);
    until("the second token counts", || {
        status(&server, &second) == 200
    });
    assert_eq!(status(&server, &first), 200);
    hecha_client(
        &installation,
        &["rotate", "rail", "--overlap-days", "0", "--drop-oldest"],
    );
    until("the old ones are gone", || status(&server, &second) == 401);
    assert_eq!(status(&server, &first), 401);
}

#[test]
fn a_token_runs_out_in_the_middle_of_a_connection() {
    let installation = Installation::new();
    let server = installation.serve();
    let path = installation.path("clients.toml");
    let others = std::fs::read_to_string(&path).unwrap();
    let mut connection = Connection::to(server.checks);
    // On a slow machine it may have run out before the file was looked at: then a longer one.
    let lasts = [3, 6, 12, 24].into_iter().find_map(|seconds| {
        let secret = format!("hecha_short_{seconds}");
        let end = now().plus_seconds(seconds);
        let record = format!(
            "{others}\n[[client]]\nunit = \"short\"\nkind = \"enterprise\"\nscenarios = \
             [\"*\"]\nroles = [\"checker\"]\ntokens = [{{ sha256 = \"{}\", expires = \
             \"{end}\" }}]\n",
            token::hash(&secret).to_hex()
        );
        std::fs::write(&path, record).unwrap();
        let mut is_known = false;
        until("the token counts, or is too late", || {
            is_known = question(&secret).send_over(&mut connection).unwrap().status == 200;
            is_known || now() >= end
        });
        is_known.then_some((secret, end))
    });
    let (secret, end) = lasts.expect("one counted before it ran out");
    assert!(server.metric("hecha_units_token_ending") >= 1.0);
    until("the token has run out", || {
        question(&secret).send_over(&mut connection).unwrap().status == 401
    });
    assert!(now() >= end, "not before its moment");
    assert_eq!(status(&server, &installation.token), 200);
}

#[test]
fn a_revoked_token_is_refused_on_connections_that_are_open() {
    let installation = Installation::new();
    let leaked = installation.client("leaked", |_| ());
    let server = installation.serve();
    let done = AtomicBool::new(false);
    let after = AtomicU64::new(0);
    let traffic = |token: &str| {
        let mut connection = Connection::to(server.checks);
        let mut is_refused = false;
        while !done.load(Ordering::Relaxed) {
            let status = question(token).send_over(&mut connection).unwrap().status;
            assert!(status == 401 || (status == 200 && !is_refused), "{status}");
            is_refused |= status == 401;
            after.fetch_add(u64::from(is_refused), Ordering::Relaxed);
        }
        is_refused
    };
    std::thread::scope(|scope| {
        let of_leaked = [(); 2].map(|()| scope.spawn(|| traffic(&leaked)));
        let of_others = scope.spawn(|| traffic(&installation.token));
        until("there is traffic", || status(&server, &leaked) == 200);
        hecha_client(&installation, &["revoke", "leaked", "--all"]);
        until("the token is refused for a while", || {
            after.load(Ordering::Relaxed) > 20
        });
        done.store(true, Ordering::Relaxed);
        for one in of_leaked {
            assert!(one.join().unwrap());
        }
        assert!(!of_others.join().unwrap(), "nobody else notices");
    });
    assert_eq!(status(&server, &leaked), 401);
}

#[test]
fn a_stream_of_lines_ends_when_its_token_is_revoked() {
    let installation = Installation::new();
    let leaked = installation.client("leaked", |_| ());
    let server = installation.serve();
    let head = Request::post("/v1/checks", "")
        .token(&leaked)
        .without("Content-Type")
        .header("Content-Type", "application/x-ndjson")
        .header("Transfer-Encoding", "chunked");
    let mut connection = Connection::to(server.checks);
    connection.send(&head.bytes());
    let line = format!("{}\n", ticket());
    let chunk = format!("{:x}\r\n{line}\r\n", line.len());
    connection.send(chunk.as_bytes());
    until("a line is answered", || {
        connection.seen().contains("\"decision\":\"block\"")
    });
    hecha_client(&installation, &["revoke", "leaked", "--all"]);
    until("the token is refused", || status(&server, &leaked) == 401);
    connection.send(chunk.as_bytes());
    until("the stream ends with 401", || {
        connection.seen().contains("\"status\":401")
    });
}

#[test]
fn a_faulty_file_changes_nothing_and_is_counted() {
    let installation = Installation::new();
    let server = installation.serve();
    let path = installation.path("clients.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let refused = "hecha_reloads_total{result=\"refused\"}";
    let reload = |token: &str| {
        let request = Request::post("/v1/clients/reload", "").token(token);
        request.without("Content-Type").send(server.ops)
    };
    assert_eq!(reload(&installation.token).json(), json!({"units": 1}));
    std::fs::write(&path, format!("{text}\nnonsense")).unwrap();
    until("the fault is seen", || server.metric(refused) >= 1.0);
    assert_eq!(status(&server, &installation.token), 200);
    let answer = reload(&installation.token);
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(answer.text().contains("clients.toml"), "{}", answer.text());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(reload(&installation.token).status, 409);
    assert_eq!(status(&server, &installation.token), 200);
    // What is asked for is done before the answer.
    std::fs::write(&path, &text).unwrap();
    let other = installation.client("other", |_| ());
    assert_eq!(reload(&installation.token).json(), json!({"units": 2}));
    assert_eq!(status(&server, &other), 200);
}

#[test]
fn a_certificate_alone_or_beside_a_token_says_who_asks() {
    let (installation, authority) = with_certificates();
    let [alone, both, unknown] = [(); 3].map(|()| authority.client());
    alone.write(&installation.path(""), "alone");
    let file = installation.path("alone.pem");
    let add = [
        "add",
        "--unit",
        "alone",
        "--scenario",
        "*",
        "--no-token",
        "--certificate",
    ];
    hecha_client(
        &installation,
        &[&add[..], &[file.to_str().unwrap()]].concat(),
    );
    let token = installation.client("both", |record| {
        record.certificate_sha256 = Some(vec![both.hash()]);
    });
    let server = installation.serve();
    let status = |identity: Option<&Identity>, token: Option<&str>| {
        let mut request = Request::post("/v1/check", ticket().to_string());
        if let Some(token) = token {
            request = request.token(token);
        }
        let mut connection = authority.caller(identity).connect(server.checks);
        request.send_over(&mut connection).unwrap().status
    };
    assert_eq!(status(Some(&alone), None), 200);
    assert_eq!(status(Some(&both), Some(&token)), 200);
    assert_eq!(status(None, Some(&installation.token)), 200);
    assert_eq!(status(Some(&unknown), Some(&installation.token)), 200);
    for (identity, token) in [
        (None, None),
        (Some(&unknown), None),
        (Some(&both), None),
        (None, Some(&*token)),
        (Some(&alone), Some(&*token)),
        (Some(&unknown), Some(&*token)),
        (Some(&alone), Some("wrong")),
    ] {
        assert_eq!(status(identity, token), 401);
    }
    // Taken out of the record: refused on a connection that is open.
    let mut open = authority.caller(Some(&alone)).connect(server.checks);
    let plain = Request::post("/v1/check", ticket().to_string());
    assert_eq!(plain.send_over(&mut open).unwrap().status, 200);
    let hash = alone.hash();
    hecha_client(&installation, &["certificate", "alone", "--remove", &hash]);
    until("the certificate is refused", || {
        plain.send_over(&mut open).unwrap().status == 401
    });
}

#[test]
fn stewards_and_admins_bring_a_second_factor_where_it_is_asked_for() {
    let (mut installation, authority) = with_certificates();
    installation.more_config += "ops_second_factor = \"certificate\"\n";
    let identity = authority.client();
    let two = installation.client("two", |record| {
        record.certificate_sha256 = Some(vec![identity.hash()]);
    });
    let server = installation.serve();
    let status = |path: &str, identity: Option<&Identity>, token: &str| {
        let mut connection = authority.caller(identity).connect(server.ops);
        let request = Request::get(path).token(token);
        let answer = request.send_over(&mut connection).unwrap();
        (answer.status, answer.body)
    };
    let one = &*installation.token;
    assert_eq!(status("/v1/snapshot", Some(&identity), &two).0, 200);
    let refused = status("/v1/snapshot", None, one);
    assert_eq!(refused.0, 403);
    // A certificate that is not the unit's own is no second factor.
    assert_eq!(status("/v1/snapshot", Some(&identity), one), refused);
    assert_eq!(status("/v1/measures", None, one).0, 200);
    // The same words as for a unit that has no such role.
    let auditor = installation.client("auditor", |record| {
        record.roles = vec!["auditor".to_owned()];
    });
    until("the auditor is known", || {
        status("/v1/measures", None, &auditor).0 == 200
    });
    assert_eq!(status("/v1/snapshot", None, &auditor), refused);
}
