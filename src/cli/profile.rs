//! `hecha profile`: which profiles there are, what one says, one proposed for a file.
//!
//! In: a name or a list file. Out: text on standard output, TOML that `hecha build --profile`
//! takes. Never prints a value of a list. Exit codes: 0; 2 where the input is at fault.

use crate::intake::guess;
use crate::intake::lists::{self, ListFile};
use crate::intake::profile::{BUILT_IN, Profile};
use std::io::{self, Write};
use std::path::PathBuf;

/// Column profiles: which column of an office's table is which field of a record.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  hecha profile guess 名单.xlsx > office.toml    read it, correct it\n  \
    hecha build 名单.xlsx --profile office.toml --out list.hecha --key snapshot.key\n\n\
    A profile is TOML: [constants] for what no column says, [columns] with the spellings of\n\
    headers by field, [values.FIELD] for what an office's words mean, [entry_id] for the key\n\
    of rows that have none. `hecha profile show court-defaulter` is one to copy from."
)]
pub struct ProfileArgs {
    #[command(subcommand)]
    command: ProfileCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ProfileCommand {
    /// The built-in profiles, a line each
    List,
    /// The text of a built-in profile, to copy and change
    Show {
        /// Its name.
        name: String,
    },
    /// Propose a profile for a CSV file or a workbook
    ///
    /// Looks at the first rows: where the header is, what each column can be and how sure that
    /// is. Shows shapes of values (9 a digit, A a letter, 字 a character), never values.
    Guess {
        /// The list file.
        file: PathBuf,
        /// The sheet of a workbook; the first with a header where absent.
        #[arg(long)]
        sheet: Option<String>,
    },
}

/// Why the command ended early.
#[derive(Debug, thiserror::Error)]
pub enum ProfileCommandError {
    /// What the caller gave is at fault.
    #[error("{0}")]
    Input(String),
    /// Standard output is gone.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// Runs the command.
pub fn run(args: ProfileArgs) -> Result<(), ProfileCommandError> {
    let mut out = io::stdout().lock();
    match args.command {
        ProfileCommand::List => {
            for (name, text) in BUILT_IN {
                let profile = Profile::parse(name, text).map_err(input)?;
                writeln!(out, "{name:24} {}", profile.about)?;
            }
        }
        ProfileCommand::Show { name } => {
            let found = BUILT_IN.into_iter().find(|(known, _)| *known == name);
            let (_, text) = found.ok_or_else(|| {
                let what = format!("no built-in profile `{name}`; see `hecha profile list`");
                ProfileCommandError::Input(what)
            })?;
            out.write_all(text.as_bytes())?;
        }
        ProfileCommand::Guess { file, sheet } => {
            let list = ListFile {
                path: file.clone(),
                profile: None,
            };
            let tables = lists::heads(&list, sheet.as_deref()).map_err(input)?;
            let mut fault = "the file is empty".to_owned();
            for rows in &tables {
                match guess::propose(rows, &file.display().to_string()) {
                    Ok(toml) => {
                        out.write_all(toml.as_bytes())?;
                        return Ok(());
                    }
                    Err(what) => fault = what,
                }
            }
            let what = format!("{}: {fault}", file.display());
            return Err(ProfileCommandError::Input(what));
        }
    }
    Ok(())
}

fn input(error: impl std::fmt::Display) -> ProfileCommandError {
    ProfileCommandError::Input(error.to_string())
}
