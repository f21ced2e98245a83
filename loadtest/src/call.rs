//! One call to a server, to its end: for acts beside the load, not for the load.
//!
//! In: an address on this machine, a path, a token, a body. Out: status and body. Each call has a
//! connection of its own, so that none is left open.

use crate::exchange::{answer, request_to};
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A snapshot is opened and checked before the answer to the call that chooses it.
const ANSWER_MAX: Duration = Duration::from_secs(120);
/// Tries after a 503, and what is waited before each: its Retry-After is 1 to 3 seconds.
const BUSY_TRIES: u32 = 4;
const BUSY_WAIT: Duration = Duration::from_secs(3);

/// `POST`s `body` and waits for the answer.
pub fn post(address: SocketAddr, path: &str, token: &str, body: &str) -> Result<(u16, Vec<u8>)> {
    let call = || -> Result<(u16, Vec<u8>)> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(ANSWER_MAX))?;
        socket.write_all(&request_to(path, body, token))?;
        let mut received = Vec::new();
        let mut chunk = [0; 4 << 10];
        loop {
            if let Some(answer) = answer(&received)? {
                return Ok((answer.status, answer.body.to_vec()));
            }
            match socket.read(&mut chunk)? {
                0 => bail!("the connection was closed before the answer"),
                read => received.extend_from_slice(&chunk[..read]),
            }
        }
    };
    call().with_context(|| format!("POST {path} to {address}"))
}

/// The same where anything but a 2xx is an error; asks again where the server is busy.
pub fn post_done(address: SocketAddr, path: &str, token: &str, body: &str) -> Result<Vec<u8>> {
    let (mut status, mut answer) = post(address, path, token, body)?;
    for _ in 0..BUSY_TRIES {
        if status != 503 {
            break;
        }
        std::thread::sleep(BUSY_WAIT);
        (status, answer) = post(address, path, token, body)?;
    }
    if !(200..300).contains(&status) {
        bail!(
            "POST {path}: {status}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn what_is_refused_is_said() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let mut socket = socket.unwrap();
                let mut first = [0; 10];
                socket.read_exact(&mut first).unwrap();
                let text = b"HTTP/1.1 409 x\r\ncontent-length: 4\r\n\r\nheld";
                socket.write_all(text).unwrap();
            }
        });
        let (status, body) = post(address, "/a", "t", "{}").unwrap();
        assert_eq!((status, &*body), (409, &b"held"[..]));
        let error = post_done(address, "/a", "t", "{}").err().unwrap();
        assert_eq!(error.to_string(), "POST /a: 409: held");
    }
}
