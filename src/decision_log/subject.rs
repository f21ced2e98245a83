//! Who asked about a person: when, why, with what answer, and what was then done.
//!
//! In: a person's numbers, perhaps a name, and the keys of the log's months. Out: the checks that
//! asked about exactly these, in their order, over all months whose key is here; months whose key
//! is gone are named, never passed over in silence. Costs one filter block a segment, then only
//! the frames that match. Reads beside the writer. Records are compared by whole keyed digests:
//! another person of the same name is not found by a number.

use super::by_check;
use super::entry::{CheckRecord, Record};
use super::error::LogError;
use super::keys::ShardKeys;
use super::record::{CheckId, FeedbackAction};
use super::segment::Header;
use super::side::{Fault, Mend, SideSegment, Sides};
use super::side_file::{SideHead, SideKey};
use crate::identifier::digest::Digest;
use crate::identifier::document::FullNumber;
use crate::model::term::Moment;
use crate::seal::keys::KeyId;
use crate::storage::disk::Storage;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::path::Path;

/// The keys of the month of a segment; `None` where they are gone.
pub type MonthKeys<'a> = &'a dyn Fn(&Header) -> Option<ShardKeys>;

/// Whether a request in clear names a number as one of its subject's: not, where a party's only.
pub type NamesSubject<'a> = &'a dyn Fn(&[u8], &FullNumber) -> Option<bool>;

/// Which answers are wanted.
#[derive(Debug, Clone, Copy)]
pub struct SubjectQuestion<'a> {
    /// Numbers of the person or organisation.
    pub numbers: &'a [FullNumber],
    /// The folded name: also answers to checks that asked by this name alone.
    pub name: Option<&'a str>,
    /// Not before this moment.
    pub from: Option<Moment>,
    /// Before this moment.
    pub until: Option<Moment>,
    /// Only behind this check.
    pub after: Option<CheckId>,
    /// Answers at most.
    pub limit: usize,
}

/// By what the person was found in a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// A number.
    Number,
    /// The name alone: others bear it too.
    Name,
}

/// As what the check asked about the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundAs {
    /// Its subject.
    Subject,
    /// A related party.
    Party,
    /// One of both: the sealed request does not open.
    Unknown,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectAnswer {
    /// Its open part; `sealed` is empty.
    pub check: Box<CheckRecord>,
    /// By what it was found.
    pub by: FoundBy,
    /// As what.
    pub role: FoundAs,
    /// What the unit did.
    pub feedback: Option<(FeedbackAction, Moment)>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectFound {
    /// Answers in their order, at most `limit`.
    pub answers: Vec<SubjectAnswer>,
    /// There are more behind the last one.
    pub more: bool,
    /// Months that were searched, rising.
    pub months_searched: BTreeSet<String>,
    /// Months with records whose key is gone or is another, rising.
    pub months_unreadable: BTreeSet<String>,
    /// Segments looked at.
    pub segments: u64,
    /// Frames read for nothing: another digest that begins alike.
    pub wrong_frames: u64,
}

/// Searches a log.
///
/// Errors: damage where something was read, a missing segment, the file system.
pub fn search(
    storage: &dyn Storage,
    folder: &Path,
    mend: Mend,
    keys: MonthKeys<'_>,
    names_subject: NamesSubject<'_>,
    question: &SubjectQuestion<'_>,
) -> Result<SubjectFound, LogError> {
    let sides = Sides {
        storage,
        folder,
        mend,
    };
    let mut months = Months {
        keys,
        question,
        known: HashMap::new(),
    };
    let mut found = SubjectFound::default();
    sides.visit(|segment| {
        let mut step = Step::default();
        if let Some(month) = months.of(segment.head()) {
            if !found.more && question.may_stand_in(segment.head()) {
                let room = question.limit - found.answers.len();
                step.answers(segment, month, question, names_subject, room)?;
            }
            found
                .months_searched
                .insert(segment.head().header.month.clone());
        } else {
            let month = segment.head().header.month.clone();
            found.months_unreadable.insert(month);
        }
        let known = found.answers.iter().chain(&step.answers);
        let wanted: Vec<CheckId> = known
            .filter(|answer| answer.feedback.is_none())
            .map(|answer| answer.check.check_id)
            .collect();
        step.feedback(segment, &wanted)?;
        // Nothing fails from here on: a visit that is made again has left nothing.
        found.segments += 1;
        found.wrong_frames += step.wrong_frames;
        found.more |= step.more;
        found.answers.append(&mut step.answers);
        for answer in &mut found.answers {
            let said = step.feedback.get(&answer.check.check_id);
            answer.feedback = answer.feedback.or_else(|| said.copied());
        }
        Ok(ControlFlow::Continue(()))
    })?;
    // A month may have segments under several masters.
    let readable = &found.months_unreadable;
    found
        .months_searched
        .retain(|month| !readable.contains(month));
    Ok(found)
}

impl SubjectQuestion<'_> {
    fn may_stand_in(&self, head: &SideHead) -> bool {
        head.check_count > 0
            && self.after.is_none_or(|after| head.checks.1 > after)
            && self.from.is_none_or(|from| head.moments.1 >= from)
            && self.until.is_none_or(|until| head.moments.0 < until)
    }

    fn takes(&self, check: &CheckRecord) -> bool {
        self.after.is_none_or(|after| check.check_id > after)
            && self.from.is_none_or(|from| check.moment >= from)
            && self.until.is_none_or(|until| check.moment < until)
    }
}

