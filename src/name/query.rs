//! A name that is looked for, parsed once and compared with many.
//!
//! In: kind and name as written. Out: its folded form, keys under which similar listed names are
//! found, and the judgement on each. Every pair of names that differ and whose score reaches the
//! threshold shares a block key, or is at most one edit apart from the folded form or one of
//! `other_texts`: one character other, missing, added, or two neighbours exchanged. HOT.

use super::edits::EDIT_KEYS_VERSION;
use super::fold::fold;
use super::latin_parts::SPELLINGS;
use super::organisation::{self, OrganisationQuery};
use super::person::{self, PersonQuery};
use super::pinyin::{READINGS, SURNAMES};
use super::similarity::{NameKind, Similarity};
use super::transliteration::GROUPS;
use smallvec::SmallVec;
use std::fmt;
use std::sync::{LazyLock, OnceLock};
use xxhash_rust::xxh3::Xxh3;

/// Names the keys under which similar names are found: those in a snapshot of another version do
/// not fit this program. Made of the tables they come from and of the keys of some names, so that
/// it changes when they do.
pub static NAME_KEYS_VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Xxh3::new();
    let tables = [READINGS, SURNAMES, GROUPS, SPELLINGS];
    for table in tables.into_iter().chain(organisation::TABLES) {
        hash.update(table.as_bytes());
    }
    let mut add = |kind, name: &str| {
        block_keys(kind, name, &mut |key| hash.update(&key.to_le_bytes()));
        NameQuery::parse(kind, name).block_keys(&mut |key| hash.update(&key.to_le_bytes()));
    };
    // Some Han characters, in both places of a name.
    for c in ('\u{4e00}'..='\u{9fff}').step_by(128) {
        add(NameKind::Person, &format!("{c}{c}"));
        add(NameKind::Organisation, &format!("福州{c}{c}贸易有限公司"));
    }
    for name in [
        "zhangwei",
        "欧阳娜娜",
        "买买提艾力",
        "丁航同志",
        "龚滢(曾用名龚??)",
        "成mu通",
        "a股份有限公司厦门分公司",
    ] {
        add(NameKind::Person, name);
        add(NameKind::Organisation, name);
    }
    format!("{EDIT_KEYS_VERSION}-{:016x}", hash.digest())
});

/// A name that is looked for. What it may mean is worked out when it is first asked for: a party
/// that a number settles is never looked for by a similar name.
pub struct NameQuery {
    kind: NameKind,
    /// As written, where folding has changed it.
    raw: Option<Box<str>>,
    folded: String,
    /// Apart: the question moves with its request.
    parsed: OnceLock<Box<Parsed>>,
}

impl fmt::Debug for NameQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NameQuery").field(&self.folded).finish()
    }
}

enum Parsed {
    Person(PersonQuery),
    Organisation(OrganisationQuery),
}

impl NameQuery {
    /// Parses a name as somebody wrote it; never fails, and does bounded work on any text.
    pub fn parse(kind: NameKind, raw: &str) -> Self {
        let folded = fold(raw);
        Self {
            kind,
            raw: (folded != raw).then(|| raw.into()),
            folded,
            parsed: OnceLock::new(),
        }
    }

    fn parsed(&self) -> &Parsed {
        self.parsed.get_or_init(|| {
            let raw = self.raw.as_deref().unwrap_or(&self.folded);
            Box::new(match self.kind {
                NameKind::Person => Parsed::Person(PersonQuery::parse(raw, &self.folded)),
                NameKind::Organisation => Parsed::Organisation(OrganisationQuery::parse(raw)),
            })
        })
    }

    /// The folded form.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Further texts in which the name may be meant, as without a title: listed names are looked
    /// for one edit around them too.
    pub fn other_texts(&self) -> &[String] {
        match self.parsed() {
            Parsed::Person(query) => query.other_texts(),
            Parsed::Organisation(_) => &[],
        }
    }

    /// Calls `visit` with each block key, at most `QUERY_KEYS_MAX`.
    pub fn block_keys(&self, visit: &mut dyn FnMut(u64)) {
        match self.parsed() {
            Parsed::Person(query) => query.block_keys(visit),
            Parsed::Organisation(query) => query.block_keys(visit),
        }
    }

    /// Whether a listed name that differs from a text at this place alone, where it has `listed`,
    /// can reach the threshold: cheap, and never `false` where the score reaches it. `text` is 0
    /// for the folded name, else 1 + the place in `other_texts`.
    pub fn may_match_substituted(&self, text: usize, place: usize, listed: char) -> bool {
        match self.parsed() {
            Parsed::Person(query) => query.may_match_substituted(text, place, listed),
            Parsed::Organisation(_) => true,
        }
    }

    /// Whether a listed name that has one character more than a text, `listed`, can reach the
    /// threshold: cheap, and never `false` where the score reaches it.
    pub fn may_match_added(&self, text: usize, listed: char) -> bool {
        match self.parsed() {
            Parsed::Person(query) => query.may_match_added(text, listed),
            Parsed::Organisation(_) => true,
        }
    }

    /// The judgement on a listed name, given folded.
    pub fn compare(&self, listed: &str) -> Similarity {
        if self.folded == listed {
            return Similarity::EQUAL;
        }
        match self.parsed() {
            Parsed::Person(query) => query.compare(listed),
            Parsed::Organisation(query) => query.compare(listed),
        }
    }
}

/// Reads all tables of this room, some tens of milliseconds, so that no query waits for them.
pub fn warm() {
    for (kind, asked, listed) in [
        (NameKind::Person, "张围", "张伟"),
        (NameKind::Person, "Chan Tai Man", "陈大文"),
        (
            NameKind::Organisation,
            "福州宏达贸易有限公司",
            "福州鸿达贸易有限公司",
        ),
    ] {
        let _ = NameQuery::parse(kind, asked).compare(listed);
    }
}

/// Further texts in which a listed name, folded, may be meant: none for nearly all names.
pub fn other_texts(kind: NameKind, listed: &str) -> SmallVec<[String; 1]> {
    match kind {
        NameKind::Person => person::other_texts(listed),
        NameKind::Organisation => SmallVec::new(),
    }
}

/// Calls `visit` with each block key of a listed name, folded; at most `LISTED_KEYS_MAX`.
pub fn block_keys(kind: NameKind, listed: &str, visit: &mut dyn FnMut(u64)) {
    match kind {
        NameKind::Person => person::block_keys(listed, visit),
        NameKind::Organisation => organisation::block_keys(listed, visit),
    }
}
