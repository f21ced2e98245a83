//! The snapshot that serves: what it is, choosing another, going back, its figures.

use super::context::Context;
use super::exchange::{Exchange, Outcome, stopped};
use crate::gateway::actor::SwapOrder;
use crate::gateway::source::Refused;
use crate::gateway::view::View;
use crate::telemetry::{Figure, LabelledFigure};
use crate::wire::problem::{Problem, ProblemKind};
use crate::wire::snapshot::{self as wire, Serving, SnapshotChoice};
use std::sync::atomic::Ordering;

/// `GET /v1/snapshot`.
pub fn snapshot(context: &Context) -> Outcome {
    let shared = &context.gateway.shared;
    let view = shared.view.load_full();
    let now = shared.clock.now();
    let standing = view.standing(now.day());
    let serving = Serving {
        file: view.loaded.file.as_deref(),
        pinned: shared.pinned.load(Ordering::Relaxed),
        overlay_sequence: view.overlay.sequence(),
        standing_count: standing.map_or(0, |standing| standing.count()),
        signers: &view.loaded.signers,
        is_signed: view.loaded.is_signed,
        signatures_required: shared.signatures_required,
        highest_version: shared.highest_version.load(Ordering::Relaxed),
        binding: &view.binding,
        now,
    };
    Ok((200, wire::snapshot(&view.loaded.snapshot, &serving)))
}

/// `POST /v1/snapshot`.
pub async fn choose(context: &Context, exchange: &Exchange<'_>) -> Outcome {
    let SnapshotChoice { file, order } = SnapshotChoice::parse(&exchange.body)?;
    let file = Some(file);
    let unit = exchange.client.unit.clone();
    swap(context, SwapOrder { file, unit, order }).await
}

/// `POST /v1/snapshot/rollback`.
pub async fn roll_back(context: &Context, exchange: &Exchange<'_>) -> Outcome {
    let order = wire::parse_rollback(&exchange.body)?;
    let file = None;
    let unit = exchange.client.unit.clone();
    swap(context, SwapOrder { file, unit, order }).await
}

async fn swap(context: &Context, order: SwapOrder) -> Outcome {
    let swapped = context.gateway.actor.swap(order).await;
    swapped.map_err(stopped)?.map_err(|error| refused(&error))?;
    snapshot(context)
}

fn refused(refused: &Refused) -> Problem {
    match refused {
        Refused::NoneOlder => Problem::new(ProblemKind::Conflict, refused.to_string()),
        Refused::Pin { .. } | Refused::Activated(_) => Problem::unavailable(refused.to_string()),
        Refused::Order(_) => Problem::invalid("order", refused.to_string()),
        _ => Problem::invalid("file", refused.to_string()),
    }
}

/// What is not as it should be with a snapshot that serves all the same.
pub fn warnings(context: &Context) -> Vec<&'static str> {
    let shared = &context.gateway.shared;
    let view = shared.view.load();
    let manifest = view.loaded.snapshot.manifest();
    let now = shared.clock.now();
    let mut warnings = Vec::new();
    if manifest.expires.is_some_and(|end| end <= now) {
        warnings.push("snapshot_expired");
    }
    if view.binding.lists().iter().any(|list| list.is_stale(now)) {
        warnings.push("stale_list");
    }
    if shared.recorder.is_short_of_space() {
        warnings.push("disk_filling_up");
    }
    warnings
}

