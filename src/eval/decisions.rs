//! `hecha eval decisions`: every case through the whole pipeline, in process.
//!
//! In: cases, the catalogue. Out: for each case the very status and body that HTTP would send, and
//! how they differ from what was expected. List records pass intake, are built into a snapshot in
//! memory, acts go into an overlay, the request goes through `gateway::question`. Decision rules 7.
//! Nothing is decided here; no file is read or written.

use super::cases::{Case, Client as CaseClient};
use super::judgement;
use crate::build;
use crate::build::inputs::{AsOf, BuildError, BuildInputs};
use crate::catalogue::measure::Catalogue;
use crate::decision_log::record::CHECK_ID_CHARS;
use crate::gateway::client::{Client, ClientRole, RecordFault};
use crate::gateway::client_record::ClientRecord;
use crate::gateway::clients::Clients;
use crate::gateway::question;
use crate::gateway::view::{Law, Loaded, View};
use crate::index::binding::BindingError;
use crate::intake::validate;
use crate::model::decision::Level;
use crate::model::language::Language;
use crate::overlay::standing::Overlay;
use crate::seal::keys::MasterKey;
use crate::snapshot::open::Snapshot;
use crate::snapshot::tables::OpenError;
use crate::telemetry::Telemetry;
use crate::wire::answer::patch_record;
use rayon::prelude::*;
use std::sync::Arc;

/// Cases bring synthetic data and their snapshots never leave memory: a key of no worth.
const WORTHLESS_KEY: [u8; 32] = [0; 32];

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// Name of the case.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// Status as HTTP would send it; 0 where the case could not be set up.
    pub status: u16,
    /// Body as HTTP would send it.
    pub body: Vec<u8>,
    /// Entries that intake or build left out, and why.
    pub left_out: Vec<String>,
    /// How the answer differs from what was expected; none where the case passes.
    pub differences: Vec<String>,
}

impl CaseResult {
    /// Whether everything was as expected.
    pub fn passes(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Why a case cannot be set up.
#[derive(Debug, thiserror::Error)]
enum SetUpFault {
    #[error("given.client: {0}")]
    Client(#[from] RecordFault),
    #[error("given.entries: {0}")]
    Build(#[from] BuildError),
    #[error("given.entries: the snapshot does not open: {0}")]
    Open(#[from] OpenError),
    #[error("given: {0}")]
    Binding(#[from] BindingError),
}

/// Runs all cases, in their order, on all cores.
pub fn run(cases: &[Case], catalogue: Catalogue, telemetry: &Telemetry) -> Vec<CaseResult> {
    let law = Arc::new(Law::new(catalogue, Clients::default(), telemetry));
    cases.par_iter().map(|case| run_one(case, &law)).collect()
}

fn run_one(case: &Case, law: &Arc<Law>) -> CaseResult {
    let mut result = CaseResult {
        id: case.id.clone(),
        title: case.title.clone(),
        status: 0,
        body: Vec::new(),
        left_out: Vec::new(),
        differences: Vec::new(),
    };
    match set_up(case, law, &mut result.left_out) {
        Ok((view, client)) => {
            (result.status, result.body) = answer(case, &view, &client);
            result.differences = judgement::differences(&case.expect, result.status, &result.body);
        }
        Err(fault) => result
            .differences
            .push(format!("cannot be set up: {fault}")),
    }
    result
}

fn answer(case: &Case, view: &View, client: &Client) -> (u16, Vec<u8>) {
    let body = case.request.get().as_bytes();
    match question::answer(view, client, body, Language::default(), case.now) {
        Ok(answered) => {
            let mut body = answered.body;
            patch_record(&mut body, &check_id(case), 0);
            (200, body)
        }
        Err(problem) => (problem.status(), problem.to_body()),
    }
}

fn set_up(
    case: &Case,
    law: &Arc<Law>,
    left_out: &mut Vec<String>,
) -> Result<(View, Client), SetUpFault> {
    let catalogue = &law.catalogue;
    let client = Client::new(&client_record(&case.client), catalogue)?;
    let mut records = Vec::with_capacity(case.entries.len());
    for (place, entry) in case.entries.iter().enumerate() {
        match validate::parse_record(entry.get(), catalogue) {
            Ok(record) => records.push(record),
            Err(fault) => left_out.push(format!("entries[{place}]: {fault}")),
        }
    }
    let master = MasterKey::from_bytes(WORTHLESS_KEY);
    let mut inputs = BuildInputs::new("evaluation", master, catalogue, [0; 32], case.now);
    inputs.as_of = case
        .list_as_of
        .iter()
        .map(|(list, moment)| AsOf {
            list: Some(list.as_str().into()),
            moment: *moment,
        })
        .collect();
    let valid = records.len();
    let snapshot = Snapshot::from_bytes(build::build_records(records, &inputs)?)?;
    if (snapshot.entry_count() as usize) < valid {
        let entries = snapshot.entry_count();
        left_out.push(format!("{entries} of {valid} valid entries were built"));
    }
    let loaded = Loaded::new(snapshot, &inputs.master, None);
    let overlay = Overlay::from_acts(case.acts.iter().cloned());
    let view = View::new(
        Arc::new(loaded),
        Arc::clone(law),
        Arc::new(overlay),
        case.now,
    )?;
    Ok((view, client))
}

fn client_record(client: &CaseClient) -> ClientRecord {
    ClientRecord {
        unit: client.unit.clone(),
        kind: client.kind.name().to_string(),
        scenarios: client.scenarios.clone(),
        purposes: client.purposes.clone(),
        roles: vec![ClientRole::Checker.name().to_string()],
        adopts: client.adopts.clone(),
        masked_id: client.masked_id_blocks.then(|| "block".to_string()),
        level: (client.level == Level::Disk).then(|| Level::Disk.name().to_string()),
        ..ClientRecord::default()
    }
}

/// A check_id as the log would give one: of the moment of the check, told apart by the line.
fn check_id(case: &Case) -> [u8; CHECK_ID_CHARS] {
    let milliseconds = u64::try_from(case.now.as_millis()).unwrap_or(0);
    let mut rest = [0; 10];
    rest[2..].copy_from_slice(&case.line.to_be_bytes());
    let id = uuid::Builder::from_unix_timestamp_millis(milliseconds, &rest).into_uuid();
    let mut text = [0; CHECK_ID_CHARS];
    id.hyphenated().encode_lower(&mut text);
    text
}
