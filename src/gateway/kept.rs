//! The law that answers were given by, kept for whoever decides them again years later.
//!
//! In: the catalogue and the client records of a loading. Out: files named by the hashes that log
//! records name, on the disk before anything is answered by them; later the same catalogue and the
//! same unit, by those hashes. A client is kept without what proves who asks. Nothing here changes
//! or removes a file: what is there already is the same.
//!
//! ```text
//! kept/catalogue-<first half of its hash>/lists.tsv ...   the tables, the built-in ones too
//! kept/policy-<first half of its hash>.toml               one client record
//! ```
//!
//! Snapshots are not kept here: those that served stay in the folder of snapshots.

use super::client::{self, Client, RecordFault};
use super::client_record::{self, ClientRecord, ClientsFileError, PlacedRecord};
use crate::catalogue::fault::CatalogueError;
use crate::catalogue::load;
use crate::catalogue::measure::Catalogue;
use crate::storage::disk::Storage;
use crate::storage::replace;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// Folder of the kept law, inside the state folder.
pub const KEPT_FOLDER: &str = "kept";

/// Why law cannot be kept, or not be found again.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// It could not be written.
    #[error(
        "`{}`: the law cannot be kept ({fault}); without it answers could not be decided again",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// It is not there.
    #[error("`{}` is not there; look for it in a backup of the state folder", path.display())]
    Missing {
        /// The file or folder.
        path: PathBuf,
    },
    /// It is there and is something else.
    #[error("`{}` is not what its name says; it was changed", path.display())]
    Changed {
        /// The file or folder.
        path: PathBuf,
    },
    /// The tables.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The file of a client.
    #[error(transparent)]
    File(#[from] ClientsFileError),
    /// The record in it.
    #[error("`{}`: {fault}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: RecordFault,
    },
}

/// A folder of kept law.
#[derive(Debug, Clone)]
pub struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// The folder itself; it need not be there.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Keeps a catalogue and the policies of these records; on the disk on return.
    pub fn keep<'r>(
        &self,
        storage: &dyn Storage,
        catalogue: &Catalogue,
        records: impl IntoIterator<Item = &'r ClientRecord>,
    ) -> Result<(), KeptError> {
        let folder = self.catalogue_folder(&first_half(&catalogue.hash));
        let created = storage.create_folder(&folder);
        created.map_err(written(&folder))?;
        for (name, text) in load::FILES.iter().zip(&catalogue.texts) {
            write_once(storage, &folder.join(name), text)?;
        }
        storage
            .sync_folder(&self.folder)
            .map_err(written(&folder))?;
        for record in records {
            let path = self.policy_file(&first_half(&client::policy_hash(record)));
            let text = client_record::to_toml(&record.without_proofs());
            let text = text.map_err(|fault| written(&path)(io::Error::other(fault)))?;
            write_once(storage, &path, &text)?;
        }
        Ok(())
    }

    /// The catalogue whose hash begins so.
    ///
    /// Errors: it is not there, or was changed.
    pub fn catalogue(&self, hash: &[u8; 16]) -> Result<Catalogue, KeptError> {
        let folder = self.catalogue_folder(hash);
        if !folder.is_dir() {
            return Err(KeptError::Missing { path: folder });
        }
        let catalogue = load::load_kept(&folder)?;
        match first_half(&catalogue.hash) == *hash {
            true => Ok(catalogue),
            false => Err(KeptError::Changed { path: folder }),
        }
    }

    /// The unit whose policy has a hash that begins so.
    ///
    /// Errors: it is not there, was changed, or does not fit the catalogue.
    pub fn client(&self, hash: &[u8; 16], catalogue: &Catalogue) -> Result<Client, KeptError> {
        let path = self.policy_file(hash);
        if !path.is_file() {
            return Err(KeptError::Missing { path });
        }
        let mut records = client_record::read(&path)?;
        let (Some(PlacedRecord { record, .. }), true) = (records.pop(), records.is_empty()) else {
            return Err(KeptError::Changed { path });
        };
        if first_half(&client::policy_hash(&record)) != *hash {
            return Err(KeptError::Changed { path });
        }
        Client::new(&record, catalogue).map_err(|fault| KeptError::Record { path, fault })
    }

    fn catalogue_folder(&self, hash: &[u8; 16]) -> PathBuf {
        self.folder.join(format!("catalogue-{}", hex(hash)))
    }

    fn policy_file(&self, hash: &[u8; 16]) -> PathBuf {
        self.folder.join(format!("policy-{}.toml", hex(hash)))
    }
}

/// A file that has this name has this text: the name is made of its hash.
fn write_once(storage: &dyn Storage, path: &Path, text: &str) -> Result<(), KeptError> {
    match storage.open_to_read(path) {
        Ok(_) => Ok(()),
        Err(_) => replace::write(storage, path, text.as_bytes()).map_err(written(path)),
    }
}

fn written(path: &Path) -> impl FnOnce(io::Error) -> KeptError {
    let path = path.to_owned();
    |fault| KeptError::Write { path, fault }
}

fn first_half(hash: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}

fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::RealDisk;

    fn record() -> ClientRecord {
        ClientRecord {
            unit: "示例铁路".into(),
            kind: "enterprise".into(),
            scenarios: vec!["rail.ticket".into(), "*".into()],
            purposes: Some(vec!["ticket sale".into()]),
            roles: vec!["checker".into()],
            level: Some("disk".into()),
            operator_required: true,
            token_sha256: Some(vec!["ab".repeat(32)]),
            ..ClientRecord::default()
        }
    }

    #[test]
    fn law_comes_back_by_its_hashes_and_without_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(&folder.path().join("kept"));
        let catalogue = load::built_in().unwrap();
        for _ in 0..2 {
            kept.keep(&RealDisk, &catalogue, [&record()]).unwrap();
        }
        let hash = first_half(&catalogue.hash);
        assert_eq!(kept.catalogue(&hash).unwrap().hash, catalogue.hash);
        let policy = client::policy_hash(&record());
        let client = kept.client(&first_half(&policy), &catalogue).unwrap();
        assert_eq!((&*client.unit, client.policy_hash), ("示例铁路", policy));
        let text = std::fs::read_to_string(kept.policy_file(&first_half(&policy))).unwrap();
        assert!(!text.contains("abab") && text.contains("ticket sale"));
    }

    #[test]
    fn what_was_changed_or_is_gone_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path());
        let catalogue = load::built_in().unwrap();
        kept.keep(&RealDisk, &catalogue, [&record()]).unwrap();
        let (hash, other) = (first_half(&catalogue.hash), [7; 16]);
        let fault = kept.catalogue(&other).unwrap_err().to_string();
        assert!(fault.ends_with("is not there; look for it in a backup of the state folder"));
        let file = kept.catalogue_folder(&hash).join("list_rules.tsv");
        let text = std::fs::read_to_string(&file).unwrap() + "\n";
        std::fs::write(&file, text).unwrap();
        let fault = kept.catalogue(&hash).unwrap_err().to_string();
        assert!(
            fault.ends_with("is not what its name says; it was changed"),
            "{fault}"
        );
        let policy = first_half(&client::policy_hash(&record()));
        let file = kept.policy_file(&policy);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("disk", "kernel")).unwrap();
        let fault = kept.client(&policy, &catalogue).unwrap_err();
        assert!(matches!(fault, KeptError::Changed { .. }), "{fault}");
    }
}
