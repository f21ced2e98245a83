//! Placeholder of `catalogue/condition.rs`.

use super::scenario::{AttributeValue, AttributeValues};
use crate::model::subject::SubjectKind;

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
                Clause::Grade(grades) => entry.grade.is_some_and(|g| grades & (1 << g) != 0),
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
