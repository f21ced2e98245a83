//! From file and environment to what is used: reads the file, overrides, checks.
//!
//! The variables are an argument, so that tests need no environment of their own.

use super::file::{ConfigError, Written};
use super::resolved::Config;
use std::ffi::OsString;
use std::path::Path;

/// Loads the configuration. Without a `file` it is the sample, whose keys variables may override
/// too. Errors: the first fault, with its place and what to do.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let mut written = match file {
        None => Written::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| ConfigError::Read {
                path: path.into(),
                reason: e.to_string(),
            })?;
            Written::parse(path, &text)?
        }
    };
    written.override_by(variables)?;
    Config::resolve(&written, file)
}

#[cfg(test)]
mod tests {
    use super::super::file::KEYS;
    use super::super::resolved::LogFormat;
    use super::*;

    fn from_text(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let path = Path::new("etc/hecha.toml");
        let mut written = Written::parse(path, text)?;
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        written.override_by(variables)?;
        Config::resolve(&written, Some(path))
    }

    fn sample(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        load(
            None,
            variables
                .iter()
                .map(|(name, value)| (name.into(), value.into())),
        )
    }

    #[test]
    fn without_a_file_it_is_the_sample_on_this_machine() {
        let config = sample(&[]).unwrap();
        assert!(config.sample);
        assert_eq!(config.environment, "sample");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.ops_listen.to_string(), "127.0.0.1:8081");
        assert_eq!(config.state_dir, Path::new("var"));
        assert_eq!(config.clients_file, Path::new("var/clients.toml"));
        assert_eq!(config.snapshot_dir, Path::new("var/snapshots"));
        assert_eq!(config.log_format, LogFormat::Text);
        let config = sample(&[("HECHA__STATE_DIR", "/srv/x"), ("HECHA__LISTEN", "[::1]:0")]);
        let config = config.unwrap();
        assert_eq!(config.log_key_file, Path::new("/srv/x/log.key"));
        assert_eq!(config.listen.to_string(), "[::1]:0");
    }

    #[test]
    fn relative_paths_start_at_the_folder_of_the_file() {
        let text = "state_dir = \"state\"\nlog_key_file = \"/run/keys/log\"\n\
                    catalogue_dir = \"../law\"";
        let config = from_text(text, &[("HECHA__CLIENTS_FILE", "who.toml")]).unwrap();
        assert!(!config.sample);
        assert_eq!(config.state_dir, Path::new("etc/state"));
        assert_eq!(config.snapshot_dir, Path::new("etc/state/snapshots"));
        assert_eq!(config.log_key_file, Path::new("/run/keys/log"));
        assert_eq!(config.snapshot_key_file, Path::new("etc/snapshot.key"));
        assert_eq!(
            config.catalogue_dir.as_deref(),
            Some(Path::new("etc/../law"))
        );
        assert_eq!(config.clients_file, Path::new("etc/who.toml"));
    }

    #[test]
    fn variables_win_over_the_file() {
        let variables = [
            ("HECHA__DRAIN_DELAY_MS", "0"),
            ("HECHA__LOG_FORMAT", "text"),
        ];
        let config = from_text("drain_delay_ms = 7\nlog_format = \"json\"", &variables).unwrap();
        assert_eq!(config.limits.drain_delay_ms, 0);
        assert_eq!(config.log_format, LogFormat::Text);
        let other = [
            ("HOME", "somewhere"),
            ("HECHA_LISTEN", "nonsense"),
            ("hecha__listen", "x"),
        ];
        assert!(from_text("", &other).is_ok());
    }

    #[test]
    fn keys_make_signatures_required_unless_the_file_says_no() {
        let keys = "builder_keys = [\"b.pub\"]\nactivator_keys = [\"/k/a.pub\", \"c.pub\"]\n";
        let trust = from_text(keys, &[]).unwrap().trust;
        assert!(trust.require_signatures);
        assert_eq!(trust.activators_required, 1);
        assert_eq!(trust.builder_keys, [Path::new("etc/b.pub")]);
        assert_eq!(
            trust.activator_keys,
            [Path::new("/k/a.pub"), Path::new("etc/c.pub")]
        );
        let lenient = format!("{keys}require_signatures = false\nactivators_required = 2");
        assert!(!from_text(&lenient, &[]).unwrap().trust.require_signatures);
        assert!(!from_text("", &[]).unwrap().trust.require_signatures);
        let variables = [
            ("HECHA__BUILDER_KEYS", "/k/b.pub"),
            ("HECHA__ACTIVATOR_KEYS", "/k/a.pub:c.pub"),
            ("HECHA__ACTIVATORS_REQUIRED", "2"),
        ];
        let trust = sample(&variables).unwrap().trust;
        assert!(trust.require_signatures);
        assert_eq!(
            trust.activator_keys,
            [Path::new("/k/a.pub"), Path::new("c.pub")]
        );
        let needed = "name the .pub files of `hecha key new --signing`";
        refuses(
            "\nrequire_signatures = true",
            &[],
            &format!(
                "etc/hecha.toml:2: signatures are required, but `builder_keys` has 0 and \
                 `activator_keys` 0 of the 1 needed; {needed}"
            ),
        );
        refuses(
            "builder_keys = [\"b.pub\"]\nactivator_keys = [\"a.pub\"]",
            &[("HECHA__ACTIVATORS_REQUIRED", "2")],
            &format!(
                "etc/hecha.toml:1: signatures are required, but `builder_keys` has 1 and \
                 `activator_keys` 1 of the 2 needed; {needed}"
            ),
        );
    }

    #[track_caller]
    fn refuses(text: &str, variables: &[(&str, &str)], expected: &str) {
        let error = from_text(text, variables).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn faults_in_the_file_name_its_line() {
        let see = "; deploy/hecha.toml shows every key";
        let keys: Vec<String> = KEYS.iter().map(|key| format!("`{key}`")).collect();
        let keys = keys.join(", ");
        let unknown = "etc/hecha.toml:2: unknown field `lisen`, expected one of ";
        refuses("\nlisen = \"x\"", &[], &format!("{unknown}{keys}{see}"));
        let wrong = "etc/hecha.toml:1: invalid type: string \"5\", expected u64";
        refuses("hard_stop_ms = \"5\"", &[], &format!("{wrong}{see}"));
        let negative = "etc/hecha.toml:1: invalid value: integer `-5`, expected u64";
        refuses("hard_stop_ms = -5", &[], &format!("{negative}{see}"));
        refuses(
            "#\nkernel_wait_ms_max = 0",
            &[],
            "etc/hecha.toml:2: `kernel_wait_ms_max` is 0; write 1 to 1000",
        );
        refuses(
            "listen = \"localhost\"",
            &[],
            "etc/hecha.toml:1: `listen` is `localhost`; write an address and a port, such as \
             127.0.0.1:8080",
        );
        refuses(
            "listen = \"0.0.0.0:8081\"\nops_listen = \"0.0.0.0:8081\"",
            &[],
            "etc/hecha.toml:2: `ops_listen` is 0.0.0.0:8081, as is `listen`; give the two \
             different ports",
        );
        refuses(
            "environment = \"a b\"",
            &[],
            "etc/hecha.toml:1: `environment` is `a b`; write 1 to 64 letters, digits, - and _",
        );
        refuses(
            "log_format = \"xml\"",
            &[],
            "etc/hecha.toml:1: `log_format` is `xml`; write json or text",
        );
    }

    #[test]
    fn faults_in_variables_name_the_variable() {
        let keys = KEYS.join(", ");
        for (name, key) in [
            ("HECHA__PORT", "port"),
            ("HECHA__listen", "listen"),
            ("HECHA__", ""),
        ] {
            let expected = format!("variable {name}: there is no key `{key}`; keys are: {keys}");
            refuses("", &[(name, "1")], &expected);
        }
        refuses(
            "",
            &[("HECHA__HARD_STOP_MS", "soon")],
            "variable HECHA__HARD_STOP_MS: `soon` is no whole number",
        );
        refuses(
            "",
            &[("HECHA__DISK_WAIT_MS_MAX", "20000")],
            "variable HECHA__DISK_WAIT_MS_MAX: `disk_wait_ms_max` is 20000; write 1 to 10000",
        );
    }

    #[test]
    fn the_sample_stays_on_this_machine() {
        let error = sample(&[("HECHA__LISTEN", "0.0.0.0:8080")]).unwrap_err();
        let expected = "variable HECHA__LISTEN: `listen` is 0.0.0.0:8080, but the sample answers \
                        on this machine only; write a configuration file to serve others";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load(Some(Path::new("none/hecha.toml")), [])
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("none/hecha.toml: cannot be read ("),
            "{error}"
        );
    }

    #[test]
    fn the_sample_file_states_every_key_and_its_default() {
        let text = include_str!("../../deploy/hecha.toml");
        for key in KEYS {
            let lines = text
                .lines()
                .map(|line| line.strip_prefix("# ").unwrap_or(line));
            let states = lines
                .filter(|line| line.starts_with(&format!("{key} = ")))
                .count();
            assert_eq!(states, 1, "`{key}` in deploy/hecha.toml");
        }
        let plain = from_text("", &[]).unwrap();
        let stated = from_text(text, &[]).unwrap();
        assert_eq!(stated, plain, "what the sample file sets is the default");
        let all: Vec<&str> = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest)
                    if KEYS
                        .iter()
                        .any(|key| rest.starts_with(&format!("{key} = "))) =>
                {
                    rest
                }
                _ => line,
            })
            .collect();
        from_text(&all.join("\n"), &[]).unwrap();
    }
}
