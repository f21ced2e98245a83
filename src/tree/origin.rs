//! Which log a checkpoint speaks of: the log by its number, the shard by its month.
//!
//! In: the salt of a log, the label of a shard. Out: the first line of its checkpoints, for example
//! `hecha.log/0011223344556677/2026-11`, and back. A log that begins anew has a new salt, so that
//! its checkpoints never pass for those of the older one. Pure.

use sha2::{Digest, Sha256};
use std::fmt;

/// First part of every origin of ours; another profile of algorithms will have another.
const HEAD: &str = "hecha.log";
/// Bytes of a log's number.
pub const LOG_ID_BYTES: usize = 8;

/// Number of a log: public, made from its salt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub [u8; LOG_ID_BYTES]);

impl LogId {
    /// Of the log with this salt.
    pub fn new(salt: &[u8; 32]) -> Self {
        let mut hash = Sha256::new_with_prefix(b"hecha log id 1");
        hash.update(salt);
        let mut id = [0; LOG_ID_BYTES];
        id.copy_from_slice(&hash.finalize()[..LOG_ID_BYTES]);
        Self(id)
    }

    /// From its 16 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if text.len() != 2 * LOG_ID_BYTES || !text.bytes().all(lower) {
            return None;
        }
        let number = u64::from_str_radix(text, 16).ok()?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One shard of one log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The log.
    pub log: LogId,
    /// Its month, for example `2026-11`.
    pub shard: String,
}

impl Origin {
    /// From the first line of a checkpoint; `None` where it is not of a log of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (head, log, shard) = (parts.next()?, parts.next()?, parts.next()?);
        if head != HEAD || parts.next().is_some() || !is_month(shard) {
            return None;
        }
        Some(Self {
            log: LogId::parse(log)?,
            shard: shard.to_owned(),
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HEAD}/{}/{}", self.log, self.shard)
    }
}

/// Whether a text is the label of a month.
pub fn is_month(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |place: usize| bytes[place].is_ascii_digit();
    bytes.len() == 7 && bytes[4] == b'-' && [0, 1, 2, 3, 5, 6].into_iter().all(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_reads_back_and_names_the_log_by_its_salt() {
        let log = LogId::new(&[7; 32]);
        assert_ne!(log, LogId::new(&[8; 32]));
        let origin = Origin {
            log,
            shard: "2026-11".to_owned(),
        };
        let text = origin.to_string();
        assert_eq!(text, format!("hecha.log/{log}/2026-11"));
        assert_eq!(Origin::parse(&text), Some(origin));
    }

    #[test]
    fn what_is_no_origin_of_ours_is_not_read() {
        for text in [
            "",
            "hecha.log",
            "hecha.log/0011223344556677",
            "hecha.log/0011223344556677/2026-1",
            "hecha.log/0011223344556677/2026/11",
            "hecha.log/001122334455667/2026-11",
            "hecha.log/001122334455667F/2026-11",
            "hecha.log/+011223344556677/2026-11",
            "hecha.log/0011223344556677/2026-11/",
            "hecha.log/0011223344556677/../../x",
            "other.log/0011223344556677/2026-11",
        ] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }
}
