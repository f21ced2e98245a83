//! Other wordings of the same name: numbers, short names of public bodies, words of Taiwan.
//!
//! In: letters of a folded name. Out: the same in the usual wording; letters that are written out
//! keep the places of what they stand for. Each step looks only at names that hold one of its first
//! characters, which `hint` tells while the letters are read. Pure.
//!
//! HOT: every character passes `hint`; no allocation for names without a hint.

use super::words::{Letter, Letters, first_word, last_word, role};
use smallvec::SmallVec;

/// The name may hold 第 or a number before 号 or 期.
pub const NUMBERED: u8 = 1;
/// It may hold a word of Taiwan.
pub const REGIONAL: u8 = 1 << 1;
/// It may be a body of a university.
pub const ACADEMIC: u8 = 1 << 2;
/// It holds a character that has a more usual form.
pub const UNUSUAL: u8 = 1 << 3;

/// Words of Taiwan, after folding, and those of the mainland: as long, so no place moves.
const REGIONAL_WORDS: &[([char; 2], [char; 2])] = &[
    (['软', '体'], ['软', '件']),
    (['硬', '体'], ['硬', '件']),
    (['韧', '体'], ['固', '件']),
    (['资', '讯'], ['信', '息']),
    (['网', '路'], ['网', '络']),
    (['数', '位'], ['数', '字']),
    (['雷', '射'], ['激', '光']),
    (['镭', '射'], ['激', '光']),
    (['晶', '片'], ['芯', '片']),
    (['奈', '米'], ['纳', '米']),
    (['程', '式'], ['程', '序']),
    (['光', '碟'], ['光', '盘']),
];

/// What universities are called for short, before 大.
const UNIVERSITIES: &[(char, &str)] = &[
    ('师', "师范"),
    ('医', "医科"),
    ('农', "农业"),
    ('林', "林业"),
    ('工', "工业"),
    ('财', "财经"),
    ('科', "科技"),
    ('理', "理工"),
    ('交', "交通"),
];

/// What a character of a name may be the beginning of.
#[inline]
pub fn hint(c: char) -> u8 {
    match c {
        '第' | '号' | '期' => NUMBERED,
        '软' | '硬' | '韧' | '资' | '网' | '数' | '雷' | '镭' | '晶' | '奈' | '程' | '光' => {
            REGIONAL
        }
        '大' | '附' => ACADEMIC,
        '夥' | '谘' | '諮' | '巿' => UNUSUAL,
        _ => 0,
    }
}

/// The usual character of a company's vocabulary for one that stays itself in names of persons.
#[inline]
pub fn usual_form(c: char) -> char {
    match c {
        '夥' => '伙',
        '谘' | '諮' => '咨',
        '巿' => '市',
        _ => c,
    }
}

/// Brings words of Taiwan to those of the mainland; whether there were any.
pub fn write_in_mainland_words(letters: &mut Letters) -> bool {
    let mut found = false;
    for at in 1..letters.len() {
        let pair = [letters[at - 1].0, letters[at].0];
        if let Some((_, usual)) = REGIONAL_WORDS.iter().find(|(word, _)| *word == pair) {
            letters[at - 1].0 = usual[0];
            letters[at].0 = usual[1];
            found = true;
        }
    }
    found
}

/// Brings digits after 第 to Chinese numerals, and 壹期 and 1号 to 一期 and 一号.
pub fn write_numbers_out(letters: &mut Letters) {
    for at in 1..letters.len() {
        if matches!(letters[at].0, '号' | '期') {
            for letter in letters[..at].iter_mut().rev() {
                let alone = letter.0.is_ascii_digit();
                match plain_numeral(letter.0) {
                    Some(plain) => letter.0 = plain,
                    None => break,
                }
                if alone {
                    break;
                }
            }
        }
    }
    let Some(at) =
        (1..letters.len()).find(|at| letters[at - 1].0 == '第' && letters[*at].0.is_ascii_digit())
    else {
        return;
    };
    let digits = |letter: &&Letter| letter.0.is_ascii_digit();
    let end = at + letters[at..].iter().take_while(digits).count();
    let written = letters[at..end]
        .iter()
        .filter_map(|letter| letter.0.to_digit(10));
    let number = written.fold(0, |number: u32, digit| {
        number.saturating_mul(10).saturating_add(digit)
    });
    let place = letters[at].1;
    let tail: Letters = letters[end..].into();
    letters.truncate(at);
    letters.extend(numerals(number).into_iter().map(|c| (c, place)));
    letters.extend(tail);
}

/// The plain numeral for one that cannot be forged, or for itself.
fn plain_numeral(c: char) -> Option<char> {
    const FORMAL: [char; 11] = [
        '零', '壹', '贰', '叁', '肆', '伍', '陆', '柒', '捌', '玖', '拾',
    ];
    const PLAIN: [char; 11] = [
        '〇', '一', '二', '三', '四', '五', '六', '七', '八', '九', '十',
    ];
    if let Some(digit) = c.to_digit(10) {
        return Some(PLAIN[digit as usize]);
    }
    let at = FORMAL.iter().position(|formal| *formal == c);
    at.map(|at| PLAIN[at]).or(PLAIN.contains(&c).then_some(c))
}

