//! `hecha screen`: a file of subjects in, a file of decisions out.
//!
//! In: arguments, a configuration or a snapshot alone. Out: the output file, a summary, an exit
//! code: 0 all rows answered, 2 nothing done because of input or usage, 3 done, some rows with an
//! error of their own. With a configuration each answered row leaves a record in a log folder of
//! the run's own: the gateway's log has one writer, the gateway.

use super::assembly::{self, JOURNAL_FILE};
use super::check::{self, CheckError};
use super::sample;
use crate::catalogue::measure::Catalogue;
use crate::config::load as config;
use crate::config::resolved::Config;
use crate::decision_log::keys::LogKeys;
use crate::decision_log::segment::LogOptions;
use crate::decision_log::writer::DecisionLog;
use crate::gateway::activated::Claim;
use crate::gateway::client::{Client, ClientRole};
use crate::gateway::client_record::{self, ClientRecord};
use crate::gateway::clients::Clients;
use crate::gateway::clock::Clock;
use crate::gateway::kept::{KEPT_FOLDER, Kept};
use crate::gateway::recorder::Recorder;
use crate::gateway::source::Source;
use crate::gateway::view::{Law, Loaded, View};
use crate::model::decision::Decision;
use crate::model::term::Moment;
use crate::overlay::standing::Overlay;
use crate::screen::checkpoint::{CheckpointFault, Identity};
use crate::screen::columns::{Given, Naming};
use crate::screen::rows::Format;
use crate::screen::run::{self, BLOCK_ROWS, Job, Progress, Report, RunError};
use crate::screen::sink::SinkFault;
use crate::seal::entropy::OsEntropy;
use crate::seal::keys::MasterKey;
use crate::seal::sign::SigningKey;
use crate::storage::disk::{RealDisk, Storage};
use crate::telemetry::Telemetry;
use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Log folders of runs, inside the state folder.
const LOGS_FOLDER: &str = "screen";
const LOG_BYTES_MIN: u64 = 1 << 20;
const LOG_BYTES_MAX: u64 = 64 << 20;
const LOG_UNIT_BYTES: u64 = 4_096;

/// Ask about every row of a file and write the answers to another.
///
/// The input is CSV with a header (.csv, .tsv), an object a line (.ndjson, .jsonl) or Parquet
/// (.parquet), in UTF-8; so is the output, by the end of its name. Rows keep their order. A run
/// that was interrupted goes on where it stopped when the same command is given again.
#[derive(Debug, Args)]
#[command(after_help = "\
Columns: name, kind (person, organisation), birth_date, reference, purpose, exemption and
authorisation (KIND:REFERENCE), any type of number (citizen_id, passport, hk_macau_permit,
taiwan_permit, foreigner_permit, military_id, credit_code, org_code, registration_no) and any
attribute of the scenario. A column that means none of these is refused until it is named with
--columns or passed over with --ignore: a misspelt citizen_id would clear everybody. A line of
NDJSON is the body of /v1/check, or has these as members at its top; `ids` and `related` too.

Output, a row each: row, line, reference, ids (masked), decision, reasons, match_count, entry_ids,
lists, identities, measures, legal_basis, authority, case_no, recourse, snapshot, check_id, error.
A row that cannot be asked about has only its error; the exit code is then 3.

With --config each answered row is recorded, in a log folder inside the state folder that the last
line names (`hecha log query` reads it), and acts in the journal there count from the next block of
rows on. Without one nothing is recorded but with --log and --log-key.

Examples:
  hecha screen --scenario rail.ticket --attr train_class=G --attr seat_class=second \\
        --kind person --in passengers.csv --out decided.csv
  hecha screen --scenario rail.ticket --config hecha.toml --client 'Rail ticketing' \\
        --columns name=姓名 --columns citizen_id=身份证号 --ignore 电话 \\
        --in passengers.csv --out decided.parquet")]
