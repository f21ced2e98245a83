//! Random worlds written as cases, through the whole pipeline: list records through intake, the
//! request through `wire`, the answer as JSON. What the naive model says is what is expected.

use crate::naive::law::Law;
use crate::naive::matching;
use crate::naive::question::{Answer, Asked, Question, World};
use crate::worlds::{self, Trial};
use hecha::catalogue::load;
use hecha::catalogue::measure::Catalogue;
use hecha::catalogue::scenario::AttributeKind;
use hecha::eval::{cases, decisions};
use hecha::identifier::mask::ListedNumber;
use hecha::model::decision::Decision;
use hecha::model::entry::{Act, ActKind, ListRecord, ListedParty};
use hecha::model::subject::{ClientKind, SubjectKind};
use hecha::telemetry::Telemetry;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Worlds that are written and read again.
const TRIALS: u64 = 1_000;
const FIRST_SEED: u64 = 77_000_000;

#[test]
fn the_whole_pipeline_answers_written_worlds_as_the_naive_model_does() {
    let law = Law::of_project();
    let catalogue = load::built_in().unwrap();
    let mut lines = String::new();
    for seed in FIRST_SEED..FIRST_SEED + TRIALS {
        let mut trial = worlds::trial(&law, seed);
        // A case does not say which version an act concerns.
        for act in &mut trial.world.acts {
            act.version = None;
        }
        let answer = matching::answer(&trial.world, &law, &trial.question, trial.now);
        let case = case(&catalogue, seed, &trial, &answer);
        lines.push_str(&format!("{case}\n"));
    }
    let cases = cases::parse("random worlds", &lines).unwrap();
    let results = decisions::run(&cases, catalogue, &Telemetry::new());
    let written: BTreeMap<String, &str> = cases
        .iter()
        .map(|case| case.id.clone())
        .zip(lines.lines())
        .collect();
    for result in &results {
        assert!(
            result.passes() && result.left_out.is_empty(),
            "{}: {:?} {:?}\n{}\n{}",
            result.id,
            result.differences,
            result.left_out,
            written[&result.id],
            String::from_utf8_lossy(&result.body)
        );
    }
}

fn case(catalogue: &Catalogue, seed: u64, trial: &Trial, answer: &Answer) -> Value {
    json!({
        "id": format!("seed {seed}"),
        "title": "random world",
        "now": trial.now.to_string(),
        "given": given(&trial.world),
        "request": request(catalogue, &trial.question),
        "expect": expectation(answer),
    })
}

fn given(world: &World) -> Value {
    let list_as_of: BTreeMap<&String, String> = world
        .list_as_of
        .iter()
        .map(|(list, moment)| (list, moment.to_string()))
        .collect();
    let kind = match world.client.kind {
        ClientKind::Enterprise => "enterprise",
        ClientKind::Authority => "authority",
    };
    json!({
        "entries": world.records.iter().map(record).collect::<Vec<_>>(),
        "client": {
            "unit": "示例单位",
            "kind": kind,
            "scenarios": ["*"],
            "adopts": world.client.adopts,
            "masked_id": if world.client.masked_id_blocks { "block" } else { "review" },
        },
        "acts": world.acts.iter().map(act).collect::<Vec<_>>(),
        "list_as_of": list_as_of,
    })
}

fn record(record: &ListRecord) -> Value {
    json!({
        "entry_id": record.entry_id.as_str(),
        "list": record.list,
        "subject": listed(&record.subject),
        "related": record.related.iter().map(listed).collect::<Vec<_>>(),
        "grade": record.grade,
        "conduct_ended": record.conduct_ended.map(|day| day.to_string()),
        "able_but_refuses": record.able_but_refuses,
        "case_no": record.case_no,
        "authority": record.authority,
        "supplier": record.supplier,
        "submitted_at": record.submitted_at.to_string(),
        "published": record.published.map(|day| day.to_string()),
        "in_force_from": record.in_force_from.to_string(),
        "in_force_until": record.in_force_until.map(|day| day.to_string()),
        "disclosure": record.disclosure.name(),
        "status": record.status.name(),
    })
}

