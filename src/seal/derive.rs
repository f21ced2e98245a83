//! Keys for one purpose, derived from a master key: HKDF-SHA-256, RFC 5869.
//!
//! In: a master key, a salt (of a build or of a log segment; not secret), a label that names the
//! purpose. Out: 32 bytes that tell nothing of the master or of keys with another salt or label.

use super::keys::MasterKey;
use hkdf::Hkdf;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroize;

/// Number of this algorithm in formats.
pub const HKDF_SHA_256: u8 = 1;

/// 256 bits for one purpose. Wiped when dropped, on the heap so that a move leaves no copy;
/// `Debug` shows nothing.
#[derive(Clone)]
pub struct DerivedKey(Box<[u8; 32]>);

impl DerivedKey {
    /// The secret, for the algorithm it was derived for.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for DerivedKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKey")
    }
}

/// The key of `master` for the purpose `label`, for example `"identifier digest"`.
pub fn derive(master: &MasterKey, salt: &[u8], label: &str) -> DerivedKey {
    let mut key = DerivedKey(Box::new([0; 32]));
    expand(master.secret(), salt, label.as_bytes(), &mut key.0);
    key
}

fn expand(secret: &[u8], salt: &[u8], info: &[u8], out: &mut [u8; 32]) {
    let extracted = Hkdf::<Sha256>::new(Some(salt), secret);
    #[expect(
        clippy::expect_used,
        reason = "RFC 5869 gives up to 255 blocks of 32 bytes"
    )]
    extracted.expand(info, out).expect("one block of 32 bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first 32 bytes that RFC 5869 prints, as hex digits.
    #[track_caller]
    fn expands(secret: &[u8], salt: &[u8], info: &[u8], expected: &str) {
        let mut out = [0; 32];
        expand(secret, salt, info, &mut out);
        let out: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(out, expected);
    }

    #[test]
    fn keys_are_those_of_rfc_5869() {
        let rising = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
        expands(
            &[0x0b; 22],
            &rising(0x00, 0x0c),
            &rising(0xf0, 0xf9),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
        );
        expands(
            &rising(0x00, 0x4f),
            &rising(0x60, 0xaf),
            &rising(0xb0, 0xff),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c",
        );
        expands(
            &[0x0b; 22],
            &[],
            &[],
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
        );
    }

    #[test]
    fn master_salt_and_label_each_give_another_key() {
        let master = MasterKey::from_bytes([1; 32]);
        let key = derive(&master, b"salt", "identifier digest");
        let again = derive(&master, b"salt", "identifier digest");
        assert_eq!(key.as_bytes(), again.as_bytes());
        for other in [
            derive(
                &MasterKey::from_bytes([2; 32]),
                b"salt",
                "identifier digest",
            ),
            derive(&master, b"tlas", "identifier digest"),
            derive(&master, b"salt", "sealing"),
        ] {
            assert_ne!(key.as_bytes(), other.as_bytes());
        }
        assert_eq!(format!("{key:?}"), "DerivedKey");
    }
}
