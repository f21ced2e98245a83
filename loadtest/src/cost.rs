//! The story of `loadtest cost`: what each safeguard costs, in one run.
//!
//! In: a program, a snapshot, bodies. Out: throughput, and latency at one and the same rate, of the
//! gateway with everything on, without each safeguard alone, and without all of them, with ratios
//! to everything on. In each round every variant is started anew, with a log of its own, the order
//! turned round from round to round; medians of the rounds are shown.

use crate::drive::Driver;
use crate::exchange::request;
use crate::gateway::{Gateway, Guards, Server};
use crate::pace::Latencies;
use crate::pin::{on_core, to_core};
use crate::report::{figure, median, ratio};
use crate::rounds::{Stretch, read_bodies};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of `loadtest cost`.
#[derive(Args)]
#[command(
    after_help = "Needs two cores and a folder on the disk that is to be measured. The \
                        limits watch and do not react: one unit asks about everybody here."
)]
pub struct CostArguments {
    /// hecha program to start
    #[arg(long)]
    hecha_bin: PathBuf,
    /// Folder with current.json
    #[arg(long)]
    snapshot_dir: PathBuf,
    /// Master key the snapshot was built with
    #[arg(long)]
    snapshot_key: PathBuf,
    /// Environment the snapshot was built for
    #[arg(long, default_value = "production")]
    environment: String,
    /// Request bodies, one a line, as `mix` writes them
    #[arg(long)]
    mix: PathBuf,
    /// Requests in flight in the closed loop
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=512))]
    connections: u16,
    /// Rounds; each measures every variant
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=20))]
    rounds: u64,
    /// Seconds of each loop
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Requests a second in the open loops, of every variant
    #[arg(long, default_value_t = 5_000)]
    rate: u64,
    /// Core of the servers
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Core of the load
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Folder of this run, made and removed; on the disk to be measured
    #[arg(long, default_value = "loadtest-state")]
    state_dir: PathBuf,
}

const EVERYTHING: Guards = Guards {
    tls: true,
    tree: true,
    limits: true,
};
const VARIANTS: [(&str, Guards); 5] = [
    ("everything on", EVERYTHING),
    (
        "without the tree",
        Guards {
            tree: false,
            ..EVERYTHING
        },
    ),
    (
        "without TLS",
        Guards {
            tls: false,
            ..EVERYTHING
        },
    ),
    (
        "without limits",
        Guards {
            limits: false,
            ..EVERYTHING
        },
    ),
    (
        "without all three",
        Guards {
            tls: false,
            tree: false,
            limits: false,
        },
    ),
];

/// One variant in one round.
struct Measure {
    saturation: f64,
    processor_us: Option<f64>,
    kernel: Latencies,
    disk: Latencies,
    failed: u64,
}

/// Measures and prints.
pub fn run(arguments: &CostArguments) -> Result<()> {
    let bodies = read_bodies(&arguments.mix)?;
    to_core(arguments.load_core)?;
    fs::create_dir(&arguments.state_dir).with_context(|| {
        let folder = arguments.state_dir.display();
        format!("{folder}: cannot be made; remove it or name another")
    })?;
    let mut rounds = Vec::new();
    for number in 0..arguments.rounds as usize {
        let mut round: Vec<(usize, Measure)> = Vec::new();
        for step in 0..VARIANTS.len() {
            let place = (number + step) % VARIANTS.len();
            round.push((place, once(arguments, number, place, &bodies)?));
        }
        round.sort_by_key(|(place, _)| *place);
        rounds.push(round.into_iter().map(|(_, measure)| measure).collect());
    }
    fs::remove_dir_all(&arguments.state_dir)?;
    let text = table(arguments, &rounds);
    std::io::stdout().write_all(text.as_bytes())?;
    let failed: u64 = rounds.iter().flatten().map(|one| one.failed).sum();
    if failed > 0 {
        bail!("{failed} requests had no answer with status 200: the figures are not to be used");
    }
    Ok(())
}

fn once(
    arguments: &CostArguments,
    round: usize,
    place: usize,
    bodies: &[String],
) -> Result<Measure> {
    let state_dir = arguments.state_dir.join(format!("{round}-{place}"));
    fs::create_dir(&state_dir)?;
    let (server, token) = on_core(arguments.server_core, arguments.load_core, || {
        Server::hecha(&Gateway {
            program: &arguments.hecha_bin,
            snapshot_dir: &arguments.snapshot_dir,
            snapshot_key: &arguments.snapshot_key,
            environment: &arguments.environment,
            level: "kernel",
            state_dir: &state_dir,
            guards: VARIANTS[place].1,
        })
    })?;
    let requests: Vec<Vec<u8>> = bodies.iter().map(|body| request(body, &token)).collect();
    let connections = usize::from(arguments.connections);
    let believed = server.tls.clone();
    let mut driver = Driver::connect_by(
        server.address,
        believed.as_ref(),
        connections * 4,
        &requests,
    )?;
    let span = Duration::from_secs(arguments.seconds);
    driver.closed_loop(connections, Duration::from_secs(1))?;
    let saturated = Stretch::of(&server, || driver.closed_loop(connections, span))?;
    let open = driver.open_loop(arguments.rate, span)?;
    drop(driver);
    server.stop()?;
    fs::remove_dir_all(&state_dir)?;
    Ok(Measure {
        saturation: saturated.rate,
        processor_us: saturated.processor_us,
        failed: saturated.failed + open.failed(),
        kernel: open.kernel,
        disk: open.disk,
    })
}

type Figure = (&'static str, fn(&Measure) -> Option<f64>);

const FIGURES: [Figure; 6] = [
    ("requests/s", |one| Some(one.saturation)),
    ("processor us", |one| one.processor_us),
    ("p50 us kernel", |one| one.kernel.quantile_us(0.5)),
    ("p99 us kernel", |one| one.kernel.quantile_us(0.99)),
    ("p50 us disk", |one| one.disk.quantile_us(0.5)),
    ("p99 us disk", |one| one.disk.quantile_us(0.99)),
];

fn table(arguments: &CostArguments, rounds: &[Vec<Measure>]) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "rounds {}, connections {}, closed loops of {} s, open loops of {} s at {} requests/s\n\
         medians of the rounds; in brackets the ratio to everything on, taken within a round",
        arguments.rounds,
        arguments.connections,
        arguments.seconds,
        arguments.seconds,
        arguments.rate,
    );
    for (name, of) in FIGURES {
        let _ = writeln!(text, "\n{name}");
        for (place, (variant, _)) in VARIANTS.iter().enumerate() {
            let middle = median(rounds.iter().filter_map(|round| of(&round[place])));
            let pairs = rounds
                .iter()
                .filter_map(|round| of(&round[place]).zip(of(&round[0])));
            let ratios: Vec<f64> = pairs.map(|(this, all)| this / all).collect();
            let _ = writeln!(
                text,
                "  {variant:<20}{:>10}  [{}]",
                figure(middle),
                ratio(&ratios)
            );
        }
    }
    text
}
