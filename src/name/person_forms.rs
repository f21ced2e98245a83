//! The forms in which the written name of a person may be meant.
//!
//! In: a name as somebody wrote it. Out: its folded characters first, then, where they differ, the
//! name without titles, stray signs and notes, with signs for lost characters run together, and
//! with the parts in another order. Every form knows the places of its characters in the folded
//! name. Bounded: at most `FORMS_MAX` forms of `CHARS_MAX` characters.

use super::fold::fold;
use super::frequency::likely_bearers_per_million;
use super::likeness::is_lost;
use super::person_lost::{LOST, Piece, piece};
use super::pinyin::{SURNAME_CHARS_MAX, surname_per_million};
use super::similarity::DifferenceKind;
use smallvec::SmallVec;

/// Forms of one name at most.
pub const FORMS_MAX: usize = 7;
/// Characters of a name that are compared at most; what follows is compared by equality alone.
pub const CHARS_MAX: usize = 64;

/// Characters of a form.
pub type Chars = SmallVec<[char; 8]>;

/// One way in which a written name may be meant.
#[derive(Debug, Clone)]
pub struct Form {
    /// Its characters, folded.
    pub chars: Chars,
    /// Place of each in the folded name.
    pub places: SmallVec<[u16; 8]>,
    /// How it differs from what was written; `None` for the folded name itself.
    pub kind: Option<DifferenceKind>,
    /// How likely the name is meant so, 0.0 to 1.0.
    pub likelihood: f32,
    /// Expected bearers of exactly this form in a million people.
    pub bearers: f32,
}

// One a line would take a page and say nothing more.
#[rustfmt::skip]
/// Forms of address behind a name.
const TITLES_BEHIND: &[&str] = &[
    "先生", "女士", "小姐", "太太", "夫人", "同志", "同学", "同事", "老师", "师傅", "师父", "经理", "总经理", "总监", "总裁",
    "董事长", "董事", "监事", "教授", "讲师", "医生", "医师", "大夫", "护士", "护师", "律师", "法官", "检察官", "警官", "法师",
    "师太", "道长", "阿姨", "大哥", "大姐", "大叔", "大妈", "大爷", "大娘", "叔叔", "伯伯", "爷爷", "奶奶", "老板", "书记",
    "主任", "主席", "委员", "代表", "校长", "院长", "行长", "厂长", "村长", "镇长", "乡长", "县长", "区长", "市长", "省长",
    "局长", "处长", "科长", "股长", "所长", "站长", "队长", "班长", "组长", "部长", "厅长", "船长", "机长", "司机", "会计",
    "秘书", "助理", "工程师", "博士", "硕士", "院士", "老先生", "大人", "阁下", "女生", "男生", "男士", "女童", "男童", "本人",
    "收", "亲启", "台启", "mr", "mrs", "ms", "miss", "mstr", "master", "mdm", "dr", "prof", "sir",
    "chd", "inf",
];
#[rustfmt::skip]
/// Forms of address and labels before a name.
const TITLES_BEFORE: &[&str] = &[
    "姓名", "名字", "名称", "原告", "被告", "被告人", "第三人", "上诉人", "被上诉人", "被执行人", "申请执行人", "失信被执行人", "申请人",
    "被申请人", "债务人", "债权人", "借款人", "担保人", "保证人", "出租人", "承租人", "投保人", "被保险人", "受益人", "法定代表人",
    "法人", "负责人", "经营者", "联系人", "收件人", "寄件人", "持卡人", "户主", "业主", "患者", "考生", "乘客", "旅客", "客户",
    "顾客", "会员", "用户", "公民", "居民", "村民", "学生", "尊敬的", "mr", "mrs", "ms", "miss", "mstr", "mdm",
    "dr", "prof",
];

