//! One connection: what it is doing, and its end when that takes too long.
//!
//! In: a socket and a service. Out: nothing; the connection is closed when its peer is done, when
//! the server stops, or when a limit is passed. hyper's own timers are not used: they arm a timer
//! on every request, and count an idle connection as a slow head. Here a connection notes its
//! phase in two words, and one slow tick looks at them.
//!
//! HOT: two relaxed stores a request.

use super::limits::Limits;
use super::progress::{Phase, Progress};
use super::reply::Reply;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
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
use tokio::time::{MissedTickBehavior, interval};

/// A socket that notes what moves.
struct WatchedSocket<S> {
    socket: S,
    progress: Arc<Progress>,
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.progress.has_read();
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
        if matches!(polled, Poll::Ready(Ok(_))) {
            self.progress.moved();
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
        if matches!(polled, Poll::Ready(Ok(_))) {
            self.progress.moved();
        }
        polled
    }
}

/// Serves one socket until its peer is done, a limit is passed, or `stopping` turns true and the
/// request in hand is answered.
pub async fn serve<S, F, A>(
    socket: S,
    limits: &Limits,
    mut stopping: watch::Receiver<bool>,
    answer: F,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<Incoming>, Arc<Progress>) -> A,
    A: Future<Output = hyper::Response<Reply>>,
{
    let progress = Arc::new(Progress::default());
    let watched = WatchedSocket {
        socket,
        progress: Arc::clone(&progress),
    };
    let of_request = Arc::clone(&progress);
    let service = service_fn(move |request| {
        of_request.enter(Phase::Serving);
        let answered = answer(request, Arc::clone(&of_request));
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes_max.max(8_192))
        .max_headers(limits.headers_max)
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(watched), service);
    let mut connection = pin!(connection);
    let mut watch = interval(limits.watch_interval());
    watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut overdue = Overdue::new(limits);
    let mut told_to_stop = false;
    loop {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            _ = stopping.wait_for(|stop| *stop), if !told_to_stop => {
                told_to_stop = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = watch.tick() => if overdue.is_over(&progress) { return },
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
        progress.enter(Phase::Serving);
        for _ in 0..50 {
            progress.moved();
            assert!(!overdue.is_over(&progress));
        }
    }
}
