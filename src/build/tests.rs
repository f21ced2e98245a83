//! A built snapshot against a naive model: every record is found by everything it carries, and
//! nothing is found by what no record carries.

use crate::build::assemble::Assembly;
use crate::build::build_records;
use crate::build::corpus;
use crate::build::inputs::{BuildInputs, Origin};
use crate::build::similar::name_kind;
use crate::catalogue::load::built_in;
use crate::catalogue::measure::Catalogue;
use crate::identifier::digest::DigestKey;
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::identifier::mask::ListedNumber;
use crate::index::candidates::NameTables;
use crate::index::similar::{Budget, similar_in};
use crate::index::{deep, entry_ids, identifiers, names};
use crate::model::entry::{EntryIndex, ListRecord, ListedParty};
use crate::model::subject::SubjectKind;
use crate::model::term::{Day, Moment};
use crate::name::fold::fold;
use crate::name::query::NameQuery;
use crate::name::similarity::NameKind;
use crate::seal::keys::MasterKey;
use crate::snapshot::entries::{BirthDigits, NameNumber, NumberClass};
use crate::snapshot::open::Snapshot;
use crate::snapshot::rows::{KeyEntry, PlaceEntry, TaggedName};
use crate::snapshot::sections::SectionId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Cursor;

const SEED: u64 = 11;

fn inputs(catalogue: &Catalogue) -> BuildInputs {
    let master = MasterKey::from_bytes([5; 32]);
    let created = Moment::parse("2026-11-22T00:00:00+08:00").unwrap();
    BuildInputs::new("test", master, catalogue, [9; 32], created)
}

fn corpus_snapshot(count: u64) -> (Vec<ListRecord>, Snapshot) {
    let catalogue = built_in().unwrap();
    let records = corpus::records(SEED, count, &catalogue);
    let bytes = build_records(records.clone(), &inputs(&catalogue)).unwrap();
    (records, Snapshot::from_bytes(bytes).unwrap())
}

#[test]
fn blocks_and_what_a_file_says_of_its_size_decide_nothing() {
    let catalogue = built_in().unwrap();
    let records = corpus::records(SEED, 200, &catalogue);
    let inputs = inputs(&catalogue);
    let whole = build_records(records.clone(), &inputs).unwrap();
    for (expected, block) in [(0, 7), (5, 64), (5_000, 200), (u64::MAX, 1)] {
        let mut assembly = Assembly::new(&inputs);
        assembly.expect(expected);
        let lines = (1..).map(|line| Origin { file: 0, line });
        let numbered: Vec<(Origin, ListRecord)> = lines.zip(records.clone()).collect();
        for block in numbered.chunks(block) {
            assembly.add(block.to_vec(), 5).unwrap();
        }
        let arranged = assembly.arrange(0).unwrap();
        let (out, _) = arranged.write(Cursor::new(Vec::new())).unwrap();
        assert!(out.into_inner() == whole, "{expected} {block}");
    }
}

/// Type and characters, hidden ones as `*`.
type NumberKey = (IdType, Vec<u8>);
/// entry_id and party.
type Place = (String, u16);

/// A naive index: what each full or masked number and each name leads to.
#[derive(Default)]
struct Model {
    numbers: HashMap<NumberKey, BTreeSet<Place>>,
    names: BTreeMap<String, BTreeSet<String>>,
    aliases: BTreeMap<String, BTreeSet<String>>,
}

impl Model {
    fn of(records: &[ListRecord]) -> Self {
        let mut model = Self::default();
        for record in records {
            let id = record.entry_id.as_str().to_owned();
            let parties = std::iter::once(&record.subject).chain(&record.related);
            for (party, listed) in parties.enumerate() {
                for number in keys_of(listed) {
                    let found = model.numbers.entry(number).or_default();
                    found.insert((id.clone(), party as u16));
                }
            }
            let own = fold(&record.subject.name);
            for alias in &record.subject.aliases {
                let alias = fold(alias);
                if alias != own {
                    model.aliases.entry(alias).or_default().insert(id.clone());
                }
            }
            model.names.entry(own).or_default().insert(id);
        }
        model
    }
}

