//! `hecha client add|list|rotate|revoke|certificate`: who may ask, and what.
//!
//! In: parsed arguments. Out: a changed clients file and a new token, printed once; or the records
//! without tokens. Checks a record against the catalogue before anything is written.

use super::client_shown;
use crate::catalogue::fault::CatalogueError;
use crate::catalogue::load as catalogue;
use crate::config::file::ConfigError;
use crate::config::load as config;
use crate::gateway::client::{Client, RecordFault};
use crate::gateway::client_edit::{
    Chosen, ClientsFile, EditError, PREFIX_DIGITS_MIN, Rotation, plus_days,
};
use crate::gateway::client_record::{self, ClientRecord};
use crate::gateway::clients::{Clients, ClientsError};
use crate::gateway::clock::Clock;
use crate::seal::certificate::{CertificateError, CertificateHash};
use crate::seal::entropy::OsEntropy;
use crate::seal::token;
use clap::{Args, Subcommand};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Days that a token counts after the day it was made, unless said otherwise.
const EXPIRES_DAYS: u32 = 90;
/// The most that may be said: ten years.
const EXPIRES_DAYS_MAX: i64 = 3_653;

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
                            notices the changed file within about a second. Run this as the user \
                            of the gateway: the clients file is readable by its owner only.\n\n\
                            What a record names, a request must bring: a token where it names \
                            tokens, a certificate where it names certificates, both where both."
    )]
    Add(AddArgs),
    /// Show the units, their tokens by the first digits of their SHA-256, their certificates
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Give a unit a new token and print it, once; the old one ends after an overlap
    Rotate(RotateArgs),
    /// Take tokens of a unit away; the running gateway refuses them within about two seconds
    #[command(
        after_help = "Where no token is left the unit's certificates stand in for none: nobody is \
                      recognised until `hecha client rotate UNIT` gives it a token again."
    )]
    Revoke(RevokeArgs),
    /// Name a further certificate of a unit, or take one away
    #[command(
        after_help = "A certificate is known by its public key: a renewed one of the same key \
                      needs no change. Where the last one is taken away nobody is recognised \
                      until another is named, or `certificate_sha256 = []` is taken out of the \
                      record."
    )]
    Certificate(CertificateArgs),
}

#[derive(Debug, Args)]
struct RotateArgs {
    /// Name of the unit
    unit: String,
    /// Days that the new token counts after today
    #[arg(long, default_value_t = EXPIRES_DAYS, value_name = "DAYS",
          value_parser = clap::value_parser!(u32).range(0..=EXPIRES_DAYS_MAX))]
    expires_days: u32,
    /// Days that the old token still counts after today, never longer than it would have; 0 takes
    /// it away at once
    #[arg(long, default_value_t = 14, value_name = "DAYS",
          value_parser = clap::value_parser!(u32).range(0..=EXPIRES_DAYS_MAX))]
    overlap_days: u32,
    /// Where two tokens are valid, take the oldest away
    #[arg(long)]
    drop_oldest: bool,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// Name of the unit
    unit: String,
    #[command(flatten)]
    chosen: RevokeChoice,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct RevokeChoice {
    /// The token whose SHA-256 begins with these digits, as `hecha client list` shows them
    #[arg(long, value_name = "DIGITS")]
    token_prefix: Option<String>,
    /// The tokens made on this day
    #[arg(long, value_name = "DATE")]
    created: Option<String>,
    /// A token that has leaked, in the first line of a file; - is standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Every token
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct CertificateArgs {
    /// Name of the unit
    unit: String,
    #[command(flatten)]
    change: CertificateChange,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct CertificateChange {
    /// PEM file of a certificate
    #[arg(long, value_name = "FILE")]
    add: Option<PathBuf>,
    /// SHA-256 of its public key, as `hecha client list` shows it, or the first digits
    #[arg(long, value_name = "HASH")]
    remove: Option<String>,
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
    /// Requests at once at most [default: as many as --rate]
    #[arg(long, value_name = "NUMBER")]
    burst: Option<u32>,
    /// Distinct subjects a day at most [default: no limit]
    #[arg(long, value_name = "NUMBER")]
    daily_subjects: Option<u32>,
    /// What is done where its asking looks like gathering the list: off, watch or react [default:
    /// what the configuration says]
    #[arg(long, value_name = "WORD")]
    enumeration: Option<String>,
    /// Its requests must name who asks in the header `hecha-operator`
    #[arg(long)]
    operator_required: bool,
    /// Days that the token counts after today
    #[arg(long, default_value_t = EXPIRES_DAYS, value_name = "DAYS",
          value_parser = clap::value_parser!(u32).range(0..=EXPIRES_DAYS_MAX))]
    expires_days: u32,
    /// PEM file of a certificate that its connections show; may be repeated
    #[arg(long = "certificate", value_name = "FILE")]
    certificates: Vec<PathBuf>,
    /// No token: the certificate alone says who asks
    #[arg(long, requires = "certificates")]
    no_token: bool,
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
    /// What was to be changed in it.
    #[error("{0}; nothing was changed")]
    Edit(EditError),
    /// A certificate.
    #[error("{0}; nothing was changed")]
    Certificate(#[from] CertificateError),
    /// The arguments.
    #[error("{0}; nothing was changed")]
    Record(#[from] RecordFault),
    /// Digits that name no token.
    #[error(
        "`--token-prefix` is `{digits}`; write at least {PREFIX_DIGITS_MIN} of the digits that \
         `hecha client list` shows; nothing was changed"
    )]
    Prefix {
        /// As written.
        digits: String,
    },
    /// A file with a token.
    #[error("`{}` holds no token ({fault}); nothing was changed", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
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
    let now = Clock::default().now();
    let clients = ClientsFile {
        path: &file,
        catalogue: &catalogue,
        now,
    };
    match args.command {
        ClientCommand::Add(add) => {
            let expires = plus_days(now.day(), add.expires_days);
            let expires = (!add.no_token).then_some(Some(expires));
            let record = record(add)?;
            Client::new(&record, &catalogue)?;
            if let Some(token) = clients.add(record, expires, &OsEntropy)? {
                writeln!(out, "{token}")?;
            }
        }
        ClientCommand::List { json } => {
            let records = client_record::read(&file).map_err(ClientsError::from)?;
            Clients::from_records(&file, records.clone(), &catalogue)?;
            for placed in records {
                let shown = match json {
                    true => client_shown::as_json(placed.record, now),
                    false => client_shown::as_text(&placed.record, now),
                };
                writeln!(out, "{shown}")?;
            }
        }
        ClientCommand::Rotate(rotate) => {
            let rotation = Rotation {
                expires: Some(plus_days(now.day(), rotate.expires_days)),
                overlap_days: rotate.overlap_days,
                drop_oldest: rotate.drop_oldest,
            };
            let token = clients.rotate(&rotate.unit, rotation, &OsEntropy)?;
            writeln!(out, "{token}")?;
        }
        ClientCommand::Revoke(revoke) => {
            let count = clients.revoke(&revoke.unit, &chosen(revoke.chosen)?)?;
            writeln!(
                out,
                "{count} of the tokens of `{}` were taken away",
                revoke.unit
            )?;
        }
        ClientCommand::Certificate(change) => change_certificate(clients, change, out)?,
    }
    out.flush()?;
    Ok(())
}

