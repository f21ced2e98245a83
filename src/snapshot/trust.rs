//! Whose signatures let a snapshot restrict people.
//!
//! In: the public keys of builders and activators, a signature file. Out: who signed, or why that
//! is not enough. Nothing of the snapshot itself is read here: this comes first. Where signatures
//! are not required, what is missing is let through (and said by the caller); a signature that
//! claims a known key and does not verify never is.

use super::rollback_order::RollbackOrder;
use super::signature::{OrderFile, SignatureFile, Signed};
use super::statement::{Canonical, Role};
use crate::model::term::Moment;
use crate::seal::keys::KeyId;
use crate::seal::sign::PublicKey;

/// Keys that are believed, and how many of them it takes.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Public keys of builders.
    pub builders: Vec<PublicKey>,
    /// Public keys of activators.
    pub activators: Vec<PublicKey>,
    /// Distinct activators that a snapshot needs.
    pub activators_required: usize,
    /// Whether a snapshot without all of these is refused.
    pub is_required: bool,
}

/// Somebody whose signature was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signer {
    /// As what.
    pub role: Role,
    /// With which key.
    pub key: KeyId,
}

/// Why signatures do not suffice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Nobody signed in this role.
    #[error(
        "no {} has signed it; run `hecha sign FILE --key KEY --role {}`",
        .role.name(), .role.name()
    )]
    Missing {
        /// Which role.
        role: Role,
    },
    /// A known key did not make what is said to be its signature.
    #[error(
        "the signature of {} {key} does not verify: it is not of these bytes; sign the file again",
        .role.name()
    )]
    Wrong {
        /// Which role.
        role: Role,
        /// Which key.
        key: KeyId,
    },
    /// Signed, but by nobody known.
    #[error(
        "its {} {key} is not among the keys that this gateway trusts; sign with a key whose .pub \
         file is in `{}_keys`",
        .role.name(), .role.name()
    )]
    Foreign {
        /// Which role.
        role: Role,
        /// A key that signed.
        key: KeyId,
    },
    /// Too few activators.
    #[error(
        "{found} of {required} activators have signed it; another one must run `hecha sign FILE \
         --key KEY --role activator`"
    )]
    TooFew {
        /// Signatures that verify.
        found: usize,
        /// Signatures that are needed.
        required: usize,
    },
}

/// Why a rollback order does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefused {
    /// Its signatures.
    #[error("the rollback order: {0}")]
    Signatures(#[from] Distrust),
    /// There are no keys to verify it with.
    #[error("this gateway has no `activator_keys`; roll back without an order")]
    NoKeys,
    /// Another environment.
    #[error("the rollback order is of environment `{found}`, this gateway serves `{ours}`")]
    Environment {
        /// Of the order.
        found: Box<str>,
        /// Of the gateway.
        ours: Box<str>,
    },
    /// Too late, or too early.
    #[error("the rollback order holds from {issued} to {expires}; it is {now}; sign a new one")]
    NotNow {
        /// When it was written.
        issued: Moment,
        /// When it ended.
        expires: Moment,
        /// The moment it is.
        now: Moment,
    },
    /// Of another moment of the installation.
    #[error(
        "the rollback order goes back from version {stated}, the highest activated here is \
         {highest}; sign a new one"
    )]
    From {
        /// What it says.
        stated: u64,
        /// What is so.
        highest: u64,
    },
    /// It was taken before.
    #[error("the rollback order has been used here; sign a new one")]
    Used,
    /// Needed and not there.
    #[error(
        "version {version} is older than {highest}, the highest activated here; going back needs \
         a rollback order of the activators: `hecha sign --rollback-to {version} --from {highest} \
         --environment {environment} --key KEY --reason TEXT --out FILE`"
    )]
    Needed {
        /// Version wanted.
        version: u64,
        /// Highest activated.
        highest: u64,
        /// Of the gateway.
        environment: Box<str>,
    },
    /// It is about another version.
    #[error("the rollback order goes to version {stated}, the file is of version {version}")]
    To {
        /// What it says.
        stated: u64,
        /// What the file is.
        version: u64,
    },
    /// No file of that version.
    #[error("the snapshot folder holds no file of version {version}; put it there first")]
    NoFile {
        /// The version.
        version: u64,
    },
}

impl Trust {
    /// Whether there is any key: else signatures are not looked at.
    pub fn has_keys(&self) -> bool {
        !self.builders.is_empty() || !self.activators.is_empty()
    }

