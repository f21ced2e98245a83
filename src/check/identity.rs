//! How sure we are that a party is the listed subject or holder: the first line that decides.
//!
//! In: a party with its keys, a listed party. Out: identity and what it rests on, or no match.
//! Decision rules 3.1 to 3.6. **A name alone is never more than `possible`.**
// HOT: reads the listed numbers once, allocates nothing.

use super::keys::PartyKeys;
use super::names::Agreement;
use super::outcome::Basis;
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

/// How the names of both sides compare. Decision rules 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Different,
    Similar,
    Equal,
}

/// Compares a party with a listed one of the same kind, whose names agree as `agreement` says.
/// `None`: not the same.
pub fn compare(
    snapshot: &Snapshot,
    party: &Party,
    keys: &PartyKeys,
    listed: &PartyRow,
    agreement: Agreement,
) -> Option<(Identity, Basis)> {
    let mut basis = Basis::EMPTY;
    basis.name = agreement.basis;
    let names = match agreement.best {
        None => Names::Different,
        Some(_) if agreement.is_equal() => Names::Equal,
        Some(_) => Names::Similar,
    };
    let mut by_type = [Compared::Nothing; IdType::ALL.len()];
    if keys.has_any() {
        compare_numbers(snapshot.numbers(listed), keys, &mut by_type, &mut basis);
    }
    let births = compare_births(party.birth, listed);
    basis.birth_date = births == Births::Equal;
    decide(&by_type, births, names, basis).map(|identity| (identity, basis))
}

/// Decision rules 3.1 to 3.6 on what the comparisons came to.
fn decide(by_type: &[Compared], births: Births, names: Names, basis: Basis) -> Option<Identity> {
    let of = |id_type: IdType| by_type[id_type as usize];
    let decisive = of(IdType::CitizenId).max(of(IdType::CreditCode));
    // 3.1: the decisive number settles it alone.
    let mut number_equal = decisive == Compared::Equal;
    // 3.4: these numbers bear with a slip in the name, the others do not.
    let mut bears_slips = number_equal;
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
        bears_slips = of(IdType::OrgCode) == Compared::Equal;
        let tells_apart = |id_type: IdType| {
            let renewed = births == Births::Equal && id_type != IdType::OrgCode;
            of(id_type) == Compared::Differs && !renewed
        };
        if !number_equal && others().any(tells_apart) {
            return None; // 3.3
        }
    }
    if number_equal {
        // 3.4: names agree or they contradict the number.
        return Some(match names {
            Names::Equal => Identity::Identified,
            Names::Similar if bears_slips => Identity::Identified,
            Names::Similar | Names::Different => Identity::Possible,
        });
    }
    // A mask that agrees counts beside a difference that is no evidence (a renewed passport).
    let agrees = basis.masked().next().is_some();
    match names {
        Names::Different => None,
        Names::Equal if agrees => Some(Identity::Probable), // 3.5
        Names::Equal | Names::Similar => Some(Identity::Possible), // 3.6
    }
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
        names: Names,
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
        assert_eq!(
            decide(&by_type, births, names, basis),
            expected,
            "{compared:?} {births:?} {names:?}"
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
            Names::Equal,
            Some(Identified),
        );
        decides(
            &[(CitizenId, Equal)],
            Births::Unknown,
            Names::Different,
            Some(Possible),
        );
        decides(
            &[(CitizenId, Equal), (Passport, Differs)],
            Births::Differ,
            Names::Equal,
            Some(Identified),
        );
        decides(
            &[(CitizenId, Differs), (Passport, Equal)],
            Births::Equal,
            Names::Equal,
            None,
        );
        decides(&[(Passport, Equal)], Births::Differ, Names::Equal, None);
        decides(
            &[(Passport, Equal)],
            Births::Unknown,
            Names::Equal,
            Some(Identified),
        );
        decides(
            &[(Passport, Equal)],
            Births::Unknown,
            Names::Different,
            Some(Possible),
        );
        decides(&[(Passport, Differs)], Births::Unknown, Names::Equal, None);
        decides(
            &[(Passport, Differs)],
            Births::Equal,
            Names::Equal,
            Some(Possible),
        );
        decides(
            &[(Passport, Agrees), (Passport, Differs)],
            Births::Equal,
            Names::Equal,
            Some(Probable),
        );
        decides(&[(OrgCode, Differs)], Births::Equal, Names::Equal, None);
        decides(
            &[(CreditCode, Agrees)],
            Births::Unknown,
            Names::Equal,
            Some(Probable),
        );
        decides(
            &[(CreditCode, Agrees)],
            Births::Unknown,
            Names::Different,
            None,
        );
        decides(
            &[(CreditCode, Agrees), (OrgCode, Differs)],
            Births::Unknown,
            Names::Equal,
            None,
        );
        decides(&[], Births::Unknown, Names::Equal, Some(Possible));
        decides(&[], Births::Equal, Names::Equal, Some(Possible));
        decides(&[], Births::Unknown, Names::Different, None);
    }

    #[test]
    fn a_similar_name_agrees_with_the_decisive_numbers_only() {
        use Compared::{Agrees, Differs, Equal};
        use IdType::{CitizenId, CreditCode, OrgCode, Passport};
        use Identity::{Identified, Possible};
        for id_type in [CitizenId, CreditCode, OrgCode] {
            decides(
                &[(id_type, Equal)],
                Births::Unknown,
                Names::Similar,
                Some(Identified),
            );
            decides(&[(id_type, Differs)], Births::Unknown, Names::Similar, None);
        }
        decides(
            &[(Passport, Equal)],
            Births::Unknown,
            Names::Similar,
            Some(Possible),
        );
        decides(
            &[(CitizenId, Agrees)],
            Births::Unknown,
            Names::Similar,
            Some(Possible),
        );
        decides(&[], Births::Unknown, Names::Similar, Some(Possible));
        decides(&[], Births::Differ, Names::Similar, None);
    }
}