fn keys_of(party: &ListedParty) -> BTreeSet<NumberKey> {
    let mut keys = BTreeSet::new();
    for number in &party.ids {
        match number {
            ListedNumber::Full(full) => {
                keys.insert((full.id_type(), full.as_bytes().to_vec()));
                let inside = full.org_code();
                keys.extend(inside.map(|code| (code.id_type(), code.as_bytes().to_vec())));
            }
            ListedNumber::Masked(masked) => {
                keys.insert((masked.id_type(), masked.as_bytes().to_vec()));
            }
        }
    }
    keys
}

fn found(snapshot: &Snapshot, key: &DigestKey, number: &FullNumber) -> BTreeSet<Place> {
    let patterns = snapshot.manifest().patterns_of(number.id_type());
    let masked = patterns
        .iter()
        .filter_map(|p| key.under_pattern(*p, number));
    std::iter::once(key.full(number))
        .chain(masked)
        .filter_map(|digest| identifiers::find(snapshot, &digest))
        .flat_map(|row| identifiers::postings(snapshot, row))
        .map(|p| (snapshot.cold(p.entry()).entry_id.to_string(), p.party()))
        .collect()
}

fn expected(model: &Model, number: &FullNumber) -> BTreeSet<Place> {
    let agrees = |listed: &[u8]| {
        listed.len() == number.as_bytes().len()
            && listed
                .iter()
                .zip(number.as_bytes())
                .all(|(l, n)| *l == b'*' || l == n)
    };
    let of_number = model
        .numbers
        .iter()
        .filter(|((id_type, listed), _)| *id_type == number.id_type() && agrees(listed));
    of_number.flat_map(|(_, places)| places.clone()).collect()
}

#[test]
fn numbers_lead_to_the_parties_that_a_naive_model_finds() {
    let (records, snapshot) = corpus_snapshot(1_500);
    let model = Model::of(&records);
    let key = snapshot.digest_key(&MasterKey::from_bytes([5; 32]));
    let mut hits = 0;
    for place in 0..3_000 {
        let mut numbers = vec![FullNumber::parse(
            IdType::CitizenId,
            &corpus::citizen_id(place),
        )];
        let credit = FullNumber::parse(IdType::CreditCode, &corpus::credit_code(place)).unwrap();
        numbers.push(Ok(credit.org_code().unwrap()));
        numbers.push(Ok(credit));
        numbers.push(FullNumber::parse(IdType::Passport, &format!("E{place:08}")));
        for number in numbers {
            let number = number.unwrap();
            let expected = expected(&model, &number);
            hits += expected.len();
            assert_eq!(found(&snapshot, &key, &number), expected, "place {place}");
        }
    }
    assert!(hits > 1_500, "the corpus has hits: {hits}");
}

#[test]
fn names_and_aliases_lead_to_the_entries_that_bear_them() {
    let (records, snapshot) = corpus_snapshot(1_500);
    let model = Model::of(&records);
    let id_of = |entry: EntryIndex| snapshot.cold(entry).entry_id.to_string();
    let mut random = corpus::Random::new(3);
    let strangers = (0..500).map(|_| fold(&corpus::person_name(&mut random)));
    let known = model.names.keys().chain(model.aliases.keys()).cloned();
    for name in known.chain(strangers).chain([String::new()]) {
        let number = names::find(&snapshot, &name);
        let own: BTreeSet<String> = number
            .into_iter()
            .flat_map(|number| names::entries(&snapshot, number))
            .map(|entry| id_of(EntryIndex(entry)))
            .collect();
        let aliases: BTreeSet<String> = number
            .into_iter()
            .flat_map(|number| names::alias_entries(&snapshot, number))
            .map(id_of)
            .collect();
        assert_eq!(
            own,
            model.names.get(&name).cloned().unwrap_or_default(),
            "{name}"
        );
        assert_eq!(
            aliases,
            model.aliases.get(&name).cloned().unwrap_or_default(),
            "{name}"
        );
    }
}

