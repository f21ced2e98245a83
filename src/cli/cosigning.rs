//! The witnesses of a gateway, from its configuration.
//!
//! In: a configuration. Out: who the witnesses are, with their keys read; nothing where there are
//! none. Asks nobody.

use crate::config::resolved::Config;
use crate::http::cosigning::CosigningOptions;
use crate::seal::keys::KeyError;
use crate::seal::sign::{PublicKey, SigningKey};
use std::path::PathBuf;

/// Witnesses of the log in `folder`.
///
/// Errors: a key file cannot be used.
pub fn options(config: &Config, folder: PathBuf) -> Result<Option<CosigningOptions>, KeyError> {
    let witness = &config.witness;
    if witness.urls.is_empty() {
        return Ok(None);
    }
    let keys = witness.keys.iter().map(|path| PublicKey::load(path));
    Ok(Some(CosigningOptions {
        urls: witness.urls.clone(),
        keys: keys.collect::<Result<_, _>>()?,
        log_key: SigningKey::load(&config.log_sign_key_file)?.public(),
        folder,
        is_required: witness.is_required,
    }))
}
