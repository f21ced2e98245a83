//! Which listed names a party's name could be: the equal one and those that are similar.
//!
//! In: a party and a snapshot. Out: numbers of names with a score, and which name of a listed party
//! agrees best. Decision rules 3: an alias is a name; equal, similar (the matcher's judgement) or
//! different. A name alone never decides more than `possible` (`identity.rs`).
// HOT: scores are kept by the number of the name: a name is judged once for all its entries.

use super::outcome::{NameBasis, NameDifference};
use super::request::Party;
use crate::index::candidates::NameTables;
use crate::index::similar::{Budget, similar_in};
use crate::model::subject::SubjectKind;
use crate::name::person;
use crate::name::similarity::{NameKind, THRESHOLD};
use crate::snapshot::entries::{BirthDigits, NameNumber, PartyRow};
use crate::snapshot::open::Snapshot;
use smallvec::SmallVec;

/// Score of names that are equal after folding.
const EQUAL: f32 = 1.0;

/// Names of a snapshot that a party's name could be.
#[derive(Debug, Default)]
pub struct NamesFound {
    /// The equal name first, then the similar ones in rising order of their numbers.
    names: SmallVec<[(NameNumber, f32); 4]>,
    equal: bool,
    /// Whether the search for similar names stopped before it had seen all.
    pub stopped_early: bool,
}

impl NamesFound {
    /// Looks up the equal name, then the similar ones. A party that has a decisive number is
    /// looked for among the names that numbers do not settle alone, as far as the file tells them.
    pub fn look_up(snapshot: &Snapshot, party: &Party, has_decisive: bool) -> Self {
        let mut found = Self::default();
        let kind = kind_of(party.kind);
        let birth = party.birth.map(BirthDigits::from_day);
        // Without a birth, as no citizen number is, nobody born some day may be left out.
        let is_told = birth.is_some() || kind == NameKind::Organisation;
        let unnumbered = match has_decisive && is_told {
            true => NameTables::unnumbered(snapshot, birth),
            false => None,
        };
        let tables = unnumbered.unwrap_or_else(|| NameTables::of(snapshot));
        if tables.is_empty(kind) {
            return found;
        }
        let searched = similar_in(
            &tables,
            kind,
            &party.name,
            &Budget::DEFAULT,
            &mut |name, how| found.names.push((name, how.score)),
        );
        found.stopped_early = searched.budget_reached;
        found
            .names
            .sort_unstable_by_key(|(name, score)| (*score < EQUAL, *name));
        found.equal = found
            .names
            .first()
            .is_some_and(|(_, score)| *score >= EQUAL);
        found
    }

    /// The names with their scores, each once: the equal one first.
    pub fn iter(&self) -> impl Iterator<Item = (NameNumber, f32)> {
        self.names.iter().copied()
    }

    /// The score of a listed name; `None` where it is neither equal nor similar.
    pub fn score(&self, name: NameNumber) -> Option<f32> {
        let (equal, similar) = self.names.split_at(usize::from(self.equal));
        if equal.first().is_some_and(|(own, _)| *own == name) {
            return Some(EQUAL);
        }
        let place = similar.binary_search_by_key(&name, |(own, _)| *own).ok()?;
        Some(similar[place].1)
    }
}

/// How the names of a party and of a listed one agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// The listed name that agrees best, and its score; `None` where all differ.
    pub best: Option<(NameNumber, f32)>,
    /// Whether it is the name or an alias.
    pub basis: NameBasis,
}

impl Agreement {
    /// No name agrees.
    pub const NONE: Self = Self {
        best: None,
        basis: NameBasis::None,
    };

    /// The score, 0.0 where all differ.
    pub fn score(&self) -> f32 {
        self.best.map_or(0.0, |(_, score)| score)
    }

    /// Whether the names are equal after folding.
    pub fn is_equal(&self) -> bool {
        self.score() >= EQUAL
    }

    fn add(&mut self, place: usize, name: NameNumber, score: f32) {
        if score > self.score() {
            self.best = Some((name, score));
            self.basis = if place == 0 {
                NameBasis::Name
            } else {
                NameBasis::Alias
            };
        }
    }
}

/// The best agreement with a listed party that was found by name.
pub fn agreement(snapshot: &Snapshot, found: &NamesFound, listed: &PartyRow) -> Agreement {
    let mut agreement = Agreement::NONE;
    for (place, name) in snapshot.party_names(listed).enumerate() {
        if let Some(score) = found.score(name) {
            agreement.add(place, name, score);
        }
    }
    agreement
}

/// The best agreement with a listed party of the same kind that was found by number: all its names
/// are judged, whichever the search for similar names has met.
pub fn agreement_by_number(snapshot: &Snapshot, party: &Party, listed: &PartyRow) -> Agreement {
    let mut agreement = Agreement::NONE;
    for (place, name) in snapshot.party_names(listed).enumerate() {
        let score = party.name.compare(snapshot.name_text(name)).score;
        if score >= THRESHOLD {
            agreement.add(place, name, score);
        }
    }
    agreement
}

/// In which ways the party's name differs from a listed one, for a match that is shown.
pub fn differences(
    snapshot: &Snapshot,
    party: &Party,
    name: NameNumber,
) -> SmallVec<[NameDifference; 1]> {
    let listed = snapshot.name_text(name);
    let judged = party.name.compare(listed);
    let differences = judged.differences.iter();
    differences
        .map(|difference| NameDifference {
            kind: difference.kind,
            asked: part(party.name.folded(), &difference.query),
            listed: part(listed, &difference.listed),
        })
        .collect()
}

/// How common a listed name is; unknown for organisations.
pub fn bearers_per_million(
    snapshot: &Snapshot,
    kind: SubjectKind,
    name: NameNumber,
) -> Option<f32> {
    match kind {
        SubjectKind::Person => person::bearers_per_million(snapshot.name_text(name)),
        SubjectKind::Organisation => None,
    }
}

/// The kind in the words of the matcher.
pub fn kind_of(kind: SubjectKind) -> NameKind {
    match kind {
        SubjectKind::Person => NameKind::Person,
        SubjectKind::Organisation => NameKind::Organisation,
    }
}

fn part(text: &str, chars: &std::ops::Range<u16>) -> Box<str> {
    let first = usize::from(chars.start);
    let count = usize::from(chars.end.saturating_sub(chars.start));
    text.chars().skip(first).take(count).collect()
}
