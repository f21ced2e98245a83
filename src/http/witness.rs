//! The listener of a witness: the C2SP tlog-witness protocol, and what operators ask of it.
//!
//! In: a witness, an address. Out: cosignatures until a signal ends it. A process of its own: no
//! gateway runs here. Plain HTTP for this machine or a proxy with TLS in front; what is asked needs
//! no secret, for each checkpoint proves by its signature whose it is. Bodies, heads, connections
//! and times are bounded.

use super::body;
use crate::gateway::clock::Clock;
use crate::tree::submission::SUBMISSION_BYTES_MAX;
use crate::tree::witness::{Cosigned, Refusal, Witness};
use crate::wire::problem::Problem;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Connections at once; a witness has a handful of logs.
const CONNECTIONS_MAX: usize = 128;
/// Longest time for a head, also between two requests of one connection.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(10);
/// Longest time for a body.
const BODY_WAIT_MAX: Duration = Duration::from_secs(10);
/// Longest life of a connection: a peer that never reads its answers ends here.
const CONNECTION_MAX: Duration = Duration::from_secs(600);
/// Longest time for open requests to end after SIGTERM.
const STOP_WAIT_MAX: Duration = Duration::from_secs(5);
/// Rest after a connection could not be accepted: out of file descriptors, mostly.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const SIZE: HeaderValue = HeaderValue::from_static("text/x.tlog.size");

/// Serves until SIGTERM or SIGINT. `ready` is told the address once connections are taken.
///
/// Errors: the address cannot be bound, signals cannot be listened to, or those of `ready`.
pub fn serve(
    witness: Arc<Witness>,
    listen: SocketAddr,
    ready: impl FnOnce(SocketAddr) -> io::Result<()>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Before anybody may believe that it runs.
        let (mut terminate, mut interrupt) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        let listener = TcpListener::bind(listen).await?;
        ready(listener.local_addr()?)?;
        let (stop, stopping) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::select! {
            () = accept(&listener, &witness, &stopping, &mut connections) => (),
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
        drop(listener);
        let _ = stop.send(true);
        let ended = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(STOP_WAIT_MAX, ended).await;
        Ok(())
    })
}

