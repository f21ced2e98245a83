//! The story of `loadtest levels`: what a record costs at each level of durability.
//!
//! In: a hecha program, a snapshot, bodies. Out: records a second at saturation, and latencies at
//! half of it, of a unit whose answers wait for the kernel and of one whose answers wait for the
//! disk, both on one gateway; beside them the disk alone: a write of 256 bytes and fdatasync.

use crate::disk::fdatasync_latencies;
use crate::drive::{Driver, Measured};
use crate::exchange::request;
use crate::gateway::{Gateway, Guards, Server, add_unit, prepare};
use crate::machine::{head, inspect_current, keep};
use crate::pace::Latencies;
use crate::pin::{on_core, to_core};
use crate::report::{figure, median, range};
use crate::rounds::read_bodies;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Small synced writes of one round at most.
const SYNCS: u64 = 4_000;

/// Arguments of `loadtest levels`.
#[derive(Args)]
#[command(after_help = "Needs two cores, and a folder on the disk that is to be measured.")]
pub struct LevelsArguments {
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
    /// Requests in flight at saturation; eight times as many at most at half of it
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=512))]
    connections: u16,
    /// Rounds; each measures both levels and the disk
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=20))]
    rounds: u64,
    /// Seconds of each loop
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
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
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// A column of the table in one round.
struct Column {
    a_second: f64,
    latencies: Latencies,
}

/// Level kernel, level disk, the disk alone.
type Round = [Column; 3];
const COLUMNS: [&str; 3] = ["kernel", "disk", "bare fdatasync"];

/// Measures and prints.
pub fn run(arguments: &LevelsArguments) -> Result<()> {
    let bodies = read_bodies(&arguments.mix)?;
    let snapshot = inspect_current(&arguments.hecha_bin, &arguments.snapshot_dir)?;
    to_core(arguments.load_core)?;
    let folder = arguments.state_dir.display();
    fs::create_dir(&arguments.state_dir)
        .with_context(|| format!("{folder}: cannot be made; remove it or name another"))?;
    let rounds =
        measure(arguments, &bodies).with_context(|| format!("files of the run are in {folder}"))?;
    fs::remove_dir_all(&arguments.state_dir).with_context(|| folder.to_string())?;
    std::io::stdout().write_all(table(arguments, &rounds).as_bytes())?;
    if let Some(path) = &arguments.record {
        let figures = rows(&rounds).into_iter();
        let figures: Map<String, Value> = figures
            .map(|row| (row.name.clone(), row.as_json()))
            .collect();
        let head = head(&arguments.mix, Some(snapshot))?;
        keep(
            path,
            &json!({"head": head, "rounds": rounds.len(), "figures": figures}),
        )?;
    }
    Ok(())
}

fn measure(arguments: &LevelsArguments, bodies: &[String]) -> Result<Vec<Round>> {
    let gateway = Gateway {
        program: &arguments.hecha_bin,
        snapshot_dir: &arguments.snapshot_dir,
        snapshot_key: &arguments.snapshot_key,
        environment: &arguments.environment,
        level: "kernel",
        state_dir: &arguments.state_dir,
        guards: Guards::PLAIN,
    };
    prepare(&gateway)?;
    let requests = |level| -> Result<Vec<Vec<u8>>> {
        let token = add_unit(&Gateway { level, ..gateway }, level)?;
        Ok(bodies.iter().map(|body| request(body, &token)).collect())
    };
    let (kernel, disk) = (requests("kernel")?, requests("disk")?);
    let start = || Server::again(&gateway);
    let server = on_core(arguments.server_core, arguments.load_core, start)?;
    let span = Duration::from_secs(arguments.seconds);
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds {
        rounds.push([
            column(arguments, &server, &kernel, |measured| measured.kernel)?,
            column(arguments, &server, &disk, |measured| measured.disk)?,
            {
                let latencies = fdatasync_latencies(&arguments.state_dir, SYNCS, span)?;
                Column {
                    a_second: latencies.a_second().context("nothing was synced")?,
                    latencies,
                }
            },
        ]);
    }
    server.stop()?;
    Ok(rounds)
}

fn column(
    arguments: &LevelsArguments,
    server: &Server,
    requests: &[Vec<u8>],
    of: impl FnOnce(Measured) -> Latencies,
) -> Result<Column> {
    let connections = usize::from(arguments.connections);
    let mut driver = Driver::connect(server.address, connections * 8, requests)?;
    let span = Duration::from_secs(arguments.seconds);
    driver.closed_loop(connections, Duration::from_secs(1))?;
    let saturated = driver.closed_loop(connections, span)?;
    let open = driver.open_loop((saturated.rate() / 2.0) as u64, span)?;
    let failed = saturated.failed() + open.failed();
    if failed > 0 {
        bail!("{failed} requests had no answer with status 200: the figures are not to be used");
    }
    Ok(Column {
        a_second: saturated.rate(),
        latencies: of(open),
    })
}

/// A figure of each column, round by round.
struct Row {
    name: String,
    columns: [Vec<f64>; 3],
}

impl Row {
    fn as_json(&self) -> Value {
        let of = |(name, figures): (&&str, &Vec<f64>)| {
            let value = json!({"median": median(figures.iter().copied()), "range": range(figures)});
            ((*name).to_owned(), value)
        };
        let columns = COLUMNS.iter().zip(&self.columns);
        Value::Object(columns.map(of).collect())
    }
}

fn rows(rounds: &[Round]) -> Vec<Row> {
    let row = |name: &str, figure: &dyn Fn(&Column) -> Option<f64>| Row {
        name: name.to_owned(),
        columns: [0, 1, 2].map(|place| {
            let columns = rounds.iter().map(|round| &round[place]);
            columns.filter_map(figure).collect()
        }),
    };
    let us = |share| move |column: &Column| column.latencies.quantile_us(share);
    vec![
        row("records/s", &|column| Some(column.a_second)),
        row("p50 us at half of it", &us(0.5)),
        row("p99 us", &us(0.99)),
        row("p99.9 us", &us(0.999)),
    ]
}

fn table(arguments: &LevelsArguments, rounds: &[Round]) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "rounds {}, {} connections, loops of {} s; the disk alone: 256 bytes and fdatasync, one \
         after another\nmedians of the rounds (least to most)\n",
        rounds.len(),
        arguments.connections,
        arguments.seconds,
    );
    let [kernel, disk, bare] = COLUMNS;
    let _ = writeln!(text, "{:<22}{kernel:<26}{disk:<26}{bare}", "");
    for row in rows(rounds) {
        let shown = row.columns.each_ref().map(|figures| {
            let [least, most] = range(figures).unwrap_or_default();
            let middle = figure(median(figures.iter().copied()));
            format!(
                "{middle} ({} to {})",
                figure(Some(least)),
                figure(Some(most))
            )
        });
        let [kernel, disk, bare] = shown;
        let _ = writeln!(text, "{:<22}{kernel:<26}{disk:<26}{bare}", row.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_has_its_median_and_range() {
        let column = |a_second| Column {
            a_second,
            latencies: Latencies::new().unwrap(),
        };
        let round = |add| [column(1.0 + add), column(10.0 + add), column(100.0 + add)];
        let rows = rows(&[round(0.0), round(2.0), round(1.0)]);
        assert_eq!(rows[0].columns[1], [10.0, 12.0, 11.0]);
        let value = rows[0].as_json();
        assert_eq!(
            value["disk"],
            json!({"median": 11.0, "range": [10.0, 12.0]})
        );
        assert_eq!(rows[1].as_json()["kernel"]["median"], Value::Null);
    }
}
