//! Checks as nearly all of them come, answered without hyper.
//!
//! In: a connection of checks by HTTP/1. Out: answers in the same bytes and the same order of
//! errors as by hyper, as long as every request is one that `usual.rs` reads and its body does not
//! come slowly. At the first other one the connection is handed over with all that is not yet
//! answered, and stays with hyper.
//!
//! HOT: one read and one write a request; the room for both is kept for the next.

use super::check;
use super::context::{Context, unharmed};
use super::progress::{Overdue, Progress};
use super::reply::{self, Reply};
use super::route;
use super::usual::{self, Bounds, Reading, Usual};
use crate::seal::certificate::CertificateHash;
use crate::wire::checks::CHECK_BYTES_MAX;
use bytes::{Buf, BufMut, BytesMut};
use hyper::Response;
use hyper::header::{CONNECTION, CONTENT_LENGTH, DATE};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::Interval;

/// Room for one request, nearly always.
const ROOM_BYTES: usize = 4_096;
/// Room that an idle connection keeps.
const KEPT_BYTES: usize = 2 * ROOM_BYTES;
/// How a usual answer begins.
const OK_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
    cache-control: no-store\r\n";

/// The lane of one runtime.
pub struct Lane {
    context: Arc<Context>,
    bounds: Bounds,
}

/// What of a connection the lane needs.
pub struct OfConnection<'c> {
    /// What it is doing.
    pub progress: &'c Arc<Progress>,
    /// Its certificate.
    pub certificate: Option<CertificateHash>,
    /// Looks at it now and then.
    pub watch: &'c mut (Interval, Overdue),
    /// Whether the server stops.
    pub stopping: watch::Receiver<bool>,
}

/// How the lane ends.
pub enum End {
    /// The peer is done, or the server stops.
    Over,
    /// The peer was idle or slow for too long: it is cut off without a goodbye.
    Cut,
    /// Something else came: all that is not yet answered.
    Other(Vec<u8>),
}

/// Bytes of an answer are ready to be sent.
struct Made {
    is_last: bool,
}

impl Lane {
    /// Of a runtime.
    pub fn new(context: Arc<Context>) -> Self {
        let limits = &context.limits;
        let bounds = Bounds {
            head_bytes_max: limits.head_bytes_max,
            headers_max: limits.headers_max,
            body_bytes_max: CHECK_BYTES_MAX,
        };
        Self { context, bounds }
    }

    /// Serves a connection; `first` was read of it already.
    pub async fn serve<S>(&self, socket: &mut S, first: Vec<u8>, mut of: OfConnection<'_>) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut unread = BytesMut::from(&first[..]);
        let (mut ahead, mut out) = (BytesMut::new(), Vec::with_capacity(ROOM_BYTES));
        let mut stopping = of.stopping.clone();
        let mut stop = pin!(stopping.wait_for(|stop| *stop));
        // Of a head whose body is still to come, and whether a tick has passed since.
        let mut waits: Option<(Instant, bool)> = None;
        loop {
            let reading = usual::read(&unread, self.bounds);
            let has_head = matches!(reading, Reading::PartOfBody);
            let usual = match reading {
                Reading::Whole(usual) => usual,
                Reading::Other => return End::Other(unread.into()),
                Reading::PartOfHead | Reading::PartOfBody => {
                    if !unread.is_empty() {
                        of.progress.has_read();
                    }
                    if has_head && waits.is_none() {
                        waits = Some((Instant::now(), false));
                    }
                    make_room(&mut unread, &mut out);
                    let read = tokio::select! {
                        biased;
                        read = socket.read_buf(&mut unread) => read,
                        _ = &mut stop => return self.stopped(unread),
                        _ = of.watch.0.tick() => match &mut waits {
                            // Hyper says 408 when its time comes.
                            Some((_, true)) => return End::Other(unread.into()),
                            Some((_, has_ticked)) => {
                                *has_ticked = true;
                                continue;
                            }
                            None if of.watch.1.is_over(of.progress) => return End::Cut,
                            None => continue,
                        },
                    };
                    match read {
                        Ok(0) | Err(_) => return End::Over,
                        Ok(_) => continue,
                    }
                }
            };
            let bytes = usual.bytes;
            let head_at = waits.take().map(|(head_at, _)| head_at);
            // As long as more is there nothing else is read: what a connection may hold is bounded.
            let room = if unread.len() > bytes { 0 } else { ROOM_BYTES };
            let mut serving = of.progress.begin();
            out.clear();
            let made = {
                let answer = pin!(self.answer(usual, head_at, &of, &mut out));
                unless_gone(answer, socket, &mut ahead, room).await
            };
            let Some(made) = made else { return End::Over };
            serving.is_answered();
            if send(socket, &out, &mut of).await.is_err() {
                return End::Cut;
            }
            if made.is_last {
                return End::Over;
            }
            drop(serving);
            unread.advance(bytes);
            if !ahead.is_empty() {
                unread.unsplit(ahead.split());
            }
        }
    }

