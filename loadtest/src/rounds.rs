//! The story of `loadtest run`: both servers up, rounds in alternating order, table, both down.
//!
//! In: programs, snapshot, bodies. Out: the table of `report`. Files of the run stand in one
//! folder, removed at the end unless it is to be kept.

use crate::disk::fdatasync_latencies;
use crate::drive::{Driver, Measured};
use crate::exchange::request;
use crate::gateway::{Gateway, Guards, Server};
use crate::machine::{head, inspect_current};
use crate::pace::Latencies;
use crate::pin::{on_core, processor_time, to_core};
use crate::report::{self, Round, Setup};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Answers of hecha that are recorded for the bare server: lengths of answers to names differ much.
const RECORDED_MAX: usize = 5_000;
/// Small synced writes that show what the disk takes.
const SYNCS: u64 = 2_000;
/// Connections open beside each of `--connections`, for the open loop: where answers wait for a
/// slow disk, the requests behind them go out on further connections, as clients would send them.
const SPARE_CONNECTIONS: usize = 7;
/// Requests of one run at most, whatever the arguments: ten minutes at 100,000 a second.
const SECONDS_MAX: u64 = 600;

/// Arguments of `loadtest run`.
#[derive(Args)]
#[command(
    after_help = "Needs two cores, and a folder on the disk that is to be measured for \
                        --state-dir (the log of hecha grows there: about 200 bytes a request). \
                        With --address a gateway that listens already is measured; start it on \
                        the server core yourself (`taskset -c 0 hecha serve ...`)."
)]
pub struct RunArguments {
    /// hecha program to start
    #[arg(long, required_unless_present = "address", conflicts_with = "address")]
    hecha_bin: Option<PathBuf>,
    /// Folder with current.json
    #[arg(long, required_unless_present = "address")]
    snapshot_dir: Option<PathBuf>,
    /// Master key the snapshot was built with
    #[arg(long, required_unless_present = "address")]
    snapshot_key: Option<PathBuf>,
    /// Environment the snapshot was built for
    #[arg(long, default_value = "production")]
    environment: String,
    /// Least level of answers: kernel, or disk for all
    #[arg(long, default_value = "kernel", value_parser = ["kernel", "disk"])]
    level: String,
    /// Check address of a gateway that listens already
    #[arg(long, requires = "token_file")]
    address: Option<SocketAddr>,
    /// File with the token for it
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Request bodies, one a line, as `mix` writes them
    #[arg(long)]
    mix: PathBuf,
    /// Requests in flight to each server in the closed loop; the open loop may use 8 times as many
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=512))]
    connections: u16,
    /// Rounds; each measures both servers
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=20))]
    rounds: u64,
    /// Seconds of each open loop, and of the last step of each closed one
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Requests a second in the open loops, instead of half of each server's saturation
    #[arg(long)]
    rate: Option<u64>,
    /// Core of the servers
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Core of the load
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Folder of this run, made and removed; on the disk to be measured
    #[arg(long, default_value = "loadtest-state")]
    state_dir: PathBuf,
    /// Leave the folder
    #[arg(long)]
    keep: bool,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// Measures and prints.
pub fn run(arguments: &RunArguments) -> Result<()> {
    let steps_seconds = arguments.rounds * 2 * (2 * arguments.seconds + 3);
    if steps_seconds > SECONDS_MAX {
        bail!("this would take {steps_seconds} s; lower --rounds or --seconds ({SECONDS_MAX} s)");
    }
    let bodies = read_bodies(&arguments.mix)?;
    let snapshot = match (&arguments.hecha_bin, &arguments.snapshot_dir) {
        (Some(program), Some(folder)) => Some(inspect_current(program, folder)?),
        _ => None,
    };
    let state_dir = &arguments.state_dir;
    fs::create_dir(state_dir).with_context(|| {
        format!(
            "{}: cannot be made; remove it or name another",
            state_dir.display()
        )
    })?;
    let measured = measure(arguments, &bodies);
    if !arguments.keep && measured.is_ok() {
        fs::remove_dir_all(state_dir).with_context(|| state_dir.display().to_string())?;
    }
    let (rounds, syncs) =
        measured.with_context(|| format!("files of the run are in {}", state_dir.display()))?;
    let setup = Setup {
        connections: arguments.connections,
        seconds: arguments.seconds,
        bodies: bodies.len(),
        level: arguments.level.clone(),
        fixed_rate: arguments.rate,
        head: head(&arguments.mix, snapshot)?,
    };
    report::print(&setup, &rounds, &syncs, arguments.record.as_deref())
}

/// The request bodies of a file, one a line.
pub fn read_bodies(mix: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(mix).with_context(|| mix.display().to_string())?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let bodies: Vec<String> = lines.map(str::to_owned).collect();
    if bodies.is_empty() {
        bail!("{}: no request bodies", mix.display());
    }
    Ok(bodies)
}

