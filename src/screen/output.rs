//! What a screened row says: its line of CSV or its object.
//!
//! In: a row, an answer or its problem, the ground it rests on. Out: cells in a fixed order, as
//! CSV with a header, or as an object a line. Numbers masked to their last four characters, free
//! text without citizen numbers. A cell that a spreadsheet would take for a formula begins with an
//! apostrophe.

use super::lines::LINE_BYTES_MAX;
use crate::catalogue::measure::{Catalogue, Measure};
use crate::check::outcome::{Match, Outcome};
use crate::check::request::Request;
use crate::gateway::view::View;
use crate::identifier::free_text::mask_citizen_ids;
use crate::model::decision::Decision;
use crate::wire::fields::{Field, Fields};
use crate::wire::problem::Problem;
use crate::wire::text::{write_number, write_text};

/// The columns of an output, in order.
pub const COLUMNS: [&str; 18] = [
    "row",
    "line",
    "reference",
    "ids",
    "decision",
    "reasons",
    "match_count",
    "entry_ids",
    "lists",
    "identities",
    "measures",
    "legal_basis",
    "authority",
    "case_no",
    "recourse",
    "snapshot",
    "check_id",
    "error",
];
/// Stands between the parts of a cell that has several.
pub const BETWEEN: &str = "; ";

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A whole number.
    Number(u64),
    /// A text.
    Text(String),
    /// Several texts, each once.
    List(Vec<String>),
}

/// One row of an output: a cell a column.
pub type OutRow = [Cell; COLUMNS.len()];

/// What every row of a block rests on.
pub struct Ground<'a> {
    /// Entries and law.
    pub view: &'a View,
    /// What the unit may see.
    pub fields: Fields,
}

/// Whose row it is.
pub struct Place<'a> {
    /// Row of data, from 1.
    pub number: u64,
    /// Line of the input, from 1.
    pub line: u64,
    /// The row's own reference.
    pub reference: Option<&'a str>,
}

/// The row of an answer.
pub fn answered(
    ground: &Ground<'_>,
    place: &Place<'_>,
    request: &Request,
    outcome: &Outcome,
    check_id: Option<String>,
) -> OutRow {
    let view = ground.view;
    let catalogue = &view.law.catalogue;
    let snapshot = &view.loaded.snapshot;
    let shows = |field| move |found: &&Match| ground.fields.shows(field, found.effect);
    let matches = || outcome.matches.iter();
    let of = |field, text: &dyn Fn(&Match) -> Option<String>| {
        list(matches().filter(shows(field)).filter_map(text))
    };
    let bound = |found: &Match| {
        let bound = view.binding.list_of(snapshot.facts(found.entry))?;
        Some(catalogue.list(bound.list))
    };
    let ids = request
        .subject
        .numbers
        .iter()
        .map(|number| format!("{number:?}"));
    [
        Cell::Number(place.number),
        Cell::Number(place.line),
        place.reference.map_or(Cell::Empty, shown),
        list(ids),
        Cell::Text(outcome.decision.name().to_owned()),
        list(reasons(catalogue, request, outcome).into_iter()),
        Cell::Number(u64::from(outcome.match_count)),
        of(Field::EntryId, &|found| {
            Some(snapshot.entry_id(found.entry).to_string())
        }),
        of(Field::List, &|found| {
            bound(found).map(|list| list.id.to_string())
        }),
        of(Field::Identity, &|found| {
            Some(found.identity.name().to_owned())
        }),
        measures(ground, outcome, catalogue, &|measure| {
            measure.id.to_string()
        }),
        measures(ground, outcome, catalogue, &|measure| {
            measure.legal_basis.to_string()
        }),
        of(Field::Authority, &|found| {
            Some(snapshot.cold(found.entry).authority.to_owned())
        }),
        of(Field::CaseNo, &|found| {
            Some(snapshot.cold(found.entry).case_no.to_string())
        }),
        of(Field::Recourse, &|found| {
            let own = snapshot.cold(found.entry).recourse.map(str::to_owned);
            own.or_else(|| Some(bound(found)?.default_recourse.to_string()))
        }),
        Cell::Text(view.loaded.id.to_string()),
        check_id.map_or(Cell::Empty, Cell::Text),
        Cell::Empty,
    ]
}

fn reasons(catalogue: &Catalogue, request: &Request, outcome: &Outcome) -> Vec<String> {
    let codes = outcome
        .reasons
        .iter()
        .map(|reason| reason.code().to_owned());
    let mut reasons: Vec<String> = codes.collect();
    let attributes = &catalogue.scenario(request.scenario).attributes;
    for (place, attribute) in attributes.iter().enumerate().take(64) {
        if outcome.missing_attributes & (1 << place) != 0 {
            reasons.push(format!("missing_attribute:{}", attribute.name));
        }
    }
    reasons
}

/// Of measures that apply and have an effect: what an adverse answer rests on.
fn measures(
    ground: &Ground<'_>,
    outcome: &Outcome,
    catalogue: &Catalogue,
    text: &dyn Fn(&Measure) -> String,
) -> Cell {
    let matches = outcome.matches.iter();
    let shown = matches.filter(|found| ground.fields.shows(Field::Measures, found.effect));
    let applied = shown
        .flat_map(|found| &found.measures)
        .filter(|measure| measure.applied && measure.effect > Decision::Clear);
    list(applied.map(|matched| text(catalogue.measure(matched.measure))))
}

