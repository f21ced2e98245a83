//! Pairs of one name in other words, in another order or with stray text, and of bodies that stand
//! beside another one.

use super::{Kind, THRESHOLD, is_found, judged, other, same};

const TIANMA: &str = "莆田天马食品有限公司";

/// The index finds the one by the other, and it counts as the same name.
#[track_caller]
fn near(query: &str, listed: &str) {
    for (query, listed) in [(query, listed), (listed, query)] {
        let similarity = judged(query, listed);
        assert!(
            similarity.score >= THRESHOLD,
            "{query} | {listed}: {similarity:?}"
        );
        is_found(query, listed);
    }
}

#[track_caller]
fn apart(query: &str, listed: &str) {
    for (query, listed) in [(query, listed), (listed, query)] {
        let similarity = judged(query, listed);
        assert!(
            similarity.score < THRESHOLD,
            "{query} | {listed}: {similarity:?}"
        );
    }
}

#[test]
fn labels_numbers_and_seals_are_no_part_of_a_name() {
    for written in [
        "户名：%",
        "投标单位：%",
        "乙方（盖章）：%",
        "致：%",
        "12、%",
        "（12）%",
        "1) %",
        "No.12 %",
        "序号12 %",
        "12 %",
        "一、%",
        "%_00240",
        "%[393]",
        "% 00123",
        "%（编号：A0301）",
        "%（复印件）",
        "%复印件",
        "%（印）",
        "%业务专用章",
        "%（统一社会信用代码：91350300）",
        "%（Putian Tianma Food Co., Ltd.）",
        "%（自然人独资）",
    ] {
        same(TIANMA, &written.replace('%', TIANMA), &[Kind::Noise]);
    }
    same("丽人理发室发票专用章", "丽人理发室", &[Kind::Noise]);
    same("莆田市第一中学（正本）", "莆田市第一中学", &[Kind::Noise]);
    // A number that belongs to the brand, or tells two apart.
    apart("58同城信息技术有限公司", "同城信息技术有限公司");
    apart("莆田市12中学", "莆田市中学");
}

#[test]
fn forms_are_worded_cut_and_doubled_in_many_ways() {
    for written in [
        "莆田天马食品有限公司 Co., Ltd.",
        "莆田天马食品有限公司 LIMITED",
        "莆田天马食品有限公司司",
        "莆田天马食品有限公公司",
        "莆田天马食品有限公司有限公司",
        "莆田天马食品有限公同",
    ] {
        same(TIANMA, written, &[Kind::LegalForm]);
    }
    let lawyers = "福建正义律师事务所（特殊普通合伙）";
    same("福建正义律师事务所", lawyers, &[Kind::LegalForm]);
    near("天马糕点印刷", "天马糕点印刷厂");
    apart("福州天马印刷有限公司", "福州天马印刷厂");
}

#[test]
fn regions_may_be_repeated_and_renamed() {
    for written in [
        "莆田仙游莆田仙游天马食品有限公司",
        "莆田市仙游县仙游天马食品有限公司",
        "莆田莆田市仙游县天马食品有限公司",
        "福建省福建莆田仙游天马食品有限公司",
    ] {
        same(written, "莆田市仙游县天马食品有限公司", &[Kind::Region]);
    }
    same(
        "灌县天马食品有限公司",
        "都江堰市天马食品有限公司",
        &[Kind::Region],
    );
    other(
        "眉山天马食品有限公司",
        "乐山天马食品有限公司",
        &[Kind::Region],
    );
    // 市中区 is not in 广元市中天.
    near(
        "四川省广元市中天创食品有限公司",
        "四川省广元市苍溪县中天创食品有限公司",
    );
}

