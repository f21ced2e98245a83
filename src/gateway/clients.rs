//! All clients, and which of them a request comes from.
//!
//! In: the clients file, the catalogue; then what a request brings, and its moment. Out: the unit,
//! or none. What a record names, a request must bring: a token where it names tokens, one of its
//! certificates where it names certificates. A token counts until its last moment, without any
//! reload. Nothing here says why somebody is not recognised.

use super::client::{Client, ClientRole, RecordFault, TOKENS_VALID_MAX};
use super::client_record::{self, ClientRecord, ClientsFileError, PlacedRecord, TokenRecord};
use crate::catalogue::measure::Catalogue;
use crate::limits::table::Limits;
use crate::model::term::{Day, Moment};
use crate::seal::certificate::CertificateHash;
use crate::seal::token::{self, TokenHash};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};

/// Roles that a second factor may be asked for.
const SECOND_FACTOR_ROLES: &[ClientRole] = &[ClientRole::Steward, ClientRole::Admin];
/// A unit whose last token ends within so many hours is warned of.
const WARN_HOURS: i64 = 14 * 24;

/// What a request brings to be recognised by. Not printable: it holds a token.
#[derive(Clone, Copy, Default)]
pub struct Brought<'a> {
    /// The bearer token.
    pub token: Option<&'a str>,
    /// The verified certificate of its connection.
    pub certificate: Option<CertificateHash>,
}

impl<'a> Brought<'a> {
    /// A token alone.
    pub fn token(token: &'a str) -> Self {
        Self {
            token: Some(token),
            certificate: None,
        }
    }
}

/// Why the clients cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// The file.
    #[error(transparent)]
    File(#[from] ClientsFileError),
    /// A record.
    #[error("{}:{line}: client `{unit}`: {fault}", path.display())]
    Record {
        /// The clients file.
        path: PathBuf,
        /// Line in which the record starts.
        line: u32,
        /// The unit as written.
        unit: String,
        /// What is wrong.
        fault: RecordFault,
    },
    /// Two records of one unit.
    #[error("{}:{line}: unit `{unit}` has a record already; keep one of the two", path.display())]
    UnitTwice {
        /// The clients file.
        path: PathBuf,
        /// Line in which the later record starts.
        line: u32,
        /// The unit.
        unit: String,
    },
    /// Two records with one token or certificate.
    #[error(
        "{}:{line}: client `{unit}` has a {what} of client `{other}` (line {other_line}); give \
         each its own",
        path.display()
    )]
    Shared {
        /// The clients file.
        path: PathBuf,
        /// Line in which the later record starts.
        line: u32,
        /// The later unit.
        unit: String,
        /// `token` or `certificate`.
        what: &'static str,
        /// The earlier unit.
        other: Box<str>,
        /// Line in which its record starts.
        other_line: u32,
    },
}

/// How a unit is recognised.
#[derive(Debug)]
struct Known {
    /// Line in which its record starts.
    line: u32,
    asks_for_token: bool,
    asks_for_certificate: bool,
    /// Ends of its tokens; `None` never ends.
    token_ends: Vec<Option<Moment>>,
}

#[derive(Debug, Clone, Copy)]
struct TokenOf {
    client: usize,
    end: Option<Moment>,
}

/// All clients, by token, certificate and unit.
#[derive(Debug, Default)]
pub struct Clients {
    clients: Vec<Client>,
    known: Vec<Known>,
    by_token: HashMap<TokenHash, TokenOf, RandomState>,
    by_certificate: HashMap<CertificateHash, usize>,
    by_unit: HashMap<Box<str>, usize>,
}

impl Clients {
    /// Reads the clients file at `path`. Errors name file, line, unit and what to do.
    pub fn load(path: &Path, catalogue: &Catalogue) -> Result<Self, ClientsError> {
        Self::from_records(path, client_record::read(path)?, catalogue)
    }

