//! More than can be answered: `loadtest overload` and `loadtest flood`.
//!
//! In: a hecha program, a snapshot, request bodies. Out: the goodput curve and the time back to
//! normal; how a modest unit fares beside one that floods; how long a herd takes that comes back
//! after a restart. Callers are as impatient as can be: a connection that is refused is used again
//! at once, whatever Retry-After says. A caller for which no connection is free gives up. Server on
//! one core, load on another; the load may be too slow for the rate that is asked for, so what was
//! really sent stands beside it.

use crate::drive::{Driver, Measured, Pace};
use crate::exchange::request;
use crate::gateway::{Gateway, Server, add_unit, prepare};
use crate::pin::{on_core, to_core};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Multiples of capacity that are asked for.
const FACTORS: [u64; 6] = [1, 2, 3, 5, 7, 10];
/// Requests in flight where capacity is measured.
const IN_FLIGHT: usize = 64;
/// Length of a slice in which it is seen whether all is normal again.
const SLICE: Duration = Duration::from_millis(100);

/// Arguments of `loadtest overload` and `loadtest flood`.
#[derive(Args)]
pub struct OverloadArguments {
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
    /// Connections of those who ask for too much
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u16).range(65..=9_000))]
    connections: u16,
    /// Seconds of each step
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=30))]
    seconds: u64,
    /// Core of the server
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Core of the load
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Folder of this run, made and removed; on the disk to be measured
    #[arg(long, default_value = "loadtest-state")]
    state_dir: PathBuf,
}

impl OverloadArguments {
    fn gateway(&self) -> Gateway<'_> {
        Gateway {
            program: &self.hecha_bin,
            snapshot_dir: &self.snapshot_dir,
            snapshot_key: &self.snapshot_key,
            environment: &self.environment,
            level: "kernel",
            state_dir: &self.state_dir,
        }
    }

    fn span(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Runs `work` in a folder of its own, which goes with its success.
    fn in_folder(&self, work: impl FnOnce(&[String]) -> Result<String>) -> Result<()> {
        let bodies =
            fs::read_to_string(&self.mix).with_context(|| self.mix.display().to_string())?;
        let bodies: Vec<String> = bodies.lines().map(str::to_owned).collect();
        if bodies.is_empty() {
            bail!("{}: no request bodies", self.mix.display());
        }
        let folder = self.state_dir.display();
        fs::create_dir(&self.state_dir)
            .with_context(|| format!("{folder}: cannot be made; remove it or name another"))?;
        to_core(self.load_core)?;
        prepare(&self.gateway())?;
        let said = work(&bodies).with_context(|| format!("files of the run are in {folder}"))?;
        std::io::stdout().write_all(said.as_bytes())?;
        fs::remove_dir_all(&self.state_dir).with_context(|| folder.to_string())
    }

    fn serve(&self) -> Result<Server> {
        on_core(self.server_core, self.load_core, || {
            Server::again(&self.gateway())
        })
    }
}

fn requests(bodies: &[String], token: &str) -> Vec<Vec<u8>> {
    bodies.iter().map(|body| request(body, token)).collect()
}

/// Answers a second with a moderate number of connections, the best of three tries.
fn capacity(driver: &mut Driver<'_>, span: Duration) -> Result<f64> {
    let mut best = 0.0f64;
    for _ in 0..3 {
        best = best.max(driver.closed_loop(IN_FLIGHT, span / 2)?.rate());
    }
    Ok(best)
}

/// One open loop.
fn step(driver: &mut Driver<'_>, rate: u64, span: Duration) -> Result<Measured> {
    let mut measured = Measured::new()?;
    let mut pace = Pace::new(rate, span);
    let start = Instant::now();
    while start.elapsed() < span {
        driver.turn(&mut pace, start, &mut measured)?;
    }
    measured.elapsed = start.elapsed();
    driver.drain(start, &mut Measured::new()?)?;
    Ok(measured)
}

fn p99_ms(measured: &Measured) -> f64 {
    measured.kernel.quantile_us(0.99).unwrap_or(0.0) / 1_000.0
}

fn refused(measured: &Measured) -> u64 {
    measured.refused.values().sum()
}

/// Prints the goodput curve.
pub fn overload(arguments: &OverloadArguments) -> Result<()> {
    arguments.in_folder(|bodies| {
        let token = add_unit(&arguments.gateway(), "loadtest")?;
        let server = arguments.serve()?;
        let requests = requests(bodies, &token);
        let connections = usize::from(arguments.connections);
        let mut driver = Driver::connect(server.address, connections, &requests)?;
        let capacity = capacity(&mut driver, arguments.span())?;
        let normal = step(&mut driver, capacity as u64 / 2, arguments.span())?;
        let mut said = format!(
            "capacity {capacity:.0}/s with {IN_FLIGHT} in flight; at half of it p99 {:.2} ms\n\n\
             asked     sent/s  answered/s  of peak  p50 ms  p99 ms  of 1x  refused  \
             refusal p50 ms\n",
            p99_ms(&normal)
        );
        let steps = FACTORS.map(|factor| {
            let measured = step(&mut driver, capacity as u64 * factor, arguments.span())?;
            anyhow::Ok((factor, measured))
        });
        let steps = steps.into_iter().collect::<Result<Vec<_>>>()?;
        let back = back_to_normal(&mut driver, capacity as u64 / 2, p99_ms(&normal))?;
        let peak = steps.iter().map(|(_, step)| step.rate()).fold(capacity, f64::max);
        let first = p99_ms(&steps[0].1);
        for (factor, step) in &steps {
            let sent = step.all.count() + refused(step);
            let share = refused(step) as f64 * 100.0 / sent.max(1) as f64;
            writeln!(
                said,
                "{factor:>4}x {:>11.0} {:>11.0} {:>7.0}% {:>7.2} {:>7.2} {:>5.1}x {share:>7.1}% \
                 {:>10.1}",
                sent as f64 / step.elapsed.as_secs_f64(),
                step.rate(),
                step.rate() * 100.0 / peak,
                step.kernel.quantile_us(0.5).unwrap_or(0.0) / 1_000.0,
                p99_ms(step),
                p99_ms(step) / first.max(1e-9),
                step.refusals.quantile_us(0.5).unwrap_or(0.0) / 1_000.0,
            )?;
        }
        writeln!(
            said,
            "\nback to normal after {back} ms (none refused, p99 within twice that at half)"
        )?;
        server.stop()?;
        Ok(said)
    })
}

