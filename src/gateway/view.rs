//! All that a check depends on besides request and moment, put together once and shared.
//!
//! In: a snapshot with its key, the law (catalogue and clients of one loading), the acts. Out: a
//! `View` that never changes; a change of any part is a new view. Standing bits are ready for two
//! days, so that midnight costs a check nothing. Here nothing is decided and nothing is read.

use super::clients::Clients;
use super::relisted::{self, Relisted};
use crate::catalogue::measure::Catalogue;
use crate::check;
use crate::check::request::Policy;
use crate::identifier::digest::DigestKey;
use crate::index::binding::{Binding, BindingError};
use crate::index::entry_ids;
use crate::index::standing::{self, Absence, Ground, Standing};
use crate::model::entry::{EntryId, EntryIndex};
use crate::model::term::{Day, Moment};
use crate::overlay::holds::{self, State};
use crate::overlay::standing::Overlay;
use crate::seal::keys::MasterKey;
use crate::snapshot::open::Snapshot;
use crate::snapshot::trust::Signer;
use crate::telemetry::{CheckCounters, Telemetry};
use std::sync::Arc;

/// A verified snapshot and the key of its digests.
pub struct Loaded {
    /// The entries.
    pub snapshot: Snapshot,
    /// Derived from the master key that it was built with.
    pub digests: DigestKey,
    /// Its identity as answers show it.
    pub id: Box<str>,
    /// The oldest `list_as_of`.
    pub as_of: Option<Moment>,
    /// Bare name of its file; `None` for one built into memory.
    pub file: Option<Box<str>>,
    /// Whether all of it is kept in memory.
    pub locked: bool,
    /// Who has signed it, as far as the keys of this gateway say.
    pub signers: Vec<Signer>,
    /// Whether these are as many as configured.
    pub is_signed: bool,
}

impl Loaded {
    /// Puts a snapshot and its master key together.
    pub fn new(snapshot: Snapshot, master: &MasterKey, file: Option<&str>) -> Self {
        Self {
            digests: snapshot.digest_key(master),
            id: snapshot.id().to_string().into(),
            as_of: snapshot.manifest().as_of(),
            file: file.map(Into::into),
            locked: false,
            signers: Vec::new(),
            is_signed: false,
            snapshot,
        }
    }
}

/// Catalogue and clients of one loading.
pub struct Law {
    /// Lists, scenarios, measures.
    pub catalogue: Arc<Catalogue>,
    /// Who may ask.
    pub clients: Clients,
    /// Counters of its scenarios.
    pub counters: Arc<CheckCounters>,
}

impl Law {
    /// Registers the counters of the catalogue's scenarios.
    pub fn new(catalogue: Catalogue, clients: Clients, telemetry: &Telemetry) -> Self {
        Self {
            counters: Arc::new(telemetry.check_counters(&catalogue)),
            catalogue: Arc::new(catalogue),
            clients,
        }
    }
}

/// Everything a check reads.
#[derive(Clone)]
pub struct View {
    /// The entries.
    pub loaded: Arc<Loaded>,
    /// The law.
    pub law: Arc<Law>,
    /// How the two fit together.
    pub binding: Arc<Binding>,
    /// What operators did to entries.
    pub overlay: Arc<Overlay>,
    /// Cases of open holds that stand under another entry_id now.
    pub relisted: Arc<[Relisted]>,
    /// Entries that count, of a day and the day after it.
    standings: [Arc<Standing>; 2],
}

impl View {
    /// Puts everything together as of `now`.
    ///
    /// Errors: the snapshot holds a list that the catalogue does not know.
    pub fn new(
        loaded: Arc<Loaded>,
        law: Arc<Law>,
        overlay: Arc<Overlay>,
        now: Moment,
    ) -> Result<Self, BindingError> {
        let binding = Binding::new(loaded.snapshot.manifest(), &law.catalogue)?;
        let relisted: Arc<[Relisted]> = relisted::find(&loaded.snapshot, &overlay).into();
        let out = entries_out(&loaded.snapshot, &overlay, &relisted, now);
        let ground = Ground {
            snapshot: &loaded.snapshot,
            catalogue: &law.catalogue,
            binding: &binding,
            out: &out,
        };
        let today = now.day();
        let standings = Standing::of_days(ground, [today, today.next()]).map(Arc::new);
        Ok(Self {
            binding: Arc::new(binding),
            loaded,
            law,
            overlay,
            relisted,
            standings,
        })
    }

    /// The same with these acts, of which the last ones concern `touched`. Work: the entries
    /// touched, not all; all only for an objection to an entry that this snapshot lacks.
    #[must_use]
    pub fn with_acts(&self, overlay: Arc<Overlay>, touched: &[EntryId], now: Moment) -> Self {
        let snapshot = &self.loaded.snapshot;
        let place = |entry_id: &EntryId| entry_ids::find(snapshot, entry_id.as_str());
        let is_held = |entry_id| matches!(holds::state(&overlay, entry_id), State::Held(_));
        let relisted = match touched.iter().any(|id| place(id).is_none() && is_held(id)) {
            true => relisted::find(snapshot, &overlay).into(),
            false => Arc::clone(&self.relisted),
        };
        let out = entries_out(snapshot, &overlay, &relisted, now);
        let touched: Vec<EntryIndex> = relisted
            .iter()
            .filter(|one| touched.contains(&one.held))
            .map(|one| one.entry)
            .chain(touched.iter().filter_map(place))
            .collect();
        let standings = std::array::from_fn(|place| {
            let ground = self.ground(&out);
            Arc::new(self.standings[place].after_acts(ground, &touched))
        });
        Self {
            loaded: Arc::clone(&self.loaded),
            law: Arc::clone(&self.law),
            binding: Arc::clone(&self.binding),
            overlay,
            relisted,
            standings,
        }
    }

