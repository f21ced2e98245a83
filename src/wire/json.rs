//! Strict JSON: a small tree over the bytes of a body.
//!
//! In: bytes. Out: a tree that borrows its strings where they hold no escapes. Stricter than serde
//! alone: a key that occurs twice in one object and nesting deeper than `DEPTH_MAX` are refused,
//! because two readers of such a body may see two different questions. Never repeats what it read.

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::de::Read;
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

mod plain;

/// Nesting of objects and arrays at most.
pub const DEPTH_MAX: u8 = 32;
/// Room that an object is given at first: that of an honest question.
const MEMBERS_USUAL: usize = 6;
/// Up to this many keys are compared pairwise; more are sorted.
const PAIRWISE_MAX: usize = 16;

/// One value of a body.
#[derive(PartialEq)]
pub enum Node<'a> {
    /// `null`: the same as absent.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without fraction and exponent that fits.
    Int(i64),
    /// Any other number.
    Number,
    /// A string.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Node<'a>>),
    /// An object, keys in the order of the body, none twice.
    Object(Members<'a>),
}

/// Keys and values of an object in the order of the body.
pub type Members<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

/// Why a body is not taken. Carries places, never values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Not JSON.
    #[error("the body is not JSON from line {line}, column {column} on")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A key occurs twice in one object.
    #[error("a key occurs twice in the object that ends at line {line}, column {column}")]
    RepeatedKey {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Nested too deeply.
    #[error("the body is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// Not an object at the top.
    #[error("the body must be a JSON object")]
    NotAnObject,
}

impl<'a> Node<'a> {
    /// Parses a whole body.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonFault> {
        let text = std::str::from_utf8(bytes).ok();
        match text.and_then(plain::read) {
            Some(node) => Ok(node),
            None => Self::parse_strictly(bytes),
        }
    }

    /// The same by the reader that decides on everything and says what is wrong.
    fn parse_strictly(bytes: &'a [u8]) -> Result<Self, JsonFault> {
        // UTF-8 is looked at once for the whole body, not once a string; where it is broken, the
        // slower reader knows the place.
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::read(serde_json::Deserializer::from_str(text)),
            Err(_) => Self::read(serde_json::Deserializer::from_slice(bytes)),
        }
    }

    fn read<R: Read<'a>>(mut reader: serde_json::Deserializer<R>) -> Result<Self, JsonFault> {
        let refused = Cell::new(Refused::No);
        let seed = NodeSeed {
            depth: 0,
            refused: &refused,
        };
        let parsed = seed
            .deserialize(&mut reader)
            .and_then(|node| reader.end().map(|()| node));
        parsed.map_err(|error| {
            let (line, column) = (error.line(), error.column());
            match refused.get() {
                Refused::No => JsonFault::Syntax { line, column },
                Refused::RepeatedKey => JsonFault::RepeatedKey { line, column },
                Refused::TooDeep => JsonFault::TooDeep,
            }
        })
    }

    /// Parses a body that must be an object.
    pub fn parse_object(bytes: &'a [u8]) -> Result<Members<'a>, JsonFault> {
        match Self::parse(bytes)? {
            Self::Object(members) => Ok(members),
            _ => Err(JsonFault::NotAnObject),
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a string.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The shape only: what is in it may be private.
impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Number => "number",
            Self::Text(_) => "text",
            Self::List(_) => "list",
            Self::Object(_) => "object",
        })
    }
}

/// The value of `key`, `None` where it is absent or null.
pub fn member<'m, 'a>(members: &'m Members<'a>, key: &str) -> Option<&'m Node<'a>> {
    members
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, node)| node)
        .filter(|node| !node.is_null())
}

#[derive(Clone, Copy)]
enum Refused {
    No,
    RepeatedKey,
    TooDeep,
}

#[derive(Clone, Copy)]
struct NodeSeed<'c> {
    depth: u8,
    refused: &'c Cell<Refused>,
}

