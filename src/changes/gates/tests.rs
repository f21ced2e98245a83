//! The judgement as tables: figures in, codes of what is exceeded out.

use super::*;
use crate::changes::compare::Compared;
use crate::identifier::kind::IdType;
use crate::seal::keys::KeyId;
use crate::snapshot::manifest::ManifestList;

fn moment(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

fn manifest(lists: &[(&str, u32)]) -> Manifest {
    let created = moment("2026-11-22T00:00:00+08:00");
    let list = |(id, entries): &(&str, u32)| ManifestList {
        id: (*id).into(),
        as_of: created,
        entries: *entries,
        grades: Vec::new(),
    };
    Manifest {
        environment: "test".into(),
        version: 1,
        created,
        expires: None,
        engine_version: "".into(),
        catalogue_hash: [1; 32],
        fold_version: "".into(),
        unicode_version: "".into(),
        name_keys_version: "".into(),
        key_id: KeyId([0; 8]),
        salt: [0; 32],
        entries: lists.iter().map(|(_, entries)| entries).sum(),
        quarantined: 0,
        lists: lists.iter().map(list).collect(),
        patterns: std::array::from_fn::<_, { IdType::ALL.len() }, _>(|_| Vec::new()),
    }
}

/// Lists by counts before, added, removed.
fn comparison(lists: &[(&str, u64, u64, u64)]) -> Comparison {
    let tally = |before, added, removed| Tally {
        before,
        after: before + added - removed,
        added,
        changed: 0,
        removed,
    };
    let sum = |of: fn(&(&str, u64, u64, u64)) -> u64| lists.iter().map(of).sum();
    Comparison {
        compared: Compared::Macs,
        total: tally(sum(|l| l.1), sum(|l| l.2), sum(|l| l.3)),
        lists: lists
            .iter()
            .map(|(id, before, added, removed)| ((*id).into(), tally(*before, *added, *removed)))
            .collect(),
    }
}

fn codes(evidence: Evidence<'_>) -> Vec<&'static str> {
    judge(evidence, &Limits::default())
        .iter()
        .map(Exceeded::code)
        .collect()
}

fn evidence<'a>(
    previous: &'a Manifest,
    next: &'a Manifest,
    comparison: &'a Comparison,
) -> Evidence<'a> {
    Evidence {
        previous,
        next,
        comparison,
        canaries: &[],
        replay: None,
        now: moment("2026-11-22T01:00:00+08:00"),
    }
}

/// One list of `before` entries of which so many go and come.
#[track_caller]
fn one_list(before: u32, added: u64, removed: u64, expected: &[&str]) {
    let after = before + added as u32 - removed as u32;
    let (previous, next) = (manifest(&[("a", before)]), manifest(&[("a", after)]));
    let comparison = comparison(&[("a", before.into(), added, removed)]);
    let found = codes(evidence(&previous, &next, &comparison));
    let mut unique = Vec::new();
    for code in found {
        if !unique.contains(&code) {
            unique.push(code);
        }
    }
    assert_eq!(unique, expected, "{before} +{added} -{removed}");
}

#[test]
fn a_list_may_grow_and_shrink_within_its_limits() {
    one_list(1_000, 299, 0, &[]);
    one_list(1_000, 300, 0, &["gained"]);
    one_list(1_000, 0, 299, &[]);
    one_list(1_000, 0, 300, &["lost"]);
    // As many as before, and still another list.
    one_list(1_000, 500, 500, &["gained", "lost"]);
    // A small list lives in leaps, unless it ends.
    one_list(2, 19, 0, &[]);
    one_list(2, 20, 0, &["gained"]);
    one_list(20, 0, 19, &[]);
    one_list(2, 0, 2, &["list_empty"]);
    one_list(1_000, 0, 1_000, &["list_empty", "lost"]);
    one_list(0, 0, 0, &[]);
}

#[test]
fn a_list_that_is_missing_and_a_large_new_one_are_seen() {
    let (previous, next) = (manifest(&[("a", 5), ("b", 900)]), manifest(&[("b", 900)]));
    let compared = comparison(&[("a", 5, 0, 5), ("b", 900, 0, 0)]);
    assert_eq!(
        codes(evidence(&previous, &next, &compared)),
        ["list_missing"]
    );
    // One that was loaded and empty is missed too.
    let empty = manifest(&[("a", 0), ("b", 900)]);
    let compared = comparison(&[("a", 0, 0, 0), ("b", 900, 0, 0)]);
    assert_eq!(codes(evidence(&empty, &next, &compared)), ["list_missing"]);
    for (entries, expected) in [(19, vec![]), (20, vec!["list_new"])] {
        let more = manifest(&[("b", 900), ("c", entries)]);
        let compared = comparison(&[("b", 900, 0, 0), ("c", 0, entries.into(), 0)]);
        assert_eq!(codes(evidence(&next, &more, &compared)), expected);
    }
}

