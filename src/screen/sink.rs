//! The output of a run while it grows: appended to in blocks, cut to its checkpoint on resuming,
//! named only when it is whole.
//!
//! In: finished lines. Out: a file. One run writes it at a time: the part is locked. Parquet cannot
//! be appended to: its rows are objects a line until the end, then one table is made of them.

use super::checkpoint::{
    CHECKPOINT_SUFFIX, Checkpoint, CheckpointFault, Identity, PART_SUFFIX, Tally, beside,
};
use super::output::{OutRow, write_cells, write_header, write_object};
use super::rows::Format;
use super::table::{self, TableFault};
use crate::storage::disk::{self, Storage, folder_of};
use crate::storage::replace::aside_of;
use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why an output cannot be begun or continued.
#[derive(Debug, thiserror::Error)]
pub enum SinkFault {
    /// Something stands there.
    #[error("{}: exists; remove it, or name another file with `--out`", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// Another run.
    #[error("{}: another run is writing it; wait for it, or name another file", path.display())]
    InUse {
        /// The part.
        path: PathBuf,
    },
    /// Of another run.
    #[error(
        "{}: was begun with another {what}; give the same again, or remove it and {} to begin \
         anew",
        part.display(), checkpoint.display()
    )]
    Other {
        /// What differs.
        what: &'static str,
        /// The part.
        part: PathBuf,
        /// The checkpoint.
        checkpoint: PathBuf,
    },
    /// Shorter than its checkpoint says.
    #[error(
        "{}: has {found} bytes, its checkpoint states {stated}; it was changed; remove both to \
         begin anew",
        path.display()
    )]
    Short {
        /// The part.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// What the checkpoint states.
        stated: u64,
    },
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointFault),
    /// Making the table.
    #[error("{}: {fault}", path.display())]
    Table {
        /// The output.
        path: PathBuf,
        /// What is wrong.
        fault: TableFault,
    },
    /// The file system.
    #[error("{}: {fault}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
}

/// A growing output.
pub struct Sink {
    out: PathBuf,
    part: PathBuf,
    format: Format,
    file: File,
    storage: Arc<dyn Storage>,
    checkpoint: Checkpoint,
}

/// What was found where an output should be.
pub enum Begun {
    /// A new one, or one to go on with.
    Open(Box<Sink>),
    /// The very run has been done before, up to removing its checkpoint.
    Whole(Tally),
}

impl Sink {
    /// Begins an output, or goes on with one that the same run has begun.
    pub fn begin(
        storage: Arc<dyn Storage>,
        out: &Path,
        format: Format,
        identity: Identity,
    ) -> Result<Begun, SinkFault> {
        let part = beside(out, PART_SUFFIX);
        let found = Checkpoint::read(out)?;
        let other = |what| SinkFault::Other {
            what,
            part: part.clone(),
            checkpoint: beside(out, CHECKPOINT_SUFFIX),
        };
        if let Some(what) = found
            .as_ref()
            .and_then(|found| found.identity.difference(&identity))
        {
            return Err(other(what));
        }
        if out.exists() {
            let Some(found) = found else {
                let path = out.to_owned();
                return Err(SinkFault::Exists { path });
            };
            clear(&*storage, out, &part)?;
            return Ok(Begun::Whole(found.tally));
        }
        let file = open_locked(&part)?;
        // Who had the lock before may have been done meanwhile.
        if out.exists() {
            let path = out.to_owned();
            return Err(SinkFault::Exists { path });
        }
        let mut sink = Self {
            out: out.to_owned(),
            part,
            format,
            file,
            storage,
            checkpoint: found.unwrap_or_else(|| Checkpoint::new(identity)),
        };
        sink.cut()?;
        Ok(Begun::Open(Box::new(sink)))
    }

    /// Rows that are in it for good.
    pub fn tally(&self) -> &Tally {
        &self.checkpoint.tally
    }

    /// Appends finished lines; they and the checkpoint are on the disk on return.
    pub fn append(&mut self, lines: &[u8], tally: &Tally) -> Result<(), SinkFault> {
        self.write(lines)?;
        self.checkpoint.tally.add(tally);
        Ok(self.checkpoint.write(&*self.storage, &self.out)?)
    }

    /// Gives the output its name and removes the checkpoint; what came of its rows.
    pub fn finish(self) -> Result<Tally, SinkFault> {
        if self.format == Format::Parquet {
            let aside = aside_of(&self.out);
            let failed = |fault| SinkFault::Table {
                path: self.out.clone(),
                fault,
            };
            let lines = File::open(&self.part).map_err(|fault| self.failed(fault))?;
            table::write(BufReader::new(lines), &aside).map_err(failed)?;
            let named = self.storage.rename(&aside, &self.out);
            named.map_err(|fault| self.failed(fault))?;
        } else {
            let named = self.storage.rename(&self.part, &self.out);
            named.map_err(|fault| self.failed(fault))?;
        }
        let synced = self.storage.sync_folder(folder_of(&self.out));
        synced.map_err(|fault| self.failed(fault))?;
        clear(&*self.storage, &self.out, &self.part)?;
        Ok(self.checkpoint.tally)
    }

