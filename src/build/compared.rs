//! What differs between two builds, against a naive model: two maps from entry_id to record.

use crate::build::build_records;
use crate::build::corpus;
use crate::build::inputs::BuildInputs;
use crate::catalogue::load::built_in;
use crate::catalogue::measure::Catalogue;
use crate::changes::compare::{Changes, Compared, Tally, by_authority, changes, tally};
use crate::changes::subjects::{self, Side, SubjectCounts};
use crate::intake::validate::parse_record;
use crate::model::entry::{EntryIndex, ListRecord, Status};
use crate::model::term::Moment;
use crate::seal::keys::MasterKey;
use crate::snapshot::open::Snapshot;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| built_in().unwrap());

fn built(records: Vec<ListRecord>, salt: u8, master: u8) -> Snapshot {
    let created = Moment::parse("2026-11-22T00:00:00+08:00").unwrap();
    let master = MasterKey::from_bytes([master; 32]);
    let inputs = BuildInputs::new("test", master, &CATALOGUE, [salt; 32], created);
    Snapshot::from_bytes(build_records(records, &inputs).unwrap()).unwrap()
}

/// entry_ids added, changed, removed.
type Named = (BTreeSet<String>, BTreeSet<String>, BTreeSet<String>);

fn named(old: &Snapshot, new: &Snapshot, changes: &Changes) -> Named {
    let id = |snapshot: &Snapshot, entry: &EntryIndex| snapshot.cold(*entry).entry_id.to_string();
    for (before, after) in &changes.changed {
        assert_eq!(id(old, before), id(new, after));
    }
    (
        changes.added.iter().map(|entry| id(new, entry)).collect(),
        changes
            .changed
            .iter()
            .map(|(_, entry)| id(new, entry))
            .collect(),
        changes.removed.iter().map(|entry| id(old, entry)).collect(),
    )
}

/// Other content, the same entry_id.
fn altered(record: &mut ListRecord, random: &mut corpus::Random) {
    match random.below(8) {
        0 => record.conduct = Some("另一行为".into()),
        1 => record.authority = "测试市中级人民法院".into(),
        2 => record.status = Status::Held,
        3 => record.subject.name = "欧阳测试".into(),
        4 => record.in_force_until = Some(record.in_force_from.plus_years(3)),
        5 => record.submitted_at = record.submitted_at.plus_seconds(1),
        6 => record.case_no = "（2031）测01执1号".into(),
        _ => record.subject.aliases.push("另名测试".into()),
    }
}

/// Two lists and what the second changes.
fn lists(seed: u64, count: u64) -> (Vec<ListRecord>, Vec<ListRecord>, Named) {
    let mut random = corpus::Random::new(seed);
    let old = corpus::records(seed, count, &CATALOGUE);
    let mut expected = Named::default();
    let mut new = Vec::new();
    for record in &old {
        let mut record = record.clone();
        let id = record.entry_id.as_str().to_owned();
        match random.below(10) {
            0 => {
                expected.2.insert(id);
                continue;
            }
            1 => {
                altered(&mut record, &mut random);
                expected.1.insert(id);
            }
            _ => {}
        }
        new.push(record);
    }
    for place in 0..random.below(20) as u64 {
        let record = corpus::record(seed, 1_000_000 + place, &CATALOGUE);
        expected.0.insert(record.entry_id.as_str().to_owned());
        new.push(record);
    }
    // Order of records is no content.
    new.reverse();
    (old, new, expected)
}

/// Counts by a group of each record, the slow way.
fn naive_tallies(
    old: &[ListRecord],
    new: &[ListRecord],
    changed: &BTreeSet<String>,
    group: impl Fn(&ListRecord) -> String,
) -> BTreeMap<Box<str>, Tally> {
    let mut tallies: BTreeMap<Box<str>, Tally> = BTreeMap::new();
    let by_id = |records: &[ListRecord]| -> BTreeMap<String, String> {
        let pair = |record: &ListRecord| (record.entry_id.as_str().to_owned(), group(record));
        records.iter().map(pair).collect()
    };
    let (before, after) = (by_id(old), by_id(new));
    for (id, of) in &before {
        let tally = tallies.entry(of.as_str().into()).or_default();
        tally.before += 1;
        tally.removed += u64::from(after.get(id) != Some(of));
    }
    for (id, of) in &after {
        let tally = tallies.entry(of.as_str().into()).or_default();
        tally.after += 1;
        tally.added += u64::from(before.get(id) != Some(of));
        tally.changed += u64::from(before.get(id) == Some(of) && changed.contains(id));
    }
    tallies
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_differs_is_what_a_naive_model_finds(seed: u64, count in 0u64..200) {
        let (before, after, expected) = lists(seed, count);
        // Another salt: nothing else of the two files has anything in common.
        let old = built(before.clone(), 1, 5);
        for master in [5, 6] {
            let new = built(after.clone(), 2, master);
            let changes = changes(&old, &new);
            let by = if master == 5 { Compared::Macs } else { Compared::Facts };
            prop_assert_eq!(changes.compared, by);
            prop_assert_eq!(&named(&old, &new, &changes), &expected);
            let comparison = tally(&old, &new, &changes);
            let lists = naive_tallies(&before, &after, &expected.1, |r| r.list.to_string());
            prop_assert_eq!(&comparison.lists, &lists);
            let of = |record: &ListRecord| record.authority.to_string();
            let authorities = naive_tallies(&before, &after, &expected.1, of);
            prop_assert_eq!(by_authority(&old, &new, &changes), authorities);
            prop_assert_eq!(comparison.total.before, before.len() as u64);
            prop_assert_eq!(comparison.total.after, after.len() as u64);
        }
    }
}

