//! How far a run has come, on the disk: what makes it resumable.
//!
//! In: a run's identity, rows and bytes that are on the disk. Out: a file beside the output,
//! replaced as a whole after each block, so that after any end of the process the output can be
//! cut to what the checkpoint says. Another input, scenario, snapshot or law is another run: it is
//! refused, because half of its rows would have been decided under the one and half under the
//! other.

use crate::model::decision::Decision;
use crate::storage::disk::Storage;
use crate::storage::replace;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// Ending of the checkpoint, after the output's name.
pub const CHECKPOINT_SUFFIX: &str = ".checkpoint";
/// Ending of the output until it is whole.
pub const PART_SUFFIX: &str = ".part";
const FORMAT: u32 = 1;
/// Longest checkpoint that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a run is of: two runs with the same may continue one another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// BLAKE3 of the input.
    pub input: String,
    /// Scenario, attributes, columns, purpose: everything given for all rows, hashed.
    pub given: String,
    /// Id of the snapshot.
    pub snapshot: String,
    /// BLAKE3 of the catalogue.
    pub catalogue: String,
    /// BLAKE3 of the client's record.
    pub client: String,
    /// Version of this program.
    pub program: String,
}

impl Identity {
    /// What differs, in words; `None` where nothing does.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let pairs = [
            ("input", &self.input, &other.input),
            ("scenario, attributes or columns", &self.given, &other.given),
            ("snapshot", &self.snapshot, &other.snapshot),
            ("catalogue", &self.catalogue, &other.catalogue),
            ("client record", &self.client, &other.client),
            ("version of hecha", &self.program, &other.program),
        ];
        pairs
            .iter()
            .find(|(_, one, other)| one != other)
            .map(|(what, _, _)| *what)
    }
}

/// Rows by what came of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Rows of data.
    pub rows: u64,
    /// Those that could not be asked about.
    pub faulty: u64,
    /// Decisions, in the order of `Decision::ALL`.
    pub decisions: [u64; Decision::ALL.len()],
}

impl Tally {
    /// Adds the rows of a block.
    pub fn add(&mut self, block: &Self) {
        self.rows += block.rows;
        self.faulty += block.faulty;
        for (sum, more) in self.decisions.iter_mut().zip(block.decisions) {
            *sum += more;
        }
    }
}

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    format: u32,
    /// Which run.
    pub identity: Identity,
    /// Bytes of the output that are on the disk, whole rows.
    pub out_bytes: u64,
    /// The rows they hold.
    pub tally: Tally,
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointFault {
    /// The file system.
    #[error("{}: {fault}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// Not a checkpoint.
    #[error(
        "{}: is no checkpoint of this version; remove it and the `.part` file to begin anew",
        path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
    },
}

impl Checkpoint {
    /// Of a run that has not begun.
    pub fn new(identity: Identity) -> Self {
        Self {
            format: FORMAT,
            identity,
            out_bytes: 0,
            tally: Tally::default(),
        }
    }

    /// Reads the checkpoint of an output; `None` where there is none.
    pub fn read(out: &Path) -> Result<Option<Self>, CheckpointFault> {
        let path = beside(out, CHECKPOINT_SUFFIX);
        let bytes = match std::fs::metadata(&path).map(|about| about.len()) {
            Ok(length) if length > FILE_BYTES_MAX => {
                return Err(CheckpointFault::Shape { path });
            }
            Ok(_) => std::fs::read(&path),
            Err(fault) => Err(fault),
        };
        match bytes {
            Ok(bytes) => match serde_json::from_slice::<Self>(&bytes) {
                Ok(found) if found.format == FORMAT => Ok(Some(found)),
                _ => Err(CheckpointFault::Shape { path }),
            },
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(CheckpointFault::Io { path, fault }),
        }
    }

    /// Puts it on the disk in place of the one before.
    pub fn write(&self, storage: &dyn Storage, out: &Path) -> Result<(), CheckpointFault> {
        let path = beside(out, CHECKPOINT_SUFFIX);
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        replace::write(storage, &path, &bytes).map_err(|fault| CheckpointFault::Io { path, fault })
    }
}

/// `out` with an ending after its name.
pub fn beside(out: &Path, suffix: &str) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::RealDisk;

    fn identity() -> Identity {
        let text = |text: &str| text.to_owned();
        Identity {
            input: text("a"),
            given: text("b"),
            snapshot: text("c"),
            catalogue: text("d"),
            client: text("e"),
            program: text("f"),
        }
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.csv");
        assert_eq!(Checkpoint::read(&out).unwrap(), None);
        let mut checkpoint = Checkpoint::new(identity());
        checkpoint.out_bytes = 77;
        let block = Tally {
            rows: 3,
            faulty: 1,
            decisions: [0, 1, 0, 0, 1],
        };
        checkpoint.tally.add(&block);
        checkpoint.tally.add(&block);
        checkpoint.write(&RealDisk, &out).unwrap();
        let read = Checkpoint::read(&out).unwrap().unwrap();
        assert_eq!(read, checkpoint);
        assert_eq!((read.tally.rows, read.tally.decisions[1]), (6, 2));
    }

    #[test]
    fn whatever_is_no_checkpoint_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.csv");
        let mut other = Checkpoint::new(identity());
        other.format = 2;
        for bytes in [
            b"".to_vec(),
            b"{}".to_vec(),
            serde_json::to_vec(&other).unwrap(),
        ] {
            std::fs::write(beside(&out, CHECKPOINT_SUFFIX), bytes).unwrap();
            let error = Checkpoint::read(&out).unwrap_err().to_string();
            assert!(
                error.contains("is no checkpoint of this version"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_difference_is_named() {
        assert_eq!(identity().difference(&identity()), None);
        let mut other = identity();
        other.snapshot.push('x');
        assert_eq!(identity().difference(&other), Some("snapshot"));
    }
}