#[test]
fn every_fact_of_a_record_is_read_back() {
    let (records, snapshot) = corpus_snapshot(800);
    assert_eq!(snapshot.entry_count() as usize, records.len());
    for record in &records {
        let entry = entry_ids::find(&snapshot, record.entry_id.as_str()).unwrap();
        let facts = snapshot.facts(entry);
        let list = &snapshot.manifest().lists[usize::from(facts.list())];
        assert_eq!(list.id, record.list);
        let grade = facts
            .grade()
            .map(|place| list.grades[usize::from(place)].clone());
        assert_eq!(grade, record.grade);
        assert_eq!(facts.kind(), record.subject.kind);
        assert_eq!(facts.disclosure(), record.disclosure);
        assert_eq!(facts.status(), record.status);
        assert_eq!(facts.able_but_refuses(), record.able_but_refuses);
        assert_eq!(facts.in_force_from(), record.in_force_from);
        assert_eq!(facts.in_force_until(), record.in_force_until);
        assert_eq!(facts.published(), record.published);
        assert_eq!(facts.conduct_ended(), record.conduct_ended);
        assert_eq!(facts.submitted_at(), record.submitted_at);
        let cold = snapshot.cold(entry);
        assert_eq!(&*cold.entry_id, record.entry_id.as_str());
        assert_eq!(&*cold.listed_name, &*record.subject.name);
        assert_eq!(&*cold.case_no, &*record.case_no);
        assert_eq!(cold.authority, &*record.authority);
        assert_eq!(cold.recourse, record.recourse.as_deref());
        let further = snapshot.further(entry);
        assert_eq!(further.supplier, &*record.supplier);
        assert_eq!(further.conduct, record.conduct.as_deref());
        assert_eq!(further.region, record.region.as_deref());
        assert_eq!(further.retained_basis, record.retained_basis.as_deref());
        parties_are_read_back(&snapshot, entry, record);
    }
    assert_eq!(entry_ids::find(&snapshot, "nobody"), None);
}

#[track_caller]
fn parties_are_read_back(snapshot: &Snapshot, entry: EntryIndex, record: &ListRecord) {
    let listed: Vec<&ListedParty> = std::iter::once(&record.subject)
        .chain(&record.related)
        .collect();
    let rows = snapshot.parties(entry);
    assert_eq!(rows.len(), listed.len());
    for (row, party) in rows.iter().zip(listed) {
        assert_eq!(row.kind(), party.kind);
        assert_eq!(row.roles().iter().next(), party.role);
        let names: Vec<&str> = snapshot
            .party_names(row)
            .map(|n| snapshot.name_text(n))
            .collect();
        assert_eq!(names[0], fold(&party.name));
        assert_eq!(snapshot.numbers(row).len(), keys_of(party).len());
        assert_eq!(row.birth_day(), party.birth_date);
    }
}

#[test]
fn entries_of_one_name_lie_side_by_side_by_number_class() {
    let (_, snapshot) = corpus_snapshot(1_500);
    let mut last = None;
    for entry in 0..snapshot.entry_count() {
        let subject = &snapshot.parties(EntryIndex(entry))[0];
        let name = snapshot.party_names(subject).next().unwrap();
        let class = snapshot.facts(EntryIndex(entry)).number_class();
        let place: (NameNumber, NumberClass, String) = (
            name,
            class,
            snapshot.entry_id(EntryIndex(entry)).to_string(),
        );
        assert!(last.is_none_or(|before| before < place));
        last = Some(place);
    }
}

/// Decision rules 2.4 and 2.5, pair by pair.
fn same_subject(a: &ListRecord, b: &ListRecord) -> bool {
    let full = |key: &NumberKey| !key.1.contains(&b'*');
    let names = fold(&a.subject.name) == fold(&b.subject.name);
    let (keys_a, keys_b) = (keys_of(&a.subject), keys_of(&b.subject));
    a.list == b.list && keys_a.intersection(&keys_b).any(|key| full(key) || names)
}

