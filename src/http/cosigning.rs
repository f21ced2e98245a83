//! The gateway's side of its witnesses: each new checkpoint is sent to them, and kept as cosigned.
//!
//! In: the log folder, addresses and keys of witnesses. Out: a cosigned note beside each month's
//! checkpoint; figures for the metrics. At the start: whether the log still holds all that they
//! have seen. A thread of its own, about once a second and only where a month has grown; no check
//! waits for it. What a witness says counts by its signature alone.

use super::witness_client::{self, Unreachable, WitnessUrl};
use crate::decision_log::error::LogError;
use crate::decision_log::witnessed::{self, Lost, Month, Signed};
use crate::gateway::witnesses::WitnessFigures;
use crate::seal::sign::PublicKey;
use crate::storage::disk::Storage;
use crate::tree::note::{Checkpoint, NoteSignature, SignedNote, decimal};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Time between two looks at the checkpoints.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Submissions of one checkpoint to one witness: the first may only tell what it remembers.
const TRIES_MAX: usize = 3;
/// Longest time for the last checkpoints when the gateway stops.
const LAST_LOOK_MAX: Duration = Duration::from_secs(2);
/// Time between two lines in the program's log on a witness that fails again and again.
const SAY_INTERVAL: Duration = Duration::from_secs(60);

/// Who the witnesses are.
#[derive(Clone)]
pub struct CosigningOptions {
    /// Where they answer.
    pub urls: Vec<WitnessUrl>,
    /// Their keys, in any order.
    pub keys: Vec<PublicKey>,
    /// The key that signs the checkpoints of this log.
    pub log_key: PublicKey,
    /// The log folder.
    pub folder: PathBuf,
    /// Whether the gateway does without a witness that does not answer at the start.
    pub is_required: bool,
}

/// Why a witness has not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum CosigningFault {
    /// It does not answer.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// It answers, but not as a witness does.
    #[error("it answers {status} with `{}`", said.trim_end())]
    Answer {
        /// HTTP status.
        status: u16,
        /// The beginning of its body.
        said: String,
    },
    /// It signs with a key that is not named in `witness_keys`.
    #[error("none of `witness_keys` is its key")]
    Key,
    /// It has seen more, or something else.
    #[error("it does not take this log for the one it has seen: {0}")]
    Contradiction(String),
    /// The own log.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum WitnessRefusal {
    /// The log is not the one that the witness saw.
    #[error(
        "the witness {url} has seen records that are gone: {lost}; restore the newest copy of \
         `{}`; where they are lost for good, `hecha log epoch {} --reason TEXT --by NAME` begins a \
         new log that says so, and deletes nothing",
        folder.display(),
        folder.display()
    )]
    Lost {
        /// Which witness.
        url: WitnessUrl,
        /// What is gone.
        lost: Lost,
        /// The log folder.
        folder: PathBuf,
    },
    /// `witness_required`, and it does not answer.
    #[error(
        "the witness {url} cannot be asked what it has seen: {fault}; start it, or set \
         `witness_required = false`"
    )]
    Silent {
        /// Which witness.
        url: WitnessUrl,
        /// What went wrong.
        fault: CosigningFault,
    },
    /// The own log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A thread or runtime.
    #[error("asking the witnesses: {0}")]
    Io(#[from] io::Error),
}

/// Asks each witness what it has seen of this log, before anything is written to it.
///
/// Errors: the log holds less, or something else; a witness that does not answer, where it must.
pub fn compare_at_start(
    options: &CosigningOptions,
    storage: &dyn Storage,
) -> Result<(), WitnessRefusal> {
    for url in &options.urls {
        match seen_by(url, &options.keys, &options.log_key) {
            Ok(seen) => {
                let lost = witnessed::find_lost(storage, &options.folder, &seen)?;
                if let Some(lost) = lost {
                    return Err(WitnessRefusal::Lost {
                        url: url.clone(),
                        lost,
                        folder: options.folder.clone(),
                    });
                }
            }
            Err(fault) if options.is_required => {
                return Err(WitnessRefusal::Silent {
                    url: url.clone(),
                    fault,
                });
            }
            Err(fault) => tracing::warn!(
                %url, %fault,
                "a witness cannot be asked what it has seen; the gateway starts without"
            ),
        }
    }
    Ok(())
}

