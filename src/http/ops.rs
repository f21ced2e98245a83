//! What operators ask: law, snapshots, acts, metrics, health.

use super::context::Context;
use super::exchange::{Exchange, Outcome};
use super::reply::{self, Reply};
use crate::decision_log::counters::BOUNDS_US;
use crate::gateway::actor::Stopped;
use crate::gateway::source::Refused;
use crate::overlay::holds;
use crate::telemetry::{Figure, LOG_SYNC_SECONDS, Times, major_faults};
use crate::wire::ops::{self, Serving};
use crate::wire::problem::{Problem, ProblemKind};
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};
use std::sync::atomic::Ordering;

/// `GET /v1/measures`.
pub fn measures(context: &Context) -> Outcome {
    Ok((200, ops::measures(&context.gateway.law().catalogue)))
}

/// `GET /v1/scenarios`.
pub fn scenarios(context: &Context) -> Outcome {
    Ok((200, ops::scenarios(&context.gateway.law().catalogue)))
}

/// `GET /v1/snapshot`.
pub fn snapshot(context: &Context) -> Outcome {
    let shared = &context.gateway.shared;
    let view = shared.view.load_full();
    let today = shared.clock.now().day();
    let standing = view.standing(today);
    let serving = Serving {
        file: view.loaded.file.as_deref(),
        pinned: shared.pinned.load(Ordering::Relaxed),
        overlay_sequence: view.overlay.sequence(),
        standing_count: standing.map_or(0, |standing| standing.count()),
    };
    Ok((200, ops::snapshot(&view.loaded.snapshot, &serving)))
}

/// `POST /v1/snapshot`.
pub async fn choose_snapshot(context: &Context, exchange: &Exchange<'_>) -> Outcome {
    let file = ops::parse_snapshot_choice(&exchange.body)?;
    let actor = &context.gateway.actor;
    let chosen = actor.choose(file, &exchange.client.unit).await;
    chosen.map_err(stopped)?.map_err(|error| refused(&error))?;
    snapshot(context)
}

/// `POST /v1/snapshot/rollback`.
pub async fn roll_back(context: &Context, exchange: &Exchange<'_>) -> Outcome {
    ops::parse_nothing(&exchange.body)?;
    let rolled_back = context.gateway.actor.roll_back(&exchange.client.unit).await;
    rolled_back
        .map_err(stopped)?
        .map_err(|error| refused(&error))?;
    snapshot(context)
}

/// `GET /metrics`.
pub fn metrics(context: &Context) -> Response<Reply> {
    let shared = &context.gateway.shared;
    let syncs = shared.recorder.log().counters();
    let counts = syncs.sync_time.buckets();
    let sync_times = Times {
        name: LOG_SYNC_SECONDS,
        help: "Time of the syncs of the decision log",
        bounds_us: &BOUNDS_US,
        counts: &counts,
        sum_ns: syncs.sync_time.sum_ns(),
    };
    let text = shared.telemetry.render(&figures(context), &[sync_times]);
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    reply::with_type(StatusCode::OK, text.into_bytes(), media_type)
}

/// `GET /healthz`, `/livez`: the process answers.
pub fn alive() -> Response<Reply> {
    reply::json(StatusCode::OK, b"{\"status\":\"alive\"}".to_vec())
}

/// `GET /readyz`: a snapshot is loaded and the log can be written.
pub fn ready(context: &Context) -> Response<Reply> {
    match context.gateway.readiness() {
        Ok(()) => reply::json(StatusCode::OK, b"{\"status\":\"ready\"}".to_vec()),
        Err(detail) => reply::problem(&Problem::unavailable(detail)),
    }
}

/// A path of the contract that this version does not have.
pub fn not_built() -> Problem {
    let detail = "the path is part of the contract, but not of this version";
    Problem::new(ProblemKind::NotBuilt, detail)
}

pub(super) fn stopped(_: Stopped) -> Problem {
    Problem::unavailable("the gateway is stopping")
}

fn refused(refused: &Refused) -> Problem {
    match refused {
        Refused::NoneOlder => Problem::new(ProblemKind::Conflict, refused.to_string()),
        Refused::Pin { .. } => Problem::unavailable(refused.to_string()),
        Refused::Publish(_)
        | Refused::Open { .. }
        | Refused::Environment { .. }
        | Refused::Key { .. }
        | Refused::Expired { .. }
        | Refused::Law { .. } => Problem::invalid("file", refused.to_string()),
    }
}

