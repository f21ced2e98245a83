//! Names in every system and layout beside listed names; properties of any text.

use super::*;
use crate::name::fold::fold;
use crate::name::person;
use crate::name::similarity::THRESHOLD;
use proptest::prelude::*;
use std::collections::HashSet;

fn score(raw: &str, listed: &str) -> f32 {
    let listed: Vec<char> = fold(listed).chars().collect();
    Romanised::parse(raw).map_or(0.0, |name| name.compare(&listed))
}

/// Scores between `least` and `most`, and shares a key with the listed name where it is similar.
#[track_caller]
fn scores(least: f32, most: f32, pairs: &[(&str, &str)]) {
    for (raw, listed) in pairs {
        let score = score(raw, listed);
        assert!((least..=most).contains(&score), "{raw} {listed}: {score}");
        if score >= THRESHOLD {
            let mut keys = HashSet::new();
            let name = Romanised::parse(raw).unwrap();
            name.block_keys(&mut |key| {
                keys.insert(key);
            });
            assert!(keys.len() <= QUERY_KEYS_MAX, "{raw}");
            let mut is_found = false;
            person::block_keys(&fold(listed), &mut |key| is_found |= keys.contains(&key));
            assert!(is_found, "{raw} {listed}: no common key");
        }
    }
}

#[test]
fn pinyin_fits_in_every_layout() {
    scores(
        0.89,
        0.96,
        &[
            ("ZHANG WEI", "张伟"),
            ("zhangwei", "张伟"),
            ("ZHANG/WEI", "張偉"),
            ("ZHANG/WEI MR", "张伟"),
            ("ZHANG/WEIMR", "张伟"),
            ("Wei Zhang", "张伟"),
            ("Zhang, Wei", "张伟"),
            ("Zhāng Wěi", "张伟"),
            ("zhang1 wei3", "张伟"),
            ("Zhang Li-Ling", "张丽玲"),
            ("LI LING ZHANG", "张丽玲"),
            ("Li-Ling Zhang", "张丽玲"),
            ("FNU ZHANGWEI", "张伟"),
            ("Xi'an Li", "李西安"),
            ("LV/YING", "吕英"),
            ("LYU/YING", "吕英"),
            ("LU YING", "吕英"),
            ("Lü Ying", "吕英"),
        ],
    );
}

#[test]
fn surnames_fit_in_their_own_reading_and_lower_in_the_everyday_one() {
    scores(0.9, 0.96, &[("SHAN YONG", "单勇"), ("OU/JING", "区静")]);
    scores(0.8, 0.89, &[("DAN YONG", "单勇"), ("QU/JING", "区静")]);
    scores(
        0.85,
        0.96,
        &[
            ("OUYANG NA", "欧阳娜"),
            ("OU YANG NA", "欧阳娜"),
            ("OU-YANG/NA", "欧阳娜"),
            ("Nana Ouyang", "欧阳娜娜"),
            ("YUCHI GONGMO", "尉迟恭默"),
        ],
    );
    scores(0.0, 0.0, &[("Yangna Ou", "欧阳娜")]);
}

#[test]
fn wade_giles_and_tongyong_fit() {
    scores(
        0.6,
        0.9,
        &[
            ("Ch'en Chih-ming", "陈志明"),
            ("CHEN, CHIH-MING", "陈志明"),
            ("Hai-ch'un Lin", "林海春"),
            ("Tung Hsü", "许东"),
            ("Hsu Tung", "许东"),
            ("Jhang Jhih-ming", "张志明"),
            ("Syu Siao-cing", "许小青"),
        ],
    );
    // Where the writer marks aspiration, a syllable without a mark has none.
    scores(0.0, 0.0, &[("P'an Chen", "潘晨")]);
}

#[test]
fn cantonese_and_hokkien_spellings_fit() {
    scores(
        0.6,
        0.82,
        &[
            ("CHAN TAI MAN", "陈大文"),
            ("YEUNG/KAMYUK MR", "楊金玉"),
            ("Wong Tsz Yuet", "黄子月"),
            ("LEE Hoi Kwok", "李海国"),
            ("Ng Wing-ying", "吴永英"),
            ("Chi-ming Leung", "梁志明"),
            ("IEONG/IOKIENG", "杨玉英"),
            ("VONG Kuok Weng", "王国荣"),
        ],
    );
    scores(
        0.55,
        0.75,
        &[
            ("Tan Beng Hock", "陈明福"),
            ("LIM KIM HUAT", "林金发"),
            ("Goh Swee Geok", "吴瑞玉"),
            ("Ng Wei Ming", "黄伟明"),
        ],
    );
}

