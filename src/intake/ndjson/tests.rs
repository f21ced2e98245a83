//! Lines in order, whatever the blocks and threads.

use super::*;
use crate::catalogue::load::built_in;
use proptest::prelude::*;

const GOOD: &str = r#"{"entry_id":"ID","list":"court-defaulter","subject":{"kind":"person",
    "name":"张三丰","birth_date":"1980-03-07"},"case_no":"1","authority":"a","supplier":"s",
    "submitted_at":"2016-12-28T09:00:00+08:00","in_force_from":"2016-12-28",
    "disclosure":"public","region":"380000"}"#;

fn good(entry_id: &str) -> String {
    GOOD.replace('\n', "").replace("ID", entry_id)
}

/// What a reader of all blocks sees; blocks themselves differ with their size.
#[derive(Debug, Default, PartialEq)]
struct Read {
    records: Vec<(usize, u64, String)>,
    faults: Vec<(usize, u64, &'static str, Option<String>)>,
    warnings: Vec<(usize, u64, String)>,
    bytes: u64,
}

fn read_all(sources: &[&[u8]], threads: usize, block_bytes: usize) -> Read {
    let catalogue = built_in().unwrap();
    let sources: Vec<Source<'_>> = sources.iter().map(|b| Source::Bytes(b)).collect();
    let options = ReadOptions {
        threads,
        block_bytes,
    };
    let mut all = Read::default();
    let mut sink = |block: Block| -> Result<(), ReadError> {
        let from = block.source;
        let records = block.records.into_iter();
        all.records
            .extend(records.map(|(line, r)| (from, line, r.entry_id.as_str().to_owned())));
        all.faults.extend(block.faults.into_iter().map(|left_out| {
            let entry_id = left_out.entry_id.map(String::from);
            (from, left_out.line, left_out.fault.code.name(), entry_id)
        }));
        let warnings = block.warnings.into_iter();
        all.warnings
            .extend(warnings.map(|odd| (from, odd.line, odd.warning.field)));
        all.bytes += block.bytes_read;
        Ok(())
    };
    read_sources(&sources, &catalogue, &options, &mut sink).unwrap();
    all
}

fn mixed() -> Vec<u8> {
    let mut text = b"\xef\xbb\xbf".to_vec();
    let lines = [
        good("a"),
        String::new(),
        good("b") + "\r",
        "  \t".to_owned(),
        "{".to_owned(),
        good("a"),
        good("").replace("\"\"", "\" \""),
        good("c"),
    ];
    for line in lines {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    text.extend_from_slice(b"\xff\xfe\n");
    text.extend_from_slice(good("d").as_bytes());
    text
}

#[test]
fn lines_are_numbered_and_faults_stand_in_their_place() {
    let text = mixed();
    let read = read_all(&[&text], 1, 4 << 20);
    let records = [(0, 1, "a"), (0, 3, "b"), (0, 8, "c"), (0, 10, "d")];
    assert_eq!(
        read.records,
        records.map(|(s, l, id)| (s, l, id.to_owned()))
    );
    let faults = [
        (0, 5, "not_json", None),
        (0, 6, "duplicate_entry_id", Some("a".to_owned())),
        (0, 7, "missing_field", None),
        (0, 9, "not_utf8", None),
    ];
    assert_eq!(read.faults, faults);
    assert_eq!(read.warnings.len(), 4, "none of the duplicate");
    assert_eq!(read.bytes, text.len() as u64);
}

#[test]
fn every_block_size_and_number_of_threads_gives_the_same() {
    let text = mixed();
    let second = good("d") + "\n" + &good("e");
    let sources: [&[u8]; 3] = [&text, b"", second.as_bytes()];
    let expected = read_all(&sources, 1, 4 << 20);
    assert_eq!(
        expected.faults.last(),
        Some(&(2, 1, "duplicate_entry_id", Some("d".into())))
    );
    for block_bytes in (1..2_000).step_by(37).chain([1, 2, 3, 4]) {
        assert_eq!(
            read_all(&sources, 1, block_bytes),
            expected,
            "{block_bytes}"
        );
    }
    for threads in [2, 4] {
        for block_bytes in [1, 300, 1_000] {
            assert_eq!(
                read_all(&sources, threads, block_bytes),
                expected,
                "{threads}"
            );
        }
    }
}

#[test]
fn a_line_over_the_bound_is_one_fault_whatever_the_blocks() {
    let pad = |bytes: usize| {
        let record = good("p");
        let mut line = record.clone().into_bytes();
        line.resize(bytes, b' ');
        line
    };
    for end in ["\n", "\r\n"] {
        let mut text = pad(LINE_BYTES_MAX);
        text.extend_from_slice(end.as_bytes());
        text.extend_from_slice(&pad(LINE_BYTES_MAX + 1));
        text.extend_from_slice(end.as_bytes());
        text.extend_from_slice(&pad(3 * LINE_BYTES_MAX));
        text.extend_from_slice(end.as_bytes());
        text.extend_from_slice(good("q").as_bytes());
        for block_bytes in [
            1,
            100,
            LINE_BYTES_MAX,
            LINE_BYTES_MAX + 1,
            8 * LINE_BYTES_MAX,
        ] {
            let read = read_all(&[&text], 2, block_bytes);
            let records = [(0, 1, "p".to_owned()), (0, 4, "q".to_owned())];
            assert_eq!(read.records, records, "{block_bytes}");
            let faults = [(0, 2, "line_too_long", None), (0, 3, "line_too_long", None)];
            assert_eq!(read.faults, faults, "{block_bytes}");
            assert_eq!(read.bytes, text.len() as u64, "{block_bytes}");
        }
    }
}

#[test]
fn a_missing_file_is_named_and_the_sink_can_stop_the_reading() {
    let catalogue = built_in().unwrap();
    let options = ReadOptions::default();
    let error = read(
        &["/nonexistent/list.ndjson"],
        &catalogue,
        &options,
        &mut |_| Ok::<(), ReadError>(()),
    );
    let text = error.unwrap_err().to_string();
    assert!(
        text.starts_with("/nonexistent/list.ndjson: cannot be read: "),
        "{text}"
    );
    #[derive(Debug)]
    struct Stopped;
    impl From<ReadError> for Stopped {
        fn from(_: ReadError) -> Self {
            Self
        }
    }
    let text = [good("a"), good("b"), good("c")].join("\n");
    let options = ReadOptions {
        threads: 2,
        block_bytes: 1,
    };
    let mut calls = 0;
    let stopped = read_sources(
        &[Source::Bytes(text.as_bytes())],
        &catalogue,
        &options,
        &mut |_| {
            calls += 1;
            Err(Stopped)
        },
    );
    assert!(stopped.is_err());
    assert_eq!(calls, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_bytes_panic_and_blocks_do_not_matter(
        noise in proptest::collection::vec(any::<u8>(), 0..80),
        at in 0usize..4_000,
        block_bytes in 1usize..3_000,
    ) {
        let mut text = mixed();
        let at = at % text.len();
        let end = (at + noise.len()).min(text.len());
        text[at..end].copy_from_slice(&noise[..end - at]);
        let expected = read_all(&[&text], 1, 1 << 20);
        prop_assert_eq!(read_all(&[&text], 2, block_bytes), expected);
    }
}
