//! Puts the gateway together from its configuration.
//!
//! In: a configuration. Out: a gateway whose log and journal are recovered, whose snapshot is
//! verified, and the thread of its actor. Nothing listens yet.

use super::sample::{self, SampleSetupError};
use crate::catalogue::fault::CatalogueError;
use crate::catalogue::load as catalogue;
use crate::catalogue::measure::Catalogue;
use crate::config::resolved::Config;
use crate::decision_log::error::LogError;
use crate::decision_log::keys::LogKeys;
use crate::decision_log::segment::LogOptions;
use crate::decision_log::writer::DecisionLog;
use crate::gateway::actor::{Actor, ActorParts, LawLoader, Shared};
use crate::gateway::bulk::Bulk;
use crate::gateway::canaries::{Canaries, CanariesError};
use crate::gateway::client::{Clients, ClientsError};
use crate::gateway::clock::Clock;
use crate::gateway::gates::{Gates, Replaying};
use crate::gateway::idempotency::Idempotency;
use crate::gateway::recorder::Recorder;
use crate::gateway::service::{Gateway, RecordWaits};
use crate::gateway::source::{Pin, Refused, Source, SourceOptions};
use crate::gateway::view::{Law, Loaded, View};
use crate::http::limits::Limits;
use crate::index::binding::BindingError;
use crate::model::entry::Act;
use crate::model::term::Moment;
use crate::overlay::journal::{Journal, JournalError};
use crate::overlay::standing::Overlay;
use crate::seal::entropy::OsEntropy;
use crate::seal::keys::{KeyError, MasterKey};
use crate::storage::disk::{RealDisk, Storage};
use crate::telemetry::{SwapResult, Telemetry};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;

/// Folder of the decision log, inside the state folder.
pub const LOG_FOLDER: &str = "log";
/// File of the journal of acts, inside the state folder.
pub const JOURNAL_FILE: &str = "acts.journal";
const BLOCK_BYTES: u64 = 4_096;

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The clients.
    #[error(transparent)]
    Clients(#[from] ClientsError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The sample.
    #[error(transparent)]
    Sample(#[from] SampleSetupError),
    /// The journal of acts.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The decision log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The canaries.
    #[error(transparent)]
    Canaries(#[from] CanariesError),
    /// No snapshot.
    #[error(
        "`{folder}` holds no current.json; build a snapshot with `hecha build` and publish it \
         there with `hecha publish`"
    )]
    NoSnapshot {
        /// The snapshot folder.
        folder: PathBuf,
    },
    /// The snapshot, and every older one.
    #[error("no snapshot can serve: {0}")]
    Refused(#[from] Refused),
    /// Snapshot and catalogue.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// A folder or thread.
    #[error("{what}: {fault}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        fault: io::Error,
    },
}

/// A gateway that is ready to listen.
pub struct Assembled {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Thread of its actor.
    pub actor: JoinHandle<()>,
    /// The token of the sample, where it is one.
    pub token: Option<String>,
}

/// Puts it all together.
pub fn assemble(config: &Config) -> Result<Assembled, StartError> {
    let storage: Arc<dyn Storage> = Arc::new(RealDisk);
    storage
        .create_folder(&config.state_dir)
        .map_err(|fault| StartError::Io {
            what: format!("`{}`", config.state_dir.display()),
            fault,
        })?;
    let telemetry = Telemetry::new();
    let started = Clock::default().now();
    let token = sample_token(config, &*storage, started)?;
    let law = Arc::new(read_law(config, &telemetry)?);
    let (journal, acts) = open_journal(config, &*storage)?;
    let last_act = acts.iter().map(|act| act.at).max();
    let (recorder, last_record) = open_log(config, &storage, started)?;
    let clock = Clock::new(last_act.max(last_record).unwrap_or(started));
    let source = Source::new(source_options(config)?, Arc::clone(&storage));
    let mut pin = source.pin();
    let loaded = first_snapshot(
        config,
        &source,
        &mut pin,
        &law.catalogue,
        &telemetry,
        &clock,
    )?;
    let overlay = Arc::new(Overlay::from_acts(acts));
    let view = View::new(Arc::new(loaded), law, overlay, clock.now())?;
    let gates = gates(config, &view.law.catalogue, &storage)?;
    let view = through_gates(
        gates.as_deref(),
        &source,
        &mut pin,
        view,
        &telemetry,
        &clock,
    )?;
    let is_pinned = pin.file.is_some();
    let shared = Arc::new(Shared::new(view, is_pinned, telemetry, clock, recorder));
    let parts = ActorParts {
        shared: Arc::clone(&shared),
        journal,
        source,
        load_law: law_loader(config, &shared),
        watch_interval: Duration::from_millis(config.limits.watch_interval_ms),
        pin,
        gates,
    };
    let (handle, thread) = Actor::start(parts).map_err(|fault| StartError::Io {
        what: "starting the actor".to_owned(),
        fault,
    })?;
    let gateway = Gateway {
        shared,
        actor: handle,
        idempotency: Idempotency::default(),
        bulk: Bulk::start().map_err(|fault| StartError::Io {
            what: "starting the threads for scans".to_owned(),
            fault,
        })?,
        waits: waits(config),
        stopping: AtomicBool::new(false),
    };
    Ok(Assembled {
        gateway: Arc::new(gateway),
        actor: thread,
        token,
    })
}

