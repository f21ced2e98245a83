//! The parts of an organisation's name: region, brand with trade, group, legal form, branch.
//!
//! In: the characters of a folded name. Out: its names (the present one, and former ones that it
//! mentions), each in parts, as places in the text. Read from both ends: region from the left,
//! branch, form and trade from the right; what is left between is the brand. Never fails: a part
//! that is not there is empty. Decision rules 3; regulations on enterprise names, article 6.
//!
//! HOT: runs for each candidate; no allocation for names of up to `LETTERS_INLINE` characters.

use super::super::likeness::is_lost;
use super::regions::{Region, region_at, region_of};
use super::words::{
    BRAND_CHARS_MAX, Letter, Word, first_word, is_known_brand, last_word, role, whole_word,
};
use smallvec::SmallVec;
use std::ops::Range;

/// Characters of a name that are read; no registered name is half as long.
pub const NAME_CHARS_MAX: usize = 200;
/// Characters of a name that need no memory of their own.
const LETTERS_INLINE: usize = 40;
/// Names that one text is read as: the present and former ones.
pub const NAMES_MAX: usize = 4;

/// Letters of a name.
pub type Letters = SmallVec<[Letter; LETTERS_INLINE]>;

/// The kind of legal person that a name states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// None stated.
    #[default]
    None,
    /// 公司 and no more.
    Company,
    /// 有限公司 in any wording.
    Limited,
    /// 股份有限公司.
    Joint,
    /// 合伙企业; with the kind of partnership as its first character, `'\0'` for none.
    Partnership(char),
    /// 个人独资企业.
    Sole,
    /// 专业合作社.
    Cooperative,
}

/// One name in parts. Places are indices into `letters`.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// Letters, digits and placeholders, without brackets and without a region in brackets.
    pub letters: Letters,
    /// The region at the beginning.
    pub region: Option<Region>,
    /// The region in brackets, its text, and where it stood.
    pub bracket: Option<(Region, Letters, usize)>,
    /// Where brand and trade end.
    pub body_end: usize,
    /// Where the trade begins; `body_end` where none is known.
    pub trade: usize,
    /// Where the trade begins as far as the table knows it; later than `trade` where a known brand
    /// ends earlier.
    pub table_trade: usize,
    /// Where the last word of the trade begins.
    pub last_trade: usize,
    /// What the last word of the trade is.
    pub trade_word: Word,
    /// The name says 集团 before its form.
    pub group: bool,
    /// Its place.
    pub group_range: Range<usize>,
    /// The legal form.
    pub form: Form,
    /// Its place.
    pub form_range: Range<usize>,
    /// The branch, with its place name; empty for a head office.
    pub branch: Range<usize>,
    /// The name was a short one of a national body, and is written out.
    pub alias: bool,
    /// A public body: its region is part of what it is.
    pub public: bool,
}

/// The names that a text is read as: the present one first.
pub fn parse(folded: &str) -> SmallVec<[Parsed; 1]> {
    let mut letters = Letters::new();
    for (place, c) in folded.chars().take(NAME_CHARS_MAX).enumerate() {
        letters.push((c, place as u16));
    }
    let mut names = SmallVec::new();
    if !letters.iter().any(|letter| is_mark(letter.0)) {
        names.push(Parsed::read(&letters));
        return names;
    }
    let mut former: SmallVec<[Range<usize>; 2]> = SmallVec::new();
    let present = without_former(&letters, &mut former);
    names.push(Parsed::read(&present));
    for range in former {
        if names.len() < NAMES_MAX {
            names.push(Parsed::read(&letters[range]));
        }
    }
    names
}

/// The letters outside what speaks of former names; the ranges of those.
fn without_former(letters: &[Letter], former: &mut SmallVec<[Range<usize>; 2]>) -> Letters {
    let mut present = Letters::new();
    let mut at = 0;
    while at < letters.len() {
        let c = letters[at].0;
        let inside = &letters[at + 1..];
        if is_open(c) || is_separator(c) {
            let end = match is_open(c) {
                true => at + 1 + close(inside),
                false => letters.len(),
            };
            let content = at + 1..end;
            let region = is_open(c) && region_of(&letters[content.clone()]).is_some();
            let mark = first_word(&letters[content.clone()], role::FORMER);
            if let Some((chars, _)) = mark.filter(|_| !region && at > 0)
                && content.len() >= chars + 2
            {
                split_names(letters, at + 1 + chars..end, former);
                at = (end + usize::from(is_open(c))).min(letters.len());
                continue;
            }
        }
        present.push(letters[at]);
        at += 1;
    }
    present
}

