//! The words of which names of organisations are made, from `data/names/organisation_words.tsv`,
//! and the brands that companies are known to bear, from `data/names/brands.tsv`.
//!
//! In: characters of a folded name. Out: which words begin or end at a place, and whether a text is
//! a known brand. Both tables are compiled in and parsed once; their heads name their sources. No
//! I/O.
//!
//! HOT: a word is found by the hash of its characters, which grows by one multiplication a
//! character, so all words that end at one place cost one pass; 64 bits of hash stand for the word.

use super::super::char_map::CharMap;
use smallvec::SmallVec;
use std::sync::LazyLock;

/// The table of words, as shipped.
pub const WORDS: &str = include_str!("../../../data/names/organisation_words.tsv");
/// The table of brands, as shipped.
pub const BRANDS: &str = include_str!("../../../data/names/brands.tsv");

/// Characters of the longest word of the table.
pub const WORD_CHARS_MAX: usize = 16;
/// Characters of the longest brand of the table.
pub const BRAND_CHARS_MAX: usize = 4;

/// What a word can be; a word may be several things.
pub mod role {
    /// 有限公司, 有限责任公司.
    pub const LIMITED: u32 = 1;
    /// 股份有限公司.
    pub const JOINT: u32 = 1 << 1;
    /// 公司, 总公司.
    pub const COMPANY: u32 = 1 << 2;
    /// 合伙企业.
    pub const PARTNERSHIP: u32 = 1 << 3;
    /// 个人独资企业.
    pub const SOLE: u32 = 1 << 4;
    /// 专业合作社.
    pub const COOPERATIVE: u32 = 1 << 5;
    /// Any legal form.
    pub const FORM: u32 = LIMITED | JOINT | COMPANY | PARTNERSHIP | SOLE | COOPERATIVE;
    /// 分公司, 支行.
    pub const BRANCH: u32 = 1 << 6;
    /// 加油站, 门市部: a branch where a legal form stands before it.
    pub const BRANCH_AFTER_FORM: u32 = 1 << 7;
    /// The last word of a parent: 公司, 银行.
    pub const HEAD: u32 = 1 << 8;
    /// A public body: 中学, 人民法院.
    pub const UNIT: u32 = 1 << 9;
    /// A kind of shop or workshop.
    pub const SHOP: u32 = 1 << 10;
    /// A trade, or the last word of one.
    pub const TRADE: u32 = 1 << 11;
    /// What may stand before the last word of a trade.
    pub const DOMAIN: u32 = 1 << 12;
    /// 公章 and what else stands beside a name.
    pub const SEAL: u32 = 1 << 13;
    /// 个体工商户, 已注销: says something of the organisation, is no part of its name.
    pub const ASIDE: u32 = 1 << 14;
    /// Another wording of a trade.
    pub const SHORT: u32 = 1 << 15;
    /// 原名, 曾用名.
    pub const FORMER: u32 = 1 << 16;
    /// 开发区 after a region.
    pub const ZONE: u32 = 1 << 17;
    /// 工行: what a national body is called for short.
    pub const ALIAS: u32 = 1 << 18;
    /// A trade in English.
    pub const ENGLISH: u32 = 1 << 19;
    /// 投标人: what a field is called.
    pub const LABEL: u32 = 1 << 20;
    /// 更名 behind a former name.
    pub const RENAMED: u32 = 1 << 21;
    /// What is looked for at the beginning of a text.
    pub const FORWARDS: u32 = FORMER | ZONE | ALIAS | ENGLISH;
}

/// The next hash of a text when a character is added.
#[inline]
pub fn step(hash: u64, code: u32) -> u64 {
    (hash.rotate_left(5) ^ u64::from(code)).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// The hash of a text, from its first character.
pub fn hash_of(chars: impl Iterator<Item = char>) -> u64 {
    chars.fold(0, |hash, c| step(hash, u32::from(c)))
}

/// A value for each of many hashes: open addressing, at most half full.
pub struct HashTable<V> {
    shift: u32,
    slots: Box<[(u64, V)]>,
}

impl<V: Copy + Default> HashTable<V> {
    /// An empty table with room for `len` hashes.
    pub fn with_room(len: usize) -> Self {
        let slots = (len * 2).next_power_of_two().max(16);
        Self {
            shift: 64 - slots.trailing_zeros(),
            slots: vec![(0, V::default()); slots].into(),
        }
    }

    /// The value of `hash`, made on the way; the caller adds no more hashes than there is room for.
    pub fn entry(&mut self, hash: u64) -> &mut V {
        let mask = self.slots.len() - 1;
        let mut at = (hash >> self.shift) as usize;
        while self.slots[at].0 != hash && self.slots[at].0 != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at].0 = hash;
        &mut self.slots[at].1
    }

    /// The value of `hash`.
    #[inline]
    pub fn get(&self, hash: u64) -> Option<V> {
        let mask = self.slots.len() - 1;
        let mut at = (hash >> self.shift) as usize;
        loop {
            let (found, value) = self.slots[at];
            if found == hash {
                return Some(value);
            }
            if found == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
    }
}

/// What the word of `value` can be, and what it stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Word {
    /// Bits of `role`.
    pub roles: u32,
    /// The word it stands for; empty for itself.
    pub means: &'static str,
}

impl Word {
    /// Whether the word is one of `roles`.
    pub fn is(self, roles: u32) -> bool {
        self.roles & roles != 0
    }
}

/// Words by the hash of their characters, read in one direction.
struct Words {
    table: HashTable<Word>,
    /// Characters of the longest word that begins (or ends) with a character; 0 for none.
    longest: CharMap<u8>,
}

