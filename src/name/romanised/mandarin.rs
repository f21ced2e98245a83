//! Spellings of the syllables of Mandarin: pinyin with its ways around ü, Wade-Giles, Tongyong.
//!
//! In: the syllables of `pinyin`. Out: spelling, syllable and how usual that spelling is, 0.0 to
//! 1.0. Rules, no tables. Never: sounds without a vowel (`m`, `ng`), which no name has.

use super::super::pinyin::{Syllable, split_initial};

/// Takes a spelling.
pub type Visit<'a> = &'a mut dyn FnMut(&str, Syllable, f32);

/// Surnames that are written in their own way beside Wade-Giles.
const CUSTOMARY: &[(&str, &str)] = &[("lee", "李"), ("soong", "宋"), ("koo", "顾辜")];

/// How usual `lu` is for lü in passports of before 2012, in which `lv` was the other way.
const U_FOR_V: f32 = 0.95;

/// All syllables of names.
fn syllables() -> impl Iterator<Item = (Syllable, &'static str)> {
    (0..)
        .map(|number| (Syllable(number), Syllable(number).letters()))
        .take_while(|(_, letters)| !letters.is_empty())
        .filter(|(_, letters)| {
            letters.bytes().all(|b| b.is_ascii_lowercase())
                && letters.contains(['a', 'e', 'i', 'o', 'u', 'v'])
        })
}

/// Pinyin; ü as `v`, `yu`, `u`, and `ue` in machine-readable zones.
pub fn pinyin(visit: Visit<'_>) {
    for (syllable, letters) in syllables() {
        visit(letters, syllable, 1.0);
        if let Some((before, behind)) = letters.split_once('v') {
            visit(&format!("{before}yu{behind}"), syllable, 1.0);
            visit(&format!("{before}u{behind}"), syllable, U_FOR_V);
            if behind.is_empty() {
                visit(&format!("{before}ue"), syllable, 0.8);
            }
        } else if let Some((before @ ("j" | "q" | "x" | "y"), behind)) = letters.split_once('u') {
            // Keyboards and rules that take every ü for a v.
            visit(&format!("{before}v{behind}"), syllable, 0.95);
            if before != "y" && !behind.starts_with('i') {
                visit(&format!("{before}yu{behind}"), syllable, 0.95);
            }
        }
    }
}

/// Wade-Giles; without marks every spelling loses its apostrophe and ü may be u.
pub fn wade_giles(is_marked: bool, visit: Visit<'_>) {
    for (syllable, letters) in syllables() {
        let usual = to_wade_giles(letters);
        let mut all = vec![(usual.clone(), 1.0)];
        match letters {
            "yi" => all.push(("yi".to_owned(), 0.97)),
            "si" => all.push(("szu".to_owned(), 1.0)),
            "zi" => all.push(("tze".to_owned(), 0.95)),
            "ge" | "ke" | "he" => all.push((usual.replace('o', "e"), 0.95)),
            "e" => all.push(("e".to_owned(), 1.0)),
            _ => {}
        }
        for (spelling, quality) in all {
            let spelling = if is_marked {
                spelling
            } else {
                spelling.replace('\'', "")
            };
            visit(&spelling, syllable, quality);
            if spelling.contains('v') {
                visit(&spelling.replace('v', "u"), syllable, quality);
            }
        }
    }
}

/// Surnames with a customary spelling.
pub fn customary_surnames(visit: &mut dyn FnMut(&str, char)) {
    for (letters, surnames) in CUSTOMARY {
        surnames.chars().for_each(|c| visit(letters, c));
    }
}

/// Tongyong pinyin.
pub fn tongyong(visit: Visit<'_>) {
    for (syllable, letters) in syllables() {
        visit(&to_tongyong(letters), syllable, 1.0);
    }
}

/// A syllable of pinyin in Wade-Giles, with apostrophe and ü as `v`.
fn to_wade_giles(letters: &str) -> String {
    let whole = match letters {
        "zhi" => "chih",
        "chi" => "ch'ih",
        "shi" => "shih",
        "ri" => "jih",
        "zi" => "tzu",
        "ci" => "tz'u",
        "si" => "ssu",
        "yi" => "i",
        "ye" => "yeh",
        "yan" => "yen",
        "yong" => "yung",
        "you" => "yu",
        "yu" => "yv",
        "yuan" => "yvan",
        "yue" => "yveh",
        "yun" => "yvn",
        "er" => "erh",
        "e" => "o",
        _ => "",
    };
    if !whole.is_empty() {
        return whole.to_owned();
    }
    let (initial, rest) = split_initial(letters);
    let is_palatal = matches!(initial, "j" | "q" | "x");
    let begin = match initial {
        "b" => "p",
        "p" => "p'",
        "d" => "t",
        "t" => "t'",
        "g" => "k",
        "k" => "k'",
        "j" | "zh" => "ch",
        "q" | "ch" => "ch'",
        "x" => "hs",
        "r" => "j",
        "z" => "ts",
        "c" => "ts'",
        other => other,
    };
    let end = match rest {
        "e" if matches!(initial, "g" | "k" | "h") => "o",
        "ie" => "ieh",
        "ian" => "ien",
        "iong" => "iung",
        "ong" => "ung",
        "uo" if !matches!(initial, "g" | "k" | "h" | "sh") => "o",
        "ui" if matches!(initial, "g" | "k") => "uei",
        "u" if is_palatal => "v",
        "uan" if is_palatal => "van",
        "un" if is_palatal => "vn",
        "ue" if is_palatal => "veh",
        "ve" => "veh",
        other => other,
    };
    format!("{begin}{end}")
}

