//! Signing keys (ed25519), their public parts and their files.
//!
//! In: a path, or random bytes; bytes to sign or to verify. Out: signatures; yes or no. A signing
//! key stands in a file of one line, `hecha-signing-key-1` and 64 hex digits, readable by its owner
//! only; its public part in FILE.pub, `hecha-public-key-1` and 64 hex digits. What is signed is
//! made elsewhere. A secret is wiped when dropped and never printed.

use super::entropy::Entropy;
use super::hex;
use super::keys::{self, KeyError, KeyId};
use ed25519_dalek::{Signature, Signer, SigningKey as Secret, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// First word of the file of a signing key; its number is the format.
const SECRET_HEAD: &str = "hecha-signing-key-1";
/// First word of the file of a public key.
const PUBLIC_HEAD: &str = "hecha-public-key-1";
/// Added to the name of a signing key's file for that of its public part.
pub const PUBLIC_SUFFIX: &str = ".pub";
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;
/// Permission bits that let the group or others write.
const MODE_CHANGEABLE: u32 = 0o022;

/// A key that signs. Its secret is wiped when dropped.
pub struct SigningKey(Secret);

/// The public part of a signing key: whose signatures are believed.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    id: KeyId,
}

impl SigningKey {
    /// Reads the file of a signing key.
    ///
    /// Errors: unreadable, reachable by others than its owner, or not such a key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let text = keys::read_private(path)?;
        let bytes = parse(&text, SECRET_HEAD).ok_or_else(|| KeyError::OtherKind {
            path: path.to_owned(),
            wanted: "signing key",
            head: SECRET_HEAD,
        })?;
        Ok(Self(Secret::from_bytes(&bytes)))
    }

    /// Makes a new key with both of its files: `path`, readable by its owner only, and beside it
    /// the public part for everybody.
    ///
    /// Errors: one of them exists, or cannot be written; then neither is left.
    pub fn create(path: &Path, entropy: &dyn Entropy) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut());
        let key = Self::from_bytes(&bytes);
        let head = format!("{SECRET_HEAD} ");
        keys::write_new(path, 0o600, head.as_bytes(), &bytes, entropy)?;
        let public = public_path(path);
        let head = format!("{PUBLIC_HEAD} ");
        let of_public = key.0.verifying_key().to_bytes();
        if let Err(fault) = keys::write_new(&public, 0o644, head.as_bytes(), &of_public, entropy) {
            // A key without its public part would be found out only where it is needed.
            let _ = std::fs::remove_file(path);
            return Err(fault);
        }
        Ok(key)
    }

    /// A key from 32 bytes, for tests.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Secret::from_bytes(bytes))
    }

    /// Its public part.
    pub fn public(&self) -> PublicKey {
        PublicKey::new(self.0.verifying_key())
    }

    /// Signs `bytes`.
    pub fn sign(&self, bytes: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(bytes).to_bytes()
    }
}

/// Only the public number: a key printed by accident is a leak.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

