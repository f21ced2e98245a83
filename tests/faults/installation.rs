//! A whole installation in a folder of its own: keys, a client, configuration, snapshots; and the
//! real server, started and killed.

use crate::caller::Caller;
use hecha::build;
use hecha::build::inputs::BuildInputs;
use hecha::catalogue::load;
use hecha::catalogue::measure::Catalogue;
use hecha::identifier::citizen_id;
use hecha::identifier::kind::IdType;
use hecha::identifier::mask::ListedNumber;
use hecha::model::entry::{Disclosure, EntryId, ListRecord, ListedParty, Status};
use hecha::model::subject::SubjectKind;
use hecha::model::term::{Day, Moment};
use hecha::seal::entropy::OsEntropy;
use hecha::seal::keys::MasterKey;
use hecha::seal::sign::SigningKey;
use hecha::seal::token;
use hecha::snapshot::open::Snapshot;
use hecha::snapshot::publish::{self, Accepted};
use hecha::storage::disk::RealDisk;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_hecha");
const SERVE: [&str; 2] = ["serve", "--config"];
pub const UNIT: &str = "示例单位";

/// Everything but the running server.
pub struct Installation {
    folder: TempDir,
    pub catalogue: Catalogue,
    pub token: String,
}

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    pub listen: SocketAddr,
    pub ops_listen: SocketAddr,
}

impl Installation {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        MasterKey::create(&path.join("snapshot.key"), &OsEntropy).unwrap();
        MasterKey::create(&path.join("log.key"), &OsEntropy).unwrap();
        SigningKey::create(&path.join("log-sign.key"), &OsEntropy).unwrap();
        let token = token::new_token(&OsEntropy);
        let clients = format!(
            "[[client]]\nunit = \"{UNIT}\"\nkind = \"enterprise\"\nscenarios = [\"*\"]\n\
             roles = [\"checker\", \"steward\", \"auditor\", \"admin\"]\n\
             token_sha256 = [\"{}\"]\n",
            token::hash(&token).to_hex()
        );
        fs::write(path.join("clients.toml"), clients).unwrap();
        // Waits as long as can be: a slow disk or a busy machine here is no fault of the server.
        // Small segments, so that kills also fall on the change from one to the next.
        let config = "environment = \"test\"\nlisten = \"127.0.0.1:0\"\n\
                      ops_listen = \"127.0.0.1:0\"\nstate_dir = \"state\"\n\
                      snapshot_dir = \"snapshots\"\nclients_file = \"clients.toml\"\n\
                      snapshot_key_file = \"snapshot.key\"\nlog_key_file = \"log.key\"\n\
                      kernel_wait_ms_max = 1000\ndisk_wait_ms_max = 10000\n\
                      queue_wait_ms_max = 10000\nstall_ms_max = 60000\n\
                      watch_interval_ms = 20\nlog_segment_bytes = 1048576\n\
                      gate_replay_checks_max = 100\n";
        fs::write(path.join("hecha.toml"), config).unwrap();
        fs::create_dir(path.join("snapshots")).unwrap();
        Self {
            catalogue: load::built_in().unwrap(),
            token,
            folder,
        }
    }

    pub fn snapshot_dir(&self) -> PathBuf {
        self.folder.path().join("snapshots")
    }

    pub fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// A snapshot of these people, with `version` in it.
    pub fn build(&self, records: Vec<ListRecord>, version: u64) -> Snapshot {
        let master = MasterKey::load(&self.folder.path().join("snapshot.key")).unwrap();
        let salt = *blake3::hash(&version.to_le_bytes()).as_bytes();
        let mut inputs = BuildInputs::new("test", master, &self.catalogue, salt, Moment(0));
        inputs.previous_version = Some(version - 1);
        Snapshot::from_bytes(build::build_records(records, &inputs).unwrap()).unwrap()
    }

    /// Makes it the current one; accepted, for each version has entry_ids of its own.
    pub fn publish(&self, snapshot: &Snapshot) {
        let accepted = Accepted {
            by: "test".to_owned(),
            reason: "another list altogether".to_owned(),
            at: Moment(0),
            exceeded: Vec::new(),
        };
        let folder = self.snapshot_dir();
        publish::publish_signed(&RealDisk, snapshot, &folder, None, Some(accepted)).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the server has said of itself so far.
    pub fn said(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap()
    }

    /// Starts the server and waits until it is ready.
    pub fn start(&self) -> Server {
        self.start_with(&[])
    }

    /// The same with variables.
    pub fn start_with(&self, variables: &[(&str, &OsStr)]) -> Server {
        let mut command = Command::new(PROGRAM);
        self.run(command.args(SERVE).envs(variables.iter().copied()))
    }

    /// The same in a control group, from its first page on.
    pub fn start_in(&self, group: &Path) -> Server {
        let mut command = Command::new("/bin/sh");
        let enter = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";
        command.args(["-c", enter]).arg(group).arg(PROGRAM);
        self.run(command.args(SERVE))
    }

    fn run(&self, command: &mut Command) -> Server {
        let stderr = self.folder.path().join("stderr");
        let mut child = command
            .arg(self.folder.path().join("hecha.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let _ = child.kill();
            let mut said = String::new();
            File::open(&stderr)
                .unwrap()
                .read_to_string(&mut said)
                .unwrap();
            panic!("the server did not start: {said}");
        };
        let address = |key: &str| ready[key].as_str().unwrap().parse().unwrap();
        Server {
            listen: address("listen"),
            ops_listen: address("ops_listen"),
            child,
        }
    }

    pub fn caller(&self, server: &Server) -> std::io::Result<Caller> {
        Caller::connect(server.listen, &self.token)
    }

    pub fn operator(&self, server: &Server) -> std::io::Result<Caller> {
        Caller::connect(server.ops_listen, &self.token)
    }
}

impl Server {
    /// Of checks and of operators.
    pub fn addresses(&self) -> (SocketAddr, SocketAddr) {
        (self.listen, self.ops_listen)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Bytes of address space that it has.
    pub fn address_space_bytes(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.pid())).unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap() * 4096
    }

    /// Bytes of address space beyond which it gets none.
    pub fn limit_address_space_to(&self, bytes: u64) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let limit = rustix::process::Rlimit {
            current: Some(bytes),
            maximum: None,
        };
        rustix::process::prlimit(Some(pid), rustix::process::Resource::As, limit).unwrap();
    }

    /// SIGKILL, at once.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A judgment defaulter: number `n` of them, under this entry_id.
