//! The real way of one trial: records built into a snapshot in memory, acts into an overlay,
//! standing, `check::run`. Out: what it says, in the words of the naive model.

use crate::naive::question::{Answer, Asked, Client, Matched, Question, World};
use crate::worlds::Trial;
use hecha::build;
use hecha::build::inputs::{AsOf, BuildInputs};
use hecha::catalogue::measure::Catalogue;
use hecha::catalogue::scenario::{AttributeKind, AttributeValue, Scenario};
use hecha::check;
use hecha::check::View;
use hecha::check::names::kind_of;
use hecha::check::outcome::Outcome;
use hecha::check::request::{Party, Policy, Request};
use hecha::identifier::digest::DigestKey;
use hecha::identifier::document::FullNumber;
use hecha::index::binding::Binding;
use hecha::index::entry_ids;
use hecha::index::standing::{Ground, Standing};
use hecha::model::entry::EntryIndex;
use hecha::model::term::{Day, Moment};
use hecha::name::query::NameQuery;
use hecha::overlay::standing::Overlay;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::open::Snapshot;
use std::collections::{BTreeMap, BTreeSet};

/// A world, built.
pub struct Built<'a> {
    pub snapshot: Snapshot,
    pub catalogue: &'a Catalogue,
    digests: DigestKey,
    binding: Binding,
    overlay: Overlay,
}

impl<'a> Built<'a> {
    pub fn new(catalogue: &'a Catalogue, world: &World) -> Self {
        let master = MasterKey::from_bytes([7; 32]);
        let created = Moment(0);
        let mut inputs = BuildInputs::new("test", master, catalogue, [9; 32], created);
        inputs.as_of = world
            .list_as_of
            .iter()
            .map(|(list, moment)| AsOf {
                list: Some(list.as_str().into()),
                moment: *moment,
            })
            .collect();
        let bytes = build::build_records(world.records.clone(), &inputs).unwrap();
        let snapshot = Snapshot::from_bytes(bytes).unwrap();
        assert_eq!(snapshot.entry_count() as usize, world.records.len());
        let digests = snapshot.digest_key(&MasterKey::from_bytes([7; 32]));
        let binding = Binding::new(snapshot.manifest(), catalogue).unwrap();
        Self {
            digests,
            binding,
            overlay: Overlay::from_acts(world.acts.iter().cloned()),
            snapshot,
            catalogue,
        }
    }

    pub fn entry_id(&self, entry: EntryIndex) -> String {
        self.snapshot.cold(entry).entry_id.to_string()
    }

    /// Entries that acts concern, and those of them that are out at `now`; ascending.
    pub fn touched(&self, now: Moment) -> (Vec<EntryIndex>, Vec<EntryIndex>) {
        let ids = self.overlay.entry_ids();
        let mut touched: Vec<EntryIndex> = ids
            .filter_map(|id| entry_ids::find(&self.snapshot, id.as_str()))
            .collect();
        touched.sort_unstable();
        let is_out = |entry: &EntryIndex| {
            let id = hecha::model::entry::EntryId(self.entry_id(*entry).into());
            let submitted_at = self.snapshot.facts(*entry).submitted_at();
            self.overlay.is_out(&id, submitted_at, now)
        };
        let out = touched.iter().copied().filter(is_out).collect();
        (touched, out)
    }

    /// Standing on `day` with these entries out.
    pub fn standing(&self, out: &[EntryIndex], day: Day) -> Standing {
        Standing::compute(self.ground(out), day)
    }

    pub fn ground<'b>(&'b self, out: &'b [EntryIndex]) -> Ground<'b> {
        Ground {
            snapshot: &self.snapshot,
            catalogue: self.catalogue,
            binding: &self.binding,
            out,
        }
    }

    pub fn check(&self, request: &Request, policy: &Policy, now: Moment) -> Outcome {
        let (_, out) = self.touched(now);
        let standing = self.standing(&out, now.day());
        let view = View {
            snapshot: &self.snapshot,
            digests: &self.digests,
            catalogue: self.catalogue,
            binding: &self.binding,
            standing: &standing,
            policy,
        };
        check::run(&view, request, now)
    }
}