/// The row of a problem: `status`, the column at fault, what to do.
pub fn refused(place: &Place<'_>, problem: &Problem, column: Option<&str>) -> OutRow {
    let mut row: OutRow = std::array::from_fn(|_| Cell::Empty);
    let status = problem.status();
    let at = column.map_or_else(String::new, |column| format!(" `{column}`:"));
    let error = format!("{status}{at} {}", problem.detail);
    let [number, line, reference, .., last] = &mut row;
    *number = Cell::Number(place.number);
    *line = Cell::Number(place.line);
    *reference = place.reference.map_or(Cell::Empty, shown);
    *last = Cell::Text(error);
    row
}

fn shown(text: &str) -> Cell {
    let end = text.floor_char_boundary(LINE_BYTES_MAX.min(2_000));
    Cell::Text(mask_citizen_ids(text.get(..end).unwrap_or("")).into_owned())
}

fn list(texts: impl Iterator<Item = String>) -> Cell {
    let mut parts: Vec<String> = Vec::new();
    for text in texts {
        if !text.is_empty() && !parts.contains(&text) {
            parts.push(text);
        }
    }
    match parts.is_empty() {
        true => Cell::Empty,
        false => Cell::List(parts),
    }
}

impl Cell {
    /// The cell as one text, as CSV and Parquet have it; empty where there is nothing.
    pub fn as_text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::List(parts) => parts.join(BETWEEN),
        }
    }
}

/// Appends the header of a CSV file.
pub fn write_header(out: &mut Vec<u8>, separator: u8) {
    for (place, column) in COLUMNS.iter().enumerate() {
        if place > 0 {
            out.push(separator);
        }
        out.extend_from_slice(column.as_bytes());
    }
    out.push(b'\n');
}

/// Appends a row as a line of CSV.
pub fn write_cells(out: &mut Vec<u8>, row: &OutRow, separator: u8) {
    for (place, cell) in row.iter().enumerate() {
        if place > 0 {
            out.push(separator);
        }
        match cell {
            Cell::Empty => (),
            Cell::Number(number) => write_number(out, *number),
            Cell::Text(_) | Cell::List(_) => write_cell(out, &cell.as_text(), separator),
        }
    }
    out.push(b'\n');
}

fn write_cell(out: &mut Vec<u8>, text: &str, separator: u8) {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let needs_quotes = |byte: &u8| matches!(*byte, b'"' | b'\n' | b'\r') || *byte == separator;
    let guard = if is_formula { "'" } else { "" };
    if !text.as_bytes().iter().any(needs_quotes) {
        out.extend_from_slice(guard.as_bytes());
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(guard.as_bytes());
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Appends a row as an object on a line; empty cells are left out.
pub fn write_object(out: &mut Vec<u8>, row: &OutRow) {
    out.push(b'{');
    let mut is_first = true;
    for (column, cell) in COLUMNS.iter().zip(row) {
        if *cell == Cell::Empty {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        write_text(out, column);
        out.push(b':');
        match cell {
            Cell::Empty => (),
            Cell::Number(number) => write_number(out, *number),
            Cell::Text(text) => write_text(out, text),
            Cell::List(parts) => {
                for (place, part) in parts.iter().enumerate() {
                    out.push(if place == 0 { b'[' } else { b',' });
                    write_text(out, part);
                }
                out.push(b']');
            }
        }
    }
    out.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::problem::ProblemKind;

    fn row() -> OutRow {
        let place = Place {
            number: 7,
            line: 9,
            reference: Some("=order, \"1\""),
        };
        let problem = Problem::invalid("subject.name", "the name is empty");
        refused(&place, &problem, Some("姓名"))
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_a_formula() {
        let mut out = Vec::new();
        write_cells(&mut out, &row(), b',');
        let text = String::from_utf8(out).unwrap();
        let wanted = "7,9,\"'=order, \"\"1\"\"\",,,,,,,,,,,,,,,422 `姓名`: the name is empty\n";
        assert_eq!(text, wanted);
        let mut header = Vec::new();
        write_header(&mut header, b',');
        let columns = header.iter().filter(|byte| **byte == b',').count() + 1;
        assert_eq!(columns, COLUMNS.len());
    }

    #[test]
    fn an_object_has_the_cells_that_are_there() {
        let mut out = Vec::new();
        write_object(&mut out, &row());
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let wanted = serde_json::json!({"row": 7, "line": 9, "reference": "=order, \"1\"",
            "error": "422 `姓名`: the name is empty"});
        assert_eq!(value, wanted);
        let list = list(["a", "", "b", "a"].iter().map(|text| (*text).to_owned()));
        assert_eq!(list.as_text(), "a; b");
    }

    #[test]
    fn a_number_in_a_reference_is_masked() {
        let number = crate::identifier::synthetic::citizen_id(990_102, (1980, 3, 7), 123);
        let place = Place {
            number: 1,
            line: 2,
            reference: Some(&number),
        };
        let row = refused(&place, &Problem::new(ProblemKind::Malformed, "x"), None);
        let text = row[2].as_text();
        assert!(
            text.starts_with("**************") && number.ends_with(&text[14..]),
            "{text}"
        );
    }
}
