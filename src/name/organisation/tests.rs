//! Pairs of names of organisations as a careful person judges them, and properties.

use super::super::fold::fold;
use super::super::similarity::{
    DifferenceKind as Kind, LISTED_KEYS_MAX, QUERY_KEYS_MAX, Similarity, THRESHOLD,
};
use super::{OrganisationQuery, block_keys, brand};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Rules of wording, order and stray text.
mod wording;

fn judged(query: &str, listed: &str) -> Similarity {
    OrganisationQuery::parse(query).compare(&fold(listed))
}

fn kinds(similarity: &Similarity) -> Vec<Kind> {
    let differences = similarity.differences.iter();
    let mut kinds: Vec<Kind> = differences.map(|difference| difference.kind).collect();
    kinds.sort_by_key(|kind| format!("{kind:?}"));
    kinds
}

/// One character other, missing or added, or two neighbours exchanged.
fn is_one_edit(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[start..], &b[start..]);
    let end = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    match (&a[..a.len() - end], &b[..b.len() - end]) {
        ([], []) | ([_], [_]) | ([], [_]) | ([_], []) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

fn share_a_key(query: &str, listed: &str) -> bool {
    let mut keys = Vec::new();
    OrganisationQuery::parse(query).block_keys(&mut |key| keys.push(key));
    assert!(keys.len() <= QUERY_KEYS_MAX, "{query}: {} keys", keys.len());
    let (mut shared, mut count) = (false, 0);
    block_keys(&fold(listed), &mut |key| {
        count += 1;
        shared |= keys.contains(&key);
    });
    assert!(count <= LISTED_KEYS_MAX, "{listed}: {count} keys");
    shared
}

/// The index would find the pair.
#[track_caller]
fn is_found(query: &str, listed: &str) {
    let near = is_one_edit(&fold(query), &fold(listed));
    assert!(
        near || share_a_key(query, listed),
        "{query} | {listed}: no key"
    );
}

#[track_caller]
fn same(query: &str, listed: &str, reasons: &[Kind]) {
    for (query, listed) in [(query, listed), (listed, query)] {
        let similarity = judged(query, listed);
        assert!(
            similarity.score >= THRESHOLD,
            "{query} | {listed}: {similarity:?}"
        );
        assert_eq!(
            kinds(&similarity),
            reasons,
            "{query} | {listed}: {similarity:?}"
        );
        is_found(query, listed);
    }
}

#[track_caller]
fn other(query: &str, listed: &str, reasons: &[Kind]) {
    for (query, listed) in [(query, listed), (listed, query)] {
        let similarity = judged(query, listed);
        assert!(
            similarity.score < THRESHOLD,
            "{query} | {listed}: {similarity:?}"
        );
        assert_eq!(
            kinds(&similarity),
            reasons,
            "{query} | {listed}: {similarity:?}"
        );
    }
}

#[test]
fn names_equal_after_folding_are_certain() {
    for (query, listed) in [
        ("福建宏达建筑工程有限公司", "福建宏達建築工程有限公司"),
        ("ＡＢＣ（福州）有限公司", "abc(福州)有限公司"),
        (
            "Huawei Technologies Co., Ltd.",
            "HUAWEI TECHNOLOGIES CO., LTD.",
        ),
        ("", ""),
    ] {
        assert_eq!(judged(query, listed), Similarity::EQUAL, "{query}");
    }
}

#[test]
fn the_probe_is_judged_as_a_careful_person_would() {
    let hongda = "福建宏达建筑工程有限公司";
    other(hongda, "福建鸿达建筑工程有限公司", &[Kind::Brand]);
    same(hongda, "福建宏达建筑工程有限责任公司", &[Kind::LegalForm]);
    same(
        hongda,
        "福建宏达建筑工程有限公司厦门分公司",
        &[Kind::Branch],
    );
    other(hongda, "福建宏达建筑工程（集团）有限公司", &[Kind::Group]);
}

#[test]
fn wording_of_form_brackets_and_seals_does_not_matter() {
    same(
        "福州宏图贸易股份公司",
        "福州宏图贸易股份有限公司",
        &[Kind::LegalForm],
    );
    same(
        "福州宏图贸易公司",
        "福州宏图贸易有限公司",
        &[Kind::LegalForm],
    );
    same(
        "福州宏图贸易有限公",
        "福州宏图贸易有限公司",
        &[Kind::LegalForm],
    );
    same(
        "福州宏图贸易有限公可",
        "福州宏图贸易有限公司",
        &[Kind::LegalForm],
    );
    same(
        "福州宏图贸易有限公司（公章）",
        "福州宏图贸易有限公司",
        &[Kind::Noise],
    );
    same(
        "福州宏图贸易有限公司公章",
        "福州宏图贸易有限公司",
        &[Kind::Noise],
    );
    same(
        "福州宏图贸易有限公司。",
        "福州宏图贸易有限公司",
        &[Kind::Noise],
    );
    same(
        "宏图【福州】贸易有限公司",
        "宏图（福州）贸易有限公司",
        &[Kind::Noise],
    );
    same(
        "宏图福州市贸易有限公司",
        "宏图（福州市）贸易有限公司",
        &[Kind::Order],
    );
    same(
        "北京红光酒业发展有限公司",
        "红光（北京）酒业发展有限公司",
        &[Kind::Order],
    );
    same(
        "福州宏图餐饮店（个体工商户）",
        "福州宏图餐饮店",
        &[Kind::Noise],
    );
    let partners = "福州宏图投资合伙企业（有限合伙）";
    same("福州宏图投资合伙企业", partners, &[Kind::LegalForm]);
}

#[test]
fn regions_must_be_compatible() {
    same(
        "安溪县宏图贸易有限公司",
        "福建省泉州市安溪县宏图贸易有限公司",
        &[Kind::Region],
    );
    same(
        "福建安溪宏图贸易有限公司",
        "泉州安溪宏图贸易有限公司",
        &[Kind::Region],
    );
    same(
        "宏图王贸易有限公司",
        "安溪县宏图王贸易有限公司",
        &[Kind::Region],
    );
    same(
        "楚雄州宏图贸易有限公司",
        "楚雄彝族自治州宏图贸易有限公司",
        &[Kind::Region],
    );
    same(
        "大兴县宏图贸易有限公司",
        "北京市大兴区宏图贸易有限公司",
        &[Kind::Region],
    );
    same(
        "崇文区宏图贸易有限公司",
        "北京市东城区宏图贸易有限公司",
        &[Kind::Region],
    );
    same(
        "襄樊市宏图贸易有限公司",
        "襄阳市宏图贸易有限公司",
        &[Kind::Region],
    );
    let zone = "福州高新技术产业开发区宏图贸易有限公司";
    same("福州市高新区宏图贸易有限公司", zone, &[Kind::Region]);
    other(
        "安溪县宏图贸易有限公司",
        "德化县宏图贸易有限公司",
        &[Kind::Region],
    );
    other(
        "泰山区宏图贸易有限公司",
        "新泰市宏图贸易有限公司",
        &[Kind::Region],
    );
    other(
        "南京鼓楼宏图贸易有限公司",
        "徐州鼓楼宏图贸易有限公司",
        &[Kind::Region],
    );
    other("第一中学", "福州市第一中学", &[Kind::Region]);
    other("福州市第一中学", "福州市鼓楼区第一中学", &[Kind::Region]);
    other("深圳发展银行", "广东发展银行", &[Kind::Region]);
}

#[test]
fn another_trade_or_kind_of_person_is_another_firm() {
    other(
        "福州宏图贸易有限公司",
        "福州宏图机械有限公司",
        &[Kind::Trade],
    );
    other(
        "福州宏图投资有限公司",
        "福州宏图投资管理有限公司",
        &[Kind::Trade],
    );
    other("福州宏图有限公司", "福州宏图贸易有限公司", &[Kind::Trade]);
    other(
        "福州宏图集团有限公司",
        "福州宏图集团贸易有限公司",
        &[Kind::Unrelated],
    );
    other("福州宏图餐饮店", "福州宏图餐饮有限公司", &[Kind::Trade]);
    other(
        "福州宏图茶叶专业合作社",
        "福州宏图茶叶有限公司",
        &[Kind::LegalForm],
    );
    same(
        "福州宏图物业服务有限公司",
        "福州宏图物业管理有限公司",
        &[Kind::Trade],
    );
    same("宏图建筑工程", "宏图建工", &[Kind::Trade]);
}

#[test]
fn a_brand_that_somebody_bears_is_no_slip() {
    other(
        "福州聚泰保洁服务有限公司",
        "福州军泰保洁服务有限公司",
        &[Kind::Brand],
    );
    other(
        "福州卓捷物流有限公司",
        "福州卓杰物流有限公司",
        &[Kind::Brand],
    );
    other(
        "福州金亿渔具有限公司",
        "福州金亿达渔具有限公司",
        &[Kind::Brand],
    );
    same(
        "福州康市达石油有限公司",
        "福州康思达石油有限公司",
        &[Kind::NearHomophone],
    );
    same(
        "福州古汉城医疗器械有限公司",
        "福州姑汉城医疗器械有限公司",
        &[Kind::Homophone],
    );
    same(
        "福州特米称大药房有限公司",
        "福州特米尔大药房有限公司",
        &[Kind::Shape],
    );
    same(
        "福州康?达石油有限公司",
        "福州康思达石油有限公司",
        &[Kind::Placeholder],
    );
    same(
        "福州思康达石油有限公司",
        "福州康思达石油有限公司",
        &[Kind::Swapped],
    );
    other(
        "ABC Trading Ltd",
        "ABD Trading Ltd",
        &[Kind::OtherCharacter],
    );
}

#[test]
fn slips_in_other_parts_make_words_that_are_none() {
    same(
        "福州宏图贸易友限公司",
        "福州宏图贸易有限公司",
        &[Kind::LegalForm],
    );
    same(
        "福洲宏图贸易有限公司",
        "福州宏图贸易有限公司",
        &[Kind::Homophone],
    );
    same(
        "福州宏图贸一有限公司",
        "福州宏图贸易有限公司",
        &[Kind::Homophone],
    );
    other(
        "福州宏图铝业有限公司",
        "福州宏图钼业有限公司",
        &[Kind::Trade],
    );
}

#[test]
fn serial_numbers_tell_apart() {
    other("福州市第一中学", "福州市第二中学", &[Kind::Serial]);
    other("福州市第十小学", "福州市第十二小学", &[Kind::Serial]);
    other(
        "福州宏图一号贸易有限公司",
        "福州宏图二号贸易有限公司",
        &[Kind::Serial],
    );
    same("福州市第12小学", "福州市第十二小学", &[Kind::Noise]);
    same("福州一中", "福州市第一中学", &[Kind::Region]);
}

#[test]
fn branches_are_related_to_their_head_office_only() {
    let bank = "中国工商银行股份有限公司";
    same(
        "中国工商银行福州分行",
        bank,
        &[Kind::Branch, Kind::LegalForm],
    );
    let (fuzhou, xiamen) = (
        "福州宏图贸易有限公司福州分公司",
        "福州宏图贸易有限公司厦门分公司",
    );
    other(fuzhou, xiamen, &[Kind::Branch]);
    same(fuzhou, "福州宏图贸易有限公司福州市分公司", &[Kind::Branch]);
}

#[test]
fn former_names_are_names() {
    let now = "泉州宏图贸易有限公司";
    let marks = [
        "（原%）",
        "（原名：%）",
        "(曾用名%)",
        "，曾用名：%",
        "【更名前：%】",
    ];
    for mark in marks {
        let former = mark.replace('%', "德化聚泰石材有限责任公司");
        let listed = format!("{now}{former}");
        same("德化聚泰石材有限责任公司", &listed, &[Kind::FormerName]);
        same(now, &listed, &[Kind::Noise]);
        let wording = judged("德化县聚泰石材有限公司", &listed);
        assert!(wording.score >= THRESHOLD, "{wording:?}");
        is_found("德化县聚泰石材有限公司", &listed);
    }
    // 原平 is a city.
    same(
        "宏图（原平）贸易有限公司",
        "原平宏图贸易有限公司",
        &[Kind::Order],
    );
}

#[test]
fn short_forms_stand_for_the_name() {
    let listed = "榆林市府谷县热先生鞋业有限公司";
    same("府谷热先生鞋业", listed, &[Kind::LegalForm, Kind::Region]);
    same("热先生鞋业公司", listed, &[Kind::LegalForm, Kind::Region]);
    assert!(judged("热先生", listed).score >= THRESHOLD);
    is_found("热先生", listed);
    // A short brand is borne by many.
    other("阅文", "上海阅文信息技术有限公司", &[Kind::Abbreviation]);
    // With its city fewer bear it.
    let reasons = [Kind::Abbreviation, Kind::LegalForm];
    same("上海阅文", "上海阅文信息技术有限公司", &reasons);
    other(
        "福建阅文",
        "福建阅文信息技术有限公司",
        &[Kind::Abbreviation],
    );
    same("工行", "中国工商银行", &[Kind::Abbreviation]);
}

#[test]
fn latin_names_are_read_as_chinese_ones() {
    let romanised = &[Kind::Romanised];
    same(
        "华为技术有限公司",
        "Huawei Technologies Co., Ltd.",
        romanised,
    );
    same("Hongtu Trading Limited", "福州宏图商贸有限公司", romanised);
    let fuzhou = judged("Fuzhou Hongtu Trading Co., Ltd.", "福州市宏图贸易有限公司");
    assert_eq!(kinds(&fuzhou), romanised, "{fuzhou:?}");
    is_found("Fuzhou Hongtu Trading Co., Ltd.", "福州市宏图贸易有限公司");
    let xiamen = judged("Xiamen Hongtu Trading Co., Ltd.", "福州市宏图贸易有限公司");
    assert!(xiamen.score < THRESHOLD, "{xiamen:?}");
    assert!(judged("Hongtu Machinery Ltd", "福州宏图贸易有限公司").score < THRESHOLD);
}

#[test]
fn the_ranges_point_at_what_differs() {
    let similarity = judged("福建省福州市宏图贸易公司", "福州宏图贸易有限公司");
    let [region, form] = &similarity.differences[..] else {
        panic!("{similarity:?}");
    };
    assert_eq!((region.query.clone(), region.listed.clone()), (0..6, 0..2));
    assert_eq!((form.query.clone(), form.listed.clone()), (10..12, 6..10));
}

#[test]
fn the_brand_is_what_a_text_is_scanned_for() {
    for (name, expected) in [
        ("福州市宏图贸易有限公司", Some("宏图")),
        ("热先生(榆林市)鞋业有限公司", Some("热先生")),
        ("福州市第一中学", None),
        ("热先生", None),
        ("", None),
    ] {
        let found = brand(name).map(|range| &name[range]);
        assert_eq!(found, expected, "{name}");
    }
}

/// Labelled pairs: number, query, listed, kind, class, label, note.
const DEV: &str = include_str!("../../../tests/data/names-dev.tsv");

/// Accepted pairs and all pairs of each class; the index finds every accepted pair.
fn accepted_of_classes() -> BTreeMap<&'static str, (usize, usize)> {
    let mut classes = BTreeMap::new();
    for line in DEV.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        if columns[3] != "org" {
            continue;
        }
        let (query, listed, class) = (columns[1], columns[2], columns[4]);
        let (accepted, all): &mut (usize, usize) = classes.entry(class).or_default();
        *all += 1;
        if judged(query, listed).score >= THRESHOLD {
            *accepted += 1;
            is_found(query, listed);
        }
    }
    classes
}

