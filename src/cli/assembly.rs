//! Puts the gateway together from its configuration.
//!
//! In: a configuration. Out: a gateway whose log and journal are recovered, whose snapshot is
//! verified, and the thread of its actor. Nothing listens yet.

use super::cosigning;
use super::limiting;
use super::own_log::{self, LOG_FOLDER};
use super::sample;
use super::start_error::StartError;
use crate::catalogue::fault::CatalogueError;
use crate::catalogue::load as catalogue;
use crate::catalogue::measure::Catalogue;
use crate::config::resolved::Config;
use crate::decision_log::keys::LogKeys;
use crate::gateway::activated::Claim;
use crate::gateway::actor::{Actor, ActorParts, LawLoader, Shared};
use crate::gateway::acts::Keeper;
use crate::gateway::bulk::Bulk;
use crate::gateway::canaries::Canaries;
use crate::gateway::clients_source::{self, ClientsOptions, ClientsSource};
use crate::gateway::clock::Clock;
use crate::gateway::deltas::{DeltaOptions, Deltas};
use crate::gateway::gates::{Gates, Replaying};
use crate::gateway::idempotency::Idempotency;
use crate::gateway::kept::{KEPT_FOLDER, Kept};
use crate::gateway::recalls::Recalls;
use crate::gateway::service::{Gateway, RecordWaits};
use crate::gateway::source::{Named, Pin, Refused, Source, SourceOptions};
use crate::gateway::view::{Law, Loaded, View};
use crate::http::cosigning::{CosigningOptions, compare_at_start};
use crate::http::limits::Limits;
use crate::http::listen::Endpoint;
use crate::http::tls::{Tls, TlsError, TlsOptions};
use crate::limits::table::Limits as UnitLimits;
use crate::model::term::Moment;
use crate::overlay::calendar::{self, Calendar};
use crate::overlay::journal::{Journal, JournalError};
use crate::overlay::record::JournalEntry;
use crate::overlay::standing::Overlay;
use crate::seal::entropy::OsEntropy;
use crate::seal::keys::{self, KeyError, MasterKey};
use crate::seal::sign::PublicKey;
use crate::snapshot::trust::Trust;
use crate::storage::disk::{RealDisk, Storage};
use crate::telemetry::Telemetry;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;

/// File of the journal of acts, inside the state folder.
pub const JOURNAL_FILE: &str = "acts.journal";

/// A gateway that is ready to listen.
pub struct Assembled {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Thread of its actor.
    pub actor: JoinHandle<()>,
    /// Who cosigns its log.
    pub witnesses: Option<CosigningOptions>,
    /// The token of the sample, where it is one.
    pub token: Option<String>,
}

/// Puts it all together.
pub fn assemble(config: &Config) -> Result<Assembled, StartError> {
    let storage: Arc<dyn Storage> = Arc::new(RealDisk);
    create_state_folder(config, &*storage)?;
    let telemetry = Telemetry::new();
    let started = Clock::default().now();
    let token = sample_token(config, &*storage, started)?;
    secrets_differ(config)?;
    let units = Arc::new(UnitLimits::new(config.units, &OsEntropy));
    let clients = ClientsSource::new(clients_options(config, &units), Arc::clone(&storage));
    let law = Arc::new(read_law(config, &*storage, &telemetry, &units, started)?);
    let (journal, acts) = open_journal(config, &*storage)?;
    let calendar = Arc::new(read_calendar(config)?);
    let last_act = acts.iter().map(|entry| entry.act.at).max();
    let witnesses = ask_witnesses(config, &*storage)?;
    let (recorder, last_record) = own_log::open(config, &storage, started)?;
    let clock = Clock::new(last_act.max(last_record).unwrap_or(started));
    let mut source = Source::new(source_options(config)?, Arc::clone(&storage))?;
    let mut pin = source.pin()?;
    let overlay = Arc::new(Overlay::from_journal(acts));
    let gates = gates(config, &law.catalogue, &storage)?;
    let start = Start {
        law: &law,
        overlay: &overlay,
        gates: gates.as_deref(),
        telemetry: &telemetry,
        now: clock.now(),
    };
    let loaded = first_snapshot(config, &mut source, &mut pin, &start)?;
    pin.served = loaded.file.as_deref().map(Into::into);
    source.keep(&pin)?;
    let view = View::new(loaded, law, overlay, clock.now())?;
    let shared = Arc::new(Shared::new(view, &pin, &source, telemetry, clock, recorder));
    let deltas = Deltas::new(delta_options(config)?, Arc::clone(&storage));
    let recalls = start_recalls(config, Arc::clone(&storage), &shared)?;
    let approvals = limiting::approvals(config, &storage)?;
    let limiter = limiting::start(config, LOG_FOLDER, storage, &units, &shared)?;
    let parts = ActorParts {
        shared: Arc::clone(&shared),
        keeper: Keeper::new(journal, Arc::clone(&calendar)),
        deltas,
        recalls: Arc::clone(&recalls),
        source,
        load_law: law_loader(config, &shared, &units),
        clients,
        watch_interval: Duration::from_millis(config.limits.watch_interval_ms),
        pin,
        gates,
    };
    let (handle, thread) = Actor::start(parts).map_err(not_started("actor"))?;
    let gateway = Gateway {
        shared,
        actor: handle,
        calendar,
        recalls,
        idempotency: Idempotency::default(),
        bulk: Bulk::start().map_err(not_started("threads for scans"))?,
        approvals,
        limits: units,
        limiter,
        waits: record_waits(config),
        witnesses: Arc::default(),
        stopping: AtomicBool::new(false),
    };
    Ok(Assembled {
        gateway: Arc::new(gateway),
        witnesses,
        actor: thread,
        token,
    })
}

