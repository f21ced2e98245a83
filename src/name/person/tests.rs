//! Pairs of names of persons as a careful person judges them, and properties.

use super::super::edits::one_edit_apart;
use super::super::fold::fold;
use super::super::similarity::{
    DifferenceKind as Kind, LISTED_KEYS_MAX, QUERY_KEYS_MAX, Similarity, THRESHOLD,
};
use super::{PersonQuery, bearers_per_million, block_keys, other_texts};
use proptest::prelude::*;

fn judged(query: &str, listed: &str) -> Similarity {
    PersonQuery::parse(query, &fold(query)).compare(&fold(listed))
}

#[track_caller]
fn are_alike(query: &str, listed: &str, kind: Kind) {
    let similarity = judged(query, listed);
    assert!(
        similarity.score >= THRESHOLD,
        "{query} {listed} {similarity:?}"
    );
    let mut kinds = similarity.differences.iter().map(|found| found.kind);
    assert!(kinds.any(|found| found == kind), "{similarity:?}");
    assert!(
        is_found(query, listed),
        "{query} {listed}: the index would not find it"
    );
}

#[track_caller]
fn are_apart(query: &str, listed: &str) {
    let similarity = judged(query, listed);
    assert!(
        similarity.score < THRESHOLD,
        "{query} {listed} {similarity:?}"
    );
}

/// Whether the two share a block key, or one text of the query is one edit apart: what a search
/// through the index compares.
fn is_found(query: &str, listed: &str) -> bool {
    let (parsed, listed) = (PersonQuery::parse(query, &fold(query)), fold(listed));
    let mut keys = Vec::new();
    parsed.block_keys(&mut |key| keys.push(key));
    assert!(keys.len() <= QUERY_KEYS_MAX, "{query}: {} keys", keys.len());
    let (mut shared, mut count) = (false, 0);
    block_keys(&listed, &mut |key| {
        count += 1;
        shared |= keys.contains(&key);
    });
    assert!(count <= LISTED_KEYS_MAX, "{listed}: {count} keys");
    let near = |text: &str| {
        // Other texts of a listed name have keys of their places alone.
        let is_placed = |other: &String| {
            let (chars, other_chars) = (text.chars().count(), other.chars().count());
            text == other || other_chars >= chars && one_edit_apart(text, other)
        };
        text == listed
            || one_edit_apart(text, &listed)
            || other_texts(&listed).iter().any(is_placed)
    };
    shared || near(&fold(query)) || parsed.other_texts().iter().any(|text| near(text))
}

#[test]
fn slips_are_told_from_other_people() {
    are_alike("张围", "张伟", Kind::Homophone);
    are_alike("肖明远", "萧明远", Kind::Variant);
    are_alike("尉迟共默", "尉迟恭默", Kind::Homophone);
    are_alike("司徒远明", "司徒明远", Kind::Swapped);
    are_alike("买买提艾力", "麦麦提艾力", Kind::Transliteration);
    are_alike("李?", "李䶮", Kind::Placeholder);
    are_alike("欧阳娜娜女士", "欧阳娜娜", Kind::Title);
    are_alike("ZHANG/WEI MR", "张伟", Kind::Romanised);
    for (query, listed) in [
        ("张伟", "张维"),
        ("张伟", "王伟"),
        ("欧阳明", "欧明"),
        ("买买提·艾力", "买买提·吐尔逊"),
        ("ZHANG WEI", "张敏"),
        ("??", "张伟"),
        ("张伟", ""),
    ] {
        are_apart(query, listed);
    }
}

/// Characters, parts and signs of which names are written, so that slips and layouts come up.
const PIECES: &str = "(张|章|王|李|黎|欧阳|单|吕|肖|萧|伟|维|围|明|名|铭|丽|莉|丹|艓|䶮|𠀇|买买提|\
    麦麦提|艾力|古丽|·|\\?|\\*|□|\u{e863}|先生|女士|老师| |/|,|\\(|\\)|（加王旁）|曾用名|zhang|wei|ming|lü|\
    lyu|ou|yang|chan|tai|man|hsü|MR|MS|'|-|1|x|々|[一-龥]){0,8}";