/// The last checkpoint of each month that a witness cosigned and the key of this log signed. What
/// it says of other logs is passed over.
///
/// Errors: it does not answer; it says that it has cosigned something and cannot show it signed.
pub fn seen_by(
    url: &WitnessUrl,
    keys: &[PublicKey],
    log_key: &PublicKey,
) -> Result<Vec<Checkpoint>, CosigningFault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CosigningFault::Unreachable(Unreachable::Connect(error)))?;
    runtime.block_on(async {
        let logs = expect_ok(witness_client::get(url, "/logs").await?)?;
        let mut seen = Vec::new();
        for origin in logs.lines().filter_map(|line| line.split_once(' ')) {
            let path = format!("/checkpoint?origin={}", origin.1);
            let note = expect_ok(witness_client::get(url, &path).await?)?;
            let Ok(note) = SignedNote::parse(note.as_bytes()) else {
                continue;
            };
            // Of another log, which is no business of ours.
            let Ok(checkpoint) = note.checkpoint(std::slice::from_ref(log_key)) else {
                continue;
            };
            let is_cosigned = |key: &PublicKey| matches!(note.cosigned_at(key), Ok(Some(_)));
            if !keys.iter().any(is_cosigned) {
                return Err(CosigningFault::Key);
            }
            seen.push(checkpoint);
        }
        Ok(seen)
    })
}

fn expect_ok(answer: witness_client::WitnessAnswer) -> Result<String, CosigningFault> {
    match answer.status {
        200 => Ok(answer.text().to_owned()),
        _ => Err(unexpected(&answer)),
    }
}

fn unexpected(answer: &witness_client::WitnessAnswer) -> CosigningFault {
    CosigningFault::Answer {
        status: answer.status,
        said: answer.text().chars().take(200).collect(),
    }
}

