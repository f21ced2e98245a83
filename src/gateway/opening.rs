//! Opens files of the snapshot folder.
//!
//! In: a file's bare name, what is stated of it, the catalogue. Out: a verified snapshot with its
//! key, locked into memory, or the reason why it is refused. Signatures are verified first, then
//! the hash of the bytes, then anything is parsed. Nothing is kept here, so that it can be done on
//! any thread. Used by `source.rs` and, beside the actor, by `trial.rs`.

use super::room;
use super::source::{Refused, SourceOptions, signature_name};
use super::view::Loaded;
use crate::catalogue::measure::Catalogue;
use crate::index::binding::Binding;
use crate::model::term::Moment;
use crate::name::query;
use crate::seal::keys::MasterKey;
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::publish::{self, Current, PublishError};
use crate::snapshot::signature::SignatureFile;
use std::io;

impl SourceOptions {
    /// Opens and verifies a file, and looks whether this gateway may serve it at all: the one that
    /// `pointer` names and no other under its name, where there is a pointer. Whether it may be
    /// activated now is another question: `Source::admit`.
    pub fn open(
        &self,
        file: &str,
        pointer: Option<&Current>,
        catalogue: &Catalogue,
    ) -> Result<Loaded, Refused> {
        publish::file_in(&self.snapshot_dir, file)?;
        let signatures = self.signatures(file, pointer)?;
        let trust = &self.trust;
        let distrusted = |fault| Refused::Trust {
            file: file.to_owned(),
            fault,
        };
        let signers = trust.verify(signatures.as_ref()).map_err(distrusted)?;
        // A statement that nobody known has signed says nothing.
        let statement = signatures
            .filter(|_| !signers.is_empty())
            .map(|signed| signed.what);
        let signed_hash = statement.as_ref().map(|statement| statement.blake3);
        let stated = signed_hash.or(pointer.map(|pointer| pointer.blake3));
        let snapshot = self.verified(file, stated)?;
        if let Some(pointer) = pointer {
            pointer.check(&snapshot)?;
        }
        if let Some(field) = statement.and_then(|signed| signed.misfit(snapshot.manifest())) {
            let file = file.to_owned();
            return Err(Refused::Statement { file, field });
        }
        let master = self.admitted(file, &snapshot, catalogue)?;
        let is_signed = trust.has_keys() && trust.suffices(&signers);
        if trust.has_keys() && !is_signed {
            tracing::warn!(
                file,
                "the snapshot is not signed as configured; it is taken because \
                 `require_signatures` is false"
            );
        }
        let locked = snapshot.lock_memory();
        if let Err(error) = &locked {
            tracing::warn!(file, %error, "the snapshot serves without being locked into memory");
        }
        query::warm();
        if !snapshot.has_similar_names() {
            tracing::warn!(
                file,
                "the snapshot has no usable tables of similar names; only equal \
                names are found until it is built again with this version"
            );
        }
        Ok(Loaded {
            locked: locked.is_ok(),
            signers,
            is_signed,
            ..Loaded::new(snapshot, master, Some(file))
        })
    }

    /// Signatures of a file; `None` where there are none or nobody asks for any.
    pub(super) fn signatures(
        &self,
        file: &str,
        pointer: Option<&Current>,
    ) -> Result<Option<SignatureFile>, Refused> {
        if !self.trust.has_keys() {
            return Ok(None);
        }
        let name = signature_name(file, pointer);
        match publish::file_in(&self.snapshot_dir, &name) {
            Ok(path) => Ok(SignatureFile::read(&path).map_err(PublishError::from)?),
            Err(PublishError::Io { fault, .. }) if fault.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// A file of the folder, verified.
    pub(super) fn verified(
        &self,
        file: &str,
        stated: Option<[u8; 32]>,
    ) -> Result<Snapshot, Refused> {
        let path = publish::file_in(&self.snapshot_dir, file)?;
        room::holds(&path)?;
        let options = OpenOptions {
            state_dir: Some(self.state_dir.clone()),
            blake3: stated,
            ..OpenOptions::default()
        };
        Snapshot::open_file(&path, &options).map_err(|fault| Refused::Open {
            file: file.to_owned(),
            fault,
        })
    }

    /// The key of a snapshot that may serve.
    fn admitted(
        &self,
        file: &str,
        snapshot: &Snapshot,
        catalogue: &Catalogue,
    ) -> Result<&MasterKey, Refused> {
        let manifest = snapshot.manifest();
        let file = file.to_owned();
        if manifest.environment != self.environment {
            return Err(Refused::Environment {
                file,
                found: manifest.environment.clone(),
                ours: self.environment.clone(),
            });
        }
        if let Err(fault) = Binding::new(manifest, catalogue) {
            return Err(Refused::Law { file, fault });
        }
        let mut keys = self.keys.iter();
        let master = keys.find(|key| key.id() == manifest.key_id);
        master.ok_or(Refused::Key {
            file,
            key_id: manifest.key_id,
        })
    }
}

impl Loaded {
    /// Errors: past its end of use at `now`.
    pub(super) fn unexpired(&self, now: Moment) -> Result<(), Refused> {
        let expires = self.snapshot.manifest().expires;
        match expires.filter(|expires| *expires <= now) {
            None => Ok(()),
            Some(expires) => Err(Refused::Expired {
                file: self.file.as_deref().unwrap_or("").to_owned(),
                expires,
            }),
        }
    }
}
