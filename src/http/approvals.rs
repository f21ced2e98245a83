//! Acts that need two persons, over HTTP: the first is told 202, the second agrees by the hash of
//! the very bytes, and then the act is done.

use super::acts;
use super::auth;
use super::clients;
use super::context::Context;
use super::exchange::{Exchange, Outcome};
use super::snapshot;
use crate::decision_log::redact::mask_citizen_ids;
use crate::gateway::approvals::{NotApproved, Person, Proposal, Sent};
use crate::gateway::client::{Client, ClientRole};
use crate::gateway::operator::Operator;
use crate::model::entry::ActKind;
use crate::wire::acts::OutcomeBody;
use crate::wire::ops::ActBody;
use crate::wire::problem::{Problem, ProblemKind};
use crate::wire::snapshot::{SnapshotChoice, parse_rollback};
use crate::wire::units::{self as wire, ApprovalAnswer};

/// Does an act of `gateway::approvals::ACTS` at once.
pub async fn perform(
    context: &Context,
    exchange: &Exchange<'_>,
    act: &str,
    target: &str,
) -> Outcome {
    match act {
        "withdraw" => acts::end(context, exchange, target, ActKind::Withdraw).await,
        "repair" => acts::end(context, exchange, target, ActKind::Repair).await,
        "hold_outcome" => acts::outcome(context, exchange, target).await,
        "snapshot" => snapshot::choose(context, exchange).await,
        "rollback" => snapshot::roll_back(context, exchange).await,
        "release" => clients::release(context, exchange, target),
        _ => Err(Problem::new(ProblemKind::NotFound, "there is no such act")),
    }
}

/// Lets an act wait for its second person: 202. What is wrong with it is said at once.
pub fn propose(
    context: &Context,
    exchange: &Exchange<'_>,
    act: &'static str,
    path: &str,
    target: &str,
) -> Outcome {
    is_sound(act, &exchange.body)?;
    let by = person(exchange)?;
    let body = std::str::from_utf8(&exchange.body);
    let body = body.map_err(|_| Problem::new(ProblemKind::Malformed, "the body is not UTF-8"))?;
    let sent = Sent {
        act,
        path,
        target,
        body,
        by,
    };
    let now = context.gateway.shared.clock.now();
    let proposal = context.gateway.approvals.propose(&sent, now);
    let proposal = proposal.map_err(|error| problem(&error))?;
    record(context, "proposed", &sent.by, Some(&proposal), None);
    let (id, sha256) = (&proposal.id, &proposal.sha256);
    Ok((202, wire::waits(id, sha256, proposal.expires())))
}

/// `POST /v1/approvals/{id}`: the second person agrees, and the act is done.
pub async fn approve(context: &Context, exchange: &Exchange<'_>, id: &str) -> Outcome {
    let sha256 = wire::parse_approval(&exchange.body)?;
    let by = person(exchange)?;
    let gateway = &*context.gateway;
    let now = gateway.shared.clock.now();
    let known = gateway.approvals.find(id);
    let refuse = |error: NotApproved| {
        let said = error.to_string();
        record(context, "refused", &by, known.as_ref(), Some(&said));
        problem(&error)
    };
    let Some(found) = &known else {
        return Err(refuse(NotApproved::Unknown));
    };
    auth::has_role(exchange.client, roles(&found.act))?;
    // By the law of now: who has lost the role meanwhile asks for nothing any more.
    let law = gateway.law();
    let first = law.clients.find_unit(&found.by.unit);
    let may = |client: &&Client| auth::has_role(client, roles(&found.act)).is_ok();
    let Some(first) = first.filter(may) else {
        let detail = "the unit that sent the act may not do it any more";
        return Err(Problem::new(ProblemKind::Conflict, detail));
    };
    let approved = gateway.approvals.approve(id, &by, &sha256, now);
    let proposal = approved.map_err(refuse)?;
    record(context, "approved", &by, Some(&proposal), None);
    let of_first = Exchange {
        client: first,
        operator: operator_of(&proposal),
        body: proposal.body.clone().into(),
    };
    let outcome = perform(context, &of_first, &proposal.act, &proposal.target).await;
    let said = match &outcome {
        Ok(_) => "done".to_owned(),
        Err(problem) => format!("not done: {}", problem.kind.slug()),
    };
    record(context, "ended", &by, Some(&proposal), Some(&said));
    outcome
}

/// `GET /v1/approvals`.
pub fn list(context: &Context) -> Outcome {
    let now = context.gateway.shared.clock.now();
    let all = context.gateway.approvals.all();
    let masked: Vec<_> = all.iter().map(|one| mask_citizen_ids(&one.body)).collect();
    let answers = all
        .iter()
        .zip(&masked)
        .map(|(one, request)| ApprovalAnswer {
            id: &one.id,
            act: &one.act,
            path: &one.path,
            request,
            sha256: &one.sha256,
            by: shown(&one.by),
            approved_by: one.approved_by.as_ref().map(shown),
            state: one.state(now),
            proposed: one.proposed(),
            expires: one.expires(),
        });
    Ok((200, wire::approvals(&answers.collect::<Vec<_>>())))
}

fn shown(person: &Person) -> (&str, Option<&str>) {
    (&person.unit, person.operator.as_deref())
}

/// Who may send such an act, and agree to it.
fn roles(act: &str) -> &'static [ClientRole] {
    match act {
        "release" => &[ClientRole::Admin],
        _ => &[ClientRole::Steward],
    }
}

fn is_sound(act: &str, body: &[u8]) -> Result<(), Problem> {
    match act {
        "hold_outcome" => OutcomeBody::parse(body).map(drop),
        "snapshot" => SnapshotChoice::parse(body).map(drop),
        "rollback" => parse_rollback(body).map(drop),
        _ => ActBody::parse(body).map(drop),
    }
}

fn person(exchange: &Exchange<'_>) -> Result<Person, Problem> {
    let operator = exchange.operator.of(exchange.client)?;
    Ok(Person {
        unit: exchange.client.unit.to_string(),
        operator: operator.map(Into::into),
    })
}

fn operator_of(proposal: &Proposal) -> Operator<'static> {
    match &proposal.by.operator {
        Some(name) => Operator::Named(name.clone().into()),
        None => Operator::Command,
    }
}

fn problem(error: &NotApproved) -> Problem {
    match error {
        NotApproved::Unknown => Problem::new(ProblemKind::NotFound, error.to_string()),
        NotApproved::Io(_) => Problem::unavailable(error.to_string()),
        _ => Problem::new(ProblemKind::Conflict, error.to_string()),
    }
}

fn record(
    context: &Context,
    step: &str,
    by: &Person,
    proposal: Option<&Proposal>,
    said: Option<&str>,
) {
    let mut details = vec![("step", step)];
    if let Some(one) = proposal {
        details.extend([
            ("approval_id", &*one.id),
            ("act", &*one.act),
            ("path", &*one.path),
            ("sha256", &*one.sha256),
            ("first", &*one.by.unit),
        ]);
    }
    details.extend(
        by.operator
            .as_deref()
            .map(|operator| ("operator", operator)),
    );
    details.extend(said.map(|said| ("said", said)));
    let shared = &context.gateway.shared;
    shared
        .recorder
        .approval(&by.unit, &details, shared.clock.now());
}
