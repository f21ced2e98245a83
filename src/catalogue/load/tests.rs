//! The tables that ship with the program, and every way in which a table can be wrong.

use super::refusals::loaded;
use super::*;
use crate::catalogue::condition::{AttributeTest, Clause};
use crate::catalogue::list::TermFrom;
use crate::catalogue::scenario::AttributeKind;
use crate::model::decision::Disposition;
use proptest::prelude::*;
use std::collections::BTreeSet;

#[test]
fn every_row_of_the_built_in_tables_is_loaded() {
    let catalogue = built_in().unwrap();
    let rows = |place: usize| BUILT_IN[place].lines().count() - 1;
    assert_eq!(catalogue.lists.len(), rows(0));
    assert_eq!(catalogue.scenarios.len(), rows(2));
    assert_eq!(catalogue.measures.len(), rows(3));
    assert_eq!(
        (
            catalogue.lists.len(),
            catalogue.scenarios.len(),
            catalogue.measures.len()
        ),
        (38, 83, 269)
    );
    assert!(catalogue.warnings.is_empty());
}

#[test]
fn exactly_the_lists_of_rule_5_1_have_measures_that_are_on() {
    let catalogue = built_in().unwrap();
    let on: BTreeSet<&str> = catalogue
        .measures
        .iter()
        .filter(|measure| measure.switched_on)
        .map(|measure| &*catalogue.list(measure.list).id)
        .collect();
    let expected = BTreeSet::from([
        "court-defaulter",
        "fj-comprehensive-rating",
        "fj-public-credit-record",
        "fj-redlist",
        "fj-blacklist",
        "env-credit-rating",
        "elevator-bad-record",
        "elevator-blacklist",
        "elevator-violation-decision",
        "work-safety-blacklist",
        "ecommerce-dishonest",
    ]);
    assert_eq!(on, expected);
}

#[test]
fn look_ups_agree_with_the_tables() {
    let catalogue = built_in().unwrap();
    let mut on = 0;
    for (place, list) in catalogue.lists.iter().enumerate() {
        let list = catalogue.find_list(&list.id).unwrap();
        assert_eq!(usize::from(list.0), place);
        for scenario in &catalogue.scenarios {
            let scenario = catalogue.find_scenario(&scenario.id).unwrap();
            for index in catalogue.measures_for(list, scenario) {
                let measure = catalogue.measure(*index);
                assert_eq!(catalogue.find_measure(&measure.id), Some(*index));
                assert_eq!((measure.list, measure.scenario), (list, scenario));
                assert!(measure.switched_on);
                on += 1;
            }
        }
    }
    let expected = catalogue.measures.iter().filter(|m| m.switched_on).count();
    assert_eq!(on, expected);
    assert_eq!(catalogue.find_list("Court-defaulter"), None);
    assert_eq!(catalogue.find_scenario(""), None);
    assert_eq!(catalogue.find_measure("none"), None);
}

#[test]
fn an_end_is_owed_exactly_by_lists_of_the_two_documents_of_rule_6_3() {
    let catalogue = built_in().unwrap();
    for list in &catalogue.lists {
        let source = &list.source;
        let owes = source.starts_with("FJ-2017-JOINT ") || source.starts_with("FJ-2015-OUTLINE ");
        assert_eq!(list.rules.owes_end_date, owes, "{}", list.id);
    }
}

#[test]
fn terms_and_disclosure_are_those_of_rules_2_2_and_2_6() {
    let catalogue = built_in().unwrap();
    for list in &catalogue.lists {
        let rules = &list.rules;
        let term = rules
            .default_term_years
            .map(|years| (years, rules.default_term_from));
        let expected = match &*list.id {
            "env-credit-rating" | "elevator-rating" | "elevator-bad-record" => {
                Some((1, TermFrom::InForceFrom))
            }
            "elevator-blacklist" | "work-safety-blacklist" => Some((1, TermFrom::Published)),
            _ => None,
        };
        assert_eq!(term, expected, "{}", list.id);
        let open = ["court-defaulter", "fj-redlist", "fj-trustworthy-public"];
        assert_eq!(rules.persons_open, open.contains(&&*list.id), "{}", list.id);
        assert_eq!(rules.court_permit, &*list.id == "court-defaulter");
        let capped = &*list.id == "fj-public-credit-record";
        assert_eq!(rules.conduct_cap_years, capped.then_some(5));
        // basic and favourable stand first among its grades.
        assert_eq!(rules.cap_spares_grades, if capped { 0b11 } else { 0 });
    }
}

