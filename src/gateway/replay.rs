//! Logged checks and scans decided again, on the law, list and acts of then.
//!
//! In: records with their requests in clear, kept law, snapshots, the journal of acts. Out: for
//! each whether the same answer comes out, byte for byte behind its place in the log; that another
//! one does; or what is missing to say so. The way of a request is that of the gateway itself:
//! `question::decide` and `scan::decide`. Offline, writes nothing, asks no clock: the moment is the
//! record's. Records come sorted by `Stage`, so that each snapshot is opened once.

use super::client::Client;
use super::clients::Clients;
use super::kept::Kept;
use super::operator::Operator;
use super::question::{self, Asker, Decided};
use super::scan;
use super::view::{Law, Loaded, View};
use crate::decision_log::entry::CheckRecord;
use crate::decision_log::record::CHECK_ID_CHARS;
use crate::model::decision::Decision;
use crate::model::entry::EntryId;
use crate::model::term::{Day, Moment};
use crate::overlay::record::JournalEntry;
use crate::overlay::standing::Overlay;
use crate::seal::keys::{KeyId, MasterKey};
use crate::snapshot::open::{OpenOptions, Snapshot, SnapshotId};
use crate::snapshot::publish::SUFFIX;
use crate::telemetry::Telemetry;
use crate::wire::answer::{HASHED_FROM, patch_record};
use crate::wire::replayed::{self, Logged};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Acts that are put into a view one by one; more are put in all at once.
const SINGLE_ACTS_MAX: u64 = 64;

/// What is missing to decide a record again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cannot {
    /// The sealed part.
    #[error("key: {0}")]
    Sealed(Arc<str>),
    /// The request does not fit its scenario or catalogue.
    #[error("request: what the sealed part holds does not fit the catalogue that the record names")]
    Request,
    /// A scan whose text was not kept.
    #[error("text: it was too long to be kept in the record; only its hash was")]
    LongText,
    /// No such snapshot.
    #[error("snapshot: {id} is in none of the folders and files named")]
    Snapshot {
        /// Its id.
        id: String,
    },
    /// It cannot be opened.
    #[error("snapshot: {id}: {why}")]
    Unusable {
        /// Its id.
        id: String,
        /// What is wrong with it.
        why: Arc<str>,
    },
    /// Its master key.
    #[error("key: snapshot {id} needs the master key {key_id}")]
    SnapshotKey {
        /// Its id.
        id: String,
        /// Id of the key.
        key_id: KeyId,
    },
    /// The tables of law.
    #[error("catalogue: {0}")]
    Catalogue(Arc<str>),
    /// The record of the unit.
    #[error("policy: {0}")]
    Policy(Arc<str>),
    /// The journal.
    #[error("journal: the answer rests on {wanted} acts, the journal has {found}")]
    Journal {
        /// Acts in the journal.
        found: u64,
        /// Acts that the view of then had.
        wanted: u64,
    },
    /// It is refused today.
    #[error("answer: {0}")]
    Refused(Box<str>),
}

/// What came of deciding again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The same answer, byte for byte.
    Equal,
    /// Another one.
    Differs,
    /// None.
    Cannot(Cannot),
}

/// A record decided again.
pub struct Again {
    /// Whether the answers agree.
    pub verdict: Verdict,
    /// What is decided now.
    pub decision: Option<Decision>,
    /// The answer as it is now, with the check_id and place of the record.
    pub body: Option<Vec<u8>>,
}

impl Again {
    /// Nothing came of it.
    pub fn cannot(cannot: Cannot) -> Self {
        Self {
            verdict: Verdict::Cannot(cannot),
            decision: None,
            body: None,
        }
    }
}

/// What a view is made of; records of one stage are decided on one view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stage {
    snapshot: [u8; 16],
    catalogue: [u8; 16],
    overlay_sequence: u64,
    day: Day,
}

impl Stage {
    /// That of a record.
    pub fn of(record: &CheckRecord) -> Self {
        Self {
            snapshot: record.context.snapshot,
            catalogue: record.context.catalogue,
            overlay_sequence: record.context.overlay_sequence,
            day: record.moment.day(),
        }
    }
}

/// Files of snapshots, found by their ids.
pub struct Shelf {
    files: Vec<PathBuf>,
    /// Ids of files whose names do not say them; filled when one is missed.
    hashed: Option<HashMap<[u8; 16], PathBuf>>,
}

