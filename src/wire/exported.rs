//! Records of the log as rows of a table for analysts: what was decided and done, and of people
//! nothing but a keyed digest.
//!
//! In: records. Out: cells, in the names and forms of `records.rs`, so that a row and the object of
//! `hecha log query --json` can be laid side by side. Checks and feedback alone: an event may name
//! who did it. Never here: purposes, notes and other texts of people; entry_ids, which lead to a
//! listed person; anything of a sealed part.

use super::records::hex;
use crate::decision_log::entry::{CheckRecord, Record};
use crate::storage::flat_table::{Cell, Column, Kind};
use std::collections::BTreeSet;

/// The columns, in order. Cells from `scenario` to `subject_digest` are those of checks, `action`
/// is that of feedback.
pub const COLUMNS: [Column; 18] = [
    Column::required("kind", Kind::Text),
    Column::required("position", Kind::Number),
    Column::required("check_id", Kind::Text),
    Column::required("moment", Kind::Moment),
    Column::required("unit", Kind::Text),
    Column::optional("scenario", Kind::Text),
    Column::optional("decision", Kind::Text),
    Column::optional("level", Kind::Text),
    Column::optional("language", Kind::Text),
    // One for each entry shown, in their order; measures each once, rising.
    Column::required("identities", Kind::Texts),
    Column::required("measures", Kind::Texts),
    Column::optional("snapshot", Kind::Text),
    Column::optional("catalogue", Kind::Text),
    Column::optional("policy", Kind::Text),
    Column::optional("overlay_sequence", Kind::Number),
    Column::optional("engine", Kind::Text),
    Column::optional("subject_digest", Kind::Text),
    Column::optional("action", Kind::Text),
];

/// The row of a record; `None` for an event.
pub fn row(record: &Record) -> Option<[Cell; COLUMNS.len()]> {
    match record {
        Record::Check(check) => Some(check_row(check)),
        Record::Feedback(said) => {
            let mut row = [const { Cell::Null }; COLUMNS.len()];
            let [kind, position, check_id, moment, unit, rest @ ..] = &mut row;
            *kind = text("feedback");
            *position = number(said.position.0);
            *check_id = text(said.check_id);
            *moment = Cell::Number(said.moment.0);
            *unit = text(&said.unit);
            let [_, _, _, _, identities, measures, .., action] = rest;
            *identities = Cell::Texts(Vec::new());
            *measures = Cell::Texts(Vec::new());
            *action = text(said.action.name());
            Some(row)
        }
        Record::Event(_) => None,
    }
}

fn check_row(check: &CheckRecord) -> [Cell; COLUMNS.len()] {
    let identities = check.relied.iter().map(|relied| relied.identity.name());
    let measures = check.relied.iter().flat_map(|relied| &relied.measures);
    let measures: BTreeSet<&str> = measures.map(|id| &**id).collect();
    let context = &check.context;
    [
        text("check"),
        number(check.position.0),
        text(check.check_id),
        Cell::Number(check.moment.0),
        text(&check.unit),
        text(&check.scenario),
        text(check.decision.name()),
        text(check.level.name()),
        text(check.language.tag()),
        Cell::Texts(identities.map(str::to_owned).collect()),
        Cell::Texts(measures.into_iter().map(str::to_owned).collect()),
        text(hex(&context.snapshot)),
        text(hex(&context.catalogue)),
        text(hex(&context.policy)),
        number(context.overlay_sequence),
        text(&context.engine),
        text(hex(&check.subject.0)),
        Cell::Null,
    ]
}

fn text(text: impl ToString) -> Cell {
    Cell::Text(text.to_string())
}

fn number(number: u64) -> Cell {
    Cell::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision_log::entry::{EventRecord, FeedbackRecord, ReliedRecord};
    use crate::decision_log::intern::ReadContext;
    use crate::decision_log::record::{CheckId, EventKind, FeedbackAction, Position};
    use crate::identifier::digest::Digest;
    use crate::model::decision::{Decision, Identity, Level};
    use crate::model::language::Language;
    use crate::model::term::Moment;
    use crate::storage::flat_table::TableWriter;
    use std::sync::Arc;

    fn check() -> Record {
        let relied = |measures: &[&str]| ReliedRecord {
            entry_id: "fz-court-secret".into(),
            identity: Identity::Identified,
            measures: measures.iter().map(|id| Arc::from(*id)).collect(),
        };
        Record::Check(Box::new(CheckRecord {
            check_id: CheckId([1; 16]),
            position: Position(3),
            moment: Moment(1_000_001),
            unit: "rail".into(),
            scenario: "rail.ticket".into(),
            purpose: Some("secret purpose".into()),
            decision: Decision::ALL[0],
            level: Level::Disk,
            context: Arc::new(ReadContext {
                snapshot: [2; 16],
                catalogue: [3; 16],
                policy: [4; 16],
                overlay_sequence: 5,
                engine: "0.1.0".into(),
            }),
            subject: Digest([0xab; 16]),
            others: vec![Digest([0xcd; 16])],
            language: Language::Zh,
            answer_hash: [6; 16],
            relied: vec![relied(&["m2", "m1"]), relied(&["m1"])],
            sealed: b"secret request".as_slice().into(),
        }))
    }

    #[test]
    fn a_row_has_what_was_decided_and_no_word_of_a_person() {
        let row = row(&check()).unwrap();
        let cell = |name: &str| {
            let place = COLUMNS.iter().position(|column| column.name == name);
            row[place.unwrap()].clone()
        };
        let texts = |list: &[&str]| Cell::Texts(list.iter().map(|&t| t.to_owned()).collect());
        assert_eq!(cell("identities"), texts(&["identified", "identified"]));
        assert_eq!(cell("measures"), texts(&["m1", "m2"]));
        assert_eq!(cell("subject_digest"), text("ab".repeat(16)));
        assert_eq!(cell("moment"), Cell::Number(1_000_001));
        let shown = format!("{row:?}");
        assert!(
            !shown.contains("secret") && !shown.contains("cdcd"),
            "{shown}"
        );
    }

    #[test]
    fn every_row_fits_the_columns_and_an_event_has_none() {
        let feedback = Record::Feedback(FeedbackRecord {
            check_id: CheckId([1; 16]),
            position: Position(4),
            moment: Moment(2),
            unit: "rail".into(),
            action: FeedbackAction::Enforced,
            content: Digest([7; 16]),
            sealed: Box::new([]),
        });
        let event = Record::Event(EventRecord {
            position: Position(5),
            kind: Some(EventKind::LogRead),
            moment: Moment(3),
            unit: Some("a person's name".into()),
            status: None,
            check_id: None,
            details: Vec::new(),
        });
        assert_eq!(row(&event), None);
        let mut table = TableWriter::begin("t", &COLUMNS, Vec::new()).unwrap();
        for record in [check(), feedback] {
            table.push(row(&record).unwrap()).unwrap();
        }
        table.finish().unwrap();
    }
}
