//! `hecha log replay`: logged checks and scans decided again, and held against what was answered.
//!
//! In: a log folder, its key, the kept law, the snapshots, the journal of acts. Out: a line for
//! each record that passes the filter: equal, differs, or cannot and why. Exit code 1 where one
//! differs, 3 where one cannot. The sealed parts are opened in memory that is wiped; no number is
//! shown. Records are taken in portions and sorted in each, so that a snapshot is opened once.

use super::assembly::JOURNAL_FILE;
use super::expire;
use super::log_filter::{FilterArgs, FlagError};
use crate::config::file::ConfigError;
use crate::config::load as config;
use crate::config::resolved::Config;
use crate::decision_log::entry::{CheckRecord, Record};
use crate::decision_log::error::LogError;
use crate::decision_log::keys::{LogKeys, ShardKeys};
use crate::decision_log::months;
use crate::decision_log::query;
use crate::decision_log::segment::Header;
use crate::gateway::kept::{KEPT_FOLDER, Kept};
use crate::gateway::replay::{self, Again, Cannot, Replayer, Shelf, Sources, Stage, Verdict};
use crate::overlay::journal::{self, JournalError};
use crate::overlay::record::JournalEntry;
use crate::seal::keys::{KeyError, MasterKey};
use crate::storage::disk::RealDisk;
use crate::wire::records::{self, DecidedAgain};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Records held in memory at once.
const PORTION_RECORDS: usize = 50_000;
/// One differs.
const EXIT_DIFFERS: u8 = 1;
/// One cannot be decided again.
const EXIT_CANNOT: u8 = 3;

/// Arguments of `hecha log replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Folder of the log: `log` in the state folder, or the log of a run of `hecha screen`
    dir: PathBuf,
    /// Configuration of the gateway: names keys, snapshots, kept law and journal
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Master key of the log [default: log_key_file]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Master key of snapshots; may be repeated [default: snapshot_key_file]
    #[arg(long = "snapshot-key", value_name = "FILE")]
    snapshot_keys: Vec<PathBuf>,
    /// Folder of the snapshots that served [default: snapshot_dir]
    #[arg(long, value_name = "DIR")]
    snapshot_dir: Option<PathBuf>,
    /// A snapshot that lies elsewhere; may be repeated
    #[arg(long = "snapshot", value_name = "FILE")]
    snapshots: Vec<PathBuf>,
    /// Folder of the kept law [default: kept in the state folder]
    #[arg(long, value_name = "DIR")]
    kept: Option<PathBuf>,
    /// Journal of acts [default: acts.journal in the state folder]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Show only what differs or cannot be decided
    #[arg(long)]
    faults_only: bool,
    /// With --json: the answer as it comes out now, in `answer`
    #[arg(long, requires = "json")]
    answers: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Why the command failed; each is bad input, but `Output`.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A flag.
    #[error(transparent)]
    Flag(#[from] FlagError),
    /// No such folder.
    #[error("`{}` is no folder; name the folder `log` of a state folder", dir.display())]
    Folder {
        /// As given.
        dir: PathBuf,
    },
    /// No such check.
    #[error(
        "the log has no check that passes; look for the check_id with `hecha log query`{expired}"
    )]
    NoCheck {
        /// Which months are gone, behind a semicolon.
        expired: String,
    },
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

/// A check with its opened request, or why it does not open.
struct Asked {
    record: Box<CheckRecord>,
    plain: Result<Zeroizing<Vec<u8>>, Arc<str>>,
}

/// Opens sealed parts, with the keys of the segment in hand.
struct Opener<'a> {
    folder: &'a Path,
    keys: LogKeys,
    segment: Option<(u64, Result<ShardKeys, Arc<str>>)>,
}

#[derive(Debug, Default)]
struct Tally {
    equal: u64,
    differs: u64,
    cannot: u64,
    other_engine: u64,
}

