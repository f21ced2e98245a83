//! Lists built and asked by commands: `hecha key`, `hecha build`, `hecha check`.

use crate::cases::Answered;
use crate::harness::{hecha, run};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

/// A folder with a key, a list file and what was built of it.
pub struct Workshop {
    folder: TempDir,
    /// Exit code of `hecha build`.
    pub exit: i32,
    /// All that it printed.
    pub said: String,
}

impl Workshop {
    /// Builds a list of these records, fetched at `as_of`.
    pub fn build(records: &[Value], as_of: &str) -> Self {
        let lines: Vec<String> = records.iter().map(Value::to_string).collect();
        Self::build_lines(&lines, as_of)
    }

    /// Builds a list of these lines.
    pub fn build_lines(lines: &[String], as_of: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("list.ndjson"), lines.join("\n") + "\n").unwrap();
        let (made, output) = run(hecha().args(["key", "new"]).arg(path("key")));
        assert_eq!(made, 0, "{output:?}");
        let mut build = hecha();
        build
            .arg("build")
            .arg(path("list.ndjson"))
            .arg("--out")
            .arg(path("list.hecha"));
        build.arg("--key").arg(path("key")).args(["--as-of", as_of]);
        let (exit, output) = run(&mut build);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        Self { folder, exit, said }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The quarantine file, empty where nothing was left out.
    pub fn quarantine(&self) -> String {
        std::fs::read_to_string(self.path("list.hecha.quarantine.csv")).unwrap_or_default()
    }

    /// The answer of `hecha check` at a moment, on a machine whose zone is `zone`.
    pub fn check(&self, question: &Value, at: &str, zone: &str) -> Answered {
        let mut command = hecha();
        command
            .env("TZ", zone)
            .args(["check", "--request", "-", "--at", at]);
        command.arg("--snapshot").arg(self.path("list.hecha"));
        command.arg("--key").arg(self.path("key"));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(question.to_string().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let body: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        Answered {
            status: body["status"].as_u64().unwrap_or(200),
            body,
        }
    }
}

/// What `hecha serve` says when it does not start; one that starts after all is a fault.
#[track_caller]
pub fn refuses_to_serve(config: &Path) -> (i32, String) {
    let mut child = hecha()
        .arg("serve")
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut ready).unwrap();
    if !ready.is_empty() {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("it serves: {ready}");
    }
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    (child.wait().unwrap().code().unwrap(), said)
}
