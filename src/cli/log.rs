//! `hecha log`: reading the decision log of a stopped or running gateway.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `hecha log`.
#[derive(Debug, Args)]
pub struct LogArgs {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    /// Not in this version: prove that the log is whole
    Verify {
        /// Folder of the log
        dir: PathBuf,
    },
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum LogCommandError {
    /// Part of the contract, not of this version.
    #[error("`hecha log {command}` is not in this version")]
    NotBuilt {
        /// The command.
        command: &'static str,
    },
}

/// Runs the command.
pub fn run(args: &LogArgs) -> Result<(), LogCommandError> {
    match &args.command {
        LogCommand::Verify { dir: _ } => Err(LogCommandError::NotBuilt { command: "verify" }),
    }
}