#[test]
fn names_of_other_languages_have_free_parts() {
    scores(
        0.84,
        0.96,
        &[
            ("YUSUFU/NUERBIYA", "奴尔比亚·玉苏甫"),
            ("NUERBIYA YUSUFU", "奴尔比亚·玉苏甫"),
            ("MUSA TAYIER", "穆萨·塔伊尔"),
            ("TAYIERMUSA", "穆萨·塔伊尔"),
            ("musatayier", "穆萨·塔伊尔"),
        ],
    );
    let cut = score("ABUDUREHEMAN/ABUDUWAI", "阿卜杜热合曼阿卜杜外力");
    assert!((0.5..0.7).contains(&cut), "{cut}");
    scores(0.0, 0.0, &[("ZHANG/LI", "张丽玲")]);
}

#[test]
fn characters_before_letters_must_be_equal() {
    scores(
        0.85,
        0.95,
        &[("李xiaoming", "李小明"), ("李小ming", "李小明")],
    );
    scores(0.0, 0.0, &[("王xiaoming", "李小明"), ("李小", "李小明")]);
}

#[test]
fn one_slip_of_dialect_stays_below_the_threshold() {
    scores(0.3, 0.49, &[("ZHANG LIN", "张玲"), ("CHENG ZHEN", "陈珍")]);
    scores(0.0, 0.0, &[("ZANG LIN", "张玲")]);
}

#[test]
fn a_name_that_differs_does_not_fit() {
    scores(
        0.0,
        0.0,
        &[
            ("ZHOU/HUA", "周萦浩"),
            ("LI NA", "黎璇伟"),
            ("Wang Jia-feng", "王平琪"),
            ("ZHANGWEIX", "张伟"),
            ("ZHANG", "张"),
            ("WANG WEI", "张伟"),
            ("ZHANG WEI MING", "张伟"),
        ],
    );
}

#[test]
fn texts_that_spell_no_name_are_none() {
    for text in ["", "张伟", "John Smith", "ABC 123", "MR", "/", "---", "阿q"] {
        assert!(Romanised::parse(text).is_none(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_read_in_bounds(
        raw in "([a-zA-Z /,'-]{0,60}|[张欧阳小]{0,3}[a-z]{0,30}|\\PC{0,40})",
        listed in "[张欧阳单小明丽阿a?]{0,10}",
    ) {
        let listed: Vec<char> = listed.chars().collect();
        if let Some(name) = Romanised::parse(&raw) {
            let mut count = 0;
            name.block_keys(&mut |_| count += 1);
            prop_assert!(count <= QUERY_KEYS_MAX);
            let score = name.compare(&listed);
            prop_assert!((0.0..=1.0).contains(&score), "{score}");
        }
    }

    #[test]
    fn syllables_of_any_number_are_bounded(
        syllables in prop::collection::vec("(xian|fangan|lue|nuer|chu|ng|i|yu|kuok|an|er)", 0..60),
        between in "[ '-]?",
    ) {
        let raw = syllables.join(&between);
        if let Some(name) = Romanised::parse(&raw) {
            prop_assert!(name.ways.orders.len() <= 192 && name.keys.len() <= KEYS_MAX);
        }
    }

    #[test]
    fn pinyin_of_the_usual_readings_always_fits(name in "[张王陈吕欧赵][伟明丽绿海玉春杰]{1,2}") {
        let letters = |c: char| crate::name::pinyin::readings(c)[0].syllable.letters();
        let chars: Vec<char> = name.chars().collect();
        let given: String = chars[1..].iter().map(|c| letters(*c)).collect();
        for raw in [
            format!("{}/{given}MR", letters(chars[0])),
            format!("{given} {}", letters(chars[0])),
            format!("{} {given}", letters(chars[0])),
        ] {
            prop_assert!(score(&raw, &name) > 0.85, "{raw} {name}");
        }
    }
}
