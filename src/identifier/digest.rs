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
use std::fmt;
use zeroize::Zeroize;

/// Number of this algorithm in formats.
pub const HMAC_SHA_256_128: u8 = 1;

/// First 128 bits of the keyed digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 16]);

/// A key with its HMAC state prepared: a digest is two compressions.
#[derive(Clone)]
pub struct DigestKey {
    state: Hmac<Sha256>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::mask::ListedNumber;
    use crate::identifier::synthetic;
    use proptest::prelude::*;
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