/// All forms of a name, the folded one first.
pub fn forms(raw: &str) -> SmallVec<[Form; 2]> {
    let folded: Chars = fold(raw).chars().take(CHARS_MAX).collect();
    let mut forms: SmallVec<[Form; 2]> = SmallVec::new();
    let places: SmallVec<[u16; 8]> = (0..folded.len() as u16).collect();
    add(&mut forms, folded.clone(), places.clone(), None, 1.0);
    let (bare, bare_places, title) = without_titles(&folded, &places);
    if title {
        let kind = Some(DifferenceKind::Title);
        add(&mut forms, bare.clone(), bare_places.clone(), kind, 0.97);
    }
    if let Some((chars, places, kind)) = collapsed(&folded, &places) {
        let (bare, bare_places, title) = without_titles(&chars, &places);
        if title {
            add(&mut forms, bare, bare_places, Some(kind), 0.95);
        }
        add(&mut forms, chars, places, Some(kind), 0.97);
    }
    if let Some(chars) = boxed(&bare) {
        let kind = Some(DifferenceKind::Placeholder);
        add(&mut forms, chars, bare_places.clone(), kind, 0.9);
    }
    if let Some((chars, places)) = without_noise(&bare, &bare_places) {
        add(&mut forms, chars, places, Some(DifferenceKind::Noise), 0.95);
    }
    if let Some(first) = given_first(raw, &bare) {
        let kind = Some(DifferenceKind::Order);
        let (chars, places) = turned(&bare, &bare_places, first);
        add(&mut forms, chars, places, kind, 0.9);
    }
    forms
}

fn add(
    forms: &mut SmallVec<[Form; 2]>,
    chars: Chars,
    places: SmallVec<[u16; 8]>,
    kind: Option<DifferenceKind>,
    likelihood: f32,
) {
    let is_known = forms.iter().any(|form| form.chars == chars);
    if chars.is_empty() || is_known || forms.len() >= FORMS_MAX {
        return;
    }
    let bearers = likely_bearers_per_million(&chars);
    forms.push(Form {
        chars,
        places,
        kind,
        likelihood,
        bearers,
    });
}

