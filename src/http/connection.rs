//! One connection: what it is doing, and its end when that takes too long.
//!
//! In: a socket and a service. Out: nothing; the connection is closed when its peer is done, when
//! the server stops, or when a limit is passed. hyper's own timers are not used: they arm a timer
//! on every request, and count an idle connection as a slow head. Here a connection notes its
//! phase in two words, and one slow tick looks at them. What can be read in two ways reaches no
//! parser (`framing.rs`): the parser is given a request that is refused in its stead, and nothing
//! after it.
//!
//! HOT: a few relaxed stores a request.

use super::framing::{Fault, Framing};
use super::http2;
use super::lane::{End, Lane, OfConnection};
use super::limits::Limits;
use super::progress::{Overdue, Progress, Serving};
use super::reply::Reply;
use crate::seal::certificate::CertificateHash;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::server::conn::http2::Connection as Http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Read by the parser instead of a request that can be read in two ways: it becomes a 400.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// And where part of it has passed already: no head may have this byte, so the parser refuses it.
const NUL: &[u8] = b"\0";

/// A socket that notes what moves.
struct WatchedSocket<S> {
    socket: S,
    progress: Arc<Progress>,
    /// Bytes that were read before it was known who reads.
    first: Vec<u8>,
    reading: Reading,
}

enum Reading {
    Http1(Framing),
    Http2 {
        body_bytes_max: u64,
    },
    /// Nothing more is taken.
    Ended,
}

impl<S> WatchedSocket<S> {
    /// Looks at what was read into `buf` from `before` on; nothing of a fault stays in it.
    fn look(&mut self, buf: &mut ReadBuf<'_>, before: usize) -> io::Result<()> {
        let bytes = &buf.filled()[before..];
        match &mut self.reading {
            Reading::Http1(framing) => {
                self.progress.has_read();
                if let Err(fault) = framing.pass(bytes) {
                    self.end(fault, buf, before);
                }
            }
            Reading::Http2 { body_bytes_max } => {
                if !self.progress.may_receive(bytes.len(), *body_bytes_max) {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
            Reading::Ended => (),
        }
        Ok(())
    }

    fn end(&mut self, fault: Fault, buf: &mut ReadBuf<'_>, before: usize) {
        self.reading = Reading::Ended;
        buf.set_filled(before + fault.at);
        // A fault has at least one byte, so there is room for one.
        let stand_in = match fault.is_fresh && buf.remaining() >= STAND_IN.len() {
            true => {
                self.progress.is_ambiguous(fault.what);
                STAND_IN
            }
            false => NUL,
        };
        buf.put_slice(stand_in);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if matches!(self.reading, Reading::Ended) {
            // The connection ends with the answer to what was read.
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let polled = if self.first.is_empty() {
            Pin::new(&mut self.socket).poll_read(cx, buf)
        } else {
            let taken = self.first.len().min(buf.remaining());
            buf.put_slice(&self.first[..taken]);
            self.first.drain(..taken);
            Poll::Ready(Ok(()))
        };
        if buf.filled().len() > before {
            self.look(buf, before)?;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(cx, buf);
        if let Poll::Ready(Ok(sent)) = polled {
            self.progress.has_sent(sent);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(sent)) = polled {
            self.progress.has_sent(sent);
        }
        polled
    }
}

/// Serves one socket until its peer is done, a limit is passed, or `stopping` turns true and the
/// request in hand is answered. On the check listener the `lane` serves it first.
pub async fn serve<S, F>(
    mut socket: S,
    limits: Arc<Limits>,
    mut stopping: watch::Receiver<bool>,
    lane: Option<(Arc<Lane>, Option<CertificateHash>)>,
    answer: F,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<Incoming>, Serving) -> Answering,
{
    let idle_max = Duration::from_millis(limits.idle_timeout_ms);
    let head_max = Duration::from_millis(limits.header_timeout_ms);
    let first = match limits.http2 {
        false => http2::First::default(),
        true => {
            let first = tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => return,
                first = http2::first(&mut socket, idle_max, head_max) => first,
            };
            let Ok(first) = first else { return };
            first
        }
    };
    let mut watch = interval(limits.watch_interval());
    watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watch = (watch, Overdue::new(&limits));
    let progress = Arc::new(Progress::default());
    let mut first = first;
    if let Some((lane, certificate)) = lane.filter(|_| !first.is_http2) {
        let of = OfConnection {
            progress: &progress,
            certificate,
            watch: &mut watch,
            stopping: stopping.clone(),
        };
        let bytes = std::mem::take(&mut first.bytes);
        match lane.serve(&mut socket, bytes, of).await {
            End::Other(bytes) => first.bytes = bytes,
            End::Cut => return,
            End::Over => {
                let goodbye = pin!(socket.shutdown());
                return until_over(goodbye, |_| (), watch, stopping, &progress, false).await;
            }
        }
    }
    let of = (limits, stopping, progress);
    by_hyper(socket, first, of, watch, answer).await;
}

/// Serves what the lane does not.
async fn by_hyper<S, F>(
    socket: S,
    first: http2::First,
    (limits, stopping, progress): (Arc<Limits>, watch::Receiver<bool>, Arc<Progress>),
    watch: (Interval, Overdue),
    answer: F,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<Incoming>, Serving) -> Answering,
{
    let of_request = Arc::clone(&progress);
    let service = service_fn(move |request| Answered(answer(request, of_request.begin())));
    let reading = match first.is_http2 {
        true => Reading::Http2 {
            body_bytes_max: limits.checks_bytes_max as u64,
        },
        false => Reading::Http1(Framing::default()),
    };
    let watched = TokioIo::new(WatchedSocket {
        socket,
        progress: Arc::clone(&progress),
        first: first.bytes,
        reading,
    });
    if first.is_http2 {
        let connection = pin!(http2::builder(&limits).serve_connection(watched, service));
        return until_over(
            connection,
            Http2::graceful_shutdown,
            watch,
            stopping,
            &progress,
            true,
        )
        .await;
    }
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes_max.max(8_192))
        .max_headers(limits.headers_max)
        .pipeline_flush(true)
        .serve_connection(watched, service);
    let connection = pin!(connection);
    until_over(
        connection,
        http1::Connection::graceful_shutdown,
        watch,
        stopping,
        &progress,
        false,
    )
    .await;
}

/// The work of one answer.
pub type Answering = Pin<Box<dyn Future<Output = Response<Reply>> + Send>>;

/// An answer, which never fails: what goes wrong is an answer too.
struct Answered(Answering);

impl Future for Answered {
    type Output = Result<Response<Reply>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

/// Drives a connection to its end, or to that of its limits.
async fn until_over<C: Future>(
    mut connection: Pin<&mut C>,
    shut: impl Fn(Pin<&mut C>),
    (mut watch, mut overdue): (Interval, Overdue),
    mut stopping: watch::Receiver<bool>,
    progress: &Progress,
    says_goodbye: bool,
) {
    let (mut told_to_stop, mut is_over) = (false, false);
    loop {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            _ = stopping.wait_for(|stop| *stop), if !told_to_stop => {
                told_to_stop = true;
                shut(connection.as_mut());
            }
            _ = watch.tick() => {
                if is_over {
                    return;
                }
                is_over = overdue.is_over(progress);
                if is_over && !says_goodbye {
                    return;
                }
                if is_over {
                    shut(connection.as_mut());
                }
            }
        }
    }
}
