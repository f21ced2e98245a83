//! Both listeners together, from the first connection to the last.
//!
//! In: a gateway, addresses, limits. Out: a running server and the way to end it: not ready, still
//! accepting for a while, closing, and at the hard stop dropped; operators last. Design, "Service".

use super::context::{Context, unharmed};
use super::lane::Lane;
use super::limits::Limits;
use super::listen::{
    self, Answer, Answering, Endpoint, Listener, OnFailedHandshake, Running, Stage,
};
use super::overload::Load;
use super::route::{Routes, Side};
use super::tls::Tls;
use super::tls_watch::TlsWatch;
use crate::gateway::service::Gateway;
use crate::telemetry::GaugeHandle;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Both listeners.
pub struct Server {
    gateway: Arc<Gateway>,
    limits: Arc<Limits>,
    checks: Running,
    checks_stage: watch::Sender<Stage>,
    ops: Running,
    ops_stage: watch::Sender<Stage>,
    tls: TlsWatch,
}

impl Server {
    /// Starts both listeners; certificates are looked at every `look_at_tls`.
    ///
    /// Errors: an address cannot be bound, a thread cannot be started.
    pub fn start(
        gateway: Arc<Gateway>,
        on: Endpoint,
        ops_on: Endpoint,
        limits: Limits,
        look_at_tls: Duration,
    ) -> io::Result<Self> {
        let limits = Arc::new(limits);
        let telemetry = &gateway.shared.telemetry;
        let of = |tls: &Option<Arc<Tls>>, connections_max, gauge: &GaugeHandle, stage| Listener {
            limits: Arc::clone(&limits),
            connections_max,
            open: Arc::new(AtomicUsize::new(0)),
            gauge: gauge.clone(),
            refused: telemetry.connections_refused.clone(),
            tls: tls.clone(),
            on_failed_handshake: on_failed_handshake(&gateway),
            stage,
        };
        let (checks_stage, stage) = watch::channel(Stage::Open);
        let checks = of(
            &on.tls,
            limits.connections_max,
            &telemetry.check_connections,
            stage,
        );
        let (ops_stage, stage) = watch::channel(Stage::Open);
        let operators = of(
            &ops_on.tls,
            limits.ops_connections_max,
            &telemetry.ops_connections,
            stage,
        );
        let of_checks = (0..limits.runtime_count())
            .map(|_| answering(&gateway, &limits, Side::Check))
            .collect::<io::Result<_>>()?;
        let all_tls = on.tls.iter().chain(&ops_on.tls).map(Arc::clone).collect();
        let of_operators = vec![answering(&gateway, &limits, Side::Ops)?];
        Ok(Self {
            checks: listen::start("check", on.address, &checks, of_checks)?,
            ops: listen::start("ops", ops_on.address, &operators, of_operators)?,
            checks_stage,
            ops_stage,
            tls: TlsWatch::start(all_tls, Arc::clone(&gateway), look_at_tls)?,
            limits,
            gateway,
        })
    }

    /// Where checks are answered.
    pub fn listen(&self) -> SocketAddr {
        self.checks.address
    }

    /// Where operators are answered.
    pub fn ops_listen(&self) -> SocketAddr {
        self.ops.address
    }

    /// Reads certificates again; does not wait.
    pub fn reload_tls(&self) {
        self.tls.reload();
    }

    /// Not ready any more, but still accepting: load balancers look elsewhere first.
    pub fn drain(&self) {
        self.gateway.stopping.store(true, Ordering::Relaxed);
    }

    /// Takes no new connection and ends those that are open after the answer in hand; whatever is
    /// open at the hard stop is dropped.
    pub fn close_checks(self) -> Closing {
        let _ = self.checks_stage.send(Stage::Closing);
        let stop_max = Duration::from_millis(self.limits.stop_ms_max);
        let in_time = self.checks.join(stop_max);
        if !in_time {
            tracing::warn!("open requests were dropped at the hard stop");
            let _ = self.checks_stage.send(Stage::Dropped);
        }
        Closing {
            ops: self.ops,
            ops_stage: self.ops_stage,
        }
    }
}

/// What is left when checks are closed: the ops listener.
pub struct Closing {
    ops: Running,
    ops_stage: watch::Sender<Stage>,
}

impl Closing {
    /// Ends the ops listener too.
    pub fn close_ops(self) {
        const WAIT_MAX: Duration = Duration::from_secs(1);
        let _ = self.ops_stage.send(Stage::Closing);
        if !self.ops.join(WAIT_MAX) {
            let _ = self.ops_stage.send(Stage::Dropped);
        }
    }
}

fn on_failed_handshake(gateway: &Arc<Gateway>) -> OnFailedHandshake {
    let gateway = Arc::clone(gateway);
    Arc::new(move |reason| gateway.shared.telemetry.count_failed_handshake(reason))
}

fn answering(gateway: &Arc<Gateway>, limits: &Arc<Limits>, side: Side) -> io::Result<Answering> {
    let telemetry = &gateway.shared.telemetry;
    // Operators are few, and on a runtime of their own.
    let wait_max = (side == Side::Check).then(|| Duration::from_millis(limits.queue_wait_ms_max));
    let context = Arc::new(Context {
        load: Load::new(
            wait_max,
            Duration::from_millis(limits.stall_ms_max),
            telemetry.shed.clone(),
            telemetry.new_queue_waits(),
        ),
        gateway: Arc::clone(gateway),
        limits: Arc::clone(limits),
        durations: telemetry.new_check_durations(),
        waits: telemetry.new_log_waits(),
    });
    let routes = Arc::new(Routes::new(side).map_err(io::Error::other)?);
    let lane = (side == Side::Check).then(|| Arc::new(Lane::new(Arc::clone(&context))));
    let answer: Answer = Arc::new(move |request, serving| {
        let (context, routes) = (Arc::clone(&context), Arc::clone(&routes));
        Box::pin(async move {
            let work = pin!(routes.answer(&context, request, serving));
            unharmed(work, || context.failed()).await
        })
    });
    Ok(Answering { answer, lane })
}
