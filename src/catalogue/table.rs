//! Tab separated text in, rows with their places out: no quoting, a header line, empty fields.
//!
//! Columns may stand in any order; each must be there once and no other. Knows nothing of what
//! the columns mean.

use super::fault::{Fault, Faults, Problem};

/// One row, its fields in the order of `columns`.
#[derive(Debug)]
pub struct Row<'a> {
    file: &'a str,
    line: u32,
    columns: &'static [&'static str],
    fields: Vec<&'a str>,
}

/// One field and its place.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    file: &'a str,
    /// Line from 1.
    pub line: u32,
    column: &'static str,
    /// The field, trimmed.
    pub text: &'a str,
}

/// Reads `text`. `file` is what faults call it; `columns` is every column the table has.
///
/// Faults in the header leave no rows; a row with a wrong number of fields is left out.
pub fn read<'a>(
    file: &'a str,
    text: &'a str,
    columns: &'static [&'static str],
    faults: &mut Faults,
) -> Vec<Row<'a>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = (1u32..).zip(text.split('\n').map(|line| line.trim_end_matches('\r')));
    let header = match lines.next() {
        Some((_, header)) if !header.trim().is_empty() => header,
        _ => {
            faults.add(whole_file(file, Problem::NoHeader));
            return Vec::new();
        }
    };
    let Some(places) = places_of(file, header, columns, faults) else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    for (line, content) in lines {
        if content.trim().is_empty() {
            continue;
        }
        let found: Vec<&str> = content.split('\t').map(str::trim).collect();
        if found.len() != places.len() {
            let (found, expected) = (found.len(), places.len());
            let problem = Problem::FieldCount { found, expected };
            faults.add(Fault {
                file: file.into(),
                line,
                column: None,
                problem,
            });
            continue;
        }
        let mut fields = vec![""; columns.len()];
        for (place, field) in places.iter().zip(found) {
            fields[*place] = field;
        }
        rows.push(Row {
            file,
            line,
            columns,
            fields,
        });
    }
    rows
}

/// A fault of the file as a whole.
pub fn whole_file(file: &str, problem: Problem) -> Fault {
    Fault {
        file: file.into(),
        line: 0,
        column: None,
        problem,
    }
}

/// For each column of the header its place in `columns`.
fn places_of(
    file: &str,
    header: &str,
    columns: &'static [&'static str],
    faults: &mut Faults,
) -> Option<Vec<usize>> {
    let mut places = Vec::new();
    let mut sound = true;
    let mut fault = |problem| {
        sound = false;
        faults.add(Fault {
            file: file.into(),
            line: 1,
            column: None,
            problem,
        });
    };
    for name in header.split('\t').map(str::trim) {
        match columns.iter().position(|column| *column == name) {
            Some(place) if places.contains(&place) => fault(Problem::DuplicateColumn {
                column: name.into(),
            }),
            Some(place) => places.push(place),
            None => fault(Problem::UnknownColumn {
                column: name.into(),
            }),
        }
    }
    for (place, column) in columns.iter().enumerate() {
        if !places.contains(&place) {
            fault(Problem::MissingColumn { column });
        }
    }
    sound.then_some(places)
}

impl<'a> Row<'a> {
    /// The field of `column`; empty for a column the table does not have.
    pub fn cell(&self, column: &'static str) -> Cell<'a> {
        let place = self.columns.iter().position(|name| *name == column);
        debug_assert!(place.is_some(), "the table has no column `{column}`");
        Cell {
            file: self.file,
            line: self.line,
            column,
            text: place
                .and_then(|place| self.fields.get(place).copied())
                .unwrap_or(""),
        }
    }
}

impl<'a> Cell<'a> {
    /// `problem` at this place.
    pub fn fault(self, problem: Problem) -> Fault {
        Fault {
            file: self.file.into(),
            line: self.line,
            column: Some(self.column.into()),
            problem,
        }
    }

    /// The text; a fault with `remedy` and `None` where it is empty.
    pub fn filled(self, remedy: &'static str, faults: &mut Faults) -> Option<&'a str> {
        if self.text.is_empty() {
            faults.add(self.fault(Problem::Empty { remedy }));
            return None;
        }
        Some(self.text)
    }

    /// The words between commas; a word twice is a fault.
    pub fn words(self, faults: &mut Faults) -> Vec<&'a str> {
        let mut words = Vec::new();
        for word in self.text.split(',').map(str::trim) {
            if word.is_empty() {
                continue;
            }
            if words.contains(&word) {
                faults.add(self.fault(Problem::Repeated { word: word.into() }));
            } else {
                words.push(word);
            }
        }
        words
    }

    /// The one of `choices` whose name is the text.
    pub fn one_of<T: Copy>(
        self,
        what: &'static str,
        choices: &[(&str, T)],
        faults: &mut Faults,
    ) -> Option<T> {
        self.choose(self.text, what, choices, faults)
    }

    /// The one of `choices` whose name is `word`, a part of the text.
    pub fn choose<T: Copy>(
        self,
        word: &str,
        what: &'static str,
        choices: &[(&str, T)],
        faults: &mut Faults,
    ) -> Option<T> {
        let chosen = choices.iter().find(|(name, _)| *name == word);
        if chosen.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            faults.add(self.fault(Problem::UnknownWord {
                what,
                word: word.into(),
                allowed: names.join(", "),
            }));
        }
        chosen.map(|(_, value)| *value)
    }

    /// Years of a term such as `P3Y`; `None` where empty, or wrong, which is a fault.
    pub fn years(self, faults: &mut Faults) -> Option<u8> {
        if self.text.is_empty() {
            return None;
        }
        let digits = self
            .text
            .strip_prefix('P')
            .and_then(|rest| rest.strip_suffix('Y'))
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let years = digits
            .and_then(|digits| digits.parse::<u8>().ok())
            .filter(|years| (1..=99).contains(years));
        if years.is_none() {
            let text = self.text.into();
            faults.add(self.fault(Problem::BadTerm { text }));
        }
        years
    }
}
