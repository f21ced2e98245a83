//! A row becomes the body of a check: by the names of its columns, or as one object a line.
//!
//! In: what holds for the whole run (scenario, attributes, purpose), the header, the cells of a
//! row. Out: the bytes that HTTP would carry, and the row's own reference. Nothing is judged here:
//! `gateway::question` refuses what is faulty. A column that nobody knows is refused unless it is
//! passed over by name: a misspelt `citizen_id` would let every listed person through.

use crate::catalogue::scenario::{AttributeKind, Scenario};
use crate::identifier::kind::IdType;
use crate::wire::json::{Node, member};
use crate::wire::problem::{Problem, ProblemKind};
use crate::wire::text::write_text;
use serde_json::{Map, Value};
use std::fmt::Write;
use zeroize::Zeroizing;

/// Columns at most.
pub const COLUMNS_MAX: usize = 1_000;

/// What holds for every row that does not say otherwise.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Id of the scenario.
    pub scenario: Box<str>,
    /// Attributes: name and value, as JSON.
    pub attributes: Vec<(Box<str>, Value)>,
    /// Kind of subject.
    pub kind: Option<Box<str>>,
    /// Purpose.
    pub purpose: Option<Box<str>>,
    /// Kind and reference of the authorisation.
    pub authorisation: Option<(Box<str>, Box<str>)>,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Name,
    Kind,
    BirthDate,
    Reference,
    Purpose,
    Exemption,
    Authorisation,
    Id(IdType),
    /// Name of the attribute, and whether its values are numbers or booleans.
    Attribute(Box<str>, bool),
    PassedOver,
}

/// The columns of a table, in its order.
#[derive(Debug, Clone)]
pub struct Columns {
    fields: Vec<(Box<str>, Field)>,
}

/// How columns are named where the header has other names.
#[derive(Debug, Clone, Default)]
pub struct Naming {
    /// Our name of a column, and its name in the header.
    pub renamed: Vec<(Box<str>, Box<str>)>,
    /// Columns to pass over; `*` is all that have no meaning here.
    pub passed_over: Vec<Box<str>>,
}

/// Why a header cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// Nobody knows the column.
    #[error(
        "there is no meaning for the column `{column}`; give it one with `--columns \
         FIELD={column}`, or pass it over with `--ignore {column}` (known fields: {known})"
    )]
    Unknown {
        /// As written.
        column: Box<str>,
        /// All names.
        known: String,
    },
    /// Two columns for one field.
    #[error("two columns stand for `{field}`; pass one of them over with `--ignore COLUMN`")]
    Twice {
        /// Our name.
        field: Box<str>,
    },
    /// A name of `--columns` that is none of ours.
    #[error("`--columns {field}=...`: there is no such field (known: {known})")]
    NoSuchField {
        /// As written.
        field: Box<str>,
        /// All names.
        known: String,
    },
    /// A name of `--columns` or `--ignore` that is not in the header.
    #[error("the header has no column `{column}`, which `{flag}` names")]
    NoSuchColumn {
        /// As written.
        column: Box<str>,
        /// The flag.
        flag: &'static str,
    },
    /// No name.
    #[error("no column holds the name; give it one with `--columns name=COLUMN`")]
    NoName,
    /// No kind.
    #[error(
        "no column holds the kind of subject; give `--kind person` or `--kind organisation` for \
         all rows, or `--columns kind=COLUMN`"
    )]
    NoKind,
    /// Too many.
    #[error("more than {COLUMNS_MAX} columns")]
    TooMany,
}

/// A row as it is asked about.
pub struct Asking {
    /// The row's own reference.
    pub reference: Option<Box<str>>,
    /// The body of the check.
    pub body: Result<Zeroizing<Vec<u8>>, Problem>,
}

