//! HTTP/2 by hand: frames as bytes, so that a peer can be as wicked as it likes.
//!
//! Header blocks use literals without indexing and without Huffman codes; of what comes back only
//! `:status` is read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// A frame that came.
#[derive(Debug, Clone)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A frame as bytes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    if text.len() < 127 {
        bytes.push(text.len() as u8);
    } else {
        bytes.push(127);
        let mut rest = text.len() - 127;
        while rest >= 128 {
            bytes.push((rest % 128 + 128) as u8);
            rest /= 128;
        }
        bytes.push(rest as u8);
    }
    bytes.extend_from_slice(text.as_bytes());
}

/// A header block.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        text(&mut bytes, name);
        text(&mut bytes, value);
    }
    bytes
}

/// One connection.
pub struct Http2 {
    pub stream: TcpStream,
    unread: Vec<u8>,
    next: u32,
}

impl Http2 {
    /// Connects; `settings` is the payload of the first frame.
    pub fn to(address: SocketAddr, settings: &[u8]) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        let wait_max = Some(Duration::from_secs(20));
        stream.set_read_timeout(wait_max).unwrap();
        stream.set_write_timeout(wait_max).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut connection = Self {
            stream,
            unread: Vec::new(),
            next: 1,
        };
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        // Without a table of their own, header blocks that come back can be read one by one.
        let settings = [&[0, 1, 0, 0, 0, 0], settings].concat();
        connection.send(&frame(SETTINGS, 0, 0, &settings));
        connection
    }

    /// False where the peer has closed.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next frame; `None` where the connection is closed.
    pub fn read(&mut self) -> Option<Frame> {
        loop {
            if let Some(head) = self.unread.first_chunk::<9>().copied() {
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                if self.unread.len() >= 9 + length {
                    let payload = self.unread[9..9 + length].to_vec();
                    self.unread.drain(..9 + length);
                    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                    return Some(Frame {
                        kind: head[3],
                        flags: head[4],
                        stream,
                        payload,
                    });
                }
            }
            let mut chunk = [0; 16 << 10];
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.unread.extend_from_slice(&chunk[..read]),
            }
        }
    }

    /// Begins a request; its stream.
    pub fn begin(&mut self, fields: &[(&str, &str)], flags: u8) -> u32 {
        let stream = self.next;
        self.next += 2;
        self.send(&frame(HEADERS, END_HEADERS | flags, stream, &block(fields)));
        stream
    }

    /// Asks and reads frames until the answer is whole: status and body.
    pub fn ask(&mut self, path: &str, token: &str, body: Option<&str>) -> (u16, Vec<u8>) {
        let bearer = format!("Bearer {token}");
        let method = if body.is_some() { "POST" } else { "GET" };
        let fields = [
            (":method", method),
            (":scheme", "http"),
            (":path", path),
            (":authority", "hecha"),
            ("authorization", &*bearer),
            ("content-type", "application/json"),
        ];
        let stream = self.begin(&fields, u8::from(body.is_none()) * END_STREAM);
        for piece in body.iter().flat_map(|body| body.as_bytes().chunks(16_384)) {
            self.send(&frame(DATA, 0, stream, piece));
        }
        if body.is_some() {
            self.send(&frame(DATA, END_STREAM, stream, b""));
        }
        self.answer(stream).expect("an answer")
    }

    /// Status and body of the answer on `stream`; `None` where there is none.
    pub fn answer(&mut self, stream: u32) -> Option<(u16, Vec<u8>)> {
        let (mut status, mut body) = (0, Vec::new());
        loop {
            let frame = self.read()?;
            if frame.kind == GOAWAY || (frame.kind == RST_STREAM && frame.stream == stream) {
                return None;
            }
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                HEADERS => status = status_of(&frame.payload),
                DATA => {
                    body.extend_from_slice(&frame.payload);
                    let taken = (frame.payload.len() as u32).to_be_bytes();
                    if taken != [0; 4] {
                        self.send(&crate::frames::frame(WINDOW_UPDATE, 0, 0, &taken));
                        self.send(&crate::frames::frame(WINDOW_UPDATE, 0, stream, &taken));
                    }
                }
                _ => (),
            }
            if frame.flags & END_STREAM != 0 && matches!(frame.kind, HEADERS | DATA) {
                return Some((status, body));
            }
        }
    }

    /// Reads to the end; whether a GOAWAY with an error came on the way.
    pub fn ends(&mut self) -> bool {
        let mut is_told = false;
        while let Some(frame) = self.read() {
            is_told |= frame.kind == GOAWAY && frame.payload.get(4..8) != Some(&[0; 4]);
        }
        is_told
    }
}

/// `:status` stands first: indexed (200, 204, 206, 304, 400, 404, 500), or as a literal of the name
/// in the table, which the peer may have put into its own table before.
fn status_of(block: &[u8]) -> u16 {
    const KNOWN: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    match block {
        // The size of the table, said once more.
        [0x20..=0x3F, rest @ ..] => status_of(rest),
        [first @ 0x88..=0x8E, ..] => KNOWN[usize::from(first - 0x88)],
        [0x48 | 0x08 | 0x18, 3, digits @ ..] => parsed(&digits[..3]),
        // Huffman: digits 0, 1, 2 have five bits, 3 to 9 have six.
        [0x48 | 0x08 | 0x18, length, coded @ ..] if length & 0x80 != 0 => huffman(coded),
        _ => 0,
    }
}

fn parsed(digits: &[u8]) -> u16 {
    std::str::from_utf8(digits).unwrap().parse().unwrap()
}

fn huffman(coded: &[u8]) -> u16 {
    let bits = |at: usize, count: usize| -> u8 {
        let bit = |place: usize| (coded[place / 8] >> (7 - place % 8)) & 1;
        (at..at + count).fold(0, |value, place| value << 1 | bit(place))
    };
    let (mut at, mut number) = (0, 0);
    for _ in 0..3 {
        let short = bits(at, 5);
        let digit = match short {
            0..=2 => {
                at += 5;
                short
            }
            _ => {
                let long = bits(at, 6);
                at += 6;
                long - 0x19 + 3
            }
        };
        number = number * 10 + u16::from(digit);
    }
    number
}

#[test]
fn statuses_are_read_from_their_codes() {
    assert_eq!(status_of(&[0x8D]), 404);
    assert_eq!(status_of(&[0x48, 3, b'4', b'2', b'2']), 422);
    // 302, as the specification shows it.
    assert_eq!(status_of(&[0x48, 0x82, 0x64, 0x02]), 302);
}
