//! TLS as configured: which listener has it, by which files.
//!
//! In: `Written`. Out: options of each listener; the operators' listener has those of checks where
//! it states none of its own. Opens no file.

use super::file::{ConfigError, Place, Placed, Written};
use crate::http::tls::{ClientAuth, TlsOptions};
use std::path::{Path, PathBuf};

/// TLS of both listeners; `None` is in clear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsConfig {
    /// Of checks: `tls_cert_file`, `tls_key_file`, `tls_client_ca_file`, `tls_client_auth`.
    /// Default none.
    pub checks: Option<TlsOptions>,
    /// Of operators: the same with `ops_` before. Default: each as for checks.
    pub ops: Option<TlsOptions>,
}

/// The keys of one listener as written.
struct Keys<'a> {
    cert: Option<&'a Placed<PathBuf>>,
    key: Option<&'a Placed<PathBuf>>,
    client_ca: Option<&'a Placed<PathBuf>>,
    client_auth: Option<&'a Placed<String>>,
}

impl TlsConfig {
    /// Checks the keys. Relative paths start at `base`.
    pub fn resolve(written: &Written, base: &Path) -> Result<Self, ConfigError> {
        let checks = Keys {
            cert: written.tls_cert_file.as_ref(),
            key: written.tls_key_file.as_ref(),
            client_ca: written.tls_client_ca_file.as_ref(),
            client_auth: written.tls_client_auth.as_ref(),
        };
        let ca = written.ops_tls_client_ca_file.as_ref();
        let ops = Keys {
            cert: written.ops_tls_cert_file.as_ref().or(checks.cert),
            key: written.ops_tls_key_file.as_ref().or(checks.key),
            client_ca: ca.or(checks.client_ca),
            client_auth: match (&written.ops_tls_client_auth, ca) {
                (Some(own), _) => Some(own),
                // An authority of its own asks for certificates, whatever holds for checks.
                (None, Some(_)) => None,
                (None, None) => checks.client_auth,
            },
        };
        Ok(Self {
            checks: checks.resolve(base, "")?,
            ops: ops.resolve(base, "ops_")?,
        })
    }
}

impl Keys<'_> {
    fn resolve(
        &self,
        base: &Path,
        prefix: &'static str,
    ) -> Result<Option<TlsOptions>, ConfigError> {
        let auth = self.client_auth.map(client_auth).transpose()?;
        let (cert, key) = match (self.cert, self.key) {
            (Some(cert), Some(key)) => (cert, key),
            (None, None) => {
                let needs = self
                    .client_ca
                    .map(|placed| (&placed.place, "tls_client_ca_file"));
                let asks = self
                    .client_auth
                    .map(|placed| (&placed.place, "tls_client_auth"));
                let asks = asks.filter(|_| auth != Some(ClientAuth::Off));
                return match needs.or(asks) {
                    None => Ok(None),
                    Some((place, has)) => Err(lacks(place, prefix, has, "tls_cert_file")),
                };
            }
            (Some(cert), None) => {
                return Err(lacks(&cert.place, prefix, "tls_cert_file", "tls_key_file"));
            }
            (None, Some(key)) => {
                return Err(lacks(&key.place, prefix, "tls_key_file", "tls_cert_file"));
            }
        };
        let client_auth = match (auth, self.client_ca) {
            (Some(auth), Some(_)) => auth,
            (None, Some(_)) => ClientAuth::Required,
            (None | Some(ClientAuth::Off), None) => ClientAuth::Off,
            (Some(_), None) => {
                let place = self.client_auth.map(|placed| &placed.place);
                let place = place.unwrap_or(&Place::Default);
                return Err(lacks(
                    place,
                    prefix,
                    "tls_client_auth",
                    "tls_client_ca_file",
                ));
            }
        };
        Ok(Some(TlsOptions {
            cert_file: base.join(&cert.value),
            key_file: base.join(&key.value),
            client_ca_file: self.client_ca.map(|placed| base.join(&placed.value)),
            client_auth,
        }))
    }
}

fn lacks(
    place: &Place,
    prefix: &'static str,
    has: &'static str,
    lacks: &'static str,
) -> ConfigError {
    ConfigError::TlsLacks {
        place: place.clone(),
        prefix,
        has,
        lacks,
    }
}

/// Whether stewards and admins must bring a token and a certificate.
///
/// Errors: another word, or operators are asked for no certificate.
pub fn second_factor(written: &Written, tls: &TlsConfig) -> Result<bool, ConfigError> {
    let Some(placed) = &written.ops_second_factor else {
        return Ok(false);
    };
    let shows = |ops: &TlsOptions| ops.client_auth != ClientAuth::Off;
    match placed.value.as_str() {
        "none" => Ok(false),
        "certificate" if tls.ops.as_ref().is_some_and(shows) => Ok(true),
        "certificate" => {
            let (has, needs) = ("ops_second_factor", "ops_tls_client_ca_file");
            Err(lacks(&placed.place, "", has, needs))
        }
        _ => Err(ConfigError::Unusable {
            place: placed.place.clone(),
            key: "ops_second_factor",
            value: placed.value.clone(),
            wanted: "none or certificate",
        }),
    }
}

