//! The numbers in one cell, of whatever types and however masked.
//!
//! In: a cell such as `身份证：9901021980****1239；护照 E12345678`. Out: each number with its type,
//! masks written as `*`. Types come from labels, from the column, else from the form of the number
//! and the kind of subject. Decision rules 1.3. Nothing is corrected here: check characters are
//! the business of `identifier`. Debug is not derived: numbers are in clear.

use super::cell::Cell;
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::model::subject::SubjectKind;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// A number as found.
pub struct FoundNumber {
    /// Its type, where label, column or form tell it.
    pub id_type: Option<IdType>,
    /// The number; hidden characters are `*`.
    pub text: String,
}

/// Why a cell cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellFault {
    /// A spreadsheet has rounded the number.
    LostDigits,
    /// The error of a formula.
    Broken,
}

/// Words in a label, and the type they mean; the first that stands in it.
const LABELS: [(&str, IdType); 22] = [
    ("信用代码", IdType::CreditCode),
    ("机构代码", IdType::OrgCode),
    ("注册号", IdType::RegistrationNo),
    ("营业执照", IdType::RegistrationNo),
    ("护照", IdType::Passport),
    ("港澳", IdType::HkMacauPermit),
    ("回乡证", IdType::HkMacauPermit),
    ("台湾", IdType::TaiwanPermit),
    ("台胞", IdType::TaiwanPermit),
    ("永久居留", IdType::ForeignerPermit),
    ("军官", IdType::MilitaryId),
    ("士兵", IdType::MilitaryId),
    ("身份证", IdType::CitizenId),
    ("公民身份", IdType::CitizenId),
    ("passport", IdType::Passport),
    ("idcard", IdType::CitizenId),
    ("identitycard", IdType::CitizenId),
    ("citizenid", IdType::CitizenId),
    ("creditcode", IdType::CreditCode),
    ("uscc", IdType::CreditCode),
    ("orgcode", IdType::OrgCode),
    ("registrationno", IdType::RegistrationNo),
];

/// The whole cell says that there is no number.
const NO_NUMBER: [&str; 8] = [
    "无", "不详", "未知", "暂无", "空", "没有", "none", "unknown",
];

/// The type that a label or a cell of a type column means.
pub fn labelled_type(label: &str) -> Option<IdType> {
    if let Some(id_type) = IdType::parse(label.trim()) {
        return Some(id_type);
    }
    let folded: String = label
        .nfkc()
        .filter(|c| !c.is_whitespace() && *c != '_' && *c != '-')
        .flat_map(char::to_lowercase)
        .collect();
    let by_word = LABELS.into_iter().find(|(word, _)| folded.contains(word));
    let by_name = || {
        let mut types = IdType::ALL.into_iter();
        types.find(|id_type| folded.contains(&id_type.name().replace('_', "")))
    };
    by_word.map(|(_, id_type)| id_type).or_else(by_name)
}

/// The numbers of a cell. `column`: the type of all without a label.
pub fn numbers(
    cell: &Cell,
    column: Option<IdType>,
    kind: Option<SubjectKind>,
) -> Result<Vec<FoundNumber>, CellFault> {
    if cell.lost_digits() {
        return Err(CellFault::LostDigits);
    }
    let shown = cell.shown().ok_or(CellFault::Broken)?;
    let text: Cow<'_, str> = if shown.is_ascii() {
        shown
    } else {
        Cow::Owned(shown.nfkc().collect())
    };
    let text = text.trim();
    if text.is_empty() || NO_NUMBER.contains(&text) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for piece in text.split(is_separator) {
        pieces_of(piece, &mut found);
    }
    if found.is_empty() {
        // What is no number must not vanish: it is refused where numbers are checked.
        found.push((None, text.to_owned()));
    }
    let typed = found.into_iter().map(|(label, text)| {
        let id_type = label.or(column).or_else(|| form_of(&text, kind));
        let text = with_stars(&text, id_type);
        // A mask changes what the form says.
        let id_type = id_type.or_else(|| form_of(&text, kind));
        FoundNumber { id_type, text }
    });
    Ok(typed.collect())
}

fn is_separator(c: char) -> bool {
    matches!(c, '、' | ';' | ',' | '/' | '|' | '\n' | '\r' | '\t' | '。')
}

fn is_mask(c: char) -> bool {
    matches!(
        c,
        '*' | '●'
            | '○'
            | '•'
            | '×'
            | '✱'
            | '✳'
            | '∗'
            | '⁎'
            | '■'
            | '□'
            | '▲'
            | '※'
            | '☆'
            | '★'
            | '#'
            | '?'
    )
}

fn is_number_character(c: char) -> bool {
    let hyphen = matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    c.is_ascii_alphanumeric() || is_mask(c) || hyphen || c == ' ' || c == '_'
}

