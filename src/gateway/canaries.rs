//! Canaries: entries and questions whose answer is known, asked before a snapshot may serve.
//!
//! In: a TOML file, the law, a view of the new snapshot. Out: canaries that are not what they
//! should be, by the names that the file gives them. An entry is named by its entry_id: it must
//! count today, or must not. A question is a body as HTTP takes it, about a synthetic subject: a
//! number that could be somebody's is refused, for the file holds it in clear.

use super::client::Client;
use super::client_record::ClientRecord;
use super::question;
use super::view::View;
use crate::catalogue::measure::Catalogue;
use crate::changes::facts::{self, Entry};
use crate::changes::gates::CanaryFault;
use crate::check::outcome::Outcome;
use crate::check::request::Request;
use crate::identifier::kind::IdType;
use crate::identifier::synthetic::UNASSIGNED;
use crate::index::entry_ids;
use crate::model::decision::Decision;
use crate::model::entry::EntryIndex;
use crate::model::language::Language;
use crate::model::term::Moment;
use crate::wire::problem::Problem;
use crate::wire::request::Question;
use serde::Deserialize;
use std::path::Path;

/// Canaries of one file at most.
const CANARIES_MAX: usize = 10_000;
/// Bytes of the file at most.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Who asks where a canary names no unit: an enterprise that may ask everything.
const UNIT: &str = "canary";

/// Why the file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{file}`: {what}")]
pub struct CanariesError {
    /// The file.
    pub file: String,
    /// What is wrong, and what to do.
    pub what: String,
}

/// The canaries of one file.
#[derive(Debug)]
pub struct Canaries {
    canaries: Vec<Canary>,
    anybody: Client,
}

#[derive(Debug)]
struct Canary {
    name: String,
    must_hit: bool,
    list: Option<String>,
    unit: Option<String>,
    asks: Asks,
}

#[derive(Debug)]
enum Asks {
    /// Whether this entry counts.
    Entry(String),
    /// This body; a hit is this decision or a stronger one.
    Question(Vec<u8>, Decision),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    #[serde(default)]
    must_hit: Vec<CanaryText>,
    #[serde(default)]
    must_not_hit: Vec<CanaryText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CanaryText {
    name: String,
    entry_id: Option<String>,
    request: Option<String>,
    list: Option<String>,
    decision: Option<String>,
    unit: Option<String>,
}

impl Canaries {
    /// Reads a file.
    ///
    /// Errors: reading, form, a question that the catalogue does not allow, a number that could be
    /// somebody's.
    pub fn load(path: &Path, catalogue: &Catalogue) -> Result<Self, CanariesError> {
        let fault = |what: String| CanariesError {
            file: path.display().to_string(),
            what,
        };
        let about = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?;
        if about.len() > FILE_BYTES_MAX {
            return Err(fault(
                "it is longer than 16 MiB; keep fewer canaries".to_owned(),
            ));
        }
        let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        Self::parse(&text, catalogue).map_err(fault)
    }

    /// From the text of a file; errors in words.
    pub fn parse(text: &str, catalogue: &Catalogue) -> Result<Self, String> {
        // The first line only: what follows repeats the text of the file.
        let first_line = |text: &str| text.lines().next().unwrap_or("").to_owned();
        let file: FileText = toml::from_str(text).map_err(|error| {
            let before = error
                .span()
                .map_or("", |span| text.get(..span.start).unwrap_or(""));
            let line = before.matches('\n').count() + 1;
            format!("line {line}: {}", first_line(error.message()))
        })?;
        if file.must_hit.len() + file.must_not_hit.len() > CANARIES_MAX {
            return Err(format!("more than {CANARIES_MAX} canaries; keep fewer"));
        }
        let hit = file.must_hit.into_iter().map(|one| (true, one));
        let miss = file.must_not_hit.into_iter().map(|one| (false, one));
        let canaries = hit
            .chain(miss)
            .map(|(must_hit, text)| Canary::read(must_hit, text, catalogue));
        let record = ClientRecord {
            unit: UNIT.to_owned(),
            kind: "enterprise".to_owned(),
            scenarios: vec!["*".to_owned()],
            roles: vec!["checker".to_owned()],
            ..ClientRecord::default()
        };
        Ok(Self {
            canaries: canaries.collect::<Result<_, _>>()?,
            anybody: Client::new(&record, catalogue).map_err(|fault| fault.to_string())?,
        })
    }

