//! The forms in which the written name of a person may be meant.
//!
//! In: a name as somebody wrote it, or as a list holds it. Out: its folded characters first, then,
//! where they differ, the name without titles, stray signs and notes, with signs for lost
//! characters run together, a former name that it mentions, and with the parts in another order.
//! Every form knows the places of its characters in the folded name. Bounded: at most `FORMS_MAX`
//! forms of `CHARS_MAX` characters.

use super::fold::{fold, is_middle_dot};
use super::frequency::likely_bearers_per_million;
use super::likeness::is_lost;
use super::person_lost::{LOST, Piece, changes_the_one_before, piece};
use super::person_titles::{may_have_title, may_have_title_in_front, without_titles};
use super::pinyin::{SURNAME_CHARS_MAX, surname_chars, surname_per_million};
use super::similarity::DifferenceKind;
use super::transliteration::looks_foreign;
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::OnceLock;

/// Forms of one name at most.
pub const FORMS_MAX: usize = 8;
/// Characters of a name that are compared at most; what follows is compared by equality alone.
pub const CHARS_MAX: usize = 64;

/// Characters of a form.
pub type Chars = SmallVec<[char; 8]>;
/// Forms of a name.
pub type Forms = SmallVec<[Form; 2]>;

/// What stands before another name of the same person.
const OTHER_NAME: &[&str] = &[
    "曾用名",
    "原名",
    "又名",
    "别名",
    "现名",
    "现用名",
    "化名",
    "本名",
    "旧名",
    "改名",
    "更名",
    "亦名",
    "俗名",
    "也叫",
    "又叫",
    "原姓名",
    "法名",
    "笔名",
    "艺名",
    "aka",
    "alias",
];
/// What stands before a name by which nobody is registered.
const NICKNAME: &[&str] = &[
    "外号", "绰号", "小名", "乳名", "昵称", "人称", "网名", "俗称",
];
/// What may stand between that and the name.
const BEFORE_NAME: &[char] = &[':', '为', '叫', '是', '.', '-', '=', '"', '“'];

/// Bearers per million of each of the two surnames that a married woman bears, at least.
const MARRIED_SURNAME: f32 = 50.0;
/// Characters of a name with two surnames.
const MARRIED_CHARS: usize = 4;

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
    /// Looked up when it is first asked for.
    bearers: OnceLock<f32>,
}

impl Form {
    /// Expected bearers of exactly this form in a million people.
    pub fn bearers(&self) -> f32 {
        *self
            .bearers
            .get_or_init(|| likely_bearers_per_million(&self.chars))
    }

    /// Where a place of the form lies in the folded name.
    pub fn place(&self, place: u16) -> u16 {
        let known = self.places.get(usize::from(place));
        known.copied().unwrap_or(place)
    }
}

/// Characters and their places in the folded name.
#[derive(Debug, Clone, Default)]
struct Text {
    chars: Chars,
    places: SmallVec<[u16; 8]>,
}

impl Text {
    fn part(&self, range: Range<usize>) -> Self {
        Self {
            chars: self.chars[range.clone()].into(),
            places: self.places[range].into(),
        }
    }

    /// Without titles and signs at both ends.
    fn bare(&self) -> Self {
        self.part(without_titles(&self.chars))
    }

    fn push(&mut self, c: char, place: u16) {
        self.chars.push(c);
        self.places.push(place);
    }
}

/// All forms of a name, given as written and folded; the folded one first.
pub fn forms(raw: &str, folded: &str) -> Forms {
    let whole = whole(folded);
    let (mut forms, bare) = match is_bare(&whole.chars) {
        // Nothing can be left out of nearly all names: the tables are spared.
        true => (Forms::from_iter([as_written(&whole)]), whole),
        false => (forms_of(&whole), whole.bare()),
    };
    if let Some(first) = given_first(raw, &bare.chars) {
        add(&mut forms, turned(&bare, first), DifferenceKind::Order, 0.9);
    }
    if let Some(first) = father_first(raw, &bare.chars) {
        add(&mut forms, turned(&bare, first), DifferenceKind::Order, 0.6);
    }
    forms
}

