//! The story of loading: four tables in, one catalogue out, or every fault with its place.
//!
//! `list_rules.tsv` (our reading of terms and disclosure) may be missing in a folder; the built-in
//! one then stands in, and the catalogue carries a warning. Never changes a table.

use super::fault::{CatalogueError, Fault, Faults, Problem};
use super::list::List;
use super::measure::Catalogue;
use super::rows;
use super::scenario::Scenario;
use super::table::{self, Row};
use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::Path;

const LISTS: &str = "lists.tsv";
const LIST_RULES: &str = "list_rules.tsv";
const SCENARIOS: &str = "scenarios.tsv";
const MEASURES: &str = "measures.tsv";

/// The tables in the fixed order in which they are hashed.
pub const FILES: [&str; 4] = [LISTS, LIST_RULES, SCENARIOS, MEASURES];

/// The tables this program was built with, in the order of `FILES`.
const BUILT_IN: [&str; 4] = [
    include_str!("../../data/catalogue/lists.tsv"),
    include_str!("../../data/catalogue/list_rules.tsv"),
    include_str!("../../data/catalogue/scenarios.tsv"),
    include_str!("../../data/catalogue/measures.tsv"),
];

/// Lists at most: a list is one byte in a snapshot.
const LISTS_MAX: usize = 255;
/// Scenarios and measures at most.
const PLACES_MAX: usize = 65_535;

/// Loads the tables in `dir`. Errors: every fault found, at most 20, each with its place.
pub fn load(dir: &Path) -> Result<Catalogue, CatalogueError> {
    load_from(dir, Rules::Own)
}

/// Loads tables that were kept as they had been loaded: their list_rules.tsv may be the built-in
/// one, which also has rows of lists that these tables do not have. Errors: as `load`.
pub fn load_kept(dir: &Path) -> Result<Catalogue, CatalogueError> {
    load_from(dir, Rules::PerhapsBuiltIn)
}

/// Whose list_rules.tsv lies in a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    Own,
    PerhapsBuiltIn,
}

fn load_from(dir: &Path, rules: Rules) -> Result<Catalogue, CatalogueError> {
    let mut faults = Faults::default();
    let mut warnings = Vec::new();
    let mut paths = Vec::new();
    let mut texts = Vec::new();
    for (place, name) in FILES.into_iter().enumerate() {
        let path = dir.join(name);
        let shown = path.display().to_string();
        match std::fs::read(&path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => texts.push(text),
                Err(e) => {
                    let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
                    let breaks = before.iter().filter(|byte| **byte == b'\n').count();
                    faults.add(Fault {
                        line: u32::try_from(breaks + 1).unwrap_or(u32::MAX),
                        ..table::whole_file(&shown, Problem::NotUtf8)
                    });
                }
            },
            Err(e) if e.kind() == ErrorKind::NotFound && name == LIST_RULES => {
                warnings.push(format!(
                    "{shown} is missing; terms and disclosure of lists are counted by the \
                     built-in table"
                ));
                texts.push(BUILT_IN[place].into());
                paths.push(format!("built-in {LIST_RULES}"));
                continue;
            }
            Err(e) => {
                let reason = e.to_string();
                faults.add(table::whole_file(&shown, Problem::Unreadable { reason }));
            }
        }
        paths.push(shown);
    }
    // Texts stand by their places only when all could be read.
    if let ([a, b, c, d], [l, r, s, m]) = (&texts[..], &paths[..]) {
        let tables = Tables {
            texts: [a, b, c, d],
            names: [l, r, s, m],
            own_rules: warnings.is_empty() && rules == Rules::Own,
        };
        return assemble(&tables, warnings, faults);
    }
    faults.stop()?;
    built_in()
}

/// The catalogue this program was built with.
pub fn built_in() -> Result<Catalogue, CatalogueError> {
    let tables = Tables {
        texts: BUILT_IN,
        names: FILES,
        own_rules: true,
    };
    assemble(&tables, Vec::new(), Faults::default())
}

