//! The tables of lists, scenarios and measures, split at tabs and read literally by column name.

use std::collections::BTreeMap;
use std::path::Path;

/// Lists and measures; scenarios only as far as a generator needs their attributes.
pub struct Law {
    pub lists: BTreeMap<String, Row>,
    pub measures: Vec<Row>,
    pub scenarios: BTreeMap<String, Row>,
}

/// One row: column name to text.
pub type Row = BTreeMap<String, String>;

impl Law {
    /// From the three tables in `folder`.
    pub fn read(folder: &Path) -> Self {
        let by = |rows: Vec<Row>, key: &str| -> BTreeMap<String, Row> {
            rows.into_iter()
                .map(|row| (row[key].clone(), row))
                .collect()
        };
        Self {
            lists: by(rows(&folder.join("lists.tsv")), "id"),
            measures: rows(&folder.join("measures.tsv")),
            scenarios: by(rows(&folder.join("scenarios.tsv")), "scenario"),
        }
    }

    /// The tables of this project.
    pub fn of_project() -> Self {
        Self::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/catalogue"))
    }
}

/// Words of a cell, separated by commas.
pub fn words(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

fn rows(path: &Path) -> Vec<Row> {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let header: Vec<&str> = lines.next().expect("a header line").split('\t').collect();
    lines
        .map(|line| {
            let mut cells = line.split('\t');
            header
                .iter()
                .map(|name| (name.to_string(), cells.next().unwrap_or("").to_string()))
                .collect()
        })
        .collect()
}
