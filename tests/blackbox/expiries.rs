//! A month of the log goes by order of two persons, through the commands.

use crate::harness::{Installation, files_below, hecha, number_of_zhang, run, ticket};
use crate::witnessed::Witnessed;
use hecha::decision_log::keys::LogKeys;
use hecha::decision_log::record::{CheckDraft, Context, Relied, Subject};
use hecha::decision_log::segment::LogOptions;
use hecha::decision_log::writer::DecisionLog;
use hecha::identifier::document::FullNumber;
use hecha::identifier::kind::IdType;
use hecha::model::decision::{Decision, Identity, Level};
use hecha::model::language::Language;
use hecha::model::term::Moment;
use hecha::seal::entropy::OsEntropy;
use hecha::seal::keys::MasterKey;
use hecha::seal::sign::SigningKey;
use hecha::storage::disk::RealDisk;
use std::path::Path;
use std::sync::Arc;

const OLD: &str = "2020-03-05T10:00:00+08:00";

/// Moments of a log that went on: 2020-03, 37 months since, and 2026-01.
fn moments() -> Vec<Moment> {
    let late = Moment::parse("2026-01-05T10:00:00+08:00");
    let first = Moment::parse(OLD).unwrap();
    let months = (0..=37).map(|n| first.plus_hours(n * 732));
    months.chain(late).collect()
}

/// A log with a block of each moment about the person that the tests ask about; their check_ids.
fn write(installation: &Installation, moments: &[Moment]) -> Vec<String> {
    let master = MasterKey::load(&installation.path("log.key")).unwrap();
    let signer = SigningKey::load(&installation.path("log-sign.key")).unwrap();
    let options = LogOptions {
        segment_bytes: 64 << 10,
        ..LogOptions::default()
    };
    let (log, _) = DecisionLog::open(
        Arc::new(RealDisk),
        &installation.path("state/log"),
        options,
        LogKeys::new(master).with_signer(signer),
        Arc::new(OsEntropy),
        moments[0],
    )
    .unwrap();
    let number = FullNumber::parse(IdType::CitizenId, &number_of_zhang()).unwrap();
    let mut check_ids = Vec::new();
    for moment in moments {
        let draft = CheckDraft {
            moment: *moment,
            unit: "everything",
            scenario: "rail.ticket",
            purpose: None,
            decision: Decision::Block,
            level: Level::Disk,
            context: Context {
                snapshot: [1; 16],
                catalogue: [2; 16],
                policy: [3; 16],
                overlay_sequence: 0,
                engine: "0.1.0",
            },
            subject: Subject::Number(&number),
            others: &[],
            language: Language::Zh,
            relied: &[Relied {
                entry_id: "fz-court-1",
                identity: Identity::Identified,
                measures: &["GF-2015-8/3.1"],
            }],
            answer_hash: [4; 16],
            request: b"the normalised request",
        };
        check_ids.push(log.append_check(&draft).unwrap().check_id.to_string());
    }
    log.sync_now().unwrap();
    log.checkpoint_now().unwrap();
    log.close().unwrap();
    check_ids
}

/// Two persons whose keys count.
fn with_persons(installation: &mut Installation) {
    for name in ["anna.key", "bert.key"] {
        SigningKey::create(&installation.path(name), &OsEntropy).unwrap();
    }
    installation.more_config += "expiry_keys = [\"anna.key.pub\", \"bert.key.pub\"]\n";
}

/// `hecha log DEED` on the log of an installation: exit code, and what was said.
fn log(installation: &Installation, deed: &str, flags: &[&str]) -> (i32, String) {
    let mut command = hecha();
    command.args(["log", deed]);
    if matches!(deed, "receipt" | "recall") {
        command.arg("--log");
    }
    command.arg(installation.path("state/log")).args(flags);
    let (code, output) = run(&mut command);
    let said = [output.stdout, output.stderr].concat();
    (code, String::from_utf8(said).unwrap())
}