    /// Where part of a request is there, hyper says what becomes of it.
    fn stopped(&self, unread: BytesMut) -> End {
        match unread.is_empty() {
            true => End::Over,
            false => End::Other(unread.into()),
        }
    }

    /// Writes the answer of one request.
    async fn answer(
        &self,
        usual: Usual<'_>,
        head_at: Option<Instant>,
        of: &OfConnection<'_>,
        out: &mut Vec<u8>,
    ) -> Made {
        let context = &*self.context;
        let answered = match context.gateway.shared.recorder.is_alive() {
            false => Err(Box::new(route::log_is_dead(context))),
            true => {
                let work = pin!(check::usual(context, usual, head_at, of.certificate));
                unharmed(work, || Err(Box::new(context.failed()))).await
            }
        };
        let is_shed = answered
            .as_ref()
            .is_err_and(|response| response.body().is_shed());
        route::held_back(context, is_shed, of.progress).await;
        let trace = usual
            .trace
            .filter(|trace| reply::is_trace(trace.as_bytes()));
        let is_last = *of.stopping.borrow();
        match answered {
            Ok(body) => {
                out.extend_from_slice(OK_HEAD);
                end_head(out, trace, body.len(), is_last);
                out.extend_from_slice(&body);
                Made { is_last }
            }
            Err(response) => problem(*response, trace, is_last, out),
        }
    }
}

/// Room for what comes next. What a large request took is given back once it is answered.
fn make_room(unread: &mut BytesMut, out: &mut Vec<u8>) {
    if unread.is_empty() && (out.capacity() > KEPT_BYTES || unread.try_reclaim(KEPT_BYTES + 1)) {
        (*unread, *out) = (BytesMut::new(), Vec::new());
    }
    unread.reserve(ROOM_BYTES);
}

/// Does `work` while up to `room` bytes more are read; `None` where the peer goes away meanwhile:
/// it waits for no answer, and the log says so.
async fn unless_gone<S, T>(
    mut work: Pin<&mut impl Future<Output = T>>,
    socket: &mut S,
    ahead: &mut BytesMut,
    room: usize,
) -> Option<T>
where
    S: AsyncRead + Unpin,
{
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        while ahead.len() < room {
            ahead.reserve(ROOM_BYTES);
            let left = room - ahead.len();
            let mut rest = (&mut *ahead).limit(left);
            match pin!(socket.read_buf(&mut rest)).poll(cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(None),
                Poll::Ready(Ok(_)) => (),
            }
        }
        Poll::Pending
    })
    .await
}

/// Writes what is not an answer; off the hot path.
fn problem(
    response: Response<Reply>,
    trace: Option<&str>,
    is_last: bool,
    out: &mut Vec<u8>,
) -> Made {
    let (head, body) = response.into_parts();
    let reason = head.status.canonical_reason().unwrap_or("");
    let line = format!("HTTP/1.1 {} {reason}\r\n", head.status.as_str());
    out.extend_from_slice(line.as_bytes());
    let closes = is_last || head.headers.contains_key(CONNECTION);
    for (name, value) in &head.headers {
        if name != CONNECTION {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    let body = body.into_whole().unwrap_or_default();
    end_head(out, trace, body.len(), closes);
    out.extend_from_slice(&body);
    Made { is_last: closes }
}

fn end_head(out: &mut Vec<u8>, trace: Option<&str>, body_bytes: usize, is_last: bool) {
    let mut line = |name: &str, value: &[u8]| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    };
    if let Some(trace) = trace {
        line("traceparent", trace.as_bytes());
    }
    if is_last {
        line(CONNECTION.as_str(), b"close");
    }
    let mut digits = itoa::Buffer::new();
    line(
        CONTENT_LENGTH.as_str(),
        digits.format(body_bytes).as_bytes(),
    );
    with_date(|date| line(DATE.as_str(), date));
    out.extend_from_slice(b"\r\n");
}

/// The moment as HTTP writes it, made once a second.
fn with_date(write: impl FnOnce(&[u8])) {
    thread_local! {
        static DATE: RefCell<(Duration, String)> = RefCell::default();
    }
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let second = Duration::from_secs(since.as_secs());
    DATE.with_borrow_mut(|(of, text)| {
        if *of != second || text.is_empty() {
            (*of, *text) = (second, httpdate::fmt_http_date(now));
        }
        write(text.as_bytes());
    });
}

/// Sends an answer. Errors: the peer is gone, or takes it too slowly.
async fn send<S>(socket: &mut S, out: &[u8], of: &mut OfConnection<'_>) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    let mut sent = 0;
    loop {
        let rest = &out[sent..];
        let step = async {
            match rest.is_empty() {
                true => socket.flush().await.map(|()| None),
                false => socket.write(rest).await.map(Some),
            }
        };
        tokio::select! {
            biased;
            step = step => match step? {
                None => return Ok(()),
                Some(0) => return Err(io::ErrorKind::WriteZero.into()),
                Some(written) => {
                    sent += written;
                    of.progress.has_sent(written);
                }
            },
            _ = of.watch.0.tick() => {
                if of.watch.1.is_over(of.progress) {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
    }
}
