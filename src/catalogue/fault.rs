//! What can be wrong in a catalogue table: file, line, column, the user's own words, what to do.
//!
//! A load gathers faults instead of stopping at the first, at most `FAULTS_SHOWN_MAX` of them.

use super::condition::ConditionFault;
use std::fmt;

/// Faults kept and shown at most; further ones are only counted.
pub const FAULTS_SHOWN_MAX: usize = 20;

/// One or more faults: nothing was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueError {
    /// In the order of files and lines; at least one, at most `FAULTS_SHOWN_MAX`.
    pub faults: Vec<Fault>,
    /// Faults beyond those.
    pub further: usize,
}

impl fmt::Display for CatalogueError {
    /// One line a fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.faults.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        if self.further > 0 {
            write!(f, "\nand {} more faults in the catalogue", self.further)?;
        }
        Ok(())
    }
}

impl std::error::Error for CatalogueError {}

/// One fault and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// File as the user would open it.
    pub file: Box<str>,
    /// Line from 1; 0 where the whole file is meant.
    pub line: u32,
    /// Column by its name, where one is at fault.
    pub column: Option<Box<str>>,
    /// What is wrong and what to do.
    pub problem: Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        f.write_str(": ")?;
        if let Some(column) = &self.column {
            write!(f, "`{column}`: ")?;
        }
        self.problem.fmt(f)
    }
}

/// What is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file could not be read.
    #[error("cannot be read ({reason}); point `catalogue_dir` at the folder that holds the tables")]
    Unreadable {
        /// What the system said.
        reason: String,
    },
    /// Not UTF-8.
    #[error("is not UTF-8; save the table as UTF-8")]
    NotUtf8,
    /// No header line.
    #[error("has no header line; its first line names the columns, separated by tabs")]
    NoHeader,
    /// A column that does not exist.
    #[error("unknown column `{column}`; remove it or correct its name")]
    UnknownColumn {
        /// As written.
        column: Box<str>,
    },
    /// The same column twice.
    #[error("column `{column}` is there twice; remove one of the two")]
    DuplicateColumn {
        /// As written.
        column: Box<str>,
    },
    /// A column that is needed.
    #[error("column `{column}` is missing; add it to the header line and to every row")]
    MissingColumn {
        /// Its name.
        column: &'static str,
    },
    /// Too few or too many fields.
    #[error(
        "has {found} fields where the header names {expected}; separate the fields by one tab \
         each, also empty ones"
    )]
    FieldCount {
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A value that is needed.
    #[error("is empty; {remedy}")]
    Empty {
        /// What to write there.
        remedy: &'static str,
    },
    /// Two rows with one id.
    #[error("`{id}` stands in line {first_line} already; every id is unique in its table")]
    DuplicateId {
        /// As written.
        id: Box<str>,
        /// Line of the earlier row.
        first_line: u32,
    },
    /// A word that is not among those allowed.
    #[error("unknown {what} `{word}`; write one of: {allowed}")]
    UnknownWord {
        /// What kind of word.
        what: &'static str,
        /// As written.
        word: Box<str>,
        /// All that would do, separated by commas.
        allowed: String,
    },
    /// An id that its table does not hold.
    #[error("unknown {what} `{id}`; correct it, or add it to {what}s.tsv")]
    UnknownId {
        /// List or scenario.
        what: &'static str,
        /// As written.
        id: Box<str>,
    },
    /// The same word twice in one field.
    #[error("names `{word}` twice; remove one of the two")]
    Repeated {
        /// As written.
        word: Box<str>,
    },
    /// Not a term.
    #[error("`{text}` is no term; write years from 1 to 99 as P3Y, or leave it empty")]
    BadTerm {
        /// As written.
        text: Box<str>,
    },
    /// Not a whole number in its bounds.
    #[error("`{text}` is no whole number from {min} to {max}")]
    BadNumber {
        /// As written.
        text: Box<str>,
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
    /// Not an attribute.
    #[error(
        "`{text}` is no attribute; write name:enum:a/b/c, name:int:unit, name:bool:meaning or \
         name:string:meaning, separated by semicolons"
    )]
    BadAttribute {
        /// As written.
        text: Box<str>,
    },
    /// A required attribute that the scenario does not have.
    #[error("requires `{name}`, which is none of its attributes; it has: {has}")]
    RequiredUnknown {
        /// As written.
        name: Box<str>,
        /// Attributes of the scenario, separated by commas.
        has: String,
    },
    /// More than the program can hold.
    #[error("has {found} {what}; at most {max} can be told apart")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many there may be.
        max: usize,
    },
    /// A condition that cannot be read.
    #[error(transparent)]
    Condition(#[from] ConditionFault),
}

/// Gathers faults during a load.
#[derive(Debug, Default)]
pub struct Faults {
    kept: Vec<Fault>,
    further: usize,
}

impl Faults {
    /// Adds one, or counts it once there are enough.
    pub fn add(&mut self, fault: Fault) {
        if self.kept.len() < FAULTS_SHOWN_MAX {
            self.kept.push(fault);
        } else {
            self.further += 1;
        }
    }

    /// `Err` with all of them when any was added.
    pub fn stop(&mut self) -> Result<(), CatalogueError> {
        if self.kept.is_empty() {
            return Ok(());
        }
        Err(CatalogueError {
            faults: std::mem::take(&mut self.kept),
            further: self.further,
        })
    }
}
