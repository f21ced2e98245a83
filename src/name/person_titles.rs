//! Forms of address, labels and signs around the written name of a person.
//!
//! In: the characters of a folded name. Out: those without what stands before and behind the name.
//! Bounded: a fixed table. A name of at least two characters stays.

use super::char_map::CharMap;
use super::likeness::is_lost;
use std::sync::LazyLock;

// One a line would take a page and say nothing more.
#[rustfmt::skip]
/// Forms of address behind a name.
const TITLES_BEHIND: &[&str] = &[
    "先生", "女士", "小姐", "太太", "夫人", "同志", "同学", "同事", "老师", "师傅", "师父", "经理", "总经理",
    "总监", "总裁", "董事长", "董事", "监事", "教授", "讲师", "医生", "医师", "大夫", "护士", "护师", "护士长",
    "律师", "法官", "检察官", "警官", "法师", "师太", "道长", "阿姨", "大哥", "大姐", "大叔", "大妈", "大爷",
    "大娘", "叔叔", "伯伯", "爷爷", "奶奶", "老板", "书记", "主任", "主席", "委员", "代表", "校长", "院长",
    "行长", "厂长", "村长", "镇长", "乡长", "县长", "区长", "市长", "省长", "局长", "处长", "科长", "股长",
    "所长", "站长", "队长", "班长", "组长", "部长", "厅长", "船长", "机长", "司机", "会计", "秘书", "助理",
    "工程师", "博士", "硕士", "院士", "老先生", "大人", "阁下", "女生", "男生", "男士", "女童", "男童", "本人",
    "收", "亲启", "台启", "mr", "mrs", "ms", "miss", "mstr", "master", "mdm", "dr",
    "prof", "sir", "chd", "inf", "phd",
];
#[rustfmt::skip]
/// Forms of address and labels before a name.
const TITLES_BEFORE: &[&str] = &[
    "姓名", "名字", "名称", "原告", "被告", "被告人", "第三人", "上诉人", "被上诉人", "被执行人", "申请执行人",
    "失信被执行人", "申请人", "被申请人", "债务人", "债权人", "借款人", "担保人", "保证人", "出租人", "承租人", "投保人",
    "被保险人", "受益人", "法定代表人", "法人", "负责人", "经营者", "联系人", "收件人", "寄件人", "持卡人", "户主",
    "业主", "患者", "考生", "乘客", "旅客", "客户", "顾客", "总经理", "董事长", "会员", "用户", "公民", "居民",
    "村民", "学生", "尊敬的", "mr", "mrs", "ms", "miss", "mstr", "mdm", "dr", "prof",
];

/// Characters with which a form of address may end or begin: spares the tables for most names.
struct Ends {
    behind: CharMap<bool>,
    before: CharMap<bool>,
    /// First characters of what usually stands behind a name and may stand before it too.
    moved: CharMap<bool>,
}

static ENDS: LazyLock<Ends> = LazyLock::new(|| {
    let mut ends = Ends {
        behind: CharMap::new(),
        before: CharMap::new(),
        moved: CharMap::new(),
    };
    for last in TITLES_BEHIND
        .iter()
        .filter_map(|title| title.chars().last())
    {
        ends.behind.insert(last, true);
    }
    for first in TITLES_BEFORE
        .iter()
        .filter_map(|title| title.chars().next())
    {
        ends.before.insert(first, true);
    }
    for first in TITLES_BEHIND
        .iter()
        .filter_map(|title| title.chars().next())
    {
        ends.moved.insert(first, true);
    }
    ends
});

/// Whether a form of address may stand before or behind a name: cheap, `true` more often than one
/// does.
pub fn may_have_title(name: &[char]) -> bool {
    let ends = &*ENDS;
    name.last().is_some_and(|c| ends.behind.get(*c))
        || name.first().is_some_and(|c| ends.before.get(*c))
}

/// The same of what usually stands behind a name, before it: 局长张伟.
pub fn may_have_title_in_front(name: &[char]) -> bool {
    name.first().is_some_and(|c| ENDS.moved.get(*c))
}

/// The part of a name that is left without titles and signs at both ends.
pub fn without_titles(chars: &[char]) -> std::ops::Range<usize> {
    let (mut first, mut end) = (0, chars.len());
    let mut again = true;
    while again {
        again = false;
        let name = &chars[first..end];
        let behind = longest(TITLES_BEHIND, |title| {
            let start = name.len().checked_sub(title.chars().count() + 2)? + 2;
            let is_glued = title.is_ascii() && name[start - 1].is_ascii_alphabetic();
            (!is_glued && title.chars().eq(name[start..].iter().copied())).then_some(start)
        });
        if let Some(start) = behind {
            end = first + start;
            again = true;
            continue;
        }
        // Whoever is called 局长 behind the name is called so before it too.
        let titles = TITLES_BEFORE.iter().chain(TITLES_BEHIND);
        let before = titles.filter_map(|title| {
            let length = title.chars().count();
            let next = name
                .get(length)
                .filter(|_| name.len() >= length + 2 && length > 1)?;
            let is_glued = title.is_ascii() && next.is_ascii_alphabetic();
            (!is_glued && title.chars().eq(name[..length].iter().copied())).then_some(length)
        });
        if let Some(length) = before.max() {
            first += length;
            again = true;
            continue;
        }
        while end - first > 2 && is_mark(chars[first]) {
            first += 1;
            again = true;
        }
        while end - first > 2 && is_mark(chars[end - 1]) {
            end -= 1;
            again = true;
        }
    }
    first..end
}

/// Where the longest of the titles that end a name begins.
fn longest(titles: &[&str], start: impl Fn(&str) -> Option<usize>) -> Option<usize> {
    titles.iter().filter_map(|title| start(title)).min()
}

/// A sign that is no part of a name and stands for no character.
fn is_mark(c: char) -> bool {
    !c.is_alphanumeric() && !is_lost(c)
}
