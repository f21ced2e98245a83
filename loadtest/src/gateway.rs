//! The two servers as processes: started on their core, told to stop, gone at the end.
//!
//! In: programs and files. Out: the address each listens on. hecha gets a configuration, a log key
//! and a client of its own in a folder of this run, and SIGTERM at the end; whatever happens, no
//! process is left behind.

use crate::channel::{Believed, believe};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a server may take to listen: a large snapshot is verified first.
const READY_MAX: Duration = Duration::from_secs(180);
/// How long a server may take to stop before it is killed.
const STOP_MAX: Duration = Duration::from_secs(30);

/// A server, of ours or listening already.
pub struct Server {
    /// Where checks are answered.
    pub address: SocketAddr,
    /// Where operators are answered; of the bare server there is none.
    pub ops: Option<SocketAddr>,
    /// Whom to believe, where checks are answered by TLS.
    pub tls: Option<Believed>,
    /// From its start until it said where it listens.
    pub ready_after: Duration,
    child: Option<Child>,
}

/// What hecha serves and how.
#[derive(Clone, Copy)]
pub struct Gateway<'a> {
    /// The program.
    pub program: &'a Path,
    /// Folder with `current.json`.
    pub snapshot_dir: &'a Path,
    /// Master key of the snapshot.
    pub snapshot_key: &'a Path,
    /// Environment the snapshot was built for.
    pub environment: &'a str,
    /// Level of the client: kernel or disk.
    pub level: &'a str,
    /// Folder of this run; holds the log.
    pub state_dir: &'a Path,
    /// Which of the safeguards are on.
    pub guards: Guards,
}

/// Safeguards that cost something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guards {
    /// Connections by TLS.
    pub tls: bool,
    /// The tree over the log and its checkpoints.
    pub tree: bool,
    /// Rates, budgets and the watch for enumeration.
    pub limits: bool,
}

impl Guards {
    /// As an installation on this machine alone would have them.
    pub const PLAIN: Self = Self {
        tls: false,
        tree: true,
        limits: true,
    };
}

#[derive(Deserialize)]
struct Ready {
    listen: SocketAddr,
    ops_listen: Option<SocketAddr>,
}

impl Server {
    /// A server that listens already and is not stopped.
    pub fn listening(address: SocketAddr) -> Self {
        Self {
            address,
            ops: None,
            tls: None,
            ready_after: Duration::ZERO,
            child: None,
        }
    }

