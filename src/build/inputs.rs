//! What a build takes besides records, and how it can fail.
//!
//! Salt and moments are inputs: equal inputs give equal bytes, whatever the threads.

use crate::catalogue::measure::Catalogue;
use crate::model::term::Moment;
use crate::name::fold::FOLD_VERSION;
use crate::name::query::NAME_KEYS_VERSION;
use crate::seal::keys::MasterKey;
use std::io;

/// Memory of a build where nobody says otherwise, in bytes.
pub const MEMORY_BYTES_DEFAULT: u64 = 2 << 30;

/// How fresh a list is, or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOf {
    /// Id of the list; all lists of the build where absent.
    pub list: Option<Box<str>>,
    /// Moment of its last good fetch.
    pub moment: Moment,
}

/// With which program and tables a snapshot is built; stands in the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Version of the program.
    pub engine_version: Box<str>,
    /// Version of the tables that fold names.
    pub fold_version: Box<str>,
    /// Version of Unicode of the normalisation tables.
    pub unicode_version: Box<str>,
    /// Version of the keys of similar names.
    pub name_keys_version: Box<str>,
    /// Hash of the catalogue that records were validated with.
    pub catalogue_hash: [u8; 32],
}

impl Provenance {
    /// This program, with this catalogue.
    pub fn of_this_program(catalogue: &Catalogue) -> Self {
        let (major, minor, update) = unicode_normalization::UNICODE_VERSION;
        Self {
            engine_version: env!("CARGO_PKG_VERSION").into(),
            fold_version: FOLD_VERSION.as_str().into(),
            unicode_version: format!("{major}.{minor}.{update}").into(),
            name_keys_version: NAME_KEYS_VERSION.as_str().into(),
            catalogue_hash: catalogue.hash,
        }
    }
}

/// All that decides the bytes of a snapshot besides its records.
#[derive(Debug, Clone)]
pub struct BuildInputs {
    /// Where it may be used, for example `production`.
    pub environment: Box<str>,
    /// Master of the digest and diff keys.
    pub master: MasterKey,
    /// Salt of this build's keys; random outside tests.
    pub salt: [u8; 32],
    /// When it is built.
    pub created: Moment,
    /// After this it should not be used.
    pub expires: Option<Moment>,
    /// Version of the snapshot before; the new one is higher.
    pub previous_version: Option<u64>,
    /// Freshness as stated; a later statement about a list replaces an earlier one.
    pub as_of: Vec<AsOf>,
    /// Program and tables.
    pub provenance: Provenance,
    /// Memory it may take, in bytes.
    pub memory_bytes_max: u64,
}

impl BuildInputs {
    /// Inputs of a build for `environment`, with defaults for the rest.
    pub fn new(
        environment: &str,
        master: MasterKey,
        catalogue: &Catalogue,
        salt: [u8; 32],
        created: Moment,
    ) -> Self {
        Self {
            environment: environment.into(),
            master,
            salt,
            created,
            expires: None,
            previous_version: None,
            as_of: Vec::new(),
            provenance: Provenance::of_this_program(catalogue),
            memory_bytes_max: MEMORY_BYTES_DEFAULT,
        }
    }

    /// Milliseconds of the moment it is built, or one more than the version before. Finer than
    /// seconds, because a gateway refuses other bytes under a version that it knows, and two builds
    /// within a second are common.
    pub fn version(&self) -> u64 {
        let moment = u64::try_from(self.created.as_millis()).unwrap_or(0);
        let next = self
            .previous_version
            .map_or(0, |version| version.saturating_add(1));
        moment.max(next)
    }
}

/// Where a record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Place of its file among those of the build, from 0.
    pub file: u32,
    /// Its line, from 1.
    pub line: u64,
}

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes of the list files were read since the last time.
    Read(u64),
    /// All records are read; they get their order.
    Arranging,
    /// These sections are made and written.
    Writing(&'static str),
    /// The file is brought to the disk.
    Syncing,
}

/// Why a valid record cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeftOutReason {
    /// Its entry_id stands in an earlier record.
    DuplicateEntryId,
    /// Its mask pattern is not among the most frequent of its type.
    TooManyMaskPatterns,
    /// Parties, names or numbers beyond what a row can count.
    TooLarge,
}

impl LeftOutReason {
    /// The code of the quarantine file.
    pub fn code(self) -> &'static str {
        match self {
            Self::DuplicateEntryId => "duplicate_entry_id",
            Self::TooManyMaskPatterns => "too_many_mask_patterns",
            Self::TooLarge => "too_large",
        }
    }
}

/// A valid record that is not in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it came from.
    pub origin: Origin,
    /// Its entry_id.
    pub entry_id: Box<str>,
    /// Why.
    pub reason: LeftOutReason,
}

/// Why nothing was built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// More than the memory allowed.
    #[error(
        "building needs about {needed_mib} MiB, `--memory` allows {allowed_mib} MiB; \
         allow more, or build fewer lists at once"
    )]
    Memory {
        /// About what it needs.
        needed_mib: u64,
        /// What is allowed.
        allowed_mib: u64,
    },
    /// A number that format 1 cannot hold.
    #[error("{what} of this build are beyond {max}, the most that format 1 holds; split the lists")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most there can be.
        max: u64,
    },
    /// A record is of a list that the catalogue does not have.
    #[error("the list `{list}` is not in the catalogue; add it there or correct the name")]
    UnknownList {
        /// Its id.
        list: Box<str>,
    },
    /// Writing the file failed.
    #[error("cannot write the snapshot: {0}")]
    Write(#[from] io::Error),
}
