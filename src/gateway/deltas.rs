//! Acts of other gateways, from files beside the snapshots.
//!
//! In: the folder, the keys that are believed, the acts so far. Out: acts to be kept, each once.
//! What frees somebody is taken at once, also where acts before it are missing: a file that is
//! late must not hold anybody. `upheld` alone restricts again, so it is taken only when all acts
//! before it are, and not while an objection of another origin is open on the entry. A file that
//! is refused is named once and changes nothing. Used by the actor only.

use crate::model::entry::ActKind;
use crate::model::term::Moment;
use crate::overlay::delta::{self, DELTA_BYTES_MAX, Delta, SUFFIX};
use crate::overlay::holds::{self, State};
use crate::overlay::record::JournalEntry;
use crate::overlay::standing::Overlay;
use crate::seal::sign::PublicKey;
use crate::storage::disk::{Storage, read_all};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

/// Whose acts are believed, and where they lie.
pub struct DeltaOptions {
    /// The snapshot folder.
    pub folder: PathBuf,
    /// Public keys of issuers; without any no file is taken.
    pub keys: Vec<PublicKey>,
    /// A file of another environment is refused.
    pub environment: Box<str>,
}

/// Files of acts as this gateway has met them.
pub struct Deltas {
    options: DeltaOptions,
    storage: Arc<dyn Storage>,
    /// Files that need not be read again.
    settled: BTreeSet<String>,
    /// Files that were refused, and how long they were: one that is written anew is read again.
    refused_files: HashMap<String, u64>,
    /// Acts there were when the waiting files were last looked at.
    looked_at: Option<u64>,
    /// Files some of whose acts wait.
    waiting: HashMap<String, Delta>,
    refused: u64,
}

impl Deltas {
    /// Nothing is read yet.
    pub fn new(options: DeltaOptions, storage: Arc<dyn Storage>) -> Self {
        Self {
            options,
            storage,
            settled: BTreeSet::new(),
            refused_files: HashMap::new(),
            looked_at: None,
            waiting: HashMap::new(),
            refused: 0,
        }
    }

    /// Acts of files that have come, in their order; none twice. `now` bounds their moments: an
    /// issuer whose clock is ahead frees at once all the same.
    pub fn take(&mut self, overlay: &Overlay, now: Moment) -> Vec<JournalEntry> {
        let mut taken = Vec::new();
        if self.options.keys.is_empty() {
            return taken;
        }
        let came = self.read_new();
        let same = self.looked_at == Some(overlay.sequence());
        if self.waiting.is_empty() || (!came && same) {
            return taken;
        }
        self.looked_at = Some(overlay.sequence());
        let mut deltas: Vec<(&String, &Delta)> = self.waiting.iter().collect();
        deltas.sort_by_key(|(name, delta)| (delta.issuer.to_string(), delta.since, *name));
        let mut applied = applied(overlay);
        let mut after = overlay.clone();
        for (_, delta) in &deltas {
            for act in &delta.acts {
                if let Some(entry) = admitted(act, &mut applied, &after, now) {
                    after.add_record(Arc::new(entry.clone()));
                    taken.push(entry);
                }
            }
        }
        let is_whole = |delta: &Delta| delta.acts.iter().all(|act| applied.has(act));
        let whole = deltas.iter().filter(|(_, delta)| is_whole(delta));
        let whole: Vec<String> = whole.map(|(name, _)| (*name).clone()).collect();
        for name in whole {
            self.waiting.remove(&name);
        }
        taken
    }

    /// Acts that wait for others.
    pub fn waiting(&self, overlay: &Overlay) -> usize {
        if self.waiting.is_empty() {
            return 0;
        }
        let applied = applied(overlay);
        let acts = self.waiting.values().flat_map(|delta| &delta.acts);
        acts.filter(|act| !applied.has(act)).count()
    }

    /// Files refused so far.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Reads what is new; true where something came.
    fn read_new(&mut self) -> bool {
        let mut came = false;
        let names = self.storage.list(&self.options.folder).unwrap_or_default();
        for name in names.into_iter().filter(|name| name.ends_with(SUFFIX)) {
            if self.settled.contains(&name) {
                continue;
            }
            let bytes = self.len_of(&name);
            if self.refused_files.get(&name) == Some(&bytes) {
                continue;
            }
            match self.read(&name) {
                Ok(delta) => {
                    came = true;
                    self.refused_files.remove(&name);
                    self.waiting.insert(name.clone(), delta);
                    self.settled.insert(name);
                }
                Err(fault) => {
                    self.refused += 1;
                    tracing::error!(
                        file = name,
                        "the file of acts {fault}; nothing of it counts"
                    );
                    self.refused_files.insert(name, bytes);
                }
            }
        }
        came
    }