/// Texts of the four tables, in the order of `FILES`, and what faults call them.
struct Tables<'a> {
    texts: [&'a str; 4],
    names: [&'a str; 4],
    /// False where the built-in list_rules.tsv stands in: its rows of unknown lists are no fault.
    own_rules: bool,
}

fn assemble(
    tables: &Tables<'_>,
    warnings: Vec<String>,
    mut faults: Faults,
) -> Result<Catalogue, CatalogueError> {
    let columns = [
        rows::LIST_COLUMNS,
        rows::RULE_COLUMNS,
        rows::SCENARIO_COLUMNS,
        rows::MEASURE_COLUMNS,
    ];
    let mut read = |place: usize| {
        let (name, text) = (tables.names[place], tables.texts[place]);
        table::read(name, text, columns[place], &mut faults)
    };
    let [list_rows, rule_rows, scenario_rows, measure_rows] = [read(0), read(1), read(2), read(3)];
    // A table that could not be read would make a fault of every row that refers to it.
    faults.stop()?;
    let list_rows = unique(list_rows, "id", LISTS_MAX, "lists", &mut faults);
    let scenario_rows = unique(
        scenario_rows,
        "scenario",
        PLACES_MAX,
        "scenarios",
        &mut faults,
    );
    let lists = list_rows.iter().map(|row| row.cell("id").text);
    let scenarios = scenario_rows.iter().map(|row| row.cell("scenario").text);
    let ids: HashSet<&str> = lists.chain(scenarios).collect();

    let mut lists: Vec<List> = Vec::new();
    for row in &list_rows {
        lists.extend(rows::list(row, &mut faults));
    }
    let rule_rows = unique(rule_rows, "list", LISTS_MAX, "lists", &mut faults);
    apply_rules(&rule_rows, tables.own_rules, &ids, &mut lists, &mut faults);
    let mut scenarios: Vec<Scenario> = Vec::new();
    for row in &scenario_rows {
        scenarios.extend(rows::scenario(row, &mut faults));
    }
    let known = rows::Known {
        lists: &lists,
        scenarios: &scenarios,
        ids: &ids,
    };
    let mut measures = Vec::new();
    for row in &unique(measure_rows, "id", PLACES_MAX, "measures", &mut faults) {
        measures.extend(rows::measure(row, &known, &mut faults));
    }
    faults.stop()?;
    let hash = hash_of(&tables.texts);
    let mut catalogue = Catalogue::new(lists, scenarios, measures, hash, warnings);
    catalogue.texts = tables.texts.map(Into::into);
    Ok(catalogue)
}

fn apply_rules(
    rule_rows: &[Row<'_>],
    own_rules: bool,
    ids: &HashSet<&str>,
    lists: &mut [List],
    faults: &mut Faults,
) {
    for row in rule_rows {
        let cell = row.cell("list");
        match lists.iter_mut().find(|list| &*list.id == cell.text) {
            Some(list) => {
                if let Some(rules) = rows::list_rules(row, list, faults) {
                    list.rules = rules;
                }
            }
            None if own_rules && !ids.contains(cell.text) => {
                faults.add(cell.fault(Problem::UnknownId {
                    what: "list",
                    id: cell.text.into(),
                }));
            }
            None => {}
        }
    }
}

/// The rows without those whose id stood there before, and not more than `max`.
fn unique<'a>(
    mut rows: Vec<Row<'a>>,
    column: &'static str,
    max: usize,
    what: &'static str,
    faults: &mut Faults,
) -> Vec<Row<'a>> {
    let mut lines: HashMap<&str, u32> = HashMap::new();
    rows.retain(|row| {
        let cell = row.cell(column);
        let first_line = *lines.entry(cell.text).or_insert(cell.line);
        if first_line == cell.line || cell.text.is_empty() {
            return true;
        }
        let id = cell.text.into();
        faults.add(cell.fault(Problem::DuplicateId { id, first_line }));
        false
    });
    if rows.len() > max {
        let found = rows.len();
        if let Some(row) = rows.get(max) {
            faults.add(
                row.cell(column)
                    .fault(Problem::TooMany { what, found, max }),
            );
        }
        rows.truncate(max);
    }
    rows
}

/// BLAKE3 over name, length and content of each table, in the order of `FILES`.
fn hash_of(texts: &[&str; 4]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for (name, text) in FILES.iter().zip(texts) {
        hasher.update(name.as_bytes());
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod refusals;

#[cfg(test)]
mod tests;
