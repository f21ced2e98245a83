//! The labelled cases, read into the naive model: a small reader of its own, so that neither
//! `intake` nor `wire` stands between the file and the model.

use crate::naive::question::{Asked, Client, Question, World};
use hecha::identifier::document::FullNumber;
use hecha::identifier::kind::IdType;
use hecha::identifier::mask::ListedNumber;
use hecha::model::decision::{AuthorisationKind, ExemptionKind};
use hecha::model::entry::{Act, ActKind, Disclosure, EntryId, ListRecord, ListedParty, Status};
use hecha::model::subject::{ClientKind, Role, SubjectKind};
use hecha::model::term::{Day, Moment};
use serde_json::Value;

/// One case with status 200.
pub struct Case {
    pub id: String,
    pub now: Moment,
    pub world: World,
    pub question: Question,
    pub expect: Value,
}

/// The project's copy of the cases.
pub const PATH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/decision-cases.ndjson"
);

/// All cases that are answered, and how many are refused (403, 422).
pub fn answered() -> (Vec<Case>, usize) {
    let text = std::fs::read_to_string(PATH).unwrap();
    let mut refused = 0;
    let mut cases = Vec::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        if value["expect"]["status"] == 200 {
            cases.push(case(&value));
        } else {
            refused += 1;
        }
    }
    (cases, refused)
}

fn case(value: &Value) -> Case {
    let given = &value["given"];
    let client = &given["client"];
    let list_as_of = given["list_as_of"].as_object().unwrap();
    Case {
        id: text(&value["id"]),
        now: moment(&value["now"]),
        world: World {
            records: array(&given["entries"]).map(record).collect(),
            acts: array(&given["acts"]).map(act).collect(),
            list_as_of: list_as_of
                .iter()
                .map(|(list, at)| (list.clone(), moment(at)))
                .collect(),
            client: Client {
                kind: ClientKind::parse(&text(&client["kind"])).unwrap(),
                adopts: array(&client["adopts"]).map(text).collect(),
                masked_id_blocks: client["masked_id"] == "block",
            },
        },
        question: question(&value["request"]),
        expect: value["expect"].clone(),
    }
}

fn record(value: &Value) -> ListRecord {
    ListRecord {
        entry_id: EntryId(text(&value["entry_id"]).into()),
        list: text(&value["list"]).into(),
        subject: listed(&value["subject"]),
        related: array(&value["related"]).map(listed).collect(),
        grade: some_text(&value["grade"]),
        conduct: some_text(&value["conduct"]),
        conduct_ended: some_day(&value["conduct_ended"]),
        able_but_refuses: value["able_but_refuses"].as_bool(),
        case_no: text(&value["case_no"]).into(),
        authority: text(&value["authority"]).into(),
        region: some_text(&value["region"]),
        supplier: text(&value["supplier"]).into(),
        submitted_at: moment(&value["submitted_at"]),
        published: some_day(&value["published"]),
        in_force_from: some_day(&value["in_force_from"]).unwrap(),
        in_force_until: some_day(&value["in_force_until"]),
        retained_basis: some_text(&value["retained_basis"]),
        disclosure: Disclosure::parse(&text(&value["disclosure"])).unwrap(),
        status: Status::parse(&text(&value["status"])).unwrap(),
        recourse: some_text(&value["recourse"]),
    }
}

fn listed(value: &Value) -> ListedParty {
    ListedParty {
        kind: SubjectKind::parse(&text(&value["kind"])).unwrap(),
        name: text(&value["name"]).into(),
        aliases: array(&value["aliases"]).map(|v| text(v).into()).collect(),
        ids: array(&value["ids"])
            .map(|id| {
                let id_type = IdType::parse(&text(&id["type"])).unwrap();
                ListedNumber::parse(id_type, &text(&id["number"])).unwrap()
            })
            .collect(),
        birth_date: some_day(&value["birth_date"]),
        role: value["role"].as_str().and_then(Role::parse),
    }
}

fn act(value: &Value) -> Act {
    let kind = match (text(&value["act"]).as_str(), value["outcome"].as_str()) {
        ("hold", None) => ActKind::Hold,
        ("hold_outcome", Some("upheld")) => ActKind::Upheld,
        ("hold_outcome", Some("corrected")) => ActKind::Corrected,
        ("hold_outcome", Some("removed")) => ActKind::Removed,
        ("withdraw", None) => ActKind::Withdraw,
        ("repair", None) => ActKind::Repair,
        other => panic!("act {other:?}"),
    };
    Act {
        entry_id: EntryId(text(&value["entry_id"]).into()),
        kind,
        at: moment(&value["at"]),
        version: None,
    }
}

fn question(value: &Value) -> Question {
    let attributes = value["attributes"].as_object().unwrap();
    let written = |value: &Value| match value.as_str() {
        Some(word) => word.to_string(),
        None => value.to_string(),
    };
    let kind = |value: &Value| value["kind"].as_str().map(str::to_string);
    Question {
        scenario: text(&value["scenario"]),
        attributes: attributes
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), written(value)))
            .collect(),
        subject: asked(&value["subject"]),
        related: array(&value["related"]).map(asked).collect(),
        exemption: kind(&value["exemption"]).map(|word| ExemptionKind::parse(&word).unwrap()),
        authorisation: kind(&value["authorisation"])
            .map(|word| AuthorisationKind::parse(&word).unwrap()),
    }
}

fn asked(value: &Value) -> Asked {
    Asked {
        kind: SubjectKind::parse(&text(&value["kind"])).unwrap(),
        name: text(&value["name"]),
        ids: array(&value["ids"])
            .map(|id| {
                let id_type = IdType::parse(&text(&id["type"])).unwrap();
                let number = FullNumber::parse(id_type, &text(&id["number"])).unwrap();
                let number = String::from_utf8(number.as_bytes().to_vec()).unwrap();
                (id_type, number)
            })
            .collect(),
        birth_date: some_day(&value["birth_date"]),
        role: value["role"].as_str().and_then(Role::parse),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_string()
}

fn some_text(value: &Value) -> Option<Box<str>> {
    value.as_str().map(Into::into)
}

fn some_day(value: &Value) -> Option<Day> {
    value.as_str().map(|day| Day::parse(day).unwrap())
}

fn moment(value: &Value) -> Moment {
    Moment::parse(value.as_str().unwrap()).unwrap()
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
