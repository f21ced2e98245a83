//! The configuration as used: every key checked, with its default.
//!
//! In: `Written` and the folder that relative paths start from. Out: `Config`. Opens no file.

use super::file::{ConfigError, PathList, Place, Placed, Written, bounded};
use super::limits;
use super::tls::{self, TlsConfig};
use super::witness::WitnessConfig;
use crate::changes::gates::Limits;
use crate::gateway::approvals::ApprovalOptions;
use crate::limits::table::LimitOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Form of the program's own log lines; the decision log has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Everything the service is told. Paths are absolute, or relative to the working folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// True without a configuration file: sample list, this machine only.
    pub sample: bool,
    /// Name of the installation, stands in metrics; a snapshot of another one is refused. Default
    /// `production`, `sample` without a file; 1 to 64 letters, digits, `-` and `_`.
    pub environment: String,
    /// Where checks are answered. Default 127.0.0.1:8080; port 0 is a free one.
    pub listen: SocketAddr,
    /// Where operators are answered. Default 127.0.0.1:8081; port 0 is a free one.
    pub ops_listen: SocketAddr,
    /// Folder of the decision log and the journal of acts. Default `var`.
    pub state_dir: PathBuf,
    /// Folder of snapshots, holds current.json. Default `snapshots` in `state_dir`.
    pub snapshot_dir: PathBuf,
    /// Folder of the catalogue's tables. Default: those the program was built with.
    pub catalogue_dir: Option<PathBuf>,
    /// File of client records. Default `clients.toml`; in `state_dir` without a file.
    pub clients_file: PathBuf,
    /// Master key of snapshots. Default `snapshot.key`; in `state_dir` without a file.
    pub snapshot_key_file: PathBuf,
    /// Master key of the decision log. Default `log.key`; in `state_dir` without a file.
    pub log_key_file: PathBuf,
    /// Signing key of the log's checkpoints. Default `log-sign.key` beside `log_key_file`.
    pub log_sign_key_file: PathBuf,
    /// Whether the log has a tree and checkpoints. Default true; false only to measure their cost.
    pub log_tree: bool,
    /// Whose signatures a snapshot needs.
    pub trust: TrustConfig,
    /// Witnesses of the decision log.
    pub witness: WitnessConfig,
    /// TLS of the listeners. Default none.
    pub tls: TlsConfig,
    /// Whether stewards and admins must bring a token and a certificate: `ops_second_factor`,
    /// none or certificate. Default none.
    pub second_factor: bool,
    /// Public keys of gateways whose acts are taken. Default none.
    pub act_keys: Vec<PathBuf>,
    /// Public keys of those who may order that a month of the log is destroyed. Default none.
    pub expiry_keys: Vec<PathBuf>,
    /// Whether checks may come by HTTP/2 too. Default false.
    pub http2: bool,
    /// How much and how long.
    pub limits: ServiceLimits,
    /// Form of log lines: json or text. Default json; text without a file.
    pub log_format: LogFormat,
    /// Whether the kernel may dump this process. Default false: a dump holds keys and numbers.
    pub core_dumps: bool,
    /// What a new snapshot must keep to before it serves.
    pub gates: GateOptions,
    /// What is done where asking looks like gathering the list.
    pub units: LimitOptions,
    /// Acts that need two persons.
    pub approvals: ApprovalOptions,
}

/// What a new snapshot must keep to before it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateOptions {
    /// Whether the gateway holds what `current.json` names against the one that serves. Default
    /// true; false without a file, because the sample is built anew at each start.
    pub gates: bool,
    /// Canaries; read at each judgement. Default: none.
    pub canaries_file: Option<PathBuf>,
    /// The limits.
    pub limits: Limits,
    /// Logged checks of so many hours are decided again on both snapshots; 0 none. Default 2; at
    /// most 168.
    pub replay_hours: u64,
    /// So many of them at most, the latest. Default 10000; 1 to 1000000.
    pub replay_checks_max: u64,
}

