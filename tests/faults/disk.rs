//! A disk that fails, is full or is slow, under the real server (`shim.c`): what was acknowledged
//! is kept, nothing is acknowledged that is not, and who may be let through is let through.
//!
//! `HECHA_DISK_FIGURES=1 cargo test --release --test faults disk:: -- --nocapture` (`make
//! disk-figures`) prints the times of each class on slow disks.

use crate::caller::Caller;
use crate::dice::Dice;
use crate::installation::{Installation, Server, check_of, defaulter};
use crate::kill::{self, Acknowledged, LISTED};
use crate::shim::{EIO, Number, Shim};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// So often something is looked for that must come, every few milliseconds.
const LOOKS_MAX: usize = 6_000;

struct World {
    installation: Installation,
    shim: Shim,
}

impl World {
    fn new() -> Self {
        let installation = Installation::new();
        let records = (0..LISTED).map(|n| defaulter(n, format!("court-{n:05}")));
        installation.publish(&installation.build(records.collect(), 1));
        let shim = Shim::new(&installation);
        Self { installation, shim }
    }

    fn start(&self, more: &[(&str, &str)]) -> Server {
        let mut variables = self.shim.variables();
        variables.extend(more.iter().map(|(key, value)| (*key, OsStr::new(value))));
        self.installation.start_with(&variables)
    }

    /// Asks until told so by `enough`; answers that came, in order.
    fn ask_until(&self, server: &Server, heard: &mut Acknowledged, enough: impl Fn() -> bool) {
        let mut caller = self.installation.caller(server).unwrap();
        let mut dice = Dice::new(7);
        while !enough() {
            if kill::check(&mut caller, &mut dice, heard).is_err() {
                caller = self.installation.caller(server).unwrap();
            }
        }
    }
}

fn is_ready(operator: &mut Caller) -> bool {
    operator.get("/readyz").unwrap().status == 200
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("waited in vain until {what}");
}

/// One fault of the disk in mid-load, then success; whatever the fault.
fn one_fault_ends_the_log(arm: impl Fn(&Shim)) {
    let world = World::new();
    let server = world.start(&[]);
    let mut operator = world.installation.operator(&server).unwrap();
    let mut heard = Acknowledged::default();
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut heard = Acknowledged::default();
            let failed = || world.shim.get(Number::Failures) > 0;
            world.ask_until(&server, &mut heard, failed);
            heard
        });
        thread::sleep(Duration::from_millis(400));
        arm(&world.shim);
        heard = load.join().unwrap();
    });
    wait_for("it is not ready", || !is_ready(&mut operator));
    let mut caller = world.installation.caller(&server).unwrap();
    for n in 0..200 {
        let reply = caller.post("/v1/check", &check_of(n * 20)).unwrap();
        assert_eq!(reply.status, 503, "nothing is acknowledged after the error");
        let act = json!({"reason": "wrong", "reference": "letter"});
        if n % 50 == 0 {
            operator
                .post(&format!("/v1/entries/court-{n:05}/withdraw"), &act)
                .unwrap();
        }
    }
    assert!(
        !is_ready(&mut operator),
        "and it stays so, though the disk works again"
    );
    assert_eq!(world.shim.get(Number::Failures), 1);
    server.kill();
    // Reads the disk again and goes on.
    let server = world.start(&[]);
    let before = heard.answers.len();
    let mut caller = world.installation.caller(&server).unwrap();
    for _ in 0..50 {
        kill::check(&mut caller, &mut Dice::new(1), &mut heard).unwrap();
    }
    assert_eq!(heard.answers.len(), before + 50);
    server.kill();
    kill::verify(&world.installation, &heard, 0);
    println!("{before} answers before the fault, all kept once, none after it");
}

#[test]
fn a_sync_that_fails_once_ends_the_log_until_the_disk_is_read_again() {
    one_fault_ends_the_log(|shim| {
        shim.set(Number::SyncErrno, EIO);
        shim.set(Number::SyncsPass, 2);
        shim.set(Number::SyncsFail, 1);
    });
}

