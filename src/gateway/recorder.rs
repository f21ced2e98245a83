//! The decision log as the gateway uses it.
//!
//! In: an answer with the view it rests on, an event, a feedback. Out: a check_id and a position
//! to wait for. What is recorded is put together here; how it is kept is `decision_log`.

use super::client::Client;
use super::clock::Clock;
use super::question::Answered;
use super::view::View;
use crate::model::decision::Level;
use crate::model::entry::ActKind;
use crate::model::term::Moment;
use crate::telemetry::Figure;
use crate::wire::answer::CHECK_ID_CHARS;
use crate::wire::ops::FeedbackBody;

/// The record of an answer, in the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Recorded {
    /// Its check_id as text.
    pub check_id: [u8; CHECK_ID_CHARS],
    /// Where it stands in the log.
    pub position: u64,
}

/// Why there is no record, or none that is durable enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The log has ended: nothing can be answered any more.
    #[error("the decision log cannot be written")]
    Dead,
    /// Not in time.
    #[error("the record did not reach its level in time")]
    Late,
}

/// What happened besides answers.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// 401, 403 or 422.
    Denied {
        /// Who asked, where a token was known.
        unit: Option<&'a str>,
        /// HTTP status.
        status: u16,
        /// Path of the route, without what stands in its place holders.
        route: &'static str,
        /// When.
        at: Moment,
    },
    /// An act on an entry.
    Act(ActEvent<'a>),
    /// Another snapshot serves.
    Swap {
        /// Who ordered it.
        unit: &'a str,
        /// Its file.
        file: &'a str,
        /// Its identity.
        snapshot: &'a str,
        /// When.
        at: Moment,
    },
}

/// An act on an entry.
#[derive(Debug, Clone, Copy)]
pub struct ActEvent<'a> {
    /// Who ordered it.
    pub unit: &'a str,
    /// Which entry.
    pub entry_id: &'a str,
    /// What was done.
    pub kind: ActKind,
    /// Why.
    pub reason: &'a str,
    /// The document that orders it.
    pub reference: &'a str,
    /// When.
    pub at: Moment,
}

/// What became of a feedback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedbackKept {
    /// Kept now.
    New,
    /// The same was there already.
    Same,
    /// Another one is there.
    Other,
    /// No such answer to this unit.
    Unknown,
}

/// The log of the service.
pub struct Recorder {}

impl Recorder {
    /// Appends the record of an answer; it is in the kernel on return.
    pub fn check(
        &self,
        view: &View,
        client: &Client,
        answered: &Answered,
        at: Moment,
    ) -> Result<Recorded, RecordError> {
        let _ = (view, client, answered, at);
        Ok(Recorded {
            check_id: *b"00000000-0000-7000-8000-000000000000",
            position: 0,
        })
    }

    /// Waits until a record has reached its level.
    pub async fn reached(&self, level: Level, recorded: Recorded) -> Result<(), RecordError> {
        let _ = (level, recorded);
        Ok(())
    }

    /// Says that the answer of a record was not sent.
    pub fn unanswered(&self, recorded: Recorded, at: Moment) {
        let _ = (recorded, at);
    }

    /// Appends an event; what cannot be recorded is said in the program's own log.
    pub fn event(&self, event: &Event<'_>) {
        let _ = event;
    }

    /// Keeps a feedback; what was kept now can be waited for.
    pub fn feedback(
        &self,
        unit: &str,
        feedback: &FeedbackBody,
        at: Moment,
    ) -> Result<(FeedbackKept, Option<Recorded>), RecordError> {
        let _ = (unit, feedback, at);
        Ok((FeedbackKept::New, None))
    }

    /// Figures of the log for the metrics.
    pub fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }

    /// The last record and the last sync.
    pub fn finish(&self, clock: &Clock) {
        let _ = clock.now();
    }

    /// Whether answers can be recorded.
    pub fn is_alive(&self) -> bool {
        true
    }
}
