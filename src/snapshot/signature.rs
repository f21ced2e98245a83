//! Signature files: what is signed, and who signed it. Detached: `FILE.sig` stands beside FILE.
//!
//! In: bytes from outside, or a key. Out: a statement or a rollback order with its signatures, read
//! with bounds and without trust: whose signatures count is `trust.rs`. JSON:
//!
//! ```json
//! {"format":1,
//!  "statement":{"environment":"production","version":1795700000000,
//!               "created":"2026-11-26T21:33:20+08:00","expires":null,
//!               "blake3":"<64 hex digits>","bytes":1048576},
//!  "signatures":[{"role":"builder","key":"<16 hex digits>","signature":"<128 hex digits>"}]}
//! ```
//!
//! A rollback order has `order` in place of `statement`: `environment, from, to, issued, expires,
//! reason`.

use super::manifest::{from_hex, to_hex};
use super::rollback_order::RollbackOrder;
use super::statement::{Canonical, Role, Statement, is_environment};
use crate::model::term::Moment;
use crate::seal::keys::KeyId;
use crate::seal::sign::{PublicKey, SIGNATURE_BYTES, SigningKey};
use crate::storage::disk::Storage;
use crate::storage::replace;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Ending of a signature file, after the whole name of what it signs.
pub const SIGNATURE_SUFFIX: &str = ".sig";
/// Bytes of a signature file at most.
pub const SIGNATURE_FILE_BYTES_MAX: u64 = 64 << 10;
/// Signatures of a file at most.
pub const SIGNATURES_MAX: usize = 32;

const FORMAT: u32 = 1;

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// As what it was given.
    pub role: Role,
    /// Number of the key that is said to have made it.
    pub key: KeyId,
    /// The signature.
    pub bytes: [u8; SIGNATURE_BYTES],
}

/// Something with its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<T> {
    /// What is signed.
    pub what: T,
    /// By whom; no two of one key in one role.
    pub signatures: Vec<Signature>,
}

/// A snapshot's signatures.
pub type SignatureFile = Signed<Statement>;
/// A rollback order's signatures.
pub type OrderFile = Signed<RollbackOrder>;

/// Why a signature file cannot be read or extended.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The system refused.
    #[error("`{path}`: {fault}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// Not what `hecha sign` writes.
    #[error("`{path}` is no signature file: {what}; sign again with `hecha sign`")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// It signs something else.
    #[error(
        "`{path}` signs something else (version {found}, not {wanted}, or other bytes of the same \
         version); remove it if it is of an earlier build, then sign again"
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// Version that it signs.
        found: u64,
        /// Version that is to be signed.
        wanted: u64,
    },
    /// No room for more.
    #[error("`{path}` has {SIGNATURES_MAX} signatures already, the most that a file holds")]
    Full {
        /// The file.
        path: PathBuf,
    },
}

impl<T: Canonical> Signed<T> {
    /// Without signatures so far.
    pub fn new(what: T) -> Self {
        Self {
            what,
            signatures: Vec::new(),
        }
    }

    /// Adds the signature of `key` in `role`; it replaces an earlier one of the same key and role.
    /// False where there is no room for it.
    #[must_use]
    pub fn sign(&mut self, key: &SigningKey, role: Role) -> bool {
        let id = key.public().id();
        let bytes = key.sign(&self.what.canonical(role, id));
        self.add(Signature {
            role,
            key: id,
            bytes,
        })
    }

    /// What `key` is said to have signed as, and whether it did.
    pub fn verdicts(&self, key: &PublicKey) -> Vec<(Role, bool)> {
        let of_key = self.signatures.iter().filter(|one| one.key == key.id());
        of_key
            .map(|one| {
                let bytes = self.what.canonical(one.role, one.key);
                (one.role, key.verifies(&bytes, &one.bytes))
            })
            .collect()
    }

    /// Adds a signature likewise.
    #[must_use]
    pub fn add(&mut self, signature: Signature) -> bool {
        let same = |one: &Signature| one.role == signature.role && one.key == signature.key;
        self.signatures.retain(|one| !same(one));
        if self.signatures.len() >= SIGNATURES_MAX {
            return false;
        }
        self.signatures.push(signature);
        self.signatures.sort_by_key(|one| (one.role, one.key));
        true
    }
}

