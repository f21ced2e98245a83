//! The bare server: hyper, set as the gateway sets it, with nothing behind it.
//!
//! In: a file of recorded answers, one a line. Out: on each `POST` the body is read to its end and
//! the next recorded answer sent, in turn, with the gateway's headers. What hecha takes beyond this
//! server is hecha's own. One thread, one current-thread runtime, as on one core of the gateway.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::net::TcpListener;

/// Arguments of `loadtest bare`.
#[derive(Args)]
pub struct BareArguments {
    /// Recorded answers, one a line
    #[arg(long)]
    answers: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// Serves until killed; prints `{"listen":"..."}` once it listens.
pub fn serve(arguments: &BareArguments) -> Result<()> {
    let text =
        fs::read(&arguments.answers).with_context(|| arguments.answers.display().to_string())?;
    let answers: Vec<Bytes> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(Bytes::copy_from_slice)
        .collect();
    if answers.is_empty() {
        bail!("{}: no answers", arguments.answers.display());
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(accept(arguments.listen, answers))
}

async fn accept(address: SocketAddr, answers: Vec<Bytes>) -> Result<()> {
    let listener = TcpListener::bind(address).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{{\"listen\":\"{}\"}}", listener.local_addr()?)?;
    out.flush()?;
    let ring = Rc::new(Ring {
        answers,
        next: Cell::new(0),
    });
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            loop {
                let (socket, _) = listener.accept().await?;
                socket.set_nodelay(true)?;
                let ring = Rc::clone(&ring);
                tokio::task::spawn_local(async move {
                    let service = service_fn(move |request| answer(Rc::clone(&ring), request));
                    // A broken connection is the load's business, which reports it.
                    let _ = http1::Builder::new()
                        .header_read_timeout(None)
                        .max_buf_size(16 << 10)
                        .pipeline_flush(true)
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        })
        .await
}

struct Ring {
    answers: Vec<Bytes>,
    next: Cell<usize>,
}

impl Ring {
    fn take(&self) -> Bytes {
        let place = self.next.get();
        self.next.set((place + 1) % self.answers.len());
        self.answers[place].clone()
    }
}

async fn answer(
    ring: Rc<Ring>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    request.into_body().collect().await?;
    let mut response = Response::new(Full::new(ring.take()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
