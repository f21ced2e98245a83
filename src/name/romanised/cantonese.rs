//! Cantonese: readings of characters in Jyutping, and how Hong Kong and Macau spell them.
//!
//! In: the table `cantonese.tsv`, compiled in and parsed once. Out: syllables as small numbers,
//! their spellings, and surnames with spellings that follow no rule. There is no standard: each
//! initial and final has usual spellings and rarer ones, all of which combine.
//! HOT: a reading is two array reads away.

use super::super::char_map::CharMap;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

const READINGS: &str = include_str!("../../../data/names/cantonese.tsv");

/// Readings of a character, at most.
const READINGS_MAX: usize = 4;

/// How usual are, against the usual spelling: a rarer one, one of Macau, a textbook one.
const RARER: f32 = 0.95;
const MACAU: f32 = 0.9;
const TEXTBOOK: f32 = 0.9;

/// A part of a syllable in Jyutping with its spellings: usual ones, rarer ones, those of Macau.
type Part = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

/// Initials.
const INITIALS: &[Part] = &[
    ("", &[""], &["ng"], &[]),
    ("b", &["p"], &["b"], &[]),
    ("p", &["p"], &[], &[]),
    ("m", &["m"], &[], &[]),
    ("f", &["f"], &[], &[]),
    ("d", &["t"], &["d"], &[]),
    ("t", &["t"], &[], &[]),
    ("n", &["n"], &["l"], &[]),
    ("l", &["l"], &[], &[]),
    ("g", &["k"], &["g"], &[]),
    ("k", &["k"], &[], &[]),
    ("ng", &["ng"], &[""], &[]),
    ("h", &["h"], &[], &[]),
    ("gw", &["kw"], &["k", "gw"], &["ku"]),
    ("kw", &["kw"], &["k"], &["ku"]),
    ("w", &["w"], &[], &["v"]),
    ("z", &["ch"], &["ts", "j", "tz"], &[]),
    ("c", &["ch", "ts"], &[], &[]),
    ("s", &["s", "sh"], &[], &[]),
    ("j", &["y"], &[], &["i"]),
];

/// Finals in Jyutping with their spellings, in the same order.
const FINALS: &[Part] = &[
    ("aa", &["a", "ah"], &["ar"], &[]),
    ("aai", &["ai"], &["aai"], &[]),
    ("aau", &["au"], &["aau"], &["ao"]),
    ("aam", &["am"], &["aam"], &[]),
    ("aan", &["an"], &["aan"], &[]),
    ("aang", &["ang"], &["aang"], &[]),
    ("aap", &["ap"], &["aap"], &[]),
    ("aat", &["at"], &["aat"], &[]),
    ("aak", &["ak"], &["aak"], &[]),
    ("ai", &["ai"], &["i"], &[]),
    ("au", &["au"], &["ow", "ou"], &["ao"]),
    ("am", &["am", "um"], &[], &[]),
    ("an", &["an", "un"], &[], &[]),
    ("ang", &["ang"], &["ung"], &[]),
    ("ap", &["ap", "up"], &[], &[]),
    ("at", &["at", "ut"], &[], &[]),
    ("ak", &["ak"], &["uk", "ack"], &[]),
    ("e", &["e", "eh"], &["ea"], &[]),
    ("ei", &["ei", "i", "ee"], &["ay", "ey", "y"], &[]),
    ("eng", &["eng", "ing"], &["iang"], &[]),
    ("ek", &["ek"], &["ik"], &[]),
    ("i", &["i", "ee"], &["y", "ie"], &[]),
    ("iu", &["iu"], &["iew", "ew"], &["io"]),
    ("im", &["im"], &[], &[]),
    ("in", &["in"], &["een"], &[]),
    ("ing", &["ing"], &[], &["eng"]),
    ("ip", &["ip"], &[], &[]),
    ("it", &["it"], &[], &[]),
    ("ik", &["ik", "ick"], &[], &["ek"]),
    ("o", &["o", "oh"], &["or"], &[]),
    ("oi", &["oi", "oy"], &["oy"], &[]),
    ("ou", &["o"], &["ou", "ow", "oh", "u"], &["ou"]),
    ("on", &["on"], &["orn"], &[]),
    ("ong", &["ong"], &[], &[]),
    ("ot", &["ot"], &[], &[]),
    ("ok", &["ok"], &["ock"], &[]),
    ("u", &["u", "oo"], &[], &[]),
    ("ui", &["ui"], &["ooi", "oui"], &[]),
    ("un", &["un", "oon"], &[], &[]),
    ("ung", &["ung"], &[], &["ong"]),
    ("ut", &["ut", "oot"], &[], &[]),
    ("uk", &["uk"], &["ook"], &["ok"]),
    ("oe", &["eu"], &["oe"], &[]),
    ("oeng", &["eung"], &["oeng"], &["eong"]),
    ("oek", &["euk", "eok"], &["oek"], &[]),
    ("eot", &["ut", "eut"], &["uet"], &[]),
    ("eon", &["un", "eun"], &["eon"], &["on"]),
    ("eoi", &["ui"], &["eui", "ooi"], &["oi"]),
    ("yu", &["yu", "u", "ue"], &["ui"], &[]),
    ("yun", &["uen", "un", "yuen"], &["yun"], &[]),
    ("yut", &["uet", "ut"], &["yut"], &[]),
    ("m", &["m", "ng"], &["um"], &[]),
    ("ng", &["ng"], &["m", "ung", "eng"], &[]),
];