/// Reads catalogue and clients again, as the configuration names them.
fn law_loader(config: &Config, shared: &Arc<Shared>) -> LawLoader {
    let (config, shared) = (config.clone(), Arc::clone(shared));
    Box::new(move || read_law(&config, &shared.telemetry).map_err(|error| error.to_string()))
}

/// Sets up the sample, where it is one, and returns its token.
fn sample_token(
    config: &Config,
    storage: &dyn Storage,
    now: Moment,
) -> Result<Option<String>, StartError> {
    if !config.sample {
        return Ok(None);
    }
    let catalogue = read_catalogue(config)?;
    Ok(Some(sample::set_up(config, &catalogue, storage, now)?))
}

fn waits(config: &Config) -> RecordWaits {
    RecordWaits {
        kernel_max: Duration::from_millis(config.limits.kernel_wait_ms_max),
        disk_max: Duration::from_millis(config.limits.disk_wait_ms_max),
    }
}

/// Limits of the listeners, as configured.
pub fn limits(config: &Config) -> Limits {
    let figures = &config.limits;
    let size = |figure: u64| usize::try_from(figure).unwrap_or(usize::MAX);
    Limits {
        runtimes: size(figures.check_runtimes),
        connections_max: size(figures.connections_max),
        ops_connections_max: size(figures.ops_connections_max),
        header_timeout_ms: figures.header_timeout_ms,
        body_timeout_ms: figures.body_timeout_ms,
        idle_timeout_ms: figures.idle_timeout_ms,
        checks_bytes_max: size(figures.checks_bytes_max),
        drain_delay_ms: figures.drain_delay_ms,
        stop_ms_max: figures.hard_stop_ms,
        ..Limits::default()
    }
}

/// The catalogue that the configuration names, or the one built in.
pub fn read_catalogue(config: &Config) -> Result<Catalogue, CatalogueError> {
    match &config.catalogue_dir {
        Some(folder) => catalogue::load(folder),
        None => catalogue::built_in(),
    }
}

fn read_law(config: &Config, telemetry: &Telemetry) -> Result<Law, StartError> {
    let catalogue = read_catalogue(config)?;
    for warning in &catalogue.warnings {
        tracing::warn!("{warning}");
    }
    let clients = Clients::load(&config.clients_file, &catalogue)?;
    Ok(Law::new(catalogue, clients, telemetry))
}

fn source_options(config: &Config) -> Result<SourceOptions, KeyError> {
    let master = MasterKey::load(&config.snapshot_key_file)?;
    Ok(SourceOptions {
        snapshot_dir: config.snapshot_dir.clone(),
        state_dir: config.state_dir.clone(),
        environment: config.environment.as_str().into(),
        keys: Arc::new(vec![master]),
    })
}

/// The pinned snapshot, or the one that `current.json` names; where that is refused, the next
/// older one that can serve: a bad file must not take the service down at a restart either.
fn first_snapshot(
    config: &Config,
    source: &Source,
    pin: &mut Pin,
    catalogue: &Catalogue,
    telemetry: &Telemetry,
    clock: &Clock,
) -> Result<Loaded, StartError> {
    let now = clock.now();
    let refuse = |refused: &Refused| {
        telemetry.count_swap(SwapResult::Refused);
        tracing::error!(%refused, "the snapshot is refused");
    };
    let named = source.current();
    let version = match &named {
        Ok(Some(named)) => named.current.version,
        _ => u64::MAX,
    };
    if let Some(file) = pin.file.as_deref().filter(|_| pin.seen.contains(&version)) {
        match source.open(file, catalogue, now) {
            Ok(loaded) => return Ok(loaded),
            Err(refused) => refuse(&refused),
        }
    }
    let first = match named {
        Ok(Some(named)) => match source.open_current(&named, catalogue, now) {
            Ok(loaded) => {
                pin.file = None;
                pin.see(version);
                source.keep(pin)?;
                return Ok(loaded);
            }
            Err(refused) => refused,
        },
        Ok(None) => {
            return Err(StartError::NoSnapshot {
                folder: config.snapshot_dir.clone(),
            });
        }
        Err(refused) => refused,
    };
    refuse(&first);
    for file in source.older(version) {
        match source.open(&file, catalogue, now) {
            Ok(loaded) => return Ok(loaded),
            Err(refused) => refuse(&refused),
        }
    }
    Err(first.into())
}