#[test]
fn labelled_pairs_are_told_apart() {
    let classes = accepted_of_classes();
    assert_eq!(classes.len(), 19);
    for (class, (accepted, all)) in classes {
        match class.starts_with("org-diff-") {
            true => assert!(accepted * 100 <= all, "{class}: {accepted} of {all}"),
            false => assert!(accepted * 100 >= all * 97, "{class}: {accepted} of {all}"),
        }
    }
}

const PIECES: &str = "(福州市?|福建省?|安溪县?|鼓楼区|宏图|康思达|聚泰|贸易|电子|科技|石材|有限公司|\
    有限责任公司|公司|集团|厂|店|分公司|支行|第一|第2|中学|\\(|\\)|（|）|【|】|原名|曾用名|：|，|。|公章|\
    有限合伙|合伙企业|高新区|工行|户名：|复印件|12、|壹期|软体|师大附中|工会|Ltd|印刷厂|[a-z]|[0-9]|[一-龥]|\\?|□){0,14}";

proptest! {
    #[test]
    fn any_text_is_judged_within_bounds(query in any::<String>(), listed in any::<String>()) {
        let similarity = judged(&query, &listed);
        prop_assert!((0.0..=1.0).contains(&similarity.score));
        share_a_key(&query, &listed);
        brand(&fold(&listed));
    }

    #[test]
    fn similar_names_are_found_and_judged_alike_both_ways(
        query in PIECES,
        listed in PIECES,
        edit in any::<prop::sample::Index>(),
    ) {
        let mut near: Vec<char> = query.chars().collect();
        if !near.is_empty() {
            near.remove(edit.index(near.len()));
        }
        let near: String = near.into_iter().collect();
        for listed in [&listed, &near] {
            let there = judged(&query, listed);
            let back = judged(listed, &query);
            prop_assert!((0.0..=1.0).contains(&there.score));
            prop_assert!((there.score - back.score).abs() < 0.001, "{there:?} {back:?}");
            let equal = fold(&query) == fold(listed);
            prop_assert_eq!(there.score == 1.0, equal);
            if there.score >= THRESHOLD && !equal {
                let near = is_one_edit(&fold(&query), &fold(listed));
                prop_assert!(near || share_a_key(&query, listed), "{query} | {listed} {there:?}");
            }
        }
        let folded = fold(&listed);
        prop_assert!(brand(&folded).is_none_or(|range| folded.get(range).is_some()));
    }

    #[test]
    fn long_texts_take_bounded_work(piece in PIECES, times in 1_usize..400) {
        let text = piece.repeat(times);
        let similarity = judged(&text, &piece);
        prop_assert!((0.0..=1.0).contains(&similarity.score));
        share_a_key(&text, &text);
    }
}
