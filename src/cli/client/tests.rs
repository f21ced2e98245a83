//! What each command changes in the file, and what it leaves.

use super::*;
use crate::gateway::clients::Brought;
use crate::model::term::Moment;
use clap::Parser;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: ClientArgs,
}

fn hecha_client(arguments: &[&str]) -> Result<String, ClientCommandError> {
    let command = Command::try_parse_from([&["client"], arguments].concat()).unwrap();
    let mut out = Vec::new();
    run_into(command.args, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

/// A clients file in a folder of its own.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clients.toml")
    }

    fn run(&self, arguments: &[&str]) -> Result<String, ClientCommandError> {
        let file = self.file();
        let file = ["--clients-file", file.to_str().unwrap()];
        hecha_client(&[arguments, &file].concat())
    }

    fn token(&self, arguments: &[&str]) -> String {
        self.run(arguments).unwrap().trim_end().to_owned()
    }

    fn unit_of(&self, token: &str, at: Moment) -> Option<String> {
        let catalogue = catalogue::built_in().unwrap();
        let clients = Clients::load(&self.file(), &catalogue).unwrap();
        let found = clients.authenticate(Brought::token(token), at);
        found.map(|client| client.unit.to_string())
    }

    fn refuses(&self, arguments: &[&str], expected: &str) {
        let before = std::fs::read(self.file()).ok();
        let error = self.run(arguments).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(std::fs::read(self.file()).ok(), before);
    }
}

fn in_days(days: u32) -> Moment {
    plus_days(Clock::default().now().day(), days).start()
}

#[test]
fn add_prints_a_token_that_the_file_then_knows_and_list_never_shows() {
    let world = World::new();
    let token = world.token(&[
        "add",
        "--unit",
        "rail",
        "--scenario",
        "rail.ticket",
        "--scenario",
        "air.ticket",
        "--purpose",
        "ticket sale",
        "--role",
        "checker",
        "--role",
        "steward",
        "--adopts",
        "serious-finance-found",
        "--masked-id",
        "block",
        "--level",
        "disk",
        "--rate",
        "50",
    ]);
    let now = Clock::default().now();
    assert_eq!(world.unit_of(&token, now).as_deref(), Some("rail"));
    assert!(world.unit_of(&token, in_days(90)).is_some());
    assert!(world.unit_of(&token, in_days(91)).is_none());
    let list = world.run(&["list"]).unwrap();
    let digits = &token::hash(&token).to_hex()[..8];
    let (today, last) = (now.day(), plus_days(now.day(), 90));
    assert_eq!(
        list,
        format!(
            "rail  enterprise  roles checker,steward  scenarios rail.ticket,air.ticket  \
             purposes ticket sale  rate 50/s  adopts serious-finance-found  masked_id block  \
             level disk  tokens 1 valid\n    token {digits}  created {today}  expires {last}  \
             valid\n"
        )
    );
    let json = world.run(&["list", "--json"]).unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["tokens"], 1);
    assert_eq!(value["token_list"][0]["sha256_begins"], digits);
    assert!(value.get("token_sha256").is_none() && !json.contains(&token));
    assert!(!json.contains(&token::hash(&token).to_hex()));
}

#[test]
fn a_record_that_cannot_be_used_is_not_stored() {
    let world = World::new();
    world.refuses(
        &["add", "--unit", "a", "--scenario", "rail"],
        "`scenarios`: unknown scenario `rail`; correct it, or write * for all; nothing was \
         changed",
    );
    world.refuses(&["list"], "cannot be read");
    world.refuses(&["rotate", "a"], "there is no unit `a`");
}

#[test]
fn two_tokens_count_while_one_replaces_the_other_and_a_third_is_refused() {
    let world = World::new();
    let first = world.token(&[
        "add",
        "--unit",
        "a",
        "--scenario",
        "*",
        "--expires-days",
        "20",
    ]);
    let second = world.token(&["rotate", "a"]);
    let now = Clock::default().now();
    for token in [&first, &second] {
        assert!(world.unit_of(token, now).is_some());
        assert!(world.unit_of(token, in_days(14)).is_some());
    }
    assert!(world.unit_of(&first, in_days(15)).is_none());
    assert!(world.unit_of(&second, in_days(90)).is_some());
    world.refuses(&["rotate", "a"], "has 2 valid tokens already");
    let third = world.token(&["rotate", "a", "--drop-oldest", "--overlap-days", "200"]);
    // Both were made today; the one named first is the older.
    assert!(world.unit_of(&first, now).is_none());
    assert!(world.unit_of(&third, now).is_some());
    assert!(
        world.unit_of(&second, in_days(91)).is_none(),
        "never later than before"
    );
    let fourth = world.token(&["rotate", "a", "--drop-oldest", "--overlap-days", "0"]);
    assert_eq!(
        [&second, &third, &fourth].map(|token| world.unit_of(token, now).is_some()),
        [false, false, true]
    );
}

