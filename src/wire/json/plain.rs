//! JSON as callers usually write it, read in one walk.
//!
//! In: text. Out: the tree that the strict reader makes of it, or nothing where there is
//! an escape, a fraction, a sign, a repeated key, deep nesting or a fault: that reader then decides
//! and knows the words. So this one accepts nothing of its own.
//!
//! HOT: half of the time that serde takes for a question.

use super::{DEPTH_MAX, MEMBERS_USUAL, Members, Node, has_repeated_key};
use std::borrow::Cow;

/// Digits of a number that fits in any case.
const DIGITS_MAX: usize = 18;

/// The tree of a whole text.
pub(super) fn read(text: &str) -> Option<Node<'_>> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(0)?;
    reader.skip_space();
    (reader.at == text.len()).then_some(node)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: u8) -> Option<Node<'a>> {
        self.skip_space();
        match self.next()? {
            b'"' => self.text().map(Cow::Borrowed).map(Node::Text),
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b't' => self.word("rue", Node::Bool(true)),
            b'f' => self.word("alse", Node::Bool(false)),
            b'n' => self.word("ull", Node::Null),
            first @ b'0'..=b'9' => self.number(first),
            _ => None,
        }
    }

    fn object(&mut self, depth: u8) -> Option<Node<'a>> {
        if depth == DEPTH_MAX {
            return None;
        }
        let mut members = Members::with_capacity(MEMBERS_USUAL);
        self.skip_space();
        if self.take(b'}') {
            return Some(Node::Object(members));
        }
        loop {
            self.skip_space();
            if self.next()? != b'"' {
                return None;
            }
            let key = Cow::Borrowed(self.text()?);
            self.skip_space();
            if self.next()? != b':' {
                return None;
            }
            members.push((key, self.value(depth + 1)?));
            self.skip_space();
            match self.next()? {
                b',' => {}
                b'}' if has_repeated_key(&members) => return None,
                b'}' => return Some(Node::Object(members)),
                _ => return None,
            }
        }
    }

    fn list(&mut self, depth: u8) -> Option<Node<'a>> {
        if depth == DEPTH_MAX {
            return None;
        }
        let mut list = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Some(Node::List(list));
        }
        loop {
            list.push(self.value(depth + 1)?);
            self.skip_space();
            match self.next()? {
                b',' => {}
                b']' => return Some(Node::List(list)),
                _ => return None,
            }
        }
    }

    /// A string behind its opening quote.
    fn text(&mut self) -> Option<&'a str> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let ends = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
        let length = rest.iter().position(ends)?;
        if rest[length] != b'"' {
            return None;
        }
        let text = self.text.get(self.at..self.at + length)?;
        self.at += length + 1;
        Some(text)
    }

    fn number(&mut self, first: u8) -> Option<Node<'a>> {
        let mut value = i64::from(first - b'0');
        let rest = self.text.as_bytes().get(self.at..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        let mut count = 0;
        for digit in digits.take(DIGITS_MAX) {
            value = value
                .checked_mul(10)?
                .checked_add(i64::from(digit - b'0'))?;
            count += 1;
        }
        self.at += count;
        let goes_on = matches!(rest.get(count), Some(b'.' | b'e' | b'E' | b'0'..=b'9'));
        let is_whole = !goes_on && (first != b'0' || count == 0);
        is_whole.then_some(Node::Int(value))
    }

    fn word(&mut self, rest: &str, node: Node<'a>) -> Option<Node<'a>> {
        let is_it = self.text.get(self.at..)?.starts_with(rest);
        self.at += rest.len();
        is_it.then_some(node)
    }

    fn skip_space(&mut self) {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        while self.text.as_bytes().get(self.at).is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: u8) -> bool {
        let is_it = self.text.as_bytes().get(self.at) == Some(&wanted);
        self.at += usize::from(is_it);
        is_it
    }

    fn next(&mut self) -> Option<u8> {
        let next = self.text.as_bytes().get(self.at).copied();
        self.at += 1;
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What both readers make of a text: the strict one alone is asked where this one knows none.
    #[track_caller]
    fn agrees(text: &str) -> bool {
        let plain = read(text);
        if let Some(node) = &plain {
            let strict = Node::parse_strictly(text.as_bytes());
            assert!(strict.as_ref() == Ok(node), "{text}");
        }
        plain.is_some()
    }

    #[test]
    fn a_usual_question_is_read() {
        let text = r#" {"scenario":"rail.ticket","attributes": {"seat_class":"second","n":7},
            "subject":{"ids":[{"number":"393466197904267620","type":"citizen_id"}],
            "name":"刘嘉斌","related":[],"x":{},"y":[1,null , true,false, 0]}} "#;
        assert!(agrees(text));
    }

    #[test]
    fn whatever_is_unusual_or_wrong_is_left_to_the_strict_reader() {
        let deep = "[".repeat(40) + &"]".repeat(40);
        for text in [
            r#"{"a":"\u0041"}"#,
            r#"{"a":1.5}"#,
            r#"{"a":-1}"#,
            r#"{"a":01}"#,
            r#"{"a":1e3}"#,
            r#"{"a":1234567890123456789012}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            r#"{a:1}"#,
            r#"{"a":tru}"#,
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"b",
            "{} {}",
            "[1 2]",
            "",
            " ",
            "{",
            "nul",
            "\u{feff}{}",
            &deep,
        ] {
            assert!(!agrees(text), "{text}");
        }
        assert!(agrees(&("[".repeat(32) + &"]".repeat(32))));
    }

    /// Pieces of JSON in any order: some of it is JSON, most is nearly.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"\"", "\"名\"", "0", "7", "12", "-3",
            "1.0", "true", "null", "false", " ", "\n", "\"\\n\"", "é", "\t",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".{0,6}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(".{0,3}", inner, 0..6)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_the_strict_reader_reads(text in pieces(), value in json()) {
            agrees(&text);
            agrees(&value.to_string());
            agrees(&serde_json::to_string_pretty(&value).unwrap());
        }

        #[test]
        fn a_text_that_ends_anywhere_or_is_changed_never_differs(
            value in json(),
            place in any::<prop::sample::Index>(),
            byte in 0u8..128,
        ) {
            let text = value.to_string();
            let mut bytes = text.clone().into_bytes();
            let place = place.index(bytes.len());
            if text.is_char_boundary(place) {
                agrees(&text[..place]);
            }
            bytes[place] = byte;
            if let Ok(text) = std::str::from_utf8(&bytes) {
                agrees(text);
            }
        }
    }
}
