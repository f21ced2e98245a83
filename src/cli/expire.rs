//! `hecha log expire`, `expire-order`, `hold-month`: the end of a month, by order of two persons.
//!
//! In: a log whose gateway is stopped, an order, keys. Out: an order with a signature more; a month
//! expired; a month on hold. Exit codes: 0 done, 2 refused.

use super::own_log::{self, LOG_FOLDER};
use crate::config::load as config;
use crate::decision_log::expired;
use crate::decision_log::expiry::{self, Expiring};
use crate::decision_log::expiry_order::ExpiryOrder;
use crate::decision_log::segment::{LogOptions, Syncing};
use crate::decision_log::shards;
use crate::decision_log::writer::DecisionLog;
use crate::model::term::Moment;
use crate::seal::entropy::OsEntropy;
use crate::seal::keys::KeyId;
use crate::seal::sign::{PublicKey, SigningKey};
use crate::storage::disk::{self, RealDisk, Storage};
use crate::storage::replace;
use crate::tree::origin::is_month;
use anyhow::{Context, bail};
use clap::Args;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Shown below the help of `hecha log expire`.
pub const EXAMPLES: &str = "\
The gateway must be stopped. Each person signs the same order with a key of their own:

  hecha log expire-order state/log --month 2023-11 --reason 'three years are over' \\
        --key anna.key --out 2023-11.order
  hecha log expire-order state/log --month 2023-11 --reason 'three years are over' \\
        --key bert.key --out 2023-11.order
  hecha log expire --config hecha.toml --month 2023-11 --order 2023-11.order

Refused but for the oldest month, three years after its end by the records and by the clock, where
the log holds records of 36 months since, and while `hecha log hold-month` holds it. An order holds
30 days. The month's requests, records and tree are gone for good; its last checkpoint, the order
and a record of kind `expired` stay. Copies elsewhere are yours to destroy, and so are old blocks
where the file system or the device writes elsewhere instead of over (copy on write, flash).";

/// Days that an order holds where nothing else is said.
const ORDER_DAYS: i64 = 30;

/// What is added to a summary of a log of which months are expired; empty where none is.
pub fn note(dir: &Path) -> String {
    match expired::months(&RealDisk, dir).as_slice() {
        [] => String::new(),
        months => format!(
            "; expired by order and no longer here: {}",
            months.join(", ")
        ),
    }
}

/// Arguments of `hecha log expire`.
#[derive(Debug, Args)]
pub struct ExpireArgs {
    /// Configuration of the gateway, which must be stopped
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The month, for example 2023-11; the oldest one of the log
    #[arg(long)]
    month: String,
    /// The order, signed by two persons whose keys `expiry_keys` names
    #[arg(long, value_name = "FILE")]
    order: PathBuf,
}

/// Arguments of `hecha log expire-order`.
#[derive(Debug, Args)]
pub struct OrderArgs {
    /// Folder of the log: `log` in the state folder
    dir: PathBuf,
    /// The month, for example 2023-11
    #[arg(long)]
    month: String,
    /// Why; one line, without names and numbers of people
    #[arg(long)]
    reason: String,
    /// The signing key, made by `hecha key new --signing`
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// The order; where it stands already the signature is added to it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// From then on the order holds; a moment with offset. Default: at once
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Until then the order holds; a moment with offset. Default: 30 days
    #[arg(long, value_name = "TIME")]
    not_after: Option<String>,
}

/// Arguments of `hecha log hold-month`.
#[derive(Debug, Args)]
pub struct HoldArgs {
    /// Folder of the log: `log` in the state folder
    dir: PathBuf,
    /// The month, for example 2023-11
    #[arg(long)]
    month: String,
    /// Why it must be kept, for example the number of a case
    #[arg(long, required_unless_present = "release")]
    reason: Option<String>,
    /// Ends the hold
    #[arg(long, conflicts_with = "reason")]
    release: bool,
}

