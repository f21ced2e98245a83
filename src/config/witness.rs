//! Witnesses as configured: where they answer, whose signatures count.
//!
//! In: `Written`. Out: addresses and key files. Opens no file, asks nobody.

use super::file::{ConfigError, Place, Placed, Written};
use crate::http::witness_client::WitnessUrl;
use std::path::{Path, PathBuf};

/// Witnesses of the decision log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WitnessConfig {
    /// Where they answer. Default none: then nobody but this gateway remembers how long its log is.
    pub urls: Vec<WitnessUrl>,
    /// Files of their public keys. Default none; one at least where there are witnesses.
    pub keys: Vec<PathBuf>,
    /// Whether the gateway refuses to start where one cannot be asked. Default false.
    pub is_required: bool,
}

impl WitnessConfig {
    /// Checks the keys. Relative paths start at `base`.
    pub fn resolve(written: &Written, base: &Path) -> Result<Self, ConfigError> {
        let mut urls = Vec::new();
        if let Some(Placed { value, place }) = &written.witness_urls {
            for text in &value.0 {
                let url = WitnessUrl::parse(text).ok_or_else(|| ConfigError::Unusable {
                    place: place.clone(),
                    key: "witness_urls",
                    value: text.clone(),
                    wanted: "addresses such as http://127.0.0.1:8090",
                })?;
                urls.push(url);
            }
        }
        let stated = written.witness_urls.as_ref();
        let place = stated.map_or(Place::Default, |placed| placed.place.clone());
        let keys = written
            .witness_keys
            .iter()
            .flat_map(|placed| &placed.value.0);
        let keys: Vec<PathBuf> = keys.map(|path| base.join(path)).collect();
        if !urls.is_empty() && keys.is_empty() {
            return Err(ConfigError::Unusable {
                place,
                key: "witness_keys",
                value: String::new(),
                wanted: "the public key (witness.key.pub) of each of `witness_urls`",
            });
        }
        let has_tree = written.log_tree.as_ref().is_none_or(|placed| placed.value);
        if !urls.is_empty() && !has_tree {
            return Err(ConfigError::Unusable {
                place: place.clone(),
                key: "log_tree",
                value: "false".to_owned(),
                wanted: "true: a witness cosigns the checkpoints of the tree",
            });
        }
        let required = written.witness_required.as_ref();
        Ok(Self {
            is_required: required.is_some_and(|placed| placed.value) && !urls.is_empty(),
            urls,
            keys,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<WitnessConfig, ConfigError> {
        let written = Written::parse(Path::new("/e/hecha.toml"), text)?;
        WitnessConfig::resolve(&written, Path::new("/e"))
    }

    #[test]
    fn witnesses_have_addresses_and_keys() {
        assert_eq!(resolve("").unwrap(), WitnessConfig::default());
        let text = "witness_urls = [\"http://127.0.0.1:8090\"]\nwitness_keys = [\"w.pub\"]\n\
                    witness_required = true\n";
        let config = resolve(text).unwrap();
        assert_eq!(config.urls[0].to_string(), "http://127.0.0.1:8090");
        assert_eq!(config.keys, [Path::new("/e/w.pub")]);
        assert!(config.is_required);
    }

    #[test]
    fn faults_name_the_key_and_what_would_do() {
        let url = "witness_urls = [\"http://127.0.0.1:8090\"]\n";
        for (text, words) in [
            (
                "witness_urls = [\"127.0.0.1:8090\"]",
                "`witness_urls` is `127.0.0.1:8090`",
            ),
            (url, "`witness_keys` is ``; write the public key"),
            (
                &format!("{url}witness_keys = [\"w.pub\"]\nlog_tree = false"),
                "`log_tree` is `false`",
            ),
        ] {
            let fault = resolve(text).unwrap_err().to_string();
            assert!(fault.starts_with("/e/hecha.toml:1: "), "{fault}");
            assert!(fault.contains(words), "{fault}");
        }
    }
}
