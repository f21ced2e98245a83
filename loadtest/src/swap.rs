//! The story of `loadtest swap`: a snapshot that was published elsewhere is brought while load goes
//! on.
//!
//! In: a hecha program, two snapshots, bodies. Out: latencies of three spans: steady; while the
//! newer file is copied to the gateway's disk; from the moment the pointer names it until the first
//! answer that rests on it and a second more. Also the time from pointer to that answer, from a
//! start to ready, and the gateway's memory. `hecha publish` itself ran before: it looks at every
//! row, some minutes of a core at ten million, which is the work of the machine that builds. Every
//! round has a gateway of its own: a version that was served once is not taken again from the
//! pointer. An error where a single request failed.

use crate::drive::{Driver, Measured, Pace, Witness};
use crate::exchange::{Answer, snapshot_id};
use crate::gateway::Server;
use crate::machine::{self, keep};
use crate::pace::Latencies;
use crate::pair::{PairArguments, Place, Prepared, Published};
use crate::pin::{to_core, to_cores};
use crate::process::{Footprint, footprint};
use crate::report::{figure, median, range};
use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::process::setpriority_process;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What is still counted to the swap after the first answer from the newer snapshot.
const AFTER: Duration = Duration::from_secs(1);
/// Width of the line over which the file comes.
const COPY_BYTES_A_SECOND: u64 = 100_000_000;
/// As `hecha publish` writes.
const COPY_PIECE_BYTES: usize = 4 << 20;
/// Load before a steady span, so that caches are warm.
const WARM_UP: Duration = Duration::from_secs(3);
/// A swap that takes longer is given up.
const SWAP_MAX: Duration = Duration::from_secs(300);
/// Between two looks at the copy.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Between two looks at the gateway's memory.
const MEMORY_EVERY: Duration = Duration::from_millis(100);
/// The aim: p99 while swapping over p99 steady.
const P99_RATIO_MAX: f64 = 2.0;

/// Arguments of `loadtest swap`.
#[derive(Args)]
#[command(
    after_help = "Needs two cores. The copy runs on any of the two at niceness 19, 100 MB a \
                        second, synced piece by piece. The newer snapshot is held against the \
                        older before, as always, so it must be much the same list."
)]
pub struct SwapArguments {
    #[command(flatten)]
    pair: PairArguments,
    /// Requests a second [default: half of the saturation that is found first]
    #[arg(long)]
    rate: Option<u64>,
    /// Swaps, each with a gateway of its own
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=20))]
    rounds: u64,
    /// Seconds of the steady span
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=120))]
    seconds: u64,
}

/// Spans of a round, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    Steady,
    Copying,
    Swapping,
}

/// Counts answers to the span in which they come.
struct Spans<'a> {
    now: Span,
    newer: &'a [u8],
    of_newer: Option<Instant>,
    steady: Measured,
    copying: Measured,
    swapping: Measured,
}

impl Witness for Spans<'_> {
    fn answered(&mut self, latency: Duration, answer: &Answer<'_>) {
        let of_span = match self.now {
            Span::Steady => &mut self.steady,
            Span::Copying => &mut self.copying,
            Span::Swapping => &mut self.swapping,
        };
        of_span.answered(latency, answer);
        if self.now != Span::Steady
            && self.of_newer.is_none()
            && snapshot_id(answer.body) == Some(self.newer)
        {
            self.of_newer = Some(Instant::now());
        }
    }
}

/// One swap.
struct Round {
    ready_after: Duration,
    rate: u64,
    steady: Measured,
    copying: Measured,
    swapping: Measured,
    unanswered: u64,
    copied: Duration,
    to_first_answer: Duration,
    /// Before, the largest while copying and swapping, and after.
    memory: [Footprint; 3],
}

impl Round {
    fn failed(&self) -> u64 {
        let spans = [&self.steady, &self.copying, &self.swapping];
        self.unanswered + spans.iter().map(|span| span.failed()).sum::<u64>()
    }
}