    /// Who signed; `None` is no signature file.
    ///
    /// Errors: a wrong signature of a known key; where signatures are required, too few.
    pub fn verify(&self, file: Option<&SignatureFile>) -> Result<Vec<Signer>, Distrust> {
        if !self.has_keys() {
            return Ok(Vec::new());
        }
        let mut signers = Vec::new();
        for (role, required) in [
            (Role::Builder, 1),
            (Role::Activator, self.activators_required),
        ] {
            let of_role = self.verify_role(file, role)?;
            if self.is_required {
                enough(file, role, of_role.len(), required)?;
            }
            signers.extend(of_role);
        }
        Ok(signers)
    }

    /// Whether these are as many as a snapshot needs.
    pub fn suffices(&self, signers: &[Signer]) -> bool {
        let count = |role| signers.iter().filter(|signer| signer.role == role).count();
        count(Role::Builder) >= 1 && count(Role::Activator) >= self.activators_required
    }

    /// Who signed an order, which takes as many activators as a snapshot.
    ///
    /// Errors: too few; not of this environment; not now.
    pub fn verify_order(
        &self,
        file: &OrderFile,
        environment: &str,
        now: Moment,
    ) -> Result<Vec<Signer>, OrderRefused> {
        if self.activators.is_empty() {
            return Err(OrderRefused::NoKeys);
        }
        let signers = self.verify_role(Some(file), Role::Activator)?;
        let required = self.activators_required.max(1);
        enough(Some(file), Role::Activator, signers.len(), required)?;
        let RollbackOrder {
            issued, expires, ..
        } = file.what;
        if *file.what.environment != *environment {
            return Err(OrderRefused::Environment {
                found: file.what.environment.clone(),
                ours: environment.into(),
            });
        }
        if !(issued..expires).contains(&now) {
            return Err(OrderRefused::NotNow {
                issued,
                expires,
                now,
            });
        }
        Ok(signers)
    }

    fn verify_role<T: Canonical>(
        &self,
        file: Option<&Signed<T>>,
        role: Role,
    ) -> Result<Vec<Signer>, Distrust> {
        let keys = match role {
            Role::Builder => &self.builders,
            Role::Activator => &self.activators,
        };
        let mut signers = Vec::new();
        let Some(file) = file else {
            return Ok(signers);
        };
        for signature in file.signatures.iter().filter(|one| one.role == role) {
            let Some(key) = keys.iter().find(|key| key.id() == signature.key) else {
                continue;
            };
            let (role, key_id) = (signature.role, signature.key);
            if !key.verifies(&file.what.canonical(role, key_id), &signature.bytes) {
                return Err(Distrust::Wrong { role, key: key_id });
            }
            signers.push(Signer { role, key: key_id });
        }
        Ok(signers)
    }
}

