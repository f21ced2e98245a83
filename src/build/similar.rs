//! The sections of similar names: made of the names of subjects, own and other ones.
//!
//! In: the store, in order. Out: three tables, one after the other; then the sets of the keys of
//! those names that a subject without a usable decisive number bears, for a party with one meets
//! nobody else by name. A name that only holders bear is in none.

use super::store::{Store, StoredEntry};
use crate::index::name_keys::{Bearers, NameSource, birth_group};
use crate::model::subject::SubjectKind;
use crate::name::similarity::NameKind;
use crate::snapshot::entries::NumberClass;
use rayon::prelude::*;
use smallvec::SmallVec;

/// Bytes of a key while it is sorted, twice over because it is moved once, and of its entry.
const KEY_BYTES: u64 = 40;
/// Keys that any build may hold at a time.
const KEYS_MIN: u64 = 1 << 20;

/// Names in the order of the file, and what bears them.
pub struct Names<'a> {
    store: &'a Store,
    bearers: Vec<Bearers>,
    births: Option<Births>,
}

/// Groups of the births of those persons who bear a name, by name.
struct Births {
    names: Vec<u32>,
    groups: Vec<u64>,
}

impl Births {
    fn of(mut known: Vec<(u32, u64)>) -> Self {
        known.par_sort_unstable();
        known.dedup();
        let (names, groups) = known.into_iter().unzip();
        Self { names, groups }
    }

    fn of_name(&self, name: u32) -> &[u64] {
        let first = self.names.partition_point(|other| *other < name);
        let count = self.names[first..]
            .iter()
            .take_while(|other| **other == name);
        &self.groups[first..first + count.count()]
    }
}

impl<'a> Names<'a> {
    /// Of all built entries.
    pub fn all(store: &'a Store) -> Self {
        Self::of(store, |_| true)
    }

    /// Of those without a usable decisive number, told by their births.
    pub fn unnumbered(store: &'a Store) -> Self {
        let counts = |entry: &StoredEntry| entry.number_class == NumberClass::None;
        let mut names = Self::of(store, counts);
        let mut births = Vec::new();
        let person = |entry: &StoredEntry| entry.kind == SubjectKind::Person;
        let subjects = store.subjects();
        for (_, party) in subjects.filter(|(entry, _)| counts(entry) && person(entry)) {
            let group = birth_group(party.birth);
            births.extend(store.names_of(party).iter().map(|name| (*name, group)));
        }
        names.births = Some(Births::of(births));
        names
    }

    fn of(store: &'a Store, counts: fn(&StoredEntry) -> bool) -> Self {
        let mut bearers = vec![Bearers::NONE; store.names.len() as usize];
        for (entry, party) in store.subjects().filter(|(entry, _)| counts(entry)) {
            for name in store.names_of(party) {
                let of_name = &mut bearers[*name as usize];
                *of_name = of_name.and(name_kind(entry.kind));
            }
        }
        Self {
            store,
            bearers,
            births: None,
        }
    }

    /// Keys to hold at a time: as many as fit where the sort orders and the rows of identifiers
    /// were, which `Store::peak_memory_bytes` has counted.
    pub fn keys_max(&self) -> usize {
        let freed = self.store.sorting_memory_bytes();
        usize::try_from((freed / KEY_BYTES).max(KEYS_MIN)).unwrap_or(usize::MAX)
    }
}

impl NameSource for Names<'_> {
    fn count(&self) -> u32 {
        self.store.names.len()
    }

    fn text(&self, name: u32) -> &str {
        self.store.names.get(name)
    }

    fn bearers(&self, name: u32) -> Bearers {
        self.bearers.get(name as usize).copied().unwrap_or_default()
    }

    fn birth_groups(&self, name: u32) -> SmallVec<[u64; 2]> {
        let births = self.births.as_ref();
        births.map_or_else(SmallVec::new, |births| births.of_name(name).into())
    }
}

/// The kind under which the names of such subjects are looked for.
pub fn name_kind(kind: SubjectKind) -> NameKind {
    match kind {
        SubjectKind::Person => NameKind::Person,
        SubjectKind::Organisation => NameKind::Organisation,
    }
}