/// Measures and prints.
pub fn run(arguments: &SwapArguments) -> Result<()> {
    arguments.pair.in_folder(|prepared| {
        let published = arguments.pair.publish_both()?;
        let mut rounds = Vec::new();
        let mut rate = arguments.rate;
        for number in 0..arguments.rounds {
            let place = arguments.pair.place(&format!("round-{number}"))?;
            quiet_disk()?;
            let round = one_round(arguments, prepared, &published, &place, rate)?;
            place.remove()?;
            rate = Some(round.rate);
            rounds.push(round);
        }
        let text = table(prepared, &rounds);
        std::io::stdout().write_all(text.as_bytes())?;
        if let Some(path) = &arguments.pair.record {
            keep(path, &as_json(arguments, prepared, &rounds)?)?;
        }
        let failed: u64 = rounds.iter().map(Round::failed).sum();
        match failed {
            0 => Ok(()),
            _ => bail!("{failed} requests failed: a swap must cost none"),
        }
    })
}

fn one_round(
    arguments: &SwapArguments,
    prepared: &Prepared,
    published: &Published,
    place: &Place,
    rate: Option<u64>,
) -> Result<Round> {
    let (server, token) = arguments.pair.serve(place, published)?;
    let requests = prepared.requests(&token);
    let connections = arguments.pair.connections();
    let mut driver = Driver::connect(server.address, connections, &requests)?;
    let span = Duration::from_secs(arguments.seconds);
    let rate = match rate {
        Some(rate) => rate,
        None => (arguments.pair.saturation(&mut driver, span / 2)? / 2.0) as u64,
    };
    driver.open_loop(rate, WARM_UP)?;
    let mut spans = Spans {
        now: Span::Steady,
        newer: prepared.snapshots[1].id.as_bytes(),
        of_newer: None,
        steady: Measured::new()?,
        copying: Measured::new()?,
        swapping: Measured::new()?,
    };
    let start = Instant::now();
    let mut pace = Pace::new(rate, span + SWAP_MAX);
    while start.elapsed() < span {
        driver.follow(&mut pace, start, &mut spans)?;
    }
    let round = swap(
        (arguments, published),
        place,
        &server,
        &mut |spans| driver.follow(&mut pace, start, spans),
        &mut spans,
    )?;
    pace.stop();
    let unanswered = driver.drain(start, &mut spans)?;
    let after = memory(&server)?;
    drop(driver);
    let ready_after = server.ready_after;
    server.stop()?;
    Ok(Round {
        ready_after,
        rate,
        steady: spans.steady,
        copying: spans.copying,
        swapping: spans.swapping,
        unanswered,
        copied: round.copied,
        to_first_answer: round.to_first_answer,
        memory: [round.before, round.largest, after],
    })
}

/// What is known of a swap beside its latencies.
struct Swapped {
    copied: Duration,
    to_first_answer: Duration,
    before: Footprint,
    largest: Footprint,
}

