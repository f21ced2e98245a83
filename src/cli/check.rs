//! `hecha check`: one question without a server, through the very code that HTTP uses.
//!
//! In: flags, or a body from a file or standard input. Out: the body of the answer on standard
//! output. Nothing is recorded: the check_id is all zeros. Without `--snapshot` the sample answers.

use super::sample::{self, SampleSetupError};
use crate::catalogue::fault::CatalogueError;
use crate::catalogue::load as catalogue;
use crate::catalogue::measure::Catalogue;
use crate::config::file::ConfigError;
use crate::config::load as config;
use crate::gateway::client::{Client, RecordFault};
use crate::gateway::clients::{Clients, ClientsError};
use crate::gateway::clock::Clock;
use crate::gateway::question;
use crate::gateway::view::{Law, Loaded, View};
use crate::index::binding::BindingError;
use crate::model::language::Language;
use crate::model::term::Moment;
use crate::overlay::standing::Overlay;
use crate::seal::entropy::{Entropy, OsEntropy};
use crate::seal::keys::{KeyError, MasterKey};
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::tables::OpenError;
use crate::telemetry::Telemetry;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `hecha check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hecha check --scenario rail.ticket --attr train_class=G --attr seat_class=second \\
        --kind person --name 司徒明远 --id citizen_id:-        < number.txt
  hecha check --request question.json --snapshot list.hecha --key snapshot.key
  hecha check --request - --at 2026-11-22T10:00:00+08:00       < question.json

A number on the command line can be read by others on this machine: use it for synthetic data, and
`--id TYPE:-` or `--request -` for real ones.")]
pub struct CheckArgs {
    /// What the caller is about to do
    #[arg(long, required_unless_present = "request")]
    scenario: Option<String>,
    /// person or organisation
    #[arg(long, required_unless_present = "request")]
    kind: Option<String>,
    /// Name of the subject
    #[arg(long, required_unless_present = "request")]
    name: Option<String>,
    /// Number of the subject; `TYPE:-` reads it from standard input; may be repeated
    #[arg(long = "id", value_name = "TYPE:NUMBER")]
    ids: Vec<String>,
    /// Birth date of the subject
    #[arg(long, value_name = "DATE")]
    birth_date: Option<String>,
    /// Fact of the transaction; may be repeated
    #[arg(long = "attr", value_name = "NAME=VALUE")]
    attributes: Vec<String>,
    /// Others involved: one JSON object, or an array of them
    #[arg(long, value_name = "JSON")]
    related: Option<String>,
    /// Exemption that the subject claims
    #[arg(long, value_name = "KIND:REFERENCE")]
    exemption: Option<String>,
    /// Authorisation to learn of entries that are not public
    #[arg(long, value_name = "KIND:REFERENCE")]
    authorisation: Option<String>,
    /// Why the unit asks
    #[arg(long)]
    purpose: Option<String>,
    /// The whole body instead of the flags above; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "scenario", "kind", "name", "ids", "birth_date", "attributes", "related", "exemption",
        "authorisation", "purpose",
    ])]
    request: Option<PathBuf>,
    /// Snapshot to ask; without one: the sample list
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
    /// Master key of the snapshot [default: the one of the configuration]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Moment of the check, RFC 3339 with offset [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Unit of the clients file to ask as [default: one that may ask everything]
    #[arg(long, value_name = "UNIT")]
    client: Option<String>,
    /// Configuration file that names catalogue, clients and key
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Language of the messages
    #[arg(long, value_enum, default_value = "en")]
    language: LanguageWord,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LanguageWord {
    /// 中文
    Zh,
    /// English
    En,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The clients.
    #[error(transparent)]
    Clients(#[from] ClientsError),
    /// The record that may ask everything.
    #[error(transparent)]
    Record(#[from] RecordFault),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The sample.
    #[error(transparent)]
    Sample(#[from] SampleSetupError),
    /// The snapshot.
    #[error("{path}: {fault}")]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: OpenError,
    },
    /// Another key than the snapshot's.
    #[error("{path}: was built with the key {wanted}, not {given}; name its key with `--key`")]
    OtherKey {
        /// The snapshot.
        path: PathBuf,
        /// Key of the snapshot.
        wanted: String,
        /// Key that was given.
        given: String,
    },
    /// Snapshot and catalogue.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// A flag.
    #[error("`{flag}`: {what}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// What is wrong, without the value.
        what: &'static str,
    },
    /// No such unit.
    #[error("there is no unit `{unit}` in the clients file; `hecha client list` shows them")]
    Unit {
        /// As given.
        unit: String,
    },
    /// The question was refused; its problem is on standard output.
    #[error("the question was refused with status {status}{field}")]
    Refused {
        /// As over HTTP.
        status: u16,
        /// The field at fault.
        field: String,
    },
    /// Reading or writing.
    #[error("{what}: {fault}")]
    Io {
        /// What was read or written.
        what: String,
        /// What the system says.
        fault: io::Error,
    },
}

/// Answers the question and prints the answer.
pub fn run(args: &CheckArgs) -> Result<(), CheckError> {
    let config = config::load(args.config.as_deref(), std::env::vars_os())?;
    let catalogue = match &config.catalogue_dir {
        Some(folder) => catalogue::load(folder)?,
        None => catalogue::built_in()?,
    };
    let now = match &args.at {
        None => Clock::default().now(),
        Some(text) => Moment::parse(text).ok_or(CheckError::Flag {
            flag: "--at",
            what: "write a moment such as 2026-11-22T10:00:00+08:00",
        })?,
    };
    let key_file = args.key.as_ref().unwrap_or(&config.snapshot_key_file);
    let loaded = load(args.snapshot.as_deref(), key_file, &catalogue, now)?;
    let clients = match &args.client {
        Some(_) => Clients::load(&config.clients_file, &catalogue)?,
        None => Clients::default(),
    };
    let anybody = Client::new(&sample::client_record(), &catalogue)?;
    let law = Arc::new(Law::new(catalogue, clients, &Telemetry::new()));
    let client = match &args.client {
        None => &anybody,
        Some(unit) => law
            .clients
            .find_unit(unit)
            .ok_or_else(|| CheckError::Unit { unit: unit.clone() })?,
    };
    let body = body(args, &law.catalogue)?;
    let overlay = Arc::new(Overlay::default());
    let view = View::new(Arc::new(loaded), Arc::clone(&law), overlay, now)?;
    let language = match args.language {
        LanguageWord::Zh => Language::Zh,
        LanguageWord::En => Language::En,
    };
    match question::answer(&view, client, &body, language, now) {
        Ok(answered) => print(&answered.body),
        Err(problem) => {
            print(&problem.to_body())?;
            let field = problem.field.as_deref();
            Err(CheckError::Refused {
                status: problem.status(),
                field: field.map_or_else(String::new, |field| format!(" at `{field}`")),
            })
        }
    }
}

/// The snapshot with its key; without one the sample as of `now`.
pub fn load(
    snapshot: Option<&Path>,
    key_file: &Path,
    catalogue: &Catalogue,
    now: Moment,
) -> Result<Loaded, CheckError> {
    let Some(path) = snapshot else {
        let mut secret = [0; 32];
        OsEntropy.fill(&mut secret);
        let master = MasterKey::from_bytes(secret);
        let bytes = sample::snapshot_bytes(catalogue, MasterKey::from_bytes(secret), now, None)?;
        let snapshot = Snapshot::from_bytes(bytes).map_err(SampleSetupError::from)?;
        return Ok(Loaded::new(snapshot, &master, None));
    };
    let fault = |fault| CheckError::Snapshot {
        path: path.to_owned(),
        fault,
    };
    let snapshot = Snapshot::open_file(path, &OpenOptions::default()).map_err(fault)?;
    let master = MasterKey::load(key_file)?;
    let wanted = snapshot.manifest().key_id;
    if wanted != master.id() {
        return Err(CheckError::OtherKey {
            path: path.to_owned(),
            wanted: wanted.to_string(),
            given: master.id().to_string(),
        });
    }
    Ok(Loaded::new(snapshot, &master, None))
}

/// The body that HTTP would carry.
fn body(args: &CheckArgs, catalogue: &Catalogue) -> Result<Vec<u8>, CheckError> {
    if let Some(path) = &args.request {
        let failed = |fault| CheckError::Io {
            what: path.display().to_string(),
            fault,
        };
        return match path.as_os_str() == "-" {
            true => standard_input().map(String::into_bytes),
            false => std::fs::read(path).map_err(failed),
        };
    }
    let mut body = Map::new();
    let scenario = args.scenario.as_deref().unwrap_or_default();
    body.insert("scenario".to_owned(), json!(scenario));
    let attributes = attributes(scenario, &args.attributes, catalogue)?;
    body.insert("attributes".to_owned(), Value::Object(attributes));
    let mut subject = Map::new();
    subject.insert("kind".to_owned(), json!(args.kind));
    subject.insert("name".to_owned(), json!(args.name));
    subject.insert("birth_date".to_owned(), json!(args.birth_date));
    subject.insert("ids".to_owned(), Value::Array(ids(args)?));
    body.insert("subject".to_owned(), Value::Object(subject));
    if let Some(related) = &args.related {
        let related = match serde_json::from_str(related) {
            Ok(Value::Array(parties)) => parties,
            Ok(party) => vec![party],
            Err(_) => {
                return Err(CheckError::Flag {
                    flag: "--related",
                    what: "write a JSON object, or an array of them",
                });
            }
        };
        body.insert("related".to_owned(), Value::Array(related));
    }
    for (field, flag, stated) in [
        ("exemption", "--exemption", &args.exemption),
        ("authorisation", "--authorisation", &args.authorisation),
    ] {
        if let Some((kind, reference)) = pair(flag, stated.as_deref(), ':')? {
            body.insert(
                field.to_owned(),
                json!({"kind": kind, "reference": reference}),
            );
        }
    }
    body.insert("purpose".to_owned(), json!(args.purpose));
    Ok(Value::Object(body).to_string().into_bytes())
}

/// Values as the scenario wants them: whole numbers and booleans are not strings.
pub fn attributes(
    scenario: &str,
    flags: &[String],
    catalogue: &Catalogue,
) -> Result<Map<String, Value>, CheckError> {
    use crate::catalogue::scenario::AttributeKind;
    let known = catalogue
        .find_scenario(scenario)
        .map(|scenario| catalogue.scenario(scenario));
    let mut attributes = Map::new();
    for stated in flags {
        let Some((name, text)) = pair("--attr", Some(stated), '=')? else {
            continue;
        };
        let attribute = known.and_then(|known| {
            let place = known.find_attribute(name)?;
            known.attributes.get(usize::from(place))
        });
        let value = match attribute.map(|attribute| &attribute.kind) {
            Some(AttributeKind::Int { .. } | AttributeKind::Bool) => {
                serde_json::from_str(text).unwrap_or_else(|_| json!(text))
            }
            _ => json!(text),
        };
        attributes.insert(name.to_owned(), value);
    }
    Ok(attributes)
}

fn ids(args: &CheckArgs) -> Result<Vec<Value>, CheckError> {
    let mut ids = Vec::with_capacity(args.ids.len());
    let mut read_input = false;
    let mut warned = false;
    for stated in &args.ids {
        let Some((id_type, number)) = pair("--id", Some(stated), ':')? else {
            continue;
        };
        let number = if number == "-" {
            if std::mem::replace(&mut read_input, true) {
                return Err(CheckError::Flag {
                    flag: "--id",
                    what: "only one number can be read from standard input",
                });
            }
            standard_input()?.trim().to_owned()
        } else {
            if !std::mem::replace(&mut warned, true) {
                warn()?;
            }
            number.to_owned()
        };
        ids.push(json!({"type": id_type, "number": number}));
    }
    Ok(ids)
}

/// Says that a number on the command line is no secret.
pub fn warn() -> Result<(), CheckError> {
    let text = "hecha: a number on the command line can be read by others on this machine; use \
                `--id TYPE:-` for real ones\n";
    let written = io::stderr().lock().write_all(text.as_bytes());
    written.map_err(|fault| CheckError::Io {
        what: "standard error".to_owned(),
        fault,
    })
}

/// Two texts around the first separator. Errors name the flag, never the value.
pub fn pair<'a>(
    flag: &'static str,
    stated: Option<&'a str>,
    separator: char,
) -> Result<Option<(&'a str, &'a str)>, CheckError> {
    let Some(stated) = stated else {
        return Ok(None);
    };
    let what = match separator {
        '=' => "write NAME=VALUE",
        _ => "write two texts with a colon between them",
    };
    let pair = stated.split_once(separator);
    pair.map(Some).ok_or(CheckError::Flag { flag, what })
}

/// All of standard input.
pub fn standard_input() -> Result<String, CheckError> {
    let mut text = String::new();
    let read = io::stdin().lock().read_to_string(&mut text);
    read.map(|_| text).map_err(|fault| CheckError::Io {
        what: "standard input".to_owned(),
        fault,
    })
}

fn print(body: &[u8]) -> Result<(), CheckError> {
    let mut out = io::stdout().lock();
    let written = out
        .write_all(body)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    written.map_err(|fault| CheckError::Io {
        what: "standard output".to_owned(),
        fault,
    })
}

impl CheckError {
    /// Whether it is a fault of ours.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Io { what, .. } if what.starts_with("standard"))
    }
}
