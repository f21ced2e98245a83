//! Tokens and certificates given to units and taken away, in the clients file.
//!
//! In: the file, a unit, what to change. Out: the file with that changed and everything else, with
//! its comments and order, as it was; a new token, once. Whole or not at all, and one command after
//! the other. The gateway notices the new file by itself.

use super::client::TOKENS_VALID_MAX;
use super::client_record::{self, ClientRecord, ClientsFileError, PlacedRecord, TokenRecord};
use super::clients::{Clients, ClientsError, is_valid, token_end};
use crate::catalogue::measure::Catalogue;
use crate::model::term::{Day, Moment};
use crate::seal::certificate::CertificateHash;
use crate::seal::entropy::Entropy;
use crate::seal::token;
use std::path::{Path, PathBuf};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

/// Fewest digits of a hash that name a token.
pub const PREFIX_DIGITS_MIN: usize = 4;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file, or a record in it.
    #[error(transparent)]
    Clients(#[from] ClientsError),
    /// No such unit.
    #[error("{}: there is no unit `{unit}`; `hecha client list` shows them", path.display())]
    UnknownUnit {
        /// The clients file.
        path: PathBuf,
        /// As asked for.
        unit: String,
    },
    /// The records do not stand in tables of their own.
    #[error(
        "{}: write each record as a table `[[client]]`, then it can be changed by commands",
        path.display()
    )]
    Layout {
        /// The clients file.
        path: PathBuf,
    },
    /// A third token.
    #[error(
        "unit `{unit}` has {valid} valid tokens already; take one away with `hecha client \
         revoke`, or say --drop-oldest"
    )]
    ThirdToken {
        /// The unit.
        unit: String,
        /// How many.
        valid: usize,
    },
    /// No token, or several, where one is meant.
    #[error(
        "{found} tokens of unit `{unit}` fit; `hecha client list` shows the first digits of each \
         token's SHA-256 and the day it was made"
    )]
    NotOne {
        /// The unit.
        unit: String,
        /// How many.
        found: usize,
    },
    /// A certificate that is there, or one that is not.
    #[error("unit `{unit}` {has} the certificate {hash}; nothing to change")]
    Certificate {
        /// The unit.
        unit: String,
        /// `has` or `has not`.
        has: &'static str,
        /// As asked for.
        hash: String,
    },
}

impl From<ClientsFileError> for EditError {
    fn from(error: ClientsFileError) -> Self {
        Self::Clients(error.into())
    }
}

/// The clients file and what a record in it must keep to.
#[derive(Clone, Copy)]
pub struct ClientsFile<'a> {
    /// The file.
    pub path: &'a Path,
    /// Scenarios and measures that records name.
    pub catalogue: &'a Catalogue,
    /// The moment it is.
    pub now: Moment,
}

/// Which tokens of a unit are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// Each of them.
    All,
    /// The one whose SHA-256 begins so.
    Prefix(String),
    /// Each that was made on this day.
    Created(String),
}

/// What a rotation does besides giving a new token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Last day of the new token; `None` never expires.
    pub expires: Option<Day>,
    /// Days that the tokens there are still count after today; 0: they are taken away at once.
    pub overlap_days: u32,
    /// Takes the oldest away where two are valid.
    pub drop_oldest: bool,
}

