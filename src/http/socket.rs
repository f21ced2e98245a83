//! One connection's socket, in clear or under TLS, and the handshake before it.
//!
//! In: an accepted socket. Out: something to read from and write to. An enum, so that a plain
//! socket pays for TLS with one branch a read.
//!
//! HOT: polls only.

use super::tls::{self, Tls};
use crate::seal::certificate::CertificateHash;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A socket that is ready for HTTP.
pub enum Socket {
    /// In clear.
    Plain(TcpStream),
    /// Under TLS; boxed once a connection, because its state is large.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// Shakes hands. Errors: the kind of reason, one of `TLS_FAILURE_REASONS`; the socket is
    /// closed.
    pub async fn shake(socket: TcpStream, tls: &Tls) -> Result<Self, &'static str> {
        let acceptor = TlsAcceptor::from(tls.current());
        match timeout(tls.handshake_max(), acceptor.accept(socket)).await {
            Err(_) => Err("too_slow"),
            Ok(Err(error)) => Err(tls::failure_reason(&error)),
            Ok(Ok(stream)) => Ok(Self::Tls(Box::new(stream))),
        }
    }

    /// The verified certificate that the peer has shown, if any.
    pub fn certificate(&self) -> Option<CertificateHash> {
        let Self::Tls(stream) = self else {
            return None;
        };
        let chain = stream.get_ref().1.peer_certificates()?;
        CertificateHash::of(chain.first()?)
    }

    /// The protocol agreed on in the handshake (ALPN), if any.
    pub fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol(),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }
}