/// A syllable of pinyin in Tongyong.
fn to_tongyong(letters: &str) -> String {
    match letters {
        "wen" => return "wun".to_owned(),
        "feng" => return "fong".to_owned(),
        "weng" => return "wong".to_owned(),
        _ => {}
    }
    let (initial, rest) = split_initial(letters);
    let is_palatal = matches!(initial, "j" | "q" | "x");
    let begin = match initial {
        "zh" => "jh",
        "q" => "c",
        "x" => "s",
        other => other,
    };
    let end = match rest {
        "i" if matches!(initial, "zh" | "ch" | "sh" | "r" | "z" | "c" | "s") => "ih",
        "iu" => "iou",
        "ui" => "uei",
        "iong" => "yong",
        "u" if is_palatal => "yu",
        "uan" if is_palatal => "yuan",
        "un" if is_palatal => "yun",
        "ue" if is_palatal => "yue",
        "v" => "yu",
        "ve" => "yue",
        other => other,
    };
    format!("{begin}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn turns(rule: fn(&str) -> String, pairs: &[(&str, &str)]) {
        for (letters, expected) in pairs {
            assert!(Syllable::parse(letters).is_some(), "{letters}");
            assert_eq!(rule(letters), *expected, "{letters}");
        }
    }

    #[test]
    fn syllables_of_wade_giles_are_as_its_table_has_them() {
        turns(
            to_wade_giles,
            &[
                ("zhang", "chang"),
                ("chen", "ch'en"),
                ("jia", "chia"),
                ("qing", "ch'ing"),
                ("xu", "hsv"),
                ("xiong", "hsiung"),
                ("quan", "ch'van"),
                ("xue", "hsveh"),
                ("lve", "lveh"),
                ("guo", "kuo"),
                ("ge", "ko"),
                ("he", "ho"),
                ("duo", "to"),
                ("shuo", "shuo"),
                ("ruo", "jo"),
                ("gui", "kuei"),
                ("hui", "hui"),
                ("song", "sung"),
                ("lian", "lien"),
                ("jie", "chieh"),
                ("ci", "tz'u"),
                ("cui", "ts'ui"),
                ("you", "yu"),
                ("yu", "yv"),
                ("yan", "yen"),
                ("er", "erh"),
            ],
        );
    }

    #[test]
    fn syllables_of_tongyong_are_as_its_table_has_them() {
        turns(
            to_tongyong,
            &[
                ("zhang", "jhang"),
                ("zhi", "jhih"),
                ("shi", "shih"),
                ("qing", "cing"),
                ("xiao", "siao"),
                ("xu", "syu"),
                ("jun", "jyun"),
                ("xiong", "syong"),
                ("lv", "lyu"),
                ("liu", "liou"),
                ("hui", "huei"),
                ("wen", "wun"),
                ("feng", "fong"),
            ],
        );
    }

    #[track_caller]
    fn stands_for(system: fn(Visit<'_>), letters: &str, expected: &[&str]) {
        let mut found = Vec::new();
        system(&mut |spelling, syllable, _| {
            if spelling == letters {
                found.push(syllable.letters());
            }
        });
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, expected, "{letters}");
    }

    #[test]
    fn an_umlaut_is_written_in_many_ways() {
        stands_for(pinyin, "lv", &["lv"]);
        stands_for(pinyin, "lyu", &["lv"]);
        stands_for(pinyin, "lu", &["lu", "lv"]);
        stands_for(pinyin, "lue", &["lv", "lve"]);
        stands_for(pinyin, "nve", &["nve"]);
        stands_for(pinyin, "xv", &["xu"]);
    }

    #[test]
    fn spellings_without_marks_stand_for_both_sounds() {
        stands_for(|visit| wade_giles(false, visit), "chen", &["chen", "zhen"]);
        stands_for(|visit| wade_giles(true, visit), "chen", &["zhen"]);
        stands_for(|visit| wade_giles(true, visit), "ch'en", &["chen"]);
        stands_for(
            |visit| wade_giles(false, visit),
            "chu",
            &["chu", "ju", "qu", "zhu"],
        );
        stands_for(|visit| wade_giles(true, visit), "chv", &["ju"]);
    }
}
