//! `hecha acts export`: what this gateway did to entries, signed, for other gateways.
//!
//! In: a state folder, a signing key. Out: a file that `hecha publish --acts` distributes. The
//! journal is read without its lock, beside a running gateway.

use super::assembly::JOURNAL_FILE;
use crate::overlay::delta;
use crate::overlay::journal::{self, JournalError};
use crate::seal::keys::KeyError;
use crate::seal::sign::SigningKey;
use crate::storage::disk::RealDisk;
use crate::storage::replace;
use clap::{Args, Subcommand};
use std::io::{self, Write};
use std::path::PathBuf;

/// Arguments of `hecha acts`.
#[derive(Debug, Args)]
pub struct ActsArgs {
    #[command(subcommand)]
    command: ActsCommand,
}

#[derive(Debug, Subcommand)]
enum ActsCommand {
    /// Write the acts of this gateway into a signed file for other gateways
    #[command(after_help = "\
Acts are numbered from 1; the command prints the number of the last one, the next `--since`:
  hecha acts export --state var --since 0 --key acts.key --out new.hecha-acts
  hecha publish --acts new.hecha-acts --to /srv/snapshots
A gateway takes such files from its snapshot folder where its `act_keys` names acts.key.pub. Each
act counts once, whatever is sent again. Acts that free somebody count at once; `upheld` counts
when all acts before it are there.")]
    Export(ExportArgs),
}

#[derive(Debug, Args)]
struct ExportArgs {
    /// State folder of the gateway
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Acts after this number; 0 for all
    #[arg(long, value_name = "SEQ")]
    since: u64,
    /// Signing key, from `hecha key new --signing`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Gateways of another environment refuse it
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
}

/// Why the command failed; each is bad input, but `Output`.
#[derive(Debug, thiserror::Error)]
pub enum ActsError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nothing to write.
    #[error("there are no acts after number {since}: the last one is {last}")]
    Nothing {
        /// As given.
        since: u64,
        /// Number of the last one.
        last: usize,
    },
    /// The file.
    #[error("`{}`: {source}", path.display())]
    Write {
        /// Where it should go.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

/// Runs the command.
pub fn run(args: ActsArgs) -> Result<(), ActsError> {
    let ActsCommand::Export(args) = args.command;
    let entries = journal::read_only(&RealDisk, &args.state.join(JOURNAL_FILE))?;
    let key = SigningKey::load(&args.key)?;
    let environment = args.environment.as_deref();
    let (bytes, through) = delta::export(&entries, args.since, environment, &key);
    let own = entries.iter().filter(|entry| entry.origin.is_none());
    let last = own.count();
    if through == args.since {
        let since = args.since;
        return Err(ActsError::Nothing { since, last });
    }
    replace::write(&RealDisk, &args.out, &bytes).map_err(|source| ActsError::Write {
        path: args.out.clone(),
        source,
    })?;
    let (from, file) = (args.since + 1, args.out.display());
    writeln!(
        io::stdout(),
        "acts {from} to {through} are in {file}; next: --since {through}"
    )?;
    Ok(())
}