/// The thread that sends checkpoints. Dropping it sends the last ones, where that is quick.
pub struct Cosigning {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Cosigning {
    /// Starts the thread.
    ///
    /// Errors: the thread or its runtime cannot be started.
    pub fn start(
        options: CosigningOptions,
        storage: Arc<dyn Storage>,
        figures: Arc<WitnessFigures>,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, mut stopping) = watch::channel(false);
        figures.begin();
        let mut sender = Sender {
            options,
            storage,
            figures,
            months: Vec::new(),
            known: HashMap::new(),
            last_said: HashMap::new(),
        };
        let thread = std::thread::Builder::new().name("hecha-witness".into());
        let thread = thread.spawn(move || {
            runtime.block_on(async {
                loop {
                    let round = async {
                        sender.look().await;
                        tokio::time::sleep(LOOK_INTERVAL).await;
                    };
                    tokio::select! {
                        biased;
                        _ = stopping.wait_for(|stop| *stop) => break,
                        () = round => (),
                    }
                }
                let _ = tokio::time::timeout(LAST_LOOK_MAX, sender.look()).await;
            });
        })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Cosigning {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The work of the thread.
struct Sender {
    options: CosigningOptions,
    storage: Arc<dyn Storage>,
    figures: Arc<WitnessFigures>,
    /// Months of which something may have to be sent, in order; the last one grows.
    months: Vec<Month>,
    /// Size that a witness is known to remember, by its place and the origin.
    known: HashMap<(usize, String), u64>,
    /// When a line was last written on the failure of a witness.
    last_said: HashMap<usize, Instant>,
}

impl Sender {
    /// Sends what has grown; keeps what was cosigned.
    async fn look(&mut self) {
        if let Err(fault) = self.find_months() {
            return self.count(0, &fault.into());
        }
        let mut open = Vec::new();
        let mut is_whole = true;
        for month in std::mem::take(&mut self.months) {
            let label = &month.label;
            let sent = match witnessed::signed(&*self.storage, &self.options.folder, label) {
                Ok(Some(signed)) => {
                    let is_sent = self.send(&signed).await;
                    if month.size.is_none() {
                        self.show_size(&signed.checkpoint.origin);
                    }
                    is_sent.then_some(signed.checkpoint.size)
                }
                Ok(None) => None,
                Err(fault) => {
                    self.count(0, &fault.into());
                    None
                }
            };
            is_whole &= sent.is_some();
            // A month that is over and sent to its end is not looked at again.
            if month.size.is_none() || sent != month.size {
                open.push(month);
            }
        }
        self.months = open;
        if is_whole {
            self.figures.is_whole_now();
        }
    }

    /// All months at first and when a month is over; else those that are open.
    fn find_months(&mut self) -> Result<(), LogError> {
        let (storage, folder) = (&*self.storage, &self.options.folder);
        let newest = witnessed::newest_month(storage, folder)?;
        if self.months.last().map(|month| &month.label) != newest.as_ref() {
            self.months = witnessed::months(storage, folder)?;
        }
        Ok(())
    }

    fn show_size(&self, origin: &str) {
        let sizes = (0..self.options.urls.len()).map(|place| {
            let known = self.known.get(&(place, origin.to_owned()));
            known.copied().unwrap_or(0)
        });
        self.figures.set_size(sizes.min().unwrap_or(0));
    }

    /// Sends one checkpoint to every witness that does not have it; whether all have it now.
    async fn send(&mut self, signed: &Signed) -> bool {
        let (origin, size) = (&signed.checkpoint.origin, signed.checkpoint.size);
        let options = &self.options;
        let mut asked = JoinSet::new();
        for (place, url) in options.urls.iter().enumerate() {
            let known = self.known.get(&(place, origin.clone())).copied();
            if known == Some(size) {
                continue;
            }
            let submitting = Submitting {
                url: url.clone(),
                keys: options.keys.clone(),
                folder: options.folder.clone(),
                storage: Arc::clone(&self.storage),
                signed: signed.clone(),
            };
            asked.spawn(async move { (place, submitting.run(known.unwrap_or(0)).await) });
        }
        let (mut is_whole, mut cosignatures) = (true, Vec::new());
        while let Some(answered) = asked.join_next().await {
            match answered {
                Ok((place, Ok(lines))) => {
                    self.known.insert((place, origin.clone()), size);
                    cosignatures.extend(lines);
                }
                Ok((place, Err(fault))) => {
                    is_whole = false;
                    self.count(place, &fault);
                }
                Err(_) => is_whole = false,
            }
        }
        if !cosignatures.is_empty() {
            let mut note = signed.note.clone();
            cosignatures.into_iter().for_each(|line| note.add(line));
            let (storage, folder) = (&*self.storage, &self.options.folder);
            let kept = witnessed::keep_cosigned(storage, folder, &signed.month, &note);
            if let Err(fault) = kept {
                is_whole = false;
                self.count(0, &fault.into());
            }
        }
        is_whole
    }

    fn count(&mut self, place: usize, fault: &CosigningFault) {
        self.figures.count_failure();
        let is_contradiction = matches!(fault, CosigningFault::Contradiction(_));
        if is_contradiction {
            self.figures.contradicted();
        }
        let said = self.last_said.get(&place);
        if said.is_some_and(|said| said.elapsed() < SAY_INTERVAL) {
            return;
        }
        self.last_said.insert(place, Instant::now());
        let url = self.options.urls.get(place).map(ToString::to_string);
        let url = url.unwrap_or_default();
        match is_contradiction {
            true => tracing::error!(url, %fault, "a witness contradicts this log"),
            false => tracing::warn!(url, %fault, "a witness has not cosigned"),
        }
    }
}

/// One checkpoint on its way to one witness.
struct Submitting {
    url: WitnessUrl,
    keys: Vec<PublicKey>,
    folder: PathBuf,
    storage: Arc<dyn Storage>,
    signed: Signed,
}

impl Submitting {
    /// Submits from the size that the witness is thought to know, then from what it says.
    async fn run(self, mut old: u64) -> Result<Vec<NoteSignature>, CosigningFault> {
        let size = self.signed.checkpoint.size;
        for _ in 0..TRIES_MAX {
            let (storage, folder) = (&*self.storage, &self.folder);
            let submission = witnessed::submission(storage, folder, &self.signed, old)?;
            let body = submission.to_string();
            let answer = witness_client::post(&self.url, "/add-checkpoint", body).await?;
            match answer.status {
                200 => return self.cosignatures(answer.text()),
                409 => {
                    let line = answer.text().strip_suffix('\n').and_then(decimal);
                    let seen = line.ok_or_else(|| unexpected(&answer))?;
                    if seen > size || seen == old {
                        return Err(CosigningFault::Contradiction(format!(
                            "it has seen {seen} records of `{}`, here are {size}",
                            self.signed.checkpoint.origin
                        )));
                    }
                    old = seen;
                }
                422 => {
                    let said = answer.text().trim_end().to_owned();
                    return Err(CosigningFault::Contradiction(said));
                }
                _ => return Err(unexpected(&answer)),
            }
        }
        let said = "the size that it remembers changes with each answer".to_owned();
        Err(CosigningFault::Answer { status: 409, said })
    }

    /// The signatures in an answer that are of a known key and hold.
    fn cosignatures(&self, text: &str) -> Result<Vec<NoteSignature>, CosigningFault> {
        let lines = text
            .lines()
            .filter_map(|line| NoteSignature::parse(line).ok());
        let holds = |line: &NoteSignature| {
            let mut keys = self.keys.iter();
            keys.any(|key| matches!(line.cosigned_at(self.signed.note.text(), key), Ok(Some(_))))
        };
        let signatures: Vec<NoteSignature> = lines.filter(holds).collect();
        match signatures.is_empty() {
            true => Err(CosigningFault::Key),
            false => Ok(signatures),
        }
    }
}
