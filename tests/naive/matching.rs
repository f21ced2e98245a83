//! Sections 2.6 and 4 to 6: matches, measures, effects, the decision.

use super::identity::{Line, birth_of, line, listed_birth};
use super::law::{Law, Row, words};
use super::question::{Answer, Asked, Matched, Question, World};
use super::standing;
use hecha::model::decision::{AuthorisationKind, Decision, ExemptionKind, Identity};
use hecha::model::entry::{Disclosure, ListRecord, ListedParty};
use hecha::model::subject::{ClientKind, RoleSet, SubjectKind};
use hecha::model::term::{Day, Moment};
use std::collections::{BTreeMap, BTreeSet};

/// The answer to `question` at `now`.
pub fn answer(world: &World, law: &Law, question: &Question, now: Moment) -> Answer {
    let mut answer = Answer {
        decision: Decision::Clear,
        reasons: BTreeSet::new(),
        matches: Vec::new(),
        incentives: BTreeSet::new(),
    };
    for (i, record) in world.records.iter().enumerate() {
        if !standing::counts(world, law, i, now) {
            continue;
        }
        let here = Here {
            world,
            law,
            question,
            record,
            now,
        };
        // 4.1: every party and the entry's subject.
        here.direct(None, &question.subject, &mut answer);
        for (place, party) in question.related.iter().enumerate() {
            here.direct(Some(place), party, &mut answer);
        }
        // 4.2: the request's subject and the holders.
        here.by_role(&mut answer);
    }
    // 4.3: effect, then identity, then entry_id; parties of one entry in the order of the request.
    answer.matches.sort_by(|a, b| {
        (b.effect, b.identity)
            .cmp(&(a.effect, a.identity))
            .then_with(|| a.entry_id.cmp(&b.entry_id))
            .then_with(|| a.via.cmp(&b.via))
    });
    // 6.5
    answer.decision = answer
        .matches
        .iter()
        .map(|matched| matched.effect)
        .max()
        .unwrap_or(Decision::Clear);
    answer
}

/// One record that counts, and the question.
struct Here<'a> {
    world: &'a World,
    law: &'a Law,
    question: &'a Question,
    record: &'a ListRecord,
    now: Moment,
}

/// How a party was reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Subject,
    Via(usize),
    Role(RoleSet),
}

/// A party of the request, the listed party it was found to be, and how.
struct Pair<'a> {
    way: Way,
    asked: &'a Asked,
    listed: &'a ListedParty,
    identity: Identity,
}