impl PublicKey {
    /// Reads the file of a public key.
    ///
    /// Errors: unreadable, changeable by others than its owner, or not such a key: a signing key
    /// is not taken, for a gateway must not hold one.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let text = keys::read(path, keys::FILE_BYTES_MAX, |mode| {
            let path = path.to_owned();
            (mode & MODE_CHANGEABLE != 0).then_some(KeyError::Changeable { path, mode })
        })?;
        let bytes = parse(&text, PUBLIC_HEAD);
        let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        key.filter(|key| !key.is_weak())
            .map(Self::new)
            .ok_or_else(|| KeyError::OtherKind {
                path: path.to_owned(),
                wanted: "public key",
                head: PUBLIC_HEAD,
            })
    }

    fn new(key: VerifyingKey) -> Self {
        let mut hash = Sha256::new_with_prefix(b"hecha signing key id 1");
        hash.update(key.as_bytes());
        let mut id = [0; 8];
        id.copy_from_slice(&hash.finalize()[..8]);
        Self { key, id: KeyId(id) }
    }

    /// The number by which statements name it.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Its 32 bytes, as other formats write it.
    pub fn bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether `signature` over `bytes` is of this key.
    pub fn verifies(&self, bytes: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        let signature = Signature::from_bytes(signature);
        self.key.verify_strict(bytes, &signature).is_ok()
    }

    /// The line of its file.
    pub fn line(&self) -> String {
        format!("{PUBLIC_HEAD} {}", *hex::encode(self.key.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

/// Where the public part of the key in `path` stands.
pub fn public_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(PUBLIC_SUFFIX);
    path.with_file_name(name)
}

fn parse(text: &[u8], head: &str) -> Option<Zeroizing<[u8; 32]>> {
    let digits = text.strip_prefix(head.as_bytes())?.strip_prefix(b" ")?;
    hex::decode(digits.strip_suffix(b"\n").unwrap_or(digits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::entropy::{OsEntropy, SeededEntropy};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn file(folder: &Path, text: &str, mode: u32) -> PathBuf {
        let path = folder.join("key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_new_key_signs_and_its_public_part_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anna.key");
        let made = SigningKey::create(&path, &OsEntropy).unwrap();
        assert_eq!(mode_of(&path), 0o600);
        let read = SigningKey::load(&path).unwrap();
        let public = PublicKey::load(&folder.path().join("anna.key.pub")).unwrap();
        assert_eq!(public, made.public());
        let signature = read.sign(b"text");
        assert!(public.verifies(b"text", &signature));
        assert!(!public.verifies(b"texT", &signature));
        for place in [0, 31, 32, 63] {
            let mut other = signature;
            other[place] ^= 1;
            assert!(!public.verifies(b"text", &other), "{place}");
        }
        let foreign = SigningKey::from_bytes(&[1; 32]).public();
        assert!(!foreign.verifies(b"text", &signature));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn neither_file_is_overwritten_and_none_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        for taken in ["a.key", "a.key.pub"] {
            fs::write(folder.path().join(taken), "kept").unwrap();
            let error = SigningKey::create(&path, &SeededEntropy::new(1)).unwrap_err();
            assert!(matches!(error, KeyError::Exists { .. }), "{error}");
            let names = fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(names, 1, "{taken}");
            fs::remove_file(folder.path().join(taken)).unwrap();
        }
    }

    #[test]
    fn wrong_permissions_lengths_and_kinds_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let digits = "0b".repeat(32);
        let secret = format!("{SECRET_HEAD} {digits}\n");
        let public = SigningKey::from_bytes(&[0x0b; 32]).public().line();
        for mode in [0o644, 0o640, 0o604] {
            let fault = SigningKey::load(&file(folder.path(), &secret, mode)).unwrap_err();
            assert!(matches!(fault, KeyError::TooOpen { .. }), "{fault}");
        }
        for mode in [0o664, 0o646, 0o622] {
            let fault = PublicKey::load(&file(folder.path(), &public, mode)).unwrap_err();
            assert!(matches!(fault, KeyError::Changeable { .. }), "{fault}");
        }
        assert!(PublicKey::load(&file(folder.path(), &public, 0o644)).is_ok());
        let weak = format!("{PUBLIC_HEAD} {}\n", "00".repeat(32));
        for text in [&*secret, &weak, "", &public[1..], &public[..80], &digits] {
            let fault = PublicKey::load(&file(folder.path(), text, 0o600)).unwrap_err();
            let text = fault.to_string();
            assert!(text.contains("no public key"), "{text}");
            assert!(!text.contains("0b0b"), "{text}");
        }
        let cut = &secret[..secret.len() - 2];
        for text in [&*public, cut, "hecha-key-1 0b", &format!("{secret}\n")] {
            let fault = SigningKey::load(&file(folder.path(), text, 0o600)).unwrap_err();
            assert!(fault.to_string().contains("no signing key"), "{fault}");
        }
    }

    #[test]
    fn only_the_number_is_printed() {
        let key = SigningKey::from_bytes(&[0x0b; 32]);
        let id = key.public().id();
        assert_eq!(format!("{key:?}"), format!("SigningKey({id})"));
        assert_eq!(format!("{:?}", key.public()), format!("PublicKey({id})"));
        assert_ne!(id, SigningKey::from_bytes(&[0x0c; 32]).public().id());
    }
}