fn client_auth(written: &Placed<String>) -> Result<ClientAuth, ConfigError> {
    match written.value.as_str() {
        "off" => Ok(ClientAuth::Off),
        "optional" => Ok(ClientAuth::Optional),
        "required" => Ok(ClientAuth::Required),
        _ => Err(ConfigError::Unusable {
            place: written.place.clone(),
            key: "tls_client_auth",
            value: written.value.clone(),
            wanted: "off, optional or required",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Result<TlsConfig, ConfigError> {
        let path = Path::new("etc/hecha.toml");
        TlsConfig::resolve(&Written::parse(path, text)?, Path::new("etc"))
    }

    #[track_caller]
    fn is(text: &str, checks: Option<(&str, ClientAuth)>, ops: Option<(&str, ClientAuth)>) {
        let config = from(text).unwrap();
        let shown = |options: Option<TlsOptions>| {
            options.map(|options| {
                let file = options.cert_file.to_str().unwrap().to_owned();
                (file, options.client_auth)
            })
        };
        let wanted = |one: Option<(&str, ClientAuth)>| one.map(|(f, auth)| (f.to_owned(), auth));
        assert_eq!(shown(config.checks), wanted(checks), "{text}");
        assert_eq!(shown(config.ops), wanted(ops), "{text}");
    }

    #[test]
    fn operators_have_what_checks_have_unless_they_state_their_own() {
        use ClientAuth::{Off, Optional, Required};
        let pair = "tls_cert_file = \"c\"\ntls_key_file = \"k\"\n";
        let ca = format!("{pair}tls_client_ca_file = \"a\"\n");
        let ops = "ops_tls_cert_file = \"o\"\nops_tls_key_file = \"k\"\n";
        is("", None, None);
        is("tls_client_auth = \"off\"", None, None);
        is(pair, Some(("etc/c", Off)), Some(("etc/c", Off)));
        is(&ca, Some(("etc/c", Required)), Some(("etc/c", Required)));
        is(
            &format!("{ca}tls_client_auth = \"optional\""),
            Some(("etc/c", Optional)),
            Some(("etc/c", Optional)),
        );
        is(
            &format!("{ca}ops_tls_client_auth = \"off\""),
            Some(("etc/c", Required)),
            Some(("etc/c", Off)),
        );
        is(
            &format!("{pair}ops_tls_client_ca_file = \"a\""),
            Some(("etc/c", Off)),
            Some(("etc/c", Required)),
        );
        is(ops, None, Some(("etc/o", Off)));
    }

    #[test]
    fn a_second_factor_needs_certificates_of_operators() {
        let of = |text: &str| {
            let written = Written::parse(Path::new("etc/hecha.toml"), text).unwrap();
            let tls = TlsConfig::resolve(&written, Path::new("etc")).unwrap();
            second_factor(&written, &tls).map_err(|error| error.to_string())
        };
        let ca = "\ntls_cert_file = \"c\"\ntls_key_file = \"k\"\ntls_client_ca_file = \"a\"\n";
        let wanted = "ops_second_factor = \"certificate\"";
        assert_eq!(of(""), Ok(false));
        assert_eq!(of("ops_second_factor = \"none\""), Ok(false));
        assert_eq!(of(&format!("{wanted}{ca}")), Ok(true));
        let error = of(&format!("{wanted}{ca}ops_tls_client_auth = \"off\"")).unwrap_err();
        assert!(
            error.contains("`ops_second_factor` needs `ops_tls_client_ca_file`"),
            "{error}"
        );
        let error = of("ops_second_factor = \"two\"").unwrap_err();
        assert!(error.contains("write none or certificate"), "{error}");
    }

    #[test]
    fn half_of_what_is_needed_is_refused() {
        #[track_caller]
        fn refuses(text: &str, expected: &str) {
            let error = from(text).unwrap_err().to_string();
            assert_eq!(error, format!("etc/hecha.toml:1: {expected}"));
        }
        let of = |has: &str, lacks: &str| {
            format!(
                "`{has}` needs `{lacks}`; name both, or neither; `hecha ca --help` makes them for \
                 tests"
            )
        };
        refuses(
            "tls_cert_file = \"c\"",
            &of("tls_cert_file", "tls_key_file"),
        );
        refuses("tls_key_file = \"c\"", &of("tls_key_file", "tls_cert_file"));
        refuses(
            "ops_tls_key_file = \"c\"",
            &of("ops_tls_key_file", "ops_tls_cert_file"),
        );
        refuses(
            "tls_client_ca_file = \"c\"",
            &of("tls_client_ca_file", "tls_cert_file"),
        );
        refuses(
            "tls_client_auth = \"required\"\ntls_cert_file = \"c\"\ntls_key_file = \"k\"",
            &of("tls_client_auth", "tls_client_ca_file"),
        );
        refuses(
            "tls_client_auth = \"on\"",
            "`tls_client_auth` is `on`; write off, optional or required",
        );
    }
}