    /// Cuts the part to its checkpoint; a new one gets its header.
    fn cut(&mut self) -> Result<(), SinkFault> {
        let about = self.file.metadata().map_err(|fault| self.failed(fault))?;
        let (found, stated) = (about.len(), self.checkpoint.out_bytes);
        if found < stated {
            let path = self.part.clone();
            return Err(SinkFault::Short {
                path,
                found,
                stated,
            });
        }
        self.file
            .set_len(stated)
            .map_err(|fault| self.failed(fault))?;
        let is_table = matches!(self.format, Format::Csv | Format::Tsv);
        if stated == 0 && is_table {
            let mut header = Vec::new();
            write_header(&mut header, self.format.separator());
            self.write(&header)?;
        }
        self.storage
            .sync_folder(folder_of(&self.out))
            .map_err(|fault| self.failed(fault))?;
        Ok(self.checkpoint.write(&*self.storage, &self.out)?)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkFault> {
        let written = self.file.write_all_at(bytes, self.checkpoint.out_bytes);
        written
            .and_then(|()| self.file.sync_data())
            .map_err(|fault| self.failed(fault))?;
        self.checkpoint.out_bytes += bytes.len() as u64;
        Ok(())
    }

    fn failed(&self, fault: io::Error) -> SinkFault {
        let path = self.part.clone();
        SinkFault::Io { path, fault }
    }
}

/// Appends a row in the form in which an output of this format grows.
pub fn write_row(out: &mut Vec<u8>, row: &OutRow, format: Format) {
    match format {
        Format::Csv | Format::Tsv => write_cells(out, row, format.separator()),
        Format::Ndjson | Format::Parquet => write_object(out, row),
    }
}

/// Removes what a finished output no longer needs; the checkpoint last.
fn clear(storage: &dyn Storage, out: &Path, part: &Path) -> Result<(), SinkFault> {
    let checkpoint = beside(out, CHECKPOINT_SUFFIX);
    let asides = [aside_of(out), aside_of(&checkpoint)];
    let removed = [&asides[0], &asides[1], &part.to_owned(), &checkpoint];
    for path in removed {
        match storage.remove(path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => {
                let path = path.clone();
                return Err(SinkFault::Io { path, fault });
            }
            _ => (),
        }
    }
    Ok(())
}

fn open_locked(part: &Path) -> Result<File, SinkFault> {
    let path = part.to_owned();
    disk::open_locked(part).map_err(|fault| match fault.kind() {
        io::ErrorKind::WouldBlock => SinkFault::InUse { path },
        _ => SinkFault::Io { path, fault },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::RealDisk;
    use std::fs;

    fn identity(input: &str) -> Identity {
        let text = |text: &str| text.to_owned();
        Identity {
            input: text(input),
            given: text("b"),
            snapshot: text("c"),
            catalogue: text("d"),
            client: text("e"),
            program: text("f"),
        }
    }

    fn begin(out: &Path, input: &str) -> Result<Begun, SinkFault> {
        Sink::begin(Arc::new(RealDisk), out, Format::Csv, identity(input))
    }

    fn open(out: &Path) -> Sink {
        match begin(out, "a") {
            Ok(Begun::Open(sink)) => *sink,
            Ok(Begun::Whole(_)) => panic!("whole"),
            Err(fault) => panic!("{fault}"),
        }
    }

    #[track_caller]
    fn refused(begun: Result<Begun, SinkFault>, said: &str) {
        match begun {
            Err(fault) => assert!(fault.to_string().contains(said), "{fault}"),
            Ok(_) => panic!("begun"),
        }
    }

    fn tally(rows: u64) -> Tally {
        Tally {
            rows,
            ..Tally::default()
        }
    }

    #[test]
    fn what_lies_behind_the_checkpoint_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.csv");
        let mut sink = open(&out);
        sink.append(b"first\n", &tally(1)).unwrap();
        let held = fs::read(&sink.part).unwrap();
        refused(begin(&out, "a"), "another run is writing it");
        drop(sink);
        fs::write(
            beside(&out, PART_SUFFIX),
            [&held[..], b"half a ro"].concat(),
        )
        .unwrap();
        refused(begin(&out, "b"), "was begun with another input");
        let mut sink = open(&out);
        assert_eq!(sink.tally().rows, 1);
        assert_eq!(fs::read(&sink.part).unwrap(), held);
        sink.append(b"second\n", &tally(1)).unwrap();
        assert_eq!(sink.finish().unwrap().rows, 2);
        assert_eq!(fs::read(&out).unwrap(), [&held[..], b"second\n"].concat());
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing beside it"
        );
        refused(begin(&out, "a"), "out.csv: exists");
    }

    #[test]
    fn a_part_that_lost_rows_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.csv");
        let mut sink = open(&out);
        sink.append(b"first\n", &tally(1)).unwrap();
        sink.file.set_len(3).unwrap();
        drop(sink);
        refused(begin(&out, "a"), "has 3 bytes, its checkpoint states");
    }

    #[test]
    fn an_end_between_naming_and_clearing_is_cleared_later() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.csv");
        let mut sink = open(&out);
        sink.append(b"first\n", &tally(1)).unwrap();
        drop(sink);
        fs::rename(beside(&out, PART_SUFFIX), &out).unwrap();
        match begin(&out, "a") {
            Ok(Begun::Whole(found)) => assert_eq!(found.rows, 1),
            _ => panic!("not whole"),
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