/// Runs the command and prints to standard output; its exit code.
pub fn run(args: &ReplayArgs) -> Result<u8, ReplayError> {
    if !args.dir.is_dir() {
        let dir = args.dir.clone();
        return Err(ReplayError::Folder { dir });
    }
    let filter = args.filter.filter()?;
    let config = config::load(args.config.as_deref(), std::env::vars_os())?;
    let key = args.key.as_ref().unwrap_or(&config.log_key_file);
    let mut opener = Opener {
        folder: &args.dir,
        keys: LogKeys::new(MasterKey::load(key)?),
        segment: None,
    };
    let mut replaying = Replaying {
        args,
        replayer: Replayer::new(sources(args, &config)?),
        portion: Vec::new(),
        tally: Tally::default(),
        bar: progress_bar(),
    };
    let mut out = io::stdout().lock();
    let mut written = Ok(());
    query::read_by_segment(&RealDisk, &args.dir, &filter, |header, record| {
        if let Record::Check(record) = record {
            replaying.portion.push(opener.open(header, record));
            if replaying.portion.len() == PORTION_RECORDS {
                written = replaying.decide(&mut out);
            }
        }
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    let ended = written.and_then(|()| replaying.decide(&mut out));
    replaying.bar.finish_and_clear();
    match ended.and_then(|()| out.flush()) {
        // Whoever reads a pipe may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(0),
        ended => ended?,
    }
    let expired = expire::note(&args.dir);
    replaying.tally.say(filter.check_id.is_some(), expired)
}

impl Tally {
    fn say(&self, one_is_wanted: bool, expired: String) -> Result<u8, ReplayError> {
        let Self {
            equal,
            differs,
            cannot,
            other_engine,
        } = self;
        let count = equal + differs + cannot;
        if one_is_wanted && count == 0 {
            return Err(ReplayError::NoCheck { expired });
        }
        let other = match other_engine {
            0 => String::new(),
            count => format!("; {count} were answered by another version of this program"),
        };
        writeln!(
            io::stderr().lock(),
            "{count} checks decided again: {equal} equal, {differs} differ, {cannot} cannot be \
             decided{other}{expired}"
        )?;
        Ok(match (differs, cannot) {
            (0, 0) => 0,
            (0, _) => EXIT_CANNOT,
            _ => EXIT_DIFFERS,
        })
    }
}

fn sources(args: &ReplayArgs, config: &Config) -> Result<Sources, ReplayError> {
    let state = |name: &str| config.state_dir.join(name);
    let kept = args.kept.clone().unwrap_or_else(|| state(KEPT_FOLDER));
    let acts = acts(args.journal.as_deref(), &state(JOURNAL_FILE))?;
    let folder = args.snapshot_dir.as_ref().unwrap_or(&config.snapshot_dir);
    let keys: &[PathBuf] = match args.snapshot_keys.as_slice() {
        [] => std::slice::from_ref(&config.snapshot_key_file),
        named => named,
    };
    let masters = keys.iter().map(|path| MasterKey::load(path));
    Ok(Sources {
        kept: Kept::new(&kept),
        shelf: Shelf::new(Some(folder), &args.snapshots),
        masters: masters.collect::<Result<_, _>>()?,
        acts,
    })
}

/// Where no journal is named and none is there, there were no acts.
fn acts(named: Option<&Path>, default: &Path) -> Result<Vec<JournalEntry>, JournalError> {
    match (
        named,
        journal::read_only(&RealDisk, named.unwrap_or(default)),
    ) {
        (None, Err(JournalError::Io { source, .. }))
            if source.kind() == io::ErrorKind::NotFound =>
        {
            Ok(Vec::new())
        }
        (_, acts) => acts,
    }
}

impl Opener<'_> {
    fn open(&mut self, header: &Header, mut record: Box<CheckRecord>) -> Asked {
        let sealed = std::mem::take(&mut record.sealed);
        if self
            .segment
            .as_ref()
            .is_none_or(|(number, _)| *number != header.number)
        {
            let shard = months::open_shard(&RealDisk, self.folder, &self.keys, header);
            let shard = shard.map_err(|closed| closed.to_string().into());
            self.segment = Some((header.number, shard));
        }
        let plain = match &self.segment {
            Some((_, Ok(shard))) => {
                let plain = shard.unseal(&record.check_id.0, &sealed);
                plain
                    .map(Zeroizing::new)
                    .map_err(|closed| closed.to_string().into())
            }
            Some((_, Err(closed))) => Err(Arc::clone(closed)),
            None => Err("no segment".into()),
        };
        Asked { record, plain }
    }
}

struct Replaying<'a> {
    args: &'a ReplayArgs,
    replayer: Replayer,
    portion: Vec<Asked>,
    tally: Tally,
    bar: ProgressBar,
}