/// Whose signatures a snapshot needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustConfig {
    /// Files of the public keys of builders. Default none.
    pub builder_keys: Vec<PathBuf>,
    /// Files of the public keys of activators. Default none.
    pub activator_keys: Vec<PathBuf>,
    /// Distinct activators that a snapshot needs. Default 1; 1 to 2.
    pub activators_required: u64,
    /// Whether a snapshot without these signatures is refused. Default: where any key is named.
    pub require_signatures: bool,
}

/// How much and how long; every figure has its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLimits {
    /// Threads that answer checks; 0 is one a core. Default 0; at most 1024.
    pub check_runtimes: u64,
    /// Connections of the check listener at most. Default 10000; 1 to 1000000.
    pub connections_max: u64,
    /// Connections of the ops listener at most. Default 256; 1 to 100000.
    pub ops_connections_max: u64,
    /// Longest time from the first byte of a head to its last, in milliseconds. Default 10000; 10
    /// to 600000.
    pub header_timeout_ms: u64,
    /// Longest time for a TLS handshake, in milliseconds. Default 5000; 10 to 600000.
    pub tls_handshake_timeout_ms: u64,
    /// Longest time for a body to arrive, in milliseconds. Default 10000; 10 to 600000.
    pub body_timeout_ms: u64,
    /// Longest time without a request on a connection, in milliseconds. Default 60000; 10 to
    /// 3600000.
    pub idle_timeout_ms: u64,
    /// Body of an array of checks at most, in bytes. Default 16777216; 65536 to 67108864. A single
    /// check has 65536, which the contract fixes.
    pub checks_bytes_max: u64,
    /// Lines of a stream of checks (`application/x-ndjson`) at most. Default 1000000; 1 to
    /// 1000000000.
    pub stream_lines_max: u64,
    /// Where requests wait longer than this for their turn, in milliseconds, for a tenth of a
    /// second on end, new ones are refused with 503 (batch at half of it). Default 10; 1 to 10000.
    pub queue_wait_ms_max: u64,
    /// Where the gateway stood still for longer, in milliseconds, what it finds waiting is refused
    /// with 503. Default 2000; 100 to 600000.
    pub stall_ms_max: u64,
    /// An append that took longer to reach the kernel, in milliseconds, is counted as slow
    /// (`hecha_log_slow_appends_total`). Default 20; 1 to 1000.
    pub kernel_wait_ms_max: u64,
    /// Longest wait of one check for its record to be on disk, in milliseconds. Default 250; 1 to
    /// 10000.
    pub disk_wait_ms_max: u64,
    /// Time after SIGTERM during which connections are still taken, in milliseconds. Default 1000;
    /// 0 to 600000.
    pub drain_delay_ms: u64,
    /// Longest time for open requests to end after that, in milliseconds. Default 20000; 0 to
    /// 600000.
    pub hard_stop_ms: u64,
    /// Size of a segment of the decision log, in bytes. Default 67108864; 1048576 to 4294967296.
    pub log_segment_bytes: u64,
    /// Room on the disk of the log below which it is warned of, in bytes; 0 never. Default
    /// 2147483648 (some ten million records); at most 1125899906842624.
    pub disk_free_warn_bytes: u64,
    /// How often the snapshot folder is looked at, in milliseconds. Default 1000; 10 to 600000.
    pub watch_interval_ms: u64,
}

