//! `hecha client add|list|rotate|revoke`: who may ask, and what.
//!
//! In: parsed arguments. Out: a new record and its token, printed once; or the records without
//! tokens. Checks a record against the catalogue before anything is written.

use crate::catalogue::fault::CatalogueError;
use crate::catalogue::load as catalogue;
use crate::config::file::ConfigError;
use crate::config::load as config;
use crate::gateway::client::{Client, Clients, ClientsError, RecordFault};
use crate::gateway::client_record::{self, ClientRecord, ClientsFileError};
use crate::seal::entropy::OsEntropy;
use clap::{Args, Subcommand};
use std::io::{self, Write};
use std::path::PathBuf;

/// Arguments of `hecha client`.
#[derive(Debug, Args)]
pub struct ClientArgs {
    #[command(subcommand)]
    command: ClientCommand,
    #[command(flatten)]
    places: Places,
}

/// Where clients and catalogue are.
#[derive(Debug, Args)]
struct Places {
    /// Configuration file that names the clients file and the catalogue
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Clients file, instead of the one the configuration names
    #[arg(long, global = true, value_name = "FILE")]
    clients_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ClientCommand {
    /// Add a unit and print its token, once
    #[command(
        after_help = "Example:\n  hecha client add --unit 'Rail ticketing' --kind enterprise \
                            --scenario rail.ticket --purpose 'ticket sale'\n\nThe running gateway \
                            knows the unit after SIGHUP or a restart. Run this as the user of the \
                            gateway: the clients file is readable by its owner only."
    )]
    Add(AddArgs),
    /// Show the units, never their tokens
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Give a unit a new token
    Rotate {
        /// Name of the unit
        unit: String,
    },
    /// Take a unit's tokens away
    Revoke {
        /// Name of the unit
        unit: String,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    /// Name of the unit; stands in every log record of its requests
    #[arg(long)]
    unit: String,
    /// enterprise or authority; government entries open to authorities only
    #[arg(long, default_value = "enterprise")]
    kind: String,
    /// Scenario it may ask about, or * for all; may be repeated
    #[arg(long = "scenario", required = true, value_name = "ID")]
    scenarios: Vec<String>,
    /// Purpose its requests must name; may be repeated; none: any purpose
    #[arg(long = "purpose", value_name = "TEXT")]
    purposes: Vec<String>,
    /// checker, steward, auditor or admin; may be repeated
    #[arg(long = "role", default_value = "checker", value_name = "ROLE")]
    roles: Vec<String>,
    /// Measure the unit has adopted; may be repeated
    #[arg(long, value_name = "MEASURE")]
    adopts: Vec<String>,
    /// The most that a masked number may bring: review or block [default: review]
    #[arg(long, value_name = "EFFECT")]
    masked_id: Option<String>,
    /// Least durability of the record before the answer: kernel or disk [default: kernel]
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// Field of a match that its answers show, such as entry_id, identity, measures or listed_name;
    /// may be repeated [default: all]. `none` shows no field but the way to object: decision,
    /// reasons and messages, and of an adverse match its authority, case_no and recourse, are
    /// always there
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<String>,
    /// Requests a second at most [default: no limit of its own]
    #[arg(long, value_name = "NUMBER")]
    rate: Option<u32>,
    /// Its requests must name who asks in the header `hecha-operator`
    #[arg(long)]
    operator_required: bool,
}

