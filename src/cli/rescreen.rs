//! `hecha rescreen`: a base of known subjects against what a new snapshot changes.
//!
//! In: two snapshots, a file of subjects, a scenario. Out: a line of JSON for each subject that a
//! changed entry concerns. The file appears whole or not at all. Exit codes: 0 done; 2 bad input;
//! 3 done, with subjects that could not be asked.

use super::check::attributes;
use super::sample;
use crate::catalogue::load;
use crate::changes::compare;
use crate::config::load as config;
use crate::config::resolved::Config;
use crate::gateway::client::Client;
use crate::gateway::clients::Clients;
use crate::gateway::view::{Law, Loaded, View};
use crate::model::term::Moment;
use crate::overlay::standing::Overlay;
use crate::screen::changes::{Rows, Run, Said};
use crate::seal::keys::MasterKey;
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::storage::disk::{RealDisk, Storage, StoredFile};
use crate::storage::replace;
use crate::telemetry::Telemetry;
use crate::wire::request::Question;
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Subjects that are asked about together.
const ROWS_A_BATCH: usize = 4_096;

/// Check known subjects against only what changed between two snapshots.
///
/// For each subject that an added, changed or removed entry concerns, one line of JSON says what
/// the answer was and is, which entries, and why. Subjects whom nothing new concerns get no line.
/// Acts of a running gateway (holds, withdrawals) are not known here.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  hecha rescreen --changes old.hecha new.hecha --in customers.csv --out changed.ndjson \\
        --scenario rail.ticket --attr train_class=G --attr seat_class=second --key snapshot.key

SUBJECTS is CSV (ending .csv) with a head: kind, name, and any of reference, birth_date, citizen_id,
passport, credit_code, ...; or NDJSON with the subject of a check a line, `reference` beside:
  {\"reference\":\"c-1\",\"kind\":\"person\",\"name\":\"...\",
   \"ids\":[{\"type\":\"citizen_id\",\"number\":\"...\"}]}

A line of OUT:
  {\"line\":2,\"reference\":\"c-1\",\"was\":{\"decision\":\"clear\",...},
   \"is\":{\"decision\":\"block\",...},
   \"entries\":[{\"entry_id\":\"...\",\"list\":\"...\",\"change\":\"added\",...}]}")]
pub struct RescreenArgs {
    /// The older and the newer snapshot.
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], required = true)]
    pub changes: Vec<PathBuf>,
    /// The subjects.
    #[arg(long = "in", value_name = "SUBJECTS")]
    pub input: PathBuf,
    /// What is found.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// What the subjects are about to do.
    #[arg(long)]
    pub scenario: String,
    /// Fact of the transaction; may be repeated.
    #[arg(long = "attr", value_name = "NAME=VALUE")]
    pub attributes: Vec<String>,
    /// Authorisation to learn of entries that are not public.
    #[arg(long, value_name = "KIND:REFERENCE")]
    pub authorisation: Option<String>,
    /// Why the unit asks.
    #[arg(long)]
    pub purpose: Option<String>,
    /// Master keys of the two snapshots; may be repeated [default: the one of the configuration].
    #[arg(long, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Moment of the check, RFC 3339 with offset [default: now].
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Unit of the clients file to ask as [default: one that may ask everything].
    #[arg(long, value_name = "UNIT")]
    pub client: Option<String>,
    /// Configuration file that names catalogue, clients and key.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Runs the command; returns the exit code.
///
/// Errors: writing to standard output.
pub fn run(args: &RescreenArgs) -> anyhow::Result<u8> {
    match rescreen(args) {
        Err(fault) => {
            writeln!(io::stderr(), "hecha: {fault:#}")?;
            Ok(2)
        }
        Ok(Counts {
            subjects,
            lines,
            problems,
        }) => {
            let out = args.out.display();
            writeln!(
                io::stdout(),
                "{subjects} subjects, {lines} concerned by what changed; in {out}"
            )?;
            if problems == 0 {
                return Ok(0);
            }
            writeln!(
                io::stdout(),
                "{problems} subjects could not be asked; each with its reason in {out}"
            )?;
            Ok(3)
        }
    }
}

#[derive(Default)]
struct Counts {
    subjects: u64,
    lines: u64,
    problems: u64,
}

fn rescreen(args: &RescreenArgs) -> anyhow::Result<Counts> {
    let [old, new] = args.changes.as_slice() else {
        bail!("`--changes`: write the older and the newer snapshot");
    };
    let config = config::load(args.config.as_deref(), std::env::vars_os())?;
    let now = match &args.at {
        None => Moment(jiff::Timestamp::now().as_microsecond()),
        Some(text) => Moment::parse(text)
            .context("`--at`: write a moment such as 2026-11-22T10:00:00+08:00")?,
    };
    let law = law(args, &config)?;
    let anybody = Client::new(&sample::client_record(), &law.catalogue)?;
    let client = match &args.client {
        None => &anybody,
        Some(unit) => law.clients.find_unit(unit).with_context(|| {
            format!("there is no unit `{unit}` in the clients file; `hecha client list` shows them")
        })?,
    };
    let keys = keys(args, &config)?;
    let views = [view(old, &keys, &law, now)?, view(new, &keys, &law, now)?];
    let [before, after] = &views;
    let changes = compare::changes(&before.loaded.snapshot, &after.loaded.snapshot);
    let frame = frame(args, &law)?;
    check_frame(&frame, &law)?;
    let run = Run::new([before, after], &changes, client, frame, now);
    let mut rows = Rows::open(&args.input)?;
    let aside = replace::begin(&RealDisk, &args.out)
        .with_context(|| format!("`{}` cannot be written", args.out.display()))?;
    let asked = ask_all(&run, &mut rows, &aside, &progress_bar(&args.input));
    let counts = asked.and_then(|counts| {
        replace::finish(&RealDisk, &args.out, &aside)?;
        Ok(counts)
    });
    if counts.is_err() {
        // The first error says what went wrong; a stale aside is harmless.
        let _ = RealDisk.remove(&replace::aside_of(&args.out));
    }
    counts
}

