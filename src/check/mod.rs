//! The story of one check: request, candidates, identity, disclosure, measures, caps, outcome.
//!
//! In: a view (snapshot, catalogue, standing, the unit's policy), a request, a moment. Out: what
//! follows and why. Pure: no I/O, no clock, no async. Decision rules 2 to 6.
// HOT: the caller loads the view once, so that all rules of a check see the same snapshot.

/// The question, after parsing and validation.
pub mod request;
/// The answer, before it becomes JSON.
pub mod outcome;
/// Listed names that a party's name could be.
pub mod names;
/// Rows of a party's numbers, and the names it could be.
pub mod keys;
/// Entries that a party could be.
pub mod candidates;
/// How sure we are.
pub mod identity;
/// Whether an entry may be known to who asks.
pub mod disclosure;
/// From disposition to effect.
pub mod caps;
/// Which measures reach a match.
pub mod measures;
/// Counts matches and keeps the strongest.
pub mod tally;

use self::candidates::Bearer;
use self::caps::Standpoint;
use self::disclosure::Asked;
use self::keys::PartyKeys;
use self::measures::{Reach, Reached, Verdict};
use self::names::Agreement;
use self::outcome::{Basis, Match, NameBasis, Outcome};
use self::request::{Party, Policy, Request};
use self::tally::{Found, Tally};
use crate::catalogue::condition::EntryFacts;
use crate::catalogue::list::List;
use crate::catalogue::measure::Catalogue;
use crate::identifier::digest::DigestKey;
use crate::index::binding::{Binding, BoundList, last_day};
use crate::index::names as listed_names;
use crate::index::standing::Standing;
use crate::model::decision::{Decision, Identity, Reason};
use crate::model::entry::EntryIndex;
use crate::model::subject::{RoleSet, SubjectKind};
use crate::model::term::{Day, Moment};
use crate::snapshot::entries::{BirthDigits, Facts, NameNumber, PartyRow};
use crate::snapshot::open::Snapshot;
use smallvec::SmallVec;

/// A person is adult from 00:00 of this birthday.
const ADULT_YEARS: i32 = 18;

/// Everything a check depends on besides the request and the moment.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The entries.
    pub snapshot: &'a Snapshot,
    /// Key of the snapshot's digests.
    pub digests: &'a DigestKey,
    /// The law.
    pub catalogue: &'a Catalogue,
    /// How snapshot and law fit together.
    pub binding: &'a Binding,
    /// Which entries count on the day of the check.
    pub standing: &'a Standing,
    /// Who asks.
    pub policy: &'a Policy,
}

/// Answers one request at one moment. `view.standing` must be of the moment's day.
pub fn run(view: &View<'_>, request: &Request, now: Moment) -> Outcome {
    debug_assert_eq!(view.standing.day(), now.day(), "standing of another day");
    let mut check = Check {
        view,
        request,
        now,
        verdict: Verdict::default(),
        tally: Tally::default(),
        counts_undecided: false,
    };
    let keys = PartyKeys::look_up(view.snapshot, view.digests, &request.subject);
    check.subjects(&request.subject, &keys, None);
    if request.subject.kind == SubjectKind::Person {
        check.holders(&request.subject, &keys);
    }
    for (place, party) in request.related.iter().enumerate() {
        let keys = PartyKeys::look_up(view.snapshot, view.digests, party);
        check.subjects(party, &keys, Some(place as u8));
    }
    let mut outcome = check.tally.finish(now);
    for found in &mut outcome.matches {
        explain(view.snapshot, request, found);
    }
    outcome
}