#[test]
fn groups_are_those_of_a_naive_union() {
    let (records, snapshot) = corpus_snapshot(700);
    let mut set: Vec<usize> = (0..records.len()).collect();
    for a in 0..records.len() {
        for b in 0..a {
            if same_subject(&records[a], &records[b]) {
                let (from, to) = (set[a], set[b]);
                set.iter_mut().filter(|s| **s == from).for_each(|s| *s = to);
            }
        }
    }
    let mut subjects: BTreeMap<usize, Vec<&ListRecord>> = BTreeMap::new();
    let mut cases: BTreeMap<(usize, String), Vec<&ListRecord>> = BTreeMap::new();
    for (record, set) in records.iter().zip(&set) {
        subjects.entry(*set).or_default().push(record);
        cases
            .entry((*set, fold(&record.case_no)))
            .or_default()
            .push(record);
    }
    assert_eq!(
        of_snapshot(&snapshot, snapshot.subject_groups()),
        of_model(subjects)
    );
    assert_eq!(
        of_snapshot(&snapshot, snapshot.case_groups()),
        of_model(cases)
    );
    for (number, group) in snapshot.subject_groups().enumerate() {
        for entry in group {
            let facts = snapshot.facts(EntryIndex(entry.get()));
            assert_eq!(facts.subject_group(), Some(number as u32));
        }
    }
}

fn of_snapshot<'a>(
    snapshot: &Snapshot,
    groups: impl Iterator<Item = &'a [zerocopy::little_endian::U32]>,
) -> BTreeSet<Vec<String>> {
    let id = |entry: &zerocopy::little_endian::U32| {
        snapshot.cold(EntryIndex(entry.get())).entry_id.to_string()
    };
    groups.map(|group| group.iter().map(id).collect()).collect()
}

fn of_model<K>(groups: BTreeMap<K, Vec<&ListRecord>>) -> BTreeSet<Vec<String>> {
    let groups = groups.into_values().filter(|group| group.len() > 1);
    let sorted = groups.map(|mut group| {
        group.sort_by_key(|r| (std::cmp::Reverse(r.submitted_at), r.entry_id.clone()));
        group
            .iter()
            .map(|r| r.entry_id.as_str().to_owned())
            .collect()
    });
    let sorted: BTreeSet<Vec<String>> = sorted.collect();
    assert!(sorted.len() > 10, "the corpus has groups");
    sorted
}

/// Names under the keys of persons and of organisations.
fn names_with_keys(snapshot: &Snapshot) -> [BTreeSet<u32>; 2] {
    let [places, persons, organisations] = SectionId::KEY_TABLES.map(|(_, entries)| entries);
    let names = |section| {
        let entries = snapshot.rows::<KeyEntry>(section).iter();
        entries.map(TaggedName::name).collect::<BTreeSet<u32>>()
    };
    let places = snapshot.rows::<PlaceEntry>(places).iter();
    let mut of_persons = names(persons);
    of_persons.extend(places.map(TaggedName::name));
    [of_persons, names(organisations)]
}

#[test]
fn a_search_for_names_without_a_number_meets_all_that_any_search_meets_there() {
    let catalogue = built_in().unwrap();
    let mut records = corpus::records(SEED, 3_000, &catalogue);
    for (place, record) in records.iter_mut().enumerate() {
        if place % 3 == 0 {
            record.subject.ids.clear();
        }
        if place % 6 == 0 {
            record.subject.birth_date = None;
        }
    }
    let bytes = build_records(records.clone(), &inputs(&catalogue)).unwrap();
    let snapshot = Snapshot::from_bytes(bytes).unwrap();
    let mut met = 0;
    for (place, record) in records.iter().enumerate().take(1_200) {
        let subject = &record.subject;
        let (kind, birth) = match subject.kind {
            SubjectKind::Person => {
                let day = records[place / 2].subject.birth_date;
                let day = day.or(subject.birth_date).unwrap_or(Day(3_000));
                (NameKind::Person, Some(BirthDigits::from_day(day)))
            }
            SubjectKind::Organisation => (NameKind::Organisation, None),
        };
        let query = NameQuery::parse(kind, &subject.name);
        let reached = |name: NameNumber| {
            let own = names::entries(&snapshot, name).map(EntryIndex);
            own.chain(names::alias_entries(&snapshot, name))
                .any(|entry| {
                    let facts = snapshot.facts(entry);
                    facts.kind() == subject.kind
                        && facts.number_class() == NumberClass::None
                        && !birth.is_some_and(|birth| facts.birth().contradicts(birth))
                })
        };
        let found = |tables: &NameTables<'_>| {
            let mut found = BTreeSet::new();
            similar_in(tables, kind, &query, &Budget::DEFAULT, &mut |name, _| {
                if reached(name) {
                    found.insert(name.0);
                }
            });
            found
        };
        let all = found(&NameTables::of(&snapshot));
        let unnumbered = NameTables::unnumbered(&snapshot, birth).unwrap();
        assert_eq!(found(&unnumbered), all, "{}", subject.name);
        met += all.len();
    }
    assert!(met > 300, "{met}");
}

