//! TLS on both listeners: who gets through the handshake, and what happens to those who do not.

use crate::authority::{Authority, Caller, Identity};
use crate::harness::{Installation, Server, ticket, until};
use crate::http::{Answer, Connection, Request};
use crate::tokens::hecha_client;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Far more than any limit set here, far less than the limits by default.
const SOON: Duration = Duration::from_secs(8);

struct World {
    installation: Installation,
    authority: Authority,
}

/// An installation with TLS; `more` are further lines of its configuration.
fn world(more: &str) -> World {
    let mut installation = Installation::new();
    let authority = Authority::new();
    authority.server().write(&installation.path(""), "server");
    std::fs::write(installation.path("ca.pem"), authority.pem()).unwrap();
    installation.more_config =
        format!("tls_cert_file = \"server.pem\"\ntls_key_file = \"server.key\"\n{more}");
    World {
        installation,
        authority,
    }
}

impl World {
    fn caller(&self, identity: Option<&Identity>) -> Caller {
        self.authority.caller(identity)
    }

    fn ask(&self, server: &Server, caller: &Caller) -> Option<Answer> {
        Request::post("/v1/check", ticket().to_string())
            .token(&self.installation.token)
            .send_over(&mut caller.connect(server.checks))
    }

    /// Value of a metric, with its labels as written.
    fn metric(&self, server: &Server, caller: &Caller, name: &str) -> f64 {
        let mut answer = None;
        // A handshake of ours may be too slow for a short limit on a busy machine.
        until("metrics are answered", || {
            answer = Request::get("/metrics").send_over(&mut caller.connect(server.ops));
            answer.is_some()
        });
        let text = answer.unwrap().text();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.unwrap_or_else(|| panic!("no {name} in {text}"));
        value.trim().parse().unwrap()
    }

    fn failed(&self, server: &Server, caller: &Caller, reason: &str) -> f64 {
        let name = format!("hecha_tls_handshakes_failed_total{{reason=\"{reason}\"}}");
        self.metric(server, caller, &name)
    }
}

#[test]
fn both_listeners_answer_over_tls_and_connections_are_kept() {
    let world = world("");
    let server = world.installation.serve();
    let caller = world.caller(None);
    let mut connection = caller.connect(server.checks);
    let request = Request::post("/v1/check", ticket().to_string());
    let request = request.token(&world.installation.token);
    for _ in 0..3 {
        let answer = request.send_over(&mut connection).unwrap();
        assert_eq!(answer.decision(), "block");
    }
    let mut connection = caller.connect(server.ops);
    let snapshot = Request::get("/v1/snapshot").token(&world.installation.token);
    assert_eq!(snapshot.send_over(&mut connection).unwrap().status, 200);
    // Somebody who trusts another authority does not talk to this gateway.
    let stranger = Authority::new().caller(None);
    assert!(world.ask(&server, &stranger).is_none());
    assert!(server.stop().success());
}

#[test]
fn a_certificate_of_the_authority_is_required_of_callers() {
    let world = world("tls_client_ca_file = \"ca.pem\"\n");
    let known = world.authority.client();
    let foreign = Authority::new().client();
    let server = world.installation.serve();
    let caller = world.caller(Some(&known));
    assert_eq!(world.ask(&server, &caller).unwrap().decision(), "block");
    for (shown, reason) in [
        (None, "certificate_missing"),
        (Some(foreign), "certificate_not_accepted"),
        (
            Some(world.authority.expired_client()),
            "certificate_expired",
        ),
        // The certificate of a server is none of a caller.
        (Some(world.authority.server()), "certificate_not_accepted"),
    ] {
        let before = world.failed(&server, &caller, reason);
        let refused = world.caller(shown.as_ref());
        assert!(world.ask(&server, &refused).is_none(), "{reason}");
        // The peer may hear of it before it is counted.
        until(reason, || world.failed(&server, &caller, reason) > before);
    }
}

#[test]
fn an_optional_certificate_may_be_missing_but_not_false() {
    let more = "tls_client_ca_file = \"ca.pem\"\ntls_client_auth = \"optional\"\n";
    let world = world(more);
    let foreign = Authority::new().client();
    let known = world.authority.client();
    let server = world.installation.serve();
    for (shown, is_answered) in [
        (None, true),
        (Some(&known), true),
        (Some(&foreign), false),
        (Some(&world.authority.expired_client()), false),
    ] {
        let answer = world.ask(&server, &world.caller(shown));
        assert_eq!(answer.is_some(), is_answered);
    }
}

