//! One block of rows decided on all cores, in its order, each answer with its record.
//!
//! In: rows, the view and client of the block, a moment. Out: finished lines, what came of them,
//! the last place in the decision log. A row is asked about as a body of `/v1/check` is. No answer
//! without a record where a log is kept.

use super::checkpoint::Tally;
use super::output::{self, Ground, Place};
use super::rows::{Format, Reading, Row};
use super::sink::write_row;
use crate::decision_log::record::Position;
use crate::gateway::client::Client;
use crate::gateway::question;
use crate::gateway::recorder::{Denied, RecordError, Recorder};
use crate::gateway::view::View;
use crate::model::language::Language;
use crate::model::term::Moment;
use crate::wire::checks;
use crate::wire::problem::{Problem, ProblemKind};
use rayon::prelude::*;

/// Rows that one core takes at once.
const PIECE_ROWS: usize = 128;
/// Stands as the route of refused rows in the log.
const ROUTE: &str = "screen";

/// All that a block is decided by.
pub struct Deciding<'a> {
    /// Entries, law, acts.
    pub view: &'a View,
    /// Who asks.
    pub client: &'a Client,
    /// How rows are understood.
    pub reading: &'a Reading<'a>,
    /// The log.
    pub recorder: Option<&'a Recorder>,
    /// The moment of the block.
    pub now: Moment,
    /// Form of the lines.
    pub format: Format,
}

/// A block that is decided.
#[derive(Default)]
pub struct Decided {
    /// Its lines.
    pub lines: Vec<u8>,
    /// What came of its rows.
    pub tally: Tally,
    /// The last record.
    pub last: Option<Position>,
}

impl Deciding<'_> {
    /// Decides a block. Errors: the log has ended.
    pub fn block(&self, rows: &[Row]) -> Result<Decided, RecordError> {
        let pieces: Vec<Decided> = rows
            .par_chunks(PIECE_ROWS)
            .map(|piece| self.piece(piece))
            .collect::<Result<_, _>>()?;
        let mut block = Decided::default();
        for piece in pieces {
            block.lines.extend_from_slice(&piece.lines);
            block.tally.add(&piece.tally);
            block.last = block.last.max(piece.last);
        }
        Ok(block)
    }

    fn piece(&self, rows: &[Row]) -> Result<Decided, RecordError> {
        let mut piece = Decided {
            lines: Vec::with_capacity(rows.len() * 256),
            ..Decided::default()
        };
        for row in rows {
            self.row(row, &mut piece)?;
        }
        Ok(piece)
    }

    fn row(&self, row: &Row, piece: &mut Decided) -> Result<(), RecordError> {
        let asking = row.ask(self.reading);
        let place = Place {
            number: row.number,
            line: row.line,
            reference: asking.reference.as_deref(),
        };
        piece.tally.rows += 1;
        // The language stands in no column of the output.
        let answered = asking.body.and_then(|body| {
            checks::fits(&body)?;
            question::answer(self.view, self.client, &body, Language::En, self.now)
        });
        let answered = match answered {
            Ok(answered) => answered,
            Err(problem) => {
                piece.tally.faulty += 1;
                self.refuse(row, &place, &problem, piece);
                return Ok(());
            }
        };
        let mut check_id = None;
        if let Some(recorder) = self.recorder {
            let recorded = recorder.check(self.view, self.client, &answered, self.now)?;
            piece.last = piece.last.max(Some(recorded.position));
            check_id = Some(recorded.check_id.to_string());
        }
        let ground = Ground {
            view: self.view,
            fields: self.client.fields,
        };
        let outcome = &answered.outcome;
        piece.tally.decisions[outcome.decision as usize] += 1;
        let out = output::answered(&ground, &place, &answered.request, outcome, check_id);
        write_row(&mut piece.lines, &out, self.format);
        Ok(())
    }

    fn refuse(&self, row: &Row, place: &Place<'_>, problem: &Problem, piece: &mut Decided) {
        let field = problem.field.as_deref();
        let column = field.map(|field| row.column_at_fault(self.reading, field));
        let out = output::refused(place, problem, column.as_deref());
        write_row(&mut piece.lines, &out, self.format);
        let is_recorded = matches!(problem.kind, ProblemKind::Forbidden | ProblemKind::Invalid);
        if let (Some(recorder), true) = (self.recorder, is_recorded) {
            recorder.denied(Denied {
                unit: Some(&self.client.unit),
                status: problem.status(),
                route: ROUTE,
                field,
                at: self.now,
            });
        }
    }
}
