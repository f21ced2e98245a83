//! `hecha build`: list files in, one snapshot file out.
//!
//! In: arguments, the clock for the moment of building, random bytes for the salt. Out: the file, a
//! quarantine file where records were left out, a short report. Exit codes: 0 all built, 2 nothing
//! built because of input or usage, 3 built with records left out.

use super::differences::{self, Differences};
use super::expiry::Expiry;
use super::sign;
use crate::build::files::{self, FileOptions, FilesError, FilesReport};
use crate::build::inputs::{AsOf, BuildError, BuildInputs, Progress};
use crate::catalogue::load;
use crate::catalogue::measure::Catalogue;
use crate::changes::gates::Limits;
use crate::intake::ndjson::ReadOptions;
use crate::intake::profile::Profile;
use crate::model::term::Moment;
use crate::seal::entropy::{Entropy, OsEntropy};
use crate::seal::keys::MasterKey;
use crate::seal::sign::SigningKey;
use crate::snapshot::manifest::from_hex;
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::signature::signature_path;
use crate::snapshot::statement::{Role, is_environment};
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Build a snapshot from list files.
///
/// Every record is validated; faulty ones go to FILE.quarantine.csv with line and reason, the rest
/// is built, and the exit code is 3. Tables (CSV, workbooks) are read by column profiles, see
/// `hecha profile --help`. Numbers stand in the snapshot as keyed digests only.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hecha key new snapshot.key\n  \
    hecha build court.ndjson --out court.hecha --key snapshot.key\n  \
    hecha build 名单.xlsx 红名单.csv --profile 名单.xlsx=court-defaulter \\\n      \
    --profile 红名单.csv=redlist --out all.hecha --key snapshot.key\n  \
    hecha publish court.hecha --to /var/lib/hecha/snapshots")]
pub struct BuildArgs {
    /// List files: NDJSON, CSV, or workbooks (xlsx, xls, xlsb, ods); UTF-8, UTF-16 or GB18030.
    #[arg(required = true, value_name = "LIST")]
    pub lists: Vec<PathBuf>,
    /// The snapshot file to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Moment of a list's last good fetch, or of all lists; else the latest submitted_at in it. A
    /// list named here without records is loaded and empty.
    #[arg(long, value_name = "[LIST=]TIME", value_parser = parse_as_of)]
    pub as_of: Vec<AsOf>,
    /// Master key of the identifier digests; make one with `hecha key new FILE`.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The snapshot before this one: the new version is higher, and what differs is printed, with
    /// the limits outside of which `hecha publish` refuses it.
    #[arg(long, value_name = "FILE")]
    pub previous: Option<PathBuf>,
    /// How tables are read: a built-in profile or a TOML file, for one list file or for all. See
    /// `hecha profile list`; without it tables are read by `general`.
    #[arg(long, value_name = "[FILE=]PROFILE")]
    pub profile: Vec<String>,
    /// Build nothing if a single record is faulty.
    #[arg(long)]
    pub strict: bool,
    /// Memory the build may take, for example 512M or 8G.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "2G")]
    pub memory: u64,
    /// Where the snapshot may be used.
    #[arg(long, value_name = "NAME", default_value = "production")]
    pub environment: String,
    /// When the snapshot ends: days from now, or a moment with offset; from then on gateways do
    /// not take it, and one that serves it warns.
    #[arg(long, value_name = "DAYS|TIME", value_parser = Expiry::parse)]
    pub expires: Option<Expiry>,
    /// Sign the snapshot as its builder, into FILE.sig; a key of `hecha key new --signing`.
    #[arg(long, value_name = "KEY")]
    pub sign: Option<PathBuf>,
    /// Folder of the catalogue; the built-in one where absent.
    #[arg(long, value_name = "DIR")]
    pub catalogue: Option<PathBuf>,
    /// Threads that read and parse; one a core where absent.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Salt of the keys of this build, for tests.
    #[arg(long, value_name = "HEX", hide = true, value_parser = parse_salt)]
    pub salt: Option<[u8; 32]>,
    /// Moment of building, for tests.
    #[arg(long, value_name = "TIME", hide = true, value_parser = parse_moment)]
    pub created: Option<Moment>,
}

