//! A new log where an older one cannot be continued: the old folder is kept, the new one says why.
//!
//! In: the folder of a log that nobody writes, who says so and why. Out: the old folder under the
//! name `log-epoch-<n>` beside, and in its place a new one that holds a note. Whoever opens the new
//! log first records the note as its first event. Nothing is deleted; a cut between the steps is
//! finished by the next run.

use super::chain::{self, Writing};
use super::entry::{EventRecord, Record};
use super::error::LogError;
use super::query::{self, Filter};
use super::record::{EventDraft, EventKind};
use super::recovery;
use super::shards;
use super::witnessed;
use super::writer::DecisionLog;
use crate::model::term::Moment;
use crate::storage::disk::{self, Storage, folder_of};
use crate::storage::replace;
use crate::tree::origin::{LogId, Origin};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// File of a note that is not recorded yet: a name and a text on each line.
pub const NOTE_FILE: &str = "epoch-note";
/// Beginning of the names of older logs, beside the folder of the log.
pub const OLD_PREFIX: &str = "log-epoch-";
/// Where the new folder is made ready.
const ASIDE: &str = "log-epoch.aside";

/// Who begins a new log, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// What a witness says to have seen: size and origin of each shard.
    pub witnessed: Vec<(u64, String)>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Where the old log lies now; `None` where there was none.
    pub old: Option<PathBuf>,
    /// Number of the old log, where it could be read.
    pub old_log: Option<LogId>,
    /// The note, as it will be recorded.
    pub note: Vec<(String, String)>,
}

/// Sets the log in `folder` aside and begins a new one.
///
/// Errors: somebody writes the log; the file system.
pub fn begin(storage: &dyn Storage, folder: &Path, order: &Order) -> Result<Begun, LogError> {
    let parent = folder_of(folder);
    let aside = parent.join(ASIDE);
    if !exists(storage, folder)? && exists(storage, &aside)? {
        // A former run was cut between its two renames.
        let note = read_note(storage, &aside)?.unwrap_or_default();
        rename(storage, &aside, folder)?;
        return Ok(Begun {
            old: None,
            old_log: None,
            note,
        });
    }
    let _lock = recovery::take_folder(storage, folder)?;
    let found = Found::read(storage, folder);
    let old = free_name(storage, parent)?;
    let note = found.note(order, &old);
    storage
        .create_folder(&aside)
        .map_err(LogError::io("create", name(&aside)))?;
    witnessed::keep_earlier_logs(storage, &aside, &found.earlier(order))?;
    let path = aside.join(NOTE_FILE);
    let text: String = note
        .iter()
        .map(|(key, text)| format!("{key} {text}\n"))
        .collect();
    let written = replace::write(storage, &path, text.as_bytes());
    written.map_err(LogError::io("write", name(&path)))?;
    rename(storage, folder, &old)?;
    rename(storage, &aside, folder)?;
    Ok(Begun {
        old: Some(old),
        old_log: found.log,
        note,
    })
}

/// Records the note of a log that was begun by `begin`, once, before anything else.
///
/// Errors: the note cannot be read, the log cannot be written.
pub fn record_note(
    log: &DecisionLog,
    storage: &dyn Storage,
    folder: &Path,
    now: Moment,
) -> Result<(), LogError> {
    let Some(note) = read_note(storage, folder)? else {
        return Ok(());
    };
    if !is_recorded(storage, folder)? {
        let details: Vec<(&str, &str)> = note
            .iter()
            .map(|(key, text)| (key.as_str(), text.as_str()))
            .collect();
        log.append_event(&EventDraft {
            kind: EventKind::Epoch,
            moment: now,
            unit: None,
            status: None,
            check_id: None,
            details: &details,
        })?;
        log.sync_now()?;
    }
    let path = folder.join(NOTE_FILE);
    let removed = storage.remove(&path);
    removed
        .and_then(|()| storage.sync_folder(folder))
        .map_err(LogError::io("remove", name(&path)))
}

/// What stands in the folder of the old log, as far as it can be read.
struct Found {
    log: Option<LogId>,
    origin: Option<String>,
    records: String,
    earlier: Vec<LogId>,
}

