//! Records as callers draft them, and the payloads they become.
//!
//! In: drafts that borrow from a request and its outcome; numbers of interned texts. Out: payloads
//! of format 1. An identifier enters a payload as a keyed digest only, or inside the sealed part.
//! All whole numbers are LEB128 but where a width is said; `entry.rs` reads this back.
//!
//! ```text
//! check     check_id 16 | answer hash 16 | subject digest 16 | flags 1
//!           number of its segment, where the flags say so
//!           moment (us, from the check_id's) | unit | scenario | purpose + 1, 0 none | context
//!           others, where the flags say so (count; digest 16)
//!           relied on (count; entry_id, identity, measures (count; number)) | sealed part
//! feedback  check_id 16 | content digest 16 | moment i64 | unit | action 1 | sealed note, if any
//! event     kind 1 | moment i64 | status + 1, 0 none | unit + 1, 0 none
//!           check_id (1 and 16 bytes, or 0) | details (count; name, text)
//! text      table 1 | number | text (rest)
//! context   number | snapshot 16 | catalogue 16 | policy 16 | overlay sequence | engine text
//! mark      highest moment i64
//! sealed    random 16 | AES-256-GCM-SIV, bound to the check_id, of the caller's bytes
//! flags     bits 0 to 2 decision, 3 and 4 level (0 kernel, 1 disk, 2 kept for witnessed),
//!           5 language of the messages (0 zh, 1 en), 6 others follow, 7 the segment follows
//! ```
//!
//! Texts and contexts are numbered anew in each segment, so a check says in which it stands: its
//! frame, which the tree proves, gives its numbers one meaning. Records of older versions do not.
//!
//! The purpose stands in the open part, so that readers without a key see why somebody was asked
//! about; a citizen number in it is masked.

use super::codec::{put_number, put_signed, put_text};
use super::redact::mask_citizen_ids;
use crate::identifier::digest::Digest;
use crate::identifier::document::FullNumber;
use crate::model::decision::{Decision, Identity, Level};
use crate::model::language::Language;
use crate::model::term::Moment;
use smallvec::SmallVec;
use std::fmt;

/// Kind of the first frame of a segment.
pub const KIND_SEGMENT: u8 = 1;
/// Kind of an interned text.
pub const KIND_TEXT: u8 = 2;
/// Kind of an interned context.
pub const KIND_CONTEXT: u8 = 3;
/// Kind of a check.
pub const KIND_CHECK: u8 = 4;
/// Kind of feedback on a check.
pub const KIND_FEEDBACK: u8 = 5;
/// Kind of everything else that is recorded.
pub const KIND_EVENT: u8 = 6;

/// Number of an answered check: a UUID of version 7, rising in append order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(pub [u8; 16]);

/// Digests of others in one check at most: whoever asks about more parties is found by these.
pub const OTHERS_MAX: usize = 64;

/// Flag of a check whose messages are English.
pub(super) const FLAG_ENGLISH: u8 = 1 << 5;
/// Flag of a check that others follow.
pub(super) const FLAG_OTHERS: u8 = 1 << 6;
/// Flag of a check that the number of its segment follows; every one that is written has it.
pub(super) const FLAG_SEGMENT: u8 = 1 << 7;

/// Keyed digests of all whom a check asked about besides its subject digest.
pub(super) type Others = SmallVec<[Digest; 4]>;

/// Characters of a check_id as text.
pub const CHECK_ID_CHARS: usize = 36;

impl CheckId {
    /// From text as `Display` writes it, in either case; `None` where it is no UUID.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != CHECK_ID_CHARS {
            return None;
        }
        uuid::Uuid::try_parse(text)
            .ok()
            .map(|uuid| Self(uuid.into_bytes()))
    }

    /// Writes the 36 characters into an answer's body.
    pub fn write(self, place: &mut [u8; CHECK_ID_CHARS]) {
        uuid::Uuid::from_bytes(self.0)
            .hyphenated()
            .encode_lower(place);
    }

    /// Milliseconds since the epoch inside it: of the clock, or later where the clock went back.
    pub fn milliseconds(self) -> i64 {
        let [a, b, c, d, e, f, ..] = self.0;
        i64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&uuid::Uuid::from_bytes(self.0).hyphenated(), f)
    }
}

impl fmt::Debug for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Place of a record in the one order of the log; what waits for the disk waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// What an append has given a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its number.
    pub check_id: CheckId,
    /// Its place.
    pub position: Position,
}

/// Under which state of the gateway an answer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Context {
    /// Id of the snapshot.
    pub snapshot: [u8; 16],
    /// First half of the hash of the catalogue.
    pub catalogue: [u8; 16],
    /// First half of the hash of the unit's policy.
    pub policy: [u8; 16],
    /// Acts in the overlay.
    pub overlay_sequence: u64,
    /// Version of this program.
    pub engine: &'static str,
}

