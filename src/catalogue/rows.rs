//! One row of a table in, one list, scenario or measure out.
//!
//! Every reader goes through its whole row, so that one load names all faults of it; `None` where
//! the row cannot be used.

use super::condition;
use super::fault::{Faults, Problem};
use super::list::{List, ListIndex, ListKind, ListRules, Subjects, TermFrom};
use super::measure::Measure;
use super::scenario::{Attribute, AttributeKind, Scenario, ScenarioIndex};
use super::table::{Cell, Row};
use crate::model::decision::{Disposition, ExemptionKind, Force};
use crate::model::subject::{Role, RoleSet, SubjectKind};
use std::collections::HashSet;

/// Grades of a list, attributes of a scenario, values of an attribute at most: one bit each.
pub const BITS_MAX: usize = 64;

/// Columns of lists.tsv.
pub const LIST_COLUMNS: &[&str] = &[
    "id",
    "title_en",
    "title_zh",
    "kind",
    "issuer",
    "subjects",
    "grades",
    "term_rule",
    "entry_rule",
    "exit_rule",
    "source_doc",
    "article",
    "complete",
    "max_staleness_hours",
    "reference_only",
    "default_recourse",
];

/// Columns of list_rules.tsv.
pub const RULE_COLUMNS: &[&str] = &[
    "list",
    "default_term",
    "term_from",
    "conduct_cap",
    "cap_spares_grades",
    "owes_end_date",
    "persons_open",
    "court_permit",
    "source",
];

/// Columns of scenarios.tsv.
pub const SCENARIO_COLUMNS: &[&str] = &[
    "scenario",
    "title_en",
    "title_zh",
    "who_asks",
    "attributes",
    "required",
];

/// Columns of measures.tsv.
pub const MEASURE_COLUMNS: &[&str] = &[
    "id",
    "title_en",
    "title_zh",
    "source_doc",
    "article",
    "list",
    "subject",
    "extends_to",
    "scenario",
    "condition",
    "disposition",
    "force",
    "exemption",
    "quote_zh",
    "note",
    "applicant_roles",
    "term",
];

const YES_NO: &[(&str, bool)] = &[("yes", true), ("no", false)];
const NAME_IT: &str = "give every row an id that is unique in its table";
const BASIS: &str = "no basis, no restriction: name the document and the article it rests on";
const RECOURSE: &str = "say where a listed person can object when the record does not say";
const TITLE: &str = "give a title that can be shown to people";
const SOURCE: &str = "say which rule or article this reading rests on";
const TERM_START: &str = "a default term needs its start: in_force_from or published";

/// A row of lists.tsv, without the rules of list_rules.tsv.
pub fn list(row: &Row<'_>, faults: &mut Faults) -> Option<List> {
    let id = row.cell("id").filled(NAME_IT, faults);
    let kinds = ListKind::ALL.map(|kind| (kind.name(), kind));
    let kind = row.cell("kind").one_of("kind of list", &kinds, faults);
    let subjects = subjects(row.cell("subjects"), faults);
    let grades = row.cell("grades");
    let grade_words = grades.words(faults);
    too_many(grades, "grades", grade_words.len(), BITS_MAX, faults);
    let complete = yes_no(row.cell("complete"), faults);
    let hours = number(row.cell("max_staleness_hours"), 1, 87_600, faults);
    let reference_only = yes_no(row.cell("reference_only"), faults);
    let recourse = row.cell("default_recourse").filled(RECOURSE, faults);
    let source = source(row, faults);
    let title_en = row.cell("title_en").filled(TITLE, faults);
    let title_zh = row.cell("title_zh").filled(TITLE, faults);
    Some(List {
        id: id?.into(),
        title_en: title_en?.into(),
        title_zh: title_zh?.into(),
        kind: kind?,
        subjects: subjects?,
        grades: grade_words.into_iter().map(Box::from).collect(),
        complete: complete?,
        max_staleness_hours: hours?,
        reference_only: reference_only?,
        default_recourse: recourse?.into(),
        rules: ListRules::default(),
        issuer: row.cell("issuer").text.into(),
        source: source?,
        term_rule: row.cell("term_rule").text.into(),
        entry_rule: row.cell("entry_rule").text.into(),
        exit_rule: row.cell("exit_rule").text.into(),
    })
}

