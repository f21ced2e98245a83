//! Arguments of the whole program, and which command they mean.

use super::acts::{self, ActsArgs, ActsError};
use super::build::{self, BuildArgs};
use super::ca::{self, CaArgs, CaError};
use super::check::{self, CheckArgs};
use super::client::{self, ClientArgs, ClientCommandError};
use super::diff::{self, DiffArgs};
use super::eval::{self, EvalArgs, EvalError, Verdict};
use super::hygiene;
use super::inspect::{self, InspectArgs};
use super::key::{self, KeyArgs, KeyCommandError};
use super::log::{self, LogArgs};
use super::profile::{self, ProfileArgs, ProfileCommandError};
use super::publish::{self, PublishArgs};
use super::rescreen::{self, RescreenArgs};
use super::screen::{self, ScreenArgs};
use super::serve::{self, ServeArgs};
use super::sign::{self, SignArgs};
use super::witness::{self, WitnessArgs, WitnessCommandError};
use clap::{Parser, Subcommand};
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// A fault of ours, or a failed evaluation.
pub const EXIT_INTERNAL: u8 = 1;
/// Bad input or usage.
pub const EXIT_INPUT: u8 = 2;

/// May this person or organisation do this, and on what legal ground not?
#[derive(Debug, Parser)]
#[command(
    name = "hecha",
    version,
    after_help = "\
Start here:
  hecha                      serve the sample list on 127.0.0.1:8080 and print curl lines
  hecha check --scenario rail.ticket --kind person --name 司徒明远 \\
        --attr train_class=G --attr seat_class=second
                             ask the sample list without a server

A real installation:
  hecha key new snapshot.key; hecha key new log.key
  hecha client add --config hecha.toml --unit NAME --scenario '*'
  hecha build list.ndjson --out list.hecha --key snapshot.key
  hecha publish list.hecha --to snapshots
  hecha serve --config hecha.toml
Where more than one person decides whom the lists restrict: hecha sign --help

Exit codes: 0 done; 1 internal error, or a failed evaluation; 2 bad input or usage; 3 done, with
records left out."
)]
pub struct Program {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer checks over HTTP; the default where no command is given
    #[command(after_help = "\
Once both listeners answer, standard output has one JSON line:
  {\"listen\":\"127.0.0.1:8080\",\"ops_listen\":\"127.0.0.1:8081\"}
Without --config the sample list is served, and standard error shows requests ready to paste.
Every key of the file can be overridden: HECHA__LISTEN=127.0.0.1:0.
Keys come from files, or as `credential:NAME` from systemd; core dumps are off (`core_dumps`).
SIGHUP reads catalogue, clients and snapshot folder again; SIGTERM drains and stops.")]
    Serve(ServeArgs),
    /// Turn list files into one snapshot file
    Build(BuildArgs),
    /// Show or propose how tables of offices are read
    Profile(ProfileArgs),
    /// Show what a snapshot file is, or check all of it
    Inspect(InspectArgs),
    /// Show what a new snapshot changes
    Diff(DiffArgs),
    /// Sign a snapshot, or an order to go back to an older one
    Sign(SignArgs),
    /// Put a snapshot where gateways find it
    Publish(PublishArgs),
    /// Ask one question without a server and print the answer
    Check(CheckArgs),
    /// Check known subjects against only what a new snapshot changes
    Rescreen(RescreenArgs),
    /// Ask about every row of a file and write the answers to another
    Screen(ScreenArgs),
    /// Compare answers with labelled cases
    Eval(EvalArgs),
    /// Add and list the units that may ask
    Client(ClientArgs),
    /// Make an authority and certificates for tests and small closed networks
    Ca(CaArgs),
    /// Make master keys and signing keys, show what they are
    Key(KeyArgs),
    /// Write acts on entries for other gateways
    Acts(ActsArgs),
    /// Read the decision log
    Log(LogArgs),
    /// Remember how far the logs of gateways have come, and cosign it
    Witness(WitnessArgs),
}

/// Runs what the arguments say.
pub fn run(program: Program) -> ExitCode {
    hygiene::begin();
    let command = program
        .command
        .unwrap_or_else(|| Command::Serve(ServeArgs::default()));
    match command {
        Command::Serve(args) => {
            let ended = serve::run(&args);
            exit(ended, |error| match error.is_internal() {
                true => EXIT_INTERNAL,
                false => EXIT_INPUT,
            })
        }
        Command::Build(args) => exit_code(build::run(args)),
        Command::Profile(args) => exit(profile::run(args), |error| match error {
            ProfileCommandError::Output(_) => EXIT_INTERNAL,
            ProfileCommandError::Input(_) => EXIT_INPUT,
        }),
        Command::Inspect(args) => exit_code(inspect::run(args)),
        Command::Diff(args) => exit_code(diff::run(&args)),
        Command::Sign(args) => exit_code(sign::run(&args)),
        Command::Publish(args) => exit_code(publish::run(args)),
        Command::Check(args) => {
            let ended = check::run(&args);
            exit(ended, |error| match error.is_internal() {
                true => EXIT_INTERNAL,
                false => EXIT_INPUT,
            })
        }
        Command::Rescreen(args) => exit_code(rescreen::run(&args)),
        Command::Screen(args) => exit_code(screen::run(&args)),
        Command::Eval(args) => match eval::run(args) {
            Ok(Verdict::Passed) => ExitCode::SUCCESS,
            Ok(Verdict::Failed) => ExitCode::from(EXIT_INTERNAL),
            Err(error) => {
                let is_ours = matches!(error, EvalError::Output(_));
                let code = if is_ours { EXIT_INTERNAL } else { EXIT_INPUT };
                exit(Err(error), |_| code)
            }
        },
        Command::Client(args) => exit(client::run(args), |error| match error {
            ClientCommandError::Output(_) => EXIT_INTERNAL,
            _ => EXIT_INPUT,
        }),
        Command::Ca(args) => exit(ca::run(args), |error| match error {
            CaError::Output(_) | CaError::Make(_) => EXIT_INTERNAL,
            _ => EXIT_INPUT,
        }),
        Command::Key(args) => exit(key::run(args), |error| match error {
            KeyCommandError::Output(_) => EXIT_INTERNAL,
            KeyCommandError::Key(_) | KeyCommandError::NoKey { .. } => EXIT_INPUT,
        }),
        Command::Acts(args) => exit(acts::run(args), |error| match error {
            ActsError::Output(_) => EXIT_INTERNAL,
            _ => EXIT_INPUT,
        }),
        Command::Log(args) => match log::run(&args) {
            Ok(code) => ExitCode::from(code),
            Err(error) => exit(Err(error), |error| match error.is_internal() {
                true => EXIT_INTERNAL,
                false => EXIT_INPUT,
            }),
        },
        Command::Witness(args) => exit(witness::run(args), |error| match error {
            WitnessCommandError::Serve { .. } => EXIT_INTERNAL,
            _ => EXIT_INPUT,
        }),
    }
}

/// A command that says what was wrong with its input itself; an error is a fault of ours.
fn exit_code<E: Display>(ended: Result<u8, E>) -> ExitCode {
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => exit(Err(format!("{error:#}")), |_| EXIT_INTERNAL),
    }
}

fn exit<E: Display>(ended: Result<(), E>, code: impl Fn(&E) -> u8) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "hecha: {error}");
            ExitCode::from(code(&error))
        }
    }
}
