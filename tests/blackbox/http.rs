//! A small blocking HTTP client that sees every byte.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `decision` of an answered check.
    pub fn decision(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["decision"].as_str().unwrap().to_owned()
    }

    pub fn check_id(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["check_id"].as_str().unwrap().to_owned()
    }
}

/// What a connection reads from and writes to.
pub trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// One connection, kept open.
pub struct Connection {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
}

impl Connection {
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    /// Over a socket that is ready for HTTP.
    pub fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            unread: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        // A server that has closed already is seen when its answer is read.
        let _ = self.stream.write_all(bytes);
    }

    /// The next answer, `None` where the connection is closed instead.
    pub fn read(&mut self) -> Option<Answer> {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                return Some(self.read_body(end));
            }
            if self.fill() == 0 {
                return None;
            }
        }
    }

    /// Everything that has come so far, none of it taken; waits for more where there is none yet.
    pub fn seen(&mut self) -> String {
        self.fill();
        String::from_utf8_lossy(&self.unread).into_owned()
    }

    /// Whether the peer closes without a further byte.
    pub fn is_closed(&mut self) -> bool {
        self.unread.is_empty() && self.fill() == 0
    }

    fn read_body(&mut self, end: usize) -> Answer {
        let head = String::from_utf8(self.unread[..end].to_vec()).unwrap();
        self.unread.drain(..end + 4);
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
        while self.unread.len() < length {
            assert!(self.fill() > 0, "the body breaks off");
        }
        Answer {
            status: status.parse().unwrap(),
            headers,
            body: self.unread.drain(..length).collect(),
        }
    }

    fn fill(&mut self) -> usize {
        let mut chunk = [0; 16 << 10];
        let read = self.stream.read(&mut chunk).unwrap_or(0);
        self.unread.extend_from_slice(&chunk[..read]);
        read
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// A request under construction.
#[derive(Clone)]
pub struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub fn get(path: &str) -> Self {
        Self {
            method: "GET",
            path: path.to_owned(),
            headers: vec![("Host".to_owned(), "hecha".to_owned())],
            body: None,
        }
    }

    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST",
            body: Some(body.into()),
            ..Self::get(path)
        }
        .header("Content-Type", "application/json")
    }

    pub fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        let chunked = self
            .headers
            .iter()
            .any(|(name, _)| name == "Transfer-Encoding");
        if let Some(body) = self.body.as_ref().filter(|_| !chunked) {
            bytes.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// Sends a HEAD and reads the status alone: a body must not follow.
    pub fn send_head(&self, address: SocketAddr) -> u16 {
        let mut connection = Connection::to(address);
        connection.send(&self.clone().header("Connection", "close").bytes());
        while connection.fill() > 0 {}
        let end = find(&connection.unread, b"\r\n\r\n").expect("a head");
        assert_eq!(connection.unread.len(), end + 4, "a body behind a HEAD");
        let head = String::from_utf8_lossy(&connection.unread[..end]).into_owned();
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Sends it on a connection that is open; `None` where it is closed instead of answered.
    pub fn send_over(&self, connection: &mut Connection) -> Option<Answer> {
        connection.send(&self.bytes());
        connection.read()
    }

    /// Sends it on a connection of its own.
    pub fn send(&self, address: SocketAddr) -> Answer {
        let mut connection = Connection::to(address);
        connection.send(&self.bytes());
        connection.read().expect("an answer")
    }
}