/// Runs the command; returns the exit code.
///
/// Errors: faults of ours or of the machine; bad input is said on standard error and returns 2.
pub fn run(args: BuildArgs) -> anyhow::Result<u8> {
    let started = Instant::now();
    let prepared =
        prepare(&args).and_then(|prepared| Ok((prepared, signing_key(&args)?, profiles(&args)?)));
    let ((catalogue, inputs), signing_key, profiles) = match prepared {
        Ok(prepared) => prepared,
        Err(fault) => return refuse(&fault),
    };
    let bar = progress_bar(&args.lists);
    let mut phases = Phases::start();
    let options = FileOptions {
        strict: args.strict,
        read: ReadOptions {
            threads: args.threads,
            ..ReadOptions::default()
        },
        profiles,
    };
    let report = files::build_files(
        &args.lists,
        &args.out,
        &catalogue,
        &inputs,
        &options,
        &mut |progress| {
            phases.enter(progress);
            show(&bar, progress);
        },
    );
    bar.finish_and_clear();
    match report {
        Ok(report) => {
            phases.say()?;
            let code = say(&args, &report, started)?;
            say_differences(&args, &catalogue, inputs.created)?;
            sign_built(&args, signing_key.as_ref())?;
            Ok(code)
        }
        Err(fault) if is_input(&fault) => refuse(&fault.into()),
        Err(fault) => Err(fault.into()),
    }
}

fn prepare(args: &BuildArgs) -> anyhow::Result<(Catalogue, BuildInputs)> {
    let Some(key) = &args.key else {
        bail!(
            "numbers are stored as keyed digests, so building needs a key: \
             make one with `hecha key new FILE` and give it with `--key FILE`"
        );
    };
    let master = MasterKey::load(key)?;
    let catalogue = match &args.catalogue {
        Some(folder) => load::load(folder)?,
        None => load::built_in()?,
    };
    let mut salt = [0; 32];
    OsEntropy.fill(&mut salt);
    let salt = args.salt.unwrap_or(salt);
    let now = Moment(jiff::Timestamp::now().as_microsecond());
    let created = args.created.unwrap_or(now);
    let mut inputs = BuildInputs::new(&args.environment, master, &catalogue, salt, created);
    inputs.expires = args.expires.map(|expires| expires.at(created));
    if inputs.expires.is_some_and(|expires| expires <= created) {
        bail!("`--expires` is not after the moment of building; name a later one");
    }
    inputs.previous_version = previous_version(args)?;
    inputs.as_of.clone_from(&args.as_of);
    inputs.memory_bytes_max = args.memory;
    Ok((catalogue, inputs))
}

/// Loaded before anything is built: a wrong key costs no build.
fn signing_key(args: &BuildArgs) -> anyhow::Result<Option<SigningKey>> {
    let Some(path) = &args.sign else {
        return Ok(None);
    };
    if !is_environment(&args.environment) {
        bail!("`--environment` of a signed snapshot is 1 to 64 letters, digits, - and _");
    }
    Ok(Some(SigningKey::load(path)?))
}

/// Signs what was built. Signatures of an earlier build under this name are not of this one.
fn sign_built(args: &BuildArgs, key: Option<&SigningKey>) -> anyhow::Result<()> {
    let Some(key) = key else {
        return Ok(());
    };
    match std::fs::remove_file(signature_path(&args.out)) {
        Err(fault) if fault.kind() != ErrorKind::NotFound => return Err(fault.into()),
        _ => {}
    }
    let snapshot = Snapshot::open_file(&args.out, &OpenOptions::default())?;
    let said = sign::sign(&snapshot, &args.out, key, Role::Builder)?;
    writeln!(io::stdout(), "{said}")?;
    Ok(())
}