/// What `check::run` says.
pub struct Said {
    /// With its first ten matches.
    pub answer: Answer,
    pub match_count: usize,
    pub valid_until: Moment,
}

/// The answer of `check::run`.
pub fn answer(catalogue: &Catalogue, trial: &Trial) -> Said {
    let built = Built::new(catalogue, &trial.world);
    let request = request(catalogue, &trial.question);
    let policy = policy(catalogue, &trial.world.client);
    let outcome = built.check(&request, &policy, trial.now);
    let scenario = catalogue.scenario(request.scenario);
    Said {
        answer: translate(&built, scenario, &outcome),
        match_count: outcome.match_count as usize,
        valid_until: outcome.valid_until,
    }
}

pub fn translate(built: &Built<'_>, scenario: &Scenario, outcome: &Outcome) -> Answer {
    let measure_id = |index| built.catalogue.measure(index).id.to_string();
    let missing = scenario
        .attributes
        .iter()
        .enumerate()
        .filter(|(place, _)| outcome.missing_attributes & (1 << place) != 0)
        .map(|(_, attribute)| format!("missing_attribute:{}", attribute.name));
    let reasons = outcome
        .reasons
        .iter()
        .map(|reason| reason.code().to_string());
    let matches = outcome.matches.iter().map(|matched| {
        let applied: BTreeMap<String, _> = matched
            .measures
            .iter()
            .filter(|measure| measure.applied)
            .map(|measure| (measure_id(measure.measure), measure.effect))
            .collect();
        let undecided: BTreeSet<String> = matched
            .measures
            .iter()
            .filter(|measure| !measure.applied)
            .map(|measure| measure_id(measure.measure))
            .collect();
        assert_eq!(
            applied.len() + undecided.len(),
            matched.measures.len(),
            "a measure twice"
        );
        Matched {
            entry_id: built.entry_id(matched.entry),
            via: matched.via.map(usize::from),
            roles: matched.roles,
            identity: matched.identity,
            effect: matched.effect,
            applied,
            undecided,
        }
    });
    Answer {
        decision: outcome.decision,
        reasons: reasons.chain(missing).collect(),
        matches: matches.collect(),
        incentives: outcome
            .incentives
            .iter()
            .map(|incentive| {
                (
                    built.entry_id(incentive.entry),
                    measure_id(incentive.measure),
                )
            })
            .collect(),
    }
}

pub fn policy(catalogue: &Catalogue, client: &Client) -> Policy {
    let mut adopts = vec![0u64; catalogue.measures.len().div_ceil(64)];
    for id in &client.adopts {
        let place = usize::from(catalogue.find_measure(id).unwrap().0);
        adopts[place / 64] |= 1 << (place % 64);
    }
    Policy {
        kind: client.kind,
        adopts: adopts.into(),
        masked_id_blocks: client.masked_id_blocks,
    }
}

pub fn request(catalogue: &Catalogue, question: &Question) -> Request {
    let index = catalogue.find_scenario(&question.scenario).unwrap();
    let scenario = catalogue.scenario(index);
    let value = |name: &str, kind: &AttributeKind| {
        let text = question.attributes.get(name)?;
        Some(match kind {
            AttributeKind::Enum(values) => {
                let place = values.iter().position(|value| **value == **text).unwrap();
                AttributeValue::Enum(place as u8)
            }
            AttributeKind::Int { .. } => AttributeValue::Int(text.parse().unwrap()),
            AttributeKind::Bool => AttributeValue::Bool(text == "true"),
            AttributeKind::Text => AttributeValue::Text,
        })
    };
    Request {
        scenario: index,
        attributes: scenario
            .attributes
            .iter()
            .map(|attribute| value(&attribute.name, &attribute.kind))
            .collect(),
        subject: party(&question.subject),
        related: question.related.iter().map(party).collect(),
        exemption: question.exemption,
        authorisation: question.authorisation,
    }
}

fn party(asked: &Asked) -> Party {
    let numbers = asked
        .ids
        .iter()
        .map(|(id_type, number)| FullNumber::parse(*id_type, number).unwrap());
    Party::new(
        asked.kind,
        NameQuery::parse(kind_of(asked.kind), &asked.name),
        numbers.collect(),
        asked.birth_date,
        asked.role,
    )
    .unwrap()
}