#[test]
fn records_left_out_catalogue_and_age_are_seen() {
    let compared = comparison(&[("a", 95, 0, 0)]);
    let previous = manifest(&[("a", 95)]);
    let judged = |change: fn(&mut Manifest)| {
        let mut next = manifest(&[("a", 95)]);
        change(&mut next);
        codes(evidence(&previous, &next, &compared))
    };
    assert_eq!(judged(|next| next.quarantined = 5), [""; 0]);
    assert_eq!(judged(|next| next.quarantined = 6), ["quarantined"]);
    assert_eq!(
        judged(|next| next.catalogue_hash = [2; 32]),
        ["catalogue_changed"]
    );
    let older = |next: &mut Manifest| next.lists[0].as_of = next.created.plus_hours(-1);
    assert_eq!(judged(older), ["list_older"]);
    let old = evidence(&previous, &previous, &compared);
    let mut limits = Limits {
        list_age_hours_max: 1,
        ..Limits::default()
    };
    assert_eq!(judge(old, &limits), []);
    let later = Evidence {
        now: moment("2026-11-22T02:00:00+08:00"),
        ..old
    };
    let aged = &judge(later, &limits)[0];
    assert_eq!(aged.to_string(), "list `a` is 2 hours old, more than 1");
    limits.list_age_hours_max = 0;
    assert_eq!(judge(later, &limits), []);
}

#[test]
fn canaries_and_the_replay_are_seen() {
    let compared = comparison(&[("a", 95, 0, 0)]);
    let manifest = manifest(&[("a", 95)]);
    let plain = evidence(&manifest, &manifest, &compared);
    let fault = CanaryFault {
        name: "old case".to_owned(),
        what: "is gone".to_owned(),
    };
    let found = judge(
        Evidence {
            canaries: &[fault],
            ..plain
        },
        &Limits::default(),
    );
    assert_eq!(found[0].to_string(), "canary `old case`: is gone");
    for (people, more, fewer, expected) in [
        (19, 19, 0, vec![]),
        (20, 1, 1, vec![]),
        (20, 2, 0, vec!["replay"]),
        (20, 0, 2, vec!["replay"]),
        (1_000, 50, 50, vec![]),
        (1_000, 51, 0, vec!["replay"]),
    ] {
        let replay = Replay {
            checks: people,
            skipped: 0,
            people,
            more,
            fewer,
        };
        let with = Evidence {
            replay: Some(&replay),
            ..plain
        };
        assert_eq!(codes(with), expected, "{people} {more} {fewer}");
    }
}

#[test]
fn what_is_exceeded_is_said_with_its_figures() {
    let list = || "list `a`".to_owned();
    for (exceeded, text) in [
        (
            Exceeded::ListMissing {
                list: "a".to_owned(),
                before: 7,
            },
            "list `a` with 7 entries is missing altogether",
        ),
        (
            Exceeded::ListEmpty {
                list: "a".to_owned(),
                before: 7,
            },
            "list `a` has no entries; it had 7",
        ),
        (
            Exceeded::ListNew {
                list: "a".to_owned(),
                after: 70,
                min: 20,
            },
            "list `a` is new and has 70 entries, 20 or more",
        ),
        (
            Exceeded::Gained {
                list: list(),
                count: 40,
                before: 100,
                percent_max: 30,
            },
            "list `a`: 40 entries more on top of 100, 30 % or more",
        ),
        (
            Exceeded::Lost {
                list: list(),
                count: 40,
                before: 100,
                percent_max: 30,
            },
            "list `a`: 40 entries of 100 are gone, 30 % or more",
        ),
        (
            Exceeded::Quarantined {
                left_out: 9,
                records: 100,
                percent_max: 5,
            },
            "9 of 100 records were left out, more than 5 %",
        ),
        (
            Exceeded::Replayed {
                people: 40,
                more: 3,
                fewer: 1,
                percent_max: 5,
            },
            "of 40 people asked about lately 3 more and 1 fewer would be restricted, more \
             than 5 %",
        ),
    ] {
        assert_eq!(exceeded.to_string(), text);
    }
}