/// A row of list_rules.tsv for `list`. Grades it spares and the list lacks are a fault.
pub fn list_rules(row: &Row<'_>, list: &List, faults: &mut Faults) -> Option<ListRules> {
    let term = row.cell("default_term").years(faults);
    let starts = [
        ("in_force_from", TermFrom::InForceFrom),
        ("published", TermFrom::Published),
    ];
    let from = row.cell("term_from");
    let term_from = match (from.text, row.cell("default_term").text) {
        ("", "") => Some(TermFrom::InForceFrom),
        ("", _) => {
            faults.add(from.fault(Problem::Empty { remedy: TERM_START }));
            None
        }
        _ => from.one_of("start of a term", &starts, faults),
    };
    let cap = row.cell("conduct_cap").years(faults);
    let spared = row.cell("cap_spares_grades");
    let mut spares = 0u64;
    for word in spared.words(faults) {
        match list.find_grade(word) {
            Some(grade) if usize::from(grade) < BITS_MAX => spares |= 1 << grade,
            Some(_) => {}
            None => faults.add(spared.fault(Problem::UnknownWord {
                what: "grade of this list",
                word: word.into(),
                allowed: list.grades.join(", "),
            })),
        }
    }
    let owes_end_date = yes_no(row.cell("owes_end_date"), faults);
    let persons_open = yes_no(row.cell("persons_open"), faults);
    let court_permit = yes_no(row.cell("court_permit"), faults);
    row.cell("source").filled(SOURCE, faults)?;
    Some(ListRules {
        default_term_years: term,
        default_term_from: term_from?,
        conduct_cap_years: cap,
        cap_spares_grades: spares,
        owes_end_date: owes_end_date?,
        persons_open: persons_open?,
        court_permit: court_permit?,
    })
}

/// A row of scenarios.tsv.
pub fn scenario(row: &Row<'_>, faults: &mut Faults) -> Option<Scenario> {
    let id = row.cell("scenario").filled(NAME_IT, faults);
    let title_en = row.cell("title_en").filled(TITLE, faults);
    let title_zh = row.cell("title_zh").filled(TITLE, faults);
    let cell = row.cell("attributes");
    let mut attributes: Vec<Attribute> = Vec::new();
    for text in cell.text.split(';').map(str::trim) {
        if text.is_empty() {
            continue;
        }
        let Some(attribute) = attribute(text, cell, faults) else {
            continue;
        };
        if attributes.iter().any(|known| known.name == attribute.name) {
            let word = attribute.name;
            faults.add(cell.fault(Problem::Repeated { word }));
            continue;
        }
        attributes.push(attribute);
    }
    too_many(cell, "attributes", attributes.len(), BITS_MAX, faults);
    let required = row.cell("required");
    for name in required.words(faults) {
        match attributes.iter_mut().find(|known| &*known.name == name) {
            Some(attribute) => attribute.required = true,
            None => {
                let names: Vec<&str> = attributes.iter().map(|known| &*known.name).collect();
                faults.add(required.fault(Problem::RequiredUnknown {
                    name: name.into(),
                    has: names.join(", "),
                }));
            }
        }
    }
    Some(Scenario {
        id: id?.into(),
        title_en: title_en?.into(),
        title_zh: title_zh?.into(),
        who_asks: row.cell("who_asks").text.into(),
        attributes,
    })
}

/// Lists and scenarios that measures may name.
pub struct Known<'a> {
    /// Lists, in the order of their places.
    pub lists: &'a [List],
    /// Scenarios, in the order of their places.
    pub scenarios: &'a [Scenario],
    /// Ids of all rows of lists.tsv and scenarios.tsv, also of rows with faults of their own:
    /// naming one of those is no further fault.
    pub ids: &'a HashSet<&'a str>,
}

/// A row of measures.tsv.
pub fn measure(row: &Row<'_>, known: &Known<'_>, faults: &mut Faults) -> Option<Measure> {
    let id = row.cell("id").filled(NAME_IT, faults);
    let title_en = row.cell("title_en").filled(TITLE, faults);
    let title_zh = row.cell("title_zh").filled(TITLE, faults);
    let basis = source(row, faults);
    let list = known.place_of(row.cell("list"), "list", known.lists, faults);
    let scenario = known.place_of(row.cell("scenario"), "scenario", known.scenarios, faults);
    let subject = subjects(row.cell("subject"), faults);
    let extends_to = roles(row.cell("extends_to"), faults);
    let applicant_roles = roles(row.cell("applicant_roles"), faults);
    let dispositions = Disposition::ALL.map(|word| (word.name(), word));
    let disposition = row
        .cell("disposition")
        .one_of("disposition", &dispositions, faults);
    let forces = [Force::Mandatory, Force::Recommended, Force::Unstated];
    let forces = forces.map(|force| (force.name(), force));
    let force = row.cell("force").one_of("force", &forces, faults);
    let exemption = exemption(row.cell("exemption"), faults);
    let term_years = row.cell("term").years(faults);
    let condition_cell = row.cell("condition");
    let (list, scenario) = (list?, scenario?);
    let owner = &known.lists[list];
    let condition = condition::parse(condition_cell.text, &known.scenarios[scenario], owner)
        .map_err(|fault| faults.add(condition_cell.fault(Problem::Condition(fault))))
        .ok();
    let quote_zh = row.cell("quote_zh").text;
    Some(Measure {
        id: id?.into(),
        title_en: title_en?.into(),
        title_zh: title_zh?.into(),
        legal_basis: basis?,
        quote_zh: quote_zh.into(),
        list: ListIndex(u8::try_from(list).ok()?),
        scenario: ScenarioIndex(u16::try_from(scenario).ok()?),
        subject: subject?,
        extends_to: extends_to?,
        applicant_roles: applicant_roles?,
        condition: condition?,
        condition_text: condition_cell.text.into(),
        disposition: disposition?,
        force: force?,
        exemption: exemption?,
        term_years,
        note: row.cell("note").text.into(),
        // Decision rules 5.1: the list is complete, article and quotation are there.
        switched_on: owner.complete && !quote_zh.is_empty(),
    })
}

