//! From records in compact form to the bytes of a snapshot.
//!
//! In: a store with all records, inputs. Out: the file and what is to be said about it.

use super::arrange::{self, Arrangement};
use super::inputs::{BuildError, BuildInputs, LeftOut, Origin};
use super::prepare::{BuildKeys, Prepared};
use super::store::Store;
use super::write::{self, Built};
use crate::model::entry::ListRecord;
use crate::model::term::Moment;
use crate::snapshot::keys;
use crate::snapshot::manifest::{GRADES_MAX, LISTS_MAX, Manifest, ManifestList};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

/// Records of a build while they arrive.
pub struct Assembly<'a> {
    inputs: &'a BuildInputs,
    keys: Arc<BuildKeys>,
    store: Store,
    /// Blocks of records that are made ready, in order, and bytes of the list files they took.
    under_way: VecDeque<(u64, Receiver<std::thread::Result<Ready>>)>,
    /// Bytes of the list files, until room is made for what they hold.
    expected_bytes: Option<u64>,
}

type Ready = Vec<(Origin, Prepared)>;

/// Blocks of records that are made ready at a time.
const UNDER_WAY_MAX: usize = 2;

/// A snapshot that was written.
#[derive(Debug)]
pub struct Assembled {
    /// Its manifest.
    pub manifest: Manifest,
    /// Bytes of the file.
    pub bytes: u64,
    /// Valid records that are not in it.
    pub left_out: Vec<LeftOut>,
}

impl<'a> Assembly<'a> {
    /// Starts a build.
    pub fn new(inputs: &'a BuildInputs) -> Self {
        let keys = BuildKeys {
            digest: keys::digest_key(&inputs.master, &inputs.salt),
            diff: keys::diff_key(&inputs.master),
        };
        Self {
            inputs,
            keys: Arc::new(keys),
            store: Store::default(),
            under_way: VecDeque::new(),
            expected_bytes: None,
        }
    }

    /// All list files together have so many bytes: what the first records take says how much room
    /// all will need.
    pub fn expect(&mut self, list_bytes: u64) {
        self.expected_bytes = Some(list_bytes);
    }

    /// Takes in validated records, in order, that took so many bytes of the list files; they are
    /// made ready on all cores while the caller goes on.
    ///
    /// Errors: more memory than allowed, perhaps only for records of an earlier call.
    pub fn add(
        &mut self,
        records: Vec<(Origin, ListRecord)>,
        list_bytes: u64,
    ) -> Result<(), BuildError> {
        let keys = Arc::clone(&self.keys);
        let prepare = move || {
            let prepare = |(origin, record)| (origin, Prepared::new(record, &keys));
            records.into_par_iter().map(prepare).collect()
        };
        // A thread of the pool must not wait for the others: they could all be such threads.
        if rayon::current_thread_index().is_some() {
            self.wait(0)?;
            return self.take_in(prepare(), list_bytes);
        }
        let (ready, block) = sync_channel(1);
        rayon::spawn(move || {
            // The receiver is gone only where the build has stopped already.
            let _ = ready.send(catch_unwind(AssertUnwindSafe(prepare)));
        });
        self.under_way.push_back((list_bytes, block));
        self.wait(UNDER_WAY_MAX)
    }

    /// Waits until no more than so many blocks are under way, and takes them in.
    fn wait(&mut self, under_way_max: usize) -> Result<(), BuildError> {
        while self.under_way.len() > under_way_max {
            if let Some((list_bytes, block)) = self.under_way.pop_front() {
                let block = block.recv().unwrap_or_else(|gone| Err(Box::new(gone)));
                let prepared = block.unwrap_or_else(|panic| resume_unwind(panic));
                self.take_in(prepared, list_bytes)?;
            }
        }
        Ok(())
    }

    fn take_in(&mut self, prepared: Ready, list_bytes: u64) -> Result<(), BuildError> {
        for (origin, prepared) in &prepared {
            self.store.add(prepared, *origin);
        }
        self.make_room(list_bytes);
        let (needed, allowed) = (self.store.peak_memory_bytes(), self.inputs.memory_bytes_max);
        if needed > allowed {
            return Err(BuildError::Memory {
                needed_mib: needed.div_ceil(1 << 20),
                allowed_mib: allowed >> 20,
            });
        }
        Ok(())
    }

    /// Once, when the first block is there.
    fn make_room(&mut self, first_bytes: u64) {
        /// Later records may be larger; what is not used is never touched.
        const SPARE: f64 = 1.05;
        let Some(expected_bytes) = self.expected_bytes.filter(|_| first_bytes > 0) else {
            return;
        };
        self.expected_bytes = None;
        let times = SPARE * expected_bytes as f64 / first_bytes as f64;
        // What is said of the size of a file may be anything; an estimate refuses nothing.
        let needed = self.store.peak_memory_bytes() as f64 * times;
        if needed <= self.inputs.memory_bytes_max as f64 {
            self.store.make_room(times);
        }
    }

