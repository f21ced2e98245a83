//! From a request to its handler: which path on which listener, by which method.
//!
//! Checks are matched first and by hand; the rest goes through a small tree. A path on the wrong
//! listener is 404. A request that another reader on the way could understand otherwise is refused
//! and its connection closed. Where the log cannot be written everything is 503 but health,
//! metrics, and the acts that free somebody: they have a journal of their own.

use super::acts;
use super::approvals;
use super::body;
use super::check;
use super::clients;
use super::context::Context;
use super::exchange::{self, Outcome, Terms};
use super::feedback;
use super::log;
use super::ops;
use super::progress::{Progress, Serving};
use super::reply::{self, Reply};
use super::scan;
use super::snapshot;
use super::stream;
use super::subject;
use crate::gateway::client::ClientRole;
use crate::wire::problem::{Problem, ProblemKind};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use matchit::Router;

/// Which listener a request came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Checks.
    Check,
    /// Operators.
    Ops,
}

/// What answers a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Feedback,
    Measures,
    Scenarios,
    Snapshot,
    Rollback,
    Withdraw,
    Repair,
    Hold,
    HoldOutcome,
    Entry,
    Holds,
    Recalls,
    ClientsReload,
    Log,
    Checkpoint,
    Receipt,
    Clients,
    Release,
    Approvals,
    Approve,
    Subject,
    Public,
    Metrics,
    Alive,
    Ready,
}

#[derive(Debug, Clone, Copy)]
struct Route {
    target: Target,
    methods: &'static str,
    terms: Terms,
}

/// The paths of one listener, besides checks.
pub struct Routes {
    side: Side,
    router: Router<Route>,
}

const CHECKER: &[ClientRole] = &[ClientRole::Checker];
const STEWARD: &[ClientRole] = &[ClientRole::Steward];
const READER: &[ClientRole] = &[ClientRole::Steward, ClientRole::Auditor];
const AUDITOR: &[ClientRole] = &[ClientRole::Auditor];
const ADMIN: &[ClientRole] = &[ClientRole::Admin];
const SECOND: &[ClientRole] = &[ClientRole::Steward, ClientRole::Admin];
const ANYBODY: &[ClientRole] = &ClientRole::ALL;

const HEALTH: [(&str, Target, &str, &[ClientRole]); 3] = [
    ("/healthz", Target::Alive, "GET", &[]),
    ("/livez", Target::Alive, "GET", &[]),
    ("/readyz", Target::Ready, "GET", &[]),
];
const OF_CHECKS: [(&str, Target, &str, &[ClientRole]); 1] =
    [("/v1/feedback", Target::Feedback, "POST", CHECKER)];
const OF_OPERATORS: [(&str, Target, &str, &[ClientRole]); 24] = [
    ("/v1/measures", Target::Measures, "GET", ANYBODY),
    ("/v1/scenarios", Target::Scenarios, "GET", ANYBODY),
    ("/v1/snapshot", Target::Snapshot, "GET, POST", STEWARD),
    ("/v1/snapshot/rollback", Target::Rollback, "POST", STEWARD),
    ("/v1/entries/{entry_id}", Target::Entry, "GET", READER),
    ("/v1/holds", Target::Holds, "GET", READER),
    ("/v1/recalls", Target::Recalls, "GET", READER),
    ("/v1/clients/reload", Target::ClientsReload, "POST", ADMIN),
    (
        "/v1/entries/{entry_id}/withdraw",
        Target::Withdraw,
        "POST",
        STEWARD,
    ),
    (
        "/v1/entries/{entry_id}/repair",
        Target::Repair,
        "POST",
        STEWARD,
    ),
    ("/v1/entries/{entry_id}/hold", Target::Hold, "POST", STEWARD),
    (
        "/v1/entries/{entry_id}/hold/outcome",
        Target::HoldOutcome,
        "POST",
        STEWARD,
    ),
    ("/v1/log", Target::Log, "GET", AUDITOR),
    ("/v1/log/checkpoint", Target::Checkpoint, "GET", AUDITOR),
    (
        "/v1/log/receipt/{check_id}",
        Target::Receipt,
        "GET",
        AUDITOR,
    ),
    ("/v1/clients", Target::Clients, "GET", ADMIN),
    ("/v1/clients/{unit}/release", Target::Release, "POST", ADMIN),
    ("/v1/approvals", Target::Approvals, "GET", SECOND),
    ("/v1/approvals/{id}", Target::Approve, "POST", SECOND),
    ("/v1/log/subject", Target::Subject, "POST", AUDITOR),
    ("/metrics", Target::Metrics, "GET", &[]),
    ("/openapi.json", Target::Public, "GET", &[]),
    ("/docs", Target::Public, "GET", &[]),
    ("/console", Target::Public, "GET", &[]),
];

