//! One scan from its bytes to its answer: which listed organisations a text names.
//!
//! In: a view, who asks, the body, a language, a moment. Out: the body of the answer and what its
//! record needs, or a problem, in the order of `question.rs`. What stands in a text is a name and
//! nothing else: each hit is possible, brings a review at most, and shows only entries that count
//! today and that the unit may see. A name whose entries it may not see leaves no trace, not even
//! by hiding a shorter one inside it. Pure, and not fast enough for a listener's thread.

use super::question::{Answered, Asker, Decided, ground, guarded, level, may_ask};
use super::view::View;
use crate::catalogue::scenario::{AttributeValues, ScenarioIndex};
use crate::check;
use crate::check::outcome::{Match, Outcome};
use crate::check::request::{Party, Request};
use crate::index::scan::{Found, Hit, HitKind, Scanner};
use crate::model::decision::{Decision, ReasonSet};
use crate::model::entry::EntryIndex;
use crate::model::subject::SubjectKind;
use crate::model::term::Moment;
use crate::name::passage::Passage;
use crate::name::query::NameQuery;
use crate::name::similarity::NameKind;
use crate::wire::normalised;
use crate::wire::problem::Problem;
use crate::wire::request::Question;
use crate::wire::scan::{self, ENTRIES_SHOWN_MAX, HITS_SHOWN_MAX, HitShown};
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use zeroize::Zeroizing;

/// How long an answer without hits holds.
const VALID_SECONDS: i64 = 300;

/// Answers a scan, asked by `asker` at `now`. `now` must be of a day that the view is ready for,
/// and the snapshot must have what a scan reads, else 503.
pub fn answer(
    view: &View,
    asker: Asker<'_>,
    body: &[u8],
    now: Moment,
) -> Result<Answered, Problem> {
    guarded(|| answer_unguarded(view, asker, body, now))
}

fn answer_unguarded(
    view: &View,
    asker: Asker<'_>,
    body: &[u8],
    now: Moment,
) -> Result<Answered, Problem> {
    let catalogue = &view.law.catalogue;
    let question = Question::parse(body)?;
    let scenario = question.scenario(catalogue)?;
    may_ask(&question, asker.client, scenario)?;
    let operator = asker.operator.of(asker.client)?;
    let asked = scan::complete(&question, &catalogue.scenario(scenario).attributes)?;
    let request = request_of(asked.text, &asked.attributes, scenario);
    let engine = env!("CARGO_PKG_VERSION");
    let decided = decide(view, asker, asked.text, &request, engine, now)?;
    let mut sealed = Vec::new();
    normalised::write_scan(&mut sealed, &asked, operator);
    Ok(Answered {
        body: decided.body,
        level: decided.level,
        language: asker.language,
        outcome: decided.outcome,
        purpose: asked.purpose.map(Into::into),
        request,
        normalised: Zeroizing::new(sealed),
    })
}

/// Decides a scan that has passed, for the first time or again: `request` is that of `request_of`.
///
/// Errors: 503 the view is not ready for the day of `now`, or the snapshot has no scan index.
pub fn decide(
    view: &View,
    asker: Asker<'_>,
    text: &str,
    request: &Request,
    engine: &str,
    now: Moment,
) -> Result<Decided, Problem> {
    let Some(read) = view.for_check(&asker.client.policy, now) else {
        return Err(Problem::unavailable("the lists are not ready for this day"));
    };
    let snapshot = &view.loaded.snapshot;
    let tables = snapshot.scan_tables();
    let scanner = tables.and_then(|tables| Scanner::new(tables, &snapshot.manifest().salt));
    let Some(scanner) = scanner else {
        let detail = "the snapshot has no scan index; build it with this version";
        return Err(Problem::unavailable(detail));
    };
    let passage = Passage::new(text);
    let mut following = Following::default();
    let hits = scanner.scan(&passage, |found| {
        following.stands(found, || {
            let is_brand = found.kind == HitKind::Brand;
            check::run_found(&read, request, scanner.names(found), is_brand, now)
        })
    });
    let chosen = following.choose(&hits);
    let all = following.sum(&hits, &chosen, now);
    let ground = ground(view, asker, request.scenario, engine);
    let level = level(&all, asker.client);
    let shown = following.shown(&chosen, &passage, text);
    let mut body = Vec::with_capacity(1_024 * (1 + shown.len()));
    scan::write(&mut body, &ground, &all, &shown, level);
    drop(shown);
    Ok(Decided {
        body,
        level,
        outcome: all,
    })
}

/// The texts of a scan that were found, with what follows from each: looked up once a text.
#[derive(Default)]
struct Following {
    /// Place in `outcomes`; `None` for a text of which nothing may be shown.
    places: HashMap<Found, Option<usize>>,
    outcomes: Vec<Outcome>,
}

