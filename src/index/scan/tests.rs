//! Scans beside a naive model that looks at every place for every text.

use super::super::patterns::{Pattern, PatternTables};
use super::*;
use crate::name::fold::fold;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const SALT: [u8; 32] = [3; 32];

/// Listed names, folded and sorted, each with its brand or none.
struct List {
    names: BTreeMap<String, Option<String>>,
    text: String,
    tables: PatternTables,
}

impl List {
    fn new(listed: &[(&str, Option<&str>)]) -> Self {
        let folded = |(name, brand): &(&str, Option<&str>)| (fold(name), brand.map(fold));
        let names: BTreeMap<String, Option<String>> = listed.iter().map(folded).collect();
        let mut text = String::new();
        let mut patterns = Vec::new();
        for (number, name) in (0..).zip(names.keys()) {
            text.push_str(name);
            let first = text.len() - name.len();
            patterns.extend(Pattern::new(&text, first..text.len(), number, false));
            if let Some(brand) = names[name].as_ref().filter(|brand| *brand != name) {
                let first = first + name.find(brand.as_str()).unwrap();
                patterns.extend(Pattern::new(
                    &text,
                    first..first + brand.len(),
                    number,
                    true,
                ));
            }
        }
        let tables = PatternTables::build(&text, patterns, WindowHash::new(&SALT)).unwrap();
        Self {
            names,
            text,
            tables,
        }
    }

    fn scanner(&self) -> Scanner<'_> {
        let tables = ScanTables {
            rows: &self.tables.rows,
            lines: &self.tables.lines,
            pairs: &self.tables.pairs,
            starts: &self.tables.starts,
            keys: &self.tables.keys,
            text: self.text.as_bytes(),
        };
        Scanner::new(tables, &SALT).unwrap()
    }

    /// What a scan finds where all stands but `out`: text as sent, and whether it is a brand.
    fn scan(&self, text: &str, out: &[&str]) -> Vec<(String, bool)> {
        let passage = Passage::new(text);
        let scanner = self.scanner();
        let all: Vec<&String> = self.names.keys().collect();
        let hits = scanner.scan(&passage, |found| {
            let mut names = scanner.names(found);
            names.any(|name| !out.contains(&all[name.0 as usize].as_str()))
        });
        let written = |hit: &Hit| {
            let places = passage.places(hit.folded.clone());
            let chars = text.chars().skip(places.start as usize);
            let shown = chars.take((places.end - places.start) as usize).collect();
            (shown, hit.found.kind == HitKind::Brand)
        };
        hits.iter().map(written).collect()
    }

    /// The same by looking everywhere for everything; in folded places.
    fn naive(&self, passage: &Passage, out: &BTreeSet<String>) -> Vec<(Range<usize>, bool)> {
        let at = |place: usize, text: &str| {
            let chars: Vec<char> = text.chars().collect();
            let end = place + chars.len();
            (chars.len() >= CHARS_MIN
                && passage.chars().get(place..end) == Some(chars.as_slice())
                && !passage.is_inside_word(place)
                && !passage.is_inside_word(end))
            .then_some(end)
        };
        let standing = || self.names.iter().filter(|(name, _)| !out.contains(*name));
        let mut hits = Vec::new();
        let mut place = 0;
        while place < passage.chars().len() {
            let longest = standing().filter_map(|(name, _)| at(place, name)).max();
            if let Some(end) = longest {
                hits.push((place..end, false));
            }
            place = longest.unwrap_or(place + 1);
        }
        let brands: Vec<&String> = standing()
            .filter_map(|(name, brand)| brand.as_ref().filter(|brand| *brand != name))
            .collect();
        let mut place = 0;
        while place < passage.chars().len() {
            let free = |end: &usize| {
                let mut names = hits.iter().filter(|(_, is_brand)| !is_brand);
                names.all(|(taken, _)| taken.end <= place || *end <= taken.start)
            };
            // A candidate that a name covers leaves its place to no shorter one behind a name's
            // beginning, only to those that fit before it.
            let starts_free = hits.iter().all(|(taken, _)| !taken.contains(&place));
            let ends = brands.iter().filter_map(|brand| at(place, brand));
            let longest = ends.filter(free).max().filter(|_| starts_free);
            if let Some(end) = longest {
                hits.push((place..end, true));
            }
            place = longest.unwrap_or(place + 1);
        }
        hits.sort_by_key(|(taken, _)| taken.start);
        hits
    }
}

#[track_caller]
fn finds(list: &List, text: &str, out: &[&str], expected: &[(&str, bool)]) {
    let found = list.scan(text, out);
    let found: Vec<(&str, bool)> = found.iter().map(|(text, kind)| (&**text, *kind)).collect();
    assert_eq!(found, expected, "{text}");
}

fn firms() -> List {
    List::new(&[
        ("福州红光酒业有限公司", None),
        ("福州红光酒业有限公司泉州分公司", None),
        ("酒业有限公司泉州", None),
        ("厦门万里长城贸易有限公司", Some("万里长城")),
        ("万里长城电梯厂", Some("万里长城")),
        ("里长城贸易", None),
        ("TCL集团", None),
        ("阅文", None),
        ("臺灣萬青房地產公司", Some("萬青房地")),
    ])
}

#[test]
fn the_longest_name_that_stands_is_found() {
    let list = firms();
    let branch = "福州红光酒业有限公司泉州分公司";
    let whole = "福州红光酒业有限公司";
    finds(
        &list,
        "见福州红光酒业有限公司泉州分公司。",
        &[],
        &[(branch, false)],
    );
    finds(
        &list,
        "见福州红光酒业有限公司泉州分公司。",
        &[branch],
        &[(whole, false)],
    );
    finds(
        &list,
        "见福州红光酒业有限公司泉州分公司。",
        &[branch, whole],
        &[("酒业有限公司泉州", false)],
    );
    finds(&list, "福州红光酒业有限公", &[], &[]);
    let twice = format!("{whole}{whole}");
    finds(&list, &twice, &[], &[(whole, false), (whole, false)]);
}