impl Replaying<'_> {
    /// Decides what is held, stage by stage, and writes its lines.
    fn decide(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut portion = std::mem::take(&mut self.portion);
        portion.sort_by_key(|asked| (Stage::of(&asked.record), asked.record.position));
        let is_same = |one: &Asked, next: &Asked| Stage::of(&one.record) == Stage::of(&next.record);
        for group in portion.chunk_by(is_same) {
            for (asked, again) in group.iter().zip(self.group(group)) {
                self.write(out, &asked.record, &again)?;
            }
            self.bar.inc(group.len() as u64);
        }
        Ok(())
    }

    /// Records of one stage, on all cores.
    fn group(&mut self, group: &[Asked]) -> Vec<Again> {
        let Some(first) = group.first() else {
            return Vec::new();
        };
        let stage = Stage::of(&first.record);
        let view = self.replayer.view(stage, first.record.moment);
        let work: Vec<_> = group
            .iter()
            .map(|asked| (asked, self.replayer.client(&asked.record)))
            .collect();
        work.into_par_iter()
            .map(|(asked, client)| {
                let plain = asked.plain.as_ref();
                let plain = plain.map_err(|closed| Cannot::Sealed(Arc::clone(closed)));
                match (plain, &view, client) {
                    (Ok(plain), Ok(view), Ok(client)) => {
                        replay::decide(view, &client, &asked.record, plain)
                    }
                    (Err(cannot), ..) | (_, _, Err(cannot)) => Again::cannot(cannot),
                    (_, Err(cannot), _) => Again::cannot(cannot.clone()),
                }
            })
            .collect()
    }

    fn write(
        &mut self,
        out: &mut dyn Write,
        record: &CheckRecord,
        again: &Again,
    ) -> io::Result<()> {
        let same_engine = &*record.context.engine == env!("CARGO_PKG_VERSION");
        self.tally.other_engine += u64::from(!same_engine);
        let (verdict, reason) = match &again.verdict {
            Verdict::Equal => {
                self.tally.equal += 1;
                ("equal", None)
            }
            Verdict::Differs => {
                self.tally.differs += 1;
                ("differs", None)
            }
            Verdict::Cannot(cannot) => {
                self.tally.cannot += 1;
                ("cannot", Some(cannot.to_string()))
            }
        };
        if self.args.faults_only && again.verdict == Verdict::Equal {
            return Ok(());
        }
        let shown = DecidedAgain {
            verdict,
            reason: reason.as_deref(),
            decision: again.decision,
            same_engine,
            answer: again.body.as_deref().filter(|_| self.args.answers),
        };
        match self.args.json {
            true => writeln!(out, "{}", records::decided_again(record, &shown)),
            false => writeln!(out, "{}", as_text(record, &shown)),
        }
    }
}

fn as_text(record: &CheckRecord, shown: &DecidedAgain<'_>) -> String {
    let mut line = format!(
        "{} {} {:<7} {:<6} {} by {}",
        record.moment,
        record.check_id,
        shown.verdict,
        record.decision.name(),
        record.scenario,
        record.unit,
    );
    if let Some(decision) = shown.decision.filter(|_| shown.verdict == "differs") {
        line += &format!("; now {}", decision.name());
    }
    if let Some(reason) = shown.reason {
        line += &format!("; {reason}");
    }
    if !shown.same_engine {
        line += &format!(" (answered by version {})", record.context.engine);
    }
    line
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} decided again {elapsed}") {
        bar.set_style(style);
    }
    bar
}
