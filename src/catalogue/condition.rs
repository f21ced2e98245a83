//! Conditions of measures: text of the table in, tests of single bits and numbers out.
//!
//! Grammar: clauses joined by `&`; a clause is `name in [a,b]`, `name = value` or `name >= number`,
//! where the name is an attribute of the scenario, `applicant.kind`, `entry.grade`,
//! `entry.able_but_refuses` or `subject.clean_years`. Decision rules 5.3 say what they mean.

use super::list::List;
use super::scenario::{AttributeKind, AttributeValue, AttributeValues, Scenario};
use crate::model::subject::SubjectKind;

/// Facts that are no attribute of a scenario, as errors name them.
const OTHER_FACTS: &str =
    "applicant.kind, entry.grade, entry.able_but_refuses, subject.clean_years";

/// Facts of an entry that conditions may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryFacts {
    /// Place of the grade among the list's grades.
    pub grade: Option<u8>,
    /// Able to perform but refuses.
    pub able_but_refuses: Option<bool>,
}

/// One test of a condition; all must be true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clause {
    /// A scenario attribute, by its place.
    Attribute {
        /// Place in the scenario.
        attribute: u8,
        /// What its value must be.
        test: AttributeTest,
    },
    /// `applicant.kind in [..]`: bit 0 person, bit 1 organisation.
    ApplicantKind(u8),
    /// `entry.grade in [..]`: one bit by place among the list's grades.
    Grade(u64),
    /// `entry.able_but_refuses = ..`.
    AbleButRefuses(bool),
    /// A fact that the gateway never knows (`subject.clean_years`): always false.
    NeverKnown,
}

/// What the value of an attribute must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeTest {
    /// One of these values of an enum, one bit each.
    In(u64),
    /// At least this integer.
    AtLeast(i64),
    /// This integer.
    Equals(i64),
    /// This boolean.
    Is(bool),
}

/// A parsed condition; empty is true.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condition {
    /// All must hold.
    pub clauses: Box<[Clause]>,
}

/// What a condition comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// Every clause is true.
    True,
    /// One clause is false.
    False,
    /// None is false; these attributes (one bit each) are missing.
    Undecided(u64),
}

/// Why a condition cannot be read, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionFault {
    /// Not of the grammar.
    #[error("`{clause}` is no test; write name in [a,b], name = value or name >= number")]
    NoTest {
        /// As written.
        clause: Box<str>,
    },
    /// A fact that nobody knows.
    #[error(
        "unknown fact `{name}` in a condition; scenario `{scenario}` has: {has}; and there are \
         {OTHER_FACTS}"
    )]
    UnknownFact {
        /// As written.
        name: Box<str>,
        /// The scenario of the measure.
        scenario: Box<str>,
        /// Its attributes, separated by commas.
        has: String,
    },
    /// A value the fact cannot take.
    #[error("`{name}` cannot be `{value}`; it is one of: {allowed}")]
    UnknownValue {
        /// The fact.
        name: Box<str>,
        /// As written.
        value: Box<str>,
        /// All it can be, separated by commas.
        allowed: String,
    },
    /// A test that this fact does not allow.
    #[error("`{clause}` cannot be tested; {remedy}")]
    WrongTest {
        /// As written.
        clause: Box<str>,
        /// How this fact is tested.
        remedy: &'static str,
    },
}

/// Reads a condition of a measure of `list` in `scenario`; empty text is always true.
///
/// `Err` names the first clause that cannot be read.
pub fn parse(text: &str, scenario: &Scenario, list: &List) -> Result<Condition, ConditionFault> {
    if text.trim().is_empty() {
        return Ok(Condition::default());
    }
    let clauses = text
        .split('&')
        .map(|clause| parse_clause(clause.trim(), scenario, list))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Condition {
        clauses: clauses.into(),
    })
}

