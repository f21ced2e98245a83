//! Whether a log is whole: every record, every hash, every checkpoint.
//!
//! In: a log folder, stopped or running, and the public keys that its checkpoints may be of. Out:
//! what each month holds and all findings, each with file and offset. Every leaf is hashed anew
//! from the segments, every stored hash and every root compared. Changes nothing, takes no lock.
//! What this cannot tell by itself: a log that its own operator has written anew from the start and
//! signed. Checkpoints that others kept tell it: those of witnesses, and those in receipts.

use super::error::LogError;
use super::expired::{self, Recorded};
use super::inspected::{self, Finding, Inspected};
use super::record::CheckId;
use super::segment;
use super::shards;
use crate::seal::sign::PublicKey;
use crate::storage::disk::Storage;
use crate::tree::levels::{Levels, hashes_in};
use crate::tree::merkle::{Frontier, Hash, TILE_LEVELS_MAX};
use crate::tree::note::{Checkpoint, SignedNote};
use crate::tree::origin::is_month;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

/// Findings of one kind in one file after which no more are said.
const FINDINGS_MAX: usize = 20;

/// What a log was found to hold.
#[derive(Debug, Default)]
pub struct Verified {
    /// Its months, in order.
    pub months: Vec<VerifiedMonth>,
    /// Months that were expired by order.
    pub expired: Vec<Checkpoint>,
    /// Segments with records.
    pub segments: u64,
    /// Whole frames.
    pub frames: u64,
    /// Checks among them.
    pub checks: u64,
    /// What is not as it must be; empty where the log is whole.
    pub findings: Vec<Finding>,
}

/// One month.
#[derive(Debug, Clone)]
pub struct VerifiedMonth {
    /// For example `2026-11`.
    pub month: String,
    /// Frames.
    pub frames: u64,
    /// Its checkpoint, where there is one.
    pub checkpoint: Option<Checkpoint>,
    /// Root over the frames that the checkpoint covers, from the records.
    pub root: Option<Hash>,
}

/// A checkpoint that was kept outside of the log.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What findings call it: the file it was read from.
    pub file: String,
    /// As it was signed.
    pub note: SignedNote,
    /// What it says.
    pub checkpoint: Checkpoint,
}

/// Reads everything, and holds it against `kept` too. `read` hears of each segment's bytes when it
/// was read.
///
/// Errors: the file system; what can be told is a finding.
pub fn verify(
    storage: &dyn Storage,
    folder: &Path,
    keys: &[PublicKey],
    kept: &[Kept],
    read: &(dyn Fn(u64) + Sync),
) -> Result<Verified, LogError> {
    let mut verifier = Verifier {
        storage,
        folder,
        keys,
        found: Verified::default(),
        month: None,
        before: Before::default(),
    };
    verifier.expired()?;
    let numbers = verifier.numbers()?;
    // Before the segments: a running gateway signs on while they are read.
    let mut checkpoints = verifier.checkpoints(&numbers)?;
    verifier.add_kept(&mut checkpoints, kept);
    let last = numbers.last().copied();
    for group in numbers.chunks(rayon::current_num_threads().max(1)) {
        let inspect = |number: &u64| {
            let inspected = inspected::inspect(storage, folder, *number, Some(*number) == last);
            if let Ok(inspected) = &inspected {
                read(inspected.bytes);
            }
            inspected
        };
        let looked: Vec<_> = group.par_iter().map(inspect).collect();
        for (number, inspected) in group.iter().zip(looked) {
            verifier.take(*number, inspected?, &checkpoints)?;
        }
    }
    verifier.end_month();
    Ok(verifier.found)
}

/// Of each month what was signed, the newest first.
type Checkpoints = BTreeMap<String, Vec<Signed>>;

/// A checkpoint, and what the records say to it.
#[derive(Debug, Clone)]
struct Signed {
    file: String,
    /// It was kept elsewhere: the stored hashes need not reach so far.
    is_kept: bool,
    checkpoint: Checkpoint,
    /// Root of the records at its size.
    root: Option<Hash>,
}

/// What the segments before have shown.
#[derive(Debug, Default)]
struct Before {
    number: Option<u64>,
    next_index: Option<u64>,
    last_check: Option<CheckId>,
    salt: Option<[u8; 32]>,
    /// Frames of expired months, where their checkpoints are kept.
    expired_frames: u64,
}