/// Words that are looked for at the beginning of a text, and at its end.
struct Tables {
    forwards: Words,
    backwards: Words,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let room = WORDS.lines().count();
    let empty = || Words {
        table: HashTable::with_room(room),
        longest: CharMap::new(),
    };
    let (mut forwards, mut backwards) = (empty(), empty());
    for line in WORDS.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (Some(kind), Some(word)) = (columns.next(), columns.next()) else {
            continue;
        };
        let roles = roles(kind);
        let means = columns.next().unwrap_or_default();
        match roles & role::FORWARDS != 0 {
            true => forwards.insert(word.chars(), roles, means),
            false => backwards.insert(word.chars().rev(), roles, means),
        }
    }
    Tables {
        forwards,
        backwards,
    }
});

impl Words {
    fn insert(
        &mut self,
        chars: impl Iterator<Item = char> + Clone,
        roles: u32,
        means: &'static str,
    ) {
        let entry = self.table.entry(hash_of(chars.clone()));
        entry.roles |= roles;
        if !means.is_empty() {
            entry.means = means;
        }
        let count = chars.clone().count();
        if let Some(first) = chars.clone().next().filter(|_| count <= WORD_CHARS_MAX) {
            let longest = self.longest.get(first).max(count as u8);
            self.longest.insert(first, longest);
        }
    }

    /// The longest word of one of `roles` with which a text begins, with its characters.
    #[inline]
    fn longest(
        &self,
        chars: impl Iterator<Item = char> + Clone,
        roles: u32,
    ) -> Option<(usize, Word)> {
        let first = chars.clone().next()?;
        let limit = usize::from(self.longest.get(first));
        let mut longest = None;
        let mut hash = 0;
        for (count, c) in chars.take(limit).enumerate() {
            hash = step(hash, u32::from(c));
            if let Some(word) = self.table.get(hash)
                && word.is(roles)
            {
                longest = Some((count + 1, word));
            }
        }
        longest
    }
}

fn roles(kind: &str) -> u32 {
    match kind {
        "limited" => role::LIMITED,
        "joint" => role::JOINT,
        "company" => role::COMPANY,
        "partnership" => role::PARTNERSHIP,
        "sole" => role::SOLE,
        "cooperative" => role::COOPERATIVE,
        "branch" => role::BRANCH,
        "branch-after-form" => role::BRANCH_AFTER_FORM,
        "head" => role::HEAD,
        "unit" => role::UNIT,
        "shop" => role::SHOP,
        "trade" => role::TRADE,
        "domain" => role::DOMAIN,
        "short" => role::SHORT | role::TRADE,
        "short-unit" => role::SHORT | role::UNIT,
        "alias" => role::ALIAS,
        "english" => role::ENGLISH,
        "seal" => role::SEAL,
        "aside" => role::ASIDE,
        "former" => role::FORMER,
        "label" => role::LABEL,
        "renamed" => role::RENAMED,
        "zone" => role::ZONE,
        _ => 0,
    }
}

/// A character of a name and its place in the folded name.
pub type Letter = (char, u16);

/// Letters of a name; those of most names need no memory of their own.
pub type Letters = SmallVec<[Letter; 40]>;

/// The longest word of one of `roles` at the end of `letters`, with its characters.
#[inline]
pub fn last_word(letters: &[Letter], roles: u32) -> Option<(usize, Word)> {
    let chars = letters.iter().rev().map(|letter| letter.0);
    TABLES.backwards.longest(chars, roles)
}

/// The longest word of one of `roles`, of those in `FORWARDS`, at the beginning of `letters`.
#[inline]
pub fn first_word(letters: &[Letter], roles: u32) -> Option<(usize, Word)> {
    let chars = letters.iter().map(|letter| letter.0);
    TABLES.forwards.longest(chars, roles)
}

/// What the whole of a text can be, of the words that are looked for at the beginning.
pub fn word_of(chars: impl Iterator<Item = char>) -> Option<Word> {
    TABLES.forwards.table.get(hash_of(chars))
}

/// What the whole of `letters` can be as a word.
pub fn whole_word(letters: &[Letter]) -> Word {
    if letters.len() > WORD_CHARS_MAX {
        return Word::default();
    }
    let hash = hash_of(letters.iter().rev().map(|letter| letter.0));
    TABLES.backwards.table.get(hash).unwrap_or_default()
}

/// Known brands by half of their hash: one of 16,000 unknown texts passes for known.
static KNOWN: LazyLock<Box<[u32]>> = LazyLock::new(|| {
    let mut slots = vec![0; BRAND_SLOTS].into_boxed_slice();
    for line in BRANDS.lines().filter(|line| !line.starts_with('#')) {
        let Some((first, rests)) = line.split_once('\t') else {
            continue;
        };
        for rest in rests.split(' ') {
            let hash = hash_of(first.chars().chain(rest.chars()));
            let mut at = brand_slot(hash);
            while slots[at] != 0 {
                at = (at + 1) % BRAND_SLOTS;
            }
            slots[at] = brand_mark(hash);
        }
    }
    slots
});

const BRAND_SLOTS: usize = 1 << 19;

fn brand_slot(hash: u64) -> usize {
    (hash >> 45) as usize
}

fn brand_mark(hash: u64) -> u32 {
    (hash >> 8) as u32 | 1
}

/// Whether some company is known to bear the brand `letters`.
#[inline(never)]
pub fn is_known_brand(letters: &[Letter]) -> bool {
    if letters.len() < 2 || letters.len() > BRAND_CHARS_MAX {
        return false;
    }
    let hash = hash_of(letters.iter().map(|letter| letter.0));
    let mut at = brand_slot(hash);
    while KNOWN[at] != 0 {
        if KNOWN[at] == brand_mark(hash) {
            return true;
        }
        at = (at + 1) % BRAND_SLOTS;
    }
    false
}
