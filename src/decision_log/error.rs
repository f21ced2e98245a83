//! Why the log cannot be opened, written or read. Says file, offset and what to do; never a record.

use crate::seal::keys::KeyId;
use crate::tree::note::NoteFault;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// A fault of the log, never of a caller's request but for `TooLarge`.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file system refused.
    #[error("cannot {deed} `{file}` of the decision log: {source}")]
    Io {
        /// What was tried, for example `read`.
        deed: &'static str,
        /// The file or folder.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// Frames that were on the disk cannot be read.
    #[error(
        "`{file}` of the decision log is damaged at offset {offset}: {detail}; nothing was \
         changed: restore the file from a copy, or move the whole folder away and keep it"
    )]
    Damaged {
        /// The file.
        file: String,
        /// Where in the file the first damaged frame begins.
        offset: u64,
        /// What is wrong.
        detail: &'static str,
    },
    /// Written by a later version of this program.
    #[error(
        "`{file}` of the decision log has format {format} at offset {offset}, which this version \
         does not know; use the version that wrote it"
    )]
    UnknownFormat {
        /// The file.
        file: String,
        /// Where.
        offset: u64,
        /// The format.
        format: u8,
    },
    /// A segment between others is not there.
    #[error("`{file}` of the decision log is missing; restore it from a copy")]
    Missing {
        /// The file.
        file: String,
    },
    /// Another process, or another log of this one, has the folder.
    #[error("the decision log `{folder}` is in use by another process; end it first")]
    InUse {
        /// The folder.
        folder: String,
    },
    /// A write or sync has failed before: the log takes nothing more.
    #[error("the decision log has ended: {reason}; restart to go on after what is on the disk")]
    Ended {
        /// The failure that ended it.
        reason: Arc<str>,
    },
    /// A record does not fit into a segment or frame.
    #[error("a record of {bytes} bytes is too large for the decision log; at most {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// The keys of a month.
    #[error(transparent)]
    Month(#[from] ShardClosed),
    /// A checkpoint that cannot be read or believed.
    #[error(
        "`{file}`: {fault}; restore the file from a copy, or move it away: the next checkpoint is \
         signed from the records"
    )]
    Checkpoint {
        /// The file.
        file: String,
        /// What is wrong with it.
        fault: NoteFault,
    },
    /// Fewer records than were signed for.
    #[error(
        "the checkpoint of {month} was signed over {signed} records, but the log holds {found}: \
         records are gone; restore the newer copy of the log, or, where there is none, begin a new \
         epoch with `hecha log epoch`"
    )]
    TreeAhead {
        /// The month.
        month: String,
        /// Records that the checkpoint speaks for.
        signed: u64,
        /// Records that are there.
        found: u64,
    },
    /// Other records than were signed for.
    #[error(
        "the first {size} records of {month} are not those over which its checkpoint was signed; \
         nothing was changed: restore the log from a copy, `hecha log verify` says what differs"
    )]
    TreeDiffers {
        /// The month.
        month: String,
        /// Records that the checkpoint speaks for.
        size: u64,
    },
    /// The tree does not agree with the records as they were read back.
    #[error(
        "the tree of {month} does not agree with the records read back, at record {leaf} of the \
         month: a fault of memory or disk; no checkpoint was signed over it"
    )]
    TreeMismatch {
        /// The month.
        month: String,
        /// Number of the record in the month, from 0.
        leaf: u64,
    },
    /// A month is called expired, and this log knows of no order for it.
    #[error(
        "`{file}` calls a month expired, but {what}; nothing was destroyed: move the file out of \
         the folder of the log, `hecha log verify` says whether the month is whole"
    )]
    NotExpired {
        /// The checkpoint under `expired`.
        file: String,
        /// What does not fit.
        what: &'static str,
    },
    /// Options that cannot work.
    #[error("`{name}` of the decision log is {value}; it must lie between {from} and {to}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        value: u64,
        /// Least.
        from: u64,
        /// Most.
        to: u64,
    },
}

