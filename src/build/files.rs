//! From list files to a snapshot file and a quarantine file, or to neither.
//!
//! In: paths, catalogue, inputs. Out: the snapshot, complete and synced before it gets its name; a
//! quarantine file beside it where records were left out. With `strict` a single fault means that
//! nothing is built; the quarantine file is written all the same, for whoever mends the lists.

use super::assemble::{Arranged, Assembled, Assembly};
use super::inputs::{BuildError, BuildInputs, LeftOut, LeftOutReason, Origin};
use crate::catalogue::measure::Catalogue;
use crate::intake::fault::{Fault, FaultCode};
use crate::intake::ndjson::{self, Block, LineFault, LineWarning, ReadError, ReadOptions};
use crate::intake::quarantine::{Quarantine, QuarantineError};
use crate::snapshot::manifest::Manifest;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Warnings kept for the report; the others are counted.
pub const WARNINGS_SHOWN_MAX: usize = 20;

/// Readable by the group, because a gateway may run as another user; written by the owner alone.
const FILE_MODE: u32 = 0o640;

/// How files are built.
#[derive(Debug, Clone, Default)]
pub struct FileOptions {
    /// A single fault means that nothing is built.
    pub strict: bool,
    /// Threads and blocks of reading.
    pub read: ReadOptions,
}

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes of the list files were read since the last time.
    Read(u64),
    /// All records are read; they get their order.
    Arranging,
    /// The sections are written.
    Writing,
}

/// What came of a build.
#[derive(Debug)]
pub struct FilesReport {
    /// Manifest of the new snapshot.
    pub manifest: Manifest,
    /// Bytes of the new snapshot.
    pub bytes: u64,
    /// The file of what was left out, if anything was.
    pub quarantine: Option<PathBuf>,
    /// Records with something odd.
    pub warnings: u64,
    /// The first of them: place of the file, and what is odd.
    pub warnings_shown: Vec<(usize, LineWarning)>,
}

/// Why nothing was built.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A list file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The records cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The quarantine file cannot be written.
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
    /// `strict`, and a record is faulty.
    #[error(
        "{count} records are faulty, so nothing was built; the first is {first}; \
         all of them are in `{quarantine}`"
    )]
    Strict {
        /// Faulty records.
        count: u64,
        /// File, line and fault of the first.
        first: String,
        /// Where all of them are.
        quarantine: PathBuf,
    },
    /// The snapshot cannot be written.
    #[error("`{path}`: {fault}; check the space and the rights of the folder")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
}

/// Builds `out` from list files.
///
/// Errors: a file that cannot be read or written, what `BuildError` names, or, with `strict`, any
/// fault. An older file at `out` then still stands.
pub fn build_files(
    lists: &[PathBuf],
    out: &Path,
    catalogue: &Catalogue,
    inputs: &BuildInputs,
    options: &FileOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<FilesReport, FilesError> {
    check_as_of(inputs, catalogue)?;
    let mut intake = Intake::new(lists, out, options.strict, inputs);
    ndjson::read(lists, catalogue, &options.read, &mut |block| {
        progress(Progress::Read(block.bytes_read));
        intake.take(block)
    })?;
    progress(Progress::Arranging);
    let arranged = intake.assembly.arrange(intake.faults.quarantine.rows())?;
    for left_out in arranged.left_out() {
        intake
            .faults
            .add(left_out.origin.file as usize, &as_fault(left_out))?;
    }
    let quarantine = intake.faults.finish(options.strict)?;
    progress(Progress::Writing);
    let assembled = write_whole(out, arranged)?;
    Ok(FilesReport {
        manifest: assembled.manifest,
        bytes: assembled.bytes,
        quarantine,
        warnings: intake.warnings,
        warnings_shown: intake.warnings_shown,
    })
}

fn check_as_of(inputs: &BuildInputs, catalogue: &Catalogue) -> Result<(), BuildError> {
    let named = inputs.as_of.iter().filter_map(|as_of| as_of.list.as_ref());
    for list in named {
        if catalogue.find_list(list).is_none() {
            return Err(BuildError::UnknownList { list: list.clone() });
        }
    }
    Ok(())
}

/// What has been read so far.
struct Intake<'a> {
    assembly: Assembly<'a>,
    faults: Faults<'a>,
    strict: bool,
    warnings: u64,
    warnings_shown: Vec<(usize, LineWarning)>,
}

