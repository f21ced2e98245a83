//! Keyed digests of numbers: the only form in which a number is stored.
//!
//! HMAC-SHA-256 cut to 128 bits, domain-separated by type, and for masked numbers by pattern. The
//! key is derived for each build from a master key that never stands in the snapshot. Under 2^37
//! citizen numbers are plausible: without the key a digest would be no protection.

use super::document::{FullNumber, NUMBER_CHARS_MAX};
use super::kind::IdType;
use super::mask::{MaskPattern, MaskedNumber};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroize;

/// First 128 bits of the keyed digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 16]);

/// A key with its HMAC state prepared, about 130 ns a digest.
#[derive(Clone)]
pub struct DigestKey {
    state: Hmac<Sha256>,
}

impl DigestKey {
    /// From 32 derived bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let state = Hmac::<Sha256>::new_from_slice(key).expect("a 32-byte key");
        Self { state }
    }

    /// Digest of a full number.
    pub fn full(&self, number: &FullNumber) -> Digest {
        self.digest(&[0, number.id_type() as u8], number.as_bytes())
    }

    /// Digest of a masked number: its pattern and visible characters.
    pub fn masked(&self, number: &MaskedNumber) -> Digest {
        self.digest(
            &pattern_domain(number.id_type(), number.pattern()),
            number.as_bytes(),
        )
    }

    /// Digest that a masked number of `pattern` would have if `number` stood behind it; `None`
    /// where the lengths differ.
    pub fn under_pattern(&self, pattern: MaskPattern, number: &FullNumber) -> Option<Digest> {
        let text = number.as_bytes();
        if text.len() != usize::from(pattern.len) {
            return None;
        }
        let mut seen = [b'*'; NUMBER_CHARS_MAX];
        for (i, c) in text.iter().enumerate() {
            if pattern.visible & (1 << i) != 0 {
                seen[i] = *c;
            }
        }
        let digest = self.digest(
            &pattern_domain(number.id_type(), pattern),
            &seen[..text.len()],
        );
        seen.zeroize();
        Some(digest)
    }

    /// Digest of any text in a domain of its own (for example names under the log key).
    pub fn text(&self, domain: &str, text: &[u8]) -> Digest {
        let mut header = [0u8; 3];
        header[0] = 2;
        header[1..].copy_from_slice(&(domain.len() as u16).to_le_bytes());
        let mut mac = self.state.clone();
        mac.update(&header);
        mac.update(domain.as_bytes());
        cut(mac, text)
    }

    fn digest(&self, domain: &[u8], text: &[u8]) -> Digest {
        let mut mac = self.state.clone();
        mac.update(domain);
        cut(mac, text)
    }
}

fn cut(mut mac: Hmac<Sha256>, text: &[u8]) -> Digest {
    mac.update(text);
    let tag = mac.finalize().into_bytes();
    let mut first = [0; 16];
    first.copy_from_slice(&tag[..16]);
    Digest(first)
}

fn pattern_domain(id_type: IdType, pattern: MaskPattern) -> [u8; 7] {
    let [a, b, c, d] = pattern.visible.to_le_bytes();
    [1, id_type as u8, pattern.len, a, b, c, d]
}
