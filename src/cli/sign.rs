//! `hecha sign`: says with a key that a snapshot may be used, or that gateways may go back.
//!
//! In: a snapshot file or a version to go back to, a signing key. Out: `FILE.sig` beside the file,
//! or an order; each replaced as a whole. What is signed is printed first. Exit codes: 0 signed, 2
//! no sound snapshot, no key, or something else stands there already.

use super::expiry::Expiry;
use crate::model::term::Moment;
use crate::seal::sign::SigningKey;
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::rollback_order::RollbackOrder;
use crate::snapshot::signature::{OrderFile, SignatureFile, signature_path};
use crate::snapshot::statement::{Role, Statement};
use crate::storage::disk::RealDisk;
use anyhow::{Context, bail};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Sign a snapshot file, or an order to go back to an older version.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A gateway that names `builder_keys` and `activator_keys` serves only what a builder and as many
activators as `activators_required` have signed. Who signs as activator says: these lists may
restrict people from now on. Look first: hecha inspect FILE --deep, hecha diff OLD FILE.

  hecha key new --signing anna.key              anna.key stays with Anna; anna.key.pub goes to
                                                the gateway: activator_keys = [\"anna.key.pub\"]
  hecha sign list.hecha --key builder.key --role builder
  hecha sign list.hecha --key anna.key --role activator
  hecha publish list.hecha --to snapshots       takes list.hecha.sig along
A file that is published already can be signed where it lies: the gateway takes it as soon as the
last signature is there.

Going back to an older version needs an order, because an old list brings back who was released:
  hecha sign --rollback-to 1795600000000 --from 1795700000000 --environment production \\
        --reason 'a bad delivery' --key anna.key --out order.json
  curl -X POST http://127.0.0.1:8081/v1/snapshot/rollback -H 'Authorization: Bearer TOKEN' \\
        -H 'Content-Type: application/json' -d \"{\\\"order\\\":$(cat order.json)}\"
--from is `highest_version` of GET /v1/snapshot. The order is void once a newer version was
activated, when it expires (a day, unless --expires says otherwise), and after it was used. A
second activator runs the same command with a key of their own: their signature is added.")]
pub struct SignArgs {
    /// The snapshot file
    #[arg(value_name = "FILE", required_unless_present = "rollback_to")]
    pub file: Option<PathBuf>,
    /// The signing key, made by `hecha key new --signing`
    #[arg(long, value_name = "KEY")]
    pub key: PathBuf,
    /// As what: builder or activator
    #[arg(long, value_name = "ROLE", value_parser = parse_role,
          required_unless_present = "rollback_to")]
    pub role: Option<Role>,
    /// Order a rollback to this version instead
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["file", "role"],
          requires_all = ["from", "environment", "reason", "out"])]
    pub rollback_to: Option<u64>,
    /// The highest version that gateways have activated: from it the order goes back
    #[arg(long, value_name = "VERSION", requires = "rollback_to")]
    pub from: Option<u64>,
    /// Environment of the gateways
    #[arg(long, value_name = "NAME", requires = "rollback_to")]
    pub environment: Option<String>,
    /// Why; one line, without names and numbers of people
    #[arg(long, value_name = "TEXT", requires = "rollback_to")]
    pub reason: Option<String>,
    /// When the order ends: days, or a moment with offset
    #[arg(long, value_name = "DAYS|TIME", requires = "rollback_to", value_parser = Expiry::parse,
          default_value = "1")]
    pub expires: Expiry,
    /// The order; where it stands already the signature is added to it
    #[arg(long, value_name = "FILE", requires = "rollback_to")]
    pub out: Option<PathBuf>,
}