pub struct ScreenArgs {
    /// What the caller is about to do, the same for all rows
    #[arg(long)]
    scenario: String,
    /// File of subjects
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// File of decisions to write; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Snapshot to ask [default: the one the configuration serves; without one the sample list]
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
    /// Master key of the snapshot [default: the one of the configuration]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Fact of the transaction for rows that state none; may be repeated
    #[arg(long = "attr", value_name = "NAME=VALUE")]
    attributes: Vec<String>,
    /// Kind of subject, for rows that state none
    #[arg(long, value_parser = ["person", "organisation"])]
    kind: Option<String>,
    /// Why the unit asks, for rows that do not say
    #[arg(long)]
    purpose: Option<String>,
    /// Authorisation to learn of entries that are not public, for rows that state none
    #[arg(long, value_name = "KIND:REFERENCE")]
    authorisation: Option<String>,
    /// Which column holds a field, where the header calls it otherwise; may be repeated
    #[arg(long, value_name = "FIELD=COLUMN")]
    columns: Vec<String>,
    /// Column to pass over; `*`: all that have no meaning; may be repeated
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,
    /// Unit of the clients file to ask as [default: one that may ask everything]
    #[arg(long, value_name = "UNIT")]
    client: Option<String>,
    /// Configuration file that names catalogue, clients, keys, snapshots and state
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the log of this run [default: one inside the state folder of the configuration]
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Master key of that log [default: the one of the configuration]
    #[arg(long, value_name = "FILE")]
    log_key: Option<PathBuf>,
    /// Cores to use [default: all]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Rows of a block, for tests
    #[arg(long, value_name = "N", hide = true, default_value_t = BLOCK_ROWS)]
    block_rows: usize,
}

/// Runs the command; returns the exit code.
///
/// Errors: faults of ours or of the machine; bad input is said on standard error and returns 2.
pub fn run(args: &ScreenArgs) -> anyhow::Result<u8> {
    let ground = match prepare(args) {
        Ok(ground) => ground,
        Err(fault) => return refuse(&format!("{fault:#}")),
    };
    match screen(args, ground) {
        Ok((report, log)) => say(args, &report, log.as_deref()),
        Err(fault) if is_input(&fault) => refuse(&format!("{fault:#}")),
        Err(fault) => Err(fault),
    }
}

/// What is known before the input is opened.
struct Prepared {
    config: Config,
    law: Arc<Law>,
    /// `None`: the unit named by `--client`.
    anybody: Option<Client>,
    /// The record of whichever asks.
    record: ClientRecord,
    loaded: Loaded,
    given: Given,
    naming: Naming,
    formats: (Format, Format),
}

fn prepare(args: &ScreenArgs) -> anyhow::Result<Prepared> {
    let formats = (format(&args.input, "--in")?, format(&args.out, "--out")?);
    let config = config::load(args.config.as_deref(), std::env::vars_os())?;
    let catalogue = assembly::read_catalogue(&config)?;
    let Some(scenario) = catalogue.find_scenario(&args.scenario) else {
        bail!("`--scenario`: there is no scenario `{}`", args.scenario);
    };
    let now = Clock::default().now();
    let loaded = loaded(args, &config, &catalogue, now)?;
    let (given, naming) = (given(args, &catalogue)?, naming(args)?);
    let mut record = sample::client_record();
    let (clients, anybody) = match &args.client {
        Some(unit) => {
            let records = client_record::read(&config.clients_file)?;
            let of_unit = records.iter().find(|placed| placed.record.unit == *unit);
            record = of_unit.map_or(record, |placed| placed.record.clone());
            let path = &config.clients_file;
            (Clients::from_records(path, records, &catalogue)?, None)
        }
        None => {
            let anybody = Client::new(&record, &catalogue)?;
            (Clients::default(), Some(anybody))
        }
    };
    if let Some(unit) = &args.client {
        let client = clients.find_unit(unit);
        let client = client.ok_or_else(|| CheckError::Unit { unit: unit.clone() })?;
        if !client.has_role(ClientRole::Checker) || !client.grants_scenario(scenario) {
            bail!("`--client`: `{unit}` may not ask about `{}`", args.scenario);
        }
    }
    let law = Arc::new(Law::new(catalogue, clients, &Telemetry::new()));
    Ok(Prepared {
        config,
        law,
        anybody,
        record,
        loaded,
        given,
        naming,
        formats,
    })
}