/// The forms of a listed name, folded, behind the name itself: none for nearly all names.
pub fn other_forms(listed: &[char]) -> Forms {
    if is_plain(listed) || listed.len() > CHARS_MAX {
        return Forms::new();
    }
    let mut forms = forms_of(&Text {
        chars: listed.into(),
        places: (0..listed.len() as u16).collect(),
    });
    forms.remove(0);
    forms
}

/// Whether a name is made of characters that mean nothing but themselves.
fn is_plain(name: &[char]) -> bool {
    let is_usual = |c: &char| ('\u{4e00}'..='\u{9fff}').contains(c) && *c != '口';
    name.iter().all(is_usual)
        && match name.len() {
            0..=2 => true,
            3 => name[2] != '收',
            MARRIED_CHARS => !may_have_title(name) && married(name).is_none(),
            _ => !may_have_title(name) && !name.iter().any(|c| begins_note(*c)),
        }
}

/// Whether nothing can be left out of a name: `true` for nearly all that are written.
fn is_bare(name: &[char]) -> bool {
    is_plain(name)
        && !name.iter().any(|c| is_lost(*c))
        && (name.len() < MARRIED_CHARS
            || !may_have_title_in_front(name) && !name.iter().any(|c| begins_note(*c)))
}

/// Whether a character is of those with which another name is brought up.
fn begins_note(c: char) -> bool {
    matches!(c, '名' | '叫' | '号' | '称')
}

fn whole(folded: &str) -> Text {
    let chars: Chars = folded.chars().take(CHARS_MAX).collect();
    let places = (0..chars.len() as u16).collect();
    Text { chars, places }
}

/// The name itself.
fn as_written(whole: &Text) -> Form {
    Form {
        chars: whole.chars.clone(),
        places: whole.places.clone(),
        kind: None,
        likelihood: 1.0,
        bearers: OnceLock::new(),
    }
}

/// The name and its forms that do not depend on how its parts were set apart.
fn forms_of(whole: &Text) -> Forms {
    let mut forms = Forms::from_iter([as_written(whole)]);
    let bare = whole.bare();
    add(&mut forms, bare.clone(), DifferenceKind::Title, 0.97);
    for changes in [true, false] {
        if let Some((text, kind)) = collapsed(whole, changes) {
            add(&mut forms, text.bare(), kind, 0.95);
            add(&mut forms, text, kind, 0.97);
        }
    }
    if let Some((name, other)) = other_name(whole) {
        add(&mut forms, name.bare(), DifferenceKind::Noise, 0.95);
        add(&mut forms, other.bare(), DifferenceKind::FormerName, 0.93);
    }
    if let Some(text) = boxed(&bare) {
        add(&mut forms, text, DifferenceKind::Placeholder, 0.9);
    }
    if let Some(text) = without_noise(&bare) {
        add(&mut forms, text.bare(), DifferenceKind::Noise, 0.95);
        add(&mut forms, text, DifferenceKind::Noise, 0.95);
    }
    if let Some(own) = married(&bare.chars) {
        let text = bare.part(own..bare.chars.len());
        add(&mut forms, text, DifferenceKind::Missing, 0.6);
    }
    forms
}

fn add(forms: &mut Forms, text: Text, kind: DifferenceKind, likelihood: f32) {
    let is_known = forms.iter().any(|form| form.chars == text.chars);
    if text.chars.is_empty() || is_known || forms.len() >= FORMS_MAX {
        return;
    }
    forms.push(Form {
        chars: text.chars,
        places: text.places,
        kind: Some(kind),
        likelihood,
        bearers: OnceLock::new(),
    });
}

/// The name with each piece that stands for one character as one: signs for lost characters as
/// `LOST`. A description such as `(加王旁)` stands for a character of its own or, where it
/// `changes` the one before, for both.
fn collapsed(text: &Text, changes: bool) -> Option<(Text, DifferenceKind)> {
    let mut kept = Text::default();
    let mut kind = DifferenceKind::Noise;
    let mut has_changed = false;
    let mut place = 0;
    while place < text.chars.len() {
        let rest = &text.chars[place..];
        let (piece, length) = piece(&kept.chars, rest).unwrap_or((Piece::Known(rest[0]), 1));
        let c = match piece {
            Piece::Known(c) => Some(c),
            Piece::Lost => {
                kind = DifferenceKind::Placeholder;
                if changes && kept.chars.len() > 1 && changes_the_one_before(rest) {
                    has_changed = true;
                    kept.chars.pop();
                    kept.places.pop();
                }
                Some(LOST)
            }
            Piece::Nothing => None,
        };
        if let Some(c) = c {
            kept.push(c, text.places[place]);
        }
        place += length;
    }
    let is_other = kept.chars != text.chars && kept.chars.len() > 1;
    (is_other && has_changed == changes).then_some((kept, kind))
}