    fn len_of(&self, name: &str) -> u64 {
        let file = self.storage.open_to_read(&self.options.folder.join(name));
        file.and_then(|file| file.len()).unwrap_or(0)
    }

    fn read(&self, name: &str) -> Result<Delta, String> {
        let path = self.options.folder.join(name);
        let fault = |error: std::io::Error| format!("cannot be read ({error})");
        let file = self.storage.open_to_read(&path).map_err(fault)?;
        if file.len().map_err(fault)? > DELTA_BYTES_MAX {
            return Err(format!("is larger than {DELTA_BYTES_MAX} bytes"));
        }
        let bytes = read_all(file.as_ref()).map_err(fault)?;
        let verified = delta::verify(&bytes, &self.options.keys, &self.options.environment);
        verified.map_err(|error| error.to_string())
    }
}

/// Numbers of acts that are kept, by issuer.
struct Applied(HashMap<Box<str>, BTreeSet<u64>>);

impl Applied {
    fn has(&self, entry: &JournalEntry) -> bool {
        entry.origin.as_ref().is_some_and(|origin| {
            let known = self.0.get(&origin.issuer);
            known.is_some_and(|numbers| numbers.contains(&origin.sequence))
        })
    }

    /// Whether all acts of the issuer before this one are kept.
    fn has_all_before(&self, issuer: &str, sequence: u64) -> bool {
        let before = sequence.saturating_sub(1);
        let known = self.0.get(issuer);
        let kept = known.map_or(0, |numbers| numbers.range(..sequence).count() as u64);
        kept == before
    }
}

fn applied(overlay: &Overlay) -> Applied {
    let mut numbers: HashMap<Box<str>, BTreeSet<u64>> = HashMap::new();
    for record in overlay.records() {
        if let Some(origin) = &record.origin {
            let of = numbers.entry(origin.issuer.clone()).or_default();
            of.insert(origin.sequence);
        }
    }
    Applied(numbers)
}

