//! Every metric of the service, named once.
//!
//! Handles are registered once and kept; a check adds to them without a look-up and without
//! formatting a label. Durations go into fixed buckets of atomics, one set per runtime, summed
//! when somebody looks. No name, number or unit of a person ever stands in a label.

/// Requests turned away.
pub mod shed;

use self::shed::{QUEUE_WAIT_SECONDS, ShedCounters};
use crate::catalogue::measure::Catalogue;
use crate::model::decision::Decision;
use metrics::{Counter, Gauge, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Figures of units and their limits.
pub mod units;

/// Checks answered, by `scenario` and `decision`.
pub const CHECKS_TOTAL: &str = "hecha_checks_total";
/// Matches shown in answers.
pub const MATCHES_TOTAL: &str = "hecha_matches_total";
/// Time from the whole request to the answer handed to the connection.
pub const CHECK_DURATION_SECONDS: &str = "hecha_check_duration_seconds";
/// Time that answers waited for their record to reach the disk.
pub const LOG_WAIT_SECONDS: &str = "hecha_log_wait_seconds";
/// Scans answered, by `decision`.
pub const SCANS_TOTAL: &str = "hecha_scans_total";
/// Places at which scans found a listed name or brand.
pub const SCAN_HITS_TOTAL: &str = "hecha_scan_hits_total";
/// Bytes of the bodies of scans.
pub const SCAN_BYTES_TOTAL: &str = "hecha_scan_bytes_total";
/// Time from the first byte that a scan reads to its record.
pub const SCAN_DURATION_SECONDS: &str = "hecha_scan_duration_seconds";
/// Requests refused or failed, by `kind` (the last part of the problem's type).
pub const PROBLEMS_TOTAL: &str = "hecha_problems_total";
/// Swaps of the snapshot, by `result`.
pub const SWAPS_TOTAL: &str = "hecha_snapshot_swaps_total";
/// Limits of the gates that snapshots exceeded, by `limit`; accepted ones too.
pub const GATES_EXCEEDED_TOTAL: &str = "hecha_gates_exceeded_total";
/// Snapshots refused, by `reason`.
pub const SWAPS_REFUSED_TOTAL: &str = "hecha_snapshot_refused_total";
/// Reloads of catalogue and clients, by `result`.
pub const RELOADS_TOTAL: &str = "hecha_reloads_total";
/// Acts on entries, by `kind`.
pub const ACTS_TOTAL: &str = "hecha_acts_total";
/// Connections open now, by `listener`.
pub const CONNECTIONS: &str = "hecha_connections";
/// Connections turned away at the cap.
pub const CONNECTIONS_REFUSED_TOTAL: &str = "hecha_connections_refused_total";
/// Handshakes of TLS that failed, by `reason`.
pub const TLS_FAILED_TOTAL: &str = "hecha_tls_handshakes_failed_total";
/// Readings of changed certificates, by `result`.
pub const TLS_RELOADS_TOTAL: &str = "hecha_tls_reloads_total";
/// Time of the syncs of the decision log.
pub const LOG_SYNC_SECONDS: &str = "hecha_log_sync_seconds";
/// Panics caught in a handler; each is a bug.
pub const PANICS_TOTAL: &str = "hecha_panics_total";

/// Why snapshots are refused: every value of `reason`, so that each is there before it happens.
pub const REFUSAL_REASONS: &[&str] = &[
    "catalogue",
    "damaged",
    "environment",
    "expired",
    "gates",
    "gates_failed",
    "hash",
    "master_key",
    "memory",
    "none_older",
    "pointer",
    "rollback_order",
    "signature_foreign",
    "signature_missing",
    "signature_unreadable",
    "signature_wrong",
    "state",
    "statement",
    "too_few_activators",
    "version_older",
    "version_reused",
];

/// Why handshakes fail: every value of `reason`, so that each is there before it happens.
pub const TLS_FAILURE_REASONS: &[&str] = &[
    "certificate_expired",
    "certificate_missing",
    "certificate_not_accepted",
    "closed_by_peer",
    "not_tls",
    "protocol",
    "refused_by_peer",
    "too_slow",
];

/// Upper bounds of the buckets, in microseconds.
const BUCKETS_US: [u64; 16] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
    500_000, 1_000_000,
];

/// A counter that was registered once.
pub type CounterHandle = Counter;
/// A gauge that was registered once.
pub type GaugeHandle = Gauge;

/// How a swap or reload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapResult {
    /// The new one serves.
    Done,
    /// Damaged or foreign; the old one serves on.
    Refused,
    /// An older one serves again.
    RolledBack,
}

