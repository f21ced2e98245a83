//! Certificates of calling units, known by the SHA-256 of their public key.
//!
//! In: a certificate, DER or PEM. Out: SHA-256 of its SubjectPublicKeyInfo, which a renewed
//! certificate of the same key keeps. Trusts nothing: whether a certificate is genuine is found in
//! the handshake.

use super::hex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ParsedCertificate;
use sha2::{Digest, Sha256};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// SHA-256 of a certificate's SubjectPublicKeyInfo.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CertificateHash(pub [u8; 32]);

/// Why a file gives no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file could not be read.
    #[error("the certificate `{}` cannot be read ({fault})", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// No certificate in it.
    #[error(
        "`{}` holds no X.509 certificate in PEM form (`-----BEGIN CERTIFICATE-----`)",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
    },
}

impl CertificateHash {
    /// Of a certificate; `None` where it is none.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = ParsedCertificate::try_from(certificate).ok()?;
        let key = parsed.subject_public_key_info();
        Some(Self(Sha256::digest(key.as_ref()).into()))
    }

    /// Of the first certificate in a PEM file.
    pub fn of_file(path: &Path) -> Result<Self, CertificateError> {
        let text = std::fs::read(path).map_err(|fault| CertificateError::Read {
            path: path.to_owned(),
            fault,
        })?;
        let certificate = CertificateDer::from_pem_slice(&text).ok();
        let hash = certificate.and_then(|certificate| Self::of(&certificate));
        hash.ok_or_else(|| CertificateError::Format {
            path: path.to_owned(),
        })
    }

    /// 64 lower-case hex digits, as written in a clients file.
    pub fn to_hex(self) -> String {
        hex::encode(&self.0).to_string()
    }

    /// From 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::decode(text.as_bytes()).map(|bytes| Self(*bytes))
    }
}

/// The first eight digits: enough to tell units apart in a log.
impl fmt::Debug for CertificateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateHash({}...)", &self.to_hex()[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, PublicKeyData};

    #[test]
    fn the_hash_is_that_of_the_public_key_and_outlives_a_renewal() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let wanted = Sha256::digest(key.subject_public_key_info());
        for name in ["first", "second"] {
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            let certificate = params.self_signed(&key).unwrap();
            let path = folder.path().join(name);
            std::fs::write(&path, certificate.pem()).unwrap();
            let hash = CertificateHash::of_file(&path).unwrap();
            assert_eq!(hash.0, *wanted);
            assert_eq!(CertificateHash::from_hex(&hash.to_hex()), Some(hash));
        }
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.pem");
        let error = CertificateHash::of_file(&path).unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
        let key = KeyPair::generate().unwrap().serialize_pem();
        std::fs::write(&path, key).unwrap();
        let error = CertificateHash::of_file(&path).unwrap_err().to_string();
        assert!(error.contains("holds no X.509 certificate"), "{error}");
    }
}
