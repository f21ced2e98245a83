//! The head of a check as nearly all of them come, read in one walk.
//!
//! In: bytes from the beginning of a request. Out: a whole `POST /v1/check` with its body, or that
//! more must come, or that it is something else, which others read (`framing.rs`, hyper). Taken is
//! only what every reader understands alike: one host, one plain length, no encoding, no header
//! twice that means something here; so nothing passes that `framing.rs` would refuse. Absent: what
//! the headers mean.
//!
//! HOT.

use super::framing::{is_control, is_of_host, is_token, length};
use memchr::memchr;

/// How such a request begins.
const LINE: &[u8] = b"POST /v1/check HTTP/1.1\r\n";

/// How much of a request is looked at here.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of the head at most.
    pub head_bytes_max: usize,
    /// Header lines at most.
    pub headers_max: usize,
    /// Bytes of the body at most.
    pub body_bytes_max: usize,
}

/// What the bytes are.
#[derive(Debug, PartialEq, Eq)]
pub enum Reading<'b> {
    /// A request is there as a whole.
    Whole(Usual<'b>),
    /// It may become one: part of the head is there, or nothing.
    PartOfHead,
    /// The head of one is there, but not all of its body.
    PartOfBody,
    /// Something else, or one beyond the bounds.
    Other,
}

/// Such a request: its headers that mean something to a check, its body.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Usual<'b> {
    /// `Authorization`.
    pub authorization: Option<&'b str>,
    /// `Content-Type`.
    pub content_type: Option<&'b str>,
    /// `Accept-Language`.
    pub accept_language: Option<&'b str>,
    /// `request-timeout-ms`.
    pub timeout: Option<&'b str>,
    /// `traceparent`.
    pub trace: Option<&'b str>,
    /// `hecha-operator`, which need not be ASCII.
    pub operator: Option<&'b [u8]>,
    /// The body.
    pub body: &'b [u8],
    /// Bytes of head and body.
    pub bytes: usize,
}

/// Reads the beginning of `bytes`.
pub fn read(bytes: &[u8], bounds: Bounds) -> Reading<'_> {
    let Some(mut rest) = bytes.strip_prefix(LINE) else {
        return match LINE.starts_with(bytes) {
            true => Reading::PartOfHead,
            false => Reading::Other,
        };
    };
    let mut head = Head::default();
    loop {
        let Some(end) = memchr(b'\n', rest) else {
            return match bytes.len() > bounds.head_bytes_max {
                true => Reading::Other,
                false => Reading::PartOfHead,
            };
        };
        let Some(line) = rest[..end].strip_suffix(b"\r") else {
            return Reading::Other;
        };
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        if head.lines == bounds.headers_max || head.take(line).is_none() {
            return Reading::Other;
        }
    }
    let head_bytes = bytes.len() - rest.len();
    let length = head.length.filter(|_| head.has_host);
    let length = length.and_then(|length| usize::try_from(length).ok());
    match length {
        Some(length) if length <= bounds.body_bytes_max && head_bytes <= bounds.head_bytes_max => {
            let Some(body) = rest.get(..length) else {
                return Reading::PartOfBody;
            };
            Reading::Whole(Usual {
                body,
                bytes: head_bytes + length,
                ..head.usual
            })
        }
        _ => Reading::Other,
    }
}

#[derive(Default)]
struct Head<'b> {
    usual: Usual<'b>,
    lines: usize,
    has_host: bool,
    length: Option<u64>,
}

impl<'b> Head<'b> {
    /// Reads a header line; `None` where others must read the request.
    fn take(&mut self, line: &'b [u8]) -> Option<()> {
        self.lines += 1;
        // Without a way out of the loop the compiler looks at many bytes at a time.
        if line.iter().fold(false, |any, byte| any | is_control(*byte)) {
            return None;
        }
        let colon = line.iter().position(|byte| !is_token(*byte))?;
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":")?.trim_ascii();
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        let usual = &mut self.usual;
        match name.len() {
            0 => None,
            4 if is("host") => {
                let fits = !value.is_empty() && value.iter().all(|byte| is_of_host(*byte));
                (fits && !std::mem::replace(&mut self.has_host, true)).then_some(())
            }
            6 if is("expect") => None,
            7 if is("upgrade") => None,
            10 if is("connection") => value.eq_ignore_ascii_case(b"keep-alive").then_some(()),
            11 if is("traceparent") => once(&mut usual.trace, visible(value)?),
            12 if is("content-type") => once(&mut usual.content_type, visible(value)?),
            13 if is("authorization") => once(&mut usual.authorization, visible(value)?),
            14 if is("content-length") => once(&mut self.length, length(value)?),
            14 if is("hecha-operator") => once(&mut usual.operator, value),
            15 if is("accept-language") => once(&mut usual.accept_language, visible(value)?),
            17 if is("transfer-encoding") => None,
            18 if is("request-timeout-ms") => once(&mut usual.timeout, visible(value)?),
            _ => Some(()),
        }
    }
}

