//! The row of headers in a table, wherever it stands, and which column is what.
//!
//! In: the first rows and a profile. Out: the place of the header and its columns. Title rows,
//! notes and blank rows above it are passed over; a header of two rows (groups above, columns
//! below) is read as one. Nothing of a value is kept: headers only.

use super::cell::{Cell, Row};
use super::field::{FACTS, Fact, Field, PartyFact};
use super::profile::{Profile, UnknownColumns, folded, without_brackets};
use super::record::forbidden;
use std::collections::BTreeMap;

/// Rows among which the header is looked for.
pub const HEADER_ROWS_MAX: usize = 60;
/// Columns of a table at most.
pub const COLUMNS_MAX: usize = 512;
/// A longer text is a note, not a header.
const HEADER_CHARS_MAX: usize = 60;

/// Which column is what.
pub struct Columns {
    /// Columns of each field, preferred ones first.
    pub by_field: BTreeMap<Field, Vec<usize>>,
    /// Columns that no record may have a value in, and the name to show.
    pub forbidden: Vec<(usize, String)>,
    /// Columns that the profile does not know.
    pub unknown: Vec<(usize, String)>,
    /// Folded headers, to know a repeated header row.
    pub headers: Vec<String>,
}

/// A header that was found.
pub struct Header {
    /// Place of the first row behind it, among the rows looked at.
    pub rows_end: usize,
    /// Its columns.
    pub columns: Columns,
}

/// The header with the most columns that the profile knows; the first of equals. `None` where no
/// row has a column for the name.
pub fn find(rows: &[Row], profile: &Profile) -> Option<Header> {
    let mut best: Option<(usize, usize, Vec<String>)> = None;
    for place in 0..rows.len().min(HEADER_ROWS_MAX) {
        let own = headers_of(&rows[place]);
        for (texts, end) in [
            Some((own.clone(), place + 1)),
            rows.get(place + 1)
                .and_then(|below| joined(&own, below, profile))
                .map(|texts| (texts, place + 2)),
        ]
        .into_iter()
        .flatten()
        {
            let score = score(&texts, profile);
            if best.as_ref().is_none_or(|(most, _, _)| score > *most) && score > 0 {
                best = Some((score, end, texts));
            }
        }
    }
    let (_, rows_end, texts) = best?;
    let columns = columns(texts, profile);
    Some(Header { rows_end, columns })
}

/// Headers that a profile knows; 0 where none is the name.
pub fn score(texts: &[String], profile: &Profile) -> usize {
    let name = Field::Subject(PartyFact::Name);
    let known = |text: &&String| !text.is_empty() && fields(text, profile).next().is_some();
    let named = texts
        .iter()
        .any(|text| fields(text, profile).any(|(field, _)| field == name));
    if named {
        texts.iter().filter(known).count()
    } else {
        0
    }
}

/// Folded texts of a row as headers.
pub fn headers_of(row: &Row) -> Vec<String> {
    let text = |cell: &Cell| match cell {
        Cell::Text(text) if text.chars().count() <= HEADER_CHARS_MAX => folded(text),
        _ => String::new(),
    };
    row.cells.iter().take(COLUMNS_MAX).map(text).collect()
}

/// A row of groups and the row of columns below it as one; only where every text of the lower row
/// is a header itself.
fn joined(upper: &[String], below: &Row, profile: &Profile) -> Option<Vec<String>> {
    let lower = headers_of(below);
    let mut filled = lower.iter().filter(|text| !text.is_empty()).peekable();
    filled.peek()?;
    if !filled.all(|text| fields(text, profile).next().is_some()) {
        return None;
    }
    let width = upper.len().max(lower.len());
    let at = |texts: &[String], place: usize| texts.get(place).cloned().unwrap_or_default();
    let join = |place| {
        let own = at(&lower, place);
        if own.is_empty() {
            at(upper, place)
        } else {
            own
        }
    };
    Some((0..width).map(join).collect())
}

/// Fields of a header, by its whole text, else without what stands in brackets.
fn fields<'p>(text: &str, profile: &'p Profile) -> impl Iterator<Item = (Field, usize)> + 'p {
    let of = |text: &str| -> Vec<(Field, usize)> {
        let found = profile.columns.iter().filter_map(|(field, spellings)| {
            let place = spellings.iter().position(|spelling| spelling == text);
            place.map(|place| (*field, place))
        });
        found.collect()
    };
    let mut found = of(text);
    if found.is_empty() && !text.is_empty() {
        found = of(&without_brackets(text));
    }
    found.into_iter()
}

