//! Figures of units and their limits, read when somebody looks.
//!
//! In: names of units, values. Out: text of `/metrics`. A unit is no person: its name is a label.

use std::fmt::Write as _;

/// Requests refused by a limit of their unit, by `unit` and `limit`.
pub const RATE_LIMITED_TOTAL: &str = "hecha_rate_limited_total";
/// How much the asking of a unit looks like gathering the list, by `unit`.
pub const ENUMERATION_SCORE: &str = "hecha_enumeration_score";

/// A figure of each unit, read when somebody looks.
#[derive(Debug, Clone)]
pub struct UnitFigure<'a> {
    /// Name with unit.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// Unit, limit where it is of one, value.
    pub values: Vec<(&'a str, Option<&'static str>, f64)>,
}

/// Writes figures of units; their names may hold any character.
pub fn write_units(text: &mut String, figures: &[UnitFigure<'_>]) {
    for figure in figures {
        let (name, help, kind) = (figure.name, figure.help, figure.kind);
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (unit, limit, value) in &figure.values {
            let unit = unit.replace('\\', "\\\\").replace('"', "\\\"");
            let limit = limit.map_or(String::new(), |limit| format!(",limit=\"{limit}\""));
            let _ = writeln!(text, "{name}{{unit=\"{unit}\"{limit}}} {value}");
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_unit_is_escaped() {
        let mut text = String::new();
        let figure = UnitFigure {
            name: ENUMERATION_SCORE,
            help: "Score",
            kind: "gauge",
            values: vec![("a\"b\\c", Some("rate"), 1.0), ("铁路", None, 2.0)],
        };
        write_units(&mut text, &[figure]);
        let wanted = "# HELP hecha_enumeration_score Score\n# TYPE hecha_enumeration_score gauge\n\
                      hecha_enumeration_score{unit=\"a\\\"b\\\\c\",limit=\"rate\"} 1\n\
                      hecha_enumeration_score{unit=\"铁路\"} 2\n\n";
        assert_eq!(text, wanted);
    }
}
