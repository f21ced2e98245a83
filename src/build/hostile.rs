//! Damaged, foreign and hostile snapshot files: all damage is refused; what is sealed again with
//! right checksums may be nonsense, but never a panic.

use crate::build::build_records;
use crate::build::corpus;
use crate::build::inputs::BuildInputs;
use crate::catalogue::load::built_in;
use crate::changes::compare::{changes, tally};
use crate::changes::facts::{self, Entry};
use crate::changes::subjects::{self, Side};
use crate::identifier::digest::Digest;
use crate::index::candidates::NameTables;
use crate::index::scan::Scanner;
use crate::index::similar::{Budget, candidates_in, similar};
use crate::index::{deep, entry_ids, identifiers, names};
use crate::model::entry::EntryIndex;
use crate::model::term::Moment;
use crate::name::fold::fold;
use crate::name::passage::Passage;
use crate::name::query::NameQuery;
use crate::name::similarity::NameKind;
use crate::seal::keys::MasterKey;
use crate::snapshot::container::{self, ContainerError, ContainerWriter, SectionKind};
use crate::snapshot::entries::{NameNumber, RowNumber};
use crate::snapshot::mapping::Residence;
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::scan_sections::SCAN_SECTIONS;
use crate::snapshot::sections::{REQUIRED_COUNT, SECTION_COUNT, SIMILAR_COUNT};
use crate::snapshot::tables::OpenError;
use proptest::prelude::*;
use std::fs::Permissions;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;
use xxhash_rust::xxh3::xxh3_64;

fn built(count: u64) -> Vec<u8> {
    let catalogue = built_in().unwrap();
    let created = Moment::parse("2026-11-22T00:00:00+08:00").unwrap();
    let master = MasterKey::from_bytes([5; 32]);
    let inputs = BuildInputs::new("test", master, &catalogue, [9; 32], created);
    build_records(corpus::records(2, count, &catalogue), &inputs).unwrap()
}

#[test]
fn any_flipped_bit_and_any_cut_is_refused() {
    let whole = built(6);
    assert!(Snapshot::from_bytes(whole.clone()).is_ok());
    for place in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << (place % 8);
        assert!(Snapshot::from_bytes(flipped).is_err(), "byte {place}");
        assert!(
            Snapshot::from_bytes(whole[..place].to_vec()).is_err(),
            "cut at {place}"
        );
    }
    let mut longer = whole;
    longer.push(0);
    assert!(Snapshot::from_bytes(longer).is_err());
}

#[test]
fn foreign_and_empty_files_are_named_for_what_they_are() {
    let whole = built(1);
    let refused = |bytes: Vec<u8>| match Snapshot::from_bytes(bytes) {
        Err(OpenError::Container(fault)) => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(Vec::new()), ContainerError::TooShort { bytes: 0 });
    assert_eq!(refused(vec![b'{'; 4_000]), ContainerError::Magic);
    let mut newer = whole.clone();
    newer[8] = 2;
    assert_eq!(refused(newer), ContainerError::Format { found: 2 });
    let mut cut = whole.clone();
    cut.truncate(whole.len() - 1);
    assert!(matches!(refused(cut), ContainerError::Length { .. }));
}

/// Writes the file again with its sections changed.
fn rewritten(change: impl Fn(&mut Vec<(SectionKind, bool, Vec<u8>)>)) -> Vec<u8> {
    let whole = built(3);
    let layout = container::check(&whole).unwrap();
    let mut sections = Vec::new();
    for section in &layout.sections {
        let kind = SectionKind {
            name: Box::leak(section.name.clone().into_boxed_str()),
            version: section.version,
            item_bytes: section.item_bytes,
        };
        sections.push((
            kind,
            section.required,
            whole[section.range.clone()].to_vec(),
        ));
    }
    change(&mut sections);
    let manifest = whole[layout.manifest].to_vec();
    let out = Cursor::new(Vec::new());
    let mut writer = ContainerWriter::start(out, manifest, sections.len()).unwrap();
    for (kind, required, bytes) in &sections {
        writer.raw_section(*kind, *required, bytes).unwrap();
    }
    writer.finish().unwrap().0.into_inner()
}