/// The name with a lost character for each 口, as it is typed or read for an empty box.
fn boxed(text: &Text) -> Option<Text> {
    let is_box = |(place, c): (usize, &char)| place > 0 && *c == '口';
    text.chars.iter().enumerate().any(is_box).then(|| {
        let sign = |(place, c)| if is_box((place, c)) { LOST } else { *c };
        Text {
            chars: text.chars.iter().enumerate().map(sign).collect(),
            places: text.places.clone(),
        }
    })
}

/// Without anything that is neither letter nor sign for a lost character, and without what follows
/// an opening bracket.
fn without_noise(text: &Text) -> Option<Text> {
    let open = text.chars.iter().position(|c| is_open(*c));
    let end = open.filter(|place| *place > 1).unwrap_or(text.chars.len());
    let mut kept = Text::default();
    for (c, place) in text.chars[..end].iter().zip(&text.places) {
        if c.is_alphabetic() || is_lost(*c) {
            kept.push(*c, *place);
        }
    }
    (kept.chars.len() > 1 && kept.chars.len() < text.chars.len()).then_some(kept)
}

fn is_open(c: char) -> bool {
    matches!(c, '(' | '[' | '【' | '〔' | '{' | '<' | '《' | '「')
}

/// The name, and another name of the same person that stands behind it: 张三(曾用名李四). The other
/// one is empty where it is a nickname.
fn other_name(text: &Text) -> Option<(Text, Text)> {
    let chars = &text.chars[..];
    let begins = |at: usize, mark: &str| {
        let mut rest = chars[at..].iter();
        mark.chars().all(|c| rest.next() == Some(&c))
    };
    let (at, mark) = (2..chars.len()).find_map(|at| {
        let marks = OTHER_NAME.iter().chain(NICKNAME);
        let mark = marks
            .filter(|mark| begins(at, mark))
            .max_by_key(|mark| mark.len())?;
        Some((at, *mark))
    })?;
    let name = text.part(0..at);
    let mut first = at + mark.chars().count();
    while chars.get(first).is_some_and(|c| BEFORE_NAME.contains(c)) {
        first += 1;
    }
    let is_part = |c: &&char| c.is_alphabetic() || is_lost(**c);
    let rest = &chars[first.min(chars.len())..];
    let length = rest.iter().take_while(is_part).count();
    let other = match length {
        _ if NICKNAME.contains(&mark) => Text::default(),
        0 | 1 => return None,
        _ => text.part(first..first + length),
    };
    Some((name, other))
}

/// Where the own surname of a married woman stands behind that of her husband: 陈方安生.
fn married(name: &[char]) -> Option<usize> {
    let is_surname = |c: &char| {
        let bearers = surname_per_million(std::slice::from_ref(c));
        bearers.is_some_and(|bearers| bearers >= MARRIED_SURNAME)
    };
    let is_so = name.len() == MARRIED_CHARS
        && name[..2].iter().all(is_surname)
        && surname_chars(name) == 1
        && surname_chars(&name[1..]) == 1;
    is_so.then_some(1)
}

/// Characters of the given name where it stands before the surname: the text has two parts of which
/// the last is a surname, or ends in a compound one.
fn given_first(raw: &str, chars: &[char]) -> Option<usize> {
    if chars.iter().any(char::is_ascii_alphabetic) || chars.len() > 4 {
        return None;
    }
    let parts = || {
        raw.split(|c: char| c.is_whitespace() || matches!(c, ',' | '，' | '/' | '、'))
            .filter(|part| !part.is_empty())
            .count()
    };
    let of_last = |length: usize| {
        let first = chars.len().checked_sub(length).filter(|first| *first > 0)?;
        surname_per_million(&chars[first..]).map(|_| first)
    };
    if let Some(first) = of_last(SURNAME_CHARS_MAX).filter(|first| *first <= 2) {
        return Some(first);
    }
    of_last(1).filter(|_| parts() == 2)
}

