//! The folded form of a name: two names are equal when their folded forms are.
//!
//! In: a name as written. Out: NFKC, lower case, without white space, invisible characters and
//! middle dots, with traditional and variant characters in one form (`variants.rs`), and with
//! standard characters for private-use code points of known meaning (`private_use.rs`). Decision
//! rules 3. Pure and idempotent. A name of nothing but blanks and dots folds to the empty text: the
//! caller refuses it. Full stops, hyphens and placeholders such as
//! `?` or `□` stay: they are evidence, not dots.
//!
//! HOT: names of Han characters, ASCII and full-width forms take one pass without normalisation,
//! because none of these characters composes with a neighbour.

use super::private_use;
use super::variants::{VariantTable, table_version};
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// Number of the rules in this file; goes up when they change an answer.
const RULES_VERSION: u32 = 2;

/// Passes after which folding stops; two suffice for every text seen.
const PASSES_MAX: usize = 8;

/// Names the rules, the table and the Unicode data by which a text was folded: a snapshot that was
/// built under another version does not fit this program.
pub static FOLD_VERSION: LazyLock<String> = LazyLock::new(|| {
    let (major, minor, update) = unicode_normalization::UNICODE_VERSION;
    let (table, private) = (table_version(), private_use::table_version());
    format!("{RULES_VERSION}-{table}-{private}-unicode-{major}.{minor}.{update}")
});

/// The folded form of `name`.
pub fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    fold_into(name, &mut folded);
    folded
}

/// Like `fold`, into a text that is cleared first: no allocation once it is large enough.
pub fn fold_into(name: &str, folded: &mut String) {
    folded.clear();
    if !fold_simple(name, folded) {
        *folded = fold_composed(name);
    }
}

/// Whether two names are equal after folding.
pub fn equal(a: &str, b: &str) -> bool {
    a == b || fold(a) == fold(b)
}

/// One pass for texts of simple characters only; `false` at the first other character.
fn fold_simple(name: &str, folded: &mut String) -> bool {
    let variants = VariantTable::get();
    for c in name.chars() {
        match simple_form(variants, c) {
            Some(form) => folded.push(form),
            None if is_dropped(c) => {}
            None => return false,
        }
    }
    true
}

/// The form of a character that folds by itself, whatever stands before it; `None` for others.
#[inline]
pub(super) fn simple_form(variants: VariantTable, c: char) -> Option<char> {
    Some(match c {
        'A'..='Z' => c.to_ascii_lowercase(),
        '!'..='~' => c,
        '\u{4e00}'..='\u{9fff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{20000}'..='\u{2ebe0}'
        | '\u{30000}'..='\u{323af}' => variants.one_form(c),
        // Full-width forms of ASCII.
        '\u{ff01}'..='\u{ff5e}' => {
            let narrow = char::from((c as u32 - 0xfee0) as u8);
            narrow.to_ascii_lowercase()
        }
        _ => return None,
    })
}

