//! Certificates that change while the gateway runs.
//!
//! In: the TLS of the listeners, a signal, the clock. Out: new handshakes go by the new files. A
//! bad pair is said once and changes nothing; connections that are open stay as they were shaken.

use super::tls::Tls;
use crate::gateway::service::Gateway;
use crate::telemetry::SwapResult;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// The thread that looks at the files; it ends when this is dropped.
pub struct TlsWatch {
    wake: Sender<()>,
}

impl TlsWatch {
    /// Looks at the files of `all` every `interval`. Errors: no thread.
    pub fn start(
        all: Vec<Arc<Tls>>,
        gateway: Arc<Gateway>,
        interval: Duration,
    ) -> io::Result<Self> {
        let (wake, woken) = channel();
        if !all.is_empty() {
            let thread = std::thread::Builder::new().name("tls-watch".to_owned());
            thread.spawn(move || watch(&all, &gateway, interval, &woken))?;
        }
        Ok(Self { wake })
    }

    /// Reads all files again, changed or not; does not wait.
    pub fn reload(&self) {
        // Without TLS nobody listens.
        let _ = self.wake.send(());
    }
}

fn watch(all: &[Arc<Tls>], gateway: &Gateway, interval: Duration, woken: &Receiver<()>) {
    loop {
        let is_asked = match woken.recv_timeout(interval) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        for tls in all {
            if !is_asked && !tls.is_changed() {
                continue;
            }
            match tls.reload() {
                Ok(()) => {
                    gateway.shared.telemetry.count_tls_reload(SwapResult::Done);
                    tracing::info!("new connections are shaken by the certificate as it is now");
                }
                Err(error) => {
                    let telemetry = &gateway.shared.telemetry;
                    telemetry.count_tls_reload(SwapResult::Refused);
                    tracing::error!(%error, "the certificate stays as it was");
                }
            }
        }
    }
}
