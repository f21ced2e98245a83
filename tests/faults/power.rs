//! Power cuts of a real file system under the real server, and an image on a disk that is too
//! small: what was answered at level `disk` is kept; of level `kernel` only the end may be gone.
//!
//! Needs root, loop mounts and mkfs: not run by `cargo test`. `make faults-root` runs it;
//! `HECHA_CUTS=1000` sets the cuts of each file system, `HECHA_KILL_SEED` brings the moments back.

use crate::caller::Caller;
use crate::dice::Dice;
use crate::installation::{Installation, Server, check_of, defaulter};
use crate::kill::number;
use hecha::decision_log::entry::Record;
use hecha::decision_log::query::{self, Filter};
use hecha::storage::disk::RealDisk;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LISTED: usize = 200;
const IMAGE_BYTES: u64 = 400 << 20;
/// Cuts after which the state begins anew, so that reading it all stays short.
const CUTS_OF_A_LOG: u64 = 40;

/// A file system in a file, mounted.
struct Mount {
    image: PathBuf,
    at: PathBuf,
    kind: &'static str,
}

fn done(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
}

impl Mount {
    fn new(folder: &Path, kind: &'static str) -> Self {
        let image = folder.join(format!("{kind}.image"));
        fs::File::create(&image)
            .unwrap()
            .set_len(IMAGE_BYTES)
            .unwrap();
        done(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image));
        let at = folder.join(kind);
        fs::create_dir(&at).unwrap();
        let mount = Self { image, at, kind };
        mount.mount();
        mount
    }

    fn mount(&self) {
        let mut command = Command::new("mount");
        done(
            command
                .args(["-t", self.kind, "-o", "loop"])
                .arg(&self.image)
                .arg(&self.at),
        );
    }

    fn unmount(&self) {
        done(Command::new("umount").arg(&self.at));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).output();
    }
}

/// What callers were told in one life, and when.
struct Told {
    check_id: String,
    is_on_disk: bool,
    at: Instant,
}

fn ask(caller: &mut Caller, seed: u64, stop: &AtomicBool) -> Vec<Told> {
    let mut dice = Dice::new(seed);
    let mut told = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let Ok(reply) = caller.post("/v1/check", &check_of(dice.below(10 * LISTED))) else {
            break;
        };
        if reply.status != 200 {
            break;
        }
        let answer = reply.json();
        told.push(Told {
            check_id: answer["check_id"].as_str().unwrap().to_owned(),
            is_on_disk: answer["level"] == "disk",
            at: Instant::now(),
        });
    }
    told
}

/// Check_ids in the log, each once.
fn kept(log: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    query::read(&RealDisk, log, &Filter::default(), |record| {
        if let Record::Check(check) = record {
            let text = uuid::Uuid::from_bytes(check.check_id.0)
                .hyphenated()
                .to_string();
            assert!(found.insert(text.clone()), "{text} twice");
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

/// What was seen of all cuts of one file system.
#[derive(Default)]
struct Sums {
    cuts: u64,
    on_disk: usize,
    in_kernel: usize,
    lost: usize,
    windows_ms: Vec<f64>,
}

impl Sums {
    /// Nothing of level disk is gone, of level kernel only the end.
    fn judge(&mut self, told: &[Told], kept: &BTreeSet<String>, cut_at: Instant) {
        let gone: Vec<&Told> = told
            .iter()
            .filter(|one| !kept.contains(&one.check_id))
            .collect();
        let of_disk = gone.iter().filter(|one| one.is_on_disk).count();
        assert_eq!(of_disk, 0, "answers of level disk without their record");
        // check_ids rise as records are appended.
        let first_gone = gone.iter().map(|one| &one.check_id).min();
        let last_kept = told
            .iter()
            .map(|one| &one.check_id)
            .filter(|id| kept.contains(*id))
            .max();
        if let (Some(gone), Some(kept)) = (first_gone, last_kept) {
            assert!(kept < gone, "a record behind one that is gone");
        }
        let earliest = gone.iter().map(|one| one.at).min();
        let window = earliest.map_or(Duration::ZERO, |at| cut_at.saturating_duration_since(at));
        self.windows_ms.push(window.as_secs_f64() * 1e3);
        self.cuts += 1;
        self.lost += gone.len();
        self.on_disk += told.iter().filter(|one| one.is_on_disk).count();
        self.in_kernel += told.iter().filter(|one| !one.is_on_disk).count();
    }
}

/// Unmounted before its folder is removed.
struct Site {
    mount: Mount,
    cutter: PathBuf,
    installation: Installation,
}

impl Site {
    fn new(kind: &'static str) -> Self {
        let installation = Installation::new();
        let records = (0..LISTED).map(|n| defaulter(n, format!("court-{n:05}")));
        installation.publish(&installation.build(records.collect(), 1));
        let folder = installation.path("");
        let cutter = folder.join("cut");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/cut.c");
        done(Command::new("cc").arg("-o").arg(&cutter).arg(source));
        let mount = Mount::new(&folder, kind);
        Self {
            installation,
            mount,
            cutter,
        }
    }

    fn state(&self) -> PathBuf {
        self.mount.at.join("state")
    }

    fn start(&self) -> Server {
        let state = self.state();
        self.installation
            .start_with(&[("HECHA__STATE_DIR", state.as_os_str() as &OsStr)])
    }

    /// One life under load until the power goes; what was told, and when it went.
    fn live(&self, dice: &mut Dice) -> (Vec<Told>, Instant) {
        let server = self.start();
        let stop = AtomicBool::new(false);
        let pause = Duration::from_micros(30_000 + dice.below(200_000) as u64);
        let seeds: Vec<u64> = (0..4).map(|_| dice.below(usize::MAX) as u64).collect();
        let (told, cut_at) = thread::scope(|scope| {
            let threads: Vec<_> = seeds
                .iter()
                .map(|seed| {
                    let mut caller = self.installation.caller(&server).unwrap();
                    let stop = &stop;
                    scope.spawn(move || ask(&mut caller, *seed, stop))
                })
                .collect();
            thread::sleep(pause);
            done(Command::new(&self.cutter).arg(&self.mount.at));
            let cut_at = Instant::now();
            thread::sleep(Duration::from_millis(20));
            stop.store(true, Ordering::Relaxed);
            let told = threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap());
            (told.collect::<Vec<_>>(), cut_at)
        });
        server.kill();
        self.mount.unmount();
        self.mount.mount();
        (told, cut_at)
    }
}

fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent / 100).min(values.len() - 1)]
}

