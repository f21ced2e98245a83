//! Listeners: who accepts, who serves, and how it all stops.
//!
//! Checks: one acceptor thread hands each socket to the runtime with the fewest connections; each
//! runtime is one thread. Beyond the cap a socket is told 503 and closed. Operators have a runtime
//! of their own, so that no scrape or swap stands in a check's way.

use super::connection;
use super::lane::Lane;
use super::limits::Limits;
use super::progress::Serving;
use super::reply::Reply;
use super::socket::Socket;
use super::tls::Tls;
use crate::telemetry::{CounterHandle, GaugeHandle};
use crate::wire::problem::{PROBLEM_TYPE, Problem};
use hyper::body::Incoming;
use hyper::{Request, Response};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

/// Connections that may wait to be accepted: after a restart all callers come at once, and one that
/// is not let in waits a second before it tries again. The system may allow fewer.
const BACKLOG: u32 = 4_096;

/// Answers one request.
pub type Answer = Arc<
    dyn Fn(Request<Incoming>, Serving) -> Pin<Box<dyn Future<Output = Response<Reply>> + Send>>
        + Send
        + Sync,
>;

/// Answers requests on one runtime.
#[derive(Clone)]
pub struct Answering {
    /// Any request.
    pub answer: Answer,
    /// Checks, where there are any.
    pub lane: Option<Arc<Lane>>,
}

/// How far the server is on its way down; each step includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Takes and answers everything.
    Open,
    /// Takes no new connection; those open are closed after the answer in hand.
    Closing,
    /// Every connection is dropped.
    Dropped,
}

/// Where a listener answers, and how.
#[derive(Clone)]
pub struct Endpoint {
    /// Address and port; port 0 is a free one.
    pub address: SocketAddr,
    /// `None`: in clear.
    pub tls: Option<Arc<Tls>>,
}

