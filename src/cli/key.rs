//! `hecha key new FILE`: a new master key, readable by its owner only.
//!
//! In: a path where nothing stands yet. Out: the key file, and the key's public number printed.

use crate::seal::entropy::OsEntropy;
use crate::seal::keys::{KeyError, MasterKey};
use clap::{Args, Subcommand};
use std::io::{self, Write};
use std::path::PathBuf;

/// Arguments of `hecha key`.
#[derive(Debug, Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a master key; print its public number, which manifests and log records name
    #[command(
        after_help = "Snapshots and the log have a key each. Keep a copy in a safe place: \
                            what was sealed with a lost key stays sealed."
    )]
    New {
        /// Where to write it; a file that exists is never overwritten
        file: PathBuf,
    },
}

/// Why the command failed; `Key` is bad input, exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum KeyCommandError {
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

/// Runs the command and prints to standard output.
pub fn run(args: KeyArgs) -> Result<(), KeyCommandError> {
    run_into(args, &mut io::stdout().lock())
}

fn run_into(args: KeyArgs, out: &mut dyn Write) -> Result<(), KeyCommandError> {
    let KeyCommand::New { file } = args.command;
    let key = MasterKey::create(&file, &OsEntropy)?;
    writeln!(out, "{}", key.id())?;
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_there_once_and_its_number_is_printed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("log.key");
        let args = || KeyArgs {
            command: KeyCommand::New { file: file.clone() },
        };
        let mut out = Vec::new();
        run_into(args(), &mut out).unwrap();
        let key = MasterKey::load(&file).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!("{}\n", key.id()));
        let error = run_into(args(), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("exists already"), "{error}");
    }
}
