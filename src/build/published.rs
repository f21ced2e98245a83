//! Publishing built snapshots: the pointer is the old one or the new one, whatever happens.

use crate::build::build_records;
use crate::build::corpus;
use crate::build::inputs::BuildInputs;
use crate::catalogue::load::built_in;
use crate::model::term::Moment;
use crate::seal::keys::MasterKey;
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::publish::{self, Accepted, Current, POINTER, PublishError};
use crate::storage::disk::{RealDisk, Storage, read_all};
use crate::storage::simulated::SimulatedDisk;
use std::path::Path;

fn snapshot(count: u64, previous_version: u64) -> Snapshot {
    let catalogue = built_in().unwrap();
    let created = Moment::parse("2026-11-22T00:00:00+08:00").unwrap();
    let master = MasterKey::from_bytes([5; 32]);
    let mut inputs = BuildInputs::new("test", master, &catalogue, [9; 32], created);
    inputs.previous_version = Some(previous_version);
    let records = corpus::records(2, count, &catalogue);
    Snapshot::from_bytes(build_records(records, &inputs).unwrap()).unwrap()
}

#[test]
fn a_published_file_is_found_through_the_pointer() {
    let folder = tempfile::tempdir().unwrap();
    assert!(publish::read_current(folder.path()).unwrap().is_none());
    let old = snapshot(3, 1);
    let new = snapshot(4, u64::MAX - 2);
    assert_eq!(new.manifest().version, u64::MAX - 1);
    for published in [&old, &new, &new] {
        let current = publish::publish(&RealDisk, published, folder.path()).unwrap();
        let read = publish::read_current(folder.path()).unwrap().unwrap();
        assert_eq!(read, current);
        let path = publish::file_in(folder.path(), &read.file).unwrap();
        let opened = Snapshot::open_file(&path, &OpenOptions::default()).unwrap();
        read.check(&opened).unwrap();
        assert_eq!(opened.id(), published.id());
        assert_eq!(read.id(), published.id());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    let fault = Current::to(&old, "a.hecha")
        .unwrap()
        .check(&new)
        .unwrap_err();
    assert!(matches!(fault, PublishError::Hash { .. }), "{fault}");
}

#[test]
fn who_accepts_and_why_stands_in_the_pointer() {
    let folder = tempfile::tempdir().unwrap();
    let accepted = Accepted {
        by: "head of lists".to_owned(),
        reason: "yearly clearing".to_owned(),
        at: Moment::parse("2026-11-22T00:00:00+08:00").unwrap(),
        exceeded: vec!["list `a`: 40 entries of 100 are gone, 30 % or more".to_owned()],
    };
    let snapshot = snapshot(3, 1);
    let word = Some(accepted.clone());
    publish::publish_signed(&RealDisk, &snapshot, folder.path(), None, word).unwrap();
    let read = publish::read_current(folder.path()).unwrap().unwrap();
    assert_eq!(read.accepted, Some(accepted));
    let json = String::from_utf8(read.to_json()).unwrap();
    for (from, to) in [
        ("yearly clearing", " "),
        ("head of lists", ""),
        ("2026-11-22T", "yesterday"),
    ] {
        assert!(Current::from_json(json.replace(from, to).as_bytes()).is_err());
    }
}

#[test]
fn a_cut_at_any_moment_leaves_a_pointer_to_a_whole_file() {
    let (old, new) = (snapshot(2, 1), snapshot(3, 2));
    let folder = Path::new("/snapshots");
    let mut seen_new = 0;
    for cut in 0..40 {
        let disk = SimulatedDisk::new(cut);
        disk.create_folder(folder).unwrap();
        publish::publish(&disk, &old, folder).unwrap();
        disk.cut_power_after(cut / 2);
        let published = publish::publish(&disk, &new, folder);
        let disk = disk.crash();
        let read = |name: &str| read_all(&*disk.open(&folder.join(name)).unwrap()).unwrap();
        let current = Current::from_json(&read(POINTER)).unwrap();
        assert_eq!(
            blake3::hash(&read(&current.file)).as_bytes(),
            &current.blake3,
            "cut {cut}"
        );
        let is_new = current.id() == new.id();
        assert!(is_new || current.id() == old.id(), "cut {cut}");
        assert!(is_new || published.is_err(), "cut {cut}");
        seen_new += u32::from(is_new);
        // What was cut is no obstacle to trying again.
        publish::publish(&disk, &new, folder).unwrap();
    }
    assert!(
        seen_new > 0 && seen_new < 40,
        "both outcomes were seen: {seen_new}"
    );
}

#[test]
fn a_file_of_the_same_name_with_other_content_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let old = snapshot(2, 1);
    let current = publish::publish(&RealDisk, &old, folder.path()).unwrap();
    std::fs::write(folder.path().join(&current.file), b"other").unwrap();
    let fault = publish::publish(&RealDisk, &old, folder.path()).unwrap_err();
    assert!(
        fault
            .to_string()
            .ends_with("published files are never changed"),
        "{fault}"
    );
}

#[test]
fn pointers_that_lead_elsewhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = String::from_utf8(Current::to(&snapshot(1, 1), "a.hecha").unwrap().to_json());
    let good = good.unwrap();
    let read = |json: &str| {
        std::fs::write(folder.path().join(POINTER), json).unwrap();
        publish::read_current(folder.path())
    };
    assert!(read(&good).is_ok());
    for (from, to, what) in [
        ("a.hecha", "../a.hecha", "`file` is no bare file name"),
        ("a.hecha", "/etc/passwd", "`file` is no bare file name"),
        ("a.hecha", "..", "`file` is no bare file name"),
        ("a.hecha", ".hidden", "`file` is no bare file name"),
        ("a.hecha", "", "`file` is no bare file name"),
        ("a.hecha", "a\\u0000b", "`file` is no bare file name"),
        ("\"format\":1", "\"format\":2", "its format is 2, not 1"),
        (
            "\"blake3\":\"",
            "\"blake3\":\"0",
            "`blake3` is no hash of 64 hex digits",
        ),
        ("{", "[", "no pointer"),
    ] {
        let fault = read(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(fault.contains(what), "{from} -> {to}: {fault}");
    }
    assert!(
        read(&" ".repeat(70_000))
            .unwrap_err()
            .to_string()
            .contains("longer than a pointer")
    );
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.hecha")).unwrap();
    std::fs::create_dir(folder.path().join("sub.hecha")).unwrap();
    for name in ["link.hecha", "sub.hecha"] {
        let fault = publish::file_in(folder.path(), name).unwrap_err();
        assert!(
            matches!(fault, PublishError::NotPlain { .. }),
            "{name}: {fault}"
        );
    }
    for name in ["../x", "a/b", "", "a b", "none.hecha"] {
        assert!(publish::file_in(folder.path(), name).is_err(), "{name}");
    }
}
