//! The one place where views change: acts, snapshots, law, days.
//!
//! In: commands from operators, the snapshot folder, the clock. Out: new views, published one after
//! the other by one thread, so that two changes can never lose each other. An act is journalled and
//! synced, then published, then answered. What `current.json` names is opened beside it, so that
//! acts do not wait (`trial.rs`); what a steward chooses is opened here. Replaced views are
//! released here, off every check's way. At most three snapshots are alive: the one that serves,
//! the one before it, the one that is being opened.

use super::activated::{AcceptedOrder, Claim};
use super::acts::{ActDone, ActError, ActOrder, Keeper, Kept};
use super::clients_source::ClientsSource;
use super::clock::Clock;
use super::deltas::Deltas;
use super::gates::Gates;
use super::recalls::Recalls;
use super::recorder::{ActRecord, Recorder};
use super::source::{Named, Pin, Refused, Source};
use super::trial::{OLD_VIEW_WAIT_MAX, Trial};
use super::view::{Law, Loaded, View};
use crate::overlay::record::JournalEntry;
use crate::snapshot::signature::OrderFile;
use crate::telemetry::{SwapResult, Telemetry};
use crate::wire::acts::act_word;
use arc_swap::ArcSwap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

mod judged;
mod said;
mod units;

/// How often a trial that goes on is looked at.
const TRIAL_LOOK: Duration = Duration::from_millis(5);

/// How often a clients file that has changed is looked at until it stays the same.
const CLIENTS_LOOK: Duration = Duration::from_millis(50);

/// Reads catalogue and clients again; the error is for people.
pub type LawLoader = Box<dyn Fn() -> Result<Law, String> + Send>;

/// What the actor shares with everybody.
pub struct Shared {
    /// What checks see.
    pub view: ArcSwap<View>,
    /// Served before, if it is still open: what it says of an entry is shown to operators.
    pub previous: Mutex<Weak<Loaded>>,
    /// Whether a rollback or a choice holds against `current.json`.
    pub pinned: AtomicBool,
    /// The highest version ever activated here; from it a rollback order goes back.
    pub highest_version: AtomicU64,
    /// Whether snapshots must be signed.
    pub signatures_required: bool,
    /// Acts of other gateways that wait for acts before them.
    pub acts_waiting: AtomicU64,
    /// Files of acts that were refused.
    pub acts_refused: AtomicU64,
    /// Metrics.
    pub telemetry: Telemetry,
    /// The moment it is.
    pub clock: Clock,
    /// The decision log.
    pub recorder: Recorder,
}

impl Shared {
    /// The snapshot that served before, while it is still open.
    pub fn previous(&self) -> Option<Arc<Loaded>> {
        lock(&self.previous).upgrade()
    }

    /// With a first view.
    pub fn new(
        view: View,
        pin: &Pin,
        source: &Source,
        telemetry: Telemetry,
        clock: Clock,
        recorder: Recorder,
    ) -> Self {
        Self {
            view: ArcSwap::from_pointee(view),
            pinned: AtomicBool::new(pin.file.is_some()),
            highest_version: AtomicU64::new(source.highest_version()),
            signatures_required: source.trust().is_required,
            previous: Mutex::default(),
            acts_waiting: AtomicU64::new(0),
            acts_refused: AtomicU64::new(0),
            telemetry,
            clock,
            recorder,
        }
    }
}

/// A snapshot that a steward wants.
#[derive(Debug)]
pub struct SwapOrder {
    /// A file of the snapshot folder; absent: the next older one, or the one that `order` says.
    pub file: Option<String>,
    /// Who orders it.
    pub unit: Box<str>,
    /// What activators have signed for going back.
    pub order: Option<OrderFile>,
}

enum Command {
    Act(ActOrder, oneshot::Sender<Result<ActDone, ActError>>),
    Swap(SwapOrder, oneshot::Sender<Result<(), Refused>>),
    Reload,
    Clients(oneshot::Sender<Result<usize, String>>),
    Stop,
}

/// Gives commands to the actor.
#[derive(Clone)]
pub struct ActorHandle {
    commands: Sender<Command>,
}

/// The actor is gone: the service is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the gateway is stopping")]
pub struct Stopped;

impl ActorHandle {
    /// Does an act; returns when it is durable and counts.
    pub async fn act(&self, order: ActOrder) -> Result<Result<ActDone, ActError>, Stopped> {
        self.ask(|answer| Command::Act(order, answer)).await
    }

