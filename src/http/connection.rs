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
use super::limits::Limits;
use super::progress::{Phase, Progress, Serving};
use super::reply::Reply;
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
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
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
/// request in hand is answered.
pub async fn serve<S, F>(
    mut socket: S,
    limits: Arc<Limits>,
    mut stopping: watch::Receiver<bool>,
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
    let watch = (watch, Overdue::new(&limits));
    let progress = Arc::new(Progress::default());
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

/// How long a connection has stood in its phase without moving, in ticks.
struct Overdue {
    head_ticks_max: u32,
    idle_ticks_max: u32,
    phase: Phase,
    moves: u32,
    ticks: u32,
}

impl Overdue {
    fn new(limits: &Limits) -> Self {
        let tick_ms = limits.watch_interval().as_millis().max(1);
        let ticks = |limit_ms: u64| {
            let limit = Duration::from_millis(limit_ms).as_millis();
            u32::try_from(limit.div_ceil(tick_ms)).unwrap_or(u32::MAX)
        };
        Self {
            head_ticks_max: ticks(limits.header_timeout_ms),
            idle_ticks_max: ticks(limits.idle_timeout_ms),
            phase: Phase::Idle,
            moves: 0,
            ticks: 0,
        }
    }

    /// A head that trickles in is over at its limit although bytes move; a request in service has
    /// limits of its own (body, log), so only the idle limit of a stalled peer bounds it here.
    fn is_over(&mut self, progress: &Progress) -> bool {
        let (phase, moves) = (progress.phase(), progress.moves());
        let ticks_max = match phase {
            Phase::Head => self.head_ticks_max,
            Phase::Idle | Phase::Serving => self.idle_ticks_max,
        };
        if phase == self.phase && moves == self.moves {
            self.ticks += 1;
        } else {
            (self.phase, self.moves, self.ticks) = (phase, moves, 0);
        }
        self.ticks > ticks_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            header_timeout_ms: 40,
            idle_timeout_ms: 80,
            ..Limits::default()
        }
    }

    #[track_caller]
    fn ticks_until_over(overdue: &mut Overdue, progress: &Progress, wanted: u32) {
        let over = (1..100).find(|_| overdue.is_over(progress));
        assert_eq!(over, Some(wanted));
    }

    #[test]
    fn a_head_that_trickles_in_is_over_at_its_limit() {
        let (mut overdue, progress) = (Overdue::new(&limits()), Progress::default());
        assert!(!overdue.is_over(&progress));
        progress.has_read();
        for _ in 0..2 {
            assert!(!overdue.is_over(&progress));
            // Further bytes of the same head are no new phase and no move.
            progress.has_read();
        }
        ticks_until_over(&mut overdue, &progress, 4);
    }

    #[test]
    fn an_idle_connection_is_over_later_than_a_slow_head() {
        let (mut overdue, progress) = (Overdue::new(&limits()), Progress::default());
        ticks_until_over(&mut overdue, &progress, 9);
    }

    #[test]
    fn an_answer_that_moves_is_not_over() {
        let (mut overdue, progress) = (Overdue::new(&limits()), Progress::default());
        let progress = Arc::new(progress);
        let _serving = progress.begin();
        for _ in 0..50 {
            progress.moved();
            assert!(!overdue.is_over(&progress));
        }
    }
}
