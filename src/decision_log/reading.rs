//! What readers ask of the open log: who asked about a person, under its own keys.
//!
//! In: a question. Out: answers of this log, or of another folder under the same master. Beside
//! the writer: nothing here takes the lock of appends for longer than a digest.

use super::error::LogError;
use super::keys::LogKeys;
use super::months;
use super::record::Subject;
use super::side::Mend;
#[cfg(test)]
use super::side_maker;
use super::subject::{self, NamesSubject, SubjectFound, SubjectQuestion};
use super::writer::DecisionLog;
use crate::identifier::digest::Digest;
use crate::storage::disk::Storage;
use std::path::Path;

impl DecisionLog {
    /// Waits until each segment that is full and on the disk has a side file, or failed to get one.
    pub fn wait_for_sides(&self) {
        self.shared.sides.wait_until_done();
    }

    /// What the thread that makes side files does, on this thread.
    #[cfg(test)]
    pub(super) fn make_sides_now(&self) {
        let shared = &*self.shared;
        let (storage, folder) = (&*shared.ground.storage, &shared.ground.folder);
        side_maker::make_now(&shared.sides, storage, folder);
    }

    /// How the log writes down somebody now; `None` where it has ended.
    pub fn digest_of(&self, subject: Subject<'_>) -> Option<Digest> {
        let appender = self.shared.appender.lock().ok()?;
        Some(appender.digest_of(subject))
    }

    /// Who asked about a person.
    ///
    /// Errors: damage where something was read, a missing segment, the file system.
    pub fn find_subject(
        &self,
        names_subject: NamesSubject<'_>,
        question: &SubjectQuestion<'_>,
    ) -> Result<SubjectFound, LogError> {
        let (folder, mend) = (&self.shared.ground.folder, Mend::Remove);
        let ground = &self.shared.ground;
        let storage = &*ground.storage;
        search(storage, folder, mend, &ground.keys, names_subject, question)
    }

    /// The same in another log's folder, which may be being written.
    ///
    /// Errors: as `find_subject`.
    pub fn find_subject_in(
        &self,
        folder: &Path,
        names_subject: NamesSubject<'_>,
        question: &SubjectQuestion<'_>,
    ) -> Result<SubjectFound, LogError> {
        let (ground, mend) = (&self.shared.ground, Mend::Leave);
        let storage = &*ground.storage;
        search(storage, folder, mend, &ground.keys, names_subject, question)
    }
}

fn search(
    storage: &dyn Storage,
    folder: &Path,
    mend: Mend,
    keys: &LogKeys,
    names_subject: NamesSubject<'_>,
    question: &SubjectQuestion<'_>,
) -> Result<SubjectFound, LogError> {
    let months = |header: &_| months::open_shard(storage, folder, keys, header).ok();
    subject::search(storage, folder, mend, &months, names_subject, question)
}