/// Syllables whose usual spelling no rule gives.
const SYLLABLES: &[(&str, &[&str])] = &[
    ("zi", &["tsz", "tze", "tsze", "tzi"]),
    ("ci", &["tsz", "tze", "tsze"]),
    ("si", &["sze", "sz", "tsz", "see", "shi"]),
    ("ji", &["yee", "yi", "i", "ee", "e"]),
    ("jyu", &["yu", "yue", "u"]),
    ("jyun", &["yuen", "un"]),
    ("jyut", &["yuet", "yut", "ut"]),
    ("jin", &["yin", "in"]),
    ("jing", &["ying", "ieng"]),
    ("jik", &["yik", "iek"]),
    ("jim", &["yim", "im"]),
    ("jip", &["yip", "ip"]),
    ("jiu", &["yiu", "io"]),
    ("wu", &["wu", "woo", "u"]),
    ("fui", &["fui", "fooi"]),
    ("gwok", &["kwok", "kok", "kuok"]),
    ("gwong", &["kwong", "kong", "kuong"]),
    ("goeng", &["keung", "geung", "keong"]),
    ("gau", &["kau", "gau", "kow"]),
    ("hei", &["hei", "hi", "hay"]),
    ("mei", &["mei", "mi", "may", "mee", "mey"]),
    ("keoi", &["kui", "kooi", "koi"]),
    ("siu", &["siu", "shiu", "sio"]),
    ("seoi", &["sui", "shui", "soi"]),
    ("lou", &["lo", "lou", "loo", "low"]),
    ("dou", &["to", "tou", "too", "do"]),
    ("sou", &["so", "sou", "soo", "su"]),
    ("gou", &["ko", "kou", "koo"]),
];