impl Routes {
    /// The paths of a listener. Errors: two of them exclude each other, which is a bug.
    pub fn new(side: Side) -> Result<Self, matchit::InsertError> {
        let mut router = Router::new();
        let of_side: &[_] = match side {
            Side::Check => &OF_CHECKS,
            Side::Ops => &OF_OPERATORS,
        };
        for (path, target, methods, roles) in HEALTH.iter().chain(of_side) {
            let terms = Terms {
                route: path,
                roles,
                body_may_be_absent: matches!(target, Target::Rollback | Target::ClientsReload),
            };
            let route = Route {
                target: *target,
                methods,
                terms,
            };
            router.insert(*path, route)?;
        }
        Ok(Self { side, router })
    }

    /// Answers one request.
    pub async fn answer(
        &self,
        context: &Context,
        request: Request<Incoming>,
        serving: Serving,
    ) -> Response<Reply> {
        let (head, body) = request.into_parts();
        let is_clear = match serving.progress().ambiguity() {
            Some(what) => Err(Problem::new(ProblemKind::Malformed, what.detail())),
            None => body::unambiguous(&head),
        };
        let response = match is_clear {
            Ok(()) => self.dispatch(context, &head, body).await,
            Err(problem) => reply::closing(exchange::close(context, None, "", Err(problem))),
        };
        let is_shed = response.body().is_shed();
        held_back(context, is_shed, serving.progress()).await;
        let response = reply::with_trace(response, head.headers.get("traceparent").cloned());
        reply::of_connection(response, serving)
    }

    async fn dispatch(&self, context: &Context, head: &Parts, body: Incoming) -> Response<Reply> {
        let path = head.uri.path();
        let is_alive = context.gateway.shared.recorder.is_alive();
        if self.side == Side::Check {
            match path {
                "/v1/check" | "/v1/checks" | "/v1/scan" if !is_alive => {
                    return log_is_dead(context);
                }
                "/v1/check" => return check::one(context, head, body).await,
                // Whatever is not a check stands apart: its room would be copied with every check.
                "/v1/checks" if stream::is_ndjson(&head.headers) => {
                    return Box::pin(stream::checks(context, head, body)).await;
                }
                "/v1/checks" => return Box::pin(check::many(context, head, body)).await,
                "/v1/scan" => return Box::pin(scan::post(context, head, body)).await,
                _ => (),
            }
        }
        let Ok(found) = self.router.at(path) else {
            let problem = Problem::new(ProblemKind::NotFound, "there is no such path here");
            return exchange::close(context, None, "", Err(problem));
        };
        let route = *found.value;
        let open_when_dead = matches!(
            route.target,
            Target::Alive
                | Target::Ready
                | Target::Metrics
                | Target::Public
                | Target::Withdraw
                | Target::Repair
                | Target::Hold
        );
        if !is_alive && !open_when_dead {
            return log_is_dead(context);
        }
        let is_read = matches!(head.method, Method::GET | Method::HEAD);
        let fits = match head.method {
            Method::POST => route.methods.contains("POST"),
            _ => is_read && route.methods.contains("GET"),
        };
        // An entry, a unit, an approval or a check: no path names two.
        let named = found.params.iter().next().map_or("", |(_, named)| named);
        if !route.terms.roles.is_empty() {
            return Box::pin(closed_route(context, head, body, route, fits, named)).await;
        }
        if !fits {
            return reply::method_not_allowed(route.methods);
        }
        match route.target {
            Target::Metrics => ops::metrics(context),
            Target::Ready => ops::ready(context),
            Target::Alive => ops::alive(),
            _ => exchange::close(context, None, route.terms.route, Err(ops::not_built())),
        }
    }
}