/// The right side of a clause, as written.
#[derive(Debug, Clone, Copy)]
enum Operand<'a> {
    /// `in [a,b]`, what stands between the brackets.
    In(&'a str),
    /// `= value`.
    Equals(&'a str),
    /// `>= number`.
    AtLeast(&'a str),
}

fn parse_clause(clause: &str, scenario: &Scenario, list: &List) -> Result<Clause, ConditionFault> {
    let no_test = || ConditionFault::NoTest {
        clause: clause.into(),
    };
    let (name, operand) = split_clause(clause).ok_or_else(no_test)?;
    let wrong = |remedy| ConditionFault::WrongTest {
        clause: clause.into(),
        remedy,
    };
    match (name, operand) {
        ("applicant.kind", Operand::In(words)) => {
            let kinds = ["person", "organisation"];
            let bits = bits_of(name, words, kinds.iter().copied()).map_err(|e| e.or(clause))?;
            Ok(Clause::ApplicantKind(bits as u8))
        }
        ("applicant.kind", _) => Err(wrong("write applicant.kind in [person,organisation]")),
        ("entry.grade", Operand::In(words)) => {
            let grades = list.grades.iter().map(|grade| &**grade);
            let bits = bits_of(name, words, grades).map_err(|e| e.or(clause))?;
            Ok(Clause::Grade(bits))
        }
        ("entry.grade", _) => Err(wrong("write entry.grade in [..] with grades of the list")),
        ("entry.able_but_refuses", Operand::Equals(word)) => truth(word)
            .map(Clause::AbleButRefuses)
            .ok_or_else(|| wrong("write entry.able_but_refuses = true, or = false")),
        ("entry.able_but_refuses", _) => {
            Err(wrong("write entry.able_but_refuses = true, or = false"))
        }
        ("subject.clean_years", Operand::AtLeast(number)) if whole(number).is_some() => {
            Ok(Clause::NeverKnown)
        }
        ("subject.clean_years", _) => Err(wrong("write subject.clean_years >= a whole number")),
        _ => {
            let attribute = scenario.find_attribute(name).ok_or_else(|| {
                let names = scenario.attributes.iter().map(|known| &*known.name);
                ConditionFault::UnknownFact {
                    name: name.into(),
                    scenario: scenario.id.clone(),
                    has: joined(names),
                }
            })?;
            let kind = &scenario.attributes[usize::from(attribute)].kind;
            let test = parse_test(name, operand, kind).map_err(|e| e.or(clause))?;
            Ok(Clause::Attribute { attribute, test })
        }
    }
}

/// What went wrong inside a clause whose text the callee does not know.
enum Inner {
    Fault(ConditionFault),
    NoTest,
    WrongTest(&'static str),
}

impl Inner {
    fn or(self, clause: &str) -> ConditionFault {
        let clause = clause.into();
        match self {
            Self::Fault(fault) => fault,
            Self::NoTest => ConditionFault::NoTest { clause },
            Self::WrongTest(remedy) => ConditionFault::WrongTest { clause, remedy },
        }
    }
}

fn parse_test(
    name: &str,
    operand: Operand<'_>,
    kind: &AttributeKind,
) -> Result<AttributeTest, Inner> {
    match (kind, operand) {
        (AttributeKind::Enum(values), Operand::In(words) | Operand::Equals(words)) => {
            let values = values.iter().map(|value| &**value);
            bits_of(name, words, values).map(AttributeTest::In)
        }
        (AttributeKind::Enum(_), Operand::AtLeast(_)) => {
            Err(Inner::WrongTest("a word is tested by name in [a,b]"))
        }
        (AttributeKind::Int { .. }, Operand::AtLeast(number)) => whole(number)
            .map(AttributeTest::AtLeast)
            .ok_or(Inner::WrongTest("write a whole number, 0 or more")),
        (AttributeKind::Int { .. }, Operand::Equals(number)) => whole(number)
            .map(AttributeTest::Equals)
            .ok_or(Inner::WrongTest("write a whole number, 0 or more")),
        (AttributeKind::Int { .. }, Operand::In(_)) => Err(Inner::WrongTest(
            "a number is tested by name = number or name >= number",
        )),
        (AttributeKind::Bool, Operand::Equals(word)) => truth(word)
            .map(AttributeTest::Is)
            .ok_or(Inner::WrongTest("write name = true, or name = false")),
        (AttributeKind::Bool, _) => Err(Inner::WrongTest("write name = true, or name = false")),
        (AttributeKind::Text, _) => Err(Inner::WrongTest(
            "it is free text, which no condition reads",
        )),
    }
}

/// The name before the operator and what stands after it.
fn split_clause(clause: &str) -> Option<(&str, Operand<'_>)> {
    let end = clause
        .find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.'))?;
    let (name, rest) = clause.split_at(end);
    let rest = rest.trim();
    if name.is_empty() {
        return None;
    }
    if let Some(number) = rest.strip_prefix(">=") {
        return Some((name, Operand::AtLeast(number.trim())));
    }
    if let Some(value) = rest.strip_prefix('=') {
        return Some((name, Operand::Equals(value.trim())));
    }
    let words = rest.strip_prefix("in")?.trim();
    let words = words.strip_prefix('[')?.strip_suffix(']')?;
    Some((name, Operand::In(words)))
}

/// One bit for each of the words, by its place among `allowed`; at most 64 of those.
fn bits_of<'a>(
    name: &str,
    words: &str,
    allowed: impl Iterator<Item = &'a str> + Clone,
) -> Result<u64, Inner> {
    let mut bits = 0u64;
    for word in words.split(',').map(str::trim) {
        if word.is_empty() {
            return Err(Inner::NoTest);
        }
        match allowed.clone().take(64).position(|known| known == word) {
            Some(place) => bits |= 1 << place,
            None => {
                return Err(Inner::Fault(ConditionFault::UnknownValue {
                    name: name.into(),
                    value: word.into(),
                    allowed: joined(allowed),
                }));
            }
        }
    }
    Ok(bits)
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    if words.is_empty() {
        return "none".into();
    }
    words.join(", ")
}

fn truth(word: &str) -> Option<bool> {
    match word {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn whole(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl Condition {
    /// Decision rules 5.3: an absent attribute leaves its clause undecided, an absent fact of the
    /// entry makes it false.
    pub fn evaluate(
        &self,
        attributes: &AttributeValues,
        applicant: SubjectKind,
        entry: EntryFacts,
    ) -> Truth {
        let mut missing = 0u64;
        for clause in &self.clauses {
            let holds = match clause {
                Clause::Attribute { attribute, test } => {
                    match attributes.get(usize::from(*attribute)).copied().flatten() {
                        Some(value) => test.holds(value),
                        None => {
                            missing |= 1 << attribute;
                            true
                        }
                    }
                }
                Clause::ApplicantKind(kinds) => kinds & (1 << applicant as u8) != 0,
                Clause::Grade(grades) => entry
                    .grade
                    .is_some_and(|grade| grade < 64 && grades & (1 << grade) != 0),
                Clause::AbleButRefuses(wanted) => entry.able_but_refuses == Some(*wanted),
                Clause::NeverKnown => false,
            };
            if !holds {
                return Truth::False;
            }
        }
        if missing == 0 {
            Truth::True
        } else {
            Truth::Undecided(missing)
        }
    }
}

impl AttributeTest {
    fn holds(&self, value: AttributeValue) -> bool {
        match (self, value) {
            (Self::In(values), AttributeValue::Enum(value)) => values & (1 << value) != 0,
            (Self::AtLeast(least), AttributeValue::Int(value)) => value >= *least,
            (Self::Equals(wanted), AttributeValue::Int(value)) => value == *wanted,
            (Self::Is(wanted), AttributeValue::Bool(value)) => value == *wanted,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::{ListKind, ListRules, Subjects};
    use super::super::scenario::Attribute;
    use super::*;
    use proptest::prelude::*;

    fn scenario() -> Scenario {
        let attribute = |name: &str, kind| Attribute {
            name: name.into(),
            kind,
            description: "".into(),
            required: false,
        };
        let words = AttributeKind::Enum(vec!["a".into(), "b".into(), "c".into()]);
        Scenario {
            id: "test.scenario".into(),
            title_en: "".into(),
            title_zh: "".into(),
            who_asks: "".into(),
            attributes: vec![
                attribute("word", words),
                attribute("stars", AttributeKind::Int { max: 5 }),
                attribute("official", AttributeKind::Bool),
                attribute("reference", AttributeKind::Text),
            ],
        }
    }

    fn list() -> List {
        List {
            id: "test-list".into(),
            title_en: "".into(),
            title_zh: "".into(),
            kind: ListKind::Rating,
            subjects: Subjects::Any,
            grades: vec!["green".into(), "red".into()],
            complete: true,
            max_staleness_hours: 72,
            reference_only: false,
            default_recourse: "".into(),
            rules: ListRules::default(),
            issuer: "".into(),
            source: "".into(),
            term_rule: "".into(),
            entry_rule: "".into(),
            exit_rule: "".into(),
        }
    }

    #[track_caller]
    fn reads(text: &str, expected: &[Clause]) {
        let condition = parse(text, &scenario(), &list()).unwrap();
        assert_eq!(&*condition.clauses, expected, "{text}");
    }

    #[track_caller]
    fn refuses(text: &str, expected: &str) {
        let fault = parse(text, &scenario(), &list()).unwrap_err();
        assert_eq!(fault.to_string(), expected, "{text}");
    }

    fn attribute(attribute: u8, test: AttributeTest) -> Clause {
        Clause::Attribute { attribute, test }
    }

    #[test]
    fn clauses_become_single_tests() {
        reads("", &[]);
        reads("  ", &[]);
        reads("word in [a,c]", &[attribute(0, AttributeTest::In(0b101))]);
        reads("word in[ b ]", &[attribute(0, AttributeTest::In(0b10))]);
        reads("word = b", &[attribute(0, AttributeTest::In(0b10))]);
        reads("stars >= 1", &[attribute(1, AttributeTest::AtLeast(1))]);
        reads("stars = 0", &[attribute(1, AttributeTest::Equals(0))]);
        reads("official=true", &[attribute(2, AttributeTest::Is(true))]);
        reads(
            "applicant.kind in [organisation] & entry.grade in [red,green]",
            &[Clause::ApplicantKind(0b10), Clause::Grade(0b11)],
        );
        reads(
            "entry.able_but_refuses = true & subject.clean_years >= 3",
            &[Clause::AbleButRefuses(true), Clause::NeverKnown],
        );
    }

    #[test]
    fn clauses_that_cannot_be_read_are_named() {
        let no_test = |clause: &str| {
            format!("`{clause}` is no test; write name in [a,b], name = value or name >= number")
        };
        for clause in [
            "word",
            "= a",
            "word in a",
            "word < a",
            "word in []",
            "word in [a,]",
        ] {
            refuses(clause, &no_test(clause));
        }
        refuses("word = a &", &no_test(""));
        refuses(
            "colour = a",
            "unknown fact `colour` in a condition; scenario `test.scenario` has: word, stars, \
             official, reference; and there are applicant.kind, entry.grade, \
             entry.able_but_refuses, subject.clean_years",
        );
        refuses(
            "word in [a,d]",
            "`word` cannot be `d`; it is one of: a, b, c",
        );
        refuses(
            "entry.grade in [blue]",
            "`entry.grade` cannot be `blue`; it is one of: green, red",
        );
        refuses(
            "applicant.kind in [people]",
            "`applicant.kind` cannot be `people`; it is one of: person, organisation",
        );
        let wrong = |clause: &str, remedy: &str| {
            refuses(clause, &format!("`{clause}` cannot be tested; {remedy}"));
        };
        wrong("word >= 1", "a word is tested by name in [a,b]");
        wrong(
            "stars in [1,2]",
            "a number is tested by name = number or name >= number",
        );
        wrong("stars >= -1", "write a whole number, 0 or more");
        wrong(
            "stars >= 99999999999999999999",
            "write a whole number, 0 or more",
        );
        wrong("official = yes", "write name = true, or name = false");
        wrong("official >= 1", "write name = true, or name = false");
        wrong("reference = x", "it is free text, which no condition reads");
        wrong(
            "entry.grade = red",
            "write entry.grade in [..] with grades of the list",
        );
        wrong(
            "applicant.kind = person",
            "write applicant.kind in [person,organisation]",
        );
        wrong(
            "entry.able_but_refuses in [true]",
            "write entry.able_but_refuses = true, or = false",
        );
        wrong(
            "subject.clean_years = 3",
            "write subject.clean_years >= a whole number",
        );
    }

    #[track_caller]
    fn comes_to(text: &str, values: &[Option<AttributeValue>], expected: Truth) {
        let condition = parse(text, &scenario(), &list()).unwrap();
        let values = AttributeValues::from_slice(values);
        let entry = EntryFacts {
            grade: Some(1),
            able_but_refuses: None,
        };
        let truth = condition.evaluate(&values, SubjectKind::Organisation, entry);
        assert_eq!(truth, expected, "{text}");
    }

    #[test]
    fn an_absent_attribute_leaves_undecided_and_an_absent_fact_makes_false() {
        let b = Some(AttributeValue::Enum(1));
        let two = Some(AttributeValue::Int(2));
        comes_to("", &[], Truth::True);
        comes_to("word in [b]", &[b], Truth::True);
        comes_to("word in [a]", &[b], Truth::False);
        comes_to("word in [a]", &[], Truth::Undecided(1));
        comes_to(
            "word in [a] & stars >= 2",
            &[None, two],
            Truth::Undecided(1),
        );
        comes_to(
            "word in [a] & official = true",
            &[None, None, None],
            Truth::Undecided(0b101),
        );
        comes_to("word in [a] & stars >= 3", &[None, two], Truth::False);
        comes_to(
            "stars = 2 & entry.grade in [red]",
            &[None, two],
            Truth::True,
        );
        comes_to("entry.grade in [green]", &[], Truth::False);
        comes_to("entry.able_but_refuses = true", &[], Truth::False);
        comes_to("entry.able_but_refuses = false", &[], Truth::False);
        comes_to(
            "word in [a] & entry.able_but_refuses = true",
            &[],
            Truth::False,
        );
        comes_to("subject.clean_years >= 0", &[], Truth::False);
        comes_to("applicant.kind in [organisation]", &[], Truth::True);
        comes_to("applicant.kind in [person]", &[], Truth::False);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r"\PC*") {
            let _ = parse(&text, &scenario(), &list());
        }

        #[test]
        fn pieces_of_the_grammar_in_any_order_are_read_or_refused(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "word", "stars", "official", "entry.grade", "applicant.kind", " in ", "[", "]",
                    "=", ">=", "&", ",", "a", "true", "3", "红", " ", ".", "entry.able_but_refuses",
                ]),
                0..12,
            ),
        ) {
            if let Ok(condition) = parse(&pieces.concat(), &scenario(), &list()) {
                let entry = EntryFacts { grade: Some(255), able_but_refuses: Some(true) };
                let none = AttributeValues::new();
                let _ = condition.evaluate(&none, SubjectKind::Person, entry);
            }
        }
    }
}
