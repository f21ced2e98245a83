//! The story of `loadtest soak`: a long run at a constant rate, with all that happens beside it.
//!
//! In: a hecha program, two snapshots, bodies, how long. Out: a line a minute, also as CSV, and a
//! verdict: does memory grow, does latency, do handles. Every second or so feedback is given on an
//! answer that blocked, every minute an objection is made and answered, every few minutes the
//! other snapshot is chosen. An error where a request or a deed failed.

use crate::deeds::{Deed, Deeds, Doer};
use crate::drive::{Driver, Measured, Pace, Witness};
use crate::exchange::{Answer, blocked_check_id};
use crate::gateway::Server;
use crate::pair::{PairArguments, Place, Prepared};
use crate::process::{folder_bytes, footprint, handles};
use crate::trend::{Minute, header, verdict};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Arguments of `loadtest soak`.
#[derive(Args)]
#[command(
    after_help = "Needs two cores, and some 500 bytes of disk a request. Best with a mix of \
                        kind `mixed`: feedback and objections need answers that block."
)]
pub struct SoakArguments {
    #[command(flatten)]
    pair: PairArguments,
    /// How long
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    minutes: u64,
    /// Requests a second
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// Seconds from one feedback to the next
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    feedback_seconds: u64,
    /// Seconds from one objection to the next
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    objection_seconds: u64,
    /// Seconds from one swap to the next
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    swap_seconds: u64,
}

/// Counts answers and keeps the last one that blocked.
struct Watch {
    measured: Measured,
    blocked: Option<Vec<u8>>,
}

impl Witness for Watch {
    fn answered(&mut self, latency: Duration, answer: &Answer<'_>) {
        self.measured.answered(latency, answer);
        if self.blocked.is_none() && blocked_check_id(answer.body).is_some() {
            self.blocked = Some(answer.body.to_vec());
        }
    }
}

/// When something is to be done the next time.
struct Every {
    span: Duration,
    next: Duration,
}

impl Every {
    fn seconds(seconds: u64) -> Self {
        let span = Duration::from_secs(seconds);
        Self { span, next: span }
    }

    /// Whether it is time; says so once for each time.
    fn is_due(&mut self, now: Duration) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next += self.span;
        }
        is_due
    }
}

/// Runs, prints, judges.
pub fn run(arguments: &SoakArguments) -> Result<()> {
    arguments.pair.in_folder(|prepared| {
        let place = arguments.pair.place("gateway")?;
        let published = arguments.pair.publish_both()?;
        let (server, token) = arguments.pair.serve(&place, &published)?;
        // From here on both files stand in the folder; the newer one serves once it is noticed.
        let (from, to) = published.paths(&place, 1);
        fs::hard_link(&from, &to).with_context(|| to.display().to_string())?;
        published.point(&place, 1)?;
        let requests = prepared.requests(&token);
        let connections = arguments.pair.connections();
        let mut driver = Driver::connect(server.address, connections, &requests)?;
        let deeds = Deeds::start(Doer {
            checks: server.address,
            ops: server
                .ops
                .context("the gateway names no address for operators")?,
            token,
        });
        let (minutes, fault) = minutes(arguments, prepared, &place, &server, &mut driver, deeds)?;
        drop(driver);
        server.stop()?;
        std::io::stdout().write_all(verdict(&minutes).as_bytes())?;
        let failed: u64 = minutes.iter().map(|minute| minute.failed).sum();
        match (failed, fault) {
            (0, _) => Ok(()),
            (_, None) => bail!("{failed} requests failed"),
            (_, Some(fault)) => {
                bail!("{failed} requests and deeds failed, the first deed so: {fault}")
            }
        }
    })
}