/// Characters of Han names, some of them alike, so that a slip is likely.
const HAN: &str = "[张章王汪李黎单吕肖萧伟维围明名铭丽莉丹艓谷琪勤平任遴微会荣隆中争]{2,4}";

proptest! {
    #[test]
    fn any_text_is_judged_within_bounds(query in any::<String>(), listed in any::<String>()) {
        let similarity = judged(&query, &listed);
        prop_assert!((0.0..=1.0).contains(&similarity.score), "{similarity:?}");
        is_found(&query, &listed);
        let bearers = bearers_per_million(&fold(&listed));
        prop_assert!(bearers.is_none_or(|bearers| (0.0..1e6).contains(&bearers)));
    }

    #[test]
    fn similar_names_are_found(
        query in PIECES,
        listed in PIECES,
        edit in any::<prop::sample::Index>(),
    ) {
        let mut near: Vec<char> = query.chars().collect();
        if !near.is_empty() {
            near.remove(edit.index(near.len()));
        }
        let near: String = near.into_iter().collect();
        for (query, listed) in [(&query, &listed), (&query, &near), (&near, &query)] {
            let similarity = judged(query, listed);
            prop_assert!((0.0..=1.0).contains(&similarity.score), "{similarity:?}");
            let folded = fold(listed);
            let equal = fold(query) == folded;
            prop_assert_eq!(similarity.score == 1.0, equal && !folded.is_empty());
            if similarity.score >= THRESHOLD && !equal {
                prop_assert!(is_found(query, listed), "{query} | {listed} {similarity:?}");
            }
            let (asked, listed) = (fold(query).chars().count(), folded.chars().count());
            for difference in &similarity.differences {
                prop_assert!(usize::from(difference.query.end) <= asked, "{similarity:?}");
                prop_assert!(usize::from(difference.listed.end) <= listed, "{similarity:?}");
            }
        }
    }

    #[test]
    fn substitutions_are_judged_alike_both_ways_and_never_put_aside(one in HAN, other in HAN) {
        let (there, back) = (judged(&one, &other), judged(&other, &one));
        let (a, b): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
        if a.len() != b.len() {
            return Ok(());
        }
        prop_assert!((there.score - back.score).abs() < 1e-4, "{there:?} {back:?}");
        prop_assert!(there.score < THRESHOLD || is_found(&one, &other), "{one} {other}");
        let mut places = (0..a.len()).filter(|place| a[*place] != b[*place]);
        if let (Some(place), None) = (places.next(), places.next())
            && there.score >= THRESHOLD
        {
            let query = PersonQuery::parse(&one, &fold(&one));
            prop_assert!(query.may_match_substituted(0, place, b[place]), "{one} {other}");
        }
    }

    #[test]
    fn a_character_more_is_never_put_aside_where_it_matches(
        name in HAN,
        more in HAN,
        place in any::<prop::sample::Index>(),
    ) {
        let mut longer: Vec<char> = name.chars().collect();
        let more = more.chars().next().unwrap();
        longer.insert(place.index(longer.len() + 1), more);
        let longer: String = longer.into_iter().collect();
        // A longer name of other forms is met by their keys.
        if judged(&name, &longer).score >= THRESHOLD && other_texts(&longer).is_empty() {
            let query = PersonQuery::parse(&name, &fold(&name));
            prop_assert!(query.may_match_added(0, more), "{name} {longer}");
        }
    }

    #[test]
    fn long_texts_take_bounded_work(piece in PIECES, times in 1_usize..400) {
        let text = piece.repeat(times);
        let similarity = judged(&text, &piece);
        prop_assert!((0.0..=1.0).contains(&similarity.score));
        is_found(&text, &text);
    }
}