/// Durations of one runtime.
#[derive(Debug, Default)]
pub struct Durations {
    buckets: [AtomicU64; BUCKETS_US.len() + 1],
    sum_ns: AtomicU64,
}

impl Durations {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let place = BUCKETS_US
            .iter()
            .position(|bound_us| ns <= bound_us * 1_000);
        self.buckets[place.unwrap_or(BUCKETS_US.len())].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }
}

/// Counters of the checks of one catalogue: one a scenario and decision.
pub struct CheckCounters {
    by_scenario: Vec<[Counter; Decision::ALL.len()]>,
}

impl CheckCounters {
    /// Counts one answer. `scenario` is its place in the catalogue.
    pub fn count(&self, scenario: u16, decision: Decision) {
        if let Some(counters) = self.by_scenario.get(usize::from(scenario)) {
            counters[decision as usize].increment(1);
        }
    }
}

/// What scans count.
pub struct ScanCounters {
    by_decision: [Counter; Decision::ALL.len()],
    hits: Counter,
    bytes: Counter,
    /// How long they took.
    pub durations: Arc<Durations>,
}

impl ScanCounters {
    fn register(durations: Arc<Durations>) -> Self {
        Self {
            by_decision: Decision::ALL
                .map(|decision| metrics::counter!(SCANS_TOTAL, "decision" => decision.name())),
            hits: metrics::counter!(SCAN_HITS_TOTAL),
            bytes: metrics::counter!(SCAN_BYTES_TOTAL),
            durations,
        }
    }

    /// Counts one answer.
    pub fn count(&self, decision: Decision, hits: u32, bytes: usize) {
        self.by_decision[decision as usize].increment(1);
        self.hits.increment(u64::from(hits));
        self.bytes.increment(bytes as u64);
    }
}

/// A figure that is read when somebody looks, rather than kept up to date.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Name with unit.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// Its value.
    pub value: f64,
}

impl Figure {
    /// A figure that goes up and down.
    pub fn gauge(name: &'static str, help: &'static str, value: f64) -> Self {
        Self {
            name,
            help,
            kind: "gauge",
            value,
        }
    }
}

/// A figure of each of several things, read when somebody looks.
#[derive(Debug, Clone)]
pub struct LabelledFigure<'a> {
    /// Name with unit.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Name of the label.
    pub label: &'static str,
    /// Value of the label, which needs no escaping, and of the gauge.
    pub values: Vec<(&'a str, f64)>,
}

