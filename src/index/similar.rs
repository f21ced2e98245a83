//! Names that are similar to one that is looked for: candidates by keys, verified and scored.
//!
//! In: a name, parsed once. Out: listed names whose score reaches the threshold, each once, and how
//! many were looked at. A file without the tables of similar names answers with the equal name
//! alone. Bounded work, said in `Found` where the bound was reached. Never panics, whatever the
//! file holds. Whether a name has entries that count is decided elsewhere.

// HOT: once a check of a name.

use super::candidates::{Candidate, Found, Glance, NameTables, Scratch, Via};
use crate::name::edits::{self, Characters};
use crate::name::query::{NameQuery, other_texts};
use crate::name::similarity::{NameKind, Similarity, THRESHOLD};
use crate::snapshot::entries::NameNumber;
use crate::snapshot::open::Snapshot;
use std::cell::Cell;

/// Candidates whose texts are fetched together.
const FETCHED: usize = 32;

/// Most work of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Candidates read at most, those that are put aside at a glance too.
    pub candidates_max: u32,
    /// Candidates compared character by character at most.
    pub compared_max: u32,
}

impl Budget {
    /// Enough for every common name among ten million persons.
    pub const DEFAULT: Self = Self {
        candidates_max: 20_000,
        compared_max: 4_000,
    };
}

thread_local! {
    /// Empty while a query of this thread runs, so that one inside its `visit` brings its own.
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// Calls `visit` with each name whose score reaches `THRESHOLD`, once: first the equal name, with
/// `Similarity::EQUAL`, then others by their numbers.
///
/// `kind` is that of the listed subjects; a name that persons and organisations bear is found under
/// either, so entries of the other kind are the caller's to leave out.
pub fn similar(
    snapshot: &Snapshot,
    kind: NameKind,
    query: &NameQuery,
    budget: &Budget,
    visit: &mut dyn FnMut(NameNumber, Similarity),
) -> Found {
    similar_in(&NameTables::of(snapshot), kind, query, budget, visit)
}

/// Like `similar`, in tables that need not be those of a snapshot.
pub fn similar_in(
    tables: &NameTables<'_>,
    kind: NameKind,
    query: &NameQuery,
    budget: &Budget,
    visit: &mut dyn FnMut(NameNumber, Similarity),
) -> Found {
    let equal = tables.find(kind, query.folded());
    let mut scratch = SCRATCH.take();
    scratch.gather(
        tables,
        kind,
        query,
        equal,
        Glance::Likely,
        budget.candidates_max,
    );
    let mut found = scratch.found();
    if let Some(name) = equal {
        found.candidates += 1;
        visit(NameNumber(name), Similarity::EQUAL);
    }
    'names: for some in scratch.candidates.chunks(FETCHED) {
        fetch(tables, some);
        for candidate in some {
            let text = tables.name_text(candidate.name);
            match worth(query, kind, candidate, text) {
                Worth::Nothing => continue,
                Worth::Counted => {}
                Worth::Fresh => found.candidates += 1,
            }
            if found.compared == budget.compared_max {
                found.budget_reached = true;
                break 'names;
            }
            found.compared += 1;
            let similarity = query.compare(text);
            if similarity.score >= THRESHOLD {
                visit(NameNumber(candidate.name), similarity);
            }
        }
    }
    SCRATCH.set(scratch);
    found
}

/// Calls `visit` with each distinct candidate before any is scored, the equal name too.
pub fn candidates_in(
    tables: &NameTables<'_>,
    kind: NameKind,
    query: &NameQuery,
    budget: &Budget,
    visit: &mut dyn FnMut(NameNumber),
) -> Found {
    let equal = tables.find(kind, query.folded());
    let mut scratch = SCRATCH.take();
    scratch.gather(
        tables,
        kind,
        query,
        equal,
        Glance::All,
        budget.candidates_max,
    );
    let names = equal
        .into_iter()
        .chain(scratch.candidates.iter().map(|c| c.name));
    let mut found = scratch.found();
    found.candidates = 0;
    for name in names {
        found.candidates += 1;
        visit(NameNumber(name));
    }
    SCRATCH.set(scratch);
    found
}

/// Reads rows, then texts, so that no read waits for another.
fn fetch(tables: &NameTables<'_>, candidates: &[Candidate]) {
    let mut texts = [0; FETCHED];
    for (text, candidate) in texts.iter_mut().zip(candidates) {
        let row = tables.rows.get(candidate.name as usize);
        *text = row.map_or(0, |row| row.text_first() as usize);
    }
    let bytes = texts
        .iter()
        .map(|text| tables.text.get(*text).copied().unwrap_or(0));
    std::hint::black_box(bytes.fold(0, |all, byte| all ^ byte));
}

/// What a candidate's text says before it is compared.
enum Worth {
    /// No name, or one that was met and put aside already.
    Nothing,
    /// To be compared, counted already.
    Counted,
    /// To be compared and counted.
    Fresh,
}

fn worth(query: &NameQuery, kind: NameKind, candidate: &Candidate, text: &str) -> Worth {
    if text.is_empty() {
        return Worth::Nothing;
    }
    match (kind, candidate.via) {
        (_, Via::Edit) => Worth::Counted,
        (_, Via::End) if !edits::one_edit_apart(query.folded(), text) => Worth::Nothing,
        (NameKind::Person, Via::Key) if was_put_aside(query, text) => Worth::Nothing,
        _ => Worth::Fresh,
    }
}

/// Whether a name that differs was met by its places, and nothing else can lead to it.
fn was_put_aside(query: &NameQuery, text: &str) -> bool {
    query.other_texts().is_empty()
        && edits::one_edit_apart(query.folded(), text)
        && Characters::of(query.folded()).is_some()
        && Characters::of(text).is_some()
        && other_texts(NameKind::Person, text).is_empty()
}
