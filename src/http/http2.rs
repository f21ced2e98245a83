//! HTTP/2: how a connection says that it speaks it, and its limits.
//!
//! In: the first bytes of a connection. Out: whether they begin HTTP/2, and a builder with every
//! limit set by hand. Off unless `http2 = true`. Times are those of HTTP/1 (`connection.rs`); what
//! a peer sends without asking anything, and what it breaks off, is bounded by `progress.rs`.

use super::limits::Limits;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

/// What a client sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Requests under way on a connection at most.
const STREAMS_MAX: u32 = 100;
/// Bytes of a frame at most; the least that is allowed.
const FRAME_BYTES_MAX: u32 = 16_384;
/// Bytes of a body that may be on the way, of a request and of a connection.
const STREAM_WINDOW_BYTES: u32 = 65_535;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// Bytes of answers that are kept for a peer that does not read, of a request.
const SEND_BYTES_MAX: usize = 64 << 10;
/// Requests that a peer may break off before they are looked at, and those we broke off ourselves
/// because they were faulty: beyond, the connection is ended.
const RESETS_MAX: usize = 20;
const FAULTS_MAX: usize = 64;
/// A peer that says nothing is asked whether it is there, and must answer in time.
const ALIVE_EVERY: Duration = Duration::from_secs(20);
const ALIVE_MAX: Duration = Duration::from_secs(10);

/// Limits of HTTP/2.
pub fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(FAULTS_MAX)
        .keep_alive_interval(ALIVE_EVERY)
        .keep_alive_timeout(ALIVE_MAX);
    builder
}

/// The first bytes of a connection, as many as tell whether it speaks HTTP/2.
#[derive(Debug, Default)]
pub struct First {
    /// Read, and to be read again by whoever serves.
    pub bytes: Vec<u8>,
    /// Whether they are the beginning of HTTP/2.
    pub is_http2: bool,
}

/// Reads the first bytes: until the first that HTTP/2 does not begin with.
///
/// Errors: the peer has gone, or takes longer than its limits.
pub async fn first<S: AsyncRead + Unpin>(
    socket: &mut S,
    idle_max: Duration,
    head_max: Duration,
) -> io::Result<First> {
    let mut first = First::default();
    let mut until = Instant::now() + idle_max;
    while PREFACE.starts_with(&first.bytes) && first.bytes.len() < PREFACE.len() {
        let mut piece = [0; PREFACE.len()];
        let room = &mut piece[..PREFACE.len() - first.bytes.len()];
        let read = timeout_at(until, socket.read(room)).await??;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first.bytes.is_empty() {
            until = Instant::now() + head_max;
        }
        first.bytes.extend_from_slice(&piece[..read]);
    }
    first.is_http2 = first.bytes == PREFACE;
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_of(bytes: &[u8]) -> io::Result<First> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut bytes = bytes;
        runtime.block_on(first(&mut bytes, ALIVE_MAX, ALIVE_MAX))
    }

    #[test]
    fn a_preface_is_told_from_a_request_and_no_byte_is_lost() {
        let mut both = PREFACE.to_vec();
        both.extend_from_slice(b"more");
        let found = first_of(&both).unwrap();
        assert!(found.is_http2 && found.bytes == PREFACE);
        for text in [
            "GET / HTTP/1.1\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\rx",
            "POST",
        ] {
            let found = first_of(text.as_bytes()).unwrap();
            assert!(!found.is_http2, "{text}");
            assert!(text.as_bytes().starts_with(&found.bytes) && !found.bytes.is_empty());
        }
        assert!(first_of(b"PRI * HT").is_err(), "the peer has gone");
    }
}