impl ClientsFile<'_> {
    /// Adds a record, with a new token where `expires` is given (`Some(None)`: one that never
    /// expires). Returns the token, which is stored nowhere.
    pub fn add(
        self,
        mut record: ClientRecord,
        expires: Option<Option<Day>>,
        entropy: &dyn Entropy,
    ) -> Result<Option<String>, EditError> {
        let made = expires.map(|expires| self.new_token(expires, entropy));
        let (token, stored) = made.unzip();
        record.tokens = stored.map(|stored| vec![stored]);
        client_record::change(self.path, |text| {
            let text = client_record::with_record(self.path, text, &record)?;
            self.verify(&text)?;
            Ok((text, token))
        })
    }

    /// Gives a unit a new token; the others end after an overlap, and never later than they would
    /// have. Returns the token, which is stored nowhere.
    pub fn rotate(
        self,
        unit: &str,
        rotation: Rotation,
        entropy: &dyn Entropy,
    ) -> Result<String, EditError> {
        let (token, stored) = self.new_token(rotation.expires, entropy);
        self.change(unit, |record, table| {
            let mut held: Vec<TokenRecord> = record.all_tokens().collect();
            held.retain(|token| is_valid(token, self.now));
            if held.len() >= TOKENS_VALID_MAX {
                if !rotation.drop_oldest {
                    return Err(EditError::ThirdToken {
                        unit: unit.to_owned(),
                        valid: held.len(),
                    });
                }
                // Those without a day are older than any with one.
                held.sort_by(|one, other| one.created.cmp(&other.created));
                for oldest in held.drain(..held.len() + 1 - TOKENS_VALID_MAX) {
                    remove_token(table, &oldest.sha256);
                }
            }
            for mut old in held {
                let last = plus_days(self.now.day(), rotation.overlap_days);
                let ends_before = token_end(&old)
                    .ok()
                    .flatten()
                    .is_some_and(|end| end <= last.end());
                if rotation.overlap_days == 0 {
                    remove_token(table, &old.sha256);
                } else if !ends_before {
                    old.expires = Some(last.to_string());
                    set_expiry(table, &old);
                }
            }
            push_token(table, &stored);
            Ok(())
        })?;
        Ok(token)
    }

    /// Takes tokens of a unit away; how many. Where none is left its certificates stand in for
    /// none: nobody is recognised until it has a token again.
    pub fn revoke(self, unit: &str, chosen: &Chosen) -> Result<usize, EditError> {
        self.change(unit, |record, table| {
            let fits = |token: &TokenRecord| match chosen {
                Chosen::All => true,
                Chosen::Prefix(digits) => token.sha256.starts_with(digits.as_str()),
                Chosen::Created(day) => token.created.as_ref() == Some(day),
            };
            let mut found: Vec<String> = record
                .all_tokens()
                .filter(fits)
                .map(|token| token.sha256)
                .collect();
            found.sort_unstable();
            found.dedup();
            let is_unclear = match chosen {
                Chosen::All => false,
                Chosen::Prefix(_) => found.len() != 1,
                Chosen::Created(_) => found.is_empty(),
            };
            if is_unclear {
                return Err(EditError::NotOne {
                    unit: unit.to_owned(),
                    found: found.len(),
                });
            }
            for sha256 in &found {
                remove_token(table, sha256);
            }
            if !table.contains_key("tokens") && !table.contains_key("token_sha256") {
                table.insert("tokens", Item::Value(Array::new().into()));
            }
            Ok(found.len())
        })
    }

    /// Names a further certificate of a unit.
    pub fn add_certificate(self, unit: &str, hash: CertificateHash) -> Result<(), EditError> {
        let hash = hash.to_hex();
        self.change(unit, |record, table| {
            if record
                .certificate_sha256
                .iter()
                .flatten()
                .any(|one| *one == hash)
            {
                return Err(certificate_fault(unit, "has", &hash));
            }
            let key = "certificate_sha256";
            match table.get_mut(key).and_then(Item::as_array_mut) {
                Some(array) => array.push(hash.as_str()),
                None => {
                    let array = Array::from_iter([hash.as_str()]);
                    table.insert(key, Item::Value(array.into()));
                }
            }
            Ok(())
        })
    }

    /// Takes a certificate of a unit away. Where none is left nobody is recognised, until the line
    /// `certificate_sha256 = []` is taken out by hand or another certificate is named.
    pub fn remove_certificate(self, unit: &str, digits: &str) -> Result<(), EditError> {
        self.change(unit, |record, table| {
            let all = record.certificate_sha256.iter().flatten();
            let mut found = all.filter(|one| one.starts_with(digits));
            let (Some(hash), None) = (found.next(), found.next()) else {
                return Err(certificate_fault(unit, "has not exactly one of", digits));
            };
            remove_text(table, "certificate_sha256", hash);
            Ok(())
        })
    }

    fn new_token(self, expires: Option<Day>, entropy: &dyn Entropy) -> (String, TokenRecord) {
        let token = token::new_token(entropy);
        let stored = TokenRecord {
            sha256: token::hash(&token).to_hex(),
            created: Some(self.now.day().to_string()),
            expires: expires.map(|day| day.to_string()),
        };
        (token, stored)
    }

    /// Changes the table of one unit.
    fn change<T>(
        self,
        unit: &str,
        change: impl FnOnce(&ClientRecord, &mut Table) -> Result<T, EditError>,
    ) -> Result<T, EditError> {
        client_record::change(self.path, |text| {
            let records = client_record::parse(self.path, text)?;
            let place = records.iter().position(|placed| placed.record.unit == unit);
            let Some(place) = place else {
                return Err(EditError::UnknownUnit {
                    path: self.path.to_owned(),
                    unit: unit.to_owned(),
                });
            };
            let layout = || EditError::Layout {
                path: self.path.to_owned(),
            };
            let mut document: DocumentMut = text.parse().map_err(|_| layout())?;
            let tables = document
                .get_mut("client")
                .and_then(Item::as_array_of_tables_mut);
            let table = tables.and_then(|tables| tables.get_mut(place));
            let done = change(&records[place].record, table.ok_or_else(layout)?)?;
            let text = document.to_string();
            self.verify(&text)?;
            Ok((text, done))
        })
    }

    /// Errors: the gateway would refuse this file.
    fn verify(self, text: &str) -> Result<(), EditError> {
        let records: Vec<PlacedRecord> = client_record::parse(self.path, text)?;
        Clients::from_records(self.path, records, self.catalogue)?;
        Ok(())
    }
}

