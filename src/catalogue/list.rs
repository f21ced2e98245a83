//! Lists: who lists whom, how their terms are counted, who may see them.
//!
//! What a list's source says stands in lists.tsv, our reading of it in list_rules.tsv. Plain data;
//! the rules that read it are `model::term`'s and `check`'s.

use crate::model::subject::SubjectKind;

/// Place of a list in the catalogue, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListIndex(pub u8);

/// What kind of list it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// Adverse listing.
    Blacklist,
    /// Benefits only.
    Redlist,
    /// Newest replaces older ones.
    Rating,
    /// Single facts.
    Record,
}

impl ListKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Blacklist, Self::Redlist, Self::Rating, Self::Record];

    /// The word of the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blacklist => "blacklist",
            Self::Redlist => "redlist",
            Self::Rating => "rating",
            Self::Record => "record",
        }
    }
}

/// Whom a list or measure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subjects {
    /// Persons and organisations.
    Any,
    /// One kind only.
    Only(SubjectKind),
}

impl Subjects {
    /// Whether `kind` is among them.
    pub fn include(self, kind: SubjectKind) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => only == kind,
        }
    }

    /// The word of the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Only(kind) => kind.name(),
        }
    }
}

/// From which day a default term runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TermFrom {
    /// `in_force_from`.
    InForceFrom,
    /// `published`, else `in_force_from`.
    Published,
}

/// How the terms of a list are counted and who may see it: our reading of its source, decision
/// rules 2.2, 2.6, 6.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRules {
    /// Term in years where the record states no end.
    pub default_term_years: Option<u8>,
    /// Where that term starts.
    pub default_term_from: TermFrom,
    /// Never later than this many years after `conduct_ended`.
    pub conduct_cap_years: Option<u8>,
    /// Grades the cap spares, one bit each by place in `List::grades`.
    pub cap_spares_grades: u64,
    /// A record without an end date owes one (`no_end_date`).
    pub owes_end_date: bool,
    /// A natural person's public entry is open without consent.
    pub persons_open: bool,
    /// `court_permit` serves measures of this list.
    pub court_permit: bool,
}

impl Default for ListRules {
    /// A list without a row of its own: no default term, nothing owed, persons by consent only.
    fn default() -> Self {
        Self {
            default_term_years: None,
            default_term_from: TermFrom::InForceFrom,
            conduct_cap_years: None,
            cap_spares_grades: 0,
            owes_end_date: false,
            persons_open: false,
            court_permit: false,
        }
    }
}

/// One list.
#[derive(Debug, Clone)]
pub struct List {
    /// Id, for example `court-defaulter`.
    pub id: Box<str>,
    /// English title.
    pub title_en: Box<str>,
    /// Chinese title.
    pub title_zh: Box<str>,
    /// What kind of list it is.
    pub kind: ListKind,
    /// Whom it lists.
    pub subjects: Subjects,
    /// Its grades; a stored grade is a place in here. At most 64.
    pub grades: Vec<Box<str>>,
    /// Whether entry rule, term and way out are published: else its measures are off.
    pub complete: bool,
    /// Older than this its blocks and limits become reviews.
    pub max_staleness_hours: u32,
    /// Made by associations, banks, rating firms: for reference only.
    pub reference_only: bool,
    /// Where to object, when the record does not say.
    pub default_recourse: Box<str>,
    /// How its terms are counted.
    pub rules: ListRules,
    /// Who makes it.
    pub issuer: Box<str>,
    /// Document and article it rests on.
    pub source: Box<str>,
    /// What the source says of terms; for people.
    pub term_rule: Box<str>,
    /// What the source says of listing; for people.
    pub entry_rule: Box<str>,
    /// What the source says of the way out; for people.
    pub exit_rule: Box<str>,
}

impl List {
    /// Place of `grade` among the list's grades.
    pub fn find_grade(&self, grade: &str) -> Option<u8> {
        let place = self.grades.iter().position(|known| &**known == grade)?;
        u8::try_from(place).ok()
    }
}