/// Why the command failed; each is bad input, exit code 2, but `Output`.
#[derive(Debug, thiserror::Error)]
pub enum ClientCommandError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The clients file, or a record in it.
    #[error(transparent)]
    Clients(#[from] ClientsError),
    /// The clients file.
    #[error(transparent)]
    File(#[from] ClientsFileError),
    /// The arguments.
    #[error("{0}; nothing was changed")]
    Record(#[from] RecordFault),
    /// A command of a later version.
    #[error(
        "`hecha client {command}` is not in this version; edit the record of `{unit}` in the \
         clients file and send the gateway SIGHUP"
    )]
    NotYet {
        /// The command.
        command: &'static str,
        /// The unit.
        unit: String,
    },
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

/// Runs the command and prints to standard output.
pub fn run(args: ClientArgs) -> Result<(), ClientCommandError> {
    run_into(args, &mut io::stdout().lock())
}

fn run_into(args: ClientArgs, out: &mut dyn Write) -> Result<(), ClientCommandError> {
    let config = config::load(args.places.config.as_deref(), std::env::vars_os())?;
    let file = args.places.clients_file.unwrap_or(config.clients_file);
    let catalogue = match &config.catalogue_dir {
        Some(dir) => catalogue::load(dir)?,
        None => catalogue::built_in()?,
    };
    match args.command {
        ClientCommand::Add(add) => {
            let record = ClientRecord::from(add);
            Client::new(&record, &catalogue)?;
            let token = client_record::add(&file, record, &OsEntropy)?;
            writeln!(out, "{token}")?;
        }
        ClientCommand::List { json } => {
            let records = client_record::read(&file)?;
            Clients::from_records(&file, records.clone(), &catalogue)?;
            for placed in records {
                writeln!(
                    out,
                    "{}",
                    if json {
                        as_json(placed.record)
                    } else {
                        as_text(&placed.record)
                    }
                )?;
            }
        }
        ClientCommand::Rotate { unit } => {
            let command = "rotate";
            return Err(ClientCommandError::NotYet { command, unit });
        }
        ClientCommand::Revoke { unit } => {
            let command = "revoke";
            return Err(ClientCommandError::NotYet { command, unit });
        }
    }
    out.flush()?;
    Ok(())
}

impl From<AddArgs> for ClientRecord {
    fn from(add: AddArgs) -> Self {
        Self {
            unit: add.unit,
            kind: add.kind,
            scenarios: add.scenarios,
            purposes: (!add.purposes.is_empty()).then_some(add.purposes),
            roles: add.roles,
            rate: add.rate,
            adopts: add.adopts,
            masked_id: add.masked_id,
            level: add.level,
            fields: match add.fields.as_slice() {
                [] => None,
                [none] if none == "none" => Some(Vec::new()),
                _ => Some(add.fields),
            },
            operator_required: add.operator_required,
            token_sha256: Vec::new(),
        }
    }
}

/// The record without hashes; how many tokens it has.
fn as_json(mut record: ClientRecord) -> String {
    let tokens = record.token_sha256.len();
    record.token_sha256.clear();
    let mut value = serde_json::json!(record);
    value["tokens"] = tokens.into();
    value.to_string()
}

fn as_text(record: &ClientRecord) -> String {
    let mut text = format!(
        "{}  {}  roles {}  scenarios {}",
        record.unit,
        record.kind,
        words(&record.roles),
        words(&record.scenarios)
    );
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!("  {name} {value}"));
        }
    };
    add("purposes", record.purposes.as_deref().map(words));
    add("rate", record.rate.map(|rate| format!("{rate}/s")));
    add(
        "adopts",
        (!record.adopts.is_empty()).then(|| words(&record.adopts)),
    );
    add("masked_id", record.masked_id.clone());
    add("level", record.level.clone());
    add("fields", record.fields.as_deref().map(words));
    add("tokens", Some(record.token_sha256.len().to_string()));
    text
}

fn words(words: &[String]) -> String {
    if words.is_empty() {
        return "none".into();
    }
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: ClientArgs,
    }

    fn hecha_client(arguments: &[&str]) -> Result<String, ClientCommandError> {
        let command = Command::try_parse_from([&["client"], arguments].concat()).unwrap();
        let mut out = Vec::new();
        run_into(command.args, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn add_prints_a_token_that_the_file_then_knows_and_list_never_shows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clients.toml");
        let file = path.to_str().unwrap();
        let token = hecha_client(&[
            "add",
            "--unit",
            "rail",
            "--scenario",
            "rail.ticket",
            "--scenario",
            "air.ticket",
            "--purpose",
            "ticket sale",
            "--role",
            "checker",
            "--role",
            "steward",
            "--adopts",
            "serious-finance-found",
            "--masked-id",
            "block",
            "--level",
            "disk",
            "--rate",
            "50",
            "--clients-file",
            file,
        ])
        .unwrap();
        let catalogue = catalogue::built_in().unwrap();
        let clients = Clients::load(&path, &catalogue).unwrap();
        assert_eq!(
            &*clients.authenticate(token.trim_end()).unwrap().unit,
            "rail"
        );
        let list = hecha_client(&["list", "--clients-file", file]).unwrap();
        assert_eq!(
            list,
            "rail  enterprise  roles checker,steward  scenarios rail.ticket,air.ticket  purposes \
             ticket sale  rate 50/s  adopts serious-finance-found  masked_id block  level disk  \
             tokens 1\n"
        );
        let json = hecha_client(&["list", "--json", "--clients-file", file]).unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["tokens"], 1);
        assert!(value.get("token_sha256").is_none() && !json.contains(token.trim_end()));
    }

    #[test]
    fn a_record_that_cannot_be_used_is_not_stored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clients.toml");
        let file = path.to_str().unwrap();
        let add = [
            "add",
            "--unit",
            "a",
            "--scenario",
            "rail",
            "--clients-file",
            file,
        ];
        let error = hecha_client(&add).unwrap_err().to_string();
        assert_eq!(
            error,
            "`scenarios`: unknown scenario `rail`; correct it, or write * for all; nothing was \
             changed"
        );
        assert!(!path.exists());
        let error = hecha_client(&["list", "--clients-file", file])
            .unwrap_err()
            .to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }

    #[test]
    fn rotate_and_revoke_say_that_they_are_not_there_yet() {
        for command in ["rotate", "revoke"] {
            let error = hecha_client(&[command, "rail"]).unwrap_err().to_string();
            assert!(
                error.contains("is not in this version; edit the record of `rail`"),
                "{error}"
            );
        }
    }
}
