//! `GET /v1/log`, `GET /v1/log/checkpoint` and `GET /v1/log/receipt/{check_id}`: what auditors read
//! of the decision log.
//!
//! In: which records, how many, behind which position. Out: their open parts, as `hecha log query
//! --json` prints them, an array or a line each; a `Link` with `rel="next"` where more may follow.
//! Read on the threads for bulk work, bounded, never on a listener's. That somebody reads, and what
//! he asked for, is recorded first.

use super::context::Context;
use super::exchange::{self, Exchange};
use super::query;
use super::reply::{self, Reply};
use crate::decision_log::page::{self, Page};
use crate::decision_log::query::Filter;
use crate::decision_log::receipt::{self, ReceiptError};
use crate::decision_log::record::CheckId;
use crate::gateway::bulk::NotDone;
use crate::gateway::checkpoint;
use crate::gateway::client::Client;
use crate::wire::problem::{Problem, ProblemKind};
use crate::wire::receipt as receipt_file;
use crate::wire::records::{self, Wanted, WantedFault};
use hyper::header::{ACCEPT, HeaderValue, LINK};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// Records of one answer where nothing else is asked for.
const LIMIT_DEFAULT: usize = 100;
/// Records of one answer at most.
const LIMIT_MAX: usize = 1_000;
/// Longest wait for a thread.
const WAIT_MAX: Duration = Duration::from_secs(10);
const NDJSON: &str = "application/x-ndjson";
const WORDS: [&str; 7] = ["check_id", "unit", "from", "to", "entry", "limit", "after"];

/// What is asked of the log.
struct Asked {
    filter: Filter,
    limit: usize,
    after: u64,
    /// The words without `after`, for the link to what follows.
    rest: String,
    is_lines: bool,
}

