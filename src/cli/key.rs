//! `hecha key`: new master keys and signing keys, and what a key file is.
//!
//! In: a path where nothing stands yet, or a key file. Out: the key file, readable by its owner
//! only, and the key's public number; of a signing key also its public part beside it. A secret is
//! never printed.

use crate::seal::entropy::OsEntropy;
use crate::seal::keys::{KeyError, MasterKey};
use crate::seal::sign::{PublicKey, SigningKey, public_path};
use clap::{Args, Subcommand};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Arguments of `hecha key`.
#[derive(Debug, Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key; print its public number, which manifests, signatures and log records name
    #[command(after_help = "\
Master keys: snapshots and the log have one each. Keep a copy in a safe place: what was sealed with
a lost key stays sealed.

Signing keys (--signing): one for each person or machine that builds or activates. FILE stays with
them, readable by its owner only; FILE.pub goes to the gateways, into `builder_keys` or
`activator_keys`. A lost signing key is replaced: make another, exchange FILE.pub. The log and each
witness sign with keys of their own, made the same way: see `hecha witness --help`.")]
    New {
        /// Where to write it; a file that exists is never overwritten
        file: PathBuf,
        /// A signing key (ed25519) with its public part in FILE.pub
        #[arg(long)]
        signing: bool,
    },
    /// Show what a key file is: kind, number and, of a signing key, the public part
    Show {
        /// A master key, a signing key, or the public part of one
        file: PathBuf,
    },
}

/// Why the command failed; `Key` is bad input, exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum KeyCommandError {
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// None of the kinds there are.
    #[error(
        "`{}` is no key file: neither a master key nor a signing key nor the public part of one; \
         make one with `hecha key new FILE` or `hecha key new --signing FILE`",
        path.display()
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

/// Runs the command and prints to standard output.
pub fn run(args: KeyArgs) -> Result<(), KeyCommandError> {
    run_into(args, &mut io::stdout().lock())
}

fn run_into(args: KeyArgs, out: &mut dyn Write) -> Result<(), KeyCommandError> {
    match args.command {
        KeyCommand::New { file, signing } => new_key(&file, signing, out)?,
        KeyCommand::Show { file } => show(&file, out)?,
    }
    out.flush()?;
    Ok(())
}

fn new_key(file: &Path, signing: bool, out: &mut dyn Write) -> Result<(), KeyCommandError> {
    if signing {
        let key = SigningKey::create(file, &OsEntropy)?;
        let public = public_path(file);
        writeln!(out, "{}\n{}", key.public().id(), public.display())?;
    } else {
        let key = MasterKey::create(file, &OsEntropy)?;
        writeln!(out, "{}", key.id())?;
    }
    Ok(())
}

fn show(file: &Path, out: &mut dyn Write) -> Result<(), KeyCommandError> {
    let kind_fits =
        |fault: &KeyError| !matches!(fault, KeyError::Format { .. } | KeyError::OtherKind { .. });
    match PublicKey::load(file) {
        Ok(key) => return show_public("public key", &key, out),
        Err(fault @ KeyError::Read { .. }) => return Err(fault.into()),
        // A secret key that others can write to is said to be readable by them, too.
        Err(_) => {}
    }
    match SigningKey::load(file) {
        Ok(key) => return show_public("signing key", &key.public(), out),
        Err(fault) if kind_fits(&fault) => return Err(fault.into()),
        Err(_) => {}
    }
    match MasterKey::load(file) {
        Ok(key) => {
            writeln!(out, "kind    master key\nnumber  {}", key.id())?;
            Ok(())
        }
        Err(fault) if kind_fits(&fault) => Err(fault.into()),
        Err(_) => Err(KeyCommandError::NoKey {
            path: file.to_owned(),
        }),
    }
}

fn show_public(kind: &str, key: &PublicKey, out: &mut dyn Write) -> Result<(), KeyCommandError> {
    let (id, line) = (key.id(), key.line());
    writeln!(out, "kind    {kind}\nnumber  {id}\npublic  {line}")?;
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
            command: KeyCommand::New {
                file: file.clone(),
                signing: false,
            },
        };
        let mut out = Vec::new();
        run_into(args(), &mut out).unwrap();
        let key = MasterKey::load(&file).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!("{}\n", key.id()));
        let error = run_into(args(), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("exists already"), "{error}");
    }

    fn said(command: KeyCommand) -> String {
        let mut out = Vec::new();
        run_into(KeyArgs { command }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_key_is_shown_by_kind_and_number_and_never_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let made = |name: &str, signing| {
            said(KeyCommand::New {
                file: path(name),
                signing,
            })
        };
        let (master, signing) = (made("m.key", false), made("s.key", true));
        let shown = ["m.key", "s.key", "s.key.pub"].map(|name| {
            let shown = said(KeyCommand::Show { file: path(name) });
            let secret = std::fs::read_to_string(path(name)).unwrap();
            let digits = secret.trim().rsplit(' ').next().unwrap().to_owned();
            assert_eq!(shown.contains(&digits), name == "s.key.pub", "{name}");
            shown
        });
        assert!(shown[0].contains("master key") && shown[0].contains(master.trim()));
        let id = signing.lines().next().unwrap();
        assert!(shown[1].contains("signing key") && shown[1].contains(id));
        assert!(shown[2].contains("kind    public key") && shown[2].contains(id));
        std::fs::write(path("other"), "hecha-key-9 00").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path("other"), mode).unwrap();
        for name in ["other", "absent"] {
            let args = KeyArgs {
                command: KeyCommand::Show { file: path(name) },
            };
            assert!(run_into(args, &mut Vec::new()).is_err(), "{name}");
        }
    }
}
