//! A connection to a server, plain or by TLS, as bytes without waiting.
//!
//! In: an address, for TLS whom to believe. Out: what was received; sends go out whole. The
//! handshake is made before the socket is set not to wait.

use anyhow::{Context, Result, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

/// Bytes taken from a socket at once.
const CHUNK_BYTES: usize = 16 << 10;

/// Whom a client believes, for TLS.
pub type Believed = Arc<ClientConfig>;

/// One connection.
pub struct Channel {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

/// Believes the authority in a PEM file.
pub fn believe(authority: &Path) -> Result<Believed> {
    let named = || authority.display().to_string();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority).with_context(named)? {
        roots.add(certificate.with_context(named)?)?;
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

impl Channel {
    /// Connects, and shakes hands where TLS is spoken.
    pub fn connect(address: SocketAddr, tls: Option<&Believed>) -> Result<Self> {
        let mut socket =
            TcpStream::connect(address).with_context(|| format!("nobody listens on {address}"))?;
        socket.set_nodelay(true)?;
        let tls = match tls {
            None => None,
            Some(believed) => {
                let name = ServerName::from(address.ip());
                let mut session = ClientConnection::new(Arc::clone(believed), name)?;
                while session.is_handshaking() {
                    let done = session.complete_io(&mut socket);
                    done.with_context(|| format!("no TLS handshake with {address}"))?;
                }
                Some(Box::new(session))
            }
        };
        socket.set_nonblocking(true)?;
        Ok(Self { socket, tls })
    }

    /// For the system's waiting.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Sends all of `bytes`: a request is far smaller than a socket's buffer, which is empty.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(session) = &mut self.tls else {
            return write_whole(&mut self.socket, bytes);
        };
        session.writer().write_all(bytes)?;
        while session.wants_write() {
            match session.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(error) => return Err(error).context("the server closed a connection"),
            }
        }
        Ok(())
    }

    /// Appends what is there to `received`.
    pub fn receive(&mut self, received: &mut Vec<u8>) -> Result<()> {
        let Some(session) = &mut self.tls else {
            return read_some(&mut self.socket, received);
        };
        match session.read_tls(&mut self.socket) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("a connection broke"),
        }
        let state = session.process_new_packets().context("TLS broke")?;
        let start = received.len();
        received.resize(start + state.plaintext_bytes_to_read(), 0);
        session.reader().read_exact(&mut received[start..])?;
        Ok(())
    }
}

fn write_whole(socket: &mut TcpStream, mut rest: &[u8]) -> Result<()> {
    while !rest.is_empty() {
        match socket.write(rest) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => return Err(error).context("the server closed a connection"),
        }
    }
    Ok(())
}

fn read_some(socket: &mut TcpStream, received: &mut Vec<u8>) -> Result<()> {
    let mut chunk = [0; CHUNK_BYTES];
    match socket.read(&mut chunk) {
        Ok(0) => bail!("the server closed a connection"),
        Ok(read) => received.extend_from_slice(&chunk[..read]),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => return Err(error).context("a connection broke"),
    }
    Ok(())
}