    /// From records; `path` is what errors call their file.
    pub fn from_records(
        path: &Path,
        records: Vec<PlacedRecord>,
        catalogue: &Catalogue,
    ) -> Result<Self, ClientsError> {
        let mut all = Self::default();
        for placed in &records {
            let (line, unit) = (placed.line, placed.record.unit.clone());
            let path = path.to_owned();
            let added = all.add(placed, catalogue);
            added.map_err(|fault| match fault {
                AddFault::Record(fault) => ClientsError::Record {
                    path,
                    line,
                    unit,
                    fault,
                },
                AddFault::UnitTwice => ClientsError::UnitTwice { path, line, unit },
                AddFault::Shared(what, other) => ClientsError::Shared {
                    path,
                    line,
                    unit,
                    what,
                    other: all.clients[other].unit.clone(),
                    other_line: all.known[other].line,
                },
            })?;
        }
        Ok(all)
    }

    fn add(&mut self, placed: &PlacedRecord, catalogue: &Catalogue) -> Result<(), AddFault> {
        let record = &placed.record;
        let client = Client::new(record, catalogue)?;
        let place = self.clients.len();
        if self.by_unit.insert(client.unit.clone(), place).is_some() {
            return Err(AddFault::UnitTwice);
        }
        let mut token_ends = Vec::new();
        for token in record.all_tokens() {
            let end = token_end(&token)?;
            let hash = TokenHash::from_hex(&token.sha256).ok_or(RecordFault::TokenHash {
                field: match record
                    .tokens
                    .as_ref()
                    .is_some_and(|own| own.contains(&token))
                {
                    true => "tokens",
                    false => "token_sha256",
                },
            })?;
            let of = TokenOf { client: place, end };
            match self.by_token.insert(hash, of) {
                Some(other) if other.client != place => {
                    return Err(AddFault::Shared("token", other.client));
                }
                _ => token_ends.push(end),
            }
        }
        for text in record.certificate_sha256.iter().flatten() {
            let hash = CertificateHash::from_hex(text).ok_or(RecordFault::CertificateHash)?;
            insert(&mut self.by_certificate, hash, place)?;
        }
        self.clients.push(client);
        self.known.push(Known {
            line: placed.line,
            asks_for_token: record.asks_for_token(),
            asks_for_certificate: record.certificate_sha256.is_some(),
            token_ends,
        });
        Ok(())
    }

    /// The unit that a request at `now` comes from. `None` says nothing of what is missing.
    pub fn authenticate(&self, brought: Brought<'_>, now: Moment) -> Option<&Client> {
        let shown = |of: &CertificateHash| self.by_certificate.get(of).copied();
        let shown = brought.certificate.as_ref().and_then(shown);
        let place = match brought.token {
            Some(token) => {
                // Looked up by hash: how long that takes says nothing about a stored token.
                let of = self.by_token.get(&token::hash(token))?;
                let has_ended = of.end.is_some_and(|end| now >= end);
                (!has_ended).then_some(of.client)?
            }
            None => shown.filter(|place| !self.known[*place].asks_for_token)?,
        };
        if self.known[place].asks_for_certificate && shown != Some(place) {
            return None;
        }
        self.clients.get(place)
    }

    /// The unit of this name.
    pub fn find_unit(&self, unit: &str) -> Option<&Client> {
        self.clients.get(*self.by_unit.get(unit)?)
    }

    /// Gives each unit its limits, with what it has used of them.
    pub fn limit(&mut self, limits: &Limits, now: Moment) {
        for client in &mut self.clients {
            client.limits = Some(limits.of_unit(&client.unit, &client.terms, now));
        }
    }

