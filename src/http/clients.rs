//! Units as operators see them: `GET /v1/clients` with their limits, a release, their figures; and
//! `POST /v1/clients/reload`: the clients file is read now, not within the next second.

use super::acts::percent_decoded;
use super::context::Context;
use super::exchange::{self, Exchange, Outcome};
use crate::gateway::client::{Client, ClientRole};
use crate::limits::unit::Limit;
use crate::limits::watch::Reaction;
use crate::model::term::Moment;
use crate::telemetry::units::{ENUMERATION_SCORE, RATE_LIMITED_TOTAL, UnitFigure, write_units};
use crate::wire::ops::{self, ActBody};
use crate::wire::problem::{Problem, ProblemKind};
use crate::wire::units::{self as wire, ReasonAnswer, RefusedAnswer, UnitAnswer};

/// `GET /v1/clients`.
pub fn clients(context: &Context) -> Outcome {
    let law = context.gateway.law();
    let now = context.gateway.shared.clock.now();
    let all = law
        .clients
        .iter()
        .map(|client| answer(context, client, now));
    Ok((200, wire::units(&all.collect::<Vec<_>>())))
}

fn answer<'a>(context: &Context, client: &'a Client, now: Moment) -> UnitAnswer<'a> {
    let limits = client.limits.as_deref();
    let unit = limits.map(|limits| &*limits.unit);
    let seen = unit.map(|unit| context.gateway.limits.seen(unit));
    let seen = seen.unwrap_or_default();
    let stopped_until = unit.and_then(|unit| unit.stopped_until(now));
    let reaction = match stopped_until {
        Some(_) => Reaction::Stop,
        None => seen.reaction,
    };
    let roles = ClientRole::ALL
        .into_iter()
        .filter(|role| client.has_role(*role));
    let bucket = limits.and_then(|limits| limits.bucket.as_deref());
    let daily = limits.and_then(|limits| limits.daily.as_deref());
    let refused = |limit| unit.map_or(0, |unit| unit.refused(limit));
    UnitAnswer {
        unit: &client.unit,
        kind: client.kind.name(),
        roles: roles.map(ClientRole::name).collect(),
        rate: bucket.map(|bucket| bucket.per_second()),
        burst: bucket.map(|bucket| bucket.burst()),
        daily_subjects: daily.map(|daily| daily.budget()),
        daily_subjects_used: daily.map(|daily| daily.used(now)),
        enumeration: limits.map_or("off", |limits| limits.mode.name()),
        score: seen.score,
        reaction: reaction.name(),
        reasons: seen
            .reasons
            .iter()
            .map(|reason| ReasonAnswer {
                code: reason.code,
                count: reason.count,
                points: reason.points,
            })
            .collect(),
        delay_ms: unit.map_or(0, |unit| unit.delay().as_millis() as u64),
        stopped_until: stopped_until.map(|until| until.to_string()),
        refused: RefusedAnswer {
            rate: refused(Limit::Rate),
            daily_subjects: refused(Limit::DailySubjects),
            stopped: refused(Limit::Stopped),
        },
    }
}

/// `POST /v1/clients/{unit}/release`: answered as always again, from now on.
pub fn release(context: &Context, exchange: &Exchange<'_>, unit: &str) -> Outcome {
    let body = ActBody::parse(&exchange.body)?;
    let operator = exchange.operator.of(exchange.client)?;
    let unknown = || Problem::new(ProblemKind::NotFound, "there is no such unit");
    let unit = percent_decoded(unit).ok_or_else(unknown)?;
    let gateway = &*context.gateway;
    let known = gateway.law().clients.find_unit(&unit).is_some();
    let before = gateway.limits.release(&unit).filter(|_| known);
    let before = before.ok_or_else(unknown)?;
    let at = gateway.shared.clock.now();
    let mut details = vec![
        ("reaction", "released"),
        ("of", &*unit),
        ("reason", &body.reason),
        ("reference", &body.reference),
    ];
    details.extend(operator.map(|operator| ("operator", operator)));
    gateway
        .shared
        .recorder
        .limited(&exchange.client.unit, &details, at);
    tracing::info!(%unit, by = %exchange.client.unit, "a unit is released");
    Ok((
        200,
        wire::released(&unit, before.reaction.name(), before.score),
    ))
}

/// Writes the figures of units behind the others.
pub fn write_figures(context: &Context, text: &mut String) {
    let units = context.gateway.limits.units();
    let refused = units.iter().flat_map(|unit| {
        let of = |limit: Limit| (&*unit.name, Some(limit.name()), unit.refused(limit) as f64);
        Limit::ALL.map(of)
    });
    let scores = units.iter().map(|unit| {
        let score = context.gateway.limits.seen(unit).score;
        (&*unit.name, None, f64::from(score))
    });
    let figures = [
        UnitFigure {
            name: RATE_LIMITED_TOTAL,
            help: "Requests refused by a limit of their unit",
            kind: "counter",
            values: refused.collect(),
        },
        UnitFigure {
            name: ENUMERATION_SCORE,
            help: "How much the asking of a unit looks like gathering the list",
            kind: "gauge",
            values: scores.collect(),
        },
    ];
    write_units(text, &figures);
}

/// Answers when the new clients count. 409: the file cannot be used, the old ones count.
pub async fn reload(context: &Context) -> Outcome {
    let reloaded = context.gateway.actor.reload_clients().await;
    match reloaded.map_err(exchange::stopped)? {
        Ok(units) => Ok((200, ops::clients_reloaded(units))),
        Err(error) => Err(Problem::new(ProblemKind::Conflict, error)),
    }
}
