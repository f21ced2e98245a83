//! One question from its bytes to its answer: the one way that HTTP, `hecha check` and
//! `hecha eval decisions` share.
//!
//! In: a view, who asks, the body, a language, a moment. Out: the body of the answer and what its
//! record needs, or a problem. Errors come in the order of the contract, section 5: 400, 422
//! unknown scenario, 403, 422, 429 of the day's subjects. Pure but for the counts of the unit's
//! limits: no clock, no I/O, no log; a panic inside becomes a problem
//! 500 and never a decision.
//!
//! HOT: every check passes here.

use super::client::{Client, ClientRole};
use super::limited;
use super::operator::Operator;
use super::view::View;
use crate::catalogue::scenario::ScenarioIndex;
use crate::check;
use crate::check::outcome::Outcome;
use crate::check::request::Request;
use crate::model::decision::Level;
use crate::model::language::Language;
use crate::model::term::Moment;
use crate::wire::answer::{self, Ground};
use crate::wire::normalised;
use crate::wire::problem::{Problem, ProblemKind};
use crate::wire::request::Question;
use std::panic::{AssertUnwindSafe, catch_unwind};
use zeroize::Zeroizing;

/// An answer before its record is written. Not printable: it holds the request in clear.
pub struct Answered {
    /// The body, with zeros at the places of check_id and log index (`wire::answer`).
    pub body: Vec<u8>,
    /// How durable its record must be before it is sent.
    pub level: Level,
    /// Language of the messages.
    pub language: Language,
    /// What was decided and why.
    pub outcome: Outcome,
    /// What was asked.
    pub request: Request,
    /// Why the unit asked.
    pub purpose: Option<Box<str>>,
    /// The request in the form that its record seals. In clear: encrypt it at once.
    pub normalised: Zeroizing<Vec<u8>>,
}

/// Who asks, and how the answer is to be said.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The unit.
    pub client: &'a Client,
    /// The person there.
    pub operator: &'a Operator<'a>,
    /// Language of the messages.
    pub language: Language,
}

/// Answers `body` as a command asks on behalf of `client`: nobody has to be named.
///
/// ```text
/// let view = View::new(Arc::new(Loaded::new(snapshot, &master, None)), law, overlay, now)?;
/// match question::answer(&view, client, body, Language::Zh, now) {
///     Ok(answered) => (200, answered.body),
///     Err(problem) => (problem.status(), problem.to_body()),
/// }
/// ```
pub fn answer(
    view: &View,
    client: &Client,
    body: &[u8],
    language: Language,
    now: Moment,
) -> Result<Answered, Problem> {
    let asker = Asker {
        client,
        operator: &Operator::Command,
        language,
    };
    answer_asker(view, asker, body, now)
}

/// Answers `body`, asked by `asker` at `now`. `now` must be of a day that the view is ready for,
/// else 503.
pub fn answer_asker(
    view: &View,
    asker: Asker<'_>,
    body: &[u8],
    now: Moment,
) -> Result<Answered, Problem> {
    guarded(|| answer_unguarded(view, asker, body, now))
}

/// Turns a panic of pure work into a problem 500.
pub fn guarded<T>(pure: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(pure)).unwrap_or_else(|_| {
        let detail = "the gateway failed on this request; nothing was decided";
        Err(Problem::new(ProblemKind::Internal, detail))
    })
}

/// Errors: 403 where the unit may not ask about this scenario for this purpose.
pub fn may_ask(
    question: &Question<'_>,
    client: &Client,
    scenario: ScenarioIndex,
) -> Result<(), Problem> {
    if !client.has_role(ClientRole::Checker) {
        return Err(forbidden("the unit does not have the role checker"));
    }
    if !client.grants_scenario(scenario) {
        return Err(forbidden("the unit may not ask about this scenario"));
    }
    if !client.grants_purpose(question.purpose()) {
        return Err(forbidden(
            "the unit may not ask for this purpose, or gave none",
        ));
    }
    Ok(())
}

fn answer_unguarded(
    view: &View,
    asker: Asker<'_>,
    body: &[u8],
    now: Moment,
) -> Result<Answered, Problem> {
    let catalogue = &view.law.catalogue;
    let question = Question::parse(body)?;
    let scenario = question.scenario(catalogue)?;
    may_ask(&question, asker.client, scenario)?;
    let operator = asker.operator.of(asker.client)?;
    let asked = question.complete(catalogue, scenario)?;
    // Before anything is looked up: how long a refusal takes tells nothing of the lists.
    if let Some(limits) = &asker.client.limits {
        let within = limits.admit_subject(&asked.request, now);
        within.map_err(|refusal| limited::problem(refusal, now))?;
    }
    let decided = decide(view, asker, &asked.request, env!("CARGO_PKG_VERSION"), now)?;
    if let Some(limits) = &asker.client.limits {
        limits.answered(&asked.request, asked.reference, &decided.outcome, now);
    }
    // Made for all of it: a buffer that grows would leave numbers in the memory it gives back.
    let mut normalised = Zeroizing::new(Vec::with_capacity(body.len() + 128));
    normalised::write(&mut normalised, &asked, operator);
    Ok(Answered {
        body: decided.body,
        level: decided.level,
        language: asker.language,
        outcome: decided.outcome,
        purpose: asked.purpose.map(Into::into),
        request: asked.request,
        normalised,
    })
}

/// What follows from a request.
pub struct Decided {
    /// The body, as in `Answered`.
    pub body: Vec<u8>,
    /// How durable its record must be before it is sent.
    pub level: Level,
    /// What was decided and why.
    pub outcome: Outcome,
}

/// Decides a request that has passed, for the first time or again. `engine` is the version that
/// the answer names.
///
/// Errors: 503 the view is not ready for the day of `now`.
pub fn decide(
    view: &View,
    asker: Asker<'_>,
    request: &Request,
    engine: &str,
    now: Moment,
) -> Result<Decided, Problem> {
    let client = asker.client;
    let Some(read) = view.for_check(&client.policy, now) else {
        return Err(Problem::unavailable("the lists are not ready for this day"));
    };
    let outcome = check::run(&read, request, now);
    let level = level(&outcome, client);
    let ground = ground(view, asker, request.scenario, engine);
    let mut body = Vec::with_capacity(640 + 1_024 * outcome.matches.len());
    answer::write(&mut body, &ground, &outcome, level);
    Ok(Decided {
        body,
        level,
        outcome,
    })
}

/// How durable the record of an answer must be.
pub fn level(outcome: &Outcome, client: &Client) -> Level {
    match outcome.decision.restricts() {
        true => Level::Disk,
        false => client.level_min,
    }
}

/// What an answer shows besides its outcome.
pub fn ground<'a>(
    view: &'a View,
    asker: Asker<'a>,
    scenario: ScenarioIndex,
    engine: &'a str,
) -> Ground<'a> {
    let catalogue = &view.law.catalogue;
    Ground {
        snapshot: &view.loaded.snapshot,
        snapshot_id: &view.loaded.id,
        as_of: view.loaded.as_of,
        catalogue,
        binding: &view.binding,
        scenario: catalogue.scenario(scenario),
        language: asker.language,
        fields: asker.client.fields,
        engine,
    }
}

fn forbidden(detail: &'static str) -> Problem {
    Problem::new(ProblemKind::Forbidden, detail)
}