fn ask_all(
    run: &Run<'_>,
    rows: &mut Rows,
    aside: &Arc<dyn StoredFile>,
    bar: &ProgressBar,
) -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    let mut offset = 0;
    loop {
        let batch = rows.take(ROWS_A_BATCH)?;
        if batch.is_empty() {
            bar.finish_and_clear();
            return Ok(counts);
        }
        counts.subjects += batch.len() as u64;
        let said: Vec<Said> = batch.par_iter().map(|row| run.ask(row)).collect();
        let mut text = String::new();
        for one in said {
            let line = match one {
                Said::Nothing => continue,
                Said::Line(line) => {
                    counts.lines += 1;
                    line
                }
                Said::Problem(line) => {
                    counts.problems += 1;
                    line
                }
            };
            text.push_str(&line);
            text.push('\n');
        }
        aside.write_at(offset, text.as_bytes())?;
        offset += text.len() as u64;
        bar.set_position(rows.bytes_read());
    }
}

fn law(args: &RescreenArgs, config: &Config) -> anyhow::Result<Arc<Law>> {
    let catalogue = match &config.catalogue_dir {
        Some(folder) => load::load(folder)?,
        None => load::built_in()?,
    };
    if catalogue.find_scenario(&args.scenario).is_none() {
        bail!("`--scenario`: the catalogue has no such scenario");
    }
    let clients = match &args.client {
        Some(_) => Clients::load(&config.clients_file, &catalogue)?,
        None => Clients::default(),
    };
    Ok(Arc::new(Law::new(catalogue, clients, &Telemetry::new())))
}

fn keys(args: &RescreenArgs, config: &Config) -> anyhow::Result<Vec<MasterKey>> {
    let configured = std::slice::from_ref(&config.snapshot_key_file);
    let files = match args.key.is_empty() {
        true => configured,
        false => &args.key,
    };
    Ok(files
        .iter()
        .map(|file| MasterKey::load(file))
        .collect::<Result<_, _>>()?)
}

fn view(path: &Path, keys: &[MasterKey], law: &Arc<Law>, now: Moment) -> anyhow::Result<View> {
    let opened = Snapshot::open_file(path, &OpenOptions::default());
    let snapshot = opened.with_context(|| path.display().to_string())?;
    let wanted = snapshot.manifest().key_id;
    let Some(master) = keys.iter().find(|key| key.id() == wanted) else {
        bail!(
            "{}: was built with the key {wanted}; name it with `--key`",
            path.display()
        );
    };
    let loaded = Arc::new(Loaded::new(snapshot, master, None));
    let overlay = Arc::new(Overlay::default());
    View::new(loaded, Arc::clone(law), overlay, now).with_context(|| path.display().to_string())
}

/// The body of a check without its subject.
fn frame(args: &RescreenArgs, law: &Law) -> anyhow::Result<Map<String, Value>> {
    let mut frame = Map::new();
    frame.insert("scenario".to_owned(), json!(args.scenario));
    let attributes = attributes(&args.scenario, &args.attributes, &law.catalogue)?;
    frame.insert("attributes".to_owned(), Value::Object(attributes));
    frame.insert("purpose".to_owned(), json!(args.purpose));
    if let Some(stated) = &args.authorisation {
        let (kind, reference) = stated
            .split_once(':')
            .context("`--authorisation`: write KIND:REFERENCE")?;
        let authorisation = json!({"kind": kind, "reference": reference});
        frame.insert("authorisation".to_owned(), authorisation);
    }
    Ok(frame)
}

/// What is wrong for every subject is said once, and nothing is asked.
fn check_frame(frame: &Map<String, Value>, law: &Law) -> anyhow::Result<()> {
    let mut body = frame.clone();
    let anybody = json!({"kind": "person", "name": "a"});
    body.insert("subject".to_owned(), anybody);
    let body = Value::Object(body).to_string();
    let catalogue = &law.catalogue;
    let question = Question::parse(body.as_bytes())?;
    let complete = |scenario| question.complete(catalogue, scenario).map(|_| ());
    let checked = question.scenario(catalogue).and_then(complete);
    checked.map_err(|problem| {
        let field = problem.field.unwrap_or_default();
        anyhow::anyhow!("`{field}`: {}", problem.detail)
    })
}

/// A bar over the bytes of the subjects; nothing is drawn where nobody looks.
fn progress_bar(input: &Path) -> ProgressBar {
    let bar = ProgressBar::new(input.metadata().map_or(0, |about| about.len()));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar
}
