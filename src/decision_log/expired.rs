//! What an expired month leaves behind, and taking away the rest of it.
//!
//! In: a log folder that is held. Out: of each month whose last checkpoint stands under `expired`,
//! the secret overwritten and removed, then the segments, then the tree. Each step may be cut off
//! and is gone on with by the next start or the next run of `hecha log expire`. Nothing goes of a
//! month whose order this log has not recorded: a file that somebody puts under `expired` is an
//! error, not an order.

use super::entry::{EventRecord, Record};
use super::error::LogError;
use super::expiry_order::{self, ExpiryOrder};
use super::keys;
use super::months;
use super::query::{self, Filter};
use super::record::{CheckId, EventKind};
use super::segment;
use super::shards;
use crate::model::term::Moment;
use crate::storage::disk::{self, Storage};
use crate::tree::note::Checkpoint;
use crate::tree::origin::{LogId, Origin, is_month};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Ending of the order beside the last checkpoint of a month.
pub const ORDER_SUFFIX: &str = "order";

/// Where the last checkpoint of an expired month stands.
pub fn expired_path(folder: &Path, month: &str) -> PathBuf {
    folder.join(shards::EXPIRED_FOLDER).join(month)
}

/// Where the order stands by which a month was expired.
pub fn order_path(folder: &Path, month: &str) -> PathBuf {
    expired_path(folder, month).with_extension(ORDER_SUFFIX)
}

/// Labels of the months whose last checkpoint stands under `expired`, in order.
pub fn months(storage: &dyn Storage, folder: &Path) -> Vec<String> {
    let expired = folder.join(shards::EXPIRED_FOLDER);
    let mut names = storage.list(&expired).unwrap_or_default();
    names.retain(|name| is_month(name));
    names
}

/// The month of a check, where that is one that was expired.
pub fn month_of(storage: &dyn Storage, folder: &Path, check_id: CheckId) -> Option<String> {
    let asked = keys::month_label(Moment(check_id.milliseconds().saturating_mul(1_000)));
    let mut months = months(storage, folder).into_iter();
    months.find(|month| *month == asked)
}

/// The orders that a log has recorded, and which log it is.
#[derive(Debug)]
pub struct Recorded {
    log: Option<LogId>,
    events: Vec<EventRecord>,
}

impl Recorded {
    /// Reads the whole log.
    ///
    /// Errors: damage, the file system.
    pub fn read(storage: &dyn Storage, folder: &Path) -> Result<Self, LogError> {
        let (_, header) = shards::list(storage, folder)?;
        let mut events = Vec::new();
        query::read(storage, folder, &Filter::default(), |record| {
            if let Record::Event(event) = record
                && event.kind == Some(EventKind::Expired)
            {
                events.push(event);
            }
            ControlFlow::Continue(())
        })?;
        let log = header.map(|header| LogId::new(&header.salt));
        Ok(Self { log, events })
    }

    /// Whether the log has recorded this order, with these very signatures.
    pub fn has(&self, order: &ExpiryOrder) -> bool {
        let details = details(order);
        let says = |event: &EventRecord, (name, text): &(&str, String)| {
            let mut said = event.details.iter();
            said.any(|(one, is)| **one == **name && **is == **text)
        };
        let mut events = self.events.iter();
        events.any(|event| details.iter().all(|detail| says(event, detail)))
    }

    /// What does not fit about the last checkpoint of an expired month; `None` where it is of this
    /// log, its order beside it, and recorded.
    ///
    /// Errors: the file system.
    pub fn fault(
        &self,
        storage: &dyn Storage,
        folder: &Path,
        month: &str,
        last: &Checkpoint,
    ) -> Result<Option<&'static str>, LogError> {
        let origin = Origin::parse(&last.origin);
        let Some(origin) = origin.filter(|origin| origin.shard == month) else {
            return Ok(Some("it is of another month"));
        };
        if Some(origin.log) != self.log {
            return Ok(Some("it is of another log"));
        }
        let path = order_path(folder, month);
        let file = match storage.open_to_read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Some("no order stands beside it"));
            }
            opened => opened.and_then(|file| disk::read_all(&*file)),
        };
        let file = file.map_err(LogError::io("read", path.display().to_string()))?;
        Ok(match ExpiryOrder::from_file(&file) {
            Err(what) => Some(what),
            Ok(order) if order.month != month || order.last != *last => {
                Some("the order beside it orders something else")
            }
            Ok(order) if !self.has(&order) => Some("this log has recorded no such order"),
            Ok(_) => None,
        })
    }
}

