//! The decision log as the gateway uses it.
//!
//! In: an answer with the view it rests on, an event, a feedback. Out: a check_id and a position
//! to wait for. What is recorded is put together here; how it is kept is `decision_log`.
//!
//! HOT: `check` is on the way of every check.

use super::client::Client;
use super::clock::Clock;
use super::question::Answered;
use super::space::Space;
use super::view::View;
use crate::check::outcome::Match;
use crate::check::request::Request;
use crate::decision_log::error::LogError;
use crate::decision_log::feedback::FeedbackAnswer;
use crate::decision_log::record::{
    Appended, CheckDraft, Context, EventDraft, EventKind, FeedbackDraft, Position, Relied, Subject,
};
use crate::decision_log::writer::DecisionLog;
use crate::model::decision::Level;
use crate::model::term::Moment;
use crate::snapshot::digits::ColdText;
use crate::snapshot::publish::Accepted;
use crate::telemetry::Figure;
use crate::wire::answer::HASHED_FROM;
use crate::wire::ops::FeedbackBody;
use crate::wire::records::hex;
use crate::wire::subject::SubjectBody;
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Why there is no record, or none that is durable enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The log has ended: nothing can be answered any more.
    #[error("the decision log cannot be written")]
    Dead,
    /// Not in time.
    #[error("the record did not reach its level in time")]
    Late,
}

/// A request that was refused with 401, 403 or 422.
#[derive(Debug, Clone, Copy)]
pub struct Denied<'a> {
    /// Who asked, where a token was known.
    pub unit: Option<&'a str>,
    /// HTTP status.
    pub status: u16,
    /// Path of the route, without what stands in its place holders.
    pub route: &'static str,
    /// Path of the field at fault.
    pub field: Option<&'a str>,
    /// When.
    pub at: Moment,
}

/// An act on an entry.
#[derive(Debug, Clone, Copy)]
pub struct ActRecord<'a> {
    /// Who ordered it.
    pub unit: &'a str,
    /// Which entry.
    pub entry_id: &'a str,
    /// What was done.
    pub act: &'static str,
    /// Why.
    pub reason: &'a str,
    /// The document that orders it.
    pub reference: &'a str,
    /// Who at the unit sent the order.
    pub operator: Option<&'a str>,
    /// When.
    pub at: Moment,
}

/// Another snapshot serves.
#[derive(Debug, Clone, Copy)]
pub struct SwapRecord<'a> {
    /// Who ordered it.
    pub unit: &'a str,
    /// Its file.
    pub file: &'a str,
    /// Its identity.
    pub snapshot: &'a str,
    /// Who lets it serve although it is outside the limits.
    pub accepted: Option<&'a Accepted>,
    /// The rollback order behind it: number, signers, reason.
    pub order: Option<&'a str>,
    /// When.
    pub at: Moment,
}

/// Somebody is about to read who asked about a person.
#[derive(Clone, Copy)]
pub struct SubjectRead<'a> {
    /// Who reads.
    pub unit: &'a str,
    /// The person at the unit.
    pub operator: Option<&'a str>,
    /// About whom, and why.
    pub body: &'a SubjectBody,
    /// When.
    pub at: Moment,
}

impl SubjectRead<'_> {
    /// Appends its record: the person as a keyed digest, as checks of this month have it.
    pub fn append(&self, log: &DecisionLog) -> Result<Position, LogError> {
        let number = self.body.numbers.first();
        let digest = number.and_then(|number| log.digest_of(Subject::Number(number)));
        let digest = digest.map(|digest| hex(&digest.0));
        let mut details: SmallVec<[(&str, &str); 6]> = SmallVec::new();
        details.extend([("what", "subject"), ("reason", &self.body.reason)]);
        details.extend(digest.as_deref().map(|digest| ("subject_digest", digest)));
        details.extend(number.map(|number| ("id_type", number.id_type().name())));
        details.extend(
            self.body
                .reference
                .as_deref()
                .map(|text| ("reference", text)),
        );
        details.extend(self.operator.map(|operator| ("operator", operator)));
        log.append_event(&EventDraft {
            unit: Some(self.unit),
            details: &details,
            ..event(EventKind::LogRead, self.at)
        })
    }
}

/// The log of the service.
pub struct Recorder {
    log: DecisionLog,
    /// Set once and for good when an append says so: cheaper to ask than the log.
    dead: AtomicBool,
    unanswered: AtomicU64,
    slow_appends: AtomicU64,
    space: Option<Space>,
}

impl Recorder {
    /// Takes an open log.
    pub fn new(log: DecisionLog) -> Self {
        Self {
            log,
            dead: AtomicBool::new(false),
            unanswered: AtomicU64::new(0),
            slow_appends: AtomicU64::new(0),
            space: None,
        }
    }

