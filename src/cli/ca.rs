//! `hecha ca new|server|client`: an authority of one's own, for tests and small closed networks.
//!
//! In: parsed arguments. Out: certificates as PEM files, keys beside them readable by their owner
//! alone and never printed; what to do with them on standard output. No revocation, no audit, the
//! key of the authority lies in a file: who has that file can make himself any unit whose record
//! is written afterwards. A real installation takes its certificates from its own authority.

use crate::gateway::client_edit::plus_days;
use crate::gateway::clock::Clock;
use crate::model::term::Day;
use crate::seal::certificate::{CertificateError, CertificateHash};
use crate::storage::disk::{RealDisk, Storage};
use crate::storage::replace;
use clap::{Args, Subcommand};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Days for which the certificate of the authority is good.
const AUTHORITY_DAYS: u32 = 3_650;
/// The most days of any other certificate.
const DAYS_MAX: i64 = 3_650;
/// What the first line of the authority's file begins with; its name follows.
const NAME_MARK: &str = "# hecha authority: ";
/// Said by every command.
const FOR_TESTS: &str = "This authority is for tests and small closed networks: its key lies in a \
                         file and nothing it has signed can be called back.";

/// Arguments of `hecha ca`.
#[derive(Debug, Args)]
#[command(after_help = "\
Four commands to TLS on this machine:
  hecha ca new --dir pki
  hecha ca server --dir pki --host localhost --host 127.0.0.1
  HECHA__TLS_CERT_FILE=pki/server.pem HECHA__TLS_KEY_FILE=pki/server.key hecha serve
  curl --cacert pki/ca.pem https://127.0.0.1:8080/healthz

For tests and small closed networks: the key of the authority lies in a file, and nothing it has
signed can be called back but by the clients file.")]
pub struct CaArgs {
    #[command(subcommand)]
    command: CaCommand,
}

#[derive(Debug, Subcommand)]
enum CaCommand {
    /// Make an authority: ca.pem, and ca.key, which signs
    New {
        /// Folder for its files
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Name that its certificates show as their issuer
        #[arg(long, default_value = "hecha test authority")]
        name: String,
    },
    /// Make a certificate for a gateway: server.pem and server.key
    Server {
        /// Folder of the authority
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Host name or address by which callers reach it; may be repeated
        #[arg(long = "host", required = true, value_name = "HOST")]
        hosts: Vec<String>,
        #[command(flatten)]
        terms: Terms,
    },
    /// Make a certificate for a calling unit: UNIT.pem and UNIT.key
    Client {
        /// Folder of the authority
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Name of the unit
        #[arg(long)]
        unit: String,
        #[command(flatten)]
        terms: Terms,
    },
}

