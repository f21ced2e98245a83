//! The log's keys: for each month a key that seals and a key that digests, one key for feedback.
//!
//! In: the log's master key, the log's salt, a month and its secret. Out: derived keys. Without the
//! month's secret (`months.rs`) no master gives its keys back: destroying it makes the sealed parts
//! unreadable. A stolen log cannot be joined to a stolen list, for the master is not that of
//! snapshots. Contract, section 7; design, "Log".

use crate::identifier::digest::{self, DigestKey};
use crate::model::term::{Day, Moment};
use crate::seal::aead::{OpenError, SealKey};
use crate::seal::derive::derive;
use crate::seal::keys::{KeyId, MasterKey};
use crate::seal::sign::SigningKey;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Random bytes of a sealed part, in front of it.
pub const RANDOM_BYTES: usize = 16;

/// Master keys of one log: the one that writes, and older ones that still read.
#[derive(Clone)]
pub struct LogKeys {
    masters: Vec<MasterKey>,
    signer: Option<Arc<SigningKey>>,
}

impl LogKeys {
    /// One master for writing and reading.
    pub fn new(master: MasterKey) -> Self {
        Self {
            masters: vec![master],
            signer: None,
        }
    }

    /// With a tree over the records, whose checkpoints this key signs.
    #[must_use]
    pub fn with_signer(mut self, signer: SigningKey) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// The key that signs checkpoints, where there is a tree.
    pub fn signer(&self) -> Option<&Arc<SigningKey>> {
        self.signer.as_ref()
    }

    /// Also reads what `older` masters have written.
    #[must_use]
    pub fn with_older(mut self, older: impl IntoIterator<Item = MasterKey>) -> Self {
        self.masters.extend(older);
        self
    }

    /// Number of the master that writes.
    pub fn id(&self) -> KeyId {
        self.masters[0].id()
    }

    /// Keys of a month under the master with this number, if it is here; `secret` is the month's,
    /// which segments of older versions do not have. Callers have `months::open_shard`.
    pub fn shard(
        &self,
        id: KeyId,
        salt: &[u8; 32],
        label: &str,
        secret: Option<&MonthSecret>,
    ) -> Option<ShardKeys> {
        let master = self.master(id)?;
        let mut salted = Zeroizing::new(salt.to_vec());
        if let Some(secret) = secret {
            salted = Zeroizing::new([&salt[..], &secret.0[..]].concat());
        }
        let seal = derive(master, &salted, &format!("log seal {label}"));
        let subject = derive(master, &salted, &format!("log subject {label}"));
        Some(ShardKeys {
            seal: SealKey::new(&seal),
            subject: DigestKey::new(subject.as_bytes()),
        })
    }

    /// Whether the master with this number is here.
    pub fn has(&self, id: KeyId) -> bool {
        self.master(id).is_some()
    }

    /// Key under which secrets of months are sealed, if the master is here.
    pub(super) fn secrets(&self, id: KeyId, salt: &[u8; 32]) -> Option<SealKey> {
        let key = derive(self.master(id)?, salt, "log month secret");
        Some(SealKey::new(&key))
    }

    /// Key under which contents of feedback are compared, if the master is here.
    pub fn feedback(&self, id: KeyId, salt: &[u8; 32]) -> Option<DigestKey> {
        let key = derive(self.master(id)?, salt, "log feedback");
        Some(DigestKey::new(key.as_bytes()))
    }

    fn master(&self, id: KeyId) -> Option<&MasterKey> {
        self.masters.iter().find(|master| master.id() == id)
    }
}

impl fmt::Debug for LogKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.masters.iter().map(MasterKey::id))
            .finish()
    }
}

/// 32 random bytes without which the keys of a month cannot be derived. Wiped when dropped.
#[derive(Clone)]
pub struct MonthSecret(pub(super) Zeroizing<[u8; 32]>);

impl fmt::Debug for MonthSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MonthSecret")
    }
}