/// Told why a handshake failed.
pub type OnFailedHandshake = Arc<dyn Fn(&'static str) + Send + Sync>;

/// What a listener needs to know of itself.
#[derive(Clone)]
pub struct Listener {
    /// Bounds.
    pub limits: Arc<Limits>,
    /// Connections at most.
    pub connections_max: usize,
    /// Open now.
    pub open: Arc<AtomicUsize>,
    /// Open now, for the metrics.
    pub gauge: GaugeHandle,
    /// Turned away.
    pub refused: CounterHandle,
    /// `None`: in clear.
    pub tls: Option<Arc<Tls>>,
    /// Counts handshakes that failed.
    pub on_failed_handshake: OnFailedHandshake,
    /// On its way down?
    pub stage: watch::Receiver<Stage>,
}

/// Threads of a listener.
pub struct Running {
    /// Where it listens: the port that was free, where 0 was asked for.
    pub address: SocketAddr,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// Waits until every thread has ended; `false` where `wait_max` passed first.
    pub fn join(self, wait_max: Duration) -> bool {
        let until = Instant::now() + wait_max;
        for thread in self.threads {
            while !thread.is_finished() {
                if Instant::now() >= until {
                    return false;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            let _ = thread.join();
        }
        true
    }
}

/// Starts one thread per element of `answering`, and an acceptor before them.
///
/// Errors: the address cannot be bound, a thread or runtime cannot be started.
pub fn start(
    name: &'static str,
    address: SocketAddr,
    listener: &Listener,
    answering: Vec<Answering>,
) -> io::Result<Running> {
    let acceptor = runtime()?;
    let socket = bind(address, &acceptor)?;
    let address = socket.local_addr()?;
    let mut threads = Vec::with_capacity(answering.len() + 1);
    let mut workers = Vec::with_capacity(answering.len());
    for (place, answer) in answering.into_iter().enumerate() {
        let (sender, receiver) = mpsc::unbounded_channel();
        let load = Arc::new(AtomicUsize::new(0));
        let runtime = runtime()?;
        let (listener, of_thread) = (listener.clone(), Arc::clone(&load));
        let work = move || {
            runtime.block_on(serve_sockets(receiver, listener, answer, of_thread));
            runtime.shutdown_timeout(Duration::from_millis(100));
        };
        let thread = std::thread::Builder::new().name(format!("{name}-{place}"));
        threads.push(thread.spawn(work)?);
        workers.push(Worker { sender, load });
    }
    let listener = listener.clone();
    let accept = move || match acceptor.block_on(accept(socket, listener, workers)) {
        Ok(()) => (),
        Err(error) => tracing::error!(%error, "the listener ended"),
    };
    let thread = std::thread::Builder::new().name(format!("{name}-accept"));
    threads.push(thread.spawn(accept)?);
    Ok(Running { address, threads })
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn bind(address: SocketAddr, acceptor: &Runtime) -> io::Result<TcpListener> {
    let _here = acceptor.enter();
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A runtime as the acceptor sees it.
struct Worker {
    sender: mpsc::UnboundedSender<std::net::TcpStream>,
    load: Arc<AtomicUsize>,
}

async fn accept(socket: TcpListener, listener: Listener, workers: Vec<Worker>) -> io::Result<()> {
    let mut stage = listener.stage.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stage.wait_for(|stage| *stage >= Stage::Closing) => return Ok(()),
            accepted = socket.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, mostly: let some connections end first.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        if listener.open.load(Ordering::Relaxed) >= listener.connections_max {
            listener.refused.increment(1);
            turn_away(stream, listener.tls.is_some());
            continue;
        }
        let least = workers
            .iter()
            .min_by_key(|worker| worker.load.load(Ordering::Relaxed));
        let (Some(worker), Ok(stream)) = (least, stream.into_std()) else {
            continue;
        };
        worker.load.fetch_add(1, Ordering::Relaxed);
        listener.open.fetch_add(1, Ordering::Relaxed);
        listener.gauge.increment(1);
        if worker.sender.send(stream).is_err() {
            return Ok(());
        }
    }
}

/// Says 503 and closes, without reading the request and without waiting for the peer for long.
///
/// Under TLS the socket is closed without a word: to say one costs a handshake.
fn turn_away(mut stream: TcpStream, is_tls: bool) {
    if is_tls {
        return;
    }

    const LINGER_MAX: Duration = Duration::from_millis(500);
    tokio::spawn(async move {
        let body = Problem::unavailable("too many connections; try again later").to_body();
        let head = format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {PROBLEM_TYPE}\r\n\
             content-length: {}\r\nretry-after: 1\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let linger = async {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await?;
            stream.shutdown().await?;
            // A socket closed with unread bytes is reset, and the peer may never see the answer.
            let mut unread = [0; 1_024];
            while stream.read(&mut unread).await? > 0 {}
            Ok::<(), io::Error>(())
        };
        let _ = tokio::time::timeout(LINGER_MAX, linger).await;
    });
}

async fn serve_sockets(
    mut sockets: mpsc::UnboundedReceiver<std::net::TcpStream>,
    listener: Listener,
    answer: Answering,
    load: Arc<AtomicUsize>,
) {
    let (stop, stopping) = watch::channel(false);
    let mut stage = listener.stage.clone();
    let mut dropped = listener.stage.clone();
    let all = async {
        loop {
            let socket = tokio::select! {
                biased;
                _ = stage.wait_for(|stage| *stage >= Stage::Closing) => break,
                socket = sockets.recv() => socket,
            };
            let Some(socket) = socket else { break };
            let (listener, answer) = (listener.clone(), answer.clone());
            let (load, stopping) = (Arc::clone(&load), stopping.clone());
            tokio::spawn(async move {
                serve_socket(socket, &listener, answer, stopping).await;
                load.fetch_sub(1, Ordering::Relaxed);
                listener.open.fetch_sub(1, Ordering::Relaxed);
                listener.gauge.decrement(1);
            });
        }
        // Sockets that were accepted but not yet begun are dropped: their peers see a reset
        // before any request was read.
        let _ = stop.send(true);
        while load.load(Ordering::Relaxed) > sockets.len() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        () = all => (),
        _ = dropped.wait_for(|stage| *stage >= Stage::Dropped) => (),
    }
}

async fn serve_socket(
    socket: std::net::TcpStream,
    listener: &Listener,
    answer: Answering,
    stopping: watch::Receiver<bool>,
) {
    let Ok(socket) = TcpStream::from_std(socket) else {
        return;
    };
    let _ = socket.set_nodelay(true);
    let socket = match &listener.tls {
        None => Socket::Plain(socket),
        Some(tls) => {
            let mut stopping = stopping.clone();
            let shaken = tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => return,
                shaken = Socket::shake(socket, tls) => shaken,
            };
            match shaken {
                Ok(socket) => socket,
                Err(reason) => return (listener.on_failed_handshake)(reason),
            }
        }
    };
    let certificate = socket.certificate();
    let Answering { answer, lane } = answer;
    let answering = move |mut request: Request<Incoming>, serving| {
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate);
        }
        answer(request, serving)
    };
    let limits = Arc::clone(&listener.limits);
    let lane = lane.map(|lane| (lane, certificate));
    connection::serve(socket, limits, stopping, lane, answering).await;
}