/// The act as it is to be kept; nothing where it is kept already, or waits.
fn admitted(
    act: &JournalEntry,
    applied: &mut Applied,
    overlay: &Overlay,
    now: Moment,
) -> Option<JournalEntry> {
    let origin = act.origin.as_ref()?;
    if applied.has(act) {
        return None;
    }
    if act.act.kind == ActKind::Upheld {
        if !applied.has_all_before(&origin.issuer, origin.sequence) {
            return None;
        }
        let of_others = |record: &Arc<JournalEntry>| {
            let issuer = record.origin.as_ref().map(|origin| &origin.issuer);
            issuer != Some(&origin.issuer)
        };
        if let State::Held(open) = holds::state(overlay, &act.act.entry_id)
            && open.acts.iter().any(of_others)
        {
            return None;
        }
    }
    let numbers = applied.0.entry(origin.issuer.clone()).or_default();
    numbers.insert(origin.sequence);
    let mut entry = act.clone();
    entry.act.at = entry.act.at.min(now);
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::{Act, EntryId};
    use crate::seal::sign::SigningKey;
    use crate::storage::simulated::SimulatedDisk;
    use std::path::Path;

    const FOLDER: &str = "/snapshots";

    fn entry(entry_id: &str, kind: ActKind, at: i64) -> JournalEntry {
        let act = Act {
            entry_id: EntryId(entry_id.into()),
            kind,
            at: Moment(at),
            version: None,
        };
        JournalEntry::new(act, "court", "why", "ref")
    }

    struct World {
        disk: Arc<SimulatedDisk>,
        key: SigningKey,
        deltas: Deltas,
        overlay: Overlay,
    }

    impl World {
        fn new() -> Self {
            let disk = Arc::new(SimulatedDisk::new(1));
            disk.create_folder(Path::new(FOLDER)).unwrap();
            let key = SigningKey::from_bytes(&[3; 32]);
            let options = DeltaOptions {
                folder: FOLDER.into(),
                keys: vec![key.public()],
                environment: "test".into(),
            };
            Self {
                deltas: Deltas::new(options, Arc::clone(&disk) as Arc<dyn Storage>),
                disk,
                key,
                overlay: Overlay::default(),
            }
        }

        /// Puts the acts after `since` of this journal into a file.
        fn put(&self, name: &str, acts: &[JournalEntry], since: u64) {
            let (bytes, _) = delta::export(acts, since, None, &self.key);
            let file = self.disk.create(&Path::new(FOLDER).join(name)).unwrap();
            file.write_at(0, &bytes).unwrap();
        }

        fn take(&mut self) -> Vec<(String, ActKind)> {
            let taken = self.deltas.take(&self.overlay, Moment(1_000));
            taken
                .into_iter()
                .map(|entry| {
                    let act = entry.act.clone();
                    self.overlay.add_record(Arc::new(entry));
                    (act.entry_id.as_str().to_owned(), act.kind)
                })
                .collect()
        }
    }

    #[test]
    fn acts_are_taken_once_in_their_order_whatever_comes_again() {
        let mut world = World::new();
        let acts = [
            entry("a", ActKind::Hold, 1),
            entry("a", ActKind::Upheld, 2),
            entry("b", ActKind::Withdraw, 3),
        ];
        world.put("acts-1.hecha-acts", &acts[..2], 0);
        let first = [
            ("a".to_owned(), ActKind::Hold),
            ("a".to_owned(), ActKind::Upheld),
        ];
        assert_eq!(world.take(), first);
        assert!(world.take().is_empty());
        // The same again under another name, and one that overlaps.
        world.put("acts-2.hecha-acts", &acts[..2], 0);
        world.put("acts-3.hecha-acts", &acts, 1);
        assert_eq!(world.take(), [("b".to_owned(), ActKind::Withdraw)]);
        // After a restart nothing is known of files, but the acts are kept.
        world.deltas.settled.clear();
        assert!(world.take().is_empty());
        assert_eq!(world.deltas.waiting(&world.overlay), 0);
    }

    #[test]
    fn what_frees_is_taken_at_once_and_upheld_waits_for_what_is_missing() {
        let mut world = World::new();
        let acts = [
            entry("a", ActKind::Hold, 1),
            entry("b", ActKind::Hold, 2),
            entry("b", ActKind::Upheld, 3),
            entry("c", ActKind::Repair, 4),
        ];
        world.put("acts-2.hecha-acts", &acts, 1);
        let free = [
            ("b".to_owned(), ActKind::Hold),
            ("c".to_owned(), ActKind::Repair),
        ];
        assert_eq!(world.take(), free);
        assert_eq!(world.deltas.waiting(&world.overlay), 1);
        world.put("acts-1.hecha-acts", &acts[..1], 0);
        let rest = [
            ("a".to_owned(), ActKind::Hold),
            ("b".to_owned(), ActKind::Upheld),
        ];
        assert_eq!(world.take(), rest);
        assert_eq!(world.deltas.waiting(&world.overlay), 0);
        let state = holds::state(&world.overlay, &EntryId("b".into()));
        assert_eq!(state, State::Stands);
    }

    #[test]
    fn an_outcome_elsewhere_does_not_end_an_objection_made_here() {
        let mut world = World::new();
        world
            .overlay
            .add_record(Arc::new(entry("a", ActKind::Hold, 1)));
        let acts = [entry("a", ActKind::Hold, 2), entry("a", ActKind::Upheld, 3)];
        world.put("acts-1.hecha-acts", &acts, 0);
        assert_eq!(world.take(), [("a".to_owned(), ActKind::Hold)]);
        world
            .overlay
            .add_record(Arc::new(entry("a", ActKind::Upheld, 4)));
        assert_eq!(world.take(), [("a".to_owned(), ActKind::Upheld)]);
    }

    #[test]
    fn an_issuer_whose_clock_is_ahead_frees_at_once() {
        let mut world = World::new();
        world.put(
            "acts-1.hecha-acts",
            &[entry("a", ActKind::Withdraw, i64::MAX)],
            0,
        );
        world.take();
        let id = EntryId("a".into());
        assert!(world.overlay.is_out(&id, Moment(0), Moment(1_000)));
    }

    #[test]
    fn foreign_and_torn_files_change_nothing_and_are_named_once() {
        let mut world = World::new();
        let acts = [entry("a", ActKind::Withdraw, 1)];
        let foreign = SigningKey::from_bytes(&[4; 32]);
        let (bytes, _) = delta::export(&acts, 0, None, &foreign);
        let (own, _) = delta::export(&acts, 0, None, &world.key);
        for (name, bytes) in [("a.hecha-acts", &bytes[..]), ("b.hecha-acts", &own[..90])] {
            let file = world.disk.create(&Path::new(FOLDER).join(name)).unwrap();
            file.write_at(0, bytes).unwrap();
        }
        assert!(world.take().is_empty() && world.take().is_empty());
        assert_eq!(world.deltas.refused(), 2);
    }
}
