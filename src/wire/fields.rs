//! Which fields of a match a unit may see: the least that it needs to act.
//!
//! In: words of a client record. Out: a set, asked field by field while an answer is written. The
//! way to object is never hidden: authority, case number and recourse of a match that has an
//! effect are shown whatever the record says (safeguard S17).

use crate::model::decision::Decision;

/// A field of a match, by its name in the contract, section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// `entry_id`
    EntryId,
    /// `list`
    List,
    /// `listed_name`
    ListedName,
    /// `identity`
    Identity,
    /// `basis`
    Basis,
    /// `score`
    Score,
    /// `bearers_per_million`
    BearersPerMillion,
    /// `explanation`
    Explanation,
    /// `roles`
    Roles,
    /// `via`
    Via,
    /// `case_no`
    CaseNo,
    /// `authority`
    Authority,
    /// `published`
    Published,
    /// `in_force_until`
    InForceUntil,
    /// `recourse`
    Recourse,
    /// `measures`
    Measures,
}

impl Field {
    /// All of them, in the order of an answer.
    pub const ALL: [Self; 16] = [
        Self::EntryId,
        Self::List,
        Self::ListedName,
        Self::Identity,
        Self::Basis,
        Self::Score,
        Self::BearersPerMillion,
        Self::Explanation,
        Self::Roles,
        Self::Via,
        Self::CaseNo,
        Self::Authority,
        Self::Published,
        Self::InForceUntil,
        Self::Recourse,
        Self::Measures,
    ];

    /// The name of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::EntryId => "entry_id",
            Self::List => "list",
            Self::ListedName => "listed_name",
            Self::Identity => "identity",
            Self::Basis => "basis",
            Self::Score => "score",
            Self::BearersPerMillion => "bearers_per_million",
            Self::Explanation => "explanation",
            Self::Roles => "roles",
            Self::Via => "via",
            Self::CaseNo => "case_no",
            Self::Authority => "authority",
            Self::Published => "published",
            Self::InForceUntil => "in_force_until",
            Self::Recourse => "recourse",
            Self::Measures => "measures",
        }
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields(u16);

impl Fields {
    /// Every field.
    pub const ALL: Self = Self(u16::MAX);
    /// No field but those that are never hidden.
    pub const NONE: Self = Self(0);

    /// With one field more.
    #[must_use]
    pub fn with(self, field: Field) -> Self {
        Self(self.0 | 1 << field as u16)
    }

    /// Whether the field of a match with this effect is shown.
    #[inline]
    pub fn shows(self, field: Field, effect: Decision) -> bool {
        let is_granted = self.0 & (1 << field as u16) != 0;
        is_granted || (effect > Decision::Clear && Self::names_the_way_out(field))
    }

    fn names_the_way_out(field: Field) -> bool {
        matches!(field, Field::Authority | Field::CaseNo | Field::Recourse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_object_is_never_hidden() {
        for field in Field::ALL {
            assert!(Fields::ALL.shows(field, Decision::Clear), "{field:?}");
            assert!(
                Fields::NONE.with(field).shows(field, Decision::Clear),
                "{field:?}"
            );
            assert!(!Fields::NONE.shows(field, Decision::Clear), "{field:?}");
            let always = matches!(field.name(), "authority" | "case_no" | "recourse");
            for effect in [
                Decision::Advise,
                Decision::Review,
                Decision::Limit,
                Decision::Block,
            ] {
                assert_eq!(Fields::NONE.shows(field, effect), always, "{field:?}");
            }
        }
    }
}