impl Here<'_> {
    fn direct(&self, via: Option<usize>, asked: &Asked, answer: &mut Answer) {
        let listed = &self.record.subject;
        let Some(line) = line(asked, listed) else {
            return;
        };
        let way = via.map_or(Way::Subject, Way::Via);
        let pair = Pair {
            way,
            asked,
            listed,
            identity: line.identity(),
        };
        if self.may_be_shown(&pair) {
            let mut found = self.measures(&pair);
            answer.reasons.append(&mut found.reasons);
            answer.incentives.append(&mut found.incentives);
            answer.matches.push(found.matched);
        }
    }

    fn by_role(&self, answer: &mut Answer) {
        let asked = &self.question.subject;
        // 4.2: a person, and a holder in an organisation's entry.
        if asked.kind != SubjectKind::Person
            || self.record.subject.kind != SubjectKind::Organisation
        {
            return;
        }
        let mut roles = RoleSet::EMPTY;
        let mut best: Option<(Identity, &ListedParty)> = None;
        for holder in &self.record.related {
            // Only by 3.4 or 3.5, never by name alone.
            let Some(line) = line(asked, holder).filter(|line| *line != Line::Name) else {
                continue;
            };
            // Several roles of one holder count together.
            if let Some(role) = holder.role {
                roles = roles.with(role);
            }
            if best.is_none_or(|(identity, _)| line.identity() > identity) {
                best = Some((line.identity(), holder));
            }
        }
        let Some((identity, listed)) = best else {
            return;
        };
        let pair = Pair {
            way: Way::Role(roles),
            asked,
            listed,
            identity,
        };
        if !self.may_be_shown(&pair) {
            return;
        }
        let mut found = self.measures(&pair);
        // Kept only if some measure, be it an incentive, applies through it.
        if found.some_applies {
            answer.reasons.append(&mut found.reasons);
            answer.incentives.append(&mut found.incentives);
            answer.matches.push(found.matched);
        }
    }

    /// 2.6: disclosure; all that apply must be met.
    fn may_be_shown(&self, pair: &Pair) -> bool {
        let record = self.record;
        let is_authority = self.world.client.kind == ClientKind::Authority;
        if record.disclosure == Disclosure::Government && !is_authority {
            return false;
        }
        let of_person = record.subject.kind == SubjectKind::Person;
        let open_to_all = matches!(
            &*record.list,
            "court-defaulter" | "fj-redlist" | "fj-trustworthy-public"
        );
        let needs_authorisation =
            record.disclosure == Disclosure::Authorised || (of_person && !open_to_all);
        if !needs_authorisation {
            return true;
        }
        if pair.identity != Identity::Identified {
            return false;
        }
        match self.question.authorisation {
            None => false,
            Some(AuthorisationKind::Consent) => pair.way == Way::Subject,
            Some(AuthorisationKind::Approval) => !of_person && is_authority,
        }
    }

    /// Section 5, over all measures of the tables.
    fn measures(&self, pair: &Pair) -> Found {
        let (via, roles) = match pair.way {
            Way::Subject => (None, RoleSet::EMPTY),
            Way::Via(place) => (Some(place), RoleSet::EMPTY),
            Way::Role(roles) => (None, roles),
        };
        let mut found = Found {
            matched: Matched {
                entry_id: self.record.entry_id.as_str().to_string(),
                via,
                roles,
                identity: pair.identity,
                effect: Decision::Clear,
                applied: BTreeMap::new(),
                undecided: BTreeSet::new(),
            },
            reasons: BTreeSet::new(),
            incentives: BTreeSet::new(),
            some_applies: false,
        };
        for measure in &self.law.measures {
            if self.is_switched_on(measure) && self.reaches(measure, pair) {
                self.measure(measure, pair, &mut found);
            }
        }
        let effects = found.matched.applied.values().copied();
        found.matched.effect = effects.max().unwrap_or(Decision::Clear);
        found
    }

    fn measure(&self, measure: &Row, pair: &Pair, found: &mut Found) {
        let id = measure["id"].clone();
        // 5.4: the term is not over.
        if !self.runs(measure) {
            return;
        }
        // 5.3: the condition.
        match self.condition(measure) {
            Verdict::False => return,
            // Not for a role match.
            Verdict::Undecided(_) if matches!(pair.way, Way::Role(_)) => return,
            Verdict::Undecided(missing) => {
                let codes = missing
                    .iter()
                    .map(|name| format!("missing_attribute:{name}"));
                found.reasons.extend(codes);
                // 6.1: incentives stand apart from the measures of a match.
                if measure["disposition"] != "incentive" {
                    found.matched.undecided.insert(id);
                }
                return;
            }
            Verdict::True => {}
        }
        found.some_applies = true;
        if measure["disposition"] == "incentive" {
            // 6.1: for an identified match that has no `via`; never in `applied`.
            if pair.identity == Identity::Identified && found.matched.via.is_none() {
                found
                    .incentives
                    .insert((found.matched.entry_id.clone(), id));
            }
            return;
        }
        let effect = self.effect(measure, pair, &mut found.reasons);
        found.matched.applied.insert(id, effect);
    }

    /// 5.1
    fn is_switched_on(&self, measure: &Row) -> bool {
        self.law.lists[&*self.record.list]["complete"] == "yes"
            && !measure["article"].is_empty()
            && !measure["quote_zh"].is_empty()
    }

    /// 5.2
    fn reaches(&self, measure: &Row, pair: &Pair) -> bool {
        if measure["list"] != *self.record.list || measure["scenario"] != self.question.scenario {
            return false;
        }
        let subject = &*measure["subject"];
        match pair.way {
            Way::Subject => subject == "any" || subject == pair.asked.kind.name(),
            Way::Role(roles) => {
                (subject == "any" || subject == "organisation")
                    && words(&measure["extends_to"])
                        .any(|word| roles.iter().any(|role| role.name() == word))
            }
            Way::Via(_) => {
                self.question.subject.kind == SubjectKind::Organisation
                    && pair.asked.role.is_some_and(|role| {
                        words(&measure["applicant_roles"]).any(|word| word == role.name())
                    })
                    && (subject == "any" || subject == pair.asked.kind.name())
            }
        }
    }

    /// 5.3
    fn condition(&self, measure: &Row) -> Verdict {
        let mut missing = BTreeSet::new();
        let clauses = measure["condition"].split('&').map(str::trim);
        for clause in clauses.filter(|clause| !clause.is_empty()) {
            let (field, test) = clause.split_once(' ').expect("a field and a test");
            let value = match field {
                "applicant.kind" => Some(self.question.subject.kind.name().to_string()),
                "entry.grade" => self.record.grade.as_deref().map(str::to_string),
                "entry.able_but_refuses" => {
                    self.record.able_but_refuses.map(|value| value.to_string())
                }
                "subject.clean_years" => None,
                name => match self.question.attributes.get(name) {
                    Some(value) => Some(value.clone()),
                    None => {
                        missing.insert(name.to_string());
                        continue;
                    }
                },
            };
            // Absent or null is false there.
            if !value.is_some_and(|value| passes(&value, test)) {
                return Verdict::False;
            }
        }
        if missing.is_empty() {
            Verdict::True
        } else {
            Verdict::Undecided(missing)
        }
    }

    /// 5.4: day of `now` <= `in_force_from` + term.
    fn runs(&self, measure: &Row) -> bool {
        let term = &measure["term"];
        if term.is_empty() {
            return true;
        }
        let years = term.strip_prefix('P').and_then(|t| t.strip_suffix('Y'));
        let years = years.and_then(|t| t.parse().ok()).expect("a term in years");
        self.now.day() <= self.record.in_force_from.plus_years(years)
    }

    /// 6.1 to 6.3, of any measure but an incentive.
    fn effect(&self, measure: &Row, pair: &Pair, reasons: &mut BTreeSet<String>) -> Decision {
        let list = &self.law.lists[&*self.record.list];
        // 6.1
        let mut base = match &*measure["disposition"] {
            "block" => Decision::Block,
            "limit" => Decision::Limit,
            "strict_review" => Decision::Review,
            "reference" | "supervise" | "revoke" | "assist" | "notify" => Decision::Advise,
            other => panic!("disposition {other}"),
        };
        if list["reference_only"] == "yes" {
            base = Decision::Advise;
        }
        // 6.2
        if !self.world.client.adopts.contains(&measure["id"]) {
            if measure["force"] == "unstated" && base >= Decision::Limit {
                base = Decision::Review;
                reasons.insert("force_unstated".to_string());
            }
            if measure["force"] == "recommended" {
                base = Decision::Advise;
                reasons.insert("not_adopted".to_string());
            }
        }
        // 6.3
        if base < Decision::Limit {
            return base;
        }
        let caps = self.caps(measure, pair);
        if caps.is_empty() {
            return base;
        }
        reasons.extend(caps.iter().map(|code| code.to_string()));
        Decision::Review
    }

    /// 6.3: every reason that holds.
    fn caps(&self, measure: &Row, pair: &Pair) -> Vec<&'static str> {
        let list = &self.law.lists[&*self.record.list];
        let mut caps = Vec::new();
        let hours: i64 = list["max_staleness_hours"].parse().expect("hours");
        let fresh = self
            .world
            .list_as_of
            .get(&*self.record.list)
            .is_some_and(|as_of| self.now.0 - as_of.0 <= hours * 3_600_000_000);
        if !fresh {
            caps.push("stale_list");
        }
        if let Some(kind) = self.question.exemption
            && (measure["exemption"] == kind.name()
                || (kind == ExemptionKind::CourtPermit && &*self.record.list == "court-defaulter"))
        {
            caps.push("exemption");
        }
        if self.record.in_force_until.is_none()
            && matches!(&*list["source_doc"], "FJ-2017-JOINT" | "FJ-2015-OUTLINE")
        {
            caps.push("no_end_date");
        }
        let birth = asked_birth(pair.asked).or_else(|| listed_birth(pair.listed));
        if pair.asked.kind == SubjectKind::Person
            && birth.is_some_and(|birth| self.now < birth.plus_years(18).start())
        {
            caps.push("minor");
        }
        match pair.identity {
            Identity::Possible => caps.push("identity_possible"),
            Identity::Probable if !self.world.client.masked_id_blocks => {
                caps.push("identity_probable");
            }
            _ => {}
        }
        caps
    }
}

struct Found {
    matched: Matched,
    reasons: BTreeSet<String>,
    incentives: BTreeSet<(String, String)>,
    some_applies: bool,
}

enum Verdict {
    True,
    False,
    Undecided(BTreeSet<String>),
}

fn asked_birth(asked: &Asked) -> Option<Day> {
    birth_of(asked.birth_date, &asked.ids)
}

/// `in [a,b]`, `= true`, `>= 1`.
fn passes(value: &str, test: &str) -> bool {
    let (operator, wanted) = test.split_once(' ').expect("an operator and a value");
    match operator {
        "in" => {
            let inside = wanted.strip_prefix('[').and_then(|w| w.strip_suffix(']'));
            words(inside.expect("a list in brackets")).any(|word| word == value)
        }
        "=" => value == wanted,
        ">=" => value.parse::<i64>().expect("a number") >= wanted.parse().expect("a number"),
        other => panic!("operator {other}"),
    }
}