/// Keeps the first; `None` where it is the second.
fn once<T>(kept: &mut Option<T>, value: T) -> Option<()> {
    let is_first = kept.is_none();
    *kept = Some(value);
    is_first.then_some(())
}

/// The text of a value of visible ASCII characters.
fn visible(value: &[u8]) -> Option<&str> {
    value.is_ascii().then(|| std::str::from_utf8(value).ok())?
}

#[cfg(test)]
mod tests {
    use super::super::framing::Framing;
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: Bounds = Bounds {
        head_bytes_max: 400,
        headers_max: 12,
        body_bytes_max: 20,
    };
    const GOOD: &[u8] = b"POST /v1/check HTTP/1.1\r\nHost: h:80\r\nUser-Agent: \xE4\r\n\
        Authorization:  Bearer abc \r\ncontent-type: application/json\r\nContent-Length: 3\r\n\
        Accept-Language: en\r\nTraceparent: 00-1\r\nConnection: Keep-Alive\r\n\
        Request-Timeout-Ms: 40\r\nHecha-Operator: \xE5\x90\xB4\r\n\r\n{a}POST /v1/";

    #[test]
    fn a_usual_request_is_read_whole_and_what_follows_is_left() {
        let wanted = Usual {
            authorization: Some("Bearer abc"),
            content_type: Some("application/json"),
            accept_language: Some("en"),
            timeout: Some("40"),
            trace: Some("00-1"),
            operator: Some("吴".as_bytes()),
            body: b"{a}",
            bytes: GOOD.len() - 9,
        };
        assert_eq!(read(GOOD, BOUNDS), Reading::Whole(wanted));
        for end in 0..wanted.bytes {
            let part = match end < wanted.bytes - wanted.body.len() {
                true => Reading::PartOfHead,
                false => Reading::PartOfBody,
            };
            assert_eq!(read(&GOOD[..end], BOUNDS), part, "{end} bytes");
        }
    }

    #[test]
    fn whatever_is_not_usual_is_left_to_others() {
        let with = |lines: &str| format!("POST /v1/check HTTP/1.1\r\n{lines}\r\n\r\nabc");
        let usual = "Host: h\r\nContent-Length: 3";
        assert!(matches!(
            read(with(usual).as_bytes(), BOUNDS),
            Reading::Whole(_)
        ));
        for text in [
            with("Host: h"),
            with("Content-Length: 3"),
            with("Host: h\r\nContent-Length: 21"),
            with("Host: h\r\nContent-Length: +3"),
            with(&format!("{usual}\r\nHost: h")),
            with(&format!("{usual}\r\nContent-Length: 3")),
            with(&format!("{usual}\r\nTransfer-Encoding: chunked")),
            with(&format!("{usual}\r\nExpect: 100-continue")),
            with(&format!("{usual}\r\nConnection: close")),
            with(&format!("{usual}\r\nUpgrade: h2c")),
            with(&format!("{usual}\r\nAuthorization: a\r\nauthorization: b")),
            with(&format!("{usual}\r\nAuthorization: ä")),
            with(&format!("{usual}\r\n folded: a")),
            with(&format!("{usual}\r\nname : a")),
            with(&format!("{usual}\r\nnothing")),
            with(&format!("{usual}\nname: a")),
            with(&format!("{usual}\r\nname: a\u{1}b")),
            with(&format!("{usual}{}", "\r\na: b".repeat(11))),
            with(&format!("{usual}\r\nname: {}", "a".repeat(400))),
            "POST /v1/checks HTTP/1.1\r\n".to_owned(),
            "POST /v1/check HTTP/1.0\r\n".to_owned(),
            "GET /v1/check HTTP/1.1\r\n".to_owned(),
            format!("POST /v1/check HTTP/1.1\r\nname: {}", "a".repeat(400)),
        ] {
            assert_eq!(read(text.as_bytes(), BOUNDS), Reading::Other, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_passes_that_the_strict_reader_refuses(
            changes in proptest::collection::vec((0..GOOD.len(), any::<u8>()), 0..4),
            extra in "(\r\n[a-zA-Z-]{1,18}: ?[ -~]{0,12}){0,3}",
        ) {
            let mut bytes = GOOD.to_vec();
            for (place, byte) in changes {
                bytes[place] = byte;
            }
            let place = GOOD.len() - 12 - 4;
            bytes.splice(place..place, extra.bytes());
            if let Reading::Whole(usual) = read(&bytes, BOUNDS) {
                let mut framing = Framing::default();
                prop_assert_eq!(framing.pass(&bytes[..usual.bytes]), Ok(()));
                prop_assert!(framing.is_between());
            }
        }
    }
}
