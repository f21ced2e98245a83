//! A refusal says nothing of the person asked about: the same bytes for a listed subject and for
//! one who is not, whatever is refused.

use crate::authority::{Authority, Caller, Identity};
use crate::harness::{Installation, Server, number_of_zhang, other_number, ticket_of};
use crate::http::{Answer, Request};
use crate::tokens::hecha_client;
use hecha::seal::token;
use serde_json::{Value, json};

struct World {
    authority: Authority,
    server: Server,
    /// Token of each unit of `records`.
    tokens: Vec<(&'static str, String)>,
    shown: Identity,
    other: Identity,
}

/// A unit for each thing that can be refused.
fn world() -> World {
    let mut installation = Installation::new();
    let authority = Authority::new();
    authority.server().write(&installation.path(""), "server");
    std::fs::write(installation.path("ca.pem"), authority.pem()).unwrap();
    installation.more_config = "tls_cert_file = \"server.pem\"\ntls_key_file = \"server.key\"\n\
                                tls_client_ca_file = \"ca.pem\"\n\
                                tls_client_auth = \"optional\"\n"
        .to_owned();
    let (shown, other) = (authority.client(), authority.client());
    let mut tokens = vec![("all", installation.token.clone())];
    let mut add = |unit, change: &dyn Fn(&mut hecha::gateway::client_record::ClientRecord)| {
        tokens.push((unit, installation.client(unit, |record| change(record))));
    };
    add("no scenario", &|record| {
        record.scenarios = vec!["hotel.stay".to_owned()];
    });
    add("no purpose", &|record| {
        record.purposes = Some(vec!["nothing of this kind".to_owned()]);
    });
    add("no role", &|record| {
        record.roles = vec!["auditor".to_owned()]
    });
    add("certificate", &|record| {
        record.certificate_sha256 = Some(vec![shown.hash()]);
    });
    add("other's certificate", &|record| {
        record.certificate_sha256 = Some(vec![other.hash()]);
    });
    add("revoked", &|_| ());
    let expired = token::hash("hecha_expired").to_hex();
    let path = installation.path("clients.toml");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str(&format!(
        "\n[[client]]\nunit = \"expired\"\nkind = \"enterprise\"\nscenarios = [\"*\"]\nroles = \
         [\"checker\"]\ntokens = [{{ sha256 = \"{expired}\", expires = \"2026-01-01\" }}]\n"
    ));
    std::fs::write(&path, text).unwrap();
    hecha_client(&installation, &["revoke", "revoked", "--all"]);
    let server = installation.serve();
    World {
        authority,
        server,
        tokens,
        shown,
        other,
    }
}

impl World {
    fn token(&self, unit: &str) -> &str {
        let found = self.tokens.iter().find(|(name, _)| *name == unit);
        found.map(|(_, token)| token.as_str()).unwrap()
    }

    fn ask(&self, path: &str, body: &Value, token: Option<&str>, caller: &Caller) -> Answer {
        let mut request = Request::post(path, body.to_string());
        if let Some(token) = token {
            request = request.token(token);
        }
        let mut connection = caller.connect(self.server.checks);
        request.send_over(&mut connection).unwrap()
    }
}

/// Everything of an answer but the moment it was sent.
fn bytes(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "date");
    (answer.status, headers, answer.text())
}

#[test]
fn a_refusal_is_the_same_bytes_for_everybody_asked_about() {
    let world = world();
    let nobody = world.authority.caller(None);
    let shown = world.authority.caller(Some(&world.shown));
    let other = world.authority.caller(Some(&world.other));
    let listed = ticket_of("张三丰", &number_of_zhang());
    let unlisted = ticket_of("测试甲", &other_number());
    // That the two differ where asking is allowed.
    let decided = |body| {
        world
            .ask("/v1/check", body, Some(world.token("all")), &nobody)
            .decision()
    };
    assert_eq!(
        (decided(&listed), decided(&unlisted)),
        ("block".into(), "clear".into())
    );

    let cases: [(&str, u16, Option<&str>, &Caller); 13] = [
        ("no token", 401, None, &nobody),
        ("unknown token", 401, Some("hecha_unknown"), &nobody),
        ("expired token", 401, Some("hecha_expired"), &nobody),
        ("revoked token", 401, Some(world.token("revoked")), &nobody),
        ("certificate without its token", 401, None, &shown),
        (
            "token without its certificate",
            401,
            Some(world.token("certificate")),
            &nobody,
        ),
        (
            "token with a wrong certificate",
            401,
            Some(world.token("certificate")),
            &other,
        ),
        (
            "certificate of another unit",
            401,
            Some(world.token("other's certificate")),
            &shown,
        ),
        (
            "unknown token with a certificate",
            401,
            Some("hecha_unknown"),
            &shown,
        ),
        (
            "expired token with a certificate",
            401,
            Some("hecha_expired"),
            &shown,
        ),
        (
            "scenario not granted",
            403,
            Some(world.token("no scenario")),
            &nobody,
        ),
        (
            "purpose not granted",
            403,
            Some(world.token("no purpose")),
            &nobody,
        ),
        ("role missing", 403, Some(world.token("no role")), &nobody),
    ];
    let mut unauthorised = Vec::new();
    for (what, status, token, caller) in cases {
        let of = |body: &Value| bytes(&world.ask("/v1/check", body, token, caller));
        let (first, second) = (of(&listed), of(&unlisted));
        assert_eq!(first.0, status, "{what}: {}", first.2);
        assert_eq!(first, second, "{what}");
        if status == 401 {
            unauthorised.push((what, first));
        }
    }
    // Nor does a 401 say what was wrong.
    for (what, answer) in &unauthorised {
        assert_eq!(answer, &unauthorised[0].1, "{what}");
    }
}

#[test]
fn a_refusal_inside_a_batch_or_of_a_scan_says_as_little() {
    let world = world();
    let nobody = world.authority.caller(None);
    let listed = ticket_of("张三丰", &number_of_zhang());
    let unlisted = ticket_of("测试甲", &other_number());
    let text = |text: &str| json!({"scenario": "procurement.supplier", "text": text});
    for (unit, status) in [("no scenario", 403), ("no role", 403)] {
        let token = Some(world.token(unit));
        let of = |path, body: &Value| bytes(&world.ask(path, body, token, &nobody));
        let batch = |one: &Value| of("/v1/checks", &json!({ "checks": [one] }));
        let (first, second) = (batch(&listed), batch(&unlisted));
        assert_eq!(first, second, "{unit}");
        assert!(
            first.2.contains(&format!("\"status\":{status}")),
            "{}",
            first.2
        );
        let scan = |one: &str| of("/v1/scan", &text(one));
        let (first, second) = (scan("测试建材有限公司"), scan("没有列入的有限公司"));
        assert_eq!((first.0, &first), (status, &second), "{unit}");
    }
}