/// Brings the newer snapshot and goes on with the load until a second after it serves.
fn swap(
    (arguments, published): (&SwapArguments, &Published),
    place: &Place,
    server: &Server,
    load: &mut dyn FnMut(&mut Spans<'_>) -> Result<()>,
    spans: &mut Spans<'_>,
) -> Result<Swapped> {
    let pair = &arguments.pair;
    let before = memory(server)?;
    let mut largest = before;
    to_cores(&pair.cores())?;
    let (from, to) = published.paths(place, 1);
    let aside = to.with_extension("part");
    let mut copying = Some(copy_aside(from, aside.clone())?);
    to_core(pair.cores()[1])?;
    let start = Instant::now();
    let (mut look_at, mut memory_at) = (start, start);
    let mut pointed: Option<Instant> = None;
    spans.now = Span::Copying;
    loop {
        load(spans)?;
        let now = Instant::now();
        if pointed.is_none() && now >= look_at {
            look_at = now + LOOK_EVERY;
            if has_ended(&mut copying)? {
                fs::rename(&aside, &to).with_context(|| to.display().to_string())?;
                published.point(place, 1)?;
                pointed = Some(Instant::now());
                spans.now = Span::Swapping;
            }
        }
        if now >= memory_at {
            memory_at = now + MEMORY_EVERY;
            let found = memory(server)?;
            if found.resident_bytes > largest.resident_bytes {
                largest = found;
            }
        }
        if let (Some(pointed), Some(first)) = (pointed, spans.of_newer)
            && now >= first + AFTER
        {
            return Ok(Swapped {
                copied: pointed - start,
                to_first_answer: first.saturating_duration_since(pointed),
                before,
                largest,
            });
        }
        if now > start + SWAP_MAX {
            bail!("the newer snapshot was not served within {SWAP_MAX:?}");
        }
    }
}

/// A copy that gives way to all others and leaves the disk to them most of the time, as one from
/// another machine over a line of this width does. Each piece is on the disk before the next is
/// read: else the system gathers gigabytes, and holds up whoever writes.
fn copy_aside(from: PathBuf, to: PathBuf) -> Result<JoinHandle<Result<()>>> {
    let copy = move || {
        setpriority_process(None, 19).context("cannot stand back")?;
        let of = |path: &Path| path.display().to_string();
        let mut source = File::open(&from).with_context(|| of(&from))?;
        let mut aside = File::create(&to).with_context(|| of(&to))?;
        let mut piece = vec![0; COPY_PIECE_BYTES];
        let start = Instant::now();
        let mut copied = 0u64;
        loop {
            let read = source.read(&mut piece).with_context(|| of(&from))?;
            if read == 0 {
                return Ok(());
            }
            let written = aside.write_all(&piece[..read]);
            written
                .and_then(|()| aside.sync_data())
                .with_context(|| of(&to))?;
            copied += read as u64;
            let due = Duration::from_secs_f64(copied as f64 / COPY_BYTES_A_SECOND as f64);
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
    };
    let thread = thread::Builder::new().name("copy".to_owned());
    thread.spawn(copy).context("no thread for the copy")
}

/// Nothing that was written before is still on its way to the disk.
fn quiet_disk() -> Result<()> {
    let synced = Command::new("sync")
        .status()
        .context("cannot start `sync`")?;
    match synced.success() {
        true => Ok(()),
        false => bail!("`sync` failed"),
    }
}

/// Whether the copy is there. Errors: it failed.
fn has_ended(copying: &mut Option<JoinHandle<Result<()>>>) -> Result<bool> {
    match copying.take_if(|copying| copying.is_finished()) {
        None => Ok(false),
        Some(ended) => match ended.join() {
            Ok(copied) => copied.context("the copy failed").map(|()| true),
            Err(_) => bail!("the copy failed"),
        },
    }
}

fn memory(server: &Server) -> Result<Footprint> {
    footprint(server.pid().context("the gateway is not ours")?)
}

const SHARES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
type Level = (&'static str, fn(&Measured) -> &Latencies);
const LEVELS: [Level; 2] = [
    ("kernel", |measured| &measured.kernel),
    ("disk", |measured| &measured.disk),
];

/// A figure of the three spans over the rounds, and the ratios of the last two to the first.
struct Row {
    name: String,
    spans: [Option<f64>; 3],
    copying: Vec<f64>,
    swapping: Vec<f64>,
}

fn rows(rounds: &[Round]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (level, of) in LEVELS {
        for (name, share) in SHARES {
            let us = |measured: &Measured| of(measured).quantile_us(share);
            let each = |span: fn(&Round) -> &Measured| {
                rounds.iter().filter_map(move |round| us(span(round)))
            };
            let ratios = |span: fn(&Round) -> &Measured| {
                let both = rounds
                    .iter()
                    .filter_map(|round| us(span(round)).zip(us(&round.steady)));
                both.map(|(span, steady)| span / steady).collect()
            };
            rows.push(Row {
                name: format!("{name} us, level {level}"),
                spans: [
                    median(each(|round| &round.steady)),
                    median(each(|round| &round.copying)),
                    median(each(|round| &round.swapping)),
                ],
                copying: ratios(|round| &round.copying),
                swapping: ratios(|round| &round.swapping),
            });
        }
    }
    rows
}

fn table(prepared: &Prepared, rounds: &[Round]) -> String {
    let mut text = String::new();
    let shown = |ratios: &[f64]| crate::report::ratio(ratios);
    let [older, newer] = &prepared.snapshots;
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "{} swaps from {} to {} entries, {} requests/s; medians of the rounds, ratios within a \
         round\n\n\
         {:<24}{:>9}{:>12}{:>10}  copying/steady         swapping/steady",
        rounds.len(),
        older.entries,
        newer.entries,
        rounds[0].rate,
        "",
        "steady",
        "copying",
        "swapping",
    );
    for row in rows(rounds) {
        let [steady, copying, swapping] = row.spans.map(figure);
        let _ = writeln!(
            text,
            "{:<24}{steady:>9}{copying:>12}{swapping:>10}  {:<22} {}",
            row.name,
            shown(&row.copying),
            shown(&row.swapping),
        );
    }
    let of = |figure: &dyn Fn(&Round) -> f64| {
        let all: Vec<f64> = rounds.iter().map(figure).collect();
        let [least, most] = range(&all).unwrap_or_default();
        let middle = median(all.into_iter()).unwrap_or_default();
        format!("{middle:.2} ({least:.2} to {most:.2})")
    };
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let _ = writeln!(
        text,
        "\nseconds from start to ready, file in the cache   {}\n\
         seconds of the copy                              {}\n\
         seconds from the pointer to the first answer     {}\n\
         requests that failed                             {}\n\n\
         memory of the gateway in MB; files {:.0} and {:.0}, most allowed while swapping {:.0}",
        of(&|round| round.ready_after.as_secs_f64()),
        of(&|round| round.copied.as_secs_f64()),
        of(&|round| round.to_first_answer.as_secs_f64()),
        rounds.iter().map(Round::failed).sum::<u64>(),
        megabytes(older.bytes),
        megabytes(newer.bytes),
        megabytes(prepared.memory_bytes_max()),
    );
    for (place, name) in ["before", "largest sampled", "after"].iter().enumerate() {
        let of = |bytes: fn(&Footprint) -> u64| {
            let bytes = rounds.iter().map(|round| bytes(&round.memory[place]));
            bytes.max().map_or(0.0, megabytes)
        };
        let _ = writeln!(
            text,
            "{name:<16} resident {:>6.0}, of it anonymous {:>6.0}, files {:>6.0}; highest so \
             far {:>6.0}",
            of(|found| found.resident_bytes),
            of(|found| found.anonymous_bytes),
            of(|found| found.file_bytes),
            of(|found| found.peak_bytes),
        );
    }
    text.push_str(&faults(rounds));
    text.push_str(&verdicts(prepared, rounds));
    text
}

/// What became of the requests that failed.
fn faults(rounds: &[Round]) -> String {
    let mut text = String::new();
    for (number, round) in rounds.iter().enumerate() {
        if round.failed() > 0 {
            let _ = writeln!(
                text,
                "\nround {}: other statuses steady {:?}, copying {:?}, swapping {:?}; {} \
                 requests without an answer",
                number + 1,
                round.steady.refused,
                round.copying.refused,
                round.swapping.refused,
                round.unanswered,
            );
        }
    }
    text
}

/// The aims that are not met.
fn verdicts(prepared: &Prepared, rounds: &[Round]) -> String {
    let mut text = String::from("\n");
    let largest = rounds.iter().map(|round| round.memory[1].resident_bytes);
    let largest = largest.max().unwrap_or_default();
    if largest > prepared.memory_bytes_max() {
        let _ = writeln!(text, "NOT MET: memory while swapping");
    }
    let p99 = rows(rounds)
        .into_iter()
        .find(|row| row.name == "p99 us, level kernel");
    let ratio = p99.and_then(|row| median(row.swapping.into_iter()));
    if ratio.is_none_or(|ratio| ratio >= P99_RATIO_MAX) {
        let _ = writeln!(
            text,
            "NOT MET: p99 while swapping under {P99_RATIO_MAX} times steady"
        );
    }
    if text.len() == 1 {
        text.push_str("aims met: memory, p99 of level kernel while swapping\n");
    }
    text
}

fn as_json(arguments: &SwapArguments, prepared: &Prepared, rounds: &[Round]) -> Result<Value> {
    let figures = rows(rounds).into_iter().map(|row| {
        let [steady, copying, swapping] = row.spans;
        let value = json!({"steady": steady, "copying": copying, "swapping": swapping,
            "copying_ratios": row.copying, "swapping_ratios": row.swapping});
        (row.name, value)
    });
    let memory = |found: &Footprint| {
        json!({"resident": found.resident_bytes, "anonymous": found.anonymous_bytes,
            "files": found.file_bytes, "peak": found.peak_bytes})
    };
    let each = rounds.iter().map(|round| {
        json!({"start_to_ready_seconds": round.ready_after.as_secs_f64(),
            "copy_seconds": round.copied.as_secs_f64(),
            "pointer_to_first_answer_seconds": round.to_first_answer.as_secs_f64(),
            "failed": round.failed(),
            "memory_bytes": {"before": memory(&round.memory[0]),
                "largest": memory(&round.memory[1]), "after": memory(&round.memory[2])}})
    });
    Ok(json!({
        "head": machine::head(arguments.pair.mix(), Some(prepared.snapshots[1].clone()))?,
        "older_entries": prepared.snapshots[0].entries,
        "older_bytes": prepared.snapshots[0].bytes,
        "rate": rounds[0].rate,
        "seconds": arguments.seconds,
        "memory_bytes_max": prepared.memory_bytes_max(),
        "figures": figures.collect::<serde_json::Map<_, _>>(),
        "rounds": each.collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans() -> Spans<'static> {
        let measured = || Measured::new().unwrap();
        Spans {
            now: Span::Steady,
            newer: b"b",
            of_newer: None,
            steady: measured(),
            copying: measured(),
            swapping: measured(),
        }
    }

    #[test]
    fn answers_count_to_their_span_and_the_first_of_the_newer_snapshot_is_noticed() {
        let mut spans = spans();
        let come = |spans: &mut Spans<'_>, body: &[u8], us| {
            let answer = Answer {
                status: 200,
                body,
                bytes: 0,
            };
            spans.answered(Duration::from_micros(us), &answer);
        };
        come(&mut spans, br#"{"snapshot":{"id":"a"}}"#, 100);
        spans.now = Span::Copying;
        come(&mut spans, br#"{"snapshot":{"id":"a"}}"#, 150);
        spans.now = Span::Swapping;
        come(&mut spans, br#"{"snapshot":{"id":"a"}}"#, 150);
        assert!(spans.of_newer.is_none());
        come(&mut spans, br#"{"snapshot":{"id":"b"}}"#, 150);
        assert!(spans.of_newer.is_some());
        let counts = [&spans.steady, &spans.copying, &spans.swapping].map(|m| m.all.count());
        assert_eq!(counts, [1, 1, 2]);
        let round = Round {
            ready_after: Duration::ZERO,
            rate: 1,
            steady: spans.steady,
            copying: spans.copying,
            swapping: spans.swapping,
            unanswered: 3,
            copied: Duration::ZERO,
            to_first_answer: Duration::ZERO,
            memory: [Footprint::default(); 3],
        };
        assert_eq!(round.failed(), 3);
        let row = &rows(&[round])[1];
        assert_eq!(row.name, "p99 us, level kernel");
        assert!(
            (1.49..1.51).contains(&row.swapping[0]),
            "{}",
            row.swapping[0]
        );
    }
}
