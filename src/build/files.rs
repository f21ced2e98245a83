//! From list files to a snapshot file and a quarantine file, or to neither.
//!
//! In: paths, catalogue, inputs. Out: the snapshot, complete and synced before it gets its name; a
//! quarantine file beside it where records were left out. With `strict` a single fault means that
//! nothing is built; the quarantine file is written all the same, for whoever mends the lists.

use super::assemble::{Arranged, Assembled, Assembly};
use super::inputs::{BuildError, BuildInputs, LeftOut, LeftOutReason, Origin, Progress};
use crate::catalogue::measure::Catalogue;
use crate::intake::fault::{Fault, FaultCode};
use crate::intake::lists::{self, ListFile, Part};
use crate::intake::ndjson::{Block, LineFault, LineWarning, ReadError, ReadOptions};
use crate::intake::profile::Profile;
use crate::intake::quarantine::{Quarantine, QuarantineError};
use crate::snapshot::manifest::Manifest;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Profiles by list file, in the order of precedence; one without a file serves all.
    pub profiles: Vec<(Option<PathBuf>, Arc<Profile>)>,
}

impl FileOptions {
    /// The profile of a list file: one named for its path or its bare name, else one for all.
    fn profile_of(&self, list: &Path) -> Option<Arc<Profile>> {
        let named = |file: &PathBuf| {
            let bare = file.file_name() == Some(file.as_os_str());
            file == list || bare && list.file_name() == file.file_name()
        };
        let of_file = self
            .profiles
            .iter()
            .find(|(file, _)| file.as_ref().is_some_and(named));
        let of_all = || self.profiles.iter().find(|(file, _)| file.is_none());
        of_file
            .or_else(of_all)
            .map(|(_, profile)| Arc::clone(profile))
    }
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
    /// The first of them: file and sheet, and what is odd.
    pub warnings_shown: Vec<(String, LineWarning)>,
    /// What is to be said of files as wholes: profile, header, sheets and columns not read.
    pub notes: Vec<String>,
    /// Rows that are no records: headers again, totals, notes.
    pub skipped_rows: u64,
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
    let lists: Vec<ListFile> = lists
        .iter()
        .map(|path| ListFile {
            path: path.clone(),
            profile: options.profile_of(path),
        })
        .collect();
    let parts = lists::parts(&lists)?;
    let mut intake = Intake::new(&parts, out, options.strict, inputs);
    let bytes_of = |list: &ListFile| fs::metadata(&list.path).map_or(0, |file| file.len());
    intake.assembly.expect(lists.iter().map(bytes_of).sum());
    lists::read(&parts, catalogue, &options.read, &mut |block| {
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
    let assembled = write_whole(out, arranged, progress)?;
    Ok(FilesReport {
        manifest: assembled.manifest,
        bytes: assembled.bytes,
        quarantine,
        warnings: intake.warnings,
        warnings_shown: intake.warnings_shown,
        notes: intake.notes,
        skipped_rows: intake.skipped_rows,
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
    warnings_shown: Vec<(String, LineWarning)>,
    notes: Vec<String>,
    skipped_rows: u64,
}

impl<'a> Intake<'a> {
    fn new(parts: &'a [Part], out: &Path, strict: bool, inputs: &'a BuildInputs) -> Self {
        Self {
            assembly: Assembly::new(inputs),
            faults: Faults {
                parts,
                quarantine: Quarantine::beside(out),
                path: crate::intake::quarantine::path_beside(out),
                first: None,
            },
            strict,
            warnings: 0,
            warnings_shown: Vec::new(),
            notes: Vec::new(),
            skipped_rows: 0,
        }
    }

    fn take(&mut self, block: Block) -> Result<(), FilesError> {
        self.notes.extend(block.notes);
        self.skipped_rows += block.skipped_rows;
        for fault in &block.faults {
            self.faults.add(block.source, fault)?;
        }
        self.warnings += block.warnings.len() as u64;
        let room = WARNINGS_SHOWN_MAX - self.warnings_shown.len();
        let shown = block.warnings.into_iter().take(room);
        let name = self.faults.name(block.source);
        self.warnings_shown
            .extend(shown.map(|warning| (name.clone(), warning)));
        if self.strict && self.faults.first.is_some() {
            // Nothing will be built: only faults are still of interest.
            return Ok(());
        }
        let file = block.source as u32;
        let records = block
            .records
            .into_iter()
            .map(|(line, record)| (Origin { file, line }, record));
        Ok(self.assembly.add(records.collect(), block.bytes_read)?)
    }
}

/// Faults on their way into the quarantine file.
struct Faults<'a> {
    parts: &'a [Part],
    quarantine: Quarantine,
    path: PathBuf,
    first: Option<String>,
}

impl Faults<'_> {
    fn add(&mut self, part: usize, fault: &LineFault) -> Result<(), FilesError> {
        if self.first.is_none() {
            let name = self.name(part);
            self.first = Some(format!("{name}:{}: {}", fault.line, fault.fault));
        }
        let part = self.parts.get(part);
        let file = part.map(|part| part.path.display().to_string());
        let sheet = part.and_then(|part| part.sheet.as_deref());
        let (file, sheet) = (file.unwrap_or_default(), sheet.unwrap_or_default());
        Ok(self.quarantine.add(&file, sheet, fault)?)
    }

    fn name(&self, part: usize) -> String {
        self.parts.get(part).map(Part::name).unwrap_or_default()
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
fn write_whole(
    out: &Path,
    arranged: Arranged<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Assembled, FilesError> {
    let failed = |fault| FilesError::Write {
        path: out.to_owned(),
        fault,
    };
    let aside = aside_of(out);
    let written = write_aside(&aside, arranged, progress).and_then(|assembled| {
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

fn write_aside(
    aside: &Path,
    arranged: Arranged<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Assembled, FilesError> {
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
    let buffered = BufWriter::with_capacity(1 << 20, file);
    let mut writing = |what| progress(Progress::Writing(what));
    let (buffered, assembled) = arranged.write_telling(buffered, &mut writing)?;
    progress(Progress::Syncing);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::inputs::AsOf;
    use crate::catalogue::load::built_in;
    use crate::identifier::synthetic::citizen_id;
    use crate::model::term::Moment;
    use crate::seal::keys::MasterKey;
    use crate::snapshot::open::{OpenOptions, Snapshot};
    use std::fmt::Write as _;

    fn person(id: &str, number: &str) -> String {
        let subject = serde_json::json!({
            "kind": "person", "name": "张三", "ids": [{"type": "citizen_id", "number": number}],
        });
        let record = serde_json::json!({
            "entry_id": id, "list": "court-defaulter", "subject": subject, "case_no": "c",
            "authority": "a", "supplier": "s", "submitted_at": "2026-01-01T00:00:00+08:00",
            "disclosure": "public", "status": "in_force", "in_force_from": "2026-01-01",
        });
        record.to_string()
    }

    struct Folder {
        dir: tempfile::TempDir,
        catalogue: Catalogue,
        inputs: BuildInputs,
    }

    impl Folder {
        fn with(text: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("list.ndjson"), text).unwrap();
            let catalogue = built_in().unwrap();
            let created = Moment::parse("2026-11-22T00:00:00+08:00").unwrap();
            let master = MasterKey::from_bytes([5; 32]);
            let inputs = BuildInputs::new("test", master, &catalogue, [9; 32], created);
            Self {
                dir,
                catalogue,
                inputs,
            }
        }

        fn out(&self) -> PathBuf {
            self.dir.path().join("out.hecha")
        }

        fn build(&self, options: &FileOptions) -> Result<FilesReport, FilesError> {
            let lists = [self.dir.path().join("list.ndjson")];
            let (catalogue, inputs) = (&self.catalogue, &self.inputs);
            build_files(&lists, &self.out(), catalogue, inputs, options, &mut |_| {})
        }

        fn quarantine(&self) -> String {
            let path = self.dir.path().join("out.hecha.quarantine.csv");
            fs::read_to_string(path).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(self.dir.path()).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    fn good(count: u16) -> String {
        let mut text = String::new();
        for place in 0..count {
            let number = citizen_id(990_102, (1980, 1, 1), place);
            let _ = writeln!(text, "{}", person(&format!("e-{place}"), &number));
        }
        text
    }

    fn strict() -> FileOptions {
        FileOptions {
            strict: true,
            ..FileOptions::default()
        }
    }

    #[test]
    fn faulty_records_are_left_out_and_the_rest_is_built() {
        let number = citizen_id(990_102, (1980, 1, 1), 0);
        let text = format!("{}{}\nnot json\n", good(3), person("e-1", &number));
        let folder = Folder::with(&text);
        let report = folder.build(&FileOptions::default()).unwrap();
        assert_eq!(report.manifest.entries, 3);
        assert_eq!(report.manifest.quarantined, 2);
        assert!(report.quarantine.is_some());
        let quarantine = folder.quarantine();
        assert!(
            quarantine.contains(",4,e-1,duplicate_entry_id,"),
            "{quarantine}"
        );
        assert!(quarantine.contains(",5,,not_json,"), "{quarantine}");
        let snapshot = Snapshot::open_file(&folder.out(), &OpenOptions::default()).unwrap();
        assert_eq!(snapshot.entry_count(), 3);
        assert_eq!(snapshot.bytes().len() as u64, report.bytes);
        assert_eq!(
            folder.names(),
            ["list.ndjson", "out.hecha", "out.hecha.quarantine.csv"]
        );
    }

    #[test]
    fn strict_builds_nothing_at_a_single_fault_and_keeps_the_older_file() {
        let folder = Folder::with(&format!("{}not json\n", good(3)));
        fs::write(folder.out(), b"older").unwrap();
        let fault = folder.build(&strict()).unwrap_err().to_string();
        assert!(
            fault.starts_with("1 records are faulty, so nothing was built"),
            "{fault}"
        );
        assert!(fault.contains("list.ndjson:4: "), "{fault}");
        assert_eq!(fs::read(folder.out()).unwrap(), b"older");
        assert!(folder.quarantine().contains(",4,,not_json,"));
        let clean = Folder::with(&good(3));
        assert!(clean.build(&strict()).unwrap().quarantine.is_none());
        assert_eq!(clean.names(), ["list.ndjson", "out.hecha"]);
    }

    #[test]
    fn rare_mask_patterns_are_left_out_by_count_then_order() {
        let mut text = String::new();
        let full = citizen_id(990_102, (1980, 1, 1), 1);
        // Eighteen patterns: one hidden character, at another place in each; the first two occur
        // twice, so the last two in order of patterns are left out.
        for place in 0..20usize {
            let mut number = full.clone().into_bytes();
            number[place % 18] = b'*';
            let number = String::from_utf8(number).unwrap();
            let _ = writeln!(text, "{}", person(&format!("m-{place:02}"), &number));
        }
        let folder = Folder::with(&text);
        let report = folder.build(&FileOptions::default()).unwrap();
        assert_eq!(report.manifest.patterns[0].len(), 16);
        assert_eq!(report.manifest.quarantined, 2);
        let quarantine = folder.quarantine();
        assert_eq!(
            quarantine.matches("too_many_mask_patterns").count(),
            2,
            "{quarantine}"
        );
        for twice in ["m-00", "m-18", "m-01", "m-19"] {
            assert!(!quarantine.contains(twice), "{quarantine}");
        }
    }

    #[test]
    fn files_in_blocks_and_threads_give_the_bytes_of_records_in_memory() {
        let folder = Folder::with(&good(300));
        let records = good(300)
            .lines()
            .map(|line| crate::intake::validate::parse_record(line, &folder.catalogue).unwrap())
            .collect();
        let expected = crate::build::build_records(records, &folder.inputs).unwrap();
        for threads in [1, 2, 4] {
            let mut options = FileOptions::default();
            options.read.threads = threads;
            options.read.block_bytes = 5_000;
            folder.build(&options).unwrap();
            assert!(
                fs::read(folder.out()).unwrap() == expected,
                "{threads} threads"
            );
        }
    }

    #[test]
    fn freshness_is_stated_for_a_list_or_for_all_or_taken_from_the_records() {
        let moment = |text| Moment::parse(text).unwrap();
        let mut folder = Folder::with(&good(1));
        let as_of = |folder: &Folder| {
            let report = folder.build(&FileOptions::default()).unwrap();
            let lists = report.manifest.lists.into_iter();
            lists
                .map(|list| (list.id.to_string(), list.as_of))
                .collect::<Vec<_>>()
        };
        let submitted = moment("2026-01-01T00:00:00+08:00");
        assert_eq!(as_of(&folder), [("court-defaulter".to_owned(), submitted)]);
        let (all, one) = (
            moment("2026-11-20T00:00:00Z"),
            moment("2026-11-21T00:00:00Z"),
        );
        let stated = |list: Option<&str>, moment| AsOf {
            list: list.map(Into::into),
            moment,
        };
        folder.inputs.as_of = vec![stated(Some("fj-redlist"), one), stated(None, all)];
        let expected = [
            ("court-defaulter".to_owned(), all),
            ("fj-redlist".to_owned(), one),
        ];
        assert_eq!(as_of(&folder), expected);
        folder.inputs.as_of = vec![stated(Some("nolist"), one)];
        let fault = folder
            .build(&FileOptions::default())
            .unwrap_err()
            .to_string();
        assert_eq!(
            fault,
            "the list `nolist` is not in the catalogue; add it there or correct the name"
        );
    }

    #[test]
    fn what_cannot_be_done_is_said_and_leaves_nothing() {
        let mut folder = Folder::with(&good(20));
        folder.inputs.memory_bytes_max = 1_000;
        let fault = folder
            .build(&FileOptions::default())
            .unwrap_err()
            .to_string();
        assert!(fault.contains("`--memory` allows 0 MiB"), "{fault}");
        assert_eq!(folder.names(), ["list.ndjson"]);
        folder.inputs.memory_bytes_max = 1 << 30;
        let none = [folder.dir.path().join("none.ndjson")];
        let inputs = &folder.inputs;
        let options = FileOptions::default();
        let build = |lists: &[PathBuf], out: &Path| {
            build_files(lists, out, &folder.catalogue, inputs, &options, &mut |_| {})
        };
        assert!(matches!(
            build(&none, &folder.out()),
            Err(FilesError::Read(_))
        ));
        let lists = [folder.dir.path().join("list.ndjson")];
        let out = folder.dir.path().join("no/such/out.hecha");
        let fault = build(&lists, &out).unwrap_err();
        assert!(matches!(fault, FilesError::Write { .. }), "{fault}");
        assert_eq!(folder.names(), ["list.ndjson"]);
    }
}
