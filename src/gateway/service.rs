//! The running gateway as its listeners see it: questions in, recorded answers out.
//!
//! In: a client, bytes. Out: the body to send once its record has reached its level, or a problem.
//! No answer without a record: where the log fails the answer is 503 with the check_id, and a
//! decision is never invented or weakened. Acts, swaps and reloads go to the actor.
//!
//! HOT: `check` is the way of every check.

use super::actor::{ActorHandle, Shared};
use super::approvals::Approvals;
use super::bulk::{Bulk, NotDone};
use super::client::Client;
use super::clients::Brought;
use super::idempotency::Idempotency;
use super::limited;
use super::limiter::Limiter;
use super::operator::Operator;
use super::question::{self, Answered, Asker};
use super::recalls::Recalls;
use super::recorder::{Denied, RecordError};
use super::scan;
use super::view::{Law, View};
use super::witnesses::WitnessFigures;
use crate::decision_log::record::{Appended, CHECK_ID_CHARS, Position};
use crate::limits::table::Limits;
use crate::model::decision::Level;
use crate::model::language::Language;
use crate::model::term::Moment;
use crate::overlay::calendar::Calendar;
use crate::telemetry::Durations;
use crate::wire::answer::patch_record;
use crate::wire::checks;
use crate::wire::problem::{Problem, ProblemKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long answers may wait for their records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordWaits {
    /// An append that took longer is counted. It is not refused: the record is in the kernel when
    /// the append returns, and a true answer that is recorded is not taken back for being late.
    pub kernel_max: Duration,
    /// Longest wait for the disk.
    pub disk_max: Duration,
}

/// The gateway.
pub struct Gateway {
    /// View, metrics, clock, log.
    pub shared: Arc<Shared>,
    /// Changes views.
    pub actor: ActorHandle,
    /// Working days and the clocks of procedures.
    pub calendar: Arc<Calendar>,
    /// Entries taken back as wrong.
    pub recalls: Arc<Recalls>,
    /// Answers kept for repeated requests.
    pub idempotency: Idempotency,
    /// Threads for scans.
    pub bulk: Bulk,
    /// Acts that wait for a second person.
    pub approvals: Approvals,
    /// Limits of all units.
    pub limits: Arc<Limits>,
    /// Watches how units ask.
    pub limiter: Limiter,
    /// How long answers may wait.
    pub waits: RecordWaits,
    /// Figures of the witnesses of the log.
    pub witnesses: Arc<WitnessFigures>,
    /// On the way down: not ready any more.
    pub stopping: AtomicBool,
}

/// Who asks, by the law at the time of asking.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The law by which the unit was recognised.
    pub law: &'a Arc<Law>,
    /// The unit.
    pub client: &'a Client,
    /// What it has brought: looked up again if the law has changed before the body arrived.
    pub brought: Brought<'a>,
    /// The person at the unit.
    pub operator: &'a Operator<'a>,
}

impl<'a> Caller<'a> {
    /// The same, as far as a question depends on it; `client` is who it is recognised as now.
    fn asker(self, client: &'a Client, language: Language) -> Asker<'a> {
        Asker {
            client,
            operator: self.operator,
            language,
        }
    }
}

/// What the listeners need to know of one answered question.
pub(super) struct Pending {
    pub(super) body: Vec<u8>,
    pub(super) level: Level,
    pub(super) recorded: Appended,
}

impl Gateway {
    /// The law of this moment.
    pub fn law(&self) -> Arc<Law> {
        Arc::clone(&self.shared.view.load().law)
    }