/// Writes gauges with a label behind what `Telemetry::render` made.
pub fn write_labelled(text: &mut String, figures: &[LabelledFigure<'_>]) {
    for figure in figures {
        let (name, help, label) = (figure.name, figure.help, figure.label);
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (of, value) in &figure.values {
            let _ = writeln!(text, "{name}{{{label}=\"{of}\"}} {value}");
        }
        text.push('\n');
    }
}

/// All handles.
pub struct Telemetry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    check_durations: Mutex<Vec<Arc<Durations>>>,
    log_waits: Mutex<Vec<Arc<Durations>>>,
    scan_durations: Mutex<Vec<Arc<Durations>>>,
    queue_waits: Mutex<Vec<Arc<Durations>>>,
    /// Requests turned away.
    pub shed: ShedCounters,
    /// Matches shown.
    pub matches: Counter,
    /// Scans.
    pub scans: ScanCounters,
    /// Connections of the check listener.
    pub check_connections: Gauge,
    /// Connections of the ops listener.
    pub ops_connections: Gauge,
    /// Connections turned away.
    pub connections_refused: Counter,
    /// Panics caught.
    pub panics: Counter,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl Telemetry {
    /// Registers everything that does not depend on the catalogue.
    pub fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let scan_durations = Mutex::default();
        let of_scans = registered(&scan_durations);
        let (counters, gauges, scans, shed) = metrics::with_local_recorder(&recorder, || {
            describe();
            metrics::gauge!("hecha_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
            let counters = [MATCHES_TOTAL, CONNECTIONS_REFUSED_TOTAL, PANICS_TOTAL]
                .map(|name| metrics::counter!(name));
            let gauges =
                ["check", "ops"].map(|name| metrics::gauge!(CONNECTIONS, "listener" => name));
            let scans = ScanCounters::register(of_scans);
            (counters, gauges, scans, ShedCounters::register())
        });
        let [matches, connections_refused, panics] = counters;
        let [check_connections, ops_connections] = gauges;
        Self {
            recorder,
            handle,
            check_durations: Mutex::default(),
            log_waits: Mutex::default(),
            scan_durations,
            queue_waits: Mutex::default(),
            shed,
            matches,
            scans,
            check_connections,
            ops_connections,
            connections_refused,
            panics,
        }
    }

    /// Counters of the checks of this catalogue; equal labels share one counter over reloads.
    pub fn check_counters(&self, catalogue: &Catalogue) -> CheckCounters {
        let of_scenario = |id: &str| {
            Decision::ALL.map(|decision| {
                metrics::counter!(
                    CHECKS_TOTAL,
                    "scenario" => id.to_owned(),
                    "decision" => decision.name()
                )
            })
        };
        metrics::with_local_recorder(&self.recorder, || CheckCounters {
            by_scenario: catalogue
                .scenarios
                .iter()
                .map(|scenario| of_scenario(&scenario.id))
                .collect(),
        })
    }

    /// A set of buckets for the checks of one runtime.
    pub fn new_check_durations(&self) -> Arc<Durations> {
        registered(&self.check_durations)
    }

    /// A set of buckets for the log waits of one runtime.
    pub fn new_log_waits(&self) -> Arc<Durations> {
        registered(&self.log_waits)
    }

    /// A set of buckets for the waits of requests of one runtime.
    pub fn new_queue_waits(&self) -> Arc<Durations> {
        registered(&self.queue_waits)
    }

    /// Counts a refused or failed request. Off the hot path.
    pub fn count_problem(&self, kind: &'static str) {
        self.count(PROBLEMS_TOTAL, "kind", kind);
    }

    /// Counts a swap.
    pub fn count_swap(&self, result: SwapResult) {
        self.count(SWAPS_TOTAL, "result", result_name(result));
    }

    /// Counts a limit of the gates that a snapshot exceeded.
    pub fn count_exceeded(&self, limit: &'static str) {
        self.count(GATES_EXCEEDED_TOTAL, "limit", limit);
    }

    /// Counts a snapshot that was refused, and why.
    pub fn count_refused_swap(&self, reason: &'static str) {
        debug_assert!(
            REFUSAL_REASONS.contains(&reason),
            "`{reason}` is in no list"
        );
        self.count_swap(SwapResult::Refused);
        self.count(SWAPS_REFUSED_TOTAL, "reason", reason);
    }

    /// Counts a reload.
    pub fn count_reload(&self, result: SwapResult) {
        self.count(RELOADS_TOTAL, "result", result_name(result));
    }

    /// Counts a handshake that failed, and why.
    pub fn count_failed_handshake(&self, reason: &'static str) {
        debug_assert!(
            TLS_FAILURE_REASONS.contains(&reason),
            "`{reason}` is in no list"
        );
        self.count(TLS_FAILED_TOTAL, "reason", reason);
    }

    /// Counts a reading of changed certificates.
    pub fn count_tls_reload(&self, result: SwapResult) {
        self.count(TLS_RELOADS_TOTAL, "result", result_name(result));
    }

    /// Counts an act on an entry.
    pub fn count_act(&self, kind: &'static str) {
        self.count(ACTS_TOTAL, "kind", kind);
    }

    fn count(&self, name: &'static str, label: &'static str, value: &'static str) {
        metrics::with_local_recorder(&self.recorder, || {
            metrics::counter!(name, label => value).increment(1);
        });
    }

    /// The text that `GET /metrics` answers, with these figures and times read just now.
    pub fn render(&self, figures: &[Figure], times: &[Times<'_>]) -> String {
        let mut text = self.handle.render();
        write_durations(
            &mut text,
            CHECK_DURATION_SECONDS,
            "Time from the whole request to its answer",
            &self.check_durations,
        );
        write_durations(
            &mut text,
            LOG_WAIT_SECONDS,
            "Time that answers waited for their record to reach the disk",
            &self.log_waits,
        );
        write_durations(
            &mut text,
            SCAN_DURATION_SECONDS,
            "Time from the first byte that a scan reads to its record",
            &self.scan_durations,
        );
        write_durations(
            &mut text,
            QUEUE_WAIT_SECONDS,
            "Time that requests wait for their turn, by probes",
            &self.queue_waits,
        );
        for times in times {
            write_times(&mut text, *times);
        }
        for figure in figures {
            let Figure {
                name,
                help,
                kind,
                value,
            } = figure;
            let _ = writeln!(
                text,
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
            );
        }
        text
    }
}

fn describe() {
    let counters = [
        (CHECKS_TOTAL, "Checks answered"),
        (MATCHES_TOTAL, "Matches shown in answers"),
        (SCANS_TOTAL, "Scans answered"),
        (SCAN_HITS_TOTAL, "Places at which scans found a name"),
        (SCAN_BYTES_TOTAL, "Bytes of the bodies of scans"),
        (PROBLEMS_TOTAL, "Requests refused or failed"),
        (SWAPS_TOTAL, "Swaps of the snapshot"),
        (
            GATES_EXCEEDED_TOTAL,
            "Limits of the gates that snapshots exceeded",
        ),
        (SWAPS_REFUSED_TOTAL, "Snapshots refused"),
        (RELOADS_TOTAL, "Reloads of catalogue and clients"),
        (ACTS_TOTAL, "Acts on entries"),
        (TLS_FAILED_TOTAL, "Handshakes of TLS that failed"),
        (TLS_RELOADS_TOTAL, "Readings of changed certificates"),
        (
            CONNECTIONS_REFUSED_TOTAL,
            "Connections turned away at the cap",
        ),
        (PANICS_TOTAL, "Panics caught in a handler"),
    ];
    for (name, help) in counters {
        metrics::describe_counter!(name, Unit::Count, help);
    }
    metrics::describe_gauge!(CONNECTIONS, Unit::Count, "Connections open now");
    metrics::describe_gauge!("hecha_build_info", Unit::Count, "Version of the gateway");
    for result in [
        SwapResult::Done,
        SwapResult::Refused,
        SwapResult::RolledBack,
    ] {
        for name in [SWAPS_TOTAL, RELOADS_TOTAL, TLS_RELOADS_TOTAL] {
            metrics::counter!(name, "result" => result_name(result)).increment(0);
        }
    }
    for reason in TLS_FAILURE_REASONS {
        metrics::counter!(TLS_FAILED_TOTAL, "reason" => *reason).increment(0);
    }
    for reason in REFUSAL_REASONS {
        metrics::counter!(SWAPS_REFUSED_TOTAL, "reason" => *reason).increment(0);
    }
}

fn result_name(result: SwapResult) -> &'static str {
    match result {
        SwapResult::Done => "done",
        SwapResult::Refused => "refused",
        SwapResult::RolledBack => "rolled_back",
    }
}

fn registered(sets: &Mutex<Vec<Arc<Durations>>>) -> Arc<Durations> {
    let set = Arc::new(Durations::default());
    let mut sets = sets.lock().unwrap_or_else(PoisonError::into_inner);
    sets.push(Arc::clone(&set));
    set
}

/// Times in buckets, read just now.
#[derive(Debug, Clone, Copy)]
pub struct Times<'a> {
    /// Name with unit.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Upper bounds of the buckets, in microseconds.
    pub bounds_us: &'a [u64],
    /// Times in each bucket, not cumulative; one more than bounds.
    pub counts: &'a [u64],
    /// Sum of all times, in nanoseconds.
    pub sum_ns: u64,
}