/// The snapshot that was named, else the one that the configuration serves.
fn loaded(
    args: &ScreenArgs,
    config: &Config,
    catalogue: &Catalogue,
    now: Moment,
) -> anyhow::Result<Loaded> {
    if args.snapshot.is_some() || config.sample {
        let key_file = args.key.as_ref().unwrap_or(&config.snapshot_key_file);
        return Ok(check::load(
            args.snapshot.as_deref(),
            key_file,
            catalogue,
            now,
        )?);
    }
    let source = Source::new(assembly::source_options(config)?, Arc::new(RealDisk))?;
    let folder = config.snapshot_dir.display();
    let Some(named) = source.current()? else {
        bail!("`{folder}` holds no current.json; publish a snapshot there, or name one");
    };
    let pin = source.pin()?;
    let pinned = pin
        .file
        .filter(|_| pin.seen.contains(&named.current.version));
    let (loaded, claim) = match pinned {
        Some(file) => (source.open(&file, catalogue)?, Claim::Restart),
        None => {
            let claim = source.claim_at_start(&named);
            (source.open_current(&named, catalogue)?, claim)
        }
    };
    source.admit(&loaded, claim, now)?;
    Ok(loaded)
}

fn given(args: &ScreenArgs, catalogue: &Catalogue) -> anyhow::Result<Given> {
    let attributes = check::attributes(&args.scenario, &args.attributes, catalogue)?;
    let text = |text: &Option<String>| text.as_deref().map(Into::into);
    let authorisation = check::pair("--authorisation", args.authorisation.as_deref(), ':')?;
    Ok(Given {
        scenario: args.scenario.as_str().into(),
        attributes: attributes
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
        kind: text(&args.kind),
        purpose: text(&args.purpose),
        authorisation: authorisation.map(|(kind, reference)| (kind.into(), reference.into())),
    })
}

fn naming(args: &ScreenArgs) -> anyhow::Result<Naming> {
    let pairs = args.columns.iter().map(|stated| {
        let pair = stated
            .split_once('=')
            .map(|(field, column)| (field.into(), column.into()));
        pair.with_context(|| format!("`--columns {stated}`: write FIELD=COLUMN"))
    });
    Ok(Naming {
        renamed: pairs.collect::<Result<_, _>>()?,
        passed_over: args
            .ignore
            .iter()
            .map(|column| column.as_str().into())
            .collect(),
    })
}

fn format(path: &Path, flag: &str) -> anyhow::Result<Format> {
    Format::of(path).with_context(|| {
        let path = path.display();
        format!("`{flag} {path}`: name a file that ends in .csv, .tsv, .ndjson or .parquet")
    })
}

fn screen(args: &ScreenArgs, prepared: Prepared) -> anyhow::Result<(Report, Option<PathBuf>)> {
    let Prepared {
        config,
        law,
        anybody,
        record,
        loaded,
        given,
        naming,
        formats,
    } = prepared;
    if args.threads > 0 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads);
        pool.build_global()?;
    }
    let storage: Arc<dyn Storage> = Arc::new(RealDisk);
    let now = Clock::default().now();
    let overlay = Arc::new(Overlay::default());
    let view = View::new(Arc::new(loaded), Arc::clone(&law), overlay, now)?;
    let named = args
        .client
        .as_deref()
        .and_then(|unit| law.clients.find_unit(unit));
    let client = anybody.as_ref().or(named).context("no client")?;
    let hash = run::hash_of(&args.input).map_err(RunError::from)?;
    let mut job = Job {
        input: args.input.clone(),
        out: args.out.clone(),
        format_in: formats.0,
        format_out: formats.1,
        given,
        naming,
        client,
        journal: (!config.sample).then(|| config.state_dir.join(JOURNAL_FILE)),
        recorder: None,
        clock: &Clock::default(),
        storage: Arc::clone(&storage),
        block_rows: args.block_rows,
    };
    let identity = job.identity(hash, &view);
    if !config.sample {
        // What is recorded can be decided again later.
        let kept = Kept::new(&config.state_dir.join(KEPT_FOLDER));
        kept.keep(&*storage, &law.catalogue, [&record])?;
    }
    let log = match log_folder(args, &config, &identity)? {
        Some(folder) => Some((open_log(args, &config, &storage, &folder, now)?, folder)),
        None => None,
    };
    let clock = Clock::new(log.as_ref().and_then(|((_, last), _)| *last).unwrap_or(now));
    job.clock = &clock;
    job.recorder = log.as_ref().map(|((recorder, _), _)| recorder);
    let bar = progress_bar();
    let report = job.run(view, identity, &mut |progress| match progress {
        Progress::Total(total) => bar.set_length(total),
        Progress::Done(done) => bar.set_position(done),
    });
    bar.finish_and_clear();
    let report = report?;
    if let Some(((recorder, _), _)) = &log {
        recorder.finish(&clock);
    }
    Ok((report, log.map(|(_, folder)| folder)))
}

