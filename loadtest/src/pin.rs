//! Which core a thread runs on, and how long a process has used one.
//!
//! Children inherit the core of the thread that starts them, so a server is started while this
//! thread stands on the server's core.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::fs;
use std::time::Duration;

/// Ticks of `/proc/PID/stat` a second; Linux shows 100 to user space on every machine.
const TICKS_A_SECOND: u64 = 100;

/// Runs `work` with this thread, and what it starts, on `core`; goes to `back` afterwards.
pub fn on_core<T>(core: usize, back: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
    to_core(core)?;
    let done = work();
    to_core(back)?;
    done
}

/// Puts this thread, and all it starts from now on, on `core`.
pub fn to_core(core: usize) -> Result<()> {
    to_cores(&[core])
}

/// The same on any of `cores`.
pub fn to_cores(cores: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    sched_setaffinity(None, &set)
        .with_context(|| format!("this machine does not give cores {cores:?}; choose others"))
}

/// Processor time a process has used, in user and system mode, to 10 ms.
pub fn processor_time(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    ticks(&text)
        .map(|ticks| Duration::from_millis(ticks * 1_000 / TICKS_A_SECOND))
        .with_context(|| format!("{path}: not of the known shape"))
}

/// User and system ticks. The program's name may hold spaces and brackets, so fields are counted
/// from its last bracket on.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_read_behind_any_program_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (a) S 1"), None);
        assert!(processor_time(std::process::id()).is_ok());
    }
}