/// Something that has an id.
trait Named {
    fn id(&self) -> &str;
}

impl Named for List {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Named for Scenario {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Known<'_> {
    /// Place of what the cell names among `items`.
    fn place_of(
        &self,
        cell: Cell<'_>,
        what: &'static str,
        items: &[impl Named],
        faults: &mut Faults,
    ) -> Option<usize> {
        let place = items.iter().position(|item| item.id() == cell.text);
        if place.is_none() && !self.ids.contains(cell.text) {
            faults.add(cell.fault(Problem::UnknownId {
                what,
                id: cell.text.into(),
            }));
        }
        place
    }
}

/// `source_doc` and `article` together, as answers show them.
fn source(row: &Row<'_>, faults: &mut Faults) -> Option<Box<str>> {
    let document = row.cell("source_doc").filled(BASIS, faults);
    let article = row.cell("article").filled(BASIS, faults);
    Some(format!("{} {}", document?, article?).into())
}

fn subjects(cell: Cell<'_>, faults: &mut Faults) -> Option<Subjects> {
    let choices = [
        Subjects::Any,
        Subjects::Only(SubjectKind::Person),
        Subjects::Only(SubjectKind::Organisation),
    ];
    let choices = choices.map(|subjects| (subjects.name(), subjects));
    cell.one_of("subject", &choices, faults)
}

fn roles(cell: Cell<'_>, faults: &mut Faults) -> Option<RoleSet> {
    let choices = Role::ALL.map(|role| (role.name(), role));
    let mut roles = RoleSet::EMPTY;
    for word in cell.words(faults) {
        roles = roles.with(cell.choose(word, "role", &choices, faults)?);
    }
    Some(roles)
}

/// `Some(None)` where the field is empty.
fn exemption(cell: Cell<'_>, faults: &mut Faults) -> Option<Option<ExemptionKind>> {
    if cell.text.is_empty() {
        return Some(None);
    }
    let choices = ExemptionKind::ALL.map(|kind| (kind.name(), kind));
    cell.one_of("exemption", &choices, faults).map(Some)
}

fn yes_no(cell: Cell<'_>, faults: &mut Faults) -> Option<bool> {
    cell.one_of("answer", YES_NO, faults)
}

fn number(cell: Cell<'_>, min: u32, max: u32, faults: &mut Faults) -> Option<u32> {
    let number = cell.text.parse::<u32>().ok();
    let number = number.filter(|number| (min..=max).contains(number));
    if number.is_none() {
        let text = cell.text.into();
        faults.add(cell.fault(Problem::BadNumber { text, min, max }));
    }
    number
}

fn too_many(cell: Cell<'_>, what: &'static str, found: usize, max: usize, faults: &mut Faults) {
    if found > max {
        faults.add(cell.fault(Problem::TooMany { what, found, max }));
    }
}

/// One attribute as the table writes it: name, kind, values or meaning.
fn attribute(text: &str, cell: Cell<'_>, faults: &mut Faults) -> Option<Attribute> {
    let mut parts = text.splitn(3, ':').map(str::trim);
    let name = parts.next().unwrap_or("");
    let named = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let (kind, description) = (parts.next(), parts.next().unwrap_or(""));
    let kind = match kind.filter(|_| named) {
        Some("enum") => {
            let values: Vec<&str> = description.split('/').map(str::trim).collect();
            if let Some(word) = first_repeated(&values) {
                faults.add(cell.fault(Problem::Repeated { word: word.into() }));
            }
            too_many(
                cell,
                "values in one attribute",
                values.len(),
                BITS_MAX,
                faults,
            );
            let filled = values.iter().all(|value| !value.is_empty());
            filled.then(|| AttributeKind::Enum(values.into_iter().map(Box::from).collect()))
        }
        Some("int") => Some(AttributeKind::Int {
            max: stated_max(description).unwrap_or(i64::MAX),
        }),
        Some("bool") => Some(AttributeKind::Bool),
        Some("string") => Some(AttributeKind::Text),
        _ => None,
    };
    if kind.is_none() {
        let text = text.into();
        faults.add(cell.fault(Problem::BadAttribute { text }));
    }
    Some(Attribute {
        name: name.into(),
        kind: kind?,
        description: description.into(),
        required: false,
    })
}

/// The upper end of a range that opens the description of a number: 5 in `0-5 official stars`.
fn stated_max(description: &str) -> Option<i64> {
    let (least, rest) = description.split_once('-')?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    let max = digits.parse().ok()?;
    (least == "0").then_some(max)
}

fn first_repeated<'a>(words: &[&'a str]) -> Option<&'a str> {
    let repeated = |(place, word): &(usize, &&str)| words[..*place].contains(*word);
    let found = words.iter().enumerate().find(repeated);
    found.map(|(_, word)| *word)
}