/// Figures of what serves.
pub fn figures(context: &Context) -> Vec<Figure> {
    let shared = &context.gateway.shared;
    let view = shared.view.load();
    let manifest = view.loaded.snapshot.manifest();
    let now = shared.clock.now();
    let seconds_since = |us: i64| (now.0 - us) as f64 / 1e6;
    let as_of = view.loaded.as_of.unwrap_or(manifest.created);
    let standing = view.standing(now.day());
    let mut figures = vec![
        Figure::gauge(
            "hecha_snapshot_age_seconds",
            "Time since the snapshot was built",
            seconds_since(manifest.created.0),
        ),
        Figure::gauge(
            "hecha_snapshot_list_age_seconds",
            "Time since the oldest list was fetched",
            seconds_since(as_of.0),
        ),
        Figure::gauge(
            "hecha_snapshot_version",
            "Version of the snapshot that serves",
            manifest.version as f64,
        ),
        Figure::gauge(
            "hecha_snapshot_bytes",
            "Size of the snapshot that serves",
            view.loaded.snapshot.bytes().len() as f64,
        ),
        Figure::gauge(
            "hecha_snapshot_entries",
            "Entries of the snapshot that serves",
            f64::from(manifest.entries),
        ),
        Figure::gauge(
            "hecha_snapshot_entries_standing",
            "Entries that count today",
            standing.map_or(0.0, |standing| standing.count() as f64),
        ),
        Figure::gauge(
            "hecha_snapshot_locked",
            "Whether the snapshot is locked into memory",
            f64::from(u8::from(view.loaded.locked)),
        ),
        Figure::gauge(
            "hecha_overlay_acts",
            "Acts on entries so far",
            view.overlay.sequence() as f64,
        ),
    ];
    figures.extend(trust_figures(context, &view));
    figures
}

fn trust_figures(context: &Context, view: &View) -> Vec<Figure> {
    let shared = &context.gateway.shared;
    let now = shared.clock.now();
    let expires = view.loaded.snapshot.manifest().expires;
    let yes = |is: bool| f64::from(u8::from(is));
    let mut figures = vec![
        Figure::gauge(
            "hecha_snapshot_signed",
            "Whether the snapshot is signed by a builder and activators as configured",
            yes(view.loaded.is_signed),
        ),
        Figure::gauge(
            "hecha_signatures_required",
            "Whether a snapshot without these signatures is refused",
            yes(shared.signatures_required),
        ),
        Figure::gauge(
            "hecha_snapshot_highest_version",
            "Highest version ever activated here",
            shared.highest_version.load(Ordering::Relaxed) as f64,
        ),
        Figure::gauge(
            "hecha_snapshot_expired",
            "Whether the snapshot that serves is past its end of use",
            yes(expires.is_some_and(|end| end <= now)),
        ),
    ];
    figures.extend(expires.map(|end| {
        Figure::gauge(
            "hecha_snapshot_expires_in_seconds",
            "Time until the end of use of the snapshot, below zero after it",
            (end.0 - now.0) as f64 / 1e6,
        )
    }));
    figures
}

/// Writes the figures of each list of the snapshot behind the others.
pub fn write_list_figures(context: &Context, text: &mut String) {
    let shared = &context.gateway.shared;
    let view = shared.view.load();
    let now = shared.clock.now();
    let manifest = view.loaded.snapshot.manifest();
    let lists = || manifest.lists.iter().zip(view.binding.lists());
    let age = lists().map(|(list, bound)| (&*list.id, (now.0 - bound.as_of.0) as f64 / 1e6));
    let stale = lists().map(|(list, bound)| {
        let is_stale = bound.is_stale(now);
        (&*list.id, f64::from(u8::from(is_stale)))
    });
    let entries = manifest.lists.iter();
    let entries = entries.map(|list| (&*list.id, f64::from(list.entries)));
    let figure = |name, help, values| LabelledFigure {
        name,
        help,
        label: "list",
        values,
    };
    let figures = [
        figure(
            "hecha_list_age_seconds",
            "Time since the last good fetch of each list",
            age.collect(),
        ),
        figure(
            "hecha_list_stale",
            "Whether a list is older than its law allows, so that its blocks become review",
            stale.collect(),
        ),
        figure(
            "hecha_list_entries",
            "Entries of each list",
            entries.collect(),
        ),
    ];
    crate::telemetry::write_labelled(text, &figures);
}