impl Shelf {
    /// All snapshot files of a folder, and these files.
    pub fn new(folder: Option<&Path>, files: &[PathBuf]) -> Self {
        let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
        let paths = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|one| one.path());
        let mut found: Vec<PathBuf> = paths
            .filter(|path| path.to_string_lossy().ends_with(SUFFIX))
            .collect();
        found.sort_unstable();
        found.extend_from_slice(files);
        Self {
            files: found,
            hashed: None,
        }
    }

    /// The file of a snapshot; the id in its name is not believed before the file is opened.
    fn find(&mut self, id: [u8; 16]) -> Option<PathBuf> {
        let named = format!("-{}{SUFFIX}", SnapshotId(id));
        let by_name = self
            .files
            .iter()
            .find(|path| path.to_string_lossy().ends_with(&named));
        if let Some(path) = by_name.filter(|path| hash_of(path) == Some(id)) {
            return Some(path.clone());
        }
        let hashed = self.hashed.get_or_insert_with(|| {
            let hashed = self.files.iter();
            hashed
                .filter_map(|path| Some((hash_of(path)?, path.clone())))
                .collect()
        });
        hashed.get(&id).cloned()
    }
}

/// First half of a file's BLAKE3: the id of a snapshot.
fn hash_of(path: &Path) -> Option<[u8; 16]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path).ok()?).ok()?;
    hasher.finalize().as_bytes().first_chunk().copied()
}

/// All that answers are decided again from.
pub struct Sources {
    /// Catalogues and policies.
    pub kept: Kept,
    /// Snapshots.
    pub shelf: Shelf,
    /// Master keys of snapshots.
    pub masters: Vec<MasterKey>,
    /// All acts, in the order of the journal.
    pub acts: Vec<JournalEntry>,
}

type Found<T, K = [u8; 16]> = HashMap<K, Result<Arc<T>, Cannot>>;

/// Halves of the hashes of a catalogue and of a unit's policy.
type PolicyKey = ([u8; 16], [u8; 16]);
/// A snapshot by its id, or why it cannot be had.
type InHand = ([u8; 16], Result<Arc<Loaded>, Cannot>);

/// Decides records again.
pub struct Replayer {
    sources: Sources,
    telemetry: Telemetry,
    laws: Found<Law>,
    clients: Found<Client, PolicyKey>,
    loaded: Option<InHand>,
    view: Option<(Stage, Arc<View>)>,
}

impl Replayer {
    /// With nothing opened yet.
    pub fn new(sources: Sources) -> Self {
        Self {
            sources,
            telemetry: Telemetry::new(),
            laws: HashMap::new(),
            clients: HashMap::new(),
            loaded: None,
            view: None,
        }
    }

    /// The view of a stage. `moment` is that of its first record.
    pub fn view(&mut self, stage: Stage, moment: Moment) -> Result<Arc<View>, Cannot> {
        if let Some((known, view)) = &self.view
            && *known == stage
        {
            return Ok(Arc::clone(view));
        }
        let (found, wanted) = (self.sources.acts.len() as u64, stage.overlay_sequence);
        if wanted > found {
            return Err(Cannot::Journal { found, wanted });
        }
        let law = self.law(stage.catalogue)?;
        let loaded = self.loaded(stage.snapshot)?;
        let view = Arc::new(self.next_view(law, loaded, wanted, moment)?);
        self.view = Some((stage, Arc::clone(&view)));
        Ok(view)
    }

    /// The unit of a record, as it was then.
    pub fn client(&mut self, record: &CheckRecord) -> Result<Arc<Client>, Cannot> {
        let (policy, catalogue) = (record.context.policy, record.context.catalogue);
        let law = self.law(catalogue)?;
        let kept = &self.sources.kept;
        let found = self.clients.entry((policy, catalogue)).or_insert_with(|| {
            let client = kept.client(&policy, &law.catalogue);
            client
                .map(Arc::new)
                .map_err(|fault| Cannot::Policy(fault.to_string().into()))
        });
        found.clone()
    }

    /// The view in hand with other acts or of another day, or a new one.
    fn next_view(
        &mut self,
        law: Arc<Law>,
        loaded: Arc<Loaded>,
        sequence: u64,
        moment: Moment,
    ) -> Result<View, Cannot> {
        let before = self.view.take().map(|(_, view)| view);
        let like = before.filter(|view| {
            let has = view.overlay.sequence();
            Arc::ptr_eq(&view.loaded, &loaded)
                && Arc::ptr_eq(&view.law, &law)
                && has <= sequence
                && sequence - has <= SINGLE_ACTS_MAX
        });
        let acts = &self.sources.acts;
        let view = match like {
            Some(view) if view.overlay.sequence() == sequence => view,
            Some(view) => {
                let new = acts.iter().take(sequence as usize);
                let new = new.skip(view.overlay.sequence() as usize);
                let mut overlay = Overlay::clone(&view.overlay);
                let mut touched: Vec<EntryId> = Vec::new();
                for entry in new {
                    touched.push(entry.act.entry_id.clone());
                    overlay.add_record(Arc::new(entry.clone()));
                }
                Arc::new(view.with_acts(Arc::new(overlay), &touched, moment))
            }
            None => {
                let acts = acts.iter().take(sequence as usize).cloned();
                let overlay = Arc::new(Overlay::from_journal(acts));
                let made = View::new(loaded, law, overlay, moment);
                return made.map_err(|fault| Cannot::Catalogue(fault.to_string().into()));
            }
        };
        // Of another day, or the same made anew.
        Ok(view.on_day_of(moment))
    }