/// One or more names after 原名.
fn split_names(letters: &[Letter], range: Range<usize>, found: &mut SmallVec<[Range<usize>; 2]>) {
    let mut start = range.start;
    for at in range.clone() {
        if is_separator(letters[at].0) || matches!(letters[at].0, ':' | '"' | '“' | '”') {
            if at >= start + 4 {
                found.push(start..at);
            }
            start = at + 1;
        }
    }
    if range.end >= start + 2 {
        found.push(start..range.end);
    }
}

/// How many letters stand before the closing bracket, all where there is none.
fn close(letters: &[Letter]) -> usize {
    let mut depth = 0;
    for (at, letter) in letters.iter().enumerate() {
        match letter.0 {
            c if is_open(c) => depth += 1,
            c if is_close(c) && depth == 0 => return at,
            c if is_close(c) => depth -= 1,
            _ => {}
        }
    }
    letters.len()
}

fn is_open(c: char) -> bool {
    matches!(
        c,
        '(' | '[' | '{' | '<' | '【' | '「' | '『' | '〔' | '〈' | '《' | '〖' | '﹙'
    )
}

fn is_close(c: char) -> bool {
    matches!(
        c,
        ')' | ']' | '}' | '>' | '】' | '」' | '』' | '〕' | '〉' | '》' | '〗' | '﹚'
    )
}

fn is_separator(c: char) -> bool {
    matches!(c, ',' | ';' | '、' | '/' | '|' | '。')
}

/// Whether `c` is none of the letters of a name.
#[inline]
fn is_mark(c: char) -> bool {
    // Most characters are these.
    if ('\u{4e00}'..='\u{9fff}').contains(&c) {
        return false;
    }
    !(c.is_alphanumeric() || is_placeholder(c))
}

/// A sign for a character that could not be stored. Marks that people also put between letters
/// are none.
pub fn is_placeholder(c: char) -> bool {
    is_lost(c) && !matches!(c, '#' | '_' | '~' | '^' | '〇')
}

impl Parsed {
    /// Reads one name.
    fn read(text: &[Letter]) -> Self {
        let mut parsed = Self::default();
        let mut kind = '\0';
        parsed.gather(text, &mut kind);
        parsed.number();
        parsed.write_out_alias();
        let mut end = parsed.without_seal();
        end = parsed.read_branch(end);
        end = parsed.read_form(end, kind);
        parsed.body_end = end;
        parsed.region = region_at(&parsed.letters[..end]);
        parsed.body_end = parsed.write_out_school(end);
        parsed.read_trade();
        parsed.doubt_region();
        parsed.public = parsed.form == Form::None && parsed.trade_word.is(role::UNIT);
        parsed
    }

    /// Takes over the letters, and what stands in brackets by what it is.
    fn gather(&mut self, text: &[Letter], kind: &mut char) {
        let mut at = 0;
        while at < text.len() {
            let c = text[at].0;
            if is_open(c) {
                let content = &text[at + 1..at + 1 + close(&text[at + 1..])];
                if self.take_content(content, kind) {
                    at += content.len() + 2;
                    continue;
                }
            } else if !is_mark(c) {
                self.letters.push(text[at]);
            }
            at += 1;
        }
    }

    /// Whether the content of brackets is no part of the letters.
    fn take_content(&mut self, content: &[Letter], kind: &mut char) -> bool {
        let word = whole_word(content);
        if word.is(role::SEAL | role::ASIDE) {
            return true;
        }
        if last_word(content, role::PARTNERSHIP).is_some() {
            // 有限合伙, 普通合伙, 特殊普通合伙.
            *kind = if content.len() > 2 {
                content[0].0
            } else {
                '\0'
            };
            return true;
        }
        if matches!(content, [('个', _), ('人', _), ('独', _), ('资', _)]) {
            return true;
        }
        if self.bracket.is_none()
            && let Some(region) = region_of(content)
        {
            self.bracket = Some((region, content.into(), self.letters.len()));
            return true;
        }
        false
    }