#[derive(Debug, Args)]
struct Terms {
    /// Days for which the certificate is good
    #[arg(long, default_value_t = 365, value_name = "DAYS",
          value_parser = clap::value_parser!(u32).range(1..=DAYS_MAX))]
    days: u32,
    /// Replace the files that are there; the old key is gone then
    #[arg(long)]
    replace: bool,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A file is there.
    #[error("`{}` is there already; nothing was changed{hint}", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// No authority.
    #[error("`{}` holds no authority ({fault}); make one with `hecha ca new`", dir.display())]
    NoAuthority {
        /// The folder.
        dir: PathBuf,
        /// What is missing.
        fault: String,
    },
    /// A host that no certificate can name.
    #[error("`--host {host}` is neither a host name nor an address")]
    Host {
        /// As written.
        host: String,
    },
    /// A file or folder.
    #[error("`{}`: {fault}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// A certificate just made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The library.
    #[error("the certificate cannot be made ({0})")]
    Make(#[from] rcgen::Error),
    /// Standard output.
    #[error("cannot write the answer ({0})")]
    Output(#[from] io::Error),
}

/// Runs the command and prints to standard output.
pub fn run(args: CaArgs) -> Result<(), CaError> {
    run_into(args, &mut io::stdout().lock())
}

fn run_into(args: CaArgs, out: &mut dyn Write) -> Result<(), CaError> {
    let today = Clock::default().now().day();
    match args.command {
        CaCommand::New { dir, name } => new(&dir, &name, today, out)?,
        CaCommand::Server { dir, hosts, terms } => server(&dir, &hosts, &terms, today, out)?,
        CaCommand::Client { dir, unit, terms } => client(&dir, &unit, &terms, today, out)?,
    }
    out.flush()?;
    Ok(())
}

fn new(dir: &Path, name: &str, today: Day, out: &mut dyn Write) -> Result<(), CaError> {
    let [certificate, key_file] = [dir.join("ca.pem"), dir.join("ca.key")];
    are_absent(
        [&certificate, &key_file],
        "; another authority goes into another folder",
    )?;
    let created = RealDisk.create_folder(dir);
    created.map_err(|fault| CaError::Write {
        path: dir.to_owned(),
        fault,
    })?;
    let name = name.replace(char::is_control, " ");
    let mut params = lasting(&name, today, AUTHORITY_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let pem = params.self_signed(&key)?.pem();
    write_key(&key_file, &key)?;
    write_public(&certificate, &format!("{NAME_MARK}{name}\n{pem}"))?;
    writeln!(
        out,
        "{}\n{}\n\n{FOR_TESTS}",
        certificate.display(),
        key_file.display()
    )?;
    Ok(())
}

fn server(
    dir: &Path,
    hosts: &[String],
    terms: &Terms,
    today: Day,
    out: &mut dyn Write,
) -> Result<(), CaError> {
    let mut params = lasting(hosts.first().map_or("", String::as_str), today, terms.days);
    for host in hosts {
        let of_host = CertificateParams::new(vec![host.clone()]);
        let of_host = of_host.map_err(|_| CaError::Host { host: host.clone() })?;
        params.subject_alt_names.extend(of_host.subject_alt_names);
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let [certificate, key] = sign(dir, "server", params, terms)?;
    let (certificate, key) = (certificate.display(), key.display());
    writeln!(
        out,
        "# In hecha.toml:\ntls_cert_file = \"{certificate}\"\ntls_key_file = \"{key}\"\n# To ask \
         units for certificates of this authority:\n# tls_client_ca_file = \"{}\"\n\n# \
         {FOR_TESTS}",
        dir.join("ca.pem").display()
    )?;
    Ok(())
}

fn client(
    dir: &Path,
    unit: &str,
    terms: &Terms,
    today: Day,
    out: &mut dyn Write,
) -> Result<(), CaError> {
    let mut params = lasting(unit, today, terms.days);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let [certificate, key] = sign(dir, &file_stem(unit), params, terms)?;
    let hash = CertificateHash::of_file(&certificate)?.to_hex();
    let (certificate, key) = (certificate.display(), key.display());
    let unit = unit.replace('\'', "'\\''");
    writeln!(
        out,
        "{hash}\n\n# For a unit that has a record, beside its tokens:\nhecha client certificate \
         '{unit}' --add '{certificate}'\n# For a new unit, known by its certificate alone:\nhecha \
         client add --unit '{unit}' --scenario '*' --certificate '{certificate}' --no-token\n# \
         Asked with it:\ncurl --cacert '{}' --cert '{certificate}' --key '{key}' \
         https://127.0.0.1:8080/healthz\n\n# {FOR_TESTS}",
        dir.join("ca.pem").display()
    )?;
    Ok(())
}

/// A certificate of today, good for `days`; a clock that is a day behind takes it too.
fn lasting(name: &str, today: Day, days: u32) -> CertificateParams {
    let at = |day: Day| {
        let (year, month, day) = day.date();
        let small = |figure: i8| u8::try_from(figure).unwrap_or(1);
        date_time_ymd(i32::from(year), small(month), small(day))
    };
    let mut params = CertificateParams::default();
    params.not_before = at(Day(today.0.saturating_sub(1)));
    params.not_after = at(plus_days(today, days));
    params.distinguished_name = named(name);
    params.use_authority_key_identifier_extension = true;
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut all = DistinguishedName::new();
    all.push(DnType::CommonName, name);
    all
}

/// Signs a certificate with a new key and writes both; their paths.
fn sign(
    dir: &Path,
    stem: &str,
    mut params: CertificateParams,
    terms: &Terms,
) -> Result<[PathBuf; 2], CaError> {
    let [certificate, key_file] = [format!("{stem}.pem"), format!("{stem}.key")];
    let [certificate, key_file] = [dir.join(certificate), dir.join(key_file)];
    if !terms.replace {
        are_absent([&certificate, &key_file], "; say --replace to make it anew")?;
    }
    let issuer = authority(dir)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate()?;
    let pem = params.signed_by(&key, &issuer)?.pem();
    write_key(&key_file, &key)?;
    write_public(&certificate, &pem)?;
    Ok([certificate, key_file])
}

/// The authority of a folder, as far as signing needs it.
fn authority(dir: &Path) -> Result<Issuer<'static, KeyPair>, CaError> {
    let missing = |fault: String| CaError::NoAuthority {
        dir: dir.to_owned(),
        fault,
    };
    let read = |file: &str| {
        let text = fs::read_to_string(dir.join(file)).map(Zeroizing::new);
        text.map_err(|fault| missing(format!("{file}: {fault}")))
    };
    let certificate = read("ca.pem")?;
    let name = certificate
        .lines()
        .next()
        .and_then(|line| line.strip_prefix(NAME_MARK));
    let name = name.ok_or_else(|| missing("ca.pem is not of `hecha ca new`".to_owned()))?;
    let key = KeyPair::from_pem(&read("ca.key")?);
    let key = key.map_err(|_| missing("ca.key: no private key".to_owned()))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    Ok(Issuer::new(params, key))
}

/// The unit's name as a file may have it.
fn file_stem(unit: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '-' };
    let stem: String = unit.chars().map(plain).collect();
    match stem.as_str() {
        // Not over the files of the authority and the gateway.
        "" | "ca" | "server" => format!("unit-{stem}"),
        _ => stem,
    }
}

fn are_absent(paths: [&Path; 2], hint: &'static str) -> Result<(), CaError> {
    match paths.into_iter().find(|path| path.exists()) {
        None => Ok(()),
        Some(path) => Err(CaError::Exists {
            path: path.to_owned(),
            hint,
        }),
    }
}

/// Readable by its owner alone from its first byte on.
fn write_key(path: &Path, key: &KeyPair) -> Result<(), CaError> {
    let text = Zeroizing::new(key.serialize_pem());
    write(path, text.as_bytes())
}

fn write_public(path: &Path, text: &str) -> Result<(), CaError> {
    write(path, text.as_bytes())?;
    let opened = fs::set_permissions(path, Permissions::from_mode(0o644));
    opened.map_err(|fault| CaError::Write {
        path: path.to_owned(),
        fault,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CaError> {
    replace::write(&RealDisk, path, bytes).map_err(|fault| CaError::Write {
        path: path.to_owned(),
        fault,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: CaArgs,
    }

    fn hecha_ca(dir: &Path, arguments: &[&str]) -> Result<String, CaError> {
        let dir = ["--dir", dir.to_str().unwrap()];
        let command = Command::try_parse_from([&["ca"], arguments, &dir].concat()).unwrap();
        let mut out = Vec::new();
        run_into(command.args, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn keys_are_their_owners_alone_and_are_never_printed() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("pki");
        let said = [
            hecha_ca(&dir, &["new"]).unwrap(),
            hecha_ca(&dir, &["server", "--host", "127.0.0.1"]).unwrap(),
            hecha_ca(&dir, &["client", "--unit", "铁路 售票"]).unwrap(),
        ];
        let hash = CertificateHash::of_file(&dir.join("铁路-售票.pem")).unwrap();
        assert!(said[2].starts_with(&hash.to_hex()), "{}", said[2]);
        for text in &said {
            assert!(
                text.contains("for tests and small closed networks"),
                "{text}"
            );
            assert!(!text.contains("PRIVATE KEY"), "{text}");
        }
        for (file, mode) in [
            ("ca.key", 0o600),
            ("server.key", 0o600),
            ("铁路-售票.key", 0o600),
        ] {
            let metadata = fs::metadata(dir.join(file)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, mode, "{file}");
        }
    }

    #[test]
    fn nothing_is_written_over_and_what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let error = hecha_ca(dir, &["server", "--host", "a"]).unwrap_err();
        assert!(
            error.to_string().contains("make one with `hecha ca new`"),
            "{error}"
        );
        hecha_ca(dir, &["new"]).unwrap();
        let error = hecha_ca(dir, &["new"]).unwrap_err();
        assert!(error.to_string().contains("is there already"), "{error}");
        hecha_ca(dir, &["client", "--unit", "server"]).unwrap();
        hecha_ca(dir, &["server", "--host", "a"]).unwrap();
        let before = fs::read(dir.join("server.pem")).unwrap();
        let error = hecha_ca(dir, &["server", "--host", "a"]).unwrap_err();
        assert!(error.to_string().contains("say --replace"), "{error}");
        assert_eq!(fs::read(dir.join("server.pem")).unwrap(), before);
        hecha_ca(dir, &["server", "--host", "a", "--replace"]).unwrap();
        assert_ne!(fs::read(dir.join("server.pem")).unwrap(), before);
        let error = hecha_ca(dir, &["server", "--host", "铁路", "--replace"]).unwrap_err();
        assert!(error.to_string().contains("neither a host name"), "{error}");
    }
}
