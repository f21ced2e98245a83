//! Keyed digests of numbers: the only form in which a number is stored.
//!
//! HMAC-SHA-256 cut to 128 bits, domain-separated by type, and for masked numbers by pattern. The
//! key is derived for each build from a master key that never stands in the snapshot. Under 2^37
//! citizen numbers are plausible: without the key a digest would be no protection.

use super::document::{FullNumber, NUMBER_CHARS_MAX};
use super::kind::IdType;
use super::mask::{MaskPattern, MaskedNumber};
use sha2::block_api::compress256;
use std::fmt;
use std::slice;
use zeroize::Zeroize;

/// Number of this algorithm in formats.
pub const HMAC_SHA_256_128: u8 = 1;

/// First 128 bits of the keyed digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 16]);

/// Bytes of a block of SHA-256.
const BLOCK_BYTES: usize = 64;
/// Its state before the first block, FIPS 180-4, 5.3.3.
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A key with both states of HMAC (RFC 2104) behind their first block: a digest of a number is two
/// compressions.
#[derive(Clone)]
pub struct DigestKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Drop for DigestKey {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// Shows nothing: the key is not printed.
impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey")
    }
}

impl DigestKey {
    /// From 32 derived bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        let state_behind = |pad: u8| {
            let mut block = [pad; BLOCK_BYTES];
            block
                .iter_mut()
                .zip(key)
                .for_each(|(byte, key)| *byte ^= key);
            let mut state = START;
            compress256(&mut state, slice::from_ref(&block));
            block.zeroize();
            state
        };
        Self {
            inner: state_behind(0x36),
            outer: state_behind(0x5c),
        }
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
        self.of([&header, domain.as_bytes(), text])
    }

    fn digest(&self, domain: &[u8], text: &[u8]) -> Digest {
        self.of([domain, text, &[]])
    }

    fn of(&self, parts: [&[u8]; 3]) -> Digest {
        let mut hash = Hash::behind_one_block(self.inner);
        parts.into_iter().for_each(|part| hash.add(part));
        let mut inner = hash.finish();
        let mut hash = Hash::behind_one_block(self.outer);
        hash.add(&inner);
        let mut tag = hash.finish();
        let mut first = [0; 16];
        first.copy_from_slice(&tag[..16]);
        inner.zeroize();
        tag.zeroize();
        Digest(first)
    }
}

/// SHA-256 from a state on.
struct Hash {
    state: [u32; 8],
    block: [u8; BLOCK_BYTES],
    /// Bytes of `block` that are filled: never all of them.
    filled: usize,
    bytes: u64,
}

impl Hash {
    fn behind_one_block(state: [u32; 8]) -> Self {
        Self {
            state,
            block: [0; BLOCK_BYTES],
            filled: 0,
            bytes: BLOCK_BYTES as u64,
        }
    }

    fn add(&mut self, mut part: &[u8]) {
        self.bytes += part.len() as u64;
        if self.filled + part.len() < BLOCK_BYTES {
            self.fill(part);
            return;
        }
        if self.filled > 0 {
            let (front, rest) = part.split_at(BLOCK_BYTES - self.filled);
            self.block[self.filled..].copy_from_slice(front);
            compress256(&mut self.state, slice::from_ref(&self.block));
            (self.filled, part) = (0, rest);
        }
        let (blocks, rest) = part.as_chunks();
        compress256(&mut self.state, blocks);
        self.fill(rest);
    }

    fn fill(&mut self, part: &[u8]) {
        let filled = self.filled + part.len();
        self.block[self.filled..filled].copy_from_slice(part);
        self.filled = filled;
    }

    fn finish(mut self) -> [u8; 32] {
        const LENGTH_AT: usize = BLOCK_BYTES - 8;
        self.block[self.filled] = 0x80;
        self.block[self.filled + 1..].fill(0);
        if self.filled >= LENGTH_AT {
            compress256(&mut self.state, slice::from_ref(&self.block));
            self.block.fill(0);
        }
        self.block[LENGTH_AT..].copy_from_slice(&(self.bytes * 8).to_be_bytes());
        compress256(&mut self.state, slice::from_ref(&self.block));
        let mut out = [0; 32];
        for (bytes, word) in out.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        self.block.zeroize();
        self.state.zeroize();
        out
    }
}

