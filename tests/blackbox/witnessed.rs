//! A real gateway and a real witness: cosigned checkpoints, a log that was taken back, a new log.

use crate::harness::{Installation, Server, hecha, number_of_zhang, run, ticket, ticket_of, until};
use crate::witness::{WitnessProcess, new_signing_key};
use hecha::seal::sign::PublicKey;
use hecha::tree::note::{Checkpoint, SignedNote};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A gateway with one witness.
pub struct Witnessed {
    pub installation: Installation,
    pub witness: WitnessProcess,
}

impl Witnessed {
    pub fn new() -> Self {
        let mut installation = Installation::new();
        new_signing_key(&installation.path("witness.key"));
        let log_key = installation.path("log-sign.key.pub");
        let folder = installation.path("");
        let witness = WitnessProcess::start(&folder, &log_key, "127.0.0.1:0");
        installation.more_config = format!(
            "witness_urls = [\"http://{}\"]\nwitness_keys = [\"witness.key.pub\"]\n",
            witness.address
        );
        Self {
            installation,
            witness,
        }
    }

    pub fn key(&self, name: &str) -> PublicKey {
        PublicKey::load(&self.installation.path(name)).unwrap()
    }

    pub fn log(&self) -> PathBuf {
        self.installation.path("state/log")
    }

    /// The newest cosigned checkpoint, verified with both keys.
    pub fn cosigned(&self) -> Option<Checkpoint> {
        let months = std::fs::read_dir(self.log().join("tree")).ok()?;
        let months = months.map(|month| month.unwrap().path().join("cosigned"));
        let newest = months.filter(|path| path.exists()).max()?;
        let note = SignedNote::parse(&std::fs::read(newest).unwrap()).unwrap();
        assert!(
            note.cosigned_at(&self.key("witness.key.pub"))
                .unwrap()
                .is_some()
        );
        Some(note.checkpoint(&[self.key("log-sign.key.pub")]).unwrap())
    }

    /// Waits until everything that was recorded is cosigned, and says how much that is.
    pub fn wait_until_cosigned(&self, server: &Server) -> u64 {
        until("the log is on the disk", || {
            server.metric("hecha_log_unsynced_records") == 0.0
        });
        until("the tree has all", || {
            server.metric("hecha_log_tree_behind_records") == 0.0
        });
        let size = server.metric("hecha_log_tree_size") as u64;
        until("the witness has all", || {
            self.cosigned()
                .is_some_and(|cosigned| cosigned.size >= size)
        });
        size
    }

    /// Starts the gateway, which must refuse; what it says.
    pub fn refused_start(&self) -> String {
        let config = self.installation.config();
        let (code, output) = run(hecha().arg("serve").arg("--config").arg(config));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(code, 2, "{said}");
        said
    }
}

fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

fn ask_times(server: &Server, installation: &Installation, times: usize) {
    for _ in 0..times {
        let answer = server.ask(&installation.token, &ticket());
        assert_eq!(answer.decision(), "block");
    }
}

#[test]
fn checkpoints_are_cosigned_and_the_metrics_say_so() {
    let world = Witnessed::new();
    let server = world.installation.serve();
    ask_times(&server, &world.installation, 3);
    let size = world.wait_until_cosigned(&server);
    assert!(size > 3, "{size}");
    until("the metric follows", || {
        server.metric("hecha_witness_size") >= size as f64
    });
    assert!(server.metric("hecha_witness_age_seconds") < 60.0);
    assert_eq!(server.metric("hecha_witness_failures_total"), 0.0);
    assert_eq!(server.metric("hecha_witness_contradiction"), 0.0);
    ask_times(&server, &world.installation, 2);
    let grown = world.wait_until_cosigned(&server);
    assert!(grown > size);
    // At shutdown the very last records are cosigned too.
    assert!(server.stop().success());
    let last = world.cosigned().unwrap();
    assert!(last.size > grown, "{} {grown}", last.size);
    let logs = world.witness.get("/logs").text();
    assert_eq!(logs, format!("{} {}\n", last.size, last.origin));
}