/// A hit that is shown.
struct Chosen<'h> {
    hit: &'h Hit,
    /// Place in `outcomes`.
    outcome: usize,
    /// Entries shown in full.
    entries: usize,
    /// The hit that shows them, where another does.
    same_as: Option<usize>,
}

impl Following {
    /// Whether something follows from a text that may be shown.
    fn stands(&mut self, found: Found, ask: impl FnOnce() -> Outcome) -> bool {
        let outcomes = &mut self.outcomes;
        let place = self.places.entry(found).or_insert_with(|| {
            let outcome = ask();
            (outcome.match_count > 0).then(|| {
                outcomes.push(outcome);
                outcomes.len() - 1
            })
        });
        place.is_some()
    }

    /// The first hits of the text; entries in full only at the first hit of a name.
    fn choose<'h>(&self, hits: &'h [Hit]) -> Vec<Chosen<'h>> {
        let mut chosen: Vec<Chosen<'h>> = Vec::new();
        let mut first_of = HashMap::new();
        let mut room = ENTRIES_SHOWN_MAX;
        for hit in hits.iter().take(HITS_SHOWN_MAX) {
            let Some(outcome) = self.places.get(&hit.found).copied().flatten() else {
                continue;
            };
            let same_as = first_of.get(&outcome).copied();
            let entries = match same_as {
                Some(_) => 0,
                None => self.outcomes[outcome].matches.len().min(room),
            };
            room -= entries;
            first_of.entry(outcome).or_insert(chosen.len());
            chosen.push(Chosen {
                hit,
                outcome,
                entries,
                same_as,
            });
        }
        chosen
    }

    /// The sum of all hits; its matches are the entries named in the answer, strongest first.
    fn sum(&self, hits: &[Hit], chosen: &[Chosen<'_>], now: Moment) -> Outcome {
        let found = |hit: &Hit| self.places.get(&hit.found).copied().flatten();
        let distinct: HashSet<usize> = hits.iter().filter_map(found).collect();
        let mut all = Outcome {
            decision: Decision::Clear,
            reasons: ReasonSet::EMPTY,
            missing_attributes: 0,
            match_count: u32::try_from(hits.len()).unwrap_or(u32::MAX),
            name_count: distinct.len() as u32,
            matches: SmallVec::new(),
            incentives: SmallVec::new(),
            valid_until: now.plus_seconds(VALID_SECONDS),
        };
        // Like the matches, of what is shown alone.
        let shown = chosen.iter().map(|one| &self.outcomes[one.outcome]);
        if let Some(sooner) = shown.map(|outcome| outcome.valid_until).min() {
            all.valid_until = sooner;
        }
        for outcome in distinct.iter().map(|place| &self.outcomes[*place]) {
            all.decision = all.decision.max(outcome.decision);
            all.reasons.extend(outcome.reasons);
            all.missing_attributes |= outcome.missing_attributes;
        }
        let mut seen: HashSet<EntryIndex> = HashSet::new();
        for one in chosen.iter().filter(|one| one.same_as.is_none()) {
            let named = self.outcomes[one.outcome].matches.iter();
            let fresh = named
                .take(one.entries.max(1))
                .filter(|found| seen.insert(found.entry));
            all.matches.extend(fresh.cloned());
        }
        all.matches
            .sort_by_key(|found: &Match| Reverse(found.effect));
        all
    }

    /// The chosen hits as the answer writes them.
    fn shown<'a>(
        &'a self,
        chosen: &[Chosen<'_>],
        passage: &Passage,
        text: &'a str,
    ) -> Vec<HitShown<'a>> {
        let mut before = (0, text);
        let shown = |one: &Chosen<'_>| {
            let places = passage.places(one.hit.folded.clone());
            before = (places.start, behind(before.1, places.start - before.0));
            let rest = behind(before.1, places.end - places.start);
            let outcome = &self.outcomes[one.outcome];
            HitShown {
                text: &before.1[..before.1.len() - rest.len()],
                is_brand: one.hit.found.kind == HitKind::Brand,
                entries: &outcome.matches[..one.entries],
                same_as: one.same_as,
                places,
                outcome,
            }
        };
        chosen.iter().map(shown).collect()
    }
}

/// `text` without its first `count` characters.
fn behind(text: &str, count: u32) -> &str {
    let mut chars = text.chars();
    for _ in 0..count {
        chars.next();
    }
    chars.as_str()
}

/// The question that each hit is: an organisation of which nothing is known but a name. The record
/// knows the text by its hash.
pub fn request_of(text: &str, attributes: &AttributeValues, scenario: ScenarioIndex) -> Request {
    let text_hash = blake3::hash(text.as_bytes()).to_hex();
    Request {
        scenario,
        attributes: attributes.clone(),
        subject: Party {
            kind: SubjectKind::Organisation,
            name: NameQuery::parse(NameKind::Organisation, &text_hash),
            numbers: SmallVec::new(),
            birth: None,
            role: None,
        },
        related: Vec::new(),
        exemption: None,
        authorisation: None,
    }
}
