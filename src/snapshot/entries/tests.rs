//! Rows read back as they were put in; any bytes read as something.

use super::*;
use proptest::prelude::*;
use zerocopy::IntoBytes;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

#[test]
fn birth_digits_know_what_a_mask_shows() {
    let full = BirthDigits::from_day(day("1980-03-07"));
    assert_eq!(full.0, 0x1980_0307);
    assert_eq!(full.day(), Some(day("1980-03-07")));
    let year = [Some(1), Some(9), Some(8), Some(0), None, None, None, None];
    let year = BirthDigits::from_digits(year);
    assert_eq!(year.0, 0x1980_ffff);
    assert_eq!(year.day(), None);
    assert!(!year.contradicts(full) && !full.contradicts(year));
    assert!(year.contradicts(BirthDigits::from_day(day("1981-03-07"))));
    assert!(!BirthDigits::UNKNOWN.contradicts(full));
    assert!(BirthDigits::UNKNOWN.is_unknown());
    assert_eq!(
        BirthDigits(0x1980_0231).day(),
        None,
        "a day that does not exist"
    );
    assert_eq!(BirthDigits(0xaaaa_aaaa).day(), None, "digits that are none");
}

fn a_day() -> impl Strategy<Value = Day> {
    (-200_000i32..200_000).prop_map(Day)
}

prop_compose! {
    fn values()(
        list in 0u8..255, grade in prop::option::of(0u8..64), organisation: bool,
        disclosure in 0usize..3, status in 0usize..4, able: Option<bool>, class in 0usize..3,
        birth in a_day(), birth_known: bool, other_numbers: bool, from in a_day(),
        days in prop::array::uniform3(prop::option::of(a_day())), submitted: i64,
        groups in prop::array::uniform2(prop::option::of(0u32..1_000)), first: u32, rank: u32,
    ) -> FactValues {
        FactValues {
            list, grade,
            kind: kind_of(organisation),
            disclosure: [Disclosure::Public, Disclosure::Authorised, Disclosure::Government]
                [disclosure],
            status: [Status::InForce, Status::Held, Status::Withdrawn, Status::Repaired]
                [status],
            able_but_refuses: able,
            number_class: [NumberClass::None, NumberClass::Masked, NumberClass::Full][class],
            birth: BirthDigits::from_day(birth),
            birth_known, other_numbers,
            in_force_from: from,
            in_force_until: days[0],
            published: days[1],
            conduct_ended: days[2],
            submitted_at: Moment(submitted),
            subject_group: groups[0],
            case_group: groups[1],
            party_first: first,
            rank,
        }
    }
}

fn read(facts: &Facts) -> FactValues {
    FactValues {
        list: facts.list(),
        grade: facts.grade(),
        kind: facts.kind(),
        disclosure: facts.disclosure(),
        status: facts.status(),
        able_but_refuses: facts.able_but_refuses(),
        number_class: facts.number_class(),
        birth: facts.birth(),
        birth_known: facts.birth_known(),
        other_numbers: facts.other_numbers(),
        in_force_from: facts.in_force_from(),
        in_force_until: facts.in_force_until(),
        published: facts.published(),
        conduct_ended: facts.conduct_ended(),
        submitted_at: facts.submitted_at(),
        subject_group: facts.subject_group(),
        case_group: facts.case_group(),
        party_first: facts.party_first(),
        rank: facts.rank(),
    }
}

proptest! {
    #[test]
    fn facts_read_back_as_they_were_put_in(values in values()) {
        prop_assert_eq!(read(&Facts::new(&values)), values);
    }

    #[test]
    fn any_48_bytes_read_as_some_facts(bytes in prop::array::uniform32(any::<u8>())) {
        let mut row = [0; 48];
        row[..32].copy_from_slice(&bytes);
        row[32..].copy_from_slice(&bytes[..16]);
        let facts = Facts::read_from_bytes(&row).unwrap();
        prop_assert_eq!(facts.as_bytes(), &row);
        let _ = (read(&facts), facts.birth_day());
    }
}

#[test]
fn a_place_outside_never_counts() {
    assert_eq!(Facts::OUTSIDE.status(), Status::Withdrawn);
    assert_eq!(Facts::OUTSIDE.disclosure(), Disclosure::Public);
    assert_eq!(Facts::OUTSIDE.subject_group(), None);
}
