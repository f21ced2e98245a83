//! What a snapshot was built from, when, and with which tables and keys (never a key itself).
//!
//! In: canonical JSON of the file, or the values of a build. Out: checked values. The JSON has one
//! fixed order of fields, so that equal values are equal bytes.

use crate::identifier::kind::IdType;
use crate::identifier::mask::MaskPattern;
use crate::model::term::Moment;
use crate::seal::keys::KeyId;
use serde::{Deserialize, Serialize};

/// Mask patterns of one type at most. Design, "Snapshot".
pub const PATTERNS_MAX: usize = 16;
/// Lists of one snapshot at most; a stored list is one byte.
pub const LISTS_MAX: usize = 255;
/// Grades of one list at most.
pub const GRADES_MAX: usize = 64;

/// Why a manifest cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not the JSON of a manifest.
    #[error("the manifest is no manifest of format 1: {fault}; build the file again")]
    Json {
        /// What the parser says.
        fault: String,
    },
    /// A value outside its range.
    #[error("`{field}` in the manifest is outside its range; build the file again")]
    Value {
        /// Name of the field.
        field: &'static str,
    },
}

/// One list in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestList {
    /// Id of the list in the catalogue.
    pub id: Box<str>,
    /// Moment of its last good fetch: freshness is counted from here.
    pub as_of: Moment,
    /// Its entries.
    pub entries: u32,
    /// Grades that occur, sorted; a stored grade is a place in here.
    pub grades: Vec<Box<str>>,
}

/// What the whole snapshot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Where it may be used, for example `production` or `sample`.
    pub environment: Box<str>,
    /// Rises with every build of an environment.
    pub version: u64,
    /// When it was built.
    pub created: Moment,
    /// After this it should not be used.
    pub expires: Option<Moment>,
    /// Version of the program that built it.
    pub engine_version: Box<str>,
    /// Hash of the catalogue its records were validated with.
    pub catalogue_hash: [u8; 32],
    /// Version of the tables of name folding.
    pub fold_version: Box<str>,
    /// Version of Unicode of the normalisation tables.
    pub unicode_version: Box<str>,
    /// Version of the keys of similar names; empty where it has none.
    pub name_keys_version: Box<str>,
    /// Which master key it was built with.
    pub key_id: KeyId,
    /// Salt of this build's keys.
    pub salt: [u8; 32],
    /// Entries of all lists.
    pub entries: u32,
    /// Records that were left out.
    pub quarantined: u64,
    /// Lists, sorted by id.
    pub lists: Vec<ManifestList>,
    /// Mask patterns in use, by type; their place is their stored number.
    pub patterns: [Vec<MaskPattern>; IdType::ALL.len()],
}

impl Manifest {
    /// Mask patterns of one type; their place is what `NumberRow::pattern` says.
    pub fn patterns_of(&self, id_type: IdType) -> &[MaskPattern] {
        &self.patterns[id_type as usize]
    }

    /// Place of a list.
    pub fn find_list(&self, id: &str) -> Option<u8> {
        let place = self
            .lists
            .binary_search_by(|list| list.id.as_ref().cmp(id))
            .ok()?;
        u8::try_from(place).ok()
    }

    /// The oldest `as_of` of all lists: the snapshot's own.
    pub fn as_of(&self) -> Option<Moment> {
        self.lists.iter().map(|list| list.as_of).min()
    }

    /// Canonical JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&ManifestText::of(self)).unwrap_or_default()
    }

    /// From the JSON of a file.
    ///
    /// Errors: not such JSON; values that no build writes.
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        let text: ManifestText =
            serde_json::from_slice(json).map_err(|fault| ManifestError::Json {
                fault: fault.to_string(),
            })?;
        text.into_manifest()
    }
}

/// The manifest as written. Algorithms: identifiers `hmac-sha-256/128`, content the same.
#[derive(Serialize, Deserialize)]
struct ManifestText {
    environment: Box<str>,
    version: u64,
    created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    engine_version: Box<str>,
    catalogue_hash: String,
    fold_version: Box<str>,
    unicode_version: Box<str>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    name_keys_version: Box<str>,
    digest_algorithm: u8,
    key_id: String,
    salt: String,
    entries: u32,
    quarantined: u64,
    lists: Vec<ListText>,
    patterns: Vec<PatternsText>,
}