impl SignatureFile {
    /// The file of `path`'s signatures; `None` where there is none.
    ///
    /// Errors: reading; not a signature file.
    pub fn read(path: &Path) -> Result<Option<Self>, SignatureError> {
        let Some(json) = read_bounded(path)? else {
            return Ok(None);
        };
        let wrong = |what| SignatureError::Format {
            path: path.to_owned(),
            what,
        };
        Self::from_json(&json).map(Some).map_err(wrong)
    }

    /// What stands at `path` about this statement, or a new file without signatures.
    ///
    /// Errors: reading; no signature file; one of something else.
    pub fn read_about(path: &Path, statement: Statement) -> Result<Self, SignatureError> {
        match Self::read(path)? {
            None => Ok(Self::new(statement)),
            Some(file) if file.what == statement => Ok(file),
            Some(file) => Err(SignatureError::Other {
                path: path.to_owned(),
                found: file.what.version,
                wanted: statement.version,
            }),
        }
    }

    /// From JSON. Errors: a short text of what is wrong.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let text: FileText = parse(json)?;
        let what = text.statement.into_statement()?;
        let signatures = into_signatures(text.format, text.signatures)?;
        Ok(Self { what, signatures })
    }

    /// JSON, ended by a line feed.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(&FileText {
            format: FORMAT,
            statement: StatementText::of(&self.what),
            signatures: self.signatures.iter().map(SignatureText::of).collect(),
        })
    }

    /// Replaces the file at `path`. Errors: writing.
    pub fn write(&self, storage: &dyn Storage, path: &Path) -> Result<(), SignatureError> {
        write(storage, path, &self.to_json())
    }
}

impl OrderFile {
    /// The order at `path`; `None` where there is none.
    ///
    /// Errors: reading; not an order.
    pub fn read(path: &Path) -> Result<Option<Self>, SignatureError> {
        let Some(json) = read_bounded(path)? else {
            return Ok(None);
        };
        let wrong = |what| SignatureError::Format {
            path: path.to_owned(),
            what,
        };
        Self::from_json(&json).map(Some).map_err(wrong)
    }

    /// From JSON. Errors: a short text of what is wrong.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let text: OrderFileText = parse(json)?;
        let what = text.order.into_order()?;
        let signatures = into_signatures(text.format, text.signatures)?;
        Ok(Self { what, signatures })
    }

    /// JSON, ended by a line feed.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(&OrderFileText {
            format: FORMAT,
            order: OrderText::of(&self.what),
            signatures: self.signatures.iter().map(SignatureText::of).collect(),
        })
    }

    /// Replaces the file at `path`. Errors: writing.
    pub fn write(&self, storage: &dyn Storage, path: &Path) -> Result<(), SignatureError> {
        write(storage, path, &self.to_json())
    }
}

/// Where the signatures of the file at `path` stand.
pub fn signature_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(SIGNATURE_SUFFIX);
    path.with_file_name(name)
}

fn read_bounded(path: &Path) -> Result<Option<Vec<u8>>, SignatureError> {
    let failed = |fault| SignatureError::Io {
        path: path.to_owned(),
        fault,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(failed(fault)),
    };
    let mut json = Vec::new();
    // One byte more than allowed: what is longer shows as such.
    file.take(SIGNATURE_FILE_BYTES_MAX + 1)
        .read_to_end(&mut json)
        .map_err(failed)?;
    Ok(Some(json))
}

