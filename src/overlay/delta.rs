//! Acts on their way to other gateways: a signed file beside the snapshots.
//!
//! In: the acts of one journal, a signing key. Out: bytes; and back, once the signature of a known
//! key holds. Three lines: `hecha-acts-1`, one JSON object, the signature over both in hex. Acts of
//! one issuer are numbered without a gap from 1, so that who reads knows what is missing. Only what
//! the issuer did itself is in it: what it has from others comes from them.

use super::record::{CaseMark, Deadline, JournalEntry, Origin};
use crate::model::entry::{Act, ActKind, EntryId};
use crate::model::term::Moment;
use crate::seal::keys::KeyId;
use crate::seal::sign::{PublicKey, SIGNATURE_BYTES, SigningKey};
use serde::{Deserialize, Serialize};

/// First line; its number is the format.
const HEAD: &str = "hecha-acts-1";
/// Bytes of a file at most.
pub const DELTA_BYTES_MAX: u64 = 256 << 20;
/// End of the name of such a file.
pub const SUFFIX: &str = ".hecha-acts";

/// Why a file of acts is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeltaError {
    /// Torn, or something else.
    #[error("is no whole file of acts: {0}; export it again")]
    Shape(&'static str),
    /// Signed by nobody who is believed.
    #[error("is signed by the key {0}, which is not among `act_keys`")]
    Foreign(KeyId),
    /// The bytes are not those that were signed.
    #[error("does not carry a valid signature of the key {0}: it was changed after it was signed")]
    Signature(KeyId),
    /// Of another environment.
    #[error("is of environment `{0}`, not of this one")]
    Environment(String),
}

/// A file of acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// Id of the key that signed it.
    pub issuer: KeyId,
    /// Where it is meant for; anywhere where absent.
    pub environment: Option<String>,
    /// Number of the act before the first.
    pub since: u64,
    /// The acts, each with its number as `origin`.
    pub acts: Vec<JournalEntry>,
}