fn pattern_domain(id_type: IdType, pattern: MaskPattern) -> [u8; 7] {
    let [a, b, c, d] = pattern.visible.to_le_bytes();
    [1, id_type as u8, pattern.len, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::mask::ListedNumber;
    use crate::identifier::synthetic;
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha2::Sha256;
    use std::collections::HashSet;

    fn key() -> DigestKey {
        DigestKey::new(&[7; 32])
    }

    fn full(id_type: IdType, text: &str) -> FullNumber {
        FullNumber::parse(id_type, text).unwrap()
    }

    fn masked(id_type: IdType, text: &str) -> MaskedNumber {
        match ListedNumber::parse(id_type, text) {
            Ok(ListedNumber::Masked(masked)) => masked,
            other => panic!("not masked: {other:?}"),
        }
    }

    #[test]
    fn the_digest_is_the_first_half_of_hmac_sha_256() {
        // RFC 4231, test case 1 (`Hi There`); its key of 20 bytes, filled with zeros as HMAC does.
        let mut bytes = [0; 32];
        bytes[..20].fill(0x0b);
        let digest = DigestKey::new(&bytes).digest(b"Hi ", b"There");
        let expected = 0xb034_4c61_d8db_3853_5ca8_afce_af0b_f12b_u128;
        assert_eq!(u128::from_be_bytes(digest.0), expected);
    }

    proptest! {
        #[test]
        fn a_digest_is_that_of_the_library(
            bytes: [u8; 32],
            domain in "[a-z]{0,70}",
            text in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut mac = Hmac::<Sha256>::new_from_slice(&bytes).unwrap();
            mac.update(&[2]);
            mac.update(&(domain.len() as u16).to_le_bytes());
            mac.update(domain.as_bytes());
            mac.update(&text);
            let expected = mac.finalize().into_bytes();
            let digest = DigestKey::new(&bytes).text(&domain, &text);
            prop_assert_eq!(&digest.0[..], &expected[..16]);
        }
    }

    #[test]
    fn one_number_has_another_digest_under_each_type_pattern_domain_and_key() {
        let number = "990102198003071239";
        let mut seen = HashSet::new();
        for id_type in IdType::ALL
            .into_iter()
            .filter(|id_type| id_type.of_person())
        {
            assert!(seen.insert(key().full(&full(id_type, number))));
            for text in [
                "9901021980****1239",
                "990102********1239",
                "9901021980*****239",
            ] {
                assert!(seen.insert(key().masked(&masked(id_type, text))), "{text}");
            }
        }
        for domain in ["", "a", "names"] {
            assert!(seen.insert(key().text(domain, number.as_bytes())));
        }
        assert!(seen.insert(key().text("a990", &number.as_bytes()[3..])));
        let other = DigestKey::new(&[8; 32]);
        assert!(seen.insert(other.full(&full(IdType::CitizenId, number))));
    }

    #[test]
    fn every_writing_of_a_number_has_one_digest() {
        let digest = key().full(&full(IdType::CitizenId, "990102198003071239"));
        for text in ["990102800307123", "９９０１０２ 19800307-1239"] {
            assert_eq!(key().full(&full(IdType::CitizenId, text)), digest);
        }
    }

    #[test]
    fn an_organisation_code_has_the_digest_of_the_one_inside_a_credit_code() {
        let code = synthetic::credit_code("91", 990_102, "MA000001");
        let inside = full(IdType::CreditCode, &code).org_code().unwrap();
        let alone = full(IdType::OrgCode, &synthetic::org_code("MA000001"));
        assert_eq!(key().full(&inside), key().full(&alone));
    }

    #[test]
    fn a_pattern_of_another_length_has_no_digest() {
        let pattern = masked(IdType::Passport, "E123456**").pattern();
        let number = full(IdType::CitizenId, "990102198003071239");
        assert_eq!(key().under_pattern(pattern, &number), None);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", key()), "DigestKey");
    }

    proptest! {
        #[test]
        fn a_number_under_a_pattern_is_its_mask(hidden in 1u32..1 << 18, sequence in 0u16..1000) {
            let number = synthetic::citizen_id(990_102, (1980, 3, 7), sequence);
            let text: String = number
                .chars()
                .enumerate()
                .map(|(place, c)| if hidden & (1 << place) != 0 { '*' } else { c })
                .collect();
            let masked = masked(IdType::CitizenId, &text);
            let full = full(IdType::CitizenId, &number);
            let digest = key().under_pattern(masked.pattern(), &full);
            prop_assert_eq!(digest, Some(key().masked(&masked)));
            prop_assert_ne!(digest, Some(key().full(&full)));
        }

        #[test]
        fn a_disagreeing_number_has_another_digest(one in 0u16..1000, other in 0u16..1000) {
            let [one, other] = [one, other].map(|sequence| {
                synthetic::citizen_id(990_102, (1980, 3, 7), sequence)
            });
            let masked = masked(IdType::CitizenId, &format!("{}****{}", &one[..10], &one[14..]));
            let full = full(IdType::CitizenId, &other);
            let equal = key().under_pattern(masked.pattern(), &full) == Some(key().masked(&masked));
            prop_assert_eq!(equal, masked.agrees_with(&full));
        }
    }
}