    /// Serves another file of the snapshot folder until `current.json` names a new version.
    pub async fn swap(&self, order: SwapOrder) -> Result<Result<(), Refused>, Stopped> {
        self.ask(|answer| Command::Swap(order, answer)).await
    }

    /// Reads catalogue and clients again and looks at the snapshot folder; does not wait.
    pub fn reload(&self) {
        let _ = self.commands.send(Command::Reload);
    }

    /// Reads the clients again; how many there are.
    pub async fn reload_clients(&self) -> Result<Result<usize, String>, Stopped> {
        self.ask(Command::Clients).await
    }

    /// Ends the actor after the commands given so far.
    pub fn stop(&self) {
        let _ = self.commands.send(Command::Stop);
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Stopped> {
        let (sender, receiver) = oneshot::channel();
        self.commands.send(command(sender)).map_err(|_| Stopped)?;
        receiver.await.map_err(|_| Stopped)
    }
}

/// Which snapshot is wanted.
enum Wanted<'a> {
    /// The one that `current.json` names: it is open already.
    Tried(Box<View>),
    /// A file of the folder.
    File(&'a str),
    /// A file that may still be open.
    Previous(&'a str),
}

/// What the actor owns.
pub struct Actor {
    pub(super) shared: Arc<Shared>,
    keeper: Keeper,
    deltas: Deltas,
    recalls: Arc<Recalls>,
    /// An entry was taken back, and some check may still answer by the old standing.
    recall_waits: bool,
    pub(super) source: Source,
    load_law: LawLoader,
    clients: ClientsSource,
    watch_interval: Duration,
    pin: Pin,
    /// What `current.json` named when a file was last refused: not tried again each time.
    refused: Option<Named>,
    /// The pointer itself cannot be read, and that has been said.
    pointer_refused: bool,
    /// The snapshot of which it has been said that it has expired.
    pub(super) expiry_said: Option<Box<str>>,
    /// Served before; kept open for a rollback.
    previous: Option<Arc<Loaded>>,
    /// Replaced, perhaps still read by a check.
    retired: Vec<Arc<View>>,
    /// What a new snapshot must keep to; `None` where nothing is asked of it.
    gates: Option<Arc<Gates>>,
    /// What `current.json` names is being opened and held against what serves.
    trial: Option<Trial>,
}

/// Parts of an actor.
pub struct ActorParts {
    /// What it shares.
    pub shared: Arc<Shared>,
    /// Keeps acts.
    pub keeper: Keeper,
    /// Acts of other gateways.
    pub deltas: Deltas,
    /// Told of entries that are taken back.
    pub recalls: Arc<Recalls>,
    /// Where snapshots come from.
    pub source: Source,
    /// Where law comes from.
    pub load_law: LawLoader,
    /// Where clients come from.
    pub clients: ClientsSource,
    /// How often the snapshot folder is looked at.
    pub watch_interval: Duration,
    /// What was kept over the restart.
    pub pin: Pin,
    /// What a new snapshot must keep to; `None` where nothing is asked of it.
    pub gates: Option<Arc<Gates>>,
}

impl Actor {
    /// Starts the actor's thread.
    pub fn start(parts: ActorParts) -> io::Result<(ActorHandle, JoinHandle<()>)> {
        let (commands, received) = channel();
        let mut actor = Self {
            shared: parts.shared,
            keeper: parts.keeper,
            deltas: parts.deltas,
            recalls: parts.recalls,
            recall_waits: false,
            source: parts.source,
            load_law: parts.load_law,
            clients: parts.clients,
            watch_interval: parts.watch_interval,
            pin: parts.pin,
            refused: None,
            pointer_refused: false,
            expiry_said: None,
            previous: None,
            retired: Vec::new(),
            gates: parts.gates,
            trial: None,
        };
        // Before anything is answered.
        actor.take_deltas();
        let thread = std::thread::Builder::new().name("actor".to_owned());
        let thread = thread.spawn(move || actor.run(&received))?;
        Ok((ActorHandle { commands }, thread))
    }

    fn run(mut self, commands: &Receiver<Command>) {
        let mut look_at = Instant::now() + self.watch_interval;
        loop {
            let wait = look_at.saturating_duration_since(Instant::now());
            let wait_max = match &self.trial {
                None if self.clients.is_settling() => CLIENTS_LOOK,
                None => Duration::from_secs(1),
                Some(_) => TRIAL_LOOK,
            };
            match commands.recv_timeout(wait.min(wait_max)) {
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => (),
            }
            self.turn_day();
            self.look_at_clients();
            self.watch_expiry();
            self.release();
            if self.recall_waits && self.retired.is_empty() {
                self.recall_waits = false;
                self.recalls.read();
            }
            self.conclude_trial();
            // A sync that failed is known to the log before an answer meets it.
            self.shared.recorder.ask_health();
            if Instant::now() >= look_at {
                self.shared.recorder.look_at_space();
                self.look();
                look_at = Instant::now() + self.watch_interval;
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Act(order, answer) => {
                let done = self.act(&order);
                let _ = answer.send(done);
            }
            Command::Swap(order, answer) => {
                let swapped = self.swap_by_steward(&order);
                let _ = answer.send(swapped);
            }
            Command::Reload => {
                self.reload();
                self.refused = None;
                self.look();
            }
            Command::Clients(answer) => {
                let _ = answer.send(self.reload_clients());
            }
            Command::Stop => (),
        }
    }

    /// Journal, sync, publish; only then answered.
    fn act(&mut self, order: &ActOrder) -> Result<ActDone, ActError> {
        let view = self.shared.view.load_full();
        let at = self.shared.clock.tick();
        let kept = self.keeper.keep(&view, order, at)?;
        drop(view);
        match kept {
            Kept::Again(done) => Ok(done),
            Kept::New(next, done) => {
                self.publish(*next);
                self.acted(&done.entry, order.operator.as_deref());
                Ok(done)
            }
        }
    }

    /// Keeps what other gateways did, if something came: journal, sync, publish, as with an order.
    fn take_deltas(&mut self) {
        let view = self.shared.view.load_full();
        let now = self.shared.clock.tick();
        let entries = self.deltas.take(&view.overlay, now);
        if !entries.is_empty() {
            match self.keeper.keep_foreign(&view, entries, now) {
                Ok((next, kept)) => {
                    drop(view);
                    self.publish(next);
                    tracing::info!(acts = kept.len(), "acts of another gateway count now");
                    kept.iter().for_each(|entry| self.acted(entry, None));
                }
                Err(error) => tracing::error!(%error, "acts of another gateway are not kept"),
            }
        }
        let waiting = self.deltas.waiting(&self.shared.view.load().overlay);
        self.shared
            .acts_waiting
            .store(waiting as u64, Ordering::Relaxed);
        let refused = self.deltas.refused();
        self.shared.acts_refused.store(refused, Ordering::Relaxed);
    }

    /// Counts and records an act that is done.
    fn acted(&mut self, entry: &JournalEntry, operator: Option<&str>) {
        let (id, kind) = (entry.act.entry_id.as_str(), entry.act.kind);
        self.recall_waits |= self.recalls.note(id, kind, entry.act.at);
        let act = act_word(kind);
        self.shared.telemetry.count_act(act);
        self.shared.recorder.acted(ActRecord {
            unit: &entry.unit,
            entry_id: id,
            act,
            reason: &entry.reason,
            reference: &entry.reference,
            operator,
            at: entry.act.at,
        });
    }

    /// Looks at `current.json`: a version not yet seen ends a pin and is served.
    fn look(&mut self) {
        self.take_deltas();
        if self.trial.is_some() {
            return;
        }
        let named = match self.source.current() {
            Ok(Some(named)) => named,
            Ok(None) => return,
            Err(refused) => return self.refuse_pointer(&refused),
        };
        self.pointer_refused = false;
        let version = named.current.version;
        let is_new = !self.pin.seen.contains(&version);
        let serves = {
            let serving = self.shared.view.load();
            serving.loaded.snapshot.id() == named.current.id()
        };
        let is_wanted = is_new || (self.pin.file.is_none() && !serves);
        if !is_wanted || self.refused.as_ref() == Some(&named) {
            return;
        }
        self.try_named(named);
    }

    pub(super) fn choose(
        &mut self,
        file: &str,
        unit: &str,
        result: SwapResult,
        order: Option<&AcceptedOrder>,
    ) -> Result<(), Refused> {
        self.abandon_trial();
        let wanted = match result {
            SwapResult::RolledBack => Wanted::Previous(file),
            _ => Wanted::File(file),
        };
        let claim = order.map_or(Claim::Steward, Claim::Order);
        let chosen = self.swap_to(wanted, claim).and_then(|()| {
            // What `current.json` names now is seen: only another version ends the pin.
            if let Ok(Some(named)) = self.source.current() {
                self.pin.see(named.current.version);
            }
            self.pin.file = Some(file.to_owned());
            self.keep_pin()
        });
        match &chosen {
            Ok(()) => self.swapped(unit, file, result, order, None),
            Err(refused) => self.refuse(refused),
        }
        chosen
    }

    pub(super) fn roll_back(&mut self, unit: &str) -> Result<(), Refused> {
        let version = {
            let view = self.shared.view.load();
            view.loaded.snapshot.manifest().version
        };
        let older = self.source.older(version);
        self.first_that_serves(older, unit, None)
    }

    fn swap_to(&mut self, wanted: Wanted<'_>, claim: Claim<'_>) -> Result<(), Refused> {
        let now = self.shared.clock.tick();
        let view = self.shared.view.load_full();
        let law = Arc::clone(&view.law);
        let previous = self.previous.take();
        let (loaded, tried) = match (wanted, previous) {
            (Wanted::Tried(tried), _) => (Arc::clone(&tried.loaded), Some(tried)),
            (Wanted::Previous(file), Some(loaded)) if loaded.file.as_deref() == Some(file) => {
                (loaded, None)
            }
            (Wanted::File(file) | Wanted::Previous(file), previous) => {
                self.wait_for_readers();
                // Released before the third one is opened.
                drop(previous);
                (Arc::new(self.source.open(file, &law.catalogue)?), None)
            }
        };
        self.source.admit(&loaded, claim, now)?;
        let file = loaded.file.as_deref().unwrap_or("").to_owned();
        let next = match tried {
            Some(tried) => tried.beside(&view, now),
            None => View::new(Arc::clone(&loaded), law, Arc::clone(&view.overlay), now),
        };
        let next = next.map_err(|fault| Refused::Law { file, fault })?;
        self.activate(&loaded, claim, now)?;
        *lock(&self.shared.previous) = Arc::downgrade(&view.loaded);
        self.previous = Some(Arc::clone(&view.loaded));
        drop(view);
        self.publish(next);
        Ok(())
    }

    fn reload(&mut self) {
        self.clients.note();
        let now = self.shared.clock.tick();
        let view = self.shared.view.load_full();
        let next = (self.load_law)().and_then(|law| {
            let (loaded, overlay) = (Arc::clone(&view.loaded), Arc::clone(&view.overlay));
            View::new(loaded, Arc::new(law), overlay, now).map_err(|fault| fault.to_string())
        });
        drop(view);
        match next {
            Ok(next) => {
                self.publish(next);
                self.shared.telemetry.count_reload(SwapResult::Done);
                self.shared.recorder.reloaded(now);
                tracing::info!("catalogue and clients are loaded again");
            }
            Err(error) => {
                self.shared.telemetry.count_reload(SwapResult::Refused);
                tracing::error!(%error, "catalogue and clients stay as they were");
            }
        }
    }

    /// At midnight the second of the two days becomes the first.
    fn turn_day(&mut self) {
        let now = self.shared.clock.tick();
        let view = self.shared.view.load_full();
        if view.day() != now.day() {
            let next = view.on_day_of(now);
            drop(view);
            self.publish(next);
        }
    }

    fn publish(&mut self, next: View) {
        let old = self.shared.view.swap(Arc::new(next));
        self.retired.push(old);
        self.release();
    }

    /// Drops replaced views that nobody reads any more: here, not on a request's thread.
    fn release(&mut self) {
        self.retired.retain(|view| Arc::strong_count(view) > 1);
    }

    /// Waits until no check reads a replaced view, so that no fourth snapshot comes alive.
    fn wait_for_readers(&mut self) {
        let until = Instant::now() + OLD_VIEW_WAIT_MAX;
        self.release();
        while !self.retired.is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
            self.release();
        }
    }

    fn keep_pin(&mut self) -> Result<(), Refused> {
        let served = self
            .shared
            .view
            .load()
            .loaded
            .file
            .as_deref()
            .map(Into::into);
        self.pin.served = served;
        self.shared
            .pinned
            .store(self.pin.file.is_some(), Ordering::Relaxed);
        self.source.keep(&self.pin)
    }

    /// Said once: the pointer is looked at again and again.
    fn refuse_pointer(&mut self, refused: &Refused) {
        if !self.pointer_refused {
            self.refuse(refused);
        }
        self.pointer_refused = true;
    }

    pub(super) fn refuse(&self, refused: &Refused) {
        if matches!(refused, Refused::NoneOlder) {
            return;
        }
        let reason = refused.reason();
        tracing::error!(%refused, reason, "the snapshot is refused, the old one serves on");
        self.shared.telemetry.count_refused_swap(reason);
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