    /// All units, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter()
    }

    /// Errors: a unit has more valid tokens at `now` than a rotation needs. `path` is what the
    /// error calls the file.
    pub fn has_few_tokens(&self, path: &Path, now: Moment) -> Result<(), ClientsError> {
        for (client, known) in self.clients.iter().zip(&self.known) {
            let valid = |end: &&Option<Moment>| end.is_none_or(|end| now < end);
            let count = known.token_ends.iter().filter(valid).count();
            if count > TOKENS_VALID_MAX {
                return Err(ClientsError::Record {
                    path: path.to_owned(),
                    line: known.line,
                    unit: client.unit.to_string(),
                    fault: RecordFault::TooManyTokens { count },
                });
            }
        }
        Ok(())
    }

    /// Takes the roles that ask for a second factor from every unit that is recognised by one
    /// alone; their names. A request of any other unit has brought both.
    pub fn ask_second_factor(&mut self) -> Vec<Box<str>> {
        let mut without = Vec::new();
        for (client, known) in self.clients.iter_mut().zip(&self.known) {
            let has_both = known.asks_for_token && known.asks_for_certificate;
            let has_role = SECOND_FACTOR_ROLES
                .iter()
                .any(|role| client.has_role(*role));
            if has_role && !has_both {
                client.without_roles(SECOND_FACTOR_ROLES);
                without.push(client.unit.clone());
            }
        }
        without
    }

    /// Units that had a token at `now` and will have none in 14 days, with the end of the last.
    pub fn expiring(&self, now: Moment) -> impl Iterator<Item = (&Client, Moment)> {
        let soon = now.plus_hours(WARN_HOURS);
        self.clients
            .iter()
            .zip(&self.known)
            .filter_map(move |(client, known)| {
                let never = known.token_ends.contains(&None);
                let last = known.token_ends.iter().flatten().copied().max()?;
                (!never && now < last && last <= soon).then_some((client, last))
            })
    }
}

