//! The file of what was left out, for a person with a spreadsheet.
//!
//! In: faults, in order. Out: `<out>.quarantine.csv` beside the built file: UTF-8 with a byte order
//! mark (spreadsheets take it for another charset without), columns file, line (or row, as a
//! spreadsheet counts), entry_id, code, field, reason, sheet. Complete or absent: written aside,
//! synced, renamed; an older one is removed where nothing is left out. Carries no value of a record
//! but the entry_id, and that only where it holds no citizen_id; cells that a spreadsheet would run
//! as a formula are disarmed.

use super::ndjson::LineFault;
use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

const COLUMNS: [&str; 7] = [
    "file", "line", "entry_id", "code", "field", "reason", "sheet",
];

/// Why the file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{file}: cannot be written: {error}; check the space and the rights of the folder")]
pub struct QuarantineError {
    file: String,
    error: io::Error,
}

/// Where the quarantine file of the built file `out` stands.
pub fn path_beside(out: &Path) -> PathBuf {
    with_suffix(out, ".quarantine.csv")
}

/// Writes one quarantine file. Dropped without `finish` it leaves nothing behind.
pub struct Quarantine {
    path: PathBuf,
    aside: PathBuf,
    /// Opened with the first fault.
    writer: Option<csv::Writer<BufWriter<File>>>,
    rows: u64,
}

impl Quarantine {
    /// The file of the built file `out`. Touches nothing yet.
    pub fn beside(out: &Path) -> Self {
        let path = path_beside(out);
        Self {
            aside: with_suffix(&path, ".aside"),
            path,
            writer: None,
            rows: 0,
        }
    }

    /// Adds a row; `file` as the caller named it, `sheet` empty where the file has none.
    pub fn add(
        &mut self,
        file: &str,
        sheet: &str,
        left_out: &LineFault,
    ) -> Result<(), QuarantineError> {
        let written = self.write_row(file, sheet, left_out);
        written.map_err(|error| self.error(error))
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Puts the file in its place and says where; `None`, and no file, where nothing was left out.
    pub fn finish(mut self) -> Result<Option<PathBuf>, QuarantineError> {
        let finished = match self.writer.take() {
            Some(writer) => self
                .replace(writer)
                .map(|()| Some(self.path.clone()))
                .inspect_err(|_| self.remove_aside()),
            None => self.remove_older().map(|()| None),
        };
        finished.map_err(|error| self.error(error))
    }

    fn write_row(&mut self, file: &str, sheet: &str, left_out: &LineFault) -> io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let mut aside = BufWriter::new(File::create(&self.aside)?);
                aside.write_all(b"\xef\xbb\xbf")?;
                let mut writer = csv::Writer::from_writer(aside);
                writer.write_record(COLUMNS)?;
                self.writer.insert(writer)
            }
        };
        let fault = &left_out.fault;
        writer.write_record([
            disarmed(file).as_ref(),
            &left_out.line.to_string(),
            disarmed(left_out.entry_id.as_deref().unwrap_or_default()).as_ref(),
            fault.code.name(),
            disarmed(&fault.field).as_ref(),
            disarmed(&fault.reason).as_ref(),
            disarmed(sheet).as_ref(),
        ])?;
        self.rows += 1;
        Ok(())
    }

    fn replace(&self, writer: csv::Writer<BufWriter<File>>) -> io::Result<()> {
        let buffered = writer
            .into_inner()
            .map_err(|error| io::Error::other(error.to_string()))?;
        let file = buffered
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&self.aside, &self.path)?;
        sync_folder(&self.path)
    }

    fn remove_older(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Ok(()) => sync_folder(&self.path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn remove_aside(&self) {
        // Where this fails the next run overwrites it.
        let _ = fs::remove_file(&self.aside);
    }

    fn error(&self, error: io::Error) -> QuarantineError {
        QuarantineError {
            file: self.path.display().to_string(),
            error,
        }
    }
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            self.remove_aside();
        }
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// The cell with `'` before a character that a spreadsheet takes for the start of a formula.
fn disarmed(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::fault::{Fault, FaultCode};

    fn left_out(entry_id: Option<&str>, field: &str) -> LineFault {
        LineFault {
            line: 7,
            entry_id: entry_id.map(Box::from),
            fault: Fault::new(FaultCode::BadDate, field, "not a date, correct it"),
        }
    }

    #[test]
    fn rows_are_written_whole_and_formulas_are_disarmed() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("list.hecha");
        let mut quarantine = Quarantine::beside(&out);
        let formula = left_out(Some("=HYPERLINK(\"x\")"), "published");
        quarantine.add("a.ndjson", "", &formula).unwrap();
        quarantine
            .add("b.xlsx", "=表", &left_out(None, ""))
            .unwrap();
        assert!(
            !path_beside(&out).exists(),
            "nothing is there before it is whole"
        );
        assert_eq!(quarantine.rows(), 2);
        let path = quarantine.finish().unwrap().unwrap();
        assert_eq!(path, folder.path().join("list.hecha.quarantine.csv"));
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = "\u{feff}file,line,entry_id,code,field,reason,sheet\n\
            a.ndjson,7,\"'=HYPERLINK(\"\"x\"\")\",bad_date,published,\"not a date, correct it\",\n\
            b.xlsx,7,,bad_date,,\"not a date, correct it\",'=表\n";
        assert_eq!(text, expected);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn without_faults_an_older_file_goes() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("list.hecha");
        let mut first = Quarantine::beside(&out);
        first.add("a", "", &left_out(None, "x")).unwrap();
        first.finish().unwrap();
        assert!(path_beside(&out).exists());
        assert_eq!(Quarantine::beside(&out).finish().unwrap(), None);
        assert!(!path_beside(&out).exists());
        assert_eq!(Quarantine::beside(&out).finish().unwrap(), None);
    }

    #[test]
    fn a_dropped_one_leaves_nothing_and_a_bad_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("list.hecha");
        let mut dropped = Quarantine::beside(&out);
        dropped.add("a", "", &left_out(None, "x")).unwrap();
        drop(dropped);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut lost = Quarantine::beside(&folder.path().join("no/list.hecha"));
        let error = lost
            .add("a", "", &left_out(None, "x"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no/list.hecha.quarantine.csv: cannot be written"),
            "{error}"
        );
    }

    #[test]
    fn every_formula_start_is_disarmed_and_other_cells_stay() {
        for cell in ["=1", "+1", "-1", "@a", "\ta", "＝1"] {
            assert_eq!(disarmed(cell), format!("'{cell}"));
        }
        for cell in ["", "a=b", "fz-court-1"] {
            assert_eq!(disarmed(cell), cell);
        }
    }
}
