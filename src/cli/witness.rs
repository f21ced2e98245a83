//! `hecha witness`: a process of its own, with its own key, that remembers how far logs have come.
//!
//! In: its key, the public keys of logs, an address, a folder. Out: one JSON line on standard
//! output once it answers; cosignatures until SIGTERM. It holds no list, no log and no master key.

use crate::http::witness;
use crate::seal::keys::KeyError;
use crate::seal::sign::{PublicKey, SigningKey};
use crate::storage::disk::RealDisk;
use crate::tree::note;
use crate::tree::witness::{Witness, WitnessError, WitnessOptions};
use clap::Args;
use serde_json::json;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

/// Arguments of `hecha witness`.
#[derive(Debug, Args)]
#[command(after_help = "\
A gateway signs every second what its log holds. A witness signs it too, but only where it continues
what it signed before, and remembers the largest size. So nobody, not even who has the log's own
key, can take back or change a record that the witness has seen. It only helps in other hands: run
it on another machine, by another department, for example the court or the audit office.

  hecha key new --signing witness.key        stays here; give witness.key.pub to the gateway
  hecha witness --key witness.key --log-key log-sign.key.pub --state witness-state

On the gateway, in hecha.toml:
  witness_urls = [\"http://127.0.0.1:8090\"]
  witness_keys = [\"witness.key.pub\"]

It speaks plain HTTP: on one machine use 127.0.0.1; between machines put a proxy with TLS in front.
What it answers is signed or harmless; nothing secret passes.

  POST /add-checkpoint          C2SP tlog-witness; 200 cosignature, 409 the size it remembers
  GET  /logs                    size and origin of every log it has cosigned
  GET  /checkpoint?origin=...   the last checkpoint cosigned, with all signatures
  GET  /healthz

Keep the --state folder: a witness that forgets proves nothing. Two checkpoints of one log that
contradict each other are kept there as *.contradiction: they prove that the log was rewritten.")]
pub struct WitnessArgs {
    /// Its own signing key, made with `hecha key new --signing`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Public key (.pub) of a log that it looks after; give it once for each log
    #[arg(long, value_name = "FILE", required = true)]
    log_key: Vec<PathBuf>,
    /// Where it listens; port 0 is a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Folder of what it remembers
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Name in its signatures; default: `hecha.witness/` and the number of its key
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Why the witness did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum WitnessCommandError {
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A name that no signature can have.
    #[error("--name `{name}`: write 1 to 255 characters without spaces and `+`")]
    Name {
        /// As written.
        name: String,
    },
    /// The witness must not be the log.
    #[error(
        "`{}` is the public part of the witness's own key; give the key of the log: a log that \
         witnesses itself proves nothing",
        path.display()
    )]
    SameKey {
        /// The file.
        path: PathBuf,
    },
    /// Its folder.
    #[error(transparent)]
    State(#[from] WitnessError),
    /// The address, or the system.
    #[error("the witness cannot listen on {listen}: {fault}")]
    Serve {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        fault: io::Error,
    },
}

/// Runs a witness until a signal says stop.
pub fn run(args: WitnessArgs) -> Result<(), WitnessCommandError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(false);
    // A second call in one process (tests) keeps the first.
    let _ = lines.try_init();
    let key = SigningKey::load(&args.key)?;
    let mut log_keys = Vec::with_capacity(args.log_key.len());
    for path in args.log_key {
        let log_key = PublicKey::load(&path)?;
        if log_key == key.public() {
            return Err(WitnessCommandError::SameKey { path });
        }
        log_keys.push(log_key);
    }
    let own_name = || format!("hecha.witness/{}", key.public().id());
    let name = args.name.unwrap_or_else(own_name);
    if !note::is_name(&name) {
        return Err(WitnessCommandError::Name { name });
    }
    let options = WitnessOptions {
        name,
        key,
        log_keys,
    };
    let witness = Arc::new(Witness::open(options, Arc::new(RealDisk), &args.state)?);
    for known in witness.checkpoints() {
        tracing::info!(origin = known.origin, size = known.size, "remembered");
    }
    let name = witness.name().to_owned();
    let ready = |listen: SocketAddr| {
        let mut out = io::stdout().lock();
        let line = json!({"listen": listen.to_string(), "name": name});
        writeln!(out, "{line}")?;
        out.flush()
    };
    let listen = args.listen;
    let served = witness::serve(witness, listen, ready);
    served.map_err(|fault| WitnessCommandError::Serve { listen, fault })?;
    tracing::info!("stopped");
    Ok(())
}
