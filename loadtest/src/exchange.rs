//! One request as bytes, and one answer out of bytes.
//!
//! In: a body and a token, or what a connection received so far. Out: the bytes to send, or the
//! answer's place and status. Knows as much of HTTP/1.1 as both servers speak: a length, no
//! chunks. A server that answers otherwise is an error, not a slow answer.

use anyhow::{Context, Result, bail};

/// Bytes of an answer's head at most.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// A whole answer inside a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Status code.
    pub status: u16,
    /// Body.
    pub body: &'a [u8],
    /// Bytes of the answer in all.
    pub bytes: usize,
}

/// The request that carries `body` to `POST /v1/check`.
pub fn request(body: &str, token: &str) -> Vec<u8> {
    request_to("/v1/check", body, token)
}

/// The request that carries `body` to another path.
pub fn request_to(path: &str, body: &str, token: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The answer at the start of `received`, when it is there as a whole.
pub fn answer(received: &[u8]) -> Result<Option<Answer<'_>>> {
    let Some(head) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        if received.len() > HEAD_BYTES_MAX {
            bail!("the server sent more than {HEAD_BYTES_MAX} bytes without an end of head");
        }
        return Ok(None);
    };
    let text =
        std::str::from_utf8(&received[..head]).context("the head of an answer is no text")?;
    let status = text
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|digits| digits.parse().ok())
        .context("the server's answer does not begin as HTTP/1.1")?;
    let length: usize = text
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .context("the server's answer has no content-length")?;
    let bytes = head + 4 + length;
    Ok((received.len() >= bytes).then(|| Answer {
        status,
        body: &received[head + 4..bytes],
        bytes,
    }))
}

/// Whether the body says that its record was synced before it was sent.
pub fn is_on_disk(body: &[u8]) -> bool {
    // The level stands before the matches: a long answer is not read to its end, which would make
    // the load the limit where answers are long.
    const LEVEL: &[u8] = br#""level":""#;
    let place = body.windows(LEVEL.len()).position(|window| window == LEVEL);
    place.is_some_and(|place| body[place + LEVEL.len()..].starts_with(b"disk\""))
}

/// The id of the snapshot that an answer to a check rests on.
pub fn snapshot_id(body: &[u8]) -> Option<&[u8]> {
    // It stands near the end: behind the matches.
    text_behind(body, br#""snapshot":{"id":""#)
}

/// The id of a check, where its decision is a block.
pub fn blocked_check_id(body: &[u8]) -> Option<&[u8]> {
    const HEAD_BYTES: usize = 160;
    let head = &body[..body.len().min(HEAD_BYTES)];
    let blocks = text_behind(head, br#""decision":""#)? == b"block";
    text_behind(head, br#""check_id":""#).filter(|_| blocks)
}

/// The text, up to its quotation mark, behind the last occurrence of `mark`.
fn text_behind<'a>(body: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let place = body
        .windows(mark.len())
        .rposition(|window| window == mark)?;
    let rest = &body[place + mark.len()..];
    let end = rest.iter().position(|byte| *byte == b'"')?;
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_states_the_length_of_its_body_in_bytes() {
        let text = String::from_utf8(request("{\"a\":\"名\"}", "t")).unwrap();
        assert!(text.contains("\r\ncontent-length: 11\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n{\"a\":\"名\"}"));
    }

    #[test]
    fn an_answer_is_found_when_its_last_byte_is_there() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx: y\r\n\r\nabcdeHTTP/1.1 4";
        let end = whole.len() - 10;
        for received in 0..end {
            assert_eq!(answer(&whole[..received]).unwrap(), None);
        }
        let found = answer(whole).unwrap().unwrap();
        let expected = Answer {
            status: 200,
            body: b"abcde",
            bytes: end,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn answers_of_another_shape_are_errors() {
        for text in [
            "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 2\r\n\r\n",
        ] {
            assert!(answer(text.as_bytes()).is_err(), "{text}");
        }
        assert!(answer(&[b'a'; HEAD_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn snapshot_and_blocked_check_are_read_from_the_text() {
        let body = br#"{"check_id":"c1","log_index":1,"decision":"block","snapshot":{"id":"s1"}}"#;
        assert_eq!(snapshot_id(body), Some(&b"s1"[..]));
        assert_eq!(blocked_check_id(body), Some(&b"c1"[..]));
        assert_eq!(
            blocked_check_id(br#"{"check_id":"c1","decision":"clear"}"#),
            None
        );
        assert_eq!(snapshot_id(br#"{"snapshot":{"id":"s"#), None);
    }

    #[test]
    fn levels_are_told_apart() {
        assert!(is_on_disk(
            br#"{"decision":"block","level":"disk","matches":[]}"#
        ));
        assert!(!is_on_disk(br#"{"decision":"clear","level":"kernel"}"#));
        assert!(!is_on_disk(br#"{"level":"#) && !is_on_disk(b"{}"));
    }
}