#[test]
fn a_member_named_after_its_parent_and_another_place_is_not_the_parent() {
    let parent = "福建天马康食品有限公司";
    for member in [
        "福建天马康（大连）食品有限公司",
        "大连福建天马康食品有限公司",
    ] {
        other(parent, member, &[Kind::Region]);
    }
    near("福建天马康（福建）食品有限公司", "福建天马康食品有限公司");
    near("天马康（大连）食品有限公司", "大连天马康食品有限公司");
    // A brand that is called like a small town.
    near("东方宏达贸易有限公司", "福州东方宏达贸易有限公司");
}

#[test]
fn the_same_words_in_another_order_are_the_same_name() {
    for written in [
        "天马食品有限公司仙游",
        "天马食品有限公司 仙游县",
        "天马仙游食品有限公司",
        "天马食品仙游有限公司",
        "仙游食品天马有限公司",
    ] {
        near(written, "仙游天马食品有限公司");
    }
    // Another order leaves nothing out.
    apart("宏图新城贸易有限公司", "宏图贸易有限公司");
}

#[test]
fn bodies_beside_another_one_are_not_its_branches() {
    for body in [
        "工会委员会",
        "党支部",
        "幼儿园",
        "职工医院",
        "子弟学校",
        "研究院",
        "培训中心",
    ] {
        apart(TIANMA, &format!("{TIANMA}{body}"));
    }
    apart("福建医科大学", "福建医科大学附属幼儿园");
    apart("莆田市第一中学", "莆田市第一中学工会委员会");
    apart("建行金华分行", "交行金华分行");
}

#[test]
fn numbers_of_funds_tell_apart_in_any_numerals() {
    let fund = |number: &str| format!("莆田金桥{number}股权投资合伙企业（有限合伙）");
    other(&fund("壹期"), &fund("贰期"), &[Kind::Serial]);
    other(&fund("拾号"), &fund("拾壹号"), &[Kind::Serial]);
    same(&fund("壹期"), &fund("一期"), &[Kind::Noise]);
    same(&fund("1号"), &fund("一号"), &[Kind::Noise]);
}

#[test]
fn words_of_taiwan_and_short_names_of_bodies_are_understood() {
    same(
        "莆田天馬網路科技有限公司",
        "莆田天马网络科技有限公司",
        &[Kind::Trade],
    );
    same(
        "莆田天馬管理諮詢合夥企業",
        "莆田天马管理咨询合伙企业",
        &[Kind::Noise],
    );
    near("福建师大附中", "福建师范大学附属中学");
    near("福建医大附一院", "福建医科大学附属第一医院");
    near("福建高院", "福建省高级人民法院");
    near("仙游县侨联", "仙游县归国华侨联合会");
    near("国家税务总局仙游县税务局", "仙游县税务局");
    apart("国家税务总局仙游县税务局", "安溪县税务局");
}

#[test]
fn doubled_and_lost_characters_and_look_alikes_are_slips() {
    near("莆田康思达机机器人有限公司", "莆田康思达机器人有限公司");
    near("莆田康思达大数据大数据有限公司", "莆田康思达大数据有限公司");
    near("莆田康_达石油有限公司", "莆田康思达石油有限公司");
    near("莆田康思达石油贺易有限公司", "莆田康思达石油贸易有限公司");
    near("莆田康恩达石油有限公司", "莆田康思达石油有限公司");
}

#[test]
fn english_names_may_have_their_place_in_brackets() {
    let listed = "莆田市天马食品有限公司";
    near("Tianma Food (Putian) Co., Ltd.", listed);
    near("PUTIAN TIANMA FOOD CO., LTD.", listed);
    apart("Tianma Food (Quanzhou) Co., Ltd.", listed);
    apart("Quanzhou Tianma Food Co., Ltd.", listed);
}

#[test]
fn former_names_stand_in_more_words() {
    let former = "莆田宏图食品有限公司";
    for written in [
        "莆田天马食品有限公司（由%变更而来）",
        "莆田天马食品有限公司 曾用名：%",
    ] {
        let listed = written.replace('%', former);
        same(former, &listed, &[Kind::FormerName]);
        near(TIANMA, &listed);
    }
}