fn columns(texts: Vec<String>, profile: &Profile) -> Columns {
    let mut by_field: BTreeMap<Field, Vec<(usize, usize)>> = BTreeMap::new();
    let mut unknown = Vec::new();
    let mut never = Vec::new();
    for (column, text) in texts.iter().enumerate() {
        if text.is_empty() {
            continue;
        }
        let short = without_brackets(text);
        if let Some(name) = forbidden(text).or_else(|| forbidden(&short)) {
            never.push((column, name));
            continue;
        }
        let mut known = false;
        for (field, preference) in fields(text, profile) {
            known = true;
            by_field
                .entry(field)
                .or_default()
                .push((preference, column));
        }
        let ignored = |header: &String| header == text || *header == short;
        if !known && !profile.ignored.iter().any(ignored) {
            unknown.push((column, text.clone()));
        }
    }
    let by_field = by_field.into_iter().map(|(field, mut places)| {
        places.sort_unstable();
        (
            field,
            places.into_iter().map(|(_, column)| column).collect(),
        )
    });
    Columns {
        by_field: by_field.collect(),
        forbidden: never,
        unknown,
        headers: texts,
    }
}

impl Columns {
    /// Whether a row repeats the header: most of its texts stand under themselves.
    pub fn repeats_header(&self, row: &Row) -> bool {
        // Nearly every row ends here: the name is none of a header.
        let name = Field::Subject(PartyFact::Name);
        let mut names = self.by_field.get(&name).into_iter().flatten();
        let is_other = |column: &usize| match row.cells.get(*column) {
            Some(Cell::Text(text)) => self.headers.get(*column) != Some(&folded(text)),
            Some(Cell::Blank) | None => false,
            Some(_) => true,
        };
        if names.any(is_other) {
            return false;
        }
        let texts = headers_of(row);
        let filled = texts.iter().filter(|text| !text.is_empty()).count();
        let equal = texts.iter().zip(&self.headers);
        let equal = equal.filter(|(text, header)| !text.is_empty() && text == header);
        filled >= 2 && equal.count() * 3 >= filled * 2
    }

    /// Required facts that neither a column nor a constant gives.
    pub fn absent(&self, profile: &Profile) -> Vec<&'static str> {
        let given = |field: &Field| {
            self.by_field.contains_key(field) || profile.constants.contains_key(field)
        };
        let required = FACTS.into_iter().filter(|(fact, _)| {
            matches!(
                fact,
                Fact::List
                    | Fact::CaseNo
                    | Fact::Authority
                    | Fact::Supplier
                    | Fact::SubmittedAt
                    | Fact::InForceFrom
                    | Fact::Disclosure
            )
        });
        let absent = required.filter(|(fact, _)| !given(&Field::Fact(*fact)));
        absent.map(|(_, word)| word).collect()
    }

    /// Whether values in unknown columns are a fault.
    pub fn refuses_unknown(&self, profile: &Profile) -> bool {
        profile.unknown_columns == UnknownColumns::Refuse && !self.unknown.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Row {
        Row {
            number: 1,
            cells: cells.iter().map(|text| Cell::text(text)).collect(),
        }
    }

    fn court() -> Profile {
        Profile::built_in("court-defaulter").unwrap().unwrap()
    }

    const HEADER: &[&str] = &["序号", "被执行人姓名/名称", "证件号码", "案号", "执行法院"];

    #[test]
    fn the_header_is_found_below_titles_notes_and_blank_rows() {
        let rows = [
            row(&["失信被执行人名单"]),
            row(&[]),
            row(&["注：名称以案号为准", "", ""]),
            row(HEADER),
            row(&["1", "张三丰", "x", "y", "z"]),
        ];
        let header = find(&rows, &court()).unwrap();
        assert_eq!(header.rows_end, 4);
        let name = Field::Subject(PartyFact::Name);
        assert_eq!(header.columns.by_field[&name], [1]);
        assert!(header.columns.unknown.is_empty());
        assert!(header.columns.repeats_header(&rows[3]));
        assert!(!header.columns.repeats_header(&rows[4]));
        assert!(find(&rows[..3], &court()).is_none());
    }

    #[test]
    fn groups_above_columns_are_one_header() {
        let rows = [
            row(&["姓名/名称", "证件", "", "案号"]),
            row(&["", "证件类型", "证件号码（全）", ""]),
            row(&["张三丰", "身份证", "1", "2"]),
        ];
        let header = find(&rows, &court()).unwrap();
        assert_eq!(header.rows_end, 2);
        assert_eq!(
            header.columns.by_field[&Field::Subject(PartyFact::Ids)],
            [2]
        );
        assert_eq!(
            header.columns.by_field[&Field::Subject(PartyFact::Name)],
            [0]
        );
    }

    #[test]
    fn forbidden_and_unknown_columns_are_told_apart() {
        let rows = [row(&["姓名", "案号", "血型", "鞋码"])];
        let columns = find(&rows, &court()).unwrap().columns;
        assert_eq!(columns.forbidden.len(), 1);
        assert_eq!(columns.unknown, [(3, "鞋码".to_owned())]);
    }
}
