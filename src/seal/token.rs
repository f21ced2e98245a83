//! Bearer tokens of clients and the hashes under which they are kept.
//!
//! In: random bytes, or the token of a request. Out: a new token, or its SHA-256. A token has 256
//! random bits, so a plain hash is enough: there is nothing to guess. Tokens are never stored.

use super::entropy::Entropy;
use super::hex;
use sha2::{Digest, Sha256};
use std::fmt;
use std::hash::{Hash, Hasher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Number of this algorithm in formats.
pub const SHA_256: u8 = 1;

/// How every token begins, so that scanners for leaked secrets can find it.
pub const TOKEN_PREFIX: &str = "hecha_";

/// SHA-256 of a token. Comparing takes the same time wherever two hashes differ.
#[derive(Clone, Copy, Eq)]
pub struct TokenHash(pub [u8; 32]);

/// A new token: `hecha_` and 64 hex digits. Show it once, keep its hash.
pub fn new_token(entropy: &dyn Entropy) -> String {
    let mut secret = Zeroizing::new([0; 32]);
    entropy.fill(secret.as_mut());
    let digits = hex::encode(&secret);
    let mut token = String::with_capacity(TOKEN_PREFIX.len() + digits.len());
    token.push_str(TOKEN_PREFIX);
    token.push_str(&digits);
    token
}

/// The hash under which `token` is kept.
pub fn hash(token: &str) -> TokenHash {
    TokenHash(Sha256::digest(token.as_bytes()).into())
}

impl TokenHash {
    /// 64 lower-case hex digits, as written in a clients file.
    pub fn to_hex(self) -> String {
        hex::encode(&self.0).to_string()
    }

    /// From 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::decode(text.as_bytes()).map(|bytes| Self(*bytes))
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Hash for TokenHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// The first eight digits: enough to tell clients apart in a log.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({}...)", &self.to_hex()[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::entropy::{OsEntropy, SeededEntropy};

    #[test]
    fn tokens_are_long_marked_and_never_the_same() {
        let token = new_token(&OsEntropy);
        assert!(token.starts_with("hecha_"));
        assert_eq!(token.len(), 6 + 64);
        assert!(token[6..].bytes().all(|b| b.is_ascii_hexdigit()));
        assert_ne!(token, new_token(&OsEntropy));
        assert_eq!(
            new_token(&SeededEntropy::new(1)),
            new_token(&SeededEntropy::new(1))
        );
    }

    #[test]
    fn the_hash_is_sha_256() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash("abc").to_hex(), expected);
        assert_eq!(TokenHash::from_hex(expected), Some(hash("abc")));
        assert_eq!(TokenHash::from_hex(&expected[1..]), None);
    }

    #[test]
    fn hashes_differ_wherever_they_differ() {
        let one = hash("abc");
        for place in 0..32 {
            let mut other = one;
            other.0[place] ^= 1;
            assert!(one != other);
        }
        assert_eq!(format!("{one:?}"), "TokenHash(ba7816bf...)");
    }
}
