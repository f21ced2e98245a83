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

/// 256 bits for one purpose. Wiped when dropped; `Debug` shows nothing.
#[derive(Clone)]
pub struct DerivedKey([u8; 32]);

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
    let mut key = DerivedKey([0; 32]);
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