/// Strips titles from both ends; a name of at least two characters stays.
fn without_titles(chars: &[char], places: &[u16]) -> (Chars, SmallVec<[u16; 8]>, bool) {
    let (mut first, mut end) = (0, chars.len());
    let mut again = true;
    while again {
        again = false;
        for title in TITLES_BEHIND {
            let length = title.chars().count();
            let is_latin = title.is_ascii();
            if end - first >= length + 2
                && chars[end - length..end].iter().copied().eq(title.chars())
                && !(is_latin && chars[end - length - 1].is_ascii_alphabetic())
            {
                end -= length;
                again = true;
            }
        }
        for title in TITLES_BEFORE {
            let length = title.chars().count();
            let is_latin = title.is_ascii();
            if end - first >= length + 2
                && chars[first..first + length]
                    .iter()
                    .copied()
                    .eq(title.chars())
                && !(is_latin && chars[first + length].is_ascii_alphabetic())
            {
                first += length;
                again = true;
            }
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
    let is_shorter = end - first < chars.len();
    (
        chars[first..end].into(),
        places[first..end].into(),
        is_shorter,
    )
}

/// A sign that is no part of a name and stands for no character.
fn is_mark(c: char) -> bool {
    !c.is_alphanumeric() && !is_lost(c)
}

/// The name with each piece that stands for one character as one: signs for lost characters as
/// `LOST`.
fn collapsed(
    chars: &[char],
    places: &[u16],
) -> Option<(Chars, SmallVec<[u16; 8]>, DifferenceKind)> {
    let mut kept = Chars::new();
    let mut kept_places = SmallVec::new();
    let mut kind = DifferenceKind::Noise;
    let mut place = 0;
    while place < chars.len() {
        let (piece, length) =
            piece(&kept, &chars[place..]).unwrap_or((Piece::Known(chars[place]), 1));
        let c = match piece {
            Piece::Known(c) => Some(c),
            Piece::Lost => {
                kind = DifferenceKind::Placeholder;
                Some(LOST)
            }
            Piece::Nothing => None,
        };
        if let Some(c) = c {
            kept.push(c);
            kept_places.push(places[place]);
        }
        place += length;
    }
    (kept != Chars::from(chars) && kept.len() > 1).then_some((kept, kept_places, kind))
}

/// The name with a lost character for each 口, as it is typed or read for an empty box.
fn boxed(chars: &[char]) -> Option<Chars> {
    let is_box = |(place, c): (usize, &char)| place > 0 && *c == '口';
    chars.iter().enumerate().any(is_box).then(|| {
        let sign = |(place, c)| if is_box((place, c)) { LOST } else { *c };
        chars.iter().enumerate().map(sign).collect()
    })
}

/// Without anything that is neither letter nor sign for a lost character, and without what follows
/// an opening bracket.
fn without_noise(chars: &[char], places: &[u16]) -> Option<(Chars, SmallVec<[u16; 8]>)> {
    let open = chars
        .iter()
        .position(|c| matches!(c, '(' | '[' | '【' | '〔'));
    let end = open.filter(|place| *place > 1).unwrap_or(chars.len());
    let mut kept = Chars::new();
    let mut kept_places = SmallVec::new();
    for (c, place) in chars[..end].iter().zip(places) {
        if c.is_alphabetic() || is_lost(*c) {
            kept.push(*c);
            kept_places.push(*place);
        }
    }
    (kept.len() > 1 && kept.len() < chars.len()).then_some((kept, kept_places))
}

/// Characters of the given name where it stands before the surname: the text has two parts of which
/// the last is a surname, or ends in a compound one.
fn given_first(raw: &str, chars: &[char]) -> Option<usize> {
    if chars.iter().any(char::is_ascii_alphabetic) || chars.len() > 4 {
        return None;
    }
    let parts = raw
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '，' | '/' | '、'))
        .filter(|part| !part.is_empty())
        .count();
    let of_last = |length: usize| {
        let first = chars.len().checked_sub(length).filter(|first| *first > 0)?;
        surname_per_million(&chars[first..]).map(|_| first)
    };
    if let Some(first) = of_last(SURNAME_CHARS_MAX).filter(|first| *first <= 2) {
        return Some(first);
    }
    if parts == 2 { of_last(1) } else { None }
}

/// The characters from `first` on before those before it.
fn turned(chars: &[char], places: &[u16], first: usize) -> (Chars, SmallVec<[u16; 8]>) {
    let turned = |n: usize| (n + first) % chars.len().max(1);
    (
        (0..chars.len()).map(|n| chars[turned(n)]).collect(),
        (0..places.len()).map(|n| places[turned(n)]).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn has_form(raw: &str, expected: &str) {
        let forms = forms(raw);
        let texts: Vec<String> = forms.iter().map(|f| f.chars.iter().collect()).collect();
        assert!(
            texts.iter().any(|text| text == expected),
            "{raw}: {texts:?}"
        );
    }

    #[test]
    fn titles_notes_and_stray_signs_are_left_out() {
        has_form("张伟先生", "张伟");
        has_form("尊敬的王芳 女士", "王芳");
        has_form("张伟.", "张伟");
        has_form("张伟（男）", "张伟");
        has_form("姓名：张伟", "张伟");
        has_form("张先生", "张先生");
    }

    #[test]
    fn signs_for_a_lost_character_become_one() {
        has_form("黄??", "黄?");
        has_form("王（王韦）林", "王?林");
        has_form("李&#x4dae;", "李䶮");
        has_form("李&#19886;", "李䶮");
    }

    #[test]
    fn a_given_name_before_the_surname_is_turned() {
        has_form("娜娜欧阳", "欧阳娜娜");
        has_form("伟 张", "张伟");
        assert_eq!(forms("伟张").len(), 1);
    }
}
