//! An installation in a folder of its own, and the real program serving it.

use crate::http::{Answer, Request};
use hecha::build::build_records;
use hecha::build::inputs::{AsOf, BuildInputs};
use hecha::catalogue::load::built_in;
use hecha::gateway::client_record::{self, ClientRecord};
use hecha::gateway::clock::Clock;
use hecha::identifier::synthetic;
use hecha::intake::validate::parse_record;
use hecha::model::term::Moment;
use hecha::seal::entropy::OsEntropy;
use hecha::seal::keys::MasterKey;
use hecha::seal::sign::SigningKey;
use hecha::snapshot::open::Snapshot;
use hecha::snapshot::publish;
use hecha::storage::disk::RealDisk;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest wait for anything that must happen by itself.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// 张三丰, listed by `fz-court-1`, by number.
pub fn number_of_zhang() -> String {
    synthetic::citizen_id(990_102, (1980, 3, 7), 123)
}

/// A number that nobody is listed by.
pub fn other_number() -> String {
    synthetic::citizen_id(990_203, (1991, 8, 24), 35)
}

/// A record of the court's list on a person with a full number.
pub fn court_record(entry_id: &str, name: &str, number: &str) -> Value {
    json!({
        "entry_id": entry_id, "list": "court-defaulter",
        "subject": {"kind": "person", "name": name,
                    "ids": [{"type": "citizen_id", "number": number}]},
        "case_no": format!("(2025)测9901执{entry_id}号"), "authority": "测试区人民法院",
        "supplier": "测试省高级人民法院", "submitted_at": "2025-03-11T09:00:00+08:00",
        "published": "2025-03-10", "in_force_from": "2025-03-10",
        "disclosure": "public", "status": "in_force"
    })
}

/// The list that tests begin with: one person, one organisation.
pub fn first_list() -> Vec<Value> {
    let organisation = json!({
        "entry_id": "福/州 1", "list": "court-defaulter",
        "subject": {"kind": "organisation", "name": "测试建材有限公司", "ids": [{
            "type": "credit_code",
            "number": synthetic::credit_code("91", 990_105, "MA7K3P2X")}]},
        "case_no": "(2025)测9901执2号", "authority": "测试区人民法院",
        "supplier": "测试省高级人民法院", "submitted_at": "2025-03-11T09:00:00+08:00",
        "in_force_from": "2025-03-10", "disclosure": "public", "status": "in_force"
    });
    vec![
        court_record("fz-court-1", "张三丰", &number_of_zhang()),
        organisation,
    ]
}

/// A question about 张三丰 on a G train: blocked while he is listed.
pub fn ticket() -> Value {
    ticket_of("张三丰", &number_of_zhang())
}

pub fn ticket_of(name: &str, number: &str) -> Value {
    json!({
        "scenario": "rail.ticket",
        "attributes": {"train_class": "G", "seat_class": "second"},
        "subject": {"kind": "person", "name": name,
                    "ids": [{"type": "citizen_id", "number": number}]},
        "purpose": "ticket sale", "reference": "order 1"
    })
}

/// Folder, keys, clients and snapshots of one gateway.
pub struct Installation {
    folder: TempDir,
    pub master: MasterKey,
    /// Lines of the configuration besides those that every installation has.
    pub more_config: String,
    /// Token of a unit with every role and scenario.
    pub token: String,
}

impl Installation {
    /// With one client, and the first list published.
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let master = MasterKey::create(&folder.path().join("snapshot.key"), &OsEntropy).unwrap();
        MasterKey::create(&folder.path().join("log.key"), &OsEntropy).unwrap();
        SigningKey::create(&folder.path().join("log-sign.key"), &OsEntropy).unwrap();
        let mut installation = Self {
            folder,
            master,
            more_config: String::new(),
            token: String::new(),
        };
        installation.token = installation.client("everything", |_| ());
        installation.publish(first_list());
        installation
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds a unit with every scenario and role, changed by `change`; its token.
    pub fn client(&self, unit: &str, change: impl FnOnce(&mut ClientRecord)) -> String {
        let roles = ["checker", "steward", "auditor", "admin"];
        let mut record = ClientRecord {
            unit: unit.to_owned(),
            kind: "enterprise".to_owned(),
            scenarios: vec!["*".to_owned()],
            roles: roles.map(str::to_owned).to_vec(),
            ..ClientRecord::default()
        };
        change(&mut record);
        client_record::add(&self.path("clients.toml"), record, &OsEntropy).unwrap()
    }

    /// Bytes of a snapshot of these records.
    pub fn snapshot(&self, records: Vec<Value>, change: impl FnOnce(&mut BuildInputs)) -> Vec<u8> {
        let catalogue = built_in().unwrap();
        let records = records
            .iter()
            .map(|record| parse_record(&record.to_string(), &catalogue).unwrap())
            .collect();
        let now = Clock::default().now();
        let master = self.master.clone();
        let mut inputs = BuildInputs::new("test", master, &catalogue, [7; 32], now);
        inputs.as_of = vec![AsOf {
            list: None,
            moment: now,
        }];
        inputs.previous_version = Some(self.highest_version());
        change(&mut inputs);
        build_records(records, &inputs).unwrap()
    }