    /// Arranges everything; nothing is written yet. `quarantined` counts records that were refused
    /// before.
    ///
    /// Errors: more lists or grades than format 1 holds, more memory than allowed.
    pub fn arrange(mut self, quarantined: u64) -> Result<Arranged<'a>, BuildError> {
        self.wait(0)?;
        self.store.freeze();
        let arrangement = arrange::arrange(&mut self.store);
        let quarantined = quarantined + self.store.left_out.len() as u64;
        let manifest = manifest(self.inputs, &self.store, &arrangement, quarantined)?;
        Ok(Arranged {
            inputs: self.inputs,
            store: self.store,
            arrangement,
            manifest,
        })
    }
}

/// A build that only needs to be written.
pub struct Arranged<'a> {
    inputs: &'a BuildInputs,
    store: Store,
    arrangement: Arrangement,
    manifest: Manifest,
}

impl Arranged<'_> {
    /// Valid records that will not be in it.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.store.left_out
    }

    /// Writes the file.
    ///
    /// Errors: writing; more of something than format 1 holds.
    pub fn write<W: Write + Seek>(self, out: W) -> Result<(W, Assembled), BuildError> {
        self.write_telling(out, &mut |_| {})
    }

    /// As `write`; says which sections come next.
    ///
    /// Errors: as `write`.
    pub fn write_telling<W: Write + Seek>(
        self,
        out: W,
        writing: &mut dyn FnMut(&'static str),
    ) -> Result<(W, Assembled), BuildError> {
        let lists = &self.manifest.lists;
        let place_of = |list: u16| {
            let id = self.store.lists.get(u32::from(list));
            self.manifest.find_list(id).unwrap_or(u8::MAX)
        };
        let list_places: Vec<u8> = (0..self.store.lists.len() as u16).map(place_of).collect();
        let grade_places = |list: u16, grade: u32| {
            let grade = self.store.grades.get(grade.checked_sub(1)?);
            let list = &lists[usize::from(list_places[usize::from(list)])];
            let place = list
                .grades
                .binary_search_by(|g| g.as_ref().cmp(grade))
                .ok()?;
            u8::try_from(place).ok()
        };
        let built = Built {
            store: &self.store,
            arrangement: &self.arrangement,
            manifest: &self.manifest,
            list_places: &list_places,
            grade_places: &grade_places,
            inputs: self.inputs,
        };
        let (out, bytes) = write::write(&built, out, writing)?;
        let assembled = Assembled {
            manifest: self.manifest,
            bytes,
            left_out: self.store.left_out,
        };
        Ok((out, assembled))
    }
}

fn manifest(
    inputs: &BuildInputs,
    store: &Store,
    arrangement: &Arrangement,
    quarantined: u64,
) -> Result<Manifest, BuildError> {
    let provenance = &inputs.provenance;
    Ok(Manifest {
        environment: inputs.environment.clone(),
        version: inputs.version(),
        created: inputs.created,
        expires: inputs.expires,
        engine_version: provenance.engine_version.clone(),
        catalogue_hash: provenance.catalogue_hash,
        fold_version: provenance.fold_version.clone(),
        unicode_version: provenance.unicode_version.clone(),
        name_keys_version: provenance.name_keys_version.clone(),
        key_id: inputs.master.id(),
        salt: inputs.salt,
        entries: store.entries.len() as u32,
        quarantined,
        lists: lists(inputs, store)?,
        patterns: arrangement.patterns.clone(),
    })
}

/// What is gathered of one list.
#[derive(Default)]
struct Gathered<'a> {
    entries: u32,
    latest: Option<Moment>,
    grades: BTreeSet<&'a str>,
}

/// Lists with records, and lists that were named without: those are loaded and empty.
fn lists(inputs: &BuildInputs, store: &Store) -> Result<Vec<ManifestList>, BuildError> {
    let mut lists: BTreeMap<&str, Gathered<'_>> = BTreeMap::new();
    for stored in &store.entries {
        let list = lists
            .entry(store.lists.get(u32::from(stored.list)))
            .or_default();
        list.entries += 1;
        list.latest = list.latest.max(Some(stored.submitted_at));
        if let Some(grade) = stored.grade.checked_sub(1) {
            list.grades.insert(store.grades.get(grade));
        }
    }
    let mut of_all = None;
    let mut stated: BTreeMap<&str, Moment> = BTreeMap::new();
    for as_of in &inputs.as_of {
        match as_of.list.as_deref() {
            None => of_all = Some(as_of.moment),
            Some(list) => {
                stated.insert(list, as_of.moment);
                lists.entry(list).or_default();
            }
        }
    }
    let too_many = |what, max: usize| BuildError::TooMany {
        what,
        max: max as u64,
    };
    if lists.len() > LISTS_MAX {
        return Err(too_many("lists", LISTS_MAX));
    }
    if lists.values().any(|list| list.grades.len() > GRADES_MAX) {
        return Err(too_many("grades of a list", GRADES_MAX));
    }
    let manifest_list = |(id, list): (&str, Gathered<'_>)| ManifestList {
        id: id.into(),
        as_of: stated
            .get(id)
            .copied()
            .or(of_all)
            .or(list.latest)
            .unwrap_or(inputs.created),
        entries: list.entries,
        grades: list.grades.into_iter().map(Into::into).collect(),
    };
    Ok(lists.into_iter().map(manifest_list).collect())
}