/// `GET /v1/log`, asked by the client of `by`, where the token is known.
pub async fn get(
    context: &Context,
    head: &Parts,
    opened: Result<Exchange<'_>, Problem>,
    by: (Option<&Client>, &'static str),
) -> Response<Reply> {
    let answered = match opened {
        Ok(opened) => answer(context, &opened, head).await,
        Err(problem) => Err(problem),
    };
    answered.unwrap_or_else(|problem| exchange::close(context, by.0, by.1, Err(problem)))
}

/// `GET /v1/log/checkpoint`: the newest signed statement of what the log holds, as it lies beside
/// the log. 404 where there is none yet.
pub async fn checkpoint(
    context: &Context,
    opened: Result<Exchange<'_>, Problem>,
    by: (Option<&Client>, &'static str),
) -> Response<Reply> {
    let read = async {
        let opened = opened?;
        let shared = Arc::clone(&context.gateway.shared);
        let now = shared.clock.now();
        shared
            .recorder
            .log_read(&opened.client.unit, "checkpoint", now);
        let work = move || checkpoint::newest(shared.recorder.log().folder());
        let read = context
            .gateway
            .bulk
            .run(WAIT_MAX, work)
            .await
            .map_err(not_read)?;
        read.ok_or_else(|| {
            let detail = "the log has no checkpoint yet";
            Problem::new(ProblemKind::NotFound, detail)
        })
    };
    match read.await {
        Ok(text) => {
            let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
            reply::with_type(StatusCode::OK, text, media_type)
        }
        Err(problem) => exchange::close(context, by.0, by.1, Err(problem)),
    }
}

/// `GET /v1/log/receipt/{check_id}`: the file that `hecha log receipt` writes. 404 where there is
/// no such check, 503 while no checkpoint covers it.
pub async fn receipt(
    context: &Context,
    opened: Result<Exchange<'_>, Problem>,
    by: (Option<&Client>, &'static str),
    check_id: &str,
) -> Response<Reply> {
    let made = async {
        let opened = opened?;
        let check_id = CheckId::parse(check_id).ok_or_else(no_check)?;
        let shared = Arc::clone(&context.gateway.shared);
        let (unit, now) = (&opened.client.unit, shared.clock.now());
        let what = format!("receipt {check_id}");
        shared.recorder.log_read(unit, &what, now);
        let work = move || {
            let log = shared.recorder.log();
            receipt::make(&*log.storage(), log.folder(), check_id)
        };
        let bulk = &context.gateway.bulk;
        let made = bulk.run(WAIT_MAX, work).await.map_err(not_read)?;
        let made = made.map_err(|error| match error {
            ReceiptError::Unknown(_) => no_check(),
            ReceiptError::NotSigned => Problem::unavailable("no checkpoint covers this check yet"),
            error => unreadable(&error),
        })?;
        let check = receipt::read(&made).map_err(|fault| unreadable(&fault))?;
        receipt_file::write(&made, &check).map_err(|fault| unreadable(&fault))
    };
    match made.await {
        Ok(text) => reply::json(StatusCode::OK, text.into_bytes()),
        Err(problem) => exchange::close(context, by.0, by.1, Err(problem)),
    }
}

fn no_check() -> Problem {
    Problem::new(ProblemKind::NotFound, "the log holds no such check")
}

fn unreadable(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "the decision log cannot be read");
    let detail = "the log cannot be read; see `hecha log verify`";
    Problem::new(ProblemKind::Internal, detail)
}

fn not_read(not_done: NotDone) -> Problem {
    match not_done {
        NotDone::Full | NotDone::Late => Problem::unavailable("too much is being read; try again"),
        NotDone::Failed => Problem::new(ProblemKind::Internal, "the log was not read"),
    }
}

async fn answer(
    context: &Context,
    opened: &Exchange<'_>,
    head: &Parts,
) -> Result<Response<Reply>, Problem> {
    let asked = asked(head)?;
    let gateway = &context.gateway;
    let recorder = &gateway.shared.recorder;
    let what = match head.uri.query() {
        None | Some("") => "log".to_owned(),
        Some(_) => format!("log {}", described(&asked)),
    };
    recorder.log_read(&opened.client.unit, &what, gateway.shared.clock.now());
    let (filter, after, limit) = (asked.filter, asked.after, asked.limit);
    let shared = Arc::clone(&gateway.shared);
    let work = move || {
        let log = shared.recorder.log();
        page::read(&*log.storage(), log.folder(), &filter, after, limit)
    };
    let page = gateway.bulk.run(WAIT_MAX, work).await.map_err(not_read)?;
    let page = page.map_err(|error| unreadable(&error))?;
    Ok(shown(&page, asked.is_lines, &asked.rest))
}

fn asked(head: &Parts) -> Result<Asked, Problem> {
    let values = query::read(head.uri.query(), WORDS)?;
    let [check_id, unit, from, to, entry, limit, after] = &values;
    let wanted = Wanted {
        check_id: check_id.as_deref(),
        unit: unit.as_deref(),
        from: from.as_deref(),
        to: to.as_deref(),
        entry: entry.as_deref(),
    };
    let invalid = |fault: WantedFault| Problem::invalid(fault.field, fault.what);
    let limit = match limit.as_deref().map(str::parse) {
        None => LIMIT_DEFAULT,
        Some(Ok(limit)) if (1..=LIMIT_MAX).contains(&limit) => limit,
        Some(_) => {
            let detail = format!("a whole number from 1 to {LIMIT_MAX}");
            return Err(Problem::invalid("limit", detail));
        }
    };
    let after = match after.as_deref().map(str::parse) {
        None => 0,
        Some(Ok(after)) => after,
        Some(Err(_)) => return Err(Problem::invalid("after", "the position of a record")),
    };
    let pairs = head.uri.query().unwrap_or("").split('&');
    let rest: Vec<&str> = pairs
        .filter(|pair| !pair.is_empty() && !pair.starts_with("after="))
        .collect();
    Ok(Asked {
        filter: wanted.filter().map_err(invalid)?,
        limit,
        after,
        rest: rest.join("&"),
        is_lines: wants_lines(&head.headers),
    })
}

/// What was asked, in words for the log.
fn described(asked: &Asked) -> String {
    let Filter {
        check_id,
        unit,
        from,
        until,
        entry_id,
    } = &asked.filter;
    let mut words = Vec::new();
    words.extend(check_id.map(|check_id| format!("check_id={check_id}")));
    words.extend(unit.as_ref().map(|unit| format!("unit={unit}")));
    words.extend(from.map(|from| format!("from={from}")));
    words.extend(until.map(|until| format!("until={until}")));
    words.extend(
        entry_id
            .as_ref()
            .map(|entry_id| format!("entry={entry_id}")),
    );
    words.push(format!("after={} limit={}", asked.after, asked.limit));
    words.join(" ")
}

fn wants_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains(NDJSON))
}

fn shown(page: &Page, is_lines: bool, rest: &str) -> Response<Reply> {
    let records: Vec<String> = page
        .records
        .iter()
        .map(|record| records::record(record).to_string())
        .collect();
    let mut response = match is_lines {
        true => {
            let body = records
                .into_iter()
                .fold(String::new(), |body, line| body + &line + "\n");
            let media_type = HeaderValue::from_static(NDJSON);
            reply::with_type(StatusCode::OK, body.into_bytes(), media_type)
        }
        false => {
            let body = format!("[{}]", records.join(","));
            reply::json(StatusCode::OK, body.into_bytes())
        }
    };
    if let Some(next) = page.next {
        let joined = if rest.is_empty() { "" } else { "&" };
        let link = format!("</v1/log?{rest}{joined}after={next}>; rel=\"next\"");
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(LINK, link);
        }
    }
    response
}
