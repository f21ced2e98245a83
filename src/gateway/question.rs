//! One question from its bytes to its answer: the one way that HTTP, `hecha check` and
//! `hecha eval decisions` share.
//!
//! In: a view, who asks, the body, a language, a moment. Out: the body of the answer and what its
//! record needs, or a problem. Errors come in the order of the contract, section 5: 400, 422
//! unknown scenario, 403, 422. Pure: no clock, no I/O, no log; a panic inside becomes a problem
//! 500 and never a decision.
//!
//! HOT: every check passes here.

use super::client::{Client, ClientRole};
use super::view::View;
use crate::catalogue::scenario::ScenarioIndex;
use crate::check;
use crate::check::outcome::Outcome;
use crate::check::request::Request;
use crate::model::decision::Level;
use crate::model::term::Moment;
use crate::wire::answer::{self, Ground};
use crate::wire::language::Language;
use crate::wire::normalised;
use crate::wire::problem::{Problem, ProblemKind};
use crate::wire::request::Question;
use std::panic::{AssertUnwindSafe, catch_unwind};
use zeroize::Zeroizing;

/// An answer before its record is written. Not printable: it holds the request in clear.
pub struct Answered {
    /// The body, with zeros at the place of the check_id (`wire::answer::CHECK_ID_AT`).
    pub body: Vec<u8>,
    /// How durable its record must be before it is sent.
    pub level: Level,
    /// What was decided and why.
    pub outcome: Outcome,
    /// What was asked.
    pub request: Request,
    /// Why the unit asked.
    pub purpose: Option<Box<str>>,
    /// The request in the form that its record seals. In clear: encrypt it at once.
    pub normalised: Zeroizing<Vec<u8>>,
}

/// Answers `body`, asked by `client` at `now`. `now` must be of a day that the view is ready for,
/// else 503.
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
    guarded(|| answer_unguarded(view, client, body, language, now))
}

/// Turns a panic of pure work into a problem 500.
pub fn guarded(pure: impl FnOnce() -> Result<Answered, Problem>) -> Result<Answered, Problem> {
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
    client: &Client,
    body: &[u8],
    language: Language,
    now: Moment,
) -> Result<Answered, Problem> {
    let catalogue = &view.law.catalogue;
    let question = Question::parse(body)?;
    let scenario = question.scenario(catalogue)?;
    may_ask(&question, client, scenario)?;
    let asked = question.complete(catalogue, scenario)?;
    let Some(read) = view.for_check(&client.policy, now) else {
        return Err(Problem::unavailable("the lists are not ready for this day"));
    };
    let outcome = check::run(&read, &asked.request, now);
    let level = match outcome.decision.restricts() {
        true => Level::Disk,
        false => client.level_min,
    };
    let ground = Ground {
        snapshot: &view.loaded.snapshot,
        snapshot_id: &view.loaded.id,
        as_of: view.loaded.as_of,
        catalogue,
        binding: &view.binding,
        scenario: catalogue.scenario(scenario),
        language,
        fields: client.fields,
    };
    let mut body = Vec::with_capacity(512 + 1_024 * outcome.matches.len());
    answer::write(&mut body, &ground, &outcome, level);
    let mut normalised = Vec::with_capacity(128);
    normalised::write(&mut normalised, &asked);
    Ok(Answered {
        body,
        level,
        outcome,
        purpose: asked.purpose.map(Into::into),
        request: asked.request,
        normalised: Zeroizing::new(normalised),
    })
}

fn forbidden(detail: &'static str) -> Problem {
    Problem::new(ProblemKind::Forbidden, detail)
}