/// Whom a check asked about, as far as the log can find him again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// By a number: citizen_id or credit_code where there is one, else the first.
    Number(&'a FullNumber),
    /// By the folded name, where the request has no number.
    Name(&'a str),
}

/// One entry that an answer relies on.
#[derive(Debug, Clone, Copy)]
pub struct Relied<'a> {
    /// Its key.
    pub entry_id: &'a str,
    /// How sure the match is.
    pub identity: Identity,
    /// Ids of its measures that applied.
    pub measures: &'a [&'a str],
}

/// A check to be recorded.
#[derive(Clone, Copy)]
pub struct CheckDraft<'a> {
    /// When it was answered.
    pub moment: Moment,
    /// Who asked.
    pub unit: &'a str,
    /// What for.
    pub scenario: &'a str,
    /// Why, in the unit's words; a citizen number in it is masked here.
    pub purpose: Option<&'a str>,
    /// What was decided.
    pub decision: Decision,
    /// What the answer says of this record's durability.
    pub level: Level,
    /// State of the gateway.
    pub context: Context,
    /// Whom it asked about.
    pub subject: Subject<'a>,
    /// By what else the log can find these people: further numbers of the subject, numbers or
    /// names of related parties. The first `OTHERS_MAX` different ones are kept.
    pub others: &'a [Subject<'a>],
    /// Language of the messages.
    pub language: Language,
    /// Entries shown.
    pub relied: &'a [Relied<'a>],
    /// First half of the hash of the answer's body after its place in the log.
    pub answer_hash: [u8; 16],
    /// The normalised request in clear, its free text masked; encrypted here.
    pub request: &'a [u8],
}

/// What a unit did after a check. Contract, section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeedbackAction {
    /// The decision was carried out.
    Enforced = 0,
    /// The person was let go on.
    Released = 1,
    /// A person decided otherwise.
    Overridden = 2,
    /// The business did not come about.
    Abandoned = 3,
}

impl FeedbackAction {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [
        Self::Enforced,
        Self::Released,
        Self::Overridden,
        Self::Abandoned,
    ];

    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Released => "released",
            Self::Overridden => "overridden",
            Self::Abandoned => "abandoned",
        }
    }

    /// From the word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == word)
    }
}

/// Feedback to be recorded.
#[derive(Clone, Copy)]
pub struct FeedbackDraft<'a> {
    /// When it came.
    pub moment: Moment,
    /// The check it concerns.
    pub check_id: CheckId,
    /// Who says so; only the unit that asked may.
    pub unit: &'a str,
    /// What was done.
    pub action: FeedbackAction,
    /// Free text; masked, then encrypted here.
    pub note: Option<&'a str>,
}

/// What else is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The gateway began to answer.
    Started = 0,
    /// The gateway ended as it should.
    Stopped = 1,
    /// A request was refused with 401, 403 or 422.
    Denied = 2,
    /// An act on an entry.
    Act = 3,
    /// Another snapshot answers from here on.
    Swap = 4,
    /// Somebody read the log.
    LogRead = 5,
    /// A check was recorded whose answer never left.
    Unanswered = 6,
    /// Clients or catalogue were loaded anew.
    Reloaded = 7,
    /// A month was destroyed by order of two persons.
    Expired = 8,
    /// A new log begins where an older one cannot be continued.
    Epoch = 9,
    /// A unit was slowed, warned of or stopped.
    Limited = 10,
    /// An act waits for a second person, or has found one.
    Approval = 11,
}

impl EventKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Started,
        Self::Stopped,
        Self::Denied,
        Self::Act,
        Self::Swap,
        Self::LogRead,
        Self::Unanswered,
        Self::Reloaded,
        Self::Expired,
        Self::Epoch,
        Self::Limited,
        Self::Approval,
    ];

    /// How tables and JSON name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Denied => "denied",
            Self::Act => "act",
            Self::Swap => "swap",
            Self::LogRead => "log_read",
            Self::Unanswered => "unanswered",
            Self::Reloaded => "reloaded",
            Self::Expired => "expired",
            Self::Epoch => "epoch",
            Self::Limited => "limited",
            Self::Approval => "approval",
        }
    }
}

/// An event to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct EventDraft<'a> {
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub moment: Moment,
    /// Who did it or was refused, where known.
    pub unit: Option<&'a str>,
    /// Status of the answer, of a refusal.
    pub status: Option<u16>,
    /// The check it concerns.
    pub check_id: Option<CheckId>,
    /// Names and texts, for example `entry_id`, `act`, `field`; citizen numbers in texts are
    /// masked here.
    pub details: &'a [(&'a str, &'a str)],
}