/// What a person is called in one month.
struct Month {
    shard: ShardKeys,
    wanted: Vec<(Digest, FoundBy, Option<usize>)>,
}

/// Digests by month and master, made once each.
struct Months<'q> {
    keys: MonthKeys<'q>,
    question: &'q SubjectQuestion<'q>,
    known: HashMap<(KeyId, bool, String), Option<Month>>,
}

impl Months<'_> {
    fn of(&mut self, head: &SideHead) -> Option<&Month> {
        let header = &head.header;
        let key = (header.key_id, header.has_secret, header.month.clone());
        let (keys, question) = (self.keys, self.question);
        let month = self.known.entry(key).or_insert_with(|| {
            let shard = keys(header)?;
            let numbers = question.numbers.iter().enumerate();
            let numbers =
                numbers.map(|(place, n)| (shard.subject.full(n), FoundBy::Number, Some(place)));
            let name = question
                .name
                .map(|name| (shard.name(name), FoundBy::Name, None));
            let wanted = numbers.chain(name).collect();
            Some(Month { shard, wanted })
        });
        month.as_ref()
    }
}

/// What one segment has given.
#[derive(Default)]
struct Step {
    answers: Vec<SubjectAnswer>,
    more: bool,
    feedback: HashMap<CheckId, (FeedbackAction, Moment)>,
    wrong_frames: u64,
}

impl Step {
    fn answers(
        &mut self,
        segment: &mut SideSegment<'_>,
        month: &Month,
        question: &SubjectQuestion<'_>,
        names_subject: NamesSubject<'_>,
        room: usize,
    ) -> Result<(), Fault> {
        // By offset, so that a check found twice is one answer, by its surest way.
        let mut places: BTreeMap<u64, Vec<(Digest, FoundBy, Option<usize>)>> = BTreeMap::new();
        for wanted in &month.wanted {
            for offset in segment.offsets(SideKey::of_digest(&wanted.0))? {
                places.entry(offset).or_default().push(*wanted);
            }
        }
        for (offset, wanted) in places {
            let frame = segment.frame(offset)?;
            let mut check = segment.check(&frame)?;
            let is_in = |digest: &Digest| *digest == check.subject || check.others.contains(digest);
            let Some((digest, by, number)) = wanted.into_iter().find(|(digest, ..)| is_in(digest))
            else {
                self.wrong_frames += 1;
                continue;
            };
            if !question.takes(&check) {
                continue;
            }
            if self.answers.len() == room {
                self.more = true;
                return Ok(());
            }
            let sealed = std::mem::take(&mut check.sealed);
            let role = match (digest == check.subject, number) {
                (true, _) => FoundAs::Subject,
                // A name stands for the subject where it is that, else for a party.
                (false, None) => FoundAs::Party,
                (false, Some(number)) => {
                    let opened = month.shard.unseal(&check.check_id.0, &sealed).ok();
                    let request = opened.map(zeroize::Zeroizing::new);
                    let number = &question.numbers[number];
                    match request.and_then(|request| names_subject(&request, number)) {
                        Some(true) => FoundAs::Subject,
                        Some(false) => FoundAs::Party,
                        None => FoundAs::Unknown,
                    }
                }
            };
            self.answers.push(SubjectAnswer {
                check: Box::new(check),
                by,
                role,
                feedback: None,
            });
        }
        Ok(())
    }

    fn feedback(&mut self, segment: &mut SideSegment<'_>, wanted: &[CheckId]) -> Result<(), Fault> {
        if segment.head().concerning == 0 {
            return Ok(());
        }
        for check_id in wanted {
            for offset in segment.offsets(SideKey::of_check(*check_id))? {
                let frame = segment.frame(offset)?;
                let record = by_check::concerning(segment, &frame, *check_id)?;
                if let Some(Record::Feedback(said)) = record {
                    let done = (said.action, said.moment);
                    self.feedback.entry(*check_id).or_insert(done);
                }
            }
        }
        Ok(())
    }
}
