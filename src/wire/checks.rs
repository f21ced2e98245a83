//! The body of `POST /v1/checks`: an array of questions, cut into the bytes of each.
//!
//! In: a body. Out: the bytes of its questions, in order; each is parsed on its own, so that one
//! that is faulty has its own problem. Only the frame is looked at here.

use super::json::{JsonFault, Node};
use super::problem::{Problem, ProblemKind};
use super::request::shown_key;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Questions of one body at most. Contract, section 5.
pub const CHECKS_MAX: usize = 1_000;
/// Bytes of one question at most. Contract, section 5.
pub const CHECK_BYTES_MAX: usize = 65_536;

/// Cuts a body into its questions.
///
/// Errors: 400 not JSON, not an object, a repeated key; 422 no array `checks`, an unknown field,
/// more than `CHECKS_MAX`.
pub fn parse(body: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let members = reader
        .deserialize_map(FrameVisitor)
        .and_then(|members| reader.end().map(|()| members))
        .map_err(|_| frame_fault(body))?;
    if let Some((key, _)) = members.iter().find(|(key, _)| key != "checks") {
        let detail = "there is no such field; known is checks";
        return Err(Problem::invalid(shown_key(key), detail));
    }
    let array = members.first().map(|(_, value)| value.get());
    let items: Vec<&RawValue> = array
        .and_then(|array| serde_json::from_str(array).ok())
        .ok_or_else(|| Problem::invalid("checks", "must be an array of checks"))?;
    if items.len() > CHECKS_MAX {
        let detail = format!("at most {CHECKS_MAX} checks");
        return Err(Problem::invalid("checks", detail));
    }
    Ok(items.iter().map(|item| item.get().as_bytes()).collect())
}

/// Errors: 413 for one question that is too large.
pub fn fits(item: &[u8]) -> Result<(), Problem> {
    if item.len() <= CHECK_BYTES_MAX {
        return Ok(());
    }
    Err(too_long())
}

/// What is said of a question over `CHECK_BYTES_MAX`.
pub fn too_long() -> Problem {
    let detail = format!("one check may have at most {CHECK_BYTES_MAX} bytes");
    Problem::new(ProblemKind::TooLarge, detail)
}

/// Says where the frame is broken; only a broken body is read twice.
fn frame_fault(body: &[u8]) -> Problem {
    match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        Err(error) => JsonFault::Syntax {
            line: error.line(),
            column: error.column(),
        }
        .into(),
        Ok(_) => match Node::parse_object(body) {
            Err(fault) => fault.into(),
            Ok(_) => JsonFault::NotAnObject.into(),
        },
    }
}

struct FrameVisitor;

impl<'de> Visitor<'de> for FrameVisitor {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::new();
        while let Some(key) = items.next_key::<Cow<'de, str>>()? {
            if members.iter().any(|(known, _)| *known == key) || members.len() > 16 {
                return Err(serde::de::Error::custom("a key occurs twice"));
            }
            members.push((key, items.next_value()?));
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(body: &str, status: u16, field: Option<&str>) {
        let problem = parse(body.as_bytes()).unwrap_err();
        let found = (problem.status(), problem.field.as_deref());
        assert_eq!(found, (status, field), "{body}");
    }

    #[test]
    fn each_question_is_cut_out_as_it_stands() {
        let items = parse(b"{\"checks\": [ {\"a\":1,\"a\":2} , 3,\"x\"]}").unwrap();
        let wanted: [&[u8]; 3] = [b"{\"a\":1,\"a\":2}", b"3", b"\"x\""];
        assert_eq!(items, wanted);
        assert_eq!(parse(b"{\"checks\":[]}").unwrap().len(), 0);
    }

    #[test]
    fn a_broken_frame_is_refused_as_a_whole() {
        refused("{\"checks\":[1}", 400, None);
        refused("[]", 400, None);
        refused("", 400, None);
        refused("{\"checks\":[],\"checks\":[]}", 400, None);
        refused("{}", 422, Some("checks"));
        refused("{\"checks\":{}}", 422, Some("checks"));
        refused("{\"checks\":null}", 422, Some("checks"));
        refused("{\"checks\":[],\"colour\":1}", 422, Some("colour"));
        let many = format!("{{\"checks\":[{}1]}}", "1,".repeat(CHECKS_MAX));
        refused(&many, 422, Some("checks"));
    }
}