/// Keys of one month.
#[derive(Clone)]
pub struct ShardKeys {
    /// Digests of subjects.
    pub subject: DigestKey,
    seal: SealKey,
}

impl ShardKeys {
    /// Digest of a folded name, of whom nothing but the name was asked.
    pub fn name(&self, folded: &str) -> digest::Digest {
        self.subject.text("name", folded.as_bytes())
    }

    /// Appends 16 random bytes and `plain`, sealed and bound to its record, to `out`.
    pub fn seal(&self, random: &[u8; 16], bound: &[u8; 16], plain: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(random);
        self.seal.seal(random, bound, plain, out);
    }

    /// What `seal` has sealed for the record with these 16 bytes (its check_id).
    ///
    /// Errors: another key or record, or damage.
    pub fn unseal(&self, bound: &[u8; 16], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (random, sealed) = sealed.split_first_chunk().ok_or(OpenError)?;
        self.seal.open(random, bound, sealed)
    }
}

impl fmt::Debug for ShardKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShardKeys")
    }
}

/// Label of the month of a moment, Shanghai: `2026-11`.
pub fn month_label(moment: Moment) -> String {
    let (year, month, _) = moment.day().date();
    format!("{year:04}-{month:02}")
}

/// First moment after the month of `moment`, Shanghai.
pub fn month_end(moment: Moment) -> Moment {
    let (year, month, _) = moment.day().date();
    let (year, month) = match month {
        12 => (year + 1, 1),
        _ => (year, month + 1),
    };
    Day::from_date(year, month, 1).map_or(Moment(i64::MAX), Day::start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_one_of_shanghai() {
        for (moment, label, end) in [
            (
                "2026-11-30T15:59:59Z",
                "2026-11",
                "2026-12-01T00:00:00+08:00",
            ),
            (
                "2026-11-30T16:00:00Z",
                "2026-12",
                "2027-01-01T00:00:00+08:00",
            ),
        ] {
            let moment = Moment::parse(moment).unwrap();
            assert_eq!(month_label(moment), label);
            assert_eq!(month_end(moment), Moment::parse(end).unwrap());
        }
    }

    #[test]
    fn each_month_and_log_has_keys_of_its_own_and_nothing_prints_them() {
        let keys = LogKeys::new(MasterKey::from_bytes([1; 32]));
        let shard = |salt: u8, label| keys.shard(keys.id(), &[salt; 32], label, None).unwrap();
        let mut sealed = Vec::new();
        shard(1, "2026-11").seal(&[5; 16], &[6; 16], b"request", &mut sealed);
        assert_eq!(
            shard(1, "2026-11").unseal(&[6; 16], &sealed).unwrap(),
            b"request"
        );
        assert!(shard(1, "2026-11").unseal(&[7; 16], &sealed).is_err());
        assert!(shard(1, "2026-12").unseal(&[6; 16], &sealed).is_err());
        assert!(shard(2, "2026-11").unseal(&[6; 16], &sealed).is_err());
        assert!(
            keys.shard(KeyId([0; 8]), &[1; 32], "2026-11", None)
                .is_none()
        );
        let secret = MonthSecret(Zeroizing::new([9; 32]));
        let of_secret = keys.shard(keys.id(), &[1; 32], "2026-11", Some(&secret));
        assert!(of_secret.unwrap().unseal(&[6; 16], &sealed).is_err());
        assert_eq!(format!("{secret:?}"), "MonthSecret");
        let other = MasterKey::from_bytes([2; 32]);
        let rotated = LogKeys::new(other).with_older([MasterKey::from_bytes([1; 32])]);
        assert!(rotated.feedback(keys.id(), &[1; 32]).is_some());
        assert_eq!(format!("{keys:?}"), format!("[{:?}]", keys.id()));
        assert_eq!(format!("{:?}", shard(1, "x")), "ShardKeys");
    }
}
