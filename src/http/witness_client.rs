//! Asking a witness: one request, one answer, within bounds of time and size.
//!
//! In: an address of the form `http://HOST:PORT[/PATH]`, a request. Out: status and body, or why
//! there is none. A connection for each request: there is one a second. What comes back is not
//! believed here: whoever asked verifies the signatures.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longest time for one request, from connecting to the last byte.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Bytes of an answer at most: a list of 4,096 shards has half of it.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Where a witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessUrl {
    /// Host and port.
    authority: String,
    /// What stands before the paths of the protocol, without `/` at its end.
    prefix: String,
}

impl WitnessUrl {
    /// From `http://HOST:PORT[/PATH]`; `None` where it is no such address.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text
            .strip_prefix("http://")
            .filter(|rest| rest.is_ascii())?;
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, format!("/{path}")),
            None => (rest, String::new()),
        };
        let port = authority.rsplit_once(':')?.1;
        port.parse::<u16>().ok()?;
        let uri: hyper::Uri = format!("{path}/").parse().ok()?;
        let fits =
            uri.query().is_none() && authority.parse::<hyper::http::uri::Authority>().is_ok();
        fits.then(|| Self {
            authority: authority.to_owned(),
            prefix: path.trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for WitnessUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

/// What a witness answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessAnswer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

impl WitnessAnswer {
    /// The body as text; what is no UTF-8 is no answer of a witness.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or("")
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// No connection.
    #[error("no connection ({0})")]
    Connect(std::io::Error),
    /// No answer, or half of one.
    #[error("no whole answer ({0})")]
    Answer(Box<dyn std::error::Error + Send + Sync>),
    /// Not in time.
    #[error("no answer within {} seconds", WAIT_MAX.as_secs())]
    Late,
}

/// Asks for what stands at `path`.
pub async fn get(url: &WitnessUrl, path: &str) -> Result<WitnessAnswer, Unreachable> {
    within(ask(url, Method::GET, path, Bytes::new())).await
}

/// As `get`, for commands that have no runtime.
pub fn get_blocking(url: &WitnessUrl, path: &str) -> Result<WitnessAnswer, Unreachable> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Unreachable::Connect)?;
    runtime.block_on(get(url, path))
}

/// Sends a body to `path`.
pub async fn post(
    url: &WitnessUrl,
    path: &str,
    body: String,
) -> Result<WitnessAnswer, Unreachable> {
    within(ask(url, Method::POST, path, Bytes::from(body))).await
}

async fn within(
    asked: impl Future<Output = Result<WitnessAnswer, Unreachable>>,
) -> Result<WitnessAnswer, Unreachable> {
    let answered = tokio::time::timeout(WAIT_MAX, asked).await;
    answered.unwrap_or(Err(Unreachable::Late))
}

async fn ask(
    url: &WitnessUrl,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<WitnessAnswer, Unreachable> {
    let broken = |error: hyper::Error| Unreachable::Answer(error.into());
    let socket = TcpStream::connect(&url.authority).await;
    let socket = socket.map_err(Unreachable::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket))
        .await
        .map_err(broken)?;
    // Ends with the connection, which ends with the sender.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", url.prefix))
        .header(HOST, &url.authority)
        .header(CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Full::new(body))
        .map_err(|error| Unreachable::Answer(error.into()))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    let body = body.collect().await.map_err(Unreachable::Answer)?;
    Ok(WitnessAnswer {
        status,
        body: body.to_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_shown() {
        for (text, shown) in [
            ("http://127.0.0.1:8090", "http://127.0.0.1:8090"),
            ("http://[::1]:8090/", "http://[::1]:8090"),
            ("http://w.example:80/a/b/", "http://w.example:80/a/b"),
        ] {
            assert_eq!(WitnessUrl::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            "127.0.0.1:8090",
            "https://127.0.0.1:8090",
            "http://127.0.0.1",
            "http://127.0.0.1:x",
            "http://127.0.0.1:8090/?a=b",
            "http://a b:80",
            "http://a:80/ü",
        ] {
            assert_eq!(WitnessUrl::parse(text), None, "{text}");
        }
    }
}
