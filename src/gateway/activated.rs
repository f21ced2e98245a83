//! The highest version ever activated here, kept over restarts: an older one does not come back by
//! itself, nor other bytes under the same number.
//!
//! In: what is to be activated and on whose word. Out: whether that may be; the file
//! `activated.json` of the state folder, written before a snapshot serves. No clock, no look at the
//! snapshot folder. A rollback is noted with the hash of its file, so that it holds over a restart.

use crate::model::term::Moment;
use crate::seal::keys::KeyId;
use crate::snapshot::manifest::{from_hex, to_hex};
use crate::storage::disk::Storage;
use crate::storage::replace;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the file in the state folder.
pub const ACTIVATED_FILE: &str = "activated.json";
const FORMAT: u32 = 1;

/// A snapshot by version and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Version in its manifest.
    pub number: u64,
    /// BLAKE3 of its file.
    pub blake3: [u8; 32],
}

/// A rollback order that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedOrder {
    /// Its number.
    pub id: [u8; 16],
    /// Version that it goes to.
    pub to: u64,
    /// When it ends.
    pub expires: Moment,
    /// Why.
    pub reason: Box<str>,
    /// Keys of the activators.
    pub signers: Vec<KeyId>,
}

impl AcceptedOrder {
    /// For the records: which order, by whom, why.
    pub fn summary(&self) -> String {
        let signers: Vec<String> = self.signers.iter().map(ToString::to_string).collect();
        format!(
            "order {} of {}: {}",
            to_hex(&self.id),
            signers.join(", "),
            self.reason
        )
    }
}

/// On whose word a snapshot is to be activated.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// `current.json`, which is data from outside.
    Pointer,
    /// A steward over HTTP.
    Steward,
    /// A steward with a rollback order of the activators.
    Order(&'a AcceptedOrder),
    /// It served before the restart, or stands in for what cannot serve.
    Restart,
}

/// Why a version may not be activated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VersionFault {
    /// A rollback that nobody ordered.
    #[error(
        "version {version} is older than {highest}, the highest activated here; build it again \
         with `--previous`, or go back with POST /v1/snapshot/rollback"
    )]
    Older {
        /// Version wanted.
        version: u64,
        /// Highest activated.
        highest: u64,
    },
    /// A version has one content.
    #[error(
        "version {version} was activated here with other bytes; build it again with `--previous`, \
         so that it gets a version of its own"
    )]
    Reused {
        /// Version wanted.
        version: u64,
    },
    /// A restart begins nothing new.
    #[error("version {version} has never been activated here; name it in `current.json`")]
    Never {
        /// Version wanted.
        version: u64,
    },
    /// A steward's word alone does not do where signatures are required.
    #[error("version {version} is older than {highest} and there is no rollback order")]
    NeedsOrder {
        /// Version wanted.
        version: u64,
        /// Highest activated.
        highest: u64,
    },
    /// The order is about another version.
    #[error("version {version} is not {to}, to which the rollback order goes")]
    NotOrdered {
        /// Version wanted.
        version: u64,
        /// Version of the order.
        to: u64,
    },
}

/// Why what was kept cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ActivatedError {
    /// The system refused.
    #[error("`{path}`: {fault}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// Not what a gateway wrote.
    #[error(
        "`{path}` cannot be read ({what}); it keeps old snapshots from coming back: restore it, \
         or remove it to begin anew with the version that `current.json` names"
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// What was activated so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activated {
    highest: Option<Version>,
    /// What serves below the highest by a rollback.
    rolled_back: Option<Version>,
    /// Orders that were taken, until they end.
    orders: Vec<([u8; 16], Moment)>,
}

impl Activated {
    /// What was kept in this folder; nothing where there is no file.
    ///
    /// Errors: reading; a file that no gateway wrote.
    pub fn read(state_dir: &Path) -> Result<Self, ActivatedError> {
        let path = state_dir.join(ACTIVATED_FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(fault) => return Err(ActivatedError::Io { path, fault }),
        };
        parse(&text).map_err(|what| ActivatedError::Format { path, what })
    }

