//! Which answers relied on an entry, and what was done after each: so that harm can be undone.
//!
//! In: a log folder, entry_ids. Out: for each its answers in their order, with feedback where
//! there is some. One pass over the log, beside the writer or offline. Safeguard S19.

use super::entry::Record;
use super::error::LogError;
use super::query::{self, Filter, Summary};
use super::record::{CheckId, FeedbackAction};
use crate::model::decision::{Decision, Identity};
use crate::model::term::Moment;
use crate::storage::disk::Storage;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// One answer that relied on an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReliedAnswer {
    /// Its number, by which the unit knows its own business.
    pub check_id: CheckId,
    /// When.
    pub moment: Moment,
    /// Who asked.
    pub unit: Arc<str>,
    /// What for.
    pub scenario: Arc<str>,
    /// Why, in the unit's words.
    pub purpose: Option<Arc<str>>,
    /// What was decided.
    pub decision: Decision,
    /// How sure the match was.
    pub identity: Identity,
    /// Measures of the entry that applied.
    pub measures: Vec<Arc<str>>,
    /// What the unit did.
    pub feedback: Option<(FeedbackAction, Moment)>,
}

/// Answers by entry.
pub type Answers = BTreeMap<Box<str>, Vec<ReliedAnswer>>;

/// Collects the answers that relied on any of these entries; each has a place in the result.
///
/// Errors: damage, a format not known, a missing segment, the file system.
pub fn collect(
    storage: &dyn Storage,
    folder: &Path,
    entries: &BTreeSet<Box<str>>,
) -> Result<(Answers, Summary), LogError> {
    let mut answers: Answers = entries.iter().map(|id| (id.clone(), Vec::new())).collect();
    let mut feedback: HashMap<CheckId, (FeedbackAction, Moment)> = HashMap::new();
    let mut wanted: BTreeSet<CheckId> = BTreeSet::new();
    let summary = query::read(storage, folder, &Filter::default(), |record| {
        match record {
            Record::Check(check) => {
                for relied in &check.relied {
                    let Some(found) = answers.get_mut(&relied.entry_id) else {
                        continue;
                    };
                    // By several parties, one answer still.
                    if found
                        .last()
                        .is_some_and(|last| last.check_id == check.check_id)
                    {
                        continue;
                    }
                    wanted.insert(check.check_id);
                    found.push(ReliedAnswer {
                        check_id: check.check_id,
                        moment: check.moment,
                        unit: Arc::clone(&check.unit),
                        scenario: Arc::clone(&check.scenario),
                        purpose: check.purpose.clone(),
                        decision: check.decision,
                        identity: relied.identity,
                        measures: relied.measures.clone(),
                        feedback: None,
                    });
                }
            }
            Record::Feedback(said) if wanted.contains(&said.check_id) => {
                let done = (said.action, said.moment);
                feedback.entry(said.check_id).or_insert(done);
            }
            Record::Feedback(_) | Record::Event(_) => (),
        }
        ControlFlow::Continue(())
    })?;
    for answer in answers.values_mut().flatten() {
        answer.feedback = feedback.get(&answer.check_id).copied();
    }
    Ok((answers, summary))
}
