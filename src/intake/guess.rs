//! A profile proposed for a table that nobody has described yet.
//!
//! In: the first rows of a table. Out: TOML that `--profile` takes, with a comment for each column:
//! what it is taken for, how sure that is, and the shapes of what stands in it. Headers are shown,
//! values never: `9` stands for a digit, `A` for a letter, `字` for a character, `*` for a mask.

use super::cell::{Cell, Row};
use super::dates;
use super::field::{Fact, Field, PartyFact};
use super::header::{self, Header};
use super::number_cell::numbers;
use super::profile::{BUILT_IN, Profile, Shape};
use super::table::column_letters;
use crate::identifier::free_text::contains_citizen_id;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Shapes shown of a column.
const SHAPES_MAX: usize = 3;
/// Share of cells of a form that makes a column one of that form, in percent.
const SHARE_MIN: usize = 60;

/// What a column is taken for.
struct Guess {
    column: usize,
    /// The header as it stands.
    header: String,
    fields: Vec<Field>,
    sureness: &'static str,
    shapes: String,
}

/// The text of a profile for these rows; an error in words where no header is found.
pub fn propose(rows: &[Row], file: &str) -> Result<String, String> {
    let (base, header) = best(rows).ok_or_else(|| {
        "no row looks like a header with a name in it: give the first rows of the list a header \
         such as 姓名, 证件号码, 案号, or write a profile by hand (`hecha profile show general`)"
            .to_owned()
    })?;
    let data = &rows[header.rows_end.min(rows.len())..];
    let guesses = guesses(rows, data, &header, &base);
    let header_row = rows.get(header.rows_end - 1).map_or(0, |row| row.number);
    Ok(written(&base, (&header, header_row), &guesses, file))
}

/// The built-in profile that knows most headers; of equals the one with a list.
fn best(rows: &[Row]) -> Option<(Profile, Header)> {
    let mut best: Option<(usize, Profile, Header)> = None;
    for (name, _) in BUILT_IN {
        let Some(Ok(profile)) = Profile::built_in(name) else {
            continue;
        };
        if profile.shape != Shape::Table {
            continue;
        }
        let Some(header) = header::find(rows, &profile) else {
            continue;
        };
        let known = header::score(&header.columns.headers, &profile);
        // A header that the profile names first says most of whose list it is.
        let named = own_name(&header, &profile);
        let score = known * 2 + usize::from(named);
        if best.as_ref().is_none_or(|(most, _, _)| score > *most) {
            best = Some((score, profile, header));
        }
    }
    best.map(|(_, profile, header)| (profile, header))
}

/// Whether the column of the name has a spelling that only this profile knows.
fn own_name(header: &Header, profile: &Profile) -> bool {
    let name = Field::Subject(PartyFact::Name);
    let spellings = profile.columns.get(&name);
    let found = header.columns.by_field.get(&name);
    let text = found.and_then(|columns| header.columns.headers.get(*columns.first()?));
    let place = spellings
        .zip(text)
        .and_then(|(spellings, text)| spellings.iter().position(|spelling| spelling == text));
    place.is_some_and(|place| spellings.is_some_and(|all| place + 12 < all.len()))
}

fn guesses(rows: &[Row], data: &[Row], header: &Header, base: &Profile) -> Vec<Guess> {
    let mut guesses = Vec::new();
    for (column, folded) in header.columns.headers.iter().enumerate() {
        if folded.is_empty() {
            continue;
        }
        let cells: Vec<&Cell> = data
            .iter()
            .filter_map(|row| row.cells.get(column))
            .filter(|cell| !cell.is_blank())
            .collect();
        let by_header: Vec<Field> = header
            .columns
            .by_field
            .iter()
            .filter(|(_, columns)| columns.contains(&column))
            .map(|(field, _)| *field)
            .collect();
        let (fields, sureness) = if !by_header.is_empty() {
            (by_header, "sure: a known header")
        } else if header.columns.forbidden.iter().any(|(at, _)| *at == column) {
            (
                Vec::new(),
                "forbidden in every list: a row with a value here is left out",
            )
        } else {
            match by_form(&cells, header) {
                Some(field) => (vec![field], "likely: by the form of its values; look at it"),
                None => (Vec::new(), "unknown: it will not be read"),
            }
        };
        guesses.push(Guess {
            column,
            header: as_written(rows, header, column, folded),
            fields,
            sureness,
            shapes: shapes(&cells),
        });
    }
    guesses.retain(|guess| {
        !base
            .ignored
            .contains(&super::profile::folded(&guess.header))
    });
    guesses
}