fn measure(arguments: &RunArguments, bodies: &[String]) -> Result<(Vec<Round>, Vec<Latencies>)> {
    to_core(arguments.load_core)?;
    let at_server = |start: &dyn Fn() -> Result<(Server, String)>| {
        on_core(arguments.server_core, arguments.load_core, start)
    };
    let (hecha, token) = at_server(&|| start_hecha(arguments))?;
    let requests: Vec<Vec<u8>> = bodies.iter().map(|body| request(body, &token)).collect();
    let answers = record(arguments, hecha.address, &requests)?;
    let (bare, _) = at_server(&|| Ok((Server::bare(&answers)?, String::new())))?;
    let mut rounds = Vec::new();
    let mut syncs = Vec::new();
    for number in 0..arguments.rounds {
        let once = |server: &Server| one_server(arguments, server, &requests);
        // Who goes second finds a warmer or a more throttled machine: take turns.
        let (bare, hecha) = if number % 2 == 0 {
            let bare = once(&bare)?;
            (bare, once(&hecha)?)
        } else {
            let hecha = once(&hecha)?;
            (once(&bare)?, hecha)
        };
        rounds.push(Round { bare, hecha });
        let span = Duration::from_secs(arguments.seconds);
        syncs.push(fdatasync_latencies(&arguments.state_dir, SYNCS, span)?);
    }
    hecha.stop()?;
    bare.stop()?;
    Ok((rounds, syncs))
}

fn start_hecha(arguments: &RunArguments) -> Result<(Server, String)> {
    if let (Some(address), Some(token_file)) = (arguments.address, &arguments.token_file) {
        let token =
            fs::read_to_string(token_file).with_context(|| token_file.display().to_string())?;
        return Ok((Server::listening(address), token.trim().to_owned()));
    }
    let (Some(program), Some(snapshot_dir), Some(snapshot_key)) = (
        &arguments.hecha_bin,
        &arguments.snapshot_dir,
        &arguments.snapshot_key,
    ) else {
        bail!("name --hecha-bin, --snapshot-dir and --snapshot-key, or --address");
    };
    Server::hecha(&Gateway {
        program,
        snapshot_dir,
        snapshot_key,
        environment: &arguments.environment,
        level: &arguments.level,
        state_dir: &arguments.state_dir,
        guards: Guards::PLAIN,
    })
}

/// Asks hecha the first requests and keeps its answers for the bare server.
fn record(arguments: &RunArguments, hecha: SocketAddr, requests: &[Vec<u8>]) -> Result<PathBuf> {
    let mut driver = Driver::connect(hecha, 1, requests)?;
    let bodies = driver.record(requests.len().min(RECORDED_MAX))?;
    let path = arguments.state_dir.join("answers.ndjson");
    let mut text = bodies.join(&b'\n');
    text.push(b'\n');
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    Ok(path)
}

/// Saturation, then the open loop, of one server.
fn one_server(
    arguments: &RunArguments,
    server: &Server,
    requests: &[Vec<u8>],
) -> Result<report::Side> {
    let connections = usize::from(arguments.connections);
    let spare = connections * SPARE_CONNECTIONS;
    let mut driver = Driver::connect(server.address, connections + spare, requests)?;
    let span = Duration::from_secs(arguments.seconds);
    let mut saturated = Stretch::default();
    // The first steps also warm both sides up.
    for (part, span) in [(8, 1), (4, 1), (2, 1), (1, arguments.seconds)] {
        let in_flight = (connections / part).max(1);
        let stretch = Stretch::of(server, || {
            driver.closed_loop(in_flight, Duration::from_secs(span))
        })?;
        if stretch.rate > saturated.rate {
            saturated = Stretch {
                failed: stretch.failed + saturated.failed,
                ..stretch
            };
        } else {
            saturated.failed += stretch.failed;
        }
    }
    let rate = arguments.rate.unwrap_or(saturated.rate as u64 / 2).max(1);
    let mut open = None;
    let stretch = Stretch::of(server, || {
        let measured = driver.open_loop(rate, span)?;
        open = Some(measured.clone());
        Ok(measured)
    })?;
    Ok(report::Side {
        saturation: saturated.rate,
        busy: saturated.busy,
        processor_us: saturated.processor_us,
        failed: saturated.failed + stretch.failed,
        open_rate: rate,
        open: open.context("no open loop was run")?,
    })
}

/// What a stretch of load came to, and what it cost the server.
#[derive(Default)]
pub struct Stretch {
    /// Answers with status 200 a second.
    pub rate: f64,
    /// Share of one core the server used; absent for a server that is not ours.
    pub busy: Option<f64>,
    /// Processor time a request, in microseconds.
    pub processor_us: Option<f64>,
    /// Requests that did not get an answer with status 200.
    pub failed: u64,
}

impl Stretch {
    /// Runs `load` and takes its measure.
    pub fn of(server: &Server, load: impl FnOnce() -> Result<Measured>) -> Result<Self> {
        let before = server.pid().map(processor_time).transpose()?;
        let start = Instant::now();
        let measured = load()?;
        let elapsed = start.elapsed();
        let after = server.pid().map(processor_time).transpose()?;
        let used = after
            .zip(before)
            .map(|(after, before)| after.saturating_sub(before));
        let answered = measured.all.count().max(1) as f64;
        Ok(Self {
            rate: measured.rate(),
            busy: used.map(|used| used.as_secs_f64() / elapsed.as_secs_f64().max(1e-9)),
            processor_us: used.map(|used| used.as_secs_f64() * 1e6 / answered),
            failed: measured.failed(),
        })
    }
}
