//! Records as readers see them: the open part as plain data, the sealed part only as sealed.
//!
//! In: payloads, and the texts and contexts of their segment. Out: records. Reads what `record.rs`
//! writes; a known kind that makes no sense is `None`, and the reader calls it damage.

use super::codec::Fields;
use super::intern::{self, ReadContext, Table};
use super::record::{
    CheckId, EventKind, FLAG_ENGLISH, FLAG_OTHERS, FLAG_SEGMENT, FeedbackAction, KIND_CONTEXT,
    KIND_TEXT, OTHERS_MAX, Position,
};
use crate::identifier::digest::Digest;
use crate::model::decision::{Decision, Identity, Level};
use crate::model::language::Language;
use crate::model::term::Moment;
use smallvec::SmallVec;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A check.
    Check(Box<CheckRecord>),
    /// What was done after a check.
    Feedback(FeedbackRecord),
    /// Anything else.
    Event(EventRecord),
}

/// Open part of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRecord {
    /// Its number.
    pub check_id: CheckId,
    /// Its place.
    pub position: Position,
    /// When it was answered.
    pub moment: Moment,
    /// Who asked.
    pub unit: Arc<str>,
    /// What for.
    pub scenario: Arc<str>,
    /// Why.
    pub purpose: Option<Arc<str>>,
    /// What was decided.
    pub decision: Decision,
    /// What the answer said of this record's durability.
    pub level: Level,
    /// State of the gateway.
    pub context: Arc<ReadContext>,
    /// Keyed digest of whom it asked about.
    pub subject: Digest,
    /// Keyed digests of further numbers of that subject and of related parties.
    pub others: Vec<Digest>,
    /// Language of the messages; Chinese in records that do not say so.
    pub language: Language,
    /// First half of the hash of the answer's body after its place in the log.
    pub answer_hash: [u8; 16],
    /// Entries shown and their measures that applied.
    pub relied: Vec<ReliedRecord>,
    /// The request, encrypted.
    pub sealed: Box<[u8]>,
}

/// One entry that an answer relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReliedRecord {
    /// Its key.
    pub entry_id: Box<str>,
    /// How sure the match was.
    pub identity: Identity,
    /// Ids of its measures that applied.
    pub measures: Vec<Arc<str>>,
}

/// Open part of feedback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackRecord {
    /// The check it concerns.
    pub check_id: CheckId,
    /// Its place.
    pub position: Position,
    /// When it came.
    pub moment: Moment,
    /// Who said so.
    pub unit: Arc<str>,
    /// What was done.
    pub action: FeedbackAction,
    /// Keyed digest of action and note.
    pub content: Digest,
    /// The note, encrypted; empty where there is none.
    pub sealed: Box<[u8]>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Its place.
    pub position: Position,
    /// What happened; `None` a kind of a later version.
    pub kind: Option<EventKind>,
    /// When.
    pub moment: Moment,
    /// Who did it or was refused.
    pub unit: Option<Arc<str>>,
    /// Status of the answer.
    pub status: Option<u16>,
    /// The check it concerns.
    pub check_id: Option<CheckId>,
    /// Names and texts.
    pub details: Vec<(Box<str>, Box<str>)>,
}

/// Texts and contexts of one segment, as far as it was read.
#[derive(Debug, Default)]
pub struct Names {
    texts: HashMap<(u8, u32), Arc<str>>,
    contexts: HashMap<u32, Arc<ReadContext>>,
    /// Which was asked for last and is not here.
    missed: Cell<Option<NameKey>>,
}

/// Table and number of a text; contexts count as `CONTEXTS`.
pub(super) type NameKey = (u8, u32);

/// In place of a table: contexts.
pub(super) const CONTEXTS: u8 = u8::MAX;

impl Names {
    /// Learns what a text or a context stands for; which one it was. `None` where the frame makes
    /// no sense or is of another kind.
    pub(super) fn learn(&mut self, kind: u8, payload: &[u8]) -> Option<NameKey> {
        match kind {
            KIND_TEXT => {
                let text = intern::read_text(payload)?;
                let key = (text.table, text.number);
                self.texts.insert(key, text.text.into());
                Some(key)
            }
            KIND_CONTEXT => {
                let (number, context) = intern::read_context(payload)?;
                self.contexts.insert(number, Arc::new(context));
                Some((CONTEXTS, number))
            }
            _ => None,
        }
    }

