//! Client records as written: a TOML file of `[[client]]` tables, tokens only as SHA-256.
//!
//! In: the file's text, or a record to add. Out: records with the lines they start in, or the file
//! with one record more. Says nothing about what the words mean (`client.rs`). Contract, section 4.

use crate::seal::entropy::Entropy;
use crate::seal::token;
use crate::storage::disk::{RealDisk, folder_of};
use crate::storage::replace;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// What a new file begins with.
const HEAD: &str = "# Client records of hecha. Tokens stand here only as SHA-256: \
                    `hecha client add` prints a token once.\n";

/// Longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// One client as written; words are not yet understood.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientRecord {
    /// Name of the unit; stands in every log record of its requests.
    pub unit: String,
    /// `enterprise` or `authority`.
    pub kind: String,
    /// Ids of scenarios it may ask about; `*` is all.
    pub scenarios: Vec<String>,
    /// Purposes its requests must name one of; absent: any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub purposes: Option<Vec<String>>,
    /// `checker`, `steward`, `auditor`, `admin`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Requests a second at most; absent: no limit of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rate: Option<u32>,
    /// Requests at once at most; absent: as many as `rate`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub burst: Option<u32>,
    /// Distinct subjects a Shanghai day at most; absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub daily_subjects: Option<u32>,
    /// `off`, `watch` or `react`: what is done where its asking looks like gathering the list.
    /// Absent: what the configuration says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub enumeration: Option<String>,
    /// Measures it has adopted, by id.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub adopts: Vec<String>,
    /// `review` or `block`: the most that a probable identity may bring. Absent: review.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub masked_id: Option<String>,
    /// `kernel` or `disk`: least durability of the record before the answer. Absent: kernel.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<String>,
    /// Fields of a match that it may see, by name; absent: all. Authority, case number and recourse
    /// of an adverse match are always shown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fields: Option<Vec<String>>,
    /// Whether its requests must name who asks in the header `hecha-operator`. Absent: no.
    #[serde(skip_serializing_if = "is_false", default)]
    pub operator_required: bool,
    /// SHA-256 of each of its tokens that never expire, 64 hex digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token_sha256: Option<Vec<String>>,
    /// SHA-256 of the public key (SubjectPublicKeyInfo) of each of its certificates.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub certificate_sha256: Option<Vec<String>>,
    /// Its tokens with their days. What a record names, a request must bring: where tokens are
    /// named, even none of them, no certificate stands in for one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<Vec<TokenRecord>>,
}

/// A token as written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRecord {
    /// Its SHA-256, 64 hex digits.
    pub sha256: String,
    /// The day it was made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<String>,
    /// Its last day, or the moment of its end. Absent: it never expires.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<String>,
}

impl ClientRecord {
    /// All tokens it names, those without days first.
    pub fn all_tokens(&self) -> impl Iterator<Item = TokenRecord> + '_ {
        let old = self.token_sha256.iter().flatten();
        let old = old.map(|sha256| TokenRecord {
            sha256: sha256.clone(),
            ..TokenRecord::default()
        });
        old.chain(self.tokens.iter().flatten().cloned())
    }

    /// Whether a request must bring a token.
    pub fn asks_for_token(&self) -> bool {
        self.tokens.is_some() || self.token_sha256.is_some()
    }
}

impl ClientRecord {
    /// The same without what proves who asks: a policy alone.
    #[must_use]
    pub fn without_proofs(&self) -> Self {
        Self {
            token_sha256: None,
            certificate_sha256: None,
            tokens: None,
            ..self.clone()
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A record and the line it starts in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedRecord {
    /// Line from 1.
    pub line: u32,
    /// The record.
    pub record: ClientRecord,
}

/// Why a clients file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientsFileError {
    /// The file could not be read.
    #[error(
        "{}: cannot be read ({source}); make the first record with `hecha client add`",
        path.display()
    )]
    Read {
        /// The clients file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Everybody may write it.
    #[error(
        "{}: has mode {mode:04o}, so anybody on this machine could give himself a token; \
         run `chmod 600` on it",
        path.display()
    )]
    TooOpen {
        /// The clients file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not TOML, or not of this shape.
    #[error("{}:{line}: {message}; correct it, `hecha client add` shows the shape", path.display())]
    Shape {
        /// The clients file.
        path: PathBuf,
        /// Line from 1.
        line: u32,
        /// What is wrong there.
        message: String,
    },
    /// The unit has a record.
    #[error(
        "{}:{line}: unit `{unit}` has a record already; edit that one, or choose another name",
        path.display()
    )]
    UnitExists {
        /// The clients file.
        path: PathBuf,
        /// Line from 1.
        line: u32,
        /// The unit's name.
        unit: String,
    },
    /// The file could not be written.
    #[error("{}: cannot be written ({source}); nothing was changed", path.display())]
    Write {
        /// The clients file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileShape {
    #[serde(default)]
    client: Vec<Spanned<ClientRecord>>,
}