/// Characters of the first part of a name of another language in two parts, own name and father's,
/// which passports and airlines exchange.
fn father_first(raw: &str, chars: &[char]) -> Option<usize> {
    if !raw.contains(is_middle_dot) {
        return None;
    }
    let mut parts = raw
        .split(is_middle_dot)
        .map(|part| fold(part).chars().count());
    let (first, second) = (parts.next()?, parts.next()?);
    let is_whole = parts.next().is_none() && first + second == chars.len();
    (is_whole && first > 1 && second > 1 && looks_foreign(chars)).then_some(first)
}

/// The characters from `first` on before those before it.
fn turned(text: &Text, first: usize) -> Text {
    let turned = |n: usize| (n + first) % text.chars.len().max(1);
    Text {
        chars: (0..text.chars.len())
            .map(|n| text.chars[turned(n)])
            .collect(),
        places: (0..text.places.len())
            .map(|n| text.places[turned(n)])
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn has_form(raw: &str, expected: &str) {
        let forms = forms(raw, &fold(raw));
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
    fn another_name_that_is_mentioned_is_a_form() {
        for raw in ["张伟（曾用名：王芳）", "张伟，原名王芳", "张伟[又名 王芳]"]
        {
            has_form(raw, "张伟");
            has_form(raw, "王芳");
        }
        has_form("张伟（小伟）", "张伟");
    }

    #[test]
    fn a_description_stands_alone_or_changes_the_character_before() {
        has_form("蒋尧(加马旁)", "蒋?");
        has_form("李（加王旁）林", "李?林");
        has_form("何【金争】寒", "何?寒");
    }

    #[test]
    fn surnames_of_husband_and_father_and_names_of_father_and_child_are_told() {
        has_form("陈方安生", "方安生");
        has_form("艾力·买买提", "买买提艾力");
        assert_eq!(forms("欧阳娜娜", "欧阳娜娜").len(), 1);
    }

    #[test]
    fn listed_names_have_other_forms_only_where_something_stands_beside_them() {
        let others = |name: &str| {
            let forms = other_forms(&name.chars().collect::<Vec<_>>());
            forms.len()
        };
        for name in ["张伟", "欧阳娜娜", "买买提艾力", "王小志", ""] {
            assert_eq!(others(name), 0, "{name}");
        }
        for name in [
            "丁航同志",
            "被执行人:唐子博",
            "张伟(男)",
            "龚??",
            "蒋飞口",
            "&#21490;&#38129;",
        ] {
            assert!(others(name) > 0, "{name}");
        }
    }

    /// Characters of names, titles, notes and signs.
    const TELLING: &str = "张伟欧阳王方安生陈口囗某收名叫号称局长先生女士人名曾用经理小";

    proptest! {
        /// Names of usual characters and of those of which titles and notes are made.
        #[test]
        fn what_is_spared_the_tables_has_no_forms_in_them(
            name in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(TELLING.chars().collect::<Vec<_>>()),
                    prop::char::range('\u{4e00}', '\u{9fff}'),
                ],
                1..8,
            ),
        ) {
            let raw: String = name.iter().collect();
            let folded = fold(&raw);
            let whole = whole(&folded);
            let spared = forms(&raw, &folded);
            let spared: Vec<Chars> = spared.into_iter().map(|form| form.chars).collect();
            let mut all = forms_of(&whole);
            let bare = whole.bare();
            if let Some(first) = given_first(&raw, &bare.chars) {
                add(&mut all, turned(&bare, first), DifferenceKind::Order, 0.9);
            }
            let all: Vec<Chars> = all.into_iter().map(|form| form.chars).collect();
            prop_assert_eq!(spared, all);
        }
    }

    #[test]
    fn a_given_name_before_the_surname_is_turned() {
        has_form("娜娜欧阳", "欧阳娜娜");
        has_form("伟 张", "张伟");
        assert_eq!(forms("伟张", "伟张").len(), 1);
    }
}