/// The header with its own spelling, where it holds no number of a person.
fn as_written(rows: &[Row], header: &Header, column: usize, folded: &str) -> String {
    let above = &rows[..header.rows_end.min(rows.len())];
    let texts = above
        .iter()
        .rev()
        .filter_map(|row| match row.cells.get(column) {
            Some(Cell::Text(text)) => Some(text.replace(['\n', '\r'], "")),
            _ => None,
        });
    let mut own = texts.filter(|text| super::profile::folded(text) == folded);
    let text = own.next().unwrap_or_else(|| folded.to_owned());
    if contains_citizen_id(&text) {
        "?".to_owned()
    } else {
        text
    }
}

/// Whether a cell has a form.
type Test<'a> = &'a dyn Fn(&Cell) -> bool;

/// What most of the values are, where the header says nothing.
fn by_form(cells: &[&Cell], header: &Header) -> Option<Field> {
    let share = |test: Test<'_>| {
        let fitting = cells.iter().filter(|cell| test(cell)).count();
        !cells.is_empty() && fitting * 100 >= cells.len() * SHARE_MIN
    };
    let taken = |field: &Field| header.columns.by_field.contains_key(field);
    let number = |cell: &Cell| {
        let found = numbers(cell, None, None).unwrap_or_default();
        found
            .iter()
            .any(|number| number.id_type.is_some_and(|id_type| id_type.is_decisive()))
    };
    let case = |cell: &Cell| {
        let text = cell.shown().unwrap_or_default();
        text.ends_with('号') && text.contains(['(', '（', '〔', '['])
    };
    let office = |cell: &Cell| {
        let text = cell.shown().unwrap_or_default();
        ["法院", "局", "厅", "委员会", "委"]
            .iter()
            .any(|end| text.ends_with(end))
    };
    let candidates: [(Field, Test<'_>); 4] = [
        (Field::Subject(PartyFact::Ids), &number),
        (Field::Fact(Fact::CaseNo), &case),
        (Field::Fact(Fact::Authority), &office),
        (Field::Fact(Fact::Published), &|cell: &Cell| {
            dates::day(cell).is_some()
        }),
    ];
    let mut fitting = candidates
        .into_iter()
        .filter(|(field, test)| !taken(field) && share(*test));
    fitting.next().map(|(field, _)| field)
}