impl Delta {
    /// Number of the last act.
    pub fn through(&self) -> u64 {
        self.since + self.acts.len() as u64
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    issuer: String,
    environment: Option<String>,
    since: u64,
    acts: Vec<ActText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActText {
    number: u64,
    entry_id: String,
    act: String,
    at_us: i64,
    version_us: Option<i64>,
    unit: String,
    reason: String,
    reference: String,
    due_us: Option<i64>,
    clock: Option<String>,
    case: Option<String>,
}

const KINDS: [(ActKind, &str); 6] = [
    (ActKind::Hold, "hold"),
    (ActKind::Upheld, "upheld"),
    (ActKind::Corrected, "corrected"),
    (ActKind::Removed, "removed"),
    (ActKind::Withdraw, "withdraw"),
    (ActKind::Repair, "repair"),
];

/// The acts that the owner of a journal did itself after number `since`, signed; and the number of
/// the last one. `since` beyond it leaves none.
pub fn export(
    entries: &[JournalEntry],
    since: u64,
    environment: Option<&str>,
    key: &SigningKey,
) -> (Vec<u8>, u64) {
    let own = entries.iter().filter(|entry| entry.origin.is_none());
    let acts: Vec<ActText> = (1..)
        .zip(own)
        .filter(|(number, _)| *number > since)
        .map(|(number, entry)| act_text(number, entry))
        .collect();
    let through = since + acts.len() as u64;
    let text = Text {
        issuer: key.public().id().to_string(),
        environment: environment.map(str::to_owned),
        since,
        acts,
    };
    // INVARIANT: such a text has text keys only, so writing it cannot fail.
    let json = serde_json::to_string(&text).unwrap_or_default();
    let signed = format!("{HEAD}\n{json}\n");
    let signature = hex_of(&key.sign(signed.as_bytes()));
    (format!("{signed}{signature}\n").into_bytes(), through)
}

/// Reads a file whose signature one of `keys` bears.
///
/// Errors: torn or changed, of a key that is not believed, of another environment.
pub fn verify(bytes: &[u8], keys: &[PublicKey], environment: &str) -> Result<Delta, DeltaError> {
    let (signed, text, signature) = parts(bytes)?;
    let stated = text.issuer.clone();
    let key = keys.iter().find(|key| key.id().to_string() == stated);
    let Some(key) = key else {
        return Err(match key_id(&stated) {
            Some(id) => DeltaError::Foreign(id),
            None => DeltaError::Shape("its issuer is no number of a key"),
        });
    };
    if !key.verifies(signed, &signature) {
        return Err(DeltaError::Signature(key.id()));
    }
    let delta = delta(text, key.id())?;
    match &delta.environment {
        Some(other) if other != environment => Err(DeltaError::Environment(other.clone())),
        _ => Ok(delta),
    }
}

/// Reads a file without believing it: whether it is whole, and what it says it is.
///
/// Errors: torn, or something else.
pub fn look(bytes: &[u8]) -> Result<Delta, DeltaError> {
    let (_, text, _) = parts(bytes)?;
    let issuer = key_id(&text.issuer);
    let issuer = issuer.ok_or(DeltaError::Shape("its issuer is no number of a key"))?;
    delta(text, issuer)
}

type Parts<'a> = (&'a [u8], Text, [u8; SIGNATURE_BYTES]);

fn parts(bytes: &[u8]) -> Result<Parts<'_>, DeltaError> {
    let shape = DeltaError::Shape;
    let text = std::str::from_utf8(bytes).map_err(|_| shape("it is no text"))?;
    let rest = text
        .strip_prefix(HEAD)
        .and_then(|rest| rest.strip_prefix('\n'));
    let rest = rest.ok_or(shape("it does not begin with `hecha-acts-1`"))?;
    let (json, rest) = rest.split_once('\n').ok_or(shape("it is torn"))?;
    let digits = rest.strip_suffix('\n').ok_or(shape("it is torn"))?;
    let signature = bytes_of(digits).ok_or(shape("its last line is no signature"))?;
    let signed = &bytes[..HEAD.len() + 1 + json.len() + 1];
    let text = serde_json::from_str(json).map_err(|_| shape("its second line is not of acts"))?;
    Ok((signed, text, signature))
}

fn delta(text: Text, issuer: KeyId) -> Result<Delta, DeltaError> {
    let mut acts = Vec::with_capacity(text.acts.len());
    let mut before = text.since;
    for act in text.acts {
        // Numbers are what exactly once and in order rest on.
        if before.checked_add(1) != Some(act.number) {
            return Err(DeltaError::Shape("its acts are not numbered one by one"));
        }
        before = act.number;
        acts.push(entry_of(act, issuer).ok_or(DeltaError::Shape("an act makes no sense"))?);
    }
    Ok(Delta {
        issuer,
        environment: text.environment,
        since: text.since,
        acts,
    })
}

fn act_text(number: u64, entry: &JournalEntry) -> ActText {
    let act = &entry.act;
    let word = KINDS.iter().find(|(kind, _)| *kind == act.kind);
    ActText {
        number,
        entry_id: act.entry_id.as_str().to_owned(),
        act: word.map_or("", |(_, word)| word).to_owned(),
        at_us: act.at.0,
        version_us: act.version.map(|version| version.0),
        unit: entry.unit.to_string(),
        reason: entry.reason.to_string(),
        reference: entry.reference.to_string(),
        due_us: entry.deadline.as_ref().map(|deadline| deadline.due.0),
        clock: entry.deadline.as_ref().map(|d| d.clock.to_string()),
        case: entry.case.map(|case| hex_of(&case.0)),
    }
}