pub fn defaulter(n: usize, entry_id: String) -> ListRecord {
    let now = now();
    ListRecord {
        entry_id: EntryId(entry_id.into()),
        list: "court-defaulter".into(),
        subject: ListedParty {
            kind: SubjectKind::Person,
            name: name(n).into(),
            aliases: Vec::new(),
            ids: vec![ListedNumber::parse(IdType::CitizenId, &number(n)).unwrap()],
            birth_date: Day::parse("1980-03-07"),
            role: None,
        },
        related: Vec::new(),
        grade: None,
        conduct: None,
        conduct_ended: None,
        able_but_refuses: None,
        case_no: format!("(2025)闽9901执{n}号").into(),
        authority: "示例区人民法院".into(),
        region: None,
        supplier: "示例省高级人民法院".into(),
        submitted_at: now,
        published: None,
        in_force_from: Day(now.day().0 - 100),
        in_force_until: None,
        retained_basis: None,
        disclosure: Disclosure::Public,
        status: Status::InForce,
        recourse: None,
    }
}

/// The body of a check of person `n`; blocked where listed.
pub fn check_of(n: usize) -> Value {
    json!({
        "scenario": "rail.ticket",
        "attributes": {"train_class": "G", "seat_class": "second"},
        "subject": {
            "kind": "person",
            "name": name(n),
            "ids": [{"type": "citizen_id", "number": number(n)}],
        },
        "purpose": "ticket sale",
        "reference": "order 1",
    })
}

/// Of the machine's clock: the server goes by it too.
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Moment(since.as_micros() as i64)
}

fn name(n: usize) -> String {
    const SYLLABLES: [&str; 8] = ["伟", "娜", "芳", "静", "明", "远", "司", "徒"];
    let of = |place: usize| SYLLABLES[n / 8usize.pow(place as u32) % 8];
    format!("张{}{}{}", of(0), of(1), of(2))
}

fn number(n: usize) -> String {
    let body = format!("990{:03}19800307{:03}", 100 + n / 1_000, n % 1_000);
    let check = citizen_id::check_character(body.as_bytes());
    format!("{body}{}", char::from(check))
}

/// Files of a folder, for a message.
pub fn listing(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}