/// Key, default, least, most of every figure.
const FIGURES: &[(&str, u64, u64, u64)] = &[
    ("activators_required", 1, 1, 2),
    ("check_runtimes", 0, 0, 1_024),
    ("connections_max", 10_000, 1, 1_000_000),
    ("ops_connections_max", 256, 1, 100_000),
    ("header_timeout_ms", 10_000, 10, 600_000),
    ("tls_handshake_timeout_ms", 5_000, 10, 600_000),
    ("body_timeout_ms", 10_000, 10, 600_000),
    ("idle_timeout_ms", 60_000, 10, 3_600_000),
    ("checks_bytes_max", 16 << 20, 1 << 16, 64 << 20),
    ("stream_lines_max", 1_000_000, 1, 1_000_000_000),
    ("queue_wait_ms_max", 10, 1, 10_000),
    ("stall_ms_max", 2_000, 100, 600_000),
    ("kernel_wait_ms_max", 20, 1, 1_000),
    ("disk_wait_ms_max", 250, 1, 10_000),
    ("drain_delay_ms", 1_000, 0, 600_000),
    ("hard_stop_ms", 20_000, 0, 600_000),
    ("log_segment_bytes", 64 << 20, 1 << 20, 4 << 30),
    ("disk_free_warn_bytes", 2 << 30, 0, 1 << 50),
    ("watch_interval_ms", 1_000, 10, 600_000),
    ("gate_change_percent_max", 30, 1, 1_000),
    ("gate_change_entries_min", 20, 0, 1_000_000),
    ("gate_quarantined_percent_max", 5, 0, 100),
    ("gate_list_age_hours_max", 0, 0, 87_600),
    ("gate_replay_hours", 2, 0, 168),
    ("gate_replay_checks_max", 10_000, 1, 1_000_000),
    ("gate_replay_percent_max", 5, 0, 100),
    ("gate_replay_people_min", 20, 1, 1_000_000),
];

impl Config {
    /// Checks `written`. `file` is the configuration file; without one it is the sample.
    ///
    /// Relative paths start at the folder of the file, without one at the working folder.
    pub fn resolve(written: &Written, file: Option<&Path>) -> Result<Self, ConfigError> {
        let sample = file.is_none();
        let base = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let path = |key: &Option<Placed<PathBuf>>, default: PathBuf| match key {
            Some(placed) => base.join(&placed.value),
            None => default,
        };
        let state_dir = path(&written.state_dir, base.join("var"));
        let near = if sample { &*state_dir } else { base };
        let (listen, ops_listen) = addresses(written, sample)?;
        let log_key_file = path(&written.log_key_file, near.join("log.key"));
        let act_keys = written.act_keys.iter().flat_map(|placed| &placed.value.0);
        let expiry_keys = written
            .expiry_keys
            .iter()
            .flat_map(|placed| &placed.value.0);
        let tls = TlsConfig::resolve(written, base)?;
        let catalogue_dir = written.catalogue_dir.as_ref();
        Ok(Self {
            sample,
            environment: environment(written.environment.as_ref(), sample)?,
            listen,
            ops_listen,
            snapshot_dir: path(&written.snapshot_dir, state_dir.join("snapshots")),
            catalogue_dir: catalogue_dir.map(|placed| base.join(&placed.value)),
            clients_file: path(&written.clients_file, near.join("clients.toml")),
            snapshot_key_file: path(&written.snapshot_key_file, near.join("snapshot.key")),
            log_sign_key_file: path(
                &written.log_sign_key_file,
                log_key_file.with_file_name("log-sign.key"),
            ),
            log_tree: written.log_tree.as_ref().is_none_or(|placed| placed.value),
            log_key_file,
            second_factor: tls::second_factor(written, &tls)?,
            tls,
            witness: WitnessConfig::resolve(written, base)?,
            trust: TrustConfig::resolve(written, base)?,
            act_keys: act_keys.map(|file| base.join(file)).collect(),
            expiry_keys: expiry_keys.map(|file| base.join(file)).collect(),
            http2: written.http2.as_ref().is_some_and(|placed| placed.value),
            limits: ServiceLimits::resolve(written)?,
            log_format: log_format(written.log_format.as_ref(), sample)?,
            core_dumps: written
                .core_dumps
                .as_ref()
                .is_some_and(|placed| placed.value),
            gates: GateOptions::resolve(written, base, sample)?,
            units: limits::limits(written)?,
            approvals: limits::approvals(written)?,
            state_dir,
        })
    }
}