/// What follows from a text that was found in a document: it is one of the listed `names`, or the
/// brand in several. Nothing but the text is known of who is meant, so everybody listed by such a
/// name is possible, and a brand, which is less than a name, brings advice at most. A scan need not
/// state attributes: what one of them leaves undecided is for a person to look at, never clear.
pub fn run_found(
    view: &View<'_>,
    request: &Request,
    names: impl Iterator<Item = NameNumber>,
    is_brand: bool,
    now: Moment,
) -> Outcome {
    debug_assert_eq!(view.standing.day(), now.day(), "standing of another day");
    let mut check = Check {
        view,
        request,
        now,
        verdict: Verdict::default(),
        tally: Tally::default(),
        counts_undecided: true,
    };
    let mut bearers = candidates::bearers(view.snapshot, view.standing, names);
    // Who bears a brand in name and alias is found by the name.
    bearers.sort_unstable_by_key(|bearer| (bearer.entry, bearer.is_alias));
    bearers.dedup_by_key(|bearer| bearer.entry);
    for bearer in bearers {
        check.bearer(bearer, is_brand);
    }
    let mut outcome = check.tally.finish(now);
    if is_brand {
        caps::weaken(&mut outcome, Decision::Advise);
    }
    outcome
}

/// Says of a match that is shown in which ways its name differs, and how common it is.
fn explain(snapshot: &Snapshot, request: &Request, found: &mut Match) {
    let via = found
        .via
        .and_then(|place| request.related.get(usize::from(place)));
    let party = via.unwrap_or(&request.subject);
    let Some((name, score)) = found.name else {
        return;
    };
    found.bearers_per_million = names::bearers_per_million(snapshot, party.kind, name);
    if score < 1.0 {
        found.differences = names::differences(snapshot, party, name);
    }
}

/// One check under way.
struct Check<'a> {
    view: &'a View<'a>,
    request: &'a Request,
    now: Moment,
    verdict: Verdict,
    tally: Tally,
    /// Whether a measure that is undecided for want of an attribute counts as if it applied.
    counts_undecided: bool,
}

/// A match as it is found, before its law is read.
#[derive(Clone, Copy)]
struct Sighting<'a> {
    entry: EntryIndex,
    reached: Reached,
    listed_party: u16,
    listed: &'a PartyRow,
    party: &'a Party,
    identity: Identity,
    basis: Basis,
    agreement: Agreement,
}

impl<'a> Check<'a> {
    /// Decision rules 4.1: a party and the entry's subject.
    fn subjects(&mut self, party: &'a Party, keys: &PartyKeys, via: Option<u8>) {
        let snapshot = self.view.snapshot;
        let by_number = candidates::subjects_by_number(snapshot, self.view.standing, keys);
        for entry in &by_number {
            if let Some(listed) = self.listed(party, *entry) {
                let agreement = names::agreement_by_number(snapshot, party, listed);
                self.subject(party, keys, via, *entry, listed, agreement);
            }
        }
        let standing = self.view.standing;
        let birth = party.birth.map(BirthDigits::from_day);
        if keys.names.iter().nth(1).is_some() {
            listed_names::fetch(snapshot, keys.names.iter().map(|(name, _)| name));
        }
        for (name, _) in keys.names.iter() {
            let visit = |entry| {
                let Some(listed) = self.listed(party, entry) else {
                    return;
                };
                let agreement = names::agreement(snapshot, &keys.names, listed);
                // An entry of which several names agree comes once, by the best of them.
                if agreement.best.is_some_and(|(best, _)| best == name) {
                    self.subject(party, keys, via, entry, listed, agreement);
                }
            };
            candidates::subjects_by_name(snapshot, standing, keys, name, birth, &by_number, visit);
        }
        if keys.names.stopped_early {
            self.tally.add_reason(Reason::NameSearchLimit);
        }
    }

