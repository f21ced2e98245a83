//! Authenticated encryption of small records: AES-256-GCM-SIV, RFC 8452.
//!
//! In: a derived key, 16 random bytes of the record, further bytes that must not be exchanged, the
//! record. Out: the record sealed, 16 bytes longer. The first 12 random bytes are the nonce, all 16
//! are authenticated; should two records ever share them, an observer learns at most whether the
//! records are equal.

use super::derive::DerivedKey;
use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

/// Number of this algorithm in formats.
pub const AES_256_GCM_SIV: u8 = 1;

/// What sealing adds to a record, in bytes.
pub const TAG_BYTES: usize = 16;

/// A sealed record does not open: another key, other random bytes or further bytes, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed record does not open: another key than the one named, or damage")]
pub struct OpenError;

/// A key, prepared; the library wipes it when the last clone is dropped.
#[derive(Clone)]
pub struct SealKey {
    cipher: Arc<LessSafeKey>,
}

impl SealKey {
    /// From a derived key.
    pub fn new(key: &DerivedKey) -> Self {
        #[expect(clippy::expect_used, reason = "the cipher's keys have 32 bytes")]
        let key = UnboundKey::new(&aead::AES_256_GCM_SIV, key.as_bytes()).expect("32 bytes");
        Self {
            cipher: Arc::new(LessSafeKey::new(key)),
        }
    }

    /// Appends `plain`, sealed, to `out`: `plain.len() + TAG_BYTES` bytes.
    ///
    /// `random` must be fresh for every record; it and `aad` are needed to open.
    pub fn seal(&self, random: &[u8; 16], aad: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(plain);
        let bound = Aad::from(bound(random, aad));
        let body = &mut out[start..];
        let sealed = self
            .cipher
            .seal_in_place_separate_tag(nonce(random), bound, body);
        #[expect(
            clippy::expect_used,
            reason = "RFC 8452 takes 2^36 bytes, memory holds fewer"
        )]
        let tag = sealed.expect("a record shorter than 64 GiB");
        out.extend_from_slice(tag.as_ref());
    }

    /// The record behind `sealed`.
    ///
    /// Errors: the key, `random` or `aad` are not those of sealing, or a bit was changed.
    pub fn open(&self, random: &[u8; 16], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let mut plain = sealed.to_vec();
        let bound = Aad::from(bound(random, aad));
        let opened = self.cipher.open_in_place(nonce(random), bound, &mut plain);
        let length = opened.map_err(|_| OpenError)?.len();
        plain.truncate(length);
        Ok(plain)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

fn nonce(random: &[u8; 16]) -> Nonce {
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&random[..12]);
    Nonce::assume_unique_for_key(nonce)
}

/// What is authenticated beside the record.
fn bound(random: &[u8; 16], aad: &[u8]) -> SmallVec<[u8; 128]> {
    let mut bound = SmallVec::from_slice(random);
    bound.extend_from_slice(aad);
    bound
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::derive::derive;
    use crate::seal::keys::MasterKey;
    use proptest::prelude::*;

    fn key(seed: u8) -> SealKey {
        SealKey::new(&derive(&MasterKey::from_bytes([seed; 32]), b"", "test"))
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_cipher_is_that_of_rfc_8452() {
        // Appendix C.2: key and nonce as there; 8 bytes without, then with one byte beside.
        let mut secret = [0; 32];
        secret[0] = 1;
        let cipher = LessSafeKey::new(UnboundKey::new(&aead::AES_256_GCM_SIV, &secret).unwrap());
        let sealed = |aad: &[u8], first: u8| {
            let mut nonce = [0; 12];
            nonce[0] = 3;
            let nonce = Nonce::assume_unique_for_key(nonce);
            let mut text = [first, 0, 0, 0, 0, 0, 0, 0];
            let tag = cipher.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut text);
            hex(&[text.as_slice(), tag.unwrap().as_ref()].concat())
        };
        assert_eq!(
            sealed(&[], 1),
            "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"
        );
        assert_eq!(
            sealed(&[1], 2),
            "1de22967237a813291213f267e3b452f02d01ae33e4ec854"
        );
    }

    #[test]
    fn sealed_records_of_format_1_still_open() {
        let mut sealed = Vec::new();
        key(1).seal(b"0123456789abcdef", b"beside", b"record", &mut sealed);
        assert_eq!(hex(&sealed), "666699e7809ac033cc88e78631cb2610c1ade3e91642");
        let plain = key(1)
            .open(b"0123456789abcdef", b"beside", &sealed)
            .unwrap();
        assert_eq!(plain, b"record");
    }

    #[test]
    fn nothing_exchanged_opens() {
        let random = [7; 16];
        let mut sealed = vec![0xff; 3];
        key(1).seal(&random, b"beside", b"record", &mut sealed);
        assert_eq!(sealed.len(), 3 + "record".len() + TAG_BYTES);
        let sealed = &sealed[3..];
        let fails = |key: &SealKey, random: &[u8; 16], aad: &[u8], sealed: &[u8]| {
            assert_eq!(key.open(random, aad, sealed), Err(OpenError));
        };
        fails(&key(2), &random, b"beside", sealed);
        fails(&key(1), &random, b"besides", sealed);
        for place in 0..16 {
            let mut other = random;
            other[place] ^= 1;
            fails(&key(1), &other, b"beside", sealed);
        }
        for place in 0..sealed.len() {
            let mut other = sealed.to_vec();
            other[place] ^= 1;
            fails(&key(1), &random, b"beside", &other);
            fails(&key(1), &random, b"beside", &sealed[..place]);
        }
        // The random bytes end where they end: none of them may pass for a byte beside.
        let mut longer = Vec::new();
        key(1).seal(&random, &[7, 1], b"record", &mut longer);
        fails(&key(1), &random, &[1], &longer);
    }

    #[test]
    fn a_sealed_record_that_does_not_open_says_why_and_a_key_prints_nothing() {
        let text = "the sealed record does not open: another key than the one named, or damage";
        assert_eq!(OpenError.to_string(), text);
        assert_eq!(format!("{:?}", key(1)), "SealKey");
    }

    proptest! {
        #[test]
        fn every_record_opens_again(random: [u8; 16], aad: Vec<u8>, plain: Vec<u8>) {
            let mut sealed = Vec::new();
            key(1).seal(&random, &aad, &plain, &mut sealed);
            prop_assert_eq!(key(1).open(&random, &aad, &sealed), Ok(plain));
        }
    }
}
