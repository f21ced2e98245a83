//! The person's right: who asked about somebody, in the gateway's log and in those of bulk runs.
//!
//! In: a question. Out: answers of all these logs in one order. Every such reading is itself
//! recorded before it is made; `recorder.rs` and the command do that. Reads files: on a bulk
//! thread, never on one that answers checks.

use crate::decision_log::error::LogError;
use crate::decision_log::subject::{SubjectFound, SubjectQuestion};
use crate::decision_log::writer::DecisionLog;
use crate::wire::normalised;
use crate::wire::subject::SubjectBody;
use std::path::{Path, PathBuf};

/// Logs of bulk runs, in the state folder beside the gateway's.
const RUNS_FOLDER: &str = "screen";

/// Log folders of the runs of `hecha screen` of the same state folder, in the order of their names.
pub fn runs_beside(log: &Path) -> Vec<PathBuf> {
    let runs = log.parent().map(|state| state.join(RUNS_FOLDER));
    let entries = runs.and_then(|runs| std::fs::read_dir(runs).ok());
    let folders = entries.into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = folders.map(|one| one.path()).collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort_unstable();
    folders
}

/// Searches the open log and those of runs beside it.
///
/// Errors: one of them is damaged or cannot be read: a list with a gap would be a wrong answer.
pub fn find(log: &DecisionLog, body: &SubjectBody) -> Result<SubjectFound, LogError> {
    let question = SubjectQuestion {
        numbers: &body.numbers,
        name: body.name.as_deref(),
        from: body.from,
        until: body.until,
        after: body.after,
        limit: body.limit,
    };
    let mut found = log.find_subject(&normalised::names_subject, &question)?;
    for run in runs_beside(log.folder()) {
        let more = log.find_subject_in(&run, &normalised::names_subject, &question)?;
        found.answers.extend(more.answers);
        found.more |= more.more;
        found.segments += more.segments;
        found.wrong_frames += more.wrong_frames;
        found.months_searched.extend(more.months_searched);
        found.months_unreadable.extend(more.months_unreadable);
    }
    // check_ids of all logs rise with time; each log has given its first ones.
    found.answers.sort_by_key(|answer| answer.check.check_id);
    found.more |= found.answers.len() > body.limit;
    found.answers.truncate(body.limit);
    Ok(found)
}