impl From<EditError> for ClientCommandError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Clients(error) => Self::Clients(error),
            other => Self::Edit(other),
        }
    }
}

fn change_certificate(
    clients: ClientsFile<'_>,
    certificate: CertificateArgs,
    out: &mut dyn Write,
) -> Result<(), ClientCommandError> {
    let (unit, change) = (&certificate.unit, certificate.change);
    if let Some(file) = change.add {
        let hash = CertificateHash::of_file(&file)?;
        clients.add_certificate(unit, hash)?;
        writeln!(out, "{}", hash.to_hex())?;
        return Ok(());
    }
    let digits = change.remove.unwrap_or_default().to_ascii_lowercase();
    clients.remove_certificate(unit, &digits)?;
    Ok(())
}

fn chosen(choice: RevokeChoice) -> Result<Chosen, ClientCommandError> {
    if let Some(path) = choice.token_file {
        let token = first_line(&path).map_err(|fault| ClientCommandError::Token { path, fault })?;
        return Ok(Chosen::Prefix(token::hash(&token).to_hex()));
    }
    if let Some(day) = choice.created {
        return Ok(Chosen::Created(day));
    }
    let Some(digits) = choice.token_prefix else {
        return Ok(Chosen::All);
    };
    let digits = digits.to_ascii_lowercase();
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    match is_hex && digits.len() >= PREFIX_DIGITS_MIN {
        true => Ok(Chosen::Prefix(digits)),
        false => Err(ClientCommandError::Prefix { digits }),
    }
}

/// A token is never an argument: those of a process are seen by everybody on the machine.
fn first_line(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    let mut read = |from: &mut dyn BufRead| from.take(1_024).read_line(&mut line);
    match path == Path::new("-") {
        true => read(&mut io::stdin().lock())?,
        false => read(&mut BufReader::new(File::open(path)?))?,
    };
    let token = Zeroizing::new(line.trim().to_owned());
    match token.is_empty() {
        true => Err(io::Error::other("the first line is empty")),
        false => Ok(token),
    }
}

fn record(add: AddArgs) -> Result<ClientRecord, CertificateError> {
    let mut certificates = Vec::new();
    for file in &add.certificates {
        certificates.push(CertificateHash::of_file(file)?.to_hex());
    }
    Ok(ClientRecord {
        unit: add.unit,
        kind: add.kind,
        scenarios: add.scenarios,
        purposes: (!add.purposes.is_empty()).then_some(add.purposes),
        roles: add.roles,
        rate: add.rate,
        burst: add.burst,
        daily_subjects: add.daily_subjects,
        enumeration: add.enumeration,
        adopts: add.adopts,
        masked_id: add.masked_id,
        level: add.level,
        fields: match add.fields.as_slice() {
            [] => None,
            [none] if none == "none" => Some(Vec::new()),
            _ => Some(add.fields),
        },
        operator_required: add.operator_required,
        certificate_sha256: (!certificates.is_empty()).then_some(certificates),
        token_sha256: None,
        tokens: None,
    })
}

#[cfg(test)]
mod tests;