/// Why the sealed parts of a segment stay closed.
#[derive(Debug, thiserror::Error)]
pub enum ShardClosed {
    /// The master that sealed them is not here.
    #[error("what was sealed in {month} needs the log key {key}; name its file")]
    NoMaster {
        /// The month.
        month: String,
        /// Number of the master.
        key: KeyId,
    },
    /// The month has no secret.
    #[error(
        "`{}` is missing: what was sealed in {month} cannot be opened; restore the file from a \
         copy (where the month was expired by order, it is gone for good)",
        file.display()
    )]
    Missing {
        /// The file of the secret.
        file: PathBuf,
        /// The month.
        month: String,
    },
    /// The secret cannot be read.
    #[error("`{}` is damaged: {what}; restore it from a copy", file.display())]
    Damaged {
        /// The file of the secret.
        file: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The file system refused.
    #[error("`{}`: {fault}", file.display())]
    Io {
        /// The file of the secret.
        file: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
}

impl LogError {
    /// For `map_err`: the file system refused `deed` on `file`.
    pub fn io(deed: &'static str, file: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| Self::Io { deed, file, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_where_and_what_to_do() {
        let file = || "log-00000007.hlog".to_owned();
        let cases = [
            (
                LogError::io("read", file())(io::Error::other("broken")),
                "cannot read `log-00000007.hlog` of the decision log: broken",
            ),
            (
                LogError::Damaged {
                    file: file(),
                    offset: 4096,
                    detail: "a frame is not whole",
                },
                "`log-00000007.hlog` of the decision log is damaged at offset 4096: a frame is \
                 not whole; nothing was changed: restore the file from a copy, or move the whole \
                 folder away and keep it",
            ),
            (
                LogError::UnknownFormat {
                    file: file(),
                    offset: 64,
                    format: 9,
                },
                "`log-00000007.hlog` of the decision log has format 9 at offset 64, which this \
                 version does not know; use the version that wrote it",
            ),
            (
                LogError::Missing { file: file() },
                "`log-00000007.hlog` of the decision log is missing; restore it from a copy",
            ),
            (
                LogError::InUse {
                    folder: "var/log".into(),
                },
                "the decision log `var/log` is in use by another process; end it first",
            ),
            (
                LogError::Ended {
                    reason: "cannot sync".into(),
                },
                "the decision log has ended: cannot sync; restart to go on after what is on the \
                 disk",
            ),
            (
                LogError::TooLarge {
                    bytes: 9,
                    bytes_max: 8,
                },
                "a record of 9 bytes is too large for the decision log; at most 8",
            ),
            (
                LogError::Option {
                    name: "segment_bytes",
                    value: 1,
                    from: 2,
                    to: 3,
                },
                "`segment_bytes` of the decision log is 1; it must lie between 2 and 3",
            ),
            (
                LogError::Checkpoint {
                    file: "tree/2026-11/checkpoint".into(),
                    fault: NoteFault::Checkpoint {
                        what: "it has no size",
                    },
                },
                "`tree/2026-11/checkpoint`: the note is no checkpoint: it has no size; restore \
                 the file from a copy, or move it away: the next checkpoint is signed from the \
                 records",
            ),
            (
                LogError::TreeAhead {
                    month: "2026-11".into(),
                    signed: 9,
                    found: 7,
                },
                "the checkpoint of 2026-11 was signed over 9 records, but the log holds 7: \
                 records are gone; restore the newer copy of the log, or, where there is none, \
                 begin a new epoch with `hecha log epoch`",
            ),
            (
                LogError::TreeDiffers {
                    month: "2026-11".into(),
                    size: 9,
                },
                "the first 9 records of 2026-11 are not those over which its checkpoint was \
                 signed; nothing was changed: restore the log from a copy, `hecha log verify` \
                 says what differs",
            ),
            (
                LogError::TreeMismatch {
                    month: "2026-11".into(),
                    leaf: 5,
                },
                "the tree of 2026-11 does not agree with the records read back, at record 5 of \
                 the month: a fault of memory or disk; no checkpoint was signed over it",
            ),
            (
                LogError::NotExpired {
                    file: "expired/2026-11".into(),
                    what: "no order stands beside it",
                },
                "`expired/2026-11` calls a month expired, but no order stands beside it; nothing \
                 was destroyed: move the file out of the folder of the log, `hecha log verify` \
                 says whether the month is whole",
            ),
            (
                LogError::Month(ShardClosed::NoMaster {
                    month: "2026-11".into(),
                    key: KeyId([1; 8]),
                }),
                "what was sealed in 2026-11 needs the log key 0101010101010101; name its file",
            ),
            (
                LogError::Month(ShardClosed::Missing {
                    file: "keys/2026-11.key".into(),
                    month: "2026-11".into(),
                }),
                "`keys/2026-11.key` is missing: what was sealed in 2026-11 cannot be opened; \
                 restore the file from a copy (where the month was expired by order, it is gone \
                 for good)",
            ),
            (
                LogError::Month(ShardClosed::Damaged {
                    file: "keys/2026-11.key".into(),
                    what: "a line makes no sense",
                }),
                "`keys/2026-11.key` is damaged: a line makes no sense; restore it from a copy",
            ),
            (
                LogError::Month(ShardClosed::Io {
                    file: "keys/2026-11.key".into(),
                    fault: io::Error::other("broken"),
                }),
                "`keys/2026-11.key`: broken",
            ),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
        }
    }
}