fn minutes(
    arguments: &SoakArguments,
    prepared: &Prepared,
    place: &Place,
    server: &Server,
    driver: &mut Driver<'_>,
    mut deeds: Deeds,
) -> Result<(Vec<Minute>, Option<String>)> {
    let files = snapshot_files(place.snapshot_dir(), prepared)?;
    let mut lines = Lines::open(arguments.pair.record.as_deref())?;
    lines.write(&header())?;
    let mut minutes = Vec::new();
    let mut watch = Watch {
        measured: Measured::new()?,
        blocked: None,
    };
    let mut feedback = Every::seconds(arguments.feedback_seconds);
    let mut objection = Every::seconds(arguments.objection_seconds);
    let mut swap = Every::seconds(arguments.swap_seconds);
    let mut minute = Every::seconds(60);
    let mut swaps_asked = 0;
    let span = Duration::from_secs(60 * arguments.minutes);
    let mut pace = Pace::new(arguments.rate, span);
    let start = Instant::now();
    while (minutes.len() as u64) < arguments.minutes {
        driver.follow(&mut pace, start, &mut watch)?;
        let now = start.elapsed();
        if watch.blocked.is_some() && feedback.is_due(now) {
            deeds.ask(Deed::Feedback(watch.blocked.take().unwrap_or_default()))?;
        }
        if watch.blocked.is_some() && objection.is_due(now) {
            deeds.ask(Deed::Objection(watch.blocked.take().unwrap_or_default()))?;
        }
        if swap.is_due(now) {
            // The newer one serves at first.
            deeds.ask(Deed::Swap(files[swaps_asked % 2].clone()))?;
            swaps_asked += 1;
        }
        if minute.is_due(now) {
            let failed_before = deeds.done.failed;
            deeds.look();
            let measured = std::mem::replace(&mut watch.measured, Measured::new()?);
            let mut line = Minute::of(minutes.len() as u64 + 1, &measured, deeds.done);
            line.failed += deeds.done.failed - failed_before;
            look(&mut line, server, place)?;
            lines.write(&line.to_csv())?;
            minutes.push(line);
        }
    }
    let unanswered = driver.drain(start, &mut watch)? + pace.left();
    let failed_before = deeds.done.failed;
    let (done, fault) = deeds.finish();
    if let Some(last) = minutes.last_mut() {
        last.failed += unanswered + watch.measured.failed() + done.failed - failed_before;
        last.done = done;
    }
    Ok((minutes, fault))
}

/// Bare names of the older and the newer snapshot in the folder.
fn snapshot_files(folder: &Path, prepared: &Prepared) -> Result<[String; 2]> {
    let named = || folder.display().to_string();
    let names: Vec<String> = fs::read_dir(folder)
        .with_context(named)?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let of = |id: &str| {
        let name = names
            .iter()
            .find(|name| name.ends_with(&format!("-{id}.hecha")));
        name.cloned()
            .with_context(|| format!("{}: no file of {id}", named()))
    };
    let [older, newer] = &prepared.snapshots;
    Ok([of(&older.id)?, of(&newer.id)?])
}

fn look(line: &mut Minute, server: &Server, place: &Place) -> Result<()> {
    let pid = server.pid().context("the gateway is not ours")?;
    line.memory = footprint(pid)?;
    line.handles = handles(pid)?;
    line.log_bytes = folder_bytes(&place.folder().join("log"));
    Ok(())
}

/// Lines that are shown and kept as they come.
struct Lines(Option<File>);

impl Lines {
    fn open(path: Option<&Path>) -> Result<Self> {
        let open = |path: &Path| -> Result<File> {
            let named = || path.display().to_string();
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).with_context(named)?;
            }
            File::create(path).with_context(named)
        };
        Ok(Self(path.map(open).transpose()?))
    }

    fn write(&mut self, line: &str) -> Result<()> {
        let mut out = std::io::stdout();
        writeln!(out, "{line}")?;
        out.flush()?;
        match &mut self.0 {
            Some(file) => Ok(writeln!(file, "{line}")?),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_regularly_comes_once_each_time() {
        let mut every = Every::seconds(2);
        let due: Vec<bool> = (0..8)
            .map(|second| every.is_due(Duration::from_secs(second)))
            .collect();
        let expected = [false, false, true, false, true, false, true, false];
        assert_eq!(due, expected);
    }
}
