//! `hecha serve`: the gateway, from its configuration to its last record.
//!
//! In: a configuration file, or none for the sample. Out: one JSON line on standard output once
//! both listeners answer; everything else goes to standard error. SIGHUP reloads, SIGTERM and
//! SIGINT stop, a second one stops at once after the log is synced.

use super::assembly::{self, Assembled};
use super::hygiene;
use super::start_error::StartError;
use crate::config::file::ConfigError;
use crate::config::load as config;
use crate::config::resolved::{Config, LogFormat};
use crate::gateway::service::Gateway;
use crate::http::cosigning::Cosigning;
use crate::http::server::Server;
use crate::http::tls::TlsOptions;
use crate::intake::sample::{SampleError, personae};
use crate::model::decision::Decision;
use crate::storage::disk::RealDisk;
use clap::Args;
use sd_notify::NotifyState;
use serde::Serialize;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Arguments of `hecha serve`.
#[derive(Debug, Args, Default)]
pub struct ServeArgs {
    /// Configuration file; without one: the sample list on 127.0.0.1, state in ./var
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Why the gateway did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something that the configuration names.
    #[error(transparent)]
    Start(Box<StartError>),
    /// The sample's questions.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// An address.
    #[error("cannot listen on {listen} and {ops_listen}: {fault}; is a gateway running already?")]
    Listen {
        /// Of checks.
        listen: SocketAddr,
        /// Of operators.
        ops_listen: SocketAddr,
        /// What the system says.
        fault: io::Error,
    },
    /// Anything of ours.
    #[error("{what}: {fault}")]
    Internal {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        fault: io::Error,
    },
}

impl From<StartError> for ServeError {
    fn from(error: StartError) -> Self {
        Self::Start(Box::new(error))
    }
}

impl ServeError {
    /// Whether it is a fault of ours, not of what was given.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Internal { .. })
    }
}

/// Serves until a signal says stop.
pub fn run(args: &ServeArgs) -> Result<(), ServeError> {
    let config = config::load(args.config.as_deref(), std::env::vars_os())?;
    write_own_log(config.log_format);
    if config.core_dumps {
        hygiene::allow_core_dumps(true);
        tracing::warn!(
            "`core_dumps` is true: a dump of this process holds keys and the numbers of requests; \
             use it with invented data only"
        );
    }
    let [checks, operators] = assembly::endpoints(&config).map_err(StartError::from)?;
    warn_of_clear_text(&config);
    let Assembled {
        gateway,
        actor,
        witnesses,
        token,
    } = assembly::assemble(&config)?;
    let internal = |what| move |fault| ServeError::Internal { what, fault };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(internal("starting the runtime of signals"))?;
    let limits = assembly::limits(&config);
    let drain_delay = Duration::from_millis(limits.drain_delay_ms);
    // Before anybody may believe that the gateway runs.
    let signals = runtime
        .block_on(async { Signals::new() })
        .map_err(internal("listening to signals"))?;
    let server = Server::start(
        Arc::clone(&gateway),
        checks,
        operators,
        limits,
        Duration::from_millis(config.limits.watch_interval_ms),
    )
    .map_err(|fault| ServeError::Listen {
        listen: config.listen,
        ops_listen: config.ops_listen,
        fault,
    })?;
    if let Some(token) = &token {
        greet(&config, &server, &gateway, token)?;
    }
    let cosigning = witnesses.map(|options| {
        let figures = Arc::clone(&gateway.witnesses);
        Cosigning::start(options, Arc::new(RealDisk), figures)
    });
    let cosigning = cosigning.transpose();
    let cosigning = cosigning.map_err(internal("starting the thread of the witnesses"))?;
    gateway.shared.recorder.started(gateway.shared.clock.now());
    say_ready(&server).map_err(internal("writing to standard output"))?;
    tell_manager(NotifyState::Ready);
    runtime.block_on(signals.obey(server, gateway, actor, drain_delay));
    // What was signed at the very end is witnessed too.
    drop(cosigning);
    // After a second signal the orderly end may still be waiting: nobody waits for it.
    runtime.shutdown_background();
    Ok(())
}