/// Figures that are read when somebody looks.
fn figures(context: &Context) -> Vec<Figure> {
    let shared = &context.gateway.shared;
    let ready = context.gateway.readiness().is_ok();
    let mut figures = vec![
        gauge(
            "hecha_ready",
            "Whether requests can be answered",
            f64::from(u8::from(ready)),
        ),
        gauge(
            "hecha_clock_behind_seconds",
            "How far the system's clock stands behind what is on record",
            shared.clock.behind_seconds() as f64,
        ),
    ];
    figures.extend(major_faults().map(|faults| Figure {
        name: "hecha_major_faults_total",
        help: "Pages of this process that had to be read from disk",
        kind: "counter",
        value: faults as f64,
    }));
    figures.extend(snapshot_figures(context));
    figures.extend(hold_figures(context));
    figures.extend(shared.recorder.figures());
    figures
}

fn snapshot_figures(context: &Context) -> [Figure; 8] {
    let shared = &context.gateway.shared;
    let view = shared.view.load();
    let manifest = view.loaded.snapshot.manifest();
    let now = shared.clock.now();
    let seconds_since = |us: i64| (now.0 - us) as f64 / 1e6;
    let as_of = view.loaded.as_of.unwrap_or(manifest.created);
    let standing = view.standing(now.day());
    [
        gauge(
            "hecha_snapshot_age_seconds",
            "Time since the snapshot was built",
            seconds_since(manifest.created.0),
        ),
        gauge(
            "hecha_snapshot_list_age_seconds",
            "Time since the oldest list was fetched",
            seconds_since(as_of.0),
        ),
        gauge(
            "hecha_snapshot_version",
            "Version of the snapshot that serves",
            manifest.version as f64,
        ),
        gauge(
            "hecha_snapshot_bytes",
            "Size of the snapshot that serves",
            view.loaded.snapshot.bytes().len() as f64,
        ),
        gauge(
            "hecha_snapshot_entries",
            "Entries of the snapshot that serves",
            f64::from(manifest.entries),
        ),
        gauge(
            "hecha_snapshot_entries_standing",
            "Entries that count today",
            standing.map_or(0.0, |standing| standing.count() as f64),
        ),
        gauge(
            "hecha_snapshot_locked",
            "Whether the snapshot is locked into memory",
            f64::from(u8::from(view.loaded.locked)),
        ),
        gauge(
            "hecha_overlay_acts",
            "Acts on entries so far",
            view.overlay.sequence() as f64,
        ),
    ]
}

/// Lateness shows here and nowhere else: it puts nobody back.
fn hold_figures(context: &Context) -> [Figure; 6] {
    let shared = &context.gateway.shared;
    let view = shared.view.load_full();
    let now = shared.clock.now();
    let open = holds::open_holds(&view.overlay);
    let overdue = open.iter().filter(|(_, hold)| hold.is_overdue(now));
    [
        gauge(
            "hecha_holds_open",
            "Objections that wait for their outcome",
            open.len() as f64,
        ),
        gauge(
            "hecha_holds_overdue",
            "Objections whose answer is late; the entries stay out",
            overdue.count() as f64,
        ),
        gauge(
            "hecha_holds_listed_again",
            "Entries that list the case of an open hold under another entry_id; they stay out",
            view.relisted_held().count() as f64,
        ),
        gauge(
            "hecha_acts_waiting",
            "Acts of other gateways that wait for acts before them",
            shared.acts_waiting.load(Ordering::Relaxed) as f64,
        ),
        gauge(
            "hecha_acts_files_refused",
            "Files of acts that were torn, changed or of a foreign key",
            shared.acts_refused.load(Ordering::Relaxed) as f64,
        ),
        gauge(
            "hecha_recalls_open",
            "Entries taken back as wrong whose answers do not all have feedback",
            context.gateway.recalls.open_count(shared.recorder.log()) as f64,
        ),
    ]
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Figure {
    Figure {
        name,
        help,
        kind: "gauge",
        value,
    }
}
