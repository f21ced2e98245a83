//! What was done after which check: one answer a check, the same again is no new one.
//!
//! In: feedback as it is appended or read back. Out: whether the same or another stands there. In
//! memory, about 60 bytes for each check with feedback; rebuilt from the log at start.

use super::entry::FeedbackHead;
use super::record::{CheckId, FeedbackAction, FeedbackDraft, Position};
use crate::identifier::digest::{Digest, DigestKey};
use crate::model::term::Moment;
use crate::seal::keys::KeyId;
use std::collections::HashMap;
use zeroize::Zeroize;

/// What an append of feedback has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedbackAnswer {
    /// Recorded now. HTTP: 201.
    Recorded(Position),
    /// The same was recorded before, here. HTTP: 200.
    Same(Position),
    /// Something else was recorded before. HTTP: 409.
    Conflict,
    /// The log has no such check of this unit. HTTP: 404.
    Unknown,
}

/// Feedback that stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedbackSeen {
    /// What was done.
    pub action: FeedbackAction,
    /// When it came.
    pub moment: Moment,
    /// Its record.
    pub position: Position,
    content: Digest,
    /// Which of the keys has made `content`.
    key: u8,
}

/// All feedback of a log. A key for each master under which contents were digested.
#[derive(Default)]
pub(super) struct FeedbackMap {
    seen: HashMap<CheckId, FeedbackSeen>,
    keys: Vec<(KeyId, Option<DigestKey>)>,
}

impl FeedbackMap {
    /// The number of a master's key here; `key` makes it, `None` where the master is not loaded.
    pub fn add_key(&mut self, id: KeyId, key: impl FnOnce() -> Option<DigestKey>) -> u8 {
        let known = self.keys.iter().position(|(known, _)| *known == id);
        let place = known.unwrap_or_else(|| {
            self.keys.push((id, key()));
            self.keys.len() - 1
        });
        u8::try_from(place).unwrap_or(u8::MAX)
    }

    /// Feedback on a check.
    pub fn get(&self, check_id: CheckId) -> Option<FeedbackSeen> {
        self.seen.get(&check_id).copied()
    }

    /// Keeps what was read or appended under the key with this number. The first stays.
    pub fn add(&mut self, head: &FeedbackHead, position: Position, key: u8) {
        self.seen.entry(head.check_id).or_insert(FeedbackSeen {
            action: head.action,
            moment: head.moment,
            position,
            content: head.content,
            key,
        });
    }

    /// Digest of a content under the key with this number.
    pub fn content(&self, draft: &FeedbackDraft<'_>, key: u8) -> Option<Digest> {
        let key = self.keys.get(usize::from(key))?.1.as_ref()?;
        let mut content = Vec::with_capacity(64);
        content.extend_from_slice(&draft.check_id.0);
        content.push(draft.action as u8);
        content.push(u8::from(draft.note.is_some()));
        content.extend_from_slice(draft.note.unwrap_or_default().as_bytes());
        let digest = key.text("feedback", &content);
        content.zeroize();
        Some(digest)
    }

    /// Whether the same feedback, or another, stands in the log.
    pub fn compare(&self, draft: &FeedbackDraft<'_>) -> Option<FeedbackAnswer> {
        let seen = self.seen.get(&draft.check_id)?;
        match self.content(draft, seen.key) {
            Some(content) if content == seen.content => Some(FeedbackAnswer::Same(seen.position)),
            _ => Some(FeedbackAnswer::Conflict),
        }
    }
}
