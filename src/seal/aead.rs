//! Authenticated encryption of small records: AES-256-GCM-SIV, RFC 8452.
//!
//! In: a derived key, 16 random bytes of the record, further bytes that must not be exchanged, the
//! record. Out: the record sealed, 16 bytes longer. The first 12 random bytes are the nonce, all 16
//! are authenticated; should two records ever share them, an observer learns at most whether the
//! records are equal.

use super::derive::DerivedKey;
use aes_gcm_siv::aead::{AeadInOut, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Key, Nonce, Tag};
use smallvec::SmallVec;
use std::fmt;

/// Number of this algorithm in formats.
pub const AES_256_GCM_SIV: u8 = 1;

/// What sealing adds to a record, in bytes.
pub const TAG_BYTES: usize = 16;

/// A sealed record does not open: another key, other random bytes or further bytes, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed record does not open: another key than the one named, or damage")]
pub struct OpenError;

/// A key with its schedule prepared.
#[derive(Clone)]
pub struct SealKey {
    cipher: Aes256GcmSiv,
}

impl SealKey {
    /// From a derived key.
    pub fn new(key: &DerivedKey) -> Self {
        Self {
            cipher: Aes256GcmSiv::new(&Key::<Aes256GcmSiv>::from(*key.as_bytes())),
        }
    }

    /// Appends `plain`, sealed, to `out`: `plain.len() + TAG_BYTES` bytes.
    ///
    /// `random` must be fresh for every record; it and `aad` are needed to open.
    pub fn seal(&self, random: &[u8; 16], aad: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(plain);
        let bound = bound(random, aad);
        #[expect(
            clippy::expect_used,
            reason = "RFC 8452 takes 2^36 bytes, memory holds fewer"
        )]
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce(random), &bound, (&mut out[start..]).into())
            .expect("a record shorter than 64 GiB");
        out.extend_from_slice(&tag);
    }

    /// The record behind `sealed`.
    ///
    /// Errors: the key, `random` or `aad` are not those of sealing, or a bit was changed.
    pub fn open(&self, random: &[u8; 16], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (body, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(OpenError)?;
        let mut plain = body.to_vec();
        let bound = bound(random, aad);
        self.cipher
            .decrypt_inout_detached(
                &nonce(random),
                &bound,
                plain.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| OpenError)?;
        Ok(plain)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

fn nonce(random: &[u8; 16]) -> Nonce {
    let mut nonce = Nonce::default();
    nonce.copy_from_slice(&random[..12]);
    nonce
}

/// What is authenticated beside the record.
fn bound(random: &[u8; 16], aad: &[u8]) -> SmallVec<[u8; 128]> {
    let mut bound = SmallVec::from_slice(random);
    bound.extend_from_slice(aad);
    bound
}