/// Numbers that interning has given the texts of a check.
pub(super) struct CheckNumbers<'n> {
    /// Of the segment in which the other numbers mean something.
    pub segment: u64,
    pub unit: u32,
    pub scenario: u32,
    pub purpose: Option<u32>,
    pub context: u32,
    /// Measures of all entries relied on, one after the other.
    pub measures: &'n [u32],
}

/// Digests of a check under the key of its month.
pub(super) struct CheckDigests {
    pub subject: Digest,
    pub others: Others,
}

/// Appends the open part of a check.
pub(super) fn put_check(
    out: &mut Vec<u8>,
    draft: &CheckDraft<'_>,
    check_id: CheckId,
    digests: &CheckDigests,
    numbers: &CheckNumbers<'_>,
) {
    out.extend_from_slice(&check_id.0);
    out.extend_from_slice(&draft.answer_hash);
    out.extend_from_slice(&digests.subject.0);
    let mut flags = draft.decision as u8 | (draft.level as u8) << 3 | FLAG_SEGMENT;
    if draft.language == Language::En {
        flags |= FLAG_ENGLISH;
    }
    if !digests.others.is_empty() {
        flags |= FLAG_OTHERS;
    }
    out.push(flags);
    put_number(out, numbers.segment);
    let base_us = check_id.milliseconds().saturating_mul(1_000);
    put_signed(out, draft.moment.0.wrapping_sub(base_us));
    put_number(out, numbers.unit.into());
    put_number(out, numbers.scenario.into());
    put_number(
        out,
        numbers.purpose.map_or(0, |number| u64::from(number) + 1),
    );
    put_number(out, numbers.context.into());
    if !digests.others.is_empty() {
        put_number(out, digests.others.len() as u64);
        for digest in &digests.others {
            out.extend_from_slice(&digest.0);
        }
    }
    put_number(out, draft.relied.len() as u64);
    let mut measures = numbers.measures.iter();
    for relied in draft.relied {
        put_text(out, relied.entry_id);
        out.push(relied.identity as u8);
        put_number(out, relied.measures.len() as u64);
        for number in measures.by_ref().take(relied.measures.len()) {
            put_number(out, (*number).into());
        }
    }
}

/// Appends the open part of feedback.
pub(super) fn put_feedback(
    out: &mut Vec<u8>,
    draft: &FeedbackDraft<'_>,
    content: Digest,
    unit: u32,
) {
    out.extend_from_slice(&draft.check_id.0);
    out.extend_from_slice(&content.0);
    out.extend_from_slice(&draft.moment.0.to_le_bytes());
    put_number(out, unit.into());
    out.push(draft.action as u8);
}

/// Appends an event.
pub(super) fn put_event(out: &mut Vec<u8>, draft: &EventDraft<'_>, unit: Option<u32>) {
    out.push(draft.kind as u8);
    out.extend_from_slice(&draft.moment.0.to_le_bytes());
    put_number(out, draft.status.map_or(0, |status| u64::from(status) + 1));
    put_number(out, unit.map_or(0, |number| u64::from(number) + 1));
    match draft.check_id {
        None => out.push(0),
        Some(check_id) => {
            out.push(1);
            out.extend_from_slice(&check_id.0);
        }
    }
    put_number(out, draft.details.len() as u64);
    for (name, text) in draft.details {
        put_text(out, name);
        put_text(out, &mask_citizen_ids(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_id_is_read_as_it_is_written() {
        let text = "0192f0c1-0000-7abc-8def-001122334455";
        let check_id = CheckId::parse(text).unwrap();
        assert_eq!(check_id.to_string(), text);
        assert_eq!(CheckId::parse(&text.to_uppercase()), Some(check_id));
        let mut place = [0; CHECK_ID_CHARS];
        check_id.write(&mut place);
        assert_eq!(&place, text.as_bytes());
        assert_eq!(check_id.milliseconds(), 0x0192_f0c1_0000);
        for other in [
            "",
            "0192f0c100007abc8def001122334455",
            "0192f0c1-0000-7abc-8def-00112233445g",
        ] {
            assert_eq!(CheckId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn words_and_numbers_of_actions_and_events_agree_with_their_order() {
        for (place, action) in FeedbackAction::ALL.into_iter().enumerate() {
            assert_eq!(action as usize, place);
            assert_eq!(FeedbackAction::parse(action.name()), Some(action));
        }
        for (place, kind) in EventKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
        assert_eq!(FeedbackAction::parse("Enforced"), None);
    }
}