#[test]
fn a_write_that_fails_once_ends_the_log_until_the_disk_is_read_again() {
    one_fault_ends_the_log(|shim| {
        shim.set(Number::WriteErrno, EIO);
        shim.set(Number::WritesPass, 20);
        shim.set(Number::WritesFail, 1);
    });
}

fn metric(operator: &mut Caller, name: &str) -> f64 {
    let text = String::from_utf8(operator.get("/metrics").unwrap().body).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}"))
        .rsplit(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn a_full_disk_is_said_early_stops_at_the_roll_over_and_leaves_no_gap() {
    let world = World::new();
    // Any disk is nearly full by this threshold: the early warning.
    let server = world.start(&[("HECHA__DISK_FREE_WARN_BYTES", "1125899906842624")]);
    let mut operator = world.installation.operator(&server).unwrap();
    let warns = |operator: &mut Caller| {
        let ready = operator.get("/readyz").unwrap();
        ready.status == 200 && String::from_utf8_lossy(&ready.body).contains("disk_filling_up")
    };
    wait_for("it warns", || warns(&mut operator));
    assert!(metric(&mut operator, "hecha_disk_free_bytes") > 0.0);
    assert!(world.installation.said().contains("is filling up"));
    let mut heard = Acknowledged::default();
    let mut caller = world.installation.caller(&server).unwrap();
    kill::check(&mut caller, &mut Dice::new(3), &mut heard).unwrap();
    // The next segment is prepared; then nothing can grow any more.
    wait_for("the next segment is prepared", || {
        world
            .installation
            .state_dir()
            .join("log/log-00000002.hlog")
            .exists()
    });
    world.shim.set(Number::IsFull, 1);
    let act = json!({"reason": "wrong", "reference": "letter 1"});
    let refused = operator
        .post("/v1/entries/court-00001/withdraw", &act)
        .unwrap();
    assert_eq!(refused.status, 503, "an act that cannot be kept is refused");
    let listed = caller.post("/v1/check", &check_of(1)).unwrap().json();
    assert_eq!(listed["decision"], "block", "and has no effect");
    remember(&mut heard, &listed);
    fill(&mut caller, &mut heard);
    assert_eq!(metric(&mut operator, "hecha_log_next_segment_ready"), 0.0);
    wait_for("it is not ready", || !is_ready(&mut operator));
    assert!(
        heard.answers.len() > 4_000,
        "two segments: {}",
        heard.answers.len()
    );
    server.kill();
    a_full_disk_leaves_the_old_pointer(&world);
    world.shim.set(Number::IsFull, 0);
    let server = world.start(&[]);
    let mut caller = world.installation.caller(&server).unwrap();
    kill::check(&mut caller, &mut Dice::new(4), &mut heard).unwrap();
    let mut operator = world.installation.operator(&server).unwrap();
    let done = operator
        .post("/v1/entries/court-00001/withdraw", &act)
        .unwrap();
    assert!(
        done.status == 200,
        "{}",
        String::from_utf8_lossy(&done.body)
    );
    heard
        .acts
        .push(("court-00001".to_owned(), "letter 1".to_owned()));
    server.kill();
    kill::verify(&world.installation, &heard, 0);
    println!(
        "{} answers before, at and after a full disk, all kept once",
        heard.answers.len()
    );
}

/// Many at once until the first that is refused.
fn fill(caller: &mut Caller, heard: &mut Acknowledged) {
    loop {
        // Nobody listed: no answer waits for the disk.
        let checks: Vec<Value> = (0..400).map(|n| check_of(LISTED + n)).collect();
        let reply = caller
            .post("/v1/checks", &json!({ "checks": checks }))
            .unwrap();
        let answers = match reply.status {
            200 => reply.json()["answers"].as_array().unwrap().clone(),
            503 => return,
            other => panic!("{other}"),
        };
        for answer in &answers {
            if answer["check_id"].is_null() || answer["decision"].is_null() {
                assert_eq!(answer["status"], 503, "{answer}");
                return;
            }
            remember(heard, answer);
        }
    }
}

/// Of an answer read as JSON its bytes are not known: only that its record is there.
fn remember(heard: &mut Acknowledged, answer: &Value) {
    let text = |key: &str| answer[key].as_str().unwrap().to_owned();
    heard.answers.push(kill::Answer {
        check_id: text("check_id"),
        decision: text("decision"),
        hash: None,
    });
}

/// A snapshot that cannot be written: the old one stays what `current.json` names.
fn a_full_disk_leaves_the_old_pointer(world: &World) {
    let installation = &world.installation;
    let records = (0..50).map(|n| defaulter(n, format!("second-{n}")));
    let file = installation.path("second.hecha");
    std::fs::write(&file, installation.build(records.collect(), 2).bytes()).unwrap();
    let pointer = installation.snapshot_dir().join("current.json");
    let before = std::fs::read(&pointer).unwrap();
    let folder = installation.snapshot_dir();
    let output = Command::new(env!("CARGO_BIN_EXE_hecha"))
        .arg("publish")
        .args(["--accept", "test", "--to"])
        .arg(&folder)
        .arg(&file)
        .envs(world.shim.variables())
        .env("HECHA_SHIM_FOLDER", &folder)
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("space left"), "{said}");
    assert_eq!(std::fs::read(&pointer).unwrap(), before);
    let left = crate::installation::listing(&folder);
    assert!(
        !left.iter().any(|name| name.ends_with(".aside")),
        "{left:?}"
    );
}

