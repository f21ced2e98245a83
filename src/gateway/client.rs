//! One client as used: what that unit may ask, what it has adopted.
//!
//! In: a client record, the catalogue. Out: `Client`. Carries policy, decides nothing about who is
//! blocked. Bound to one catalogue: a new catalogue needs the record read again. Contract, section
//! 4; decision rules 1.1. Not here: how a unit is recognised (`clients.rs`).

use super::client_limits::{self, TermsFault};
use super::client_record::ClientRecord;
use crate::catalogue::measure::Catalogue;
use crate::catalogue::scenario::ScenarioIndex;
use crate::check::request::Policy;
use crate::limits::table::Terms;
use crate::limits::unit::UnitLimits;
use crate::model::decision::Level;
use crate::model::subject::ClientKind;
use crate::wire::fields::{Field, Fields};
use std::sync::Arc;

/// Characters of a unit's name at most.
pub const UNIT_CHARS_MAX: usize = 200;
/// Tokens of a unit that are valid at the same time at most: the old and the new one.
pub const TOKENS_VALID_MAX: usize = 2;

/// What a unit may do. Contract, section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientRole {
    /// check, checks, scan, feedback, measures, scenarios.
    Checker = 0,
    /// Entries, acts, snapshots.
    Steward = 1,
    /// Log; reading entries.
    Auditor = 2,
    /// Clients, reload.
    Admin = 3,
}

impl ClientRole {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Checker, Self::Steward, Self::Auditor, Self::Admin];

    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Checker => "checker",
            Self::Steward => "steward",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// From the word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == word)
    }
}

/// One unit.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its name.
    pub unit: Box<str>,
    /// Enterprise or authority.
    pub kind: ClientKind,
    /// What a decision depends on.
    pub policy: Policy,
    /// Least durability of a record before its answer is sent; a decision may ask for more.
    pub level_min: Level,
    /// Fields of a match that its answers show.
    pub fields: Fields,
    /// Whether a request must name its operator.
    pub operator_required: bool,
    /// Its limits, as written.
    pub terms: Terms,
    /// Its limits, once it is a unit of a gateway that serves.
    pub limits: Option<Arc<UnitLimits>>,
    /// BLAKE3 of the record without its tokens: names the policy in every log record.
    pub policy_hash: [u8; 32],
    scenarios: ScenarioGrant,
    purposes: Option<Box<[Box<str>]>>,
    roles: u8,
}

#[derive(Debug, Clone)]
enum ScenarioGrant {
    All,
    /// One bit each.
    Some(Box<[u64]>),
}

/// What is wrong with one record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// No name, too long a one, or one with control characters.
    #[error("`unit` is no name: write 1 to {UNIT_CHARS_MAX} characters, no space at either end")]
    Unit,
    /// A word that is not among those allowed.
    #[error("`{field}`: unknown word `{word}`; write one of: {allowed}")]
    Word {
        /// Field of the record.
        field: &'static str,
        /// As written.
        word: String,
        /// All that would do, separated by commas.
        allowed: String,
    },
    /// A scenario the catalogue does not have.
    #[error("`scenarios`: unknown scenario `{id}`; correct it, or write * for all")]
    Scenario {
        /// As written.
        id: String,
    },
    /// A measure the catalogue does not have.
    #[error("`adopts`: unknown measure `{id}`; `GET /v1/measures` names them all")]
    Measure {
        /// As written.
        id: String,
    },
    /// An empty list of purposes.
    #[error("`purposes` is empty, which would refuse everything; leave it out to allow any")]
    NoPurposes,
    /// A limit.
    #[error(transparent)]
    Limits(#[from] TermsFault),
    /// Not a hash.
    #[error("`{field}`: not 64 hex digits; store the SHA-256 of the token, not the token")]
    TokenHash {
        /// Field of the record.
        field: &'static str,
    },
    /// Not a hash.
    #[error(
        "`certificate_sha256`: not 64 hex digits; write what `hecha client certificate UNIT --add \
         FILE` writes"
    )]
    CertificateHash,
    /// Not a day.
    #[error("`tokens`: `{field}` is `{text}`; write a day such as 2026-11-28, or a moment")]
    TokenDay {
        /// Field of the token.
        field: &'static str,
        /// As written.
        text: String,
    },
    /// More tokens than a rotation needs.
    #[error(
        "{count} of its tokens are valid, at most {TOKENS_VALID_MAX} may be; take one away with \
         `hecha client revoke`"
    )]
    TooManyTokens {
        /// How many.
        count: usize,
    },
}

