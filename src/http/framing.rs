//! The bytes of a connection, held to one reading before anything parses them.
//!
//! In: what a peer sends by HTTP/1. Out: the same bytes, or the place of the first that another
//! reader on the way could understand otherwise: where a request ends is then a matter of opinion,
//! and what follows could be taken for another one (smuggling). The parser behind accepts more:
//! lines that end without a carriage return, two equal lengths, a length beside chunks (dropped
//! unseen), extensions and trailers of chunks. Nothing of that passes here, so both always agree.
//! Absent: what a request means, limits of size but for one line, HTTP/2.
//!
//! HOT: one walk over the bytes of each head; bodies are counted, not looked at.

use memchr::memchr;

/// Bytes of a line at most; the parser behind has lower limits of its own.
const LINE_BYTES_MAX: usize = 128 << 10;
/// Digits of a length at most: none of ours needs more.
const LENGTH_DIGITS_MAX: usize = 15;
/// Digits of the size of a chunk at most.
const CHUNK_DIGITS_MAX: usize = 8;

/// What can be read in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Ambiguity {
    /// A line that ends without CR LF, or has a control character inside.
    Line = 1,
    /// Not method, target, version with one space between; a version other than 1.0 and 1.1.
    RequestLine,
    /// A name that is no token, a space around it, a folded line.
    Header,
    /// None, several, or one that is no name of a host; another than the target names.
    Host,
    /// A Content-Length that is no plain number, or several.
    Length,
    /// A Transfer-Encoding other than `chunked`, several, one beside a length, or in HTTP/1.0.
    Encoding,
    /// A body where the method has none.
    Body,
    /// A chunk with an odd size, an extension, a wrong end, or trailers.
    Chunk,
}

impl Ambiguity {
    const ALL: [Self; 8] = [
        Self::Line,
        Self::RequestLine,
        Self::Header,
        Self::Host,
        Self::Length,
        Self::Encoding,
        Self::Body,
        Self::Chunk,
    ];

    /// From its number.
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| *one as u8 == number)
    }

    /// What was wrong and what to do.
    pub fn detail(self) -> &'static str {
        match self {
            Self::Line => "end each line of the head with CR LF; no control characters inside",
            Self::RequestLine => "begin with method, path and HTTP/1.1, one space between",
            Self::Header => "write each header as `name: value` on a line of its own",
            Self::Host => "there must be exactly one Host header, as the target names it",
            Self::Length => "there must be at most one Content-Length, digits only",
            Self::Encoding => {
                "Content-Length and Transfer-Encoding exclude each other; the only encoding is \
                 `chunked`"
            }
            Self::Body => "a GET request has no body",
            Self::Chunk => "chunks have a plain size in hexadecimal; no extensions, no trailers",
        }
    }
}

/// Where reading went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Bytes before it that may pass.
    pub at: usize,
    /// Whether `at` is the end of a request: nothing of the faulty one has passed yet.
    pub is_fresh: bool,
    /// What is wrong.
    pub what: Ambiguity,
}

/// What comes next on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    RequestLine,
    Header,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    LastLine,
}

/// Reads along with one connection.
#[derive(Debug)]
pub struct Framing {
    next: Next,
    /// The beginning of a line of which the end has not come.
    line: Vec<u8>,
    blank_lines: u8,
    head: Head,
}

/// What a head has said so far.
#[derive(Debug, Default)]
struct Head {
    is_read: bool,
    is_http_10: bool,
    /// Of a target in absolute form.
    authority: Option<Box<[u8]>>,
    hosts: u8,
    host: Option<Box<[u8]>>,
    length: Option<u64>,
    is_chunked: bool,
}

impl Default for Framing {
    fn default() -> Self {
        Self {
            next: Next::RequestLine,
            line: Vec::new(),
            blank_lines: 0,
            head: Head::default(),
        }
    }
}