fn ordered(installation: &Installation, month: &str, key: &str, out: &Path) {
    let (code, output) = run(hecha()
        .args(["log", "expire-order", "--month", month])
        .args(["--reason", "three years are over"])
        .arg(installation.path("state/log"))
        .arg("--key")
        .arg(installation.path(key))
        .arg("--out")
        .arg(out));
    assert_eq!(code, 0, "{output:?}");
}

/// Exit code, and what was said.
fn expire(installation: &Installation, month: &str, order: &Path) -> (i32, String) {
    let (code, output) = run(hecha()
        .args(["log", "expire", "--month", month, "--config"])
        .arg(installation.config())
        .arg("--order")
        .arg(order));
    let said = [output.stdout, output.stderr].concat();
    (code, String::from_utf8(said).unwrap())
}

#[track_caller]
fn refused(installation: &Installation, month: &str, order: &Path, why: &str) {
    let (code, said) = expire(installation, month, order);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains(why), "{said}");
    assert!(installation.path("state/log/keys/2020-03.key").exists());
}

#[test]
fn two_persons_expire_a_month_of_three_years_ago_and_nothing_less_does() {
    let mut installation = Installation::new();
    with_persons(&mut installation);
    write(&installation, &moments());
    let order = installation.path("2020-03.order");
    ordered(&installation, "2020-03", "anna.key", &order);
    ordered(&installation, "2020-03", "anna.key", &order);
    refused(
        &installation,
        "2020-03",
        &order,
        "1 of the 2 distinct persons",
    );
    ordered(&installation, "2020-03", "bert.key", &order);
    refused(&installation, "2020-04", &order, "another month");
    let present = installation.path("2026-01.order");
    for key in ["anna.key", "bert.key"] {
        ordered(&installation, "2026-01", key, &present);
    }
    refused(&installation, "2026-01", &present, "is kept until");
    let hold = |flags: &[&str]| {
        let folder = installation.path("state/log");
        let mut command = hecha();
        command.args(["log", "hold-month", "--month", "2020-03"]);
        assert_eq!(run(command.args(flags).arg(folder)).0, 0);
    };
    hold(&["--reason", "case 7"]);
    refused(&installation, "2020-03", &order, "on hold: case 7");
    hold(&["--release"]);
    // Whether the log has made it by now or not.
    let side = installation.path("state/log/log-00000001.subjects");
    std::fs::write(&side, "digests").unwrap();
    let (code, said) = expire(&installation, "2020-03", &order);
    assert_eq!(code, 0, "{said}");
    assert!(!side.exists());
    assert!(!installation.path("state/log/keys/2020-03.key").exists());
    assert!(!installation.path("state/log/log-00000001.hlog").exists());
    let (code, output) = run(hecha()
        .args(["log", "verify"])
        .arg(installation.path("state/log"))
        .arg("--log-key")
        .arg(installation.path("log-sign.key.pub")));
    assert_eq!(code, 0, "{output:?}");
    let records = installation.log(&[]);
    assert!(
        records.iter().any(|one| one["kind"] == "expired"),
        "{records:?}"
    );
    assert!(installation.serve().stop().success());
}