impl Client {
    /// Understands a record. Its tokens are not kept here.
    pub fn new(record: &ClientRecord, catalogue: &Catalogue) -> Result<Self, RecordFault> {
        let chars = record.unit.chars().count();
        let unclean = record.unit.trim() != record.unit || record.unit.contains(char::is_control);
        if chars == 0 || chars > UNIT_CHARS_MAX || unclean {
            return Err(RecordFault::Unit);
        }
        let kinds = [ClientKind::Enterprise, ClientKind::Authority].map(|k| (k.name(), k));
        let kind = word("kind", &record.kind, &kinds)?;
        let levels = [Level::Kernel, Level::Disk].map(|level| (level.name(), level));
        let level_min = word_or("level", record.level.as_deref(), &levels, Level::Kernel)?;
        let masked = [("review", false), ("block", true)];
        let masked_id_blocks = word_or("masked_id", record.masked_id.as_deref(), &masked, false)?;
        let role_words = ClientRole::ALL.map(|role| (role.name(), role));
        let mut roles = 0;
        for role in &record.roles {
            roles |= 1 << word("roles", role, &role_words)? as u8;
        }
        if record.purposes.as_ref().is_some_and(Vec::is_empty) {
            return Err(RecordFault::NoPurposes);
        }
        let purposes = record.purposes.as_ref();
        Ok(Self {
            unit: record.unit.as_str().into(),
            kind,
            policy: Policy {
                kind,
                adopts: adopted(&record.adopts, catalogue)?,
                masked_id_blocks,
            },
            level_min,
            fields: shown_fields(record.fields.as_deref())?,
            operator_required: record.operator_required,
            terms: client_limits::terms(record)?,
            limits: None,
            policy_hash: policy_hash(record),
            scenarios: granted(&record.scenarios, catalogue)?,
            purposes: purposes.map(|all| all.iter().map(|one| one.as_str().into()).collect()),
            roles,
        })
    }

    /// Whether the unit may ask about this scenario. Decision rules 1.1.
    pub fn grants_scenario(&self, scenario: ScenarioIndex) -> bool {
        match &self.scenarios {
            ScenarioGrant::All => true,
            ScenarioGrant::Some(bits) => has_bit(bits, scenario.0),
        }
    }

    /// Whether a request with this purpose is granted; a unit without purposes: any, or none.
    pub fn grants_purpose(&self, purpose: Option<&str>) -> bool {
        match (&self.purposes, purpose) {
            (None, _) => true,
            (Some(granted), Some(purpose)) => granted.iter().any(|one| &**one == purpose),
            (Some(_), None) => false,
        }
    }

    /// Takes these roles away.
    pub(super) fn without_roles(&mut self, roles: &[ClientRole]) {
        for role in roles {
            self.roles &= !(1 << *role as u8);
        }
    }

    /// Whether the unit has this role.
    pub fn has_role(&self, role: ClientRole) -> bool {
        self.roles & (1 << role as u8) != 0
    }
}

fn shown_fields(words: Option<&[String]>) -> Result<Fields, RecordFault> {
    let Some(words) = words else {
        return Ok(Fields::ALL);
    };
    let choices = Field::ALL.map(|field| (field.name(), field));
    words.iter().try_fold(Fields::NONE, |fields, text| {
        Ok(fields.with(word("fields", text, &choices)?))
    })
}

fn word<T: Copy>(
    field: &'static str,
    word: &str,
    choices: &[(&'static str, T)],
) -> Result<T, RecordFault> {
    let chosen = choices.iter().find(|(name, _)| *name == word);
    chosen.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        RecordFault::Word {
            field,
            word: word.into(),
            allowed: names.join(", "),
        }
    })
}

