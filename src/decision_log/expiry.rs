//! Expiry: a month is destroyed by the order of two persons, never by the clock.
//!
//! In: a log whose folder is held, an order, the keys that count. Out: the month's last checkpoint
//! in `expired/<month>`, a record of the order, and nothing else of the month: its secret is
//! overwritten, its segments and tree are gone. The checkpoint under `expired` is the last thing
//! written before anything goes; from then on every start finishes what a cut has left.
//!
//! A clock that is wrong for a while moves records too, so neither it nor they are believed alone:
//! the log must have gone on for as many months as a month is kept.

use super::error::LogError;
use super::expired::{self, Recorded, expired_path, order_path};
use super::expiry_order::ExpiryOrder;
use super::keys;
use super::months;
use super::record::{EventDraft, EventKind};
use super::recovery::Recovery;
use super::shards::{self, Shard};
use super::witnessed;
use super::writer::DecisionLog;
use crate::model::term::{Day, Moment};
use crate::seal::keys::KeyId;
use crate::seal::sign::PublicKey;
use crate::storage::disk::{self, Storage};
use crate::storage::replace;
use crate::tree::origin::is_month;
use std::io;
use std::path::{Path, PathBuf};

/// Years that a month is kept after its end.
pub const RETENTION_YEARS: i32 = 3;
/// Months over since, each with records in the log: years in which nothing was recorded, because
/// it was the clock that jumped, are no retention.
const RETENTION_MONTHS: usize = 36;
/// Persons that an order needs.
pub const SIGNERS_MIN: usize = 2;
const HOLD_SUFFIX: &str = "hold";

/// Why a month is not expired.
#[derive(Debug, thiserror::Error)]
pub enum ExpiryError {
    /// Not enough people.
    #[error(
        "the order has valid signatures of {found} of the {SIGNERS_MIN} distinct persons it needs; \
         `expiry_keys` names whose count, `hecha log expire-order` adds a signature"
    )]
    Signers {
        /// Distinct ones.
        found: usize,
    },
    /// The order is about something else.
    #[error("the order does not fit: {what}; make one with `hecha log expire-order`")]
    Other {
        /// What differs.
        what: &'static str,
    },
    /// Too early.
    #[error(
        "{month} is kept until {until}: {seen} does not lie behind that; retention counts by the \
         records of the log and by the clock, by both"
    )]
    Early {
        /// The month.
        month: String,
        /// First moment at which it may go.
        until: Moment,
        /// What was seen.
        seen: String,
    },
    /// Too few months are recorded.
    #[error(
        "{month} is kept: the log holds records of {found} months that are over since, and \
         {RETENTION_MONTHS} are needed; a clock that was ahead for a while ends no retention"
    )]
    Few {
        /// The month.
        month: String,
        /// Months that are over, with records.
        found: usize,
    },
    /// Done before.
    #[error("{month} is expired already; its last checkpoint stands in `expired/{month}`")]
    Already {
        /// The month.
        month: String,
    },
    /// On hold.
    #[error("{month} is on hold: {reason}; `hecha log hold-month --release` ends that")]
    Hold {
        /// The month.
        month: String,
        /// Why.
        reason: String,
    },
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Where the hold of a month stands.
pub fn hold_path(folder: &Path, month: &str) -> PathBuf {
    let file = format!("{month}.{HOLD_SUFFIX}");
    folder.join(months::KEYS_FOLDER).join(file)
}

/// Why a month must be kept, where it must.
pub fn hold_of(
    storage: &dyn Storage,
    folder: &Path,
    month: &str,
) -> Result<Option<String>, LogError> {
    let path = hold_path(folder, month);
    let fault = || LogError::io("read", path.display().to_string());
    match storage.open_to_read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => {
            let file = opened.map_err(fault())?;
            let bytes = disk::read_all(&*file).map_err(fault())?;
            Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()))
        }
    }
}

/// An open log in which a month is to be expired.
#[derive(Debug)]
pub struct Expiring<'a> {
    /// Its files.
    pub storage: &'a dyn Storage,
    /// Its folder.
    pub folder: &'a Path,
    /// The log.
    pub log: &'a DecisionLog,
    /// What was found when it was opened.
    pub recovery: &'a Recovery,
    /// Whose signatures count.
    pub keys: &'a [PublicKey],
    /// The clock.
    pub now: Moment,
}