fn listed(party: &ListedParty) -> Value {
    let ids: Vec<Value> = party
        .ids
        .iter()
        .map(|id| {
            let bytes = match id {
                ListedNumber::Full(number) => number.as_bytes(),
                ListedNumber::Masked(number) => number.as_bytes(),
            };
            let number = String::from_utf8(bytes.to_vec()).unwrap();
            json!({"type": id.id_type().name(), "number": number})
        })
        .collect();
    let mut written = json!({"kind": party.kind.name(), "name": party.name, "ids": ids});
    if !party.aliases.is_empty() {
        written["aliases"] = json!(party.aliases);
    }
    if let Some(role) = party.role {
        written["role"] = json!(role.name());
    }
    if let Some(birth) = party.birth_date {
        written["birth_date"] = json!(birth.to_string());
    }
    written
}

fn act(act: &Act) -> Value {
    let (word, outcome) = match act.kind {
        ActKind::Hold => ("hold", None),
        ActKind::Upheld => ("hold_outcome", Some("upheld")),
        ActKind::Corrected => ("hold_outcome", Some("corrected")),
        ActKind::Removed => ("hold_outcome", Some("removed")),
        ActKind::Withdraw => ("withdraw", None),
        ActKind::Repair => ("repair", None),
    };
    let entry_id = act.entry_id.as_str();
    let mut written = json!({"at": act.at.to_string(), "act": word, "entry_id": entry_id});
    if let Some(outcome) = outcome {
        written["outcome"] = json!(outcome);
    }
    written
}

pub fn request(catalogue: &Catalogue, question: &Question) -> Value {
    let scenario = catalogue.find_scenario(&question.scenario).unwrap();
    let kinds = &catalogue.scenario(scenario).attributes;
    let attributes: Map<String, Value> = question
        .attributes
        .iter()
        .map(|(name, text)| {
            let attribute = kinds.iter().find(|known| *known.name == **name).unwrap();
            let value = match attribute.kind {
                AttributeKind::Int { .. } => json!(text.parse::<i64>().unwrap()),
                AttributeKind::Bool => json!(text == "true"),
                _ => json!(text),
            };
            (name.clone(), value)
        })
        .collect();
    let with_reference =
        |kind: Option<&str>| kind.map(|kind| json!({"kind": kind, "reference": "示例文号 1"}));
    json!({
        "scenario": question.scenario,
        "attributes": attributes,
        "subject": asked(&question.subject),
        "related": question.related.iter().map(asked).collect::<Vec<_>>(),
        "purpose": "check",
        "exemption": with_reference(question.exemption.map(|kind| kind.name())),
        "authorisation": with_reference(question.authorisation.map(|kind| kind.name())),
    })
}

fn asked(party: &Asked) -> Value {
    let ids: Vec<Value> = party
        .ids
        .iter()
        .map(|(id_type, number)| json!({"type": id_type.name(), "number": number}))
        .collect();
    let mut written = json!({"kind": party.kind.name(), "name": party.name, "ids": ids});
    if let Some(role) = party.role {
        written["role"] = json!(role.name());
    }
    if let (SubjectKind::Person, Some(birth)) = (party.kind, party.birth_date) {
        written["birth_date"] = json!(birth.to_string());
    }
    written
}

fn expectation(answer: &Answer) -> Value {
    let mut effects: BTreeMap<&String, Decision> = BTreeMap::new();
    let shown = &answer.matches[..answer.matches.len().min(10)];
    for (id, effect) in shown.iter().flat_map(|matched| &matched.applied) {
        let strongest = effects.entry(id).or_insert(*effect);
        *strongest = (*strongest).max(*effect);
    }
    let identity: Vec<&str> = shown
        .iter()
        .map(|matched| matched.identity.name())
        .collect();
    let effects: BTreeMap<_, _> = effects
        .into_iter()
        .map(|(id, effect)| (id, effect.name()))
        .collect();
    json!({
        "status": 200,
        "decision": answer.decision.name(),
        "applied": effects.keys().collect::<Vec<_>>(),
        "match_count": answer.matches.len(),
        "identity": identity,
        "reasons_include": answer.reasons,
        "effects": effects,
        "absent": [],
    })
}