fn entry_of(text: ActText, issuer: KeyId) -> Option<JournalEntry> {
    let (kind, _) = KINDS.iter().find(|(_, word)| *word == text.act)?;
    let act = Act {
        entry_id: EntryId(text.entry_id.into()),
        kind: *kind,
        at: Moment(text.at_us),
        version: text.version_us.map(Moment),
    };
    let mut entry = JournalEntry::new(act, &text.unit, &text.reason, &text.reference);
    entry.deadline = match (text.due_us, text.clock) {
        (Some(due), Some(clock)) => Some(Deadline {
            due: Moment(due),
            clock: clock.into(),
        }),
        _ => None,
    };
    entry.case = match text.case {
        Some(digits) => Some(CaseMark(bytes_of(&digits)?)),
        None => None,
    };
    entry.origin = Some(Origin {
        issuer: issuer.to_string().into(),
        sequence: text.number,
    });
    Some(entry)
}

fn key_id(text: &str) -> Option<KeyId> {
    bytes_of(text).map(KeyId)
}

fn hex_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes_of<const N: usize>(digits: &str) -> Option<[u8; N]> {
    if digits.len() != 2 * N || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries() -> Vec<JournalEntry> {
        let act = |kind, at| Act {
            entry_id: EntryId("福/州 1".into()),
            kind,
            at: Moment(at),
            version: Some(Moment(1)),
        };
        let mut held = JournalEntry::new(act(ActKind::Hold, 5), "court", "why", "ref");
        held.case = Some(CaseMark([9; 16]));
        held.deadline = Some(Deadline {
            due: Moment(99),
            clock: "court-review".into(),
        });
        let mut foreign = JournalEntry::new(act(ActKind::Repair, 6), "x", "", "");
        foreign.origin = Some(Origin {
            issuer: "00".into(),
            sequence: 1,
        });
        let upheld = JournalEntry::new(act(ActKind::Upheld, 7), "court", "", "ref");
        vec![held, foreign, upheld]
    }

    #[test]
    fn own_acts_are_exported_with_numbers_of_their_own_and_read_back() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let keys = [key.public()];
        let (bytes, through) = export(&entries(), 0, None, &key);
        assert_eq!(through, 2);
        let delta = verify(&bytes, &keys, "test").unwrap();
        assert_eq!((delta.since, delta.through()), (0, 2));
        let numbers: Vec<u64> = delta
            .acts
            .iter()
            .map(|act| act.origin.as_ref().unwrap().sequence)
            .collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(delta.acts[0].act, entries()[0].act);
        assert_eq!(delta.acts[0].deadline, entries()[0].deadline);
        assert_eq!(delta.acts[0].case, entries()[0].case);
        let (later, through) = export(&entries(), 1, Some("test"), &key);
        let later = verify(&later, &keys, "test").unwrap();
        assert_eq!((later.since, later.acts.len(), through), (1, 1, 2));
    }

    #[test]
    fn foreign_torn_flipped_and_misplaced_files_are_refused() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let keys = [key.public()];
        let (bytes, _) = export(&entries(), 0, Some("production"), &key);
        let other = [SigningKey::from_bytes(&[2; 32]).public()];
        let id = key.public().id();
        assert_eq!(
            verify(&bytes, &other, "production"),
            Err(DeltaError::Foreign(id))
        );
        let misplaced = verify(&bytes, &keys, "sample").unwrap_err();
        assert_eq!(misplaced, DeltaError::Environment("production".to_owned()));
        for place in 0..bytes.len() {
            assert!(
                verify(&bytes[..place], &keys, "production").is_err(),
                "cut at {place}"
            );
            let mut flipped = bytes.clone();
            flipped[place] ^= 0x01;
            assert!(
                verify(&flipped, &keys, "production").is_err(),
                "flipped at {place}"
            );
        }
        assert!(verify(&bytes, &keys, "production").is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(text in "(hecha-acts-1\n)?[ -~\n]{0,200}") {
            let _ = look(text.as_bytes());
        }
    }
}
