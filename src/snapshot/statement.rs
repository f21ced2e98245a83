//! What a signature of a snapshot says: a small statement with the hash of the whole file.
//!
//! In: a verified snapshot, or the values of a signature file. Out: the canonical bytes that a key
//! signs for one role. They are lines of text in one order, each ended by a line feed, moments as
//! microseconds since 1970:
//!
//! ```text
//! hecha statement 1
//! environment production
//! version 1795700000000
//! created 1795700000000000
//! expires -
//! blake3 <64 hex digits: of all bytes of the file>
//! bytes 1048576
//! role builder
//! key <16 hex digits: the number of the signing key>
//! ```
//!
//! Role and key are part of what is signed: a signature cannot be moved to another of either. No
//! secret, no clock.

use super::manifest::{Manifest, to_hex};
use super::open::Snapshot;
use crate::model::term::Moment;
use crate::seal::keys::KeyId;
use std::fmt::Write;

/// Characters of an environment's name at most.
const ENVIRONMENT_CHARS_MAX: usize = 64;

/// As what somebody signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Built the file from the lists that it names.
    Builder,
    /// Looked at the file and lets it restrict people.
    Activator,
}

impl Role {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Builder, Self::Activator];

    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Builder => "builder",
            Self::Activator => "activator",
        }
    }

    /// From what is written.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text)
    }
}

/// What can be signed: the same values are the same bytes.
pub trait Canonical {
    /// The bytes that the key with this number signs in this role.
    fn canonical(&self, role: Role, key: KeyId) -> Vec<u8>;
}

/// What is said of one snapshot file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Environment in its manifest.
    pub environment: Box<str>,
    /// Version in its manifest.
    pub version: u64,
    /// When it was built.
    pub created: Moment,
    /// After this it should not be used.
    pub expires: Option<Moment>,
    /// BLAKE3 of the whole file.
    pub blake3: [u8; 32],
    /// Bytes of the file.
    pub bytes: u64,
}

impl Statement {
    /// About this file. `None` where its environment has a name that no gateway takes.
    pub fn of(snapshot: &Snapshot) -> Option<Self> {
        let manifest = snapshot.manifest();
        is_environment(&manifest.environment).then(|| Self {
            environment: manifest.environment.clone(),
            version: manifest.version,
            created: manifest.created,
            expires: manifest.expires,
            blake3: *snapshot.hash(),
            bytes: snapshot.bytes().len() as u64,
        })
    }

    /// The first field in which a manifest says otherwise.
    pub fn misfit(&self, manifest: &Manifest) -> Option<&'static str> {
        let fields = [
            ("environment", *self.environment == *manifest.environment),
            ("version", self.version == manifest.version),
            ("created", self.created == manifest.created),
            ("expires", self.expires == manifest.expires),
        ];
        fields
            .into_iter()
            .find(|(_, fits)| !fits)
            .map(|(name, _)| name)
    }
}

impl Canonical for Statement {
    fn canonical(&self, role: Role, key: KeyId) -> Vec<u8> {
        let expires = self.expires.map(|moment| moment.0.to_string());
        let mut text = String::from("hecha statement 1\n");
        // INVARIANT: writing into a string cannot fail.
        let _ = write!(
            text,
            "environment {}\nversion {}\ncreated {}\nexpires {}\nblake3 {}\nbytes {}\nrole {}\n\
             key {key}\n",
            self.environment,
            self.version,
            self.created.0,
            expires.as_deref().unwrap_or("-"),
            to_hex(&self.blake3),
            self.bytes,
            role.name(),
        );
        text.into_bytes()
    }
}

/// Whether it is a name of an environment: it stands in a line of its own in what is signed.
pub fn is_environment(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=ENVIRONMENT_CHARS_MAX).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            environment: "production".into(),
            version: 1_795_700_000_000,
            created: Moment(1_795_700_000_000_000),
            expires: Some(Moment(1_795_786_400_000_000)),
            blake3: [0xab; 32],
            bytes: 1_048_576,
        }
    }

    #[test]
    fn the_canonical_bytes_are_these() {
        let bytes = statement().canonical(Role::Builder, KeyId([1; 8]));
        let text = format!(
            "hecha statement 1\nenvironment production\nversion 1795700000000\n\
             created 1795700000000000\nexpires 1795786400000000\nblake3 {}\nbytes 1048576\n\
             role builder\nkey 0101010101010101\n",
            "ab".repeat(32)
        );
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
        let without = Statement {
            expires: None,
            ..statement()
        };
        let bytes = without.canonical(Role::Activator, KeyId([1; 8]));
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("\nexpires -\n") && text.contains("\nrole activator\n"));
    }

    #[test]
    fn an_environment_is_one_plain_word() {
        for (name, fits) in [
            ("production", true),
            ("a_b-9", true),
            ("", false),
            ("a b", false),
            ("a\nversion 1", false),
            ("环境", false),
        ] {
            assert_eq!(is_environment(name), fits, "{name}");
        }
        assert!(!is_environment(&"a".repeat(65)));
    }
}