#[test]
fn sections_that_do_not_fit_are_refused_and_optional_ones_ignored() {
    let extra = |required| {
        rewritten(move |sections| {
            let kind = SectionKind {
                name: "pinyin_2",
                version: 1,
                item_bytes: 4,
            };
            sections.push((kind, required, vec![1; 8]));
        })
    };
    let open = |bytes| Snapshot::from_bytes(bytes).map(|s| s.entry_count());
    assert_eq!(open(extra(false)).unwrap(), 3);
    assert!(matches!(open(extra(true)), Err(OpenError::Unknown { name }) if name == "pinyin_2"));
    // Tables of similar names: without one of them, or with other rows, there are none.
    // Sets of keys are of no use alone, and the tables serve without them.
    for place in REQUIRED_COUNT..SECTION_COUNT {
        let similar = |bytes| {
            Snapshot::from_bytes(bytes).map(|s| (s.has_similar_names(), s.has_unnumbered_names()))
        };
        assert_eq!(similar(rewritten(|_| {})).unwrap(), (true, true));
        let expected = (place >= SIMILAR_COUNT, false);
        let missing = rewritten(|sections| drop(sections.remove(place)));
        assert_eq!(similar(missing).unwrap(), expected, "section {place}");
        let other = rewritten(|sections| sections[place].0.version += 1);
        assert_eq!(similar(other).unwrap(), expected, "section {place}");
    }
    let without_scan = rewritten(|sections| sections.retain(|(_, required, _)| *required));
    let without_scan = Snapshot::from_bytes(without_scan).unwrap();
    assert!(without_scan.scan_tables().is_none());
    assert!(deep::inspect(&without_scan).is_empty());
    for kind in SCAN_SECTIONS {
        let newer = rewritten(|sections| {
            let mut all = sections.iter_mut();
            all.find(|(other, ..)| other.name == kind.name)
                .unwrap()
                .0
                .version += 1;
        });
        let newer = Snapshot::from_bytes(newer).unwrap();
        assert!(newer.scan_tables().is_none(), "{}", kind.name);
    }
    for place in 0..21 {
        let missing = rewritten(|sections| drop(sections.remove(place)));
        assert!(
            matches!(open(missing), Err(OpenError::Missing { .. })),
            "section {place}"
        );
        let other = rewritten(|sections| sections[place].0.version += 1);
        assert!(
            matches!(open(other), Err(OpenError::Version { .. })),
            "section {place}"
        );
        let twice = rewritten(|sections| sections.push(sections[place].clone()));
        assert!(
            matches!(open(twice), Err(OpenError::Container(_))),
            "section {place}"
        );
    }
    // Sections whose number of items others depend on: one item less is seen at once.
    for name in [
        "facts",
        "identifier_rows",
        "postings",
        "names",
        "name_text",
        "content",
        "cold_offsets",
        "cold",
        "dictionary_offsets",
        "dictionary",
        "person_places",
    ] {
        let shorter = rewritten(|sections| {
            let section = sections
                .iter_mut()
                .find(|(kind, ..)| kind.name == name)
                .unwrap();
            let bytes = section.2.len() - section.0.item_bytes as usize;
            section.2.truncate(bytes);
        });
        assert!(
            matches!(open(shorter), Err(OpenError::Inconsistent { .. })),
            "{name}"
        );
    }
}

/// Changes a whole number of 64 bits and makes the checksums fit again.
fn resealed(place: usize, value: u64) -> Vec<u8> {
    let mut file = built(3);
    let layout = container::check(&file).unwrap();
    let table = layout.manifest.end.next_multiple_of(container::ALIGNMENT);
    let rows = table..table + 64 * layout.sections.len();
    file[place..place + 8].copy_from_slice(&value.to_le_bytes());
    let body = [&file[layout.manifest], &file[rows]].concat();
    file[48..56].copy_from_slice(&xxh3_64(&body).to_le_bytes());
    let header = xxh3_64(&file[..120]);
    file[120..128].copy_from_slice(&header.to_le_bytes());
    file
}