/// What a record says of an order, by which it is found again.
pub fn details(order: &ExpiryOrder) -> [(&'static str, String); 5] {
    [
        ("month", order.month.clone()),
        ("origin", order.last.origin.clone()),
        ("size", order.last.size.to_string()),
        ("root", expiry_order::hex(&order.last.root)),
        ("order", expiry_order::hex(&order.file_hash())),
    ]
}

/// Removes what is left of months whose last checkpoint stands under `expired`. The folder is held.
///
/// Errors: a checkpoint there without a recorded order, then nothing was removed; damage; the file
/// system, then the next run goes on.
pub(super) fn finish(storage: &dyn Storage, folder: &Path) -> Result<(), LogError> {
    // A start reads the log once more only where a cut has left something.
    let mut left = Vec::new();
    for month in months(storage, folder) {
        if is_left(storage, folder, &month)? {
            left.push(month);
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    let recorded = Recorded::read(storage, folder)?;
    for month in &left {
        let path = expired_path(folder, month);
        let file = path.display().to_string();
        let fault = match shards::read_checkpoint(storage, &path)? {
            Some((_, last)) => recorded.fault(storage, folder, month, &last)?,
            None => Some("it is gone again"),
        };
        if let Some(what) = fault {
            return Err(LogError::NotExpired { file, what });
        }
    }
    for month in &left {
        months::destroy(storage, folder, month)?;
        remove_segments(storage, folder, month)?;
        remove_all(storage, &shards::tree_folder(folder, month))?;
    }
    Ok(())
}

/// Whether anything of an expired month is still here.
fn is_left(storage: &dyn Storage, folder: &Path, month: &str) -> Result<bool, LogError> {
    let tree = storage.list(&shards::tree_folder(folder, month));
    if !tree.unwrap_or_default().is_empty() || months::is_here(storage, folder, month) {
        return Ok(true);
    }
    let first = segment::numbers(storage, folder)?.first().copied();
    Ok(match first {
        Some(number) => is_of(storage, folder, number, month)?,
        None => false,
    })
}

/// Whether the lowest segment belongs to a month that is expired. Labels of the segments of a
/// month do not rise above its own; where an older version let the clock take them back, they lie
/// below it. The oldest month goes first, so nothing below belongs to another.
fn is_of(storage: &dyn Storage, folder: &Path, number: u64, month: &str) -> Result<bool, LogError> {
    let head = shards::head(storage, folder, number)?;
    Ok(head.is_some_and(|(header, _)| header.month.as_str() <= month))
}

/// The lowest first, so that what is left has no gap at any moment.
fn remove_segments(storage: &dyn Storage, folder: &Path, month: &str) -> Result<(), LogError> {
    for number in segment::numbers(storage, folder)? {
        if !is_of(storage, folder, number, month)? {
            break;
        }
        // What stands beside a segment names its subjects by digest: it goes first.
        remove(storage, folder, segment::side_name(number))?;
        remove(storage, folder, segment::file_name(number))?;
        let synced = storage.sync_folder(folder);
        synced.map_err(LogError::io("sync", folder.display().to_string()))?;
    }
    Ok(())
}

fn remove(storage: &dyn Storage, folder: &Path, name: String) -> Result<(), LogError> {
    match storage.remove(&folder.join(&name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(LogError::io("remove", name)),
    }
}

fn remove_all(storage: &dyn Storage, folder: &Path) -> Result<(), LogError> {
    let names = storage.list(folder).unwrap_or_default();
    for name in names.iter().cloned() {
        remove(storage, folder, name)?;
    }
    if !names.is_empty() {
        let synced = storage.sync_folder(folder);
        synced.map_err(LogError::io("sync", folder.display().to_string()))?;
    }
    Ok(())
}