/// Errors: two keys of the configuration name files with the same secret.
fn secrets_differ(config: &Config) -> Result<(), StartError> {
    let mut known: Vec<(&'static str, [u8; 32])> = Vec::new();
    for (second, path) in config.secret_files() {
        // What cannot be read is said where it is loaded.
        let Ok(digest) = keys::secret_digest(path) else {
            continue;
        };
        if let Some((first, _)) = known.iter().find(|(_, other)| *other == digest) {
            return Err(StartError::SameSecret { first, second });
        }
        known.push((second, digest));
    }
    Ok(())
}

/// Who the witnesses are, each asked what it has seen. Before the log is opened: nothing is written
/// behind a log that was cut short.
fn ask_witnesses(
    config: &Config,
    storage: &dyn Storage,
) -> Result<Option<CosigningOptions>, StartError> {
    let witnesses = cosigning::options(config, config.state_dir.join(LOG_FOLDER))?;
    if let Some(witnesses) = &witnesses {
        compare_at_start(witnesses, storage)?;
    }
    Ok(witnesses)
}

fn not_started(what: &'static str) -> impl Fn(io::Error) -> StartError {
    move |fault| StartError::Io {
        what: format!("starting the {what}"),
        fault,
    }
}

fn record_waits(config: &Config) -> RecordWaits {
    RecordWaits {
        kernel_max: Duration::from_millis(config.limits.kernel_wait_ms_max),
        disk_max: Duration::from_millis(config.limits.disk_wait_ms_max),
    }
}

fn delta_options(config: &Config) -> Result<DeltaOptions, KeyError> {
    let keys = config.act_keys.iter().map(|path| PublicKey::load(path));
    Ok(DeltaOptions {
        folder: config.snapshot_dir.clone(),
        keys: keys.collect::<Result<_, _>>()?,
        environment: config.environment.as_str().into(),
    })
}

/// Recalls of all acts so far; which answers they concern is read beside the start.
fn start_recalls(
    config: &Config,
    storage: Arc<dyn Storage>,
    shared: &Shared,
) -> Result<Arc<Recalls>, StartError> {
    let started = Recalls::start(storage, config.state_dir.join(LOG_FOLDER));
    let recalls = started.map_err(|fault| StartError::Io {
        what: "starting the thread of recalls".to_owned(),
        fault,
    })?;
    recalls.open_all(&shared.view.load().overlay);
    Ok(recalls)
}

fn create_state_folder(config: &Config, storage: &dyn Storage) -> Result<(), StartError> {
    let created = storage.create_folder(&config.state_dir);
    // What a killed process renamed there may not be on the disk yet, and is about to be relied on.
    let durable = created.and_then(|()| storage.sync_folder(&config.state_dir));
    durable.map_err(|fault| StartError::Io {
        what: format!("`{}`", config.state_dir.display()),
        fault,
    })
}

/// Reads catalogue and clients again, as the configuration names them.
fn law_loader(config: &Config, shared: &Arc<Shared>, units: &Arc<UnitLimits>) -> LawLoader {
    let (config, shared, units) = (config.clone(), Arc::clone(shared), Arc::clone(units));
    Box::new(move || {
        let now = shared.clock.now();
        let law = read_law(&config, &RealDisk, &shared.telemetry, &units, now);
        law.map_err(|error| error.to_string())
    })
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
        stream_lines_max: figures.stream_lines_max,
        queue_wait_ms_max: figures.queue_wait_ms_max,
        stall_ms_max: figures.stall_ms_max,
        http2: config.http2,
        drain_delay_ms: figures.drain_delay_ms,
        stop_ms_max: figures.hard_stop_ms,
        ..Limits::default()
    }
}