#[test]
fn sizes_that_a_file_claims_and_does_not_have_are_refused_and_cost_nothing() {
    let table = {
        let layout = container::check(&built(3)).unwrap();
        layout.manifest.end.next_multiple_of(container::ALIGNMENT)
    };
    assert!(Snapshot::from_bytes(resealed(56, 0)).is_ok(), "sealed well");
    for huge in [
        u64::MAX,
        u64::MAX - 63,
        1 << 63,
        1 << 40,
        u64::from(u32::MAX),
    ] {
        // Format and count of sections; place and length of the manifest; place of the table;
        // length of the file; place and length of the first and the third section.
        let of_header = [12 - 4, 16, 24, 32, 40];
        let of_rows = [
            table + 32,
            table + 40,
            table + 2 * 64 + 32,
            table + 2 * 64 + 40,
        ];
        for place in of_header.into_iter().chain(of_rows) {
            let refused = Snapshot::from_bytes(resealed(place, huge));
            assert!(
                matches!(refused, Err(OpenError::Container(_))),
                "{place} {huge}"
            );
        }
    }
    // As many sections as 32 bits say, and the format as it is.
    let count = u64::from(container::FORMAT) | u64::from(u32::MAX) << 32;
    let refused = Snapshot::from_bytes(resealed(8, count));
    assert!(matches!(
        refused,
        Err(OpenError::Container(ContainerError::Place))
    ));
}

#[test]
fn a_manifest_that_is_deep_or_claims_much_is_refused() {
    let whole = built(3);
    let layout = container::check(&whole).unwrap();
    let text = String::from_utf8(whole[layout.manifest.clone()].to_vec()).unwrap();
    let with_manifest = |manifest: Vec<u8>| {
        let out = Cursor::new(Vec::new());
        let count = layout.sections.len();
        let mut writer = ContainerWriter::start(out, manifest, count).unwrap();
        for section in &layout.sections {
            let kind = SectionKind {
                name: Box::leak(section.name.clone().into_boxed_str()),
                version: section.version,
                item_bytes: section.item_bytes,
            };
            let bytes = &whole[section.range.clone()];
            writer.raw_section(kind, section.required, bytes).unwrap();
        }
        Snapshot::from_bytes(writer.finish().unwrap().0.into_inner())
    };
    assert!(with_manifest(text.clone().into_bytes()).is_ok());
    let deep = [vec![b'['; 1 << 20], vec![b']'; 1 << 20]].concat();
    assert!(matches!(with_manifest(deep), Err(OpenError::Manifest(_))));
    let entries = "\"entries\":3";
    assert!(text.contains(entries), "{text}");
    let claims = text.replace(entries, "\"entries\":4294967295");
    assert!(with_manifest(claims.into_bytes()).is_err());
}

#[test]
fn a_file_of_other_name_tables_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.hecha");
    std::fs::write(&path, built(1)).unwrap();
    let options = OpenOptions {
        fold_version: "other".into(),
        ..OpenOptions::default()
    };
    let fault = Snapshot::open_file(&path, &options).unwrap_err();
    assert!(
        fault.to_string().contains("this build folds by `other`"),
        "{fault}"
    );
    assert!(Snapshot::open_file(&path, &OpenOptions::default()).is_ok());
}

#[test]
fn a_file_that_others_could_change_is_copied_first() {
    let folder = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.hecha");
    std::fs::write(&path, built(2)).unwrap();
    let residence = |state_dir: Option<&std::path::Path>| {
        let options = OpenOptions {
            state_dir: state_dir.map(Into::into),
            ..OpenOptions::default()
        };
        let snapshot = Snapshot::open_file(&path, &options).unwrap();
        assert_eq!(snapshot.entry_count(), 2);
        snapshot.residence()
    };
    assert_eq!(residence(None), Residence::InPlace);
    let mode = |of: &std::path::Path, mode| {
        std::fs::set_permissions(of, Permissions::from_mode(mode)).unwrap();
    };
    mode(&path, 0o666);
    assert_eq!(residence(None), Residence::Memory);
    assert_eq!(residence(Some(state.path())), Residence::Copied);
    mode(&path, 0o640);
    mode(folder.path(), 0o777);
    assert_eq!(residence(Some(state.path())), Residence::Copied);
    mode(folder.path(), 0o700);
    assert_eq!(residence(Some(state.path())), Residence::InPlace);
    assert_eq!(
        std::fs::read_dir(state.path()).unwrap().count(),
        0,
        "no copy stays"
    );
}

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| built(60));

