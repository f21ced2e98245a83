//! A service whose memory has an end: a second snapshot that does not fit beside the first, locked
//! one is refused, and the kernel has no reason to end the process.
//!
//! Needs root and control groups of memory (version 1 or 2): not run by `cargo test`.
//! `make faults-root` runs it.

use crate::caller::Caller;
use crate::installation::{Installation, Server, check_of, defaulter};
use hecha::snapshot::open::Snapshot;
use rustix::fs::{Advice, fadvise};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Some 16 MB a snapshot.
const LISTED: usize = 100_000;
const LOOKS_MAX: usize = 3_000;

/// A control group of its own, removed when dropped.
struct Group {
    folder: PathBuf,
    is_first: bool,
}

impl Group {
    fn new() -> Self {
        let is_first = Path::new("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists();
        let root = match is_first {
            true => "/sys/fs/cgroup/memory",
            false => "/sys/fs/cgroup",
        };
        let folder = Path::new(root).join(format!("hecha-faults-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        Self { folder, is_first }
    }

    fn file(&self, first: &str, second: &str) -> PathBuf {
        let name = if self.is_first { first } else { second };
        self.folder.join(name)
    }

    fn used_bytes(&self) -> u64 {
        let file = self.file("memory.usage_in_bytes", "memory.current");
        fs::read_to_string(file).unwrap().trim().parse().unwrap()
    }

    /// Pages of files that the kernel can take back, such as those of the log.
    fn file_bytes(&self) -> u64 {
        let text = fs::read_to_string(self.folder.join("memory.stat")).unwrap();
        let of = |name| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map_or(0, |bytes| bytes.trim().parse().unwrap())
        };
        of("active_file ") + of("inactive_file ")
    }

    fn limit_to(&self, bytes: u64) {
        let file = self.file("memory.limit_in_bytes", "memory.max");
        fs::write(file, bytes.to_string()).unwrap();
    }

    /// Processes that the kernel has ended for want of memory.
    fn kills(&self) -> u64 {
        let text = fs::read_to_string(self.file("memory.oom_control", "memory.events")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.unwrap().parse().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Publishes, and takes the pages out of memory again: whoever maps them pays for them.
fn publish(installation: &Installation, snapshot: &Snapshot) {
    installation.publish(snapshot);
    for file in fs::read_dir(installation.snapshot_dir()).unwrap() {
        let file = fs::File::open(file.unwrap().path()).unwrap();
        file.sync_all().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    }
}

fn serving(caller: &mut Caller, n: usize) -> String {
    let reply = caller.post("/v1/check", &check_of(n)).unwrap();
    assert_eq!(reply.status, 200);
    reply.json()["snapshot"]["id"].as_str().unwrap().to_owned()
}

fn refused(operator: &mut Caller) -> bool {
    let reply = operator.get("/metrics").unwrap();
    let text = String::from_utf8(reply.body).unwrap();
    let name = "hecha_snapshot_refused_total{reason=\"memory\"} ";
    text.lines()
        .any(|line| line.strip_prefix(name).is_some_and(|count| count != "0"))
}

#[track_caller]
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut looks = (0..LOOKS_MAX).take_while(|_| {
        thread::sleep(Duration::from_millis(20));
        !holds()
    });
    assert!(
        looks.by_ref().count() < LOOKS_MAX,
        "waited in vain until {what}"
    );
}

#[test]
#[ignore = "needs root: make faults-root"]
fn a_control_group_of_one_snapshot_and_a_half_refuses_the_second_and_lives() {
    let installation = Installation::new();
    let build = |version: u64| {
        let records = (0..LISTED).map(|n| defaulter(n, format!("v{version}-{n}")));
        installation.build(records.collect(), version)
    };
    let first = build(1);
    publish(&installation, &first);
    let group = Group::new();
    let server: Server = installation.start_in(&group.folder);
    let mut caller = installation.caller(&server).unwrap();
    let mut operator = installation.operator(&server).unwrap();
    for n in 0..200 {
        assert_eq!(serving(&mut caller, n), first.id().to_string());
    }
    let (used, bytes) = (
        group.used_bytes() - group.file_bytes(),
        first.bytes().len() as u64,
    );
    assert!(
        used > bytes,
        "the snapshot is in the group: {used} of {bytes}"
    );
    // What it cannot do without, the first snapshot in it, and half of another.
    group.limit_to(used + bytes / 2);
    let second = build(2);
    publish(&installation, &second);
    wait_until("it is refused", || {
        assert_eq!(serving(&mut caller, 1), first.id().to_string());
        refused(&mut operator)
    });
    for n in 0..2_000 {
        assert_eq!(serving(&mut caller, n), first.id().to_string());
    }
    assert_eq!(group.kills(), 0);
    // With more memory and a signal it serves.
    group.limit_to(used + 4 * bytes);
    let pid = server.pid().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-HUP", &pid])
        .status();
    assert!(sent.unwrap().success());
    wait_until("the second serves", || {
        serving(&mut caller, 1) == second.id().to_string()
    });
    println!(
        "snapshots of {bytes} bytes, {used} used with one: refused within {} more, served within \
         {} more; {} ended by the kernel",
        bytes / 2,
        4 * bytes,
        group.kills()
    );
    drop((caller, operator));
    server.kill();
}