impl<'a> Intake<'a> {
    fn new(lists: &'a [PathBuf], out: &Path, strict: bool, inputs: &'a BuildInputs) -> Self {
        Self {
            assembly: Assembly::new(inputs),
            faults: Faults {
                names: lists,
                quarantine: Quarantine::beside(out),
                path: crate::intake::quarantine::path_beside(out),
                first: None,
            },
            strict,
            warnings: 0,
            warnings_shown: Vec::new(),
        }
    }

    fn take(&mut self, block: Block) -> Result<(), FilesError> {
        for fault in &block.faults {
            self.faults.add(block.source, fault)?;
        }
        self.warnings += block.warnings.len() as u64;
        let room = WARNINGS_SHOWN_MAX - self.warnings_shown.len();
        let shown = block.warnings.into_iter().take(room);
        self.warnings_shown
            .extend(shown.map(|warning| (block.source, warning)));
        if self.strict && self.faults.first.is_some() {
            // Nothing will be built: only faults are still of interest.
            return Ok(());
        }
        let file = block.source as u32;
        let records = block
            .records
            .into_iter()
            .map(|(line, record)| (Origin { file, line }, record));
        Ok(self.assembly.add(records.collect())?)
    }
}

/// Faults on their way into the quarantine file.
struct Faults<'a> {
    names: &'a [PathBuf],
    quarantine: Quarantine,
    path: PathBuf,
    first: Option<String>,
}

impl Faults<'_> {
    fn add(&mut self, file: usize, fault: &LineFault) -> Result<(), FilesError> {
        let name = self.names.get(file).map(|path| path.display().to_string());
        let name = name.unwrap_or_default();
        if self.first.is_none() {
            self.first = Some(format!("{name}:{}: {}", fault.line, fault.fault));
        }
        Ok(self.quarantine.add(&name, fault)?)
    }

    fn finish(self, strict: bool) -> Result<Option<PathBuf>, FilesError> {
        let count = self.quarantine.rows();
        let path = self.quarantine.finish()?;
        match self.first {
            Some(first) if strict => Err(FilesError::Strict {
                count,
                first,
                quarantine: self.path,
            }),
            _ => Ok(path),
        }
    }
}

fn as_fault(left_out: &LeftOut) -> LineFault {
    let (code, field, reason) = match left_out.reason {
        LeftOutReason::DuplicateEntryId => (
            FaultCode::DuplicateEntryId,
            "entry_id",
            "an earlier valid record has this entry_id; give each record its own",
        ),
        LeftOutReason::TooManyMaskPatterns => (
            FaultCode::TooManyMaskPatterns,
            "ids",
            "a number is masked in a way that is not among the 16 most frequent of its type; \
             mask numbers of one type alike",
        ),
        LeftOutReason::TooLarge => (
            FaultCode::TooMany,
            "",
            "more names, numbers or holders than a snapshot can hold; split the record",
        ),
    };
    LineFault {
        line: left_out.origin.line,
        entry_id: Some(left_out.entry_id.clone()),
        fault: Fault::new(code, field, reason),
    }
}

/// Writes aside, syncs, renames, syncs the folder.
fn write_whole(out: &Path, arranged: Arranged<'_>) -> Result<Assembled, FilesError> {
    let failed = |fault| FilesError::Write {
        path: out.to_owned(),
        fault,
    };
    let aside = aside_of(out);
    let written = write_aside(&aside, arranged).and_then(|assembled| {
        fs::rename(&aside, out).map_err(failed)?;
        sync_folder_of(out).map_err(failed)?;
        Ok(assembled)
    });
    if written.is_err() {
        // Where this fails too, the next build overwrites it.
        let _ = fs::remove_file(&aside);
    }
    written
}

fn write_aside(aside: &Path, arranged: Arranged<'_>) -> Result<Assembled, FilesError> {
    let failed = |fault| FilesError::Write {
        path: aside.to_owned(),
        fault,
    };
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(aside)
        .map_err(failed)?;
    let (buffered, assembled) = arranged.write(BufWriter::with_capacity(1 << 20, file))?;
    let file = buffered
        .into_inner()
        .map_err(|fault| failed(fault.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(assembled)
}

fn aside_of(out: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(out.file_name().unwrap_or_default());
    name.push(format!(".aside-{}", std::process::id()));
    out.with_file_name(name)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}
