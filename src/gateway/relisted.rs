//! The same case under a new entry_id while the old one is under objection.
//!
//! In: a snapshot, the acts. Out: entries of the snapshot that are the case of an open hold whose
//! own entry_id is gone from the list. Where both stand in one snapshot they are one listing by
//! decision rules 2.5, and the hold takes out both; a list that only changes the entry_id must not
//! undo that. Such an entry stays out until the outcome, and is shown to operators (S16). Known by
//! list, folded case number, kind and folded name; a pass over all entries, only where needed.

use crate::index::entry_ids;
use crate::model::entry::{EntryId, EntryIndex};
use crate::name::fold::fold;
use crate::overlay::holds;
use crate::overlay::record::CaseMark;
use crate::overlay::standing::Overlay;
use crate::snapshot::open::Snapshot;
use rayon::prelude::*;
use std::collections::HashMap;

/// An entry that is the case of an open hold under another entry_id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relisted {
    /// In the snapshot.
    pub entry: EntryIndex,
    /// The entry_id that the hold is on.
    pub held: EntryId,
}

/// Id of the list of an entry; empty only for a damaged number.
pub fn list_id(snapshot: &Snapshot, entry: EntryIndex) -> &str {
    let lists = &snapshot.manifest().lists;
    let list = lists.get(usize::from(snapshot.facts(entry).list()));
    list.map_or("", |list| &list.id)
}

/// Mark of an entry's case.
pub fn case_mark(snapshot: &Snapshot, entry: EntryIndex) -> CaseMark {
    let subject = snapshot.parties(entry).first();
    let name = subject.and_then(|party| snapshot.party_names(party).next());
    let name = name.map_or("", |name| snapshot.name_text(name));
    let case_no = fold(&snapshot.cold(entry).case_no);
    let kind = snapshot.facts(entry).kind().name();
    let mut hasher = blake3::Hasher::new();
    for text in [list_id(snapshot, entry), &case_no, kind, name] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let mut mark = [0; 16];
    mark.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    CaseMark(mark)
}

/// All such entries of a snapshot, ascending.
pub fn find(snapshot: &Snapshot, overlay: &Overlay) -> Vec<Relisted> {
    let gone: HashMap<CaseMark, EntryId> = holds::open_holds(overlay)
        .into_iter()
        .filter(|(entry_id, _)| entry_ids::find(snapshot, entry_id.as_str()).is_none())
        .filter_map(|(entry_id, open)| {
            let mark = open.acts.iter().find_map(|act| act.case)?;
            Some((mark, entry_id.clone()))
        })
        .collect();
    if gone.is_empty() {
        return Vec::new();
    }
    (0..snapshot.entry_count())
        .into_par_iter()
        .filter_map(|index| {
            let entry = EntryIndex(index);
            let held = gone.get(&case_mark(snapshot, entry))?.clone();
            Some(Relisted { entry, held })
        })
        .collect()
}