#[test]
fn equal_records_have_equal_macs_in_every_build() {
    let records = corpus::records(3, 60, &CATALOGUE);
    let first = built(records.clone(), 1, 5);
    let mut turned = records;
    turned.reverse();
    let second = built(turned, 2, 5);
    assert!(changes(&first, &second).is_empty());
    let mac = |snapshot: &Snapshot, id: &str| {
        let entry = crate::index::entry_ids::find(snapshot, id).unwrap();
        *snapshot.content(entry).unwrap()
    };
    let id = &first.entry_id(EntryIndex(0));
    assert_eq!(mac(&first, id), mac(&second, id));
    let other_master = built(corpus::records(3, 60, &CATALOGUE), 1, 6);
    assert_ne!(mac(&first, id), mac(&other_master, id));
}

#[test]
fn a_digit_of_a_number_is_a_change_that_only_a_mac_shows() {
    let with = |sequence: u16| {
        let number = crate::identifier::synthetic::citizen_id(990_102, (1980, 3, 7), sequence);
        let mut record = person("1", "张三丰", "1980-03-07", "in_force");
        let id = crate::identifier::kind::IdType::CitizenId;
        let full = crate::identifier::document::FullNumber::parse(id, &number).unwrap();
        record.subject.ids = vec![crate::identifier::mask::ListedNumber::Full(full)];
        vec![record]
    };
    let old = built(with(1), 1, 5);
    assert_eq!(changes(&old, &built(with(3), 2, 5)).changed.len(), 1);
    assert!(changes(&old, &built(with(1), 2, 5)).is_empty());
    let facts = changes(&old, &built(with(3), 2, 6));
    assert_eq!(facts.compared, Compared::Facts);
    assert!(
        facts.is_empty(),
        "said in the table: digits are not compared"
    );
}

fn person(entry_id: &str, name: &str, born: &str, status: &str) -> ListRecord {
    let line = format!(
        r#"{{"entry_id":"{entry_id}","list":"court-defaulter","subject":{{"kind":"person",
            "name":"{name}","birth_date":"{born}"}},"case_no":"(2025)测01执{entry_id}号",
            "authority":"测试区人民法院","supplier":"测试省高级人民法院",
            "submitted_at":"2025-03-11T09:00:00+08:00","in_force_from":"2025-03-10",
            "disclosure":"public","status":"{status}"}}"#
    );
    parse_record(&line.replace('\n', " "), &CATALOGUE).unwrap()
}

#[track_caller]
fn restricts(old: Vec<ListRecord>, new: Vec<ListRecord>, newly: u64, no_longer: u64) {
    let (old, new) = (built(old, 1, 5), built(new, 2, 5));
    let changes = changes(&old, &new);
    let day = Moment::parse("2026-01-01T00:00:00+08:00").unwrap().day();
    let side = |snapshot| Side::new(snapshot, &CATALOGUE, day).unwrap();
    let counted = subjects::count(&side(&old), &side(&new), &changes);
    assert_eq!(counted, SubjectCounts { newly, no_longer });
}

#[test]
fn people_are_counted_once_and_only_where_their_restriction_begins_or_ends() {
    let zhang = |id, status| person(id, "张三丰", "1980-03-07", status);
    let li = |id| person(id, "李四光", "1990-02-03", "in_force");
    restricts(vec![li("1")], vec![li("1"), zhang("2", "in_force")], 1, 0);
    restricts(vec![li("1"), zhang("2", "in_force")], vec![li("1")], 0, 1);
    // A second case of the same person restricts nobody more.
    let both = vec![zhang("2", "in_force"), zhang("3", "in_force")];
    restricts(vec![zhang("2", "in_force")], both.clone(), 0, 0);
    restricts(both, vec![zhang("3", "in_force")], 0, 0);
    // Listed anew under another entry_id: still the same person.
    restricts(
        vec![zhang("2", "in_force")],
        vec![zhang("9", "in_force")],
        0,
        0,
    );
    // Held or repaired: no longer; a namesake born on another day is another person.
    restricts(vec![zhang("2", "in_force")], vec![zhang("2", "held")], 0, 1);
    restricts(
        vec![zhang("2", "repaired")],
        vec![zhang("2", "in_force")],
        1,
        0,
    );
    let namesake = person("3", "张三丰", "1981-03-07", "in_force");
    restricts(vec![zhang("2", "in_force")], vec![namesake], 1, 1);
}