    /// The subject of an entry, where it is of the party's kind.
    fn listed(&self, party: &Party, entry: EntryIndex) -> Option<&'a PartyRow> {
        let snapshot = self.view.snapshot;
        let is_same_kind = snapshot.facts(entry).kind() == party.kind;
        snapshot.parties(entry).first().filter(|_| is_same_kind)
    }

    fn subject(
        &mut self,
        party: &'a Party,
        keys: &PartyKeys,
        via: Option<u8>,
        entry: EntryIndex,
        listed: &'a PartyRow,
        agreement: Agreement,
    ) {
        let snapshot = self.view.snapshot;
        let Some((identity, basis)) = identity::compare(snapshot, party, keys, listed, agreement)
        else {
            return;
        };
        let reached = via.map_or(Reached::Direct, Reached::Via);
        self.sighted(Sighting {
            entry,
            reached,
            listed_party: 0,
            listed,
            party,
            identity,
            basis,
            agreement,
        });
    }

    /// The subject of an entry whose name stands in a document.
    fn bearer(&mut self, bearer: Bearer, is_brand: bool) {
        let Some(listed) = self.listed(&self.request.subject, bearer.entry) else {
            return;
        };
        let name = match bearer.is_alias {
            true => NameBasis::Alias,
            false => NameBasis::Name,
        };
        let agreement = Agreement {
            best: (!is_brand).then_some((bearer.name, 1.0)),
            basis: name,
        };
        let mut basis = Basis::EMPTY;
        basis.name = name;
        self.sighted(Sighting {
            entry: bearer.entry,
            reached: Reached::Direct,
            listed_party: 0,
            listed,
            party: &self.request.subject,
            identity: Identity::Possible,
            basis,
            agreement,
        });
    }

    /// Decision rules 4.2: the request's subject and a holder, by number only; several roles of
    /// one holder count together.
    fn holders(&mut self, party: &'a Party, keys: &PartyKeys) {
        let snapshot = self.view.snapshot;
        let found = candidates::holders_by_number(snapshot, self.view.standing, keys);
        for places in found.chunk_by(|(one, _), (other, _)| one == other) {
            self.holder(party, keys, places);
        }
    }

    /// One entry in which the party holds roles, as one or several of its members.
    fn holder(&mut self, party: &'a Party, keys: &PartyKeys, places: &[(EntryIndex, u16)]) {
        let snapshot = self.view.snapshot;
        let mut best: Option<Sighting<'_>> = None;
        for (entry, place) in places {
            let Some(listed) = snapshot.parties(*entry).get(usize::from(*place)) else {
                continue;
            };
            if listed.kind() != SubjectKind::Person {
                continue;
            }
            let agreement = names::agreement_by_number(snapshot, party, listed);
            let Some((identity, basis)) =
                identity::compare(snapshot, party, keys, listed, agreement)
            else {
                continue;
            };
            // By name alone nobody is reached through a role.
            if identity == Identity::Possible && basis.full().next().is_none() {
                continue;
            }
            let reached = Reached::ByRole(listed.roles());
            let (entry, listed_party) = (*entry, *place);
            let sighting = Sighting {
                entry,
                reached,
                listed_party,
                listed,
                party,
                identity,
                basis,
                agreement,
            };
            best = Some(best.map_or(sighting, |known| together(known, sighting)));
        }
        if let Some(sighting) = best {
            self.sighted(sighting);
        }
    }

    /// Disclosure, measures, caps; then the tally.
    fn sighted(&mut self, sighting: Sighting<'_>) {
        let facts = self.view.snapshot.facts(sighting.entry);
        let Some(bound) = self.view.binding.list_of(facts) else {
            return;
        };
        let list = self.view.catalogue.list(bound.list);
        let asked = Asked {
            disclosure: facts.disclosure(),
            listed: facts.kind(),
            persons_open: list.rules.persons_open,
            identity: sighting.identity,
            own: sighting.reached == Reached::Direct,
            authorisation: self.request.authorisation,
        };
        if !disclosure::is_open(asked, self.view.policy) {
            return;
        }
        let adult_at = adult_at(sighting);
        let reach = self.reach(sighting, facts, bound, list, adult_at);
        let View {
            catalogue, policy, ..
        } = *self.view;
        self.verdict
            .weigh(catalogue, policy, self.request, reach, self.now.day());
        if self.counts_undecided {
            self.verdict.effect = self.verdict.effect.max(self.verdict.undecided_effect);
        }
        let by_role = matches!(sighting.reached, Reached::ByRole(_));
        if by_role && !self.verdict.applies() {
            return;
        }
        let is_via = matches!(sighting.reached, Reached::Via(_));
        if sighting.identity == Identity::Identified && !is_via {
            self.tally.add_incentives(sighting.entry, &self.verdict);
        }
        let changes_at = self.changes_at(facts, bound, list, adult_at);
        let found = Found {
            found: unweighed(sighting),
            rank: facts.rank(),
            changes_at,
        };
        self.tally.add(found, &self.verdict);
    }

    fn reach(
        &self,
        sighting: Sighting<'_>,
        facts: &Facts,
        bound: &BoundList,
        list: &List,
        adult_at: Option<Day>,
    ) -> Reach {
        Reach {
            reached: sighting.reached,
            list: bound.list,
            in_force_from: facts.in_force_from(),
            facts: EntryFacts {
                grade: bound.grade_of(facts),
                able_but_refuses: facts.able_but_refuses(),
            },
            at: Standpoint {
                identity: sighting.identity,
                is_stale: bound.is_stale(self.now),
                lacks_end_date: list.rules.owes_end_date && facts.in_force_until().is_none(),
                is_minor: adult_at.is_some_and(|day| self.now.day() < day),
                exemption: self.request.exemption,
            },
        }
    }

    /// The next moment at which this match, or the freshness of its list, could change the answer.
    fn changes_at(
        &self,
        facts: &Facts,
        bound: &BoundList,
        list: &List,
        adult_at: Option<Day>,
    ) -> Moment {
        let last = last_day(facts, bound.grade_of(facts), &list.rules).map(Day::end);
        let adult = adult_at.map(Day::start);
        // At the limit itself the list is still fresh.
        let stale_from = Moment(bound.fresh_until.0.saturating_add(1));
        let measures = self.verdict.measures.iter().filter_map(|matched| {
            let years = self.view.catalogue.measure(matched.measure).term_years?;
            Some(facts.in_force_from().plus_years(i32::from(years)).end())
        });
        let moments = [last, adult, Some(stale_from)];
        let later = |at: &Moment| *at > self.now;
        moments
            .into_iter()
            .flatten()
            .chain(measures)
            .filter(later)
            .min()
            .unwrap_or(Moment(i64::MAX))
    }
}

