//! The configuration as written: every key of hecha.toml with the place it was written at.
//!
//! In: the text of the file, then `HECHA__KEY` variables, which win. Out: `Written`. Knows which
//! keys there are and of which type, not which values are sensible (`resolved.rs`).

use serde::Deserialize;
use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use toml::Spanned;

/// Prefix of the variables that override keys of the file.
pub const VARIABLE_PREFIX: &str = "HECHA__";

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the file.
    Line {
        /// The configuration file.
        path: PathBuf,
        /// Line from 1.
        line: u32,
    },
    /// In the environment.
    Variable(String),
    /// Nowhere: a default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub place: Place,
}

/// Several paths: an array in the file; in a variable parted by `:`, as in PATH.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PathList(pub Vec<PathBuf>);

impl FromStr for PathList {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let paths = text.split(':').filter(|path| !path.is_empty());
        Ok(Self(paths.map(PathBuf::from).collect()))
    }
}

/// Several words: an array in the file; in a variable parted by `,`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct WordList(pub Vec<String>);

impl FromStr for WordList {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let words = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty());
        Ok(Self(words.map(str::to_owned).collect()))
    }
}

/// A figure within the bounds that `figures` (key, default, least, most) has for it.
pub fn bounded(
    figures: &[(&'static str, u64, u64, u64)],
    key: &'static str,
    written: &Option<Placed<u64>>,
) -> Result<u64, ConfigError> {
    let known = figures.iter().copied().find(|(name, ..)| *name == key);
    debug_assert!(known.is_some(), "`{key}` has no bounds");
    let (_, default, min, max) = known.unwrap_or((key, 0, 0, u64::MAX));
    match written {
        None => Ok(default),
        Some(Placed { value, .. }) if (min..=max).contains(value) => Ok(*value),
        Some(Placed { value, place }) => Err(ConfigError::OutOfBounds {
            place: place.clone(),
            key,
            value: *value,
            min,
            max,
        }),
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: cannot be read ({reason}); name an existing file with --config", path.display())]
    Read {
        /// The configuration file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Not TOML, a key that does not exist, or a value of another type.
    #[error("{}:{line}: {message}; deploy/hecha.toml shows every key", path.display())]
    Shape {
        /// The configuration file.
        path: PathBuf,
        /// Line from 1.
        line: u32,
        /// What is wrong there.
        message: String,
    },
    /// A variable of ours that names no key.
    #[error("variable {name}: there is no key `{key}`; keys are: {}", KEYS.join(", "))]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The key it would be.
        key: String,
    },
    /// A variable that is not UTF-8.
    #[error("variable {name}: its value is not UTF-8; write it as UTF-8")]
    VariableNotUtf8 {
        /// The variable.
        name: String,
    },
    /// A variable whose value is of another type.
    #[error("variable {name}: `{text}` is no {wanted}")]
    VariableType {
        /// The variable.
        name: String,
        /// Its value.
        text: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// A number beyond its bounds.
    #[error("{place}: `{key}` is {value}; write {min} to {max}")]
    OutOfBounds {
        /// Where.
        place: Place,
        /// The key.
        key: &'static str,
        /// As written.
        value: u64,
        /// Least.
        min: u64,
        /// Most.
        max: u64,
    },
    /// A value that is not one of those allowed.
    #[error("{place}: `{key}` is `{value}`; write {wanted}")]
    Unusable {
        /// Where.
        place: Place,
        /// The key.
        key: &'static str,
        /// As written.
        value: String,
        /// What would do.
        wanted: &'static str,
    },
    /// Signatures are required of more people than there are keys.
    #[error(
        "{place}: signatures are required, but `builder_keys` has {builders} and `activator_keys` \
         {activators} of the {activators_required} needed; name the .pub files of `hecha key new \
         --signing`"
    )]
    TooFewKeys {
        /// Where they are required.
        place: Place,
        /// Keys of builders.
        builders: usize,
        /// Keys of activators.
        activators: usize,
        /// Activators that a snapshot needs.
        activators_required: u64,
    },
    /// Half of what TLS needs.
    #[error(
        "{place}: `{prefix}{has}` needs `{prefix}{lacks}`; name both, or neither; `hecha ca \
         --help` makes them for tests"
    )]
    TlsLacks {
        /// Where the half was written.
        place: Place,
        /// What stands before the keys of that listener.
        prefix: &'static str,
        /// The key that is there.
        has: &'static str,
        /// The key that is not.
        lacks: &'static str,
    },
    /// Both listeners at one address.
    #[error("{place}: `ops_listen` is {address}, as is `listen`; give the two different ports")]
    SameAddress {
        /// Where `ops_listen` was written.
        place: Place,
        /// The address.
        address: String,
    },
    /// The sample offered beyond this machine.
    #[error(
        "{place}: `{key}` is {address}, but the sample answers on this machine only; write a \
         configuration file to serve others"
    )]
    SampleBeyondMachine {
        /// Where.
        place: Place,
        /// `listen` or `ops_listen`.
        key: &'static str,
        /// The address.
        address: String,
    },
}