/// Right checksums for whatever the file now holds.
fn reseal(file: &mut [u8]) {
    let number =
        |file: &[u8], at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    let count = u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
    let (manifest, manifest_bytes, table) = (number(file, 16), number(file, 24), number(file, 32));
    let within = |first: usize, bytes: usize, len: usize| {
        first.checked_add(bytes).is_some_and(|end| end <= len)
    };
    if count > 256 || !within(table, count * 64, file.len()) {
        return;
    }
    for row in (0..count).map(|row| table + row * 64) {
        let (first, bytes) = (number(file, row + 32), number(file, row + 40));
        if within(first, bytes, file.len()) {
            let hash = xxh3_64(&file[first..first + bytes]);
            file[row + 48..row + 56].copy_from_slice(&hash.to_le_bytes());
        }
    }
    if within(manifest, manifest_bytes, file.len()) {
        let mut body = file[manifest..manifest + manifest_bytes].to_vec();
        body.extend_from_slice(&file[table..table + count * 64]);
        file[48..56].copy_from_slice(&xxh3_64(&body).to_le_bytes());
    }
    let header = xxh3_64(&file[..120]);
    file[120..128].copy_from_slice(&header.to_le_bytes());
}

/// Everything that a gateway or an inspection could ask.
fn ask_everything(snapshot: &Snapshot, random: &mut corpus::Random) {
    for round in 0..100u64 {
        let edge = [0, 1, 59, 60, 61, u32::MAX - 1, u32::MAX][random.below(7)];
        let entry = EntryIndex(if round < 60 { round as u32 } else { edge });
        let facts = snapshot.facts(entry);
        let _ = (
            facts.grade(),
            facts.status(),
            facts.birth_day(),
            facts.in_force_until(),
        );
        for party in snapshot.parties(entry) {
            for name in snapshot.party_names(party) {
                let _ = names::entries(snapshot, name).len();
                let _ = names::find(snapshot, snapshot.name_text(name));
                let _ = names::alias_entries(snapshot, name).count();
            }
            for number in snapshot.numbers(party) {
                let postings = identifiers::postings(snapshot, number.row());
                let _ = postings
                    .iter()
                    .map(|p| snapshot.facts(p.entry()).rank())
                    .max();
                let _ = (number.id_type(), number.pattern());
            }
            let _ = (party.birth_day(), party.roles().iter().count());
        }
        let cold = snapshot.cold(entry);
        let _ = (
            entry_ids::find(snapshot, &cold.entry_id),
            cold.recourse,
            snapshot.further(entry).region,
        );
        snapshot.fetch_cold([entry, EntryIndex(edge)].into_iter());
        let bits = u128::from(random.next()) << 64 | u128::from(random.next());
        let _ = identifiers::find(snapshot, &Digest(bits.to_le_bytes()));
        let _ = identifiers::postings(snapshot, RowNumber(edge)).len();
        let _ = names::entries(snapshot, NameNumber(edge));
        names::fetch(snapshot, [edge, 0].into_iter().map(NameNumber));
        let _ = names::find(snapshot, &fold(&corpus::person_name(random)));
        let _ = (
            snapshot.subject_group(edge),
            snapshot.case_group(edge),
            snapshot.content(entry),
        );
    }
    for name in [
        corpus::person_name(random).as_str(),
        "福州伟芳贸易有限公司",
        "王",
        "",
    ] {
        for kind in [NameKind::Person, NameKind::Organisation] {
            let query = NameQuery::parse(kind, name);
            let entries = |name| names::entries(snapshot, name).len();
            let mut all = 0;
            let mut visit = |name, _| all += entries(name);
            let _ = similar(snapshot, kind, &query, &Budget::DEFAULT, &mut visit);
            let tables = NameTables::of(snapshot);
            let _ = candidates_in(&tables, kind, &query, &Budget::DEFAULT, &mut |name| {
                all += entries(name);
            });
        }
    }
    let tables = snapshot.scan_tables();
    let scanner = tables.and_then(|tables| Scanner::new(tables, &snapshot.manifest().salt));
    if let Some(scanner) = scanner {
        let listed = (0..60).map(|name| snapshot.name_text(NameNumber(name)));
        let text: String = listed.collect();
        let stands = |found| {
            let bears = |name| names::entries(snapshot, name).len();
            scanner.names(found).map(bears).sum::<usize>() > 0
        };
        let _ = scanner.scan(&Passage::new(&text), stands);
    }
    compare_with_a_good_one(snapshot);
    let _ = snapshot.subject_groups().map(<[_]>::len).max();
    let _ = snapshot.case_groups().map(<[_]>::len).max();
    let _ = deep::inspect(snapshot);
}

