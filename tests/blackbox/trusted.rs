//! An installation whose snapshots must be signed, the people who sign, and steady traffic.

use crate::harness::{
    Installation, Server, court_record, hecha, now, other_number, run, ticket, until,
};
use crate::http::{Connection, Request};
use hecha::build::inputs::BuildInputs;
use hecha::cli::sign::sign;
use hecha::seal::entropy::OsEntropy;
use hecha::seal::sign::SigningKey;
use hecha::snapshot::open::{OpenOptions, Snapshot};
use hecha::snapshot::publish::{self, Current, POINTER};
use hecha::snapshot::statement::Role;
use hecha::storage::disk::RealDisk;
use hecha::storage::replace;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Everybody who can sign; `mallory` is known to no gateway.
const PEOPLE: [&str; 4] = ["builder", "anna", "bert", "mallory"];

/// Time between two questions of the traffic.
const PAUSE: Duration = Duration::from_millis(2);

/// Who must sign where two activators are required.
pub const ALL: [(&str, &str); 3] = [
    ("builder", "builder"),
    ("anna", "activator"),
    ("bert", "activator"),
];

/// An installation with keys.
pub struct Trusted {
    pub installation: Installation,
}

impl Trusted {
    /// With the keys of a builder and two activators, both of whom are required; what is published
    /// first is signed.
    pub fn new() -> Self {
        let mut installation = Installation::new();
        installation.more_config = "builder_keys = [\"builder.key.pub\"]\n\
            activator_keys = [\"anna.key.pub\", \"bert.key.pub\"]\nactivators_required = 2\n"
            .to_owned();
        let trusted = Self { installation };
        for name in PEOPLE {
            SigningKey::create(&trusted.key(name), &OsEntropy).unwrap();
        }
        let first = trusted.current()["file"].as_str().unwrap().to_owned();
        trusted.sign(&first, &ALL);
        trusted
    }

    pub fn key(&self, name: &str) -> PathBuf {
        self.installation.path(&format!("{name}.key"))
    }

    /// A file of the snapshot folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.installation.path("snapshots").join(name)
    }

    /// What the pointer says.
    pub fn current(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.file(POINTER)).unwrap()).unwrap()
    }

    /// Signs a file of the snapshot folder, as `hecha sign` does (`signing.rs`), without a process
    /// for each signature.
    pub fn sign(&self, file: &str, signers: &[(&str, &str)]) {
        if signers.is_empty() {
            return;
        }
        let file = self.file(file);
        let snapshot = Snapshot::open_file(&file, &OpenOptions::default()).unwrap();
        for (name, role) in signers {
            let key = SigningKey::load(&self.key(name)).unwrap();
            sign(&snapshot, &file, &key, Role::parse(role).unwrap()).unwrap();
        }
    }

    /// Puts a snapshot into the folder, signed; nothing names it yet.
    pub fn put(
        &self,
        file: &str,
        signers: &[(&str, &str)],
        change: impl FnOnce(&mut BuildInputs),
    ) -> Snapshot {
        let records = vec![court_record("fz-court-2", "李明", &other_number())];
        let bytes = self.installation.snapshot(records, change);
        std::fs::write(self.file(file), &bytes).unwrap();
        self.sign(file, signers);
        Snapshot::from_bytes(bytes).unwrap()
    }

    /// Makes the pointer say this.
    pub fn point(&self, current: &Current) {
        replace::write(&RealDisk, &self.file(POINTER), &current.to_json()).unwrap();
    }

    /// Puts a signed snapshot into the folder under its own name and makes it current; its id.
    pub fn publish_signed(&self) -> String {
        let snapshot = self.put("next.hecha", &ALL, |_| ());
        let mut command = hecha();
        command.arg("publish").arg(self.file("next.hecha"));
        command.arg("--to").arg(self.installation.path("snapshots"));
        for (name, _) in ALL {
            command.arg("--trust").arg(self.public_key(name));
        }
        let (code, output) = run(&mut command);
        assert_eq!(code, 0, "{output:?}");
        for name in ["next.hecha", "next.hecha.sig"] {
            std::fs::remove_file(self.file(name)).unwrap();
        }
        snapshot.id().to_string()
    }

    pub fn public_key(&self, name: &str) -> PathBuf {
        self.installation.path(&format!("{name}.key.pub"))
    }

    /// A rollback order of these people.
    pub fn order(&self, from: u64, to: u64, signers: &[&str]) -> Value {
        let out = self.installation.path(&format!("order-{from}-{to}.json"));
        let _ = std::fs::remove_file(&out);
        for name in signers {
            let mut command = hecha();
            command.args([
                "sign",
                "--environment",
                "test",
                "--reason",
                "a bad delivery",
            ]);
            command.args([
                "--from",
                &from.to_string(),
                "--rollback-to",
                &to.to_string(),
            ]);
            command
                .arg("--key")
                .arg(self.key(name))
                .arg("--out")
                .arg(&out);
            let (code, output) = run(&mut command);
            assert_eq!(code, 0, "{output:?}");
        }
        serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap()
    }
}

/// Snapshots refused for this reason so far.
pub fn refusals(server: &Server, reason: &str) -> u64 {
    let text = Request::get("/metrics").send(server.ops).text();
    let name = format!("hecha_snapshot_refused_total{{reason=\"{reason}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&*name));
    value.map_or(0, |value| value.parse().unwrap())
}

/// A caller who asks again and again while files come and go.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    thread: Option<JoinHandle<Vec<String>>>,
}

impl Traffic {
    /// Asks about 张三丰 until it is stopped.
    pub fn start(server: &Server, token: &str) -> Self {
        let (stop, answered) = (Arc::default(), Arc::default());
        let request = Request::post("/v1/check", ticket().to_string()).token(token);
        let (request, address) = (request.bytes(), server.checks);
        let of_thread: (Arc<AtomicBool>, Arc<AtomicU64>) =
            (Arc::clone(&stop), Arc::clone(&answered));
        let thread = std::thread::spawn(move || {
            let (stop, answered) = of_thread;
            let mut failed = Vec::new();
            let mut connection = Connection::to(address);
            while !stop.load(Ordering::Relaxed) {
                // A steady caller, not a load test: the gateway shares its cores with other tests.
                std::thread::sleep(PAUSE);
                connection.send(&request);
                match connection.read() {
                    Some(answer) if answer.status == 200 => {
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    Some(answer) => failed.push(answer.text()),
                    None => {
                        failed.push("closed".to_owned());
                        connection = Connection::to(address);
                    }
                }
            }
            failed
        });
        Self {
            stop,
            answered,
            thread: Some(thread),
        }
    }

    /// Answers so far.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Ends it; not one request may have failed.
    #[track_caller]
    pub fn finish(mut self) {
        until("it is answered", || self.answered() > 0);
        self.stop.store(true, Ordering::Relaxed);
        let failed = self.thread.take().unwrap().join().unwrap();
        assert!(failed.is_empty(), "{} failed: {}", failed.len(), failed[0]);
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A pointer to a file, as `hecha publish` would write it.
pub fn pointer(snapshot: &Snapshot, file: &str) -> Current {
    publish::Current::to(snapshot, file).unwrap()
}

/// Inputs of a snapshot that will have exactly this version.
pub fn with_version(inputs: &mut BuildInputs, version: u64) {
    inputs.created = now().plus_hours(-24 * 365);
    inputs.previous_version = Some(version - 1);
}
