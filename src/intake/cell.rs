//! One cell of a table as found, and what people write into cells.
//!
//! In: text of a CSV field, or a value of a workbook. Out: text without what a spreadsheet put
//! around it, numbers written out, blanks told from values. A number that a spreadsheet has
//! rounded is told, never repaired. Debug is not derived: cells hold numbers of people.

use std::borrow::Cow;

/// A cell.
#[derive(Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Blank,
    /// Text.
    Text(String),
    /// A number without a format of dates.
    Number(f64),
    /// A number that the workbook shows as a date: days since its epoch.
    Serial {
        /// Days and parts of a day.
        days: f64,
        /// Counted from 1904-01-01, as old Macintosh workbooks do.
        since_1904: bool,
    },
    /// `TRUE` or `FALSE`.
    Bool(bool),
    /// An error of a formula, such as `#N/A`.
    Broken,
}

/// A row and its number, as a spreadsheet counts from 1.
pub struct Row {
    /// Number from 1; blank rows count.
    pub number: u64,
    /// Cells from the first column on; none at the end may be missing or blank.
    pub cells: Vec<Cell>,
}

/// Largest number of which a spreadsheet keeps every digit: it keeps fifteen.
const EXACT_MAX: f64 = 1e15;

/// What stands for nothing in a cell of any column.
const NOTHING: [&str; 12] = [
    "-", "--", "—", "——", "/", "\\", "\\N", "null", "NULL", "N/A", "n/a", "#N/A",
];

impl Cell {
    /// Text without white space, `'` in front and `="..."` around it; blank where nothing is left.
    pub fn text(raw: &str) -> Self {
        let text = bare(raw);
        if text.is_empty() || NOTHING.contains(&text) {
            Self::Blank
        } else {
            Self::Text(text.to_owned())
        }
    }

    /// Whether nothing stands here.
    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Blank)
    }

    /// What a person reads in the cell; dates of workbooks are for `dates`. `None` for a number
    /// that was rounded, and for the error of a formula.
    pub fn shown(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Blank => Some(Cow::Borrowed("")),
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Number(number) | Self::Serial { days: number, .. } => {
                let exact = number.is_finite() && number.abs() < EXACT_MAX;
                exact.then(|| Cow::Owned(number.to_string()))
            }
            Self::Bool(true) => Some(Cow::Borrowed("true")),
            Self::Bool(false) => Some(Cow::Borrowed("false")),
            Self::Broken => None,
        }
    }

    /// Whether a spreadsheet has put a long number into its own form, digits lost: `1.1E+17`.
    pub fn lost_digits(&self) -> bool {
        match self {
            Self::Number(number) => !number.is_finite() || number.abs() >= EXACT_MAX,
            Self::Text(text) => is_scientific(text),
            _ => false,
        }
    }
}

fn bare(raw: &str) -> &str {
    let mut text = raw.trim_matches(is_margin);
    if let Some(inner) = text.strip_prefix("=\"").and_then(|t| t.strip_suffix('"')) {
        text = inner.trim_matches(is_margin);
    }
    text.trim_start_matches(['\'', '\u{2018}', '\u{2019}', '`'])
        .trim_matches(is_margin)
}

fn is_margin(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{feff}' | '\u{200b}')
}

/// `9.90102E+17`: digits, a point perhaps, `E+`, digits.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let Some(exponent) = exponent.strip_prefix('+') else {
        return false;
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    digits(whole) && digits(part) && digits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str) -> String {
        Cell::text(raw).shown().unwrap().into_owned()
    }

    #[test]
    fn what_a_spreadsheet_puts_around_text_is_taken_off() {
        for raw in [
            "abc",
            " abc\t",
            "'abc",
            "=\"abc\"",
            "\u{feff}abc",
            "’abc",
            "\u{3000}abc\r\n",
        ] {
            assert_eq!(shown(raw), "abc", "{raw}");
        }
        for raw in ["", " ", "-", "—", "null", "'", "/"] {
            assert!(Cell::text(raw).is_blank(), "{raw}");
        }
    }

    #[test]
    fn numbers_are_written_out_while_they_are_exact() {
        assert_eq!(
            Cell::Number(990_102_800_307_123.0).shown().unwrap(),
            "990102800307123"
        );
        assert_eq!(Cell::Number(12.5).shown().unwrap(), "12.5");
        assert!(Cell::Number(990_102_198_003_071_239.0).shown().is_none());
        assert!(Cell::Number(990_102_198_003_071_239.0).lost_digits());
        assert!(Cell::Number(f64::NAN).shown().is_none());
        assert!(Cell::text("9.90102E+17").lost_digits());
        assert!(Cell::text("9E+17").lost_digits());
        for text in ["E12345678", "1E5", "9.9E", "E+17", "x9E+17"] {
            assert!(!Cell::text(text).lost_digits(), "{text}");
        }
    }
}
