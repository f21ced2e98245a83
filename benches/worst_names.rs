//! Names that make the search for similar ones work as hard as they can: fault F21.
//!
//! In: nothing. Out: queries, each with what makes it one; and a crowd of listed names that all
//! sound alike. Shared by a bench, which prints what they cost, and by tests, which count.

#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    reason = "shared by benches and tests; none uses all of it"
)]

/// The longest name of a request.
pub const CHARS_MAX: usize = 200;
/// Characters of one sound in all its tones.
const ONE_SOUND: &str = "伟卫炜玮蔚薇维唯威巍魏为未味位尉慰";
const COMMON_SURNAMES: &str = "王李张刘陈杨黄赵吴周";
const COMMON_GIVEN: &str = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平";
/// Several readings each: every sequence of them is a key.
const MANY_READINGS: &str = "单乐行长重朝曾区仇解查盖";
/// Seldom in names, beyond the first plane too.
const RARE: &str = "龘靐齉爩厵𠮷𪚥㐂";

/// Queries with their reasons.
pub fn queries() -> Vec<(&'static str, String)> {
    let long = |text: &str| text.chars().cycle().take(CHARS_MAX).collect::<String>();
    let of_64 = |text: &str| text.chars().cycle().take(64).collect::<String>();
    let mut queries = vec![
        ("nothing", String::new()),
        ("common", "王伟".to_owned()),
        ("common surname alone", "王".to_owned()),
        ("common, three characters", "王秀英".to_owned()),
        ("one sound", "张伟伟".to_owned()),
        ("one sound, four characters", "张威威威".to_owned()),
        ("all common characters, 64", of_64(COMMON_GIVEN)),
        ("all common characters, longest", long(COMMON_GIVEN)),
        ("all common surnames, 64", of_64(COMMON_SURNAMES)),
        ("one character, 64", of_64("伟")),
        ("one character, 65", "伟".repeat(65)),
        ("one character, longest", long("伟")),
        ("two in turn, 64", of_64("王伟")),
        ("two in turn, longest", long("王伟")),
        ("many readings", MANY_READINGS.to_owned()),
        ("many readings, 64", of_64(MANY_READINGS)),
        ("many readings, four", "单乐行长".to_owned()),
        ("rare", RARE.to_owned()),
        ("rare, 64", of_64(RARE)),
        ("rare, longest", long(RARE)),
        ("lost characters", "??".to_owned()),
        ("lost given name", "王??".to_owned()),
        ("lost, with stars", "王**".to_owned()),
        ("lost, 64", of_64("?")),
        ("lost, longest", long("?")),
        ("lost between", long("王?伟*")),
        ("private use", long("\u{e000}\u{e815}王")),
        ("widest under NFKC", long("\u{fdfa}")),
        ("circled and squared", long("㍿㈱㊑①")),
        ("wide forms", long("ＺＨＡＮＧ　ＷＥＩ")),
        ("combining marks", long("e\u{301}\u{327}\u{300}")),
        ("nothing but joiners", long("\u{200d}\u{200b}\u{feff}")),
        ("middle dots", long("·")),
        ("minority, long", long("买买提·艾力·")),
        ("minority, 64", of_64("阿卜杜热依木")),
        ("pinyin", "zhangwei".to_owned()),
        ("pinyin, every cut", of_64("xianganeier")),
        ("pinyin, longest", long("xi an ")),
        ("letters, 64", of_64("a")),
        ("letters, longest", long("a")),
        ("single letters with dots", long("a.")),
        ("Cantonese", "Chan Tai Man".to_owned()),
        ("mixed with pinyin", of_64("王wei")),
        ("many scripts", long("王aЖעم한ไ🙂")),
        ("titles", long("先生同志女士")),
        ("notes", long("王伟（曾用名王卫）")),
        ("open brackets", long("（")),
        ("descriptions", long("⿰亻韦")),
        ("form alone", "有限公司".to_owned()),
        ("forms", long("有限公司")),
        ("regions", long("福建省福州市")),
        ("regions, one branch", long("北京上海分公司")),
        ("trades", long("贸易建筑工程")),
        ("digits", long("第一二三1234567")),
        ("spaces", long(" \u{3000}\t")),
        ("control characters", long("\u{0}\u{7f}\u{85}王")),
    ];
    queries.push(("one sound, all of it", format!("张{ONE_SOUND}")));
    queries
}

/// `count` names of one sound, each once: all stand under one key.
pub fn crowd(count: usize) -> Vec<String> {
    let chars: Vec<char> = ONE_SOUND.chars().collect();
    let at = |place: usize| chars[place % chars.len()];
    let base = chars.len();
    assert!(count <= base * base * base);
    let name = |n: usize| format!("张{}{}{}", at(n / (base * base)), at(n / base), at(n));
    (0..count).map(name).collect()
}
