//! TLS of one listener: certificate, key and authority, from their files and again on a change.
//!
//! In: paths. Out: what a handshake needs, and the kind of reason for which one failed. TLS 1.3
//! alone, no tickets, no early data: a connection is resumed by nobody and replayed by nobody. A
//! new pair that cannot be used leaves the old one in service. A key is never printed, a failed
//! handshake never described by what the peer sent.

use crate::seal::place::{self, PlaceError};
use crate::storage::stamp::Stamp;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, RootCertStore, ServerConfig};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use zeroize::{Zeroize, Zeroizing};

/// Longest PEM file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Permission bits that a file with a private key may not have.
const MODE_OTHERS: u32 = 0o077;

/// Whether callers show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// None is asked for.
    Off,
    /// One that is shown must be genuine; none is fine.
    Optional,
    /// No connection without one.
    Required,
}

/// Files and terms of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificate of the gateway and those up to its authority, PEM.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
    /// Authorities whose certificates callers may show, PEM.
    pub client_ca_file: Option<PathBuf>,
    /// Whether they must.
    pub client_auth: ClientAuth,
}

/// The protocols that a listener offers in its handshakes (ALPN), best first. A caller that names
/// none speaks HTTP/1.1.
fn protocols(http2: bool) -> Vec<Vec<u8>> {
    let offered: &[&[u8]] = match http2 {
        true => &[b"h2", b"http/1.1"],
        false => &[b"http/1.1"],
    };
    offered.iter().map(|name| name.to_vec()).collect()
}

/// Why the files cannot be used. Never holds a part of a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A credential of systemd, or a key in place of its path.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A file.
    #[error("`{key}`: `{}` cannot be read ({fault})", path.display())]
    Read {
        /// Key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// A private key that others can reach.
    #[error(
        "`tls_key_file`: `{}` has mode {mode:04o}, so others than its owner can reach it; run \
         `chmod 600` on it",
        path.display()
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not what it should hold.
    #[error("`{key}`: `{}` holds no {wanted} in PEM form", path.display())]
    Format {
        /// Key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// Certificate and key are not of one pair, or of a kind that TLS 1.3 does not know.
    #[error(
        "`{}` and `{}` do not serve together ({reason}); the key must be that of the first \
         certificate",
        cert.display(), key.display()
    )]
    Pair {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// What the library says.
        reason: String,
    },
    /// An authority that cannot vouch for anybody.
    #[error("`tls_client_ca_file`: `{}` cannot be used ({reason})", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What the library says.
        reason: String,
    },
}

/// TLS of one listener.
pub struct Tls {
    options: TlsOptions,
    handshake_max: Duration,
    http2: bool,
    current: RwLock<Arc<ServerConfig>>,
    /// The files as they were when last read.
    seen: Mutex<[Stamp; 3]>,
}

impl Tls {
    /// Reads the files. A handshake may take at most `handshake_max`; `http2`: offers HTTP/2 too.
    pub fn load(
        options: TlsOptions,
        handshake_max: Duration,
        http2: bool,
    ) -> Result<Self, TlsError> {
        let seen = Mutex::new(stamps(&options));
        let current = RwLock::new(Arc::new(read(&options, http2)?));
        Ok(Self {
            options,
            handshake_max,
            http2,
            current,
            seen,
        })
    }

    /// What the next handshake goes by.
    pub fn current(&self) -> Arc<ServerConfig> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Longest time for a handshake.
    pub fn handshake_max(&self) -> Duration {
        self.handshake_max
    }

    /// Whether one of the files is another than when last read.
    pub fn is_changed(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen != stamps(&self.options)
    }

    /// Reads the files again. Errors: what was read before serves on, and `is_changed` is false
    /// until the files change again.
    pub fn reload(&self) -> Result<(), TlsError> {
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            *seen = stamps(&self.options);
        }
        let next = Arc::new(read(&self.options, self.http2)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}

/// The kind of reason for which a handshake failed; one of
/// `telemetry::TLS_FAILURE_REASONS`.
pub fn failure_reason(error: &io::Error) -> &'static str {
    use rustls::Error;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(Error::NoCertificatesPresented) => "certificate_missing",
        Some(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => "certificate_expired",
        Some(Error::InvalidCertificate(_)) => "certificate_not_accepted",
        Some(Error::InvalidMessage(_)) => "not_tls",
        Some(Error::AlertReceived(_)) => "refused_by_peer",
        Some(_) => "protocol",
        None => "closed_by_peer",
    }
}