/// Runs the command; returns the exit code.
///
/// Errors: writing to standard output.
pub fn run(args: &SignArgs) -> anyhow::Result<u8> {
    let now = Moment(jiff::Timestamp::now().as_microsecond());
    let signed = match (&args.file, args.role, args.rollback_to) {
        (Some(file), Some(role), None) => sign_file(file, &args.key, role),
        _ => order(args, now),
    };
    match signed {
        Ok(said) => {
            writeln!(io::stdout(), "{said}")?;
            Ok(0)
        }
        Err(fault) => {
            writeln!(io::stderr(), "hecha: {fault:#}")?;
            Ok(2)
        }
    }
}

fn sign_file(file: &Path, key: &Path, role: Role) -> anyhow::Result<String> {
    let key = SigningKey::load(key)?;
    let snapshot = Snapshot::open_file(file, &OpenOptions::default())
        .with_context(|| format!("`{}`", file.display()))?;
    sign(&snapshot, file, &key, role)
}

/// Adds a signature to those of `file`, which `snapshot` is. Says what was signed.
///
/// Errors: an environment that no gateway has; signatures of something else; writing.
pub fn sign(
    snapshot: &Snapshot,
    file: &Path,
    key: &SigningKey,
    role: Role,
) -> anyhow::Result<String> {
    let path = signature_path(file);
    let Some(statement) = Statement::of(snapshot) else {
        bail!(
            "`{}` is of environment `{}`; a gateway's is 1 to 64 letters, digits, - and _: build \
             it again with another `--environment`",
            file.display(),
            snapshot.manifest().environment
        );
    };
    let mut signatures = SignatureFile::read_about(&path, statement)?;
    if !signatures.sign(key, role) {
        bail!("`{}` has no room for a further signature", path.display());
    }
    signatures.write(&RealDisk, &path)?;
    let (manifest, what) = (snapshot.manifest(), &signatures.what);
    let expires = what.expires.map_or("never".to_owned(), |at| at.to_string());
    Ok(format!(
        "signed as {} with {}: {}\n  environment {}, version {}, built {}, expires {expires}\n  \
         {} entries of {} lists, {} left out, {} bytes\n  {} signatures in {}",
        role.name(),
        key.public().id(),
        file.display(),
        what.environment,
        what.version,
        what.created,
        manifest.entries,
        manifest.lists.len(),
        manifest.quarantined,
        what.bytes,
        signatures.signatures.len(),
        path.display(),
    ))
}

/// Signs an order; one that stands there already keeps its reason and its times.
fn order(args: &SignArgs, now: Moment) -> anyhow::Result<String> {
    let (Some(to), Some(from), Some(environment), Some(reason), Some(out)) = (
        args.rollback_to,
        args.from,
        &args.environment,
        &args.reason,
        &args.out,
    ) else {
        bail!("a rollback order needs --rollback-to, --from, --environment, --reason and --out");
    };
    let key = SigningKey::load(&args.key)?;
    let wanted = RollbackOrder {
        environment: environment.as_str().into(),
        from,
        to,
        issued: now,
        expires: args.expires.at(now),
        reason: reason.trim().into(),
    };
    let wanted = wanted.checked()?;
    let mut order = match OrderFile::read(out)? {
        None => OrderFile::new(wanted),
        Some(order) => order,
    };
    let what = &order.what;
    if (&*what.environment, what.from, what.to) != (environment.as_str(), from, to) {
        bail!(
            "`{}` orders something else (environment {}, from {} to {}); name another file",
            out.display(),
            what.environment,
            what.from,
            what.to
        );
    }
    if !order.sign(&key, Role::Activator) {
        bail!("`{}` has no room for a further signature", out.display());
    }
    order.write(&RealDisk, out)?;
    let what = &order.what;
    Ok(format!(
        "signed with {}: {} may go back from version {} to {} until {}\n  reason: {}\n  {} \
         signatures in {}",
        key.public().id(),
        what.environment,
        what.from,
        what.to,
        what.expires,
        what.reason,
        order.signatures.len(),
        out.display(),
    ))
}

fn parse_role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "neither builder nor activator".to_owned())
}