impl Columns {
    /// Understands a header.
    pub fn understand(
        header: &[Box<str>],
        naming: &Naming,
        scenario: &Scenario,
        given: &Given,
    ) -> Result<Self, HeaderFault> {
        let known = || known_names(scenario);
        if header.len() > COLUMNS_MAX {
            return Err(HeaderFault::TooMany);
        }
        let is_missing =
            |column: &str| column != "*" && !header.iter().any(|name| **name == *column);
        let mut passed_over = naming.passed_over.iter();
        if let Some(column) = passed_over.find(|column| is_missing(column)) {
            let (column, flag) = (column.clone(), "--ignore");
            return Err(HeaderFault::NoSuchColumn { column, flag });
        }
        for (field, column) in &naming.renamed {
            if field_of(field, scenario).is_none() {
                let (field, known) = (field.clone(), known());
                return Err(HeaderFault::NoSuchField { field, known });
            }
            if is_missing(column) {
                let (column, flag) = (column.clone(), "--columns");
                return Err(HeaderFault::NoSuchColumn { column, flag });
            }
        }
        let ignores_rest = naming.passed_over.iter().any(|name| &**name == "*");
        let mut fields: Vec<(Box<str>, Field)> = Vec::with_capacity(header.len());
        for column in header {
            let renamed = naming.renamed.iter().find(|(_, name)| name == column);
            let name = renamed.map_or(column, |(field, _)| field);
            let field = match field_of(name, scenario) {
                _ if naming.passed_over.contains(column) => Field::PassedOver,
                Some(field) => field,
                None if ignores_rest || column.is_empty() => Field::PassedOver,
                None => {
                    let (column, known) = (column.clone(), known());
                    return Err(HeaderFault::Unknown { column, known });
                }
            };
            let is_twice = fields.iter().any(|(_, other)| *other == field);
            if is_twice && field != Field::PassedOver {
                let field = name.clone();
                return Err(HeaderFault::Twice { field });
            }
            fields.push((column.clone(), field));
        }
        let has = |wanted: &Field| fields.iter().any(|(_, field)| field == wanted);
        if !has(&Field::Name) {
            return Err(HeaderFault::NoName);
        }
        if !has(&Field::Kind) && given.kind.is_none() {
            return Err(HeaderFault::NoKind);
        }
        Ok(Self { fields })
    }

    /// Number of columns.
    pub fn count(&self) -> usize {
        self.fields.len()
    }

    /// Puts the body together from the cells of a row, one a column, empty ones left out.
    pub fn ask(&self, given: &Given, cells: &[&str]) -> Asking {
        let text = |wanted: &Field| {
            let place = self.fields.iter().position(|(_, field)| field == wanted)?;
            cells
                .get(place)
                .map(|cell| cell.trim())
                .filter(|cell| !cell.is_empty())
        };
        let reference = text(&Field::Reference);
        Asking {
            reference: reference.map(Into::into),
            body: self.body(given, cells, &text, reference),
        }
    }

    fn body<'c>(
        &self,
        given: &Given,
        cells: &[&'c str],
        text: &dyn Fn(&Field) -> Option<&'c str>,
        reference: Option<&str>,
    ) -> Result<Zeroizing<Vec<u8>>, Problem> {
        if cells.len() != self.fields.len() {
            let (found, wanted) = (cells.len(), self.fields.len());
            let detail = format!("the row has {found} cells, the header {wanted}; correct the row");
            return Err(Problem::new(ProblemKind::Malformed, detail));
        }
        let mut out = Zeroizing::new(Vec::with_capacity(512));
        out.extend_from_slice(b"{\"scenario\":");
        write_text(&mut out, &given.scenario);
        out.extend_from_slice(b",\"attributes\":{");
        self.attributes(given, cells, &mut out);
        out.extend_from_slice(b"},\"subject\":{\"kind\":");
        let kind = text(&Field::Kind).or(given.kind.as_deref());
        write_text(&mut out, kind.unwrap_or(""));
        out.extend_from_slice(b",\"name\":");
        write_text(&mut out, text(&Field::Name).unwrap_or(""));
        out.extend_from_slice(b",\"ids\":[");
        let mut is_first = true;
        for (place, (_, field)) in self.fields.iter().enumerate() {
            let number = cells.get(place).map_or("", |cell| cell.trim());
            let Field::Id(id_type) = field else { continue };
            if number.is_empty() {
                continue;
            }
            separate(&mut out, &mut is_first);
            out.extend_from_slice(b"{\"type\":");
            write_text(&mut out, id_type.name());
            out.extend_from_slice(b",\"number\":");
            write_text(&mut out, number);
            out.push(b'}');
        }
        out.push(b']');
        write_member(&mut out, "birth_date", text(&Field::BirthDate));
        out.push(b'}');
        write_member(&mut out, "reference", reference);
        let purpose = text(&Field::Purpose).or(given.purpose.as_deref());
        write_member(&mut out, "purpose", purpose);
        let exemption = pair("exemption", text(&Field::Exemption))?;
        write_ground(&mut out, "exemption", exemption);
        let given = given
            .authorisation
            .as_ref()
            .map(|(kind, reference)| (&**kind, &**reference));
        let authorisation = pair("authorisation", text(&Field::Authorisation))?;
        write_ground(&mut out, "authorisation", authorisation.or(given));
        out.push(b'}');
        Ok(out)
    }

