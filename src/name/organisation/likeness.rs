//! How characters of an organisation's name sound and resemble each other.
//!
//! In: folded characters. Out: a class of sound in the most usual reading, and in which way two
//! characters resemble each other, by the tables of `pinyin` and `likeness`, and by one of its own.
//!
//! HOT: every character of every key passes `sound`.

use super::super::char_map::CharMap;
use super::super::likeness;
use super::super::pinyin::{Syllable, readings};
use super::super::similarity::DifferenceKind;
use std::sync::LazyLock;

/// Classes of sound stand above all characters.
const SOUND_BASE: u32 = 0x20_0000;
/// Letters of the longest syllable.
pub const LETTERS_MAX: usize = 6;

/// The class of sound of a character in its most usual reading; the character itself where none is
/// known.
#[inline]
pub fn sound(c: char) -> u32 {
    match readings(c) {
        [usual, ..] => SOUND_BASE + u32::from(usual.syllable.dialect_class()),
        [] => u32::from(c),
    }
}

/// The class of sound of a syllable in pinyin, without tone.
pub fn class_of(syllable: &str) -> Option<u32> {
    let class = Syllable::parse(syllable)?.dialect_class();
    Some(SOUND_BASE + u32::from(class))
}

/// In which way two different characters resemble each other.
pub fn resemblance(one: char, other: char) -> Option<DifferenceKind> {
    match likeness::likeness(one, other).map(|likeness| likeness.kind) {
        None | Some(DifferenceKind::Keyboard) if look_alike(one, other) => {
            Some(DifferenceKind::Shape)
        }
        kind => kind,
    }
}

/// Characters that are read for each other on paper, beyond the tables of names of persons: those
/// of few strokes, of which no code tells how alike they are, and what trades and forms are written
/// with. A character may be in more than one group.
const LOOK_ALIKE: &[&str] = &[
    "大太犬夭天无夫丈元",
    "人入八",
    "千干于",
    "土士工",
    "己已巳",
    "日曰目白",
    "末未木本禾米术",
    "刀力刃九刁",
    "王玉主五正",
    "兔免",
    "乌鸟鸣鸡",
    "戊戌戍成",
    "治冶洽",
    "泰秦奏春",
    "喜善嘉",
    "新斩析断",
    "飞气乞",
    "明朋胡",
    "鸿鸥鸭",
    "美羡姜羊",
    "迫迪追",
    "意怠急息",
    "江汪汇红",
    "业亚",
    "资贷贺贸货质",
    "山出",
    "同司问回",
    "物牧",
    "莱菜荣",
    "阴限",
    "务条",
    "体休",
    "居屋",
    "程桯",
    "云去",
    "门闩闪间问",
    "机杌",
    "鱼渔",
    "兴兰",
    "方万",
    "东乐",
    "盛威",
    "缘绿",
    "睿春",
    "彩影",
    "风凤",
    "今令",
    "侯候",
    "广厂",
    "百自",
    "早旱",
    "甲申由田电",
    "午牛",
    "古吉右石",
    "友反",
    "几凡",
    "了子孑",
    "个介",
    "户尸",
    "斤斥",
    "庆床",
    "历厉",
    "亨享",
    "昌冒",
    "晶品",
    "圣怪",
    "华毕",
    "竞竟",
    "佳住隹往",
    "师帅",
    "茂荗",
    "科料",
    "材村",
    "技枝",
    "农衣",
    "食良",
    "粮娘",
    "商高",
    "设没",
    "计讨汁",
    "输轮",
    "运远",
    "部陪",
    "径经",
    "钢纲",
    "铁轶",
    "油抽",
    "消清",
    "环坏",
    "能熊",
    "源愿",
    "予子",
    "恩思",
    "网冈",
    "来米",
    "明晴",
    "医匹",
    "有冇",
    "厚厘",
    "市巿布",
    "公么",
    "保褓",
    "建健",
    "投没",
    "具贝",
    "贝见",
    "川州",
    "洲州",
    "永水冰",
    "龙尤",
    "丰手",
    "兵乒",
    "利刊",
    "化代",
    "全金",
    "任仁",
    "合台",
    "宇字",
    "安女",
    "导异",
    "微徽",
    "晨辰",
    "析折",
    "理埋",
    "瑞端",
    "福幅",
    "育盲",
    "船般",
    "货贷",
    "达迖",
    "远近",
    "顶项",
    "顺项",
    "冉再",
    "旦且",
    "晋普",
    "宝宣",
    "官宫",
    "客容",
    "壁璧",
    "汤扬",
    "杨扬场",
    "陈阵",
    "隆降",
    "味昧",
    "味末",
    "士土",
    "外处",
    "博搏",
    "拆折",
    "拔拨",
    "辨辩",
    "弛驰",
    "蓝篮",
    "赢嬴羸",
    "裸祼",
    "拓柘",
    "栋拣",
    "梁粱",
    "诚城",
    "诚减",
];

/// Characters of the groups, and the pairs of each, sorted.
static LOOK_ALIKE_PAIRS: LazyLock<(CharMap<bool>, Vec<[char; 2]>)> = LazyLock::new(|| {
    let mut known = CharMap::new();
    let mut pairs = Vec::new();
    for group in LOOK_ALIKE {
        for one in group.chars() {
            known.insert(one, true);
            pairs.extend(group.chars().map(|other| [one, other]));
        }
    }
    pairs.sort_unstable();
    (known, pairs)
});

/// Whether the two are in one group of look-alikes.
fn look_alike(one: char, other: char) -> bool {
    let (known, pairs) = &*LOOK_ALIKE_PAIRS;
    known.get(one) && known.get(other) && pairs.binary_search(&[one, other]).is_ok()
}