    /// Builds and publishes a list; its snapshot id.
    pub fn publish(&self, records: Vec<Value>) -> String {
        let snapshot = Snapshot::from_bytes(self.snapshot(records, |_| ())).unwrap();
        let folder = self.path("snapshots");
        std::fs::create_dir_all(&folder).unwrap();
        publish::publish(&RealDisk, &snapshot, &folder).unwrap();
        snapshot.id().to_string()
    }

    fn highest_version(&self) -> u64 {
        let files = std::fs::read_dir(self.path("snapshots"));
        let names = files.into_iter().flatten().flatten();
        let versions = names.filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            name.split_once('-')?.0.parse().ok()
        });
        versions.max().unwrap_or(0)
    }

    /// Writes the configuration; its path.
    pub fn config(&self) -> PathBuf {
        // A busy machine is no fault of the gateway: turned away is only whoever a test turns away.
        let patience = match self.more_config.contains("queue_wait_ms_max") {
            true => "",
            false => "queue_wait_ms_max = 10000\n",
        };
        let text = format!(
            "environment = \"test\"\nlisten = \"127.0.0.1:0\"\nops_listen = \"127.0.0.1:0\"\n\
             state_dir = \"state\"\nsnapshot_dir = \"snapshots\"\nclients_file = \"clients.toml\"\n\
             snapshot_key_file = \"snapshot.key\"\nlog_key_file = \"log.key\"\n\
             check_runtimes = 2\nwatch_interval_ms = 20\ndrain_delay_ms = 0\n\
             log_segment_bytes = 1048576\ndisk_wait_ms_max = 10000\n{patience}{}",
            self.more_config
        );
        let path = self.path("hecha.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The gateway, answering.
    pub fn serve(&self) -> Server {
        Server::start(hecha().arg("serve").arg("--config").arg(self.config()))
    }

    /// All records of the log, oldest first.
    pub fn log(&self, flags: &[&str]) -> Vec<Value> {
        let output = hecha()
            .args(["log", "query", "--json"])
            .args(flags)
            .arg(self.path("state/log"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let parse = |line: &str| serde_json::from_str(line).unwrap();
        text.lines().map(parse).collect()
    }
}

/// The program under test.
pub fn hecha() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hecha"));
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command
}

/// What servers say of themselves is shown where `HECHA_TEST_OUTPUT` is set.
fn own_log() -> Stdio {
    match std::env::var_os("HECHA_TEST_OUTPUT") {
        Some(_) => Stdio::inherit(),
        None => Stdio::null(),
    }
}

/// Output of a command that ends by itself.
pub fn run(command: &mut Command) -> (i32, Output) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap_or(-1), output)
}

/// A running gateway; killed when dropped.
pub struct Server {
    child: Child,
    pub checks: SocketAddr,
    pub ops: SocketAddr,
}

impl Server {
    /// Starts a command and waits for its line.
    pub fn start(command: &mut Command) -> Self {
        Self::start_saying(command, own_log())
    }

    /// As `start`; what it says of itself goes to `said`.
    pub fn start_saying(command: &mut Command, said: Stdio) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(said)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("not ready: {line:?} {:?}", child.wait()));
        let address = |key: &str| ready[key].as_str().unwrap().parse().unwrap();
        Self {
            checks: address("listen"),
            ops: address("ops_listen"),
            child,
        }
    }

    /// One question as `token`.
    pub fn ask(&self, token: &str, question: &Value) -> Answer {
        Request::post("/v1/check", question.to_string())
            .token(token)
            .send(self.checks)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Stops it and waits until each of its threads stands: the first to see the signal tells the
    /// others, which may go on for as long as that one waits for a processor.
    pub fn stand_still(&self) {
        self.signal("STOP");
        let tasks = format!("/proc/{}/task", self.pid());
        until("every thread stands", || {
            std::fs::read_dir(&tasks).unwrap().all(|task| {
                let stat = std::fs::read_to_string(task.unwrap().path().join("stat"));
                // A thread that ended meanwhile does nothing any more.
                stat.map_or(true, |stat| stat.contains(") T "))
            })
        });
    }

    /// Bytes of a file beyond which it may not write; `None` for no limit.
    pub fn limit_files_to(&self, bytes: Option<u64>) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let limit = rustix::process::Rlimit {
            current: bytes,
            maximum: None,
        };
        rustix::process::prlimit(Some(pid), rustix::process::Resource::Fsize, limit).unwrap();
    }

    /// Ends it as an operator does.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Ends it as a power cut of the process does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("the gateway ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Value of a metric without labels, or with them as written.
    pub fn metric(&self, name: &str) -> f64 {
        let text = Request::get("/metrics").send(self.ops).text();
        let line = text.lines().find(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(' '))
        });
        let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    }

    /// Snapshot that serves.
    pub fn snapshot(&self, token: &str) -> Value {
        let answer = Request::get("/v1/snapshot").token(token).send(self.ops);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something holds that must come to hold by itself.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < WAIT_MAX, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every file below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}

/// The moment it is.
pub fn now() -> Moment {
    Clock::default().now()
}