fn cut_power_of(kind: &'static str) {
    let cuts = number("HECHA_CUTS", 20);
    let seed = number("HECHA_KILL_SEED", 20_261_128);
    let mut dice = Dice::new(seed);
    let site = Site::new(kind);
    let mut sums = Sums::default();
    let mut before = BTreeMap::new();
    for cut in 0..cuts {
        if cut % CUTS_OF_A_LOG == 0 {
            let _ = fs::remove_dir_all(site.state());
            before.clear();
        }
        let (told, cut_at) = site.live(&mut dice);
        // A start reads the disk, cuts what is torn, and says what it found.
        site.start().kill();
        let kept = kept(&site.state().join("log"));
        sums.judge(&told, &kept, cut_at);
        let lost = before.keys().find(|id| !kept.contains(*id));
        assert!(
            lost.is_none(),
            "cut {cut}: {lost:?} of a former life is gone"
        );
        before.extend(kept.into_iter().map(|id| (id, cut)));
    }
    println!(
        "{kind}: {} cuts, HECHA_KILL_SEED={seed}: {} answers of level disk, 0 lost; {} of level \
         kernel, {} lost, all at the end; window p50 {:.1} ms, p99 {:.1} ms",
        sums.cuts,
        sums.on_disk,
        sums.in_kernel,
        sums.lost,
        percentile(&mut sums.windows_ms, 50),
        percentile(&mut sums.windows_ms, 99),
    );
    assert!(sums.on_disk > 0 && sums.in_kernel > 0);
}

#[test]
#[ignore = "needs root: make faults-root"]
fn a_power_cut_of_ext4_loses_no_answer_of_level_disk() {
    cut_power_of("ext4");
}

#[test]
#[ignore = "needs root: make faults-root"]
fn a_power_cut_of_xfs_loses_no_answer_of_level_disk() {
    cut_power_of("xfs");
}

/// A file system that believes in more room than the disk below it has: syncs fail, then succeed.
#[test]
#[ignore = "needs root: make faults-root"]
fn a_disk_below_that_fails_ends_the_answers_and_loses_none_of_level_disk() {
    let site = Site::new("ext4");
    let small = site.installation.path("small");
    fs::create_dir(&small).unwrap();
    let tmpfs = ["-t", "tmpfs", "-o", "size=24m", "tmpfs"];
    done(Command::new("mount").args(tmpfs).arg(&small));
    let mount = Mount::new(&small, "ext4");
    let site = Site { mount, ..site };
    let server = site.start();
    let mut caller = site.installation.caller(&server).unwrap();
    let told = ask(&mut caller, 3, &AtomicBool::new(false));
    let mut operator = site.installation.operator(&server).unwrap();
    let mut looks = 0;
    while operator.get("/readyz").unwrap().status == 200 {
        looks += 1;
        assert!(looks < 3_000, "it is not ready any more");
        thread::sleep(Duration::from_millis(10));
    }
    for n in 0..100 {
        let reply = caller.post("/v1/check", &check_of(n));
        assert!(
            reply.is_err() || reply.unwrap().status == 503,
            "nothing after the error"
        );
    }
    server.kill();
    site.mount.unmount();
    done(
        Command::new("mount")
            .args(["-o", "remount,size=600m"])
            .arg(&small),
    );
    site.mount.mount();
    site.start().kill();
    let mut sums = Sums::default();
    sums.judge(&told, &kept(&site.state().join("log")), Instant::now());
    println!(
        "disk below too small: {} answers of level disk, 0 lost, {} of level kernel, {} lost",
        sums.on_disk, sums.in_kernel, sums.lost
    );
    site.mount.unmount();
    done(Command::new("umount").arg("-l").arg(&small));
}