macro_rules! keys {
    ($($name:ident: $type:ty, $wanted:literal;)*) => {
        /// Every key, in the order of the sample file.
        pub const KEYS: &[&str] = &[$(stringify!($name)),*];

        /// The configuration as written; `None` where a key is not. `Config` says what they mean.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Written {
            $(#[doc = concat!("`", stringify!($name), "`")] pub $name: Option<Placed<$type>>,)*
        }

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Shape {
            $($name: Option<Spanned<$type>>,)*
        }

        impl Written {
            fn from_shape(shape: Shape, place: impl Fn(usize) -> Place) -> Self {
                Self {
                    $($name: shape.$name.map(|spanned| Placed {
                        place: place(spanned.span().start),
                        value: spanned.into_inner(),
                    }),)*
                }
            }

            /// Overrides `key` by the value of the variable `name`.
            fn set(&mut self, key: &str, name: &str, text: &str) -> Result<(), ConfigError> {
                let place = Place::Variable(name.into());
                match key {
                    $(stringify!($name) => {
                        let value = text.parse().map_err(|_| ConfigError::VariableType {
                            name: name.into(),
                            text: text.into(),
                            wanted: $wanted,
                        })?;
                        self.$name = Some(Placed { value, place });
                        Ok(())
                    })*
                    _ => Err(ConfigError::UnknownVariable {
                        name: name.into(),
                        key: key.into(),
                    }),
                }
            }
        }
    };
}

keys! {
    environment: String, "text";
    listen: String, "text";
    ops_listen: String, "text";
    state_dir: PathBuf, "path";
    snapshot_dir: PathBuf, "path";
    catalogue_dir: PathBuf, "path";
    clients_file: PathBuf, "path";
    snapshot_key_file: PathBuf, "path";
    log_key_file: PathBuf, "path";
    log_sign_key_file: PathBuf, "path";
    log_tree: bool, "true or false";
    tls_cert_file: PathBuf, "path";
    tls_key_file: PathBuf, "path";
    tls_client_ca_file: PathBuf, "path";
    tls_client_auth: String, "text";
    ops_tls_cert_file: PathBuf, "path";
    ops_tls_key_file: PathBuf, "path";
    ops_tls_client_ca_file: PathBuf, "path";
    ops_tls_client_auth: String, "text";
    ops_second_factor: String, "text";
    tls_handshake_timeout_ms: u64, "whole number";
    check_runtimes: u64, "whole number";
    connections_max: u64, "whole number";
    ops_connections_max: u64, "whole number";
    header_timeout_ms: u64, "whole number";
    body_timeout_ms: u64, "whole number";
    idle_timeout_ms: u64, "whole number";
    checks_bytes_max: u64, "whole number";
    stream_lines_max: u64, "whole number";
    queue_wait_ms_max: u64, "whole number";
    stall_ms_max: u64, "whole number";
    http2: bool, "true or false";
    kernel_wait_ms_max: u64, "whole number";
    disk_wait_ms_max: u64, "whole number";
    drain_delay_ms: u64, "whole number";
    hard_stop_ms: u64, "whole number";
    log_segment_bytes: u64, "whole number";
    disk_free_warn_bytes: u64, "whole number";
    watch_interval_ms: u64, "whole number";
    log_format: String, "text";
    core_dumps: bool, "true or false";
    builder_keys: PathList, "list of paths";
    activator_keys: PathList, "list of paths";
    activators_required: u64, "whole number";
    require_signatures: bool, "true or false";
    act_keys: PathList, "list of paths";
    expiry_keys: PathList, "list of paths";
    witness_urls: WordList, "list of addresses";
    witness_keys: PathList, "list of paths";
    witness_required: bool, "true or false";
    gates: bool, "true or false";
    canaries_file: PathBuf, "path";
    gate_change_percent_max: u64, "whole number";
    gate_change_entries_min: u64, "whole number";
    gate_quarantined_percent_max: u64, "whole number";
    gate_list_age_hours_max: u64, "whole number";
    gate_replay_hours: u64, "whole number";
    gate_replay_checks_max: u64, "whole number";
    gate_replay_percent_max: u64, "whole number";
    gate_replay_people_min: u64, "whole number";
    enumeration: String, "text";
    enumeration_slow_score: u64, "whole number";
    enumeration_alarm_score: u64, "whole number";
    enumeration_stop_score: u64, "whole number";
    enumeration_crowd_min: u64, "whole number";
    enumeration_feedback_hours: u64, "whole number";
    enumeration_delay_ms_max: u64, "whole number";
    two_person: WordList, "list of words";
    approval_hours: u64, "whole number";
}

impl Written {
    /// Reads `text`; `path` is what errors call it.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let shape: Shape = toml::from_str(text).map_err(|e| ConfigError::Shape {
            path: path.into(),
            line: line_at(text, e.span().map_or(0, |span| span.start)),
            // The first line: what follows repeats the text of the file.
            message: e.message().lines().next().unwrap_or("").into(),
        })?;
        Ok(Self::from_shape(shape, |start| Place::Line {
            path: path.into(),
            line: line_at(text, start),
        }))
    }

    /// Overrides keys by the `HECHA__` variables among `variables`; others are passed over.
    pub fn override_by(
        &mut self,
        variables: impl IntoIterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in variables {
            let Some(name) = name.to_str() else {
                continue;
            };
            let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else {
                continue;
            };
            // Variables are upper case, keys are not: HECHA__listen names no key.
            let key = match rest.bytes().any(|byte| byte.is_ascii_lowercase()) {
                true => rest.to_owned(),
                false => rest.to_ascii_lowercase(),
            };
            let known = rest == key.to_ascii_uppercase() && KEYS.contains(&&*key);
            if !known {
                let name = name.to_owned();
                return Err(ConfigError::UnknownVariable { name, key });
            }
            let text = value.to_str().ok_or_else(|| ConfigError::VariableNotUtf8 {
                name: name.to_owned(),
            })?;
            self.set(&key, name, text)?;
        }
        Ok(())
    }
}

fn line_at(text: &str, offset: usize) -> u32 {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let breaks = before.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(breaks + 1).unwrap_or(u32::MAX)
}