#[derive(Serialize, Deserialize)]
struct ListText {
    id: Box<str>,
    as_of: String,
    entries: u32,
    grades: Vec<Box<str>>,
}

#[derive(Serialize, Deserialize)]
struct PatternsText {
    id_type: String,
    patterns: Vec<String>,
}

/// HMAC-SHA-256 cut to 128 bits, for identifiers and for content.
const DIGEST_ALGORITHM: u8 = 1;

impl ManifestText {
    fn of(manifest: &Manifest) -> Self {
        let patterns_of = |id_type: &IdType| {
            let patterns = manifest.patterns_of(*id_type);
            (!patterns.is_empty()).then(|| PatternsText {
                id_type: id_type.name().to_owned(),
                patterns: patterns.iter().map(|pattern| pattern.text()).collect(),
            })
        };
        let list_text = |list: &ManifestList| ListText {
            id: list.id.clone(),
            as_of: list.as_of.to_string(),
            entries: list.entries,
            grades: list.grades.clone(),
        };
        Self {
            environment: manifest.environment.clone(),
            version: manifest.version,
            created: manifest.created.to_string(),
            expires: manifest.expires.map(|moment| moment.to_string()),
            engine_version: manifest.engine_version.clone(),
            catalogue_hash: to_hex(&manifest.catalogue_hash),
            fold_version: manifest.fold_version.clone(),
            unicode_version: manifest.unicode_version.clone(),
            name_keys_version: manifest.name_keys_version.clone(),
            digest_algorithm: DIGEST_ALGORITHM,
            key_id: to_hex(&manifest.key_id.0),
            salt: to_hex(&manifest.salt),
            entries: manifest.entries,
            quarantined: manifest.quarantined,
            lists: manifest.lists.iter().map(list_text).collect(),
            patterns: IdType::ALL.iter().filter_map(patterns_of).collect(),
        }
    }

    fn into_manifest(self) -> Result<Manifest, ManifestError> {
        let value = |field| ManifestError::Value { field };
        if self.digest_algorithm != DIGEST_ALGORITHM {
            return Err(value("digest_algorithm"));
        }
        let moment = |text: &str, field| Moment::parse(text).ok_or(value(field));
        let mut lists = Vec::with_capacity(self.lists.len());
        for list in self.lists {
            if list.grades.len() > GRADES_MAX {
                return Err(value("grades"));
            }
            lists.push(ManifestList {
                as_of: moment(&list.as_of, "as_of")?,
                id: list.id,
                entries: list.entries,
                grades: list.grades,
            });
        }
        let sorted = lists.is_sorted_by(|a, b| a.id < b.id);
        let sum: u64 = lists.iter().map(|list| u64::from(list.entries)).sum();
        if lists.len() > LISTS_MAX || !sorted || sum != u64::from(self.entries) {
            return Err(value("lists"));
        }
        Ok(Manifest {
            created: moment(&self.created, "created")?,
            expires: self
                .expires
                .map(|text| moment(&text, "expires"))
                .transpose()?,
            environment: self.environment,
            version: self.version,
            engine_version: self.engine_version,
            catalogue_hash: from_hex(&self.catalogue_hash).ok_or(value("catalogue_hash"))?,
            fold_version: self.fold_version,
            unicode_version: self.unicode_version,
            name_keys_version: self.name_keys_version,
            key_id: KeyId(from_hex(&self.key_id).ok_or(value("key_id"))?),
            salt: from_hex(&self.salt).ok_or(value("salt"))?,
            entries: self.entries,
            quarantined: self.quarantined,
            lists,
            patterns: parse_patterns(&self.patterns).ok_or(value("patterns"))?,
        })
    }
}

fn parse_patterns(texts: &[PatternsText]) -> Option<[Vec<MaskPattern>; IdType::ALL.len()]> {
    let mut patterns: [Vec<MaskPattern>; IdType::ALL.len()] = Default::default();
    for text in texts {
        let of_type = &mut patterns[IdType::parse(&text.id_type)? as usize];
        if !of_type.is_empty() || text.patterns.len() > PATTERNS_MAX {
            return None;
        }
        for pattern in &text.patterns {
            let pattern = MaskPattern::parse(pattern)?;
            if !pattern.is_usable() || of_type.contains(&pattern) {
                return None;
            }
            of_type.push(pattern);
        }
    }
    Some(patterns)
}