fn word_or<T: Copy>(
    field: &'static str,
    written: Option<&str>,
    choices: &[(&'static str, T)],
    absent: T,
) -> Result<T, RecordFault> {
    written.map_or(Ok(absent), |text| word(field, text, choices))
}

fn granted(ids: &[String], catalogue: &Catalogue) -> Result<ScenarioGrant, RecordFault> {
    let mut bits = vec![0; catalogue.scenarios.len().div_ceil(64)];
    let mut all = false;
    for id in ids {
        match catalogue.find_scenario(id) {
            Some(index) => set_bit(&mut bits, index.0),
            None if id == "*" => all = true,
            None => return Err(RecordFault::Scenario { id: id.clone() }),
        }
    }
    Ok(if all {
        ScenarioGrant::All
    } else {
        ScenarioGrant::Some(bits.into())
    })
}

fn adopted(ids: &[String], catalogue: &Catalogue) -> Result<Box<[u64]>, RecordFault> {
    let mut bits = vec![0; catalogue.measures.len().div_ceil(64)];
    for id in ids {
        let index = catalogue.find_measure(id);
        let index = index.ok_or_else(|| RecordFault::Measure { id: id.clone() })?;
        set_bit(&mut bits, index.0);
    }
    Ok(bits.into())
}

fn set_bit(bits: &mut [u64], place: u16) {
    if let Some(word) = bits.get_mut(usize::from(place) / 64) {
        *word |= 1 << (place % 64);
    }
}

fn has_bit(bits: &[u64], place: u16) -> bool {
    let word = bits.get(usize::from(place) / 64).copied().unwrap_or(0);
    word & (1 << (place % 64)) != 0
}

/// BLAKE3 over all fields but the tokens; the order of words inside a field does not matter.
pub fn policy_hash(record: &ClientRecord) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("hecha client policy 1");
    let mut field = |words: &[&str]| {
        let mut words = words.to_vec();
        words.sort_unstable();
        words.dedup();
        hasher.update(&(words.len() as u64).to_le_bytes());
        for word in words {
            hasher.update(&(word.len() as u64).to_le_bytes());
            hasher.update(word.as_bytes());
        }
    };
    let rate = record.rate.map(|rate| rate.to_string());
    field(&[&record.unit]);
    field(&[&record.kind]);
    field(&refs(&record.scenarios));
    field(&record.purposes.as_deref().map(refs).unwrap_or_default());
    field(&refs(&record.roles));
    field(&rate.as_deref().map(|rate| vec![rate]).unwrap_or_default());
    field(&refs(&record.adopts));
    field(&[record.masked_id.as_deref().unwrap_or("review")]);
    field(&[record.level.as_deref().unwrap_or("kernel")]);
    // Only where it is written: the hash of older records stays.
    if let Some(fields) = &record.fields {
        field(&refs(fields));
    }
    if record.operator_required {
        field(&["operator_required"]);
    }
    let figures = [
        ("burst", record.burst),
        ("daily_subjects", record.daily_subjects),
    ];
    for (name, figure) in figures {
        if let Some(figure) = figure {
            field(&[name, &figure.to_string()]);
        }
    }
    if let Some(word) = &record.enumeration {
        field(&["enumeration", word]);
    }
    *hasher.finalize().as_bytes()
}

fn refs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::load;

    fn record() -> ClientRecord {
        ClientRecord {
            unit: "rail".into(),
            kind: "enterprise".into(),
            scenarios: vec!["*".into()],
            roles: vec!["checker".into()],
            ..ClientRecord::default()
        }
    }

    fn client(change: impl FnOnce(&mut ClientRecord)) -> Result<Client, RecordFault> {
        let mut record = record();
        change(&mut record);
        Client::new(&record, &load::built_in().unwrap())
    }

    #[test]
    fn grants_are_those_of_the_record() {
        let catalogue = load::built_in().unwrap();
        let rail = catalogue.find_scenario("rail.ticket").unwrap();
        let air = catalogue.find_scenario("air.ticket").unwrap();
        let client_of = |change: fn(&mut ClientRecord)| client(change).unwrap();
        let client = client_of(|record| {
            record.scenarios = vec!["rail.ticket".into()];
            record.purposes = Some(vec!["ticket sale".into()]);
            record.level = Some("disk".into());
            record.adopts = vec!["serious-finance-found".into()];
            record.masked_id = Some("block".into());
            record.rate = Some(50);
        });
        assert!(client.grants_scenario(rail) && !client.grants_scenario(air));
        assert!(client.grants_purpose(Some("ticket sale")));
        assert!(!client.grants_purpose(Some("Ticket sale")) && !client.grants_purpose(None));
        assert!(client.has_role(ClientRole::Checker) && !client.has_role(ClientRole::Admin));
        assert_eq!(client.level_min, Level::Disk);
        assert_eq!(client.terms.rate, Some(50));
        assert!(client.policy.masked_id_blocks);
        let adopted = catalogue.find_measure("serious-finance-found").unwrap();
        assert!(client.policy.has_adopted(adopted.0));
        assert!(!client.policy.has_adopted(adopted.0 + 1));

        let client = client_of(|_| ());
        assert!(client.grants_scenario(rail) && client.grants_scenario(air));
        assert!(client.grants_purpose(None) && client.grants_purpose(Some("any")));
        assert_eq!(client.level_min, Level::Kernel);
        assert!(!client.policy.masked_id_blocks);
    }

    #[test]
    fn the_policy_hash_follows_the_policy_and_not_the_tokens() {
        let plain = ClientRecord {
            unit: "a".into(),
            scenarios: vec!["x".into(), "y".into()],
            ..ClientRecord::default()
        };
        let hash = policy_hash(&plain);
        let changed = |change: fn(&mut ClientRecord)| {
            let mut record = plain.clone();
            change(&mut record);
            policy_hash(&record)
        };
        assert_eq!(changed(|r| r.token_sha256 = Some(vec!["1".into()])), hash);
        assert_eq!(changed(|r| r.scenarios.reverse()), hash);
        assert_eq!(changed(|r| r.level = Some("kernel".into())), hash);
        assert_ne!(changed(|r| r.level = Some("disk".into())), hash);
        assert_ne!(changed(|r| r.masked_id = Some("block".into())), hash);
        assert_ne!(changed(|r| r.adopts = vec!["m".into()]), hash);
        assert_ne!(changed(|r| r.purposes = Some(vec!["p".into()])), hash);
        assert_ne!(changed(|r| r.roles = vec!["admin".into()]), hash);
        assert_ne!(changed(|r| r.rate = Some(1)), hash);
        assert_ne!(changed(|r| r.fields = Some(Vec::new())), hash);
        assert_ne!(changed(|r| r.operator_required = true), hash);
        assert_ne!(changed(|r| r.scenarios = vec!["xy".into()]), hash);
    }

    #[track_caller]
    fn refuses(change: impl FnOnce(&mut ClientRecord), expected: &str) {
        assert_eq!(client(change).unwrap_err().to_string(), expected);
    }

    #[test]
    fn faults_in_a_record_are_named() {
        refuses(
            |record| record.scenarios = vec!["rail".into()],
            "`scenarios`: unknown scenario `rail`; correct it, or write * for all",
        );
        refuses(
            |record| record.adopts = vec!["x".into()],
            "`adopts`: unknown measure `x`; `GET /v1/measures` names them all",
        );
        refuses(
            |record| record.level = Some("tape".into()),
            "`level`: unknown word `tape`; write one of: kernel, disk",
        );
        refuses(
            |record| record.masked_id = Some("limit".into()),
            "`masked_id`: unknown word `limit`; write one of: review, block",
        );
        refuses(
            |record| record.rate = Some(0),
            "`rate` 0 is not between 1 and 1000000 requests a second",
        );
        refuses(
            |record| record.purposes = Some(Vec::new()),
            "`purposes` is empty, which would refuse everything; leave it out to allow any",
        );
        refuses(
            |record| record.roles = vec!["boss".into()],
            "`roles`: unknown word `boss`; write one of: checker, steward, auditor, admin",
        );
        refuses(
            |record| record.kind = "firm".into(),
            "`kind`: unknown word `firm`; write one of: enterprise, authority",
        );
        refuses(
            |record| record.unit.clear(),
            "`unit` is no name: write 1 to 200 characters, no space at either end",
        );
    }
}