    /// Keeps it over the next restart. Errors: writing.
    pub fn write(&self, storage: &dyn Storage, state_dir: &Path) -> Result<(), ActivatedError> {
        let path = state_dir.join(ACTIVATED_FILE);
        let mut json = serde_json::to_vec(&ActivatedText::of(self)).unwrap_or_default();
        json.push(b'\n');
        replace::write(storage, &path, &json).map_err(|fault| ActivatedError::Io { path, fault })
    }

    /// The highest version, 0 where there was none.
    pub fn highest(&self) -> u64 {
        self.highest.map_or(0, |version| version.number)
    }

    /// Whether exactly this served when the last change was kept.
    pub fn has_served(&self, version: Version) -> bool {
        self.rolled_back.or(self.highest) == Some(version)
    }

    /// Whether an order was taken here before.
    pub fn has_used(&self, order: &[u8; 16]) -> bool {
        self.orders.iter().any(|(id, _)| id == order)
    }

    /// Whether `version` may be activated on this claim. `is_required`: signatures are required.
    ///
    /// Errors: why not.
    pub fn admits(
        &self,
        version: Version,
        claim: Claim<'_>,
        is_required: bool,
    ) -> Result<(), VersionFault> {
        let highest = self.highest();
        let number = version.number;
        if let Claim::Order(order) = claim
            && order.to != number
        {
            return Err(VersionFault::NotOrdered {
                version: number,
                to: order.to,
            });
        }
        if number > highest {
            return match matches!(claim, Claim::Restart) && self.highest.is_some() {
                false => Ok(()),
                true => Err(VersionFault::Never { version: number }),
            };
        }
        if number == highest {
            let is_same = self
                .highest
                .is_none_or(|kept| kept.blake3 == version.blake3);
            let must_be_same = is_required || matches!(claim, Claim::Pointer);
            return match is_same || !must_be_same {
                true => Ok(()),
                false => Err(VersionFault::Reused { version: number }),
            };
        }
        let version_fault = VersionFault::Older {
            version: number,
            highest,
        };
        match claim {
            Claim::Pointer => Err(version_fault),
            Claim::Order(_) => Ok(()),
            Claim::Steward | Claim::Restart if !is_required => Ok(()),
            Claim::Steward => Err(VersionFault::NeedsOrder {
                version: number,
                highest,
            }),
            Claim::Restart if self.rolled_back == Some(version) => Ok(()),
            Claim::Restart => Err(version_fault),
        }
    }