impl Config {
    /// Files of the secrets of this gateway by their keys: each must be a secret of its own.
    pub fn secret_files(&self) -> Vec<(&'static str, &Path)> {
        let mut files: Vec<(&'static str, &Path)> = vec![
            ("snapshot_key_file", &self.snapshot_key_file),
            ("log_key_file", &self.log_key_file),
        ];
        let signs = self.log_tree.then_some(&*self.log_sign_key_file);
        files.extend(signs.map(|path| ("log_sign_key_file", path)));
        let (checks, ops) = (self.tls.checks.as_ref(), self.tls.ops.as_ref());
        files.extend(checks.map(|tls| ("tls_key_file", &*tls.key_file)));
        // Both listeners may have one certificate.
        let own = ops.filter(|ops| checks.is_none_or(|checks| checks.key_file != ops.key_file));
        files.extend(own.map(|tls| ("ops_tls_key_file", &*tls.key_file)));
        files
    }
}

impl GateOptions {
    fn resolve(written: &Written, base: &Path, sample: bool) -> Result<Self, ConfigError> {
        let gates = written.gates.as_ref();
        let canaries = written.canaries_file.as_ref();
        let change_percent = &written.gate_change_percent_max;
        let change_entries = &written.gate_change_entries_min;
        let quarantined = &written.gate_quarantined_percent_max;
        let replay_percent = &written.gate_replay_percent_max;
        let replay_people = &written.gate_replay_people_min;
        Ok(Self {
            gates: gates.map_or(!sample, |placed| placed.value),
            canaries_file: canaries.map(|placed| base.join(&placed.value)),
            limits: Limits {
                change_percent_max: figure("gate_change_percent_max", change_percent)?,
                change_entries_min: figure("gate_change_entries_min", change_entries)?,
                quarantined_percent_max: figure("gate_quarantined_percent_max", quarantined)?,
                list_age_hours_max: figure(
                    "gate_list_age_hours_max",
                    &written.gate_list_age_hours_max,
                )?,
                replay_percent_max: figure("gate_replay_percent_max", replay_percent)?,
                replay_people_min: figure("gate_replay_people_min", replay_people)?,
            },
            replay_hours: figure("gate_replay_hours", &written.gate_replay_hours)?,
            replay_checks_max: figure("gate_replay_checks_max", &written.gate_replay_checks_max)?,
        })
    }
}

impl TrustConfig {
    fn resolve(written: &Written, base: &Path) -> Result<Self, ConfigError> {
        let paths = |key: &Option<Placed<PathList>>| -> Vec<PathBuf> {
            let paths = key.iter().flat_map(|placed| &placed.value.0);
            paths.map(|path| base.join(path)).collect()
        };
        let builder_keys = paths(&written.builder_keys);
        let activator_keys = paths(&written.activator_keys);
        let activators_required = figure("activators_required", &written.activators_required)?;
        let has_keys = !builder_keys.is_empty() || !activator_keys.is_empty();
        let stated = written.require_signatures.as_ref();
        let require_signatures = stated.map_or(has_keys, |placed| placed.value);
        let are_enough =
            !builder_keys.is_empty() && activator_keys.len() as u64 >= activators_required;
        if require_signatures && !are_enough {
            let of_keys = [&written.builder_keys, &written.activator_keys];
            let of_keys = of_keys.into_iter().flatten().next();
            let place = stated.map(|placed| placed.place.clone());
            return Err(ConfigError::TooFewKeys {
                place: place
                    .or(of_keys.map(|placed| placed.place.clone()))
                    .unwrap_or(Place::Default),
                builders: builder_keys.len(),
                activators: activator_keys.len(),
                activators_required,
            });
        }
        Ok(Self {
            builder_keys,
            activator_keys,
            activators_required,
            require_signatures,
        })
    }
}