/// Surnames of Hong Kong and Macau with their spellings; what the rules give need not stand here.
const SURNAMES: &[(&str, &str)] = &[
    ("au", "区欧"),
    ("auyeung", "欧"),
    ("chan", "陈"),
    ("chang", "郑曾张"),
    ("chao", "周"),
    ("chau", "周邹"),
    ("cheng", "郑"),
    ("cheong", "张"),
    ("cheung", "张章蒋"),
    ("chiang", "蒋"),
    ("chik", "戚植"),
    ("chin", "钱"),
    ("chiu", "赵招"),
    ("cho", "曹"),
    ("choi", "蔡崔"),
    ("chong", "庄"),
    ("chow", "周邹"),
    ("choy", "蔡"),
    ("chu", "朱"),
    ("chui", "徐崔"),
    ("chung", "钟锺"),
    ("fan", "范樊"),
    ("fok", "霍"),
    ("foo", "傅"),
    ("fung", "冯"),
    ("heung", "向香"),
    ("ho", "何"),
    ("hui", "许"),
    ("hung", "洪孔"),
    ("ieong", "杨欧"),
    ("ip", "叶"),
    ("kan", "简靳"),
    ("kei", "纪"),
    ("koo", "顾"),
    ("kuan", "关"),
    ("kuok", "郭"),
    ("kwan", "关"),
    ("kwok", "郭"),
    ("kwong", "邝"),
    ("lai", "黎赖"),
    ("lam", "林"),
    ("lao", "刘"),
    ("lau", "刘"),
    ("law", "罗"),
    ("lee", "李利"),
    ("lei", "李"),
    ("leong", "梁"),
    ("leung", "梁"),
    ("li", "李"),
    ("lo", "卢罗劳鲁"),
    ("loh", "罗"),
    ("look", "陆"),
    ("low", "刘"),
    ("lui", "吕雷"),
    ("luk", "陆"),
    ("mak", "麦"),
    ("mok", "莫"),
    ("mui", "梅"),
    ("ng", "吴伍"),
    ("ngai", "魏倪"),
    ("on", "安"),
    ("pang", "彭"),
    ("poon", "潘"),
    ("pun", "潘"),
    ("seto", "司"),
    ("shek", "石"),
    ("shiu", "萧邵"),
    ("shum", "沈岑"),
    ("sin", "冼"),
    ("siu", "萧肖"),
    ("so", "苏"),
    ("soo", "苏"),
    ("suen", "孙"),
    ("sun", "孙"),
    ("sung", "宋"),
    ("szeto", "司"),
    ("tai", "戴"),
    ("tam", "谭"),
    ("tang", "邓"),
    ("to", "杜陶"),
    ("tong", "唐汤"),
    ("tsang", "曾"),
    ("tse", "谢"),
    ("tseung", "蒋"),
    ("tso", "曹"),
    ("tsoi", "蔡"),
    ("tsui", "徐崔"),
    ("tung", "董"),
    ("u", "胡于"),
    ("vong", "黄王"),
    ("wai", "韦"),
    ("wan", "温尹"),
    ("wat", "屈"),
    ("wong", "王黄汪"),
    ("woo", "胡"),
    ("wu", "胡"),
    ("yau", "丘邱游"),
    ("yeung", "杨"),
    ("yik", "易"),
    ("yim", "严"),
    ("yip", "叶"),
    ("yiu", "姚"),
    ("young", "杨"),
    ("yu", "余于俞"),
    ("yue", "余于"),
    ("yuen", "袁阮"),
    ("yung", "翁容"),
];

struct Tables {
    /// Letters in Jyutping of each syllable.
    syllables: Vec<String>,
    of_char: CharMap<u32>,
    /// Readings of characters; place 0 is no reading.
    readings: Vec<Vec<u16>>,
    chars: Vec<(char, u32)>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables = Tables {
        syllables: Vec::new(),
        of_char: CharMap::new(),
        readings: vec![Vec::new()],
        chars: Vec::new(),
    };
    let mut numbers: BTreeMap<&str, u16> = BTreeMap::new();
    let mut known: HashMap<Vec<u16>, u32> = HashMap::new();
    for (c, letters) in READINGS.lines().filter_map(read_line) {
        let sounds: Vec<u16> = letters
            .split(' ')
            .take(READINGS_MAX)
            .map(|letters| {
                *numbers.entry(letters).or_insert_with(|| {
                    tables.syllables.push(letters.to_owned());
                    (tables.syllables.len() - 1) as u16
                })
            })
            .collect();
        let place = *known.entry(sounds).or_insert_with_key(|sounds| {
            tables.readings.push(sounds.clone());
            (tables.readings.len() - 1) as u32
        });
        tables.of_char.insert(c, place);
        tables.chars.push((c, place));
    }
    tables
});

fn read_line(line: &str) -> Option<(char, &str)> {
    let (name, letters) = line.split_once('\t')?;
    let mut chars = name.chars();
    let c = chars.next().filter(|c| *c != '#')?;
    chars.next().is_none().then_some((c, letters))
}

/// The syllables of Jyutping by which a character is read.
pub fn readings(c: char) -> &'static [u16] {
    let tables = &*TABLES;
    let place = tables.of_char.get(c) as usize;
    tables.readings.get(place).map_or(&[], Vec::as_slice)
}

/// All characters with their readings.
pub fn all_readings() -> impl Iterator<Item = (char, &'static [u16])> {
    let tables = &*TABLES;
    tables.chars.iter().map(|(c, place)| {
        let readings = tables.readings.get(*place as usize);
        (*c, readings.map_or(&[] as &[u16], Vec::as_slice))
    })
}