/// Both ways, by MACs and by facts; what comes out may be nonsense.
fn compare_with_a_good_one(snapshot: &Snapshot) {
    static GOOD: LazyLock<Snapshot> =
        LazyLock::new(|| Snapshot::from_bytes(WHOLE.clone()).unwrap());
    let day = Moment::parse("2026-11-22T00:00:00+08:00").unwrap().day();
    let catalogue = built_in().unwrap();
    for (old, new) in [(&*GOOD, snapshot), (snapshot, &*GOOD)] {
        let found = changes(old, new);
        let _ = tally(old, new, &found);
        let sides = (
            Side::new(old, &catalogue, day),
            Side::new(new, &catalogue, day),
        );
        if let (Ok(before), Ok(after)) = sides {
            let _ = subjects::count(&before, &after, &found);
        }
        for (before, after) in &found.changed {
            let [one, other] =
                [(old, *before), (new, *after)].map(|(snapshot, index)| Entry { snapshot, index });
            let _ = facts::are_equal(one, other);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_hostile_file_with_right_checksums_never_panics(seed: u64, changes in 1usize..60) {
        let mut random = corpus::Random::new(seed);
        let mut file = WHOLE.clone();
        // Most files are changed behind the table, so that many of them open.
        let behind = 128 + 2_048 + 64 * (SECTION_COUNT + SCAN_SECTIONS.len());
        let first = if random.chance(85) { behind } else { 0 };
        for _ in 0..changes {
            let place = first + random.below(file.len() - first - 4);
            let value = match random.below(5) {
                0 => u32::MAX,
                1 => random.below(70) as u32,
                2 => u32::from_le_bytes(file[place..place + 4].try_into().unwrap()).wrapping_add(1),
                _ => random.next() as u32,
            };
            let place = if random.chance(70) { place & !3 } else { place };
            file[place..place + 4].copy_from_slice(&value.to_le_bytes());
        }
        reseal(&mut file);
        if let Ok(snapshot) = Snapshot::from_bytes(file) {
            ask_everything(&snapshot, &mut random);
        }
    }
}

#[test]
fn a_resealed_file_opens_and_its_nonsense_is_found_in_depth() {
    assert_eq!(
        deep::inspect(&Snapshot::from_bytes(WHOLE.clone()).unwrap()),
        []
    );
    let layout = container::check(&WHOLE).unwrap();
    for name in ["postings", "person_places", "unnumbered_born"] {
        let mut file = WHOLE.clone();
        let section = layout.sections.iter().find(|s| s.name == name).unwrap();
        file[section.range.start..section.range.start + 4].copy_from_slice(&[0xff; 4]);
        reseal(&mut file);
        let snapshot = Snapshot::from_bytes(file).unwrap();
        assert!(!deep::inspect(&snapshot).is_empty(), "{name}");
    }
}