/// Asks for half of capacity; milliseconds until all slices from there on are normal.
fn back_to_normal(driver: &mut Driver<'_>, rate: u64, p99_ms_normal: f64) -> Result<u128> {
    let mut last_bad = 0;
    for place in 1..=40 {
        let slice = step(driver, rate, SLICE)?;
        let is_normal = refused(&slice) == 0 && p99_ms(&slice) <= 2.0 * p99_ms_normal.max(1.0);
        if !is_normal {
            last_bad = place;
        }
    }
    Ok(SLICE.as_millis() * last_bad)
}

/// Prints how a modest unit fares beside one that floods, and how long a herd takes.
pub fn flood(arguments: &OverloadArguments) -> Result<()> {
    arguments.in_folder(|bodies| {
        let modest = requests(bodies, &add_unit(&arguments.gateway(), "modest")?);
        let greedy = requests(bodies, &add_unit(&arguments.gateway(), "greedy")?);
        let server = arguments.serve()?;
        let connections = usize::from(arguments.connections);
        let mut good = Driver::connect(server.address, 32, &modest)?;
        let mut flood = Driver::connect(server.address, connections, &greedy)?;
        let capacity = capacity(&mut flood, arguments.span())?;
        let demand = capacity as u64 / 10;
        let alone = step(&mut good, demand, arguments.span())?;
        let (mut beside, mut flooded) = (Measured::new()?, Measured::new()?);
        let mut paces = (
            Pace::new(demand, arguments.span()),
            Pace::new(capacity as u64 * 10, arguments.span()),
        );
        let start = Instant::now();
        while start.elapsed() < arguments.span() {
            good.turn(&mut paces.0, start, &mut beside)?;
            flood.turn(&mut paces.1, start, &mut flooded)?;
        }
        (beside.elapsed, flooded.elapsed) = (start.elapsed(), start.elapsed());
        good.drain(start, &mut Measured::new()?)?;
        flood.drain(start, &mut Measured::new()?)?;
        let shares = [
            beside.rate() / demand.max(1) as f64,
            flooded.rate() / (capacity - demand as f64).max(1.0),
        ]
        .map(|share| share.min(1.0));
        let squares: f64 = shares.iter().map(|share| share * share).sum();
        let fairness = shares.iter().sum::<f64>().powi(2) / (2.0 * squares.max(1e-9));
        drop((good, flood));
        server.stop()?;
        let herd = herd(arguments, &modest, connections)?;
        Ok(format!(
            "capacity {capacity:.0}/s; the modest unit asks {demand}/s\n\
             alone:             p99 {:.2} ms, {} refused of {}\n\
             beside the flood:  p99 {:.2} ms ({:.1}x), {} refused of {}\n\
             the flood:         {:.0}/s answered, {} refused, {} never sent\n\
             fairness index (Jain, of what each may have): {fairness:.3}\n\
             after a restart {connections} callers at once: all answered after {} ms, {} tries\n",
            p99_ms(&alone),
            refused(&alone),
            alone.all.count() + refused(&alone),
            p99_ms(&beside),
            p99_ms(&beside) / p99_ms(&alone).max(1e-9),
            refused(&beside),
            beside.all.count() + refused(&beside),
            flooded.rate(),
            refused(&flooded),
            flooded.unsent,
            herd.0.as_millis(),
            herd.1,
        ))
    })
}

/// Everybody connects and asks at once; how long until each has an answer, and how many tries.
fn herd(
    arguments: &OverloadArguments,
    requests: &[Vec<u8>],
    callers: usize,
) -> Result<(Duration, u64)> {
    let server = arguments.serve()?;
    let start = Instant::now();
    let mut driver = Driver::connect(server.address, callers, requests)?;
    let mut tries = 0;
    let mut waiting = callers as u64;
    while waiting > 0 && start.elapsed() < Duration::from_secs(60) {
        let mut pace = Pace::at_once(waiting);
        let mut measured = Measured::new()?;
        for _ in 0..waiting.div_ceil(16) + 1 {
            driver.turn(&mut pace, start, &mut measured)?;
        }
        driver.drain(start, &mut measured)?;
        tries += measured.all.count() + refused(&measured);
        waiting = waiting.saturating_sub(measured.all.count());
    }
    let elapsed = start.elapsed();
    drop(driver);
    server.stop()?;
    Ok((elapsed, tries))
}
