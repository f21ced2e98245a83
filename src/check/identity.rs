//! How sure we are that a party is the listed subject or holder: the first line that decides.
//!
//! In: a party with its keys, a listed party. Out: identity and what it rests on, or no match.
//! Decision rules 3.1 to 3.6. **A name alone is never more than `possible`.**
// HOT: reads the listed numbers once, allocates nothing.

use super::keys::PartyKeys;
use super::outcome::{Basis, NameBasis};
use super::request::Party;
use crate::identifier::kind::IdType;
use crate::model::decision::Identity;
use crate::model::term::Day;
use crate::snapshot::entries::{BirthDigits, NumberRow, PartyRow};
use crate::snapshot::open::Snapshot;

/// What comparing the numbers of one type came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Compared {
    /// Not shown on both sides.
    Nothing,
    /// A masked number agrees.
    Agrees,
    /// A masked number disagrees, or full numbers differ.
    Differs,
    /// A full number is equal.
    Equal,
}

/// Compares a party with a listed one of the same kind. `None`: not the same.
pub fn compare(
    snapshot: &Snapshot,
    party: &Party,
    keys: &PartyKeys,
    listed: &PartyRow,
) -> Option<(Identity, Basis)> {
    let mut basis = Basis::EMPTY;
    basis.name = name_basis(snapshot, keys, listed);
    let mut by_type = [Compared::Nothing; IdType::ALL.len()];
    if keys.has_any() {
        compare_numbers(snapshot.numbers(listed), keys, &mut by_type, &mut basis);
    }
    let births = compare_births(party.birth, listed);
    basis.birth_date = births == Births::Equal;
    decide(&by_type, births, basis).map(|identity| (identity, basis))
}

/// Decision rules 3.1 to 3.6 on what the comparisons came to.
fn decide(by_type: &[Compared], births: Births, basis: Basis) -> Option<Identity> {
    let names_equal = basis.name != NameBasis::None;
    let of = |id_type: IdType| by_type[id_type as usize];
    let decisive = of(IdType::CitizenId).max(of(IdType::CreditCode));
    // 3.1: the decisive number settles it alone.
    let mut number_equal = decisive == Compared::Equal;
    if !number_equal {
        if decisive == Compared::Differs || births == Births::Differ {
            return None; // 3.1, 3.2
        }
        let others = || {
            IdType::ALL
                .into_iter()
                .filter(|id_type| !id_type.is_decisive())
        };
        number_equal = others().any(|id_type| of(id_type) == Compared::Equal);
        let tells_apart = |id_type: IdType| {
            let renewed = births == Births::Equal && id_type != IdType::OrgCode;
            of(id_type) == Compared::Differs && !renewed
        };
        if !number_equal && others().any(tells_apart) {
            return None; // 3.3
        }
    }
    if number_equal {
        // 3.4: names are equal or they contradict the number.
        return Some(if names_equal {
            Identity::Identified
        } else {
            Identity::Possible
        });
    }
    if !names_equal {
        return None;
    }
    // A mask that agrees counts beside a difference that is no evidence (a renewed passport).
    let agrees = basis.masked().next().is_some();
    Some(if agrees {
        Identity::Probable
    } else {
        Identity::Possible
    }) // 3.5, 3.6
}

fn compare_numbers(
    numbers: &[NumberRow],
    keys: &PartyKeys,
    by_type: &mut [Compared],
    basis: &mut Basis,
) {
    for number in numbers {
        let Some(id_type) = number.id_type() else {
            continue;
        };
        if !keys.has(id_type) {
            continue;
        }
        let found = if number.pattern().is_some() {
            if keys.agrees(number.row()) {
                Compared::Agrees
            } else {
                Compared::Differs
            }
        } else if keys.equals(number.row()) {
            Compared::Equal
        } else {
            Compared::Differs
        };
        match found {
            Compared::Agrees => basis.add_masked(id_type),
            // An org code that both credit codes imply says nothing new.
            Compared::Equal if !(number.implied() && keys.has(IdType::CreditCode)) => {
                basis.add_full(id_type);
            }
            _ => {}
        }
        let slot = &mut by_type[id_type as usize];
        *slot = (*slot).max(found);
    }
}