/// `days` after `day`.
pub fn plus_days(day: Day, days: u32) -> Day {
    Day(day
        .0
        .saturating_add(i32::try_from(days).unwrap_or(i32::MAX)))
}

fn certificate_fault(unit: &str, has: &'static str, hash: &str) -> EditError {
    EditError::Certificate {
        unit: unit.to_owned(),
        has,
        hash: hash.to_owned(),
    }
}

/// Takes a text out of an array, with the comment that stood before it.
fn remove_text(table: &mut Table, key: &str, text: &str) {
    if let Some(array) = table.get_mut(key).and_then(Item::as_array_mut) {
        array.retain(|value| value.as_str() != Some(text));
    }
}

fn remove_token(table: &mut Table, sha256: &str) {
    remove_text(table, "token_sha256", sha256);
    match table.get_mut("tokens") {
        Some(Item::Value(Value::Array(array))) => {
            array.retain(|value| of_value(value) != Some(sha256));
        }
        Some(Item::ArrayOfTables(tables)) => {
            tables.retain(|token| of_table(token) != Some(sha256));
            // Without a table nothing would say that tokens are asked for.
            if tables.is_empty() {
                table.insert("tokens", Item::Value(Array::new().into()));
            }
        }
        _ => (),
    }
}

fn of_value(value: &Value) -> Option<&str> {
    value.as_inline_table()?.get("sha256")?.as_str()
}

fn of_table(table: &Table) -> Option<&str> {
    table.get("sha256")?.as_str()
}

fn set_expiry(table: &mut Table, token: &TokenRecord) {
    let Some(expires) = &token.expires else {
        return;
    };
    match table.get_mut("tokens") {
        Some(Item::Value(Value::Array(array))) => {
            let mut all = array.iter_mut();
            if let Some(value) = all.find(|value| of_value(value) == Some(&token.sha256))
                && let Some(found) = value.as_inline_table_mut()
            {
                found.insert("expires", expires.as_str().into());
                return;
            }
        }
        Some(Item::ArrayOfTables(tables)) => {
            let found = tables
                .iter_mut()
                .find(|one| of_table(one) == Some(&token.sha256));
            if let Some(found) = found {
                found.insert("expires", Item::Value(expires.as_str().into()));
                return;
            }
        }
        _ => (),
    }
    // One without days, of `token_sha256`.
    remove_text(table, "token_sha256", &token.sha256);
    push_token(table, token);
}

fn push_token(table: &mut Table, token: &TokenRecord) {
    let days = [("created", &token.created), ("expires", &token.expires)];
    let days = days
        .into_iter()
        .filter_map(|(key, day)| Some((key, day.as_deref()?)));
    let fields = [("sha256", token.sha256.as_str())].into_iter().chain(days);
    match table.get_mut("tokens") {
        Some(Item::ArrayOfTables(tables)) => push_table(tables, fields),
        Some(Item::Value(Value::Array(array))) => array.push(InlineTable::from_iter(fields)),
        _ => {
            let array = Array::from_iter([InlineTable::from_iter(fields)]);
            table.insert("tokens", Item::Value(array.into()));
        }
    }
}

fn push_table<'a>(
    tables: &mut ArrayOfTables,
    fields: impl Iterator<Item = (&'static str, &'a str)>,
) {
    let mut one = Table::new();
    for (key, value) in fields {
        one.insert(key, Item::Value(value.into()));
    }
    tables.push(one);
}