    /// The same after `version` was activated at `now`.
    #[must_use]
    pub fn after(&self, version: Version, claim: Claim<'_>, now: Moment) -> Self {
        let mut next = self.clone();
        next.orders.retain(|(_, expires)| *expires > now);
        if version.number > self.highest() || self.highest.is_none() {
            next.highest = Some(version);
        }
        next.rolled_back = (version.number < next.highest()).then_some(version);
        if let Claim::Order(order) = claim {
            next.orders.push((order.id, order.expires));
        }
        next
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivatedText {
    format: u32,
    highest: Option<VersionText>,
    rolled_back: Option<VersionText>,
    orders: Vec<OrderText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionText {
    version: u64,
    blake3: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderText {
    id: String,
    expires: String,
}

impl ActivatedText {
    fn of(activated: &Activated) -> Self {
        let version = |version: Version| VersionText {
            version: version.number,
            blake3: to_hex(&version.blake3),
        };
        let orders = activated.orders.iter().map(|(id, expires)| OrderText {
            id: to_hex(id),
            expires: expires.to_string(),
        });
        Self {
            format: FORMAT,
            highest: activated.highest.map(version),
            rolled_back: activated.rolled_back.map(version),
            orders: orders.collect(),
        }
    }
}

fn parse(json: &[u8]) -> Result<Activated, String> {
    let text: ActivatedText = serde_json::from_slice(json).map_err(|fault| fault.to_string())?;
    if text.format != FORMAT {
        return Err(format!("its format is {}, not {FORMAT}", text.format));
    }
    let version = |text: VersionText| {
        let blake3 = from_hex(&text.blake3).ok_or("`blake3` is no hash")?;
        Ok::<_, String>(Version {
            number: text.version,
            blake3,
        })
    };
    let orders = text.orders.into_iter().map(|order| {
        let id = from_hex(&order.id).ok_or("`id` is no number of an order")?;
        let expires = Moment::parse(&order.expires).ok_or("`expires` is no moment")?;
        Ok::<_, String>((id, expires))
    });
    Ok(Activated {
        highest: text.highest.map(version).transpose()?,
        rolled_back: text.rolled_back.map(version).transpose()?,
        orders: orders.collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod schedules;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::RealDisk;

    const NOW: Moment = Moment(1_000_000);

    fn version(number: u64, byte: u8) -> Version {
        Version {
            number,
            blake3: [byte; 32],
        }
    }

    fn order(to: u64) -> AcceptedOrder {
        AcceptedOrder {
            id: [to as u8; 16],
            to,
            expires: Moment(2_000_000),
            reason: "a bad delivery".into(),
            signers: Vec::new(),
        }
    }

    #[test]
    fn versions_only_rise_unless_a_steward_or_an_order_says_otherwise() {
        let kept = Activated::default().after(version(7, 7), Claim::Pointer, NOW);
        let order = order(6);
        let (pointer, steward, restart) = (Claim::Pointer, Claim::Steward, Claim::Restart);
        let ordered = Claim::Order(&order);
        // Version, bytes, claim, allowed without and with required signatures.
        for (number, byte, claim, lenient, strict) in [
            (8, 8, pointer, true, true),
            (8, 8, steward, true, true),
            (8, 8, restart, false, false),
            (7, 7, pointer, true, true),
            (7, 1, pointer, false, false),
            (6, 6, pointer, false, false),
            (7, 1, steward, true, false),
            (6, 6, steward, true, false),
            (6, 6, restart, true, false),
            (6, 6, ordered, true, true),
            (5, 5, ordered, false, false),
            (8, 8, ordered, false, false),
        ] {
            let admits = |required| kept.admits(version(number, byte), claim, required).is_ok();
            assert_eq!(admits(false), lenient, "{number} {byte} {claim:?}");
            assert_eq!(admits(true), strict, "{number} {byte} {claim:?} required");
        }
    }

    #[test]
    fn what_is_the_first_may_be_any() {
        let nothing = Activated::default();
        for claim in [Claim::Pointer, Claim::Steward, Claim::Restart] {
            assert!(nothing.admits(version(3, 3), claim, true).is_ok());
        }
    }

    #[test]
    fn a_rollback_holds_over_a_restart_until_a_higher_version() {
        let order = order(6);
        let kept = Activated::default().after(version(7, 7), Claim::Pointer, NOW);
        let back = kept.after(version(6, 6), Claim::Order(&order), NOW);
        assert_eq!(back.highest(), 7);
        assert!(back.has_used(&order.id));
        assert!(back.has_served(version(6, 6)) && !back.has_served(version(7, 7)));
        assert!(back.admits(version(6, 6), Claim::Restart, true).is_ok());
        assert!(back.admits(version(6, 1), Claim::Restart, true).is_err());
        let on = back.after(version(8, 8), Claim::Pointer, Moment(2_000_000));
        assert!(on.admits(version(6, 6), Claim::Restart, true).is_err());
        assert!(!on.has_used(&order.id), "it ended by itself");
    }

    #[test]
    fn what_is_kept_reads_back_and_nothing_else_reads() {
        let folder = tempfile::tempdir().unwrap();
        let read = || Activated::read(folder.path());
        assert_eq!(read().unwrap(), Activated::default());
        let kept = Activated::default()
            .after(version(7, 7), Claim::Pointer, NOW)
            .after(version(6, 6), Claim::Order(&order(6)), NOW);
        kept.write(&RealDisk, folder.path()).unwrap();
        assert_eq!(read().unwrap(), kept);
        for text in ["", "{}", "{\"format\":2}", "nonsense"] {
            std::fs::write(folder.path().join(ACTIVATED_FILE), text).unwrap();
            let fault = read().unwrap_err().to_string();
            assert!(fault.contains("restore it, or remove it"), "{fault}");
        }
    }
}
