//! A private authority, its certificates, and callers that speak TLS.

use crate::http::Connection;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Signs certificates for one test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        Self { issuer }
    }

    /// Its own certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Certificate of a gateway on this machine.
    pub fn server(&self) -> Identity {
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]);
        self.sign(params.unwrap(), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// Certificate of a calling unit.
    pub fn client(&self) -> Identity {
        let params = CertificateParams::new(Vec::<String>::new()).unwrap();
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// The same, but its last day is long past.
    pub fn expired_client(&self) -> Identity {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Identity {
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// A caller that trusts this authority and shows `identity`.
    pub fn caller(&self, identity: Option<&Identity>) -> Caller {
        Caller::trusting(&self.pem(), identity)
    }
}

impl Identity {
    /// Writes `NAME.pem` and `NAME.key`, each by a rename.
    pub fn write(&self, folder: &Path, name: &str) {
        for (text, ending) in [(&self.key, "key"), (&self.certificate, "pem")] {
            let aside = folder.join(format!("{name}.{ending}.aside"));
            fs::write(&aside, text).unwrap();
            fs::set_permissions(&aside, fs::Permissions::from_mode(0o600)).unwrap();
            fs::rename(&aside, folder.join(format!("{name}.{ending}"))).unwrap();
        }
    }
}

impl Identity {
    /// SHA-256 of its public key, as a client record names it.
    pub fn hash(&self) -> String {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        let hash = hecha::seal::certificate::CertificateHash::of(&certificate);
        hash.unwrap().to_hex()
    }
}

/// A caller with its own idea of whom to trust and what to show.
#[derive(Clone)]
pub struct Caller {
    pub config: ClientConfig,
}

impl Caller {
    /// A caller that trusts the authority of this certificate and shows `identity`.
    pub fn trusting(authority: &str, identity: Option<&Identity>) -> Self {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(authority.as_bytes());
        roots.add(authority.unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = CertificateDer::from_pem_slice(identity.certificate.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
                let chain = vec![chain.unwrap()];
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        Self { config }
    }

    /// A connection; the handshake is done where the gateway has agreed to it.
    pub fn connect(&self, address: SocketAddr) -> Connection {
        Connection::over(self.stream(address))
    }

    /// The certificate that the gateway shows.
    pub fn shown(&self, address: SocketAddr) -> Vec<u8> {
        let mut stream = self.stream(address);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    }

    /// The protocol that the gateway agrees to, and the beginning of what it answers to `bytes`;
    /// `None` where it agrees to none of `offered`.
    pub fn agreed(
        &self,
        address: SocketAddr,
        offered: &[&str],
        bytes: &[u8],
    ) -> Option<(String, Vec<u8>)> {
        let mut caller = self.clone();
        caller.config.alpn_protocols = offered.iter().map(|name| name.as_bytes().into()).collect();
        let mut stream = caller.stream(address);
        stream.write_all(bytes).ok()?;
        let mut answer = vec![0; 9];
        stream.read_exact(&mut answer).ok()?;
        let protocol = stream.conn.alpn_protocol()?.to_vec();
        Some((String::from_utf8(protocol).unwrap(), answer))
    }

    fn stream(&self, address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(self.config.clone()), name).unwrap();
        let socket = TcpStream::connect(address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        socket.set_nodelay(true).unwrap();
        StreamOwned::new(connection, socket)
    }
}