/// Where checks and operators are answered, their certificates read.
pub fn endpoints(config: &Config) -> Result<[Endpoint; 2], TlsError> {
    let handshake_max = Duration::from_millis(config.limits.tls_handshake_timeout_ms);
    let endpoint = |address, tls: &Option<TlsOptions>| {
        let load = |options: &TlsOptions| Tls::load(options.clone(), handshake_max, config.http2);
        let tls = tls.as_ref().map(load).transpose()?.map(Arc::new);
        Ok::<_, TlsError>(Endpoint { address, tls })
    };
    Ok([
        endpoint(config.listen, &config.tls.checks)?,
        endpoint(config.ops_listen, &config.tls.ops)?,
    ])
}

/// The catalogue that the configuration names, or the one built in.
pub fn read_catalogue(config: &Config) -> Result<Catalogue, CatalogueError> {
    match &config.catalogue_dir {
        Some(folder) => catalogue::load(folder),
        None => catalogue::built_in(),
    }
}

fn clients_options(config: &Config, units: &Arc<UnitLimits>) -> ClientsOptions {
    ClientsOptions {
        path: config.clients_file.clone(),
        second_factor: config.second_factor,
        limits: Arc::clone(units),
        kept: Kept::new(&config.state_dir.join(KEPT_FOLDER)),
    }
}

/// What is read is kept before it serves.
fn read_law(
    config: &Config,
    storage: &dyn Storage,
    telemetry: &Telemetry,
    units: &Arc<UnitLimits>,
    now: Moment,
) -> Result<Law, StartError> {
    let catalogue = read_catalogue(config)?;
    for warning in &catalogue.warnings {
        tracing::warn!("{warning}");
    }
    let options = clients_options(config, units);
    let clients = clients_source::read(&options, storage, &catalogue, now)?;
    Ok(Law::new(catalogue, clients, telemetry))
}

/// Where snapshots come from, as configured.
pub fn source_options(config: &Config) -> Result<SourceOptions, StartError> {
    let master = MasterKey::load(&config.snapshot_key_file)?;
    Ok(SourceOptions {
        snapshot_dir: config.snapshot_dir.clone(),
        state_dir: config.state_dir.clone(),
        environment: config.environment.as_str().into(),
        keys: Arc::new(vec![master]),
        trust: Arc::new(read_trust(config)?),
    })
}

/// The keys that the configuration names, each in one place only.
fn read_trust(config: &Config) -> Result<Trust, StartError> {
    let mut known: Vec<PublicKey> = Vec::new();
    let mut load = |paths: &[PathBuf]| -> Result<Vec<PublicKey>, StartError> {
        let first = known.len();
        for path in paths {
            let key = PublicKey::load(path)?;
            if known.contains(&key) {
                return Err(StartError::SameKey {
                    path: path.clone(),
                    key: key.id(),
                });
            }
            known.push(key);
        }
        Ok(known[first..].to_vec())
    };
    let trust = Trust {
        builders: load(&config.trust.builder_keys)?,
        activators: load(&config.trust.activator_keys)?,
        activators_required: usize::try_from(config.trust.activators_required).unwrap_or(1),
        is_required: config.trust.require_signatures,
    };
    if !trust.is_required && config.environment != "sample" {
        tracing::warn!(
            "signatures of snapshots are not required: whoever can write to the snapshot folder \
             decides whom this gateway restricts; make keys with `hecha key new --signing`, sign \
             with `hecha sign`, and name the .pub files in `builder_keys` and `activator_keys`"
        );
    }
    Ok(trust)
}

