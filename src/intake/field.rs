//! The fields of a record that a column can be, as profiles write them.
//!
//! In: words such as `subject.ids.citizen_id` or `related.legal_representative.name`. Out: a
//! `Field`, and back. The words are the paths of the contract, section 3.

use crate::identifier::kind::IdType;
use crate::model::subject::Role;

/// A field of the record itself, one value each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fact {
    /// `entry_id`
    EntryId,
    /// `list`
    List,
    /// `grade`
    Grade,
    /// `conduct`
    Conduct,
    /// `conduct_ended`
    ConductEnded,
    /// `able_but_refuses`
    AbleButRefuses,
    /// `case_no`
    CaseNo,
    /// `authority`
    Authority,
    /// `region`
    Region,
    /// `supplier`
    Supplier,
    /// `submitted_at`
    SubmittedAt,
    /// `published`
    Published,
    /// `in_force_from`
    InForceFrom,
    /// `in_force_until`
    InForceUntil,
    /// `retained_basis`
    RetainedBasis,
    /// `disclosure`
    Disclosure,
    /// `status`
    Status,
    /// `recourse`
    Recourse,
    /// `publishable`
    Publishable,
}

/// All facts and their words.
pub const FACTS: [(Fact, &str); 19] = [
    (Fact::EntryId, "entry_id"),
    (Fact::List, "list"),
    (Fact::Grade, "grade"),
    (Fact::Conduct, "conduct"),
    (Fact::ConductEnded, "conduct_ended"),
    (Fact::AbleButRefuses, "able_but_refuses"),
    (Fact::CaseNo, "case_no"),
    (Fact::Authority, "authority"),
    (Fact::Region, "region"),
    (Fact::Supplier, "supplier"),
    (Fact::SubmittedAt, "submitted_at"),
    (Fact::Published, "published"),
    (Fact::InForceFrom, "in_force_from"),
    (Fact::InForceUntil, "in_force_until"),
    (Fact::RetainedBasis, "retained_basis"),
    (Fact::Disclosure, "disclosure"),
    (Fact::Status, "status"),
    (Fact::Recourse, "recourse"),
    (Fact::Publishable, "publishable"),
];

/// A field of a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartyFact {
    /// `kind`
    Kind,
    /// `name`
    Name,
    /// `aliases`
    Aliases,
    /// `birth_date`
    BirthDate,
    /// `gender`
    Gender,
    /// `ids`: numbers of types told by labels, by `id_type`, or by their form.
    Ids,
    /// `id_type`: the type of the numbers in `ids`.
    IdType,
    /// `ids.<type>`: numbers of one type.
    IdsOf(IdType),
}

const PARTY_FACTS: [(PartyFact, &str); 7] = [
    (PartyFact::Kind, "kind"),
    (PartyFact::Name, "name"),
    (PartyFact::Aliases, "aliases"),
    (PartyFact::BirthDate, "birth_date"),
    (PartyFact::Gender, "gender"),
    (PartyFact::Ids, "ids"),
    (PartyFact::IdType, "id_type"),
];

impl PartyFact {
    fn parse(word: &str) -> Option<Self> {
        if let Some(id_type) = word.strip_prefix("ids.") {
            return IdType::parse(id_type).map(Self::IdsOf);
        }
        let found = PARTY_FACTS.into_iter().find(|(_, known)| *known == word);
        found.map(|(fact, _)| fact)
    }

    fn word(self) -> String {
        if let Self::IdsOf(id_type) = self {
            return format!("ids.{}", id_type.name());
        }
        let found = PARTY_FACTS.into_iter().find(|(fact, _)| *fact == self);
        found.map_or("", |(_, word)| word).to_owned()
    }
}

/// What a column can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// A fact of the record.
    Fact(Fact),
    /// A fact of the subject.
    Subject(PartyFact),
    /// A fact of the holders of a role.
    Holder(Role, PartyFact),
}

impl Field {
    /// From the word of a profile.
    pub fn parse(word: &str) -> Option<Self> {
        if let Some(rest) = word.strip_prefix("subject.") {
            return PartyFact::parse(rest).map(Self::Subject);
        }
        if let Some(rest) = word.strip_prefix("related.") {
            let (role, rest) = rest.split_once('.')?;
            return Some(Self::Holder(Role::parse(role)?, PartyFact::parse(rest)?));
        }
        let found = FACTS.into_iter().find(|(_, known)| *known == word);
        found.map(|(fact, _)| Self::Fact(fact))
    }

    /// The word of a profile.
    pub fn word(self) -> String {
        match self {
            Self::Fact(fact) => {
                let found = FACTS.into_iter().find(|(known, _)| *known == fact);
                found.map_or("", |(_, word)| word).to_owned()
            }
            Self::Subject(fact) => format!("subject.{}", fact.word()),
            Self::Holder(role, fact) => format!("related.{}.{}", role.name(), fact.word()),
        }
    }

    /// Whether numbers of people stand in it.
    pub fn holds_numbers(self) -> bool {
        matches!(
            self,
            Self::Subject(PartyFact::Ids | PartyFact::IdsOf(_))
                | Self::Holder(_, PartyFact::Ids | PartyFact::IdsOf(_))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_to_fields_and_back() {
        for word in [
            "case_no",
            "subject.name",
            "subject.ids",
            "subject.ids.citizen_id",
            "related.legal_representative.ids.passport",
            "related.director.kind",
            "publishable",
        ] {
            assert_eq!(Field::parse(word).map(Field::word).as_deref(), Some(word));
        }
        for word in [
            "",
            "subject",
            "subject.role",
            "related.owner.name",
            "ids.shoe",
        ] {
            assert_eq!(Field::parse(word), None, "{word}");
        }
    }
}