/// Labels and numbers of a piece without separators, in turn.
fn pieces_of(piece: &str, found: &mut Vec<(Option<IdType>, String)>) {
    let mut label: Option<IdType> = None;
    let mut rest = piece.trim();
    while !rest.is_empty() {
        let end = rest.find(|c| !is_number_character(c)).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        if has_value(run) {
            let whole: usize = run.chars().filter(|c| !c.is_whitespace()).count();
            if whole > 18 && run.trim().contains(' ') {
                let parts = run.split_whitespace();
                found.extend(parts.map(|part| (label.take(), part.to_owned())));
            } else {
                found.push((label.take(), run.trim().to_owned()));
            }
        } else if let Some(id_type) = labelled_type(run) {
            label = Some(id_type);
        }
        let end = behind.find(is_number_character).unwrap_or(behind.len());
        let (words, behind) = behind.split_at(end);
        let word_type = labelled_type(words);
        match found.last_mut() {
            // `9901...(身份证)`
            Some((last @ None, _)) if words.starts_with('(') && word_type.is_some() => {
                *last = word_type;
            }
            _ => label = word_type.or(label),
        }
        rest = behind;
    }
}

/// Whether a run is a number and no word: it has a digit, or a mask.
fn has_value(run: &str) -> bool {
    let digits = run.bytes().any(|b| b.is_ascii_digit());
    digits || run.chars().any(is_mask) || run.to_ascii_lowercase().contains("xxx")
}

/// Masks of all styles as `*`; the X that ends a citizen number stays.
///
/// Runs of X hide characters, whatever their case. Where it cannot be told whether an X is shown
/// or hides something, it counts as hiding: that never tells two people apart wrongly.
fn with_stars(text: &str, id_type: Option<IdType>) -> String {
    let stars = |c: char| if is_mask(c) { '*' } else { c };
    let text: Vec<char> = text.chars().filter(|c| *c != '_').map(stars).collect();
    let text_now: String = text.iter().collect();
    let run_min = match id_type {
        Some(IdType::CitizenId) => 2,
        // Their check character tells whether the X are letters of the number.
        Some(id_type) if FullNumber::parse(id_type, &text_now).is_ok() => usize::MAX,
        _ => 3,
    };
    let mut written = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let is_x = |c: &&char| matches!(c, 'x' | 'X');
        let run = text[at..].iter().take_while(is_x).count();
        if run == 0 {
            written.push(text[at]);
            at += 1;
            continue;
        }
        let inside = run_min == 2 && at + run < text.len();
        let hides = run >= run_min || inside;
        let sign = if hides { '*' } else { 'X' };
        written.extend(std::iter::repeat_n(sign, run));
        at += run;
    }
    written
}

/// The type that the form of a number tells.
fn form_of(text: &str, kind: Option<SubjectKind>) -> Option<IdType> {
    let folded: String = text
        .chars()
        .filter(char::is_ascii_alphanumeric_or_star)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let fits = |id_type: IdType| {
        let of_kind = kind.is_none_or(|k| id_type.of_person() == (k == SubjectKind::Person));
        of_kind && FullNumber::parse(id_type, &folded).is_ok()
    };
    if [IdType::CitizenId, IdType::CreditCode]
        .into_iter()
        .any(fits)
    {
        let citizen = fits(IdType::CitizenId);
        return Some(if citizen {
            IdType::CitizenId
        } else {
            IdType::CreditCode
        });
    }
    let bytes = folded.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let organisation = kind == Some(SubjectKind::Organisation);
    let person = kind == Some(SubjectKind::Person);
    match bytes.len() {
        18 if organisation => Some(IdType::CreditCode),
        18 if person || is_birth(&bytes[6..14]) && no_letters(&bytes[..17]) => {
            Some(IdType::CitizenId)
        }
        18 => Some(IdType::CreditCode),
        15 if organisation => Some(IdType::RegistrationNo),
        15 if person || no_letters(bytes) && is_short_birth(&bytes[8..12]) => {
            Some(IdType::CitizenId)
        }
        15 => Some(IdType::RegistrationNo),
        9 | 11 if matches!(bytes[0], b'H' | b'M') && digits + 1 == bytes.len() && !organisation => {
            Some(IdType::HkMacauPermit)
        }
        9 if organisation || !person && fits(IdType::OrgCode) => Some(IdType::OrgCode),
        8 if person && digits == 8 => Some(IdType::TaiwanPermit),
        _ if person => Some(IdType::Passport),
        9 if bytes[0].is_ascii_alphabetic() && digits >= 7 => Some(IdType::Passport),
        _ => None,
    }
}

/// Lets `form_of` read as a sentence.
trait NumberCharacter {
    fn is_ascii_alphanumeric_or_star(&self) -> bool;
}

impl NumberCharacter for char {
    fn is_ascii_alphanumeric_or_star(&self) -> bool {
        self.is_ascii_alphanumeric() || *self == '*'
    }
}

fn no_letters(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|b| b.is_ascii_digit() || *b == b'*' || *b == b'X')
}

/// Whether the visible characters can be a birth date of eight digits.
fn is_birth(bytes: &[u8]) -> bool {
    let century = matches!(
        (bytes[0], bytes[1]),
        (b'1' | b'*' | b'X', b'8' | b'9' | b'*' | b'X') | (b'2' | b'*' | b'X', b'0' | b'*' | b'X')
    );
    century && is_short_birth(&bytes[4..8])
}