fn write(storage: &dyn Storage, path: &Path, json: &[u8]) -> Result<(), SignatureError> {
    replace::write(storage, path, json).map_err(|fault| SignatureError::Io {
        path: path.to_owned(),
        fault,
    })
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, String> {
    if json.len() as u64 > SIGNATURE_FILE_BYTES_MAX {
        return Err("it is longer than 64 KiB".to_owned());
    }
    serde_json::from_slice(json).map_err(|fault| fault.to_string())
}

fn to_json<T: Serialize>(text: &T) -> Vec<u8> {
    // INVARIANT: these shapes have text keys only, so writing them cannot fail.
    let mut json = serde_json::to_vec_pretty(text).unwrap_or_default();
    json.push(b'\n');
    json
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    format: u32,
    statement: StatementText,
    signatures: Vec<SignatureText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderFileText {
    format: u32,
    order: OrderText,
    signatures: Vec<SignatureText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatementText {
    environment: Box<str>,
    version: u64,
    created: String,
    expires: Option<String>,
    blake3: String,
    bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderText {
    environment: Box<str>,
    from: u64,
    to: u64,
    issued: String,
    expires: String,
    reason: Box<str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureText {
    role: String,
    key: String,
    signature: String,
}

impl StatementText {
    fn of(statement: &Statement) -> Self {
        Self {
            environment: statement.environment.clone(),
            version: statement.version,
            created: statement.created.to_string(),
            expires: statement.expires.map(|moment| moment.to_string()),
            blake3: to_hex(&statement.blake3),
            bytes: statement.bytes,
        }
    }

    fn into_statement(self) -> Result<Statement, String> {
        if !is_environment(&self.environment) {
            return Err("`environment` is not 1 to 64 letters, digits, - and _".to_owned());
        }
        let expires = self.expires.map(|text| moment("expires", &text));
        Ok(Statement {
            environment: self.environment,
            version: self.version,
            created: moment("created", &self.created)?,
            expires: expires.transpose()?,
            blake3: from_hex(&self.blake3).ok_or("`blake3` is not 64 lower-case hex digits")?,
            bytes: self.bytes,
        })
    }
}

impl OrderText {
    fn of(order: &RollbackOrder) -> Self {
        Self {
            environment: order.environment.clone(),
            from: order.from,
            to: order.to,
            issued: order.issued.to_string(),
            expires: order.expires.to_string(),
            reason: order.reason.clone(),
        }
    }

    fn into_order(self) -> Result<RollbackOrder, String> {
        let order = RollbackOrder {
            environment: self.environment,
            from: self.from,
            to: self.to,
            issued: moment("issued", &self.issued)?,
            expires: moment("expires", &self.expires)?,
            reason: self.reason,
        };
        order.checked().map_err(|fault| fault.to_string())
    }
}

impl SignatureText {
    fn of(signature: &Signature) -> Self {
        Self {
            role: signature.role.name().to_owned(),
            key: signature.key.to_string(),
            signature: to_hex(&signature.bytes),
        }
    }

    fn into_signature(self) -> Result<Signature, String> {
        Ok(Signature {
            role: Role::parse(&self.role).ok_or("`role` is neither builder nor activator")?,
            key: KeyId(from_hex(&self.key).ok_or("`key` is not 16 lower-case hex digits")?),
            bytes: from_hex(&self.signature)
                .ok_or("`signature` is not 128 lower-case hex digits")?,
        })
    }
}

fn moment(field: &str, text: &str) -> Result<Moment, String> {
    Moment::parse(text).ok_or_else(|| format!("`{field}` is no moment (RFC 3339 with offset)"))
}

fn into_signatures(format: u32, texts: Vec<SignatureText>) -> Result<Vec<Signature>, String> {
    if format != FORMAT {
        return Err(format!("its format is {format}, not {FORMAT}"));
    }
    if texts.len() > SIGNATURES_MAX {
        return Err(format!("it has more than {SIGNATURES_MAX} signatures"));
    }
    let read: Result<Vec<Signature>, String> = texts
        .into_iter()
        .map(SignatureText::into_signature)
        .collect();
    let mut signatures = read?;
    signatures.sort_by_key(|one| (one.role, one.key));
    let twice = |pair: &[Signature]| (pair[0].role, pair[0].key) == (pair[1].role, pair[1].key);
    if signatures.windows(2).any(twice) {
        return Err("two signatures of one key in one role".to_owned());
    }
    Ok(signatures)
}

#[cfg(test)]
mod tests {
    use super::super::rollback_order::tests::order;
    use super::*;
    use crate::storage::disk::RealDisk;
    use proptest::prelude::*;

    fn signed() -> SignatureFile {
        let mut file = SignatureFile::new(Statement {
            environment: "test".into(),
            version: 7,
            created: Moment(1_795_700_000_123_456),
            expires: Some(Moment(1_795_786_400_000_000)),
            blake3: [0xab; 32],
            bytes: 4_096,
        });
        for (seed, role) in [(2, Role::Activator), (1, Role::Builder)] {
            assert!(file.sign(&SigningKey::from_bytes(&[seed; 32]), role));
        }
        file
    }

    #[test]
    fn what_is_written_reads_back() {
        let file = signed();
        assert_eq!(SignatureFile::from_json(&file.to_json()), Ok(file.clone()));
        assert_eq!(file.signatures[0].role, Role::Builder);
        let mut orders = OrderFile::new(order());
        assert!(orders.sign(&SigningKey::from_bytes(&[1; 32]), Role::Activator));
        assert_eq!(OrderFile::from_json(&orders.to_json()), Ok(orders.clone()));
        assert!(SignatureFile::from_json(&orders.to_json()).is_err());
    }

    #[test]
    fn a_key_signs_once_in_a_role_and_a_file_has_an_end() {
        let mut file = signed();
        assert!(file.sign(&SigningKey::from_bytes(&[1; 32]), Role::Builder));
        assert_eq!(file.signatures.len(), 2);
        for seed in 2..SIGNATURES_MAX as u8 {
            assert!(file.sign(&SigningKey::from_bytes(&[seed; 32]), Role::Builder));
        }
        assert!(!file.sign(&SigningKey::from_bytes(&[99; 32]), Role::Builder));
    }

    #[test]
    fn a_file_about_something_else_is_not_extended() {
        let folder = tempfile::tempdir().unwrap();
        let path = signature_path(&folder.path().join("a.hecha"));
        assert!(path.ends_with("a.hecha.sig"));
        let file = signed();
        file.write(&RealDisk, &path).unwrap();
        let same = SignatureFile::read_about(&path, file.what.clone()).unwrap();
        assert_eq!(same, file);
        let mut other = file.what;
        other.blake3[0] ^= 1;
        let fault = SignatureFile::read_about(&path, other).unwrap_err();
        assert!(matches!(fault, SignatureError::Other { .. }), "{fault}");
        std::fs::write(&path, vec![b' '; 70_000]).unwrap();
        let fault = SignatureFile::read(&path).unwrap_err();
        assert!(fault.to_string().contains("longer than 64 KiB"), "{fault}");
    }

    #[test]
    fn faults_are_said_by_field() {
        let good = String::from_utf8(signed().to_json()).unwrap();
        for (from, to, said) in [
            ("\"format\": 1", "\"format\": 2", "its format is 2"),
            ("\"test\"", "\"te st\"", "`environment`"),
            ("abab", "ABAB", "`blake3`"),
            ("\"builder\"", "\"owner\"", "`role`"),
            ("2026-11", "2026/11", "`created`"),
            ("\"bytes\": 4096", "\"bytes\": -1", "invalid value"),
            ("\"bytes\": 4096", "\"bytes\": 1, \"bytes\": 2", "duplicate"),
            ("\"bytes\": 4096", "\"bytes\": 1, \"x\": 2", "unknown field"),
        ] {
            let fault = SignatureFile::from_json(good.replace(from, to).as_bytes()).unwrap_err();
            assert!(fault.contains(said), "{to}: {fault}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = SignatureFile::from_json(&bytes);
            let _ = OrderFile::from_json(&bytes);
        }

        #[test]
        fn a_changed_file_is_refused_or_reads_back(place in 0usize..1_000, byte in any::<u8>()) {
            let mut json = signed().to_json();
            let place = place % json.len();
            json[place] = byte;
            if let Ok(read) = SignatureFile::from_json(&json) {
                prop_assert_eq!(SignatureFile::from_json(&read.to_json()), Ok(read));
            }
        }
    }
}