/// `[FILE=]PROFILE`; a profile whose own path has a `=` is written with its file in front.
fn profiles(args: &BuildArgs) -> anyhow::Result<Vec<(Option<PathBuf>, Arc<Profile>)>> {
    let read = |text: &String| {
        let (file, name) = match text.split_once('=') {
            Some((file, name)) => (Some(PathBuf::from(file)), name),
            None => (None, text.as_str()),
        };
        if let Some(file) = &file {
            let named = |list: &PathBuf| list == file || list.file_name() == Some(file.as_os_str());
            if !args.lists.iter().any(named) {
                bail!(
                    "`--profile {text}`: no list file of this command is `{}`",
                    file.display()
                );
            }
        }
        Ok((file, Profile::find(name)?))
    };
    args.profile.iter().map(read).collect()
}

fn previous_version(args: &BuildArgs) -> anyhow::Result<Option<u64>> {
    let Some(path) = &args.previous else {
        return Ok(None);
    };
    let manifest = Snapshot::read_manifest(path)
        .with_context(|| format!("`--previous {}`", path.display()))?;
    if *manifest.environment != *args.environment {
        bail!(
            "`--previous {}` is of environment `{}`, this build of `{}`; name one of the same",
            path.display(),
            manifest.environment,
            args.environment
        );
    }
    Ok(Some(manifest.version))
}

/// Whether the caller can mend it.
fn is_input(fault: &FilesError) -> bool {
    match fault {
        FilesError::Read(_) | FilesError::Strict { .. } => true,
        FilesError::Build(fault) => !matches!(fault, BuildError::Write(_)),
        FilesError::Quarantine(_) => false,
        FilesError::Write { fault, .. } => matches!(
            fault.kind(),
            ErrorKind::NotFound
                | ErrorKind::PermissionDenied
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory
        ),
    }
}

fn refuse(fault: &anyhow::Error) -> anyhow::Result<u8> {
    writeln!(io::stderr(), "hecha: {fault:#}")?;
    Ok(2)
}

fn say(args: &BuildArgs, report: &FilesReport, started: Instant) -> anyhow::Result<u8> {
    let manifest = &report.manifest;
    let mut out = io::stdout().lock();
    let entries = u64::from(manifest.entries);
    writeln!(
        out,
        "built {}: version {}, {} entries of {} lists, {} bytes ({} an entry), {:.1} s",
        args.out.display(),
        manifest.version,
        entries,
        manifest.lists.len(),
        report.bytes,
        report.bytes.checked_div(entries).unwrap_or(report.bytes),
        started.elapsed().as_secs_f64(),
    )?;
    say_warnings(report)?;
    if let Some(quarantine) = &report.quarantine {
        let left_out = manifest.quarantined;
        let file = quarantine.display();
        writeln!(
            out,
            "left out {left_out} records; each with its reason in {file}"
        )?;
        return Ok(3);
    }
    Ok(0)
}

/// What differs from `--previous`: the build stands all the same, publishing is what is refused.
fn say_differences(args: &BuildArgs, catalogue: &Catalogue, now: Moment) -> anyhow::Result<()> {
    let Some(path) = &args.previous else {
        return Ok(());
    };
    let old =
        differences::open(path).with_context(|| format!("`--previous {}`", path.display()))?;
    let new = differences::open(&args.out).with_context(|| args.out.display().to_string())?;
    let differences = Differences::find(&old, &new, catalogue, &Limits::default(), now);
    let mut out = io::stdout().lock();
    writeln!(out)?;
    differences.write_table(&mut out)?;
    Ok(())
}

fn say_warnings(report: &FilesReport) -> io::Result<()> {
    let mut err = io::stderr().lock();
    for note in &report.notes {
        writeln!(err, "hecha: note: {note}")?;
    }
    if report.skipped_rows > 0 {
        let rows = report.skipped_rows;
        writeln!(
            err,
            "hecha: note: {rows} rows are no records (the header again, totals, notes)"
        )?;
    }
    for (name, line_warning) in &report.warnings_shown {
        let warning = &line_warning.warning;
        let (line, code) = (line_warning.line, warning.code.name());
        writeln!(
            err,
            "hecha: warning: {name}:{line}: `{}`: {code}",
            warning.field
        )?;
    }
    let hidden = report.warnings - report.warnings_shown.len() as u64;
    if hidden > 0 {
        writeln!(err, "hecha: warning: {hidden} more like these")?;
    }
    Ok(())
}