    fn attributes(&self, given: &Given, cells: &[&str], out: &mut Vec<u8>) {
        let stated = |name: &str| {
            self.fields
                .iter()
                .zip(cells)
                .find_map(|((_, field), cell)| match field {
                    Field::Attribute(attribute, is_plain) if **attribute == *name => {
                        let cell = cell.trim();
                        (!cell.is_empty()).then_some((cell, *is_plain))
                    }
                    _ => None,
                })
        };
        let mut is_first = true;
        for (name, value) in &given.attributes {
            if stated(name).is_none() {
                separate(out, &mut is_first);
                write_text(out, name);
                out.push(b':');
                out.extend_from_slice(value.to_string().as_bytes());
            }
        }
        for (_, field) in &self.fields {
            let Field::Attribute(name, _) = field else {
                continue;
            };
            let Some((cell, is_plain)) = stated(name) else {
                continue;
            };
            separate(out, &mut is_first);
            write_text(out, name);
            out.push(b':');
            match is_plain && (cell.parse::<i64>().is_ok() || matches!(cell, "true" | "false")) {
                true => out.extend_from_slice(cell.trim_start_matches('+').as_bytes()),
                false => write_text(out, cell),
            }
        }
    }

    /// The name of the column that holds the field at fault, where it is one of them.
    pub fn column_of(&self, field: &str) -> Option<&str> {
        let column = |wanted: &Field| {
            let mut columns = self.fields.iter();
            columns
                .find(|(_, field)| field == wanted)
                .map(|(name, _)| &**name)
        };
        match field {
            "subject.name" => column(&Field::Name),
            "subject.kind" => column(&Field::Kind),
            "subject.birth_date" => column(&Field::BirthDate),
            "reference" => column(&Field::Reference),
            "purpose" => column(&Field::Purpose),
            _ if field.starts_with("exemption") => column(&Field::Exemption),
            _ if field.starts_with("authorisation") => column(&Field::Authorisation),
            _ => {
                let name = field.strip_prefix("attributes.")?;
                let mut columns = self.fields.iter();
                let is_it = |field: &Field| matches!(field, Field::Attribute(n, _) if **n == *name);
                columns
                    .find(|(_, field)| is_it(field))
                    .map(|(name, _)| &**name)
            }
        }
    }

    /// As `column_of`, for a field of `ids`: the n-th of those that `cells` fill.
    pub fn column_at_fault(&self, field: &str, cells: &[&str]) -> Option<&str> {
        let Some(rest) = field.strip_prefix("subject.ids[") else {
            return self.column_of(field);
        };
        let place: usize = rest.split(']').next()?.parse().ok()?;
        let mut filled =
            self.fields.iter().zip(cells).filter(|((_, field), cell)| {
                matches!(field, Field::Id(_)) && !cell.trim().is_empty()
            });
        filled.nth(place).map(|((name, _), _)| &**name)
    }
}

/// A line that is an object: the body of a check, or its subject's facts at the top.
///
/// The scenario of the run holds; a line that names another one is refused.
pub fn ask_line(given: &Given, scenario: &Scenario, line: &[u8]) -> Asking {
    let mut reference = None;
    let body = line_body(given, scenario, line, &mut reference);
    Asking { reference, body }
}

fn line_body(
    given: &Given,
    scenario: &Scenario,
    line: &[u8],
    reference: &mut Option<Box<str>>,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    // Strict: no repeated key, bounded depth. Only then the tree that can be changed.
    let members = Node::parse_object(line)?;
    *reference = member(&members, "reference")
        .and_then(Node::as_text)
        .map(Into::into);
    let is_whole = member(&members, "subject").is_some();
    let Ok(mut stated) = serde_json::from_slice::<Map<String, Value>>(line) else {
        return Err(Problem::new(
            ProblemKind::Malformed,
            "the line cannot be read",
        ));
    };
    stated.retain(|_, value| !value.is_null());
    if stated
        .get("scenario")
        .is_some_and(|stated| *stated != *given.scenario)
    {
        let detail = "the line names another scenario than the run";
        return Err(Problem::invalid("scenario", detail));
    }
    let mut body = match is_whole {
        true => stated,
        false => gather(stated, scenario),
    };
    let kind = given.kind.as_deref();
    if let (Some(kind), Some(Value::Object(subject))) = (kind, body.get_mut("subject")) {
        subject.entry("kind").or_insert_with(|| kind.into());
    }
    body.insert("scenario".to_owned(), (*given.scenario).into());
    let attributes = body
        .entry("attributes")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(attributes) = attributes {
        for (name, value) in &given.attributes {
            attributes.entry(&**name).or_insert_with(|| value.clone());
        }
    }
    if let Some(purpose) = &given.purpose {
        body.entry("purpose").or_insert_with(|| (**purpose).into());
    }
    if let Some((kind, reference)) = &given.authorisation {
        let ground = || serde_json::json!({"kind": kind, "reference": reference});
        body.entry("authorisation").or_insert_with(ground);
    }
    Ok(Zeroizing::new(Value::Object(body).to_string().into_bytes()))
}