/// Any text: drop, normalise, lower, map, and again until nothing changes, because a dropped
/// character may have kept two others from composing.
pub(super) fn fold_composed(name: &str) -> String {
    let mut folded = name.to_owned();
    for _ in 0..PASSES_MAX {
        let again = pass(&folded);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

fn pass(text: &str) -> String {
    let variants = VariantTable::get();
    text.chars()
        .filter(|c| !is_dropped(*c))
        .map(private_use::standard)
        .nfkc()
        .flat_map(char::to_lowercase)
        .filter(|c| !is_dropped(*c))
        .map(|c| variants.one_form(c))
        .collect()
}

/// White space, characters nobody sees, and middle dots.
pub(super) fn is_dropped(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_invisible(c) || is_middle_dot(c)
}

/// Characters without width: Unicode's Default_Ignorable_Code_Point, and the blank Braille cell.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}'
            | '\u{034f}'
            | '\u{061c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The dot inside names of minorities and foreigners, in every code point in which it is typed.
/// 民委发〔2016〕33号 fixes U+00B7. A black circle is not among them: it stands for a character that
/// could not be written.
pub(super) fn is_middle_dot(c: char) -> bool {
    matches!(
        c,
        '\u{00b7}' // Middle dot, GB 18030 A1A4.
            | '\u{02d9}' // Dot above, GBK A842.
            | '\u{0387}' // Greek ano teleia.
            | '\u{119e}' // Korean araea, as a dot.
            | '\u{318d}' // The same, compatibility form.
            | '\u{1427}' // Canadian syllabics final middle dot.
            | '\u{16eb}' // Runic single punctuation.
            | '\u{2022}' // Bullet.
            | '\u{2027}' // Hyphenation point, Big5 A145.
            | '\u{2219}' // Bullet operator.
            | '\u{22c5}' // Dot operator.
            | '\u{2981}' // Z notation spot.
            | '\u{2e31}' // Word separator middle dot.
            | '\u{2e33}' // Raised dot.
            | '\u{30fb}' // Katakana middle dot.
            | '\u{ff65}' // The same, half width.
            | '\u{a78f}' // Latin letter sinological dot.
            | '\u{10101}' // Aegean word separator dot.
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn folds(name: &str, expected: &str) {
        assert_eq!(fold(name), expected, "{}", name.escape_unicode());
        assert_eq!(fold(expected), expected, "again");
    }

    #[test]
    fn width_case_and_compatibility_forms_do_not_matter() {
        folds("张伟", "张伟");
        folds("ABC Trading (Fuzhou)", "abctrading(fuzhou)");
        folds("ＡＢＣ（福州）有限公司", "abc(福州)有限公司");
        folds("\u{2f42}", "文"); // Kangxi radical.
        folds("\u{fa1b}建", "福建"); // Compatibility ideograph.
        folds("\u{2f80f}", "兔"); // Its supplement.
        folds("㈱三和①", "(株)三和1");
        folds("Ｚürich", "zürich");
        folds("Zu\u{0308}rich", "zürich");
        folds("ﬁn ΑΣ İ", "finασi\u{307}");
    }

    #[test]
    fn white_space_and_invisible_characters_are_left_out() {
        for blank in [
            ' ',
            '\t',
            '\n',
            '\r',
            '\u{0b}',
            '\u{85}',
            '\u{a0}',
            '\u{1680}',
            '\u{2000}',
            '\u{2003}',
            '\u{2009}',
            '\u{200a}',
            '\u{2028}',
            '\u{2029}',
            '\u{202f}',
            '\u{205f}',
            '\u{3000}',
            '\0',
            '\u{7f}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{e0100}',
            '\u{e0001}',
        ] {
            folds(&format!("{blank}欧阳{blank}{blank}娜娜{blank}"), "欧阳娜娜");
        }
    }

    #[test]
    fn every_middle_dot_is_left_out() {
        for dot in "·•・･‧∙⋅·᛫⸱⸳ᐧꞏ⦁˙ㆍ𐄁".chars() {
            folds(&format!("买买提{dot}艾力"), "买买提艾力");
            folds(&format!(" {dot}{dot} "), "");
        }
    }

    #[test]
    fn other_points_and_placeholders_stay() {
        for name in [
            "买买提.艾力",
            "买买提-艾力",
            "李?",
            "李□",
            "李●",
            "李〓",
            "李*",
            "李\u{fffd}",
        ] {
            folds(name, name);
        }
        folds("李．明", "李.明");
        folds("李\u{e000}", "李\u{e000}"); // A private character is nobody else's,
        folds("李\u{e863}", "李䶮"); // but for those of the standards.
    }

    #[test]
    fn traditional_and_variant_characters_have_one_form() {
        let table = [
            ("張三豐", "张三丰"),
            ("歐陽修", "欧阳修"),
            ("蕭何", "萧何"),
            ("葉後開", "叶后开"),
            ("鍾鐘", "钟钟"),
            ("餘范範", "余范范"),
            ("願買戰線", "愿买战线"),
            ("吳呉吴", "吴吴吴"),
            ("戶戸户", "户户户"),
            ("衞衛", "卫卫"),
            ("啓啟", "启启"),
            ("羣峯裏裡", "群峰里里"),
            ("沢桜広斉", "泽樱广齐"),
            ("眞愼卽恆", "真慎即恒"),
            ("說説悅悦", "说说悦悦"),
            ("臺灣檯枱", "台湾台台"),
            ("𩽹", "𩽹"),
            ("䰾魚", "鲃鱼"),
        ];
        for (name, expected) in table {
            folds(name, expected);
        }
    }

    #[test]
    fn characters_that_are_both_legal_in_names_stay_apart() {
        for (one, other) in [
            ("肖", "萧"),
            ("付", "傅"),
            ("丘", "邱"),
            ("兰", "蓝"),
            ("闫", "阎"),
            ("代", "戴"),
            ("昇", "升"),
            ("喆", "哲"),
            ("淼", "渺"),
            ("堃", "坤"),
            ("甯", "宁"),
            ("徵", "征"),
            ("乾", "干"),
            ("芸", "艺"),
            ("锺", "钟"),
            ("祕", "秘"),
            ("沪", "滤"),
            ("浜", "滨"),
            ("著", "着"),
        ] {
            assert!(!equal(one, other), "{one} {other}");
        }
    }

    #[test]
    fn a_dropped_character_does_not_keep_others_apart() {
        folds("u\u{200b}\u{0308}", "ü");
        folds("か\u{200d}\u{3099}", "が");
        folds("¨u", "\u{308}u");
    }

    #[test]
    fn folding_into_a_used_text_leaves_nothing_of_it() {
        let mut folded = String::from("before");
        fold_into("張", &mut folded);
        assert_eq!(folded, "张");
        fold_into("か\u{3099}", &mut folded);
        assert_eq!(folded, "が");
    }

    #[test]
    fn the_version_names_rules_table_and_unicode() {
        let parts: Vec<&str> = FOLD_VERSION.split('-').collect();
        assert!(matches!(
            parts[..],
            ["2", "1", hash, "1", private, "unicode", _] if hash.len() == 8 && private.len() == 8
        ));
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(name in any::<String>()) {
            let folded = fold(&name);
            prop_assert_eq!(fold(&folded), folded);
        }

        #[test]
        fn both_ways_of_folding_agree(name in "([a-zA-Z0-9 ．·-]|[一-龥]|[！-～]|[㐀-䶿𠀀-𮯠]){0,20}") {
            let mut simple = String::new();
            prop_assert!(fold_simple(&name, &mut simple));
            prop_assert_eq!(simple, fold_composed(&name));
        }

        #[test]
        fn mixed_scripts_fold_for_good(
            name in concat!(
                "([張伟ÄäİßŒ가-힣か-ゟ]|[\u{300}-\u{36f}]|[\u{2f00}-\u{2fd5}\u{e700}-\u{e8ff}]",
                "|[\u{f900}-\u{fad9}]|[·˙¨\u{200b}\u{fe0f}]){0,16}"
            )
        ) {
            let folded = fold(&name);
            prop_assert!(!folded.contains(is_dropped));
            prop_assert_eq!(fold(&folded), folded);
        }
    }
}