#[derive(Serialize)]
struct Ready {
    listen: String,
    ops_listen: String,
}

/// Tokens and names travel in clear where a listener beyond this machine has no TLS.
fn warn_of_clear_text(config: &Config) {
    let all = [
        ("listen", config.listen, &config.tls.checks),
        ("ops_listen", config.ops_listen, &config.tls.ops),
    ];
    for (key, address, tls) in all {
        if tls.is_none() && !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "`{key}` answers beyond this machine without TLS: tokens, names and numbers \
                 travel in clear; name `tls_cert_file` and `tls_key_file`"
            );
        }
    }
}

/// The one line of standard output.
fn say_ready(server: &Server) -> io::Result<()> {
    let ready = Ready {
        listen: server.listen().to_string(),
        ops_listen: server.ops_listen().to_string(),
    };
    let line = serde_json::to_string(&ready)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Says so to systemd, where that started us (`Type=notify`); else to nobody.
fn tell_manager(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

/// One question for each decision, ready to paste.
fn greet(
    config: &Config,
    server: &Server,
    gateway: &Gateway,
    token: &str,
) -> Result<(), ServeError> {
    let today = gateway.shared.clock.now().day();
    let personae = personae(today)?;
    let mut text = String::from("hecha serves the sample list: everybody in it is invented.\n");
    for decision in Decision::ALL.into_iter().rev() {
        let Some(persona) = personae.iter().find(|one| one.decision == decision) else {
            continue;
        };
        let body = persona.request_json.replace('\'', "'\\''");
        text.push_str(&format!(
            "\n# {}: {} ({})\ncurl -s {}://{}/v1/check -H 'Authorization: Bearer {token}' \\\n  \
             -H 'Content-Type: application/json' -H 'Accept-Language: en' \\\n  -d '{body}'\n",
            decision.name(),
            persona.title,
            persona.why,
            scheme(&config.tls.checks),
            server.listen(),
        ));
    }
    text.push_str(&format!(
        "\n# The token is also in {}; operators are answered on {}://{}.\n\n",
        config.state_dir.join("token").display(),
        scheme(&config.tls.ops),
        server.ops_listen(),
    ));
    let written = io::stderr().lock().write_all(text.as_bytes());
    written.map_err(|fault| ServeError::Internal {
        what: "writing to standard error",
        fault,
    })
}

fn scheme(tls: &Option<TlsOptions>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}

/// The program's own log lines, on standard error; `RUST_LOG` chooses which.
fn write_own_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false);
    // A second call in one process (tests) keeps the first.
    let _ = match format {
        LogFormat::Json => lines.json().try_init(),
        LogFormat::Text => lines.with_ansi(false).try_init(),
    };
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn obey(
        mut self,
        server: Server,
        gateway: Arc<Gateway>,
        actor: JoinHandle<()>,
        drain_delay: Duration,
    ) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                _ = self.hang_up.recv() => {
                    gateway.actor.reload();
                    server.reload_tls();
                }
            }
        }
        tracing::info!("stopping: not ready from now on");
        tell_manager(NotifyState::Stopping);
        server.drain();
        let of_stop = Arc::clone(&gateway);
        let stopped = tokio::task::spawn_blocking(move || {
            std::thread::sleep(drain_delay);
            stop(server, &of_stop, actor);
        });
        tokio::select! {
            _ = stopped => (),
            _ = self.terminate.recv() => gateway.shared.recorder.finish(&gateway.shared.clock),
            _ = self.interrupt.recv() => gateway.shared.recorder.finish(&gateway.shared.clock),
        }
        tracing::info!("stopped");
    }
}

/// Checks, acts, the last sync, operators: in this order.
fn stop(server: Server, gateway: &Gateway, actor: JoinHandle<()>) {
    let closing = server.close_checks();
    gateway.actor.stop();
    let _ = actor.join();
    gateway.limiter.stop();
    gateway.shared.recorder.finish(&gateway.shared.clock);
    closing.close_ops();
}