/// Facts at the top of a line, put where a body has them. What is not known stays at the top,
/// where it is refused by name.
fn gather(stated: Map<String, Value>, scenario: &Scenario) -> Map<String, Value> {
    let (mut body, mut subject) = (Map::new(), Map::new());
    let (mut attributes, mut ids) = (Map::new(), Vec::new());
    for (key, value) in stated {
        match (&*key, value) {
            ("name" | "kind" | "birth_date", value) => {
                subject.insert(key, value);
            }
            ("ids", Value::Array(stated)) => ids.extend(stated),
            ("attributes", Value::Object(stated)) => attributes.extend(stated),
            (id_type, value) if IdType::parse(id_type).is_some() => {
                ids.push(serde_json::json!({"type": id_type, "number": value}));
            }
            (name, value) if scenario.find_attribute(name).is_some() => {
                attributes.insert(key, value);
            }
            (_, value) => {
                body.insert(key, value);
            }
        }
    }
    subject.insert("ids".to_owned(), Value::Array(ids));
    body.insert("subject".to_owned(), Value::Object(subject));
    body.insert("attributes".to_owned(), Value::Object(attributes));
    body
}

fn field_of(name: &str, scenario: &Scenario) -> Option<Field> {
    Some(match name {
        "name" => Field::Name,
        "kind" => Field::Kind,
        "birth_date" => Field::BirthDate,
        "reference" => Field::Reference,
        "purpose" => Field::Purpose,
        "exemption" => Field::Exemption,
        "authorisation" => Field::Authorisation,
        _ => match IdType::parse(name) {
            Some(id_type) => Field::Id(id_type),
            None => {
                let place = scenario.find_attribute(name)?;
                let kind = &scenario.attributes.get(usize::from(place))?.kind;
                let is_plain = matches!(kind, AttributeKind::Int { .. } | AttributeKind::Bool);
                Field::Attribute(name.into(), is_plain)
            }
        },
    })
}

fn known_names(scenario: &Scenario) -> String {
    let mut names =
        "name, kind, birth_date, reference, purpose, exemption, authorisation".to_owned();
    let ids = IdType::ALL.iter().map(|id_type| id_type.name());
    for name in ids.chain(scenario.attributes.iter().map(|attribute| &*attribute.name)) {
        let _ = write!(names, ", {name}");
    }
    names
}

/// `KIND:REFERENCE`.
fn pair<'a>(field: &str, cell: Option<&'a str>) -> Result<Option<(&'a str, &'a str)>, Problem> {
    let Some(cell) = cell else { return Ok(None) };
    let pair = cell
        .split_once(':')
        .map(|(kind, rest)| (kind.trim(), rest.trim()));
    pair.map(Some)
        .ok_or_else(|| Problem::invalid(field, "write KIND:REFERENCE"))
}

fn write_member(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        out.push(b',');
        write_text(out, name);
        out.push(b':');
        write_text(out, value);
    }
}

fn write_ground(out: &mut Vec<u8>, name: &str, ground: Option<(&str, &str)>) {
    if let Some((kind, reference)) = ground {
        out.push(b',');
        write_text(out, name);
        out.extend_from_slice(b":{\"kind\":");
        write_text(out, kind);
        write_member(out, "reference", Some(reference));
        out.push(b'}');
    }
}

fn separate(out: &mut Vec<u8>, is_first: &mut bool) {
    if !std::mem::take(is_first) {
        out.push(b',');
    }
}

#[cfg(test)]
#[path = "columns_tests.rs"]
mod tests;