#[derive(Serialize)]
struct OneClient<'a> {
    client: [&'a ClientRecord; 1],
}

/// Reads the file at `path`.
pub fn read(path: &Path) -> Result<Vec<PlacedRecord>, ClientsFileError> {
    parse(path, &text_of(path)?)
}

/// Reads `text`; `path` is what errors call it.
pub fn parse(path: &Path, text: &str) -> Result<Vec<PlacedRecord>, ClientsFileError> {
    let shape: FileShape = toml::from_str(text).map_err(|e| {
        let start = e.span().map_or(0, |span| span.start);
        ClientsFileError::Shape {
            path: path.into(),
            line: line_at(text, start),
            // The first line: what follows repeats the text of the file.
            message: e.message().lines().next().unwrap_or("").into(),
        }
    })?;
    let placed = |record: Spanned<ClientRecord>| PlacedRecord {
        line: line_at(text, record.span().start),
        record: record.into_inner(),
    };
    Ok(shape.client.into_iter().map(placed).collect())
}

/// Adds `record` with a new token that never expires to the file at `path`, which may not exist
/// yet; returns the token, which is stored nowhere. What stood in the file stays byte by byte.
///
/// Errors: the unit has a record, or the file cannot be read or written; it is then unchanged.
pub fn add(
    path: &Path,
    mut record: ClientRecord,
    entropy: &dyn Entropy,
) -> Result<String, ClientsFileError> {
    let token = token::new_token(entropy);
    record.token_sha256 = Some(vec![token::hash(&token).to_hex()]);
    change(path, |text| Ok((with_record(path, text, &record)?, token)))
}

/// `text` with one record more, its tokens in one line.
pub(super) fn with_record(
    path: &Path,
    text: &str,
    record: &ClientRecord,
) -> Result<String, ClientsFileError> {
    for placed in parse(path, text)? {
        if placed.record.unit == record.unit {
            return Err(ClientsFileError::UnitExists {
                path: path.into(),
                line: placed.line,
                unit: record.unit.clone(),
            });
        }
    }
    let mut plain = record.clone();
    let tokens = plain.tokens.take();
    let written = to_toml(&plain).map_err(|error| ClientsFileError::Write {
        path: path.into(),
        source: io::Error::other(error),
    })?;
    let mut text = text.to_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&written);
    if let Some(tokens) = tokens {
        let tokens: Vec<String> = tokens.iter().map(as_inline_table).collect();
        text.push_str(&format!("tokens = [{}]\n", tokens.join(", ")));
    }
    Ok(text)
}

/// Digits and days: nothing in it needs an escape.
fn as_inline_table(token: &TokenRecord) -> String {
    let mut text = format!("{{ sha256 = \"{}\"", token.sha256);
    for (key, value) in [("created", &token.created), ("expires", &token.expires)] {
        if let Some(value) = value {
            text.push_str(&format!(", {key} = \"{value}\""));
        }
    }
    text.push_str(" }");
    text
}

/// Replaces the file at `path` by what `change` makes of its text; two commands at once wait for
/// each other. A file that does not exist yet is an empty one with a head.
///
/// Errors: of the file, or of `change`; the file is then unchanged.
pub(super) fn change<T, E: From<ClientsFileError>>(
    path: &Path,
    change: impl FnOnce(&str) -> Result<(String, T), E>,
) -> Result<T, E> {
    let unwritable = |source| ClientsFileError::Write {
        path: path.into(),
        source,
    };
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(unwritable)?;
    let lock = File::open(folder).map_err(unwritable)?;
    lock.lock().map_err(unwritable)?;
    let text = match text_of(path) {
        Err(ClientsFileError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
            HEAD.into()
        }
        read => read?,
    };
    let (changed, done) = change(&text)?;
    parse(path, &changed)?;
    replace::write(&RealDisk, path, changed.as_bytes()).map_err(unwritable)?;
    Ok(done)
}