impl Framing {
    /// Reads what has come. After an error nothing more may be asked.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut at = 0;
        // The end of the last whole request, where nothing of the next passed before `bytes`.
        let mut fresh = self.is_between().then_some(0);
        while at < bytes.len() {
            match &mut self.next {
                Next::Body(left) | Next::Chunk(left) => {
                    let taken = (*left).min((bytes.len() - at) as u64);
                    *left -= taken;
                    at += taken as usize;
                    self.next = match self.next {
                        Next::Body(0) => Next::RequestLine,
                        Next::Chunk(0) => Next::ChunkEnd,
                        next => next,
                    };
                }
                _ => match self.line(&bytes[at..]) {
                    Ok(taken) => at += taken,
                    Err(what) => {
                        let (at, is_fresh) = fresh.map_or((at, false), |fresh| (fresh, true));
                        return Err(Fault { at, is_fresh, what });
                    }
                },
            }
            if self.is_between() {
                fresh = Some(at);
            }
        }
        Ok(())
    }

    /// Whether what has come so far is whole requests.
    pub fn is_between(&self) -> bool {
        self.next == Next::RequestLine && self.line.is_empty()
    }

    /// Reads a line, or the beginning of one; says how many bytes that were.
    fn line(&mut self, bytes: &[u8]) -> Result<usize, Ambiguity> {
        let Some(end) = memchr(b'\n', bytes) else {
            if self.line.len() + bytes.len() > LINE_BYTES_MAX {
                return Err(Ambiguity::Line);
            }
            self.line.extend_from_slice(bytes);
            return Ok(bytes.len());
        };
        if self.line.is_empty() {
            self.whole(&bytes[..end])?;
        } else {
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(&bytes[..end]);
            self.whole(&line)?;
        }
        Ok(end + 1)
    }

    /// Reads a line without its line feed.
    fn whole(&mut self, line: &[u8]) -> Result<(), Ambiguity> {
        let line = line.strip_suffix(b"\r").ok_or(Ambiguity::Line)?;
        // Without a way out of the loop the compiler looks at many bytes at a time.
        let is_control = |any: bool, byte: &u8| any | is_control(*byte);
        if line.iter().fold(false, is_control) {
            return Err(Ambiguity::Line);
        }
        self.next = match self.next {
            Next::RequestLine if line.is_empty() => {
                // Some clients end a body with a line of its own.
                self.blank_lines += 1;
                if self.blank_lines > 1 {
                    return Err(Ambiguity::RequestLine);
                }
                Next::RequestLine
            }
            Next::RequestLine => {
                self.blank_lines = 0;
                self.head = Head::begin(line)?;
                Next::Header
            }
            Next::Header if line.is_empty() => std::mem::take(&mut self.head).end()?,
            Next::Header => {
                self.head.header(line)?;
                Next::Header
            }
            Next::ChunkSize => match chunk_size(line)? {
                0 => Next::LastLine,
                bytes => Next::Chunk(bytes),
            },
            Next::ChunkEnd if line.is_empty() => Next::ChunkSize,
            Next::LastLine if line.is_empty() => Next::RequestLine,
            _ => return Err(Ambiguity::Chunk),
        };
        Ok(())
    }
}

