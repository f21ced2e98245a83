//! Keys of a snapshot, derived from a master key that never stands in it.
//!
//! In: the master key, the salt of a build. Out: the key of that build's identifier digests, and
//! the diff key, which is the same for every build, so that equal records have equal MACs.

use crate::identifier::digest::DigestKey;
use crate::seal::derive::derive;
use crate::seal::keys::MasterKey;

const DIFF_SALT: &[u8] = b"hecha diff key, format 1";

/// Key of the identifier digests of the build with this salt.
pub fn digest_key(master: &MasterKey, salt: &[u8; 32]) -> DigestKey {
    DigestKey::new(derive(master, salt, "identifier digest").as_bytes())
}

/// Key of the content MACs of every build under this master key.
pub fn diff_key(master: &MasterKey) -> DigestKey {
    DigestKey::new(derive(master, DIFF_SALT, "content").as_bytes())
}