    /// The same, with an eye on the room for it.
    #[must_use]
    pub fn watching(mut self, space: Space) -> Self {
        self.space = Some(space);
        self
    }

    /// Looks at the room that is left, once.
    pub fn look_at_space(&self) {
        if let Some(space) = &self.space {
            space.look();
            space.note_next_segment(self.log.health().next_segment.as_deref());
        }
    }

    /// Whether the log is about to have no room.
    pub fn is_short_of_space(&self) -> bool {
        let space = self.space.as_ref();
        space.is_some_and(|space| space.is_low() || space.next_segment_fails())
    }

    /// The log itself.
    pub fn log(&self) -> &DecisionLog {
        &self.log
    }

    /// Appends the record of an answer; it is in the kernel after `flush`.
    pub fn check(
        &self,
        view: &View,
        client: &Client,
        answered: &Answered,
        at: Moment,
    ) -> Result<Appended, RecordError> {
        let catalogue = &view.law.catalogue;
        let outcome = &answered.outcome;
        let mut ids: SmallVec<[&str; 16]> = SmallVec::new();
        let mut places: SmallVec<[Range<usize>; 10]> = SmallVec::new();
        for found in &outcome.matches {
            let first = ids.len();
            let applied = found.measures.iter().filter(|measure| measure.applied);
            ids.extend(applied.map(|measure| &*catalogue.measure(measure.measure).id));
            places.push(first..ids.len());
        }
        let entry_id = |found: &Match| view.loaded.snapshot.entry_id(found.entry);
        let entry_ids: SmallVec<[ColdText<'_>; 10]> =
            outcome.matches.iter().map(entry_id).collect();
        let relied: SmallVec<[Relied<'_>; 10]> = (outcome.matches.iter().zip(&entry_ids))
            .zip(places)
            .map(|((found, entry_id), measures)| Relied {
                entry_id,
                identity: found.identity,
                measures: &ids[measures],
            })
            .collect();
        let others = others(&answered.request);
        let hash = blake3::hash(answered.body.get(HASHED_FROM..).unwrap_or_default());
        let draft = CheckDraft {
            moment: at,
            unit: &client.unit,
            scenario: &catalogue.scenario(answered.request.scenario).id,
            purpose: answered.purpose.as_deref(),
            decision: outcome.decision,
            level: answered.level,
            context: Context {
                snapshot: view.loaded.snapshot.id().0,
                catalogue: first_half(&catalogue.hash),
                policy: first_half(&client.policy_hash),
                overlay_sequence: view.overlay.sequence(),
                engine: env!("CARGO_PKG_VERSION"),
            },
            subject: subject(&answered.request),
            others: &others,
            language: answered.language,
            relied: &relied,
            answer_hash: first_half(hash.as_bytes()),
            request: &answered.normalised,
        };
        let appended = self.log.put_check(&draft);
        appended.map_err(|error| self.failed(&error))
    }

    /// Whether a record went into the kernel with those of others.
    pub fn is_in_kernel(&self, position: Position) -> bool {
        self.log.is_in_kernel(position)
    }

    /// Puts a record into the kernel, with all that came beside it.
    pub fn flush(&self, position: Position) -> Result<(), RecordError> {
        let flushed = self.log.flush(position);
        flushed.map_err(|error| self.failed(&error))
    }

    /// Waits until a record has reached its level.
    pub async fn reached(&self, level: Level, position: Position) -> Result<(), RecordError> {
        let reached = self.log.reached(level, position).await;
        reached.map_err(|error| self.failed(&error))
    }

    /// Counts an append that took longer than it should.
    pub fn count_slow_append(&self) {
        self.slow_appends.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that the answer of a record was not sent.
    pub fn unanswered(&self, recorded: Appended, at: Moment) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        self.event(&EventDraft {
            check_id: Some(recorded.check_id),
            ..event(EventKind::Unanswered, at)
        });
    }

    /// Records a refusal.
    pub fn denied(&self, denied: Denied<'_>) {
        let mut details: SmallVec<[(&str, &str); 2]> = SmallVec::new();
        details.push(("route", denied.route));
        if let Some(field) = denied.field {
            details.push(("field", field));
        }
        self.event(&EventDraft {
            unit: denied.unit,
            status: Some(denied.status),
            details: &details,
            ..event(EventKind::Denied, denied.at)
        });
    }

    /// Records an act that is done.
    pub fn acted(&self, act: ActRecord<'_>) {
        let mut details: SmallVec<[(&str, &str); 5]> = SmallVec::new();
        details.extend([
            ("entry_id", act.entry_id),
            ("act", act.act),
            ("reason", act.reason),
            ("reference", act.reference),
        ]);
        details.extend(act.operator.map(|operator| ("operator", operator)));
        self.event(&EventDraft {
            unit: Some(act.unit),
            details: &details,
            ..event(EventKind::Act, act.at)
        });
    }

    /// Records that another snapshot serves.
    pub fn swapped(&self, swap: SwapRecord<'_>) {
        let exceeded = swap.accepted.map(|accepted| accepted.exceeded.join("; "));
        let mut details: SmallVec<[(&str, &str); 6]> = SmallVec::new();
        details.extend([("file", swap.file), ("snapshot", swap.snapshot)]);
        details.extend(swap.order.map(|order| ("order", order)));
        if let (Some(accepted), Some(exceeded)) = (swap.accepted, &exceeded) {
            details.push(("accepted_by", &accepted.by));
            details.push(("accepted_reason", &accepted.reason));
            details.push(("exceeded", exceeded));
        }
        self.event(&EventDraft {
            unit: Some(swap.unit),
            details: &details,
            ..event(EventKind::Swap, swap.at)
        });
    }

    /// Records that somebody read what the log says.
    pub fn log_read(&self, unit: &str, what: &str, at: Moment) {
        self.event(&EventDraft {
            unit: Some(unit),
            details: &[("what", what)],
            ..event(EventKind::LogRead, at)
        });
    }

    /// Records that a unit was limited, or is no longer. `unit` is who caused it.
    pub fn limited(&self, unit: &str, details: &[(&str, &str)], at: Moment) {
        self.event(&EventDraft {
            unit: Some(unit),
            details,
            ..event(EventKind::Limited, at)
        });
    }

    /// Records a step of an act that needs two persons.
    pub fn approval(&self, unit: &str, details: &[(&str, &str)], at: Moment) {
        self.event(&EventDraft {
            unit: Some(unit),
            details,
            ..event(EventKind::Approval, at)
        });
    }

    /// Records that somebody asks who asked about a person; in the kernel on return.
    pub fn subject_read(&self, read: &SubjectRead<'_>) -> Result<Position, RecordError> {
        let appended = read.append(&self.log);
        appended.map_err(|error| self.failed(&error))
    }

    /// Records that catalogue and clients were loaded again.
    pub fn reloaded(&self, at: Moment) {
        self.event(&event(EventKind::Reloaded, at));
    }

    /// Records that the gateway answers from now on.
    pub fn started(&self, at: Moment) {
        self.event(&event(EventKind::Started, at));
    }

    /// The last record and the last sync.
    pub fn finish(&self, clock: &Clock) {
        self.event(&event(EventKind::Stopped, clock.now()));
        if let Err(error) = self.log.sync_now() {
            tracing::error!(%error, "the last sync of the decision log failed");
        }
        if let Err(error) = self.log.checkpoint_now() {
            tracing::error!(%error, "the last checkpoint of the decision log failed");
        }
    }

    /// Keeps a feedback; it is in the kernel on return.
    pub fn feedback(
        &self,
        unit: &str,
        feedback: &FeedbackBody,
        at: Moment,
    ) -> Result<FeedbackAnswer, RecordError> {
        let draft = FeedbackDraft {
            moment: at,
            check_id: feedback.check_id,
            unit,
            action: feedback.action,
            note: feedback.note.as_deref(),
        };
        let answer = self.log.append_feedback(&draft);
        answer.map_err(|error| self.failed(&error))
    }

    /// Whether answers can be recorded.
    pub fn is_alive(&self) -> bool {
        !self.dead.load(Ordering::Relaxed)
    }

    /// Asks the log itself, which knows of a failed sync before any append does.
    pub fn ask_health(&self) -> bool {
        if let Some(reason) = self.log.health().ended {
            self.end(&reason);
        }
        self.is_alive()
    }

    /// Figures of the log for the metrics.
    pub fn figures(&self) -> Vec<Figure> {
        let counters = self.log.counters();
        let counter = |name, help, value: &AtomicU64| Figure {
            name,
            help,
            kind: "counter",
            value: value.load(Ordering::Relaxed) as f64,
        };
        let health = self.log.health();
        let behind = health.in_kernel.0.saturating_sub(health.on_disk.0);
        let mut figures = self.tree_figures();
        figures.extend(self.space_figures(health.next_segment.is_none()));
        figures.extend([
            counter(
                "hecha_log_appends_total",
                "Records appended to the decision log",
                &counters.appends,
            ),
            counter(
                "hecha_log_writes_total",
                "Writes of records to the decision log; those that come together are one",
                &counters.writes,
            ),
            counter(
                "hecha_log_bytes_total",
                "Bytes appended to the decision log",
                &counters.bytes,
            ),
            counter(
                "hecha_log_syncs_total",
                "Syncs of the decision log",
                &counters.syncs,
            ),
            counter(
                "hecha_log_waits_total",
                "Answers that waited for the disk",
                &counters.waits,
            ),
            counter(
                "hecha_log_segments_total",
                "Segments of the decision log begun",
                &counters.segments,
            ),
            counter(
                "hecha_unanswered_total",
                "Records whose answer was not sent",
                &self.unanswered,
            ),
            counter(
                "hecha_log_slow_appends_total",
                "Appends that took longer than kernel_wait_ms_max",
                &self.slow_appends,
            ),
            Figure {
                name: "hecha_blocks_without_feedback",
                help: "Blocks and limits of which no unit has said what it did",
                kind: "gauge",
                value: counters.unreported.load(Ordering::Relaxed) as f64,
            },
            Figure {
                name: "hecha_log_unsynced_records",
                help: "Records in the kernel and not yet on the disk",
                kind: "gauge",
                value: behind as f64,
            },
        ]);
        figures
    }

    /// Figures of the room that is left.
    fn space_figures(&self, is_next_ready: bool) -> Vec<Figure> {
        let mut figures = vec![Figure::gauge(
            "hecha_log_next_segment_ready",
            "0 where the next segment cannot be prepared: the log ends with this one",
            f64::from(u8::from(is_next_ready)),
        )];
        figures.extend(self.space.as_ref().map(|space| {
            let help = "Free bytes on the disk of the decision log";
            Figure::gauge("hecha_disk_free_bytes", help, space.free_bytes() as f64)
        }));
        figures
    }

    /// Figures of the tree, where there is one.
    fn tree_figures(&self) -> Vec<Figure> {
        let Some(tree) = self.log.tree() else {
            return Vec::new();
        };
        let gauge = |name, help, value| Figure {
            name,
            help,
            kind: "gauge",
            value,
        };
        let size = tree.checkpoint.map_or(0, |signed| signed.checkpoint.size);
        vec![
            gauge(
                "hecha_log_tree_size",
                "Records of this month that the newest checkpoint covers",
                size as f64,
            ),
            gauge(
                "hecha_log_checkpoint_age_seconds",
                "Time since the newest checkpoint was signed; an idle log needs none",
                tree.age.as_secs_f64(),
            ),
            gauge(
                "hecha_log_tree_behind_records",
                "Records on the disk that no checkpoint covers",
                tree.behind as f64,
            ),
            gauge(
                "hecha_log_tree_failed",
                "1 while the tree or its checkpoint cannot be written; tried again each second",
                f64::from(u8::from(tree.fault.is_some())),
            ),
        ]
    }

    /// Appends an event; what cannot be recorded is said in the program's own log.
    fn event(&self, draft: &EventDraft<'_>) {
        if let Err(error) = self.log.append_event(draft) {
            self.failed(&error);
        }
    }

    fn failed(&self, error: &LogError) -> RecordError {
        match error {
            // One record that does not fit is no end of the log.
            LogError::TooLarge { .. } => tracing::error!(%error, "a record was not written"),
            _ => self.end(&error.to_string()),
        }
        RecordError::Dead
    }

    fn end(&self, reason: &str) {
        if !self.dead.swap(true, Ordering::Relaxed) {
            tracing::error!(
                reason,
                "the decision log has ended: nothing is answered any more"
            );
        }
    }
}

/// Whom a check asked about: by a decisive number, else by another, else by name.
fn subject(request: &Request) -> Subject<'_> {
    let numbers = &request.subject.numbers;
    let decisive = numbers.iter().find(|number| number.id_type().is_decisive());
    match decisive.or(numbers.first()) {
        Some(number) => Subject::Number(number),
        None => Subject::Name(request.subject.name.folded()),
    }
}

/// By what else they can be found: all numbers of all parties, or the name of one that has none.
/// That of `subject` is among them; the log keeps each once.
fn others(request: &Request) -> SmallVec<[Subject<'_>; 4]> {
    let numbers = request.subject.numbers.iter().map(Subject::Number);
    let related = request.related.iter().flat_map(|party| {
        let name = party.numbers.is_empty();
        let name = name.then(|| Subject::Name(party.name.folded()));
        party.numbers.iter().map(Subject::Number).chain(name)
    });
    numbers.chain(related).collect()
}

fn first_half(hash: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}

fn event(kind: EventKind, moment: Moment) -> EventDraft<'static> {
    EventDraft {
        kind,
        moment,
        unit: None,
        status: None,
        check_id: None,
        details: &[],
    }
}
