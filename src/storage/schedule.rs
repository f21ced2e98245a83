//! Seeded schedules of faults, for the tests of whatever stands on a simulated disk.
//!
//! In: how many by default. Out: each seed once, on all cores; the seed of one that fails is said.
//! `HECHA_SCHEDULES=N` runs so many, `HECHA_SEED=S` begins at that seed, so that
//! `HECHA_SEED=S HECHA_SCHEDULES=1` brings a failure back. Tests only.

use super::disk::Storage;
use super::simulated::{Fault, SimulatedDisk};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// A small generator, so that a schedule is its seed.
pub struct Dice(u64);

impl Dice {
    /// The same throws for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// From 0 to `sides` - 1.
    pub fn roll(&mut self, sides: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides.max(1)
    }
}

/// Runs `schedule` for each seed.
pub fn run(name: &str, by_default: u64, schedule: impl Fn(u64) + Sync) {
    let count = number("HECHA_SCHEDULES").unwrap_or(by_default);
    let first = number("HECHA_SEED").unwrap_or(0);
    let next = AtomicU64::new(0);
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= count {
                return;
            }
            let _named = Named {
                name,
                seed: first + place,
            };
            schedule(first + place);
        }
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            assert!(
                thread.join().is_ok(),
                "{name}: a schedule failed, see its seed"
            );
        }
    });
    let _ = writeln!(io::stdout(), "{name}: {count} schedules from seed {first}");
}

/// Turns one bit of one file of a folder, if there is one. Returns the file and the byte.
pub fn flip_a_bit(disk: &SimulatedDisk, folder: &Path, dice: &mut Dice) -> Option<(String, u64)> {
    let names = disk.list(folder).ok()?;
    let name = names.get(dice.roll(names.len() as u64) as usize)?;
    let file = disk.open(&folder.join(name)).ok()?;
    let place = dice.roll(file.len().ok().filter(|len| *len > 0)?);
    let mut byte = [0];
    file.read_at(place, &mut byte).ok()?;
    byte[0] ^= 1 << dice.roll(8);
    file.write_at(place, &byte).ok()?;
    file.sync().ok()?;
    Some((name.clone(), place))
}

/// Sets one trouble that is to come, or none.
pub fn trouble(disk: &SimulatedDisk, dice: &mut Dice) {
    match dice.roll(6) {
        0 | 1 => disk.cut_power_after(dice.roll(90)),
        2 => disk.fail_next(Fault::Sync),
        3 => {
            let faults = [Fault::Write, Fault::Rename, Fault::Create];
            disk.fail_next(faults[dice.roll(3) as usize]);
        }
        4 => disk.set_capacity(disk.used_bytes() + dice.roll(24 << 10)),
        _ => {}
    }
}

/// The disk after the process or the machine has died, with room again and without faults to come.
pub fn after_death(disk: &SimulatedDisk, dice: &mut Dice) -> (SimulatedDisk, bool) {
    let was_killed = dice.roll(3) == 0;
    let next = match was_killed {
        true => disk.kill(),
        false => disk.crash(),
    };
    next.set_capacity(u64::MAX);
    (next, was_killed)
}

struct Named<'a> {
    name: &'a str,
    seed: u64,
}

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let (name, seed) = (self.name, self.seed);
            let said = format!("{name}: HECHA_SEED={seed} HECHA_SCHEDULES=1 brings it back");
            let _ = writeln!(io::stderr(), "{said}");
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    assert!(number.is_ok(), "{variable}: `{text}` is no number");
    number.ok()
}