/// What a new snapshot must keep to, as configured. Canaries are read here too, so that a faulty
/// file is known before it is needed.
fn gates(
    config: &Config,
    catalogue: &Catalogue,
    storage: &Arc<dyn Storage>,
) -> Result<Option<Arc<Gates>>, StartError> {
    let options = &config.gates;
    if let Some(file) = &options.canaries_file {
        Canaries::load(file, catalogue)?;
    }
    if !options.gates {
        return Ok(None);
    }
    let replaying = match options.replay_hours {
        0 => None,
        hours => Some(Replaying {
            storage: Arc::clone(storage),
            folder: config.state_dir.join(LOG_FOLDER),
            keys: LogKeys::new(MasterKey::load(&config.log_key_file)?),
            hours,
            checks_max: usize::try_from(options.replay_checks_max).unwrap_or(usize::MAX),
        }),
    };
    Ok(Some(Arc::new(Gates {
        limits: options.limits,
        canaries_file: options.canaries_file.clone(),
        replaying,
    })))
}

/// What `current.json` names at a start is held against the file that served last: a restart is no
/// way around the gates. Where that file is gone or cannot serve there is nothing to hold it
/// against.
fn through_gates(
    gates: Option<&Gates>,
    source: &Source,
    pin: &mut Pin,
    view: View,
    telemetry: &Telemetry,
    clock: &Clock,
) -> Result<View, Refused> {
    let view = match gates {
        None => view,
        Some(gates) => held_against_last(gates, source, pin, view, telemetry, clock.now()),
    };
    pin.served = view.loaded.file.as_deref().map(Into::into);
    source.keep(pin)?;
    Ok(view)
}

fn held_against_last(
    gates: &Gates,
    source: &Source,
    pin: &Pin,
    view: View,
    telemetry: &Telemetry,
    now: Moment,
) -> View {
    let served = pin.served.as_deref();
    let Some(file) = served.filter(|file| Some(*file) != view.loaded.file.as_deref()) else {
        return view;
    };
    let named = source.current().ok().flatten();
    let named = named.filter(|named| named.current.id() == view.loaded.snapshot.id());
    let (Some(named), None) = (named, &pin.file) else {
        return view;
    };
    let law = Arc::clone(&view.law);
    let Ok(last) = source.open(file, &law.catalogue, now) else {
        return view;
    };
    let Ok(serving) = View::new(Arc::new(last), law, Arc::clone(&view.overlay), now) else {
        return view;
    };
    let accepted = named.current.accepted.as_ref();
    let refused = match gates.judge(&serving, &view.loaded, now) {
        Ok(judged) => {
            judged.log(&named.current.file, accepted);
            (!judged.passes(accepted)).then(|| judged.reasons())
        }
        Err(fault) => Some(fault.to_string()),
    };
    match refused {
        None => view,
        Some(reasons) => {
            telemetry.count_swap(SwapResult::Refused);
            let file = &*named.current.file;
            tracing::error!(
                file,
                reasons,
                "the snapshot is refused, the last one serves"
            );
            serving
        }
    }
}

fn open_journal(
    config: &Config,
    storage: &dyn Storage,
) -> Result<(Journal, Vec<Act>), JournalError> {
    let (journal, entries) = Journal::open(storage, &config.state_dir.join(JOURNAL_FILE))?;
    Ok((
        journal,
        entries.into_iter().map(|entry| entry.act).collect(),
    ))
}

fn open_log(
    config: &Config,
    storage: &Arc<dyn Storage>,
    now: Moment,
) -> Result<(Recorder, Option<Moment>), StartError> {
    let options = LogOptions {
        segment_bytes: config.limits.log_segment_bytes / BLOCK_BYTES * BLOCK_BYTES,
        ..LogOptions::default()
    };
    let keys = LogKeys::new(MasterKey::load(&config.log_key_file)?);
    let folder = config.state_dir.join(LOG_FOLDER);
    let (log, recovery) = DecisionLog::open(
        Arc::clone(storage),
        &folder,
        options,
        keys,
        Arc::new(OsEntropy),
        now,
    )?;
    if let Some(cut) = &recovery.cut {
        let (file, offset) = (&cut.file, cut.offset);
        tracing::warn!(file, offset, "a torn tail of the decision log was cut off");
    }
    let (frames, checks) = (recovery.frames, recovery.checks);
    tracing::info!(frames, checks, "the decision log is open");
    Ok((Recorder::new(log), recovery.highest_moment))
}