    /// A text by its number.
    pub fn text(&self, table: Table, number: u32) -> Option<Arc<str>> {
        let found = self.texts.get(&(table as u8, number)).cloned();
        self.note(found, (table as u8, number))
    }

    /// Which name a record could not be read without, once: readers that fetch names one by one
    /// fetch it and read the record again.
    pub(super) fn take_missed(&self) -> Option<NameKey> {
        self.missed.take()
    }

    fn context(&self, number: u32) -> Option<Arc<ReadContext>> {
        let found = self.contexts.get(&number).cloned();
        self.note(found, (CONTEXTS, number))
    }

    fn note<T>(&self, found: Option<T>, key: NameKey) -> Option<T> {
        if found.is_none() {
            self.missed.set(Some(key));
        }
        found
    }
}

/// What of a check the log itself needs; the rest of the payload is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckHead {
    /// Its number.
    pub check_id: CheckId,
    /// Number of the segment in which it was written; records of older versions do not say it.
    pub segment: Option<u64>,
    /// When it was answered.
    pub moment: Moment,
    /// What was decided.
    pub decision: Decision,
    /// What the answer said.
    pub level: Level,
    /// Number of the unit.
    pub unit: u32,
    /// The flags as they stand.
    flags: u8,
}

/// The first fields of a check's payload.
pub fn check_head(payload: &[u8]) -> Option<CheckHead> {
    let mut fields = Fields::new(payload);
    let check_id = CheckId(fields.array()?);
    fields.array::<32>()?;
    head_after_hashes(&mut fields, check_id)
}

/// Digest of the subject of a check.
pub fn check_subject(payload: &[u8]) -> Option<Digest> {
    let mut fields = Fields::new(payload);
    fields.array::<32>()?;
    Some(Digest(fields.array()?))
}

fn head_after_hashes(fields: &mut Fields<'_>, check_id: CheckId) -> Option<CheckHead> {
    let flags = fields.byte()?;
    let decision = *Decision::ALL.get(usize::from(flags & 0b111))?;
    let level = match (flags & !(FLAG_ENGLISH | FLAG_OTHERS | FLAG_SEGMENT)) >> 3 {
        0 => Level::Kernel,
        1 => Level::Disk,
        _ => return None,
    };
    let segment = match flags & FLAG_SEGMENT {
        0 => None,
        _ => Some(fields.number()?),
    };
    let base_us = check_id.milliseconds().saturating_mul(1_000);
    let moment = Moment(base_us.wrapping_add(fields.signed()?));
    let unit = fields.small_number()?;
    Some(CheckHead {
        check_id,
        segment,
        moment,
        decision,
        level,
        unit,
        flags,
    })
}

/// Keyed digests by which the people of a check are found, that of the subject first.
pub(super) fn check_digests(payload: &[u8]) -> Option<SmallVec<[Digest; 4]>> {
    let mut fields = Fields::new(payload);
    let check_id = CheckId(fields.array()?);
    fields.array::<16>()?;
    let mut digests = SmallVec::from_slice(&[Digest(fields.array()?)]);
    let head = head_after_hashes(&mut fields, check_id)?;
    if head.flags & FLAG_OTHERS != 0 {
        for _scenario_purpose_context in 0..3 {
            fields.small_number()?;
        }
        digests.extend(others(&mut fields)?);
    }
    Some(digests)
}

/// A check's whole open part.
pub fn check(payload: &[u8], position: Position, names: &Names) -> Option<CheckRecord> {
    let mut fields = Fields::new(payload);
    let check_id = CheckId(fields.array()?);
    let answer_hash = fields.array()?;
    let subject = Digest(fields.array()?);
    let head = head_after_hashes(&mut fields, check_id)?;
    let scenario = names.text(Table::Scenario, fields.small_number()?)?;
    let purpose = match fields.small_number()? {
        0 => None,
        number => Some(names.text(Table::Purpose, number - 1)?),
    };
    let context = names.context(fields.small_number()?)?;
    let others = match head.flags & FLAG_OTHERS {
        0 => Vec::new(),
        _ => others(&mut fields)?,
    };
    let count = fields.number()?;
    let mut relied = Vec::new();
    for _ in 0..count {
        relied.push(relied_on(&mut fields, names)?);
    }
    Some(CheckRecord {
        check_id,
        position,
        moment: head.moment,
        unit: names.text(Table::Unit, head.unit)?,
        scenario,
        purpose,
        decision: head.decision,
        level: head.level,
        context,
        subject,
        others,
        language: match head.flags & FLAG_ENGLISH {
            0 => Language::Zh,
            _ => Language::En,
        },
        answer_hash,
        relied,
        sealed: fields.rest().into(),
    })
}

