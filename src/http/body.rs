//! Bodies as they arrive, within their limits of size and time.
//!
//! In: hyper's stream. Out: the bytes, in one piece, copied only where they came in several. The
//! length that the head states is looked at before a byte is read: 413 comes first of all errors.

use crate::wire::problem::{Problem, ProblemKind};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Version};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Media type of most bodies.
pub const JSON: &str = "application/json";

/// Errors: a head that another reader on the way may understand otherwise. The connection must be
/// closed after it.
pub fn unambiguous(head: &Parts) -> Result<(), Problem> {
    let Parts {
        method,
        version,
        headers,
        ..
    } = head;
    let malformed = |detail: &str| Err(Problem::new(ProblemKind::Malformed, detail));
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && *version == Version::HTTP_11) {
        return malformed("there must be exactly one Host header");
    }
    // By HTTP/2 the authority stands for it; a Host beside it must say the same.
    let host = headers.get(HOST).map(|value| value.as_bytes());
    let named = head.uri.authority().map(|authority| authority.as_str());
    if let (Some(host), Some(named)) = (host, named)
        && !host.eq_ignore_ascii_case(named.as_bytes())
    {
        return malformed("Host and the target must name the same");
    }
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    let is_chunked = headers.contains_key(TRANSFER_ENCODING);
    if is_chunked && lengths > 0 {
        return malformed("Content-Length and Transfer-Encoding exclude each other");
    }
    if lengths > 1 {
        return malformed("there must be at most one Content-Length");
    }
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let has_body = is_chunked || stated_length(headers).is_some_and(|length| length > 0);
    if is_read && has_body {
        return malformed("a GET request has no body");
    }
    Ok(())
}

/// Errors: 413 where the head states more than `bytes_max`.
pub fn fits(headers: &HeaderMap, bytes_max: usize) -> Result<(), Problem> {
    match stated_length(headers) {
        Some(length) if length > bytes_max as u64 => Err(too_large(bytes_max)),
        _ => Ok(()),
    }
}

/// Whether the head states no body at all.
pub fn is_absent(headers: &HeaderMap) -> bool {
    !headers.contains_key(TRANSFER_ENCODING) && stated_length(headers).is_none_or(|l| l == 0)
}

/// Errors: 415 where the body is not `application/json` in UTF-8.
pub fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    is_of_type(headers, JSON)
}

/// Errors: 415 where the body is not `application/x-ndjson` in UTF-8.
pub fn is_ndjson(headers: &HeaderMap) -> Result<(), Problem> {
    is_of_type(headers, "application/x-ndjson")
}

fn is_of_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let stated = types.next().and_then(|value| value.to_str().ok());
    let stated = stated.filter(|_| types.next().is_none());
    states(stated, wanted)
}

/// Errors: 415 where the one value of `Content-Type` is not `wanted` in UTF-8.
pub fn states(stated: Option<&str>, wanted: &str) -> Result<(), Problem> {
    let is_it = stated.is_some_and(|stated| {
        let (media_type, parameters) = stated.split_once(';').unwrap_or((stated, ""));
        let charset = parameters.trim().trim_matches('"');
        media_type.trim().eq_ignore_ascii_case(wanted)
            && (charset.is_empty()
                || charset.eq_ignore_ascii_case("charset=utf-8")
                || charset.eq_ignore_ascii_case("charset=\"utf-8"))
    });
    if is_it {
        return Ok(());
    }
    let detail = format!("send `Content-Type: {wanted}` and UTF-8");
    Err(Problem::new(ProblemKind::MediaType, detail))
}

/// Reads a whole body. Errors: 413 beyond `bytes_max`, 408 when it takes too long, 400 when the
/// peer breaks off.
pub async fn read(
    mut body: Incoming,
    bytes_max: usize,
    wait_max: Duration,
) -> Result<Bytes, Problem> {
    let all = async {
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let broken = |_| Problem::new(ProblemKind::Malformed, "the body breaks off");
            let Ok(data) = frame.map_err(broken)?.into_data() else {
                continue;
            };
            if first.len() + rest.len() + data.len() > bytes_max {
                return Err(too_large(bytes_max));
            }
            if first.is_empty() && rest.is_empty() {
                first = data;
                if body.is_end_stream() {
                    return Ok(first);
                }
                continue;
            }
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
        Ok(if rest.is_empty() {
            first
        } else {
            rest.freeze()
        })
    };
    let mut all = pin!(all);
    // Nearly every body comes with its head: no timer is made for it.
    if let Poll::Ready(read) = poll_fn(|cx| Poll::Ready(all.as_mut().poll(cx))).await {
        return read;
    }
    match tokio::time::timeout(wait_max, all).await {
        Ok(read) => read,
        Err(_) => {
            let detail = "the body did not arrive in time";
            Err(Problem::new(ProblemKind::Slow, detail))
        }
    }
}

fn stated_length(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(CONTENT_LENGTH)?;
    value.to_str().ok()?.trim().parse().ok()
}

fn too_large(bytes_max: usize) -> Problem {
    let detail = format!("the body may have at most {bytes_max} bytes");
    Problem::new(ProblemKind::TooLarge, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn parts(method: Method, lines: &[(&'static str, &'static str)]) -> Parts {
        let mut request = hyper::Request::new(());
        *request.method_mut() = method;
        *request.headers_mut() = headers(lines);
        request.into_parts().0
    }

    #[test]
    fn heads_that_may_be_read_in_two_ways_are_refused() {
        let host = ("host", "a");
        for (method, lines) in [
            (Method::POST, vec![]),
            (Method::POST, vec![host, host]),
            (
                Method::POST,
                vec![
                    host,
                    ("content-length", "3"),
                    ("transfer-encoding", "chunked"),
                ],
            ),
            (Method::GET, vec![host, ("content-length", "3")]),
            (Method::GET, vec![host, ("transfer-encoding", "chunked")]),
        ] {
            let refused = unambiguous(&parts(method, &lines));
            assert_eq!(refused.unwrap_err().status(), 400, "{lines:?}");
        }
        let honest = parts(Method::POST, &[host, ("content-length", "3")]);
        assert_eq!(unambiguous(&honest), Ok(()));
        let read = parts(Method::GET, &[host, ("content-length", "0")]);
        assert_eq!(unambiguous(&read), Ok(()));
        let mut other = parts(Method::GET, &[host]);
        other.uri = hyper::Uri::from_static("http://b/");
        assert!(unambiguous(&other).is_err());
    }

    #[test]
    fn only_json_in_utf_8_is_taken() {
        for (value, wanted) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json; charset=\"utf-8\"", true),
            ("application/json; charset=gb18030", false),
            ("text/plain", false),
            ("application/x-ndjson", false),
            ("", false),
        ] {
            let headers = headers(&[("content-type", value)]);
            assert_eq!(is_json(&headers).is_ok(), wanted, "{value}");
        }
        assert!(is_json(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_stated_length_beyond_the_limit_is_refused_unread() {
        let headers = headers(&[("content-length", "11")]);
        assert!(fits(&headers, 11).is_ok());
        assert_eq!(fits(&headers, 10).unwrap_err().status(), 413);
    }
}