/// A path that asks who comes.
async fn closed_route(
    context: &Context,
    head: &Parts,
    body: Incoming,
    route: Route,
    fits: bool,
    named: &str,
) -> Response<Reply> {
    let law = context.gateway.law();
    let terms = route.terms;
    let known = super::auth::recognise(&context.gateway, &law, head);
    let known = known.ok().map(|(_, client)| client);
    if !fits && known.is_some() && body::fits(&head.headers, exchange::BYTES_MAX).is_ok() {
        return reply::method_not_allowed(route.methods);
    }
    let is_of_log = [Target::Log, Target::Checkpoint, Target::Receipt].contains(&route.target);
    if fits && is_of_log {
        let opened = exchange::open(context, &law, head, body, terms).await;
        let by = (known, terms.route);
        return match route.target {
            Target::Log => log::get(context, head, opened, by).await,
            Target::Receipt => log::receipt(context, opened, by, named).await,
            _ => log::checkpoint(context, opened, by).await,
        };
    }
    let outcome: Outcome = async {
        let opened = exchange::open(context, &law, head, body, terms).await?;
        let is_post = head.method == Method::POST;
        let act = act_of(route.target).filter(|_| is_post);
        if let Some(act) = act.filter(|act| context.gateway.approvals.needs(act)) {
            let path = head.uri.path();
            let work = async { approvals::propose(context, &opened, act, path, named) };
            return exchange::once(context, head, &opened, work).await;
        }
        match route.target {
            Target::Feedback => {
                let work = feedback::post(context, &opened);
                exchange::once(context, head, &opened, work).await
            }
            Target::Hold => {
                let work = acts::hold(context, &opened, named);
                exchange::once(context, head, &opened, work).await
            }
            Target::Approve => {
                let work = approvals::approve(context, &opened, named);
                exchange::once(context, head, &opened, work).await
            }
            Target::Entry => acts::entry(context, named),
            Target::Holds => acts::holds(context, head.uri.query()),
            Target::ClientsReload => clients::reload(context).await,
            Target::Subject => subject::post(context, &opened).await,
            Target::Recalls => acts::recalls(context, &opened, head.uri.query()),
            Target::Measures => ops::measures(context),
            Target::Scenarios => ops::scenarios(context),
            Target::Clients => clients::clients(context),
            Target::Approvals => approvals::list(context),
            Target::Snapshot if !is_post => snapshot::snapshot(context),
            _ => match act {
                Some(act) => {
                    let work = approvals::perform(context, &opened, act, named);
                    exchange::once(context, head, &opened, work).await
                }
                None => Err(ops::not_built()),
            },
        }
    }
    .await;
    exchange::close(context, known, terms.route, outcome)
}

/// The word of an act that may need two persons.
fn act_of(target: Target) -> Option<&'static str> {
    match target {
        Target::Withdraw => Some("withdraw"),
        Target::Repair => Some("repair"),
        Target::HoldOutcome => Some("hold_outcome"),
        Target::Snapshot => Some("snapshot"),
        Target::Rollback => Some("rollback"),
        Target::Release => Some("release"),
        _ => None,
    }
}

/// Holds a refusal back from who does not heed it.
pub(super) async fn held_back(context: &Context, is_shed: bool, of: &Progress) {
    if is_shed {
        let hold = of.refused(context.load.now_ms());
        if !hold.is_zero() {
            tokio::time::sleep(hold).await;
        }
    }
}

/// 503: nothing is answered that cannot be recorded.
pub(super) fn log_is_dead(context: &Context) -> Response<Reply> {
    let problem = Problem::unavailable("the decision log cannot be written");
    exchange::close(context, None, "", Err(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_listener_is_not_on_the_other() {
        let (checks, ops) = (
            Routes::new(Side::Check).unwrap(),
            Routes::new(Side::Ops).unwrap(),
        );
        for (path, _, _, _) in OF_CHECKS {
            assert!(
                checks.router.at(path).is_ok() && ops.router.at(path).is_err(),
                "{path}"
            );
        }
        for (path, _, _, _) in OF_OPERATORS {
            assert!(
                ops.router.at(path).is_ok() && checks.router.at(path).is_err(),
                "{path}"
            );
        }
        for (path, _, _, _) in HEALTH {
            assert!(
                checks.router.at(path).is_ok() && ops.router.at(path).is_ok(),
                "{path}"
            );
        }
    }
}