impl Head {
    fn begin(line: &[u8]) -> Result<Self, Ambiguity> {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Ambiguity::RequestLine);
        };
        let is_method = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
        let is_version = matches!(version, b"HTTP/1.1" | b"HTTP/1.0");
        if !is_method || !is_version || !target.iter().all(u8::is_ascii_graphic) {
            return Err(Ambiguity::RequestLine);
        }
        let authority = match target {
            [b'/', ..] => None,
            b"*" if method == b"OPTIONS" => None,
            _ => {
                let rest = target.strip_prefix(b"http://");
                let rest = rest.or_else(|| target.strip_prefix(b"https://"));
                let rest = rest.ok_or(Ambiguity::RequestLine)?;
                let end = rest
                    .iter()
                    .position(|byte| matches!(byte, b'/' | b'?' | b'#'));
                Some(rest[..end.unwrap_or(rest.len())].into())
            }
        };
        Ok(Self {
            is_read: matches!(method, b"GET" | b"HEAD"),
            is_http_10: version == b"HTTP/1.0",
            authority,
            ..Self::default()
        })
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Ambiguity> {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.ok_or(Ambiguity::Header)?);
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(Ambiguity::Header);
        }
        let value = value[1..].trim_ascii();
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                self.hosts = self.hosts.saturating_add(1);
                if self.hosts > 1 || value.is_empty() || !value.iter().all(|b| is_of_host(*b)) {
                    return Err(Ambiguity::Host);
                }
                if self.authority.is_some() {
                    self.host = Some(value.into());
                }
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let is_first = self.length.is_none();
                self.length = Some(
                    length(value)
                        .filter(|_| is_first)
                        .ok_or(Ambiguity::Length)?,
                );
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.is_chunked || value != b"chunked" {
                    return Err(Ambiguity::Encoding);
                }
                self.is_chunked = true;
            }
            _ => (),
        }
        Ok(())
    }

    /// What follows the head.
    fn end(self) -> Result<Next, Ambiguity> {
        if self.hosts == 0 && !self.is_http_10 {
            return Err(Ambiguity::Host);
        }
        if let Some(authority) = self.authority {
            let host = self.host.ok_or(Ambiguity::Host)?;
            if !authority.eq_ignore_ascii_case(&host) {
                return Err(Ambiguity::Host);
            }
        }
        if self.is_chunked && (self.length.is_some() || self.is_http_10) {
            return Err(Ambiguity::Encoding);
        }
        if self.is_read && (self.is_chunked || self.length.is_some_and(|length| length > 0)) {
            return Err(Ambiguity::Body);
        }
        Ok(match (self.is_chunked, self.length) {
            (true, _) => Next::ChunkSize,
            (false, None | Some(0)) => Next::RequestLine,
            (false, Some(length)) => Next::Body(length),
        })
    }
}

pub(super) fn is_control(byte: u8) -> bool {
    ((byte < b' ') & (byte != b'\t')) | (byte == 0x7F)
}

pub(super) fn is_token(byte: u8) -> bool {
    TOKENS[usize::from(byte)]
}

/// Bytes of which a token is made, RFC 9110.
const TOKENS: [bool; 256] = {
    let signs = b"!#$%&'*+-.^_`|~";
    let mut tokens = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        tokens[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut place = 0;
    while place < signs.len() {
        tokens[signs[place] as usize] = true;
        place += 1;
    }
    tokens
};

/// Names, numbers, a port, brackets of an address.
pub(super) fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte)
}

pub(super) fn length(value: &[u8]) -> Option<u64> {
    let fits = (1..=LENGTH_DIGITS_MAX).contains(&value.len());
    let is_plain = fits && value.iter().all(u8::is_ascii_digit);
    let text = is_plain.then(|| std::str::from_utf8(value).ok())??;
    text.parse().ok()
}