/// The pinned snapshot, or the one that `current.json` names; where that is refused, the next
/// older one that can serve: a bad file must not take the service down at a restart either. None
/// that was never activated takes part, and where signatures are required none but what served.
fn first_snapshot(
    config: &Config,
    source: &mut Source,
    pin: &mut Pin,
    start: &Start<'_>,
) -> Result<Arc<Loaded>, StartError> {
    let (catalogue, telemetry, now) = (&start.law.catalogue, start.telemetry, start.now);
    let refuse = |refused: &Refused| {
        let reason = refused.reason();
        telemetry.count_refused_swap(reason);
        tracing::error!(%refused, reason, "the snapshot is refused");
    };
    let reopen = |source: &mut Source, file: &str| {
        let loaded = Arc::new(source.open(file, catalogue)?);
        source.admit(&loaded, Claim::Restart, now)?;
        activated(source, loaded, Claim::Restart, now)
    };
    let named = source.current();
    let version = match &named {
        Ok(Some(named)) => named.current.version,
        _ => u64::MAX,
    };
    if let Some(file) = pin.file.as_deref().filter(|_| pin.seen.contains(&version)) {
        match reopen(source, file) {
            Ok(loaded) => return Ok(loaded),
            Err(refused) => refuse(&refused),
        }
    }
    let first = match named {
        Ok(Some(named)) => match source.open_current(&named, catalogue) {
            Ok(loaded) => {
                let (loaded, claim) = (Arc::new(loaded), source.claim_at_start(&named));
                let admitted = source.admit(&loaded, claim, now);
                let passed =
                    admitted.and_then(|()| start.through_gates(source, pin, &named, &loaded));
                match passed.and_then(|()| activated(source, loaded, claim, now)) {
                    Ok(loaded) => {
                        pin.file = None;
                        pin.see(version);
                        source.keep(pin)?;
                        return Ok(loaded);
                    }
                    Err(refused) => refused,
                }
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
    let below = match source.highest_version() {
        0 => version,
        highest => highest.saturating_add(1),
    };
    for file in source.older(below) {
        match reopen(source, &file) {
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

/// What a first snapshot is chosen by.
struct Start<'a> {
    law: &'a Arc<Law>,
    overlay: &'a Arc<Overlay>,
    gates: Option<&'a Gates>,
    telemetry: &'a Telemetry,
    now: Moment,
}

impl Start<'_> {
    /// What `current.json` names at a start is held against the file that served last: a restart
    /// is no way around the gates. Where that file is gone or cannot serve there is nothing to hold
    /// it against.
    fn through_gates(
        &self,
        source: &Source,
        pin: &Pin,
        named: &Named,
        loaded: &Arc<Loaded>,
    ) -> Result<(), Refused> {
        let served = pin.served.as_deref();
        let last = served.filter(|file| *file != named.current.file);
        let (Some(gates), Some(last), None) = (self.gates, last, &pin.file) else {
            return Ok(());
        };
        let Ok(last) = source.open(last, &self.law.catalogue) else {
            return Ok(());
        };
        let view = |loaded| {
            let (law, overlay) = (Arc::clone(self.law), Arc::clone(self.overlay));
            View::new(loaded, law, overlay, self.now)
        };
        let Ok(serving) = view(Arc::new(last)) else {
            return Ok(());
        };
        let file = named.current.file.clone();
        let next = match view(Arc::clone(loaded)) {
            Ok(next) => next,
            Err(fault) => return Err(Refused::Law { file, fault }),
        };
        let accepted = named.current.accepted.as_ref();
        let judged = match gates.judge(&serving, &next, self.now) {
            Ok(judged) => judged,
            Err(fault) => return Err(Refused::Gate { file, fault }),
        };
        for exceeded in &judged.exceeded {
            self.telemetry.count_exceeded(exceeded.code());
        }
        judged.log(&file, accepted);
        match judged.passes(accepted) {
            true => Ok(()),
            false => Err(Refused::Gates {
                file,
                exceeded: judged.reasons(),
            }),
        }
    }
}

fn activated(
    source: &mut Source,
    loaded: Arc<Loaded>,
    claim: Claim<'_>,
    now: Moment,
) -> Result<Arc<Loaded>, Refused> {
    source.activate(&loaded, claim, now)?;
    Ok(loaded)
}

fn open_journal(
    config: &Config,
    storage: &dyn Storage,
) -> Result<(Journal, Vec<JournalEntry>), JournalError> {
    Journal::open(storage, &config.state_dir.join(JOURNAL_FILE))
}

/// The tables of working days and clocks: those of the catalogue folder where it has them.
fn read_calendar(config: &Config) -> Result<Calendar, StartError> {
    let read = |file: &str| -> Result<Option<String>, StartError> {
        let Some(path) = config
            .catalogue_dir
            .as_ref()
            .map(|folder| folder.join(file))
        else {
            return Ok(None);
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(StartError::Io {
                what: format!("`{}`", path.display()),
                fault,
            }),
        }
    };
    let (days, clocks) = (read(calendar::DAYS_FILE)?, read(calendar::CLOCKS_FILE)?);
    Ok(Calendar::parse(days.as_deref(), clocks.as_deref())?)
}