fn name_basis(snapshot: &Snapshot, keys: &PartyKeys, listed: &PartyRow) -> NameBasis {
    let Some(name) = keys.name else {
        return NameBasis::None;
    };
    match snapshot.party_names(listed).position(|own| own == name) {
        Some(0) => NameBasis::Name,
        Some(_) => NameBasis::Alias,
        None => NameBasis::None,
    }
}

/// What comparing the birth dates came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Births {
    /// One side is unknown, or what is visible agrees.
    Unknown,
    /// Known in full on both sides and equal.
    Equal,
    /// A known digit differs.
    Differ,
}

/// Compares birth dates; a listed one may be known by the visible digits of a masked number only.
fn compare_births(birth: Option<Day>, listed: &PartyRow) -> Births {
    let Some(birth) = birth else {
        return Births::Unknown;
    };
    if listed.birth().contradicts(BirthDigits::from_day(birth)) {
        return Births::Differ;
    }
    if listed.birth_known() {
        Births::Equal
    } else {
        Births::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn decides(
        compared: &[(IdType, Compared)],
        births: Births,
        named: bool,
        expected: Option<Identity>,
    ) {
        let mut by_type = [Compared::Nothing; IdType::ALL.len()];
        let mut basis = Basis::EMPTY;
        for (id_type, found) in compared {
            let slot = &mut by_type[*id_type as usize];
            *slot = (*slot).max(*found);
            if *found == Compared::Agrees {
                basis.add_masked(*id_type);
            }
        }
        basis.name = if named {
            NameBasis::Name
        } else {
            NameBasis::None
        };
        assert_eq!(
            decide(&by_type, births, basis),
            expected,
            "{compared:?} {births:?} {named}"
        );
    }

    #[test]
    fn the_first_line_that_decides_wins() {
        use Compared::{Agrees, Differs, Equal};
        use IdType::{CitizenId, CreditCode, OrgCode, Passport};
        use Identity::{Identified, Possible, Probable};
        decides(
            &[(CitizenId, Equal)],
            Births::Unknown,
            true,
            Some(Identified),
        );
        decides(
            &[(CitizenId, Equal)],
            Births::Unknown,
            false,
            Some(Possible),
        );
        decides(
            &[(CitizenId, Equal), (Passport, Differs)],
            Births::Differ,
            true,
            Some(Identified),
        );
        decides(
            &[(CitizenId, Differs), (Passport, Equal)],
            Births::Equal,
            true,
            None,
        );
        decides(&[(Passport, Equal)], Births::Differ, true, None);
        decides(
            &[(Passport, Equal)],
            Births::Unknown,
            true,
            Some(Identified),
        );
        decides(&[(Passport, Equal)], Births::Unknown, false, Some(Possible));
        decides(&[(Passport, Differs)], Births::Unknown, true, None);
        decides(&[(Passport, Differs)], Births::Equal, true, Some(Possible));
        decides(
            &[(Passport, Agrees), (Passport, Differs)],
            Births::Equal,
            true,
            Some(Probable),
        );
        decides(&[(OrgCode, Differs)], Births::Equal, true, None);
        decides(
            &[(CreditCode, Agrees)],
            Births::Unknown,
            true,
            Some(Probable),
        );
        decides(&[(CreditCode, Agrees)], Births::Unknown, false, None);
        decides(
            &[(CreditCode, Agrees), (OrgCode, Differs)],
            Births::Unknown,
            true,
            None,
        );
        decides(&[], Births::Unknown, true, Some(Possible));
        decides(&[], Births::Equal, true, Some(Possible));
        decides(&[], Births::Unknown, false, None);
    }
}