/// Lower-case hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 0xf)]));
    }
    text
}

/// From exactly `2 * N` lower-case hexadecimal digits.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let mut patterns: [Vec<MaskPattern>; IdType::ALL.len()] = Default::default();
        patterns[IdType::CitizenId as usize] = vec![
            MaskPattern::parse("vvvvvvvvvv****vvvv").unwrap(),
            MaskPattern::parse("vvvvvv********vvvv").unwrap(),
        ];
        let as_of = Moment::parse("2026-11-21T08:00:00+08:00").unwrap();
        Manifest {
            environment: "test".into(),
            version: 7,
            created: Moment::parse("2026-11-22T00:00:00.5+08:00").unwrap(),
            expires: None,
            engine_version: "0.1.0".into(),
            catalogue_hash: [1; 32],
            fold_version: "f".into(),
            unicode_version: "17.0.0".into(),
            name_keys_version: "".into(),
            key_id: KeyId([2; 8]),
            salt: [3; 32],
            entries: 5,
            quarantined: 1,
            lists: vec![
                ManifestList {
                    id: "a".into(),
                    as_of,
                    entries: 5,
                    grades: vec!["red".into()],
                },
                ManifestList {
                    id: "b".into(),
                    as_of: as_of.plus_hours(-1),
                    entries: 0,
                    grades: Vec::new(),
                },
            ],
            patterns,
        }
    }

    #[test]
    fn a_manifest_reads_back_and_is_written_the_same_again() {
        let mut manifest = manifest();
        for expires in [None, Some(manifest.created.plus_hours(48))] {
            manifest.expires = expires;
            manifest.name_keys_version = expires.map_or("", |_| "n").into();
            let json = manifest.to_json();
            let read = Manifest::from_json(&json).unwrap();
            assert_eq!(read, manifest);
            assert_eq!(read.to_json(), json);
        }
        assert_eq!(manifest.find_list("b"), Some(1));
        assert_eq!(manifest.find_list("c"), None);
        assert_eq!(manifest.as_of(), Some(manifest.lists[1].as_of));
        assert_eq!(manifest.patterns_of(IdType::CitizenId).len(), 2);
    }

    #[test]
    fn values_that_no_build_writes_are_refused_by_name() {
        let refused = |change: fn(&mut Manifest)| {
            let mut changed = manifest();
            change(&mut changed);
            match Manifest::from_json(&changed.to_json()) {
                Err(ManifestError::Value { field }) => field,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused(|m| m.entries = 6), "lists");
        assert_eq!(refused(|m| m.lists.reverse()), "lists");
        assert_eq!(
            refused(|m| m.lists[0].grades = vec!["x".into(); 65]),
            "grades"
        );
        assert_eq!(
            refused(|m| m.patterns[0].push(m.patterns[0][0])),
            "patterns"
        );
        assert_eq!(
            refused(|m| m.patterns[0][0] = MaskPattern::parse("vvv***").unwrap()),
            "patterns"
        );
        let json = String::from_utf8(manifest().to_json()).unwrap();
        let other = json.replace("\"digest_algorithm\":1", "\"digest_algorithm\":9");
        let fault = Manifest::from_json(other.as_bytes()).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "`digest_algorithm` in the manifest is outside its range; build the file again"
        );
        assert!(matches!(
            Manifest::from_json(b"{}"),
            Err(ManifestError::Json { .. })
        ));
    }

    #[test]
    fn hexadecimal_reads_back_and_nothing_else_reads() {
        assert_eq!(to_hex(&[0, 0xff, 0x1a]), "00ff1a");
        assert_eq!(from_hex::<3>("00ff1a"), Some([0, 0xff, 0x1a]));
        for text in ["00ff1", "00ff1g", "00FF1A", "00ff1a00", "é"] {
            assert_eq!(from_hex::<3>(text), None, "{text}");
        }
    }
}
