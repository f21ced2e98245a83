//! The parts of an organisation's name: region, brand with trade, group, legal form, branch.
//!
//! In: the characters of a folded name. Out: its names (the present one, and former ones that it
//! mentions), each in parts, as places in the text. Read from both ends: region from the left,
//! branch, form and trade from the right; what is left between is the brand. Never fails: a part
//! that is not there is empty. Decision rules 3; regulations on enterprise names, article 6.
//!
//! HOT: runs for each candidate; no allocation for names of up to `LETTERS_INLINE` characters.

use super::marks::{close, is_mark, is_open, is_separator};
use super::regions::{Region, region_at, region_of};
use super::stray;
use super::wording::{self, is_numeral};
use super::words::{
    BRAND_CHARS_MAX, Letter, Letters, Word, first_word, is_known_brand, last_word, role, whole_word,
};
use smallvec::SmallVec;
use std::ops::Range;

/// Characters of a name that are read; no registered name is half as long.
pub const NAME_CHARS_MAX: usize = 200;
/// Names that one text is read as: the present and former ones.
pub const NAMES_MAX: usize = 4;
/// Characters of the shortest name that something else follows.
const NAME_CHARS_MIN: usize = 4;

/// Characters of the shortest brand.
const BRAND_CHARS_MIN: usize = 2;
/// Characters of the longest trade that is seen to be written twice.
const TWICE_CHARS_MAX: usize = 6;

/// Where a name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// The text.
    #[default]
    Text,
    /// The text, with its parts in the usual order.
    Moved,
    /// What the text says of former names.
    Former,
}

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
    /// The name was a short one of a public body, and is written out.
    pub alias: bool,
    /// The trade was in words of Taiwan.
    pub regional: bool,
    /// Where the name comes from.
    pub origin: Origin,
    /// A public body: its region is part of what it is.
    pub public: bool,
}

/// The names that a text is read as: the present one first.
pub fn parse(folded: &str) -> SmallVec<[Parsed; 1]> {
    let mut letters = Letters::new();
    let (mut hints, mut marked) = (0, false);
    for (place, c) in folded.chars().take(NAME_CHARS_MAX).enumerate() {
        hints |= wording::hint(c);
        marked |= is_mark(c);
        letters.push((c, place as u16));
    }
    if hints & wording::UNUSUAL != 0 {
        for letter in &mut letters {
            letter.0 = wording::usual_form(letter.0);
        }
    }
    let mut names = SmallVec::new();
    let numbered = letters.first();
    let numbered = numbered.is_some_and(|first| stray::may_be_numbered(first.0));
    if !marked && !numbered {
        names.push(Parsed::read(&letters, hints));
        return names;
    }
    let name = stray::without_label(&letters);
    let mut former: SmallVec<[Range<usize>; 2]> = SmallVec::new();
    let present = without_former(name, &mut former);
    names.push(Parsed::read(&present, hints));
    for range in former {
        if names.len() < NAMES_MAX {
            names.push(Parsed::read(&name[range], hints));
            if let Some(name) = names.last_mut() {
                name.origin = Origin::Former;
            }
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
            if let Some(range) = former_in(letters, content).filter(|_| !region && at > 0) {
                split_names(letters, range, former);
                at = (end + usize::from(is_open(c))).min(letters.len());
                continue;
            }
        } else if c != ':' && at >= NAME_CHARS_MIN && speaks_of_former(letters, at) {
            let content = at..letters.len();
            if let Some(range) = former_in(letters, content) {
                split_names(letters, range, former);
                break;
            }
        }
        present.push(letters[at]);
        at += 1;
    }
    present
}

/// Where the former name stands in 原名... or 由...更名.
fn former_in(letters: &[Letter], content: Range<usize>) -> Option<Range<usize>> {
    let text = &letters[content.clone()];
    let renamed = last_word(text, role::RENAMED).filter(|_| text[0].0 == '由');
    if let Some((chars, _)) = renamed
        && text.len() >= chars + 1 + NAME_CHARS_MIN
    {
        return Some(content.start + 1..content.end - chars);
    }
    let (chars, _) = first_word(text, role::FORMER)?;
    (text.len() >= chars + 2).then_some(content.start + chars..content.end)
}