/// A number below 100 as it is written out, any other as its last digit.
fn numerals(number: u32) -> SmallVec<[char; 3]> {
    let digit = |digit: u32| {
        let digits = ['〇', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
        digits[digit as usize % 10]
    };
    let (tens, ones) = (number / 10, number % 10);
    let mut written = SmallVec::new();
    if tens > 9 {
        written.extend([digit(tens / 10), digit(tens)]);
    } else if tens > 1 {
        written.extend([digit(tens), '十']);
    } else if tens == 1 {
        written.push('十');
    }
    if ones > 0 || number == 0 {
        written.push(digit(ones));
    }
    written
}

/// A digit as it is written out.
pub fn is_numeral(c: char) -> bool {
    matches!(
        c,
        '一' | '二' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '十' | '百' | '〇'
    ) || c.is_ascii_digit()
}

/// Writes 工行 out as 中国工商银行, alone or before a branch; whether it was one.
pub fn write_alias_out(letters: &mut Letters) -> bool {
    let Some((chars, word)) = first_word(letters, role::ALIAS) else {
        return false;
    };
    let rest = &letters[chars..];
    if word.means.is_empty() {
        // 国家税务总局 before the name of one of its bodies says nothing.
        if last_word(rest, role::UNIT).is_none() {
            return false;
        }
        *letters = rest.into();
        return true;
    }
    if !rest.is_empty() && last_word(rest, role::BRANCH).is_none() {
        return false;
    }
    replace(letters, 0..chars, word.means);
    true
}

/// Writes the letters of `range` as `text`: the first and the last letter keep their places, the
/// rest stand at the last.
fn replace(letters: &mut Letters, range: std::ops::Range<usize>, text: &str) {
    let (Some(first), Some(last)) = (letters.get(range.start), letters.get(range.end - 1)) else {
        return;
    };
    let (first, last) = (first.1, last.1);
    let text = text.chars().enumerate();
    let text = text.map(|(at, c)| (c, if at == 0 { first } else { last }));
    let tail: Letters = letters[range.end..].into();
    letters.truncate(range.start);
    letters.extend(text);
    letters.extend(tail);
}

/// Writes 师大附中 out as 师范大学附属中学; whether it was written so.
pub fn write_university_out(letters: &mut Letters) -> bool {
    let mut short = false;
    // From the right, so that no place moves that is still to be looked at.
    if let Some(at) = letters.iter().rposition(|letter| letter.0 == '附') {
        let (means, chars) = match &letters[at + 1..] {
            [('中', _)] => ("附属中学", 2),
            [('小', _)] => ("附属小学", 2),
            [('院', _)] | [('医', _), ('院', _)] => ("附属医院", letters.len() - at),
            [('幼', _)] => ("附属幼儿园", 2),
            [('属', _), ..] => ("附属", 2),
            [(number, _), ('院', _)] if is_numeral(*number) => ("附属第#医院", 3),
            [(number, _), ('医', _), ('院', _)] if is_numeral(*number) => ("附属第#医院", 4),
            _ => return false,
        };
        let number = letters.get(at + 1).map_or('#', |letter| letter.0);
        replace(letters, at..at + chars, means);
        let tail = letters[at..].iter_mut();
        tail.filter(|letter| letter.0 == '#')
            .for_each(|letter| letter.0 = number);
        short = chars != means.chars().count();
        return write_short_university(letters, at) || short;
    }
    let end = letters.len();
    short |= write_short_university(letters, end);
    short
}

/// Writes 师大 before `end` out as 师范大学.
fn write_short_university(letters: &mut Letters, end: usize) -> bool {
    if end < 4 || letters[end - 1].0 != '大' {
        return false;
    }
    let kind = letters[end - 2].0;
    let Some((_, kind)) = UNIVERSITIES.iter().find(|(short, _)| *short == kind) else {
        return false;
    };
    replace(letters, end - 1..end, "大学");
    replace(letters, end - 2..end - 1, kind);
    true
}

/// Writes 一中 at the end of `letters`, behind a region of `start` characters, out as 第一中学;
/// `end` is where the name ends.
pub fn write_school_out(letters: &mut Letters, start: usize, end: usize) -> usize {
    let Some((last, number)) = letters[start..end].split_last() else {
        return end;
    };
    let kind = match last.0 {
        '中' => ['中', '学'],
        '小' => ['小', '学'],
        _ => return end,
    };
    if number.is_empty() || !number.iter().all(|letter| is_numeral(letter.0)) {
        return end;
    }
    let (first, last) = (number[0].1, last.1);
    letters.truncate(end - 1);
    letters.extend(kind.map(|c| (c, last)));
    letters.insert(start, ('第', first));
    letters.len()
}