impl Found {
    /// Damage is no reason to stop: it may be the very reason of the order.
    fn read(storage: &dyn Storage, folder: &Path) -> Self {
        let listed = shards::list(storage, folder);
        let header = listed.as_ref().ok().and_then(|(_, header)| header.as_ref());
        let log = header.map(|header| LogId::new(&header.salt));
        let origin = header.map(|header| shards::origin(&header.salt, &header.month));
        let end = chain::read_last(storage, folder, Writing::No, 1, |_, _| Ok(()));
        let records = match (&end, &listed) {
            (Ok(end), Ok((segments, _))) => {
                let shards = shards::shards(segments, end.next_index());
                let last = shards.last().map_or(0, shards::Shard::size);
                format!("{last} in its last month, {} in all", end.next_index() - 1)
            }
            (Err(fault), _) | (_, Err(fault)) => format!("not readable: {fault}"),
        };
        let records = records.replace('\n', " ");
        Self {
            log,
            origin,
            records,
            earlier: witnessed::earlier_logs(storage, folder).unwrap_or_default(),
        }
    }

    fn note(&self, order: &Order, old: &Path) -> Vec<(String, String)> {
        let seen = order.witnessed.iter();
        let seen: Vec<String> = seen
            .map(|(size, origin)| format!("{size} {origin}"))
            .collect();
        let none = || "none".to_owned();
        let line = |key: &str, text: String| (key.to_owned(), text);
        vec![
            line("old_origin", self.origin.clone().unwrap_or_else(none)),
            line("found", self.records.clone()),
            line(
                "witnessed",
                if seen.is_empty() {
                    none()
                } else {
                    seen.join("; ")
                },
            ),
            line("reason", order.reason.clone()),
            line("by", order.by.clone()),
            line("folder", disk::file_name(old)),
        ]
    }

    /// Logs before the new one: those known so far, the one that was here, and those that the
    /// witness saw, for the folder may have held nothing any more.
    fn earlier(&self, order: &Order) -> Vec<LogId> {
        let mut earlier = self.earlier.clone();
        let seen = order
            .witnessed
            .iter()
            .filter_map(|(_, origin)| Origin::parse(origin).map(|origin| origin.log));
        for log in self.log.into_iter().chain(seen) {
            if !earlier.contains(&log) {
                earlier.push(log);
            }
        }
        earlier
    }
}

fn is_recorded(storage: &dyn Storage, folder: &Path) -> Result<bool, LogError> {
    let mut is_recorded = false;
    query::read(storage, folder, &Filter::default(), |record| {
        let is_note = |event: &EventRecord| event.kind == Some(EventKind::Epoch);
        is_recorded = matches!(&record, Record::Event(event) if is_note(event));
        match is_recorded {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    Ok(is_recorded)
}

fn read_note(
    storage: &dyn Storage,
    folder: &Path,
) -> Result<Option<Vec<(String, String)>>, LogError> {
    let path = folder.join(NOTE_FILE);
    let file = match storage.open_to_read(&path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(LogError::io("open", name(&path)))?,
    };
    let bytes = disk::read_all(&*file).map_err(LogError::io("read", name(&path)))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let owned = lines.map(|(key, text)| (key.to_owned(), text.to_owned()));
    Ok(Some(owned.collect()))
}

/// The first name for an old log that is free.
fn free_name(storage: &dyn Storage, parent: &Path) -> Result<PathBuf, LogError> {
    let mut number = 1_u32;
    loop {
        let path = parent.join(format!("{OLD_PREFIX}{number}"));
        if !exists(storage, &path)? {
            return Ok(path);
        }
        number += 1;
    }
}

fn rename(storage: &dyn Storage, from: &Path, to: &Path) -> Result<(), LogError> {
    let renamed = storage.rename(from, to);
    renamed
        .and_then(|()| storage.sync_folder(folder_of(to)))
        .map_err(LogError::io("rename", name(from)))
}

fn exists(storage: &dyn Storage, folder: &Path) -> Result<bool, LogError> {
    match storage.list(folder) {
        Ok(_) => Ok(true),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(fault) => Err(LogError::io("list", name(folder))(fault)),
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