    /// Brings digits after 第 to Chinese numerals.
    fn number(&mut self) {
        let Some(at) = (1..self.letters.len())
            .find(|at| self.letters[at - 1].0 == '第' && self.letters[*at].0.is_ascii_digit())
        else {
            return;
        };
        let digits = |letter: &&Letter| letter.0.is_ascii_digit();
        let end = at + self.letters[at..].iter().take_while(digits).count();
        let written = self.letters[at..end]
            .iter()
            .filter_map(|letter| letter.0.to_digit(10));
        let number = written.fold(0, |number: u32, digit| number.saturating_mul(10) + digit);
        let place = self.letters[at].1;
        let tail: Letters = self.letters[end..].into();
        self.letters.truncate(at);
        self.letters
            .extend(numerals(number).into_iter().map(|c| (c, place)));
        self.letters.extend(tail);
    }

    /// Writes 工行 out as 中国工商银行, alone or before a branch.
    fn write_out_alias(&mut self) {
        let Some((chars, word)) = first_word(&self.letters, role::ALIAS) else {
            return;
        };
        let rest = &self.letters[chars..];
        if !rest.is_empty() && last_word(rest, role::BRANCH).is_none() {
            return;
        }
        let place = |letter: Option<&Letter>| letter.map_or(0, |letter| letter.1);
        let (first, last) = (
            place(self.letters.first()),
            place(self.letters.get(chars - 1)),
        );
        let full = word.means.chars();
        // The first and the last letter keep their places; the rest stand at the last.
        let full = full
            .enumerate()
            .map(|(at, c)| (c, if at == 0 { first } else { last }));
        let letters: Letters = full.chain(rest.iter().copied()).collect();
        self.letters = letters;
        self.alias = true;
    }