#[test]
fn what_is_revoked_counts_no_longer_and_the_rest_of_the_file_stays() {
    let world = World::new();
    let old = token::hash("old").to_hex();
    let (a, b) = (token::hash("a").to_hex(), token::hash("b").to_hex());
    let text = format!(
        "# ours\n[[client]] # rail\nunit = \"rail\"   # not the other one\nkind = \
         \"enterprise\"\nscenarios = [\"*\"]\n\ntoken_sha256 = [\n  # by hand\n  \"{old}\",\n]\n\n\
         # the second\n[[client]]\nunit = \"air\"\nkind = \"enterprise\"\nscenarios = []\n\n  \
         [[client.tokens]]\n  sha256 = \"{a}\"\n  created = \"2026-01-02\"\n\n  \
         [[client.tokens]]\n  sha256 = \"{b}\" # spare\n"
    );
    std::fs::write(world.file(), &text).unwrap();
    let now = Clock::default().now();
    world.refuses(
        &["revoke", "air", "--created", "2026-01-03"],
        "0 tokens of unit `air` fit",
    );
    world.refuses(
        &["revoke", "air", "--token-prefix", "zz"],
        "write at least 4",
    );
    world
        .run(&["revoke", "air", "--created", "2026-01-02"])
        .unwrap();
    let cut = format!("  [[client.tokens]]\n  sha256 = \"{a}\"\n  created = \"2026-01-02\"\n\n");
    assert_eq!(
        std::fs::read_to_string(world.file()).unwrap(),
        text.replace(&cut, "")
    );
    assert_eq!(world.unit_of("b", now).as_deref(), Some("air"));
    assert!(world.unit_of("a", now).is_none());

    let leaked = world.folder.path().join("leaked");
    std::fs::write(&leaked, "b\n").unwrap();
    world
        .run(&["revoke", "air", "--token-file", leaked.to_str().unwrap()])
        .unwrap();
    assert!(world.unit_of("b", now).is_none());
    world
        .run(&["revoke", "rail", "--token-prefix", &old[..6]])
        .unwrap();
    assert!(world.unit_of("old", now).is_none());
    let left = std::fs::read_to_string(world.file()).unwrap();
    for kept in [
        "# ours\n",
        "# rail\n",
        "# not the other one\n",
        "# the second\n",
    ] {
        assert!(left.contains(kept), "{left}");
    }
    // A unit whose tokens are gone gets one again.
    let token = world.token(&["rotate", "air"]);
    assert_eq!(world.unit_of(&token, now).as_deref(), Some("air"));
}

#[test]
fn certificates_are_named_and_taken_away() {
    let world = World::new();
    let pem = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let path = world.folder.path().join(name);
        std::fs::write(&path, params.self_signed(&key).unwrap().pem()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (one, other) = (pem("one.pem"), pem("other.pem"));
    let add = [
        "add",
        "--unit",
        "a",
        "--scenario",
        "*",
        "--certificate",
        &one,
    ];
    let nothing = world.run(&[&add[..], &["--no-token"]].concat()).unwrap();
    assert_eq!(nothing, "");
    let hash = world.token(&["certificate", "a", "--add", &other]);
    world.refuses(
        &["certificate", "a", "--add", &other],
        "unit `a` has the certificate",
    );
    world.token(&["add", "--unit", "b", "--scenario", "*"]);
    world.refuses(
        &["certificate", "b", "--add", &other],
        "client `b` has a certificate of client `a`",
    );
    assert!(world.run(&["list"]).unwrap().contains(&hash));
    world
        .run(&["certificate", "a", "--remove", &hash[..8]])
        .unwrap();
    assert!(!world.run(&["list"]).unwrap().contains(&hash));
    world.refuses(
        &["certificate", "a", "--remove", &hash],
        "has not exactly one of",
    );
}