/// Where the records of this run go: a folder of its own, the same when it is gone on with.
fn log_folder(
    args: &ScreenArgs,
    config: &Config,
    identity: &Identity,
) -> anyhow::Result<Option<PathBuf>> {
    if let Some(folder) = &args.log {
        return Ok(Some(folder.clone()));
    }
    if config.sample {
        return Ok(None);
    }
    let out = std::path::absolute(&args.out)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&serde_json::to_vec(identity)?);
    hasher.update(out.as_os_str().as_encoded_bytes());
    let name = hasher.finalize().to_hex();
    let name = name.get(..16).unwrap_or_default();
    Ok(Some(config.state_dir.join(LOGS_FOLDER).join(name)))
}

fn open_log(
    args: &ScreenArgs,
    config: &Config,
    storage: &Arc<dyn Storage>,
    folder: &Path,
    now: Moment,
) -> anyhow::Result<(Recorder, Option<Moment>)> {
    let key_file = args.log_key.as_ref().unwrap_or(&config.log_key_file);
    let mut keys = LogKeys::new(MasterKey::load(key_file)?);
    let sign_key = &config.log_sign_key_file;
    if config.log_tree && args.log_key.is_none() && sign_key.exists() {
        keys = keys.with_signer(SigningKey::load(sign_key)?);
    }
    // Segments are written full of zeros first: small ones for small runs.
    let bytes = args.input.metadata().map_or(0, |about| about.len());
    let bytes = bytes.saturating_mul(2).clamp(LOG_BYTES_MIN, LOG_BYTES_MAX);
    let options = LogOptions {
        segment_bytes: bytes / LOG_UNIT_BYTES * LOG_UNIT_BYTES,
        ..LogOptions::default()
    };
    let storage = Arc::clone(storage);
    let (log, recovery) =
        DecisionLog::open(storage, folder, options, keys, Arc::new(OsEntropy), now)?;
    Ok((Recorder::new(log), recovery.highest_moment))
}

/// Whether the caller can mend it.
fn is_input(fault: &anyhow::Error) -> bool {
    fault
        .downcast_ref::<RunError>()
        .is_some_and(is_fault_of_input)
        || fault
            .downcast_ref::<crate::seal::keys::KeyError>()
            .is_some()
        || fault
            .downcast_ref::<crate::decision_log::error::LogError>()
            .is_some()
        || fault
            .downcast_ref::<crate::index::binding::BindingError>()
            .is_some()
}

fn is_fault_of_input(fault: &RunError) -> bool {
    match fault {
        RunError::Input(_) | RunError::Scenario(_) | RunError::Changed(_) => true,
        RunError::Sink(SinkFault::Io { fault, .. })
        | RunError::Sink(SinkFault::Checkpoint(CheckpointFault::Io { fault, .. })) => matches!(
            fault.kind(),
            ErrorKind::NotFound
                | ErrorKind::PermissionDenied
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory
        ),
        RunError::Sink(SinkFault::Table { .. }) => false,
        RunError::Sink(_) => true,
        RunError::Acts(_) | RunError::Record(_) | RunError::Log(_) | RunError::Thread => false,
    }
}

fn refuse(said: &str) -> anyhow::Result<u8> {
    writeln!(io::stderr(), "hecha: {said}")?;
    Ok(2)
}

fn say(args: &ScreenArgs, report: &Report, log: Option<&Path>) -> anyhow::Result<u8> {
    let mut out = io::stdout().lock();
    let tally = &report.tally;
    write!(out, "screened {} rows:", tally.rows)?;
    for decision in Decision::ALL.into_iter().rev() {
        let count = tally.decisions[decision as usize];
        write!(out, " {count} {},", decision.name())?;
    }
    writeln!(
        out,
        " {} with an error; {}",
        tally.faulty,
        args.out.display()
    )?;
    if report.resumed > 0 {
        writeln!(
            out,
            "{} of them by an earlier run, which was interrupted",
            report.resumed
        )?;
    }
    match log {
        Some(folder) => writeln!(out, "records in {}", folder.display())?,
        None => writeln!(
            out,
            "nothing was recorded: give --config, or --log and --log-key"
        )?,
    }
    out.flush()?;
    Ok(if tally.faulty > 0 { 3 } else { 0 })
}

/// A bar over the input; nothing is drawn where nobody looks.
fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "screening {bar:40} {percent}% {elapsed} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
