//! An order to expire a month: what two persons sign before it is destroyed.
//!
//! In: a month's last checkpoint, a reason, keys. Out: a file of text with its signatures, read
//! with bounds and without trust; who counts is `expiry.rs`. Each key signs the text and its own
//! number, so that no signature can be moved to another.
//!
//! ```text
//! hecha log expiry order 1
//! origin hecha.log/0011223344556677/2023-11
//! month 2023-11
//! size 1234567
//! root <64 hex digits>
//! not-before 2026-12-01T00:00:00+08:00
//! not-after 2026-12-31T00:00:00+08:00
//! reason retention of three years is over
//!
//! <16 hex digits: number of the key> <128 hex digits>
//! ```

use crate::identifier::free_text::contains_citizen_id;
use crate::model::term::Moment;
use crate::seal::keys::KeyId;
use crate::seal::sign::{PublicKey, SIGNATURE_BYTES, SigningKey};
use crate::tree::merkle::Hash;
use crate::tree::note::Checkpoint;
use crate::tree::origin::is_month;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Bytes of an order's file at most.
pub const ORDER_BYTES_MAX: u64 = 64 << 10;
/// Signatures of an order at most.
const SIGNATURES_MAX: usize = 32;
/// Characters of a reason at most.
const REASON_CHARS_MAX: usize = 500;
const HEAD: &str = "hecha log expiry order 1";

/// An order and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiryOrder {
    /// The month.
    pub month: String,
    /// What it held at its end.
    pub last: Checkpoint,
    /// From then on the order holds.
    pub not_before: Moment,
    /// From then on it no longer does.
    pub not_after: Moment,
    /// Why; one line.
    pub reason: String,
    signatures: Vec<(KeyId, [u8; SIGNATURE_BYTES])>,
}

impl ExpiryOrder {
    /// Without signatures so far; it holds between the two moments.
    ///
    /// Errors: what does not fit.
    pub fn new(
        month: &str,
        last: Checkpoint,
        (not_before, not_after): (Moment, Moment),
        reason: &str,
    ) -> Result<Self, &'static str> {
        let reason = reason.trim();
        if reason.is_empty()
            || reason.chars().count() > REASON_CHARS_MAX
            || reason.contains(char::is_control)
            || contains_citizen_id(reason)
        {
            return Err(
                "the reason must be one line of 1 to 500 characters without numbers of people",
            );
        }
        if !is_month(month) {
            return Err("the month is none such as 2023-11");
        }
        if not_after <= not_before {
            return Err("its end does not lie behind its beginning");
        }
        Ok(Self {
            month: month.to_owned(),
            last,
            not_before,
            not_after,
            reason: reason.to_owned(),
            signatures: Vec::new(),
        })
    }

    /// Adds the signature of a key; it replaces an earlier one of the same key. False where there
    /// is no room.
    #[must_use]
    pub fn sign(&mut self, key: &SigningKey) -> bool {
        let id = key.public().id();
        self.signatures.retain(|(signer, _)| *signer != id);
        if self.signatures.len() >= SIGNATURES_MAX {
            return false;
        }
        let signature = key.sign(self.signed_text(id).as_bytes());
        self.signatures.push((id, signature));
        true
    }

    /// Numbers of those of `keys` that have signed, each once.
    pub fn signers(&self, keys: &[PublicKey]) -> Vec<KeyId> {
        let mut signers = Vec::new();
        for key in keys {
            let id = key.id();
            let text = self.signed_text(id);
            let has_signed = self.signatures.iter().any(|(signer, signature)| {
                *signer == id && key.verifies(text.as_bytes(), signature)
            });
            if has_signed && !signers.contains(&id) {
                signers.push(id);
            }
        }
        signers
    }

    /// Signatures of whatever key.
    pub fn signatures(&self) -> usize {
        self.signatures.len()
    }

    /// Whether another order says the same.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.text() == other.text()
    }

    /// The whole file.
    pub fn to_file(&self) -> String {
        let mut file = self.text();
        file.push('\n');
        for (signer, signature) in &self.signatures {
            // Writing to a string cannot fail.
            let _ = writeln!(file, "{signer} {}", hex(signature));
        }
        file
    }

    /// SHA-256 of the whole file: what the log records of it.
    pub fn file_hash(&self) -> Hash {
        Sha256::digest(self.to_file()).into()
    }

    /// Reads a file; the error says what is wrong.
    pub fn from_file(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() as u64 > ORDER_BYTES_MAX {
            return Err("it is longer than 64 KiB");
        }
        let file = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
        let (text, signatures) = file.split_once("\n\n").ok_or("it has no empty line")?;
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Err("it does not begin with `hecha log expiry order 1`");
        }
        let mut field = |name: &str| {
            let line = lines.next()?;
            line.strip_prefix(name)?.strip_prefix(' ')
        };
        let origin = field("origin").ok_or("it has no origin")?.to_owned();
        let month = field("month").ok_or("it has no month")?;
        let size = field("size").and_then(|size| size.parse().ok());
        let size = size.ok_or("it has no size")?;
        let root: Hash = field("root")
            .and_then(from_hex)
            .ok_or("its root is not 64 hex digits")?;
        let not_before = field("not-before").and_then(Moment::parse);
        let not_before = not_before.ok_or("`not-before` is no moment")?;
        let not_after = field("not-after").and_then(Moment::parse);
        let not_after = not_after.ok_or("`not-after` is no moment")?;
        let reason = field("reason").ok_or("it has no reason")?;
        let last = Checkpoint { origin, size, root };
        let mut order = Self::new(month, last, (not_before, not_after), reason)?;
        for line in signatures.lines() {
            let read = line.split_once(' ');
            let read = read.and_then(|(id, bytes)| Some((KeyId(from_hex(id)?), from_hex(bytes)?)));
            let (id, signature) = read.ok_or("a signature line makes no sense")?;
            if order.signatures.iter().any(|(signer, _)| *signer == id) {
                return Err("it has two signatures of one key");
            }
            if order.signatures.len() == SIGNATURES_MAX {
                return Err("it has more than 32 signatures");
            }
            order.signatures.push((id, signature));
        }
        // Each byte is accounted for, but for the last line feed.
        match order.to_file().trim_end() == file.trim_end() {
            true => Ok(order),
            false => Err("it has lines that an order does not have"),
        }
    }

    fn text(&self) -> String {
        let (month, last, reason) = (&self.month, &self.last, &self.reason);
        format!(
            "{HEAD}\norigin {}\nmonth {month}\nsize {}\nroot {}\nnot-before {}\n\
             not-after {}\nreason {reason}\n",
            last.origin,
            last.size,
            hex(&last.root),
            self.not_before,
            self.not_after,
        )
    }

    fn signed_text(&self, key: KeyId) -> String {
        format!("{}key {key}\n", self.text())
    }
}

/// Lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let lower = |c: &u8| c.is_ascii_digit() || (b'a'..=b'f').contains(c);
    if digits.len() != 2 * N || !digits.iter().all(lower) {
        return None;
    }
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signed() -> ExpiryOrder {
        let last = Checkpoint {
            origin: "hecha.log/0011223344556677/2023-11".to_owned(),
            size: 1_234_567,
            root: [7; 32],
        };
        let holds = (Moment(0), Moment(1_000_000));
        let mut order = ExpiryOrder::new("2023-11", last, holds, "three years are over").unwrap();
        assert!(order.sign(&SigningKey::from_bytes(&[1; 32])));
        assert!(order.sign(&SigningKey::from_bytes(&[2; 32])));
        order
    }

    #[test]
    fn any_changed_byte_of_an_order_is_refused_or_costs_signatures() {
        let file = signed().to_file();
        let keys = [1, 2].map(|seed| SigningKey::from_bytes(&[seed; 32]).public());
        let read = ExpiryOrder::from_file(file.as_bytes()).unwrap();
        assert_eq!((read.signers(&keys).len(), &read), (2, &signed()));
        for place in 0..file.len() - 1 {
            let mut bytes = file.clone().into_bytes();
            bytes[place] ^= 1;
            if let Ok(order) = ExpiryOrder::from_file(&bytes) {
                assert!(order.signers(&keys).len() < 2, "{place}");
                assert_ne!(order.file_hash(), read.file_hash(), "{place}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_of_orders_panic(
            place in 0usize..700, cut in 0usize..200, text in ".{0,40}",
        ) {
            let file = signed().to_file();
            let place = place.min(file.len());
            let end = (place + cut).min(file.len());
            let changed = [&file.as_bytes()[..place], text.as_bytes(), &file.as_bytes()[end..]];
            let _ = ExpiryOrder::from_file(&changed.concat());
            let _ = ExpiryOrder::from_file(text.as_bytes());
        }
    }
}