    /// The same with the law and the acts of what serves. Work: the entries that acts since
    /// concern; all of them only where the catalogue or the day is another one.
    ///
    /// Errors: as `new`.
    pub fn beside(self, serving: &Self, now: Moment) -> Result<Self, BindingError> {
        let (law, overlay) = (&serving.law, &serving.overlay);
        let fits = Arc::ptr_eq(&self.law.catalogue, &law.catalogue) && self.day() == now.day();
        if !fits {
            return Self::new(self.loaded, Arc::clone(law), Arc::clone(overlay), now);
        }
        // Acts are only added.
        let is_new = |id: &&EntryId| overlay.acts_on(id).len() != self.overlay.acts_on(id).len();
        let touched: Vec<EntryId> = overlay.entry_ids().filter(is_new).cloned().collect();
        Ok(Self {
            law: Arc::clone(law),
            ..self.with_acts(Arc::clone(overlay), &touched, now)
        })
    }

    /// The same for the day of `now` and the day after it.
    #[must_use]
    pub fn on_day_of(&self, now: Moment) -> Self {
        let out = entries_out(&self.loaded.snapshot, &self.overlay, &self.relisted, now);
        let today = now.day();
        let standings = [today, today.next()].map(|day| match self.standing(day) {
            Some(known) => Arc::clone(known),
            None => Arc::new(Standing::compute(self.ground(&out), day)),
        });
        Self {
            loaded: Arc::clone(&self.loaded),
            law: Arc::clone(&self.law),
            binding: Arc::clone(&self.binding),
            overlay: Arc::clone(&self.overlay),
            relisted: Arc::clone(&self.relisted),
            standings,
        }
    }

    /// The same for other clients: everything else is shared.
    #[must_use]
    pub fn with_clients(&self, clients: Clients) -> Self {
        Self {
            loaded: Arc::clone(&self.loaded),
            law: Arc::new(Law {
                catalogue: Arc::clone(&self.law.catalogue),
                clients,
                counters: Arc::clone(&self.law.counters),
            }),
            binding: Arc::clone(&self.binding),
            overlay: Arc::clone(&self.overlay),
            relisted: Arc::clone(&self.relisted),
            standings: self.standings.clone(),
        }
    }

    /// The first of the two days whose standing is ready.
    pub fn day(&self) -> Day {
        self.standings[0].day()
    }

    /// Entries that count on `day`; `None` where neither of the two days is it.
    pub fn standing(&self, day: Day) -> Option<&Arc<Standing>> {
        self.standings.iter().find(|standing| standing.day() == day)
    }

    /// What `check::run` reads for a question at `now`; `None` where that day is not ready.
    pub fn for_check<'a>(&'a self, policy: &'a Policy, now: Moment) -> Option<check::View<'a>> {
        Some(check::View {
            snapshot: &self.loaded.snapshot,
            digests: &self.loaded.digests,
            catalogue: &self.law.catalogue,
            binding: &self.binding,
            standing: self.standing(now.day())?,
            policy,
        })
    }

    /// Why an entry does not count at `now`; none where it counts. Off the way of checks.
    pub fn absences(&self, entry: EntryIndex, now: Moment) -> Vec<Absence> {
        let out = entries_out(&self.loaded.snapshot, &self.overlay, &self.relisted, now);
        standing::absences(self.ground(&out), entry, now.day())
    }

    /// Entries of the snapshot that are out because their case is held under another entry_id.
    pub fn relisted_held(&self) -> impl Iterator<Item = &Relisted> {
        let is_held = |one: &&Relisted| {
            let state = holds::state(&self.overlay, &one.held);
            matches!(state, State::Held(_))
        };
        self.relisted.iter().filter(is_held)
    }

    fn ground<'a>(&'a self, out: &'a [EntryIndex]) -> Ground<'a> {
        Ground {
            snapshot: &self.loaded.snapshot,
            catalogue: &self.law.catalogue,
            binding: &self.binding,
            out,
        }
    }
}

/// Entries of the snapshot that acts have taken out, ascending.
fn entries_out(
    snapshot: &Snapshot,
    overlay: &Overlay,
    relisted: &[Relisted],
    now: Moment,
) -> Vec<EntryIndex> {
    let mut out: Vec<EntryIndex> = overlay
        .entry_ids()
        .filter_map(|entry_id| {
            let entry = entry_ids::find(snapshot, entry_id.as_str())?;
            let submitted_at = snapshot.facts(entry).submitted_at();
            overlay.is_out(entry_id, submitted_at, now).then_some(entry)
        })
        .collect();
    let held = relisted
        .iter()
        .filter(|one| matches!(holds::state(overlay, &one.held), State::Held(_)));
    out.extend(held.map(|one| one.entry));
    out.sort_unstable();
    out.dedup();
    out
}