fn stamps(options: &TlsOptions) -> [Stamp; 3] {
    let authority = options.client_ca_file.as_deref();
    let files = [
        Some(&*options.cert_file),
        Some(&options.key_file),
        authority,
    ];
    files.map(|file| Stamp::of(file.unwrap_or(Path::new(""))))
}

fn read(options: &TlsOptions, http2: bool) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pair = read_pair(options)?;
    let verifier = read_verifier(options, &provider)?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|fault| unfit(options, &fault))?;
    let mut config = builder
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    config.alpn_protocols = protocols(http2);
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

fn read_pair(options: &TlsOptions) -> Result<CertifiedKey, TlsError> {
    let (cert_file, key_file) = (&options.cert_file, &options.key_file);
    let chain = certificates("tls_cert_file", cert_file)?;
    let text = read_file("tls_key_file", key_file, |mode| {
        let path = key_file.clone();
        (mode & MODE_OTHERS != 0).then_some(TlsError::TooOpen { path, mode })
    })?;
    let key = PrivateKeyDer::from_pem_slice(&text);
    let mut key = key.map_err(|_| TlsError::Format {
        key: "tls_key_file",
        path: key_file.clone(),
        wanted: "private key",
    })?;
    let signing = aws_lc_rs::sign::any_supported_type(&key);
    key.zeroize();
    let pair = CertifiedKey::new(chain, signing.map_err(|fault| unfit(options, &fault))?);
    pair.keys_match().map_err(|fault| unfit(options, &fault))?;
    Ok(pair)
}

fn unfit(options: &TlsOptions, fault: &rustls::Error) -> TlsError {
    TlsError::Pair {
        cert: options.cert_file.clone(),
        key: options.key_file.clone(),
        reason: fault.to_string(),
    }
}

fn read_verifier(
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let path = match (&options.client_ca_file, options.client_auth) {
        (Some(path), ClientAuth::Optional | ClientAuth::Required) => path,
        _ => return Ok(Arc::new(NoClientAuth)),
    };
    let unusable = |reason: String| TlsError::Authority {
        path: path.clone(),
        reason,
    };
    let mut authorities = RootCertStore::empty();
    for certificate in certificates("tls_client_ca_file", path)? {
        let added = authorities.add(certificate);
        added.map_err(|fault| unusable(fault.to_string()))?;
    }
    let provider = Arc::clone(provider);
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider);
    let builder = match options.client_auth {
        ClientAuth::Optional => builder.allow_unauthenticated(),
        _ => builder,
    };
    builder.build().map_err(|fault| unusable(fault.to_string()))
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read_file(key, path, |_| None)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError::Format {
            key,
            path: path.to_owned(),
            wanted: "certificate",
        }),
    }
}

fn read_file(
    key: &'static str,
    path: &Path,
    refuse: impl FnOnce(u32) -> Option<TlsError>,
) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let unreadable = |fault| TlsError::Read {
        key,
        path: path.to_owned(),
        fault,
    };
    let file = File::open(place::find(path)?).map_err(unreadable)?;
    // The mode of the open file, so that nobody can exchange it in between.
    let metadata = file.metadata().map_err(unreadable)?;
    if let Some(refused) = refuse(place::mode_of(path, &metadata)) {
        return Err(refused);
    }
    let bytes = metadata.len().min(FILE_BYTES_MAX);
    // Room for all at once: a vector that grows leaves copies of a key behind.
    let room = usize::try_from(bytes).unwrap_or(0) + 1;
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    let mut limited = file.take(bytes);
    limited.read_to_end(&mut text).map_err(unreadable)?;
    Ok(text)
}
