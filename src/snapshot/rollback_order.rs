//! A rollback order: a signed, dated, single act that lets a gateway serve an older version.
//!
//! In: what activators order. Out: the canonical bytes that they sign (`statement.rs` says how).
//! An order names the highest version that it goes back from: once a newer one was activated it is
//! void, so that it cannot be replayed. It ends at `expires`, and a gateway takes it once.
//!
//! ```text
//! hecha rollback order 1
//! environment production
//! from 1795700000000
//! to 1795600000000
//! issued 1795700100000000
//! expires 1795786500000000
//! reason withdrawn rows came back with the delivery of 25 November
//! role activator
//! key <16 hex digits>
//! ```

use super::statement::{Canonical, Role, is_environment};
use crate::identifier::free_text::contains_citizen_id;
use crate::model::term::Moment;
use crate::seal::keys::KeyId;
use std::fmt::Write;

/// Characters of a reason at most.
pub const REASON_CHARS_MAX: usize = 500;

/// Go back from one version to an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackOrder {
    /// Where it holds.
    pub environment: Box<str>,
    /// The highest version activated so far: for no other does it hold.
    pub from: u64,
    /// The version to serve.
    pub to: u64,
    /// When it was written.
    pub issued: Moment,
    /// From then on it is void.
    pub expires: Moment,
    /// Why; one line.
    pub reason: Box<str>,
}

/// Why no order is made of these values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderFault {
    /// No name of an environment.
    #[error("`environment` is not 1 to 64 letters, digits, - and _")]
    Environment,
    /// Not backwards.
    #[error("`to` is not lower than `from`; a rollback goes to an older version")]
    Versions,
    /// Not a period.
    #[error("`expires` is not after `issued`")]
    Expires,
    /// Not a line of text.
    #[error(
        "`reason` must be one line of 1 to {REASON_CHARS_MAX} characters without identifier \
         numbers"
    )]
    Reason,
}

impl RollbackOrder {
    /// The same, if all values are such as can be signed.
    ///
    /// Errors: the first field at fault.
    pub fn checked(self) -> Result<Self, OrderFault> {
        let reason_fits = !self.reason.trim().is_empty()
            && self.reason.chars().count() <= REASON_CHARS_MAX
            && !self.reason.contains(char::is_control)
            && !contains_citizen_id(&self.reason);
        match &self {
            Self { environment, .. } if !is_environment(environment) => {
                Err(OrderFault::Environment)
            }
            Self { from, to, .. } if to >= from => Err(OrderFault::Versions),
            Self {
                issued, expires, ..
            } if expires <= issued => Err(OrderFault::Expires),
            _ if !reason_fits => Err(OrderFault::Reason),
            _ => Ok(self),
        }
    }

    /// Its number: an order of the same content is the same order, whoever signed it.
    pub fn id(&self) -> [u8; 16] {
        let hash = blake3::hash(self.text().as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hash.as_bytes()[..16]);
        id
    }

    fn text(&self) -> String {
        format!(
            "hecha rollback order 1\nenvironment {}\nfrom {}\nto {}\nissued {}\nexpires {}\n\
             reason {}\n",
            self.environment, self.from, self.to, self.issued.0, self.expires.0, self.reason,
        )
    }
}

impl Canonical for RollbackOrder {
    fn canonical(&self, role: Role, key: KeyId) -> Vec<u8> {
        let mut text = self.text();
        // INVARIANT: writing into a string cannot fail.
        let _ = write!(text, "role {}\nkey {key}\n", role.name());
        text.into_bytes()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn order() -> RollbackOrder {
        RollbackOrder {
            environment: "test".into(),
            from: 9,
            to: 7,
            issued: Moment(1_000_000),
            expires: Moment(2_000_000),
            reason: "a bad delivery".into(),
        }
    }

    #[test]
    fn the_canonical_bytes_are_these() {
        let bytes = order().canonical(Role::Activator, KeyId([2; 8]));
        let text = "hecha rollback order 1\nenvironment test\nfrom 9\nto 7\nissued 1000000\n\
                    expires 2000000\nreason a bad delivery\nrole activator\n\
                    key 0202020202020202\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
    }

    #[test]
    fn every_field_must_make_sense() {
        let fault = |change: fn(&mut RollbackOrder)| {
            let mut changed = order();
            change(&mut changed);
            changed.checked().unwrap_err()
        };
        assert_eq!(order().checked(), Ok(order()));
        assert_eq!(
            fault(|o| o.environment = "a b".into()),
            OrderFault::Environment
        );
        assert_eq!(fault(|o| o.to = 9), OrderFault::Versions);
        assert_eq!(fault(|o| o.expires = o.issued), OrderFault::Expires);
        assert_eq!(fault(|o| o.reason = " ".into()), OrderFault::Reason);
        assert_eq!(fault(|o| o.reason = "a\nto 1".into()), OrderFault::Reason);
        assert_eq!(
            fault(|o| o.reason = "x".repeat(501).into()),
            OrderFault::Reason
        );
        let number = crate::identifier::synthetic::citizen_id(990_102, (1980, 3, 7), 123);
        let mut named = order();
        named.reason = format!("wrong about {number}").into();
        assert_eq!(named.checked(), Err(OrderFault::Reason));
    }
}