#[test]
fn a_measure_is_read_with_all_its_parts() {
    let catalogue = built_in().unwrap();
    let scenario = catalogue.find_scenario("rail.ticket").unwrap();
    let scenario = catalogue.scenario(scenario);
    let required: Vec<_> = scenario.attributes.iter().map(|a| a.required).collect();
    assert_eq!(required, [true, true, false]);
    let hotel = catalogue.find_scenario("hotel.stay").unwrap();
    let stars = &catalogue.scenario(hotel).attributes[0];
    assert_eq!(stars.kind, AttributeKind::Int { max: 5 });
    let amount = catalogue.find_scenario("golf.spend").unwrap();
    let amount = &catalogue.scenario(amount).attributes[0];
    assert_eq!(amount.kind, AttributeKind::Int { max: i64::MAX });

    let index = catalogue.find_measure("taiwan-official-trade").unwrap();
    let measure = catalogue.measure(index);
    assert_eq!(measure.disposition, Disposition::Block);
    assert_eq!(&*measure.legal_basis, "FJ-2016-DEFAULTER 二(一)9");
    assert_eq!(measure.extends_to.iter().count(), 4);
    assert!(measure.applicant_roles.is_empty());
    let tests: Vec<&Clause> = measure.condition.clauses.iter().collect();
    let expected = [
        &Clause::Attribute {
            attribute: 0,
            test: AttributeTest::In(0b11),
        },
        &Clause::Attribute {
            attribute: 1,
            test: AttributeTest::Is(true),
        },
    ];
    assert_eq!(tests, expected);
}

#[test]
fn the_hash_follows_every_byte_of_every_table() {
    let plain = hash_of(&BUILT_IN);
    assert_eq!(built_in().unwrap().hash, plain);
    for place in 0..4 {
        let longer = format!("{}\n", BUILT_IN[place]);
        let mut texts = BUILT_IN;
        texts[place] = &longer;
        assert_ne!(hash_of(&texts), plain, "{}", FILES[place]);
    }
}

#[test]
fn a_measure_without_quotation_is_off_and_one_without_article_refused() {
    let quote = "限制失信被执行人公开发行公司债券";
    let line = BUILT_IN[3]
        .lines()
        .find(|line| line.starts_with("bond-corporate-public\t"))
        .unwrap();
    let text = BUILT_IN[3].replace(line, &line.replace(quote, ""));
    let catalogue = loaded(3, &text).unwrap();
    let index = catalogue.find_measure("bond-corporate-public").unwrap();
    let measure = catalogue.measure(index);
    assert!(!measure.switched_on);
    assert!(
        catalogue
            .measures_for(measure.list, measure.scenario)
            .iter()
            .all(|i| *i != index)
    );
}

#[test]
fn at_most_twenty_faults_are_shown_and_the_rest_counted() {
    let text = BUILT_IN[3].replace("\tmandatory\t", "\tmust\t");
    let error = loaded(3, &text).unwrap_err();
    assert_eq!((error.faults.len(), error.further), (20, 126));
    assert!(
        error
            .to_string()
            .ends_with("\nand 126 more faults in the catalogue")
    );
}

/// Writes the built-in tables into a new folder, those of `left_out` excepted.
fn folder(left_out: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in FILES.iter().zip(BUILT_IN) {
        if !left_out.contains(name) {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
    }
    dir
}

#[test]
fn a_folder_loads_like_the_built_in_tables() {
    let dir = folder(&[]);
    let catalogue = load(dir.path()).unwrap();
    assert_eq!(catalogue.hash, built_in().unwrap().hash);
    assert!(catalogue.warnings.is_empty());
}

#[test]
fn missing_rules_of_lists_are_replaced_with_a_warning() {
    let dir = folder(&[LIST_RULES]);
    let catalogue = load(dir.path()).unwrap();
    assert_eq!(catalogue.hash, built_in().unwrap().hash);
    let [warning] = &catalogue.warnings[..] else {
        panic!("one warning");
    };
    assert!(warning.contains("list_rules.tsv is missing"), "{warning}");
    let court = catalogue.find_list("court-defaulter").unwrap();
    assert!(catalogue.list(court).rules.court_permit);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let dir = folder(&[MEASURES]);
    std::fs::write(dir.path().join(SCENARIOS), b"scenario\n\xff\xfe").unwrap();
    let error = load(dir.path()).unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 2, "{error}");
    assert!(lines[0].ends_with("scenarios.tsv:2: is not UTF-8; save the table as UTF-8"));
    assert!(
        lines[1].contains("measures.tsv: cannot be read ("),
        "{error}"
    );
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_do_no_harm() {
    let text = format!("\u{feff}{}", BUILT_IN[0].replace('\n', "\r\n"));
    let catalogue = loaded(0, &text).unwrap();
    assert_eq!(catalogue.lists.len(), 38);
    assert_eq!(&*catalogue.lists[0].id, "court-defaulter");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_table_never_panics(
        place in 0..4usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), ".|\t|\n|&|\\[|P9Y"), 1..6),
    ) {
        let mut letters: Vec<char> = BUILT_IN[place].chars().collect();
        for (at, with) in changes {
            let at = at.index(letters.len());
            letters.splice(at..=at, with.chars());
        }
        let text: String = letters.into_iter().collect();
        if let Err(error) = loaded(place, &text) {
            prop_assert!(!error.faults.is_empty());
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