#[test]
fn a_slow_disk_holds_up_only_what_must_be_on_it() {
    let world = World::new();
    let server = world.start(&[("HECHA__DISK_WAIT_MS_MAX", "50")]);
    let mut caller = world.installation.caller(&server).unwrap();
    let memory_before = resident_kib(&server);
    world.shim.set(Number::SyncDelayMs, 400);
    let mut heard = Acknowledged::default();
    let mut late = 0;
    for n in 0..40 {
        for other in 0..25 {
            let reply = caller
                .post("/v1/check", &check_of(LISTED + n * 25 + other))
                .unwrap();
            assert_eq!(
                reply.status, 200,
                "who is not listed does not wait for the disk"
            );
            remember(&mut heard, &reply.json());
        }
        let reply = caller.post("/v1/check", &check_of(n)).unwrap();
        match reply.status {
            200 => remember(&mut heard, &reply.json()),
            503 => late += 1,
            other => panic!("{other}"),
        }
    }
    assert!(
        late > 20,
        "a block whose record is not on the disk is no block: {late}"
    );
    let grown = resident_kib(&server).saturating_sub(memory_before);
    assert!(grown < 64 << 10, "{grown} KiB more");
    world.shim.set(Number::SyncDelayMs, 0);
    wait_for("blocks are answered again", || {
        caller.post("/v1/check", &check_of(1)).unwrap().status == 200
    });
    server.kill();
    kill::verify(&world.installation, &heard, 0);
    if std::env::var_os("HECHA_DISK_FIGURES").is_some() {
        figures(&world);
    }
}

fn figures(world: &World) {
    for delay_ms in [0, 20, 100, 500] {
        let server = world.start(&[("HECHA__DISK_WAIT_MS_MAX", "250")]);
        world.shim.set(Number::SyncDelayMs, delay_ms);
        let times = |first: usize, count: usize| {
            let mut caller = world.installation.caller(&server).unwrap();
            let mut times = Vec::new();
            let mut late = 0;
            for n in 0..count {
                let begun = Instant::now();
                let reply = caller.post("/v1/check", &check_of(first + n)).unwrap();
                times.push(begun.elapsed());
                late += usize::from(reply.status == 503);
            }
            times.sort_unstable();
            (times[count / 2], times[count * 99 / 100], late)
        };
        let (clear, block) = thread::scope(|scope| {
            let clear = scope.spawn(|| times(LISTED, 2_000));
            let block = scope.spawn(|| times(0, 60));
            (clear.join().unwrap(), block.join().unwrap())
        });
        println!(
            "sync delayed by {delay_ms} ms: clear p50 {:?} p99 {:?}, 503 {}; block p50 {:?} p99 \
             {:?}, 503 {} of 60; resident {} KiB",
            clear.0,
            clear.1,
            clear.2,
            block.0,
            block.1,
            block.2,
            resident_kib(&server)
        );
        world.shim.set(Number::SyncDelayMs, 0);
        server.kill();
    }
}

fn resident_kib(server: &Server) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