#[test]
fn a_brand_is_found_where_no_name_is() {
    let list = firms();
    finds(&list, "万里长城公司投标", &[], &[("万里长城", true)]);
    finds(
        &list,
        "万里长城电梯厂投标",
        &[],
        &[("万里长城电梯厂", false)],
    );
    // The name begins inside the brand: the weaker hit goes.
    finds(&list, "万里长城贸易", &[], &[("里长城贸易", false)]);
    finds(
        &list,
        "万里长城贸易",
        &["里长城贸易"],
        &[("万里长城", true)],
    );
    // It stands as long as one of its bearers does.
    let gone = ["厦门万里长城贸易有限公司"];
    finds(&list, "万里长城公司", &gone, &[("万里长城", true)]);
    let gone = ["厦门万里长城贸易有限公司", "万里长城电梯厂"];
    finds(&list, "万里长城公司", &gone, &[]);
}

#[test]
fn the_form_in_which_it_is_written_does_not_matter() {
    let list = firms();
    finds(
        &list,
        "投标人：福 州\n紅光\u{3000}酒業有限公司",
        &[],
        &[("福 州\n紅光\u{3000}酒業有限公司", false)],
    );
    finds(&list, "ｔｃｌ集團", &[], &[("ｔｃｌ集團", false)]);
    finds(
        &list,
        "台湾万青房地产公司",
        &[],
        &[("台湾万青房地产公司", false)],
    );
    finds(&list, "万青房地", &[], &[("万青房地", true)]);
}

#[test]
fn short_names_and_parts_of_words_are_not_found() {
    let list = firms();
    finds(&list, "阅文阅文阅文", &[], &[]);
    finds(&list, "xTCL集团", &[], &[]);
    finds(&list, "x TCL集团", &[], &[("TCL集团", false)]);
    finds(&list, "中TCL集团9", &[], &[("TCL集团", false)]);
}

#[test]
fn a_brand_in_too_many_names_is_left_out() {
    let names = |count: usize| -> Vec<String> {
        (0..count)
            .map(|n| format!("地{n}万里长城有限公司"))
            .collect()
    };
    for (count, expected) in [(BEARERS_MAX, 1), (BEARERS_MAX + 1, 0)] {
        let names = names(count);
        let listed: Vec<_> = names
            .iter()
            .map(|n| (n.as_str(), Some("万里长城")))
            .collect();
        assert_eq!(List::new(&listed).scan("万里长城", &[]).len(), expected);
    }
}

fn words(alphabet: &'static str) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(alphabet, 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_scan_finds_what_a_look_everywhere_finds(
        names in words("[甲乙丙]{3,13}|[甲a]{4,9}"),
        text in "[甲乙丙a ]{0,120}",
        cuts in prop::collection::vec((0usize..6, 3usize..9), 24),
        gone in prop::collection::vec(any::<bool>(), 24),
    ) {
        let brand = |(name, (first, length)): (&String, &(usize, usize))| {
            let part: String = name.chars().skip(*first).take(*length).collect();
            (part.chars().count() >= 3).then_some(part)
        };
        let brands: Vec<Option<String>> = names.iter().zip(&cuts).map(brand).collect();
        let listed: Vec<(&str, Option<&str>)> = (names.iter().zip(&brands))
            .map(|(name, brand)| (name.as_str(), brand.as_deref()))
            .collect();
        let list = List::new(&listed);
        let out: BTreeSet<String> = (names.iter().zip(&gone))
            .filter(|(_, gone)| **gone)
            .map(|(name, _)| fold(name))
            .collect();
        let passage = Passage::new(&text);
        let scanner = list.scanner();
        let all: Vec<&String> = list.names.keys().collect();
        let hits = scanner.scan(&passage, |found| {
            let mut names = scanner.names(found);
            names.any(|name| !out.contains(all[name.0 as usize]))
        });
        let found: Vec<_> = hits
            .iter()
            .map(|hit| (hit.folded.clone(), hit.found.kind == HitKind::Brand))
            .collect();
        prop_assert_eq!(found, list.naive(&passage, &out));
    }

    #[test]
    fn tables_of_any_bytes_end_and_never_panic(
        rows in prop::collection::vec(any::<[u8; 16]>(), 0..40),
        small in prop::collection::vec(0u8..60, 0..640),
        line in any::<[u8; 64]>(),
        text in "[甲乙丙a]{0,60}",
        bytes in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        use zerocopy::FromBytes;
        let mut rows = rows.concat();
        rows.extend_from_slice(&small[..small.len() / 16 * 16]);
        let full = [zerocopy::little_endian::U64::new(u64::MAX); 2];
        let mut lines = line.to_vec();
        // Every probe finds rows.
        lines[32..].iter_mut().for_each(|byte| *byte %= 2);
        let tables = ScanTables {
            rows: <[ScanRow]>::ref_from_bytes(&rows).unwrap(),
            lines: <[crate::snapshot::rows::Line]>::ref_from_bytes(&lines).unwrap(),
            pairs: &full,
            starts: &full,
            keys: &full,
            text: &bytes,
        };
        let scanner = Scanner::new(tables, &SALT).unwrap();
        let passage = Passage::new(&text);
        let hits = scanner.scan(&passage, |found| scanner.names(found).count() > 0);
        prop_assert!(hits.iter().all(|hit| hit.folded.end <= passage.chars().len()));
        let _ = (0..100).map(|row| scanner.rows_like(row).len()).max();
    }
}
