//! The one running gateway that tests share which neither swap its list nor stop it.
//!
//! All records of all tests stand on its list; each test asks about, and acts on, its own. It
//! lives as long as a test holds it.

use crate::cases::Answered;
use crate::harness::{Installation, Server};
use crate::http::{Answer, Request};
use crate::{disclosure, effect, everything, identity, leaks, log, objection, systems};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, Weak};

static SHARED: Mutex<Weak<World>> = Mutex::new(Weak::new());

/// Installation, gateway, tokens of units.
pub struct World {
    pub installation: Installation,
    pub server: Server,
    /// An enterprise with every role and scenario.
    pub everybody: String,
    /// An authority that may check everything.
    pub authority: String,
    /// An enterprise that has adopted every measure.
    pub adopter: String,
    /// An enterprise that may only check.
    pub checker: String,
    pub steward: String,
    pub auditor: String,
    /// A hotel: its own scenario and purpose.
    pub hotel: String,
}

/// The shared gateway.
pub fn world() -> Arc<World> {
    let mut shared = SHARED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(world) = shared.upgrade() {
        return world;
    }
    let world = Arc::new(World::new());
    *shared = Arc::downgrade(&world);
    world
}

impl World {
    fn new() -> Self {
        let mut installation = Installation::new();
        // One unit asks for all tests about invented people of one region: it is only watched.
        installation.more_config = "enumeration = \"watch\"\n".to_owned();
        let records = [
            identity::records(),
            effect::records(),
            objection::records(),
            disclosure::records(),
            everything::records(),
            leaks::records(),
            log::records(),
            systems::records(),
        ];
        installation.publish(records.concat());
        let measures = crate::catalogue::table("measures.tsv");
        let ids: Vec<String> = measures.iter().map(|row| row["id"].clone()).collect();
        let of_roles = |unit: &str, roles: &[&str]| {
            let roles = roles.iter().map(|role| (*role).to_owned()).collect();
            installation.client(unit, |client| client.roles = roles)
        };
        Self {
            authority: installation.client("机关", |client| client.kind = "authority".to_owned()),
            adopter: installation.client("已采纳单位", |client| client.adopts = ids),
            checker: of_roles("核查单位", &["checker"]),
            steward: of_roles("管理单位", &["steward"]),
            auditor: of_roles("审计单位", &["auditor"]),
            hotel: installation.client("酒店", |client| {
                client.scenarios = vec!["hotel.stay".to_owned()];
                client.purposes = Some(vec!["check-in".to_owned()]);
                client.roles = vec!["checker".to_owned()];
            }),
            everybody: installation.token.clone(),
            server: installation.serve(),
            installation,
        }
    }

    /// One question on a connection of its own.
    pub fn ask(&self, token: &str, question: &Value) -> Answered {
        answered(&self.server.ask(token, question))
    }

    /// Many questions in as few requests as can be; answers in order.
    pub fn ask_all(&self, token: &str, questions: &[Value]) -> Vec<Answered> {
        questions
            .chunks(1_000)
            .flat_map(|chunk| ask_many(&self.server, token, chunk))
            .collect()
    }
}

/// A request to the operators' listener.
pub fn operate(server: &Server, token: &str, path: &str, body: Value) -> Answer {
    Request::post(path, body.to_string())
        .token(token)
        .send(server.ops)
}

/// An answer over HTTP as the tests look at it.
pub fn answered(answer: &Answer) -> Answered {
    Answered {
        status: u64::from(answer.status),
        body: answer.json(),
    }
}

/// Up to a thousand questions at once.
pub fn ask_many(server: &Server, token: &str, questions: &[Value]) -> Vec<Answered> {
    let body = json!({ "checks": questions }).to_string();
    let answer = Request::post("/v1/checks", body)
        .token(token)
        .send(server.checks);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answers = answer.json()["answers"].as_array().unwrap().clone();
    assert_eq!(answers.len(), questions.len());
    answers
        .into_iter()
        .map(|body| Answered {
            status: body["status"].as_u64().unwrap_or(200),
            body,
        })
        .collect()
}