fn others(fields: &mut Fields<'_>) -> Option<Vec<Digest>> {
    let count = usize::try_from(fields.number()?).ok()?;
    if count == 0 || count > OTHERS_MAX {
        return None;
    }
    (0..count).map(|_| fields.array().map(Digest)).collect()
}

fn relied_on(fields: &mut Fields<'_>, names: &Names) -> Option<ReliedRecord> {
    let entry_id = fields.text()?.into();
    let identity = match fields.byte()? {
        0 => Identity::Possible,
        1 => Identity::Probable,
        2 => Identity::Identified,
        _ => return None,
    };
    let count = fields.number()?;
    let mut measures = Vec::new();
    for _ in 0..count {
        measures.push(names.text(Table::Measure, fields.small_number()?)?);
    }
    Some(ReliedRecord {
        entry_id,
        identity,
        measures,
    })
}

/// What of feedback the log itself needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedbackHead {
    /// The check it concerns.
    pub check_id: CheckId,
    /// Keyed digest of action and note.
    pub content: Digest,
    /// When it came.
    pub moment: Moment,
    /// Number of the unit.
    pub unit: u32,
    /// What was done.
    pub action: FeedbackAction,
}

/// The fields of a feedback's payload, and the sealed note.
pub fn feedback_head(payload: &[u8]) -> Option<(FeedbackHead, &[u8])> {
    let mut fields = Fields::new(payload);
    let head = FeedbackHead {
        check_id: CheckId(fields.array()?),
        content: Digest(fields.array()?),
        moment: Moment(i64::from_le_bytes(fields.array()?)),
        unit: fields.small_number()?,
        action: *FeedbackAction::ALL.get(usize::from(fields.byte()?))?,
    };
    Some((head, fields.rest()))
}

/// A feedback's whole open part.
pub fn feedback(payload: &[u8], position: Position, names: &Names) -> Option<FeedbackRecord> {
    let (head, sealed) = feedback_head(payload)?;
    Some(FeedbackRecord {
        check_id: head.check_id,
        position,
        moment: head.moment,
        unit: names.text(Table::Unit, head.unit)?,
        action: head.action,
        content: head.content,
        sealed: sealed.into(),
    })
}

/// When an event happened.
pub fn event_moment(payload: &[u8]) -> Option<Moment> {
    let mut fields = Fields::new(payload);
    fields.byte()?;
    Some(Moment(i64::from_le_bytes(fields.array()?)))
}

/// The check that an event concerns, if any.
pub(super) fn event_check_id(payload: &[u8]) -> Option<Option<CheckId>> {
    let mut fields = Fields::new(payload);
    fields.array::<9>()?;
    fields.number()?;
    fields.number()?;
    match fields.byte()? {
        0 => Some(None),
        _ => fields.array().map(|id| Some(CheckId(id))),
    }
}

/// An event.
pub fn event(payload: &[u8], position: Position, names: &Names) -> Option<EventRecord> {
    let mut fields = Fields::new(payload);
    let kind = EventKind::ALL.get(usize::from(fields.byte()?)).copied();
    let moment = Moment(i64::from_le_bytes(fields.array()?));
    let status = match fields.small_number()? {
        0 => None,
        number => Some(u16::try_from(number - 1).ok()?),
    };
    let unit = match fields.small_number()? {
        0 => None,
        number => Some(names.text(Table::Unit, number - 1)?),
    };
    let check_id = match fields.byte()? {
        0 => None,
        1 => Some(CheckId(fields.array()?)),
        _ => return None,
    };
    let count = fields.number()?;
    let mut details = Vec::new();
    for _ in 0..count {
        details.push((fields.text()?.into(), fields.text()?.into()));
    }
    Some(EventRecord {
        position,
        kind,
        moment,
        unit,
        status,
        check_id,
        details,
    })
}