fn write_durations(
    text: &mut String,
    name: &'static str,
    help: &'static str,
    sets: &Mutex<Vec<Arc<Durations>>>,
) {
    let mut counts = [0u64; BUCKETS_US.len() + 1];
    let mut sum_ns = 0u64;
    for set in sets.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        for (count, bucket) in counts.iter_mut().zip(&set.buckets) {
            *count += bucket.load(Ordering::Relaxed);
        }
        sum_ns = sum_ns.saturating_add(set.sum_ns.load(Ordering::Relaxed));
    }
    let times = Times {
        name,
        help,
        bounds_us: &BUCKETS_US,
        counts: &counts,
        sum_ns,
    };
    write_times(text, times);
}

fn write_times(text: &mut String, times: Times<'_>) {
    let Times { name, help, .. } = times;
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
    let mut total = 0;
    let mut counts = times.counts.iter();
    for (bound_us, count) in times.bounds_us.iter().zip(&mut counts) {
        total += count;
        let bound = *bound_us as f64 / 1e6;
        let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {total}");
    }
    total += counts.sum::<u64>();
    let sum = times.sum_ns as f64 / 1e9;
    let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {total}");
    let _ = writeln!(text, "{name}_sum {sum}\n{name}_count {total}\n");
}

/// Pages of this process that had to be read from disk so far; `None` where the system does not
/// say.
pub fn major_faults() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    after_name.split(' ').nth(9)?.parse().ok()
}

#[cfg(test)]
mod tests;