#[test]
fn names_of_subjects_have_keys_and_those_without_a_number_are_told_apart() {
    let catalogue = built_in().unwrap();
    let mut records = corpus::records(SEED, 1_500, &catalogue);
    for record in records.iter_mut().step_by(9) {
        record.subject.ids.clear();
    }
    let bytes = build_records(records.clone(), &inputs(&catalogue)).unwrap();
    let snapshot = Snapshot::from_bytes(bytes).unwrap();
    assert_eq!(deep::inspect(&snapshot), []);
    let mut expected: [BTreeSet<u32>; 2] = Default::default();
    let (mut told, mut numbered) = (BTreeSet::new(), BTreeSet::new());
    for record in &records {
        let entry = entry_ids::find(&snapshot, record.entry_id.as_str()).unwrap();
        let facts = snapshot.facts(entry);
        let kind = name_kind(record.subject.kind);
        let birth = (kind == NameKind::Person).then(|| facts.birth());
        let tables = NameTables::unnumbered(&snapshot, birth).unwrap();
        let texts = std::iter::once(&record.subject.name).chain(&record.subject.aliases);
        for text in texts.map(|text| fold(text)) {
            let name = names::find(&snapshot, &text).unwrap().0;
            expected[record.subject.kind as usize].insert(name);
            let is_found = tables.find(kind, &text) == Some(name);
            if facts.number_class() == NumberClass::None {
                assert!(is_found, "{text}");
                told.insert(name);
            } else if is_found {
                numbered.insert(name);
            }
        }
    }
    assert_eq!(names_with_keys(&snapshot), expected);
    // Few besides: names that somebody else bears without a number, and the errors of a set.
    numbered.retain(|name| !told.contains(name));
    assert!(told.len() > 100, "{}", told.len());
    assert!(numbered.len() < 30, "{}", numbered.len());
}

#[test]
fn a_deep_inspection_finds_nothing_in_what_a_build_wrote() {
    for count in [0, 1, 2, 7, 1_500] {
        let (_, snapshot) = corpus_snapshot(count);
        assert_eq!(deep::inspect(&snapshot), [], "{count} entries");
    }
}

#[test]
fn equal_records_give_equal_bytes_whatever_order_and_threads() {
    let catalogue = built_in().unwrap();
    let mut records = corpus::records(SEED, 600, &catalogue);
    let inputs = inputs(&catalogue);
    let first = build_records(records.clone(), &inputs).unwrap();
    let mut random = corpus::Random::new(1);
    for threads in [1, 2, 4] {
        for place in (1..records.len()).rev() {
            records.swap(place, random.below(place + 1));
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let again = pool
            .install(|| build_records(records.clone(), &inputs))
            .unwrap();
        assert!(again == first, "{threads} threads");
    }
}

#[test]
fn no_number_stands_in_the_file() {
    let catalogue = built_in().unwrap();
    let bytes = build_records(corpus::records(SEED, 400, &catalogue), &inputs(&catalogue)).unwrap();
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(has("福州".as_bytes()), "names are in clear");
    for place in 0..400 {
        let citizen = corpus::citizen_id(place);
        for number in [
            &citizen[..15],
            &citizen[6..],
            &corpus::credit_code(place)[8..],
        ] {
            assert!(!has(number.as_bytes()), "place {place}");
        }
        assert!(
            !has(&citizen.as_bytes()[..10]),
            "not the visible part of a mask either"
        );
    }
}