    /// Writes 福州一中 out as 福州第一中学; `end` is where the name ends.
    fn write_out_school(&mut self, end: usize) -> usize {
        let start = self.region.as_ref().map_or(end, |region| region.chars);
        let rest = &self.letters[start..end];
        let Some((last, number)) = rest.split_last() else {
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
        self.letters.truncate(end - 1);
        self.letters.extend(kind.map(|c| (c, last)));
        self.letters.insert(start, ('第', first));
        self.letters.len()
    }

    /// The letters without 公章 and such after a legal form.
    fn without_seal(&self) -> usize {
        let end = self.letters.len();
        let digits = self.letters.iter().rev();
        let digits = digits
            .take_while(|letter| letter.0.is_ascii_digit())
            .count();
        let seal = last_word(&self.letters, role::SEAL).map_or(0, |(chars, _)| chars);
        let stray = if digits <= 2 { seal.max(digits) } else { seal };
        let rest = &self.letters[..end - stray];
        // 章 is also the end of a brand: only what follows a whole name is stray.
        let named = last_word(rest, role::FORM | role::UNIT | role::SHOP);
        match named {
            Some(_) if stray != 1 || digits == 1 => end - stray,
            _ => end,
        }
    }

    /// Finds the branch at `end`; where its parent ends.
    fn read_branch(&mut self, end: usize) -> usize {
        let letters = &self.letters[..end];
        let Some((chars, word)) = last_word(letters, role::BRANCH | role::BRANCH_AFTER_FORM) else {
            return end;
        };
        let start = end - chars;
        let certain = word.is(role::BRANCH);
        for head in (4..=start).rev() {
            let company = letters[head - 1].0 == '司' && letters[head - 2].0 == '公';
            if company || certain && last_word(&letters[..head], role::HEAD).is_some() {
                self.branch = head..end;
                return head;
            }
        }
        if !certain {
            return end;
        }
        // No parent with a form: a region before the word is the place of the branch.
        let place = (4..start).find(|at| region_of(&letters[*at..start]).is_some());
        let parent = place.unwrap_or(start);
        if parent < 4 {
            return end;
        }
        self.branch = parent..end;
        parent
    }

    /// Finds legal form and group at `end`; where brand and trade end.
    fn read_form(&mut self, end: usize, kind: char) -> usize {
        let mut body = end;
        if let Some((chars, word)) = last_word(&self.letters[..end], role::FORM)
            && chars < end
        {
            body = end - chars;
            self.form = form(word, kind);
            self.form_range = body..end;
        }
        if kind != '\0' && self.form == Form::None {
            self.form = Form::Partnership(kind);
        }
        if body > 4 && self.letters[body - 2].0 == '集' && self.letters[body - 1].0 == '团' {
            self.group = true;
            body -= 2;
            self.group_range = body..body + 2;
        }
        body
    }

    /// Takes a short region back where it leaves a brand of one character: 东方红贸易.
    fn doubt_region(&mut self) {
        let Some(region) = self.region.as_ref().filter(|region| !region.certain) else {
            return;
        };
        let start = region.chars;
        let body = &self.letters[start..self.body_end];
        let whole = last_word(body, role::TRADE | role::UNIT | role::SHOP);
        let left = body.len() - whole.map_or(0, |(chars, _)| chars);
        if left == 1 || body.is_empty() {
            self.region = None;
            self.read_trade();
        }
    }

    /// Finds the trade before `body_end`, as long as a brand of two characters remains.
    fn read_trade(&mut self) {
        let start = self.brand_start();
        self.trade = self.body_end;
        self.last_trade = self.body_end;
        let roles = role::TRADE | role::UNIT | role::SHOP | role::DOMAIN;
        while self.trade > start {
            let first = self.trade == self.body_end;
            let wanted = if first {
                roles & !role::DOMAIN
            } else {
                role::DOMAIN
            };
            let Some((chars, word)) = self.trade_before(start, wanted) else {
                break;
            };
            if !first && is_known_brand(&self.letters[start..self.trade]) {
                break;
            }
            self.trade -= chars;
            if first {
                self.trade_word = word;
                self.last_trade = self.trade;
            }
        }
        self.table_trade = self.trade;
        self.read_brand(start);
    }

    /// Lets a known brand end where it ends, when a trade that no table knows follows.
    fn read_brand(&mut self, start: usize) {
        for chars in (3..=BRAND_CHARS_MAX).rev() {
            let end = start + chars;
            if end + 2 <= self.trade && is_known_brand(&self.letters[start..end]) {
                self.trade = end;
                return;
            }
        }
    }

    /// The longest word before the trade that leaves no brand of one character.
    fn trade_before(&self, start: usize, roles: u32) -> Option<(usize, Word)> {
        let mut from = start;
        loop {
            let found = last_word(&self.letters[from..self.trade], roles)?;
            let left = self.trade - found.0 - start;
            // 店 or 厂 alone is a trade only where no legal form follows.
            let alone = found.0 == 1 && self.form != Form::None;
            if left != 1 && !alone {
                return Some(found);
            }
            // One character less: the next shorter word.
            from = self.trade - found.0 + 1;
        }
    }

    /// Where the brand begins.
    pub fn brand_start(&self) -> usize {
        self.region.as_ref().map_or(0, |region| region.chars)
    }

    /// Whether nothing but region and trade is in the name; a serial number is no brand, nor is
    /// another trade.
    pub fn is_brandless(&self) -> bool {
        match self.brand() {
            [] => true,
            [('第', _), numerals @ ..] => numerals.iter().all(|letter| is_numeral(letter.0)),
            // 深圳发展银行: a trade before the trade.
            brand => {
                self.region.is_some() && whole_word(brand).is(role::TRADE | role::UNIT | role::SHOP)
            }
        }
    }

    /// The brand.
    pub fn brand(&self) -> &[Letter] {
        &self.letters[self.brand_start().min(self.trade)..self.trade]
    }

    /// Brand, trade and region before them.
    pub fn body(&self) -> &[Letter] {
        &self.letters[..self.body_end]
    }

    /// The last word of the region, in its shortest form, if it is of a city or county.
    pub fn place_word(&self) -> Option<&[Letter]> {
        let (region, text) = match &self.bracket {
            Some((region, text, _)) => (region, &text[..]),
            None => (self.region.as_ref()?, &self.letters[..]),
        };
        text.get(region.last.0..region.last.1)
            .filter(|_| region.is_local())
    }

    /// Whether the name states neither legal form nor group: it may be a brand and no more.
    pub fn is_bare(&self) -> bool {
        self.form == Form::None && !self.group
    }

    /// Brand and trade from `start` on.
    pub fn rest(&self, start: usize) -> &[Letter] {
        &self.letters[start.min(self.body_end)..self.body_end]
    }
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

fn form(word: Word, kind: char) -> Form {
    match word {
        _ if word.is(role::JOINT) => Form::Joint,
        _ if word.is(role::LIMITED) => Form::Limited,
        _ if word.is(role::PARTNERSHIP) => Form::Partnership(kind),
        _ if word.is(role::SOLE) => Form::Sole,
        _ if word.is(role::COOPERATIVE) => Form::Cooperative,
        _ => Form::Company,
    }
}