/// A file with this one record. Errors: never, of a record.
pub fn to_toml(record: &ClientRecord) -> Result<String, toml::ser::Error> {
    toml::to_string(&OneClient { client: [record] })
}

fn text_of(path: &Path) -> Result<String, ClientsFileError> {
    let unreadable = |source| ClientsFileError::Read {
        path: path.into(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    if mode & 0o002 != 0 {
        let path = path.into();
        return Err(ClientsFileError::TooOpen { path, mode });
    }
    io::read_to_string(io::Read::take(file, FILE_BYTES_MAX)).map_err(unreadable)
}

fn line_at(text: &str, offset: usize) -> u32 {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let breaks = before.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(breaks + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::entropy::SeededEntropy;

    fn record(unit: &str) -> ClientRecord {
        ClientRecord {
            unit: unit.into(),
            kind: "enterprise".into(),
            scenarios: vec!["rail.ticket".into()],
            roles: vec!["checker".into()],
            ..ClientRecord::default()
        }
    }

    #[test]
    fn a_token_is_returned_once_and_only_its_hash_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/clients.toml");
        let entropy = SeededEntropy::new(1);
        let first = add(&path, record("示例铁路"), &entropy).unwrap();
        let second = add(&path, record("示例航空"), &entropy).unwrap();
        assert_ne!(first, second);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&first) && !text.contains(&second));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let records = read(&path).unwrap();
        let units: Vec<_> = records.iter().map(|placed| &*placed.record.unit).collect();
        assert_eq!(units, ["示例铁路", "示例航空"]);
        assert_eq!(
            records[0].record.token_sha256,
            Some(vec![token::hash(&first).to_hex()])
        );
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn adding_keeps_what_stands_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clients.toml");
        let text = "# ours\n[[client]] # rail\nunit = \"a\"\nkind = \"enterprise\"\nscenarios = []";
        fs::write(&path, text).unwrap();
        add(&path, record("b"), &SeededEntropy::new(1)).unwrap();
        assert!(fs::read_to_string(&path).unwrap().starts_with(text));
        let before = fs::read(&path).unwrap();
        let error = add(&path, record("a"), &SeededEntropy::new(1)).unwrap_err();
        assert!(error.to_string().ends_with(
            "clients.toml:2: unit `a` has a record already; edit that one, or choose another name"
        ));
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[track_caller]
    fn refuses(text: &str, expected: &str) {
        let error = parse(Path::new("clients.toml"), text).unwrap_err();
        let tail = "; correct it, `hecha client add` shows the shape";
        assert_eq!(error.to_string(), format!("clients.toml:{expected}{tail}"));
    }

    #[test]
    fn faults_of_shape_name_their_line() {
        refuses(
            "[[client]]\nunit = \"a\"\nkind = \"enterprise\"\nscenarios = []\ntoken = \"x\"\n",
            "5: unknown field `token`, expected one of `unit`, `kind`, `scenarios`, `purposes`, \
             `roles`, `rate`, `burst`, `daily_subjects`, `enumeration`, `adopts`, `masked_id`, \
             `level`, `fields`, `operator_required`, `token_sha256`, `certificate_sha256`, \
             `tokens`",
        );
        refuses(
            "[[client]]\nunit = \"a\"\nscenarios = []\n",
            "1: missing field `kind`",
        );
        refuses(
            "[[client]]\nunit = 7\n",
            "2: invalid type: integer `7`, expected a string",
        );
        refuses(
            "\n\n[[clients]]\n",
            "3: unknown field `clients`, expected `client`",
        );
    }

    #[test]
    fn a_file_that_anybody_may_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clients.toml");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("has mode 0666"), "{error}");
        let missing = read(&dir.path().join("none.toml")).unwrap_err().to_string();
        assert!(
            missing.contains("make the first record with `hecha client add`"),
            "{missing}"
        );
    }
}