impl Expiring<'_> {
    /// Carries an order out, once and to the end; who signed it.
    ///
    /// Errors: the order does not hold, then nothing was changed; the log.
    pub fn expire(&self, month: &str, order: &ExpiryOrder) -> Result<Vec<KeyId>, ExpiryError> {
        let signers = self.check(month, order)?;
        let (storage, folder) = (self.storage, self.folder);
        let last = shards::read_checkpoint(storage, &shards::checkpoint_path(folder, month))?;
        // With what witnesses have signed, where they have signed the very end.
        let cosigned = witnessed::cosigned(storage, folder, month)?;
        let cosigned = cosigned.filter(|(_, cosigned)| *cosigned == order.last);
        let Some((note, _)) = cosigned.or(last) else {
            return Err(ExpiryError::Other {
                what: "the month has no checkpoint",
            });
        };
        // A cut may have come after the record and before the deed.
        if !Recorded::read(storage, folder)?.has(order) {
            self.record(order, &signers)?;
        }
        let path = expired_path(folder, month);
        let fault = |deed| LogError::io(deed, path.display().to_string());
        storage
            .create_folder(disk::folder_of(&path))
            .map_err(fault("create"))?;
        storage.sync_folder(folder).map_err(fault("sync"))?;
        replace::write(
            storage,
            &order_path(folder, month),
            order.to_file().as_bytes(),
        )
        .map_err(fault("write the order beside"))?;
        // From here on the month is gone, whatever comes between.
        replace::write(storage, &path, note.to_string().as_bytes()).map_err(fault("write"))?;
        expired::finish(storage, folder)?;
        Ok(signers)
    }

    fn check(&self, month: &str, order: &ExpiryOrder) -> Result<Vec<KeyId>, ExpiryError> {
        let other = |what| Err(ExpiryError::Other { what });
        let signers = order.signers(self.keys);
        if signers.len() < SIGNERS_MIN {
            let found = signers.len();
            return Err(ExpiryError::Signers { found });
        }
        if order.month != month {
            return other("it is of another month");
        }
        if let Some(reason) = hold_of(self.storage, self.folder, month)? {
            let month = month.to_owned();
            return Err(ExpiryError::Hold { month, reason });
        }
        self.is_due(month)?;
        if self.now < order.not_before {
            return other("it does not hold yet");
        }
        if self.now >= order.not_after {
            return other("it holds no longer");
        }
        self.fits(month, order)?;
        Ok(signers)
    }

    /// Refuses before the end of retention, by the records, by the clock, and by the months that
    /// the log has lived through.
    fn is_due(&self, month: &str) -> Result<(), ExpiryError> {
        let until = kept_until(month).ok_or(ExpiryError::Other {
            what: "its month is none",
        })?;
        let highest = self.recovery.highest_moment.unwrap_or(Moment(i64::MIN));
        for (seen, what) in [(highest, "the last record"), (self.now, "the clock")] {
            if seen < until {
                return Err(ExpiryError::Early {
                    month: month.to_owned(),
                    until,
                    seen: format!("{what} ({seen})"),
                });
            }
        }
        let present = keys::month_label(self.now);
        let (spans, _) = shards::list(self.storage, self.folder)?;
        let shards = shards::shards(&spans, u64::MAX);
        let over = |shard: &&Shard| *shard.month > *month && shard.month < present;
        let found = shards.iter().filter(over).count();
        if found < RETENTION_MONTHS {
            let month = month.to_owned();
            return Err(ExpiryError::Few { month, found });
        }
        Ok(())
    }

    /// Refuses but for the oldest month of this log, as it is.
    fn fits(&self, month: &str, order: &ExpiryOrder) -> Result<(), ExpiryError> {
        let other = |what| Err(ExpiryError::Other { what });
        let gone = shards::read_checkpoint(self.storage, &expired_path(self.folder, month))?;
        if gone.is_some_and(|(_, last)| last == order.last) {
            let month = month.to_owned();
            return Err(ExpiryError::Already { month });
        }
        let (spans, header) = shards::list(self.storage, self.folder)?;
        let salt = header.map_or([0; 32], |header| header.salt);
        if order.last.origin != shards::origin(&salt, month) {
            return other("it is of another log");
        }
        match shards::shards(&spans, u64::MAX).as_slice() {
            [first, _, ..] if first.month == month => {
                if first.size() != order.last.size {
                    return other("the month holds another number of records");
                }
            }
            [only] if only.month == month => return other("the month is being written"),
            _ => return other("the oldest month of the log is another; months go in order"),
        }
        let path = shards::checkpoint_path(self.folder, month);
        match shards::read_checkpoint(self.storage, &path)? {
            Some((_, last)) if last == order.last => Ok(()),
            _ => other("the last checkpoint of the month is another"),
        }
    }

    fn record(&self, order: &ExpiryOrder, signers: &[KeyId]) -> Result<(), LogError> {
        let signers: Vec<String> = signers.iter().map(KeyId::to_string).collect();
        let signers = signers.join(" ");
        let details = expired::details(order);
        let mut said: Vec<(&str, &str)> = Vec::new();
        said.extend(details.iter().map(|(name, text)| (*name, text.as_str())));
        said.extend([("reason", order.reason.as_str()), ("signers", &signers)]);
        self.log.append_event(&EventDraft {
            kind: EventKind::Expired,
            moment: self.now,
            unit: None,
            status: None,
            check_id: None,
            details: &said,
        })?;
        self.log.sync_now()?;
        self.log.checkpoint_now()
    }
}

/// First moment at which a month may go.
fn kept_until(month: &str) -> Option<Moment> {
    if !is_month(month) {
        return None;
    }
    let (year, number): (i16, i8) = (month.get(..4)?.parse().ok()?, month.get(5..)?.parse().ok()?);
    let begin = Day::from_date(year, number, 1)?;
    let end = keys::month_end(begin.start());
    Some(end.day().plus_years(RETENTION_YEARS).start())
}
