//! A small HTTP/1.1 client on one connection, blocking, without any library.

use serde_json::Value;
use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// So long an answer may take before the caller gives up: a hang becomes a failure, nothing else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that is kept alive.
pub struct Caller {
    stream: BufReader<TcpStream>,
    token: String,
}

/// A whole answer.
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&self.body));
        })
    }
}

impl Caller {
    pub fn connect(address: SocketAddr, token: &str) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            token: token.to_string(),
        })
    }

    /// Sends a request and reads its whole answer. An error means: not acknowledged.
    pub fn call(&mut self, method: &str, path: &str, body: &Value) -> io::Result<Reply> {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: hecha\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.reply()
    }

    pub fn post(&mut self, path: &str, body: &Value) -> io::Result<Reply> {
        self.call("POST", path, body)
    }

    pub fn get(&mut self, path: &str) -> io::Result<Reply> {
        self.call("GET", path, &Value::Null)
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let head = self.line()?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| broken(format!("status line `{head}`")))?;
        let mut length = None;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok();
            }
        }
        let length = length.ok_or_else(|| broken("no content-length".to_string()))?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Reply { status, body })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
        Ok(line.trim_end().to_string())
    }
}

fn broken(what: String) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}