async fn accept(
    listener: &TcpListener,
    witness: &Arc<Witness>,
    stopping: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        // Further peers wait in the kernel until one of the places is free.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((socket, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let (witness, stopping) = (Arc::clone(witness), stopping.clone());
        connections.spawn(async move {
            connection(socket, witness, stopping).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(socket: TcpStream, witness: Arc<Witness>, mut stopping: watch::Receiver<bool>) {
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request| {
        let witness = Arc::clone(&witness);
        async move { Ok::<_, Infallible>(answer(witness, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .max_buf_size(16 << 10)
        .max_headers(32)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    let whole = async {
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    };
    let _ = tokio::time::timeout(CONNECTION_MAX, whole).await;
}

type Text = Response<Full<Bytes>>;

async fn answer(witness: Arc<Witness>, request: Request<Incoming>) -> Text {
    let (head, stream) = request.into_parts();
    if let Err(problem) = body::unambiguous(&head) {
        return of_problem(&problem);
    }
    match (&head.method, head.uri.path()) {
        (&Method::POST, "/add-checkpoint") => {
            if let Err(problem) = body::fits(&head.headers, SUBMISSION_BYTES_MAX) {
                return of_problem(&problem);
            }
            match body::read(stream, SUBMISSION_BYTES_MAX, BODY_WAIT_MAX).await {
                Ok(body) => add_checkpoint(witness, body).await,
                Err(problem) => of_problem(&problem),
            }
        }
        (&Method::GET, "/logs") => text(StatusCode::OK, logs(&witness)),
        (&Method::GET, "/checkpoint") => checkpoint(&witness, head.uri.query()),
        (&Method::GET, "/healthz") => text(StatusCode::OK, "ok\n".to_owned()),
        (_, path @ ("/add-checkpoint" | "/logs" | "/checkpoint" | "/healthz")) => {
            let allowed = match path {
                "/add-checkpoint" => "POST",
                _ => "GET",
            };
            let what = format!("use {allowed}\n");
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, what);
            let allowed = HeaderValue::from_static(allowed);
            response.headers_mut().insert(ALLOW, allowed);
            response
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "there are POST /add-checkpoint, GET /logs, GET /checkpoint?origin=, GET /healthz\n"
                .to_owned(),
        ),
    }
}

/// On a thread of its own: it waits for the disk.
async fn add_checkpoint(witness: Arc<Witness>, body: Bytes) -> Text {
    let now = Clock::default().now();
    let time_s = u64::try_from(now.0 / 1_000_000).unwrap_or(0);
    let judge = move || witness.add_checkpoint(&body, time_s);
    match tokio::task::spawn_blocking(judge).await {
        Ok(Ok(cosigned)) => {
            say(&cosigned);
            text(StatusCode::OK, format!("{}\n", cosigned.cosignature))
        }
        Ok(Err(refusal)) => refused(&refusal),
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the checkpoint was not judged\n".to_owned(),
        ),
    }
}

fn say(cosigned: &Cosigned) {
    let (origin, size) = (cosigned.origin.as_str(), cosigned.size);
    match cosigned.is_first {
        true => tracing::warn!(origin, size, "cosigned a log that was never seen before"),
        false => tracing::debug!(origin, size, "cosigned"),
    }
}

fn refused(refusal: &Refusal) -> Text {
    let status = match refusal {
        Refusal::Form(_) | Refusal::Shrinks { .. } => StatusCode::BAD_REQUEST,
        Refusal::UnknownOrigin { .. } => StatusCode::NOT_FOUND,
        Refusal::Key(_) => StatusCode::FORBIDDEN,
        Refusal::Conflict { .. } | Refusal::OtherRoot { .. } => StatusCode::CONFLICT,
        Refusal::Proof { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Full | Refusal::Storage(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    match refusal {
        Refusal::Conflict { size } => {
            let mut response = text(status, format!("{size}\n"));
            response.headers_mut().insert(CONTENT_TYPE, SIZE);
            return response;
        }
        Refusal::OtherRoot { size } => {
            tracing::error!(%refusal, "a log contradicts itself");
            let mut response = text(status, format!("{size}\n"));
            response.headers_mut().insert(CONTENT_TYPE, SIZE);
            return response;
        }
        Refusal::Proof { .. } | Refusal::Storage(_) | Refusal::Full => {
            tracing::error!(%refusal, "a checkpoint was refused");
        }
        _ => tracing::warn!(%refusal, "a checkpoint was refused"),
    }
    text(status, format!("{refusal}\n"))
}

/// `SIZE ORIGIN` for each shard that was ever cosigned.
fn logs(witness: &Witness) -> String {
    let checkpoints = witness.checkpoints();
    checkpoints.iter().fold(String::new(), |mut lines, one| {
        let _ = writeln!(lines, "{} {}", one.size, one.origin);
        lines
    })
}

fn checkpoint(witness: &Witness, query: Option<&str>) -> Text {
    let origin = query.and_then(|query| query.strip_prefix("origin="));
    match origin.and_then(|origin| witness.note(origin)) {
        Some(note) => text(StatusCode::OK, note),
        None => text(
            StatusCode::NOT_FOUND,
            "nothing of this origin was cosigned; GET /logs lists them\n".to_owned(),
        ),
    }
}

fn of_problem(problem: &Problem) -> Text {
    let status = StatusCode::from_u16(problem.status());
    let status = status.unwrap_or(StatusCode::BAD_REQUEST);
    text(status, format!("{}\n", problem.detail))
}

fn text(status: StatusCode, body: String) -> Text {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, PLAIN);
    response
}