    fn law(&mut self, hash: [u8; 16]) -> Result<Arc<Law>, Cannot> {
        let (kept, telemetry) = (&self.sources.kept, &self.telemetry);
        let found = self.laws.entry(hash).or_insert_with(|| {
            let catalogue = kept.catalogue(&hash);
            let catalogue =
                catalogue.map_err(|fault| Cannot::Catalogue(fault.to_string().into()))?;
            Ok(Arc::new(Law::new(catalogue, Clients::default(), telemetry)))
        });
        found.clone()
    }

    fn loaded(&mut self, id: [u8; 16]) -> Result<Arc<Loaded>, Cannot> {
        if let Some((known, loaded)) = &self.loaded
            && *known == id
        {
            return loaded.clone();
        }
        // The old one is let go before the next is mapped.
        (self.view, self.loaded) = (None, None);
        let loaded = self.open(id).map(Arc::new);
        self.loaded = Some((id, loaded.clone()));
        loaded
    }

    fn open(&mut self, id: [u8; 16]) -> Result<Loaded, Cannot> {
        let path = self.sources.shelf.find(id);
        let id = SnapshotId(id).to_string();
        let Some(path) = path else {
            return Err(Cannot::Snapshot { id });
        };
        let opened = Snapshot::open_file(&path, &OpenOptions::default());
        let snapshot = match opened {
            Ok(snapshot) => snapshot,
            Err(fault) => {
                let why = format!("`{}`: {fault}", path.display()).into();
                return Err(Cannot::Unusable { id, why });
            }
        };
        let key_id = snapshot.manifest().key_id;
        let mut masters = self.sources.masters.iter();
        match masters.find(|master| master.id() == key_id) {
            Some(master) => Ok(Loaded::new(snapshot, master, None)),
            None => Err(Cannot::SnapshotKey { id, key_id }),
        }
    }
}

/// Decides one record again. `plain` is its opened sealed part.
pub fn decide(view: &View, client: &Client, record: &CheckRecord, plain: &[u8]) -> Again {
    let decided = decided(view, client, record, plain);
    let decided = match decided {
        Ok(decided) => decided,
        Err(cannot) => return Again::cannot(cannot),
    };
    let mut body = decided.body;
    let hash = blake3::hash(body.get(HASHED_FROM..).unwrap_or_default());
    let is_equal = hash.as_bytes().first_chunk() == Some(&record.answer_hash);
    let mut check_id = [0; CHECK_ID_CHARS];
    record.check_id.write(&mut check_id);
    patch_record(&mut body, &check_id, record.position.0);
    Again {
        verdict: match is_equal {
            true => Verdict::Equal,
            false => Verdict::Differs,
        },
        decision: Some(decided.outcome.decision),
        body: Some(body),
    }
}

fn decided(
    view: &View,
    client: &Client,
    record: &CheckRecord,
    plain: &[u8],
) -> Result<Decided, Cannot> {
    let catalogue = &view.law.catalogue;
    let scenario = catalogue.find_scenario(&record.scenario);
    let scenario = scenario.ok_or(Cannot::Request)?;
    let logged = replayed::read_logged(plain, catalogue, scenario).ok_or(Cannot::Request)?;
    let asker = Asker {
        client,
        operator: &Operator::Command,
        language: record.language,
    };
    let (engine, now) = (&*record.context.engine, record.moment);
    let decided = match &logged {
        Logged::LongScan => return Err(Cannot::LongText),
        Logged::Check(request) => {
            question::guarded(|| question::decide(view, asker, request, engine, now))
        }
        Logged::Scan(text, attributes) => question::guarded(|| {
            let request = scan::request_of(text, attributes, scenario);
            scan::decide(view, asker, text, &request, engine, now)
        }),
    };
    decided.map_err(|problem| Cannot::Refused(problem.detail.into()))
}
