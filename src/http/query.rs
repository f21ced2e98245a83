//! The query of a path: words with values, each once.
//!
//! In: the text behind `?`, the words that the path knows. Out: the values, percent-decoded; or a
//! problem 422 with the word at fault.

use crate::wire::problem::Problem;
use crate::wire::request::shown_key;

/// Bytes of one value at most, as sent.
const VALUE_BYTES_MAX: usize = 2_048;

/// The values of `known` words, in their order; what is absent or empty is `None`.
///
/// Errors: 422 an unknown word, one that stands twice, a value that is no text.
pub fn read<const N: usize>(
    query: Option<&str>,
    known: [&'static str; N],
) -> Result<[Option<String>; N], Problem> {
    let mut values = std::array::from_fn(|_| None);
    for pair in query
        .unwrap_or("")
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let (word, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(place) = known.iter().position(|one| *one == word) else {
            let detail = format!("there is no such parameter; known are {}", known.join(", "));
            return Err(Problem::invalid(shown_key(word), detail));
        };
        if values[place].is_some() {
            return Err(Problem::invalid(word, "it stands twice"));
        }
        let value = decoded(value).filter(|value| !value.contains(char::is_control));
        let Some(value) = value else {
            return Err(Problem::invalid(
                word,
                "it is no text: percent-encode UTF-8",
            ));
        };
        values[place] = Some(value).filter(|value| !value.is_empty());
    }
    Ok(values)
}

/// Percent-decoded text, `+` a space; `None` where it is no text.
fn decoded(value: &str) -> Option<String> {
    let bytes = value.as_bytes();
    if bytes.len() > VALUE_BYTES_MAX {
        return None;
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'%' => {
                let digits = std::str::from_utf8(bytes.get(place + 1..place + 3)?).ok()?;
                decoded.push(u8::from_str_radix(digits, 16).ok()?);
                place += 2;
            }
            b'+' => decoded.push(b' '),
            byte => decoded.push(*byte),
        }
        place += 1;
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_values_and_nothing_else_is_taken() {
        let read = |query| read(Some(query), ["unit", "limit"]);
        let found = read("limit=10&unit=%E9%93%81%E8%B7%AF+A").unwrap();
        assert_eq!(found, [Some("铁路 A".to_owned()), Some("10".to_owned())]);
        assert_eq!(read("&unit=&").unwrap(), [None, None]);
        for (query, field) in [
            ("units=a", "units"),
            ("unit=a&unit=b", "unit"),
            ("unit=%f", "unit"),
            ("unit=%ff", "unit"),
            ("unit=a%0ab", "unit"),
            ("990102198003071239=1", "?"),
        ] {
            let problem = read(query).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some(field), "{query}");
        }
        assert!(super::read(None, ["unit"]).unwrap()[0].is_none());
    }
}