    /// Whether a new request can be answered; the error says why not.
    pub fn readiness(&self) -> Result<(), &'static str> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err("the gateway is stopping");
        }
        if !self.shared.recorder.ask_health() {
            return Err("the decision log cannot be written");
        }
        Ok(())
    }

    /// Answers one question.
    pub async fn check(
        &self,
        caller: Caller<'_>,
        body: &[u8],
        language: Language,
        waits: &Durations,
    ) -> Result<Vec<u8>, Problem> {
        let pending = {
            // Once: all rules of this check see the same snapshot.
            let view = self.shared.view.load();
            let client = self.caller(caller, &view, "/v1/check")?;
            let now = self.shared.clock.now();
            let asker = caller.asker(client, language);
            self.ask(&view, asker, body, now, "/v1/check")?
        };
        self.wait(pending.level, &[pending.recorded], waits).await?;
        Ok(pending.body)
    }

    /// Answers many questions on one snapshot at one moment; a question that fails has its problem
    /// in its place. Waits once, for the highest level.
    pub async fn checks(
        &self,
        caller: Caller<'_>,
        items: &[&[u8]],
        language: Language,
        waits: &Durations,
    ) -> Result<Vec<u8>, Problem> {
        // A full reference: a batch may take long, and the snapshot must stay.
        let view = self.shared.view.load_full();
        let client = self.caller(caller, &view, "/v1/checks")?;
        let now = self.shared.clock.now();
        let asker = caller.asker(client, language);
        let mut out = Vec::with_capacity(64 + 512 * items.len());
        let mut level = Level::Kernel;
        let mut recorded = Vec::with_capacity(items.len());
        out.extend_from_slice(b"{\"answers\":[");
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                out.push(b',');
                if place % 16 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            let asked = match checks::fits(item) {
                Ok(()) => self.ask(&view, asker, item, now, "/v1/checks"),
                Err(problem) => Err(problem),
            };
            match asked {
                Ok(pending) => {
                    out.extend_from_slice(&pending.body);
                    level = level.max(pending.level);
                    recorded.push(pending.recorded);
                }
                Err(problem) if problem.kind == ProblemKind::Unavailable => {
                    self.unsent(&recorded);
                    return Err(problem);
                }
                Err(problem) => problem.write(&mut out),
            }
        }
        out.extend_from_slice(b"]}");
        drop(view);
        self.wait(level, &recorded, waits).await?;
        Ok(out)
    }

    /// Answers one scan, on a thread of its own below the priority of checks. One that waited
    /// `wait_max` for a thread is not begun.
    pub async fn scan(
        self: &Arc<Self>,
        caller: Caller<'_>,
        body: impl AsRef<[u8]> + Send + 'static,
        language: Language,
        wait_max: Duration,
        waits: &Durations,
    ) -> Result<Vec<u8>, Problem> {
        // A full reference: the snapshot must stay until the text is read.
        let view = self.shared.view.load_full();
        let unit = self.caller(caller, &view, "/v1/scan")?.unit.clone();
        let operator = caller.operator.clone().into_owned();
        let gateway = Arc::clone(self);
        let work = move || gateway.scan_now(&view, (&unit, &operator), body.as_ref(), language);
        let done = self.bulk.run(wait_max, work).await;
        let done = done.unwrap_or_else(|not_done| {
            let problem = match not_done {
                NotDone::Full => Problem::unavailable("too many scans are waiting"),
                NotDone::Late => Problem::unavailable("the scan waited too long for its turn"),
                NotDone::Failed => Problem::new(ProblemKind::Internal, "the scan failed"),
            };
            self.refused(&problem, None, "/v1/scan");
            Err(problem)
        });
        let pending = done?;
        self.wait(pending.level, &[pending.recorded], waits).await?;
        Ok(pending.body)
    }

    fn scan_now(
        &self,
        view: &View,
        (unit, operator): (&str, &Operator<'_>),
        body: &[u8],
        language: Language,
    ) -> Result<Pending, Problem> {
        let started = Instant::now();
        let client = view.law.clients.find_unit(unit).ok_or_else(unauthorised)?;
        let now = self.shared.clock.now();
        let asker = Asker {
            client,
            operator,
            language,
        };
        let answered = scan::answer(view, asker, body, now)
            .inspect_err(|problem| self.refused(problem, Some(client), "/v1/scan"))?;
        let counted = (answered.outcome.decision, answered.outcome.match_count);
        let pending = self.keep(view, client, answered, now)?;
        let scans = &self.shared.telemetry.scans;
        scans.count(counted.0, counted.1, body.len());
        scans.durations.record(started.elapsed());
        Ok(pending)
    }

    /// The client in the law of `view`: the same, or, where the law has changed since the head
    /// arrived, whoever it is recognised as now.
    fn caller<'v>(
        &self,
        caller: Caller<'v>,
        view: &'v View,
        route: &'static str,
    ) -> Result<&'v Client, Problem> {
        if Arc::ptr_eq(caller.law, &view.law) {
            return Ok(caller.client);
        }
        let now = self.shared.clock.now();
        let known = view.law.clients.authenticate(caller.brought, now);
        known.ok_or_else(|| {
            let problem = unauthorised();
            self.refused(&problem, None, route);
            problem
        })
    }

    pub(super) fn ask(
        &self,
        view: &View,
        asker: Asker<'_>,
        body: &[u8],
        now: Moment,
        route: &'static str,
    ) -> Result<Pending, Problem> {
        let client = asker.client;
        let answered = question::answer_asker(view, asker, body, now)
            .inspect_err(|problem| self.refused(problem, Some(client), route))?;
        let (scenario, decision) = (answered.request.scenario, answered.outcome.decision);
        let matches = answered.outcome.matches.len();
        let pending = self.keep(view, client, answered, now)?;
        view.law.counters.count(scenario.0, decision);
        if matches > 0 {
            self.shared.telemetry.matches.increment(matches as u64);
        }
        Ok(pending)
    }

    /// Records an answer and gives it its check_id and place in the log.
    fn keep(
        &self,
        view: &View,
        client: &Client,
        answered: Answered,
        now: Moment,
    ) -> Result<Pending, Problem> {
        let recorded = self.shared.recorder.check(view, client, &answered, now);
        let recorded = recorded.map_err(|error| self.unrecorded(error))?;
        let (mut body, level) = (answered.body, answered.level);
        let mut check_id = [0; CHECK_ID_CHARS];
        recorded.check_id.write(&mut check_id);
        patch_record(&mut body, &check_id, recorded.position.0);
        Ok(Pending {
            body,
            level,
            recorded,
        })
    }

    /// Waits until the last of these records, which are in order, has reached the level. Too late
    /// or dead: 503 with its check_id, and the log says of each that its answer was not sent; it
    /// says so too where the caller has gone meanwhile and nobody waits any more.
    pub(super) async fn wait(
        &self,
        level: Level,
        recorded: &[Appended],
        waits: &Durations,
    ) -> Result<(), Problem> {
        let Some(last) = recorded.last() else {
            return Ok(());
        };
        let mut unsent = Unsent {
            gateway: self,
            recorded,
        };
        // Whatever else this runtime has read is answered first: the first to go on writes the
        // records of all.
        tokio::task::yield_now().await;
        let mut reached = self.flush(last.position);
        if level == Level::Disk && reached.is_ok() {
            let started = Instant::now();
            let on_disk = self.shared.recorder.reached(level, last.position);
            let on_disk = tokio::time::timeout(self.waits.disk_max, on_disk).await;
            reached = on_disk.unwrap_or(Err(RecordError::Late));
            waits.record(started.elapsed());
        }
        if reached.is_ok() {
            unsent.recorded = &[];
        }
        reached.map_err(|error| {
            let check_id = last.check_id.to_string();
            self.unrecorded(error).with_check_id(check_id)
        })
    }

    /// Puts a record into the kernel; says where that took too long.
    fn flush(&self, position: Position) -> Result<(), RecordError> {
        let recorder = &self.shared.recorder;
        if recorder.is_in_kernel(position) {
            return Ok(());
        }
        let started = Instant::now();
        recorder.flush(position)?;
        if started.elapsed() > self.waits.kernel_max {
            recorder.count_slow_append();
        }
        Ok(())
    }

    /// Says of each of these records that its answer was not sent.
    fn unsent(&self, recorded: &[Appended]) {
        for one in recorded {
            let now = self.shared.clock.now();
            self.shared.recorder.unanswered(*one, now);
        }
    }

    /// Waits for a record other than an answer's; no check_id is lost with it.
    pub async fn settle(&self, level: Level, position: Position) -> Result<(), Problem> {
        if level == Level::Kernel {
            return Ok(());
        }
        let reached = self.shared.recorder.reached(level, position);
        match tokio::time::timeout(self.waits.disk_max, reached).await {
            Ok(reached) => reached.map_err(|error| self.unrecorded(error)),
            Err(_) => Err(self.unrecorded(RecordError::Late)),
        }
    }

    /// What a failed record means for its answer.
    pub fn unrecorded(&self, error: RecordError) -> Problem {
        let problem = match error {
            RecordError::Dead => Problem::unavailable("the decision log cannot be written"),
            RecordError::Late => Problem::unavailable("the record was not durable in time"),
        };
        self.shared.telemetry.count_problem(problem.kind.slug());
        problem
    }

    /// Counts a problem; 401, 403, 422 and 500 also go into the log.
    pub fn refused(&self, problem: &Problem, client: Option<&Client>, route: &'static str) {
        self.shared.telemetry.count_problem(problem.kind.slug());
        if problem.kind == ProblemKind::Internal {
            self.shared.telemetry.panics.increment(1);
        }
        match problem.kind {
            ProblemKind::Unauthorised
            | ProblemKind::Forbidden
            | ProblemKind::Invalid
            | ProblemKind::Internal => {
                limited::note_bad_number(problem, client, self.shared.clock.now());
                self.shared.recorder.denied(Denied {
                    unit: client.map(|client| &*client.unit),
                    status: problem.status(),
                    route,
                    field: problem.field.as_deref(),
                    at: self.shared.clock.now(),
                });
            }
            _ => (),
        }
    }
}

/// Records whose answers are not on their way yet.
struct Unsent<'a> {
    gateway: &'a Gateway,
    recorded: &'a [Appended],
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        self.gateway.unsent(self.recorded);
    }
}

/// 401, the same whatever is wrong with the token.
pub fn unauthorised() -> Problem {
    let detail = "send `Authorization: Bearer <token>` with a token of this gateway";
    Problem::new(ProblemKind::Unauthorised, detail)
}