/// Whether 曾用名: stands at `at`, behind a whole name.
fn speaks_of_former(letters: &[Letter], at: usize) -> bool {
    let Some((chars, _)) = first_word(&letters[at..], role::FORMER) else {
        return false;
    };
    let colon = letters.get(at + chars).is_some_and(|next| next.0 == ':');
    colon && last_word(&letters[..at], role::FORM | role::UNIT | role::SHOP).is_some()
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

impl Parsed {
    /// Reads one name.
    fn read(text: &[Letter], hints: u8) -> Self {
        let mut parsed = Self::default();
        let mut kind = '\0';
        parsed.gather(text, &mut kind);
        let letters = &mut parsed.letters;
        if hints & wording::NUMBERED != 0 {
            wording::write_numbers_out(letters);
        }
        parsed.regional =
            hints & wording::REGIONAL != 0 && wording::write_in_mainland_words(letters);
        parsed.alias = wording::write_alias_out(letters)
            | (hints & wording::ACADEMIC != 0 && wording::write_university_out(letters));
        parsed.read_parts(kind);
        parsed
    }

    /// Another order of the letters as a name of its own.
    pub fn reordered(&self, letters: Letters) -> Self {
        let mut parsed = Self {
            letters,
            alias: self.alias,
            regional: self.regional,
            origin: Origin::Moved,
            ..Self::default()
        };
        let kind = match self.form {
            Form::Partnership(kind) => kind,
            _ => '\0',
        };
        parsed.read_parts(kind);
        parsed
    }

    /// Finds the parts of the letters.
    fn read_parts(&mut self, kind: char) {
        let mut end = stray::without_seal(&self.letters);
        end = self.read_branch(end);
        end = self.read_form(end, kind);
        self.body_end = end;
        self.region = region_at(&self.letters[..end]);
        let start = self.region.as_ref().map_or(end, |region| region.chars);
        self.body_end = wording::write_school_out(&mut self.letters, start, end);
        self.read_trade();
        self.doubt_region();
        self.read_once();
        self.public = self.form == Form::None && self.trade_word.is(role::UNIT);
    }

    /// Takes over the letters, and what stands in brackets by what it is.
    fn gather(&mut self, text: &[Letter], kind: &mut char) {
        let mut at = 0;
        while at < text.len() {
            let c = text[at].0;
            if is_open(c) {
                let content = &text[at + 1..at + 1 + close(&text[at + 1..])];
                let rest = text.get(at + content.len() + 2..).unwrap_or_default();
                let ends = self.letters.is_empty() || stray::is_end(rest);
                if self.take_content(content, kind, ends) {
                    at += content.len() + 2;
                    continue;
                }
            } else if !is_mark(c) {
                self.letters.push(text[at]);
            } else if c == '_' && stands_for_one(text, at) {
                self.letters.push(('?', text[at].1));
            }
            at += 1;
        }
    }

    /// Whether the content of brackets is no part of the letters.
    fn take_content(&mut self, content: &[Letter], kind: &mut char, ends: bool) -> bool {
        if stray::is_note(content, ends) {
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
        if self.bracket.is_none()
            && let Some(region) = region_of(content)
        {
            self.bracket = Some((region, content.into(), self.letters.len()));
            return true;
        }
        false
    }

    /// Finds the branch at `end`; where its parent ends.
    fn read_branch(&mut self, end: usize) -> usize {
        let letters = &self.letters[..end];
        let Some((chars, word)) = last_word(letters, role::BRANCH | role::BRANCH_AFTER_FORM) else {
            return end;
        };
        let start = end - chars;
        let certain = word.is(role::BRANCH);
        // 培训中心 is a body of its own.
        let unit = last_word(letters, role::UNIT);
        if !certain && unit.is_some_and(|(unit, _)| unit > chars) {
            return end;
        }
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
            // 有限公司 Co., Ltd., 有限公司有限公司: once more in other words.
            let latin = self.letters[body].0.is_ascii();
            let again = role::LIMITED | role::JOINT | if latin { role::FORM } else { 0 };
            // The name in English may stand between them.
            let english = self.letters[..body].iter().rev();
            let english = english.take_while(|letter| latin && letter.0.is_ascii_alphabetic());
            let han = body - english.count();
            if let Some((chars, word)) = last_word(&self.letters[..han], again)
                && chars < han
            {
                body = han - chars;
                self.form = form(word, kind);
            }
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

    /// Lets the end of a trade that is written twice be read once: 大数据大数据.
    fn read_once(&mut self) {
        let letters = &self.letters[self.brand_start()..self.body_end];
        let end = letters.len();
        let twice = (2..=TWICE_CHARS_MAX).find(|chars| {
            let both = letters.len().checked_sub(2 * chars);
            both.is_some_and(|start| {
                let (one, other) = letters[start..end].split_at(*chars);
                start >= BRAND_CHARS_MIN && one.iter().zip(other).all(|(a, b)| a.0 == b.0)
            })
        });
        if let Some(chars) = twice {
            self.body_end -= chars;
            self.read_trade();
        }
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

    /// Whether it states a region.
    pub fn has_region(&self) -> bool {
        self.region.is_some() || self.bracket.is_some()
    }

    /// Whether the name states neither legal form nor group: it may be a brand and no more.
    pub fn is_bare(&self) -> bool {
        self.form == Form::None && !self.group
    }

    /// Whether the name is bare, and without a word for a shop, a workshop or a public body.
    pub fn is_shopless(&self) -> bool {
        self.is_bare() && !self.trade_word.is(role::SHOP | role::UNIT)
    }

    /// Brand and trade without the last word, 厂 or 店, where something is left that says the trade.
    pub fn without_shop<'a>(&self, rest: &'a [Letter]) -> Option<&'a [Letter]> {
        if !self.is_bare() || !self.trade_word.is(role::SHOP) {
            return None;
        }
        let chars = match rest {
            [.., ('家', _), ('庭', _), ('农', _), ('场', _)] => 4,
            [.., ('总', _), ('厂', _)] => 2,
            [
                ..,
                ('厂' | '店' | '部' | '行' | '场' | '馆' | '社' | '铺' | '坊' | '站', _),
            ] => 1,
            _ => return None,
        };
        let left = &rest[..rest.len() - chars];
        (left.len() >= NAME_CHARS_MIN).then_some(left)
    }

    /// Brand and trade from `start` on.
    pub fn rest(&self, start: usize) -> &[Letter] {
        &self.letters[start.min(self.body_end)..self.body_end]
    }
}

/// Whether `_` stands in the place of a character: between two that are not Latin.
fn stands_for_one(text: &[Letter], at: usize) -> bool {
    let beside = [at.checked_sub(1), Some(at + 1)];
    beside.into_iter().all(|place| {
        let letter = place.and_then(|place| text.get(place));
        letter.is_some_and(|letter| !letter.0.is_ascii() && !is_mark(letter.0))
    })
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
