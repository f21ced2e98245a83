//! Load on hecha beside a bare server that answers the same bytes: what does hecha add?
//!
//! In: a hecha program and a snapshot (or a gateway that listens already), a file of request
//! bodies. Out: a table: throughput, and latency at half of saturation, of both, and their ratios.
//!
//! ```text
//! loadtest gen --entries 1000000 --seed 1 --out list.ndjson
//! hecha key new snapshot.key
//! hecha build list.ndjson --out list.hecha --key snapshot.key --as-of "$(date -Iseconds)"
//! mkdir snapshots && hecha publish list.hecha --to snapshots
//! loadtest mix --list list.ndjson --out mix.ndjson
//! loadtest run --hecha-bin target/release/hecha --snapshot-dir snapshots \
//!     --snapshot-key snapshot.key --mix mix.ndjson
//! ```
//!
//! `run.sh` does all of it, also for `levels`, `swap` and `soak`.
//!
//! How it measures: servers on one core, load on another. Saturation is found in a closed loop
//! (every connection asks again as soon as it has its answer). Then requests fall due at half of
//! that rate whether or not answers come (open loop), and latency runs from the moment a request
//! was due: a server that stalls is charged for all that waited. Both servers get the same bodies
//! over the same number of connections, in alternating order, several rounds; the medians of the
//! rounds are compared. Machines are noisy: quote ratios of one run, never figures of two.
//!
//! Traffic stays on 127.0.0.1, is bounded in count and time and stops by itself. Never against a
//! gateway with real lists: every request is logged as any other.

mod bare;
mod block;
mod call;
mod channel;
mod cost;
mod deeds;
mod disk;
mod drive;
mod exchange;
mod gateway;
mod levels;
mod list;
mod machine;
mod mix;
mod names;
mod overload;
mod pace;
mod pair;
mod pin;
mod process;
mod random;
mod report;
mod rounds;
mod sample;
mod soak;
mod swap;
mod trend;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Load on hecha beside a bare server that answers the same bytes
#[derive(Parser)]
#[command(
    version,
    after_help = "Order of a whole run: gen, then hecha build and publish, then mix, then run. \
                  `loadtest COMMAND --help` says more of each."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a synthetic list: no number in it can belong to anybody
    Gen(list::GenArguments),
    /// Write request bodies: by number, by name alone, or mixed
    Mix(mix::MixArguments),
    /// Measure hecha and the bare server in turn and print the table
    Run(rounds::RunArguments),
    /// Measure what TLS, the tree over the log and the limits cost, each against everything on
    Cost(cost::CostArguments),
    /// Measure records a second and latencies at levels kernel and disk, beside bare fdatasync
    Levels(levels::LevelsArguments),
    /// Publish another snapshot under load, several times: latencies, memory, time to serve
    Swap(swap::SwapArguments),
    /// Load for an hour with swaps, objections and feedback: does anything grow?
    Soak(soak::SoakArguments),
    /// Ask for more than hecha can answer, up to ten times, then less again
    Overload(overload::OverloadArguments),
    /// One unit floods beside a modest one; then everybody comes back after a restart
    Flood(overload::OverloadArguments),
    /// The bare server alone (started by `run`)
    #[command(hide = true)]
    Bare(bare::BareArguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Gen(arguments) => list::generate(&arguments),
        Command::Mix(arguments) => mix::write(&arguments),
        Command::Run(arguments) => rounds::run(&arguments),
        Command::Cost(arguments) => cost::run(&arguments),
        Command::Levels(arguments) => levels::run(&arguments),
        Command::Swap(arguments) => swap::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Overload(arguments) => overload::overload(&arguments),
        Command::Flood(arguments) => overload::flood(&arguments),
        Command::Bare(arguments) => bare::serve(&arguments),
    };
    end(done)
}

#[expect(
    clippy::print_stderr,
    reason = "the one place that says why the program failed"
)]
fn end(done: Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            ExitCode::FAILURE
        }
    }
}