/// Calls `visit` with each spelling, its syllable and how usual it is.
pub fn spellings(visit: &mut dyn FnMut(&str, u16, f32)) {
    for (number, letters) in TABLES.syllables.iter().enumerate() {
        spell(letters, &mut |spelling, quality| {
            visit(spelling, number as u16, quality);
        });
    }
}

/// Calls `visit` with each spelling of a surname and the surname.
pub fn surnames(visit: &mut dyn FnMut(&str, char)) {
    for (letters, surnames) in SURNAMES {
        surnames.chars().for_each(|c| visit(letters, c));
    }
}

/// The spellings of a syllable of Jyutping.
fn spell(letters: &str, visit: &mut dyn FnMut(&str, f32)) {
    let special = SYLLABLES.iter().find(|(known, _)| *known == letters);
    for spelling in special.into_iter().flat_map(|(_, all)| *all) {
        visit(spelling, 1.0);
    }
    visit(letters, TEXTBOOK);
    let length = letters.find(|c: char| "aeiouy".contains(c)).unwrap_or(0); // Syllabic m and ng.
    let (initial, last) = letters.split_at(length);
    let initial = INITIALS.iter().find(|(known, ..)| *known == initial);
    let last = FINALS.iter().find(|(known, ..)| *known == last);
    let (Some(initial), Some(last)) = (initial, last) else {
        return;
    };
    for (initial, initial_quality) in weighed(initial) {
        for (last, last_quality) in weighed(last) {
            let spelling = format!("{initial}{last}");
            visit(&fitted(&spelling), initial_quality * last_quality);
        }
    }
}

/// Spellings of an initial or final with how usual they are.
fn weighed(
    (_, usual, rarer, macau): &'static (
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
        &'static [&'static str],
    ),
) -> impl Iterator<Item = (&'static str, f32)> {
    let of = |all: &'static [&'static str], quality| all.iter().map(move |one| (*one, quality));
    of(usual, 1.0)
        .chain(of(rarer, RARER))
        .chain(of(macau, MACAU))
}

/// A spelling without doubled semivowels: `yyu` is written `yu`.
fn fitted(spelling: &str) -> String {
    spelling.replacen("yy", "y", 1).replacen("ii", "i", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = READINGS.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let (c, letters) = read_line(line).unwrap();
            let count = letters.split(' ').count();
            assert_eq!(readings(c).len(), count, "{line}");
        }
    }

    #[test]
    fn every_syllable_of_the_table_has_an_initial_and_a_final_with_a_rule() {
        for letters in &TABLES.syllables {
            let mut count = 0;
            spell(letters, &mut |_, _| count += 1);
            assert!(count > 1, "{letters}");
        }
    }

    #[track_caller]
    fn spells(c: char, expected: &[&str]) {
        let mut found = Vec::new();
        for sound in readings(c) {
            spell(&TABLES.syllables[usize::from(*sound)], &mut |s, _| {
                found.push(s.to_owned());
            });
        }
        for spelling in expected {
            assert!(
                found.iter().any(|s| s == spelling),
                "{c} {spelling}: {found:?}"
            );
        }
    }

    #[test]
    fn characters_are_spelled_as_in_hong_kong() {
        spells('子', &["tsz", "chi", "tze"]);
        spells('思', &["sze", "si", "see"]);
        spells('海', &["hoi", "hoy"]);
        spells('国', &["kwok", "kok"]);
        spells('月', &["yuet", "yut"]);
        spells('玉', &["yuk"]);
        spells('荣', &["wing"]);
        spells('英', &["ying"]);
        spells('俊', &["chun", "tsun"]);
        spells('强', &["keung"]);
        spells('娟', &["kuen"]);
        spells('如', &["yu", "yue"]);
        spells('少', &["siu", "shiu"]);
        spells('惠', &["wai"]);
        spells('文', &["man"]);
        spells('吴', &["ng"]);
        spells('美', &["mei", "mi", "may"]);
        spells('婷', &["ting"]);
        spells('仪', &["yee", "yi"]);
    }

    #[test]
    fn characters_are_spelled_as_in_macau() {
        spells('王', &["vong"]);
        spells('玉', &["iok"]);
        spells('荣', &["weng", "veng"]);
        spells('英', &["ieng"]);
        spells('杨', &["ieong"]);
        spells('郭', &["kuok"]);
        spells('少', &["sio"]);
        spells('宝', &["pou"]);
        spells('月', &["ut"]);
    }
}