/// The most frequent shapes of cells, with their counts.
fn shapes(cells: &[&Cell]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for cell in cells {
        *counts.entry(shape(cell)).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown = counts.iter().take(SHAPES_MAX);
    let shown: Vec<String> = shown
        .map(|(shape, count)| format!("{shape} ({count})"))
        .collect();
    shown.join(", ")
}

/// `9×6字×2*×4`: kinds of characters and how many.
fn shape(cell: &Cell) -> String {
    let text = match cell {
        Cell::Serial { .. } => return "date".to_owned(),
        Cell::Broken => return "error".to_owned(),
        _ if cell.lost_digits() => return "rounded number".to_owned(),
        _ => cell.shown().unwrap_or_default(),
    };
    let kinds = text.chars().map(|c| match c {
        c if c.is_numeric() => '9',
        c if c.is_ascii_alphabetic() => 'A',
        '*' | '＊' | '●' => '*',
        c if c.is_alphabetic() => '字',
        c if c.is_whitespace() => '_',
        c => c,
    });
    let mut runs: Vec<(char, usize)> = Vec::new();
    for kind in kinds {
        match runs.last_mut() {
            Some((last, count)) if *last == kind => *count += 1,
            _ => runs.push((kind, 1)),
        }
    }
    let mut shape = String::new();
    for (kind, count) in runs.iter().take(12) {
        shape.push(*kind);
        if *count > 1 {
            let _ = write!(shape, "×{count}");
        }
    }
    if runs.len() > 12 {
        shape.push('…');
    }
    shape
}

fn written(
    base: &Profile,
    (header, header_row): (&Header, u64),
    guesses: &[Guess],
    file: &str,
) -> String {
    let mut toml = String::new();
    let _ = writeln!(
        toml,
        "# Proposed for {}: header in row {}, closest to the built-in profile `{}`.\n\
         # Read each line before you build with it: a wrong column lists wrong people.",
        quoted(file),
        header_row,
        base.name
    );
    let _ = writeln!(
        toml,
        "name = \"guessed\"\nabout = \"Proposed by hecha profile guess\"\n"
    );
    constants(&mut toml, base, header);
    let _ = writeln!(toml, "[columns]");
    let mut spellings: BTreeMap<Field, Vec<&str>> = BTreeMap::new();
    for guess in guesses {
        let fields: Vec<String> = guess.fields.iter().map(|field| field.word()).collect();
        let taken = if fields.is_empty() {
            "-".to_owned()
        } else {
            fields.join(", ")
        };
        let _ = writeln!(
            toml,
            "# column {} {}: {taken}; {}; shapes: {}",
            column_letters(guess.column),
            quoted(&guess.header),
            guess.sureness,
            quoted(&guess.shapes),
        );
        for field in &guess.fields {
            spellings.entry(*field).or_default().push(&guess.header);
        }
    }
    for (field, mut headers) in spellings {
        let preferred = header.columns.by_field.get(&field);
        let folded_at = |text: &str| {
            let folded = super::profile::folded(text);
            let all = preferred.into_iter().flatten();
            let mut all = all.filter_map(|column| header.columns.headers.get(*column));
            all.position(|known| *known == folded)
        };
        headers.sort_by_key(|text| folded_at(text));
        let headers: Vec<String> = headers.into_iter().map(quoted).collect();
        let _ = writeln!(toml, "\"{}\" = [{}]", field.word(), headers.join(", "));
    }
    values(&mut toml, base);
    let from: Vec<String> = base
        .entry_id_from
        .iter()
        .map(|f| quoted(&f.word()))
        .collect();
    let prefix = quoted(&base.entry_id_prefix);
    let _ = writeln!(
        toml,
        "\n[entry_id]\nprefix = {prefix}\nfrom = [{}]",
        from.join(", ")
    );
    toml
}

fn constants(toml: &mut String, base: &Profile, header: &Header) {
    let _ = writeln!(toml, "[constants]");
    if base.constants.contains_key(&Field::Fact(Fact::List)) {
        let headers = &header.columns.headers;
        let all = headers.iter().filter(|text| !text.is_empty()).count();
        let known = header::score(headers, base);
        let _ = writeln!(
            toml,
            "# The list is that of the closest profile, which knows {known} of {all} headers: make \
             sure that it is this one."
        );
    }
    for (field, text) in &base.constants {
        let _ = writeln!(toml, "\"{}\" = {}", field.word(), quoted(text));
    }
    for word in header.columns.absent(base) {
        let _ = writeln!(
            toml,
            "# {word} = \"...\"   # required, and no column is it: every record lacks it until it \
             is given"
        );
    }
    toml.push('\n');
}

fn values(toml: &mut String, base: &Profile) {
    for (field, words) in &base.values {
        let _ = writeln!(toml, "\n[values.{}]", quoted(&field.word()));
        for (word, meaning) in words {
            let _ = writeln!(toml, "{} = {}", quoted(word), quoted(meaning));
        }
    }
}

/// As a TOML text; signs that would end it or run over it are escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64, cells: &[&str]) -> Row {
        let cells = cells.iter().map(|text| Cell::text(text)).collect();
        Row { number, cells }
    }

    #[test]
    fn a_proposal_is_a_profile_and_shows_no_value() {
        let rows = [
            row(1, &["失信被执行人名单"]),
            row(
                2,
                &[
                    "序号",
                    "被执行人姓名/名称",
                    "证件",
                    "案号",
                    "执行法院",
                    "发布时间",
                ],
            ),
            row(
                3,
                &[
                    "1",
                    "张三丰",
                    "990102198003071239",
                    "(2016)测9901执1号",
                    "测试法院",
                    "2016年12月28日",
                ],
            ),
        ];
        let toml = propose(&rows, "a\"b\n.csv").unwrap();
        let profile = Profile::parse("guessed", &toml).unwrap();
        let ids = Field::Subject(PartyFact::Ids);
        assert_eq!(profile.columns[&ids], ["证件"], "{toml}");
        assert_eq!(
            profile.constants[&Field::Fact(Fact::List)],
            "court-defaulter"
        );
        for value in ["张三丰", "990102", "1239", "测试法院"] {
            assert!(!toml.contains(value), "{value}: {toml}");
        }
        assert!(
            toml.contains("9×18 (1)") && toml.contains("字×3 (1)"),
            "{toml}"
        );
        assert!(propose(&rows[..1], "x").is_err());
    }
}