/// Whether the visible characters can be a month and a day.
fn is_short_birth(bytes: &[u8]) -> bool {
    let hidden = |b: u8| b == b'*' || b == b'X';
    (hidden(bytes[0]) || bytes[0] <= b'1') && (hidden(bytes[2]) || bytes[2] <= b'3')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str, kind: Option<SubjectKind>) -> Vec<(Option<&'static str>, String)> {
        let cell = Cell::text(text);
        let all = numbers(&cell, None, kind).unwrap_or_default();
        let shown = all.into_iter();
        shown
            .map(|n| (n.id_type.map(IdType::name), n.text))
            .collect()
    }

    #[track_caller]
    fn finds(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(id_type, number)| (Some(*id_type), (*number).to_owned()))
            .collect();
        let shown: Vec<_> = found(text, None)
            .into_iter()
            .map(|(id_type, number)| (id_type, number.replace([' ', '-'], "")))
            .collect();
        assert_eq!(shown, expected, "{text}");
    }

    const CITIZEN: (&str, &str) = ("citizen_id", "990102198003071239");
    const MASKED: (&str, &str) = ("citizen_id", "9901021980****1239");

    #[test]
    fn numbers_are_split_and_typed_by_label_and_form() {
        finds("990102198003071239", &[CITIZEN]);
        finds("身份证：990102198003071239", &[CITIZEN]);
        finds("身份证990102198003071239", &[CITIZEN]);
        finds("990102198003071239（身份证）", &[CITIZEN]);
        finds("citizen_id:990102198003071239", &[CITIZEN]);
        finds("９９０１０２１９８００３０７１２３９", &[CITIZEN]);
        finds("990102 19800307 1239", &[CITIZEN]);
        finds(
            "91990102MA2XK7P323",
            &[("credit_code", "91990102MA2XK7P323")],
        );
        finds(
            "身份证:990102198003071239；护照：E12345678",
            &[CITIZEN, ("passport", "E12345678")],
        );
        finds(
            "990102198003071239、ID card: 990102198003071239\nPassport No. E12345678",
            &[CITIZEN, CITIZEN, ("passport", "E12345678")],
        );
        finds(
            "统一社会信用代码：91990102MA2XK7P323 组织机构代码：48933027-4",
            &[
                ("credit_code", "91990102MA2XK7P323"),
                ("org_code", "489330274"),
            ],
        );
        finds(
            "990102198003071239 91990102MA2XK7P323",
            &[CITIZEN, ("credit_code", "91990102MA2XK7P323")],
        );
    }

    #[test]
    fn masks_of_every_style_become_stars_and_the_check_character_stays() {
        for text in [
            "9901021980****1239",
            "9901021980＊＊＊＊1239",
            "9901021980xxxx1239",
            "9901021980XXXX1239",
            "9901021980XxxX1239",
            "9901021980●●●●1239",
            "9901021980○○○○1239",
            "9901021980××××1239",
            "9901021980■■■■1239",
        ] {
            finds(text, &[MASKED]);
        }
        finds(
            "9901021980****005X",
            &[("citizen_id", "9901021980****005X")],
        );
        finds(
            "9901021980xxxx005x",
            &[("citizen_id", "9901021980****005X")],
        );
        finds(
            "99010219800307005X",
            &[("citizen_id", "99010219800307005X")],
        );
        finds(
            "99010219800307XXXX",
            &[("citizen_id", "99010219800307****")],
        );
        finds(
            "91990102MAXXXXX323",
            &[("credit_code", "91990102MA*****323")],
        );
        finds(
            "91990102D2143569X3",
            &[("credit_code", "91990102D2143569X3")],
        );
    }

    #[test]
    fn rounded_numbers_and_broken_formulas_are_told() {
        let fault = |cell: Cell| numbers(&cell, None, None).err();
        assert_eq!(fault(Cell::Number(9.901e17)), Some(CellFault::LostDigits));
        assert_eq!(
            fault(Cell::text("9.90102E+17")),
            Some(CellFault::LostDigits)
        );
        assert_eq!(fault(Cell::Broken), Some(CellFault::Broken));
        assert!(found("无", None).is_empty());
        assert_eq!(found("同上", None).len(), 1, "must be refused, not lost");
    }

    #[test]
    fn the_kind_of_subject_decides_between_forms() {
        let person = Some(SubjectKind::Person);
        let organisation = Some(SubjectKind::Organisation);
        assert_eq!(found("990102800307123", person)[0].0, Some("citizen_id"));
        assert_eq!(
            found("990102800307123", organisation)[0].0,
            Some("registration_no")
        );
        assert_eq!(found("H12345678", person)[0].0, Some("hk_macau_permit"));
        assert_eq!(found("12345678", person)[0].0, Some("taiwan_permit"));
        assert_eq!(found("489330274", organisation)[0].0, Some("org_code"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", near in "[0-9Xx*＊●:：;、/ ()身份证护照-]{0,60}") {
            let _ = found(&text, None);
            let _ = found(&near, Some(SubjectKind::Person));
            let _ = found(&near, Some(SubjectKind::Organisation));
        }
    }
}
