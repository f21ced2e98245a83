//! `kill -9` of a bulk run at random moments: run again until it ends, it has written what a run
//! without any kill writes, no row lost, none twice; and each row has its record.
//!
//! `HECHA_KILL_ROUNDS` sets the kills, `HECHA_KILL_SEED` brings a run's moments back, as far as a
//! scheduler can be brought back.

use crate::dice::Dice;
use crate::installation::{Installation, check_of, defaulter};
use crate::kill::number;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const ROWS: usize = 1_000;
const LISTED: usize = 150;
const KILLS_DEFAULT: u64 = 5;

struct Run<'a> {
    folder: &'a Path,
    out: PathBuf,
    log: Option<PathBuf>,
}

impl Run<'_> {
    fn start(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hecha"));
        command.args(["screen", "--scenario", "rail.ticket", "--block-rows", "50"]);
        command.args(["--attr", "train_class=G", "--attr", "seat_class=second"]);
        command
            .args(["--kind", "person", "--in"])
            .arg(self.folder.join("base.csv"));
        command
            .arg("--snapshot")
            .arg(self.folder.join("list.hecha"));
        command.arg("--key").arg(self.folder.join("snapshot.key"));
        command.arg("--out").arg(&self.out);
        if let Some(log) = &self.log {
            command.arg("--log").arg(log);
            command.arg("--log-key").arg(self.folder.join("log.key"));
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// To its end.
    fn finish(&self) {
        let output = self.start().wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
    }

    /// Killed after some blocks more, at a moment within one; true where it had ended before.
    fn kill(&self, dice: &mut Dice) -> bool {
        let mut child = self.start();
        let wanted = self.rows() + 50 * dice.below(4) as u64;
        loop {
            if child.try_wait().unwrap().is_some() {
                return true;
            }
            if self.rows() >= wanted {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // The moment is what is diced, so nothing can be waited for.
        std::thread::sleep(Duration::from_micros(dice.below(20_000) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        false
    }

    /// Rows that the checkpoint states.
    fn rows(&self) -> u64 {
        let path = format!("{}.checkpoint", self.out.display());
        let text = fs::read_to_string(path).unwrap_or_default();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        value["tally"]["rows"].as_u64().unwrap_or(0)
    }
}

#[test]
fn a_killed_run_goes_on_and_writes_what_an_unbroken_one_writes() {
    let seed = number("HECHA_KILL_SEED", 20_261_127);
    let kills = number("HECHA_KILL_ROUNDS", KILLS_DEFAULT);
    println!("{kills} kills, HECHA_KILL_SEED={seed}");
    let mut dice = Dice::new(seed);
    let installation = Installation::new();
    let folder = installation.state_dir().parent().unwrap().to_owned();
    let listed = (0..LISTED).map(|n| defaulter(n * 5, format!("court-{n:05}")));
    let snapshot = installation.build(listed.collect(), 1);
    installation.publish(&snapshot);
    let published = fs::read_dir(installation.snapshot_dir()).unwrap();
    let file = published
        .map(|file| file.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "hecha"));
    fs::copy(file.unwrap(), folder.join("list.hecha")).unwrap();
    let mut base = "name,citizen_id,reference\n".to_owned();
    for n in 0..ROWS {
        let subject = check_of(n)["subject"].clone();
        let number = match n % 97 {
            0 => "nonsense",
            _ => subject["ids"][0]["number"].as_str().unwrap(),
        };
        let name = subject["name"].as_str().unwrap();
        writeln!(base, "{name},{number},\"order\n{n}\"").unwrap();
    }
    fs::write(folder.join("base.csv"), base).unwrap();
    for ending in ["csv", "parquet"] {
        let out = |name: &str| folder.join(format!("{name}.{ending}"));
        let unbroken = Run {
            folder: &folder,
            out: out("unbroken"),
            log: None,
        };
        unbroken.finish();
        let wanted = fs::read(&unbroken.out).unwrap();
        let broken = Run {
            out: out("broken"),
            ..unbroken
        };
        let killed = (0..kills).take_while(|_| !broken.kill(&mut dice)).count();
        println!("{ending}: {killed} kills met the run");
        if !broken.out.exists() {
            broken.finish();
        }
        assert!(
            fs::read(&broken.out).unwrap() == wanted,
            "{ending}: another output"
        );
        assert!(!Path::new(&format!("{}.part", broken.out.display())).exists());
    }
    let log = folder.join("log-of-run");
    let recorded = Run {
        folder: &folder,
        out: folder.join("recorded.csv"),
        log: Some(log.clone()),
    };
    let killed = (0..kills).take_while(|_| !recorded.kill(&mut dice)).count();
    println!("with a log: {killed} kills met the run");
    if !recorded.out.exists() {
        recorded.finish();
    }
    every_row_has_its_record(&recorded.out, &log);
    // An input that was changed is another run.
    let refused = Run {
        folder: &folder,
        out: folder.join("other.csv"),
        log: None,
    };
    while refused.rows() == 0 {
        refused.kill(&mut dice);
    }
    if !refused.out.exists() {
        fs::write(folder.join("base.csv"), "name\n张三\n").unwrap();
        let output = refused.start().wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("was begun with another input"), "{said}");
    }
}

fn every_row_has_its_record(out: &Path, log: &Path) {
    let query = |command: &str, flags: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hecha"))
            .args(["log", command])
            .args(flags)
            .arg(log)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let known: std::collections::HashSet<String> = query("query", &["--json"])
        .lines()
        .filter_map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            record["check_id"].as_str().map(str::to_owned)
        })
        .collect();
    let text = fs::read_to_string(out).unwrap();
    let mut ids = std::collections::HashSet::new();
    let mut faulty = 0;
    for row in text.split(",\"order\n").skip(1) {
        if row.contains(",422 ") || row.contains(",\"422 ") {
            faulty += 1;
            continue;
        }
        let check_id = row.split(',').find(|cell| known.contains(*cell));
        assert!(
            check_id.is_some_and(|id| ids.insert(id.to_owned())),
            "no record: {row}"
        );
    }
    assert_eq!(ids.len() + faulty, ROWS);
    assert_eq!(faulty, ROWS.div_ceil(97));
}
