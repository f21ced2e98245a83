//! One line of JSON as a tree.
//!
//! In: text. Out: a tree whose objects keep all their keys in order, so that a repeated key can be
//! refused and named; texts borrow from the line. Numbers keep no value: no field of a record is
//! one. Never says what stood in the text.

use super::fault::{Fault, FaultCode};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A value of JSON.
#[derive(Clone, PartialEq, Eq)]
pub enum Node<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number.
    Number,
    /// Text, unescaped.
    Text(Cow<'a, str>),
    /// Array.
    List(Vec<Self>),
    /// Object, with all keys as they stand.
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> Node<'a> {
    /// Parses one value and nothing behind it; at most 128 levels deep.
    pub fn parse(text: &'a str) -> Result<Self, Fault> {
        serde_json::from_str(text).map_err(|error| {
            let what = if error.is_eof() {
                "the JSON ends too early"
            } else {
                "not JSON"
            };
            let reason = format!(
                "{what} at column {}; write one object a line",
                error.column()
            );
            Fault::new(FaultCode::NotJson, "", reason)
        })
    }

    /// The value of `key`, the first where it is repeated; `None` where this is no object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The text, where this is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Shape only: a record may hold numbers of people.
impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(_) => f.write_str("boolean"),
            Self::Number => f.write_str("number"),
            Self::Text(_) => f.write_str("text"),
            Self::List(members) => write!(f, "list of {}", members.len()),
            Self::Object(fields) => write!(f, "object of {}", fields.len()),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Node::Number)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Node::Number)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Node::Number)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_element()? {
            members.push(member);
        }
        Ok(Node::List(members))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(Key(key)) = access.next_key()? {
            fields.push((key, access.next_value()?));
        }
        Ok(Node::Object(fields))
    }
}

/// `Cow` itself would always copy.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(NodeVisitor)? {
            Node::Text(text) => Ok(Key(text)),
            _ => Err(D::Error::custom("a key is text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_keeps_repeated_keys_and_borrows_text() {
        let node = Node::parse(r#"{"a":"x","b":[1,null,true],"a":"\u4e00"}"#).unwrap();
        let Node::Object(fields) = &node else {
            panic!("an object");
        };
        assert_eq!(fields.len(), 3);
        assert_eq!(node.get("a").and_then(Node::text), Some("x"));
        assert!(matches!(&fields[0].1, Node::Text(Cow::Borrowed("x"))));
        assert!(matches!(&fields[2].1, Node::Text(Cow::Owned(text)) if text == "一"));
    }

    #[test]
    fn text_that_is_no_json_is_refused_without_being_quoted() {
        let deep = "[".repeat(10_000);
        for text in [
            "",
            "{",
            "{\"secret\":}",
            "{} x",
            "nul",
            "1e999",
            "\"\\ud800\"",
            &deep,
        ] {
            let fault = Node::parse(text).unwrap_err();
            assert_eq!(fault.code, FaultCode::NotJson, "{text}");
            assert!(!fault.to_string().contains("secret"));
        }
    }
}