/// Each reader says which month is gone, and of the others what it always said.
fn reads_on(installation: &Installation, old: &str, next: &str) {
    let gone = "expired by order and no longer here: 2020-03";
    let says = |deed: &str, flags: &[&str], code: i32, what: &[&str]| {
        let said = log(installation, deed, flags);
        assert_eq!(said.0, code, "{deed} {flags:?}: {}", said.1);
        for what in what {
            assert!(said.1.contains(what), "{deed} {flags:?}: {}", said.1);
        }
    };
    let path = |name: &str| installation.path(name).display().to_string();
    let (log_key, public) = (path("log.key"), path("log-sign.key.pub"));
    let config = path("hecha.toml");
    let is_expired = "hecha.log/";
    says(
        "verify",
        &["--log-key", &public],
        0,
        &["2020-03: expired by order", is_expired],
    );
    says("query", &["--check-id", old], 0, &["0 records", gone]);
    says(
        "query",
        &["--check-id", next],
        0,
        &["1 records", gone, next],
    );
    says("query", &["--to", "2020-03-31"], 0, &["0 records", gone]);
    says(
        "recall",
        &["fz-court-1", "--json"],
        0,
        &["38 answers relied on it", gone, next],
    );
    let number = path("number.txt");
    std::fs::write(&number, number_of_zhang()).unwrap();
    says(
        "receipt",
        &[old],
        2,
        &["2020-03 was expired by order", "proves it still"],
    );
    says("receipt", &[next], 0, &["hecha"]);
    let one = ["--config", &config, "--check-id", old];
    says("replay", &one, 2, &["no check that passes", gone]);
    // A synthetic check has no kept law: it says that, not that a key is gone.
    let one = ["--config", &config, "--check-id", next];
    says("replay", &one, 3, &["1 cannot be decided", gone]);
    let mut command = hecha();
    command
        .args(["log", "subject"])
        .arg(installation.path("state/log"));
    command.args([
        "--id",
        "citizen_id:-",
        "--by",
        "desk",
        "--reason",
        "application 1",
    ]);
    command.args(["--key", &log_key]);
    let output = command
        .stdin(std::fs::File::open(&number).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains(gone) && said.contains(next), "{said}");
    assert!(
        !said.contains(old) && !said.contains("not readable"),
        "{said}"
    );
}

#[test]
fn after_an_expiry_witness_and_readers_go_on_and_say_which_month_is_gone() {
    let mut world = Witnessed::new();
    with_persons(&mut world.installation);
    world.installation.more_config += "witness_required = true\n";
    let check_ids = write(&world.installation, &moments());
    let (old, next) = (&check_ids[0], &check_ids[1]);
    let path = |name: &str| world.installation.path(name);
    let server = world.installation.serve();
    world.wait_until_cosigned(&server);
    let order = path("2020-03.order");
    for key in ["anna.key", "bert.key"] {
        ordered(&world.installation, "2020-03", key, &order);
    }
    refused(
        &world.installation,
        "2020-03",
        &order,
        "in use by another process",
    );
    assert!(server.stop().success());
    let receipt = path("receipt").display().to_string();
    let (code, said) = log(&world.installation, "receipt", &[old, "--out", &receipt]);
    assert_eq!(code, 0, "{said}");
    let segment = world.log().join("log-00000001.hlog");
    let records = std::fs::read(&segment).unwrap();
    let (code, said) = expire(&world.installation, "2020-03", &order);
    assert_eq!(code, 0, "{said}");
    let (code, said) = expire(&world.installation, "2020-03", &order);
    assert_eq!(
        (code, said.contains("is expired already")),
        (2, true),
        "{said}"
    );
    // What the witness signed of the month is kept with its last checkpoint.
    let last = std::fs::read_to_string(world.log().join("expired/2020-03")).unwrap();
    assert_eq!(
        last.lines()
            .filter(|line| line.starts_with('\u{2014}'))
            .count(),
        2,
        "{last}"
    );
    reads_on(&world.installation, old, next);
    let (code, output) = run(hecha()
        .args(["log", "verify-receipt", &receipt, "--log-key"])
        .arg(path("log-sign.key.pub"))
        .arg("--witness-key")
        .arg(path("witness.key.pub")));
    assert_eq!(code, 0, "{output:?}");
    // As if a cut had come before the end: the start asks the witness, and finishes.
    std::fs::write(&segment, records).unwrap();
    let server = world.installation.serve();
    assert!(!segment.exists());
    assert_eq!(
        server.ask(&world.installation.token, &ticket()).decision(),
        "block"
    );
    world.wait_until_cosigned(&server);
    assert!(server.stop().success());
    let left = files_below(&world.log());
    let of_month = left
        .iter()
        .filter(|file| file.display().to_string().contains("2020-03"));
    assert_eq!(of_month.count(), 2, "{left:?}");
}
