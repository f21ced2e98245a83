//! What operators ask: law, acts, metrics, health.

use super::clients;
use super::context::Context;
use super::exchange::Outcome;
use super::reply::{self, Reply};
use super::snapshot;
use crate::decision_log::counters::BOUNDS_US;
use crate::overlay::holds;
use crate::telemetry::{Figure, LOG_SYNC_SECONDS, Times, major_faults};
use crate::wire::ops;
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
    let mut text = shared.telemetry.render(&figures(context), &[sync_times]);
    snapshot::write_list_figures(context, &mut text);
    clients::write_figures(context, &mut text);
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    reply::with_type(StatusCode::OK, text.into_bytes(), media_type)
}

/// `GET /healthz`, `/livez`: the process answers.
pub fn alive() -> Response<Reply> {
    reply::json(StatusCode::OK, b"{\"status\":\"alive\"}".to_vec())
}

/// `GET /readyz`: a snapshot is loaded and the log can be written. Warnings say what is wrong with
/// a snapshot that serves all the same.
pub fn ready(context: &Context) -> Response<Reply> {
    match context.gateway.readiness() {
        Ok(()) => reply::json(StatusCode::OK, ops::ready(&snapshot::warnings(context))),
        Err(detail) => reply::problem(&Problem::unavailable(detail)),
    }
}

/// A path of the contract that this version does not have.
pub fn not_built() -> Problem {
    let detail = "the path is part of the contract, but not of this version";
    Problem::new(ProblemKind::NotBuilt, detail)
}

/// Figures that are read when somebody looks.
fn figures(context: &Context) -> Vec<Figure> {
    let shared = &context.gateway.shared;
    let ready = context.gateway.readiness().is_ok();
    let mut figures = vec![
        Figure::gauge(
            "hecha_ready",
            "Whether requests can be answered",
            f64::from(u8::from(ready)),
        ),
        Figure::gauge(
            "hecha_clock_behind_seconds",
            "How far the system's clock stands behind what is on record",
            shared.clock.behind_seconds() as f64,
        ),
        Figure::gauge(
            "hecha_units_token_ending",
            "Units whose last token ends within 14 days; the log names them",
            context
                .gateway
                .law()
                .clients
                .expiring(shared.clock.now())
                .count() as f64,
        ),
    ];
    figures.extend(major_faults().map(|faults| Figure {
        name: "hecha_major_faults_total",
        help: "Pages of this process that had to be read from disk",
        kind: "counter",
        value: faults as f64,
    }));
    figures.extend(snapshot::figures(context));
    figures.extend(hold_figures(context));
    figures.extend(shared.recorder.figures());
    figures.extend(context.gateway.witnesses.list());
    figures
}

/// Lateness shows here and nowhere else: it puts nobody back.
fn hold_figures(context: &Context) -> [Figure; 6] {
    let shared = &context.gateway.shared;
    let view = shared.view.load_full();
    let now = shared.clock.now();
    let open = holds::open_holds(&view.overlay);
    let overdue = open.iter().filter(|(_, hold)| hold.is_overdue(now));
    [
        Figure::gauge(
            "hecha_holds_open",
            "Objections that wait for their outcome",
            open.len() as f64,
        ),
        Figure::gauge(
            "hecha_holds_overdue",
            "Objections whose answer is late; the entries stay out",
            overdue.count() as f64,
        ),
        Figure::gauge(
            "hecha_holds_listed_again",
            "Entries that list the case of an open hold under another entry_id; they stay out",
            view.relisted_held().count() as f64,
        ),
        Figure::gauge(
            "hecha_acts_waiting",
            "Acts of other gateways that wait for acts before them",
            shared.acts_waiting.load(Ordering::Relaxed) as f64,
        ),
        Figure::gauge(
            "hecha_acts_files_refused",
            "Files of acts that were torn, changed or of a foreign key",
            shared.acts_refused.load(Ordering::Relaxed) as f64,
        ),
        Figure::gauge(
            "hecha_recalls_open",
            "Entries taken back as wrong whose answers do not all have feedback",
            context.gateway.recalls.open_count(shared.recorder.log()) as f64,
        ),
    ]
}