    /// Canaries that `view` answers otherwise than they should be answered at `now`.
    pub fn faults(&self, view: &View, now: Moment) -> Vec<CanaryFault> {
        let fault = |canary: &Canary| {
            let what = canary.fault(view, &self.anybody, now)?;
            Some(CanaryFault {
                name: canary.name.clone(),
                what,
            })
        };
        self.canaries.iter().filter_map(fault).collect()
    }
}

impl Canary {
    fn read(must_hit: bool, text: CanaryText, catalogue: &Catalogue) -> Result<Self, String> {
        let name = text.name;
        let fault = |what: &str| Err(format!("canary `{name}`: {what}"));
        if let Some(list) = text
            .list
            .as_deref()
            .filter(|l| catalogue.find_list(l).is_none())
        {
            return fault(&format!("the catalogue has no list `{list}`"));
        }
        let decision = match text.decision.as_deref() {
            None => Decision::Advise,
            Some(_) if !must_hit || text.request.is_none() => {
                return fault("`decision` belongs to a request under must_hit");
            }
            Some(word) => match Decision::parse(word) {
                Some(decision) => decision,
                None => return fault("`decision`: write block, limit, review or advise"),
            },
        };
        let asks = match (text.entry_id, text.request) {
            (Some(entry_id), None) => Asks::Entry(entry_id),
            (None, Some(request)) => {
                if let Err(what) = check_request(request.as_bytes(), catalogue) {
                    return fault(&what);
                }
                Asks::Question(request.into_bytes(), decision)
            }
            _ => return fault("write either `entry_id` or `request`"),
        };
        Ok(Self {
            must_hit,
            list: text.list,
            unit: text.unit,
            asks,
            name,
        })
    }

    fn fault(&self, view: &View, anybody: &Client, now: Moment) -> Option<String> {
        let hit = match &self.asks {
            Asks::Entry(entry_id) => self.entry_hit(view, entry_id, now),
            Asks::Question(body, decision) => {
                let client = match &self.unit {
                    None => anybody,
                    Some(unit) => match view.law.clients.find_unit(unit) {
                        Some(client) => client,
                        None => return Some(format!("there is no unit `{unit}`")),
                    },
                };
                match question::answer(view, client, body, Language::En, now) {
                    Ok(answered) => self.question_hit(view, &answered.outcome, *decision),
                    Err(problem) => return Some(refusal(&problem)),
                }
            }
        };
        match (self.must_hit, hit) {
            (true, Err(why)) => Some(format!("must hit, but {why}")),
            (false, Ok(what)) => Some(format!("must not hit, but {what}")),
            _ => None,
        }
    }

    /// What was hit, or why nothing was.
    fn entry_hit(&self, view: &View, entry_id: &str, now: Moment) -> Result<String, String> {
        let snapshot = &view.loaded.snapshot;
        let Some(index) = entry_ids::find(snapshot, entry_id) else {
            return Err(format!("entry `{entry_id}` is not there"));
        };
        let list = facts::list_of(Entry { snapshot, index });
        if self.list.as_deref().is_some_and(|wanted| wanted != list) {
            return Err(format!("entry `{entry_id}` is on list `{list}`"));
        }
        let standing = view.standing(now.day());
        match standing.is_some_and(|standing| standing.counts(index)) {
            true => Ok(format!("entry `{entry_id}` counts")),
            false => Err(format!("entry `{entry_id}` does not count today")),
        }
    }

    fn question_hit(
        &self,
        view: &View,
        outcome: &Outcome,
        at_least: Decision,
    ) -> Result<String, String> {
        let snapshot = &view.loaded.snapshot;
        let is_on =
            |index: EntryIndex, list: &str| facts::list_of(Entry { snapshot, index }) == list;
        let said = outcome.decision.name();
        match &self.list {
            Some(list) if !outcome.matches.iter().any(|found| is_on(found.entry, list)) => {
                Err(format!("nothing of list `{list}` matches"))
            }
            Some(list) if !self.must_hit => Ok(format!("an entry of list `{list}` matches")),
            _ if outcome.decision >= at_least => Ok(format!("the decision is {said}")),
            _ => Err(format!("the decision is {said}, not {}", at_least.name())),
        }
    }
}

fn refusal(problem: &Problem) -> String {
    let field = problem.field.as_deref().unwrap_or("the request");
    format!(
        "its question is refused with status {} at `{field}`",
        problem.status()
    )
}

/// A question of the catalogue, about nobody who could live.
fn check_request(body: &[u8], catalogue: &Catalogue) -> Result<(), String> {
    let refused = |problem: Problem| {
        let field = problem.field.as_deref().unwrap_or("request");
        format!("`request`, at `{field}`: {}", problem.detail)
    };
    let question = Question::parse(body).map_err(|fault| refused(fault.into()))?;
    let scenario = question.scenario(catalogue).map_err(refused)?;
    let asked = question.complete(catalogue, scenario).map_err(refused)?;
    match is_synthetic(&asked.request) {
        true => Ok(()),
        false => Err(
            "a number in `request` could be somebody's: use a citizen_id or credit_code whose \
             division code begins with 19 29 39 49 59 69 79 or 99, or name an `entry_id`"
                .to_owned(),
        ),
    }
}

fn is_synthetic(request: &Request) -> bool {
    let parties = std::iter::once(&request.subject).chain(&request.related);
    let mut numbers = parties.flat_map(|party| &party.numbers);
    numbers.all(|number| {
        let division = match number.id_type() {
            IdType::CitizenId => 0..2,
            IdType::CreditCode => 2..4,
            _ => return false,
        };
        let digits = number.as_bytes().get(division).unwrap_or_default();
        let digits = std::str::from_utf8(digits).unwrap_or("");
        digits
            .parse()
            .is_ok_and(|digits| UNASSIGNED.contains(&digits))
    })
}