#[test]
fn a_log_restored_from_an_older_copy_is_refused_and_an_epoch_goes_on() {
    let world = Witnessed::new();
    let server = world.installation.serve();
    ask_times(&server, &world.installation, 2);
    world.wait_until_cosigned(&server);
    assert!(server.stop().success());
    let copy = world.installation.path("state/copy");
    copy_folder(&world.log(), &copy);
    let server = world.installation.serve();
    ask_times(&server, &world.installation, 5);
    let seen = world.wait_until_cosigned(&server);
    assert!(server.stop().success());
    let seen = world.cosigned().unwrap().size.max(seen);
    // A power cut, and a restore from last night.
    std::fs::remove_dir_all(world.log()).unwrap();
    copy_folder(&copy, &world.log());
    let before = file_bytes(&world.log());
    let said = world.refused_start();
    assert!(said.contains("has seen records that are gone"), "{said}");
    assert!(
        said.contains(&format!("the witness has seen {seen}")),
        "{said}"
    );
    assert!(said.contains("hecha log epoch"), "{said}");
    assert_eq!(
        file_bytes(&world.log()),
        before,
        "nothing was written behind it"
    );
    let url = format!("http://{}", world.witness.address);
    let (code, output) = run(hecha()
        .args([
            "log",
            "epoch",
            "--reason",
            "disk of gateway 3 died",
            "--by",
            "Li Si",
        ])
        .args(["--witness", &url])
        .arg(world.log()));
    assert_eq!(code, 0, "{output:?}");
    let server = world.installation.serve();
    ask_times(&server, &world.installation, 1);
    let records = world.installation.log(&[]);
    let first = &records[0];
    assert_eq!(first["kind"], "epoch", "{first}");
    let details = &first["details"];
    assert_eq!(details["reason"], "disk of gateway 3 died");
    assert_eq!(details["by"], "Li Si");
    assert_eq!(details["folder"], "log-epoch-1");
    let witnessed = details["witnessed"].as_str().unwrap();
    assert!(
        witnessed.starts_with(&format!("{seen} hecha.log/")),
        "{witnessed}"
    );
    // The old log is where it was said to be, byte for byte, and the new one is cosigned.
    let old = world.installation.path("state/log-epoch-1");
    assert_eq!(file_bytes(&old), before);
    world.wait_until_cosigned(&server);
    assert_eq!(world.witness.get("/logs").text().lines().count(), 2);
    assert!(server.stop().success());
    // Once recorded, the note is not recorded again, and the old log is not missed.
    let server = world.installation.serve();
    let epochs = world.installation.log(&[]);
    let epochs = epochs.iter().filter(|one| one["kind"] == "epoch").count();
    assert_eq!(epochs, 1);
    assert!(server.stop().success());
}

/// Bytes of all files but the lock and what is prepared.
fn file_bytes(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = crate::harness::files_below(folder)
        .into_iter()
        .filter(|path| !path.ends_with("log.lock"))
        .map(|path| {
            let bytes = std::fs::read(&path).unwrap();
            (path.strip_prefix(folder).unwrap().to_owned(), bytes)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_log_that_is_gone_is_refused_too() {
    let world = Witnessed::new();
    let server = world.installation.serve();
    ask_times(&server, &world.installation, 1);
    world.wait_until_cosigned(&server);
    assert!(server.stop().success());
    std::fs::rename(world.log(), world.installation.path("stolen")).unwrap();
    let said = world.refused_start();
    assert!(said.contains("this folder holds no log"), "{said}");
    assert!(!world.log().exists(), "nothing was begun");
    let epoch = |more: &[&str]| {
        run(hecha()
            .args(["log", "epoch", "--reason", "stolen", "--by", "Li Si"])
            .args(more)
            .arg(world.log()))
    };
    let (code, _) = epoch(&[]);
    assert_eq!(code, 2, "without a witness nobody knows what was there");
    let url = format!("http://{}", world.witness.address);
    let (code, output) = epoch(&["--witness", &url]);
    assert_eq!(code, 0, "{output:?}");
    let server = world.installation.serve();
    assert_eq!(world.installation.log(&[])[0]["kind"], "epoch");
    let answer = server.ask(
        &world.installation.token,
        &ticket_of("张三丰", &number_of_zhang()),
    );
    assert_eq!(answer.decision(), "block");
    let in_use = epoch(&["--witness", &url]);
    let said = String::from_utf8(in_use.1.stderr).unwrap();
    assert!(in_use.0 == 2 && said.contains("in use"), "{said}");
}

#[test]
fn a_witness_that_is_away_is_said_or_required() {
    let mut world = Witnessed::new();
    let address = world.witness.address.to_string();
    let (installation, witness) = (&mut world.installation, world.witness);
    assert!(witness.stop().success());
    let server = installation.serve();
    assert_eq!(
        server.ask(&installation.token, &ticket()).decision(),
        "block"
    );
    until("failures are counted", || {
        server.metric("hecha_witness_failures_total") > 0.0
    });
    // It comes back, and takes what it has missed.
    let log_key = installation.path("log-sign.key.pub");
    let witness = WitnessProcess::start(&installation.path(""), &log_key, &address);
    until("the witness catches up", || {
        server.metric("hecha_witness_size") > 0.0
    });
    assert!(server.stop().success());
    assert!(witness.stop().success());
    installation
        .more_config
        .push_str("witness_required = true\n");
    let config = installation.config();
    let (code, output) = run(hecha().arg("serve").arg("--config").arg(config));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("cannot be asked what it has seen"), "{said}");
    assert!(said.contains("witness_required = false"), "{said}");
}
