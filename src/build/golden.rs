//! The snapshots of format 1 in `tests/golden` stay openable: that of the first program, and that
//! of the section `cold` with templates, which is what its records build today.
//!
//! With `HECHA_WRITE_GOLDEN=1` the second is written anew; a change of it is one of the format.

use crate::build::build_records;
use crate::build::inputs::{AsOf, BuildInputs, Provenance};
use crate::catalogue::load::built_in;
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::identifier::synthetic;
use crate::index::{deep, entry_ids, identifiers, names};
use crate::intake::validate::parse_record;
use crate::model::entry::EntryIndex;
use crate::model::term::Moment;
use crate::name::fold::fold;
use crate::seal::keys::MasterKey;
use crate::snapshot::container::Section;
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::sections::REQUIRED_COUNT;
use std::path::{Path, PathBuf};

const RECORDS: &str = include_str!("../../tests/golden/snapshot-1.ndjson");

/// Of the first program: today's writes other texts of records.
fn first() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/snapshot-1.hecha")
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/snapshot-1-templates.hecha")
}

fn master() -> MasterKey {
    MasterKey::from_bytes(std::array::from_fn(|place| place as u8))
}

fn rebuilt() -> Vec<u8> {
    let catalogue = built_in().unwrap();
    let moment = |text| Moment::parse(text).unwrap();
    let created = moment("2026-11-22T00:00:00+08:00");
    let mut inputs = BuildInputs::new("golden", master(), &catalogue, [7; 32], created);
    inputs.expires = Some(moment("2026-11-29T00:00:00+08:00"));
    inputs.as_of = vec![AsOf {
        list: Some("work-safety-blacklist".into()),
        moment: moment("2026-11-21T12:00:00+08:00"),
    }];
    inputs.provenance = Provenance {
        engine_version: "golden".into(),
        fold_version: "golden".into(),
        unicode_version: "golden".into(),
        name_keys_version: "".into(),
        catalogue_hash: [8; 32],
    };
    let records = RECORDS
        .lines()
        .map(|line| parse_record(line, &catalogue).unwrap());
    build_records(records.collect(), &inputs).unwrap()
}

fn open(path: &Path) -> Snapshot {
    let options = OpenOptions {
        fold_version: "golden".into(),
        ..OpenOptions::default()
    };
    Snapshot::open_file(path, &options).unwrap()
}

/// What the records build today, opened.
fn reopened() -> Snapshot {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("now.hecha");
    std::fs::write(&path, rebuilt()).unwrap();
    open(&path)
}

fn bytes<'a>(of: &'a Snapshot, section: &Section) -> &'a [u8] {
    &of.bytes()[section.range.clone()]
}

fn same<'a>(of: &'a Snapshot, section: &Section) -> &'a Section {
    let mut all = of.sections().iter();
    all.find(|other| other.name == section.name).unwrap()
}

#[test]
fn the_golden_file_is_what_its_records_build() {
    if std::env::var_os("HECHA_WRITE_GOLDEN").is_some() {
        std::fs::write(golden(), rebuilt()).unwrap();
    }
    let (golden, now) = (open(&golden()), reopened());
    for section in now.sections().iter().filter(|section| section.required) {
        let before = same(&golden, section);
        assert!(
            bytes(&golden, before) == bytes(&now, section) && section.version == before.version,
            "{} of format 1 has changed: a new version is due",
            section.name
        );
    }
    assert_eq!(deep::inspect(&golden), []);
    assert_eq!(deep::inspect(&now), []);
}

#[test]
fn the_first_file_says_what_its_records_build() {
    let (first, now) = (open(&first()), reopened());
    for section in first.sections() {
        let later = same(&now, section);
        let is_texts = ["cold_offsets", "cold", "dictionary_offsets", "dictionary"]
            .contains(&section.name.as_str());
        let is_equal = bytes(&first, section) == bytes(&now, later);
        assert!(is_equal || is_texts, "{}", section.name);
    }
    for entry in (0..first.entry_count()).map(EntryIndex) {
        assert_eq!(first.cold(entry), now.cold(entry));
        assert_eq!(first.further(entry), now.further(entry));
        assert_eq!(*first.entry_id(entry), *now.entry_id(entry));
    }
    // Optional sections came later.
    assert_eq!(first.sections().len(), REQUIRED_COUNT);
    assert!(!first.has_similar_names() && first.scan_tables().is_none());
    assert_eq!(deep::inspect(&first), []);
}

#[test]
fn the_golden_files_answer() {
    // The first program counted versions in seconds.
    for (path, version) in [(first(), 1_795_276_800), (golden(), 1_795_276_800_000)] {
        let snapshot = open(&path);
        assert_eq!(snapshot.manifest().version, version);
        answers(&snapshot);
    }
}

fn answers(snapshot: &Snapshot) {
    let manifest = snapshot.manifest();
    assert_eq!(manifest.entries, 7);
    let lists: Vec<(&str, u32)> = manifest.lists.iter().map(|l| (&*l.id, l.entries)).collect();
    let expected = [
        ("court-defaulter", 4),
        ("env-credit-rating", 2),
        ("fj-blacklist", 1),
    ];
    assert_eq!(lists[..3], expected);
    assert_eq!(lists[3], ("work-safety-blacklist", 0));

    let key = snapshot.digest_key(&master());
    let entries = |id_type, number: &str| -> Vec<(String, u16)> {
        let number = FullNumber::parse(id_type, number).unwrap();
        let patterns = manifest.patterns_of(id_type).iter();
        let masked = patterns.filter_map(|pattern| key.under_pattern(*pattern, &number));
        let digests = std::iter::once(key.full(&number)).chain(masked);
        let rows = digests.filter_map(|digest| identifiers::find(snapshot, &digest));
        rows.flat_map(|row| identifiers::postings(snapshot, row))
            .map(|p| (snapshot.cold(p.entry()).entry_id.to_string(), p.party()))
            .collect()
    };
    let of = |id: &str, party| (id.to_owned(), party);
    assert_eq!(
        entries(IdType::CitizenId, "990102198003071239"),
        [of("g-1", 0), of("g-2", 0)]
    );
    assert_eq!(
        entries(IdType::CitizenId, "99010219800307005X"),
        [of("g-3", 0), of("g-5", 1)]
    );
    assert_eq!(entries(IdType::Passport, "e 1234-5678"), [of("g-4", 0)]);
    assert_eq!(
        entries(IdType::OrgCode, "D2143569X"),
        [of("g-6", 0), of("g-5", 0)]
    );
    let stranger = synthetic::citizen_id(990_102, (1970, 1, 1), 1);
    assert_eq!(entries(IdType::CitizenId, &stranger), []);

    let name = names::find(snapshot, &fold("張三豐")).unwrap();
    let own: Vec<String> = names::entries(snapshot, name)
        .map(|entry| snapshot.entry_id(EntryIndex(entry)).to_string())
        .collect();
    assert_eq!(own, ["g-4", "g-3", "g-1", "g-2"], "no number, masked, full");
    let alias = names::find(snapshot, &fold("张小丰")).unwrap();
    assert_eq!(names::alias_entries(snapshot, alias).count(), 1);
    let green = snapshot.facts(entry_ids::find(snapshot, "g-6").unwrap());
    assert_eq!(
        &*manifest.lists[1].grades[usize::from(green.grade().unwrap())],
        "green"
    );
    assert_eq!(snapshot.subject_groups().len(), 2);
    assert_eq!(snapshot.case_groups().len(), 1);
}