/// Says what is missing where fewer than required have signed.
fn enough<T>(
    file: Option<&Signed<T>>,
    role: Role,
    found: usize,
    required: usize,
) -> Result<(), Distrust> {
    if found >= required {
        return Ok(());
    }
    if found > 0 {
        return Err(Distrust::TooFew { found, required });
    }
    let signatures = file.map_or(&[][..], |file| &file.signatures);
    match signatures.iter().find(|one| one.role == role) {
        Some(foreign) => Err(Distrust::Foreign {
            role,
            key: foreign.key,
        }),
        None => Err(Distrust::Missing { role }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rollback_order::tests::order;
    use super::super::statement::Statement;
    use super::*;
    use crate::seal::sign::SigningKey;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    /// Builder 1, activators 2 and 3.
    fn trust(activators_required: usize) -> Trust {
        Trust {
            builders: vec![key(1).public()],
            activators: vec![key(2).public(), key(3).public()],
            activators_required,
            is_required: true,
        }
    }

    fn signed(signers: &[(u8, Role)]) -> SignatureFile {
        let mut file = SignatureFile::new(Statement {
            environment: "test".into(),
            version: 7,
            created: Moment(5_000_000),
            expires: Some(Moment(9_000_000)),
            blake3: [0xab; 32],
            bytes: 4_096,
        });
        for (seed, role) in signers {
            assert!(file.sign(&key(*seed), *role));
        }
        file
    }

    #[test]
    fn a_builder_and_as_many_distinct_activators_as_required() {
        use Role::{Activator, Builder};
        let full = signed(&[(1, Builder), (2, Activator), (3, Activator)]);
        assert_eq!(trust(2).verify(Some(&full)).unwrap().len(), 3);
        assert!(trust(1).suffices(&trust(1).verify(Some(&full)).unwrap()));
        let refused = |signers: &[(u8, Role)]| trust(2).verify(Some(&signed(signers))).unwrap_err();
        let one = refused(&[(1, Builder), (2, Activator)]);
        assert_eq!(
            one,
            Distrust::TooFew {
                found: 1,
                required: 2
            }
        );
        let none = refused(&[(2, Activator), (3, Activator)]);
        assert_eq!(none, Distrust::Missing { role: Builder });
        // A builder's key is none of an activator, nor the reverse; nor is a foreign one.
        for signers in [
            &[(1, Builder), (1, Activator)][..],
            &[(1, Builder), (9, Activator)],
        ] {
            assert!(matches!(refused(signers), Distrust::Foreign { .. }));
        }
        let role = Builder;
        assert_eq!(trust(1).verify(None), Err(Distrust::Missing { role }));
    }

    #[test]
    fn a_change_of_any_field_makes_the_signature_wrong() {
        let changes: [fn(&mut SignatureFile); 8] = [
            |file| file.what.environment = "other".into(),
            |file| file.what.version += 1,
            |file| file.what.created = Moment(5_000_001),
            |file| file.what.expires = None,
            |file| file.what.expires = Some(Moment(9_000_001)),
            |file| file.what.blake3[31] ^= 1,
            |file| file.what.bytes += 1,
            |file| file.signatures[0].bytes[0] ^= 1,
        ];
        for (place, change) in changes.into_iter().enumerate() {
            let mut file = signed(&[(1, Role::Builder), (2, Role::Activator)]);
            assert!(trust(1).verify(Some(&file)).is_ok());
            change(&mut file);
            let fault = trust(1).verify(Some(&file)).unwrap_err();
            assert!(matches!(fault, Distrust::Wrong { .. }), "{place}: {fault}");
        }
        // A signature moved to another role or key.
        let mut moved = signed(&[(1, Role::Builder), (2, Role::Activator)]);
        moved.signatures[0].role = Role::Activator;
        moved.signatures[0].key = key(3).public().id();
        assert!(matches!(
            trust(2).verify(Some(&moved)),
            Err(Distrust::Missing { .. } | Distrust::Wrong { .. })
        ));
    }

    #[test]
    fn where_nothing_is_required_only_a_wrong_signature_is_refused() {
        let lenient = Trust {
            is_required: false,
            ..trust(1)
        };
        assert_eq!(lenient.verify(None), Ok(Vec::new()));
        let mut file = signed(&[(1, Role::Builder)]);
        let signers = lenient.verify(Some(&file)).unwrap();
        assert!(!lenient.suffices(&signers) && signers.len() == 1);
        file.what.version += 1;
        assert!(lenient.verify(Some(&file)).is_err());
        assert_eq!(Trust::default().verify(Some(&file)), Ok(Vec::new()));
    }

    #[test]
    fn an_order_holds_here_and_now_and_by_activators_only() {
        let mut file = OrderFile::new(order());
        assert!(file.sign(&key(1), Role::Builder) && file.sign(&key(2), Role::Activator));
        let at = |now| trust(1).verify_order(&file, "test", Moment(now));
        assert_eq!(at(1_000_000).unwrap().len(), 1);
        assert!(matches!(at(999_999), Err(OrderRefused::NotNow { .. })));
        assert!(matches!(at(2_000_000), Err(OrderRefused::NotNow { .. })));
        let elsewhere = trust(1).verify_order(&file, "other", Moment(1_500_000));
        assert!(matches!(elsewhere, Err(OrderRefused::Environment { .. })));
        let two = trust(2).verify_order(&file, "test", Moment(1_500_000));
        assert!(matches!(
            two,
            Err(OrderRefused::Signatures(Distrust::TooFew { .. }))
        ));
        let changes: [fn(&mut RollbackOrder); 6] = [
            |order| order.environment = "other".into(),
            |order| order.from += 1,
            |order| order.to -= 1,
            |order| order.issued = Moment(999_999),
            |order| order.expires = Moment(2_000_001),
            |order| order.reason = "another".into(),
        ];
        for change in changes {
            let mut changed = file.clone();
            change(&mut changed.what);
            let refused = trust(1).verify_order(&changed, "test", Moment(1_500_000));
            assert!(matches!(
                refused,
                Err(OrderRefused::Signatures(Distrust::Wrong { .. }))
            ));
        }
    }
}