fn chunk_size(line: &[u8]) -> Result<u64, Ambiguity> {
    let fits = (1..=CHUNK_DIGITS_MAX).contains(&line.len());
    let is_plain = fits && line.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(line).ok().filter(|_| is_plain);
    let size = text.and_then(|text| u64::from_str_radix(text, 16).ok());
    size.ok_or(Ambiguity::Chunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &[u8] = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
        GET /b HTTP/1.1\r\nhost: h:80\r\nX: \xE4\r\n\r\n\r\n\
        POST http://h/c HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\n\
        A\r\n0123456789\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n";

    #[test]
    fn whole_requests_pass_in_any_pieces() {
        for piece in 1..GOOD.len() {
            let mut framing = Framing::default();
            for bytes in GOOD.chunks(piece) {
                assert_eq!(framing.pass(bytes), Ok(()), "pieces of {piece}");
            }
            assert_eq!(framing.next, Next::RequestLine);
            assert!(framing.line.is_empty());
        }
    }

    #[test]
    fn a_fault_is_placed_at_the_end_of_the_request_before_it() {
        let first = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut bytes = first.to_vec();
        bytes.extend_from_slice(b"GET / HTTP/1.1\r\nHost: a\n\r\n");
        let fault = Framing::default().pass(&bytes).unwrap_err();
        let wanted = Fault {
            at: first.len(),
            is_fresh: true,
            what: Ambiguity::Line,
        };
        assert_eq!(fault, wanted);
        let mut framing = Framing::default();
        framing.pass(&bytes[..first.len() + 20]).unwrap();
        let fault = framing.pass(&bytes[first.len() + 20..]).unwrap_err();
        assert_eq!((fault.at, fault.is_fresh), (0, false));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_named() {
        use Ambiguity as A;
        let post = "POST / HTTP/1.1\r\nHost: a\r\n";
        for (text, what) in [
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", A::Line),
            ("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", A::Line),
            ("GET / HTTP/1.1\r\nHost: a\r\nx: \0\r\n\r\n", A::Line),
            ("GET  / HTTP/1.1\r\n", A::RequestLine),
            ("GET /\r\n", A::RequestLine),
            ("GET / HTTP/1.2\r\n", A::RequestLine),
            ("PRI * HTTP/2.0\r\n\r\n", A::RequestLine),
            ("CONNECT a:1 HTTP/1.1\r\n", A::RequestLine),
            ("get / HTTP/1.1\r\n", A::RequestLine),
            ("\r\n\r\nGET / HTTP/1.1\r\n", A::RequestLine),
            ("GET / HTTP/1.1\r\nHost : a\r\n", A::Header),
            ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n", A::Header),
            ("GET / HTTP/1.1\r\nHöst: a\r\n", A::Header),
            ("GET / HTTP/1.1\r\n\r\n", A::Host),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", A::Host),
            ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", A::Host),
            ("GET http://b/ HTTP/1.0\r\n\r\n", A::Host),
            ("GET / HTTP/1.1\r\nHost: a, b\r\n", A::Host),
            (&format!("{post}Content-Length: +1\r\n"), A::Length),
            (
                &format!("{post}Content-Length: 1\r\nContent-Length: 1\r\n"),
                A::Length,
            ),
            (
                &format!("{post}Transfer-Encoding: Chunked\r\n"),
                A::Encoding,
            ),
            (
                &format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
                A::Encoding,
            ),
            (
                "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                A::Encoding,
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
                A::Body,
            ),
            (
                &format!("{post}Transfer-Encoding: chunked\r\n\r\n1;a\r\n"),
                A::Chunk,
            ),
            (
                &format!("{post}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"),
                A::Chunk,
            ),
            (
                &format!("{post}Transfer-Encoding: chunked\r\n\r\n0\r\na: b\r\n"),
                A::Chunk,
            ),
        ] {
            let fault = Framing::default().pass(text.as_bytes()).unwrap_err();
            assert_eq!(fault.what, what, "{text:?}");
            assert_eq!(Ambiguity::of(what as u8), Some(what));
        }
        assert_eq!(Ambiguity::of(0), None);
    }

    proptest! {
        #[test]
        fn how_bytes_are_cut_changes_no_verdict(
            place in 0..GOOD.len(), byte: u8, cut in 1..40usize,
        ) {
            let mut bytes = GOOD.to_vec();
            bytes[place] = byte;
            let whole = Framing::default().pass(&bytes).map_err(|fault| fault.what);
            let mut framing = Framing::default();
            let mut pieces = bytes.chunks(cut).map(|piece| framing.pass(piece));
            let cut = pieces.find_map(Result::err).map(|fault| fault.what);
            prop_assert_eq!(whole.err(), cut);
        }
    }
}