impl ServiceLimits {
    fn resolve(written: &Written) -> Result<Self, ConfigError> {
        Ok(Self {
            check_runtimes: figure("check_runtimes", &written.check_runtimes)?,
            connections_max: figure("connections_max", &written.connections_max)?,
            ops_connections_max: figure("ops_connections_max", &written.ops_connections_max)?,
            header_timeout_ms: figure("header_timeout_ms", &written.header_timeout_ms)?,
            tls_handshake_timeout_ms: figure(
                "tls_handshake_timeout_ms",
                &written.tls_handshake_timeout_ms,
            )?,
            body_timeout_ms: figure("body_timeout_ms", &written.body_timeout_ms)?,
            idle_timeout_ms: figure("idle_timeout_ms", &written.idle_timeout_ms)?,
            checks_bytes_max: figure("checks_bytes_max", &written.checks_bytes_max)?,
            stream_lines_max: figure("stream_lines_max", &written.stream_lines_max)?,
            queue_wait_ms_max: figure("queue_wait_ms_max", &written.queue_wait_ms_max)?,
            stall_ms_max: figure("stall_ms_max", &written.stall_ms_max)?,
            kernel_wait_ms_max: figure("kernel_wait_ms_max", &written.kernel_wait_ms_max)?,
            disk_wait_ms_max: figure("disk_wait_ms_max", &written.disk_wait_ms_max)?,
            drain_delay_ms: figure("drain_delay_ms", &written.drain_delay_ms)?,
            hard_stop_ms: figure("hard_stop_ms", &written.hard_stop_ms)?,
            log_segment_bytes: figure("log_segment_bytes", &written.log_segment_bytes)?,
            disk_free_warn_bytes: figure("disk_free_warn_bytes", &written.disk_free_warn_bytes)?,
            watch_interval_ms: figure("watch_interval_ms", &written.watch_interval_ms)?,
        })
    }
}

fn figure(key: &'static str, written: &Option<Placed<u64>>) -> Result<u64, ConfigError> {
    bounded(FIGURES, key, written)
}

fn addresses(written: &Written, sample: bool) -> Result<(SocketAddr, SocketAddr), ConfigError> {
    let address = |key, written: &Option<Placed<String>>, port| {
        let default = SocketAddr::from(([127, 0, 0, 1], port));
        let Some(Placed { value, place }) = written else {
            return Ok((default, Place::Default));
        };
        let address: SocketAddr = value.parse().map_err(|_| ConfigError::Unusable {
            place: place.clone(),
            key,
            value: value.clone(),
            wanted: "an address and a port, such as 127.0.0.1:8080",
        })?;
        if sample && !address.ip().is_loopback() {
            return Err(ConfigError::SampleBeyondMachine {
                place: place.clone(),
                key,
                address: address.to_string(),
            });
        }
        Ok((address, place.clone()))
    };
    let (listen, place) = address("listen", &written.listen, 8080)?;
    let (ops_listen, ops_place) = address("ops_listen", &written.ops_listen, 8081)?;
    if listen == ops_listen && listen.port() != 0 {
        return Err(ConfigError::SameAddress {
            place: if ops_place == Place::Default {
                place
            } else {
                ops_place
            },
            address: listen.to_string(),
        });
    }
    Ok((listen, ops_listen))
}

fn environment(written: Option<&Placed<String>>, sample: bool) -> Result<String, ConfigError> {
    let Some(Placed { value, place }) = written else {
        return Ok(if sample { "sample" } else { "production" }.into());
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=64).contains(&value.len()) && value.chars().all(fits) {
        return Ok(value.clone());
    }
    Err(ConfigError::Unusable {
        place: place.clone(),
        key: "environment",
        value: value.clone(),
        wanted: "1 to 64 letters, digits, - and _",
    })
}

fn log_format(written: Option<&Placed<String>>, sample: bool) -> Result<LogFormat, ConfigError> {
    let Some(Placed { value, place }) = written else {
        return Ok(if sample {
            LogFormat::Text
        } else {
            LogFormat::Json
        });
    };
    match value.as_str() {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err(ConfigError::Unusable {
            place: place.clone(),
            key: "log_format",
            value: value.clone(),
            wanted: "json or text",
        }),
    }
}
