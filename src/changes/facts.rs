//! Whether two entries of different files say the same, without a MAC that both have.
//!
//! In: an entry of each of two snapshots. Out: equal or not, by everything that both files hold
//! in readable form. The digits of numbers are not among it: each build digests them under a key
//! of its own. Their types, masks and count are.

use crate::identifier::kind::IdType;
use crate::model::entry::EntryIndex;
use crate::snapshot::entries::{Facts, PartyRow};
use crate::snapshot::open::Snapshot;

/// One entry of one snapshot.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Where it stands.
    pub snapshot: &'a Snapshot,
    /// Its place.
    pub index: EntryIndex,
}

/// Whether both say the same, as far as both files hold it.
pub fn are_equal(one: Entry<'_>, other: Entry<'_>) -> bool {
    same_facts(one, other) && same_texts(one, other) && same_parties(one, other)
}

/// Id of the entry's list; empty for a number that is none of the manifest's.
pub fn list_of(entry: Entry<'_>) -> &str {
    let place = usize::from(entry.facts().list());
    let list = entry.snapshot.manifest().lists.get(place);
    list.map_or("", |list| &list.id)
}

impl<'a> Entry<'a> {
    fn facts(self) -> &'a Facts {
        self.snapshot.facts(self.index)
    }

    fn grade(self) -> Option<&'a str> {
        let lists = &self.snapshot.manifest().lists;
        let list = lists.get(usize::from(self.facts().list()))?;
        let grade = list.grades.get(usize::from(self.facts().grade()?))?;
        Some(grade)
    }
}

fn same_facts(one: Entry<'_>, other: Entry<'_>) -> bool {
    let of = |entry: Entry<'_>| {
        let facts = entry.facts();
        (
            (facts.kind(), facts.disclosure(), facts.status()),
            (facts.able_but_refuses(), facts.birth(), facts.birth_known()),
            (facts.in_force_from(), facts.in_force_until()),
            (facts.published(), facts.conduct_ended()),
            facts.submitted_at(),
        )
    };
    of(one) == of(other) && list_of(one) == list_of(other) && one.grade() == other.grade()
}

fn same_texts(one: Entry<'_>, other: Entry<'_>) -> bool {
    let [one_further, other_further] =
        [one, other].map(|entry| entry.snapshot.further(entry.index));
    let [one, other] = [one, other].map(|entry| entry.snapshot.cold(entry.index));
    one.listed_name == other.listed_name
        && one.case_no == other.case_no
        && one.authority == other.authority
        && one.recourse == other.recourse
        && one_further == other_further
}

fn same_parties(one: Entry<'_>, other: Entry<'_>) -> bool {
    let ours = one.snapshot.parties(one.index);
    let theirs = other.snapshot.parties(other.index);
    let same = |(ours, theirs): (&PartyRow, &PartyRow)| {
        ours.kind() == theirs.kind()
            && ours.roles() == theirs.roles()
            && ours.birth() == theirs.birth()
            && names(one.snapshot, ours) == names(other.snapshot, theirs)
            && numbers(one.snapshot, ours) == numbers(other.snapshot, theirs)
    };
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(same)
}

/// The name first, aliases in whatever order the record gave them.
fn names<'a>(snapshot: &'a Snapshot, party: &PartyRow) -> Vec<&'a str> {
    let names = snapshot.party_names(party);
    let mut texts: Vec<&str> = names.map(|name| snapshot.name_text(name)).collect();
    if let Some(aliases) = texts.get_mut(1..) {
        aliases.sort_unstable();
    }
    texts
}

/// Type, mask, and whether it is implied by another number.
type NumberShape = (Option<&'static str>, Option<String>, bool);

fn numbers(snapshot: &Snapshot, party: &PartyRow) -> Vec<NumberShape> {
    let shape = |number: &crate::snapshot::entries::NumberRow| {
        let id_type = number.id_type();
        let mask = number.pattern().map(|place| {
            let patterns = id_type.map(|id_type| snapshot.manifest().patterns_of(id_type));
            let pattern = patterns.and_then(|patterns| patterns.get(usize::from(place)));
            pattern.map_or_else(String::new, |pattern| pattern.text())
        });
        (id_type.map(IdType::name), mask, number.implied())
    };
    let mut shapes: Vec<NumberShape> = snapshot.numbers(party).iter().map(shape).collect();
    shapes.sort_unstable();
    shapes
}