enum AddFault {
    Record(RecordFault),
    UnitTwice,
    /// What is shared, and the place of the other client.
    Shared(&'static str, usize),
}

impl From<RecordFault> for AddFault {
    fn from(fault: RecordFault) -> Self {
        Self::Record(fault)
    }
}

fn insert<K: Hash + Eq>(
    places: &mut HashMap<K, usize>,
    key: K,
    place: usize,
) -> Result<(), AddFault> {
    match places.insert(key, place) {
        Some(other) if other != place => Err(AddFault::Shared("certificate", other)),
        _ => Ok(()),
    }
}

/// The first moment at which a token no longer counts; `None` where there is none. A day counts to
/// its end, Shanghai.
pub fn token_end(token: &TokenRecord) -> Result<Option<Moment>, RecordFault> {
    moment("created", token.created.as_deref())?;
    moment("expires", token.expires.as_deref())
}

/// Whether a token counts at `now`; one whose days cannot be read does not.
pub fn is_valid(token: &TokenRecord, now: Moment) -> bool {
    token_end(token).is_ok_and(|end| end.is_none_or(|end| now < end))
}

/// Tokens of a record that count at `now`.
pub fn valid_tokens(record: &ClientRecord, now: Moment) -> usize {
    record
        .all_tokens()
        .filter(|token| is_valid(token, now))
        .count()
}

fn moment(field: &'static str, text: Option<&str>) -> Result<Option<Moment>, RecordFault> {
    let Some(text) = text else { return Ok(None) };
    let end = Day::parse(text)
        .map(Day::end)
        .or_else(|| Moment::parse(text));
    end.map(Some).ok_or_else(|| RecordFault::TokenDay {
        field,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::load;

    const NOON: &str = "2026-11-28T12:00:00+08:00";

    fn now() -> Moment {
        Moment::parse(NOON).unwrap()
    }

    fn load(text: &str) -> Result<Clients, ClientsError> {
        let path = Path::new("clients.toml");
        let catalogue = load::built_in().unwrap();
        Clients::from_records(path, client_record::parse(path, text)?, &catalogue)
    }

    /// A record of `unit` with these further lines.
    fn record(unit: &str, more: &str) -> String {
        format!(
            "[[client]]\nunit = \"{unit}\"\nkind = \"enterprise\"\nscenarios = [\"*\"]\n\
             roles = [\"checker\", \"admin\"]\n{more}\n"
        )
    }

    fn hex(token: &str) -> String {
        token::hash(token).to_hex()
    }

    fn certificate(seed: u8) -> CertificateHash {
        CertificateHash([seed; 32])
    }

    fn with(token: Option<&str>, seed: Option<u8>) -> Brought<'_> {
        Brought {
            token,
            certificate: seed.map(certificate),
        }
    }

    #[test]
    fn a_token_leads_to_its_unit_and_nothing_else_does() {
        let old = record(
            "rail",
            &format!("token_sha256 = [\"{}\"]", hex("hecha_test")),
        );
        let clients = load(&old).unwrap();
        let found = clients.authenticate(Brought::token("hecha_test"), now());
        assert_eq!(&*found.unwrap().unit, "rail");
        for token in ["", "hecha_test ", "hecha_tesT", &hex("hecha_test")] {
            let found = clients.authenticate(Brought::token(token), now());
            assert!(found.is_none(), "{token}");
        }
        assert!(clients.authenticate(Brought::default(), now()).is_none());
    }

    #[test]
    fn a_token_counts_to_the_end_of_its_last_day_or_to_its_moment() {
        let tokens = format!(
            "tokens = [{{ sha256 = \"{}\", created = \"2026-08-01\", expires = \"2026-11-28\" }}, \
             {{ sha256 = \"{}\", expires = \"2026-11-28T12:00:00+08:00\" }}, \
             {{ sha256 = \"{}\" }}]",
            hex("day"),
            hex("moment"),
            hex("never")
        );
        let clients = load(&record("rail", &tokens)).unwrap();
        let known = |token: &str, at: &str| {
            let at = Moment::parse(at).unwrap();
            clients.authenticate(Brought::token(token), at).is_some()
        };
        assert!(known("day", "2026-11-28T23:59:59+08:00"));
        assert!(!known("day", "2026-11-29T00:00:00+08:00"));
        assert!(known("moment", "2026-11-28T11:59:59+08:00"));
        assert!(!known("moment", NOON));
        assert!(known("never", "2126-11-28T12:00:00+08:00"));
    }

    #[test]
    fn what_a_record_names_a_request_must_bring() {
        let token = |text: &str| format!("tokens = [{{ sha256 = \"{}\" }}]\n", hex(text));
        let shows = |seed: u8| {
            let hash = certificate(seed).to_hex();
            format!("certificate_sha256 = [\"{hash}\"]\n")
        };
        let text = [
            record("token", &token("t")),
            record("both", &(token("b") + &shows(1))),
            record("certificate", &shows(2)),
            // Its tokens were taken away: its certificate stands in for none.
            record("revoked", &("tokens = []\n".to_owned() + &shows(3))),
            record("unshown", &(token("u") + "certificate_sha256 = []\n")),
        ];
        let clients = load(&text.concat()).unwrap();
        for (token, seed, wanted) in [
            (Some("t"), None, Some("token")),
            (Some("t"), Some(2), Some("token")),
            (Some("b"), Some(1), Some("both")),
            (Some("b"), None, None),
            (Some("b"), Some(2), None),
            (Some("b"), Some(9), None),
            (None, Some(1), None),
            (None, Some(2), Some("certificate")),
            (Some("x"), Some(2), None),
            (None, Some(3), None),
            (None, Some(9), None),
            (Some("u"), None, None),
            (None, None, None),
        ] {
            let found = clients.authenticate(with(token, seed), now());
            assert_eq!(found.map(|one| &*one.unit), wanted, "{token:?} {seed:?}");
        }
    }

    #[test]
    fn a_second_factor_is_asked_of_stewards_and_admins_alone() {
        let shown = format!("certificate_sha256 = [\"{}\"]\n", certificate(1).to_hex());
        let token = |text: &str| format!("tokens = [{{ sha256 = \"{}\" }}]\n", hex(text));
        let both = token("b") + &shown;
        let text = record("both", &both) + &record("token", &token("t"));
        let mut clients = load(&text).unwrap();
        assert_eq!(clients.ask_second_factor(), ["token".into()]);
        let roles = |unit: &str| {
            let client = clients.find_unit(unit).unwrap();
            [ClientRole::Checker, ClientRole::Admin].map(|role| client.has_role(role))
        };
        assert_eq!(roles("both"), [true, true]);
        assert_eq!(roles("token"), [true, false]);
    }

    #[test]
    fn units_that_are_about_to_lose_their_last_token_are_named() {
        let token = |text: &str, expires: &str| {
            let hash = hex(text);
            format!("{{ sha256 = \"{hash}\", expires = \"{expires}\" }}")
        };
        let old = format!("token_sha256 = [\"{}\"]\n", hex("o"));
        let text = [
            record("soon", &format!("tokens = [{}]", token("a", "2026-12-11"))),
            record("later", &format!("tokens = [{}]", token("b", "2026-12-12"))),
            record("over", &format!("tokens = [{}]", token("c", "2026-11-27"))),
            record(
                "rotated",
                &format!(
                    "tokens = [{}, {}]",
                    token("d", "2026-12-01"),
                    token("e", "2027-02-01")
                ),
            ),
            record(
                "old",
                &(old + &format!("tokens = [{}]", token("f", "2026-12-01"))),
            ),
        ];
        let clients = load(&text.concat()).unwrap();
        let found: Vec<_> = clients.expiring(now()).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(&*found[0].0.unit, "soon");
        assert_eq!(found[0].1, Day::parse("2026-12-12").unwrap().start());
    }

    #[track_caller]
    fn refuses(text: &str, expected: &str) {
        assert_eq!(load(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn faults_name_their_lines() {
        let one = record("rail", &format!("token_sha256 = [\"{}\"]", hex("a")));
        refuses(
            &one.replace(&hex("a"), "hecha_test"),
            "clients.toml:1: client `rail`: `token_sha256`: not 64 hex digits; store the SHA-256 \
             of the token, not the token",
        );
        refuses(
            &format!("{one}{one}"),
            "clients.toml:7: unit `rail` has a record already; keep one of the two",
        );
        refuses(
            &format!("{one}{}", one.replace("rail", "air")),
            "clients.toml:7: client `air` has a token of client `rail` (line 1); give each its own",
        );
        let shown = format!("certificate_sha256 = [\"{}\"]", certificate(1).to_hex());
        refuses(
            &(record("rail", &shown) + &record("air", &shown)),
            "clients.toml:7: client `air` has a certificate of client `rail` (line 1); give each \
             its own",
        );
        refuses(
            &record("rail", "certificate_sha256 = [\"x\"]"),
            "clients.toml:1: client `rail`: `certificate_sha256`: not 64 hex digits; write what \
             `hecha client certificate UNIT --add FILE` writes",
        );
        let soon = format!(
            "tokens = [{{ sha256 = \"{}\", expires = \"soon\" }}]",
            hex("a")
        );
        refuses(
            &record("rail", &soon),
            "clients.toml:1: client `rail`: `tokens`: `expires` is `soon`; write a day such as \
             2026-11-28, or a moment",
        );
        let three = ["a", "b", "c"].map(|token| format!("\"{}\"", hex(token)));
        let many = record("rail", &format!("token_sha256 = [{}]", three.join(", ")));
        let path = Path::new("clients.toml");
        let error = load(&many)
            .unwrap()
            .has_few_tokens(path, now())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "clients.toml:1: client `rail`: 3 of its tokens are valid, at most 2 may be; take one \
             away with `hecha client revoke`"
        );
    }
}
