//! Lists that grow old and clocks that stand wrong, to the second: the real command, asked `--at` a
//! moment, under several zones and none.

use crate::installation::{Installation, check_of, defaulter};
use hecha::model::entry::ListRecord;
use hecha::model::term::{Day, Moment};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3_600 * SECOND_US;

struct Office {
    installation: Installation,
}

impl Office {
    fn with(record: ListRecord) -> Self {
        let installation = Installation::new();
        let snapshot = installation.build(vec![record], 1);
        fs::write(installation.path("list.hecha"), snapshot.bytes()).unwrap();
        Self { installation }
    }

    /// What is decided at a moment on a machine of this zone.
    fn at(&self, moment: Moment, zone: Option<&str>) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hecha"));
        command.args(["check", "--request", "-", "--snapshot"]);
        command.arg(self.installation.path("list.hecha"));
        command
            .arg("--key")
            .arg(self.installation.path("snapshot.key"));
        command.args(["--at", &moment.to_string()]).env_remove("TZ");
        if let Some(zone) = zone {
            command.env("TZ", zone);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let body = check_of(0).to_string();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(body.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn later(moment: Moment, us: i64) -> Moment {
    Moment(moment.0 + us)
}

#[test]
fn a_list_that_is_not_refreshed_loses_its_blocks_at_the_exact_second() {
    let record = defaulter(0, "court-0".to_owned());
    let fetched = record.submitted_at;
    let office = Office::with(record);
    let list = office
        .installation
        .catalogue
        .lists
        .iter()
        .find(|l| &*l.id == "court-defaulter");
    let limit = later(
        fetched,
        i64::from(list.unwrap().max_staleness_hours) * HOUR_US,
    );
    for (moment, decision) in [
        (fetched, "block"),
        (later(limit, -SECOND_US), "block"),
        (limit, "block"),
        (later(limit, 1), "review"),
        (later(limit, SECOND_US), "review"),
        (later(limit, 24 * HOUR_US), "review"),
    ] {
        let answer = office.at(moment, None);
        assert_eq!(answer["decision"], decision, "{moment}: {answer}");
        let is_stale = answer["reasons"].to_string().contains("stale_list");
        assert_eq!(is_stale, decision == "review", "{moment}: {answer}");
    }
}

#[test]
fn a_term_ends_at_midnight_in_shanghai_whatever_the_machine_says() {
    let mut record = defaulter(0, "court-0".to_owned());
    let last = Day(record.submitted_at.day().0 + 1);
    record.in_force_until = Some(last);
    let office = Office::with(record.clone());
    let end = last.next().start();
    let years = |n: i64| n * 365 * 24 * HOUR_US;
    for zone in [None, Some("America/New_York")] {
        for (moment, decision) in [
            (record.submitted_at, "block"),
            (later(end, -SECOND_US), "block"),
            (later(end, -1), "block"),
            (end, "clear"),
            (later(end, SECOND_US), "clear"),
            (later(end, 24 * HOUR_US), "clear"),
            (later(end, years(10)), "clear"),
            // Before it began it is not in force either: a clock of long ago restricts nobody.
            (later(record.in_force_from.start(), -1), "clear"),
            (later(end, -years(10)), "clear"),
        ] {
            let answer = office.at(moment, zone);
            assert_eq!(
                answer["decision"], decision,
                "{moment} in {zone:?}: {answer}"
            );
        }
    }
}