/// Expires a month.
pub fn expire(args: &ExpireArgs) -> anyhow::Result<()> {
    let config = config::load(Some(&args.config), std::env::vars_os())?;
    let keys = config.expiry_keys.iter().map(|path| PublicKey::load(path));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let order = read_order(&args.order)?
        .with_context(|| format!("`{}` is not there", args.order.display()))?;
    let folder = config.state_dir.join(LOG_FOLDER);
    let (storage, now) = (Arc::new(RealDisk), now());
    // No thread may read or make what is being removed.
    let options = LogOptions {
        syncing: Syncing::ByHand,
        ..LogOptions::default()
    };
    let log_keys = own_log::keys(&config)?;
    let entropy = Arc::new(OsEntropy);
    let (log, recovery) =
        DecisionLog::open(storage.clone(), &folder, options, log_keys, entropy, now)?;
    let expiring = Expiring {
        storage: &*storage,
        folder: &folder,
        log: &log,
        recovery: &recovery,
        keys: &keys,
        now,
    };
    let signers = expiring.expire(&args.month, &order)?;
    log.close()?;
    let signers: Vec<String> = signers.iter().map(KeyId::to_string).collect();
    say(&format!(
        "{} is expired by order of {}: {} records; its last checkpoint is kept in {}",
        args.month,
        signers.join(" and "),
        order.last.size,
        folder.join(shards::EXPIRED_FOLDER).display(),
    ))
}

/// Makes an order, or adds a signature to one.
pub fn order(args: &OrderArgs) -> anyhow::Result<()> {
    let key = SigningKey::load(&args.key)?;
    let path = shards::checkpoint_path(&args.dir, &args.month);
    let last = shards::read_checkpoint(&RealDisk, &path)?;
    let (_, last) = last.with_context(|| format!("`{}` is not there", path.display()))?;
    let moment = |flag, text: Option<&String>, default| match text {
        None => Ok(default),
        Some(text) => {
            Moment::parse(text).with_context(|| format!("`{flag}` is no moment with offset"))
        }
    };
    let whole_second = Moment(now().0 / 1_000_000 * 1_000_000);
    let from = moment("--not-before", args.not_before.as_ref(), whole_second)?;
    let end = from.plus_hours(24 * ORDER_DAYS);
    let until = moment("--not-after", args.not_after.as_ref(), end)?;
    let fresh = ExpiryOrder::new(&args.month, last, (from, until), &args.reason);
    let fresh = fresh.map_err(anyhow::Error::msg)?;
    let mut order = match read_order(&args.out)? {
        None => fresh,
        Some(order) if (&order.month, &order.last) == (&fresh.month, &fresh.last) => order,
        Some(_) => bail!("`{}` orders something else", args.out.display()),
    };
    if !order.sign(&key) {
        bail!(
            "`{}` has no room for a further signature",
            args.out.display()
        );
    }
    replace::write(&RealDisk, &args.out, order.to_file().as_bytes())
        .with_context(|| format!("cannot write `{}`", args.out.display()))?;
    say(&format!(
        "signed with {}: {} with {} records may be destroyed from {} until {}\n  reason: \
         {}\n  {} signatures in {}",
        key.public().id(),
        order.month,
        order.last.size,
        order.not_before,
        order.not_after,
        order.reason,
        order.signatures(),
        args.out.display(),
    ))
}

/// Puts a month on hold, or ends that.
pub fn hold(args: &HoldArgs) -> anyhow::Result<()> {
    if !is_month(&args.month) {
        bail!("`--month`: write a month such as 2023-11");
    }
    if !args.dir.is_dir() {
        bail!(
            "`{}` is no folder; name the folder `log` of a state folder",
            args.dir.display()
        );
    }
    let path = expiry::hold_path(&args.dir, &args.month);
    let folder = disk::folder_of(&path);
    let fault = || format!("cannot write `{}`", path.display());
    let Some(reason) = &args.reason else {
        RealDisk.remove(&path).with_context(fault)?;
        RealDisk.sync_folder(folder).with_context(fault)?;
        return say(&format!("{} is no longer on hold", args.month));
    };
    RealDisk.create_folder(folder).with_context(fault)?;
    replace::write(&RealDisk, &path, format!("{}\n", reason.trim()).as_bytes())
        .with_context(fault)?;
    say(&format!(
        "{} is on hold: it is not expired by any order",
        args.month
    ))
}

fn read_order(path: &PathBuf) -> anyhow::Result<Option<ExpiryOrder>> {
    let bytes = match std::fs::read(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("cannot read `{}`", path.display()))?,
    };
    let order = ExpiryOrder::from_file(&bytes);
    let order = order.map_err(|what| anyhow::anyhow!("`{}`: {what}", path.display()))?;
    Ok(Some(order))
}

fn now() -> Moment {
    Moment(jiff::Timestamp::now().as_microsecond())
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}