impl NodeSeed<'_> {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            self.refused.set(Refused::TooDeep);
            return Err(E::custom("too deep"));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Node<'de>, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(i64::try_from(value).map_or(Node::Number, Node::Int))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node<'de>, E> {
        Ok(Node::Number)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        let seed = self.deeper()?;
        let mut list = Vec::new();
        while let Some(node) = items.next_element_seed(seed)? {
            list.push(node);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        let seed = self.deeper()?;
        let mut members: Members<'de> = Vec::with_capacity(MEMBERS_USUAL);
        while let Some(Key(key)) = items.next_key()? {
            members.push((key, items.next_value_seed(seed)?));
        }
        if has_repeated_key(&members) {
            self.refused.set(Refused::RepeatedKey);
            return Err(de::Error::custom("a key occurs twice"));
        }
        Ok(Node::Object(members))
    }
}

/// Quadratic for the few keys of an honest body, sorted for a hostile one.
fn has_repeated_key(members: &Members<'_>) -> bool {
    if members.len() <= PAIRWISE_MAX {
        let repeated = |(place, (key, _)): (usize, &(Cow<'_, str>, Node<'_>))| {
            members[..place].iter().any(|(earlier, _)| earlier == key)
        };
        return members.iter().enumerate().any(repeated);
    }
    let mut keys: Vec<&str> = members.iter().map(|(key, _)| key.as_ref()).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

/// A key, borrowed where it holds no escapes (serde's own `Cow` would always copy).
struct Key<'a>(Cow<'a, str>);

impl<'de> de::Deserialize<'de> for Key<'de> {
    fn deserialize<D: de::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        reader.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(body: &str, wanted: fn(JsonFault) -> bool) {
        let fault = Node::parse_object(body.as_bytes()).unwrap_err();
        assert!(wanted(fault), "{body}: {fault}");
    }

    #[test]
    fn a_body_that_is_not_json_is_refused() {
        for body in [
            "",
            "{",
            "{\"a\":1}}",
            "{\"a\":01}",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":1e99999}",
            "\u{feff}{}",
            "{\"a\":NaN}",
        ] {
            refused(body, |fault| matches!(fault, JsonFault::Syntax { .. }));
        }
        assert!(Node::parse(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn a_key_that_occurs_twice_is_refused_at_any_depth() {
        let many = format!("{{{}\"k1\":0}}", "\"k0\":0,".to_owned() + &keys(40));
        for body in [
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}",
            "{\"x\":[{\"b\":{\"a\":1,\"a\":null}}]}",
            &many,
        ] {
            refused(body, |fault| matches!(fault, JsonFault::RepeatedKey { .. }));
        }
    }

    fn keys(count: usize) -> String {
        (1..count).map(|i| format!("\"k{i}\":0,")).collect()
    }

    #[test]
    fn a_body_nested_too_deeply_is_refused() {
        let nested = |levels: usize| {
            let inner = levels - 1;
            format!("{{\"a\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
        };
        assert!(Node::parse_object(nested(32).as_bytes()).is_ok());
        refused(&nested(33), |fault| fault == JsonFault::TooDeep);
        refused(&nested(60_000), |fault| fault == JsonFault::TooDeep);
    }

    #[test]
    fn only_an_object_is_a_body() {
        for body in ["[]", "null", "1", "\"a\""] {
            refused(body, |fault| fault == JsonFault::NotAnObject);
        }
    }

    #[test]
    fn numbers_that_are_no_integers_are_kept_apart() {
        let body = b"{\"a\":1,\"b\":1.0,\"c\":-1,\"d\":18446744073709551615,\"e\":null}";
        let members = Node::parse_object(body).unwrap();
        assert_eq!(member(&members, "a"), Some(&Node::Int(1)));
        assert_eq!(member(&members, "b"), Some(&Node::Number));
        assert_eq!(member(&members, "c"), Some(&Node::Int(-1)));
        assert_eq!(member(&members, "d"), Some(&Node::Number));
        assert_eq!(member(&members, "e"), None);
        assert!(matches!(members[0].0, Cow::Borrowed(_)));
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", Node::parse(b"{\"number\":\"990102198003071239\"}"));
        assert_eq!(shown, "Ok(object)");
    }
}