struct Verifier<'a> {
    storage: &'a dyn Storage,
    folder: &'a Path,
    keys: &'a [PublicKey],
    found: Verified,
    month: Option<Month>,
    before: Before,
}

/// A month whose segments are being taken.
struct Month {
    label: String,
    signed: Vec<Signed>,
    levels: Levels,
    frontier: Frontier,
    differing: [usize; TILE_LEVELS_MAX],
}

impl Verifier<'_> {
    fn find(&mut self, file: impl Into<String>, offset: u64, what: impl Into<String>) {
        self.found.findings.push(Finding {
            file: file.into(),
            offset,
            what: what.into(),
        });
    }

    /// Segments that are there; a gap between them is a finding.
    fn numbers(&mut self) -> Result<Vec<u64>, LogError> {
        let listed = self.storage.list(self.folder);
        let names = listed.map_err(LogError::io("list", self.folder.display().to_string()))?;
        let mut numbers: Vec<u64> = names
            .iter()
            .filter_map(|name| segment::number_of(name))
            .collect();
        numbers.sort_unstable();
        for pair in numbers.windows(2) {
            if pair[1] != pair[0] + 1 {
                self.find(segment::file_name(pair[0] + 1), 0, "the segment is missing");
            }
        }
        if numbers.is_empty() {
            self.find("", 0, "no segment of a log is here");
        }
        Ok(numbers)
    }

    /// Checkpoints of all months, by the headers of the segments.
    fn checkpoints(&mut self, numbers: &[u64]) -> Result<Checkpoints, LogError> {
        let mut checkpoints = Checkpoints::new();
        let mut last = String::new();
        for number in numbers {
            let Some((header, _)) = shards::head(self.storage, self.folder, *number)? else {
                continue;
            };
            // A label is a name of a folder here: what is none is found when the segment is read.
            if !is_month(&header.month) || header.month <= last {
                continue;
            }
            last = header.month;
            let mut signed = Vec::new();
            for name in [shards::CHECKPOINT_FILE, shards::COSIGNED_FILE] {
                let path = shards::tree_folder(self.folder, &last).join(name);
                match shards::read_checkpoint(self.storage, &path) {
                    Ok(Some(read)) => {
                        let file = file_of(&last, name);
                        let origin = shards::origin(&header.salt, &last);
                        self.believe(&file, Some(&origin), &read.0, &read.1);
                        signed.push(Signed {
                            file,
                            is_kept: false,
                            checkpoint: read.1,
                            root: None,
                        });
                    }
                    Ok(None) if name == shards::CHECKPOINT_FILE => {
                        let what = "there is no checkpoint: nothing proves what this month holds";
                        self.find(file_of(&last, name), 0, what);
                    }
                    Ok(None) => {}
                    Err(LogError::Checkpoint { fault, .. }) => {
                        self.find(file_of(&last, name), 0, fault.to_string());
                    }
                    Err(other) => return Err(other),
                }
            }
            checkpoints.insert(last.clone(), signed);
        }
        Ok(checkpoints)
    }

    /// Adds what was kept elsewhere to what was signed here.
    fn add_kept(&mut self, checkpoints: &mut Checkpoints, kept: &[Kept]) {
        for one in kept {
            let (file, checkpoint) = (&one.file, &one.checkpoint);
            self.believe(file, None, &one.note, checkpoint);
            let month = checkpoints.values_mut().find(|signed| {
                let here = signed.first().map(|first| &first.checkpoint.origin);
                here == Some(&checkpoint.origin)
            });
            if let Some(signed) = month {
                signed.push(Signed {
                    file: file.clone(),
                    is_kept: true,
                    checkpoint: checkpoint.clone(),
                    root: None,
                });
                continue;
            }
            let mut expired = self.found.expired.iter();
            let last = expired.find(|expired| expired.origin == checkpoint.origin);
            let agrees = last.is_some_and(|last| match checkpoint.size.cmp(&last.size) {
                Ordering::Less => true,
                Ordering::Equal => checkpoint.root == last.root,
                Ordering::Greater => false,
            });
            if !agrees {
                let what = format!("the log here does not hold `{}`", checkpoint.origin);
                self.find(file, 0, what);
            }
        }
    }

    /// Whether a note is of this log and month, where that is said, and of a key that is known.
    fn believe(
        &mut self,
        file: &str,
        origin: Option<&String>,
        note: &SignedNote,
        checkpoint: &Checkpoint,
    ) {
        if origin.is_some_and(|origin| checkpoint.origin != *origin) {
            let what = format!("it speaks of `{}`", checkpoint.origin);
            self.find(file, 0, what);
        }
        if !self.keys.is_empty()
            && let Err(fault) = note.checkpoint(self.keys)
        {
            self.find(file, 0, fault.to_string());
        }
    }

    /// The last checkpoints of months that were expired.
    fn expired(&mut self) -> Result<(), LogError> {
        let months = expired::months(self.storage, self.folder);
        if months.is_empty() {
            return Ok(());
        }
        let recorded = Recorded::read(self.storage, self.folder);
        for month in &months {
            let file = format!("{}/{month}", shards::EXPIRED_FOLDER);
            let path = expired::expired_path(self.folder, month);
            match shards::read_checkpoint(self.storage, &path) {
                Ok(Some((note, checkpoint))) => {
                    let fault = match &recorded {
                        Ok(known) => known.fault(self.storage, self.folder, month, &checkpoint)?,
                        Err(_) => Some("whether it was ordered cannot be read in a damaged log"),
                    };
                    if let Some(what) = fault {
                        self.find(&*file, 0, what);
                    }
                    if !self.keys.is_empty()
                        && let Err(fault) = note.checkpoint(self.keys)
                    {
                        self.find(&*file, 0, fault.to_string());
                    }
                    self.before.expired_frames += checkpoint.size;
                    self.found.expired.push(checkpoint);
                }
                Ok(None) => {}
                Err(LogError::Checkpoint { fault, .. }) => self.find(file, 0, fault.to_string()),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Takes a segment after those before it.
    fn take(
        &mut self,
        number: u64,
        mut seen: Inspected,
        checkpoints: &Checkpoints,
    ) -> Result<(), LogError> {
        self.found.findings.append(&mut seen.findings);
        if seen.leaves.is_empty() {
            return Ok(());
        }
        self.beside(number, &seen);
        self.found.segments += 1;
        self.found.frames += seen.leaves.len() as u64;
        self.found.checks += seen.checks;
        let label = seen.header.as_ref().map(|header| header.month.clone());
        let label = label.filter(|label| is_month(label));
        let present = self.month.as_ref().map(|month| month.label.clone());
        if label > present {
            self.end_month();
            self.month = label
                .map(|label| Month::begin(self.storage, self.folder, label, checkpoints))
                .transpose()?;
        }
        let Some(mut month) = self.month.take() else {
            return Ok(());
        };
        month.take(&seen.leaves, &mut self.found.findings);
        self.month = Some(month);
        Ok(())
    }

    /// What must go on from one segment to the next.
    fn beside(&mut self, number: u64, seen: &Inspected) {
        let name = segment::file_name(number);
        let before = &self.before;
        let is_first = before.number.is_none();
        let expected = before.next_index.unwrap_or(before.expired_frames + 1);
        let rises = match (before.last_check, seen.first_check) {
            (Some(last), Some(first)) => first > last,
            _ => true,
        };
        if seen.first_index != expected {
            let first = seen.first_index;
            let what = match is_first {
                true => format!(
                    "the log begins with record {first}, not with {expected}: months were taken \
                     away without an order"
                ),
                false => format!("it begins with record {first}, not with {expected}"),
            };
            self.find(&*name, 0, what);
        }
        if !rises {
            self.find(
                &*name,
                0,
                "its check_ids do not rise above those of the segment before",
            );
        }
        if let Some(header) = &seen.header {
            let salt = *self.before.salt.get_or_insert(header.salt);
            let present = self.month.as_ref().map(|month| &month.label);
            if present.is_some_and(|present| header.month < *present) {
                self.find(
                    &*name,
                    0,
                    "its month lies before that of the segment before",
                );
            }
            if salt != header.salt {
                self.find(&*name, 0, "it is of another log");
            }
        }
        self.before.number = Some(number);
        self.before.next_index = Some(seen.next_index);
        self.before.last_check = seen.last_check.or(self.before.last_check);
    }

    fn end_month(&mut self) {
        let Some(month) = self.month.take() else {
            return;
        };
        let frames = month.frontier.size();
        for signed in &month.signed {
            let (file, checkpoint) = (&signed.file, &signed.checkpoint);
            match &signed.root {
                Some(root) if *root == checkpoint.root => {}
                Some(_) => {
                    let what = format!(
                        "the first {} records of the month are not those that were signed",
                        checkpoint.size
                    );
                    self.find(file, 0, what);
                }
                None => {
                    let what = format!(
                        "it was signed over {} records, but only {frames} can be read",
                        checkpoint.size
                    );
                    self.find(file, 0, what);
                }
            }
        }
        let newest = month.signed.into_iter().next();
        let own = file_of(&month.label, shards::CHECKPOINT_FILE);
        let newest = newest.filter(|newest| newest.file == own);
        self.found.months.push(VerifiedMonth {
            month: month.label,
            frames,
            root: newest.as_ref().and_then(|newest| newest.root),
            checkpoint: newest.map(|newest| newest.checkpoint),
        });
    }
}

impl Month {
    fn begin(
        storage: &dyn Storage,
        folder: &Path,
        label: String,
        checkpoints: &Checkpoints,
    ) -> Result<Self, LogError> {
        let tree = shards::tree_folder(folder, &label);
        let levels = Levels::open_to_read(storage, &tree);
        let levels = levels.map_err(LogError::io("open", tree.display().to_string()))?;
        Ok(Self {
            signed: checkpoints.get(&label).cloned().unwrap_or_default(),
            label,
            levels,
            frontier: Frontier::default(),
            differing: [0; TILE_LEVELS_MAX],
        })
    }

    /// Takes the hashes of a segment and compares those that are stored.
    fn take(&mut self, leaves: &[(Hash, u64)], findings: &mut Vec<Finding>) {
        let stored = self.signed.iter().filter(|signed| !signed.is_kept);
        let sizes = stored.map(|signed| signed.checkpoint.size);
        let signed = sizes.max().unwrap_or(0);
        let first: [u64; TILE_LEVELS_MAX] =
            std::array::from_fn(|level| hashes_in(level, self.frontier.size()));
        let mut new: [Vec<Hash>; TILE_LEVELS_MAX] = Default::default();
        for (leaf, _) in leaves {
            self.frontier
                .append(*leaf, |level, hash| new[level].push(hash));
            for signed in &mut self.signed {
                if self.frontier.size() == signed.checkpoint.size {
                    signed.root = Some(self.frontier.root());
                }
            }
        }
        for (level, hashes) in new.iter().enumerate() {
            // Behind what was signed a crash may have left anything: it is written over.
            let counted = hashes_in(level, signed).saturating_sub(first[level]);
            let counted = hashes
                .len()
                .min(usize::try_from(counted).unwrap_or(usize::MAX));
            self.compare(level, first[level], &hashes[..counted], findings);
        }
    }

    fn compare(&mut self, level: usize, first: u64, hashes: &[Hash], findings: &mut Vec<Finding>) {
        if hashes.is_empty() {
            return;
        }
        let mut stored = vec![Hash::default(); hashes.len()];
        let read = self.levels.read(level, first, &mut stored);
        let differing = &mut self.differing[level];
        let mut find = |number: u64, what: String| {
            *differing += 1;
            if *differing <= FINDINGS_MAX {
                findings.push(Finding {
                    file: file_of(&self.label, &level.to_string()),
                    offset: number * 32,
                    what,
                });
            }
        };
        if let Err(fault) = read {
            return find(first, format!("hashes of the tree cannot be read: {fault}"));
        }
        for (place, (hash, stored)) in hashes.iter().zip(&stored).enumerate() {
            if hash != stored {
                let number = first + place as u64;
                let what = match level {
                    0 => format!("not the hash of record {number} of the month"),
                    _ => format!("not the hash over its records, number {number}"),
                };
                find(number, what);
            }
        }
    }
}

fn file_of(month: &str, name: &str) -> String {
    format!("{}/{month}/{name}", shards::TREE_FOLDER)
}
