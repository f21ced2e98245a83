//! Acts of operators while a run is under way: what is held or withdrawn stops counting.
//!
//! In: the journal of a gateway's state folder, read without a lock, and the view of the run. Out:
//! the view with the acts so far, looked at before each block: rows decided after an act no longer
//! see the entry (safeguards S14, S22). A journal that cannot be read ends the run: without it
//! people could be reported who were released.

use crate::gateway::view::View;
use crate::index::binding::BindingError;
use crate::model::entry::{Act, EntryId};
use crate::model::term::Moment;
use crate::overlay::journal::{self, JournalError};
use crate::overlay::standing::Overlay;
use crate::storage::disk::Storage;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// A gateway that writes while we read may be seen half-way; a second look sees the whole.
const READS_MAX: u32 = 5;
/// Acts that are put in one by one; more are put in all at once.
const SINGLE_MAX: usize = 64;

/// Why the acts of a run are not known.
#[derive(Debug, thiserror::Error)]
pub enum ActsFault {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The view with them.
    #[error(transparent)]
    Binding(#[from] BindingError),
}

/// The journal as it was when last looked at.
#[derive(Debug)]
pub struct Watched {
    path: PathBuf,
    stamp: Option<(u64, Option<SystemTime>)>,
    known: usize,
}

impl Watched {
    /// Not yet looked at.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            stamp: None,
            known: 0,
        }
    }

    /// The view with all acts so far; `None` where nothing is new.
    pub fn look(
        &mut self,
        storage: &dyn Storage,
        view: &View,
        now: Moment,
    ) -> Result<Option<View>, ActsFault> {
        // The stamp first: what is written after it is seen by the next look.
        let stamp = self.stamp();
        if stamp.is_none() || stamp == self.stamp {
            return Ok(None);
        }
        let acts = self.read(storage)?;
        self.stamp = stamp;
        if acts.len() == self.known {
            return Ok(None);
        }
        let touched: Vec<EntryId> = match acts.get(self.known..) {
            Some(new) if self.known > 0 => new.iter().map(|act| act.entry_id.clone()).collect(),
            _ => Vec::new(),
        };
        self.known = acts.len();
        let overlay = Arc::new(Overlay::from_acts(acts));
        if touched.is_empty() || touched.len() > SINGLE_MAX {
            let (loaded, law) = (Arc::clone(&view.loaded), Arc::clone(&view.law));
            return Ok(Some(View::new(loaded, law, overlay, now)?));
        }
        let mut changed: Option<View> = None;
        for entry_id in &touched {
            let from = changed.as_ref().unwrap_or(view);
            changed = Some(from.with_acts(Arc::clone(&overlay), entry_id, now));
        }
        Ok(changed)
    }

    fn stamp(&self) -> Option<(u64, Option<SystemTime>)> {
        let about = std::fs::metadata(&self.path).ok()?;
        Some((about.len(), about.modified().ok()))
    }

    fn read(&self, storage: &dyn Storage) -> Result<Vec<Act>, JournalError> {
        let mut reads = 1;
        loop {
            match journal::read_only(storage, &self.path) {
                Ok(entries) => return Ok(entries.into_iter().map(|entry| entry.act).collect()),
                Err(JournalError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound =>
                {
                    return Ok(Vec::new());
                }
                Err(JournalError::Damaged { .. }) if reads < READS_MAX => reads += 1,
                Err(fault) => return Err(fault),
            }
        }
    }
}