/// Two sightings of one holder: the surer says who it is, the roles count together.
fn together<'a>(known: Sighting<'a>, other: Sighting<'a>) -> Sighting<'a> {
    let surer = if other.identity > known.identity {
        other
    } else {
        known
    };
    match (known.reached, other.reached) {
        (Reached::ByRole(one), Reached::ByRole(two)) => Sighting {
            reached: Reached::ByRole(one.union(two)),
            ..surer
        },
        _ => surer,
    }
}

/// The 18th birthday of a person, by the party's birth date, else the entry's.
fn adult_at(sighting: Sighting<'_>) -> Option<Day> {
    if sighting.party.kind != SubjectKind::Person {
        return None;
    }
    let birth = sighting
        .party
        .birth
        .or_else(|| sighting.listed.birth_day())?;
    Some(birth.plus_years(ADULT_YEARS))
}

fn unweighed(sighting: Sighting<'_>) -> Match {
    let (via, roles) = match sighting.reached {
        Reached::Direct => (None, RoleSet::EMPTY),
        Reached::ByRole(roles) => (None, roles),
        Reached::Via(place) => (Some(place), RoleSet::EMPTY),
    };
    Match {
        entry: sighting.entry,
        via,
        roles,
        listed_party: sighting.listed_party,
        identity: sighting.identity,
        basis: sighting.basis,
        name: sighting.agreement.best,
        differences: SmallVec::new(),
        bearers_per_million: None,
        effect: Decision::Clear,
        measures: SmallVec::new(),
    }
}