    /// The bare server, answering the lines of `answers`.
    pub fn bare(answers: &Path) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        command.arg("bare").arg("--answers").arg(answers);
        command.stderr(Stdio::inherit());
        Self::start(command, "the bare server")
    }

    /// hecha, and the token of a client that may ask everything.
    pub fn hecha(gateway: &Gateway<'_>) -> Result<(Self, String)> {
        prepare(gateway)?;
        let token = add_unit(gateway, "loadtest")?;
        Ok((Self::again(gateway)?, token))
    }

    /// hecha, where everything is prepared.
    pub fn again(gateway: &Gateway<'_>) -> Result<Self> {
        let config = text(&gateway.state_dir.join("hecha.toml"));
        let log = gateway.state_dir.join("hecha.stderr");
        let mut command = Command::new(gateway.program);
        command.args(["serve", "--config", &config]);
        command.stderr(File::create(&log)?);
        let mut server = Self::start(command, "hecha")
            .with_context(|| format!("what hecha said stands in {}", log.display()))?;
        if gateway.guards.tls {
            server.tls = Some(believe(&gateway.state_dir.join("ca/ca.pem"))?);
        }
        Ok(server)
    }

    /// Number of the process, where it is ours.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Sends SIGTERM and waits; kills after `STOP_MAX`.
    ///
    /// Errors: it had to be killed, or ended with an error.
    pub fn stop(mut self) -> Result<()> {
        self.stop_child()
    }

    fn start(mut command: Command, name: &str) -> Result<Self> {
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut server = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            ops: None,
            tls: None,
            ready_after: Duration::ZERO,
            child: Some(child),
        };
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let until = Instant::now() + READY_MAX;
        loop {
            let wait = until.saturating_duration_since(Instant::now());
            let line = receiver
                .recv_timeout(wait)
                .with_context(|| format!("{name} did not say where it listens"))?;
            if let Ok(ready) = serde_json::from_str::<Ready>(&line) {
                server.address = ready.listen;
                server.ops = ready.ops_listen;
                server.ready_after = started.elapsed();
                return Ok(server);
            }
        }
    }

    fn stop_child(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let until = Instant::now() + STOP_MAX;
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
        loop {
            match child.try_wait()? {
                Some(_) => return Ok(()),
                None if Instant::now() >= until => break,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        child.kill()?;
        child.wait()?;
        bail!("a server did not stop within {STOP_MAX:?} of SIGTERM and was killed")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only on the way out of an error, which is what is reported.
        let _ = self.stop_child();
    }
}

/// Configuration and keys of the log.
pub fn prepare(gateway: &Gateway<'_>) -> Result<()> {
    write_config(gateway)?;
    let file = |name: &str| text(&gateway.state_dir.join(name));
    run(gateway, &["key", "new", &file("log.key")])?;
    run(gateway, &["key", "new", "--signing", &file("log-sign.key")])?;
    if gateway.guards.tls {
        run(gateway, &["ca", "new", "--dir", &file("ca")])?;
        let host = ["--host", "127.0.0.1"];
        let certificate = ["ca", "server", "--dir", &file("ca")];
        run(gateway, &[&certificate[..], &host[..]].concat())?;
    }
    Ok(())
}

/// Another unit that may ask everything and act on entries and snapshots; its token.
pub fn add_unit(gateway: &Gateway<'_>, unit: &str) -> Result<String> {
    let config = text(&gateway.state_dir.join("hecha.toml"));
    let client = [
        "client",
        "add",
        "--config",
        &config,
        "--unit",
        unit,
        "--scenario",
        "*",
        "--role",
        "checker",
        "--role",
        "steward",
        "--level",
        gateway.level,
    ];
    let mut client = client.to_vec();
    if gateway.guards.limits {
        // Far above what is asked: what is measured is the counting. Five times the people of a
        // mix.
        client.extend(["--rate", "1000000", "--daily-subjects", "100000"]);
    }
    Ok(run(gateway, &client)?.trim().to_owned())
}

/// hecha.toml of this run.
fn write_config(gateway: &Gateway<'_>) -> Result<()> {
    let path = gateway.state_dir.join("hecha.toml");
    let text = config_text(gateway)?;
    fs::write(&path, text).with_context(|| path.display().to_string())
}

fn config_text(gateway: &Gateway<'_>) -> Result<String> {
    let absolute = |path: &Path| -> Result<String> {
        let path = path
            .canonicalize()
            .with_context(|| path.display().to_string())?;
        // JSON escapes of a path are TOML escapes.
        Ok(serde_json::to_string(&path.to_string_lossy())?)
    };
    let state_dir = absolute(gateway.state_dir)?;
    let snapshot_dir = absolute(gateway.snapshot_dir)?;
    let snapshot_key = absolute(gateway.snapshot_key)?;
    let environment = serde_json::to_string(gateway.environment)?;
    let Guards { tls, tree, limits } = gateway.guards;
    let enumeration = if limits { "watch" } else { "off" };
    let mut more = format!("log_tree = {tree}\nenumeration = \"{enumeration}\"\n");
    if tls {
        more.push_str("tls_cert_file = \"ca/server.pem\"\ntls_key_file = \"ca/server.key\"\n");
    }
    Ok(format!(
        "{more}environment = {environment}\n\
         listen = \"127.0.0.1:0\"\nops_listen = \"127.0.0.1:0\"\n\
         state_dir = {state_dir}\nsnapshot_dir = {snapshot_dir}\n\
         snapshot_key_file = {snapshot_key}\nclients_file = \"clients.toml\"\n\
         log_key_file = \"log.key\"\ncheck_runtimes = 1\ndrain_delay_ms = 0\n"
    ))
}

/// Publishes a snapshot into the folder of the gateway, and waits for it.
pub fn publish(gateway: &Gateway<'_>, snapshot: &Path) -> Result<()> {
    let (file, folder) = (text(snapshot), text(gateway.snapshot_dir));
    run(gateway, &["publish", &file, "--to", &folder]).map(drop)
}

/// Runs a command of hecha to its end and returns what it printed.
fn run(gateway: &Gateway<'_>, arguments: &[&str]) -> Result<String> {
    let output = Command::new(gateway.program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| gateway.program.display().to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`hecha {}` failed: {}", arguments.join(" "), said.trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
