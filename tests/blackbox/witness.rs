//! The real witness process, asked over HTTP by a log that the test makes itself.

use crate::harness::{hecha, run, until};
use crate::http::{Answer, Request};
use hecha::seal::sign::{PublicKey, SigningKey};
use hecha::tree::merkle::{Frontier, Hash, Hashes, leaf_hash};
use hecha::tree::note::{Checkpoint, NoteSignature};
use hecha::tree::submission::Submission;
use serde_json::Value;
use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A running witness; killed when dropped.
pub struct WitnessProcess {
    child: Child,
    pub address: SocketAddr,
}

impl WitnessProcess {
    /// With the key `witness.key` in `folder`, for logs of `log_key`, on any free port or a given
    /// one.
    pub fn start(folder: &Path, log_key: &Path, listen: &str) -> Self {
        let mut child = Self::command(folder, log_key, listen)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.as_mut().unwrap());
        out.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let address = ready["listen"].as_str().unwrap().parse().unwrap();
        Self { child, address }
    }

    pub fn command(folder: &Path, log_key: &Path, listen: &str) -> Command {
        let mut command = hecha();
        command.args(["witness", "--listen", listen]);
        command.arg("--key").arg(folder.join("witness.key"));
        command.arg("--log-key").arg(log_key);
        command.arg("--state").arg(folder.join("witness-state"));
        command
    }

    pub fn send(&self, submission: &Submission) -> Answer {
        Request::post("/add-checkpoint", submission.to_string()).send(self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        Request::get(path).send(self.address)
    }

    /// Ends it as an operator does.
    pub fn stop(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &pid]).status();
        assert!(sent.unwrap().success());
        let mut status = None;
        until("the witness ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for WitnessProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a signing key with the real command.
pub fn new_signing_key(path: &Path) {
    let (code, output) = run(hecha().args(["key", "new", "--signing"]).arg(path));
    assert_eq!(code, 0, "{output:?}");
}

/// Submission of a log of `new` leaves that continues `old` of them.
fn grown(key: &SigningKey, old: u64, new: u64, leaf: impl Fn(u64) -> Hash) -> Submission {
    let (mut edge, mut hashes) = (Frontier::default(), Vec::new());
    for number in 0..new {
        edge.append(leaf(number), |_, hash| hashes.push(hash));
    }
    let read = |_: usize, first: u64, into: &mut [Hash]| {
        let first = first as usize;
        into.copy_from_slice(&hashes[first..first + into.len()]);
        Ok::<(), Infallible>(())
    };
    let checkpoint = Checkpoint {
        origin: "hecha.log/0011223344556677/2026-11".to_owned(),
        size: new,
        root: edge.root(),
    };
    Submission {
        old,
        proof: Hashes::new(&read).consistency_proof(old, new).unwrap(),
        note: checkpoint.sign(key),
    }
}

fn numbered(number: u64) -> Hash {
    leaf_hash(&number.to_le_bytes())
}

#[test]
fn a_witness_cosigns_what_continues_and_remembers_it_over_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    new_signing_key(&path("witness.key"));
    new_signing_key(&path("log.key"));
    let log_key = SigningKey::load(&path("log.key")).unwrap();
    let witness_key = PublicKey::load(&path("witness.key.pub")).unwrap();
    let log_pub = path("log.key.pub");
    let witness = WitnessProcess::start(folder.path(), &log_pub, "127.0.0.1:0");
    let mut old = 0;
    for new in [1, 5, 5, 200] {
        let submission = grown(&log_key, old, new, numbered);
        let answer = witness.send(&submission);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let line = NoteSignature::parse(text.strip_suffix('\n').unwrap()).unwrap();
        let time = line
            .cosigned_at(submission.note.text(), &witness_key)
            .unwrap();
        assert!(time.is_some_and(|time| time > 1_700_000_000), "{time:?}");
        old = new;
    }
    // Killed, not stopped: what it has answered was on the disk before.
    drop(witness);
    let witness = WitnessProcess::start(folder.path(), &log_pub, "127.0.0.1:0");
    let logs = witness.get("/logs");
    assert_eq!(logs.text(), "200 hecha.log/0011223344556677/2026-11\n");
    let conflict = witness.send(&grown(&log_key, 5, 210, numbered));
    assert_eq!((conflict.status, conflict.text().as_str()), (409, "200\n"));
    assert_eq!(conflict.header("content-type"), Some("text/x.tlog.size"));
    let note = witness.get("/checkpoint?origin=hecha.log/0011223344556677/2026-11");
    assert!(
        note.text()
            .starts_with("hecha.log/0011223344556677/2026-11\n200\n")
    );
    assert!(note.text().contains("— hecha.witness/"));
    // Rewritten with the log's own key: another record at place 3.
    let forged = |number| numbered(if number == 3 { 77 } else { number });
    assert_eq!(witness.send(&grown(&log_key, 200, 200, forged)).status, 409);
    assert_eq!(witness.send(&grown(&log_key, 200, 220, forged)).status, 422);
    let kept = std::fs::read_dir(path("witness-state")).unwrap();
    let names = kept.map(|file| file.unwrap().file_name().into_string().unwrap());
    let contradictions = names
        .filter(|name| name.ends_with(".contradiction"))
        .count();
    assert_eq!(contradictions, 1);
    let stranger = SigningKey::from_bytes(&[1; 32]);
    assert_eq!(
        witness.send(&grown(&stranger, 200, 210, numbered)).status,
        403
    );
    assert_eq!(
        witness.send(&grown(&log_key, 200, 210, numbered)).status,
        200
    );
    assert!(witness.stop().success());
}

#[test]
fn a_witness_refuses_malformed_and_oversized_requests_and_lives_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    new_signing_key(&path("witness.key"));
    new_signing_key(&path("log.key"));
    let log_key = SigningKey::load(&path("log.key")).unwrap();
    let witness = WitnessProcess::start(folder.path(), &path("log.key.pub"), "127.0.0.1:0");
    let post = |body: String| Request::post("/add-checkpoint", body).send(witness.address);
    assert_eq!(post("old 0\n\nx\n".to_owned()).status, 400);
    assert_eq!(post("x".repeat(100_000)).status, 413);
    assert_eq!(post(String::new()).status, 400);
    let other = grown(&log_key, 0, 4, numbered);
    let other = other.to_string().replace("hecha.log/", "other.log/");
    assert_eq!(post(other).status, 404);
    assert_eq!(witness.get("/add-checkpoint").status, 405);
    assert_eq!(witness.get("/").status, 404);
    assert_eq!(witness.get("/checkpoint?origin=../../x").status, 404);
    assert_eq!(witness.get("/healthz").text(), "ok\n");
    assert_eq!(witness.get("/logs").text(), "");
    let (code, output) = run(&mut WitnessProcess::command(
        folder.path(),
        &path("log.key.pub"),
        "127.0.0.1:0",
    ));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("in use by another witness"), "{said}");
    let own = path("witness.key.pub");
    let (code, output) = run(&mut WitnessProcess::command(
        folder.path(),
        &own,
        "127.0.0.1:0",
    ));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(code == 2 && said.contains("proves nothing"), "{said}");
}