#[test]
fn the_listener_of_operators_may_have_terms_of_its_own() {
    let more = "tls_client_ca_file = \"ca.pem\"\nops_tls_client_auth = \"off\"\n";
    let world = world(more);
    let server = world.installation.serve();
    let nobody = world.caller(None);
    assert!(world.ask(&server, &nobody).is_none());
    until("it is counted", || {
        world.failed(&server, &nobody, "certificate_missing") >= 1.0
    });
}

#[test]
fn tls_1_2_is_refused() {
    let world = world("");
    let server = world.installation.serve();
    // A ClientHello of TLS 1.2: no supported_versions, so that 1.2 is the most it can do.
    let extensions = [
        &[0, 10, 0, 4, 0, 2, 0, 23][..],  // supported_groups: secp256r1
        &[0, 11, 0, 2, 1, 0],             // ec_point_formats: uncompressed
        &[0, 13, 0, 6, 0, 4, 4, 3, 8, 4], // signature_algorithms
    ]
    .concat();
    let mut hello = vec![3, 3];
    hello.extend_from_slice(&[7; 32]);
    hello.push(0);
    hello.extend_from_slice(&[0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
    hello.extend_from_slice(&u16::try_from(extensions.len()).unwrap().to_be_bytes());
    hello.extend_from_slice(&extensions);
    let length = u16::try_from(hello.len()).unwrap().to_be_bytes();
    let mut record = vec![22, 3, 1];
    record.extend_from_slice(&u16::try_from(hello.len() + 4).unwrap().to_be_bytes());
    record.extend_from_slice(&[1, 0, length[0], length[1]]);
    record.extend_from_slice(&hello);

    let mut socket = TcpStream::connect(server.checks).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket.write_all(&record).unwrap();
    let mut said = Vec::new();
    socket.read_to_end(&mut said).unwrap();
    // One record: a fatal alert, protocol_version.
    assert_eq!((said[0], &said[said.len() - 2..]), (21, &[2, 70][..]));
}

#[test]
fn http_2_is_agreed_on_in_the_handshake_where_it_is_on_and_nowhere_else() {
    const FIRST: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    const SETTINGS: u8 = 4;
    let get = b"GET /v1/check HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let with = world("http2 = true\n");
    let server = with.installation.serve();
    let caller = with.caller(None);
    let agreed = |offered: &[&str], bytes| caller.agreed(server.checks, offered, bytes);
    let (protocol, answer) = agreed(&["http/1.1", "h2"], FIRST).unwrap();
    assert_eq!((&*protocol, answer[3]), ("h2", SETTINGS));
    let (protocol, answer) = agreed(&["http/1.1"], get).unwrap();
    assert_eq!((&*protocol, &*answer), ("http/1.1", &b"HTTP/1.1 "[..]));
    let without = world("");
    let server = without.installation.serve();
    let caller = without.caller(None);
    let agreed = |offered: &[&str], bytes| caller.agreed(server.checks, offered, bytes);
    let (protocol, answer) = agreed(&["h2", "http/1.1"], get).unwrap();
    assert_eq!((&*protocol, &*answer), ("http/1.1", &b"HTTP/1.1 "[..]));
    assert_eq!(agreed(&["h2"], FIRST), None);
}

#[test]
fn plain_http_and_silence_are_closed_in_time() {
    let world = world("tls_handshake_timeout_ms = 500\n");
    let server = world.installation.serve();
    let caller = world.caller(None);
    let start = Instant::now();
    let mut plain = TcpStream::connect(server.checks).unwrap();
    plain.set_read_timeout(Some(SOON)).unwrap();
    plain.write_all(&Request::get("/healthz").bytes()).unwrap();
    let mut said = Vec::new();
    // A reset is an end too.
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"));
    assert!(start.elapsed() < SOON);
    // Counted behind the end of the connection.
    let counted = |reason: &str| {
        until(reason, || world.failed(&server, &caller, reason) >= 1.0);
    };
    counted("not_tls");

    let mut silent = Connection::to(server.checks);
    assert!(silent.is_closed());
    assert!(start.elapsed() < SOON);
    counted("too_slow");
    let open = "hecha_connections{listener=\"check\"}";
    until("nothing is open", || {
        world.metric(&server, &caller, open) == 0.0
    });
}

#[test]
fn a_new_certificate_serves_new_connections_and_a_bad_one_does_not() {
    let world = world("");
    let folder = world.installation.path("");
    let server = world.installation.serve();
    let caller = world.caller(None);
    let first = caller.shown(server.checks);
    let mut open = caller.connect(server.checks);
    let health = Request::get("/healthz");
    assert_eq!(health.send_over(&mut open).unwrap().status, 200);

    world.authority.server().write(&folder, "server");
    until("the new one is shown", || {
        caller.shown(server.checks) != first
    });
    let second = caller.shown(server.checks);
    until("operators see it too", || {
        caller.shown(server.ops) == second
    });
    assert_eq!(health.send_over(&mut open).unwrap().status, 200);

    let refused = "hecha_tls_reloads_total{result=\"refused\"}";
    let before = world.metric(&server, &caller, refused);
    let other = world.authority.server();
    std::fs::write(folder.join("server.pem"), other.certificate).unwrap();
    until("the bad pair is seen", || {
        world.metric(&server, &caller, refused) > before
    });
    assert_eq!(caller.shown(server.checks), second);
    // SIGHUP reads again, changed or not; the pair is still bad.
    let before = world.metric(&server, &caller, refused);
    server.signal("HUP");
    until("the bad pair is read again", || {
        world.metric(&server, &caller, refused) > before
    });
    assert_eq!(world.ask(&server, &caller).unwrap().decision(), "block");
    assert_eq!(caller.shown(server.checks), second);
}

#[test]
fn files_that_cannot_serve_are_named_at_the_start() {
    let world = world("");
    let folder = world.installation.path("");
    world.authority.server().write(&folder, "other");
    std::fs::rename(folder.join("other.key"), folder.join("server.key")).unwrap();
    let config = world.installation.config();
    let serve = || {
        let mut command = crate::harness::hecha();
        let (code, output) = crate::harness::run(command.arg("serve").arg("--config").arg(&config));
        (code, String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = serve();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("do not serve together"), "{said}");
    std::fs::write(folder.join("server.pem"), "nothing").unwrap();
    let (code, said) = serve();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("holds no certificate in PEM form"), "{said}");
}

#[test]
fn the_test_authority_serves_the_whole_way() {
    let mut installation = Installation::new();
    let path = |name: &str| installation.path(name).to_str().unwrap().to_owned();
    let dir = path("pki");
    let ca = |arguments: &[&str]| {
        let mut command = crate::harness::hecha();
        command.arg("ca").args(arguments).args(["--dir", &dir]);
        let (code, output) = crate::harness::run(&mut command);
        assert_eq!(code, 0, "{}", String::from_utf8_lossy(&output.stderr));
    };
    ca(&["new", "--name", "一个测试机构"]);
    ca(&["server", "--host", "localhost", "--host", "127.0.0.1"]);
    ca(&["client", "--unit", "rail"]);
    let certificate = path("pki/rail.pem");
    let add = [
        "add",
        "--unit",
        "rail",
        "--scenario",
        "*",
        "--no-token",
        "--certificate",
    ];
    hecha_client(&installation, &[&add[..], &[&certificate]].concat());
    installation.more_config = "tls_cert_file = \"pki/server.pem\"\ntls_key_file = \
                                \"pki/server.key\"\ntls_client_ca_file = \"pki/ca.pem\"\n"
        .to_owned();
    let server = installation.serve();
    let read = |name: &str| std::fs::read_to_string(installation.path(name)).unwrap();
    let identity = Identity {
        certificate: read("pki/rail.pem"),
        key: read("pki/rail.key"),
    };
    let caller = Caller::trusting(&read("pki/ca.pem"), Some(&identity));
    let request = Request::post("/v1/check", ticket().to_string());
    let answer = request.send_over(&mut caller.connect(server.checks));
    assert_eq!(answer.unwrap().decision(), "block");
}