/// A bar over the bytes of all list files; nothing is drawn where nobody looks.
fn progress_bar(lists: &[PathBuf]) -> ProgressBar {
    let bytes = |path: &PathBuf| path.metadata().map_or(0, |about| about.len());
    let bar = ProgressBar::new(lists.iter().map(bytes).sum());
    let template = "{msg:10} {bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message("reading");
    bar
}

fn show(bar: &ProgressBar, progress: Progress) {
    match progress {
        Progress::Read(bytes) => bar.inc(bytes),
        Progress::Arranging => bar.set_message("sorting"),
        Progress::Writing(_) | Progress::Syncing => bar.set_message("writing"),
    }
}

/// How long each part of a build took.
struct Phases {
    entered: Instant,
    name: &'static str,
    ended: Vec<(&'static str, f64)>,
}

impl Phases {
    fn start() -> Self {
        Self {
            entered: Instant::now(),
            name: "reading",
            ended: Vec::new(),
        }
    }

    fn enter(&mut self, progress: Progress) {
        let name = match progress {
            Progress::Read(_) => "reading",
            Progress::Arranging => "sorting",
            Progress::Writing(what) => what,
            Progress::Syncing => "syncing",
        };
        if name != self.name {
            self.end();
            self.name = name;
        }
    }

    fn end(&mut self) {
        let seconds = self.entered.elapsed().as_secs_f64();
        self.ended.push((self.name, seconds));
        self.entered = Instant::now();
    }

    /// The parts with their seconds; what follows reading is the index made of parsed records.
    fn say(mut self) -> io::Result<()> {
        self.end();
        let said = |(name, seconds): &(&str, f64)| format!("{name} {seconds:.2}");
        let parts: Vec<String> = self.ended.iter().map(said).collect();
        let index: f64 = self.ended.iter().skip(1).map(|(_, seconds)| seconds).sum();
        let peak =
            peak_memory_mib().map_or(String::new(), |mib| format!("; peak memory {mib} MiB"));
        let parts = parts.join(", ");
        writeln!(
            io::stdout(),
            "seconds: {parts}; all but reading {index:.2}{peak}"
        )
    }
}

/// The most memory this process ever had, files it has mapped included; `None` where the system
/// does not say.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}

fn parse_as_of(text: &str) -> Result<AsOf, String> {
    let (list, moment) = match text.split_once('=') {
        Some((list, moment)) => (Some(list.into()), moment),
        None => (None, text),
    };
    Ok(AsOf {
        list,
        moment: parse_moment(moment)?,
    })
}

fn parse_moment(text: &str) -> Result<Moment, String> {
    Moment::parse(text)
        .ok_or_else(|| "no moment like 2026-11-22T08:00:00+08:00 (RFC 3339 with offset)".to_owned())
}

fn parse_salt(text: &str) -> Result<[u8; 32], String> {
    from_hex(text).ok_or_else(|| "not 64 lower-case hex digits".to_owned())
}

/// Bytes from `512M`, `8G`, `8GiB`, `1048576`.
fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || "no size like 512M or 8G".to_owned();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        for (text, bytes) in [
            ("2G", Some(crate::build::inputs::MEMORY_BYTES_DEFAULT)),
            ("512MiB", Some(512 << 20)),
            ("10k", Some(10_240)),
            ("77", Some(77)),
            ("", None),
            ("G", None),
            ("1.5G", None),
            ("99999999999T", None),
        ] {
            assert_eq!(parse_size(text).ok(), bytes, "{text}");
        }
    }

    #[test]
    fn freshness_is_of_one_list_or_of_all() {
        let time = "2026-11-22T08:00:00+08:00";
        let moment = Moment::parse(time).unwrap();
        let one = parse_as_of(&format!("court-defaulter={time}")).unwrap();
        assert_eq!(one.list.as_deref(), Some("court-defaulter"));
        assert_eq!(one.moment, moment);
        assert_eq!(parse_as_of(time).unwrap().list, None);
        assert!(parse_as_of("court-defaulter=yesterday").is_err());
    }
}
